package corr

import (
	"fmt"
	"math"
	"testing"
)

// Numbers small enough to work out by hand, one for each formula whose other
// test needs the shared reference data.

// The scores of percentage bend, worked out: 1 … 9 and 100 have the median 5.5,
// distances 4.5 … 0.5, 94.5, of which the 8th is 3.5 (m = ⌊0.8·10 + 0.5⌋ = 8).
// 1 lies below the band of ±3.5, 100 above it, and so does none else: 9 is on
// its edge. φ = (2 + … + 9)/8 = 5.5.
func TestBendByHand(t *testing.T) {
	w := newWork(10, 0)
	c := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}
	phi, omega, ok := w.bendScale(c, 0.2)
	if !ok || omega != 3.5 || phi != 5.5 {
		t.Fatalf("φ = %g, ω = %g", phi, omega)
	}
	w.bend(c, 0.2)
	want := []float64{-1, -1, -2.5 / 3.5, -1.5 / 3.5, -0.5 / 3.5, 0.5 / 3.5, 1.5 / 3.5, 2.5 / 3.5, 1, 1}
	for i := range want {
		near(t, fmt.Sprintf("score %d", i), c[i], want[i], 1e-15)
	}
	// With 7 values m = ⌊6.1⌋ = 6, where ⌊0.8·7⌋ is 5: distances from 4 are
	// 3 2 1 0 1 2 3, the 5th smallest 2, the 6th 3.
	_, omega, _ = newWork(7, 0).bendScale([]float64{1, 2, 3, 4, 5, 6, 7}, 0.2)
	if omega != 3 {
		t.Errorf("ω = %g of seven values, want 3", omega)
	}
}

func TestRanksByHand(t *testing.T) {
	w := newWork(7, 0)
	c := []float64{3, 1, 3, 2, 9, 3, 2}
	w.ranks(c)
	for i, want := range []float64{5, 1, 5, 2.5, 7, 5, 2.5} {
		if c[i] != want {
			t.Errorf("ranks %v", c)
			break
		}
	}
	// Many values take the other way of sorting.
	many := newWork(200, 0)
	for i := range many.x {
		many.x[i] = float64((i * 77) % 100) // each of 0 … 99 twice
	}
	c = append([]float64{}, many.x...)
	many.ranks(c)
	for i := range c {
		if want := 2*many.x[i] + 1.5; c[i] != want {
			t.Fatalf("rank of %g is %g, want %g", many.x[i], c[i], want)
		}
	}
}

// Intervals on Fisher's scale: half widths 1.95996398 times the standard error.
func TestIntervalByHand(t *testing.T) {
	const z = 1.959963984540054
	for _, tt := range []struct {
		m    Method
		k    int
		want float64 // variance of atanh 0.5, n = 28
	}{
		{Pearson, 0, 1.0 / 25}, {Pearson, 5, 1.0 / 20}, {Robust, 0, 1.0 / 25},
		{Spearman, 0, 1.125 / 25}, {Spearman, 5, 1.0 / 20}, {Kendall, 0, 0.437 / 24},
	} {
		low, high := interval(tt.m, 0.5, 28, tt.k, 0.95)
		near(t, tt.m.String()+" low", low, math.Tanh(math.Atanh(0.5)-z*math.Sqrt(tt.want)), 1e-13)
		near(t, tt.m.String()+" high", high, math.Tanh(math.Atanh(0.5)+z*math.Sqrt(tt.want)), 1e-13)
	}
	if low, high := Fisher(0.5, 3, 0, 0.95); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Error("three rows have an interval")
	}
	if low, high := Fisher(1, 10, 0, 0.95); low != 1 || high != 1 {
		t.Error("r = 1 has an interval beyond itself")
	}
}

