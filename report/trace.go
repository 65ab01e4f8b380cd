package report

import (
	"fmt"
	"math"
	"slices"
)

// The charts of a series are stacked over one axis of volumes.
const (
	chartWidth = 1000.0
	chartLeft  = 64.0
	chartRight = 984.0
)

// drawMotion returns the stacked charts of translations, rotations, framewise
// displacement and DVARS, or "" if there is nothing to draw.
func drawMotion(id string, m *Motion) string {
	n := len(m.Volumes)
	for _, l := range []int{len(m.Translation), len(m.Rotation), len(m.FD), len(m.DVARS)} {
		n = max(n, l)
	}
	type panel struct {
		label  string
		names  []string
		series [][]float64
		limit  float64
		zero   bool
		unit   string
	}
	column := func(v [][3]float64, a int) []float64 {
		out := make([]float64, len(v))
		for i := range v {
			out[i] = v[i][a]
		}
		return out
	}
	axes := []string{"x (left–right)", "y (back–front)", "z (down–up)"}
	var panels []panel
	if len(m.Translation) > 0 {
		panels = append(panels, panel{"Translation, mm", axes, [][]float64{column(m.Translation, 0), column(m.Translation, 1), column(m.Translation, 2)}, 0, true, " mm"})
	}
	if len(m.Rotation) > 0 {
		panels = append(panels, panel{"Rotation, degrees", []string{"about x (nod)", "about y (tilt)", "about z (turn)"},
			[][]float64{column(m.Rotation, 0), column(m.Rotation, 1), column(m.Rotation, 2)}, 0, true, "°"})
	}
	if len(m.FD) > 0 {
		panels = append(panels, panel{"Framewise displacement, mm", nil, [][]float64{m.FD}, m.FDLimit, true, " mm"})
	}
	if len(m.DVARS) > 0 {
		label, unit := "DVARS", ""
		if m.DVARSUnit != "" {
			label, unit = "DVARS, "+m.DVARSUnit, " "+m.DVARSUnit
		}
		panels = append(panels, panel{label, nil, [][]float64{m.DVARS}, 0, false, unit})
	}
	if n == 0 || len(panels) == 0 {
		return ""
	}

	const head, plot, gap, foot = 26.0, 96.0, 40.0, 62.0
	height := head + float64(len(panels))*plot + float64(len(panels)-1)*gap + foot
	var s svg
	s.open("chart", id, chartWidth, height, "Motion", motionText(m, n))
	x := axis{lo: -0.5, hi: float64(n) - 0.5, from: chartLeft, to: chartRight, label: "volume"}
	at := make([]float64, n)
	for i := range at {
		at[i] = float64(i)
	}
	y := head
	for k, p := range panels {
		var also []float64
		if p.zero {
			also = append(also, 0)
		}
		if p.limit > 0 {
			also = append(also, p.limit)
		}
		lo, hi := spanOf(also, p.series...)
		c := chart{svg: &s, x: x, y: axis{lo: lo, hi: hi, from: y + plot, to: y, label: p.label}}
		c.x.label = ""
		for i, v := range m.Volumes {
			if v.Excluded {
				c.band(float64(i)-0.5, float64(i)+0.5, "excluded", fmt.Sprintf("volume %d excluded: %s", i, orText(v.Reason, "not used")))
			}
		}
		c.grid(nil, nil, 4)
		if p.limit > 0 {
			c.limit(p.limit, "limit "+short(p.limit)+p.unit)
		}
		for q, v := range p.series {
			c.trace(q, at, v)
			if n > maxMarks {
				continue
			}
			c.marks(q, at, v, markSize(n), func(i int) string {
				t := fmt.Sprintf("volume %d: %s%s", i, number(v[i], 3), p.unit)
				if i < len(m.Volumes) && m.Volumes[i].Kind != "" {
					t += ", " + m.Volumes[i].Kind
				}
				return t
			})
		}
		c.key(p.names)
		if k == len(panels)-1 {
			volumeAxis(c, m.Volumes, n)
		}
		y += plot + gap
	}
	return s.close()
}

// maxMarks is the number of volumes up to which each has a mark of its own.
const maxMarks = 160

// markSize returns the radius of marks that do not run into one another.
func markSize(n int) float64 {
	return min(3.4, max(1.4, 0.3*(chartRight-chartLeft)/float64(n)))
}

