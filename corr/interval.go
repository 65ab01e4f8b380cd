package corr

import "math"

// Fisher returns the interval of a (partial) correlation r of n rows and k
// covariates by Fisher's transformation,
//
//	tanh(atanh r ∓ z / √(n − 3 − k))
//
// with z the normal quantile of the level. Its coverage is right for normal
// data; of heavy-tailed ones it is too short. Both ends are NaN unless
// |r| ≤ 1, n − k > 3 and 0 < level < 1; for r = ±1 they are r.
//
// Source: Fisher 1921, Metron 1:3; for partial correlations Fisher 1924,
// Metron 3:329.
func Fisher(r float64, n, k int, level float64) (low, high float64) {
	return fisherWith(r, 1/float64(n-3-k), level)
}

// interval returns the interval of a coefficient: Fisher's, with the variance
// on the transformed scale that belongs to the method:
//
//	Pearson, Robust     1/(n − 3 − k)
//	Spearman            (1 + r²/2)/(n − 3) without covariates, else 1/(n − 3 − k)
//	Kendall             0.437/(n − 4)
//
// Bonett and Wright derived theirs for the simple coefficient. That of a
// partial rank correlation is nearer Fisher's: see docs/methods/associations.md.
//
// Sources: Bonett & Wright 2000, doi:10.1007/BF02294183 (Spearman); Fieller,
// Hartley & Pearson 1957, doi:10.1093/biomet/44.3-4.470 (Kendall).
func interval(m Method, r float64, n, k int, level float64) (low, high float64) {
	return fisherWith(r, fisherVariance(m, r, n, k), level)
}

// fisherVariance returns the variance of atanh r; negative or infinite if n is
// too small.
func fisherVariance(m Method, r float64, n, k int) float64 {
	switch {
	case m == Spearman && k == 0:
		return (1 + r*r/2) / float64(n-3)
	case m == Kendall:
		return 0.437 / float64(n-4)
	}
	return 1 / float64(n-3-k)
}

func fisherWith(r, variance, level float64) (low, high float64) {
	nan := math.NaN()
	switch {
	case !(math.Abs(r) <= 1) || !(level > 0 && level < 1) || !(variance > 0) || math.IsInf(variance, 1):
		return nan, nan
	case math.Abs(r) == 1:
		return r, r
	}
	half := normalQuantile((1+level)/2) * math.Sqrt(variance)
	z := math.Atanh(r)
	return math.Tanh(z - half), math.Tanh(z + half)
}
