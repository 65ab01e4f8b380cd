package corr

import "math"

// A Test is a test that two correlations are equal.
type Test struct {
	Stat float64
	DF   float64 // of Student's t; +Inf: normal
	P    float64
}

// A Difference holds the tests and intervals of r1 − r2 in closed form.
type Difference struct {
	Delta float64 // r1 − r2
	// Correlation is that between the two estimates: with ψ their covariance
	// times n, ψ/((1 − r1²)(1 − r2²)). Zero for independent samples.
	Correlation float64

	Steiger   Test // DunnClark with both correlations replaced, in Correlation, by their mean
	DunnClark Test // (z1 − z2) √((n − 3)/(2 − 2 Correlation)), z = atanh r
	Hittner   Test // Steiger with the mean taken of z (Silver et al. where no variable is shared)
	Williams  Test // Student's t with n − 3 degrees of freedom; NaN unless a variable is shared
	Meng      Test // NaN unless a variable is shared

	Low, High         float64 // Zou's interval of r1 − r2
	MengLow, MengHigh float64 // Meng's interval of z1 − z2
}

// Overlapping compares r12 and r13, which share variable 1, in the same n
// people; r23 is the correlation of the other two. For partial correlations
// all three are those of residuals and n is the people less the covariates.
// The covariance of the estimates is Pearson and Filon's,
//
//	ψ = r23 (1 − r12² − r13²) − r12 r13 (1 − r12² − r13² − r23²)/2
//
// All tests assume normal values. Everything is NaN unless the correlations are
// within (−1, 1) and n > 3.
//
// Sources: Steiger 1980, doi:10.1037/0033-2909.87.2.245 (with Williams's t);
// Dunn & Clark 1969, doi:10.1080/01621459.1969.10500981; Meng, Rosenthal &
// Rubin 1992, doi:10.1037/0033-2909.111.1.172; Hittner, May & Silver 2003,
// doi:10.1080/00221300309601282; Zou 2007, doi:10.1037/1082-989X.12.4.399.
func Overlapping(r12, r13, r23 float64, n int, level float64, side Side) Difference {
	s := 1 / float64(n-3)
	out := dependent(r12, r13, overlap(r23), s, s, fisherEnds(r12, s, level), fisherEnds(r13, s, level), side)
	if math.IsNaN(out.Correlation) || !(math.Abs(r23) <= 1) {
		return out
	}
	f := float64(n)
	det := 1 - r12*r12 - r13*r13 - r23*r23 + 2*r12*r13*r23
	mean := (r12 + r13) / 2
	t := (r12 - r13) * math.Sqrt((f-1)*(1+r23)/(2*(f-1)/(f-3)*det+mean*mean*math.Pow(1-r23, 3)))
	out.Williams = Test{t, f - 3, tTail(t, f-3, side)}

	ms := (r12*r12 + r13*r13) / 2
	fr := math.Min(1, (1-r23)/(2*(1-ms)))
	h := (1 - fr*ms) / (1 - ms)
	se := math.Sqrt(2 * (1 - r23) * h / (f - 3))
	z := math.Atanh(r12) - math.Atanh(r13)
	out.Meng = Test{z / se, math.Inf(1), normalTail(z/se, side)}
	half := normalQuantile((1+level)/2) * se
	out.MengLow, out.MengHigh = z-half, z+half
	return out
}

// NonOverlapping compares r12 and r34, which share no variable, in the same n
// people; the others are the correlations across. The covariance of the estimates is Pearson and Filon's,
//
//	ψ = r12 r34 (r13² + r14² + r23² + r24²)/2 + r13 r24 + r14 r23
//	    − (r12 r13 r14 + r12 r23 r24 + r13 r23 r34 + r14 r24 r34)
//
// Assumptions, special cases and sources are those of Overlapping; Silver,
// Hittner & May 2004, doi:10.3200/JEXE.71.1.53-70 for the field Hittner.
func NonOverlapping(r12, r34, r13, r14, r23, r24 float64, n int, level float64, side Side) Difference {
	s := 1 / float64(n-3)
	return dependent(r12, r34, pearsonFilon(r13, r14, r23, r24), s, s, fisherEnds(r12, s, level), fisherEnds(r34, s, level), side)
}

