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
	w.participants(d, g)
	w.outcomes(d)
	w.model(d, plan)
	w.attenuation(d)
	w.multiplicity(d)
	w.scores(d)
	w.associations(d)
	w.receptors(g)
	w.voxelwise(g)
	if g.Software != "" {
		w.paragraph("Software", "Analyses were run with "+g.Software+".")
	}
	return w.paragraphs, w.references
}

func (w *writer) participants(d *trialData, g *Group) {
	f := d.Flow
	if f.Randomised+f.Scanned+f.Analysed == 0 {
		return
	}
	var first string
	if f.Randomised > 0 {
		first = plural(f.Randomised, "participant was", "participants were") + " in the trial"
		if len(d.Treatments) > 1 {
			first += ", a crossover of " + joinAnd(d.Treatments)
		}
		if n := len(f.Sequences); n > 1 {
			var arms []string
			for _, s := range f.Sequences {
				arms = append(arms, fmt.Sprintf("%s: %d", s.Sequence, s.Randomised))
			}
			first += "; allocated to the orders of treatment " + strings.Join(arms, ", ")
		}
		first += ". "
	}
	first += fmt.Sprintf("%d %s scanned and %d analysed", f.Scanned, wereWas(f.Scanned), f.Analysed)
	if f.Complete < f.Analysed {
		first += fmt.Sprintf(", %d of them with every scan of the design", f.Complete)
	}
	if n := len(f.Excluded); n > 0 {
		first += fmt.Sprintf("; %d had no scan that could be analysed", n)
	}
	first += "."
	if d.oneSequence() {
		first += " All had the treatments in the same order, so that treatment and period cannot be told apart."
	}
	var phases string
	if len(d.Phases) > 1 {
		phases = "At each visit CBF was measured at " + joinAnd(d.Phases)
		if d.Challenge != "" && !slices.Contains(d.Phases, d.Challenge) {
			phases += "; " + d.Challenge + " was given between"
		}
		phases += "."
	}
	var left string
	if n := len(d.scansLeftOut(g)); n > 0 {
		left = capital(plural(n, "scan was", "scans were")) + " left out of the analysis, for any reason."
	}
	w.paragraph("Design and participants", append([]string{first, phases, left}, d.qualityLimits(g)...)...)
}

// scansLeftOut lists the scans that are not analysed. The flow names those of
// people analysed, the quality rows all.
func (d *trialData) scansLeftOut(g *Group) []crossover.FlowItem {
	var all []crossover.FlowItem
	for i := range g.Quality {
		if q := &g.Quality[i]; q.Excluded != "" {
			all = append(all, crossover.FlowItem{Unit: q.scanName(), Reason: q.Excluded})
		}
	}
	if len(all) > len(d.Flow.LeftOut) {
		return all
	}
	return d.Flow.LeftOut
}

