package bids

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"phasl/diag"
)

// A Field is one metadata value and the file it came from.
type Field struct {
	Value any    // float64, string, bool, nil, []any or map[string]any, as encoding/json decodes
	File  string // sidecar that set it, relative to the dataset; "--set" if the user gave it
}

// A Sidecar is the JSON metadata that applies to one data file, merged by the
// inheritance principle: a field nearer to the data file wins.
type Sidecar struct {
	Path   string           // nearest sidecar, relative to the dataset; where a missing field should be added
	Fields map[string]Field // by BIDS name
}

// A VolumeType is the content of one volume, as aslcontext.tsv spells it.
type VolumeType string

// The volume types of BIDS 1.10.
const (
	Control VolumeType = "control"
	Label   VolumeType = "label"
	M0Scan  VolumeType = "m0scan"
	DeltaM  VolumeType = "deltam"
	CBF     VolumeType = "cbf"
	NoRF    VolumeType = "noRF"
)

// SetByUser is the File of a field that was given on the command line.
const SetByUser = "--set"

// Has reports whether the field is present with a value: JSON null counts as
// absent.
func (s *Sidecar) Has(name string) bool {
	return s != nil && s.Fields[name].Value != nil
}

// Number returns a numeric field and whether it is present and a number. An
// array of one number is taken as that number. A field of another type adds a
// problem, naming the file that set it, to l, which may be nil.
func (s *Sidecar) Number(name string, l *diag.List) (float64, bool) {
	if !s.Has(name) {
		return 0, false
	}
	f := s.Fields[name]
	switch v := f.Value.(type) {
	case float64:
		return v, true
	case []any:
		if len(v) == 1 {
			if x, ok := v[0].(float64); ok {
				return x, true
			}
		}
	}
	typeError(l, f, name, "a number")
	return 0, false
}

// Numbers returns a field that is a number or an array of numbers (a single
// number gives one element) and whether it is present and such. A field of
// another type adds a problem to l, which may be nil.
func (s *Sidecar) Numbers(name string, l *diag.List) ([]float64, bool) {
	if !s.Has(name) {
		return nil, false
	}
	f := s.Fields[name]
	switch v := f.Value.(type) {
	case float64:
		return []float64{v}, true
	case []any:
		x := make([]float64, len(v))
		for i, e := range v {
			n, ok := e.(float64)
			if !ok {
				if l != nil {
					l.Errorf(f.File, name, "write numbers only, without quotation marks", "element %d is %s, not a number", i+1, show(e))
				}
				return nil, false
			}
			x[i] = n
		}
		return x, true
	}
	typeError(l, f, name, "a number or an array of numbers")
	return nil, false
}

// Text returns a field that is a string and whether it is present and such. A
// field of another type adds a problem to l, which may be nil.
func (s *Sidecar) Text(name string, l *diag.List) (string, bool) {
	if !s.Has(name) {
		return "", false
	}
	f := s.Fields[name]
	if v, ok := f.Value.(string); ok {
		return v, true
	}
	typeError(l, f, name, "text")
	return "", false
}

// Bool returns a field that is true or false and whether it is present and
// such: the first result is the value. A field of another type adds a problem
// to l, which may be nil.
func (s *Sidecar) Bool(name string, l *diag.List) (value, ok bool) {
	if !s.Has(name) {
		return false, false
	}
	f := s.Fields[name]
	if v, ok := f.Value.(bool); ok {
		return v, true
	}
	typeError(l, f, name, "true or false")
	return false, false
}

// Set gives a field the value that the user wrote on the command line. A value
// that is JSON (1.8, true, [0, 1.8], "text") is read as such; any other is
// taken as text, so that --set M0Type=Absent needs no quotation marks.
func (s *Sidecar) Set(name, value string) {
	if s.Fields == nil {
		s.Fields = map[string]Field{}
	}
	var l diag.List
	v, ok := decodeJSON([]byte(value), SetByUser, &l)
	if !ok || len(l) > 0 {
		v = value
	}
	s.Fields[name] = Field{Value: v, File: SetByUser}
}

// Source returns the file that set the field, or the nearest sidecar if the
// field is absent: the file a problem with the field should name.
func (s *Sidecar) Source(name string) string {
	if f, ok := s.Fields[name]; ok {
		return f.File
	}
	return s.Path
}

// Misspelt returns the field of the sidecar that seems to be meant for the
// absent field name: one that other software calls so, or one that is no BIDS
// field and differs in case or few letters.
func (s *Sidecar) Misspelt(name string) (string, bool) {
	if s == nil {
		return "", false
	}
	for _, alias := range aliases[name] {
		if s.Has(alias) {
			return alias, true
		}
	}
	var unknown []string
	for _, k := range slices.Sorted(maps.Keys(s.Fields)) {
		if !knownField(k) {
			unknown = append(unknown, k)
		}
	}
	return nearest(name, unknown)
}

// nearest is [diag.Nearest] for names of fields, which are long and built of
// few words: the one found must also have the same letters but for two, or
// AcquisitionTime would be taken for MRAcquisitionType.
func nearest(name string, candidates []string) (string, bool) {
	found, ok := diag.Nearest(name, candidates)
	if !ok {
		return "", false
	}
	n := map[rune]int{}
	for _, r := range strings.ToLower(name) {
		n[r]++
	}
	for _, r := range strings.ToLower(found) {
		n[r]--
	}
	more, less := 0, 0
	for _, k := range n {
		more, less = more+max(k, 0), less+max(-k, 0)
	}
	return found, max(more, less) <= 2
}

// clone copies the sidecar so that values can be set in the copy.
func (s *Sidecar) clone() *Sidecar {
	return &Sidecar{Path: s.Path, Fields: maps.Clone(s.Fields)}
}

// typeError says that a field is not of the type want.
func typeError(l *diag.List, f Field, name, want string) {
	if l == nil {
		return
	}
	fix := "write " + want
	if t, ok := f.Value.(string); ok && json.Valid([]byte(t)) {
		fix += ", without quotation marks: " + t
	}
	l.Errorf(f.File, name, fix, "%s is not %s", show(f.Value), want)
}

// show renders a value as JSON, short enough for a message.
func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "a value that cannot be shown"
	}
	return clip(strings.ToValidUTF8(string(b), "\ufffd"))
}

// clip shortens text for a message.
func clip(s string) string {
	r := []rune(s)
	if len(r) <= 60 {
		return s
	}
	return string(r[:57]) + "..."
}
