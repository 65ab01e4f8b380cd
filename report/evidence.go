package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/crossover"
)

// An evidenceRow is one treatment's influence on one region's effect.
type evidenceRow struct {
	fit  *crossover.RegionFit
	att  *crossover.Attenuation
	diff *crossover.Effect // the contrast that att judges; never nil
}

// of names the treatment, and the phase if there are several later ones.
func (r evidenceRow) of(d *trialData) string {
	if _, of := effectKind(r.att.Contrast); len(d.Phases) > 2 && of != "" {
		return strings.ReplaceAll(of, ":", ", ")
	}
	return r.att.Treatment
}

// severalDifferences reports whether a region has more than one difference
// between treatments.
func (d *trialData) severalDifferences() bool { return len(d.Treatments) > 2 || len(d.Phases) > 2 }

// evidence lists the attenuations of fits.
func evidence(fits []*crossover.RegionFit) []evidenceRow {
	var out []evidenceRow
	for _, f := range fits {
		for i := range f.Attenuation {
			t := &f.Attenuation[i]
			e := effectNamed(f, t.Contrast)
			if e == nil {
				nan := crossover.Number(math.NaN())
				e = &crossover.Effect{Name: t.Contrast, Estimate: nan, SE: nan, DF: nan, T: nan, P: nan, PAdjusted: nan, Low: nan, High: nan, Percent: nan, PercentLow: nan, PercentHigh: nan, DZ: nan}
			}
			out = append(out, evidenceRow{f, t, e})
		}
	}
	return out
}

// drawEvidence returns, for each row, the interval of the two one-sided tests
// against the margin, on the scale on which the plan decides: the effect is
// within the margin exactly if the line lies in the shade. "" if no row has an
// interval.
func (d *trialData) drawEvidence(id string, rows []evidenceRow) string {
	var ends []float64
	var scale decision
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.fit.Region
		if d.severalDifferences() {
			names[i] += ", " + r.of(d)
		}
		if q, ok := r.decide(); ok {
			scale = q
			ends = append(ends, q.low, q.high, q.est, q.marginLow, q.marginHi, q.null)
		}
	}
	if len(ends) == 0 {
		return ""
	}
	const head, lane, foot = 44.0, 44.0, 30.0
	height := head + lane*float64(len(rows)) + foot
	a := forestAxis(ends)
	a.from, a.to = labelColumn(names), 840
	bottom := height - foot
	var s svg
	s.open("chart forest", id, wideWidth, height, "Interval that decides and equivalence margin",
		fmt.Sprintf("%d differences between treatments with intervals; the values are in the table.", len(rows)))
	title, less, more := axisName("Difference of the "+d.challenge()+" effect", cbfUnit(scale.unit)), "← smaller under treatment", "larger →"
	if scale.share {
		title, less, more = "What remains, "+scale.unit, "← lessened", "enlarged →"
	}
	s.text(a.from, 16, `class="t strong"`, title)
	s.text(a.at(scale.null)-8, 34, `class="t" text-anchor="end"`, less)
	s.text(a.at(scale.null)+8, 34, `class="t"`, more)
	for _, t := range niceTicks(a.lo, a.hi, 8) {
		x := a.at(t)
		s.line(x, head-4, x, bottom, `class="rule"`)
		s.text(x, bottom+18, `class="t" text-anchor="middle"`, tickLabel(t, a.hi-a.lo))
	}
	s.line(a.from, bottom, a.to, bottom, `class="ax"`)
	for i, r := range rows {
		top := head + lane*float64(i)
		y := top + lane/2
		if i > 0 {
			s.line(0, top, wideWidth, top, `class="rule"`)
		}
		s.text(4, y+4.5, `class="t strong"`, clip(names[i], 25))
		if q, ok := r.decide(); ok {
			x0, x1 := a.at(max(q.marginLow, a.lo)), a.at(min(q.marginHi, a.hi))
			s.raw(`<rect x="`, coord(x0), `" y="`, coord(top+5), `" width="`, coord(x1-x0), `" height="`, coord(lane-10), `" class="margin">`)
			s.tip("margin " + q.margins())
			s.raw(`</rect>`)
			for _, x := range []float64{x0, x1} {
				s.line(x, top+5, x, top+lane-5, `class="edge"`)
			}
			s.line(a.at(q.null), top, a.at(q.null), top+lane, `class="rule zero"`)
			whisker(&s, a, y, interval{low: q.low, top: q.high}, `class="whisker `+seriesClass("c", seriesInteraction)+` thick"`)
			if q.est >= a.lo && q.est <= a.hi {
				s.mark(seriesInteraction, a.at(q.est), y, 7, `class="`+seriesClass("f", seriesInteraction)+` ring"`,
					fmt.Sprintf("%s: %s (%s %s)%s", names[i], q.write(r, q.est), d.testLevel(r.att), q.span(r), q.unitWords()))
			}
		} else {
			s.text(a.from+6, y+4.5, `class="t"`, "no interval on this scale: "+d.noInterval(r))
		}
		t := d.outcomeTag(r)
		s.text(860, y-3, `class="t num"`, clip(t.Symbol+" "+t.Text, 44))
		if bf := bayes(r.att.BF01); bf != dash {
			s.raw(`<text x="860" y="`, coord(y+15), `" class="t num">BF<tspan class="sub" dy="3">01</tspan><tspan dy="-3">`, escape(signOf(bf)), `</tspan></text>`)
		}
	}
	return s.close()
}

// noInterval says why a row has no interval on the scale of the decision.
func (d *trialData) noInterval(r evidenceRow) string {
	if q, _ := r.decide(); q.share {
		return "the effect under " + orText(d.reference(), "the reference") + " is not told from zero"
	}
	return "it could not be tested"
}

// signOf puts an equals sign before a number that has no sign of comparison.
func signOf(s string) string {
	if s[0] == '<' || s[0] == '>' {
		return " " + s
	}
	return " = " + s
}
