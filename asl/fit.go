package asl

import "math"

// cappedFlow bounds the outflow term of T1′ in the solvers [mL/g/s], so that
// voxels with absurd ΔM/M0 still have a solution. It is 1000 mL/100 g/min.
const cappedFlow = 1000 * perfusionUnit

// sample is the mean of n differences at one delay, as a fraction of M0.
type sample struct {
	k    Kinetic
	t    float64 // since labelling began [s]
	n    float64 // number of differences
	y    float64 // mean ΔM/M0
	dydf float64 // scratch: derivatives at the solution
	dyda float64
}

// rate returns 1/T1′ for flow f [mL/g/s], with the outflow capped.
func rate(k *Kinetic, f float64) float64 {
	return 1/k.T1t + math.Min(math.Abs(f), cappedFlow)/k.Lambda
}

// solveFlow returns the flow f [mL/g/s] at which the model gives y at time t
// for a known transit time, and df/dy. Only T1′ makes the model non-linear in
// f, and weakly, so f = y/g(f) converges at once. NaN if less than a tenth of
// the bolus has arrived: what follows from so little is noise.
//
// With fixed > 0 the outflow term is that of this flow instead: the model is
// then linear in f, whose unit may be arbitrary.
func solveFlow(k *Kinetic, y, att, t, fixed float64) (f, slope float64) {
	if !(t-att >= 0.1*k.Tau) {
		return math.NaN(), math.NaN()
	}
	f = fixed
	g := 0.0
	for range 60 {
		g = k.value(rate(k, f), att, t)
		if !(g > 0) {
			return math.NaN(), math.NaN()
		}
		next := y / g
		if fixed > 0 {
			return next, 1 / g
		}
		done := math.Abs(next-f) <= 1e-12+1e-9*math.Abs(next)
		f = next
		if done {
			break
		}
	}
	h := 1e-4 * (math.Abs(f) + 1e-3)
	up, down := (f+h)*k.value(rate(k, f+h), att, t), (f-h)*k.value(rate(k, f-h), att, t)
	return f, 2 * h / (up - down)
}

// estimate is the outcome of a fit in one voxel.
type estimate struct {
	f, att     float64 // [mL/g/s], [s]
	seF, seATT float64 // standard errors; NaN if they cannot be told
	bound      bool    // att lies at an end of its range
	near       bool    // att lies within nearBound of one
}

// fitter finds flow and transit time from several delays by least squares
// with variable projection: for a given transit time the best flow is linear
// regression, so only the transit time is searched, over a grid fine enough
// to see every minimum, then by golden section and Gauss-Newton steps. The
// model has kinks where a readout passes the arrival of the bolus or its end,
// which the section search does not mind.
//
// With a prior what is least is Σ n·(ȳ − model)² + σ²·((Δt − prior)/priorSD)²,
// σ² being the variance of one difference: the mode of the posterior density
// for normal noise. Without noise the prior has no weight.
type fitter struct {
	s       []sample
	max     float64 // largest transit time [s]
	fixed   float64 // flow assumed in T1′ [mL/g/s]; 0: the flow itself
	prior   float64 // mean of the prior of the transit time [s]
	priorSD float64 // its standard deviation [s]; 0: no prior
	pull    float64 // σ²/priorSD², set by fit
	gains   []float64
	scores  []float64
	grids   map[gridKey][]float64
}

// gridKey tells grids of shapes apart: within a chunk of voxels only T1t and
// the time of the slice differ. T1t is rounded, which the refinement makes
// good.
type gridKey struct{ t1, t float64 }

const gridStep = 0.1 // [s]

// nearBound is how near an end of its range a transit time counts as being at
// it [s].
const nearBound = 0.05

// unidentified is the smallest 1 − ρ², ρ being the correlation of flow and
// transit time, at which the data are taken to tell them apart.
const unidentified = 1e-4

// cost returns the prior's share of what is minimised.
func (q *fitter) cost(att float64) float64 { return q.pull * (att - q.prior) * (att - q.prior) }

