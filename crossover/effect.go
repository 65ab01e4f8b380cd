package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/lmm"
)

// noTerm is why a contrast is not estimated that the formula leaves out.
const noTerm = "the model has no term for it"

// A contrast is a linear function of a model's coefficients with a meaning.
type contrast struct {
	name, label string
	claim       bool      // corrected over regions, if of a primary region
	weights     []float64 // in the order of Design.Names; nil if the data do not determine it
	why         string    // why weights is nil

	// What it is within a person: a sum over cells or over periods; nil for
	// contrasts between people and for the plan's own.
	cells   map[cell]float64
	periods map[int]float64

	// Of interactions: whose phase effect is compared with that under the
	// reference, whose weights are kept here, and what it is called.
	treatment string
	effect    string
	reference []float64
}

// newContrasts returns the standard contrasts and the plan's.
func (m *model) newContrasts() []contrast {
	tr := m.f.tr
	challenge := func(p int) string {
		if tr.Challenge != "" {
			return tr.Challenge
		}
		return tr.Phases[p]
	}
	later := func(p int) string {
		if len(tr.Phases) > 2 {
			return ":" + tr.Phases[p]
		}
		return ""
	}
	var out []contrast
	add := func(name, label string, claim bool, cells map[cell]float64) {
		c := contrast{name: name, label: label, claim: claim, cells: cells}
		c.weights, c.why = m.sumCells(cells)
		out = append(out, c)
	}
	for p := 1; p < len(tr.Phases); p++ {
		change := fmt.Sprintf("(%s − %s)", tr.Phases[p], tr.Phases[0])
		average := map[cell]float64{}
		for t, name := range tr.Treatments {
			add(PhaseEffect+":"+name+later(p), fmt.Sprintf("%s effect under %s %s", challenge(p), name, change), true,
				map[cell]float64{{t, p}: 1, {t, 0}: -1})
			average[cell{t, p}] = 1 / float64(len(tr.Treatments))
			average[cell{t, 0}] = -1 / float64(len(tr.Treatments))
		}
		add(AverageEffect+later(p), fmt.Sprintf("%s effect averaged over treatments %s", challenge(p), change), true, average)
		for t := 1; t < len(tr.Treatments); t++ {
			add(Interaction+":"+tr.Treatments[t]+later(p),
				fmt.Sprintf("%s effect under %s − under %s %s", challenge(p), tr.Treatments[t], tr.Treatments[0], change), true,
				map[cell]float64{{t, p}: 1, {t, 0}: -1, {0, p}: -1, {0, 0}: 1})
			c := &out[len(out)-1]
			c.treatment, c.effect = tr.Treatments[t], challenge(p)+" effect"
			c.reference, _ = m.sumCells(map[cell]float64{{0, p}: 1, {0, 0}: -1})
		}
	}
	for t := 1; t < len(tr.Treatments); t++ {
		add(TreatmentEffect+":"+tr.Treatments[t], fmt.Sprintf("%s − %s at %s", tr.Treatments[t], tr.Treatments[0], tr.Phases[0]), false,
			map[cell]float64{{t, 0}: 1, {0, 0}: -1})
	}
	out = append(out, m.periodContrasts()...)
	out = append(out, m.sequenceContrasts()...)
	for _, c := range m.f.plan.Contrasts {
		out = append(out, m.planned(c))
	}
	return out
}

// sumCells adds weights of marginal means.
func (m *model) sumCells(cells map[cell]float64) ([]float64, string) {
	w := make([]float64, len(m.design.Names))
	for t := range m.f.tr.Treatments {
		for p := range m.f.tr.Phases {
			k := cells[cell{t, p}]
			if k == 0 {
				continue
			}
			mean := m.cells[cell{t, p}]
			if mean == nil {
				return nil, fmt.Sprintf("no mean can be estimated under %s at %s", m.f.tr.Treatments[t], m.f.tr.Phases[p])
			}
			for i := range w {
				w[i] += k * mean[i]
			}
		}
	}
	return m.tidy(w)
}

// tidy clears what is left of weights that cancel. A contrast without any
// weight is one that the model takes to be zero.
func (m *model) tidy(w []float64) ([]float64, string) {
	some := false
	for i, v := range w {
		if math.Abs(v) < 1e-12 {
			w[i] = 0
		}
		some = some || w[i] != 0
	}
	if !some {
		return nil, noTerm
	}
	return w, ""
}

// periodContrasts compare each later period with the first.
func (m *model) periodContrasts() []contrast {
	seen := map[int]bool{}
	for _, s := range m.f.scans {
		if s.Period > 0 {
			seen[s.Period] = true
		}
	}
	var all []int
	for k := range seen {
		all = append(all, k)
	}
	slices.Sort(all)
	var out []contrast
	for _, k := range all[min(1, len(all)):] {
		c := contrast{name: PeriodEffect, label: fmt.Sprintf("period %d − period %d", k, all[0]), periods: map[int]float64{k: 1, all[0]: -1}}
		if len(all) > 2 {
			c.name += ":" + strconv.Itoa(k)
		}
		a, b := m.periods[k], m.periods[all[0]]
		if a == nil || b == nil {
			c.why = "the model cannot tell periods apart"
		} else {
			c.weights, c.why = m.tidy(minus(a, b))
		}
		out = append(out, c)
	}
	return out
}

