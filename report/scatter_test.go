package report

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"phasl/crossover"
)

// solve returns the inverse of a small matrix by Gauss and Jordan, with the
// largest element of a column for pivot.
func inverse(a [][]float64) [][]float64 {
	n := len(a)
	m := make([][]float64, n)
	for i := range m {
		m[i] = append(append([]float64{}, a[i]...), make([]float64, n)...)
		m[i][n+i] = 1
	}
	for k := range n {
		p := k
		for i := k; i < n; i++ {
			if math.Abs(m[i][k]) > math.Abs(m[p][k]) {
				p = i
			}
		}
		m[k], m[p] = m[p], m[k]
		for i := range n {
			if i == k {
				continue
			}
			f := m[i][k] / m[k][k]
			for j := range m[i] {
				m[i][j] -= f * m[k][j]
			}
		}
		for j, d := 0, m[k][k]; j < 2*n; j++ {
			m[k][j] /= d
		}
	}
	for i := range m {
		m[i] = m[i][n:]
	}
	return m
}

// The line and band through residuals are those of the whole regression of y on
// x and the covariates, at the covariates' means: by the normal equations here,
// with the quantile of t from tables (20 degrees of freedom, 0.975: 2.085963).
func TestFitLineIsTheWholeRegression(t *testing.T) {
	const n, k = 24, 2
	rng := rand.New(rand.NewPCG(4, 4))
	x, y := make([]float64, n), make([]float64, n)
	z := [k][]float64{make([]float64, n), make([]float64, n)}
	for i := range n {
		z[0][i], z[1][i] = 50+8*rng.NormFloat64(), rng.NormFloat64()
		x[i] = 0.8*z[0][i] + 3*rng.NormFloat64() - z[1][i]
		y[i] = 2 + 0.4*x[i] - 0.1*z[0][i] + 2*rng.NormFloat64()
	}
	row := func(i int) []float64 { return []float64{1, x[i], z[0][i], z[1][i]} }
	const p = k + 2
	xtx, xty := make([][]float64, p), make([]float64, p)
	for a := range p {
		xtx[a] = make([]float64, p)
		for i := range n {
			xty[a] += row(i)[a] * y[i]
			for b := range p {
				xtx[a][b] += row(i)[a] * row(i)[b]
			}
		}
	}
	inv := inverse(xtx)
	beta := make([]float64, p)
	for a := range p {
		for b := range p {
			beta[a] += inv[a][b] * xty[b]
		}
	}
	rss := 0.0
	for i := range n {
		e := y[i]
		for a, v := range row(i) {
			e -= beta[a] * v
		}
		rss += e * e
	}
	s2 := rss / (n - p)

	// Residuals of x and y on the covariates, by the same equations of fewer
	// columns, with the means added.
	residual := func(v []float64) []float64 {
		q := make([][]float64, k+1)
		qv := make([]float64, k+1)
		col := func(i int) []float64 { return []float64{1, z[0][i], z[1][i]} }
		mean := 0.0
		for a := range q {
			q[a] = make([]float64, k+1)
			for i := range n {
				qv[a] += col(i)[a] * v[i]
				for b := range q {
					q[a][b] += col(i)[a] * col(i)[b]
				}
			}
		}
		for i := range n {
			mean += v[i] / n
		}
		qi := inverse(q)
		out := make([]float64, n)
		for i := range n {
			out[i] = v[i] + mean
			for a := range q {
				for b := range q {
					out[i] -= col(i)[a] * qi[a][b] * qv[b]
				}
			}
		}
		return out
	}
	f, ok := newFitLine(residual(x), residual(y), k, 0.95)
	if !ok {
		t.Fatal("no line")
	}
	mz := [k]float64{}
	for j := range k {
		for i := range n {
			mz[j] += z[j][i] / n
		}
	}
	for _, at := range []float64{f.fromX, f.meanX, f.toX, f.meanX + 5} {
		c := []float64{1, at, mz[0], mz[1]}
		want, variance := 0.0, 0.0
		for a := range p {
			want += c[a] * beta[a]
			for b := range p {
				variance += c[a] * inv[a][b] * c[b]
			}
		}
		half := 2.085963 * math.Sqrt(s2*variance)
		if math.Abs(f.at(at)-want) > 1e-8 || math.Abs(f.half(at)/half-1) > 1e-6 { // rounding of normal equations; digits of the table
			t.Errorf("at %g: %g ± %g, want %g ± %g", at, f.at(at), f.half(at), want, half)
		}
	}
}

func TestFitLineLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		x, y []float64
		k    int
		ok   bool
		band bool
	}{
		"nobody":     {nil, nil, 0, false, false},
		"one":        {[]float64{1}, []float64{1}, 0, false, false},
		"two":        {[]float64{1, 2}, []float64{1, 3}, 0, true, false},
		"three":      {[]float64{1, 2, 4}, []float64{1, 3, 3}, 0, true, true},
		"covariates": {[]float64{1, 2, 4}, []float64{1, 3, 3}, 1, true, false},
		"constant":   {[]float64{2, 2, 2}, []float64{1, 3, 3}, 0, false, false},
		"huge":       {[]float64{-1e300, 0, 1e300}, []float64{1, 3, 3}, 0, false, false},
	} {
		f, ok := newFitLine(tt.x, tt.y, tt.k, 0.95)
		if ok != tt.ok || ok && math.IsNaN(f.half(f.meanX)) == tt.band {
			t.Errorf("%s: line %v, band half %g", name, ok, f.half(f.meanX))
		}
	}
}

// Points, lines and rings stand where the numbers are.
func TestScatterGeometry(t *testing.T) {
	g := fakeTrial{people: 12, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	d := newTrialData(g)
	for i := range d.Associations.List {
		a := &d.Associations.List[i]
		fig := d.drawScatter("x", a)
		for k, c := range d.clouds(a) {
			if !c.fitted || c.line.slope != 0 && math.Abs(c.line.slope/float64(c.of.Slope)-1) > 1e-9 { // two sums of the same products
				t.Errorf("%s, %s: slope %g, want %g", a.Name, c.of.Treatment, c.line.slope, float64(c.of.Slope))
			}
			// r of the points drawn is the correlation that is printed.
			sy := 0.0
			for _, v := range c.y {
				sy += (v - c.line.meanY) * (v - c.line.meanY)
			}
			if r := c.line.slope * math.Sqrt(c.line.sxx/sy); math.Abs(r-float64(c.of.R)) > 1e-9 {
				t.Errorf("%s, %s: the points have r = %g, the table %g", a.Name, c.of.Treatment, r, float64(c.of.R))
			}
			ringed := 0
			for m := range c.of.Influence {
				if f := &c.of.Influence[m]; f.Large || f.Turns {
					ringed++
					if !strings.Contains(fig, ">sub-"+f.Subject+"</text>") {
						t.Errorf("%s: sub-%s has no label", a.Name, f.Subject)
					}
				}
			}
			drawn := 0
			for _, e := range elements(t, fig, "circle", "weighty") {
				if strings.Contains(e["class"], seriesClass("c", k)) {
					drawn++
				}
			}
			if drawn != ringed {
				t.Errorf("%s, %s: %d rings for %d people", a.Name, c.of.Treatment, drawn, ringed)
			}
			// Two values give the scale of either axis; every other point and the
			// line must lie on it.
			if k > 0 {
				continue
			}
			dots := elements(t, fig, "circle", "dot")
			if len(dots) != len(c.x) {
				t.Fatalf("%d dots for %d people", len(dots), len(c.x))
			}
			lo, hi := 0, 0
			for m := range c.x {
				if c.x[m] < c.x[lo] {
					lo = m
				}
				if c.x[m] > c.x[hi] {
					hi = m
				}
			}
			x0, x1 := float(t, dots[lo]["cx"]), float(t, dots[hi]["cx"])
			for m := range c.x {
				want := x0 + (c.x[m]-c.x[lo])/(c.x[hi]-c.x[lo])*(x1-x0)
				if math.Abs(float(t, dots[m]["cx"])-want) > 0.02 { // hundredths of a unit, three times rounded
					t.Errorf("%s: dot %d is at %s, want %g", a.Name, m, dots[m]["cx"], want)
				}
			}
			line := elements(t, fig, "line", "fit")[0]
			if math.Abs(float(t, line["x1"])-x0) > 0.02 || math.Abs(float(t, line["x2"])-x1) > 0.02 {
				t.Errorf("%s: the line spans %s to %s, the points %g to %g", a.Name, line["x1"], line["x2"], x0, x1)
			}
			for _, e := range dots {
				if y := float(t, e["cy"]); y < 0 || y > 480 {
					t.Errorf("%s: a dot leaves the drawing", a.Name)
				}
			}
		}
	}
}

// Of an instrument the total and what the plan names are drawn; else the first.
func TestDrawnScores(t *testing.T) {
	score := func(in, s string) crossover.ScoreCourse { return crossover.ScoreCourse{Instrument: in, Score: s} }
	d := newTrialData(&Group{Plan: &crossover.Plan{Association: []crossover.AssociationPlan{{Instrument: "PSI", Score: "Mania"}}},
		Results: &crossover.Results{Scores: []crossover.ScoreCourse{score("psi", "delusional"), score("psi", "mania"), score("psi", "total"), score("vas", "high"), score("vas", "tired"), score("qids", "sleep"), score("qids", "total")}}})
	got := d.drawnScores()
	for i, want := range []bool{false, true, true, true, false, false, true} {
		if got[i] != want {
			t.Errorf("%s %s is drawn: %v", d.Scores[i].Instrument, d.Scores[i].Score, got[i])
		}
	}
}

// Means, intervals and people of a course stand where the cells say.
func TestCourseGeometry(t *testing.T) {
	g := fakeTrial{people: 12, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	d := newTrialData(g)
	for i := range d.Scores {
		c := &d.Scores[i]
		if c.Instrument != "madrs" {
			continue
		}
		fig := d.drawCourse("x", c)
		if n := strings.Count(fig, `class="person`); n != 52 {
			t.Errorf("%d lines of people, want 52", n)
		}
		if !strings.Contains(fig, "day1 missing") {
			t.Error("a visit without a score is not said in the tip")
		}
		bars := elements(t, fig, "line", "bar")
		if len(bars) != len(c.Cells) {
			t.Fatalf("%d intervals for %d cells", len(bars), len(c.Cells))
		}
		// Cells and bars come in the same order. Two ticks give the scale.
		tick := map[string]float64{}
		for m := range strings.SplitSeq(fig, "<text ") {
			if i := strings.Index(m, ">"); strings.Contains(m, "anchor=\"end\"") && i > 0 {
				_, y, _ := strings.Cut(m, `y="`)
				y, _, _ = strings.Cut(y, `"`)
				label, _, _ := strings.Cut(m[i+1:], "<")
				tick[label] = float(t, y) - 4
			}
		}
		at := func(v crossover.Number) float64 { return tick["0"] + (tick["30"]-tick["0"])*float64(v)/30 }
		for k, q := range c.Cells {
			if lo, hi := float(t, bars[k]["y1"]), float(t, bars[k]["y2"]); math.Abs(lo-at(q.Low)) > 0.03 || math.Abs(hi-at(q.High)) > 0.03 { // hundredths of a unit, from two ticks
				t.Errorf("%s, %s: the bar runs from %g to %g, want %g to %g", q.Treatment, q.Visit, lo, hi, at(q.Low), at(q.High))
			}
			if q.Visit == "day1" && (q.N != 25 || q.Missing != 1) {
				t.Errorf("%s, day 1: n %d, missing %d", q.Treatment, q.N, q.Missing)
			}
		}
	}
}

// Whiskers of the overview end where the limits are, and symbols stand at the
// estimates.
func TestAssociationForestGeometry(t *testing.T) {
	d := newTrialData(fakeTrial{people: 12, seed: 3}.group().withSymptoms(t, 26, symptomPlan))
	p := d.newAssociationForest()
	fig := p.draw("x", "overview", 0, len(p.lanes))
	lines := elements(t, fig, "line", "whisker")
	marks := append(elements(t, fig, "circle", "f0")[1:], elements(t, fig, "path", "f3")[1:]...) // the first of each is the key's
	var circles, diamonds []float64
	for _, m := range marks {
		if m["cx"] != "" {
			circles = append(circles, float(t, m["cx"]))
			continue
		}
		x, _, _ := strings.Cut(strings.TrimPrefix(m["d"], "M"), " ")
		diamonds = append(diamonds, float(t, x))
	}
	k := 0
	for i := range d.Associations.List {
		a := &d.Associations.List[i]
		check := func(ax axis, what string, lo, hi crossover.Number) {
			if x0, x1 := float(t, lines[k]["x1"]), float(t, lines[k]["x2"]); math.Abs(x0-ax.at(float64(lo))) > 0.006 || math.Abs(x1-ax.at(float64(hi))) > 0.006 { // a hundredth of a unit
				t.Errorf("%s, %s: whisker from %g to %g", a.Name, what, x0, x1)
			}
			k++
		}
		for j := range a.By {
			check(p.leftAxis, a.By[j].Treatment, a.By[j].Low, a.By[j].High)
		}
		check(p.rightAxis, "difference", a.Differences[0].Low, a.Differences[0].High)
		if math.Abs(circles[i]-p.leftAxis.at(float64(a.By[0].R))) > 0.006 || math.Abs(diamonds[i]-p.rightAxis.at(float64(a.Differences[0].Delta))) > 0.006 {
			t.Errorf("%s: symbols at %g and %g", a.Name, circles[i], diamonds[i])
		}
	}
	if k != len(lines) || p.leftAxis.lo != -1 || p.leftAxis.hi != 1 {
		t.Errorf("%d of %d whiskers, axis %g to %g", k, len(lines), p.leftAxis.lo, p.leftAxis.hi)
	}
}
