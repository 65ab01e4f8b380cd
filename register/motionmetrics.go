package register

import (
	"math"

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
// change since the last volume of the same group, in percent of the mean over
// mask and volumes. group nil: all alike; with control and label told apart,
// the perfusion signal itself does not count as change. The first volume of a
// group is NaN, and voxels without a value in either volume are left out. It
// panics if the mask's shape or the length of group does not match.
//
// Source: Power et al. 2012, doi:10.1016/j.neuroimage.2011.10.018.
func DVARS(s *voxel.Series, mask *voxel.Mask, group []int) []float64 {
	if mask.Dim != s.Dim {
		panic("register: DVARS: shape of mask differs from the series'")
	}
	if group != nil && len(group) != len(s.Vols) {
		panic("register: DVARS: length of group differs from the number of volumes")
	}
	var sum, count float64
	for _, v := range s.Vols {
		for n, in := range mask.In {
			if x := float64(v[n]); in && x-x == 0 {
				sum += x
				count++
			}
		}
	}
	scale := 100 / (sum / count)
	out := make([]float64, len(s.Vols))
	last := map[int]int{}
	for v := range s.Vols {
		g := 0
		if group != nil {
			g = group[v]
		}
		p, ok := last[g]
		last[g] = v
		if !ok {
			out[v] = math.NaN()
			continue
		}
		var squares, n float64
		for i, in := range mask.In {
			if d := float64(s.Vols[v][i]) - float64(s.Vols[p][i]); in && d-d == 0 {
				squares += d * d
				n++
			}
		}
		out[v] = scale * math.Sqrt(squares/n)
	}
	return out
}
