package scales

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// Options say how a table is read and scored. The zero value reads a BIDS
// phenotype table by the rules of the instrument.
type Options struct {
	Participant string            // column of the participant; "": participant_id
	Session     string            // column of the visit; "": session_id, if there is one
	Keep        []string          // columns carried through beside those of [KeptColumns]
	Map         map[string]string // item or score to column, in place of what its name says; item "*" to a pattern with *, such as "item_*"
	Strict      bool              // nothing is prorated: every part of a sum or mean has to be known
}

// KeptColumns are the columns that tell rows of one participant apart and are
// carried through without being asked for. Case does not matter.
var KeptColumns = []string{"visit", "time", "timepoint", "phase", "run", "period", "treatment", "sequence", "day", "week", "event", "acq_time"}

// A Pair is a column and what was found in it.
type Pair struct {
	Name   string // item or score
	Column string
	Mapped bool // by [Options].Map, not by its name
}

// A Match says which column is what. It is returned, and printed by the
// command, as columns are never taken silently.
type Match struct {
	Instrument  *Instrument // with the lines that an open instrument found
	Participant string
	Session     string   // "" if there is none
	Kept        []string // other columns that are carried through
	Items       []Pair   // in the order of the instrument
	Scores      []Pair   // scores that the table gives itself
	Unused      []string // columns that are none of these
}

// column returns the column of a name, or "".
func column(pairs []Pair, name string) string {
	for _, p := range pairs {
		if p.Name == name {
			return p.Column
		}
	}
	return ""
}

// wordsBefore may stand between prefix and number of an item.
const wordsBefore = `item|itm|question|q|i`

// patterns are the regular expressions of an instrument's columns.
type patterns struct {
	item, score, line []*regexp.Regexp
	numbered          []bool // the prefix ends in a digit
}

// patterns returns the expressions, one for each prefix. Separators are any of
// "_", "-", "." and blank, or none, but stand in no number: madrs_1_0 is not
// item 10.
func (in *Instrument) patterns() patterns {
	var p patterns
	for _, prefix := range append([]string{in.Name}, in.Prefixes...) {
		chunks := strings.Split(prefix, "_")
		for i, c := range chunks {
			chunks[i] = regexp.QuoteMeta(c)
		}
		begin := `^(?i:` + strings.Join(chunks, `[ _.\-]*`) + `)[ _.\-]*`
		p.numbered = append(p.numbered, prefix != "" && prefix[len(prefix)-1] >= '0' && prefix[len(prefix)-1] <= '9')
		p.item = append(p.item, regexp.MustCompile(begin+`(?i:(?:`+wordsBefore+`)[ _.\-]*)?0*(\d{1,9})$`))
		p.score = append(p.score, regexp.MustCompile(begin+`([A-Za-z][\w .\-]*)?$`))
		p.line = append(p.line, regexp.MustCompile(`^(?i:`+strings.Join(chunks, `[ _.\-]*`)+`)[ _.\-]+(\w[\w .\-]*)$`))
	}
	return p
}

// fold brings a word of a column to the form of names: "Delusional Thinking"
// to delusional_thinking.
func fold(s string) string {
	return strings.ToLower(strings.NewReplacer(" ", "_", ".", "_", "-", "_").Replace(strings.TrimSpace(s)))
}

// readings returns what a column can be by its name: items, scores, and a
// number that the instrument has no item for (0: none).
func (in *Instrument) readings(p patterns, col string) (items, scores []string, strange int) {
	var numbers []int
	for _, re := range p.item {
		if m := re.FindStringSubmatch(col); m != nil {
			n, _ := strconv.Atoi(m[1])
			if _, ok := in.Item(strconv.Itoa(n)); ok {
				items = append(items, strconv.Itoa(n))
			} else {
				numbers = append(numbers, n)
			}
		}
	}
	for k, re := range p.score {
		m := re.FindStringSubmatch(col)
		if m == nil {
			continue
		}
		word := fold(m[1])
		if word == "" && p.numbered[k] {
			continue // cadss23 is item 23, not the total of an instrument of that name
		}
		if _, ok := in.Item(word); ok && word != "" {
			items = append(items, word)
		}
		for i := range in.Scores {
			s := &in.Scores[i]
			if s.Name == word || slices.Contains(s.Columns, word) || word == "" && s.Name == "total" {
				scores = append(scores, s.Name)
			}
		}
	}
	slices.Sort(items)
	slices.Sort(scores)
	items, scores = slices.Compact(items), slices.Compact(scores)
	if len(items) == 0 && len(scores) == 0 && len(numbers) > 0 {
		strange = slices.Min(numbers)
	}
	return items, scores, strange
}

