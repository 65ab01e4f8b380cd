package pipeline

import (
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/crossover"
)

// Columns that several tables share.
var (
	regionColumn  = bids.Column{Name: "region", Description: "region of the participant level's regions.tsv, or of the atlas"}
	measureColumn = bids.Column{Name: "measure", Description: "how perfusion is expressed", Levels: map[string]string{
		string(crossover.Absolute):       "mean CBF of the region",
		string(crossover.Relative):       "CBF of the region over global CBF of the same scan",
		string(crossover.GlobalAdjusted): "CBF of the region, with global CBF as a covariate",
	}}
	primaryColumn   = bids.Column{Name: "primary_region", Description: "whether the region is primary: p-values are corrected over the primary regions"}
	treatmentColumn = bids.Column{Name: "treatment", Description: "treatment of the visit"}
	phaseColumn     = bids.Column{Name: "phase", Description: "phase within the visit"}
	unitsColumn     = bids.Column{Name: "units", Description: "units of the values in this row that are not tests, percentages or counts"}
)

func col(name, description string) bids.Column {
	return bids.Column{Name: name, Description: description}
}

// tables returns every table of the analysis.
func (g *group) tables() []groupTable {
	out := []groupTable{g.effectsTable(), g.meansTable(), g.anovaTable(), g.componentsTable(), g.attenuationTable(), g.dataTable(), g.designTable(), g.flowTable()}
	return slices.Concat(out, g.scoreTables(), g.receptorTables())
}

func (g *group) effectsTable() groupTable {
	t := groupTable{name: "effects", columns: []bids.Column{regionColumn, measureColumn, primaryColumn,
		col("contrast", "name of the contrast"),
		col("label", "the contrast in words"),
		col("primary_contrast", "whether p is corrected over the primary regions"),
		col("estimate", "estimate of the contrast"), col("se", "standard error of estimate"),
		col("df", "degrees of freedom, by the plan's method"), col("t", "estimate over se"),
		col("p", "two-sided p-value"), col("p_adjusted", "p corrected over the family of regions; n/a outside one"),
		col("ci_low", "lower limit of the confidence interval"), col("ci_high", "upper limit of the confidence interval"),
		unitsColumn,
		{Name: "percent", Description: "estimate as a share of the mean at baseline under the reference treatment", Units: "%"},
		{Name: "percent_ci_low", Description: "lower limit of percent", Units: "%"},
		{Name: "percent_ci_high", Description: "upper limit of percent", Units: "%"},
		col("dz", "Cohen's d of the differences within people; n/a for contrasts between people"),
		col("n", "people who have every cell of the contrast"),
		col("n_obs", "scans in the model"), col("n_subjects", "people in the model"),
		col("singular", "whether a variance was estimated as zero"),
		col("note", "why there is no estimate, or what to know about the fit"),
	}}
	for _, m := range g.res.Models {
		head := []string{m.Region, string(m.Measure), yesNo(m.Primary)}
		note := strings.Join(m.Notes, "; ")
		if m.Failed != "" {
			row := append(head, make([]string, len(t.columns)-len(head))...)
			row[len(row)-1] = m.Failed
			t.rows = append(t.rows, row)
			continue
		}
		for _, e := range m.Effects {
			t.rows = append(t.rows, append(append([]string{}, head...), e.Name, e.Label, yesNo(e.Primary), num(e.Estimate), num(e.SE), num(e.DF), num(e.T), num(e.P), num(e.PAdjusted),
				num(e.Low), num(e.High), m.Units, num(e.Percent), num(e.PercentLow), num(e.PercentHigh), num(e.DZ), strconv.Itoa(e.N),
				strconv.Itoa(m.NObs), strconv.Itoa(m.NSubjects), yesNo(m.Singular), note))
		}
	}
	return t
}

func (g *group) meansTable() groupTable {
	t := groupTable{name: "means", columns: []bids.Column{regionColumn, measureColumn, treatmentColumn, phaseColumn,
		col("n", "scans"), col("mean", "estimated marginal mean"), col("se", "its standard error"),
		col("ci_low", "lower limit of the confidence interval"), col("ci_high", "upper limit of the confidence interval"), unitsColumn}}
	for _, m := range g.res.Models {
		for _, c := range m.Means {
			t.rows = append(t.rows, []string{m.Region, string(m.Measure), c.Treatment, c.Phase, strconv.Itoa(c.N), num(c.Mean), num(c.SE), num(c.Low), num(c.High), m.Units})
		}
	}
	return t
}

func (g *group) anovaTable() groupTable {
	t := groupTable{name: "anova", columns: []bids.Column{regionColumn, measureColumn,
		col("term", "term of the model; tests are of type III"), col("num_df", "degrees of freedom of the term"),
		col("den_df", "degrees of freedom of the denominator"), col("f", "F statistic"), col("p", "p-value")}}
	for _, m := range g.res.Models {
		for _, x := range m.Tests {
			t.rows = append(t.rows, []string{m.Region, string(m.Measure), x.Term, num(x.NumDF), num(x.DenDF), num(x.F), num(x.P)})
		}
	}
	return t
}

