package report

import (
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"phasl/crossover"
)

// section returns one part of a page.
func section(t *testing.T, page, id string) string {
	t.Helper()
	_, s, ok := strings.Cut(page, `<section id="`+id+`"`)
	if !ok {
		t.Fatalf("no section %q", id)
	}
	s, _, _ = strings.Cut(s, "</section>")
	return s
}

var markup = regexp.MustCompile(`<[^>]*>`)

// plain is the text of markup; tags become spaces.
func plain(s string) string {
	return strings.Join(strings.Fields(html.UnescapeString(markup.ReplaceAllString(s, " "))), " ")
}

func TestSymptomsPage(t *testing.T) {
	g := fakeTrial{people: 26, others: 4, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	page := renderGroup(t, g)
	keep(t, "symptoms.html", page)
	wellFormed(t, page)
	if !strings.Contains(page, `<a href="#symptoms">Perfusion and symptoms</a>`) {
		t.Error("the contents lack the part")
	}
	if a, b, c := strings.Index(page, `<section id="evidence"`), strings.Index(page, `<section id="symptoms"`), strings.Index(page, `<section id="models"`); !(a < b && b < c) {
		t.Errorf("the part is at %d, not between evidence, %d, and models, %d", b, a, c)
	}
	part := section(t, page, "symptoms")
	text := plain(part)
	s := g.Results.Associations
	if len(s.List) != 4 {
		t.Fatalf("%d associations", len(s.List))
	}
	for i := range s.List {
		a := &s.List[i]
		w, d := &a.By[0], &a.Differences[0]
		id := fmt.Sprintf("association-%d", i+1)
		if !strings.Contains(page, `<a href="#`+id+`">`) || !strings.Contains(part, `<h3 id="`+id+`">`) {
			t.Errorf("%s is not linked from the lead", a.Name)
		}
		own := plain(strings.Split(part, "<h3 ")[i+1])
		if !strings.Contains(own, a.Sentence) {
			t.Errorf("the sentence is not on the page: %s", a.Sentence)
		}
		for _, want := range []string{
			fmt.Sprintf("People %d %d %d with both", w.N, a.By[1].N, d.N),
			fmt.Sprintf("r %s %s %s %s − ", fixed(float64(w.R), 2), fixed(float64(a.By[1].R), 2), signedR(d.Delta), fixed(float64(d.R1), 2)),
			"95 % CI " + spanR(w.Low, w.High) + " " + spanR(a.By[1].Low, a.By[1].High) + " " + spanR(d.Low, d.High),
			"Bootstrap 95 % CI " + spanR(w.BootLow, w.BootHigh) + " " + spanR(a.By[1].BootLow, a.By[1].BootHigh) + " " + spanR(d.BootLow, d.BootHigh),
			"z = " + fixed(float64(d.Z), 2),
			"Holm-adjusted p " + pValue(w.PAdjusted) + " no claim " + pValue(d.PAdjusted),
			"BF01 " + bayes(w.BF01) + " " + bayes(a.By[1].BF01),
			"p, not adjusted " + pValue(d.Moderation.P),
			"Permutation p, not adjusted " + pValue(d.Slopes.PPermutation),
		} {
			if !strings.Contains(own, want) {
				t.Errorf("%s: %q is not in the table", a.Name, want)
			}
		}
		for _, m := range a.Missing {
			if !strings.Contains(own, m) {
				t.Errorf("%s: %q is not said", a.Name, m)
			}
		}
	}
	for _, want := range []string{
		"Relative CBF of pgACC at infusion, adjusted for its baseline", "adjusted for the same", "p, one-sided (positive)", "(two-sided)", "not of one being shown and the other not",
		"corrected after Holm over 4 planned correlations, and apart from them over 4 differences", "pointwise 95 % band", "sub-07, placebo: no scan at infusion", "Who is missing, and why",
		"1 other score", "PSI paranoia", "Visits stand at equal distances",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the part lacks %q", want)
		}
	}
	if n := strings.Count(part, `class="chart scatter"`); n != 4 {
		t.Errorf("%d scatter plots", n)
	}
	if n := strings.Count(part, `class="chart spaghetti"`); n != 4 {
		t.Errorf("%d courses: MADRS and the three subscales of the plan are to be drawn", n)
	}
	for _, doi := range []string{"10.1080/07350015.1983.10509354", "10.1037/0033-2909.87.2.245", "10.1037/1082-989X.12.4.399", "10.1080/01621459.1987.10478410", "10.1016/j.jmp.2015.06.004", "10.1080/00401706.1977.10489493", "10.1038/nn.2886", "10.1192/bjp.134.4.382\"", "10.1080/00221309809595542\""} {
		if !strings.Contains(page, "https://doi.org/"+doi) {
			t.Errorf("%s is not cited", doi)
		}
	}
}

