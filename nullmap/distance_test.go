package nullmap

import (
	"math"
	"testing"

	"phasl/voxel"
)

// Two arms of a U, 2 voxels apart and joined at one end: the way goes round.
func TestGeodesic(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{5, 12, 3}, Affine: voxel.Scaling(voxel.Vec{2, 2, 2})}
	m := voxel.NewMask(g)
	for j := range 10 {
		m.In[g.Index(0, j, 1)], m.In[g.Index(3, j, 1)] = true, true
	}
	m.In[g.Index(1, 0, 1)], m.In[g.Index(2, 0, 1)] = true, true
	m.In[g.Index(4, 11, 2)] = true // an island
	at := func(i, j, k int) []int32 { return []int32{int32(g.Index(i, j, k))} }
	parcels := [][]int32{at(0, 9, 1), at(3, 9, 1), at(0, 5, 1), at(4, 11, 2), at(2, 5, 1)}
	d := Geodesic(m, parcels, 2)
	// Down one arm to j = 1, a diagonal step, one along, a diagonal, up the other.
	round := 2 * (8 + math.Sqrt2 + 1 + math.Sqrt2 + 8)
	if v := d.Row(0)[1]; math.Abs(v-round) > 1e-9 {
		t.Errorf("round the U: %g mm, want %g", v, round)
	}
	if v := d.Row(0)[2]; v != 8 {
		t.Errorf("along an arm: %g mm, want 8", v)
	}
	island := round + voxel.Distance(g.World(0, 9, 1), g.World(4, 11, 2))
	if v := d.Row(3)[0]; math.Abs(v-island) > 1e-9 {
		t.Errorf("to the island: %g mm, want %g", v, island)
	}
	if v := d.Row(4)[0]; !math.IsNaN(v) {
		t.Errorf("from outside the mask: %g, want NaN", v)
	}
	// In a full box paths are at most 12.8 % longer than straight ones.
	for v := range m.In {
		m.In[v] = true
	}
	var all [][]int32
	for v := range m.In {
		all = append(all, []int32{int32(v)})
	}
	d = Geodesic(m, all, 0)
	worst := 0.0
	for i := range m.In {
		for j := range i {
			q := d.Row(i)[j] / voxel.Distance(m.World(m.Coord(i)), m.World(m.Coord(j)))
			if q < 1-1e-9 {
				t.Fatalf("a path is shorter than the straight line: %g", q)
			}
			worst = math.Max(worst, q)
		}
	}
	if worst > 1.1281 {
		t.Errorf("a path is %g times the straight line", worst)
	}
}

// Mean distance of two parallel segments against direct summation, and thinning.
func TestBetweenParcels(t *testing.T) {
	var a, b []voxel.Vec
	for i := range 500 {
		a = append(a, voxel.Vec{0, float64(i) / 10, 0})
		b = append(b, voxel.Vec{20, float64(i) / 10, 0})
	}
	var want float64
	for _, p := range a {
		for _, q := range b {
			want += voxel.Distance(p, q) / float64(len(a)*len(b))
		}
	}
	d := BetweenParcels([][]voxel.Vec{a, b, nil}, 500, 0)
	if v := d.Row(0)[1]; math.Abs(v-want) > 1e-9 || d.Row(0)[0] != 0 || !math.IsNaN(d.Row(2)[0]) {
		t.Errorf("mean distance %g, want %g", v, want)
	}
	if v := BetweenParcels([][]voxel.Vec{a, b}, 100, 0).Row(1)[0]; math.Abs(v-want) > 0.05 {
		t.Errorf("thinned: %g, want about %g", v, want)
	}
}
