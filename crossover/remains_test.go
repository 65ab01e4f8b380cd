package crossover

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/lmm"
)

// TestFullBlockadeIsNeverEquivalent: a treatment that takes the whole phase
// effect away, in trials of every size and noise, is not within the default
// margin; one that takes nothing away is in precise trials.
func TestFullBlockadeIsNeverEquivalent(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for _, phase := range []float64{2.5, 6, -6} {
		for _, residual := range []float64{0.5, 3, 8} {
			for seed := range seeds {
				tr := testTrial(26)
				m := usual
				m.phase, m.residual, m.interaction = phase, residual, -phase
				values := m.draw(tr, "dACC", seed)
				a := fitOne(t, DefaultPlan(), tr, values).Attenuation[0]
				if a.Equivalent || a.NotLessened || a.Outcome == OutcomeEquivalent || a.Outcome == OutcomeNotLessened {
					t.Errorf("effect %g, residual %g, seed %d: %q, %s", phase, residual, seed, a.Outcome, a.Verdict)
				}
				if residual == 0.5 && a.Outcome != OutcomeLessened {
					t.Errorf("effect %g: %q, want lessened: %s", phase, a.Outcome, a.Verdict)
				}
				if residual > 0.5 {
					continue
				}
				m.interaction = 0
				b := fitOne(t, DefaultPlan(), tr, m.draw(tr, "dACC", seed)).Attenuation[0]
				if !b.Equivalent {
					t.Errorf("effect %g, no interaction: %s", phase, b.Verdict)
				}
			}
		}
	}
}

// TestRetainedClosedForm: in complete balanced data the phase effects under two
// treatments are independent means of changes with one variance, so that the
// share retained has Fieller's interval in closed form, and the one-sided tests
// are t tests of weighted differences of means.
func TestRetainedClosedForm(t *testing.T) {
	tr := testTrial(26)
	m := usual
	m.interaction = -1
	values := m.draw(tr, "ACC", 5)
	f := fitOne(t, bare(), tr, values)
	a := f.Attenuation[0]
	changes := map[string][]float64{}
	for i, x := range byScan(tr, values) {
		for s := range 2 {
			k := tr.Scans[4*i+2*s].Treatment
			changes[k] = append(changes[k], x[s][1]-x[s][0])
		}
	}
	d, tt, df := twoSampleT(changes["naltrexone"], changes["placebo"])
	v := d * d / tt / tt / 2 // variance of one mean
	active, _ := meanVar(changes["naltrexone"])
	placebo, _ := meanVar(changes["placebo"])
	near(t, "share", float64(a.Retained), 100*active/placebo, 1e-7)
	q2 := math.Pow(lmm.TQuantile(0.1, df), 2)
	den := placebo*placebo - q2*v
	root := math.Sqrt(math.Pow(active*placebo, 2) - den*(active*active-q2*v))
	near(t, "lower limit", float64(a.RetainedLow), 100*(active*placebo-root)/den, 1e-6)
	near(t, "upper limit", float64(a.RetainedHigh), 100*(active*placebo+root)/den, 1e-6)
	p := func(x, k float64) float64 { return oneSided(x/math.Sqrt(v*(1+k*k)), df) }
	near(t, "p against half", float64(a.PLower), p(active-placebo/2, 0.5), 1e-6)
	near(t, "p against half as much again", float64(a.PUpper), p(1.5*placebo-active, 1.5), 1e-6)
	near(t, "margin", float64(a.Margin), placebo/2, 1e-7)
	if a.DecisiveUnit != "% of the ketamine effect under placebo" || a.DecisiveMarginLow != 50 || a.DecisiveMarginHigh != 150 || a.DecisiveLow != a.RetainedLow || a.BFN != 26 {
		t.Errorf("%+v", a)
	}
	near(t, "prior", float64(a.PriorSD), 0.707*math.Sqrt(2*v*26), 1e-6)
}

