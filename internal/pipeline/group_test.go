package pipeline

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/phantom"
)

// regionTrial writes the tables of a simulated trial, without any image, and
// the regions.tsv that the participant level would have made of it.
func regionTrial(tb testing.TB, opt phantom.TrialOptions, regions ...string) (GroupConfig, *phantom.Trial) {
	tb.Helper()
	dir := tb.TempDir()
	raw, out := filepath.Join(dir, "raw"), filepath.Join(dir, "out")
	trial, l := phantom.NewTrial(opt)
	if l.Err() != nil {
		tb.Fatal(l)
	}
	if err := trial.WriteRoot(raw, "scan"); err != nil {
		tb.Fatal(err)
	}
	writeRegions(tb, out, trial, trial.Values(regions...))
	return GroupConfig{BIDSDir: raw, OutDir: out, Version: "test"}, trial
}

// writeRegions writes values as the participant level does.
func writeRegions(tb testing.TB, out string, trial *phantom.Trial, values []crossover.Value) {
	tb.Helper()
	phase := map[string]string{}
	for _, s := range trial.Crossover().Scans {
		phase[s.Subject+s.Session+s.Run] = s.Phase
	}
	var rows [][]string
	for _, v := range values {
		rows = append(rows, []string{"sub-" + v.Subject, v.Session, v.Acq, v.Run, phase[v.Subject+v.Session+v.Run], v.Region, "cbf",
			bids.FormatNumber(v.CBF), bids.FormatNumber(v.SE), v.Units, "voxels", "", "", v.Note})
	}
	if err := bids.WriteTable(filepath.Join(out, "regions.tsv"), regionColumns, rows); err != nil {
		tb.Fatal(err)
	}
}

var groupRegions = []string{"global_gm", "sgACC", "pgACC", "dACC", "Thalamus_L", "Calcarine_R"}

