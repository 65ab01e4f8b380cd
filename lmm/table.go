package lmm

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"phasl/diag"
)

// A Table holds columns of equal length, each numeric or a factor.
type Table struct {
	Name string // what problems call the table: a file's path, say

	rows int
	cols []column
}

// A column is numeric if levels is nil. A factor's codes index its levels, −1
// where the cell is missing.
type column struct {
	name   string
	num    []float64
	codes  []int
	levels []string
}

// NewTable returns an empty table. Problems name it by name.
func NewTable(name string) *Table { return &Table{Name: name} }

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows }

// Names returns the names of the columns, in order.
func (t *Table) Names() []string {
	out := make([]string, len(t.cols))
	for i, c := range t.cols {
		out[i] = c.name
	}
	return out
}

// AddNumeric adds a numeric column; NaN marks a missing cell. It panics if the
// length differs from the other columns' or the name is taken.
func (t *Table) AddNumeric(name string, values []float64) {
	t.add(column{name: name, num: slices.Clone(values)}, len(values))
}

// AddFactor adds a factor; "" marks a missing cell. Levels are in the order
// given, the first being the reference; without levels they are the distinct
// values sorted by bytes, as R's factor() sorts in the C locale. It panics if
// the length differs from the other columns', the name is taken, or a value is
// not among the levels given.
func (t *Table) AddFactor(name string, values []string, levels ...string) {
	if len(levels) == 0 {
		for _, v := range values {
			if v != "" {
				levels = append(levels, v)
			}
		}
		slices.Sort(levels)
		levels = slices.Compact(levels)
	}
	c := column{name: name, codes: make([]int, len(values)), levels: slices.Clone(levels)}
	if c.levels == nil {
		c.levels = []string{}
	}
	index := make(map[string]int, len(levels))
	for i, l := range levels {
		index[l] = i
	}
	for i, v := range values {
		code, ok := index[v]
		switch {
		case v == "":
			code = -1
		case !ok:
			panic(fmt.Sprintf("lmm: AddFactor %s: %q is not a level", name, v))
		}
		c.codes[i] = code
	}
	t.add(c, len(values))
}

func (t *Table) add(c column, n int) {
	if len(t.cols) > 0 && n != t.rows {
		panic(fmt.Sprintf("lmm: column %s has %d rows, the table %d", c.name, n, t.rows))
	}
	if t.find(c.name) != nil {
		panic("lmm: column " + c.name + " is there already")
	}
	t.rows = n
	t.cols = append(t.cols, c)
}

func (t *Table) find(name string) *column {
	for i := range t.cols {
		if t.cols[i].name == name {
			return &t.cols[i]
		}
	}
	return nil
}

// SetReference makes a level the first of its factor and so the reference of
// its contrasts; the others keep their order. A numeric column becomes a
// factor first, its levels in numeric order. An unknown column or level is
// returned as a [*diag.Problem].
func (t *Table) SetReference(col, level string) error {
	c := t.find(col)
	if c == nil {
		return t.unknownColumn(col)
	}
	f := c.asFactor()
	at := slices.Index(f.levels, level)
	if at < 0 {
		return &diag.Problem{File: t.Name, Field: col, Found: fmt.Sprintf("no row has the level %q", level),
			Fix: suggest(level, f.levels, "choose one of: "+list(f.levels))}
	}
	order := append([]int{at}, slices.Delete(seq(len(f.levels)), at, at+1)...)
	to := make([]int, len(order))
	levels := make([]string, len(order))
	for i, from := range order {
		to[from], levels[i] = i, f.levels[from]
	}
	codes := slices.Clone(f.codes)
	for i, k := range codes {
		if k >= 0 {
			codes[i] = to[k]
		}
	}
	*c = column{name: col, codes: codes, levels: levels}
	return nil
}

// asFactor returns the column as a factor. Levels of a numeric column are its
// distinct values in numeric order, spelt as short as keeps them distinct.
func (c *column) asFactor() column {
	if c.levels != nil {
		return *c
	}
	distinct := slices.DeleteFunc(slices.Clone(c.num), math.IsNaN)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	out := column{name: c.name, codes: make([]int, len(c.num)), levels: make([]string, len(distinct))}
	for i, v := range distinct {
		out.levels[i] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	for i, v := range c.num {
		out.codes[i] = -1
		if k, ok := slices.BinarySearch(distinct, v); ok {
			out.codes[i] = k
		}
	}
	return out
}

func (t *Table) unknownColumn(name string) *diag.Problem {
	return &diag.Problem{File: t.Name, Field: name, Found: "there is no such column",
		Fix: suggest(name, t.Names(), "choose one of: "+list(t.Names()))}
}

// suggest returns a fix that names the candidate nearest to word, or else
// otherwise.
func suggest(word string, candidates []string, otherwise string) string {
	if near, ok := diag.Nearest(word, candidates); ok {
		return "write " + near
	}
	return otherwise
}

// list joins at most a dozen names.
func list(names []string) string {
	s := ""
	for i, n := range names {
		if i == 12 {
			return s + fmt.Sprintf(" … (%d in all)", len(names))
		}
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
