package scales

import (
	"math"
	"strings"
	"testing"
)

func TestChange(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		instrument          string
		baseline, followUp  float64
		change, percent     float64
		response, remission Answer
		reason              string
	}{
		{"madrs", 30, 15, -15, -50, Yes, No, ""},
		{"madrs", 31, 15.5, -15.5, -50, Yes, No, ""}, // prorated, exactly half
		{"madrs", 31, 16, -15, -100 * 15. / 31, No, No, ""},
		{"madrs", 30, 10, -20, -100 * 20. / 30, Yes, Yes, ""},
		{"madrs", 30, 10.5, -19.5, -65, Yes, No, ""},
		{"madrs", 18, 10, -8, -100 * 8. / 18, No, Yes, ""}, // remission without response
		{"madrs", 20, 25, 5, 25, No, No, ""},
		{"madrs", 20, 20, 0, 0, No, No, ""},
		{"madrs", 20, 0, -20, -100, Yes, Yes, ""},
		{"madrs", 8, 4, -4, -50, Yes, Yes, "already in the range of remission"},
		{"madrs", 0, 0, 0, nan, Unknown, Yes, "baseline is 0"},
		{"madrs", 0, 12, 12, nan, Unknown, No, "baseline is 0"},
		{"madrs", nan, 8, nan, nan, Unknown, Yes, "no score at baseline"},
		{"madrs", 30, nan, nan, nan, Unknown, Unknown, "no score at follow-up"},
		{"madrs", nan, nan, nan, nan, Unknown, Unknown, "neither"},
		{"qids", 17, 8.5, -8.5, -50, Yes, No, ""},
		{"qids", 17, 5, -12, -100 * 12. / 17, Yes, Yes, ""},
		{"qids", 17, 6, -11, -100 * 11. / 17, Yes, No, ""},
		{"cadss23", 20, 5, -15, -75, Unknown, Unknown, ""}, // no response is defined
	} {
		c := Find(tt.instrument).Change("total", tt.baseline, tt.followUp)
		same := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b) }
		if !same(c.Change, tt.change) || !same(c.Percent, tt.percent) || c.Response != tt.response || c.Remission != tt.remission ||
			!strings.Contains(c.Reason, tt.reason) || tt.reason == "" && c.Reason != "" {
			t.Errorf("%s %g to %g: %+v", tt.instrument, tt.baseline, tt.followUp, c)
		}
	}
}

// Percent is of the distance from the lowest score: on a scale of 1 to 5, from
// 5 to 3 is half the way.
func TestChangeOfAScaleThatBeginsAboveZero(t *testing.T) {
	in, l := Parse("x.toml", []byte("name = \"a\"\n[[items]]\nitems = \"1\"\nlow = 1\nhigh = 5\n[[score]]\nname = \"total\"\nmethod = \"sum\"\nitems = \"1\"\n[outcome]\nscore = \"total\"\nresponse = 50\n"))
	if l != nil {
		t.Fatal(l)
	}
	if c := in.Change("total", 5, 3); c.Percent != -50 || c.Response != Yes || c.Remission != Unknown {
		t.Errorf("%+v", c)
	}
}

func TestChanges(t *testing.T) {
	tab := table("participant_id,session_id,time,madrs_total",
		"sub-01,ses-1,pre,30", "sub-01,ses-1,day1,12", "sub-01,ses-2,pre,20", "sub-01,ses-2,day1,19",
		"sub-02,ses-1,day1,8", "sub-02,ses-2,pre,40", "sub-02,ses-2,day1,n/a", "sub-03,ses-1,day7,5")
	res, l := Find("madrs").ScoreTable(tab, Options{})
	if l != nil {
		t.Fatal(l)
	}
	got, l := res.Changes("time", "pre", "day1")
	if l != nil {
		t.Fatal(l)
	}
	var lines []string
	for _, c := range got {
		ch := c.Changes[0]
		lines = append(lines, strings.Join([]string{c.Participant, c.Session, number(ch.Baseline), number(ch.FollowUp), number(ch.Change), ch.Response.String(), ch.Remission.String(), ch.Reason}, " "))
	}
	want := `sub-01 ses-1 30 12 -18 yes no 
sub-01 ses-2 20 19 -1 no no 
sub-02 ses-1 NaN 8 NaN n/a yes there is no row of pre
sub-02 ses-2 40 NaN NaN n/a n/a there is no score at follow-up`
	if s := strings.Join(lines, "\n"); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
	// Sessions themselves can be what is compared; "ses-" may be left out.
	tab = table("participant_id,session_id,madrs_total", "sub-01,ses-1,30", "sub-01,ses-2,12")
	res, _ = Find("madrs").ScoreTable(tab, Options{})
	if got, l = res.Changes("session_id", "1", "ses-2"); l != nil || len(got) != 1 || got[0].Changes[0].Change != -18 || got[0].Session != "" {
		t.Errorf("%+v %v", got, l)
	}
	_, l = res.Changes("time", "a", "b")
	has(t, l, "time", "no such column tells visits apart", "session_id")
	_, l = res.Changes("session_id", "ses-1", "ses-9")
	has(t, l, "session_id", `no row holds "ses-9"`, "ses-1, ses-2")
	tab.Rows = append(tab.Rows, []string{"sub-01", "ses-2", "3"})
	res, _ = Find("madrs").ScoreTable(tab, Options{})
	_, l = res.Changes("session_id", "ses-1", "ses-2")
	has(t, l, "session_id", "rows 2 and 3 are both ses-2 of sub-01")
}

// Days and times differ between visits by their nature and do not part a pair;
// treatments do. Case does not matter.
func TestVisitsArePairedWhateverTheDay(t *testing.T) {
	res, l := Find("madrs").ScoreTable(table("participant_id,visit,day,treatment,madrs_total",
		"1,Pre,0,drug,30", "1,post,1,drug,12", "1,pre,14,placebo,28", "1,post,15,placebo,21"), Options{})
	if l.Err() != nil {
		t.Fatal(l)
	}
	pairs, l := res.Changes("visit", "pre", "post")
	if l.Err() != nil || len(pairs) != 2 {
		t.Fatalf("%v, %+v", l, pairs)
	}
	for i, want := range []float64{-18, -7} {
		if c := pairs[i].Changes; len(c) == 0 || c[len(c)-1].Change != want {
			t.Errorf("pair %d: %+v, want %g", i, c, want)
		}
	}
	// Sessions compared: the visit within each still tells rows apart.
	res, _ = Find("madrs").ScoreTable(table("participant_id,session_id,visit,madrs_total",
		"1,ses-1,pre,30", "1,ses-1,post,12", "1,ses-2,pre,28", "1,ses-2,post,21"), Options{})
	if pairs, l := res.Changes("session_id", "1", "2"); l.Err() != nil || len(pairs) != 2 {
		t.Errorf("%v, %+v", l, pairs)
	}
}
