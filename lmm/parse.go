package lmm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"phasl/diag"
)

// A token is a name 'n', a number '0', a sign 's' or the end 'e'.
type token struct {
	kind byte
	text string
	at   int // byte offset
}

type parser struct {
	src   string
	toks  []token
	i     int
	depth int
}

// maxDepth bounds nesting, so that no formula exhausts the stack.
const maxDepth = 100

// fail ends parsing with a problem; [ParseFormula] recovers it.
func (p *parser) fail(found, fix string) {
	panic(&diag.Problem{File: "formula", Field: p.src, Found: found, Fix: fix})
}

func (p *parser) lex() {
	s := p.src
	for i := 0; i < len(s); {
		r, w := utf8.DecodeRuneInString(s[i:])
		start := i
		switch {
		case unicode.IsSpace(r):
			i += w
			continue
		case r == '`':
			end := strings.IndexByte(s[i+1:], '`')
			if end < 1 {
				p.fail("a backtick is not closed", "close it, or take it out")
			}
			i += end + 2
			p.toks = append(p.toks, token{'n', s[start+1 : i-1], start})
			continue
		case unicode.IsLetter(r) || r == '_' || r == '.' && !nextIsDigit(s[i+1:]):
			for i < len(s) {
				r, w := utf8.DecodeRuneInString(s[i:])
				if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '.' {
					break
				}
				i += w
			}
			p.toks = append(p.toks, token{'n', s[start:i], start})
			continue
		case r >= '0' && r <= '9' || r == '.':
			for i < len(s) && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
				i++
			}
			if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
				i++
				if i < len(s) && (s[i] == '+' || s[i] == '-') {
					i++
				}
				for i < len(s) && s[i] >= '0' && s[i] <= '9' {
					i++
				}
			}
			p.toks = append(p.toks, token{'0', s[start:i], start})
			continue
		case strings.HasPrefix(s[i:], "||"):
			i += 2
		case strings.ContainsRune("~+-*/:^()|,=", r):
			i++
		default:
			p.fail(fmt.Sprintf("%q has no meaning in a formula", string(r)), "put names with signs or spaces in backticks")
		}
		p.toks = append(p.toks, token{'s', s[start:i], start})
	}
	p.toks = append(p.toks, token{'e', "end", len(s)})
}

func nextIsDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func (p *parser) tok() token { return p.toks[p.i] }

func (p *parser) accept(sign string) bool {
	if t := p.tok(); t.kind == 's' && t.text == sign {
		p.i++
		return true
	}
	return false
}

func (p *parser) want(sign, fix string) {
	if !p.accept(sign) {
		p.fail(fmt.Sprintf("found %q where %q is expected", p.tok().text, sign), fix)
	}
}

// sum, prod, inter and power are R's levels of precedence, weakest first.
func (p *parser) sum() *node {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		p.fail("the formula is nested too deeply", "write it with fewer parentheses")
	}
	n := p.prod()
	for {
		switch {
		case p.accept("+"):
			n = &node{op: "+", kids: []*node{n, p.prod()}}
		case p.accept("-"):
			n = &node{op: "-", kids: []*node{n, p.prod()}}
		default:
			return n
		}
	}
}

func (p *parser) prod() *node {
	n := p.inter()
	for {
		switch {
		case p.accept("*"):
			n = &node{op: "*", kids: []*node{n, p.inter()}}
		case p.accept("/"):
			n = &node{op: "/", kids: []*node{n, p.inter()}}
		default:
			return n
		}
	}
}

func (p *parser) inter() *node {
	n := p.unary()
	for p.accept(":") {
		n = &node{op: ":", kids: []*node{n, p.unary()}}
	}
	return n
}

func (p *parser) unary() *node {
	if p.accept("-") {
		p.depth++
		defer func() { p.depth-- }()
		if p.depth > maxDepth {
			p.fail("the formula is nested too deeply", "write it with fewer signs")
		}
		return &node{op: "neg", kids: []*node{p.unary()}}
	}
	n := p.primary()
	if p.accept("^") {
		n = &node{op: "^", kids: []*node{n, p.primary()}}
	}
	return n
}

// functions that may stand in a formula.
var functions = []string{"log", "log2", "log10", "log1p", "exp", "sqrt", "abs", "I", "scale", "center", "factor", "as.factor"}

func (p *parser) primary() *node {
	t := p.tok()
	p.i++
	switch {
	case t.kind == '0':
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			p.fail(fmt.Sprintf("%q is not a number", t.text), "write a number as 2 or 0.5")
		}
		return &node{op: "num", num: v}
	case t.kind == 'n':
		if p.accept("(") {
			return p.call(t.text)
		}
		return &node{op: "var", name: t.text}
	case t.kind == 's' && t.text == "(":
		n := p.sum()
		for _, bar := range []string{"||", "|"} {
			if p.accept(bar) {
				n = &node{op: bar, kids: []*node{n, p.sum()}}
				p.want(")", "close the random effect with a parenthesis")
				return n
			}
		}
		p.want(")", "close the parenthesis")
		return &node{op: "()", kids: []*node{n}}
	case t.kind == 's' && (t.text == "|" || t.text == "||"):
		p.fail("a random effect stands outside parentheses", "write (1 | group)")
	}
	p.i--
	p.fail(fmt.Sprintf("found %q where a column is expected", t.text), "write a column, a number or a parenthesis")
	return nil
}

func (p *parser) call(name string) *node {
	if !slices.Contains(functions, name) {
		p.fail(name+"() is not a function formulas know", suggest(name, functions, "use one of: "+list(functions)+"; or put the result in a column of its own"))
	}
	n := &node{op: "call", name: name}
	for {
		key := ""
		if t := p.tok(); t.kind == 'n' && p.toks[p.i+1].kind == 's' && p.toks[p.i+1].text == "=" {
			key = t.text
			p.i += 2
		}
		n.kids = append(n.kids, p.sum())
		n.keys = append(n.keys, key)
		if !p.accept(",") {
			break
		}
	}
	p.want(")", "close the parenthesis of "+name)
	for i, k := range n.keys {
		if n.kids[i].hasRandom() {
			p.fail("a random effect stands inside "+name+"()", "add it: … + (1 | group)")
		}
		if i == 0 && k != "" || i > 0 && (name != "scale" || k != "center" && k != "scale" || truth(n.kids[i]) < 0) {
			p.fail("the arguments of "+name+" are not understood", "write "+name+"(x), or scale(x, scale = FALSE)")
		}
	}
	return n
}

// truth returns 1 for TRUE, 0 for FALSE, −1 for anything else.
func truth(n *node) int {
	switch {
	case n.op == "var" && (n.name == "TRUE" || n.name == "T"):
		return 1
	case n.op == "var" && (n.name == "FALSE" || n.name == "F"):
		return 0
	}
	return -1
}
