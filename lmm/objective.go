package lmm

import "math"

// A reduced is what remains of moments once β is profiled out:
//
//	Φ = (QᵀV⁻¹Q)⁻¹, γ = ΦQᵀV⁻¹e, r² = eᵀV⁻¹e − γᵀQᵀV⁻¹e
//
// and u = (−γ, 1), so that Wu is the residual e − Qγ.
type reduced struct {
	ok     bool
	diag   bool    // QᵀV⁻¹Q is diagonal, and so are the A_k and Q_kl within Q
	logdet float64 // log|QᵀV⁻¹Q|
	r2     float64
	gamma  []float64
	u      []float64
	phi    []float64 // only after invertPhi
	chol   []float64
}

func (r *reduced) from(mo *moments) {
	p := mo.p
	w := p + 1
	if r.chol == nil {
		r.chol, r.phi = make([]float64, p*p), make([]float64, p*p)
		r.gamma, r.u = make([]float64, p), make([]float64, w)
	}
	if r.diag {
		r.fromDiagonal(mo)
		return
	}
	for i := range p {
		copy(r.chol[i*p:i*p+p], mo.s[i*w:i*w+p])
		r.gamma[i] = mo.s[i*w+p]
	}
	r.ok = cholesky(r.chol, p) && !math.IsNaN(mo.logdet)
	if !r.ok {
		return
	}
	r.logdet = 0
	for i := range p {
		r.logdet += 2 * math.Log(r.chol[i*p+i])
	}
	forward(r.chol, p, r.gamma, 1)
	r.r2 = mo.s[w*w-1] - dot(r.gamma, r.gamma)
	r.ok = r.r2 > 0
	backward(r.chol, p, r.gamma, 1)
	for i, g := range r.gamma {
		r.u[i] = -g
	}
	r.u[p] = 1
}

func (r *reduced) fromDiagonal(mo *moments) {
	p := mo.p
	w := p + 1
	r.ok, r.logdet, r.r2 = !math.IsNaN(mo.logdet), 0, mo.s[w*w-1]
	prod := 1.0 // of the diagonal
	for i := range p {
		d := mo.s[i*w+i]
		r.ok = r.ok && d > 0
		b := mo.s[i*w+p]
		g := b / d
		r.r2 -= b * g
		r.gamma[i], r.u[i], r.phi[i*p+i] = g, -g, 1/d
		if prod *= d; prod < 1e-200 || prod > 1e200 {
			r.logdet += math.Log(prod)
			prod = 1
		}
	}
	r.u[p] = 1
	r.logdet += math.Log(prod)
	r.ok = r.ok && r.r2 > 0
}

func (r *reduced) invertPhi(p int) {
	if r.diag { // it is there already
		return
	}
	clear(r.phi)
	for i := range p {
		r.phi[i*p+i] = 1
	}
	forward(r.chol, p, r.phi, p)
	backward(r.chol, p, r.phi, p)
}

// An objective is the profiled deviance of one response, REML or ML, without
// the constant 2 log|R| that the scale of X adds under REML.
type objective struct {
	ev   evaluator
	n, p int
	m    int
	reml bool
	red  reduced

	// at the last call with derivatives, by η:
	ld1, r1 []float64 // of log determinants and of r²
	ld2, r2 []float64
	fk      []float64 // ΦA_k, m × p²
	ak      []float64 // first p elements of A_k u, m × p
	tmp     []float64

	mo      *moments  // at the last call with derivatives
	f, g, h []float64 // value, gradient and Hessian in θ
}

func newObjective(ev evaluator, n, p, m int, reml bool) *objective {
	return &objective{
		ev: ev, n: n, p: p, m: m, reml: reml,
		ld1: make([]float64, m), r1: make([]float64, m), ld2: make([]float64, m*m), r2: make([]float64, m*m),
		fk: make([]float64, m*p*p), ak: make([]float64, m*p), tmp: make([]float64, p+1),
		g: make([]float64, m), h: make([]float64, m*m),
	}
}

// nu returns the divisor of r² in σ².
func (o *objective) nu() float64 {
	if o.reml {
		return float64(o.n - o.p)
	}
	return float64(o.n)
}

// value returns the deviance at θ:
//
//	REML  log|V| + log|QᵀV⁻¹Q| + ν(1 + log(2π r²/ν)),  ν = n − p
//	ML    log|V| + ν(1 + log(2π r²/ν)),                ν = n
//
// and +Inf where V is not numerically positive definite.
func (o *objective) value(theta []float64) float64 {
	return o.finish(o.ev.moments(theta, false))
}

func (o *objective) finish(mo *moments) float64 {
	o.red.from(mo)
	if !o.red.ok {
		return math.Inf(1)
	}
	nu := o.nu()
	f := mo.logdet + nu*(1+math.Log(2*math.Pi*o.red.r2/nu))
	if o.reml {
		f += o.red.logdet
	}
	return f
}

