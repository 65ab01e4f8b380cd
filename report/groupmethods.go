package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/crossover"
)

// GroupMethods returns the methods section of a paper on a trial, in the past
// tense, and the references it cites: first what infos say was done to the
// scans, as [Methods] writes it, then the statistical analysis as g has it. It
// says only what was done: results, plan, maps and software must be in g
// already. Without a plan only what the results hold is said.
func GroupMethods(g *Group, infos ...Info) ([]Paragraph, []Reference) {
	w := &writer{}
	w.scans(infos)
	d, plan := newTrialData(g), g.Plan
	w.participants(d)
	w.outcomes(d)
	w.model(d, plan)
	w.attenuation(d, plan)
	w.multiplicity(d)
	w.voxelwise(g)
	if g.Software != "" {
		w.paragraph("Software", "Analyses were run with "+g.Software+".")
	}
	return w.paragraphs, w.references
}

func (w *writer) participants(d *trialData) {
	f := d.Flow
	if f.Randomised+f.Scanned+f.Analysed == 0 {
		return
	}
	var first string
	if f.Randomised > 0 {
		first = plural(f.Randomised, "participant was", "participants were") + " randomised"
		if len(d.Treatments) > 1 {
			first += " to the order of " + joinAnd(d.Treatments) + " in a crossover design"
		}
		if n := len(f.Sequences); n > 1 {
			var arms []string
			for _, s := range f.Sequences {
				arms = append(arms, fmt.Sprintf("%s: %d", s.Sequence, s.Randomised))
			}
			first += " (" + strings.Join(arms, "; ") + ")"
		}
		first += ". "
	}
	first += fmt.Sprintf("%d had usable scans and %s analysed", f.Analysed, wereWas(f.Analysed))
	if f.Complete < f.Analysed {
		first += fmt.Sprintf(", %d of them with every scan of the design", f.Complete)
	}
	first += "."
	var phases string
	if len(d.Phases) > 1 {
		phases = "At each visit CBF was measured at " + joinAnd(d.Phases)
		if d.Challenge != "" && !slices.Contains(d.Phases, d.Challenge) {
			phases += "; " + d.Challenge + " was given between"
		}
		phases += "."
	}
	var limits []string
	q := d.plan.Quality
	for _, l := range []struct {
		v    float64
		text string
	}{{q.MaxFDMean, "mean framewise displacement above %s mm"}, {q.MinQEI, "quality evaluation index below %s"},
		{q.MinGMCBF, "grey-matter CBF below %s mL/100 g/min"}, {q.MaxGMCBF, "grey-matter CBF above %s mL/100 g/min"}} {
		if !math.IsNaN(l.v) {
			limits = append(limits, fmt.Sprintf(l.text, exact(l.v)))
		}
	}
	var quality string
	if len(limits) > 0 {
		quality = "Scans with " + strings.Join(limits, ", or ") + " were left out."
	}
	var left string
	if n := len(f.LeftOut); n > 0 {
		left = capital(plural(n, "scan was", "scans were")) + " left out of the analysis."
	}
	w.paragraph("Design and participants", first, phases, quality, left)
}

