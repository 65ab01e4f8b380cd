package crossover

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

// maxPlanBytes bounds a plan; one page of text is 4 kB.
const maxPlanBytes = 256 << 10

// ParsePlan reads a plan. file is the name that problems use. Every fault is
// reported at once: keys that do not exist, with the nearest that does; values
// of the wrong type; values that make no sense. The plan is complete whatever
// the faults: what could not be read has its default. It keeps text, which
// must not be changed afterwards.
func ParsePlan(file string, text []byte) (*Plan, diag.List) {
	p := DefaultPlan()
	p.File, p.Text = file, text
	if p.Text == nil {
		p.Text = []byte{}
	}
	r := &planReader{file: file}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin a file so
	if root := r.decode(text); root != nil {
		r.locate(text, root)
		r.read(p, root)
		r.check(p)
	}
	slices.SortStableFunc(r.faults, func(a, b lineFault) int { return cmp.Compare(a.line, b.line) })
	var l diag.List
	for i, f := range r.faults {
		if i == maxPlanFaults {
			l.Errorf(file, "", "mend the others first", "%d more faults", len(r.faults)-i)
			break
		}
		l.Add(f.problem)
	}
	return p, l
}

// maxPlanFaults bounds what is said of one plan.
const maxPlanFaults = 100

// A planReader decodes a plan into values, remembering the line of each.
type planReader struct {
	file   string
	lines  map[string]int // by dotted key: "model.level", "contrast[0].name"
	faults []lineFault
}

type lineFault struct {
	line    int // 0 if unknown
	problem *diag.Problem
}

// fault adds a fault of a key.
func (r *planReader) fault(key, fix, found string, args ...any) {
	line := r.lines[key]
	found = fmt.Sprintf(found, args...)
	if line > 0 {
		found = fmt.Sprintf("line %d: %s", line, found)
	}
	r.faults = append(r.faults, lineFault{line, &diag.Problem{File: r.file, Field: clip(key), Found: found, Fix: fix}})
}

// decode turns the text into tables, or reports why it is no TOML.
func (r *planReader) decode(text []byte) map[string]any {
	if len(text) > maxPlanBytes {
		r.fault("", "give the plan, a page of text", "the file is larger than %d kB", maxPlanBytes>>10)
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
	at, fix := "", "write key = value, text in quotation marks, lists in [ ]; 'phasl plan init' writes a plan to start from"
	if d, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := d.Position()
		at = fmt.Sprintf("line %d, column %d: ", line, column)
		if lines := strings.Split(string(text), "\n"); line >= 1 && line <= len(lines) {
			if hint := slipHint(lines[line-1]); hint != "" {
				fix = hint
			}
		}
	}
	r.fault("", fix, "%sthis is not TOML: %s", at, strings.TrimPrefix(err.Error(), "toml: "))
	return nil
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
		return "write text in quotation marks: " + strconv.Quote(clip(m[1]))
	}
	return ""
}

// skeleton has the tables of a plan and none of their keys: read strictly,
// every key of a plan is unknown to it, and so its place is told.
type skeleton struct {
	Trial        struct{}   `toml:"trial"`
	Regions      struct{}   `toml:"regions"`
	Model        struct{}   `toml:"model"`
	Equivalence  struct{}   `toml:"equivalence"`
	Bayes        struct{}   `toml:"bayes"`
	Multiplicity struct{}   `toml:"multiplicity"`
	Maps         struct{}   `toml:"maps"`
	Quality      struct{}   `toml:"quality"`
	Associations struct{}   `toml:"associations"`
	Association  []struct{} `toml:"association"`
	Contrast     []struct{} `toml:"contrast"`
	Exclude      []struct{} `toml:"exclude"`
}

var arrayHeader = regexp.MustCompile(`^\s*\[\[\s*(\w+)\s*\]\]`)

// locate finds the line of every key. Where it cannot tell, faults are
// reported without a line.
func (r *planReader) locate(text []byte, root map[string]any) {
	r.lines = map[string]int{}
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&skeleton{})
	missing, ok := errors.AsType[*toml.StrictMissingError](err)
	if !ok {
		return
	}
	headers := map[string][]int{}
	for i, line := range strings.Split(string(text), "\n") {
		if m := arrayHeader.FindStringSubmatch(line); m != nil {
			headers[m[1]] = append(headers[m[1]], i+1)
		}
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
			if elements, ok := root[key[0]].([]any); !ok || len(elements) != len(h) {
				continue
			}
			n, _ := slices.BinarySearch(h, line+1)
			name = fmt.Sprintf("%s[%d].%s", key[0], n-1, strings.Join(key[1:], "."))
			if element := fmt.Sprintf("%s[%d]", key[0], n-1); n > 0 {
				r.lines[element] = h[n-1]
			}
		}
		if r.lines[name] == 0 {
			r.lines[name] = line
		}
	}
}

