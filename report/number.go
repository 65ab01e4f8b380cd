package report

import (
	"math"
	"strconv"
	"strings"
)

// dash stands where there is no number.
const dash = "–"

// number writes v with the given significant digits, never in exponents
// between 1e-4 and 1e7, with a proper minus sign; NaN is a dash.
func number(v float64, digits int) string {
	switch {
	case math.IsNaN(v):
		return dash
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "−∞"
	case v == 0:
		return "0"
	}
	a := math.Abs(v)
	if a < 1e-4 || a >= 1e7 {
		s := strconv.FormatFloat(v, 'e', digits-1, 64)
		mant, exp, _ := strings.Cut(s, "e")
		e, err := strconv.Atoi(exp)
		if err != nil { // FormatFloat always writes an exponent
			return s
		}
		return minus(mant) + " × 10" + super(e)
	}
	d := digits - 1 - int(math.Floor(math.Log10(a)))
	return minus(strconv.FormatFloat(v, 'f', max(0, d), 64))
}

// short writes v with at most three significant digits, without trailing
// zeros after the point.
func short(v float64) string {
	s := number(v, 3)
	if strings.Contains(s, ".") && !strings.Contains(s, "×") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// fixed writes v with d decimals; NaN is a dash.
func fixed(v float64, d int) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return number(v, 3)
	}
	s := strconv.FormatFloat(v, 'f', d, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return minus(s)
}

// exact writes v as short as reads back to the same number: constants are
// printed as they were used.
func exact(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return number(v, 3)
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e7) {
		return number(v, 4)
	}
	return minus(strconv.FormatFloat(v, 'f', -1, 64))
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return dash
	}
	return fixed(100*v, 0) + " %"
}

func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

func super(n int) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	var b strings.Builder
	for _, r := range strconv.Itoa(n) {
		if r == '-' {
			b.WriteRune('⁻')
		} else {
			b.WriteRune(digits[r-'0'])
		}
	}
	return b.String()
}

// rangeText says a usual range in words.
func rangeText(lo, hi float64, unit string) string {
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case math.IsNaN(lo) && math.IsNaN(hi):
		return dash
	case math.IsNaN(lo):
		return "up to " + exact(hi) + unit
	case math.IsNaN(hi):
		return "from " + exact(lo) + unit
	}
	return exact(lo) + "–" + exact(hi) + unit
}

// plural writes a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// wrap breaks s into at most lines lines of n characters, between words where
// it can; what does not fit is cut off, which an ellipsis says. It returns at
// least one line.
func wrap(s string, n, lines int) []string {
	var out []string
	rest := []rune(s)
	for len(out) < lines-1 && len(rest) > n {
		cut := n
		for k := n; k > 0; k-- {
			if rest[k] == ' ' {
				cut = k
				break
			}
		}
		out = append(out, string(rest[:cut]))
		rest = []rune(strings.TrimLeft(string(rest[cut:]), " "))
	}
	return append(out, clip(string(rest), n))
}
