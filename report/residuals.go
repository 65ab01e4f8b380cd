package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// diagnosticWidth is the width of a residual plot: two stand side by side.
const diagnosticWidth = 420.0

// standardised returns fitted values and residuals where both are known.
func standardised(f *crossover.RegionFit) (fitted, residuals []float64, points []*crossover.Point) {
	for i := range f.Data {
		q := &f.Data[i]
		if finite(q.Fitted) && finite(q.Residual) {
			fitted = append(fitted, float64(q.Fitted))
			residuals = append(residuals, float64(q.Residual))
			points = append(points, q)
		}
	}
	return fitted, residuals, points
}

// normalScore returns the i-th of n expected quantiles of the standard normal
// distribution, i from 0, by Hazen's plotting positions (i + ½)/n.
func normalScore(i, n int) float64 {
	return math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/float64(n)-1)
}

// drawQQ plots sorted residuals against normal quantiles; "" with fewer than
// three.
func drawQQ(id string, f *crossover.RegionFit) string {
	_, res, points := standardised(f)
	n := len(res)
	if n < 3 {
		return ""
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case res[a] < res[b]:
			return -1
		case res[a] > res[b]:
			return 1
		}
		return 0
	})
	x, y := make([]float64, n), make([]float64, n)
	for i, k := range order {
		x[i], y[i] = normalScore(i, n), res[k]
	}
	c, s := diagnostic(id, f, "Normal quantile plot", x, y)
	c.x.label, c.y.label = "expected if normal", "Residual / SD"
	c.frame()
	lo, hi := max(c.x.lo, c.y.lo), min(c.x.hi, c.y.hi)
	if lo < hi {
		c.line(c.x.at(lo), c.y.at(lo), c.x.at(hi), c.y.at(hi), `class="limit"`)
	}
	c.dots(x, y, func(i int) string { return pointTip(points[order[i]]) })
	return s.close()
}

// drawResiduals plots residuals against fitted values; "" with fewer than
// three.
func drawResiduals(id string, f *crossover.RegionFit) string {
	fitted, res, points := standardised(f)
	if len(res) < 3 {
		return ""
	}
	c, s := diagnostic(id, f, "Residuals and fitted values", fitted, res)
	c.x.label, c.y.label = axisName("fitted value", measureUnit(f)), "Residual / SD"
	c.frame()
	c.dots(fitted, res, func(i int) string { return pointTip(points[i]) })
	return s.close()
}

func diagnostic(id string, f *crossover.RegionFit, title string, x, y []float64) (chart, *svg) {
	s := &svg{}
	s.open("chart", id, diagnosticWidth, 280, title+", "+f.Region+", "+measureName(f.Measure), fmt.Sprintf("%d residuals.", len(y)))
	xlo, xhi := spanOf(nil, x)
	ylo, yhi := spanOf([]float64{-2.5, 2.5}, y)
	return chart{svg: s, x: axis{lo: xlo, hi: xhi, from: 44, to: diagnosticWidth - 8}, y: axis{lo: ylo, hi: yhi, from: 232, to: 26}}, s
}

// frame draws a grid with ticks on both axes.
func (c chart) frame() {
	c.grid(niceTicks(c.x.lo, c.x.hi, 6), func(v float64) string { return tickLabel(v, c.x.hi-c.x.lo) }, 6)
}

// dots draws many points as one path, and those beyond three standard
// deviations once more, larger and with their names.
func (c chart) dots(x, y []float64, tip func(i int) string) {
	var d strings.Builder
	for i := range x {
		d.WriteString("M" + coord(c.x.at(x[i])) + " " + coord(c.y.at(y[i])) + "h0")
	}
	c.path(d.String(), `class="points"`)
	for i := range x {
		if math.Abs(y[i]) > 3 {
			c.mark(1, c.x.at(x[i]), c.y.at(y[i]), 4, `class="f1"`, tip(i))
		}
	}
}

func pointTip(q *crossover.Point) string {
	return fmt.Sprintf("%s, %s, %s: %s, fitted %s", subjectName(q.Subject), q.Treatment, q.Phase, number(float64(q.Value), 4), number(float64(q.Fitted), 4))
}