func wereWas(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// outcomes says which regions and measures were analysed.
func (w *writer) outcomes(d *trialData) {
	if len(d.measures) == 0 {
		return
	}
	var primary []string
	others := 0
	for _, f := range d.measures[0].primary {
		primary = append(primary, f.Region)
	}
	for _, m := range d.measures {
		others = max(others, len(m.others))
	}
	var regions string
	switch n := len(primary); {
	case n > 12:
		regions = fmt.Sprintf("%d regions were primary.", n)
	case n > 1:
		regions = "The primary regions were " + joinAnd(primary) + "."
	case n == 1:
		regions = "The primary region was " + primary[0] + "."
	}
	if others > 0 {
		regions += fmt.Sprintf(" %s analysed in the same way and called exploratory.", capital(plural(others, "further region was", "further regions were")))
	}
	var measures []string
	for _, m := range d.measures {
		switch m.measure {
		case crossover.Absolute:
			measures = append(measures, "absolute CBF")
		case crossover.Relative:
			measures = append(measures, "relative CBF, the regional mean divided by global grey-matter CBF of the same scan")
		case crossover.GlobalAdjusted:
			measures = append(measures, "CBF with global grey-matter CBF as a covariate")
		default:
			measures = append(measures, string(m.measure))
		}
	}
	w.paragraph("Outcomes", strings.TrimSpace(regions), "The measures were "+strings.Join(measures, "; ")+".")
}

// model says which model was fitted and what was read from it.
func (w *writer) model(d *trialData, plan *crossover.Plan) {
	if len(d.measures) == 0 {
		return
	}
	var formulas []string
	log := false
	for _, m := range d.measures {
		for _, f := range slices.Concat(m.primary, m.others) {
			if f.Failed == "" && f.Formula != "" && !slices.Contains(formulas, f.Formula) {
				formulas = append(formulas, f.Formula)
			}
			log = log || f.Log
		}
	}
	first := "Each region and measure was analysed by a linear mixed model" + w.cite("laird1982") + " of all scans, fitted by restricted maximum likelihood" + w.cite("patterson1971")
	switch n := len(formulas); {
	case n == 1:
		first += ": " + formulas[0]
	case n > 1 && n <= 3:
		first += ": " + strings.Join(formulas, "; or ")
	}
	first += "."
	if len(formulas) > 0 {
		first += " Vertical bars stand for random effects; participants with missing scans contributed those they had."
	}
	if log {
		first += " The logarithm of CBF was modelled, so that effects are ratios."
	}
	var df string
	if plan != nil {
		switch plan.Model.DDF {
		case "kenward-roger":
			df = "Standard errors and degrees of freedom were those of Kenward and Roger" + w.cite("kenward1997") + "."
		case "satterthwaite":
			df = "Degrees of freedom were Satterthwaite’s" + w.cite("satterthwaite1946") + "."
		case "residual":
			df = "Residual degrees of freedom were used."
		}
	}
	var covariates string
	if plan != nil && len(plan.Model.Covariates) > 0 {
		covariates = "Covariates were " + joinAnd(plan.Model.Covariates) + "; numbers were centred."
	}
	var contrasts string
	if t := contrastWords(d); len(t) > 0 {
		contrasts = "Contrasts were " + strings.Join(t, "; ") + ". Period and sequence were in the model as is usual for crossover trials" + w.cite("senn2002") + "."
		if !d.hasKind(crossover.PeriodEffect) && !d.hasKind(crossover.CarryOver) {
			contrasts = "Contrasts were " + strings.Join(t, "; ") + "."
		}
	}
	var level string
	if l := levelText(d.Level); l != "" {
		level = "Confidence intervals are at " + l + "."
	}
	if d.hasDZ() {
		level += " Cohen’s dz is the mean of the differences within people divided by their standard deviation" + w.cite("lakens2013") + "."
	}
	w.paragraph("Statistical analysis", first, df, covariates, contrasts, strings.TrimSpace(level))
}

// contrastWords lists the kinds of contrasts that were estimated.
func contrastWords(d *trialData) []string {
	c := d.challenge()
	var out []string
	for _, k := range []struct{ kind, text string }{
		{crossover.PhaseEffect, "the " + c + " effect (later phase − baseline) under each treatment"},
		{crossover.AverageEffect, "its average over treatments"},
		{crossover.Interaction, "the treatment × phase interaction, the difference of the " + c + " effect between treatments"},
		{crossover.TreatmentEffect, "the difference between treatments at baseline"},
		{crossover.PeriodEffect, "the difference between periods"},
		{crossover.CarryOver, "the difference between sequences, which would show carry-over"},
	} {
		if d.hasKind(k.kind) {
			out = append(out, k.text)
		}
	}
	return out
}

func (d *trialData) any(yes func(*crossover.RegionFit) bool) bool {
	for i := range d.Models {
		if yes(&d.Models[i]) {
			return true
		}
	}
	return false
}

func (d *trialData) hasKind(kind string) bool {
	return d.any(func(f *crossover.RegionFit) bool { return len(effectsOf(f, kind)) > 0 })
}

func (d *trialData) hasDZ() bool {
	return d.any(func(f *crossover.RegionFit) bool {
		return slices.ContainsFunc(f.Effects, func(e crossover.Effect) bool { return finite(e.DZ) })
	})
}

// attenuation says how the absence of a difference was judged.
func (w *writer) attenuation(d *trialData, plan *crossover.Plan) {
	var t *crossover.Attenuation
	d.any(func(f *crossover.RegionFit) bool {
		for i := range f.Attenuation {
			if finite(f.Attenuation[i].P) || finite(f.Attenuation[i].BF01) {
				t = &f.Attenuation[i]
				return true
			}
		}
		return false
	})
	if t == nil {
		return
	}
	var tost, bf string
	if finite(t.P) {
		margin := "the margin"
		switch {
		case plan != nil && plan.Equivalence.Unit == "percent":
			margin = "a margin of ±" + exact(plan.Equivalence.Margin) + " % of the mean at baseline under " + orText(d.reference(), "the reference") + ", allowing for the uncertainty of that mean"
		case plan != nil && plan.Equivalence.Margin > 0:
			margin = "a margin of ±" + exact(plan.Equivalence.Margin) + " in the unit of the measure"
		}
		tost = "Whether treatments left the " + d.challenge() + " effect unchanged was judged by two one-sided tests against " + margin + w.cite("schuirmann1987")
		if finite(t.Alpha) {
			tost += fmt.Sprintf(", each at %s, which is the same as asking whether the %s confidence interval lies within the margin", exact(float64(t.Alpha)), levelText(1-2*float64(t.Alpha)))
		}
		tost += "; the lower of the two tests alone asks whether the effect was not lessened by the margin."
	}
	if finite(t.BF01) {
		bf = "Evidence for no difference was expressed by the JZS Bayes factor BF01" + w.cite("rouder2009")
		if finite(t.Scale) {
			bf += " with a Cauchy prior of scale " + number(float64(t.Scale), 3) + " on the standardised difference"
		}
		bf += "."
	}
	w.paragraph("Evidence for no difference", tost, bf)
}

// multiplicity says how p-values were corrected, from the families corrected:
// those of the plan's claims and those of the other regions.
func (w *writer) multiplicity(d *trialData) {
	if len(d.Families) == 0 {
		return
	}
	primary := map[string]bool{}
	for _, m := range d.measures {
		for _, f := range m.primary {
			primary[f.Region] = true
		}
	}
	var claims, others []string // methods, in order of appearance
	for _, f := range d.Families {
		list := &others
		if len(f.Tests) > 0 && primary[f.Tests[0]] {
			list = &claims
		}
		if !slices.Contains(*list, f.Method) {
			*list = append(*list, f.Method)
		}
	}
	how := func(methods []string) string {
		var out []string
		for _, m := range methods {
			switch m {
			case "holm":
				out = append(out, "after Holm"+w.cite("holm1979"))
			case "fdr":
				out = append(out, "by the false discovery rate"+w.cite("benjamini1995"))
			}
		}
		return joinAnd(out)
	}
	var parts []string
	if t := how(claims); t != "" {
		parts = append(parts, "over the primary regions "+t)
	}
	if t := how(others); t != "" {
		parts = append(parts, "over the other regions "+t)
	}
	if len(parts) == 0 {
		w.paragraph("Multiplicity", "P-values were not corrected for the number of regions.")
		return
	}
	w.paragraph("Multiplicity", "For each measure and contrast, p-values were corrected "+strings.Join(parts, " and ")+".")
}

// voxelwise says how the maps that are there were made.
func (w *writer) voxelwise(g *Group) {
	voxels, corrected := false, true
	for _, m := range g.Maps {
		if !m.Regions && (has(m.Estimate) || has(m.T)) {
			voxels = true
			corrected = corrected && m.Corrected != ""
		}
	}
	if !voxels {
		return
	}
	t := "The same model was fitted at every voxel of the CBF maps in template space"
	if g.Plan != nil && g.Plan.Maps.FWHM > 0 {
		t += ", smoothed by a Gaussian of " + exact(g.Plan.Maps.FWHM) + " mm full width at half maximum"
	}
	if !corrected {
		t += "; p-values were not corrected for the number of voxels, and the maps serve to look at"
	}
	w.paragraph("Effect maps", t+".")
}
