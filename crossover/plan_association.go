package crossover

import (
	"fmt"
	"slices"
	"strings"

	"phasl/diag"
)

// maxDraws bounds the draws of a resampling test: a p-value needs no more, and
// more would take minutes.
const maxDraws = 1_000_000

// checkAssociations reports associations that make no sense.
func (r *planReader) checkAssociations(p *Plan) {
	r.draws("associations.permutations", p.Associations.Permutations)
	r.draws("associations.bootstrap", p.Associations.Bootstrap)
	if p.Associations.Multiplicity == maxR && p.Associations.Permutations == 0 {
		r.Fault("associations.multiplicity", "write permutations = 10000, or multiplicity = \"holm\"", "the largest correlation is known by permutation alone, and there is none")
	}
	for i := range p.Association {
		a := &p.Association[i]
		key := func(name string) string { return fmt.Sprintf("%s[%d].%s", associationArray, i, name) }
		r.name(key("name"), a.Name, true)
		r.name(key("region"), a.Region, false)
		r.name(key("instrument"), a.Instrument, false)
		r.name(key("score"), a.Score, false)
		r.name(key("phase"), a.Phase, true)
		r.name(key("visit"), a.Visit, true)
		r.name(key("change_from"), a.ChangeFrom, true)
		r.name(key("within"), a.Within, true)
		r.nameList(key("adjust"), "variable", a.Adjust)
		r.choice(key("side"), a.Side, sideWords)
		r.choice(key("change"), a.Change, changeWords)
		if a.Measure == GlobalAdjusted {
			r.Fault(key("measure"), `write measure = "absolute" and adjust = ["global"]`, "%q is a model, not a value that can be correlated", a.Measure)
		} else {
			r.choice(key("measure"), string(a.Measure), []string{string(Absolute), string(Relative)})
		}
		if a.Measure == Relative && slices.Contains(a.Adjust, AdjustGlobal) {
			r.Fault(key("adjust"), `take "global" out, or write measure = "absolute"`, "relative CBF is divided by global CBF already")
		}
		if slices.Contains(a.Adjust, AdjustBaseline) && a.Phase == "" {
			r.Fault(key("adjust"), `name a later phase, such as phase = "infusion"`, "the first phase cannot be adjusted for itself")
		}
		if p.Trial.Phases != nil {
			if a.Phase != "" && a.Phase != PhaseChange && !slices.Contains(p.Trial.Phases, a.Phase) {
				r.Fault(key("phase"), "write one of "+strings.Join(append(slices.Clone(p.Trial.Phases), PhaseChange), ", "), "%q is not a phase of the plan", clip(a.Phase))
			}
			if len(p.Trial.Phases) > 0 && a.Phase == p.Trial.Phases[0] && slices.Contains(a.Adjust, AdjustBaseline) {
				r.Fault(key("adjust"), "name a later phase, or take \"baseline\" out", "the first phase cannot be adjusted for itself")
			}
		}
		if p.Trial.Treatments != nil && a.Within != "" && !slices.Contains(p.Trial.Treatments, a.Within) {
			r.Fault(key("within"), "write one of "+strings.Join(p.Trial.Treatments, ", "), "%q is not a treatment of the plan", clip(a.Within))
		}
		needs := a.Change != "" || slices.Contains(a.Adjust, AdjustScore)
		switch {
		case needs && a.ChangeFrom == "":
			r.Fault(key("change_from"), "name the visit that the change is from, such as change_from = \"baseline\"", "a change, or the score as a covariate, needs a second visit")
		case needs && a.ChangeFrom == a.Visit:
			r.Fault(key("change_from"), "name two visits", "the change is from %q to itself", clip(a.Visit))
		case !needs && a.ChangeFrom != "":
			r.Fault(key("change_from"), "write change = \"percent\" or \"absolute\", or remove the key", "nothing uses the visit %q", clip(a.ChangeFrom))
		case a.Improve && a.Change == "":
			r.Fault(key("improve"), "write change = \"percent\" or \"absolute\", or improve = false", "only the sign of a change can be turned")
		}
		if slices.ContainsFunc(p.Association[:i], func(o AssociationPlan) bool { return a.sameAs(&o) }) {
			r.Fault(key("region"), "keep one", "the same association stands twice")
		} else if a.Name != "" && slices.ContainsFunc(p.Association[:i], func(o AssociationPlan) bool { return o.Name == a.Name }) {
			r.Fault(key("name"), "give each association a name of its own", "the name %q stands twice", clip(a.Name))
		}
	}
}

