package corr

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type small struct {
	X, Y, Z1, Z2 []float64
	Pearson      struct {
		R, P, Low, High float64
		PGreater        float64 `json:"p_greater"`
	}
	Spearman, Kendall struct{ R, P float64 }
	Partial           estimate
	PartialSpearman   estimate `json:"partial_spearman"`
	SemiX             estimate `json:"semi_partial_x"`
	SemiY             estimate `json:"semi_partial_y"`
	Bayes             []struct {
		R, Kappa float64
		N        int
		BF10     float64 `json:"bf10"`
		Positive float64 `json:"bf_positive"`
	}
}

type estimate struct{ R, DF, T, P float64 }

// readSmall reads numbers of scipy, numpy and mpmath: testdata/ref/make_small.py.
func readSmall(t *testing.T) small {
	t.Helper()
	raw, err := os.ReadFile("testdata/ref/small.json")
	if err != nil {
		t.Fatal(err)
	}
	var s small
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSmallTable(t *testing.T) {
	s := readSmall(t)
	d := Data{X: s.X, Y: s.Y}
	r := Correlate(d, Options{})
	near(t, "r", r.R, s.Pearson.R, closedForm)
	near(t, "p", r.P, s.Pearson.P, closedForm)
	near(t, "low", r.Low, s.Pearson.Low, closedForm)
	near(t, "high", r.High, s.Pearson.High, closedForm)
	near(t, "p greater", Correlate(d, Options{Side: Greater}).P, s.Pearson.PGreater, closedForm)
	r = Correlate(d, Options{Method: Spearman})
	near(t, "rho", r.R, s.Spearman.R, closedForm)
	near(t, "p of rho", r.P, s.Spearman.P, closedForm)
	r = Correlate(d, Options{Method: Kendall})
	near(t, "tau", r.R, s.Kendall.R, closedForm)
	near(t, "p of tau", r.P, s.Kendall.P, closedForm)
	d.Covariates = [][]float64{s.Z1, s.Z2}
	for _, tt := range []struct {
		name string
		o    Options
		want estimate
	}{
		{"partial", Options{}, s.Partial},
		{"partial ranks", Options{Method: Spearman}, s.PartialSpearman},
		{"semi-partial, x", Options{Remove: FromX}, s.SemiX},
		{"semi-partial, y", Options{Remove: FromY}, s.SemiY},
	} {
		r := Correlate(d, tt.o)
		near(t, tt.name+" r", r.R, tt.want.R, closedForm)
		near(t, tt.name+" df", r.DF, tt.want.DF, 0)
		near(t, tt.name+" t", r.T, tt.want.T, closedForm)
		near(t, tt.name+" p", r.P, tt.want.P, closedForm)
		if tt.o.Remove != FromBoth {
			near(t, tt.name+" p of the partial", r.PPartial, s.Partial.P, closedForm)
		}
	}
}

// Five people, by hand: deviations −2 −1 0 1 2 and
// −1 −2 1 0 2 give r = 8/10, t = 0.8 √3/0.6; 16 of 120 permutations reach |r|.
func TestByHand(t *testing.T) {
	d := Data{X: []float64{1, 2, 3, 4, 5}, Y: []float64{2, 1, 4, 3, 5}}
	r := Correlate(d, Options{Permutations: 1000})
	near(t, "r", r.R, 0.8, 1e-15)
	near(t, "t", r.T, 0.8*math.Sqrt(3)/0.6, 1e-14)
	// Student's t with 3 df: P(T > t) = 1/2 − (arctan(u) + u/(1 + u²))/π, u = t/√3.
	u := 0.8 / 0.6
	near(t, "p", r.P, 2*(0.5-(math.Atan(u)+u/(1+u*u))/math.Pi), 1e-14)
	if p := r.Permutation; !p.Exact || p.Draws != 120 || p.Hits != 16 {
		t.Errorf("permutation %+v, want 16 of 120", p)
	}
	// Ranks 1.5 1.5 3 4 5 against 1 … 5: Σdx dy = 9.5, √(9.5·10).
	s := Correlate(Data{X: []float64{7, 7, 8, 9, 30}, Y: d.X}, Options{Method: Spearman})
	near(t, "rho with ties", s.R, 9.5/math.Sqrt(95), 1e-15)
	// 8 pairs concordant, 2 not: (8 − 2)/10.
	near(t, "tau", Correlate(d, Options{Method: Kendall}).R, 0.6, 1e-15)
}

// Published numbers: r of percentage bend on the 30 rows that the tests of
// Pingouin 0.5 draw with numpy (seed 123), as R's package correlation has it.
func TestPercentageBendPublished(t *testing.T) {
	x := []float64{4.524991087851508, 4.420531811767872, 3.778970926584845, 12, 3.2553302798031223, 4.649569372128418, 2.951786225128683, 4.591357332700219, 1.0489956831264005, 2.9292390843995104, 2.6738018656932527, 4.31118852334745, 5.406716105951538, 3.827585880548361, 4.510669777362404, 5.48020001172895, 5.897501992923205, 3.2481046204119224, 3.6896719823018116, 4.659839225398035, 5.492978998780082, 4.093017621645702, 3.702447504183336, 1.6755435235042087, 2.1236637738250335, 5.622025310958057, 2.7972808778327707, 3.495237872288203, 2.418519025293012, 2.184008274957259}
	y := []float64{7.417043974095821, 5.073260861980091, 7.2560606695752785, 7.978672340219759, 4.480094096479011, -8, 4.380334906909793, 6.202861741341518, 5.004916622004917, 5.274654700615849, 6.007153126165779, 7.362881992968021, 6.836293821056158, 4.549735015009455, 5.7398927665282, 4.977065819368747, 7.271512763937, 5.092800144396517, 6.305237088575375, 6.913523215921814, 5.947704426177541, 6.606245187335942, 5.691865988238505, 4.044863387178897, 6.125520033132931, 6.6929048900606105, 4.083471867309398, 6.451663151111775, 5.988136943566943, 5.140502156598062}
	r := Correlate(Data{X: x, Y: y}, Options{Method: Robust})
	near(t, "r", r.R, 0.4842686, 5e-8)
	near(t, "p", r.P, 0.006693313, 5e-10)
	near(t, "Pearson", Correlate(Data{X: x, Y: y}, Options{}).R, 0.1761221, 5e-8)
	w := newWork(30, 0)
	copy(w.x, x)
	copy(w.y, y)
	if !w.bend(w.x, 0.5) || !w.bend(w.y, 0.5) {
		t.Fatal("no scale")
	}
	near(t, "β = 0.5", cosine(w.x, w.y), 0.4848, 5e-5)
}

// Huber's regression solves its own equations, and agrees with iteratively
// reweighted least squares, which takes another way.
func TestHuberResiduals(t *testing.T) {
	d := sample(3, 30, 2, 0)
	d.Y[3], d.Y[17] = 40, -25
	w := newWork(30, 2)
	w.load(d, seq(30))
	w.basis()
	unit(w.v, w.y)
	e := append([]float64{}, w.v...)
	w.huberResiduals(e)

	q := [][]float64{make([]float64, 30), w.q[0], w.q[1]}
	for i := range q[0] {
		q[0][i] = 1
	}
	beta := []float64{0, 0, 0}
	s := 1.0
	res := make([]float64, 30)
	for range 2000 {
		for i := range res {
			res[i] = w.v[i] - beta[0] - beta[1]*q[1][i] - beta[2]*q[2][i]
		}
		ss := 0.0
		for _, r := range res {
			psi := math.Max(-huberC, math.Min(huberC, r/s))
			ss += psi * psi
		}
		s *= math.Sqrt(ss / (27 * huberBeta))
		weight := make([]float64, 30)
		for i, r := range res {
			weight[i] = math.Min(1, huberC*s/math.Abs(r))
		}
		beta = leastSquares(q, w.v, weight)
	}
	for i := range res {
		near(t, fmt.Sprintf("residual %d", i), e[i], res[i], 1e-9)
	}
	// E ψ(Z)² by quadrature.
	sum := 0.0
	const h = 0.001
	for z := -9.0; z < 9; z += h {
		psi := math.Max(-huberC, math.Min(huberC, z))
		sum += h * psi * psi * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi)
	}
	near(t, "E ψ²", huberBeta, sum, 1e-6)
}

