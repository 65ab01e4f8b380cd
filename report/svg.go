package report

import (
	"math"
	"strconv"
	"strings"
)

// svg builds one drawing as text. Every string from outside goes through
// [escape]; every number through [coord], so that the same drawing is always
// the same bytes.
type svg struct {
	b strings.Builder
}

// escape makes s safe as text or as a quoted attribute of XML and HTML.
// Characters that XML forbids become U+FFFD.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r < 0x20 && r != '\t' && r != '\n' && r != '\r', r == 0xFFFE, r == 0xFFFF:
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// coord writes a length in user units to a hundredth, without trailing zeros.
func coord(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "0"
	}
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" || s == "" {
		return "0"
	}
	return s
}

// open starts a drawing of w × h user units. title and desc are what a screen
// reader says; id names them and must be unique in the page.
func (s *svg) open(class, id string, w, h float64, title, desc string) {
	s.raw(`<svg class="`, class, `" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 `, coord(w), " ", coord(h),
		`" role="img" aria-labelledby="`, id, `-t `, id, `-d">`)
	s.raw(`<title id="`, id, `-t">`, escape(title), `</title><desc id="`, id, `-d">`, escape(desc), `</desc>`)
}

func (s *svg) close() string {
	s.raw("</svg>")
	return s.b.String()
}

func (s *svg) raw(parts ...string) {
	for _, p := range parts {
		s.b.WriteString(p)
	}
}

// text writes one line of text; attrs is trusted, t is not.
func (s *svg) text(x, y float64, attrs, t string) {
	s.raw(`<text x="`, coord(x), `" y="`, coord(y), `"`, pad(attrs), `>`, escape(t), `</text>`)
}

func (s *svg) line(x1, y1, x2, y2 float64, attrs string) {
	s.raw(`<line x1="`, coord(x1), `" y1="`, coord(y1), `" x2="`, coord(x2), `" y2="`, coord(y2), `"`, pad(attrs), `/>`)
}

func (s *svg) rect(x, y, w, h float64, attrs string) {
	s.raw(`<rect x="`, coord(x), `" y="`, coord(y), `" width="`, coord(w), `" height="`, coord(h), `"`, pad(attrs), `/>`)
}

func (s *svg) path(d, attrs string) {
	s.raw(`<path d="`, d, `"`, pad(attrs), `/>`)
}

// mark draws the symbol number k (circle, square, triangle, diamond, cross,
// inverted triangle, then again) of radius r around (x, y), with a tooltip.
// Series differ by shape as well as by colour.
func (s *svg) mark(k int, x, y, r float64, attrs, tip string) {
	c := coord
	var d string
	switch k % 6 {
	case 0:
		s.raw(`<circle cx="`, c(x), `" cy="`, c(y), `" r="`, c(r), `"`, pad(attrs), `>`)
		s.tip(tip)
		s.raw(`</circle>`)
		return
	case 1:
		q := 0.88 * r
		d = "M" + c(x-q) + " " + c(y-q) + "h" + c(2*q) + "v" + c(2*q) + "h" + c(-2*q) + "z"
	case 2:
		d = "M" + c(x) + " " + c(y-1.15*r) + "l" + c(1.1*r) + " " + c(1.95*r) + "h" + c(-2.2*r) + "z"
	case 3:
		d = "M" + c(x) + " " + c(y-1.25*r) + "l" + c(1.25*r) + " " + c(1.25*r) + "l" + c(-1.25*r) + " " + c(1.25*r) + "l" + c(-1.25*r) + " " + c(-1.25*r) + "z"
	case 4:
		q, t := 1.1*r, 0.38*r
		d = "M" + c(x-t) + " " + c(y-q) + "h" + c(2*t) + "V" + c(y-t) + "H" + c(x+q) + "v" + c(2*t) + "H" + c(x+t) + "V" + c(y+q) +
			"h" + c(-2*t) + "V" + c(y+t) + "H" + c(x-q) + "v" + c(-2*t) + "H" + c(x-t) + "z"
	case 5:
		d = "M" + c(x) + " " + c(y+1.15*r) + "l" + c(1.1*r) + " " + c(-1.95*r) + "h" + c(-2.2*r) + "z"
	}
	s.raw(`<path d="`, d, `"`, pad(attrs), `>`)
	s.tip(tip)
	s.raw(`</path>`)
}

func (s *svg) tip(t string) {
	if t != "" {
		s.raw("<title>", escape(t), "</title>")
	}
}

func pad(attrs string) string {
	if attrs == "" {
		return ""
	}
	return " " + attrs
}
