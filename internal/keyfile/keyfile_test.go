package keyfile

import (
	"strings"
	"testing"
)

type things struct {
	One  struct{}   `toml:"one"`
	Many []struct{} `toml:"many"`
}

// Faults come in the order of lines, each with the line of its key, or of its
// table where the key is not there.
func TestFaultsHaveTheirLines(t *testing.T) {
	r := &Reader{File: "f.toml"}
	root := r.Decode([]byte("\ufefftop = 1\n[one]\nkey = 2\n[[many]]\na = 1\n[[many]]\nb = 2\n"), &things{})
	if root == nil {
		t.Fatal(r.Problems())
	}
	r.Fault("many[1].c", "", "no c")
	r.Fault("many[1].b", "", "bad b")
	r.Fault("one.other", "", "no other")
	r.Fault("many[0].a", "", "bad a")
	r.Fault("top", "", "bad top")
	var got []string
	for _, p := range r.Problems() {
		got = append(got, p.Field+" "+p.Found)
	}
	want := "one.other no other, top line 1: bad top, many[0].a line 5: bad a, many[1].c line 6: no c, many[1].b line 7: bad b"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
	if len(r.Tables(root, "many")) != 2 || !r.Has("one.key") || r.Has("one.x") {
		t.Error("tables or keys are not told")
	}
}

// What word processors and other habits write is answered with how to write it.
func TestSlips(t *testing.T) {
	for line, want := range map[string]string{
		`fwhm = 8,5`:                "8.5",
		`a = “x”`:                   "straight quotation marks",
		`a = placebo # which`:       `"placebo"`,
		`a = True`:                  "write true",
		`a = no`:                    "write false",
		`a = NA`:                    "nan",
		`a = `:                      "the example",
		`a = 1` + "\n" + `a = 2`:    "the example",
		`[[many]]` + "\n" + `[many`: "the example",
	} {
		r := &Reader{File: "f.toml", Example: "the example"}
		if r.Decode([]byte(line), &things{}) != nil {
			t.Errorf("%q is read", line)
			continue
		}
		if l := r.Problems(); len(l) != 1 || !strings.Contains(l[0].Fix, want) {
			t.Errorf("%q: %v, fix %q; want %q", line, l, l[0].Fix, want)
		}
	}
}

// Whatever the bytes, there are tables or a fault.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "a = 1", "[one]\n[[many]]\n", "many = [{a = 1}]\n[[many]]", "\xff", "x = “", "[[many]]\n[[many.sub]]\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := &Reader{File: "f.toml"}
		if root := r.Decode(text, &things{}); root == nil && r.Problems().Err() == nil {
			t.Error("neither tables nor a fault")
		} else if root != nil {
			r.Strangers("", root, []string{"one", "many"}, nil)
			r.Tables(root, "many")
			r.Problems()
		}
	})
}
