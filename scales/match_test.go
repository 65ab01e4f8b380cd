package scales

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/diag"
)

func table(header string, rows ...string) *bids.Table {
	t := &bids.Table{File: "t.tsv", Columns: strings.Split(header, ",")}
	for _, r := range rows {
		t.Rows = append(t.Rows, strings.Split(r, ","))
	}
	return t
}

func TestColumnNames(t *testing.T) {
	for _, tt := range []struct{ instrument, column, want string }{
		{"madrs", "madrs_1", "item 1"},
		{"madrs", "madrs_01", "item 1"},
		{"madrs", "MADRS1", "item 1"},
		{"madrs", "MADRS10", "item 10"},
		{"madrs", "madrs_item1", "item 1"},
		{"madrs", "madrs_item_01", "item 1"},
		{"madrs", "madrs.q2", "item 2"},
		{"madrs", "MADRS - Question 7", "item 7"},
		{"madrs", "madrs", "score total"},
		{"madrs", "madrs_total", "score total"},
		{"madrs", "MADRS Score", "score total"},
		{"madrs", "madrs_1_0", ""}, // item 1 at some visit, not item 10
		{"madrs", "item_1", ""},
		{"madrs", "madrs_date", ""},
		{"madrs", "premadrs_1", ""},
		{"madrs", "madrs_11", "no item 11"},
		{"qids", "qids_sr_16", "item 16"},
		{"qids", "QIDSSR1", "item 1"},
		{"qids", "qids_sr16_3", "item 3"},
		{"qids", "qids16_3", "item 3"},
		{"qids", "qids_sleep", "score sleep"},
		{"cadss", "cadss_27", "item 27"},
		{"cadss", "cadss_derealization", "score derealisation"},
		{"cadss23", "CADSS23", "item 23"}, // not the total of an instrument of that name
		{"cadss23", "cadss23_5", "item 5"},
		{"cadss23", "cadss_24", "no item 24"},
		{"psi", "PSI Delusional Thinking", "score delusional"},
		{"psi", "psi_cognitive_disorganization", "score cognitive"},
		{"psi", "psi_48", "item 48"},
	} {
		in := Find(tt.instrument)
		items, scores, strange := in.readings(in.patterns(), tt.column)
		got := ""
		switch {
		case len(items)+len(scores) > 1:
			got = "ambiguous"
		case len(items) == 1:
			got = "item " + items[0]
		case len(scores) == 1:
			got = "score " + scores[0]
		case strange > 0:
			got = fmt.Sprintf("no item %d", strange)
		}
		if got != tt.want {
			t.Errorf("%s: column %q is read as %q, want %q", tt.instrument, tt.column, got, tt.want)
		}
	}
}

// What an instrument writes it finds again.
func TestWrittenColumnsAreFound(t *testing.T) {
	for _, in := range Instruments() {
		tab := table("participant_id")
		for _, it := range in.Items {
			tab.Columns = append(tab.Columns, in.Column(it.Name))
		}
		for _, s := range in.Scores {
			tab.Columns = append(tab.Columns, in.ScoreColumn(s.Name))
		}
		if in.Open != nil {
			tab.Columns = append(tab.Columns, in.Column("high"))
		}
		m, l := in.Match(tab, Options{})
		if l != nil || len(m.Unused) != 0 || len(m.Items) != max(len(in.Items), 1) || len(m.Scores) != len(in.Scores) {
			t.Errorf("%s: %v, %+v", in.Name, l, m)
		}
		for _, p := range m.Items {
			if in.Open == nil && in.Column(p.Name) != p.Column {
				t.Errorf("%s: item %s in column %s", in.Name, p.Name, p.Column)
			}
		}
	}
}

// has fails unless a problem of the field says all of parts.
func has(t *testing.T, l diag.List, field string, parts ...string) {
	t.Helper()
	for _, p := range l {
		text := p.Error() + " | " + p.Fix
		if p.Field == field && !slices.ContainsFunc(parts, func(s string) bool { return !strings.Contains(text, s) }) {
			return
		}
	}
	t.Errorf("no problem of %q says %q: %v", field, parts, l)
}

const nine = "madrs_1,madrs_2,madrs_3,madrs_4,madrs_5,madrs_6,madrs_7,madrs_8,madrs_9"