// qualityLimits says for each limit of the plan how many scans it could be
// held against, and how many were beyond it.
func (d *trialData) qualityLimits(g *Group) []string {
	q := d.plan.Quality
	var out []string
	for _, l := range []struct {
		limit float64
		text  string
		above bool
		of    func(*ScanQuality) float64
	}{
		{q.MaxFDMean, "mean framewise displacement above %s mm", true, func(s *ScanQuality) float64 { return s.FD }},
		{q.MinQEI, "a quality evaluation index below %s", false, func(s *ScanQuality) float64 { return s.QEI }},
		{q.MinGMCBF, "grey-matter CBF below %s mL/100 g/min", false, func(s *ScanQuality) float64 { return s.GM }},
		{q.MaxGMCBF, "grey-matter CBF above %s mL/100 g/min", true, func(s *ScanQuality) float64 { return s.GM }},
	} {
		if math.IsNaN(l.limit) {
			continue
		}
		what := fmt.Sprintf(l.text, exact(l.limit))
		known, beyond := 0, 0
		for i := range g.Quality {
			x := l.of(&g.Quality[i])
			if math.IsNaN(x) {
				continue
			}
			known++
			if l.above && x > l.limit || !l.above && x < l.limit {
				beyond++
			}
		}
		switch n := len(g.Quality); {
		case known == 0:
			out = append(out, "The plan’s limit, "+what+", could not be applied: the measure is not known of any scan.")
		case known < n:
			out = append(out, fmt.Sprintf("Scans with %s were left out: %d of the %d scans of which it is known; %d could not be assessed and stayed in.", what, beyond, known, n-known))
		default:
			out = append(out, fmt.Sprintf("Scans with %s were left out: %d of %d.", what, beyond, n))
		}
	}
	return out
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
	name := orText(d.plan.Regions.Global, "global_gm")
	var measures []string
	for _, m := range d.measures {
		switch m.measure {
		case crossover.Absolute:
			measures = append(measures, "absolute CBF")
		case crossover.Relative:
			measures = append(measures, "relative CBF, the regional mean divided by global CBF of the same scan")
		case crossover.GlobalAdjusted:
			measures = append(measures, "CBF with global CBF as a covariate")
		default:
			measures = append(measures, string(m.measure))
		}
	}
	list := "The measure was " + measures[0] + "."
	if len(measures) > 1 {
		list = "The primary measure was " + measures[0] + "; secondary: " + strings.Join(measures[1:], "; ") + "."
	}
	if slices.ContainsFunc(d.measures, func(m measureData) bool { return m.measure != crossover.Absolute }) {
		list += " Global CBF was that of " + name + "."
	}
	w.paragraph("Outcomes", strings.TrimSpace(regions), list)
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
	if plan != nil && !plan.Model.Bounded {
		first += " Variances of random effects could be estimated below zero" + w.cite("nelder1954") + ", so that tests keep their level where one is zero."
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
		level += " Cohen’s dz is the mean of the differences within people divided by their standard deviation" + w.cite("lakens2013") + ", of the people with every scan of the contrast, not adjusted for period, sequence or covariates."
	}
	if d.hasKind(crossover.CarryOver) {
		contrasts += " The difference between sequences is confounded with that of treatments between periods and with chance differences between the groups, and has little power: it cannot exclude carry-over on the " + d.challenge() + " effect."
	}
	w.paragraph("Statistical analysis", first, df, covariates, contrasts, strings.TrimSpace(level))
	assumed := "The model takes residuals to be normal and of the same variance in all phases, and missing scans and values to be missing at random, that is, for no reason that the data at hand do not show."
	if d.any(func(f *crossover.RegionFit) bool { return f.Sensitivity != nil }) {
		assumed += " It takes people to differ in the level of CBF and not in the " + d.challenge() + " effect; primary regions were also analysed with a variance between people of that effect."
	}
	w.paragraph("Assumptions", assumed)
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
		{crossover.CarryOver, "the difference between sequences"},
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
func (w *writer) attenuation(d *trialData) {
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
		tost = "Whether the " + d.challenge() + " effect under a treatment was within the margin was judged by two one-sided tests" + w.cite("schuirmann1987")
		if margin := d.marginWords(); margin != "" {
			tost += " against a margin of " + margin
		}
		if finite(t.Alpha) {
			tost += fmt.Sprintf(", each at %s, which is the same as asking whether the %s confidence interval on that scale lies within the margin", exact(float64(t.Alpha)), levelText(1-2*float64(t.Alpha)))
		}
		tost += "; one of the two tests alone asks whether the effect was not lessened by the margin. These p-values were not corrected over regions. A difference was said to be shown by its corrected p-value."
	}
	if finite(t.BF01) {
		bf = "How much likelier the data were under no difference than under one drawn from a prior was expressed by the JZS Bayes factor BF01" + w.cite("rouder2009")
		if finite(t.Scale) {
			bf += " with a Cauchy prior of scale " + number(float64(t.Scale), 3) + " on the standardised difference"
		}
		bf += "."
	}
	w.paragraph("Evidence for no difference", tost, bf)
}

// marginWords says the margin on the scale on which it decided. A margin in
// the measure's own unit is said for the first measure.
func (d *trialData) marginWords() string {
	for _, m := range d.measures {
		for _, r := range evidence(slices.Concat(m.primary, m.others)) {
			q, ok := r.decide()
			switch {
			case !ok:
			case q.share:
				return fmt.Sprintf("%s to %s %s", exact(q.marginLow), exact(q.marginHi), q.unit)
			case strings.HasPrefix(q.unit, "%"):
				return fmt.Sprintf("%s to +%s %s, allowing for the uncertainty of what it is a share of", exact(q.marginLow), exact(q.marginHi), q.unit)
			default:
				return fmt.Sprintf("%s to +%s%s in %s", exact(q.marginLow), exact(q.marginHi), q.unitWords(), measureName(m.measure))
			}
		}
	}
	return ""
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
	w.paragraph("Multiplicity", "For each measure and contrast, p-values were corrected "+strings.Join(parts, " and ")+"; not over measures, contrasts or treatments.")
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
