package nullmap

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"

	"phasl/internal/par"
	"phasl/voxel"
)

// sampled is variogram matching as BrainSMASH's class Sampled does it: places
// are smoothed over shares of their nearest neighbours, and variograms are made
// of the pairs of a random sample of places with their neighbours. Distances and
// weights are float32, which leaves 7 digits; every sum is float64.
type sampled struct {
	x       []float64
	k       int
	at      []int32   // k nearest of each place
	d       []float32 // their distances
	dmax    float64
	h       []float64
	b       float64
	w       [][]float64 // weights of the nodes at each lag
	perMM   float64     // nodes a mm
	sample  int
	weights []kept // one for each delta
	pool    sync.Pool
}

// A kept is a smoothing over the first k neighbours of each place.
type kept struct {
	k int
	w []float32 // rows add up to 1
}

func newSampled(x []float64, p []voxel.Vec, d *Distances, o SmashOptions, workers int) *sampled {
	n := len(x)
	s := &sampled{x: x, k: o.Neighbours, sample: o.Sample, at: make([]int32, n*o.Neighbours), d: make([]float32, n*o.Neighbours)}
	var b *bins
	if d == nil {
		b = newBins(p)
	}
	par.Ranges(workers, n, 256, func(lo, hi int) {
		var buf []neighbour
		for i := lo; i < hi; i++ {
			if b != nil {
				buf = b.nearest(buf, i, s.k)
			} else {
				buf = nearestOf(buf, d.Row(i), i, s.k)
			}
			for m, q := range buf {
				s.at[i*s.k+m], s.d[i*s.k+m] = q.i, float32(q.d)
			}
		}
	})
	s.setLags(o)
	for _, delta := range o.Deltas {
		k := max(1, int(delta*float64(s.k)))
		w := make([]float32, n*k)
		par.Ranges(workers, n, 1024, func(lo, hi int) {
			row := make([]float64, k)
			for i := lo; i < hi; i++ {
				var sum float64
				last := float64(s.d[i*s.k+k-1])
				for m := range row {
					row[m] = o.Smoother.weight(float64(s.d[i*s.k+m]), last)
					if math.IsNaN(row[m]) || math.IsInf(row[m], 0) {
						row[m] = 1
					}
					sum += row[m]
				}
				for m, v := range row {
					w[i*k+m] = float32(v / sum)
				}
			}
		})
		s.weights = append(s.weights, kept{k, w})
	}
	s.pool.New = func() any {
		w := &sampledWork{perm: make([]int32, n), pick: make([]int32, n), x: make([]float64, n), smooth: make([][]float64, len(s.weights)), acc: make([]float64, (nodes+1)*(len(s.weights)+2))}
		for k := range w.smooth {
			w.smooth[k] = make([]float64, n)
		}
		return w
	}
	return s
}

// setLags sets the largest distance, the percentile of all distances to
// neighbours, and the lags below it. Of more than 5 million distances every m-th
// counts.
func (s *sampled) setLags(o SmashOptions) {
	step := max(1, len(s.d)/5_000_000)
	u := make([]float64, 0, len(s.d)/step+1)
	lowest := math.Inf(1)
	for m, v := range s.d {
		if m%step == 0 {
			u = append(u, float64(v))
		}
		lowest = math.Min(lowest, float64(v))
	}
	slices.Sort(u)
	s.dmax = quantile(u, o.Percentile/100)
	s.h = make([]float64, o.Lags)
	for k := range s.h {
		s.h[k] = lowest + float64(k)*(s.dmax-lowest)/float64(o.Lags-1)
	}
	s.b = 3 * (s.h[1] - s.h[0])
	s.setNodes()
}

func nearestOf(buf []neighbour, row []float64, i, k int) []neighbour {
	buf = buf[:0]
	for j, d := range row {
		if j != i {
			buf = append(buf, neighbour{int32(j), d})
		}
	}
	slices.SortFunc(buf, before(i))
	return buf[:k]
}

type sampledWork struct {
	perm, pick []int32
	x          []float64
	smooth     [][]float64
	acc        []float64
}

