package scales

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"phasl/bids"
)

// answers writes one row of items from a compact form: one character for each
// item, "." for a missing answer, blanks for the eye.
func answers(in *Instrument, row string) *bids.Table {
	t := &bids.Table{File: "t.tsv", Columns: []string{"participant_id"}, Rows: [][]string{{"sub-01"}}}
	row = strings.ReplaceAll(row, " ", "")
	for i, it := range in.Items[:len(row)] {
		t.Columns = append(t.Columns, in.Column(it.Name))
		t.Rows[0] = append(t.Rows[0], strings.Replace(row[i:i+1], ".", "n/a", 1))
	}
	return t
}

// A workedCase is a score worked by hand. want is "value", "value~" if it is
// prorated, or "reason: " with what the reason must hold.
type workedCase struct {
	name, row, want, band string
}

// check scores the cases by one score.
func check(t *testing.T, in *Instrument, score string, o Options, cases []workedCase) {
	t.Helper()
	for _, tt := range cases {
		res, _ := in.ScoreTable(answers(in, tt.row), o)
		v := res.Rows[0].Value(score)
		if reason, ok := strings.CutPrefix(tt.want, "reason: "); ok {
			if !math.IsNaN(v.Value) || !strings.Contains(v.Reason, reason) || v.Band != "" || v.Prorated {
				t.Errorf("%s %s %q: %+v, want NaN with the reason %q", in.Name, score, tt.name, v, reason)
			}
			continue
		}
		text, prorated := strings.CutSuffix(tt.want, "~")
		want, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		// The worked values have at most six decimals.
		if !(math.Abs(v.Value-want) < 1e-6) || v.Prorated != prorated || v.Band != tt.band || v.Reason != "" {
			t.Errorf("%s %s %q: %+v, want %s %s", in.Name, score, tt.name, v, tt.want, tt.band)
		}
	}
}

// Bands 0–6, 7–19, 20–34, 35–60. With k answers that add up to S the prorated
// total is 10 S / k.
func TestMADRS(t *testing.T) {
	in := Find("madrs")
	check(t, in, "total", Options{}, []workedCase{
		{"nothing", "0000000000", "0", "absent"},
		{"most", "6666666666", "60", "severe"},
		{"end of absent", "1111110000", "6", "absent"},
		{"begin of mild", "1111111000", "7", "mild"},
		{"end of mild", "2222222221", "19", "mild"},
		{"begin of moderate", "2222222222", "20", "moderate"},
		{"end of moderate", "4444333333", "34", "moderate"},
		{"begin of severe", "4444433333", "35", "severe"},
		{"all different", "0123456012", "24", "moderate"},
		{"one missing: 10·27/9", "333333333.", "30~", "moderate"},
		{"two missing: 10·21/8", "33333.33.0", "26.25~", "moderate"},
		{"prorated between bands: 10·6/9", "111111000.", "6.666667~", "absent"},
		{"three missing", "3333333...", "reason: 3 of 10 items missing (8, 9, 10); 8 are needed", ""},
		{"all missing", "..........", "reason: 10 of 10 items missing", ""},
		{"out of range", "3333733333", "reason: item 5: 7 is out of range", ""},
		{"out of range is not missing", "333373333.", "reason: item 5: 7 is out of range", ""},
	})
	check(t, in, "total", Options{Strict: true}, []workedCase{
		{"none missing", "2222222222", "20", "moderate"},
		{"one missing", "222222222.", "reason: 1 of 10 items missing (10); 10 are needed", ""},
	})
}

