package receptor

import (
	"fmt"
	"math"
	"slices"

	"phasl/diag"
	"phasl/nullmap"
	"phasl/voxel"
)

// Places are the parcels that maps have values for.
type Places struct {
	Names  []string
	Coords []voxel.Vec // centres [mm, RAS+]; nil if only distances are known
	// Distances between the parcels [mm]; nil: straight ones between Coords.
	Distances *nullmap.Distances
}

// distances returns those of some places.
func (p *Places) distances(at []int) *nullmap.Distances {
	out := &nullmap.Distances{N: len(at), D: make([]float64, len(at)*len(at))}
	for a, i := range at {
		for b, j := range at {
			if p.Distances != nil {
				out.D[a*out.N+b] = p.Distances.D[i*p.Distances.N+j]
			} else {
				out.D[a*out.N+b] = voxel.Distance(p.Coords[i], p.Coords[j])
			}
		}
	}
	return out
}

// A Map has one value for each place; NaN where there is none.
type Map struct {
	File   string // names it in messages
	Values []float64
}

// Options steer the tests. The zero value is the default.
type Options struct {
	Method     Method         // "": Spearman
	Null       nullmap.Method // "": nullmap's default
	Surrogates int            // 0: 5,000
	Covariates []Map          // taken out of both maps: partial correlation
	Seed       uint64
	Workers    int                  // 0: one for each CPU; does not change results
	Smash      nullmap.SmashOptions // for nullmap.BrainSMASH
	Families   *Families            // shared between tests on the same places, to save time; nil: none
	scored     bool                 // maps of people are scores already, and are not ranked
	brief      bool                 // leaves out what no p needs, for simulations
}

func (o Options) withDefaults() Options {
	if o.Method == "" {
		o.Method = Spearman
	}
	if o.Null == "" {
		o.Null = nullmap.Methods()[0]
	}
	if o.Surrogates <= 0 {
		o.Surrogates = 5000
	}
	if o.Families == nil {
		o.Families = &Families{}
	}
	return o
}

// Fewest is the number of parcels below which nothing is tested.
const Fewest = 20

// Limits below which [Align] and [PeopleTest] caution.
const (
	FewPlaces      = 50
	FewIndependent = 6 // places that a map counts for, by the modified t test
	FewPeople      = 8
)

// Alignments are those of one effect map with a panel.
type Alignments struct {
	Map        string
	Method     Method
	Null       nullmap.Method
	Surrogates int
	Seed       uint64
	Covariates []string
	Used       []int // places with an effect and every covariate
	Results    []Alignment
	Parameters []nullmap.Parameter  // of the null
	Fit        nullmap.VariogramFit // of the surrogates to the map, or to what the covariates leave of it
	Cautions   []string             // why the null should be doubted; nil if nothing speaks against it
}

// An Alignment is the correlation of an effect map with one density.
type Alignment struct {
	Target, File string
	N            int     // parcels with both
	R            float64 // coefficient
	// P is the two-sided Monte Carlo p, (1 + #{|r*| ≥ |r|})/(1 + m), of m
	// surrogates, and PFWE the same for the largest |r*| over the panel: the
	// chance of one or more false findings in the panel when the map is related
	// to none of it is at most α if PFWE ≤ α is called one.
	P, PFWE          float64
	NullMean, NullSD float64 // of r*
	Z                float64 // (R − NullMean)/NullSD
	Low, High        float64 // 2.5 and 97.5 % quantiles of r*
	// Parametric is the modified t test, a second opinion without surrogates; it
	// is NaN above 2,000 parcels, where it would need too much memory.
	Parametric nullmap.Test
	Influence  []Influence
	Surrogates []float64 // r*
	Reason     string    // why R is NaN, or ""
}

// An Influence is the correlation without one place.
type Influence struct {
	Place   int
	Without float64 // coefficient without it
	Change  float64 // R − Without
}

// mostPlaces bounds what costs n² memory or n fits.
const mostPlaces = 2000

// maxSurrogates bounds memory.
const maxSurrogates = 1_000_000

