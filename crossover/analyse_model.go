package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/lmm"
)

// A frame holds what models are made of: the scans in use and their columns.
type frame struct {
	plan    *Plan
	tr      *Trial
	scans   []Scan
	global  []float64 // global CBF by scan, NaN where unknown [mL/100 g/min]
	texts   map[string][]string
	numbers map[string][]float64 // columns that hold only numbers, as written
}

// Names of the model's own columns.
const (
	responseColumn  = "cbf"
	treatmentColumn = "treatment"
	phaseColumn     = "phase"
	periodColumn    = "period"
	sequenceColumn  = "sequence"
	subjectColumn   = "subject"
	sessionColumn   = "session"
	globalColumn    = "global"
)

func newFrame(p *Plan, tr *Trial, scans []Scan, global []float64) *frame {
	f := &frame{plan: p, tr: tr, scans: scans, global: global, texts: map[string][]string{}, numbers: map[string][]float64{}}
	text := func(of func(*Scan) string) []string {
		out := make([]string, len(scans))
		for i := range scans {
			out[i] = of(&scans[i])
		}
		return out
	}
	f.texts[treatmentColumn] = text(func(s *Scan) string { return s.Treatment })
	f.texts[phaseColumn] = text(func(s *Scan) string { return s.Phase })
	f.texts[sequenceColumn] = text(func(s *Scan) string { return s.Sequence })
	f.texts[subjectColumn] = text(func(s *Scan) string { return s.Subject })
	f.texts[sessionColumn] = text(func(s *Scan) string {
		if s.Session == "" {
			return "one"
		}
		return s.Session
	})
	f.texts[periodColumn] = text(func(s *Scan) string {
		if s.Period < 1 {
			return ""
		}
		return strconv.Itoa(s.Period)
	})
	if global != nil {
		f.numbers[globalColumn] = global
	}
	f.covariates(formulaVariables(p.Model.Formula), p.Model.Covariates)
	return f
}

// formulaVariables returns the columns a formula names; none if it cannot be
// parsed, which is found out later.
func formulaVariables(formula string) []string {
	f, err := lmm.ParseFormula(formula)
	if err != nil {
		return nil
	}
	return f.Variables()
}

// covariates takes columns from the scans' rows, else from the participants'.
func (f *frame) covariates(lists ...[]string) {
	for _, name := range slices.Concat(lists...) {
		if f.has(name) || name == responseColumn {
			continue
		}
		values := make([]string, len(f.scans))
		found := false
		for i, s := range f.scans {
			values[i] = cellText(f.tr.Cell(&s, name))
			found = found || values[i] != ""
		}
		if !found {
			continue
		}
		if num, ok := allNumbers(values); ok {
			f.numbers[name] = num
		} else {
			f.texts[name] = values
		}
	}
}

func cellText(s string) string {
	if s = strings.TrimSpace(s); s == "n/a" {
		return ""
	}
	return s
}

// allNumbers reads values as numbers, the empty ones as NaN; ok is false if
// one is neither.
func allNumbers(values []string) (num []float64, ok bool) {
	num = make([]float64, len(values))
	for i, v := range values {
		if v == "" {
			num[i] = math.NaN()
			continue
		}
		x, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsInf(x, 0) {
			return nil, false
		}
		num[i] = x
	}
	return num, true
}

func (f *frame) has(name string) bool {
	return f.texts[name] != nil || f.numbers[name] != nil
}

// levels returns the levels of a factor in the order that makes the first the
// reference; nil leaves them to be sorted.
func (f *frame) levels(name string) []string {
	switch name {
	case treatmentColumn:
		return f.tr.Treatments
	case phaseColumn:
		return f.tr.Phases
	case sequenceColumn:
		return f.tr.Sequences
	}
	return nil
}

// A model is the plan's model on one set of scans, ready to be fitted to
// responses.
type model struct {
	f         *frame
	formula   string // what is fitted, after terms that cannot be were dropped
	rows      []int  // scans used, in the order of a response
	design    *lmm.Design
	table     *lmm.Table
	notes     []string           // what was dropped and why
	failed    string             // why there is no model
	cells     map[cell][]float64 // weights of the marginal mean of each
	periods   map[int][]float64  // weights of the marginal mean of each period
	contrasts []contrast

	fit        *lmm.Fit // of the stand-in response: it knows the weights of means
	covariates []covariate
}

