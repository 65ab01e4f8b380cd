package report

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A qualityMeasure is one strip of the quality overview.
type qualityMeasure struct {
	name, unit string
	of         func(*ScanQuality) float64
	low, high  float64 // limits of the plan; NaN: none
	zero       bool    // the axis starts at zero
	top        float64 // highest value there can be; 0: none
}

func (d *trialData) qualityMeasures() []qualityMeasure {
	q, nan := d.plan.Quality, math.NaN()
	return []qualityMeasure{
		{"Grey-matter CBF", CBFUnit, func(s *ScanQuality) float64 { return s.GM }, q.MinGMCBF, q.MaxGMCBF, false, 0},
		{"Mean framewise displacement", "mm", func(s *ScanQuality) float64 { return s.FD }, nan, q.MaxFDMean, true, 0},
		{"Quality evaluation index", "", func(s *ScanQuality) float64 { return s.QEI }, q.MinQEI, nan, true, 1},
		{"Temporal signal-to-noise of ΔM", "", func(s *ScanQuality) float64 { return s.TSNR }, nan, nan, true, 0},
	}
}

// scanName is the labels of a scan as a reader would say them.
func (q *ScanQuality) scanName() string {
	out := []string{subjectName(q.Subject)}
	for _, p := range [][2]string{{"ses-", q.Session}, {"acq-", q.Acq}, {"run-", q.Run}} {
		if p[1] != "" {
			out = append(out, p[0]+strings.TrimPrefix(p[1], p[0]))
		}
	}
	return strings.Join(out, "_")
}

// drawQuality returns one strip a measure: a column a person, a symbol a scan,
// coloured by treatment and filled once the drug was given; scans left out
// are crossed. It returns "" without any value.
func (d *trialData) drawQuality(id string, scans []ScanQuality) string {
	var people []string
	for i := range scans {
		if !slices.Contains(people, scans[i].Subject) {
			people = append(people, scans[i].Subject)
		}
	}
	slices.Sort(people)
	column := map[string]int{}
	for i, p := range people {
		column[p] = i
	}
	var strips []qualityMeasure
	for _, m := range d.qualityMeasures() {
		if slices.ContainsFunc(scans, func(s ScanQuality) bool { v := m.of(&s); return !math.IsNaN(v) && !math.IsInf(v, 0) }) {
			strips = append(strips, m)
		}
	}
	if len(strips) == 0 {
		return ""
	}
	const head, tall, foot = 40.0, 168.0, 26.0
	height := head + tall*float64(len(strips)) + foot
	var s svg
	s.open("chart", id, wideWidth, height, "Quality of every scan", fmt.Sprintf("%d scans of %d people.", len(scans), len(people)))
	d.qualityKey(&s)
	step := max(1, (len(people)*34+1099)/1100)
	for i, m := range strips {
		values := make([]float64, len(scans))
		for k := range scans {
			values[k] = m.of(&scans[k])
		}
		var also []float64
		for _, v := range []float64{m.low, m.high} {
			if !math.IsNaN(v) {
				also = append(also, v)
			}
		}
		if m.zero {
			also = append(also, 0)
		}
		if m.top > 0 {
			also = append(also, m.top)
		}
		lo, hi := spanOf(also, values)
		if m.zero && minOf(values) >= 0 {
			lo = 0
		}
		top := head + tall*float64(i)
		c := chart{svg: &s, x: axis{lo: -0.6, hi: float64(len(people)) - 0.4, from: 54, to: wideWidth - 6}, y: axis{lo: lo, hi: hi, from: top + tall - 22, to: top + 26, label: axisName(m.name, m.unit)}}
		for k := range people {
			if k%2 == 1 {
				c.band(float64(k)-0.5, float64(k)+0.5, "stripe", "")
			}
		}
		c.grid(nil, nil, 4)
		for _, v := range []float64{m.low, m.high} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				c.limit(v, "limit of the plan")
			}
		}
		for k := range scans {
			d.qualityMark(c, column[scans[k].Subject], &scans[k], values[k], m)
		}
		if i == len(strips)-1 {
			for k := 0; k < len(people); k += step {
				c.text(c.x.at(float64(k)), c.y.from+18, `class="t" text-anchor="middle"`, clip(people[k], int(float64(step)*1100/float64(len(people))/8)))
			}
		}
	}
	return s.close()
}

// place returns treatment and phase as numbers; -1 if unknown.
func (d *trialData) place(q *ScanQuality) (treatment, phase int) {
	return slices.Index(d.Treatments, q.Treatment), slices.Index(d.Phases, q.Phase)
}

func (d *trialData) qualityMark(c chart, column int, q *ScanQuality, v float64, m qualityMeasure) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return
	}
	t, p := d.place(q)
	cells := max(1, len(d.Treatments)*len(d.Phases))
	slot := 0.0
	if t >= 0 && p >= 0 {
		slot = (float64(t*len(d.Phases)+p)+0.5)/float64(cells) - 0.5
	}
	x, y := c.x.at(float64(column)+0.8*slot), c.y.at(v)
	tip := q.scanName()
	for _, w := range []string{q.Treatment, q.Phase} {
		if w != "" {
			tip += ", " + w
		}
	}
	tip += ": " + number(v, 3)
	if m.unit != "" {
		tip += " " + m.unit
	}
	if q.Excluded != "" {
		tip += "; left out: " + q.Excluded
	}
	c.mark(treatmentSymbol(t), x, y, 4.2, `class="`+phaseClass(t, p)+`"`, tip)
	if q.Excluded != "" {
		c.path("M"+coord(x-6)+" "+coord(y-6)+"l12 12m0 -12l-12 12", `class="cross"`)
	}
}

func treatmentSymbol(t int) int {
	if t < 0 {
		return seriesAverage
	}
	return treatmentSeries(t)
}

// phaseClass fills the symbols of later phases and leaves those of the
// baseline open.
func phaseClass(t, p int) string {
	k := treatmentSymbol(t)
	if p == 0 {
		return "open " + seriesClass("c", k)
	}
	return seriesClass("f", k)
}

// qualityKey says what symbols mean.
func (d *trialData) qualityKey(s *svg) {
	x := 54.0
	put := func(draw func(x float64), name string) {
		draw(x + 5)
		s.text(x+15, 17, `class="t"`, name)
		x += textWidth(name) + 30
	}
	for t, treatment := range d.Treatments {
		for p, phase := range d.Phases {
			put(func(x float64) {
				s.mark(treatmentSymbol(t), x, 13, 4.5, `class="`+phaseClass(t, p)+`"`, "")
			}, clip(treatment+", "+phase, 36))
		}
	}
	put(func(x float64) { s.path("M"+coord(x-6)+" 7l12 12m0 -12l-12 12", `class="cross"`) }, "left out")
}
