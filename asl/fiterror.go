package asl

import "math"

// errors sets the standard errors from the variance of one difference,
// estimated from the scatter within delays and about the curve:
//
//	σ² = (Σ n·(ȳ − model)² + within)/(N − 2)
//
// That of the transit time is half the step at which the profile of the
// residual sum of squares rises by 4 σ², found in a few steps from where the
// Jacobian puts it: near a kink the derivative alone would be that of one
// side. So ± 2 standard errors is close to the profile's 95 % interval. That
// of flow adds to its error for a known transit time what the error of the
// transit time makes of it along the profile.
//
// With a prior the residual sum of squares includes its cost.
//
// At the lower bound, and where every readout sees the whole bolus so that only
// decay tells flow and transit time apart, the transit time is taken as known.
// At the upper bound label may arrive later by an unknown time, and neither has
// a standard error.
func (q *fitter) errors(b *estimate, within float64, df int) {
	rss := q.jacobian(b.f, b.att)
	ff, fa, aa, _, _ := q.normal(b.f, b.att)
	free := df + len(q.s) - 2
	variance := math.NaN()
	if free > 0 {
		variance = (rss + within) / float64(free)
	}
	det := ff*aa - fa*fa
	b.bound = b.att <= 0 || b.att >= q.max
	b.near = b.att <= nearBound || b.att >= q.max-nearBound
	q.gains = q.gains[:0]
	if b.att >= q.max {
		variance = math.NaN()
	}
	if b.bound || !(det > unidentified*ff*aa) {
		b.seF, b.seATT = math.Sqrt(variance/ff), math.NaN()
		for i := range q.s {
			q.gains = append(q.gains, q.s[i].n*q.s[i].dydf/ff)
		}
		return
	}
	for i := range q.s {
		s := &q.s[i]
		q.gains = append(q.gains, s.n*(aa*s.dydf-fa*s.dyda)/det)
	}
	b.seF, b.seATT = math.Sqrt(variance*aa/det), math.Sqrt(variance*ff/det)
	if !(variance > 0) {
		return
	}
	slope := -fa / ff
	_, top := q.settle(b.att, b.f)
	for range 2 {
		h := math.Min(2*b.seATT, 0.8)
		var rise, sides float64
		lo, hi := b.f, b.f
		at := [2]float64{math.Max(b.att-h, 0), math.Min(b.att+h, q.max)}
		for side, a := range at {
			step := math.Abs(a - b.att)
			if step < h/2 {
				continue // too near a bound to tell
			}
			f, e := q.settle(a, b.f)
			rise += (top - e) * (h / step) * (h / step)
			sides++
			if side == 0 {
				lo = f
			} else {
				hi = f
			}
		}
		if sides == 0 || !(rise > 0) {
			b.seATT = math.NaN()
			return
		}
		slope = (hi - lo) / (at[1] - at[0])
		b.seATT = h * math.Sqrt(variance*sides/rise)
	}
	b.seF = math.Sqrt(variance/ff + slope*slope*b.seATT*b.seATT)
}
