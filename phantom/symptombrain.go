package phantom

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"phasl/crossover"
)

// A view gives the mean CBF of a region, by its index in [TrialRegions], from
// the CBF of the compartments.
type view func(region int, cbf []float64) float64

// trueView sees the grey matter of each region as it is.
func trueView(region int, cbf []float64) float64 { return trialRegions()[region].mean(cbf) }

// resolvedView sees regions as a scanner does.
func resolvedView(b *Blend) view {
	return func(region int, cbf []float64) float64 {
		var s float64
		for c, w := range b.Share[region] {
			s += w * cbf[c]
		}
		return s
	}
}

// regionIndex returns the index of a region in [TrialRegions].
func regionIndex(name string) int {
	return slices.IndexFunc(trialRegions(), func(r TrialRegion) bool { return r.Name == name })
}

// brain appends the regional measure of one session to dst, and then its
// covariates, in the order of Adjust.
func (a *PlantedAssociation) brain(dst []float64, t *Trial, s *TrialSession, see view) []float64 {
	region := regionIndex(a.Region)
	measure := func(scan int) float64 {
		v := see(region, s.Scans[scan].CBF)
		if a.Measure == crossover.Relative {
			v /= see(globalGrey, s.Scans[scan].CBF)
		}
		return v
	}
	global := func(scan int) float64 { return see(globalGrey, s.Scans[scan].CBF) }
	last := len(s.Scans) - 1
	value := func(of func(int) float64) float64 {
		if a.Phase == crossover.PhaseChange {
			return of(last) - of(0)
		}
		return of(slices.Index(t.Phases, a.Phase))
	}
	dst = append(dst, value(measure))
	for _, c := range a.Adjust {
		switch c {
		case crossover.AdjustBaseline:
			dst = append(dst, measure(0))
		case crossover.AdjustGlobal:
			dst = append(dst, value(global))
		case crossover.AdjustPeriod:
			dst = append(dst, float64(s.Period))
		}
	}
	return dst
}

// globalGrey is the index of whole grey matter in [TrialRegions].
const globalGrey = 0

// A regression is that of a brain measure on its covariates in the population.
type regression struct {
	coef []float64 // intercept, then one for each covariate
	sd   float64   // of what is left; 0: nothing is
}

// standardised returns what the covariates leave of a measure, in standard
// deviations; NaN if they leave nothing. row holds the measure, then the
// covariates.
func (g *regression) standardised(row []float64) float64 {
	if g.sd == 0 {
		return math.NaN()
	}
	v := row[0] - g.coef[0]
	for k, c := range g.coef[1:] {
		v -= c * row[1+k]
	}
	return v / g.sd
}

// regress fits a regression by least squares. A covariate that others determine
// gets the coefficient 0.
func regress(rows [][]float64) regression {
	n, p := float64(len(rows)), len(rows[0])
	mean := make([]float64, p)
	for _, r := range rows {
		for k, v := range r {
			mean[k] += v / n
		}
	}
	cov := make([][]float64, p) // of measure and covariates
	for a := range cov {
		cov[a] = make([]float64, p)
		for b := range cov[a] {
			for _, r := range rows {
				cov[a][b] += (r[a] - mean[a]) * (r[b] - mean[b]) / n
			}
		}
	}
	total := cov[0][0]
	size := make([]float64, p)
	for k := range size {
		size[k] = cov[k][k]
	}
	// Sweep the covariates out, one after the other; cov[k][0] is then the
	// coefficient of covariate k and cov[0][0] the variance that is left.
	swept := make([]bool, p)
	for k := 1; k < p; k++ {
		d := cov[k][k]
		if !(d > 1e-9*size[k]) {
			continue
		}
		swept[k] = true
		for a := range p {
			for b := range p {
				if a != k && b != k {
					cov[a][b] -= cov[a][k] * cov[k][b] / d
				}
			}
		}
		for a := range p {
			if a != k {
				cov[a][k] /= -d // the sign keeps the sweep its own inverse
				cov[k][a] /= d
			}
		}
		cov[k][k] = 1 / d
	}
	g := regression{coef: make([]float64, p)}
	g.coef[0] = mean[0]
	for k := 1; k < p; k++ {
		if swept[k] {
			g.coef[k] = cov[k][0]
			g.coef[0] -= g.coef[k] * mean[k]
		}
	}
	// Rounding leaves something of a measure that does not vary.
	if rest := cov[0][0]; rest > 1e-12*(total+mean[0]*mean[0]) {
		g.sd = math.Sqrt(rest)
	}
	return g
}

