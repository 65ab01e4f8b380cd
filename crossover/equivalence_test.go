package crossover

import (
	"math"
	"strings"
	"testing"

	"phasl/lmm"
)

// TestAbsoluteMargin: two one-sided t tests by hand, on complete balanced data,
// where the interaction is a two-sample t test of the changes.
func TestAbsoluteMargin(t *testing.T) {
	tr := testTrial(26)
	values := usual.draw(tr, "ACC", 5)
	p := bare()
	p.Equivalence.Unit, p.Equivalence.Margin = "absolute", 2.5
	f := fitOne(t, p, tr, values)
	a := f.Attenuation[0]
	changes := map[string][]float64{}
	for i, x := range byScan(tr, values) {
		for s := range 2 {
			k := tr.Scans[4*i+2*s].Treatment
			changes[k] = append(changes[k], x[s][1]-x[s][0])
		}
	}
	d, tt, df := twoSampleT(changes["naltrexone"], changes["placebo"])
	se := d / tt
	near(t, "p against −2.5", float64(a.PLower), lmm.TTail((d+2.5)/se, df)/2, 1e-6)
	near(t, "p against +2.5", float64(a.PUpper), lmm.TTail((2.5-d)/se, df)/2, 1e-6)
	q := lmm.TQuantile(0.1, df)
	near(t, "lower limit of 90 %", float64(a.Low), d-q*se, 1e-7)
	near(t, "upper limit of 90 %", float64(a.High), d+q*se, 1e-7)
	if a.Margin != 2.5 || a.MarginText != "±2.5 mL/100 g/min" || a.BFN != 26 {
		t.Errorf("%+v", a)
	}
}

// TestPercentIntervalInvertsTests: the interval in percent covers what its own
// test does not reject: zero as the contrast's interval does, and the margin as
// the two one-sided tests do, whatever the data.
func TestPercentIntervalInvertsTests(t *testing.T) {
	p := bare()
	p.Equivalence.Unit, p.Equivalence.Margin = "percent", 6 // near enough for either outcome
	equivalent, different := 0, 0
	for seed := range uint64(60) {
		tr := testTrial(10)
		m := usual
		m.interaction, m.residual = -2, 2
		values := m.draw(tr, "ACC", seed)
		for i := range values {
			if (uint64(i)*7+seed)%11 == 0 {
				values[i].CBF = math.NaN()
			}
		}
		f := fitOne(t, p, tr, values)
		e := effectNamed(t, f, "interaction:naltrexone")
		a := f.Attenuation[0]
		if (e.PercentLow > 0 || e.PercentHigh < 0) != (e.P < 0.05) {
			t.Errorf("seed %d: p %g, interval in percent %g to %g", seed, e.P, e.PercentLow, e.PercentHigh)
		}
		if (a.PercentLow > -6) != (a.PLower < 0.05) || (a.PercentHigh < 6) != (a.PUpper < 0.05) {
			t.Errorf("seed %d: p %g and %g, interval in percent %g to %g", seed, a.PLower, a.PUpper, a.PercentLow, a.PercentHigh)
		}
		if !(e.PercentLow < e.Percent && e.Percent < e.PercentHigh) {
			t.Errorf("seed %d: %g is not inside %g to %g", seed, e.Percent, e.PercentLow, e.PercentHigh)
		}
		near(t, "percent", float64(e.Percent), 100*float64(e.Estimate/f.Means[0].Mean), 1e-9)
		if a.Equivalent {
			equivalent++
		}
		if e.P < 0.05 {
			different++
		}
	}
	if equivalent == 0 || different == 0 || equivalent == 60 {
		t.Errorf("%d equivalent, %d different: both outcomes should occur", equivalent, different)
	}
}