func TestMatchFaults(t *testing.T) {
	in := Find("madrs")
	for _, tt := range []struct {
		name, header string
		opt          Options
		field        string
		parts        []string
	}{
		{"two columns of one item", "participant_id," + nine + ",madrs_10,MADRS01", Options{}, "MADRS01", []string{"item 1 has two columns, madrs_1 and MADRS01", "--map 1=madrs_1"}},
		{"an item has no column", "participant_id," + nine + ",mood", Options{}, "item 10", []string{"9 of the items have columns, and item 10 has none", "--map 10=COLUMN", "mood"}},
		{"more items than the scale has", "participant_id," + nine + ",madrs_10,madrs_11", Options{}, "madrs_11", []string{"madrs has no item 11", "another version"}},
		{"nothing", "participant_id,a,b", Options{}, "", []string{"no column belongs to madrs; the columns are participant_id, a, b", "madrs_01"}},
		{"no participant", "participant," + nine + ",madrs_10", Options{}, "participant_id", []string{"no such column", "--id participant"}},
		{"id that is not there", "participant_id," + nine + ",madrs_10", Options{Participant: "subject"}, "subject", []string{"choose one of: participant_id"}},
		{"session that is not there", "participant_id," + nine + ",madrs_10", Options{Session: "visit"}, "visit", []string{"no such column"}},
		{"kept column that is not there", "participant_id," + nine + ",madrs_10", Options{Keep: []string{"rater"}}, "rater", []string{"no such column"}},
		{"map of an item that is not there", "participant_id,x," + nine, Options{Map: map[string]string{"12": "x"}}, "--map 12", []string{`neither an item nor a score "12"`}},
		{"map to a column that is not there", "participant_id,mood," + nine, Options{Map: map[string]string{"10": "moot"}}, "--map 10", []string{"write mood"}},
		{"map uses a column twice", "participant_id,x," + nine, Options{Map: map[string]string{"10": "x", "9": "x"}}, "x", []string{"used twice"}},
		{"pattern without a star", "participant_id,x", Options{Map: map[string]string{"*": "item"}}, "--map *", []string{"has no *"}},
		{"pattern that finds nothing", "participant_id,x", Options{Map: map[string]string{"*": "item_*"}}, "--map *", []string{"follows the pattern"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, l := in.Match(table(tt.header), tt.opt)
			if m == nil || l.Err() == nil {
				t.Fatalf("match %v, problems %v", m, l)
			}
			has(t, l, tt.field, tt.parts...)
		})
	}
}

func TestMap(t *testing.T) {
	in := Find("madrs")
	tab := table("id,time,pre1,pre2,pre3,pre4,pre5,pre6,pre7,pre8,pre9,pre10,apathy,site", "a,0,0,1,2,3,4,5,6,0,1,2,6,x")
	m, l := in.Match(tab, Options{Participant: "id", Keep: []string{"site"}, Map: map[string]string{"*": "pre*", "8": "apathy"}})
	if l != nil {
		t.Fatal(l)
	}
	if m.Participant != "id" || m.Session != "" || strings.Join(m.Kept, " ") != "time site" || strings.Join(m.Unused, " ") != "pre8" {
		t.Errorf("%+v", m)
	}
	if column(m.Items, "8") != "apathy" || column(m.Items, "10") != "pre10" || !m.Items[0].Mapped {
		t.Errorf("%+v", m.Items)
	}
	res, l := in.ScoreTable(tab, Options{Participant: "id", Keep: []string{"site"}, Map: map[string]string{"*": "pre*", "8": "apathy"}})
	if v := res.Rows[0].Value("total"); l != nil || v.Value != 0+1+2+3+4+5+6+6+1+2 {
		t.Errorf("%+v %v", v, l)
	}
}

func TestAmbiguousColumn(t *testing.T) {
	in, l := Parse("x.toml", []byte("name = \"a\"\nprefixes = [\"a_1\"]\n[[items]]\nitems = \"1, 11\"\nlow = 0\nhigh = 1\n[[score]]\nname = \"total\"\nmethod = \"sum\"\nitems = \"1, 11\"\n"))
	if l != nil {
		t.Fatal(l)
	}
	_, l = in.Match(table("participant_id,a11,a_1"), Options{})
	has(t, l, "a11", "the name can mean 1 or 11", "--map 1=a11")
}

