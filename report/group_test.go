package report

import (
	"encoding/xml"
	"errors"
	"image/color"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/voxel"
)

func TestGroupPage(t *testing.T) {
	page := renderGroup(t, standardTrial())
	keep(t, "group.html", page)
	wellFormed(t, page)
	if len(page) > maxGroupPage {
		t.Errorf("page has %d bytes", len(page))
	}
	for _, want := range []string{
		"Naltrexone and ketamine", "26 of 27 people were analysed", "placebo → naltrexone", "withdrew consent", "SHA-256",
		"p\u00a0&lt;\u00a00.001", "94 other regions", "How to read BF", "scale 0.707", "Uncorrected for the number of voxels",
		"mean framewise displacement 1.8 mm", `href="sub-07.html"`, "doi.org/10.2307/2533558", "doi.org/10.1007/BF01068419", "No row for ses-2", "limit of the plan",
	} {
		if !strings.Contains(strings.ReplaceAll(page, "no row", "No row"), want) {
			t.Errorf("page lacks %q", want)
		}
	}
	var at []int
	for _, id := range []string{"glance", "flow", "done", "global", "forest", "people", "effects", "evidence", "models", "quality", "maps", "methods", "problems"} {
		at = append(at, strings.Index(page, `<section id="`+id+`"`), strings.Index(page, `id="`+id+`"`))
	}
	at[0] = at[1] - 1 // the first section has a class before its id
	for i := 2; i < len(at); i += 2 {
		if at[i] <= at[i-2] {
			t.Errorf("parts out of order: %v", at)
			break
		}
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if u := link[1]; !strings.HasPrefix(u, "data:image/png;base64,") && strings.Contains(u, "//") && !strings.HasPrefix(u, "https://doi.org/") || strings.HasPrefix(u, "/") {
			t.Errorf("page refers to %q", clip(u, 100))
		}
	}
	bare := regexp.MustCompile(`base64,[^"]*`).ReplaceAllString(strings.ReplaceAll(page, `xmlns="http://www.w3.org/2000/svg"`, ""), "")
	for _, never := range []string{"NaN", "ZgotmplZ", " style=\"", "onclick", "http://", "<link", "@import", "url(http", "%!"} {
		if strings.Contains(bare, never) {
			t.Errorf("page holds %q", never)
		}
	}
}

func TestGroupDeterministic(t *testing.T) {
	ft := fakeTrial{people: 8, others: 5, seed: 2}
	if renderGroup(t, ft.group().withMaps(8)) != renderGroup(t, ft.group().withMaps(8)) {
		t.Error("two renderings differ")
	}
}

// TestGroupBound fills a page as the largest atlas would, once with its
// regions exploratory and once all primary, and with maps that do not
// compress.
func TestGroupBound(t *testing.T) {
	if testing.Short() {
		t.Skip("writes pages of 510 models")
	}
	g := fakeTrial{people: 26, others: 170, seed: 4}.group()
	grid := voxel.Grid{Dim: [3]int{97, 115, 97}, Affine: voxel.Affine{{2, 0, 0, -96}, {0, 2, 0, -132}, {0, 0, 2, -78}}}
	noise := voxel.NewImage(grid)
	for i := range noise.Data {
		noise.Data[i] = float32(i*2654435761%1000)/100 - 5
	}
	g.Template = noise
	for range 3 {
		g.Maps = append(g.Maps, EffectMap{Name: "effect", Estimate: noise, T: noise})
	}
	page := renderGroup(t, g)
	t.Logf("170 exploratory regions: %d bytes", len(page))
	if len(page) > maxGroupPage {
		t.Errorf("170 exploratory regions: %d bytes", len(page))
	}
	for i := range g.Results.Models {
		g.Results.Models[i].Primary = true
	}
	page = renderGroup(t, g)
	t.Logf("173 primary regions: %d bytes", len(page))
	if len(page) > maxGroupPage {
		t.Errorf("173 primary regions: %d bytes", len(page))
	}
	wellFormed(t, page)
}

