package crossover

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"phasl/lmm"
)

// attenuation gathers the evidence on whether a treatment changed the phase
// effect. x is the interaction c, f its effect, e its estimator.
//
// With a margin of a share k of the mean m at baseline under the reference,
// the two one-sided tests are the model's own t tests of
//
//	c + k·m ≤ 0  and  c − k·m ≥ 0
//
// so that the uncertainty of m, which the margin is a share of, enters them.
// With a margin in the measure's unit k·m is a constant. On the logarithmic
// scale the margin is log(1 − k) below and log(1 + k) above.
//
// Sources: Schuirmann 1987, doi:10.1007/BF01068419; for ratios Fieller 1954.
func (e *estimator) attenuation(c *contrast, f Effect, treatment string) Attenuation {
	plan := e.m.f.plan
	nan := Number(math.NaN())
	a := Attenuation{Treatment: treatment, Contrast: c.name, Margin: nan, MarginPercent: nan, Alpha: Number(plan.Equivalence.Alpha),
		PLower: nan, PUpper: nan, P: nan, Low: nan, High: nan, PercentLow: nan, PercentHigh: nan,
		BF01: nan, Scale: Number(plan.Bayes.Scale), BFN: f.N}
	if c.weights == nil {
		return a
	}
	in := e.in
	in.Level = 1 - 2*plan.Equivalence.Alpha
	x := e.fit.Linear(c.name, c.weights, in)
	a.Low, a.High = Number(x.Low), Number(x.High)
	_, lo, hi := e.percent(c.weights, x, in.Level)
	a.PercentLow, a.PercentHigh = Number(lo), Number(hi)
	a.BF01 = Number(BayesFactor01(x.T, f.N, x.DF, plan.Bayes.Scale))
	e.margin(&a, c, x)
	a.P = max(a.PLower, a.PUpper) // NaN if either is
	a.Equivalent = a.P < a.Alpha
	a.NotLessened = a.PLower < a.Alpha
	return a
}

// margin sets the margin and the p-values of the one-sided tests against it.
func (e *estimator) margin(a *Attenuation, c *contrast, x lmm.Estimate) {
	plan := e.m.f.plan
	k, m := plan.Equivalence.Margin/100, e.reference.Value
	against := func(value, se, df float64) float64 { return oneSided(value/se, df) }
	switch {
	case plan.Equivalence.Unit == "absolute" && e.log:
		a.MarginText = "none: a margin in the measure's unit has no meaning for ratios"
	case plan.Equivalence.Unit == "absolute":
		d := plan.Equivalence.Margin
		a.Margin, a.MarginPercent = Number(d), Number(100*d/m)
		a.MarginText = fmt.Sprintf("±%s %s", figure(d), e.unit)
		a.PLower, a.PUpper = Number(against(x.Value+d, x.SE, x.DF)), Number(against(d-x.Value, x.SE, x.DF))
	case e.log:
		a.Margin, a.MarginPercent = Number(math.Log1p(k)), Number(plan.Equivalence.Margin)
		a.MarginText = fmt.Sprintf("±%s %% of the effect as a ratio", figure(100*k))
		a.PLower, a.PUpper = Number(against(x.Value-math.Log1p(-k), x.SE, x.DF)), Number(against(math.Log1p(k)-x.Value, x.SE, x.DF))
	case !(m > 0):
		a.MarginText = "none: the mean it is a share of is not positive"
	default:
		a.Margin, a.MarginPercent = Number(k*m), Number(plan.Equivalence.Margin)
		a.MarginText = fmt.Sprintf("±%s %% of the mean at %s under %s (±%s %s)", figure(100*k), e.m.f.tr.Phases[0], e.m.f.tr.Treatments[0], figure(k*m), e.unit)
		lower, upper := e.fit.Linear("", e.tilted(c.weights, k), e.in), e.fit.Linear("", e.tilted(c.weights, -k), e.in)
		a.PLower, a.PUpper = Number(oneSided(lower.T, lower.DF)), Number(oneSided(-upper.T, upper.DF))
	}
}

// oneSided returns P(T ≥ t).
func oneSided(t, df float64) float64 {
	p := lmm.TTail(t, df) / 2
	if t < 0 {
		p = 1 - p
	}
	return p
}

