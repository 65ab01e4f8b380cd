package crossover

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"phasl/lmm"
)

// TestCalibration is the short version of the table in
// docs/methods/crossover.md: 2,000 trials for each truth, of a fixed seed. A
// rate may differ from its nominal value by three binomial standard errors,
// 1.5 % at 5 %. Equivalence at the margin may not be claimed more often than
// that allows.
func TestCalibration(t *testing.T) {
	trials := 2000
	scenarios := []Scenario{DefaultScenario(), DefaultScenario(), DefaultScenario()}
	scenarios[1].MissingSessions, scenarios[1].MissingScans = 0.1, 0.05
	scenarios[2].SessionSD = 0
	if testing.Short() {
		scenarios = scenarios[:1]
	}
	for _, s := range scenarios {
		c, err := s.Calibrate(CalibrationOptions{Trials: trials, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		tol := 3 * math.Sqrt(0.05*0.95/float64(trials))
		within := func(what string, r Rate, want float64) {
			t.Helper()
			if !(math.Abs(float64(r.Share)-want) <= tol) {
				t.Errorf("%+v\n%s: %.4f, want %.2f ± %.4f", s, what, r.Share, want, tol)
			}
		}
		for _, e := range c.Effects {
			within("coverage of "+e.Name, e.Coverage, 0.95)
			if !math.IsNaN(float64(e.TypeI.Share)) {
				within("type I error of "+e.Name, e.TypeI, 0.05)
			}
			if !(math.Abs(float64(e.Bias)) <= 3*float64(e.BiasSE)) {
				t.Errorf("%s: bias %g ± %g", e.Name, e.Bias, e.BiasSE)
			}
			if !(math.Abs(float64(e.SE/e.SD)-1) <= 0.06) { // an SD from 2,000 values is within 5 % (3 errors); subjects' SD is itself estimated
				t.Errorf("%s: median SE %g, SD of estimates %g", e.Name, e.SE, e.SD)
			}
		}
		within("equivalence at the lower margin", c.EquivalentAtLower, 0.05)
		within("equivalence at the upper margin", c.EquivalentAtUpper, 0.05)
		within("non-inferiority at the lower margin", c.NotLessenedAtLower, 0.05)
		if c.Unfitted > 0 || c.Equivalent.Share < 0.5 {
			t.Errorf("%d without fit, power of equivalence %g", c.Unfitted, c.Equivalent.Share)
		}
	}
}

// TestCalibrationMeetsAnalyse takes simulated trials through Analyse and
// expects the counts that the batched way finds.
func TestCalibrationMeetsAnalyse(t *testing.T) {
	s := DefaultScenario()
	s.Subjects, s.MissingSessions, s.MissingScans, s.Interaction, s.Period = 14, 0.1, 0.05, -0.5, 1
	p := bare()
	c, err := newCalibrator(s, CalibrationOptions{Plan: p, Trials: 30, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	x := c.run(s, 0)
	at := c.index("interaction:active")
	equivalents := 0
	for j := range 30 {
		y := make([]float64, len(c.tr.Scans))
		s.draw(y, 5, 0, j)
		var values []Value
		for i, scan := range c.tr.Scans {
			values = append(values, Value{Subject: scan.Subject, Session: scan.Session, Run: scan.Run, Region: "ACC", CBF: y[i], Units: "mL/100g/min"})
		}
		f := fitOne(t, p, c.tr, values)
		e, a := effectNamed(t, f, "interaction:active"), f.Attenuation[0]
		v, se, df, _ := x.value(j, at)
		near(t, "estimate", v, float64(e.Estimate), 1e-8)
		near(t, "SE", se, float64(e.SE), 1e-8)
		near(t, "df", df, float64(e.DF), 1e-6)
		equivalent, notLessened := c.verdicts(x, j)
		if equivalent != a.Equivalent || notLessened != a.NotLessened {
			t.Errorf("trial %d: equivalent %v, not lessened %v; Analyse says %v, %v (p %g)", j, equivalent, notLessened, a.Equivalent, a.NotLessened, a.P)
		}
		if n := c.people(x, j, se); n != a.BFN {
			t.Errorf("trial %d: worth %d people, Analyse says %d", j, n, a.BFN)
		}
		if equivalent {
			equivalents++
		}
	}
	if equivalents == 0 || equivalents == 30 {
		t.Errorf("%d of 30 equivalent: both outcomes should occur", equivalents)
	}
}

// TestScenarioVariances: the draws have the variances that the scenario says.
func TestScenarioVariances(t *testing.T) {
	s := Scenario{Subjects: 2000, Mean: 50, SubjectSD: 5, SessionSD: 3, ResidualSD: 2, ResponseSD: 4, Phase: 6, Interaction: -2, Treatment: 1, Period: 3, CarryOver: 2, CarryOverPhase: -1}
	y := make([]float64, 4*s.Subjects)
	s.draw(y, 1, 0, 0)
	mean := map[[3]int]float64{} // sequence, session, phase
	var change []float64
	for i := 0; i < len(y); i += 4 {
		for k := range 4 {
			mean[[3]int{i / 4 % 2, k / 2, k % 2}] += y[i+k] / 1000
		}
		change = append(change, (y[i+1]-y[i]+y[i+3]-y[i+2])/2)
	}
	// Even people have placebo first.
	want := map[[3]int]float64{{0, 0, 0}: 50, {0, 0, 1}: 56, {0, 1, 0}: 54, {0, 1, 1}: 58, {1, 0, 0}: 51, {1, 0, 1}: 55, {1, 1, 0}: 55, {1, 1, 1}: 60}
	for k, w := range want {
		if math.Abs(mean[k]-w) > 4*math.Sqrt(25+9+4+8)/math.Sqrt(1000) {
			t.Errorf("cell %v: mean %.2f, want %.2f", k, mean[k], w)
		}
	}
	// The mean change of a person varies with the response and half of two
	// residuals' differences; effects add (2−(−1))²/16 between sequences.
	_, v := meanVar(change)
	if w := 16.0 + 4 + 0.0625; math.Abs(v/w-1) > 4*math.Sqrt(2.0/2000) {
		t.Errorf("variance of mean changes %.2f, want %.2f", v, w)
	}
}

func TestCalibrationIsRepeatable(t *testing.T) {
	s := DefaultScenario()
	s.Subjects, s.MissingSessions = 8, 0.2
	var texts []string
	for _, w := range []int{1, 2} {
		c, err := s.Calibrate(CalibrationOptions{Trials: 100, Seed: 9, Workers: w})
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Error("results depend on the number of workers")
	}
}

func TestScenarioFaults(t *testing.T) {
	s := Scenario{Subjects: 1, SubjectSD: -1, SessionSD: math.NaN(), Mean: 0, MissingSessions: 0.9, Phase: math.Inf(1)}
	_, err := s.Calibrate(CalibrationOptions{Trials: 10})
	if l := s.Check(); len(l) != 7 || err == nil {
		t.Errorf("%d faults named, want 7: %v", len(l), l)
	}
	p := DefaultPlan()
	p.Model.Formula = "cbf ~ treatment + phase + (1|subject)"
	if _, err := DefaultScenario().Calibrate(CalibrationOptions{Plan: p, Trials: 10}); err == nil {
		t.Error("a formula without interaction should be refused")
	}
}

// TestOneSided is exact at zero and adds up to one.
func TestOneSided(t *testing.T) {
	if p := oneSided(0, 7); p != 0.5 {
		t.Errorf("at zero: %g", p)
	}
	q := lmm.TQuantile(0.1, 7)
	if p := oneSided(q, 7); math.Abs(p-0.05) > 1e-12 {
		t.Errorf("at the 95 %% quantile: %g", p)
	}
	if p := oneSided(-q, 7) + oneSided(q, 7); math.Abs(p-1) > 1e-14 {
		t.Errorf("both sides: %g", p)
	}
	if !slices.Equal([]float64{median([]float64{3, 1, 2}), median([]float64{4, 1, 3, 2})}, []float64{2, 2.5}) {
		t.Error("median")
	}
}