// TestDecisiveIntervalInvertsTests: whatever the unit of the margin and the
// gaps in the data, equivalence is shown exactly if the decisive interval lies
// between the margins.
func TestDecisiveIntervalInvertsTests(t *testing.T) {
	count := map[bool]int{}
	seeds := uint64(24)
	if testing.Short() {
		seeds = 10
	}
	for seed := range seeds {
		for _, unit := range []string{"effect", "percent", "absolute"} {
			tr := testTrial(14)
			m := usual
			m.residual, m.interaction = 2, -1
			values := m.draw(tr, "ACC", seed)
			for i := range values {
				if (uint64(i)*7+seed)%13 == 0 {
					values[i].CBF = math.NaN()
				}
			}
			p := bare()
			p.Equivalence.Unit = unit
			p.Equivalence.Margin = map[string]float64{"effect": 50, "percent": 6, "absolute": 3}[unit]
			a := fitOne(t, p, tr, values).Attenuation[0]
			within := a.DecisiveMarginLow < a.DecisiveLow && a.DecisiveHigh < a.DecisiveMarginHigh
			if within != a.Equivalent {
				t.Errorf("seed %d, %s: %g to %g in %g to %g, p %g", seed, unit, a.DecisiveLow, a.DecisiveHigh, a.DecisiveMarginLow, a.DecisiveMarginHigh, a.P)
			}
			count[within]++
		}
	}
	if count[true] < 3 || count[false] < 3 {
		t.Errorf("%v: both should occur", count)
	}
}

