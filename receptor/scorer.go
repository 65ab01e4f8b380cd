package receptor

import (
	"fmt"
	"math"
	"slices"

	"phasl/diag"
)

// A scorer correlates maps with a panel. Receptors with the same places share a
// group, so that a map is ranked and adjusted once for all of them.
type scorer struct {
	method Method
	groups []group
	reason []string // why a receptor has no coefficient, or ""
	files  []string // of the receptors
	keys   []uint64 // of their random numbers
	most   int      // places of the largest group
}

// A group is the receptors that have a value at the same places.
type group struct {
	at      []int       // places
	q       [][]float64 // orthonormal basis of the covariates there
	members []int       // receptors
	d       [][]float64 // their scores, of length 1
	raw     [][]float64 // their densities
}

// scratch is room for one goroutine.
type scratch struct {
	x, r  []float64
	order []int32
}

func newScorer(used []int, panel []Density, cov [][]float64, m Method, names []Map, l *diag.List) *scorer {
	s := &scorer{method: m, reason: make([]string, len(panel)), keys: densityKeys(panel)}
	for _, d := range panel {
		s.files = append(s.files, d.File)
	}
	fail := func(j int, format string, args ...any) {
		s.reason[j] = fmt.Sprintf(format, args...)
		l.Warnf(panel[j].File, panel[j].Target, "look at the map and its overlap with the atlas", "it has no alignment: %s", s.reason[j])
	}
	for j, d := range panel {
		var at []int
		for _, i := range used {
			if finite(d.Values[i]) {
				at = append(at, i)
			}
		}
		if len(at) < Fewest {
			fail(j, "%d parcels have a density and an effect; at least %d are needed", len(at), Fewest)
			continue
		}
		g := s.find(at)
		if g == nil {
			q, dependent := covariateBasis(cov, at, m)
			if dependent >= 0 {
				fail(j, "where it has values, the covariate %s is constant or determined by the others", names[dependent].File)
				continue
			}
			s.groups = append(s.groups, group{at: at, q: q})
			g = &s.groups[len(s.groups)-1]
			s.most = max(s.most, len(at))
		}
		v := take(d.Values, at)
		if m == Spearman {
			rank(v, make([]int32, len(v)))
		}
		if !unit(v, g.q) {
			fail(j, "its density is constant, or determined by the covariates")
			continue
		}
		g.members, g.d, g.raw = append(g.members, j), append(g.d, v), append(g.raw, take(d.Values, at))
	}
	return s
}

// covariateBasis is basis of the (ranked) covariates at some places. One that is
// constant there takes nothing out, and is passed over: a receptor without values
// in the cerebellum needs no covariate that tells it.
func covariateBasis(cov [][]float64, at []int, m Method) ([][]float64, int) {
	var z [][]float64
	var of []int
	for j, c := range cov {
		v := take(c, at)
		if slices.Min(v) == slices.Max(v) {
			continue
		}
		if m == Spearman {
			rank(v, make([]int32, len(at)))
		}
		z, of = append(z, v), append(of, j)
	}
	q, dependent := basis(z)
	if dependent >= 0 {
		dependent = of[dependent]
	}
	return q, dependent
}

func (s *scorer) find(at []int) *group {
	for i := range s.groups {
		if slices.Equal(s.groups[i].at, at) {
			return &s.groups[i]
		}
	}
	return nil
}

// groupOf returns the group of receptor j; nil if it has none.
func (s *scorer) groupOf(j int) *group {
	for i := range s.groups {
		if slices.Contains(s.groups[i].members, j) {
			return &s.groups[i]
		}
	}
	return nil
}

// n returns the places of receptor j.
func (s *scorer) n(j int) int {
	if g := s.groupOf(j); g != nil {
		return len(g.at)
	}
	return 0
}

func (s *scorer) newScratch() *scratch {
	return &scratch{make([]float64, s.most), make([]float64, len(s.reason)), make([]int32, s.most)}
}

// score returns the scores of a map at the places of a group, in b's memory;
// false if they do not exist.
func (s *scorer) score(g *group, x []float64, b *scratch) ([]float64, bool) {
	v := b.x[:len(g.at)]
	for k, i := range g.at {
		v[k] = x[i]
	}
	if s.method == Spearman {
		rank(v, b.order)
	}
	return v, unit(v, g.q)
}

// correlate writes the coefficient of x with each receptor to dst, NaN where
// there is none.
func (s *scorer) correlate(dst, x []float64, b *scratch) {
	for j := range dst {
		dst[j] = math.NaN()
	}
	for i := range s.groups {
		g := &s.groups[i]
		v, ok := s.score(g, x, b)
		if !ok {
			continue
		}
		for m, j := range g.members {
			dst[j] = clampR(dot(v, g.d[m]))
		}
	}
}

// clampR takes rounding off a coefficient.
func clampR(r float64) float64 { return math.Max(-1, math.Min(1, r)) }

// without returns the coefficients of a group's receptors without its k-th
// place.
func (s *scorer) without(g *group, x []float64, cov [][]float64, k int) []float64 {
	out := make([]float64, len(g.members))
	at := slices.Concat(g.at[:k], g.at[k+1:])
	order := make([]int32, len(at))
	scores := func(v []float64, q [][]float64) ([]float64, bool) {
		if s.method == Spearman {
			rank(v, order)
		}
		return v, unit(v, q)
	}
	q, dependent := covariateBasis(cov, at, s.method)
	v, ok := scores(take(x, at), q)
	for m := range g.members {
		out[m] = math.NaN()
		if !ok || dependent >= 0 {
			continue
		}
		if d, dok := scores(slices.Concat(g.raw[m][:k], g.raw[m][k+1:]), q); dok {
			out[m] = clampR(dot(v, d))
		}
	}
	return out
}
