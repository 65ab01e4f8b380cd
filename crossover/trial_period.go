package crossover

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"phasl/diag"
)

// A timeForm is how a time is written. Times of different forms cannot be
// compared safely.
type timeForm int

const (
	localTime timeForm = iota // date and time, zone not said
	zonedTime                 // with Z or an offset
	dateOnly
	clockOnly // time of day: orders scans of a visit, not visits
)

var timeForms = []struct {
	layout string
	form   timeForm
}{
	{"2006-01-02T15:04:05.999999999", localTime},
	{"2006-01-02 15:04:05.999999999", localTime},
	{"2006-01-02T15:04", localTime},
	{"2006-01-02T15:04:05.999999999Z07:00", zonedTime},
	{"2006-01-02", dateOnly},
	{"15:04:05.999999999", clockOnly},
	{"15:04", clockOnly},
}

// parseTime reads a time as BIDS writes it (2021-03-05T10:00:00), or nearly.
func parseTime(s string) (time.Time, timeForm, error) {
	for _, f := range timeForms {
		if t, err := time.Parse(f.layout, strings.TrimSpace(s)); err == nil {
			return t, f.form, nil
		}
	}
	return time.Time{}, 0, errors.New("not a time as BIDS writes it")
}

// lastShifted is the last year of dates that were shifted so as not to tell
// when a person was scanned.
//
// Source: BIDS 1.10, Common principles, "Describing dates and timestamps":
// shifted dates are set to 1925 or earlier.
const lastShifted = 1925

// A visitTime is when a visit was, as far as the tables say.
type visitTime struct {
	time  time.Time
	form  timeForm
	text  string // as written
	table string
	known bool
}

// visitTimes finds the time of each visit: of its row in sessions.tsv, else of
// its earliest scan. problem reports what cannot be read.
func (b *builder) visitTimes(problem func(kind, file, field, fix, found string, args ...any)) map[*visit]visitTime {
	column := b.plan.Trial.TimeColumn
	out := map[*visit]visitTime{}
	read := func(text, table, where string) (visitTime, bool) {
		if text == "" {
			return visitTime{}, false
		}
		t, form, err := parseTime(text)
		if err != nil {
			problem("time format", table, column, "write it as BIDS does: 2021-03-05T10:00:00", "%s has %q, which is not a date and time", where, clip(text))
			return visitTime{}, false
		}
		return visitTime{t, form, text, table, form != clockOnly}, true
	}
	for _, v := range b.order {
		own, ok := read(v.row[column], v.table, v.name())
		var first visitTime
		for _, d := range v.drafts {
			if t, ok := read(d.Time, d.table, d.File); ok && t.known && (!first.known || t.form == first.form && t.time.Before(first.time)) {
				first = t
			}
		}
		if ok && own.known {
			out[v] = own
			if first.known && first.form == own.form && own.form != dateOnly && own.time.Sub(first.time).Abs() > 36*time.Hour {
				problem("session and scans apart", v.table, column, "correct one of them", "%s is dated %s, its scans %s in %s", v.name(), own.text, first.text, first.table)
			}
		} else if first.known {
			out[v] = first
		}
	}
	return out
}

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

