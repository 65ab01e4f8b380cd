package report

import (
	"math"
	"strconv"
	"strings"

	"phasl/voxel"
)

// niceTicks returns about n round numbers in [lo, hi]: multiples of 1, 2 or 5
// times a power of ten. It returns nil unless lo < hi are finite.
func niceTicks(lo, hi float64, n int) []float64 {
	if !(lo < hi) || math.IsInf(hi-lo, 0) || n < 1 {
		return nil
	}
	step := niceStep((hi - lo) / float64(n))
	first := math.Ceil(lo/step - 1e-9)
	var out []float64
	for k := first; k*step <= hi+1e-9*step && len(out) <= 4*n+4; k++ {
		v := k * step
		if step < 1 { // 3 × 0.1 is 0.3
			v = k / math.Round(1/step)
		}
		out = append(out, v)
	}
	return out
}

// niceStep returns the smallest of 1, 2, 5 times a power of ten that is at
// least v.
func niceStep(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// tickLabel writes a tick with as many decimals as the span of the axis needs.
func tickLabel(v, span float64) string {
	d := max(0, int(math.Ceil(1-math.Log10(span))))
	if span >= 1e5 || d > 6 {
		return strings.ReplaceAll(strconv.FormatFloat(v, 'g', 3, 64), "-", "−")
	}
	s := strconv.FormatFloat(v, 'f', d, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		s = "0"
	}
	return strings.ReplaceAll(s, "-", "−")
}

// An axis maps values to user units.
type axis struct {
	lo, hi   float64 // values at the ends
	from, to float64 // user units at the ends
	label    string  // with its unit
}

func (a axis) at(v float64) float64 {
	return a.from + (v-a.lo)/(a.hi-a.lo)*(a.to-a.from)
}

// spanOf returns a range that holds all finite values and each of also, a
// little widened, though not below zero; an empty or flat set gets a range
// about it.
func spanOf(also []float64, sets ...[]float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, s := range append(sets, also) {
		for _, v := range s {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				lo, hi = min(lo, v), max(hi, v)
			}
		}
	}
	if lo > hi {
		return 0, 1
	}
	w := hi - lo
	if w <= 1e-9*max(math.Abs(lo), math.Abs(hi)) || w == 0 {
		w = max(1e-3, 0.2*math.Abs(hi))
		return lo - w/2, hi + w/2
	}
	if lo == 0 { // values that start at nothing stand on the axis
		return 0, hi + 0.06*w
	}
	return lo - 0.06*w, hi + 0.06*w
}

// A chart is a plot with two axes, drawn piece by piece: grid first,
// then bands, lines and marks, then key. Colours are classes, which the
// page's style sheet gives for light and dark: c0 … c5 stroke, f0 … f5 fill.
type chart struct {
	*svg
	x, y axis
}

// grid draws the frame, the horizontal rules, the ticks of both axes and
// their labels. xticks nil leaves the x axis bare, for a chart stacked above
// another.
func (c chart) grid(xticks []float64, xlabel func(float64) string, nyticks int) {
	for _, t := range niceTicks(c.y.lo, c.y.hi, nyticks) {
		y := c.y.at(t)
		class := `class="rule"`
		if t == 0 {
			class = `class="rule zero"`
		}
		c.line(c.x.from, y, c.x.to, y, class)
		c.text(c.x.from-6, y+4, `class="t" text-anchor="end"`, tickLabel(t, c.y.hi-c.y.lo))
	}
	c.line(c.x.from, c.y.from, c.x.to, c.y.from, `class="ax"`)
	for _, t := range xticks {
		x := c.x.at(t)
		c.line(x, c.y.from, x, c.y.from+4, `class="ax"`)
		c.text(x, c.y.from+17, `class="t" text-anchor="middle"`, xlabel(t))
	}
	if c.y.label != "" {
		c.text(c.x.from, c.y.to-8, `class="t strong"`, c.y.label)
	}
	if c.x.label != "" {
		c.text(c.x.to, c.y.from+32, `class="t" text-anchor="end"`, c.x.label)
	}
}

// trace draws y against x as series number k, broken at NaN; single points
// between gaps are marked, and so are all if there are few.
func (c chart) trace(k int, x, y []float64) {
	var d strings.Builder
	pen := false
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			pen = false
			continue
		}
		cmd := "L"
		if !pen {
			cmd = "M"
		}
		d.WriteString(cmd + coord(c.x.at(x[i])) + " " + coord(c.y.at(v)))
		pen = true
	}
	if d.Len() > 0 {
		c.path(d.String(), `class="ln `+seriesClass("c", k)+`"`)
	}
}

// marks draws a symbol at each point that has a value, with a tooltip.
func (c chart) marks(k int, x, y []float64, r float64, tip func(i int) string) {
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		c.mark(k, c.x.at(x[i]), c.y.at(v), r, `class="`+seriesClass("f", k)+`"`, tip(i))
	}
}

// limit draws a dashed horizontal line with its name.
func (c chart) limit(v float64, name string) {
	y := c.y.at(v)
	c.line(c.x.from, y, c.x.to, y, `class="limit"`)
	c.text(c.x.to, y-4, `class="t" text-anchor="end"`, name)
}

// band shades x from a to b.
func (c chart) band(a, b float64, class, tip string) {
	x0, x1 := c.x.at(a), c.x.at(b)
	c.raw(`<rect x="`, coord(x0), `" y="`, coord(c.y.to), `" width="`, coord(x1-x0), `" height="`, coord(c.y.from-c.y.to), `" class="`, class, `">`)
	c.tip(tip)
	c.raw(`</rect>`)
}

// key draws the names of the series above the chart, at its right end.
func (c chart) key(names []string) {
	x := c.x.to
	for _, n := range names {
		x -= textWidth(n) + 26
	}
	for k, n := range names {
		c.mark(k, x+4, c.y.to-12, 4, `class="`+seriesClass("f", k)+`"`, "")
		c.text(x+13, c.y.to-8, `class="t"`, n)
		x += textWidth(n) + 26
	}
}

func seriesClass(kind string, k int) string { return kind + strconv.Itoa(k%6) }

// textWidth guesses the width of a chart's text in user units: system fonts
// differ, so it errs wide.
func textWidth(s string) float64 { return 8 * float64(len([]rune(s))) }

// maxSample is the number of values a quantile for a colour window is taken
// from: enough for its position to vary by a quarter of a per cent.
const maxSample = 50_000

// quantile returns the p-quantile of the finite values, of those in the mask
// if there is one; NaN if there are none. Of very many
// values it takes an even sample.
func quantile(data []float32, in []bool, p float64) float64 {
	v := make([]float32, 0, len(data))
	for i, x := range data {
		if (in == nil || in[i]) && !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) {
			v = append(v, x)
		}
	}
	if k := (len(v) + maxSample - 1) / maxSample; k > 1 {
		n := 0
		for i := 0; i < len(v); i += k {
			v[n] = v[i]
			n++
		}
		v = v[:n]
	}
	return float64(voxel.Percentile(v, 100*p))
}

// niceCeil returns a round number at or above v: 1, 1.2, 1.5, 2, 2.5, 3, 4, 5,
// 6, 8 times a power of ten.
func niceCeil(v float64) float64 {
	if !(v > 0) || math.IsInf(v, 0) {
		return 1
	}
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// fine writes a factor with more digits than a length needs.
func fine(v float64) string { return strconv.FormatFloat(v, 'g', 7, 64) }
