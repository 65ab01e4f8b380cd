package report

import (
	"bytes"
	"io"
	"strings"

	"phasl/crossover"
)

// maxGroupPage is the size a group page is kept below by drawing its maps
// coarser.
const maxGroupPage = 4_900_000

// WriteGroup writes the page of a trial as HTML in UTF-8. It never changes g
// and draws only from it: the same g gives the same bytes. A page above 4.9 MB
// is drawn again with coarser maps until it fits, unless its tables alone are
// larger. The error is the writer's.
func WriteGroup(w io.Writer, g *Group) error {
	var page bytes.Buffer
	for scale := 1.0; ; scale *= 0.5 {
		page.Reset()
		if err := pages.ExecuteTemplate(&page, "group", newGroupView(g, scale)); err != nil {
			panic("report: " + err.Error()) // the template's fault: a buffer takes everything
		}
		if page.Len() <= maxGroupPage || scale < 0.02 || len(g.Maps) == 0 && (g.Receptors == nil || g.Receptors.Labels == nil) {
			break
		}
	}
	_, err := page.WriteTo(w)
	return err
}

// References are the works that the methods cite.
func (v *groupView) References() []Reference { return v.G.References }

// Several reports whether tables must name which difference is meant.
func (v *groupView) Several() bool { return v.D.severalDifferences() }

// CI names the confidence interval.
func (v *groupView) CI() string { return ci(v.D.Level) }

// Links are the pages of participants: those given, else those that the
// quality rows name.
func (v *groupView) Links() []Link {
	if len(v.G.Pages) > 0 {
		return v.G.Pages
	}
	var out []Link
	seen := map[Link]bool{}
	for i := range v.G.Quality {
		q := &v.G.Quality[i]
		if l := (Link{subjectName(q.Subject), q.Href}); q.Href != "" && !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

// An effectsPart is the primary or the other regions of a table.
type effectsPart struct {
	Unit, Level string
	Groups      []effectGroup
}

// Args is what the template of a table of effects takes.
func (t *effectsTable) Args(primary bool) effectsPart {
	p := effectsPart{t.Unit, t.Level, t.Others}
	if primary {
		p.Groups = t.Primary
	}
	return p
}

// Order writes a sequence of treatments, joined by hyphens in the tables, as
// what came first and what then; one that is not so made is left as it is.
func (v *groupView) Order(sequence string) string {
	for _, first := range v.D.Treatments {
		rest, ok := strings.CutPrefix(sequence, first)
		if !ok {
			continue
		}
		if rest == "" {
			return first
		}
		if rest, ok = strings.CutPrefix(rest, "-"); ok {
			if then := v.Order(rest); then != "" {
				return first + " → " + then
			}
		}
	}
	return sequence
}

// ValuesMissing reports whether a primary region lacks the value of a scan
// that is there.
func (v *groupView) ValuesMissing() bool {
	return v.D.any(func(f *crossover.RegionFit) bool { return f.Primary && len(f.MissingValues) > 0 })
}
