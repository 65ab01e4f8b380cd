package report

import (
	"strings"
	"testing"

	"phasl/crossover"
)

var outcomes = []crossover.Outcome{crossover.OutcomeEquivalent, crossover.OutcomeLessenedWithin, crossover.OutcomeEnlargedWithin, crossover.OutcomeLessened,
	crossover.OutcomeEnlarged, crossover.OutcomeNotLessened, crossover.OutcomeNotSettled, crossover.OutcomeUnknown}

// TestOneVocabulary: label and sentence of every outcome begin with the one
// word that the command line and the tables print too, only equivalence has
// its sign, and no other outcome calls a treatment equivalent.
func TestOneVocabulary(t *testing.T) {
	d := &trialData{Results: &crossover.Results{Treatments: []string{"placebo", "naltrexone"}, Challenge: "ketamine"}, plan: &crossover.Plan{}}
	seen := map[string]bool{}
	for _, o := range outcomes {
		r := decided("% of the ketamine effect under placebo", 62, 110, 50, 150)
		r.att.Outcome, r.att.Verdict = o, "Not known: nobody came."
		name := OutcomeName(o)
		if seen[name] || o != crossover.OutcomeUnknown && name != string(o) {
			t.Errorf("%q is called %q", o, name)
		}
		seen[name] = true
		label, said := d.outcomeTag(r), d.outcomeSentence(r)
		if label.Text != name {
			t.Errorf("%q: the label is %q", o, label.Text)
		}
		if !strings.HasPrefix(said, capital(name)) {
			t.Errorf("%q: the sentence is %q", o, said)
		}
		if o != crossover.OutcomeEquivalent && (label.Symbol == "≈" || strings.Contains(strings.ToLower(said), "equivalent")) {
			t.Errorf("%q reads as equivalence: %s %s", o, label.Symbol, said)
		}
		if o != crossover.OutcomeUnknown && !strings.Contains(said, "margin 50 to 150 %") {
			t.Errorf("%q: no margin in %q", o, said)
		}
	}
	r := decided("% of the ketamine effect under placebo", 5, 40, 50, 150)
	r.att.Outcome = crossover.OutcomeLessened
	if said := d.outcomeSentence(r); !strings.Contains(said, "by more than the margin") || strings.Contains(said, "not shown") {
		t.Errorf("an interval below the margin: %q", said)
	}
	r.att.Verdict = "Lessened: x; the margin is as large as the effect itself may be: y."
	if said := d.outcomeSentence(r); !strings.Contains(said, "would not mean that the effect remains") {
		t.Errorf("a margin as large as the effect: %q", said)
	}
}

// TestLeadWarns: missing values, another model's verdict, unusual scans and a
// single order of treatments are said at the top of the page.
func TestLeadWarns(t *testing.T) {
	g := fakeTrial{people: 12, seed: 6}.group()
	f := &g.Results.Models[1]
	f.MissingValues = []string{"sub-07, naltrexone, infusion", "sub-08, placebo, infusion", "sub-09, placebo, infusion", "sub-10, placebo, infusion"}
	other := *f
	other.Data, other.Sensitivity = nil, nil
	other.Attenuation = append([]crossover.Attenuation{}, f.Attenuation...)
	other.Attenuation[0].Outcome = crossover.OutcomeNotSettled
	f.Attenuation[0].Outcome = crossover.OutcomeEquivalent
	f.Sensitivity = &other
	g.Results.Problems.Warnf("regions.tsv", "value", "look at these scans' reports", "1 value is below 0: sub-05/ses-1 sgACC (-3)")
	g.Results.Flow.Sequences = g.Results.Flow.Sequences[:1]
	page := strings.ReplaceAll(renderGroup(t, g), "\u00a0", " ")
	end := strings.Index(page, `id="flow"`)
	for _, want := range []string{"4 scans of the design have no value of this region: sub-07, naltrexone, infusion", "and 1 more", "the verdict on naltrexone is “not settled” instead of “equivalent”",
		"Values to look at, none left out: 1 value is below 0: sub-05/ses-1", "treatment and period cannot be told apart", "phasl cannot know whether the plan was written before", "Within the margin in all primary regions: under naltrexone",
		"not over measures, contrasts or treatments", "Other measures answer other questions", "allowing for it can hide or make a regional effect"} {
		if at := strings.Index(page, want); at < 0 || at > end {
			t.Errorf("the lead lacks %q", want)
		}
	}
}

// TestPrimaryMeasure: the plan's primary measure leads, wherever it stands.
func TestPrimaryMeasure(t *testing.T) {
	g := fakeTrial{people: 6, seed: 6}.group()
	g.Plan.PrimaryMeasure = crossover.Relative
	d := newTrialData(g)
	if d.measures[0].measure != crossover.Relative || len(d.measures) != 3 || d.measures[1].measure != crossover.Absolute {
		t.Errorf("measures in the order %v", d.measures)
	}
	lead, _ := d.findings()
	if !strings.Contains(lead[0].Lines[0], "relative CBF") {
		t.Errorf("the lead begins %q", lead[0].Lines[0])
	}
}

// TestQualityLimits: a limit on what nobody measured left nothing out, and
// says so; scans of people who are not analysed count.
func TestQualityLimits(t *testing.T) {
	g := fakeTrial{people: 6, seed: 6}.group()
	g.Results.Flow.LeftOut = nil
	for i := range g.Quality {
		q := &g.Quality[i]
		q.FD, q.Excluded = nan, ""
		if i < 3 {
			q.GM, q.Excluded = 10, "grey-matter CBF 10 is below the plan's 15"
		}
	}
	g.Quality[3].GM = nan
	text := ""
	methods, _ := GroupMethods(g)
	for _, p := range methods {
		text += p.Text + " "
	}
	for _, want := range []string{"mean framewise displacement above 1 mm, could not be applied: the measure is not known of any scan", "grey-matter CBF below 15 mL/100 g/min were left out: 3 of the 23 scans of which it is known; 1 could not be assessed and stayed in.", "3 scans were left out of the analysis"} {
		if !strings.Contains(text, want) {
			t.Errorf("methods lack %q:\n%s", want, text)
		}
	}
}
