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

// receptors says how effect maps were compared with receptor densities: first
// as a paper would, then in detail.
func (w *writer) receptors(g *Group) {
	q := g.Receptors
	if q == nil || len(q.Effects) == 0 {
		return
	}
	planned := ""
	if unplanned(g) {
		planned = "Receptors were not in the plan; these comparisons are exploratory."
	}
	w.receptorsInShort(q, planned)
	w.densities(q)
	w.alignments(q)
	w.newPeople(q)
	w.regressions(q)
	w.comparisons(q)
	w.paragraph(inDetail+"reading of alignments", notOccupancy+" Densities were taken as known: their error, and the number of people they were measured in, is not in p. Regions counted alike, large or small.")
}

// inDetail begins the headings of paragraphs that go beyond those of a paper.
const inDetail = "In detail: "

// mostInShort is the number of receptors that the short methods name.
const mostInShort = 12

// A nullUsed is how surrogates were made, of either kind of map.
type nullUsed struct {
	method     nullmap.Method
	surrogates int
}

// null is what claims were tested by; ok is false if nothing was tested.
func (q *Receptors) null() (n nullUsed, joint, places, ok bool) {
	for i := range q.Effects {
		switch e := &q.Effects[i]; {
		case e.People != nil:
			if !joint {
				n = nullUsed{e.People.Null, e.People.Surrogates}
			}
			joint = true
		case e.Alignments != nil:
			if !joint && !places {
				n = nullUsed{e.Alignments.Null, e.Alignments.Surrogates}
			}
			places = true
		}
	}
	return n, joint, places, joint || places
}

// peopleOf says how many people's maps were tested, over effect maps.
func (q *Receptors) peopleOf() string {
	lo, hi := math.MaxInt, 0
	for i := range q.Effects {
		if p := q.Effects[i].People; p != nil {
			lo, hi = min(lo, len(p.Names)), max(hi, len(p.Names))
		}
	}
	if lo < hi {
		return fmt.Sprintf("%d to %d people", lo, hi)
	}
	return plural(hi, "person", "people")
}

// takenOut says what was taken out of both maps.
func (q *Receptors) takenOut() string {
	if len(q.Adjust) > 0 {
		return ", after " + joinAnd(q.Adjust) + " had been taken out of both"
	}
	for i := range q.Effects {
		if a := q.Effects[i].Alignments; a != nil && len(a.Covariates) > 0 {
			return ", after " + joinAnd(a.Covariates) + " had been taken out of both"
		}
	}
	return ""
}

// receptorsInShort is what a paper would say: maps, correlation, chance,
// correction and what speaks against them.
func (w *writer) receptorsInShort(q *Receptors, planned string) {
	var names, labels []string
	for i := range q.Panel {
		d := &q.Panel[i]
		t := q.name(d.Target, d.File)
		if text, doi, ok := splitDOI(d.Paper); ok {
			t += w.citeDOI(text, doi)
		}
		names = append(names, t)
	}
	for i := range q.Effects {
		labels = append(labels, q.label(&q.Effects[i]))
	}
	what := "receptor densities"
	switch n := len(names); {
	case n > mostInShort:
		what = fmt.Sprintf("the densities of %d receptors (%s)", n, strings.Join(names, ", "))
	case n > 0:
		what = "the densities of " + joinAnd(names)
	}
	maps := fmt.Sprintf("Maps of effects on %s (%s) were compared with %s, as means over %s", q.measureWords(), strings.Join(labels, "; "), what, plural(len(q.Parcels), "region", "regions"))
	if q.Atlas != "" {
		maps += " of the atlas " + q.Atlas
	}
	maps += "."
	n, joint, places, ok := q.null()
	if !ok {
		w.paragraph("Alignment with receptor densities", maps, planned)
		return
	}
	of := "the group’s effect map"
	if joint {
		of = "the mean of the effect maps of " + q.peopleOf()
		if q.method() == receptor.Spearman {
			of = "the mean of the ranked effect maps of " + q.peopleOf()
		}
	}
	how := fmt.Sprintf("Alignment was %s, over regions, of a density with %s%s.", q.methodWords(), of, q.takenOut())
	chance := fmt.Sprintf("Chance was given by %d surrogates%s (random maps with the spatial autocorrelation of the map they stand for, %s)", n.surrogates, surrogatesOf(n.method, "that map"), w.nullInShort(n.method))
	if joint {
		chance += ", joined with random sign flips of people’s maps, so that p speaks for new people and other places at once" + w.cite("cameron2011") + "."
		if places {
			chance += " Where people’s own maps were not tested, alignment was that of the group’s effect map and p speaks for other places only."
		}
	} else {
		chance += ", so that p speaks for other places, not for other people."
	}
	p := "p were two-sided and corrected over the receptors of each effect map by the largest coefficient of each draw (family-wise), not over effect maps; an alignment was called shown if its family-wise p was below 0.05."
	w.paragraph("Alignment with receptor densities", maps, how, chance, p, q.poorFits(), planned)
}

