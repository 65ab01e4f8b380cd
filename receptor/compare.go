package receptor

import (
	"math"
	"slices"

	"phasl/diag"
	"phasl/nullmap"
)

// A Comparison is the difference of two alignments.
type Comparison struct {
	First, Second    string  // what is compared: targets, or files of maps
	Target           string  // the receptor, of two maps; "" of two receptors. With the file where several maps are of one target
	N                int     // parcels with everything
	R1, R2           float64 // the coefficients
	Difference       float64 // R1 − R2
	NullMean, NullSD float64 // of the difference among surrogates
	P                float64 // two-sided Monte Carlo p
	PFWE             float64 // of the largest |difference| over all comparisons asked for
	Reason           string  // why there is none
}

// CompareMaps asks of each receptor whether two effect maps align differently
// with it: ketamine under placebo and under naltrexone. With u and v the scores
// of the maps (ranked for Spearman, covariates taken out), of length 1, and d
// that of the density,
//
//	r₁ − r₂ = (u − v)·d
//
// exactly, so that the question is whether the difference of the standardised
// maps aligns with the density. Its null is |u − v|·r*, r* being correlations of
// surrogates of u − v: what the two maps share, which is most of them, is not in
// it. The null hypothesis is that u − v has nothing to do with the density. The
// people are taken as given: for p that speak for new people, give the
// differences of each person's maps to [PeopleTest].
//
// Errors: those of [Align], and two maps that are alike.
func CompareMaps(a, b Map, panel []Density, at Places, o Options) ([]Comparison, diag.List) {
	o = o.withDefaults()
	var l diag.List
	if len(a.Values) != len(b.Values) {
		l.Errorf(b.File, "", "bring all maps into the same parcels", "it has %d values and %s %d", len(b.Values), a.File, len(a.Values))
		return nil, l
	}
	a, b = common(a, b)
	ta := newTrial(a, panel, at, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	var lb diag.List
	tb := newTrial(b, panel, at, o, &lb)
	if lb.Err() != nil {
		return nil, lb
	}
	delta := make([]float64, len(a.Values))
	for i := range delta {
		delta[i] = math.NaN()
	}
	q, _ := covariateBasis(ta.cov, ta.used, o.Method)
	whole := group{at: ta.used, q: q}
	d, ok := ta.s.difference(&whole, a.Values, b.Values)
	for k, i := range ta.used {
		delta[i] = d[k]
	}
	if length := math.Sqrt(dot(d, d)); !ok || !(length > 1e-8) {
		l.Errorf(b.File, "", "give two different maps", "it does not differ from %s but in scale", a.File)
		return nil, l
	}
	ra, rb := ta.correlate(a.Values), tb.correlate(b.Values)
	td := *ta
	td.x, td.fitted, td.file = delta, nil, a.File+" − "+b.File
	null, nl := td.null(o)
	l.Add(nl...)
	if l.Err() != nil {
		return nil, l
	}
	s := *ta.s
	s.method = Pearson // the difference is of ranks already
	td.s = &s
	draws := td.draws(null, o)
	out, names := make([]Comparison, len(panel)), mapNames(panel)
	for j := range panel {
		out[j] = Comparison{First: a.File, Second: b.File, Target: names[j], N: ta.s.n(j), R1: ra[j], R2: rb[j], Reason: ta.s.reason[j]}
		length := math.NaN()
		if g := ta.s.groupOf(j); g != nil {
			if d, ok := ta.s.difference(g, a.Values, b.Values); ok {
				length = math.Sqrt(dot(d, d))
			}
		}
		for k := range draws[j] {
			draws[j][k] *= length
		}
	}
	judge(out, draws)
	return out, l
}

// AllPairs returns every two of n receptors, for [CompareReceptors].
func AllPairs(n int) [][2]int {
	var out [][2]int
	for i := range n {
		for j := range i {
			out = append(out, [2]int{j, i})
		}
	}
	return out
}

// mapNames is how the maps of a panel are called: by their target, with the file
// where several are of one target.
func mapNames(panel []Density) []string {
	times := map[string]int{}
	for _, d := range panel {
		times[d.Target]++
	}
	out := make([]string, len(panel))
	for j, d := range panel {
		if out[j] = d.Target; times[d.Target] > 1 {
			out[j] += " (" + d.File + ")"
		}
	}
	return out
}

// common returns two maps at the places where both have a value.
func common(a, b Map) (Map, Map) {
	a.Values, b.Values = slices.Clone(a.Values), slices.Clone(b.Values)
	for i := range a.Values {
		if !finite(a.Values[i]) || !finite(b.Values[i]) {
			a.Values[i], b.Values[i] = math.NaN(), math.NaN()
		}
	}
	return a, b
}

// difference returns the difference of the scores of two maps at a group's
// places; false if one of them is constant there.
func (s *scorer) difference(g *group, a, b []float64) ([]float64, bool) {
	scratch := &scratch{make([]float64, len(g.at)), nil, make([]int32, len(g.at))}
	u, ok := s.score(g, a, scratch)
	d := slices.Clone(u)
	v, ok2 := s.score(g, b, scratch)
	for k := range d {
		d[k] -= v[k]
	}
	return d, ok && ok2
}

// judge fills what follows from the coefficients and the differences among
// surrogates, one row for each comparison.
func judge(out []Comparison, draws [][]float64) {
	for j := range out {
		c := &out[j]
		c.Difference = c.R1 - c.R2
		c.NullMean, c.NullSD, _, _ = describe(draws[j])
		c.P = nullmap.PValue(c.Difference, draws[j])
	}
	largest := largestOf(draws)
	for j := range out {
		out[j].PFWE = nullmap.PValue(out[j].Difference, largest)
	}
}

// CompareReceptors asks whether one effect map aligns differently with two
// receptors, for each pair of places in the panel. Both coefficients are over
// the parcels where the two have a density; their difference is compared with
// that of surrogates of the effect map, which keep how alike the two densities
// are. The null hypothesis is that the map has nothing to do with either.
//
// Errors: those of [Align].
func CompareReceptors(effect Map, panel []Density, pairs [][2]int, at Places, o Options) ([]Comparison, diag.List) {
	o = o.withDefaults()
	var l diag.List
	var both []Density
	for _, p := range pairs {
		if p[0] < 0 || p[0] >= len(panel) || p[1] < 0 || p[1] >= len(panel) {
			panic("receptor: CompareReceptors: no such receptor")
		}
		first, second := panel[p[0]], panel[p[1]]
		a, b := common(Map{Values: first.Values}, Map{Values: second.Values})
		first.Values, second.Values = a.Values, b.Values
		both = append(both, first, second)
	}
	t := newTrial(effect, both, at, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	null, nl := t.null(o)
	l.Add(nl...)
	if l.Err() != nil {
		return nil, l
	}
	r := t.correlate(t.x)
	all := t.draws(null, o)
	out, names := make([]Comparison, len(pairs)), mapNames(panel)
	draws := make([][]float64, len(pairs))
	for j, p := range pairs {
		i, k := 2*j, 2*j+1
		out[j] = Comparison{First: names[p[0]], Second: names[p[1]], N: t.s.n(i), R1: r[i], R2: r[k], Reason: t.s.reason[i]}
		if out[j].Reason == "" {
			out[j].Reason = t.s.reason[k]
		}
		draws[j] = all[i]
		for m := range draws[j] {
			draws[j][m] -= all[k][m]
		}
	}
	judge(out, draws)
	return out, l
}
