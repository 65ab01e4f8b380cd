package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
	"phasl/lmm"
)

// scatterWidth is the width of a scatter plot, beside which the numbers stand.
const scatterWidth = 560.0

// bandSteps is the number of pieces of one edge of a confidence band.
const bandSteps = 32

// A fitLine is the least-squares line through the points of one treatment.
//
// The points are residuals on covariates, with their means added. The line is
// then that of the regression of y on x and the covariates, where these are at
// their means, and so is the band: the mean of y is uncorrelated with the
// slope, so
//
//	Var ŷ(x) = s² (1/n + (x − x̄)²/Σ(x − x̄)²),  s² = RSS/df,  df = n − 2 − k
//
// with k covariates.
type fitLine struct {
	n             int
	df            float64
	meanX, meanY  float64
	slope         float64
	sxx, variance float64 // Σ(x − x̄)², s²
	fromX, toX    float64 // span of the data
	quantile      float64 // of t, for the level of the band; NaN if there is none
}

// newFitLine fits points that are finite; ok is false where they have no line.
func newFitLine(x, y []float64, covariates int, level float64) (f fitLine, ok bool) {
	f = fitLine{n: len(x), df: float64(len(x) - 2 - covariates), quantile: math.NaN()}
	if f.n < 2 {
		return f, false
	}
	f.fromX, f.toX = slices.Min(x), slices.Max(x)
	for i := range x {
		f.meanX += x[i] / float64(f.n)
		f.meanY += y[i] / float64(f.n)
	}
	var sxy, syy float64
	for i := range x {
		dx, dy := x[i]-f.meanX, y[i]-f.meanY
		f.sxx += dx * dx
		sxy += dx * dy
		syy += dy * dy
	}
	if !(f.toX > f.fromX) || !(f.sxx > 0) || math.IsInf(f.sxx, 0) {
		return f, false
	}
	f.slope = sxy / f.sxx
	f.variance = max(0, syy-f.slope*sxy) / f.df
	if f.df >= 1 && level > 0 && level < 1 {
		f.quantile = lmm.TQuantile(1-level, f.df)
	}
	return f, !math.IsNaN(f.slope) && !math.IsInf(f.slope, 0)
}

func (f fitLine) at(x float64) float64 { return f.meanY + f.slope*(x-f.meanX) }

// half is half the width of the band at x; NaN if there is none.
func (f fitLine) half(x float64) float64 {
	d := x - f.meanX
	return f.quantile * math.Sqrt(f.variance*(1/float64(f.n)+d*d/f.sxx))
}

// A cloud is the people of one treatment in a scatter plot.
type cloud struct {
	of     *crossover.Correlation
	series int
	points []*crossover.AssociationPoint
	x, y   []float64
	line   fitLine
	fitted bool
}

// clouds gathers the points that can be drawn, a cloud for each treatment.
func (d *trialData) clouds(a *crossover.Association) []cloud {
	var out []cloud
	for i := range a.By {
		c := cloud{of: &a.By[i], series: d.series(a.By[i].Treatment)}
		covariates := 0
		for k := range a.Data {
			q := &a.Data[k]
			if q.Treatment == c.of.Treatment && finite(q.XResidual) && finite(q.YResidual) {
				c.points = append(c.points, q)
				c.x, c.y = append(c.x, float64(q.XResidual)), append(c.y, float64(q.YResidual))
				covariates = len(q.Covariates)
			}
		}
		if c.of.Failed == "" && finite(c.of.Slope) {
			c.line, c.fitted = newFitLine(c.x, c.y, covariates, orLevel(d.Level))
		}
		out = append(out, c)
	}
	return out
}

// marked reports whether a person is ringed: one of large influence, or one
// without whom the conclusion is another.
func marked(i *crossover.Influence) bool { return i.Large || i.Turns }

// influenceOf is what a person does to a correlation; nil if it is not known.
func influenceOf(c *crossover.Correlation, subject string) *crossover.Influence {
	for i := range c.Influence {
		if c.Influence[i].Subject == subject {
			return &c.Influence[i]
		}
	}
	return nil
}