func minus(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range out {
		out[i] = a[i] - b[i]
	}
	return out
}

// sequenceContrasts compare each later sequence with the first.
func (m *model) sequenceContrasts() []contrast {
	var out []contrast
	weights := map[string][]float64{}
	if slices.Contains(formulaVariables(m.formula), sequenceColumn) {
		if means, err := m.fit.Means([]string{sequenceColumn}, m.f.inference()); err == nil {
			for _, x := range means {
				weights[x.Levels[sequenceColumn]] = x.Weights
			}
		}
	}
	order := m.knownLevels(sequenceColumn, m.f.texts[sequenceColumn])
	for _, s := range order[min(1, len(order)):] {
		c := contrast{name: CarryOver, label: fmt.Sprintf("sequence %s − %s (sequence difference)", s, order[0])}
		if len(order) > 2 {
			c.name += ":" + s
		}
		a, b := weights[s], weights[order[0]]
		if a == nil || b == nil {
			c.why = "the model cannot tell sequences apart"
		} else {
			c.weights, c.why = m.tidy(minus(a, b))
		}
		out = append(out, c)
	}
	return out
}

// planned reads a contrast of the plan.
func (m *model) planned(p ContrastPlan) contrast {
	c := contrast{name: p.Name, label: p.Name, claim: p.Primary}
	// The parser takes a name before =, which the plan gives apart.
	read, err := m.design.ParseContrast("contrast = " + p.Weights)
	if err != nil {
		c.why = strings.TrimPrefix(firstProblem(err), "contrast contrast = ")
		return c
	}
	c.weights = read.Weights
	return c
}

// An estimator draws inference from one fit.
type estimator struct {
	m         *model
	fit       *lmm.Fit
	in        lmm.Inference
	reference lmm.Estimate // mean at baseline under the reference; Value NaN if unknown
	refWeight []float64
	log       bool
	unit      string    // of the measure
	y         []float64 // the response that was fitted
}

func newEstimator(m *model, fit *lmm.Fit, y []float64, unit string) *estimator {
	e := &estimator{m: m, fit: fit, in: m.f.inference(), log: m.f.plan.Model.Log, unit: unit, y: y}
	e.reference.Value = math.NaN()
	if w := m.cells[cell{0, 0}]; w != nil {
		e.refWeight, e.reference = w, fit.Linear("reference", w, e.in)
	}
	return e
}

// effect estimates a contrast.
func (e *estimator) effect(c *contrast) Effect {
	out := Effect{Name: c.name, Label: c.label, Estimate: nan, SE: nan, DF: nan, T: nan, P: nan, PAdjusted: nan, Low: nan, High: nan,
		Percent: nan, PercentLow: nan, PercentHigh: nan, DZ: nan}
	diffs := e.differences(c)
	out.N = len(diffs)
	if c.cells == nil && c.periods == nil {
		out.N = e.m.people()
	}
	if c.weights == nil {
		return out
	}
	x := e.fit.Linear(c.name, c.weights, e.in)
	out.Estimate, out.SE, out.DF, out.T, out.P = Number(x.Value), Number(x.SE), Number(x.DF), Number(x.T), Number(x.P)
	out.Low, out.High = Number(x.Low), Number(x.High)
	out.DZ = Number(cohenDZ(diffs))
	v, lo, hi := e.percent(c.weights, x, e.in.Level)
	out.Percent, out.PercentLow, out.PercentHigh = Number(v), Number(lo), Number(hi)
	return out
}

// percent expresses a contrast in percent of the mean at baseline under the
// reference, with an interval of the given level: the set of ratios r that the
// model's own t test of
//
//	contrast − r · mean = 0
//
// does not reject, each with its own standard error and degrees of freedom
// (Fieller's interval). So it covers zero exactly when the contrast's interval
// does. It is NaN where the mean is not significantly above zero, for then no
// bounded interval exists. On the logarithmic scale it is 100 (exp(x) − 1).
//
// Source: Fieller 1954, J R Stat Soc B 16:175, doi:10.1111/j.2517-6161.1954.tb00159.x.
func (e *estimator) percent(w []float64, x lmm.Estimate, level float64) (v, low, high float64) {
	nan := math.NaN()
	if e.log {
		q := lmm.TQuantile(1-level, x.DF) * x.SE
		return 100 * math.Expm1(x.Value), 100 * math.Expm1(x.Value-q), 100 * math.Expm1(x.Value+q)
	}
	m := e.reference.Value
	if !(m > 0) {
		return nan, nan, nan
	}
	low, high = e.shares(w, x, e.refWeight, e.reference, level)
	return 100 * x.Value / m, 100 * low, 100 * high
}

