package crossover

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"phasl/lmm"
)

// fitOne analyses one region.
func fitOne(t *testing.T, p *Plan, tr *Trial, values []Value) *RegionFit {
	t.Helper()
	r, l := Analyse(p, tr, values, 1)
	if l.Err() != nil {
		t.Fatal(l)
	}
	if r.Models[0].Failed != "" {
		t.Fatal(r.Models[0].Failed)
	}
	return &r.Models[0]
}

func sameTest(t *testing.T, what string, e Effect, estimate, tt, df float64) {
	t.Helper()
	// Both are the same sums of squares; the search for the variances ends
	// within 1e-9 of them.
	near(t, what+" estimate", float64(e.Estimate), estimate, 1e-8)
	near(t, what+" t", float64(e.T), tt, 1e-7)
	near(t, what+" df", float64(e.DF), df, 1e-6)
	near(t, what+" p", float64(e.P), lmm.TTail(tt, df), 1e-6)
}

// TestBalancedDataGiveClassicalTests: for complete balanced data the model's
// contrasts are t tests that can be worked out by hand.
func TestBalancedDataGiveClassicalTests(t *testing.T) {
	tr := testTrial(26)
	m := usual
	m.period, m.interaction = -2, 1
	values := m.draw(tr, "ACC", 5)
	f := fitOne(t, bare(), tr, values)
	if f.Singular {
		t.Fatal("the draw should have positive variances: closed forms hold inside the boundary")
	}
	// Changes within a session: independent, one for each session.
	changes := map[string][]float64{}
	// Session means: half the difference between periods, and their sum.
	half, sum := map[string][]float64{}, map[string][]float64{}
	for i, x := range byScan(tr, values) {
		for s := range 2 {
			treatment := tr.Scans[4*i+2*s].Treatment
			changes[treatment] = append(changes[treatment], x[s][1]-x[s][0])
		}
		one, two := (x[0][0]+x[0][1])/2, (x[1][0]+x[1][1])/2
		seq := tr.Scans[4*i].Sequence
		half[seq] = append(half[seq], (two-one)/2)
		sum[seq] = append(sum[seq], one+two)
	}
	diff, tt, df := twoSampleT(changes["naltrexone"], changes["placebo"])
	sameTest(t, "interaction", effectNamed(t, f, "interaction:naltrexone"), diff, tt, df)

	mean, v1 := meanVar(changes["placebo"])
	_, v2 := meanVar(changes["naltrexone"])
	sameTest(t, "phase under placebo", effectNamed(t, f, "phase:placebo"), mean, mean/math.Sqrt((v1+v2)/2/26), 50)

	// Hills and Armitage: the period effect is the sum of the groups' mean half
	// differences, the treatment effect their difference, carry-over the
	// difference of the groups' mean sums (here per scan: half of it).
	ab, ba := half["placebo-naltrexone"], half["naltrexone-placebo"]
	ma, va := meanVar(ab)
	mb, vb := meanVar(ba)
	se := math.Sqrt((va + vb) / 2 * (2.0 / 13))
	sameTest(t, "period", effectNamed(t, f, "period"), ma+mb, (ma+mb)/se, 24)
	d, tt, df := twoSampleT(sum["placebo-naltrexone"], sum["naltrexone-placebo"])
	sameTest(t, "carry-over", effectNamed(t, f, "carry_over"), d/2, tt, df)
	_, tt, _ = twoSampleT(ab, ba)
	for _, x := range f.Tests {
		if x.Term == "treatment" {
			near(t, "F of treatment", float64(x.F), tt*tt, 1e-7)
			near(t, "df of treatment", float64(x.DenDF), 24, 1e-6)
		}
	}
}

