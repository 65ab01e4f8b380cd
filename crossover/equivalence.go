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
// With a margin of a share k of the reference's phase effect r, the two
// one-sided tests are the model's own t tests of
//
//	c + k·r ≤ 0  and  c − k·r ≥ 0
//
// that is, of the effect under the treatment against (1 − k)·r and (1 + k)·r;
// each has its own standard error and degrees of freedom, so that the
// uncertainty of r enters. Neither p-value is below the one-sided p of r
// itself: where there may be no effect, nothing shows that it remains. If r is
// a fall, its size takes the place of r. With a share of the mean m at baseline
// under the reference m takes the place of r, with a margin in the measure's
// unit k·r is a constant. On the logarithmic scale a share of r is one of
// logarithms, and the margin in percent is log(1 − k) below and log(1 + k)
// above.
//
// Sources: Schuirmann 1987, doi:10.1007/BF01068419; for ratios Fieller 1954;
// for the share of an effect that is to remain FDA 2016, Non-Inferiority
// Clinical Trials to Establish Effectiveness.
func (e *estimator) attenuation(c *contrast, f Effect, treatment string) Attenuation {
	plan := e.m.f.plan
	a := Attenuation{Treatment: treatment, Contrast: c.name, Margin: nan, MarginPercent: nan, Alpha: Number(plan.Equivalence.Alpha),
		PLower: nan, PUpper: nan, P: nan, Low: nan, High: nan, PercentLow: nan, PercentHigh: nan,
		BF01: nan, Scale: Number(plan.Bayes.Scale), BFN: f.N, PriorSD: nan,
		Retained: nan, RetainedLow: nan, RetainedHigh: nan,
		DecisiveLow: nan, DecisiveHigh: nan, DecisiveMarginLow: nan, DecisiveMarginHigh: nan}
	if c.weights == nil {
		return a
	}
	in := e.in
	in.Level = 1 - 2*plan.Equivalence.Alpha
	x := e.fit.Linear(c.name, c.weights, in)
	a.Low, a.High = Number(x.Low), Number(x.High)
	_, lo, hi := e.percent(c.weights, x, in.Level)
	a.PercentLow, a.PercentHigh = Number(lo), Number(hi)
	e.retained(&a, c, x, in.Level)
	a.BFN = e.effectivePeople(c, x.SE, f.N)
	a.BF01 = Number(BayesFactor01(x.T, a.BFN, x.DF, plan.Bayes.Scale))
	a.PriorSD = Number(plan.Bayes.Scale * x.SE * math.Sqrt(float64(a.BFN)))
	e.margin(&a, c, x)
	if e.confounded(c) != "" {
		a.PLower, a.PUpper, a.DecisiveLow, a.DecisiveHigh = nan, nan, nan, nan
	}
	a.P = max(a.PLower, a.PUpper) // NaN if either is
	a.Equivalent = a.P < a.Alpha
	a.NotLessened = a.PLower < a.Alpha
	if e.falls(c) {
		a.NotLessened = a.PUpper < a.Alpha
	}
	return a
}

