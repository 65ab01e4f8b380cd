package register

import (
	"math"
	"sync"

	"phasl/internal/par"
)

// lncc is the local correlation of two images on one grid, with its exact
// derivative by every voxel of both.
//
// With I and J the images, W(x) the box of (2r+1)³ voxels around x, of which
// the n where both have a value count, and sums over y in W(x):
//
//	s_IJ = Σ (I−Ī)(J−J̄),  s_II = Σ (I−Ī)² + nε,  s_JJ = Σ (J−J̄)² + nε
//	ρ²(x) = s_IJ² / (s_II·s_JJ)
//	E     = Σ_x ρ²(x)
//
// and, with A = 2·s_IJ/(s_II·s_JJ), B = A·s_IJ/s_II, C = A·s_IJ/s_JJ,
//
//	∂E/∂I(y) = J(y)·ΣA − I(y)·ΣB − Σ(A·J̄ − B·Ī)
//	∂E/∂J(y) = I(y)·ΣA − J(y)·ΣC − Σ(A·Ī − C·J̄)
//
// where the sums are over the windows x that hold y, which is a box around y
// again: all of it costs eleven box sums, however wide the window. ε, a
// variance, keeps windows of noise alone from counting as much as windows that
// show something. Windows of which less than a quarter has values are left out.
//
// Source: Avants et al. 2008, Med Image Anal 12:26, section 3.2,
// doi:10.1016/j.media.2007.06.004. There the derivative is taken at the
// window's centre only; here it is that of the sum over all windows.
type lncc struct {
	dim     [3]int
	radius  int
	floor   float64 // ε
	workers int

	sum [6][]float32 // I, J, I², J², IJ, n; then A, B, C and the last two brackets
}

func newLNCC(dim [3]int, radius int, floor float64, workers int) *lncc {
	l := &lncc{dim: dim, radius: radius, floor: floor, workers: workers}
	n := dim[0] * dim[1] * dim[2]
	for f := range l.sum {
		l.sum[f] = make([]float32, n)
	}
	return l
}

// measure returns the mean of ρ² over the windows that show something in
// either image (variance above ε), and 0 if none does. Afterwards
// [lncc.slope] has the derivatives. a and b hold NaN where there is no value.
func (l *lncc) measure(a, b []float32) float64 {
	l.moments(a, b)
	for f := range l.sum {
		l.boxPlanes(l.sum[f])
	}
	n := len(a)
	full := float64(2*l.radius + 1)
	full *= full * full
	s := &l.sum
	part := make([][2]float64, (n+pieceLen-1)/pieceLen)
	par.Ranges(l.workers, n, pieceLen, func(lo, hi int) {
		var total, count float64
		for i := lo; i < hi; i++ {
			m := math.Round(float64(s[5][i]))
			if m < full/4 {
				s[0][i], s[1][i], s[2][i], s[3][i], s[4][i] = 0, 0, 0, 0, 0
				continue
			}
			ma, mb := float64(s[0][i])/m, float64(s[1][i])/m
			e := m * l.floor
			va := max(float64(s[2][i])-m*ma*ma, 0)
			vb := max(float64(s[3][i])-m*mb*mb, 0)
			c := float64(s[4][i]) - m*ma*mb
			shows := va > e || vb > e
			va += e
			vb += e
			p := c / (va * vb)
			if shows {
				total += p * c
				count++
			}
			p *= 2
			qa, qb := p*c/va, p*c/vb
			s[0][i] = float32(p)
			s[1][i] = float32(qa)
			s[2][i] = float32(qb)
			s[3][i] = float32(p*mb - qa*ma)
			s[4][i] = float32(p*ma - qb*mb)
		}
		part[lo/pieceLen] = [2]float64{total, count}
	})
	var total, count float64
	for _, p := range part {
		total += p[0]
		count += p[1]
	}
	for f := range 5 {
		l.boxRows(l.sum[f])
		l.boxPlanes(l.sum[f])
	}
	if count == 0 {
		return 0
	}
	return total / count
}