func (g *group) componentsTable() groupTable {
	t := groupTable{name: "components", columns: []bids.Column{regionColumn, measureColumn,
		col("group", "what the variance is between"), col("term", "which coefficient varies"), col("variance", "variance; may be below zero unless the plan bounds it"), col("sd", "standard deviation; n/a where the variance is below zero"), unitsColumn}}
	for _, m := range g.res.Models {
		for _, x := range m.Components {
			t.rows = append(t.rows, []string{m.Region, string(m.Measure), x.Group, x.Term, num(x.Variance), num(x.SD), m.Units})
		}
	}
	return t
}

func (g *group) attenuationTable() groupTable {
	t := groupTable{name: "attenuation", columns: []bids.Column{regionColumn, measureColumn, primaryColumn,
		col("treatment", "treatment that may have changed the effect between phases"),
		col("contrast", "name of the contrast in effects.tsv"),
		col("margin", "changes smaller than this count as none"), col("margin_text", "the same in words"), col("alpha", "of each one-sided test"),
		col("p_lower", "one-sided p against a lessening by the margin or more"),
		col("p_upper", "one-sided p against an increase by the margin or more"),
		col("p", "the larger of the two: of equivalence"),
		col("ci_low", "lower limit of the interval of level 1 − 2 alpha"), col("ci_high", "upper limit of the same"), unitsColumn,
		col("bf01", "Bayes factor for no change over a change drawn from the prior"), col("bf_scale", "scale of the Cauchy prior on the standardised effect"),
		col("equivalent", "whether p is below alpha"), col("not_lessened", "whether the effect is shown not to be lessened by the margin or more"), col("verdict", "outcome in a sentence"),
		{Name: "outcome", Description: "what the evidence amounts to; a difference counts by p_adjusted of effects.tsv; n/a: could not be tested", Levels: map[string]string{
			string(crossover.OutcomeEquivalent):     "within the margin, and no difference shown",
			string(crossover.OutcomeLessenedWithin): "a difference shown, and within the margin",
			string(crossover.OutcomeEnlargedWithin): "a difference shown, and within the margin",
			string(crossover.OutcomeLessened):       "a difference shown, and not shown to be within the margin",
			string(crossover.OutcomeEnlarged):       "a difference shown, and not shown to be within the margin",
			string(crossover.OutcomeNotLessened):    "no difference shown; a lessening by the margin or more ruled out, an increase by as much not",
			string(crossover.OutcomeNotSettled):     "neither a difference nor being within the margin is shown",
		}},
		{Name: "retained_percent", Description: "phase effect under the treatment as a share of that under the reference; n/a where that is not told from zero", Units: "%"},
		{Name: "retained_ci_low", Description: "lower limit of retained_percent, of level 1 − 2 alpha (Fieller)", Units: "%"},
		{Name: "retained_ci_high", Description: "upper limit of the same", Units: "%"},
		col("decisive_unit", "scale on which the plan decides: of the next four columns"),
		col("decisive_ci_low", "lower limit of the interval that decides: the change is within the margin exactly if the interval lies between the margins"),
		col("decisive_ci_high", "upper limit of the same"),
		col("decisive_margin_low", "lower margin"), col("decisive_margin_high", "upper margin"),
		col("bf_scale_units", "scale of the prior in units: half of the changes it expects are smaller"),
		col("bf_n", "people whose differences the Bayes factor counts")}}
	for _, m := range g.res.Models {
		for _, a := range m.Attenuation {
			t.rows = append(t.rows, []string{m.Region, string(m.Measure), yesNo(m.Primary), a.Treatment, a.Contrast, num(a.Margin), a.MarginText, num(a.Alpha),
				num(a.PLower), num(a.PUpper), num(a.P), num(a.Low), num(a.High), m.Units, num(a.BF01), num(a.Scale), yesNo(a.Equivalent), yesNo(a.NotLessened), a.Verdict,
				string(a.Outcome), num(a.Retained), num(a.RetainedLow), num(a.RetainedHigh), a.DecisiveUnit, num(a.DecisiveLow), num(a.DecisiveHigh), num(a.DecisiveMarginLow), num(a.DecisiveMarginHigh), num(a.PriorSD), strconv.Itoa(a.BFN)})
		}
	}
	return t
}

