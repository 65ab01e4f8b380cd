package pipeline

import (
	"context"
	"errors"
	"math"
	"testing"

	"phasl/crossover"
	"phasl/phantom"
)

// TestDefaultScenarioIsThePhantoms: the calibration and the simulated dataset
// have the same sizes of variation, so that one table speaks for both.
func TestDefaultScenarioIsThePhantoms(t *testing.T) {
	tr, l := phantom.NewTrial(phantom.TrialOptions{})
	if l.Err() != nil {
		t.Fatal(l)
	}
	got, want := crossover.DefaultScenario(), tr.Components("sgACC")
	for _, x := range []struct {
		what      string
		got, want float64
	}{{"subject SD", got.SubjectSD, want.Subject}, {"session SD", got.SessionSD, want.Session}, {"residual SD", got.ResidualSD, want.Residual}} {
		if math.Abs(x.got/x.want-1) > 0.05 { // the scenario's are rounded
			t.Errorf("%s: %g, the phantom has %g", x.what, x.got, x.want)
		}
	}
	for _, c := range tr.Planted("sgACC") {
		if c.Name == "phase:placebo" && math.Abs(got.Phase/c.CBF-1) > 0.05 {
			t.Errorf("phase effect %g, the phantom has %g", got.Phase, c.CBF)
		}
	}
}

// TestCalibrationCasesRun tries every condition of the table on few trials.
func TestCalibrationCasesRun(t *testing.T) {
	cases := CalibrationCases(crossover.DefaultScenario())
	seen := 0
	res, err := Calibrate(context.Background(), cases, crossover.CalibrationOptions{Trials: 4, Seed: 1}, func(e Event) {
		if e.Done != seen || e.Total != len(cases) {
			t.Errorf("event %+v", e)
		}
		seen++
	})
	if err != nil || len(res) != len(cases) || seen != len(cases) {
		t.Fatal(err, len(res), seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Calibrate(ctx, cases[:1], crossover.CalibrationOptions{Trials: 10}, nil); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
