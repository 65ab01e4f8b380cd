package corr

import (
	"cmp"
	"math"
	"slices"
)

// A work holds the buffers of one goroutine: the columns of one draw and what
// is made of them.
type work struct {
	x, y []float64   // columns of the draw
	z    [][]float64 // covariates of the draw
	used int         // columns of z in use
	q    [][]float64 // orthonormal basis of the centred covariates
	rank int         // vectors of q in use
	u, v []float64   // scores: R is the cosine of u and v
	buf  []float64
	diff []float64
	rows []int // that a draw takes, or their order
	rng  *stream

	places []place
}

func newWork(n, k int) *work {
	col := func() []float64 { return make([]float64, n) }
	w := &work{x: col(), y: col(), u: col(), v: col(), buf: col(), diff: col(), rows: make([]int, n), places: make([]place, 0, n), used: k, rng: newStream()}
	for range k {
		w.z = append(w.z, col())
		w.q = append(w.q, col())
	}
	return w
}

// load copies some rows of s, with repetition, into the columns of the draw.
func (w *work) load(s Data, rows []int) {
	w.resize(len(rows))
	for i, r := range rows {
		w.x[i], w.y[i] = s.X[r], s.Y[r]
	}
	w.used = len(s.Covariates)
	for j, z := range s.Covariates {
		for i, r := range rows {
			w.z[j][i] = z[r]
		}
	}
}

// resize sets the length of the buffers to n, at most that of newWork.
func (w *work) resize(n int) {
	w.x, w.y, w.u, w.v, w.buf, w.diff = w.x[:n], w.y[:n], w.u[:n], w.v[:n], w.buf[:n], w.diff[:n]
	w.rows = w.rows[:n]
	for j := range w.z {
		w.z[j], w.q[j] = w.z[j][:n], w.q[j][:n]
	}
}

// spanned is the share of a column's length below which what is left of it
// after projection counts as nothing: R's tolerance in regression.
const spanned = 1e-7

// estimate returns the coefficient of the columns of the draw, NaN if there is
// none. It overwrites them by their ranks for Spearman.
func (w *work) estimate(m Method, from Removal) float64 {
	if m == Kendall {
		return kendall(w.x, w.y)
	}
	w.rankAll(m)
	w.basis()
	if !w.scores(m, w.u, w.x, from != FromY) || !w.scores(m, w.v, w.y, from != FromX) {
		return math.NaN()
	}
	return cosine(w.u, w.v)
}

// rankAll replaces every column by its mid-ranks for Spearman.
func (w *work) rankAll(m Method) {
	if m != Spearman {
		return
	}
	w.ranks(w.x)
	w.ranks(w.y)
	for _, z := range w.z[:w.used] {
		w.ranks(z)
	}
}

// scores writes the scores of column c: centred to unit length or, for Robust,
// bent; residuals on the basis if adjusted. It returns false if nothing
// varies.
func (w *work) scores(m Method, dst, c []float64, adjusted bool) bool {
	if !unit(dst, c) {
		return false
	}
	if adjusted && w.rank > 0 {
		if m == Robust {
			w.huberResiduals(dst)
		} else {
			w.project(dst)
		}
		if dot(dst, dst) < spanned*spanned {
			return false
		}
	}
	if m == Robust {
		return w.bend(dst, bendBeta)
	}
	return true
}

// unit writes c centred and scaled to unit length; false if c is constant.
func unit(dst, c []float64) bool {
	low, high := c[0], c[0]
	for _, v := range c {
		low, high = min(low, v), max(high, v)
	}
	if low == high {
		return false
	}
	// Halves, as high − low may overflow.
	mid, half := low/2+high/2, high/2-low/2
	if half == 0 { // both within the smallest numbers
		return false
	}
	mean := 0.0
	for i, v := range c {
		dst[i] = (v - mid) / half
		mean += dst[i]
	}
	mean /= float64(len(c))
	ss := 0.0
	for i := range dst {
		dst[i] -= mean
		ss += dst[i] * dst[i]
	}
	scale := 1 / math.Sqrt(ss)
	for i := range dst {
		dst[i] *= scale
	}
	return true
}

// basis fills q with an orthonormal basis of the centred covariates, leaving
// out columns that are constant or depend on those before them.
func (w *work) basis() {
	w.rank = 0
	for _, z := range w.z[:w.used] {
		q := w.q[w.rank]
		if !unit(q, z) {
			continue
		}
		w.project(q)
		ss := math.Sqrt(dot(q, q))
		if ss < spanned {
			continue
		}
		for i := range q {
			q[i] /= ss
		}
		w.rank++
	}
}

// project subtracts from c its parts along the basis, twice to keep digits.
func (w *work) project(c []float64) {
	for range 2 {
		for _, q := range w.q[:w.rank] {
			a := dot(q, c)
			for i := range c {
				c[i] -= a * q[i]
			}
		}
	}
}

// ranks replaces c by its ranks from 1; equal values share their mean rank.
func (w *work) ranks(c []float64) {
	p := w.places[:0]
	for i, v := range c {
		p = append(p, place{v, i})
	}
	if len(p) <= 64 { // where insertion is faster
		for i := 1; i < len(p); i++ {
			x := p[i]
			j := i
			for ; j > 0 && p[j-1].value > x.value; j-- {
				p[j] = p[j-1]
			}
			p[j] = x
		}
	} else {
		slices.SortFunc(p, func(a, b place) int { return cmp.Compare(a.value, b.value) })
	}
	for i := 0; i < len(p); {
		j := i + 1
		for j < len(p) && p[j].value == p[i].value {
			j++
		}
		for _, at := range p[i:j] {
			c[at.index] = float64(i+j+1) / 2
		}
		i = j
	}
}

// A place is a value and where it stood.
type place struct {
	value float64
	index int
}

// cosine returns the correlation of two scores, within [−1, 1].
func cosine(u, v []float64) float64 {
	return clamp(dot(u, v) / math.Sqrt(dot(u, u)*dot(v, v)))
}

// clamp returns a correlation without the excess over 1 that is rounding; NaN
// stays.
func clamp(r float64) float64 { return math.Max(-1, math.Min(1, r)) }

func dot(a, b []float64) float64 {
	s := 0.0
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
