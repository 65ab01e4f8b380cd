package crossover

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// An Acquired scan is one that exists, in the raw dataset or as derivatives of
// any program.
type Acquired struct {
	Subject, Session, Acq, Run string            // labels without their keys; "" if absent
	File                       string            // for messages
	Phase                      string            // as scans.tsv or regions.tsv name it; "" if they do not
	Columns                    map[string]string // of scans.tsv, beside those that the dataset's has; may be nil
}

// NewTrial finds the place of each scan in the design: treatment, period,
// sequence and phase, from the tables of the dataset where they say it, else
// from what is said in Trial.Inferred. acquired are the scans there are; nil
// takes the ASL scans of ds. ds may be nil, where there are no tables, if
// acquired is not.
//
// The trial is complete as far as the tables go; with a problem of severity
// error in the list it must not be analysed. The problems are also in
// Trial.Problems. docs/formats/plan.md gives the rules.
func NewTrial(p *Plan, ds *bids.Dataset, acquired []Acquired) (*Trial, diag.List) {
	b := &builder{plan: p, ds: ds, tr: &Trial{found: map[string]string{}}, counts: map[string]int{},
		people: map[string]*Person{}, unplaced: map[string]bool{}, visits: map[[2]string]*visit{}}
	b.gather(acquired)
	b.participants()
	b.sessions()
	b.exclude(false)
	if len(b.drafts) > 0 {
		b.treatments()
		b.phases()
		b.exclude(true)
		b.duplicates()
		b.periods()
		b.sequences()
		b.covariates()
		b.checkDesign()
	}
	b.finish()
	return b.tr, b.tr.Problems
}

// A draft is a scan whose place is being found.
type draft struct {
	Scan
	visit *visit
	table string            // scans.tsv of its row, or where it would be
	row   map[string]string // of scans.tsv; nil if there is none
}

// A visit is a session of one person.
type visit struct {
	subject, session string
	drafts           []*draft
	table            string            // sessions.tsv of its row, or where it would be
	row              map[string]string // of sessions.tsv; nil if there is none
	treatment        string            // "" if unknown
	period           int               // 0 if unknown
	excluded         string
	lost             []string // images that scans.tsv names and that are not there
}

// used tells whether a scan of the visit is analysed, as far as is known.
func (v *visit) used() bool {
	return slices.ContainsFunc(v.drafts, func(d *draft) bool { return d.Excluded == "" })
}

func (v *visit) name() string {
	if v.session == "" {
		return "sub-" + v.subject
	}
	return "sub-" + v.subject + " ses-" + v.session
}

type builder struct {
	plan *Plan
	ds   *bids.Dataset
	tr   *Trial

	drafts   []*draft
	visits   map[[2]string]*visit // by subject and session
	order    []*visit             // sorted by subject and session
	people   map[string]*Person   // by label
	unplaced map[string]bool      // people with a visit of unknown treatment or period, which was said
	inUse    map[string]bool      // people with a scan that is analysed; nil until exclusions are known
	l        diag.List
	counts   map[string]int // faults by kind
	kinds    []faultKind
}

// maxAlike is how many faults of one kind are named; the rest are counted.
const maxAlike = 20

type faultKind struct {
	kind     string
	severity diag.Severity
	file     string
	field    string
}

// fault adds an error. kind gathers faults that are alike.
func (b *builder) fault(kind, file, field, fix, found string, args ...any) {
	b.problem(diag.Error, kind, file, field, fix, found, args...)
}

// warn adds a warning.
func (b *builder) warn(kind, file, field, fix, found string, args ...any) {
	b.problem(diag.Warning, kind, file, field, fix, found, args...)
}

func (b *builder) problem(s diag.Severity, kind, file, field, fix, found string, args ...any) {
	if b.counts[kind]++; b.counts[kind] > maxAlike {
		if b.counts[kind] == maxAlike+1 {
			b.kinds = append(b.kinds, faultKind{kind, s, file, field})
		}
		return
	}
	b.l.Add(&diag.Problem{Severity: s, File: file, Field: field, Found: fmt.Sprintf(found, args...), Fix: fix})
}

// infer records what was worked out, for the reader and for the template.
func (b *builder) infer(key, sentence string, args ...any) {
	s := fmt.Sprintf(sentence, args...)
	b.tr.Inferred = append(b.tr.Inferred, s)
	b.tr.found[key] = s
}

// planFile is what problems of the plan name.
func (b *builder) planFile() string {
	if b.plan.File == "" {
		return "plan"
	}
	return b.plan.File
}

