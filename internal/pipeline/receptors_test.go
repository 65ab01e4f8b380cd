package pipeline_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/internal/pipeline"
	"phasl/nifti"
	"phasl/receptor"
	"phasl/voxel"
)

// writeBrain writes an atlas of 27 cubes and density maps on another grid to a
// folder.
func writeBrain(t *testing.T) (dir, atlas string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name string, g voxel.Grid, f func(w voxel.Vec) float64) string {
		m := voxel.NewImage(g)
		for n := range m.Data {
			m.Data[n] = float32(f(g.World(g.Coord(n))))
		}
		path := filepath.Join(dir, name)
		if err := nifti.WriteImage(path, m, nifti.Options{}); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inside := func(w voxel.Vec) bool {
		return math.Abs(w[0]) < 60 && math.Abs(w[1]) < 60 && math.Abs(w[2]) < 60
	}
	g := voxel.Grid{Dim: [3]int{40, 40, 40}, Affine: voxel.Affine{{4, 0, 0, -78}, {0, 4, 0, -78}, {0, 0, 4, -78}}}
	if err := os.Mkdir(filepath.Join(dir, "panel"), 0o755); err != nil {
		t.Fatal(err)
	}
	atlas = write("atlas_dseg.nii.gz", g, func(w voxel.Vec) float64 {
		if !inside(w) {
			return 0
		}
		return 1 + math.Floor((w[0]+60)/40) + 3*math.Floor((w[1]+60)/40) + 9*math.Floor((w[2]+60)/40)
	})
	coarse := voxel.Grid{Dim: [3]int{32, 32, 32}, Affine: voxel.Affine{{5, 0, 0, -77.5}, {0, 5, 0, -77.5}, {0, 0, 5, -77.5}}}
	for name, f := range map[string]func(w voxel.Vec) float64{
		"panel/a.nii.gz": func(w voxel.Vec) float64 { return 200 + w[0] },
		"panel/b.nii":    func(w voxel.Vec) float64 { return 200 + w[1] },
		"panel/c.nii":    func(w voxel.Vec) float64 { return 200 + w[2] },
	} {
		write(name, coarse, func(w voxel.Vec) float64 {
			if !inside(w) {
				return 0
			}
			return f(w)
		})
	}
	table := "file\ttarget\ttracer\tn\na.nii.gz\tMOR\t[11C]x\t12\nb.nii\tKOR\tn/a\tn/a\ngone.nii\tNMDA\tn/a\tn/a\n"
	if err := os.WriteFile(filepath.Join(dir, "panel", "receptors.tsv"), []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, atlas
}

func TestReadPanel(t *testing.T) {
	dir, atlas := writeBrain(t)
	p, l := pipeline.ReadParcels(atlas, "", "", receptor.ParcelOptions{})
	if l.Err() != nil {
		t.Fatal(l)
	}
	f, l := pipeline.FindPanel([]string{filepath.Join(dir, "panel")})
	if l.Err() != nil {
		t.Fatal(l)
	}
	panel, l := pipeline.ReadPanel(f, p)
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, want := range []string{"it has a row (NMDA) and was not given", "c.nii: target: "} {
		if !strings.Contains(l.Error(), want) {
			t.Errorf("no %q in\n%v", want, l)
		}
	}
	if len(panel) != 3 || panel[0].Target != "MOR" || panel[0].N != 12 || panel[2].Target != "c" {
		t.Fatalf("panel %+v", panel)
	}
	// Means of a linear map over cubes are its values at their centres, but for
	// the half voxel at the brain's edge.
	for i, r := range p.Regions {
		if want := 200 + p.Places(false).Coords[i][0]; math.Abs(panel[0].Values[i]-want) > 1 {
			t.Errorf("%s: %g, want %g", r.Name, panel[0].Values[i], want)
		}
	}
}

func TestFindPanel(t *testing.T) {
	dir, _ := writeBrain(t)
	at := func(s string) string { return filepath.Join(dir, "panel", s) }
	// Single files take their rows from the table beside them, and no others.
	f, l := pipeline.FindPanel([]string{at("b.nii")})
	if l.Err() != nil || len(f.Maps) != 1 || len(f.Sources) != 1 || f.Sources[0].Target != "KOR" {
		t.Errorf("one file: %+v, %v", f, l)
	}
	f, _ = pipeline.FindPanel([]string{filepath.Join(dir, "panel")})
	if l := f.Keep([]string{"kor", "c"}, "--target", ""); l.Err() != nil || len(f.Maps) != 2 || len(f.Sources) != 1 {
		t.Errorf("two targets: %+v, %v", f, l)
	}
	f, _ = pipeline.FindPanel([]string{filepath.Join(dir, "panel")})
	if l := f.Keep([]string{"MRO"}, "--target", ""); l.Err() == nil || !strings.HasPrefix(l[0].Fix, "did you mean MOR?") {
		t.Errorf("a misspelt target: %v", l)
	}
	empty := t.TempDir()
	for _, tt := range []struct {
		paths []string
		want  string
	}{
		{[]string{filepath.Join(dir, "nowhere")}, "nowhere: it cannot be read"},
		{[]string{empty}, "the folder holds no NIfTI image"},
		{[]string{at("receptors.tsv"), at("receptors.tsv")}, "is the panel's table already"},
	} {
		if _, l := pipeline.FindPanel(tt.paths); l.Err() == nil || !strings.Contains(l.Error()+l[0].Found, tt.want) {
			t.Errorf("%v: %v", tt.paths, l)
		}
	}
}
