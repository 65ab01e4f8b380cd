package pipeline

import (
	"path/filepath"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// Priors of a template: CSF is what is left if it is not given; maps of percent,
// of another space or half a pair are refused by name.
func TestTemplatePriors(t *testing.T) {
	tpl := phantom.NewTemplate(0)
	dir := t.TempDir()
	write := func(name string, m *voxel.Image) string {
		p := filepath.Join(dir, name)
		if err := nifti.WriteImage(p, m, nifti.Options{}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	percent, away, beside := tpl.Grey.Clone(), tpl.Grey.Clone(), tpl.Grey.Clone()
	for n, v := range percent.Data {
		percent.Data[n] = 100 * v
	}
	away.Affine = voxel.Translation(voxel.Vec{0, 200, 0}).Mul(away.Affine)
	beside.Affine = voxel.Translation(voxel.Vec{0, 90, 0}).Mul(beside.Affine)
	gm, wm := write("gm.nii.gz", tpl.Grey), write("wm.nii.gz", tpl.White)
	s := &space{t1: tpl.T1w, brain: tpl.Mask}
	for _, tt := range []struct {
		name, gm, wm, want string
	}{
		{"whole", gm, wm, ""},
		{"percent", write("percent.nii.gz", percent), wm, "values from 0 to 100"},
		{"elsewhere", write("away.nii.gz", away), wm, "the largest value is 0"},
		{"beside", write("beside.nii.gz", beside), write("beside2.nii.gz", beside), "do not fill the brain"},
		{"half a pair", gm, "", "one without the other"},
	} {
		var l diag.List
		p, err := templatePriors(&Config{Standard: Standard{Template: "tpl", TemplateGM: tt.gm, TemplateWM: tt.wm}}, s, &l)
		if err != nil {
			t.Fatal(err)
		}
		if tt.want != "" {
			if p != nil || len(l) != 1 || !strings.Contains(l[0].Found, tt.want) {
				t.Errorf("%s: %v, want %q", tt.name, l, tt.want)
			}
			continue
		}
		if p == nil || len(l) > 0 {
			t.Fatalf("%s: refused: %v", tt.name, l)
		}
		for n, in := range tpl.Mask.In {
			if d := p.CSF.Data[n] - max(0, 1-tpl.Grey.Data[n]-tpl.White.Data[n]); in && (d > 1e-6 || d < -1e-6) {
				t.Fatalf("voxel %d: CSF %g", n, p.CSF.Data[n])
			}
		}
	}
}
