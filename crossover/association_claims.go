package crossover

import (
	"fmt"
	"math"
	"slices"

	"phasl/corr"
	"phasl/diag"
	"phasl/lmm"
)

// leftOut computes a value and its p-value with each person left out in turn.
// As only whether a claim turns is asked, some 2,000 draws do.
func leftOut(rows []AssociationPoint, o corr.Options, of func(i int, o corr.Options) (value, p float64)) []without {
	const draws = 1999
	o.Bootstrap, o.Permutations = 0, min(o.Permutations, draws)
	out := make([]without, len(rows))
	for i := range rows {
		out[i].subject = rows[i].Subject
		out[i].value, out[i].p = of(i, o)
	}
	return out
}

// preferred is the permutation p-value, or that of the closed form if there is
// none: claims rest on it.
func preferred(permutation, p Number) float64 {
	if !math.IsNaN(float64(permutation)) {
		return float64(permutation)
	}
	return float64(p)
}

// correctAssociations corrects over the plan's associations: the correlations
// under the plan's treatment are one family, their differences another. Then it
// asks of each claim whether one person decides it.
func correctAssociations(s *Associations, o corr.Options) {
	var within, between []claim
	for i := range s.List {
		a := &s.List[i]
		w := &a.By[0]
		within = append(within, claim{preferred(w.PPermutation, w.P), &w.PAdjusted, w.without, w.Influence, &w.Fragile})
		for j := range a.Differences {
			d := &a.Differences[j]
			between = append(between, claim{preferred(d.PPermutation, d.P), &d.PAdjusted, d.without, d.Influence, &d.Fragile})
		}
	}
	for k, family := range [][]claim{within, between} {
		p := make([]float64, len(family))
		for i := range family {
			if p[i] = family[i].p; math.IsNaN(p[i]) {
				p[i] = 1 // planned and not computed: the others are corrected for it all the same
			}
		}
		for i, adjusted := range lmm.Adjust(p, adjustment(s.Multiplicity)) {
			if !math.IsNaN(family[i].p) {
				*family[i].adjusted = Number(adjusted)
			}
		}
		if k == 0 && s.Multiplicity == maxR {
			s.correctByMax(o)
		}
		for i := range family {
			if !math.IsNaN(family[i].p) {
				s.turns(family[i], p, i)
			}
		}
	}
}

// A claim is one test of a family, with what is left of it without each person.
type claim struct {
	p         float64
	adjusted  *Number
	without   []without
	influence []Influence
	fragile   *string
}

// turns marks the people without whom the claim is another, the other tests of
// the family staying as they are.
func (s *Associations) turns(c claim, family []float64, at int) {
	turned := map[string]bool{}
	var names []string
	p := slices.Clone(family)
	for _, w := range c.without {
		if math.IsNaN(w.p) {
			continue
		}
		p[at] = w.p
		adjusted := Number(lmm.Adjust(p, adjustment(s.Multiplicity))[at])
		if s.Multiplicity == maxR && c.p > 0 { // the correction that this claim had, of the new p
			adjusted = Number(math.Min(1, math.Max(w.p, float64(*c.adjusted)*w.p/c.p)))
		}
		if s.Shown(adjusted) != s.Shown(*c.adjusted) {
			turned[w.subject] = true
			names = append(names, fmt.Sprintf("sub-%s (%s, %s)", w.subject, decimals(w.value, 2), s.adjustedText(adjusted)))
		}
	}
	for i := range c.influence {
		c.influence[i].Turns = turned[c.influence[i].Subject]
	}
	*c.fragile = diag.Few(names, 3)
}

// maxR is the word for the correction by the largest correlation of the family.
const maxR = "max"

// correctByMax corrects the correlations under the plan's treatment by the
// permutation distribution of the most extreme of them, which keeps that they
// are of the same people. See corr.Family.
func (s *Associations) correctByMax(o corr.Options) {
	var people []string
	for i := range s.List {
		for _, q := range s.List[i].Data {
			if !slices.Contains(people, q.Subject) {
				people = append(people, q.Subject)
			}
		}
	}
	slices.Sort(people)
	var pairs []corr.Pair
	for i := range s.List {
		a := &s.List[i]
		column := func() []float64 {
			c := make([]float64, len(people))
			for k := range c {
				c[k] = math.NaN()
			}
			return c
		}
		d := corr.Data{X: column(), Y: column(), Names: a.Adjust}
		for range a.Adjust {
			d.Covariates = append(d.Covariates, column())
		}
		for _, q := range a.Data {
			if q.Treatment != a.Within {
				continue
			}
			k, _ := slices.BinarySearch(people, q.Subject)
			d.X[k], d.Y[k] = float64(q.X), float64(q.Y)
			for j, v := range q.Covariates {
				d.Covariates[j][k] = float64(v)
			}
		}
		pairs = append(pairs, corr.Pair{Data: d, Side: correlationSide(a.Side)})
	}
	for i, c := range corr.Family(pairs, o) {
		if !math.IsNaN(c.PMax) {
			s.List[i].By[0].PAdjusted = Number(c.PMax)
		}
	}
}
