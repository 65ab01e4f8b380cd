package pipeline

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/phantom"
	"phasl/receptor"
)

func simulate(t *testing.T, c SimulateConfig) *SimulateResult {
	t.Helper()
	r, err := Simulate(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// snapshot returns when each file below dir was last written.
func snapshot(t *testing.T, dir string) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		out[path] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The table of regions of a simulated trial reads back as the trial's values,
// and its dataset has no fault but that it has no images.
func TestSimulateRegions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "trial")
	opt := phantom.TrialOptions{Subjects: 4, Seed: 7, Missing: 0.2}
	r := simulate(t, SimulateConfig{Dir: dir, Regions: true, Trial: opt})
	if r.Scans != 12 || len(r.Missing) != 2 || r.Sequences["placebo-naltrexone"] != 2 {
		t.Errorf("%+v", r)
	}
	ds, list := bids.Open(dir)
	for _, p := range append(list, bids.Validate(ds, bids.ValidateOptions{})...) {
		if !strings.Contains(p.Found, "no ASL series") {
			t.Errorf("%v: %v", p.Severity, p)
		}
	}
	if len(r.Associations) != 8 || len(r.Questionnaires) != 4 {
		t.Errorf("%d associations, questionnaires %v", len(r.Associations), r.Questionnaires)
	}
	for _, q := range append(r.Questionnaires, "derivatives/truth/associations.tsv") {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(q))); err != nil {
			t.Error(err)
		}
	}
	trial, _ := phantom.NewTrial(opt)
	want := trial.Values()
	var l diag.List
	src, err := phaslSource(filepath.Join(dir, SimulatedDerivatives), &GroupConfig{}, &l)
	if err != nil || len(l) > 0 {
		t.Fatal(err, l)
	}
	var got []crossover.Value
	for _, s := range src.scans {
		got = append(got, s.values...)
	}
	if len(got) != len(want) {
		t.Fatalf("%d values, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Region == globalGrey || g.Region == globalWhite { // have no standard error in the table
			g.SE, w.SE = 0, 0
		}
		if g != w {
			t.Fatalf("value %d: %+v, want %+v", i, g, w)
		}
	}
}

// A simulation that was stopped is carried on; a finished one is left alone;
// files that are gone come back the same.
func TestSimulateCarriesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates images")
	}
	dir := t.TempDir()
	c := SimulateConfig{Dir: dir, Trial: phantom.TrialOptions{Subjects: 2}, Scans: phantom.TrialScans{Voxel: 8, T1w: 4, Workers: 1}}
	ctx, cancel := context.WithCancel(context.Background())
	c.Progress = func(e Event) {
		if e.Unit == "sub-02" {
			cancel()
		}
	}
	if _, err := Simulate(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	c.Progress = nil
	first := simulate(t, c)
	before := snapshot(t, dir)
	asl := filepath.Join(dir, "sub-02", "ses-1", "perf", "sub-02_ses-1_run-1_asl.nii.gz")
	image, err := os.ReadFile(asl)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(asl); err != nil {
		t.Fatal(err)
	}
	again := simulate(t, c)
	if first.Kept != 1 || again.Kept != 1 {
		t.Errorf("kept %d, then %d people", first.Kept, again.Kept)
	}
	if back, err := os.ReadFile(asl); err != nil || string(back) != string(image) {
		t.Errorf("the image that was gone came back different, %v", err)
	}
	for f, at := range snapshot(t, dir) {
		if strings.Contains(f, "sub-01_ses-1_run") && !at.Equal(before[f]) {
			t.Errorf("%s was written again", f)
		}
	}
}