// draws checks the draws of a resampling method.
func (r *planReader) draws(key string, n uint64) {
	switch {
	case n > maxDraws:
		r.Fault(key, "write 10000, or at most 1000000", "%d draws take long and add nothing", n)
	case n > 0 && n < 100:
		r.Fault(key, "write 10000, or 0 for none", "%d draws are too few for a p-value or an interval", n)
	}
}

// sameAs tells whether two associations differ in nothing but their name.
func (a *AssociationPlan) sameAs(o *AssociationPlan) bool {
	x, y := *a, *o
	same := slices.Equal(x.Adjust, y.Adjust)
	x.Name, y.Name, x.Adjust, y.Adjust = "", "", nil, nil
	return same && fmt.Sprint(x) == fmt.Sprint(y)
}

// PublishedAssociations are those of the trial that phasl was made for
// (doi:10.1176/appi.ajp.20250903): relative CBF of the pregenual cingulate
// during the infusion, given its baseline, with delusional thinking and
// perceptual distortion; and CBF of the subgenual cingulate at baseline, given
// global CBF, with the fall of depression to the day after.
func PublishedAssociations() []AssociationPlan {
	psychotomimetic := defaultAssociation()
	psychotomimetic.Region, psychotomimetic.Measure, psychotomimetic.Phase = "pgACC", Relative, "infusion"
	psychotomimetic.Adjust, psychotomimetic.Instrument, psychotomimetic.Visit = []string{AdjustBaseline}, "psi", "infusion"
	response := defaultAssociation()
	response.Region, response.Adjust, response.Visit = "sgACC", []string{AdjustGlobal}, "day1"
	response.Change, response.ChangeFrom, response.Improve = "percent", "baseline", true

	delusional, perceptual, madrs, qids := psychotomimetic, psychotomimetic, response, response
	delusional.Score, perceptual.Score = "delusional", "perceptual"
	madrs.Instrument, qids.Instrument = "madrs", "qids"
	return []AssociationPlan{delusional, perceptual, madrs, qids}
}

// suggestAssociations returns the published associations for which regions,
// phases and scores are there, with the visits as the table has them. A score
// whose table has a single visit needs no name for it. regions is nil if they
// are not known yet.
func suggestAssociations(tr *Trial, regions []string, scores []Rating) []AssociationPlan {
	var l diag.List
	book := newRatingBook(scores, &l)
	var out []AssociationPlan
	for _, a := range PublishedAssociations() {
		in := fold(a.Instrument)
		visits := book.visits[in]
		spelt := func(visit string) (string, bool) {
			i := slices.IndexFunc(visits, func(v string) bool { return fold(v) == fold(visit) })
			if i < 0 {
				return "", false
			}
			return visits[i], true
		}
		ok := (regions == nil || slices.Contains(regions, a.Region)) && slices.Contains(book.scores[in], a.Score) &&
			(a.Phase == "" || tr != nil && slices.Contains(tr.Phases, a.Phase))
		if visit, there := spelt(a.Visit); there {
			a.Visit = visit
		} else if len(visits) == 1 && a.Change == "" {
			a.Visit = ""
		} else {
			ok = false
		}
		if a.ChangeFrom != "" {
			from, there := spelt(a.ChangeFrom)
			a.ChangeFrom, ok = from, ok && there
		}
		if ok {
			out = append(out, a)
		}
	}
	return out
}
