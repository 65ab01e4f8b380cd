package phantom

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"phasl/crossover"
	"phasl/diag"
)

// Variances are the sizes of the random parts of a simulated trial, each a
// standard deviation as a share of a region's base CBF, but for Voxel. Global
// parts are common to grey and white matter; regional parts are drawn for each
// area of grey matter, and [sideShare] of their variance for each side of it.
type Variances struct {
	Subject         float64 `json:"subject"`          // global, of people [1]
	Session         float64 `json:"session"`          // of sessions within people [1]
	Scan            float64 `json:"scan"`             // of scans within sessions [1]
	RegionalSubject float64 `json:"regional_subject"` // [1]
	RegionalSession float64 `json:"regional_session"` // [1]
	RegionalScan    float64 `json:"regional_scan"`    // [1]

	// Voxel is the standard deviation of measurement in one voxel of the
	// acquisition that one tissue fills [mL/100 g/min]. It matters at region
	// level only; images have the noise of their protocol.
	Voxel float64 `json:"voxel"`
}

// DefaultVariances returns the sizes that docs/methods/phantom.md derives from
// published reproducibility, and the measurement noise of [GE3DSpiral].
func DefaultVariances() Variances {
	p := GE3DSpiral()
	return Variances{
		Subject: 0.14, Session: 0.08, Scan: 0.04,
		RegionalSubject: 0.08, RegionalSession: 0.03, RegionalScan: 0.03,
		Voxel: p.voxelNoise(),
	}
}

// sideShare is the share of the variance of a regional part that the two sides
// of an area do not have in common.
const sideShare = 0.2

// voxelNoise returns the SD of CBF in a voxel that one tissue fills, by the
// noise of the protocol's scanner and the consensus equation [mL/100 g/min].
func (p *Protocol) voxelNoise() float64 {
	c := p.Constants.orDefault()
	s := simulator{p: *p, c: c, alpha: p.Alpha * p.suppressionEfficiency()}
	perCBF := s.inBlood(1, 0, p.readout(0, 0)) // ΔM/M0 of 1 mL/100 g/min
	return math.Sqrt(2/float64(max(p.Averages, 1))/float64(max(p.Pairs, 1))) / p.SNR / perCBF
}

// A PlantedEffect is one effect of the simulated trial.
type PlantedEffect struct {
	// Kind is the contrast of crossover that the effect shows in:
	//
	//	crossover.PhaseEffect      later phase − baseline, under every treatment
	//	crossover.Interaction      more of the same, under a treatment other than the reference
	//	crossover.TreatmentEffect  treatment − reference, in every phase
	//	crossover.PeriodEffect     each period − the one before it
	//	crossover.CarryOver        what a treatment other than the reference adds to the period after it
	Kind string `json:"kind"`

	// Region is an area ("sgACC"), one side of it ("sgACC_L"), a lobe
	// ("cingulate"), "white" for white matter, or "all".
	Region    string  `json:"region"`
	Treatment string  `json:"treatment"` // for Interaction and TreatmentEffect; "": every one but the reference
	Phase     string  `json:"phase"`     // for PhaseEffect and Interaction; "": every one but the baseline
	Percent   float64 `json:"percent"`   // of the base CBF of each region
}

// DefaultEffects are those of ketamine: CBF rises everywhere, most in the
// anterior cingulate, then in frontal cortex, insula and thalamus, and as much
// under every treatment. [DefaultMixtures] add to them what goes with receptors.
// See docs/methods/phantom.md for the sources.
func DefaultEffects() []PlantedEffect {
	var out []PlantedEffect
	for _, e := range []struct {
		region  string
		percent float64
	}{
		{"all", 5.3}, {"white", 2}, {"frontal", 7}, {"occipital", 4}, {"cerebellum", 3.5},
		{"MidCingulate", 9}, {"PosteriorCingulate", 6}, {"Insula", 8}, {"Thalamus", 8}, {"Putamen", 7.5}, {"Caudate", 7},
		{"Hippocampus", 5}, {"Amygdala", 5},
		{"sgACC", 12}, {"pgACC", 16}, {"dACC", 18},
	} {
		out = append(out, PlantedEffect{Kind: crossover.PhaseEffect, Region: e.region, Percent: e.percent})
	}
	return out
}

// Names of what is no single region.
const (
	whiteMatter = "white"
	everything  = "all"
)

// Names of the rows of whole grey and white matter, as regions.tsv has them.
const (
	GlobalGrey  = "global_gm"
	GlobalWhite = "global_wm"
)

// compartments is the number of compartments whose CBF is simulated: white
// matter first, then each region at its index.
var compartments = 2*len(areas) + 1

