package lmm

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// TTail returns the two-sided p-value of Student's t with df degrees of
// freedom (+Inf: the normal distribution):
//
//	P(|T| > |t|) = I_{df/(df+t²)}(df/2, 1/2)
//
// accurate in the far tail. It is NaN if t is NaN or df not positive.
func TTail(t, df float64) float64 {
	switch {
	case math.IsNaN(t) || !(df > 0):
		return math.NaN()
	case math.IsInf(t, 0):
		return 0
	case df > 1e10:
		return math.Erfc(math.Abs(t) / math.Sqrt2)
	}
	return betaI(df/2, 0.5, df/(df+t*t), t*t/(df+t*t))
}

// FTail returns P(F > f) of the F distribution with num and den degrees of
// freedom (den +Inf: χ²/num). It is NaN if f is NaN or a df not positive, and 1
// if f is not positive.
func FTail(f, num, den float64) float64 {
	switch {
	case math.IsNaN(f) || !(num > 0) || !(den > 0):
		return math.NaN()
	case f <= 0:
		return 1
	case math.IsInf(f, 1):
		return 0
	case den > 1e10:
		return ChiSquareTail(num*f, num)
	}
	return betaI(den/2, num/2, den/(den+num*f), num*f/(den+num*f))
}

// ChiSquareTail returns P(χ² > x) with df degrees of freedom.
func ChiSquareTail(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// betaI returns the regularised incomplete beta function I_x(a, b), with
// y = 1 − x given so that neither end loses digits.
func betaI(a, b, x, y float64) float64 {
	if x > a/(a+b) { // past the mean: the complement is the smaller part
		return 1 - mathext.RegIncBeta(b, a, y)
	}
	return mathext.RegIncBeta(a, b, x)
}

// TQuantile returns the t with two-sided tail p, by Newton's method on log p
// kept between bounds. It is NaN unless 0 < p < 1 and df > 0.
func TQuantile(p, df float64) float64 {
	if !(p > 0 && p < 1) || !(df > 0) {
		return math.NaN()
	}
	lo, hi := 0.0, 1.0
	for TTail(hi, df) > p {
		lo, hi = hi, hi*2
		if math.IsInf(hi, 1) {
			return hi
		}
	}
	t := (lo + hi) / 2
	for range 200 {
		tail := TTail(t, df)
		if tail > p {
			lo = t
		} else {
			hi = t
		}
		next := t + (math.Log(tail)-math.Log(p))*tail/(2*tDensity(t, df))
		if !(next > lo && next < hi) {
			next = (lo + hi) / 2
		}
		if math.Abs(next-t) <= 1e-15*t {
			return next
		}
		t = next
	}
	return t
}

func tDensity(t, df float64) float64 {
	if df > 1e10 {
		return math.Exp(-t*t/2) / math.Sqrt(2*math.Pi)
	}
	a, _ := math.Lgamma((df + 1) / 2)
	b, _ := math.Lgamma(df / 2)
	return math.Exp(a-b-(df+1)/2*math.Log1p(t*t/df)) / math.Sqrt(df*math.Pi)
}

// StudentizedRangeTail returns P(Q > q) for the range of k means divided by
// an independent estimate of their standard deviation with df degrees of
// freedom (+Inf: known). With H the distribution of the range of k standard
// normal values,
//
//	P(Q ≤ q) = ∫ f(s) H(qs) ds,  H(w) = k ∫ φ(z) [Φ(z) − Φ(z − w)]^(k−1) dz
//
// where s√df is χ-distributed. Gauss-Legendre integration leaves an absolute
// error of about 1e-9. Source: Copenhaver & Holland 1988,
// doi:10.1080/00949658808811082.
func StudentizedRangeTail(q float64, k int, df float64) float64 {
	switch {
	case math.IsNaN(q) || k < 2 || !(df > 0):
		return math.NaN()
	case q <= 0:
		return 1
	case df > 1e6:
		return rangeTail(q, k)
	}
	lg, _ := math.Lgamma(df / 2)
	logDensity := func(s float64) float64 {
		return df/2*math.Log(df) - lg - (df/2-1)*math.Ln2 + (df-1)*math.Log(s) - df*s*s/2
	}
	// s has mean about 1 and standard deviation about 1/√(2df).
	sd := 1 / math.Sqrt(2*df)
	lo, hi := math.Max(0, 1-9*sd), 1+9*sd
	var sum float64
	const pieces = 8
	for i := range pieces {
		a, b := lo+(hi-lo)*float64(i)/pieces, lo+(hi-lo)*float64(i+1)/pieces
		sum += legendre(a, b, func(s float64) float64 { return math.Exp(logDensity(s)) * rangeTail(q*s, k) })
	}
	return math.Min(1, math.Max(0, sum))
}

// rangeTail returns 1 − H(w).
func rangeTail(w float64, k int) float64 {
	var sum float64
	const lo, hi, pieces = -8.5, 8.5, 8
	phi := func(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
	for i := range pieces {
		a, b := lo+(hi-lo)*float64(i)/pieces, lo+(hi-lo)*float64(i+1)/pieces
		// 1 − H is integrated, not H: k∫φ Φ^(k−1) = 1.
		sum += legendre(a, b, func(z float64) float64 {
			p, q := phi(z), phi(z-w)
			return math.Exp(-z*z/2) / math.Sqrt(2*math.Pi) * (math.Pow(p, float64(k-1)) - math.Pow(p-q, float64(k-1)))
		})
	}
	return float64(k) * sum
}

// legendre integrates f over [a, b] with 16 Gauss-Legendre points.
func legendre(a, b float64, f func(float64) float64) float64 {
	c, h := (a+b)/2, (b-a)/2
	var s float64
	for i, x := range legendreX {
		s += legendreW[i] * (f(c-h*x) + f(c+h*x))
	}
	return s * h
}

// Positive nodes and weights of the 16-point rule, computed once from the
// roots of the Legendre polynomial.
var legendreX, legendreW = legendreRule()

func legendreRule() (x, w [8]float64) {
	const n = 16
	for i := range n / 2 {
		z := math.Cos(math.Pi * (float64(i) + 0.75) / (n + 0.5))
		var dp float64
		for range 100 {
			p1, p0 := 1.0, 0.0
			for j := range n {
				p0, p1 = p1, (float64(2*j+1)*z*p1-float64(j)*p0)/float64(j+1)
			}
			dp = n * (z*p1 - p0) / (z*z - 1)
			step := p1 / dp
			z -= step
			if math.Abs(step) < 1e-16 {
				break
			}
		}
		x[i], w[i] = z, 2/((1-z*z)*dp*dp)
	}
	return x, w
}