// The lead says of each association what Sentence says, by the adjusted p.
func TestSymptomsLead(t *testing.T) {
	g := fakeTrial{people: 26, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	d := newTrialData(g)
	shown, differ := 0, 0
	for i := range g.Results.Associations.List {
		a := &g.Results.Associations.List[i]
		line := d.associationLine(a)
		claims := [][2]bool{
			{strings.Contains(line, "correlation is shown") && !strings.Contains(line, "Under placebo no "), a.By[0].PAdjusted < 0.05},
			{strings.Contains(line, "it differs under naltrexone ("), a.Differences[0].PAdjusted < 0.05},
			{!strings.Contains(a.Sentence, "no correlation was shown") && !strings.Contains(a.Sentence, "no positive correlation was shown"), a.By[0].PAdjusted < 0.05},
		}
		for k, c := range claims {
			if c[0] != c[1] {
				t.Errorf("claim %d of %s is %v, the adjusted p says %v: %s", k, a.Name, c[0], c[1], line)
			}
		}
		if claims[0][1] {
			shown++
		}
		if claims[1][1] {
			differ++
		}
	}
	if n := len(g.Results.Associations.List); shown == 0 || shown == n || differ == 0 || differ == n {
		t.Fatalf("%d shown, %d differ of %d: the test needs both answers", shown, differ, n)
	}
	// Significant here and not there is no difference.
	a := g.Results.Associations.List[0]
	a.By = slices.Clone(a.By)
	a.By[0].PAdjusted, a.By[0].P, a.By[1].P = 0.001, 0.001, 0.9
	a.Differences = slices.Clone(a.Differences)
	a.Differences[0].PAdjusted, a.Differences[0].P = 0.2, 0.01
	if line := d.associationLine(&a); !strings.Contains(line, "that it differs under naltrexone is not shown") {
		t.Error(line)
	}
	a.By[0].PAdjusted = 0.2
	if line := d.associationLine(&a); !strings.Contains(line, "no correlation is shown") {
		t.Errorf("p = 0.001, adjusted 0.2: %s", line)
	}
	for _, tt := range []struct {
		r, delta crossover.Number
		want     string
	}{{0.2, 0.2, "none shown under placebo, difference to naltrexone not shown"}, {0.01, 0.2, "shown under placebo, difference to naltrexone not shown"}, {0.2, 0.01, "none shown under placebo, differs under naltrexone"}, {0.01, num(nan), "shown under placebo, difference to naltrexone not shown"}} {
		a.By[0].PAdjusted, a.Differences[0].PAdjusted = tt.r, tt.delta
		var got []string
		for _, q := range d.associationTags(&a) {
			got = append(got, q.Text)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("adjusted p %g and %g are labelled %q", float64(tt.r), float64(tt.delta), got)
		}
	}
}

// A caption names the people who are ringed, with r without them; the
// introduction says how well differences are known.
func TestSymptomCaption(t *testing.T) {
	a := crossover.Association{Name: "x", By: []crossover.Correlation{{Treatment: "placebo", R: 0.5, Influence: []crossover.Influence{{Subject: "03", DR: -0.2, Turns: true}, {Subject: "04", DR: 0.1, Large: true}, {Subject: "05", DR: 0.05}}}},
		Differences: []crossover.CorrelationShift{{N: 20, Low: -0.1, High: 0.7}, {N: 22, Low: 0, High: 1.2}}}
	d := newTrialData(&Group{Results: &crossover.Results{Level: 0.9, Associations: &crossover.Associations{Method: "spearman", Level: 0.9, List: []crossover.Association{a}}}})
	got := d.scatterCaption(&a)
	for _, want := range []string{"p crosses 0.1 (*)", "under placebo sub-03 0.30*, sub-04 0.60.", "90 % band", "of ranks"} {
		if !strings.Contains(got, want) {
			t.Errorf("the caption lacks %q: %s", want, got)
		}
	}
	if strings.Contains(got, "sub-05") || strings.Contains(got, "Adjusted values") {
		t.Error(got)
	}
	if got := d.differenceReach(); got != "; with 20 to 22 people it is known to about ±0.40 to 0.60" {
		t.Error(got)
	}
	a.By[0].Influence = a.By[0].Influence[2:]
	if got := d.scatterCaption(&a); !strings.Contains(got, "nobody alone carries p across 0.1.") {
		t.Error(got)
	}
}

// Without clinical scores there is no part, no entry and no word.
func TestNoSymptoms(t *testing.T) {
	g := fakeTrial{people: 6, seed: 3}.group()
	for name, set := range map[string]func(){
		"nothing": func() {}, "empty": func() {
			g.Results.Associations, g.Results.Scores = &crossover.Associations{}, []crossover.ScoreCourse{}
		},
	} {
		set()
		if page := renderGroup(t, g); strings.Contains(page, "ymptoms") || strings.Contains(page, `<section id="symptoms"`) {
			t.Errorf("%s: a page without scores speaks of symptoms", name)
		}
	}
	g.Plan.Association = make([]crossover.AssociationPlan, 2)
	page := renderGroup(t, g)
	if n := strings.Count(page, "None of the 2 associations that the plan names could be looked for"); n != 2 {
		t.Errorf("planned associations that came to nothing are said %d times, want in the lead and in the part", n)
	}
	g.Plan.Association = nil
	g.Results.Scores = []crossover.ScoreCourse{{Instrument: "madrs", Score: "total", Visits: []string{""}, Cells: []crossover.ScoreCell{{Treatment: "placebo", N: 1, Mean: 3, SD: num(nan), Low: num(nan), High: num(nan), Median: 3}}, Points: []crossover.ScorePoint{{Subject: "01", Treatment: "placebo", Value: 3}}}}
	page = renderGroup(t, g)
	wellFormed(t, page)
	if !strings.Contains(page, `<h2>Symptoms</h2>`) || strings.Contains(page, "Perfusion and symptoms") {
		t.Error("scores without associations are not called symptoms")
	}
}

// Numbers that are missing everywhere, one person, and associations that
// failed leave a page that can be read.
func TestSymptomsVoid(t *testing.T) {
	n := num(nan)
	void := crossover.Association{Name: "x", Region: "a", X: "CBF of a", Y: "MADRS", Within: "placebo", Adjust: []string{"global"},
		By:          []crossover.Correlation{{Treatment: "placebo", R: n, DF: n, Low: n, High: n, BootLow: n, BootHigh: n, T: n, P: n, PPermutation: n, PAdjusted: n, BF01: n, Slope: n, Influence: []crossover.Influence{{Subject: "01", DR: n, Cook: n, Turns: true}}}},
		Differences: []crossover.CorrelationShift{{Treatment: "naltrexone", R1: n, R2: n, Delta: n, Low: n, High: n, BootLow: n, BootHigh: n, Z: n, P: n, PPermutation: n, PAdjusted: n, Moderation: crossover.Moderation{Slope1: n, Slope2: n, Delta: n, SE: n, DF: n, T: n, P: n, Low: n, High: n, Failed: "too few people"}, Slopes: crossover.SlopeShift{Slope1: n, Slope2: n, Delta: n, SE: n, DF: n, Low: n, High: n, P: n, PPermutation: n}, Notes: []string{"a note"}, Failed: "nobody has both"}},
		Data:        []crossover.AssociationPoint{{Subject: "01", Treatment: "placebo", X: n, Y: n, XResidual: n, YResidual: n, Covariates: []crossover.Number{n}}}, Missing: []string{"sub-01, placebo: no scan"}, Notes: []string{"a note"}}
	infinite := void
	infinite.Data = []crossover.AssociationPoint{{Subject: "01", Treatment: "placebo", XResidual: num(math.Inf(1)), YResidual: 1}, {Subject: "02", Treatment: "placebo", XResidual: 1e300, YResidual: -1e300}, {Subject: "03", Treatment: "placebo", XResidual: -1e300, YResidual: 1e300}}
	infinite.By = []crossover.Correlation{{Treatment: "placebo", R: 1, Low: num(math.Inf(-1)), High: num(math.Inf(1)), Slope: 1e300, T: num(math.Inf(1)), DF: 1}}
	failed := crossover.Association{Name: "y", X: "CBF of a", Y: "PSI", Within: "placebo", Failed: "3 people are too few", By: []crossover.Correlation{{Treatment: "placebo", R: n, Failed: "3 people are too few"}, {Treatment: "naltrexone", R: n, Failed: "nobody"}}}
	same := crossover.Association{Name: "z", X: "CBF of a", Y: "PSI", Within: "placebo", By: []crossover.Correlation{{Treatment: "placebo", N: 3, R: 0.5, Slope: 1}},
		Data: []crossover.AssociationPoint{{Subject: "01", Treatment: "placebo", XResidual: 2, YResidual: 1}, {Subject: "02", Treatment: "placebo", XResidual: 2, YResidual: 1}}}
	r := &crossover.Results{Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"b", "i"}, Level: 0.95,
		Associations: &crossover.Associations{Method: "pearson", Permutations: 99, Bootstrap: 99, Multiplicity: "holm", Level: 0.95, List: []crossover.Association{void, infinite, failed, same, {}}},
		Scores:       []crossover.ScoreCourse{{}, {Instrument: "psi", Score: "mania", Visits: []string{"b"}, Cells: []crossover.ScoreCell{{Treatment: "placebo", Visit: "b", Mean: n, SD: n, Median: n, Low: n, High: n}}, Points: []crossover.ScorePoint{{Subject: "01", Treatment: "placebo", Visit: "b", Value: n}}}}}
	page := renderGroup(t, &Group{Results: r})
	wellFormed(t, page)
	for _, never := range []string{"NaN", "%!", "Inf"} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	text := plain(section(t, page, "symptoms"))
	for _, want := range []string{"Not computed: 3 people are too few", "nobody has both", "The mixed model of placebo and naltrexone was not fitted: too few people", "A note", "sub-01, placebo: no scan", "Under naltrexone no correlation was computed: nobody", "not computed", "there are no data"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said", want)
		}
	}
	methods, refs := GroupMethods(&Group{Results: r})
	if len(methods) == 0 || len(refs) == 0 {
		t.Error("no methods")
	}
	one := (&Group{Results: &crossover.Results{Treatments: r.Treatments, Phases: []string{"baseline", "infusion"}, Level: 0.95}}).withSymptoms(t, 1, symptomPlan)
	page = renderGroup(t, one)
	wellFormed(t, page)
	if text := plain(section(t, page, "symptoms")); strings.Count(text, "Not computed") != 4 || strings.Contains(text, "NaN") {
		t.Errorf("one person: %.600s", text)
	}
}

