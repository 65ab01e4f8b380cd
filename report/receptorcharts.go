package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"phasl/nullmap"
	"phasl/receptor"
)

// maxMatrix is the number of densities above which the matrix of their
// correlations is not drawn: its numbers could not be read.
const maxMatrix = 24

// matrixWidth is the least width of the matrix, at which its text has the size
// of that of other figures.
const matrixWidth = 760.0

// share returns the part of R² of a term: its dominance, or where that is not
// computed its relative weight.
func share(t *receptor.Term, relative bool) float64 {
	if relative {
		return t.Relative
	}
	return t.Dominance
}

// noDominance reports whether dominance was not computed.
func noDominance(r *receptor.Regression) bool {
	return !slices.ContainsFunc(r.Terms, func(t receptor.Term) bool { return isNumber(t.Dominance) })
}

// regressionView shows how the receptors share what they explain together.
func (q *Receptors) regressionView(id string, e *ReceptorEffect) *receptorRegressionView {
	r := e.Regression
	v := &receptorRegressionView{Drawing: template.HTML(q.drawShares(id, e)), Table: q.regressionTable(e)}
	v.Say = fmt.Sprintf("%s over %s, R² = %s (adjusted %s). By chance, as smooth maps are alike, it would be %s in the mean (%s).",
		map[bool]string{true: "The one receptor explains", false: "All receptors together explain"}[len(r.Terms) == 1]+" the effect", plural(r.N, "region", "regions"), r2(r.R2), r2(r.Adjusted), r2(r.NullMean), pIs(r.P))
	if c := r.CV; isNumber(c.R) {
		v.Say += fmt.Sprintf(" Predicted from regions farther than %s mm away, %s regions correlate with what they are at r = %s, by chance %s ± %s (%s, one-sided).",
			short(c.Apart), fmt.Sprint(c.N), r2(c.R), r2(c.NullMean), r2(c.NullSD), pIs(c.P))
	} else {
		v.Say += " Cross-validation was not possible."
	}
	v.Say += " These p speak for other places only."
	v.Caption = "Top: R² and how it is shared; line: what chance gives in the mean. Below: share of each receptor (bar), and R² of it alone (open circle). Alone above share: others can stand in for it."
	if noDominance(r) {
		v.Caption += " Shares are relative weights."
	} else {
		v.Caption += " Shares are dominances, which add up to R²; their p supposes that the map has to do with no receptor at all."
	}
	for _, c := range r.Cautions {
		v.Cautions = append(v.Cautions, sentence(inRegions(c)))
	}
	return v
}

// drawShares draws R² as a bar of shares and each share below it.
func (q *Receptors) drawShares(id string, e *ReceptorEffect) string {
	r := e.Regression
	relative := noDominance(r)
	const width, head, pitch, foot = 560.0, 8.0, 27.0, 40.0
	names := []string{"all, R²"}
	top := max(0, orZero(r.R2), orZero(r.NullMean))
	for i := range r.Terms {
		names = append(names, clip(q.name(r.Terms[i].Target, r.Terms[i].File), 20))
		top = max(top, orZero(r.Terms[i].Alone), orZero(share(&r.Terms[i], relative)))
	}
	x := axis{lo: 0, hi: niceCeil(top), from: min(1.15*labelColumn(names), 200), to: width - 118}
	bottom := head + pitch*float64(len(names)) + 12
	var s svg
	s.open("chart shares", id, width, bottom+foot, "Shares of R², "+q.label(e), fmt.Sprintf("R² of %s and the share of each; the values are in the table.", plural(len(r.Terms), "receptor", "receptors")))
	for _, t := range niceTicks(x.lo, x.hi, 5) {
		s.line(x.at(t), head, x.at(t), bottom, `class="rule"`)
		s.text(x.at(t), bottom+17, `class="t" text-anchor="middle"`, tickLabel(t, x.hi))
	}
	s.line(x.from, bottom, x.to, bottom, `class="ax"`)
	s.text(x.to, bottom+35, `class="t" text-anchor="end"`, "share of the variance between regions")
	y := head + 3
	at := 0.0
	s.text(4, y+14, `class="t strong"`, names[0])
	if isNumber(r.R2) {
		for i := range r.Terms {
			v := share(&r.Terms[i], relative)
			if !(v > 0) || math.IsInf(v, 0) {
				continue
			}
			to := min(at+v, x.hi)
			s.raw(`<rect x="`, coord(x.at(at)), `" y="`, coord(y), `" width="`, coord(x.at(to)-x.at(at)), `" height="20" class="f0 part p`, fmt.Sprint(i%3), `">`)
			s.tip(names[i+1] + ": " + fixed(v, 3))
			s.raw(`</rect>`)
			if w := x.at(to) - x.at(at); w > 0.95*textWidth(names[i+1])+4 {
				s.text(x.at(at)+w/2, y+14.5, `class="t strong" text-anchor="middle"`, names[i+1])
			}
			at = to
		}
	}
	if isNumber(r.NullMean) {
		m := x.at(max(0, r.NullMean))
		s.raw(`<line x1="`, coord(m), `" y1="`, coord(y-4), `" x2="`, coord(m), `" y2="`, coord(y+24), `" class="nullmean">`)
		s.tip("by chance, in the mean: " + fixed(r.NullMean, 3))
		s.raw(`</line>`)
	}
	s.text(x.to+10, y+14, `class="t num"`, r2(r.R2)+", "+shortP(r.P))
	y += 12
	for i := range r.Terms {
		t := &r.Terms[i]
		y += pitch
		s.text(4, y+13, `class="t strong"`, names[i+1])
		v := share(t, relative)
		if v > 0 && isNumber(v) {
			s.rect(x.at(0), y+2, x.at(min(v, x.hi))-x.at(0), 14, `class="f0 part p`+fmt.Sprint(i%3)+`"`)
		}
		if isNumber(t.Alone) {
			s.mark(0, x.at(min(max(t.Alone, 0), x.hi)), y+9, 4.6, `class="open c1"`, names[i+1]+" alone: R² "+fixed(t.Alone, 3))
		}
		text := r2(v)
		if !relative {
			text += ", " + shortP(t.PDominance)
		}
		s.text(x.to+10, y+13, `class="t num"`, text)
	}
	return s.close()
}

