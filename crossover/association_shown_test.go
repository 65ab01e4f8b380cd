package crossover_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/lmm"
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
		if want := fmt.Sprintf("%.0f %% CI", 100*level); strings.Count(a.Sentence, want) != 3 || strings.Count(a.Sentence, "% CI") != 3 {
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
		check := func(influence []crossover.Influence, fragile string) {
			n := 0
			for _, i := range influence {
				if i.Turns {
					n++
				}
				if i.Turns != strings.Contains(fragile, "sub-"+i.Subject+" (") && !strings.Contains(fragile, " more") {
					t.Errorf("sub-%s is marked: %v; said: %q", i.Subject, i.Turns, fragile)
				}
			}
			if (n > 0) != (fragile != "") {
				t.Errorf("%d people marked; said: %q", n, fragile)
			}
			marked += n
		}
		for _, c := range a.By {
			check(c.Influence, c.Fragile)
		}
		check(a.Differences[0].Influence, a.Differences[0].Fragile)
	}
	if marked == 0 {
		t.Error("nobody turned a conclusion in any trial: the test tests nothing")
	}
}

// The claim that turns without somebody is the corrected one, and so is the
// claim that is recomputed.
func TestTurningIsOfTheCorrectedClaim(t *testing.T) {
	found := 0
	for seed := range uint64(6) {
		tr, values, ratings := symptomTrial(14, seed, 0.7)
		p := symptomPlan(t, symptomAssociation+strings.Replace(symptomAssociation, "[\"baseline\"]", "[]", 1))
		got, _ := crossover.Associate(p, tr, values, ratings, 1)
		w := got.List[0].By[0]
		for _, i := range w.Influence {
			// The same trial without the person, corrected with the other p as it was.
			var fewer []crossover.Rating
			for _, r := range ratings {
				if r.Subject != i.Subject {
					fewer = append(fewer, r)
				}
			}
			one, _ := crossover.Associate(p, tr, values, fewer, 1)
			raw := []float64{float64(one.List[0].By[0].PPermutation), float64(got.List[1].By[0].PPermutation)}
			if turns := got.Shown(crossover.Number(lmm.Adjust(raw, lmm.Holm)[0])) != got.Shown(w.PAdjusted); turns != i.Turns {
				t.Errorf("seed %d, sub-%s turns: %v, want %v", seed, i.Subject, i.Turns, turns)
			}
			if i.Turns {
				found++
			}
		}
	}
	if found == 0 {
		t.Error("nobody turned a claim in any trial: the test tests nothing")
	}
}