// All faults of the cells are named at once, each with where and what.
func TestCellFaults(t *testing.T) {
	in := Find("madrs")
	tab := table("participant_id,session_id,"+nine+",madrs_10,madrs_total",
		"sub-01,ses-1,0,1,2,3,4,5,6,0,1,2,24",
		"sub-01,ses-2,7,1,2,3,4,5,6,0,1,2,n/a",
		"sub-02,ses-1,-1,1.5,two,3;,4,5,6,99,1,2,n/a",
		"sub-02,ses-2,0,1,2,3,4,5,6,0,1,2,25",
		"n/a,ses-2,0,1,2,3,4,5,6,0,1,2,24",
		"sub-01,ses-1,0,1,2,3,4,5,6,0,1,2,24",
		"sub-03,ses-1,3.0, 3,,NA,.,NaN,3,3,3,3,61")
	res, l := in.ScoreTable(tab, Options{})
	has(t, l, "madrs_1", "row 2 (sub-01, ses-2): 7 is out of range", "0 to 6, whole numbers", "n/a if there is no answer")
	has(t, l, "madrs_1", "row 3 (sub-02, ses-1): -1 is out of range")
	has(t, l, "madrs_2", "row 3 (sub-02, ses-1): 1.5 is not an answer the scale has")
	has(t, l, "madrs_3", `"two" is not a number`)
	has(t, l, "madrs_4", `"3;" is not a number`)
	has(t, l, "madrs_8", "99 is out of range")
	has(t, l, "madrs_total", "row 4 (sub-02, ses-2): the table says 25, its parts come to 24")
	has(t, l, "madrs_total", "row 7 (sub-03, ses-1): 61 is out of range; total may be 0 to 60")
	has(t, l, "participant_id", "row 5 names nobody")
	has(t, l, "participant_id", "row 6 (sub-01, ses-1) has the same participant and visit as row 1")
	if n, w := len(l.Errors()), len(l.Warnings()); n != 9 || w != 1 {
		t.Errorf("%d errors and %d warnings, want 9 and 1: %v", n, w, l)
	}
	if v := res.Rows[6].Value("total"); len(v.Missing) != 4 {
		t.Errorf("missing %v", v.Missing)
	}
}

// A total that the table holds beside its items is compared; where items are
// missing the two may follow different rules, which is a note and no warning.
func TestTotalsOfTheTable(t *testing.T) {
	tab := table("participant_id,"+nine+",madrs_10,madrs_total",
		"a,3,3,3,3,3,3,3,3,3,3,30", "b,3,3,3,3,3,3,3,3,3,n/a,27", "c,3,3,3,3,3,3,3,n/a,n/a,n/a,21", "d,3,3,3,3,3,3,3,3,3,3,29")
	res, l := Find("madrs").ScoreTable(tab, Options{})
	if len(l) != 1 || !strings.Contains(l[0].Error(), "row 4 (d): the table says 29, its parts come to 30") {
		t.Error(l)
	}
	for i, want := range []string{"", "total: the table says 27", "total is not computed; the table's own value is 21", "total: the table says 29"} {
		if got := strings.Join(res.Rows[i].Notes, "; "); got != want {
			t.Errorf("row %d: %q, want %q", i+1, got, want)
		}
	}
}

// A thousand faulty cells do not bury the rest.
func TestManyFaultsAreCounted(t *testing.T) {
	in := Find("madrs")
	tab := table("participant_id," + nine + ",madrs_10")
	for i := range 100 {
		tab.Rows = append(tab.Rows, strings.Split(fmt.Sprintf("sub-%d,9,9,9,9,9,9,9,9,9,9", i), ","))
	}
	_, l := in.ScoreTable(tab, Options{})
	if len(l) != maxCellProblems+1 || !strings.Contains(l[len(l)-1].Found, "900 more values out of range") {
		t.Errorf("%d problems, the last %v", len(l), l[len(l)-1])
	}
}

func TestEmptyTable(t *testing.T) {
	_, l := Find("madrs").ScoreTable(table("participant_id,"+nine+",madrs_10"), Options{})
	has(t, l, "", "no rows below the header")
}

func TestRecognise(t *testing.T) {
	items := func(prefix string, n int) string {
		s := "participant_id"
		for i := range n {
			s += fmt.Sprintf(",%s_%d", prefix, i+1)
		}
		return s
	}
	for _, tt := range []struct{ stem, header, want, why string }{
		{"madrs", items("madrs", 10), "madrs", "10 of its columns and the name of the file"},
		{"depression", items("madrs", 10), "madrs", "by 10 of its columns"},
		{"cadss", items("cadss", 27), "cadss", "27"},
		{"cadss", items("cadss", 23), "cadss23", "23"},
		{"cadss", items("cadss", 19), "cadss", "19"},
		{"cadss", "participant_id,cadss_amnesia", "cadss", "the name of the file"},
		{"x", "participant_id,cadss_amnesia", "", "cadss or cadss23"},
		{"psi", "participant_id,psi_delusional", "psi", "1 of its columns"},
		{"psi", "participant_id,age", "", "no instrument"},
		{"madrs", items("madrs", 9), "", "no instrument"},
		{"mood_vas", "participant_id,vas_high", "vas", ""},
	} {
		in, why := Recognise(tt.stem, table(tt.header), Instruments())
		got := ""
		if in != nil {
			got = in.Name
		}
		if got != tt.want || !strings.Contains(why, tt.why) {
			t.Errorf("%s %s: %q (%s), want %q", tt.stem, tt.header, got, why, tt.want)
		}
	}
}
