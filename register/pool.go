package register

import (
	"math"
	"sync"

	"phasl/internal/par"
)

// A bell is a kernel close to a Gaussian that costs the same however wide it
// is: three passes of a box of radius r whose two outermost weights are α and
// whose variance is a third of the Gaussian's:
//
//	(r(r+1)(2r+1)/3 + 2α(r+1)²) / (2r+1+2α) = σ²/3
//
// It is never negative, so that what it makes of curvatures stays a curvature.
type bell struct {
	r     int
	alpha float64
}

// newBell returns the bell of standard deviation sigma [voxels].
func newBell(sigma float64) bell {
	s := sigma * sigma / 3
	r := int((math.Sqrt(1+12*s) - 1) / 2) // the largest r with r(r+1)/3 ≤ s
	for r > 0 && float64(r*(r+1))/3 > s {
		r--
	}
	n, e := float64(2*r+1), float64(r+1)
	return bell{r: r, alpha: n * (s - float64(r*(r+1))/3) / (2 * (e*e - s))}
}

// pool replaces v, of shape dim, by its convolution with the bell along all
// three axes, with nothing beyond the edges.
func (b bell) pool(v []float32, dim [3]int, workers int) {
	nx, ny, nz := dim[0], dim[1], dim[2]
	plane := nx * ny
	type buffers struct {
		p, q []float32
		s    []float64
	}
	pool := sync.Pool{New: func() any { return new(buffers) }}
	// slab smooths n rows of nx, stride apart, across the rows.
	slab := func(v []float32, n, stride int) {
		t := pool.Get().(*buffers)
		t.p, t.q, t.s = resized(t.p, n*nx), resized(t.q, n*nx), resized(t.s, nx)
		for i := range n {
			copy(t.p[i*nx:(i+1)*nx], v[i*stride:])
		}
		for range 3 {
			b.across(t.q, t.p, t.s, n)
			t.p, t.q = t.q, t.p
		}
		for i := range n {
			copy(v[i*stride:i*stride+nx], t.p[i*nx:])
		}
		pool.Put(t)
	}
	par.Do(workers, nz, func(k int) {
		t := pool.Get().(*buffers)
		t.p, t.q = resized(t.p, nx), resized(t.q, nx)
		for j := range ny {
			row := v[k*plane+j*nx:][:nx]
			b.along(t.p[:nx], row)
			b.along(t.q[:nx], t.p[:nx])
			b.along(row, t.q[:nx])
		}
		pool.Put(t)
		slab(v[k*plane:], ny, nx)
	})
	par.Do(workers, ny, func(j int) { slab(v[j*nx:], nz, plane) })
}

// resized returns v with n elements, whatever they are.
func resized[T any](v []T, n int) []T {
	if cap(v) < n {
		return make([]T, n)
	}
	return v[:n]
}

// along sets dst to one pass over the line src.
func (b bell) along(dst, src []float32) {
	n, r := len(src), b.r
	scale := 1 / (float64(2*r+1) + 2*b.alpha)
	var s float64
	for i := range min(r, n) {
		s += float64(src[i])
	}
	for i := range dst {
		var ends float64
		if i+r < n {
			s += float64(src[i+r])
		}
		if i-r-1 >= 0 {
			ends = float64(src[i-r-1])
			s -= ends
		}
		if i+r+1 < n {
			ends += float64(src[i+r+1])
		}
		dst[i] = float32(scale * (s + b.alpha*ends))
	}
}

// across sets dst to one pass over n rows of src, across them. s has room for
// one row of sums.
func (b bell) across(dst, src []float32, s []float64, n int) {
	nx, r := len(s), b.r
	scale := 1 / (float64(2*r+1) + 2*b.alpha)
	clear(s)
	for i := range min(r, n) {
		for x, v := range src[i*nx:][:nx] {
			s[x] += float64(v)
		}
	}
	for i := range n {
		out := dst[i*nx:][:nx]
		if i-r-1 >= 0 && i+r+1 < n { // the usual case, in one go
			lo, hi, end := src[(i-r-1)*nx:][:nx], src[(i+r)*nx:][:nx], src[(i+r+1)*nx:][:nx]
			for x := range out {
				l := float64(lo[x])
				w := s[x] + float64(hi[x]) - l
				s[x] = w
				out[x] = float32(scale * (w + b.alpha*(l+float64(end[x]))))
			}
			continue
		}
		if i+r < n {
			for x, v := range src[(i+r)*nx:][:nx] {
				s[x] += float64(v)
			}
		}
		if i-r-1 >= 0 {
			for x, v := range src[(i-r-1)*nx:][:nx] {
				s[x] -= float64(v)
			}
		}
		for x := range out {
			var ends float64
			if i-r-1 >= 0 {
				ends = float64(src[(i-r-1)*nx+x])
			}
			if i+r+1 < n {
				ends += float64(src[(i+r+1)*nx+x])
			}
			out[x] = float32(scale * (s[x] + b.alpha*ends))
		}
	}
}
