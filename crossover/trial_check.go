package crossover

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/lmm"
)

// checkDesign asks whether treatments, periods and sequences can be told
// apart.
func (b *builder) checkDesign() {
	n := map[string]int{}
	people := 0
	for _, sub := range sortedKeys(b.people) {
		if p := b.people[sub]; p.Sequence != "" && b.scannedAndUsed(sub) {
			n[p.Sequence]++
			people++
		}
	}
	vars := b.formulaVariables()
	needs := slices.Contains(vars, "period") || slices.Contains(vars, "sequence")
	if len(n) == 1 && people > 1 {
		seq := sortedKeys(n)[0]
		report, fix := b.warn, "say so when reporting: what is put down to the treatment may be the order of visits"
		if needs {
			report = b.fault
			fix = "check treatments and periods; if it is so, take period and sequence out of the plan's formula, and say so when reporting"
		}
		report("one sequence", b.sequenceFile(), b.plan.Trial.SequenceColumn, fix,
			"all %d people had %s: treatment and period cannot be told apart", people, strings.ReplaceAll(seq, "-", ", then "))
	}
	if len(n) > 1 {
		for _, s := range sortedKeys(n) {
			if n[s] == 1 && people > 4 {
				b.warn("lone sequence", b.sequenceFile(), b.plan.Trial.SequenceColumn, "check that person's treatments and periods", "one of %d people had %s", people, strings.ReplaceAll(s, "-", ", then "))
			}
		}
	}
	cells := map[string]int{}
	for _, d := range b.drafts {
		if d.Excluded == "" {
			cells[cellName(d.visit.treatment, d.Phase)]++
		}
	}
	for _, t := range b.tr.Treatments {
		for _, ph := range b.tr.Phases {
			if cells[cellName(t, ph)] == 0 && len(b.tr.Treatments) > 1 && len(b.tr.Phases) > 1 {
				b.fault("empty cell", visitTable(b.order), b.plan.Trial.PhaseColumn, "check treatments and phases; without it the effect of "+ph+" under "+t+" cannot be told",
					"nobody has a scan of the phase %s under %s", ph, t)
			}
		}
	}
}

// sequenceFile is where sequences are told.
func (b *builder) sequenceFile() string {
	if b.ds != nil && b.ds.Participants != nil {
		return b.ds.Participants.File
	}
	return "participants.tsv"
}

// formulaVariables returns the columns that the formula names.
func (b *builder) formulaVariables() []string {
	f, err := lmm.ParseFormula(b.plan.Model.Formula)
	if err != nil {
		return nil // [ParsePlan] has said so
	}
	return f.Variables()
}

// ownColumns are columns that hold the design, not covariates.
func (b *builder) ownColumns() []string {
	t := b.plan.Trial
	return []string{"participant_id", "session_id", "filename", t.TreatmentColumn, t.PeriodColumn, t.SequenceColumn, t.PhaseColumn, t.TimeColumn, t.ExcludeColumn}
}

// covariates checks the columns that models use beside the design.
func (b *builder) covariates() {
	own := b.ownColumns()
	for _, c := range b.tableColumns() {
		if !slices.Contains(own, c) {
			b.tr.columns = append(b.tr.columns, c)
		}
	}
	slices.Sort(b.tr.columns)
	for _, c := range b.plan.Model.Covariates {
		b.covariate("model.covariates", c)
	}
	for _, v := range b.formulaVariables() {
		if !slices.Contains(modelVariables, v) {
			b.covariate("model.formula", v)
		}
	}
}

