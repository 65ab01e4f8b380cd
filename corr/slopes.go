package corr

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// A SlopeComparison is the difference of the least-squares slope of Y on X,
// given the covariates, between two conditions in which the same people were
// measured. A number that does not exist is NaN.
type SlopeComparison struct {
	N, K           int
	Slope1, Slope2 float64 // [SD of Y per SD of X]: residual SD, pooled over the conditions
	Delta          float64 // Slope1 − Slope2
	SE             float64 // robust: see [CompareSlopes]
	DF             float64 // N − 2 − K
	Low, High      float64 // Delta ± t SE
	P              float64 // of Delta/SE by Student's t
	Permutation    Permutation

	Rows    []int // people used, from 0
	Missing []int // people who lack a value in one condition or both
	Reason  string
}

// CompareSlopes tests whether the slope differs between condition 1, data a,
// and condition 2, data b, whose rows are the same people. With u the residuals
// of x on the covariates of the condition, e those of the regression of y and h
// the leverage, a person's influence on the slope is
//
//	ψ = u e / ((1 − h) Σu²),  SE² = Σ(ψ1 − ψ2)²
//
// the sandwich estimate of the third kind for people as clusters: it allows for
// any dependence between the two conditions and for residuals that grow with x,
// as those of skewed scores do, for which a model with one residual variance is
// too bold. The permutation test swaps the records of people, as [Compare]
// does, with Delta/SE as its statistic.
//
// o.Method and o.Remove are not used. CompareSlopes panics if columns differ in
// length.
//
// Source: MacKinnon & White 1985, doi:10.1016/0304-4076(85)90158-7 (HC3).
func CompareSlopes(a, b Data, o Options) *SlopeComparison {
	a.check()
	b.check()
	if len(a.X) != len(b.X) {
		panic(fmt.Sprintf("corr: conditions of %d and %d people", len(a.X), len(b.X)))
	}
	o.Method, o.Remove = Pearson, FromBoth
	nan := math.NaN()
	out := &SlopeComparison{K: max(len(a.Covariates), len(b.Covariates)), Slope1: nan, Slope2: nan, Delta: nan, SE: nan, DF: nan, Low: nan, High: nan, P: nan, Permutation: Permutation{P: nan}}
	out.Rows, out.Missing = both(a, b)
	out.N = len(out.Rows)
	a, b = a.at(out.Rows), b.at(out.Rows)
	p := newPaired(a, b, o)
	if out.Reason = p.reason; out.Reason != "" {
		return out
	}
	s := newSlopeSwapper(a, b)
	w := newWork(out.N, out.K)
	delta, se, ok := s.difference(w, make([]bool, out.N), &out.Slope1, &out.Slope2)
	if !ok {
		out.Slope1, out.Slope2 = nan, nan
		out.Reason = "one person alone determines a slope"
		return out
	}
	out.Delta, out.SE, out.DF = delta, se, float64(out.N-2-out.K)
	t := distuv.StudentsT{Sigma: 1, Nu: out.DF}.Quantile((1 + o.level()) / 2)
	out.Low, out.High = delta-t*se, delta+t*se
	out.P = tTail(delta/se, out.DF, o.Side)
	if o.Permutations > 0 {
		out.Permutation = s.permute(out.N, out.K, delta/se, o)
	}
	return out
}

// A slopeSwapper holds the records of each condition, x and y in units of the
// standard deviation of their residuals on the covariates, pooled over the
// conditions.
type slopeSwapper struct{ swapper }

func newSlopeSwapper(a, b Data) *slopeSwapper {
	s := &slopeSwapper{}
	n := len(a.X)
	var ss [2]float64
	for c, d := range []Data{a, b} {
		w := newWork(n, len(d.Covariates))
		w.load(d, seq(n))
		w.basis()
		column := func(v []float64, k int) []float64 {
			centre(w.u, v)
			w.project(w.u)
			ss[k] += dot(w.u, w.u)
			return slices.Clone(v)
		}
		s.r[c] = Data{X: column(d.X, 0), Y: column(d.Y, 1), Covariates: d.Covariates}
	}
	for c := range s.r {
		for k, v := range [][]float64{s.r[c].X, s.r[c].Y} {
			scale := math.Sqrt(ss[k] / float64(2*n-2))
			for i := range v {
				v[i] /= scale
			}
		}
	}
	return s
}

func centre(dst, c []float64) {
	m := 0.0
	for _, v := range c {
		m += v
	}
	m /= float64(len(c))
	for i, v := range c {
		dst[i] = v - m
	}
}

// difference returns the difference of the slopes and its standard error after
// the records of some people were swapped; false if there is none.
func (s *slopeSwapper) difference(w *work, swapped []bool, slopes ...*float64) (delta, se float64, ok bool) {
	clear(w.diff)
	for c, sign := range []float64{1, -1} {
		s.load(w, c, swapped)
		w.basis()
		centre(w.u, w.x)
		centre(w.v, w.y)
		w.project(w.u)
		w.project(w.v)
		uu := dot(w.u, w.u)
		if !(uu > 1e-12) {
			return 0, 0, false
		}
		slope := dot(w.u, w.v) / uu
		if len(slopes) > c {
			*slopes[c] = slope
		}
		delta += sign * slope
		for i, u := range w.u {
			h := 1/float64(len(w.u)) + u*u/uu
			for _, q := range w.q[:w.rank] {
				h += q[i] * q[i]
			}
			if h > 1-1e-9 {
				return 0, 0, false
			}
			w.diff[i] += sign * u * (w.v[i] - slope*u) / ((1 - h) * uu)
		}
	}
	v := dot(w.diff, w.diff)
	return delta, math.Sqrt(v), v > 1e-20
}

// permute returns the permutation p-value of the studentised difference.
func (s *slopeSwapper) permute(n, k int, seen float64, o Options) Permutation {
	at := func(w *work, swapped []bool) bool {
		delta, se, ok := s.difference(w, swapped)
		return !ok || atLeast(delta/se, seen, o.Side) // no statistic errs to caution
	}
	return swaps(n, k, o, forSlopes, at)
}
