package lmm

import (
	"math"
	"slices"
)

// A nestedDesign evaluates moments of one random intercept, or of two of
// which the finer is nested in the coarser, without touching single rows. A
// unit is a level of the finer term (of the only one, if it is one) and a
// block a level of the coarser. With a and g the variance ratios η of the two,
// a unit of m rows has
//
//	V_u⁻¹ = I − a w 11ᵀ,  V_u⁻¹1 = w 1,  w = 1/(1 + am)
//
// and a block, with s = Σ m w over its units and c = g/(1 + gs),
//
//	V⁻¹ = ⊕V_u⁻¹ − c (⊕V_u⁻¹ 1)(⊕V_u⁻¹ 1)ᵀ,  log|V| = Σ log(1 + am) + log(1 + gs)
//
// Hence S = WᵀV⁻¹W is a sum of few fixed matrices, one for each size of unit
// and each pair of sizes in each kind of block, with coefficients that are
// elementary functions of (a, g): so are all derivatives. Only the last row
// and column of each matrix depend on the response.
//
// In a complete, balanced design the matrices' parts of Q commute. The basis
// is then turned to their common eigenvectors (rot), in which they are
// diagonal, and a step costs O(p) in place of O(p³).
type nestedDesign struct {
	n, p  int
	m     int       // 1 or 2 variance parameters
	unit  []int     // unit of each row
	size  []int     // rows of each unit
	outer []int     // block of each unit, if m is 2
	sizes []int     // distinct sizes of units
	count []int     // units of each
	of    []int     // index in sizes of each unit
	bq    []float64 // Σ of Q over each unit's rows
	kinds []blockKind
	kind  []int       // kind of each block
	mats  [][]float64 // (p+1)², the part of Q filled in: sizes first, then each kind's pairs
	rot   []float64   // rows are the new basis in terms of Q's columns; nil: Q itself
}

// A blockKind is the multiset of the sizes of a block's units.
type blockKind struct {
	blocks int
	units  []int // number of units of each size, by index in sizes
	have   []int // indices of the sizes that occur
	first  int   // its first matrix; pairs (i, j), i ≤ j, over have follow
}

// newNested returns nil if the random effects are of another kind.
func newNested(d *Design) *nestedDesign {
	if len(d.ran) < 1 || len(d.ran) > 2 {
		return nil
	}
	for _, r := range d.ran {
		if r.k != 1 {
			return nil
		}
		for _, z := range r.z {
			if z != 1 {
				return nil
			}
		}
	}
	p := d.orth.p
	nd := &nestedDesign{n: d.N, p: p, m: len(d.ran), unit: d.ran[0].lev, size: make([]int, d.ran[0].nlev)}
	for _, u := range nd.unit {
		nd.size[u]++
	}
	if nd.m == 2 {
		nd.outer = make([]int, len(nd.size))
		for i := range nd.outer {
			nd.outer[i] = -1
		}
		for i, u := range nd.unit {
			b := d.ran[1].lev[i]
			if nd.outer[u] >= 0 && nd.outer[u] != b {
				return nil
			}
			nd.outer[u] = b
		}
	}
	at := map[int]int{}
	for _, s := range nd.size {
		k, ok := at[s]
		if !ok {
			k = len(nd.sizes)
			at[s] = k
			nd.sizes, nd.count = append(nd.sizes, s), append(nd.count, 0)
		}
		nd.of = append(nd.of, k)
		nd.count[k]++
	}
	nd.bq = make([]float64, len(nd.size)*p)
	for i, u := range nd.unit {
		for j, v := range d.orth.q[i*p : i*p+p] {
			nd.bq[u*p+j] += v
		}
	}
	if nd.m == 2 && !nd.sortBlocks(d.ran[1].nlev) {
		return nil
	}
	nd.fillQ()
	if nd.turn() {
		nd.fillQ()
	}
	return nd
}

