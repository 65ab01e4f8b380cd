package register

import (
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"phasl/voxel"
)

// randomPair returns a T1-weighted fixed image, a moving one of contrast c on
// a coarse oblique grid, and the true transform: up to 25 mm and 20°, and for
// affine up to 10 % stretch and shear.
func randomPair(seed uint64, c contrast, affine bool) (fixed, moving *voxel.Image, mask *voxel.Mask, want voxel.Affine) {
	rng := rand.New(rand.NewPCG(seed, 7))
	centre := voxel.Vec{0, -18, 12}
	fixedContrast := t1Contrast
	if c.scalp == 0 {
		fixedContrast = fixedContrast.stripped()
	}
	g := box([3]int{68, 82, 68}, voxel.Vec{3, 3, 3}, voxel.Vec{}, voxel.Vec{2, -15, 8})
	fixed = fixedContrast.render(g, voxel.Identity())
	spoil(fixed, 12*knob("NOISE", 1), 0.1*knob("FIELD", 1), seed)
	rot := uniform(rng, 20*math.Pi/180)
	want = voxel.Rotation(rot)
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
	at := uniform(rng, 15)
	mid := want.Map(centre)
	for a := range at {
		at[a] += mid[a]
	}
	size, dim := voxel.Vec{3.75, 3.75, 6}, [3]int{64, 66, 34}
	if affine {
		size, dim = voxel.Vec{3.1, 2.9, 3}, [3]int{76, 90, 78}
	}
	moving = c.render(box(dim, size, uniform(rng, 0.2), at), want.Inverse())
	spoil(moving, 15*knob("NOISE", 1), 0.3*knob("FIELD", 1), seed+1000)
	return fixed, moving, brainMask(g), want
}

func TestRecovery(t *testing.T) {
	XW = knob("XW", 1)
	XS = knob("XS", 0) > 0
	XP = knob("XP", 0) > 0
	XF = int(knob("XF", 2))
	xmargin = knob("MARGIN", 12)
	for _, tt := range []struct {
		name   string
		c      contrast
		affine bool
	}{
		{"rigid brain", m0Contrast.stripped(), false},
		{"rigid head", m0Contrast, false},
		{"affine brain", t1Contrast.stripped(), true},
		{"affine head", t1Contrast, true},
		{"affine m0", m0Contrast, true},
	} {
		var sum, worst float64
		n := int(knob("N", 4))
		if o := os.Getenv("CASE"); o != "" && o != tt.name {
			continue
		}
		for seed := range uint64(n) {
			if knob("SEED", float64(seed)) != float64(seed) {
				continue
			}
			fixed, moving, mask, want := randomPair(seed, tt.c, tt.affine)
			var r Result
			if tt.affine {
				r = Affine(fixed, moving, Options{})
			} else {
				r = Rigid(fixed, moving, Options{})
			}
			e, _ := meanError(r.Transform, want, mask)
			sum += e / float64(n)
			worst = max(worst, e)
			if !r.OK() || e > 0.5 {
				t.Logf("%s %d: %.3f %s\n%+v\n want %+v\n at truth %+v", tt.name, seed, e, r.Reason, r, want, Check(fixed, moving, want, Options{}))
			}
		}
		t.Logf("%s: mean %.3f worst %.3f", tt.name, sum, worst)
	}
}

func knob(name string, def float64) float64 {
	if x, err := strconv.ParseFloat(os.Getenv(name), 64); err == nil {
		return x
	}
	return def
}
