package lmm

import "math"

// moments are what the likelihood and its derivatives need at one value of
// the variance parameters. With V = I + Σ η_k G_k and W = [Q e], the
// orthonormal fixed effects and the least-squares residual:
//
//	logdet  log|V|
//	t_k     tr(V⁻¹G_k)
//	tt_kl   tr(V⁻¹G_kV⁻¹G_l)
//	s       WᵀV⁻¹W
//	a_k     WᵀV⁻¹G_kV⁻¹W
//	q_kl    the symmetric part of WᵀV⁻¹G_kV⁻¹G_lV⁻¹W
//
// η runs over the elements of ΛΛᵀ, term by term, column by column of the
// lower triangle; w = p + 1 is the width of W.
type moments struct {
	n, p, m int
	logdet  float64
	s       []float64
	t, tt   []float64
	a, q    [][]float64 // q[k*m+l] for k ≥ l; the other half shares its slices
}

func newMoments(n, p, m int) moments {
	w := p + 1
	mo := moments{n: n, p: p, m: m, s: make([]float64, w*w), t: make([]float64, m), tt: make([]float64, m*m), a: make([][]float64, m), q: make([][]float64, m*m)}
	for k := range m {
		mo.a[k] = make([]float64, w*w)
		for l := range k + 1 {
			mo.q[k*m+l] = make([]float64, w*w)
			mo.q[l*m+k] = mo.q[k*m+l]
		}
	}
	return mo
}

// An evaluator fills moments at θ; with derivatives only if deriv is set.
type evaluator interface {
	moments(theta []float64, deriv bool) *moments
	// lambda returns η, its first derivatives dη_k/dθ_i (m×m) and second
	// derivatives d²η_k/dθ_idθ_j (m×m×m).
	lambda(theta []float64) (first, second []float64)
}

// A general evaluator serves any design, block by block.
type general struct {
	d   *Design
	see float64     // eᵀe
	zw  [][]float64 // ZᵀW of each block
	mo  moments
}

func newGeneral(d *Design, e []float64) *general {
	p := d.orth.p
	g := &general{d: d, see: dot(e, e), mo: newMoments(d.N, p, d.m), zw: make([][]float64, len(d.block))}
	for bi := range d.block {
		b := &d.block[bi]
		zw := make([]float64, b.q*(p+1))
		for i := range b.q {
			copy(zw[i*(p+1):], b.zq[i*p:i*p+p])
		}
		for n, row := range b.rows {
			for t, r := range d.ran {
				for i, v := range r.z[row*r.k : row*r.k+r.k] {
					zw[(b.col[t][n]+i)*(p+1)+p] += v * e[row]
				}
			}
		}
		g.zw[bi] = zw
	}
	return g
}

// relative returns the lower-triangular factor Λ of a term, k×k.
func (r *ranef) relative(theta []float64) []float64 {
	l := make([]float64, r.k*r.k)
	at := r.theta
	for j := range r.k {
		for i := j; i < r.k; i++ {
			l[i*r.k+j] = theta[at]
			at++
		}
	}
	return l
}

func (g *general) lambda(theta []float64) (first, second []float64) {
	m := g.d.m
	first, second = make([]float64, m*m), make([]float64, m*m*m)
	for _, r := range g.d.ran {
		l := r.relative(theta)
		type cell struct{ row, col int }
		var cells []cell // of θ, and of η alike
		for j := range r.k {
			for i := j; i < r.k; i++ {
				cells = append(cells, cell{i, j})
			}
		}
		is := func(a, b int) float64 {
			if a == b {
				return 1
			}
			return 0
		}
		for k, e := range cells { // η = Σ_j λ(row,j) λ(col,j)
			for i, x := range cells {
				first[(r.theta+k)*m+r.theta+i] = is(e.row, x.row)*l[e.col*r.k+x.col] + is(e.col, x.row)*l[e.row*r.k+x.col]
				for j, y := range cells {
					if x.col == y.col {
						second[((r.theta+k)*m+r.theta+i)*m+r.theta+j] = is(e.row, x.row)*is(e.col, y.row) + is(e.col, x.row)*is(e.row, y.row)
					}
				}
			}
		}
	}
	return first, second
}

func (g *general) moments(theta []float64, deriv bool) *moments {
	mo := &g.mo
	w := mo.p + 1
	clear(mo.s)
	for i := range mo.p {
		mo.s[i*w+i] = 1
	}
	mo.s[w*w-1] = g.see
	mo.logdet = 0
	clear(mo.t)
	clear(mo.tt)
	for k := range mo.m {
		clear(mo.a[k])
		for l := range k + 1 {
			clear(mo.q[k*mo.m+l])
		}
	}
	lam := make([][]float64, len(g.d.ran))
	for t := range g.d.ran {
		lam[t] = g.d.ran[t].relative(theta)
	}
	for bi := range g.d.block {
		g.addBlock(&g.d.block[bi], g.zw[bi], lam, deriv)
	}
	for k := range mo.m { // fill the other triangle of the symmetric traces
		for l := range k {
			mo.tt[l*mo.m+k] = mo.tt[k*mo.m+l]
		}
	}
	return mo
}

