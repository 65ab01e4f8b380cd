package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"phasl/nullmap"
	"phasl/receptor"
)

var parcelWord = regexp.MustCompile(`\bparcel(s?)\b`)

// inRegions writes what an engine says of parcels with the page's word for
// them.
func inRegions(s string) string { return parcelWord.ReplaceAllString(s, "region$1") }

// receptorCautions gathers what speaks against the tests of places and people.
func receptorCautions(e *ReceptorEffect) []string {
	var out []string
	if a := e.Alignments; a != nil {
		about := ""
		if e.People != nil {
			about = "group’s map: "
		}
		for _, c := range a.Cautions {
			out = append(out, sentence(inRegions(about+c)))
		}
	}
	if p := e.People; p != nil {
		for _, c := range p.Cautions {
			out = append(out, sentence(inRegions("people’s maps: "+c)))
		}
	}
	return out
}

// poorFit reports whether a fit is known and poor.
func poorFit(f *nullmap.VariogramFit) bool {
	return f != nil && len(f.Map) > 0 && len(f.Surrogates) > 0 && f.Poor()
}

// doubt is a sentence on what the cautions of an effect map mean; "" if it has
// none.
func (e *ReceptorEffect) doubt() string {
	var fit string
	var rest []string
	cautions, named := 0, 0
	if a := e.Alignments; a != nil && len(a.Cautions) > 0 {
		cautions += len(a.Cautions)
		if poorFit(&a.Fit) {
			named++
			fit = "surrogates of the group’s map fit poorly"
			if e.People == nil {
				fit = "surrogates fit poorly, so that p may be " + a.Fit.Errs()
			}
		}
		if n := len(a.Used); n < receptor.FewPlaces {
			named++
			rest = append(rest, plural(n, "region is", "regions are")+" few")
		}
		if slices.ContainsFunc(a.Results, func(r receptor.Alignment) bool { return r.Parametric.Effective < receptor.FewIndependent }) {
			named++
			rest = append(rest, "maps are so smooth that they count for few independent regions")
		}
	}
	if p := e.People; p != nil && len(p.Cautions) > 0 {
		cautions += len(p.Cautions)
		if poorFit(&p.Fit) {
			named++
			fit = "surrogates fit poorly, so that p may be " + p.Fit.Errs()
		}
		if n := len(p.Names); n < receptor.FewPeople {
			named++
			rest = append(rest, plural(n, "person is", "people are")+" few")
		}
	}
	if fit != "" {
		rest = append([]string{fit}, rest...)
	}
	switch {
	case cautions == 0:
		return ""
	case len(rest) == 0:
		return "There is reason for caution: see below."
	case cautions > named:
		rest = append(rest, "there is more")
	}
	return "But " + strings.Join(rest, "; ") + ": see below."
}

// fitTag says whether a fit is poor, as [nullmap.VariogramFit.Poor] judges it.
// A fit is not called good where the error or the roughness is above its limit
// and only chance speaks for it.
func fitTag(f *nullmap.VariogramFit) tag {
	switch {
	case poorFit(f):
		return tag{"warn", "!", "poor fit"}
	case !(f.Error <= nullmap.PoorFit) || !(f.Roughness <= nullmap.PoorRoughness):
		return tag{"info", "○", "no poor fit shown"}
	}
	return tag{"ok", "✓", "surrogates fit"}
}

// fitNumbers writes the numbers that a fit is judged by, and what they mean if
// explain is set.
func fitNumbers(f *nullmap.VariogramFit, explain bool) string {
	perfect, alike := "", ""
	if explain {
		perfect, alike = " (0: perfect)", " (1: as the map; above 1 p may be too small, below 1 too large)"
	}
	t := fmt.Sprintf("variogram error %s%s, p of the map among its surrogates %s; roughness between neighbours %s%s", r2(f.Error), perfect, pText(f.P), r2(f.Roughness), alike)
	if isNumber(f.PRough) {
		t += fmt.Sprintf("; %s of surrogates are as smooth there", percentFine(f.PRough))
	}
	return t + "."
}

// fitReason says what a fit is judged by where the numbers alone may mislead.
func fitReason(f *nullmap.VariogramFit) string {
	far, rough := !(f.Error <= nullmap.PoorFit), !(f.Roughness <= nullmap.PoorRoughness)
	switch {
	case poorFit(f):
		var why []string
		if f.Error > nullmap.PoorFit && f.P < 0.05 {
			why = append(why, fmt.Sprintf("the error is above %s and p below 0.05", short(nullmap.PoorFit)))
		}
		near := *f
		near.Error = 0 // leaves the rule on neighbours
		if poorFit(&near) {
			why = append(why, fmt.Sprintf("surrogates are more than %s times as rough between neighbours, and fewer than 5 %% of them as smooth as the map", short(nullmap.PoorRoughness)))
		}
		return "Poor, as " + strings.Join(why, ", and ") + "."
	case far && rough:
		return "Neither the error nor the roughness tells the map from its surrogates, though both are large."
	case far:
		return "The error is large, but the map is not told from its surrogates by it (p not below 0.05)."
	case rough && f.PRough < 0.05:
		return "The roughness is large, but little of the variance lies between neighbours."
	case rough:
		return "The roughness is large, but so many surrogates are as smooth as the map that this may be chance."
	}
	return ""
}

