package corr

import "math"

// kendall returns τ_b, with C and D the numbers of concordant and discordant
// pairs and T_x, T_y those not tied in x and in y:
//
//	τ_b = (C − D) / √(T_x T_y)
//
// NaN if a column is constant. Source: Kendall 1945, doi:10.1093/biomet/33.3.239.
func kendall(x, y []float64) float64 {
	s, tx, ty := concordance(x, y)
	if tx == 0 || ty == 0 {
		return math.NaN()
	}
	return s / math.Sqrt(tx*ty)
}

// concordance returns C − D and the numbers of pairs not tied in x and in y.
func concordance(x, y []float64) (s, tx, ty float64) {
	sign := func(a, b float64) float64 {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	for i := range x {
		for j := range i {
			a, b := sign(x[i], x[j]), sign(y[i], y[j])
			s += a * b
			tx += a * a
			ty += b * b
		}
	}
	return s, tx, ty
}

// kendallZ returns C − D over its standard deviation under independence given
// the ties, without correction for continuity, as R's cor.test with ties.
// Source: Kendall 1970, Rank Correlation Methods, section 4.
func kendallZ(x, y []float64) float64 {
	s, _, _ := concordance(x, y)
	n := float64(len(x))
	ax, bx, cx := tieSums(x)
	ay, by, cy := tieSums(y)
	v := (n*(n-1)*(2*n+5)-cx-cy)/18 + ax*ay/(2*n*(n-1)) + bx*by/(9*n*(n-1)*(n-2))
	return s / math.Sqrt(v)
}

// tieSums returns Σt(t−1), Σt(t−1)(t−2) and Σt(t−1)(2t+5) over groups of t
// equal values.
func tieSums(x []float64) (a, b, c float64) {
	count := map[float64]float64{}
	for _, v := range x {
		count[v]++
	}
	// Sums of whole numbers: the order of the map does not matter.
	for _, t := range count {
		a += t * (t - 1)
		b += t * (t - 1) * (t - 2)
		c += t * (t - 1) * (2*t + 5)
	}
	return a, b, c
}