// referenceEffect estimates the phase effect under the reference with which an
// interaction compares; Value is NaN if it cannot be.
func (e *estimator) referenceEffect(c *contrast) lmm.Estimate {
	if c.reference == nil {
		return lmm.Estimate{Value: math.NaN(), SE: math.NaN(), DF: math.NaN(), P: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	return e.fit.Linear("", c.reference, e.in)
}

// falls tells whether the reference's phase effect is shown to be a fall:
// what lessens it is then positive.
func (e *estimator) falls(c *contrast) bool {
	r := e.referenceEffect(c)
	return r.Value < 0 && r.P/2 < e.m.f.plan.Equivalence.Alpha
}

// retained sets the phase effect under the treatment in percent of that under
// the reference, 100 (1 + c/r), with Fieller's interval.
func (e *estimator) retained(a *Attenuation, c *contrast, x lmm.Estimate, level float64) {
	r := e.referenceEffect(c)
	if !(r.P < 1-level) {
		return
	}
	lo, hi := e.shares(c.weights, x, c.reference, r, level)
	if math.IsNaN(lo) || math.IsNaN(hi) {
		return
	}
	a.Retained, a.RetainedLow, a.RetainedHigh = Number(100*(1+x.Value/r.Value)), Number(100+100*lo), Number(100+100*hi)
}

// margin sets the margin, the p-values of the one-sided tests against it, and
// both on the scale on which they decide.
func (e *estimator) margin(a *Attenuation, c *contrast, x lmm.Estimate) {
	plan := e.m.f.plan
	k, m := plan.Equivalence.Margin/100, e.reference.Value
	reference, percent := e.m.f.tr.Treatments[0], Number(plan.Equivalence.Margin)
	against := func(value, se, df float64) Number { return Number(oneSided(value/se, df)) }
	decide := func(unit string, lo, hi, marginLo, marginHi Number) {
		a.DecisiveUnit, a.DecisiveLow, a.DecisiveHigh, a.DecisiveMarginLow, a.DecisiveMarginHigh = unit, lo, hi, marginLo, marginHi
	}
	switch {
	case plan.Equivalence.Unit == "effect":
		r := e.referenceEffect(c)
		if math.IsNaN(r.Value) || math.IsNaN(r.P) {
			a.MarginText = "none: the effect that it is a share of cannot be estimated"
			return
		}
		d := k * math.Abs(r.Value)
		a.Margin = Number(d)
		size := fmt.Sprintf("±%s %s", figure(d), e.unit)
		if e.log {
			a.MarginPercent, size = Number(100*math.Expm1(d)), "of logarithms"
		} else if m > 0 {
			a.MarginPercent = Number(100 * d / m)
		}
		a.MarginText = fmt.Sprintf("±%s %% of the %s under %s (%s)", figure(100*k), c.effect, reference, size)
		k = math.Copysign(k, r.Value)
		lower, upper := e.fit.Linear("", tilted(c.weights, c.reference, k), e.in), e.fit.Linear("", tilted(c.weights, c.reference, -k), e.in)
		// An effect not told from zero cannot be shown to remain.
		a.PLower = Number(math.Max(oneSided(lower.T, lower.DF), r.P/2))
		a.PUpper = Number(math.Max(oneSided(-upper.T, upper.DF), r.P/2))
		decide(fmt.Sprintf("%% of the %s under %s", c.effect, reference), a.RetainedLow, a.RetainedHigh, 100-percent, 100+percent)
	case plan.Equivalence.Unit == "absolute" && e.log:
		a.MarginText = "none: a margin in the measure's unit has no meaning for ratios"
	case plan.Equivalence.Unit == "absolute":
		d := plan.Equivalence.Margin
		a.Margin, a.MarginPercent = Number(d), Number(100*d/m)
		a.MarginText = fmt.Sprintf("±%s %s", figure(d), e.unit)
		a.PLower, a.PUpper = against(x.Value+d, x.SE, x.DF), against(d-x.Value, x.SE, x.DF)
		decide(e.unit, a.Low, a.High, Number(-d), Number(d))
	case e.log:
		a.Margin, a.MarginPercent = Number(math.Log1p(k)), percent
		a.MarginText = fmt.Sprintf("±%s %% as a ratio of ratios (%s to %s)", figure(100*k), figure(1-k), figure(1+k))
		a.PLower, a.PUpper = against(x.Value-math.Log1p(-k), x.SE, x.DF), against(math.Log1p(k)-x.Value, x.SE, x.DF)
		decide("% as a ratio of ratios", a.PercentLow, a.PercentHigh, -percent, percent)
	case !(m > 0):
		a.MarginText = "none: the mean it is a share of is not positive"
	default:
		a.Margin, a.MarginPercent = Number(k*m), percent
		of := fmt.Sprintf("%% of the mean at %s under %s", e.m.f.tr.Phases[0], reference)
		a.MarginText = fmt.Sprintf("±%s %s (±%s %s)", figure(100*k), of, figure(k*m), e.unit)
		lower, upper := e.fit.Linear("", tilted(c.weights, e.refWeight, k), e.in), e.fit.Linear("", tilted(c.weights, e.refWeight, -k), e.in)
		a.PLower, a.PUpper = Number(oneSided(lower.T, lower.DF)), Number(oneSided(-upper.T, upper.DF))
		decide(of, a.PercentLow, a.PercentHigh, -percent, percent)
	}
}

// marginHolds tells whether a margin that is no share of the effect is smaller
// than the effect: whether the interval of the reference's phase effect lies
// beyond it, on the side of the estimate. If not, an effect that is lost
// altogether may be within the margin.
func (e *estimator) marginHolds(a *Attenuation, c *contrast) bool {
	r := e.referenceEffect(c)
	if e.m.f.plan.Equivalence.Unit == "effect" || math.IsNaN(float64(a.Margin)) || math.IsNaN(r.Value) {
		return true
	}
	lo, hi, margin := r.Low, r.High, float64(a.Margin)
	if e.m.f.plan.Equivalence.Unit == "percent" {
		_, lo, hi = e.percent(c.reference, r, e.in.Level)
		margin = float64(a.MarginPercent)
	}
	return lo > margin || hi < -margin
}

// effectivePeople is how many people with every scan would give an interaction
// of this standard error, (SD/SE)², rounded; SD is that of a person's
// difference under the model. In complete data it is their number; with gaps
// it lies between those who have every scan and all. Where random effects
// other than intercepts make SD unknown, it is complete, the people who have
// every scan.
func (e *estimator) effectivePeople(c *contrast, se float64, complete int) int {
	residual, groups := e.m.personWeights(c)
	if residual == 0 {
		return complete
	}
	v := residual * e.fit.Sigma * e.fit.Sigma
	for _, x := range e.fit.VarComps() {
		if x.Group == "Residual" {
			continue
		}
		w, ok := groups(x.Group)
		if !ok || x.Term != "(Intercept)" || x.Term2 != "" {
			return complete
		}
		v += w * x.Variance
	}
	n := math.Round(v / (se * se))
	if math.IsNaN(n) {
		return complete
	}
	return int(math.Min(math.Max(n, 1), float64(e.m.people())))
}

// personWeights returns by how much the variances of the residual and of
// random intercepts enter the variance of a person's own difference: the sum
// of squares of the contrast's weights, of scans that share the intercept
// added first. Sessions and periods go with treatments.
func (m *model) personWeights(c *contrast) (residual float64, groups func(name string) (float64, bool)) {
	for _, k := range c.cells {
		residual += k * k
	}
	return residual, func(name string) (float64, bool) {
		var byTreatment, byPhase bool
		for _, v := range strings.Split(name, ":") {
			switch v {
			case sessionColumn, periodColumn, treatmentColumn:
				byTreatment = true
			case phaseColumn:
				byPhase = true
			case subjectColumn, sequenceColumn:
			default:
				return 0, false
			}
		}
		sums := map[cell]float64{}
		for at, k := range c.cells {
			if !byTreatment {
				at.treatment = 0
			}
			if !byPhase {
				at.phase = 0
			}
			sums[at] += k
		}
		total := 0.0
		for _, s := range sums {
			total += s * s
		}
		return total, true
	}
}

// confounded says why an interaction cannot be told from a change of the phase
// effect between visits: everybody had the two treatments in one order. It is
// "" if somebody had another.
func (e *estimator) confounded(c *contrast) string {
	periods := map[string]map[int]bool{c.treatment: {}, e.m.f.tr.Treatments[0]: {}}
	for _, i := range e.m.rows {
		s := &e.m.f.scans[i]
		if of := periods[s.Treatment]; of != nil {
			of[s.Period] = true
		}
	}
	only := func(of map[int]bool) int {
		for k := range of {
			if len(of) == 1 {
				return k
			}
		}
		return 0
	}
	a, b := only(periods[c.treatment]), only(periods[e.m.f.tr.Treatments[0]])
	if a == 0 || b == 0 || a == b {
		return ""
	}
	return fmt.Sprintf("everybody had %s in visit %d and %s in visit %d, so that treatment and visit cannot be told apart", e.m.f.tr.Treatments[0], b, c.treatment, a)
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
