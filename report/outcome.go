package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/crossover"
)

// OutcomeName is the outcome in the words that every output uses: the
// outcome's own, and "not known" where nothing could be tested.
func OutcomeName(o crossover.Outcome) string {
	if o == crossover.OutcomeUnknown {
		return "not known"
	}
	return string(o)
}

// outcomeSymbols stand before the name, for those who scan a page.
var outcomeSymbols = map[crossover.Outcome]string{
	crossover.OutcomeEquivalent:     "≈",
	crossover.OutcomeLessenedWithin: "↓",
	crossover.OutcomeLessened:       "↓",
	crossover.OutcomeEnlargedWithin: "↑",
	crossover.OutcomeEnlarged:       "↑",
	crossover.OutcomeNotLessened:    "≥",
	crossover.OutcomeNotSettled:     "?",
	crossover.OutcomeUnknown:        "–",
}

// outcomeTag is the outcome as a label.
func (d *trialData) outcomeTag(r evidenceRow) tag {
	t := tag{"info", orText(outcomeSymbols[r.att.Outcome], "–"), OutcomeName(r.att.Outcome)}
	if d.severalDifferences() {
		t.Text = r.of(d) + ": " + t.Text
	}
	return t
}

// A decision is the interval and the margins on the scale on which the plan
// decides.
type decision struct {
	est, low, high      float64
	marginLow, marginHi float64
	null                float64 // where there is no difference
	unit                string
	share               bool // the scale is the share of the reference's effect that remains
}

// decide returns the decision of a row; ok is false where it has no interval
// or no margins. The scale is a share of the reference's effect if the margins
// lie about 100 %, else of the mean at baseline, or the measure's own unit.
func (r evidenceRow) decide() (q decision, ok bool) {
	t := r.att
	q = decision{low: float64(t.DecisiveLow), high: float64(t.DecisiveHigh), marginLow: float64(t.DecisiveMarginLow), marginHi: float64(t.DecisiveMarginHigh), unit: t.DecisiveUnit}
	switch percent := strings.HasPrefix(q.unit, "%"); {
	case percent && math.Abs((q.marginLow+q.marginHi)/2-100) < 1e-6:
		q.est, q.null, q.share = float64(t.Retained), 100, true
	case percent:
		q.est = float64(r.diff.Percent)
	default:
		q.est = float64(r.diff.Estimate)
	}
	for _, x := range []float64{q.low, q.high, q.marginLow, q.marginHi} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return q, false
		}
	}
	return q, q.marginLow < q.marginHi && q.low <= q.high
}

// write prints a number on the scale of the decision.
func (q decision) write(r evidenceRow, v float64) string {
	switch {
	case q.share:
		return fixed(v, 0)
	case strings.HasPrefix(q.unit, "%"):
		return fixed(v, 1)
	}
	return amountOf(r.fit).of(crossover.Number(v))
}

// span prints "62 to 110"; the unit follows it.
func (q decision) span(r evidenceRow) string { return q.write(r, q.low) + " to " + q.write(r, q.high) }

// margins prints "50 to 150 %", with the unit's first word.
func (q decision) margins() string {
	t := exact(q.marginLow) + " to " + exact(q.marginHi)
	if strings.HasPrefix(q.unit, "%") {
		t += " %"
	}
	return t
}

// unitWords is the unit after a number; "" for a ratio.
func (q decision) unitWords() string {
	if q.unit == "" || q.unit == "1" {
		return ""
	}
	return " " + cbfUnit(q.unit)
}

// retained says what is left of the effect; "" where the results do not hold
// it.
func (d *trialData) retained(r evidenceRow) string {
	t := r.att
	switch {
	case finite(t.Retained) && t.RetainedLow < t.RetainedHigh:
		return fmt.Sprintf("Under %s %s %% of the %s effect under %s remains (%s %s to %s %%).", r.of(d), fixed(float64(t.Retained), 0), d.challenge(), d.reference(),
			d.testLevel(t), fixed(float64(t.RetainedLow), 0), fixed(float64(t.RetainedHigh), 0))
	case math.IsNaN(float64(t.Retained)) && finite(r.diff.Estimate):
		return fmt.Sprintf("How much of the %s effect remains under %s cannot be said: under %s it is not told from zero.", d.challenge(), r.of(d), d.reference())
	}
	return ""
}

// testLevel names the interval of the equivalence test.
func (d *trialData) testLevel(t *crossover.Attenuation) string {
	if !finite(t.Alpha) {
		return "interval"
	}
	return ci(1 - 2*float64(t.Alpha))
}

// outcomeSentence says the outcome, in the word that the label has, and what
// it rests on.
func (d *trialData) outcomeSentence(r evidenceRow) string {
	t := r.att
	name := capital(OutcomeName(t.Outcome))
	q, decided := r.decide()
	p := d.adjustedP(r.diff)
	where := "; the margin could not be tested"
	switch {
	case !decided && q.share: // the line above says why
		where = ""
	case decided:
		where = fmt.Sprintf("; %s %s%s, margin %s", d.testLevel(t), q.span(r), q.unitWords(), q.margins())
		if q.share { // the line above has the interval
			where = "; margin " + q.margins()
		}
	}
	var s string
	switch t.Outcome {
	case crossover.OutcomeEquivalent:
		s = fmt.Sprintf("%s: the effect is within the margin, and no difference is shown (%s%s).", name, p, where)
	case crossover.OutcomeLessenedWithin, crossover.OutcomeEnlargedWithin:
		s = fmt.Sprintf("%s: a difference is shown, and it is less than the margin (%s%s).", name, p, where)
	case crossover.OutcomeLessened, crossover.OutcomeEnlarged:
		how := "whether by more than the margin is not shown"
		if decided && (q.high < q.marginLow || q.low > q.marginHi) {
			how = "by more than the margin"
		}
		s = fmt.Sprintf("%s: a difference is shown; %s (%s%s).", name, how, p, where)
	case crossover.OutcomeNotLessened:
		s = fmt.Sprintf("%s: a loss as large as the margin is ruled out, an increase as large is not; no difference is shown (%s%s).", name, p, where)
	case crossover.OutcomeNotSettled:
		s = fmt.Sprintf("%s: neither a difference nor being within the margin is shown (%s%s).", name, p, where)
	default:
		why := sentence(t.Verdict)
		if _, after, ok := strings.Cut(why, "Not known: "); ok {
			why = sentence(after)
		}
		s = strings.TrimSpace(name + ". " + why)
	}
	if t.Outcome != crossover.OutcomeUnknown && strings.Contains(t.Verdict, "margin is as large as the effect") {
		s += " The margin is as large as the effect may be: being within it would not mean that the effect remains."
	}
	return s
}

// adjustedP writes the p-value that counts: corrected over regions where it is
// in a family.
func (d *trialData) adjustedP(e *crossover.Effect) string {
	switch {
	case finite(e.PAdjusted) && d.plan.Multiplicity.Method != "none":
		return "adjusted " + pEquals(e.PAdjusted)
	case finite(e.P):
		return "uncorrected " + pEquals(e.P)
	}
	return "no p-value"
}

// shown reports whether an effect counts as told from zero.
func (d *trialData) shown(e *crossover.Effect) bool {
	p := e.PAdjusted
	if !finite(p) {
		p = e.P
	}
	return float64(p) < 1-orLevel(d.Level)
}

// orLevel is the level, or the usual one where results have none.
func orLevel(level float64) float64 {
	if level > 0 && level < 1 {
		return level
	}
	return 0.95
}
