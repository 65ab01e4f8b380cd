package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"phasl/nullmap"
	"phasl/receptor"
)

// twoDecimals writes a coefficient by another road than the page's.
func twoDecimals(v float64) string {
	s := strings.Replace(fmt.Sprintf("%.2f", v), "-", "−", 1)
	if s == "−0.00" {
		return "0.00"
	}
	return s
}

func receptorTrial(t testing.TB, q *Receptors) *Group {
	t.Helper()
	g := fakeTrial{people: 26, others: 4, seed: 3}.group()
	g.Receptors, g.Plan.Receptors.Asked = q, true
	g.Methods, g.References = GroupMethods(g)
	return g
}

func standardPanel(t testing.TB) *Receptors {
	return fakePanel{places: 60, receptors: 7, people: 20, method: receptor.Spearman, seed: 2}.make(t)
}

// fitText writes what the page must say of a fit, by another road.
func fitText(f *nullmap.VariogramFit, perfect, alike string) string {
	return fmt.Sprintf("variogram error %.2f%s, p of the map among its surrogates %s; roughness between neighbours %.2f%s; %s %% of surrogates are as smooth there.", f.Error, perfect, pText(f.P), f.Roughness, alike, number(100*f.PRough, 2))
}

const (
	perfectFit = " (0: perfect)"
	alikeRough = " (1: as the map; above 1 p may be too small, below 1 too large)"
)

