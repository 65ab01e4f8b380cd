package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/assets"
)

// The JSON of the verbs on assets: what a manifest says of a file, where the
// file lies, and its state there.
type assetJSON struct {
	*assets.File
	URL   string `json:"url"`
	Local string `json:"local"`
	State string `json:"state"`
}

type assetListJSON struct {
	Manifest string           `json:"manifest"`
	Dir      string           `json:"dir"`
	Licences []assets.Licence `json:"licences"`
	Sets     []assets.Set     `json:"sets,omitempty"`
	Files    []assetJSON      `json:"files"`
}

// stateName is the state as a reader sees it; a file that cannot be read has
// none.
func stateName(s assets.State) string {
	if s == "" {
		return "unreadable"
	}
	return string(s)
}

func listedJSON(m *assets.Manifest, store assets.Store, files []*assets.File, states []assets.State, whole bool) any {
	out := assetListJSON{Manifest: m.Name, Dir: store.Dir, Licences: m.LicencesOf(files), Files: []assetJSON{}}
	if whole {
		out.Licences, out.Sets = m.Licences, m.Sets
	}
	for i, f := range files {
		out.Files = append(out.Files, assetJSON{f, f.URL(assets.DefaultBase), store.Path(f), stateName(states[i])})
	}
	return out
}

type checkedJSON struct {
	Name   string `json:"name"`
	Path   string `json:"path"`
	State  string `json:"state"`
	SHA256 string `json:"sha256"`
}

func verifiedJSON(store assets.Store, files []*assets.File, states []assets.State, faults diag.List) any {
	out := struct {
		Dir      string        `json:"dir"`
		Files    []checkedJSON `json:"files"`
		Problems diag.List     `json:"problems"`
	}{store.Dir, []checkedJSON{}, append(diag.List{}, faults...)}
	for i, f := range files {
		out.Files = append(out.Files, checkedJSON{f.Name, store.Path(f), stateName(states[i]), f.SHA256})
	}
	return out
}

type pulledFileJSON struct {
	Name     string        `json:"name"`
	Path     string        `json:"path"`
	URL      string        `json:"url"`
	Status   assets.Status `json:"status"`
	Bytes    int64         `json:"bytes"`
	Resumed  int64         `json:"resumed_bytes"`
	SHA256   string        `json:"sha256"`
	Licences []string      `json:"licences"`
	SetAside string        `json:"set_aside,omitempty"`
	Problem  *diag.Problem `json:"problem"`
}

func pulledJSON(store assets.Store, base string, outcomes []assets.Outcome, warnings diag.List) any {
	if base == "" {
		base = assets.DefaultBase
	}
	base = assets.Redacted(base)
	out := struct {
		Dir      string           `json:"dir"`
		BaseURL  string           `json:"base_url"`
		Files    []pulledFileJSON `json:"files"`
		Problems diag.List        `json:"problems"`
	}{store.Dir, base, []pulledFileJSON{}, append(diag.List{}, warnings...)}
	for _, o := range outcomes {
		out.Files = append(out.Files, pulledFileJSON{o.File.Name, o.Path, o.File.URL(base), o.Status, o.File.Bytes, o.Resumed, o.File.SHA256, o.File.Licences, o.Aside, o.Problem})
	}
	return out
}

// sizeOf writes a size for a table.
func sizeOf(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.2f MB", float64(n)/1e6)
}

// printAssets prints everything of a manifest in tables.
func printAssets(w io.Writer, m *assets.Manifest, store assets.Store, states []assets.State) {
	if len(m.Sets) > 0 {
		rows := [][]string{{"set", "files", "size", "what"}}
		for _, s := range m.Sets {
			files, _ := m.Select([]string{s.Name})
			rows = append(rows, []string{s.Name, strconv.Itoa(len(files)), sizeOf(total(files)), s.Title})
		}
		table(w, rows)
		fmt.Fprintln(w)
	}
	rows := [][]string{{"file", "there", "size", "licence", "what"}}
	for i, f := range m.Files {
		there := "no"
		switch states[i] {
		case assets.Good:
			there = "yes"
		case assets.Altered, "":
			there = stateName(states[i])
		}
		rows = append(rows, []string{f.Name, there, sizeOf(f.Bytes), strings.Join(f.Licences, " + "), f.Title})
	}
	table(w, rows)
	fmt.Fprintln(w)
	rows = [][]string{{"licence", "name", "text"}}
	for _, l := range m.Licences {
		rows = append(rows, []string{l.ID, l.Name, l.URL})
	}
	table(w, rows)
	fmt.Fprintf(w, "\nfolder: %s\ndetails: phasl assets list NAME\n", store.Dir)
}

func total(files []*assets.File) int64 {
	var n int64
	for _, f := range files {
		n += f.Bytes
	}
	return n
}

// describeAssets prints everything about files, and their licences.
func describeAssets(w io.Writer, m *assets.Manifest, store assets.Store, files []*assets.File, states []assets.State) {
	for i, f := range files {
		fmt.Fprintf(w, "%s: %s\n", f.Name, f.Title)
		rows := [][]string{
			{"  there", stateName(states[i]) + ", " + store.Path(f)},
			{"  source", f.URL(assets.DefaultBase)},
			{"  size", fmt.Sprintf("%d bytes", f.Bytes)},
			{"  SHA-256", f.SHA256},
			{"  space", f.Space},
			{"  licence", strings.Join(f.Licences, " + ")},
			{"  cite", f.Citation},
			{"  note", f.Note},
		}
		rows = slices.DeleteFunc(rows, func(r []string) bool { return r[1] == "" })
		table(w, rows)
		fmt.Fprintln(w)
	}
	for _, l := range m.LicencesOf(files) {
		fmt.Fprintf(w, "%s: %s\n  %s\n  %s\n", l.ID, l.Name, l.URL, l.Terms)
	}
}

// printPulled prints what a pull did.
func printPulled(w io.Writer, store assets.Store, outcomes []assets.Outcome) {
	n := map[assets.Status]int{}
	var fetched int64
	for _, o := range outcomes {
		n[o.Status]++
		if o.Status == assets.Fetched {
			fetched += o.File.Bytes - o.Resumed
		}
	}
	fmt.Fprintf(w, "%s: %d fetched (%s), %d already there", store.Dir, n[assets.Fetched], sizeOf(fetched), n[assets.Present])
	if n[assets.Failed] > 0 {
		fmt.Fprintf(w, ", %d failed", n[assets.Failed])
	}
	fmt.Fprintln(w)
	var notes []string
	of := map[string][]string{}
	for _, o := range outcomes {
		if o.Status != assets.Fetched || o.File.Note == "" {
			continue
		}
		for note := range strings.SplitSeq(o.File.Note, "; ") {
			if of[note] == nil {
				notes = append(notes, note)
			}
			of[note] = append(of[note], o.File.Name)
		}
	}
	for _, note := range notes { // what many files share is said once
		fmt.Fprintf(w, "  %s: %s\n", strings.Join(of[note], ", "), note)
	}
}

// printFailures prints why files were not fetched, once for all files that
// failed alike, and returns how many failed.
func printFailures(w io.Writer, outcomes []assets.Outcome) int {
	n := 0
	var l diag.List
	for _, o := range outcomes {
		if o.Problem == nil {
			continue
		}
		n++
		i := slices.IndexFunc(l, func(p *diag.Problem) bool { return p.Found == o.Problem.Found && p.Fix == o.Problem.Fix })
		if i >= 0 {
			l[i].File += ", " + o.File.Name
			continue
		}
		p := *o.Problem
		l.Add(&p)
	}
	printProblems(w, l)
	return n
}
