package nullmap

import (
	"math"
	"math/rand/v2"
	"slices"

	"phasl/internal/keyed"
)

// A Posterior says how probable each covariance of a [Family] is, given a map.
// The likelihood is the restricted one (REML): it sees the map only up to a
// constant, and the variance is integrated out with prior 1/σ²:
//
//	log L = −½ Σ log v_i − (n−1)/2 · log Σ z_i²/v_i
//
// with z the map's coefficients in the eigenvectors and v their variances. The
// prior over the grid of kernels, symmetry and nugget is uniform.
//
// Surrogates are drawn with a covariance from the posterior each, and scaled to
// the map's standard deviation. Plugging in the best covariance would leave out that one map tells its range badly where
// autocorrelation is high, and make the null too narrow.
//
// Sources: Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545; Handcock &
// Stein 1993, doi:10.1080/00401706.1993.10485354 (Bayesian use of the Matérn
// class).
type Posterior struct {
	family *Family
	x      []float64 // the map, mean taken out
	prob   []float64 // of cell × nugget
	cum    []float64
}

// Fit returns the posterior of the covariances given a map. It panics if x has
// not one finite value for each place. For a constant map every covariance is
// as good as any other.
func (f *Family) Fit(x []float64) *Posterior {
	if len(x) != f.N {
		panic("nullmap: Family.Fit: one value for each place wanted")
	}
	z := centred(x)
	return f.fit(z, f.project(z))
}

// fit is Fit given the coefficients of x, which has mean zero.
func (f *Family) fit(x []float64, z [][]float64) *Posterior {
	p := &Posterior{family: f, x: x}
	m := len(nuggets)
	p.prob = make([]float64, len(f.cells)*m)
	square := make([]float64, f.N-1)
	for c := range f.cells {
		cell := &f.cells[c]
		for i, v := range z[c] {
			square[i] = v * v
		}
		for k := range nuggets {
			q := dot(square, cell.weight[k*(f.N-1):])
			p.prob[c*m+k] = -cell.logdet[k]/2 - float64(f.N-1)/2*math.Log(q)
		}
	}
	p.cum = normalise(p.prob)
	return p
}

// normalise turns log weights into probabilities, in place, and returns their
// running sum. Weights that are NaN or infinite all count as equal.
func normalise(w []float64) (cum []float64) {
	top := slices.Max(w)
	cum = make([]float64, len(w))
	if math.IsNaN(top) || math.IsInf(top, 0) {
		for i := range w {
			w[i] = 0
		}
		top = 0
	}
	var s float64
	for i, v := range w {
		w[i] = math.Exp(v - top)
		s += w[i]
		cum[i] = s
	}
	for i := range w {
		w[i] /= s
		cum[i] /= s
	}
	return cum
}

func centred(x []float64) []float64 {
	var m float64
	for _, v := range x {
		m += v
	}
	m /= float64(len(x))
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - m
	}
	return out
}

// pick draws a covariance: its cell and its nugget.
func (p *Posterior) pick(r *rand.Rand) (cell, nugget int) {
	i, _ := slices.BinarySearch(p.cum, r.Float64())
	i = min(i, len(p.cum)-1)
	return i / len(nuggets), i % len(nuggets)
}

// draw writes a field with mean zero and the covariance drawn to dst. buf has
// room for N − 1.
func (p *Posterior) draw(dst, buf []float64, r *rand.Rand) {
	ci, k := p.pick(r)
	c := &p.family.cells[ci]
	for j, l := range c.lambda {
		buf[j] = r.NormFloat64() * math.Sqrt(share(l, nuggets[k]))
	}
	expand(dst, buf, c.u)
}

// Correlations returns the Pearson correlations of other maps with surrogates 0
// to count − 1 of the seed, one row for each map in ys, without making the
// surrogates: in a covariance's eigenvectors a correlation costs n operations,
// not n². They are the correlations with what [Null.Draw] gives for the same
// seed. A row is NaN if its map is constant. It panics if a map has not one value
// for each place.
func (p *Posterior) Correlations(ys [][]float64, count int, seed uint64) [][]float64 {
	d := p.coefficients(count, seed)
	out := make([][]float64, len(ys))
	for k, y := range ys {
		if len(y) != p.family.N {
			panic("nullmap: Posterior.Correlations: one value for each place wanted")
		}
		yc := centred(y)
		at := make([][]float64, len(p.family.cells))
		for _, c := range d.cell {
			if at[c] == nil {
				at[c] = make([]float64, p.family.N-1)
				p.family.cells[c].project(at[c], yc)
			}
		}
		out[k] = make([]float64, count)
		d.correlate(out[k], at, math.Sqrt(dot(yc, yc)))
	}
	return out
}

// coefficients are surrogates in the eigenvectors of the covariance each was
// drawn with.
type coefficients struct {
	cell []int
	unit [][]float64 // length 1
}

func (p *Posterior) coefficients(count int, seed uint64) coefficients {
	d := coefficients{make([]int, count), make([][]float64, count)}
	for k := range count {
		r := keyed.Stream(seed, forDraw, k)
		ci, ni := p.pick(r)
		v := make([]float64, p.family.N-1)
		var square float64
		for j, l := range p.family.cells[ci].lambda {
			v[j] = r.NormFloat64() * math.Sqrt(share(l, nuggets[ni]))
			square += v[j] * v[j]
		}
		for j := range v {
			v[j] /= math.Sqrt(square)
		}
		d.cell[k], d.unit[k] = ci, v
	}
	return d
}

// correlate writes the correlation of each surrogate with a map whose
// coefficients are at, by cell, and whose length is norm.
func (d coefficients) correlate(dst []float64, at [][]float64, norm float64) {
	for k, v := range d.unit {
		dst[k] = dot(v, at[d.cell[k]]) / norm
	}
}

// Family returns the covariances the posterior is over.
func (p *Posterior) Family() *Family { return p.family }

// A Covariance sums up a posterior by its means. Scale and Practical are those of
// the Matérn forms, as a long tail has no comparable length; NaN if these are as
// good as impossible.
type Covariance struct {
	Scale     float64 // geometric mean of ℓ [mm], over covariances with spatial structure
	Practical float64 // geometric mean of the distance [mm] at which correlation has fallen to 0.05
	Smooth    float64 // probability of Matern32
	Long      float64 // probability of Cauchy
	Symmetry  float64 // mean of η
	Nugget    float64 // mean of φ
}

// Summary returns the posterior's means.
func (p *Posterior) Summary() Covariance {
	var s Covariance
	var structured float64
	for i, w := range p.prob {
		c, phi := p.family.cells[i/len(nuggets)], nuggets[i%len(nuggets)]
		s.Nugget += w * phi
		s.Symmetry += w * c.eta
		switch c.Form {
		case Matern32:
			s.Smooth += w
		case Cauchy:
			s.Long += w
			continue
		}
		structured += w * (1 - phi)
		s.Scale += w * (1 - phi) * math.Log(c.Scale)
		s.Practical += w * (1 - phi) * math.Log(c.reach())
	}
	s.Scale = math.Exp(s.Scale / structured)
	s.Practical = math.Exp(s.Practical / structured)
	return s
}