// turn rotates the basis to common eigenvectors of the matrices and returns
// whether there are such.
func (nd *nestedDesign) turn() bool {
	p, w := nd.p, nd.p+1
	if p == 0 {
		return false
	}
	mix := make([]float64, p*p) // a generic combination has all their eigenvectors
	var size float64
	for k, m := range nd.mats {
		for i := range p {
			for j := range p {
				mix[i*p+j] += math.Sqrt(float64(k)+2) * m[i*w+j]
				size = math.Max(size, math.Abs(m[i*w+j]))
			}
		}
	}
	_, rot := eigenSym(mix, p)
	for _, m := range nd.mats {
		inner := make([]float64, p*p)
		for i := range p {
			copy(inner[i*p:i*p+p], m[i*w:i*w+p])
		}
		c := sandwich(rot, inner, p, p)
		for i := range p {
			for j := range i {
				if math.Abs(c[i*p+j]) > 1e-11*size {
					return false
				}
			}
		}
	}
	nd.rot = rot
	for u := range nd.size {
		copy(nd.bq[u*p:u*p+p], nd.turned(nd.bq[u*p:u*p+p]))
	}
	return true
}

// turned returns a vector over Q's columns in the basis in use.
func (nd *nestedDesign) turned(l []float64) []float64 {
	if nd.rot == nil {
		return l
	}
	return mul(nd.rot, l, nd.p, nd.p, 1)
}

// maxMatrices bounds the fixed matrices; a design with more kinds of blocks
// gains nothing from sorting them.
const maxMatrices = 200

func (nd *nestedDesign) sortBlocks(blocks int) bool {
	units := make([][]int, blocks)
	for b := range units {
		units[b] = make([]int, len(nd.sizes))
	}
	for u, b := range nd.outer {
		units[b][nd.of[u]]++
	}
	nd.kind = make([]int, blocks)
	next := len(nd.sizes)
	for b, n := range units {
		nd.kind[b] = -1
		for k := range nd.kinds {
			if slices.Equal(nd.kinds[k].units, n) {
				nd.kind[b] = k
				nd.kinds[k].blocks++
			}
		}
		if nd.kind[b] >= 0 {
			continue
		}
		nd.kind[b] = len(nd.kinds)
		bk := blockKind{blocks: 1, units: n, first: next}
		for i, c := range n {
			if c > 0 {
				bk.have = append(bk.have, i)
			}
		}
		next += len(bk.have) * (len(bk.have) + 1) / 2
		if next > maxMatrices {
			return false
		}
		nd.kinds = append(nd.kinds, bk)
	}
	return true
}

func (nd *nestedDesign) fillQ() {
	p, w := nd.p, nd.p+1
	n := len(nd.sizes)
	for _, k := range nd.kinds {
		n += len(k.have) * (len(k.have) + 1) / 2
	}
	nd.mats = make([][]float64, n)
	for i := range nd.mats {
		nd.mats[i] = make([]float64, w*w)
	}
	add := func(dst, x, y []float64, c float64) {
		for i, v := range x {
			for j, u := range y {
				dst[i*w+j] += c * v * u
			}
		}
	}
	for u, k := range nd.of {
		add(nd.mats[k], nd.bq[u*p:u*p+p], nd.bq[u*p:u*p+p], 1)
	}
	sums := nd.blockSums(nd.bq, p)
	for b, k := range nd.kind {
		bk := &nd.kinds[k]
		at := bk.first
		for x, i := range bk.have {
			for _, j := range bk.have[x:] {
				bi, bj := sums[(b*len(nd.sizes)+i)*p:][:p], sums[(b*len(nd.sizes)+j)*p:][:p]
				if i == j {
					add(nd.mats[at], bi, bi, 1)
				} else {
					add(nd.mats[at], bi, bj, 1)
					add(nd.mats[at], bj, bi, 1)
				}
				at++
			}
		}
	}
}

// blockSums returns, for each block and size, the sum of the units' vectors of
// width w.
func (nd *nestedDesign) blockSums(unit []float64, w int) []float64 {
	out := make([]float64, len(nd.kind)*len(nd.sizes)*w)
	for u, b := range nd.outer {
		dst := out[(b*len(nd.sizes)+nd.of[u])*w:][:w]
		for j, v := range unit[u*w : u*w+w] {
			dst[j] += v
		}
	}
	return out
}

// A nestedEval evaluates one response at a time; it is a worker's own.
type nestedEval struct {
	nd     *nestedDesign
	bq     []float64 // block sums of Q
	mats   [][]float64
	see    float64
	be     []float64 // unit sums of e
	bs     []float64 // block sums of e
	mo     moments
	direct bool  // θ is η itself
	cells  []int // elements in use, if the matrices are diagonal in Q
	first  []float64
	second []float64
}

