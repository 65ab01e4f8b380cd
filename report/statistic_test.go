package report

import (
	"math"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/voxel"
)

func TestStatistics(t *testing.T) {
	a := amount{2, CBFUnit}
	for _, tt := range []struct{ got, want string }{
		{pValue(num(nan)), "–"}, {pValue(0), "< 0.001"}, {pValue(0.00099), "< 0.001"}, {pValue(0.001), "0.001"}, {pValue(0.0124), "0.012"},
		{pValue(0.0496), "0.0496"}, {pValue(0.0504), "0.0504"}, {pValue(0.0561), "0.056"}, {pValue(0.0997), "0.10"}, {pValue(0.812), "0.81"}, {pValue(0.999), "> 0.99"}, {pValue(1), "> 0.99"},
		{pEquals(0.012), "p\u00a0=\u00a00.012"}, {pEquals(1e-9), "p\u00a0<\u00a00.001"},
		{bayes(num(nan)), "–"}, {bayes(4.56), "4.6"}, {bayes(0.334), "0.33"}, {bayes(23.4), "23"}, {bayes(1e9), "> 100"}, {bayes(1e-4), "< 0.01"},
		{degrees(23.96), "24.0"}, {degrees(num(nan)), "–"},
		{a.signed(0.001), "0.00"}, {a.signed(1.005), "+1.00"}, {a.signed(-0.5), "−0.50"}, {a.with(2), "2.00 mL/100 g/min"}, {amount{3, ""}.with(1), "1.000"},
		{a.interval(-1, 2), "−1.00 to 2.00"}, {a.interval(num(nan), 2), "–"},
		{levelText(0.95), "95 %"}, {levelText(0.999), "99.9 %"}, {ci(1 - 2*0.05), "90 % CI"}, {ci(nan), "CI"}, {ci(0), "CI"},
		{sentence("done"), "Done."}, {sentence("Done."), "Done."}, {sentence(""), ""},
		{joinAnd(nil), ""}, {joinAnd([]string{"a"}), "a"}, {joinAnd([]string{"a", "b", "c"}), "a, b and c"},
		{percentIn(11.6), ", 12 %"}, {percentIn(-0.31), ", −0.3 %"}, {percentIn(num(nan)), ""},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestDecimals(t *testing.T) {
	for _, tt := range []struct {
		unit string
		se   float64
		want int
	}{{"mL/100g/min", 1.3, 1}, {"mL/100g/min", 0.71, 2}, {"mL/100g/min", 0.0001, 2}, {"mL/100g/min", 40, 1}, {"1", 0.013, 3}, {"mL/100g/min", nan, 1}} {
		f := &crossover.RegionFit{Units: tt.unit, Effects: []crossover.Effect{{SE: num(tt.se)}, {SE: num(math.Inf(1))}}}
		if got := amountOf(f).decimals; got != tt.want {
			t.Errorf("SE %g %s: %d decimals, want %d", tt.se, tt.unit, got, tt.want)
		}
	}
	log := &crossover.RegionFit{Units: "mL/100g/min", Log: true}
	if effectUnit(log) != "" || measureUnit(log) != CBFUnit {
		t.Error("a model of logarithms keeps the unit of its means and none of its effects")
	}
}

// TestVerdictTags covers every combination of tests that a tag can tell apart.
func TestVerdictTags(t *testing.T) {
	d := &trialData{Results: &crossover.Results{Treatments: []string{"placebo", "naltrexone"}}}
	for _, tt := range []struct {
		low, high          crossover.Number
		equivalent, lessen bool
		want               string
	}{
		{-1, 1, true, true, "equivalent within the margin"}, {-2, -0.5, true, true, "differs, by less than the margin"}, {-9, -2, false, false, "lower under naltrexone"},
		{2, 9, false, true, "higher under naltrexone"}, {-1, 9, false, true, "not lessened by the margin"}, {-9, 9, false, false, "undecided"},
	} {
		r := evidenceRow{&crossover.RegionFit{}, &crossover.Attenuation{Treatment: "naltrexone", Equivalent: tt.equivalent, NotLessened: tt.lessen}, &crossover.Effect{Estimate: (tt.low + tt.high) / 2, Low: tt.low, High: tt.high}}
		if got := d.verdictTag(r).Text; got != tt.want {
			t.Errorf("interval %g to %g: %q, want %q", float64(tt.low), float64(tt.high), got, tt.want)
		}
	}
}

// TestFindings reads the sentences of a rise, a fall and neither.
func TestFindings(t *testing.T) {
	fit := func(low, high crossover.Number) *crossover.RegionFit {
		return &crossover.RegionFit{Region: "sgACC", Measure: crossover.Absolute, Effects: []crossover.Effect{{Name: "phase:placebo", Estimate: (low + high) / 2, Low: low, High: high, SE: 0.5, P: 0.02, Percent: num(nan)}}}
	}
	d := &trialData{Results: &crossover.Results{Level: 0.95, Challenge: "ketamine"}}
	for want, f := range map[string]*crossover.RegionFit{
		"Under placebo, CBF rose by 3.00 mL/100 g/min (95 % CI 2.00 to 4.00":             fit(2, 4),
		"Under placebo, CBF fell by 3.00 mL/100 g/min (95 % CI −4.00 to −2.00":           fit(-4, -2),
		"Under placebo, no clear change of CBF: +1.00 mL/100 g/min (95 % CI −1.00 to 3.": fit(-1, 3),
	} {
		if got := d.phaseSentences(f); len(got) != 1 || !strings.HasPrefix(got[0], want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := d.opening(); got != "There are no results to show." {
		t.Errorf("without results: %q", got)
	}
}

func TestSequenceOrder(t *testing.T) {
	v := &groupView{D: &trialData{Results: &crossover.Results{Treatments: []string{"placebo", "low-dose", "high"}}}}
	for in, want := range map[string]string{"placebo-low-dose": "placebo → low-dose", "low-dose-high-placebo": "low-dose → high → placebo", "AB": "AB", "": "", "placebo": "placebo"} {
		if got := v.Order(in); got != want {
			t.Errorf("%q is written %q, want %q", in, got, want)
		}
	}
}

// TestGroupMethods checks that the text says what was done and nothing else.
func TestGroupMethods(t *testing.T) {
	g := fakeTrial{people: 26, others: 4, seed: 3}.group()
	img := voxel.NewImage(gridMM(voxel.Vec{30, 30, 30}))
	text := func(p *crossover.Plan, r *crossover.Results, maps ...EffectMap) string {
		paragraphs, references := GroupMethods(&Group{Plan: p, Results: r, Software: "phasl 0.3", Maps: maps})
		var b strings.Builder
		for _, q := range paragraphs {
			b.WriteString(q.Heading + ": " + q.Text + "\n")
		}
		for i, q := range references {
			if q.Number != i+1 {
				t.Errorf("reference %d is numbered %d", i+1, q.Number)
			}
			b.WriteString(q.DOI + "\n")
		}
		return b.String()
	}
	full := text(g.Plan, g.Results, EffectMap{Estimate: img})
	for _, want := range []string{"27 participants were randomised", "Kenward and Roger", "10.2307/2533558", "margin of ±10 % of the mean at baseline under placebo", "90 % confidence interval", "Cauchy prior of scale 0.707",
		"10.3758/PBR.16.2.225", "over the primary regions after Holm", "smoothed by a Gaussian of 6 mm", "phasl 0.3", "primary regions were sgACC, pgACC and dACC", "4 further regions", "10.1002/0470854596"} {
		if !strings.Contains(full, want) {
			t.Errorf("methods lack %q:\n%s", want, full)
		}
	}
	if painted := text(g.Plan, g.Results, EffectMap{Estimate: img, Regions: true}); strings.Contains(painted, "voxel") {
		t.Error("methods speak of voxels where only regions were painted")
	}
	r := *g.Results
	r.Families = []crossover.Family{{Name: "x", Method: "none"}}
	r.Models = []crossover.RegionFit{{Region: "a", Measure: crossover.Absolute, Formula: "cbf ~ phase"}}
	bare := text(nil, &r)
	for _, never := range []string{"Kenward", "margin", "Bayes", "Holm", "smoothed", "dz", "carry-over", "Period"} {
		if strings.Contains(bare, never) {
			t.Errorf("methods speak of %q, which was not done:\n%s", never, bare)
		}
	}
	if empty := text(nil, &crossover.Results{}); !strings.HasPrefix(empty, "Software: ") {
		t.Errorf("methods of nothing: %q", empty)
	}
}

func TestBayesSentence(t *testing.T) {
	for v, want := range map[crossover.Number]string{
		4.42: "The data are 4.4 times as likely if there is no difference (BF01 = 4.4).",
		0.02: "The data are 50 times as likely if there is a difference (BF01 = 0.02).",
		1e-9: "The data are over 100 times as likely if there is a difference (BF01 < 0.01).",
		1.7:  "The Bayes factor speaks clearly neither for a difference nor for none (BF01 = 1.7).",
	} {
		if got := bayesSentence(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := bayesSentence(num(nan)); got != "" {
		t.Errorf("no factor: %q", got)
	}
}

// TestLogMargin: for ratios, 10 % less is log 0.9 and 10 % more log 1.1.
func TestLogMargin(t *testing.T) {
	f := &crossover.RegionFit{Log: true}
	lo, hi := marginOf(f, &crossover.Attenuation{Margin: num(math.Log(1.1)), MarginPercent: 10})
	if math.Abs(lo-math.Log(0.9)) > 1e-15 || math.Abs(hi-math.Log(1.1)) > 1e-15 {
		t.Errorf("margin %g to %g", lo, hi)
	}
	if lo, _ := marginOf(&crossover.RegionFit{}, &crossover.Attenuation{Margin: 5, MarginPercent: 10}); lo != -5 {
		t.Errorf("margin from %g, want -5", lo)
	}
	if lo, hi := marginOf(f, &crossover.Attenuation{Margin: num(nan), MarginPercent: num(nan)}); !math.IsNaN(lo + hi) {
		t.Errorf("no margin: %g to %g", lo, hi)
	}
}

// TestSeveralPhases names the phase where a treatment has several differences.
func TestSeveralPhases(t *testing.T) {
	d := &trialData{Results: &crossover.Results{Treatments: []string{"p", "q"}, Phases: []string{"b", "early", "late"}}}
	r := evidenceRow{&crossover.RegionFit{}, &crossover.Attenuation{Treatment: "q", Contrast: "interaction:q:late"}, &crossover.Effect{Low: -1, High: 1}}
	if got := d.verdictTag(r).Text; got != "q, late: undecided" {
		t.Errorf("got %q", got)
	}
	if got := d.series("q:late"); got != 1 {
		t.Errorf("series %d", got)
	}
	if got := d.plotRow(&crossover.Effect{Name: "interaction:q:late"}); got != "q, late − p" {
		t.Errorf("got %q", got)
	}
}
