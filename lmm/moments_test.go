package lmm

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// dense returns V and the G_k of a design as matrices of all observations,
// straight from their definitions.
func dense(d *Design, theta []float64) (v *mat.Dense, g []*mat.Dense) {
	v = mat.NewDense(d.N, d.N, nil)
	for i := range d.N {
		v.Set(i, i, 1)
	}
	for _, r := range d.ran {
		l := r.relative(theta)
		cov := mul(l, transpose(l, r.k), r.k, r.k, r.k)
		for c := range r.k {
			for e := c; e < r.k; e++ {
				gk := mat.NewDense(d.N, d.N, nil)
				for i := range d.N {
					for j := range d.N {
						if r.lev[i] != r.lev[j] {
							continue
						}
						x := r.z[i*r.k+e] * r.z[j*r.k+c]
						if e != c {
							x += r.z[i*r.k+c] * r.z[j*r.k+e]
						}
						gk.Set(i, j, x)
						v.Set(i, j, v.At(i, j)+x*cov[e*r.k+c])
					}
				}
				g = append(g, gk)
			}
		}
	}
	return v, g
}

// TestMomentsDense compares both evaluators with dense matrices, on nested,
// crossed and slope designs with gaps. Tolerance: rounding of the inverse.
func TestMomentsDense(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, formula := range []string{
		"cbf ~ treatment*phase + motion + (1|subject/session)",
		"cbf ~ treatment + (1|subject)",
		"cbf ~ treatment + (motion|subject) + (1|session:phase)",
		"cbf ~ motion + (phase||subject)",
		"cbf ~ 1 + (treatment + phase|subject)",
	} {
		tab := crossover(7)
		y := simulate(tab, 1, 3)[0]
		for _, i := range []int{1, 6, 7, 13, 20} {
			y[i] = math.NaN()
		}
		tab.AddNumeric("cbf", y)
		d := design(t, formula, tab)
		e := d.residual(d.y)
		theta := make([]float64, d.m)
		for i := range theta {
			theta[i] = rng.NormFloat64()
		}
		p, w := d.orth.p, d.orth.p+1
		wm := mat.NewDense(d.N, w, nil)
		for i := range d.N {
			for j := range p {
				wm.Set(i, j, d.orth.q[i*p+j])
			}
			wm.Set(i, p, e[i])
		}
		v, g := dense(d, theta)
		var inv, vw mat.Dense
		if err := inv.Inverse(v); err != nil {
			t.Fatal(err)
		}
		vw.Mul(&inv, wm)
		logdet, _ := mat.LogDet(v)
		evaluators := map[string]evaluator{"general": newGeneral(d, e), "nested": nestedFor(d, e)}
		if d.scalar() {
			evaluators["explicit"] = newExplicit(d, e)
		}
		for name, ev := range evaluators {
			if ev == nil {
				continue
			}
			theta := theta
			if name == "explicit" { // it takes η
				theta = squares(theta)
			}
			if n, ok := ev.(*nestedEval); ok && n.nd.rot != nil {
				t.Fatalf("%s: a design with gaps must not be diagonal", formula)
			}
			mo := ev.moments(theta, true)
			scale := dot(e, e) // elements of the last row grow with e
			close := func(what string, got, want float64) {
				t.Helper()
				if math.Abs(got-want) > 1e-11*(math.Abs(want)+scale) {
					t.Errorf("%s, %s: %s = %.15g, want %.15g", formula, name, what, got, want)
				}
			}
			close("log|V|", mo.logdet, logdet)
			var s mat.Dense
			s.Mul(wm.T(), &vw)
			for k := range g {
				var vg, a, gv mat.Dense
				vg.Mul(&inv, g[k])
				close("t", mo.t[k], mat.Trace(&vg))
				gv.Mul(g[k], &vw)
				a.Mul(vw.T(), &gv)
				for l := range g {
					var vl, prod, gl, q, half mat.Dense
					vl.Mul(&inv, g[l])
					prod.Mul(&vg, &vl)
					close("tt", mo.tt[k*d.m+l], mat.Trace(&prod))
					gl.Mul(g[l], &vw)
					half.Mul(&inv, &gl)
					q.Mul(gv.T(), &half)
					for i := range w {
						for j := range w {
							close("q", mo.q[k*d.m+l][i*w+j], (q.At(i, j)+q.At(j, i))/2)
						}
					}
				}
				for i := range w {
					for j := range w {
						close("a", mo.a[k][i*w+j], a.At(i, j))
						close("s", mo.s[i*w+j], s.At(i, j))
					}
				}
			}
		}
	}
}

func nestedFor(d *Design, e []float64) evaluator {
	nd := newNested(d)
	if nd == nil {
		return nil
	}
	ev := newNestedEval(nd)
	ev.respond(e)
	return ev
}

func squares(theta []float64) []float64 {
	out := make([]float64, len(theta))
	for i, v := range theta {
		out[i] = v * v
	}
	return out
}