// A surrogateFit says how well the surrogates of one map fit it.
type surrogateFit struct {
	Tag  tag
	Text string
}

// surrogateFits say how well surrogates of the group's map vary with distance as it
// does, and where people's maps were tested those of their mean.
func surrogateFits(e *ReceptorEffect) []surrogateFit {
	line := func(name string, f *nullmap.VariogramFit, explain bool) surrogateFit {
		return surrogateFit{fitTag(f), strings.TrimSpace(name + ": " + fitNumbers(f, explain) + " " + fitReason(f))}
	}
	out := []surrogateFit{line("Group’s map (drawn)", &e.Alignments.Fit, true)}
	if e.joint() && len(e.People.Fit.Map) > 0 {
		out = append(out, line("Mean of people’s maps, on which the claims rest", &e.People.Fit, false))
	}
	if len(e.Alignments.Covariates) > 0 {
		for i := range out {
			out[i].Text += " Of what the covariates leave of the map."
		}
	}
	return out
}

// parameterText writes one number that tells how surrogates are made.
func parameterText(p nullmap.Parameter) string {
	switch p.Unit {
	case "share", "probability":
		return p.Name + " " + percentFine(p.Value)
	case "weight":
		return p.Name + ": weight " + short(p.Value)
	case "places":
		return p.Name + " " + short(p.Value) + " regions"
	}
	return strings.TrimSpace(p.Name + " " + short(p.Value) + " " + p.Unit)
}

// nullParameters says how surrogates were made: the covariance of a Gaussian
// process in words, anything else as a list.
func nullParameters(list []nullmap.Parameter) string {
	value, count := map[string]float64{}, map[string]int{}
	for _, p := range list {
		value[p.Name], count[p.Name] = p.Value, count[p.Name]+1
	}
	once := func(name string) bool { return count[name] == 1 && isNumber(value[name]) }
	var parts, rest []string
	process := once("scale") && once("reach") && once("nugget")
	if process {
		parts = append(parts, fmt.Sprintf("scale %s mm (correlation 0.05 at %s mm)", short(value["scale"]), short(value["reach"])), "nugget "+percentFine(value["nugget"])+" of the variance")
		if once("long-tailed") && value["long-tailed"] >= 0.01 {
			parts = append(parts, "probability of a longer tail "+percentFine(value["long-tailed"]))
		}
		if once("symmetry") {
			parts = append(parts, "left and right "+percentFine(value["symmetry"])+" alike")
		}
	}
	for _, p := range list {
		if process && slices.Contains([]string{"scale", "reach", "smooth", "long-tailed", "nugget", "symmetry"}, p.Name) && (p.Name != "symmetry" || once("symmetry")) {
			continue
		}
		if t := parameterText(p); p.Name != "" {
			rest = append(rest, t)
		}
	}
	t := ""
	if process {
		t = "Fitted covariance, group’s map: " + strings.Join(parts, ", ") + "."
	}
	if len(rest) > 0 {
		t += " The null, group’s map: " + strings.Join(rest, "; ") + "."
	}
	return strings.TrimSpace(t)
}

// poorFits names the effect maps whose surrogates fit poorly, for the methods.
func (q *Receptors) poorFits() string {
	var list []string
	known := false
	add := func(name string, f *nullmap.VariogramFit) {
		known = known || len(f.Map) > 0
		if poorFit(f) {
			list = append(list, fmt.Sprintf("%s (variogram error %s, %s times as rough between neighbours: p may be %s)", name, r2(f.Error), r2(f.Roughness), f.Errs()))
		}
	}
	for i := range q.Effects {
		e := &q.Effects[i]
		name := q.label(e)
		if e.joint() {
			add(name, &e.People.Fit)
			name += ", group’s map"
		}
		if e.Alignments != nil {
			add(name, &e.Alignments.Fit)
		}
	}
	switch {
	case len(list) > 0:
		return "Surrogates fitted the variogram poorly for " + joinAnd(list) + "."
	case known:
		return "Surrogates fitted the variogram of no map poorly."
	}
	return ""
}

// farthest is the largest difference between the coefficient of the group's map
// and that of the mean of people's maps; 0 if there is none.
func (e *ReceptorEffect) farthest() float64 {
	most := 0.0
	if e.Alignments == nil {
		return most
	}
	for i := range e.Alignments.Results {
		a := &e.Alignments.Results[i]
		if p := e.person(a.Target, a.File); p != nil && isNumber(a.R) && isNumber(p.R) {
			most = max(most, math.Abs(a.R-p.R))
		}
	}
	return most
}
