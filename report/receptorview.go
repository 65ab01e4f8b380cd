package report

import (
	"html/template"
	"strconv"
)

// A receptorsView is the part of the page on receptors.
type receptorsView struct {
	Lead     []symptomLine // at the top of the page
	LeadNote string
	Intro    []string
	Effects  []receptorEffectView
	Shifts   []receptorShiftView
	Matrices []receptorMatrixView
	Maps     []figureView
	MapScale template.HTML
	MapNote  string
	Undrawn  int // scatter plots left out
	Bare     int // points drawn without a tooltip, as there are too many
	Sources  *plainTable
}

// A receptorEffectView is one effect map with all that was computed of it.
type receptorEffectView struct {
	ID, Name   string
	Tags       []tag
	Sentence   string
	Notes      []string // why something is missing, or whom it leaves out
	Cautions   []string
	Forest     []template.HTML
	Caption    string
	Table      *plainTable // of the claims
	TableNote  string
	Group      *plainTable // of the group's map, where the claims are not of it
	GroupNote  string
	Scatter    []template.HTML
	ScatterSay string
	Influence  *plainTable
	Regression *receptorRegressionView
	NoModel    string // why there is no regression
	Variogram  template.HTML
	Fit        []surrogateFit
	Parameters string
	Pairs      *plainTable
	PairSay    string
}

// A receptorRegressionView is all receptors at once.
type receptorRegressionView struct {
	Say      string
	Drawing  template.HTML
	Caption  string
	Table    *plainTable
	Cautions []string
}

// A receptorShiftView compares the alignments under two treatments.
type receptorShiftView struct {
	Heading, Sentence string
	Table             *plainTable
}

// A receptorMatrixView is the correlations between densities.
type receptorMatrixView struct {
	Drawing template.HTML
	Say     string
}

// A plainTable is cells that are ready to print. The first of a row is its
// head; those from Words on are words, not numbers.
type plainTable struct {
	Caption string
	Spans   []plainSpan // heads over several columns; nil: none
	Heads   []string
	Words   int // number of leading columns that hold words
	Tail    int // number of trailing columns that hold words
	Rows    []plainRow
}

type plainSpan struct {
	Text string
	N    int
}

type plainRow struct {
	Cells []string
	Claim bool // shown by the rule of the claims
}

// Word reports whether column i holds words.
func (t *plainTable) Word(i int) bool { return i < t.Words || i >= len(t.Heads)-t.Tail }

// receptors fills the part; it stays nil if there is no effect map.
func (v *groupView) receptors(g *Group, scale float64) {
	q := g.Receptors
	if q == nil || len(q.Effects) == 0 {
		return
	}
	s := &receptorsView{Intro: q.intro(), LeadNote: q.leadNote()}
	if unplanned(g) {
		s.Intro = append([]string{notAsked}, s.Intro...)
		s.LeadNote = notAsked + " " + s.LeadNote
	}
	a := q.forestAxis()
	budget, said := receptorTips, ""
	for i := range q.Effects {
		e := &q.Effects[i]
		view := receptorEffectView{ID: "receptor-" + strconv.Itoa(i+1), Name: q.label(e), Tags: q.tags(e), Sentence: q.sentence(e), Cautions: receptorCautions(e)}
		s.Lead = append(s.Lead, symptomLine{view.ID, capital(view.Name), q.leadSentence(e)})
		view.NoModel = sentence(inRegions(e.Note))
		if e.Alignments == nil && e.Note != "" { // it says why nothing was computed
			view.Notes, view.NoModel = []string{view.NoModel}, ""
		}
		if t := sentence(inRegions(e.PeopleNote)); t != "" {
			view.Notes = append(view.Notes, t)
		}
		if n := len(q.rows(e)); n > 0 {
			for from := 0; from < n; from += forestChunk {
				view.Forest = append(view.Forest, template.HTML(q.drawForest(v.ids.next(), e, a, from, min(from+forestChunk, n))))
			}
			view.Table, view.Group = q.alignmentTables(e)
			if caption := q.forestCaption(e) + q.tableNote(e); caption != said { // not once more under the next map
				view.Caption, view.TableNote, said = q.forestCaption(e), q.tableNote(e), caption
			}
			if view.Group != nil {
				view.GroupNote = q.groupNote(e)
			}
		}
		if l := e.Alignments; l != nil {
			for k := range l.Results {
				if len(view.Scatter) >= maxPeople {
					s.Undrawn++
					continue
				}
				n := len(q.points(e, k))
				if fig := q.drawScatter(v.ids.next(), e, k, n <= budget); fig != "" {
					view.Scatter = append(view.Scatter, template.HTML(fig))
					if n <= budget {
						budget -= n
					} else {
						s.Bare += n
					}
				}
			}
			view.ScatterSay = q.scatterCaption(e)
			view.Influence = q.influenceTable(e)
			view.Variogram = template.HTML(q.drawVariogram(v.ids.next(), e))
			if view.Variogram != "" {
				view.Fit = surrogateFits(e)
			}
			view.Parameters = nullParameters(l.Parameters)
		}
		if r := e.Regression; r != nil {
			view.Regression = q.regressionView(v.ids.next(), e)
		}
		view.Pairs, view.PairSay = q.pairTable(e), q.pairWords(e)
		s.Effects = append(s.Effects, view)
	}
	for i := range q.Shifts {
		s.Shifts = append(s.Shifts, q.shiftView(&q.Shifts[i]))
	}
	s.Matrices = q.matrices(&v.ids)
	s.Maps, s.MapScale, s.MapNote = q.maps(v, g.View, scale)
	s.Sources = q.sourceTable()
	v.Receptors = s
}
