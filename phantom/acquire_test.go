package phantom

import (
	"math"
	"slices"
	"testing"

	"phasl/voxel"
)

// A voxel half filled by each of two tissues has the weighted means that
// Truth promises, worked out by hand.
func TestTruthOfMixedVoxel(t *testing.T) {
	m := uniformMaps(60, 1, 1.331, 1000)
	m.Grid = headBox(voxel.Vec{2, 2, 2}, [3]int{8, 8, 8}) // voxel edges at even distances from the centre
	for n := range m.CBF {
		if i, _, _ := m.Coord(n); i%2 == 1 {
			m.CBF[n], m.ATT[n], m.M0[n] = 20, 1.5, 800
		}
	}
	p := GE3DSpiral()
	p.Grid = headBox(voxel.Vec{4, 4, 4}, [3]int{4, 4, 4})
	tr := Simulate(m, p, Options{Samples: 2}).Truth // samples fall on the centres of fine voxels
	n := p.Grid.Index(1, 1, 1)
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"M0", float64(tr.M0.Data[n]), 900},
		{"CBF", float64(tr.CBF.Data[n]), (1000*60 + 800*20) / 1800.0},
		{"ATT", float64(tr.ATT.Data[n]), (60000*1 + 16000*1.5) / 76000.0},
	} {
		if math.Abs(c.got-c.want) > 1e-6*c.want {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
}

// Leaving out empty blocks must change nothing.
func TestBlocksSpareOnlyAir(t *testing.T) {
	g := headBox(voxel.Vec{1, 1, 1}, [3]int{37, 41, 29})
	onto := headBox(voxel.Vec{1.7, 1.9, 2.3}, [3]int{24, 24, 16})
	head := voxel.Translation(voxel.Vec{0.3, -0.7, 0.2}).Mul(voxel.Rotation(voxel.Vec{0.1, -0.2, 0.15}))
	m0 := make([]float32, g.Len())
	r := stream(1, "sparse", 0)
	for range 40 {
		m0[r.IntN(len(m0))] = 1
	}
	full := newBlocks(g, m0, 2)
	all := &blocks{nx: full.nx, ny: full.ny, full: make([]bool, len(full.full))}
	for i := range all.full {
		all.full[i] = true
	}
	got := newScanner(g, onto, full, head, 3, 2).whole(m0)[0]
	want := newScanner(g, onto, all, head, 3, 1).whole(m0)[0]
	if !slices.Equal(got, want) {
		t.Error("leaving out blocks changes the image")
	}
	if !slices.Contains(full.full, false) {
		t.Error("no block is left out")
	}
}
