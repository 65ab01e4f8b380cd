package atlas

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"phasl/diag"
)

// ParseTable reads the text that names an atlas's labels, in any of the forms
// atlases come with, told apart by content:
//
//   - tab-separated with a header (BIDS _dseg.tsv), or comma-separated;
//   - lines "index name", separated by blanks or tabs, with or without colours;
//   - pairs of lines, a name and then "index red green blue alpha", as the
//     Schaefer and Tian parcellations have them;
//   - FSL's atlas XML. The indices of a probabilistic atlas count from 0 while
//     its summary image counts from 1: one is added.
//
// file names the text in messages. Lines that fit no form are errors.
func ParseTable(file string, text []byte) (Table, diag.List) {
	var list diag.List
	t := Table{File: file, Header: []string{"index", "name"}}
	s := strings.TrimPrefix(string(text), "\ufeff")
	if !utf8.ValidString(s) { // names of older atlases are in Latin-1
		s = latin1(s)
	}
	trimmed := strings.TrimSpace(s)
	if trimmed == "" {
		list.Errorf(file, "", "give a table with the columns index and name", "the file is empty")
		return t, list
	}
	if strings.HasPrefix(trimmed, "<") {
		t.parseXML(trimmed, &list)
		return t, list
	}
	var lines []string
	var at []int // line numbers
	for n, l := range strings.Split(s, "\n") {
		l = strings.TrimRight(l, "\r")
		if strings.TrimSpace(l) != "" && !strings.HasPrefix(l, "#") {
			lines = append(lines, l)
			at = append(at, n+1)
		}
	}
	if len(lines) == 0 {
		list.Errorf(file, "", "give a table with the columns index and name", "the file holds comments only")
		return t, list
	}
	for _, sep := range []string{"\t", ","} {
		h := Table{Header: strings.Split(lines[0], sep)}
		if h.column(indexColumns) >= 0 && h.column(nameColumns) >= 0 && len(h.Header) > 1 {
			t.Header = h.Header
			for _, l := range lines[1:] {
				t.Rows = append(t.Rows, strings.Split(l, sep))
			}
			return t, list
		}
	}
	for i := 0; i < len(lines); i++ {
		f := strings.Fields(lines[i])
		if _, err := strconv.Atoi(f[0]); err == nil && len(f) > 1 {
			name := f[1:]
			if len(name) > 3 { // a table of colours: red, green, blue and perhaps alpha at the end
				if c := name[len(name)-4:]; len(name) > 4 && numbers(c) {
					name = name[:len(name)-4]
				} else if numbers(c[1:]) {
					name = name[:len(name)-3]
				}
			}
			t.Rows = append(t.Rows, []string{f[0], strings.Join(name, " ")})
			continue
		}
		if i+1 < len(lines) {
			if g := strings.Fields(lines[i+1]); numbers(g) && (len(g) == 1 || len(g) == 4 || len(g) == 5) {
				t.Rows = append(t.Rows, []string{g[0], strings.TrimSpace(lines[i])})
				i++
				continue
			}
		}
		if len(list) < 20 {
			list.Errorf(file, fmt.Sprintf("line %d", at[i]), "write lines \"index name\", or a tab-separated table with the columns index and name",
				"%q is neither a label with its name nor a table header", clip(lines[i]))
		}
	}
	return t, list
}

// parseXML reads the label elements of an FSL atlas.
func (t *Table) parseXML(s string, list *diag.List) {
	d := xml.NewDecoder(strings.NewReader(s))
	// The text is UTF-8 by now, whatever it declares.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	add := 0
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			list.Add(&diag.Problem{File: t.File, Found: "the XML cannot be read: " + err.Error(), Fix: "give FSL's atlas file, or a table with the columns index and name", Err: err})
			return
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "type":
			var kind string
			if d.DecodeElement(&kind, &e) == nil && strings.EqualFold(strings.TrimSpace(kind), "Probabilistic") {
				add = 1
			}
		case "label":
			index := ""
			for _, a := range e.Attr {
				if a.Name.Local == "index" {
					index = strings.TrimSpace(a.Value)
				}
			}
			var name string
			if err := d.DecodeElement(&name, &e); err != nil {
				list.Add(&diag.Problem{File: t.File, Field: "label", Found: "the XML cannot be read: " + err.Error(), Fix: "give FSL's atlas file, or a table with the columns index and name", Err: err})
				return
			}
			n, err := strconv.Atoi(index)
			if err != nil {
				list.Errorf(t.File, "label", "write whole numbers", "index %q of %q is no number", clip(index), clip(name))
				continue
			}
			t.Rows = append(t.Rows, []string{strconv.Itoa(n + add), strings.TrimSpace(name)})
		}
	}
	if len(t.Rows) == 0 && len(*list) == 0 {
		list.Errorf(t.File, "label", "give FSL's atlas file, or a table with the columns index and name", "the XML holds no label elements")
	}
}

// numbers reports whether all fields are whole numbers.
func numbers(f []string) bool {
	for _, s := range f {
		if _, err := strconv.Atoi(s); err != nil {
			return false
		}
	}
	return len(f) > 0
}

func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

// clip shortens what is quoted in a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
