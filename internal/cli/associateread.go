package cli

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"phasl/corr"
	"phasl/diag"
)

// associateTable is the part of a table that is analysed: one value a row.
type associateTable struct {
	id, by []string // "" where there is no such column, or no level
	x, y   []float64
	adjust []adjustColumn
	levels []string // of by, sorted, or as asked for
	all    []string // levels in the column
}

// An adjustColumn is a covariate: a column of numbers, or one indicator of a
// category.
type adjustColumn struct {
	name   string // as in reasons: "sex", "site = B"
	column string // in the file
	values []float64
}

// read reads the columns that the flags name and checks them, every fault at
// once.
func (c *associateCmd) read() (*associateTable, diag.List) {
	rows, err := readRows(c.Data)
	if err != nil {
		var l diag.List
		if err := l.Collect(err); err != nil {
			l.Errorf(c.Data, "", "look at the file", "%v", err)
		}
		return nil, l
	}
	var l diag.List
	header, body := rows[0], rows[1:]
	at := map[string]int{}
	for _, u := range c.columns() {
		j := slices.Index(header, u.name)
		if j < 0 {
			fix := "choose one of: " + strings.Join(header, ", ")
			if near, ok := diag.Nearest(u.name, header); ok {
				fix = "write " + near
			}
			l.Errorf(c.Data, u.name, fix, "there is no such column (%s)", u.flag)
			continue
		}
		at[u.name] = j
	}
	if l.Err() != nil {
		return nil, l
	}
	c.checkPeople(&l, header, body)
	t := &associateTable{id: make([]string, len(body)), by: make([]string, len(body))}
	t.x = c.numbers(&l, body, at[c.X], c.X)
	t.y = c.numbers(&l, body, at[c.Y], c.Y)
	for _, a := range c.Adjust {
		t.adjust = append(t.adjust, c.covariate(&l, body, at[a], a)...)
	}
	for i, row := range body {
		if c.ID != "" {
			t.id[i] = cellText(row[at[c.ID]])
			if t.id[i] == "" {
				l.Errorf(c.Data, c.ID, "say who it is", "row %d: the cell is empty", i+1)
			}
		}
		if c.By != "" {
			t.by[i] = cellText(row[at[c.By]])
		}
	}
	c.checkLevels(&l, t)
	c.checkRepeats(&l, t)
	return t, l
}

// peopleColumns are what a column of people is usually called.
var peopleColumns = []string{"participant_id", "subject", "subject_id", "sub", "participant", "person", "id"}

// checkPeople refuses a table whose people stand in several rows while nobody
// said which column names them: rows of one person are not independent.
func (c *associateCmd) checkPeople(l *diag.List, header []string, body [][]string) {
	if c.ID != "" {
		return
	}
	for j, name := range header {
		if !slices.ContainsFunc(peopleColumns, func(s string) bool { return strings.EqualFold(s, name) }) {
			continue
		}
		var ids []string
		for _, row := range body {
			if s := cellText(row[j]); s != "" {
				ids = append(ids, s)
			}
		}
		if repeated := len(ids) - len(distinctSorted(ids)); repeated > 0 {
			l.Errorf(c.Data, name, "say so with --id "+name+" and what tells the rows apart with --by COLUMN, or keep one row for each person", "%d rows are of people who have another row: they are not independent", repeated)
			return
		}
	}
}

// cellText returns a cell, "" if it is missing.
func cellText(s string) string {
	s = strings.TrimSpace(s)
	if missingCells[s] {
		return ""
	}
	return s
}

// mostFaults is how many faulty cells of one column are named.
const mostFaults = 20

// numbers reads a column of numbers; NaN is missing.
func (c *associateCmd) numbers(l *diag.List, rows [][]string, j int, name string) []float64 {
	out := make([]float64, len(rows))
	faults := 0
	for i, row := range rows {
		v, ok := numericCell(row[j])
		if !ok {
			v = math.NaN()
			if faults++; faults <= mostFaults {
				fix := "write a number with a decimal point, or leave the cell empty"
				if s := cellText(row[j]); commaDecimal.MatchString(s) {
					fix = "write a point: " + strings.Replace(s, ",", ".", 1)
				}
				l.Errorf(c.Data, name, fix, "row %d: %q is not a number", i+1, diag.Printable(strings.TrimSpace(row[j])))
			}
		}
		out[i] = v
	}
	if more := faults - mostFaults; more > 0 {
		l.Errorf(c.Data, name, "name a column of numbers", "%d more cells are not numbers", more)
	}
	return out
}

// commaDecimal is a number with a decimal comma.
var commaDecimal = regexp.MustCompile(`^[-+]?\d+,\d+$`)

// mostCategories bounds the indicators made of one column.
const mostCategories = 10

