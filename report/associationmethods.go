package report

import (
	"fmt"
	"slices"
	"strings"

	"phasl/crossover"
)

// scores says which clinical instruments were scored, and what was done about
// missing answers.
func (w *writer) scores(d *trialData) {
	type instrument struct {
		name, title, cites, missing string
		rows, completed             int
	}
	var list []instrument
	for i := range d.Scored {
		t := &d.Scored[i]
		k := slices.IndexFunc(list, func(in instrument) bool { return strings.EqualFold(in.name, t.Instrument) })
		if k < 0 {
			k = len(list)
			list = append(list, instrument{name: t.Instrument, title: orText(t.Title, strings.ToUpper(t.Instrument)), missing: t.Missing})
			if len(t.Sources) > 0 { // the first is that of the instrument itself
				if text, doi, ok := splitDOI(t.Sources[0]); ok {
					list[k].cites = w.citeDOI(text, doi)
				}
			}
		}
		list[k].rows += t.Rows
		list[k].completed += t.Prorated
	}
	if len(list) == 0 {
		var names []string
		for i := range d.Scores {
			if n := strings.ToUpper(d.Scores[i].Instrument); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		if len(names) > 0 {
			w.paragraph("Clinical scores", "Clinical scores were those of "+joinAnd(names)+".")
		}
		return
	}
	var titles []string
	for _, in := range list {
		t := in.title
		if !strings.Contains(strings.ToLower(t), strings.ToLower(in.name)) {
			t += " (" + strings.ToUpper(in.name) + ")"
		}
		titles = append(titles, t+in.cites)
	}
	said := []string{"Clinical scores were those of the following instruments: " + strings.Join(titles, "; ") + "."}
	var rules []string // in order of appearance
	of := map[string][]string{}
	for _, in := range list {
		if in.missing == "" {
			continue
		}
		if of[in.missing] == nil {
			rules = append(rules, in.missing)
		}
		of[in.missing] = append(of[in.missing], strings.ToUpper(in.name))
	}
	for _, r := range rules {
		said = append(said, fmt.Sprintf("Missing answers, %s: %s", joinAnd(of[r]), sentence(w.citedRule(r))))
	}
	for _, in := range list {
		if in.completed > 0 {
			said = append(said, fmt.Sprintf("Of the %s, %d of %s had a score that was completed in this way.", strings.ToUpper(in.name), in.completed, plural(in.rows, "row", "rows")))
		}
	}
	w.paragraph("Clinical scores", said...)
}

// citedRule turns the source at the end of a rule, "…: Downey & King 1998, …,
// doi:…", into a citation; a rule without one stays as it is.
func (w *writer) citedRule(rule string) string {
	k := strings.LastIndex(strings.SplitN(rule, "doi:", 2)[0], ": ")
	if k < 0 {
		return rule
	}
	text, doi, ok := splitDOI(rule[k+2:])
	if !ok || !strings.HasSuffix(strings.TrimRight(rule, "."), doi) {
		return rule
	}
	return rule[:k] + w.citeDOI(text, doi)
}

// associations says how perfusion and symptoms were related.
func (w *writer) associations(d *trialData) {
	s := d.Associations
	if s == nil || len(s.List) == 0 {
		return
	}
	method := "Pearson’s correlation"
	switch s.Method {
	case "spearman":
		method = "Spearman’s rank correlation"
	case "robust":
		method = "the percentage-bend correlation" + w.cite("wilcox1994") + " (β = 0.2)"
	}
	var pairs, within, side []string
	partial := false
	for i := range s.List {
		a := &s.List[i]
		t := a.X + " with " + a.Y
		if c := a.AdjustedFor(); c != "" {
			t += ", adjusted for " + c
			partial = true
		}
		pairs = append(pairs, t)
		if !slices.Contains(within, a.Within) {
			within = append(within, a.Within)
		}
		if a.Side == "positive" || a.Side == "negative" {
			side = append(side, fmt.Sprintf("%s (%s)", associationName(a), a.Side))
		}
	}
	first := fmt.Sprintf("%s over people under %s by %s.", capital(plural(len(pairs), "association was examined", "associations were examined")), joinAnd(within), method)
	const most = 8
	if n := len(pairs); n <= most {
		first += map[bool]string{true: " It was ", false: " They were "}[n == 1] + strings.Join(pairs, "; ") + "."
	}
	if partial {
		how := "by least squares"
		switch s.Method {
		case "spearman":
			how = "by least squares on the ranks"
		case "robust":
			how = "by robust regression (Huber’s)"
		}
		first += " Covariates were removed from both variables " + how + " (partial correlation)."
	}
	if len(side) > 0 {
		first += " The test was one-sided for " + joinAnd(side) + "."
	}
	intervals := fmt.Sprintf("Intervals, at %s, are by Fisher’s transformation", levelText(orLevel(d.Level)))
	if s.Bootstrap > 0 {
		intervals += fmt.Sprintf(" and, beside them, by %d bootstrap draws of people, bias-corrected and accelerated%s", s.Bootstrap, w.cite("efron1987"))
	}
	intervals += "."
	if s.Permutations > 0 {
		intervals += fmt.Sprintf(" P-values rest on %d permutations of what the covariates leave, after Freedman and Lane%s.", s.Permutations, w.cite("freedman1983"))
	} else {
		intervals += " P-values are those of Student’s t."
	}
	if slices.ContainsFunc(s.List, func(a crossover.Association) bool {
		return slices.ContainsFunc(a.By, func(c crossover.Correlation) bool { return finite(c.BF01) })
	}) {
		intervals += " BF01 compares no correlation with one of which every value is equally likely beforehand" + w.cite("ly2016")
		if len(side) > 0 {
			intervals += ", on the side tested"
		}
		intervals += "."
	}
	influence := "Each person was left out in turn; people with a Cook’s distance" + w.cite("cook1977") + " above 4/n" + w.cite("bollen1985") + ", and those without whom the conclusion was another, are marked and were kept."
	w.paragraph("Perfusion and symptoms", first, intervals, influence)

	shifts, swapped, modelled, slopes := 0, false, false, false
	for i := range s.List {
		for k := range s.List[i].Differences {
			f := &s.List[i].Differences[k]
			shifts++
			swapped = swapped || finite(f.PPermutation)
			modelled = modelled || finite(f.Moderation.P)
			slopes = slopes || finite(f.Slopes.PPermutation)
		}
	}
	if shifts > 0 {
		t := "That a treatment changed an association was not concluded from its being significant under one treatment and not under the other" + w.cite("nieuwenhuis2011") +
			". The two correlations, dependent as the people are the same, were compared in those who had both treatments: by Steiger’s z" + w.cite("steiger1980") + " with Zou’s interval" + w.cite("zou2007")
		if swapped {
			t += ", and by a permutation test that swapped the two treatments within people at random"
		}
		t += "."
		if slopes {
			t += " Their slopes were compared in the same people with a standard error that allows for residuals which vary with the measure, as those of skewed scores do" + w.cite("mackinnon1985") + ", by Student’s t for the interval and by swapping treatments within people at random for the p-value."
		}
		if modelled {
			t += " Beside that stands the interaction of measure and treatment in a linear mixed model of the score of everybody, with covariates by treatment, period and a random intercept for people, and the degrees of freedom of Kenward and Roger" + w.cite("kenward1997") + "."
		}
		w.paragraph("Difference between treatments in an association", t)
	}
	how := ""
	switch s.Multiplicity {
	case "holm":
		how = "after Holm" + w.cite("holm1979")
	case "max":
		how = "by the permutation distribution of the most extreme of them" + w.cite("westfall2008")
	case "fdr":
		how = "by the false discovery rate" + w.cite("benjamini1995")
	}
	switch {
	case how == "":
		w.paragraph("Multiplicity of associations", "P-values of associations were not corrected for their number.")
	case shifts > 0:
		w.paragraph("Multiplicity of associations", fmt.Sprintf("P-values of the planned associations were corrected %s, and those of the differences between treatments as a family of their own. Slopes and correlations under other treatments than the plan’s were not corrected.", how))
	default:
		w.paragraph("Multiplicity of associations", fmt.Sprintf("P-values of the planned associations were corrected %s.", how))
	}
}
