package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/bids"
	"phasl/scales"
)

// scoreRows makes the table of --out.
func scoreRows(res *scales.Result) ([]bids.Column, [][]string) {
	in, m := res.Instrument, res.Match
	columns := idColumns(m, "")
	primary := in.Primary()
	for _, s := range in.Scores {
		columns = append(columns,
			bids.Column{Name: in.ScoreColumn(s.Name), Description: fmt.Sprintf("%s, %s; %s to %s", in.Title, s.Title, plain(s.Low), plain(s.High))},
			bids.Column{Name: in.ScoreColumn(s.Name) + "_missing", Description: "number of its parts without an answer"})
		if primary != nil && s.Name == primary.Name && s.Bands != nil {
			columns = append(columns, bids.Column{Name: in.Name + "_severity", Description: "severity by " + in.ScoreColumn(s.Name), Levels: bandLevels(s)})
		}
	}
	columns = append(columns, bids.Column{Name: "note", Description: "what is prorated or missing, and why"})
	var rows [][]string
	for i := range res.Rows {
		r := &res.Rows[i]
		row := idCells(m, r.Participant, r.Session, r.Kept, "")
		for k, v := range r.Values {
			row = append(row, bids.FormatNumber(v.Value), strconv.Itoa(len(v.Missing)))
			if s := &in.Scores[k]; primary != nil && s.Name == primary.Name && s.Bands != nil {
				row = append(row, v.Band)
			}
		}
		rows = append(rows, append(row, cell(strings.Join(notesOf(r), "; "))))
	}
	return columns, rows
}

func bandLevels(s scales.Score) map[string]string {
	out := map[string]string{}
	for _, b := range s.Bands {
		out[b.Name] = "from " + plain(b.From)
	}
	return out
}

// changeRows makes the table of --change-out.
func changeRows(res *scales.Result, changes []scales.Comparison, visit string) ([]bids.Column, [][]string) {
	if visit == res.Match.Session {
		visit = "session_id"
	}
	columns := append(idColumns(res.Match, visit),
		bids.Column{Name: "score", Description: "score of " + res.Instrument.Title},
		bids.Column{Name: "baseline", Description: "score at baseline"},
		bids.Column{Name: "followup", Description: "score at follow-up"},
		bids.Column{Name: "change", Description: "follow-up − baseline"},
		bids.Column{Name: "percent_change", Description: "change in percent of baseline", Units: "%"},
		bids.Column{Name: "response", Description: "whether the reduction is a response", Levels: map[string]string{"yes": "", "no": ""}},
		bids.Column{Name: "remission", Description: "whether follow-up is remission", Levels: map[string]string{"yes": "", "no": ""}},
		bids.Column{Name: "note", Description: "why a value is missing"})
	var rows [][]string
	for _, p := range changes {
		for _, ch := range p.Changes {
			rows = append(rows, append(idCells(res.Match, p.Participant, p.Session, p.Kept, visit), ch.Score,
				bids.FormatNumber(ch.Baseline), bids.FormatNumber(ch.FollowUp), bids.FormatNumber(ch.Change), bids.FormatNumber(ch.Percent),
				ch.Response.String(), ch.Remission.String(), cell(ch.Reason)))
		}
	}
	return columns, rows
}

// idColumns are the identifying columns of a table, without the one named
// skip.
func idColumns(m *scales.Match, skip string) []bids.Column {
	var out []bids.Column
	for _, id := range identify(m, "", "", make([]string, len(m.Kept))) {
		if id[0] != skip {
			out = append(out, bids.Column{Name: id[0]})
		}
	}
	return out
}

func idCells(m *scales.Match, participant, session string, kept []string, skip string) []string {
	var out []string
	for _, id := range identify(m, participant, session, kept) {
		if id[0] != skip {
			out = append(out, cell(id[1]))
		}
	}
	return out
}

// cell makes a text fit for a table.
func cell(s string) string { return strings.Join(strings.Fields(s), " ") }

