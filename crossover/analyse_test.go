package crossover

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/lmm"
)

// regionsOf draws several regions for one trial.
func regionsOf(tr *Trial, m testModel, names ...string) []Value {
	var out []Value
	for i, n := range names {
		out = append(out, m.draw(tr, n, uint64(100+i))...)
	}
	return out
}

func modelOf(t *testing.T, r *Results, region string, measure Measure) *RegionFit {
	t.Helper()
	for i := range r.Models {
		if r.Models[i].Region == region && r.Models[i].Measure == measure {
			return &r.Models[i]
		}
	}
	t.Fatalf("no model of %s, %s", region, measure)
	return nil
}

// TestFamilies: which tests are corrected together, in what order regions
// come, and that the corrections are of the raw p-values.
func TestFamilies(t *testing.T) {
	tr := testTrial(16)
	values := regionsOf(tr, usual, "sgACC", "dACC", "pgACC", "Insula", "Caudate", "global_gm", "global_wm")
	p := DefaultPlan()
	p.Contrasts = []ContrastPlan{{"twice", "2*phaseinfusion", true}, {"odd", "phaseinfusion - 1*period2", false}}
	r, l := Analyse(p, tr, values, 2)
	if l.Err() != nil {
		t.Fatal(l)
	}
	var order []string
	for _, f := range r.Models {
		order = append(order, f.Region+" "+string(f.Measure))
	}
	want := "sgACC absolute, pgACC absolute, dACC absolute, global_gm absolute, Caudate absolute, Insula absolute, global_wm absolute, " +
		"sgACC relative, pgACC relative, dACC relative, Caudate relative, Insula relative, global_wm relative, " +
		"sgACC global-adjusted, pgACC global-adjusted, dACC global-adjusted, Caudate global-adjusted, Insula global-adjusted, global_wm global-adjusted"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("models\n%s, want\n%s", got, want)
	}
	// phase ×2, average, interaction and twice; primary and others; 3 measures.
	if len(r.Families) != 5*2*3 {
		t.Errorf("%d families, want 30", len(r.Families))
	}
	for _, fam := range r.Families {
		primary := !strings.HasSuffix(fam.Name, ", other regions")
		wantTests, wantMethod, how := []string{"sgACC", "pgACC", "dACC"}, "holm", lmm.Holm
		if !primary {
			wantTests, wantMethod, how = []string{"Caudate", "Insula"}, "fdr", lmm.BH
		}
		if !slices.Equal(fam.Tests, wantTests) || fam.Method != wantMethod {
			t.Errorf("%+v", fam)
		}
		name, rest, _ := strings.Cut(fam.Name, ", ")
		measure, _, _ := strings.Cut(rest, ", ")
		var raw, adjusted []float64
		for _, region := range fam.Tests {
			e := effectNamed(t, modelOf(t, r, region, Measure(measure)), name)
			raw, adjusted = append(raw, float64(e.P)), append(adjusted, float64(e.PAdjusted))
			if e.Primary != primary {
				t.Errorf("%s of %s: primary %v", name, region, e.Primary)
			}
		}
		if !slices.Equal(lmm.Adjust(raw, how), adjusted) {
			t.Errorf("%s: %v of %v", fam.Name, adjusted, raw)
		}
	}
	for _, f := range r.Models {
		for _, e := range f.Effects {
			inFamily := !strings.HasPrefix(f.Region, "global") && (strings.HasPrefix(e.Name, "phase") || strings.HasPrefix(e.Name, "interaction") || e.Name == "twice")
			if math.IsNaN(float64(e.PAdjusted)) == inFamily {
				t.Errorf("%s %s: adjusted p %g", f.Region, e.Name, e.PAdjusted)
			}
		}
	}
	f := modelOf(t, r, "sgACC", Absolute)
	near(t, "twice", float64(effectNamed(t, f, "twice").Estimate), 2*float64(effectNamed(t, f, "phase:placebo").Estimate), 1e-12)
}

