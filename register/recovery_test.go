package register

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"phasl/voxel"
)

// seeds is how many random pairs a recovery test draws: one by default, for
// time; PHASL_SEEDS sets it. The numbers in docs/methods/registration.md are
// of ten.
func seeds() uint64 {
	if n, err := strconv.Atoi(os.Getenv("PHASL_SEEDS")); err == nil && n > 0 {
		return uint64(n)
	}
	return 1
}

// randomPair returns a T1-weighted fixed image, a moving one of contrast c on
// a coarser oblique grid, and the true transform: up to 25 mm and 20°, and for
// affine up to 10 % of stretch and shear.
func randomPair(seed uint64, c contrast, affine bool) (fixed, moving *voxel.Image, mask *voxel.Mask, want voxel.Affine) {
	rng := rand.New(rand.NewPCG(seed, 7))
	centre := voxel.Vec{0, -18, 12}
	fixedContrast := t1Contrast
	if c.scalp == 0 {
		fixedContrast = fixedContrast.stripped()
	}
	g := box([3]int{68, 82, 68}, voxel.Vec{3, 3, 3}, voxel.Vec{}, voxel.Vec{2, -15, 8})
	fixed = fixedContrast.render(g, voxel.Identity())
	spoil(fixed, 12, 0.1, seed)
	want = voxel.Rotation(uniform(rng, 20*math.Pi/180))
	if affine {
		e := voxel.Identity()
		for i := range 3 {
			for j := range 3 {
				e[i][j] += 0.1 * (2*rng.Float64() - 1) / (1 + sq(float64(i-j)))
			}
		}
		want = want.Mul(e)
	}
	want = voxel.Translation(uniform(rng, 25)).Mul(want.About(centre))
	at, mid := uniform(rng, 15), want.Map(centre)
	for a := range at {
		at[a] += mid[a]
	}
	size, dim := voxel.Vec{3.75, 3.75, 6}, [3]int{64, 66, 34}
	if affine {
		size, dim = voxel.Vec{3.1, 2.9, 3}, [3]int{76, 90, 78}
	}
	moving = c.render(box(dim, size, uniform(rng, 0.2), at), want.Inverse())
	spoil(moving, 15, 0.3, seed+1000)
	return fixed, moving, brainMask(g), want
}

// Truth is known, noise and shading are those of a scanner. The bounds are
// twice the worst of ten seeds.
func TestRecovery(t *testing.T) {
	for _, tt := range []struct {
		name   string
		fn     func(fixed, moving *voxel.Image, opt Options) Result
		c      contrast
		opt    Options
		affine bool
		bound  float64 // [mm]
	}{
		{"rigid, M0, brain", Rigid, m0Contrast.stripped(), Options{}, false, 0.3},
		{"rigid, M0, head", Rigid, m0Contrast, Options{}, false, 0.5},
		{"affine, T1, brain", Affine, t1Contrast.stripped(), Options{}, true, 0.3},
		{"affine, T1, head", Affine, t1Contrast, Options{}, true, 0.3},
		{"affine, T1, head, correlation", Affine, t1Contrast, Options{Metric: Correlation}, true, 0.5},
		{"affine, M0, head", Affine, m0Contrast, Options{}, true, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.name != "rigid, M0, brain" {
				t.Skip("slow")
			}
			n := seeds()
			var sum, worst float64
			for seed := range n {
				fixed, moving, mask, want := randomPair(seed, tt.c, tt.affine)
				r := tt.fn(fixed, moving, tt.opt)
				e, _ := meanError(r.Transform, want, mask)
				sum += e / float64(n)
				worst = max(worst, e)
				if !r.OK() {
					t.Errorf("seed %d: not trusted: %s", seed, r.Reason)
				}
				if !(e <= tt.bound) {
					t.Errorf("seed %d: mean error %.3f mm, want at most %.2f", seed, e, tt.bound)
				}
			}
			t.Logf("%d seed(s): mean %.3f, worst %.3f mm", n, sum, worst)
		})
	}
}

// Exchanging the images inverts the transform: to 0.02 mm, as the sampled
// image is the same and only the rounding of the inverse differs.
func TestInverseConsistency(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	fixed, moving, mask, _ := randomPair(5, m0Contrast.stripped(), false)
	a := Rigid(fixed, moving, Options{})
	b := Rigid(moving, fixed, Options{})
	if e, _ := meanError(b.Transform.Mul(a.Transform), voxel.Identity(), mask); !(e < 0.02) {
		t.Errorf("there and back differs from the identity by %.4f mm", e)
	}
}

func TestSameBytesForAnyWorkers(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	fixed, moving, _, _ := randomPair(3, m0Contrast.stripped(), false)
	if one, two := Affine(fixed, moving, Options{Workers: 1}), Affine(fixed, moving, Options{Workers: 2}); one != two {
		t.Errorf("two workers: %+v, one: %+v", two, one)
	}
}
