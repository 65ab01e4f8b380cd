package scales

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// A Result is a table scored.
type Result struct {
	File       string
	Instrument *Instrument // with the lines that an open instrument found
	Match      *Match
	Rows       []Row // one for each row of the table, in its order
}

// A Row is one row of a table scored.
type Row struct {
	Number      int    // of the row, from 1 below the header
	Participant string // as the table has it: "sub-01"; "" if it names nobody
	Session     string // as the table has it: "ses-1"; "" if there is none
	Kept        []string
	Values      []Value // one for each score of the instrument, in its order
	Notes       []string
}

// A Value is one score of one row.
type Value struct {
	Score    string
	Value    float64  // NaN if it could not be computed
	Reason   string   // why it is NaN, or ""
	Missing  []string // parts without a value that the score should have had
	Prorated bool     // some parts were missing and the others stand for them
	Band     string   // severity, or ""
}

// Value returns the score of that name, or one that is NaN with a reason if
// the instrument has no such score.
func (r *Row) Value(score string) Value {
	for _, v := range r.Values {
		if v.Score == score {
			return v
		}
	}
	return Value{Score: score, Value: math.NaN(), Reason: "the instrument has no such score"}
}

// ScoreTable scores every row of a table. Besides the problems of
// [Instrument.Match] it reports each cell that is no number or out of the
// item's range, by row, participant, column, value and allowed range, as an
// error; rows that cannot be told apart, as errors; and as warnings what a
// score's key lacks (Score.Caution) and totals of the table that are not what
// its items add up to. A cell that is empty or n/a, NA, N/A, NaN or "." is
// missing.
//
// The result is there whatever the problems: a score that a faulty cell takes
// part in is NaN and says so.
func (in *Instrument) ScoreTable(t *bids.Table, o Options) (*Result, diag.List) {
	m, l := in.Match(t, o)
	s := newScorer(m, t, o)
	s.l = l
	res := &Result{File: t.File, Instrument: m.Instrument, Match: m}
	for i := range t.Rows {
		res.Rows = append(res.Rows, s.row(i))
	}
	s.finish(res)
	return res, s.l
}

// Limits of what is said of one table.
const (
	maxCellProblems = 100
	maxRowProblems  = 20
)

// A scorer scores the rows of one table.
type scorer struct {
	in      *Instrument
	m       *Match
	t       *bids.Table
	o       Options
	itemCol []int    // of each item, or −1
	givenOf []int    // column of each score, or −1
	idCols  []int    // participant, session, kept; −1 where there is none
	usable  []bool   // scores that the columns of their parts allow to compute
	parts   [][]part // of each score, with their ranges
	items   []part   // answers of the row in hand, by item
	l       diag.List
	cells   int // problems of cells so far
	differ  int // totals that are not what the items add up to
	nobody  int // rows without a participant
}

func newScorer(m *Match, t *bids.Table, o Options) *scorer {
	in := m.Instrument
	s := &scorer{in: in, m: m, t: t, o: o}
	index := map[string]int{} // of items and scores
	for i, it := range in.Items {
		index[it.Name] = i
		s.itemCol = append(s.itemCol, t.Column(column(m.Items, it.Name)))
	}
	for i := range in.Scores {
		sc := &in.Scores[i]
		s.givenOf = append(s.givenOf, t.Column(column(m.Scores, sc.Name)))
		ok := sc.Method != Given
		var parts []part
		for _, name := range sc.parts() {
			p := part{name: name, at: index[name]}
			if sc.Items != nil {
				p.low, p.high = in.Items[p.at].Low, in.Items[p.at].High
				p.absent = s.itemCol[p.at] < 0
			} else {
				p.low, p.high = in.Scores[p.at].Low, in.Scores[p.at].High
				p.absent = !s.usable[p.at] && s.givenOf[p.at] < 0
			}
			ok = ok && !p.absent
			parts = append(parts, p)
		}
		if _, line := index[sc.Name]; !line { // a line of an open instrument is an item and a score
			index[sc.Name] = i
		}
		s.parts = append(s.parts, parts)
		s.usable = append(s.usable, ok)
	}
	s.items = make([]part, len(in.Items))
	s.idCols = []int{t.Column(m.Participant), t.Column(m.Session)}
	for _, k := range m.Kept {
		s.idCols = append(s.idCols, t.Column(k))
	}
	return s
}

