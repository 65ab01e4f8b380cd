package crossover_test

import (
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/crossover/crossovertest"
)

func says(t *testing.T, words []string, want ...string) {
	t.Helper()
	text := strings.Join(words, "\n")
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("not said: %q in\n%s", w, text)
		}
	}
}

func TestWordsOfATrial(t *testing.T) {
	p, tr, l := sound(t, crossovertest.Plan+"\n[[exclude]]\nsubject = \"04\"\nphase = \"infusion\"\nreason = \"pump failed\"\n")
	if l.Err() != nil {
		t.Fatal(l)
	}
	says(t, p.Words(tr),
		"Naltrexone is compared with placebo (the reference) within people",
		"the change from baseline to infusion is the ketamine effect",
		"about the regions sgACC and pgACC. All other regions are analysed in the same way and marked exploratory",
		"absolute CBF (mL/100 g/min) and relative CBF (regional over global CBF of the same scan). Global CBF is that of global_gm",
		"one linear mixed model, "+crossover.DefaultFormula,
		"The model also has age; numbers are centred",
		"degrees of freedom by Kenward and Roger and 95 % intervals",
		"does naltrexone change what ketamine does?",
		"in the order that was allocated to them",
		"the ketamine effect that remains is shown to be between 50 % and 150 % of that under placebo, by two one-sided tests at 0.05, that is, if its 90 % interval",
		"tolerates the loss of up to 50 % of the effect", "not corrected over regions",
		"a Cauchy distribution of scale 0.707", "cannot reach 3",
		"claims are about absolute CBF; the other measures answer other questions and are secondary",
		"Primary regions are fitted also with (1|subject:phase)", "it can neither show nor exclude one",
		"Nothing is corrected over measures, contrasts or treatments", "missing at random",
		"phasl cannot know whether the plan was written before the data were seen",
		"If there are CBF maps in template space",
		"corrected over the primary regions by Holm's method",
		"as a family of their own, by the false discovery rate",
		"The plan leaves out sub-04, phase infusion (pump failed)",
		"No scan is left out for its quality",
		"smoothing by 8 mm",
		"Worked out from the data: Periods are taken from the order")
}

func TestWordsOfOtherPlans(t *testing.T) {
	p, l := crossover.ParsePlan("p", []byte(`measures = ["absolute"]
[trial]
treatments = ["high", "low", "placebo"]
phases = ["rest", "early", "late"]
[regions]
others = false
[model]
formula = "cbf ~ treatment*phase + (1|subject)"
ddf = "residual"
level = 0.99
log = true
[[contrast]]
name = "dose"
weights = "treatmenthigh - treatmentlow"
primary = true
[equivalence]
margin = 3
unit = "percent"
alpha = 0.025
[multiplicity]
method = "none"
[maps]
voxelwise = false
[quality]
max_fd_mean = 0.5
max_gm_cbf = 120
`))
	if len(l) > 0 {
		t.Fatal(l)
	}
	words := p.Words(nil)
	says(t, words,
		"High and low are compared with placebo (the reference)",
		"from rest to early and late is the early effect",
		"sgACC, pgACC and dACC if the data have them, and about all regions if not. Other regions are not analysed",
		"expressed as absolute CBF (mL/100 g/min).",
		"The logarithm of CBF is analysed.", "reported as ratios",
		"those of the residuals and 99 % intervals",
		"Contrast of the plan: dose = treatmenthigh - treatmentlow, one of its claims.",
		"between 0.97 and 1.03", "the interaction, and the plan's own claims)", "its 95 % interval",
		"not at all.", "No maps of effects",
		"mean framewise displacement above 0.5 mm, or grey-matter CBF above 120 mL/100 g/min")
	q, _ := crossover.ParsePlan("p", []byte("measures = [\"absolute\"]\n[equivalence]\nmargin = 3\nunit = \"absolute\"\n"))
	says(t, q.Words(nil), "smaller than 3 in the measure's own unit", "An effect of 3 or less could be lost altogether within this margin")
	q, _ = crossover.ParsePlan("p", []byte("[equivalence]\nmargin = 10\nunit = \"percent\"\n"))
	says(t, q.Words(nil), "An effect of 10 % of baseline or less could be lost altogether within this margin, one of 20 % by half")
	says(t, crossover.DefaultPlan().Words(nil), "There is no plan file", "The primary regions, by default, are")
	if strings.Contains(strings.Join(words, "\n"), "Global CBF") {
		t.Error("global CBF is spoken of although no measure uses it")
	}
	for _, w := range append(words, crossover.DefaultPlan().Words(nil)...) {
		if strings.Contains(w, "%!") || strings.Contains(w, "  ") || !strings.HasSuffix(w, ".") && !strings.HasSuffix(w, "?") {
			t.Errorf("not a sentence: %q", w)
		}
	}
}
