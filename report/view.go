package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// What follows is the page in the order of its template: text formatted,
// figures drawn. Only drawings are template.HTML, and they are escaped as they
// are built.

type participantView struct {
	head
	P        *Participant
	Lead     []string // P.Summary without the lines that the scans' own cards repeat
	Contents []link
	Scans    []*scanView
	Shared   string
	Pictures bool
	Many     bool // more than one scan
	Across   template.HTML
	Anatomy  []overlayView
	Problems []problemView
	Models   []modelView
	Methods  []paragraphView
}

type link struct{ ID, Name string }

type tag struct{ Class, Symbol, Text string }

type figureView struct {
	Title, Caption string
	Drawing        template.HTML
}

type scanView struct {
	S                        *Scan
	ID, Name                 string
	State                    tag
	Strip                    template.HTML
	Key                      []metricView
	Main                     figureView
	Maps                     []figureView
	Overlays                 []overlayView
	Motion                   template.HTML
	MotionNote               string
	Excluded                 []string
	Pairs, Dots              template.HTML
	KeyRegions, OtherRegions *regionsView
	Quality                  []metricView
	Protocol                 [][]Fact
}

type metricView struct {
	Name, Value, Unit, Range, Verdict, Note, Look string
	Out                                           bool
	Drawing                                       template.HTML
}

type regionsView struct {
	Unit string
	Pure bool // corrected for partial volume too
	Rows []regionView
}

type regionView struct {
	Name                                                string
	Key                                                 bool
	CBF, SE, Weighted, Relative, Voxels, Coverage, Note string
	Pure                                                *string
}

type overlayView struct {
	ID, Title, NameA, NameB, Look string
	A, B                          template.HTML
	Keys                          []colourKey
	Measures                      []Fact
	Failed                        bool
}

type colourKey struct{ Name, Colour string }

type problemView struct{ Class, Kind, File, Field, Found, Fix string }

type modelView struct {
	For, Model string
	Equations  []template.HTML
	Constants  []constantView
}

type constantView struct {
	Name, Code                string // in words, and as the sidecar spells it if that differs
	Symbol                    template.HTML
	Value, Unit, From, Source string
}

type paragraphView struct {
	Heading string
	Parts   []textPart
}

func newParticipantView(p *Participant, scale float64) *participantView {
	v := &participantView{head: newHead(p.ID + " · perfusion MRI report"), P: p}
	a := newAtelier(p, scale)
	for i := range p.Scans {
		s := &p.Scans[i]
		sv := &scanView{S: s, ID: "scan-" + strconv.Itoa(i+1), Name: s.Name(), State: state(s)}
		sv.Quality = metrics(s)
		for k, m := range s.Quality {
			if m.Key {
				sv.Key = append(sv.Key, sv.Quality[k])
			}
		}
		if len(p.Scans) > 1 && has(s.CBF) {
			sv.Strip = a.strip(s)
		}
		a.maps(sv)
		for k := range s.Overlays {
			sv.Overlays = append(sv.Overlays, a.overlay(&s.Overlays[k], s.unit()))
		}
		if s.Motion != nil {
			sv.Motion = template.HTML(drawMotion(a.ids.next(), s.Motion))
			sv.MotionNote = s.Motion.Note
			sv.Excluded = excluded(s.Motion.Volumes)
		}
		sv.Pairs = template.HTML(drawPairs(a.ids.next(), s.Pairs))
		sv.regions(s)
		if len(p.Scans) == 1 {
			sv.Dots = template.HTML(drawRegions(a.ids.next(), []*Scan{s}, []string{sv.Name}))
		}
		if n := len(s.Protocol); n > 6 {
			sv.Protocol = [][]Fact{s.Protocol[:(n+1)/2], s.Protocol[(n+1)/2:]}
		} else if n > 0 {
			sv.Protocol = [][]Fact{s.Protocol}
		}
		v.Scans = append(v.Scans, sv)
	}
	v.across(a)
	for k := range p.Anatomy {
		v.Anatomy = append(v.Anatomy, a.overlay(&p.Anatomy[k], CBFUnit))
	}
	for _, line := range p.Summary {
		if !slices.ContainsFunc(v.Scans, func(s *scanView) bool {
			return s.S.Summary != "" && (line == s.S.Summary || line == s.Name+": "+s.S.Summary)
		}) {
			v.Lead = append(v.Lead, line)
		}
	}
	v.Pictures, v.Many = a.drawn, len(p.Scans) > 1
	v.Shared = a.sharedText()
	for _, q := range p.Problems {
		if q == nil {
			continue
		}
		c := "bad"
		if q.Severity == diag.Warning {
			c = "warn"
		}
		v.Problems = append(v.Problems, problemView{c, q.Severity.String(), q.File, q.Field, q.Found, q.Fix})
	}
	v.models()
	for _, t := range p.Methods {
		v.Methods = append(v.Methods, paragraphView{t.Heading, cite(t.Text, p.References)})
	}
	v.contents()
	return v
}