// TestDerivatives compares gradient and Hessian with differences of the
// deviance. Tolerance: truncation and rounding of central differences.
func TestDerivatives(t *testing.T) {
	for _, m := range []Method{REML, ML} {
		for _, formula := range []string{"y ~ a + x + (x|g) + (1|h)", "y ~ a + (1|g/b)", "y ~ 1 + (a + x|g)"} {
			d := design(t, formula, small())
			o := newObjective(newGeneral(d, d.residual(d.y)), d.N, d.orth.p, d.m, m == REML)
			theta := make([]float64, d.m)
			for i := range theta {
				theta[i] = 0.3 + 0.2*float64(i%3)
			}
			o.derivatives(theta)
			g, h := append([]float64(nil), o.g...), append([]float64(nil), o.h...)
			const step = 1e-5
			for i := range theta {
				x := append([]float64(nil), theta...)
				x[i] += step
				up := o.derivatives(x)
				gu := append([]float64(nil), o.g...)
				x[i] -= 2 * step
				down := o.derivatives(x)
				if want := (up - down) / (2 * step); math.Abs(g[i]-want) > 1e-6*(1+math.Abs(want)) {
					t.Errorf("%v %s: gradient %d is %g, want %g", m, formula, i, g[i], want)
				}
				for j := range theta {
					if want := (gu[j] - o.g[j]) / (2 * step); math.Abs(h[i*d.m+j]-want) > 1e-5*(1+math.Abs(want)) {
						t.Errorf("%v %s: Hessian %d,%d is %g, want %g", m, formula, i, j, h[i*d.m+j], want)
					}
				}
			}
		}
	}
}

// TestGlobalMinimum compares the search with a grid over both variances, on
// small noisy designs where the boundary is common.
func TestGlobalMinimum(t *testing.T) {
	n := 150
	if testing.Short() {
		n = 30
	}
	for j := range n {
		tab := crossover(5)
		ys := simulate(tab, j+1, 77)
		y := ys[j]
		if j%3 == 0 {
			y[3], y[6], y[7] = math.NaN(), math.NaN(), math.NaN()
		}
		tab.AddNumeric("cbf", y)
		d := design(t, "cbf ~ treatment*phase + (1|subject/session)", tab)
		fit := d.Fit(REML)
		if !fit.Converged {
			t.Errorf("data set %d: not converged", j)
		}
		ev := nestedFor(d, d.residual(d.y))
		o := newObjective(ev, d.N, d.orth.p, d.m, true)
		best, at := math.Inf(1), []float64{}
		for i := range 40 {
			for k := range 40 {
				x := []float64{math.Expm1(float64(i) / 12), math.Expm1(float64(k) / 8)}
				if f := o.value(x); f < best {
					best, at = f, x
				}
			}
		}
		if got := -2*fit.LogLik - d.remlConstant(REML); got > best+1e-9 {
			t.Errorf("data set %d: deviance %.9f at %v, but %.9f at %v", j, got, fit.Theta, best, at)
		}
	}
}

// TestCrossedClosedForm: in a two-way table with one value in each cell REML
// gives the variances of the analysis of variance, and the mean's degrees of
// freedom are Satterthwaite's of MSA + MSB − MSE.
func TestCrossedClosedForm(t *testing.T) {
	const na, nb = 7, 9
	rng := rand.New(rand.NewPCG(8, 8))
	var a, b []string
	var y []float64
	ra, rb := make([]float64, na), make([]float64, nb)
	for i := range ra {
		ra[i] = 3 * rng.NormFloat64()
	}
	for i := range rb {
		rb[i] = 2 * rng.NormFloat64()
	}
	for i := range na {
		for j := range nb {
			a, b = append(a, string(rune('a'+i))), append(b, string(rune('A'+j)))
			y = append(y, 20+ra[i]+rb[j]+rng.NormFloat64())
		}
	}
	tab := NewTable("two-way")
	tab.AddFactor("a", a)
	tab.AddFactor("b", b)
	tab.AddNumeric("y", y)
	fit := design(t, "y ~ 1 + (1|a) + (1|b)", tab).Fit(REML)
	mean, sd := meanSD(y)
	total := sd * sd * (na*nb - 1)
	var ssa, ssb float64
	for i := range na {
		var m float64
		for j := range nb {
			m += y[i*nb+j] / nb
		}
		ssa += nb * (m - mean) * (m - mean)
	}
	for j := range nb {
		var m float64
		for i := range na {
			m += y[i*nb+j] / na
		}
		ssb += na * (m - mean) * (m - mean)
	}
	msa, msb, mse := ssa/(na-1), ssb/(nb-1), (total-ssa-ssb)/((na-1)*(nb-1))
	c := fit.VarComps() // b has more levels and stands first
	near(t, "variance of b", c[0].Variance, (msb-mse)/na, 1e-8)
	near(t, "variance of a", c[1].Variance, (msa-mse)/nb, 1e-8)
	near(t, "residual variance", c[2].Variance, mse, 1e-8)
	e := fit.Coefficients(Inference{DDF: Satterthwaite})[0]
	v := msa + msb - mse
	near(t, "SE", e.SE, math.Sqrt(v/(na*nb)), 1e-8)
	near(t, "df", e.DF, v*v/(msa*msa/(na-1)+msb*msb/(nb-1)+mse*mse/((na-1)*(nb-1))), 1e-7)
	if kr := fit.Coefficients(Inference{})[0]; math.Abs(kr.SE/e.SE-1) > 1e-8 {
		t.Errorf("Kenward and Roger's SE %g differs from %g in a balanced table", kr.SE, e.SE)
	}
}
