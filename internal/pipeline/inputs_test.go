package pipeline

import (
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// small simulates one coarse series by protocol p, without noise.
func small(p phantom.Protocol) *phantom.Acquisition {
	p.Grid = p.Grid.WithSpacing(voxel.Vec{6, 6, 6})
	maps := (&phantom.Brain{}).Maps(phantom.HeadGrid(4), p.Constants, phantom.Physiology{}, 0)
	return phantom.Simulate(maps, p, phantom.Options{Physics: phantom.WhitePaper, Samples: 1})
}

// writeLone writes a lone scan of one type of volume and returns its path.
func writeLone(t *testing.T, s *voxel.Series, kind bids.VolumeType, sidecar map[string]any) string {
	t.Helper()
	stem := filepath.Join(t.TempDir(), "sub-01")
	path := stem + "_asl.nii.gz"
	if err := nifti.WriteSeries(path, s, nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := bids.WriteJSON(stem+"_asl.json", sidecar); err != nil {
		t.Fatal(err)
	}
	context := "volume_type\n" + strings.Repeat(string(kind)+"\n", len(s.Vols))
	if err := os.WriteFile(stem+"_aslcontext.tsv", []byte(context), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func quantify(t *testing.T, path string, set Settings) *ScanResult {
	t.Helper()
	if set.Model == "" {
		set.Model = "auto"
	}
	r, err := Quantify(t.Context(), path, Config{OutDir: filepath.Join(t.TempDir(), "out"), Settings: set, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A series of CBF that another program computed is passed through, and the
// report is written.
func TestCBFInput(t *testing.T) {
	a := small(phantom.EPI2D())
	truth := a.Truth.CBF
	s := &voxel.Series{Grid: truth.Grid, Vols: [][]float32{truth.Data, truth.Data}}
	side := a.Sidecar()
	side["Units"] = "mL/100g/min"
	r := quantify(t, writeLone(t, s, bids.CBF, side), Settings{})
	if r.Model != "none" || r.Units != asl.UnitsAbsolute {
		t.Errorf("model %s, units %s", r.Model, r.Units)
	}
	got, _, err := nifti.ReadImage(r.CBFFile)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, v := range got.Data {
		if v == v {
			n++
			if math.Abs(float64(v-truth.Data[i])) > 1e-4 { // the mean of two equal float32
				t.Fatalf("voxel %d: %g, want %g", i, v, truth.Data[i])
			}
		}
	}
	if n < 100 {
		t.Errorf("%d voxels have a value", n)
	}
}

// GE's product stores whole numbers, so ΔM is exactly zero in some voxels of
// the brain. That costs neither CBF nor its error.
func TestWholeNumbersKeepTheirError(t *testing.T) {
	if testing.Short() {
		t.Skip("processes a small dataset with a template")
	}
	c := smallTrial(t)
	p := phantom.GE3DSpiral()
	p.Grid = p.Grid.WithSpacing(voxel.Vec{5, 5, 6})
	brain := phantom.Subject{Seed: 4, Affine: true}.Brain()
	maps := brain.Maps(phantom.HeadGrid(3), p.Constants, phantom.Physiology{}, 0)
	a := phantom.Simulate(maps, p, phantom.Options{Physics: phantom.WhitePaper, Seed: 1, SNR: 3 * p.SNR, Samples: 1})
	zeros := 0
	for _, v := range a.Series.Vols {
		top := voxel.Percentile(v, 99)
		for n := range v {
			v[n] = float32(math.Round(float64(v[n]/top*200))) * top / 200
			if v[n] == 0 {
				zeros++
			}
		}
	}
	if zeros == 0 {
		t.Fatal("no voxel is exactly zero")
	}
	perf := filepath.Join(c.BIDSDir, "sub-01", "perf")
	if err := os.RemoveAll(perf); err != nil {
		t.Fatal(err)
	}
	d := &phantom.Dataset{Name: "small", Participants: []phantom.Participant{{Label: "01", Sessions: []phantom.Session{{Scans: []phantom.Scan{{Acquisition: a}}}}}}}
	if err := phantom.WriteBIDS(c.BIDSDir, d, 0); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, reg := range r.Participants[0].Scans[0].Regions {
		if cbf := float64(reg.CBF); cbf == cbf && !(reg.SE > 0) {
			t.Errorf("%s: CBF %.1f without a standard error", reg.Region, cbf)
		}
	}
}

// What the user sets is what is computed with, by both verbs, and it is said.
func TestSetReachesTheNumbers(t *testing.T) {
	a := small(phantom.EPI2D())
	dir := t.TempDir()
	d := &phantom.Dataset{Name: "small", Participants: []phantom.Participant{{Label: "01", Sessions: []phantom.Session{{Scans: []phantom.Scan{{Acquisition: a}}}}}}}
	if err := phantom.WriteBIDS(filepath.Join(dir, "raw"), d, 0); err != nil {
		t.Fatal(err)
	}
	run := func(set ...string) ScanResult {
		r, err := Run(t.Context(), Config{BIDSDir: filepath.Join(dir, "raw"), OutDir: filepath.Join(dir, "out"), Version: "test",
			Settings: Settings{Model: "auto", Overrides: set}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Participants[0].Scans[0]
	}
	median := func(r ScanResult, root string) float64 {
		m, _, err := nifti.ReadImage(filepath.Join(root, r.CBFFile))
		if err != nil {
			t.Fatal(err)
		}
		return float64(voxel.Median(m.Data))
	}
	out := filepath.Join(dir, "out")
	plain := median(run(), out)
	set := run("LabelingEfficiency=0.425") // half of the default: twice the CBF
	if got := median(set, out) / plain; math.Abs(got-2) > 1e-5 {
		t.Errorf("half the efficiency gives %.4f times the CBF, want 2", got)
	}
	if !slices.Equal(set.Overrides, []string{"LabelingEfficiency"}) || set.Constants[asl.Efficiency] != 0.425 {
		t.Errorf("overrides %v, constants %v", set.Overrides, set.Constants)
	}
	page, err := os.ReadFile(filepath.Join(out, "sub-01.html"))
	if err != nil || !strings.Contains(string(page), "LabelingEfficiency") {
		t.Errorf("the report does not say what was set (%v)", err)
	}
	image := slices.Sorted(maps.Keys(set.Files))
	if len(image) == 0 {
		t.Error("no files listed")
	}
	one := quantify(t, filepath.Join(dir, "raw", "sub-01", "perf", "sub-01_asl.nii.gz"), Settings{Overrides: []string{"LabelingEfficiency=0.425"}})
	if got := median(*one, "") / plain; math.Abs(got-2) > 1e-5 {
		t.Errorf("quantify: %.4f times the CBF, want 2", got)
	}
}

// A damaged image is found before any work, whatever its header says.
func TestDamagedImageIsFoundFirst(t *testing.T) {
	a := small(phantom.EPI2D())
	path := writeLone(t, a.Series, bids.CBF, map[string]any{})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(path, func(w io.Writer) error { _, err := w.Write(b[:len(b)/2]); return err }); err != nil {
		t.Fatal(err)
	}
	if _, err := shape(path); err == nil {
		t.Error("half a file passes")
	}
}
