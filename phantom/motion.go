package phantom

import (
	"math"

	"phasl/voxel"
)

// RandomMotion returns the positions of the head in n volumes: a slow drift
// with small jerks, about the middle of the head, in which translations reach
// about mm [mm] and rotations about degrees [°] along or about each axis. The
// first volume is still.
func RandomMotion(seed uint64, n int, mm, degrees float64) []voxel.Affine {
	r := stream(seed, "motion", 0)
	var at [6]float64
	path := make([][6]float64, n)
	var most [2]float64
	for v := 1; v < n; v++ {
		for a := range at {
			at[a] = 0.97*at[a] + r.NormFloat64()
			most[a/3] = max(most[a/3], math.Abs(at[a]))
		}
		path[v] = at
	}
	out := make([]voxel.Affine, n)
	for v, p := range path {
		var shift, turn voxel.Vec
		for a := range 3 {
			if most[0] > 0 {
				shift[a] = p[a] / most[0] * mm
			}
			if most[1] > 0 {
				turn[a] = p[a+3] / most[1] * degrees * math.Pi / 180
			}
		}
		out[v] = voxel.Translation(shift).Mul(voxel.Rotation(turn).About(voxel.Vec{0, -16, 10}))
	}
	return out
}