// TestMeasures: relative CBF is the analysis of ratios; global-adjusted CBF
// that with global CBF as a column of its own, centred; and neither is made of
// global CBF itself.
func TestMeasures(t *testing.T) {
	tr := testTrial(16)
	values := regionsOf(tr, usual, "ACC", "global_gm")
	global := map[string]float64{}
	for _, v := range values {
		if v.Region == "global_gm" {
			global[v.Session+v.Run+v.Subject] = v.CBF
		}
	}
	r, l := Analyse(DefaultPlan(), tr, values, 1)
	if l.Err() != nil {
		t.Fatal(l)
	}
	var ratios []Value
	for _, v := range values {
		if v.Region == "ACC" {
			v.CBF /= global[v.Session+v.Run+v.Subject]
			ratios = append(ratios, v)
		}
	}
	compareFits := func(got, want *RegionFit) {
		t.Helper()
		for i := range want.Effects {
			near(t, want.Effects[i].Name, float64(got.Effects[i].Estimate), float64(want.Effects[i].Estimate), 1e-9)
			near(t, want.Effects[i].Name+" p", float64(got.Effects[i].P), float64(want.Effects[i].P), 1e-7)
			if d := float64(want.Effects[i].DZ); !math.IsNaN(d) {
				near(t, want.Effects[i].Name+" dz", float64(got.Effects[i].DZ), d, 1e-7)
			}
		}
	}
	compareFits(modelOf(t, r, "ACC", Relative), fitOne(t, bare(), tr, ratios))
	for i := range tr.Scans {
		s := &tr.Scans[i]
		s.Columns = map[string]string{"g": fmt.Sprint(global[s.Session+s.Run+s.Subject])}
	}
	p := bare()
	p.Model.Covariates = []string{"g"}
	adjusted := modelOf(t, r, "ACC", GlobalAdjusted)
	compareFits(adjusted, fitOne(t, p, tr, values[:len(values)/2]))
	if adjusted.Formula != DefaultFormula+" + global" {
		t.Errorf("formula %q", adjusted.Formula)
	}
	// At mean global CBF the means average to the grand mean of balanced data.
	sum, all := 0.0, 0.0
	for _, m := range adjusted.Means {
		sum += float64(m.Mean) / 4
	}
	for _, v := range values[:len(values)/2] {
		all += v.CBF / float64(len(values)/2)
	}
	near(t, "mean of means", sum, all, 1e-9)
	if u := modelOf(t, r, "ACC", Relative).Units; u != "of global CBF" {
		t.Errorf("units %q", u)
	}
}

// TestLogarithms: effects are ratios in percent, means geometric.
func TestLogarithms(t *testing.T) {
	tr := testTrial(14)
	values := usual.draw(tr, "ACC", 3)
	logs := slices.Clone(values)
	for i := range logs {
		logs[i].CBF = math.Log(logs[i].CBF)
	}
	p := bare()
	p.Model.Log = true
	p.Equivalence.Margin, p.Equivalence.Unit = 10, "percent"
	f, want := fitOne(t, p, tr, values), fitOne(t, bare(), tr, logs)
	e, w := effectNamed(t, f, "phase:placebo"), effectNamed(t, want, "phase:placebo")
	near(t, "estimate", float64(e.Estimate), float64(w.Estimate), 1e-12)
	near(t, "percent", float64(e.Percent), 100*(math.Exp(float64(w.Estimate))-1), 1e-9)
	near(t, "lower", float64(e.PercentLow), 100*(math.Exp(float64(w.Low))-1), 1e-9)
	near(t, "geometric mean", float64(f.Means[0].Mean), math.Exp(float64(want.Means[0].Mean)), 1e-12)
	near(t, "its SE", float64(f.Means[0].SE), float64(f.Means[0].Mean*want.Means[0].SE), 1e-9)
	near(t, "fitted", float64(f.Data[0].Fitted), math.Exp(float64(want.Data[0].Fitted)), 1e-9)
	a := f.Attenuation[0]
	i := effectNamed(t, want, "interaction:naltrexone")
	near(t, "p against a tenth less", float64(a.PLower), lmm.TTail(float64(i.Estimate-Number(math.Log(0.9)))/float64(i.SE), float64(i.DF))/2, 1e-9)
	values[3].CBF = -1
	f = fitOne(t, p, tr, values)
	if f.NObs != len(values)-1 || !strings.Contains(strings.Join(f.Notes, ";"), "1 value is not positive") {
		t.Errorf("%d observations, notes %q", f.NObs, f.Notes)
	}
}

