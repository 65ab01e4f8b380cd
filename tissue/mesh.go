package tissue

import (
	"math"
	"slices"
	"sync"

	"phasl/voxel"
)

// A mesh is a closed triangulated surface with the topology of a sphere.
// Faces are ordered counter-clockwise seen from outside.
type mesh struct {
	vert []voxel.Vec
	face [][3]int32
	near [][]int32 // neighbours of each vertex, counter-clockwise seen from outside
}

// icosphere returns the unit icosahedron with every face cut in four, level
// times: 10·4^level + 2 vertices on the unit sphere.
func icosphere(level int) *mesh {
	s := spheres[level]()
	return &mesh{vert: slices.Clone(s.vert), face: s.face, near: s.near}
}

// spheres makes each sphere once; faces and neighbours are shared.
var spheres = func() (s [6]func() *mesh) {
	for level := range s {
		s[level] = sync.OnceValue(func() *mesh { return newIcosphere(level) })
	}
	return s
}()

func newIcosphere(level int) *mesh {
	phi := (1 + math.Sqrt(5)) / 2
	m := &mesh{
		vert: []voxel.Vec{
			{-1, phi, 0}, {1, phi, 0}, {-1, -phi, 0}, {1, -phi, 0},
			{0, -1, phi}, {0, 1, phi}, {0, -1, -phi}, {0, 1, -phi},
			{phi, 0, -1}, {phi, 0, 1}, {-phi, 0, -1}, {-phi, 0, 1},
		},
		face: [][3]int32{
			{0, 11, 5}, {0, 5, 1}, {0, 1, 7}, {0, 7, 10}, {0, 10, 11},
			{1, 5, 9}, {5, 11, 4}, {11, 10, 2}, {10, 7, 6}, {7, 1, 8},
			{3, 9, 4}, {3, 4, 2}, {3, 2, 6}, {3, 6, 8}, {3, 8, 9},
			{4, 9, 5}, {2, 4, 11}, {6, 2, 10}, {8, 6, 7}, {9, 8, 1},
		},
	}
	for i := range m.vert {
		m.vert[i] = unit(m.vert[i])
	}
	for range level {
		mid := map[[2]int32]int32{}
		half := func(a, b int32) int32 {
			key := [2]int32{min(a, b), max(a, b)}
			if v, ok := mid[key]; ok {
				return v
			}
			m.vert = append(m.vert, unit(add(m.vert[a], m.vert[b])))
			v := int32(len(m.vert) - 1)
			mid[key] = v
			return v
		}
		var next [][3]int32
		for _, f := range m.face {
			a, b, c := half(f[0], f[1]), half(f[1], f[2]), half(f[2], f[0])
			next = append(next, [3]int32{f[0], a, c}, [3]int32{f[1], b, a}, [3]int32{f[2], c, b}, [3]int32{a, b, c})
		}
		m.face = next
	}
	// Around a vertex every face leads from one neighbour to the next.
	next := make([]map[int32]int32, len(m.vert))
	m.near = make([][]int32, len(m.vert))
	for _, f := range m.face {
		for c := range 3 {
			v := f[c]
			if next[v] == nil {
				next[v] = map[int32]int32{}
				m.near[v] = append(m.near[v], f[(c+1)%3])
			}
			next[v][f[(c+1)%3]] = f[(c+2)%3]
		}
	}
	for v, ring := range next {
		for len(m.near[v]) < len(ring) {
			m.near[v] = append(m.near[v], ring[m.near[v][len(m.near[v])-1]])
		}
	}
	return m
}

// place scales the mesh by r [mm] and moves its centre to c.
func (m *mesh) place(c voxel.Vec, r float64) {
	for i, v := range m.vert {
		m.vert[i] = voxel.Vec{c[0] + r*v[0], c[1] + r*v[1], c[2] + r*v[2]}
	}
}

// mask returns the voxels of g whose centres the surface winds around. Where
// the surface crosses itself the parts inside any of its folds belong.
func (m *mesh) mask(g voxel.Grid) *voxel.Mask {
	out := voxel.NewMask(g)
	inv := g.Affine.Inverse()
	p := make([]voxel.Vec, len(m.vert))
	for i, v := range m.vert {
		p[i] = inv.Map(v)
	}
	// A crossing of the line (·, j, k) with the surface, and the sense in
	// which it crosses. Lines are shifted by less than any width that matters
	// so that none meets an edge or a vertex exactly.
	const shiftJ, shiftK = 1.1317e-7, 2.7183e-7
	type crossing struct {
		line int
		at   float64
		sign int
	}
	var all []crossing
	for _, f := range m.face {
		a, b, c := p[f[0]], p[f[1]], p[f[2]]
		lo1, hi1 := min(a[1], b[1], c[1]), max(a[1], b[1], c[1])
		lo2, hi2 := min(a[2], b[2], c[2]), max(a[2], b[2], c[2])
		area := (b[1]-a[1])*(c[2]-a[2]) - (b[2]-a[2])*(c[1]-a[1])
		if area == 0 || math.IsNaN(area) {
			continue
		}
		k0, k1 := max(int(math.Ceil(lo2-1e-6)), 0), min(int(math.Floor(hi2+1e-6)), g.Dim[2]-1)
		j0, j1 := max(int(math.Ceil(lo1-1e-6)), 0), min(int(math.Floor(hi1+1e-6)), g.Dim[1]-1)
		for k := k0; k <= k1; k++ {
			for j := j0; j <= j1; j++ {
				y, z := float64(j)+shiftJ, float64(k)+shiftK
				w0 := ((b[1]-y)*(c[2]-z) - (b[2]-z)*(c[1]-y)) / area
				w1 := ((c[1]-y)*(a[2]-z) - (c[2]-z)*(a[1]-y)) / area
				w2 := 1 - w0 - w1
				if w0 < 0 || w1 < 0 || w2 < 0 {
					continue
				}
				s := 1
				if area < 0 {
					s = -1
				}
				all = append(all, crossing{j + g.Dim[1]*k, w0*a[0] + w1*b[0] + w2*c[0], s})
			}
		}
	}
	slices.SortFunc(all, func(a, b crossing) int {
		switch {
		case a.line != b.line:
			return a.line - b.line
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return a.sign - b.sign
	})
	for n := 0; n+1 < len(all); {
		wind := 0
		base := all[n].line * g.Dim[0]
		for ; n < len(all) && all[n].line*g.Dim[0] == base; n++ {
			if wind != 0 {
				i0 := max(int(math.Ceil(all[n-1].at)), 0)
				i1 := min(int(math.Floor(all[n].at)), g.Dim[0]-1)
				for i := i0; i <= i1; i++ {
					out.In[base+i] = true
				}
			}
			wind += all[n].sign
		}
	}
	return out
}

func add(a, b voxel.Vec) voxel.Vec { return voxel.Vec{a[0] + b[0], a[1] + b[1], a[2] + b[2]} }
func sub(a, b voxel.Vec) voxel.Vec { return voxel.Vec{a[0] - b[0], a[1] - b[1], a[2] - b[2]} }
func dot(a, b voxel.Vec) float64   { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }
func norm(a voxel.Vec) float64     { return math.Sqrt(dot(a, a)) }
func cross(a, b voxel.Vec) voxel.Vec {
	return voxel.Vec{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func scale(a voxel.Vec, s float64) voxel.Vec { return voxel.Vec{a[0] * s, a[1] * s, a[2] * s} }

// unit returns a/|a|, or a itself if it has no length.
func unit(a voxel.Vec) voxel.Vec {
	n := norm(a)
	if !(n > 0) {
		return a
	}
	return scale(a, 1/n)
}
