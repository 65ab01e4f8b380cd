package asl

import (
	"math"
	"slices"

	"phasl/bids"
	"phasl/internal/par"
	"phasl/voxel"
)

// A Pair is one difference: control − label, or a deltam or cbf volume.
type Pair struct {
	Controls []int   `json:"controls"` // volumes, from 0; their mean is used. For deltam and cbf the volume itself
	Label    int     `json:"label"`    // volume, from 0; -1 for deltam and cbf
	Delay    int     `json:"delay"`    // index into the delays
	Used     bool    `json:"used"`
	Reason   string  `json:"reason,omitempty"` // why it stands apart
	Mean     float64 `json:"mean"`             // mean ΔM in the brain
	SD       float64 `json:"sd"`               // spatial standard deviation of ΔM in the brain
}

// pairVolumes forms the pairs of each delay. Volumes that found no partner are
// returned too.
func pairVolumes(p *Protocol, pairing Pairing) (pairs []Pair, alone []int, delays []Delay) {
	delays = p.Delays()
	if src := p.source(); src != bids.Control {
		if src == bids.CBF {
			delays = []Delay{{math.NaN(), math.NaN()}}
		}
		for v, c := range p.Context {
			if c == src {
				d := 0
				if src != bids.CBF {
					d = slices.IndexFunc(delays, p.delay(v).same)
				}
				pairs = append(pairs, Pair{Controls: []int{v}, Label: -1, Delay: d, Used: true})
			}
		}
		return pairs, nil, delays
	}
	for d, delay := range delays {
		var controls, labels []int
		for v, c := range p.Context {
			if (c == bids.Control || c == bids.Label) && p.delay(v).same(delay) {
				if c == bids.Control {
					controls = append(controls, v)
				} else {
					labels = append(labels, v)
				}
			}
		}
		var got []Pair
		if pairing == PairSurround {
			got = surround(controls, labels)
		} else {
			got = nearest(controls, labels)
		}
		used := map[int]bool{}
		for i := range got {
			got[i].Delay, got[i].Used = d, true
			used[got[i].Label] = true
			for _, c := range got[i].Controls {
				used[c] = true
			}
		}
		for _, v := range append(controls, labels...) {
			if !used[v] {
				alone = append(alone, v)
			}
		}
		pairs = append(pairs, got...)
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return min(a.Label, a.Controls[0]) - min(b.Label, b.Controls[0]) })
	slices.Sort(alone)
	return pairs, alone, delays
}

// nearest matches controls and labels, each used at most once, so that as many
// pairs as possible are formed and the sum of distances in time is least. In
// one dimension the best matching never crosses, so a table over prefixes of
// both lists finds it; only the prefixes that leave enough partners matter. Of
// equal matchings the one with the later volumes is taken, because the first
// of a series may not have reached its steady state.
func nearest(controls, labels []int) []Pair {
	a, b := controls, labels
	swapped := len(a) > len(b)
	if swapped {
		a, b = b, a
	}
	// best[i][k]: least cost of matching all of a[:i] into b[:i+k].
	n, spare := len(a), len(b)-len(a)
	best := make([][]int32, n+1)
	for i := range best {
		best[i] = make([]int32, spare+1)
		for k := range best[i] {
			if i == 0 {
				continue
			}
			best[i][k] = best[i-1][k] + distance(a[i-1], b[i+k-1])
			if k > 0 {
				best[i][k] = min(best[i][k], best[i][k-1])
			}
		}
	}
	out := make([]Pair, n)
	for i, k := n, spare; i > 0; i-- {
		for best[i][k] != best[i-1][k]+distance(a[i-1], b[i+k-1]) {
			k--
		}
		c, l := a[i-1], b[i+k-1]
		if swapped {
			c, l = l, c
		}
		out[i-1] = Pair{Controls: []int{c}, Label: l}
	}
	return out
}

func distance(a, b int) int32 { return int32(max(a-b, b-a)) }

// surround takes for each label the controls just before and just after it,
// or the one there is.
func surround(controls, labels []int) []Pair {
	var out []Pair
	if len(controls) == 0 {
		return nil
	}
	for _, l := range labels {
		at, _ := slices.BinarySearch(controls, l)
		pr := Pair{Label: l}
		if at > 0 {
			pr.Controls = append(pr.Controls, controls[at-1])
		}
		if at < len(controls) {
			pr.Controls = append(pr.Controls, controls[at])
		}
		out = append(out, pr)
	}
	return out
}

// subtract computes the difference image of each pair.
func subtract(s *voxel.Series, pairs []Pair, scale float64, workers int) *voxel.Series {
	out := &voxel.Series{Grid: s.Grid, Vols: make([][]float32, len(pairs))}
	par.Do(workers, len(pairs), func(i int) {
		pr := pairs[i]
		dst := make([]float32, s.Len())
		w := 1 / float32(len(pr.Controls))
		for _, c := range pr.Controls {
			for n, v := range s.Vols[c] {
				dst[n] += w * v
			}
		}
		if pr.Label >= 0 {
			for n, v := range s.Vols[pr.Label] {
				dst[n] -= v
			}
		}
		if scale != 1 {
			for n := range dst {
				dst[n] *= float32(scale)
			}
		}
		out.Vols[i] = dst
	})
	return out
}

// average returns, for each delay, the mean of its used pairs, and the number
// of pairs; and over all delays the pooled variance of one pair about the mean
// of its delay, NaN where there are no degrees of freedom.
//
// Realignment leaves voxels at the edge of the field of view without value in
// some volumes. They are averaged over the pairs that have one, if those are at
// least half of each delay, and otherwise have none; their variance is raised
// by the share of pairs missing, so that standard errors, which count all
// pairs, come out right.
func average(diff *voxel.Series, pairs []Pair, delays, workers int) (means [][]float32, counts []int, variance []float32, df int) {
	counts, total, df := usedPairs(pairs, delays)
	means = make([][]float32, delays)
	for d := range means {
		means[d] = make([]float32, diff.Len())
	}
	variance = filled(diff.Len())
	par.Ranges(workers, diff.Len(), 8192, func(lo, hi int) {
		sum, have := make([]float64, delays), make([]int, delays)
		for n := lo; n < hi; n++ {
			clear(sum)
			clear(have)
			for i := range pairs {
				if v := diff.Vols[i][n]; pairs[i].Used && v-v == 0 {
					sum[pairs[i].Delay] += float64(v)
					have[pairs[i].Delay]++
				}
			}
			free, present := 0, 0
			for d := range sum {
				if 2*have[d] < counts[d] {
					sum[d], have[d] = 0, 0
				}
				sum[d] /= float64(have[d]) // NaN where there are none
				means[d][n] = float32(sum[d])
				free += max(have[d]-1, 0)
				present += have[d]
			}
			if free == 0 {
				continue
			}
			ss := 0.0
			for i := range pairs {
				if v := diff.Vols[i][n]; pairs[i].Used && v-v == 0 && have[pairs[i].Delay] > 0 {
					e := float64(v) - sum[pairs[i].Delay]
					ss += e * e
				}
			}
			variance[n] = float32(ss / float64(free) * float64(total) / float64(present))
		}
	})
	return means, counts, variance, df
}

// usedPairs returns the number of used pairs of each delay and in all, and the
// degrees of freedom of their scatter about the mean of their delay.
func usedPairs(pairs []Pair, delays int) (counts []int, total, df int) {
	counts = make([]int, delays)
	for _, pr := range pairs {
		if pr.Used {
			counts[pr.Delay]++
			total++
		}
	}
	for _, c := range counts {
		df += max(c-1, 0)
	}
	return counts, total, df
}
