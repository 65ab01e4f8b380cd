package lmm

import "math"

// DDF is a way to find denominator degrees of freedom.
type DDF int

const (
	KenwardRoger  DDF = iota // Kenward & Roger 1997, with adjusted covariance; needs REML
	Satterthwaite            // as lmerTest
	Residual                 // n − p
)

// String returns the name of the method.
func (d DDF) String() string {
	return [...]string{"Kenward-Roger", "Satterthwaite", "residual"}[d]
}

// varianceParameters returns the asymptotic covariance of (θ, σ), twice the
// inverse Hessian of the deviance
//
//	D(θ, σ) = log|V| [+ log|QᵀV⁻¹Q|] + ν log(2πσ²) + r²/σ²
//
// and ∂Φ/∂θ_i. o must hold the derivatives at θ. Directions in which the
// Hessian is not positive are left out, as lmerTest does; at θ_i = 0 the
// deviance is even in θ_i and ∂Φ/∂θ_i = 0, so a variance on its boundary adds
// nothing.
func varianceParameters(o *objective, theta []float64, sigma float64) (cov []float64, dphi [][]float64) {
	m, p := o.m, o.p
	d := m + 1
	h := make([]float64, d*d)
	first, second := o.ev.lambda(theta)
	s2 := sigma * sigma
	for k := range m {
		gk := o.ld1[k] + o.r1[k]/s2
		for i := range m {
			for j := range m {
				h[i*d+j] += gk * second[(k*m+i)*m+j]
				for l := range m {
					h[i*d+j] += first[k*m+i] * first[l*m+j] * (o.ld2[k*m+l] + o.r2[k*m+l]/s2)
				}
			}
			h[i*d+m] -= 2 * o.r1[k] / (s2 * sigma) * first[k*m+i]
		}
	}
	for i := range m {
		h[m*d+i] = h[i*d+m]
	}
	nu := o.nu()
	h[d*d-1] = -2*nu/s2 + 6*o.red.r2/(s2*s2)
	cov = pseudoInverse(h, d)
	for i := range cov {
		cov[i] *= 2
	}
	// ∂Φ/∂η_k = ΦA_kΦ.
	dphi = make([][]float64, m)
	for i := range m {
		dphi[i] = make([]float64, p*p)
		for k := range m {
			if first[k*m+i] == 0 {
				continue
			}
			prod := mul(o.fk[k*p*p:(k+1)*p*p], o.red.phi, p, p, p)
			for j := range prod {
				dphi[i][j] += first[k*m+i] * prod[j]
			}
		}
	}
	return cov, dphi
}

// pseudoInverse inverts a symmetric matrix over its positive eigenvalues. Rows
// are scaled to a unit diagonal first, so that units do not choose the rank.
func pseudoInverse(a []float64, n int) []float64 {
	scale := make([]float64, n)
	for i := range n {
		scale[i] = 1
		if v := math.Abs(a[i*n+i]); v > 0 {
			scale[i] = 1 / math.Sqrt(v)
		}
	}
	b := make([]float64, n*n)
	for i := range n {
		for j := range n {
			b[i*n+j] = a[i*n+j] * scale[i] * scale[j]
		}
	}
	out := make([]float64, n*n)
	if l := append([]float64(nil), b...); cholesky(l, n) && smallestPivot(l, n) > rankTolerance {
		copy(out, invert(l, n))
	} else {
		val, vec := eigenSym(b, n)
		for e, v := range val {
			if v > rankTolerance*math.Max(1, val[0]) {
				outer(out, vec[e*n:e*n+n], vec[e*n:e*n+n], 1/v)
			}
		}
	}
	for i := range n {
		for j := range n {
			out[i*n+j] *= scale[i] * scale[j]
		}
	}
	return out
}

// rankTolerance is the eigenvalue of a matrix with unit diagonal below which a
// direction counts as not identified. Where two variances cannot be told apart
// rounding leaves some 1e-10, whose inverse would be the answer; a direction
// truly known as badly as 1e-8 has no use either.
const rankTolerance = 1e-8

// smallestPivot returns the least squared diagonal element of a Cholesky factor.
func smallestPivot(l []float64, n int) float64 {
	least := math.Inf(1)
	for i := range n {
		least = min(least, l[i*n+i]*l[i*n+i])
	}
	return least
}

// satterthwaite returns the degrees of freedom of lᵀγ:
//
//	ν = 2 v² / (gᵀAg),  v = σ² lᵀΦl
//
// with g the gradient of v in (θ, σ) and A their covariance. Source: Fai &
// Cornelius 1996, doi:10.1080/00949659608811740; lmerTest, Kuznetsova et al.
// 2017, doi:10.18637/jss.v082.i13.
func satterthwaite(l, phi []float64, dphi [][]float64, cov []float64, sigma float64) float64 {
	m := len(dphi)
	s2 := sigma * sigma
	base := quadratic(l, phi, l)
	g := make([]float64, m+1)
	for i, d := range dphi {
		g[i] = s2 * quadratic(l, d, l)
	}
	g[m] = 2 * sigma * base
	v := s2 * base
	return 2 * v * v / quadratic(g, cov, g)
}

// A kenwardRoger holds what the adjustment needs, in the basis Q and with
// σ = 1. The covariance Σ = σ²V is linear in (σ²V, σ²η), and its directions
// are V and the G_k: a change of basis of pbkrtest's, under which everything
// below is unchanged.
type kenwardRoger struct {
	p    int
	phi  []float64   // Φ
	phiA []float64   // adjusted
	pk   [][]float64 // P_k = −QᵀV⁻¹D_kV⁻¹Q
	w    []float64   // covariance of the variance parameters
}