// members returns the compartments that a name stands for, nil if none.
func members(name string) []int {
	var out []int
	switch name {
	case whiteMatter, GlobalWhite:
		return []int{0}
	case everything:
		out = append(out, 0)
	}
	for i, a := range areas {
		switch {
		case name == everything || name == GlobalGrey || name == a.name || name == a.lobe:
			out = append(out, 2*i+1, 2*i+2)
		case name == a.name+"_L":
			return []int{2*i + 1}
		case name == a.name+"_R":
			return []int{2*i + 2}
		}
	}
	return out
}

// effectNames are the names that an effect may be planted in.
var effectNames = sync.OnceValue(func() []string {
	out := []string{everything, whiteMatter}
	lobes := map[string]bool{}
	for _, a := range areas {
		if !lobes[a.lobe] {
			lobes[a.lobe] = true
			out = append(out, a.lobe)
		}
		out = append(out, a.name, a.name+"_L", a.name+"_R")
	}
	return out
})

// A TrialRegion is a row of the trial's tables of regions.
type TrialRegion struct {
	Name    string
	Members []int     // compartments: indices of [Region], or 0 for white matter
	Weights []float64 // share of each member in the region's volume; they add up to 1
	Volume  float64   // [mm³], of the template
	Base    float64   // CBF without any effect [mL/100 g/min]
}

// trialRegions are whole grey and white matter, the parts of the anterior
// cingulate over both sides as the participant level joins them, and every
// region.
var trialRegions = sync.OnceValue(func() []TrialRegion {
	volume := compartmentVolumes()
	base := baseCBF()
	names := []string{GlobalGrey, GlobalWhite}
	for _, a := range areas {
		if strings.HasSuffix(a.name, "ACC") {
			names = append(names, a.name)
		}
	}
	for _, r := range Regions() {
		names = append(names, r.Name)
	}
	var out []TrialRegion
	for _, n := range names {
		r := TrialRegion{Name: n, Members: members(n)}
		for _, c := range r.Members {
			r.Volume += volume[c]
		}
		for _, c := range r.Members {
			w := volume[c] / r.Volume
			r.Weights = append(r.Weights, w)
			r.Base += w * base[c]
		}
		out = append(out, r)
	}
	return out
})

// TrialRegions returns the regions that trials have values for.
func TrialRegions() []TrialRegion { return trialRegions() }

// compartmentVolumes returns the volume of each compartment of the template
// [mm³], from points 2 mm apart.
func compartmentVolumes() []float64 {
	out := make([]float64, compartments)
	for _, p := range templatePoints() {
		switch p.tissue {
		case White:
			out[0] += 8
		case Grey:
			out[p.region] += 8
		}
	}
	return out
}

// templatePoints is what the centres of the template's voxels hold.
var templatePoints = sync.OnceValue(func() []point { return (&Brain{}).points(TemplateGrid(), 0) })

// baseCBF is the CBF of each compartment without any effect.
var baseCBF = sync.OnceValue(func() []float64 { return Physiology{}.table() })

// mean returns the mean of the compartments' values over the region.
func (r *TrialRegion) mean(value []float64) float64 {
	var s float64
	for i, c := range r.Members {
		s += r.Weights[i] * value[c]
	}
	return s
}

// noise returns the SD of the region's mean given that of one voxel, which at
// region level stands for the noise of an acquisition by [GE3DSpiral].
func (r *TrialRegion) noise(voxel float64) float64 {
	const mm3 = 36
	return voxel / math.Sqrt(r.Volume/mm3)
}

// A planTable holds planted effects as shares of base CBF, by kind, treatment,
// phase and compartment. Where effects overlap the last one holds.
type planTable map[string][][][]float64

func newPlanTable(effects []PlantedEffect, treatments, phases []string) planTable {
	out := planTable{}
	for _, kind := range effectKinds {
		out[kind] = make([][][]float64, len(treatments))
		for i := range treatments {
			for range phases {
				out[kind][i] = append(out[kind][i], make([]float64, compartments))
			}
		}
	}
	for _, e := range effects {
		for i, treatment := range treatments {
			for ph, phase := range phases {
				if (e.Treatment == "" || e.Treatment == treatment) && (e.Phase == "" || e.Phase == phase) {
					for _, c := range members(e.Region) {
						out[e.Kind][i][ph][c] = e.Percent / 100
					}
				}
			}
		}
	}
	return out
}

