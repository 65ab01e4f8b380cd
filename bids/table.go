package bids

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/atomicfile"
)

// Missing is how BIDS tables write a missing value.
const Missing = "n/a"

// Limits of a table.
const (
	maxTableBytes    = 64 << 20
	maxTableCells    = 5_000_000
	maxTableLine     = 1 << 20
	maxTableColumns  = 10000
	maxTableProblems = 20 // of one kind of fault in one table; the rest are counted
)

// A Table is a BIDS TSV table. Every row has as many cells as there are
// columns; cells are as written, so that quotation marks are literal.
type Table struct {
	File       string            // name for problems
	Columns    []string          // header
	Rows       [][]string        // cells
	Dictionary map[string]Column // from the JSON file beside the table, by column name; may be nil
}

// A Column describes one column of a table in its JSON data dictionary.
type Column struct {
	Name        string
	Description string
	Units       string            // as BIDS writes them: "s", "mL/100 g/min"; "" if none
	Levels      map[string]string // meaning of each value; nil if the column is not categorical
}

// Column returns the index of the named column, or -1.
func (t *Table) Column(name string) int {
	if t == nil {
		return -1
	}
	return slices.Index(t.Columns, name)
}

// Cell returns a value and whether there is one: not so if the table has no
// such column or the cell is empty or n/a.
func (t *Table) Cell(row int, column string) (string, bool) {
	c := t.Column(column)
	if c < 0 {
		return "", false
	}
	v := t.Rows[row][c]
	return v, v != "" && v != Missing
}

// Row returns the values of a row by column name, without those missing.
func (t *Table) Row(row int) map[string]string {
	out := make(map[string]string, len(t.Columns))
	for c, name := range t.Columns {
		if v := t.Rows[row][c]; v != "" && v != Missing {
			out[name] = v
		}
	}
	return out
}

// ReadTable reads a TSV table. The table is nil only if the file cannot be
// read as text with a header; any other fault is named and the rest is read:
// a row with too few cells is filled with n/a, one with too many is cut.
func ReadTable(path string) (*Table, diag.List) { return readTable(path, path) }

func readTable(path, file string) (*Table, diag.List) {
	var l diag.List
	data, ok := readFile(path, file, maxTableBytes, &l)
	if !ok {
		return nil, l
	}
	return decodeTable(data, file)
}

// decodeTable decodes the text of a TSV table.
func decodeTable(data []byte, file string) (*Table, diag.List) {
	var l diag.List
	data, ok := plainText(data, file, &l)
	if !ok {
		return nil, l
	}
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') >= 0 {
		data = bytes.ReplaceAll(data, []byte("\r"), []byte("\n")) // line ends of old Macintosh software
	}
	data = bytes.TrimRight(data, "\r\n")
	if len(data) == 0 {
		l.Errorf(file, "", "write a header line and one line for each row", "the table is empty")
		return nil, l
	}
	t := &Table{File: file}
	var ragged, blank counter
	for line := 1; ; line++ {
		text, rest, more := bytes.Cut(data, []byte("\n"))
		text = bytes.TrimSuffix(text, []byte("\r"))
		if len(text) > maxTableLine {
			l.Errorf(file, "", "check that this is a table", "line %d is longer than %d MB", line, maxTableLine>>20)
			return nil, l
		}
		switch {
		case line == 1:
			if !t.header(string(text), bytes.IndexByte(rest, '\t') >= 0, &l) {
				return nil, l
			}
		case len(text) == 0:
			if blank.add() {
				l.Errorf(file, "", "remove the line, or write n/a in its cells", "line %d is empty", line)
			}
		default:
			if (len(t.Rows)+1)*len(t.Columns) > maxTableCells {
				l.Errorf(file, "", "check that this is a table", "the table has more than %d cells", maxTableCells)
				return nil, l
			}
			cells := strings.SplitN(string(text), "\t", maxTableColumns+1)
			if len(cells) != len(t.Columns) {
				if ragged.add() {
					l.Errorf(file, "", "give every row as many cells as the header, with n/a for what is missing", "line %d has %d cells where the header has %d", line, len(cells), len(t.Columns))
				}
				for len(cells) < len(t.Columns) {
					cells = append(cells, Missing)
				}
				cells = cells[:len(t.Columns):len(t.Columns)]
			}
			t.Rows = append(t.Rows, cells)
		}
		if !more {
			break
		}
		data = rest
	}
	ragged.rest(&l, file, "rows with a wrong number of cells")
	blank.rest(&l, file, "empty lines")
	return t, l
}

