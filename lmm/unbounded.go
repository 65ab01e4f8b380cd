package lmm

import (
	"fmt"
	"math"
)

// Where variances of random effects may be below zero, V = I + Σ η_k G_k is a
// covariance as long as it is positive definite, and the likelihood is taken
// over η itself. A negative variance says that scans which share a level are
// less alike than others; there are no random effects of which it would be the
// variance. What it is for is the tests: a variance that is kept at zero where
// its estimate would be below takes the chance of a small residual for
// knowledge, and tests are bold (docs/methods/mixed-models.md).

// unboundedBlock is the most rows that random effects may tie together for
// [Design.RefitUnbounded]; V of a block is taken as a full matrix.
const unboundedBlock = 120

// belowSteps is the most steps of the search below zero. Where there is a
// minimum it takes about ten; where the deviance falls up to the edge of the
// domain it would creep.
const belowSteps = 40

// RefitUnbounded fits as [Design.Refit] does, but lets variances of random
// effects be below zero: the search goes on from a fit with a variance of zero
// to the nearest minimum of the deviance over the η for which V is positive
// definite. [Fit.Theta] then holds sign(η)·√|η|. Estimates, tests, means and
// contrasts are those of that fit; random effects, fitted values, residuals and
// simulated responses those of the bounded one, [Fit.Bounded].
//
// The bounded fit itself is returned if none of its variances is zero, if a
// term has several effects that vary together, if more than 120 rows are tied
// together, or if there is no minimum.
//
// Sources: Nelder 1954, Biometrika 41:544, doi:10.1093/biomet/41.3-4.544;
// Molenberghs and Verbeke 2011, Stat Modelling 11:389,
// doi:10.1177/1471082X1001100501.
func (d *Design) RefitUnbounded(y []float64, m Method) *Fit { return d.unbounded(d.Refit(y, m)) }

// FitUnbounded fits the design's own response as [Design.RefitUnbounded] does.
func (d *Design) FitUnbounded(m Method) *Fit { return d.unbounded(d.Fit(m)) }

func (d *Design) unbounded(f *Fit) *Fit {
	if !f.Singular || !d.scalar() {
		return f
	}
	y, m := f.y, f.Method
	e := d.residual(y)
	ev := newExplicit(d, e)
	if ev == nil {
		return f
	}
	o := newObjective(ev, d.N, d.orth.p, d.m, m == REML)
	min, ok := o.below(f.Theta)
	if !ok {
		return f
	}
	u := d.finishFit(y, o, min, m)
	u.Singular, u.bounded = f.Singular, f
	u.Theta = signedRoots(min.theta)
	return u
}

// Bounded returns the fit whose variances are not below zero: f itself, unless
// it is from [Design.RefitUnbounded] and has one that is.
func (f *Fit) Bounded() *Fit {
	if f.bounded != nil {
		return f.bounded
	}
	return f
}

// below names the random effects whose variance is below zero.
func (f *Fit) below() []string {
	var out []string
	for _, v := range f.VarComps() {
		if v.Variance < 0 {
			out = append(out, fmt.Sprintf("%s %s (%.3g)", v.Group, v.Term, v.Variance))
		}
	}
	return out
}

// scalar tells whether each random term has one effect.
func (d *Design) scalar() bool {
	for _, r := range d.ran {
		if r.k != 1 {
			return false
		}
	}
	return d.m > 0
}

// below seeks the minimum over η from a fit at θ that has zeros. ok is false
// if there is none within the η for which V is positive definite.
func (o *objective) below(theta []float64) (minimum, bool) {
	eta := make([]float64, len(theta))
	for i, t := range theta {
		eta[i] = t * t
	}
	if math.IsInf(o.value(eta), 1) {
		return minimum{}, false
	}
	r := newtonWithin(o, eta, belowSteps)
	return r, r.converged
}

// signedRoots turns η into sign(η)·√|η|.
func signedRoots(eta []float64) []float64 {
	out := make([]float64, len(eta))
	for i, v := range eta {
		out[i] = math.Copysign(math.Sqrt(math.Abs(v)), v)
		out[i] += 0 // −0 prints oddly
	}
	return out
}

