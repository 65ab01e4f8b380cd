package report

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
)

// A symptomsView is the part of the page on perfusion and symptoms.
type symptomsView struct {
	Heading  string
	Lead     []symptomLine // at the top of the page
	LeadRest int           // associations not among them
	LeadNote string
	Intro    []string
	Lost     string // planned associations that are not in the results
	Overview []template.HTML
	List     []associationView
	Undrawn  int // scatter plots left out
	Courses  []courseView
	Scores   []courseGroup // that are drawn
	Others   []courseGroup
	NOthers  int // other scores, those included that the table leaves out
	CI       string
}

// A symptomLine is one planned association in a line.
type symptomLine struct{ ID, Name, Text string }

// An associationView is one association.
type associationView struct {
	ID, Name, Sentence, Failed string
	Tags                       []tag
	Scatter                    template.HTML
	Caption                    string
	Table                      *symptomTable
	Notes                      []string
	Missing                    []string
}

// A symptomTable has a column for each treatment and each difference.
type symptomTable struct {
	Columns []string
	Groups  []symptomGroup
}

// A symptomGroup is rows under a heading, which may be empty.
type symptomGroup struct {
	Heading string
	Rows    []symptomRow
}

type symptomRow struct {
	Label string
	Cells []string // what follows a line end says more
	Claim bool     // what the sentence rests on
}

// Lines are the lines of a cell.
func (symptomRow) Lines(cell string) []string { return strings.Split(cell, "\n") }

// Span is the number of columns with the labels'.
func (t *symptomTable) Span() int { return len(t.Columns) + 1 }

// symptoms fills the part; it stays nil if there is nothing to show or to say.
func (v *groupView) symptoms() {
	d := v.D
	s := &symptomsView{Heading: "Perfusion and symptoms", CI: ci(orLevel(d.Level))}
	if a := d.Associations; a != nil {
		for i := range a.List {
			id := "association-" + strconv.Itoa(i+1)
			if i < maxFindings {
				s.Lead = append(s.Lead, symptomLine{id, associationName(&a.List[i]), d.associationLine(&a.List[i])})
			} else {
				s.LeadRest++
			}
			view := d.associationView(id, &a.List[i])
			if i < maxPeople {
				view.Scatter = template.HTML(d.drawScatter(v.ids.next(), &a.List[i]))
			} else {
				s.Undrawn++
			}
			if view.Scatter != "" {
				view.Caption = d.scatterCaption(&a.List[i])
			}
			s.List = append(s.List, view)
		}
		s.LeadNote = d.familyWords()
		s.Intro = d.symptomIntro()
		if p := d.newAssociationForest(); len(p.lanes) > 0 {
			for from := 0; from < len(p.lanes); from += forestChunk {
				s.Overview = append(s.Overview, template.HTML(p.draw(v.ids.next(), "Planned associations", from, min(from+forestChunk, len(p.lanes)))))
			}
		}
	}
	s.Lost = d.lostAssociations()
	if len(s.List) == 0 && s.Lost == "" {
		s.Heading = "Symptoms"
	}
	v.courses(s)
	if len(s.List)+len(s.Scores)+len(s.Others) > 0 || s.Lost != "" {
		v.Symptoms = s
	}
}

// associationName heads an association: as the plan calls it, else the measure
// and the score.
func associationName(a *crossover.Association) string {
	if strings.HasPrefix(a.Name, a.X) {
		return capital(a.Name)
	}
	return a.Name // its first word may be a region, such as pgACC
}

// lostAssociations says that the plan names associations that nothing came of.
func (d *trialData) lostAssociations() string {
	found := 0
	if d.Associations != nil {
		found = len(d.Associations.List)
	}
	planned := len(d.plan.Association)
	switch lost := planned - found; {
	case lost <= 0:
		return ""
	case found == 0 && planned == 1:
		return "The association that the plan names could not be looked for: what it names is not there."
	case found == 0:
		return fmt.Sprintf("None of the %d associations that the plan names could be looked for: what they name is not there.", planned)
	default:
		return fmt.Sprintf("%d of the %d associations that the plan names could not be looked for: what they name is not there.", lost, planned)
	}
}

// coefficient is the sign of the correlation of an association.
func (d *trialData) coefficient(a *crossover.Association) string {
	name := "r"
	switch d.Associations.Method {
	case "spearman":
		name = "ρ"
	case "robust":
		name = "percentage-bend r"
	}
	if len(a.Adjust) > 0 {
		name = "partial " + name
	}
	return name
}

// adjustedName names the p-value that claims rest on.
func (d *trialData) adjustedName() string {
	switch d.Associations.Multiplicity {
	case "holm":
		return "Holm-adjusted p"
	case "fdr":
		return "FDR-adjusted p"
	case "none":
		return "p, not adjusted"
	}
	return "adjusted p"
}