// gather collects the scans and the rows of scans.tsv.
func (b *builder) gather(acquired []Acquired) {
	rows := map[string]bids.ScanRow{}
	lost := map[[2]string][]string{}
	if b.ds != nil {
		for _, r := range b.ds.ScanRows() {
			e, ok := aslName(r.Path)
			if !ok {
				continue
			}
			rows[e.key()] = r
			if acquired == nil && !b.ds.Exists(r.Path) {
				lost[[2]string{e.Subject, e.Session}] = append(lost[[2]string{e.Subject, e.Session}], r.Path)
			}
		}
	}
	if acquired == nil && b.ds != nil {
		for _, s := range b.ds.ASLScans() {
			acquired = append(acquired, Acquired{Subject: s.Subject, Session: s.Session, Acq: s.Entities["acq"], Run: s.Entities["run"],
				File: s.Path, Columns: s.ScansRow})
		}
	}
	for _, a := range acquired {
		a.Subject, a.Session = strings.TrimPrefix(a.Subject, "sub-"), strings.TrimPrefix(a.Session, "ses-")
		d := &draft{Scan: Scan{Subject: a.Subject, Session: a.Session, Acq: a.Acq, Run: a.Run, File: a.File}}
		if d.File == "" {
			d.File = d.key()
		}
		d.visit = b.visit(a.Subject, a.Session)
		d.visit.drafts = append(d.visit.drafts, d)
		b.drafts = append(b.drafts, d)
		d.table = scansTable(a.Subject, a.Session)
		if r, ok := rows[d.key()]; ok {
			d.table, d.row = r.Table, r.Row
		}
		if len(a.Columns) > 0 {
			merged := make(map[string]string, len(d.row)+len(a.Columns))
			for _, m := range []map[string]string{d.row, a.Columns} {
				for k, v := range m {
					merged[k] = v
				}
			}
			d.row = merged
		}
		d.Phase = d.row[b.plan.Trial.PhaseColumn]
		if d.Phase == "" {
			d.Phase = a.Phase
		}
		d.Time = d.row[b.plan.Trial.TimeColumn]
	}
	for k, files := range lost {
		b.visit(k[0], k[1]).lost = files
	}
	if len(b.drafts) == 0 {
		b.fault("no scans", b.root(), "", "give a dataset with ASL scans (sub-*/ses-*/perf/*_asl.nii.gz)", "there is no ASL scan")
	}
}

func (b *builder) root() string {
	if b.ds == nil {
		return "."
	}
	return b.ds.Root
}

// key identifies a scan among all.
func (s *Scan) key() string {
	out := "sub-" + s.Subject
	for _, e := range [][2]string{{"ses", s.Session}, {"acq", s.Acq}, {"run", s.Run}} {
		if e[1] != "" {
			out += "_" + e[0] + "-" + e[1]
		}
	}
	return out
}

// aslName reads the entities of an ASL image from its name.
func aslName(file string) (Scan, bool) {
	base := path.Base(file)
	stem, ok := strings.CutSuffix(strings.TrimSuffix(base, ".gz"), "_asl.nii")
	var s Scan
	if !ok {
		return s, false
	}
	for _, part := range strings.Split(stem, "_") {
		k, v, _ := strings.Cut(part, "-")
		switch k {
		case "sub":
			s.Subject = v
		case "ses":
			s.Session = v
		case "acq":
			s.Acq = v
		case "run":
			s.Run = v
		}
	}
	return s, s.Subject != ""
}

func scansTable(subject, session string) string {
	if session == "" {
		return fmt.Sprintf("sub-%[1]s/sub-%[1]s_scans.tsv", subject)
	}
	return fmt.Sprintf("sub-%[1]s/ses-%[2]s/sub-%[1]s_ses-%[2]s_scans.tsv", subject, session)
}

func sessionsTable(subject string) string {
	return fmt.Sprintf("sub-%[1]s/sub-%[1]s_sessions.tsv", subject)
}

func (b *builder) visit(subject, session string) *visit {
	k := [2]string{subject, session}
	v := b.visits[k]
	if v == nil {
		v = &visit{subject: subject, session: session, table: sessionsTable(subject)}
		b.visits[k] = v
		b.order = append(b.order, v)
	}
	return v
}