// drawScatter returns the people of all treatments on the same axes, adjusted
// for the covariates, with lines, bands and the labels of people who weigh
// much; "" if there is nothing to draw.
func (d *trialData) drawScatter(id string, a *crossover.Association) string {
	clouds := d.clouds(a)
	var xs, ys, edges []float64
	for _, c := range clouds {
		xs, ys = append(xs, c.x...), append(ys, c.y...)
		if !c.fitted {
			continue
		}
		for _, x := range []float64{c.line.fromX, c.line.toX} {
			y, h := c.line.at(x), c.line.half(x)
			ys, edges = append(ys, y), append(edges, y-h, y+h)
		}
	}
	if len(xs) == 0 {
		return ""
	}
	// The axis makes room for the bands, but at most half of that of the points.
	xlo, xhi := spanOf(nil, xs)
	lo, hi := spanOf(nil, ys)
	elo, ehi := spanOf(ys, edges)
	ylo, yhi := max(min(lo, elo), lo-(hi-lo)/2), min(max(hi, ehi), hi+(hi-lo)/2)

	xText, yText := axisName(capital(a.X), xUnit(a)), axisName(capital(a.Y), yUnit(a))
	if t := a.AdjustedFor(); t != "" {
		xText += ", adjusted for " + t
		yText += ", adjusted for the same"
	}
	const left, keyLine, label, columns = 50.0, 20.0, 17.0, 62
	xLines, yLines := wrap(xText, columns, 3), wrap(yText, columns, 2)
	keyRows, perRow := len(clouds), 1
	if widest(clouds) <= 31 { // two names beside each other
		keyRows, perRow = (len(clouds)+1)/2, 2
	}
	above := keyLine*float64(keyRows) + 4
	top := above + label*float64(len(yLines)) + 12
	bottom := top + 330
	height := bottom + 26 + label*float64(len(xLines)) + 4
	var s svg
	s.open("chart scatter", id, scatterWidth, height, a.Name, fmt.Sprintf("%d points: a person under a treatment each; the numbers are in the table.", len(xs)))
	for k, line := range yLines {
		s.text(0, above+label*float64(k+1), `class="t strong"`, line)
	}
	for k, line := range xLines {
		s.text(scatterWidth-4, bottom+26+label*float64(k+1)-4, `class="t strong" text-anchor="end"`, line)
	}
	c := chart{svg: &s, x: axis{lo: xlo, hi: xhi, from: left, to: scatterWidth - 6}, y: axis{lo: ylo, hi: yhi, from: bottom, to: top}}
	c.frame()
	for k, cl := range clouds {
		x, y := float64(k%perRow)*scatterWidth/2, 14+keyLine*float64(k/perRow)
		s.mark(cl.series, x+5, y-4.5, 5, `class="`+seriesClass("f", cl.series)+`"`, "")
		s.text(x+16, y, `class="t strong"`, clip(cloudName(cl), 64))
	}
	for _, cl := range clouds {
		c.bandOf(cl)
	}
	for _, cl := range clouds {
		c.lineOf(cl)
	}
	for _, cl := range clouds {
		for i, q := range cl.points {
			s.mark(cl.series, c.x.at(cl.x[i]), c.y.at(cl.y[i]), 4.4, `class="dot `+seriesClass("f", cl.series)+`"`, associationTip(a, cl.of, q))
		}
	}
	c.rings(clouds)
	return s.close()
}

// cloudName is a treatment with its correlation, for the key.
func cloudName(cl cloud) string {
	t := fmt.Sprintf("%s: r = %s, n = %d", cl.of.Treatment, fixed(float64(cl.of.R), 2), cl.of.N)
	if cl.of.Failed != "" || !finite(cl.of.R) {
		t = cl.of.Treatment + ": no correlation computed"
	}
	return t
}

