package scales

import (
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
)

// The keys of the instruments, as their sources have them: number of items,
// scores with their ranges, thresholds.
func TestInstruments(t *testing.T) {
	type span struct {
		score     string
		low, high float64
		parts     int
	}
	for _, tt := range []struct {
		name                string
		items               int
		spans               []span
		response, remission float64
	}{
		{"madrs", 10, []span{{"total", 0, 60, 10}}, 50, 10},
		{"qids", 16, []span{{"sleep", 0, 3, 4}, {"appetite_weight", 0, 3, 2}, {"psychomotor", 0, 3, 2}, {"total", 0, 27, 9}}, 50, 5},
		{"cadss", 27, []span{{"amnesia", 0, 8, 2}, {"depersonalisation", 0, 20, 5}, {"derealisation", 0, 48, 12}, {"subjective", 0, 76, 19}, {"observer", 0, 32, 8}, {"total", 0, 108, 2}}, 0, 0},
		{"cadss23", 23, []span{{"amnesia", 0, 12, 3}, {"depersonalisation", 0, 32, 8}, {"derealisation", 0, 48, 12}, {"total", 0, 92, 23}}, 0, 0},
		{"psi", 48, []span{{"delusional", 0, 144, 0}, {"total", 0, 144, 6}}, 0, 0},
		{"vas", 0, nil, 0, 0},
	} {
		in := Find(tt.name)
		if in == nil || len(in.Items) != tt.items || len(in.Sources) == 0 || in.Missing == "" || in.Title == "" {
			t.Errorf("%s: %+v", tt.name, in)
			continue
		}
		for _, s := range tt.spans {
			if got := in.Score(s.score); got == nil || got.Low != s.low || got.High != s.high || len(got.parts()) != s.parts {
				t.Errorf("%s %s: %+v, want %+v", tt.name, s.score, got, s)
			}
		}
		switch {
		case tt.response == 0:
			if in.Outcome != nil {
				t.Errorf("%s has an outcome", tt.name)
			}
		case in.Outcome == nil || in.Outcome.Response != tt.response || in.Outcome.Remission != tt.remission || in.Outcome.Source == "":
			t.Errorf("%s: outcome %+v", tt.name, in.Outcome)
		}
	}
	if len(Instruments()) != 6 || Find("MADRS") != Find("madrs") || Find("hamd") != nil {
		t.Error("Instruments or Find")
	}
	// The three subscales of the CADSS are the subjective items, each once.
	for _, tt := range []struct {
		name string
		n    int
	}{{"cadss", 19}, {"cadss23", 23}} {
		in := Find(tt.name)
		var all []string
		for _, s := range []string{"amnesia", "depersonalisation", "derealisation"} {
			all = append(all, in.Score(s).Items...)
		}
		slices.Sort(all)
		if n := len(slices.Compact(slices.Clone(all))); n != tt.n || len(all) != tt.n {
			t.Errorf("%s: %d items in the subscales, %d of them different, want %d", tt.name, len(all), n, tt.n)
		}
	}
	// Every other score of the QIDS is in the total, directly or below it.
	qids := Find("qids")
	if got := qids.ScoresOf("7"); !slices.Equal(got, []string{"appetite"}) {
		t.Errorf("item 7 is in %v", got)
	}
}

const sound = `name = "mood"
[[items]]
items = "1-3"
low = 0
high = 4
[[score]]
name = "total"
method = "sum"
items = "1-3"
`