// volumeAxis draws the numbers of volumes and below them what each one is.
func volumeAxis(c chart, v []Volume, n int) {
	step := max(1, niceStep(float64(n)/20))
	for k := 0.0; k < float64(n); k += step {
		x := c.x.at(k)
		c.line(x, c.y.from, x, c.y.from+4, `class="ax"`)
		c.text(x, c.y.from+17, `class="t" text-anchor="middle"`, tickLabel(k, 1000))
	}
	c.text(c.x.from-6, c.y.from+17, `class="t" text-anchor="end"`, "volume")
	if len(v) == 0 {
		return
	}
	// One symbol per kind, in order of appearance.
	var kinds []string
	find := func(k string) int {
		for i, q := range kinds {
			if q == k {
				return i
			}
		}
		kinds = append(kinds, k)
		return len(kinds) - 1
	}
	y := c.y.from + 30
	c.text(c.x.from-6, y+4, `class="t" text-anchor="end"`, "type")
	excluded := false
	r := min(4, max(1.2, 0.36*(c.x.to-c.x.from)/float64(n)))
	for i, q := range v {
		tip := fmt.Sprintf("volume %d: %s", i, q.Kind)
		if q.Excluded {
			excluded = true
			tip += ", excluded: " + orText(q.Reason, "not used")
		}
		k := find(q.Kind)
		c.mark(k, c.x.at(float64(i)), y, r, `class="`+seriesClass("f", k)+`"`, tip)
	}
	x := c.x.from
	y += 22
	for k, name := range kinds {
		if name == "" {
			name = "unknown"
		}
		c.mark(k, x+4, y-4, 4, `class="`+seriesClass("f", k)+`"`, "")
		c.text(x+14, y, `class="t"`, name)
		x += textWidth(name) + 34
	}
	if excluded {
		c.rect(x, y-11, 14, 13, `class="excluded"`)
		c.text(x+20, y, `class="t"`, "excluded")
	}
}

// motionText is what a screen reader says of the charts.
func motionText(m *Motion, n int) string {
	out := fmt.Sprintf("%d volumes", n)
	k := 0
	for _, v := range m.Volumes {
		if v.Excluded {
			k++
		}
	}
	if k > 0 {
		out += fmt.Sprintf(", %d excluded", k)
	}
	top, at := math.NaN(), 0
	for i, v := range m.FD {
		if !(v <= top) && !math.IsNaN(v) {
			top, at = v, i
		}
	}
	if !math.IsNaN(top) {
		out += fmt.Sprintf("; largest framewise displacement %s mm at volume %d", number(top, 2), at)
	}
	return out + "."
}

// drawPairs returns the chart of mean ΔM per pair, or "" if there are none.
// With several delays it stands against the delay, else against the order.
func drawPairs(id string, pairs []Pair) string {
	n := len(pairs)
	if n == 0 {
		return ""
	}
	first := pairs[0].PLD
	delays := false
	for _, p := range pairs {
		delays = delays || p.PLD != first
	}
	x, y, kept := make([]float64, n), make([]float64, n), make([]float64, n)
	out := make([]float64, n)
	var plds []float64
	for i, p := range pairs {
		x[i] = float64(i + 1)
		if delays {
			x[i] = p.PLD
			plds = append(plds, p.PLD)
		}
		y[i], kept[i], out[i] = p.Mean, p.Mean, math.NaN()
		if p.Outlier {
			kept[i], out[i] = math.NaN(), p.Mean
		}
	}
	lo, hi := spanOf([]float64{0}, y)
	ax := axis{lo: 0.5, hi: float64(n) + 0.5, from: chartLeft + 10, to: chartRight, label: "pair"}
	var ticks []float64
	label := func(v float64) string { return tickLabel(v, 1000) }
	if delays {
		ax.label = "post-labelling delay, s"
		ax.lo, ax.hi = spanOf(nil, plds)
		ticks = niceTicks(ax.lo, ax.hi, 8)
		slices.Sort(plds)
		if own := slices.Compact(plds); len(own) <= 8 { // the delays themselves
			ticks = own
		}
		label = func(v float64) string { return short(v) }
	} else {
		step := max(1, niceStep(float64(n)/20))
		for k := 1.0; k <= float64(n); k++ {
			if step == 1 || math.Mod(k, step) == 0 {
				ticks = append(ticks, k)
			}
		}
	}
	var s svg
	s.open("chart", id, chartWidth, 224, "Perfusion signal of each pair", fmt.Sprintf("Mean control minus label in the brain mask for %d pairs.", n))
	c := chart{svg: &s, x: ax, y: axis{lo: lo, hi: hi, from: 182, to: 26, label: "Mean ΔM in the mask, scanner units"}}
	c.grid(ticks, label, 4)
	tip := func(i int) string {
		t := fmt.Sprintf("pair %d: ΔM %s", i+1, number(pairs[i].Mean, 3))
		if delays {
			t += ", delay " + number(pairs[i].PLD, 3) + " s"
		}
		if pairs[i].Outlier {
			t += ", outlier: " + pairs[i].Reason
		}
		return t
	}
	if !delays {
		c.trace(0, x, kept)
	}
	c.marks(0, x, kept, max(2.2, markSize(n)), tip)
	c.marks(1, x, out, max(3.2, markSize(n)), tip)
	for _, p := range pairs {
		if p.Outlier {
			c.key([]string{"kept", "outlier"})
			break
		}
	}
	return s.close()
}