// lambdaT returns ΛᵀB for the rows of one block, B being q×c.
func (g *general) lambdaT(b *block, lam [][]float64, x []float64, c int) []float64 {
	out := make([]float64, len(x))
	for t, r := range g.d.ran {
		for lv := range b.lev[t] {
			at := b.start[t] + lv*r.k
			for j := range r.k {
				dst := out[(at+j)*c : (at+j+1)*c]
				for i := j; i < r.k; i++ {
					if v := lam[t][i*r.k+j]; v != 0 {
						for n, u := range x[(at+i)*c : (at+i+1)*c] {
							dst[n] += v * u
						}
					}
				}
			}
		}
	}
	return out
}

// addBlock adds a block's part: with LLᵀ = I + ΛᵀZᵀZΛ,
//
//	ZᵀV⁻¹Z = ZᵀZ − BᵀB, B = L⁻¹ΛᵀZᵀZ
//	ZᵀV⁻¹W = ZᵀW − BᵀC, C = L⁻¹ΛᵀZᵀW
func (g *general) addBlock(b *block, zw []float64, lam [][]float64, deriv bool) {
	mo := &g.mo
	q, w := b.q, mo.p+1
	la := g.lambdaT(b, lam, b.a, q)
	// (ΛᵀA)ᵀ = AΛ; a second pass gives ΛᵀAΛ.
	l := g.lambdaT(b, lam, transpose(la, q), q)
	for i := range q {
		l[i*q+i]++
	}
	if !cholesky(l, q) {
		mo.logdet = math.NaN()
		return
	}
	for i := range q {
		mo.logdet += 2 * math.Log(l[i*q+i])
	}
	c := g.lambdaT(b, lam, zw, w)
	forward(l, q, c, w)
	for i := range q {
		ci := c[i*w : i*w+w]
		for x, v := range ci {
			if v == 0 {
				continue
			}
			row := mo.s[x*w : x*w+w]
			for y := range row {
				row[y] -= v * ci[y]
			}
		}
	}
	if !deriv {
		return
	}
	forward(l, q, la, q) // now B
	k := append([]float64(nil), b.a...)
	r := append([]float64(nil), zw...)
	for i := range q {
		bi := la[i*q : i*q+q]
		ci := c[i*w : i*w+w]
		for x, v := range bi {
			if v == 0 {
				continue
			}
			kx, rx := k[x*q:x*q+q], r[x*w:x*w+w]
			for y, u := range bi {
				kx[y] -= v * u
			}
			for y, u := range ci {
				rx[y] -= v * u
			}
		}
	}
	g.addDerivatives(b, k, r)
}

// addDerivatives adds the derivative moments of a block from K = ZᵀV⁻¹Z and
// R = ZᵀV⁻¹W. G_k = Z E_k Zᵀ, where E_k has ones at the elements of the
// covariance that η_k is.
func (g *general) addDerivatives(b *block, k, r []float64) {
	mo := &g.mo
	q, w, m := b.q, mo.p+1, mo.m
	type pair struct{ x, y int }
	es := make([][]pair, 0, m)
	for t, rf := range g.d.ran {
		for j := range rf.k {
			for i := j; i < rf.k; i++ {
				var e []pair
				for lv := range b.lev[t] {
					at := b.start[t] + lv*rf.k
					e = append(e, pair{at + i, at + j})
					if i != j {
						e = append(e, pair{at + j, at + i})
					}
				}
				es = append(es, e)
			}
		}
	}
	h := make([]float64, q*w)
	for u, eu := range es {
		for _, e := range eu {
			mo.t[u] += k[e.x*q+e.y]
			outer(mo.a[u], r[e.x*w:e.x*w+w], r[e.y*w:e.y*w+w], 1)
		}
		clear(h) // K E_u R
		for _, e := range eu {
			rv := r[e.y*w : e.y*w+w]
			for i := range q {
				if v := k[i*q+e.x]; v != 0 {
					hi := h[i*w : i*w+w]
					for j, x := range rv {
						hi[j] += v * x
					}
				}
			}
		}
		for v := 0; v <= u; v++ {
			for _, f := range es[v] {
				for _, e := range eu {
					mo.tt[u*m+v] += k[f.y*q+e.x] * k[e.y*q+f.x]
				}
				outer(mo.q[u*m+v], r[f.x*w:f.x*w+w], h[f.y*w:f.y*w+w], 0.5)
				outer(mo.q[u*m+v], h[f.y*w:f.y*w+w], r[f.x*w:f.x*w+w], 0.5)
			}
		}
	}
}

// outer adds c·xyᵀ to dst.
func outer(dst, x, y []float64, c float64) {
	w := len(x)
	for i, v := range x {
		if v *= c; v != 0 {
			row := dst[i*w : i*w+w]
			for j, u := range y {
				row[j] += v * u
			}
		}
	}
}

func transpose(a []float64, n int) []float64 {
	t := make([]float64, len(a))
	for i := range n {
		for j := range n {
			t[j*n+i] = a[i*n+j]
		}
	}
	return t
}