// TestGroupEmpty writes pages with nothing or with every number missing.
func TestGroupEmpty(t *testing.T) {
	n := num(nan)
	void := crossover.RegionFit{Region: "a", Measure: "absolute", Primary: true, Data: []crossover.Point{{Subject: "01", Treatment: "p", Phase: "b", Value: n, Fitted: n, Residual: n, Global: n}},
		Means:   []crossover.CellMean{{Treatment: "p", Phase: "b", Mean: n, SE: n, Low: n, High: n}},
		Effects: []crossover.Effect{{Name: "phase:p", Estimate: n, SE: n, DF: n, T: n, P: n, PAdjusted: n, Low: n, High: n, Percent: n, DZ: n}, {Name: "interaction:q", Estimate: n, SE: n, DF: n, T: n, P: n, PAdjusted: n, Low: n, High: n, Percent: n, DZ: n}},
		Tests:   []crossover.TermTest{{Term: "x", NumDF: n, DenDF: n, F: n, P: n}}, Components: []crossover.Component{{Group: "g", Variance: n, SD: n}},
		Attenuation: []crossover.Attenuation{{Treatment: "q", Contrast: "interaction:q", Margin: n, MarginPercent: n, Alpha: n, PLower: n, PUpper: n, P: n, Low: n, High: n, PercentLow: n, PercentHigh: n, BF01: n, Scale: n}, {Contrast: "nowhere"}}}
	failed := crossover.RegionFit{Region: "b", Measure: "relative", Primary: true, Failed: "no value at all"}
	huge := void
	huge.Effects = []crossover.Effect{{Name: "phase:p", Estimate: 1e300, SE: num(math.Inf(1)), Low: num(math.Inf(-1)), High: num(math.Inf(1)), P: 0.05}}
	g1 := voxel.Grid{Dim: [3]int{1, 1, 1}, Affine: voxel.Identity()}
	hole := voxel.NewImage(g1)
	hole.Data[0] = float32(nan)
	singular := voxel.NewImage(voxel.Grid{Dim: [3]int{3, 4, 5}})
	for name, g := range map[string]*Group{
		"nothing":       {},
		"empty results": {Results: &crossover.Results{}},
		"void":          {Results: &crossover.Results{Treatments: []string{"p", "q"}, Phases: []string{"b", "i"}, Models: []crossover.RegionFit{void, failed, huge}}},
		"no names":      {Results: &crossover.Results{Models: []crossover.RegionFit{void, failed, huge}}},
		"quality":       {Quality: []ScanQuality{{GM: nan, FD: nan, QEI: nan, TSNR: nan, Excluded: "x"}, {Subject: "01", GM: math.Inf(1), FD: nan, QEI: 1, TSNR: nan}}},
		"maps":          {Maps: []EffectMap{{}, {Estimate: hole}, {Estimate: singular, T: hole}}, Template: hole},
		"flow":          {Results: &crossover.Results{Flow: crossover.Flow{Randomised: 3, Sequences: []crossover.FlowArm{{}}, Excluded: []crossover.FlowItem{{}}, Missing: []crossover.FlowMissing{{}}}}},
	} {
		page := renderGroup(t, g)
		wellFormed(t, page)
		if strings.Contains(page, "NaN") || strings.Contains(page, "%!") {
			t.Errorf("%s: the page holds NaN or a formatting fault", name)
		}
		if t.Failed() {
			t.Fatalf("case %s", name)
		}
	}
	page := renderGroup(t, &Group{Results: &crossover.Results{Treatments: []string{"p", "q"}, Models: []crossover.RegionFit{void, failed}}})
	for _, want := range []string{">–</td>", "No model: no value at all", "could not be estimated", "not known"} {
		if !strings.Contains(page, want) {
			t.Errorf("a page of missing numbers lacks %q", want)
		}
	}
}

// TestGroupMissingTreatment draws people who lack a treatment or a phase.
func TestGroupMissingTreatment(t *testing.T) {
	ft := fakeTrial{people: 6, seed: 9, missing: map[string]bool{"01/naltrexone/baseline": true, "01/naltrexone/infusion": true, "02/placebo/infusion": true}}
	g := ft.group()
	d := newTrialData(g)
	fig := d.drawSpaghetti("x", d.measures[0].primary[0])
	for want, n := range map[string]int{`class="person"`: 10, `class="person lone"`: 1, "infusion missing": 1, "n = 6": 1, "n = 5": 1} {
		if got := strings.Count(fig, want); got != n {
			t.Errorf("%q stands %d times, want %d", want, got, n)
		}
	}
}

