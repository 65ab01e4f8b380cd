package crossover

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// baselineWords are phases before anything was given. Where neither plan nor
// tables name the phases, acq- labels are taken for them only if one of these
// is among them.
var baselineWords = []string{"baseline", "pre", "before", "rest", "predose", "preinfusion"}

// phases finds the phase of each scan and the list of all.
func (b *builder) phases() {
	column := b.plan.Trial.PhaseColumn
	planned := b.plan.Trial.Phases
	var values []*reading
	field := column
	switch {
	case slices.ContainsFunc(b.drafts, func(d *draft) bool { return d.Phase != "" }):
		values = b.phaseCells(column)
		b.tr.found["trial.phase_column"] = "found in *_scans.tsv"
	case column != defaultPhaseColumn && !b.mustHave(column, "trial.phase_column"):
		return
	default:
		field = "acq"
		if values = b.phaseLabels(); values != nil {
			break
		}
		if planned == nil {
			b.noPhases(column)
			return
		}
		b.phasesByOrder(planned)
		b.tr.Phases = slices.Clone(planned)
		b.checkPhases()
		return
	}
	if planned != nil {
		b.match(field, "phases", planned, values)
		b.tr.Phases = slices.Clone(planned)
	} else {
		allowed := b.spellings(field, values)
		b.match(field, "", allowed, values)
		b.alike("phases", field, allowed, func(name string) (string, int) {
			file, n := "", 0
			for _, d := range b.drafts {
				if d.Phase == name {
					if n++; file == "" {
						file = d.table
					}
				}
			}
			return file, n
		})
		b.tr.Phases = b.phaseOrder(allowed)
	}
	b.checkPhases()
}

// phaseCells gathers the phases that tables name.
func (b *builder) phaseCells(column string) []*reading {
	var values []*reading
	for _, d := range b.drafts {
		raw := d.Phase
		d.Phase = ""
		if raw == "" {
			if d.Excluded == "" {
				b.fault("no phase", d.table, column, "write the phase of the scan, or leave it out in the plan ([[exclude]])", "%s has no phase", d.File)
			}
			continue
		}
		values = append(values, &reading{value: raw, file: d.table, where: d.File, set: func(s string) { d.Phase = s }, scan: d.Excluded == ""})
	}
	return values
}

// phaseLabels takes acq- labels for phases, if that is what they are; nil if
// not.
func (b *builder) phaseLabels() []*reading {
	known := map[string]string{}
	for _, s := range b.plan.Trial.Phases {
		known[bids.Alphanumeric(s)] = s
	}
	hit := false
	labels := map[string]bool{}
	var values []*reading
	for _, d := range b.drafts {
		if d.Acq == "" {
			return nil
		}
		value := d.Acq
		if s, ok := known[d.Acq]; ok {
			value, hit = s, true
		}
		if b.plan.Trial.Phases == nil && slices.Contains(baselineWords, strings.ToLower(d.Acq)) {
			hit = true
		}
		labels[d.Acq] = true
		values = append(values, &reading{value: value, file: d.File, where: d.File, set: func(s string) { d.Phase = s }, scan: d.Excluded == ""})
	}
	if !hit || len(labels) < 2 {
		return nil
	}
	b.infer("trial.phase_column", "Phases are taken from the acq- labels of the files, as no scans.tsv has a column %s.", b.plan.Trial.PhaseColumn)
	return values
}

func (b *builder) noPhases(column string) {
	fix := "add a column " + column + " to *_scans.tsv, or write the phases in order of acquisition into the plan: [trial] phases = [\"baseline\", \"…\"]"
	if near, ok := diag.Nearest(column, b.tableColumns()); ok {
		fix = "rename the column " + near + " to " + column + ", or write phase_column = \"" + near + "\" into the plan"
	}
	b.fault("no phases", b.drafts[0].table, column, fix, "nothing tells the phase of a scan: no scans.tsv has the column, and acq- labels do not name phases")
}

// phasesByOrder gives the scans of each visit the planned phases in order of
// run, or of time where there are no runs.
func (b *builder) phasesByOrder(planned []string) {
	byTime := 0
	for _, v := range b.order {
		scans := slices.DeleteFunc(slices.Clone(v.drafts), func(d *draft) bool { return d.Excluded != "" && d.Run == "" })
		if len(scans) == 0 {
			continue
		}
		runs := make([]int, len(scans))
		for i, d := range scans {
			runs[i] = runNumber(d.Run)
		}
		if lo := slices.Min(runs); lo > 0 && slices.Max(runs) <= len(planned) && len(slices.Compact(slices.Sorted(slices.Values(runs)))) == len(runs) {
			for i, d := range scans {
				d.Phase = planned[runs[i]-1]
			}
			continue
		}
		if len(scans) != len(planned) {
			b.fault("phases by order", scans[0].table, b.plan.Trial.PhaseColumn, "add the column "+b.plan.Trial.PhaseColumn+" with the phase of each scan",
				"%s has %d scans where the plan has %d phases: which is which cannot be told", v.name(), len(scans), len(planned))
			continue
		}
		times, ok := b.times(scans)
		if !ok {
			b.fault("phases by order", scans[0].table, b.plan.Trial.PhaseColumn, "add the column "+b.plan.Trial.PhaseColumn+" with the phase of each scan",
				"the scans of %s have neither phase nor run nor time", v.name())
			continue
		}
		byTime++
		for rank, i := range rankOrder(times) {
			scans[i].Phase = planned[rank]
		}
	}
	how := "the order of runs"
	if byTime > 0 {
		how = "the order of acquisition"
	}
	b.infer("trial.phase_column", "Phases (%s) are taken from %s within each session, as no scans.tsv has a column %s.", strings.Join(planned, ", "), how, b.plan.Trial.PhaseColumn)
}

