package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// spaghettiWidth is the width of a spaghetti plot of two treatments: three
// plots stand side by side.
const spaghettiWidth = 384.0

// A person's values over the phases, under one treatment.
type thread struct {
	subject string
	values  []float64 // by phase; NaN: none
}

// threads gathers the values of one treatment by person, in order of first
// appearance. Several values of a cell are averaged, as the eye would.
func threads(points []crossover.Point, treatment string, phases []string) []thread {
	var out []thread
	at := map[string]int{}
	var count [][]int
	for _, q := range points {
		k := slices.Index(phases, q.Phase)
		if q.Treatment != treatment || k < 0 || !finite(q.Value) {
			continue
		}
		i, ok := at[q.Subject]
		if !ok {
			i = len(out)
			at[q.Subject] = i
			out = append(out, thread{q.Subject, make([]float64, len(phases))})
			count = append(count, make([]int, len(phases)))
		}
		out[i].values[k] += float64(q.Value)
		count[i][k]++
	}
	for i := range out {
		for k, n := range count[i] {
			if n == 0 {
				out[i].values[k] = math.NaN()
			} else {
				out[i].values[k] /= float64(n)
			}
		}
	}
	return out
}

// drawSpaghetti returns one panel a treatment with a line for each person from
// phase to phase, and the model's means with their intervals on top, all on
// one axis; "" if there is nothing to draw.
func (d *trialData) drawSpaghetti(id string, f *crossover.RegionFit) string {
	if len(f.Data) == 0 || len(d.Treatments) == 0 || len(d.Phases) == 0 {
		return ""
	}
	var all []float64
	panels := make([][]thread, len(d.Treatments))
	for t, name := range d.Treatments {
		panels[t] = threads(f.Data, name, d.Phases)
		for _, h := range panels[t] {
			all = append(all, h.values...)
		}
	}
	if !slices.ContainsFunc(all, func(v float64) bool { return !math.IsNaN(v) }) {
		return ""
	}
	for _, m := range f.Means {
		all = append(all, float64(m.Mean), float64(m.Low), float64(m.High))
	}
	a := meansOf(f)
	lo, hi := spanOf(nil, all)
	const height, left, gap = 320.0, 46.0, 16.0
	width := spaghettiWidth * max(1, float64(len(panels)*len(d.Phases))/4)
	each := (width - left - 4 - gap*float64(len(panels)-1)) / float64(len(panels))
	var s svg
	s.open("chart spaghetti", id, width, height, f.Region+", "+measureName(f.Measure),
		fmt.Sprintf("Each person's values under %s, with the model's means.", strings.Join(d.Treatments, " and ")))
	s.text(0, 15, `class="t"`, axisName(capital(measureName(f.Measure)), measureUnit(f)))
	for t, list := range panels {
		from := left + float64(t)*(each+gap)
		c := chart{svg: &s, x: axis{lo: -0.5, hi: float64(len(d.Phases)) - 0.5, from: from, to: from + each}, y: axis{lo: lo, hi: hi, from: height - 26, to: 52}}
		for _, v := range niceTicks(lo, hi, 6) {
			y := c.y.at(v)
			c.line(c.x.from, y, c.x.to, y, `class="rule"`)
			if t == 0 {
				c.text(c.x.from-6, y+4, `class="t" text-anchor="end"`, tickLabel(v, hi-lo))
			}
		}
		c.line(c.x.from, c.y.from, c.x.to, c.y.from, `class="ax"`)
		for k, name := range d.Phases {
			c.text(c.x.at(float64(k)), c.y.from+18, `class="t" text-anchor="middle"`, clip(name, int(each/8/float64(len(d.Phases)))))
		}
		series := treatmentSeries(t)
		c.text(c.x.from, 40, `class="t strong `+seriesClass("f", series)+`"`, clip(d.Treatments[t], max(4, int(each/8.5)-5)))
		c.text(c.x.to, 40, `class="t" text-anchor="end"`, "n = "+fmt.Sprint(len(list)))
		for _, h := range list {
			c.thread(h, d.Phases, a)
		}
		c.means(f.Means, d.Treatments[t], d.Phases, series, a, d.Level)
	}
	return s.close()
}

// thread draws a person's line; a value without neighbours is a dot.
func (c chart) thread(h thread, phases []string, a amount) {
	var line strings.Builder
	tip := subjectName(h.subject) + ":"
	for k, v := range h.values {
		if math.IsNaN(v) {
			tip += " " + phases[k] + " missing"
			continue
		}
		tip += " " + phases[k] + " " + fixed(v, a.decimals)
		x, y := coord(c.x.at(float64(k))), coord(c.y.at(v))
		before, after := k > 0 && !math.IsNaN(h.values[k-1]), k+1 < len(h.values) && !math.IsNaN(h.values[k+1])
		switch {
		case before:
			line.WriteString("L" + x + " " + y)
		case after:
			line.WriteString("M" + x + " " + y)
		default:
			line.WriteString("M" + x + " " + y + "h0")
		}
	}
	class := "person"
	if !strings.Contains(line.String(), "L") {
		class = "person lone"
	}
	c.raw(`<path d="`, line.String(), `" class="`, class, `">`)
	c.tip(tip)
	c.raw(`</path>`)
}

// means draws the model's means of one treatment, joined, with intervals.
func (c chart) means(means []crossover.CellMean, treatment string, phases []string, series int, a amount, level float64) {
	x, y := make([]float64, len(phases)), make([]float64, len(phases))
	cells := make([]*crossover.CellMean, len(phases))
	for k, phase := range phases {
		x[k], y[k] = float64(k), math.NaN()
		for i := range means {
			if m := &means[i]; m.Treatment == treatment && m.Phase == phase {
				cells[k], y[k] = m, float64(m.Mean)
			}
		}
	}
	c.svg.raw(`<g class="mean">`)
	c.trace(series, x, y)
	for k, m := range cells {
		if m == nil || !finite(m.Low) || !finite(m.High) {
			continue
		}
		px := c.x.at(x[k])
		for _, class := range []string{"halo", "bar " + seriesClass("c", series)} {
			c.line(px, c.y.at(float64(m.Low)), px, c.y.at(float64(m.High)), `class="`+class+`"`)
		}
	}
	c.marks(series, x, y, 6, func(i int) string {
		m := cells[i]
		return fmt.Sprintf("mean, %s, %s: %s (%s %s), %d scans", treatment, phases[i], a.with(m.Mean), ci(level), a.interval(m.Low, m.High), m.N)
	})
	c.svg.raw(`</g>`)
}
