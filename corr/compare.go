package corr

import (
	"fmt"
	"math"
)

// A Comparison is the difference of one correlation between two conditions in
// which the same people were measured. A number that does not exist is NaN.
type Comparison struct {
	N, K      int     // people measured in both conditions; covariates
	R1, R2    float64 // the correlation in each condition, of these people
	Delta     float64 // R1 − R2
	Low, High float64 // Zou's interval of Delta
	Z, P      float64 // Steiger's test
	// Correlation is that between the two estimates (Pearson and Filon).
	Correlation float64
	Permutation Permutation // treatment labels swapped within people
	Bootstrap   Bootstrap   // people resampled, each with both conditions

	Rows    []int // people used, from 0
	Missing []int // people who lack a value in one condition or both
	Reason  string
	Notes   []string
}

// Compare tests whether the correlation of X and Y differs between condition 1,
// data a, and condition 2, data b. Row i of a and of b is the same person;
// people who lack a value in either condition are left out and listed.
//
// Z and the interval are Steiger's and Zou's for correlations without a shared
// variable ([NonOverlapping]; [Overlapping] if X or Y is the same in both), from the correlations among the four columns of
// scores (residuals on the covariates of their own condition, if any), with n
// less the covariates for n. The variances on Fisher's scale are those of the
// interval of one coefficient, for Spearman without covariates Bonett and
// Wright's.
//
// The permutation test swaps the two records of a person, each person or not
// with probability one half; a record is x, y and the covariates. After each
// swap all is computed anew, ranks and residuals too. The statistic is the
// difference on Fisher's scale over its jackknife standard error,
//
//	T = (z1 − z2)/√Σ(d_i − d̄)²,  d_i = (z1 − z1 without i) − (z2 − z2 without i)
//
// scores being kept where they are ranks or bent. The test is exact if the two
// records of a person are exchangeable. If they are not, because means,
// variances or the regression on the covariates differ between the conditions,
// it leans on T being about standard normal under relabelling as in the data (as
// for independent samples, Chung and Romano 2013, doi:10.1214/13-AOS1090);
// docs/methods/associations.md has its error at n = 26. If there are no more
// swaps in all than o.Permutations, each is taken once.
//
// Compare panics if columns differ in length, or the conditions in their number
// of covariates.
func Compare(a, b Data, o Options) *Comparison {
	a.check()
	b.check()
	if len(a.X) != len(b.X) || len(a.Covariates) != len(b.Covariates) {
		panic(fmt.Sprintf("corr: conditions of %d and %d people, %d and %d covariates", len(a.X), len(b.X), len(a.Covariates), len(b.Covariates)))
	}
	nan := math.NaN()
	out := &Comparison{K: len(a.Covariates), R1: nan, R2: nan, Delta: nan, Low: nan, High: nan, Z: nan, P: nan, Correlation: nan,
		Permutation: Permutation{P: nan}, Bootstrap: noBootstrap("")}
	out.Rows, out.Missing = both(a, b)
	out.N = len(out.Rows)
	p := newPaired(a.at(out.Rows), b.at(out.Rows), o)
	if out.Reason = p.reason; out.Reason != "" {
		return out
	}
	out.R1, out.R2, out.Delta = p.e1.r, p.e2.r, p.e1.r-p.e2.r
	d := p.closed(o)
	out.Low, out.High, out.Z, out.P, out.Correlation = d.Low, d.High, d.Steiger.Stat, d.Steiger.P, d.Correlation
	if math.IsNaN(d.Steiger.Stat) {
		out.Notes = append(out.Notes, "a correlation of ±1, or two estimates that are one: there is no test in closed form")
	}
	if o.Permutations > 0 {
		out.Permutation = p.swap(o)
	}
	if o.Bootstrap > 0 {
		out.Bootstrap = p.bootstrap(o)
		if r := out.Bootstrap.Reason; r != "" {
			out.Notes = append(out.Notes, "no bootstrap interval: "+r)
		}
	}
	if p, q := out.Permutation.P, out.P; (p < 1-o.level()) != (q < 1-o.level()) && !math.IsNaN(p) && !math.IsNaN(q) {
		out.Notes = append(out.Notes, "the two tests disagree; the permutation test does not need normal values, Steiger's does")
	}
	if n := len(out.Missing); n > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d of %d people lack a value in a condition and are left out of the comparison", n, n+out.N))
	}
	return out
}

// both returns the people with every value in both conditions, and the others.
func both(a, b Data) (rows, missing []int) {
	joined := Data{X: a.X, Y: a.Y, Covariates: append(append([][]float64{b.X, b.Y}, a.Covariates...), b.Covariates...)}
	return joined.complete()
}

// paired are the scores of the same people in two conditions.
type paired struct {
	e1, e2 *estimator
	n, k   int
	reason string
}

// newPaired expects complete data.
func newPaired(a, b Data, o Options) *paired {
	p := &paired{n: len(a.X), k: len(a.Covariates)}
	if o.Method == Kendall {
		p.reason = "Kendall's coefficients are not compared"
		return p
	}
	for i, s := range []Data{a, b} {
		from := o.Remove
		if len(s.Covariates) == 0 {
			from = FromBoth
		}
		reason := s.fault(o.Method)
		var e *estimator
		if reason == "" {
			e = newEstimator(s, o.Method, from)
			reason = e.reason
		}
		if reason != "" {
			p.reason = fmt.Sprintf("in condition %d, %s", i+1, reason)
			return p
		}
		if i == 0 {
			p.e1 = e
		} else {
			p.e2 = e
		}
	}
	return p
}

// closed returns the closed-form tests and intervals.
func (p *paired) closed(o Options) Difference {
	e1, e2, m := p.e1, p.e2, o.Method
	x, y := cosine(e1.u, e2.u), cosine(e1.v, e2.v)
	psi := pearsonFilon(x, cosine(e1.u, e2.v), cosine(e1.v, e2.u), y)
	const same = 1 - 1e-12
	switch { // a column that is the same in both conditions
	case x > same:
		psi = overlap(y)
	case y > same:
		psi = overlap(x)
	}
	// Under the hypothesis both have one variance: at their mean.
	s := fisherVariance(m, (e1.r+e2.r)/2, p.n, p.k)
	ends := func(r float64) ends { return fisherEnds(r, fisherVariance(m, r, p.n, p.k), o.level()) }
	return dependent(e1.r, e2.r, psi, s, s, ends(e1.r), ends(e2.r), o.Side)
}

// bootstrap resamples people and returns the BCa interval of R1 − R2.
func (p *paired) bootstrap(o Options) Bootstrap {
	draws := make([]float64, o.Bootstrap)
	statistics(o.Workers, draws, p.n, p.k, func(w *work, k int) float64 {
		w.rng.at(o.Seed, forPairs, k)
		w.resample()
		w.load(p.e1.s, w.rows)
		r1 := w.estimate(p.e1.m, p.e1.from)
		w.load(p.e2.s, w.rows)
		return r1 - w.estimate(p.e2.m, p.e2.from)
	})
	l1, l2 := p.e1.leaveOneOut(), p.e2.leaveOneOut()
	var loo []float64
	if l1 != nil && l2 != nil {
		loo = make([]float64, p.n)
		for i := range loo {
			loo[i] = l1[i] - l2[i]
		}
	}
	return bca(draws, p.e1.r-p.e2.r, loo, o.level())
}
