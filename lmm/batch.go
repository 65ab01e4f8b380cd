package lmm

import (
	"math"
	"slices"
	"sync"

	"phasl/diag"
	"phasl/internal/par"
)

// A Batch fits many responses that share one formula and table: the regions or
// voxels of a study. The design is decomposed once for each pattern of missing
// values that occurs. With one random intercept, or two of which one is nested
// in the other, a fit then costs microseconds; other designs are fitted one by
// one. Results equal those of [Design.Fit] to rounding.
type Batch struct {
	Design *Design // of all rows whose covariates are complete

	mu       sync.Mutex
	patterns map[string]*pattern
}

// NewBatch prepares a formula and a table; the response on the formula's left
// need not be a column. Faults are returned as a [diag.List].
func NewBatch(f *Formula, t *Table) (*Batch, error) {
	d, err := newDesign(f, t, false)
	if err != nil {
		return nil, err
	}
	return &Batch{Design: d, patterns: map[string]*pattern{}}, nil
}

// BatchOptions say what to compute. The zero value is REML with Kenward and
// Roger's method for each coefficient.
type BatchOptions struct {
	Method    Method
	Inference Inference
	Unbounded bool       // variances may be below zero, as in [Design.RefitUnbounded]
	Contrasts []Contrast // weights by Design.Names; none: each coefficient
	Workers   int        // 0: one for each CPU
}

// Outcome tells whether a response could be fitted.
type Outcome uint8

const (
	Fitted       Outcome = iota // all is well
	TooFew                      // too few values for the model
	NoVariance                  // the response is constant, or the fixed effects fit it exactly
	NotConverged                // the search did not end
)

// BatchResult holds results by response; those of response j and contrast c
// are at j·len(Contrasts)+c. What could not be computed is NaN: everything of a
// response whose Outcome is TooFew or NoVariance, and contrasts that its
// missing values leave undetermined.
type BatchResult struct {
	Contrasts     []string
	Value, SE, DF []float64
	T, P          []float64
	Theta         []float64 // by response and variance parameter; see Fit.Theta
	Sigma, LogLik []float64
	NObs          []int
	Singular      []bool
	Outcome       []Outcome
}

// FitColumns fits responses given one by one, each with one value for every
// row of the table, NaN where missing. It panics if a length differs.
func (b *Batch) FitColumns(responses [][]float64, opt BatchOptions) *BatchResult {
	for _, r := range responses {
		if len(r) != b.Design.table.rows {
			panic("lmm: FitColumns: a response must have one value for each row of the table")
		}
	}
	return b.Fit(len(responses), func(dst []float64, j int) { copy(dst, responses[j]) }, opt)
}

// FitFloat32 fits responses stored one after the other, each with one value
// for every row of the table. It panics if the length of the block is not a
// multiple of that.
func (b *Batch) FitFloat32(block []float32, opt BatchOptions) *BatchResult {
	rows := b.Design.table.rows
	if rows == 0 || len(block)%rows != 0 {
		panic("lmm: FitFloat32: the block must hold whole responses")
	}
	return b.Fit(len(block)/rows, func(dst []float64, j int) {
		for i, v := range block[j*rows : (j+1)*rows] {
			dst[i] = float64(v)
		}
	}, opt)
}

// Fit fits n responses. response(dst, j) writes response j, one value for
// every row of the table; it is called from several goroutines at once.
// Results do not depend on their number. It panics as [Fit.Linear] does.
func (b *Batch) Fit(n int, response func(dst []float64, j int), opt BatchOptions) *BatchResult {
	if opt.Inference.DDF == KenwardRoger && opt.Method == ML {
		panic("lmm: Kenward and Roger's method needs REML")
	}
	con := opt.Contrasts
	if len(con) == 0 {
		for i, name := range b.Design.Names {
			w := make([]float64, len(b.Design.Names))
			w[i] = 1
			con = append(con, Contrast{name, w})
		}
	}
	r := newBatchResult(n, b.Design.m, con)
	ext := make([][]float64, len(con))
	for c := range con {
		if len(con[c].Weights) != len(b.Design.Names) {
			panic("lmm: Batch: a contrast needs one weight for each coefficient")
		}
		ext[c] = b.Design.extend(con[c].Weights)
	}
	const chunk = 64
	par.Ranges(opt.Workers, n, chunk, func(lo, hi int) {
		w := &batchWorker{b: b, opt: opt, ext: ext, out: r, all: make([]float64, b.Design.table.rows), y: make([]float64, b.Design.N), key: make([]byte, b.Design.N)}
		for j := lo; j < hi; j++ {
			clear(w.all)
			response(w.all, j)
			w.fit(j)
		}
		w.release()
	})
	return r
}

