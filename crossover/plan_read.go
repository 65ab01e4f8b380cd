package crossover

import (
	"fmt"
	"math"
	"slices"

	"phasl/diag"
	"phasl/internal/keyfile"
)

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
	r := &planReader{keyfile.Reader{File: file, What: "the plan, a page of text", Example: "'phasl plan init' writes a plan to start from"}}
	if root := r.Decode(text, &skeleton{}); root != nil {
		r.read(p, root)
		r.check(p)
	}
	return p, r.Problems()
}

// A planReader makes a plan of the tables of its file.
type planReader struct{ keyfile.Reader }

// skeleton has the tables of a plan and none of their keys.
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
	Receptors    struct{}   `toml:"receptors"`
	Association  []struct{} `toml:"association"`
	Contrast     []struct{} `toml:"contrast"`
	Exclude      []struct{} `toml:"exclude"`
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
			if t.name == receptorTable {
				p.Receptors.Asked = true
			}
		default:
			r.Fault(t.name, "write ["+t.name+"] on a line of its own, its keys below", "%s where a table belongs", kindOf(v))
		}
	}
	readKeys(r, "", root, p, planTables[0].keys)
	r.strangers("", root, known)
	for i, t := range r.Tables(root, contrastArray) {
		p.Contrasts = append(p.Contrasts, ContrastPlan{})
		r.strangers(fmt.Sprintf("%s[%d]", contrastArray, i), t, names(contrastKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", contrastArray, i), t, &p.Contrasts[i], contrastKeys)
	}
	for i, t := range r.Tables(root, excludeArray) {
		p.Exclude = append(p.Exclude, Exclusion{})
		r.strangers(fmt.Sprintf("%s[%d]", excludeArray, i), t, names(excludeKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", excludeArray, i), t, &p.Exclude[i], excludeKeys)
	}
	for i, t := range r.Tables(root, associationArray) {
		p.Association = append(p.Association, defaultAssociation())
		r.strangers(fmt.Sprintf("%s[%d]", associationArray, i), t, names(associationKeys))
		readKeys(r, fmt.Sprintf("%s[%d]", associationArray, i), t, &p.Association[i], associationKeys)
	}
}

func names[T any](keys []planKey[T]) []string {
	out := make([]string, len(keys))
	for i, k := range keys {
		out[i] = k.name
	}
	return out
}

// strangers reports the keys of a table that no plan has; one that belongs to
// another table is sent there.
func (r *planReader) strangers(table string, t map[string]any, known []string) {
	r.Strangers(table, t, known, func(name string) string {
		for _, other := range planTables {
			if other.name == table || !slices.Contains(names(other.keys), name) {
				continue
			}
			if other.name == "" {
				return "move it to the top, before any [table]"
			}
			return "move it to [" + other.name + "]"
		}
		return ""
	})
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
				r.WrongType(key, v, "text", `write it in quotation marks: `+k.name+` = "…"`)
			}
		case *bool:
			if b, ok := v.(bool); ok {
				*dst = b
			} else {
				r.WrongType(key, v, "true or false", "write true or false, without quotation marks")
			}
		case *uint64:
			if n, ok := v.(int64); ok && n >= 0 {
				*dst = uint64(n)
			} else {
				r.WrongType(key, v, "a whole number from 0", "write a whole number, such as 1")
			}
		case *float64:
			if x, ok := number(v); ok && !math.IsNaN(x) {
				*dst = x
			} else {
				r.WrongType(key, v, "a number", "write a number, without quotation marks")
			}
		case *limit:
			if x, ok := number(v); ok {
				*dst = limit(x)
			} else {
				r.WrongType(key, v, "a number", "write a number, or nan for no limit")
			}
		case *[]string:
			if s, ok := r.Texts(key, k.name, v); ok {
				*dst = s
			}
		case *[]Measure:
			if s, ok := r.Texts(key, k.name, v); ok {
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

// What messages need of every file that people write.
var (
	dotted = keyfile.Dotted
	kindOf = keyfile.KindOf
	clip   = keyfile.Clip
)
