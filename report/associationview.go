package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// associationView sets the numbers of an association beside its plot.
func (d *trialData) associationView(id string, a *crossover.Association) associationView {
	v := associationView{ID: id, Name: associationName(a), Sentence: a.Sentence, Failed: a.Failed, Tags: d.associationTags(a), Missing: a.Missing}
	if len(a.By) > 0 {
		v.Table = d.symptomTable(a)
	}
	v.Notes = append(v.Notes, a.Notes...)
	for i := range a.By {
		c := &a.By[i]
		if c.Failed != "" && c.Failed != a.Failed {
			v.Notes = append(v.Notes, fmt.Sprintf("Under %s no correlation was computed: %s.", c.Treatment, c.Failed))
		}
		for _, n := range c.Notes {
			v.Notes = append(v.Notes, sentence("under "+c.Treatment+": "+n))
		}
		if i > 0 && c.Fragile != "" {
			v.Notes = append(v.Notes, fmt.Sprintf("Under %s one person can change whether p is below %s: %s.", c.Treatment, exact(threshold(d.Level)), c.Fragile))
		}
	}
	for i := range a.Differences {
		f := &a.Differences[i]
		if f.Failed != "" {
			v.Notes = append(v.Notes, fmt.Sprintf("The difference between %s and %s was not computed: %s.", a.Within, f.Treatment, f.Failed))
		}
		for _, n := range f.Notes {
			v.Notes = append(v.Notes, sentence(a.Within+" and "+f.Treatment+": "+n))
		}
		if f.Moderation.Failed != "" {
			v.Notes = append(v.Notes, fmt.Sprintf("The mixed model of %s and %s was not fitted: %s.", a.Within, f.Treatment, f.Moderation.Failed))
		}
	}
	return v
}

// symptomTable has a row for each statistic, a column for each treatment and
// each difference. A cell that has no number by its nature is empty.
func (d *trialData) symptomTable(a *crossover.Association) *symptomTable {
	s, t := d.Associations, &symptomTable{}
	for i := range a.By {
		t.Columns = append(t.Columns, a.By[i].Treatment)
	}
	for i := range a.Differences {
		t.Columns = append(t.Columns, a.Within+" − "+a.Differences[i].Treatment)
	}
	row := func(g *symptomGroup, label string, of func(*crossover.Correlation) string, shift func(*crossover.CorrelationShift) string) *symptomRow {
		r := symptomRow{Label: label}
		for i := range a.By {
			r.Cells = append(r.Cells, of(&a.By[i]))
		}
		for i := range a.Differences {
			r.Cells = append(r.Cells, shift(&a.Differences[i]))
		}
		g.Rows = append(g.Rows, r)
		return &g.Rows[len(g.Rows)-1]
	}
	number2 := func(n crossover.Number) string { return fixed(float64(n), 2) }
	side, two := "", "" // the test of a difference has two sides whatever the plan's side
	if a.Side == "positive" || a.Side == "negative" {
		side, two = ", one-sided ("+a.Side+")", "\n(two-sided)"
	}
	var g symptomGroup
	row(&g, "People", func(c *crossover.Correlation) string { return fmt.Sprint(c.N) }, func(f *crossover.CorrelationShift) string { return fmt.Sprintf("%d\nwith both", f.N) })
	row(&g, capital(d.coefficient(a)), func(c *crossover.Correlation) string { return number2(c.R) }, func(f *crossover.CorrelationShift) string {
		if !finite(f.Delta) {
			return dash
		}
		return signedR(f.Delta) + "\n" + fixed(float64(f.R1), 2) + " − " + bracketed(f.R2)
	}).Claim = true
	row(&g, ci(orLevel(d.Level)), func(c *crossover.Correlation) string { return spanR(c.Low, c.High) }, func(f *crossover.CorrelationShift) string { return spanR(f.Low, f.High) })
	if s.Bootstrap > 0 {
		row(&g, "Bootstrap "+ci(orLevel(d.Level)), func(c *crossover.Correlation) string { return spanR(c.BootLow, c.BootHigh) }, func(f *crossover.CorrelationShift) string { return spanR(f.BootLow, f.BootHigh) })
	}
	row(&g, "Test", func(c *crossover.Correlation) string { return testOf("t", c.DF, c.T) }, func(f *crossover.CorrelationShift) string { return testOf("z", crossover.Number(math.NaN()), f.Z) })
	row(&g, "p"+side, func(c *crossover.Correlation) string { return pValue(c.P) }, func(f *crossover.CorrelationShift) string { return pValue(f.P) + two })
	if s.Permutations > 0 {
		row(&g, "Permutation p"+side, func(c *crossover.Correlation) string { return pValue(c.PPermutation) }, func(f *crossover.CorrelationShift) string { return pValue(f.PPermutation) + two })
	}
	row(&g, d.adjustedName(), func(c *crossover.Correlation) string {
		if c != &a.By[0] {
			return "no claim"
		}
		return pValue(c.PAdjusted)
	}, func(f *crossover.CorrelationShift) string { return pValue(f.PAdjusted) }).Claim = true
	row(&g, "BF01", func(c *crossover.Correlation) string { return bayes(c.BF01) }, func(*crossover.CorrelationShift) string { return "" })
	unit := strings.TrimSpace(a.YUnits)
	if unit != "" {
		unit = ", " + unit + " per " + orText(xUnit(a), "unit")
	}
	row(&g, "Slope"+unit, func(c *crossover.Correlation) string { return number(float64(c.Slope), 3) }, func(*crossover.CorrelationShift) string { return "" })
	t.Groups = append(t.Groups, g)
	none := func(*crossover.Correlation) string { return "" }
	slopes := func(delta, first, second crossover.Number) string {
		if !finite(delta) {
			return dash
		}
		return signedR(delta) + "\n" + fixed(float64(first), 2) + " − " + bracketed(second)
	}
	if slices.ContainsFunc(a.Differences, func(f crossover.CorrelationShift) bool { return finite(f.Slopes.Delta) }) {
		m := symptomGroup{Heading: "Slopes in those with both, SD of the score per SD of the measure"}
		row(&m, "Difference of slopes", none, func(f *crossover.CorrelationShift) string {
			return slopes(f.Slopes.Delta, f.Slopes.Slope1, f.Slopes.Slope2)
		})
		row(&m, ci(orLevel(d.Level)), none, func(f *crossover.CorrelationShift) string { return spanR(f.Slopes.Low, f.Slopes.High) })
		row(&m, "Permutation p, not adjusted", none, func(f *crossover.CorrelationShift) string { return pValue(f.Slopes.PPermutation) })
		t.Groups = append(t.Groups, m)
	}
	if slices.ContainsFunc(a.Differences, func(f crossover.CorrelationShift) bool { return finite(f.Moderation.Delta) }) {
		m := symptomGroup{Heading: "The same by a mixed model of everybody; too bold where the score is skewed"}
		row(&m, "Difference of slopes", none, func(f *crossover.CorrelationShift) string {
			return slopes(f.Moderation.Delta, f.Moderation.Slope1, f.Moderation.Slope2)
		})
		row(&m, ci(orLevel(d.Level)), none, func(f *crossover.CorrelationShift) string { return spanR(f.Moderation.Low, f.Moderation.High) })
		row(&m, "Test", none, func(f *crossover.CorrelationShift) string { return testOf("t", f.Moderation.DF, f.Moderation.T) })
		row(&m, "p, not adjusted", none, func(f *crossover.CorrelationShift) string { return pValue(f.Moderation.P) })
		t.Groups = append(t.Groups, m)
	}
	return t
}

