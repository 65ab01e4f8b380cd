package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// place names a scan by its place in the design.
func place(s *Scan) string {
	return fmt.Sprintf("sub-%s, %s, %s", s.Subject, s.Treatment, s.Phase)
}

// noteMissing names, in every fit, the scans that have no value of its region:
// they are absent from that model alone. What a scan lacks as a whole gather
// has reported.
func (a *analysis) noteMissing(fits []RegionFit) {
	blank := make([]bool, len(a.scans))
	for i := range blank {
		blank[i] = true
		for _, row := range a.values {
			blank[i] = blank[i] && math.IsNaN(row[i])
		}
	}
	var others []string
	for k := range fits {
		f, j := &fits[k], a.jobs[k]
		f.MissingValues = []string{}
		if f.Failed != "" && len(j.rows) == 0 {
			continue
		}
		var some []string // of scans that have other values
		for i := range a.scans {
			if !math.IsNaN(j.values[i]) {
				continue
			}
			f.MissingValues = append(f.MissingValues, place(&a.scans[i]))
			if !blank[i] {
				some = append(some, a.scans[i].key())
			}
		}
		if n := len(f.MissingValues); n > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("no value of %d %s of the design: %s", n, plural(n, "scan", "scans"), diag.Few(f.MissingValues, maxListed)))
		}
		switch {
		case len(some) == 0 || f.Failed != "" || f.Measure != a.measures[0]:
		case f.Primary:
			a.l.Warnf(tableName, f.Region, "look at the region in these scans' reports: partial cover of the region is no random loss",
				"%d %s no value of this primary region and %s absent from its model: %s", len(some), plural(len(some), "scan has", "scans have"), plural(len(some), "is", "are"), diag.Few(some, maxListed))
		default:
			others = append(others, fmt.Sprintf("%s (%d)", f.Region, len(some)))
		}
	}
	if len(others) > 0 {
		a.l.Warnf(tableName, "", "look at these regions in the participants' reports", "%d other %s no value in some scans (how many): %s",
			len(others), plural(len(others), "region has", "regions have"), diag.Few(others, maxListed))
	}
}

// emptyCells names the treatments and phases that no scan of the model has.
func (m *model) emptyCells() []string {
	n := map[cell]int{}
	for _, i := range m.rows {
		n[m.cellOf(&m.f.scans[i])]++
	}
	var out []string
	for t, treatment := range m.f.tr.Treatments {
		for p, phase := range m.f.tr.Phases {
			if n[cell{t, p}] == 0 {
				out = append(out, phase+" under "+treatment)
			}
		}
	}
	return out
}

// inestimable names the claims about treatments and phases that the formula
// holds and the scans of the model do not determine, the interaction first,
// and says why.
func (m *model) inestimable() (claims []string, why string) {
	var others []string
	empty := m.emptyCells()
	for _, c := range m.contrasts {
		if c.weights != nil || c.cells == nil || !c.claim || c.why == noTerm && len(empty) == 0 {
			continue
		}
		if why == "" {
			why = c.why
		}
		if c.treatment != "" {
			claims = append(claims, "the interaction ("+c.label+")")
		} else {
			others = append(others, c.label)
		}
	}
	if len(empty) > 0 {
		why = "no scan in the model is of " + strings.Join(empty, ", or of ")
	}
	return append(claims, others...), why
}

// warnInestimable says which claims about primary regions cannot be tested:
// each reason once, with the regions that it holds for.
func (a *analysis) warnInestimable(fits []RegionFit) {
	regions := map[string][]string{}
	var order []string
	for k := range fits {
		if !fits[k].Primary || fits[k].Failed != "" {
			continue
		}
		claims, why := a.jobs[k].model.inestimable()
		if len(claims) == 0 {
			continue
		}
		text := claims[0] + " cannot be estimated: " + why
		if len(claims) > 1 {
			text += "; nor can " + strings.Join(claims[1:], "; ")
		}
		text = capital(text)
		if regions[text] == nil {
			order = append(order, text)
		}
		if !slices.Contains(regions[text], fits[k].Region) {
			regions[text] = append(regions[text], fits[k].Region)
		}
	}
	for _, text := range order {
		a.l.Warnf(tableName, diag.Few(regions[text], maxListed), "look at who was left out and why; without these scans the question cannot be answered", "%s", text)
	}
}

