// Package keyfile reads TOML files that people write, such as a plan or an
// instrument, and answers what is wrong with them: every fault at once, each
// with its line, its key and the remedy.
//
// A [Reader] decodes the text into tables and knows the line of every key.
// What the keys mean is the caller's; it reports to [Reader.Fault].
package keyfile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	toml "github.com/pelletier/go-toml/v2"

	"phasl/diag"
)

// Limits of a file and of what is said of one.
const (
	maxBytes  = 256 << 10 // a page of text is 4 kB
	maxFaults = 100
	maxShown  = 80 // characters of a text in a message
)

// A Reader decodes one file.
type Reader struct {
	File    string // name that problems use
	What    string // "the plan, a page of text": what the user should give in place of a file that is too large
	Example string // where to see how such a file is written

	lines  map[string]int // by dotted key: "model.level", "contrast[0].name", "contrast[0]"
	faults []fault
}

type fault struct {
	line    int // 0 if unknown
	problem *diag.Problem
}

// Decode turns the text into tables, or reports why it is no TOML and returns
// nil. skeleton is a pointer to a struct that has the file's tables and none
// of their keys: read strictly, every key is unknown to it, and so its place
// is told.
func (r *Reader) Decode(text []byte, skeleton any) map[string]any {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin a file so
	if len(text) > maxBytes {
		r.Fault("", "give "+r.What, "the file is larger than %d kB", maxBytes>>10)
		return nil
	}
	if !utf8.Valid(text) {
		r.Fault("", "save it as UTF-8", "the file is not UTF-8 text")
		return nil
	}
	root := map[string]any{}
	if err := toml.Unmarshal(text, &root); err != nil {
		at, fix := "", "write key = value, text in quotation marks, lists in [ ]; "+r.Example
		if d, ok := errors.AsType[*toml.DecodeError](err); ok {
			line, column := d.Position()
			at = fmt.Sprintf("line %d, column %d: ", line, column)
			if lines := strings.Split(string(text), "\n"); line >= 1 && line <= len(lines) {
				if hint := slipHint(lines[line-1]); hint != "" {
					fix = hint
				}
			}
		}
		r.Fault("", fix, "%sthis is not TOML: %s", at, strings.TrimPrefix(err.Error(), "toml: "))
		return nil
	}
	r.locate(text, root, skeleton)
	return root
}

var (
	commaNumber = regexp.MustCompile(`=\s*([-+]?\d+),(\d+)\s*(#.*)?$`)
	bareWord    = regexp.MustCompile(`=\s*([\pL][\pL\d_ -]*?)\s*(#.*)?$`)
)

// slipHint says how to mend a line that is no TOML, for the slips that word
// processors and other habits bring; "" if it is none of them.
func slipHint(line string) string {
	if strings.ContainsAny(line, "“”„«»‘’") {
		return `write straight quotation marks, "…"; a word processor has made them curly`
	}
	if m := commaNumber.FindStringSubmatch(line); m != nil {
		return "write a point, not a comma: " + m[1] + "." + m[2]
	}
	if m := bareWord.FindStringSubmatch(line); m != nil {
		switch strings.ToLower(m[1]) {
		case "true", "yes", "on":
			return "write true, in small letters and without quotation marks"
		case "false", "no", "off":
			return "write false, in small letters and without quotation marks"
		case "na", "none", "null":
			return "leave the key out, or write nan for no limit"
		}
		return "write text in quotation marks: " + strconv.Quote(Clip(m[1]))
	}
	return ""
}

var arrayHeader = regexp.MustCompile(`^\s*\[\[\s*(\w+)\s*\]\]`)

// locate finds the line of every key. Where it cannot tell, faults are
// reported without a line.
func (r *Reader) locate(text []byte, root map[string]any, skeleton any) {
	r.lines = map[string]int{}
	headers := map[string][]int{}
	for i, line := range strings.Split(string(text), "\n") {
		if m := arrayHeader.FindStringSubmatch(line); m != nil {
			headers[m[1]] = append(headers[m[1]], i+1)
		}
	}
	for name, h := range headers {
		if elements, ok := root[name].([]any); !ok || len(elements) != len(h) {
			headers[name] = nil // text that looks like a header, or tables written in line
			continue
		}
		for i, line := range h {
			r.lines[fmt.Sprintf("%s[%d]", name, i)] = line
		}
	}
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(skeleton)
	missing, ok := errors.AsType[*toml.StrictMissingError](err)
	if !ok {
		return
	}
	for i := range missing.Errors {
		e := &missing.Errors[i]
		line, _ := e.Position()
		key := e.Key()
		if len(key) == 0 {
			continue
		}
		name := strings.Join(key, ".")
		if h, array := headers[key[0]]; array && len(key) > 1 {
			if h == nil {
				continue
			}
			n, _ := slices.BinarySearch(h, line+1)
			name = fmt.Sprintf("%s[%d].%s", key[0], n-1, strings.Join(key[1:], "."))
		}
		if r.lines[name] == 0 {
			r.lines[name] = line
		}
	}
}

