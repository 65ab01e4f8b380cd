package asl

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// UnmixFWHM is the default width of the neighbourhoods of [Result.Unmix] [mm].
const UnmixFWHM = 8.0

// PartialOptions steer [Result.Unmix]. The zero value is the default.
type PartialOptions struct {
	// FWHM of the Gaussian neighbourhood over which each tissue's signal is
	// taken for even [mm]. 0: [UnmixFWHM].
	FWHM float64
	// Least is the smallest fraction of a tissue at which its perfusion is
	// given, 0 to 1. 0: 0.1.
	Least float64
}

func (o PartialOptions) fwhm() float64  { return orDefault(o.FWHM, UnmixFWHM) }
func (o PartialOptions) least() float64 { return orDefault(o.Least, 0.1) }

// Pure holds the perfusion of each tissue by itself, NaN where a voxel has too
// little of it or its surroundings do not tell.
type Pure struct {
	Grey, White       *voxel.Image // CBF [Result.Units]
	GreyATT, WhiteATT *voxel.Image // transit time [s]; nil if it was not fitted
}

// Unmix corrects for partial volume by linear regression: in each
// neighbourhood the mean ΔM of each delay, and M0, are mixtures of what pure
// tissues give,
//
//	ΔM(n) = Σ_t P_t(n) ΔM_t,  t grey, white;  M0(n) = Σ_t P_t(n) M0_t,  t grey, white, CSF
//
// so that weighted least squares with Gaussian weights around each voxel gives
// ΔM_t and M0_t there, which the model of r turns into the CBF of pure tissue,
// with that tissue's T1 and transit time. CSF has no perfusion. ts holds
// fractions on the grid of the series, from averages over voxels and not
// interpolated; in, p and opt are those that r is from. Voxels count whose
// fractions are known and add up to at least 0.9, the others being at the edge
// of what was segmented; M0 is r.M0.
//
// The correction cannot be finer than the neighbourhood: it smooths, and errs
// where fractions are wrong. A tissue gets no value where its fraction is below
// o.Least, or where the neighbourhood does not tell it from the others
// (condition of the normal equations).
//
// Unmix returns nil if r is of cbf input, whose ΔM is not known, or if a
// fraction is missing. It panics if images differ in shape.
//
// Source: Asllani, Borogovac and Brown 2008, Magn Reson Med 60:1362,
// doi:10.1002/mrm.21670, whose neighbourhood is a box of 5 × 5 voxels in a slice.
func (r *Result) Unmix(in Input, p Protocol, opt Options, ts Tissue, o PartialOptions) *Pure {
	if r.Model == ModelNone || r.M0 == nil || ts.Grey == nil || ts.White == nil || ts.CSF == nil {
		return nil
	}
	in.check(&p)
	for _, m := range []*voxel.Image{ts.Grey, ts.White, ts.CSF} {
		if m.Dim != in.Series.Dim {
			panic(fmt.Sprintf("asl: Unmix: fractions have shape %v, the series %v", m.Dim, in.Series.Dim))
		}
	}
	u := newUnmixer(r, ts, o.fwhm(), opt.Workers)
	delays := make([][]*voxel.Image, len(r.DelayM.Vols))
	for d := range delays {
		delays[d] = u.solve(r.DelayM.Image(d), 2)
	}
	m0 := u.solve(r.M0, 3)
	counts, total, df := usedPairs(r.Pairs, len(delays))
	// The scatter of a voxel stands for that of its tissues: it weighs delays
	// against the prior of the transit time.
	variance := make([]float32, r.CBF.Len())
	for n, se := range r.DeltaMSE.Data {
		variance[n] = se * se * float32(total)
	}
	out := &Pure{}
	for t, to := range []struct{ cbf, att **voxel.Image }{{&out.Grey, &out.GreyATT}, {&out.White, &out.WhiteATT}} {
		one := *r
		one.M0 = m0[t]
		one.DelayM = &voxel.Series{Grid: r.DelayM.Grid}
		for d := range delays {
			one.DelayM.Vols = append(one.DelayM.Vols, delays[d][t].Data)
		}
		pure := in
		pure.Grey, pure.White = constantImage(r.CBF.Grid, float32(1-t)), constantImage(r.CBF.Grid, float32(t))
		mask := voxel.NewMask(r.CBF.Grid)
		for n, f := range u.fraction[t].Data {
			mask.In[n] = u.takes[n] && float64(f) >= o.least()
		}
		s := &solver{in: &pure, p: &p, r: &one, opt: opt, counts: counts, variance: variance, df: df, mask: mask}
		s.run()
		if r.scale != 0 {
			for n := range one.CBF.Data {
				one.CBF.Data[n] *= float32(r.scale)
			}
		}
		*to.cbf, *to.att = one.CBF, one.ATT
	}
	return out
}

