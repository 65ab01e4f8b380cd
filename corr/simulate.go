package corr

import (
	"fmt"
	"math"

	"phasl/diag"
	"phasl/internal/par"
)

// A Shape is the distribution of an error.
type Shape int

// The shapes.
const (
	Normal Shape = iota
	Skewed       // exp(0.75 e) of a normal e: skewness 3.3
	Score        // round(5 max(0, exp(0.75 e) − 0.8)): in steps, 44 % of them zero, as of a symptom scale
)

// String returns "normal", "skewed" or "score".
func (s Shape) String() string { return [...]string{"normal", "skewed", "score"}[s] }

// of turns a standard normal error into one of the shape, with standard
// deviation of about 1.
func (s Shape) of(e float64) float64 {
	switch s {
	case Skewed:
		return math.Exp(0.75*e) / 1.15
	case Score:
		return math.Round(5*math.Max(0, math.Exp(0.75*e)-0.8)) / 5.5
	}
	return e
}

// A Scenario says how people are simulated who are measured under two
// conditions. In condition c, with standard normal errors of which those of x
// and y are correlated R1 or R2, and those of a person's two conditions
// Stability,
//
//	x = shape(e_x) + 1.5 z_1 + z_2 + …
//	y = shape(e_y) + 0.5 z_1 − 0.5 z_2 + …
//
// The covariates z are normal and of each condition, correlated Stability; the
// first, like a baseline, explains most of x.
type Scenario struct {
	Name       string
	People     int
	R1, R2     float64 // of the normal errors
	Stability  float64
	X, Y       Shape
	X2, Y2     Shape // in condition 2
	Covariates int
	Shift      float64 // what condition 2 adds to x and y [standard deviations]
	Scale      float64 // what condition 2 multiplies x and y by; 0: 1
}

// Check returns what is wrong with the scenario.
func (s Scenario) Check() diag.List {
	var l diag.List
	const file = "scenario"
	if s.Covariates < 0 || s.Covariates > 10 {
		l.Errorf(file, "covariates", "give 0 to 10", "%d covariates cannot be simulated", s.Covariates)
	} else if s.People < 5+s.Covariates || s.People > 10_000 {
		l.Errorf(file, "people", fmt.Sprintf("give %d to 10000", 5+s.Covariates), "%d people cannot be simulated with %d covariates", s.People, s.Covariates)
	}
	if !(s.Stability >= 0 && s.Stability < 1) {
		l.Errorf(file, "stability", "give a correlation from 0 to below 1", "%g is none", s.Stability)
	} else if s.within(s.R1) == nil || s.within(s.R2) == nil {
		l.Errorf(file, "correlations", "give values in (−1, 1) that are closer together, or a lower stability", "%g and %g are impossible with a stability of %g", s.R1, s.R2, s.Stability)
	}
	return l
}

// within returns the correlation of the parts of the errors that are of one
// condition alone, nil if there is none. The parts that a person keeps are
// correlated (R1 + R2)/2.
func (s Scenario) within(r float64) *float64 {
	w := (r - s.Stability*(s.R1+s.R2)/2) / (1 - s.Stability)
	if !(math.Abs(w) < 1) || !(math.Abs(s.R1+s.R2) < 2) {
		return nil
	}
	return &w
}

// draw writes one simulated study.
func (s Scenario) draw(c *[2]Data, rng *stream) {
	keep, own := math.Sqrt(s.Stability), math.Sqrt(1-s.Stability)
	pair := func(r float64) (a, b float64) {
		a = rng.NormFloat64()
		return a, r*a + math.Sqrt((1-r)*(1+r))*rng.NormFloat64()
	}
	shapes := [2][2]Shape{{s.X, s.Y}, {s.X2, s.Y2}}
	inside := [2]float64{*s.within(s.R1), *s.within(s.R2)}
	scale := s.Scale
	if scale == 0 {
		scale = 1
	}
	for i := range c[0].X {
		kx, ky := pair((s.R1 + s.R2) / 2)
		for k := range 2 {
			ox, oy := pair(inside[k])
			c[k].X[i] = shapes[k][0].of(keep*kx + own*ox)
			c[k].Y[i] = shapes[k][1].of(keep*ky + own*oy)
		}
		for j := range s.Covariates {
			kz := rng.NormFloat64()
			bx, by := 1.0, 0.5
			if j == 0 {
				bx = 1.5
			} else if j%2 == 1 {
				by = -0.5
			}
			for k := range 2 {
				z := keep*kz + own*rng.NormFloat64()
				c[k].Covariates[j][i] = z
				c[k].X[i] += bx * z
				c[k].Y[i] += by * z
			}
		}
		c[1].X[i] = scale*c[1].X[i] + s.Shift
		c[1].Y[i] = scale*c[1].Y[i] + s.Shift
	}
}