// Has reports whether the file has a key.
func (r *Reader) Has(key string) bool { return r.lines[key] > 0 }

// Fault adds a fault of a key, with the key's line, or that of its table if the
// key is not there. found is formatted with args.
func (r *Reader) Fault(key, fix, found string, args ...any) {
	line := r.lines[key]
	for at := key; line == 0 && at != ""; {
		at = at[:max(strings.LastIndexByte(at, '.'), 0)]
		line = r.lines[at]
	}
	found = fmt.Sprintf(found, args...)
	if line > 0 {
		found = fmt.Sprintf("line %d: %s", line, found)
	}
	r.faults = append(r.faults, fault{line, &diag.Problem{File: r.File, Field: Clip(key), Found: found, Fix: fix}})
}

// WrongType adds the fault that a value is not of the type want.
func (r *Reader) WrongType(key string, v any, want, fix string) {
	r.Fault(key, fix, "%s is not %s", KindOf(v), want)
}

// Strangers reports the keys of a table that such a file does not have. where
// says, of a key without a near one, what to do; nil, or "" from it: remove it.
func (r *Reader) Strangers(table string, t map[string]any, known []string, where func(name string) string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if slices.Contains(known, name) {
			continue
		}
		key := Dotted(table, name)
		if near, ok := diag.Nearest(name, known); ok {
			r.Fault(key, "write "+near, "there is no key %q; the nearest is %q", Clip(name), near)
			continue
		}
		fix := ""
		if where != nil {
			fix = where(name)
		}
		if fix == "" {
			fix = "remove it; the keys here are " + strings.Join(known, ", ")
		}
		r.Fault(key, fix, "there is no key %q", Clip(name))
	}
}

// Tables returns an array of tables, [[name]] in the file.
func (r *Reader) Tables(root map[string]any, name string) []map[string]any {
	v, ok := root[name]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.Fault(name, "write [["+name+"]], with two brackets on each side", "%s where a list of tables belongs", KindOf(v))
		return nil
	}
	var out []map[string]any
	for _, e := range list {
		t, ok := e.(map[string]any)
		if !ok {
			r.Fault(name, "write [["+name+"]] before each", "%s where a table belongs", KindOf(e))
			continue
		}
		out = append(out, t)
	}
	return out
}

// Texts reads a list of text; an empty one is nil. name is the key as the file
// has it. ok is false if v is something else, which is reported.
func (r *Reader) Texts(key, name string, v any) (out []string, ok bool) {
	list, ok := v.([]any)
	if !ok {
		fix := "write a list: " + name + ` = ["…", "…"]`
		if s, ok := v.(string); ok {
			fix = "write a list: " + name + " = [" + strconv.Quote(Clip(s)) + "]"
		}
		r.WrongType(key, v, "a list of text", fix)
		return nil, false
	}
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			r.Fault(key, "write each element in quotation marks", "element %d is %s, not text", i+1, KindOf(e))
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

// Problems returns the faults in the order of lines.
func (r *Reader) Problems() diag.List {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var l diag.List
	for i, f := range r.faults {
		if i == maxFaults {
			l.Errorf(r.File, "", "mend the others first", "%d more faults", len(r.faults)-i)
			break
		}
		l.Add(f.problem)
	}
	return l
}

// Dotted joins a table and a key; "" is the top level.
func Dotted(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// KindOf names a TOML value for a person.
func KindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "the text " + strconv.Quote(Clip(v))
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time, toml.LocalDate, toml.LocalDateTime, toml.LocalTime:
		return "a date or time"
	}
	return "a value of another kind"
}

// Clip shortens what the input holds for a message.
func Clip(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}