// Bounds beyond which values are named for a look. They leave nothing out.
const (
	plausibleCBF   = 200.0 // [mL/100 g/min]; grey matter of adults is below 120
	largeResidual  = 4.0   // in residual standard deviations; one of 16,000 normal ones
	globalMultiple = 3.0   // of a person's other scans
)

// warnOutliers names values that look like a fault of acquisition or of
// quantification: CBF that no tissue has, scans whose global CBF is far from
// that of the same person's other scans, and large residuals of primary and
// global regions.
func (a *analysis) warnOutliers(fits []RegionFit) {
	const fix = "look at these scans' reports; what is faulty can be left out by [[exclude]], with its reason"
	if a.units == unitName("mL/100g/min") {
		var beyond []string
		for k := range fits {
			f, j := &fits[k], a.jobs[k]
			row := a.values[j.region]
			if j.measure != a.measures[0] || row == nil {
				continue
			}
			var here []string
			for i, v := range row {
				if v < 0 || v > plausibleCBF {
					here = append(here, fmt.Sprintf("%s (%s)", a.scans[i].key(), figure(v)))
					beyond = append(beyond, fmt.Sprintf("%s %s (%s)", a.scans[i].key(), j.region, figure(v)))
				}
			}
			if len(here) > 0 {
				f.Notes = append(f.Notes, fmt.Sprintf("CBF below 0 or above %g mL/100 g/min in %s", plausibleCBF, diag.Few(here, maxListed)))
			}
		}
		if len(beyond) > 0 {
			a.l.Warnf(tableName, "value", fix, "%d %s below 0 or above %g mL/100 g/min: %s", len(beyond), plural(len(beyond), "value is", "values are"), plausibleCBF, diag.Few(beyond, maxListed))
		}
	}
	if far := a.farGlobals(); len(far) > 0 {
		a.l.Warnf(tableName, a.plan.Regions.Global, fix, "global CBF is more than %g times, or less than a third of, that of the same person's other scans: %s", globalMultiple, diag.Few(far, maxListed))
	}
	var large []string
	for k := range fits {
		f, j := &fits[k], a.jobs[k]
		if f.Failed != "" || !f.Primary && !a.isGlobal(f.Region) {
			continue
		}
		var here []string
		for i, p := range f.Data {
			if r := float64(p.Residual); math.Abs(r) > largeResidual {
				here = append(here, fmt.Sprintf("%s (%s)", a.scans[j.model.rows[i]].key(), figure(r)))
			}
		}
		if len(here) > 0 {
			f.Notes = append(f.Notes, fmt.Sprintf("residual beyond %g standard deviations in %s", largeResidual, diag.Few(here, maxListed)))
			large = append(large, fmt.Sprintf("%s, %s: %s", f.Region, f.Measure, strings.Join(here, ", ")))
		}
	}
	if len(large) > 0 {
		a.l.Warnf(tableName, "value", fix+", and compare the results with and without them", "residuals are beyond %g standard deviations: %s", largeResidual, diag.Few(large, maxListed))
	}
}

// farGlobals names scans whose global CBF is not of the size of that of the
// same person's other scans: of their median.
func (a *analysis) farGlobals() []string {
	if a.global == nil {
		return nil
	}
	var out []string
	for i := range a.scans {
		var others []float64
		for k := range a.scans {
			if k != i && a.scans[k].Subject == a.scans[i].Subject && !math.IsNaN(a.global[k]) {
				others = append(others, a.global[k])
			}
		}
		m := median(others)
		if ratio := a.global[i] / m; ratio > globalMultiple || ratio < 1/globalMultiple {
			out = append(out, fmt.Sprintf("%s (%s; others %s)", a.scans[i].key(), figure(a.global[i]), figure(m)))
		}
	}
	return out
}

// warnMargins reports primary regions whose margin protects nothing.
func (a *analysis) warnMargins(fits []RegionFit) {
	var wide []string
	for k := range fits {
		if a.jobs[k].wide && fits[k].Primary {
			wide = append(wide, fmt.Sprintf("%s (%s)", fits[k].Region, fits[k].Measure))
		}
	}
	if len(wide) > 0 {
		a.l.Warnf(a.planFile(), "equivalence.margin", "write unit = \"effect\", which asks that a share of the effect remains", "%s, in %s", wideMargin, diag.Few(wide, maxListed))
	}
}

