package nullmap

import (
	"cmp"
	"slices"

	"phasl/internal/keyed"
	"phasl/voxel"
)

const (
	reportAll   = 1000    // places up to which every pair counts
	reportPairs = 200_000 // far pairs sampled beyond that
	reportSeeds = 2000    // places whose near neighbours are sampled
	reportNear  = 30
)

// reportLags returns the pairs for VariogramFit.
func (m Map) reportLags() *lags {
	n := len(m.Values)
	switch {
	case n <= reportAll && m.Distances != nil:
		return newLags(m.Distances, 25, 25)
	case n <= reportAll:
		return newLags(Euclidean(m.Coords), 25, 25)
	case m.Distances != nil:
		l := newLags(m.Distances, 25, 25)
		l.thin(m.Distances, reportPairs)
		return l
	}
	return sampledLags(m.Coords, 25, 25)
}

// sampledLags returns lags from random pairs, below a percentile of their
// distances, and from the near neighbours of random places, as random pairs are
// seldom near. The same places always give the same pairs.
func sampledLags(p []voxel.Vec, percentile float64, nh int) *lags {
	type pair struct {
		u    float64
		i, j int32
	}
	r := keyed.Stream(0, forPairs, 0)
	n := len(p)
	var pairs []pair
	for range reportPairs {
		i, j := r.IntN(n), r.IntN(n)
		if i != j {
			pairs = append(pairs, pair{voxel.Distance(p[i], p[j]), int32(i), int32(j)})
		}
	}
	order := func(a, b pair) int {
		return cmp.Or(cmp.Compare(a.u, b.u), cmp.Compare(a.i, b.i), cmp.Compare(a.j, b.j))
	}
	slices.SortFunc(pairs, order)
	pairs = pairs[:max(1, int(float64(len(pairs))*percentile/100))]
	limit := pairs[len(pairs)-1].u
	b := newBins(p)
	var buf []neighbour
	for range reportSeeds {
		i := r.IntN(n)
		buf = b.nearest(buf, i, reportNear)
		for _, q := range buf {
			if q.d < limit {
				pairs = append(pairs, pair{q.d, int32(i), q.i})
			}
		}
	}
	slices.SortFunc(pairs, order)
	l := &lags{}
	u := make([]float64, len(pairs))
	for k, q := range pairs {
		u[k] = q.u
		l.i, l.j = append(l.i, q.i), append(l.j, q.j)
	}
	l.weigh(u, nh)
	return l
}
