package corr

import (
	"math"

	"phasl/internal/par"
)

// A Pair is one correlation of a family.
type Pair struct {
	Data
	Side Side
}

// A Corrected is one correlation of a family with its p-values by permutation.
type Corrected struct {
	R      float64
	N      int
	P      float64 // of this correlation alone
	PMax   float64 // corrected over the family
	Reason string  // why R is NaN; such a pair does not count in the family
}

// Family corrects correlations of the same people for their number: row i of
// every pair is person i. In each of o.Permutations draws the people are
// permuted, the same way in all pairs (residuals given the covariates, as in
// [Correlate]), and PMax counts the draws in which the most extreme
// correlation of the family is at least as extreme as this one, (b + 1)/(m + 1).
// The correction keeps the dependence among the pairs and so costs less than
// Holm's. It controls the chance of any false claim where no pair is
// correlated (weakly), and in large samples whichever are (Westfall & Young's
// single step).
//
// Extreme is measured by the tail of atanh(r) √(n − 3 − k) under the normal
// distribution on the pair's own side: with equal n, k and side that is max |r|.
// o.Method and o.Remove apply to all; o.Side is not used. Where people are
// missing in some pairs only, the permutation of all people is followed until
// it meets somebody present, which permutes those present evenly.
//
// Source: Westfall & Young 1993, Resampling-Based Multiple Testing, section 2.6.
func Family(pairs []Pair, o Options) []Corrected {
	nan := math.NaN()
	out := make([]Corrected, len(pairs))
	members := make([]*member, 0, len(pairs))
	people := 0
	for i, p := range pairs {
		p.check()
		if i > 0 && len(p.X) != len(pairs[0].X) {
			panic("corr: pairs of different numbers of people")
		}
		people = len(p.X)
		out[i] = Corrected{R: nan, P: nan, PMax: nan}
		m := newMember(p, o)
		out[i].N, out[i].Reason = len(m.rows), m.reason
		if m.reason != "" {
			continue
		}
		out[i].R = m.e.r
		m.at = i
		members = append(members, m)
	}
	if o.Permutations < 1 || len(members) == 0 {
		return out
	}
	// Each piece of work counts for itself; whole numbers add up in any order.
	const size = 64
	pieces := (o.Permutations + size - 1) / size
	counts := make([][]int, pieces)
	par.Do(o.Workers, pieces, func(piece int) {
		c := make([]int, 2*len(members))
		w := newWork(people, maxCovariates(members))
		order, tails := make([]int, people), make([]float64, len(members))
		for k := piece * size; k < min((piece+1)*size, o.Permutations); k++ {
			w.rng.at(o.Seed, forPermutation, k)
			w.rng.shuffle(order)
			least := 1.0
			for j, m := range members {
				tails[j] = m.tail(m.permuted(w, order))
				least = math.Min(least, tails[j])
			}
			for j, m := range members {
				if tails[j] <= m.seen {
					c[2*j]++
				}
				if least <= m.seen {
					c[2*j+1]++
				}
			}
		}
		counts[piece] = c
	})
	for j, m := range members {
		own, any := 1, 1
		for _, c := range counts {
			own += c[2*j]
			any += c[2*j+1]
		}
		total := float64(o.Permutations + 1)
		out[m.at].P, out[m.at].PMax = float64(own)/total, float64(any)/total
	}
	return out
}

// A member is one pair of a family.
type member struct {
	at     int // index among the pairs
	side   Side
	rows   []int // people present
	place  []int // of each person among rows; −1: not present
	e      *estimator
	seen   float64 // tail of what was observed
	reason string
}

func newMember(p Pair, o Options) *member {
	rows, _ := p.complete()
	m := &member{side: p.Side, rows: rows}
	s := p.at(rows)
	if m.reason = s.fault(o.Method); m.reason != "" {
		return m
	}
	from := o.Remove
	if len(p.Covariates) == 0 {
		from = FromBoth
	}
	m.e = newEstimator(s, o.Method, from)
	if m.reason = m.e.reason; m.reason != "" {
		return m
	}
	m.place = make([]int, len(p.X))
	for i := range m.place {
		m.place[i] = -1
	}
	for i, r := range rows {
		m.place[r] = i
	}
	// A tail that differs by rounding alone is the same.
	m.seen = m.tail(m.e.partial) * (1 + 1e-9)
	return m
}

// tail returns the normal tail of a correlation on Fisher's scale; that of a
// coefficient that does not exist is 0, which errs to caution.
func (m *member) tail(r float64) float64 {
	if math.IsNaN(r) {
		return 0
	}
	v := fisherVariance(m.e.m, 0, m.e.n, m.e.k)
	if math.IsInf(v, 1) { // Kendall with four people
		v = 1
	}
	return normalTail(math.Atanh(r)/math.Sqrt(v), m.side)
}

// permuted returns the partial correlation under a permutation of all people.
func (m *member) permuted(w *work, order []int) float64 {
	w.resize(len(m.rows))
	for i, person := range m.rows {
		from := order[person]
		for m.place[from] < 0 { // ends: the cycle leads back to person, who is present
			from = order[from]
		}
		w.y[i] = m.e.py[m.place[from]]
	}
	return m.e.with(w, w.y)
}

func maxCovariates(members []*member) int {
	k := 0
	for _, m := range members {
		k = max(k, m.e.k)
	}
	return k
}