// Every number of the tables is that of the analysis.
func TestReceptorsPage(t *testing.T) {
	q := standardPanel(t).withLabels(3)
	g := receptorTrial(t, q)
	page := renderGroup(t, g)
	keep(t, "receptors.html", page)
	wellFormed(t, page)
	if page != renderGroup(t, g) {
		t.Error("two renderings differ")
	}
	if !strings.Contains(page, `<a href="#receptors">Receptors</a>`) {
		t.Error("the contents lack the part")
	}
	if a, b, c := strings.Index(page, `<section id="evidence"`), strings.Index(page, `<section id="receptors"`), strings.Index(page, `<section id="models"`); !(a < b && b < c) {
		t.Errorf("the part is at %d, not between evidence, %d, and models, %d", b, a, c)
	}
	part := section(t, page, "receptors")
	text := plain(part)
	for i := range q.Effects {
		e := &q.Effects[i]
		id := fmt.Sprintf("receptor-%d", i+1)
		if !strings.Contains(page, `<a href="#`+id+`">`) || !strings.Contains(part, `<h3 id="`+id+`">`) {
			t.Errorf("%s is not linked from the lead", e.Label)
		}
		for k, a := range e.Alignments.Results {
			p, r := e.People.Results[k], e.Regression.Terms[k]
			for what, row := range map[string]string{
				"people's maps": strings.Join([]string{a.Target, strconv.Itoa(p.N), twoDecimals(p.R), twoDecimals(p.NullLow) + " to " + twoDecimals(p.NullHigh), pText(p.PFlip), pText(p.PPlaces), pText(p.PJoint), pText(p.PJointFWE),
					twoDecimals(p.Mean), twoDecimals(p.Low) + " to " + twoDecimals(p.High), fmt.Sprintf("%d of 20", p.Positive)}, " "),
				"group's map": strings.Join([]string{a.Target, strconv.Itoa(a.N), twoDecimals(a.R), twoDecimals(a.Low) + " to " + twoDecimals(a.High), pText(a.P), pText(a.PFWE), fmt.Sprintf("%.1f", a.Parametric.Effective), pText(a.Parametric.P)}, " "),
				"regression":  strings.Join([]string{r.Target, twoDecimals(r.Beta), fixed(r.Alone, 3), fixed(r.Unique, 3), fixed(r.Dominance, 3), pText(r.PDominance), fixed(r.Relative, 3), fmt.Sprintf("%.1f", r.VIF)}, " "),
			} {
				if !strings.Contains(text, row) {
					t.Errorf("%s, %s: no row %q", e.Label, what, row)
				}
			}
			most := slices.MaxFunc(a.Influence, func(x, y receptor.Influence) int { return cmp.Compare(math.Abs(x.Change), math.Abs(y.Change)) })
			if want := q.Parcels[most.Place] + ": " + fixed(most.Without, 3); !strings.Contains(text, want) {
				t.Errorf("%s, %s: the table of influence lacks %q", e.Label, a.Target, want)
			}
		}
		r := e.Regression
		for _, want := range []string{
			fmt.Sprintf("over %d regions, R² = %s (adjusted %s). By chance, as smooth maps are alike, it would be %s in the mean (%s)", r.N, twoDecimals(r.R2), twoDecimals(r.Adjusted), twoDecimals(r.NullMean), strings.ReplaceAll(pIs(r.P), "\u00a0", " ")),
			fmt.Sprintf("farther than 40 mm away, %d regions correlate with what they are at r = %s, by chance %s ± %s", r.CV.N, twoDecimals(r.CV.R), twoDecimals(r.CV.NullMean), twoDecimals(r.CV.NullSD)),
			"Group’s map (drawn): " + fitText(&e.Alignments.Fit, perfectFit, alikeRough),
			"on which the claims rest: " + fitText(&e.People.Fit, "", ""),
			fmt.Sprintf("differs from it by up to %s.", twoDecimals(e.farthest())),
		} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not said", e.Label, want)
			}
		}
		for _, c := range slices.Concat(e.Alignments.Cautions, e.People.Cautions, r.Cautions) {
			if !strings.Contains(strings.ToLower(text), strings.ToLower(strings.ReplaceAll(c, "parcel", "region"))) {
				t.Errorf("caution %q is not shown", c)
			}
		}
		for _, c := range e.Pairs {
			if want := strings.Join([]string{c.First + " − " + c.Second, strconv.Itoa(c.N), twoDecimals(c.R1), twoDecimals(c.R2), signedTwo(c.Difference), twoDecimals(c.NullSD), pText(c.P), pText(c.PFWE)}, " "); !strings.Contains(text, want) {
				t.Errorf("no comparison %q", want)
			}
		}
	}
	for _, c := range q.Shifts[0].Receptors {
		if want := strings.Join([]string{c.Target, strconv.Itoa(c.N), twoDecimals(c.R1), twoDecimals(c.R2), signedTwo(c.Difference), twoDecimals(c.NullSD), pText(c.P), pText(c.PFWE)}, " "); !strings.Contains(text, want) {
			t.Errorf("no shift %q", want)
		}
	}
	for _, want := range []string{"not occupancy", "the effect under naltrexone and that under placebo", "ρ, naltrexone ρ, placebo", "people are taken as given", "not known", "not stated", "MOR [11C]tracer0 10 60 of 60 Author0 et al. 2020, doi:10.1000/density.0 CC BY 4.0 MNI152", "59 of 60", "Region_05_L", "R: the person's right"} {
		if !strings.Contains(text, want) {
			t.Errorf("the part lacks %q", want)
		}
	}
	for class, n := range map[string]int{"chart scatter": 14, "chart forest receptors": 2, "chart shares": 2, "chart variogram": 2, "chart matrix": 1, "chart scale": 1, "brain": 9} {
		if got := strings.Count(part, `<svg class="`+class+`"`); got != n {
			t.Errorf("%d drawings %q, want %d", got, class, n)
		}
	}
	for _, doi := range []string{"10.1198/jbes.2010.07136", "10.2202/1544-6115.1585", "10.1037/0033-2909.114.3.542", "10.1207/S15327906MBR3501_1", "10.1000/density.6"} {
		if !strings.Contains(page, "https://doi.org/"+doi) {
			t.Errorf("%s is not cited", doi)
		}
	}
}