// Match finds the columns of the instrument in a table. A column is an item if
// it is a prefix of the instrument followed by the item's number or word, with
// or without a separator, leading zeros and one of the words item, itm,
// question, q, i: madrs_1, madrs_01, MADRS1, madrs_item1. It is a score if it is a
// prefix followed by the score's name or one of its other names, and the total
// if it is the prefix alone and the prefix does not end in a digit. Case does
// not matter. [Options].Map goes before.
//
// Problems: two columns of one item; some items of a block of the instrument
// without a column (a missing answer is a cell without a value, not a missing
// column); items that the instrument does not have; a table without anything
// of the instrument. The match holds what was found in any case.
func (in *Instrument) Match(t *bids.Table, o Options) (*Match, diag.List) {
	m := &matcher{in: in, t: t, o: o, used: map[string]bool{}, items: map[string][]string{}, scores: map[string][]string{}, mapped: map[string]bool{}}
	m.match.Instrument = in
	m.ids()
	m.byMap()
	m.byName()
	m.open()
	m.finish()
	return &m.match, m.l
}

type matcher struct {
	in            *Instrument
	t             *bids.Table
	o             Options
	match         Match
	used          map[string]bool
	items, scores map[string][]string // columns by name
	mapped        map[string]bool     // names that Options.Map gives
	l             diag.List
}

func (m *matcher) fault(field, fix, found string, args ...any) {
	m.l.Errorf(m.t.File, clip(field), fix, found, args...)
}

// ids finds the columns that say whose the rows are.
func (m *matcher) ids() {
	find := func(want, otherwise string, needed bool) string {
		name := want
		if name == "" {
			name = otherwise
		}
		for _, c := range m.t.Columns {
			if c == name || want == "" && strings.EqualFold(c, name) {
				m.used[c] = true
				return c
			}
		}
		if !needed && want == "" {
			return ""
		}
		fix := "rename the column that names the participant, or say which it is (--id COLUMN)"
		if want != "" {
			fix = "choose one of: " + list(m.t.Columns)
		}
		if near, ok := diag.Nearest(name, m.t.Columns); ok && want == "" {
			fix = "rename the column " + near + " to " + name + ", or say which it is (--id " + near + ")"
		}
		m.fault(name, fix, "there is no such column")
		return ""
	}
	m.match.Participant = find(m.o.Participant, "participant_id", true)
	m.match.Session = find(m.o.Session, "session_id", false)
	for _, k := range m.o.Keep {
		if !slices.Contains(m.t.Columns, k) {
			m.fault(k, "choose one of: "+list(m.t.Columns), "there is no such column")
		}
	}
	for _, c := range m.t.Columns {
		known := slices.ContainsFunc(KeptColumns, func(k string) bool { return strings.EqualFold(k, c) })
		if !m.used[c] && (known || slices.Contains(m.o.Keep, c)) {
			m.used[c] = true
			m.match.Kept = append(m.match.Kept, c)
		}
	}
}

