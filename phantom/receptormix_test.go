package phantom

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"phasl/bids"
	"phasl/crossover"
	"phasl/receptor"
)

// percentOf returns a contrast of every region, percent of base CBF.
func percentOf(t *testing.T, tr *Trial, contrast string) []float64 {
	t.Helper()
	var out []float64
	for _, r := range Regions() {
		for _, c := range tr.Planted(r.Name) {
			if c.Name == contrast {
				out = append(out, c.Percent)
			}
		}
	}
	if len(out) != len(Regions()) {
		t.Fatalf("%s: %d regions", contrast, len(out))
	}
	return out
}

// cingulate tells whether region r (from 0) is one of the anterior cingulate.
func cingulate(r int) bool { return strings.HasSuffix(Regions()[r].Base, "ACC") }

// A mixture is the z-scored sum of z-scored densities, worked out here step by
// step; it leaves the anterior cingulate, white matter and the mean CBF of grey
// matter as they were.
func TestMixture(t *testing.T) {
	weights := map[string]float64{"MOR": 2, "KOR": -1}
	tr := newTrial(t, TrialOptions{Seed: 5, Effects: []PlantedEffect{{Kind: crossover.PhaseEffect, Region: "all", Percent: 5}},
		Receptors: &ReceptorMixtures{Mixtures: []Mixture{{Kind: crossover.PhaseEffect, Percent: 3, Weights: weights}}}})
	got := percentOf(t, tr, "phase:placebo")
	densities := NewReceptors(5)
	var mor, kor, in []float64
	m, k := densities.Regional("MOR"), densities.Regional("KOR")
	for r := range got {
		if cingulate(r) {
			if math.Abs(got[r]-5) > 1e-9 {
				t.Errorf("%s: %g %%, want 5", Regions()[r].Name, got[r])
			}
			continue
		}
		mor, kor, in = append(mor, m[r]), append(kor, k[r]), append(in, got[r])
	}
	if len(in) != 88 {
		t.Fatalf("%d regions", len(in))
	}
	sum := make([]float64, len(in))
	mm, ms := stat.PopMeanStdDev(mor, nil)
	km, ks := stat.PopMeanStdDev(kor, nil)
	for i := range sum {
		sum[i] = 2*(mor[i]-mm)/ms - (kor[i]-km)/ks
	}
	_, ss := stat.PopMeanStdDev(sum, nil)
	offset := in[0] - 3*sum[0]/ss
	for i := range in {
		if math.Abs(in[i]-3*sum[i]/ss-offset) > 1e-9 {
			t.Fatalf("region %d: %g %%, want %g", i, in[i], 3*sum[i]/ss+offset)
		}
	}
	if _, sd := stat.PopMeanStdDev(in, nil); math.Abs(sd-3) > 1e-9 {
		t.Errorf("standard deviation over regions %g %%, want 3", sd)
	}
	for _, region := range []string{GlobalGrey, GlobalWhite, "sgACC", "pgACC", "dACC"} {
		r := regionNamed(region)
		if c := tr.Planted(region)[0]; math.Abs(c.CBF-0.05*r.Base) > 1e-9 {
			t.Errorf("%s: %g mL/100 g/min, want %g", region, c.CBF, 0.05*r.Base)
		}
	}
}

