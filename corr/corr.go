package corr

import (
	"fmt"
	"math"
	"slices"
)

// A Method is a coefficient of correlation.
type Method int

// The coefficients.
const (
	Pearson  Method = iota
	Spearman        // mid-ranks
	Robust          // percentage bend, β = 0.2
	Kendall         // τ_b; takes no covariates
)

// String returns the method's name in lower case.
func (m Method) String() string {
	return [...]string{"pearson", "spearman", "robust", "kendall"}[m]
}

// A Removal says from which variable the covariates are removed.
type Removal int

const (
	FromBoth Removal = iota // partial correlation
	FromX                   // semi-partial: y keeps what covariates explain of it
	FromY                   // semi-partial: x keeps what covariates explain of it
)

// String returns "both", "x" or "y".
func (r Removal) String() string { return [...]string{"both", "x", "y"}[r] }

// A Side is the direction of the alternative hypothesis.
type Side int

// The sides.
const (
	TwoSided Side = iota
	Greater       // the correlation, or the difference, is above zero
	Less          // below zero
)

// String returns "two-sided", "greater" or "less".
func (s Side) String() string { return [...]string{"two-sided", "greater", "less"}[s] }

// Data are one pair of columns and the covariates to adjust for. All columns
// have one value for each person; NaN is missing.
type Data struct {
	X, Y       []float64
	Covariates [][]float64 // columns
	Names      []string    // of the covariates, for reasons; nil: "covariate 1", …
}

func (d Data) name(j int) string {
	if j < len(d.Names) {
		return d.Names[j]
	}
	return fmt.Sprintf("covariate %d", j+1)
}

// check panics on columns of different lengths, which is a caller's bug.
func (d Data) check() {
	for _, z := range append([][]float64{d.Y}, d.Covariates...) {
		if len(z) != len(d.X) {
			panic(fmt.Sprintf("corr: columns of %d and %d rows", len(d.X), len(z)))
		}
	}
}

// complete returns the rows in which every column is finite, and the others.
func (d Data) complete() (rows, missing []int) {
	for i := range d.X {
		ok := finite(d.X[i]) && finite(d.Y[i])
		for _, z := range d.Covariates {
			ok = ok && finite(z[i])
		}
		if ok {
			rows = append(rows, i)
		} else {
			missing = append(missing, i)
		}
	}
	return rows, missing
}

