package asl

import (
	"encoding/json"
	"fmt"

	"phasl/bids"
	"phasl/diag"
)

// reader takes typed values from a sidecar and gathers faults.
type reader struct {
	sc *bids.Sidecar
	l  diag.List
}

func (r *reader) has(name string) bool {
	f, ok := r.sc.Fields[name]
	return ok && f.Value != nil
}

// file returns where a field is from.
func (r *reader) file(name string) string {
	if f, ok := r.sc.Fields[name]; ok && f.File != "" {
		return f.File
	}
	return r.sc.Path
}

// literal returns a field's value as JSON.
func (r *reader) literal(name string) string {
	b, err := json.Marshal(r.sc.Fields[name].Value)
	if err != nil {
		return "…"
	}
	if len(b) > 60 {
		return string(b[:1]) + "…" + string(b[len(b)-1:])
	}
	return string(b)
}

// missing reports a field that is needed for a reason, unless it is there and
// has been found faulty already.
func (r *reader) missing(name, why, example string) {
	if r.has(name) {
		return
	}
	r.l.Errorf(r.sc.Path, name, "add it to the sidecar, or --set "+example, "is missing: %s", why)
}

func (r *reader) wrong(name, want string) {
	r.l.Errorf(r.file(name), name, "write "+want, "%s is not %s", r.literal(name), want)
}

func (r *reader) text(name string) (string, bool) {
	if !r.has(name) {
		return "", false
	}
	s, ok := r.sc.Fields[name].Value.(string)
	if !ok {
		r.wrong(name, "a text")
	}
	return s, ok
}

func (r *reader) boolean(name string) (value, ok bool) {
	if !r.has(name) {
		return false, false
	}
	value, ok = r.sc.Fields[name].Value.(bool)
	if !ok {
		r.wrong(name, "true or false")
	}
	return value, ok
}

func (r *reader) number(name string) (float64, bool) {
	if !r.has(name) {
		return 0, false
	}
	v, ok := r.sc.Fields[name].Value.(float64)
	if !ok || !finite(v) {
		r.wrong(name, "a number")
		return 0, false
	}
	return v, true
}

// numbers accepts one number or an array of numbers.
func (r *reader) numbers(name string) ([]float64, bool) {
	if !r.has(name) {
		return nil, false
	}
	switch v := r.sc.Fields[name].Value.(type) {
	case float64:
		if finite(v) {
			return []float64{v}, true
		}
	case []float64:
		return append([]float64(nil), v...), true
	case []any:
		out := make([]float64, len(v))
		for i, x := range v {
			f, ok := x.(float64)
			if !ok || !finite(f) {
				r.wrong(name, "a number or an array of numbers")
				return nil, false
			}
			out[i] = f
		}
		return out, true
	}
	r.wrong(name, "a number or an array of numbers")
	return nil, false
}

// perVolume reads a field that BIDS lets be one number for all volumes or an
// array with one number for each, and expands it to n values.
func (r *reader) perVolume(name string, n int, why, example string) ([]float64, bool) {
	if !r.has(name) {
		r.missing(name, why, example)
		return nil, false
	}
	v, ok := r.numbers(name)
	if !ok {
		return nil, false
	}
	if len(v) == 1 {
		one := v[0]
		v = make([]float64, n)
		for i := range v {
			v[i] = one
		}
	}
	if len(v) == n {
		return v, true
	}
	r.l.Errorf(r.file(name), name, fmt.Sprintf("write one number for all volumes, or one for each of the %d volumes", n),
		"has %d values for %d volumes", len(v), n)
	return nil, false
}