// shortP writes a p-value in a figure: "p 0.012", "p < 0.001".
func shortP(p float64) string { return "p " + pText(p) }

// matrices draws the correlations between densities, again for an effect whose
// regions make them differ.
func (q *Receptors) matrices(n *ids) []receptorMatrixView {
	var out []receptorMatrixView
	var last [][]float64
	for i := range q.Effects {
		e := &q.Effects[i]
		r := e.Regression
		if r == nil || len(r.Terms) < 2 || len(r.Correlations) < len(r.Terms) || alike(last, r.Correlations) {
			continue
		}
		last = r.Correlations
		v := receptorMatrixView{Say: fmt.Sprintf("Correlations between the densities%s over %s.", ofRanks(q), plural(r.N, "region", "regions"))}
		if len(out) > 0 {
			v.Say = fmt.Sprintf("The same for the regions of %s: %s.", q.label(e), plural(r.N, "region", "regions"))
		}
		if first, second, c := mostAlike(r.Correlations); first >= 0 {
			v.Say += fmt.Sprintf(" Most alike: %s and %s (%s).", q.name(r.Terms[first].Target, r.Terms[first].File), q.name(r.Terms[second].Target, r.Terms[second].File), r2(c))
		}
		v.Say += " What aligns with one density aligns with those that are like it: which of them it is cannot be told from the map."
		if len(r.Terms) > maxMatrix {
			v.Say += " The matrix is left out for its size."
		} else {
			v.Drawing = template.HTML(q.drawMatrix(n.next(), r))
		}
		out = append(out, v)
	}
	return out
}

func ofRanks(q *Receptors) string {
	if q.method() == receptor.Spearman {
		return " (of ranks)"
	}
	return ""
}

// alike reports whether two matrices agree to what is printed.
func alike(a, b [][]float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if len(a[i]) != len(b[i]) {
			return false
		}
		for j := range a[i] {
			if !(math.Abs(a[i][j]-b[i][j]) < 0.005) {
				return false
			}
		}
	}
	return true
}

// mostAlike returns the pair with the largest correlation in size; first is −1
// if there is none.
func mostAlike(c [][]float64) (first, second int, r float64) {
	first, second, r = -1, -1, 0
	for i := range c {
		for j := range min(i, len(c[i])) {
			if v := c[i][j]; isNumber(v) && (first < 0 || math.Abs(v) > math.Abs(r)) {
				first, second, r = j, i, v
			}
		}
	}
	return first, second, r
}

