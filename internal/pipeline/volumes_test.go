package pipeline

import (
	"math"
	"strings"
	"testing"

	"phasl/atlas"
	"phasl/voxel"
)

// A field that stretches one slab of the brain by a known factor changes the
// volumes of that slab alone: its share and place are as they were made.
func TestExtremeChangeIsFlagged(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{100, 20, 20}, Affine: voxel.Affine{{2, 0, 0, -100}, {0, 2, 0, -20}, {0, 0, 2, -20}}}
	brain := voxel.NewMask(g)
	for n := range brain.In {
		i, j, k := g.Coord(n)
		brain.In[n] = i >= 10 && i < 90 && j >= 2 && j < 18 && k >= 2 && k < 18
	}
	labels := voxel.NewImage(g)
	for n := range labels.Data {
		i, _, _ := g.Coord(n)
		labels.Data[n] = float32(1 + i/50)
	}
	at, l := atlas.New(labels, "labels", atlas.Table{Header: []string{"index", "name"}, Rows: [][]string{{"1", "left_half"}, {"2", "right_half"}}})
	if l.Err() != nil {
		t.Fatal(l)
	}
	s := &space{t1: voxel.NewImage(g), brain: brain, regions: &regionSet{atlas: at, onTemplate: labels}}
	affine := voxel.Scaling(voxel.Vec{1.1, 1.2, 0.9})
	for _, tt := range []struct {
		name   string
		factor float64 // of the stretch between x = 40 and 60 mm
		share  float64 // of the brain's voxels [%]
		ok     bool
		words  []string
	}{
		{"none", 1, 0, true, []string{"by 1.00 to 1.00 in the brain"}},
		{"threefold", 3, 0, true, []string{"1.00 to 3.00"}},
		// Voxels 70 to 80, central differences over two voxels: at the first and last the mean of 1 and the factor.
		{"ninefold", 9, 100. * 11 / 80, false, []string{"1.00 to 9.00", "more than a factor of 4 in 14 % of the brain", "right_half"}},
		{"shrunk ninefold", 1. / 9, 100. * 9 / 80, false, []string{"0.11 to 1.00", "11 %"}},
		{"folded", -1, 100. * 11 / 80, false, []string{"the field folds"}},
	} {
		stretch := mapping(func(p voxel.Vec) voxel.Vec {
			q := p
			if p[0] > 40 {
				q[0] += (tt.factor - 1) * (min(p[0], 60) - 40)
			}
			return affine.Map(q)
		})
		a := &anatomy{placed: &placement{affine: affine, forward: sampled(stretch, g, 0)}}
		a.measureChange(s, 0)
		st := a.step(volumeStep)
		if st.OK != tt.ok || math.Abs(float64(st.Values["extreme_percent"])-tt.share) > 1e-6 {
			t.Errorf("%s: %+v", tt.name, st)
		}
		for _, w := range tt.words {
			if !strings.Contains(st.Detail, w) {
				t.Errorf("%s: %q is not in %s", tt.name, w, st.Detail)
			}
		}
		for n, in := range brain.In {
			if v := a.change.Data[n]; !in && v == v {
				t.Fatalf("%s: voxel %d outside the brain has the value %g", tt.name, n, v)
			}
		}
	}
}