// byMap takes the columns that the options name.
func (m *matcher) byMap() {
	for _, name := range slices.Sorted(maps.Keys(m.o.Map)) {
		col := m.o.Map[name]
		if name == "*" {
			continue
		}
		key := fold(name)
		if n, err := strconv.Atoi(key); err == nil {
			key = strconv.Itoa(n)
		}
		_, item := m.in.Item(key)
		score := m.in.Score(key) != nil
		if !item && !score && m.in.Open != nil && itemName.MatchString(key) {
			item = true
		}
		if !item && !score {
			m.fault("--map "+name, "the items are "+list(m.in.itemNames())+"; the scores "+list(m.in.scoreNames()), "%s has neither an item nor a score %q", m.in.Name, clip(name))
			continue
		}
		if !slices.Contains(m.t.Columns, col) {
			fix := "choose one of: " + list(m.t.Columns)
			if near, ok := diag.Nearest(col, m.t.Columns); ok {
				fix = "write " + near
			}
			m.fault("--map "+name, fix, "there is no column %q", clip(col))
			continue
		}
		m.take(key, col, item)
	}
	if pattern, ok := m.o.Map["*"]; ok {
		m.star(pattern)
	}
}

// star takes the items from columns that follow one pattern, but for those
// that are named one by one.
func (m *matcher) star(pattern string) {
	before, after, ok := strings.Cut(pattern, "*")
	if !ok {
		m.fault("--map *", "write the place of the number as *: '*=item_*'", "%q has no *", clip(pattern))
		return
	}
	found, taken := false, []Pair(nil)
	for _, c := range m.t.Columns {
		if len(c) < len(before)+len(after) || !strings.HasPrefix(c, before) || !strings.HasSuffix(c, after) {
			continue
		}
		word := c[len(before) : len(c)-len(after)]
		if n, err := strconv.Atoi(word); err == nil {
			word = strconv.Itoa(n)
		}
		if _, ok := m.in.Item(word); ok {
			found = true
			if !m.mapped[word] && !m.used[c] {
				taken = append(taken, Pair{Name: word, Column: c})
			}
		}
	}
	for _, p := range taken {
		m.take(p.Name, p.Column, true)
	}
	if !found {
		m.fault("--map *", "compare it with the columns: "+list(m.t.Columns), "no column of an item follows the pattern %q", clip(pattern))
	}
}

func (m *matcher) take(name, col string, item bool) {
	if m.used[col] {
		m.fault(col, "use a column once", "the column is used twice")
		return
	}
	m.used[col] = true
	m.mapped[name] = true
	if item {
		m.items[name] = append(m.items[name], col)
	} else {
		m.scores[name] = append(m.scores[name], col)
	}
}

// byName takes the columns whose names say what they are.
func (m *matcher) byName() {
	p := m.in.patterns()
	for _, c := range m.t.Columns {
		if m.used[c] {
			continue
		}
		items, scores, strange := m.in.readings(p, c)
		all := append(slices.Clone(items), scores...)
		switch {
		case len(all) > 1:
			m.fault(c, "rename it, or say which it is: --map "+all[0]+"="+c, "the name can mean %s", strings.Join(all, " or "))
			m.used[c] = true
		case len(all) == 1 && m.mapped[all[0]]: // the options name another column
		case len(items) == 1:
			m.items[items[0]] = append(m.items[items[0]], c)
			m.used[c] = true
		case len(scores) == 1:
			m.scores[scores[0]] = append(m.scores[scores[0]], c)
			m.used[c] = true
		case strange > 0 && len(m.in.Items) > 0:
			m.fault(c, "score it with the instrument of that version ('phasl score list'), or rename the column", "%s has no item %d: this may be another version of the scale", m.in.Name, strange)
			m.used[c] = true
		}
	}
}

// open makes items and scores of the lines that the table names itself.
func (m *matcher) open() {
	if m.in.Open == nil {
		return
	}
	p := m.in.patterns()
	ext := *m.in
	ext.Items, ext.Scores = slices.Clone(m.in.Items), slices.Clone(m.in.Scores)
	add := func(name string) {
		if _, ok := ext.Item(name); ok || ext.Score(name) != nil {
			return
		}
		it := *m.in.Open
		it.Name = name
		ext.Items = append(ext.Items, it)
		ext.Scores = append(ext.Scores, Score{Name: name, Title: strings.ReplaceAll(name, "_", " "), Method: Sum, Items: []string{name}, AtLeast: 1, Low: it.Low, High: it.High})
	}
	for _, c := range m.t.Columns {
		for name, cols := range m.items { // mapped lines, in the order of the table
			if slices.Contains(cols, c) {
				add(name)
			}
		}
		if m.used[c] {
			continue
		}
		for _, re := range p.line {
			if g := re.FindStringSubmatch(c); g != nil && itemName.MatchString(fold(g[1])) && !m.mapped[fold(g[1])] {
				name := fold(g[1])
				add(name)
				m.items[name] = append(m.items[name], c)
				m.used[c] = true
				break
			}
		}
	}
	m.match.Instrument = &ext
}

