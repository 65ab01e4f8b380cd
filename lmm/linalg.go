package lmm

import "math"

// Matrices are row-major slices with the number of columns beside them; they
// are small, and gonum's checks and allocations would dominate.

// cholesky overwrites the lower triangle of the n×n matrix a by L with
// a = LLᵀ and returns whether a is positive definite.
func cholesky(a []float64, n int) bool {
	for j := range n {
		rj := a[j*n : j*n+j+1]
		d := rj[j]
		for _, v := range rj[:j] {
			d -= v * v
		}
		if !(d > 0) || math.IsInf(d, 0) {
			return false
		}
		d = math.Sqrt(d)
		rj[j] = d
		for i := j + 1; i < n; i++ {
			ri := a[i*n : i*n+j+1]
			s := ri[j]
			for k, v := range rj[:j] {
				s -= ri[k] * v
			}
			ri[j] = s / d
		}
	}
	return true
}

// forward overwrites the n×m matrix b by L⁻¹b.
func forward(l []float64, n int, b []float64, m int) {
	for i := range n {
		bi := b[i*m : i*m+m]
		for k, v := range l[i*n : i*n+i] {
			if v == 0 {
				continue
			}
			bk := b[k*m : k*m+m]
			for j := range bi {
				bi[j] -= v * bk[j]
			}
		}
		d := 1 / l[i*n+i]
		for j := range bi {
			bi[j] *= d
		}
	}
}

// backward overwrites the n×m matrix b by L⁻ᵀb.
func backward(l []float64, n int, b []float64, m int) {
	for i := n - 1; i >= 0; i-- {
		bi := b[i*m : i*m+m]
		for k := i + 1; k < n; k++ {
			v := l[k*n+i]
			if v == 0 {
				continue
			}
			bk := b[k*m : k*m+m]
			for j := range bi {
				bi[j] -= v * bk[j]
			}
		}
		d := 1 / l[i*n+i]
		for j := range bi {
			bi[j] *= d
		}
	}
}

// invert returns the inverse of LLᵀ.
func invert(l []float64, n int) []float64 {
	inv := identity(n)
	forward(l, n, inv, n)
	backward(l, n, inv, n)
	return inv
}

func identity(n int) []float64 {
	a := make([]float64, n*n)
	for i := range n {
		a[i*n+i] = 1
	}
	return a
}

// mul returns the n×m product of a (n×k) and b (k×m).
func mul(a, b []float64, n, k, m int) []float64 {
	c := make([]float64, n*m)
	for i := range n {
		ci := c[i*m : i*m+m]
		for j, v := range a[i*k : i*k+k] {
			if v == 0 {
				continue
			}
			for x, w := range b[j*m : j*m+m] {
				ci[x] += v * w
			}
		}
	}
	return c
}