func TestSymptomsHostileText(t *testing.T) {
	evil := `"><script>alert(1)</script><img src=x onerror='a'>` + "\x00\x1f]]>"
	g := fakeTrial{people: 6, seed: 3}.group().withSymptoms(t, 12, symptomPlan)
	r := g.Results
	for i := range r.Associations.List {
		a := &r.Associations.List[i]
		a.Name, a.X, a.Y, a.XUnits, a.YUnits, a.Sentence, a.Failed, a.Within, a.Side = evil, evil, evil, evil, evil, evil, evil, evil, evil
		a.Adjust, a.Missing, a.Notes, a.ChangeFrom = []string{evil, "score"}, []string{evil}, []string{evil}, evil
		for k := range a.By {
			c := &a.By[k]
			c.Treatment, c.Fragile, c.Notes = evil+fmt.Sprint(k), evil, []string{evil}
			for m := range c.Influence {
				c.Influence[m].Subject, c.Influence[m].Turns = evil, true
			}
		}
		for k := range a.Differences {
			a.Differences[k].Treatment, a.Differences[k].Moderation.Failed = evil, evil
		}
		for k := range a.Data {
			a.Data[k].Treatment, a.Data[k].Subject = evil+"0", evil
		}
	}
	r.Treatments = []string{evil + "0", evil + "1"}
	for i := range r.Scores {
		c := &r.Scores[i]
		c.Instrument, c.Score, c.Title, c.Visits = evil, evil+fmt.Sprint(i), evil, []string{evil}
		for k := range c.Cells {
			c.Cells[k].Treatment, c.Cells[k].Visit = evil+"0", evil
		}
		for k := range c.Points {
			c.Points[k].Treatment, c.Points[k].Visit, c.Points[k].Subject = evil+"0", evil, evil
		}
	}
	r.Scored = []crossover.ScoredTable{{Instrument: evil, Title: evil, Missing: evil + ": a, doi:" + evil, Sources: []string{evil + ", doi:" + evil}, Rows: 2, Prorated: 1}}
	r.Associations.Method, r.Associations.Multiplicity = evil, evil
	g.Methods, g.References = GroupMethods(g)
	page := renderGroup(t, g)
	wellFormed(t, page)
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "%!") {
		t.Error("markup of a name came through")
	}
}