// leastSquares solves the weighted normal equations by Gauss's elimination.
func leastSquares(cols [][]float64, y, weight []float64) []float64 {
	p := len(cols)
	a := make([][]float64, p)
	for j := range a {
		a[j] = make([]float64, p+1)
		for i := range y {
			for k := range cols {
				a[j][k] += weight[i] * cols[j][i] * cols[k][i]
			}
			a[j][p] += weight[i] * cols[j][i] * y[i]
		}
	}
	for j := range a {
		for k := range a {
			if k != j {
				f := a[k][j] / a[j][j]
				for m := range a[k] {
					a[k][m] -= f * a[j][m]
				}
			}
		}
	}
	out := make([]float64, p)
	for j := range out {
		out[j] = a[j][p] / a[j][j]
	}
	return out
}

// An outlier that makes Pearson's correlation leaves the robust one alone,
// also where covariates are removed.
func TestRobustWithstands(t *testing.T) {
	for k := range 3 {
		d := sample(8, 26, k, 0)
		clean := Correlate(d, Options{Method: Robust})
		d.X[4], d.Y[4] = 1e6, 1e6
		r, p := Correlate(d, Options{Method: Robust}), Correlate(d, Options{})
		if math.Abs(r.R-clean.R) > 0.2 || p.R < 0.99 {
			t.Errorf("%d covariates: robust %.3f, without the outlier %.3f; Pearson %.3f", k, r.R, clean.R, p.R)
		}
	}
}

