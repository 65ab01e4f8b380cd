package voxel

import "math"

// A Grid is a box of voxels in the world.
type Grid struct {
	Dim    [3]int // number of voxels along i, j, k; each at least 1
	Affine Affine // voxel index → world [mm], RAS+
}

// Len returns the number of voxels.
func (g Grid) Len() int { return g.Dim[0] * g.Dim[1] * g.Dim[2] }

// Index returns the place in memory of voxel (i, j, k), which must lie inside.
func (g Grid) Index(i, j, k int) int { return i + g.Dim[0]*(j+g.Dim[1]*k) }

// Coord returns the voxel (i, j, k) at place n in memory.
func (g Grid) Coord(n int) (i, j, k int) {
	i = n % g.Dim[0]
	n /= g.Dim[0]
	return i, n % g.Dim[1], n / g.Dim[1]
}

// Inside reports whether (i, j, k) is a voxel of the grid.
func (g Grid) Inside(i, j, k int) bool {
	return uint(i) < uint(g.Dim[0]) && uint(j) < uint(g.Dim[1]) && uint(k) < uint(g.Dim[2])
}

// World returns the centre [mm] of voxel (i, j, k).
func (g Grid) World(i, j, k int) Vec {
	return g.Affine.Map(Vec{float64(i), float64(j), float64(k)})
}

// Centre returns the middle of the box [mm].
func (g Grid) Centre() Vec {
	return g.Affine.Map(Vec{float64(g.Dim[0]-1) / 2, float64(g.Dim[1]-1) / 2, float64(g.Dim[2]-1) / 2})
}

// Spacing returns the voxel sizes along i, j, k [mm].
func (g Grid) Spacing() Vec { return g.Affine.ColumnNorms() }

// VoxelVolume returns the volume of one voxel [mm³].
func (g Grid) VoxelVolume() float64 { return math.Abs(g.Affine.Det()) }

// Same reports whether both grids have the same shape and no voxel centre is
// further than tol [mm] from its namesake.
func (g Grid) Same(h Grid, tol float64) bool {
	if g.Dim != h.Dim {
		return false
	}
	for c := range 8 { // the largest distance is at a corner
		var p Vec
		for a := range 3 {
			if c>>a&1 == 1 {
				p[a] = float64(g.Dim[a] - 1)
			}
		}
		if !(Distance(g.Affine.Map(p), h.Affine.Map(p)) <= tol) { // NaN is not the same
			return false
		}
	}
	return true
}

// Distance returns the Euclidean distance between two points.
func Distance(p, q Vec) float64 {
	x, y, z := p[0]-q[0], p[1]-q[1], p[2]-q[2]
	return math.Sqrt(x*x + y*y + z*z)
}

// An Image has one value per voxel. NaN marks voxels without a value.
type Image struct {
	Grid
	Data []float32 // Grid.Len() values, i fastest
}

// NewImage returns an image of zeros on g.
func NewImage(g Grid) *Image { return &Image{Grid: g, Data: make([]float32, g.Len())} }

// At returns the value at voxel (i, j, k), which must lie inside.
func (m *Image) At(i, j, k int) float32 { return m.Data[m.Index(i, j, k)] }

// Clone returns a copy that shares nothing with m.
func (m *Image) Clone() *Image {
	return &Image{Grid: m.Grid, Data: append([]float32(nil), m.Data...)}
}

// A Series is several volumes on one grid, in order of acquisition.
type Series struct {
	Grid
	Vols [][]float32 // each Grid.Len() values, i fastest
}

// Image returns volume v as an image that shares its data.
func (s *Series) Image(v int) *Image { return &Image{Grid: s.Grid, Data: s.Vols[v]} }

// A Mask says of each voxel whether it belongs.
type Mask struct {
	Grid
	In []bool // Grid.Len() values, i fastest
}

// NewMask returns an empty mask on g.
func NewMask(g Grid) *Mask { return &Mask{Grid: g, In: make([]bool, g.Len())} }

// Clone returns a copy that shares nothing with m.
func (m *Mask) Clone() *Mask { return &Mask{Grid: m.Grid, In: append([]bool(nil), m.In...)} }

// Count returns the number of voxels that belong.
func (m *Mask) Count() int {
	n := 0
	for _, in := range m.In {
		if in {
			n++
		}
	}
	return n
}

// Image returns 1 where the mask is true and 0 elsewhere.
func (m *Mask) Image() *Image {
	img := NewImage(m.Grid)
	for i, in := range m.In {
		if in {
			img.Data[i] = 1
		}
	}
	return img
}

// Threshold returns the voxels whose value exceeds t; NaN does not.
func (m *Image) Threshold(t float32) *Mask {
	out := NewMask(m.Grid)
	for i, v := range m.Data {
		out.In[i] = v > t
	}
	return out
}
