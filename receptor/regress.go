package receptor

import (
	"fmt"
	"math"
	"math/bits"
	"sync"

	"gonum.org/v1/gonum/mat"

	"phasl/diag"
	"phasl/nullmap"
)

// A Regression explains one effect map by all receptors at once.
type Regression struct {
	N            int     // parcels with an effect and every density
	R2, Adjusted float64 // share of variance explained, and adjusted for the number of receptors
	// P is the Monte Carlo p of R2 among surrogates of the map, and NullMean the
	// mean of R2 among them: what smooth maps explain of each other by chance.
	P, NullMean  float64
	Terms        []Term
	Correlations [][]float64 // between densities (of ranks, for Spearman)
	CV           CrossValidation
	Cautions     []string
}

// A Term is one receptor of a regression.
type Term struct {
	Target, File string
	Beta         float64 // standardised coefficient, all others given
	Alone        float64 // R² of this receptor alone
	Unique       float64 // R² lost when it is left out
	// Dominance is the mean gain in R² when the receptor joins a set of others,
	// over sets of each size, then over sizes. Dominances add up to R2. NaN for
	// more than MostDominance receptors. PDominance is its Monte Carlo p: the
	// chance of as much if the map has nothing to do with any receptor.
	Dominance, PDominance float64
	// Relative is the receptor's relative weight, another division of R2.
	Relative float64
	VIF      float64 // 1/(1 − R²) of this density on the others
}

// A CrossValidation predicts each parcel from those that are not near it.
type CrossValidation struct {
	Apart    float64 // [mm] parcels used for a prediction are farther away
	N        int     // parcels predicted
	Trained  float64 // mean number of parcels that predict one
	R        float64 // Pearson correlation of predicted and actual (ranked) values
	NullMean float64 // among surrogates: not 0, see [Regress]
	NullSD   float64
	P        float64 // one-sided Monte Carlo p, (1 + #{r* ≥ R})/(1 + m)
}

// MostDominance is the largest number of receptors of which all subsets are
// fitted: 2¹² regressions for each surrogate.
const MostDominance = 12

