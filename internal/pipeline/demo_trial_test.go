package pipeline

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/phantom"
)

// A whole trial of a few people from raw scans to the report: the pipeline
// adds little to what people and visits differ by, and a second run of the
// demonstration does nothing anew.
func TestDemoTrial(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates and processes a small trial")
	}
	c := DemoTrialConfig{Dir: t.TempDir(), Subjects: 4, Voxel: 6, Physics: phantom.WhitePaper, Version: "test", noMaps: true}
	last := 0.0
	c.Progress = func(e Event) {
		if f := e.Fraction(); f < last-0.03 || f > 1 { // people are simulated side by side
			t.Errorf("progress goes from %.3f to %.3f at %s: %s", last, f, e.Unit, e.Step)
		} else {
			last = f
		}
	}
	r, err := DemoTrial(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Subjects != 4 || r.Scans != 16 {
		t.Errorf("%d people, %d scans", r.Subjects, r.Scans)
	}
	// At 6 mm, half of what the demonstration has, registration to a fraction
	// of a voxel leaves regional errors of several percent in single scans;
	// their mean is the accuracy of calibration and stays small.
	if r.Measured.Values < 1000 || math.Abs(float64(r.Measured.Bias)) > 2 || r.Measured.SD > 8 {
		t.Errorf("error of single scans %+v", r.Measured)
	}
	primary := 0
	for _, x := range r.Contrasts {
		if x.Primary && strings.HasPrefix(x.Name, crossover.PhaseEffect+":") {
			primary++
			if !(x.Planted > 2) || !(x.Low < x.Found && x.Found < x.High) {
				t.Errorf("%+v", x)
			}
		}
	}
	if primary != 6 {
		t.Errorf("%d phase effects of primary regions, want 6", primary)
	}
	for _, x := range r.Summary {
		// Chance: 4 people whose scans differ by some 5 %.
		if x.Regions < 90 || math.Abs(float64(x.Bias)) > 20 {
			t.Errorf("%+v", x)
		}
	}
	planted := 0
	for _, a := range r.Associations {
		if a.N != 4 || (a.Treatment == "placebo") != (a.True > 0.5) || !(float64(a.Planted) > 0.8*float64(a.True)) && a.True > 0 {
			t.Errorf("%+v", a)
		}
		planted++
	}
	if planted != 8 {
		t.Errorf("%d correlations with symptoms, want 8", planted)
	}
	follows := 0
	for _, a := range r.Receptors {
		if a.Weight != 0 {
			if follows++; !(a.True > 0.2) {
				t.Errorf("planted, and true rho is %v: %+v", a.True, a)
			}
		}
		if math.IsNaN(float64(a.P)) || a.Shown != (a.PFWE < 0.05) {
			t.Errorf("%+v", a)
		}
	}
	if len(r.Receptors) != 12 || follows != 5 {
		t.Errorf("%d alignments, %d planted; want 12 and 5", len(r.Receptors), follows)
	}
	page, err := os.ReadFile(filepath.Join(c.Dir, "derivatives", "index.html"))
	if err != nil || !strings.Contains(string(page), `href="report.html"`) {
		t.Errorf("the page over participants does not lead to the report (%v)", err)
	}
	report, err := os.ReadFile(r.Report)
	if err != nil || len(report) > 5<<20 {
		t.Errorf("report of %d bytes, %v", len(report), err)
	}
	for _, word := range []string{"sub-01.html", "ketamine", "Simulated trial of ketamine after placebo or naltrexone", "Labelling was pseudo-continuous"} {
		if !strings.Contains(string(report), word) {
			t.Errorf("the report does not hold %q", word)
		}
	}

	want := tree(t, c.Dir)
	c.Workers, last = 1, 0
	if _, err := DemoTrial(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	sameTree(t, "again, one worker", tree(t, c.Dir), want)
}
