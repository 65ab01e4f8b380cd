package report

import (
	"strings"
	"unicode"
)

// formula typesets an equation written on a line, such as
//
//	CBF = 6000 · λ · (ΔM/M0) · exp(PLD/T1b) / (2 · α · T1b · (1 − exp(−τ/T1b)))
//
// as MathML. Juxtaposed factors joined by · or * are a product; a / makes a
// fraction of the product on its left and the factor on its right; ^ raises;
// what follows an underscore or the first digit of a name is its subscript
// (T1b, M0, α_inv), and so is Latin after a small Greek letter (αbs); exp, ln
// and their like before a bracket are functions; ∫₀ᵗ is an integral; two names
// in a row are prose. ok is false if the text is not understood: it is then shown as
// it stands.
func formula(text string) (mathml string, ok bool) {
	if len(text) > 2000 {
		return "", false
	}
	p := &formulaParser{toks: formulaTokens(text)}
	out := p.relation(0)
	if p.bad || p.i != len(p.toks) || out == "" {
		return "", false
	}
	return `<math display="block">` + out + `</math>`, true
}

// A formulaTok is one token: a name, a number or a sign.
type formulaTok struct {
	kind byte // 'n' name, '1' number, else the sign itself ('-' for any minus, '*' for any product)
	text string
}

func formulaTokens(text string) []formulaTok {
	var out []formulaTok
	r := []rune(text)
	for i := 0; i < len(r); {
		c := r[i]
		switch {
		case unicode.IsSpace(c):
			i++
		case unicode.IsDigit(c):
			j := i
			for j < len(r) && (unicode.IsDigit(r[j]) || r[j] == '.') {
				j++
			}
			out = append(out, formulaTok{'1', string(r[i:j])})
			i = j
		case c == '∫':
			j := i + 1
			for j < len(r) && (script(r[j], subscripts) != 0 || script(r[j], superscripts) != 0) {
				j++
			}
			out = append(out, formulaTok{'i', string(r[i+1 : j])})
			i = j
		case unicode.IsLetter(c) && script(c, superscripts) == 0: // ᵗ is a letter too, and begins no name
			j := i
			for j < len(r) && script(r[j], superscripts) == 0 && (unicode.IsLetter(r[j]) || unicode.IsDigit(r[j]) || r[j] == '_' || r[j] == '′') {
				j++
			}
			out = append(out, formulaTok{'n', string(r[i:j])})
			i = j
		default:
			kind := byte('?')
			switch c {
			case '+', '/', '^', ',':
				kind = byte(c)
			case '(', '[', '{':
				kind = '('
			case ')', ']', '}':
				kind = ')'
			case '=', '<', '>', '≤', '≥', '≈':
				kind = '='
			case '-', '−':
				kind = '-'
			case '|':
				kind = '|'
			case '·', '*', '×':
				kind = '*'
			}
			out = append(out, formulaTok{kind, string(c)})
			i++
		}
	}
	return out
}

// A formulaParser writes MathML by recursive descent. It stops and sets bad at
// the first thing it does not understand.
type formulaParser struct {
	toks []formulaTok
	i    int
	bad  bool
}

func (p *formulaParser) peek() byte {
	if p.bad || p.i >= len(p.toks) {
		return 0
	}
	return p.toks[p.i].kind
}

func (p *formulaParser) take() formulaTok {
	t := p.toks[p.i]
	p.i++
	return t
}

func mathRow(s string) string { return "<mrow>" + s + "</mrow>" }

// mathLevel is a part of a fraction that is not set smaller for it.
func mathLevel(s string) string {
	return `<mrow displaystyle="true" scriptlevel="0">` + s + "</mrow>"
}

func mathSign(s string) string {
	return "<mo>" + escape(s) + "</mo>"
}

// maxFormulaDepth bounds nesting, so that no text can exhaust the stack.
const maxFormulaDepth = 40

// relation is sums joined by =, < and the like, by commas, or by "for".
func (p *formulaParser) relation(depth int) string {
	out := p.sum(depth)
	for {
		switch p.peek() {
		case '=', ',':
			out += mathSign(p.take().text)
		case 'n':
			if p.toks[p.i].text != "for" {
				return out
			}
			p.take()
			out += `<mtext>&#160;for&#160;</mtext>`
		default:
			return out
		}
		out += p.sum(depth)
	}
}

func (p *formulaParser) sum(depth int) string {
	out := ""
	if p.peek() == '-' {
		p.take()
		out = mathSign("−")
	}
	out += p.product(depth)
	for k := p.peek(); k == '+' || k == '-'; k = p.peek() {
		p.take()
		if k == '-' {
			out += mathSign("−")
		} else {
			out += mathSign("+")
		}
		out += p.product(depth)
	}
	return out
}

