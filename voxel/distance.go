package voxel

import (
	"math"
	"sync"

	"phasl/internal/par"
)

// EDT returns, for each voxel, the distance [mm] from its centre to that of the
// nearest voxel of m: 0 in the mask, +Inf everywhere if the mask is empty. The
// grid's axes are taken as perpendicular. The time is proportional to the
// number of voxels.
//
// Source: Felzenszwalb & Huttenlocher 2012, Theory Comput 8:415, algorithm 1,
// doi:10.4086/toc.2012.v008a019, with the voxel size along each axis.
func EDT(m *Mask, workers int) []float32 {
	d, _ := distance2(m.Grid, m.In, true, false, workers)
	for n, v := range d {
		d[n] = float32(math.Sqrt(float64(v)))
	}
	return d
}

// distance2 returns the squared distance [mm²] of each voxel to the nearest
// with in = site, and, if wanted, the place in memory of that voxel (−1: there
// is none).
func distance2(g Grid, in []bool, site, wanted bool, workers int) (d []float32, from []int32) {
	d = make([]float32, g.Len())
	if wanted {
		from = make([]int32, g.Len())
	}
	size := g.Spacing()
	nx := g.Dim[0]
	par.Ranges(workers, g.Dim[1]*g.Dim[2], rowsPerPiece, func(lo, hi int) {
		near := make([]int, nx) // nearest site of the row at or below
		for row := lo; row < hi; row++ {
			base, last := row*nx, -1
			for i := range nx {
				if in[base+i] == site {
					last = i
				}
				near[i] = last
			}
			last = -1
			for i := nx - 1; i >= 0; i-- {
				if in[base+i] == site {
					last = i
				}
				s := near[i]
				if s < 0 || last >= 0 && last-i < i-s {
					s = last
				}
				if s < 0 {
					d[base+i] = float32(math.Inf(1))
				} else {
					x := float64(i-s) * size[0]
					d[base+i] = float32(x * x)
				}
				if wanted {
					from[base+i] = -1
					if s >= 0 {
						from[base+i] = int32(base + s)
					}
				}
			}
		}
	})
	pool := sync.Pool{New: func() any { return new(envelope) }}
	v := viewOf(g.Dim)
	for axis := 1; axis < 3; axis++ {
		if g.Dim[axis] == 1 {
			continue
		}
		v.tiles(axis, workers, func(t tile) {
			e := pool.Get().(*envelope)
			e.run(t, size[axis], d, from)
			pool.Put(e)
		})
	}
	return d, from
}

// An envelope is the lower envelope of parabolas f(q) + (x − q)², and room to
// compute it in.
type envelope struct {
	f, g     []float64 // a tile: squared distances before and after
	src      []int32   // and the sites they belong to
	apex     []int     // parabolas of the envelope, from left to right
	x, h, at []float64 // their apex, f + apex², and where each begins
}

// run replaces d along the lines of t by the minimum over the line of
// d + distance², for elements size [mm] apart, and from accordingly.
func (e *envelope) run(t tile, size float64, d []float32, from []int32) {
	e.f, e.g = grow(e.f, t.n*t.width), grow(e.g, t.n*t.width)
	e.apex = grow(e.apex, t.n)
	e.x, e.h, e.at = grow(e.x, t.n), grow(e.h, t.n), grow(e.at, t.n)
	t.load(e.f, d)
	if from != nil {
		e.src = grow(e.src, t.n*t.width)
		for l := range t.width {
			for p := range t.n {
				e.src[p*t.width+l] = from[t.first+l*t.aside+p*t.stride]
			}
		}
	}
	for l := range t.width {
		top := -1
		for q := range t.n {
			f := e.f[q*t.width+l]
			if math.IsInf(f, 1) {
				continue
			}
			x := float64(q) * size
			h, at := f+x*x, math.Inf(-1)
			for top >= 0 {
				// The first begins at −Inf, and so is never taken away.
				at = (h - e.h[top]) / (2 * (x - e.x[top]))
				if at > e.at[top] {
					break
				}
				top--
			}
			top++
			e.apex[top], e.x[top], e.h[top], e.at[top] = q, x, h, at
		}
		cur := 0
		for q := range t.n {
			if top < 0 {
				e.g[q*t.width+l] = math.Inf(1)
				continue
			}
			x := float64(q) * size
			for cur < top && e.at[cur+1] < x {
				cur++
			}
			dx := x - e.x[cur]
			e.g[q*t.width+l] = dx*dx + e.f[e.apex[cur]*t.width+l]
			if from != nil {
				from[t.first+l*t.aside+q*t.stride] = e.src[e.apex[cur]*t.width+l]
			}
		}
	}
	t.store(d, e.g)
}