// project returns the best flow for a transit time and relaxation rates at
// flow f0, and the explained sum of squares less the cost of the prior.
func (q *fitter) project(att, f0 float64) (f, explained float64) {
	var yg, gg float64
	for i := range q.s {
		s := &q.s[i]
		g := s.k.value(rate(&s.k, f0), att, s.t)
		yg += s.n * s.y * g
		gg += s.n * g * g
	}
	if !(gg > 0) {
		return 0, -q.cost(att)
	}
	return yg / gg, yg*yg/gg - q.cost(att)
}

// settle is project with the relaxation rates brought in line with the flow,
// of which f0 is a good guess.
func (q *fitter) settle(att, f0 float64) (f, explained float64) {
	if q.fixed > 0 {
		return q.project(att, q.fixed)
	}
	f, _ = q.project(att, f0)
	return q.project(att, f)
}

// grid returns the shapes of every delay at each of cells+1 transit times,
// for the relaxation rate at flow typical.
func (q *fitter) grid(cells int, step, typical float64) []float64 {
	key := gridKey{math.Round(q.s[0].k.T1t / 0.05), q.s[0].t}
	if q.grids == nil || len(q.grids) > 256 {
		q.grids = map[gridKey][]float64{}
	}
	if g, ok := q.grids[key]; ok && len(g) == (cells+1)*len(q.s) {
		return g
	}
	g := make([]float64, 0, (cells+1)*len(q.s))
	for c := range cells + 1 {
		for i := range q.s {
			k := q.s[i].k
			k.T1t = math.Max(key.t1*0.05, 0.025)
			g = append(g, k.value(rate(&k, typical), float64(c)*step, q.s[i].t))
		}
	}
	q.grids[key] = g
	return g
}

// fit estimates flow and transit time. within is the sum of squares of single
// differences about the means of their delays, as fractions of M0 squared, and
// df its degrees of freedom; they weight the prior. Without degrees of freedom
// the residuals of a fit without prior do, and if it has none of those either
// the prior is left out. q.gains is set to df/dy of each delay.
func (q *fitter) fit(within float64, df int) estimate {
	q.pull = 0
	free := len(q.s) - 2
	switch {
	case !(q.priorSD > 0):
	case df > 0:
		q.pull = within / float64(df) / (q.priorSD * q.priorSD)
	case free > 0:
		e := q.search()
		q.pull = q.jacobian(e.f, e.att) / float64(free) / (q.priorSD * q.priorSD)
	}
	best := q.search()
	q.errors(&best, within, df)
	return best
}

// search returns the flow and transit time at which the residual sum of
// squares plus the cost of the prior is least.
func (q *fitter) search() estimate {
	typical := q.fixed
	if typical == 0 {
		typical = 50 * perfusionUnit
	}
	cells := int(math.Ceil(q.max / gridStep))
	step := q.max / float64(cells)
	shapes := q.grid(cells, step, typical)
	q.scores = q.scores[:0]
	flow, top, most := 0.0, math.Inf(-1), 0.0
	for c := range cells + 1 {
		var yg, gg float64
		for i, g := range shapes[c*len(q.s) : (c+1)*len(q.s)] {
			w := q.s[i].n * g
			yg += w * q.s[i].y
			gg += w * g
		}
		e, f := -q.cost(float64(c)*step), 0.0
		if gg > 0 {
			e += yg * yg / gg
			f = yg / gg
			most = math.Max(most, yg*f)
		}
		q.scores = append(q.scores, e)
		if e > top {
			flow, top = f, e
		}
	}
	if q.fixed == 0 {
		typical = math.Min(math.Abs(flow), cappedFlow)
		if typical > 150*perfusionUnit { // far from the flow of the grid: walk it again
			for c := range q.scores {
				_, q.scores[c] = q.project(float64(c)*step, typical)
			}
		}
	}
	// The two best peaks of the explained sum of squares are refined.
	first, second := -1, -1
	for c, e := range q.scores {
		if c > 0 && q.scores[c-1] > e || c < cells && q.scores[c+1] > e {
			continue
		}
		if c > 0 && q.scores[c-1] == e {
			continue // a plateau counts once
		}
		switch {
		case first < 0 || e > q.scores[first]:
			first, second = c, first
		case second < 0 || e > q.scores[second]:
			second = c
		}
	}
	var best estimate
	score := math.Inf(-1)
	for _, c := range []int{first, second} {
		if c < 0 || q.scores[c] < q.scores[first]-0.03*most {
			continue // a much lower peak does not overtake
		}
		att := float64(c) * step
		a, f, e := q.refine(math.Max(0, att-step), math.Min(q.max, att+step), typical)
		if e > score {
			best, score = estimate{f: f, att: a}, e
		}
	}
	q.polish(&best)
	return best
}

