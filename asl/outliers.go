package asl

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// fewestToJudge is the number of pairs below which no pair is called an
// outlier: the spread of fewer says nothing.
const fewestToJudge = 5

// flagOutliers fills Mean and SD of each pair, and Reason of those that stand
// apart, in two steps:
//
//  1. the mean of ΔM in the brain, in either direction, or its spatial
//     standard deviation, upwards, is beyond the limit;
//  2. among the rest, the root-mean-square distance from the mean image of
//     their delay, upwards, is beyond it. This finds artefacts that leave mean
//     and spread alone.
//
// The limit is on the robust z score: the deviation from the median of the
// pairs of the same delay, over 1.4826 times the median absolute deviation of
// all pairs from theirs. Unless keep is set, the worst are marked unused, up
// to share of all pairs, and at least half of the pairs of each delay stay.
//
// Sources: Tan et al. 2009, doi:10.1002/jmri.21721, for step 1; the aim of
// step 2 is that of SCORE, Dolui et al. 2017, doi:10.1002/jmri.25436, which
// needs tissue maps and is not what is done here. The limit of 3.5 is that of
// Iglewicz and Hoaglin 1993 for such scores.
func flagOutliers(diff *voxel.Series, pairs []Pair, delays int, mask *voxel.Mask, opt Options) {
	rms := make([]float64, len(pairs))
	par.Do(opt.Workers, len(pairs), func(i int) {
		pairs[i].Mean, pairs[i].SD = moments(diff.Vols[i], mask)
	})
	groups := make([][]int, delays)
	for i, pr := range pairs {
		groups[pr.Delay] = append(groups[pr.Delay], i)
	}
	worst := make([]float64, len(pairs)) // z over the limit, 0 for pairs within it
	judge := func(value func(i int) float64, floor float64, twoSided bool, what string) {
		dev := make([]float64, len(pairs))
		var all []float64
		for _, g := range groups {
			var vs []float64
			for _, i := range g {
				if pairs[i].Reason == "" {
					vs = append(vs, value(i))
				}
			}
			m := median(vs)
			for _, i := range g {
				dev[i] = value(i) - m
				if len(g) < 3 || pairs[i].Reason != "" {
					dev[i] = 0
					continue
				}
				all = append(all, dev[i])
			}
		}
		if len(all) < fewestToJudge {
			return
		}
		spread := math.Max(mad(all, 0), floor)
		for i := range pairs {
			z := dev[i] / spread
			if twoSided {
				z = math.Abs(z)
			}
			if z > opt.outlierLimit() {
				worst[i] = math.Max(worst[i], z/opt.outlierLimit())
				pairs[i].Reason = fmt.Sprintf("%s stands apart: robust z = %.1f", what, dev[i]/spread)
			}
		}
	}
	// Below one or two per cent a deviation is harmless, and in noise-free
	// series it is rounding.
	means, sds := make([]float64, len(pairs)), make([]float64, len(pairs))
	for i, pr := range pairs {
		means[i], sds[i] = math.Abs(pr.Mean), pr.SD
	}
	floorMean, floorSD := 0.02*median(means), 0.01*median(sds)
	first := slices.Clone(pairs)
	judge(func(i int) float64 { return pairs[i].Mean }, floorMean, true, "mean ΔM of the brain")
	byMean := slices.Clone(pairs)
	for i := range pairs {
		pairs[i].Reason = first[i].Reason
	}
	judge(func(i int) float64 { return pairs[i].SD }, floorSD, false, "spatial standard deviation of ΔM")
	for i := range pairs {
		if byMean[i].Reason != "" {
			pairs[i].Reason = byMean[i].Reason
		}
	}
	par.Do(opt.Workers, delays, func(d int) { distances(diff, pairs, groups[d], mask, rms) })
	judge(func(i int) float64 { return rms[i] }, floorSD, false, "distance of ΔM from the mean of the other pairs")
	if !opt.KeepOutliers {
		exclude(pairs, worst, delays, opt.outlierShare())
	}
}

// exclude marks the worst pairs unused, within the limits flagOutliers states.
func exclude(pairs []Pair, worst []float64, delays int, share float64) {
	order := make([]int, len(pairs))
	left := make([]int, delays)
	most := make([]int, delays)
	for i, pr := range pairs {
		order[i] = i
		left[pr.Delay]++
	}
	for d, n := range left {
		most[d] = n / 2
	}
	slices.SortStableFunc(order, func(a, b int) int { return compareFloat(worst[b], worst[a]) })
	budget := int(share * float64(len(pairs)))
	for _, i := range order {
		if worst[i] == 0 || budget == 0 {
			break
		}
		if d := pairs[i].Delay; most[d] > 0 {
			pairs[i].Used = false
			most[d]--
			budget--
		}
	}
}

// moments returns mean and standard deviation of the finite values in the
// mask.
func moments(v []float32, mask *voxel.Mask) (mean, sd float64) {
	var n, sum float64
	for i, in := range mask.In {
		if x := float64(v[i]); in && finite(x) {
			sum += x
			n++
		}
	}
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	mean = sum / n
	ss := 0.0
	for i, in := range mask.In {
		if x := float64(v[i]); in && finite(x) {
			ss += (x - mean) * (x - mean)
		}
	}
	return mean, math.Sqrt(ss / n)
}

// distances sets rms of each pair of a group to its root-mean-square distance
// in the mask from the mean of those without a Reason.
func distances(diff *voxel.Series, pairs []Pair, group []int, mask *voxel.Mask, rms []float64) {
	kept := 0.0
	for _, i := range group {
		if pairs[i].Reason == "" {
			kept++
		}
	}
	ss := make([]float64, len(group))
	n := 0.0
	for v, in := range mask.In {
		if !in {
			continue
		}
		mean := 0.0
		for _, i := range group {
			if pairs[i].Reason == "" {
				mean += float64(diff.Vols[i][v])
			}
		}
		mean /= kept
		if !finite(mean) {
			continue
		}
		n++
		for g, i := range group {
			e := float64(diff.Vols[i][v]) - mean
			ss[g] += e * e
		}
	}
	for g, i := range group {
		rms[i] = math.Sqrt(ss[g] / n)
	}
}
