package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
	"phasl/nullmap"
	"phasl/receptor"
)

// receptorAlpha is the threshold of the family-wise p of alignments.
const receptorAlpha = 0.05

// label names an effect map in words.
func (q *Receptors) label(e *ReceptorEffect) string {
	return orText(e.Label, orText(e.Name, "effect"))
}

// symbol is the sign of the coefficient.
func (q *Receptors) symbol() string {
	if q.method() == receptor.Spearman {
		return "ρ"
	}
	return "r"
}

// method is how maps were correlated: as the alignments say, else as given.
func (q *Receptors) method() receptor.Method {
	for i := range q.Effects {
		if a := q.Effects[i].Alignments; a != nil && a.Method != "" {
			return a.Method
		}
	}
	if q.Method == "" {
		return receptor.Spearman
	}
	return q.Method
}

// name calls a density by its target, with its file where the panel has
// several of the target.
func (q *Receptors) name(target, file string) string {
	n := 0
	for i := range q.Panel {
		if q.Panel[i].Target == target {
			n++
		}
	}
	if n > 1 && file != "" {
		return target + " (" + file + ")"
	}
	return orText(target, orText(file, "receptor without a name"))
}

// density is the panel's map of a result; nil if it is not there.
func (q *Receptors) density(target, file string) *receptor.Density {
	for i := range q.Panel {
		if d := &q.Panel[i]; d.Target == target && d.File == file {
			return d
		}
	}
	return nil
}

// person is what people's maps say of the receptor of a result; nil if there
// is nothing.
func (e *ReceptorEffect) person(target, file string) *receptor.PeopleAlignment {
	if e.People == nil {
		return nil
	}
	for i := range e.People.Results {
		if p := &e.People.Results[i]; p.Target == target && p.File == file {
			return p
		}
	}
	return nil
}

// A receptorClaim is what is said of one receptor.
type receptorClaim struct {
	name   string
	r, p   float64 // of the same map
	people bool    // p speaks for new people too
	reason string  // why p is NaN
}

func (c receptorClaim) shown() bool { return c.p < receptorAlpha }

// claims returns the claim of each receptor: the joint p of people and places
// where people's maps were tested, else that of places.
func (q *Receptors) claims(e *ReceptorEffect) []receptorClaim {
	var out []receptorClaim
	if e.People != nil {
		for i := range e.People.Results {
			p := &e.People.Results[i]
			out = append(out, receptorClaim{q.name(p.Target, p.File), p.R, p.PJointFWE, true, p.Reason})
		}
		return out
	}
	if e.Alignments != nil {
		for i := range e.Alignments.Results {
			a := &e.Alignments.Results[i]
			out = append(out, receptorClaim{q.name(a.Target, a.File), a.R, a.PFWE, false, a.Reason})
		}
	}
	return out
}

