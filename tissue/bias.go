package tissue

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"phasl/voxel"
)

// maxOrder is the highest order of a bias field.
const maxOrder = 6

// A polynomial is a smooth scalar field: products of Legendre polynomials of
// the three world coordinates, scaled to −1…1 over the brain, of total order
// at most the given one. The constant is left out, as it cannot be told from
// the tissues' means; the field has mean zero over the voxels it was fitted to.
type polynomial struct {
	order  int
	lo, hi voxel.Vec
	terms  [][3]int  // orders along x, y, z: nested in that order, rising
	coef   []float64 // of each term
	mean   float64   // subtracted, so that the field has mean zero
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
	p.terms = nested(order)[1:]
	p.coef = make([]float64, len(p.terms))
	return p
}

// nested lists the orders of products of three polynomials of total order at
// most the given one.
func nested(order int) [][3]int {
	var out [][3]int
	for a := range order + 1 {
		for b := range order - a + 1 {
			for c := range order - a - b + 1 {
				out = append(out, [3]int{a, b, c})
			}
		}
	}
	return out
}

// scaled returns the coordinates of the world point w scaled to −1…1.
func (p *polynomial) scaled(w voxel.Vec) (x [3]float64) {
	for a := range 3 {
		if p.hi[a] > p.lo[a] {
			x[a] = min(max(2*(w[a]-p.lo[a])/(p.hi[a]-p.lo[a])-1, -1), 1)
		}
	}
	return x
}

// bonnet holds the factors of Bonnet's recursion:
//
//	P_k(x) = factor[k][0]·x·P_{k−1} − factor[k][1]·P_{k−2}
var bonnet = func() (f [2*maxOrder + 1][2]float64) {
	for k := 2; k < len(f); k++ {
		f[k] = [2]float64{float64(2*k-1) / float64(k), float64(k-1) / float64(k)}
	}
	return f
}()

// legendre fills l with the Legendre polynomials of x, from order 0 up.
func legendre(l []float64, x float64) {
	before, last := 0.0, 1.0
	for k := range l {
		switch k {
		case 0:
		case 1:
			before, last = 1, x
		default:
			before, last = last, bonnet[k][0]*x*last-bonnet[k][1]*before
		}
		l[k] = last
	}
}

// at returns the field at x, scaled coordinates.
func (p *polynomial) at(x *[3]float64) float64 {
	var buf [3][maxOrder + 1]float64
	n := p.order + 1
	for a := range 3 {
		legendre(buf[a][:n], x[a])
	}
	// The constant term has no coefficient; its place is before the first.
	field, t := 0.0, -1
	for a, la := range buf[0][:n] {
		plane := 0.0
		for b, lb := range buf[1][:n-a] {
			line := 0.0
			for _, lc := range buf[2][:n-a-b] {
				if t >= 0 {
					line += p.coef[t] * lc
				}
				t++
			}
			plane += line * lb
		}
		field += plane * la
	}
	return field - p.mean
}

// basis fills dst with the terms at x, scaled coordinates.
func (p *polynomial) basis(dst []float32, x *[3]float64) {
	var l [3][maxOrder + 1]float64
	for a := range 3 {
		legendre(l[a][:p.order+1], x[a])
	}
	for t, e := range p.terms {
		dst[t] = float32(l[0][e[0]] * l[1][e[1]] * l[2][e[2]])
	}
}

// moments are weighted sums of products of Legendre polynomials:
//
//	weight(a, b, c) = Σ w P_a(x) P_b(y) P_c(z)     total order ≤ 2·order
//	value(a, b, c)  = Σ v P_a(x) P_b(y) P_c(z)     total order ≤ order
//
// in the order of nested. As a product of two Legendre polynomials is a sum of
// such, they hold the normal equations of a fit, with far fewer sums.
type moments struct {
	order         int
	weight, value []float64
}

func newMoments(order int) *moments {
	return &moments{order: order, weight: make([]float64, nestedLen(2*order)), value: make([]float64, nestedLen(order))}
}

// nestedLen is the length of nested(order).
func nestedLen(order int) int { return (order + 1) * (order + 2) * (order + 3) / 6 }

// add adds a point with weight w and w times its value v.
func (m *moments) add(x *[3]float64, w, v float64) {
	var buf [3][2*maxOrder + 1]float64
	n := 2*m.order + 1
	for a := range 3 {
		legendre(buf[a][:n], x[a])
	}
	accumulate(m.weight, &buf, n, w)
	accumulate(m.value, &buf, m.order+1, v)
}

// accumulate adds w times each product of total order below n to dst.
func accumulate(dst []float64, l *[3][2*maxOrder + 1]float64, n int, w float64) {
	for a, la := range l[0][:n] {
		for b, lb := range l[1][:n-a] {
			f := w * la * lb
			line := l[2][:n-a-b]
			part := dst[:len(line)]
			for c, lc := range line {
				part[c] += f * lc
			}
			dst = dst[len(line):]
		}
	}
}

// join adds the sums of o.
func (m *moments) join(o *moments) {
	for i, v := range o.weight {
		m.weight[i] += v
	}
	for i, v := range o.value {
		m.value[i] += v
	}
}

// equations returns the normal equations, the constant first: the upper
// triangle of the matrix by rows, and the right-hand side.
func (m *moments) equations() (normal, rhs []float64) {
	terms := nested(m.order)
	n := len(terms)
	side := 2*m.order + 1
	place := make([]int, side*side*side) // of each product among the moments
	for i, t := range nested(2 * m.order) {
		place[(t[0]*side+t[1])*side+t[2]] = i
	}
	normal = make([]float64, n*n)
	for u, p := range terms {
		for v := u; v < n; v++ {
			q := terms[v]
			sum := 0.0
			for i, x := range products[p[0]][q[0]] {
				for j, y := range products[p[1]][q[1]] {
					for k, z := range products[p[2]][q[2]] {
						sum += x * y * z * m.weight[place[((p[0]+q[0]-2*i)*side+p[1]+q[1]-2*j)*side+p[2]+q[2]-2*k]]
					}
				}
			}
			normal[u*n+v] = sum
		}
	}
	return normal, m.value
}

// products[m][n][r] is the share of P_{m+n−2r} in P_m·P_n:
//
//	A_r A_{m−r} A_{n−r} / A_{m+n−r} · (2m + 2n − 4r + 1)/(2m + 2n − 2r + 1),  A_r = (2r − 1)!!/r!
//
// Source: Adams 1878, Proc R Soc Lond 27:63, doi:10.1098/rspl.1878.0016.
var products = func() (out [maxOrder + 1][maxOrder + 1][]float64) {
	a := [2*maxOrder + 1]float64{1}
	for r := 1; r < len(a); r++ {
		a[r] = a[r-1] * float64(2*r-1) / float64(r)
	}
	for m := range out {
		for n := range out[m] {
			for r := range min(m, n) + 1 {
				s := float64(2*(m+n) + 1)
				out[m][n] = append(out[m][n], a[r]*a[m-r]*a[n-r]/a[m+n-r]*(s-float64(4*r))/(s-float64(2*r)))
			}
		}
	}
	return out
}()

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
