package receptor

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"phasl/diag"
	"phasl/internal/par"
	"phasl/lmm"
	"phasl/nullmap"
)

// A trial is one effect map against a panel: what is correlated and where.
type trial struct {
	file   string
	x      []float64 // the effect, at every place; NaN outside used. Its ranks, if ranked
	ranked bool
	cov    [][]float64
	used   []int
	places Places
	fitted []float64 // by the covariates, at every place; nil without them
	s      *scorer
}

// newTrial checks shapes and values and adds what is wrong to l.
func newTrial(effect Map, panel []Density, at Places, o Options, l *diag.List) *trial {
	n := len(effect.Values)
	t := &trial{file: effect.File, x: slices.Clone(effect.Values), places: at}
	checkPlaces(n, effect.File, at, o, l)
	if !slices.Contains(Methods(), o.Method) {
		l.Errorf(effect.File, "method", "choose spearman or pearson", "%q is no method", o.Method)
	}
	if o.Surrogates > maxSurrogates {
		l.Errorf(effect.File, "surrogates", fmt.Sprintf("give at most %d", maxSurrogates), "%d surrogates do not fit into memory", o.Surrogates)
	}
	if len(panel) == 0 {
		l.Errorf(effect.File, "panel", "give at least one density map", "there is no receptor to compare with")
	}
	for _, d := range panel {
		if len(d.Values) != n {
			l.Errorf(d.File, "", "bring all maps into the same parcels", "it has %d values and %s %d", len(d.Values), effect.File, n)
		}
	}
	for _, c := range o.Covariates {
		if len(c.Values) != n {
			l.Errorf(c.File, "", "bring all maps into the same parcels", "it has %d values and %s %d", len(c.Values), effect.File, n)
		}
		t.cov = append(t.cov, c.Values)
	}
	if l.Err() != nil {
		return nil
	}
	infinite := 0
	for i, v := range t.x {
		if math.IsInf(v, 0) {
			infinite++
		}
		ok := finite(v)
		for _, c := range t.cov {
			ok = ok && finite(c[i])
		}
		if ok {
			t.used = append(t.used, i)
		} else {
			t.x[i] = math.NaN()
		}
	}
	if infinite > 0 {
		l.Warnf(effect.File, "", "look at how the map was made", "%d parcels have an infinite effect and are left out", infinite)
	}
	if len(t.used) < Fewest {
		l.Errorf(effect.File, "", "use a finer parcellation, or a map that covers more of it", "%d of %d parcels have a value; at least %d are needed", len(t.used), n, Fewest)
		return nil
	}
	switch v := take(t.x, t.used); {
	case len(t.cov) == 0 && !unit(v, nil):
		l.Errorf(effect.File, "", "look at the map", "all values are %g", t.x[t.used[0]])
	case o.Method == Spearman && o.Null != nullmap.BrainSMASH && !o.scored:
		t.ranked = true
		t.rank()
	}
	if len(t.cov) > 0 {
		t.regress(o, l)
	}
	if l.Err() != nil {
		return nil
	}
	t.s = newScorer(t.used, panel, t.cov, o.Method, o.Covariates, l)
	return t
}

func checkPlaces(n int, file string, at Places, o Options, l *diag.List) {
	switch {
	case at.Coords == nil && at.Distances == nil:
		l.Errorf(file, "places", "give coordinates or distances of the parcels", "it is not known where the parcels are")
	case at.Coords != nil && len(at.Coords) != n:
		l.Errorf(file, "places", "give one coordinate for each parcel", "there are %d coordinates for %d values", len(at.Coords), n)
	case at.Distances != nil && at.Distances.N != n:
		l.Errorf(file, "places", "give one distance for each pair of parcels", "the distances are between %d places and there are %d values", at.Distances.N, n)
	case at.Names != nil && len(at.Names) != n:
		l.Errorf(file, "places", "give one name for each parcel", "there are %d names for %d values", len(at.Names), n)
	}
}

// rank puts ranks in the place of the effect, before surrogates are made of it:
// what is correlated are ranks, and their covariance is not that of the values. A
// few extreme parcels look like noise without structure to a model of the values,
// while the ranks are as smooth as ever, and a null of the one is too narrow for
// the other. BrainSMASH's null is left as published work uses it.
func (t *trial) rank() {
	v := take(t.x, t.used)
	rank(v, make([]int32, len(v)))
	for k, i := range t.used {
		t.x[i] = v[k]
	}
}

// regress finds what covariates explain of the effect. One that varies over the
// places but not over those with an effect, such as the cerebellum where the scan
// does not reach it, takes nothing out and is passed over.
func (t *trial) regress(o Options, l *diag.List) {
	method := Pearson
	if t.ranked {
		method = Spearman
	}
	q, dependent := covariateBasis(t.cov, t.used, method)
	if never := slices.IndexFunc(t.cov, func(c []float64) bool { return !varies(c) }); never >= 0 {
		dependent = never
	}
	if dependent >= 0 {
		l.Errorf(o.Covariates[dependent].File, "covariate", "leave it out", "it is constant, or determined by the other covariates")
		return
	}
	x := take(t.x, t.used)
	e := slices.Clone(x)
	if !unit(e, q) {
		l.Errorf(t.file, "", "leave out covariates", "the map is constant or determined by the covariates")
		return
	}
	t.fitted = make([]float64, len(t.x))
	for i := range t.fitted {
		t.fitted[i] = math.NaN()
	}
	length := dot(e, x) // of the residuals
	for k, i := range t.used {
		t.fitted[i] = x[k] - length*e[k]
	}
}

