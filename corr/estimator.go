package corr

import (
	"fmt"
	"math"

	"phasl/internal/par"
)

// An estimator holds one pair of complete columns, the scores made of them,
// and what resampling needs of both.
type estimator struct {
	s    Data
	m    Method
	from Removal
	n, k int

	u, v    []float64   // scores of which r is the cosine
	q       [][]float64 // basis of the covariates
	r       float64
	partial float64 // r with the covariates removed from both
	reason  string  // why r is NaN

	// For permutations: scores of x given the covariates, and the residuals of
	// y that are exchanged.
	px, py []float64
}

// newEstimator expects data without a fault: see [Data.fault].
func newEstimator(s Data, m Method, from Removal) *estimator {
	e := &estimator{s: s, m: m, from: from, n: len(s.X), k: len(s.Covariates), r: math.NaN(), partial: math.NaN()}
	w := newWork(e.n, e.k)
	w.load(s, seq(e.n))
	if m == Kendall {
		e.r = kendall(w.x, w.y)
		e.partial = e.r
		e.px, e.py = s.X, s.Y
		return e
	}
	w.rankAll(m)
	w.basis()
	if w.rank < e.k {
		e.reason = e.dependent(w)
		return e
	}
	fill := func(dst, c []float64, adjusted bool, name string) {
		if e.reason == "" && !w.scores(m, dst, c, adjusted) {
			e.reason = e.degenerate(w, c, name)
		}
	}
	e.u, e.v, e.px = make([]float64, e.n), make([]float64, e.n), make([]float64, e.n)
	fill(e.u, w.x, from != FromY, "x")
	fill(e.v, w.y, from != FromX, "y")
	fill(e.px, w.x, true, "x")
	fill(w.v, w.y, true, "y")
	if e.reason != "" {
		return e
	}
	e.r = cosine(e.u, e.v)
	e.partial = cosine(e.px, w.v)
	e.q = make([][]float64, w.rank)
	for j := range e.q {
		e.q[j] = append([]float64(nil), w.q[j]...)
	}
	e.py = e.exchangeable(w)
	return e
}

// exchangeable returns the residuals of y on the covariates, of unit length or
// so: under the null hypothesis of Freedman and Lane they may be permuted.
func (e *estimator) exchangeable(w *work) []float64 {
	out := make([]float64, e.n)
	unit(out, w.y)
	if w.rank > 0 {
		if e.m == Robust {
			w.huberResiduals(out)
		} else {
			w.project(out)
		}
	}
	return out
}

// dependent names the first covariate that those before it determine.
func (e *estimator) dependent(w *work) string {
	what := "determined by the other covariates"
	if e.m == Spearman {
		what = "determined, in ranks, by the other covariates"
	}
	for j := range e.k {
		w.used = j + 1
		if w.basis(); w.rank <= j {
			return fmt.Sprintf("%s is %s: remove one of them", e.s.name(j), what)
		}
	}
	return "a covariate is " + what
}

// degenerate says why a column has no scores.
func (e *estimator) degenerate(w *work, c []float64, name string) string {
	plain := make([]float64, len(c))
	if w.rank > 0 && unit(plain, c) {
		w.project(plain)
		if dot(plain, plain) < spanned*spanned {
			return name + " is determined by the covariates"
		}
	}
	if e.m == Robust {
		return fmt.Sprintf("%.0f %% or more of the values of %s are equal, so that percentage bend has no scale: use ranks", 100*(1-bendBeta), name)
	}
	return name + " is constant"
}

// mostJackknife bounds the number of estimates of leave-one-out where each
// must be made anew.
const mostJackknife = 5000

// leaveOneOut returns the coefficient without each row in turn, NaN where it
// does not exist; nil if there are too many rows.
//
// For Pearson it follows from the residuals: with h the leverage of the row on
// [1 Z], removing it takes e_x e_y/(1 − h) off the sum Σ e_x e_y of residuals.
func (e *estimator) leaveOneOut() []float64 {
	if e.m == Pearson {
		return e.downdated()
	}
	if e.n > mostJackknife {
		return nil
	}
	out := make([]float64, e.n)
	w := newWork(e.n, e.k)
	rows := make([]int, e.n-1)
	for i := range out {
		for j := range rows {
			rows[j] = j
			if j >= i {
				rows[j]++
			}
		}
		w.load(e.s, rows)
		out[i] = w.estimate(e.m, e.from)
	}
	return out
}

// downdated is leaveOneOut for Pearson.
func (e *estimator) downdated() []float64 {
	x, y := e.px, e.py // residuals on [1 Z]
	sxx, syy, sxy := dot(x, x), dot(y, y), dot(x, y)
	out := make([]float64, e.n)
	for i := range out {
		h := 1 / float64(e.n)
		one := 1 - h // of a column that is only centred
		for _, q := range e.q {
			h += q[i] * q[i]
		}
		// A row with a leverage of 1 has a covariate of its own: its residuals
		// are zero and removing it changes nothing.
		cut := func(a, b, free float64) float64 {
			if free < 1e-9 {
				return 0
			}
			return a * b / free
		}
		xy := sxy - cut(x[i], y[i], 1-h)
		xx := sxx - cut(x[i], x[i], 1-h)
		yy := syy - cut(y[i], y[i], 1-h)
		switch e.from {
		case FromX:
			yy = 1 - cut(e.v[i], e.v[i], one) // v has unit length
		case FromY:
			xx = 1 - cut(e.u[i], e.u[i], one)
		}
		const nothing = 1e-13
		if xx < nothing*sxx || yy < nothing*syy {
			out[i] = math.NaN() // what is left is constant
			continue
		}
		out[i] = clamp(xy / math.Sqrt(xx*yy))
	}
	return out
}

// statistics fills dst with stat of each of its draws, on several workers,
// each with buffers of its own.
func statistics(workers int, dst []float64, n, k int, stat func(w *work, draw int) float64) {
	par.Ranges(workers, len(dst), 256, func(lo, hi int) {
		w := newWork(n, k)
		for i := lo; i < hi; i++ {
			dst[i] = stat(w, i)
		}
	})
}

func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
