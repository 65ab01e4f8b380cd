package receptor

import (
	"fmt"
	"math"
	"slices"

	"phasl/diag"
	"phasl/internal/keyed"
	"phasl/internal/par"
	"phasl/lmm"
	"phasl/nullmap"
)

// People are the alignments of single people's effect maps with a panel, and
// what they say about new people and other places.
type People struct {
	Names      []string // files of the maps
	Method     Method
	Null       nullmap.Method
	Surrogates int
	Seed       uint64
	Used       []int // places at which everybody has an effect, and every covariate has a value
	Results    []PeopleAlignment
	Fit        nullmap.VariogramFit // of surrogates to the mean map
	Cautions   []string
}

// A PeopleAlignment is one receptor's. All p are two-sided.
type PeopleAlignment struct {
	Target, File string
	N            int       // places
	Each         []float64 // coefficient of each person's map
	Positive     int       // people in whom it is above 0
	// Mean is tanh of the mean of Fisher's z, Low and High its 95 % interval by
	// Student's t, and T, DF and P the one-sample t test. PFlip is the p of t
	// under sign flips of people, PFlipFWE that of the largest |t| over the panel.
	// They speak for new people and the same places: any map that people share,
	// whatever it has to do with the receptor, makes them small.
	Mean, Low, High float64
	T, DF, P        float64
	PFlip, PFlipFWE float64
	// R is the coefficient of the mean of the (ranked) maps, and PPlaces its p
	// under spatial surrogates. It speaks for other places and the same people:
	// noise of people that looks like the receptor makes it small.
	R, PPlaces float64
	// Joint and the p-values below speak for both: see [PeopleTest].
	Joint       float64 // R/√V, to tell how sure; p is not from a table
	PJoint      float64 // of one receptor
	PJointFWE   float64 // of the largest |r| over the panel
	NullLow     float64 // 2.5 and 97.5 % quantiles of r** that PJoint compares R with
	NullHigh    float64
	PBoth       float64 // the larger of PFlip and PPlaces: the intersection-union test
	SharePeople float64 // V₁/(V₁ + V₂), the part of people in the uncertainty, 0 to 1
	Reason      string  // why there is none
}

// FewestPeople is the number of people below which nothing is tested.
const FewestPeople = 3

