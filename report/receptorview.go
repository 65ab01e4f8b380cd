package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/nullmap"
	"phasl/receptor"
)

// receptorAlpha is the threshold of the family-wise p of alignments.
const receptorAlpha = 0.05

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
	Table      *plainTable
	TableNote  string
	Scatter    []template.HTML
	ScatterSay string
	Influence  *plainTable
	Regression *receptorRegressionView
	NoModel    string // why there is no regression
	Variogram  template.HTML
	FitTags    []tag
	FitSay     string
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
	a := q.forestAxis()
	budget, said := receptorTips, ""
	for i := range q.Effects {
		e := &q.Effects[i]
		view := receptorEffectView{ID: "receptor-" + strconv.Itoa(i+1), Name: q.label(e), Tags: q.tags(e), Sentence: q.sentence(e), Cautions: receptorCautions(e)}
		s.Lead = append(s.Lead, symptomLine{view.ID, capital(view.Name), view.Sentence})
		if t := strings.TrimSpace(e.PeopleNote); t != "" {
			view.Notes = append(view.Notes, "People’s maps: "+t)
		}
		if l := e.Alignments; l != nil {
			for from := 0; from < len(l.Results); from += forestChunk {
				view.Forest = append(view.Forest, template.HTML(q.drawForest(v.ids.next(), e, a, from, min(from+forestChunk, len(l.Results)))))
			}
			view.Table = q.alignmentTable(e)
			if caption := q.forestCaption(e); caption != said { // not once more under the next map
				view.Caption, view.TableNote, said = caption, q.tableNote(e), caption
			}
			for k := range l.Results {
				if len(view.Scatter) >= maxPeople/2 {
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
				view.FitTags, view.FitSay = fitWords(e)
			}
			view.Parameters = nullParameters(l.Parameters)
		}
		if r := e.Regression; r != nil {
			view.Regression = q.regressionView(v.ids.next(), e)
		} else {
			view.NoModel = sentence(e.Note)
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

// label names an effect map in words.
func (q *Receptors) label(e *ReceptorEffect) string {
	return orText(e.Label, orText(e.Name, "effect"))
}

// symbol is the sign of the coefficient.
func (q *Receptors) symbol() string {
	if q.method() == receptor.Spearman {
		return "ρ"
	}
	return "r"
}

// method is how maps were correlated: as the alignments say, else as given.
func (q *Receptors) method() receptor.Method {
	for i := range q.Effects {
		if a := q.Effects[i].Alignments; a != nil && a.Method != "" {
			return a.Method
		}
	}
	if q.Method == "" {
		return receptor.Spearman
	}
	return q.Method
}

// name calls a density by its target, with its file where the panel has
// several of the target.
func (q *Receptors) name(target, file string) string {
	n := 0
	for i := range q.Panel {
		if q.Panel[i].Target == target {
			n++
		}
	}
	if n > 1 && file != "" {
		return target + " (" + file + ")"
	}
	return orText(target, orText(file, "receptor without a name"))
}

// density is the panel's map of a result; nil if it is not there.
func (q *Receptors) density(target, file string) *receptor.Density {
	for i := range q.Panel {
		if d := &q.Panel[i]; d.Target == target && d.File == file {
			return d
		}
	}
	return nil
}

// person is what people's maps say of the receptor of a result; nil if there
// is nothing.
func (e *ReceptorEffect) person(target, file string) *receptor.PeopleAlignment {
	if e.People == nil {
		return nil
	}
	for i := range e.People.Results {
		if p := &e.People.Results[i]; p.Target == target && p.File == file {
			return p
		}
	}
	return nil
}

// A receptorClaim is what is said of one receptor.
type receptorClaim struct {
	name   string
	r, p   float64 // of the same map
	people bool    // p speaks for new people too
	reason string  // why p is NaN
}

func (c receptorClaim) shown() bool { return c.p < receptorAlpha }

// claims returns the claim of each receptor: the joint p of people and places
// where people's maps were tested, else that of places.
func (q *Receptors) claims(e *ReceptorEffect) []receptorClaim {
	var out []receptorClaim
	if e.People != nil {
		for i := range e.People.Results {
			p := &e.People.Results[i]
			out = append(out, receptorClaim{q.name(p.Target, p.File), p.R, p.PJointFWE, true, p.Reason})
		}
		return out
	}
	if e.Alignments != nil {
		for i := range e.Alignments.Results {
			a := &e.Alignments.Results[i]
			out = append(out, receptorClaim{q.name(a.Target, a.File), a.R, a.PFWE, false, a.Reason})
		}
	}
	return out
}

func isNumber(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func pText(p float64) string { return pValue(crossover.Number(p)) }

func pIs(p float64) string { return pEquals(crossover.Number(p)) }

// r2 writes a coefficient.
func r2(v float64) string { return fixed(v, 2) }

func signedTwo(v float64) string { return signedR(crossover.Number(v)) }

// between writes an interval of coefficients.
func between(lo, hi float64) string { return spanR(crossover.Number(lo), crossover.Number(hi)) }

// coefficientIs writes the coefficient with its sign, which no line end parts.
func (q *Receptors) coefficientIs(r float64) string {
	return q.symbol() + "\u00a0=\u00a0" + r2(r)
}

// mostNamed is the number of receptors that a sentence names.
const mostNamed = 6

// sentence says which densities an effect map looks like, by the p of the
// claims.
func (q *Receptors) sentence(e *ReceptorEffect) string {
	var more, less, lost []string
	rest := 0
	best := receptorClaim{p: math.NaN()}
	for _, c := range q.claims(e) {
		switch {
		case !isNumber(c.p) || !isNumber(c.r):
			lost = append(lost, c.name)
		case c.shown() && c.r > 0:
			more = append(more, fmt.Sprintf("%s (%s, %s)", c.name, q.coefficientIs(c.r), pIs(c.p)))
		case c.shown():
			less = append(less, fmt.Sprintf("%s (%s, %s)", c.name, q.coefficientIs(c.r), pIs(c.p)))
		default:
			rest++
			if !(best.p <= c.p) {
				best = c
			}
		}
	}
	say := func(list []string) string {
		if n := len(list); n > mostNamed {
			list = append(list[:mostNamed:mostNamed], fmt.Sprintf("%d more", n-mostNamed))
		}
		return joinAnd(list)
	}
	denser := func(list []string) string {
		if len(list) == 1 {
			return " is denser"
		}
		return " are denser"
	}
	var parts []string
	if len(more) > 0 {
		parts = append(parts, "higher where "+say(more)+denser(more))
	}
	if len(less) > 0 {
		parts = append(parts, "lower where "+say(less)+denser(less))
	}
	nearest := ""
	if isNumber(best.p) {
		nearest = fmt.Sprintf("%s, %s", q.coefficientIs(best.r), pIs(best.p))
	}
	t := ""
	switch {
	case len(parts) > 0:
		t = "values are " + joinAnd(parts)
		if rest > 0 {
			t += fmt.Sprintf("; no alignment with the other %s is shown", plural(rest, "receptor", "receptors"))
		}
		t += "."
	case rest == 1 && best.name != "":
		t = fmt.Sprintf("no alignment with the density of %s is shown (%s).", best.name, nearest)
	case rest > 1:
		t = fmt.Sprintf("no alignment with any of %d receptors is shown (nearest: %s, %s).", rest, best.name, nearest)
	}
	if len(lost) > 0 {
		t += " Not computed: " + say(lost) + "."
	}
	if t == "" {
		t = "no alignment was computed."
	}
	t = capital(strings.TrimSpace(t))
	if e.People == nil && e.Alignments != nil {
		t += " This speaks for other places only, not for other people."
	}
	return t
}

// tags are the claims as labels.
func (q *Receptors) tags(e *ReceptorEffect) []tag {
	var out []tag
	n := 0
	claims := q.claims(e)
	for _, c := range claims {
		if c.shown() && isNumber(c.r) {
			if n++; n > mostNamed {
				continue
			}
			sign := "+"
			if c.r < 0 {
				sign = "−"
			}
			out = append(out, tag{"info", sign, clip(c.name, 40)})
		}
	}
	if n > mostNamed {
		out = append(out, tag{"info", "…", fmt.Sprintf("%d more", n-mostNamed)})
	}
	if n == 0 {
		if slices.ContainsFunc(claims, func(c receptorClaim) bool { return isNumber(c.p) }) {
			return []tag{{"info", "○", "none shown"}}
		}
		return []tag{{"bad", "✕", "not computed"}}
	}
	return out
}

// intro says what was asked and how it is to be read.
func (q *Receptors) intro() []string {
	what := "Does the map of an effect look like the density of a receptor?"
	over := " Each effect is compared with each density over the regions of the atlas"
	if q.Atlas != "" {
		over += " " + q.Atlas
	}
	over += ", by " + q.methodWords()
	if len(q.Adjust) > 0 {
		over += ", after taking out " + joinAnd(q.Adjust)
	}
	over += "."
	claim := " Shown means p < 0.05, corrected over the receptors for each effect map but not over effect maps."
	people, places := false, false
	for i := range q.Effects {
		people = people || q.Effects[i].People != nil
		places = places || q.Effects[i].People == nil && q.Effects[i].Alignments != nil
	}
	if people {
		claim += " This p speaks for new people and other places at once. p (people) alone is small for any map that people share; p (places) alone is small where people’s noise happens to look like a receptor: neither is the claim. The " + q.symbol() + " beside this p is that of the mean of people’s maps."
	}
	if places {
		claim += " Where people’s own maps were not tested, p speaks for other places only: in other people the map could be another."
	}
	return []string{what + over + claim, notOccupancy + " Densities are of other people, some of them few, and are taken as known. That no alignment is shown does not mean that there is none."}
}

const notOccupancy = "Alignment is not occupancy: that an effect looks like a receptor’s density does not show that the drug acted at that receptor."

func (q *Receptors) leadNote() string {
	t := "p is corrected over the receptors"
	people := slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.People != nil })
	if people {
		t += ", and speaks for new people and other places"
		if slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.People == nil }) {
			t += " where not said otherwise"
		}
	}
	return t + ". " + notOccupancy
}