// A part is what one item or score gives to another score.
type part struct {
	name      string
	at        int // in the instrument's items or scores
	low, high float64
	absent    bool    // there is no column
	x         float64 // in the direction of the score; NaN if there is none
	bad       string  // what is wrong with the cell, or ""
	prorated  bool
}

// row scores one row.
func (s *scorer) row(i int) Row {
	id := func(k int) string {
		if c := s.idCols[k]; c >= 0 {
			if v := strings.TrimSpace(s.t.Rows[i][c]); !missingCell(v) {
				return v
			}
		}
		return ""
	}
	r := Row{Number: i + 1, Participant: id(0), Session: id(1)}
	for k := range s.m.Kept {
		r.Kept = append(r.Kept, id(k+2))
	}
	if r.Participant == "" && s.idCols[0] >= 0 {
		if s.nobody++; s.nobody <= maxRowProblems {
			s.l.Errorf(s.t.File, s.m.Participant, "write whose answers these are, or remove the row", "row %d names nobody", r.Number)
		}
	}
	for k, it := range s.in.Items {
		s.items[k] = part{x: math.NaN()}
		if s.itemCol[k] >= 0 {
			x, bad := s.cell(&r, s.itemCol[k], it, "item "+it.Name)
			s.items[k].x, s.items[k].bad = it.Keyed(x), bad
		}
	}
	r.Values = make([]Value, 0, len(s.in.Scores))
	for k := range s.in.Scores {
		r.Values = append(r.Values, s.value(&r, k))
	}
	return r
}

// cell reads one answer, or tells what is wrong with it.
func (s *scorer) cell(r *Row, col int, it Item, what string) (x float64, bad string) {
	text := strings.TrimSpace(s.t.Rows[r.Number-1][col])
	if missingCell(text) {
		return math.NaN(), ""
	}
	fix := "correct it, or write n/a if there is no answer"
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || math.IsNaN(x) || math.IsInf(x, 0) || strings.ContainsAny(text, "_xXpP"):
		bad = fmt.Sprintf("%q is not a number", clip(text))
		if decimalComma(text) {
			fix = "write a point: " + strings.Replace(text, ",", ".", 1)
		}
	case x < it.Low || x > it.High:
		bad = clip(text) + " is out of range"
	case !it.Allows(x):
		bad = clip(text) + " is not an answer the scale has"
	default:
		return x, ""
	}
	if s.cells++; s.cells <= maxCellProblems {
		s.l.Errorf(s.t.File, s.t.Columns[col], fix, "%s: %s; %s may be %s", s.where(r), bad, what, it.Range())
	}
	return math.NaN(), what + ": " + bad
}

func decimalComma(s string) bool {
	_, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	return err == nil && strings.Count(s, ",") == 1
}

// missingCell tells whether a cell says that a value is not known.
func missingCell(s string) bool {
	switch s {
	case "", "n/a", "N/A", "NA", "NaN", "nan", ".":
		return true
	}
	return false
}

// where says which row of the table is meant.
func (s *scorer) where(r *Row) string {
	var who []string
	for _, v := range append([]string{r.Participant, r.Session}, r.Kept...) {
		if v != "" {
			who = append(who, clip(v))
		}
	}
	if who == nil {
		return fmt.Sprintf("row %d", r.Number)
	}
	return fmt.Sprintf("row %d (%s)", r.Number, strings.Join(who, ", "))
}