// finish checks what was found and puts it in order.
func (m *matcher) finish() {
	in := m.match.Instrument
	pairs := func(name string, by map[string][]string, what string) []Pair {
		cols := by[name]
		if len(cols) > 1 {
			m.fault(cols[1], "remove or rename one, or say which to use: --map "+name+"="+cols[0], "%s %s has two columns, %s and %s", what, name, cols[0], cols[1])
		}
		if len(cols) == 0 {
			return nil
		}
		return []Pair{{name, cols[0], m.mapped[name]}}
	}
	found, absent := map[int]int{}, map[int][]string{}
	for _, it := range in.Items {
		got := pairs(it.Name, m.items, "item")
		m.match.Items = append(m.match.Items, got...)
		if got == nil {
			absent[it.block] = append(absent[it.block], it.Name)
		} else {
			found[it.block]++
		}
	}
	for _, s := range in.Scores {
		m.match.Scores = append(m.match.Scores, pairs(s.Name, m.scores, "score")...)
	}
	for _, c := range m.t.Columns {
		if !m.used[c] {
			m.match.Unused = append(m.match.Unused, c)
		}
	}
	for _, block := range slices.Sorted(maps.Keys(found)) {
		if gone := absent[block]; len(gone) > 0 {
			fix := "add the columns, with n/a where there is no answer; this may also be another version of the scale ('phasl score list')"
			if len(m.match.Unused) > 0 {
				fix = "say which column it is (--map " + gone[0] + "=COLUMN); unused are " + list(m.match.Unused) + ". This may also be another version of the scale ('phasl score list')"
			}
			m.fault("item "+gone[0], fix, "%d of the items have columns, and %s", found[block], noColumn(gone))
		}
	}
	if len(m.match.Items) == 0 && len(m.match.Scores) == 0 {
		fix := "name the columns " + in.example() + ", or say which they are (--map ITEM=COLUMN)"
		m.fault("", fix, "no column belongs to %s; the columns are %s", in.Name, list(m.t.Columns))
	}
}

func noColumn(items []string) string {
	if len(items) == 1 {
		return "item " + items[0] + " has none"
	}
	return "items " + list(items) + " have none"
}

// example names columns that the instrument would find.
func (in *Instrument) example() string {
	var out []string
	scored := slices.ContainsFunc(in.Items, func(it Item) bool { return !it.Unkeyed })
	if scored {
		out = append(out, in.Column(in.Items[0].Name)+" …")
	}
	if in.Open != nil {
		out = append(out, in.Name+"_WORD")
	}
	for _, s := range in.Scores {
		if s.Method == Given || s.Name == "total" {
			out = append(out, in.ScoreColumn(s.Name))
		}
	}
	if len(out) == 0 {
		out = append(out, in.ScoreColumn(in.Scores[0].Name))
	}
	return strings.Join(out, ", ")
}

func (in *Instrument) itemNames() []string {
	var out []string
	for _, it := range in.Items {
		out = append(out, it.Name)
	}
	return out
}

func (in *Instrument) scoreNames() []string {
	var out []string
	for _, s := range in.Scores {
		out = append(out, s.Name)
	}
	return out
}

// list joins at most a dozen names.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	if len(names) > 12 {
		return strings.Join(names[:12], ", ") + fmt.Sprintf(" … (%d in all)", len(names))
	}
	return strings.Join(names, ", ")
}
