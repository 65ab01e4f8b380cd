package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/receptor"
)

// receptorTips is the number of points with a tooltip on a page; those of
// further plots are drawn without, as they would fill it.
const receptorTips = 8000

// receptorLabels is the number of regions labelled in a scatter plot.
const receptorLabels = 4

// A receptorPoint is one parcel.
type receptorPoint struct {
	place         int
	effect, other float64 // as measured: effect and density
	x, y          float64 // as drawn: density, effect
	change        float64 // r − r without it; NaN if not known
}

// points returns the parcels that the k-th alignment of an effect is over, as
// they are drawn: mid-ranks for Spearman, else standard deviations of the
// density and the effect itself.
func (q *Receptors) points(e *ReceptorEffect, k int) []receptorPoint {
	a := &e.Alignments.Results[k]
	d := q.density(a.Target, a.File)
	if d == nil {
		return nil
	}
	var out []receptorPoint
	for _, i := range e.Alignments.Used {
		if i < 0 || i >= len(e.Values) || i >= len(d.Values) || !isNumber(e.Values[i]) || !isNumber(d.Values[i]) {
			continue
		}
		out = append(out, receptorPoint{place: i, effect: e.Values[i], other: d.Values[i], change: math.NaN()})
	}
	x, y := make([]float64, len(out)), make([]float64, len(out))
	for k, p := range out {
		x[k], y[k] = p.other, p.effect
	}
	if q.method() == receptor.Spearman {
		x, y = midRanks(x), midRanks(y)
	} else {
		x = receptor.Standardise(x)
	}
	at := map[int]int{}
	for k := range out {
		out[k].x, out[k].y = x[k], y[k]
		at[out[k].place] = k
	}
	for _, f := range a.Influence {
		if k, ok := at[f.Place]; ok {
			out[k].change = f.Change
		}
	}
	return out
}

