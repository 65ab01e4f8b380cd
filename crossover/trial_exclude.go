package crossover

import (
	"fmt"
	"slices"
	"strings"

	"phasl/diag"
)

// exclude leaves scans out as the plan and the tables' column say. Exclusions
// that name a phase wait until phases are known.
func (b *builder) exclude(phases bool) {
	if !phases {
		b.excludeByColumn()
	}
	for i, e := range b.plan.Exclude {
		if (e.Phase != "") != phases {
			continue
		}
		matched := false
		for _, d := range b.drafts {
			if !e.matches(d) {
				continue
			}
			matched = true
			if d.Excluded == "" {
				d.Excluded = e.Reason
			}
		}
		if !matched {
			b.unmatched(i, e)
		}
	}
}

func (e Exclusion) matches(d *draft) bool {
	sameRun := e.Run == "" || e.Run == d.Run || runNumber(e.Run) > 0 && runNumber(e.Run) == runNumber(d.Run)
	return (e.Subject == "" || e.Subject == d.Subject) && (e.Session == "" || e.Session == d.Session) &&
		sameRun && (e.Phase == "" || e.Phase == d.Phase)
}

// unmatched reports an exclusion that leaves nothing out: if its label is
// misspelt, a scan stays in that should not.
func (b *builder) unmatched(i int, e Exclusion) {
	if e.Subject != "" && b.people[e.Subject] != nil && !slices.ContainsFunc(b.drafts, func(d *draft) bool { return d.Subject == e.Subject }) {
		return // a participant without scans here: nothing to leave out
	}
	var subjects, sessions []string
	for _, d := range b.drafts {
		if e.Subject == "" || d.Subject == e.Subject {
			sessions = append(sessions, d.Session)
		}
		subjects = append(subjects, d.Subject)
	}
	fix := "correct the labels, or remove the exclusion"
	if e.Subject != "" && !slices.Contains(subjects, e.Subject) {
		if near, ok := diag.Nearest(e.Subject, subjects); ok {
			fix = "write subject = \"" + near + "\", or remove the exclusion"
		}
	} else if e.Session != "" && !slices.Contains(sessions, e.Session) {
		if near, ok := diag.Nearest(e.Session, sessions); ok {
			fix = "write session = \"" + near + "\", or remove the exclusion"
		}
	}
	b.fault("exclusion without scan", b.planFile(), fmt.Sprintf("%s[%d]", excludeArray, i), fix, "no scan is %s", clip(e.String()))
}

// String names what an exclusion leaves out.
func (e Exclusion) String() string {
	var parts []string
	for _, s := range [][2]string{{"sub-", e.Subject}, {"ses-", e.Session}, {"run-", e.Run}, {"phase ", e.Phase}} {
		if s[1] != "" {
			parts = append(parts, s[0]+s[1])
		}
	}
	return strings.Join(parts, ", ")
}

// excludeByColumn takes reasons from the tables' column.
func (b *builder) excludeByColumn() {
	column := b.plan.Trial.ExcludeColumn
	if column != defaultExcludeColumn {
		b.mustHave(column, "trial.exclude_column")
	}
	for _, d := range b.drafts {
		for _, row := range []map[string]string{b.people[d.Subject].Columns, d.visit.row, d.row} {
			if why := exclusionReason(column, row[column]); why != "" && d.Excluded == "" {
				d.Excluded = why
			}
		}
	}
	for _, p := range b.people {
		p.Excluded = exclusionReason(column, p.Columns[column])
	}
	for _, v := range b.order {
		v.excluded = exclusionReason(column, v.row[column])
	}
}

// exclusionReason reads a cell of the column: words for no leave a scan in,
// words for yes give no reason of their own.
func exclusionReason(column, cell string) string {
	switch fold(cell) {
	case "", "0", "no", "false":
		return ""
	case "1", "yes", "true":
		return "marked in the column " + column
	}
	return oneLine(cell)
}

// mustHave reports a column that the plan names and no table has.
func (b *builder) mustHave(column, key string) bool {
	columns := b.tableColumns()
	if slices.Contains(columns, column) {
		return true
	}
	fix := "correct the name, or remove the key"
	if near, ok := diag.Nearest(column, columns); ok {
		fix = "write " + near
	}
	b.fault("column "+column, b.planFile(), key, fix, "no table has a column %q", clip(column))
	return false
}

// duplicates reports two scans of one person that hold the same place.
func (b *builder) duplicates() {
	type place struct{ subject, session, phase string }
	first := map[place]*draft{}
	for _, d := range b.drafts {
		if d.Excluded != "" || d.Phase == "" {
			continue
		}
		k := place{d.Subject, d.Session, d.Phase}
		if o := first[k]; o != nil {
			b.fault("duplicate", d.File, "phase", fmt.Sprintf("leave one out in the plan: [[exclude]] subject = %q, session = %q, run = %q, reason = \"…\"", d.Subject, d.Session, d.Run),
				"%s and %s are both the %s scan of %s", o.File, d.File, d.Phase, d.visit.name())
			continue
		}
		first[k] = d
	}
}
