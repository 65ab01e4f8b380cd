package register

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"phasl/voxel"
)

func TestReal(t *testing.T) {
	dir := sharedDir(t)
	asl := readSeries(t, filepath.Join(dir, "data/asl/sub-01/perf/sub-01_asl.nii.gz"))
	t1 := readImage(t, filepath.Join(dir, "data/asl/sub-01/anat/sub-01_T1w.nii.gz"))
	mni := readImage(t, filepath.Join(dir, "data/templates/MNI152_T1_2mm.nii.gz"))
	brain := readImage(t, filepath.Join(dir, "data/templates/MNI152_T1_2mm_brain.nii.gz"))
	bmask := readImage(t, filepath.Join(dir, "data/templates/MNI152_T1_2mm_brain_mask.nii.gz")).Threshold(0)
	ctrl := asl.Image(1)
	asl2 := readSeries(t, filepath.Join(dir, "data/asl/sub-02/perf/sub-02_asl.nii.gz"))
	var chain, m0t1 voxel.Affine
	for _, tt := range []struct {
		name string
		f, m *voxel.Image
		fn   func(f, m *voxel.Image, o Options) Result
		o    Options
	}{
		{"m0-t1", asl.Image(0), t1, Rigid, Options{}},
		{"ctrl-t1", ctrl, t1, Rigid, Options{}},
		{"t1-mni", t1, mni, Affine, Options{}},
		{"t1-mnibrain", t1, brain, Affine, Options{}},
		{"t1-mnimasked", t1, mni, Affine, Options{MovingMask: bmask}},
		{"m0-mni", asl.Image(0), mni, Affine, Options{}},
		{"m0-mnimask", asl.Image(0), mni, Affine, Options{MovingMask: bmask}},
		{"m0-mnibrain", asl.Image(0), brain, Affine, Options{}},
		{"sub02-mni", asl2.Image(95), mni, Affine, Options{}},
		{"sub02-mnibrain", asl2.Image(95), brain, Affine, Options{}},
	} {
		if os.Getenv("ONLY") != "" && !strings.HasPrefix(tt.name, os.Getenv("ONLY")) {
			continue
		}
		if x, err := strconv.ParseFloat(os.Getenv("MARGIN"), 64); err == nil {
			xmargin = x
		}
		XN = os.Getenv("XN") != ""
		start := time.Now()
		r := tt.fn(tt.f, tt.m, tt.o)
		d := time.Since(start)
		if tt.name == "t1-mnimasked" {
			chain = r.Transform.Mul(m0t1)
		}
		if tt.name == "m0-t1" {
			m0t1 = r.Transform
		}
		if strings.HasPrefix(tt.name, "m0-mni") {
			a, b := meanError(r.Transform.Inverse(), chain.Inverse(), bmask)
			t.Logf("%s to chain: %.2f %.2f  zooms %.3f", tt.name, a, b, r.Transform.ColumnNorms())
		}
		x := bmask.Clone()
		if tt.f == t1 {
			inv := r.Transform.Inverse()
			ref := voxel.Affine{{1.0986614633640746, 0.021739361273384272, 0.001759160601529908, -5.9248713599344285}, {-0.004688521533576201, 0.9554874102923702, 0.27420521653823315, -26.298452238278188}, {-0.0011602760868930232, -0.3246895797389362, 1.092370665566515, -5.927542224548745}}
			ref = ref.Inverse()
			a, b := meanError(inv, ref, x)
			t.Logf("to whole head: %.2f %.2f  zooms %.3f", a, b, r.Transform.ColumnNorms())
		}
		t.Logf("%s %v: %+v", tt.name, d, r)
		if out := os.Getenv("OVERLAY"); out != "" {
			overlay(t, filepath.Join(out, tt.name+".png"), tt.f, tt.m, r.Transform)
		}
	}
}
