package phantom

import (
	"math"

	"phasl/voxel"
)

// Depths are approximate distances [mm] to the surface of a shape, positive
// inside. Near the surface they are right to first order, which is all that
// layers of a few millimetres need.

// ellipsoid returns the depth of the point (x, y, z), given relative to the
// centre, in the ellipsoid with semi-axes r.
func ellipsoid(x, y, z float64, r voxel.Vec) float64 {
	a, b, c := x/r[0], y/r[1], z/r[2]
	k0 := math.Sqrt(a*a + b*b + c*c)
	a, b, c = a/r[0], b/r[1], c/r[2]
	k1 := math.Sqrt(a*a + b*b + c*c)
	if k1 < 1e-9 {
		return min(r[0], r[1], r[2])
	}
	return k0 * (1 - k0) / k1
}

// ellipse is ellipsoid in the plane.
func ellipse(y, z, ry, rz float64) float64 {
	b, c := y/ry, z/rz
	k0 := math.Sqrt(b*b + c*c)
	b, c = b/ry, c/rz
	k1 := math.Sqrt(b*b + c*c)
	if k1 < 1e-9 {
		return min(ry, rz)
	}
	return k0 * (1 - k0) / k1
}

// A capsule is all that lies within a radius of a line segment; the radius
// goes from ra at a to rb at b.
type capsule struct {
	a, b   voxel.Vec
	ra, rb float64
}

func (c *capsule) depth(x, y, z float64) float64 {
	dx, dy, dz := c.b[0]-c.a[0], c.b[1]-c.a[1], c.b[2]-c.a[2]
	px, py, pz := x-c.a[0], y-c.a[1], z-c.a[2]
	t := (px*dx + py*dy + pz*dz) / (dx*dx + dy*dy + dz*dz)
	t = min(max(t, 0), 1)
	px, py, pz = px-t*dx, py-t*dy, pz-t*dz
	return c.ra + t*(c.rb-c.ra) - math.Sqrt(px*px+py*py+pz*pz)
}

// superellipsoid is the surface |x/a|ⁿ + |y/b|ⁿ + |z/c|ⁿ = 1 with n = 2.25,
// a little boxier than an ellipsoid, as a skull is.
type superellipsoid struct{ centre, r voxel.Vec }

// depth returns the depth of p and the outward unit normal there.
func (s *superellipsoid) depth(x, y, z float64) (d float64, n voxel.Vec) {
	x, y, z = x-s.centre[0], y-s.centre[1], z-s.centre[2]
	u, v, w := math.Abs(x)/s.r[0], math.Abs(y)/s.r[1], math.Abs(z)/s.r[2]
	gu, gv, gw := u*math.Sqrt(math.Sqrt(u)), v*math.Sqrt(math.Sqrt(v)), w*math.Sqrt(math.Sqrt(w)) // power 1.25
	sum := u*gu + v*gv + w*gw
	if sum < 1e-9 {
		return min(s.r[0], s.r[1], s.r[2]), voxel.Vec{1, 0, 0}
	}
	f := math.Cbrt(math.Cbrt(sum)) // to the power 1/9, and so
	f *= f
	f *= f       // to the power 1/2.25
	g := f / sum // f^(1 − n)
	n = voxel.Vec{math.Copysign(gu*g/s.r[0], x), math.Copysign(gv*g/s.r[1], y), math.Copysign(gw*g/s.r[2], z)}
	l := math.Sqrt(n[0]*n[0] + n[1]*n[1] + n[2]*n[2])
	return (1 - f) / l, voxel.Vec{n[0] / l, n[1] / l, n[2] / l}
}

// union returns the greater depth, rounded over k [mm] where both are alike.
func union(a, b, k float64) float64 {
	h := k - math.Abs(a-b)
	if h <= 0 {
		return max(a, b)
	}
	return max(a, b) + h*h/(4*k)
}

// sigmoid goes smoothly from 0 at x = −3 to 1 at x = 3. It has the slope of
// the logistic function at 0 and is several times as fast.
func sigmoid(x float64) float64 {
	t := min(max((x+3)/6, 0), 1)
	return t * t * (3 - 2*t)
}

// bump is the Gaussian exp(−(x/s)²).
func bump(x, s float64) float64 { x /= s; return math.Exp(-x * x) }
