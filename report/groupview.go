package report

import (
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/diag"
)

// What follows is the page of a trial in the order of its template.

type groupView struct {
	head
	G        *Group
	D        *trialData
	ids      ids
	Contents []link
	Opening  string
	Findings []finding
	Rest     int // primary regions not among the findings
	Caveats  []string

	Flow       bool
	Global     template.HTML
	GlobalRows *effectsTable
	GlobalNote string
	Forests    []forestView
	People     []measureFigures
	Undrawn    int // spaghetti plots left out
	Effects    []*effectsTable
	Evidence   []evidenceView
	Symptoms   *symptomsView  // nil: there is nothing on symptoms
	Receptors  *receptorsView // nil: none were looked at
	Scales     string         // prior scales of the Bayes factors
	Models     []fitView
	Quality    template.HTML
	LeftOut    []crossover.FlowItem
	Maps       []mapView
	MapNote    string
	Methods    []paragraphView
	Problems   []problemView
}

type forestView struct {
	Heading string
	Primary template.HTML
	Others  []template.HTML
	Count   int // regions in Others
	Failed  []string
}

type measureFigures struct {
	Heading, Note string
	Figures       []template.HTML
}

type effectsTable struct {
	Heading, Unit   string
	Primary, Others []effectGroup
	Level           string
}

type effectGroup struct {
	Region, Failed string
	Rows           []effectRow
}

// Span is the number of rows that the region's name spans.
func (g effectGroup) Span() int { return max(1, len(g.Rows)) }

type effectRow struct {
	Label, Estimate, SE, DF, T, P, Adjusted, CI, Percent, DZ, N string
	Exact                                                       string // estimate, SE, df, t and p at full precision; "": not given
	Strong                                                      bool   // of the claims
}

type evidenceView struct {
	Heading string
	Drawing template.HTML
	Rows    []evidenceCells
	Level   string // of the interval of the tests
	Scale   string // on which it decides
	CI      string
}

type evidenceCells struct {
	Region, Treatment, P, Lessened, Equivalent, BF, Verdict string
	Difference, Retained, Interval                          []string // lines
	Tag                                                     tag
}

type fitView struct {
	Name, Formula, Size string
	State               []tag
	Components          []crossover.Component
	Tests               []testCells
	Means               []meanCells
	QQ, Residuals       template.HTML
	Notes               []string
	Spread              string // of residuals, by phase
	Other               *sensitivityView
	unit                string
}

// A sensitivityView is the model in which people may differ in the phase
// effect, beside the plan's.
type sensitivityView struct {
	Formula, Failed string
	Rows            []sensitivityCells
}

type sensitivityCells struct{ Label, Estimate, SE, OtherSE, P, OtherP string }

type testCells struct{ Term, DF, F, P string }

type meanCells struct{ Treatment, Phase, Mean, SE, CI, N string }

// maxPeople is the number of spaghetti plots, and of models shown in detail:
// a plan that names no primary region makes every region primary.
const maxPeople = 36

func newGroupView(g *Group, scale float64) *groupView {
	d := newTrialData(g)
	v := &groupView{head: newGroupHead(orText(g.Title, orText(d.Title, "Trial")) + " · perfusion MRI report"), G: g, D: d}
	v.Opening = d.opening()
	v.Findings, v.Rest = d.findings()
	if v.Findings != nil {
		v.Caveats = d.caveats(slices.Concat(d.Problems, g.Problems))
	}
	v.Flow = d.Flow.Randomised+d.Flow.Scanned+d.Flow.Analysed > 0
	v.global()
	for _, m := range d.measures {
		v.Forests = append(v.Forests, v.forest(m))
		v.people(m)
		v.Effects = append(v.Effects, d.effects(m))
		v.evidence(m)
		v.models(m)
	}
	v.symptoms()
	v.receptors(g, scale)
	v.Quality = template.HTML(d.drawQuality(v.ids.next(), g.Quality))
	v.leftOut()
	v.maps(g, scale)
	v.MapNote = scaleText(g.Maps, g.Space)
	for _, t := range g.Methods {
		v.Methods = append(v.Methods, paragraphView{t.Heading, cite(t.Text, g.References)})
	}
	v.problems()
	v.contents()
	return v
}

func (v *groupView) contents() {
	add := func(show bool, id, name string) {
		if show {
			v.Contents = append(v.Contents, link{id, name})
		}
	}
	add(v.Flow, "flow", "Participants")
	add(v.Done(), "done", "What was done")
	add(v.Global != "" || v.GlobalRows != nil, "global", "Global CBF")
	add(len(v.Forests) > 0, "forest", "Regions")
	add(len(v.People) > 0, "people", "Each person")
	add(len(v.Effects) > 0, "effects", "Effects")
	add(len(v.Evidence) > 0, "evidence", "For and against attenuation")
	if v.Symptoms != nil {
		add(true, "symptoms", v.Symptoms.Heading)
	}
	add(v.Receptors != nil, "receptors", "Receptors")
	add(len(v.Models) > 0, "models", "Models")
	add(v.Quality != "" || len(v.LeftOut) > 0, "quality", "Quality")
	add(len(v.Maps) > 0, "maps", "Maps")
	add(len(v.Methods) > 0, "methods", "Methods")
	add(len(v.Problems) > 0, "problems", "Problems")
}