func newBatchResult(n, m int, con []Contrast) *BatchResult {
	k := len(con)
	r := &BatchResult{
		Value: constant(math.NaN(), n*k), SE: constant(math.NaN(), n*k), DF: constant(math.NaN(), n*k),
		T: constant(math.NaN(), n*k), P: constant(math.NaN(), n*k), Theta: constant(math.NaN(), n*m),
		Sigma: constant(math.NaN(), n), LogLik: constant(math.NaN(), n),
		NObs: make([]int, n), Singular: make([]bool, n), Outcome: make([]Outcome, n),
	}
	for _, c := range con {
		r.Contrasts = append(r.Contrasts, c.Name)
	}
	return r
}

// extend returns weights over all columns such that dropped columns, which
// are combinations of the others, agree.
func (d *Design) extend(w []float64) []float64 {
	p := d.orth.p
	out := make([]float64, len(d.Columns))
	for j := range out {
		out[j] = dot(w, d.orth.alias[j*p:j*p+p])
	}
	return out
}

// A pattern is the design of the rows that a response has.
type pattern struct {
	once   sync.Once
	d      *Design // nil if it cannot be fitted
	nested *nestedDesign
	pool   sync.Pool
}

// maxPatterns bounds what is kept of patterns; beyond it they are made anew
// each time.
const maxPatterns = 4096

func (b *Batch) pattern(key []byte) *pattern {
	b.mu.Lock()
	p := b.patterns[string(key)]
	if p == nil {
		p = &pattern{}
		if len(b.patterns) < maxPatterns {
			b.patterns[string(key)] = p
		}
	}
	b.mu.Unlock()
	p.once.Do(func() {
		p.d = b.Design.subset(key)
		if p.d != nil {
			p.nested = newNested(p.d)
		}
	})
	return p
}

// subset returns the design of the rows whose key is 1, or nil if they are
// too few.
func (d *Design) subset(key []byte) *Design {
	s := &Design{Formula: d.Formula, Columns: d.Columns, fixed: d.fixed, terms: d.terms, of: d.of, table: d.table, m: d.m}
	m := len(d.Columns)
	var at []int
	for i, k := range key {
		if k == 1 {
			at = append(at, i)
			s.Rows = append(s.Rows, d.Rows[i])
			s.x = append(s.x, d.x[i*m:i*m+m]...)
		}
	}
	s.N = len(at)
	for t, r := range d.ran {
		n := ranef{k: r.k, theta: r.theta}
		local := map[int]int{}
		g := Group{Name: d.Groups[t].Name, Terms: d.Groups[t].Terms}
		for _, i := range at {
			l, ok := local[r.lev[i]]
			if !ok {
				l = n.nlev
				local[r.lev[i]] = l
				n.nlev++
				g.Levels = append(g.Levels, d.Groups[t].Levels[r.lev[i]])
			}
			n.lev = append(n.lev, l)
			n.z = append(n.z, r.z[i*r.k:i*r.k+r.k]...)
		}
		if n.nlev < 2 || n.nlev*n.k >= s.N {
			return nil
		}
		s.ran, s.Groups = append(s.ran, n), append(s.Groups, g)
	}
	s.orth = orthogonalise(s.x, s.N, m)
	if s.N <= s.orth.p || !s.makeBlocks() {
		return nil
	}
	for _, j := range s.orth.kept {
		s.Names = append(s.Names, s.Columns[j])
	}
	return s
}

// A batchWorker fits responses of one chunk.
type batchWorker struct {
	b   *Batch
	opt BatchOptions
	ext [][]float64
	out *BatchResult
	all []float64
	y   []float64
	key []byte

	last  string // pattern of the previous response
	state *batchState
	home  *pattern
}

// A batchState is a pattern's workspace. It is pooled.
type batchState struct {
	p       *pattern
	ev      *nestedEval
	obj     *objective
	e, g0   []float64
	weights [][]float64 // by contrast in the basis Q; nil if undetermined
	turned  [][]float64 // the same in the basis of ev
	reml    bool
}

func (w *batchWorker) release() {
	if w.state != nil && w.home != nil {
		w.home.pool.Put(w.state)
	}
	w.state, w.home = nil, nil
}

func (w *batchWorker) fit(j int) {
	d := w.b.Design
	y := w.y[:0]
	for i, row := range d.Rows {
		v := w.all[row]
		w.key[i] = 0
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			w.key[i] = 1
			y = append(y, v)
		}
	}
	w.out.NObs[j] = len(y)
	if w.state == nil || w.last != string(w.key) {
		w.release()
		w.last = string(w.key)
		p := w.b.pattern(w.key)
		if p.d == nil {
			w.state = &batchState{p: p}
		} else {
			w.state = w.newState(p)
			w.home = p
		}
	}
	st := w.state
	if st.p.d == nil {
		w.out.Outcome[j] = TooFew
		return
	}
	size := 0.0
	for _, v := range y {
		size = math.Max(size, math.Abs(v))
	}
	st.project(y)
	if math.Sqrt(dot(st.e, st.e)) <= 1e-12*size*math.Sqrt(float64(len(y))) {
		w.out.Outcome[j] = NoVariance
		return
	}
	if st.ev == nil {
		w.general(j, st, y)
		return
	}
	st.ev.respond(st.e)
	o := st.obj
	min := o.minimise(st.p.d.diagonal())
	if w.opt.Unbounded && singularTheta(min.theta) {
		st.ev.direct = true
		defer func() { st.ev.direct = false }()
		low, ok := o.below(min.theta)
		if ok {
			o.derivatives(low.theta)
			w.store(j, st, o, low, signedRoots(low.theta))
			return
		}
		st.ev.direct = false
	}
	o.derivatives(min.theta)
	w.store(j, st, o, min, min.theta)
}