// derivatives returns the deviance and leaves its gradient and Hessian in θ
// in o.g and o.h. With a_k = A_ku, s_k = uᵀa_k, in η:
//
//	∂log|V|          t_k;       −tt_kl
//	∂log|QᵀV⁻¹Q|    −tr(ΦA_k);  2tr(ΦQ_kl) − tr(ΦA_kΦA_l)
//	∂r²             −s_k;       2(uᵀQ_klu − a_kᵀΦa_l)
//
// and by the chain rule through η(θ), in which V is linear.
func (o *objective) derivatives(theta []float64) float64 {
	mo := o.ev.moments(theta, true)
	f := o.finish(mo)
	if math.IsInf(f, 1) {
		return f
	}
	o.mo = mo
	o.byEta(mo)
	m := o.m
	nu := o.nu()
	sigma2 := o.red.r2 / nu
	first, second := o.ev.lambda(theta)
	clear(o.g)
	clear(o.h)
	for k := range m {
		gk := o.ld1[k] + o.r1[k]/sigma2
		for i := range m {
			o.g[i] += gk * first[k*m+i]
			for j := range m {
				o.h[i*m+j] += gk * second[(k*m+i)*m+j]
			}
		}
		for l := range m {
			hkl := o.ld2[k*m+l] + o.r2[k*m+l]/sigma2 - o.r1[k]*o.r1[l]/(nu*sigma2*sigma2)
			for i := range m {
				if v := hkl * first[k*m+i]; v != 0 {
					for j := range m {
						o.h[i*m+j] += v * first[l*m+j]
					}
				}
			}
		}
	}
	return f
}

func (o *objective) byEta(mo *moments) {
	p, m := o.p, o.m
	w := p + 1
	r := &o.red
	if r.diag {
		o.byEtaDiagonal(mo)
		return
	}
	r.invertPhi(p)
	for k := range m {
		a := mo.a[k]
		var s float64
		for i := range w {
			o.tmp[i] = dot(a[i*w:i*w+w], r.u)
			s += o.tmp[i] * r.u[i]
		}
		copy(o.ak[k*p:k*p+p], o.tmp)
		o.r1[k] = -s
		fk := o.fk[k*p*p : (k+1)*p*p]
		clear(fk)
		var tr float64
		for i := range p {
			row := fk[i*p : i*p+p]
			for j, v := range r.phi[i*p : i*p+p] {
				for x, y := range a[j*w : j*w+p] {
					row[x] += v * y
				}
			}
			tr += row[i]
		}
		o.ld1[k] = mo.t[k]
		if o.reml {
			o.ld1[k] -= tr
		}
	}
	for k := range m {
		fk := o.fk[k*p*p : (k+1)*p*p]
		for l := range k + 1 {
			q := mo.q[k*m+l]
			var uqu, aa, trq, trff float64
			for i := range w {
				uqu += r.u[i] * dot(q[i*w:i*w+w], r.u)
			}
			fl := o.fk[l*p*p : (l+1)*p*p]
			for i := range p {
				phi := r.phi[i*p : i*p+p]
				aa += o.ak[k*p+i] * dot(phi, o.ak[l*p:l*p+p])
				trq += dot(phi, q[i*w:i*w+p])
				for j := range p {
					trff += fk[i*p+j] * fl[j*p+i]
				}
			}
			ld := -mo.tt[k*m+l]
			if o.reml {
				ld += 2*trq - trff
			}
			o.ld2[k*m+l], o.ld2[l*m+k] = ld, ld
			o.r2[k*m+l] = 2 * (uqu - aa)
			o.r2[l*m+k] = o.r2[k*m+l]
		}
	}
}

func (o *objective) byEtaDiagonal(mo *moments) {
	p, m := o.p, o.m
	w := p + 1
	r := &o.red
	for k := range m {
		a := mo.a[k]
		s, tr := a[w*w-1], 0.0
		for i := range p {
			d, b := a[i*w+i], a[i*w+p]
			o.ak[k*p+i] = d*r.u[i] + b
			s += r.u[i] * (d*r.u[i] + 2*b)
			f := r.phi[i*p+i] * d
			o.fk[(k*p+i)*p+i] = f
			tr += f
		}
		o.r1[k], o.ld1[k] = -s, mo.t[k]
		if o.reml {
			o.ld1[k] -= tr
		}
		for l := range k + 1 {
			q := mo.q[k*m+l]
			uqu := q[w*w-1]
			var aa, trq, trff float64
			for i := range p {
				d, phi := q[i*w+i], r.phi[i*p+i]
				uqu += r.u[i] * (d*r.u[i] + 2*q[i*w+p])
				aa += phi * o.ak[k*p+i] * o.ak[l*p+i]
				trq += phi * d
				trff += o.fk[(k*p+i)*p+i] * o.fk[(l*p+i)*p+i]
			}
			ld := -mo.tt[k*m+l]
			if o.reml {
				ld += 2*trq - trff
			}
			o.ld2[k*m+l], o.ld2[l*m+k] = ld, ld
			o.r2[k*m+l] = 2 * (uqu - aa)
			o.r2[l*m+k] = o.r2[k*m+l]
		}
	}
}