// covariate checks one column over the scans in use, and leaves out those that
// have no value of it.
func (b *builder) covariate(key, name string) {
	if slices.Contains(b.ownColumns(), name) {
		b.fault("covariate "+name, b.planFile(), key, "remove it", "%q holds the design itself", clip(name))
		return
	}
	if !b.mustHave(name, key) {
		return
	}
	var values []*reading
	var missing []string
	var without []*draft
	numbers := 0
	for _, d := range b.drafts {
		if d.Excluded != "" {
			continue
		}
		v, file := b.cell(d, name)
		if cellText(v) == "" {
			without = append(without, d)
			if who := "sub-" + d.Subject; !slices.Contains(missing, who) {
				missing = append(missing, who)
			}
			continue
		}
		if isNumber(v) {
			numbers++
		}
		values = append(values, &reading{value: v, file: file, where: d.visit.name(), set: func(string) {}, scan: true})
	}
	if len(values) == 0 {
		b.fault("covariate "+name, b.planFile(), key, "fill the column, or take it out of the plan", "%s is missing for everybody", clip(name))
		return
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		b.warn("covariate missing "+name, values[0].file, name, "fill them in, or take the covariate out of the plan",
			"missing for %s: their scans without it are left out of the analysis", diag.Few(missing, 10))
		// Every model has the covariate, so that none has these scans: flow and
		// design count them as left out.
		for _, d := range without {
			d.Excluded = oneLine(name) + " is missing"
		}
		b.inUse = nil
	}
	distinct := map[string]bool{}
	if 2*numbers > len(values) {
		b.numericCovariate(name, values, distinct)
	} else {
		b.match(name, "", b.spellings(name, values), values)
		for _, v := range values {
			distinct[fold(v.value)] = true
		}
		if len(distinct) > len(b.people)/2 && len(distinct) > 5 {
			b.fault("covariate levels "+name, values[0].file, name, "take it out of the plan, or check the column", "it has %d different values, too many for groups of people", len(distinct))
		}
	}
	if len(distinct) == 1 {
		b.fault("covariate constant "+name, values[0].file, name, "take it out of the plan: it explains nothing", "every scan has %q", clip(values[0].value))
	}
}

// numericCovariate reports cells that are no numbers in a column of numbers.
func (b *builder) numericCovariate(name string, values []*reading, distinct map[string]bool) {
	said := map[string]bool{}
	for _, v := range values {
		if isNumber(v.value) {
			x, _ := strconv.ParseFloat(strings.TrimSpace(v.value), 64)
			distinct[strconv.FormatFloat(x, 'g', -1, 64)] = true
			continue
		}
		id := v.file + "\x00" + v.value
		if said[id] {
			continue
		}
		said[id] = true
		fix := "write a number, or n/a"
		if s := strings.Replace(v.value, ",", ".", 1); isNumber(s) {
			fix = "write " + s
		}
		b.fault("covariate number "+name, v.file, name, fix, "%s has %q, which is not a number", v.where, clip(v.value))
	}
}

func isNumber(s string) bool {
	x, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// finish puts the trial together.
func (b *builder) finish() {
	tr := b.tr
	for _, d := range b.drafts {
		s := d.Scan
		s.Treatment, s.Period = d.visit.treatment, d.visit.period
		if !slices.Contains(tr.Phases, s.Phase) {
			s.Phase = ""
		}
		s.Sequence = b.people[s.Subject].Sequence
		if s.Time == "" {
			s.Time = d.visit.row[b.plan.Trial.TimeColumn]
		}
		s.Columns = map[string]string{}
		for _, row := range []map[string]string{d.visit.row, d.row} {
			for k, v := range row {
				s.Columns[k] = v
			}
		}
		tr.Scans = append(tr.Scans, s)
	}
	slices.SortStableFunc(tr.Scans, func(a, c Scan) int {
		return cmp.Or(cmp.Compare(a.Subject, c.Subject), cmp.Compare(a.Period, c.Period),
			cmp.Compare(slices.Index(tr.Phases, a.Phase), slices.Index(tr.Phases, c.Phase)),
			cmp.Compare(a.Session, c.Session), cmp.Compare(a.Acq, c.Acq), cmp.Compare(a.Run, c.Run), cmp.Compare(a.File, c.File))
	})
	for _, sub := range sortedKeys(b.people) {
		tr.People = append(tr.People, *b.people[sub])
	}
	tr.visits = map[[2]string]visitRecord{}
	for _, v := range b.order {
		if v.treatment != "" {
			tr.visits[[2]string{v.subject, v.treatment}] = visitRecord{v.session, v.excluded, v.lost}
		}
	}
	for _, k := range b.kinds {
		if more := b.counts[k.kind] - maxAlike; more > 0 {
			b.l.Add(&diag.Problem{Severity: k.severity, File: k.file, Field: k.field, Found: fmt.Sprintf("%d more faults of the same kind", more), Fix: "correct them alike"})
		}
	}
	b.l.Sort()
	tr.Problems = b.l
	tr.settle()
}