// densities says which maps the panel holds.
func (w *writer) densities(q *Receptors) {
	var list []string
	excluded := false
	for i := range q.Panel {
		d := &q.Panel[i]
		t := q.name(d.Target, d.File)
		var in []string
		if d.Tracer != "" {
			in = append(in, d.Tracer)
		}
		if d.N > 0 {
			in = append(in, plural(d.N, "person", "people"))
		}
		if len(in) > 0 {
			t += " (" + strings.Join(in, ", ") + ")"
		}
		if _, _, ok := splitDOI(d.Paper); !ok && d.Paper != "" {
			t += ", " + strings.TrimSuffix(d.Paper, ".")
		}
		list = append(list, t)
		excluded = excluded || len(d.Excluded) > 0
	}
	if len(list) == 0 {
		return
	}
	out := ""
	if excluded {
		out = "Regions in which a tracer does not measure its target were left out for it."
	}
	w.paragraph(inDetail+"densities", "Densities were those of "+strings.Join(list, "; ")+".", out)
}

// nullInShort names how surrogates were made.
func (w *writer) nullInShort(m nullmap.Method) string {
	switch m {
	case nullmap.GP, "":
		return "drawn from a Gaussian process" + w.cite("patterson1971", "handcock1993")
	case nullmap.Variogram:
		return "made to fit its variogram" + w.cite("cressie1985")
	case nullmap.BrainSMASH:
		return "made as BrainSMASH makes them" + w.cite("burt2020")
	case nullmap.Moran, nullmap.MoranPair:
		return "made by Moran spectral randomisation" + w.cite("wagner2015")
	case nullmap.Spin:
		return "made by rotation on the sphere" + w.cite("alexander2018")
	}
	return "made by the method " + string(m)
}

// surrogatesOf says what surrogates are of: with a Gaussian process half of them are
// of the density.
func surrogatesOf(m nullmap.Method, what string) string {
	if m == nullmap.GP || m == "" {
		return ", half of " + what + " and half of the density"
	}
	return " of " + what
}

// nullMethod says how surrogates were made.
func (w *writer) nullMethod(m nullmap.Method) string {
	switch m {
	case nullmap.GP, "":
		return "a Gaussian process with Matérn or generalised Cauchy covariance, likeness of the two sides of the brain and a part without spatial structure, its covariance drawn anew for each surrogate from the posterior by restricted likelihood" + w.cite("patterson1971", "handcock1993", "gneiting2004")
	case nullmap.Variogram:
		return "sums of smoothed permutations of the map whose expected variogram was fitted to the map’s by weighted least squares" + w.cite("cressie1985")
	case nullmap.BrainSMASH:
		return "smoothed permutations of the map, matched to its variogram" + w.cite("burt2020")
	case nullmap.Moran, nullmap.MoranPair:
		t := "Moran spectral randomisation"
		if m == nullmap.MoranPair {
			t += " in pairs"
		}
		return t + w.cite("wagner2015")
	case nullmap.Spin:
		return "random rotations of the sphere" + w.cite("alexander2018") + ", regions taking the value of the rotated region nearest to them" + w.cite("vazquez2019")
	}
	return string(m)
}

// alignments says how the group's maps were tested.
func (w *writer) alignments(q *Receptors) {
	var a *receptor.Alignments
	for i := range q.Effects {
		if a = q.Effects[i].Alignments; a != nil {
			break
		}
	}
	if a == nil {
		return
	}
	first := fmt.Sprintf("The group’s effect maps were tested too: %s over regions%s, against %d surrogates%s (seed %d): %s.", q.methodWords(), q.takenOut(), a.Surrogates, surrogatesOf(a.Null, "the map"), a.Seed, w.nullMethod(a.Null))
	if _, joint, _, _ := q.null(); !joint {
		first = fmt.Sprintf("Surrogates%s were %d (seed %d): %s.", surrogatesOf(a.Null, "the group’s effect map"), a.Surrogates, a.Seed, w.nullMethod(a.Null))
	}
	var cov string
	if len(a.Covariates) > 0 {
		cov = "Surrogates were of the residuals on the covariates, added to what these fit" + w.cite("freedman1983") + "."
	}
	ranked := ""
	if a.Method == receptor.Spearman && a.Null != nullmap.BrainSMASH {
		ranked = "Maps were ranked first, and surrogates are of the ranks."
	}
	independent := ""
	if a.Null == nullmap.GP {
		independent = " (a surrogate of each density, drawn independently, in the other half)"
	}
	p := "p is (1 + the number of surrogates with a coefficient as large in size)/(1 + the number of surrogates)" + w.cite("phipson2010") + "; the family-wise p takes the largest over the receptors of each surrogate, which meets all of them" + independent + "."
	fit := fmt.Sprintf("Surrogates were said to fit poorly if their variogram was off by more than %s of the map’s mean (root mean square) and the map unlike them (p < 0.05), or if they were more than %s times as rough between neighbours, fewer than 5 %% of them as smooth there as the map, and the difference more than a tenth of the mean variogram.", short(nullmap.PoorFit), short(nullmap.PoorRoughness))
	more := "Beside it stands the modified t test" + w.cite("clifford1989", "dutilleul1993") + ", and each region was left out in turn."
	w.paragraph(inDetail+"surrogates and the group’s map", first, ranked, cov, p, "These p speak for other places, not for other people.", fit, more)
}