// participants reads participants.tsv and compares it with the scans.
func (b *builder) participants() {
	scanned := map[string]bool{}
	for _, d := range b.drafts {
		scanned[d.Subject] = true
	}
	var t *bids.Table
	if b.ds != nil {
		t = b.ds.Participants
	}
	if t != nil {
		if t.Column("participant_id") < 0 {
			b.fault("no participant_id", t.File, "participant_id", "name the column of labels participant_id", "there is no such column")
			t = nil
		}
	}
	if t != nil {
		for i := range t.Rows {
			id, ok := t.Cell(i, "participant_id")
			label := strings.TrimPrefix(strings.TrimSpace(id), "sub-")
			if !ok || label == "" {
				b.fault("participant without label", t.File, "participant_id", "write sub- and the label", "row %d has no participant", i+1)
				continue
			}
			if b.people[label] != nil {
				b.fault("participant twice", t.File, "participant_id", "keep one row", "%q stands twice", clip(id))
				continue
			}
			b.people[label] = &Person{Subject: label, Columns: t.Row(i)}
		}
	} else if len(b.drafts) > 0 && (b.ds == nil || b.ds.Participants == nil) {
		b.warn("no participants", "participants.tsv", "", "write participants.tsv with participant_id, sequence and covariates",
			"there is no such table: who was randomised and not scanned is unknown")
	}
	var labels []string
	for label := range b.people {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	for _, d := range b.drafts {
		if b.people[d.Subject] != nil {
			continue
		}
		b.people[d.Subject] = &Person{Subject: d.Subject, Columns: map[string]string{}}
		if t == nil {
			continue
		}
		fix := "add a row for sub-" + d.Subject
		if i := slices.IndexFunc(labels, func(s string) bool { return !scanned[s] && sameLabel(s, d.Subject) }); i >= 0 {
			fix = "write sub-" + d.Subject + " in place of sub-" + labels[i]
		}
		b.fault("not in participants", t.File, "participant_id", fix, "sub-%s has scans but no row", d.Subject)
	}
}

// scanned counts the people who have scans.
func (b *builder) scanned() int {
	subjects := map[string]bool{}
	for _, d := range b.drafts {
		subjects[d.Subject] = true
	}
	return len(subjects)
}

// sameLabel tells whether two labels differ only by case or leading zeros.
func sameLabel(a, b string) bool {
	return strings.TrimLeft(strings.ToLower(a), "0") == strings.TrimLeft(strings.ToLower(b), "0")
}

// sessions reads the sessions tables. A row without scans is a visit too: it
// tells when and under which treatment a missing visit was.
func (b *builder) sessions() {
	if b.ds != nil {
		for _, sub := range sortedKeys(b.ds.Sessions) {
			t := b.ds.Sessions[sub]
			if t.Column("session_id") < 0 {
				b.fault("no session_id", t.File, "session_id", "name the column of labels session_id", "there is no such column")
				continue
			}
			for i := range t.Rows {
				id, ok := t.Cell(i, "session_id")
				label := strings.TrimPrefix(strings.TrimSpace(id), "ses-")
				if !ok || label == "" {
					b.fault("session without label", t.File, "session_id", "write ses- and the label", "row %d has no session", i+1)
					continue
				}
				v := b.visit(sub, label)
				if v.row != nil {
					b.fault("session twice", t.File, "session_id", "keep one row", "%q stands twice", clip(id))
					continue
				}
				v.table, v.row = t.File, t.Row(i)
			}
		}
	}
	slices.SortFunc(b.order, func(a, c *visit) int {
		return cmp.Or(cmp.Compare(a.subject, c.subject), cmp.Compare(a.session, c.session))
	})
	for _, v := range b.order {
		if b.people[v.subject] == nil {
			b.people[v.subject] = &Person{Subject: v.subject, Columns: map[string]string{}}
		}
		if v.session == "" && len(v.drafts) > 0 {
			b.fault("no sessions", v.drafts[0].File, "ses", "put the scans of each visit into a session folder (ses-1, ses-2)",
				"the scans of sub-%s have no session: the visits of a crossover cannot be told apart", v.subject)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// cell returns a value that concerns a scan: of scans.tsv, else of
// sessions.tsv, else of participants.tsv.
func (b *builder) cell(d *draft, column string) (value, file string) {
	if v := d.row[column]; v != "" {
		return v, d.table
	}
	if v := d.visit.row[column]; v != "" {
		return v, d.visit.table
	}
	if p := b.people[d.Subject]; p != nil && p.Columns[column] != "" {
		return p.Columns[column], "participants.tsv"
	}
	return "", ""
}

// tableColumns returns the columns of all tables, each once: of participants,
// then sessions, then scans.
func (b *builder) tableColumns() []string {
	var out []string
	seen := map[string]bool{}
	add := func(names ...string) {
		for _, n := range names {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	if b.ds != nil {
		if b.ds.Participants != nil {
			add(b.ds.Participants.Columns...)
		}
		for _, sub := range sortedKeys(b.ds.Sessions) {
			add(b.ds.Sessions[sub].Columns...)
		}
	}
	rows := map[string]bool{}
	for _, d := range b.drafts {
		for k := range d.row {
			rows[k] = true
		}
	}
	add(sortedKeys(rows)...)
	return out
}

// runNumber reads a run label as the index it is; 0 if it is none.
func runNumber(run string) int {
	n, err := strconv.Atoi(run)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