// A covariate is a numeric column with a coefficient of its own.
type covariate struct {
	coefficient int       // in Design.Names
	values      []float64 // centred, by row
}

// A cell is a treatment and a phase, by index.
type cell struct{ treatment, phase int }

// newModel makes the model of the scans in rows. extra are columns that become
// covariates beside the plan's; numbers are centred at their mean over the
// scans of the frame that have them, so that coefficients of different regions
// mean the same.
func (f *frame) newModel(rows []int, extra ...string) *model {
	m := &model{f: f, formula: f.plan.Model.Formula}
	if m.formula == "" {
		m.formula = DefaultFormula
	}
	for _, c := range slices.Concat(f.plan.Model.Covariates, extra) {
		switch {
		case slices.Contains(formulaVariables(m.formula), c):
		case !f.has(c):
			m.notes = append(m.notes, fmt.Sprintf("%s left out of the model: no table has such a column", c))
		default:
			m.formula += " + " + quoteName(c)
		}
	}
	vars := formulaVariables(m.formula)
	for _, i := range rows {
		if f.complete(i, vars) {
			m.rows = append(m.rows, i)
		}
	}
	if gone := len(rows) - len(m.rows); gone > 0 {
		m.notes = append(m.notes, fmt.Sprintf("%d %s without %s left out", gone, plural(gone, "scan", "scans"), strings.Join(f.lacking(rows, vars), ", ")))
	}
	if len(m.rows) == 0 {
		m.failed = "no scan has a value"
		return m
	}
	m.simplify()
	m.build()
	return m
}

// quoteName writes a column's name so that a formula can hold it.
func quoteName(s string) string {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r == '.' || r >= '0' && r <= '9')) {
			return "`" + s + "`"
		}
	}
	return s
}

func (f *frame) complete(i int, vars []string) bool {
	return !slices.ContainsFunc(vars, func(v string) bool { return f.missing(i, v) })
}

func (f *frame) missing(i int, v string) bool {
	if n := f.numbers[v]; n != nil {
		return math.IsNaN(n[i])
	}
	if t := f.texts[v]; t != nil {
		return t[i] == ""
	}
	return false
}

// lacking names the columns that some of rows do not have.
func (f *frame) lacking(rows []int, vars []string) []string {
	var out []string
	for _, v := range vars {
		if slices.ContainsFunc(rows, func(i int) bool { return f.missing(i, v) }) {
			out = append(out, v)
		}
	}
	return out
}

// simplify drops terms that these scans cannot estimate, and says so.
func (m *model) simplify() {
	for _, v := range formulaVariables(m.formula) {
		if v == responseColumn || v == subjectColumn || v == sessionColumn || !m.f.has(v) {
			continue
		}
		only, constant := m.constant(v)
		if !constant {
			continue
		}
		if g, ok := dropVariable(m.formula, v); ok {
			m.formula = g
			m.notes = append(m.notes, fmt.Sprintf("%s left out of the model: it is %s in all %d scans", v, only, len(m.rows)))
		}
	}
	m.simplifySessions()
}

// constant tells whether a column has one value only, and which.
func (m *model) constant(v string) (only string, ok bool) {
	if num := m.f.numbers[v]; num != nil {
		for _, i := range m.rows {
			if num[i] != num[m.rows[0]] {
				return "", false
			}
		}
		return strconv.FormatFloat(num[m.rows[0]], 'g', 6, 64), true
	}
	text := m.f.texts[v]
	for _, i := range m.rows {
		if text[i] != text[m.rows[0]] {
			return "", false
		}
	}
	return text[m.rows[0]], true
}

// simplifySessions drops the intercept of sessions where it cannot be told
// from that of people or from the residual.
func (m *model) simplifySessions() {
	sessions, subjects := map[string]bool{}, map[string]bool{}
	for _, i := range m.rows {
		subjects[m.f.texts[subjectColumn][i]] = true
		sessions[m.f.texts[subjectColumn][i]+"\x00"+m.f.texts[sessionColumn][i]] = true
	}
	why := ""
	switch {
	case len(sessions) == len(subjects):
		why = "everybody has one session, so it cannot be told from the intercept of people"
	case len(sessions) == len(m.rows):
		why = "every session has one scan, so it cannot be told from the residual"
	default:
		return
	}
	for _, t := range []string{"(1|subject:session)", "(1|session:subject)"} {
		if g, ok := dropTerm(m.formula, t); ok {
			m.formula = g
			m.notes = append(m.notes, t+" left out of the model: "+why)
		}
	}
	if g, ok := dropTerm(m.formula, "(1|subject/session)"); ok {
		m.formula = g + " + (1|subject)"
		m.notes = append(m.notes, "(1|subject/session) reduced to (1|subject): "+why)
	}
}