// What is said to be shown rests on the family-wise p of people and places, or
// without people's maps on that of places, and on no other p.
func TestReceptorClaims(t *testing.T) {
	at := func(target string, r, p, fwe float64) receptor.Alignment {
		return receptor.Alignment{Target: target, File: target, N: 60, R: r, P: p, PFWE: fwe, Low: -0.3, High: 0.3}
	}
	person := func(target string, r, flip, places, joint, fwe float64) receptor.PeopleAlignment {
		return receptor.PeopleAlignment{Target: target, File: target, N: 60, R: r, Mean: r / 2, PFlip: flip, PPlaces: places, PJoint: joint, PJointFWE: fwe, Each: []float64{1, 2}}
	}
	q := &Receptors{Method: receptor.Pearson, Effects: []ReceptorEffect{{Label: "ketamine effect"}}}
	for _, target := range []string{"MOR", "D2", "KOR"} {
		q.Panel = append(q.Panel, receptor.Density{Source: receptor.Source{Target: target, File: target}})
	}
	e := &q.Effects[0]
	e.Alignments = &receptor.Alignments{Method: receptor.Pearson, Results: []receptor.Alignment{at("MOR", 0.5, 0.001, 0.001), at("D2", -0.4, 0.001, 0.04), at("KOR", 0.1, 0.6, 0.9)}}
	for _, tt := range []struct {
		name   string
		people []receptor.PeopleAlignment
		want   string
		tags   string
	}{
		{"places only", nil, "Values are higher where MOR (r = 0.50, p = 0.001) is denser and lower where D2 (r = −0.40, p = 0.040) is denser; no alignment with the other 1 receptor is shown. This speaks for other places only, not for other people.", "+ MOR, − D2"},
		{"each p alone is small", []receptor.PeopleAlignment{person("MOR", 0.44, 0.001, 0.001, 0.001, 0.2), person("D2", -0.36, 0.001, 0.001, 0.04, 0.06), person("KOR", 0.1, 0.9, 0.9, 0.9, 0.9)}, "No alignment with any of 3 receptors is shown (nearest: D2, r = −0.36, p = 0.060).", "○ none shown"},
		{"people and places", []receptor.PeopleAlignment{person("MOR", 0.44, 0.2, 0.2, 0.2, 0.04), person("D2", -0.36, 0.2, 0.2, 0.2, 0.2), person("KOR", nan, nan, nan, nan, nan)}, "Values are higher where MOR (r = 0.44, p = 0.040) is denser; no alignment with the other 1 receptor is shown. Not computed: KOR.", "+ MOR"},
		{"at the limit", []receptor.PeopleAlignment{person("MOR", 0.44, 0, 0, 0, 0.05)}, "No alignment with the density of MOR is shown (r = 0.44, p = 0.0500).", "○ none shown"},
		{"nothing", []receptor.PeopleAlignment{person("MOR", nan, nan, nan, nan, nan)}, "Not computed: MOR.", "✕ not computed"},
		{"all", []receptor.PeopleAlignment{person("MOR", 0.44, 0, 0, 0, 0.01), person("D2", 0.5, 0, 0, 0, 0.02)}, "Values are higher where MOR (r = 0.44, p = 0.010) and D2 (r = 0.50, p = 0.020) are denser.", "+ MOR, + D2"},
	} {
		e.People = nil
		if tt.people != nil {
			e.People = &receptor.People{Results: tt.people}
		}
		if got := strings.ReplaceAll(q.sentence(e), "\u00a0", " "); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
		var tags []string
		for _, x := range q.tags(e) {
			tags = append(tags, x.Symbol+" "+x.Text)
		}
		if got := strings.Join(tags, ", "); got != tt.tags {
			t.Errorf("%s: labels %q, want %q", tt.name, got, tt.tags)
		}
		shown := 0
		for _, c := range q.claims(e) {
			if c.p < 0.05 {
				shown++
			}
		}
		fig := q.drawForest("x", e, q.forestAxis(), 0, len(q.rows(e)))
		if e.People != nil && strings.Contains(fig, "group’s map") {
			t.Errorf("%s: a circle is of the group's map", tt.name)
		}
		filled := 0
		for _, m := range elements(t, fig, "circle", "f0") {
			if m["r"] == "6" {
				filled++
			}
		}
		if filled != shown || strings.Count(fig, " ●<") != shown {
			t.Errorf("%s: %d circles are filled, %d are shown", tt.name, filled, shown)
		}
		bold := 0
		claims, group := q.alignmentTables(e)
		if group != nil && slices.ContainsFunc(group.Rows, func(r plainRow) bool { return r.Claim }) {
			t.Errorf("%s: a row that is no claim is bold", tt.name)
		}
		for _, r := range claims.Rows {
			if r.Claim {
				bold++
			}
		}
		if bold != shown {
			t.Errorf("%s: %d rows are bold, %d are shown", tt.name, bold, shown)
		}
	}
}

