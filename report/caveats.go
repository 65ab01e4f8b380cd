package report

import (
	"fmt"
	"slices"
	"strings"

	"phasl/crossover"
	"phasl/diag"
)

// fewPeople is below how many people the lead warns of their number: with
// fewer than twelve the sample size that Julious recommends for a pilot trial
// (2005, doi:10.1002/pst.185) is not reached.
const fewPeople = 12

// caveats are what every reading of the lead must allow for, once for all
// regions: few people, values to look at, the joint verdict, the correction, other
// measures, and what is known of the plan.
func (d *trialData) caveats(found diag.List) []string {
	if len(d.measures) == 0 {
		return nil
	}
	var out []string
	if t := d.unusual(found); t != "" {
		out = append(out, t)
	}
	if n := d.Flow.Analysed; n > 0 && n < fewPeople {
		out = append(out, fmt.Sprintf("Only %s: intervals and p-values rest on few people, and one person can carry a result. Read single lines, not verdicts.", plural(n, "person was analysed", "people were analysed")))
	}
	if t := d.joint(d.measures[0].primary); t != "" {
		out = append(out, t)
	}
	if len(d.Families) > 0 && d.plan.Multiplicity.Method != "none" {
		out = append(out, "Adjusted p is corrected over the primary regions within each contrast and measure, not over measures, contrasts or treatments.")
	}
	if len(d.measures) > 1 && len(d.measures[0].primary) > 0 {
		out = append(out, d.globalCaveat())
	}
	switch {
	case d.Results.Plan.File != "":
		out = append(out, "phasl cannot know whether the plan was written before the data were seen.")
	case d.Results.Plan.SHA256 != "":
		out = append(out, "No plan was given: the defaults were followed, and everything here is exploratory.")
	}
	return out
}

// joint says whether the effect is within the margin in every primary region.
func (d *trialData) joint(fits []*crossover.RegionFit) string {
	if len(fits) < 2 {
		return ""
	}
	type count struct{ within, of int }
	counts := map[string]*count{}
	var order []string
	alpha := crossover.Number(0)
	for _, r := range evidence(fits) {
		who := r.of(d)
		if counts[who] == nil {
			counts[who] = &count{}
			order = append(order, who)
		}
		alpha = r.att.Alpha
		if r.att.Outcome != crossover.OutcomeUnknown && r.att.Equivalent {
			counts[who].within++
		}
	}
	var parts []string
	for _, who := range order {
		c := counts[who]
		answer := "no"
		if c.of = len(fits); c.within == c.of {
			answer = "yes"
		}
		parts = append(parts, fmt.Sprintf("under %s %s (%d of %d)", who, answer, c.within, c.of))
	}
	if len(parts) == 0 {
		return ""
	}
	t := "Within the margin in all primary regions: " + strings.Join(parts, "; ") + "."
	if finite(alpha) {
		t += fmt.Sprintf(" Each region is tested at %s; this p is not corrected over regions.", exact(float64(alpha)))
	}
	return t
}

// globalCaveat warns of reading measures that allow for global CBF as if they
// were regional CBF.
func (d *trialData) globalCaveat() string {
	adjusted := slices.ContainsFunc(d.measures, func(m measureData) bool { return m.measure != crossover.Absolute })
	if !adjusted {
		return ""
	}
	if d.global != nil {
		for _, e := range effectsOf(d.global, crossover.AverageEffect) {
			if d.shown(e) {
				_, limits := effectWords(d.global, e, false)
				size, _ := effectWords(d.global, e, true)
				return fmt.Sprintf("Global CBF itself responds to %s (%s, %s %s): allowing for it can hide or make a regional effect.", d.challenge(), size, ci(d.Level), limits)
			}
		}
	}
	return "Global CBF may itself respond to " + d.challenge() + ": allowing for it can hide or make a regional effect."
}

// unusual quotes the first warning that asks to look at scans: nothing is left
// out for it, and one value can carry a result.
func (d *trialData) unusual(found diag.List) string {
	var list []*diag.Problem
	for _, p := range found {
		if p != nil && p.Severity == diag.Warning && strings.HasPrefix(p.Fix, "look at these scans") {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		return ""
	}
	const most = 160
	more := ""
	if n := len(list) - 1; n > 0 {
		more = " " + capital(plural(n, "more warning is", "more warnings are")) + " under Problems."
	}
	return "Values to look at, none left out: " + sentence(clip(list[0].Found, most)) + more
}
