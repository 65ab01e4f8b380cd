package scales

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/keyfile"
)

// Limits of an instrument file.
const (
	maxItems  = 1000
	maxScores = 200
	maxParts  = 20_000 // over all scores
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
	r := &reader{keyfile.Reader{File: file, What: "an instrument file, a page or two of text", Example: "docs/formats/instrument.md has an example"}}
	in := &Instrument{File: file}
	if root := r.Decode(text, &skeleton{}); root != nil {
		r.read(in, root)
	}
	if l := r.Problems(); l.Err() != nil {
		return nil, l
	}
	return in, nil
}

// A reader makes an instrument of the tables of its file.
type reader struct{ keyfile.Reader }

// skeleton has the tables of an instrument and none of their keys.
type skeleton struct {
	Items   []struct{} `toml:"items"`
	Score   []struct{} `toml:"score"`
	Outcome struct{}   `toml:"outcome"`
}

// text reads a text; "" if the key is not there.
func (r *reader) text(table string, t map[string]any, name string) string {
	v, ok := t[name]
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		r.WrongType(dotted(table, name), v, "text", `write it in quotation marks: `+name+` = "…"`)
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
	out, _ := r.Texts(dotted(table, name), name, v)
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
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
		r.WrongType(dotted(table, name), v, "a number", "write a number, without quotation marks")
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
		r.WrongType(dotted(table, name), v, "true or false", "write true or false, without quotation marks")
	}
	return b
}

// What messages need of every file that people write.
var (
	dotted = keyfile.Dotted
	kindOf = keyfile.KindOf
	clip   = keyfile.Clip
)

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
		r.Fault(key, fmt.Sprintf("write it in quotation marks: %s = %q", name, strconv.FormatInt(v, 10)), "%d is not text", v)
		return nil
	}
	s := r.text(table, t, name)
	if s == "" {
		if v, ok := t[name].(string); ok {
			r.Fault(key, `name them: `+name+` = "1-10"`, "%q names nothing", clip(v))
		}
		return nil
	}
	var out []string
	seen := map[string]bool{}
	add := func(n string) bool {
		if seen[n] {
			r.Fault(key, "name each once", "%s is named twice", clip(n))
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
				r.Fault(key, "write the lower number first, at most 1000 apart", "%q is no range", part)
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
			r.Fault(key, `write numbers, ranges or words in small letters, with commas between: "1-4, 7" or "high, anxious"`, "%q is no name", clip(part))
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