// correlation is Pearson's of pairs.
func correlation(x, y []float64) float64 {
	mx, sx := meanSD(x)
	my, sy := meanSD(y)
	sum := 0.0
	for i := range x {
		sum += (x[i] - mx) * (y[i] - my) / float64(len(x)-1)
	}
	return sum / (sx * sy)
}

// Where points stand in a drawing has the correlation that is printed, with
// ranks and without; the parcels ringed are those that weigh most.
func TestReceptorScatter(t *testing.T) {
	for _, m := range receptor.Methods() {
		q := fakePanel{places: 40, receptors: 3, people: 8, method: m, seed: 5}.make(t)
		q.Effects[0].Values[7] = q.Effects[0].Values[8] // ties
		at := receptor.Places{Names: q.Parcels, Coords: nullmap.NewLayout(40).Coords}
		a, l := receptor.Align(receptor.Map{Values: q.Effects[0].Values}, q.Panel, at, receptor.Options{Method: m, Surrogates: 19})
		if l.Err() != nil {
			t.Fatal(l)
		}
		e := &q.Effects[0]
		e.Alignments = a
		for k, r := range a.Results {
			fig := q.drawScatter("x", e, k, true)
			_, dots, _ := strings.Cut(fig, `<g class="dots">`)
			dots, _, _ = strings.Cut(dots, "</g>")
			var x, y []float64
			for _, c := range elements(t, "<g>"+dots+"</g>", "circle", "") {
				x, y = append(x, float(t, c["cx"])), append(y, -float(t, c["cy"]))
			}
			if len(x) != r.N || math.Abs(correlation(x, y)-r.R) > 1e-4 { // drawn to a hundredth of a unit
				t.Errorf("%s, %s: %d points correlate %.6f, want %d and %.6f", m, r.Target, len(x), correlation(x, y), r.N, r.R)
			}
			if n := strings.Count(dots, "<title>Region_"); n != r.N {
				t.Errorf("%d of %d points are named", n, r.N)
			}
			sorted := slices.Clone(r.Influence)
			slices.SortStableFunc(sorted, func(a, b receptor.Influence) int { return cmp.Compare(math.Abs(b.Change), math.Abs(a.Change)) })
			rings := strings.Split(fig, `class="weighty c1"><title>`)[1:]
			if len(rings) != receptorLabels {
				t.Fatalf("%d rings", len(rings))
			}
			for i, ring := range rings {
				want := fmt.Sprintf("%s: ", q.Parcels[sorted[i].Place])
				if !strings.HasPrefix(ring, want) || !strings.Contains(ring, "without it "+q.symbol()+" = "+twoDecimals(sorted[i].Without)) {
					t.Errorf("ring %d is of %.60s, want %s%g", i, ring, want, sorted[i].Without)
				}
			}
			bare := q.drawScatter("x", e, k, false)
			if n := strings.Count(elements(t, bare, "path", "points")[0]["d"], "h0"); n != r.N {
				t.Errorf("without tooltips %d points, want %d", n, r.N)
			}
		}
	}
}

