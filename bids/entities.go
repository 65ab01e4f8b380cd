package bids

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Entities are the key–value pairs of a BIDS file name, such as "sub": "01".
type Entities map[string]string

// entityOrder is the order in which BIDS file names give their entities. The
// keys from, to and mode, which name a transform in derivatives, follow the
// drafts of the standard.
var entityOrder = []string{
	"sub", "tpl", "ses", "cohort", "sample", "task", "tracksys", "acq", "nuc",
	"voi", "ce", "trc", "stain", "rec", "dir", "run", "mod", "echo", "flip",
	"inv", "mt", "part", "proc", "hemi", "from", "to", "mode", "space", "split",
	"recording", "chunk", "atlas", "seg", "scale", "res", "den", "label", "desc",
}

// indexEntities hold a number instead of a label.
var indexEntities = []string{"run", "echo", "flip", "inv", "split", "chunk"}

// Name returns the file name that BIDS gives to these entities, this suffix
// and this extension, which begins with a dot:
//
//	Name(Entities{"ses": "1", "sub": "01"}, "cbf", ".nii.gz") = "sub-01_ses-1_cbf.nii.gz"
//
// Entities of empty value are left out. Name panics if an entity is unknown or
// a value holds anything but ASCII letters, digits and "+"; see [Alphanumeric].
func Name(e Entities, suffix, ext string) string {
	var b strings.Builder
	n := 0
	for _, key := range entityOrder {
		value, ok := e[key]
		if !ok {
			continue
		}
		n++
		if value == "" {
			continue
		}
		if !isLabel(value) {
			panic(fmt.Sprintf("bids: %s-%s is not a BIDS entity", key, value))
		}
		b.WriteString(key + "-" + value + "_")
	}
	if n != len(e) {
		panic(fmt.Sprintf("bids: unknown entity among %v", slices.Sorted(maps.Keys(e))))
	}
	return b.String() + suffix + ext
}

// With returns a copy of e with the given pairs set: e.With("space", "T1w",
// "desc", "brain"). An empty value removes the entity. It panics if the number
// of arguments is odd.
func (e Entities) With(pairs ...string) Entities {
	if len(pairs)%2 != 0 {
		panic("bids: Entities.With needs pairs")
	}
	out := Entities{}
	maps.Copy(out, e)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			delete(out, pairs[i])
		} else {
			out[pairs[i]] = pairs[i+1]
		}
	}
	return out
}

// Alphanumeric drops from s what a BIDS label may not hold.
func Alphanumeric(s string) string {
	return strings.Map(func(r rune) rune {
		if isLabel(string(r)) {
			return r
		}
		return -1
	}, s)
}

// isLabel reports whether s may be the value of an entity.
func isLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '+') {
			return false
		}
	}
	return s != ""
}

func isIndex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// within reports whether every entity of e is in f with the same value.
func (e Entities) within(f Entities) bool {
	for k, v := range e {
		if w, ok := f[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// A name is a file name taken apart.
type name struct {
	entities Entities
	suffix   string
	ext      string // from the first dot, with it
	ordered  bool   // the entities stand in the order of BIDS
}

// parseName takes a file name apart. The error says what BIDS does not allow
// in it, for a person.
func parseName(base string) (name, error) {
	stem, ext := base, ""
	if i := strings.IndexByte(base, '.'); i >= 0 {
		stem, ext = base[:i], base[i:]
	}
	n := name{entities: Entities{}, ext: ext, ordered: true}
	parts := strings.Split(stem, "_")
	n.suffix = parts[len(parts)-1]
	if strings.Contains(n.suffix, "-") {
		return n, fmt.Errorf("the name ends in %q where a suffix such as \"asl\" should stand", clip(n.suffix))
	}
	if !isLabel(n.suffix) {
		return n, fmt.Errorf("the suffix %q is not made of letters and digits", clip(n.suffix))
	}
	last := -1
	for _, p := range parts[:len(parts)-1] {
		key, value, ok := strings.Cut(p, "-")
		at := slices.Index(entityOrder, key)
		switch {
		case !ok:
			return n, fmt.Errorf("%q is not of the form key-value", clip(p))
		case at < 0:
			return n, fmt.Errorf("%q is not a BIDS entity", clip(key))
		case !isLabel(value):
			return n, fmt.Errorf("the value of %q may hold only letters and digits", clip(p))
		case slices.Contains(indexEntities, key) && !isIndex(value):
			return n, fmt.Errorf("%q must be a whole number", clip(p))
		}
		if _, twice := n.entities[key]; twice {
			return n, fmt.Errorf("the entity %q stands twice", key)
		}
		n.entities[key] = value
		n.ordered = n.ordered && at > last
		last = at
	}
	return n, nil
}