// Many associations and scores keep the page within its size, and what is left
// out is said.
func TestSymptomsBound(t *testing.T) {
	g := fakeTrial{people: 26, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	r := g.Results
	for len(r.Associations.List) < 200 {
		r.Associations.List = append(r.Associations.List, r.Associations.List[len(r.Associations.List)%4])
	}
	for i := range 400 {
		c := r.Scores[i%4]
		c.Score = fmt.Sprint("line", i)
		r.Scores = append(r.Scores, c)
	}
	page := renderGroup(t, g)
	t.Logf("200 associations, 405 scores: %d bytes", len(page))
	if len(page) > maxGroupPage {
		t.Errorf("%d bytes", len(page))
	}
	for _, want := range []string{"194 further planned associations are", "164 further scatter plots are left out for length", "more are left out for length"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is not said", want)
		}
	}
	if page != renderGroup(t, g) {
		t.Error("two renderings differ")
	}
}

// With three treatments every difference has a column and a colour.
func TestSymptomsOfThreeTreatments(t *testing.T) {
	g := fakeTrial{people: 12, seed: 3}.group().withSymptoms(t, 26, symptomPlan)
	r := g.Results
	r.Treatments = append(r.Treatments, "buprenorphine")
	a := &r.Associations.List[0]
	third, shift := a.By[1], a.Differences[0]
	third.Treatment, shift.Treatment = "buprenorphine", "buprenorphine"
	shift.PAdjusted, shift.Delta = 0.01, -0.2
	a.By, a.Differences = append(a.By, third), append(a.Differences, shift)
	for _, q := range slices.Clone(a.Data) {
		if q.Treatment == "naltrexone" {
			q.Treatment = "buprenorphine"
			a.Data = append(a.Data, q)
		}
	}
	page := renderGroup(t, g)
	wellFormed(t, page)
	text := plain(section(t, page, "symptoms"))
	for _, want := range []string{"placebo naltrexone buprenorphine placebo − naltrexone placebo − buprenorphine", "differs under buprenorphine"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	fig := newTrialData(g).drawScatter("x", a)
	for k, class := range []string{"f0", "f1", "f2"} {
		tag := "path"
		if k == 0 {
			tag = "circle"
		}
		n := 0
		for _, q := range a.Data {
			if q.Treatment == r.Treatments[k] {
				n++
			}
		}
		found := 0
		for _, e := range elements(t, fig, tag, "dot") {
			if strings.Contains(e["class"], class) {
				found++
			}
		}
		if found != n || n == 0 {
			t.Errorf("%s: %d dots of %s, want %d", class, found, r.Treatments[k], n)
		}
	}
}

// The methods say what was done, and nothing else.
func TestSymptomMethods(t *testing.T) {
	g := (&Group{Results: &crossover.Results{Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"baseline", "infusion"}, Level: 0.95}}).withSymptoms(t, 26, symptomPlan)
	write := func() string {
		g.Methods, g.References = GroupMethods(g)
		var b strings.Builder
		for _, p := range g.Methods {
			fmt.Fprintf(&b, "%s\n%s\n\n", p.Heading, p.Text)
		}
		for _, r := range g.References {
			fmt.Fprintf(&b, "%d %s %s\n", r.Number, r.Text, r.DOI)
		}
		return b.String()
	}
	golden(t, "symptom-methods.txt", write())

	s := g.Results.Associations
	swaps := "swapped the two treatments"
	if !strings.Contains(write(), swaps) {
		t.Errorf("no %q", swaps)
	}
	for i := range s.List {
		s.List[i].Differences[0].PPermutation = num(nan)
	}
	if strings.Contains(write(), swaps) {
		t.Error("the methods speak of a permutation that was not made")
	}
	s.Method, s.Permutations, s.Bootstrap, s.Multiplicity = "spearman", 0, 0, "none"
	for i := range s.List {
		a := &s.List[i]
		a.Differences, a.Side = nil, "two-sided"
		for k := range a.By {
			a.By[k].BF01 = num(nan)
		}
	}
	g.Results.Scored = nil
	got := write()
	for _, never := range []string{"Freedman", "bootstrap", "Steiger", "Zou", "Kenward", "BF01", "one-sided", "Holm", "Montgomery", "prorated"} {
		if strings.Contains(got, never) {
			t.Errorf("the methods speak of %s, which was not used:\n%s", never, got)
		}
	}
	for _, want := range []string{"Spearman", "on the ranks", "Student’s t", "not corrected for their number", "those of PSI and MADRS"} {
		if !strings.Contains(got, want) {
			t.Errorf("the methods lack %q:\n%s", want, got)
		}
	}
}

