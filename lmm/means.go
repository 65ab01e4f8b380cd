package lmm

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// A Mean is an estimated marginal mean.
type Mean struct {
	Levels  map[string]string // level of each factor asked for
	Weights []float64         // in the order of Design.Names
	Estimate
}

// Means returns the estimated marginal means of every combination of levels of
// factors (columns of the formula), the first varying fastest: the model's
// prediction, averaged with equal weights over the levels of all other factors
// and with covariates at their mean over the rows used. A mean that dropped
// columns leave undetermined is NaN. Faults are returned as a
// [*diag.Problem]. Source: Searle, Speed & Milliken 1980,
// doi:10.1080/00031305.1980.10483031.
func (f *Fit) Means(factors []string, in Inference) ([]Mean, error) {
	d := f.Design
	grid, err := d.grid(factors)
	if err != nil {
		return nil, err
	}
	out := make([]Mean, len(grid))
	for i, g := range grid {
		out[i] = Mean{Levels: map[string]string{}, Weights: g.weights}
		for j, name := range factors {
			out[i].Levels[name] = g.levels[j]
		}
		name := strings.Join(g.levels, " ")
		if g.weights == nil {
			n := math.NaN()
			out[i].Estimate = Estimate{Name: name, Value: n, SE: n, DF: n, T: n, P: n, Low: n, High: n}
			continue
		}
		out[i].Estimate = f.Linear(name, g.weights, in)
	}
	return out, nil
}

// Pairs returns the differences of all pairs of means as contrasts, the
// earlier minus the later, as emmeans names them. Undetermined means are left
// out.
func Pairs(means []Mean) []Contrast {
	var out []Contrast
	for i, a := range means {
		for _, b := range means[i+1:] {
			if a.Weights == nil || b.Weights == nil {
				continue
			}
			w := make([]float64, len(a.Weights))
			for k := range w {
				w[k] = a.Weights[k] - b.Weights[k]
			}
			out = append(out, Contrast{Name: a.Name + " - " + b.Name, Weights: w})
		}
	}
	return out
}

type gridPoint struct {
	levels  []string
	weights []float64 // nil if not estimable
}

// maxGrid bounds the reference grid.
const maxGrid = 200000

func (d *Design) grid(factors []string) ([]gridPoint, error) {
	// The columns of the fixed effects, and the levels of those that are
	// factors there.
	var cols []string
	levels := map[string][]string{}
	for a, n := range d.fixed.atoms {
		n.columns(func(name string) {
			if !slices.Contains(cols, name) {
				cols = append(cols, name)
			}
		})
		if d.fixed.levels[a] != nil {
			v := n
			if n.op == "call" {
				v = n.kids[0]
			}
			levels[v.name] = d.fixed.levels[a]
		}
	}
	var names []string
	for _, c := range cols {
		if levels[c] != nil {
			names = append(names, c)
		}
	}
	for _, w := range factors {
		if !slices.Contains(names, w) {
			found := "it is not a factor of the model"
			return nil, &diag.Problem{File: d.table.Name, Field: w, Found: found, Fix: suggest(w, names, "choose one of: "+list(names))}
		}
	}
	// Factors asked for come first, so that they vary fastest together.
	order := slices.Clone(factors)
	for _, n := range names {
		if !slices.Contains(order, n) {
			order = append(order, n)
		}
	}
	size, cells := 1, 1
	for i, n := range order {
		if size *= len(levels[n]); size > maxGrid {
			return nil, &diag.Problem{File: d.table.Name, Field: strings.Join(factors, ":"), Found: fmt.Sprintf("its reference grid has more than %d cells", maxGrid), Fix: "make factors with many levels random effects"}
		}
		if i < len(factors) {
			cells = size
		}
	}
	t := NewTable(d.table.Name)
	t.rows = size
	stride := 1
	for _, n := range order {
		k := len(levels[n])
		code := make([]int, size)
		for i := range code {
			code[i] = i / stride % k
		}
		stride *= k
		t.cols = append(t.cols, column{name: n, codes: code, levels: levels[n]})
	}
	for _, c := range cols {
		if levels[c] == nil {
			t.cols = append(t.cols, column{name: c, num: constant(d.mean(c), size)})
		}
	}
	vals := make([]column, len(d.fixed.atoms))
	for a, n := range d.fixed.atoms {
		v, err := atomColumn(n, t, d.fixed.scale)
		if err != nil {
			return nil, err
		}
		vals[a] = v
	}
	x, _, _ := d.fixed.matrix(vals, seq(size))
	m := len(d.Columns)
	out := make([]gridPoint, cells)
	for c := range out {
		row := make([]float64, m)
		for i := c; i < size; i += cells {
			for j := range m {
				row[j] += x[i*m+j] / float64(size/cells)
			}
		}
		for i := range factors {
			out[c].levels = append(out[c].levels, t.cols[i].levels[t.cols[i].codes[c]])
		}
		out[c].weights = d.estimable(row)
	}
	return out, nil
}

// estimable reduces a row over Columns to the estimated ones. It returns nil
// if the row does not obey the dependencies among columns that the data have.
func (d *Design) estimable(row []float64) []float64 {
	p := d.orth.p
	w := make([]float64, p)
	for k, j := range d.orth.kept {
		w[k] = row[j]
	}
	for j := range d.Columns {
		if want := dot(w, d.orth.alias[j*p:j*p+p]); math.Abs(row[j]-want) > 1e-6*(1+math.Abs(want)) {
			return nil
		}
	}
	return w
}

func (d *Design) mean(col string) float64 {
	c := d.table.find(col)
	var s float64
	for _, r := range d.Rows {
		s += c.num[r]
	}
	return s / float64(d.N)
}

func constant(v float64, n int) []float64 {
	s := make([]float64, n)
	for i := range s {
		s[i] = v
	}
	return s
}