// responseTerm is the random effect of people who differ in the phase effect.
const responseTerm = "(1|subject:phase)"

// roomForResponse tells whether a formula lets people differ in the phase
// effect already.
func roomForResponse(formula string) bool {
	_, right, _ := strings.Cut(formula, "~")
	return slices.ContainsFunc(summands(right), func(s string) bool {
		left, group, ok := strings.Cut(squeeze(s), "|")
		return ok && strings.Contains(group, subjectColumn) && strings.Contains(left+group, phaseColumn)
	})
}

// changedSE is by how much a standard error of the sensitivity model may
// differ before it is said.
const changedSE = 0.10

// sensitivity refits primary regions with room for people to differ in the
// phase effect, which the default formula takes to be the same in everybody,
// and says where that matters.
func (a *analysis) sensitivity(fits []RegionFit, workers int) {
	plan := *a.plan
	if plan.Model.Formula == "" {
		plan.Model.Formula = DefaultFormula
	}
	if roomForResponse(plan.Model.Formula) {
		return
	}
	plan.Model.Formula += " + " + responseTerm
	f := newFrame(&plan, a.tr, a.scans, a.global)
	var jobs []*job
	var at []int
	for i := range fits {
		if !fits[i].Primary || fits[i].Failed != "" || !a.jobs[i].model.repeatsPhases() {
			continue
		}
		j := *a.jobs[i]
		j.model, j.verdicts, j.wide = nil, nil, false
		jobs, at = append(jobs, &j), append(at, i)
	}
	again := a.fitJobs(f, jobs, workers)
	correct(&plan, again)
	for k := range again {
		for _, say := range jobs[k].verdicts {
			say(&again[k])
		}
		again[k].Data, again[k].MissingValues = nil, []string{}
		main := &fits[at[k]]
		main.Sensitivity = &again[k]
		if again[k].Failed != "" {
			main.Notes = append(main.Notes, fmt.Sprintf("the same with %s could not be fitted: %s", responseTerm, again[k].Failed))
		} else if changes := a.changes(main, &again[k]); len(changes) > 0 {
			main.Notes = append(main.Notes, fmt.Sprintf("people may differ in the phase effect: with %s in the model, %s", responseTerm, strings.Join(changes, "; ")))
		}
	}
}

// repeatsPhases tells whether somebody has two scans of one phase, without
// which a person's phase cannot be told from the residual.
func (m *model) repeatsPhases() bool {
	seen := map[[2]string]bool{}
	for _, i := range m.rows {
		k := [2]string{m.f.scans[i].Subject, m.f.scans[i].Phase}
		if seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

// changes lists what differs between a fit and its sensitivity.
func (a *analysis) changes(main, other *RegionFit) []string {
	var out []string
	size := Number(1 - a.plan.Model.Level)
	for i := range main.Effects {
		m, o := &main.Effects[i], &other.Effects[i]
		stem, _, _ := strings.Cut(m.Name, ":")
		if stem != PhaseEffect && stem != AverageEffect && stem != Interaction || m.SE != m.SE || o.SE != o.SE {
			continue
		}
		p := func(e *Effect) Number {
			if e.PAdjusted == e.PAdjusted {
				return e.PAdjusted
			}
			return e.P
		}
		switch {
		case (p(m) < size) != (p(o) < size):
			out = append(out, fmt.Sprintf("p of %s is %s in place of %s", m.Name, figure(float64(p(o))), figure(float64(p(m)))))
		case math.Abs(float64(o.SE/m.SE)-1) > changedSE:
			out = append(out, fmt.Sprintf("the standard error of %s is %s in place of %s", m.Name, figure(float64(o.SE)), figure(float64(m.SE))))
		}
	}
	for i := range main.Attenuation {
		if m, o := main.Attenuation[i], other.Attenuation[i]; m.Outcome != o.Outcome {
			out = append(out, fmt.Sprintf("the outcome of %s is “%s” in place of “%s”", m.Contrast, orUnknown(o.Outcome), orUnknown(m.Outcome)))
		}
	}
	return out
}

func orUnknown(o Outcome) string {
	if o == OutcomeUnknown {
		return "not known"
	}
	return string(o)
}