// slope returns ∂E/∂I and ∂E/∂J at voxel i, where the images have the values a
// and b; and ΣB and ΣC there, which weigh the curvature.
func (l *lncc) slope(i int, a, b float32) (da, db, wa, wb float32) {
	s := &l.sum
	p, wa, wb := s[0][i], s[1][i], s[2][i]
	return b*p - a*wa - s[3][i], a*p - b*wb - s[4][i], wa, wb
}

// moments sets l.sum to the products of a and b, summed along the first axis.
func (l *lncc) moments(a, b []float32) {
	nx, r := l.dim[0], l.radius
	par.Ranges(l.workers, len(a)/nx, 64, func(lo, hi int) {
		row := make([][6]float64, nx)
		for at := lo * nx; at < hi*nx; at += nx {
			x, y := a[at:at+nx], b[at:at+nx]
			for i := range row {
				p, q := float64(x[i]), float64(y[i])
				if p-p != 0 || q-q != 0 {
					row[i] = [6]float64{}
					continue
				}
				row[i] = [6]float64{p, q, p * p, q * q, p * q, 1}
			}
			var s [6]float64
			for i := range min(r, nx) {
				for f, v := range &row[i] {
					s[f] += v
				}
			}
			for i := range nx {
				if i+r < nx {
					for f, v := range &row[i+r] {
						s[f] += v
					}
				}
				if i-r-1 >= 0 {
					for f, v := range &row[i-r-1] {
						s[f] -= v
					}
				}
				for f, v := range &s {
					l.sum[f][at+i] = float32(v)
				}
			}
		}
	})
}

// boxRows replaces v by its sums over the window along the first axis.
func (l *lncc) boxRows(v []float32) {
	nx, r := l.dim[0], l.radius
	par.Ranges(l.workers, len(v)/nx, 64, func(lo, hi int) {
		in := make([]float32, nx)
		for at := lo * nx; at < hi*nx; at += nx {
			row := v[at : at+nx]
			copy(in, row)
			var s float64
			for i := range min(r, nx) {
				s += float64(in[i])
			}
			for i := range row {
				if i+r < nx {
					s += float64(in[i+r])
				}
				if i-r-1 >= 0 {
					s -= float64(in[i-r-1])
				}
				row[i] = float32(s)
			}
		}
	})
}

// boxPlanes replaces v by its sums over the window along the second and third
// axes. Whole rows are added at a time, so that memory is read in its order.
func (l *lncc) boxPlanes(v []float32) {
	nx, ny, nz := l.dim[0], l.dim[1], l.dim[2]
	plane := nx * ny
	type buffers struct {
		src []float32
		sum []float64
	}
	pool := sync.Pool{New: func() any { return &buffers{sum: make([]float64, nx)} }}
	slab := func(v []float32, n, stride int) {
		b := pool.Get().(*buffers)
		b.src = resized(b.src, n*nx)
		for i := range n {
			copy(b.src[i*nx:(i+1)*nx], v[i*stride:])
		}
		slide(v, b.src, b.sum, n, stride, l.radius)
		pool.Put(b)
	}
	par.Do(l.workers, nz, func(k int) { slab(v[k*plane:], ny, nx) })
	par.Do(l.workers, ny, func(j int) { slab(v[j*nx:], nz, plane) })
}

// slide sets each of n rows of dst, stride apart, to the sum of the rows of
// src, one after the other, at most r away. s has room for a row of sums.
func slide(dst, src []float32, s []float64, n, stride, r int) {
	nx := len(s)
	clear(s)
	for i := range min(r, n) {
		for x, v := range src[i*nx:][:nx] {
			s[x] += float64(v)
		}
	}
	for i := range n {
		out := dst[i*stride:][:nx]
		enter, leave := i+r < n, i-r-1 >= 0
		switch {
		case enter && leave:
			b := src[(i-r-1)*nx:][:nx]
			for x, v := range src[(i+r)*nx:][:nx] {
				w := s[x] + float64(v) - float64(b[x])
				s[x] = w
				out[x] = float32(w)
			}
			continue
		case enter:
			for x, v := range src[(i+r)*nx:][:nx] {
				s[x] += float64(v)
			}
		case leave:
			for x, v := range src[(i-r-1)*nx:][:nx] {
				s[x] -= float64(v)
			}
		}
		for x, v := range s {
			out[x] = float32(v)
		}
	}
}
