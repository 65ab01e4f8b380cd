package crossover

import (
	"fmt"
	"math"
	"strings"
)

// conclude sets the outcome and the words that go with it. f is the
// interaction, its p-value corrected over regions where it is in a family.
func (e *estimator) conclude(a *Attenuation, c *contrast, f Effect) {
	p := f.PAdjusted
	if math.IsNaN(float64(p)) {
		p = f.P
	}
	smaller := f.Estimate < 0
	if e.falls(c) {
		smaller = f.Estimate > 0
	}
	switch {
	case c.weights == nil || math.IsNaN(float64(f.P)) || e.confounded(c) != "":
		a.Outcome = OutcomeUnknown
	default:
		a.Outcome = outcome(!math.IsNaN(float64(a.P)), float64(p) < 1-e.m.f.plan.Model.Level, smaller, a.Equivalent, a.NotLessened)
	}
	a.Verdict = e.verdict(a, c, f)
}

// outcome says what the evidence amounts to. A difference and equivalence are
// separate questions: both may be shown, or neither.
func outcome(tested, different, smaller, equivalent, notLessened bool) Outcome {
	switch {
	case different && equivalent && smaller:
		return OutcomeLessenedWithin
	case different && equivalent:
		return OutcomeEnlargedWithin
	case different && smaller:
		return OutcomeLessened
	case different:
		return OutcomeEnlarged
	case !tested:
		return OutcomeUnknown
	case equivalent:
		return OutcomeEquivalent
	case notLessened:
		return OutcomeNotLessened
	}
	return OutcomeNotSettled
}

// verdict says the outcome in a sentence and claims no more than it does.
func (e *estimator) verdict(a *Attenuation, c *contrast, f Effect) string {
	if why := e.confounded(c); why != "" {
		return "Not known: " + why + "."
	}
	if c.weights == nil {
		return "Not known: " + c.why + "."
	}
	if math.IsNaN(float64(f.P)) {
		return "Not known: the contrast could not be estimated."
	}
	tr, plan := e.m.f.tr, e.m.f.plan
	under := fmt.Sprintf("under %s than under %s", a.Treatment, tr.Treatments[0])
	between := fmt.Sprintf("between %s and %s", a.Treatment, tr.Treatments[0])
	wide := fmt.Sprintf("%s %% interval %s to %s %s", figure(100*plan.Model.Level), figure(float64(f.Low)), figure(float64(f.High)), e.unit)
	if !math.IsNaN(float64(f.PercentLow)) {
		of := "% of baseline"
		if e.log {
			of = "%"
		}
		wide = fmt.Sprintf("%s %% interval %s to %s %s", figure(100*plan.Model.Level), figure(float64(f.PercentLow)), figure(float64(f.PercentHigh)), of)
	}
	narrow := fmt.Sprintf("%s %% interval %s to %s %s", figure(100*(1-2*float64(a.Alpha))), figure(float64(a.DecisiveLow)), figure(float64(a.DecisiveHigh)), a.DecisiveUnit)
	if plan.Equivalence.Unit == "effect" {
		narrow = "retained: " + narrow
	}
	if math.IsNaN(float64(a.DecisiveLow)) {
		narrow = fmt.Sprintf("the %s under %s is not told from zero, so no share of it can be given", c.effect, tr.Treatments[0])
	}
	margin, _, _ := strings.Cut(a.MarginText, " (")
	var s string
	switch a.Outcome {
	case OutcomeEquivalent:
		s = fmt.Sprintf("Within the margin: no difference in the %s %s is shown, and if there is one it is less than the margin of %s (%s)", c.effect, between, margin, narrow)
	case OutcomeLessenedWithin:
		s = fmt.Sprintf("Lessened, by less than the margin: the %s is smaller %s (%s), by less than %s (%s)", c.effect, under, wide, strings.TrimPrefix(margin, "±"), narrow)
	case OutcomeEnlargedWithin:
		s = fmt.Sprintf("Enlarged, by less than the margin: the %s is larger %s (%s), by less than %s (%s)", c.effect, under, wide, strings.TrimPrefix(margin, "±"), narrow)
	case OutcomeLessened, OutcomeEnlarged:
		s = fmt.Sprintf("Lessened: the %s is smaller %s (%s)", c.effect, under, wide)
		if a.Outcome == OutcomeEnlarged {
			s = fmt.Sprintf("Enlarged: the %s is larger %s (%s)", c.effect, under, wide)
		}
		switch {
		case math.IsNaN(float64(a.P)):
			s += "; equivalence was not tested, margin: " + a.MarginText
		case beyond(a):
			s += fmt.Sprintf("; by more than the margin of %s (%s)", margin, narrow)
		default:
			s += fmt.Sprintf("; whether by more or less than the margin of %s is not shown (%s)", margin, narrow)
		}
	case OutcomeNotLessened:
		s = fmt.Sprintf("Not lessened by the margin: the %s is not smaller %s by %s or more; that it is not larger by as much is not shown (%s)", c.effect, under, strings.TrimPrefix(margin, "±"), narrow)
	case OutcomeNotSettled:
		s = fmt.Sprintf("Not settled: neither a difference in the %s %s nor its absence is shown (%s; margin %s)", c.effect, between, narrow, margin)
	default:
		return fmt.Sprintf("Not known: no difference in the %s %s is shown (%s), and equivalence was not tested; margin: %s.", c.effect, between, wide, a.MarginText)
	}
	switch r := e.referenceEffect(c); {
	case e.falls(c):
		s += fmt.Sprintf("; the %s under %s is a fall: smaller and larger are meant of its size", c.effect, tr.Treatments[0])
	case r.Value < 0:
		s += "; smaller and larger are meant with their sign, and the estimate under " + tr.Treatments[0] + " is negative"
	}
	if !e.marginHolds(a, c) {
		s += "; " + wideMargin
	}
	return s + "."
}

// wideMargin is said where a margin protects nothing.
const wideMargin = "the margin is as large as the effect itself may be: being within it would not mean that the effect remains"

// beyond tells whether the interval lies wholly outside the margins.
func beyond(a *Attenuation) bool {
	return a.DecisiveHigh < a.DecisiveMarginLow || a.DecisiveLow > a.DecisiveMarginHigh
}
