package lmm

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// evaluate returns the values of each atom in all rows of t, and clears use
// where one is missing.
func (c *coding) evaluate(t *Table, l *diag.List, use []bool) []column {
	out := make([]column, len(c.atoms))
	for a, n := range c.atoms {
		v, err := atomColumn(n, t, c.scale)
		if err != nil {
			l.Add(err)
			continue
		}
		out[a] = v
		for i := range use {
			use[i] = use[i] && !v.missing(i)
			if v.levels == nil && math.IsInf(v.num[i], 0) {
				l.Errorf(t.Name, n.String(), "leave the cell empty if the value is not known", "row %d is infinite", i+1)
				break
			}
		}
	}
	return out
}

func (c *column) missing(i int) bool {
	if c.levels != nil {
		return c.codes[i] < 0
	}
	return math.IsNaN(c.num[i])
}

// atomColumn evaluates a variable or a call.
func atomColumn(n *node, t *Table, scale map[*node][2]float64) (column, *diag.Problem) {
	if n.op == "var" {
		return *t.find(n.name), nil
	}
	if n.op == "call" && (n.name == "factor" || n.name == "as.factor") {
		if n.kids[0].op != "var" {
			return column{}, &diag.Problem{File: t.Name, Field: n.String(), Found: "its argument is not a column", Fix: "write " + n.name + "(column)"}
		}
		f := t.find(n.kids[0].name).asFactor()
		f.name = n.String()
		return f, nil
	}
	v, err := numeric(n, t, scale)
	return column{name: n.String(), num: v}, err
}

// numeric evaluates arithmetic on columns. scale holds centre and spread of
// scale() and center(): read if there, else computed from all values present
// and stored.
func numeric(n *node, t *Table, scale map[*node][2]float64) ([]float64, *diag.Problem) {
	out := make([]float64, t.rows)
	switch n.op {
	case "num":
		for i := range out {
			out[i] = n.num
		}
		return out, nil
	case "var":
		c := t.find(n.name)
		if c.levels != nil {
			return nil, &diag.Problem{File: t.Name, Field: n.name, Found: "it holds text or is a factor, where numbers are needed" + firstText(c), Fix: "mend the cells that are not numbers, or do not use it in arithmetic"}
		}
		return c.num, nil
	}
	args := make([][]float64, len(n.kids))
	for i, k := range n.kids {
		if n.op == "call" && i > 0 {
			break
		}
		v, err := numeric(k, t, scale)
		if err != nil {
			return nil, err
		}
		args[i] = v
	}
	fn, ok := arithmetic[n.op]
	switch {
	case n.op == "()" || n.op == "call" && n.name == "I":
		return args[0], nil
	case n.op == "neg":
		for i, v := range args[0] {
			out[i] = -v
		}
		return out, nil
	case n.op == "call" && (n.name == "scale" || n.name == "center"):
		s, known := scale[n]
		if !known {
			s = centreAndSpread(n, args[0])
			scale[n] = s
		}
		for i, v := range args[0] {
			out[i] = (v - s[0]) / s[1]
		}
		return out, nil
	case n.op == "call" && calls[n.name] != nil:
		for i, v := range args[0] {
			out[i] = calls[n.name](v)
		}
	case ok:
		for i, v := range args[0] {
			out[i] = fn(v, args[1][i])
		}
	default:
		return nil, &diag.Problem{File: t.Name, Field: n.String(), Found: "it is not arithmetic", Fix: "use +, -, *, /, ^ and functions of numeric columns"}
	}
	for i, v := range out {
		if math.IsInf(v, 0) {
			return nil, &diag.Problem{File: t.Name, Field: n.String(), Found: fmt.Sprintf("row %d is infinite", i+1), Fix: "leave the cell empty, or transform otherwise"}
		}
	}
	return out, nil
}

func firstText(c *column) string {
	for _, l := range c.levels {
		return fmt.Sprintf(" (%q)", l)
	}
	return ""
}

var calls = map[string]func(float64) float64{
	"log": math.Log, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p,
	"exp": math.Exp, "sqrt": math.Sqrt, "abs": math.Abs,
}

var arithmetic = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b },
	"^": math.Pow,
}

// centreAndSpread returns what scale() subtracts and divides by: the mean and
// the standard deviation (root mean square if not centred), as R.
func centreAndSpread(n *node, v []float64) [2]float64 {
	centre, spread := true, n.name == "scale"
	for i, k := range n.keys {
		switch k {
		case "center":
			centre = truth(n.kids[i]) == 1
		case "scale":
			spread = truth(n.kids[i]) == 1
		}
	}
	var sum, count float64
	for _, x := range v {
		if !math.IsNaN(x) {
			sum += x
			count++
		}
	}
	s := [2]float64{0, 1}
	if centre && count > 0 {
		s[0] = sum / count
	}
	if spread {
		var ss float64
		for _, x := range v {
			if !math.IsNaN(x) {
				ss += (x - s[0]) * (x - s[0])
			}
		}
		if sd := math.Sqrt(ss / (count - 1)); sd > 0 {
			s[1] = sd
		}
	}
	return s
}

