package nullmap

import (
	"math"
	"math/rand/v2"
	"sync"

	"gonum.org/v1/gonum/mat"
)

// moran is Moran spectral randomisation. W holds inverse distances [1/mm] with
// ones on the diagonal, as neuromaps sets it. With v_j the eigenvectors of the
// doubly centred W and c_j = v_j·x,
//
//	singleton   c_j → ±c_j
//	pair        (c_j, c_k) → √(c_j² + c_k²)·(cos φ, sin φ), in random pairs
//
// Singleton keeps Moran's I of the map exactly, pair only in expectation over
// similar eigenvalues: with pairs at random it is nearer to white noise. Places
// at one spot get the inverse of the smallest distance that is not zero.
//
// Source: Wagner & Dray 2015, doi:10.1111/2041-210X.12407.
type moran struct {
	*moranBasis
	pair bool
	c    []float64
	pool sync.Pool
}

// A moranBasis holds the eigenvectors, which belong to the places alone.
type moranBasis struct {
	lambda []float64
	u      []float64
}

func newMoranBasis(d *Distances) *moranBasis {
	smallest := math.Inf(1)
	for _, v := range d.D {
		if v > 0 {
			smallest = math.Min(smallest, v)
		}
	}
	w := mat.NewSymDense(d.N, nil)
	for i := range d.N {
		w.SetSym(i, i, 1)
		for j := range i {
			w.SetSym(j, i, 1/math.Max(d.D[i*d.N+j], smallest))
		}
	}
	b := &moranBasis{}
	b.lambda, b.u = contrasts(w)
	return b
}

// of returns what draws surrogates of a map.
func (b *moranBasis) of(x []float64, pair bool) *moran {
	n := len(x) - 1
	m := &moran{moranBasis: b, pair: pair, c: make([]float64, n)}
	(&cell{lambda: b.lambda, u: b.u}).project(m.c, centred(x))
	m.pool.New = func() any { return &moranWork{make([]int32, n), make([]float64, n)} }
	return m
}

type moranWork struct {
	perm []int32
	c    []float64
}

func (m *moran) draw(dst []float64, r *rand.Rand) {
	w := m.pool.Get().(*moranWork)
	defer m.pool.Put(w)
	sign := func(j int32) {
		w.c[j] = m.c[j]
		if r.Uint64()>>63 == 0 {
			w.c[j] = -m.c[j]
		}
	}
	if m.pair {
		shuffle(w.perm, r)
		k := 0
		for ; k+2 <= len(w.perm); k += 2 {
			a, b := w.perm[k], w.perm[k+1]
			s, c := math.Sincos(2 * math.Pi * r.Float64())
			h := math.Hypot(m.c[a], m.c[b])
			w.c[a], w.c[b] = h*c, h*s
		}
		if k < len(w.perm) {
			sign(w.perm[k])
		}
	} else {
		for j := range m.c {
			sign(int32(j))
		}
	}
	expand(dst, w.c, m.u)
}

// expand writes Σ c_j u_j to dst, u_j being the rows of u.
func expand(dst, c, u []float64) {
	n := len(dst)
	for i := range dst {
		dst[i] = 0
	}
	j := 0
	for ; j+2 <= len(c); j += 2 {
		a, b := c[j], c[j+1]
		p, q := u[j*n:j*n+n], u[(j+1)*n:(j+2)*n]
		for i := range dst {
			dst[i] += a*p[i] + b*q[i]
		}
	}
	if j < len(c) {
		for i, v := range u[j*n : j*n+n] {
			dst[i] += c[j] * v
		}
	}
}

// MoranI returns Moran's I of x with inverse-distance weights,
//
//	I = n/ΣW · zᵀWz/zᵀz,  W_ij = 1/d_ij, W_ii = 0
//
// z being x about its mean. It is NaN if x is constant, and infinite or NaN if
// two places lie at one spot.
func MoranI(x []float64, d *Distances) float64 {
	z := centred(x)
	var sum, quad float64
	for i := range d.N {
		for j, v := range d.Row(i) {
			if i != j {
				sum += 1 / v
				quad += z[i] * z[j] / v
			}
		}
	}
	return float64(d.N) / sum * quad / dot(z, z)
}
