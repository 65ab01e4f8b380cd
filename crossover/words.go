package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Words says in sentences, for a reader who is no statistician, what is done
// under the plan: who is compared with whom, by which model, what each
// contrast means, what counts as no difference, how many tests are allowed
// for, and what is left out. tr fills in what the plan leaves to the tables
// and adds what was worked out from them; it may be nil.
func (p *Plan) Words(tr *Trial) []string {
	w := newWording(p, tr)
	out := []string{w.provenance(), w.comparison(), w.phasesWords()}
	out = append(out, w.regions(), w.measures())
	out = append(out, w.model()...)
	out = append(out, w.contrasts()...)
	out = append(out, w.evidence()...)
	out = append(out, w.multiplicity())
	out = append(out, w.associations()...)
	out = append(out, w.receptors())
	out = append(out, w.omissions())
	out = append(out, w.maps())
	if tr != nil {
		for _, s := range tr.Inferred {
			out = append(out, "Worked out from the data: "+s)
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// A wording has the names that sentences use.
type wording struct {
	p          *Plan
	tr         *Trial
	treatments []string // reference first; nil if unknown
	phases     []string // baseline first; nil if unknown
	reference  string
	challenge  string
}

func newWording(p *Plan, tr *Trial) wording {
	w := wording{p: p, tr: tr, treatments: p.Trial.Treatments, phases: p.Trial.Phases, reference: p.Trial.Reference, challenge: p.Trial.Challenge}
	if tr != nil {
		if len(tr.Treatments) > 0 {
			w.treatments, w.reference = tr.Treatments, tr.Treatments[0]
		}
		if len(tr.Phases) > 0 {
			w.phases = tr.Phases
		}
		if tr.Challenge != "" {
			w.challenge = tr.Challenge
		}
	}
	if w.reference == "" && w.treatments != nil {
		w.reference = w.treatments[0]
		if i := slices.IndexFunc(w.treatments, func(s string) bool { return strings.EqualFold(s, "placebo") }); i >= 0 {
			w.reference = w.treatments[i]
		}
	}
	if w.challenge == "" && len(w.phases) > 1 {
		w.challenge = w.phases[1]
	}
	if w.challenge == "" {
		w.challenge = "challenge"
	}
	return w
}

// others are the treatments but the reference.
func (w wording) others() []string {
	return slices.DeleteFunc(slices.Clone(w.treatments), func(s string) bool { return s == w.reference })
}

// and joins words as a sentence does.
func and(list []string) string {
	switch n := len(list); n {
	case 0:
		return ""
	case 1:
		return list[0]
	default:
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
}

func (w wording) comparison() string {
	const within = "within people: each person is to have every treatment, one visit each, in the order that was allocated to them."
	if w.treatments == nil {
		return "The treatments that the tables name are compared " + within + " Placebo is the reference if it is one of them."
	}
	s := fmt.Sprintf("%s %s compared with %s (the reference) %s", and(w.others()), plural(len(w.others()), "is", "are"), w.reference, within)
	if w.tr != nil && len(w.tr.Sequences) == 1 {
		s += fmt.Sprintf(" Everybody has the order %s: treatment and visit cannot be told apart, and no verdict on equivalence is given.", w.tr.Sequences[0])
	}
	return capital(s)
}

// provenance says what is known of the plan itself.
func (w wording) provenance() string {
	if !w.planned() {
		return "There is no plan file: what follows are phasl's defaults, and everything is exploratory."
	}
	return "phasl cannot know whether the plan was written before the data were seen."
}

// planned tells whether there is a plan but the defaults.
func (w wording) planned() bool { return w.p.File != "" || w.p.Text != nil }

func (w wording) phasesWords() string {
	if len(w.phases) < 2 {
		return "Within each visit, later phases are compared with the first, in order of acquisition."
	}
	return fmt.Sprintf("Within each visit, the change from %s to %s is the %s effect.", w.phases[0], and(w.phases[1:]), w.challenge)
}

func (w wording) regions() string {
	claims := "The plan's claims are about"
	if !w.planned() {
		claims = "The primary regions, by default, are"
	}
	s := claims + " the regions sgACC, pgACC and dACC if the data have them, and about all regions if not."
	if list := w.p.Regions.Primary; len(list) > 0 {
		s = fmt.Sprintf("%s the %s %s.", claims, plural(len(list), "region", "regions"), and(list))
	}
	if w.p.Regions.Others {
		return s + " All other regions are analysed in the same way and marked exploratory."
	}
	return s + " Other regions are not analysed."
}

func (w wording) measures() string {
	meaning := map[Measure]string{
		Absolute:       "absolute CBF (mL/100 g/min)",
		Relative:       "relative CBF (regional over global CBF of the same scan)",
		GlobalAdjusted: "global-adjusted CBF (global CBF of the scan as a covariate)",
	}
	var list []string
	for _, m := range w.p.Measures {
		list = append(list, meaning[m])
	}
	s := fmt.Sprintf("Perfusion of a region is expressed as %s.", and(list))
	if slices.Contains(w.p.Measures, Relative) || slices.Contains(w.p.Measures, GlobalAdjusted) {
		s += fmt.Sprintf(" Global CBF is that of %s.", w.p.Regions.Global)
	}
	if len(w.p.Measures) > 1 {
		claims := "The claims are about"
		if !w.planned() {
			claims = "The primary measure, by default, is"
		}
		s += fmt.Sprintf(" %s %s CBF; the other measures answer other questions and are secondary.", claims, w.p.PrimaryMeasure)
	}
	return s
}

func (w wording) model() []string {
	m := w.p.Model
	response := "CBF"
	if m.Log {
		response = "The logarithm of CBF"
	}
	out := []string{fmt.Sprintf("Each region and measure has one linear mixed model, %s.", m.Formula)}
	if m.Formula == DefaultFormula {
		out = append(out, fmt.Sprintf("In words: %s may differ between treatments and phases, and the change between phases may differ between treatments; it may differ between first and second visits and between the two orders of treatment; people differ from each other, and the visits of one person differ too.", lowerCBF(response)))
	} else if m.Log {
		out = append(out, "The logarithm of CBF is analysed.")
	}
	if m.Log {
		out = append(out, "Effects on the logarithm are reported as ratios.")
	}
	if len(m.Covariates) > 0 {
		out = append(out, fmt.Sprintf("The model also has %s; numbers are centred.", and(m.Covariates)))
	}
	ddf := map[string]string{"kenward-roger": "by Kenward and Roger", "satterthwaite": "by Satterthwaite", "residual": "those of the residuals"}[m.DDF]
	if m.Bounded {
		out = append(out, "Variances of random effects are kept at zero or above, as lme4 keeps them; where one truly is zero, tests are slightly bold.")
	} else {
		out = append(out, "Variances of random effects may be estimated below zero, so that tests keep their level where people or visits do not differ. A variance below zero says that the scans which share it differ more among themselves than others do; bounded = true in the plan forbids it.")
	}
	out = append(out, fmt.Sprintf("It is fitted by restricted maximum likelihood, with degrees of freedom %s and %s intervals. People with a missing session or scan stay in with what they have, which is right if what is missing is missing at random: for reasons that the model's other values account for, and not because of the value itself.", ddf, percent(m.Level)))
	return out
}

func lowerCBF(s string) string {
	if strings.HasPrefix(s, "CBF") {
		return s
	}
	return "the" + strings.TrimPrefix(s, "The")
}

func (w wording) contrasts() []string {
	var out []string
	later := "the later phase"
	first := "the first phase"
	if len(w.phases) > 1 {
		first, later = w.phases[0], and(w.phases[1:])
	}
	under := "each treatment"
	if w.treatments != nil {
		under = and(append([]string{w.reference}, w.others()...))
	}
	out = append(out, fmt.Sprintf("Contrast: the %s effect (%s minus %s) under %s, and its average over treatments.", w.challenge, later, first, under))
	if others := w.others(); len(others) > 0 {
		for _, t := range others {
			out = append(out, fmt.Sprintf("Contrast: the interaction, the %s effect under %s minus that under %s: does %s change what %s does?", w.challenge, t, w.reference, t, w.challenge))
		}
		out = append(out, fmt.Sprintf("Contrast: %s minus %s at %s, before anything else was given.", and(others), w.reference, first))
	} else {
		out = append(out, fmt.Sprintf("Contrast: the interaction, the %s effect under each other treatment minus that under the reference.", w.challenge),
			"Contrast: each other treatment minus the reference at the first phase.")
	}
	out = append(out, "Checks: second minus first visit (period), and the difference between the orders of treatment (sequence). The latter mixes carry-over with a treatment effect that depends on the visit and with chance between the groups, has little power, and says nothing of a carry-over on the phase effect: it can neither show nor exclude one.")
	if !roomForResponse(w.p.Model.Formula) {
		out = append(out, fmt.Sprintf("Primary regions are fitted also with %s, for people who differ in the %s effect; where that changes a standard error by more than 10 %% or a conclusion, it is said.", responseTerm, w.challenge))
	}
	for _, c := range w.p.Contrasts {
		s := fmt.Sprintf("Contrast of the plan: %s = %s", c.Name, c.Weights)
		if c.Primary {
			s += ", one of its claims"
		}
		out = append(out, s+".")
	}
	return out
}

func (w wording) evidence() []string {
	e := w.p.Equivalence
	who := "a treatment"
	if o := w.others(); len(o) > 0 {
		who = strings.Join(o, " or ")
	}
	reference := w.reference
	if reference == "" {
		reference = "the reference"
	}
	interval := fmt.Sprintf("by two one-sided tests at %g, that is, if its %s interval lies within these bounds", e.Alpha, percent(1-2*e.Alpha))
	var shown, tolerates string
	switch {
	case e.Unit == "effect":
		scale := ""
		if w.p.Model.Log {
			scale = ", both as logarithms"
		}
		shown = fmt.Sprintf("the %s effect that remains is shown to be between %g %% and %g %% of that under %s%s, %s; not if the effect under %s is itself not told from zero", w.challenge, 100-e.Margin, 100+e.Margin, reference, scale, interval, reference)
		tolerates = fmt.Sprintf("This tolerates the loss of up to %g %% of the effect.", e.Margin)
	case e.Unit == "percent" && w.p.Model.Log:
		shown = fmt.Sprintf("the ratio of the two effects is shown to be between %s and %s, %s", figure(1-e.Margin/100), figure(1+e.Margin/100), interval)
		tolerates = fmt.Sprintf("An effect of %g %% or less could be lost altogether within this margin, one of %g %% by half.", e.Margin, 2*e.Margin)
	case e.Unit == "percent":
		shown = fmt.Sprintf("the interaction is shown to be smaller than %g %% of the mean at baseline under %s in both directions, %s", e.Margin, reference, interval)
		tolerates = fmt.Sprintf("An effect of %g %% of baseline or less could be lost altogether within this margin, one of %g %% by half.", e.Margin, 2*e.Margin)
	default:
		shown = fmt.Sprintf("the interaction is shown to be smaller than %g in the measure's own unit in both directions, %s", e.Margin, interval)
		tolerates = fmt.Sprintf("An effect of %g or less could be lost altogether within this margin, one of %g by half.", e.Margin, 2*e.Margin)
	}
	return []string{
		fmt.Sprintf("That %s did not change the %s effect is not concluded from a large p-value. It is concluded if %s. %s These p-values are of each region and not corrected over regions: what is claimed of all primary regions together needs no correction, what is claimed of any of them does.",
			who, w.challenge, shown, tolerates),
		fmt.Sprintf("Beside it stands a Bayes factor: how much more probable the data are if there is no change than if the change is drawn from the prior, a Cauchy distribution of scale %g standard deviations of a person's change. In small trials it cannot reach 3 for no change, whatever the data.", w.p.Bayes.Scale),
	}
}

func percent(x float64) string { return strconv.FormatFloat(100*x, 'g', 6, 64) + " %" }

var methodNames = map[string]string{
	"holm": "by Holm's method (the chance of any false claim among them is kept)",
	"fdr":  "by the false discovery rate of Benjamini and Hochberg",
	"none": "not at all",
	maxR:   "by the permutation distribution of the largest of them (Westfall and Young), and their differences by Holm's method",
}

func (w wording) multiplicity() string {
	own := ""
	if slices.ContainsFunc(w.p.Contrasts, func(c ContrastPlan) bool { return c.Primary }) {
		own = ", and the plan's own claims"
	}
	s := fmt.Sprintf("For each measure and each contrast that makes a claim (the %s effect, its average, the interaction%s), p-values are corrected over the primary regions %s", w.challenge, own, methodNames[w.p.Multiplicity.Method])
	if w.p.Regions.Others {
		s += fmt.Sprintf("; over the other regions, as a family of their own, %s", methodNames[w.p.Multiplicity.Others])
	}
	return s + ". Nothing is corrected over measures, contrasts or treatments: the chance of a false claim among all of them is larger. Checks are not corrected."
}

func (w wording) omissions() string {
	var parts []string
	for _, e := range w.p.Exclude {
		parts = append(parts, fmt.Sprintf("%s (%s)", e.String(), e.Reason))
	}
	s := "The plan leaves no scan out by name."
	if len(parts) > 0 {
		s = "The plan leaves out " + strings.Join(parts, "; ") + "."
	}
	s += fmt.Sprintf(" A reason in the column %s of a table leaves its participant, session or scan out.", w.p.Trial.ExcludeColumn)
	q := w.p.Quality
	var limits []string
	for _, l := range []struct {
		x    float64
		text string
	}{
		{q.MaxFDMean, "mean framewise displacement above %g mm"},
		{q.MinQEI, "a quality evaluation index below %g"},
		{q.MinGMCBF, "grey-matter CBF below %g mL/100 g/min"},
		{q.MaxGMCBF, "grey-matter CBF above %g mL/100 g/min"},
	} {
		if !math.IsNaN(l.x) {
			limits = append(limits, fmt.Sprintf(l.text, l.x))
		}
	}
	if len(limits) > 0 {
		return s + " Scans are left out for " + strings.Join(limits, ", or ") + "."
	}
	return s + " No scan is left out for its quality."
}

func (w wording) maps() string {
	switch m := w.p.Maps; {
	case !m.Voxelwise:
		return "No maps of effects are made."
	case m.FWHM > 0:
		return fmt.Sprintf("If there are CBF maps in template space, the same model is fitted at every voxel, after smoothing by %g mm, for maps of the effects.", m.FWHM)
	}
	return "If there are CBF maps in template space, the same model is fitted at every voxel, without smoothing, for maps of the effects."
}

// capital writes the first letter large, unless it is part of a name with a
// capital or digit of its own.
func capital(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return s
	}
	return strings.ToUpper(string(r[:1])) + string(r[1:])
}