// Items: 1–4 sleep, 5 mood, 6–7 appetite, 8–9 weight, 10 concentration, 11
// self, 12 suicide, 13 interest, 14 energy, 15–16 psychomotor.
func TestQIDS(t *testing.T) {
	in := Find("qids")
	check(t, in, "total", Options{}, []workedCase{
		{"nothing", "0000 0 00 00 0 0 0 0 0 00", "0", "none"},
		{"most", "3333 3 33 33 3 3 3 3 3 33", "27", "very severe"},
		{"only the highest of sleep counts", "1230 0 00 00 0 0 0 0 0 00", "3", "none"},
		{"only the highest of appetite and weight counts", "0000 0 12 01 0 0 0 0 0 00", "2", "none"},
		{"weight is above appetite", "0000 0 01 03 0 0 0 0 0 00", "3", "none"},
		{"only the highest of psychomotor counts", "0000 0 00 00 0 0 0 0 0 21", "2", "none"},
		{"sum of nine domains: 2+1+3+2+1+0+2+1+1", "0201 1 30 00 2 1 0 2 1 10", "13", "moderate"},
		{"16 items add up to 16, nine domains to 9", "1111 1 11 11 1 1 1 1 1 11", "9", "mild"},
		{"end of none", "1000 1 10 00 1 1 0 0 0 00", "5", "none"},
		{"begin of mild", "1000 1 10 00 1 1 1 0 0 00", "6", "mild"},
		{"begin of moderate", "2000 1 10 00 2 1 1 1 1 10", "11", "moderate"},
		{"begin of severe", "2000 2 20 00 2 2 2 2 1 10", "16", "severe"},
		{"begin of very severe", "3000 3 30 00 2 2 2 2 2 20", "21", "very severe"},
		{"the form asks for one of 6 and 7, one of 8 and 9", "0201 1 .3 0. 2 1 0 2 1 10", "13", "moderate"},
		{"one of each pair, none at 3: 2+1+2+2+1+0+2+1+1", "0201 1 .2 0. 2 1 0 2 1 10", "12", "moderate"},
		{"a missing item of sleep does not matter beside a 3", "3..0 1 30 00 2 1 0 2 1 10", "14", "moderate"},
		{"sleep unknown: 9·11/8", "02.1 1 30 00 2 1 0 2 1 10", "12.375~", "moderate"},
		{"mood missing: 9·12/8", "0201 . 30 00 2 1 0 2 1 10", "13.5~", "moderate"},
		{"sleep and mood unknown", "02.1 . 30 00 2 1 0 2 1 10", "reason: 2 of 9 scores missing (sleep, mood); 8 are needed", ""},
		{"weight unknown, appetite below 3: 9·10/8", "0201 1 20 .. 2 1 0 2 1 10", "11.25~", "moderate"},
		{"weight unknown, appetite 3", "0201 1 30 .. 2 1 0 2 1 10", "13", "moderate"},
		{"out of range", "0401 1 30 00 2 1 0 2 1 10", "reason: sleep: item 2: 4 is out of range", ""},
	})
	check(t, in, "sleep", Options{}, []workedCase{
		{"highest", "1230 0 00 00 0 0 0 0 0 00", "3", ""},
		{"one missing, none at 3", "12.0 0 00 00 0 0 0 0 0 00", "reason: 1 of 4 items missing (3); 4 are needed", ""},
		{"one missing, one at 3", "13.0 0 00 00 0 0 0 0 0 00", "3", ""},
	})
	check(t, in, "total", Options{Strict: true}, []workedCase{
		{"one of each pair is enough", "0201 1 .2 0. 2 1 0 2 1 10", "12", "moderate"},
		{"mood missing", "0201 . 30 00 2 1 0 2 1 10", "reason: 1 of 9 scores missing (mood); 9 are needed", ""},
	})
}

// Items 1 to 19 are subjective, 20 to 27 the observer's. Amnesia 14 15,
// depersonalisation 3–7, derealisation the twelve others.
func TestCADSS(t *testing.T) {
	in := Find("cadss")
	row := "12 01234 432101 21 0123 11111111" // 3 | 10 | 11 | 3 | 6 | 8
	for _, tt := range []struct{ score, want string }{
		{"amnesia", "3"},            // 2+1
		{"depersonalisation", "10"}, // 0+1+2+3+4
		{"derealisation", "20"},     // 1+2, 4+3+2+1+0+1, 0+1+2+3
		{"subjective", "33"},        // 3+10+20
		{"observer", "8"},
		{"total", "41"},
	} {
		check(t, in, tt.score, Options{}, []workedCase{{"complete", row, tt.want, ""}})
	}
	check(t, in, "amnesia", Options{}, []workedCase{
		{"one of two missing", "12 01234 432101 2. 0123 11111111", "reason: 1 of 2 items missing (15); 2 are needed", ""},
	})
	check(t, in, "depersonalisation", Options{}, []workedCase{
		{"one missing: 5·6/4", "12 0123. 432101 21 0123 11111111", "7.5~", ""},
		{"two missing", "12 012.. 432101 21 0123 11111111", "reason: 2 of 5 items missing (6, 7); 4 are needed", ""},
	})
	check(t, in, "derealisation", Options{}, []workedCase{
		{"two missing: 12·15/10", "12 01234 432101 21 01.. 11111111", "18~", ""},
		{"three missing", "12 01234 432101 21 0... 11111111", "reason: 3 of 12 items missing", ""},
	})
	check(t, in, "subjective", Options{}, []workedCase{
		{"three missing: 19·27/16", "12 01234 432101 21 0... 11111111", "32.0625~", ""},
		{"four missing", "12 01234 432101 21 .... 11111111", "reason: 4 of 19 items missing", ""},
	})
	check(t, in, "observer", Options{}, []workedCase{
		{"one missing: 8·7/7", "12 01234 432101 21 0123 1111111.", "8~", ""},
		{"no observer in the table", "12 01234 432101 21 0123", "reason: no columns for items 20, 21, 22", ""},
	})
	check(t, in, "total", Options{}, []workedCase{
		{"no observer in the table", "12 01234 432101 21 0123", "reason: no columns for scores observer", ""},
		{"prorated part", "12 01234 432101 21 0123 1111111.", "41~", ""},
		{"out of range", "12 01234 532101 21 0123 11111111", "reason: subjective: item 8: 5 is out of range", ""},
		{"most", strings.Repeat("4", 27), "108", ""},
	})
	_, l := in.ScoreTable(answers(in, row), Options{})
	if l.Err() != nil || len(l.Warnings()) != 3 || !strings.Contains(l[0].Found, "no public item key") {
		t.Errorf("the inferred key is not said: %v", l)
	}
}

