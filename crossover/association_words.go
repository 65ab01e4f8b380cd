package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// words names the measure and the score of an association for sentences and
// axes.
func (p *pairing) words(a *Association) (x, y string) {
	plan := p.plan
	x = "CBF of " + p.region
	if plan.Measure == Relative {
		x = "relative " + x
	}
	phases := p.a.tr.Phases
	if a.Phase == PhaseChange {
		x = "change of " + x + " from " + phases[0] + " to " + phases[len(phases)-1]
	} else {
		x += " at " + a.Phase
	}
	title := p.book.titles[[2]string{fold(plan.Instrument), fold(plan.Score)}]
	y = strings.ToUpper(plan.Instrument)
	if title != "" && !strings.EqualFold(title, plan.Instrument) {
		y += " " + title
	} else if plan.Score != "total" {
		y += " " + plan.Score
	}
	switch plan.Change {
	case "percent":
		y = "percent change of " + y
	case "absolute":
		y = "change of " + y
	}
	if plan.Improve {
		y = strings.Replace(strings.Replace(y, "percent change", "percent reduction", 1), "change of", "reduction of", 1)
	}
	if plan.Change != "" {
		y += fmt.Sprintf(" from %s to %s", plan.ChangeFrom, p.visit)
	} else if p.visit != "" {
		y += " at " + p.visit
	}
	return x, y
}

// AdjustedFor names what the association is adjusted for: "its baseline and
// global CBF", "" if nothing.
func (a *Association) AdjustedFor() string {
	var list []string
	for _, c := range a.Adjust {
		switch c {
		case AdjustBaseline:
			c = "its baseline"
		case AdjustGlobal:
			c = "global CBF"
		case AdjustScore:
			c = "the score at " + a.ChangeFrom
		}
		list = append(list, c)
	}
	return and(list)
}

// Shown reports whether a p-value, adjusted over the plan's associations,
// shows a correlation or a difference: whether it is below 1 − level. NaN does
// not.
func (s *Associations) Shown(adjusted Number) bool {
	return float64(adjusted) < math.Round(1e9*(1-s.Level))/1e9 // 1 − 0.95 is above 0.05
}

// sentence says what was found as a paper would print it.
func (s *Associations) sentence(a *Association) string {
	w := &a.By[0]
	if w.Failed != "" {
		return fmt.Sprintf("The association of %s with %s under %s could not be computed: %s.", a.X, a.Y, a.Within, w.Failed)
	}
	given := ""
	if t := a.AdjustedFor(); t != "" {
		given = ", adjusted for " + t + ","
	}
	kind := map[string]string{"positive": "positive correlation", "negative": "negative correlation"}[a.Side]
	if kind == "" {
		kind = "correlation"
	}
	verb := "no " + kind + " was shown between"
	if s.Shown(w.PAdjusted) {
		verb = "there was a " + kind + " between"
		if w.R < 0 && a.Side == "two-sided" {
			verb = "there was a negative correlation between"
		}
	}
	name := s.coefficient(len(a.Adjust) > 0)
	out := fmt.Sprintf("Under %s, %s %s%s and %s (%s = %s, %s, n = %d)", a.Within, verb, a.X, given, a.Y, name, figureR(w.R), s.evidence(w.Low, w.High, w.PPermutation, w.P, w.PAdjusted, a.Side), w.N)
	out += s.fragile("; ", w.Fragile)
	for i := range a.Differences {
		d := &a.Differences[i]
		j := slices.IndexFunc(a.By, func(c Correlation) bool { return c.Treatment == d.Treatment })
		other := &a.By[j]
		if other.Failed != "" || d.Failed != "" {
			out += fmt.Sprintf("; under %s it could not be computed", d.Treatment)
			continue
		}
		out += fmt.Sprintf("; under %s %s was %s (n = %d)", d.Treatment, name, figureR(other.R), other.N)
		claim := "the two were not shown to differ"
		if s.Shown(d.PAdjusted) {
			claim = "the two differed"
		}
		out += fmt.Sprintf(". In the %d people with both, %s (difference %s, %s)", d.N, claim, figureR(d.Delta), s.evidence(d.Low, d.High, d.PPermutation, d.P, d.PAdjusted, "two-sided"))
		if outside := d.Low > 0 || d.High < 0; !math.IsNaN(float64(d.PPermutation)) && !math.IsNaN(float64(d.Low)) && outside != s.Shown(d.PPermutation) {
			out += "; the interval, which takes values for normal, and the permutation test disagree, and the test is followed"
		}
		out += s.fragile("; ", d.Fragile)
		if q := &d.Slopes; q.Failed == "" {
			p := pText(q.P)
			if !math.IsNaN(float64(q.PPermutation)) {
				p = "permutation " + pText(q.PPermutation)
			}
			out += fmt.Sprintf("; their slopes differed by %s SD of the score per SD of the measure (%s CI %s to %s, %s, not adjusted)", figureR(q.Delta), s.levelText(), figureR(q.Low), figureR(q.High), p)
		}
	}
	return out + "."
}

