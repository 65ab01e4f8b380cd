package register

import (
	"math"
	"slices"

	"phasl/voxel"
)

// headRadius is the radius [mm] of the sphere on which rotations are turned
// into displacements.
const headRadius = 50

// FD returns the framewise displacement [mm] of each volume against the one
// before:
//
//	FD = Σ|Δt| + 50 mm · Σ|Δr|
//
// over the three translations and the three rotations. The first is NaN: it
// has no volume before it. So is one next to a volume whose pose is NaN.
//
// Source: Power et al. 2012, NeuroImage 59:2142,
// doi:10.1016/j.neuroimage.2011.10.018, which sets the first to zero.
func FD(poses []Pose) []float64 {
	out := make([]float64, len(poses))
	for v := range poses {
		if v == 0 {
			out[v] = math.NaN()
			continue
		}
		a, b := poses[v-1], poses[v]
		for k := range 3 {
			out[v] += math.Abs(b.Translation[k]-a.Translation[k]) +
				headRadius*math.Abs(b.Rotation[k]-a.Rotation[k])
		}
	}
	return out
}

// DVARS returns for each volume the root mean square over the mask of its
// change since the last volume of the same group: in percent of the mean over
// mask and volumes, and standardised, so that a volume that differs from the
// one before only by noise gives about 1:
//
//	standardised = DVARS / √mean( 2·(1 − ρ)·σ² )
//
// with σ each voxel's robust standard deviation (interquartile range / 1.349)
// and ρ its correlation between successive volumes of a group, both about the
// group's mean. group nil: all alike; with control and label told apart, the
// perfusion signal itself does not count as change. The first volume of a
// group is NaN; voxels with a missing value anywhere are left out. It panics if
// the mask's shape or the length of group does not match.
//
// Source: Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018; Nichols
// 2017, arXiv:1704.01469.
func DVARS(s *voxel.Series, mask *voxel.Mask, group []int) (percent, standardised []float64) {
	nv := len(s.Vols)
	if mask.Dim != s.Dim {
		panic("register: DVARS: shape of mask differs from the series'")
	}
	if group != nil && len(group) != nv {
		panic("register: DVARS: length of group differs from the number of volumes")
	}
	before := make([]int, nv) // last volume of the same group, or −1
	place := make([]int, nv)  // number of the group in order of appearance
	last := map[int]int{}
	number := map[int]int{}
	for v := range nv {
		g := 0
		if group != nil {
			g = group[v]
		}
		if _, ok := number[g]; !ok {
			number[g] = len(number)
		}
		place[v] = number[g]
		before[v] = -1
		if p, ok := last[g]; ok {
			before[v] = p
		}
		last[g] = v
	}
	squares := make([]float64, nv)
	x := make([]float64, nv)
	sorted := make([]float64, nv)
	var sum, noise, count float64
	for n, in := range mask.In {
		if !in {
			continue
		}
		ok := true
		mean := make([]float64, len(number))
		size := make([]float64, len(number))
		for v := range nv {
			x[v] = float64(s.Vols[v][n])
			ok = ok && x[v]-x[v] == 0
			mean[place[v]] += x[v]
			size[place[v]]++
		}
		if !ok {
			continue
		}
		count++
		for v := range nv {
			sum += x[v]
			if p := before[v]; p >= 0 {
				d := float64(s.Vols[v][n]) - float64(s.Vols[p][n])
				squares[v] += d * d
			}
		}
		for v := range nv {
			x[v] -= mean[place[v]] / size[place[v]]
		}
		var var0, cov float64
		for v := range nv {
			var0 += x[v] * x[v]
			if p := before[v]; p >= 0 {
				cov += x[v] * x[p]
			}
		}
		if var0 == 0 {
			continue
		}
		copy(sorted, x)
		slices.Sort(sorted)
		sigma := (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.349
		noise += 2 * (1 - cov/var0) * sigma * sigma
	}
	percent = make([]float64, nv)
	standardised = make([]float64, nv)
	for v := range nv {
		percent[v], standardised[v] = math.NaN(), math.NaN()
		if before[v] >= 0 && count > 0 {
			rms := math.Sqrt(squares[v] / count)
			percent[v] = 100 * rms / (sum / (count * float64(nv)))
			if noise > 0 {
				standardised[v] = rms / math.Sqrt(noise/count)
			}
		}
	}
	return percent, standardised
}

// quantile returns the q-quantile of sorted values, linear between them.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	k := int(at)
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}
