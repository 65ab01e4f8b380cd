package report

import (
	"fmt"
	"math"
	"slices"
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

// findings says for each primary region of the primary measure what was given
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
			g.Tags = append(g.Tags, d.outcomeTag(r))
			g.Lines = append(g.Lines, d.attenuationLines(r)...)
		}
		for _, t := range []string{missingValues(f), d.sensitivity(f), d.otherMeasures(f)} {
			if t != "" {
				g.Lines = append(g.Lines, t)
			}
		}
		out = append(out, g)
	}
	return out, 0
}

// phaseSentences say the phase effect under each treatment: it rose or fell if
// its corrected p-value says so.
func (d *trialData) phaseSentences(f *crossover.RegionFit) []string {
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
		what := measureName(f.Measure)
		size, limits := effectWords(f, e, false)
		stats := d.statsWords(f, e, limits)
		switch {
		case d.shown(e) && e.Estimate > 0:
			out = append(out, fmt.Sprintf("%s, %s rose by %s, %s.", who, what, size, stats))
		case d.shown(e):
			size, _ = effectWords(f, &crossover.Effect{Estimate: -e.Estimate, Percent: -e.Percent}, false)
			out = append(out, fmt.Sprintf("%s, %s fell by %s, %s.", who, what, size, stats))
		default:
			size, _ = effectWords(f, e, true)
			out = append(out, fmt.Sprintf("%s, no change of %s is shown: %s, %s.", who, what, size, stats))
		}
	}
	return out
}

// effectWords writes an estimate and its limits: of a model of logarithms in
// per cent alone, for a difference of logarithms says little to a reader.
func effectWords(f *crossover.RegionFit, e *crossover.Effect, signed bool) (size, limits string) {
	a := amountOf(f)
	if f.Log && finite(e.Percent) {
		size = percentNumber(e.Percent)
		if signed && e.Percent > 0 {
			size = "+" + size
		}
		return size, fixed(float64(e.PercentLow), 1) + " to " + fixed(float64(e.PercentHigh), 1) + " %"
	}
	size = a.with(e.Estimate)
	if signed {
		size = a.signed(e.Estimate) + unitAfter(a)
	}
	return size, a.interval(e.Low, e.High)
}

// statsWords writes what follows an estimate: interval, share of baseline, p.
func (d *trialData) statsWords(f *crossover.RegionFit, e *crossover.Effect, limits string) string {
	share := ""
	if finite(e.Percent) && !f.Log {
		share = percentNumber(e.Percent) + " of baseline; "
	}
	return fmt.Sprintf("%s %s (%s%s)", ci(d.Level), limits, share, d.adjustedP(e))
}

// attenuationLines say what remains of the effect, the outcome, and what the
// Bayes factor adds.
func (d *trialData) attenuationLines(r evidenceRow) []string {
	var out []string
	add := func(s string) {
		if s != "" {
			out = append(out, s)
		}
	}
	if finite(r.diff.Estimate) {
		size, limits := effectWords(r.fit, r.diff, true)
		add(strings.TrimSpace(fmt.Sprintf("%s Difference %s − %s: %s (%s %s).", d.retained(r), r.of(d), d.reference(), size, ci(d.Level), limits)))
	} else {
		add(fmt.Sprintf("The difference between %s and %s could not be estimated.", r.of(d), d.reference()))
	}
	add(d.outcomeSentence(r))
	add(d.bayesSentence(r))
	return out
}

// missingValues says that a region lacks values of scans that are there.
func missingValues(f *crossover.RegionFit) string {
	n := len(f.MissingValues)
	if n == 0 {
		return ""
	}
	const most = 3
	list := strings.Join(f.MissingValues[:min(n, most)], "; ")
	if n > most {
		list += fmt.Sprintf("; and %d more", n-most)
	}
	return fmt.Sprintf("%s no value of this region: %s.", plural(n, "scan of the design has", "scans of the design have"), list)
}

