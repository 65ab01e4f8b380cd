package phantom

import (
	"fmt"
	"math"
	"slices"

	"phasl/crossover"
	"phasl/diag"
)

// ReceptorMixtures say what receptors the brains of a simulated trial have, and
// what effects follow them.
type ReceptorMixtures struct {
	None     bool      `json:"none"`     // there are no receptors; the rest does not count
	Seed     uint64    `json:"seed"`     // of the densities; 0: that of the trial
	Mixtures []Mixture `json:"mixtures"` // nil: [DefaultMixtures]; empty: densities that nothing follows
}

// A Mixture is an effect on CBF that follows the densities of receptors over the
// brain. With x_tr the mean density of target t in the grey matter of region r,
//
//	effect_r = Percent · m_r,   m_r = (Σ_t w_t z_tr − c)/s,   z_tr = (x_tr − x̄_t)/SD_t
//
// in percent of the region's base CBF, over all regions of grey matter but the
// three parts of the anterior cingulate, where it is 0: their effects are of
// published size. c makes the mean of m weighted by the regions' CBF zero, so
// that the CBF of whole grey matter does not change, and s its standard
// deviation over regions 1. A region that stands out by more than 3.5 standard
// deviations is held there. Mixtures add to each other and to planted effects.
type Mixture struct {
	Kind      string             `json:"kind"`      // crossover.PhaseEffect or crossover.Interaction; see [PlantedEffect]
	Treatment string             `json:"treatment"` // "": every one, for Interaction every one but the reference
	Phase     string             `json:"phase"`     // "": every one but the baseline
	Percent   float64            `json:"percent"`   // standard deviation over regions [% of base CBF]; negative: higher density, less CBF
	Weights   map[string]float64 `json:"weights"`   // by target; their relation counts, not their size
}

// DefaultMixtures let the effect of ketamine follow the densities of MOR and
// mGluR5, and the interaction those of MOR, mGluR5 and GABAAa5. Half of the
// interaction is taken from every treatment's effect, so that the mean effect
// over treatments follows MOR and mGluR5 alone. See docs/methods/phantom.md for
// the sizes.
func DefaultMixtures() []Mixture {
	three := map[string]float64{"MOR": 1, "mGluR5": 1, "GABAAa5": 1}
	return []Mixture{
		{Kind: crossover.PhaseEffect, Percent: defaultMixed, Weights: map[string]float64{"MOR": 1, "mGluR5": 1}},
		{Kind: crossover.PhaseEffect, Percent: -defaultInteraction / 2, Weights: three},
		{Kind: crossover.Interaction, Percent: defaultInteraction, Weights: three},
	}
}

// Sizes of the default mixtures [% of base CBF].
const (
	defaultMixed       = 6.0
	defaultInteraction = 4.0
)

// mostMixed is how far a region may stand out, in standard deviations.
const mostMixed = 3.5

// maxMixture is the largest standard deviation of a mixture [% of base CBF]: a
// region differs by up to [mostMixed] of it.
const maxMixture = 15

var mixtureKinds = []string{crossover.PhaseEffect, crossover.Interaction}

// withDefaults fills in what is not said; m may be nil. Whoever names effects gets
// no others unasked.
func (m *ReceptorMixtures) withDefaults(seed uint64, effects bool) *ReceptorMixtures {
	var out ReceptorMixtures
	if m != nil {
		out = *m
	} else if effects {
		out.Mixtures = []Mixture{}
	}
	if out.Seed == 0 {
		out.Seed = seed
	}
	if out.None {
		out.Mixtures = []Mixture{}
	} else if out.Mixtures == nil {
		out.Mixtures = DefaultMixtures()
	}
	return &out
}

// check names what is wrong with the mixtures.
func (m *ReceptorMixtures) check(treatments, phases []string, l *diag.List) {
	const file = SimulationOptions
	for i := range m.Mixtures {
		x := &m.Mixtures[i]
		field := x.Kind + " mixture"
		mustBe(l, "mixture", "kind of mixture", x.Kind, mixtureKinds)
		if x.Treatment != "" {
			mustBe(l, field, "treatment", x.Treatment, treatments)
		}
		if len(treatments) > 0 && x.Kind == crossover.Interaction && x.Treatment == treatments[0] {
			l.Errorf(file, field, "name another treatment, or none for all others", "%s is the reference: the interaction is what other treatments add", x.Treatment)
		}
		if x.Phase != "" {
			mustBe(l, field, "phase", x.Phase, phases)
			if len(phases) > 0 && x.Phase == phases[0] {
				l.Errorf(file, field, "name a later phase", "%s is the baseline, from which effects are counted", x.Phase)
			}
		}
		if !(math.Abs(x.Percent) <= maxMixture) {
			l.Errorf(file, field, fmt.Sprintf("give a percentage from −%d to %d", maxMixture, maxMixture), "a standard deviation over regions of %g %% is no size for an effect on CBF", x.Percent)
		}
		var names []string
		for t := range x.Weights {
			names = append(names, t)
		}
		slices.Sort(names)
		sound, any := true, false
		for _, t := range names {
			mustBe(l, field, "simulated receptor", t, ReceptorTargets())
			if w := x.Weights[t]; math.IsNaN(w) || math.IsInf(w, 0) {
				l.Errorf(file, field, "give a finite number", "the weight of %s is %g", t, w)
				sound = false
			} else if w != 0 {
				any = true
			}
		}
		if sound && !any {
			l.Errorf(file, field, "give a receptor a weight other than 0", "no receptor has a weight")
		}
	}
}

