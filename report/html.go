package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strconv"
	"strings"
)

//go:embed page.css
var pageStyle string

//go:embed page.js
var pageScript string

//go:embed page.tmpl
var pageText string

var pages = template.Must(template.New("").Parse(strip(pageText)))

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
	style, script := pageStyle, pageScript
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

// WriteParticipant writes the page of p as HTML in UTF-8. It never changes p
// and draws only from it: the same p gives the same bytes. Images of 100³
// voxels and four scans take about a second. It panics if a mask, an outline
// or labels have another shape than the picture they belong to. The error is
// the writer's.
func WriteParticipant(w io.Writer, p *Participant) error {
	return pages.ExecuteTemplate(w, "participant", newParticipantView(p))
}

// ids names the figures of a page: f1, f2, …
type ids int

func (n *ids) next() string {
	*n++
	return "f" + strconv.Itoa(int(*n))
}
