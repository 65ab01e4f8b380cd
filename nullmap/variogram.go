package nullmap

import (
	"math"
	"math/rand/v2"
	"sync"
)

// matched is variogram matching as phasl does it. A surrogate is a sum of
// independent permutations of the map, each smoothed at a scale of its own,
//
//	s = Σ_j √a_j · S_j π_j(x),   S_0 = I,  a_j ≥ 0
//
// S_j being weighted means with weights exp(−d/ℓ_j), ℓ_j doubling from a quarter
// of the distance to the nearest place to the largest distance. The expected
// variogram of S π(x) is exact,
//
//	γ_j(h) = ½σ² Σ w_h(i,k) |S_j[i,·] − S_j[k,·]|²
//
// so the a_j follow once and for all from non-negative least squares of the
// map's variogram on the γ_j, weighted by pairs/γ² (Cressie 1985,
// doi:10.1007/BF01032109).
//
// BrainSMASH instead regresses on the variogram of one smoothed permutation and
// takes the absolute value of a negative intercept, so that where every smoothed
// map is too rough already, noise is added on top. Non-negative weights cannot
// do that, and the short scales keep short-range structure.
type matched struct {
	n     int
	x     []float64 // the map, mean taken out
	parts []part
	pool  sync.Pool
}

type part struct {
	scale float64   // ℓ [mm]; 0: no smoothing
	a     float64   // weight
	s     []float64 // n × n, rows adding up to 1; nil for the nugget
}

const (
	matchPercentile = 50     // of the distances up to which variograms are matched
	matchPairs      = 50_000 // pairs at most
	matchLags       = 25
)

func newMatched(x []float64, d *Distances) *matched {
	n := d.N
	m := &matched{n: n, x: centred(x)}
	l := newLags(d, matchPercentile, matchLags)
	l.thin(d, matchPairs)
	target := make([]float64, len(l.h))
	l.variogram(target, make([]float64, len(l.i)), x)
	near, far := extent(d)
	parts := []part{{}}
	for s := math.Max(near/4, far/1024); s < 2*far; s *= 2 {
		parts = append(parts, part{scale: s, s: averages(d, s)})
	}
	sigma2 := dot(m.x, m.x) / float64(n-1)
	basis := make([][]float64, len(parts))
	v := make([]float64, len(l.i))
	for p := range parts {
		for k := range l.i {
			i, j := int(l.i[k]), int(l.j[k])
			if parts[p].s == nil {
				v[k] = 2
				continue
			}
			a, b := parts[p].s[i*n:i*n+n], parts[p].s[j*n:j*n+n]
			var q float64
			for c := range a {
				q += (a[c] - b[c]) * (a[c] - b[c])
			}
			v[k] = q
		}
		basis[p] = make([]float64, len(l.h))
		for h, w := range l.w {
			basis[p][h] = sigma2 / 2 * dot(w, v[l.lo[h]:])
		}
	}
	weight := make([]float64, len(target))
	var top float64
	for _, g := range target {
		top = math.Max(top, g)
	}
	for h, g := range target {
		g = math.Max(g, 1e-3*top) // a lag at which places are all but alike
		weight[h] = l.count[h] / (g * g)
	}
	for p, a := range nonNegative(basis, target, weight) {
		if a > 0 {
			parts[p].a = a
			m.parts = append(m.parts, parts[p])
		}
	}
	m.pool.New = func() any { return &matchWork{make([]int32, n), make([]float64, n)} }
	return m
}

type matchWork struct {
	perm []int32
	x    []float64
}

func (m *matched) draw(dst []float64, r *rand.Rand) {
	w := m.pool.Get().(*matchWork)
	defer m.pool.Put(w)
	for i := range dst {
		dst[i] = 0
	}
	for _, p := range m.parts {
		shuffle(w.perm, r)
		a := math.Sqrt(p.a)
		for i, j := range w.perm {
			w.x[i] = a * m.x[j]
		}
		if p.s == nil {
			for i, v := range w.x {
				dst[i] += v
			}
			continue
		}
		for i := range dst {
			dst[i] += dot(p.s[i*m.n:(i+1)*m.n], w.x)
		}
	}
}

// averages returns the matrix of weighted means with weights exp(−d/scale).
func averages(d *Distances, scale float64) []float64 {
	s := make([]float64, d.N*d.N)
	for i := range d.N {
		row := s[i*d.N : (i+1)*d.N]
		var sum float64
		for j, v := range d.Row(i) {
			row[j] = math.Exp(-v / scale)
			sum += row[j]
		}
		for j := range row {
			row[j] /= sum
		}
	}
	return s
}

// thin keeps every m-th pair so that at most most remain.
func (l *lags) thin(d *Distances, most int) {
	step := (len(l.i) + most - 1) / most
	if step <= 1 {
		return
	}
	var u []float64
	k := 0
	for m := 0; m < len(l.i); m += step {
		l.i[k], l.j[k] = l.i[m], l.j[m]
		u = append(u, d.D[int(l.i[k])*d.N+int(l.j[k])])
		k++
	}
	l.i, l.j = l.i[:k], l.j[:k]
	l.weigh(u, len(l.h))
}

// nonNegative returns the a ≥ 0 that minimise Σ_h weight·(y − Σ_j a_j·basis_j)²,
// by descent along one coordinate at a time, which converges for a convex
// quadratic.
func nonNegative(basis [][]float64, y, weight []float64) []float64 {
	m := len(basis)
	g, b, a := make([][]float64, m), make([]float64, m), make([]float64, m)
	for i := range m {
		g[i] = make([]float64, m)
		for j := range m {
			for h, w := range weight {
				g[i][j] += w * basis[i][h] * basis[j][h]
			}
		}
		for h, w := range weight {
			b[i] += w * basis[i][h] * y[h]
		}
	}
	for range 20_000 {
		var moved float64
		for i := range m {
			if g[i][i] <= 0 {
				continue
			}
			v := b[i]
			for j := range m {
				if j != i {
					v -= g[i][j] * a[j]
				}
			}
			v = math.Max(0, v/g[i][i])
			moved += math.Abs(v-a[i]) * math.Sqrt(g[i][i])
			a[i] = v
		}
		var size float64
		for h, w := range weight {
			size += w * y[h] * y[h]
		}
		if moved <= 1e-10*math.Sqrt(size) {
			break
		}
	}
	return a
}
