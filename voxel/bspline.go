package voxel

import (
	"math"
	"sync"
)

// pole of the filter that turns samples into cubic B-spline coefficients.
var pole = math.Sqrt(3) - 2

// horizon is the power of the pole below which nothing is left in float64.
const horizon = 30 // 0.268^30 = 7e-18

// coefficients returns the cubic B-spline coefficients of src in an array of
// shape pad with a margin of one mirrored coefficient on each side (on an axis
// of one voxel a second one follows, of weight zero), so that the kernel need
// not look for edges; and the voxels without a value, nil if there are none.
func coefficients(src *Image, workers int) (c []float32, pad [3]int, absent []bool) {
	for a, n := range src.Dim {
		pad[a] = max(n, 2) + 2
	}
	c = make([]float32, pad[0]*pad[1]*pad[2])
	v := viewOf(pad)
	v.first, v.n = v.step[0]+v.step[1]+v.step[2], src.Dim
	data := src.Data
	for _, x := range data {
		if missing(x) {
			data, absent = fillNearest(src, workers)
			break
		}
	}
	for k := range src.Dim[2] {
		for j := range src.Dim[1] {
			copy(c[v.first+j*v.step[1]+k*v.step[2]:], data[src.Index(0, j, k):][:src.Dim[0]])
		}
	}
	pool := sync.Pool{New: func() any { return new([]float64) }}
	for axis := range 3 {
		if src.Dim[axis] == 1 {
			continue // mirrored, one sample is a constant: its own coefficient
		}
		v.tiles(axis, workers, func(t tile) {
			buf := pool.Get().(*[]float64)
			*buf = grow(*buf, t.n*t.width)
			t.load(*buf, c)
			prefilter(*buf, t.n, t.width)
			t.store(c, *buf)
			pool.Put(buf)
		})
	}
	// Mirror axis by axis; later axes copy the margins of earlier ones.
	m := viewOf(pad)
	for axis, n := range src.Dim {
		m.tiles(axis, workers, func(t tile) {
			for l := range t.width {
				line := c[t.first+l*t.aside:]
				line[0] = line[min(2, n)*t.stride]
				line[(n+1)*t.stride] = line[max(n-1, 1)*t.stride]
			}
		})
	}
	return c, pad, absent
}

// prefilter turns width lines of n ≥ 2 samples, s[p*width+l], into cubic
// B-spline coefficients under mirror boundary conditions:
//
//	c⁺[0] = Σ over the mirrored samples of zᵏ s[k]
//	c⁺[k] = s[k] + z c⁺[k−1]
//	c[n−1] = z/(z² − 1) · (c⁺[n−1] + z c⁺[n−2])
//	c[k] = z (c[k+1] − c⁺[k])
//
// times 6, with z = √3 − 2.
//
// Source: Unser 1999, box 2, doi:10.1109/79.799930. The first sum is closed
// over the period 2n − 2 of the mirrored signal, not cut off.
func prefilter(s []float64, n, width int) {
	z := pole
	row := func(p int) []float64 { return s[p*width:][:width] }
	for p := range s[:n*width] {
		s[p] *= 6
	}
	// zᵏ and z^(2n−2−k) are the weights of sample k and of its mirror image.
	first := row(0)
	zn := math.Pow(z, float64(n-1))
	for l, v := range row(n - 1) {
		first[l] += zn * v
	}
	zk, zm := z, zn*zn/z
	for p := 1; p < n-1 && p <= horizon; p++ { // beyond, both weights vanish
		for l, v := range row(p) {
			first[l] += (zk + zm) * v
		}
		zk, zm = zk*z, zm/z
	}
	scale := 1 / (1 - zn*zn)
	for l := range first {
		first[l] *= scale
	}
	for p := 1; p < n; p++ {
		prev, cur := row(p-1), row(p)
		for l := range cur {
			cur[l] += z * prev[l]
		}
	}
	last, before := row(n-1), row(n-2)
	for l := range last {
		last[l] = z / (z*z - 1) * (last[l] + z*before[l])
	}
	for p := n - 2; p >= 0; p-- {
		cur, next := row(p), row(p+1)
		for l := range cur {
			cur[l] = z * (next[l] - cur[l])
		}
	}
}

// fillNearest returns the values of src with the nearest value [mm] in place
// of every missing one, and which those are. If all are missing they are 0.
func fillNearest(src *Image, workers int) (data []float32, absent []bool) {
	absent = make([]bool, len(src.Data))
	for n, v := range src.Data {
		absent[n] = missing(v)
	}
	_, from := distance2(src.Grid, absent, false, true, workers)
	data = make([]float32, len(src.Data))
	for n, f := range from {
		if f >= 0 {
			data[n] = src.Data[f]
		}
	}
	return data, absent
}

// grow returns a slice of n elements, buf itself if it is large enough.
func grow[T any](buf []T, n int) []T {
	if cap(buf) < n {
		return make([]T, n)
	}
	return buf[:n]
}

// bspline returns the weights of the four coefficients around a point f
// beyond the second of them:
//
//	β³(f+1), β³(f), β³(f−1), β³(f−2), f in [0, 1]
func bspline(f float64) (w0, w1, w2, w3 float64) {
	g := 1 - f
	w0 = g * g * g / 6
	w3 = f * f * f / 6
	w1 = 2./3 - f*f*(1-f/2)
	w2 = 1 - w0 - w1 - w3
	return
}

// bsplineSlope returns the derivatives of the weights of bspline.
func bsplineSlope(f float64) (d0, d1, d2, d3 float64) {
	g := 1 - f
	d0 = -g * g / 2
	d3 = f * f / 2
	d1 = f * (1.5*f - 2)
	d2 = -d0 - d1 - d3
	return
}

// cubic is AtVoxels for Cubic.
func (s *Sampler) cubic(dst []float32, at []Vec) {
	g, px, pxy := &s.grid, s.pad[0], s.pad[0]*s.pad[1]
	for n := range at {
		v := &at[n]
		if !g.within(v) || s.absent != nil && s.absent[g.nearest(v)] {
			dst[n] = nan32
			continue
		}
		i, x := cell(v[0], g.Dim[0])
		j, y := cell(v[1], g.Dim[1])
		k, z := cell(v[2], g.Dim[2])
		a0, a1, a2, a3 := bspline(x)
		x0, x1, x2, x3 := float32(a0), float32(a1), float32(a2), float32(a3)
		var wy, wz [4]float32
		a0, a1, a2, a3 = bspline(y)
		wy = [4]float32{float32(a0), float32(a1), float32(a2), float32(a3)}
		a0, a1, a2, a3 = bspline(z)
		wz = [4]float32{float32(a0), float32(a1), float32(a2), float32(a3)}
		var sum float32
		o := i + j*px + k*pxy
		for _, w := range wz {
			c0 := s.data[o:][:4]
			c1 := s.data[o+px:][:4]
			c2 := s.data[o+2*px:][:4]
			c3 := s.data[o+3*px:][:4]
			sum += w * (wy[0]*(x0*c0[0]+x1*c0[1]+x2*c0[2]+x3*c0[3]) +
				wy[1]*(x0*c1[0]+x1*c1[1]+x2*c1[2]+x3*c1[3]) +
				wy[2]*(x0*c2[0]+x1*c2[1]+x2*c2[2]+x3*c2[3]) +
				wy[3]*(x0*c3[0]+x1*c3[1]+x2*c3[2]+x3*c3[3]))
			o += pxy
		}
		dst[n] = sum
	}
}