// Done reports whether there is anything to say on plan and inference.
func (v *groupView) Done() bool {
	d := v.D
	return len(d.Results.Plan.Words)+len(d.Deviations)+len(d.Inferred) > 0 || d.Results.Plan.SHA256 != ""
}

// Plan is the plan in sentences, without those on what was worked out, which
// stand apart, and with that on maps put right where none were made.
func (v *groupView) Plan() []string {
	words := slices.DeleteFunc(slices.Clone(v.D.Results.Plan.Words), func(s string) bool {
		_, after, ok := strings.Cut(s, "Worked out from the data: ")
		return ok && slices.Contains(v.D.Inferred, after)
	})
	for i, s := range words {
		if strings.Contains(s, "at every voxel") && len(v.G.Maps) == 0 {
			words[i] = "The plan asks for maps of the effects at every voxel; none were made."
		}
	}
	return words
}

// Person is a participant's label with its key.
func (v *groupView) Person(label string) string { return subjectName(label) }

// Seed is the seed as written.
func (v *groupView) Seed() string { return strconv.FormatUint(v.D.Seed, 10) }

// global draws global CBF: from its own model, or without one from the values
// that stood beside the first measure's.
func (v *groupView) global() {
	d := v.D
	if d.global != nil {
		v.Global = template.HTML(d.drawSpaghetti(v.ids.next(), d.global))
		v.GlobalRows = &effectsTable{Unit: tableUnit(d.global), Level: ci(d.Level), Primary: []effectGroup{d.effectGroup(d.global, true)}}
		return
	}
	f := &crossover.RegionFit{Region: "global CBF", Measure: crossover.Absolute}
	seen := map[crossover.Point]bool{}
	for _, m := range d.measures {
		for _, fit := range slices.Concat(m.primary, m.others) {
			for _, q := range fit.Data {
				key := crossover.Point{Subject: q.Subject, Treatment: q.Treatment, Phase: q.Phase, Period: q.Period}
				if finite(q.Global) && !seen[key] {
					seen[key] = true
					key.Value = q.Global
					f.Data = append(f.Data, key)
				}
			}
		}
	}
	slices.SortStableFunc(f.Data, func(a, b crossover.Point) int { return strings.Compare(a.Subject, b.Subject) })
	v.Global = template.HTML(d.drawSpaghetti(v.ids.next(), f))
	if v.Global != "" {
		v.GlobalNote = "The results hold no model of global CBF: lines only."
	}
}

func (v *groupView) forest(m measureData) forestView {
	out := forestView{Heading: v.D.heading(m.measure), Count: len(m.others)}
	if len(m.primary) > 0 {
		p := v.D.newForest(m.primary, len(m.primary) <= forestChunk)
		for from := 0; from < len(p.lanes); from += forestChunk {
			fig := p.draw(v.ids.next(), out.Heading+", primary regions", from, min(from+forestChunk, len(p.lanes)))
			out.Primary += template.HTML(fig)
		}
	}
	if len(m.others) > 0 {
		p := v.D.newForest(m.others, false)
		for from := 0; from < len(p.lanes); from += forestChunk {
			out.Others = append(out.Others, template.HTML(p.draw(v.ids.next(), out.Heading+", other regions", from, min(from+forestChunk, len(p.lanes)))))
		}
	}
	return out
}

func (v *groupView) people(m measureData) {
	figs := measureFigures{Heading: v.D.heading(m.measure)}
	if m.measure == crossover.GlobalAdjusted {
		if len(v.People) > 0 && v.D.measures[0].measure == crossover.Absolute {
			return // the same values once more
		}
		figs.Note = "Lines are CBF as measured; means are those at the mean of global CBF."
	}
	drawn := 0
	for _, p := range v.People {
		drawn += len(p.Figures)
	}
	for _, f := range m.primary {
		if drawn+len(figs.Figures) == maxPeople {
			v.Undrawn++
			continue
		}
		if fig := v.D.drawSpaghetti(v.ids.next(), f); fig != "" {
			figs.Figures = append(figs.Figures, template.HTML(`<h4>`+escape(f.Region)+`</h4>`+fig))
		}
	}
	if len(figs.Figures) > 0 {
		v.People = append(v.People, figs)
	}
}