func TestGroupHostileText(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=x onerror='a'>` + "\x00\x1f]]>"
	g := fakeTrial{people: 4, others: 1, seed: 1}.group()
	r := g.Results
	r.Title, r.Challenge, r.Treatments[0], r.Treatments[1], r.Phases[0] = evil, evil, evil, evil+"2", evil
	r.Plan = crossover.PlanSummary{File: evil, SHA256: evil, Words: []string{evil}}
	r.Inferred, r.Deviations = []string{evil}, []string{evil}
	r.Flow = crossover.Flow{Randomised: 1, Analysed: 1, Sequences: []crossover.FlowArm{{Sequence: evil}}, Excluded: []crossover.FlowItem{{Unit: evil, Reason: evil}}, LeftOut: []crossover.FlowItem{{Unit: evil, Reason: evil}}, Missing: []crossover.FlowMissing{{Subject: evil, Treatment: evil, Phase: evil, Reason: evil}}}
	for i := range r.Models {
		f := &r.Models[i]
		f.Region, f.Units, f.Formula, f.Notes = evil+strconv.Itoa(i), evil, evil, []string{evil}
		f.Components[0].Group, f.Tests[0].Term = evil, evil
		for k := range f.Effects {
			f.Effects[k].Label = evil
		}
		f.Effects[0].Name = "phase:" + evil
		f.Attenuation[0].Treatment, f.Attenuation[0].Verdict, f.Attenuation[0].MarginText = evil, evil, evil
		for k := range f.Data {
			f.Data[k].Subject += evil
			f.Data[k].Treatment, f.Data[k].Phase = evil, evil
		}
		for k := range f.Means {
			f.Means[k].Treatment, f.Means[k].Phase = evil, evil
		}
	}
	r.Models[1].Failed = evil
	r.Families = []crossover.Family{{Name: evil, Method: evil, Tests: []string{evil}}}
	for i := range g.Quality {
		q := &g.Quality[i]
		q.Subject, q.Treatment, q.Phase, q.Excluded, q.Href = evil, evil, evil, evil, "javascript:alert(1)"
	}
	g.Title, g.Dataset, g.Software, g.Command, g.Date, g.Space = evil, evil, evil, evil, evil, evil
	g.Files = []Link{{evil, "javascript:alert(1)"}}
	img := voxel.NewImage(gridMM(voxel.Vec{20, 20, 20}))
	img.Data[0] = 1
	g.Maps = []EffectMap{{Name: evil, Unit: evil, Estimate: img, Corrected: evil, Note: evil}}
	g.Problems.Warnf(evil, evil, evil, "%s", evil)
	g.Methods, g.References = GroupMethods(g)
	page := renderGroup(t, g)
	wellFormed(t, strings.ReplaceAll(page, "#ZgotmplZ", ""))
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, `href="javascript:`) {
		t.Error("markup of a name, or a script address, came through")
	}
}

// elements parses a drawing and returns the attributes of the elements with
// the given name and class.
func elements(t *testing.T, drawing, name, class string) []map[string]string {
	t.Helper()
	var out []map[string]string
	dec := xml.NewDecoder(strings.NewReader(drawing))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		e, ok := tok.(xml.StartElement)
		if !ok || e.Name.Local != name {
			continue
		}
		attrs := map[string]string{}
		for _, a := range e.Attr {
			attrs[a.Name.Local] = a.Value
		}
		if strings.Contains(" "+attrs["class"]+" ", " "+class+" ") {
			out = append(out, attrs)
		}
	}
}

