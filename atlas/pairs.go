package atlas

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A PairSummary is the mean over pairs of a region's mean, with its standard
// error, in the maps' units.
type PairSummary struct {
	Region Region
	N      int // pairs in which the region had a mean

	Mean, SE             float64 // of the mean of the voxels
	Weighted, WeightedSE float64 // of the grey-matter-weighted mean; NaN without grey matter
	Relative, RelativeSE float64 // of regional over global mean
	Note                 string  // why a measure is missing, or ""
}

// SummarisePairs returns each region's mean over the maps of single
// control–label pairs of one scan, with a standard error from the differences
// between pairs, and the global mean as the last element, under the name
// "global".
//
// The mean m_p of the region is taken in each pair p, and
//
//	mean = Σ m_p / n,   SE = sd(m_p) / √n
//
// so the noise's correlation between voxels (blurring, physiology, motion) is
// in the error as it is in the data; what all pairs share (calibration, the
// model, transit time) is not. The relative mean is the ratio R of the regional
// to the global mean over pairs; its error is that of the ratio linearised,
//
//	SE(R) = sd(m_p − R·g_p) / (√n · ḡ)
//
// which keeps the covariance of region and global mean g.
//
// Pairs must be exchangeable: one delay, one scan, no drift. Serial correlation
// between pairs makes the error too small. Fewer than two pairs give NaN for
// errors, with a note. For the other arguments see [Atlas.Summarise].
func (a *Atlas) SummarisePairs(pairs []*voxel.Image, gm *voxel.Image, valid *voxel.Mask, regions []Region, opt SummaryOptions) []PairSummary {
	for _, p := range pairs {
		a.mustMatch("SummarisePairs", p, gm, valid)
	}
	inner := opt
	inner.Workers = 1
	mean := make([][]Summary, len(pairs))
	global := make([]float64, len(pairs))
	par.Do(opt.Workers, len(pairs), func(p int) {
		s, g := a.Summarise(pairs[p], gm, valid, regions, inner)
		mean[p], global[p] = s, g.Mean
	})
	out := make([]PairSummary, len(regions)+1)
	for i := range out {
		o := &out[i]
		var plain, weighted, regional, whole []float64
		if i == len(regions) {
			o.Region = Region{Name: "global"}
			plain, weighted = global, global
			if gm == nil {
				weighted = nil
			}
		} else {
			o.Region = regions[i]
			for p := range pairs {
				s := &mean[p][i]
				plain = append(plain, s.Mean)
				weighted = append(weighted, s.Weighted)
				m := s.Weighted
				if gm == nil {
					m = s.Mean
				}
				regional = append(regional, m)
				whole = append(whole, global[p])
				if o.Note == "" && s.Note != "" {
					o.Note = fmt.Sprintf("pair %d: %s", p+1, s.Note)
				}
			}
		}
		o.Mean, o.SE, o.N = meanSE(plain)
		o.Weighted, o.WeightedSE, _ = meanSE(weighted)
		o.Relative, o.RelativeSE = ratioSE(regional, whole)
		if o.N < 2 {
			if o.Note != "" {
				o.Note += "; "
			}
			o.Note += fmt.Sprintf("a standard error needs two pairs or more, there are %d", o.N)
		}
	}
	return out
}

// meanSE returns the mean, its standard error sd/√n and n, over the values that
// are not NaN. The mean of none and the error of fewer than two are NaN.
func meanSE(v []float64) (mean, se float64, n int) {
	var sum float64
	for _, x := range v {
		if x == x {
			sum += x
			n++
		}
	}
	mean = sum / float64(n)
	var q float64
	for _, x := range v {
		if x == x {
			q += (x - mean) * (x - mean)
		}
	}
	if n < 2 {
		return mean, math.NaN(), n
	}
	return mean, math.Sqrt(q / float64(n-1) / float64(n)), n
}

// ratioSE returns Σm/Σg and its linearised standard error over the pairs in
// which neither is NaN.
func ratioSE(m, g []float64) (ratio, se float64) {
	var sm, sg float64
	n := 0
	for p := range m {
		if m[p] == m[p] && g[p] == g[p] {
			sm += m[p]
			sg += g[p]
			n++
		}
	}
	if n == 0 || !(sg > 0) {
		return math.NaN(), math.NaN()
	}
	ratio = sm / sg
	if n < 2 {
		return ratio, math.NaN()
	}
	var q float64
	for p := range m {
		if m[p] == m[p] && g[p] == g[p] {
			d := m[p] - ratio*g[p]
			q += d * d
		}
	}
	return ratio, math.Sqrt(q/float64(n-1)/float64(n)) / (sg / float64(n))
}
