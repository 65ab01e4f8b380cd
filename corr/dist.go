package corr

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// tTail returns the p-value of Student's t with df degrees of freedom. It is
// NaN if t is.
func tTail(t, df float64, side Side) float64 {
	if math.IsNaN(t) || !(df > 0) {
		return math.NaN()
	}
	two := 0.0 // for an infinite t
	if !math.IsInf(t, 0) {
		// P(|T| > |t|) = I_x(df/2, 1/2); past the mean of that beta
		// distribution the complement keeps more digits.
		x, y := df/(df+t*t), t*t/(df+t*t)
		if x > df/(df+1) {
			two = 1 - mathext.RegIncBeta(0.5, df/2, y)
		} else {
			two = mathext.RegIncBeta(df/2, 0.5, x)
		}
	}
	return sided(two, t, side)
}

// normalTail returns the p-value of a standard normal z.
func normalTail(z float64, side Side) float64 {
	if math.IsNaN(z) {
		return z
	}
	return sided(math.Erfc(math.Abs(z)/math.Sqrt2), z, side)
}

// sided turns the two-sided p of a statistic that is symmetric about zero into
// that of the side.
func sided(two, stat float64, side Side) float64 {
	switch {
	case side == TwoSided:
		return two
	case (side == Greater) == (stat > 0):
		return two / 2
	}
	return 1 - two/2
}

// normalQuantile returns the z with P(Z ≤ z) = p.
func normalQuantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }

func normalCDF(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
