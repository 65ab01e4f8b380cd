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
		{percentNumber(11.6), "12 %"}, {percentNumber(-0.31), "−0.3 %"},
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

// TestFindings reads the sentences of a rise, a fall and neither: the
// corrected p-value decides, not the interval.
func TestFindings(t *testing.T) {
	fit := func(estimate, p, adjusted crossover.Number, log bool) *crossover.RegionFit {
		return &crossover.RegionFit{Region: "sgACC", Measure: crossover.Absolute, Log: log, Effects: []crossover.Effect{{Name: "phase:placebo", Estimate: estimate, Low: estimate - 1, High: estimate + 1, SE: 0.5, P: p, PAdjusted: adjusted,
			Percent: estimate * 2, PercentLow: estimate*2 - 2, PercentHigh: estimate*2 + 2}}}
	}
	d := &trialData{Results: &crossover.Results{Level: 0.95, Challenge: "ketamine"}, plan: &crossover.Plan{}}
	for _, tt := range []struct {
		fit  *crossover.RegionFit
		want string
	}{
		{fit(3, 0.02, 0.03, false), "Under placebo, CBF rose by 3.00 mL/100 g/min, 95 % CI 2.00 to 4.00 (6 % of baseline; adjusted p = 0.030)."},
		{fit(-3, 0.02, 0.03, false), "Under placebo, CBF fell by 3.00 mL/100 g/min, 95 % CI −4.00 to −2.00 (−6 % of baseline; adjusted p = 0.030)."},
		{fit(3, 0.03, 0.09, false), "Under placebo, no change of CBF is shown: +3.00 mL/100 g/min, 95 % CI 2.00 to 4.00 (6 % of baseline; adjusted p = 0.090)."},
		{fit(3, 0.03, num(nan), false), "Under placebo, CBF rose by 3.00 mL/100 g/min, 95 % CI 2.00 to 4.00 (6 % of baseline; uncorrected p = 0.030)."},
		{fit(6, 0.03, 0.03, true), "Under placebo, CBF rose by 12 %, 95 % CI 10.0 to 14.0 % (adjusted p = 0.030)."},
		{fit(-6, 0.03, 0.03, true), "Under placebo, CBF fell by 12 %, 95 % CI −14.0 to −10.0 % (adjusted p = 0.030)."},
	} {
		if got := d.phaseSentences(tt.fit); len(got) != 1 || strings.ReplaceAll(got[0], "\u00a0", " ") != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
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
	for _, want := range []string{"27 participants were in the trial", "missing at random", "of the same variance in all phases", "Global CBF was that of global_gm", "cannot exclude carry-over", "not adjusted for period", "not over measures, contrasts or treatments", "These p-values were not corrected over regions", "Kenward and Roger", "10.2307/2533558", "margin of 50 to 150 % of the ketamine effect under placebo", "90 % confidence interval", "Cauchy prior of scale 0.707",
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

// TestBayesSentence: the alternative is the prior, by its name.
func TestBayesSentence(t *testing.T) {
	row := evidenceRow{fit: &crossover.RegionFit{Measure: crossover.Absolute, Effects: []crossover.Effect{{SE: 0.5}}}, att: &crossover.Attenuation{Scale: num(math.Sqrt2 / 2), PriorSD: 2.5, BFN: 26}}
	d := &trialData{Results: &crossover.Results{}, plan: &crossover.Plan{}}
	for v, want := range map[crossover.Number]string{
		4.42: "BF01 = 4.4: the data are 4.4 times as likely under no difference as under a difference drawn from the prior (Cauchy, scale 2.50 mL/100 g/min).",
		0.02: "BF01 = 0.02: the data are 50 times as likely under a difference drawn from the prior (Cauchy, scale 2.50 mL/100 g/min) as under no difference.",
		1e-9: "BF01 < 0.01: the data are over 100 times as likely under a difference drawn from the prior (Cauchy, scale 2.50 mL/100 g/min) as under no difference.",
		1.7:  "BF01 = 1.7: it favours neither no difference nor a difference drawn from the prior (Cauchy, scale 2.50 mL/100 g/min) clearly.",
	} {
		row.att.BF01 = v
		if got := d.bayesSentence(row); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	row.att.BFN = 6
	if got := d.bayesSentence(row); !strings.HasSuffix(got, "With 6 people it could not exceed 2.7, whatever the data.") {
		t.Errorf("with few people: %q", got)
	}
	row.att.BF01 = num(nan)
	if got := d.bayesSentence(row); got != "" {
		t.Errorf("no factor: %q", got)
	}
}

// TestLargestBF01 compares with crossover's Bayes factor at t = 0, another
// integral of the same model.
func TestLargestBF01(t *testing.T) {
	for _, n := range []int{2, 6, 12, 26, 200} {
		want := crossover.BayesFactor01(0, n, float64(n-1), math.Sqrt2/2)
		if got := largestBF01(n, math.Sqrt2/2); math.Abs(got/want-1) > 1e-5 { // both are quadratures
			t.Errorf("%d people: %.8g, want %.8g", n, got, want)
		}
	}
	if !math.IsInf(largestBF01(0, 1), 1) || !math.IsInf(largestBF01(5, nan), 1) {
		t.Error("unknown n or scale bounds the factor")
	}
}

// decided returns a row whose plan decides on the given scale.
func decided(unit string, lo, hi, marginLo, marginHi float64) evidenceRow {
	return evidenceRow{&crossover.RegionFit{Measure: crossover.Absolute}, &crossover.Attenuation{Treatment: "naltrexone", DecisiveUnit: unit, DecisiveLow: num(lo), DecisiveHigh: num(hi),
		DecisiveMarginLow: num(marginLo), DecisiveMarginHigh: num(marginHi), Alpha: 0.05, Retained: num(nan), RetainedLow: num(nan), RetainedHigh: num(nan)},
		&crossover.Effect{Estimate: -1, PAdjusted: 0.2, P: 0.1}}
}

// TestMargins carries the margins that decide to the unit of the estimates:
// for ratios, 10 % less is log 0.9 and 10 % more log 1.1.
func TestMargins(t *testing.T) {
	const share, base = "% of the ketamine effect under placebo", "% of the mean at baseline under placebo"
	for _, tt := range []struct {
		name        string
		row         evidenceRow
		log         bool
		margin, pct float64
		lo, hi      float64
	}{
		{"share of the effect", decided(share, 60, 110, 50, 150), false, 3, 5, -3, 3},
		{"of the mean", decided(base, -5, 5, -10, 10), false, 6, 10, -6, 6},
		{"ratio", decided("% as a ratio of ratios", -5, 5, -10, 10), true, math.Log(1.1), 10, math.Log(0.9), math.Log(1.1)},
		{"own unit", decided(CBFUnit, -1, 1, -4, 4), false, 4, 7, -4, 4},
		{"effect not told from zero", decided(share, nan, nan, 50, 150), false, 3, 5, nan, nan},
		{"no margin", decided("", nan, nan, nan, nan), true, nan, nan, nan, nan},
	} {
		tt.row.fit.Log = tt.log
		tt.row.att.Margin, tt.row.att.MarginPercent = num(tt.margin), num(tt.pct)
		lo, hi := marginOf(tt.row.fit, tt.row.att)
		same := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 || math.IsNaN(a) && math.IsNaN(b) } // rounding only
		if !same(lo, tt.lo) || !same(hi, tt.hi) {
			t.Errorf("%s: margin %g to %g, want %g to %g", tt.name, lo, hi, tt.lo, tt.hi)
		}
	}
}

// TestSeveralPhases names the phase where a treatment has several differences.
func TestSeveralPhases(t *testing.T) {
	d := &trialData{Results: &crossover.Results{Treatments: []string{"p", "q"}, Phases: []string{"b", "early", "late"}}}
	r := evidenceRow{&crossover.RegionFit{}, &crossover.Attenuation{Treatment: "q", Contrast: "interaction:q:late"}, &crossover.Effect{Low: -1, High: 1}}
	if got := d.outcomeTag(r).Text; got != "q, late: not known" {
		t.Errorf("got %q", got)
	}
	if got := d.series("q:late"); got != 1 {
		t.Errorf("series %d", got)
	}
	if got := d.plotRow(&crossover.Effect{Name: "interaction:q:late"}); got != "q, late − p" {
		t.Errorf("got %q", got)
	}
}