func TestBayesFactor(t *testing.T) {
	for _, b := range readSmall(t).Bayes {
		name := fmt.Sprintf("r = %g, n = %d, κ = %g", b.R, b.N, b.Kappa)
		near(t, name, b.BF10*BayesFactor01(b.R, b.N, b.Kappa, TwoSided), 1, 1e-11)
		near(t, name+", positive", b.Positive*BayesFactor01(b.R, b.N, b.Kappa, Greater), 1, 1e-9)
		near(t, name+", mirrored", BayesFactor01(-b.R, b.N, b.Kappa, Less), BayesFactor01(b.R, b.N, b.Kappa, Greater), 1e-12)
		// The two halves of the prior average to the whole.
		plus, minus := 1/BayesFactor01(b.R, b.N, b.Kappa, Greater), 1/BayesFactor01(b.R, b.N, b.Kappa, Less)
		near(t, name+", halves", (plus+minus)/2*BayesFactor01(b.R, b.N, b.Kappa, TwoSided), 1, 1e-9)
	}
	// JASP, three decimals, as the tests of Pingouin 0.5 quote it.
	near(t, "JASP", 1/BayesFactor01(0.1, 83, 1, TwoSided), 0.204, 5e-4)
	near(t, "JASP, positive", 1/BayesFactor01(0.1, 83, 1, Greater), 0.332, 5e-4)
	near(t, "JASP, negative", 1/BayesFactor01(0.1, 83, 1, Less), 0.076, 5e-4)
	for _, tt := range []struct {
		r    float64
		n    int
		side Side
		want float64
	}{{1, 20, TwoSided, 0}, {-1, 20, TwoSided, 0}, {1, 20, Greater, 0}, {math.NaN(), 20, TwoSided, math.NaN()}, {0.5, 2, TwoSided, math.NaN()}, {1.5, 20, TwoSided, math.NaN()}} {
		if got := BayesFactor01(tt.r, tt.n, 1, tt.side); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("r = %g, n = %d, %v: %g, want %g", tt.r, tt.n, tt.side, got, tt.want)
		}
	}
	if b := BayesFactor01(-1, 20, 1, Greater); !(b > 10) {
		t.Errorf("r = −1 against a positive correlation: %g", b)
	}
	if b := BayesFactor01(0.999999, 26, 1, TwoSided); !(b > 0 && b < 1e-40) {
		t.Errorf("r = 0.999999: %g", b)
	}
}

