package crossover

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"phasl/corr"
	"phasl/internal/par"
)

// An AssociationPower is how often the analysis of an association says what,
// over simulated trials in which people are measured under two treatments.
// Rejected means p ≤ alpha, two-sided: power, or the type I error where the
// truth is no difference.
type AssociationPower struct {
	Name       string  `json:"name"`
	People     int     `json:"people"`
	R1         float64 `json:"r1"`      // (partial) correlation under treatment 1 of the errors before they are made scores
	R2         float64 `json:"r2"`      // under treatment 2
	True1      Number  `json:"true_r1"` // of the scores as they are: R1 where errors are normal
	True2      Number  `json:"true_r2"`
	Stability  float64 `json:"stability"`
	Covariates int     `json:"covariates"`
	Shape      string  `json:"shape"` // of the score's error
	Trials     int     `json:"trials"`
	Draws      int     `json:"draws"` // of the permutation test; 0: it was not tried

	Correlation Rate `json:"correlation_rejected"` // under treatment 1, by t
	// Naive is how often the correlation is significant under treatment 1 and
	// not under treatment 2, which is no test of their difference.
	Naive Rate `json:"significant_in_one_only"`

	Steiger     Rate   `json:"steiger_rejected"`
	Permutation Rate   `json:"permutation_rejected"` // labels swapped within people
	Moderation  Rate   `json:"moderation_rejected"`  // slopes by a mixed model
	Slopes      Rate   `json:"slopes_rejected"`      // slopes by permutation, as Permutation
	Covered     Rate   `json:"moderation_covered"`   // its interval holds the true difference of slopes; NaN unless that is zero
	Width       Number `json:"median_width"`         // of Zou's 95 % interval of the difference
	Unfitted    int    `json:"unfitted"`             // trials without one of the tests, left out of its rate
}

// SimulateAssociation draws trials of a scenario, tests each at the level alpha
// and counts. Results depend on
// the seed and not on the number of workers. o.Draws below 1 leaves the
// permutation test out; o.Methods is not used: correlations are Pearson's.
func SimulateAssociation(s corr.Scenario, alpha float64, o corr.SimulationOptions) (*AssociationPower, error) {
	if l := s.Check(); l.Err() != nil {
		return nil, l
	}
	if o.Studies <= 0 {
		o.Studies = 10_000
	}
	out := &AssociationPower{Name: s.Name, People: s.People, R1: s.R1, R2: s.R2, Stability: s.Stability, Covariates: s.Covariates, Shape: s.Y.String(), Trials: o.Studies, Draws: max(0, o.Draws)}
	out.True1, out.True2 = Number(s.R1), Number(s.R2)
	if s.X != corr.Normal || s.Y != corr.Normal || s.X2 != corr.Normal || s.Y2 != corr.Normal {
		out.True1, out.True2 = population(s, o.Seed)
	}
	type verdict struct{ first, naive, steiger, permutation, moderation, slopes, covered, width float64 } // 1 for yes, NaN for unknown
	said := make([]verdict, o.Studies)
	names := make([]string, s.Covariates)
	for j := range names {
		names[j] = fmt.Sprintf("z%d", j+1)
	}
	yes := func(p float64) float64 {
		switch {
		case math.IsNaN(p):
			return math.NaN()
		case p <= alpha: // of permutations: alpha itself is at the level
			return 1
		}
		return 0
	}
	par.Ranges(o.Workers, o.Studies, 8, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			c := s.Study(o.Seed, k)
			v := &said[k]
			p1, p2 := corr.Correlate(c[0], corr.Options{}).P, corr.Correlate(c[1], corr.Options{}).P
			v.first = yes(p1)
			v.naive = v.first * (1 - yes(p2))
			d := corr.Compare(c[0], c[1], corr.Options{Permutations: max(0, o.Draws), Seed: o.Seed + uint64(k)<<32, Workers: 1})
			v.steiger, v.permutation, v.width = yes(d.P), yes(d.Permutation.P), d.High-d.Low
			var rows []AssociationPoint
			for t, treatment := range []string{"first", "second"} {
				part := make([]AssociationPoint, s.People)
				for i := range part {
					part[i] = AssociationPoint{Subject: fmt.Sprintf("%04d", i), Treatment: treatment, Period: 1 + (i+t)%2, X: Number(c[t].X[i]), Y: Number(c[t].Y[i])}
					for j := range names {
						part[i].Covariates = append(part[i].Covariates, Number(c[t].Covariates[j][i]))
					}
				}
				x, y := corr.Residuals(c[t].X, c[t].Covariates), corr.Residuals(c[t].Y, c[t].Covariates)
				for i := range part {
					part[i].XResidual, part[i].YResidual = Number(x[i]), Number(y[i])
				}
				rows = append(rows, part...)
			}
			v.slopes = math.NaN()
			if o.Draws > 0 {
				v.slopes = yes(corr.CompareSlopes(c[0], c[1], corr.Options{Permutations: o.Draws, Seed: o.Seed + uint64(k)<<32, Workers: 1}).Permutation.P)
			}
			m := moderate("first", "second", rows, names, 0.95)
			v.moderation, v.covered = yes(float64(m.P)), math.NaN()
			if s.R1 == s.R2 && !math.IsNaN(float64(m.Low)) {
				v.covered = 0
				if m.Low <= 0 && 0 <= m.High {
					v.covered = 1
				}
			}
		}
	})
	rate := func(of func(*verdict) float64) Rate {
		sum, n := 0.0, 0
		for i := range said {
			if x := of(&said[i]); !math.IsNaN(x) {
				sum, n = sum+x, n+1
			}
		}
		p := sum / float64(n)
		return Rate{Number(p), Number(math.Sqrt(p * (1 - p) / float64(n)))}
	}
	out.Correlation = rate(func(v *verdict) float64 { return v.first })
	out.Naive = rate(func(v *verdict) float64 { return v.naive })
	out.Steiger = rate(func(v *verdict) float64 { return v.steiger })
	out.Permutation = rate(func(v *verdict) float64 { return v.permutation })
	out.Moderation = rate(func(v *verdict) float64 { return v.moderation })
	out.Slopes = rate(func(v *verdict) float64 { return v.slopes })
	out.Covered = rate(func(v *verdict) float64 { return v.covered })
	var widths []float64
	for i := range said {
		if v := &said[i]; math.IsNaN(v.first + v.steiger + v.moderation) {
			out.Unfitted++
		} else {
			widths = append(widths, v.width)
		}
	}
	slices.Sort(widths)
	out.Width = nan
	if n := len(widths); n > 0 {
		out.Width = Number((widths[(n-1)/2] + widths[n/2]) / 2)
	}
	return out, nil
}

