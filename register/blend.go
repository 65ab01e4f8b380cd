package register

import (
	"math"

	"phasl/voxel"
)

// blendColumns is the number of columns of a blend: three tissues, and nine
// terms of a polynomial of the second order without its constant.
const blendColumns = 12

// A blend is one image of a scan, explained at each point of a template by the
// template's tissues:
//
//	f(T(x)) ≈ Σ_k β_k b_k(x)
type blend struct {
	img       *voxel.Sampler
	toVoxel   voxel.Affine
	dim       [3]int
	edge      voxel.Vec // cutMargin [voxels]
	perfusion bool
	basis     [blendColumns][]float32

	// At the points: image, weight, residual, model, and the slope of image
	// and model by the point [1/mm].
	f, w, r, m []float32
	slope      [3][]float32

	beta      [blendColumns]float64
	factor    [blendColumns * blendColumns]float64 // Cholesky factor of BᵀWB
	weight    float64                              // Σw
	sigma     float64                              // of the residuals
	explained float64                              // share of the image's variance
}

// mix fits the columns to the image: three rounds, of which the later two leave
// outliers less say, with weights 1/(1 + (r/2.5σ)²).
func (b *blend) mix(at []int32) {
	seen := make([]float32, len(at))
	b.weight = 0
	for i, n := range at {
		seen[i] = b.w[n]
		b.weight += float64(b.w[n])
	}
	for pass := range 3 {
		b.normal(at)
		var rhs [blendColumns]float64
		for _, n := range at {
			if v := float64(b.w[n]) * float64(b.f[n]); v != 0 {
				for k := range rhs {
					rhs[k] += v * float64(b.basis[k][n])
				}
			}
		}
		b.beta = b.solve(rhs)
		var s moments
		for _, n := range at {
			m := 0.0
			for k, v := range b.beta {
				m += v * float64(b.basis[k][n])
			}
			b.r[n] = b.f[n] - float32(m)
			s.add(float64(b.w[n]), float64(b.f[n]), float64(b.r[n]))
		}
		b.sigma, b.explained = math.Sqrt(s.left/max(s.w, 1)), s.share()
		if pass == 2 || !(b.sigma > 0) {
			return
		}
		for i, n := range at {
			t := float64(b.r[n]) / (2.5 * b.sigma)
			b.w[n] = float32(float64(seen[i]) / (1 + t*t))
		}
	}
}

// moments are weighted sums over values and what is left of them.
type moments struct{ w, f, ff, left float64 }

func (s *moments) add(w, f, r float64) {
	s.w, s.f, s.ff, s.left = s.w+w, s.f+w*f, s.ff+w*f*f, s.left+w*r*r
}

// share returns the share of the variance that is explained.
func (s *moments) share() float64 { return 1 - s.left/(s.ff-s.f*s.f/s.w) }

// normal sets b.factor.
func (b *blend) normal(at []int32) {
	const k = blendColumns
	a := b.factor[:]
	clear(a)
	for _, n := range at {
		w := float64(b.w[n])
		if w == 0 {
			continue
		}
		var v [k]float64
		for i := range v {
			v[i] = float64(b.basis[i][n])
		}
		for i := range k {
			x := w * v[i]
			for j := range i + 1 {
				a[i*k+j] += x * v[j]
			}
		}
	}
	trace := 0.0
	for i := range k {
		trace += a[i*k+i]
	}
	for i := range k { // a tissue may be missing
		a[i*k+i] += 1e-7*trace + math.SmallestNonzeroFloat32
	}
	cholesky(a, k)
}

// solve returns (BᵀWB)⁻¹·v.
func (b *blend) solve(v [blendColumns]float64) [blendColumns]float64 {
	substitute(b.factor[:], v[:])
	return v
}

// tissueShare returns the share of the image's variance that is lost when the
// tissues are taken for one: their sum alone, and times the polynomials.
func (b *blend) tissueShare(at []int32) float64 {
	const k = blendColumns - 2
	a, rhs := make([]float64, k*k), make([]float64, k)
	row := func(n int32) (v [k]float64) {
		g, w, c := float64(b.basis[0][n]), float64(b.basis[1][n]), float64(b.basis[2][n])
		v[0] = g + w + c
		share := g + w/3
		if !b.perfusion {
			share = v[0]
		}
		for i := 1; i < k && share > 1e-6; i++ {
			v[i] = float64(b.basis[2+i][n]) * v[0] / share
		}
		return v
	}
	for _, n := range at {
		w := float64(b.w[n])
		if w == 0 {
			continue
		}
		v := row(n)
		for i, x := range v {
			for j := range i + 1 {
				a[i*k+j] += w * x * v[j]
			}
			rhs[i] += w * x * float64(b.f[n])
		}
	}
	trace := 0.0
	for i := range k {
		trace += a[i*k+i]
	}
	for i := range k {
		a[i*k+i] += 1e-7*trace + math.SmallestNonzeroFloat32
	}
	cholesky(a, k)
	substitute(a, rhs)
	var s moments
	for _, n := range at {
		if b.w[n] == 0 {
			continue
		}
		m := 0.0
		for i, x := range row(n) {
			m += x * rhs[i]
		}
		s.add(float64(b.w[n]), float64(b.f[n]), float64(b.f[n])-m)
	}
	return b.explained - s.share()
}

// contrast returns the mean of the image in pure grey over that in pure white
// matter, the polynomials taken at their mean over the points; NaN if the former
// is not positive.
func (b *blend) contrast(at []int32) float64 {
	var grey, white, sum float64
	for _, n := range at {
		w := float64(b.w[n])
		share := float64(b.basis[0][n]) + float64(b.basis[1][n])/3
		if w == 0 || share < 0.1 {
			continue
		}
		poly := 0.0
		for k := 3; k < blendColumns; k++ {
			poly += b.beta[k] * float64(b.basis[k][n]) / share
		}
		grey, white, sum = grey+w*(b.beta[0]+poly), white+w*(b.beta[1]+poly/3), sum+w
	}
	switch {
	case !(grey > 0):
		return math.NaN()
	case white <= 0:
		return math.Inf(1)
	}
	return grey / white
}

// cholesky replaces the lower triangle of the symmetric positive definite k×k
// matrix a by its factor.
func cholesky(a []float64, k int) {
	for i := range k {
		for j := range i + 1 {
			s := a[i*k+j]
			for l := range j {
				s -= a[i*k+l] * a[j*k+l]
			}
			if i == j {
				a[i*k+i] = math.Sqrt(max(s, math.SmallestNonzeroFloat32))
			} else {
				a[i*k+j] = s / a[j*k+j]
			}
		}
	}
}

// substitute replaces v by a⁻¹·v, a being factored.
func substitute(a, v []float64) {
	k := len(v)
	for i := range k {
		for j := range i {
			v[i] -= a[i*k+j] * v[j]
		}
		v[i] /= a[i*k+i]
	}
	for i := k - 1; i >= 0; i-- {
		for j := i + 1; j < k; j++ {
			v[i] -= a[j*k+i] * v[j]
		}
		v[i] /= a[i*k+i]
	}
}