// rankOrder returns the indices of values from smallest to largest.
func rankOrder(values []float64) []int {
	out := make([]int, len(values))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, c int) int { return cmp.Compare(values[a], values[c]) })
	return out
}

// times returns the times of acquisition of scans [s from any origin], if all
// are known, comparable and different.
func (b *builder) times(scans []*draft) ([]float64, bool) {
	out := make([]float64, len(scans))
	var form timeForm
	for i, d := range scans {
		t, f, err := parseTime(d.Time)
		if err != nil || i > 0 && f != form {
			return nil, false
		}
		out[i], form = float64(t.Unix())+float64(t.Nanosecond())/1e9, f
	}
	sorted := slices.Sorted(slices.Values(out))
	return out, len(slices.Compact(sorted)) == len(out)
}

// phaseOrder puts phases in order of acquisition: by time where known, else by
// run, else the baseline first and the others by name.
func (b *builder) phaseOrder(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	rank := map[string]float64{}
	n := map[string]float64{}
	how := ""
	for pass := range 2 {
		for _, v := range b.order {
			scans := slices.DeleteFunc(slices.Clone(v.drafts), func(d *draft) bool { return d.Excluded != "" || d.Phase == "" })
			if len(scans) < 2 {
				continue
			}
			values, ok := b.times(scans)
			if pass == 1 {
				values, ok = make([]float64, len(scans)), true
				for i, d := range scans {
					values[i] = float64(runNumber(d.Run))
					ok = ok && values[i] > 0
				}
			}
			if !ok {
				continue
			}
			for r, i := range rankOrder(values) {
				rank[scans[i].Phase] += float64(r) / float64(len(scans)-1)
				n[scans[i].Phase]++
			}
		}
		if len(n) == len(names) {
			how = []string{"by time of acquisition", "by run"}[pass]
			break
		}
		clear(rank)
		clear(n)
	}
	out := slices.Clone(names)
	position := func(s string) float64 {
		if n[s] > 0 {
			return rank[s] / n[s]
		}
		if slices.Contains(baselineWords, strings.ToLower(s)) {
			return math.Inf(-1)
		}
		return 0
	}
	slices.SortStableFunc(out, func(a, c string) int { return cmp.Or(cmp.Compare(position(a), position(c)), cmp.Compare(a, c)) })
	if how == "" {
		how = "by name, as neither time nor run tells"
	}
	b.infer("trial.phases", "Phases, in order (%s): %s.", how, strings.Join(out, ", "))
	return out
}

// checkPhases checks that there is something to compare and that times agree
// with the order of phases.
func (b *builder) checkPhases() {
	n := map[string]int{}
	example := map[string]*draft{}
	for _, d := range b.drafts {
		if d.Excluded == "" && d.Phase != "" {
			n[d.Phase]++
			example[d.Phase] = d
		}
	}
	for _, s := range b.tr.Phases {
		switch {
		case n[s] == 0:
			b.fault("phase without scan", b.planFile(), "trial.phases", "correct the name, or remove it", "no scan is of the phase %q", clip(s))
		case n[s] == 1 && b.scanned() > 1:
			b.fault("phase of one scan", example[s].table, b.plan.Trial.PhaseColumn, "correct it, or leave the scan out in the plan ([[exclude]])", "%q is the phase of one scan only, %s", clip(s), example[s].File)
		}
	}
	if len(b.tr.Phases) == 1 {
		b.fault("one phase", b.drafts[0].table, b.plan.Trial.PhaseColumn, "check the tables: at least a baseline and a later phase are compared", "every scan is of the phase %q", clip(b.tr.Phases[0]))
	}
	for _, v := range b.order {
		scans := slices.DeleteFunc(slices.Clone(v.drafts), func(d *draft) bool { return d.Excluded != "" || d.Phase == "" || d.Time == "" })
		slices.SortStableFunc(scans, func(a, c *draft) int {
			return cmp.Compare(slices.Index(b.tr.Phases, a.Phase), slices.Index(b.tr.Phases, c.Phase))
		})
		values, ok := b.times(scans)
		if !ok {
			continue
		}
		for i := 1; i < len(scans); i++ {
			if values[i] < values[i-1] && scans[i].Phase != scans[i-1].Phase {
				b.fault("phase against time", scans[i].table, b.plan.Trial.TimeColumn, "correct the phases or the times",
					"in %s the %s scan (%s) was acquired before the %s scan (%s)", v.name(), scans[i].Phase, scans[i].Time, scans[i-1].Phase, scans[i-1].Time)
				break
			}
		}
	}
	b.tr.Challenge = b.plan.Trial.Challenge
	if b.tr.Challenge == "" && len(b.tr.Phases) > 1 {
		b.tr.Challenge = b.tr.Phases[1]
	}
}

// cellName names a place in the design.
func cellName(treatment, phase string) string { return fmt.Sprintf("%s, %s", treatment, phase) }
