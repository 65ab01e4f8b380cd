package report

import (
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// A trialData is the results in the order in which the page asks for them.
type trialData struct {
	*crossover.Results
	plan     *crossover.Plan // never nil
	measures []measureData
	global   *crossover.RegionFit // global CBF, or nil
}

// A measureData is the models of one measure.
type measureData struct {
	measure crossover.Measure
	primary []*crossover.RegionFit
	others  []*crossover.RegionFit
}

func newTrialData(g *Group) *trialData {
	d := &trialData{Results: g.Results, plan: g.Plan}
	if d.Results == nil {
		d.Results = &crossover.Results{}
	}
	if d.plan == nil {
		nan := math.NaN()
		d.plan = &crossover.Plan{Quality: crossover.QualityPlan{MaxFDMean: nan, MinQEI: nan, MinGMCBF: nan, MaxGMCBF: nan}}
	}
	name := orText(d.plan.Regions.Global, "global_gm")
	for i := range d.Models {
		f := &d.Models[i]
		if f.Region == name {
			if f.Measure == crossover.Absolute {
				d.global = f
			}
			if !f.Primary { // it has a part of its own
				continue
			}
		}
		k := slices.IndexFunc(d.measures, func(m measureData) bool { return m.measure == f.Measure })
		if k < 0 {
			k = len(d.measures)
			d.measures = append(d.measures, measureData{measure: f.Measure})
		}
		if m := &d.measures[k]; f.Primary {
			m.primary = append(m.primary, f)
		} else {
			m.others = append(m.others, f)
		}
	}
	first := d.primaryMeasure()
	slices.SortStableFunc(d.measures, func(a, b measureData) int {
		switch {
		case a.measure == first && b.measure != first:
			return -1
		case b.measure == first && a.measure != first:
			return 1
		}
		return 0
	})
	return d
}

// primaryMeasure is the measure that leads the page: the plan's, or "", which
// leaves the first in front.
func (d *trialData) primaryMeasure() crossover.Measure { return d.plan.PrimaryMeasure }

// heading names a measure, and whether it is the primary one.
func (d *trialData) heading(m crossover.Measure) string {
	t := measureHeading(m)
	if len(d.measures) < 2 {
		return t
	}
	if m == d.measures[0].measure {
		return t + ": primary measure"
	}
	return t + ": secondary"
}

// challenge is what was given between the phases, for sentences.
func (d *trialData) challenge() string {
	if d.Challenge != "" {
		return d.Challenge
	}
	if n := len(d.Phases); n > 1 {
		return d.Phases[n-1]
	}
	return "phase"
}

// reference is the treatment that the others are compared with.
func (d *trialData) reference() string {
	if len(d.Treatments) > 0 {
		return d.Treatments[0]
	}
	return ""
}

// series is the colour and symbol of a contrast: that of its treatment, or
// that of averages.
func (d *trialData) series(of string) int {
	for part := range strings.SplitSeq(of, ":") {
		if k := slices.Index(d.Treatments, part); k >= 0 {
			return treatmentSeries(k)
		}
	}
	return seriesAverage
}

// Series of the group page, by colour and shape. Blue and orange, the first
// two, tell apart whatever the reader's colour vision.
const (
	seriesInteraction = 3
	seriesAverage     = 5
)

// treatmentSeries is the series of treatment k: 0, 1, 2, 4, then again.
func treatmentSeries(k int) int { return []int{0, 1, 2, 4}[k%4] }

// effectsOf returns the effects of one kind in their order.
func effectsOf(f *crossover.RegionFit, kind string) []*crossover.Effect {
	var out []*crossover.Effect
	for i := range f.Effects {
		if k, _ := effectKind(f.Effects[i].Name); k == kind {
			out = append(out, &f.Effects[i])
		}
	}
	return out
}

// effectNamed returns the effect of that name, or nil.
func effectNamed(f *crossover.RegionFit, name string) *crossover.Effect {
	for i := range f.Effects {
		if f.Effects[i].Name == name {
			return &f.Effects[i]
		}
	}
	return nil
}

// plotRow is the short name of an effect beside its whisker.
func (d *trialData) plotRow(e *crossover.Effect) string {
	kind, of := effectKind(e.Name)
	of = strings.ReplaceAll(of, ":", ", ")
	switch kind {
	case crossover.PhaseEffect:
		return orText(of, "effect")
	case crossover.AverageEffect:
		if of != "" {
			return "average, " + of
		}
		return "average"
	case crossover.Interaction:
		return orText(of, "treatment") + " − " + orText(d.reference(), "reference")
	}
	return e.Name
}

// subjectName is a label with its key.
func subjectName(s string) string {
	if s == "" || strings.HasPrefix(s, "sub-") {
		return s
	}
	return "sub-" + s
}