// drawMatrix draws the lower triangle of correlations with their numbers; the
// names stand on the diagonal.
func (q *Receptors) drawMatrix(id string, r *receptor.Regression) string {
	k := len(r.Terms)
	const cell = 46.0
	longest := 0.0
	names := make([]string, k)
	for i := range r.Terms {
		names[i] = clip(q.name(r.Terms[i].Target, r.Terms[i].File), 22)
		longest = max(longest, 1.25*textWidth(names[i])+4)
	}
	side := 8 + cell*float64(k-1)
	width := max(matrixWidth, longest+side+longest)
	height := 34*float64(k) + 8
	var s svg
	class := "chart matrix"
	if width > matrixWidth {
		class += " broad"
	}
	s.open(class, id, width, height, "Correlations between densities", fmt.Sprintf("Lower triangle of %d densities, with numbers.", k))
	for i := range k {
		y := 4 + 34*float64(i)
		s.text(longest, y+21, `class="t strong" text-anchor="end"`, names[i])
		for j := range i {
			x := longest + 8 + cell*float64(j)
			v := math.NaN()
			if j < len(r.Correlations[i]) {
				v = r.Correlations[i][j]
			}
			fill := "f1"
			if v < 0 {
				fill = "f0"
			}
			strength := 0.0
			if isNumber(v) {
				strength = min(1, math.Abs(v))
			}
			s.raw(`<rect x="`, coord(x), `" y="`, coord(y), `" width="44" height="32" class="`, fill, `" fill-opacity="`, coord(0.62*strength), `">`)
			s.tip(names[i] + " and " + names[j] + ": " + fixed(v, 3))
			s.raw(`</rect>`)
			text := `class="t num" text-anchor="middle"`
			if strength >= 0.7 {
				text = `class="t strong" text-anchor="middle"`
			}
			s.text(x+22, y+21, text, r2(v))
		}
		if i < k-1 { // the head of the column below
			s.text(longest+8+cell*float64(i)+2, y+21, `class="t"`, names[i])
		}
	}
	return s.close()
}

// drawVariogram draws the map's variogram over that of its surrogates; "" if
// there is none.
func (q *Receptors) drawVariogram(id string, e *ReceptorEffect) string {
	f := &e.Alignments.Fit
	n := min(len(f.H), len(f.Map), len(f.Surrogates))
	if n < 2 {
		return ""
	}
	const width, left, top, bottom = 560.0, 56.0, 50.0, 250.0
	sd := func(i int) float64 {
		if i < len(f.SD) && isNumber(f.SD[i]) {
			return f.SD[i]
		}
		return 0
	}
	var up, down []float64
	for i := range n {
		up, down = append(up, f.Surrogates[i]+sd(i)), append(down, max(0, f.Surrogates[i]-sd(i)))
	}
	var s svg
	s.open("chart variogram", id, width, bottom+42, "Variogram of "+q.label(e), fmt.Sprintf("Half the mean square difference of two regions at %d distances, of the map and of its surrogates.", n))
	c := chart{svg: &s, x: axis{from: left, to: width - 6}, y: axis{from: bottom, to: top}}
	c.x.lo, c.x.hi = spanOf([]float64{0}, f.H[:n])
	c.y.lo, c.y.hi = spanOf([]float64{0}, f.Map[:n], up)
	c.grid(niceTicks(c.x.lo, c.x.hi, 7), func(t float64) string { return tickLabel(t, c.x.hi-c.x.lo) }, 6)
	unit := ""
	if u := q.unit(e); u != "" && !q.adjusted() {
		unit = "(" + u + ")²"
	}
	heading := "Half the mean square difference"
	if q.Method == receptor.Spearman && e.Alignments.Null != nullmap.BrainSMASH { // surrogates are of ranks
		heading, unit = heading+" of ranks", ""
	}
	s.text(0, 15, `class="t strong"`, clip(axisName(heading, unit), 60))
	c.text(c.x.to, bottom+36, `class="t" text-anchor="end"`, "distance between regions, mm")
	s.mark(0, left+5, 31.5, 4, `class="f1"`, "")
	s.text(left+15, 36, `class="t"`, "the map")
	s.line(left+96, 31.5, left+118, 31.5, `class="ln c5 dashed"`)
	s.text(left+124, 36, `class="t"`, "surrogates, mean ± SD")
	var edge, back []string
	for i := range n {
		if !isNumber(up[i]) || !isNumber(f.H[i]) {
			continue
		}
		edge = append(edge, coord(c.x.at(f.H[i]))+" "+coord(c.y.at(up[i])))
		back = append(back, coord(c.x.at(f.H[i]))+" "+coord(c.y.at(down[i])))
	}
	slices.Reverse(back)
	if len(edge) > 1 {
		s.path("M"+strings.Join(edge, "L")+"L"+strings.Join(back, "L")+"z", `class="chance"`)
	}
	line := func(v []float64, class string) {
		var d []string
		for i := range n {
			if isNumber(v[i]) && isNumber(f.H[i]) {
				d = append(d, coord(c.x.at(f.H[i]))+" "+coord(c.y.at(v[i])))
			}
		}
		if len(d) > 1 {
			s.path("M"+strings.Join(d, "L"), `class="`+class+`"`)
		}
	}
	line(f.Surrogates, "ln c5 dashed")
	line(f.Map, "ln c1")
	for i := range n {
		if isNumber(f.H[i]) && isNumber(f.Map[i]) {
			s.mark(0, c.x.at(f.H[i]), c.y.at(f.Map[i]), 3, `class="f1"`, fmt.Sprintf("%s mm: map %s, surrogates %s ± %s", number(f.H[i], 3), number(f.Map[i], 3), number(f.Surrogates[i], 3), number(sd(i), 2)))
		}
	}
	return s.close()
}
