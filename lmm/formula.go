package lmm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
)

// A Formula is a parsed model formula; see [ParseFormula].
type Formula struct {
	text     string
	response *node
	atoms    []*node // variables and calls, in order of first appearance
	fixed    []term  // without the intercept, by degree, then appearance
	icept    bool
	random   []randomTerm
}

// A term is a product of atoms: their indices in ascending order. The empty
// term is the intercept.
type term []int

// A randomTerm is one (effects | group).
type randomTerm struct {
	group  []string // columns whose combination is the group, in the order of its name
	atoms  []*node
	terms  []term // without the intercept
	icept  bool
	source string
}

// String returns the formula as it was written.
func (f *Formula) String() string { return f.text }

// ParseFormula parses a formula in R's notation:
//
//	y ~ a*b + scale(age, scale = FALSE) + (1 | subject/session)
//
// Fixed effects are joined by +, crossed by * (a*b is a + b + a:b), : (the
// product alone), / (a/b is a + a:b) and ^ ((a+b)^2 up to products of two),
// and taken out by -; 0 or -1 removes the intercept. Random effects stand in
// parentheses: (1|g) intercepts, (x|g) intercepts and slopes with their
// correlation, (x||g) or (0+x|g) without it, g:h the combination of two
// groups, (1|g/h) short for (1|g) + (1|h:g).
//
// Of functions it knows log, log2, log10, log1p, exp, sqrt, abs, I(…) for
// arithmetic, scale(x), scale(x, center = FALSE) and scale(x, scale = FALSE),
// center(x) for the latter, and factor(x), which takes a numeric column as a
// factor. Names with other signs stand in backticks.
//
// Faults are returned as a [diag.List].
func ParseFormula(s string) (f *Formula, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(*diag.Problem)
			if !ok {
				panic(r)
			}
			f, err = nil, diag.List{p}
		}
	}()
	p := &parser{src: s}
	p.lex()
	f = &Formula{text: strings.TrimSpace(s)}
	f.response = p.sum()
	p.want("~", "write response ~ effects")
	rhs := p.sum()
	if p.tok().kind != 'e' {
		p.fail(fmt.Sprintf("%q is not expected here", p.tok().text), "join effects by +, *, : or -")
	}
	if f.response.hasRandom() || f.response.op == "num" {
		p.fail("the response is not a column", "write response ~ effects, with a column as response")
	}
	in := &interpreter{p: p}
	set := in.eval(rhs, true)
	f.icept = !set.noIcept
	f.atoms = in.atoms
	f.fixed = set.ordered()
	for _, r := range in.random {
		f.random = append(f.random, expandRandom(p, r)...)
	}
	return f, nil
}

