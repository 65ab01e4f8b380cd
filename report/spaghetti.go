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

// A spaghettiPlot is what a spaghetti plot shows: values of people over the
// columns, which are the phases of a scan or the visits of a score.
type spaghettiPlot struct {
	title, desc, label string
	columns            []string
	points             []crossover.Point    // Phase names the column
	means              []crossover.CellMean // likewise
	amount             amount
	counted            string  // what N of a mean counts: "scans"
	width              float64 // of two panels of two columns
	stagger            bool    // long names of columns stand on two lines by turns
}

// drawSpaghetti draws the values and the means of a model.
func (d *trialData) drawSpaghetti(id string, f *crossover.RegionFit) string {
	return d.drawThreads(id, spaghettiPlot{
		title: f.Region + ", " + measureName(f.Measure), desc: fmt.Sprintf("Each person's values under %s, with the model's means.", strings.Join(d.Treatments, " and ")),
		label:   axisName(capital(measureName(f.Measure)), measureUnit(f)),
		columns: d.Phases, points: f.Data, means: f.Means, amount: meansOf(f), counted: "scans",
		width: spaghettiWidth * max(1, float64(len(d.Treatments)*len(d.Phases))/4),
	})
}

// drawThreads returns one panel a treatment with a line for each person from
// column to column, and the means with their intervals on top, all on one
// axis; "" if there is nothing to draw.
func (d *trialData) drawThreads(id string, p spaghettiPlot) string {
	if len(p.points) == 0 || len(d.Treatments) == 0 || len(p.columns) == 0 {
		return ""
	}
	var all []float64
	panels := make([][]thread, len(d.Treatments))
	for t, name := range d.Treatments {
		panels[t] = threads(p.points, name, p.columns)
		for _, h := range panels[t] {
			all = append(all, h.values...)
		}
	}
	if !slices.ContainsFunc(all, func(v float64) bool { return !math.IsNaN(v) }) {
		return ""
	}
	for _, m := range p.means {
		all = append(all, float64(m.Mean), float64(m.Low), float64(m.High))
	}
	a := p.amount
	lo, hi := spanOf(nil, all)
	const height, left, gap = 320.0, 46.0, 16.0
	foot := 26.0
	each := (p.width - left - 4 - gap*float64(len(panels)-1)) / float64(len(panels))
	room := int(each / 8 / float64(len(p.columns))) // for the name of a column [characters]
	long := p.stagger && slices.ContainsFunc(p.columns, func(c string) bool { return len([]rune(c)) > room })
	if long {
		foot, room = 42, 2*room
	}
	var s svg
	s.open("chart spaghetti", id, p.width, height, p.title, p.desc)
	s.text(0, 15, `class="t"`, p.label)
	for t, list := range panels {
		from := left + float64(t)*(each+gap)
		c := chart{svg: &s, x: axis{lo: -0.5, hi: float64(len(p.columns)) - 0.5, from: from, to: from + each}, y: axis{lo: lo, hi: hi, from: height - foot, to: 52}}
		for _, v := range niceTicks(lo, hi, 6) {
			y := c.y.at(v)
			c.line(c.x.from, y, c.x.to, y, `class="rule"`)
			if t == 0 {
				c.text(c.x.from-6, y+4, `class="t" text-anchor="end"`, tickLabel(v, hi-lo))
			}
		}
		c.line(c.x.from, c.y.from, c.x.to, c.y.from, `class="ax"`)
		for k, name := range p.columns {
			y := c.y.from + 18
			if long && k%2 == 1 {
				y += 15
			}
			c.text(c.x.at(float64(k)), y, `class="t" text-anchor="middle"`, clip(name, max(2, room)))
		}
		series := treatmentSeries(t)
		c.text(c.x.from, 40, `class="t strong `+seriesClass("f", series)+`"`, clip(d.Treatments[t], max(4, int(each/8.5)-5)))
		c.text(c.x.to, 40, `class="t" text-anchor="end"`, "n = "+fmt.Sprint(len(list)))
		for _, h := range list {
			c.thread(h, p.columns, a)
		}
		c.means(p.means, d.Treatments[t], p.columns, series, a, d.Level, p.counted)
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

// means draws the means of one treatment, joined, with intervals.
func (c chart) means(means []crossover.CellMean, treatment string, phases []string, series int, a amount, level float64, counted string) {
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
		return fmt.Sprintf("mean, %s, %s: %s (%s %s), %d %s", treatment, phases[i], a.with(m.Mean), ci(level), a.interval(m.Low, m.High), m.N, counted)
	})
	c.svg.raw(`</g>`)
}