// newKenwardRoger computes the adjusted covariance
//
//	W    = 2 I⁻¹, I_kl = tr(V⁻¹D_kV⁻¹D_l) − 2tr(ΦQ_kl) + tr(ΦP_kΦP_l)
//	Φ_A  = Φ + 2Φ {Σ_kl W_kl (Q_kl − P_kΦP_l)} Φ
//
// Source: Kenward & Roger 1997, doi:10.2307/2533558; Halekoh & Højsgaard
// 2014, doi:10.18637/jss.v059.i09.
func newKenwardRoger(mo *moments, phi []float64) *kenwardRoger {
	p, m := mo.p, mo.m
	w, d := p+1, m+1
	inner := func(a []float64) []float64 {
		out := make([]float64, p*p)
		for i := range p {
			copy(out[i*p:i*p+p], a[i*w:i*w+p])
		}
		return out
	}
	k := &kenwardRoger{p: p, phi: phi, pk: make([][]float64, d)}
	q := make([][]float64, d*d) // direction 0 is V, k+1 is G_k
	tr := make([]float64, d*d)
	s := inner(mo.s)
	q[0], tr[0] = s, float64(mo.n)
	neg := func(a []float64) []float64 {
		out := make([]float64, len(a))
		for i, v := range a {
			out[i] = -v
		}
		return out
	}
	k.pk[0] = neg(s)
	for i := range m {
		a := inner(mo.a[i])
		k.pk[i+1] = neg(a)
		q[i+1], q[(i+1)*d] = a, a
		tr[i+1], tr[(i+1)*d] = mo.t[i], mo.t[i]
		for j := range m {
			q[(i+1)*d+j+1] = inner(mo.q[i*m+j])
			tr[(i+1)*d+j+1] = mo.tt[i*m+j]
		}
	}
	pf := make([][]float64, d) // P_kΦ
	for i := range d {
		pf[i] = mul(k.pk[i], phi, p, p, p)
	}
	info := make([]float64, d*d)
	for i := range d {
		for j := range d {
			info[i*d+j] = tr[i*d+j] - 2*traceProduct(phi, q[i*d+j])
			for x := range p {
				for y := range p {
					info[i*d+j] += pf[i][x*p+y] * pf[j][y*p+x]
				}
			}
		}
	}
	k.w = pseudoInverse(info, d)
	for i := range k.w {
		k.w[i] *= 2
	}
	u := make([]float64, p*p)
	for i := range d {
		for j := range d {
			ppp := mul(pf[i], k.pk[j], p, p, p)
			for x := range p {
				for y := range p {
					u[x*p+y] += k.w[i*d+j] * (q[i*d+j][x*p+y] - (ppp[x*p+y]+ppp[y*p+x])/2)
				}
			}
		}
	}
	adj := mul(mul(phi, u, p, p, p), phi, p, p, p)
	k.phiA = make([]float64, p*p)
	for i := range adj {
		k.phiA[i] = phi[i] + 2*adj[i]
	}
	return k
}

// ddf returns the denominator degrees of freedom of the hypothesis Lγ = 0,
// L having rows rows, and the factor that scales F. The formulas, in
// pbkrtest's names, are Kenward & Roger 1997, section 3.
func (k *kenwardRoger) ddf(l []float64, rows int) (df, scale float64) {
	p := k.p
	mid := make([]float64, rows*rows) // LΦLᵀ
	for i := range rows {
		for j := range rows {
			mid[i*rows+j] = quadratic(l[i*p:i*p+p], k.phi, l[j*p:j*p+p])
		}
	}
	if !cholesky(mid, rows) {
		return math.NaN(), math.NaN()
	}
	z := append([]float64(nil), l...) // Θ = LᵀMid⁻¹L = zᵀz, z = C⁻¹L
	forward(mid, rows, z, p)
	// tr(ΘΦP_kΦ) and tr(ΘΦP_kΦΘΦP_lΦ) through B_k = zΦP_kΦzᵀ.
	zf := mul(z, k.phi, rows, p, p)
	d := len(k.pk)
	bk := make([][]float64, d)
	tr := make([]float64, d)
	for i := range d {
		half := mul(zf, k.pk[i], rows, p, p)
		bk[i] = make([]float64, rows*rows)
		for x := range rows {
			for y := range rows {
				bk[i][x*rows+y] = dot(half[x*p:x*p+p], zf[y*p:y*p+p])
			}
			tr[i] += bk[i][x*rows+x]
		}
	}
	var a1, a2 float64
	for i := range d {
		for j := range d {
			a1 += k.w[i*d+j] * tr[i] * tr[j]
			a2 += k.w[i*d+j] * traceProduct(bk[i], bk[j])
		}
	}
	if rows == 1 { // the formulas reduce to this, without their 0/0 at ν = 2
		return 2 / a2, 1
	}
	q := float64(rows)
	b := (a1 + 6*a2) / (2 * q)
	g := ((q+1)*a1 - (q+4)*a2) / ((q + 2) * a2)
	den := 3*q + 2*(1-g)
	c1, c2, c3 := g/den, (q-g)/den, (q+2-g)/den
	v0, v1, v2 := 1+c1*b, 1-c2*b, 1-c3*b
	if math.Abs(v0) < 1e-10 {
		v0 = 0
	}
	ratio := (1 - a2/q) / v1
	if math.Abs(1-a2/q) < 1e-14 && math.Abs(v1) < 1e-14 {
		ratio = 1
	}
	rho := ratio * ratio * v0 / (q * v2)
	df = 4 + (q+2)/(q*rho-1)
	scale = 1
	if math.Abs(df-2) >= 1e-2 {
		scale = df * (1 - a2/q) / (df - 2)
	}
	return df, scale
}
