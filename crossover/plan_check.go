package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"phasl/diag"
	"phasl/lmm"
)

// Longest texts of a plan, in letters.
const (
	maxName    = 100
	maxTitle   = 500
	maxFormula = 4000
)

// modelVariables are the columns of the table that models are fitted to. A
// formula may also name columns of the dataset's tables.
var modelVariables = []string{"cbf", "treatment", "phase", "period", "sequence", "subject", "session", "global"}

// ModelColumns returns the columns of the tables that the model takes beside
// the design's own: the plan's covariates, then those that the formula names.
func (p *Plan) ModelColumns() []string {
	out := slices.Clone(p.Model.Covariates)
	for _, v := range formulaVariables(p.Model.Formula) {
		if !slices.Contains(modelVariables, v) && !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// check reports values that make no sense, and takes prefixes off labels.
func (r *planReader) check(p *Plan) {
	r.text("title", p.Title, maxTitle)
	r.checkMeasures(p.Measures)
	r.checkPrimaryMeasure(p)
	r.checkTrial(&p.Trial)
	r.nameList("regions.primary", "region", p.Regions.Primary)
	r.name("regions.global", p.Regions.Global, false)
	if slices.Contains(p.Regions.Primary, p.Regions.Global) {
		r.Fault("regions.primary", "take it out of primary: relative and global-adjusted CBF of it mean nothing", "%q is also regions.global", p.Regions.Global)
	}
	r.checkModel(&p.Model)
	r.checkContrasts(p.Contrasts)
	r.checkNumbers(p)
	r.choice("model.ddf", p.Model.DDF, ddfWords)
	r.choice("equivalence.unit", p.Equivalence.Unit, marginUnits)
	r.choice("multiplicity.method", p.Multiplicity.Method, methodWords)
	r.choice("multiplicity.others", p.Multiplicity.Others, methodWords)
	r.choice("associations.method", p.Associations.Method, corrWords)
	r.choice("associations.multiplicity", p.Associations.Multiplicity, familyWords)
	r.checkExclusions(p)
	r.checkAssociations(p)
	r.checkReceptors(&p.Receptors)
}

// text checks that a text can be printed, and reports whether it can.
func (r *planReader) text(key, s string, most int) bool {
	if n := len([]rune(s)); n > most {
		r.Fault(key, fmt.Sprintf("use at most %d letters", most), "%d letters", n)
		return false
	}
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.Fault(key, "use plain letters on one line", "%q holds a sign that cannot be printed, such as a tab or a line end", clip(s))
		return false
	}
	return true
}

// name checks one name, which may be empty if that has a meaning.
func (r *planReader) name(key, s string, mayBeEmpty bool) bool {
	switch {
	case s == "" && mayBeEmpty:
		return true
	case strings.TrimSpace(s) == "":
		r.Fault(key, "write a name, or remove the key", "the name is empty")
		return false
	case strings.TrimSpace(s) != s:
		r.Fault(key, "write "+strconv.Quote(clip(strings.TrimSpace(s))), "%q has blanks around it", clip(s))
		return false
	}
	return r.text(key, s, maxName)
}

// nameList checks a list of names, no two alike.
func (r *planReader) nameList(key, what string, list []string) {
	for i, s := range list {
		if !r.name(key, s, false) {
			continue
		}
		if slices.Contains(list[:i], s) {
			r.Fault(key, "name it once", "the %s %q stands twice", what, s)
		} else if j := slices.IndexFunc(list[:i], func(o string) bool { return fold(o) == fold(s) }); j >= 0 {
			r.Fault(key, "spell it one way", "%q and %q differ only by case or blanks", list[j], s)
		}
	}
}

// fold is how names are compared where case and blanks should not matter.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// choice checks that a word is one of those that the plan may use.
func (r *planReader) choice(key, word string, words []string) {
	if slices.Contains(words, word) {
		return
	}
	fix := "write one of " + strings.Join(words, ", ")
	if near, ok := diag.Nearest(word, words); ok {
		fix = "write " + near
	}
	r.Fault(key, fix, "%q is not one of %s", clip(word), strings.Join(words, ", "))
}

func (r *planReader) checkMeasures(list []Measure) {
	if len(list) == 0 {
		r.Fault("measures", "write at least one of "+strings.Join(measureWords, ", "), "the list is empty: nothing would be analysed")
	}
	for i, m := range list {
		r.choice("measures", string(m), measureWords)
		if slices.Contains(list[:i], m) {
			r.Fault("measures", "name it once", "%q stands twice", clip(string(m)))
		}
	}
}

// checkPrimaryMeasure takes the first measure as the primary one where the plan
// names none and does not have the default.
func (r *planReader) checkPrimaryMeasure(p *Plan) {
	if slices.Contains(p.Measures, p.PrimaryMeasure) || len(p.Measures) == 0 {
		return
	}
	if !r.Has("primary_measure") && p.PrimaryMeasure == Absolute {
		p.PrimaryMeasure = p.Measures[0]
		return
	}
	var list []string
	for _, m := range p.Measures {
		list = append(list, string(m))
	}
	r.choice("primary_measure", string(p.PrimaryMeasure), list)
}

func (r *planReader) checkTrial(t *TrialPlan) {
	lists := []struct {
		key, what string
		list      []string
	}{{"trial.treatments", "treatment", t.Treatments}, {"trial.phases", "phase", t.Phases}}
	for _, l := range lists {
		r.nameList(l.key, l.what, l.list)
		if len(l.list) == 1 {
			r.Fault(l.key, "name at least two, or none to take them from the tables", "only one %s: %q", l.what, clip(l.list[0]))
		}
		for _, s := range l.list {
			if strings.ContainsAny(s, ":*`") {
				r.Fault(l.key, "use letters, digits and blanks", "%q holds a sign that formulas and names of contrasts use", clip(s))
			}
		}
	}
	r.name("trial.reference", t.Reference, true)
	if t.Reference != "" && t.Treatments != nil && !slices.Contains(t.Treatments, t.Reference) {
		fix := "write one of " + strings.Join(t.Treatments, ", ")
		if near, ok := diag.Nearest(t.Reference, t.Treatments); ok {
			fix = "write " + near
		}
		r.Fault("trial.reference", fix, "%q is not among the treatments", clip(t.Reference))
	}
	r.name("trial.challenge", t.Challenge, true)
	columns := []struct{ key, name string }{
		{"trial.treatment_column", t.TreatmentColumn}, {"trial.period_column", t.PeriodColumn}, {"trial.sequence_column", t.SequenceColumn},
		{"trial.phase_column", t.PhaseColumn}, {"trial.time_column", t.TimeColumn}, {"trial.exclude_column", t.ExcludeColumn},
	}
	for i, c := range columns {
		if !r.name(c.key, c.name, false) {
			continue
		}
		for _, o := range columns[:i] {
			if o.name == c.name {
				r.Fault(c.key, "name another column", "%q is also %s", c.name, strings.TrimPrefix(o.key, "trial."))
			}
		}
	}
}

func (r *planReader) checkModel(m *ModelPlan) {
	r.nameList("model.covariates", "covariate", m.Covariates)
	for _, c := range m.Covariates {
		if slices.Contains(modelVariables, c) {
			r.Fault("model.covariates", "remove it, or rename the column", "%q is a variable of the model itself", c)
		}
	}
	if !r.text("model.formula", m.Formula, maxFormula) {
		return
	}
	f, err := lmm.ParseFormula(m.Formula)
	if err != nil {
		for _, p := range parseProblems(err) {
			r.Fault("model.formula", p.Fix, "%q: %s", clip(m.Formula), p.Found)
		}
		return
	}
	left, _, _ := strings.Cut(m.Formula, "~")
	if strings.TrimSpace(left) != "cbf" {
		r.Fault("model.formula", "write cbf ~ …; for the logarithm set log = true", "the response is %q, not cbf", clip(strings.TrimSpace(left)))
	}
	vars := f.Variables()
	for _, v := range []string{"treatment", "phase"} {
		if !slices.Contains(vars, v) {
			r.Fault("model.formula", "add "+v+", as in "+DefaultFormula, "the formula does not name %s, which the contrasts are about", v)
		}
	}
	if !f.HasRandom() {
		r.Fault("model.formula", "add (1|subject)", "the formula has no random effect: scans of one person would count as independent")
	}
	for _, c := range m.Covariates {
		if slices.Contains(vars, c) {
			r.Fault("model.covariates", "name it in one place", "%q is in the formula as well", c)
		}
	}
}

// parseProblems returns the problems an error holds.
func parseProblems(err error) diag.List {
	if l, ok := err.(diag.List); ok {
		return l
	}
	return diag.List{{Found: err.Error(), Fix: "write it as in R"}}
}

// standardContrasts are the names that [Analyse] gives, without what follows a
// colon.
var standardContrasts = []string{PhaseEffect, AverageEffect, Interaction, TreatmentEffect, PeriodEffect, CarryOver}

// checkWeights says why a text is no sum of weighted coefficients; "" if it
// may be one. Which coefficients there are only the data tell.
func checkWeights(s string) string {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "there are no weights"
	case !strings.ContainsFunc(s, unicode.IsLetter):
		return fmt.Sprintf("%q names no coefficient", clip(s))
	case strings.ContainsAny(s[len(s)-1:], "+-*"):
		return fmt.Sprintf("%q ends in a sign", clip(s))
	case strings.Contains(s, "~"):
		return fmt.Sprintf("%q is a formula", clip(s))
	}
	return ""
}