// An unmixer holds the normal equations of every voxel's neighbourhood.
type unmixer struct {
	fraction [3]*voxel.Image // grey, white, CSF
	takes    []bool          // voxels that take part
	a        [3][3]*voxel.Image
	fwhm     float64
	workers  int
}

func newUnmixer(r *Result, ts Tissue, fwhm float64, workers int) *unmixer {
	u := &unmixer{fraction: [3]*voxel.Image{ts.Grey, ts.White, ts.CSF}, takes: make([]bool, r.CBF.Len()), fwhm: fwhm, workers: workers}
	for n := range u.takes {
		sum := 0.0
		for _, f := range u.fraction {
			sum += float64(f.Data[n])
		}
		u.takes[n] = sum >= 0.9 && sum < 1.1 && r.M0.Data[n] > 0 && finite(float64(r.M0.Data[n]))
		for _, v := range r.DelayM.Vols {
			u.takes[n] = u.takes[n] && finite(float64(v[n]))
		}
	}
	for t := range 3 {
		for v := range t + 1 {
			u.a[t][v] = u.moment(u.fraction[t], u.fraction[v])
			u.a[v][t] = u.a[t][v]
		}
	}
	return u
}

// moment returns the mean of x·y around each voxel, over the voxels that take
// part.
func (u *unmixer) moment(x, y *voxel.Image) *voxel.Image {
	m := voxel.NewImage(x.Grid)
	for n, in := range u.takes {
		if in {
			m.Data[n] = x.Data[n] * y.Data[n]
		}
	}
	return voxel.Smooth(m, u.fwhm, u.workers)
}

// What a neighbourhood must tell of a tissue.
const (
	absent   = 1e-3 // mean square fraction, relative to the largest, below which a tissue is left out
	inflated = 30.0 // variance inflation above which a tissue's signal is not told from the others'
)

// solve returns what the first k tissues by themselves would give of an image
// that is their mixture.
func (u *unmixer) solve(y *voxel.Image, k int) []*voxel.Image {
	out, b := make([]*voxel.Image, k), make([]*voxel.Image, k)
	for t := range k {
		b[t] = u.moment(u.fraction[t], y)
		out[t] = &voxel.Image{Grid: y.Grid, Data: filled(y.Len())}
	}
	par.Ranges(u.workers, y.Len(), 4096, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			if !u.takes[n] {
				continue
			}
			top := 0.0
			for t := range k {
				top = math.Max(top, float64(u.a[t][t].Data[n]))
			}
			var have []int
			for t := range k {
				if float64(u.a[t][t].Data[n]) > absent*top {
					have = append(have, t)
				}
			}
			var m [3][4]float64
			for i, t := range have {
				for j, v := range have {
					m[i][j] = float64(u.a[t][v].Data[n])
				}
				m[i][3] = float64(b[t].Data[n])
			}
			x, inverse := solveFew(m, len(have))
			for i, t := range have {
				if vif := m[i][i] * inverse[i]; vif > 0 && vif < inflated {
					out[t].Data[n] = float32(x[i])
				}
			}
		}
	})
	return out
}

// solveFew solves k ≤ 3 symmetric equations, the right side in the last column,
// and returns the diagonal of the inverse too; NaN if they are singular.
func solveFew(m [3][4]float64, k int) (x, inverse [3]float64) {
	var w [3][7]float64 // matrix, right side, unit matrix
	for i := range k {
		copy(w[i][:3], m[i][:3])
		w[i][3], w[i][4+i] = m[i][3], 1
	}
	for c := range k {
		p := c
		for i := c + 1; i < k; i++ {
			if math.Abs(w[i][c]) > math.Abs(w[p][c]) {
				p = i
			}
		}
		w[c], w[p] = w[p], w[c]
		f := 1 / w[c][c] // infinite if singular: NaN follows
		for j := range w[c] {
			w[c][j] *= f
		}
		for i := range k {
			if i != c {
				f := w[i][c]
				for j := range w[i] {
					w[i][j] -= f * w[c][j]
				}
			}
		}
	}
	for i := range k {
		x[i], inverse[i] = w[i][3], w[i][4+i]
	}
	return x, inverse
}
