package crossover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// controlWords are treatments that are no drug. Where neither plan nor tables
// name the treatments, session labels are taken for them only if one of these
// is among them.
var controlWords = []string{"placebo", "control", "sham", "vehicle", "saline"}

// A reading is one value of a table, for messages.
type reading struct {
	value string
	file  string
	where string // "sub-01 ses-1"
	set   func(string)
	scan  bool // a scan that is used depends on it
}

// treatments finds the treatment of each visit and the list of all.
func (b *builder) treatments() {
	column := b.plan.Trial.TreatmentColumn
	var values []*reading
	bySession := slices.ContainsFunc(b.order, func(v *visit) bool { return v.row[column] != "" })
	byScan := slices.ContainsFunc(b.drafts, func(d *draft) bool { return d.row[column] != "" })
	switch {
	case bySession || byScan:
		values = b.treatmentCells(column, bySession, byScan)
	case column != defaultTreatmentColumn && !b.mustHave(column, "trial.treatment_column"):
		return
	default:
		if slices.ContainsFunc(sortedKeys(b.people), func(s string) bool { return b.people[s].Columns[column] != "" }) {
			b.fault("treatment of people", "participants.tsv", column, "write the treatment of each session into sub-*_sessions.tsv",
				"the treatment stands once for each person, but in a crossover everybody has every treatment")
			return
		}
		if values = b.treatmentLabels(); values == nil {
			b.noTreatments(column)
			return
		}
	}
	field := column
	if !bySession && !byScan {
		field = "session"
	}
	allowed := b.plan.Trial.Treatments
	key := "treatments"
	if allowed == nil {
		allowed = b.spellings(field, values)
		key = ""
	}
	b.match(field, key, allowed, values)
	b.orderTreatments(allowed)
}

// treatmentCells reads the treatment of each visit from its row of
// sessions.tsv, else from the rows of its scans, which must agree.
func (b *builder) treatmentCells(column string, bySession, byScan bool) []*reading {
	var values []*reading
	for _, v := range b.order {
		r := &reading{value: v.row[column], file: v.table, where: v.name(), set: func(s string) { v.treatment = s }, scan: v.used()}
		for _, d := range v.drafts {
			value := d.row[column]
			switch {
			case value == "":
			case r.value == "":
				r.value, r.file = value, d.table
			case r.value != value:
				b.fault("treatments of one session", d.table, column, "write one treatment for each session",
					"%s has %q here and %q in %s", v.name(), clip(value), clip(r.value), r.file)
			}
		}
		switch {
		case r.value != "":
			values = append(values, r)
		case !r.scan, v.session == "": // the missing session was said
		case bySession && v.row == nil:
			b.fault("no treatment", v.table, column, "add a row for ses-"+v.session+" with its treatment, or leave the session out in the plan ([[exclude]])",
				"%s has scans and no treatment: the table has no row for it", v.name())
		case bySession:
			b.fault("no treatment", v.table, column, "write the treatment, or leave the session out in the plan ([[exclude]])", "%s has scans and no treatment", v.name())
		default:
			b.fault("no treatment", scansTable(v.subject, v.session), column, "write the treatment, or leave the session out in the plan ([[exclude]])", "%s has scans and no treatment", v.name())
		}
	}
	if bySession {
		b.tr.found["trial.treatment_column"] = "found in *_sessions.tsv"
	} else {
		b.tr.found["trial.treatment_column"] = "found in *_scans.tsv"
	}
	return values
}

// treatmentLabels takes session labels for treatments, if that is what they
// are; nil if not.
func (b *builder) treatmentLabels() []*reading {
	labels := map[string]bool{}
	var values []*reading
	known := map[string]string{} // label → treatment
	for _, t := range b.plan.Trial.Treatments {
		known[bids.Alphanumeric(t)] = t
	}
	hit := false
	for _, v := range b.order {
		if len(v.drafts) == 0 {
			continue
		}
		value := v.session
		if t, ok := known[value]; ok {
			value, hit = t, true
		}
		labels[v.session] = true
		values = append(values, &reading{value: value, file: v.drafts[0].File, where: v.name(), set: func(s string) { v.treatment = s }, scan: v.used()})
	}
	if b.plan.Trial.Treatments == nil {
		digits := false
		for s := range labels {
			digits = digits || strings.ContainsAny(s, "0123456789")
			hit = hit || slices.Contains(controlWords, strings.ToLower(s))
		}
		hit = hit && !digits && len(labels) > 1
	}
	if !hit {
		return nil
	}
	b.infer("trial.treatment_column", "Treatments are taken from the session labels, as no table has a column %s.", b.plan.Trial.TreatmentColumn)
	return values
}

