package bids

import (
	"path"
	"slices"
	"strings"

	"phasl/diag"
)

// A jsonFile is a decoded metadata file, kept because one at the root applies
// to every image.
type jsonFile struct {
	fields   map[string]any
	problems diag.List
}

// An inheritor finds and merges the metadata of data files.
type inheritor struct {
	d     *Dataset
	cache map[string]jsonFile
}

// levels returns the folders from the root to that of rel.
func levels(rel string) []string {
	out := []string{"."}
	dir := path.Dir(rel)
	for i := range len(dir) {
		if dir[i] == '/' {
			out = append(out, dir[:i])
		}
	}
	if dir != "." {
		out = append(out, dir)
	}
	return out
}

// applicable returns the files of a suffix and extension that apply to f by
// the inheritance principle, one at most for each level, farthest first. Two
// at one level are an error; the one with more entities is taken.
func (h *inheritor) applicable(f File, suffix, ext string, l *diag.List) []string {
	var out []string
	for _, dir := range levels(f.Path) {
		var here []File
		for _, i := range h.d.byDir[dir] {
			g := h.d.Files[i]
			if g.Suffix == suffix && g.Ext == ext && g.Entities.within(f.Entities) {
				here = append(here, g)
			}
		}
		if len(here) == 0 {
			continue
		}
		slices.SortStableFunc(here, func(a, b File) int { return len(b.Entities) - len(a.Entities) })
		if len(here) > 1 {
			l.Errorf(here[1].Path, "", "merge the two files, or move one a folder up", "both this file and %s apply to %s, which BIDS does not allow in one folder", path.Base(here[0].Path), f.Path)
		}
		out = append(out, here[0].Path)
	}
	return out
}

// sidecar merges the JSON metadata of a data file. Path is where the nearest
// sidecar is or, if there is none, ought to be.
func (h *inheritor) sidecar(f File, l *diag.List) *Sidecar {
	s := &Sidecar{Path: strings.TrimSuffix(f.Path, f.Ext) + ".json", Fields: map[string]Field{}}
	for _, p := range h.applicable(f, f.Suffix, ".json", l) {
		j, ok := h.cache[p]
		if !ok {
			j.fields, j.problems = readSidecar(h.d.Abs(p), p)
			h.cache[p] = j
		}
		l.Add(j.problems...)
		for k, v := range j.fields {
			s.Fields[k] = Field{Value: v, File: p}
		}
		s.Path = p
	}
	return s
}

// maxFields is the largest number of fields of a sidecar. Real ones have a
// hundred, and one at the root is copied for every image.
const maxFields = 5000

func readSidecar(path, file string) (map[string]any, diag.List) {
	m, l := ReadJSON(path, file)
	if len(m) > maxFields {
		l.Errorf(file, "", "check that this is a sidecar", "the file has %d fields, more than %d", len(m), maxFields)
		return nil, l
	}
	return m, l
}

// Sidecar merges the JSON metadata that applies to a file of the dataset by
// the inheritance principle. It panics if the index does not hold the file.
func (d *Dataset) Sidecar(rel string) (*Sidecar, diag.List) {
	i, ok := slices.BinarySearchFunc(d.Files, rel, func(f File, p string) int { return strings.Compare(f.Path, p) })
	if !ok {
		panic("bids: " + rel + " is not in the index")
	}
	var l diag.List
	h := inheritor{d: d, cache: map[string]jsonFile{}}
	s := h.sidecar(d.Files[i], &l)
	return s, l
}
