package lmm

import (
	"math"

	"phasl/diag"
)

// Method is the criterion a fit maximises.
type Method int

const (
	REML Method = iota // restricted likelihood
	ML                 // full likelihood
)

// String returns "REML" or "ML".
func (m Method) String() string {
	if m == ML {
		return "ML"
	}
	return "REML"
}

// A VarComp is one variance or covariance, as lme4's VarCorr lists them. For
// a variance, Term2 is "" and Corr NaN; for a covariance SD is NaN, and so it
// is for a variance below zero ([Design.RefitUnbounded]). The residual's group
// is "Residual", its term "".
type VarComp struct {
	Group, Term, Term2 string
	Variance, SD, Corr float64
}

// A Fit is a fitted model. It is immutable and safe for concurrent use.
type Fit struct {
	Design    *Design
	Method    Method
	Theta     []float64 // lower triangle of Λ, term by term, column by column; below zero: see RefitUnbounded
	Sigma     float64   // residual standard deviation, in units of the response
	Beta      []float64 // estimates of Design.Names
	LogLik    float64   // log-likelihood; under REML the restricted one
	Converged bool
	Singular  bool // a variance is zero or a correlation ±1

	gamma []float64 // β in the basis Q, as deviation from least squares
	phi   []float64 // (QᵀV⁻¹Q)⁻¹
	y     []float64
	cov   []float64 // covariance of the variance parameters (θ, σ)
	dphi  [][]float64
	kr    *kenwardRoger

	bounded *Fit // the fit without variances below zero, if this one has any
}

// Fit estimates the model by method m. The deviance is minimised by Newton's
// method; a variance that the data put at zero is exactly zero and Singular
// is set.
func (d *Design) Fit(m Method) *Fit { return d.fitTo(d.y, m) }

// Refit fits the same design to another response: one value for each of
// Design.Rows. Values must not be missing; [Batch] handles those. It panics if
// the length is not Design.N.
func (d *Design) Refit(y []float64, m Method) *Fit {
	if len(y) != d.N {
		panic("lmm: Refit: the response must have one value for each row of the design")
	}
	return d.fitTo(y, m)
}

// Deviance returns −2 log-likelihood at θ, profiled over β and σ, in lme4's
// parameterisation. It panics if θ has the wrong length.
func (d *Design) Deviance(theta []float64, m Method) float64 {
	if len(theta) != d.m {
		panic("lmm: Deviance: θ has the wrong length")
	}
	o := newObjective(newGeneral(d, d.residual(d.y)), d.N, d.orth.p, d.m, m == REML)
	return o.value(theta) + d.remlConstant(m)
}

// remlConstant is the part of the REML deviance that depends on the scale of
// X, 2 log|R|.
func (d *Design) remlConstant(m Method) float64 {
	if m == REML {
		return 2 * d.orth.logDetR()
	}
	return 0
}

// diagonal tells which elements of θ are diagonal in Λ.
func (d *Design) diagonal() []bool {
	out := make([]bool, 0, d.m)
	for _, r := range d.ran {
		for j := range r.k {
			for i := j; i < r.k; i++ {
				out = append(out, i == j)
			}
		}
	}
	return out
}

func (d *Design) fitTo(y []float64, m Method) *Fit {
	e := d.residual(y)
	o := newObjective(newGeneral(d, e), d.N, d.orth.p, d.m, m == REML)
	min := o.minimise(d.diagonal())
	return d.finishFit(y, o, min, m)
}

func (d *Design) finishFit(y []float64, o *objective, min minimum, m Method) *Fit {
	f := &Fit{Design: d, Method: m, Theta: min.theta, Converged: min.converged, y: y}
	o.derivatives(min.theta)
	f.Sigma = math.Sqrt(o.red.r2 / o.nu())
	f.LogLik = -0.5 * (min.value + d.remlConstant(m))
	f.gamma, f.phi = o.red.gamma, o.red.phi
	f.Beta = make([]float64, d.orth.p)
	copy(f.Beta, d.projection(y))
	for i, g := range f.gamma {
		f.Beta[i] += g
	}
	d.orth.solve(f.Beta)
	f.cov, f.dphi = varianceParameters(o, min.theta, f.Sigma)
	f.Singular = f.singular()
	if m == REML {
		f.kr = newKenwardRoger(o.mo, f.phi)
	}
	return f
}