// Each broken file is named by line, key and what to do.
func TestBrokenInstruments(t *testing.T) {
	for _, tt := range []struct {
		name, from, to string // replaced in the sound file
		field          string
		parts          []string
	}{
		{"no TOML", `low = 0`, `low 0`, "", []string{"line 4", "not TOML"}},
		{"not UTF-8", `"mood"`, "\"\xff\"", "", []string{"UTF-8"}},
		{"empty", sound, ``, "name", []string{"no name"}},
		{"no scores", "[[score]]\nname = \"total\"\nmethod = \"sum\"\nitems = \"1-3\"\n", ``, "", []string{"no scores"}},
		{"name of two words", `"mood"`, `"Mood scale"`, "name", []string{"line 1", "small letters"}},
		{"name of another type", `"mood"`, `3`, "name", []string{"line 1", "3 is not text"}},
		{"unknown key", `low = 0`, "low = 0\nhihg = 4", "items[0].hihg", []string{"line 5", "write high"}},
		{"unknown table", `[[score]]`, "[scores]\n[[score]]", "scores", []string{"write score"}},
		{"one bracket", `[[items]]`, `[items]`, "items", []string{"two brackets"}},
		{"no low", "low = 0\n", ``, "items[0].low", []string{"no low"}},
		{"range the wrong way round", `high = 4`, `high = -4`, "items[0].high", []string{"line 5", "high is -4 and low 0"}},
		{"infinite", `high = 4`, `high = inf`, "items[0].high", []string{"not a number"}},
		{"step that does not fit", `high = 4`, "high = 4\nstep = 3", "items[0].step", []string{"steps of 3 do not lead from 0 to 4"}},
		{"negative step", `high = 4`, "high = 4\nstep = -1", "items[0].step", []string{"step is -1"}},
		{"tiny step", `high = 4`, "high = 4\nstep = 1e-9", "items[0].step", []string{"step = 0"}},
		{"items as a number", `items = "1-3"` + "\nlow", "items = 3\nlow", "items[0].items", []string{`"3"`, "3 is not text"}},
		{"items backwards", `items = "1-3"` + "\nlow", "items = \"3-1\"\nlow", "items[0].items", []string{`"3-1" is no range`}},
		{"items twice", `items = "1-3"` + "\nlow", "items = \"1-3, 2\"\nlow", "items[0].items", []string{"2 is named twice"}},
		{"no items", `items = "1-3"` + "\nlow", "low", "items[0].items", []string{"names no items"}},
		{"items that name nothing", `items = "1-3"` + "\nlow", "items = \"\"\nlow", "items[0].items", []string{"names nothing"}},
		{"item in two blocks", `[[score]]`, "[[items]]\nitems = \"3\"\nlow = 0\nhigh = 1\n[[score]]", "items[1].items", []string{"line 7", "item 3 is in another block"}},
		{"reversed item that is not there", `high = 4`, "high = 4\nreversed = \"4\"", "items[0].reversed", []string{"item 4 is not in this block"}},
		{"labels that do not fit", `high = 4`, "high = 4\nlabels = [\"a\"]", "items[0].labels", []string{"1 labels for 3 items"}},
		{"open with items", `high = 4`, "high = 4\nopen = true", "items[0].items", []string{"remove open"}},
		{"open as text", `high = 4`, "high = 4\nopen = \"yes\"", "items[0].open", []string{"true or false"}},
		{"score without name", `name = "total"`, ``, "score[0].name", []string{"no name"}},
		{"score named like an item", `name = "total"`, `name = "total"`, "", nil},
		{"unknown method", `"sum"`, `"summ"`, "score[0].method", []string{"line 8", "write sum"}},
		{"no method", `method = "sum"`, ``, "score[0].method", []string{"choose one of: sum, mean, max, given"}},
		{"item that is not there", `method = "sum"` + "\nitems = \"1-3\"", "method = \"sum\"\nitems = \"1-4\"", "score[0].items", []string{"line 9", "no item 4"}},
		{"neither items nor of", `method = "sum"` + "\nitems = \"1-3\"", `method = "sum"`, "score[0]", []string{"line 6", "one of items and of"}},
		{"both items and of", `method = "sum"`, "method = \"sum\"\nof = \"total\"", "score[0]", []string{"one of items and of"}},
		{"score of itself", `method = "sum"` + "\nitems = \"1-3\"", "method = \"sum\"\nof = \"total\"", "score[0].of", []string{"no score total before this one"}},
		{"unkeyed item", `high = 4`, "high = 4\nunkeyed = true", "score[0].items", []string{"item 1 is unkeyed"}},
		{"at_least too many", `method = "sum"`, "method = \"sum\"\nat_least = 4", "score[0].at_least", []string{"how many of the 3"}},
		{"at_least zero", `method = "sum"`, "method = \"sum\"\nat_least = 0", "score[0].at_least", []string{"at_least is 0"}},
		{"at_least not whole", `method = "sum"`, "method = \"sum\"\nat_least = 1.5", "score[0].at_least", []string{"at_least is 1.5"}},
		{"given with items", `"sum"`, `"given"`, "score[0].items", []string{"not made of anything"}},
		{"given without range", `method = "sum"` + "\nitems = \"1-3\"", `method = "given"`, "score[0].low", []string{"needs low"}},
		{"bands that are no list", `method = "sum"`, "method = \"sum\"\nbands = 3", "score[0].bands", []string{"a list of bands"}},
		{"band outside", `method = "sum"`, "method = \"sum\"\nbands = [{from = 0, name = \"a\"}, {from = 13, name = \"b\"}]", "score[0].bands", []string{"band 2 begins at 13"}},
		{"bands out of order", `method = "sum"`, "method = \"sum\"\nbands = [{from = 0, name = \"a\"}, {from = 0, name = \"b\"}]", "score[0].bands", []string{"band 2 does not begin above"}},
		{"bands that begin late", `method = "sum"`, "method = \"sum\"\nbands = [{from = 1, name = \"a\"}]", "score[0].bands", []string{"first band begins at 1"}},
		{"band without a name", `method = "sum"`, "method = \"sum\"\nbands = [{from = 0}]", "score[0].bands", []string{"lacks from or name"}},
		{"outcome of no score", `[[score]]`, "[outcome]\nscore = \"sum\"\n[[score]]", "outcome.score", []string{`no score "sum"`}},
		{"response beyond 100", `[[score]]`, "[outcome]\nscore = \"total\"\nresponse = 150\n[[score]]", "outcome.response", []string{"response is 150"}},
		{"remission beyond the scale", `[[score]]`, "[outcome]\nscore = \"total\"\nremission = 13\n[[score]]", "outcome.remission", []string{"remission is 13"}},
		{"two scores of one name", `[[score]]`, "[[score]]\nname = \"total\"\nmethod = \"sum\"\nitems = \"1\"\n[[score]]", "score[1].name", []string{"two scores are named total"}},
		{"prefix of two words", `name = "mood"`, "name = \"mood\"\nprefixes = [\"My Mood\"]", "prefixes", []string{"no beginning of a column name"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(sound, tt.from, tt.to, 1)
			in, l := Parse("mood.toml", []byte(text))
			if tt.parts == nil {
				if l != nil {
					t.Fatalf("sound file: %v", l)
				}
				return
			}
			if in != nil || text == sound {
				t.Fatalf("read as %+v", in)
			}
			has(t, l, tt.field, tt.parts...)
		})
	}
}

