package nullmap

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"phasl/diag"
	"phasl/internal/keyed"
	"phasl/internal/par"
	"phasl/voxel"
)

// A Method makes surrogates.
type Method string

// The methods; docs/methods/nulls.md compares them.
const (
	GP         Method = "gp"         // Gaussian process, covariance drawn from its posterior; the default
	Variogram  Method = "variogram"  // smoothed permutations, weights fitted to the variogram
	BrainSMASH Method = "brainsmash" // variogram matching exactly as BrainSMASH 0.11.0 does it
	Moran      Method = "moran"      // Moran spectral randomisation, singleton
	MoranPair  Method = "moran-pair" // Moran spectral randomisation, pair
	Spin       Method = "spin"       // rotation on the sphere
)

// Methods lists them, the default first.
func Methods() []Method { return []Method{GP, Variogram, BrainSMASH, Moran, MoranPair, Spin} }

// A Map is one value for each of n places, and where the places are: Mask, or
// Distances, or Coords.
type Map struct {
	File   string    // names the map in messages
	Values []float64 // NaN where there is none
	// Coords are the places [mm, RAS+].
	Coords []voxel.Vec
	// Distances overrules Coords, except for the symmetry that GP fits and for
	// Spin. It is needed where straight distances are not wanted.
	Distances *Distances
	// Mask tells that the places are voxels: those in the mask, in the order of
	// its memory. It allows gp and variogram for any number of voxels.
	Mask *voxel.Mask
	// Sphere holds the places on the sphere of their hemisphere, for Spin. nil:
	// the directions of Coords from the middle of each side.
	Sphere []voxel.Vec
	// Groups are the parts of the brain (hemispheres, subcortex) that get
	// surrogates of their own: one number for each place. nil: one group, where
	// the map's correlation across the midline and with the subcortex is kept as
	// distance and symmetry tell.
	Groups []int
}

// Options steer [New]. The zero value is the default.
type Options struct {
	Method Method // "": GP
	Seed   uint64
	// Keep gives each surrogate the map's own values, in the order of the
	// surrogate's. It keeps a skewed distribution, and roughens surrogates
	// somewhat. Spin keeps values in any case, up to repetition.
	Keep    bool
	Smash   SmashOptions // for BrainSMASH
	Workers int          // for preparing; 0: one per CPU. Does not change results.
	// Family is one made for just the places of the map that have a value, to
	// save making it again; nil: made.
	Family *Family
	moran  *moranBasis // likewise, for Moran and MoranPair
	seeds  int         // of the subset that many places are fitted on; 0: subsetSeeds
}

// A Parameter is a number that tells how surrogates are made.
type Parameter struct {
	Name  string
	Value float64
	Unit  string
}

// A Null makes surrogates of one map: random maps with its autocorrelation and
// no relation to anything else. Its methods may be called from several
// goroutines.
type Null struct {
	Method     Method
	N          int   // places of the map
	Used       []int // those with a value; surrogates are NaN elsewhere
	Parameters []Parameter
	Posterior  *Posterior // for GP with at most 600 places in one group, else nil
	seed       uint64
	values     []float64 // at Used
	sorted     []float64 // the same in ascending order, if they are kept
	parts      []partOf
	lags       *lags       // for VariogramFit
	coords     []voxel.Vec // at Used
	distances  *Distances  // at Used, or nil
}

// A partOf is a group of places with surrogates of its own.
type partOf struct {
	at       []int // places within Used
	mean, sd float64
	engine
}

// An engine draws a surrogate; its mean does not matter.
type engine interface {
	draw(dst []float64, r *rand.Rand)
}

const (
	fewest    = 20  // places, below which surrogates say little
	familyMax = 600 // places for which covariances are decomposed whole
)

