package corr

import (
	"math"
	"slices"
)

// bendBeta is the share of values that percentage bend may pull in: 0.2, which
// Wilcox recommends, withstands 20 % of outliers and loses little efficiency
// under normality.
const bendBeta = 0.2

// bend replaces c by its percentage-bend scores, in [−1, 1]: with location φ
// and scale ω of [work.bendScale],
//
//	score = max(−1, min(1, (c − φ)/ω))
//
// It returns false if there is no scale.
//
// Source: Wilcox 1994, doi:10.1007/BF02294395.
func (w *work) bend(c []float64, beta float64) bool {
	phi, omega, ok := w.bendScale(c, beta)
	if !ok {
		return false
	}
	for i, v := range c {
		c[i] = math.Max(-1, math.Min(1, (v-phi)/omega))
	}
	return true
}

// bendScale returns the scale of percentage bend, the m-th smallest |c − M| with
// M the median and m = ⌊(1 − β)n + 1/2⌋, and its location, the one-step
// M-estimate that counts values more than ω from M as at that distance. It
// returns false if ω is zero: a share of about 1 − β of the values is equal.
func (w *work) bendScale(c []float64, beta float64) (phi, omega float64, ok bool) {
	n := len(c)
	sorted := w.buf[:n]
	copy(sorted, c)
	slices.Sort(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	for i, v := range c {
		sorted[i] = math.Abs(v - median)
	}
	slices.Sort(sorted)
	m := int(math.Floor((1-beta)*float64(n) + 0.5))
	omega = sorted[m-1]
	// Values that differ by rounding alone have no scale.
	if omega <= 1e-14*sorted[n-1] {
		return 0, 0, false
	}
	sum, below, above := 0.0, 0, 0
	for _, v := range c {
		switch psi := (v - median) / omega; {
		case psi < -1:
			below++
		case psi > 1:
			above++
		default:
			sum += v
		}
	}
	return (sum + omega*float64(above-below)) / float64(n-below-above), omega, true
}

// huberC is the bend of Huber's ψ: 95 % efficiency under normality.
const huberC = 1.345

// huberBeta is E ψ(Z)² of a standard normal Z, which makes the scale of
// Proposal 2 that of normal residuals.
var huberBeta = func() float64 {
	c := huberC
	phi := math.Exp(-c*c/2) / math.Sqrt(2*math.Pi)
	inside := math.Erf(c / math.Sqrt2)
	return inside - 2*c*phi + c*c*(1-inside)
}()

// huberResiduals replaces c, which is centred, by its residuals from Huber's
// M-estimate of the regression on [1 q], scale by his Proposal 2:
//
//	Σ ψ(e_i/s) q_i = 0,  Σ ψ(e_i/s)² = (n − p) E ψ(Z)²,  ψ(t) = max(−c, min(c, t))
//
// The problem is convex, so the answer is one. It is found by his algorithm of
// modified residuals, which needs no weights as q is orthonormal. A person
// whose value of c is far off moves the fit by a bounded amount; one whose
// covariates are far off does not.
//
// Source: Huber 1981, Robust Statistics, sections 7.7 and 7.8.
func (w *work) huberResiduals(c []float64) {
	n := float64(len(c))
	free := n - float64(w.rank+1)
	w.project(c)
	s := math.Sqrt(dot(c, c) / free)
	for range 500 {
		if s < 1e-9 { // of a column of unit length: an exact fit
			return
		}
		ss, mean := 0.0, 0.0
		for i, e := range c {
			p := math.Max(-huberC*s, math.Min(huberC*s, e))
			w.buf[i] = p
			ss += p * p
			mean += p
		}
		mean /= n
		step := mean * mean * n
		for i := range c {
			c[i] -= mean
		}
		for _, q := range w.q[:w.rank] {
			a := dot(q, w.buf)
			step += a * a
			for i := range c {
				c[i] -= a * q[i]
			}
		}
		next := math.Sqrt(ss / (free * huberBeta))
		done := math.Sqrt(step) < 1e-11 && math.Abs(next-s) < 1e-11*s
		s = next
		if done {
			return
		}
	}
}
