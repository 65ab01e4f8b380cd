package lmm

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/diag"
)

// A Design is a formula evaluated on a table: response, model matrices, and
// the blocks of rows that random effects tie together. It is immutable and
// safe for concurrent use.
type Design struct {
	Formula  *Formula
	N        int      // observations used
	Rows     []int    // their rows in the table
	Columns  []string // fixed-effect columns, named as R names coefficients; dependent ones included
	Dropped  []string // columns left out because earlier ones determine them
	Names    []string // columns estimated, in order
	Groups   []Group  // random-effect terms, by decreasing number of levels, as lme4 orders them
	Warnings diag.List

	y     []float64
	x     []float64 // N × len(Columns)
	orth  orthogonal
	fixed coding
	terms []string // names of the fixed terms, without the intercept
	of    []int    // term of each column, −1 the intercept
	table *Table
	ran   []ranef
	m     int // variance parameters beside σ
	block []block
}

// A Group is one random-effect term.
type Group struct {
	Name   string   // R's name: subject, session:subject
	Terms  []string // effects that vary: (Intercept), Days
	Levels []string
}

// A ranef is a random-effect term in numbers.
type ranef struct {
	k     int   // effects per level
	lev   []int // level of each observation
	nlev  int
	z     []float64 // N × k
	theta int       // first of its k(k+1)/2 parameters
}

// A block is a set of observations that share no random effect with others.
type block struct {
	rows  []int
	q     int       // columns of Z in the block
	start []int     // first column of each term
	lev   [][]int   // levels of each term in the block
	col   [][]int   // first column of each row, by term
	a     []float64 // ZᵀZ
	zq    []float64 // ZᵀQ
}

// A coding tells how columns come from atoms and terms; it makes the model
// matrix of the data and of the reference grid alike.
type coding struct {
	atoms  []*node
	levels [][]string // of each atom, nil if numeric
	scale  map[*node][2]float64
	terms  []term
	full   []map[int]bool // atoms of each term coded by one column for each level
	icept  bool
}

// limits that keep a fit within memory and time.
const (
	maxColumns   = 500
	maxBlock     = 2000
	maxVarParams = 55
)

// NewDesign evaluates f on t. Rows with a missing value in a column of the
// formula are left out. Levels that no remaining row has are dropped, as lme4
// does, before contrasts are formed: treatment contrasts against the first
// level. Columns that earlier ones determine are dropped and listed. Faults
// are returned as a [diag.List].
func NewDesign(f *Formula, t *Table) (*Design, error) { return newDesign(f, t, true) }

