package lmm

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
)

// An Estimate is a linear function of the coefficients with its test against
// zero and interval. Low and High bound the interval at the level asked for.
type Estimate struct {
	Name          string
	Value, SE, DF float64
	T, P          float64
	Low, High     float64
}

// A TermTest is the F test of one term of the formula.
type TermTest struct {
	Term         string
	NumDF, DenDF float64
	F, P         float64
}

// Inference is how tests and intervals are made; the zero value is Kenward and
// Roger's method with 95 % intervals.
type Inference struct {
	DDF   DDF
	Level float64 // confidence level, 0 meaning 0.95
}

func (in Inference) level() float64 {
	if in.Level == 0 {
		return 0.95
	}
	return in.Level
}

// Linear returns the estimate of Σ wᵢ βᵢ, w in the order of Design.Names:
//
//	t = wᵀβ / SE,  SE² = wᵀ C w
//
// with C the covariance of β, Kenward and Roger's adjusted one under
// [KenwardRoger]. It panics if w has the wrong length, or if the method is
// Kenward and Roger's and the fit is not by REML, on which it is defined.
func (f *Fit) Linear(name string, w []float64, in Inference) Estimate {
	p := f.Design.orth.p
	if len(w) != p {
		panic("lmm: Linear: one weight for each coefficient is needed")
	}
	f.mustHave(in.DDF)
	l := f.Design.orth.solveT(w)
	e := Estimate{Name: name, Value: dot(w, f.Beta)}
	phi := f.phi
	switch in.DDF {
	case KenwardRoger:
		phi = f.kr.phiA
		e.DF, _ = f.kr.ddf(l, 1)
	case Satterthwaite:
		e.DF = satterthwaite(l, f.phi, f.dphi, f.cov, f.Sigma)
	default:
		e.DF = float64(f.Design.N - p)
	}
	e.SE = f.Sigma * math.Sqrt(quadratic(l, phi, l))
	e.T = e.Value / e.SE
	e.P = TTail(e.T, e.DF)
	q := TQuantile(1-in.level(), e.DF)
	e.Low, e.High = e.Value-q*e.SE, e.Value+q*e.SE
	return e
}

func (f *Fit) mustHave(d DDF) {
	if d == KenwardRoger && f.kr == nil {
		panic("lmm: Kenward and Roger's method needs a REML fit")
	}
}

// Coefficients returns the fixed effects, in the order of Design.Names.
func (f *Fit) Coefficients(in Inference) []Estimate {
	out := make([]Estimate, len(f.Beta))
	for i, n := range f.Design.Names {
		w := make([]float64, len(f.Beta))
		w[i] = 1
		out[i] = f.Linear(n, w, in)
	}
	return out
}

// Wald tests the joint hypothesis that each row of l, in the order of
// Design.Names, gives zero. Rows that others determine are left out of the
// numerator's degrees of freedom.
//
// Under Satterthwaite the covariance of the rows is diagonalised, each
// direction has its own degrees of freedom ν, and with E = Σν/(ν − 2) the
// denominator has 2E/(E − q): lmerTest's rule. Under Kenward and Roger F is
// scaled by their factor.
func (f *Fit) Wald(term string, l [][]float64, in Inference) TermTest {
	f.mustHave(in.DDF)
	p := f.Design.orth.p
	rows := len(l)
	b := make([]float64, rows)
	t := make([]float64, rows*p)
	for i, r := range l {
		b[i] = dot(r, f.Beta)
		copy(t[i*p:], f.Design.orth.solveT(r))
	}
	phi := f.phi
	if in.DDF == KenwardRoger {
		phi = f.kr.phiA
	}
	val, vec := eigenSym(sandwich(t, f.phi, rows, p), rows)
	q := 0
	for q < rows && val[q] > 1e-8*val[0] {
		q++
	}
	if q == 0 {
		return TermTest{Term: term, DenDF: math.NaN(), F: math.NaN(), P: math.NaN()}
	}
	dir := mul(vec[:q*rows], t, q, rows, p) // independent directions
	bd := mul(vec[:q*rows], b, q, rows, 1)
	c := sandwich(dir, phi, q, p)
	if !cholesky(c, q) {
		return TermTest{Term: term, NumDF: float64(q), DenDF: math.NaN(), F: math.NaN(), P: math.NaN()}
	}
	forward(c, q, bd, 1)
	out := TermTest{Term: term, NumDF: float64(q), F: dot(bd, bd) / (f.Sigma * f.Sigma * float64(q))}
	switch in.DDF {
	case KenwardRoger:
		var scale float64
		out.DenDF, scale = f.kr.ddf(dir, q)
		out.F *= scale
	case Satterthwaite:
		nu := make([]float64, q)
		for i := range q {
			nu[i] = satterthwaite(dir[i*p:i*p+p], f.phi, f.dphi, f.cov, f.Sigma)
		}
		out.DenDF = fDF(nu)
	default:
		out.DenDF = float64(f.Design.N - p)
	}
	out.P = FTail(out.F, out.NumDF, out.DenDF)
	return out
}

// sandwich returns LΦLᵀ.
func sandwich(l, phi []float64, rows, p int) []float64 {
	half := mul(l, phi, rows, p, p)
	out := make([]float64, rows*rows)
	for i := range rows {
		for j := range rows {
			out[i*rows+j] = dot(half[i*p:i*p+p], l[j*p:j*p+p])
		}
	}
	return out
}