// TestDZ is the mean over the standard deviation of each person's difference,
// of people who have all its parts.
func TestDZ(t *testing.T) {
	tr := testTrial(12)
	values := usual.draw(tr, "ACC", 4)
	x := byScan(tr, values)
	values[1].CBF = math.NaN() // person 1, first session, infusion
	f := fitOne(t, bare(), tr, values)
	var under, inter []float64
	for i := range x {
		first, second := x[i][0][1]-x[i][0][0], x[i][1][1]-x[i][1][0]
		placebo, naltrexone := first, second
		if tr.Scans[4*i].Treatment != "placebo" {
			placebo, naltrexone = second, first
		}
		if i > 0 || tr.Scans[0].Treatment != "placebo" {
			under = append(under, placebo)
		}
		if i > 0 {
			inter = append(inter, naltrexone-placebo)
		}
	}
	for _, c := range []struct {
		name string
		d    []float64
	}{{"phase:placebo", under}, {"interaction:naltrexone", inter}} {
		m, v := meanVar(c.d)
		e := effectNamed(t, f, c.name)
		near(t, c.name, float64(e.DZ), m/math.Sqrt(v), 1e-9)
		if e.N != len(c.d) {
			t.Errorf("%s: n %d, want %d", c.name, e.N, len(c.d))
		}
	}
	if e := effectNamed(t, f, "carry_over"); !math.IsNaN(float64(e.DZ)) || e.N != 12 {
		t.Errorf("carry-over: %+v", e)
	}
}

// TestThreeByThree: three treatments, three phases and three periods give a
// contrast for each, with names that tell them apart, of the right cells.
func TestThreeByThree(t *testing.T) {
	tr := &Trial{Treatments: []string{"placebo", "low", "high"}, Phases: []string{"pre", "early", "late"}, Challenge: "ketamine",
		Sequences: []string{"high-placebo-low", "low-high-placebo", "placebo-low-high"}}
	var values []Value
	effect := [3][3]float64{{0, 1, 2}, {3, 5, 7}, {0, 10, 30}} // treatment, phase
	for i := range 12 {
		name := fmt.Sprint(100 + i)
		tr.People = append(tr.People, Person{Subject: name})
		for s := range 3 {
			for ph := range 3 {
				k := (i + s) % 3
				tr.Scans = append(tr.Scans, Scan{Subject: name, Session: fmt.Sprint(s + 1), Run: fmt.Sprint(ph), Treatment: tr.Treatments[k], Phase: tr.Phases[ph],
					Sequence: tr.Sequences[2-i%3], Period: s + 1})
				noise := math.Sin(float64(len(values)*len(values))) * 1e-3
				values = append(values, Value{Subject: name, Session: fmt.Sprint(s + 1), Run: fmt.Sprint(ph), Region: "ACC", CBF: 50 + float64(i) + effect[k][ph] + 0.5*float64(s) + noise})
			}
		}
	}
	f := fitOne(t, bare(), tr, values)
	want := map[string]float64{
		"phase:placebo:early": 1, "phase:low:early": 2, "phase:high:early": 10, "phase_average:early": 13.0 / 3, "interaction:low:early": 1, "interaction:high:early": 9,
		"phase:placebo:late": 2, "phase:low:late": 4, "phase:high:late": 30, "phase_average:late": 12, "interaction:low:late": 2, "interaction:high:late": 28,
		"treatment_baseline:low": 3, "treatment_baseline:high": 0, "period:2": 0.5, "period:3": 1,
	}
	for name, v := range want {
		e := effectNamed(t, f, name)
		if math.Abs(float64(e.Estimate)-v) > 2e-3 { // the noise is 1e-3
			t.Errorf("%s: %g, want %g", name, e.Estimate, v)
		}
	}
	if len(f.Effects) != len(want)+2 || len(f.Attenuation) != 4 || len(f.Means) != 9 {
		t.Errorf("%d effects, %d attenuations, %d means", len(f.Effects), len(f.Attenuation), len(f.Means))
	}
	if a := f.Attenuation[3]; a.Treatment != "high" || a.Contrast != "interaction:high:late" {
		t.Errorf("%+v", a)
	}
}

