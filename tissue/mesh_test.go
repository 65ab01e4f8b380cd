package tissue

import (
	"math"
	"testing"

	"phasl/voxel"
)

func TestIcosphere(t *testing.T) {
	m := icosphere(4)
	if len(m.vert) != 2562 || len(m.face) != 5120 { // 10·4^4 + 2, 20·4^4
		t.Errorf("%d vertices, %d faces", len(m.vert), len(m.face))
	}
	for v := range m.vert {
		if n := len(m.near[v]); n != 6 && n != 5 {
			t.Fatalf("vertex %d has %d neighbours", v, n)
		}
		for i, w := range m.near[v] { // each neighbour next to the one before, counter-clockwise
			u := m.near[v][(i+1)%len(m.near[v])]
			if dot(cross(sub(m.vert[w], m.vert[v]), sub(m.vert[u], m.vert[v])), m.vert[v]) <= 0 {
				t.Fatalf("neighbours %d and %d of vertex %d run clockwise", w, u, v)
			}
		}
		if math.Abs(norm(m.vert[v])-1) > 1e-12 {
			t.Fatalf("vertex %d is not on the sphere", v)
		}
	}
	nrm := m.normals()
	for v := range m.vert { // outwards; the facets of 5,120 triangles lean by about a degree
		if dot(nrm[v], m.vert[v]) < 0.999 {
			t.Fatalf("normal %d points along %v at %v", v, nrm[v], m.vert[v])
		}
	}
}

// normals returns the unit normal at each vertex from the faces around it,
// weighted by their areas.
func (m *mesh) normals() []voxel.Vec {
	out := make([]voxel.Vec, len(m.vert))
	for _, f := range m.face {
		n := cross(sub(m.vert[f[1]], m.vert[f[0]]), sub(m.vert[f[2]], m.vert[f[0]]))
		for _, v := range f {
			out[v] = add(out[v], n)
		}
	}
	for v := range out {
		out[v] = unit(out[v])
	}
	return out
}

// The voxels inside a sphere, on grids turned, stretched, mirrored, and cut by
// the box, against |p − c| < r.
func TestMeshMask(t *testing.T) {
	const r = 30.
	c := voxel.Vec{5, -3, 8}
	for _, g := range []voxel.Grid{
		{Dim: [3]int{40, 40, 40}, Affine: voxel.Translation(voxel.Vec{-35, -43, -32}).Mul(voxel.Scaling(voxel.Vec{2, 2, 2}))},
		{Dim: [3]int{70, 30, 90}, Affine: voxel.Translation(voxel.Vec{-40, 35, -60}).Mul(voxel.Rotation(voxel.Vec{0.2, -0.1, 0.3})).Mul(voxel.Scaling(voxel.Vec{1.3, -3, 1}))},
		{Dim: [3]int{20, 40, 10}, Affine: voxel.Translation(voxel.Vec{-20, -43, 0}).Mul(voxel.Scaling(voxel.Vec{2, 2, 2}))},
	} {
		m := icosphere(4)
		m.place(c, r)
		got := m.mask(g)
		for n, in := range got.In {
			d := voxel.Distance(g.World(g.Coord(n)), c)
			// A facet's middle lies up to r·(1 − cos 1.3°·…) ≈ 0.2 % inside.
			if in != (d < r) && math.Abs(d-r) > 0.003*r {
				t.Fatalf("voxel at %.3f mm from the centre: inside %v", d, in)
			}
		}
	}
	m := icosphere(3)
	m.place(c, r)
	if got, rad := m.centroid(); voxel.Distance(got, c) > 1e-9 || math.Abs(rad/r-1) > 0.01 {
		t.Errorf("centroid %v, radius %v", got, rad)
	}
}

func TestDistance(t *testing.T) {
	const r = 40.
	g := voxel.Grid{Dim: [3]int{60, 60, 60}, Affine: voxel.Translation(voxel.Vec{-60, -60, -60}).Mul(voxel.Scaling(voxel.Vec{2, 2, 2}))}
	d := newDistance(func(p voxel.Vec) float64 {
		if norm(p) < r {
			return 1
		}
		return 0
	}, g, 2, 2)
	for _, p := range []voxel.Vec{{20, 10, 5}, {39, 0, 0}, {0, 45, 0}, {30, 30, 30}} {
		// Centres stand in for the surface: within one voxel of 2 mm.
		if got, want := d.at(&p), norm(p)-r; math.Abs(got-want) > 2 {
			t.Errorf("distance at %v is %.2f, want %.2f", p, got, want)
		}
	}
	if v, want := d.volume(), 4./3*math.Pi*r*r*r/1000; math.Abs(v/want-1) > 0.01 {
		t.Errorf("volume %v mL, want %v", v, want)
	}
}

func TestTopOf(t *testing.T) {
	var z []float64
	for i := range 5000 { // 8 mm³ each: 40 mL up to z = 100
		z = append(z, float64(i%50)*2)
	}
	z = append(z, 180, 181, 182) // specks above
	if got := topOf(z, 100); got < 98 || got > 102 {
		t.Errorf("top at %v, want 100", got)
	}
}
