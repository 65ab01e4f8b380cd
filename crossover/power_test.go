package crossover_test

import (
	"fmt"
	"math"
	"testing"

	"phasl/corr"
	"phasl/crossover"
)

// The tests of a difference reject at their level where there is none, and
// "significant under one treatment and not under the other" does not: with
// equal correlations it is said far too often.
func TestAssociationLevels(t *testing.T) {
	n, draws := 2000, 199
	if testing.Short() {
		n = 300
	}
	// Four Monte Carlo errors about 5 %, and 1 % for what the method errs itself.
	most := crossover.Number(0.06 + 4*math.Sqrt(0.05*0.95/float64(n)))
	for _, s := range []corr.Scenario{
		{Name: "none", People: 26, Stability: 0.5, Covariates: 1},
		{Name: "equal", People: 26, R1: 0.5, R2: 0.5, Stability: 0.5, Covariates: 1},
		{Name: "scores", People: 26, R1: 0.5, R2: 0.5, Stability: 0.5, Y: corr.Score, Y2: corr.Score},
	} {
		got, err := crossover.SimulateAssociation(s, 0.05, corr.SimulationOptions{Studies: n, Draws: draws, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got.Permutation.Share > most || got.Slopes.Share > most || got.Unfitted > 0 {
			t.Errorf("%s: correlations %.3f, slopes %.3f, %d unfitted", s.Name, float64(got.Permutation.Share), float64(got.Slopes.Share), got.Unfitted)
		}
		// One residual variance is true of normal scores, not of skewed ones.
		if s.Y == corr.Normal && (got.Moderation.Share > most || got.Steiger.Share > most) {
			t.Errorf("%s: mixed model %.3f, Steiger %.3f", s.Name, float64(got.Moderation.Share), float64(got.Steiger.Share))
		}
		if c := float64(got.Covered.Share); math.Abs(c-(1-float64(got.Moderation.Share))) > 1e-9 {
			t.Errorf("%s: coverage %.3f is not one less the rate of rejection", s.Name, c)
		}
		if s.R1 == 0.5 && s.Y == corr.Normal && got.Naive.Share < 0.15 {
			t.Errorf("%s: significant in one only in %.3f", s.Name, float64(got.Naive.Share))
		}
	}
	few := corr.Scenario{People: 26, R1: 0.5, R2: 0.2, Stability: 0.4, Covariates: 1}
	one, _ := crossover.SimulateAssociation(few, 0.05, corr.SimulationOptions{Studies: 40, Draws: 99, Seed: 3, Workers: 1})
	three, _ := crossover.SimulateAssociation(few, 0.05, corr.SimulationOptions{Studies: 40, Draws: 99, Seed: 3, Workers: 3})
	if fmt.Sprint(*one) != fmt.Sprint(*three) {
		t.Error("rates depend on the number of workers")
	}
	if _, err := crossover.SimulateAssociation(corr.Scenario{People: 2}, 0.05, corr.SimulationOptions{}); err == nil {
		t.Error("two people make a trial")
	}
}

// The closed forms of the number of people give that power in simulated trials.
func TestPeopleNeeded(t *testing.T) {
	if n := crossover.PeopleForCorrelation(0.3, 0, 0.05, 0.8); n != 85 { // 3 + ((1.960 + 0.842)/0.30952)² = 84.93
		t.Errorf("%d people for r = 0.3, want 85", n)
	}
	if n := crossover.PeopleForDifference(0.3, 0.3, 0.5, 0, 0.05, 0.8); n != 0 {
		t.Errorf("%d people show a difference that is not there", n)
	}
	trials := 1500
	if testing.Short() {
		trials = 300
	}
	for _, tt := range []struct{ r1, r2, stability float64 }{{0.56, 0, 0.5}, {0.7, 0.2, 0.3}} {
		n := crossover.PeopleForDifference(tt.r1, tt.r2, tt.stability, 1, 0.05, 0.8)
		got, err := crossover.SimulateAssociation(corr.Scenario{People: n, R1: tt.r1, R2: tt.r2, Stability: tt.stability, Covariates: 1}, 0.05, corr.SimulationOptions{Studies: trials, Seed: 8})
		if err != nil {
			t.Fatal(err)
		}
		// Three Monte Carlo errors, and 2 % for the approximation.
		if d := math.Abs(float64(got.Steiger.Share) - 0.8); d > 0.02+3*float64(got.Steiger.SE) {
			t.Errorf("%+v, %d people: power %.3f, want 0.8", tt, n, float64(got.Steiger.Share))
		}
	}
}
