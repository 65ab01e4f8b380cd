package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// wideWidth is the width of charts that take the whole page, in user units.
const wideWidth = 1180.0

// forestChunk is the number of regions in one drawing of a long forest: a page
// of paper takes no more.
const forestChunk = 30

// An interval is a row of a forest: estimate and confidence limits.
type interval struct {
	series        int
	est, low, top float64
	text, tip     string
}

// A forestLane is one region: the phase effects on the left, what treatments
// make of them on the right. Or one association: its correlations, and how
// they differ.
type forestLane struct {
	name        string
	failed      string // why there is nothing to draw, in words
	left, right []interval
	margin      [2]float64 // of equivalence, drawn behind the right panel; NaN: none
}

// A forestPlot is regions of one measure, or associations, with the axes that
// all its drawings share.
type forestPlot struct {
	lanes               []forestLane
	what                string // "regions"
	nameLines           int    // most lines that a name is broken into
	full                bool   // with numbers beside the whiskers
	head                [2]string
	key                 []keyEntry
	leftAxis, rightAxis axis
	pitch, lead         float64 // between whiskers, between lanes [user units]
	numberA, numberB    float64 // where the numbers of either panel stand
}

// A keyEntry is a symbol and what it stands for.
type keyEntry struct {
	series int
	name   string
}

// newForest gathers the intervals of fits. Axes cover every limit, unless a
// few lie so far out that the rest could not be read; those whiskers end in an
// arrow.
func (d *trialData) newForest(fits []*crossover.RegionFit, full bool) *forestPlot {
	p := &forestPlot{full: full, pitch: 8, lead: 12, what: "regions", nameLines: 1}
	if full {
		p.pitch, p.lead = 19, 18
	}
	var left, right []float64
	for _, f := range fits {
		l := forestLane{name: f.Region, margin: [2]float64{math.NaN(), math.NaN()}}
		if f.Failed != "" {
			l.failed = "no model: " + f.Failed
		}
		a := amountOf(f)
		row := func(e *crossover.Effect, series int) interval {
			iv := interval{series: series, est: float64(e.Estimate), low: float64(e.Low), top: float64(e.High)}
			iv.text = a.signed(e.Estimate) + " (" + a.interval(e.Low, e.High) + ")"
			iv.tip = fmt.Sprintf("%s, %s: %s (%s %s), %s", f.Region, d.plotRow(e), a.with(e.Estimate), ci(d.Level), a.interval(e.Low, e.High), pEquals(e.P))
			if finite(e.Percent) {
				iv.tip += ", " + fixed(float64(e.Percent), 1) + " %"
			}
			if !slices.ContainsFunc(p.key, func(k keyEntry) bool { return k.name == d.plotRow(e) }) {
				p.key = append(p.key, keyEntry{series, d.plotRow(e)})
			}
			return iv
		}
		for _, kind := range []string{crossover.PhaseEffect, crossover.AverageEffect} {
			for _, e := range effectsOf(f, kind) {
				series := seriesAverage
				if _, of := effectKind(e.Name); kind == crossover.PhaseEffect {
					series = d.series(of)
				}
				iv := row(e, series)
				l.left = append(l.left, iv)
				left = append(left, iv.est, iv.low, iv.top)
			}
		}
		for _, e := range effectsOf(f, crossover.Interaction) {
			series := seriesInteraction
			if d.severalDifferences() { // several differences: each in its treatment's colour
				_, of := effectKind(e.Name)
				series = d.series(of)
			}
			iv := row(e, series)
			l.right = append(l.right, iv)
			right = append(right, iv.est, iv.low, iv.top)
		}
		for _, t := range f.Attenuation {
			if lo, hi := marginOf(f, &t); lo < hi {
				l.margin = [2]float64{lo, hi}
				right = append(right, lo, hi)
			}
		}
		p.lanes = append(p.lanes, l)
	}
	what := measureName(crossover.Absolute)
	unit := ""
	if len(fits) > 0 {
		what, unit = measureName(fits[0].Measure), effectUnit(fits[0])
		if fits[0].Log {
			what = "log " + what
		}
	}
	p.head = [2]string{axisName("Change of "+what, unit), axisName("Difference between treatments", unit)}
	p.leftAxis, p.rightAxis = forestAxis(left), forestAxis(right)
	p.place()
	return p
}

