package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/lmm"
)

// relativeUnit is the unit of relative CBF in tables and sentences.
const relativeUnit = "of global CBF"

func (a *analysis) unitOf(m Measure) string {
	if m == Relative {
		return relativeUnit
	}
	return a.units
}

// regionFit fits one region and measure. Verdicts wait for the correction over
// regions.
func (a *analysis) regionFit(j *job) RegionFit {
	m := j.model
	out := RegionFit{Region: j.region, Measure: j.measure, Units: a.unitOf(j.measure), Primary: j.primary, Formula: m.formula,
		Log: a.plan.Model.Log, NObs: len(m.rows), Failed: m.failed, Notes: slices.Clone(m.notes)}
	if j.lost > 0 {
		out.Notes = append(out.Notes, fmt.Sprintf("%d %s not positive and left out: it has no logarithm", j.lost, plural(j.lost, "value is", "values are")))
	}
	out.NSubjects = m.people()
	y := make([]float64, len(m.rows))
	for k, i := range m.rows {
		y[k] = j.values[i]
		if a.plan.Model.Log {
			y[k] = math.Log(y[k])
		}
	}
	switch {
	case len(j.rows) == 0:
		out.Failed = "it has no values"
		if n := a.notes[j.region]; n != "" {
			out.Failed += " (" + n + ")"
		}
	case out.Failed == "" && constantValues(y):
		out.Failed = fmt.Sprintf("all its %d values are %g", len(y), j.values[m.rows[0]])
	}
	var fit *lmm.Fit
	if out.Failed == "" {
		fit = a.plan.refit(m.design, y)
		if !(fit.Sigma > 1e-12*largest(y)) {
			out.Failed = "the fixed effects fit its values exactly; there is no variance to model"
		}
	}
	if out.Failed != "" {
		out.Formula = m.formula
		out.Data = a.points(j, nil)
		return out
	}
	e := newEstimator(m, fit, y, out.Units)
	out.Converged, out.Singular = fit.Converged, fit.Singular && fit.Bounded() == fit
	for _, v := range fit.VarComps() {
		term := v.Term
		if v.Term2 != "" {
			term += ", " + v.Term2
		}
		out.Components = append(out.Components, Component{Group: v.Group, Term: term, Variance: Number(v.Variance), SD: Number(v.SD)})
	}
	switch {
	case fit.Bounded() != fit:
		out.Notes = append(out.Notes, "a variance is estimated below zero ("+strings.Join(belowZero(fit), ", ")+"): the scans that share it differ more than others; tests use the estimate as it is")
	case fit.Singular:
		note := "singular fit: a variance is estimated as zero (" + strings.Join(zeroVariances(fit), ", ") + ")"
		if !a.plan.Model.Bounded {
			note += "; no fit with a variance below zero was found, so tests may be slightly bold"
		}
		out.Notes = append(out.Notes, note)
	}
	if !fit.Converged {
		out.Notes = append(out.Notes, "the search for the maximum of the likelihood did not converge")
	}
	for _, t := range fit.TypeIII(e.in) {
		out.Tests = append(out.Tests, TermTest{t.Term, Number(t.NumDF), Number(t.DenDF), Number(t.F), Number(t.P)})
	}
	out.Means = e.means()
	for i := range m.contrasts {
		c := &m.contrasts[i]
		f := e.effect(c)
		f.Primary = j.primary && c.claim
		out.Effects = append(out.Effects, f)
		if c.weights == nil {
			out.Notes = append(out.Notes, c.name+" not estimated: "+c.why)
		}
		if c.treatment != "" {
			at := len(out.Attenuation)
			out.Attenuation = append(out.Attenuation, e.attenuation(c, f, c.treatment))
			if why := e.confounded(c); why != "" {
				out.Notes = append(out.Notes, why+": no verdict on the interaction is given")
			} else if !e.marginHolds(&out.Attenuation[at], c) {
				j.wide = true
				out.Notes = append(out.Notes, fmt.Sprintf("%s: %s (%s)", c.name, wideMargin, out.Attenuation[at].MarginText))
			}
			j.verdicts = append(j.verdicts, func(r *RegionFit) {
				e.conclude(&r.Attenuation[at], c, r.Effects[i])
			})
		}
	}
	out.Data = a.points(j, fit)
	return out
}

func constantValues(y []float64) bool {
	return !slices.ContainsFunc(y, func(v float64) bool { return v != y[0] })
}

func largest(y []float64) float64 {
	m := 0.0
	for _, v := range y {
		m = math.Max(m, math.Abs(v))
	}
	return m
}

// refit fits a response as the plan says.
func (p *Plan) refit(d *lmm.Design, y []float64) *lmm.Fit {
	if p.Model.Bounded {
		return d.Refit(y, lmm.REML)
	}
	return d.RefitUnbounded(y, lmm.REML)
}

// belowZero names the random effects whose variance is below zero.
func belowZero(fit *lmm.Fit) []string {
	var out []string
	for _, v := range fit.VarComps() {
		if v.Variance < 0 {
			out = append(out, v.Group)
		}
	}
	return out
}

// zeroVariances names the random effects whose variance is zero.
func zeroVariances(fit *lmm.Fit) []string {
	var out []string
	for _, v := range fit.VarComps() {
		if v.Term2 == "" && v.Group != "Residual" && v.SD < 1e-4*fit.Sigma {
			out = append(out, v.Group)
		}
	}
	if out == nil {
		out = append(out, "or a correlation ±1")
	}
	return out
}

// means returns the marginal means of treatments and phases; of logarithms,
// geometric means with a standard error by the delta method.
func (e *estimator) means() []CellMean {
	tr := e.m.f.tr
	count := map[cell]int{}
	for _, i := range e.m.rows {
		count[e.m.cellOf(&e.m.f.scans[i])]++
	}
	var out []CellMean
	for t, treatment := range tr.Treatments {
		for p, phase := range tr.Phases {
			x := CellMean{Treatment: treatment, Phase: phase, N: count[cell{t, p}], Mean: nan, SE: nan, Low: nan, High: nan}
			if w := e.m.cells[cell{t, p}]; w != nil {
				v := e.fit.Linear("", w, e.in)
				if e.log {
					g := math.Exp(v.Value)
					v.Value, v.SE, v.Low, v.High = g, g*v.SE, math.Exp(v.Low), math.Exp(v.High)
				}
				x.Mean, x.SE, x.Low, x.High = Number(v.Value), Number(v.SE), Number(v.Low), Number(v.High)
			}
			out = append(out, x)
		}
	}
	return out
}

// points lists what entered a fit.
func (a *analysis) points(j *job, fit *lmm.Fit) []Point {
	var fitted, residuals []float64
	if fit != nil {
		fitted, residuals = fit.Fitted(), fit.Residuals()
	}
	out := make([]Point, len(j.model.rows))
	for k, i := range j.model.rows {
		s := &a.scans[i]
		p := Point{Subject: s.Subject, Session: s.Session, Acq: s.Acq, Run: s.Run, Treatment: s.Treatment, Phase: s.Phase, Period: s.Period, Sequence: s.Sequence,
			Value: Number(j.values[i]), Fitted: nan, Residual: nan, Global: nan}
		if a.global != nil {
			p.Global = Number(a.global[i])
		}
		if fit != nil {
			p.Fitted, p.Residual = Number(fitted[k]), Number(residuals[k]/fit.Sigma)
			if a.plan.Model.Log {
				p.Fitted = Number(math.Exp(fitted[k]))
			}
		}
		out[k] = p
	}
	return out
}
