package corr

import "math"

// An Influence is what one row does to a correlation.
type Influence struct {
	Row   int     // in the data given, from 0
	R     float64 // the coefficient without the row
	DR    float64 // R without the row less R with it
	P     float64 // the p-value without the row
	Cooks float64 // Cook's distance in the least-squares regression of y on x and the covariates, as measured
	// Flagged tells that Cooks exceeds 4/n (Bollen & Jackman 1985,
	// doi:10.1177/0049124185013004004). It asks for a look, not for removal.
	Flagged bool
	// Turns tells that without the row the p-value is on the other side of
	// 1 − Level, or a significant coefficient has the other sign.
	Turns bool
}

// influence returns the influence of each row.
func (e *estimator) influence(loo []float64, r *Result) []Influence {
	out := make([]Influence, e.n)
	cooks := e.cooks()
	alpha := 1 - r.Level
	for i := range out {
		f := Influence{Row: r.Rows[i], R: math.NaN(), P: math.NaN(), Cooks: cooks[i], Flagged: cooks[i] > 4/float64(e.n)}
		if loo != nil {
			f.R = loo[i]
			f.P = e.pWithout(i, f.R, r.Side)
			f.Turns = (f.P < alpha) != (r.P < alpha) || r.P < alpha && f.R*r.R < 0
			if math.IsNaN(f.P) {
				f.Turns = r.P < alpha
			}
		}
		f.DR = f.R - r.R
		out[i] = f
	}
	return out
}

// pWithout returns the p-value of the coefficient without row i.
func (e *estimator) pWithout(i int, r float64, side Side) float64 {
	if e.m != Kendall {
		_, _, p := tTest(r, e.n-1, e.k, side)
		return p
	}
	var x, y []float64
	for j := range e.s.X {
		if j != i {
			x, y = append(x, e.s.X[j]), append(y, e.s.Y[j])
		}
	}
	return normalTail(kendallZ(x, y), side)
}

// cooks returns Cook's distances,
//
//	D = e² h / (p s² (1 − h)²)
//
// with e the residual, h the leverage, p = K + 2 columns and s² the residual
// variance. It is NaN where the row alone determines a coefficient (h = 1) and
// where the fit is exact. Source: Cook 1977, doi:10.1080/00401706.1977.10489493.
func (e *estimator) cooks() []float64 {
	w := newWork(e.n, e.k+1)
	for j, z := range e.s.Covariates {
		copy(w.z[j], z)
	}
	copy(w.z[e.k], e.s.X)
	w.basis()
	unit(w.v, e.s.Y)
	w.project(w.v)
	p := float64(w.rank + 1)
	s2 := dot(w.v, w.v) / (float64(e.n) - p)
	out := make([]float64, e.n)
	for i := range out {
		h := 1 / float64(e.n)
		for _, q := range w.q[:w.rank] {
			h += q[i] * q[i]
		}
		out[i] = w.v[i] * w.v[i] * h / (p * s2 * (1 - h) * (1 - h))
		if 1-h < 1e-9 || s2 < 1e-24 {
			out[i] = math.NaN()
		}
	}
	return out
}