func newNestedEval(nd *nestedDesign) *nestedEval {
	e := &nestedEval{nd: nd, mo: newMoments(nd.n, nd.p, nd.m), be: make([]float64, len(nd.size)), first: make([]float64, nd.m*nd.m), second: make([]float64, nd.m*nd.m*nd.m)}
	for _, m := range nd.mats {
		e.mats = append(e.mats, append([]float64(nil), m...))
	}
	if nd.m == 2 {
		e.bq = nd.blockSums(nd.bq, nd.p)
		e.bs = make([]float64, len(nd.kind)*len(nd.sizes))
	}
	p, w := nd.p, nd.p+1
	for i := range p {
		if nd.rot != nil {
			e.cells = append(e.cells, i*w+i, i*w+p, p*w+i)
		}
	}
	if nd.rot != nil {
		e.cells = append(e.cells, p*w+p)
	}
	return e
}

// respond takes the residual of a response, filling the last row and column
// of each matrix.
func (e *nestedEval) respond(res []float64) {
	nd := e.nd
	p, w := nd.p, nd.p+1
	e.see = dot(res, res)
	clear(e.be)
	for i, v := range res {
		e.be[nd.unit[i]] += v
	}
	for _, m := range e.mats {
		clear(m[p*w:])
	}
	for u, k := range nd.of {
		row := e.mats[k][p*w:]
		v := e.be[u]
		for j, q := range nd.bq[u*p : u*p+p] {
			row[j] += v * q
		}
		row[p] += v * v
	}
	if nd.m == 2 {
		clear(e.bs)
		for u, b := range nd.outer {
			e.bs[b*len(nd.sizes)+nd.of[u]] += e.be[u]
		}
		for b, k := range nd.kind {
			bk := &nd.kinds[k]
			at := bk.first
			for x, i := range bk.have {
				for _, j := range bk.have[x:] {
					row := e.mats[at][p*w:]
					bi, bj := b*len(nd.sizes)+i, b*len(nd.sizes)+j
					vi, vj := e.bs[bi], e.bs[bj]
					qi := e.bq[bi*p : bi*p+p]
					if i == j {
						for c, q := range qi {
							row[c] += vi * q
						}
						row[p] += vi * vi
					} else {
						for c, q := range e.bq[bj*p : bj*p+p] {
							row[c] += vi*q + vj*qi[c]
						}
						row[p] += 2 * vi * vj
					}
					at++
				}
			}
		}
	}
	for _, m := range e.mats {
		for j := range p {
			m[j*w+p] = m[p*w+j]
		}
	}
}

func (e *nestedEval) lambda(theta []float64) (first, second []float64) {
	m := e.nd.m
	for k, t := range theta { // η = θ²
		if e.direct {
			e.first[k*m+k], e.second[(k*m+k)*m+k] = 1, 0
			continue
		}
		e.first[k*m+k] = 2 * t
		e.second[(k*m+k)*m+k] = 2
	}
	return e.first, e.second
}

// positive tells whether V is positive definite.
func (nd *nestedDesign) positive(a, g float64) bool {
	for _, m := range nd.sizes {
		if !(1+a*float64(m) > 0) {
			return false
		}
	}
	for _, bk := range nd.kinds {
		var s float64
		for _, i := range bk.have {
			m := float64(nd.sizes[i])
			s += float64(bk.units[i]) * m / (1 + a*m)
		}
		if !(1+g*s > 0) {
			return false
		}
	}
	return true
}

// coefficient is a function of (a, g) with its derivatives.
type coefficient struct{ v, a, g, aa, ag, gg float64 }