// mixes tells whether mixtures reach a compartment: grey matter but for the
// anterior cingulate.
func mixes(c int) bool {
	if c == 0 {
		return false
	}
	switch areas[(c-1)/2].name {
	case "sgACC", "pgACC", "dACC":
		return false
	}
	return true
}

// mix adds the mixtures to the table of effects.
func (t *Trial) mix() {
	m := t.Options.Receptors
	if m.None {
		return
	}
	t.Densities = NewReceptors(m.Seed)
	for i := range m.Mixtures {
		x := &m.Mixtures[i]
		pattern, _ := t.Densities.mixture(x.Weights)
		t.everyCell(x, func(treatment, phase int) {
			for c, v := range t.effects[x.Kind][treatment][phase] {
				t.effects[x.Kind][treatment][phase][c] = v + x.Percent/100*pattern[c]
			}
		})
	}
}

// everyCell calls fn for the treatments and phases that a mixture is planted in.
func (t *Trial) everyCell(x *Mixture, fn func(treatment, phase int)) {
	for i, treatment := range t.Treatments {
		for ph, phase := range t.Phases {
			if (x.Treatment == "" || x.Treatment == treatment) && (x.Phase == "" || x.Phase == phase) {
				fn(i, ph)
			}
		}
	}
}

// mixture returns m of [Mixture] by compartment, and how far it rises for a
// density one standard deviation higher, by target: w_t/s.
func (r *Receptors) mixture(weights map[string]float64) (pattern, slope []float64) {
	pattern, slope = make([]float64, compartments), make([]float64, len(ReceptorTargets()))
	var among []int
	for c := range pattern {
		if mixes(c) {
			among = append(among, c)
		}
	}
	n := float64(len(among))
	moments := func(of func(c int) float64) (mean, sd float64) {
		for _, c := range among {
			mean += of(c) / n
		}
		for _, c := range among {
			sd += (of(c) - mean) * (of(c) - mean) / n
		}
		return mean, math.Sqrt(sd)
	}
	largest := 0.0 // keeps weights of any size from overflowing
	for _, w := range weights {
		largest = math.Max(largest, math.Abs(w))
	}
	for i, target := range ReceptorTargets() {
		w := weights[target] / largest
		if w == 0 {
			continue
		}
		x := r.Regional(target)
		mean, sd := moments(func(c int) float64 { return x[c-1] })
		for _, c := range among {
			pattern[c] += w * (x[c-1] - mean) / sd
		}
		slope[i] = w
	}
	// Small regions vary more than large ones, whose means take in several waves,
	// and now and then one of them stands far out.
	within := func(c int) float64 { return pattern[c] }
	mean, sd := moments(within)
	for i := range slope {
		slope[i] /= sd
	}
	for _, c := range among {
		pattern[c] = math.Max(-mostMixed, math.Min(mostMixed, (pattern[c]-mean)/sd))
	}
	_, sd = moments(within)
	var flow float64
	mean = 0
	base := baseCBF()
	grey := regionNamed(GlobalGrey)
	for i, c := range grey.Members {
		if mixes(c) {
			flow += grey.Weights[i] * base[c]
			mean += grey.Weights[i] * base[c] * pattern[c]
		}
	}
	for _, c := range among {
		pattern[c] = (pattern[c] - mean/flow) / sd
	}
	return pattern, slope
}

// mixedInto is a word for what mixtures add to a region, "" if nothing.
func (t *Trial) mixedInto(region string) string {
	// The mean over grey matter does not change, nor does the anterior cingulate.
	if t.Options.Receptors.None || region == GlobalGrey || !slices.ContainsFunc(members(region), mixes) {
		return ""
	}
	return fmt.Sprintf("|%v", *t.Options.Receptors)
}