// place lays the panels side by side, right of the names.
func (p *forestPlot) place() {
	var names []string
	for _, l := range p.lanes {
		names = append(names, wrap(l.name, laneName, p.nameLines)...)
	}
	from, numbers, between := labelColumn(names), 0.0, 50.0
	if p.full {
		numbers, between = 192, 22
	}
	each := (wideWidth - 8 - from - between - 2*numbers) / 2
	p.leftAxis.from, p.leftAxis.to = from, from+each
	p.rightAxis.from = from + each + numbers + between
	p.rightAxis.to = p.rightAxis.from + each
	p.numberA, p.numberB = p.leftAxis.to+12, p.rightAxis.to+12
}

// marginOf returns the margins that decide, carried to the unit of the
// estimates, NaN if there are none or no interval to hold against them. A
// margin that is a share, of the effect under the reference or of the mean at
// baseline, stands at its estimated place: the verdict allows for the
// uncertainty of that.
func marginOf(f *crossover.RegionFit, t *crossover.Attenuation) (lo, hi float64) {
	nan := math.NaN()
	r := evidenceRow{f, t, &crossover.Effect{}}
	q, ok := r.decide()
	if !ok {
		return nan, nan
	}
	lo, hi = q.marginLow, q.marginHi
	switch percent := strings.HasPrefix(q.unit, "%"); {
	case q.share:
		if !finite(t.Margin) {
			return nan, nan
		}
		lo, hi = -float64(t.Margin), float64(t.Margin) // the share of the size of the effect
	case percent && f.Log:
		lo, hi = math.Log1p(lo/100), math.Log1p(hi/100)
	case percent:
		k := float64(t.Margin / t.MarginPercent)
		lo, hi = k*lo, k*hi
	}
	if math.IsInf(lo, 0) || math.IsInf(hi, 0) || !(lo < hi) {
		return nan, nan
	}
	return lo, hi
}

// laneName is the length of a line of a lane's name.
const laneName = 25

// labelColumn is where the first panel begins, right of the names of its rows.
func labelColumn(names []string) float64 {
	w := 0.0
	for _, n := range names {
		w = max(w, 1.05*textWidth(clip(n, laneName))) // bold
	}
	return min(max(w, 60), 200) + 14
}

// forestAxis covers zero and the values, but no more than the spread of the
// middle nine tenths beyond them on either side.
func forestAxis(v []float64) axis {
	ends := slices.DeleteFunc(slices.Clone(v), func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) })
	lo, hi := spanOf([]float64{0}, ends)
	if len(ends) > 20 {
		slices.Sort(ends)
		a, b := ends[len(ends)/20], ends[len(ends)-1-len(ends)/20]
		if w := b - a; w > 0 {
			lo, hi = max(lo, min(0, a-w)), min(hi, max(0, b+w))
		}
	}
	return axis{lo: lo, hi: hi}
}