// A partial correlation's t is that of x in the regression of y on x and the
// covariates.
func TestPartialIsRegression(t *testing.T) {
	d := sample(5, 26, 3, 0.4)
	one := make([]float64, 26)
	weight := make([]float64, 26)
	for i := range one {
		one[i], weight[i] = 1, 1
	}
	cols := append([][]float64{d.X, one}, d.Covariates...)
	b := leastSquares(cols, d.Y, weight)
	rss := 0.0
	for i := range d.Y {
		e := d.Y[i]
		for j, c := range cols {
			e -= b[j] * c[i]
		}
		rss += e * e
	}
	// (XᵀX)⁻¹ of x: one over the residual sum of squares of x on the others.
	g := leastSquares(cols[1:], d.X, weight)
	sxx := 0.0
	for i := range d.X {
		e := d.X[i]
		for j, c := range cols[1:] {
			e -= g[j] * c[i]
		}
		sxx += e * e
	}
	near(t, "t", Correlate(d, Options{}).T, b[0]*math.Sqrt(sxx)/math.Sqrt(rss/21), 1e-11)
}

// Leaving a row out by downdating is leaving it out.
func TestLeaveOneOut(t *testing.T) {
	d := sample(6, 20, 2, 0.4)
	// One person with a covariate of their own: leverage 1.
	d.Covariates = append(d.Covariates, make([]float64, 20))
	d.Covariates[2][7] = 1
	for _, from := range []Removal{FromBoth, FromX, FromY} {
		e := newEstimator(d, Pearson, from)
		got := e.leaveOneOut()
		w := newWork(20, 3)
		for i := range got {
			w.resize(19)
			w.load(d, slices.Delete(seq(20), i, i+1))
			near(t, fmt.Sprintf("%v without %d", from, i), got[i], w.estimate(Pearson, from), 1e-12)
		}
	}
}

func TestInfluence(t *testing.T) {
	d := sample(7, 26, 1, 0)
	d.X[11], d.Y[11] = 9, 9 // one person who makes the correlation
	d.Y[2] = math.NaN()
	r := Correlate(d, Options{})
	if r.P > 0.05 || len(r.Missing) != 1 || r.Missing[0] != 2 || r.N != 25 {
		t.Fatalf("p = %g, missing %v", r.P, r.Missing)
	}
	most := slices.MaxFunc(r.Influence, func(a, b Influence) int {
		return int(math.Copysign(1, math.Abs(a.DR)-math.Abs(b.DR)))
	})
	if most.Row != 11 || !most.Turns || !most.Flagged {
		t.Errorf("most influential %+v, want row 11, turning and flagged", most)
	}
	// Cook's distance by its definition: how far all fitted values move.
	rows := r.Rows
	fit := func(without int) []float64 {
		weight := make([]float64, len(d.X))
		for _, i := range rows {
			if i != without {
				weight[i] = 1
			}
		}
		one := make([]float64, len(d.X))
		for i := range one {
			one[i] = 1
		}
		cols := [][]float64{one, d.X, d.Covariates[0]}
		y := append([]float64{}, d.Y...)
		y[2] = 0
		b := leastSquares(cols, y, weight)
		out := make([]float64, len(d.X))
		for i := range out {
			for j, c := range cols {
				out[i] += b[j] * c[i]
			}
		}
		return out
	}
	full := fit(-1)
	s2 := 0.0
	for _, i := range rows {
		s2 += (d.Y[i] - full[i]) * (d.Y[i] - full[i]) / 22
	}
	for _, f := range r.Influence {
		moved, sum := fit(f.Row), 0.0
		for _, i := range rows {
			sum += (full[i] - moved[i]) * (full[i] - moved[i])
		}
		near(t, fmt.Sprintf("Cook's distance of %d", f.Row), f.Cooks, sum/(3*s2), 1e-9)
		alone := slices.DeleteFunc(slices.Clone(rows), func(i int) bool { return i == f.Row })
		again := Correlate(d.at(alone), Options{})
		near(t, "r without", f.R, again.R, 1e-12)
		near(t, "p without", f.P, again.P, 1e-11)
		near(t, "change", f.DR, again.R-r.R, 1e-12)
	}
}