func (b *builder) noTreatments(column string) {
	file := "sessions.tsv"
	for _, v := range b.order {
		if len(v.drafts) > 0 {
			file = v.table
			break
		}
	}
	fix := "add a column " + column + " to sub-*_sessions.tsv; or, where session labels name the treatments, write them into the plan: [trial] treatments = [\"placebo\", \"…\"]"
	if near, ok := diag.Nearest(column, b.tableColumns()); ok {
		fix = "rename the column " + near + " to " + column + ", or write treatment_column = \"" + near + "\" into the plan"
	}
	b.fault("no treatments", file, column, fix, "nothing tells the treatment of a session: no table has the column, and session labels do not name treatments")
}

// spellings returns the distinct values, each as it is spelt most often:
// values that differ only by case or blanks are one.
func (b *builder) spellings(field string, values []*reading) []string {
	count := map[string]map[string]int{} // folded → as spelt
	for _, r := range values {
		if !r.scan {
			continue
		}
		f := fold(r.value)
		if count[f] == nil {
			count[f] = map[string]int{}
		}
		count[f][r.value]++
	}
	var out []string
	for _, f := range sortedKeys(count) {
		best := ""
		for _, s := range sortedKeys(count[f]) {
			clean := strings.TrimSpace(s) == s
			bestClean := strings.TrimSpace(best) == best
			if best == "" || clean && !bestClean || clean == bestClean && count[f][s] > count[f][best] {
				best = s
			}
		}
		out = append(out, strings.TrimSpace(best))
	}
	return out
}

// match gives each reading the allowed value that it is, and reports those
// that are none. key is the list of the plan that allowed is from, or "".
func (b *builder) match(field, key string, allowed []string, values []*reading) {
	slips := b.planSlips(field, key, allowed, values)
	for _, r := range values {
		if slices.Contains(allowed, r.value) {
			r.set(r.value)
			continue
		}
		if planned, ok := slips[fold(r.value)]; ok {
			r.set(planned)
			continue
		}
		if !r.scan {
			if i := slices.IndexFunc(allowed, func(a string) bool { return fold(a) == fold(r.value) }); i >= 0 {
				r.set(allowed[i])
			}
			continue
		}
		if i := slices.IndexFunc(allowed, func(a string) bool { return fold(a) == fold(r.value) }); i >= 0 {
			r.set(allowed[i]) // so that one slip is one fault
			b.fault("spelling "+field, r.file, field, fmt.Sprintf("write %q everywhere", allowed[i]),
				"%s has %q, which differs from %q only by case or blanks", r.where, clip(r.value), allowed[i])
			continue
		}
		fix := "leave it out in the plan ([[exclude]]), or add it to " + key
		if near, ok := diag.Nearest(r.value, allowed); ok {
			fix = "write " + near
		}
		b.fault("unplanned "+field, r.file, field, fix, "%s has %q, which is not among the plan's %s: %s", r.where, clip(r.value), key, strings.Join(allowed, ", "))
	}
}

// planSlips reports the names of the plan that no table has while the tables
// have, more than once, a name much like it: there the plan is to be mended,
// not every table. It returns the plan's name for the folded name of the
// tables, so that one slip is one fault.
func (b *builder) planSlips(field, key string, allowed []string, values []*reading) map[string]string {
	if key == "" {
		return nil
	}
	count := map[string]int{}
	spelt := map[string]string{}
	for _, r := range values {
		f := fold(r.value)
		count[f]++
		if spelt[f] == "" {
			spelt[f] = strings.TrimSpace(r.value)
		}
	}
	free := map[string]bool{} // names of the tables that the plan lacks
	for f, n := range count {
		free[f] = n > 1
	}
	for _, a := range allowed {
		delete(free, fold(a))
	}
	slips := map[string]string{}
	for _, a := range allowed {
		if count[fold(a)] > 0 {
			continue
		}
		var candidates []string
		for _, f := range sortedKeys(free) {
			if free[f] {
				candidates = append(candidates, f)
			}
		}
		near, ok := diag.Nearest(fold(a), candidates)
		if !ok {
			continue
		}
		free[near] = false
		slips[near] = a
		b.fault("slip in the plan", b.planFile(), "trial."+key, fmt.Sprintf("write %q in the plan", clip(spelt[near])),
			"the plan has %q, which no table has; %d rows have the %s %q", clip(a), count[near], field, clip(spelt[near]))
	}
	return slips
}