// TestFiellerClosedForm: with residual degrees of freedom, which are the same
// for every combination, the interval is Fieller's quadratic.
func TestFiellerClosedForm(t *testing.T) {
	tr := testTrial(26)
	values := usual.draw(tr, "ACC", 11)
	p := bare()
	p.Model.DDF = "residual"
	f := fitOne(t, p, tr, values)
	e := effectNamed(t, f, "phase:placebo")
	// In balanced data the contrast and the mean m at baseline have
	// covariance −σ²/n.
	sd := map[string]float64{}
	for _, c := range f.Components {
		sd[c.Group] = float64(c.SD)
	}
	q2 := math.Pow(lmm.TQuantile(0.05, float64(e.DF)), 2)
	m, vm := float64(f.Means[0].Mean), math.Pow(float64(f.Means[0].SE), 2)
	c, vc := float64(e.Estimate), math.Pow(float64(e.SE), 2)
	cov := -sd["Residual"] * sd["Residual"] / 26
	a, b, k := m*m-q2*vm, c*m-q2*cov, c*c-q2*vc
	root := math.Sqrt(b*b - a*k)
	near(t, "lower", float64(e.PercentLow), 100*(b-root)/a, 1e-8)
	near(t, "upper", float64(e.PercentHigh), 100*(b+root)/a, 1e-8)
}

// TestVerdicts: every combination of difference and equivalence has its own
// words, which claim no more than the tests show.
func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		interaction, residual, margin float64
		seed                          uint64
		starts, without               string
	}{
		{0, 1, 10, 1, "Within the margin:", "smaller under"},
		{-2.5, 1, 10, 1, "Lessened, by less than the margin:", ""},
		{-5, 1, 5, 1, "Lessened:", "not shown"},
		{-2.5, 1, 5, 1, "Lessened:", "by more than the margin"},
		{6, 1, 5, 1, "Enlarged: the ketamine effect is larger", ""},
		{2, 3, 5, 2, "Not lessened by the margin:", ""},
		{0, 6, 3, 1, "Not settled:", "ithin the margin:"},
	} {
		tr := testTrial(26)
		m := usual
		m.interaction, m.residual = tt.interaction, tt.residual
		p := bare()
		p.Equivalence.Unit, p.Equivalence.Margin = "percent", tt.margin
		f := fitOne(t, p, tr, m.draw(tr, "ACC", tt.seed))
		a := f.Attenuation[0]
		if !strings.HasPrefix(a.Verdict, tt.starts) || tt.without != "" && strings.Contains(a.Verdict, tt.without) {
			e := effectNamed(t, f, "interaction:naltrexone")
			t.Errorf("interaction %g, residual %g, margin %g: %q; p %.3g, lower %.3g, upper %.3g, %.1f to %.1f %%", tt.interaction, tt.residual, tt.margin, a.Verdict, e.P, a.PLower, a.PUpper, a.PercentLow, a.PercentHigh)
		}
		t.Log(a.Verdict)
	}
	m := usual
	m.phase = -6
	tr := testTrial(26)
	f := fitOne(t, bare(), tr, m.draw(tr, "ACC", 1))
	if v := f.Attenuation[0].Verdict; !strings.Contains(v, "effect under placebo is a fall: smaller and larger are meant of its size") {
		t.Errorf("a falling phase effect is not mentioned: %q", v)
	}
}

// TestVerdictFollowsCorrection: a difference that the correction over regions
// takes away is not claimed in words.
func TestVerdictFollowsCorrection(t *testing.T) {
	tr := testTrial(26)
	m := usual
	m.interaction = -2.4
	values := m.draw(tr, "sgACC", 2)
	for i := range uint64(7) {
		values = append(values, usual.draw(tr, "null"+string(rune('a'+i)), 50+i)...)
	}
	p := bare()
	p.Equivalence.Unit, p.Equivalence.Margin = "percent", 20
	p.Regions.Primary = []string{"sgACC", "nulla", "nullb", "nullc", "nulld", "nulle", "nullf", "nullg"}
	r, l := Analyse(p, tr, values, 1)
	if l.Err() != nil {
		t.Fatal(l)
	}
	e := effectNamed(t, &r.Models[0], "interaction:naltrexone")
	if !(e.P < 0.05 && e.PAdjusted > 0.05) {
		t.Fatalf("p %g, corrected %g: the draw should lie between", e.P, e.PAdjusted)
	}
	if v := r.Models[0].Attenuation[0].Verdict; !strings.HasPrefix(v, "Within the margin:") {
		t.Error(v)
	}
}
