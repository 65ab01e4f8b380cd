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

// A judged row is what the drawing of the evidence shows, in one unit.
type judged struct {
	est, low, high    float64 // difference and its confidence interval
	testLow, testHigh float64 // interval of the equivalence test
	marginLow, margin float64
}

// judge returns the row in per cent of the mean at baseline, or in the unit of
// the estimate.
func (r evidenceRow) judge(percent bool) judged {
	e, t := r.diff, r.att
	if percent {
		return judged{float64(e.Percent), float64(e.PercentLow), float64(e.PercentHigh), float64(t.PercentLow), float64(t.PercentHigh), -float64(t.MarginPercent), float64(t.MarginPercent)}
	}
	lo, hi := marginOf(r.fit, t)
	return judged{float64(e.Estimate), float64(e.Low), float64(e.High), float64(t.Low), float64(t.High), lo, hi}
}

// inPercent reports whether the margin was given in per cent, so that the
// interval in per cent decides.
func (d *trialData) inPercent(rows []evidenceRow) bool {
	for _, r := range rows {
		if !finite(r.att.MarginPercent) || !finite(r.att.PercentLow) || !finite(r.diff.Percent) {
			return false
		}
	}
	return d.plan.Equivalence.Unit == "percent"
}

// drawEvidence returns, for each row, the difference between treatments with
// the interval of the two one-sided tests (thick) and the confidence interval
// (thin) against the band of differences that count as none.
func (d *trialData) drawEvidence(id string, rows []evidenceRow) string {
	if len(rows) == 0 {
		return ""
	}
	percent := d.inPercent(rows)
	unit, write := effectUnit(rows[0].fit), func(r evidenceRow, v float64) string { return amountOf(r.fit).signed(crossover.Number(v)) }
	if percent {
		unit, write = "% of the mean at baseline", func(_ evidenceRow, v float64) string { return fixed(v, 1) + " %" }
	}
	var ends []float64
	for _, r := range rows {
		j := r.judge(percent)
		ends = append(ends, j.est, j.low, j.high, j.testLow, j.testHigh)
		ends = append(ends, j.marginLow, j.margin)
	}
	const head, lane, foot = 44.0, 44.0, 30.0
	height := head + lane*float64(len(rows)) + foot
	a := forestAxis(ends)
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.fit.Region
		if d.severalDifferences() {
			names[i] += ", " + r.of(d)
		}
	}
	a.from, a.to = labelColumn(names), 840
	bottom := height - foot
	var s svg
	s.open("chart forest", id, wideWidth, height, "Difference between treatments and equivalence margin",
		fmt.Sprintf("%d differences with intervals; the values are in the table.", len(rows)))
	s.text(a.from, 16, `class="t strong"`, axisName("Difference of the "+d.challenge()+" effect", unit))
	s.text(a.at(0)-8, 34, `class="t" text-anchor="end"`, "← smaller under treatment")
	s.text(a.at(0)+8, 34, `class="t"`, "larger →")
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
		name := names[i]
		s.text(4, y+4.5, `class="t strong"`, clip(name, 25))
		j := r.judge(percent)
		if m := j.margin; m > 0 && !math.IsInf(m, 0) {
			x0, x1 := a.at(max(j.marginLow, a.lo)), a.at(min(m, a.hi))
			s.raw(`<rect x="`, coord(x0), `" y="`, coord(top+5), `" width="`, coord(x1-x0), `" height="`, coord(lane-10), `" class="margin">`)
			s.tip("margin ±" + strings.TrimPrefix(write(r, m), "+"))
			s.raw(`</rect>`)
			for _, x := range []float64{x0, x1} {
				s.line(x, top+5, x, top+lane-5, `class="edge"`)
			}
		}
		s.line(a.at(0), top, a.at(0), top+lane, `class="rule zero"`)
		class := `class="whisker ` + seriesClass("c", seriesInteraction)
		whisker(&s, a, y, interval{low: j.low, top: j.high}, class+`"`)
		whisker(&s, a, y, interval{low: j.testLow, top: j.testHigh}, class+` thick"`)
		if j.est >= a.lo && j.est <= a.hi {
			s.mark(seriesInteraction, a.at(j.est), y, 7, `class="`+seriesClass("f", seriesInteraction)+` ring"`,
				fmt.Sprintf("%s: %s (%s %s to %s)", name, write(r, j.est), ci(d.Level), write(r, j.low), write(r, j.high)))
		}
		s.text(860, y-3, `class="t num"`, "equivalence "+pEquals(r.att.P)+", not lessened "+pEquals(r.att.PLower))
		if bf := bayes(r.att.BF01); bf != dash {
			s.raw(`<text x="860" y="`, coord(y+15), `" class="t num">BF<tspan class="sub" dy="3">01</tspan><tspan dy="-3">`, escape(signOf(bf)), `</tspan></text>`)
		}
	}
	return s.close()
}

// signOf puts an equals sign before a number that has no sign of comparison.
func signOf(s string) string {
	if s[0] == '<' || s[0] == '>' {
		return " " + s
	}
	return " = " + s
}
