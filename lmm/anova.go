package lmm

import (
	"math"
	"slices"
)

// TypeIII returns the F test of each term with SAS's type III hypotheses: each
// effect averaged, with equal weights, over the levels of the factors it
// interacts with. Covariates stand at zero in them, so centre a covariate that
// interacts with a factor. Source: lmerTest 3.1 (Kuznetsova et al. 2017,
// doi:10.18637/jss.v082.i13), whose construction this follows.
func (f *Fit) TypeIII(in Inference) []TermTest {
	d := f.Design
	hyp := d.typeIII()
	out := make([]TermTest, 0, len(d.terms))
	for t, name := range d.terms {
		if len(hyp[t]) == 0 { // all its columns were left out
			out = append(out, TermTest{Term: name, DenDF: math.NaN(), F: math.NaN(), P: math.NaN()})
			continue
		}
		out = append(out, f.Wald(name, hyp[t], in))
	}
	return out
}

// maxFull bounds the elements of the matrix with a column for every level;
// beyond it type III tests are NaN.
const maxFull = 50_000_000

// typeIII returns the hypothesis matrix of each term. The columns of the model
// matrix with one column for each level of every factor are expressed through
// the estimated columns; a term's part of that is made orthogonal to the parts
// of terms that contain it; and the rows of the term's own coefficients are its
// hypotheses.
func (d *Design) typeIII() [][][]float64 {
	p := d.orth.p
	vals := d.atomValues()
	limit := maxFull / d.N
	full, names, _ := d.fixed.columns(vals, d.Rows, limit, func(int, int) bool { return true })
	m := len(names)
	if m > limit {
		return make([][][]float64, len(d.terms))
	}
	// X⁺ · full: full columns as combinations of the estimated ones.
	l := make([]float64, m*p)
	col := make([]float64, d.N)
	for j := range m {
		for i := range d.N {
			col[i] = full[i*m+j]
		}
		c := d.projection(col)
		d.orth.solve(c)
		for k, v := range c {
			if math.Abs(v) > 1e-9 {
				l[j*p+k] = v
			}
		}
	}
	byTerm := make([][]int, len(d.terms)) // estimated columns of each term
	for k, j := range d.orth.kept {
		if t := d.of[j]; t >= 0 {
			byTerm[t] = append(byTerm[t], k)
		}
	}
	order := seq(len(d.terms))
	slices.SortStableFunc(order, func(a, b int) int { return len(d.fixed.terms[b]) - len(d.fixed.terms[a]) })
	for _, t := range order {
		var over []int
		for u := range d.terms {
			if d.fixed.contains(u, t) {
				over = append(over, byTerm[u]...)
			}
		}
		if len(over) == 0 {
			continue
		}
		x := make([]float64, m*len(over))
		for i := range m {
			for n, k := range over {
				x[i*len(over)+n] = l[i*p+k]
			}
		}
		o := orthogonalise(x, m, len(over))
		for _, k := range byTerm[t] {
			for range 2 {
				for n := range o.p {
					var s float64
					for i := range m {
						s += o.q[i*o.p+n] * l[i*p+k]
					}
					for i := range m {
						l[i*p+k] -= s * o.q[i*o.p+n]
					}
				}
			}
		}
	}
	out := make([][][]float64, len(d.terms))
	for t := range d.terms {
		for _, k := range byTerm[t] {
			row := make([]float64, p)
			for j, name := range d.Names {
				at := slices.Index(names, name)
				if at >= 0 {
					row[j] = l[at*p+k]
				}
			}
			out[t] = append(out[t], row)
		}
	}
	return out
}

// contains tells whether term t is contained in term u: u has all factors of t
// and more, and the same covariates.
func (c *coding) contains(u, t int) bool {
	if u == t {
		return false
	}
	for _, a := range c.terms[t] {
		if !slices.Contains(c.terms[u], a) {
			return false
		}
	}
	for _, a := range c.terms[u] {
		if c.levels[a] == nil && !slices.Contains(c.terms[t], a) {
			return false
		}
	}
	return len(c.terms[u]) > len(c.terms[t])
}

// atomValues evaluates the fixed atoms again, with the levels in use.
func (d *Design) atomValues() []column {
	out := make([]column, len(d.fixed.atoms))
	for a, n := range d.fixed.atoms {
		v, err := atomColumn(n, d.table, d.fixed.scale)
		if err != nil {
			panic("lmm: an atom that was evaluated before cannot be: " + err.Error())
		}
		if v.levels != nil {
			v = v.dropUnused(d.Rows)
		}
		out[a] = v
	}
	return out
}