// TestPairedTest: with room for people to differ in the phase effect, the
// interaction is the paired t test of the changes, and the average phase effect
// the one-sample t test of each person's mean change. With one phase, and
// neither period nor sequence, the treatment contrast is the paired t test of
// the scans.
func TestPairedTest(t *testing.T) {
	tr := testTrial(20)
	m := usual
	m.response = 2
	values := m.draw(tr, "ACC", 8)
	p := bare()
	p.Model.Formula = "cbf ~ treatment*phase + (1|subject) + (1|subject:session) + (1|subject:phase)"
	f := fitOne(t, p, tr, values)
	if f.Singular {
		t.Fatal("the draw should have positive variances")
	}
	var difference, average, scans []float64
	for i, x := range byScan(tr, values) {
		change := [2]float64{x[0][1] - x[0][0], x[1][1] - x[1][0]}
		sign := 1.0
		if tr.Scans[4*i].Treatment == "naltrexone" {
			sign = -1
		}
		difference = append(difference, sign*(change[1]-change[0]))
		average = append(average, (change[0]+change[1])/2)
		scans = append(scans, sign*(x[1][0]-x[0][0]))
	}
	mean, v := meanVar(difference)
	tt, df := oneSampleT(difference)
	e := effectNamed(t, f, "interaction:naltrexone")
	sameTest(t, "interaction", e, mean, tt, df)
	near(t, "dz", float64(e.DZ), mean/math.Sqrt(v), 1e-9)
	near(t, "Bayes factor", float64(f.Attenuation[0].BF01), BayesFactor01(tt, 20, 19, 0.707), 1e-5)
	mean, _ = meanVar(average)
	tt, df = oneSampleT(average)
	sameTest(t, "average", effectNamed(t, f, "phase_average"), mean, tt, df)

	one := &Trial{Treatments: tr.Treatments, Phases: tr.Phases[:1], Sequences: tr.Sequences, People: tr.People}
	for _, s := range tr.Scans {
		if s.Phase == "baseline" {
			one.Scans = append(one.Scans, s)
		}
	}
	p.Model.Formula = "cbf ~ treatment + (1|subject)"
	f = fitOne(t, p, one, values)
	mean, _ = meanVar(scans)
	tt, df = oneSampleT(scans)
	sameTest(t, "treatment", effectNamed(t, f, "treatment_baseline:naltrexone"), mean, tt, df)
}

// TestHillsArmitageReference takes the default plan to a crossover with one
// scan a visit: the phase and the sessions' intercept are left out, said, and
// what remains is Hills and Armitage's analysis as R's t.test has it.
func TestHillsArmitageReference(t *testing.T) {
	file, err := os.Open(sharedFile(t, "reference", "corr", "crossover26.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	tr := &Trial{Treatments: []string{"P", "D"}, Phases: []string{"scan"}, Sequences: []string{"DP", "PD"}}
	var values []Value
	for _, row := range rows[1:] {
		tr.People = append(tr.People, Person{Subject: row[0], Sequence: row[1]})
		for s := range 2 {
			tr.Scans = append(tr.Scans, Scan{Subject: row[0], Session: fmt.Sprint(s + 1), Treatment: row[1][s : s+1], Phase: "scan", Sequence: row[1], Period: s + 1})
			v, _ := strconv.ParseFloat(row[2+s], 64)
			values = append(values, Value{Subject: row[0], Session: fmt.Sprint(s + 1), Region: "ACC", CBF: v})
		}
	}
	var want struct {
		C struct {
			Treatment struct {
				T, DF, P float64
				Effect   float64 `json:"effect_drug_minus_placebo"`
			} `json:"treatment_half_difference"`
			Period struct{ T, DF, P float64 } `json:"period_effect"`
			Carry  struct{ T, DF, P float64 } `json:"carryover_sums"`
		} `json:"crossover26"`
	}
	readJSON(t, sharedFile(t, "reference", "corr", "crossover_classical.json"), &want)
	r, l := Analyse(bare(), tr, values, 1)
	if l.Err() != nil {
		t.Fatal(l)
	}
	f := &r.Models[0]
	if f.Formula != "cbf ~ treatment + period + sequence + (1|subject)" || len(r.Deviations) != 3 {
		t.Errorf("formula %q; deviations %q", f.Formula, r.Deviations)
	}
	e := effectNamed(t, f, "treatment_baseline:D")
	near(t, "treatment", float64(e.Estimate), want.C.Treatment.Effect, 1e-9)
	for _, c := range []struct {
		name string
		t, p float64
	}{{"treatment_baseline:D", want.C.Treatment.T, want.C.Treatment.P}, {"period", want.C.Period.T, want.C.Period.P}, {"carry_over", want.C.Carry.T, want.C.Carry.P}} {
		e := effectNamed(t, f, c.name)
		near(t, c.name+" |t|", math.Abs(float64(e.T)), math.Abs(c.t), 1e-7)
		near(t, c.name+" df", float64(e.DF), 24, 1e-6)
		near(t, c.name+" p", float64(e.P), c.p, 1e-6)
	}
}