func runGroup(t *testing.T, c GroupConfig) *GroupResult {
	t.Helper()
	r, err := RunGroup(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func effectOf(t *testing.T, r *GroupResult, region string, m crossover.Measure, name string) crossover.Effect {
	t.Helper()
	for _, f := range r.Models {
		for _, e := range f.Effects {
			if f.Region == region && f.Measure == m && e.Name == name {
				return e
			}
		}
	}
	t.Fatalf("no effect %s of %s, %s", name, region, m)
	return crossover.Effect{}
}

// With complete data the phase effect under a treatment is the mean over
// people of infusion − baseline: formed here from the values themselves.
func TestGroupEffectIsMeanDifference(t *testing.T) {
	c, trial := regionTrial(t, phantom.TrialOptions{Subjects: 12, Seed: 3}, groupRegions...)
	r := runGroup(t, c)
	for _, region := range []string{"sgACC", "Calcarine_R"} {
		cell := map[[2]string]float64{}
		n := 0.0
		values := trial.Values(region)
		for _, s := range trial.Crossover().Scans {
			for _, v := range values {
				if v.Subject == s.Subject && v.Session == s.Session && v.Run == s.Run {
					cell[[2]string{s.Treatment, s.Phase}] += v.CBF
					n += 0.25
				}
			}
		}
		diff := func(treatment string) float64 {
			return (cell[[2]string{treatment, "infusion"}] - cell[[2]string{treatment, "baseline"}]) / n
		}
		for name, want := range map[string]float64{
			"phase:placebo": diff("placebo"), "phase:naltrexone": diff("naltrexone"),
			"interaction:naltrexone": diff("naltrexone") - diff("placebo"),
		} {
			got := float64(effectOf(t, r, region, crossover.Absolute, name).Estimate)
			if math.Abs(got-want) > 1e-9*math.Abs(want)+1e-9 { // balanced: generalised equals ordinary least squares
				t.Errorf("%s %s: %.12g, want %.12g", region, name, got, want)
			}
		}
	}
	if r.Flow.Randomised != 12 || r.Flow.Complete != 12 {
		t.Errorf("flow %+v", r.Flow)
	}
	for _, f := range r.Files {
		if _, err := os.Stat(filepath.Join(c.OutDir, f)); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"effects", "means", "anova", "components", "attenuation", "data", "design", "flow"} {
		tb, l := bids.ReadTable(filepath.Join(c.OutDir, name+".tsv"))
		if len(l) > 0 || len(tb.Rows) == 0 {
			t.Errorf("%s.tsv: %v", name, l)
		}
		dict, l := bids.ReadJSON(filepath.Join(c.OutDir, name+".json"), name)
		if len(l) > 0 || len(dict) != len(tb.Columns) {
			t.Errorf("%s.json describes %d of %d columns", name, len(dict), len(tb.Columns))
		}
	}
}

// The same bytes for any number of workers, after an analysis that was
// stopped, and after one by another plan.
func TestGroupSameBytes(t *testing.T) {
	c, _ := regionTrial(t, phantom.TrialOptions{Subjects: 8, Missing: 0.1}, groupRegions...)
	c.Workers = 1
	steps := 0
	c.Progress = func(Event) { steps++ }
	runGroup(t, c)
	want := tree(t, c.OutDir)

	c.Workers = 2
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	c.Progress = func(Event) {
		if n++; n == steps {
			cancel()
		}
	}
	if _, err := RunGroup(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: %v", err)
	}
	c.Progress = nil
	runGroup(t, c)
	sameTree(t, "2 workers, stopped once", tree(t, c.OutDir), want)

	plan := filepath.Join(t.TempDir(), "other.toml")
	if err := os.WriteFile(plan, []byte("measures = [\"relative\"]\n[regions]\nothers = false\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	other := c
	other.Plan = plan
	r := runGroup(t, other)
	if !slices.Contains(r.Files, "plan.toml") {
		t.Error("no copy of the plan")
	}
	for _, m := range r.Models {
		if m.Measure != crossover.Relative || !m.Primary {
			t.Errorf("the plan was not followed: %s %s", m.Region, m.Measure)
		}
	}
	runGroup(t, c) // takes the plan's copy away again
	sameTree(t, "back to the first plan", tree(t, c.OutDir), want)
}

// A run killed while files take their places leaves a mixture; the next run
// makes it whole and leaves nothing of what the killed one would have written.
func TestGroupCommitAfterKill(t *testing.T) {
	c, _ := regionTrial(t, phantom.TrialOptions{Subjects: 6}, groupRegions...)
	runGroup(t, c)
	want := tree(t, c.OutDir)
	if err := bids.WriteJSON(filepath.Join(c.OutDir, ".phasl", "group.json"), manifest{[]string{"effects.tsv", "plan.toml", "group/old.nii.gz", "../outside.txt"}}); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(filepath.Dir(c.OutDir), "outside.txt")
	for _, f := range []string{filepath.Join(c.OutDir, "plan.toml"), filepath.Join(c.OutDir, "group", "old.nii.gz"), filepath.Join(c.OutDir, ".phasl", "group.new", "report.html"), outside} {
		os.MkdirAll(filepath.Dir(f), 0o777)
		if err := os.WriteFile(f, []byte("left"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	runGroup(t, c)
	sameTree(t, "after a kill", tree(t, c.OutDir), want)
	if _, err := os.Stat(outside); err != nil {
		t.Error("a damaged list had a file outside the output folder removed")
	}
}

// All scans without results are named at once, each with a way out.
func TestGroupNamesAllMissing(t *testing.T) {
	c, trial := regionTrial(t, phantom.TrialOptions{Subjects: 6})
	values := trial.Values(groupRegions...)
	lost := map[string]bool{"02": true, "05": true}
	writeRegions(t, c.OutDir, trial, slices.DeleteFunc(values, func(v crossover.Value) bool { return lost[v.Subject] && v.Session == "2" }))
	before := tree(t, c.OutDir)
	_, err := RunGroup(t.Context(), c)
	l, ok := errors.AsType[diag.List](err)
	if !ok || len(l.Errors()) != 4 {
		t.Fatalf("%v, want 4 faults", err)
	}
	for _, p := range l {
		if !strings.Contains(p.Fix, "[[exclude]]") || !strings.Contains(p.Fix, "participant level") {
			t.Errorf("fix %q", p.Fix)
		}
	}
	sameTree(t, "after faults", tree(t, c.OutDir), before)

	plan := filepath.Join(t.TempDir(), "plan.toml")
	text := ""
	for _, sub := range []string{"02", "05"} {
		text += "[[exclude]]\nsubject = \"" + sub + "\"\nsession = \"2\"\nreason = \"scanner broke down\"\n"
	}
	if err := os.WriteFile(plan, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	c.Plan = plan
	r := runGroup(t, c)
	if r.Flow.Complete != 4 || r.Flow.Analysed != 6 || len(r.Flow.LeftOut) != 4 {
		t.Errorf("flow %+v", r.Flow)
	}
}

// A subset is analysed as asked, and the results say so.
func TestGroupSubset(t *testing.T) {
	c, _ := regionTrial(t, phantom.TrialOptions{Subjects: 8}, groupRegions...)
	c.Participants = []string{"01", "02", "03", "04", "05", "07"}
	r := runGroup(t, c)
	if r.Flow.Analysed != 6 {
		t.Errorf("%d analysed, want 6", r.Flow.Analysed)
	}
	if !slices.ContainsFunc(r.Deviations, func(s string) bool { return strings.Contains(s, "sub-07") && strings.Contains(s, "Only 6") }) {
		t.Errorf("deviations %q do not tell", r.Deviations)
	}
	// Everybody is counted, and who was not asked for is not put down as lost;
	// a reason of the plan comes first.
	c.Plan = filepath.Join(t.TempDir(), "plan.toml")
	if err := os.WriteFile(c.Plan, []byte("[[exclude]]\nsubject = \"06\"\nreason = \"took caffeine\"\n[[exclude]]\nsubject = \"07\"\nsession = \"2\"\nreason = \"moved\"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	r = runGroup(t, c)
	want := []crossover.FlowItem{{Unit: "sub-06", Reason: "took caffeine"}, {Unit: "sub-08", Reason: "not selected on the command line"}}
	if f := r.Flow; f.Randomised != 8 || f.Scanned != 8 || f.Analysed != 6 || f.Complete != 5 || !slices.Equal(f.Excluded, want) {
		t.Errorf("flow %+v", f)
	}
	c.Plan = ""
	c.Participants = []string{"01", "77"}
	if _, err := RunGroup(t.Context(), c); err == nil || !strings.Contains(err.Error(), "no sub-77") {
		t.Errorf("unknown label: %v", err)
	}
}