// read takes the values of the plan from the tables.
func (r *planReader) read(p *Plan, root map[string]any) {
	known := []string{contrastArray, excludeArray, associationArray}
	for _, t := range planTables {
		if t.name == "" {
			known = append(known, names(t.keys)...)
			continue
		}
		known = append(known, t.name)
		switch v := root[t.name].(type) {
		case nil:
		case map[string]any:
			r.strangers(t.name, v, names(t.keys))
			readKeys(r, t.name, v, p, t.keys)
		default:
			r.fault(t.name, "write ["+t.name+"] on a line of its own, its keys below", "%s where a table belongs", kindOf(v))
		}
	}
	readKeys(r, "", root, p, planTables[0].keys)
	r.strangers("", root, known)
	for i, t := range r.array(root, contrastArray) {
		p.Contrasts = append(p.Contrasts, ContrastPlan{})
		r.element(contrastArray, i, t, names(contrastKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", contrastArray, i), t, &p.Contrasts[i], contrastKeys)
	}
	for i, t := range r.array(root, excludeArray) {
		p.Exclude = append(p.Exclude, Exclusion{})
		r.element(excludeArray, i, t, names(excludeKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", excludeArray, i), t, &p.Exclude[i], excludeKeys)
	}
	for i, t := range r.array(root, associationArray) {
		p.Association = append(p.Association, defaultAssociation())
		r.element(associationArray, i, t, names(associationKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", associationArray, i), t, &p.Association[i], associationKeys)
	}
}

func (r *planReader) element(array string, i int, t map[string]any, known []string) {
	r.strangers(fmt.Sprintf("%s[%d]", array, i), t, known)
}

// array returns the tables of an array of tables.
func (r *planReader) array(root map[string]any, name string) []map[string]any {
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

func names[T any](keys []planKey[T]) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

func dotted(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// strangers reports the keys of a table that no plan has.
func (r *planReader) strangers(table string, t map[string]any, known []string) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		if slices.Contains(known, name) {
			continue
		}
		key := dotted(table, name)
		if near, ok := diag.Nearest(name, known); ok {
			r.fault(key, "write "+near, "there is no key %q; the nearest is %q", clip(name), near)
			continue
		}
		fix := "remove it; the keys here are " + strings.Join(known, ", ")
		for _, other := range planTables {
			if other.name != table && slices.Contains(names(other.keys), name) {
				where := "[" + other.name + "]"
				if other.name == "" {
					where = "the top, before any [table]"
				}
				fix = "move it to " + where
				break
			}
		}
		r.fault(key, fix, "there is no key %q", clip(name))
	}
}

// readKeys takes the values of one table.
func readKeys[T any](r *planReader, table string, t map[string]any, into *T, keys []planKey[T]) {
	for _, k := range keys {
		v, ok := t[k.name]
		if !ok {
			continue
		}
		key := dotted(table, k.name)
		switch dst := k.at(into).(type) {
		case *string:
			if s, ok := v.(string); ok {
				*dst = s
			} else {
				r.wrongType(key, v, "text", `write it in quotation marks: `+k.name+` = "…"`)
			}
		case *bool:
			if b, ok := v.(bool); ok {
				*dst = b
			} else {
				r.wrongType(key, v, "true or false", "write true or false, without quotation marks")
			}
		case *uint64:
			if n, ok := v.(int64); ok && n >= 0 {
				*dst = uint64(n)
			} else {
				r.wrongType(key, v, "a whole number from 0", "write a whole number, such as 1")
			}
		case *float64:
			if x, ok := number(v); ok && !math.IsNaN(x) {
				*dst = x
			} else {
				r.wrongType(key, v, "a number", "write a number, without quotation marks")
			}
		case *limit:
			if x, ok := number(v); ok {
				*dst = limit(x)
			} else {
				r.wrongType(key, v, "a number", "write a number, or nan for no limit")
			}
		case *[]string:
			if s, ok := r.texts(key, k.name, v); ok {
				*dst = s
			}
		case *[]Measure:
			if s, ok := r.texts(key, k.name, v); ok {
				*dst = nil
				for _, m := range s {
					*dst = append(*dst, Measure(m))
				}
			}
		default:
			panic("crossover: planKey of an unknown type")
		}
	}
}

// texts reads a list of text; an empty one is nil.
func (r *planReader) texts(key, name string, v any) ([]string, bool) {
	list, ok := v.([]any)
	if !ok {
		fix := "write a list: " + name + ` = ["…", "…"]`
		if s, ok := v.(string); ok {
			fix = "write a list: " + name + " = [" + strconv.Quote(clip(s)) + "]"
		}
		r.wrongType(key, v, "a list of text", fix)
		return nil, false
	}
	var out []string
	for i, e := range list {
		s, ok := e.(string)
		if !ok {
			r.fault(key, "write each element in quotation marks", "element %d is %s, not text", i+1, kindOf(e))
			return nil, false
		}
		out = append(out, s)
	}
	return out, true
}

func (r *planReader) wrongType(key string, v any, want, fix string) {
	r.fault(key, fix, "%s is not %s", kindOf(v), want)
}

// number returns a finite number or NaN.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsInf(v, 0)
	}
	return 0, false
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

// clip shortens what the input holds for a message.
func clip(s string) string { return clipTo(s, 80) }