// product is factors; a division takes all factors before it as numerator.
func (p *formulaParser) product(depth int) string {
	out := p.factor(depth, true)
	for {
		switch k := p.peek(); k {
		case '*':
			p.take()
			out += mathSign("·") + p.factor(depth, true)
		case '/':
			p.take()
			out = "<mfrac>" + mathLevel(out) + mathLevel(p.factor(depth, false)) + "</mfrac>"
		case 'n', '1', '(': // factors without a sign between them
			if k == 'n' && p.toks[p.i].text == "for" {
				return out
			}
			if k == 'n' && p.i > 0 && p.toks[p.i-1].kind == 'n' { // prose
				p.bad = true
				return out
			}
			out += p.factor(depth, true)
		default:
			return out
		}
	}
}

// factor is a name, number, call or bracket, maybe raised. A bracket under a
// fraction bar loses its parentheses, unless keep.
func (p *formulaParser) factor(depth int, keep bool) string {
	if depth++; depth > maxFormulaDepth {
		p.bad = true
	}
	var out string
	switch p.peek() {
	case '1':
		out = "<mn>" + escape(p.take().text) + "</mn>"
	case 'n':
		name := p.take().text
		out = mathName(name)
		if p.peek() == '(' && isFunction(name) {
			out = "<mi>" + escape(name) + "</mi>" + p.bracket(depth)
		}
	case '(':
		start := p.i
		out = p.bracket(depth)
		switch {
		case p.peek() == '^': // a raised bracket keeps its parentheses
		case !keep, p.onlyRatio(start):
			out = strings.TrimSuffix(strings.TrimPrefix(out, "<mrow><mo>(</mo>"), "<mo>)</mo></mrow>")
			out = mathRow(out)
		}
	case '-':
		p.take()
		return mathSign("−") + p.factor(depth, keep)
	case '|':
		p.take()
		in := p.sum(depth)
		if p.peek() != '|' {
			p.bad = true
			return ""
		}
		p.take()
		out = mathRow(mathSign("|") + in + mathSign("|"))
	case 'i':
		out = integral(p.take().text)
		return out + p.product(depth)
	default:
		p.bad = true
		return ""
	}
	if p.peek() == '^' {
		p.take()
		out = "<msup>" + mathRow(out) + mathRow(p.factor(depth, false)) + "</msup>"
	}
	return out
}

// onlyRatio reports whether the bracket from token start to the present place
// holds one quotient and no sum, as (ΔM/M0): drawn as a fraction it needs no
// parentheses.
func (p *formulaParser) onlyRatio(start int) bool {
	slash := false
	for _, t := range p.toks[start+1 : max(start+1, p.i-1)] {
		switch t.kind {
		case '/':
			slash = true
		case '+', '-', '(', ')', '=', ',':
			return false
		}
	}
	return slash
}

func (p *formulaParser) bracket(depth int) string {
	p.take()
	in := p.relation(depth)
	if p.peek() != ')' {
		p.bad = true
		return ""
	}
	p.take()
	return "<mrow><mo>(</mo>" + in + "<mo>)</mo></mrow>"
}

func isFunction(name string) bool {
	switch name {
	case "exp", "ln", "log", "min", "max", "sqrt", "sin", "cos", "sum", "mean":
		return true
	}
	return false
}

// mathName sets a name with its subscript.
func mathName(name string) string {
	base, sub := splitName(name)
	if sub == "" {
		return "<mi>" + escape(base) + "</mi>"
	}
	return "<msub><mi>" + escape(base) + "</mi><mi>" + escape(sub) + "</mi></msub>"
}

// splitName parts a name from its subscript: after an underscore, or from the
// first digit on, as in T1b, M0, R1.
func splitName(name string) (base, sub string) {
	if i := strings.IndexByte(name, '_'); i > 0 && i < len(name)-1 {
		return name[:i], strings.ReplaceAll(name[i+1:], "_", " ")
	}
	if i := strings.IndexFunc(name, unicode.IsDigit); i > 0 {
		return name[:i], name[i:]
	}
	if r := []rune(name); len(r) > 1 && unicode.Is(unicode.Greek, r[0]) && unicode.IsLower(r[0]) && unicode.Is(unicode.Latin, r[1]) {
		return string(r[:1]), string(r[1:])
	}
	return name, ""
}

const (
	subscripts   = "₀₁₂₃₄₅₆₇₈₉"
	superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹ᵗᵀ"
	plainScripts = "0123456789tT"
)

// script returns the plain letter of a raised or lowered one in set, or 0.
func script(r rune, set string) rune {
	for i, c := range []rune(set) {
		if c == r {
			return rune(plainScripts[i])
		}
	}
	return 0
}

// integral sets the sign with its limits, given as ₀ᵗ.
func integral(limits string) string {
	var lo, hi strings.Builder
	for _, r := range limits {
		if c := script(r, subscripts); c != 0 {
			lo.WriteRune(c)
		} else if c := script(r, superscripts); c != 0 {
			hi.WriteRune(c)
		}
	}
	if lo.Len() == 0 || hi.Len() == 0 {
		return "<mo>∫</mo>"
	}
	return "<msubsup><mo>∫</mo><mn>" + lo.String() + "</mn><mi>" + hi.String() + "</mi></msubsup>"
}