// orderTreatments puts the reference first and the others as the plan has
// them, else by name, and checks that each can be compared.
func (b *builder) orderTreatments(allowed []string) {
	visits := map[string][]*visit{}
	for _, v := range b.order {
		if v.treatment != "" && v.used() {
			visits[v.treatment] = append(visits[v.treatment], v)
		}
	}
	t := b.plan.Trial
	list := slices.Clone(allowed)
	if t.Treatments == nil {
		list = slices.Sorted(maps.Keys(visits))
		if len(list) > 0 {
			b.infer("trial.treatments", "Treatments are those that the tables name: %s.", strings.Join(list, ", "))
		}
		b.alike("treatments", t.TreatmentColumn, list, func(name string) (string, int) { return visitTable(visits[name]), len(visits[name]) })
	} else {
		for _, name := range list {
			if len(visits[name]) == 0 {
				b.fault("treatment without session", b.planFile(), "trial.treatments", "correct the name, or remove it", "no session is under %q", clip(name))
			}
		}
	}
	for _, name := range list {
		if v := visits[name]; len(v) == 1 && b.scanned() > 1 {
			fix := "correct it, or leave the session out in the plan ([[exclude]])"
			if near, ok := diag.Nearest(name, slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == name })); ok {
				fix = "write " + near
			}
			b.fault("treatment in one session", v[0].table, t.TreatmentColumn, fix, "%q is the treatment of one session only, %s: it cannot be compared", clip(name), v[0].name())
		}
	}
	if len(list) == 1 {
		b.fault("one treatment", visitTable(visits[list[0]]), t.TreatmentColumn, "check the tables: a crossover compares at least two", "every session is under %q", clip(list[0]))
	}
	b.tr.Treatments = b.referenceFirst(list)
}

func visitTable(v []*visit) string {
	if len(v) == 0 {
		return "sessions.tsv"
	}
	return v[0].table
}

func (b *builder) referenceFirst(list []string) []string {
	ref := b.plan.Trial.Reference
	if ref == "" {
		i := slices.IndexFunc(list, func(s string) bool { return strings.EqualFold(s, "placebo") })
		if i < 0 {
			if len(list) == 0 {
				return nil
			}
			i = slices.Index(list, slices.Min(list))
		}
		ref = list[i]
		b.infer("trial.reference", "The reference is %s, as the plan names none.", ref)
	}
	i := slices.Index(list, ref)
	if i < 0 {
		fix := "write one of " + strings.Join(list, ", ")
		if near, ok := diag.Nearest(ref, list); ok {
			fix = "write " + near
		}
		b.fault("no reference", b.planFile(), "trial.reference", fix, "no session is under %q", clip(ref))
		return list
	}
	out := append([]string{ref}, list[:i]...)
	return append(out, list[i+1:]...)
}

// alike reports names that are spelt almost alike: where the plan does not
// list them, one is likely a slip.
func (b *builder) alike(key, field string, list []string, use func(name string) (file string, n int)) {
	for i, name := range list {
		near, ok := diag.Nearest(name, list[:i])
		if !ok {
			continue
		}
		rare, common := name, near
		file, n := use(rare)
		if f, m := use(common); m < n {
			rare, common, file, n = near, name, f, m
		}
		if n == 1 && key == "treatments" {
			continue // named as the treatment of one session
		}
		b.fault("alike "+key, file, field, fmt.Sprintf("write %q, or, if both are meant, list them in the plan: [trial] %s = […]", common, key),
			"%q and %q are spelt almost alike", clip(rare), clip(common))
	}
}