// One person turns a negative correlation into a positive one, both significant.
func TestInfluenceTurnsTheSign(t *testing.T) {
	d := Data{X: []float64{1, 2, 3, 4, 5, 6, 7, 80}, Y: []float64{7, 6, 5, 4, 3, 2.5, 1, 90}}
	r := Correlate(d, Options{})
	for i, f := range r.Influence {
		if f.Turns != (i == 7) || i == 7 && !(f.R < -0.9 && f.P < 0.01 && r.P < 0.01) {
			t.Errorf("%+v with r = %.3f, p = %.4f", f, r.R, r.P)
		}
	}
}

func TestReasons(t *testing.T) {
	x := []float64{1, 5, 2, 8, 3, 9, 4, 7}
	y := []float64{2, 1, 4, 3, 6, 5, 8, 7}
	seven := []float64{7, 7, 7, 7, 7, 7, 7, 7}
	double := []float64{2, 10, 4, 16, 6, 18, 8, 14}
	for _, tt := range []struct {
		name string
		d    Data
		m    Method
		want string
	}{
		{"constant x", Data{X: seven, Y: y}, Pearson, "x is constant"},
		{"constant y", Data{X: x, Y: seven}, Spearman, "y is constant"},
		{"constant covariate", Data{X: x, Y: y, Covariates: [][]float64{seven}, Names: []string{"site"}}, Pearson, "site is constant"},
		{"x among the covariates", Data{X: x, Y: y, Covariates: [][]float64{double}}, Pearson, "x is determined by the covariates"},
		{"x among the covariates", Data{X: x, Y: y, Covariates: [][]float64{double}}, Robust, "x is determined by the covariates"},
		{"y among the covariates", Data{X: y, Y: x, Covariates: [][]float64{double}}, Spearman, "y is determined by the covariates"},
		{"collinear", Data{X: y, Y: seq8(3), Covariates: [][]float64{x, double}, Names: []string{"a", "b"}}, Pearson, "b is determined by the other covariates"},
		{"too few", Data{X: x[:3], Y: y[:3]}, Pearson, "3 complete rows: at least 4"},
		{"too few", Data{X: x[:4], Y: y[:4], Covariates: [][]float64{x[1:5]}}, Pearson, "at least 5"},
		{"missing", Data{X: []float64{1, 2, math.NaN(), 4, math.Inf(1)}, Y: y[:5]}, Pearson, "3 complete rows"},
		{"none", Data{}, Robust, "0 complete rows"},
		{"no scale", Data{X: []float64{0, 0, 0, 0, 0, 0, 0, 1}, Y: y}, Robust, "80 % or more of the values of x are equal"},
		{"Kendall", Data{X: x, Y: y, Covariates: [][]float64{double}}, Kendall, "takes no covariates"},
	} {
		r := Correlate(tt.d, Options{Method: tt.m, Permutations: 10, Bootstrap: 30})
		if !strings.Contains(r.Reason, tt.want) || !math.IsNaN(r.R) || !math.IsNaN(r.P) || !math.IsNaN(r.BF01) || !math.IsNaN(r.Permutation.P) {
			t.Errorf("%s: reason %q, r %g; want %q", tt.name, r.Reason, r.R, tt.want)
		}
		c := Compare(tt.d, tt.d, Options{Method: tt.m, Permutations: 10})
		if tt.m != Kendall && !(strings.HasPrefix(c.Reason, "in condition 1, ") && strings.Contains(c.Reason, tt.want)) {
			t.Errorf("%s: comparison's reason %q", tt.name, c.Reason)
		}
		f := Family([]Pair{{Data: tt.d}}, Options{Method: tt.m, Permutations: 10})
		if !strings.Contains(f[0].Reason, tt.want) || !math.IsNaN(f[0].PMax) {
			t.Errorf("%s: family's reason %q", tt.name, f[0].Reason)
		}
	}
}

