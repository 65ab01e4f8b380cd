package assets

import (
	"encoding/csv"
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/internal/sharedtest"
)

// The manifest that comes with phasl has no fault; Parse itself looks for
// names given twice, hashes of other than 64 digits, licences that are not
// there. What the documentation promises of it holds.
func TestBuiltin(t *testing.T) {
	m, l := Parse("manifest.toml", builtin)
	if m == nil || len(l) > 0 {
		t.Fatal(l)
	}
	for _, c := range m.Licences {
		if !slices.ContainsFunc(m.Files, func(f *File) bool { return f.Under(c.ID) }) {
			t.Errorf("no file is under licence %s", c.ID)
		}
	}
	count := map[string]int{}
	for _, f := range m.Files {
		count[f.Kind]++
	}
	for kind, want := range map[string]int{"template": 4, "mask": 1, "prior": 5, "atlas": 5, "labels": 4, "receptor": 19} {
		if count[kind] != want {
			t.Errorf("%d files of kind %s, want %d", count[kind], kind, want)
		}
	}
	panel, err := m.Select([]string{"panel"})
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, f := range panel {
		targets = append(targets, f.Target)
	}
	// The trial's panel: Am J Psychiatry 2026, doi:10.1176/appi.ajp.20250903.
	if want := []string{"MOR", "KOR", "NMDA", "mGluR5", "GABAA", "GABAA-alpha5"}; !slices.Equal(targets, want) {
		t.Errorf("panel %v, want %v", targets, want)
	}
	trial, err := m.Select([]string{"trial"})
	if err != nil || len(trial) != 10 {
		t.Errorf("trial has %d files, %v", len(trial), err)
	}
}

// Masks and label tables lie where the pipeline looks for them: beside the
// image, under the names that its file name leads to.
func TestBuiltinCompanions(t *testing.T) {
	places := map[string]bool{}
	for _, f := range Builtin().Files {
		places[f.File] = true
	}
	for _, f := range Builtin().Files {
		stem := strings.TrimSuffix(strings.TrimSuffix(f.File, ".gz"), ".nii")
		dir, base := path.Split(stem)
		switch {
		case f.Kind == "atlas" && strings.Contains(base, "atlas-"):
			if want := dir + base[strings.Index(base, "atlas-"):] + ".tsv"; !places[want] {
				t.Errorf("%s: no label table %s", f.Name, want)
			}
		case f.Kind == "atlas" && strings.Contains(f.File, "NLin6Asym"):
			if want := stem + "_label.txt"; !places[want] {
				t.Errorf("%s: no label table %s", f.Name, want)
			}
		}
	}
	if !places["templates/MNI152_T1_2mm_brain_mask.nii.gz"] || !places["templates/MNI152_T1_2mm.nii.gz"] {
		t.Error("the template's mask is not beside it")
	}
}

