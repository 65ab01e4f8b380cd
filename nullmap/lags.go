package nullmap

import (
	"math"
	"slices"
)

// lags are the pairs of places an empirical variogram is made of, in order of
// distance, and the distances it is given at. The variogram at h is a weighted
// mean of ½(x_i − x_j)² over pairs, with weights
//
//	w = exp(−½ (2.68·(u_ij − h)/b)²)
//
// b being three times the spacing of h: half the weight lies within a quarter
// of b. Source: Burt et al. 2020, doi:10.1016/j.neuroimage.2020.117038, after
// Viladomat et al. 2014, doi:10.1111/biom.12139.
type lags struct {
	h     []float64
	b     float64
	i, j  []int32     // pairs, by ascending distance
	lo    []int       // first pair that counts at h
	w     [][]float64 // weights from there on, adding up to 1
	count []float64   // effective number of pairs at each h
}

// newLags returns the pairs of d below the given percentile of all distances,
// at nh equally spaced distances from the shortest to the longest of them.
func newLags(d *Distances, percentile float64, nh int) *lags {
	n := d.N
	all := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		all = append(all, d.Row(i)[i+1:]...)
	}
	slices.Sort(all)
	limit := quantile(all, percentile/100)
	type pair struct {
		u    float64
		i, j int32
	}
	var pairs []pair
	for i := range n {
		for j := i + 1; j < n; j++ {
			if u := d.D[i*n+j]; u < limit {
				pairs = append(pairs, pair{u, int32(i), int32(j)})
			}
		}
	}
	if len(pairs) == 0 { // all distances are equal
		for i := range n {
			for j := i + 1; j < n; j++ {
				pairs = append(pairs, pair{d.D[i*n+j], int32(i), int32(j)})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int {
		switch {
		case a.u < b.u:
			return -1
		case a.u > b.u:
			return 1
		}
		return 0
	})
	l := &lags{}
	u := make([]float64, len(pairs))
	for k, p := range pairs {
		u[k] = p.u
		l.i, l.j = append(l.i, p.i), append(l.j, p.j)
	}
	l.weigh(u, nh)
	return l
}

// weigh sets h, the bandwidth and the weights for pairs at ascending distances.
func (l *lags) weigh(u []float64, nh int) {
	first, last := u[0], u[len(u)-1]
	l.h = make([]float64, nh)
	step := (last - first) / float64(nh-1)
	for k := range l.h {
		l.h[k] = first + float64(k)*step
	}
	l.h[nh-1] = last
	l.b = 3 * (l.h[1] - l.h[0])
	l.lo, l.w, l.count = make([]int, nh), make([][]float64, nh), make([]float64, nh)
	// Beyond this distance weights are below 1e-18.
	reach := 9.1 * l.b / 2.68
	for k, h := range l.h {
		lo, _ := slices.BinarySearch(u, h-reach)
		hi, _ := slices.BinarySearch(u, h+reach)
		hi = max(hi, min(len(u), lo+1))
		if l.b == 0 {
			lo, hi = 0, len(u)
		}
		w := make([]float64, hi-lo)
		var s, ss float64
		for m := range w {
			w[m] = 1
			if l.b > 0 {
				e := 2.68 * math.Abs(u[lo+m]-h) / l.b
				w[m] = math.Exp(-e * e / 2)
			}
			s += w[m]
		}
		for m := range w {
			w[m] /= s
			ss += w[m] * w[m]
		}
		l.lo[k], l.w[k], l.count[k] = lo, w, 1/ss
	}
}

// variogram writes the smoothed variogram of x to dst. v has room for every
// pair.
func (l *lags) variogram(dst, v, x []float64) {
	i, j := l.i, l.j[:len(l.i)]
	v = v[:len(i)]
	for m := range i {
		e := x[i[m]] - x[j[m]]
		v[m] = e * e
	}
	for k, w := range l.w {
		dst[k] = dot(w, v[l.lo[k]:]) / 2
	}
}

// quantile is numpy's default: linear between the order statistics.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	k := int(at)
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}
