package nullmap

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A Posterior says how probable each covariance of a [Family] is, given a map.
// The likelihood is the restricted one (REML): it sees the map only up to a
// constant, and the variance σ² is integrated out with prior 1/σ²:
//
//	log L = −½ Σ log v_i − (n−1)/2 · log Σ z_i²/v_i
//
// with z the map's coefficients in the eigenvectors and v their variances. The
// prior over the grid of scale, smoothness, symmetry and nugget is uniform.
//
// Surrogates are drawn with a covariance from the posterior each. Plugging in
// the best covariance would leave out that one map tells its range badly where
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
	q      []float64 // Σ z²/v of cell × nugget
}

// Fit returns the posterior of the covariances given a map. It panics if x has
// not one finite value for each place. For a constant map every covariance is
// as good as any other.
func (f *Family) Fit(x []float64) *Posterior {
	if len(x) != f.N {
		panic("nullmap: Family.Fit: one value for each place wanted")
	}
	p := &Posterior{family: f, x: centred(x)}
	m := len(nuggets)
	p.prob = make([]float64, len(f.cells)*m)
	p.q = make([]float64, len(p.prob))
	z := make([]float64, f.N-1)
	for c := range f.cells {
		cell := &f.cells[c]
		cell.project(z, p.x)
		for i, v := range z {
			z[i] = v * v
		}
		for k, phi := range nuggets {
			var q float64
			for i, l := range cell.lambda {
				q += z[i] / share(l, phi)
			}
			p.q[c*m+k] = q
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

// variance draws σ² given the covariance: Σ z²/v over χ² with n − 1 degrees of
// freedom.
func (p *Posterior) variance(r *rand.Rand, cell, nugget int) float64 {
	var chi float64
	for range p.family.N - 1 {
		v := r.NormFloat64()
		chi += v * v
	}
	return p.q[cell*len(nuggets)+nugget] / chi
}

// draw writes a surrogate with mean zero to dst. buf has room for N − 1.
func (p *Posterior) draw(dst, buf []float64, r *rand.Rand) {
	ci, k := p.pick(r)
	c := &p.family.cells[ci]
	s := p.variance(r, ci, k)
	for j, l := range c.lambda {
		buf[j] = r.NormFloat64() * math.Sqrt(s*share(l, nuggets[k]))
	}
	expand(dst, buf, c.u)
}

// Correlations returns the Pearson correlation of y with each of count
// surrogates of the map, numbers 0 to count − 1 of the seed, without making the
// surrogates: in a covariance's eigenvectors a correlation costs n operations,
// not n². They are the correlations of y with the surrogates of [Null.Draw] for
// the same seed. They are NaN if y is constant.
func (p *Posterior) Correlations(y []float64, count int, seed uint64) []float64 {
	f := p.family
	yc := centred(y)
	norm := math.Sqrt(dot(yc, yc))
	at := make([][]float64, len(f.cells))
	out := make([]float64, count)
	for k := range out {
		r := stream(seed, forDraw, k)
		ci, ni := p.pick(r)
		s := p.variance(r, ci, ni)
		c := &f.cells[ci]
		if at[ci] == nil {
			at[ci] = make([]float64, f.N-1)
			c.project(at[ci], yc)
		}
		var xy, xx float64
		for j, l := range c.lambda {
			v := r.NormFloat64() * math.Sqrt(s*share(l, nuggets[ni]))
			xy += v * at[ci][j]
			xx += v * v
		}
		out[k] = xy / (math.Sqrt(xx) * norm)
	}
	return out
}

// A Covariance sums up a posterior by its means.
type Covariance struct {
	Scale     float64 // geometric mean of ℓ [mm], over covariances with spatial structure
	Practical float64 // geometric mean of the distance [mm] at which correlation has fallen to 0.05
	Smooth    float64 // probability of ν = 3/2
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
		if c.Nu == 1.5 {
			s.Smooth += w
		}
		structured += w * (1 - phi)
		s.Scale += w * (1 - phi) * math.Log(c.Scale)
		reach := 2.9957322735539909 // −log 0.05
		if c.Nu == 1.5 {
			reach = 4.7438645183905916 / math.Sqrt(3) // (1 + u)e^(−u) = 0.05
		}
		s.Practical += w * (1 - phi) * math.Log(c.Scale*reach)
	}
	s.Scale = math.Exp(s.Scale / structured)
	s.Practical = math.Exp(s.Practical / structured)
	return s
}