// excluded lists the volumes left out, those with the same reason together.
func excluded(volumes []Volume) []string {
	var reasons []string
	of := map[string][]string{}
	for k, q := range volumes {
		if !q.Excluded {
			continue
		}
		if of[q.Reason] == nil {
			reasons = append(reasons, q.Reason)
		}
		of[q.Reason] = append(of[q.Reason], strconv.Itoa(k))
	}
	var out []string
	for _, r := range reasons {
		t := "volume "
		if len(of[r]) > 1 {
			t = "volumes "
		}
		t += strings.Join(of[r], ", ")
		if r != "" {
			t += " (" + r + ")"
		}
		out = append(out, t)
	}
	return out
}

// References are the works that the methods cite.
func (v *participantView) References() []Reference { return v.P.References }

func (v *participantView) contents() {
	add := func(show bool, id, name string) {
		if show {
			v.Contents = append(v.Contents, link{id, name})
		}
	}
	add(v.Across != "", "regions", "Regions across scans")
	for _, s := range v.Scans {
		add(true, s.ID, s.Name)
	}
	add(len(v.Anatomy) > 0, "anatomy", "Anatomy and template")
	add(len(v.Problems)+len(v.P.Set) > 0, "input", "Input")
	add(len(v.Models) > 0, "constants", "Equation and constants")
	add(len(v.Methods) > 0, "methods", "Methods")
}

// across draws the regions of all scans whose unit is the first one's.
func (v *participantView) across(a *atelier) {
	var scans []*Scan
	var names []string
	for _, s := range v.Scans {
		if len(s.S.Regions) > 0 && (len(scans) == 0 || s.S.unit() == scans[0].unit()) {
			scans = append(scans, s.S)
			names = append(names, s.Name)
		}
	}
	if len(scans) > 1 {
		v.Across = template.HTML(drawRegions(a.ids.next(), scans, names))
	}
}

// state says in two words whether a scan can be used.
func state(s *Scan) tag {
	severe := 0
	for _, f := range s.Flags {
		if f.Severe {
			severe++
		}
	}
	switch {
	case s.Failed != "":
		return tag{"bad", "✕", "no result"}
	case severe > 0:
		return tag{"bad", "✕", "do not use before checking"}
	case len(s.Flags) > 0:
		return tag{"warn", "!", plural(len(s.Flags), "thing to look at", "things to look at")}
	}
	return tag{"ok", "✓", "nothing flagged"}
}

func metrics(s *Scan) []metricView {
	out := make([]metricView, len(s.Quality))
	for i, m := range s.Quality {
		v := metricView{Name: m.Name, Value: short(m.Value), Unit: metricUnit(m.Unit), Range: rangeText(m.Low, m.High, metricUnit(m.Unit)), Note: m.Note, Drawing: template.HTML(drawRange(m))}
		switch {
		case math.IsNaN(m.Value):
			v.Verdict, v.Unit = "no value", ""
		case outside(m):
			v.Verdict, v.Out = "outside", true
		case math.IsNaN(m.Low) && math.IsNaN(m.High):
			v.Verdict = ""
		default:
			v.Verdict = "as usual"
		}
		for _, f := range s.Flags {
			if f.Metric == m.Name && f.Metric != "" {
				v.Verdict, v.Out = "flagged", true
				v.Look = f.Look
			}
		}
		out[i] = v
	}
	return out
}

// metricUnit spells the unit of CBF as the rest of the page does; other
// measures may have none.
func metricUnit(u string) string {
	if u == "" {
		return ""
	}
	return cbfUnit(u)
}

