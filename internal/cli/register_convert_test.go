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
	"phasl/nifti"
	"phasl/voxel"
)

// A transform is carried through all formats and back; what cannot be is said.
func TestTransformConvert(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	g := voxel.Grid{Dim: [3]int{12, 14, 11}, Affine: voxel.Affine{{4, 0, 0, -20}, {0, 4, 0, -30}, {0, 0, 4, -25}}}
	h := voxel.Grid{Dim: [3]int{10, 12, 9}, Affine: voxel.Affine{{-5, 0.1, 0, 22}, {0.1, 5, 0, -28}, {0, 0, 5, -20}}}
	for name, g := range map[string]voxel.Grid{"fixed.nii": g, "moving.nii": h} {
		if err := nifti.WriteImage(in(name), voxel.NewImage(g), nifti.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	// x' = 1.1·x + 0.2·y + 3 along LPS axes is x' = 1.1·x + 0.2·y − 3 along RAS axes.
	const first = "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters: 1.1 0.2 0 0 0.9 0 0 0 1 3 0 5\nFixedParameters: 0 0 0\n"
	want := [4][4]float64{{1.1, 0.2, 0, -3}, {0, 0.9, 0, 0}, {0, 0, 1, 5}, {0, 0, 0, 1}}
	if err := os.WriteFile(in("a.txt"), []byte(first), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(code int, args ...string) (stdout, stderr string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := cli.Run(context.Background(), append([]string{"transform", "convert"}, args...), &out, &errs); got != code {
			t.Fatalf("%s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, errs.String())
		}
		return out.String(), errs.String()
	}
	images := []string{"--fixed", in("fixed.nii"), "--moving", in("moving.nii")}
	from := "a.txt"
	for _, step := range []struct{ to, format string }{{"b.mat", "itk-mat"}, {"c.mat", "flirt"}, {"d.h5", ""}, {"e.tfm", "itk-text"}} {
		args := append([]string{"--transform", in(from), "--out", in(step.to), "--json", "-"}, images...)
		if step.format != "" {
			args = append(args, "--to", step.format)
		}
		out, _ := run(0, args...)
		var res struct {
			Affine [4][4]float64 `json:"affine_ras_mm"`
		}
		if err := json.Unmarshal([]byte(out), &res); err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			for j := range 4 {
				if math.Abs(res.Affine[i][j]-want[i][j]) > 1e-9 {
					t.Fatalf("%s: %v, want %v", step.to, res.Affine, want)
				}
			}
		}
		from = step.to
	}
	// There and back, joined, is nothing.
	run(0, "--transform", in("e.tfm"), "--inverse", "--out", in("back.txt"))
	out, _ := run(0, "--transform", in("a.txt"), "--transform", in("back.txt"), "--out", in("both.h5"), "--json", "-")
	if !strings.Contains(out, "affine_ras_mm") {
		t.Error(out)
	}
	// As a field: the displacement of a voxel by hand.
	run(0, "--transform", in("a.txt"), "--fixed", in("fixed.nii"), "--out", in("w.nii.gz"))
	w, _, err := nifti.ReadWarp(in("w.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	n := w.Index(3, 5, 2) // at (−8, −10, −17): 0.1·(−8) + 0.2·(−10) − 3
	if got := w.Disp[0][n]; math.Abs(float64(got)+5.8) > 1e-5 {
		t.Errorf("displacement %g, want −5.8", got)
	}
	for _, bad := range []struct {
		args []string
		say  string
	}{
		{[]string{"--transform", in("c.mat"), "--out", in("x.txt")}, "-ref"},
		{[]string{"--transform", in("a.txt"), "--out", in("x.mat")}, "--to"},
		{[]string{"--transform", in("a.txt"), "--to", "flirt", "--out", in("x.mat")}, "--fixed"},
		{[]string{"--transform", in("a.txt"), "--out", in("x.nii")}, "--fixed"},
		{[]string{"--transform", in("w.nii.gz"), "--out", in("x.txt")}, "affine transforms only"},
		{[]string{"--transform", in("w.nii.gz"), "--inverse", "--out", in("x.h5")}, "no inverse"},
		{[]string{"--transform", in("fixed.nii"), "--out", in("x.h5")}, "intent_code"},
	} {
		if _, errs := run(3, bad.args...); !strings.Contains(errs, bad.say) {
			t.Errorf("%v: %q is not in %s", bad.args, bad.say, errs)
		}
	}
	run(2, "--transform", in("a.txt"), "--out", in("a.txt"))
}