// TestWhatCannotBeEstimated is left out and said, never silently.
func TestWhatCannotBeEstimated(t *testing.T) {
	t.Run("one sequence", func(t *testing.T) {
		tr := testTrial(20)
		tr.Scans = slices.DeleteFunc(tr.Scans, func(s Scan) bool { return s.Sequence != tr.Sequences[0] })
		values := usual.draw(tr, "ACC", 1)
		r, l := Analyse(bare(), tr, values, 1)
		f := &r.Models[0]
		if l.Err() != nil || f.Failed != "" {
			t.Fatal(l, f.Failed)
		}
		if strings.Contains(f.Formula, "sequence") {
			t.Errorf("formula %q", f.Formula)
		}
		all := strings.Join(r.Deviations, " ")
		if !strings.Contains(all, "Sequence left out of the model: it is naltrexone-placebo in all 40 scans.") ||
			!strings.Contains(all, "Effects that these scans cannot tell from others are left out of the model: period 2.") {
			t.Errorf("deviations %q", r.Deviations)
		}
		if e := effectNamed(t, f, "carry_over"); !math.IsNaN(float64(e.P)) {
			t.Errorf("carry-over p %g, want NaN", e.P)
		}
	})
	t.Run("one treatment has no value", func(t *testing.T) {
		tr := testTrial(12)
		values := usual.draw(tr, "ACC", 1)
		for i := range values {
			if tr.Scans[i].Treatment == "naltrexone" {
				values[i].CBF = math.NaN()
			}
		}
		f := fitOne(t, bare(), tr, values)
		if e := effectNamed(t, f, "interaction:naltrexone"); !math.IsNaN(float64(e.Estimate)) || e.N != 0 {
			t.Errorf("%+v", e)
		}
		if e := effectNamed(t, f, "phase:placebo"); math.IsNaN(float64(e.P)) {
			t.Error("the phase effect under placebo should still be there")
		}
		if v := f.Attenuation[0].Verdict; !strings.HasPrefix(v, "Not known: no mean can be estimated under naltrexone") {
			t.Error(v)
		}
		if f.Formula != "cbf ~ phase + period + sequence + (1|subject)" {
			t.Error(f.Formula)
		}
	})
	t.Run("no interaction in the formula", func(t *testing.T) {
		tr := testTrial(12)
		p := bare()
		p.Model.Formula = "cbf ~ treatment + phase + (1|subject)"
		f := fitOne(t, p, tr, usual.draw(tr, "ACC", 1))
		if e := effectNamed(t, f, "interaction:naltrexone"); !math.IsNaN(float64(e.P)) {
			t.Errorf("%+v", e)
		}
		if !strings.Contains(strings.Join(f.Notes, ";"), "interaction:naltrexone not estimated: the model has no term for it") {
			t.Errorf("notes %q", f.Notes)
		}
	})
	t.Run("regions", func(t *testing.T) {
		tr := testTrial(12)
		values := regionsOf(tr, usual, "sgACC", "empty", "constant", "few", "Insula")
		for i := range values {
			switch v := &values[i]; v.Region {
			case "empty":
				v.CBF, v.Note = math.NaN(), "outside the field of view"
			case "constant":
				v.CBF = 40
			case "few":
				if i%48 > 4 {
					v.CBF = math.NaN()
				}
			}
		}
		p := bare()
		p.Regions.Primary = []string{"sgACC", "empty", "Insla"}
		r, l := Analyse(p, tr, values, 0)
		for region, want := range map[string]string{"empty": "it has no values (outside the field of view)", "constant": "all its 48 values are 40", "few": "", "Insla": "it has no values", "sgACC": "-", "Insula": "-"} {
			f := modelOf(t, r, region, Absolute)
			if want == "-" && f.Failed != "" || want != "-" && (f.Failed == "" || !strings.Contains(f.Failed, want)) {
				t.Errorf("%s: %q, want %q", region, f.Failed, want)
			}
		}
		text := fmt.Sprint(l.Errors())
		if len(l.Errors()) != 2 || !strings.Contains(text, `no region "Insla"`) || !strings.Contains(text, "the primary region cannot be analysed") {
			t.Errorf("errors: %v", l.Errors())
		}
		if len(l.Warnings()) != 2 {
			t.Errorf("warnings: %v", l.Warnings())
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
	t.Run("no global CBF", func(t *testing.T) {
		tr := testTrial(12)
		values := usual.draw(tr, "sgACC", 1)
		r, l := Analyse(DefaultPlan(), tr, values, 1)
		if l.Err() != nil || len(r.Models) != 1 || !strings.Contains(fmt.Sprint(l), "relative and global-adjusted") {
			t.Error(l, len(r.Models))
		}
		p := DefaultPlan()
		p.File = "plan.toml"
		if _, l := Analyse(p, tr, values, 1); l.Err() == nil {
			t.Error("what the plan asks for and cannot be done is an error")
		}
	})
}

// TestOddTables: values that do not fit the trial are named.
func TestOddTables(t *testing.T) {
	tr := testTrial(12)
	good := usual.draw(tr, "sgACC", 1)
	for _, tt := range []struct {
		name, found string
		err         bool
		change      func(v []Value) []Value
	}{
		{"twice", "1 value stands a second time: sub-001_ses-1_run-1 sgACC", true, func(v []Value) []Value { return append(v, v[0]) }},
		{"stranger", "1 scan is not in the trial and left out: sub-999", false, func(v []Value) []Value { return append(v, Value{Subject: "999", Region: "sgACC", CBF: 1}) }},
		{"units", "arbitrary, mL/100 g/min", true, func(v []Value) []Value { v[5].Units = "arbitrary"; return v }},
		{"infinite", "1 value is infinite", true, func(v []Value) []Value { v[5].CBF = math.Inf(1); return v }},
		{"no value of a scan", "1 scan of the trial has no value: sub-001_ses-1_run-1", false, func(v []Value) []Value { return v[1:] }},
		{"nothing", "there is no value", true, func([]Value) []Value { return nil }},
	} {
		r, l := Analyse(bare(), tr, tt.change(slices.Clone(good)), 1)
		if r == nil || !strings.Contains(fmt.Sprint(l), tt.found) || (l.Err() != nil) != tt.err {
			t.Errorf("%s: %v", tt.name, l)
		}
	}
	var empty Trial
	if r, _ := Analyse(DefaultPlan(), &empty, nil, 1); r == nil {
		t.Error("an empty trial should give empty results")
	}
}

// TestWorkersDoNotMatter compares all results, byte by byte.
func TestWorkersDoNotMatter(t *testing.T) {
	tr := testTrial(14)
	values := regionsOf(tr, usual, "sgACC", "a", "b", "c", "d", "global_gm")
	for i := range values {
		if i%37 == 5 {
			values[i].CBF = math.NaN()
		}
	}
	p := DefaultPlan()
	p.Model.Covariates = []string{"age"}
	var texts []string
	for _, w := range []int{1, 2, 8} {
		r, _ := Analyse(p, tr, values, w)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] || texts[0] != texts[2] {
		t.Error("results depend on the number of workers")
	}
}

func BenchmarkAnalyse(b *testing.B) {
	tr := testTrial(26)
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("region%02d", i))
	}
	values := regionsOf(tr, usual, append(names, "global_gm")...)
	for b.Loop() {
		Analyse(DefaultPlan(), tr, values, 0)
	}
}

// TestDZTakesPeriodOff: a period effect makes raw differences between
// treatments spread by sequence; Cohen's dz is of what the model leaves. In
// balanced data that is the differences less or plus the period estimate.
func TestDZTakesPeriodOff(t *testing.T) {
	tr := testTrial(12)
	m := usual
	m.period = 20
	values := m.draw(tr, "ACC", 4)
	f := fitOne(t, bare(), tr, values)
	period := float64(effectNamed(t, f, "period").Estimate)
	var d []float64
	for i, x := range byScan(tr, values) {
		diff := x[1][0] - x[0][0] - period
		if tr.Scans[4*i].Treatment == "naltrexone" {
			diff = -diff
		}
		d = append(d, diff)
	}
	mean, v := meanVar(d)
	near(t, "dz", float64(effectNamed(t, f, "treatment_baseline:naltrexone").DZ), mean/math.Sqrt(v), 1e-9)
	// A covariate that only adds to the values changes no difference.
	for i := range values {
		motion := math.Sin(float64(3 * i))
		tr.Scans[i].Columns = map[string]string{"motion": fmt.Sprint(motion)}
		values[i].CBF += 1000 * motion
	}
	p := bare()
	p.Model.Covariates = []string{"motion"}
	g := fitOne(t, p, tr, values)
	near(t, "dz with a covariate", float64(effectNamed(t, g, "phase:placebo").DZ), float64(effectNamed(t, f, "phase:placebo").DZ), 0.15) // its coefficient takes part of the noise with it
	// Residuals are standardised by the residual SD.
	for _, c := range f.Components {
		if c.Group == "Residual" {
			fitted, value := float64(f.Data[3].Fitted), float64(f.Data[3].Value)
			near(t, "residual", float64(f.Data[3].Residual), (value-fitted)/float64(c.SD), 1e-9)
		}
	}
}