// sensitivity says whether a conclusion changes if people may differ in the
// phase effect, or if not, that precision does by more than a tenth.
func (d *trialData) sensitivity(f *crossover.RegionFit) string {
	s := f.Sensitivity
	if s == nil {
		return ""
	}
	const lead = "If people may differ in the effect"
	if s.Failed != "" {
		return lead + ", the model could not be fitted: " + s.Failed + "."
	}
	var changes []string
	spread := 0.0
	for i := range f.Attenuation {
		a := &f.Attenuation[i]
		for k := range s.Attenuation {
			if b := &s.Attenuation[k]; b.Contrast == a.Contrast && b.Outcome != a.Outcome {
				changes = append(changes, fmt.Sprintf("the verdict on %s is “%s” instead of “%s”", a.Treatment, OutcomeName(b.Outcome), OutcomeName(a.Outcome)))
			}
		}
	}
	for i := range f.Effects {
		e := &f.Effects[i]
		o := effectNamed(s, e.Name)
		kind, of := effectKind(e.Name)
		if o == nil || !finite(o.P) || kind != crossover.PhaseEffect && kind != crossover.AverageEffect && kind != crossover.Interaction {
			continue
		}
		if r := float64(o.SE/e.SE) - 1; math.Abs(r) > math.Abs(spread) {
			spread = r
		}
		if kind != crossover.Interaction && d.shown(e) != d.shown(o) {
			word := "is not shown"
			if d.shown(o) {
				word = "is shown"
			}
			where := "on average"
			if of != "" {
				where = "under " + strings.ReplaceAll(of, ":", ", ")
			}
			changes = append(changes, fmt.Sprintf("the %s effect %s %s (%s)", d.challenge(), where, word, d.adjustedP(o)))
		}
	}
	switch {
	case len(changes) > 0:
		return lead + ", " + joinAnd(changes) + "."
	case math.Abs(spread) > 0.1 && !math.IsInf(spread, 0):
		return fmt.Sprintf("%s, a standard error changes by %s %%; no conclusion does.", lead, fixed(100*spread, 0))
	}
	return ""
}

// otherMeasures gives the outcome by the other measures: they answer other
// questions, and the reader must not learn it only at the end of the page.
func (d *trialData) otherMeasures(f *crossover.RegionFit) string {
	var own []string
	for _, r := range evidence([]*crossover.RegionFit{f}) {
		own = append(own, d.outcomeTag(r).Text)
	}
	var list []string
	same := true
	for _, m := range d.measures {
		if m.measure == f.Measure {
			continue
		}
		for _, o := range m.primary {
			if o.Region != f.Region {
				continue
			}
			var said []string
			for _, r := range evidence([]*crossover.RegionFit{o}) {
				said = append(said, d.outcomeTag(r).Text)
			}
			if len(said) > 0 {
				same = same && slices.Equal(said, own)
				list = append(list, measureName(m.measure)+", "+strings.Join(said, ", "))
			}
		}
	}
	if len(list) == 0 {
		return ""
	}
	if same {
		return "Other measures answer other questions, with the same outcome."
	}
	return "Other measures answer other questions: " + strings.Join(list, "; ") + "."
}

// opening says what was compared in whom.
func (d *trialData) opening() string {
	if len(d.Models) == 0 {
		return "There are no results to show."
	}
	t := plural(d.Flow.Analysed, "person was", "people were") + " analysed."
	if n := d.Flow.Randomised; n > 0 && n != d.Flow.Analysed {
		t = fmt.Sprintf("%d of %s were analysed.", d.Flow.Analysed, plural(n, "person", "people"))
	}
	switch {
	case len(d.Treatments) > 1 && len(d.Phases) > 1:
		t += " Planned for each: " + joinAnd(d.Treatments) + " at visits of their own, with scans at " + joinAnd(d.Phases) + "."
	case len(d.Treatments) > 1:
		t += " Planned for each: " + joinAnd(d.Treatments) + " at visits of their own."
	case len(d.Phases) > 1:
		t += " They were scanned at " + joinAnd(d.Phases) + "."
	}
	switch n := len(d.Flow.Missing); {
	case n == 1:
		t += " One scan of the design is missing."
	case n > 1:
		t += fmt.Sprintf(" %d scans of the design are missing.", n)
	}
	if d.oneSequence() {
		t += " All had the treatments in the same order: treatment and period cannot be told apart."
	}
	return t
}

// oneSequence reports whether everybody analysed had the same known order of
// treatments.
func (d *trialData) oneSequence() bool {
	n := 0
	for _, s := range d.Flow.Sequences {
		if s.Analysed > 0 {
			n++
		}
	}
	return n == 1 && len(d.Treatments) > 1 && d.Flow.Sequences != nil
}

func unitAfter(a amount) string {
	if a.unit == "" {
		return ""
	}
	return " " + a.unit
}

// percentNumber writes a change in per cent.
func percentNumber(p crossover.Number) string {
	v := float64(p)
	if math.Abs(v) < 1 {
		return fixed(v, 1) + " %"
	}
	return fixed(v, 0) + " %"
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