func (v *scanView) regions(s *Scan) {
	for _, r := range s.Regions {
		d := 1
		if s.unit() != CBFUnit { // relative perfusion is about 1
			d = 3
		}
		row := regionView{Name: r.Name, Key: r.Key, CBF: fixed(r.CBF, d), SE: fixed(r.SE, d), Weighted: fixed(r.Weighted, d),
			Relative: fixed(r.Relative, 2), Voxels: strconv.Itoa(r.Voxels), Coverage: percent(r.Coverage), Note: r.Note}
		if r.Pure != nil {
			p := fixed(*r.Pure, d)
			row.Pure = &p
		}
		if math.IsNaN(r.CBF) && r.Note == "" {
			row.Note = "no value; the reason was not recorded"
		}
		t := &v.OtherRegions
		if r.Key {
			t = &v.KeyRegions
		}
		if *t == nil {
			*t = &regionsView{Unit: s.unit(), Pure: r.Pure != nil}
		}
		(*t).Rows = append((*t).Rows, row)
	}
}

// Regions reports whether there is a table of regions.
func (v *scanView) Regions() bool { return v.KeyRegions != nil || v.OtherRegions != nil }

// models joins scans that share model, equation and constants.
func (v *participantView) models() {
	type group struct {
		names []string
		s     *Scan
	}
	var order []string
	groups := map[string]*group{}
	for _, s := range v.Scans {
		if s.S.Equation == "" && s.S.Model == "" && len(s.S.Constants) == 0 {
			continue
		}
		key := fmt.Sprintf("%q %q %q", s.S.Model, s.S.Equation, fmt.Sprint(s.S.Constants))
		if groups[key] == nil {
			groups[key] = &group{s: s.S}
			order = append(order, key)
		}
		groups[key].names = append(groups[key].names, s.Name)
	}
	for _, k := range order {
		g := groups[k]
		m := modelView{Model: g.s.Model}
		if len(order) > 1 {
			m.For = strings.Join(g.names, "; ")
		}
		for line := range strings.SplitSeq(strings.ReplaceAll(g.s.Equation, "; ", "\n"), "\n") {
			if line = strings.TrimSpace(line); line != "" {
				m.Equations = append(m.Equations, equation(line))
			}
		}
		for _, c := range g.s.Constants {
			words, code := constantWords(c.Name), ""
			if words != c.Name {
				code = c.Name
			}
			m.Constants = append(m.Constants, constantView{words, code, symbol(c.Symbol), exact(c.Value), c.Unit, c.From, c.Source})
		}
		v.Models = append(v.Models, m)
	}
}

// equation is typeset if it is understood, else shown as it stands.
func equation(line string) template.HTML {
	if m, ok := formula(line); ok {
		return template.HTML(`<div role="math" aria-label="` + escape(line) + `">` + m + `</div>`)
	}
	return template.HTML("<code>" + escape(line) + "</code>")
}

// symbol is one name of an equation, typeset as it is there.
func symbol(name string) template.HTML {
	if m, ok := formula(name); ok {
		return template.HTML(strings.Replace(m, ` display="block"`, "", 1))
	}
	return template.HTML(escape(name))
}

func has(img *voxel.Image) bool { return img != nil && img.Len() > 0 }

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// A textPart is plain text or a citation.
type textPart struct {
	Text string
	Refs []int
}

// cite parts a text at its citations, [1] or [2, 3], of works in the list.
func cite(s string, list []Reference) []textPart {
	var out []textPart
	for s != "" {
		i := strings.IndexByte(s, '[')
		if i < 0 {
			break
		}
		j := strings.IndexByte(s[i:], ']')
		if j < 0 {
			break
		}
		refs, ok := citation(s[i+1:i+j], list)
		if !ok {
			out = append(out, textPart{Text: s[:i+1]})
			s = s[i+1:]
			continue
		}
		out = append(out, textPart{Text: s[:i]}, textPart{Refs: refs})
		s = s[i+j+1:]
	}
	return append(out, textPart{Text: s})
}

func citation(s string, list []Reference) ([]int, bool) {
	var out []int
	for f := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || !slices.ContainsFunc(list, func(r Reference) bool { return r.Number == n }) {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}