// The population is represented by trials of people who are in no simulated
// trial, drawn by the same model with seeds of their own. With this many the
// standard deviation of a measure is known to 1.1 %, and a correlation of 0.6
// is planted to 0.005 (standard error).
const (
	referenceTrials = 4
	referencePeople = maxSubjects
	referenceSeed   = 0x7265666572656e63
)

// reference calls fn for every session of the reference population.
func (t *Trial) reference(fn func(*TrialSession)) {
	for k := range uint64(referenceTrials) {
		o := TrialOptions{Subjects: referencePeople, Seed: referenceSeed + k, Effects: t.Options.Effects, Variances: t.Options.Variances, Receptors: t.Options.Receptors, Symptoms: &Symptoms{None: true},
			Plan: &crossover.Plan{Trial: crossover.TrialPlan{Treatments: t.Treatments, Phases: t.Phases}}}
		tr, l := NewTrial(o)
		if l.Err() != nil {
			panic("phantom: " + l.Error())
		}
		for i := range tr.People {
			for j := range tr.People[i].Sessions {
				fn(&tr.People[i].Sessions[j])
			}
		}
	}
}

// regressions returns that of each planted association, under its treatment.
// They are kept: trials that differ in their seed alone share them, unless a
// mixture of receptors, which goes with the seed, reaches a region.
func (t *Trial) regressions() []regression {
	list := t.Options.Symptoms.Associations
	if len(list) == 0 {
		return nil
	}
	key := fmt.Sprintf("%v|%q|%q", *t.Options.Variances, t.Treatments, t.Phases)
	for _, e := range t.Options.Effects {
		key += fmt.Sprintf("|%+v", e)
	}
	for i := range list {
		a := &list[i]
		key += t.mixedInto(a.Region)
		key += fmt.Sprintf("|%q %q %q %q %q", a.Region, a.Measure, a.Phase, a.Adjust, a.Within)
	}
	kept.Lock()
	defer kept.Unlock()
	if g, ok := kept.of[key]; ok {
		return g
	}
	rows := make([][][]float64, len(list))
	t.reference(func(s *TrialSession) {
		for q := range list {
			if t.Treatments[s.Treatment] == list[q].Within {
				rows[q] = append(rows[q], list[q].brain(nil, t, s, trueView))
			}
		}
	})
	out := make([]regression, len(list))
	for q := range list {
		out[q] = regress(rows[q])
	}
	if len(kept.of) >= 32 || kept.of == nil {
		kept.of = map[string][]regression{}
	}
	kept.of[key] = out
	return out
}

// kept holds the regressions of the last few kinds of trials.
var kept struct {
	sync.Mutex
	of map[string][]regression
}

// drives returns, for each planted association, the standardised brain measure
// of one session; NaN under other treatments.
func (t *Trial) drives(s *TrialSession, of []regression) []float64 {
	out := make([]float64, len(of))
	var row []float64
	for q := range of {
		a := &t.Options.Symptoms.Associations[q]
		out[q] = math.NaN()
		if t.Treatments[s.Treatment] == a.Within {
			row = a.brain(row[:0], t, s, trueView)
			out[q] = of[q].standardised(row)
		}
	}
	return out
}