// refine maximises what project returns in [lo, hi].
func (q *fitter) refine(lo, hi, typical float64) (att, f, explained float64) {
	const golden = 0.6180339887498949
	a, b := lo, hi
	x1, x2 := b-golden*(b-a), a+golden*(b-a)
	f1, e1 := q.settle(x1, typical)
	f2, e2 := q.settle(x2, f1)
	for b-a > 5e-3 {
		if e1 >= e2 {
			b, x2, f2, e2 = x2, x1, f1, e1
			x1 = b - golden*(b-a)
			f1, e1 = q.settle(x1, f2)
		} else {
			a, x1, f1, e1 = x1, x2, f2, e2
			x2 = a + golden*(b-a)
			f2, e2 = q.settle(x2, f1)
		}
	}
	att, f, explained = x1, f1, e1
	if e2 > e1 {
		att, f, explained = x2, f2, e2
	}
	for _, end := range []float64{lo, hi} { // the section search never tries the ends themselves
		if fe, ee := q.settle(end, f); ee > explained {
			att, f, explained = end, fe, ee
		}
	}
	return att, f, explained
}

// jacobian fills dydf and dyda of every delay at (f, att) and returns the
// weighted residual sum of squares.
func (q *fitter) jacobian(f, att float64) (rss float64) {
	h := math.Copysign(1e-5, f) // away from zero, so that the fit is odd in the data
	for i := range q.s {
		s := &q.s[i]
		flow := f
		if q.fixed > 0 {
			flow = q.fixed
		}
		g, dg := s.k.shape(rate(&s.k, flow), att, s.t)
		s.dydf, s.dyda = g, f*dg
		if q.fixed == 0 {
			s.dydf += f * (s.k.value(rate(&s.k, f+h), att, s.t) - g) / h
		}
		e := s.y - f*g
		rss += s.n * e * e
	}
	return rss
}

// normal returns the normal matrix and its right-hand side, those of the prior
// included, at the last jacobian.
func (q *fitter) normal(f, att float64) (ff, fa, aa, rf, ra float64) {
	for i := range q.s {
		s := &q.s[i]
		ff += s.n * s.dydf * s.dydf
		fa += s.n * s.dydf * s.dyda
		aa += s.n * s.dyda * s.dyda
		flow := f
		if q.fixed > 0 {
			flow = q.fixed
		}
		e := s.y - f*s.k.value(rate(&s.k, flow), att, s.t)
		rf += s.n * s.dydf * e
		ra += s.n * s.dyda * e
	}
	return ff, fa, aa + q.pull, rf, ra - q.pull*(att-q.prior)
}

// polish takes Gauss-Newton steps while they lower what is minimised.
func (q *fitter) polish(b *estimate) {
	rss := q.jacobian(b.f, b.att) + q.cost(b.att)
	for range 8 {
		ff, fa, aa, rf, ra := q.normal(b.f, b.att)
		det := ff*aa - fa*fa
		if !(det > 1e-12*ff*aa) {
			return
		}
		f, att := b.f+(aa*rf-fa*ra)/det, b.att+(ff*ra-fa*rf)/det
		att = math.Min(math.Max(att, 0), q.max)
		next := q.jacobian(f, att) + q.cost(att)
		if !(next < rss) {
			q.jacobian(b.f, b.att)
			return
		}
		small := math.Abs(att-b.att) < 1e-7 && math.Abs(f-b.f) <= 1e-8*math.Abs(f)
		b.f, b.att, rss = f, att, next
		if small {
			return
		}
	}
}