// at returns the data of some rows, in a copy.
func (d Data) at(rows []int) Data {
	pick := func(c []float64) []float64 {
		out := make([]float64, len(rows))
		for i, r := range rows {
			out[i] = c[r]
		}
		return out
	}
	out := Data{X: pick(d.X), Y: pick(d.Y), Names: d.Names}
	for _, z := range d.Covariates {
		out.Covariates = append(out.Covariates, pick(z))
	}
	return out
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Options say what is computed. The zero value is Pearson's (partial)
// correlation, two-sided, with 95 % intervals and without resampling.
type Options struct {
	Method       Method
	Remove       Removal
	Side         Side
	Level        float64 // of intervals; 0: 0.95
	Kappa        float64 // width of the Bayes factor's prior; 0: 1, uniform on (−1, 1)
	Permutations int     // 0: none
	Bootstrap    int     // draws; 0: none
	Seed         uint64
	Workers      int // 0: one for each CPU; does not change the result
}

func (o Options) level() float64 {
	if o.Level > 0 && o.Level < 1 {
		return o.Level
	}
	return 0.95
}

func (o Options) kappa() float64 {
	if o.Kappa > 0 {
		return o.Kappa
	}
	return 1
}

// A Result is everything that [Correlate] found. A number that does not exist
// is NaN.
type Result struct {
	Method    Method
	Remove    Removal
	Side      Side
	Level     float64
	N         int     // rows used
	K         int     // covariates
	R         float64 // the coefficient
	DF        float64 // N − 2 − K; Kendall: +Inf
	T         float64 // R √(DF/(1 − R²)); Kendall: the normal score
	P         float64
	Low, High float64 // interval of level Level, two-sided whatever the side: see [Fisher]

	// PPartial is, of a semi-partial correlation, the p-value of the partial
	// correlation. The two test one hypothesis, and this test is exact for
	// normal residuals; P takes what covariates explain of the other variable
	// for noise and is conservative. NaN otherwise.
	PPartial float64

	BF01        float64 // for no correlation: see [BayesFactor01], with N − K for n
	Permutation Permutation
	Bootstrap   Bootstrap
	Influence   []Influence // one for each row used

	Rows    []int    // rows used, from 0
	Missing []int    // rows left out, from 0
	Reason  string   // why R is NaN; "" if it is not
	Notes   []string // what a reader must know
}

// Correlate returns the correlation of d.X and d.Y adjusted for d.Covariates:
// with u and v the (ranked, or bent) residuals,
//
//	R = Σuv / √(Σu² Σv²),  T = R √(DF/(1 − R²)),  DF = N − 2 − K
//
// P is Student's tail of T. The test is exact for normal residuals (Pearson)
// and approximate for ranks and bent values. R is NaN, with a Reason, for
// fewer than 4 + K complete rows, a constant column, covariates that determine
// one another, or a variable that they determine.
//
// Cost: O(N K²) for each bootstrap draw and O(N K) for each permutation, times
// log N for ranks; Kendall O(N²). Influence costs O(N K) for Pearson and N
// estimates otherwise, and is left out above 5,000 rows there.
//
// Correlate panics if columns differ in length.
//
// Source: Fisher 1924, Metron 3:329, for partial correlations; the manual of R's
// cor.test for P of ranks; Wilcox 1994, doi:10.1007/BF02294395, for bent values.
func Correlate(d Data, o Options) *Result {
	d.check()
	rows, missing := d.complete()
	nan := math.NaN()
	out := &Result{Method: o.Method, Remove: o.Remove, Side: o.Side, Level: o.level(), N: len(rows), K: len(d.Covariates), R: nan, DF: nan, T: nan, P: nan, Low: nan, High: nan,
		PPartial: nan, BF01: nan, Permutation: Permutation{P: nan}, Bootstrap: noBootstrap(""), Rows: rows, Missing: missing}
	if len(d.Covariates) == 0 {
		out.Remove = FromBoth // nothing is removed
	}
	s := d.at(rows)
	if out.Reason = s.fault(o.Method); out.Reason != "" {
		return out
	}
	e := newEstimator(s, o.Method, out.Remove)
	if out.Reason = e.reason; out.Reason != "" {
		return out
	}
	out.R = e.r
	out.test(s)
	out.Low, out.High = interval(o.Method, out.R, out.N, out.K, out.Level)
	if o.Method != Kendall {
		out.BF01 = BayesFactor01(e.partial, out.N-out.K, o.kappa(), o.Side)
	}
	if out.Remove != FromBoth {
		_, _, out.PPartial = tTest(e.partial, out.N, out.K, o.Side)
	}
	if o.Permutations > 0 {
		out.Permutation = e.permute(o)
	}
	loo := e.leaveOneOut()
	if o.Bootstrap > 0 {
		out.Bootstrap = e.bootstrap(o, loo)
	}
	out.Influence = e.influence(loo, out)
	out.note(loo)
	return out
}

// test fills DF, T and P.
func (r *Result) test(s Data) {
	if r.Method == Kendall {
		r.T, r.DF = kendallZ(s.X, s.Y), math.Inf(1)
		r.P = normalTail(r.T, r.Side)
		return
	}
	r.T, r.DF, r.P = tTest(r.R, r.N, r.K, r.Side)
}

// tTest returns the t statistic of a correlation with its degrees of freedom
// and p-value.
func tTest(r float64, n, k int, side Side) (t, df, p float64) {
	df = float64(n - 2 - k)
	t = r * math.Sqrt(df/((1-r)*(1+r)))
	return t, df, tTail(t, df, side)
}

// note adds what a reader must know about the numbers.
func (r *Result) note(loo []float64) {
	add := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	if n := len(r.Missing); n > 0 {
		add("%d of %d rows lack a value and are left out", n, n+r.N)
	}
	switch {
	case r.Method == Spearman || r.Method == Robust:
		add("the Bayes factor takes the %s coefficient for a Pearson correlation of normal values: it is approximate", r.Method)
	case r.Method == Kendall:
		add("there is no Bayes factor for Kendall's coefficient here")
	}
	if r.Remove != FromBoth {
		add("covariates are removed from %s alone; the partial correlation tests the same hypothesis, and its are the Bayes factor, p_partial and the permutations", r.Remove)
	}
	if loo == nil {
		add("influence is not computed above %d rows", mostJackknife)
	}
	if r.Bootstrap.Reason != "" {
		add("no bootstrap interval: %s", r.Bootstrap.Reason)
	}
	if f := r.Bootstrap.Failed; f > 0 && r.Bootstrap.Reason == "" {
		add("%d of %d bootstrap draws had no correlation (a constant column) and are left out", f, r.Bootstrap.Draws)
	}
}

// fault returns why complete data have no correlation by this method, or "".
func (s Data) fault(m Method) string {
	k := len(s.Covariates)
	switch {
	case m == Kendall && k > 0:
		return "Kendall's coefficient takes no covariates"
	case len(s.X) < 4+k:
		return fmt.Sprintf("%d complete rows: at least %d are needed", len(s.X), 4+k)
	case constant(s.X):
		return "x is constant"
	case constant(s.Y):
		return "y is constant"
	}
	for j, z := range s.Covariates {
		if constant(z) {
			return s.name(j) + " is constant: it adjusts for nothing"
		}
	}
	return ""
}

func constant(x []float64) bool { return len(x) == 0 || slices.Min(x) == slices.Max(x) }
