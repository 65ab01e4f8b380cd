package register

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"phasl/voxel"
)

func sharedPair(tb testing.TB, name string) (fixed, moving *voxel.Image, mask *voxel.Mask, want voxel.Affine) {
	dir := filepath.Join(sharedDir(tb), "reference", "registration")
	pair := readTruth(tb).Pairs[name]
	fixed = readImage(tb, filepath.Join(dir, "fixed_t1.nii.gz"))
	moving = readImage(tb, filepath.Join(dir, pair.Moving))
	mask = readImage(tb, filepath.Join(dir, "fixed_mask.nii.gz")).Threshold(0)
	return fixed, moving, mask, affineOf(pair.Affine)
}

func TestSharedPairs(t *testing.T) {
	for _, tt := range []struct {
		name string
		fn   func(f, m *voxel.Image, o Options) Result
		mean float64
	}{{"rigid_m0", Rigid, 0.15}, {"affine_t1", Affine, 0.30}} {
		fixed, moving, mask, want := sharedPair(t, tt.name)
		XN = os.Getenv("XN") != ""
		if x, err := strconv.ParseFloat(os.Getenv("MARGIN"), 64); err == nil {
			xmargin = x
		}
		XW = knob("XW", 1)
		XS = knob("XS", 0) > 0
		XP = knob("XP", 0) > 0
		XF = int(knob("XF", 2))
		if o := os.Getenv("CASE"); o != "" && o != tt.name {
			continue
		}
		start := time.Now()
		r := tt.fn(fixed, moving, Options{})
		d := time.Since(start)
		mean, worst := meanError(r.Transform, want, mask)
		if tt.name == "rigid_m0" {
			p, q := poseOf(r.Transform, voxel.Vec{0, -18, 12}), poseOf(want, voxel.Vec{0, -18, 12})
			t.Logf("%.3f %.3f", dif(p.Translation, q.Translation, 1), dif(p.Rotation, q.Rotation, 57.3))
		}
		t.Logf("%s: mean %.3f max %.3f mm, %v, %+v", tt.name, mean, worst, d, r)
		if !(mean <= tt.mean) {
			t.Errorf("%s: mean error %.3f mm, want at most %.2f", tt.name, mean, tt.mean)
		}
	}
}
