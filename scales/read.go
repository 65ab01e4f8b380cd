package scales

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	toml "github.com/pelletier/go-toml/v2"

	"phasl/diag"
)

// Limits of an instrument file.
const (
	maxBytes  = 256 << 10
	maxItems  = 1000
	maxScores = 200
	maxParts  = 20_000 // over all scores
	maxFaults = 100
)

// Keys of each table of an instrument file. Their order is that of the
// messages.
var (
	topKeys     = []string{"name", "title", "version", "prefixes", "sources", "note", "missing"}
	itemKeys    = []string{"items", "low", "high", "step", "reversed", "labels", "unkeyed", "open"}
	scoreKeys   = []string{"name", "title", "method", "items", "of", "at_least", "low", "high", "columns", "bands", "source", "caution"}
	bandKeys    = []string{"from", "name"}
	outcomeKeys = []string{"score", "response", "remission", "source"}
)

// Parse reads an instrument from TOML; docs/formats/instrument.md describes
// it. file is the name that problems use. Every fault is reported at once,
// with its line: keys that do not exist and the nearest that does, values of
// the wrong type, scores of items that do not exist. The instrument is nil if
// there is an error.
func Parse(file string, text []byte) (*Instrument, diag.List) {
	r := &reader{file: file}
	in := &Instrument{File: file}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if root := r.decode(text); root != nil {
		r.locate(text, root)
		r.read(in, root)
	}
	slices.SortStableFunc(r.faults, func(a, b lineFault) int { return cmp.Compare(a.line, b.line) })
	var l diag.List
	for i, f := range r.faults {
		if i == maxFaults {
			l.Errorf(file, "", "mend the others first", "%d more faults", len(r.faults)-i)
			break
		}
		l.Add(f.problem)
	}
	if l.Err() != nil {
		return nil, l
	}
	return in, l
}

// A reader decodes an instrument, remembering the line of each key.
type reader struct {
	file   string
	lines  map[string]int // by dotted key: "name", "score[0].items"
	faults []lineFault
}

type lineFault struct {
	line    int // 0 if unknown
	problem *diag.Problem
}

// fault adds a fault of a key.
func (r *reader) fault(key, fix, found string, args ...any) {
	line := r.lines[key]
	for at := key; line == 0 && at != ""; { // a key that is missing has the line of its table
		at = at[:max(strings.LastIndexByte(at, '.'), 0)]
		line = r.lines[at]
	}
	found = fmt.Sprintf(found, args...)
	if line > 0 {
		found = fmt.Sprintf("line %d: %s", line, found)
	}
	r.faults = append(r.faults, lineFault{line, &diag.Problem{File: r.file, Field: clip(key), Found: found, Fix: fix}})
}

// decode turns the text into tables, or reports why it is no TOML.
func (r *reader) decode(text []byte) map[string]any {
	if len(text) > maxBytes {
		r.fault("", "give an instrument file, a page or two of text", "the file is larger than %d kB", maxBytes>>10)
		return nil
	}
	if !utf8.Valid(text) {
		r.fault("", "save it as UTF-8", "the file is not UTF-8 text")
		return nil
	}
	root := map[string]any{}
	err := toml.Unmarshal(text, &root)
	if err == nil {
		return root
	}
	at := ""
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := d.Position()
		at = fmt.Sprintf("line %d, column %d: ", line, column)
	}
	r.fault("", "write key = value, text in quotation marks, lists in [ ]; docs/formats/instrument.md has an example",
		"%sthis is not TOML: %s", at, strings.TrimPrefix(err.Error(), "toml: "))
	return nil
}

// skeleton has the tables of an instrument and none of their keys: read
// strictly, every key is unknown to it, and so its place is told.
type skeleton struct {
	Items   []struct{} `toml:"items"`
	Score   []struct{} `toml:"score"`
	Outcome struct{}   `toml:"outcome"`
}

var arrayHeader = regexp.MustCompile(`^\s*\[\[\s*(\w+)\s*\]\]`)

// locate finds the line of every key. Where it cannot tell, faults are
// reported without a line.
func (r *reader) locate(text []byte, root map[string]any) {
	r.lines = map[string]int{}
	headers := map[string][]int{}
	for i, line := range strings.Split(string(text), "\n") {
		if m := arrayHeader.FindStringSubmatch(line); m != nil {
			headers[m[1]] = append(headers[m[1]], i+1)
		}
	}
	for name, h := range headers {
		if elements, ok := root[name].([]any); !ok || len(elements) != len(h) {
			delete(headers, name) // the headers are not all: text that looks like one, or tables written in line
			continue
		}
		for i, line := range h {
			r.lines[fmt.Sprintf("%s[%d]", name, i)] = line
		}
	}
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&skeleton{})
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
		if h := headers[key[0]]; len(h) > 0 && len(key) > 1 {
			n, _ := slices.BinarySearch(h, line+1)
			name = fmt.Sprintf("%s[%d].%s", key[0], n-1, strings.Join(key[1:], "."))
		}
		if r.lines[name] == 0 {
			r.lines[name] = line
		}
	}
}

