package phantom

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
	"phasl/diag"
	"phasl/scales"
)

// Symptoms say which questionnaires a simulated trial carries and how their
// scores go with perfusion. The zero value is the default:
// [DefaultAssociations], and every item answered.
type Symptoms struct {
	None         bool                 // no questionnaires
	Associations []PlantedAssociation // nil: [DefaultAssociations]; empty: scores that go with nothing
	R            map[string]float64   // in place of the R of Associations, by "psi.delusional", or "psi.delusional:naltrexone" to plant it under that treatment
	MissingItems float64              // share of answers that are missing, at random [1]
}

// A PlantedAssociation is one association of a simulated trial: that of its
// plan, under the treatment Within ("": the reference). Global CBF is that of
// whole grey matter. Under treatments that no planted association names, the
// score goes with nothing.
type PlantedAssociation struct {
	crossover.AssociationPlan
	// R is the correlation over people of the score written, or its change, with
	// the true regional measure given Adjust: that of the population, from which
	// a trial is a sample.
	R float64
}

// DefaultAssociations are those that were published
// (doi:10.1176/appi.ajp.20250903), at the sizes found under placebo; none
// under other treatments.
func DefaultAssociations() []PlantedAssociation {
	r := map[string]float64{"psi.delusional": 0.56, "psi.perceptual": 0.64, "madrs.total": 0.60, "qids.total": 0.67}
	var out []PlantedAssociation
	for _, a := range crossover.PublishedAssociations() {
		out = append(out, PlantedAssociation{a, r[a.Instrument+"."+a.Score]})
	}
	return out
}

// Limits of the options.
const maxMissingItems = 0.3

// followSymptoms fills in defaults and names all that is wrong. Treatments and
// phases of the trial are sound.
func (t *Trial) followSymptoms() diag.List {
	var l diag.List
	o := t.Options.Symptoms
	if o == nil {
		o = &Symptoms{}
	}
	if o.None {
		t.Options.Symptoms = &Symptoms{None: true}
		return nil
	}
	if !(o.MissingItems >= 0 && o.MissingItems <= maxMissingItems) {
		l.Errorf(SimulationOptions, "missing items", fmt.Sprintf("give a share from 0 to %g", maxMissingItems), "with %g of the answers missing hardly a score is left", o.MissingItems)
	}
	list := slices.Clone(o.Associations)
	if o.Associations == nil {
		list = DefaultAssociations()
		for i := range list { // of the phases, only their names may differ from the published trial
			if p := list[i].Phase; p != "" && !slices.Contains(t.Phases, p) {
				list[i].Phase = t.Phases[1]
			}
		}
	}
	for i := range list {
		a := &list[i]
		a.Adjust = slices.Clone(a.Adjust)
		if a.Within == "" {
			a.Within = t.Treatments[0]
		}
		if a.Phase == "" {
			a.Phase = t.Phases[0]
		}
		if a.Measure == "" {
			a.Measure = crossover.Absolute
		}
		if a.Visit == "" {
			a.Visit = onlyVisit(a.Instrument, a.Score)
		}
	}
	list = t.replaceR(list, o.R, &l)
	for i := range list {
		t.checkAssociation(&list[i], &l)
		for j := range i {
			if a, b := &list[i], &list[j]; a.Instrument == b.Instrument && a.Score == b.Score && a.Visit == b.Visit && a.Within == b.Within {
				l.Errorf(SimulationOptions, a.field(), "keep one", "the score is to go with two measures under %s", a.Within)
			}
		}
	}
	if list == nil {
		list = []PlantedAssociation{}
	}
	t.Options.Symptoms = &Symptoms{Associations: list, MissingItems: o.MissingItems}
	return l
}

// field is what problems call the association.
func (a *PlantedAssociation) field() string { return a.Instrument + "." + a.Score }

// replaceR sets the correlations that r gives, in the order of their names.
func (t *Trial) replaceR(list []PlantedAssociation, r map[string]float64, l *diag.List) []PlantedAssociation {
	var known []string
	for i := range list {
		if f := list[i].field(); !slices.Contains(known, f) {
			known = append(known, f)
		}
	}
	var names []string
	for name := range r {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		score, treatment, named := strings.Cut(name, ":")
		if !slices.Contains(known, score) {
			l.Errorf(SimulationOptions, "correlation "+name, oneOf(score, known), "no association with %q is planted", score)
			continue
		}
		if named && !slices.Contains(t.Treatments, treatment) {
			l.Errorf(SimulationOptions, "correlation "+name, oneOf(treatment, t.Treatments), "there is no treatment %q", treatment)
			continue
		}
		first, found := -1, false
		for i := range list {
			if list[i].field() != score {
				continue
			}
			if first < 0 {
				first = i
			}
			if !named || list[i].Within == treatment {
				list[i].R, found = r[name], true
			}
		}
		if !found {
			more := list[first]
			more.Name, more.Within, more.R = "", treatment, r[name]
			list = append(list, more)
		}
	}
	return list
}

