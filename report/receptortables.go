package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/receptor"
)

// effectiveOf is the effective number of regions of the modified t test; NaN
// where it was not made.
func effectiveOf(a *receptor.Alignment) float64 {
	if a.Parametric.Effective > 0 {
		return a.Parametric.Effective
	}
	return math.NaN()
}

// alignmentTables are what claims rest on, people's maps where they were tested,
// and, beside it, the group's map; a table is nil where there is nothing.
func (q *Receptors) alignmentTables(e *ReceptorEffect) (claims, group *plainTable) {
	if e.Alignments != nil {
		group = q.groupTable(e)
	}
	if !e.joint() {
		return group, nil
	}
	return q.peopleTable(e), group
}

// withReasons adds a column that says why receptors have no number, if any
// lacks one.
func (t *plainTable) withReasons(reasons []string) {
	if !slices.ContainsFunc(reasons, func(s string) bool { return s != "" }) {
		return
	}
	t.Heads, t.Tail = append(t.Heads, "Why not computed"), 1
	t.Spans = append(t.Spans, plainSpan{"", 1})
	for i := range t.Rows {
		t.Rows[i].Cells = append(t.Rows[i].Cells, capital(reasons[i]))
	}
}

// peopleTable has a row for each receptor: the mean of people's maps, which the
// claims are of, and single people's maps.
func (q *Receptors) peopleTable(e *ReceptorEffect) *plainTable {
	sym := q.symbol()
	t := &plainTable{Words: 1, Heads: []string{"Receptor", "n", sym, "95 % of chance", "p (people)", "p (places)", "p (both)", "p (both), family-wise", "mean " + sym, "95 % CI", "above 0"}}
	t.Spans = []plainSpan{{"", 1}, {"Mean of the maps of " + plural(len(e.People.Names), "person", "people"), 7}, {"Map of each person", 3}}
	var reasons []string
	for _, r := range q.rows(e) {
		reasons = append(reasons, r.reason())
		p := r.p
		if p == nil {
			t.Rows = append(t.Rows, plainRow{Cells: append([]string{r.name}, slices.Repeat([]string{dash}, len(t.Heads)-1)...)})
			continue
		}
		above := fmt.Sprintf("%d of %d", p.Positive, len(p.Each))
		if !isNumber(p.Mean) {
			above = dash
		}
		t.Rows = append(t.Rows, plainRow{Cells: []string{r.name, strconv.Itoa(p.N), r2(p.R), between(p.NullLow, p.NullHigh), pText(p.PFlip), pText(p.PPlaces), pText(p.PJoint), pText(p.PJointFWE), r2(p.Mean), between(p.Low, p.High), above}, Claim: p.PJointFWE < receptorAlpha})
	}
	t.withReasons(reasons)
	return t
}

// groupTable has a row for each receptor: the group's map under surrogates, and
// the test without them. Its rows are claims only where people's maps were not
// tested.
func (q *Receptors) groupTable(e *ReceptorEffect) *plainTable {
	t := &plainTable{Words: 1, Heads: []string{"Receptor", "n", q.symbol(), "95 % of chance", "p", "p, family-wise", "effective n", "p"}}
	t.Spans = []plainSpan{{"", 1}, {"Group’s map: other places", 5}, {"Modified t test", 2}}
	var reasons []string
	for i := range e.Alignments.Results {
		a := &e.Alignments.Results[i]
		r := receptorRow{name: q.name(a.Target, a.File), a: a}
		reasons = append(reasons, r.reason())
		t.Rows = append(t.Rows, plainRow{Cells: []string{r.name, strconv.Itoa(a.N), r2(a.R), between(a.Low, a.High), pText(a.P), pText(a.PFWE), fixed(effectiveOf(a), 1), pText(a.Parametric.P)}, Claim: !e.joint() && a.PFWE < receptorAlpha})
	}
	t.withReasons(reasons)
	return t
}

// tableNote explains the columns that the claims are in.
func (q *Receptors) tableNote(e *ReceptorEffect) string {
	if !e.joint() {
		return strings.TrimSpace(q.groupNote(e) + " Bold: family-wise p below 0.05.")
	}
	p := e.People
	return fmt.Sprintf("n: regions with both. 95 %% of chance: middle of %s among %d draws of new people and other places (seed %d), as drawn above. p (people): would new people show it in these regions? p (places): is it more than any map as smooth would show? p (both): people and places together, on which the claim rests. Family-wise: over the receptors; bold: below 0.05. – : no value.", q.symbol(), p.Surrogates, p.Seed)
}

// groupNote explains the columns of the group's map.
func (q *Receptors) groupNote(e *ReceptorEffect) string {
	a := e.Alignments
	if a == nil {
		return ""
	}
	return fmt.Sprintf("n: regions with both. 95 %% of chance: middle of %s among %d %s%s (seed %d). Family-wise: over the receptors. Effective n: independent regions that the two maps count for, by the modified t test, a second opinion without surrogates that is too bold for smooth maps. – : no value.", q.symbol(), a.Surrogates, nullWords(a.Null), surrogatesOf(a.Null, "the group’s effect map"), a.Seed)
}