// study returns room for a study of n people.
func (s Scenario) study(n int) *[2]Data {
	var c [2]Data
	for k := range c {
		c[k] = Data{X: make([]float64, n), Y: make([]float64, n)}
		for range s.Covariates {
			c[k].Covariates = append(c[k].Covariates, make([]float64, n))
		}
	}
	return &c
}

// SimulationOptions say how a scenario is tried.
type SimulationOptions struct {
	Studies int      // simulated; 0: 10,000
	Draws   int      // of each permutation test and bootstrap; 0: 499; negative: none
	Methods []Method // nil: Pearson, Spearman, Robust
	Slow    int      // studies at most whose Robust coefficient is permuted (at most 199 times), which is slow; 0: 2,000
	Seed    uint64
	Workers int
}

// A Rate is a share of simulated studies with its Monte Carlo standard error.
// Both are NaN if there was none to count.
type Rate struct{ Share, SE float64 }

// An Operating is how often one method says what. Rejected means p < 0.05,
// two-sided: the type I error where the truth is zero, power elsewhere.
// Covered means that the 95 % interval holds the truth, which is the
// coefficient of 100,000 people simulated alike (zero where it is by design).
type Operating struct {
	Method      Method
	Truth       float64 // in condition 1
	Delta       float64 // true difference of the two conditions
	T           Rate    // t test of condition 1 rejected
	Permutation Rate    // Freedman and Lane's permutation test rejected
	Closed      Rate    // Fisher's interval, or the method's own, covered
	BCa         Rate    // bootstrap interval covered; not tried for Robust

	Steiger, DunnClark, Swap Rate // tests of the difference rejected
	Zou, DifferenceBCa       Rate // intervals of the difference covered
	Undefined                int  // studies without one of the coefficients, left out of everything
}

// A Simulation is how often the methods err in one scenario.
type Simulation struct {
	Scenario Scenario
	Studies  int
	Draws    int
	Methods  []Operating
}

// population is how many people make the truth: its own error, about 0.003, is
// a sixtieth of the standard error of a coefficient of 26 people.
const population = 100_000

// slowDraws bounds the draws of the robust method.
const slowDraws = 199

// Simulate draws studies of a scenario and counts. Results depend on the seed,
// not on the number of workers. What is wrong with the scenario is returned as
// a [diag.List].
func (s Scenario) Simulate(o SimulationOptions) (*Simulation, error) {
	if l := s.Check(); l.Err() != nil {
		return nil, l
	}
	if o.Studies <= 0 {
		o.Studies = 10_000
	}
	if o.Draws == 0 {
		o.Draws = 499
	}
	o.Draws = max(0, o.Draws)
	if o.Slow <= 0 {
		o.Slow = 2000
	}
	if o.Methods == nil {
		o.Methods = []Method{Pearson, Spearman, Robust}
	}
	out := &Simulation{Scenario: s, Studies: o.Studies, Draws: o.Draws}
	rng := newStream()
	rng.at(o.Seed, forSimulation, -1)
	all := s.study(population)
	s.draw(all, rng)
	for _, m := range o.Methods {
		t := Operating{Method: m}
		e1 := newEstimator(all[0], m, FromBoth)
		t.Truth = e1.r
		if s.R1 == 0 && (m == Pearson || s.Covariates == 0) {
			t.Truth = 0
		}
		if s.R1 != s.R2 || s.X != s.X2 || s.Y != s.Y2 {
			t.Delta = e1.r - newEstimator(all[1], m, FromBoth).r
		}
		s.count(&t, o)
		out.Methods = append(out.Methods, t)
	}
	return out, nil
}

