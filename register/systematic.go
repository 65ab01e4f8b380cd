package register

import (
	"math"

	"phasl/voxel"
)

// A GroupShift is the systematic displacement of one group of volumes against
// the largest that was taken for a difference of contrast, and removed.
type GroupShift struct {
	Group int
	Shift Pose
}

const (
	shiftVolumes = 5 // volumes a group must have among those of the largest
	shiftRatio   = 6 // mean shift over its standard error, to be removed
)

// systematic returns the mean pose of t's volumes relative to the main group's
// at the same time (linear between its neighbours), and whether it is beyond
// chance: then it follows the contrast, not the head, which does not know of
// labelling and delays.
//
// The correction is that of Wang 2012, Magn Reson Imaging 30:1409,
// doi:10.1016/j.mri.2012.02.023, for any number of interleaved groups; it is
// made only where registration of the groups' means left something to correct.
func (m *mover) systematic(main, t *team, centre voxel.Vec) (Pose, bool) {
	var d [][6]float64
	for _, v := range t.vols {
		before, after := -1, -1
		for _, u := range main.vols {
			if u < v {
				before = u
			}
			if u > v && after < 0 {
				after = u
			}
		}
		if before < 0 || after < 0 {
			continue
		}
		a, b, p := poseOf(m.pose[before], centre), poseOf(m.pose[after], centre), poseOf(m.pose[v], centre)
		w := float64(v-before) / float64(after-before)
		var x [6]float64
		for k := range 3 {
			x[k] = p.Translation[k] - (1-w)*a.Translation[k] - w*b.Translation[k]
			x[3+k] = p.Rotation[k] - (1-w)*a.Rotation[k] - w*b.Rotation[k]
		}
		d = append(d, x)
	}
	n := float64(len(d))
	if n < shiftVolumes {
		return Pose{}, false
	}
	var out Pose
	found := false
	for k := range 6 {
		var mean, squares float64
		for _, x := range d {
			mean += x[k] / n
		}
		for _, x := range d {
			squares += sqr(x[k] - mean)
		}
		if k < 3 {
			out.Translation[k] = mean
		} else {
			out.Rotation[k-3] = mean
		}
		found = found || math.Abs(mean) > shiftRatio*math.Sqrt(squares/(n-1)/n)
	}
	return out, found
}

func sqr(x float64) float64 { return x * x }