// widest is the length of the longest name of the key.
func widest(clouds []cloud) int {
	n := 0
	for _, cl := range clouds {
		n = max(n, len([]rune(cloudName(cl))))
	}
	return n
}

// bandOf shades the pointwise band of a line, cut at the frame.
func (c chart) bandOf(cl cloud) {
	if !cl.fitted || math.IsNaN(cl.line.half(cl.line.meanX)) {
		return
	}
	inside := func(v float64) float64 { return min(max(v, c.y.lo), c.y.hi) }
	var upper, lower []string
	for k := range bandSteps + 1 {
		x := cl.line.fromX + (cl.line.toX-cl.line.fromX)*float64(k)/bandSteps
		y, h := cl.line.at(x), cl.line.half(x)
		upper = append(upper, coord(c.x.at(x))+" "+coord(c.y.at(inside(y+h))))
		lower = append(lower, coord(c.x.at(x))+" "+coord(c.y.at(inside(y-h))))
	}
	slices.Reverse(lower)
	c.path("M"+strings.Join(upper, "L")+"L"+strings.Join(lower, "L")+"z", `class="cband `+seriesClass("f", cl.series)+`"`)
}

// lineOf draws the line over the span of its data.
func (c chart) lineOf(cl cloud) {
	if !cl.fitted {
		return
	}
	f := cl.line
	for _, class := range []string{"halo", "fit " + seriesClass("c", cl.series)} {
		c.line(c.x.at(f.fromX), c.y.at(f.at(f.fromX)), c.x.at(f.toX), c.y.at(f.at(f.toX)), `class="`+class+`"`)
	}
}

// rings marks people of large influence and writes their labels where they hide
// neither each other nor leave the frame.
func (c chart) rings(clouds []cloud) {
	labels := placer{left: c.x.from, right: c.x.to + 4, top: c.y.to, bottom: c.y.from}
	for _, cl := range clouds {
		for i, q := range cl.points {
			f := influenceOf(cl.of, q.Subject)
			if f == nil || !marked(f) {
				continue
			}
			x, y := c.x.at(cl.x[i]), c.y.at(cl.y[i])
			c.raw(`<circle cx="`, coord(x), `" cy="`, coord(y), `" r="8.5" class="weighty `, seriesClass("c", cl.series), `"/>`)
			name := clip(subjectName(q.Subject), 16)
			w := 7.2 * float64(len([]rune(name)))
			tx, ty, ok := labels.put(x, y, 12, w)
			if !ok {
				tx, ty = labels.force(x, y, 12, w)
			}
			c.text(tx, ty, `class="t strong"`, name)
		}
	}
}

// xUnit is the unit of the regional measure, as it is printed; "" for a ratio.
func xUnit(a *crossover.Association) string {
	if a.XUnits == "" {
		return ""
	}
	return cbfUnit(a.XUnits)
}

// yUnit is the unit of the score where its name does not say it.
func yUnit(a *crossover.Association) string {
	if a.Change == "percent" {
		return ""
	}
	return a.YUnits
}

// associationTip says who a point is, the values as measured and what the person does
// to the correlation.
func associationTip(a *crossover.Association, c *crossover.Correlation, q *crossover.AssociationPoint) string {
	value := func(v crossover.Number, unit string) string {
		return strings.TrimSpace(number(float64(v), 4) + " " + unit)
	}
	t := fmt.Sprintf("%s, %s: %s and %s", subjectName(q.Subject), q.Treatment, value(q.XResidual, xUnit(a)), value(q.YResidual, a.YUnits))
	if len(q.Covariates) > 0 {
		t += fmt.Sprintf(" adjusted, %s and %s as measured", value(q.X, ""), value(q.Y, ""))
	}
	if f := influenceOf(c, q.Subject); f != nil && finite(f.DR) {
		t += fmt.Sprintf("; without this person r = %s, Cook’s distance %s", fixed(float64(c.R+f.DR), 2), number(float64(f.Cook), 2))
	}
	return t
}
