package diag_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"phasl/diag"
)

func TestListIsAnErrorOnlyIfItHoldsOne(t *testing.T) {
	var l diag.List
	l.Warnf("a.json", "X", "look", "odd value %d", 3)
	if err := l.Err(); err != nil {
		t.Fatalf("warnings alone: Err() = %v, want nil", err)
	}
	l.Errorf("b.json", "Y", "write 1.8", "%g is not a delay in seconds", 1800.0)
	err := l.Err()
	if err == nil {
		t.Fatal("Err() = nil with an error in the list")
	}
	wrapped := fmt.Errorf("read dataset: %w", err)
	got, ok := errors.AsType[diag.List](wrapped)
	if !ok || len(got) != 1 || got[0].Field != "Y" {
		t.Fatalf("AsType = %v, %v; want the one error", got, ok)
	}
	if want := "b.json: Y: 1800 is not a delay in seconds"; err.Error() != want {
		t.Errorf("Error() = %q, want %q", err, want)
	}
	if len(l.Warnings()) != 1 || len(l.Errors()) != 1 {
		t.Errorf("%d warnings, %d errors; want one of each", len(l.Warnings()), len(l.Errors()))
	}
}

func TestCauseIsReachable(t *testing.T) {
	l := diag.List{{File: "x", Found: "not there", Err: fs.ErrNotExist}}
	if !errors.Is(l, fs.ErrNotExist) {
		t.Error("errors.Is does not reach the cause")
	}
}

func TestSort(t *testing.T) {
	l := diag.List{{File: "b"}, {File: "a", Field: "z"}, {File: "a", Field: "c", Found: "2"}, {File: "a", Field: "c", Found: "1"}}
	l.Sort()
	var got string
	for _, p := range l {
		got += p.File + p.Field + p.Found + " "
	}
	if want := "ac1 ac2 az b "; got != want {
		t.Errorf("order %q, want %q", got, want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	in := diag.Problem{Severity: diag.Warning, File: "f", Field: "g", Found: "h", Fix: "i"}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"severity":"warning","file":"f","field":"g","found":"h","fix":"i"}`; string(b) != want {
		t.Errorf("JSON %s, want %s", b, want)
	}
	var out diag.Problem
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("round trip %+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"severity":"dire"}`), &out); err == nil {
		t.Error("unknown severity accepted")
	}
}

func TestNearest(t *testing.T) {
	names := []string{"PostLabelingDelay", "LabelingDuration", "M0Type"}
	for _, tt := range []struct {
		word, want string
		ok         bool
	}{
		{"PostlabellingDelay", "PostLabelingDelay", true},
		{"LabelingDuraiton", "LabelingDuration", true}, // one swap
		{"m0type", "M0Type", true},
		{"EchoTime", "", false},
	} {
		got, ok := diag.Nearest(tt.word, names)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("Nearest(%q) = %q, %v; want %q, %v", tt.word, got, ok, tt.want, tt.ok)
		}
	}
	if _, ok := diag.Nearest("x", nil); ok {
		t.Error("suggestion from no candidates")
	}
}

func TestProblemsArePrintable(t *testing.T) {
	var l diag.List
	l.Errorf("a\x1b[31m.tsv", "x\n", "write \xff", "%s is wrong", strings.Repeat("é", 5000)+"\t")
	p := l[0]
	if p.File != "a [31m.tsv" || p.Field != "x " || p.Fix != "write \ufffd" {
		t.Errorf("problem %+v", p)
	}
	if n := utf8.RuneCountInString(p.Found); n != 1001 {
		t.Errorf("%d characters shown", n)
	}
	if got := diag.Printable(strings.Repeat("é", 600)); got != strings.Repeat("é", 600) {
		t.Error("600 characters were cut")
	}
}

// Problems are collected from whatever wraps them; other errors come back.
func TestCollect(t *testing.T) {
	var l diag.List
	one := &diag.Problem{File: "a", Found: "x"}
	if err := l.Collect(nil); err != nil || len(l) != 0 {
		t.Errorf("nil: %v, %v", err, l)
	}
	if err := l.Collect(one); err != nil || len(l) != 1 || l[0] != one {
		t.Errorf("a problem: %v, %v", err, l)
	}
	if err := l.Collect(diag.List{one, one}); err != nil || len(l) != 3 {
		t.Errorf("a list: %v, %v", err, l)
	}
	if err := l.Collect(fmt.Errorf("read: %w", error(one))); err != nil || len(l) != 4 {
		t.Errorf("a wrapped problem: %v, %v", err, l)
	}
	if err := l.Collect(fs.ErrNotExist); err != fs.ErrNotExist || len(l) != 4 {
		t.Errorf("another error: %v, %v", err, l)
	}
}

func TestFew(t *testing.T) {
	names := []string{"a", "b", "c"}
	for most, want := range map[int]string{1: "a and 2 more", 2: "a, b and 1 more", 3: "a, b, c", 4: "a, b, c"} {
		if got := diag.Few(names, most); got != want {
			t.Errorf("%d: %q, want %q", most, got, want)
		}
	}
	if got := diag.Few(nil, 3); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