// PeopleTest aligns the effect map of each person with each density, and tests
// the mean. For a difference between two treatments, the maps are the
// differences of each person's two effects: swapping the treatments within a
// person is then flipping the sign.
//
// With e_i the map of person i of n (of ranks for Spearman, the covariates taken
// out), d the density, of length 1, a_i = e_i·d, ē the mean map and r = ē·d/|ē|,
// the variance of r = ā/|ē| over new people and other places is
//
//	V = V₁ + V₂ − V₁₂
//	V₁ = Σ(a_i − ā)²/(n(n − 1)) / |ē|²   people
//	V₂ = mean r*²                        places: r* of surrogates, as for [Align]
//	V₁₂ = min(V₁, V₂, λV₂)               noise that both count
//	λ = Σ_s var_i e_i(s)/n / |ē|²        share of people's noise in |ē|²
//
// that of a mean over two crossed samples (Cameron, Gelbach & Miller 2011,
// doi:10.1198/jbes.2010.07136). Draw k of the joint null flips the signs
// s of people and takes surrogate k:
//
//	r** = √V · (mean s_i·a_i/|ē| + r*_k) / √(V₁* + V₂)
//
// with V₁* of the flipped values. Without V₂ this is the sign-flip t test, without
// V₁ the spatial test. The largest
// |r**| over the panel, with the same flips and surrogates, gives the family-wise
// p: not the largest r**/√V, which is too often large for a density that hardly
// varies with distance.
//
// It keeps 5 % when people show nothing, when they share a map unrelated to the
// receptor, when their noise looks like the receptor, and when both is so. The
// larger of the two separate p keeps 5 % in the first three cases and finds a
// little more; in the fourth it does not (docs/methods/receptors.md).
//
// Errors: fewer than [FewestPeople] people, fewer than [Fewest] places at which
// everybody has a value, and those of [Align].
func PeopleTest(people []Map, panel []Density, at Places, o Options) (*People, diag.List) {
	o = o.withDefaults()
	var l diag.List
	if len(people) < FewestPeople {
		l.Errorf("people", "", "give the map of each person", "%d maps of people; at least %d are needed", len(people), FewestPeople)
		return nil, l
	}
	n := len(people[0].Values)
	for _, p := range people {
		if len(p.Values) != n {
			l.Errorf(p.File, "", "bring all maps into the same parcels", "it has %d values and %s %d", len(p.Values), people[0].File, n)
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	samePeople(people, &l)
	how := o.Method
	if o.scored {
		how = Pearson
	}
	mean := meanMap(people, how)
	lostPlaces(people, mean, &l)
	t := newTrial(Map{"the mean of people's maps", mean}, panel, at, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	out := &People{Method: o.Method, Null: o.Null, Surrogates: o.Surrogates, Seed: o.Seed, Used: t.used}
	for _, p := range people {
		out.Names = append(out.Names, p.File)
	}
	c := newCrossed(t, people, how)
	for j, d := range panel {
		out.Results = append(out.Results, PeopleAlignment{Target: d.Target, File: d.File, N: t.s.n(j), Reason: t.s.reason[j], Each: c.each[j]})
	}
	null, nl := t.null(o)
	l.Add(nl...)
	if l.Err() != nil {
		return nil, l
	}
	// The mean map is of ranks already; its surrogates are not ranked again.
	t.s.method = Pearson
	draws := t.drawsOfBoth(null, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	c.test(out.Results, draws, o)
	if !o.brief {
		out.Fit = null.VariogramFit(min(o.Surrogates, 200), o.Workers)
	}
	if out.Fit.Poor() {
		out.Cautions = append(out.Cautions, poorWords("surrogates of the mean of people's maps do not vary with distance as it does", out.Fit))
	}
	se := math.Sqrt(0.05 * 0.95 / float64(o.Surrogates))
	for _, a := range out.Results {
		if math.Abs(a.PJointFWE-0.05) < 2*se {
			out.Cautions = append(out.Cautions, fmt.Sprintf("the family-wise p of %s, %.4f, is within Monte Carlo error of 0.05: another seed may put it on the other side, and more than %d surrogates tell", a.Target, a.PJointFWE, o.Surrogates))
		}
	}
	if len(people) < FewPeople {
		out.Cautions = append(out.Cautions, fmt.Sprintf("%d people allow %d patterns of signs: p of the test over people alone cannot fall below %.3g, and little is known of how people differ", len(people), 1<<len(people), math.Pow(2, 1-float64(len(people)))))
	}
	return out, l
}

// PeopleShift asks whether the maps of two conditions align differently with each
// density in the same people, for new people and other places: [CompareMaps] for
// each person, tested as [PeopleTest] tests a map. first[i] and second[i] are of
// one person. With u_i and v_i their scores (ranks for Spearman, covariates taken
// out), of length 1, over the places that everybody has, the maps tested are
// u_i − v_i: the correlation of a person's with a density times its length is that
// person's r₁ − r₂. Swapping the conditions within a person is flipping its sign.
//
// Errors: those of [PeopleTest], and lists of different length.
func PeopleShift(first, second []Map, panel []Density, at Places, o Options) (*People, diag.List) {
	o = o.withDefaults()
	var l diag.List
	if len(first) != len(second) {
		l.Errorf("people", "", "give two maps of each person", "%d maps of the first condition and %d of the second", len(first), len(second))
		return nil, l
	}
	var used []int
	n := 0
	if len(first) > 0 {
		n = len(first[0].Values)
	}
	all := slices.Concat(first, second, o.Covariates)
	for _, m := range all {
		if len(m.Values) != n {
			l.Errorf(m.File, "", "bring all maps into the same parcels", "it has %d values and %s %d", len(m.Values), first[0].File, n)
			return nil, l
		}
	}
	for i := range n {
		ok := true
		for _, m := range all {
			ok = ok && finite(m.Values[i])
		}
		if ok {
			used = append(used, i)
		}
	}
	if len(used) < Fewest {
		l.Errorf("people", "", "use a finer parcellation, or leave out who has few", "%d of %d parcels have a value in everybody; at least %d are needed", len(used), n, Fewest)
		return nil, l
	}
	var cov [][]float64
	for _, c := range o.Covariates {
		cov = append(cov, c.Values)
	}
	q, _ := covariateBasis(cov, used, o.Method)
	score := func(m Map) ([]float64, bool) {
		v := take(m.Values, used)
		if o.Method == Spearman {
			rank(v, make([]int32, len(v)))
		}
		return v, unit(v, q)
	}
	people := make([]Map, len(first))
	for i := range first {
		u, ok := score(first[i])
		v, ok2 := score(second[i])
		if !ok || !ok2 {
			l.Errorf(first[i].File, "", "leave this person out", "one of the two maps is constant, or determined by the covariates")
			continue
		}
		people[i] = Map{first[i].File, make([]float64, n)}
		for k := range people[i].Values {
			people[i].Values[k] = math.NaN()
		}
		for k, s := range used {
			people[i].Values[s] = u[k] - v[k]
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	o.scored = true
	res, pl := PeopleTest(people, panel, at, o)
	l.Add(pl...)
	return res, l
}

// samePeople warns of two people with one map.
func samePeople(people []Map, l *diag.List) {
	for i := range people {
		for j := range i {
			if sameValues(people[i].Values, people[j].Values) {
				l.Warnf(people[i].File, "", "give each person's own map", "its values are those of %s", people[j].File)
			}
		}
	}
}

// meanMap returns the mean over people of their maps, or of their ranks, at the
// places where everybody has a value; NaN elsewhere.
func meanMap(people []Map, m Method) []float64 {
	n := len(people[0].Values)
	out := make([]float64, n)
	var common []int
	for i := range n {
		out[i] = math.NaN()
		ok := true
		for _, p := range people {
			ok = ok && finite(p.Values[i])
		}
		if ok {
			common = append(common, i)
		}
	}
	for _, i := range common {
		out[i] = 0
	}
	order := make([]int32, len(common))
	for _, p := range people {
		v := take(p.Values, common)
		if m == Spearman {
			rank(v, order)
		}
		for k, i := range common {
			out[i] += v[k] / float64(len(people))
		}
	}
	return out
}

// lostPlaces warns if some people's holes cost many places.
func lostPlaces(people []Map, mean []float64, l *diag.List) {
	left := 0
	for _, v := range mean {
		if finite(v) {
			left++
		}
	}
	most, worst := 0, ""
	anyone := 0
	for i := range mean {
		for _, p := range people {
			if finite(p.Values[i]) {
				anyone++
				break
			}
		}
	}
	for _, p := range people {
		holes := 0
		for i, v := range p.Values {
			if !finite(v) && i < len(mean) {
				holes++
			}
		}
		if holes > most {
			most, worst = holes, p.File
		}
	}
	if anyone > 0 && float64(left) < 0.9*float64(anyone) {
		l.Warnf(worst, "", "look at its coverage; leaving this person out may keep more places", "only %d of %d parcels have a value in everybody; this map lacks %d, more than any other", left, anyone, most)
	}
}

// crossed holds what the joint test needs of people.
type crossed struct {
	people int
	each   [][]float64 // receptor × person: coefficient
	a      [][]float64 // receptor × person: e_i·d; nil if the receptor has none
	length []float64   // |ē| at the receptor's places
	noise  []float64   // λ
}

func newCrossed(t *trial, people []Map, how Method) *crossed {
	k := len(t.s.reason)
	c := &crossed{people: len(people), each: make([][]float64, k), a: make([][]float64, k), length: make([]float64, k), noise: make([]float64, k)}
	np := float64(len(people))
	for gi := range t.s.groups {
		g := &t.s.groups[gi]
		e := make([][]float64, len(people))
		order := make([]int32, len(g.at))
		mean := make([]float64, len(g.at))
		for i, p := range people {
			v := take(p.Values, g.at)
			if how == Spearman {
				rank(v, order)
			}
			whole := slices.Clone(v)
			if !unit(v, g.q) { // a constant map: no alignment, and nothing in the mean
				clear(v)
			}
			length := dot(whole, v) // of the centred and adjusted map
			for s := range v {
				v[s] *= length
				mean[s] += v[s] / np
			}
			e[i] = v
		}
		var spread float64
		for s, m := range mean {
			for i := range e {
				spread += (e[i][s] - m) * (e[i][s] - m)
			}
		}
		length := math.Sqrt(dot(mean, mean))
		for m, j := range g.members {
			c.each[j], c.a[j] = make([]float64, len(people)), make([]float64, len(people))
			for i := range e {
				c.a[j][i] = dot(e[i], g.d[m])
				c.each[j][i] = clampR(c.a[j][i] / math.Sqrt(dot(e[i], e[i])))
			}
			c.length[j] = length
			c.noise[j] = spread / (np * (np - 1)) / (length * length)
		}
	}
	return c
}

// meanT returns the mean, the variance of the mean, and the t statistic of the
// values times signs (nil: none). It is 0 where nothing varies and the mean is 0.
func meanT(v []float64, signs []float64) (m, vm, t float64) {
	n := float64(len(v))
	var q float64
	for i, x := range v {
		q += x * x
		if signs != nil {
			x *= signs[i]
		}
		m += x / n
	}
	vm = math.Max(0, q-n*m*m) / (n * (n - 1))
	if m == 0 {
		return 0, vm, 0
	}
	return m, vm, m / math.Sqrt(vm)
}

// test fills the tests, given the coefficients of surrogates.
func (c *crossed) test(results []PeopleAlignment, surrogates [][]float64, o Options) {
	k := len(results)
	z := make([][]float64, k)
	v, v2 := make([]float64, k), make([]float64, k)
	for j := range results {
		r := &results[j]
		nan := math.NaN()
		r.Mean, r.Low, r.High, r.T, r.DF, r.P, r.PFlip, r.PFlipFWE = nan, nan, nan, nan, nan, nan, nan, nan
		r.R, r.PPlaces, r.Joint, r.PJoint, r.PJointFWE, r.PBoth, r.SharePeople = nan, nan, nan, nan, nan, nan, nan
		r.NullLow, r.NullHigh = nan, nan
		if r.Reason != "" || c.a[j] == nil {
			continue
		}
		for _, x := range c.each[j] {
			if x > 0 {
				r.Positive++
			}
			if math.IsNaN(x) {
				r.Reason = "a person's map is constant where this density has values"
			}
			// A coefficient of 1 has no z; a little below it counts.
			z[j] = append(z[j], math.Atanh(math.Max(-1+1e-12, math.Min(1-1e-12, x))))
		}
		if r.Reason != "" {
			z[j] = nil
			continue
		}
		m, vm, t := meanT(z[j], nil)
		r.T, r.DF = t, float64(c.people-1)
		r.P = tTail(r.T, r.DF)
		half := lmm.TQuantile(0.05, r.DF) * math.Sqrt(vm)
		r.Mean, r.Low, r.High = math.Tanh(m), math.Tanh(m-half), math.Tanh(m+half)
		am, v1, _ := meanT(c.a[j], nil)
		v1 /= c.length[j] * c.length[j]
		r.R = clampR(am / c.length[j])
		r.PPlaces = nullmap.PValue(r.R, surrogates[j])
		var square float64
		for _, s := range surrogates[j] {
			square += s * s
		}
		v2[j] = square / float64(len(surrogates[j]))
		v[j] = v1 + v2[j] - math.Min(v1, math.Min(v2[j], c.noise[j]*v2[j]))
		r.Joint = r.R / math.Sqrt(v[j])
		r.SharePeople = v1 / (v1 + v2[j])
	}
	flip, joint := c.flips(z, v, v2, surrogates, o)
	flipMost, jointMost := largestOf(flip), largestOf(joint)
	for j := range results {
		r := &results[j]
		if z[j] == nil {
			continue
		}
		r.PFlip, r.PFlipFWE = nullmap.PValue(r.T, flip[j]), nullmap.PValue(r.T, flipMost)
		r.PJoint, r.PJointFWE = nullmap.PValue(r.R, joint[j]), nullmap.PValue(r.R, jointMost)
		_, _, r.NullLow, r.NullHigh = describe(joint[j])
		r.PBoth = math.Max(r.PFlip, r.PPlaces)
	}
}

// flips returns t of Fisher's z under sign flips, and r** of flips and surrogates,
// a row for each receptor; NaN for one without.
func (c *crossed) flips(z [][]float64, v, v2 []float64, surrogates [][]float64, o Options) (flip, joint [][]float64) {
	m := o.Surrogates
	flip, joint = make([][]float64, len(z)), make([][]float64, len(z))
	for j := range z {
		flip[j], joint[j] = make([]float64, m), make([]float64, m)
	}
	par.Ranges(o.Workers, m, 64, func(lo, hi int) {
		signs := make([]float64, c.people)
		for k := lo; k < hi; k++ {
			r := keyed.Stream(o.Seed, forFlips, k)
			for i := range signs {
				signs[i] = float64(1 - 2*int(r.Uint64()>>63))
			}
			for j := range z {
				if z[j] == nil {
					flip[j][k], joint[j][k] = math.NaN(), math.NaN()
					continue
				}
				_, _, flip[j][k] = meanT(z[j], signs)
				am, v1, _ := meanT(c.a[j], signs)
				v1 /= c.length[j] * c.length[j]
				joint[j][k] = math.Sqrt(v[j]/(v1+v2[j])) * (am/c.length[j] + surrogates[j][k])
			}
		}
	})
	return flip, joint
}