// build fixes the levels in use and the coding of each factor in each term.
func (c *coding) build(vals []column, rows []int, t *Table, l *diag.List) {
	c.levels = make([][]string, len(c.atoms))
	for a := range vals {
		v := &vals[a]
		if v.levels == nil {
			continue
		}
		*v = v.dropUnused(rows)
		c.levels[a] = v.levels
		if len(v.levels) < 2 {
			l.Errorf(t.Name, v.name, "take it out of the formula", "the factor has one level only in the %d rows used: %s", len(rows), list(v.levels))
		}
	}
	has := func(u term) bool {
		return len(u) == 0 || slices.ContainsFunc(c.terms, func(v term) bool { return slices.Equal(u, v) })
	}
	c.full = make([]map[int]bool, len(c.terms))
	first := !c.icept // the first factor met takes the intercept's place
	for i, tm := range c.terms {
		c.full[i] = map[int]bool{}
		for j, a := range tm {
			if c.levels[a] == nil {
				continue
			}
			margin := slices.Delete(slices.Clone(tm), j, j+1)
			c.full[i][a] = first || !has(margin)
			first = false
		}
	}
}

// dropUnused returns the factor without levels that none of rows has.
func (c *column) dropUnused(rows []int) column {
	used := make([]bool, len(c.levels))
	for _, i := range rows {
		if c.codes[i] >= 0 {
			used[c.codes[i]] = true
		}
	}
	to := make([]int, len(c.levels))
	out := column{name: c.name, levels: []string{}, codes: make([]int, len(c.codes))}
	for i, u := range used {
		to[i] = -1
		if u {
			to[i] = len(out.levels)
			out.levels = append(out.levels, c.levels[i])
		}
	}
	for i, k := range c.codes {
		out.codes[i] = -1
		if k >= 0 {
			out.codes[i] = to[k]
		}
	}
	return out
}

func (c *coding) termName(t term) string {
	s := make([]string, len(t))
	for i, a := range t {
		s[i] = c.atoms[a].String()
	}
	return strings.Join(s, ":")
}

// matrix returns the columns of all terms in the given rows, their names, and
// the term of each (−1: the intercept).
func (c *coding) matrix(vals []column, rows []int) (x []float64, names []string, of []int) {
	return c.columns(vals, rows, 4*maxColumns, func(t, a int) bool { return c.full[t][a] })
}

// columns is matrix with full telling which factors have a column for every
// level. In a product the first factor's levels vary fastest. Past limit
// columns it stops, and what it returns has more than limit.
func (c *coding) columns(vals []column, rows []int, limit int, full func(t, a int) bool) (x []float64, names []string, of []int) {
	var cols [][]float64
	ones := func() []float64 {
		v := make([]float64, len(rows))
		for i := range v {
			v[i] = 1
		}
		return v
	}
	if c.icept {
		cols, names, of = append(cols, ones()), append(names, "(Intercept)"), append(of, -1)
	}
	for ti, t := range c.terms {
		if len(cols) > limit {
			break
		}
		prod, label := [][]float64{ones()}, []string{""}
		for _, a := range t {
			atom, aname := c.atomColumns(vals[a], c.levels[a], c.atoms[a].String(), rows, limit, full(ti, a))
			var np [][]float64
			var nl []string
			for j := range atom {
				for i := range prod {
					v := slices.Clone(prod[i])
					for r := range v {
						v[r] *= atom[j][r]
					}
					s := aname[j]
					if label[i] != "" {
						s = label[i] + ":" + s
					}
					np, nl = append(np, v), append(nl, s)
				}
			}
			prod, label = np, nl
			if len(cols)+len(prod) > limit {
				break
			}
		}
		for i := range prod {
			cols, names, of = append(cols, prod[i]), append(names, label[i]), append(of, ti)
		}
	}
	m := len(cols)
	x = make([]float64, len(rows)*m)
	for j, v := range cols {
		for i := range v {
			x[i*m+j] = v[i]
		}
	}
	return x, names, of
}

func (c *coding) atomColumns(v column, levels []string, name string, rows []int, limit int, full bool) (cols [][]float64, names []string) {
	if levels == nil {
		x := make([]float64, len(rows))
		for i, r := range rows {
			x[i] = v.num[r]
		}
		return [][]float64{x}, []string{name}
	}
	from := 1
	if full {
		from = 0
	}
	for k := from; k < min(len(levels), limit+2); k++ {
		x := make([]float64, len(rows))
		for i, r := range rows {
			if v.codes[r] == k {
				x[i] = 1
			}
		}
		cols, names = append(cols, x), append(names, name+levels[k])
	}
	return cols, names
}
