package crossover_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"phasl/crossover"
)

// A claim is judged, and its interval named, by the plan's level; a p-value
// that is the threshold itself shows nothing.
func TestAssociationsFollowTheLevel(t *testing.T) {
	tr, values, ratings := symptomTrial(14, 11, 0.4)
	for _, level := range []float64{0.9, 0.95, 0.99} {
		p := symptomPlan(t, symptomAssociation)
		p.Model.Level = level
		got, l := crossover.Associate(p, tr, values, ratings, 1)
		if len(l) > 0 {
			t.Fatal(l)
		}
		a := got.List[0]
		if want := fmt.Sprintf("%.0f %% CI", 100*level); strings.Count(a.Sentence, want) != 2 || strings.Count(a.Sentence, "% CI") != 2 {
			t.Errorf("level %g: %s", level, a.Sentence)
		}
		if shown := float64(a.By[0].PAdjusted) < 1-level; strings.Contains(a.Sentence, "no correlation was shown") == shown {
			t.Errorf("level %g, adjusted p %g: %s", level, float64(a.By[0].PAdjusted), a.Sentence)
		}
		for p, want := range map[float64]bool{1 - level + 1e-6: false, 1 - level - 1e-6: true, 0: true, 1: false, math.NaN(): false} {
			if got.Shown(crossover.Number(p)) != want {
				t.Errorf("level %g: p = %g counts as shown: %v", level, p, !want)
			}
		}
	}
	if s := (crossover.Associations{Level: 0.95}); s.Shown(0.05) {
		t.Error("p = 0.05 counts as below 0.05")
	}
}

// The people named as those who alone carry a conclusion are those marked.
func TestTurningPeopleAreMarked(t *testing.T) {
	marked := 0
	for seed := range uint64(12) {
		tr, values, ratings := symptomTrial(10, seed, 0.6)
		got, _ := crossover.Associate(symptomPlan(t, strings.Replace(symptomAssociation, "[\"baseline\"]", "[\"baseline\", \"age\"]", 1)), tr, values, ratings, 1)
		a := got.List[0]
		if w := a.AdjustedFor(); w != "its baseline and age" || !strings.Contains(a.Sentence, "adjusted for "+w+",") {
			t.Errorf("adjusted for %q: %s", w, a.Sentence)
		}
		for _, c := range a.By {
			n := 0
			for _, i := range c.Influence {
				if i.Turns {
					n++
				}
				if i.Turns && n <= 3 && !strings.Contains(c.Fragile, "without sub-"+i.Subject+" ") && strings.Count(c.Fragile, "without sub-") < 3 {
					t.Errorf("sub-%s is marked, but only %q is said", i.Subject, c.Fragile)
				}
			}
			if (n > 0) != (c.Fragile != "") {
				t.Errorf("%d people marked; said: %q", n, c.Fragile)
			}
			marked += n
		}
	}
	if marked == 0 {
		t.Error("nobody turned a conclusion in any trial: the test tests nothing")
	}
}