func (d *trialData) effects(m measureData) *effectsTable {
	t := &effectsTable{Heading: d.heading(m.measure), Level: ci(d.Level)}
	for _, f := range m.primary {
		t.Unit = tableUnit(f)
		t.Primary = append(t.Primary, d.effectGroup(f, true))
	}
	for _, f := range m.others {
		t.Unit = tableUnit(f)
		t.Others = append(t.Others, d.effectGroup(f, false))
	}
	return t
}

// effectGroup formats the effects of one model; exact values are added for
// the regions of the claims, and stand in the tables for all.
func (d *trialData) effectGroup(f *crossover.RegionFit, full bool) effectGroup {
	g := effectGroup{Region: f.Region, Failed: f.Failed}
	if f.Failed != "" {
		return g
	}
	a := amountOf(f)
	for i := range f.Effects {
		e := &f.Effects[i]
		r := effectRow{Label: orText(e.Label, e.Name), Estimate: a.signed(e.Estimate), SE: a.of(e.SE), DF: degrees(e.DF), T: fixed(float64(e.T), 2), P: pValue(e.P),
			Adjusted: pValue(e.PAdjusted), CI: a.interval(e.Low, e.High), Percent: fixed(float64(e.Percent), 1), DZ: fixed(float64(e.DZ), 2), N: strconv.Itoa(e.N), Strong: e.Primary && full}
		if full {
			r.Exact = "estimate " + full64(e.Estimate) + ", SE " + full64(e.SE) + ", df " + full64(e.DF) + ", t " + full64(e.T) + ", p " + full64(e.P)
		}
		g.Rows = append(g.Rows, r)
	}
	return g
}

// tableUnit says what a table's estimates are in; "" for a ratio.
func tableUnit(f *crossover.RegionFit) string {
	if f.Log {
		return "natural logarithms: a difference of 0.10 is about 10 %"
	}
	if f.Measure == crossover.Relative {
		return "shares of global CBF"
	}
	return measureUnit(f)
}

// full64 writes every digit of a number, as a program reads it.
func full64(v crossover.Number) string {
	if math.IsNaN(float64(v)) {
		return dash
	}
	return strconv.FormatFloat(float64(v), 'g', -1, 64)
}

func (v *groupView) evidence(m measureData) {
	d := v.D
	rows := evidence(m.primary)
	if len(rows) == 0 {
		return
	}
	out := evidenceView{Heading: v.D.heading(m.measure), CI: ci(d.Level), Level: "interval of the tests"}
	if len(rows) <= maxPeople {
		out.Drawing = template.HTML(d.drawEvidence(v.ids.next(), rows))
	}
	for _, r := range rows {
		a := amountOf(r.fit)
		out.Level = d.testLevel(r.att)
		c := evidenceCells{Region: r.fit.Region, Treatment: r.of(d), Difference: []string{a.signed(r.diff.Estimate), "(" + a.interval(r.diff.Low, r.diff.High) + ")"}, Retained: []string{dash}, Interval: []string{dash},
			P: pValue(r.diff.PAdjusted), Lessened: pValue(r.att.PLower), Equivalent: pValue(r.att.P), BF: bayes(r.att.BF01), Verdict: sentence(r.att.Verdict), Tag: d.outcomeTag(r)}
		if !finite(r.diff.PAdjusted) {
			c.P = pValue(r.diff.P)
		}
		if (r.att.PLower < r.att.Alpha) != r.att.NotLessened { // the effect is a fall: an increase lessens it
			c.Lessened = pValue(r.att.PUpper)
		}
		if t := r.att; finite(t.Retained) && t.RetainedLow < t.RetainedHigh {
			c.Retained = []string{fixed(float64(t.Retained), 0) + " %", "(" + fixed(float64(t.RetainedLow), 0) + " to " + fixed(float64(t.RetainedHigh), 0) + ")"}
		}
		if q, ok := r.decide(); ok {
			c.Interval = []string{q.span(r), "margin " + q.margins()}
			out.Scale = cbfUnit(q.unit)
		}
		out.Rows = append(out.Rows, c)
		if s := float64(r.att.Scale); s > 0 && finite(r.att.BF01) && v.Scales == "" {
			v.Scales = number(s, 3)
		}
	}
	v.Evidence = append(v.Evidence, out)
}

