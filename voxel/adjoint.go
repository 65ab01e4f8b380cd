package voxel

import "math"

// Adjoint carries weights the opposite way to [Resample] with [Linear]
// interpolation: it returns the voxels of src, rising, and their weights for
// which
//
//	Σ weights[i] · Resample(img, onto, t, Linear)[at[i]] = Σ w[i] · img[voxels[i]]
//
// for every image img on src without missing values. So the mean of a region
// of a resampled image is known as a mean over the voxels that were measured,
// and with it how their noise enters.
//
// at lists voxels of onto by their place in memory; weights has one value for
// each, or is nil if all are 1. A point that lies outside src's box is left
// out, as Resample gives NaN there. A nil t is the identity. It panics if at
// and weights differ in number. Time and memory grow with the number of points
// and with the part of src between the first and the last of them.
func Adjoint(at []int32, weights []float32, onto Grid, src Grid, t Transform) (voxels []int32, w []float64) {
	if weights != nil && len(weights) != len(at) {
		panic("voxel: Adjoint: numbers of points and weights differ")
	}
	way := newPath(onto, t, src)
	step := [3]int{1, src.Dim[0], src.Dim[0] * src.Dim[1]}
	type cell struct {
		base int // voxel at the lowest corner
		f    Vec // place within
		w    float64
	}
	cells := make([]cell, 0, len(at))
	first, last := src.Len(), -1
	for i, n := range at {
		c := cell{w: 1}
		if weights != nil {
			c.w = float64(weights[i])
		}
		x, y, z := onto.Coord(int(n))
		var point [1]Vec
		way.row(point[:], float64(x), float64(y), float64(z))
		p := &point[0]
		if c.w == 0 || !src.within(p) {
			continue
		}
		for a := range 3 {
			end := src.Dim[a] - 1
			v := min(max(p[a], 0), float64(end))
			lo := min(int(math.Floor(v)), max(end-1, 0))
			c.f[a] = v - float64(lo)
			c.base += lo * step[a]
		}
		first, last = min(first, c.base), max(last, c.base)
		cells = append(cells, c)
	}
	if len(cells) == 0 {
		return nil, nil
	}
	dense := make([]float64, min(last+step[0]+step[1]+step[2]+1, src.Len())-first)
	for i := range cells {
		c := &cells[i]
		for corner := range 8 {
			share, m := c.w, c.base-first
			for a := range 3 {
				if corner>>a&1 == 1 {
					share *= c.f[a]
					m += step[a]
				} else {
					share *= 1 - c.f[a]
				}
			}
			if share != 0 { // also keeps m inside on a grid one voxel thick
				dense[m] += share
			}
		}
	}
	for m, v := range dense {
		if v != 0 {
			voxels, w = append(voxels, int32(first+m)), append(w, v)
		}
	}
	return voxels, w
}