// header reads the first line. tabs tells whether later lines hold tabs.
func (t *Table) header(text string, tabs bool, l *diag.List) bool {
	t.Columns = strings.Split(text, "\t")
	if len(t.Columns) > maxTableColumns {
		l.Errorf(t.File, "", "check that this is a table", "the header has %d columns, more than %d", len(t.Columns), maxTableColumns)
		return false
	}
	if len(t.Columns) == 1 && !tabs && strings.ContainsAny(text, ",;") {
		l.Errorf(t.File, "", "separate columns by tabs", "the header %q has no tabs: the table seems to be separated by commas", clip(text))
	}
	seen := make(map[string]bool, len(t.Columns))
	for i, c := range t.Columns {
		if trimmed := strings.TrimSpace(c); trimmed != c {
			l.Warnf(t.File, trimmed, "remove the blanks around the name", "the column name %q has blanks around it", clip(c))
			c = trimmed
			t.Columns[i] = c
		}
		switch {
		case c == "":
			l.Errorf(t.File, "", "name every column", "column %d has no name", i+1)
		case seen[c]:
			l.Errorf(t.File, clip(c), "rename or remove one of them", "the column stands twice")
		}
		seen[c] = true
	}
	return true
}

// A counter lets the first few faults of a kind through and counts the rest.
type counter int

func (c *counter) add() bool { *c++; return *c <= maxTableProblems }

func (c counter) rest(l *diag.List, file, what string) {
	if c > maxTableProblems {
		l.Errorf(file, "", "correct them alike", "%d more %s", c-maxTableProblems, what)
	}
}

// readDictionary reads the JSON data dictionary of a table.
func readDictionary(path, file string) (map[string]Column, diag.List) {
	m, l := ReadJSON(path, file)
	if m == nil {
		return nil, l
	}
	out := make(map[string]Column, len(m))
	for name, v := range m {
		c := Column{Name: name}
		if d, ok := v.(map[string]any); ok {
			c.Description, _ = d["Description"].(string)
			c.Units, _ = d["Units"].(string)
			if levels, ok := d["Levels"].(map[string]any); ok {
				c.Levels = make(map[string]string, len(levels))
				for k, v := range levels {
					switch v := v.(type) {
					case string:
						c.Levels[k] = v
					case map[string]any: // BIDS 1.9: an object with a description
						c.Levels[k], _ = v["Description"].(string)
					}
				}
			}
		}
		out[name] = c
	}
	return out, l
}

// WriteTable writes a TSV table to path, and its data dictionary to the same
// path with the extension .json if any column has a description, units or
// levels. Empty cells are written as n/a. It is an error if a row has a wrong
// number of cells or a cell holds a tab or a line end.
func WriteTable(path string, columns []Column, rows [][]string) error {
	for i, row := range rows {
		if len(row) != len(columns) {
			return fmt.Errorf("write %s: row %d has %d cells for %d columns", path, i+1, len(row), len(columns))
		}
		for j, cell := range row {
			if strings.ContainsAny(cell, "\t\r\n") {
				return fmt.Errorf("write %s: row %d, column %s: %q holds a tab or a line end", path, i+1, columns[j].Name, clip(cell))
			}
		}
	}
	if len(columns) == 0 {
		return errors.New("write " + path + ": a table without columns")
	}
	err := atomicfile.Write(path, func(w io.Writer) error {
		header := make([]string, len(columns))
		for i, c := range columns {
			header[i] = c.Name
		}
		if err := writeLine(w, header); err != nil {
			return err
		}
		for _, row := range rows {
			if err := writeLine(w, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	described := func(c Column) bool { return c.Description != "" || c.Units != "" || c.Levels != nil }
	if !slices.ContainsFunc(columns, described) {
		return nil
	}
	return WriteJSON(strings.TrimSuffix(path, ".tsv")+".json", dictionary(columns))
}

func writeLine(w io.Writer, cells []string) error {
	for i, c := range cells {
		if c == "" {
			c = Missing
		}
		end := "\t"
		if i == len(cells)-1 {
			end = "\n"
		}
		if _, err := io.WriteString(w, c+end); err != nil {
			return err
		}
	}
	return nil
}

// FormatNumber writes a number for a table cell, with as many digits as it
// takes to read the same float64 again; NaN and infinities are n/a.
func FormatNumber(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return Missing
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
