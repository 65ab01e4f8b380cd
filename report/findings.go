package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/crossover"
)

// maxFindings is the number of regions said in words at the top of the page;
// the rest is in the plots and tables.
const maxFindings = 6

// A finding is one primary region in plain words.
type finding struct {
	Region string
	Tags   []tag
	Lines  []string
}

// findings says for each primary region of the first measure what was given
// between the phases did under each treatment, and whether treatments differ
// in it. rest counts the regions left out for length.
func (d *trialData) findings() (out []finding, rest int) {
	if len(d.measures) == 0 {
		return nil, 0
	}
	m := d.measures[0]
	for i, f := range m.primary {
		if i == maxFindings {
			return out, len(m.primary) - i
		}
		g := finding{Region: f.Region}
		if f.Failed != "" {
			g.Lines = []string{"No model could be fitted: " + f.Failed + "."}
			g.Tags = []tag{{"bad", "✕", "no model"}}
			out = append(out, g)
			continue
		}
		g.Lines = append(g.Lines, d.phaseSentences(f)...)
		for _, r := range evidence([]*crossover.RegionFit{f}) {
			g.Tags = append(g.Tags, d.verdictTag(r))
			g.Lines = append(g.Lines, d.attenuationSentence(r))
		}
		if t := d.otherMeasures(f); t != "" {
			g.Lines = append(g.Lines, t)
		}
		out = append(out, g)
	}
	return out, 0
}

// phaseSentences say the phase effect under each treatment.
func (d *trialData) phaseSentences(f *crossover.RegionFit) []string {
	a := amountOf(f)
	var out []string
	for _, e := range effectsOf(f, crossover.PhaseEffect) {
		_, of := effectKind(e.Name)
		who := "Under " + strings.ReplaceAll(of, ":", ", ")
		if of == "" {
			who = "Between phases"
		}
		if !finite(e.Estimate) {
			out = append(out, who+" the "+d.challenge()+" effect could not be estimated.")
			continue
		}
		stats := fmt.Sprintf("(%s %s, %s)", ci(d.Level), a.interval(e.Low, e.High), pEquals(e.P))
		what := measureName(f.Measure)
		switch {
		case e.Low > 0:
			out = append(out, fmt.Sprintf("%s, %s rose by %s%s %s.", who, what, a.with(e.Estimate), percentIn(e.Percent), stats))
		case e.High < 0:
			out = append(out, fmt.Sprintf("%s, %s fell by %s%s %s.", who, what, a.with(-e.Estimate), percentIn(-e.Percent), stats))
		default:
			out = append(out, fmt.Sprintf("%s, no clear change of %s: %s%s %s.", who, what, a.signed(e.Estimate)+unitAfter(a), percentIn(e.Percent), stats))
		}
	}
	return out
}

// attenuationSentence says whether a treatment changed the effect.
func (d *trialData) attenuationSentence(r evidenceRow) string {
	a := amountOf(r.fit)
	if !finite(r.diff.Estimate) {
		return strings.TrimSpace(fmt.Sprintf("The difference between %s and %s could not be estimated. %s", r.of(d), d.reference(), sentence(r.att.Verdict)))
	}
	stats := fmt.Sprintf("%s%s (%s %s, %s)", a.signed(r.diff.Estimate), unitAfter(a), ci(d.Level), a.interval(r.diff.Low, r.diff.High), pEquals(r.diff.P))
	text := fmt.Sprintf("Difference %s − %s: %s.", r.of(d), d.reference(), stats)
	if v := sentence(r.att.Verdict); v != "" {
		text += " " + v
	}
	if b := bayesSentence(r.att.BF01); b != "" {
		text += " " + b
	}
	return text
}

// bayesSentence says a Bayes factor in words; "" if there is none.
func bayesSentence(bf crossover.Number) string {
	v := float64(bf)
	odds := func(v float64) string {
		if v > 100 {
			return "over 100"
		}
		return bayes(crossover.Number(v))
	}
	named := strings.ReplaceAll("BF01 "+signOf(bayes(bf)), "  ", " ")
	switch {
	case math.IsNaN(v):
		return ""
	case v >= 3:
		return fmt.Sprintf("The data are %s times as likely if there is no difference (%s).", odds(v), named)
	case v <= 1.0/3:
		return fmt.Sprintf("The data are %s times as likely if there is a difference (%s).", odds(1/v), named)
	}
	return fmt.Sprintf("The Bayes factor speaks clearly neither for a difference nor for none (%s).", named)
}