// Mixtures add to each other and to planted effects, treatment by treatment.
func TestMixturesAdd(t *testing.T) {
	effects := DefaultEffects()
	trial := func(m ...Mixture) *Trial {
		if m == nil {
			m = []Mixture{}
		}
		return newTrial(t, TrialOptions{Seed: 9, Effects: effects, Receptors: &ReceptorMixtures{Mixtures: m}})
	}
	a := Mixture{Kind: crossover.PhaseEffect, Percent: 4, Weights: map[string]float64{"MOR": 1, "NMDA": 1}}
	b := Mixture{Kind: crossover.Interaction, Percent: -3, Weights: map[string]float64{"GABAA": 0.2}}
	c := Mixture{Kind: crossover.PhaseEffect, Treatment: "naltrexone", Percent: 2, Weights: map[string]float64{"KOR": 1}}
	none, onlyA, onlyB, onlyC, all := trial(), trial(a), trial(b), trial(c), trial(a, b, c)
	for _, contrast := range []string{"phase:placebo", "phase:naltrexone", "phase_average", "interaction:naltrexone", "treatment_baseline:naltrexone", "period"} {
		n, xa, xb, xc, x := percentOf(t, none, contrast), percentOf(t, onlyA, contrast), percentOf(t, onlyB, contrast), percentOf(t, onlyC, contrast), percentOf(t, all, contrast)
		for r := range x {
			if math.Abs(x[r]-(xa[r]+xb[r]+xc[r]-2*n[r])) > 1e-9 {
				t.Fatalf("%s in %s: %g %%, parts add up to %g", contrast, Regions()[r].Name, x[r], xa[r]+xb[r]+xc[r]-2*n[r])
			}
		}
		bare := newTrial(t, TrialOptions{Seed: 9, Effects: effects, Receptors: &ReceptorMixtures{None: true}})
		if !reflect.DeepEqual(n, percentOf(t, bare, contrast)) {
			t.Errorf("%s: receptors that nothing follows change it", contrast)
		}
	}
	// What a scanner measures moves by just the effect.
	v, w := none.TrueValues("Insula_L"), all.TrueValues("Insula_L")
	at := slices.IndexFunc(Regions(), func(r Region) bool { return r.Name == "Insula_L" })
	base := regionNamed("Insula_L").Base
	for i, s := range all.Crossover().Scans {
		want := 0.0
		if s.Phase == "infusion" {
			want = percentOf(t, all, "phase:"+s.Treatment)[at] - percentOf(t, none, "phase:"+s.Treatment)[at]
		}
		if got := 100 * (w[i].CBF - v[i].CBF) / base; math.Abs(got-want) > 1e-9 {
			t.Fatalf("scan %d: CBF moves by %g %%, want %g", i, got, want)
		}
	}
}

// By default the mean effect follows MOR and mGluR5, the interaction GABAAa5 as
// well, and the claims about the anterior cingulate are as without receptors.
func TestDefaultMixtures(t *testing.T) {
	tr, bare := newTrial(t, TrialOptions{}), newTrial(t, TrialOptions{Receptors: &ReceptorMixtures{None: true}})
	if bare.Densities != nil || bare.ReceptorTruth(nil) != nil {
		t.Error("a trial without receptors has some")
	}
	for _, region := range []string{"sgACC", "pgACC", "dACC", GlobalGrey} {
		a, b := tr.Planted(region), bare.Planted(region)
		for i := range a {
			if math.Abs(a[i].CBF-b[i].CBF) > 1e-9 {
				t.Errorf("%s %s: %g, without receptors %g", region, a[i].Name, a[i].CBF, b[i].CBF)
			}
		}
	}
	planted := map[string][]string{"phase_average": {"MOR", "mGluR5"}, "interaction:naltrexone": {"MOR", "mGluR5", "GABAAa5"},
		"phase:placebo": {"MOR", "mGluR5", "GABAAa5"}, "phase:naltrexone": {"MOR", "mGluR5", "GABAAa5"}}
	seen := map[string]bool{}
	for _, r := range tr.ReceptorTruth(nil) {
		seen[r.Contrast] = true
		if got, want := r.Weight != 0, slices.Contains(planted[r.Contrast], r.Target); got != want {
			t.Errorf("%s: weight of %s %g", r.Contrast, r.Target, r.Weight)
		}
	}
	if len(seen) != 4 {
		t.Errorf("contrasts %v", seen)
	}
	// Explicit effects are not added to unasked.
	own := newTrial(t, TrialOptions{Effects: []PlantedEffect{{Kind: crossover.PhaseEffect, Region: "all", Percent: 5}}})
	for r, v := range percentOf(t, own, "phase_average") {
		if math.Abs(v-5) > 1e-9 {
			t.Fatalf("%s: %g %%, want 5", Regions()[r].Name, v)
		}
	}
	if own.Densities == nil {
		t.Error("a trial with effects of its own has no densities")
	}
}