// linear gives the derivatives of η by itself.
type linear struct{ first, second []float64 }

func newLinear(m int) linear {
	l := linear{make([]float64, m*m), make([]float64, m*m*m)}
	for i := range m {
		l.first[i*m+i] = 1
	}
	return l
}

func (l linear) lambda([]float64) (first, second []float64) { return l.first, l.second }

// An explicit evaluator takes η in place of θ and V of each block as a full
// matrix, which it need not be the covariance of random effects for.
type explicit struct {
	linear
	blocks []explicitBlock
	mo     moments
}

type explicitBlock struct {
	n int
	g [][]float64 // G_k, n×n
	w []float64   // rows of W, n×(p+1)
}

// newExplicit returns nil if a block is too large.
func newExplicit(d *Design, e []float64) *explicit {
	p := d.orth.p
	w := p + 1
	out := &explicit{linear: newLinear(d.m), mo: newMoments(d.N, p, d.m)}
	for _, b := range d.block {
		n := len(b.rows)
		if n > unboundedBlock {
			return nil
		}
		db := explicitBlock{n: n, w: make([]float64, n*w)}
		for i, row := range b.rows {
			copy(db.w[i*w:], d.orth.q[row*p:row*p+p])
			db.w[i*w+p] = e[row]
		}
		for _, r := range d.ran {
			g := make([]float64, n*n)
			for i, a := range b.rows {
				for j, c := range b.rows {
					if r.lev[a] == r.lev[c] {
						g[i*n+j] = r.z[a] * r.z[c]
					}
				}
			}
			db.g = append(db.g, g)
		}
		out.blocks = append(out.blocks, db)
	}
	return out
}

func (ev *explicit) moments(eta []float64, deriv bool) *moments {
	mo := &ev.mo
	m, w := mo.m, mo.p+1
	mo.logdet = 0
	clear(mo.s)
	clear(mo.t)
	clear(mo.tt)
	for k := range m {
		clear(mo.a[k])
		for l := range k + 1 {
			clear(mo.q[k*m+l])
		}
	}
	for _, b := range ev.blocks {
		n := b.n
		v := make([]float64, n*n)
		for i := range n {
			v[i*n+i] = 1
		}
		for k, g := range b.g {
			for i, x := range g {
				v[i] += eta[k] * x
			}
		}
		if !cholesky(v, n) {
			mo.logdet = math.NaN()
			return mo
		}
		for i := range n {
			mo.logdet += 2 * math.Log(v[i*n+i])
		}
		solve := func(x []float64, c int) []float64 {
			out := append([]float64(nil), x...)
			forward(v, n, out, c)
			backward(v, n, out, c)
			return out
		}
		u := solve(b.w, w) // V⁻¹W
		addProduct(mo.s, b.w, u, n, w, 1)
		if !deriv {
			continue
		}
		h := make([][]float64, m)  // G_kV⁻¹W
		vh := make([][]float64, m) // V⁻¹G_kV⁻¹W
		vg := make([][]float64, m) // V⁻¹G_k
		for k, g := range b.g {
			h[k] = mul(g, u, n, n, w)
			vh[k] = solve(h[k], w)
			vg[k] = solve(g, n)
			addProduct(mo.a[k], u, h[k], n, w, 1)
			for i := range n {
				mo.t[k] += vg[k][i*n+i]
			}
			for l := range k + 1 {
				for i := range n {
					for j := range n {
						mo.tt[k*m+l] += vg[k][i*n+j] * vg[l][j*n+i]
					}
				}
				addProduct(mo.q[k*m+l], h[k], vh[l], n, w, 0.5)
				addProduct(mo.q[k*m+l], vh[l], h[k], n, w, 0.5)
			}
		}
	}
	for k := range m {
		for l := range k {
			mo.tt[l*m+k] = mo.tt[k*m+l]
		}
	}
	return mo
}

// addProduct adds c·xᵀy to dst, x and y being n×w.
func addProduct(dst, x, y []float64, n, w int, c float64) {
	for i := range n {
		outer(dst, x[i*w:i*w+w], y[i*w:i*w+w], c)
	}
}
