package register

import (
	"math"

	"phasl/voxel"
)

// Heads differ in size and shape by less than this; beyond, an affine
// transform costs extra. A slab of a few slices, or a contrast that shows
// little, would otherwise be stretched to whatever lies near.
const (
	freeStrain = 0.20 // ‖S‖ without cost
	freeScale  = 0.30 // |ln(size)| without cost
	stiffness  = 5.0  // cost [nat] per squared excess
)

// penalty returns the cost of the linear part of a:
//
//	stiffness · ( max(0, ‖S‖ − freeStrain)² + max(0, |ln s| − freeScale)² )
//
// where s = |det|^⅓ and S = ½(AᵀA/s² − I), the strain that is left when size
// is taken out. Rotations cost nothing.
func penalty(a *voxel.Affine) float64 {
	s := math.Cbrt(math.Abs(a.Det()))
	if !(s > 0) {
		return math.Inf(1)
	}
	var norm float64
	for i := range 3 {
		for j := range 3 {
			v := (a[0][i]*a[0][j] + a[1][i]*a[1][j] + a[2][i]*a[2][j]) / (s * s)
			if i == j {
				v--
			}
			norm += v * v / 4
		}
	}
	strain := max(0, math.Sqrt(norm)-freeStrain)
	size := max(0, math.Abs(math.Log(s))-freeScale)
	return stiffness * (strain*strain + size*size)
}

// penaltySlope returns the derivatives of penalty by the elements of a, by
// central differences.
func penaltySlope(a *voxel.Affine) voxel.Affine {
	var g voxel.Affine
	const h = 1e-5
	for i := range 3 {
		for j := range 3 {
			up, down := *a, *a
			up[i][j] += h
			down[i][j] -= h
			g[i][j] = (penalty(&up) - penalty(&down)) / (2 * h)
		}
	}
	return g
}