// seq8 returns eight numbers that nothing else here determines.
func seq8(step int) []float64 {
	out := make([]float64, 8)
	for i := range out {
		out[i] = float64(i * step * (i + 1) % 11)
	}
	return out
}

// Perfect correlations have their numbers, and no test divides by zero.
func TestPerfect(t *testing.T) {
	x := []float64{1, 5, 2, 8, 3, 9, 4, 7, 6, 0}
	down := make([]float64, len(x))
	for i, v := range x {
		down[i] = 3 - 2*v
	}
	for _, m := range []Method{Pearson, Spearman, Robust, Kendall} {
		r := Correlate(Data{X: x, Y: down}, Options{Method: m, Permutations: 99, Bootstrap: 99})
		near(t, m.String(), r.R, -1, 1e-14)
		if !(r.P < 0.001) || m != Kendall && !(r.BF01 < 1e-6) || r.Permutation.P > 0.011 {
			t.Errorf("%v: p %g, BF01 %g, permutation %+v", m, r.P, r.BF01, r.Permutation)
		}
		c := Compare(Data{X: x, Y: down}, Data{X: x, Y: seq10()}, Options{Method: m, Permutations: 99, Bootstrap: 99})
		if m != Kendall && (c.Reason != "" || !math.IsNaN(c.P) && c.P > 0.05) {
			t.Errorf("%v: comparison %+v", m, c)
		}
	}
}

func seq10() []float64 { return []float64{3, 1, 4, 1, 5, 9, 2, 6, 5, 3} }

// No numbers, however odd, cause a panic, and what comes back is in range.
func TestAnyData(t *testing.T) {
	odd := rapid.OneOf(rapid.Float64Range(-3, 3), rapid.SampledFrom([]float64{0, 1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, 1e-300, 1e300, 1e16, 1e16 + 2}))
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(0, 12).Draw(t, "n"), rapid.IntRange(0, 3).Draw(t, "k")
		data := func(name string) Data {
			col := func(what string) []float64 { return rapid.SliceOfN(odd, n, n).Draw(t, name+what) }
			d := Data{X: col("x"), Y: col("y")}
			for j := range k {
				d.Covariates = append(d.Covariates, col(fmt.Sprint("z", j)))
			}
			return d
		}
		a, b := data("a"), data("b")
		o := Options{Method: Method(rapid.IntRange(0, 3).Draw(t, "method")), Remove: Removal(rapid.IntRange(0, 2).Draw(t, "remove")), Side: Side(rapid.IntRange(0, 2).Draw(t, "side")),
			Permutations: 30, Bootstrap: 30, Workers: 1}
		r := Correlate(a, o)
		share := func(name string, v float64) {
			if v < 0 || v > 1+1e-12 {
				t.Fatalf("%s = %g", name, v)
			}
		}
		share("|r|", math.Abs(r.R))
		share("p", r.P)
		share("permutation p", r.Permutation.P)
		if math.IsNaN(r.R) != (r.Reason != "") {
			t.Fatalf("r = %g with reason %q", r.R, r.Reason)
		}
		if r.Low > r.R+1e-12 || r.High < r.R-1e-12 {
			t.Fatalf("r = %g outside [%g, %g]", r.R, r.Low, r.High)
		}
		c := Compare(a, b, o)
		share("comparison's p", c.P)
		share("swap p", c.Permutation.P)
		for _, f := range Family([]Pair{{Data: a, Side: o.Side}, {Data: b}}, o) {
			share("family's p", f.PMax)
			if f.PMax < f.P {
				t.Fatalf("corrected %g below %g", f.PMax, f.P)
			}
		}
	})
}