// plain writes a number as short as keeps it.
func plain(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// summarise prints what was found and scored.
func (c *scoreCmd) summarise(w io.Writer, res *scales.Result, out scoreJSON) {
	in, m := res.Instrument, res.Match
	fmt.Fprintf(w, "%s: %s\n", in.Name, in.Title)
	people := map[string]bool{}
	for _, r := range res.Rows {
		people[r.Participant] = true
	}
	fmt.Fprintf(w, "%s: %d %s of %d %s\n", res.File, len(res.Rows), plural(len(res.Rows), "row", "rows"), len(people), plural(len(people), "participant", "participants"))
	printMatch(w, m)
	rows := [][]string{{"score", "scored", "prorated", "missing", "min", "median", "max", "possible"}}
	for k, s := range out.Summary {
		def := in.Scores[k]
		rows = append(rows, []string{s.Score, strconv.Itoa(s.Scored), strconv.Itoa(s.Prorated), strconv.Itoa(s.Missing), brief(s.Min), brief(s.Median), brief(s.Max), plain(def.Low) + " to " + plain(def.High)})
	}
	fmt.Fprintln(w)
	table(w, rows)
	printSeverity(w, res)
	printNotes(w, res)
	if out.Comparisons != nil {
		printComparison(w, out.Comparisons, in)
	}
}

// printMatch says which columns were taken for what.
func printMatch(w io.Writer, m *scales.Match) {
	line := func(what string, parts []string) {
		if len(parts) > 0 {
			fmt.Fprintf(w, "%s: %s\n", what, strings.Join(parts, ", "))
		}
	}
	pairs := func(list []scales.Pair) []string {
		var out []string
		for _, p := range list {
			mark := ""
			if p.Mapped {
				mark = " (--map)"
			}
			out = append(out, p.Name+" = "+p.Column+mark)
		}
		return out
	}
	ids := []string{m.Participant}
	if m.Session != "" {
		ids = append(ids, m.Session)
	}
	line("rows by", append(ids, m.Kept...))
	line("items", runs(m.Items, pairs))
	line("scores in the table", pairs(m.Scores))
	line("not used", m.Unused)
}

// runs shortens what a reader can follow: items in sequence whose columns end
// in their number and begin alike.
func runs(list []scales.Pair, pairs func([]scales.Pair) []string) []string {
	stem := func(p scales.Pair) string {
		begin := strings.TrimRight(p.Column, "0123456789")
		if strings.TrimLeft(p.Column[len(begin):], "0") != p.Name {
			return ""
		}
		return begin
	}
	var out []string
	for i := 0; i < len(list); {
		j, begin := i+1, stem(list[i])
		for n, err := strconv.Atoi(list[i].Name); err == nil && begin != "" && j < len(list); j++ {
			if stem(list[j]) != begin || list[j].Name != strconv.Itoa(n+j-i) || list[j].Mapped != list[i].Mapped {
				break
			}
		}
		if j-i < 3 {
			j = i + 1
			out = append(out, pairs(list[i:j])...)
		} else {
			mark := ""
			if list[i].Mapped {
				mark = " (--map)"
			}
			out = append(out, fmt.Sprintf("%s to %s = %s to %s%s", list[i].Name, list[j-1].Name, list[i].Column, list[j-1].Column, mark))
		}
		i = j
	}
	return out
}

func printSeverity(w io.Writer, res *scales.Result) {
	s := res.Instrument.Primary()
	if s == nil || s.Bands == nil {
		return
	}
	n := map[string]int{}
	for i := range res.Rows {
		v := res.Rows[i].Value(s.Name)
		n[v.Band]++
	}
	var parts []string
	for _, b := range s.Bands {
		parts = append(parts, fmt.Sprintf("%s %d", b.Name, n[b.Name]))
	}
	fmt.Fprintf(w, "\nseverity by %s: %s\n", s.Name, strings.Join(parts, ", "))
}

// maxNotes bounds the notes on the terminal; the JSON has all.
const maxNotes = 20

// printNotes prints the notes of rows; a reason that every row has, such as a
// missing column, is printed once.
func printNotes(w io.Writer, res *scales.Result) {
	count := map[string]int{}
	for i := range res.Rows {
		for _, n := range notesOf(&res.Rows[i]) {
			count[n]++
		}
	}
	every := func(n string) bool { return len(res.Rows) > 1 && count[n] == len(res.Rows) }
	var lines []string
	for i := range res.Rows {
		r := &res.Rows[i]
		notes := notesOf(r)
		if i == 0 {
			for _, n := range notes {
				if every(n) {
					lines = append(lines, "every row: "+n)
				}
			}
		}
		notes = slices.DeleteFunc(notes, every)
		if len(notes) == 0 {
			continue
		}
		who := []string{}
		for _, v := range append([]string{r.Participant, r.Session}, r.Kept...) {
			if v != "" {
				who = append(who, v)
			}
		}
		lines = append(lines, fmt.Sprintf("row %d (%s): %s", r.Number, strings.Join(who, ", "), strings.Join(notes, "; ")))
	}
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(w)
	for i, l := range lines {
		if i == maxNotes {
			fmt.Fprintf(w, "… and %d more; --json has all\n", len(lines)-i)
			break
		}
		fmt.Fprintln(w, l)
	}
}

func printComparison(w io.Writer, c *comparisonJSON, in *scales.Instrument) {
	s := in.Primary()
	if s == nil && len(in.Scores) > 0 {
		s = &in.Scores[0]
	}
	if s == nil || len(c.Rows) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s from %s to %s (%s)\n", in.ScoreColumn(s.Name), c.Baseline, c.FollowUp, c.Column)
	head := []string{}
	for _, id := range c.Rows[0].ids {
		head = append(head, id[0])
	}
	rows := [][]string{append(head, "baseline", "follow-up", "change", "percent", "response", "remission")}
	n, responders, remitters, known := 0, 0, 0, 0
	for _, r := range c.Rows {
		ch := r.Changes[s.Name]
		row := []string{}
		for _, id := range r.ids {
			row = append(row, id[1])
		}
		rows = append(rows, append(row, brief(ch.Baseline), brief(ch.FollowUp), brief(ch.Change), brief(ch.Percent), ch.Response.String(), ch.Remission.String()))
		if !math.IsNaN(float64(ch.Change)) {
			n++
		}
		if ch.Response != scales.Unknown {
			known++
		}
		if ch.Response == scales.Yes {
			responders++
		}
		if ch.Remission == scales.Yes {
			remitters++
		}
	}
	table(w, rows)
	fmt.Fprintf(w, "%d of %d pairs have both scores", n, len(c.Rows))
	if o := in.Outcome; o != nil && o.Score == s.Name {
		fmt.Fprintf(w, "; response (reduction of %s %% or more) %d of %d; remission (%s or less) %d", brief(bids.Number(o.Response)), responders, known, brief(bids.Number(o.Remission)), remitters)
	}
	fmt.Fprintln(w)
}

// brief writes a number with at most one decimal.
func brief(x bids.Number) string {
	f := float64(x)
	if math.IsNaN(f) {
		return "n/a"
	}
	if f == math.Round(f) {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', 1, 64)
}

// printInstruments lists instruments with their scores and sources.
func printInstruments(w io.Writer, list []*scales.Instrument) {
	for i, in := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s\n  %s", in.Name, in.Title)
		if in.Version != "" {
			fmt.Fprintf(w, "; %s", in.Version)
		}
		fmt.Fprintln(w)
		for _, s := range in.Scores {
			fmt.Fprintf(w, "  %s: %s to %s\n", s.Name, plain(s.Low), plain(s.High))
		}
		if o := in.Outcome; o != nil {
			fmt.Fprintf(w, "  response: %s reduced by %s %% or more; remission: %s or less\n", o.Score, brief(bids.Number(o.Response)), brief(bids.Number(o.Remission)))
		}
		for _, s := range in.Sources {
			fmt.Fprintf(w, "  source: %s\n", s)
		}
		if in.Note != "" {
			fmt.Fprintf(w, "  note: %s\n", in.Note)
		}
	}
}