func TestMidRanks(t *testing.T) {
	if got, want := midRanks([]float64{3, 1, 3, 2, 3}), []float64{4, 1, 4, 2, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Marks and bands of the forest stand at their values, on one axis for all
// effect maps.
func TestReceptorForest(t *testing.T) {
	q := standardPanel(t)
	x := q.forestAxis()
	for i := range q.Effects {
		e := &q.Effects[i]
		fig := q.drawForest("x", e, x, 0, 7)
		x := x
		x.from = 0
		var names []string
		for _, r := range q.rows(e) {
			names = append(names, r.name)
		}
		x.from = labelColumn(names)
		bands := elements(t, fig, "rect", "chance")[1:] // the first is the key's
		means := elements(t, fig, "line", "whisker")
		marks := slices.Concat(elements(t, fig, "circle", "f0"), elements(t, fig, "circle", "open"))
		slices.SortFunc(marks, func(a, b map[string]string) int { return cmp.Compare(float(t, a["cy"]), float(t, b["cy"])) })
		marks = marks[2:] // the key's
		for k, p := range e.People.Results {
			from, to := float(t, bands[k]["x"]), float(t, bands[k]["x"])+float(t, bands[k]["width"])
			for _, c := range []struct{ got, value float64 }{{from, p.NullLow}, {to, p.NullHigh}, {float(t, marks[k]["cx"]), p.R}, {float(t, means[k]["x1"]), p.Low}, {float(t, means[k]["x2"]), p.High}} {
				if want := x.at(c.value); math.Abs(c.got-want) > 0.011 {
					t.Errorf("%s: %g stands at %g, want %g", p.Target, c.value, c.got, want)
				}
			}
			if want := fmt.Sprintf("<title>%s, mean of people’s maps: ρ = %s, n = %d; 95 %% of chance %s to %s; p = %s, family-wise %s (people and places)</title>", p.Target, twoDecimals(p.R), p.N, twoDecimals(p.NullLow), twoDecimals(p.NullHigh), html.EscapeString(pText(p.PJoint)), html.EscapeString(pText(p.PJointFWE))); !strings.Contains(fig, want) {
				t.Errorf("no circle is called %q", want)
			}
			if want := ">" + twoDecimals(p.R) + "</text>"; !strings.Contains(fig, want) {
				t.Errorf("%s: no number %q", p.Target, want)
			}
		}
	}
	// Without people's maps all is of the group's.
	e := &q.Effects[0]
	e.People = nil
	fig := q.drawForest("x", e, q.forestAxis(), 0, 7)
	for _, a := range e.Alignments.Results {
		if want := fmt.Sprintf("<title>%s, group’s map: ρ = %s, n = %d; 95 %% of chance %s to %s; p = %s, family-wise %s (places only)</title>", a.Target, twoDecimals(a.R), a.N, twoDecimals(a.Low), twoDecimals(a.High), html.EscapeString(pText(a.P)), html.EscapeString(pText(a.PFWE))); !strings.Contains(fig, want) {
			t.Errorf("no circle is called %q", want)
		}
	}
}

// The pieces of the bar are as wide as the dominances, which add up to R².
func TestReceptorShares(t *testing.T) {
	q := standardPanel(t)
	e := &q.Effects[0]
	fig := q.drawShares("x", e)
	parts := elements(t, fig, "rect", "part")
	if len(parts) != 14 {
		t.Fatalf("%d bars, want 7 in the sum and 7 below it", len(parts))
	}
	scale := 0.0
	for k, term := range e.Regression.Terms {
		a, b := float(t, parts[k]["width"]), float(t, parts[7+k]["width"])
		if math.Abs(a-b) > 0.011 {
			t.Errorf("%s: %g wide in the sum and %g by itself", term.Target, a, b)
		}
		if k == 0 {
			scale = a / term.Dominance
		}
		if math.Abs(a-scale*term.Dominance) > 0.02 {
			t.Errorf("%s: %g wide, want %g", term.Target, a, scale*term.Dominance)
		}
	}
	last := parts[6]
	if got, want := float(t, last["x"])+float(t, last["width"])-float(t, parts[0]["x"]), scale*e.Regression.R2; math.Abs(got-want) > 0.05 {
		t.Errorf("the sum is %g wide, want %g for R²", got, want)
	}
	if null := elements(t, fig, "line", "nullmean"); math.Abs(float(t, null[0]["x1"])-float(t, parts[0]["x"])-scale*e.Regression.NullMean) > 0.02 {
		t.Error("the mean of chance is not where it should be")
	}
}

// The matrix has every correlation once; another effect's is drawn only where
// it differs.
func TestReceptorMatrix(t *testing.T) {
	q := standardPanel(t)
	var n ids
	m := q.matrices(&n)
	if len(m) != 1 {
		t.Fatalf("%d matrices", len(m))
	}
	c := q.Effects[0].Regression.Correlations
	for i := range c {
		for j := range i {
			want := fmt.Sprintf("<title>%s and %s: %s</title>", q.Panel[i].Target, q.Panel[j].Target, fixed(c[i][j], 3))
			if strings.Count(string(m[0].Drawing), want) != 1 {
				t.Errorf("no %q", want)
			}
		}
	}
	if !strings.Contains(m[0].Say, "Most alike: 5-HT2A and GABA-A α5") {
		t.Error(m[0].Say)
	}
	other := *q.Effects[1].Regression
	other.Correlations = slices.Clone(c)
	other.Correlations[1] = slices.Clone(c[1])
	other.Correlations[1][0] += 0.1
	q.Effects[1].Regression = &other
	if m := q.matrices(&n); len(m) != 2 || !strings.Contains(m[1].Say, "ketamine effect under naltrexone") {
		t.Errorf("%d matrices", len(m))
	}
}

// Likeness may be that of opposites.
func TestMostAlike(t *testing.T) {
	if i, j, r := mostAlike([][]float64{{1, 0.5, -0.9}, {0.5, 1, nan}, {-0.9, nan, 1}}); i != 0 || j != 2 || r != -0.9 {
		t.Errorf("%d and %d (%g), want 0 and 2", i, j, r)
	}
	if i, _, _ := mostAlike([][]float64{{1}}); i >= 0 {
		t.Error("one density is like another")
	}
}

// Differences of logarithms and ratios have no unit.
func TestReceptorUnit(t *testing.T) {
	for u, want := range map[string]string{"": "", "1": "", "mL/100g/min": CBFUnit, "arbitrary": "arbitrary units"} {
		if got := (&Receptors{}).unit(&ReceptorEffect{Unit: u}); got != want {
			t.Errorf("unit %q is printed %q, want %q", u, got, want)
		}
	}
}

// A fit is called what its own rule makes of it, with the reason.
func TestReceptorVariogram(t *testing.T) {
	q := standardPanel(t)
	e := &q.Effects[0]
	at := func(err, p, rough, share, near float64) nullmap.VariogramFit {
		f := nullmap.VariogramFit{H: []float64{10, 20}, Map: []float64{1, 3}, Surrogates: []float64{1 + near, 3}, SD: []float64{0.1, 0.1}, Error: err, P: p, Roughness: rough, PRough: share}
		return f
	}
	for _, tt := range []struct {
		name      string
		fit       nullmap.VariogramFit
		tag, want string
	}{
		{"fits", at(0.1, 0.5, 1.1, 0.4, 0.1), "ok surrogates fit", ""},
		{"far off", at(0.6, 0.01, 1, 0.5, 0), "warn poor fit", "Poor, as the error is above 0.25 and p below 0.05."},
		{"rough", at(0.1, 0.5, 2, 0.02, 1), "warn poor fit", "Poor, as surrogates are more than 1.5 times as rough between neighbours, and fewer than 5 % of them as smooth as the map."},
		{"both", at(0.6, 0.01, 2, 0.02, 1), "warn poor fit", "p below 0.05, and surrogates are more than 1.5 times"},
		{"far off by chance", at(0.6, 0.2, 1, 0.5, 0), "info no poor fit shown", "not told from its surrogates"},
		{"rough by chance", at(0.1, 0.4, 4.12, 0.21, 3.12), "info no poor fit shown", "many surrogates are as smooth as the map that this may be chance"},
		{"rough in little", at(0.1, 0.4, 1.6, 0.01, 0.1), "info no poor fit shown", "little of the variance lies between neighbours"},
		{"both by chance", at(0.6, 0.2, 2, 0.21, 1), "info no poor fit shown", "though both are large"},
	} {
		e.Alignments.Fit, e.People.Fit = tt.fit, at(0.1, 0.5, 1, 0.5, 0)
		lines := surrogateFits(e)
		if got := lines[0].Tag.Class + " " + lines[0].Tag.Text; got != tt.tag {
			t.Errorf("%s is called %q, want %q", tt.name, got, tt.tag)
		}
		if (lines[0].Tag.Class == "warn") != tt.fit.Poor() {
			t.Errorf("%s: the label and the fit do not agree on poor", tt.name)
		}
		if len(lines) != 2 || lines[1].Tag.Text != "surrogates fit" || !strings.Contains(lines[1].Text, fitText(&e.People.Fit, "", "")) {
			t.Errorf("lines %v", lines)
		}
		say := lines[0].Text
		if want := fitText(&tt.fit, perfectFit, alikeRough); !strings.Contains(say, want) || !strings.Contains(say, tt.want) {
			t.Errorf("%s: %q lacks %q or %q", tt.name, say, want, tt.want)
		}
	}
	if n, f := len(elements(t, q.drawVariogram("x", e), "circle", "f1")), &e.Alignments.Fit; n != len(f.H)+1 {
		t.Errorf("%d points, want %d and the key's", n, len(f.H))
	}
	e.People, e.Alignments.Fit = nil, at(0.6, 0.01, 1, 0.5, 0)
	if lines := surrogateFits(e); len(lines) != 1 || lines[0].Tag.Text != "poor fit" || !strings.Contains(lines[0].Text, "variogram error 0.60") {
		t.Errorf("a poor fit is called %v", lines)
	}
}

// Cautions reach the lead in words, each by its cause.
func TestReceptorDoubt(t *testing.T) {
	poor := nullmap.VariogramFit{Map: []float64{1, 2}, Surrogates: []float64{2, 3}, Error: 0.6, P: 0.01, Roughness: 2, PRough: 0.3}
	smoother := poor
	smoother.Roughness = 0.5
	many := make([]int, 90)
	for _, tt := range []struct {
		name string
		a    *receptor.Alignments
		p    *receptor.People
		want string
	}{
		{"nothing", &receptor.Alignments{Used: many}, &receptor.People{Names: make([]string, 26)}, ""},
		{"poor fit of the claim", &receptor.Alignments{Used: many}, &receptor.People{Names: make([]string, 26), Fit: poor, Cautions: []string{"x"}}, "But surrogates fit poorly, so that p may be too small: see below."},
		{"poor fit of both", &receptor.Alignments{Used: many, Fit: poor, Cautions: []string{"x"}}, &receptor.People{Names: make([]string, 26), Fit: smoother, Cautions: []string{"x"}}, "But surrogates fit poorly, so that p may be too large: see below."},
		{"poor fit of the other", &receptor.Alignments{Used: many, Fit: poor, Cautions: []string{"x"}}, &receptor.People{Names: make([]string, 26)}, "But surrogates of the group’s map fit poorly: see below."},
		{"places only", &receptor.Alignments{Used: many[:30], Fit: poor, Cautions: []string{"x", "y"}}, nil, "But surrogates fit poorly, so that p may be too small; 30 regions are few: see below."},
		{"few people", nil, &receptor.People{Names: make([]string, 6), Cautions: []string{"x"}}, "But 6 people are few: see below."},
		{"unknown", &receptor.Alignments{Used: many, Cautions: []string{"x"}}, nil, "There is reason for caution: see below."},
		{"more", nil, &receptor.People{Names: make([]string, 6), Cautions: []string{"x", "y"}}, "But 6 people are few; there is more: see below."},
	} {
		e := ReceptorEffect{Alignments: tt.a, People: tt.p}
		if got := e.doubt(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	// What real analyses caution of is all named: the limits are the same.
	q := fakePanel{places: 30, receptors: 3, people: 6, method: receptor.Pearson, seed: 5}.make(t)
	page := renderGroup(t, receptorTrial(t, q))
	keep(t, "receptors-doubt.html", page)
	for i := range q.Effects {
		e := &q.Effects[i]
		d := e.doubt()
		if !strings.Contains(d, "30 regions are few") || !strings.Contains(d, "6 people are few") || strings.Contains(d, "there is more") {
			t.Errorf("%s: cautions %q and %q are said as %q", e.Label, e.Alignments.Cautions, e.People.Cautions, d)
		}
		if n := strings.Count(page, html.EscapeString(d)); n < 1 {
			t.Errorf("the lead lacks %q", d)
		}
	}
}

// Numbers of a Gaussian process are said in words, those of other surrogates
// listed.
func TestReceptorNullParameters(t *testing.T) {
	gp := []nullmap.Parameter{{Name: "scale", Value: 126.4, Unit: "mm"}, {Name: "reach", Value: 376, Unit: "mm"}, {Name: "smooth", Value: 0.0538, Unit: "probability"}, {Name: "nugget", Value: 0.0162, Unit: "share"}, {Name: "symmetry", Value: 1, Unit: "share"}}
	for _, tt := range []struct {
		list []nullmap.Parameter
		want string
	}{
		{nil, ""},
		{gp, "Fitted covariance, group’s map: scale 126 mm (correlation 0.05 at 376 mm), nugget 1.6 % of the variance, left and right 100 % alike."},
		{gp[:4], "Fitted covariance, group’s map: scale 126 mm (correlation 0.05 at 376 mm), nugget 1.6 % of the variance."},
		{append(slices.Clone(gp[:4]), nullmap.Parameter{Name: "fitted on", Value: 250, Unit: "places"}), "Fitted covariance, group’s map: scale 126 mm (correlation 0.05 at 376 mm), nugget 1.6 % of the variance. The null, group’s map: fitted on 250 regions."},
		{[]nullmap.Parameter{{Name: "nugget", Value: 0.2, Unit: "weight"}, {Name: "percentile", Value: 25, Unit: "%"}, {Name: "lags", Value: 25}}, "The null, group’s map: nugget: weight 0.2; percentile 25 %; lags 25."},
		{slices.Concat([]nullmap.Parameter{{Name: "groups", Value: 2}}, gp[3:4], gp[3:4]), "The null, group’s map: groups 2; nugget 1.6 %; nugget 1.6 %."},
	} {
		if got := nullParameters(tt.list); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

// What no plan asked for is called exploratory, in the lead, the part and the
// methods.
func TestReceptorsUnplanned(t *testing.T) {
	g := receptorTrial(t, fakePanel{places: 30, receptors: 1, people: 6, method: receptor.Pearson, seed: 4}.make(t))
	for _, asked := range []bool{true, false} {
		g.Plan.Receptors.Asked = asked
		g.Methods, g.References = GroupMethods(g)
		page := renderGroup(t, g)
		want := map[bool]int{true: 0, false: 2}[asked]
		if n := strings.Count(page, notAsked); n != want {
			t.Errorf("asked %v: exploratory %d times, want %d", asked, n, want)
		}
		if strings.Contains(page, "Receptors were not in the plan") == asked {
			t.Errorf("asked %v: the methods say otherwise", asked)
		}
	}
}

// Each voxel of the atlas has its parcel's place, and the others none.
func TestReceptorPainting(t *testing.T) {
	q := standardPanel(t).withLabels(6)
	q.Label[3] = -5 // a parcel that the image does not have
	place, in := q.painted()
	n := 0
	for i, v := range q.Labels.Data {
		want := int32(-1)
		if k := slices.Index(q.Label, int(v)); k >= 0 && v != 0 {
			want = int32(k)
			n++
		}
		if place[i] != want || in.In[i] != (want >= 0) {
			t.Fatalf("voxel %d with label %g is of parcel %d, want %d", i, v, place[i], want)
		}
	}
	if n == 0 {
		t.Error("nothing was painted")
	}
	q.Label = nil
	if place, _ := q.painted(); place != nil {
		t.Error("without labels there is something to paint")
	}
}
