package nifti

import (
	"math"

	"phasl/voxel"
)

// quaternSlack is how far b² + c² + d² may exceed 1 and still be taken for
// rounding: a hundred times the rounding of float32.
const quaternSlack = 1e-5

// qformAffine returns the affine that quaternion (b, c, d), offset and voxel
// sizes describe:
//
//	x = R(a, b, c, d) · (p1·i, p2·j, qfac·p3·k)ᵀ + q,   a = √(1 − b² − c² − d²)
//
// with R the rotation matrix of the unit quaternion and qfac −1 if negative
// and 1 otherwise. It reports false if the quaternion is longer than 1 or
// anything is not finite. Source: nifti1.h, method 2.
func qformAffine(quatern, offset, size [3]float64, qfac float64) (voxel.Affine, bool) {
	b, c, d := quatern[0], quatern[1], quatern[2]
	a2 := 1 - (b*b + c*c + d*d)
	if !(a2 >= -quaternSlack) { // also true of NaN
		return voxel.Affine{}, false
	}
	a := 0.0
	if a2 > 0 {
		a = math.Sqrt(a2)
	} else { // rounded past 1: the nearest unit quaternion is a half-turn
		n := math.Sqrt(b*b + c*c + d*d)
		b, c, d = b/n, c/n, d/n
	}
	p3 := size[2]
	if qfac < 0 {
		p3 = -p3
	}
	m := voxel.Affine{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c), offset[0]},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b), offset[1]},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c, offset[2]},
	}
	for i := range m {
		m[i][0] *= size[0]
		m[i][1] *= size[1]
		m[i][2] *= p3
	}
	return m, m.Invertible()
}

// affineQuatern is the inverse of [qformAffine]. It reports false if m is not
// a rotation (perhaps with a mirror) times scalings along the voxel axes, that
// is if two columns are further from perpendicular than 1e-5 radians, which
// is well above rounding to float32 and far below a shear anyone would mean.
func affineQuatern(m voxel.Affine) (quatern, size [3]float64, qfac float64, ok bool) {
	size = m.ColumnNorms()
	qfac = 1
	if m.Det() < 0 {
		qfac = -1
	}
	var r [3][3]float64
	for i := range 3 {
		for j := range 3 {
			r[i][j] = m[i][j] / size[j]
		}
		r[i][2] *= qfac
	}
	for j := range 3 {
		k := (j + 1) % 3
		if !(math.Abs(r[0][j]*r[0][k]+r[1][j]*r[1][k]+r[2][j]*r[2][k]) < 1e-5) { // also true of NaN
			return quatern, size, qfac, false
		}
	}
	// Four times the squares of a, b, c, d; at least one is ≥ 1, and dividing
	// by the root of the largest keeps all digits.
	square := [4]float64{
		1 + r[0][0] + r[1][1] + r[2][2],
		1 + r[0][0] - r[1][1] - r[2][2],
		1 - r[0][0] + r[1][1] - r[2][2],
		1 - r[0][0] - r[1][1] + r[2][2],
	}
	largest := 0
	for i, s := range square {
		if s > square[largest] {
			largest = i
		}
	}
	// products[i][j] is four times the product of component i and j.
	bc, bd, cd := r[1][0]+r[0][1], r[0][2]+r[2][0], r[2][1]+r[1][2]
	ab, ac, ad := r[2][1]-r[1][2], r[0][2]-r[2][0], r[1][0]-r[0][1]
	products := [4][4]float64{
		{square[0], ab, ac, ad},
		{ab, square[1], bc, bd},
		{ac, bc, square[2], cd},
		{ad, bd, cd, square[3]},
	}
	q := products[largest]
	norm := math.Sqrt(q[0]*q[0] + q[1]*q[1] + q[2]*q[2] + q[3]*q[3])
	if q[0] < 0 { // the file keeps b, c, d and takes a ≥ 0
		norm = -norm
	}
	return [3]float64{q[1] / norm, q[2] / norm, q[3] / norm}, size, qfac, true
}

// baseAffine returns the affine of a file that does not give one: voxel sizes
// on the diagonal, x from right to left, and voxel centre (counted from 0) at
// the origin.
func baseAffine(size, centre [3]float64) voxel.Affine {
	size[0] = -size[0]
	a := voxel.Scaling(size)
	for i := range 3 {
		a[i][3] = -size[i] * centre[i]
	}
	return a
}

// cornerDistance returns the largest distance between the two places that a
// and b give a corner of the box.
func cornerDistance(dim [3]int, a, b voxel.Affine) float64 {
	var far float64
	for c := range 8 {
		var p voxel.Vec
		for i := range 3 {
			if c>>i&1 == 1 {
				p[i] = float64(dim[i] - 1)
			}
		}
		far = max(far, voxel.Distance(a.Map(p), b.Map(p)))
	}
	return far
}