// Variables returns the columns the formula names, each once, the response's
// first.
func (f *Formula) Variables() []string {
	var out []string
	add := func(n *node) {
		n.columns(func(name string) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		})
	}
	add(f.response)
	for _, v := range f.predictors() {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// columns calls fn with the name of every column that n reads. TRUE and FALSE
// name none where they are arguments of scale(), and a column of that name, as
// T may be, elsewhere.
func (n *node) columns(fn func(name string)) {
	switch {
	case n.op == "var":
		fn(n.name)
	case n.op == "call" && n.name == "scale":
		n.kids[0].columns(fn)
	default:
		for _, k := range n.kids {
			k.columns(fn)
		}
	}
}

// predictors returns the columns on the right of the formula.
func (f *Formula) predictors() []string {
	var out []string
	add := func(n *node) {
		n.columns(func(name string) {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		})
	}
	for _, a := range f.atoms {
		add(a)
	}
	for _, r := range f.random {
		for _, a := range r.atoms {
			add(a)
		}
		for _, g := range r.group {
			if !slices.Contains(out, g) {
				out = append(out, g)
			}
		}
	}
	return out
}

// HasRandom tells whether the formula names random effects.
func (f *Formula) HasRandom() bool { return len(f.random) > 0 }

// A termSet is the meaning of an expression: terms in order of appearance, and
// what it says of the intercept.
type termSet struct {
	terms   []term
	one     bool // 1 was named
	noIcept bool // 0 or -1 was
}

func (s *termSet) add(t term) {
	if !slices.ContainsFunc(s.terms, func(u term) bool { return slices.Equal(u, t) }) {
		s.terms = append(s.terms, t)
	}
}

func (s *termSet) ordered() []term {
	out := slices.Clone(s.terms)
	slices.SortStableFunc(out, func(a, b term) int { return len(a) - len(b) })
	return out
}

func product(a, b term) term {
	t := append(slices.Clone(a), b...)
	slices.Sort(t)
	return slices.Compact(t)
}

// An interpreter turns an expression into terms over atoms.
type interpreter struct {
	p      *parser
	atoms  []*node
	random []*node
}

// maxTerms bounds what ^ and * may expand to.
const maxTerms = 2000

func (in *interpreter) atom(n *node) term {
	name := n.String()
	for i, a := range in.atoms {
		if a.String() == name {
			return term{i}
		}
	}
	in.atoms = append(in.atoms, n)
	return term{len(in.atoms) - 1}
}

// eval returns the meaning of n; top is true where a random term may stand.
func (in *interpreter) eval(n *node, top bool) termSet {
	var s termSet
	switch n.op {
	case "num":
		switch n.num {
		case 1:
			s.one = true
		case 0:
			s.noIcept = true
		default:
			in.p.fail(n.String()+" is not an effect", "write 1 or 0 for the intercept, I(…) for arithmetic")
		}
	case "var", "call":
		s.add(in.atom(n))
	case "|", "||":
		if !top {
			in.p.fail("a random effect stands inside a product", "add it: … + ("+n.String()+")")
		}
		in.random = append(in.random, n)
	case "()":
		return in.eval(n.kids[0], top)
	case "neg":
		b := in.eval(n.kids[0], false)
		s.noIcept, s.one = b.one, b.noIcept
	case "+":
		a, b := in.eval(n.kids[0], top), in.eval(n.kids[1], top)
		s = a
		for _, t := range b.terms {
			s.add(t)
		}
		if b.one {
			s.one, s.noIcept = true, false
		}
		if b.noIcept {
			s.one, s.noIcept = false, true
		}
	case "-":
		a, b := in.eval(n.kids[0], top), in.eval(n.kids[1], false)
		s = a
		s.terms = slices.DeleteFunc(slices.Clone(a.terms), func(t term) bool {
			return slices.ContainsFunc(b.terms, func(u term) bool { return slices.Equal(t, u) })
		})
		if b.one {
			s.one, s.noIcept = false, true
		}
		if b.noIcept {
			s.one, s.noIcept = true, false
		}
	case "*", ":":
		a, b := in.eval(n.kids[0], false), in.eval(n.kids[1], false)
		if n.op == "*" {
			for _, t := range append(slices.Clone(a.terms), b.terms...) {
				s.add(t)
			}
		}
		in.cross(&s, a, b)
	case "/":
		a, b := in.eval(n.kids[0], false), in.eval(n.kids[1], false)
		var all term
		for _, t := range a.terms {
			s.add(t)
			all = product(all, t)
		}
		in.cross(&s, termSet{terms: []term{all}}, b)
	case "^":
		k := int(n.kids[1].num)
		if n.kids[1].op != "num" || k < 1 || k > 8 || float64(k) != n.kids[1].num {
			in.p.fail("the power of a sum of effects is not a whole number from 1 to 8", "write (a + b)^2, or I(x^2) for arithmetic")
		}
		a := in.eval(n.kids[0], false)
		s = termSet{terms: slices.Clone(a.terms)}
		for range k - 1 {
			prev := termSet{terms: slices.Clone(s.terms)}
			in.cross(&s, prev, a)
		}
	default:
		in.p.fail(n.String()+" is not an effect", "use +, -, *, : and / of columns; I(…) for arithmetic")
	}
	return s
}

func (in *interpreter) cross(s *termSet, a, b termSet) {
	for _, t := range a.terms {
		for _, u := range b.terms {
			s.add(product(t, u))
			if len(s.terms) > maxTerms {
				in.p.fail(fmt.Sprintf("the formula expands to more than %d terms", maxTerms), "name fewer products")
			}
		}
	}
}

// expandRandom turns one (effects | group) into terms as lme4 does: a/b in the
// group into b:a and a, || into one term for each effect.
func expandRandom(p *parser, n *node) []randomTerm {
	in := &interpreter{p: p}
	set := in.eval(n.kids[0], false)
	icept := !set.noIcept
	if !icept && len(set.terms) == 0 {
		p.fail("("+n.String()+") names no effect", "write (1 | group) or (x | group)")
	}
	var effects []randomTerm
	if n.op == "||" {
		if icept {
			effects = append(effects, randomTerm{icept: true})
		}
		for _, t := range set.ordered() {
			effects = append(effects, randomTerm{atoms: in.atoms, terms: []term{t}})
		}
	} else {
		effects = []randomTerm{{atoms: in.atoms, terms: set.ordered(), icept: icept}}
	}
	var out []randomTerm
	for _, g := range groups(p, n.kids[1]) {
		for _, e := range effects {
			e.group, e.source = g, n.String()
			out = append(out, e)
		}
	}
	return out
}

// groups returns the grouping factors an expression names, finest first.
func groups(p *parser, n *node) [][]string {
	switch n.op {
	case "var":
		return [][]string{{n.name}}
	case "()":
		return groups(p, n.kids[0])
	case ":":
		a, b := groups(p, n.kids[0]), groups(p, n.kids[1])
		if len(a) == 1 && len(b) == 1 {
			return [][]string{append(slices.Clone(a[0]), b[0]...)}
		}
	case "/":
		outer, inner := groups(p, n.kids[0]), groups(p, n.kids[1])
		if len(inner) == 1 {
			return append([][]string{append(slices.Clone(inner[0]), outer[0]...)}, outer...)
		}
	}
	p.fail(n.String()+" is not a group", "write a column, g:h or g/h after the bar")
	return nil
}

// A node is one operation of a formula: "var" a column, "num" a number,
// "call" a function, "()" parentheses, "neg" a sign, "|" and "||" random
// effects, else an arithmetic operator.
type node struct {
	op   string
	name string
	num  float64
	kids []*node
	keys []string // names of a call's arguments, "" for positional
}

func (n *node) walk(fn func(*node)) {
	fn(n)
	for _, k := range n.kids {
		k.walk(fn)
	}
}

func (n *node) hasRandom() (yes bool) {
	n.walk(func(m *node) { yes = yes || m.op == "|" || m.op == "||" })
	return yes
}

// String writes the node as R deparses it.
func (n *node) String() string {
	switch n.op {
	case "var":
		return n.name
	case "num":
		return strconv.FormatFloat(n.num, 'g', -1, 64)
	case "()":
		return "(" + n.kids[0].String() + ")"
	case "neg":
		return "-" + n.kids[0].String()
	case "call":
		var b strings.Builder
		b.WriteString(n.name + "(")
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(", ")
			}
			if n.keys[i] != "" {
				b.WriteString(n.keys[i] + " = ")
			}
			b.WriteString(k.String())
		}
		return b.String() + ")"
	case ":", "^", "/":
		return n.kids[0].String() + n.op + n.kids[1].String()
	}
	return n.kids[0].String() + " " + n.op + " " + n.kids[1].String()
}