// dropTerm takes one summand out of a formula's right side. ok is false if it
// is not there.
func dropTerm(formula, term string) (string, bool) {
	left, right, _ := strings.Cut(formula, "~")
	var kept []string
	found := false
	for _, s := range summands(right) {
		if squeeze(s) == squeeze(term) {
			found = true
			continue
		}
		kept = append(kept, strings.TrimSpace(s))
	}
	if len(kept) == 0 {
		kept = []string{"1"}
	}
	return strings.TrimSpace(left) + " ~ " + strings.Join(kept, " + "), found
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// summands cuts at + outside parentheses and backticks.
func summands(s string) []string {
	var out []string
	depth, from, quoted := 0, 0, false
	for i, r := range s {
		switch {
		case r == '`':
			quoted = !quoted
		case quoted:
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == '+' && depth == 0:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	return append(out, s[from:])
}

// dropVariable takes every fixed effect of a variable out of a formula. ok is
// false if the result does not parse or still needs the variable.
func dropVariable(formula, v string) (string, bool) {
	out := formula
	for _, t := range []string{v, quoteName(v)} {
		if g, ok := dropTerm(out, t); ok {
			out = g
		}
	}
	left, right, _ := strings.Cut(out, "~")
	var kept []string
	for _, s := range summands(right) {
		parts := strings.Split(squeeze(s), "*")
		i := slices.IndexFunc(parts, func(p string) bool { return p == v || p == quoteName(v) })
		if i >= 0 && len(parts) > 1 && !strings.ContainsAny(s, "(:/^-") {
			s = strings.Join(slices.Delete(parts, i, i+1), "*")
		} else if i := slices.Index(strings.Split(squeeze(s), ":"), v); i >= 0 && !strings.ContainsAny(s, "(*/^-") {
			continue // a product with a constant factor is a term that is there without it
		}
		kept = append(kept, strings.TrimSpace(s))
	}
	if len(kept) == 0 {
		kept = []string{"1"}
	}
	out = strings.TrimSpace(left) + " ~ " + strings.Join(kept, " + ")
	f, err := lmm.ParseFormula(out)
	return out, err == nil && !slices.Contains(f.Variables(), v)
}

// build makes the design, and the weights of marginal means and contrasts.
func (m *model) build() {
	formula, err := lmm.ParseFormula(m.formula)
	if err != nil {
		m.failed = "the formula cannot be read: " + firstProblem(err)
		return
	}
	table, columns := m.newTable(formula.Variables())
	m.table = table
	d, err := lmm.NewDesign(formula, table)
	if err != nil {
		m.failed = firstProblem(err)
		return
	}
	m.design = d
	if len(d.Dropped) > 0 {
		m.notes = append(m.notes, "effects that these scans cannot tell from others are left out of the model: "+strings.Join(m.inWords(d.Dropped), ", "))
	}
	// Weights depend on the design alone; any fit knows them.
	m.fit = d.Fit(lmm.REML)
	for v, x := range columns {
		if i := slices.IndexFunc(d.Names, func(n string) bool { return n == v || n == quoteName(v) }); i >= 0 {
			m.covariates = append(m.covariates, covariate{i, x})
		}
	}
	slices.SortFunc(m.covariates, func(a, b covariate) int { return a.coefficient - b.coefficient })
	m.marginal()
	m.contrasts = m.newContrasts()
}

// inWords writes columns of the design as a reader knows them: treatment
// naltrexone × phase infusion for treatmentnaltrexone:phaseinfusion. A column
// whose name cannot be taken apart stays as it is.
func (m *model) inWords(columns []string) []string {
	var out []string
	for _, column := range columns {
		var parts []string
		for _, part := range strings.Split(column, ":") {
			longest := ""
			for v := range m.f.texts {
				if len(v) > len(longest) && len(part) > len(v) && strings.HasPrefix(part, v) {
					longest = v
				}
			}
			if longest != "" {
				part = longest + " " + part[len(longest):]
			}
			parts = append(parts, part)
		}
		out = append(out, strings.Join(parts, " × "))
	}
	return out
}

// newTable returns the columns that a formula names, for the rows in use, and
// those of them that are numeric. Its response is a stand-in without
// structure: the design is what is wanted.
func (m *model) newTable(vars []string) (*lmm.Table, map[string][]float64) {
	t := lmm.NewTable("the scans in use")
	columns := map[string][]float64{}
	for _, v := range vars {
		if v == responseColumn {
			continue
		}
		if num := m.f.numbers[v]; num != nil {
			shift := 0.0
			if v == globalColumn || slices.Contains(m.f.plan.Model.Covariates, v) {
				shift = mean(num)
			}
			x := make([]float64, len(m.rows))
			for k, i := range m.rows {
				x[k] = num[i] - shift
			}
			t.AddNumeric(v, x)
			columns[v] = x
		} else if text := m.f.texts[v]; text != nil {
			x := make([]string, len(m.rows))
			for k, i := range m.rows {
				x[k] = text[i]
			}
			t.AddFactor(v, x, m.knownLevels(v, x)...)
		}
	}
	dummy := make([]float64, len(m.rows))
	for k := range dummy {
		dummy[k] = math.Sin(float64(k*k + 1))
	}
	t.AddNumeric(responseColumn, dummy)
	return t, columns
}

// knownLevels returns the trial's order of levels, with any that it does not
// know at the end.
func (m *model) knownLevels(v string, x []string) []string {
	known := slices.Clone(m.f.levels(v))
	if known == nil && v != periodColumn {
		return nil
	}
	var more []string
	for _, s := range x {
		if s != "" && !slices.Contains(known, s) && !slices.Contains(more, s) {
			more = append(more, s)
		}
	}
	slices.SortFunc(more, func(a, b string) int {
		na, _ := strconv.Atoi(a)
		nb, _ := strconv.Atoi(b)
		if na != nb {
			return na - nb
		}
		return strings.Compare(a, b)
	})
	return append(known, more...)
}

// mean ignores NaN.
func mean(x []float64) float64 {
	s, n := 0.0, 0
	for _, v := range x {
		if !math.IsNaN(v) {
			s += v
			n++
		}
	}
	return s / float64(n)
}

// marginal finds the weights of the marginal mean of each treatment and phase,
// and of each period.
func (m *model) marginal() {
	vars := formulaVariables(m.formula)
	var factors []string
	for _, v := range []string{treatmentColumn, phaseColumn} {
		if slices.Contains(vars, v) {
			factors = append(factors, v)
		}
	}
	m.cells = map[cell][]float64{}
	if len(factors) > 0 {
		if means, err := m.fit.Means(factors, m.f.inference()); err == nil {
			for _, x := range means {
				if x.Weights == nil {
					continue
				}
				for t, name := range m.f.tr.Treatments {
					for p, phase := range m.f.tr.Phases {
						if m.is(x.Levels, treatmentColumn, name) && m.is(x.Levels, phaseColumn, phase) {
							m.cells[cell{t, p}] = x.Weights
						}
					}
				}
			}
		} else {
			m.notes = append(m.notes, "no marginal means: "+firstProblem(err))
		}
	}
	m.periods = map[int][]float64{}
	if slices.Contains(vars, periodColumn) {
		if means, err := m.fit.Means([]string{periodColumn}, m.f.inference()); err == nil {
			for _, x := range means {
				if k, err := strconv.Atoi(x.Levels[periodColumn]); err == nil && x.Weights != nil {
					m.periods[k] = x.Weights
				}
			}
		}
	}
}

// is tells whether a marginal mean is of a level: the one it names, or, of a
// factor that was dropped, the only one that the scans have.
func (m *model) is(levels map[string]string, factor, level string) bool {
	if l, ok := levels[factor]; ok {
		return l == level
	}
	only, _ := m.constant(factor)
	return only == level
}

// firstProblem returns what the first of an error's problems found.
func firstProblem(err error) string {
	for _, p := range parseProblems(err) {
		if p.Field != "" {
			return p.Field + ": " + p.Found
		}
		return p.Found
	}
	return err.Error()
}

// inference is how tests and intervals are made.
func (f *frame) inference() lmm.Inference {
	in := lmm.Inference{Level: f.plan.Model.Level}
	switch f.plan.Model.DDF {
	case "satterthwaite":
		in.DDF = lmm.Satterthwaite
	case "residual":
		in.DDF = lmm.Residual
	}
	return in
}
