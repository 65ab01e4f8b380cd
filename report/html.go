package report

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strconv"
	"strings"
	"unicode"
)

//go:embed page.css
var pageStyle string

//go:embed group.css
var groupStyle string

//go:embed page.js
var pageScript string

//go:embed page.tmpl
var pageText string

//go:embed group.tmpl
var groupText string

//go:embed symptoms.tmpl
var symptomsText string

//go:embed receptors.tmpl
var receptorsText string

var pages = template.Must(template.New("").Funcs(template.FuncMap{"capital": capital}).Parse(strip(pageText + groupText + symptomsText + receptorsText)))

// capital returns s as it stands at the beginning of a line.
func capital(s string) string {
	r := []rune(s)
	if len(r) > 1 && (unicode.IsLower(r[1]) || r[1] == ' ') { // not in an abbreviation or before a digit
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}

// strip removes the line ends and indentation between tags, which no reader
// sees; it keeps the text of a page to what is written on it.
func strip(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// head is what every page begins and ends with.
type head struct {
	Title  string
	Style  template.CSS
	Script template.JS
	CSP    string
}

func newHead(title string) head {
	return newHeadWith(title, pageStyle)
}

// newGroupHead is the head of a page that has charts of its own.
func newGroupHead(title string) head { return newHeadWith(title, pageStyle+groupStyle) }

func newHeadWith(title, style string) head {
	script := pageScript
	return head{
		Title:  title,
		Style:  template.CSS(style),
		Script: template.JS(script),
		CSP: "default-src 'none'; img-src data:; style-src " + digest(style) + "; script-src " + digest(script) +
			"; base-uri 'none'; form-action 'none'",
	}
}

// digest is the source expression that allows one inline element.
func digest(s string) string {
	h := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
}

// maxPage is the size a page is kept below by drawing its pictures coarser.
const maxPage = 2_950_000

// WriteParticipant writes the page of p as HTML in UTF-8. It never changes p
// and draws only from it: the same p gives the same bytes. Four scans and
// their registrations take a second or two. A page above 3 MB is drawn again
// with coarser pictures and fewer outlines until it fits, unless its tables
// alone are larger. It panics if a mask, an outline or labels have another
// shape than the picture they belong to. The error is the writer's.
func WriteParticipant(w io.Writer, p *Participant) error {
	var page bytes.Buffer
	for scale := 1.0; ; scale *= 0.55 {
		page.Reset()
		if err := pages.ExecuteTemplate(&page, "participant", newParticipantView(p, scale)); err != nil {
			panic("report: " + err.Error()) // the template's fault: a buffer takes everything
		}
		if page.Len() <= maxPage || scale < 0.01 {
			break
		}
	}
	_, err := page.WriteTo(w)
	return err
}

// ids names the figures of a page: f1, f2, …
type ids int

func (n *ids) next() string {
	*n++
	return "f" + strconv.Itoa(int(*n))
}