// The weights of the truth are the slopes of a regression of the effect on the
// standardised densities, and its correlations are those of the table.
func TestReceptorTruth(t *testing.T) {
	tr := newTrial(t, TrialOptions{Seed: 3, Subjects: 4, Effects: []PlantedEffect{},
		Receptors: &ReceptorMixtures{Mixtures: DefaultMixtures()}})
	targets := ReceptorTargets()
	truth := tr.ReceptorTruth(nil)
	var z [][]float64
	for _, target := range targets {
		var x []float64
		for r, v := range tr.Densities.Regional(target) {
			if !cingulate(r) {
				x = append(x, v)
			}
		}
		m, s := stat.PopMeanStdDev(x, nil)
		for i := range x {
			x[i] = (x[i] - m) / s
		}
		z = append(z, x)
	}
	for _, contrast := range []string{"phase:placebo", "phase:naltrexone", "phase_average", "interaction:naltrexone"} {
		var y []float64
		for r, v := range percentOf(t, tr, contrast) {
			if !cingulate(r) {
				y = append(y, v)
			}
		}
		design := mat.NewDense(len(y), len(targets)+1, nil)
		for i := range y {
			design.Set(i, 0, 1)
			for j := range targets {
				design.Set(i, j+1, z[j][i])
			}
		}
		var beta mat.VecDense
		if err := beta.SolveVec(design, mat.NewVecDense(len(y), y)); err != nil {
			t.Fatal(err)
		}
		for j, target := range targets {
			i := slices.IndexFunc(truth, func(r ReceptorTruth) bool { return r.Contrast == contrast && r.Target == target })
			if math.Abs(truth[i].Weight-beta.AtVec(j+1)) > 1e-9 {
				t.Errorf("%s, %s: weight %g, slope %g", contrast, target, truth[i].Weight, beta.AtVec(j+1))
			}
		}
	}

	dir := t.TempDir()
	if err := tr.WriteTruth(dir, nil); err != nil {
		t.Fatal(err)
	}
	table, l := bids.ReadTable(filepath.Join(dir, truthFolder, "receptors.tsv"))
	if l.Err() != nil || len(table.Rows) != 24 {
		t.Fatalf("%d rows, %v", len(table.Rows), l)
	}
	percent := percentOf(t, tr, "interaction:naltrexone")
	var cbf []float64
	for r, v := range percent {
		cbf = append(cbf, v/100*Regions()[r].CBF)
	}
	for i := range table.Rows {
		row := table.Row(i)
		if row["contrast"] != "interaction:naltrexone" {
			continue
		}
		x := tr.Densities.Regional(row["target"])
		r, _ := strconv.ParseFloat(row["r"], 64)
		rho, _ := strconv.ParseFloat(row["rho"], 64)
		if want := stat.Correlation(cbf, x, nil); math.Abs(r-want) > 1e-6 {
			t.Errorf("%s: r %g, want %g", row["target"], r, want)
		}
		if want := spearman(cbf, x); math.Abs(rho-want) > 1e-6 {
			t.Errorf("%s: rho %g, want %g", row["target"], rho, want)
		}
	}
}

// spearman counts: the rank of a value is 1 + those below + half of its equals.
func spearman(x, y []float64) float64 {
	rank := func(x []float64) []float64 {
		out := make([]float64, len(x))
		for i := range x {
			out[i] = 0.5
			for j := range x {
				switch {
				case x[j] < x[i]:
					out[i]++
				case x[j] == x[i]:
					out[i] += 0.5
				}
			}
		}
		return out
	}
	return stat.Correlation(rank(x), rank(y), nil)
}

// A region that stands out is held, so that no seed makes the default trial's
// CBF negative.
func TestMixturesAreHeld(t *testing.T) {
	least, most := 0.0, 0.0
	for seed := range uint64(400) {
		r := NewReceptors(seed)
		for _, w := range []map[string]float64{{"MOR": 1}, {"MOR": 1, "mGluR5": 1}} {
			pattern, _ := r.mixture(w)
			least, most = min(least, slices.Min(pattern)), max(most, slices.Max(pattern))
		}
	}
	if t.Logf("%.2f to %.2f", least, most); least < -4.2 || most > 4.2 || most < 3.3 { // 3.5, moved by the mean and the SD
		t.Errorf("mixtures from %.2f to %.2f standard deviations", least, most)
	}
}

