package voxel

import (
	"math"

	"phasl/internal/par"
)

// rowsPerPiece is how many rows of voxels one piece of parallel work has.
const rowsPerPiece = 16

// seriesBatch is how many volumes share one computation of coordinates: past
// eight its cost per volume is small, and the coefficients of Cubic are kept
// for one batch at a time.
const seriesBatch = 8

// Resample returns src interpolated at the voxels of onto:
//
//	out(v) = src(t(world of v))
//
// so t maps the world of onto to the world of src; nil is the identity. Values
// are interpolated once, however long a chain t is. Voxels that fall outside
// the box of src are NaN; between its outermost centres and half a voxel
// beyond, the value is that of the edge. See [Interp] for missing values. The
// result does not depend on the number of workers (0: one per CPU).
func Resample(src *Image, onto Grid, t Transform, interp Interp, workers int) *Image {
	out := NewImage(onto)
	resample([]*Sampler{newSampler(src, interp, workers)}, [][]float32{out.Data},
		onto, newPath(onto, t, src.Grid), workers)
	return out
}

// ResampleSeries is [Resample] for every volume of src. The transform is
// computed once for several volumes.
func ResampleSeries(src *Series, onto Grid, t Transform, interp Interp, workers int) *Series {
	out := &Series{Grid: onto, Vols: make([][]float32, len(src.Vols))}
	for v := range out.Vols {
		out.Vols[v] = make([]float32, onto.Len())
	}
	p := newPath(onto, t, src.Grid)
	for lo := 0; lo < len(src.Vols); lo += seriesBatch {
		hi := min(lo+seriesBatch, len(src.Vols))
		s := make([]*Sampler, hi-lo)
		for v := range s {
			s[v] = newSampler(src.Image(lo+v), interp, workers)
		}
		resample(s, out.Vols[lo:hi], onto, p, workers)
	}
	return out
}

// resample fills dst[n] with values of s[n] at the voxels of g, moved along p.
func resample(s []*Sampler, dst [][]float32, g Grid, p *path, workers int) {
	rows(g, workers, func(row int, at []Vec) {
		p.row(at, 0, float64(row%g.Dim[1]), float64(row/g.Dim[1]))
		lo := row * g.Dim[0]
		for n := range s {
			s[n].AtVoxels(dst[n][lo:lo+g.Dim[0]], at)
		}
	})
}

// rows calls fn for each row of g, with room for the coordinates of its
// voxels.
func rows(g Grid, workers int, fn func(row int, at []Vec)) {
	par.Ranges(workers, g.Dim[1]*g.Dim[2], rowsPerPiece, func(lo, hi int) {
		at := make([]Vec, g.Dim[0])
		for row := lo; row < hi; row++ {
			fn(row, at)
		}
	})
}

// ResampleMask returns the mask that has, at each voxel of onto, the answer of
// the nearest voxel of src; outside the box of src it is false. See [Resample]
// for t.
func ResampleMask(src *Mask, onto Grid, t Transform, workers int) *Mask {
	out := NewMask(onto)
	p := newPath(onto, t, src.Grid)
	rows(onto, workers, func(row int, at []Vec) {
		p.row(at, 0, float64(row%onto.Dim[1]), float64(row/onto.Dim[1]))
		dst := out.In[row*onto.Dim[0]:]
		for n := range at {
			if from := src.nearest(&at[n]); from >= 0 {
				dst[n] = src.In[from]
			}
		}
	})
	return out
}

// Average returns, for each voxel of onto, the mean of src over n×n×n points
// spread evenly inside the voxel, each interpolated linearly:
//
//	out(i, j, k) = mean of src(t(world of (i+a, j+b, k+c))),  a, b, c = (m+½)/n − ½,  m = 0 … n−1
//
// It is the way to large voxels from small ones, and from masks and
// probabilities to partial volumes, where [Resample] would skip voxels. If n
// is 0 it is chosen such that points are at most one voxel of src apart, or 8
// if that is less. Points outside src or without a value are left out of the
// mean; the result is NaN if more than half are. See [Resample] for t. It
// panics if n is negative.
func Average(src *Image, onto Grid, t Transform, n int, workers int) *Image {
	if n < 0 {
		panic("voxel: Average: negative number of points")
	}
	if n == 0 {
		n = 1
		from, to := onto.Spacing(), src.Spacing()
		for _, large := range from {
			n = max(n, int(math.Ceil(min(large/min(to[0], to[1], to[2])-1e-3, 8))))
		}
	}
	s, p := newSampler(src, Linear, workers), newPath(onto, t, src.Grid)
	out := NewImage(onto)
	nx := onto.Dim[0]
	offset := make([]float64, n)
	for m := range offset {
		offset[m] = (float64(m)+0.5)/float64(n) - 0.5
	}
	par.Ranges(workers, onto.Dim[1]*onto.Dim[2], rowsPerPiece, func(lo, hi int) {
		at, val := make([]Vec, nx), make([]float32, nx)
		sum, count := make([]float64, nx), make([]int, nx)
		for row := lo; row < hi; row++ {
			clear(sum)
			clear(count)
			for m := range n * n * n {
				p.row(at, offset[m%n],
					float64(row%onto.Dim[1])+offset[m/n%n],
					float64(row/onto.Dim[1])+offset[m/n/n])
				s.AtVoxels(val, at)
				for i, v := range val {
					if v == v {
						sum[i] += float64(v)
						count[i]++
					}
				}
			}
			for i, c := range count {
				v := nan32
				if 2*c >= n*n*n {
					v = float32(sum[i] / float64(c))
				}
				out.Data[row*nx+i] = v
			}
		}
	})
	return out
}
