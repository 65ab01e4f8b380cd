package crossover

import (
	"cmp"
	"slices"
	"strings"

	"phasl/diag"
)

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
