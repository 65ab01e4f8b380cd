package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/receptor"
)

// Where the columns of a forest of receptors begin [user units].
const (
	receptorAxisEnd = 726.0
	columnR         = 748.0
	columnMean      = 826.0
	columnP         = 1036.0
)

// A receptorRow is what is known of one receptor and one effect map.
type receptorRow struct {
	name, target, file string
	a                  *receptor.Alignment       // nil: none
	p                  *receptor.PeopleAlignment // nil: none
}

// rows joins the results of the group's map and of people's maps, in the order
// of the former.
func (q *Receptors) rows(e *ReceptorEffect) []receptorRow {
	var out []receptorRow
	seen := map[*receptor.PeopleAlignment]bool{}
	if e.Alignments != nil {
		for i := range e.Alignments.Results {
			a := &e.Alignments.Results[i]
			r := receptorRow{q.name(a.Target, a.File), a.Target, a.File, a, e.person(a.Target, a.File)}
			seen[r.p] = true
			out = append(out, r)
		}
	}
	if e.People != nil {
		for i := range e.People.Results {
			if p := &e.People.Results[i]; !seen[p] {
				out = append(out, receptorRow{q.name(p.Target, p.File), p.Target, p.File, nil, p})
			}
		}
	}
	return out
}

// claim is the p that says whether the alignment is shown, and whether it
// speaks for people too.
func (r receptorRow) claim(e *ReceptorEffect) (p float64, people bool) {
	switch {
	case r.p != nil:
		return r.p.PJointFWE, true
	case r.a != nil && e.People == nil:
		return r.a.PFWE, false
	}
	return math.NaN(), e.People != nil
}

// reason says why a receptor has no number.
func (r receptorRow) reason() string {
	t := ""
	if r.p != nil {
		t = r.p.Reason
	}
	if r.a != nil && r.a.Reason != "" {
		t = r.a.Reason
	}
	return strings.TrimSuffix(strings.TrimSpace(t), ".")
}

// coefficients are those that a row draws: r and its band, the mean over
// people and its interval; NaN where there is none.
func (r receptorRow) coefficients() (value, low, high float64, mean interval) {
	nan := math.NaN()
	value, low, high = nan, nan, nan
	mean = interval{series: seriesInteraction, est: nan, low: nan, top: nan}
	if r.a != nil {
		value, low, high = r.a.R, r.a.Low, r.a.High
	}
	if r.p != nil {
		mean.est, mean.low, mean.top = r.p.Mean, r.p.Low, r.p.High
	}
	return value, low, high, mean
}

// forestAxis is common to the forests of all effect maps.
func (q *Receptors) forestAxis() axis {
	var v []float64
	for i := range q.Effects {
		for _, r := range q.rows(&q.Effects[i]) {
			value, low, high, mean := r.coefficients()
			v = append(v, value, low, high, mean.est, mean.low, mean.top)
		}
	}
	lo, hi := spanOf([]float64{0}, v)
	return axis{lo: max(lo, -1), hi: min(hi, 1), to: receptorAxisEnd}
}

// drawForest draws rows from up to to: the coefficient over what chance gives,
// the mean over people under it, and the p of the claim.
func (q *Receptors) drawForest(id string, e *ReceptorEffect, x axis, from, to int) string {
	const head, foot = 62.0, 44.0
	rows := q.rows(e)
	people := false
	var names []string
	for _, r := range rows {
		people = people || r.p != nil
		names = append(names, wrap(r.name, laneName, 2)...)
	}
	rows = rows[from:to]
	pitch := 34.0
	if people {
		pitch = 44
	}
	x.from = labelColumn(names)
	bottom := head + pitch*float64(len(rows))
	var s svg
	s.open("chart forest receptors", id, wideWidth, bottom+foot, q.label(e)+": alignment with receptors", fmt.Sprintf("Coefficients of %s over the range that chance gives; the values are in the table.", plural(len(rows), "receptor", "receptors")))
	s.forestKey(q.symbol(), x.from, people)
	s.text(columnR, 50, `class="t strong"`, q.symbol())
	if people {
		s.text(columnMean, 34, `class="t strong"`, "mean of people’s "+q.symbol())
		s.text(columnMean, 50, `class="t"`, "(95 % CI)")
	}
	_, joint := receptorRow{}.claim(e)
	s.text(columnP, 34, `class="t strong"`, "family-wise p")
	if joint {
		s.text(columnP, 50, `class="t"`, "people and places")
	} else {
		s.text(columnP, 50, `class="t"`, "places only")
	}
	for _, t := range niceTicks(x.lo, x.hi, 9) {
		class := `class="rule"`
		if t == 0 {
			class = `class="rule zero"`
		}
		s.line(x.at(t), head-6, x.at(t), bottom, class)
		s.text(x.at(t), bottom+18, `class="t" text-anchor="middle"`, tickLabel(t, x.hi-x.lo))
	}
	s.line(x.from, bottom, x.to, bottom, `class="ax"`)
	s.text(x.to, bottom+36, `class="t" text-anchor="end"`, q.methodWords()+" of effect and density over regions")
	for k, r := range rows {
		q.forestRow(&s, e, r, x, head+pitch*float64(k), pitch)
	}
	return s.close()
}