// strangers reports the keys of a table that no instrument has.
func (r *reader) strangers(table string, t map[string]any, known []string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if slices.Contains(known, name) {
			continue
		}
		if near, ok := diag.Nearest(name, known); ok {
			r.fault(dotted(table, name), "write "+near, "there is no key %q; the nearest is %q", clip(name), near)
			continue
		}
		r.fault(dotted(table, name), "remove it; the keys here are "+strings.Join(known, ", "), "there is no key %q", clip(name))
	}
}

func dotted(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// tables returns an array of tables.
func (r *reader) tables(root map[string]any, name string) []map[string]any {
	v, ok := root[name]
	if !ok {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		r.fault(name, "write [["+name+"]], with two brackets on each side", "%s where a list of tables belongs", kindOf(v))
		return nil
	}
	var out []map[string]any
	for _, e := range list {
		t, ok := e.(map[string]any)
		if !ok {
			r.fault(name, "write [["+name+"]] before each", "%s where a table belongs", kindOf(e))
			continue
		}
		out = append(out, t)
	}
	return out
}

// text reads a text; "" if the key is not there.
func (r *reader) text(table string, t map[string]any, name string) string {
	v, ok := t[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.wrongType(dotted(table, name), v, "text", `write it in quotation marks: `+name+` = "…"`)
		return ""
	}
	return strings.TrimSpace(s)
}

// texts reads a list of text.
func (r *reader) texts(table string, t map[string]any, name string) []string {
	v, ok := t[name]
	if !ok {
		return nil
	}
	key := dotted(table, name)
	list, ok := v.([]any)
	if !ok {
		r.wrongType(key, v, "a list of text", `write a list: `+name+` = ["…", "…"]`)
		return nil
	}
	var out []string
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			r.fault(key, "write each element in quotation marks", "element %d is %s, not text", i+1, kindOf(e))
			return nil
		}
		out = append(out, strings.TrimSpace(s))
	}
	return out
}

// number reads a finite number, or returns otherwise if the key is not there
// or wrong.
func (r *reader) number(table string, t map[string]any, name string, otherwise float64) float64 {
	v, ok := t[name]
	if !ok {
		return otherwise
	}
	x := math.NaN()
	switch v := v.(type) {
	case int64:
		x = float64(v)
	case float64:
		x = v
	}
	if math.IsNaN(x) || math.Abs(x) > 1e12 {
		r.wrongType(dotted(table, name), v, "a number", "write a number, without quotation marks")
		return otherwise
	}
	return x
}

// flag reads true or false; false if the key is not there.
func (r *reader) flag(table string, t map[string]any, name string) bool {
	v, ok := t[name]
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		r.wrongType(dotted(table, name), v, "true or false", "write true or false, without quotation marks")
	}
	return b
}

func (r *reader) wrongType(key string, v any, want, fix string) {
	r.fault(key, fix, "%s is not %s", kindOf(v), want)
}

var (
	rangeOfNumbers = regexp.MustCompile(`^(\d{1,4})\s*[-–]\s*(\d{1,4})$`)
	itemName       = regexp.MustCompile(`^(\d{1,4}|[a-z][a-z0-9_]{0,59})$`)
	scoreName      = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)
)

// names reads a list such as "1-4, 7" or "high, anxious". Numbers lose leading
// zeros. The list is nil if the key is not there or has a fault.
func (r *reader) names(table string, t map[string]any, name string) []string {
	key := dotted(table, name)
	if v, ok := t[name].(int64); ok {
		r.fault(key, fmt.Sprintf("write it in quotation marks: %s = %q", name, strconv.FormatInt(v, 10)), "%d is not text", v)
		return nil
	}
	s := r.text(table, t, name)
	if s == "" {
		if v, ok := t[name].(string); ok {
			r.fault(key, `name them: `+name+` = "1-10"`, "%q names nothing", clip(v))
		}
		return nil
	}
	var out []string
	seen := map[string]bool{}
	add := func(n string) bool {
		if seen[n] {
			r.fault(key, "name each once", "%s is named twice", clip(n))
			return false
		}
		seen[n] = true
		out = append(out, n)
		return true
	}
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if m := rangeOfNumbers.FindStringSubmatch(part); m != nil {
			from, _ := strconv.Atoi(m[1])
			to, _ := strconv.Atoi(m[2])
			if to < from || to-from >= maxItems {
				r.fault(key, "write the lower number first, at most 1000 apart", "%q is no range", part)
				return nil
			}
			for n := from; n <= to; n++ {
				if !add(strconv.Itoa(n)) {
					return nil
				}
			}
			continue
		}
		if !itemName.MatchString(part) {
			r.fault(key, `write numbers, ranges or words in small letters, with commas between: "1-4, 7" or "high, anxious"`, "%q is no name", clip(part))
			return nil
		}
		if n, err := strconv.Atoi(part); err == nil {
			part = strconv.Itoa(n)
		}
		if !add(part) {
			return nil
		}
	}
	return out
}

// kindOf names a TOML value for a person.
func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "the text " + strconv.Quote(clip(v))
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return number(v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time, toml.LocalDate, toml.LocalDateTime, toml.LocalTime:
		return "a date or time"
	}
	return "a value of another kind"
}

// clip shortens what the input holds for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
