package voxel

import "math"

// Vec is a point or a displacement: indices (i, j, k), or x, y, z [mm].
type Vec = [3]float64

// Affine is an affine map of space: three rows of a 4×4 matrix whose last row
// is 0 0 0 1. The zero value maps everything to the origin; start from
// [Identity].
type Affine [3][4]float64

// Identity returns the map that leaves every point where it is.
func Identity() Affine {
	return Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}
}

// Translation returns the map p → p + t.
func Translation(t Vec) Affine {
	return Affine{{1, 0, 0, t[0]}, {0, 1, 0, t[1]}, {0, 0, 1, t[2]}}
}

// Scaling returns the map that multiplies each axis by its factor.
func Scaling(s Vec) Affine {
	return Affine{{s[0], 0, 0, 0}, {0, s[1], 0, 0}, {0, 0, s[2], 0}}
}

// Rotation returns Rz·Ry·Rx, the rotation by r[0], r[1], r[2] radians about
// the x, then y, then z axis through the origin, each counter-clockwise when
// its axis points to the viewer.
func Rotation(r Vec) Affine {
	sx, cx := math.Sincos(r[0])
	sy, cy := math.Sincos(r[1])
	sz, cz := math.Sincos(r[2])
	return Affine{
		{cz * cy, cz*sy*sx - sz*cx, cz*sy*cx + sz*sx, 0},
		{sz * cy, sz*sy*sx + cz*cx, sz*sy*cx - cz*sx, 0},
		{-sy, cy * sx, cy * cx, 0},
	}
}

// Map returns a·p.
func (a Affine) Map(p Vec) Vec {
	p[0], p[1], p[2] = a.move(p[0], p[1], p[2])
	return p
}

// move is Map for inner loops: the compiler keeps numbers in registers, but
// not arrays.
func (a *Affine) move(x, y, z float64) (float64, float64, float64) {
	return a[0][0]*x + a[0][1]*y + a[0][2]*z + a[0][3],
		a[1][0]*x + a[1][1]*y + a[1][2]*z + a[1][3],
		a[2][0]*x + a[2][1]*y + a[2][2]*z + a[2][3]
}

// Mul returns a∘b, the map that applies b first.
func (a Affine) Mul(b Affine) Affine {
	var c Affine
	for i := range 3 {
		for j := range 4 {
			c[i][j] = a[i][0]*b[0][j] + a[i][1]*b[1][j] + a[i][2]*b[2][j]
		}
		c[i][3] += a[i][3]
	}
	return c
}

// Det returns the determinant of the linear part: the factor by which the map
// changes volumes, negative if it mirrors.
func (a Affine) Det() float64 {
	return a[0][0]*(a[1][1]*a[2][2]-a[1][2]*a[2][1]) -
		a[0][1]*(a[1][0]*a[2][2]-a[1][2]*a[2][0]) +
		a[0][2]*(a[1][0]*a[2][1]-a[1][1]*a[2][0])
}

// Inverse returns the inverse map. If a is singular or not finite every
// element of the result is NaN; see [Affine.Invertible].
func (a Affine) Inverse() Affine {
	d := 1 / a.Det()
	if math.IsInf(d, 0) {
		d = math.NaN()
	}
	d += 0 * (a[0][3] + a[1][3] + a[2][3]) // NaN if the shift is not finite
	var b Affine
	for i := range 3 {
		for j := range 3 {
			r0, r1 := (j+1)%3, (j+2)%3
			c0, c1 := (i+1)%3, (i+2)%3
			b[i][j] = (a[r0][c0]*a[r1][c1] - a[r0][c1]*a[r1][c0]) * d
		}
	}
	for i := range 3 {
		b[i][3] = -(b[i][0]*a[0][3] + b[i][1]*a[1][3] + b[i][2]*a[2][3])
	}
	return b
}

// Invertible reports whether all elements are finite and the linear part is
// further from singular than rounding: |det| > 1e-12 times the product of the
// column lengths.
func (a Affine) Invertible() bool {
	for i := range a {
		for _, v := range a[i] {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	s := a.ColumnNorms()
	return math.Abs(a.Det()) > 1e-12*s[0]*s[1]*s[2]
}

// ColumnNorms returns the lengths of the three columns of the linear part: the
// voxel sizes [mm] if a is the affine of a grid.
func (a Affine) ColumnNorms() Vec {
	var s Vec
	for j := range 3 {
		s[j] = math.Sqrt(a[0][j]*a[0][j] + a[1][j]*a[1][j] + a[2][j]*a[2][j])
	}
	return s
}

// About returns the map that does what a does, but about centre c instead of
// the origin: T(c)·a·T(−c).
func (a Affine) About(c Vec) Affine {
	return Translation(c).Mul(a).Mul(Translation(Vec{-c[0], -c[1], -c[2]}))
}

// A Transform maps points of the world, in mm (RAS+), to points of the world.
// It must be safe for concurrent use.
type Transform interface {
	Map(p Vec) Vec
}

// A Chain applies its transforms in order, the first to the point given.
type Chain []Transform

// Map returns the image of p under all transforms of the chain.
func (c Chain) Map(p Vec) Vec {
	for _, t := range c {
		p = t.Map(p)
	}
	return p
}
