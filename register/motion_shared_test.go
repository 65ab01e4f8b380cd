package register

import (
	"path/filepath"
	"testing"
	"time"

	"phasl/voxel"
)

func TestSharedMotion(t *testing.T) {
	dir := filepath.Join(sharedDir(t), "reference", "registration")
	s := readSeries(t, filepath.Join(dir, "motion_4d.nii.gz"))
	mask := readImage(t, filepath.Join(dir, "motion_mask.nii.gz")).Threshold(0)
	want := readTruth(t).Motion.Matrices
	XV = knob("XV", 1.8)
	XM = knob("XM", 0) > 0
	for _, fw := range []float64{5, 6, 7, 8} {
		var g []int
		start := time.Now()
		r, err := Motion(s, MotionOptions{Group: g, FWHM: fw})
		if err != nil {
			t.Fatal(err)
		}
		d := time.Since(start)
		var sum, worst float64
		for v := 1; v < len(s.Vols); v++ {
			got := r.Transforms[v].Mul(r.Transforms[0].Inverse())
			e, w := meanError(got, affineOf(want[v]), mask)
			sum += e / float64(len(s.Vols)-1)
			worst = max(worst, e)
			_ = w
			t.Logf("  %d %.3f %.3f", v, e, r.Fit[v])
		}
		t.Logf("%v: mean %.3f worst %.3f %v", fw, sum, worst, d)
	}
	_ = voxel.Identity
}

func dif(a, b voxel.Vec, f float64) voxel.Vec {
	return voxel.Vec{f * (a[0] - b[0]), f * (a[1] - b[1]), f * (a[2] - b[2])}
}