func TestSpanR(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		want   string
	}{{-0.004, 0.316, "0.00 to 0.32"}, {-2.733e14, 2.733e14, "−2.7 × 10¹⁴ to 2.7 × 10¹⁴"}, {nan, 1, "–"}, {math.Inf(-1), 1, "−∞ to 1.00"}} {
		if got := spanR(num(tt.lo), num(tt.hi)); got != tt.want {
			t.Errorf("%g to %g is written %q, want %q", tt.lo, tt.hi, got, tt.want)
		}
	}
}

// Names are broken between words and lose nothing before the last line.
func TestWrap(t *testing.T) {
	for _, tt := range []struct {
		s     string
		n, of int
		want  string
	}{
		{"one two three", 20, 2, "one two three"}, {"one two three", 8, 3, "one two|three"}, {"one two three", 8, 1, "one two…"}, {"abcdefghij", 4, 2, "abcd|efg…"}, {"abcdefghij", 4, 3, "abcd|efgh|ij"}, {"", 5, 3, ""}, {"åßç déf", 3, 2, "åßç|déf"},
	} {
		if got := strings.Join(wrap(tt.s, tt.n, tt.of), "|"); got != tt.want {
			t.Errorf("wrap(%q, %d, %d) = %q, want %q", tt.s, tt.n, tt.of, got, tt.want)
		}
	}
}
