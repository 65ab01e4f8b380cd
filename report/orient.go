package report

import (
	"math"

	"phasl/voxel"
)

// A Convention says on which side of a picture the person's left is.
type Convention int

const (
	Radiological Convention = iota // the person's right is on the left of the picture, as seen from the feet
	Neurological                   // the person's left is on the left of the picture
)

// String returns "radiological" or "neurological".
func (c Convention) String() string {
	if c == Neurological {
		return "neurological"
	}
	return "radiological"
}

// A frame reads a grid along the axes of the body: x to the right, y to the
// front, z up. It only permutes and flips the voxel axes, to those nearest the
// body's; nothing is interpolated.
type frame struct {
	grid    voxel.Grid
	n       [3]int     // voxels along x, y, z
	spacing [3]float64 // [mm]
	start   int        // place in memory of the lowest x, y, z
	stride  [3]int     // step in memory along x, y, z
	axis    [3]int     // voxel axis of x, y, z
	flip    [3]bool    // whether that axis runs against x, y, z
	tilt    float64    // largest angle between a voxel axis and its body axis [degrees]
	known   bool       // false if the affine is of no use; the voxel axes are then taken as x, y, z
}

// newFrame finds the permutation of axes with the largest sum of cosines.
func newFrame(g voxel.Grid) frame {
	f := frame{grid: g, axis: [3]int{0, 1, 2}, spacing: [3]float64{1, 1, 1}}
	size := g.Spacing()
	if g.Affine.Invertible() {
		f.known = true
		cos := func(row, col int) float64 { return g.Affine[row][col] / size[col] }
		best := -1.0
		for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			sum := math.Abs(cos(0, p[0])) + math.Abs(cos(1, p[1])) + math.Abs(cos(2, p[2]))
			if sum > best+1e-9 {
				best, f.axis = sum, p
			}
		}
		for a, v := range f.axis {
			c := cos(a, v)
			f.flip[a] = c < 0
			f.spacing[a] = size[v]
			f.tilt = max(f.tilt, math.Acos(min(1, math.Abs(c)))*180/math.Pi)
		}
	}
	memory := [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]}
	for a, v := range f.axis {
		f.n[a] = g.Dim[v]
		f.stride[a] = memory[v]
		if f.flip[a] {
			f.start += (g.Dim[v] - 1) * memory[v]
			f.stride[a] = -memory[v]
		}
	}
	return f
}

// index returns the place in memory of (x, y, z), counted along the body.
func (f *frame) index(x, y, z int) int {
	return f.start + x*f.stride[0] + y*f.stride[1] + z*f.stride[2]
}

// world returns the position [mm] of a point given in voxels along the body.
func (f *frame) world(x, y, z float64) voxel.Vec {
	var v voxel.Vec
	for a, p := range [3]float64{x, y, z} {
		if f.flip[a] {
			p = float64(f.n[a]-1) - p
		}
		v[f.axis[a]] = p
	}
	return f.grid.Affine.Map(v)
}

// A box is a range of voxels along the body: lo ≤ p < hi.
type box struct{ lo, hi [3]int }

func (b box) size(a int) int { return b.hi[a] - b.lo[a] }

// bounds returns the smallest box around the voxels for which in is true, and
// whether there are any.
func (f *frame) bounds(in func(index int) bool) (box, bool) {
	b := box{lo: f.n}
	found := false
	for z := range f.n[2] {
		for y := range f.n[1] {
			for x := range f.n[0] {
				if !in(f.index(x, y, z)) {
					continue
				}
				found = true
				for a, p := range [3]int{x, y, z} {
					b.lo[a] = min(b.lo[a], p)
					b.hi[a] = max(b.hi[a], p+1)
				}
			}
		}
	}
	return b, found
}

// grow widens the box by mm on every side, within the grid.
func (f *frame) grow(b box, mm float64) box {
	for a := range 3 {
		by := int(math.Ceil(mm / f.spacing[a]))
		b.lo[a] = max(0, b.lo[a]-by)
		b.hi[a] = min(f.n[a], b.hi[a]+by)
	}
	return b
}

// A view is a direction of looking.
type view int

const (
	axial view = iota
	coronal
	sagittal
)

// A plane tells how a view's pictures lie in a box: across and down are body
// axes, through the one looked along.
type plane struct {
	across, down, through int
	mirror                bool // across runs against its body axis
	letters               [2]string
	letter                string // name of the coordinate looked along
}

// plane returns the plane of view v. Down always runs against its body axis:
// the front, or the top, of the head is up.
func (v view) plane(c Convention) plane {
	left := [2]string{"R", "L"}
	if c == Neurological {
		left = [2]string{"L", "R"}
	}
	switch v {
	case coronal:
		return plane{0, 2, 1, c == Radiological, left, "y"}
	case sagittal:
		return plane{1, 2, 0, true, [2]string{"A", "P"}, "x"}
	}
	return plane{0, 1, 2, c == Radiological, left, "z"}
}

// pixel returns the place in memory of pixel (px, py) of the slice s of plane
// p through box b; s counts along the body from the grid's edge.
func (f *frame) pixel(p plane, b box, s, px, py int) int {
	var q [3]int
	q[p.through] = s
	if p.mirror {
		q[p.across] = b.hi[p.across] - 1 - px
	} else {
		q[p.across] = b.lo[p.across] + px
	}
	q[p.down] = b.hi[p.down] - 1 - py
	return f.index(q[0], q[1], q[2])
}

// position returns the world coordinate [mm] of slice s of plane p, at the
// middle of box b.
func (f *frame) position(p plane, b box, s int) float64 {
	var q [3]float64
	for a := range 3 {
		q[a] = float64(b.lo[a]+b.hi[a]-1) / 2
	}
	q[p.through] = float64(s)
	return f.world(q[0], q[1], q[2])[p.through]
}