// Kendall's variance with ties in both, by enumerating all permutations: with
// n = 7 the formula is that of the permutation distribution, exactly.
func TestKendallVariance(t *testing.T) {
	x, y := []float64{1, 1, 2, 3, 3, 3, 4}, []float64{1, 2, 2, 2, 3, 5, 5}
	s, _, _ := concordance(x, y)
	ss, all := 0.0, 0
	order, moved := seq(7), make([]float64, 7)
	for range 5040 {
		for i, from := range order {
			moved[i] = y[from]
		}
		v, _, _ := concordance(x, moved)
		ss += v * v
		all++
		nextPermutation(order)
	}
	near(t, "z", kendallZ(x, y), s/math.Sqrt(ss/float64(all)), 1e-12)
}

// One-sided p-values of a positive and a negative statistic.
func TestSides(t *testing.T) {
	for _, stat := range []float64{1.3, -1.3} {
		g, l, two := normalTail(stat, Greater), normalTail(stat, Less), normalTail(stat, TwoSided)
		near(t, "sum", g+l, 1, 1e-15)
		near(t, "greater", g, 0.5*math.Erfc(stat/math.Sqrt2), 1e-15)
		near(t, "two-sided", two, 2*math.Min(g, l), 1e-15)
	}
	// Student's t with 1 df is Cauchy's, with 2 df 1/2 + t/(2√(2 + t²)).
	for _, x := range []float64{0.01, 0.7, 3, 200} {
		near(t, "1 df", tTail(x, 1, Greater), 0.5-math.Atan(x)/math.Pi, 1e-13)
		near(t, "2 df", tTail(-x, 2, Less), 0.5-x/(2*math.Sqrt(2+x*x)), 1e-13)
	}
	if p := tTail(math.Inf(1), 5, Less); p != 1 {
		t.Errorf("P(T < ∞) = %g", p)
	}
}

// Correlations between estimates where they are known. Pearson and Filon's
// covariance of r12 and r12 itself is its variance: correlation 1. Of pairs
// that have nothing to do with each other it is 0.
func TestCorrelationOfEstimates(t *testing.T) {
	for _, r := range []float64{-0.7, 0, 0.4} {
		near(t, "itself", overlap(1)(r, r)/((1-r*r)*(1-r*r)), 1, 1e-14)
		near(t, "itself, general form", pearsonFilon(1, r, r, 1)(r, r)/((1-r*r)*(1-r*r)), 1, 1e-14)
	}
	near(t, "unrelated", NonOverlapping(0.5, 0.3, 0, 0, 0, 0, 30, 0.95, TwoSided).Correlation, 0, 0)
	// The general form has the overlapping one in it: variable 3 is variable 1.
	near(t, "shared variable", pearsonFilon(1, 0.2, 0.5, 0.3)(0.5, 0.2), overlap(0.3)(0.5, 0.2), 1e-15)
	// Without correlation all tests are the one for independent groups.
	a, b := NonOverlapping(0.5, 0.3, 0, 0, 0, 0, 30, 0.95, TwoSided), Independent(0.5, 30, 0.3, 30, 0.95, TwoSided)
	near(t, "z", a.Steiger.Stat, b.Steiger.Stat, 1e-14)
	near(t, "z by hand", b.Steiger.Stat, (math.Atanh(0.5)-math.Atanh(0.3))/math.Sqrt(2.0/27), 1e-14)
}

// Zou's interval against its definition: by hand for r1 = 0.6, r2 = 0.2, each of
// 28 people, with a correlation c of the estimates.
func TestZouByHand(t *testing.T) {
	const r13, r14, r23, r24 = 0.5, 0.3, 0.2, 0.4
	d := NonOverlapping(0.6, 0.2, r13, r14, r23, r24, 28, 0.95, TwoSided)
	psi := 0.5*0.6*0.2*(0.25+0.09+0.04+0.16) + 0.5*0.4 + 0.3*0.2 - (0.6*0.5*0.3 + 0.6*0.2*0.4 + 0.5*0.2*0.2 + 0.3*0.4*0.2)
	c := psi / ((1 - 0.36) * (1 - 0.04))
	near(t, "correlation", d.Correlation, c, 1e-14)
	h := 1.959963984540054 / 5
	l1, u1 := math.Tanh(math.Atanh(0.6)-h), math.Tanh(math.Atanh(0.6)+h)
	l2, u2 := math.Tanh(math.Atanh(0.2)-h), math.Tanh(math.Atanh(0.2)+h)
	near(t, "low", d.Low, 0.4-math.Sqrt((0.6-l1)*(0.6-l1)+(u2-0.2)*(u2-0.2)-2*c*(0.6-l1)*(u2-0.2)), 1e-13)
	near(t, "high", d.High, 0.4+math.Sqrt((u1-0.6)*(u1-0.6)+(0.2-l2)*(0.2-l2)-2*c*(u1-0.6)*(0.2-l2)), 1e-13)
}