// draw returns the drawing of lanes from up to to.
func (p *forestPlot) draw(id, title string, from, to int) string {
	const head, foot = 58.0, 30.0
	tops := make([]float64, 0, to-from+1)
	y := head
	for _, l := range p.lanes[from:to] {
		tops = append(tops, y)
		y += p.lead + p.pitch*float64(max(1, len(l.left), len(l.right)))
	}
	tops = append(tops, y)
	var s svg
	s.open("chart forest", id, wideWidth, y+foot, title, fmt.Sprintf("Estimates with confidence intervals of %d %s; the values are in the table.", to-from, p.what))
	x := p.leftAxis.from
	for _, k := range p.key {
		s.mark(k.series, x+5, 13, 4.5, `class="`+seriesClass("f", k.series)+`"`, "")
		s.text(x+15, 17, `class="t"`, clip(k.name, 40))
		x += textWidth(clip(k.name, 40)) + 30
	}
	for i, a := range []axis{p.leftAxis, p.rightAxis} {
		s.text(a.from, 40, `class="t strong"`, p.head[i])
		for _, t := range niceTicks(a.lo, a.hi, int((a.to-a.from)/55)) {
			tx := a.at(t)
			class := `class="rule"`
			if t == 0 {
				class = `class="rule zero"`
			}
			s.line(tx, head-6, tx, y, class)
			s.text(tx, y+18, `class="t" text-anchor="middle"`, tickLabel(t, a.hi-a.lo))
		}
		s.line(a.from, y, a.to, y, `class="ax"`)
	}
	for i, l := range p.lanes[from:to] {
		top, bottom := tops[i], tops[i+1]
		if i > 0 {
			s.line(0, top-1, wideWidth, top-1, `class="rule"`)
		}
		mid := (top+bottom)/2 + 3.5
		lines := wrap(l.name, laneName, p.nameLines)
		for k, line := range lines {
			s.text(4, mid+15*(float64(k)-float64(len(lines)-1)/2), `class="t strong"`, line)
		}
		if l.failed != "" {
			s.text(p.leftAxis.from+6, mid, `class="t"`, clip(l.failed, 110))
			continue
		}
		if b := p.rightAxis; l.margin[0] < l.margin[1] {
			x0, x1 := b.at(max(l.margin[0], b.lo)), b.at(min(l.margin[1], b.hi))
			s.rect(x0, top+3, x1-x0, bottom-top-7, `class="margin"`)
			s.line(b.at(0), top+3, b.at(0), bottom-4, `class="rule zero"`)
		}
		p.rows(&s, l.left, p.leftAxis, p.numberA, top, bottom)
		p.rows(&s, l.right, p.rightAxis, p.numberB, top, bottom)
	}
	return s.close()
}

// rows draws intervals in the middle between top and bottom, with their text
// at numbers in a full plot.
func (p *forestPlot) rows(s *svg, list []interval, a axis, numbers, top, bottom float64) {
	for k, iv := range list {
		y := (top+bottom)/2 - 1 + p.pitch*(float64(k)-float64(len(list)-1)/2)
		whisker(s, a, y, iv, `class="whisker `+seriesClass("c", iv.series)+`"`)
		if !math.IsNaN(iv.est) && iv.est >= a.lo && iv.est <= a.hi {
			r := 3.4
			if p.full {
				r = 5
			}
			s.mark(iv.series, a.at(iv.est), y, r, `class="`+seriesClass("f", iv.series)+`"`, iv.tip)
		}
		if p.full {
			s.text(numbers, y+4.5, `class="t num"`, iv.text)
		}
	}
}

// whisker draws the interval from low to top, cut at the ends of the axis,
// where an arrow says that it goes on.
func whisker(s *svg, a axis, y float64, iv interval, attrs string) {
	if math.IsNaN(iv.low) || math.IsNaN(iv.top) || iv.low > a.hi || iv.top < a.lo {
		return
	}
	x0, x1 := a.at(max(iv.low, a.lo)), a.at(min(iv.top, a.hi))
	s.line(x0, y, x1, y, attrs)
	if iv.low < a.lo {
		s.path("M"+coord(x0+5)+" "+coord(y-4)+"L"+coord(x0)+" "+coord(y)+"L"+coord(x0+5)+" "+coord(y+4), `fill="none" `+attrs)
	}
	if iv.top > a.hi {
		s.path("M"+coord(x1-5)+" "+coord(y-4)+"L"+coord(x1)+" "+coord(y)+"L"+coord(x1-5)+" "+coord(y+4), `fill="none" `+attrs)
	}
}