// TestNoEffectNothingRemains: without a phase effect under the reference there
// is no share of it, and nothing is shown.
func TestNoEffectNothingRemains(t *testing.T) {
	tr := testTrial(26)
	m := usual
	m.phase = 0
	a := fitOne(t, bare(), tr, m.draw(tr, "ACC", 3)).Attenuation[0]
	if a.Equivalent || a.NotLessened || a.Outcome != OutcomeNotSettled || a.Retained == a.Retained || !strings.Contains(a.Verdict, "is not told from zero") {
		t.Errorf("%+v", a)
	}
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		tested, different, smaller, equivalent, notLessened bool
		want                                                Outcome
	}{
		{true, false, true, true, true, OutcomeEquivalent},
		{true, false, false, true, true, OutcomeEquivalent},
		{true, true, true, true, true, OutcomeLessenedWithin},
		{true, true, false, true, true, OutcomeEnlargedWithin},
		{true, true, true, false, false, OutcomeLessened},
		{true, true, true, false, true, OutcomeLessened},
		{true, true, false, false, true, OutcomeEnlarged},
		{true, false, true, false, true, OutcomeNotLessened},
		{true, false, true, false, false, OutcomeNotSettled},
		{false, false, true, false, false, OutcomeUnknown},
		{false, true, true, false, false, OutcomeLessened},
	} {
		if got := outcome(tt.tested, tt.different, tt.smaller, tt.equivalent, tt.notLessened); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestVerdictHasTheOutcome: the sentence begins as the outcome says.
func TestVerdictHasTheOutcome(t *testing.T) {
	starts := map[Outcome]string{OutcomeEquivalent: "Within the margin:", OutcomeLessenedWithin: "Lessened, by less than the margin:", OutcomeEnlargedWithin: "Enlarged, by less than the margin:",
		OutcomeLessened: "Lessened:", OutcomeEnlarged: "Enlarged:", OutcomeNotLessened: "Not lessened by the margin:", OutcomeNotSettled: "Not settled:"}
	seen := map[Outcome]bool{}
	for _, phase := range []float64{6, -6} {
		for _, interaction := range []float64{0, -1.5, 1.5, -6, 6} {
			for _, residual := range []float64{0.5, 2, 3, 8} {
				tr := testTrial(20)
				m := usual
				m.phase, m.interaction, m.residual = phase, interaction, residual
				a := fitOne(t, bare(), tr, m.draw(tr, "ACC", 7)).Attenuation[0]
				seen[a.Outcome] = true
				if s := starts[a.Outcome]; s == "" || !strings.HasPrefix(a.Verdict, s) {
					t.Errorf("%q: %s", a.Outcome, a.Verdict)
				}
				if lost := interaction*phase < 0; residual == 0.5 && math.Abs(interaction) == 6 && lost != (a.Outcome == OutcomeLessened) {
					t.Errorf("effect %g, interaction %g: %q", phase, interaction, a.Outcome)
				}
			}
		}
	}
	if len(seen) != len(starts) {
		t.Errorf("outcomes that occurred: %v", seen)
	}
}

// TestWideMargin: a margin that the effect itself does not exceed is named.
func TestWideMargin(t *testing.T) {
	tr := testTrial(26)
	p := bare()
	p.Equivalence.Margin = 10
	for _, tt := range []struct {
		unit  string
		phase float64
		want  bool
	}{{"percent", 3, true}, {"percent", 12, false}, {"percent", -3, true}, {"percent", -12, false}, {"absolute", 6, true}, {"absolute", 15, false}, {"effect", 3, false}} {
		p.Equivalence.Unit = tt.unit
		m := usual
		m.residual, m.phase = 1, tt.phase
		r, l := Analyse(p, tr, m.draw(tr, "ACC", 1), 1)
		f := &r.Models[0]
		for what, text := range map[string]string{"verdict": f.Attenuation[0].Verdict, "note": strings.Join(f.Notes, "; "), "problem": fmt.Sprint(l)} {
			if strings.Contains(text, wideMargin) != tt.want {
				t.Errorf("%s, effect %g: %s %q", tt.unit, tt.phase, what, text)
			}
		}
	}
}

// TestOneOrder: with one order of treatments the interaction is also that of
// phase and visit.
func TestOneOrder(t *testing.T) {
	tr := testTrial(20)
	tr.Scans = slices.DeleteFunc(tr.Scans, func(s Scan) bool { return s.Sequence != tr.Sequences[0] })
	m := usual
	m.residual = 0.5
	r, _ := Analyse(bare(), tr, m.draw(tr, "ACC", 1), 1)
	a := r.Models[0].Attenuation[0]
	if a.Outcome != OutcomeUnknown || a.Equivalent || a.NotLessened || !strings.Contains(a.Verdict, "treatment and visit cannot be told apart") {
		t.Errorf("%q: %s", a.Outcome, a.Verdict)
	}
	if !strings.Contains(strings.Join(r.Deviations, " "), "treatment and visit cannot be told apart: no verdict") {
		t.Errorf("deviations %q", r.Deviations)
	}
}

// TestMissingValues: values that single regions lack are named in the fit, its
// notes and, of primary regions, a problem.
func TestMissingValues(t *testing.T) {
	tr := testTrial(12)
	values := regionsOf(tr, usual, "sgACC", "Insula")
	values[5].CBF, values[5].Note = math.NaN(), "outside the field of view"
	values[48+9].CBF = math.NaN()
	p := bare()
	p.Regions.Primary, p.Regions.Others = []string{"sgACC"}, true
	r, l := Analyse(p, tr, values, 1)
	want := place(&tr.Scans[5])
	f := modelOf(t, r, "sgACC", Absolute)
	if !slices.Equal(f.MissingValues, []string{want}) || !strings.Contains(strings.Join(f.Notes, ";"), "no value of 1 scan of the design: "+want) || f.NObs != 47 {
		t.Errorf("%q, notes %q", f.MissingValues, f.Notes)
	}
	if s := fmt.Sprint(l); !strings.Contains(s, "1 scan has no value of this primary region") || !strings.Contains(s, "1 other region has no value in some scans (how many): Insula (1)") {
		t.Error(s)
	}
}

// TestGapsCountInTheBayesFactor: gaps leave fewer people's worth than all, and
// more than those who are complete.
func TestGapsCountInTheBayesFactor(t *testing.T) {
	tr := testTrial(20)
	values := usual.draw(tr, "ACC", 2)
	for i := range 6 {
		values[4*i].CBF = math.NaN()
	}
	f := fitOne(t, bare(), tr, values)
	if n := f.Attenuation[0].BFN; n <= 14 || n >= 20 {
		t.Errorf("worth %d people", n)
	}
}

// TestOutliers: one value and one scan ten times too large are named.
func TestOutliers(t *testing.T) {
	tr := testTrial(20)
	names := []string{"sgACC", "global_gm"}
	p := DefaultPlan()
	r, l := Analyse(p, tr, regionsOf(tr, usual, names...), 1)
	if len(l) > 0 {
		t.Errorf("sound data: %v", l)
	}
	values := regionsOf(tr, usual, names...)
	values[6].CBF *= 10
	r, l = Analyse(p, tr, values, 1)
	key := tr.Scans[6].key()
	if s := fmt.Sprint(l); !strings.Contains(s, "above 200 mL/100 g/min: "+key+" sgACC") || !strings.Contains(s, "residuals are beyond 4 standard deviations") || l.Err() != nil {
		t.Error(s)
	}
	if s := strings.Join(modelOf(t, r, "sgACC", Absolute).Notes, ";"); !strings.Contains(s, "residual beyond 4 standard deviations in "+key) {
		t.Error(s)
	}
	values = regionsOf(tr, usual, names...)
	for i, v := range values {
		if v.Subject == tr.Scans[6].Subject && v.Session == tr.Scans[6].Session && v.Run == tr.Scans[6].Run {
			values[i].CBF *= 10
		}
	}
	if _, l = Analyse(p, tr, values, 1); !strings.Contains(fmt.Sprint(l), "global CBF is more than 3 times, or less than a third of, that of the same person's other scans: "+key) {
		t.Error(l)
	}
}

// TestSensitivity: people who differ in the phase effect widen its error, which
// the second fit of a primary region shows, and the notes say.
func TestSensitivity(t *testing.T) {
	tr := testTrial(26)
	m := usual
	m.response, m.residual = 4, 2
	p := bare()
	p.Regions.Primary, p.Regions.Others = []string{"sgACC"}, true
	values := append(m.draw(tr, "sgACC", 1), usual.draw(tr, "Insula", 2)...)
	r, _ := Analyse(p, tr, values, 1)
	f := modelOf(t, r, "sgACC", Absolute)
	s := f.Sensitivity
	if s == nil || s.Sensitivity != nil || s.Data != nil || s.Formula != DefaultFormula+" + (1|subject:phase)" || s.Attenuation[0].Outcome == OutcomeUnknown {
		t.Fatalf("%+v", s)
	}
	if modelOf(t, r, "Insula", Absolute).Sensitivity != nil {
		t.Error("other regions are not fitted twice")
	}
	// In balanced data the interaction is the paired t test of changes.
	var d []float64
	for i, x := range byScan(tr, values[:104]) {
		diff := x[1][1] - x[1][0] - x[0][1] + x[0][0]
		if tr.Scans[4*i].Treatment == "naltrexone" {
			diff = -diff
		}
		d = append(d, diff)
	}
	tt, _ := oneSampleT(d)
	near(t, "t of the interaction", float64(effectNamed(t, s, "interaction:naltrexone").T), tt, 1e-5)
	if n := strings.Join(f.Notes, ";"); !strings.Contains(n, "people may differ in the phase effect") || !strings.Contains(n, "standard error of phase_average") {
		t.Errorf("notes %q", n)
	}
	for formula, want := range map[string]bool{DefaultFormula: false, "cbf ~ treatment*phase + (1 | subject : phase)": true, "cbf ~ treatment*phase + (phase|subject)": true, "cbf ~ treatment*phase + (1|subject/phase)": true} {
		if roomForResponse(formula) != want {
			t.Errorf("%s: %v", formula, !want)
		}
	}
	p.Model.Formula = s.Formula
	r, _ = Analyse(p, tr, values, 1)
	if r.Models[0].Sensitivity != nil {
		t.Error("a formula with the term needs no second fit")
	}
}

// TestPrimaryMeasure: the default, the first of those there are, or a fault.
func TestPrimaryMeasure(t *testing.T) {
	for text, want := range map[string]Measure{"": Absolute, `measures = ["relative", "global-adjusted"]`: Relative, `primary_measure = "relative"`: Relative} {
		if p, l := ParsePlan("p", []byte(text)); len(l) > 0 || p.PrimaryMeasure != want {
			t.Errorf("%q: %s, %v", text, p.PrimaryMeasure, l)
		}
	}
	for _, text := range []string{`primary_measure = "relativ"`, "measures = [\"absolute\"]\nprimary_measure = \"relative\"", "measures = [\"relative\"]\nprimary_measure = \"absolute\""} {
		if _, l := ParsePlan("p", []byte(text)); l.Err() == nil {
			t.Errorf("%q is taken", text)
		}
	}
	tr := testTrial(12)
	p := DefaultPlan()
	p.PrimaryMeasure = Relative
	if r, _ := Analyse(p, tr, regionsOf(tr, usual, "sgACC", "global_gm"), 1); r.PrimaryMeasure != Relative {
		t.Errorf("%s", r.PrimaryMeasure)
	}
	if r, _ := Analyse(p, tr, regionsOf(tr, usual, "sgACC"), 1); r.PrimaryMeasure != Absolute {
		t.Errorf("%s although there is no global CBF", r.PrimaryMeasure)
	}
}
