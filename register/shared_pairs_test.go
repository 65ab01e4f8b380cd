package register

import (
	"math"
	"path/filepath"
	"testing"

	"phasl/internal/sharedtest"
	"phasl/voxel"
)

func sharedPair(tb testing.TB, name string) (fixed, moving *voxel.Image, mask *voxel.Mask, want voxel.Affine) {
	dir := sharedtest.Path(tb, "reference", "registration")
	pair := readTruth(tb).Pairs[name]
	fixed = readImage(tb, filepath.Join(dir, "fixed_t1.nii.gz"))
	moving = readImage(tb, filepath.Join(dir, pair.Moving))
	mask = readImage(tb, filepath.Join(dir, "fixed_mask.nii.gz")).Threshold(0)
	return fixed, moving, mask, affineOf(pair.Affine)
}

var sharedPairs = []struct {
	name  string
	fn    func(fixed, moving *voxel.Image, opt Options) Result
	bound float64 // [mm], what the best tools measured reach
}{
	{"rigid_m0", Rigid, 0.15},
	{"affine_t1", Affine, 0.30},
}

func TestSharedPairs(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	for _, tt := range sharedPairs {
		fixed, moving, mask, want := sharedPair(t, tt.name)
		r := tt.fn(fixed, moving, Options{})
		mean, worst := meanError(r.Transform, want, mask)
		t.Logf("%s: mean %.3f, largest %.3f mm, quality %+v", tt.name, mean, worst, r.Quality)
		if !r.OK() || !(mean <= tt.bound) {
			t.Errorf("%s: mean error %.3f mm, want at most %.2f; %s", tt.name, mean, tt.bound, r.Reason)
		}
	}
}

func TestSharedMotion(t *testing.T) {
	if testing.Short() {
		t.Skip("slow")
	}
	s, mask, want := sharedMotion(t)
	for _, group := range [][]int{nil, {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}} {
		r, err := Motion(s, MotionOptions{Group: group})
		if err != nil {
			t.Fatal(err)
		}
		var mean, worst float64
		for v := 1; v < len(s.Vols); v++ {
			e, _ := meanError(r.Transforms[v].Mul(r.Transforms[0].Inverse()), want[v], mask)
			mean += e / float64(len(s.Vols)-1)
			worst = max(worst, e)
		}
		t.Logf("groups %v: mean %.3f, worst volume %.3f mm", group, mean, worst)
		if !(mean <= 0.15) { // the best tool measured reaches 0.14
			t.Errorf("groups %v: mean error %.3f mm, want at most 0.15", group, mean)
		}
	}
}

func sharedMotion(tb testing.TB) (*voxel.Series, *voxel.Mask, []voxel.Affine) {
	dir := sharedtest.Path(tb, "reference", "registration")
	s := readSeries(tb, filepath.Join(dir, "motion_4d.nii.gz"))
	mask := readImage(tb, filepath.Join(dir, "motion_mask.nii.gz")).Threshold(0)
	var want []voxel.Affine
	for _, m := range readTruth(tb).Motion.Matrices {
		want = append(want, affineOf(m))
	}
	return s, mask, want
}

// A real person: whatever the header claims, the M0 (3D GRASE, a slab that
// cuts the top of the head) finds its place in the T1-weighted head. The truth
// is not known; that two very different starts agree to 0.3 mm is asked.
func TestRealStartsAgree(t *testing.T) {
	if testing.Short() {
		t.Skip("reads and registers whole heads")
	}
	dir := sharedtest.Path(t, "data", "asl", "sub-01")
	m0 := readSeries(t, filepath.Join(dir, "perf", "sub-01_asl.nii.gz")).Image(0)
	t1 := readImage(t, filepath.Join(dir, "anat", "sub-01_T1w.nii.gz"))
	first := Rigid(m0, t1, Options{})
	if !first.OK() {
		t.Fatalf("not trusted: %s", first.Reason)
	}
	t.Logf("quality %+v", first.Quality)
	away := voxel.Translation(voxel.Vec{40, -35, 60}).Mul(voxel.Rotation(voxel.Vec{0.4, -0.3, 0.35}))
	moved := &voxel.Image{Grid: m0.Grid, Data: m0.Data}
	moved.Affine = away.Mul(m0.Affine)
	second := Rigid(moved, t1, Options{})
	head := newHead(m0, nil, 0)
	if e, _ := meanError(second.Transform.Mul(away), first.Transform, head.fore); !second.OK() || !(e < 0.3) {
		t.Errorf("a header off by 80 mm and 35° moves the result by %.2f mm; %s", e, second.Reason)
	}
	if q := Check(m0, t1, first.Transform.Mul(voxel.Translation(voxel.Vec{0, 25, 0})), Options{}); q.Fault() == "" {
		t.Errorf("25 mm off passes the check: %+v", q)
	}
}

// A real person's head onto the template, with and without a skull. The two
// need not agree better than head and brain scale differently: 4 mm.
func TestRealTemplate(t *testing.T) {
	if testing.Short() {
		t.Skip("reads and registers whole heads")
	}
	dir := sharedtest.Path(t, "data")
	t1 := readImage(t, filepath.Join(dir, "asl", "sub-01", "anat", "sub-01_T1w.nii.gz"))
	var got []Result
	for _, name := range []string{"MNI152_T1_2mm.nii.gz", "MNI152_T1_2mm_brain.nii.gz"} {
		r := Affine(t1, readImage(t, filepath.Join(dir, "templates", name)), Options{})
		if !r.OK() {
			t.Fatalf("%s: not trusted: %s", name, r.Reason)
		}
		z := r.Transform.ColumnNorms()
		t.Logf("%s: sizes %.3f, quality %+v", name, z, r.Quality)
		for _, v := range z {
			if math.Abs(v-1.07) > 0.12 { // a man's head is 0–15 % smaller than the template
				t.Errorf("%s: sizes %.3f", name, z)
			}
		}
		got = append(got, r)
	}
	brain := readImage(t, filepath.Join(dir, "templates", "MNI152_T1_2mm_brain_mask.nii.gz")).Threshold(0)
	e, _ := meanError(got[0].Transform.Inverse(), got[1].Transform.Inverse(), brain)
	t.Logf("with and without skull: %.2f mm apart", e)
	if !(e < 4) {
		t.Errorf("with and without skull differ by %.2f mm", e)
	}
}