// bracketed writes a number that is subtracted.
func bracketed(v crossover.Number) string {
	s := fixed(float64(v), 2)
	if strings.HasPrefix(s, "−") {
		return "(" + s + ")"
	}
	return s
}

// testOf writes a statistic with its degrees of freedom: "t(23) = 3.21".
func testOf(name string, df, v crossover.Number) string {
	if !finite(v) {
		return dash
	}
	if finite(df) {
		name += "(" + strings.TrimSuffix(degrees(df), ".0") + ")"
	}
	return name + " = " + fixed(float64(v), 2)
}

// threshold is where p-values are judged: 1 − level, without its rounding.
func threshold(level float64) float64 { return math.Round(1e9*(1-orLevel(level))) / 1e9 }

// maxRinged is the number of ringed people under a treatment that a caption
// names; the others have their label in the plot.
const maxRinged = 6

// scatterCaption says what the lines are and who is ringed.
func (d *trialData) scatterCaption(a *crossover.Association) string {
	t := fmt.Sprintf("One symbol: one person under one treatment. Line: least squares; shaded: its pointwise %s band.", levelText(orLevel(d.Level)))
	switch d.Associations.Method {
	case "spearman":
		t += " The coefficient is of ranks, the line of the values themselves."
	case "robust":
		t += " The coefficient gives less weight to values far out, the line does not."
	}
	if len(a.Adjust) > 0 {
		t += " Adjusted values: what the covariates leave of a value within the treatment, plus its mean."
	}
	var ringed []string
	for i := range a.By {
		c := &a.By[i]
		var list []string
		for k := range c.Influence {
			f := &c.Influence[k]
			if !marked(f) {
				continue
			}
			w := subjectName(f.Subject) + " " + fixed(float64(c.R+f.DR), 2)
			if f.Turns {
				w += "*"
			}
			list = append(list, w)
		}
		if n := len(list); n > maxRinged {
			list = append(list[:maxRinged:maxRinged], fmt.Sprintf("%d more", n-maxRinged))
		}
		if len(list) > 0 {
			ringed = append(ringed, "under "+c.Treatment+" "+strings.Join(list, ", "))
		}
	}
	level := exact(threshold(d.Level))
	if len(ringed) == 0 {
		return t + " Nobody has a Cook’s distance above 4/n, and nobody alone carries p across " + level + "."
	}
	return t + " Ringed, not left out: people with a Cook’s distance above 4/n, or without whom p crosses " + level + " (*). r without each: " + strings.Join(ringed, "; ") + "."
}