// Align correlates an effect map with each density of a panel, over the places
// that have both. With covariates Z the coefficient is that of residuals on
// [1 Z] (of ranks, for Spearman). Surrogates x* of the effect map are, with
// covariates, x* = fitted + e*, where e* are surrogates of its residuals: the
// covariates keep their relation to the map (Freedman & Lane 1983,
// doi:10.1080/07350015.1983.10509354). With [nullmap.GP] half of the surrogates are
// of each density in the same way (see [nullmap.Split]); those of one density are
// then independent of those of another.
//
// Errors: fewer than [Fewest] places with an effect, a constant effect map,
// covariates that are constant or determine each other or the map, shapes that
// do not agree, and those of [nullmap.New]. A density that is constant, or has
// too few places, is NaN with a Reason, and a warning.
//
// Cost: one surrogate of n places takes O(n²); correlations add O(n log n) for
// each pattern of holes in the panel.
func Align(effect Map, panel []Density, at Places, o Options) (*Alignments, diag.List) {
	o = o.withDefaults()
	var l diag.List
	t := newTrial(effect, panel, at, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	out := &Alignments{Map: effect.File, Method: o.Method, Null: o.Null, Surrogates: o.Surrogates, Seed: o.Seed, Used: t.used}
	for _, c := range o.Covariates {
		out.Covariates = append(out.Covariates, c.File)
	}
	null, nl := t.null(o)
	l.Add(nl...)
	if l.Err() != nil {
		return nil, l
	}
	r := t.correlate(t.x)
	draws := t.drawsOfBoth(null, o, &l)
	if l.Err() != nil {
		return nil, l
	}
	largest := largestOf(draws)
	for j, d := range panel {
		a := Alignment{Target: d.Target, File: d.File, N: t.s.n(j), R: r[j], Reason: t.s.reason[j], Surrogates: draws[j]}
		a.summarise(largest)
		if !o.brief {
			t.second(&a, j, at)
		}
		out.Results = append(out.Results, a)
	}
	out.Parameters = null.Parameters
	if o.brief {
		return out, l
	}
	t.influence(out.Results, o)
	out.Fit = null.VariogramFit(min(o.Surrogates, 200), o.Workers)
	out.doubt()
	return out, l
}

// summarise fills what follows from r and its surrogates.
func (a *Alignment) summarise(largest []float64) {
	a.P = nullmap.PValue(a.R, a.Surrogates)
	a.PFWE = nullmap.PValue(a.R, largest)
	a.NullMean, a.NullSD, a.Low, a.High = describe(a.Surrogates)
	a.Z = (a.R - a.NullMean) / a.NullSD
	a.Parametric = noTest()
}

func noTest() nullmap.Test {
	nan := math.NaN()
	return nullmap.Test{Estimate: nan, SE: nan, T: nan, DF: nan, Effective: nan, P: nan}
}

// describe returns mean, standard deviation and the 2.5 and 97.5 % quantiles
// (linear between order statistics); NaN for fewer than 2 values.
func describe(x []float64) (m, sd, low, high float64) {
	s := make([]float64, 0, len(x))
	for _, v := range x {
		if !math.IsNaN(v) {
			s = append(s, v)
		}
	}
	nan := math.NaN()
	if len(s) < 2 {
		return nan, nan, nan, nan
	}
	m = mean(s)
	for _, v := range s {
		sd += (v - m) * (v - m)
	}
	sd = math.Sqrt(sd / float64(len(s)-1))
	slices.Sort(s)
	return m, sd, quantile(s, 0.025), quantile(s, 0.975)
}

func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	k := int(at)
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}

// largestOf returns the largest |r*| over the panel of each surrogate.
func largestOf(draws [][]float64) []float64 {
	if len(draws) == 0 {
		return nil
	}
	out := make([]float64, len(draws[0]))
	for k := range out {
		out[k] = math.NaN()
		for _, d := range draws {
			if v := math.Abs(d[k]); !math.IsNaN(v) && !(out[k] >= v) {
				out[k] = v
			}
		}
	}
	return out
}

// second fills the parametric test.
func (t *trial) second(a *Alignment, j int, at Places) {
	g := t.s.groupOf(j)
	if g == nil || a.Reason != "" || len(g.at) > mostPlaces {
		return
	}
	b := t.s.newScratch()
	x, ok := t.s.score(g, t.x, b)
	if !ok {
		return
	}
	a.Parametric = nullmap.ModifiedT(x, g.d[slices.Index(g.members, j)], at.distances(g.at))
	// The residuals on q covariates live in q dimensions fewer.
	if k := float64(len(t.cov)); k > 0 && a.Parametric.DF > k {
		p := &a.Parametric
		p.DF -= k
		p.T = p.Estimate * math.Sqrt(p.DF/(1-p.Estimate*p.Estimate))
		p.P = tTail(p.T, p.DF)
	}
}

// poorWords says what a poor fit means for p.
func poorWords(what string, f nullmap.VariogramFit) string {
	return fmt.Sprintf("%s (variogram error %.2f, %.2f times as rough between neighbours): p-values may be %s; see what another null says, such as variogram", what, f.Error, f.Roughness, f.Errs())
}

// doubt lists what speaks against the null.
func (a *Alignments) doubt() {
	add := func(format string, args ...any) { a.Cautions = append(a.Cautions, fmt.Sprintf(format, args...)) }
	if f := a.Fit; f.Poor() {
		add("%s", poorWords("surrogates do not vary with distance as the map does", f))
	}
	if n := len(a.Used); n < FewPlaces {
		add("%d parcels are few: the map's autocorrelation is hardly known", n)
	}
	few := 0
	for _, r := range a.Results {
		if r.Parametric.Effective < FewIndependent {
			few++
		}
	}
	if few > 0 {
		add("maps are so smooth that they count for fewer than %d independent places (%d of %d receptors): only a very strong alignment can be told from chance", FewIndependent, few, len(a.Results))
	}
}
