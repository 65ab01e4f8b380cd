package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"phasl/diag"
)

// columns is a table of numbers: a header, if there is one, names of the rows,
// if the first column is no number, and the numbers by column.
type columns struct {
	file  string
	head  []string
	names []string
	v     [][]float64
}

// maxCells bounds what a table of numbers may hold: 800 MB.
const maxCells = 100_000_000

// readColumns reads numbers in lines, parted by tabs, commas, semicolons or
// blanks, with or without a header and a first column of names. Empty cells, NA,
// n/a and NaN are missing. Lines that begin with # are passed over.
func readColumns(path string) (*columns, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, diag.List{{File: path, Found: "it cannot be read: " + err.Error(), Fix: "look at the path", Err: err}}
	}
	return parseColumns(path, raw)
}

func parseColumns(path string, raw []byte) (*columns, error) {
	var l diag.List
	if bytes.IndexByte(raw, 0) >= 0 {
		l.Errorf(path, "", "give a text file, or an image ending in .nii or .nii.gz", "it is not text")
		return nil, l
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	c := &columns{file: path}
	var rows [][]string
	cells := 0
	for line := range bytes.Lines(raw) {
		text := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(text) == "" || text[0] == '#' {
			continue
		}
		row := splitLine(text)
		if cells += len(row); cells > maxCells {
			l.Errorf(path, "", "give fewer numbers", "it has more than %d cells", maxCells)
			return nil, l
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		l.Errorf(path, "", "give at least 5 numbers", "it is empty")
		return nil, l
	}
	if isHeader(rows[0]) {
		c.head, rows = rows[0], rows[1:]
	}
	if len(rows) == 0 {
		l.Errorf(path, "", "give rows below the header", "it has a header only")
		return nil, l
	}
	first := 0 // column where the numbers begin
	for _, r := range rows {
		if _, ok := cell(r[0]); !ok {
			first = 1
		}
	}
	width := len(rows[0])
	for i, r := range rows {
		switch {
		case len(r) != width:
			l.Errorf(path, fmt.Sprintf("row %d", i+1), "give every row as many cells", "it has %d cells, the first row %d", len(r), width)
		case first == 1:
			c.names = append(c.names, r[0])
		}
		if len(l) > 10 {
			break
		}
	}
	if width == first {
		l.Errorf(path, "", "give at least one column of numbers", "it holds no numbers")
	}
	if l.Err() != nil {
		return nil, l
	}
	if c.head != nil {
		if len(c.head) == width-1 && first == 1 { // R writes no name for row names
			c.head = append([]string{""}, c.head...)
		}
		if len(c.head) != width {
			l.Errorf(path, "header", "give one name for each column", "it has %d names for %d columns", len(c.head), width)
			return nil, l
		}
		c.head = c.head[first:]
	}
	c.v = make([][]float64, width-first)
	for j := range c.v {
		c.v[j] = make([]float64, len(rows))
		bad := 0
		for i, r := range rows {
			v, ok := cell(r[j+first])
			if !ok {
				if bad++; bad == 1 && c.head == nil {
					l.Errorf(path, fmt.Sprintf("row %d, column %d", i+1, j+first+1), "write a number, or n/a", "%q is no number", r[j+first])
				}
				v = math.NaN()
			}
			c.v[j][i] = v
		}
		// With a header, a column of text is one nobody need ask for.
		if bad > 0 && c.head != nil && bad < len(rows) {
			l.Warnf(path, c.head[j], "write numbers, or n/a", "%d cells are no numbers and count as missing", bad)
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	return c, nil
}

func splitLine(s string) []string {
	var f []string
	switch {
	case strings.Contains(s, "\t"):
		f = strings.Split(s, "\t")
	case strings.Contains(s, ","):
		f = strings.Split(s, ",")
	case strings.Contains(s, ";"):
		f = strings.Split(s, ";")
	default:
		f = strings.Fields(s)
	}
	for i := range f {
		f[i] = strings.Trim(strings.TrimSpace(f[i]), `"`)
	}
	return f
}

// isHeader tells whether no cell but the first is a number and one is text.
func isHeader(row []string) bool {
	text := false
	for i, s := range row {
		_, ok := cell(s)
		switch {
		case !ok:
			text = true
		case !missing(s) && (i > 0 || len(row) == 1):
			return false
		}
	}
	if len(row) > 1 { // names of rows alone do not make a header
		_, ok := cell(row[1])
		return text && !ok
	}
	return text
}

func missing(s string) bool {
	switch strings.ToLower(s) {
	case "", "na", "n/a", "nan":
		return true
	}
	return false
}

// cell returns the number in a cell, NaN for a missing one.
func cell(s string) (float64, bool) {
	if missing(s) {
		return math.NaN(), true
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// column returns a column by its name, or the only one.
func (c *columns) column(name, flag string) ([]float64, error) {
	if name == "" && len(c.v) == 1 {
		return c.v[0], nil
	}
	for j, h := range c.head {
		if h == name && name != "" {
			return c.v[j], nil
		}
	}
	p := &diag.Problem{File: c.file, Field: name}
	switch near, ok := diag.Nearest(name, c.head); {
	case name == "":
		p.Found, p.Fix = fmt.Sprintf("it has %d columns of numbers", len(c.v)), "say which with "+flag
	case c.head == nil:
		p.Found, p.Fix = "it has no header", "give the columns names in the first line"
	case ok:
		p.Found, p.Fix = "there is no such column", "is "+near+" meant?"
	default:
		p.Found, p.Fix = "there is no such column", "choose one of "+strings.Join(c.head, ", ")
	}
	return nil, diag.List{p}
}

// triplet returns the three columns of coordinates: those named x, y and z
// (with or without _mm), or the only three.
func (c *columns) triplet() ([3][]float64, error) {
	var out [3][]float64
	found := 0
	for j, h := range c.head {
		h = strings.TrimSuffix(strings.ToLower(h), "_mm")
		if k := strings.Index("xyz", h); k >= 0 && len(h) == 1 && out[k] == nil {
			out[k] = c.v[j]
			found++
		}
	}
	if found == 3 {
		return out, nil
	}
	if len(c.v) != 3 {
		return out, diag.List{{File: c.file, Found: fmt.Sprintf("it has %d columns of numbers and none named x, y and z", len(c.v)), Fix: "give three columns: x, y, z in mm"}}
	}
	return [3][]float64{c.v[0], c.v[1], c.v[2]}, nil
}