// newDesign makes a design without a response if respond is not set.
func newDesign(f *Formula, t *Table, respond bool) (*Design, error) {
	var l diag.List
	vars := f.Variables()
	if !respond {
		vars = f.predictors()
	}
	for _, v := range vars {
		if t.find(v) == nil {
			l.Add(t.unknownColumn(v))
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	d := &Design{Formula: f, table: t}
	yAll := make([]float64, t.rows)
	if respond {
		v, err := numeric(f.response, t, map[*node][2]float64{})
		if err != nil {
			l.Add(err)
		} else {
			yAll = v
		}
	}
	use := make([]bool, t.rows)
	for i := range use {
		use[i] = !math.IsNaN(yAll[i])
	}
	d.fixed = coding{atoms: f.atoms, terms: f.fixed, icept: f.icept, scale: map[*node][2]float64{}}
	fixedVals := d.fixed.evaluate(t, &l, use)
	ranCode := make([]coding, len(f.random))
	ranVals := make([][]column, len(f.random))
	groups := make([][]column, len(f.random))
	for r, term := range f.random {
		ranCode[r] = coding{atoms: term.atoms, terms: term.terms, icept: term.icept, scale: map[*node][2]float64{}}
		ranVals[r] = ranCode[r].evaluate(t, &l, use)
		for _, g := range term.group {
			c := t.find(g).asFactor()
			groups[r] = append(groups[r], c)
			for i, k := range c.codes {
				use[i] = use[i] && k >= 0
			}
		}
	}
	if l.Err() != nil {
		return nil, l
	}
	for i, u := range use {
		if u {
			d.Rows = append(d.Rows, i)
			d.y = append(d.y, yAll[i])
			if math.IsInf(yAll[i], 0) {
				l.Errorf(t.Name, f.response.String(), "take the row out, or leave the cell empty", "row %d is infinite", i+1)
			}
		}
	}
	d.N = len(d.Rows)
	if d.N == 0 {
		l.Errorf(t.Name, "", "look for columns that are empty", "no row has all of %s", list(vars))
		return nil, l
	}
	d.fixed.build(fixedVals, d.Rows, t, &l)
	if l.Err() != nil {
		return nil, l
	}
	d.x, d.Columns, d.of = d.fixed.matrix(fixedVals, d.Rows)
	for _, tm := range d.fixed.terms {
		d.terms = append(d.terms, d.fixed.termName(tm))
	}
	if len(d.Columns) > maxColumns {
		l.Errorf(t.Name, "", "name fewer terms, or make a column with many levels a random effect", "the fixed effects have %d columns; at most %d can be fitted", len(d.Columns), maxColumns)
		return nil, l
	}
	d.addRandom(f, ranCode, ranVals, groups, &l)
	if l.Err() != nil {
		return nil, l
	}
	if err := d.finish(&l, respond); err != nil {
		return nil, err
	}
	return d, nil
}

// finish decomposes X, forms the blocks and checks that the fit is possible.
func (d *Design) finish(l *diag.List, respond bool) error {
	d.orth = orthogonalise(d.x, d.N, len(d.Columns))
	d.Names = nil
	for j, c := range d.Columns {
		if slices.Contains(d.orth.kept, j) {
			d.Names = append(d.Names, c)
		} else {
			d.Dropped = append(d.Dropped, c)
		}
	}
	name := d.table.Name
	if len(d.Dropped) > 0 {
		d.Warnings.Warnf(name, d.Formula.String(), "look whether a factor combination is empty or a covariate constant", "the fixed effects are not independent; left out: %s", list(d.Dropped))
	}
	p := d.orth.p
	if d.N <= p {
		l.Errorf(name, "", "name fewer effects", "%d observations cannot estimate %d coefficients and a variance", d.N, p)
		return *l
	}
	res := d.residual(d.y)
	mean := 0.0
	for _, v := range d.y {
		mean = math.Max(mean, math.Abs(v))
	}
	if math.Sqrt(dot(res, res)) <= 1e-12*mean*math.Sqrt(float64(d.N)) && respond {
		l.Errorf(name, d.Formula.response.String(), "check the column", "the fixed effects fit the response exactly, or it is constant; there is no variance to model")
		return *l
	}
	if !d.makeBlocks() {
		l.Errorf(name, d.Formula.String(), "nest the groups, or use fewer levels", "the random effects tie more than %d effects together by crossing", maxBlock)
		return *l
	}
	return nil
}

func (d *Design) addRandom(f *Formula, code []coding, vals [][]column, groups [][]column, l *diag.List) {
	type full struct {
		g Group
		r ranef
	}
	var all []full
	for i, rt := range f.random {
		code[i].build(vals[i], d.Rows, d.table, l)
		if l.Err() != nil {
			return
		}
		z, cols, _ := code[i].matrix(vals[i], d.Rows)
		g := Group{Name: strings.Join(rt.group, ":"), Terms: cols}
		r := ranef{k: len(cols), z: z}
		g.Levels, r.lev = levelsOf(groups[i], d.Rows)
		r.nlev = len(g.Levels)
		where := "(" + rt.source + ")"
		switch {
		case r.nlev < 2:
			l.Errorf(d.table.Name, g.Name, "take the random effect out", "the group of %s has one level only", where)
		case r.nlev*r.k >= d.N:
			l.Errorf(d.table.Name, g.Name, "use a coarser group or fewer random effects", "%s has %d random effects for %d observations; they cannot be told from the residual", where, r.nlev*r.k, d.N)
		}
		all = append(all, full{g, r})
	}
	slices.SortStableFunc(all, func(a, b full) int { return b.r.nlev - a.r.nlev })
	for _, a := range all {
		a.r.theta = d.m
		d.m += a.r.k * (a.r.k + 1) / 2
		d.Groups, d.ran = append(d.Groups, a.g), append(d.ran, a.r)
	}
	if d.m > maxVarParams {
		l.Errorf(d.table.Name, f.String(), "use || or fewer slopes", "the random effects have %d variance parameters; at most %d can be fitted", d.m, maxVarParams)
	}
}

// levelsOf returns the levels of a combination of factors that are in use, the
// last factor varying fastest, as R's interaction operator orders them, and the
// level of each row.
func levelsOf(fs []column, rows []int) (names []string, lev []int) {
	codes := make([][]int, len(rows))
	for i, row := range rows {
		for _, f := range fs {
			codes[i] = append(codes[i], f.codes[row])
		}
	}
	distinct := slices.Clone(codes)
	slices.SortFunc(distinct, slices.Compare)
	distinct = slices.CompactFunc(distinct, slices.Equal)
	for _, c := range distinct {
		part := make([]string, len(fs))
		for i, f := range fs {
			part[i] = f.levels[c[i]]
		}
		names = append(names, strings.Join(part, ":"))
	}
	for _, c := range codes {
		at, _ := slices.BinarySearchFunc(distinct, c, slices.Compare)
		lev = append(lev, at)
	}
	return names, lev
}

// makeBlocks finds connected rows by union of levels and stores each block's
// cross products. It returns false if a block is too large.
func (d *Design) makeBlocks() bool {
	parent := []int{}
	offset := make([]int, len(d.ran))
	for i, r := range d.ran {
		offset[i] = len(parent)
		for range r.nlev {
			parent = append(parent, len(parent))
		}
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	if len(d.ran) == 0 {
		return true
	}
	for i := range d.N {
		root := find(offset[0] + d.ran[0].lev[i])
		for t, r := range d.ran[1:] {
			parent[find(offset[t+1]+r.lev[i])] = root
			root = find(root)
		}
	}
	at := map[int]int{}
	for i := range d.N {
		root := find(offset[0] + d.ran[0].lev[i])
		b, ok := at[root]
		if !ok {
			b = len(d.block)
			at[root] = b
			d.block = append(d.block, block{})
		}
		d.block[b].rows = append(d.block[b].rows, i)
	}
	for b := range d.block {
		if !d.block[b].fill(d) {
			return false
		}
	}
	return true
}

func (b *block) fill(d *Design) bool {
	for _, r := range d.ran {
		local := map[int]int{}
		var levs []int
		cols := make([]int, len(b.rows))
		b.start = append(b.start, b.q)
		for n, row := range b.rows {
			k, ok := local[r.lev[row]]
			if !ok {
				k = len(levs)
				local[r.lev[row]] = k
				levs = append(levs, r.lev[row])
			}
			cols[n] = b.q + k*r.k
		}
		b.q += len(levs) * r.k
		b.lev, b.col = append(b.lev, levs), append(b.col, cols)
	}
	if b.q > maxBlock {
		return false
	}
	b.a = make([]float64, b.q*b.q)
	b.zq = make([]float64, b.q*d.orth.p)
	for n, row := range b.rows {
		for t, r := range d.ran {
			for i, v := range r.z[row*r.k : row*r.k+r.k] {
				at := b.col[t][n] + i
				for u, s := range d.ran {
					for j, w := range s.z[row*s.k : row*s.k+s.k] {
						b.a[at*b.q+b.col[u][n]+j] += v * w
					}
				}
				for j, w := range d.orth.q[row*d.orth.p : (row+1)*d.orth.p] {
					b.zq[at*d.orth.p+j] += v * w
				}
			}
		}
	}
	return true
}

// residual returns y − QQᵀy.
func (d *Design) residual(y []float64) []float64 {
	p := d.orth.p
	e := slices.Clone(y)
	for range 2 {
		g := d.projection(e)
		for i := range e {
			e[i] -= dot(d.orth.q[i*p:i*p+p], g)
		}
	}
	return e
}

// projection returns Qᵀy.
func (d *Design) projection(y []float64) []float64 {
	p := d.orth.p
	g := make([]float64, p)
	for i, v := range y {
		for j, w := range d.orth.q[i*p : i*p+p] {
			g[j] += v * w
		}
	}
	return g
}

// Response returns the response of the rows used.
func (d *Design) Response() []float64 { return slices.Clone(d.y) }

// missingNote says how many rows were left out.
func (d *Design) missingNote() string {
	if n := d.table.rows - d.N; n > 0 {
		return fmt.Sprintf("%d of %d rows left out for missing values", n, d.table.rows)
	}
	return ""
}