// New prepares surrogates of a map. The problems name m.File; the Null is nil
// if there is an error among them.
//
// Errors: fewer than 5 places with a value, a constant map, values that are
// infinite, places without coordinates, shapes that do not agree, a method the
// map does not allow. Warnings: fewer than 20 places, places left out for want
// of a value, several places at one spot.
//
// Cost: gp decomposes the covariances of up to 600 places (see [NewFamily]); more
// places are fitted on about 250 of them. No n × n matrix is made for
// more than 5,000 places.
func New(m Map, o Options) (*Null, diag.List) {
	if o.Method == "" {
		o.Method = GP
	}
	var l diag.List
	if !slices.Contains(Methods(), o.Method) {
		l.Errorf(m.File, "method", "choose gp, variogram, brainsmash, moran, moran-pair or spin", "%q is no method", o.Method)
		return nil, l
	}
	n := &Null{Method: o.Method, N: len(m.Values), seed: o.Seed}
	if n.Used = m.check(&l, o.Method); l.Err() != nil {
		return nil, l
	}
	n.values = make([]float64, len(n.Used))
	for k, i := range n.Used {
		n.values[k] = m.Values[i]
	}
	if o.Keep {
		n.sorted = slices.Sorted(slices.Values(n.values))
	}
	full := m.restrict(n.Used)
	groups := groupsOf(full.Groups, len(n.Used))
	if len(groups) > 1 {
		n.Parameters = append(n.Parameters, Parameter{"groups", float64(len(groups)), ""})
	}
	for _, g := range groups {
		sub := full
		if len(groups) > 1 {
			sub = full.restrict(g)
		}
		if len(g) < 5 || constant(sub.Values) {
			l.Errorf(m.File, "groups", "join small groups", "a group has %d places with a value, too few or all alike", len(g))
			return nil, l
		}
		family := o.Family
		if len(groups) > 1 || family != nil && family.N != len(g) {
			family = nil
		}
		e, ps := sub.engine(&l, o, family)
		if l.Err() != nil {
			return nil, l
		}
		n.Parameters = append(n.Parameters, ps...)
		mean, sd := stat.MeanStdDev(sub.Values, nil)
		n.parts = append(n.parts, partOf{g, mean, sd, e})
		if gp, ok := e.(*process); ok && len(groups) == 1 {
			n.Posterior = gp.Posterior
		}
	}
	n.lags, n.coords, n.distances = full.reportLags(), full.Coords, full.Distances
	return n, l
}

// Draw writes surrogate k (0, 1, …) to dst, which has room for N values. It
// depends on the map, the options and k alone. Surrogates have the map's mean in
// each group; gp's have its standard deviation too, and spin's its values.
func (n *Null) Draw(dst []float64, k int) {
	x := dst
	if len(n.Used) < n.N {
		x = make([]float64, len(n.Used))
	}
	r := keyed.Stream(n.seed, forDraw, k)
	for _, p := range n.parts {
		v := x
		if len(n.parts) > 1 {
			v = make([]float64, len(p.at))
		}
		p.draw(v, r)
		switch n.Method {
		case Spin:
		case GP:
			rescale(v, p.mean, p.sd)
		default:
			recentre(v, p.mean)
		}
		if len(n.parts) > 1 {
			for i, at := range p.at {
				x[at] = v[i]
			}
		}
	}
	if n.sorted != nil {
		remap(x, n.sorted)
	}
	if len(n.Used) < n.N {
		for i := range dst[:n.N] {
			dst[i] = math.NaN()
		}
		for i, at := range n.Used {
			dst[at] = x[i]
		}
	}
}

// rescale gives v a mean and a standard deviation.
func rescale(v []float64, mean, sd float64) {
	m, s := stat.MeanStdDev(v, nil)
	for i := range v {
		v[i] = mean + (v[i]-m)*sd/s
	}
}

func recentre(v []float64, mean float64) {
	var m float64
	for _, a := range v {
		m += a
	}
	m = mean - m/float64(len(v))
	for i := range v {
		v[i] += m
	}
}

