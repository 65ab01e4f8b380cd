package corr

import "math"

// swap returns the permutation p-value of the difference: see [Compare].
func (p *paired) swap(o Options) Permutation {
	s := newSwapper(p)
	seen := s.statistic(newWork(p.n, p.k), make([]bool, p.n))
	if math.IsNaN(seen) {
		return Permutation{P: math.NaN()}
	}
	return swaps(p.n, p.k, o, forSwap, func(w *work, swapped []bool) bool {
		return atLeast(s.statistic(w, swapped), seen, o.Side)
	})
}

// swaps returns the p-value over swaps of the records of n people, each person
// or not with probability one half; if there are no more of them in all than
// o.Permutations, each is taken once. extreme tells whether a swap is at least
// as extreme as what was observed; its work is for k covariates.
func swaps(n, k int, o Options, purpose uint64, extreme func(w *work, swapped []bool) bool) Permutation {
	if n < 31 && 1<<n <= o.Permutations {
		out := Permutation{Draws: 1 << n, Exact: true}
		out.Hits = count(o.Workers, out.Draws, func() func(int) bool {
			w, swapped := newWork(n, k), make([]bool, n)
			return func(code int) bool {
				for i := range swapped {
					swapped[i] = code>>i&1 == 1
				}
				return extreme(w, swapped)
			}
		})
		out.P = float64(out.Hits) / float64(out.Draws)
		return out
	}
	out := Permutation{Draws: o.Permutations}
	out.Hits = count(o.Workers, o.Permutations, func() func(int) bool {
		w, swapped := newWork(n, k), make([]bool, n)
		return func(draw int) bool {
			w.rng.at(o.Seed, purpose, draw)
			w.rng.coins(swapped)
			return extreme(w, swapped)
		}
	})
	out.P = float64(out.Hits+1) / float64(o.Permutations+1)
	return out
}

// coins sets each element to true with probability one half.
func (s *stream) coins(dst []bool) {
	var bits uint64
	for i := range dst {
		if i%64 == 0 {
			bits = s.Uint64()
		}
		dst[i] = bits&1 == 1
		bits >>= 1
	}
}

// A swapper computes the statistic of [Compare] after records were swapped. A
// record is what a person contributes to one condition: x, y and covariates.
type swapper struct {
	m    Method
	from [2]Removal
	r    [2]Data // records by condition
}

func newSwapper(p *paired) *swapper {
	return &swapper{m: p.e1.m, from: [2]Removal{p.e1.from, p.e2.from}, r: [2]Data{p.e1.s, p.e2.s}}
}

// load copies the records of one condition after the swaps.
func (s *swapper) load(w *work, condition int, swapped []bool) {
	own, other := s.r[condition], s.r[1-condition]
	take := func(dst, a, b []float64) {
		for i, swap := range swapped {
			if swap {
				dst[i] = b[i]
			} else {
				dst[i] = a[i]
			}
		}
	}
	take(w.x, own.X, other.X)
	take(w.y, own.Y, other.Y)
	w.used = len(own.Covariates)
	for j := range w.used {
		take(w.z[j], own.Covariates[j], other.Covariates[j])
	}
}

// statistic returns T after the records of some people were swapped: NaN if a
// correlation does not exist or is ±1.
func (s *swapper) statistic(w *work, swapped []bool) float64 {
	var z [2]float64
	clear(w.diff)
	for c := range z {
		s.load(w, c, swapped)
		w.rankAll(s.m)
		w.basis()
		if !w.scores(s.m, w.u, w.x, s.from[c] != FromY) || !w.scores(s.m, w.v, w.y, s.from[c] != FromX) {
			return math.NaN()
		}
		uu, vv, uv := dot(w.u, w.u), dot(w.v, w.v), dot(w.u, w.v)
		r := uv / math.Sqrt(uu*vv)
		if !(math.Abs(r) < 1-1e-12) {
			return math.NaN()
		}
		z[c] = math.Atanh(r)
		// What each person adds to atanh r, less that in the other condition.
		sign := float64(1 - 2*c)
		w.without(s.from[c], uu, vv, uv, func(i int, r float64) { w.diff[i] += sign * (z[c] - math.Atanh(r)) })
	}
	mean := 0.0
	for _, d := range w.diff {
		mean += d / float64(len(w.diff))
	}
	v := 0.0
	for _, d := range w.diff {
		v += (d - mean) * (d - mean)
	}
	if !(v > 1e-20) {
		return 0 // nobody differs between the conditions
	}
	return (z[0] - z[1]) / math.Sqrt(v)
}

// nearOne bounds correlations without a person, whose atanh must be finite.
const nearOne = 1 - 1e-9

// without calls each with the correlation that is left without person i: of the
// scores in u and v, whose products are uu, vv and uv, made without them. With
// h the person's leverage in what is removed (mean, basis of the covariates),
// a product of residuals falls by uv/(1 − h).
func (w *work) without(from Removal, uu, vv, uv float64, each func(i int, r float64)) {
	n := float64(len(w.u))
	// The cross product is also that of both as residuals.
	other := w.v
	if from == FromY {
		other = w.u
	}
	if from != FromBoth && w.rank > 0 {
		copy(w.buf, other)
		w.project(w.buf)
		other = w.buf
	}
	for i, u := range w.u {
		v := w.v[i]
		h := 1 / n
		for _, q := range w.q[:w.rank] {
			h += q[i] * q[i]
		}
		full, mean := 1/(1-h), n/(n-1)
		if 1-h < 1e-9 { // the person alone determines a covariate's coefficient
			full = 0
		}
		fu, fv, a, b := full, full, u, v
		switch from {
		case FromX:
			fv, b = mean, other[i]
		case FromY:
			fu, a = mean, other[i]
		}
		r := (uv - a*b*full) / math.Sqrt((uu-fu*u*u)*(vv-fv*v*v))
		switch { // nothing varies without the person, or all lie on a line
		case !(r > -nearOne):
			r = -nearOne
		case !(r < nearOne):
			r = nearOne
		}
		each(i, r)
	}
}
