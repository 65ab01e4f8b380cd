package corr

import "math"

// BayesFactor01 returns the Bayes factor for no correlation, p(data | ρ = 0)
// over p(data | ρ ~ prior), of a Pearson correlation r of n rows of bivariate
// normal values; of a partial correlation n is the rows less the covariates,
// as the distribution of r is that of n − k rows. Prior and integral are
//
//	π(ρ) ∝ (1 − ρ²)^{1/κ − 1} on (−1, 1); on (0, 1) for Greater, (−1, 0) for Less
//	1/BF01 = ∫ f(r | ρ, n)/f(r | 0, n) π(ρ) dρ
//	f(r | ρ, n) ∝ (1 − ρ²)^{(n−1)/2} (1 − ρr)^{3/2−n} ₂F₁(1/2, 1/2; n − 1/2; (1 + ρr)/2)
//
// f is the density of r; with the usual priors on means and variances (uniform
// on μ and log σ) the data say of ρ just what r does. Two-sided, the integral
// is the closed form of Ly et al., which the tests use as the other route.
//
// It is taken over atanh ρ by the trapezoidal rule, which converges
// geometrically here: relative error below 1e-12. It is NaN unless |r| ≤ 1,
// n > 2 and κ > 0, and 0 for r = ±1 unless the prior excludes that sign.
//
// Sources: Ly, Verhagen & Wagenmakers 2016, eqs 23–28, doi:10.1016/j.jmp.2015.06.004;
// Hotelling 1953, J R Stat Soc B 15:193, for f; κ = 1 is Jeffreys's.
func BayesFactor01(r float64, n int, kappa float64, side Side) float64 {
	if !(math.Abs(r) <= 1) || n < 3 || !(kappa > 0) {
		return math.NaN()
	}
	if side == Less {
		r = -r
	}
	if r == 1 || r == -1 && side == TwoSided {
		return 0
	}
	m := float64(n)
	// Against the density at ρ = 0, on the logarithmic scale, with the Jacobian
	// 1 − ρ² of ρ = tanh(u).
	base := logHyper(m-0.5, 0.5)
	log := func(u float64) float64 {
		rho := math.Tanh(u)
		lc := -2 * logCosh(u) // log(1 − ρ²), also where ρ rounds to 1
		return ((m-1)/2+1/kappa)*lc - (m-1.5)*math.Log1p(-rho*r) + logHyper(m-0.5, (1+rho*r)/2) - base
	}
	prior := func(u float64) float64 { return -2 * logCosh(u) / kappa }
	// The likelihood is about 1/√n wide on this scale; both tails fall at least
	// as exp(−2|u|/κ).
	h := math.Min(0.2, 0.35/math.Sqrt(m)) * math.Min(1, math.Sqrt(kappa))
	lo, hi := -25-20*kappa, 25+20*kappa
	var like, mass float64
	if side == TwoSided {
		like, mass = trapezoid(lo, hi, h, log), trapezoid(lo, hi, h, prior)
	} else {
		like, mass = halfLine(hi, h, log), halfLine(hi, h, prior)
	}
	return math.Exp(mass - like)
}

// logHyper returns log ₂F₁(1/2, 1/2; c; x) for c ≥ 2.5 and 0 ≤ x ≤ 1. The
// series has positive terms and converges at x = 1 too, as c > 1.
func logHyper(c, x float64) float64 {
	term, sum := 1.0, 1.0
	for j := 0.0; j < 1e5; j++ {
		term *= (j + 0.5) * (j + 0.5) / ((c + j) * (j + 1)) * x
		sum += term
		if term < 1e-17*sum {
			break
		}
	}
	return math.Log(sum)
}

func logCosh(u float64) float64 {
	u = math.Abs(u)
	return u + math.Log1p(math.Exp(-2*u)) - math.Ln2
}

// trapezoid returns log ∫ exp f over [lo, hi], at whose ends exp f vanishes.
func trapezoid(lo, hi, h float64, f func(float64) float64) float64 {
	n := int(math.Ceil((hi - lo) / h))
	logs := make([]float64, n+1)
	for i := range logs {
		logs[i] = f(lo + float64(i)*h)
	}
	return logSum(logs) + math.Log(h)
}

// halfLine returns log ∫ exp f over (0, hi], at whose end exp f vanishes, by
// the trapezoidal rule in s with u = exp(s − exp(−s)), which makes both ends
// vanish.
func halfLine(hi, h float64, f func(float64) float64) float64 {
	return trapezoid(-4.5, math.Log(hi)+0.1, h/4, func(s float64) float64 {
		e := math.Exp(-s)
		u := math.Exp(s - e)
		return f(u) + s - e + math.Log1p(e)
	})
}

// logSum returns log Σ exp.
func logSum(logs []float64) float64 {
	most := math.Inf(-1)
	for _, l := range logs {
		most = math.Max(most, l)
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - most)
	}
	return most + math.Log(sum)
}