func dot(a, b []float64) float64 {
	var s float64
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

// traceProduct returns tr(AB) of two symmetric matrices.
func traceProduct(a, b []float64) float64 { return dot(a, b) }

// quadratic returns xᵀAy for a square matrix.
func quadratic(x, a, y []float64) float64 {
	n := len(x)
	var s float64
	for i, v := range x {
		if v != 0 {
			s += v * dot(a[i*n:i*n+n], y)
		}
	}
	return s
}

// eigenSym returns the eigenvalues of a symmetric matrix, largest first, and
// its eigenvectors as rows, by cyclic Jacobi rotations.
func eigenSym(in []float64, n int) (values []float64, vectors []float64) {
	a := append([]float64(nil), in...)
	v := identity(n)
	for range 60 {
		var off, diag float64
		for i := range n {
			diag += a[i*n+i] * a[i*n+i]
			for j := range i {
				off += a[i*n+j] * a[i*n+j]
			}
		}
		if off <= 1e-34*diag {
			break
		}
		for p := range n {
			for q := p + 1; q < n; q++ {
				if a[p*n+q] == 0 {
					continue
				}
				h := (a[q*n+q] - a[p*n+p]) / (2 * a[p*n+q])
				t := math.Copysign(1, h) / (math.Abs(h) + math.Sqrt(h*h+1))
				c := 1 / math.Sqrt(t*t+1)
				s := t * c
				for k := range n {
					x, y := a[k*n+p], a[k*n+q]
					a[k*n+p], a[k*n+q] = c*x-s*y, s*x+c*y
				}
				for k := range n {
					x, y := a[p*n+k], a[q*n+k]
					a[p*n+k], a[q*n+k] = c*x-s*y, s*x+c*y
					x, y = v[p*n+k], v[q*n+k]
					v[p*n+k], v[q*n+k] = c*x-s*y, s*x+c*y
				}
			}
		}
	}
	values = make([]float64, n)
	for i := range n {
		values[i] = a[i*n+i]
	}
	for i := range n { // selection sort keeps vectors beside values
		best := i
		for j := i + 1; j < n; j++ {
			if values[j] > values[best] {
				best = j
			}
		}
		if best != i {
			values[i], values[best] = values[best], values[i]
			for k := range n {
				v[i*n+k], v[best*n+k] = v[best*n+k], v[i*n+k]
			}
		}
	}
	return values, v
}

// An orthogonal is the decomposition X = QR of the independent columns of an
// n×m matrix: q is n×p with orthonormal columns, r upper triangular p×p, kept
// lists the p columns in order. alias is m×p: column j of X is the sum of
// alias[j,k] times kept column k.
type orthogonal struct {
	q, r, alias []float64
	kept        []int
	p           int
}

// dependent is the part of a column's length that must remain after earlier
// columns are taken out for it to count as independent: R's tolerance.
const dependent = 1e-7

// orthogonalise goes through the columns from left to right, so that of
// dependent columns the last are dropped, as R does. Each column is
// orthogonalised twice, which keeps q orthonormal to rounding.
func orthogonalise(x []float64, n, m int) orthogonal {
	var cols [][]float64 // orthonormal
	coef := make([][]float64, m)
	var kept []int
	for j := range m {
		v := make([]float64, n)
		for i := range n {
			v[i] = x[i*m+j]
		}
		size := math.Sqrt(dot(v, v))
		c := make([]float64, len(cols), len(cols)+1)
		for range 2 {
			for k, u := range cols {
				s := dot(u, v)
				c[k] += s
				for i := range v {
					v[i] -= s * u[i]
				}
			}
		}
		rest := math.Sqrt(dot(v, v))
		if rest > dependent*size && size > 0 {
			for i := range v {
				v[i] /= rest
			}
			cols, kept, c = append(cols, v), append(kept, j), append(c, rest)
		}
		coef[j] = c
	}
	p := len(cols)
	o := orthogonal{q: make([]float64, n*p), r: make([]float64, p*p), alias: make([]float64, m*p), kept: kept, p: p}
	for k, u := range cols {
		for i := range n {
			o.q[i*p+k] = u[i]
		}
		for i, v := range coef[kept[k]] {
			o.r[i*p+k] = v
		}
	}
	for j := range m {
		b := make([]float64, p)
		copy(b, coef[j])
		o.solve(b)
		copy(o.alias[j*p:], b)
	}
	for k, j := range kept {
		clear(o.alias[j*p : j*p+p])
		o.alias[j*p+k] = 1
	}
	return o
}

// solve overwrites b by R⁻¹b.
func (o *orthogonal) solve(b []float64) {
	for i := o.p - 1; i >= 0; i-- {
		s := b[i]
		for k := i + 1; k < o.p; k++ {
			s -= o.r[i*o.p+k] * b[k]
		}
		b[i] = s / o.r[i*o.p+i]
	}
}

// solveT returns R⁻ᵀb.
func (o *orthogonal) solveT(b []float64) []float64 {
	out := make([]float64, o.p)
	for i := range o.p {
		s := b[i]
		for k := range i {
			s -= o.r[k*o.p+i] * out[k]
		}
		out[i] = s / o.r[i*o.p+i]
	}
	return out
}

// logDetR returns log|det R|.
func (o *orthogonal) logDetR() float64 {
	var s float64
	for i := range o.p {
		s += math.Log(math.Abs(o.r[i*o.p+i]))
	}
	return s
}
