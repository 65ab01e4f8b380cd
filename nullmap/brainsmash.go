package nullmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// A Smoother is the weight of a neighbour at distance d [mm] when a permuted map
// is smoothed over its k nearest neighbours, the farthest of which is at dmax.
type Smoother string

// The smoothers of Burt et al. 2020.
const (
	Exponential Smoother = "exp"      // exp(−d/dmax)
	Gaussian    Smoother = "gaussian" // exp(−1.25·(d/dmax)²)
	InverseD    Smoother = "invdist"  // 1/d
	Uniform     Smoother = "uniform"  // 1
)

func (s Smoother) weight(d, dmax float64) float64 {
	switch s {
	case Gaussian:
		return math.Exp(-1.25 * (d / dmax) * (d / dmax))
	case InverseD:
		return 1 / d
	case Uniform:
		return 1
	}
	return math.Exp(-d / dmax)
}

// smash is variogram matching as BrainSMASH's class Base does it.
type smash struct {
	x       []float64
	lags    *lags
	target  []float64 // the map's smoothed variogram
	deltas  []float64
	weights []smoothing // one for each delta
	pool    sync.Pool
}

// A smoothing replaces each value by a weighted mean of its k nearest
// neighbours.
type smoothing struct {
	k  int
	at []int32 // k for each place, nearest first, the place itself left out
	w  []float64
}

func (s *smoothing) apply(dst, x []float64) {
	k := s.k
	for i := range dst {
		at, w := s.at[i*k:(i+1)*k], s.w[i*k:(i+1)*k]
		var a, b float64
		m := 0
		for ; m+2 <= k; m += 2 {
			a += w[m] * x[at[m]]
			b += w[m+1] * x[at[m+1]]
		}
		if m < k {
			a += w[m] * x[at[m]]
		}
		dst[i] = a + b
	}
}

// newSmoothing returns the mean over the k nearest neighbours of each place.
func newSmoothing(d *Distances, order [][]int32, k int, s Smoother) smoothing {
	out := smoothing{k: k, at: make([]int32, 0, d.N*k), w: make([]float64, 0, d.N*k)}
	for i, o := range order {
		row := d.Row(i)
		o = o[:k]
		var sum float64
		first := len(out.w)
		for _, j := range o {
			w := s.weight(row[j], row[o[k-1]])
			if math.IsNaN(w) || math.IsInf(w, 0) {
				w = 1 // places at one spot
			}
			out.at, out.w = append(out.at, j), append(out.w, w)
			sum += w
		}
		for m := first; m < len(out.w); m++ {
			out.w[m] /= sum
		}
	}
	return out
}

// neighbours returns the other places of each place, nearest first.
func neighbours(d *Distances) [][]int32 {
	out := make([][]int32, d.N)
	for i := range out {
		o := make([]int32, 0, d.N-1)
		for j := range d.N {
			if j != i {
				o = append(o, int32(j))
			}
		}
		row := d.Row(i)
		slices.SortStableFunc(o, func(a, b int32) int {
			switch {
			case row[a] < row[b]:
				return -1
			case row[a] > row[b]:
				return 1
			}
			return 0
		})
		out[i] = o
	}
	return out
}

func newSmash(x []float64, d *Distances, o SmashOptions) *smash {
	s := &smash{x: x, lags: newLags(d, o.Percentile, o.Lags), deltas: o.Deltas}
	order := neighbours(d)
	for _, delta := range o.Deltas {
		k := min(max(1, int(delta*float64(d.N))), d.N-1)
		s.weights = append(s.weights, newSmoothing(d, order, k, o.Smoother))
	}
	s.target = make([]float64, o.Lags)
	s.lags.variogram(s.target, make([]float64, len(s.lags.i)), x)
	s.pool.New = func() any {
		return &smashWork{perm: make([]int32, d.N), x: make([]float64, d.N), smooth: make([]float64, d.N), best: make([]float64, d.N), v: make([]float64, len(s.lags.i)), gamma: make([]float64, o.Lags)}
	}
	return s
}

type smashWork struct {
	perm                      []int32
	x, smooth, best, v, gamma []float64
}

