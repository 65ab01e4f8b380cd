package bids

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"unicode/utf8"

	"phasl/diag"
)

// Limits of a JSON file. The longest real sidecars hold a few thousand numbers.
const (
	maxJSONBytes = 4 << 20
	maxJSONDepth = 64
)

// ReadJSON reads a JSON file that holds one object. file is the name that
// problems use. The result is nil if the file cannot be read as such.
//
// A key that stands twice with different values is an error; numbers too large
// for a float64 are errors and become nil. Bytes that are not UTF-8 are a
// warning and become U+FFFD.
func ReadJSON(path, file string) (map[string]any, diag.List) {
	var l diag.List
	data, ok := readFile(path, file, maxJSONBytes, &l)
	if !ok {
		return nil, l
	}
	return decodeObject(data, file)
}

// decodeObject decodes what must be one JSON object; nil if it is not.
func decodeObject(data []byte, file string) (map[string]any, diag.List) {
	var l diag.List
	data, ok := plainText(data, file, &l)
	if !ok {
		return nil, l
	}
	if len(bytes.TrimSpace(data)) == 0 {
		l.Errorf(file, "", "write the metadata as a JSON object, or remove the file", "the file is empty")
		return nil, l
	}
	v, ok := decodeJSON(data, file, &l)
	if !ok {
		return nil, l
	}
	m, ok := v.(map[string]any)
	if !ok {
		l.Errorf(file, "", "put the metadata in braces: { \"Field\": value }", "the file holds %s, not a JSON object", show(v))
		return nil, l
	}
	return m, l
}

// decodeJSON decodes one JSON value, adding its faults to l. It reports false
// if the text is not JSON or nested too deeply.
func decodeJSON(data []byte, file string, l *diag.List) (any, bool) {
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		line, column, hint := syntaxHint(data, err)
		*l = append(*l, &diag.Problem{Severity: diag.Error, File: file,
			Found: fmt.Sprintf("not JSON at line %d, column %d: %s", line, column, hint),
			Fix:   "correct the JSON there", Err: err})
		return nil, false
	}
	d := jsonDecoder{dec: json.NewDecoder(bytes.NewReader(data)), file: file, l: l}
	d.dec.UseNumber()
	v, ok := d.value(0, "")
	d.said.rest(l, file, "faults of this kind")
	return v, ok
}

// syntaxHint locates a JSON syntax error and says what it looks like.
func syntaxHint(data []byte, err error) (line, column int, hint string) {
	at := len(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset > 0 && syntax.Error() != "unexpected end of JSON input" {
		at = min(int(syntax.Offset)-1, len(data))
	}
	line = 1 + bytes.Count(data[:at], []byte("\n"))
	column = 1 + utf8.RuneCount(data[bytes.LastIndexByte(data[:at], '\n')+1:at])
	rest := data[at:]
	before := bytes.TrimRight(data[:at], " \t\r\n")
	for _, word := range []string{"NaN", "nan", "Infinity", "inf", "Inf"} {
		if bytes.HasPrefix(rest, []byte(word)) || at > 0 && bytes.HasPrefix(data[at-1:], []byte(word)) {
			return line, column, word + " is not a JSON number; leave the field out if the value is unknown"
		}
	}
	switch {
	case len(rest) == 0:
		hint = "the text ends too early (a closing brace or quotation mark is missing)"
	case bytes.HasSuffix(before, []byte(",")) && (rest[0] == '}' || rest[0] == ']'):
		hint = "a comma before the closing bracket"
	case rest[0] == '/':
		hint = "comments are not allowed in JSON"
	case rest[0] == '\'':
		hint = "text needs double quotation marks"
	default:
		hint = err.Error()
	}
	return line, column, hint
}

// A jsonDecoder walks text that is known to be valid JSON.
type jsonDecoder struct {
	dec  *json.Decoder
	file string
	l    *diag.List
	said counter // faults so far
}

// value decodes the next value; field is the path of keys to it.
func (d *jsonDecoder) value(depth int, field string) (any, bool) {
	if depth > maxJSONDepth {
		d.l.Errorf(d.file, field, "flatten the metadata", "arrays or objects are nested more than %d deep", maxJSONDepth)
		return nil, false
	}
	tok, err := d.dec.Token()
	if err != nil { // cannot happen in valid JSON, but costs nothing to say
		d.l.Errorf(d.file, field, "correct the JSON", "%v", err)
		return nil, false
	}
	switch t := tok.(type) {
	case json.Number:
		x, err := strconv.ParseFloat(string(t), 64)
		if err != nil {
			if d.said.add() {
				d.l.Errorf(d.file, field, "write a number of ordinary size", "%s is too large a number", clip(string(t)))
			}
			return nil, true
		}
		return x, true
	case json.Delim:
		if t == '[' {
			return d.array(depth, field)
		}
		return d.object(depth, field)
	}
	return tok, true
}

func (d *jsonDecoder) array(depth int, field string) (any, bool) {
	out := []any{}
	for d.dec.More() {
		v, ok := d.value(depth+1, field)
		if !ok {
			return nil, false
		}
		out = append(out, v)
	}
	_, err := d.dec.Token()
	return out, err == nil
}

func (d *jsonDecoder) object(depth int, field string) (any, bool) {
	out := map[string]any{}
	for d.dec.More() {
		tok, err := d.dec.Token()
		if err != nil {
			return nil, false
		}
		key, _ := tok.(string)
		path := clip(key)
		if field != "" {
			path = clip(field + "." + key)
		}
		v, ok := d.value(depth+1, path)
		if !ok {
			return nil, false
		}
		if old, twice := out[key]; twice && d.said.add() {
			if reflect.DeepEqual(old, v) {
				d.l.Warnf(d.file, path, "remove one of the two", "the field stands twice, both times as %s", show(v))
			} else {
				d.l.Errorf(d.file, path, "remove the wrong one", "the field stands twice: %s and %s", show(old), show(v))
			}
		}
		out[key] = v
	}
	_, err := d.dec.Token()
	return out, err == nil
}
