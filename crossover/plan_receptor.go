package crossover

import (
	"fmt"
	"slices"

	"phasl/nullmap"
)

// Words of [receptors].
var (
	alignWords  = []string{"spearman", "pearson"}
	alignAdjust = []string{AdjustCompartment, AdjustBaseline}
)

// checkReceptors reports receptors that make no sense.
func (r *planReader) checkReceptors(p *ReceptorPlan) {
	key := func(name string) string { return receptorTable + "." + name }
	if len(p.Panel) == 0 {
		r.Fault(key("panel"), "name targets, such as [\"MOR\", \"mGluR5\"], or remove the table", "the list is empty: no receptor would be looked at")
	}
	r.nameList(key("panel"), "target", p.Panel)
	r.choice(key("method"), p.Method, alignWords)
	var nulls []string
	for _, m := range nullmap.Methods() {
		nulls = append(nulls, string(m))
	}
	r.choice(key("null"), p.Null, nulls)
	if p.Measure == GlobalAdjusted {
		r.Fault(key("measure"), `write measure = "relative"`, "%q is a model; people's maps cannot be made by it", p.Measure)
	} else {
		r.choice(key("measure"), string(p.Measure), []string{string(Absolute), string(Relative)})
	}
	for i, a := range p.Adjust {
		r.choice(key("adjust"), a, alignAdjust)
		if slices.Contains(p.Adjust[:i], a) {
			r.Fault(key("adjust"), "name it once", "%q stands twice", clip(a))
		}
	}
	switch n := p.Surrogates; {
	case n > maxDraws:
		r.Fault(key("surrogates"), "write 5000, or at most 1000000", "%d surrogates take long and add nothing", n)
	case n < 99:
		r.Fault(key("surrogates"), "write 5000", "%d surrogates are too few for a p-value", n)
	}
	if !(p.Apart > 0 && p.Apart < 300) {
		r.Fault(key("apart"), "write a distance in mm, such as 40", "%g mm is no distance in a brain that could part it", p.Apart)
	}
}

// receptors says how effect maps are compared with receptor densities.
func (w wording) receptors() string {
	p := w.p.Receptors
	if !p.Asked {
		return "The plan does not ask for receptors; if density maps are given, what they show is exploratory."
	}
	maps := fmt.Sprintf("The map of the %s effect, averaged over treatments, and that of its interaction with treatment", w.challenge)
	given := ""
	var words []string
	for _, a := range p.Adjust {
		words = append(words, map[string]string{AdjustCompartment: "whether a region is cortex, deep grey matter or cerebellum", AdjustBaseline: "the same measure in the first phase"}[a])
	}
	if words != nil {
		given = ", given " + and(words)
	}
	return fmt.Sprintf("%s (%s CBF of the atlas's regions) are compared with the densities of %s by %s correlation over regions%s. p-values are for new people and other places at once: signs of people's maps are flipped while %d surrogates (%s) keep how the map varies over distance. They are corrected over the %d receptors, by the largest correlation, for each map.",
		maps, p.Measure, and(p.Panel), map[string]string{"spearman": "rank", "pearson": "linear"}[p.Method], given, p.Surrogates, p.Null, len(p.Panel))
}
