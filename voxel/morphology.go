package voxel

import (
	"fmt"
	"math"
)

// ballSlack is added to the radius of a ball, in parts of the smallest voxel
// size, so that neighbours at exactly the radius belong to it although affines
// were stored as float32.
const ballSlack = 1e-3

// Dilate returns the voxels whose centre is no further than radius [mm] from
// the centre of a voxel of m. A negative or NaN radius panics, here and in
// [Erode], [Open] and [Close].
func Dilate(m *Mask, radius float64, workers int) *Mask {
	r := ball(m.Grid, radius)
	out := NewMask(m.Grid)
	d, _ := distance2(m.Grid, m.In, true, false, workers)
	for n, v := range d {
		out.In[n] = float64(v) <= r*r
	}
	return out
}

// Erode returns the voxels of m whose centre is further than radius [mm] from
// that of any voxel of the grid not in m. Nothing is known beyond the grid:
// its edge does not erode.
func Erode(m *Mask, radius float64, workers int) *Mask {
	r := ball(m.Grid, radius)
	out := NewMask(m.Grid)
	d, _ := distance2(m.Grid, m.In, false, false, workers)
	for n, v := range d {
		out.In[n] = m.In[n] && float64(v) > r*r
	}
	return out
}

// Open erodes, then dilates: it removes what a ball of radius [mm] does not
// fit into.
func Open(m *Mask, radius float64, workers int) *Mask {
	return Dilate(Erode(m, radius, workers), radius, workers)
}

// Close dilates, then erodes: it fills what a ball of radius [mm] does not fit
// into. The grid is widened meanwhile, so that its edge makes no difference.
func Close(m *Mask, radius float64, workers int) *Mask {
	r := ball(m.Grid, radius)
	var lo, hi, back [3]int
	for a, size := range m.Spacing() {
		margin := int(r/size) + 1
		lo[a], hi[a] = -margin, m.Dim[a]+margin
		back[a] = margin
	}
	wide := m.Crop(lo, hi)
	wide = Erode(Dilate(wide, radius, workers), radius, workers)
	for a := range hi {
		hi[a] = back[a] + m.Dim[a]
	}
	out := wide.Crop(back, hi)
	out.Grid = m.Grid // spares the affine the rounding of there and back
	return out
}

// ball returns the radius widened by the slack.
func ball(g Grid, radius float64) float64 {
	if !(radius >= 0) || math.IsInf(radius, 1) {
		panic(fmt.Sprintf("voxel: ball of radius %g mm", radius))
	}
	s := g.Spacing()
	return radius + ballSlack*min(s[0], s[1], s[2])
}

// FillHoles returns m and the voxels from which no path of face neighbours
// outside m leads to the edge of the grid. Along an axis of one voxel there is
// no edge: a single slice has its holes filled in the plane.
func FillHoles(m *Mask) *Mask {
	out := NewMask(m.Grid)
	for n := range out.In {
		out.In[n] = true
	}
	step := [3]int{1, m.Dim[0], m.Dim[0] * m.Dim[1]}
	var todo []int
	visit := func(n int) {
		if out.In[n] && !m.In[n] {
			out.In[n] = false
			todo = append(todo, n)
		}
	}
	for n := range m.In {
		c := [3]int{}
		c[0], c[1], c[2] = m.Coord(n)
		for a, d := range m.Dim {
			if d > 1 && (c[a] == 0 || c[a] == d-1) {
				visit(n)
			}
		}
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		c := [3]int{}
		c[0], c[1], c[2] = m.Coord(n)
		for a, d := range m.Dim {
			if c[a] > 0 {
				visit(n - step[a])
			}
			if c[a] < d-1 {
				visit(n + step[a])
			}
		}
	}
	return out
}