// value computes one score of a row, or takes it from the table.
func (s *scorer) value(r *Row, k int) Value {
	sc := &s.in.Scores[k]
	v := Value{Score: sc.Name, Value: math.NaN()}
	given, bad := math.NaN(), ""
	if s.givenOf[k] >= 0 {
		given, bad = s.cell(r, s.givenOf[k], Item{Low: sc.Low, High: sc.High}, sc.Name)
	}
	switch {
	case s.usable[k]:
		s.combine(r, k, &v)
		s.compare(r, k, given, &v)
	case s.givenOf[k] < 0:
		v.Reason = s.whyNot(k)
	case bad != "":
		v.Reason = bad
	case math.IsNaN(given):
		v.Reason, v.Missing = "the table has no value", []string{sc.Name}
	default:
		v.Value = given
	}
	v.Band = sc.Band(v.Value)
	return v
}

// whyNot says why a score cannot be had from this table.
func (s *scorer) whyNot(k int) string {
	sc := &s.in.Scores[k]
	if sc.Method == Given {
		return "there is no column " + s.in.ScoreColumn(sc.Name)
	}
	var gone []string
	for _, p := range s.parts[k] {
		if p.absent {
			gone = append(gone, p.name)
		}
	}
	what := "scores "
	if sc.Items != nil {
		what = "items "
	}
	return "there are no columns for " + what + list(gone)
}

// combine computes a score from its parts.
func (s *scorer) combine(r *Row, k int, v *Value) {
	sc := &s.in.Scores[k]
	all := s.parts[k]
	known := 0
	for i := range all {
		p := &all[i]
		if sc.Items != nil {
			p.x, p.bad = s.items[p.at].x, s.items[p.at].bad
		} else {
			of := &r.Values[p.at]
			p.x, p.bad, p.prorated = of.Value, "", of.Prorated
			if math.IsNaN(of.Value) && of.Missing == nil {
				p.bad = p.name + ": " + of.Reason
			}
		}
		if p.bad != "" { // a wrong answer is not a missing one
			v.Reason, v.Missing, v.Prorated = p.bad, nil, false
			return
		}
		if math.IsNaN(p.x) {
			v.Missing = append(v.Missing, p.name)
		} else {
			known++
			v.Prorated = v.Prorated || p.prorated
		}
	}
	need := sc.AtLeast
	if s.o.Strict && sc.Method != Max {
		need = len(all)
	}
	if sc.Method == Max {
		top, most := math.Inf(-1), math.Inf(-1)
		for _, p := range all {
			most = max(most, p.high)
			if !math.IsNaN(p.x) {
				top = max(top, p.x)
			}
		}
		switch {
		case known >= need:
			v.Value, v.Missing = top, nil
		case top == most:
			v.Value = top // whatever the missing ones are
		default:
			v.Reason, v.Prorated = tooFew(sc, v.Missing, len(all), need), false
		}
		return
	}
	if known < need {
		v.Reason, v.Prorated = tooFew(sc, v.Missing, len(all), need), false
		return
	}
	sum, above, span := 0.0, 0.0, 0.0
	for _, p := range all {
		if !math.IsNaN(p.x) {
			sum += p.x
			above += p.x - p.low
			span += p.high - p.low
		}
	}
	for _, p := range all {
		if math.IsNaN(p.x) {
			sum += p.low + above/span*(p.high-p.low)
			v.Prorated = true
		}
	}
	if sc.Method == Mean {
		sum /= float64(len(all))
	}
	v.Value = sum
	if excess := 1e-9 * (sc.High - sc.Low); sum < sc.Low-excess || sum > sc.High+excess {
		if s.cells++; s.cells <= maxCellProblems {
			s.l.Errorf(s.t.File, sc.Name, "check the parts", "%s: the parts come to %s; %s may be %s to %s", s.where(r), number(sum), sc.Name, number(sc.Low), number(sc.High))
		}
		v.Value, v.Prorated, v.Reason = math.NaN(), false, fmt.Sprintf("%s is out of range", number(sum))
	}
}