// newPeople says how people's maps were tested.
func (w *writer) newPeople(q *Receptors) {
	k := slices.IndexFunc(q.Effects, func(e ReceptorEffect) bool { return e.People != nil })
	if k < 0 {
		return
	}
	p := q.Effects[k].People
	ranked := ""
	if p.Method == receptor.Spearman {
		ranked = " and ranked"
	}
	first := fmt.Sprintf("Effect maps of %s, one each%s, were taken over %s in which everybody has a value. With a_i the product of the centred map of person i with a density of length 1, ē the mean map and r = ā/|ē|, the variance of r over both samples is V = V1 + V2 − V12%s, with V1 = Σ(a_i − ā)²/(n(n − 1))/|ē|² that over people, V2 the mean square of the coefficients r* of surrogates, and V12, what both count, the smallest of V1, V2 and λV2, λ being the share of people’s noise in |ē|².",
		plural(len(p.Names), "person", "people"), ranked, plural(len(p.Used), "region", "regions"), w.cite("cameron2011"))
	second := fmt.Sprintf("Each of %d draws (seed %d) flipped the signs s of people and took a surrogate, made for ē as for the group’s map: r** = √V·(Σ s_i·a_i/(n·|ē|) + r*)/√(V1* + V2), V1* being that of the flipped values. The family-wise p, on which claims rest, is that of the largest size of r** over the receptors; the band drawn is the middle 95 %% of r**.", p.Surrogates, p.Seed)
	alone := "Sign flips of people alone (p, people) and surrogates alone (p, places) are given beside it and are no claims: the one is small for any map that people share, the other where the noise of people looks like a receptor. Means over people are of Fisher’s z, with Student’s interval."
	orders := ""
	if slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool {
		kind, _ := effectKind(e.Name)
		return kind == crossover.Interaction && e.People != nil
	}) {
		orders = "People’s differences between treatments had the mean of their order of treatment made that of all orders, so that a difference between visits cancels."
	}
	w.paragraph(inDetail+"new people and other places", orders, first, second, alone)
}

// regressions says how receptors were taken together.
func (w *writer) regressions(q *Receptors) {
	k := slices.IndexFunc(q.Effects, func(e ReceptorEffect) bool { return e.Regression != nil })
	if k < 0 {
		return
	}
	r := q.Effects[k].Regression
	t := "All receptors together were taken as regressors of each effect map by least squares, over the regions that have every density; R² was compared with that of surrogates. R² was divided over the receptors "
	if noDominance(r) {
		t += "by relative weights" + w.cite("johnson2000") + "."
	} else {
		t += "by dominance" + w.cite("budescu1993", "azen2003") + ", the gain in R² when a receptor joins a set of others, averaged over sets of each size and then over sizes, and, beside it, by relative weights" + w.cite("johnson2000") + "."
	}
	cv := ""
	if isNumber(r.CV.R) {
		cv = fmt.Sprintf("For cross-validation each region was predicted from those farther than %s mm away, and the correlation of predicted and actual values was compared with that of surrogates in the same steps.", short(r.CV.Apart))
	}
	w.paragraph(inDetail+"all receptors at once", t, cv)
}

// comparisons says how alignments were compared.
func (w *writer) comparisons(q *Receptors) {
	var pairs, shifts string
	if slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return len(e.Pairs) > 0 }) {
		pairs = "Whether an effect aligns differently with two receptors was tested by the difference of the coefficients, over the regions that have both, against that of surrogates."
	}
	if len(q.Shifts) > 0 {
		shifts = "Whether alignment differs between treatments was tested by the difference of the coefficients of the two maps, which is the alignment of the difference of the standardised maps, against surrogates of that difference; not by one being shown and the other not" + w.cite("nieuwenhuis2011") + "."
	}
	if pairs == "" && shifts == "" {
		return
	}
	speak := "Family-wise p are of the largest difference over the comparisons of a kind. They speak for other places only."
	if slices.ContainsFunc(q.Shifts, func(s ReceptorShift) bool { return s.People != nil }) {
		speak += " A difference between treatments is claimed by the test for new people and other places of each person’s difference of standardised maps; comparisons of receptors are exploratory."
	}
	w.paragraph(inDetail+"differences of alignments", pairs, shifts, speak)
}
