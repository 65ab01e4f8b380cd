package register

import (
	"math"

	"phasl/voxel"
)

// A model says which transforms may be reached and how parameters name them.
type model int

const (
	rigidModel      model = 6  // rotation, translation
	similarityModel model = 7  // and one scale
	affineModel     model = 12 // linear part, translation
)

// A chart names the transforms near base by parameters θ, zero at base. Every
// parameter is in mm: the displacement it causes at the distance radius.
//
//	rigid       P = R(θ₃..₅/ρ)·L,  translation t + θ₀..₂
//	similarity  the same times exp(θ₆/ρ)
//	affine      P = (I + E(θ₃..₁₁/ρ))·L
//
// L and t are base's linear part and translation. As base maps points relative
// to the cloud's centre, t is where that centre goes, and θ turns about it.
type chart struct {
	model  model
	base   voxel.Affine
	radius float64 // ρ [mm]
}

// at returns the map of parameters θ.
func (c *chart) at(theta []float64) voxel.Affine {
	m := c.turn(theta)
	p := m.Mul(linear(c.base))
	for r := range 3 {
		p[r][3] = c.base[r][3] + theta[r]
	}
	return p
}

// turn returns the linear map that θ puts before the linear part of base.
func (c *chart) turn(theta []float64) voxel.Affine {
	q := 1 / c.radius
	if c.model == affineModel {
		m := voxel.Identity()
		for i, v := range theta[3:] {
			m[i/3][i%3] += v * q
		}
		return m
	}
	m := voxel.Rotation(voxel.Vec{theta[3] * q, theta[4] * q, theta[5] * q})
	if c.model == similarityModel {
		s := math.Exp(theta[6] * q)
		m = voxel.Scaling(voxel.Vec{s, s, s}).Mul(m)
	}
	return m
}

// jacobian returns the derivatives of the map by each parameter.
func (c *chart) jacobian(theta []float64) []voxel.Affine {
	out := make([]voxel.Affine, c.model)
	for k := range 3 {
		out[k][k][3] = 1
	}
	l := linear(c.base)
	q := 1 / c.radius
	if c.model == affineModel {
		for k := 3; k < 12; k++ {
			var e voxel.Affine
			e[(k-3)/3][(k-3)%3] = q
			out[k] = e.Mul(l)
		}
		return out
	}
	r := voxel.Vec{theta[3] * q, theta[4] * q, theta[5] * q}
	scale := 1.0
	if c.model == similarityModel {
		scale = math.Exp(theta[6] * q)
	}
	rx := voxel.Rotation(voxel.Vec{r[0], 0, 0})
	ry := voxel.Rotation(voxel.Vec{0, r[1], 0})
	rz := voxel.Rotation(voxel.Vec{0, 0, r[2]})
	// dR/dφ of an axis rotation is its generator times the rotation.
	gx := voxel.Affine{1: {0, 0, -1}, 2: {0, 1, 0}}
	gy := voxel.Affine{0: {0, 0, 1}, 2: {-1, 0, 0}}
	gz := voxel.Affine{0: {0, -1, 0}, 1: {1, 0, 0}}
	for k, m := range [3]voxel.Affine{
		rz.Mul(ry).Mul(gx).Mul(rx),
		rz.Mul(gy).Mul(ry).Mul(rx),
		gz.Mul(rz).Mul(ry).Mul(rx),
	} {
		out[3+k] = scaled(m.Mul(l), q*scale)
	}
	if c.model == similarityModel {
		out[6] = scaled(voxel.Rotation(r).Mul(l), q*scale)
	}
	return out
}

func linear(a voxel.Affine) voxel.Affine {
	for r := range 3 {
		a[r][3] = 0
	}
	return a
}

func scaled(a voxel.Affine, f float64) voxel.Affine {
	for r := range a {
		for c := range a[r] {
			a[r][c] *= f
		}
	}
	return a
}

// dot returns the sum of products of the elements of a and b.
func dot(a, b *voxel.Affine) float64 {
	var s float64
	for r := range a {
		for c := range a[r] {
			s += a[r][c] * b[r][c]
		}
	}
	return s
}
