package asl

import (
	"encoding/json"
	"fmt"

	"phasl/bids"
	"phasl/diag"
)

// reader takes what a protocol needs from a sidecar and gathers faults.
type reader struct {
	sc *bids.Sidecar
	l  diag.List
}

func (r *reader) has(name string) bool    { return r.sc.Has(name) }
func (r *reader) file(name string) string { return r.sc.Source(name) }

func (r *reader) text(name string) (string, bool)       { return r.sc.Text(name, &r.l) }
func (r *reader) boolean(name string) (value, ok bool)  { return r.sc.Bool(name, &r.l) }
func (r *reader) number(name string) (float64, bool)    { return r.sc.Number(name, &r.l) }
func (r *reader) numbers(name string) ([]float64, bool) { return r.sc.Numbers(name, &r.l) }

// missing reports a field that is needed for a reason, unless it is there and
// has been found faulty already. A field that seems to be meant is named in
// the remedy, with its value; it is never used by itself, because its meaning
// or unit may differ.
func (r *reader) missing(name, why, example string) {
	if r.has(name) {
		return
	}
	if other, ok := r.sc.Misspelt(name); ok {
		r.l.Errorf(r.sc.Path, name, fmt.Sprintf("rename %s to %s, or add --set %s=%s, if that is what it holds", other, name, name, r.literal(other)),
			"is missing: %s; there is %s, which is another field", why, other)
		return
	}
	r.l.Errorf(r.sc.Path, name, "look it up in the protocol and add it to the sidecar, or give it by --set "+name+"=VALUE (written like "+example+")", "is missing: %s", why)
}

// literal returns a field's value as --set takes it.
func (r *reader) literal(name string) string {
	v := r.sc.Fields[name].Value
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "…"
	}
	if len(b) > 60 {
		return string(b[:1]) + "…" + string(b[len(b)-1:])
	}
	return string(b)
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
