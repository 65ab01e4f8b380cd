package tissue

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// Brain that the surface missed is added, with the gaps in it; what hangs on a
// thread, or is brighter than brain, is not.
func TestRegrow(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{70, 50, 50}, Affine: voxel.Translation(voxel.Vec{-50, -50, -50}).Mul(voxel.Scaling(voxel.Vec{2, 2, 2}))}
	level := [3]float64{30, 60, 100}
	img, mask := voxel.NewImage(g), voxel.NewMask(g)
	lobe := func(p voxel.Vec) bool { return norm(sub(p, voxel.Vec{0, 0, -30})) < 14 }
	muscle := func(p voxel.Vec) bool { return p[0] > 48 && p[0] < 60 && math.Abs(p[1]) < 12 }
	for n := range img.Data {
		p := g.World(g.Coord(n))
		switch {
		case norm(p) < 30:
			img.Data[n] = 90
			mask.In[n] = true
		case lobe(p) && math.Abs(p[0]) < 1.5: // a sulcus
			img.Data[n] = 25
		case lobe(p), muscle(p):
			img.Data[n] = 62
		case p[0] > 0 && p[0] < 60 && math.Hypot(p[1], p[2]) < 2.1: // a vessel to the muscle
			img.Data[n] = 80
		case p[2] > 28 && norm(p) < 42: // fat
			img.Data[n] = 150
		}
	}
	got := regrow(mask, img, level, 2, 1)
	for n, in := range got.In {
		p := g.World(g.Coord(n))
		switch {
		case (norm(p) < 28 || norm(sub(p, voxel.Vec{0, 0, -30})) < 10) && !in: // corners may be rounded off
			t.Fatalf("brain at %v is missing", p)
		case (muscle(p) || img.Data[n] == 150 && norm(p) > 34) && in:
			t.Fatalf("what lies at %v is no brain", p)
		}
	}
	if n := regrow(voxel.NewMask(g), img, level, 2, 1).Count(); n > 0 {
		t.Errorf("nothing grew to %d voxels", n)
	}
}

// Noise on a slope with few edges is told from both.
func TestNoiseOf(t *testing.T) {
	img := voxel.NewImage(voxel.Grid{Dim: [3]int{60, 50, 40}, Affine: voxel.Identity()})
	for n := range img.Data {
		i, j, _ := img.Coord(n)
		img.Data[n] = float32(100 + 5*j + 300*(i/20))
	}
	for _, sd := range []float64{3, 8} {
		r := rand.New(rand.NewPCG(1, 2))
		noisy := img.Clone()
		for n := range noisy.Data {
			noisy.Data[n] += float32(sd * r.NormFloat64())
		}
		if got := noiseOf(noisy, 45); math.Abs(got/sd-1) > 0.1 { // a tenth of the points lies at an edge
			t.Errorf("noise of %v is measured as %v", sd, got)
		}
	}
	if got := noiseOf(img, 1e9); got != 0 {
		t.Errorf("nothing above the threshold: %v", got)
	}
}

func TestBoxAround(t *testing.T) {
	m := voxel.NewMask(voxel.Grid{Dim: [3]int{30, 20, 10}, Affine: voxel.Scaling(voxel.Vec{1, 2, 4})})
	m.In[m.Index(12, 10, 3)], m.In[m.Index(15, 11, 9)] = true, true
	if lo, hi := boxAround(m, 5); lo != [3]int{6, 7, 1} || hi != [3]int{22, 15, 10} {
		t.Errorf("box %v to %v", lo, hi)
	}
}

// Of the voxels around, those that are dark and in the prior are added.
func TestAddRim(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{6, 1, 1}, Affine: voxel.Identity()}
	of := func(in ...bool) *voxel.Mask { return &voxel.Mask{Grid: g, In: in} }
	img := &voxel.Image{Grid: g, Data: []float32{5, 50, 5, 5, 5, 5}}
	mask := of(false, false, true, false, false, false)
	addRim(mask, img, 2, 20, of(true, true, true, true, false, true), 1)
	for n, want := range []bool{true, false, true, true, false, false} {
		if mask.In[n] != want {
			t.Errorf("voxel %d: %v", n, mask.In[n])
		}
	}
	if a, b, c := rimOf(4), rimOf(8), rimOf(1); a != 2 || b != 1 || c != 2 {
		t.Errorf("rims %v %v %v", a, b, c)
	}
}

// The limit moves only where CSF is bright.
func TestRaiseLow(t *testing.T) {
	l := limits{low: 5}
	if l.raiseLow([3]float64{40, 70, 100}); l.low != 5 {
		t.Errorf("common contrast: %v", l.low)
	}
	if l.raiseLow([3]float64{60, 80, 100}); math.Abs(l.low-30) > 1e-9 {
		t.Errorf("bright CSF: %v, want 30", l.low)
	}
}