// A brain measure that a mixture shifts is standardised with the shift.
func TestAssociationsKnowMixtures(t *testing.T) {
	a := PlantedAssociation{R: 0.5}
	a.Region, a.Measure, a.Phase, a.Instrument, a.Score, a.Visit, a.Within = "Accumbens_L", crossover.Absolute, "infusion", "psi", "delusional", "infusion", "placebo"
	tr := newTrial(t, TrialOptions{Subjects: 999, Seed: 5, Symptoms: &Symptoms{Associations: []PlantedAssociation{a}}})
	shift := math.Abs(percentOf(t, tr, "phase:placebo")[slices.IndexFunc(Regions(), func(r Region) bool { return r.Name == a.Region })] - 5.3)
	if shift < 4 {
		t.Fatalf("the mixture moves the region by %g %% only", shift)
	}
	var n, mean float64
	of := tr.regressions()
	for i := range tr.People {
		for j := range tr.People[i].Sessions {
			if s := &tr.People[i].Sessions[j]; tr.Treatments[s.Treatment] == "placebo" {
				mean += tr.drives(s, of)[0]
				n++
			}
		}
	}
	if mean /= n; math.Abs(mean) > 4*math.Sqrt(1/n+1.0/3996) {
		t.Errorf("mean of the standardised measure %.3f", mean)
	}
	if tr.mixedInto("pgACC") != "" || tr.mixedInto(GlobalGrey) != "" || tr.mixedInto(GlobalWhite) != "" || tr.mixedInto(a.Region) == "" {
		t.Error("regressions of regions that mixtures do not reach are not shared")
	}
}

func TestMixturesRefuse(t *testing.T) {
	ok := map[string]float64{"MOR": 1}
	for _, tt := range []struct {
		m          Mixture
		found, fix string
	}{
		{Mixture{Kind: "phas", Percent: 5, Weights: ok}, `no kind of mixture "phas"`, "did you mean phase?"},
		{Mixture{Kind: crossover.PeriodEffect, Percent: 5, Weights: ok}, `no kind of mixture "period"`, "phase, interaction"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"mor": 1}}, `no simulated receptor "mor"`, "MOR"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"mGluR6": 1}}, `no simulated receptor "mGluR6"`, "did you mean mGluR5?"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"MOR": math.NaN()}}, "weight of MOR is NaN", "finite"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"MOR": math.Inf(1), "KOR": 1}}, "weight of MOR is +Inf", "finite"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5}, "no receptor has a weight", "other than 0"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"MOR": 0}}, "no receptor has a weight", "other than 0"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: 40, Weights: ok}, "40 % is no size", "−15 to 15"},
		{Mixture{Kind: crossover.PhaseEffect, Percent: math.NaN(), Weights: ok}, "NaN % is no size", "−15 to 15"},
		{Mixture{Kind: crossover.Interaction, Treatment: "naltrexon", Percent: 5, Weights: ok}, `no treatment "naltrexon"`, "did you mean naltrexone?"},
		{Mixture{Kind: crossover.Interaction, Treatment: "placebo", Percent: 5, Weights: ok}, "placebo is the reference", "another treatment"},
		{Mixture{Kind: crossover.PhaseEffect, Phase: "infuson", Percent: 5, Weights: ok}, `no phase "infuson"`, "did you mean infusion?"},
		{Mixture{Kind: crossover.PhaseEffect, Phase: "baseline", Percent: 5, Weights: ok}, "baseline is the baseline", "later phase"},
	} {
		tr, l := NewTrial(TrialOptions{Receptors: &ReceptorMixtures{Mixtures: []Mixture{tt.m}}})
		if tr != nil || len(l) != 1 || !strings.Contains(l[0].Found, tt.found) || !strings.Contains(l[0].Fix, tt.fix) {
			t.Errorf("%+v: %v, want %q, fix %q", tt.m, l, tt.found, tt.fix)
		}
	}
	// Together they must leave CBF.
	big := Mixture{Kind: crossover.PhaseEffect, Percent: 15, Weights: ok}
	if tr, l := NewTrial(TrialOptions{Receptors: &ReceptorMixtures{Mixtures: []Mixture{big, big}}}); tr != nil || !strings.Contains(l.Error(), "would often be negative") {
		t.Errorf("two mixtures of 15 %%: %v", l)
	}
	// Weights of any finite size do.
	for _, w := range []float64{1e-300, 1e300} {
		a := newTrial(t, TrialOptions{Receptors: &ReceptorMixtures{Mixtures: []Mixture{{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"MOR": w, "KOR": w}}}}})
		b := newTrial(t, TrialOptions{Receptors: &ReceptorMixtures{Mixtures: []Mixture{{Kind: crossover.PhaseEffect, Percent: 5, Weights: map[string]float64{"MOR": 1, "KOR": 1}}}}})
		if !reflect.DeepEqual(percentOf(t, a, "phase_average"), percentOf(t, b, "phase_average")) {
			t.Errorf("weights of %g are not weights of 1", w)
		}
	}
}