// associationLine says in a line whether an association is found, and whether
// the treatments differ in it.
func (d *trialData) associationLine(a *crossover.Association) string {
	if len(a.By) == 0 {
		return sentence("could not be computed: " + orText(a.Failed, "there are no data"))
	}
	s, w := d.Associations, &a.By[0]
	if w.Failed != "" || !finite(w.R) {
		return sentence("could not be computed under " + w.Treatment + ": " + orText(w.Failed, "there is no coefficient"))
	}
	kind := "correlation"
	if a.Side == "positive" || a.Side == "negative" {
		kind = a.Side + " correlation"
	}
	what := "no " + kind + " is shown"
	if s.Shown(w.PAdjusted) {
		what = "a " + kind + " is shown"
		if w.R < 0 && kind == "correlation" {
			what = "a negative correlation is shown"
		}
	}
	t := fmt.Sprintf("under %s %s (%s = %s, %s %s, %s)", w.Treatment, what, d.coefficient(a), fixed(float64(w.R), 2), ci(orLevel(d.Level)), spanR(w.Low, w.High), oneSided(a)+d.adjustedEquals(w.PAdjusted))
	fragile := w.Fragile != ""
	for i := range a.Differences {
		f := &a.Differences[i]
		if f.Failed != "" || !finite(f.Delta) {
			t += fmt.Sprintf("; whether it differs under %s could not be computed", f.Treatment)
			continue
		}
		fragile = fragile || f.Fragile != ""
		what := "that it differs under " + f.Treatment + " is not shown"
		if s.Shown(f.PAdjusted) {
			what = "it differs under " + f.Treatment
		}
		t += fmt.Sprintf("; %s (difference %s, %s %s, %s)", what, signedR(f.Delta), ci(orLevel(d.Level)), spanR(f.Low, f.High), d.adjustedEquals(f.PAdjusted))
	}
	t += "."
	if fragile {
		t += " Leaving out one person can turn this."
	}
	return capital(t)
}

// oneSided says so of a test that is.
func oneSided(a *crossover.Association) string {
	if a.Side == "positive" || a.Side == "negative" {
		return "one-sided "
	}
	return ""
}

// adjustedEquals writes the p-value that a claim rests on.
func (d *trialData) adjustedEquals(p crossover.Number) string {
	if d.Associations.Multiplicity == "none" {
		return pEquals(p)
	}
	return "adjusted " + pEquals(p)
}

// associationTags are what was found as labels.
func (d *trialData) associationTags(a *crossover.Association) []tag {
	if len(a.By) == 0 || a.By[0].Failed != "" || !finite(a.By[0].R) {
		return []tag{{"bad", "✕", "not computed"}}
	}
	s, w := d.Associations, &a.By[0]
	out := []tag{{"info", "○", "none shown under " + w.Treatment}}
	if s.Shown(w.PAdjusted) {
		out[0] = tag{"info", "●", "shown under " + w.Treatment}
	}
	for i := range a.Differences {
		switch f := &a.Differences[i]; {
		case f.Failed != "" || !finite(f.Delta):
			out = append(out, tag{"bad", "✕", "difference to " + f.Treatment + " not computed"})
		case s.Shown(f.PAdjusted):
			out = append(out, tag{"info", "≠", "differs under " + f.Treatment})
		default:
			out = append(out, tag{"info", "?", "difference to " + f.Treatment + " not shown"})
		}
	}
	return out
}

// familyWords says over what the p-values of associations are corrected.
func (d *trialData) familyWords() string {
	s := d.Associations
	if len(s.List) == 0 {
		return ""
	}
	claims, shifts := 0, 0
	for i := range s.List {
		for k := range s.List[i].By {
			if k == 0 && finite(s.List[i].By[k].PAdjusted) {
				claims++
			}
		}
		for k := range s.List[i].Differences {
			if finite(s.List[i].Differences[k].PAdjusted) {
				shifts++
			}
		}
	}
	if s.Multiplicity == "none" {
		return fmt.Sprintf("p is not corrected, neither over the %s nor over the %s, as the plan has it.", plural(claims, "correlation", "correlations"), plural(shifts, "difference", "differences"))
	}
	how := map[string]string{"holm": "after Holm", "fdr": "by the false discovery rate"}[s.Multiplicity]
	return strings.Join(strings.Fields(fmt.Sprintf("Adjusted p is corrected %s over %s, and apart from them over %s between treatments.", how,
		plural(claims, "planned correlation", "planned correlations"), plural(shifts, "difference", "differences"))), " ") + " Intervals are not."
}

