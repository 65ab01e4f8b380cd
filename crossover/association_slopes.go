package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/corr"
	"phasl/lmm"
)

// slopeShift compares the slopes in the people who have both treatments.
func slopeShift(a, b []AssociationPoint, adjust []string, o corr.Options) SlopeShift {
	c := corr.CompareSlopes(columns(a, adjust), columns(b, adjust), o)
	return SlopeShift{Slope1: Number(c.Slope1), Slope2: Number(c.Slope2), Delta: Number(c.Delta), SE: Number(c.SE), DF: Number(c.DF),
		Low: Number(c.Low), High: Number(c.High), P: Number(c.P), PPermutation: Number(c.Permutation.P), Failed: c.Reason}
}

// moderate asks by a mixed model whether the slope of the score on the measure
// differs between two treatments:
//
//	score ~ measure*treatment + covariates*treatment + period + (1|subject)
//
// score and measure are divided by the standard deviation of what the covariates
// leave of them within treatments, so that slopes have the scale of
// correlations. Kenward and Roger's degrees
// of freedom.
func moderate(first, second string, rows []AssociationPoint, adjust []string, level float64) Moderation {
	out := Moderation{Slope1: nan, Slope2: nan, Delta: nan, SE: nan, DF: nan, T: nan, P: nan, Low: nan, High: nan, NObs: len(rows)}
	x, y := make([]float64, len(rows)), make([]float64, len(rows))
	restX, restY := make([]float64, len(rows)), make([]float64, len(rows))
	period := make([]float64, len(rows))
	treatment, subject := make([]string, len(rows)), make([]string, len(rows))
	people := map[string]bool{}
	for i := range rows {
		x[i], y[i] = float64(rows[i].X), float64(rows[i].Y)
		restX[i], restY[i] = float64(rows[i].XResidual), float64(rows[i].YResidual)
		treatment[i], subject[i], period[i] = rows[i].Treatment, rows[i].Subject, float64(rows[i].Period)
		people[rows[i].Subject] = true
	}
	out.N = len(people)
	for _, v := range [][2][]float64{{x, restX}, {y, restY}} {
		sd, size := within(v[1], treatment), within(v[0], treatment)
		if !(sd > 1e-9*size) {
			out.Failed = "the covariates leave nothing of the measure or of the score"
			return out
		}
		for i := range v[0] {
			v[0][i] /= sd
		}
	}
	t := lmm.NewTable("association")
	t.AddNumeric("score", y)
	t.AddNumeric("measure", x)
	t.AddFactor("treatment", treatment, first, second)
	t.AddFactor("subject", subject)
	formula := "score ~ measure*treatment"
	for k, c := range adjust {
		if c == AdjustPeriod {
			continue
		}
		v := make([]float64, len(rows))
		for i := range rows {
			v[i] = float64(rows[i].Covariates[k])
		}
		if sd := within(v, treatment); sd > 0 { // for the optimiser; one that is constant the design drops
			m := mean(v)
			for i := range v {
				v[i] = (v[i] - m) / sd
			}
		}
		name := fmt.Sprintf("covariate%d", k+1)
		t.AddNumeric(name, v)
		formula += " + " + name + "*treatment"
	}
	if !constant(period) {
		t.AddNumeric("period", period)
		formula += " + period"
	}
	formula += " + (1|subject)"
	out.Formula = formula
	f, err := lmm.ParseFormula(formula)
	if err != nil {
		panic("crossover: " + err.Error())
	}
	d, err := lmm.NewDesign(f, t)
	if err != nil {
		out.Failed = err.Error()
		return out
	}
	slope, change := slices.Index(d.Names, "measure"), slices.IndexFunc(d.Names, func(n string) bool {
		return strings.HasPrefix(n, "measure:treatment") || strings.HasPrefix(n, "treatment") && strings.HasSuffix(n, ":measure")
	})
	if slope < 0 || change < 0 || len(rows) < 2*len(d.Names) {
		out.Failed = tooFewForSlopes
		return out
	}
	fit := d.Fit(lmm.REML)
	in := lmm.Inference{DDF: lmm.KenwardRoger, Level: level}
	w := make([]float64, len(d.Names))
	linear := func(atSlope, atChange float64) lmm.Estimate {
		w[slope], w[change] = atSlope, atChange
		return fit.Linear("", w, in)
	}
	first1, second1, e := linear(1, 0), linear(1, 1), linear(0, -1)
	if !fit.Converged || !(e.DF >= 3) || !(e.SE > 0) {
		out.Failed = tooFewForSlopes
		return out
	}
	out.Slope1, out.Slope2 = Number(first1.Value), Number(second1.Value)
	out.Delta, out.SE, out.DF, out.T, out.P, out.Low, out.High = Number(e.Value), Number(e.SE), Number(e.DF), Number(e.T), Number(e.P), Number(e.Low), Number(e.High)
	return out
}

// tooFewForSlopes is said where the mixed model has hardly a degree of freedom
// left: its interval would be a matter of rounding.
const tooFewForSlopes = "too few people to tell the slopes apart by a mixed model"

// within returns the standard deviation of values within groups.
func within(v []float64, group []string) float64 {
	sum, n := map[string]float64{}, map[string]int{}
	for i, g := range group {
		sum[g] += v[i]
		n[g]++
	}
	ss := 0.0
	for i, g := range group {
		d := v[i] - sum[g]/float64(n[g])
		ss += d * d
	}
	return math.Sqrt(ss / float64(max(1, len(v)-len(n))))
}

func constant(v []float64) bool {
	return !slices.ContainsFunc(v, func(x float64) bool { return x != v[0] })
}
