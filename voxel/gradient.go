package voxel

import "math"

// AtVoxelGrad returns the value at the point v and its derivative along i, j
// and k [per voxel]. Multiply the transpose of the inverse of the grid's
// linear part by it for the derivative per mm.
//
// Where the value is that of the nearest point on the edge, the derivative
// across the edge is 0. At a kink of the linear interpolant it is that of the
// cell above, below the last centre that of the last cell. Nearest has
// derivative 0. Both results are NaN where there is no value.
func (s *Sampler) AtVoxelGrad(v Vec) (value float32, grad Vec) {
	none := Vec{math.NaN(), math.NaN(), math.NaN()}
	g := &s.grid
	if !g.within(&v) {
		return nan32, none
	}
	var lo [3]int
	var f Vec
	for a := range lo {
		lo[a], f[a] = cell(v[a], g.Dim[a])
	}
	switch s.interp {
	case Linear:
		var step [3]int
		for a, d := range [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]} {
			if g.Dim[a] > 1 {
				step[a] = d
			}
		}
		value, grad = linearGrad(s.data, g.Index(lo[0], lo[1], lo[2]), step, f)
	case Cubic:
		if s.absent != nil && s.absent[g.nearest(&v)] {
			return nan32, none
		}
		value, grad = s.cubicGrad(lo, f)
	default:
		if value = s.AtVoxel(v); value != value {
			return value, none
		}
	}
	for a, x := range v {
		if x < 0 || x > float64(g.Dim[a]-1) {
			grad[a] *= 0 // keeps NaN
		}
	}
	return value, grad
}

// cubicGrad returns the spline's value and derivative at the point f of the
// cell whose lowest corner is lo.
func (s *Sampler) cubicGrad(lo [3]int, f Vec) (float32, Vec) {
	var w, d [3][4]float64
	for a := range 3 {
		w[a][0], w[a][1], w[a][2], w[a][3] = bspline(f[a])
		d[a][0], d[a][1], d[a][2], d[a][3] = bsplineSlope(f[a])
	}
	var sum float64
	var grad Vec
	base := lo[0] + s.pad[0]*(lo[1]+s.pad[1]*lo[2])
	for k := range 4 {
		for j := range 4 {
			c := s.data[base+s.pad[0]*(j+s.pad[1]*k):][:4]
			var v, dv float64
			for i, x := range c {
				v += w[0][i] * float64(x)
				dv += d[0][i] * float64(x)
			}
			sum += w[2][k] * w[1][j] * v
			grad[0] += w[2][k] * w[1][j] * dv
			grad[1] += w[2][k] * d[1][j] * v
			grad[2] += d[2][k] * w[1][j] * v
		}
	}
	return float32(sum), grad
}