func float(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestForestGeometry checks that whiskers end where the limits are.
func TestForestGeometry(t *testing.T) {
	d := newTrialData(fakeTrial{people: 12, seed: 6}.group())
	fits := d.measures[0].primary
	p := d.newForest(fits, true)
	fig := p.draw("x", "forest", 0, len(p.lanes))
	lines := elements(t, fig, "line", "whisker")
	k := 0
	for _, f := range fits {
		for _, name := range []string{"phase:placebo", "phase:naltrexone", "phase_average", "interaction:naltrexone"} {
			e, a := effectNamed(f, name), p.leftAxis
			if strings.HasPrefix(name, "interaction") {
				a = p.rightAxis
			}
			value := func(x string) float64 { return a.lo + (float(t, x)-a.from)/(a.to-a.from)*(a.hi-a.lo) }
			// Coordinates are written to a hundredth of a unit.
			tol := 0.006 / (a.to - a.from) * (a.hi - a.lo)
			if lo, hi := value(lines[k]["x1"]), value(lines[k]["x2"]); math.Abs(lo-float64(e.Low)) > tol || math.Abs(hi-float64(e.High)) > tol {
				t.Errorf("%s, %s: whisker from %g to %g, want %g to %g", f.Region, name, lo, hi, float64(e.Low), float64(e.High))
			}
			k++
		}
	}
	if k != len(lines) {
		t.Errorf("%d whiskers, want %d", len(lines), k)
	}
	margins := elements(t, fig, "rect", "margin")
	for i, f := range fits {
		a, m := p.rightAxis, float64(f.Attenuation[0].Margin)
		if x, w := float(t, margins[i]["x"]), float(t, margins[i]["width"]); math.Abs(x-a.at(-m)) > 0.006 || math.Abs(w-(a.at(m)-a.at(-m))) > 0.006 {
			t.Errorf("%s: band at %g, %g wide", f.Region, x, w)
		}
	}
}

// TestForestOutlier keeps one wild interval from flattening the others: it is
// cut and ends in an arrow.
func TestForestOutlier(t *testing.T) {
	g := fakeTrial{people: 12, others: 30, seed: 6}.group()
	d := newTrialData(g)
	fits := d.measures[0].others
	fits[3].Effects[0].Low, fits[3].Effects[0].High = -4000, 5000
	p := d.newForest(fits, false)
	if p.leftAxis.hi-p.leftAxis.lo > 60 {
		t.Errorf("the axis runs from %g to %g", p.leftAxis.lo, p.leftAxis.hi)
	}
	fig := p.draw("x", "forest", 0, len(p.lanes))
	if n := len(elements(t, fig, "path", "whisker")); n != 2 {
		t.Errorf("%d arrows, want 2", n)
	}
	for _, l := range elements(t, fig, "line", "whisker") {
		if float(t, l["x1"]) < p.leftAxis.from-0.01 || float(t, l["x2"]) > p.rightAxis.to+0.01 {
			t.Errorf("a whisker leaves its panel: %v", l)
		}
	}
}

// TestEvidenceGeometry checks that the line lies inside the band exactly if
// the effect is within the margin, on the scale that decides.
func TestEvidenceGeometry(t *testing.T) {
	d := newTrialData(fakeTrial{people: 12, seed: 6}.group())
	rows := evidence(d.measures[0].primary)
	fig := d.drawEvidence("x", rows)
	thick := elements(t, fig, "line", "thick")
	bands := elements(t, fig, "rect", "margin")
	if len(thick) != len(rows) || len(bands) != len(rows) {
		t.Fatalf("%d lines, %d bands for %d rows", len(thick), len(bands), len(rows))
	}
	for i, r := range rows {
		x0, w := float(t, bands[i]["x"]), float(t, bands[i]["width"])
		lo, hi := float(t, thick[i]["x1"]), float(t, thick[i]["x2"])
		if inside := lo >= x0 && hi <= x0+w; inside != r.att.Equivalent {
			t.Errorf("%s: line inside the band is %v, equivalence %v", r.fit.Region, inside, r.att.Equivalent)
		}
		if share := 100 / w; math.Abs((hi-lo)*share-float64(r.att.DecisiveHigh-r.att.DecisiveLow)) > 0.1 || math.Abs(50+(lo-x0)*share-float64(r.att.DecisiveLow)) > 0.1 { // a hundredth of a unit of length
			t.Errorf("%s: the interval is not where the share of the effect is", r.fit.Region)
		}
	}
	rows[1].att.DecisiveLow, rows[1].att.DecisiveHigh = num(nan), num(nan)
	if fig := d.drawEvidence("x", rows); !strings.Contains(fig, "the effect under placebo is not told from zero") || len(elements(t, fig, "line", "thick")) != len(rows)-1 {
		t.Error("a row without interval does not say why")
	}
}

// TestNormalScore compares with tabled quantiles of the normal distribution.
func TestNormalScore(t *testing.T) {
	for _, tt := range []struct {
		i, n int
		want float64
	}{{0, 1, 0}, {0, 2, -0.6744897501960817}, {1, 2, 0.6744897501960817}, {19, 20, 1.959963984540054}, {0, 20, -1.959963984540054}} {
		if got := normalScore(tt.i, tt.n); math.Abs(got-tt.want) > 1e-12 { // rounding only
			t.Errorf("score %d of %d is %.16g, want %.16g", tt.i, tt.n, got, tt.want)
		}
	}
}

func BenchmarkWriteGroup(b *testing.B) {
	g := standardTrial()
	for b.Loop() {
		if err := WriteGroup(io.Discard, g); err != nil {
			b.Fatal(err)
		}
	}
}

// TestFaded checks the colours of a signed map over a template: nothing in the
// middle, opaque from a quarter on, blue below and orange above, never green.
func TestFaded(t *testing.T) {
	p := effect.faded()
	for i := entryFirst; i < len(p); i++ {
		c := p[i].(color.NRGBA)
		u := 2*float64(i-entryFirst)/(entries-1) - 1
		if want := 255 * min(1, 4*math.Abs(u)); math.Abs(float64(c.A)-want) > 0.5 {
			t.Errorf("at %.2f: opacity %d, want %.0f", u, c.A, want)
		}
		if u < -0.5 && c.B <= c.R || u > 0.5 && c.R <= c.B {
			t.Errorf("at %.2f: %v", u, c)
		}
		if c.G > max(c.R, c.B) {
			t.Errorf("at %.2f: green prevails in %v", u, c)
		}
	}
	if c := p[entryNone].(color.NRGBA); c.A != 0 {
		t.Errorf("no value has the colour %v", c)
	}
	if c := p[entryUnder].(color.NRGBA); c.A != 255 || c.B <= c.R {
		t.Errorf("values below the window have the colour %v", c)
	}
}

// TestMapScale: all maps of a unit share a symmetric scale, and the template
// may lie on another grid.
func TestMapScale(t *testing.T) {
	a, b := voxel.NewImage(gridMM(voxel.Vec{8, 8, 8})), voxel.NewImage(gridMM(voxel.Vec{8, 8, 8}))
	for i := range a.Data {
		a.Data[i], b.Data[i] = 2, -7.3
	}
	tops := mapTops([]EffectMap{{Estimate: a, T: b}, {Estimate: b, Unit: "mL/100g/min"}, {Estimate: a, Unit: "ratio"}})
	if tops[CBFUnit] != 8 || tops["t"] != 8 || tops["ratio"] != 2 {
		t.Errorf("ends of the scales are %v", tops)
	}
	template := brainModel{gain: 1}.image(gridMM(voxel.Vec{10, 10, 10}), [5]float64{0, 70, 100, 25, 40}, false)
	k := newBacking(a.Grid, template)
	if k.anatomy == nil || !k.anatomy.Grid.Same(a.Grid, 0) {
		t.Error("the template was not brought to the map's grid")
	}
	for i := range a.Data {
		a.Data[i] = float32(nan)
	}
	a.Data[a.Len()/2] = 1
	m := k.crop(a)
	n := 0
	for _, in := range m.In {
		if in {
			n++
		}
	}
	if n < 100 {
		t.Errorf("a map of one voxel is cropped to %d voxels: its place in the head is lost", n)
	}
}

// A trial of few people says so where its verdicts stand, and only then.
func TestFewPeopleAreSaid(t *testing.T) {
	for _, n := range []int{4, 26} {
		g := standardTrial()
		g.Results.Flow.Analysed = n
		if got := strings.Contains(renderGroup(t, g), "rest on few people"); got != (n < fewPeople) {
			t.Errorf("%d people: warning of few people is %v", n, got)
		}
	}
}