// checkDates reports dates of one person that cannot be compared or believed.
func (b *builder) checkDates(visits []*visit, times map[*visit]visitTime) {
	column := b.plan.Trial.TimeColumn
	var prev *visit
	for _, v := range visits {
		t, ok := times[v]
		if !ok {
			continue
		}
		if prev != nil {
			o := times[prev]
			gap := t.time.Sub(o.time).Abs()
			switch {
			case t.form != o.form:
				b.fault("mixed times", t.table, column, "write both in one form, 2021-03-05T10:00:00", "ses-%s of sub-%s has %s and ses-%s has %s: they cannot be compared", prev.session, v.subject, o.text, v.session, t.text)
			case (t.time.Year() <= lastShifted) != (o.time.Year() <= lastShifted):
				b.fault("one date shifted", t.table, column, "shift all dates of a person alike", "ses-%s of sub-%s has %s and ses-%s has %s: one is shifted and the other not", prev.session, v.subject, o.text, v.session, t.text)
			case gap == 0:
				b.fault("same time", t.table, column, "correct one of them", "ses-%s and ses-%s of sub-%s have the same time, %s", prev.session, v.session, v.subject, t.text)
			case gap > 2*365*24*time.Hour:
				b.warn("visits far apart", t.table, column, "check the dates", "ses-%s and ses-%s of sub-%s are %d days apart", prev.session, v.session, v.subject, int(gap.Hours()/24))
			}
			a, errA := strconv.Atoi(prev.session)
			c, errC := strconv.Atoi(v.session)
			if errA == nil && errC == nil && t.form == o.form && (a < c) != o.time.Before(t.time) && gap > 0 {
				b.warn("label against time", t.table, column, "check the dates", "ses-%s of sub-%s is dated %s, ses-%s %s: labels and dates are not in the same order", prev.session, v.subject, o.text, v.session, t.text)
			}
		}
		prev = v
	}
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

// sequenceCodes returns the order of treatments that each code of the sequence
// column stands for, where all people whose visits are known agree.
func (b *builder) sequenceCodes() map[string][]string {
	known := b.derivedSequences()
	out := map[string][]string{}
	text := map[string]string{}
	for _, sub := range sortedKeys(known) {
		cell := b.people[sub].Columns[b.plan.Trial.SequenceColumn]
		if cell == "" {
			continue
		}
		if _, seen := text[cell]; !seen {
			text[cell] = known[sub]
			out[cell] = make([]string, len(b.tr.Treatments))
			for _, v := range b.order {
				if v.subject == sub && v.period > 0 {
					out[cell][v.period-1] = v.treatment
				}
			}
		} else if text[cell] != known[sub] {
			out[cell] = nil
		}
	}
	for cell, order := range out {
		if slices.Contains(order, "") {
			out[cell] = nil
		}
	}
	return out
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

// namedOrder reads a sequence that names every treatment, such as
// placebo-naltrexone; nil if the text is no such.
func (b *builder) namedOrder(text string) []string {
	text = fold(text)
	if text == "" {
		return nil
	}
	type found struct {
		at   int
		name string
	}
	byLength := slices.Clone(b.tr.Treatments)
	slices.SortStableFunc(byLength, func(a, c string) int { return len(c) - len(a) })
	var hits []found
	for _, name := range byLength {
		f := fold(name)
		at := strings.Index(text, f)
		if at < 0 {
			return nil
		}
		hits = append(hits, found{at, name})
		text = text[:at] + strings.Repeat("\x00", len(f)) + text[at+len(f):] // a name within another is not taken twice
	}
	slices.SortFunc(hits, func(a, c found) int { return cmp.Compare(a.at, c.at) })
	out := make([]string, len(hits))
	for i, h := range hits {
		out[i] = h.name
	}
	return out
}

// sequences finds the order of treatments of each person.
func (b *builder) sequences() {
	column := b.plan.Trial.SequenceColumn
	has := slices.ContainsFunc(sortedKeys(b.people), func(s string) bool { return b.people[s].Columns[column] != "" })
	if !has && column != defaultSequenceColumn && !b.mustHave(column, "trial.sequence_column") {
		return
	}
	b.tr.sequenced = has
	derived := b.derivedSequences()
	if !has {
		for sub, s := range derived {
			b.people[sub].Sequence = s
		}
		b.infer("trial.sequence_column", "Sequences are taken from the treatments by period, as participants.tsv has no column %s.", column)
	} else {
		b.tr.found["trial.sequence_column"] = "found in participants.tsv"
		b.sequencesFromColumn(column, derived)
	}
	for _, v := range b.order {
		if v.used() && (v.treatment == "" || v.period == 0) {
			b.unplaced[v.subject] = true // which was said
		}
	}
	all := map[string]bool{}
	for _, sub := range sortedKeys(b.people) {
		p := b.people[sub]
		if p.Sequence != "" {
			all[p.Sequence] = true
			continue
		}
		if b.scannedAndUsed(sub) && !b.unplaced[sub] {
			b.fault("no sequence", "participants.tsv", column, "write the order of treatments, such as "+strings.Join(b.tr.Treatments, "-"),
				"the sequence of sub-%s is unknown: the table does not say, and not all of its visits are known", sub)
		}
	}
	b.tr.Sequences = sortedKeys(all)
}

// scannedAndUsed tells whether a scan of a person is analysed, once exclusions
// are known.
func (b *builder) scannedAndUsed(sub string) bool {
	if b.inUse == nil {
		b.inUse = map[string]bool{}
		for _, d := range b.drafts {
			if d.Excluded == "" {
				b.inUse[d.Subject] = true
			}
		}
	}
	return b.inUse[sub]
}

// derivedSequences tells the order of treatments of each person from its
// visits. A single unknown visit has the treatment that is left.
func (b *builder) derivedSequences() map[string]string {
	orders := map[string][]string{}
	n := len(b.tr.Treatments)
	for _, v := range b.order {
		if v.treatment == "" || v.period < 1 || v.period > n {
			continue
		}
		if orders[v.subject] == nil {
			orders[v.subject] = make([]string, n)
		}
		orders[v.subject][v.period-1] = v.treatment
	}
	out := map[string]string{}
	for sub, order := range orders {
		gap, gaps := -1, 0
		for i, s := range order {
			if s == "" {
				gap, gaps = i, gaps+1
			}
		}
		if gaps == 1 {
			for _, s := range b.tr.Treatments {
				if !slices.Contains(order, s) {
					order[gap], gaps = s, 0
				}
			}
		}
		distinct := len(slices.Compact(slices.Sorted(slices.Values(order))))
		if gaps == 0 && distinct == n && b.people[sub] != nil {
			out[sub] = strings.Join(order, "-")
		}
	}
	return out
}

// sequencesFromColumn reads the column, which may name the treatments or hold
// codes (AB, BA, 1, 2) that the visits explain, and compares it with them.
func (b *builder) sequencesFromColumn(column string, derived map[string]string) {
	file := b.ds.Participants.File
	var values []*reading
	cells := map[string]string{}
	for _, sub := range sortedKeys(b.people) {
		cell := b.people[sub].Columns[column]
		if cell == "" {
			b.people[sub].Sequence = derived[sub]
			continue
		}
		values = append(values, &reading{value: cell, file: file, where: "sub-" + sub, scan: true, set: func(s string) { cells[sub] = s }})
	}
	b.match(column, "", b.spellings(column, values), values)
	meaning := map[string]map[string]int{} // code → order → people
	for _, sub := range sortedKeys(cells) {
		cell := cells[sub]
		if order := b.namedOrder(cell); order != nil {
			b.people[sub].Sequence = strings.Join(order, "-")
			if d := derived[sub]; d != "" && d != b.people[sub].Sequence {
				b.sequenceAgainst(file, column, sub, cell, d)
			}
			continue
		}
		if meaning[cell] == nil {
			meaning[cell] = map[string]int{}
		}
		if d := derived[sub]; d != "" {
			meaning[cell][d]++
		}
	}
	order := map[string]string{}
	code := map[string]string{} // order → code
	for _, c := range sortedKeys(meaning) {
		best := ""
		for _, o := range sortedKeys(meaning[c]) {
			if best == "" || meaning[c][o] > meaning[c][best] {
				best = o
			}
		}
		if best == "" {
			order[c] = c // nobody's visits explain it
			continue
		}
		order[c] = best
		if other := code[best]; other != "" {
			fix := "use one code for each order"
			if near, ok := diag.Nearest(c, []string{other}); ok {
				fix = "write " + near + ", or correct the treatments"
			}
			b.fault("codes of one order", file, column, fix, "%q and %q both stand for %s", clip(other), clip(c), best)
			continue
		}
		code[best] = c
		b.infer("trial.sequence_column", "Sequence %s is %s, as the visits show.", c, strings.ReplaceAll(best, "-", ", then "))
	}
	for _, sub := range sortedKeys(cells) {
		p := b.people[sub]
		if p.Sequence != "" || order[cells[sub]] == "" {
			continue
		}
		p.Sequence = order[cells[sub]]
		if d := derived[sub]; d != "" && d != p.Sequence {
			b.sequenceAgainst(file, column, sub, cells[sub]+", which is "+p.Sequence+" in others", d)
		}
	}
}

func (b *builder) sequenceAgainst(file, column, sub, cell, derived string) {
	b.fault("sequence against visits", file, column, "correct the sequence, or the treatments or times of the visits",
		"sub-%s has %s, but its visits were %s", sub, clip(cell), strings.ReplaceAll(derived, "-", ", then "))
}