// What one study says of one method, as bits.
const (
	saysT = 1 << iota
	saysPermutation
	saysClosed
	saysBCa
	saysSteiger
	saysDunnClark
	saysSwap
	saysZou
	saysDifferenceBCa
	saysNothing
	saysResampled // permutation and bootstrap were tried
)

// count fills the rates of t.
func (s Scenario) count(t *Operating, o SimulationOptions) {
	said := make([]int, o.Studies)
	par.Ranges(o.Workers, o.Studies, 16, func(lo, hi int) {
		c, rng := s.study(s.People), newStream()
		for i := lo; i < hi; i++ {
			rng.at(o.Seed, forSimulation, i)
			s.draw(c, rng)
			// Each study has a seed of its own for its resampling.
			draws := o.Draws
			if t.Method == Robust {
				draws = min(draws, slowDraws)
				if i >= o.Slow {
					draws = 0
				}
			}
			said[i] = judge(c, t, Options{Method: t.Method, Permutations: draws, Bootstrap: draws, Seed: o.Seed + uint64(i)<<32, Workers: 1})
		}
	})
	rate := func(bit, among int) Rate {
		n, hits := 0, 0
		for _, w := range said {
			if w&among == among && w&saysNothing == 0 {
				n++
				if w&bit != 0 {
					hits++
				}
			}
		}
		p := float64(hits) / float64(n)
		return Rate{p, math.Sqrt(p * (1 - p) / float64(n))}
	}
	for _, w := range said {
		if w&saysNothing != 0 {
			t.Undefined++
		}
	}
	t.T, t.Closed = rate(saysT, 0), rate(saysClosed, 0)
	t.Steiger, t.DunnClark, t.Zou = rate(saysSteiger, 0), rate(saysDunnClark, 0), rate(saysZou, 0)
	t.Permutation, t.Swap = rate(saysPermutation, saysResampled), rate(saysSwap, saysResampled)
	t.BCa, t.DifferenceBCa = rate(saysBCa, saysResampled), rate(saysDifferenceBCa, saysResampled)
	if t.Method == Robust {
		nan := math.NaN()
		t.BCa, t.DifferenceBCa = Rate{nan, nan}, Rate{nan, nan}
	}
}

// judge analyses one study.
func judge(c *[2]Data, t *Operating, o Options) int {
	if c[0].fault(o.Method) != "" || c[1].fault(o.Method) != "" {
		return saysNothing
	}
	p := newPaired(c[0], c[1], o)
	if p.reason != "" {
		return saysNothing
	}
	said := 0
	mark := func(yes bool, bit int) {
		if yes {
			said |= bit
		}
	}
	const alpha = 0.05
	within := func(v, low, high float64) bool { return low <= v && v <= high }
	e := p.e1
	_, _, pt := tTest(e.r, e.n, e.k, TwoSided)
	mark(pt < alpha, saysT)
	low, high := interval(o.Method, e.r, e.n, e.k, 1-alpha)
	mark(within(t.Truth, low, high), saysClosed)
	d := p.closed(o)
	mark(d.Steiger.P < alpha, saysSteiger)
	mark(d.DunnClark.P < alpha, saysDunnClark)
	mark(within(t.Delta, d.Low, d.High), saysZou)
	if o.Permutations == 0 {
		return said
	}
	said |= saysResampled
	mark(e.permute(o).P <= alpha, saysPermutation)
	mark(p.swap(o).P <= alpha, saysSwap)
	if o.Method != Robust {
		b := e.bootstrap(o, e.leaveOneOut())
		mark(within(t.Truth, b.Low, b.High), saysBCa)
		b = p.bootstrap(o)
		mark(within(t.Delta, b.Low, b.High), saysDifferenceBCa)
	}
	return said
}