// verdictTag is the verdict in two or three words, from the tests themselves.
func (d *trialData) verdictTag(r evidenceRow) tag {
	t := tag{Class: "info"}
	switch {
	case !finite(r.diff.Estimate):
		t.Symbol, t.Text = "–", "not estimated"
	case r.att.Equivalent && (r.diff.High < 0 || r.diff.Low > 0):
		t.Symbol, t.Text = "≈", "differs, by less than the margin"
	case r.att.Equivalent:
		t.Symbol, t.Text = "≈", "equivalent within the margin"
	case r.diff.High < 0:
		t.Symbol, t.Text = "↓", "lower under "+r.of(d)
	case r.diff.Low > 0:
		t.Symbol, t.Text = "↑", "higher under "+r.of(d)
	case r.att.NotLessened:
		t.Symbol, t.Text = "≥", "not lessened by the margin"
	default:
		t.Symbol, t.Text = "?", "undecided"
	}
	if d.severalDifferences() && t.Symbol != "↓" && t.Symbol != "↑" {
		t.Text = r.of(d) + ": " + t.Text
	}
	return t
}

// otherMeasures says where another measure of the same region leads to another
// verdict: the reader must not learn it only at the end of the page.
func (d *trialData) otherMeasures(f *crossover.RegionFit) string {
	first := evidence([]*crossover.RegionFit{f})
	var differ []string
	same := 0
	for _, m := range d.measures[1:] {
		for _, o := range m.primary {
			if o.Region != f.Region {
				continue
			}
			for k, r := range evidence([]*crossover.RegionFit{o}) {
				if k >= len(first) {
					break
				}
				if t := d.verdictTag(r); t.Text != d.verdictTag(first[k]).Text {
					differ = append(differ, measureName(m.measure)+", "+t.Text)
				} else {
					same++
				}
			}
		}
	}
	switch {
	case len(differ) > 0:
		return "Not so by other measures: " + strings.Join(differ, "; ") + "."
	case same > 0:
		return "Other measures lead to the same verdict."
	}
	return ""
}

// opening says what was compared in whom.
func (d *trialData) opening() string {
	if len(d.Models) == 0 {
		return "There are no results to show."
	}
	t := plural(d.Flow.Analysed, "person was", "people were") + " analysed."
	if n := d.Flow.Randomised; n > 0 && n != d.Flow.Analysed {
		t = fmt.Sprintf("%d of %s randomised were analysed.", d.Flow.Analysed, plural(n, "person", "people"))
	}
	switch {
	case len(d.Treatments) > 1 && len(d.Phases) > 1:
		t += " They received " + joinAnd(d.Treatments) + " in random order and were scanned at " + joinAnd(d.Phases) + "."
	case len(d.Treatments) > 1:
		t += " They received " + joinAnd(d.Treatments) + " in random order."
	case len(d.Phases) > 1:
		t += " They were scanned at " + joinAnd(d.Phases) + "."
	}
	switch n := len(d.Flow.Missing); {
	case n == 1:
		t += " One scan of the design is missing."
	case n > 1:
		t += fmt.Sprintf(" %d scans of the design are missing.", n)
	}
	return t
}

func unitAfter(a amount) string {
	if a.unit == "" {
		return ""
	}
	return " " + a.unit
}

// percentIn writes a change in per cent in brackets of its own: ", 12 %".
func percentIn(p crossover.Number) string {
	if !finite(p) {
		return ""
	}
	v := float64(p)
	if math.Abs(v) < 1 {
		return ", " + fixed(v, 1) + " %"
	}
	return ", " + fixed(v, 0) + " %"
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	s = capital(strings.TrimSpace(s))
	if s != "" && !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// joinAnd writes "a", "a and b" or "a, b and c".
func joinAnd(s []string) string {
	switch n := len(s); n {
	case 0:
		return ""
	case 1:
		return s[0]
	default:
		return strings.Join(s[:n-1], ", ") + " and " + s[n-1]
	}
}