// midRanks returns ranks from 1; equal values share the mean of theirs.
func midRanks(v []float64) []float64 {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(v[a], v[b]) })
	out := make([]float64, len(v))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && v[order[j]] == v[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// place names a parcel.
func (q *Receptors) place(i int) string {
	if i >= 0 && i < len(q.Parcels) && q.Parcels[i] != "" {
		return q.Parcels[i]
	}
	return fmt.Sprintf("region %d", i+1)
}

// placeTip says which parcel a point is, and its values.
func (q *Receptors) placeTip(e *ReceptorEffect, p receptorPoint, r float64) string {
	t := fmt.Sprintf("%s: effect %s, density %s", q.place(p.place), number(p.effect, 3), number(p.other, 3))
	if isNumber(p.change) {
		t += fmt.Sprintf("; without it %s = %s", q.symbol(), r2(r-p.change))
	}
	return t
}

// drawScatter draws the effect against one density, a point for each parcel,
// and names those without which the coefficient changes most; "" if there is
// nothing to draw. Without tips the points are one path.
func (q *Receptors) drawScatter(id string, e *ReceptorEffect, k int, tips bool) string {
	a := &e.Alignments.Results[k]
	points := q.points(e, k)
	if len(points) < 2 || !isNumber(a.R) {
		return ""
	}
	const width, left, top, bottom = 380.0, 52.0, 50.0, 300.0
	name := q.name(a.Target, a.File)
	ranks := q.method() == receptor.Spearman
	yText, xText := axisName("Effect", q.unit(e)), "Density, SD from its mean"
	if ranks {
		yText, xText = "Effect, rank", "Density, rank"
	}
	var s svg
	s.open("chart scatter", id, width, bottom+42, q.label(e)+" and "+name, fmt.Sprintf("%d points: a region each; the coefficient is in the table.", len(points)))
	s.text(0, 15, `class="t strong"`, clip(name, 24))
	s.text(width-4, 15, `class="t" text-anchor="end"`, fmt.Sprintf("%s = %s, n = %d", q.symbol(), r2(a.R), a.N))
	s.text(0, 36, `class="t"`, clip(yText, 44))
	s.text(width-4, bottom+38, `class="t" text-anchor="end"`, xText)
	xs, ys := make([]float64, len(points)), make([]float64, len(points))
	for i, p := range points {
		xs[i], ys[i] = p.x, p.y
	}
	c := chart{svg: &s, x: axis{from: left, to: width - 6}, y: axis{from: bottom, to: top}}
	c.x.lo, c.x.hi = spanOf(nil, xs)
	c.y.lo, c.y.hi = spanOf(nil, ys)
	c.grid(niceTicks(c.x.lo, c.x.hi, 6), func(t float64) string { return tickLabel(t, c.x.hi-c.x.lo) }, 6)
	if f, ok := newFitLine(xs, ys, 0, 0); ok && !q.adjusted() {
		c.line(c.x.at(f.fromX), c.y.at(f.at(f.fromX)), c.x.at(f.toX), c.y.at(f.at(f.toX)), `class="fit thin c5"`)
	}
	if tips {
		s.raw(`<g class="dots">`)
		for _, p := range points {
			s.raw(`<circle cx="`, coord(c.x.at(p.x)), `" cy="`, coord(c.y.at(p.y)), `" r="3.6">`)
			s.tip(q.placeTip(e, p, a.R))
			s.raw(`</circle>`)
		}
		s.raw(`</g>`)
	} else {
		var d strings.Builder
		for _, p := range points {
			d.WriteString("M" + coord(c.x.at(p.x)) + " " + coord(c.y.at(p.y)) + "h0")
		}
		s.path(d.String(), `class="points"`)
	}
	q.nameWeighty(c, e, points, a.R)
	return s.close()
}

// nameWeighty rings and labels the parcels without which the coefficient
// changes most.
func (q *Receptors) nameWeighty(c chart, e *ReceptorEffect, points []receptorPoint, r float64) {
	most := slices.DeleteFunc(slices.Clone(points), func(p receptorPoint) bool { return !isNumber(p.change) })
	slices.SortStableFunc(most, func(a, b receptorPoint) int { return cmp.Compare(math.Abs(b.change), math.Abs(a.change)) })
	labels := placer{left: c.x.from, right: c.x.to + 4, top: c.y.to - 4, bottom: c.y.from}
	most = most[:min(len(most), receptorLabels)]
	for _, p := range most { // labels keep off rings
		x, y := c.x.at(p.x), c.y.at(p.y)
		labels.taken = append(labels.taken, [4]float64{x - 7, y - 7, x + 7, y + 7})
	}
	for _, p := range most {
		x, y := c.x.at(p.x), c.y.at(p.y)
		c.raw(`<circle cx="`, coord(x), `" cy="`, coord(y), `" r="6.5" class="weighty c1">`)
		c.tip(q.placeTip(e, p, r))
		c.raw(`</circle>`)
		name := clip(q.place(p.place), 20)
		if tx, ty, ok := labels.put(x, y, 10, 7.8*float64(len([]rune(name)))); ok {
			c.text(tx, ty, `class="t strong small"`, name)
		}
	}
}

// A placer finds room for labels beside points, within a frame and not over
// each other.
type placer struct {
	left, right, top, bottom float64
	taken                    [][4]float64
}

// put returns where a text of width w begins that stands off a point by a
// distance: right of it, left, above, below or in between; ok is false where none is free.
func (p *placer) put(x, y, off, w float64) (tx, ty float64, ok bool) {
	for _, b := range [][4]float64{{x + off, y - 8, x + off + w, y + 8}, {x - off - w, y - 8, x - off, y + 8}, {x - w/2, y - off - 14, x + w/2, y - off + 2}, {x - w/2, y + off - 2, x + w/2, y + off + 14},
		{x + 2, y - off - 14, x + 2 + w, y - off + 2}, {x - 2 - w, y - off - 14, x - 2, y - off + 2}, {x + 2, y + off - 2, x + 2 + w, y + off + 14}, {x - 2 - w, y + off - 2, x - 2, y + off + 14}} {
		if b[0] < p.left || b[2] > p.right || b[1] < p.top || b[3] > p.bottom {
			continue
		}
		if !slices.ContainsFunc(p.taken, func(o [4]float64) bool { return b[0] < o[2] && o[0] < b[2] && b[1] < o[3] && o[1] < b[3] }) {
			p.taken = append(p.taken, b)
			return b[0], b[1] + 12.5, true
		}
	}
	return 0, 0, false
}

// force places a text though something is in its way: right of its point, or
// left where the frame ends.
func (p *placer) force(x, y, off, w float64) (tx, ty float64) {
	b := [4]float64{x + off, y - 8, x + off + w, y + 8}
	if b[2] > p.right-4 {
		b[0], b[2] = x-off-w, x-off
	}
	p.taken = append(p.taken, b)
	return b[0], b[1] + 12.5
}

// scatterCaption says what points are.
func (q *Receptors) scatterCaption(e *ReceptorEffect) string {
	t := "One point: one region of the group’s effect map; pointing at it names it."
	if q.method() == receptor.Spearman {
		t += " Both axes are ranks, of which ρ is the correlation."
	}
	if q.adjusted() {
		t += fmt.Sprintf(" The points are not adjusted: %s is that of what the covariates leave, and may differ from what they show.", q.symbol())
	} else {
		t += " Line: least squares."
	}
	if d := e.farthest(); e.joint() && r2(d) != r2(0) {
		t += fmt.Sprintf(" The %s of each plot is of what is drawn; that of the claims, of the mean of people’s maps, differs from it by up to %s.", q.symbol(), r2(d))
	}
	for i := range e.Alignments.Results {
		if len(e.Alignments.Results[i].Influence) > 0 {
			return t + fmt.Sprintf(" Ringed, and named where there is room: the %d regions without which %s changes most; none is left out.", receptorLabels, q.symbol())
		}
	}
	return t
}
