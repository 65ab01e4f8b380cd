package voxel

import (
	"fmt"
	"math"
)

// WithSpacing returns the grid of the same box and directions with voxels of
// size s [mm]. Where the box is no whole number of them, it grows evenly on
// both sides to the next whole number. It panics unless all sizes are positive
// and finite.
func (g Grid) WithSpacing(s Vec) Grid {
	old := g.Spacing()
	var h Grid
	var origin Vec // of the new first voxel's centre, in old voxels
	ratio := Vec{}
	for a := range 3 {
		if !(s[a] > 0) || math.IsInf(s[a], 1) {
			panic(fmt.Sprintf("voxel: WithSpacing: voxel size %g mm", s[a]))
		}
		ratio[a] = s[a] / old[a]
		n := float64(g.Dim[a]) / ratio[a]
		h.Dim[a] = max(1, int(math.Ceil(n-1e-3))) // sizes were stored as float32
		origin[a] = (float64(g.Dim[a]-1) - float64(h.Dim[a]-1)*ratio[a]) / 2
	}
	h.Affine = g.Affine.Mul(Translation(origin)).Mul(Scaling(ratio))
	return h
}

// Crop returns the part of g from voxel lo up to but not including hi. Both
// may lie outside: the grid then grows. It panics if nothing is left.
func (g Grid) Crop(lo, hi [3]int) Grid {
	var h Grid
	for a := range 3 {
		h.Dim[a] = hi[a] - lo[a]
		if h.Dim[a] < 1 {
			panic(fmt.Sprintf("voxel: Crop: nothing between %v and %v", lo, hi))
		}
	}
	h.Affine = g.Affine.Mul(Translation(Vec{float64(lo[0]), float64(lo[1]), float64(lo[2])}))
	return h
}

// Crop returns the part of m from voxel lo up to but not including hi, NaN
// where that lies outside m.
func (m *Image) Crop(lo, hi [3]int) *Image {
	out := NewImage(m.Grid.Crop(lo, hi))
	for n := range out.Data {
		out.Data[n] = nan32
	}
	crop(out.Data, out.Grid, m.Data, m.Grid, lo)
	return out
}

// Crop returns the part of m from voxel lo up to but not including hi, false
// where that lies outside m.
func (m *Mask) Crop(lo, hi [3]int) *Mask {
	out := NewMask(m.Grid.Crop(lo, hi))
	crop(out.In, out.Grid, m.In, m.Grid, lo)
	return out
}

// crop copies what dst, whose first voxel is lo of src, has in common with src.
func crop[T any](dst []T, to Grid, src []T, from Grid, lo [3]int) {
	first, end := max(0, -lo[0]), min(to.Dim[0], from.Dim[0]-lo[0])
	if first >= end {
		return
	}
	for k := max(0, -lo[2]); k < min(to.Dim[2], from.Dim[2]-lo[2]); k++ {
		for j := max(0, -lo[1]); j < min(to.Dim[1], from.Dim[1]-lo[1]); j++ {
			d := to.Index(first, j, k)
			copy(dst[d:d+end-first], src[from.Index(first+lo[0], j+lo[1], k+lo[2]):])
		}
	}
}