// fDF combines the degrees of freedom of independent t statistics.
func fDF(nu []float64) float64 {
	var e, mean, spread float64
	for i, v := range nu {
		if v <= 2 && len(nu) > 1 {
			return 2
		}
		mean += v / float64(len(nu))
		if i > 0 {
			spread = math.Max(spread, math.Abs(v-nu[i-1]))
		}
		e += v / (v - 2)
	}
	if spread < 1e-8 {
		return mean
	}
	return 2 * e / (e - float64(len(nu)))
}

// A Contrast is a named linear function of coefficients.
type Contrast struct {
	Name    string
	Weights []float64 // in the order of Design.Names
}

// ParseContrast reads "name = w1*coef1 + w2*coef2 − …". Weights are numbers or
// fractions and may be left out; coefficients are named as in Design.Names
// (backticks are allowed around them). The table is named in problems.
func (d *Design) ParseContrast(s string) (Contrast, error) {
	bad := func(found, fix string) (Contrast, error) {
		return Contrast{}, &diag.Problem{File: d.table.Name, Field: "contrast " + s, Found: found, Fix: fix}
	}
	name, expr, ok := strings.Cut(s, "=")
	// A coefficient such as scale(x, scale = FALSE) has an = of its own, but a
	// name stands before the first.
	if !ok || strings.TrimSpace(name) == "" {
		return bad("it has no name", "write 'name = 1*coefficient + …'")
	}
	c := Contrast{Name: strings.TrimSpace(name), Weights: make([]float64, len(d.Names))}
	rest := strings.TrimSpace(expr)
	if rest == "" {
		return bad("nothing stands after =", "write 'name = 1*coefficient + …'")
	}
	byLength := slices.Clone(d.Columns)
	slices.SortStableFunc(byLength, func(a, b string) int { return len(b) - len(a) })
	for first := true; rest != ""; first = false {
		sign := 1.0
		switch {
		case strings.HasPrefix(rest, "+"):
			rest = strings.TrimSpace(rest[1:])
		case strings.HasPrefix(rest, "-"):
			sign, rest = -1, strings.TrimSpace(rest[1:])
		case strings.HasPrefix(rest, "−"):
			sign, rest = -1, strings.TrimSpace(strings.TrimPrefix(rest, "−"))
		case !first:
			return bad(fmt.Sprintf("%q does not follow + or -", rest), "join coefficients by + or -; they are: "+list(d.Names))
		}
		weight, after := leadingWeight(rest)
		if math.IsInf(weight, 0) || math.IsNaN(weight) {
			return bad("a weight is not finite", "write weights as 0.5 or 1/2")
		}
		rest = strings.TrimPrefix(after, "`")
		quoted := len(rest) != len(after)
		at := slices.IndexFunc(byLength, func(n string) bool { return strings.HasPrefix(rest, n) && ends(rest[len(n):]) })
		if at < 0 {
			word := rest
			if cut := strings.IndexAny(rest, " +`"); cut > 0 {
				word = rest[:cut]
			}
			return bad(fmt.Sprintf("%q is not a coefficient", word), suggest(word, d.Names, "choose from: "+list(d.Names)))
		}
		coef := byLength[at]
		rest = rest[len(coef):]
		if quoted {
			rest = strings.TrimPrefix(rest, "`")
		}
		rest = strings.TrimSpace(rest)
		i := slices.Index(d.Names, coef)
		if i < 0 {
			return bad(coef+" was left out of the model, because other columns determine it", "choose from: "+list(d.Names))
		}
		c.Weights[i] += sign * weight
	}
	if !slices.ContainsFunc(c.Weights, func(v float64) bool { return v != 0 }) {
		return bad("all its weights are zero", "give at least one coefficient a weight")
	}
	return c, nil
}

// ends tells whether what follows a coefficient's name may follow one.
func ends(s string) bool {
	s = strings.TrimLeft(s, " \t`")
	return s == "" || s[0] == '+' || s[0] == '-' || strings.HasPrefix(s, "−")
}

// leadingWeight reads "0.5*", "1/2 *" or nothing, which is 1.
func leadingWeight(s string) (float64, string) {
	star := strings.IndexByte(s, '*')
	if star < 0 {
		return 1, s
	}
	num, den, frac := strings.Cut(strings.TrimSpace(s[:star]), "/")
	v, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	if err != nil {
		return 1, s
	}
	if frac {
		w, err := strconv.ParseFloat(strings.TrimSpace(den), 64)
		if err != nil {
			return 1, s
		}
		v /= w
	}
	return v, strings.TrimSpace(s[star+1:])
}

// LRT is a likelihood-ratio test of nested models.
type LRT struct {
	ChiSq, DF, P float64
}

// LikelihoodRatio compares two fits by full maximum likelihood of the same
// rows and response, the smaller first:
//
//	χ² = 2 (log L − log L0)
//
// on the difference in the number of parameters. Where the smaller model puts
// a variance on its boundary P is conservative. It panics if a fit is by REML
// or the numbers of observations differ.
func LikelihoodRatio(small, large *Fit) LRT {
	if small.Method != ML || large.Method != ML {
		panic("lmm: LikelihoodRatio: fits by full maximum likelihood are needed")
	}
	if small.Design.N != large.Design.N {
		panic("lmm: LikelihoodRatio: the fits have different rows")
	}
	r := LRT{ChiSq: math.Max(0, 2*(large.LogLik-small.LogLik)), DF: float64(large.Parameters() - small.Parameters())}
	r.P = ChiSquareTail(r.ChiSq, r.DF)
	return r
}
