package asl

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// Quality gathers the usual measures of a perfusion map. A measure that the
// scan does not allow is NaN, null in JSON.
type Quality struct {
	GreyCBF          float64 // mean CBF of grey matter [Units]
	WhiteCBF         float64 // mean CBF of white matter [Units]
	Ratio            float64 // GreyCBF/WhiteCBF
	SpatialCoV       float64 // standard deviation over mean of CBF in grey matter (Mutsaerts et al. 2017, doi:10.1177/0271678X16683690), as a fraction
	TSNR             float64 // median in grey matter of mean ΔM over its standard deviation from pair to pair
	NegativeFraction float64 // share of grey-matter voxels with negative CBF
	QEI              float64 // quality evaluation index, 0 to 1 (see [QEI])
	FDMean, FDMax    float64 // framewise displacement [mm], set by whoever estimated motion
}

// A Flag is something implausible about a result and what to look at.
type Flag struct {
	Code  string `json:"code"`
	Found string `json:"found"`
	Look  string `json:"look"`
}

// Tissue holds tissue fractions, 0 to 1, on the grid of a result. Any may be
// nil.
type Tissue struct {
	Grey, White, CSF *voxel.Image
}

// surely is the fraction from which a voxel counts as one tissue.
const surely = 0.7

// sure returns the voxels of an image above a fraction where data is finite.
func sure(tissue *voxel.Image, data []float32, above float32) []int {
	if tissue == nil {
		return nil
	}
	var out []int
	for n, f := range tissue.Data {
		if f > above && finite(float64(data[n])) {
			out = append(out, n)
		}
	}
	return out
}

// Assess measures the quality of r and flags what is implausible. FDMean and
// FDMax are left NaN. Means are over voxels that are at least 0.7 of a tissue,
// or, if there are fewer than 20 of those, over voxels of which it is the
// larger part. It panics if a tissue map has another shape than the result.
func Assess(r *Result, ts Tissue, workers int) (Quality, []Flag) {
	nan := math.NaN()
	q := Quality{nan, nan, nan, nan, nan, nan, nan, nan, nan}
	for _, m := range []*voxel.Image{ts.Grey, ts.White, ts.CSF} {
		if m != nil && m.Dim != r.CBF.Dim {
			panic(fmt.Sprintf("asl: Assess: tissue map has shape %v, the result %v", m.Dim, r.CBF.Dim))
		}
	}
	grey, white := sure(ts.Grey, r.CBF.Data, surely), sure(ts.White, r.CBF.Data, surely)
	if len(grey) < 20 {
		grey = sure(ts.Grey, r.CBF.Data, 0.5)
	}
	if len(white) < 20 {
		white = sure(ts.White, r.CBF.Data, 0.5)
	}
	var greySD float64
	q.GreyCBF, greySD = stats(r.CBF.Data, grey)
	q.WhiteCBF, _ = stats(r.CBF.Data, white)
	q.Ratio = ratio(q.GreyCBF, q.WhiteCBF)
	q.SpatialCoV = ratio(greySD, math.Abs(q.GreyCBF))
	if len(grey) > 0 {
		below := 0
		for _, n := range grey {
			if r.CBF.Data[n] < 0 {
				below++
			}
		}
		q.NegativeFraction = float64(below) / float64(len(grey))
	}
	q.TSNR = r.tSNR(grey)
	if ts.Grey != nil && ts.White != nil {
		q.QEI = QEI(r.CBF, ts, workers)
	}
	return q, r.flags(&q, grey)
}

// stats returns mean and standard deviation of v at the places at, NaN if
// there are none.
func stats(v []float32, at []int) (mean, sd float64) {
	if len(at) == 0 {
		return math.NaN(), math.NaN()
	}
	for _, n := range at {
		mean += float64(v[n])
	}
	mean /= float64(len(at))
	for _, n := range at {
		e := float64(v[n]) - mean
		sd += e * e
	}
	return mean, math.Sqrt(sd / float64(len(at)))
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}

// tSNR returns the median over voxels of mean ΔM over the standard deviation
// of a single pair, both over all used pairs.
func (r *Result) tSNR(at []int) float64 {
	if r.DeltaM == nil || len(at) == 0 {
		return math.NaN()
	}
	used := 0
	for _, pr := range r.Pairs {
		if pr.Used {
			used++
		}
	}
	var v []float64
	for _, n := range at {
		sd := float64(r.DeltaMSE.Data[n]) * math.Sqrt(float64(used))
		if sd > 0 {
			v = append(v, float64(r.DeltaM.Data[n])/sd)
		}
	}
	return median(v)
}

// QEI returns the quality evaluation index of a CBF map, the geometric mean of
// three terms between 0 (bad) and 1:
//
//	QEI = ∛((1 − exp(−3.0126·ρ^2.4419)) · exp(−0.054·D^0.9272) · exp(−2.8478·ν^0.5196))
//
// ρ is the correlation of CBF with 2.5·grey + white over voxels with a value,
// 0 if negative; D the variance of CBF within grey, white and CSF voxels,
// pooled, over the absolute mean of grey matter; ν the share of grey-matter
// voxels with negative CBF. Tissue is what is above 0.8 of its fraction; CBF
// is smoothed by 5 mm FWHM first. Without a CSF map the pooled variance is of
// the other two. NaN if grey matter has no voxel.
//
// D has the unit of CBF, so the index means little for relative perfusion.
//
// Source: Dolui et al. 2024, J Magn Reson Imaging, doi:10.1002/jmri.29308
// (first in Dolui et al., ISMRM 2017); the thresholds are those of ASLPrep,
// which it was checked against.
func QEI(cbf *voxel.Image, ts Tissue, workers int) float64 {
	const tissueThreshold = 0.8
	smooth := voxel.Smooth(cbf, 5, workers)
	var sx, sy, sxx, syy, sxy, n float64
	for i, v := range smooth.Data {
		x, y := float64(v), 2.5*float64(ts.Grey.Data[i])+float64(ts.White.Data[i])
		if finite(x) && finite(y) {
			n++
			sx, sy = sx+x, sy+y
			sxx, syy, sxy = sxx+x*x, syy+y*y, sxy+x*y
		}
	}
	rho := (sxy - sx*sy/n) / math.Sqrt((sxx-sx*sx/n)*(syy-sy*sy/n))
	if !(rho > 0) { // also NaN, of a flat map
		rho = 0
	}
	var ss, df float64
	var greyMean, negative float64
	for c, t := range []*voxel.Image{ts.Grey, ts.White, ts.CSF} {
		at := sure(t, smooth.Data, tissueThreshold)
		if c == 0 && len(at) == 0 {
			return math.NaN()
		}
		if len(at) < 2 {
			continue
		}
		mean, sd := stats(smooth.Data, at)
		ss += float64(len(at)-1) * sd * sd
		df += float64(len(at) - 1)
		if c == 0 {
			greyMean = mean
			for _, i := range at {
				if smooth.Data[i] < 0 {
					negative++
				}
			}
			negative /= float64(len(at))
		}
	}
	if df == 0 || greyMean == 0 {
		return math.NaN()
	}
	dispersion := ss / df / math.Abs(greyMean)
	return math.Cbrt(-math.Expm1(-3.0126*math.Pow(rho, 2.4419)) *
		math.Exp(-0.054*math.Pow(dispersion, 0.9272)) *
		math.Exp(-2.8478*math.Pow(negative, 0.5196)))
}
