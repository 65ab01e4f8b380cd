package cli

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/lmm"
)

// missingCells are the ways a table says that a value is not known.
var missingCells = map[string]bool{"": true, "NA": true, "n/a": true, "N/A": true, "NaN": true, "nan": true}

// readTable reads a table as readRows does. A column is numeric if all its
// cells that are not missing are numbers.
func readTable(path string) (*lmm.Table, error) {
	rows, err := readRows(path)
	if err != nil {
		return nil, err
	}
	t := lmm.NewTable(path)
	for j, h := range rows[0] {
		if num, ok := numericColumn(rows[1:], j); ok {
			t.AddNumeric(h, num)
			continue
		}
		text := make([]string, len(rows)-1)
		for i, row := range rows[1:] {
			if s := strings.TrimSpace(row[j]); !missingCells[s] {
				text[i] = s
			}
		}
		t.AddFactor(h, text)
	}
	return t, nil
}

// readRows reads a CSV or TSV file with a header, which is the first of the
// rows returned; lines that begin with # are comments. The sign that separates
// cells is the header's: a tab, else a semicolon if there is no comma, else a
// comma. Names of columns are trimmed and distinct, and all rows as long as
// the header.
func readRows(path string) ([][]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, diag.List{{File: path, Found: "it cannot be read: " + reason(err), Fix: "look at the path", Err: err}}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(raw))
	r.Comment = '#'
	r.Comma = separator(raw)
	r.FieldsPerRecord = -1
	r.LazyQuotes = r.Comma == '\t'
	rows, err := r.ReadAll()
	if err != nil {
		return nil, diag.List{{File: path, Found: "it is not a table: " + err.Error(), Fix: "mend the quotes in that line", Err: err}}
	}
	if len(rows) < 2 {
		return nil, diag.List{{File: path, Found: "it has no rows below the header", Fix: "give a table with a header and at least one row"}}
	}
	var l diag.List
	seen := map[string]bool{}
	for j, h := range rows[0] {
		h = strings.TrimSpace(h)
		rows[0][j] = h
		switch {
		case h == "":
			l.Errorf(path, fmt.Sprintf("column %d", j+1), "name it", "it has no name")
		case seen[h]:
			l.Errorf(path, h, "name each column once", "two columns have this name")
		}
		seen[h] = true
	}
	for i, row := range rows[1:] {
		if len(row) != len(rows[0]) {
			l.Errorf(path, fmt.Sprintf("row %d", i+1), "give every row one cell for each column", "it has %d cells, the header %d", len(row), len(rows[0]))
		}
		if len(l) > 20 {
			break
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	return rows, nil
}

// reason is the cause of a failed system call without the path before it.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

func separator(raw []byte) rune {
	for line := range bytes.Lines(raw) {
		switch {
		case len(bytes.TrimSpace(line)) == 0 || line[0] == '#':
			continue
		case bytes.ContainsRune(line, '\t'):
			return '\t'
		case bytes.ContainsRune(line, ';') && !bytes.ContainsRune(line, ','):
			return ';'
		}
		break
	}
	return ','
}

func numericColumn(rows [][]string, j int) ([]float64, bool) {
	out := make([]float64, len(rows))
	for i, row := range rows {
		v, ok := numericCell(row[j])
		if !ok {
			return nil, false
		}
		out[i] = v
	}
	return out, true
}

// numericCell returns the number in a cell, NaN if it is missing; false if it
// is neither.
func numericCell(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	if missingCells[s] {
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) || strings.ContainsAny(s, "_xXpP") {
		return 0, false
	}
	return v, true
}
