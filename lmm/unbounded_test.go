package lmm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestUnboundedStrata compares fits whose session or subject variance is
// estimated below zero with the analysis of variance, whose strata know no
// bound: each effect against its own mean square with its own degrees of
// freedom. Bounded fits differ from it.
func TestUnboundedStrata(t *testing.T) {
	tab := crossover(26)
	below := map[string]int{}
	for j, y := range simulate(tab, 60, 5) {
		one := crossover(26)
		one.AddNumeric("cbf", y)
		d := design(t, "cbf ~ treatment*phase + (1|subject/session)", one)
		fit := d.FitUnbounded(REML)
		if fit.Bounded() == fit {
			if d.Fit(REML).Singular {
				t.Errorf("response %d: no unbounded fit", j)
			}
			continue
		}
		var diff []float64
		var within [2][]float64
		for i := 0; i < len(y); i += 4 {
			s := i / 4 % 2 // session 1 is placebo for even subjects
			sign := 1 - 2*float64(s)
			diff = append(diff, sign*(y[i+2]+y[i+3]-y[i]-y[i+1])/2)
			within[s] = append(within[s], y[i+1]-y[i])
			within[1-s] = append(within[1-s], y[i+3]-y[i+2])
		}
		mean, sd := meanSD(diff)
		treatment := mean / (sd / math.Sqrt(26))
		m0, s0 := meanSD(within[0])
		m1, s1 := meanSD(within[1])
		interaction := (m1 - m0) / math.Sqrt((s0*s0+s1*s1)/26)
		for _, ddf := range []DDF{KenwardRoger, Satterthwaite} {
			in := Inference{DDF: ddf}
			tests := fit.TypeIII(in)
			near(t, "treatment F", tests[0].F, treatment*treatment, 1e-8)
			near(t, "treatment df", tests[0].DenDF, 25, 1e-6)
			near(t, "interaction F", tests[2].F, interaction*interaction, 1e-8)
			near(t, "interaction df", tests[2].DenDF, 50, 1e-6)
		}
		if got := fit.Bounded().TypeIII(Inference{})[2].F; math.Abs(got-interaction*interaction) < 1e-3*got && fit.Theta[0] < 0 {
			t.Errorf("response %d: the bounded F %g does not differ", j, got)
		}
		for _, v := range fit.VarComps() {
			if v.Variance < 0 {
				below[v.Group]++
				if !math.IsNaN(v.SD) {
					t.Errorf("%s has SD %g", v.Group, v.SD)
				}
			}
		}
		if l := fit.Bounded().LogLik; !(fit.LogLik > l) {
			t.Errorf("response %d: log-likelihood %g, bounded %g", j, fit.LogLik, l)
		}
		for i, r := range fit.Residuals() {
			near(t, "residual", r, fit.Bounded().Residuals()[i], 0)
		}
	}
	if below["session:subject"] < 3 || below["subject"] < 1 {
		t.Errorf("variances below zero: %v; choose another seed", below)
	}
}

// TestUnboundedMoments compares the evaluator of nested designs with the
// explicit one where variances are below zero: two routes to V⁻¹. Both refuse
// what is not positive definite.
func TestUnboundedMoments(t *testing.T) {
	tab := crossover(9)
	y := simulate(tab, 1, 3)[0]
	for _, i := range []int{1, 6, 7, 13, 20} {
		y[i] = math.NaN()
	}
	tab.AddNumeric("cbf", y)
	d := design(t, trialFormula, tab)
	e := d.residual(d.y)
	n := nestedFor(d, e).(*nestedEval)
	n.direct = true
	x := newExplicit(d, e)
	rng := rand.New(rand.NewPCG(4, 4))
	inside := 0
	for range 200 {
		eta := []float64{1.5*rng.Float64() - 0.8, 1.5*rng.Float64() - 0.8}
		a, b := n.moments(eta, true), x.moments(eta, true)
		if math.IsNaN(a.logdet) != math.IsNaN(b.logdet) {
			t.Fatalf("η = %v: nested %g, explicit %g", eta, a.logdet, b.logdet)
		}
		if math.IsNaN(a.logdet) {
			continue
		}
		if eta[0] < 0 || eta[1] < 0 {
			inside++
		}
		near(t, "log|V|", a.logdet, b.logdet, 1e-10*(1+1/math.Abs(b.logdet)))
		for k := range 2 {
			near(t, "t", a.t[k], b.t[k], 1e-9)
			for l := range 2 {
				near(t, "tt", a.tt[k*2+l], b.tt[k*2+l], 1e-9)
			}
			for _, m := range []struct {
				what string
				a, b []float64
			}{{"s", a.s, b.s}, {"a", a.a[k], b.a[k]}, {"q", a.q[k], b.q[k]}, {"q", a.q[2+k], b.q[2+k]}} {
				scale := 0.0
				for _, v := range m.b {
					scale = math.Max(scale, math.Abs(v))
				}
				for i, v := range m.a {
					if math.Abs(v-m.b[i]) > 1e-9*scale {
						t.Errorf("η = %v: %s[%d] = %g, explicit %g", eta, m.what, i, v, m.b[i])
					}
				}
			}
		}
	}
	if inside < 50 {
		t.Errorf("only %d of 200 points had a variance below zero within the domain", inside)
	}
}