// In repeated default trials planted receptors are found, others are not, and
// one worker counts what two do. phasl calibrate --receptor-trials tries more.
func TestReceptorTrials(t *testing.T) {
	try := func(workers int) *ReceptorRates {
		r, err := SimulateReceptorTrials(TrialOptions{}, 60, receptor.Options{Surrogates: 199, Workers: workers}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := try(2)
	if !reflect.DeepEqual(r, try(1)) {
		t.Error("results depend on the number of workers")
	}
	if len(r.Rates) != 12 || len(r.Families) != 2 {
		t.Fatalf("%d rates, %d families", len(r.Rates), len(r.Families))
	}
	for _, x := range r.Rates {
		// Expected of 60: planted 0.76 or more, others 0.05 of p and less of the
		// family-wise p; four standard errors.
		switch {
		case x.Planted && x.JointFWE.Share < 0.76-4*0.055:
			t.Errorf("%s: %s was found in %.2f of the trials", x.Contrast, x.Target, x.JointFWE.Share)
		case !x.Planted && (x.Joint.Share > 0.06+4*0.031 || x.JointFWE.Share > 0.01+4*0.013 || math.Abs(float64(x.True)) > 4*0.25/math.Sqrt(60)):
			t.Errorf("%s: %s was found in %.2f of the trials, family-wise in %.2f; true correlation %.2f", x.Contrast, x.Target, x.Joint.Share, x.JointFWE.Share, x.True)
		}
	}
	// Three treatments, three phases, and people without some visits.
	p := crossover.DefaultPlan()
	p.Trial.Treatments, p.Trial.Phases = []string{"sham", "low", "high"}, []string{"before", "early", "late"}
	one := Mixture{Kind: crossover.Interaction, Treatment: "high", Percent: 8, Weights: map[string]float64{"NMDA": 1}}
	r, err := SimulateReceptorTrials(TrialOptions{Subjects: 24, Missing: 0.2, Plan: p, Receptors: &ReceptorMixtures{Mixtures: []Mixture{one}}}, 8, receptor.Options{Surrogates: 199}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Rates {
		planted := x.Target == "NMDA" && (x.Contrast == "interaction:high:early" || x.Contrast == "phase_average:early")
		if x.Planted != planted || x.Contrast == "interaction:high:early" && planted && x.Joint.Share < 1 {
			t.Errorf("%+v", x)
		}
	}
	if len(r.Families) != 3 {
		t.Errorf("%d contrasts", len(r.Families))
	}
	if _, err := SimulateReceptorTrials(TrialOptions{Receptors: &ReceptorMixtures{None: true}}, 2, receptor.Options{}, nil, nil); err == nil {
		t.Error("receptors of a trial that has none are looked for")
	}
	if _, err := SimulateReceptorTrials(TrialOptions{Subjects: 1}, 2, receptor.Options{}, nil, nil); err == nil {
		t.Error("one person makes a trial")
	}
}
