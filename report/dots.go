package report

import (
	"fmt"
	"math"
)

// maxDots is the number of regions a dot plot shows; the rest is in the table.
const maxDots = 24

// drawRegions returns a plot of CBF ± standard error of the regions of all
// scans that share a unit: one line a region, one symbol a scan. Key regions
// are drawn; all are, where there are few or none is key. It returns "" if
// nothing has a value.
func drawRegions(id string, scans []*Scan, names []string) string {
	var order []string
	seen := map[string]bool{}
	some := false
	add := func(keyOnly bool) {
		for _, s := range scans {
			for _, r := range s.Regions {
				if keyOnly && !r.Key || seen[r.Name] || len(order) >= maxDots {
					continue
				}
				seen[r.Name] = true
				order = append(order, r.Name)
			}
		}
	}
	add(true)
	if len(order) == 0 {
		add(false)
	}
	at := map[string]int{}
	for i, n := range order {
		at[n] = i
	}
	var ends []float64
	for _, s := range scans {
		for _, r := range s.Regions {
			if _, ok := at[r.Name]; ok && !math.IsNaN(r.CBF) {
				some = true
				ends = append(ends, r.CBF-orZero(r.SE), r.CBF+orZero(r.SE))
			}
		}
	}
	if !some {
		return ""
	}
	label := 0.0
	for _, n := range order {
		label = max(label, 1.15*textWidth(n)) // bold
	}
	label = min(max(label, 60), 360)
	lane := 16 + 8*float64(len(scans))
	head := 34.0
	if len(scans) == 1 { // no key
		head = 6
	}
	height := head + lane*float64(len(order)) + 42
	var s svg
	s.open("chart", id, chartWidth, height, "Regional CBF", fmt.Sprintf("CBF with standard error in %d regions of %d scans; the values are in the table.", len(order), len(scans)))
	lo, hi := spanOf([]float64{0}, ends)
	if lo > -0.1*(hi-lo) && minOf(ends) >= 0 {
		lo = 0
	}
	c := chart{svg: &s, x: axis{lo: lo, hi: hi, from: label + 16, to: chartRight}, y: axis{lo: 0, hi: 1, from: height - 42, to: head}}
	for _, t := range niceTicks(lo, hi, 8) {
		x := c.x.at(t)
		c.line(x, c.y.to, x, c.y.from, `class="rule"`)
		c.text(x, c.y.from+17, `class="t" text-anchor="middle"`, tickLabel(t, hi-lo))
	}
	c.line(c.x.from, c.y.from, c.x.to, c.y.from, `class="ax"`)
	c.text(c.x.to, c.y.from+34, `class="t" text-anchor="end"`, "CBF ± standard error, "+scans[0].unit())
	for i, n := range order {
		y := head + lane*float64(i)
		if i > 0 {
			c.line(0, y, chartRight, y, `class="rule"`)
		}
		c.text(c.x.from-10, y+lane/2+4, `class="t strong" text-anchor="end"`, clip(n, 45))
	}
	for k, sc := range scans {
		for _, r := range sc.Regions {
			i, ok := at[r.Name]
			if !ok || math.IsNaN(r.CBF) || math.IsInf(r.CBF, 0) {
				continue
			}
			y := head + lane*float64(i) + lane/2 + 8*(float64(k)-float64(len(scans)-1)/2)
			if r.SE > 0 && !math.IsInf(r.SE, 0) {
				c.line(c.x.at(r.CBF-r.SE), y, c.x.at(r.CBF+r.SE), y, `class="whisker `+seriesClass("c", k)+`"`)
			}
			c.mark(k, c.x.at(r.CBF), y, 4.2, `class="`+seriesClass("f", k)+`"`,
				fmt.Sprintf("%s, %s: %s ± %s %s", r.Name, names[k], number(r.CBF, 3), number(r.SE, 2), sc.unit()))
		}
	}
	if len(scans) > 1 {
		x := c.x.from
		for k, n := range names {
			n = clip(n, 40)
			c.mark(k, x+4, 14, 4.2, `class="`+seriesClass("f", k)+`"`, "")
			c.text(x+14, 18, `class="t"`, n)
			x += textWidth(n) + 22
		}
	}
	return s.close()
}

// drawRange returns a small bar: the usual range and the value in it. It
// returns "" where there is no value or no range.
func drawRange(m Metric) string {
	if math.IsNaN(m.Value) || math.IsInf(m.Value, 0) || math.IsNaN(m.Low) && math.IsNaN(m.High) {
		return ""
	}
	lo, hi := m.Low, m.High
	switch {
	case math.IsNaN(lo):
		lo = min(0, m.Value)
	case math.IsNaN(hi):
		hi = max(2*lo, m.Value*1.05, lo+1e-9)
	}
	if !(lo < hi) {
		return ""
	}
	from, to := spanOf(nil, []float64{lo, hi, m.Value})
	a := axis{lo: from, hi: to, from: 4, to: 116}
	var s svg
	s.raw(`<svg class="range" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 16" aria-hidden="true">`)
	s.line(2, 8, 118, 8, `class="rule"`)
	s.rect(a.at(lo), 4, a.at(hi)-a.at(lo), 8, `class="usual" rx="2"`)
	class := "in"
	if outside(m) {
		class = "out"
	}
	s.mark(3, a.at(m.Value), 8, 4, `class="`+class+`"`, "")
	return s.close()
}

// outside reports whether a value lies outside its usual range.
func outside(m Metric) bool { return m.Value < m.Low || m.Value > m.High }

func orZero(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func minOf(v []float64) float64 {
	m := math.Inf(1)
	for _, x := range v {
		m = min(m, x)
	}
	return m
}

// clip shortens s to n characters.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