// varies tells whether finite values differ.
func varies(x []float64) bool {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range x {
		if finite(v) {
			lo, hi = math.Min(lo, v), math.Max(hi, v)
		}
	}
	return lo < hi
}

// null prepares surrogates of the effect, or of what the covariates leave.
func (t *trial) null(o Options) (*nullmap.Null, diag.List) {
	m := nullmap.Map{File: t.file, Values: t.x, Coords: t.places.Coords, Distances: t.places.Distances}
	if t.fitted != nil {
		m.Values = slices.Clone(t.x)
		for _, i := range t.used {
			m.Values[i] -= t.fitted[i]
		}
	}
	no := nullmap.Options{Method: o.Null, Seed: o.Seed, Smash: o.Smash, Workers: o.Workers}
	if o.Null == nullmap.GP {
		no.Family = o.Families.of(t.places, t.used, o.Workers)
	}
	n, l := nullmap.New(m, no)
	// That places without a value are left out, N says of each receptor.
	return n, slices.DeleteFunc(l, func(p *diag.Problem) bool { return p.Severity == diag.Warning && p.Field == "values" })
}

// correlate returns the coefficient of x with each receptor.
func (t *trial) correlate(x []float64) []float64 {
	out := make([]float64, len(t.s.reason))
	t.s.correlate(out, x, t.s.newScratch())
	return out
}

// draws returns the coefficients of surrogates, one row for each receptor.
func (t *trial) draws(null *nullmap.Null, o Options) [][]float64 {
	out := make([][]float64, len(t.s.reason))
	for j := range out {
		out[j] = make([]float64, o.Surrogates)
	}
	t.each(null, o, func(k int, r []float64) {
		for j, v := range r {
			out[j][k] = v
		}
	})
	return out
}

// drawsOfBoth is draws, but with [nullmap.GP] half of the surrogates are of each
// density: see [nullmap.Split].
func (t *trial) drawsOfBoth(null *nullmap.Null, o Options, l *diag.List) [][]float64 {
	if o.Null != nullmap.GP {
		return t.draws(null, o)
	}
	ofEffect := o
	var other int
	ofEffect.Surrogates, other = nullmap.Split(o.Surrogates)
	out := t.draws(null, ofEffect)
	for j := range out {
		out[j] = append(out[j], slices.Repeat([]float64{math.NaN()}, other)...)
	}
	for i := range t.s.groups {
		g := &t.s.groups[i]
		u, ok := t.s.score(g, t.x, t.s.newScratch())
		if !ok {
			continue
		}
		for m, j := range g.members {
			t.densityDraws(out[j][ofEffect.Surrogates:], g, m, u, o, l)
		}
	}
	return out
}

// densityDraws writes to dst the coefficients of a map of scores u with surrogates
// of density m of a group: of its ranks for Spearman, of what covariates leave.
func (t *trial) densityDraws(dst []float64, g *group, m int, u []float64, o Options, l *diag.List) {
	s := *t.s
	s.method = o.Method // a density is ranked where the map is of scores already, too
	fitted := slices.Clone(g.raw[m])
	if s.method == Spearman {
		rank(fitted, make([]int32, len(fitted)))
	}
	length := dot(g.d[m], fitted) // of the residuals
	values := slices.Repeat([]float64{math.NaN()}, len(t.x))
	for k, i := range g.at {
		values[i] = length * g.d[m][k]
		fitted[k] -= values[i]
	}
	j := g.members[m]
	null, nl := nullmap.New(
		nullmap.Map{File: s.files[j], Values: values, Coords: t.places.Coords, Distances: t.places.Distances},
		nullmap.Options{Method: o.Null, Seed: o.Seed ^ s.keys[j], Workers: o.Workers, Family: o.Families.of(t.places, g.at, o.Workers)})
	if l.Add(nl.Errors()...); nl.Err() != nil {
		return
	}
	pool := sync.Pool{New: func() any { return s.newScratch() }}
	null.Each(len(dst), o.Workers, func(k int, x []float64) {
		b := pool.Get().(*scratch)
		for k, i := range g.at {
			x[i] += fitted[k]
		}
		if v, ok := s.score(g, x, b); ok {
			dst[k] = clampR(dot(u, v))
		}
		pool.Put(b)
	})
}

// each calls fn with the coefficients of each surrogate.
func (t *trial) each(null *nullmap.Null, o Options, fn func(k int, r []float64)) {
	pool := sync.Pool{New: func() any { return t.s.newScratch() }}
	null.Each(o.Surrogates, o.Workers, func(k int, x []float64) {
		b := pool.Get().(*scratch)
		if t.fitted != nil {
			for _, i := range t.used {
				x[i] += t.fitted[i]
			}
		}
		t.s.correlate(b.r, x, b)
		fn(k, b.r)
		pool.Put(b)
	})
}

// influence fills the coefficients without each place in turn.
func (t *trial) influence(results []Alignment, o Options) {
	for gi := range t.s.groups {
		g := &t.s.groups[gi]
		if len(g.at) > mostPlaces {
			continue
		}
		r := make([][]float64, len(g.at))
		par.Do(o.Workers, len(g.at), func(k int) { r[k] = t.s.without(g, t.x, t.cov, k) })
		for m, j := range g.members {
			a := &results[j]
			for k, i := range g.at {
				a.Influence = append(a.Influence, Influence{i, r[k][m], a.R - r[k][m]})
			}
		}
	}
}

// tTail is the two-sided p of Student's t.
func tTail(t, df float64) float64 { return lmm.TTail(t, df) }
