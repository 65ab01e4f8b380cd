package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/internal/cli"
	"phasl/internal/pipeline"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// From files to files: a person's head onto another's, and what was written
// brings the image to the same place when it is applied again.
func TestRegisterAndApply(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	g := voxel.Grid{Dim: [3]int{48, 58, 47}, Affine: voxel.Affine{{4, 0, 0, -94}, {0, 4, 0, -131}, {0, 0, 4, -82}}}
	for name, s := range map[string]phantom.Subject{"one.nii.gz": {Seed: 5}, "two.nii.gz": {Seed: 6}} {
		if err := nifti.WriteImage(in(name), s.Brain().Draw(g, 1, 0).T1w(phantom.T1wOptions{}, 0), nifti.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	run := func(want int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := cli.Run(context.Background(), args, &out, &errs); code != want {
			t.Fatalf("%s: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, errs.String())
		}
		return out.String(), errs.String()
	}
	out, _ := run(0, "register", "--fixed", in("one.nii.gz"), "--moving", in("two.nii.gz"), "--out", in("r"), "--json", "-")
	var res struct {
		OK    bool
		Min   float64  `json:"jacobian_min"`
		Files []string `json:"files"`

		Before *pipeline.MatchResult `json:"match_before"`
		After  *pipeline.MatchResult `json:"match_after"`
	}
	if err := json.Unmarshal([]byte(out), &res); err != nil {
		t.Fatal(err)
	}
	summary := out
	if !res.OK || !(res.Min > 0) || len(res.Files) != 4 {
		t.Errorf("%s", out)
	}
	// Two centred heads overlap before; the affine part makes them more alike.
	if b, a := res.Before, res.After; b == nil || a == nil || !(a.Information > b.Information && a.HeadOverlap >= b.HeadOverlap && a.Explained > b.Explained) || a.Peak != 1 || a.Fault != "" {
		t.Errorf("match before %+v, after %+v", b, a)
	}
	apply := func(out string, transforms ...string) *voxel.Image {
		args := []string{"transform", "apply", "--moving", in("two.nii.gz"), "--reference", in("one.nii.gz"), "--out", in(out)}
		for _, f := range transforms {
			args = append(args, "--transform", in(f))
		}
		run(0, args...)
		img, _, err := nifti.ReadImage(in(out))
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	want, _, err := nifti.ReadImage(in("r_moved.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	got := apply("a.nii.gz", "r_warp.nii.gz")
	for n := range want.Data {
		a, b := float64(got.Data[n]), float64(want.Data[n])
		if math.IsNaN(a) != math.IsNaN(b) || math.Abs(a-b) > 1e-3*(1+math.Abs(b)) {
			t.Fatalf("voxel %d: %g where register wrote %g", n, a, b)
		}
	}
	// The person is more like the other after the affine part, and more so
	// after the whole.
	fixed, _, err := nifti.ReadImage(in("one.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	off := func(img *voxel.Image) (sum float64) {
		for n, v := range img.Data {
			if v == v {
				sum += math.Abs(float64(v - fixed.Data[n]))
			}
		}
		return sum
	}
	if affine, whole := off(apply("b.nii.gz", "r_affine.txt")), off(got); !(whole < 0.8*affine) {
		t.Errorf("differences of %g after the affine part, %g after the whole", affine, whole)
	}

	// Begun at what was found, the search ends there.
	out, _ = run(0, "register", "--fixed", in("one.nii.gz"), "--moving", in("two.nii.gz"), "--type", "affine", "--init", in("r_affine.txt"), "--out", in("i"), "--json", "-")
	var again, first struct {
		Affine [4][4]float64 `json:"affine_fixed_to_moving_ras_mm"`
	}
	if err := json.Unmarshal([]byte(out), &again); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(summary), &first); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if d := math.Abs(again.Affine[i][3] - first.Affine[i][3]); d > 1 {
			t.Errorf("begun at its end the search moved by %g mm", d)
		}
	}
	words, _ := run(0, "register", "--fixed", in("one.nii.gz"), "--moving", in("two.nii.gz"), "--type", "rigid", "--out", in("k"))
	for _, s := range []string{"mutual information  ", " nat, before ", "heads overlap", "12 of 12 poses match less well", "volumes × 1.000"} {
		if !strings.Contains(words, s) {
			t.Errorf("%q is not in %s", s, words)
		}
	}
	run(3, "register", "--fixed", in("one.nii.gz"), "--moving", in("two.nii.gz"), "--type", "affine", "--init", in("r_warp.nii.gz"), "--out", in("i"))

	// Faults are named.
	if err := os.WriteFile(in("bad.txt"), []byte("1 0 0 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs := run(3, "transform", "apply", "--moving", in("two.nii.gz"), "--reference", in("one.nii.gz"), "--transform", in("bad.txt"), "--transform", in("one.nii.gz"), "--out", in("c.nii.gz"))
	for _, s := range []string{"bad.txt", "4 numbers where a matrix of 4 × 4 has 16", "intent_code"} {
		if !strings.Contains(errs, s) {
			t.Errorf("%q is not in %s", s, errs)
		}
	}
	run(2, "transform", "apply", "--moving", in("two.nii.gz"), "--reference", in("one.nii.gz"), "--transform", in("r_affine.txt"), "--out", in("two.nii.gz"))
	flat := voxel.NewImage(g)
	if err := nifti.WriteImage(in("flat.nii.gz"), flat, nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	_, errs = run(3, "register", "--fixed", in("one.nii.gz"), "--moving", in("flat.nii.gz"), "--out", in("f"))
	if !strings.Contains(errs, "constant") {
		t.Errorf("%s", errs)
	}
	if _, err := os.Stat(in("f_affine.txt")); err == nil {
		t.Error("a failed registration was written")
	}
}