// cell returns the share that effects add to the base CBF of each compartment
// in one cell of the design. before is the treatment of the period before, -1
// if there was none.
func (p planTable) cell(treatment, phase, period, before int) []float64 {
	out := make([]float64, compartments)
	add := func(kind string, treatment int, times float64) {
		for c, x := range p[kind][treatment][phase] {
			out[c] += times * x
		}
	}
	if phase > 0 {
		add(crossover.PhaseEffect, treatment, 1)
		if treatment > 0 {
			add(crossover.Interaction, treatment, 1)
		}
	}
	if treatment > 0 {
		add(crossover.TreatmentEffect, treatment, 1)
	}
	add(crossover.PeriodEffect, treatment, float64(period-1))
	if before > 0 {
		add(crossover.CarryOver, before, 1)
	}
	return out
}

var effectKinds = []string{crossover.PhaseEffect, crossover.Interaction, crossover.TreatmentEffect, crossover.PeriodEffect, crossover.CarryOver}

// check names all that is wrong with the options.
func (o *TrialOptions) check(treatments, phases []string) diag.List {
	const file = SimulationOptions
	var l diag.List
	least := max(2, len(treatments))
	if o.Subjects < least || o.Subjects > maxSubjects {
		l.Errorf(file, "subjects", fmt.Sprintf("ask for %d to %d", least, maxSubjects), "%d people cannot be simulated: each order of treatments needs one, and more than %d make no trial", o.Subjects, maxSubjects)
	}
	if len(treatments) < 2 {
		l.Errorf(file, "treatments", "name two or more in the plan", "a crossover trial compares treatments, and the plan names %d", len(treatments))
	}
	if len(phases) < 2 {
		l.Errorf(file, "phases", "name two or more in the plan", "the plan names %d phases", len(phases))
	}
	if !(o.Missing >= 0 && o.Missing <= maxMissing) {
		l.Errorf(file, "missing", fmt.Sprintf("give a share from 0 to %g", maxMissing), "%g of the sessions cannot be missing: everybody keeps one", o.Missing)
	}
	v := o.Variances
	total := 0.0
	for _, s := range []struct {
		name string
		sd   float64
	}{
		{"subject", v.Subject}, {"session", v.Session}, {"scan", v.Scan},
		{"regional subject", v.RegionalSubject}, {"regional session", v.RegionalSession}, {"regional scan", v.RegionalScan},
	} {
		if !(s.sd >= 0) || math.IsInf(s.sd, 0) {
			l.Errorf(file, s.name+" SD", "give a share of CBF of 0 or more", "%g is no standard deviation", s.sd)
		}
		total += s.sd * s.sd
	}
	if total = math.Sqrt(total); total > maxCV {
		l.Errorf(file, "variances", fmt.Sprintf("make them smaller, so that their squares add up to at most %g", maxCV*maxCV), "CBF would vary by %.3g of its mean, and some of it would be negative", total)
	}
	if !(v.Voxel >= 0) || math.IsInf(v.Voxel, 0) {
		l.Errorf(file, "voxel SD", "give 0 or more", "%g is no standard deviation", v.Voxel)
	}
	for _, e := range o.Effects {
		o.checkEffect(e, treatments, phases, &l)
	}
	o.Receptors.check(treatments, phases, &l)
	return l
}

// Limits of a simulated trial.
const (
	maxSubjects = 999
	maxMissing  = 0.5
	maxCV       = 0.25 // of regional CBF between scans of different people
	maxPercent  = 50   // of one effect
	leastCBF    = 0.05 // of the base, of any region in any scan
)

// mustBe adds a fault if value is none of the known ones.
func mustBe(l *diag.List, field, what, value string, known []string) {
	if !slices.Contains(known, value) {
		l.Errorf(SimulationOptions, field, oneOf(value, known), "there is no %s %q", what, value)
	}
}

func (o *TrialOptions) checkEffect(e PlantedEffect, treatments, phases []string, l *diag.List) {
	const file = SimulationOptions
	one := func(field, what, value string, known []string) { mustBe(l, field, what, value, known) }
	field := e.Kind + " effect"
	one("effect", "kind of effect", e.Kind, effectKinds)
	if e.Region == GlobalGrey || e.Region == GlobalWhite {
		l.Errorf(file, field, "name the region all or white", "an effect is planted in regions, not in the mean %q", e.Region)
	} else {
		one(field, "region", e.Region, effectNames())
	}
	if e.Treatment != "" {
		one(field, "treatment", e.Treatment, treatments)
	}
	if e.Phase != "" {
		one(field, "phase", e.Phase, phases)
	}
	if !(math.Abs(e.Percent) <= maxPercent) {
		l.Errorf(file, field, fmt.Sprintf("give a percentage from −%d to %d", maxPercent, maxPercent), "%g %% in %s is no size for an effect on CBF", e.Percent, e.Region)
	}
}