// population returns the correlations of a scenario whose errors are not
// normal, from 100,000 simulated people: to 0.003.
func population(s corr.Scenario, seed uint64) (r1, r2 Number) {
	const studies = 10
	s.People = 10_000
	var z [2]float64
	for k := range studies {
		c := s.Study(^seed, k)
		for t := range z {
			z[t] += math.Atanh(corr.Correlate(c[t], corr.Options{}).R) / studies
		}
	}
	return Number(math.Tanh(z[0])), Number(math.Tanh(z[1]))
}

// PeopleForCorrelation returns the least number of people with whom a true
// (partial, covariates of them) correlation r is found at p < alpha, two-sided,
// with at least the probability power, by Fisher's z; 0 if more than 100,000
// are needed.
//
//	n = 3 + k + ((z_{1−alpha/2} + z_power)/atanh r)²
func PeopleForCorrelation(r float64, covariates int, alpha, power float64) int {
	return least(covariates, alpha, func(n int) float64 {
		return math.Abs(math.Atanh(r)) * math.Sqrt(float64(n-3-covariates))
	}, power)
}

// PeopleForDifference returns the same for the difference of two correlations
// r1 and r2 in the same people, by Steiger's test, where the measure and the
// score each correlate stability between the two treatments.
func PeopleForDifference(r1, r2, stability float64, covariates int, alpha, power float64) int {
	cross := stability * (r1 + r2) / 2
	return least(covariates, alpha, func(n int) float64 {
		d := corr.NonOverlapping(r1, r2, stability, cross, cross, stability, n-covariates, 0.95, corr.TwoSided)
		return math.Abs(d.Steiger.Stat)
	}, power)
}

// maxPeople bounds the search for a number of people.
const maxPeople = 100_000

// least finds the smallest n whose test statistic, expected to be shift(n), is
// beyond the critical value of alpha with the probability power.
func least(covariates int, alpha float64, shift func(n int) float64, power float64) int {
	critical := math.Sqrt2 * math.Erfinv(1-alpha)
	enough := func(n int) bool {
		s := shift(n)
		return math.Erfc((critical-s)/math.Sqrt2)/2 >= power
	}
	low := 4 + covariates
	if !enough(maxPeople) {
		return 0
	}
	n := low + sort.Search(maxPeople-low, func(i int) bool { return enough(low + i) })
	return n
}