// fragile says who decides a claim alone.
func (s *Associations) fragile(before, who string) string {
	if who == "" {
		return ""
	}
	return before + "leaving out one person turns this: " + who
}

// adjustedText writes the p-value that a claim rests on.
func (s *Associations) adjustedText(p Number) string {
	if s.Multiplicity == "none" {
		return pText(p)
	}
	return "adjusted " + pText(p)
}

// levelText writes the level of intervals: "95 %".
func (s *Associations) levelText() string {
	return strconv.FormatFloat(math.Round(1e4*s.Level)/100, 'f', -1, 64) + " %"
}

// coefficient is the sign of the coefficient with what it is.
func (s *Associations) coefficient(partial bool) string {
	name := map[string]string{"pearson": "r", "spearman": "ρ", "robust": "percentage-bend r"}[s.Method]
	if partial {
		return "partial " + name
	}
	return name
}

// evidence is an interval with its p-values.
func (s *Associations) evidence(low, high, permutation, p, adjusted Number, side string) string {
	out := fmt.Sprintf("%s CI %s to %s, ", s.levelText(), figureR(low), figureR(high))
	if side != "two-sided" {
		out += "one-sided "
	}
	if math.IsNaN(float64(permutation)) {
		out += pText(p)
	} else {
		out += "permutation " + pText(permutation)
	}
	if s.Multiplicity != "none" && !math.IsNaN(float64(adjusted)) {
		out += ", " + map[string]string{"holm": "Holm", "fdr": "FDR", maxR: "family"}[s.Multiplicity] + "-adjusted " + pText(adjusted)
	}
	return out
}

// figureR writes a correlation with two decimals, its sign a minus.
func figureR(r Number) string { return decimals(float64(r), 2) }

func decimals(x float64, n int) string {
	if math.IsNaN(x) {
		return "not known"
	}
	s := fmt.Sprintf("%.*f", n, x)
	if zero := fmt.Sprintf("%.*f", n, 0.0); s == "-"+zero {
		return zero
	}
	return strings.Replace(s, "-", "−", 1)
}

// pText writes a p-value as "p = 0.013" or "p < 0.001".
func pText(p Number) string {
	switch {
	case math.IsNaN(float64(p)):
		return "p not known"
	case p < 0.001:
		return "p < 0.001"
	case p < 0.1:
		return fmt.Sprintf("p = %.3f", float64(p))
	}
	return fmt.Sprintf("p = %.2f", float64(p))
}

// associations says what is done of associations.
func (w wording) associations() []string {
	list := w.p.Association
	if len(list) == 0 {
		return []string{"The plan names no association of perfusion with symptoms, so none is tested."}
	}
	s := w.p.Associations
	var names []string
	for i := range list {
		a := &list[i]
		phase := a.Phase
		if phase == "" {
			phase = "the first phase"
		}
		text := fmt.Sprintf("%s CBF of %s at %s", a.Measure, a.Region, phase)
		if a.Phase == PhaseChange {
			text = fmt.Sprintf("the change of %s CBF of %s", a.Measure, a.Region)
		}
		if len(a.Adjust) > 0 {
			text += " given " + and(a.Adjust)
		}
		text += " with "
		if a.Change != "" {
			text += a.Change + " change of "
		}
		text += a.Instrument + " " + a.Score
		if a.Visit != "" {
			text += " at " + a.Visit
		}
		if a.Side != "two-sided" {
			text += " (" + a.Side + ")"
		}
		names = append(names, text)
	}
	within := w.reference
	if within == "" {
		within = "the reference"
	}
	resampling := ""
	if s.Permutations > 0 {
		resampling = fmt.Sprintf(" p-values are by %d permutations of residuals (Freedman and Lane).", s.Permutations)
	}
	return []string{
		fmt.Sprintf("Associations over people: %s; by %s correlation, under %s if the plan names no other treatment.%s They are corrected over the %d associations %s.", strings.Join(names, "; "), s.Method, within, resampling, len(list), methodNames[s.Multiplicity]),
		"That a treatment changed an association is not concluded from its being significant under one and not under the other. It is tested as the difference of two correlations in the people who have both treatments, and as the difference of slopes. Such tests need many people ('phasl power' says how many): with 26, a difference of 0.6 is found about half of the time.",
	}
}