func (e *nestedEval) moments(theta []float64, deriv bool) *moments {
	nd, mo := e.nd, &e.mo
	p, w := nd.p, nd.p+1
	clear(mo.s)
	for i := range p {
		mo.s[i*w+i] = 1
	}
	mo.s[w*w-1] = e.see
	if deriv {
		for k := range nd.m {
			clear(mo.a[k])
			for l := range k + 1 {
				clear(mo.q[k*nd.m+l])
			}
		}
	}
	a, g := theta[0]*theta[0], 0.0
	if nd.m == 2 {
		g = theta[1] * theta[1]
	}
	if e.direct {
		if a = theta[0]; nd.m == 2 {
			g = theta[1]
		}
		if !nd.positive(a, g) {
			mo.logdet = math.NaN()
			return mo
		}
	}
	var ld coefficient
	for k, size := range nd.sizes {
		m, n := float64(size), float64(nd.count[k])
		wt := 1 / (1 + a*m)
		ld.v += n * math.Log1p(a*m)
		ld.a += n * m * wt
		ld.aa -= n * m * m * wt * wt
		e.add(k, coefficient{v: -a * wt, a: -wt * wt, aa: 2 * m * wt * wt * wt}, deriv)
	}
	for _, bk := range nd.kinds {
		var s, s1, s2 float64 // Σ m w and its derivatives in a
		for _, i := range bk.have {
			m, n := float64(nd.sizes[i]), float64(bk.units[i])
			wt := 1 / (1 + a*m)
			s += n * m * wt
			s1 -= n * m * m * wt * wt
			s2 += 2 * n * m * m * m * wt * wt * wt
		}
		r := 1 / (1 + g*s)
		c := g * r
		cg, cgg := r*r, -2*s*r*r*r
		ca, caa := -c*c*s1, 2*c*c*c*s1*s1-c*c*s2
		cag := -2 * g * r * r * r * s1
		n := float64(bk.blocks)
		ld.v += n * math.Log1p(g*s)
		ld.g += n * s * r
		ld.gg -= n * s * s * r * r
		ld.a += n * c * s1
		ld.aa += n * (ca*s1 + c*s2)
		ld.ag += n * cg * s1
		at := bk.first
		for x, i := range bk.have {
			mi := float64(nd.sizes[i])
			wi := 1 / (1 + a*mi)
			wi1, wi2 := -mi*wi*wi, 2*mi*mi*wi*wi*wi
			for _, j := range bk.have[x:] {
				mj := float64(nd.sizes[j])
				wj := 1 / (1 + a*mj)
				wj1, wj2 := -mj*wj*wj, 2*mj*mj*wj*wj*wj
				pr, pr1, pr2 := wi*wj, wi1*wj+wi*wj1, wi2*wj+2*wi1*wj1+wi*wj2
				e.add(at, coefficient{
					v: -c * pr, g: -cg * pr, gg: -cgg * pr,
					a:  -(ca*pr + c*pr1),
					aa: -(caa*pr + 2*ca*pr1 + c*pr2),
					ag: -(cag*pr + cg*pr1),
				}, deriv)
				at++
			}
		}
	}
	mo.logdet = ld.v
	if deriv {
		mo.t[0], mo.tt[0] = ld.a, -ld.aa
		if nd.m == 2 {
			mo.t[1] = ld.g
			mo.tt[1], mo.tt[2], mo.tt[3] = -ld.ag, -ld.ag, -ld.gg
		}
	}
	return mo
}

// add adds c times matrix k to S and to its derivatives: a_k = −∂S/∂η_k,
// q_kl = ½ ∂²S/∂η_k∂η_l.
func (e *nestedEval) add(k int, c coefficient, deriv bool) {
	mo, mat := &e.mo, e.mats[k]
	if e.cells != nil {
		for _, i := range e.cells {
			mo.s[i] += c.v * mat[i]
		}
		if deriv {
			e.addCells(mat, c)
		}
		return
	}
	if !deriv {
		s := mo.s[:len(mat)]
		for i, v := range mat {
			s[i] += c.v * v
		}
		return
	}
	s, a0, q00 := mo.s[:len(mat)], mo.a[0][:len(mat)], mo.q[0][:len(mat)]
	if e.nd.m == 1 {
		for i, v := range mat {
			s[i] += c.v * v
			a0[i] -= c.a * v
			q00[i] += 0.5 * c.aa * v
		}
		return
	}
	a1, q01, q11 := mo.a[1][:len(mat)], mo.q[2][:len(mat)], mo.q[3][:len(mat)]
	for i, v := range mat {
		s[i] += c.v * v
		a0[i] -= c.a * v
		q00[i] += 0.5 * c.aa * v
		a1[i] -= c.g * v
		q01[i] += 0.5 * c.ag * v
		q11[i] += 0.5 * c.gg * v
	}
}

func (e *nestedEval) addCells(mat []float64, c coefficient) {
	mo := &e.mo
	a0, q00 := mo.a[0], mo.q[0]
	for _, i := range e.cells {
		a0[i] -= c.a * mat[i]
		q00[i] += 0.5 * c.aa * mat[i]
	}
	if e.nd.m == 2 {
		a1, q01, q11 := mo.a[1], mo.q[2], mo.q[3]
		for _, i := range e.cells {
			v := mat[i]
			a1[i] -= c.g * v
			q01[i] += 0.5 * c.ag * v
			q11[i] += 0.5 * c.gg * v
		}
	}
}
