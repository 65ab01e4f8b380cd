package assets

import (
	_ "embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"phasl/diag"
)

// A Manifest lists files that can be fetched, their licences, and named sets
// of them.
type Manifest struct {
	Name     string    `json:"manifest"` // file it was read from; "built in"
	Licences []Licence `json:"licences"`
	Sets     []Set     `json:"sets"`
	Files    []*File   `json:"files"`
}

// A Licence is what a user accepts before files under it are fetched.
type Licence struct {
	ID    string `json:"id"`   // short name, as --accept takes it
	Name  string `json:"name"` // full name
	URL   string `json:"url"`  // where its text is
	Terms string `json:"terms"`
}

// A Set is files that are fetched together.
type Set struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Files []string `json:"files"` // names
}

// A File is one file at a pinned revision of a public repository.
type File struct {
	Name  string `json:"name"`  // what the user types
	Kind  string `json:"kind"`  // template, mask, prior, atlas, labels, receptor
	Title string `json:"title"` // what it is, in a line

	Target string `json:"target,omitempty"` // receptor maps: what the tracer binds
	Tracer string `json:"tracer,omitempty"`
	N      int    `json:"n,omitempty"` // people in the map

	Repository string   `json:"repository"` // owner/name
	Revision   string   `json:"revision"`   // commit, 40 hexadecimal digits
	Path       string   `json:"path"`       // within the repository
	File       string   `json:"file"`       // where it goes, below the folder of the store; with slashes
	Bytes      int64    `json:"bytes"`
	SHA256     string   `json:"sha256"`   // of the bytes, 64 hexadecimal digits
	Licences   []string `json:"licences"` // all of them apply
	Space      string   `json:"space,omitempty"`
	Citation   string   `json:"citation"`
	Note       string   `json:"note,omitempty"` // what a user should know
}

// DefaultBase is where the files of the built-in manifest are published: the
// raw files of a public Git forge.
const DefaultBase = "https://raw.githubusercontent.com"

// URL returns the address of the file below a base address:
//
//	base/repository/revision/path
//
// with each part of the path escaped. A mirror has the same layout.
func (f *File) URL(base string) string {
	parts := strings.Split(f.Repository+"/"+f.Revision+"/"+f.Path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.TrimRight(base, "/") + "/" + strings.Join(parts, "/")
}

//go:embed manifest.toml
var builtin []byte

// Builtin returns the manifest that comes with phasl. The caller must not
// change it.
var Builtin = sync.OnceValue(func() *Manifest {
	m, l := Parse("built in", builtin)
	if m == nil {
		panic("assets: " + l.Error()) // the tests parse it
	}
	return m
})

// file returns the file of that name, whatever its case; nil if there is none.
func (m *Manifest) file(name string) *File {
	for _, f := range m.Files {
		if strings.EqualFold(f.Name, name) {
			return f
		}
	}
	return nil
}

// Licence returns the licence with that id, whatever its case; nil if there is
// none.
func (m *Manifest) Licence(id string) *Licence {
	for i := range m.Licences {
		if strings.EqualFold(m.Licences[i].ID, id) {
			return &m.Licences[i]
		}
	}
	return nil
}

// An UnknownError says that a manifest has neither file, set nor target of a
// name.
type UnknownError struct {
	Name    string
	Nearest string // "" if none is like it
}

// Error names the nearest name, if one is like it.
func (e *UnknownError) Error() string {
	if e.Nearest != "" {
		return fmt.Sprintf("there is no asset %q; did you mean %s?", e.Name, e.Nearest)
	}
	return fmt.Sprintf("there is no asset %q", e.Name)
}

// Select returns the files that the names stand for, each once, in the order of
// the names. A name is that of a file, of a set, or the target of receptor maps
// (all maps of it); case does not count. The error is an [UnknownError].
func (m *Manifest) Select(names []string) ([]*File, error) {
	var out []*File
	seen := map[*File]bool{}
	add := func(f *File) {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	for _, name := range names {
		known := len(out)
		found := false
		if f := m.file(name); f != nil {
			add(f)
			continue
		}
		for _, s := range m.Sets {
			if strings.EqualFold(s.Name, name) {
				found = true
				for _, n := range s.Files {
					add(m.file(n))
				}
			}
		}
		target := strings.ReplaceAll(name, "α", "-alpha")
		for _, f := range m.Files {
			if f.Target != "" && strings.EqualFold(f.Target, target) {
				found = true
				add(f)
			}
		}
		if !found && len(out) == known {
			near, _ := diag.Nearest(name, m.names())
			return nil, &UnknownError{Name: name, Nearest: near}
		}
	}
	return out, nil
}

// names returns everything that [Manifest.Select] knows.
func (m *Manifest) names() []string {
	var out []string
	for _, s := range m.Sets {
		out = append(out, s.Name)
	}
	for _, f := range m.Files {
		out = append(out, f.Name)
	}
	for _, f := range m.Files {
		if f.Target != "" && !slices.Contains(out, f.Target) {
			out = append(out, f.Target)
		}
	}
	return out
}

// LicencesOf returns the licences of the files, in the order of the manifest.
func (m *Manifest) LicencesOf(files []*File) []Licence {
	var out []Licence
	for _, c := range m.Licences {
		if slices.ContainsFunc(files, func(f *File) bool { return f.Under(c.ID) }) {
			out = append(out, c)
		}
	}
	return out
}

// Under reports whether the licence with that id applies to the file.
func (f *File) Under(id string) bool {
	return slices.ContainsFunc(f.Licences, func(c string) bool { return strings.EqualFold(c, id) })
}