// Independent compares the correlations of two groups of people, of n1 and n2
// people (less the covariates) each, by Fisher's
//
//	(z1 − z2)/√(1/(n1 − 3) + 1/(n2 − 3))
//
// in the fields Steiger, DunnClark and Hittner alike. Source: Fisher 1921,
// Metron 1:3; Zou 2007 for the interval.
func Independent(r1 float64, n1 int, r2 float64, n2 int, level float64, side Side) Difference {
	s1, s2 := 1/float64(n1-3), 1/float64(n2-3)
	none := func(_, _ float64) float64 { return 0 }
	return dependent(r1, r2, none, s1, s2, fisherEnds(r1, s1, level), fisherEnds(r2, s2, level), side)
}

// overlap returns ψ as a function of r12 and r13.
func overlap(r23 float64) func(a, b float64) float64 {
	return func(a, b float64) float64 {
		return r23*(1-a*a-b*b) - a*b*(1-a*a-b*b-r23*r23)/2
	}
}

// pearsonFilon returns ψ as a function of r12 and r34.
func pearsonFilon(r13, r14, r23, r24 float64) func(a, b float64) float64 {
	return func(a, b float64) float64 {
		return a*b*(r13*r13+r14*r14+r23*r23+r24*r24)/2 + r13*r24 + r14*r23 -
			(a*r13*r14 + a*r23*r24 + b*r13*r23 + b*r14*r24)
	}
}

type ends struct{ low, high float64 }

func fisherEnds(r, variance, level float64) ends {
	low, high := fisherWith(r, variance, level)
	return ends{low, high}
}

// dependent compares r1 and r2, of which s1 and s2 are the variances on
// Fisher's scale, e1 and e2 the intervals, and psi their covariance as a
// function of the two.
func dependent(r1, r2 float64, psi func(a, b float64) float64, s1, s2 float64, e1, e2 ends, side Side) Difference {
	nan := math.NaN()
	none := Test{nan, nan, nan}
	out := Difference{Delta: r1 - r2, Correlation: nan, Steiger: none, DunnClark: none, Hittner: none, Williams: none, Meng: none,
		Low: nan, High: nan, MengLow: nan, MengHigh: nan}
	if !(math.Abs(r1) < 1) || !(math.Abs(r2) < 1) || !(s1 > 0) || !(s2 > 0) || math.IsInf(s1, 1) || math.IsInf(s2, 1) {
		return out
	}
	z := math.Atanh(r1) - math.Atanh(r2)
	correlation := func(a, b float64) float64 { return psi(a, b) / ((1 - a*a) * (1 - b*b)) }
	test := func(c float64) Test {
		// Estimates that are perfectly correlated differ by nothing, or by a
		// rounding error.
		v := s1 + s2 - 2*c*math.Sqrt(s1*s2)
		if !(v > 1e-12*(s1+s2)) {
			return none
		}
		t := z / math.Sqrt(v)
		return Test{t, math.Inf(1), normalTail(t, side)}
	}
	out.Correlation = correlation(r1, r2)
	out.DunnClark = test(out.Correlation)
	mean := (r1 + r2) / 2
	out.Steiger = test(correlation(mean, mean))
	mean = math.Tanh((math.Atanh(r1) + math.Atanh(r2)) / 2)
	out.Hittner = test(correlation(mean, mean))
	arm := func(a, b float64) float64 { return math.Sqrt(math.Max(0, a*a+b*b-2*out.Correlation*a*b)) }
	out.Low = out.Delta - arm(r1-e1.low, e2.high-r2)
	out.High = out.Delta + arm(e1.high-r1, r2-e2.low)
	return out
}