func tsv(t *testing.T, file string) []map[string]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, h := range rows[0] {
			m[h] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// Revision, size and hash are those of the list that pins the files, and the
// facts of the receptor maps those of its table.
func TestBuiltinAgainstSharedList(t *testing.T) {
	sources := tsv(t, sharedtest.Path(t, "data", "sources.tsv"))
	at := map[string]map[string]string{}
	for _, s := range sources {
		at[s["repository"]+"/"+s["path"]] = s
	}
	maps := map[string]map[string]string{}
	for _, r := range tsv(t, sharedtest.Path(t, "data", "receptors", "receptors.tsv")) {
		maps[strings.TrimSuffix(r["file"], ".gz")] = r
	}
	seen := 0
	for _, f := range Builtin().Files {
		s := at[f.Repository+"/"+f.Path]
		if s == nil {
			t.Errorf("%s: %s is not in the shared list", f.Name, f.Path)
			continue
		}
		if s["revision"] != f.Revision || s["sha256_at_source"] != f.SHA256 || s["bytes"] != itoa(f.Bytes) {
			t.Errorf("%s: revision, size or hash differ from the shared list's", f.Name)
		}
		if f.Kind != "receptor" {
			continue
		}
		r := maps[strings.TrimSuffix(path.Base(f.Path), ".gz")]
		if r == nil || r["target"] != f.Target || r["tracer"] != f.Tracer || r["n"] != itoa(int64(f.N)) {
			t.Errorf("%s: target, tracer or n differ from the shared table's: %v", f.Name, r)
			continue
		}
		if strings.Contains(r["paper"], "doi:") && r["paper"] != f.Citation {
			t.Errorf("%s: cites %q, the shared table %q", f.Name, f.Citation, r["paper"])
		}
		seen++
	}
	if seen != len(maps) {
		t.Errorf("%d receptor maps, the shared table has %d", seen, len(maps))
	}
}

// Files of the shared folder that were not compressed there have the hash that
// the manifest gives for the source's bytes.
func TestBuiltinHashesOfRealFiles(t *testing.T) {
	n := 0
	for _, s := range tsv(t, sharedtest.Path(t, "data", "sources.tsv")) {
		for _, f := range Builtin().Files {
			if f.Repository != s["repository"] || f.Path != s["path"] || strings.HasSuffix(s["file"], ".gz") != strings.HasSuffix(s["path"], ".gz") {
				continue
			}
			sum, err := hashFile(t.Context(), sharedtest.Path(t, "data", s["file"]))
			if err != nil || sum != f.SHA256 {
				t.Errorf("%s: SHA-256 %s, %v", f.Name, sum, err)
			}
			n++
		}
	}
	if n < 15 {
		t.Errorf("only %d files compared", n)
	}
}

func TestURL(t *testing.T) {
	f := &File{Repository: "o/r", Revision: "abc", Path: "a b/ü#?.nii"}
	if got, want := f.URL("https://h/x/"), "https://h/x/o/r/abc/a%20b/%C3%BC%23%3F.nii"; got != want {
		t.Errorf("URL %s, want %s", got, want)
	}
}

func TestSelect(t *testing.T) {
	m := Builtin()
	names := func(files []*File) string {
		var out []string
		for _, f := range files {
			out = append(out, f.Name)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct{ ask, want string }{
		{"aal3-2mm", "aal3-2mm"},
		{"AAL3-2MM", "aal3-2mm"},
		{"mor", "mor-carfentanil"},
		{"gabaa", "gabaa-flumazenil-norgaard gabaa-flumazenil-dukart"},
		{"GABAAα5", "gabaa5-ro154513"},
		{"aal3-labels aal3", "aal3-labels aal3-2mm aal3-1mm"}, // each once
		{"MOR panel MOR", "mor-carfentanil kor-ly2795050 nmda-ge179 mglur5-abp688 gabaa-flumazenil-norgaard gabaa5-ro154513"},
	} {
		files, err := m.Select(strings.Fields(tt.ask))
		if err != nil || names(files) != tt.want {
			t.Errorf("Select(%s) = %s, %v; want %s", tt.ask, names(files), err, tt.want)
		}
	}
	_, err := m.Select([]string{"trail"})
	if u, ok := errors.AsType[*UnknownError](err); !ok || u.Nearest != "trial" || !strings.Contains(err.Error(), "did you mean trial?") {
		t.Errorf("Select(trail): %v", err)
	}
	if _, err := m.Select([]string{""}); err == nil {
		t.Error("the empty name selects something") // a file without a target has none, not an empty one
	}
}

const sound = `[[licence]]
id = "L"
name = "A licence"
url = "https://example.org/l"
terms = "be good"

[[set]]
name = "all"
title = "everything"
files = ["a"]

[[file]]
name = "a"
kind = "receptor"
title = "a map"
target = "T"
tracer = "x"
n = 3
repository = "o/r"
revision = "0123456789012345678901234567890123456789"
path = "d/a.nii"
file = "receptors/a.nii"
bytes = 10
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
licences = ["l"]
citation = "somebody"
`

func TestParseFaults(t *testing.T) {
	if m, l := Parse("m.toml", []byte(sound)); m == nil {
		t.Fatal(l)
	}
	second := sound[strings.Index(sound, "[[file]]"):]
	for _, tt := range []struct{ name, old, new, field, found string }{
		{"no TOML", `id = "L"`, `id = L`, "", "this is not TOML"},
		{"unknown key", "sha256 =", "sha265 =", "file[0].sha265", `the nearest is "sha256"`},
		{"missing key", `citation = "somebody"`, "", "file[0].citation", "missing"},
		{"type", `n = 3`, `n = "3"`, "file[0].n", "not a whole number"},
		{"short hash", "\nsha256 = \"00", "\nsha256 = \"", "file[0].sha256", "no SHA-256"},
		{"capital hash", "\nsha256 = \"00", "\nsha256 = \"AA", "file[0].sha256", "no SHA-256"},
		{"branch", `"0123456789012345678901234567890123456789"`, `"main"`, "file[0].revision", "no commit"},
		{"repository", `"o/r"`, `"../r"`, "file[0].repository", "no repository"},
		{"climbs", `"receptors/a.nii"`, `"../a.nii"`, "file[0].file", "no place"},
		{"absolute", `"receptors/a.nii"`, `"/etc/passwd"`, "file[0].file", "no place"},
		{"backslash", `"receptors/a.nii"`, `'..\a.nii'`, "file[0].file", "no place"},
		{"drive", `"receptors/a.nii"`, `"C:a.nii"`, "file[0].file", "no place"},
		{"hidden", `"receptors/a.nii"`, `"receptors/.a.part"`, "file[0].file", "no place"},
		{"the table", `"receptors/a.nii"`, `"receptors/receptors.tsv"`, "file[0].file", "no place"},
		{"source climbs", `"d/a.nii"`, `"d/../../x"`, "file[0].path", "no path"},
		{"no bytes", "bytes = 10", "bytes = 0", "file[0].bytes", "no size"},
		{"endless", "bytes = 10", "bytes = 99999999999999", "file[0].bytes", "no size"},
		{"kind", `kind = "receptor"`, `kind = "map"`, "file[0].kind", "no kind"},
		{"no tracer", `tracer = "x"`, "", "file[0].target", "needs its target"},
		{"tabulator", `tracer = "x"`, `tracer = "x\ty"`, "file[0].tracer", "tabulator"},
		{"no licence", `licences = ["l"]`, `licences = []`, "file[0].licences", "empty"},
		{"which licence", `licences = ["l"]`, `licences = ["m"]`, "file[0].licences", `no licence "m"`},
		{"licence text", `url = "https://example.org/l"`, `url = "somewhere"`, "licence[0].url", "no web address"},
		{"set of nothing", `files = ["a"]`, `files = ["b"]`, "set[0].files", `no file "b"`},
		{"name of a set", `name = "all"`, `name = "A"`, "set[0].name", "is the name of"},
		{"target named like a set", `target = "T"`, `target = "ALL"`, "file[0].target", "is the name of"},
		{"twice", "citation = \"somebody\"\n", "citation = \"somebody\"\n" + second, "file[1].name", "is the name of"},
		{"same place", "citation = \"somebody\"\n", "citation = \"somebody\"\n" + strings.Replace(second, `name = "a"`, `name = "b"`, 1), "file[1].file", "is the place of"},
		{"nothing", sound, "", "file", "lists no file"},
	} {
		text := strings.Replace(sound, tt.old, tt.new, 1)
		if text == sound {
			t.Fatalf("%s: nothing replaced", tt.name)
		}
		m, l := Parse("m.toml", []byte(text))
		if m != nil || !slices.ContainsFunc(l, func(p *diag.Problem) bool {
			return p.Field == tt.field && strings.Contains(p.Found, tt.found) && p.Fix != ""
		}) {
			t.Errorf("%s: %v", tt.name, l)
		}
	}
	// All at once, each with its line.
	bad := strings.NewReplacer("bytes = 10", "bytes = -1", `"o/r"`, `"o"`, "name = \"A licence\"", "").Replace(sound)
	if _, l := Parse("m.toml", []byte(bad)); len(l) != 3 || !strings.HasPrefix(l[1].Found, "line 19: ") {
		t.Errorf("three faults: %v", l)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("file = 3\nset = [[1]]\nlicence = {}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, l := Parse("m", text)
		if (m == nil) != (l.Err() != nil) {
			t.Fatal("neither a manifest nor a fault, or both")
		}
		if m == nil {
			return
		}
		s := Store{Dir: "/x"}
		for _, f := range m.Files {
			if p := s.Path(f); !strings.HasPrefix(p, "/x/") {
				t.Fatalf("%q leaves the folder", p)
			}
			m.row(f)
		}
		for _, n := range m.names() {
			if _, err := m.Select([]string{n}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
