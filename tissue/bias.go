package tissue

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"phasl/voxel"
)

// A polynomial is a smooth scalar field: products of Legendre polynomials of
// the three world coordinates, scaled to −1…1 over the brain, of total order
// at most the given one. The constant is left out, as it cannot be told from
// the tissues' means; the field has mean zero over the voxels it was fitted to.
type polynomial struct {
	order  int
	lo, hi voxel.Vec
	terms  [][3]int
	coef   []float64
	mean   float64 // subtracted, so that the field has mean zero
}

func newPolynomial(order int, g voxel.Grid, at []int32) *polynomial {
	p := &polynomial{order: order}
	for n, i := range at {
		w := g.World(g.Coord(int(i)))
		for a := range 3 {
			if n == 0 {
				p.lo[a], p.hi[a] = w[a], w[a]
			}
			p.lo[a], p.hi[a] = min(p.lo[a], w[a]), max(p.hi[a], w[a])
		}
	}
	for a := 0; a <= order; a++ {
		for b := 0; a+b <= order; b++ {
			for c := 0; a+b+c <= order; c++ {
				if a+b+c > 0 {
					p.terms = append(p.terms, [3]int{a, b, c})
				}
			}
		}
	}
	p.coef = make([]float64, len(p.terms))
	return p
}

// scratch returns the memory [polynomial.basis] needs.
func (p *polynomial) scratch() []float64 { return make([]float64, 3*(p.order+1)+len(p.terms)) }

// basis returns the terms at w, in memory of s.
func (p *polynomial) basis(w voxel.Vec, s []float64) []float64 {
	n := p.order + 1
	for a := range 3 {
		x := 0.0
		if p.hi[a] > p.lo[a] {
			x = min(max(2*(w[a]-p.lo[a])/(p.hi[a]-p.lo[a])-1, -1), 1)
		}
		l := s[a*n : (a+1)*n]
		l[0] = 1
		if n > 1 {
			l[1] = x
		}
		for k := 2; k < n; k++ { // Bonnet's recursion
			l[k] = (float64(2*k-1)*x*l[k-1] - float64(k-1)*l[k-2]) / float64(k)
		}
	}
	out := s[3*n:]
	for t, e := range p.terms {
		out[t] = s[e[0]] * s[n+e[1]] * s[2*n+e[2]]
	}
	return out
}

// at returns the field at w.
func (p *polynomial) at(w voxel.Vec, s []float64) float64 {
	v := -p.mean
	for t, x := range p.basis(w, s) {
		v += p.coef[t] * x
	}
	return v
}

// solve sets the coefficients to those that minimise Σ w (r − c₀ − field)² plus
// a ridge that grows with the order of the term, given the normal equations
// with the constant first. The free constant c₀ is dropped. It reports whether
// the equations could be solved; if not, nothing changes.
func (p *polynomial) solve(normal []float64, rhs []float64) bool {
	n := len(p.terms) + 1
	a := mat.NewSymDense(n, normal)
	// The ridge bounds terms the brain's shape leaves undetermined; 1e-4 of the
	// total weight lowers a well-determined coefficient by less than 1 %.
	total := normal[0]
	for t, e := range p.terms {
		o := float64(e[0] + e[1] + e[2])
		a.SetSym(t+1, t+1, a.At(t+1, t+1)+1e-4*total*o*o/4)
	}
	var chol mat.Cholesky
	if !(total > 0) || !chol.Factorize(a) {
		return false
	}
	var x mat.VecDense
	if chol.SolveVecTo(&x, mat.NewVecDense(n, rhs)) != nil {
		return false
	}
	for t := range p.terms {
		if v := x.AtVec(t + 1); math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	for t := range p.terms {
		p.coef[t] = x.AtVec(t + 1)
	}
	return true
}