func isNumber(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func pText(p float64) string { return pValue(crossover.Number(p)) }

func pIs(p float64) string { return pEquals(crossover.Number(p)) }

// r2 writes a coefficient.
func r2(v float64) string { return fixed(v, 2) }

func signedTwo(v float64) string { return signedR(crossover.Number(v)) }

// between writes an interval of coefficients.
func between(lo, hi float64) string { return spanR(crossover.Number(lo), crossover.Number(hi)) }

// coefficientIs writes the coefficient with its sign, which no line end parts.
func (q *Receptors) coefficientIs(r float64) string {
	return q.symbol() + "\u00a0=\u00a0" + r2(r)
}

// mostNamed is the number of receptors that a sentence names.
const mostNamed = 6

// sentence says which densities an effect map looks like, by the p of the
// claims.
func (q *Receptors) sentence(e *ReceptorEffect) string {
	var more, less, lost []string
	rest := 0
	best := receptorClaim{p: math.NaN()}
	for _, c := range q.claims(e) {
		switch {
		case !isNumber(c.p) || !isNumber(c.r):
			lost = append(lost, c.name)
		case c.shown() && c.r > 0:
			more = append(more, fmt.Sprintf("%s (%s, %s)", c.name, q.coefficientIs(c.r), pIs(c.p)))
		case c.shown():
			less = append(less, fmt.Sprintf("%s (%s, %s)", c.name, q.coefficientIs(c.r), pIs(c.p)))
		default:
			rest++
			if !(best.p <= c.p) {
				best = c
			}
		}
	}
	say := func(list []string) string {
		if n := len(list); n > mostNamed {
			list = append(list[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
		}
		return joinAnd(list)
	}
	denser := func(list []string) string {
		if len(list) == 1 {
			return " is denser"
		}
		return " are denser"
	}
	var parts []string
	if len(more) > 0 {
		parts = append(parts, "higher where "+say(more)+denser(more))
	}
	if len(less) > 0 {
		parts = append(parts, "lower where "+say(less)+denser(less))
	}
	nearest := ""
	if isNumber(best.p) {
		nearest = fmt.Sprintf("%s, %s", q.coefficientIs(best.r), pIs(best.p))
	}
	t := ""
	switch {
	case len(parts) > 0:
		t = "values are " + joinAnd(parts)
		if rest > 0 {
			t += fmt.Sprintf("; no alignment with the other %s is shown", plural(rest, "receptor", "receptors"))
		}
		t += "."
	case rest == 1 && best.name != "":
		t = fmt.Sprintf("no alignment with the density of %s is shown (%s).", best.name, nearest)
	case rest > 1:
		t = fmt.Sprintf("no alignment with any of %d receptors is shown (nearest: %s, %s).", rest, best.name, nearest)
	}
	if len(lost) > 0 {
		t += " Not computed: " + say(lost) + "."
	}
	if t == "" {
		t = "no alignment was computed."
	}
	t = capital(strings.TrimSpace(t))
	if e.People == nil && e.Alignments != nil {
		t += " This speaks for other places only, not for other people."
	}
	return t
}

// leadSentence is the sentence with what its cautions mean.
func (q *Receptors) leadSentence(e *ReceptorEffect) string {
	return strings.TrimSpace(q.sentence(e) + " " + e.doubt())
}

// tags are the claims as labels.
func (q *Receptors) tags(e *ReceptorEffect) []tag {
	var out []tag
	n := 0
	claims := q.claims(e)
	for _, c := range claims {
		if c.shown() && isNumber(c.r) {
			if n++; n > mostNamed {
				continue
			}
			sign := "+"
			if c.r < 0 {
				sign = "−"
			}
			out = append(out, tag{"info", sign, clip(c.name, 40)})
		}
	}
	if n > mostNamed {
		out = append(out, tag{"info", "…", fmt.Sprintf("%d more", n-mostNamed)})
	}
	if n == 0 {
		if slices.ContainsFunc(claims, func(c receptorClaim) bool { return isNumber(c.p) }) {
			return []tag{{"info", "○", "none shown"}}
		}
		return []tag{{"bad", "✕", "not computed"}}
	}
	return out
}

// intro says what was asked and how it is to be read.
func (q *Receptors) intro() []string {
	what := "Does the map of an effect look like the density of a receptor?"
	over := " Each effect on " + q.measureWords() + " is compared with each density over the regions of the atlas"
	if q.Atlas != "" {
		over += " " + q.Atlas
	}
	over += ", by " + q.methodWords()
	if len(q.Adjust) > 0 {
		over += ", after taking out " + joinAnd(q.Adjust)
	}
	over += "."
	claim := " Shown means p < 0.05, corrected over the receptors for each effect map but not over effect maps."
	people, places := false, false
	for i := range q.Effects {
		people = people || q.Effects[i].People != nil
		places = places || q.Effects[i].People == nil && q.Effects[i].Alignments != nil
	}
	if people {
		claim += " This p, called p (both), speaks for new people and other places in the brain at once, and the " + q.symbol() + " beside it is that of the mean of people’s maps. p (people) alone is small for any map that people share; p (places) alone is small where people’s noise happens to look like a receptor: neither is the claim."
	}
	if places {
		claim += " Where people’s own maps were not tested, p speaks for other places only: in other people the map could be another."
	}
	chance := " What chance gives is learnt from surrogates: random maps in which near regions are as alike as in the effect map or in the density, and which have to do with the other no more than by chance."
	return []string{what + over + chance + claim, notOccupancy + " Densities are of other people, some of them few, and are taken as known. That no alignment is shown does not mean that there is none."}
}

// notAsked is said where the plan does not ask for receptors.
const notAsked = "No plan asked for receptors: what is said of them is exploratory."

func unplanned(g *Group) bool { return g.Plan != nil && !g.Plan.Receptors.Asked }

const notOccupancy = "Alignment is not occupancy: that an effect looks like a receptor’s density does not show that the drug acted at that receptor."

// measureWords names what the effects are on.
func (q *Receptors) measureWords() string {
	switch q.Measure {
	case "absolute":
		return "absolute CBF"
	case "relative":
		return "relative CBF"
	}
	return orText(q.Measure, "CBF")
}

func (q *Receptors) leadNote() string {
	t := "p is corrected over the receptors"
	people := slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.People != nil })
	if people {
		t += ", and speaks for new people and other places"
		if slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.People == nil }) {
			t += " where not said otherwise"
		}
	}
	return t + ". " + notOccupancy
}

func (q *Receptors) methodWords() string {
	w := "Pearson’s correlation"
	if q.method() == receptor.Spearman {
		w = "Spearman’s rank correlation"
	}
	if q.adjusted() {
		w = "partial " + w
	}
	return w
}

// adjusted reports whether anything was taken out of the maps.
func (q *Receptors) adjusted() bool {
	if len(q.Adjust) > 0 {
		return true
	}
	return slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.Alignments != nil && len(e.Alignments.Covariates) > 0 })
}

// nullWords says what surrogates are.
func nullWords(m nullmap.Method) string {
	switch m {
	case nullmap.GP, "":
		return "Gaussian-process surrogates"
	case nullmap.Variogram:
		return "variogram-matched surrogates"
	case nullmap.BrainSMASH:
		return "BrainSMASH surrogates"
	case nullmap.Moran:
		return "Moran surrogates"
	case nullmap.MoranPair:
		return "Moran surrogates (pairs)"
	case nullmap.Spin:
		return "rotations on the sphere"
	}
	return string(m) + " surrogates"
}
