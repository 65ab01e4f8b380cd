package report

import (
	"fmt"
	"math"
	"strings"

	"phasl/crossover"
)

// bayesSentence says a Bayes factor in words, with its prior; "" if there is
// none.
func (d *trialData) bayesSentence(r evidenceRow) string {
	bf := r.att.BF01
	v := float64(bf)
	if math.IsNaN(v) {
		return ""
	}
	odds := func(v float64) string {
		if v > 100 {
			return "over 100"
		}
		return bayes(crossover.Number(v))
	}
	named := strings.ReplaceAll("BF01 "+signOf(bayes(bf)), "  ", " ")
	from := "a difference drawn from the prior" + r.prior()
	var s string
	switch {
	case v >= 3:
		s = fmt.Sprintf("%s: the data are %s times as likely under no difference as under %s.", named, odds(v), from)
	case v <= 1.0/3:
		s = fmt.Sprintf("%s: the data are %s times as likely under %s as under no difference.", named, odds(1/v), from)
	default:
		s = fmt.Sprintf("%s: it favours neither no difference nor %s clearly.", named, from)
	}
	if top := largestBF01(r.att.BFN, float64(r.att.Scale)); top < 3 {
		s += fmt.Sprintf(" With %s it could not exceed %s, whatever the data.", plural(r.att.BFN, "person", "people"), fixed(top, 1))
	}
	return s
}

// prior names the Cauchy prior in brackets, in the unit of the estimate where
// that is known.
func (r evidenceRow) prior() string {
	a := amountOf(r.fit)
	switch sd := r.att.PriorSD; {
	case finite(sd) && sd > 0 && r.fit.Log:
		return " (Cauchy, scale " + fixed(100*math.Expm1(float64(sd)), 0) + " %)"
	case finite(sd) && sd > 0:
		return " (Cauchy, scale " + a.with(sd) + ")"
	case finite(r.att.Scale) && r.att.Scale > 0:
		return " (Cauchy, scale " + number(float64(r.att.Scale), 3) + " standard deviations)"
	}
	return ""
}

// largestBF01 is the JZS Bayes factor at t = 0, the most that n people can say
// for no difference; +Inf if n or scale are not known. With g = 1/z² in its
// defining integral
//
//	1/BF01 = ∫ φ(z) |z| / √(z² + n·scale²) dz
//
// over all z, φ the normal density, here by Simpson's rule.
//
// Source: Rouder et al. 2009, doi:10.3758/PBR.16.2.225.
func largestBF01(n int, scale float64) float64 {
	if n < 1 || !(scale > 0) || math.IsInf(scale, 1) {
		return math.Inf(1)
	}
	const steps, end = 2000, 10.0
	h, sum := end/steps, 0.0
	f := func(z float64) float64 {
		return math.Exp(-z*z/2) * z / math.Sqrt(z*z+float64(n)*scale*scale)
	}
	for i := range steps / 2 {
		z := 2 * float64(i) * h
		sum += f(z) + 4*f(z+h) + f(z+2*h)
	}
	return 1 / (math.Sqrt(2/math.Pi) * sum * h / 3)
}
