package lmm_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"phasl/lmm"
)

// One person has both sessions, seven have one, and all who share the first
// person's sequence have only the second: the cell means then take up the one
// difference between sessions of a person, and nothing is left that tells
// people from sessions. Contrasts must come out much as in the model with one
// variance, and not with a standard error of 1e6 on 1e-11 degrees of freedom.
func TestKenwardRogerVariancesConfounded(t *testing.T) {
	tab := lmm.NewTable("t")
	cols := map[string][]string{}
	add := func(subject, visit int, treatment, sequence string) {
		for _, phase := range []string{"baseline", "infusion"} {
			cols["subject"] = append(cols["subject"], fmt.Sprint("s", subject))
			cols["session"] = append(cols["session"], fmt.Sprint("s", subject, "v", visit))
			cols["treatment"] = append(cols["treatment"], treatment)
			cols["sequence"] = append(cols["sequence"], sequence)
			cols["period"] = append(cols["period"], fmt.Sprint("p", visit))
			cols["phase"] = append(cols["phase"], phase)
		}
	}
	for s := range 8 {
		order := [][]string{{"A", "B"}, {"B", "A"}}[s%2]
		for v := range 2 {
			if s == 0 || s%2 == 0 && v == 1 || s%2 == 1 && v == s/4 {
				add(s, v, order[v], order[0]+order[1])
			}
		}
	}
	for _, name := range []string{"subject", "session", "treatment", "sequence", "period", "phase"} {
		tab.AddFactor(name, cols[name])
	}
	batch := func(random string) *lmm.BatchResult {
		f, err := lmm.ParseFormula("y ~ treatment*phase + period + sequence + " + random)
		if err != nil {
			t.Fatal(err)
		}
		b, err := lmm.NewBatch(f, tab)
		if err != nil {
			t.Fatal(err)
		}
		return b.Fit(100, func(dst []float64, j int) {
			rng := rand.New(rand.NewPCG(1, uint64(j)))
			effect := map[string]float64{}
			for i := range dst {
				for _, g := range []string{cols["subject"][i], cols["session"][i]} {
					if _, ok := effect[g]; !ok {
						effect[g] = 3 * rng.NormFloat64()
					}
				}
				dst[i] = 50 + effect[cols["subject"][i]] + effect[cols["session"][i]] + rng.NormFloat64()
			}
		}, lmm.BatchOptions{})
	}
	both, one := batch("(1|subject) + (1|session)"), batch("(1|session)")
	for k := range both.SE {
		// How the sum divides changes the weights a little, and so the SE.
		if r := both.SE[k] / one.SE[k]; !(r > 0.5 && r < 2) || !(both.DF[k] > 0.1) {
			t.Fatalf("response %d, %s: SE %g on %g degrees of freedom, with one variance %g on %g",
				k/len(both.Contrasts), both.Contrasts[k%len(both.Contrasts)], both.SE[k], both.DF[k], one.SE[k], one.DF[k])
		}
	}
}
