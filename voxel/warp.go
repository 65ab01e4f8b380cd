package voxel

import "math"

// A Warp is a displacement field: it maps p to p + d(p), where d is
// interpolated linearly between the centres of the grid and, outside the box,
// takes the value of the nearest point of the box.
type Warp struct {
	Grid
	Disp [3][]float32 // x, y, z displacement [mm] at each voxel
	inv  Affine
}

// NewWarp returns the warp of the displacements disp [mm] on grid g. The
// slices are kept, not copied. It panics if a length differs from g.Len().
func NewWarp(g Grid, disp [3][]float32) *Warp {
	for _, d := range disp {
		if len(d) != g.Len() {
			panic("voxel: NewWarp: displacement length differs from the grid's")
		}
	}
	return &Warp{Grid: g, Disp: disp, inv: g.Affine.Inverse()}
}

// Map returns p + d(p). A NaN in p, or in a displacement of non-zero weight,
// gives NaN.
func (w *Warp) Map(p Vec) Vec {
	p[0], p[1], p[2] = w.move(p[0], p[1], p[2])
	return p
}

// move is Map for inner loops.
func (w *Warp) move(x, y, z float64) (float64, float64, float64) {
	qx, qy, qz := w.inv.move(x, y, z)
	if qx != qx || qy != qy || qz != qz {
		nan := math.NaN()
		return nan, nan, nan
	}
	i, fx := cell(qx, w.Dim[0])
	j, fy := cell(qy, w.Dim[1])
	k, fz := cell(qz, w.Dim[2])
	n := w.Index(i, j, k)
	// A neighbour of weight zero may lie beyond the grid or be NaN: stay put.
	var dx, dy, dz int
	if fx != 0 {
		dx = 1
	}
	if fy != 0 {
		dy = w.Dim[0]
	}
	if fz != 0 {
		dz = w.Dim[0] * w.Dim[1]
	}
	c := corners{n, dx, dy, dz, fx, fy, fz}
	return x + c.mean(w.Disp[0]), y + c.mean(w.Disp[1]), z + c.mean(w.Disp[2])
}

// corners are the eight corners of a cell: the lowest, the steps to the
// others, and the place in the cell to interpolate at.
type corners struct {
	n, dx, dy, dz int
	fx, fy, fz    float64
}

// mean returns d interpolated linearly.
func (c *corners) mean(d []float32) float64 {
	gx, gy, gz := 1-c.fx, 1-c.fy, 1-c.fz
	d0, d1 := d[c.n:], d[c.n+c.dz:]
	dx, dy, dxy := c.dx, c.dy, c.dx+c.dy
	return gz*(gy*(gx*float64(d0[0])+c.fx*float64(d0[dx]))+c.fy*(gx*float64(d0[dy])+c.fx*float64(d0[dxy]))) +
		c.fz*(gy*(gx*float64(d1[0])+c.fx*float64(d1[dx]))+c.fy*(gx*float64(d1[dy])+c.fx*float64(d1[dxy])))
}

// cell returns the centre below x among n, such that there is one above too
// if n > 1, and the distance of x from it in [0, 1]; x is first moved to
// [0, n−1]. It must not be NaN.
func cell(x float64, n int) (lo int, f float64) {
	if !(x > 0) {
		return 0, 0
	}
	if x >= float64(n-1) {
		if n == 1 {
			return 0, 0
		}
		return n - 2, 1
	}
	lo = int(x)
	return lo, x - float64(lo)
}
