package corr

import (
	"math"

	"phasl/internal/par"
)

// A Permutation is a p-value by relabelling.
type Permutation struct {
	P     float64 // NaN: not asked for
	Draws int     // relabellings, in Exact ones the observed among them
	Exact bool    // every relabelling was enumerated: P = Hits/Draws
	Hits  int     // relabellings at least as extreme as observed
}

// permute returns the permutation p-value of the partial correlation.
//
// Without covariates the values of y are permuted among rows. With covariates
// the residuals e_y of y are (Freedman & Lane): y* = Zγ + Pe_y, and the partial
// correlation of x and y* is computed anew, with γ estimated again. As the
// residuals of y* on Z are those of Pe_y, γ itself need not be known. Ranks are
// taken before, not again in each draw.
//
// With m random permutations, of which b are at least as extreme,
//
//	P = (b + 1)/(m + 1)
//
// If there are no more than m permutations in all, each is taken once and P is
// the share as extreme. Without covariates P is exact: at most α under
// independence, whatever the distributions. With covariates it is so in large
// samples; see docs/methods/associations.md for small ones.
//
// Sources: Freedman & Lane 1983, doi:10.2307/1391660; Phipson & Smyth 2010,
// doi:10.2202/1544-6115.1585, for the count.
func (e *estimator) permute(o Options) Permutation {
	seen := e.partial
	extreme := func(r float64) bool { return atLeast(r, seen, o.Side) }
	if all, ok := factorial(e.n, o.Permutations); ok {
		out := Permutation{Draws: all, Exact: true}
		w := newWork(e.n, e.k)
		order := seq(e.n)
		for range all {
			if extreme(e.relabelled(w, order)) {
				out.Hits++
			}
			nextPermutation(order)
		}
		out.P = float64(out.Hits) / float64(all)
		return out
	}
	out := Permutation{Draws: o.Permutations}
	out.Hits = count(o.Workers, o.Permutations, func() func(int) bool {
		w := newWork(e.n, e.k)
		return func(k int) bool {
			w.rng.at(o.Seed, forPermutation, k)
			w.rng.shuffle(w.rows)
			return extreme(e.relabelled(w, w.rows))
		}
	})
	out.P = float64(out.Hits+1) / float64(o.Permutations+1)
	return out
}

// relabelled returns the partial correlation after row i got the residual of y
// of row order[i]; NaN if nothing varies then.
func (e *estimator) relabelled(w *work, order []int) float64 {
	for i, from := range order {
		w.y[i] = e.py[from]
	}
	return e.with(w, w.y)
}

// with returns the partial correlation of x and residuals y, which it may
// overwrite.
func (e *estimator) with(w *work, y []float64) float64 {
	switch {
	case e.m == Kendall:
		return kendall(e.px, y)
	case e.m == Robust:
		if len(e.q) > 0 {
			own := w.q
			w.q, w.rank = e.q, len(e.q)
			w.huberResiduals(y)
			w.q = own
		}
		if !w.bend(y, bendBeta) {
			return math.NaN()
		}
		return cosine(e.px, y)
	}
	// px is orthogonal to the covariates: only the length of y's residual is
	// needed, not the residual.
	xy, yy := 0.0, 0.0
	for i, p := range e.px {
		xy += p * y[i]
		yy += y[i] * y[i]
	}
	for _, q := range e.q {
		a := dot(q, y)
		yy -= a * a
	}
	return clamp(xy / math.Sqrt(yy*dot(e.px, e.px)))
}

// atLeast tells whether a relabelled statistic is as extreme as the one seen.
// One that does not exist counts as extreme, which errs to caution, and so
// does one that differs by rounding alone.
func atLeast(stat, seen float64, side Side) bool {
	const rounding = 1e-10
	switch side {
	case Greater:
		return !(stat < seen-rounding)
	case Less:
		return !(stat > seen+rounding)
	}
	return !(math.Abs(stat) < math.Abs(seen)-rounding)
}

// count returns for how many of n draws hit holds. make is called once for
// each piece of work, to give it buffers of its own.
func count(workers, n int, make func() func(draw int) bool) int {
	return int(par.Sum(workers, n, 256, func(lo, hi int) float64 {
		hit := make()
		c := 0.0
		for k := lo; k < hi; k++ {
			if hit(k) {
				c++
			}
		}
		return c
	}))
}

// factorial returns n! and whether it is at most limit.
func factorial(n, limit int) (int, bool) {
	f := 1
	for i := 2; i <= n; i++ {
		if f > limit/i {
			return 0, false
		}
		f *= i
	}
	return f, true
}

// nextPermutation makes p the next in lexicographic order; after the last the
// order starts again.
func nextPermutation(p []int) {
	i := len(p) - 2
	for i >= 0 && p[i] > p[i+1] {
		i--
	}
	if i >= 0 {
		j := len(p) - 1
		for p[j] < p[i] {
			j--
		}
		p[i], p[j] = p[j], p[i]
	}
	for a, b := i+1, len(p)-1; a < b; a, b = a+1, b-1 {
		p[a], p[b] = p[b], p[a]
	}
}
