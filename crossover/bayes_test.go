package crossover

import (
	"math"
	"testing"
)

// bf01BySimpson integrates the same Bayes factor another way: over the effect
// size δ with its Cauchy density, and over the scale of the t distribution,
//
//	p(t | δ) = ∫ φ(t·w − δ√N) w · p(w) dw,  w² ν ~ χ²_ν
//
// by Simpson's rule. δ = r tan a makes the prior uniform in a.
func bf01BySimpson(t float64, n int, df, r float64) float64 {
	lg, _ := math.Lgamma(df / 2)
	likelihood := func(shift float64) float64 {
		return simpson(0, 1+12/math.Sqrt(df), 300, func(w float64) float64 {
			if w == 0 {
				return 0
			}
			logChi := math.Ln2 + df/2*math.Log(df/2) - lg + (df-1)*math.Log(w) - df*w*w/2
			z := t*w - shift
			return math.Exp(logChi-z*z/2) * w / math.Sqrt(2*math.Pi)
		})
	}
	alternative := simpson(-math.Pi/2+1e-9, math.Pi/2-1e-9, 600, func(a float64) float64 {
		return likelihood(r*math.Tan(a)*math.Sqrt(float64(n))) / math.Pi
	})
	return likelihood(0) / alternative
}

func simpson(a, b float64, n int, f func(float64) float64) float64 {
	h := (b - a) / float64(n)
	s := f(a) + f(b)
	for i := 1; i < n; i++ {
		s += f(a+float64(i)*h) * float64(2+2*(i%2))
	}
	return s * h / 3
}

func TestBayesFactorAgainstAnotherIntegral(t *testing.T) {
	for _, tt := range []struct {
		t     float64
		n     int
		df, r float64
	}{{0, 26, 25, 0.707}, {1.3, 26, 50, 0.707}, {2.03, 80, 79, 1}, {-3.1, 12, 11, 0.707}, {2.5, 26, 47.3, math.Sqrt2}, {0.4, 8, 13.7, 0.5}} {
		got, want := BayesFactor01(tt.t, tt.n, tt.df, tt.r), bf01BySimpson(tt.t, tt.n, tt.df, tt.r)
		if math.Abs(got/want-1) > 1e-6 { // Simpson's rule with these steps
			t.Errorf("t=%g n=%d df=%g r=%g: %.10g, want %.10g", tt.t, tt.n, tt.df, tt.r, got, want)
		}
	}
}

// TestBayesFactorPublished compares with what other authors print: the sleep
// data of the BayesFactor package's manual (t = −4.062128, n = 10; 17.25888 in
// favour of an effect).
func TestBayesFactorPublished(t *testing.T) {
	got := 1 / BayesFactor01(-4.062127683382037, 10, 9, math.Sqrt2/2)
	if math.Abs(got-17.25888) > 1e-5 { // digits printed
		t.Errorf("sleep data: %.6f, want 17.25888", got)
	}
}

func TestBayesFactorExtremes(t *testing.T) {
	last := math.Inf(1)
	for _, x := range []float64{0, 0.5, 1, 3, 10, 40, 1000, 1e8, 1e99, 1e150, math.MaxFloat64} {
		bf := BayesFactor01(x, 26, 50, 0.707)
		if math.IsNaN(bf) || bf < 0 || bf > last || bf == last && bf > 0 && x < 1e99 {
			t.Errorf("t = %g: %g after %g; it should fall", x, bf, last)
		}
		if other := BayesFactor01(-x, 26, 50, 0.707); other != bf {
			t.Errorf("t = −%g: %g, want %g", x, other, bf)
		}
		last = bf
	}
	for _, bad := range []float64{BayesFactor01(math.NaN(), 26, 25, 1), BayesFactor01(math.Inf(1), 26, 25, 1), BayesFactor01(1, 1, 25, 1), BayesFactor01(1, 26, 0, 1), BayesFactor01(1, 26, 25, 0)} {
		if !math.IsNaN(bad) {
			t.Errorf("got %g, want NaN", bad)
		}
	}
	// With df → ∞ and a sharp prior at zero the two hypotheses agree.
	if bf := BayesFactor01(1.5, 26, 1e6, 1e-6); math.Abs(bf-1) > 1e-4 {
		t.Errorf("prior at zero: %g, want 1", bf)
	}
}