func TestSimulateRefuses(t *testing.T) {
	mine := t.TempDir()
	simulate(t, SimulateConfig{Dir: mine, Regions: true})
	other := t.TempDir()
	file := filepath.Join(other, "thesis.doc")
	plan := filepath.Join(t.TempDir(), "plan.toml")
	for path, text := range map[string]string{file: "x", plan: "[trial]\ntreatmints = [\"a\", \"b\"]\n"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	empty := t.TempDir()
	for _, tt := range []struct {
		c     SimulateConfig
		found string
	}{
		{SimulateConfig{Dir: mine, Regions: true, Trial: phantom.TrialOptions{Seed: 2}}, "other options"},
		{SimulateConfig{Dir: mine}, "other options"},
		{SimulateConfig{Dir: other, Regions: true}, "not of a simulated trial"},
		{SimulateConfig{Dir: file, Regions: true}, "cannot be used"},
		{SimulateConfig{Dir: empty, Plan: plan}, "treatmints"},
		{SimulateConfig{Dir: empty, Plan: filepath.Join(empty, "no.toml")}, "cannot be read"},
		{SimulateConfig{Dir: empty, Trial: phantom.TrialOptions{Subjects: 1}}, "1 people"},
		{SimulateConfig{Dir: empty, Scans: phantom.TrialScans{Voxel: 100}}, "voxels of 100 mm"},
	} {
		_, err := Simulate(context.Background(), tt.c)
		l, ok := errors.AsType[diag.List](err)
		if !ok || !strings.Contains(l.Error()+l[0].Field, tt.found) || l[0].Fix == "" {
			t.Errorf("%+v: %v, want %q", tt.c, err, tt.found)
		}
	}
	if len(snapshot(t, empty)) != 0 || len(snapshot(t, other)) != 1 {
		t.Error("something was written although the simulation was refused")
	}
}

// What a killed program left of a file it was writing does not make a folder
// another's.
func TestSimulateIntoLeftovers(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "derivatives", "truth"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "derivatives", "truth", ".trial.json.tmp-123"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	simulate(t, SimulateConfig{Dir: dir, Regions: true, Trial: phantom.TrialOptions{Subjects: 2}})
}

// The panel of a simulated trial reads back without a warning, with the
// densities of the trial's receptors, and is not written twice.
func TestSimulatedPanel(t *testing.T) {
	dir := t.TempDir()
	c := SimulateConfig{Dir: dir, Regions: true, Trial: phantom.TrialOptions{Subjects: 2, Seed: 6, Symptoms: &phantom.Symptoms{None: true}}}
	r := simulate(t, c)
	files, l := FindPanel([]string{r.Panel})
	if len(l) > 0 || len(files.Maps) != 6 || files.Table == "" {
		t.Fatalf("%+v, %v", files, l)
	}
	parcels, l := ReadParcels(r.Atlas, "", "", receptor.ParcelOptions{})
	if len(l) > 0 {
		t.Fatal(l)
	}
	panel, l := ReadPanel(files, parcels)
	if len(l) > 0 {
		t.Fatal(l)
	}
	densities := phantom.NewReceptors(6)
	seen := map[string]bool{}
	for _, d := range panel {
		seen[d.Target] = true
		if d.Tracer != "simulated" || d.Licence != "CC0" || d.Space != phantom.Space || len(d.Excluded) > 0 {
			t.Errorf("%+v", d.Source)
		}
		want := densities.Regional(d.Target)
		for i, name := range parcels.Places(false).Names {
			if phantom.Regions()[i].Name != name {
				t.Fatalf("parcel %d is %s", i, name)
			}
			if math.Abs(d.Values[i]-want[i]) > 0.05 { // a fifth of the spread: Accumbens has few voxels
				t.Errorf("%s in %s: %.3f, want %.3f", d.Target, name, d.Values[i], want[i])
			}
		}
	}
	for _, target := range phantom.ReceptorTargets() {
		if !seen[target] {
			t.Errorf("the panel has no %s", target)
		}
	}
	if len(r.Receptors) != 24 {
		t.Errorf("%d receptors in the result", len(r.Receptors))
	}
	before := snapshot(t, dir)
	simulate(t, c)
	for f, at := range snapshot(t, dir) {
		if strings.Contains(f, "derivatives/receptors") && !at.Equal(before[f]) {
			t.Errorf("%s was written again", f)
		}
	}
	table := filepath.Join(r.Panel, "receptors.tsv")
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(table); err != nil {
		t.Fatal(err)
	}
	simulate(t, c)
	if again, err := os.ReadFile(table); err != nil || string(again) != string(text) {
		t.Errorf("the table that was gone came back different, %v", err)
	}
}
