package crossover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// periods finds the period of each visit: from its column, else from the order
// in time, else from the sequence, else from numeric session labels.
func (b *builder) periods() {
	column := b.plan.Trial.PeriodColumn
	has := slices.ContainsFunc(b.order, func(v *visit) bool { return b.periodCell(v) != "" })
	if !has && column != defaultPeriodColumn && !b.mustHave(column, "trial.period_column") {
		return
	}
	problem := b.fault
	if has { // then times only confirm
		problem = b.warn
	}
	times := b.visitTimes(problem)
	people := map[string][]*visit{}
	for _, v := range b.order {
		// A visit that is no part of the comparison (a screening) is no period.
		if v.treatment != "" && slices.Contains(b.tr.Treatments, v.treatment) {
			people[v.subject] = append(people[v.subject], v)
		}
	}
	how := map[string]int{}
	var rest []string // those with a missing visit: one visit has no order
	for _, sub := range sortedKeys(people) {
		visits := people[sub]
		crowded := b.crowded(visits)
		b.checkDates(visits, times)
		switch {
		case crowded: // which visit counts is not known
		case has:
			b.periodsFromColumn(visits, times)
		case b.periodsFromTime(visits, times):
			how["time"]++
		default:
			rest = append(rest, sub)
		}
	}
	codes := b.sequenceCodes()
	for _, sub := range rest {
		visits := people[sub]
		switch {
		case b.periodsFromSequence(visits, codes):
			how["sequence"]++
		case b.periodsFromLabels(visits):
			how["label"]++
		case b.usedVisits(visits) > 0:
			b.fault("no period", visits[0].table, column, "add a column "+column+" (1, 2) to sub-*_sessions.tsv, or times ("+b.plan.Trial.TimeColumn+")",
				"which visit of sub-%s came first cannot be told: there is no period, its times do not tell, and nor do its session labels", sub)
		}
	}
	if has {
		b.tr.found["trial.period_column"] = "found"
		return
	}
	for _, k := range []struct{ key, text string }{
		{"time", "Periods are taken from the order of each person's visits in time (%s), as no table has a column %s (%d %s)."},
		{"sequence", "Periods are taken from the sequence in participants.tsv where %s does not tell (a visit or a time is missing) and no table has a column %s (%d %s)."},
		{"label", "Periods are taken from the numbers of the session labels where %s does not tell (a visit or a time is missing) and no table has a column %s (%d %s)."},
	} {
		if n := how[k.key]; n > 0 {
			b.infer("trial.period_column", k.text, b.plan.Trial.TimeColumn, column, n, plural(n, "person", "people"))
		}
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func (b *builder) usedVisits(visits []*visit) (n int) {
	for _, v := range visits {
		if v.used() {
			n++
		}
	}
	return n
}

// periodCell returns the period as the tables have it.
func (b *builder) periodCell(v *visit) string {
	column := b.plan.Trial.PeriodColumn
	if s := v.row[column]; s != "" {
		return s
	}
	for _, d := range v.drafts {
		if s := d.row[column]; s != "" {
			return s
		}
	}
	return ""
}

// crowded reports a person with more than one visit under a treatment.
func (b *builder) crowded(visits []*visit) (yes bool) {
	first := map[string]*visit{}
	used := 0
	var names []string
	for _, v := range visits {
		if v.used() {
			used++
			names = append(names, "ses-"+v.session)
		}
	}
	for _, v := range visits {
		if !v.used() {
			continue
		}
		if o := first[v.treatment]; o != nil {
			yes = true
			b.fault("sessions of one treatment", v.table, b.plan.Trial.TreatmentColumn,
				fmt.Sprintf("correct the treatment, or leave one out in the plan: [[exclude]] subject = %q, session = %q, reason = \"…\"", v.subject, v.session),
				"ses-%s and ses-%s of sub-%s are both under %s (it has %d %s, %s, for %d treatments)", o.session, v.session, v.subject, v.treatment,
				used, plural(used, "session", "sessions"), strings.Join(names, ", "), len(b.tr.Treatments))
			continue
		}
		first[v.treatment] = v
	}
	return yes
}

// periodsFromColumn reads periods and compares them with times.
func (b *builder) periodsFromColumn(visits []*visit, times map[*visit]visitTime) {
	column := b.plan.Trial.PeriodColumn
	taken := map[int]*visit{}
	for _, v := range visits {
		cell := b.periodCell(v)
		if cell == "" {
			if v.used() {
				b.fault("period missing", v.table, column, "write 1 for the first visit, 2 for the second", "%s has no period", v.name())
			}
			continue
		}
		n, err := strconv.Atoi(strings.TrimSpace(cell))
		if err != nil || n < 1 || n > len(b.tr.Treatments) {
			b.fault("period value", v.table, column, fmt.Sprintf("write a whole number from 1 to %d", len(b.tr.Treatments)), "%s has %q, which is not the number of a period", v.name(), clip(cell))
			continue
		}
		if o := taken[n]; o != nil {
			if v.used() || o.used() {
				b.fault("period twice", v.table, column, "correct one of them", "ses-%s and ses-%s of sub-%s are both period %d", o.session, v.session, v.subject, n)
			}
			continue
		}
		taken[n] = v
		v.period = n
	}
	for _, v := range visits {
		for _, o := range visits {
			t, okT := times[v]
			u, okU := times[o]
			if okT && okU && t.form == u.form && v.period > 0 && o.period > v.period && u.time.Before(t.time) {
				b.fault("period against time", v.table, column, "correct the periods or the times",
					"sub-%s has ses-%s as period %d (%s) and ses-%s as period %d (%s), which was earlier", v.subject, v.session, v.period, t.text, o.session, o.period, u.text)
			}
		}
	}
}

// periodsFromTime ranks all visits of a person in time. It says nothing if one
// is missing: a person's only visit may have been the second.
func (b *builder) periodsFromTime(visits []*visit, times map[*visit]visitTime) bool {
	if len(visits) != len(b.tr.Treatments) {
		return false
	}
	sorted := slices.Clone(visits)
	for _, v := range visits {
		if t, ok := times[v]; !ok || t.form != times[visits[0]].form {
			return false
		}
	}
	slices.SortStableFunc(sorted, func(a, c *visit) int { return times[a].time.Compare(times[c].time) })
	for i, v := range sorted {
		if i > 0 && times[v].time.Equal(times[sorted[i-1]].time) {
			return false
		}
	}
	for i, v := range sorted {
		v.period = i + 1
	}
	return true
}

// periodsFromSequence takes periods from the order of treatments that
// participants.tsv gives, by name or by a code that other people's visits
// explain.
func (b *builder) periodsFromSequence(visits []*visit, codes map[string][]string) bool {
	cell := b.people[visits[0].subject].Columns[b.plan.Trial.SequenceColumn]
	order := b.namedOrder(cell)
	if order == nil {
		order = codes[cell]
	}
	if order == nil {
		return false
	}
	for _, v := range visits {
		v.period = slices.Index(order, v.treatment) + 1
	}
	return true
}

// periodsFromLabels takes periods from session labels that are the numbers 1
// to the number of treatments.
func (b *builder) periodsFromLabels(visits []*visit) bool {
	periods := make([]int, len(visits))
	for i, v := range visits {
		n, err := strconv.Atoi(v.session)
		if err != nil || n < 1 || n > len(b.tr.Treatments) || slices.Contains(periods[:i], n) {
			return false
		}
		periods[i] = n
	}
	for i, v := range visits {
		v.period = periods[i]
	}
	return true
}