// singularTheta tells whether a variance of a design that has intercepts only
// is zero or below.
func singularTheta(theta []float64) bool {
	return slices.ContainsFunc(theta, func(t float64) bool { return t < singularBelow })
}

func (w *batchWorker) newState(p *pattern) *batchState {
	st, _ := p.pool.Get().(*batchState)
	if st == nil || st.reml != (w.opt.Method == REML) {
		d := p.d
		st = &batchState{p: p, e: make([]float64, d.N), g0: make([]float64, d.orth.p), reml: w.opt.Method == REML}
		if p.nested != nil {
			st.ev = newNestedEval(p.nested)
			st.obj = newObjective(st.ev, d.N, d.orth.p, d.m, st.reml)
			st.obj.red.diag = p.nested.rot != nil
		}
	}
	st.weights, st.turned = st.weights[:0], st.turned[:0]
	for _, c := range w.ext {
		wt := p.d.estimable(c)
		if wt != nil {
			wt = p.d.orth.solveT(wt)
		}
		st.weights = append(st.weights, wt)
		if wt != nil && p.nested != nil {
			wt = p.nested.turned(wt)
		}
		st.turned = append(st.turned, wt)
	}
	return st
}

// project splits y into Q·g0 and e.
func (st *batchState) project(y []float64) {
	q, p := st.p.d.orth.q, st.p.d.orth.p
	clear(st.g0)
	copy(st.e, y)
	for i, v := range y {
		row := q[i*p : i*p+p]
		for j, u := range row {
			st.g0[j] += v * u
		}
	}
	for i := range st.e {
		st.e[i] -= dot(q[i*p:i*p+p], st.g0)
	}
}

// store takes over the fit whose derivatives o holds; theta is its [Fit.Theta].
func (w *batchWorker) store(j int, st *batchState, o *objective, min minimum, theta []float64) {
	out, d := w.out, st.p.d
	sigma := math.Sqrt(o.red.r2 / o.nu())
	out.Sigma[j] = sigma
	out.LogLik[j] = -0.5 * (min.value + d.remlConstant(w.opt.Method))
	copy(out.Theta[j*d.m:], theta)
	if !min.converged {
		out.Outcome[j] = NotConverged
	}
	out.Singular[j] = singularTheta(theta)
	var kr *kenwardRoger
	var cov []float64
	var dphi [][]float64
	phi := o.red.phi
	switch w.opt.Inference.DDF {
	case KenwardRoger:
		kr = newKenwardRoger(&st.ev.mo, phi)
	case Satterthwaite:
		cov, dphi = varianceParameters(o, min.theta, sigma)
	}
	for c, l := range st.weights {
		if l == nil {
			continue
		}
		at := j*len(st.weights) + c
		v := dot(l, st.g0)
		l = st.turned[c]
		v += dot(l, o.red.gamma)
		use, df := phi, float64(d.N-d.orth.p)
		switch {
		case kr != nil:
			use = kr.phiA
			df, _ = kr.ddf(l, 1)
		case cov != nil:
			df = satterthwaite(l, phi, dphi, cov, sigma)
		}
		se := sigma * math.Sqrt(quadratic(l, use, l))
		out.Value[at], out.SE[at], out.DF[at] = v, se, df
		out.T[at], out.P[at] = v/se, TTail(v/se, df)
	}
}

// general fits a response one by one.
func (w *batchWorker) general(j int, st *batchState, y []float64) {
	out, d := w.out, st.p.d
	f := d.Refit(slices.Clone(y), w.opt.Method)
	if w.opt.Unbounded {
		f = d.unbounded(f)
	}
	out.Sigma[j], out.LogLik[j], out.Singular[j] = f.Sigma, f.LogLik, f.Singular
	copy(out.Theta[j*d.m:], f.Theta)
	if !f.Converged {
		out.Outcome[j] = NotConverged
	}
	for c := range w.ext {
		wt := d.estimable(w.ext[c])
		if wt == nil {
			continue
		}
		e := f.Linear("", wt, w.opt.Inference)
		at := j*len(w.ext) + c
		out.Value[at], out.SE[at], out.DF[at], out.T[at], out.P[at] = e.Value, e.SE, e.DF, e.T, e.P
	}
}

// Warnings returns what was found wrong with the design but did not stop it.
func (b *Batch) Warnings() diag.List { return b.Design.Warnings }
