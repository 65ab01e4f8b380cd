package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/receptor"
)

// Where the columns of a forest of receptors begin [user units].
const (
	receptorAxisEnd = 900.0
	columnR         = 934.0
	columnP         = 1016.0
)

// A receptorRow is what is known of one receptor and one effect map.
type receptorRow struct {
	name, target, file string
	a                  *receptor.Alignment       // nil: none
	p                  *receptor.PeopleAlignment // nil: none
}

// joint reports whether people's maps were tested: claims are then of people and
// places, and so are the coefficient and the band beside them.
func (e *ReceptorEffect) joint() bool { return e.People != nil }

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
	case r.a != nil && !e.joint():
		return r.a.PFWE, false
	}
	return math.NaN(), e.joint()
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
	return strings.TrimSuffix(strings.TrimSpace(inRegions(t)), ".")
}

// coefficients are those that a row draws, of the map that the claim is of: the
// mean of people's maps where they were tested, else the group's. mean is that
// over single people's maps with its interval. NaN where there is none.
func (r receptorRow) coefficients(joint bool) (value, low, high float64, mean interval) {
	nan := math.NaN()
	value, low, high = nan, nan, nan
	mean = interval{series: seriesInteraction, est: nan, low: nan, top: nan}
	switch {
	case r.p != nil:
		value, low, high = r.p.R, r.p.NullLow, r.p.NullHigh
		mean.est, mean.low, mean.top = r.p.Mean, r.p.Low, r.p.High
	case r.a != nil && !joint:
		value, low, high = r.a.R, r.a.Low, r.a.High
	}
	return value, low, high, mean
}

// forestAxis is common to the forests of all effect maps.
func (q *Receptors) forestAxis() axis {
	var v []float64
	for i := range q.Effects {
		e := &q.Effects[i]
		for _, r := range q.rows(e) {
			value, low, high, mean := r.coefficients(e.joint())
			v = append(v, value, low, high, mean.est, mean.low, mean.top)
		}
	}
	lo, hi := spanOf([]float64{0}, v)
	return axis{lo: max(lo, -1), hi: min(hi, 1), to: receptorAxisEnd}
}

// drawForest draws rows from up to to: the coefficient over what chance gives,
// the mean over single people's maps under it, and the p of the claim.
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
	s.text(columnP, 34, `class="t strong"`, "family-wise p")
	if e.joint() {
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
		entry("single people: mean, 95 % CI")
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
	value, low, high, mean := r.coefficients(e.joint())
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
		s.mark(0, x.at(inside(value)), first, radius, class, q.coefficientTip(r, value, low, high))
	}
	s.text(columnR, mid+4.5, `class="t num"`, r2(value))
	if r.p != nil {
		whisker(s, x, second, mean, `class="whisker `+seriesClass("c", seriesInteraction)+`"`)
		if isNumber(mean.est) {
			s.mark(seriesInteraction, x.at(inside(mean.est)), second, 4.4, `class="`+seriesClass("f", seriesInteraction)+`"`, fmt.Sprintf("%s: mean of %s’s %s %s (95 %% CI %s), above 0 in %d", r.name, plural(len(r.p.Each), "person", "people"), q.symbol(), r2(mean.est), between(mean.low, mean.top), r.p.Positive))
		}
	}
	class, mark := `class="t num"`, ""
	if shown {
		class, mark = `class="t strong"`, " ●"
	}
	s.text(columnP, mid+4.5, class, pText(p)+mark)
}

// coefficientTip says what a circle stands for.
func (q *Receptors) coefficientTip(r receptorRow, value, low, high float64) string {
	of, n, p, fwe, over := "group’s map", 0, math.NaN(), math.NaN(), "places only"
	switch {
	case r.p != nil:
		of, n, p, fwe, over = "mean of people’s maps", r.p.N, r.p.PJoint, r.p.PJointFWE, "people and places"
	case r.a != nil:
		n, p, fwe = r.a.N, r.a.P, r.a.PFWE
	}
	return fmt.Sprintf("%s, %s: %s = %s, n = %d; 95 %% of chance %s; p = %s, family-wise %s (%s)", r.name, of, q.symbol(), r2(value), n, between(low, high), pText(p), pText(fwe), over)
}

// forestCaption says what is drawn.
func (q *Receptors) forestCaption(e *ReceptorEffect) string {
	sym := q.symbol()
	var t string
	if e.joint() {
		t = fmt.Sprintf("Circle: %s of the mean of people’s maps and the density, filled and ● if shown. Band: middle 95 %% of what chance gives for new people and other places. Diamond: mean of the %s of single people’s maps, with its 95 %% interval over people. It is nearer zero, as one person’s map has more noise than a mean of many; p is not of it.", sym, sym)
	} else {
		t = fmt.Sprintf("Circle: %s of the group’s effect map and the density, filled and ● if shown. Band: middle 95 %% of what chance gives for other places.", sym)
	}
	return t + " The band is of one receptor and p is corrected over all: a circle a little outside need not be filled. All effect maps have this axis."
}