func tooFew(sc *Score, missing []string, n, need int) string {
	what := "scores"
	if sc.Items != nil {
		what = "items"
	}
	if n == 1 {
		return strings.TrimSuffix(what, "s") + " " + missing[0] + " is missing"
	}
	verb := "are"
	if need == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d %s missing (%s); %d %s needed", len(missing), n, what, list(missing), need, verb)
}

// compare warns where the table's own value differs from the computed one.
func (s *scorer) compare(r *Row, k int, given float64, v *Value) {
	if math.IsNaN(given) {
		return
	}
	sc := &s.in.Scores[k]
	col := s.t.Columns[s.givenOf[k]]
	switch {
	case math.IsNaN(v.Value):
		r.Notes = append(r.Notes, fmt.Sprintf("%s is not computed; the table's own value is %s", sc.Name, number(given)))
	case math.Abs(given-v.Value) <= 1e-6*max(1, math.Abs(v.Value)):
	default:
		r.Notes = append(r.Notes, fmt.Sprintf("%s: the table says %s", sc.Name, number(given)))
		if v.Prorated { // another rule for missing items is no slip
			return
		}
		if s.differ++; s.differ <= maxRowProblems {
			s.l.Warnf(s.t.File, col, "correct the one that is wrong; the computed one is used", "%s: the table says %s, its parts come to %s", s.where(r), number(given), number(v.Value))
		}
	}
}

// finish adds what is said of the whole table.
func (s *scorer) finish(res *Result) {
	rest := func(n, most int, field, what string, warn bool) {
		if n <= most {
			return
		}
		add := s.l.Errorf
		if warn {
			add = s.l.Warnf
		}
		add(s.t.File, field, "correct them alike", "%d more %s", n-most, what)
	}
	rest(s.cells, maxCellProblems, "", "values out of range", false)
	rest(s.nobody, maxRowProblems, s.m.Participant, "rows name nobody", false)
	rest(s.differ, maxRowProblems, "", "values differ from what their parts come to", true)
	if len(res.Rows) == 0 {
		s.l.Errorf(s.t.File, "", "give a table with at least one row", "the table has no rows below the header")
	}
	seen, twice := map[string]int{}, 0
	for _, r := range res.Rows {
		key := strings.Join(append([]string{r.Participant, r.Session}, r.Kept...), "\x00")
		if first := seen[key]; first > 0 && r.Participant != "" {
			if twice++; twice <= maxRowProblems {
				s.l.Errorf(s.t.File, s.m.Participant, "remove one, or name the column that tells them apart (--keep COLUMN)", "%s has the same participant and visit as row %d", s.where(&r), first)
			}
			continue
		}
		seen[key] = r.Number
	}
	rest(twice, maxRowProblems, s.m.Participant, "rows repeat others", false)
	for k := range s.in.Scores {
		if c := s.in.Scores[k].Caution; c != "" && s.usable[k] {
			s.l.Warnf(s.t.File, s.in.Scores[k].Name, "check the key, or leave the score out", "%s", c)
		}
	}
	s.unkeyed()
}

// unkeyed says that items whose key is not known were not scored, if the table
// has nothing else.
func (s *scorer) unkeyed() {
	var found []string
	for _, p := range s.m.Items {
		if it, _ := s.in.Item(p.Name); it.Unkeyed {
			found = append(found, p.Name)
		}
	}
	if found == nil {
		return
	}
	for k := range s.in.Scores {
		if s.givenOf[k] >= 0 {
			return
		}
	}
	s.l.Errorf(s.t.File, "", "give the scores in columns "+s.in.example()+", or an instrument file with the key (--instrument FILE; docs/formats/instrument.md)",
		"the %d items cannot be scored: how they make the scores of %s is not public", len(found), s.in.Name)
}