// Items 20, 21 and 23 are depersonalisation, 22 amnesia.
func TestCADSS23(t *testing.T) {
	in := Find("cadss23")
	row := "12 01234 432101 21 0123 1234"
	for _, tt := range []struct{ score, want string }{
		{"amnesia", "6"},            // 2+1, 3
		{"depersonalisation", "17"}, // 10, 1+2+4
		{"derealisation", "20"},
		{"total", "43"},
	} {
		check(t, in, tt.score, Options{}, []workedCase{{"complete", row, tt.want, ""}})
	}
	check(t, in, "total", Options{}, []workedCase{
		{"nothing", strings.Repeat("0", 23), "0", ""},
		{"most", strings.Repeat("4", 23), "92", ""},
		{"four missing: 23·41/19", "12 01234 4321.. 21 .123 .234", "49.631579~", ""},
		{"five missing", "12 01234 4321.. 21 ..23 .234", "reason: 5 of 23 items missing", ""},
	})
	check(t, in, "depersonalisation", Options{}, []workedCase{
		{"one missing: 8·13/7", "12 01234 432101 21 0123 123.", "14.857143~", ""},
		{"two missing", "12 01234 432101 21 0123 1.3.", "reason: 2 of 8 items missing (21, 23)", ""},
	})
	check(t, in, "amnesia", Options{}, []workedCase{
		{"one missing", "12 01234 432101 21 0123 12.4", "reason: 1 of 3 items missing (22); 3 are needed", ""},
	})
}

// Subscales are given; the total adds them up.
func TestPSI(t *testing.T) {
	in := Find("psi")
	names := []string{"delusional", "perceptual", "cognitive", "anhedonia", "mania", "paranoia"}
	for _, tt := range []struct {
		name, cells, total, reason string
	}{
		{"nothing", "0 0 0 0 0 0", "0", ""},
		{"different", "1 2 3 4 5 6", "21", ""},
		{"one high", "24 0 0 0 0 0", "24", ""},
		{"at the limit", "24 24 24 24 24 24", "144", ""},
		{"prorated by the laboratory", "1.5 2 0 0 0 0", "3.5", ""},
		{"one missing", "1 2 3 4 5 n/a", "", "1 of 6 scores missing (paranoia); 6 are needed"},
		{"two missing", "n/a 2 3 NA 5 6", "", "2 of 6 scores missing (delusional, anhedonia)"},
		{"negative", "-1 2 3 4 5 6", "", "delusional: delusional: -1 is out of range"},
		{"above all items", "145 0 0 0 0 0", "", "145 is out of range"},
		{"text", "1 2 3 4 5 high", "", `"high" is not a number`},
		{"together too high", "100 100 0 0 0 0", "", "200 is out of range"},
	} {
		tab := &bids.Table{File: "psi.tsv", Columns: []string{"participant_id"}, Rows: [][]string{append([]string{"sub-01"}, strings.Fields(tt.cells)...)}}
		for _, n := range names {
			tab.Columns = append(tab.Columns, in.ScoreColumn(n))
		}
		res, _ := in.ScoreTable(tab, Options{})
		v := res.Rows[0].Value("total")
		if tt.reason != "" {
			if !math.IsNaN(v.Value) || !strings.Contains(v.Reason, tt.reason) {
				t.Errorf("%s: %+v, want the reason %q", tt.name, v, tt.reason)
			}
			continue
		}
		if number(v.Value) != tt.total || v.Reason != "" {
			t.Errorf("%s: %+v, want %s", tt.name, v, tt.total)
		}
	}
}