// figure prints a number for a sentence, with three significant digits.
func figure(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if strings.ContainsRune(s, 'e') {
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strings.Replace(s, "-", "−", 1)
}

// verdict says what the evidence shows and no more. A difference and
// equivalence are separate questions: both may be shown, or neither. A
// difference counts by its p corrected over regions, where it is in a family,
// so that no sentence claims what the table does not.
func (e *estimator) verdict(a *Attenuation, c *contrast, f Effect) string {
	if c.weights == nil {
		return "Not known: " + c.why + "."
	}
	tr, plan := e.m.f.tr, e.m.f.plan
	effect := c.effect
	p := f.PAdjusted
	if math.IsNaN(float64(p)) {
		p = f.P
	}
	different := float64(p) < 1-plan.Model.Level
	under := fmt.Sprintf("under %s than under %s", a.Treatment, tr.Treatments[0])
	direction := "larger"
	if f.Estimate < 0 {
		direction = "smaller"
	}
	interval := func(level float64, lo, hi, percentLo, percentHi Number) string {
		unit := ""
		if (plan.Equivalence.Unit != "absolute" || e.log) && !math.IsNaN(float64(percentLo)) {
			lo, hi, unit = percentLo, percentHi, " %"
		}
		return fmt.Sprintf("%s %% interval %s to %s%s", figure(100*level), figure(float64(lo)), figure(float64(hi)), unit)
	}
	wide := interval(plan.Model.Level, f.Low, f.High, f.PercentLow, f.PercentHigh)
	narrow := interval(1-2*float64(a.Alpha), a.Low, a.High, a.PercentLow, a.PercentHigh)
	margin := a.MarginText
	if i := strings.Index(margin, " ("); i > 0 {
		margin = margin[:i]
	}
	var s string
	switch {
	case math.IsNaN(float64(f.P)):
		return "Not known: the contrast could not be estimated."
	case math.IsNaN(float64(a.P)):
		s = "Whether the " + effect + " is equivalent was not tested; margin: " + a.MarginText
		if different {
			s += fmt.Sprintf(". The effect is %s %s (%s)", direction, under, wide)
		}
	case different && a.Equivalent:
		s = fmt.Sprintf("Different but equivalent: the %s is %s %s (%s), by less than the margin of %s (%s)", effect, direction, under, wide, margin, narrow)
	case a.Equivalent:
		s = fmt.Sprintf("Equivalent: if the %s differs between %s and %s, it is by less than the margin of %s (%s)", effect, a.Treatment, tr.Treatments[0], margin, narrow)
	case different && f.Estimate < 0:
		s = fmt.Sprintf("Lessened: the %s is smaller %s (%s)", effect, under, wide)
		if beyond(a) {
			s += "; by more than the margin of " + margin
		} else {
			s += "; whether by more or less than the margin of " + margin + " is not shown"
		}
	case different:
		s = fmt.Sprintf("Not lessened: the %s is larger %s (%s)", effect, under, wide)
	case a.NotLessened:
		s = fmt.Sprintf("Not lessened by the margin: the %s is not smaller %s by %s or more; that it is not larger by as much is not shown (%s)", effect, under, strings.TrimPrefix(margin, "±"), narrow)
	case a.PUpper < a.Alpha:
		s = fmt.Sprintf("Inconclusive: neither a difference in the %s between %s and %s is shown nor that it is not lessened by the margin of %s; only an increase by as much is ruled out (%s)", effect, a.Treatment, tr.Treatments[0], margin, narrow)
	default:
		s = fmt.Sprintf("Inconclusive: neither a difference in the %s between %s and %s nor its absence is shown (%s; margin %s)", effect, a.Treatment, tr.Treatments[0], narrow, margin)
	}
	if e.value(c.reference) < 0 {
		s += "; smaller and larger are meant with their sign, and the estimate under " + tr.Treatments[0] + " is negative"
	}
	return s + "."
}

// beyond tells whether the whole interval lies below the margin.
func beyond(a *Attenuation) bool {
	if !math.IsNaN(float64(a.PercentHigh)) && !math.IsNaN(float64(a.MarginPercent)) {
		return a.PercentHigh < -a.MarginPercent
	}
	return a.High < -a.Margin
}