func (s *smash) draw(dst []float64, r *rand.Rand) {
	w := s.pool.Get().(*smashWork)
	defer s.pool.Put(w)
	shuffle(w.perm, r)
	alpha, beta, _ := s.match(w)
	noise, scale := math.Sqrt(math.Abs(alpha)), math.Sqrt(math.Abs(beta))
	for i := range dst {
		dst[i] = scale*w.best[i] + noise*r.NormFloat64()
	}
}

// match permutes the map, smooths it to each degree and leaves in w.best the
// one whose variogram, scaled and shifted, is nearest the map's.
func (s *smash) match(w *smashWork) (alpha, beta float64, delta int) {
	for i, p := range w.perm {
		w.x[i] = s.x[p]
	}
	least := math.Inf(1)
	for k := range s.weights {
		s.weights[k].apply(w.smooth, w.x)
		s.lags.variogram(w.gamma, w.v, w.smooth)
		a, b, rss := line(w.gamma, s.target)
		if rss < least || k == 0 {
			least, alpha, beta, delta = rss, a, b, k
			w.smooth, w.best = w.best, w.smooth
		}
	}
	return alpha, beta, delta
}

// line returns the least-squares line y = alpha + beta·x and its residual sum of
// squares. beta is 0 where x is constant.
func line(x, y []float64) (alpha, beta, rss float64) {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var sxx, sxy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	if sxx > 0 {
		beta = sxy / sxx
	}
	alpha = my - beta*mx
	for i := range x {
		e := y[i] - alpha - beta*x[i]
		rss += e * e
	}
	return alpha, beta, rss
}

// SmashOptions steer [BrainSMASH]. A zero field is the default, which is
// BrainSMASH's own.
type SmashOptions struct {
	Smoother   Smoother  // "": Exponential
	Deltas     []float64 // shares of the places (sampled form: of Neighbours) to smooth over; nil: 0.1 … 0.9, sampled 0.3, 0.5, 0.7, 0.9
	Percentile float64   // of the distances below which variograms are matched; 0: 25, sampled 70
	Lags       int       // distances at which they are; 0: 25
	Neighbours int       // sampled form: nearest neighbours kept; 0: 1000
	Sample     int       // sampled form: places whose neighbours make the variogram; 0: 500
	Sampled    bool      // the sampled form, for many places; it is used for more than 5,000 in any case
}

func (o SmashOptions) defaults(n int) (SmashOptions, error) {
	if n > denseMost {
		o.Sampled = true
	}
	if o.Smoother == "" {
		o.Smoother = Exponential
	}
	switch o.Smoother {
	case Exponential, Gaussian, InverseD, Uniform:
	default:
		return o, fmt.Errorf("%q is no smoother; choose exp, gaussian, invdist or uniform", o.Smoother)
	}
	if len(o.Deltas) == 0 {
		if o.Sampled {
			o.Deltas = []float64{0.3, 0.5, 0.7, 0.9}
		} else {
			for k := range 9 {
				o.Deltas = append(o.Deltas, 0.1+0.1*float64(k))
			}
		}
	}
	for _, d := range o.Deltas {
		if !(d > 0 && d <= 1) {
			return o, fmt.Errorf("%g is no share of neighbours; give numbers above 0 and up to 1", d)
		}
	}
	if o.Percentile == 0 {
		o.Percentile = 25
		if o.Sampled {
			o.Percentile = 70
		}
	}
	if !(o.Percentile > 0 && o.Percentile <= 100) {
		return o, fmt.Errorf("%g is no percentile; give a number above 0 and up to 100", o.Percentile)
	}
	if o.Lags == 0 {
		o.Lags = 25
	}
	if o.Lags < 2 || o.Lags > 1000 {
		return o, fmt.Errorf("%d lags; give 2 to 1000", o.Lags)
	}
	if o.Neighbours <= 0 {
		o.Neighbours = 1000
	}
	o.Neighbours = min(o.Neighbours, n-1)
	if o.Sample <= 0 {
		o.Sample = 500
	}
	o.Sample = min(o.Sample, n)
	return o, nil
}

// denseMost is the largest number of places for which an n × n matrix is made:
// 200 MB.
const denseMost = 5000