// Regress fits y = α + Σ β_j d_j by least squares, to ranks for Spearman, over the
// parcels that have everything, covariates taken out of both sides.
//
// Dominance is Shapley's value of R²: over all subsets S without j, of size s,
// of k receptors,
//
//	Σ_S s!(k−s−1)!/k! · (R²(S ∪ j) − R²(S))
//
// Relative weights are Λ∘²β∘² with Λ = C^½ of the correlations C between the
// densities and β = Λ⁻¹r. In the cross-validation parcel i is predicted by the
// regression on the parcels farther than apart [mm] from it (0: 40 mm), so that
// its neighbours cannot tell its value. Surrogates go through the same steps, since
// chance does not give 0: smooth maps are predicted a little on both sides of the
// brain, and means of what is left out fall below it.
//
// Errors: those of [Align]; a density that is constant or determined by others;
// fewer than 10 parcels more than receptors.
//
// Sources: Budescu 1993, doi:10.1037/0033-2909.114.3.542; Azen & Budescu 2003,
// doi:10.1037/1082-989X.8.2.129; Johnson 2000,
// doi:10.1207/S15327906MBR3501_1.
func Regress(effect Map, panel []Density, at Places, apart float64, o Options) (*Regression, diag.List) {
	o = o.withDefaults()
	if !(apart > 0) {
		apart = 40
	}
	var l diag.List
	t := newTrial(effect, whole(panel), at, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	for j, why := range t.s.reason {
		if why != "" {
			l.Errorf(panel[j].File, panel[j].Target, "leave it out of the panel", "it cannot be part of the regression: %s", why)
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	g := &t.s.groups[0]
	k, n := len(panel), len(g.at)
	if n < k+10+len(t.cov) {
		l.Errorf(effect.File, "", "choose fewer receptors", "%d parcels have every density, too few for %d receptors", n, k)
		return nil, l
	}
	if _, j := basis(g.d); j >= 0 {
		l.Errorf(panel[j].File, panel[j].Target, "leave it out of the panel", "its density is determined by those before it")
		return nil, l
	}
	m := newModel(g, n-1-len(t.cov), apart, at)
	y := make([]float64, n)
	v, _ := t.s.score(g, t.x, t.s.newScratch())
	copy(y, v)
	fit := m.newFit()
	m.explain(fit, y)
	out := &Regression{N: n, R2: fit.r2, Correlations: m.correlations()}
	out.Adjusted = 1 - (1-fit.r2)*float64(m.df)/float64(m.df-k)
	for j, d := range panel {
		out.Terms = append(out.Terms, Term{Target: d.Target, File: d.File, Beta: m.beta(fit.r, j), Alone: fit.r[j] * fit.r[j], Unique: m.unique(fit, j),
			Dominance: fit.dominance[j], PDominance: math.NaN(), Relative: fit.relative[j], VIF: m.inverse.At(j, j)})
	}
	out.CV = CrossValidation{Apart: apart, N: len(m.predicted), Trained: m.trained, R: fit.cv}
	null, nl := t.null(o)
	l.Add(nl...)
	if l.Err() != nil {
		return nil, l
	}
	m.chance(out, t, g, null, o)
	out.doubt(k)
	return out, l
}

// whole returns the panel at the parcels where every density has a value.
func whole(panel []Density) []Density {
	out := make([]Density, len(panel))
	for j, d := range panel {
		out[j] = d
		out[j].Values = append([]float64(nil), d.Values...)
	}
	for i := range panel[0].Values {
		for _, d := range panel {
			if i < len(d.Values) && !finite(d.Values[i]) {
				for j := range out {
					if i < len(out[j].Values) {
						out[j].Values[i] = math.NaN()
					}
				}
				break
			}
		}
	}
	return out
}

// chance fills the p-values from surrogates.
func (m *model) chance(out *Regression, t *trial, g *group, null *nullmap.Null, o Options) {
	r2, cv := make([]float64, o.Surrogates), make([]float64, o.Surrogates)
	dominance := make([][]float64, len(out.Terms))
	for j := range dominance {
		dominance[j] = make([]float64, o.Surrogates)
	}
	type room struct {
		f *fit
		s *scratch
	}
	pool := sync.Pool{New: func() any { return room{m.newFit(), t.s.newScratch()} }}
	null.Each(o.Surrogates, o.Workers, func(k int, x []float64) {
		b := pool.Get().(room)
		defer pool.Put(b)
		if t.fitted != nil {
			for _, i := range t.used {
				x[i] += t.fitted[i]
			}
		}
		y, ok := t.s.score(g, x, b.s)
		if !ok {
			r2[k], cv[k] = math.NaN(), math.NaN()
			return
		}
		m.explain(b.f, y)
		r2[k], cv[k] = b.f.r2, b.f.cv
		for j := range dominance {
			dominance[j][k] = b.f.dominance[j]
		}
	})
	out.P = nullmap.PValue(out.R2, r2)
	out.NullMean, _, _, _ = describe(r2)
	for j := range out.Terms {
		out.Terms[j].PDominance = nullmap.PValue(out.Terms[j].Dominance, dominance[j])
	}
	out.CV.NullMean, out.CV.NullSD, _, _ = describe(cv)
	out.CV.P = upperP(out.CV.R, cv)
}

// upperP is the one-sided Monte Carlo p.
func upperP(observed float64, null []float64) float64 {
	if math.IsNaN(observed) {
		return math.NaN()
	}
	ge, all := 1, 1
	for _, v := range null {
		if math.IsNaN(v) {
			continue
		}
		all++
		if v >= observed {
			ge++
		}
	}
	return float64(ge) / float64(all)
}

func (r *Regression) doubt(k int) {
	add := func(format string, args ...any) { r.Cautions = append(r.Cautions, fmt.Sprintf(format, args...)) }
	for _, t := range r.Terms {
		if t.VIF > 10 {
			add("the density of %s is nearly a sum of the others (VIF %.0f): which of them explains the map cannot be told", t.Target, t.VIF)
		}
	}
	if k > MostDominance {
		add("dominance is not computed for more than %d receptors: look at the relative weights", MostDominance)
	}
	if r.CV.N < r.N {
		add("%d parcels have too few others beyond %g mm to be predicted", r.N-r.CV.N, r.CV.Apart)
	}
}

// A model is everything about a regression that does not depend on the map.
type model struct {
	d         [][]float64 // densities' scores, of length 1
	c         *mat.SymDense
	inverse   *mat.SymDense
	root      *mat.SymDense // C^½
	rootInv   *mat.SymDense // C^−½
	subsets   []subset      // by bits; nil for too many receptors
	weight    []float64     // Shapley's weight of a subset, by its size
	df        int           // of the total: n − 1 − covariates
	predicted []int         // parcels, within the group, that the cross-validation predicts
	predict   [][]float64   // for each of them, weights of all parcels
	trained   float64
}

// A subset of receptors, with the inverse of its correlations.
type subset struct {
	at      []int
	inverse []float64
}

// A fit is what a model says of one map.
type fit struct {
	r         []float64 // correlations with densities
	r2        float64
	sub       []float64 // R² of each subset
	dominance []float64
	relative  []float64
	cv        float64
	p         []float64
}

func newModel(g *group, df int, apart float64, at Places) *model {
	k := len(g.d)
	m := &model{d: g.d, df: df, c: mat.NewSymDense(k, nil), inverse: mat.NewSymDense(k, nil)}
	for i := range k {
		for j := range i + 1 {
			m.c.SetSym(j, i, dot(g.d[i], g.d[j]))
		}
	}
	m.roots()
	if k <= MostDominance {
		m.allSubsets()
	}
	m.crossValidate(g, apart, at)
	return m
}

// roots fills C⁻¹, C^½ and C^−½. C is positive definite: the densities are
// independent.
func (m *model) roots() {
	k := len(m.d)
	var e mat.EigenSym
	if !e.Factorize(m.c, true) {
		panic("receptor: eigenvalues did not converge") // QR fails on NaN only, which scores are not
	}
	var v mat.Dense
	e.VectorsTo(&v)
	l := e.Values(nil)
	power := func(p float64) *mat.SymDense {
		out := mat.NewSymDense(k, nil)
		for i := range k {
			for j := range i + 1 {
				var s float64
				for a, x := range l {
					s += v.At(i, a) * v.At(j, a) * math.Pow(math.Max(x, 1e-15), p)
				}
				out.SetSym(j, i, s)
			}
		}
		return out
	}
	m.inverse, m.root, m.rootInv = power(-1), power(0.5), power(-0.5)
}

func (m *model) allSubsets() {
	k := len(m.d)
	m.subsets = make([]subset, 1<<k)
	for b := 1; b < len(m.subsets); b++ {
		s := &m.subsets[b]
		for j := range k {
			if b>>j&1 == 1 {
				s.at = append(s.at, j)
			}
		}
		n := len(s.at)
		sub := mat.NewSymDense(n, nil)
		for i := range n {
			for j := range i + 1 {
				sub.SetSym(j, i, m.c.At(s.at[i], s.at[j]))
			}
		}
		var ch mat.Cholesky
		inv := mat.NewSymDense(n, nil)
		if !ch.Factorize(sub) || ch.InverseTo(inv) != nil {
			m.subsets = nil // too near to singular: dominance is NaN
			return
		}
		for i := range n {
			for j := range n {
				s.inverse = append(s.inverse, inv.At(i, j))
			}
		}
	}
	m.weight = make([]float64, k)
	lf := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
	for s := range k {
		m.weight[s] = math.Exp(lf(s) + lf(k-s-1) - lf(k))
	}
}

// crossValidate prepares the weights by which far parcels predict each one.
func (m *model) crossValidate(g *group, apart float64, at Places) {
	k, n := len(m.d), len(g.at)
	if n > mostPlaces {
		return
	}
	dist := at.distances(g.at)
	for i := range n {
		var far []int
		for j, d := range dist.Row(i) {
			if d > apart && j != i {
				far = append(far, j)
			}
		}
		if len(far) < k+10 {
			continue
		}
		x := mat.NewDense(len(far), k+1, nil)
		for a, j := range far {
			x.Set(a, 0, 1)
			for c := range k {
				x.Set(a, c+1, m.d[c][j])
			}
		}
		row := mat.NewVecDense(k+1, nil)
		row.SetVec(0, 1)
		for c := range k {
			row.SetVec(c+1, m.d[c][i])
		}
		// weights w = X(X'X)⁻¹x_i = Q·R⁻ᵀx_i
		var qr mat.QR
		qr.Factorize(x)
		if qr.Cond() > 1e10 {
			continue
		}
		var w mat.Dense
		if qr.SolveTo(&w, true, row) != nil {
			continue
		}
		full := make([]float64, n)
		for a, j := range far {
			full[j] = w.At(a, 0)
		}
		m.predicted = append(m.predicted, i)
		m.predict = append(m.predict, full)
		m.trained += float64(len(far))
	}
	m.trained /= float64(len(m.predicted))
}

func (m *model) newFit() *fit {
	k := len(m.d)
	return &fit{r: make([]float64, k), sub: make([]float64, len(m.subsets)), dominance: make([]float64, k), relative: make([]float64, k), p: make([]float64, 2*len(m.predicted))}
}

// explain fills f for the scores y of a map, of length 1.
func (m *model) explain(f *fit, y []float64) {
	k := len(m.d)
	for j, d := range m.d {
		f.r[j] = dot(d, y)
	}
	f.r2 = m.quadratic(f.r)
	for b := 1; b < len(m.subsets); b++ {
		s := &m.subsets[b]
		n := len(s.at)
		var r2 float64
		for i, ji := range s.at {
			var t float64
			for a, ja := range s.at {
				t += s.inverse[i*n+a] * f.r[ja]
			}
			r2 += t * f.r[ji]
		}
		f.sub[b] = r2
	}
	for j := range k {
		f.dominance[j] = math.NaN()
		if m.subsets == nil {
			continue
		}
		var s float64
		for b := range m.subsets {
			if b>>j&1 == 0 {
				s += m.weight[bits.OnesCount(uint(b))] * (f.sub[b|1<<j] - f.sub[b])
			}
		}
		f.dominance[j] = s
	}
	for j := range k {
		f.relative[j] = 0
	}
	for a := range k {
		var beta float64
		for j := range k {
			beta += m.rootInv.At(a, j) * f.r[j]
		}
		for j := range k {
			f.relative[j] += m.root.At(j, a) * m.root.At(j, a) * beta * beta
		}
	}
	f.cv = math.NaN()
	if n := len(m.predicted); n > 2 {
		got, want := f.p[:n], f.p[n:]
		for i, w := range m.predict {
			got[i], want[i] = dot(w, y), y[m.predicted[i]]
		}
		if unit(got, nil) && unit(want, nil) {
			f.cv = clampR(dot(got, want))
		}
	}
}

// quadratic returns r'C⁻¹r.
func (m *model) quadratic(r []float64) float64 {
	var s float64
	for i, a := range r {
		for j, b := range r {
			s += a * b * m.inverse.At(i, j)
		}
	}
	return s
}

func (m *model) beta(r []float64, j int) float64 {
	var s float64
	for i, a := range r {
		s += a * m.inverse.At(i, j)
	}
	return s
}

// unique returns the R² that goes when receptor j does: β_j²/(C⁻¹)_jj.
func (m *model) unique(f *fit, j int) float64 {
	b := m.beta(f.r, j)
	return b * b / m.inverse.At(j, j)
}

func (m *model) correlations() [][]float64 {
	out := make([][]float64, len(m.d))
	for i := range out {
		for j := range m.d {
			out[i] = append(out[i], m.c.At(i, j))
		}
	}
	return out
}
