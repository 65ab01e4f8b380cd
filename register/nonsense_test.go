package register

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// Nothing to register is reported, never passed on, and never a panic.
func TestNonsense(t *testing.T) {
	g := box([3]int{40, 44, 36}, voxel.Vec{5, 5, 5}, voxel.Vec{}, voxel.Vec{0, -18, 12})
	head := t1Contrast.render(g, voxel.Identity())
	fill := func(fn func(n int) float64) *voxel.Image {
		img := voxel.NewImage(g)
		for n := range img.Data {
			img.Data[n] = float32(fn(n))
		}
		return img
	}
	rng := rand.New(rand.NewPCG(8, 8))
	flat := head.Clone()
	flat.Affine = voxel.Affine{}
	slice := voxel.NewImage(voxel.Grid{Dim: [3]int{40, 44, 1}, Affine: g.Affine})
	copy(slice.Data, head.Data)
	wild := voxel.Identity()
	wild[1][2] = math.NaN()
	empty := voxel.NewMask(g)
	for _, tt := range []struct {
		name   string
		moving *voxel.Image
		opt    Options
	}{
		{"zeros", fill(func(int) float64 { return 0 }), Options{}},
		{"constant", fill(func(int) float64 { return 7 }), Options{}},
		{"NaN", fill(func(int) float64 { return math.NaN() }), Options{}},
		{"Inf", fill(func(int) float64 { return math.Inf(1) }), Options{}},
		{"one value", fill(func(n int) float64 {
			if n == 5000 {
				return 1
			}
			return math.NaN()
		}), Options{}},
		{"noise", fill(func(int) float64 { return rng.Float64() }), Options{}},
		{"singular affine", flat, Options{}},
		{"one slice", slice, Options{}},
		{"empty mask", head, Options{MovingMask: empty}},
		{"wild start", head, Options{Init: &wild}},
		{"far start", head, Options{Local: true, Init: &voxel.Affine{{1, 0, 0, 1e6}, {0, 1, 0, 0}, {0, 0, 1, 0}}}},
	} {
		for _, fn := range []func(f, m *voxel.Image, o Options) Result{Rigid, Affine} {
			r := fn(head, tt.moving, tt.opt)
			if r.OK() || r.Reason == "" {
				t.Errorf("%s: passed as good: %+v", tt.name, r)
			}
			for _, row := range r.Transform {
				for _, v := range row {
					if math.IsNaN(v) && tt.name != "wild start" {
						t.Errorf("%s: transform %v", tt.name, r.Transform)
					}
				}
			}
			if q := Check(head, tt.moving, voxel.Translation(voxel.Vec{500}), tt.opt); q.Fault() == "" {
				t.Errorf("%s: 500 mm away passes the check", tt.name)
			}
		}
	}
}

// Missing values in a part of either image do not stop a registration.
func TestPartlyMissing(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	fixed, moving, mask, want := randomPair(1, m0Contrast.stripped(), false)
	for n := range moving.Data {
		if i, _, _ := moving.Coord(n); i > moving.Dim[0]*2/3 {
			moving.Data[n] = float32(math.NaN())
		}
	}
	r := Rigid(fixed, moving, Options{})
	if e, _ := meanError(r.Transform, want, mask); !r.OK() || !(e < 0.5) {
		t.Errorf("mean error %.3f mm; %s", e, r.Reason)
	}
}

func TestProgress(t *testing.T) {
	g := box([3]int{30, 34, 28}, voxel.Vec{6, 6, 6}, voxel.Vec{}, voxel.Vec{0, -18, 12})
	head := t1Contrast.render(g, voxel.Identity())
	last := 0.0
	r := Rigid(head, head, Options{Progress: func(done float64) {
		if done < last || done > 1 {
			t.Errorf("progress went from %g to %g", last, done)
		}
		last = done
	}})
	if last != 1 {
		t.Errorf("progress ended at %g", last)
	}
	if !r.OK() || voxel.Distance(r.Transform.Map(voxel.Vec{10, 10, 10}), voxel.Vec{10, 10, 10}) > 0.1 {
		t.Errorf("an image onto itself: %+v", r)
	}
}