func (s *sampled) draw(dst []float64, r *rand.Rand) {
	w := s.pool.Get().(*sampledWork)
	defer s.pool.Put(w)
	shuffle(w.perm, r)
	for i, j := range w.perm {
		w.x[i] = s.x[j]
	}
	// A partial shuffle: the first sample entries are a random subset.
	for i := range w.pick {
		w.pick[i] = int32(i)
	}
	for i := range s.sample {
		j := i + r.IntN(len(w.pick)-i)
		w.pick[i], w.pick[j] = w.pick[j], w.pick[i]
	}
	for k := range s.weights {
		s.smooth(w.smooth[k], w.x, s.weights[k])
	}
	gamma := s.variograms(w.pick[:s.sample], append([][]float64{s.x}, w.smooth...), w.acc)
	least, best := math.Inf(1), 0
	var alpha, beta float64
	for k := range s.weights {
		a, b, rss := line(gamma[k+1], gamma[0])
		if rss < least || k == 0 {
			least, best, alpha, beta = rss, k, a, b
		}
	}
	noise, scale := math.Sqrt(math.Abs(alpha)), math.Sqrt(math.Abs(beta))
	for i, v := range w.smooth[best] {
		dst[i] = scale*v + noise*r.NormFloat64()
	}
}

func (s *sampled) smooth(dst, x []float64, w kept) {
	for i := range dst {
		at, v := s.at[i*s.k:i*s.k+w.k], w.w[i*w.k:(i+1)*w.k]
		v = v[:len(at)]
		var a, b float64
		m := 0
		for ; m+2 <= len(at); m += 2 {
			a += float64(v[m]) * x[at[m]]
			b += float64(v[m+1]) * x[at[m+1]]
		}
		if m < len(at) {
			a += float64(v[m]) * x[at[m]]
		}
		dst[i] = a + b
	}
}

// nodes is how finely distances are told apart in variograms. A pair between two
// nodes is shared out to both, so that a weight is in effect interpolated: its
// relative error is below 1e-6.
const nodes = 8192

// setNodes sets the weights of the nodes at each lag.
func (s *sampled) setNodes() {
	s.w = make([][]float64, len(s.h))
	s.perMM = nodes / (s.dmax - s.h[0])
	if math.IsInf(s.perMM, 0) {
		s.perMM = 0 // all distances are equal
	}
	for k, h := range s.h {
		s.w[k] = make([]float64, nodes+1)
		for m := range s.w[k] {
			s.w[k][m] = 1
			if s.b > 0 {
				e := 2.68 * (s.h[0] + float64(m)/s.perMM - h) / s.b
				s.w[k][m] = math.Exp(-e * e / 2)
			}
		}
	}
}

// variograms returns the smoothed variogram of each map over the pairs of the
// places pick with their neighbours nearer than dmax. acc has nodes + 1 numbers
// for each map and as many more.
func (s *sampled) variograms(pick []int32, maps [][]float64, acc []float64) [][]float64 {
	for i := range acc {
		acc[i] = 0
	}
	row := len(maps) + 1 // of sums at a node: the maps', and the pairs
	for _, i := range pick {
		for m := range s.k {
			u := float64(s.d[int(i)*s.k+m])
			if !(u < s.dmax) {
				break // neighbours come by distance
			}
			at := (u - s.h[0]) * s.perMM
			node := min(int(at), nodes-1)
			hi := at - float64(node)
			lo := 1 - hi
			a := acc[node*row : (node+2)*row]
			j := s.at[int(i)*s.k+m]
			for q, x := range maps {
				e := x[i] - x[j]
				e *= e / 2
				a[q] += lo * e
				a[row+q] += hi * e
			}
			a[row-1] += lo
			a[2*row-1] += hi
		}
	}
	out := make([][]float64, len(maps))
	for q := range out {
		out[q] = make([]float64, len(s.h))
	}
	sum := make([]float64, row)
	for k, w := range s.w {
		for q := range sum {
			sum[q] = 0
		}
		for m, v := range w {
			a := acc[m*row : (m+1)*row]
			if a[row-1] == 0 {
				continue
			}
			for q, e := range a {
				sum[q] += v * e
			}
		}
		for q := range out {
			out[q][k] = sum[q] / sum[row-1]
		}
	}
	return out
}