func (v *groupView) models(m measureData) {
	for _, f := range m.primary {
		if len(v.Models) == maxPeople {
			return
		}
		a := meansOf(f)
		out := fitView{Name: f.Region + ", " + measureName(f.Measure), Formula: f.Formula, Notes: f.Notes, unit: a.unit, Components: f.Components,
			Size: plural(f.NObs, "scan", "scans") + " of " + plural(f.NSubjects, "person", "people")}
		switch {
		case f.Failed != "":
			out.State = append(out.State, tag{"bad", "✕", "no model: " + f.Failed})
		case !f.Converged:
			out.State = append(out.State, tag{"bad", "✕", "did not converge"})
		default:
			out.State = append(out.State, tag{"ok", "✓", "converged"})
		}
		if f.Singular {
			out.State = append(out.State, tag{"warn", "!", "singular: a variance is estimated as zero"})
		}
		if slices.ContainsFunc(f.Components, func(c crossover.Component) bool { return c.Variance < 0 }) {
			out.State = append(out.State, tag{"ok", "·", "a variance is estimated below zero, as the plan allows"})
		}
		for _, t := range f.Tests {
			out.Tests = append(out.Tests, testCells{t.Term, fixed(float64(t.NumDF), 0) + ", " + degrees(t.DenDF), fixed(float64(t.F), 2), pValue(t.P)})
		}
		for _, q := range f.Means {
			out.Means = append(out.Means, meanCells{q.Treatment, q.Phase, a.of(q.Mean), a.of(q.SE), a.interval(q.Low, q.High), strconv.Itoa(q.N)})
		}
		out.Spread = v.D.residualSpread(f)
		out.Other = v.D.sensitivityView(f)
		out.QQ = template.HTML(drawQQ(v.ids.next(), f))
		out.Residuals = template.HTML(drawResiduals(v.ids.next(), f))
		v.Models = append(v.Models, out)
	}
}

// sensitivityView sets the two models side by side; nil if there is one.
func (d *trialData) sensitivityView(f *crossover.RegionFit) *sensitivityView {
	s := f.Sensitivity
	if s == nil {
		return nil
	}
	out := &sensitivityView{Formula: s.Formula, Failed: s.Failed}
	a := amountOf(f)
	for i := range f.Effects {
		e := &f.Effects[i]
		kind, _ := effectKind(e.Name)
		if kind != crossover.PhaseEffect && kind != crossover.AverageEffect && kind != crossover.Interaction {
			continue
		}
		if o := effectNamed(s, e.Name); o != nil {
			out.Rows = append(out.Rows, sensitivityCells{orText(e.Label, e.Name), a.signed(o.Estimate), a.of(e.SE), a.of(o.SE), pValue(e.P), pValue(o.P)})
		}
	}
	return out
}

// residualSpread writes the SD of the residuals of each phase, which the model
// takes to be equal; "" without residuals.
func (d *trialData) residualSpread(f *crossover.RegionFit) string {
	k := slices.IndexFunc(f.Components, func(c crossover.Component) bool { return c.Group == "Residual" })
	if k < 0 || !finite(f.Components[k].SD) {
		return ""
	}
	var parts []string
	for _, phase := range d.Phases {
		n, sum := 0, 0.0
		for _, q := range f.Data {
			if q.Phase == phase && finite(q.Residual) {
				n++
				sum += float64(q.Residual * q.Residual)
			}
		}
		if n > 0 {
			parts = append(parts, phase+" "+number(math.Sqrt(sum/float64(n))*float64(f.Components[k].SD), 2))
		}
	}
	if len(parts) < 2 {
		return ""
	}
	t := "Root mean square of the residuals by phase: " + joinAnd(parts)
	if u := effectUnit(f); u != "" {
		t += " " + u
	}
	return t + ". The model takes their variances to be equal."
}

// Unit is the unit of means, in brackets, or nothing.
func (f fitView) Unit() string {
	if f.unit == "" {
		return ""
	}
	return " [" + f.unit + "]"
}

// Deviation writes the standard deviation of a variance component.
func (f fitView) Deviation(c crossover.Component) string { return number(float64(c.SD), 3) }

// Variance writes a variance component.
func (f fitView) Variance(c crossover.Component) string { return number(float64(c.Variance), 3) }

// leftOut lists the scans left out.
func (v *groupView) leftOut() {
	v.LeftOut = v.D.scansLeftOut(v.G)
}

func (v *groupView) problems() {
	for _, q := range slices.Concat(v.D.Problems, v.G.Problems) {
		if q == nil {
			continue
		}
		c := "bad"
		if q.Severity == diag.Warning {
			c = "warn"
		}
		v.Problems = append(v.Problems, problemView{c, q.Severity.String(), q.File, q.Field, q.Found, q.Fix})
	}
}

// LostReasons counts people without any scan in the analysis by reason.
func (v *groupView) LostReasons() []reasonCount {
	var out []reasonCount
	for _, e := range v.D.Flow.Excluded {
		r := orText(e.Reason, "no reason recorded")
		k := slices.IndexFunc(out, func(c reasonCount) bool { return c.Reason == r })
		if k < 0 {
			k = len(out)
			out = append(out, reasonCount{Reason: r})
		}
		out[k].N++
		out[k].Units = append(out[k].Units, subjectName(e.Unit))
	}
	return out
}

type reasonCount struct {
	N      int
	Reason string
	Units  []string
}