// shares returns the limits of Fieller's interval of contrast x over base b,
// whose weights are w and base; NaN where b is not told from zero at this
// level.
func (e *estimator) shares(w []float64, x lmm.Estimate, base []float64, b lmm.Estimate, level float64) (low, high float64) {
	in := e.in
	in.Level = level
	m := b.Value
	// Covariance by polarisation.
	vcc, vmm := x.SE*x.SE, b.SE*b.SE
	s := e.fit.Linear("", tilted(w, base, 1), in).SE
	vcm := (s*s - vcc - vmm) / 2
	bound := func(sign float64) float64 {
		r, df := 0.0, x.DF
		for range 50 {
			q := lmm.TQuantile(1-level, df)
			a := m*m - q*q*vmm
			b := x.Value*m - q*q*vcm
			c := x.Value*x.Value - q*q*vcc
			if !(a > 0) {
				return math.NaN()
			}
			next := (b + sign*math.Sqrt(math.Max(b*b-a*c, 0))) / a
			if done := math.Abs(next-r) <= 1e-13*(1+math.Abs(next)); done {
				return next
			}
			r = next
			df = e.fit.Linear("", tilted(w, base, -r), in).DF
		}
		return r
	}
	return bound(-1), bound(1)
}

// tilted returns the weights of contrast + k · base.
func tilted(w, base []float64, k float64) []float64 {
	out := make([]float64, len(w))
	for i := range w {
		out[i] = w[i] + k*base[i]
	}
	return out
}

// people counts those who have a scan in the model.
func (m *model) people() int {
	seen := map[string]bool{}
	for _, i := range m.rows {
		seen[m.f.scans[i].Subject] = true
	}
	return len(seen)
}

// cohenDZ is the mean over the standard deviation; NaN for fewer than two.
func cohenDZ(d []float64) float64 {
	if len(d) < 2 {
		return math.NaN()
	}
	m := mean(d)
	ss := 0.0
	for _, x := range d {
		ss += (x - m) * (x - m)
	}
	return m / math.Sqrt(ss/float64(len(d)-1))
}

// differences returns the contrast of each person who has every part of it, in
// the order of the scans. What the model attributes to numeric covariates is
// taken off each value first; and its means of periods, for contrasts of
// treatments and phases, or of treatments and phases, for contrasts of periods;
// so that the mean difference estimates the contrast.
func (e *estimator) differences(c *contrast) []float64 {
	if c.cells == nil && c.periods == nil {
		return nil
	}
	type sums struct{ sum, n map[int]float64 }
	var order []string
	by := map[string]*sums{}
	phases := len(e.m.f.tr.Phases)
	for k, i := range e.m.rows {
		s := &e.m.f.scans[i]
		p := by[s.Subject]
		if p == nil {
			p = &sums{map[int]float64{}, map[int]float64{}}
			by[s.Subject] = p
			order = append(order, s.Subject)
		}
		at, here := s.Period, e.m.cellOf(s)
		v := e.y[k] - e.covariates(k)
		if c.cells != nil {
			at = here.treatment*phases + here.phase
			v -= e.value(e.m.periods[s.Period])
		} else {
			v -= e.value(e.m.cells[here])
		}
		p.sum[at] += v
		p.n[at]++
	}
	var out []float64
	for _, name := range order {
		p := by[name]
		d, all := 0.0, true
		if c.cells != nil {
			for t := range e.m.f.tr.Treatments {
				for ph := range phases {
					if k := c.cells[cell{t, ph}]; k != 0 {
						at := t*phases + ph
						all = all && p.n[at] > 0
						d += k * p.sum[at] / p.n[at]
					}
				}
			}
		} else {
			for at, k := range c.periods {
				all = all && p.n[at] == float64(phases)
				d += k * p.sum[at] / p.n[at]
			}
		}
		if all {
			out = append(out, d)
		}
	}
	return out
}

// cellOf returns the treatment and phase of a scan.
func (m *model) cellOf(s *Scan) cell {
	return cell{slices.Index(m.f.tr.Treatments, s.Treatment), slices.Index(m.f.tr.Phases, s.Phase)}
}

// value returns the estimate of a linear function; 0 for nil weights.
func (e *estimator) value(w []float64) float64 {
	s := 0.0
	for i, x := range w {
		s += x * e.fit.Beta[i]
	}
	return s
}

// covariates returns what main effects of numeric covariates add to response
// k beyond what they add at their mean.
func (e *estimator) covariates(k int) float64 {
	s := 0.0
	for _, c := range e.m.covariates {
		s += e.fit.Beta[c.coefficient] * c.values[k]
	}
	return s
}