func (g *group) dataTable() groupTable {
	t := groupTable{name: "data", columns: []bids.Column{regionColumn, measureColumn,
		col("participant_id", "participant"), col("session", "session label"), col("acq", "acquisition label"), col("run", "run label"),
		treatmentColumn, phaseColumn, col("period", "visit, from 1"), col("sequence", "order of treatments"),
		col("value", "value that entered the model"), col("fitted", "value the model gives, random effects included"),
		col("residual", "residual over its standard deviation"), col("global", "global CBF of the scan"), unitsColumn}}
	covariates := g.plan.ModelColumns()
	for _, c := range covariates {
		t.columns = append(t.columns, col(c, "column of the model, as the tables have it; numbers enter centred"))
	}
	cells := map[[4]string][]string{}
	for i := range g.trial.Scans {
		s := &g.trial.Scans[i]
		row := make([]string, len(covariates))
		for k, c := range covariates {
			row[k] = g.trial.Cell(s, c)
		}
		cells[[4]string{s.Subject, s.Session, s.Acq, s.Run}] = row
	}
	for _, m := range g.res.Models {
		for _, d := range m.Data {
			row := []string{m.Region, string(m.Measure), "sub-" + d.Subject, d.Session, d.Acq, d.Run, d.Treatment, d.Phase, strconv.Itoa(d.Period), d.Sequence,
				num(d.Value), num(d.Fitted), num(d.Residual), num(d.Global), m.Units}
			t.rows = append(t.rows, append(row, cells[[4]string{d.Subject, d.Session, d.Acq, d.Run}]...))
		}
	}
	return t
}

func (g *group) designTable() groupTable {
	t := groupTable{name: "design", columns: []bids.Column{
		col("scan", "image, relative to the dataset, or what stands for it in the results"),
		col("participant_id", "participant"), col("session", "session label"), col("acq", "acquisition label"), col("run", "run label"),
		treatmentColumn, phaseColumn, col("period", "visit, from 1"), col("sequence", "order of treatments"), col("acq_time", "time of acquisition"),
		{Name: "fd_mean", Description: "mean framewise displacement", Units: "mm"},
		col("qei", "quality evaluation index, 0 to 1"),
		col("gm_cbf", "CBF of grey matter, in the units of regions.tsv"),
		col("excluded", "why the scan is not in the analysis; n/a if it is")}}
	for _, s := range g.trial.Scans {
		q := g.qualityOf(s)
		period := ""
		if s.Period > 0 {
			period = strconv.Itoa(s.Period)
		}
		t.rows = append(t.rows, []string{s.File, "sub-" + s.Subject, s.Session, s.Acq, s.Run, s.Treatment, s.Phase, period, s.Sequence, s.Time,
			num(q.FDMean), num(q.QEI), num(q.GMCBF), s.Excluded})
	}
	return t
}

// qualityOf returns what is known of a scan's quality.
func (g *group) qualityOf(s crossover.Scan) QualityResult {
	if d := g.of(s); d != nil && (d.judged || !g.src.phasl) {
		return d.quality
	}
	return unjudged()
}

func (g *group) flowTable() groupTable {
	t := groupTable{name: "flow", columns: []bids.Column{
		{Name: "step", Description: "step of the participants' flow", Levels: map[string]string{
			"randomised": "people with a planned sequence or with a scan, all of participants.tsv if it has no sequences; how they were allocated is not known", "scanned": "people with a scan", "analysed": "people with a scan in the analysis",
			"complete": "people with a scan in every cell of the design", "excluded": "a person none of whose scans is in the analysis",
			"left_out": "a scan that is not in the analysis", "missing": "a cell of the design in which a person who is in the analysis has no scan"}},
		col("of", "sequence, person, scan or cell; n/a: everybody"), col("n", "people; n/a where the row is of one person or scan"), col("reason", "why")}}
	f := g.res.Flow
	add := func(step, of string, n int, reason string) {
		count := ""
		if n >= 0 {
			count = strconv.Itoa(n)
		}
		t.rows = append(t.rows, []string{step, of, count, reason})
	}
	for _, s := range []struct {
		name string
		all  int
		arm  func(crossover.FlowArm) int
	}{
		{"randomised", f.Randomised, func(a crossover.FlowArm) int { return a.Randomised }},
		{"scanned", f.Scanned, func(a crossover.FlowArm) int { return a.Scanned }},
		{"analysed", f.Analysed, func(a crossover.FlowArm) int { return a.Analysed }},
	} {
		add(s.name, "", s.all, "")
		for _, a := range f.Sequences {
			add(s.name, a.Sequence, s.arm(a), "")
		}
	}
	add("complete", "", f.Complete, "")
	for _, x := range f.Excluded {
		add("excluded", x.Unit, -1, x.Reason)
	}
	for _, x := range f.LeftOut {
		add("left_out", x.Unit, -1, x.Reason)
	}
	for _, x := range f.Missing {
		add("missing", "sub-"+x.Subject+" "+x.Treatment+" "+x.Phase, -1, x.Reason)
	}
	return t
}