// covariate reads a column of numbers, or of categories: of k categories all
// but the first, by bytes, get an indicator. A column of numbers with a few
// words among them is faulty, not categorical.
func (c *associateCmd) covariate(l *diag.List, rows [][]string, j int, name string) []adjustColumn {
	numbers, words := 0, map[string]bool{}
	for _, row := range rows {
		s := cellText(row[j])
		if s == "" {
			continue
		}
		if _, ok := numericCell(s); ok || commaDecimal.MatchString(s) { // 0,5 is a number spelt for another country, and faulty as one
			numbers++
		} else {
			words[s] = true
		}
	}
	if numbers > 0 || len(words) == 0 {
		return []adjustColumn{{name, name, c.numbers(l, rows, j, name)}}
	}
	var levels []string
	for w := range words {
		levels = append(levels, w)
	}
	slices.Sort(levels)
	if len(levels) > mostCategories {
		l.Errorf(c.Data, name, "name a column of numbers, or of few categories", "it has %d categories", len(levels))
		return nil
	}
	if len(levels) == 1 {
		l.Errorf(c.Data, name, "leave it out: it adjusts for nothing", "every row has the category %q", levels[0])
		return nil
	}
	var out []adjustColumn
	for _, level := range levels[1:] {
		col := adjustColumn{name + " = " + level, name, make([]float64, len(rows))}
		for i, row := range rows {
			switch cellText(row[j]) {
			case "":
				col.values[i] = math.NaN()
			case level:
				col.values[i] = 1
			}
		}
		out = append(out, col)
	}
	return out
}

// checkLevels finds the levels of --by.
func (c *associateCmd) checkLevels(l *diag.List, t *associateTable) {
	if c.By == "" {
		return
	}
	t.all = distinctSorted(t.by)
	t.levels = t.all
	if len(c.Levels) > 0 {
		t.levels = c.Levels
		for _, v := range c.Levels {
			if !slices.Contains(t.all, v) {
				fix := "choose two of: " + strings.Join(t.all[:min(len(t.all), 12)], ", ")
				if near, ok := diag.Nearest(v, t.all); ok {
					fix = "write " + near
				}
				l.Errorf(c.Data, c.By, fix, "no row has the level %q (--levels)", v)
			}
		}
		return
	}
	switch {
	case len(t.all) < 2:
		l.Errorf(c.Data, c.By, "leave out --by, or name the column that tells the treatments apart", "it has %d %s", len(t.all), plural(len(t.all), "level", "levels"))
	case len(t.all) > mostCategories:
		l.Errorf(c.Data, c.By, "name the two to compare: --levels A,B", "it has %d levels", len(t.all))
	}
}

// distinctSorted returns the values other than "", in numeric order if all are
// numbers and by bytes otherwise.
func distinctSorted(values []string) []string {
	out := slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
	slices.Sort(out)
	out = slices.Compact(out)
	num := map[string]float64{}
	for _, s := range out {
		v, ok := numericCell(s)
		if !ok {
			return out
		}
		num[s] = v
	}
	slices.SortStableFunc(out, func(a, b string) int {
		switch {
		case num[a] < num[b]:
			return -1
		case num[a] > num[b]:
			return 1
		}
		return 0
	})
	return out
}

// checkRepeats refuses people who have more than one row, or more than one at a
// level: they would count for several.
func (c *associateCmd) checkRepeats(l *diag.List, t *associateTable) {
	if c.ID == "" {
		return
	}
	rows := map[[2]string][]int{}
	var order [][2]string
	for i, id := range t.id {
		if id == "" || c.By != "" && (t.by[i] == "" || !slices.Contains(t.levels, t.by[i])) {
			continue
		}
		key := [2]string{id, t.by[i]}
		if rows[key] == nil {
			order = append(order, key)
		}
		rows[key] = append(rows[key], i+1)
	}
	faults := 0
	for _, key := range order {
		if len(rows[key]) < 2 {
			continue
		}
		if faults++; faults > mostFaults {
			break
		}
		where, fix := "", "give one row for each person, or name the condition that tells them apart: --by COLUMN"
		if c.By != "" {
			where, fix = fmt.Sprintf(" at the level %q", key[1]), "give one row for each person and level: average runs, or keep one"
		}
		l.Errorf(c.Data, c.ID, fix, "%q has %d rows%s: %s", key[0], len(rows[key]), where, rowList(rows[key]))
	}
}

// rowList names at most a dozen rows.
func rowList(rows []int) string {
	var parts []string
	for i, r := range rows {
		if i == 12 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, strconv.Itoa(r))
	}
	return "rows " + strings.Join(parts, ", ")
}

// data returns rows as columns; −1 is a row that is not there.
func (t *associateTable) data(rows []int) corr.Data {
	pick := func(c []float64) []float64 {
		out := make([]float64, len(rows))
		for i, r := range rows {
			out[i] = math.NaN()
			if r >= 0 {
				out[i] = c[r]
			}
		}
		return out
	}
	d := corr.Data{X: pick(t.x), Y: pick(t.y)}
	for _, a := range t.adjust {
		d.Covariates = append(d.Covariates, pick(a.values))
		d.Names = append(d.Names, a.name)
	}
	return d
}

// people returns the ids in the order of the table, and the row of each at
// each level in use; −1: there is none.
func (t *associateTable) people() (ids []string, rows map[string][]int) {
	place := map[string]int{}
	for i, id := range t.id {
		if !slices.Contains(t.levels, t.by[i]) {
			continue
		}
		if _, ok := place[id]; !ok {
			place[id] = len(ids)
			ids = append(ids, id)
		}
	}
	rows = map[string][]int{}
	for _, level := range t.levels {
		r := make([]int, len(ids))
		for i := range r {
			r[i] = -1
		}
		rows[level] = r
	}
	for i, id := range t.id {
		if r, ok := rows[t.by[i]]; ok {
			r[place[id]] = i
		}
	}
	return ids, rows
}