// remap replaces each value by the one of the same rank in sorted; equal values
// keep their order.
func remap(x, sorted []float64) {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[a] < x[b]:
			return -1
		case x[a] > x[b]:
			return 1
		}
		return 0
	})
	for rank, i := range order {
		x[i] = sorted[rank]
	}
}

// Each makes surrogates 0 to count − 1 and calls fn for each, on at most workers
// goroutines (0: one per CPU) at a time and in no particular order. x belongs to
// fn only until it returns.
func (n *Null) Each(count, workers int, fn func(k int, x []float64)) {
	workers = min(par.Workers(workers), max(1, count))
	free := make(chan []float64, workers)
	for range workers {
		free <- make([]float64, n.N)
	}
	par.Do(workers, count, func(k int) {
		x := <-free
		defer func() { free <- x }()
		n.Draw(x, k)
		fn(k, x)
	})
}

// Matrix returns surrogates 0 to count − 1, one a row: count × N numbers.
func (n *Null) Matrix(count, workers int) [][]float64 {
	out := make([][]float64, count)
	par.Do(workers, count, func(k int) {
		out[k] = make([]float64, n.N)
		n.Draw(out[k], k)
	})
	return out
}

// PValue returns the two-sided Monte Carlo p of an observed statistic,
// (1 + #{|null| ≥ |observed|})/(1 + number), which is never 0. Null values that
// are NaN do not count; p is NaN if observed is, or none is left. Source: Phipson
// & Smyth 2010, doi:10.2202/1544-6115.1585.
func PValue(observed float64, null []float64) float64 {
	if math.IsNaN(observed) {
		return math.NaN()
	}
	ge, all := 1, 1
	for _, v := range null {
		if math.IsNaN(v) {
			continue
		}
		all++
		if math.Abs(v) >= math.Abs(observed) {
			ge++
		}
	}
	if all == 1 {
		return math.NaN()
	}
	return float64(ge) / float64(all)
}

// Split returns how many of count surrogates are of the one map and how many of
// the other where two maps are compared and each has a [GP] null. The null of r is
// then that of both: p is, in expectation, the mean of the p of the one's
// surrogates and the p of the other's, and does not depend on which map comes
// first. A covariance learned from one map errs; the mean of two errs less, and so
// does the test (docs/methods/nulls.md).
func Split(count int) (one, other int) { return count - count/2, count / 2 }

func constant(x []float64) bool {
	lo, hi := slices.Min(x), slices.Max(x)
	return !(hi-lo > 1e-12*math.Max(math.Abs(lo), math.Abs(hi)))
}

// groupsOf returns the places of each group, groups by ascending number.
func groupsOf(groups []int, n int) [][]int {
	if groups == nil {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return [][]int{all}
	}
	names := slices.Sorted(slices.Values(groups))
	names = slices.Compact(names)
	out := make([][]int, len(names))
	for i, g := range groups {
		k, _ := slices.BinarySearch(names, g)
		out[k] = append(out[k], i)
	}
	return out
}