// forestKey explains the symbols.
func (s *svg) forestKey(symbol string, x float64, people bool) {
	entry := func(name string) {
		s.text(x+16, 18, `class="t"`, name)
		x += 16 + 0.9*textWidth(name) + 18
	}
	s.mark(0, x+5, 13.5, 5, `class="f0"`, "")
	entry(symbol + ", shown")
	s.mark(0, x+5, 13.5, 4.6, `class="open c0"`, "")
	entry("not shown")
	s.rect(x-6, 8, 18, 11, `class="chance"`)
	entry("95 % of chance")
	if people {
		s.mark(seriesInteraction, x+5, 13.5, 4.5, `class="`+seriesClass("f", seriesInteraction)+`"`, "")
		entry("mean of people")
	}
}

// forestRow draws one receptor.
func (q *Receptors) forestRow(s *svg, e *ReceptorEffect, r receptorRow, x axis, top, pitch float64) {
	if top > 62 {
		s.line(0, top, wideWidth, top, `class="rule"`)
	}
	mid := top + pitch/2
	lines := wrap(r.name, laneName, 2)
	for k, line := range lines {
		s.text(4, mid+4.5+16*(float64(k)-float64(len(lines)-1)/2), `class="t strong"`, line)
	}
	value, low, high, mean := r.coefficients()
	p, _ := r.claim(e)
	shown := p < receptorAlpha
	if !isNumber(value) && !isNumber(mean.est) {
		t := "not computed"
		if why := r.reason(); why != "" {
			t += ": " + why
		}
		s.text(x.from+6, mid+4.5, `class="t"`, clip(t, 110))
		return
	}
	first, second := mid, mid
	if r.p != nil {
		first, second = mid-8, mid+11
	}
	inside := func(v float64) float64 { return min(max(v, x.lo), x.hi) }
	if isNumber(low) && isNumber(high) {
		s.rect(x.at(inside(low)), first-8, x.at(inside(high))-x.at(inside(low)), 16, `class="chance"`)
		s.line(x.at(0), first-8, x.at(0), first+8, `class="rule zero"`)
	}
	if isNumber(value) {
		class, radius := `class="open c0"`, 5.2
		if shown {
			class, radius = `class="f0"`, 6
		}
		s.mark(0, x.at(inside(value)), first, radius, class, fmt.Sprintf("%s: %s = %s, n = %d; 95 %% of chance %s; p = %s, family-wise %s (places only)", r.name, q.symbol(), r2(value), r.a.N, between(low, high), pText(r.a.P), pText(r.a.PFWE)))
	}
	s.text(columnR, mid+4.5, `class="t num"`, r2(value))
	if r.p != nil {
		whisker(s, x, second, mean, `class="whisker `+seriesClass("c", seriesInteraction)+`"`)
		if isNumber(mean.est) {
			s.mark(seriesInteraction, x.at(inside(mean.est)), second, 4.4, `class="`+seriesClass("f", seriesInteraction)+`"`, fmt.Sprintf("%s: mean of %s’s %s %s (95 %% CI %s), above 0 in %d", r.name, plural(len(r.p.Each), "person", "people"), q.symbol(), r2(mean.est), between(mean.low, mean.top), r.p.Positive))
		}
		s.text(columnMean, mid+4.5, `class="t num"`, r2(mean.est)+" ("+between(mean.low, mean.top)+")")
	}
	class, mark := `class="t num"`, ""
	if shown {
		class, mark = `class="t strong"`, " ●"
	}
	s.text(columnP, mid+4.5, class, pText(p)+mark)
}

// forestCaption says what is drawn.
func (q *Receptors) forestCaption(e *ReceptorEffect) string {
	t := "Filled, and ●: shown."
	if e.Alignments != nil {
		t = fmt.Sprintf("Circle: %s of the group’s effect map and the density, filled and ● if shown. Shaded: the middle 95 %% of %s under %s of the effect map.", q.symbol(), q.symbol(), nullWords(e.Alignments.Null))
	}
	if e.People != nil {
		t += fmt.Sprintf(" Diamond: mean of the %s of single people’s maps, with its 95 %% interval over people; it is nearer zero, as one person’s map has more noise than a mean of many. An interval that leaves out zero is not the claim: the family-wise p is.", q.symbol())
	}
	return t + " All effect maps have this axis."
}