// oneOf says which names there are, or the one that was meant.
func oneOf(name string, known []string) string {
	if near, ok := diag.Nearest(name, known); ok {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return "leave it out"
	}
	return "choose one of " + strings.Join(known, ", ")
}

// checkAssociation names what is wrong with one association.
func (t *Trial) checkAssociation(a *PlantedAssociation, l *diag.List) {
	fault := func(fix, found string, args ...any) { l.Errorf(SimulationOptions, a.field(), fix, found, args...) }
	var regions []string
	for _, r := range trialRegions() {
		regions = append(regions, r.Name)
	}
	if !slices.Contains(regions, a.Region) {
		fix := "name one that the truth has, such as sgACC, Insula_L or global_gm"
		if near, ok := diag.Nearest(a.Region, regions); ok {
			fix = "did you mean " + near + "?"
		}
		fault(fix, "there is no region %q", a.Region)
	}
	global := slices.Contains(a.Adjust, crossover.AdjustGlobal)
	switch {
	case a.Measure != crossover.Absolute && a.Measure != crossover.Relative:
		fault("choose absolute or relative", "there is no measure %q", a.Measure)
	case a.Measure == crossover.Relative && global:
		fault("leave global out, or choose absolute", "relative CBF is divided by global CBF already")
	case a.Region == GlobalGrey && (a.Measure == crossover.Relative || global):
		fault("choose another region", "nothing is left of global CBF when it is allowed for")
	}
	if phases := append(slices.Clone(t.Phases), crossover.PhaseChange); !slices.Contains(phases, a.Phase) {
		fault(oneOf(a.Phase, phases), "there is no phase %q", a.Phase)
	}
	allowed := []string{crossover.AdjustBaseline, crossover.AdjustGlobal, crossover.AdjustPeriod}
	for _, c := range a.Adjust {
		if !slices.Contains(allowed, c) {
			fault("choose among "+strings.Join(allowed, ", "), "an association given %q cannot be planted", c)
		}
	}
	if slices.Contains(a.Adjust, crossover.AdjustBaseline) && a.Phase == t.Phases[0] {
		fault("name a later phase", "the first phase cannot be adjusted for itself")
	}
	if !slices.Contains(t.Treatments, a.Within) {
		fault(oneOf(a.Within, t.Treatments), "there is no treatment %q", a.Within)
	}
	t.checkScore(a, fault)
}

// checkScore names what is wrong with the clinical side of an association.
func (t *Trial) checkScore(a *PlantedAssociation, fault func(fix, found string, args ...any)) {
	m := drawnScore(a.Instrument, a.Score, a.Visit)
	if m == nil {
		var known []string
		for i := range drawnScores {
			known = append(known, drawnScores[i].name())
		}
		fault("choose one of "+strings.Join(known, ", "), "no score %s.%s at %q is drawn", a.Instrument, a.Score, a.Visit)
		return
	}
	switch {
	case m.from == "" && a.Change != "":
		fault("leave change out", "%s is not drawn as a change", m.name())
		return
	case m.from != "" && a.Change != "percent" && a.Change != "absolute":
		fault("choose change percent or absolute", "%s is drawn as a change from %s", m.name(), m.from)
		return
	case m.from != a.ChangeFrom:
		fault(fmt.Sprintf("write %q for the visit that the change is from", m.from), "%s is no change from %q", m.name(), a.ChangeFrom)
		return
	}
	if most := gain(m, a.Change, a.Within == t.Treatments[0]); !(math.Abs(a.R) <= most) {
		fault(fmt.Sprintf("give a correlation from −%.2f to %.2f", math.Floor(100*most)/100, math.Floor(100*most)/100),
			"%g cannot be: scores are whole numbers within a range", a.R)
	}
}

// Associations returns the planted associations as a plan asks for them, each
// once, and compared with the other treatments; nil if none is planted.
func (t *Trial) Associations() []crossover.AssociationPlan {
	var out []crossover.AssociationPlan
	for i := range t.Options.Symptoms.Associations {
		a := t.Options.Symptoms.Associations[i].AssociationPlan
		a.Compare = true
		if a.Side == "" {
			a.Side = "two-sided"
		}
		if !slices.ContainsFunc(out, func(o crossover.AssociationPlan) bool { return sameQuestion(&o, &a) }) {
			out = append(out, a)
		}
	}
	return out
}

// sameQuestion tells whether two associations differ at most in the treatment
// under which they are looked at.
func sameQuestion(a, b *crossover.AssociationPlan) bool {
	return a.Region == b.Region && a.Measure == b.Measure && a.Phase == b.Phase && slices.Equal(a.Adjust, b.Adjust) &&
		a.Instrument == b.Instrument && a.Score == b.Score && a.Visit == b.Visit && a.Change == b.Change && a.ChangeFrom == b.ChangeFrom && a.Improve == b.Improve
}

// instrument returns a questionnaire of the simulated trial.
func instrument(name string) *scales.Instrument {
	in := scales.Find(name)
	if in == nil {
		panic("phantom: scales has no instrument " + name)
	}
	return in
}