// influential returns the places by how much r changes without them, those
// that change it most first.
func influential(a *receptor.Alignment) []receptor.Influence {
	out := slices.DeleteFunc(slices.Clone(a.Influence), func(f receptor.Influence) bool { return !isNumber(f.Change) })
	slices.SortStableFunc(out, func(a, b receptor.Influence) int { return cmp.Compare(math.Abs(b.Change), math.Abs(a.Change)) })
	return out
}

// influenceTable names the three regions without which each coefficient
// changes most, and its range over leaving out any one; nil if none is known.
func (q *Receptors) influenceTable(e *ReceptorEffect) *plainTable {
	sym := q.symbol()
	t := &plainTable{Words: 1, Tail: 3, Heads: []string{"Receptor", sym + ", group’s map", sym + " without any one region", "Without the region that weighs most", "Second", "Third"}}
	for i := range e.Alignments.Results {
		a := &e.Alignments.Results[i]
		list := influential(a)
		if len(list) == 0 {
			continue
		}
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, f := range list {
			lo, hi = min(lo, f.Without), max(hi, f.Without)
		}
		row := plainRow{Cells: []string{q.name(a.Target, a.File), r2(a.R), between(lo, hi)}}
		for k := range 3 {
			cell := dash
			if k < len(list) {
				cell = fmt.Sprintf("%s: %s", q.place(list[k].Place), fixed(list[k].Without, 3))
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

// regressionTable has a row for each receptor.
func (q *Receptors) regressionTable(e *ReceptorEffect) *plainTable {
	t := &plainTable{Words: 1, Heads: []string{"Receptor", "β", "R² alone", "R² unique", "dominance", "p (dominance)", "relative weight", "VIF"}}
	for i := range e.Regression.Terms {
		r := &e.Regression.Terms[i]
		t.Rows = append(t.Rows, plainRow{Cells: []string{q.name(r.Target, r.File), fixed(r.Beta, 2), fixed(r.Alone, 3), fixed(r.Unique, 3), fixed(r.Dominance, 3), pText(r.PDominance), fixed(r.Relative, 3), fixed(r.VIF, 1)}})
	}
	return t
}

// comparisonRows are the cells that comparisons of receptors and of maps have
// in common.
func comparisonRows(list []receptor.Comparison, name func(*receptor.Comparison) string) (rows []plainRow, notes bool) {
	notes = slices.ContainsFunc(list, func(c receptor.Comparison) bool { return c.Reason != "" })
	for i := range list {
		c := &list[i]
		row := plainRow{Cells: []string{name(c), strconv.Itoa(c.N), r2(c.R1), r2(c.R2), signedTwo(c.Difference), r2(c.NullSD), pText(c.P), pText(c.PFWE)}, Claim: c.PFWE < receptorAlpha}
		if notes {
			row.Cells = append(row.Cells, capital(inRegions(c.Reason)))
		}
		rows = append(rows, row)
	}
	return rows, notes
}

func (q *Receptors) comparisonTable(what string, heads [2]string, list []receptor.Comparison, name func(*receptor.Comparison) string) *plainTable {
	t := &plainTable{Words: 1, Heads: []string{what, "n", heads[0], heads[1], "difference", "SD by chance", "p", "p, family-wise"}}
	notes := false
	if t.Rows, notes = comparisonRows(list, name); notes {
		t.Heads, t.Tail = append(t.Heads, "Why not computed"), 1
	}
	return t
}

// pairTable compares receptors of one effect map; nil if none were.
func (q *Receptors) pairTable(e *ReceptorEffect) *plainTable {
	if len(e.Pairs) == 0 {
		return nil
	}
	sym := q.symbol()
	t := q.comparisonTable("Receptors", [2]string{sym + ", first", sym + ", second"}, e.Pairs, func(c *receptor.Comparison) string { return c.First + " − " + c.Second })
	for i := range t.Rows {
		t.Rows[i].Claim = false // the people are taken as given
	}
	return t
}

func (q *Receptors) pairWords(e *ReceptorEffect) string {
	if len(e.Pairs) == 0 {
		return ""
	}
	var shown []string
	for _, c := range e.Pairs {
		if c.PFWE < receptorAlpha {
			shown = append(shown, fmt.Sprintf("%s from %s (difference %s, %s)", c.First, c.Second, signedTwo(c.Difference), pIs(c.PFWE)))
		}
	}
	t := fmt.Sprintf("Of %s, none is shown to differ", plural(len(e.Pairs), "comparison", "comparisons"))
	if n := len(shown); n > mostNamed {
		shown = append(shown[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
	}
	if len(shown) > 0 {
		t = "In the group's map, alignment differs for " + joinAnd(shown)
	}
	return t + ": family-wise p, over the comparisons, for other places only, the people taken as given; exploratory. That one receptor is shown and another is not is no difference between them."
}

// shiftView compares the alignments under two treatments.
func (q *Receptors) shiftView(s *ReceptorShift) receptorShiftView {
	v := receptorShiftView{Heading: orText(s.Label, strings.TrimSpace(s.Treatment+" against "+s.Reference))}
	var shown []string
	known := 0
	first, second, heads := "the first map", "the second", [2]string{"first", "second"}
	if s.Treatment != "" && s.Reference != "" {
		first, second, heads = "the effect under "+s.Treatment, "that under "+s.Reference, [2]string{s.Treatment, s.Reference}
	}
	for i := range s.Receptors {
		c := &s.Receptors[i]
		p := s.claim(i)
		if isNumber(p) {
			known++
		}
		if p < receptorAlpha {
			shown = append(shown, fmt.Sprintf("%s (difference %s, %s)", c.Target, signedTwo(c.Difference), pIs(p)))
		}
	}
	switch {
	case known == 0:
		v.Sentence = "No comparison was computed."
	case len(shown) > 0:
		if n := len(shown); n > mostNamed {
			shown = append(shown[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
		}
		v.Sentence = fmt.Sprintf("Alignment differs between %s and %s for %s.", first, second, joinAnd(shown))
	default:
		v.Sentence = fmt.Sprintf("That alignment differs between %s and %s is not shown for any of %s.", first, second, plural(known, "receptor", "receptors"))
	}
	if s.People == nil {
		v.Sentence += " Here the people are taken as given: p speaks for other places only."
	} else {
		v.Sentence += fmt.Sprintf(" p speaks for new people and other places: the test is of the differences of the standardised maps of %d people with both treatments, whose signs are flipped.", len(s.People.Names))
	}
	if slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool {
		kind, _ := effectKind(e.Name)
		return kind == crossover.Interaction && e.People != nil
	}) {
		v.Sentence += " The map of the difference between treatments compares amounts, this the shapes of two maps, each in standard deviations of its own: one may show a receptor that the other does not."
	}
	sym := q.symbol()
	v.Table = q.comparisonTable("Receptor", [2]string{sym + ", " + heads[0], sym + ", " + heads[1]}, s.Receptors, func(c *receptor.Comparison) string { return orText(c.Target, c.First) })
	if s.People != nil {
		s.addPeople(v.Table)
	}
	return v
}

// claim is the p that a difference is claimed by: of the people's test, where there
// is one.
func (s *ReceptorShift) claim(i int) float64 {
	if s.People == nil {
		return s.Receptors[i].PFWE
	}
	if i >= len(s.People.Results) {
		return math.NaN()
	}
	return s.People.Results[i].PJointFWE
}

// addPeople puts the people's tests before the last two columns' p of places.
func (s *ReceptorShift) addPeople(t *plainTable) {
	const at = 8 // after the p of places
	t.Heads[at-2], t.Heads[at-1] = "p (places)", "p (places), family-wise"
	t.Heads = slices.Insert(t.Heads, at, "p (both)", "p (both), family-wise")
	for i := range t.Rows {
		p, fwe := math.NaN(), s.claim(i)
		if i < len(s.People.Results) {
			p = s.People.Results[i].PJoint
		}
		t.Rows[i].Cells = slices.Insert(t.Rows[i].Cells, at, pText(p), pText(fwe))
		t.Rows[i].Claim = fwe < receptorAlpha
	}
}

// sourceTable says where each density is from and how much of the atlas it
// covers.
func (q *Receptors) sourceTable() *plainTable {
	if len(q.Panel) == 0 {
		return nil
	}
	t := &plainTable{Words: 2, Tail: 5, Heads: []string{"Receptor", "Tracer", "People scanned", "Regions", "Paper", "Licence", "Space", "Left out of it", "File"}}
	for i := range q.Panel {
		d := &q.Panel[i]
		valued := 0
		for _, v := range d.Values {
			if isNumber(v) {
				valued++
			}
		}
		people := "not known"
		if d.N > 0 {
			people = strconv.Itoa(d.N)
		}
		var out []string
		const most = 4
		for _, k := range d.Excluded[:min(len(d.Excluded), most)] {
			out = append(out, q.place(k))
		}
		if n := len(d.Excluded); n > most {
			out = append(out, fmt.Sprintf("%d more", n-most))
		}
		t.Rows = append(t.Rows, plainRow{Cells: []string{q.name(d.Target, ""), orText(d.Tracer, "not stated"), people, fmt.Sprintf("%d of %d", valued, len(d.Values)), orText(d.Paper, "not stated"), orText(d.Licence, "not stated"), orText(d.Space, "not stated"), strings.Join(out, ", "), d.File}})
	}
	return t
}

// unit is the unit of an effect's values, as it is printed.
func (q *Receptors) unit(e *ReceptorEffect) string {
	if u := strings.TrimSpace(e.Unit); u != "" && u != "1" {
		return cbfUnit(u)
	}
	return ""
}
