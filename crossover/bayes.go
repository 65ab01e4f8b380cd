package crossover

import "math"

// BayesFactor01 returns the Bayes factor for no effect, p(data | δ = 0) over
// p(data | δ ~ Cauchy(0, scale)), of a t statistic with df degrees of freedom
// from n people, each of whom gives one difference; δ is the mean difference
// over its standard deviation (the Jeffreys–Zellner–Siow prior):
//
//	        (1 + t²/ν)^(−(ν+1)/2)
//	BF01 = ─────────────────────────────────────────────────────────────────
//	        ∫ (1 + Nr²g)^(−1/2) (1 + t²/((1 + Nr²g)ν))^(−(ν+1)/2) π(g) dg
//
// with π the inverse-gamma(1/2, 1/2) density, ν = df, N = n and r = scale. The
// one-sample t test has df = n − 1; a mixed model's contrast has others, since
// it learns the residual variance from more than the differences.
//
// The integral is taken over log g by the trapezoidal rule, which converges
// geometrically here: the relative error is below 1e-12 for any t. The result
// is NaN unless t is finite, n ≥ 2, df > 0 and scale > 0; it is 0 where it
// would be below the smallest number.
//
// Source: Rouder, Speckman, Sun, Morey & Iverson 2009, eq. 1,
// doi:10.3758/PBR.16.2.225, with r as in Morey & Rouder's BayesFactor.
func BayesFactor01(t float64, n int, df, scale float64) float64 {
	return math.Exp(logBayesFactor01(t, n, df, scale))
}

func logBayesFactor01(t float64, n int, df, scale float64) float64 {
	if math.IsNaN(t) || math.IsInf(t, 0) || n < 2 || !(df > 0) || !(scale > 0) {
		return math.NaN()
	}
	// A larger t would overflow when squared, and is 0 in effect.
	t = math.Min(math.Abs(t), 1e100)
	nr := float64(n) * scale * scale
	half := (df + 1) / 2
	ratio := t / df * t
	// Below u = −8 the prior is below exp(−1400); above the top the integrand
	// falls as exp(−u), by exp(−45) at least from where t ceases to matter.
	const lo, step = -8.0, 0.125
	top := 45 + math.Log1p(t/nr*t)
	points := int(math.Ceil((top - lo) / step))
	logs := make([]float64, points)
	most := math.Inf(-1)
	for i := range logs {
		u := lo + step*float64(i)
		spread := 1 + nr*math.Exp(u)
		logs[i] = -0.5*math.Log(spread) - half*math.Log1p(ratio/spread) - 0.5*u - 0.5*math.Exp(-u)
		most = math.Max(most, logs[i])
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - most)
	}
	alternative := most + math.Log(sum*step) - 0.5*math.Log(2*math.Pi)
	return -half*math.Log1p(ratio) - alternative
}