// All faults of a file are reported at once.
func TestEveryFaultAtOnce(t *testing.T) {
	_, l := Parse("x.toml", []byte("nmae = \"x\"\n[[items]]\nitems = \"1\"\nlow = 2\nhigh = 1\n[[score]]\nname = \"A\"\nmethod = \"add\"\n"))
	for _, field := range []string{"nmae", "name", "items[0].high", "score[0].name", "score[0].method"} {
		has(t, l, field)
	}
}

// The decoder takes any text: it returns an instrument or an error, and what
// it returns scores any table without a panic, within its range.
func FuzzParse(f *testing.F) {
	entries, err := embedded.ReadDir("instruments")
	if err != nil {
		f.Fatal(err)
	}
	for _, e := range entries {
		text, err := embedded.ReadFile("instruments/" + e.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(sound)
	f.Add(reversedKey)
	f.Add("[[score]]\nname = 1979-05-27\n[outcome]\n[[items]]\n")
	f.Add("items = [1]\nscore = 3\noutcome = []\n")
	f.Add(strings.Replace(sound, "1-3", "1-9999", 2))
	f.Fuzz(func(t *testing.T, text string) {
		in, l := Parse("f.toml", []byte(text))
		for _, p := range l {
			if p.File == "" || p.Found == "" {
				t.Fatalf("problem %+v", p)
			}
		}
		if (in == nil) == (l.Err() == nil) {
			t.Fatalf("instrument %v, problems %v", in, l)
		}
		if in == nil {
			return
		}
		tab := &bids.Table{File: "t.tsv", Columns: []string{"participant_id", "x"}, Rows: [][]string{{"a", "0"}, {"b", "0"}, {"c", "0"}}}
		for _, it := range in.Items {
			tab.Columns = append(tab.Columns, in.Column(it.Name))
			tab.Rows[0] = append(tab.Rows[0], number(it.Low))
			tab.Rows[1] = append(tab.Rows[1], number(it.High))
			tab.Rows[2] = append(tab.Rows[2], "n/a")
		}
		for _, s := range in.Scores {
			if s.Method == Given {
				tab.Columns = append(tab.Columns, in.ScoreColumn(s.Name))
				tab.Rows[0] = append(tab.Rows[0], number(s.Low))
				tab.Rows[1] = append(tab.Rows[1], number(s.High))
				tab.Rows[2] = append(tab.Rows[2], "n/a")
			}
		}
		res, _ := in.ScoreTable(tab, Options{})
		for _, r := range res.Rows {
			for i, v := range r.Values {
				s := res.Instrument.Scores[i]
				slack := 1e-9 * (s.High - s.Low)
				if math.IsNaN(v.Value) != (v.Reason != "") || v.Value < s.Low-slack || v.Value > s.High+slack {
					t.Fatalf("%s: %+v of %+v", text, v, s)
				}
			}
		}
	})
}
