package corr

import (
	"fmt"
	"math"
	"slices"
)

// A Bootstrap is an interval by resampling people.
type Bootstrap struct {
	Low, High float64 // bias-corrected and accelerated (BCa); NaN: see Reason
	SE        float64 // standard deviation of the draws
	Bias      float64 // mean of the draws less the estimate
	Draws     int     // asked for
	Failed    int     // draws without a coefficient, left out
	Reason    string  // why there is no interval; "" if there is one or none was asked for
}

func noBootstrap(reason string) Bootstrap {
	nan := math.NaN()
	return Bootstrap{Low: nan, High: nan, SE: nan, Bias: nan, Reason: reason}
}

// bootstrap resamples rows. Ranks, residuals and bends are made anew in each
// draw; a covariate that is constant in a draw adjusts for nothing there.
func (e *estimator) bootstrap(o Options, loo []float64) Bootstrap {
	draws := make([]float64, o.Bootstrap)
	statistics(o.Workers, draws, e.n, e.k, func(w *work, k int) float64 {
		w.rng.at(o.Seed, forBootstrap, k)
		w.resample()
		w.load(e.s, w.rows)
		return w.estimate(e.m, e.from)
	})
	return bca(draws, e.r, loo, o.level())
}

// resample draws row numbers with replacement.
func (w *work) resample() {
	for i := range w.rows {
		w.rows[i] = w.rng.IntN(len(w.rows))
	}
}

// bca returns the bias-corrected and accelerated interval of an estimate from
// its bootstrap draws, which are reordered, and its leave-one-out values:
//
//	z0 = Φ⁻¹(share of draws below the estimate, ties counted half)
//	a  = Σd³ / (6 (Σd²)^{3/2}),  d = mean of leave-one-out − leave-one-out
//	α' = Φ(z0 + (z0 + z_α)/(1 − a(z0 + z_α)))
//
// The quantile of share α' of B draws is at place (B + 1)α' of their order,
// interpolated, and the first or last draw beyond these. Without leave-one-out
// values a is 0.
//
// Source: Efron 1987, doi:10.1080/01621459.1987.10478410.
func bca(draws []float64, seen float64, loo []float64, level float64) Bootstrap {
	out := noBootstrap("")
	out.Draws = len(draws)
	known := slices.DeleteFunc(draws, math.IsNaN)
	out.Failed = out.Draws - len(known)
	n := float64(len(known))
	if len(known) < 20 || 2*len(known) < out.Draws {
		out.Reason = fmt.Sprintf("%d of %d draws have a coefficient", len(known), out.Draws)
		return out
	}
	slices.Sort(known)
	mean := 0.0
	for _, v := range known {
		mean += v / n
	}
	ss := 0.0
	for _, v := range known {
		ss += (v - mean) * (v - mean)
	}
	out.SE, out.Bias = math.Sqrt(ss/(n-1)), mean-seen
	below := 0.0
	for _, v := range known {
		switch {
		case v < seen-1e-12:
			below++
		case v <= seen+1e-12:
			below += 0.5
		}
	}
	if below == 0 || below == n {
		out.Reason = "all draws lie on one side of the estimate"
		return out
	}
	a, ok := acceleration(loo)
	if !ok {
		out.Reason = "without one of the people there is no coefficient"
		return out
	}
	z0 := normalQuantile(below / n)
	quantile := func(alpha float64) float64 {
		z := z0 + normalQuantile(alpha)
		share := 0.0
		if free := 1 - a*z; free > 0 {
			share = normalCDF(z0 + z/free)
		} else if z > 0 {
			share = 1
		}
		at := (n+1)*share - 1
		i := math.Floor(at)
		switch {
		case i < 0:
			return known[0]
		case int(i) >= len(known)-1:
			return known[len(known)-1]
		}
		return known[int(i)] + (at-i)*(known[int(i)+1]-known[int(i)])
	}
	out.Low, out.High = quantile((1-level)/2), quantile((1+level)/2)
	return out
}

// acceleration returns a of [bca]; false if a leave-one-out value is missing.
func acceleration(loo []float64) (float64, bool) {
	mean := 0.0
	for _, v := range loo {
		mean += v / float64(len(loo))
	}
	if math.IsNaN(mean) {
		return 0, false
	}
	var two, three float64
	for _, v := range loo {
		d := mean - v
		two += d * d
		three += d * d * d
	}
	if two == 0 {
		return 0, true
	}
	return three / (6 * math.Pow(two, 1.5)), true
}