// The correlation of the estimates, recovered: z1 − z2 of simulated normal
// studies has the variance that Dunn and Clark's test divides by.
func TestVarianceOfDifference(t *testing.T) {
	s := Scenario{People: 100, R1: 0.6, R2: 0.1, Stability: 0.6}
	const studies = 3000
	var sum, ss, c float64
	for k := range studies {
		d := s.Study(3, k)
		r := Compare(d[0], d[1], Options{})
		z := math.Atanh(r.R1) - math.Atanh(r.R2)
		sum += z
		ss += z * z
		c += r.Correlation / studies
	}
	got := ss/studies - sum/studies*sum/studies
	want := (2 - 2*c) / 97
	// A variance of 3,000 values has a relative standard error of 2.6 %.
	near(t, "variance over its formula", got/want, 1, 4*0.026)
}

// Compare keeps the order of the conditions and takes a column that is the same
// in both for what it is.
func TestCompareByHand(t *testing.T) {
	a, b := sample(81, 26, 0, 1), sample(82, 26, 0, 0)
	r1, r2 := Correlate(a, Options{}).R, Correlate(b, Options{}).R
	across := func(x, y []float64) float64 { return Correlate(Data{X: x, Y: y}, Options{}).R }
	c := Compare(a, b, Options{})
	near(t, "r1", c.R1, r1, 1e-15)
	near(t, "r2", c.R2, r2, 1e-15)
	want := NonOverlapping(r1, r2, across(a.X, b.X), across(a.X, b.Y), across(a.Y, b.X), across(a.Y, b.Y), 26, 0.95, TwoSided)
	near(t, "z", c.Z, want.Steiger.Stat, 1e-12)
	near(t, "low", c.Low, want.Low, 1e-12)
	// With covariates the same of residuals, with fewer people by as many.
	x, y := sample(83, 26, 2, 1), sample(84, 26, 2, 0)
	rest := func(d Data) Data {
		w := newWork(26, 2)
		w.load(d, seq(26))
		w.basis()
		unit(w.u, w.x)
		unit(w.v, w.y)
		w.project(w.u)
		w.project(w.v)
		return Data{X: w.u, Y: w.v}
	}
	rx, ry := rest(x), rest(y)
	c = Compare(x, y, Options{})
	want = NonOverlapping(across(rx.X, rx.Y), across(ry.X, ry.Y), across(rx.X, ry.X), across(rx.X, ry.Y), across(rx.Y, ry.X), across(rx.Y, ry.Y), 24, 0.95, TwoSided)
	near(t, "partial z", c.Z, want.Steiger.Stat, 1e-12)
	near(t, "partial low", c.Low, want.Low, 1e-12)
	near(t, "partial high", c.High, want.High, 1e-12)

	b.X = a.X
	c = Compare(a, b, Options{})
	over := Overlapping(r1, across(a.X, b.Y), across(a.Y, b.Y), 26, 0.95, TwoSided)
	near(t, "z with a shared column", c.Z, over.Steiger.Stat, 1e-12)
	b.X, b.Y = b.Y, a.Y
	c = Compare(Data{X: a.X, Y: a.Y}, b, Options{})
	over = Overlapping(r1, across(b.X, a.Y), across(a.X, b.X), 26, 0.95, TwoSided)
	near(t, "z with a shared y", c.Z, over.Steiger.Stat, 1e-12)
}
