package report

import (
	"fmt"
	"slices"
	"strings"

	"phasl/nullmap"
	"phasl/receptor"
)

// receptors says how effect maps were compared with receptor densities.
func (w *writer) receptors(g *Group) {
	q := g.Receptors
	if q == nil || len(q.Effects) == 0 {
		return
	}
	w.densities(q)
	w.alignments(q)
	w.newPeople(q)
	w.regressions(q)
	w.comparisons(q)
	planned := ""
	if unplanned(g) {
		planned = "Receptors were not in the plan; these comparisons are exploratory."
	}
	w.paragraph("Reading of alignments", planned, notOccupancy+" Densities were taken as known: their error, and the number of people they were measured in, is not in p. Regions counted alike, large or small.")
}

// densities says which maps the panel holds.
func (w *writer) densities(q *Receptors) {
	if len(q.Panel) == 0 {
		return
	}
	var list []string
	excluded := false
	for i := range q.Panel {
		d := &q.Panel[i]
		t := d.Target
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
		if text, doi, ok := splitDOI(d.Paper); ok {
			t += w.citeDOI(text, doi)
		} else if d.Paper != "" {
			t += ", " + strings.TrimSuffix(d.Paper, ".")
		}
		list = append(list, t)
		excluded = excluded || len(d.Excluded) > 0
	}
	first := "Densities were those of " + strings.Join(list, "; ") + "."
	var names []string
	for i := range q.Effects {
		names = append(names, q.label(&q.Effects[i]))
	}
	over := fmt.Sprintf("Effects on %s (%s) and densities were compared as means over %s", q.measureWords(), strings.Join(names, "; "), plural(len(q.Parcels), "region", "regions"))
	if q.Atlas != "" {
		over += " of " + q.Atlas
	}
	over += "."
	out := ""
	if excluded {
		out = "Regions in which a tracer does not measure its target were left out for it."
	}
	w.paragraph("Receptor densities", first, over, out)
}

// nullMethod says how surrogates were made.
func (w *writer) nullMethod(m nullmap.Method) string {
	switch m {
	case nullmap.GP, "":
		return "a Gaussian process with Matérn covariance, likeness of the two sides of the brain and a part without spatial structure, its covariance drawn anew for each surrogate from the posterior by restricted likelihood" + w.cite("patterson1971", "handcock1993")
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
	first := fmt.Sprintf("The alignment of an effect with a density was %s over regions", q.methodWords())
	switch {
	case len(q.Adjust) > 0:
		first += ", after " + joinAnd(q.Adjust) + " had been taken out of both"
	case len(a.Covariates) > 0:
		first += ", after " + joinAnd(a.Covariates) + " had been taken out of both"
	}
	first += fmt.Sprintf(". Chance was given by %d surrogates of the effect map (seed %d): %s.", a.Surrogates, a.Seed, w.nullMethod(a.Null))
	var cov string
	if len(a.Covariates) > 0 {
		cov = "Surrogates were of the residuals on the covariates, added to what these fit" + w.cite("freedman1983") + "."
	}
	p := "p is (1 + the number of surrogates with a coefficient as large in size)/(1 + the number of surrogates)" + w.cite("phipson2010") + "; the family-wise p takes the largest over the receptors of each surrogate, which meets all of them. It is not corrected over effect maps. An alignment was called shown if the family-wise p of its claim was below 0.05."
	more := "Beside it stands the modified t test" + w.cite("clifford1989", "dutilleul1993") + ", and each region was left out in turn."
	w.paragraph("Alignment with receptor densities", first, cov, p, more, "These p speak for other places, not for other people.")
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
	first := fmt.Sprintf("Whether an alignment would hold for new people and other places was tested on the effect maps of %s, one each%s. With a_i the product of the centred map of person i with a density of length 1, ē the mean map and r = ā/|ē|, the variance of r over both samples is V = V1 + V2 − V12%s, with V1 = Σ(a_i − ā)²/(n(n − 1))/|ē|² that over people, V2 the mean square of the coefficients r* of surrogates of ē, and V12, what both count, the smallest of V1, V2 and λV2, λ being the share of people’s noise in |ē|².",
		plural(len(p.Names), "person", "people"), ranked, w.cite("cameron2011"))
	second := fmt.Sprintf("Each of %d draws of the joint null flipped the signs s of people and took a surrogate: r** = √V·(Σ s_i·a_i/(n·|ē|) + r*)/√(V1* + V2), V1* being that of the flipped values. The family-wise p, on which claims rest, is that of the largest size of r** over the receptors.", p.Surrogates)
	alone := "Sign flips of people alone (p, people) and surrogates alone (p, places) are given beside it and are no claims: the one is small for any map that people share, the other where the noise of people looks like a receptor. Means over people are of Fisher’s z, with Student’s interval."
	w.paragraph("New people and other places", first, second, alone)
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
	w.paragraph("All receptors at once", t, cv)
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
	w.paragraph("Differences of alignments", pairs, shifts, "Family-wise p are of the largest difference over the comparisons of a kind. They speak for other places only.")
}