// singularBelow is the diagonal of Λ below which a fit counts as singular;
// lme4 asks for 1e-4.
const singularBelow = 1e-4

// singular tells whether a relative covariance has all but lost rank.
func (f *Fit) singular() bool {
	for _, r := range f.Design.ran {
		l := r.relative(f.Theta)
		for i := range r.k {
			if l[i*r.k+i] < singularBelow {
				return true
			}
		}
	}
	return false
}

// VarComps returns variances and covariances of the random effects, term by
// term, and last the residual variance.
func (f *Fit) VarComps() []VarComp {
	var out []VarComp
	s2 := f.Sigma * f.Sigma
	for t, r := range f.Design.ran {
		g := f.Design.Groups[t]
		l := r.relative(f.Theta)
		c := mul(l, transpose(l, r.k), r.k, r.k, r.k)
		for i := range r.k {
			v := s2 * c[i*r.k+i]
			if r.k == 1 && f.Theta[r.theta] < 0 {
				v = -v
			}
			out = append(out, VarComp{g.Name, g.Terms[i], "", v, math.Sqrt(v), math.NaN()})
		}
		for j := range r.k {
			for i := j + 1; i < r.k; i++ {
				v := s2 * c[i*r.k+j]
				corr := c[i*r.k+j] / math.Sqrt(c[i*r.k+i]*c[j*r.k+j])
				out = append(out, VarComp{g.Name, g.Terms[j], g.Terms[i], v, math.NaN(), corr})
			}
		}
	}
	return append(out, VarComp{"Residual", "", "", s2, f.Sigma, math.NaN()})
}

// Parameters returns the number of parameters: coefficients, variance
// parameters and σ.
func (f *Fit) Parameters() int { return f.Design.orth.p + f.Design.m + 1 }

// AIC returns Akaike's criterion, −2 log L + 2k. Under REML it compares only
// models with the same fixed effects.
func (f *Fit) AIC() float64 { return -2*f.LogLik + 2*float64(f.Parameters()) }

// BIC returns Schwarz's criterion, −2 log L + k log n, with n observations.
func (f *Fit) BIC() float64 {
	return -2*f.LogLik + float64(f.Parameters())*math.Log(float64(f.Design.N))
}

// Notes returns what a reader should know of the fit, as warnings: columns and
// rows left out, a singular fit, a search that did not end.
func (f *Fit) Notes() diag.List {
	var l diag.List
	l.Add(f.Design.Warnings...)
	name := f.Design.table.Name
	if s := f.Design.missingNote(); s != "" {
		l.Warnf(name, f.Design.Formula.String(), "fill the cells if the values are known", "%s", s)
	}
	switch {
	case f.bounded != nil:
		l.Warnf(name, f.Design.Formula.String(), "report it; tests use it as it is, so that they keep their level", "a variance is estimated below zero: %s", list(f.below()))
	case f.Singular:
		l.Warnf(name, f.Design.Formula.String(), "report it; a simpler random part gives the same estimates", "the fit is singular: a variance is zero or a correlation ±1")
	}
	if !f.Converged {
		l.Warnf(name, f.Design.Formula.String(), "simplify the random part, or scale covariates", "the search for the maximum did not converge")
	}
	return l
}

// VCov returns the covariance of the estimates, p×p by rows, without
// Kenward and Roger's adjustment:
//
//	σ² (XᵀV⁻¹X)⁻¹
func (f *Fit) VCov() []float64 { return f.covariance(f.phi) }

// covariance returns σ²R⁻¹ΦR⁻ᵀ.
func (f *Fit) covariance(phi []float64) []float64 {
	p := f.Design.orth.p
	rows := make([][]float64, p)
	for i := range p {
		l := make([]float64, p)
		l[i] = 1
		rows[i] = f.Design.orth.solveT(l)
	}
	out := make([]float64, p*p)
	for i := range p {
		for j := range p {
			out[i*p+j] = f.Sigma * f.Sigma * quadratic(rows[i], phi, rows[j])
		}
	}
	return out
}