func (r *planReader) checkContrasts(list []ContrastPlan) {
	for i, c := range list {
		key := func(name string) string { return fmt.Sprintf("%s[%d].%s", contrastArray, i, name) }
		if r.name(key("name"), c.Name, false) {
			if strings.Contains(c.Name, "=") {
				r.Fault(key("name"), "write the sum of coefficients in weights", "%q holds =", c.Name)
			}
			stem, _, _ := strings.Cut(c.Name, ":")
			if slices.Contains(standardContrasts, stem) {
				r.Fault(key("name"), "choose another name", "%q is the name of a standard contrast", c.Name)
			}
			if slices.ContainsFunc(list[:i], func(o ContrastPlan) bool { return o.Name == c.Name }) {
				r.Fault(key("name"), "give each contrast a name of its own", "the name %q stands twice", c.Name)
			}
		}
		if !r.text(key("weights"), c.Weights, maxFormula) {
			continue
		}
		if why := checkWeights(c.Weights); why != "" {
			r.Fault(key("weights"), `write weights = "w1*coef1 + w2*coef2", such as "phaseinfusion + 0.5*treatmentnaltrexone:phaseinfusion"`, "%s", why)
		}
	}
}

// checkNumbers reports numbers outside the range in which they have a meaning.
func (r *planReader) checkNumbers(p *Plan) {
	if l := p.Model.Level; !(l > 0.5 && l < 1) {
		fix := "write a share between 0.5 and 1, such as 0.95"
		if l > 50 && l < 100 {
			fix = "write " + strconv.FormatFloat(l/100, 'g', 6, 64)
		}
		r.Fault("model.level", fix, "%g is not a level of confidence", l)
	}
	if a := p.Equivalence.Alpha; !(a > 0 && a < 0.5) {
		fix := "write a share between 0 and 0.5, such as 0.05"
		if a >= 1 && a < 50 {
			fix = "write " + strconv.FormatFloat(a/100, 'g', 6, 64)
		}
		r.Fault("equivalence.alpha", fix, "%g is not the level of a one-sided test", a)
	}
	switch m := p.Equivalence.Margin; {
	case !(m > 0):
		r.Fault("equivalence.margin", "write a positive number, such as 50", "%g is not a margin: it must be larger than 0", m)
	case p.Equivalence.Unit == "effect" && m >= 100:
		r.Fault("equivalence.margin", "write a smaller one: 50 asks that half of the effect remains", "a margin of %g %% of the effect would call its complete loss none", m)
	case p.Equivalence.Unit == "effect" && m < 0.5:
		r.Fault("equivalence.margin", fmt.Sprintf("write percent, such as %g", 100*m), "a margin of %g %% is too small for any trial; it seems to be a share", m)
	case p.Equivalence.Unit == "percent" && m >= 100:
		r.Fault("equivalence.margin", "write a smaller one, or unit = \"absolute\"", "a margin of %g %% would call any change none", m)
	case p.Equivalence.Unit == "percent" && m < 0.5:
		r.Fault("equivalence.margin", fmt.Sprintf("write percent, such as %g", 100*m), "a margin of %g %% is too small for any trial; it seems to be a share", m)
	}
	if p.Equivalence.Unit == "absolute" {
		const fix = "write unit = \"effect\""
		if p.Model.Log {
			r.Fault("equivalence.unit", fix, "effects on log CBF are ratios: a margin in the measure's own unit has no meaning")
		}
		if slices.Contains(p.Measures, Relative) && len(p.Measures) > 1 {
			r.Fault("equivalence.unit", fix+", or analyse one of them", "one margin in the measure's own unit cannot serve relative CBF, which has no unit, and CBF in mL/100 g/min")
		}
	}
	if s := p.Bayes.Scale; !(s > 0 && s <= 10) {
		r.Fault("bayes.scale", "write a number from 0.1 to 10; 0.707 is usual", "%g is not a scale of the prior", s)
	}
	if f := p.Maps.FWHM; !(f >= 0 && f <= 50) {
		r.Fault("maps.fwhm", "write millimetres, 0 for no smoothing", "%g mm is not a plausible smoothing", f)
	}
	q := p.Quality
	if x := q.MaxFDMean; !math.IsNaN(x) && !(x > 0) {
		r.Fault("quality.max_fd_mean", "write millimetres, such as 0.5, or nan", "%g mm would leave every scan out", x)
	}
	if x := q.MinQEI; !math.IsNaN(x) && !(x >= 0 && x < 1) {
		r.Fault("quality.min_qei", "write a number from 0 to 1, or nan", "%g is not a quality evaluation index", x)
	}
	for _, lim := range []struct {
		key string
		x   float64
	}{{"quality.min_gm_cbf", q.MinGMCBF}, {"quality.max_gm_cbf", q.MaxGMCBF}} {
		if !math.IsNaN(lim.x) && !(lim.x >= 0 && lim.x <= 1000) {
			r.Fault(lim.key, "write mL/100 g/min, or nan", "%g mL/100 g/min is not a plausible CBF", lim.x)
		}
	}
	if q.MinGMCBF >= q.MaxGMCBF {
		r.Fault("quality.min_gm_cbf", "write a minimum below the maximum", "the minimum %g is not below max_gm_cbf = %g", q.MinGMCBF, q.MaxGMCBF)
	}
}