func (q *Receptors) methodWords() string {
	w := "Pearson’s correlation"
	if q.method() == receptor.Spearman {
		w = "Spearman’s rank correlation"
	}
	if q.adjusted() {
		w = "partial " + w
	}
	return w
}

// adjusted reports whether anything was taken out of the maps.
func (q *Receptors) adjusted() bool {
	if len(q.Adjust) > 0 {
		return true
	}
	return slices.ContainsFunc(q.Effects, func(e ReceptorEffect) bool { return e.Alignments != nil && len(e.Alignments.Covariates) > 0 })
}

// receptorCautions gathers what speaks against the tests of places and people.
func receptorCautions(e *ReceptorEffect) []string {
	var out []string
	if a := e.Alignments; a != nil {
		for _, c := range a.Cautions {
			out = append(out, sentence(c))
		}
	}
	if p := e.People; p != nil {
		for _, c := range p.Cautions {
			out = append(out, sentence("people’s maps: "+c))
		}
	}
	return out
}

// nullWords says what surrogates are.
func nullWords(m nullmap.Method) string {
	switch m {
	case nullmap.GP, "":
		return "Gaussian-process surrogates"
	case nullmap.Variogram:
		return "variogram-matched surrogates"
	case nullmap.BrainSMASH:
		return "BrainSMASH surrogates"
	case nullmap.Moran:
		return "Moran surrogates"
	case nullmap.MoranPair:
		return "Moran surrogates (pairs)"
	case nullmap.Spin:
		return "rotations on the sphere"
	}
	return string(m) + " surrogates"
}

// nullParameters lists the numbers that tell how surrogates were made.
func nullParameters(list []nullmap.Parameter) string {
	var out []string
	for _, p := range list {
		out = append(out, strings.TrimSpace(p.Name+" "+short(p.Value)+" "+p.Unit))
	}
	if len(out) == 0 {
		return ""
	}
	return "The null: " + strings.Join(out, "; ") + "."
}