// symptomIntro says how the part is to be read.
func (d *trialData) symptomIntro() []string {
	s := d.Associations
	if len(s.List) == 0 {
		return nil
	}
	several := slices.ContainsFunc(s.List, func(a crossover.Association) bool { return len(a.Differences) > 0 })
	var out []string
	if several {
		out = append(out, "Whether a treatment changed an association is asked of the difference between the two correlations, in the people who have both treatments: not of one being shown and the other not. That no difference is shown does not mean that there is none. Its interval says how large it could be"+d.differenceReach()+".")
	}
	t := d.familyWords()
	if several {
		t += " Correlations under other treatments than the plan’s are no claims and have no adjusted p."
	}
	return append(out, t)
}

// differenceReach says how far the differences are known, as half the widths of
// their intervals; "" without one.
func (d *trialData) differenceReach() string {
	lo, hi := math.Inf(1), math.Inf(-1)
	least, most := math.MaxInt, 0
	for i := range d.Associations.List {
		for _, f := range d.Associations.List[i].Differences {
			if h := float64(f.High-f.Low) / 2; h > 0 && !math.IsInf(h, 0) {
				lo, hi = min(lo, h), max(hi, h)
				least, most = min(least, f.N), max(most, f.N)
			}
		}
	}
	if hi < lo {
		return ""
	}
	people, reach := strconv.Itoa(most)+" people", fixed(hi, 2)
	if least < most {
		people = fmt.Sprintf("%d to %d people", least, most)
	}
	if fixed(lo, 2) != reach {
		reach = fixed(lo, 2) + " to " + reach
	}
	return fmt.Sprintf("; with %s it is known to about ±%s", people, reach)
}

// newAssociationForest sets the correlations of all associations under each
// treatment beside their differences.
func (d *trialData) newAssociationForest() *forestPlot {
	p := &forestPlot{full: true, pitch: 19, lead: 34, what: "associations", nameLines: 4, leftAxis: axis{lo: -1, hi: 1}}
	p.head = [2]string{"Correlation, partial where adjusted", "Difference of correlations"}
	var right []float64
	key := func(series int, name string) {
		if !slices.ContainsFunc(p.key, func(k keyEntry) bool { return k.name == name }) {
			p.key = append(p.key, keyEntry{series, name})
		}
	}
	for i := range d.Associations.List {
		a := &d.Associations.List[i]
		l := forestLane{name: associationName(a), margin: [2]float64{math.NaN(), math.NaN()}}
		for k := range a.By {
			c := &a.By[k]
			series := d.series(c.Treatment)
			iv := interval{series: series, est: float64(c.R), low: float64(c.Low), top: float64(c.High), text: fixed(float64(c.R), 2) + " (" + spanR(c.Low, c.High) + ")"}
			iv.tip = fmt.Sprintf("%s, %s: %s = %s (%s %s), n = %d", a.Name, c.Treatment, d.coefficient(a), fixed(float64(c.R), 2), ci(orLevel(d.Level)), spanR(c.Low, c.High), c.N)
			if !finite(c.R) {
				iv.text = "not computed"
			}
			l.left = append(l.left, iv)
			key(series, c.Treatment)
		}
		for k := range a.Differences {
			f := &a.Differences[k]
			series := seriesInteraction
			if d.severalDifferences() {
				series = d.series(f.Treatment)
			}
			iv := interval{series: series, est: float64(f.Delta), low: float64(f.Low), top: float64(f.High), text: signedR(f.Delta) + " (" + spanR(f.Low, f.High) + ")"}
			iv.tip = fmt.Sprintf("%s, %s − %s: %s (%s %s), n = %d", a.Name, a.Within, f.Treatment, signedR(f.Delta), ci(orLevel(d.Level)), spanR(f.Low, f.High), f.N)
			if !finite(f.Delta) {
				iv.text = "not computed"
			}
			l.right = append(l.right, iv)
			right = append(right, iv.est, iv.low, iv.top)
			key(series, a.Within+" − "+f.Treatment)
		}
		if len(a.By) == 0 {
			l.failed = "not computed: " + orText(a.Failed, "there are no data")
		}
		p.lanes = append(p.lanes, l)
	}
	p.rightAxis = forestAxis(right)
	p.place()
	return p
}

// spanR writes an interval of correlations or slopes.
func spanR(lo, hi crossover.Number) string {
	if math.IsNaN(float64(lo)) || math.IsNaN(float64(hi)) {
		return dash
	}
	return limitR(lo) + " to " + limitR(hi)
}

// limitR writes a limit with two decimals. That of a slope can be of any size
// where degrees of freedom are next to none.
func limitR(v crossover.Number) string {
	if math.Abs(float64(v)) >= 1000 {
		return number(float64(v), 2)
	}
	return fixed(float64(v), 2)
}

// signedR writes a difference of correlations or slopes with its sign.
func signedR(v crossover.Number) string { return amount{decimals: 2}.signed(v) }