// Items without a key are checked and not scored.
func TestPSIItemsAreNotScored(t *testing.T) {
	in := Find("psi")
	res, l := in.ScoreTable(answers(in, strings.Repeat("1", 47)+"4"), Options{})
	text := l.Error()
	if !strings.Contains(text, "4 is out of range; item 48 may be 0 to 3") || !strings.Contains(text, "the 48 items cannot be scored") || l.Err() == nil {
		t.Error(text)
	}
	if v := res.Rows[0].Value("total"); !math.IsNaN(v.Value) || v.Reason == "" {
		t.Errorf("%+v", v)
	}
}

// A key as a laboratory would write it: items 1 to 4, of which 2 and 4 are
// reversed (3 − x).
const reversedKey = `
name = "mood"
[[items]]
items = "1-4"
low = 0
high = 3
reversed = "2, 4"
[[items]]
items = "5"
low = 1
high = 7
reversed = "5"
[[score]]
name = "low"
method = "sum"
items = "1-4"
at_least = 3
[[score]]
name = "mean"
method = "mean"
items = "1-4"
at_least = 3
[[score]]
name = "mixed"
method = "sum"
items = "1, 5"
at_least = 1
[[score]]
name = "top"
method = "max"
items = "2, 5"
`

func TestReversedItems(t *testing.T) {
	in, l := Parse("mood.toml", []byte(reversedKey))
	if l != nil {
		t.Fatal(l)
	}
	check(t, in, "low", Options{}, []workedCase{
		{"0 + 3 + 0 + 3", "0000 1", "6", ""},
		{"3 + 0 + 3 + 0", "3333 1", "6", ""},
		{"3 + 3 + 3 + 3", "3030 1", "12", ""},
		{"0 + 0 + 0 + 0", "0303 1", "0", ""},
		{"1 + 1 + 2 + 3", "1220 1", "7", ""},
		{"item 2 missing: 4·(1 + 2 + 3)/3", "1.20 1", "8~", ""},
		{"item 1 missing: 4·(1 + 2 + 3)/3", ".220 1", "8~", ""},
		{"two missing", "1..0 1", "reason: 2 of 4 items missing (2, 3)", ""},
		{"out of range before it is reversed", "1420 1", "reason: item 2: 4 is out of range", ""},
	})
	check(t, in, "mean", Options{}, []workedCase{
		{"(1 + 1 + 2 + 3)/4", "1220 1", "1.75", ""},
		{"item 2 missing: 6/3", "1.20 1", "2~", ""},
	})
	check(t, in, "mixed", Options{}, []workedCase{
		{"2 + (8 − 3)", "2000 3", "7", ""},
		{"item 1 missing, 5 at 5/6 of its range: 3·5/6 + 6", ".000 2", "8.5~", ""},
		{"item 5 missing, 1 at a third of its range: 1 + 1 + 6/3", "1000 .", "4~", ""},
		{"both missing", ".000 .", "reason: 2 of 2 items missing (1, 5); 1 is needed", ""},
	})
	check(t, in, "top", Options{}, []workedCase{
		{"3 − 1 and 8 − 7", "0100 7", "2", ""},
		{"5 missing", "0100 .", "reason: 1 of 2 items missing (5)", ""},
		{"2 missing, 5 at its highest", "0.00 1", "7", ""},
	})
}

func TestVAS(t *testing.T) {
	in := Find("vas")
	tab := &bids.Table{File: "vas.tsv", Columns: []string{"participant_id", "vas_high", "VAS Anxious", "vas_1", "tired"}, Rows: [][]string{
		{"sub-01", "0", "100", "33.3", "5"},
		{"sub-02", "", "101", "-0.1", "n/a"},
		{"sub-03", "50%", "12,5", "1e2", "0"},
	}}
	res, l := in.ScoreTable(tab, Options{Map: map[string]string{"tired": "tired"}})
	want := map[string][3]string{ // by line: a value, or part of the reason
		"high":    {"0", "item high is missing", `"50%" is not a number`},
		"anxious": {"100", "101 is out of range", `"12,5" is not a number`},
		"1":       {"33.3", "-0.1 is out of range", "100"},
		"tired":   {"5", "item tired is missing", "0"},
	}
	for name, w := range want {
		for i := range w {
			v := res.Rows[i].Value(name)
			if math.IsNaN(v.Value) != (v.Reason != "") || !(v.Reason != "" && strings.Contains(v.Reason, w[i]) || number(v.Value) == w[i]) {
				t.Errorf("%s row %d: %+v, want %s", name, i+1, v, w[i])
			}
		}
	}
	if n := len(l.Errors()); n != 4 {
		t.Errorf("%d errors, want 4: %v", n, l)
	}
	if !strings.Contains(l.Error(), "row 3 (sub-03)") || l[3].Fix != "write a point: 12.5" && l[2].Fix != "write a point: 12.5" && l[1].Fix != "write a point: 12.5" {
		t.Error(l)
	}
}