// check returns the places with a value and adds what is wrong to l.
func (m *Map) check(l *diag.List, method Method) (used []int) {
	n := len(m.Values)
	if m.Mask != nil && m.Coords == nil {
		m.Coords = maskCoords(m.Mask)
	}
	shape := func(what string, got int) {
		l.Errorf(m.File, what, "give one for each place", "there are %d for %d values", got, n)
	}
	if m.Coords != nil && len(m.Coords) != n {
		shape("coordinates", len(m.Coords))
	}
	if m.Distances != nil && m.Distances.N != n {
		shape("distances", m.Distances.N)
	}
	if m.Sphere != nil && len(m.Sphere) != n {
		shape("sphere", len(m.Sphere))
	}
	if m.Groups != nil && len(m.Groups) != n {
		shape("groups", len(m.Groups))
	}
	if m.Coords == nil && m.Distances == nil {
		l.Errorf(m.File, "places", "give coordinates or distances", "it is not known where the places are")
	}
	if l.Err() != nil {
		return nil
	}
	bad := faults{limit: 5}
	for i, v := range m.Values {
		switch {
		case math.IsInf(v, 0):
			bad.add(l, m.File, fmt.Sprintf("place %d", i+1), "leave the value out (NaN) or mend it", "its value is %g", v)
		case math.IsNaN(v):
		case math.Abs(v) > largestValue:
			bad.add(l, m.File, fmt.Sprintf("place %d", i+1), "give values in another unit", "its value is %g, too large to compute with", v)
		case m.Coords != nil && !finite(m.Coords[i]):
			bad.add(l, m.File, fmt.Sprintf("place %d", i+1), "give finite coordinates in mm, or leave its value out", "it has a value and no coordinates")
		case m.Coords != nil && !inHead(m.Coords[i]):
			bad.add(l, m.File, fmt.Sprintf("place %d", i+1), "give coordinates in mm", "it lies at %g, %g, %g mm, in no head", m.Coords[i][0], m.Coords[i][1], m.Coords[i][2])
		default:
			used = append(used, i)
		}
	}
	bad.close(l, m.File)
	switch {
	case l.Err() != nil:
		return nil
	case len(used) < 5:
		l.Errorf(m.File, "values", "give at least 5, better 100", "%d of %d places have a value", len(used), n)
		return nil
	}
	v := make([]float64, len(used))
	for k, i := range used {
		v[k] = m.Values[i]
	}
	if constant(v) {
		l.Errorf(m.File, "values", "look at the map", "all values are %g", v[0])
		return nil
	}
	if slices.Max(v)-slices.Min(v) < 1/largestValue {
		l.Errorf(m.File, "values", "give values in another unit", "they differ by %g, too little to compute with", slices.Max(v)-slices.Min(v))
		return nil
	}
	if len(used) < n && m.Mask == nil {
		l.Warnf(m.File, "values", "none needed: surrogates have no value there either", "%d of %d places have no value and are left out", n-len(used), n)
	}
	if len(used) < fewest {
		l.Warnf(m.File, "values", "use a finer parcellation", "%d places with a value are few to learn an autocorrelation from", len(used))
	}
	return used
}

// largestValue is the largest value whose square can still be summed.
const largestValue = 1e100

// inHead tells whether a place is within 100 m, which keeps distances sane.
func inHead(v voxel.Vec) bool {
	for _, a := range v {
		if math.Abs(a) > 1e5 {
			return false
		}
	}
	return true
}

func finite(v voxel.Vec) bool {
	for _, a := range v {
		if math.IsNaN(a) || math.IsInf(a, 0) {
			return false
		}
	}
	return true
}

// restrict returns the map at some of its places.
func (m Map) restrict(at []int) Map {
	out := Map{File: m.File, Mask: m.Mask, Values: take(m.Values, at), Coords: take(m.Coords, at), Sphere: take(m.Sphere, at), Groups: take(m.Groups, at)}
	if m.Distances != nil {
		out.Distances = m.Distances
		if len(at) < m.Distances.N {
			out.Distances = m.Distances.pick(at)
		}
	}
	return out
}

func take[T any](v []T, at []int) []T {
	if v == nil {
		return nil
	}
	out := make([]T, len(at))
	for k, i := range at {
		out[k] = v[i]
	}
	return out
}

// maskCoords returns the centres of the mask's voxels [mm], in memory order.
func maskCoords(m *voxel.Mask) []voxel.Vec {
	var out []voxel.Vec
	for v, in := range m.In {
		if in {
			out = append(out, m.World(m.Coord(v)))
		}
	}
	return out
}

// Distances returns the distances [mm] among the places used, as the map gave
// them or straight. It makes an n × n matrix in the latter case.
func (n *Null) Distances() *Distances {
	if n.distances != nil {
		return n.distances
	}
	return Euclidean(n.coords)
}