// checkExclusions checks exclusions and takes the prefix off labels: sub-07
// and 07 mean the same.
func (r *planReader) checkExclusions(p *Plan) {
	for i := range p.Exclude {
		e := &p.Exclude[i]
		key := func(name string) string { return fmt.Sprintf("%s[%d].%s", excludeArray, i, name) }
		e.Subject = strings.TrimPrefix(e.Subject, "sub-")
		e.Session = strings.TrimPrefix(e.Session, "ses-")
		e.Run = strings.TrimPrefix(e.Run, "run-")
		r.name(key("subject"), e.Subject, true)
		r.name(key("session"), e.Session, true)
		r.name(key("run"), e.Run, true)
		r.name(key("phase"), e.Phase, true)
		if e.Phase != "" && p.Trial.Phases != nil && !slices.Contains(p.Trial.Phases, e.Phase) {
			r.Fault(key("phase"), "write one of "+strings.Join(p.Trial.Phases, ", "), "%q is not a phase of the plan", clip(e.Phase))
		}
		if e.Subject == "" && e.Session == "" && e.Run == "" && e.Phase == "" {
			r.Fault(key("subject"), "name a subject, session, run or phase", "the exclusion names no scan: it would leave everything out")
		}
		switch {
		case strings.TrimSpace(e.Reason) == "":
			r.Fault(key("reason"), "say why; the report prints it", "an exclusion needs a reason")
		default:
			r.text(key("reason"), e.Reason, maxTitle)
		}
		if slices.ContainsFunc(p.Exclude[:i], func(o Exclusion) bool {
			return o.Subject == e.Subject && o.Session == e.Session && o.Run == e.Run && o.Phase == e.Phase
		}) {
			r.Fault(key("subject"), "keep one", "the same scans are excluded twice")
		}
	}
}
