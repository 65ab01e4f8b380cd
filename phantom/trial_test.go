package phantom

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"phasl/crossover"
)

// newTrial is NewTrial for options without faults.
func newTrial(t *testing.T, opt TrialOptions) *Trial {
	t.Helper()
	tr, l := NewTrial(opt)
	if l.Err() != nil {
		t.Fatal(l)
	}
	return tr
}

func TestTrialIsTheDefaultDesign(t *testing.T) {
	tr := newTrial(t, TrialOptions{})
	first := map[string]int{}
	scans := 0
	for _, p := range tr.People {
		first[tr.Sequences[p.Sequence]]++
		if len(p.Sessions) != 2 || p.Sessions[0].Treatment == p.Sessions[1].Treatment {
			t.Fatalf("sub-%s: sessions %+v", p.Label, p.Sessions)
		}
		if gap := p.Sessions[1].Time.Sub(p.Sessions[0].Time).Hours() / 24; gap < 6 {
			t.Errorf("sub-%s: %g days between visits", p.Label, gap)
		}
		for _, s := range p.Sessions {
			scans += len(s.Scans)
		}
	}
	if len(tr.People) != 26 || scans != 104 || first["placebo-naltrexone"] != 13 || first["naltrexone-placebo"] != 13 {
		t.Errorf("%d people, %d scans, sequences %v", len(tr.People), scans, first)
	}
	if n := len(tr.Values()); n != 104*len(TrialRegions()) {
		t.Errorf("%d values", n)
	}
	c := tr.Crossover()
	if len(c.People) != 26 || len(c.Scans) != 104 || len(c.Missing) != 0 || c.Scans[0].File != "sub-01/ses-1/perf/sub-01_ses-1_run-1_asl.nii.gz" {
		t.Errorf("as crossover reads it: %d people, %d scans, first %+v", len(c.People), len(c.Scans), c.Scans[0])
	}
}

// Planted effects follow the table of effects by hand.
func TestPlantedEffects(t *testing.T) {
	tr := newTrial(t, TrialOptions{Effects: []PlantedEffect{
		{Kind: crossover.PhaseEffect, Region: "all", Percent: 5},
		{Kind: crossover.PhaseEffect, Region: "sgACC", Percent: 12},
		{Kind: crossover.Interaction, Region: "sgACC_L", Percent: -6},
		{Kind: crossover.TreatmentEffect, Region: "cingulate", Percent: 2},
		{Kind: crossover.PeriodEffect, Region: "all", Percent: -3},
	}})
	got := map[string]float64{}
	for _, region := range []string{"sgACC_L", "sgACC", "Insula_R"} {
		for _, c := range tr.Planted(region) {
			got[region+" "+c.Name] = c.Percent
		}
	}
	r := regionNamed("sgACC")
	half := -6 * r.Weights[0]
	for name, want := range map[string]float64{
		"sgACC_L phase:placebo": 12, "sgACC_L phase:naltrexone": 6, "sgACC_L phase_average": 9, "sgACC_L interaction:naltrexone": -6,
		"sgACC_L treatment_baseline:naltrexone": 2, "sgACC_L period": -3,
		"sgACC phase:naltrexone": 12 + half, "sgACC interaction:naltrexone": half,
		"Insula_R phase:placebo": 5, "Insula_R phase:naltrexone": 5, "Insula_R interaction:naltrexone": 0, "Insula_R treatment_baseline:naltrexone": 0,
	} {
		if g, ok := got[name]; !ok || math.Abs(g-want) > 1e-9 {
			t.Errorf("%s: %g %%, want %g", name, g, want)
		}
	}
}

// Without random parts every scan is base × (1 + planted), also through
// sequence, period and carry-over.
func TestTrialWithoutChanceIsItsEffects(t *testing.T) {
	tr := newTrial(t, TrialOptions{Subjects: 5, Variances: &Variances{}, Effects: []PlantedEffect{
		{Kind: crossover.PhaseEffect, Region: "dACC", Percent: 20},
		{Kind: crossover.Interaction, Region: "dACC", Percent: -10},
		{Kind: crossover.TreatmentEffect, Region: "dACC", Percent: 4},
		{Kind: crossover.PeriodEffect, Region: "dACC", Percent: 3},
		{Kind: crossover.CarryOver, Region: "dACC", Percent: -2},
	}})
	at := map[string]crossover.Scan{}
	for _, s := range tr.Crossover().Scans {
		at[s.Subject+s.Session+s.Run] = s
	}
	for _, v := range tr.Values("dACC_L", "sgACC") {
		s := at[v.Subject+v.Session+v.Run]
		want := 1.0
		naltrexone := s.Treatment == "naltrexone"
		if s.Phase == "infusion" {
			want += 0.20
			if naltrexone {
				want -= 0.10
			}
		}
		if naltrexone {
			want += 0.04
		}
		if s.Period == 2 {
			want += 0.03
			if !naltrexone { // naltrexone came before
				want -= 0.02
			}
		}
		want *= 60
		if v.Region == "sgACC" {
			want = 56
		}
		if math.Abs(v.CBF-want) > 1e-9 || v.SE != 0 {
			t.Errorf("sub-%s %s period %d %s %s: %g ± %g, want %g", v.Subject, s.Treatment, s.Period, s.Phase, v.Region, v.CBF, v.SE, want)
		}
	}
}

// Means, the three standard deviations and the correlation of the two sides of
// an area come out of many trials as stated. The variances are those of
// balanced one-way layouts, taken from the same people over all trials.
func TestTrialMoments(t *testing.T) {
	trials := 300
	if testing.Short() {
		trials = 60
	}
	for _, region := range []string{"pgACC", "Thalamus_L", GlobalGrey, GlobalWhite} {
		type moments struct{ n, mean, between, session, scan float64 }
		var m moments
		var want Components
		for k := range trials {
			tr := newTrial(t, TrialOptions{Seed: uint64(k + 1)})
			want = tr.Components(region)
			effect := map[int]float64{} // by treatment, as mixtures have an interaction
			for _, c := range tr.Planted(region) {
				if name, ok := strings.CutPrefix(c.Name, "phase:"); ok {
					effect[slices.Index(tr.Treatments, name)] = c.CBF
				}
			}
			v := tr.Values(region)
			for i := 0; i < len(v); i += 4 {
				visits := tr.People[i/4].Sessions
				a, b, c, d := v[i].CBF, v[i+1].CBF-effect[visits[0].Treatment], v[i+2].CBF, v[i+3].CBF-effect[visits[1].Treatment]
				s, u := (a+b)/2, (c+d)/2
				m.n++
				m.mean += (s + u) / 2
				m.between += math.Pow((s+u)/2-regionNamed(region).Base, 2)
				m.session += (s - u) * (s - u) / 2            // E = σ_session² + σ²/2
				m.scan += ((a-b)*(a-b)/2 + (c-d)*(c-d)/2) / 2 // E = σ²
			}
		}
		base := regionNamed(region).Base
		scan := m.scan / m.n
		session := m.session/m.n - scan/2
		subject := m.between/m.n - session/2 - scan/4
		// Four standard errors: of a mean, and of variances by the chi-square's
		// relative SD, with the larger mean square carried along.
		if se := math.Sqrt(m.between / m.n / m.n); math.Abs(m.mean/m.n-base) > 4*se {
			t.Errorf("%s: mean %.3f, want %.3f ± %.3f", region, m.mean/m.n, base, se)
		}
		for _, x := range []struct {
			name      string
			got, want float64 // variances
			se        float64
		}{
			{"scan", scan, want.Residual * want.Residual, scan * math.Sqrt(1/m.n)},
			{"session", session, want.Session * want.Session, m.session / m.n * math.Sqrt(2/m.n)},
			{"subject", subject, want.Subject * want.Subject, m.between / m.n * math.Sqrt(2/m.n)},
		} {
			if math.Abs(x.got-x.want) > 4*x.se {
				t.Errorf("%s: %s variance %.3f, want %.3f ± %.3f", region, x.name, x.got, x.want, x.se)
			}
		}
	}
}

func TestTrialMissingSessions(t *testing.T) {
	whole := newTrial(t, TrialOptions{Seed: 3})
	tr := newTrial(t, TrialOptions{Seed: 3, Missing: 0.1})
	missing := 0
	for i, p := range tr.People {
		here := 0
		for j, s := range p.Sessions {
			if s.Missing {
				missing++
				continue
			}
			here++
			// What was not missed is as it would have been.
			if !reflect.DeepEqual(s, whole.People[i].Sessions[j]) {
				t.Errorf("sub-%s ses-%s differs from the trial without missing sessions", p.Label, s.Label)
			}
		}
		if here == 0 {
			t.Errorf("sub-%s has no session", p.Label)
		}
	}
	if missing != 5 { // of 52
		t.Errorf("%d sessions missing", missing)
	}
	if c := tr.Crossover(); len(c.Missing) != 10 || len(c.Scans) != 94 {
		t.Errorf("%d empty cells, %d scans", len(c.Missing), len(c.Scans))
	}
}

func TestTrialDependsOnItsSeedAlone(t *testing.T) {
	a, b, c := newTrial(t, TrialOptions{Seed: 5}), newTrial(t, TrialOptions{Seed: 5}), newTrial(t, TrialOptions{Seed: 6})
	if !reflect.DeepEqual(a.Values(), b.Values()) {
		t.Error("two trials of one seed differ")
	}
	if reflect.DeepEqual(a.Values("sgACC"), c.Values("sgACC")) {
		t.Error("trials of two seeds are alike")
	}
	// A person is the same in a smaller trial, but for the sequence.
	d := newTrial(t, TrialOptions{Seed: 5, Subjects: 6, Effects: []PlantedEffect{}})
	e := newTrial(t, TrialOptions{Seed: 5, Effects: []PlantedEffect{}})
	if !reflect.DeepEqual(d.TrueValues("sgACC")[:24], e.TrueValues("sgACC")[:24]) {
		t.Error("the first six people depend on how many follow")
	}
}

func TestTrialFollowsThePlan(t *testing.T) {
	p := &crossover.Plan{}
	p.Trial.Treatments, p.Trial.Reference = []string{"low", "high", "sham"}, "sham"
	p.Trial.Phases = []string{"before", "early", "late"}
	tr := newTrial(t, TrialOptions{Subjects: 9, Plan: p})
	if strings.Join(tr.Treatments, " ") != "sham low high" || len(tr.Sequences) != 3 || len(tr.Crossover().Scans) != 81 {
		t.Errorf("treatments %q, sequences %q, %d scans", tr.Treatments, tr.Sequences, len(tr.Crossover().Scans))
	}
	seen := map[string]int{}
	for _, x := range tr.People {
		for _, s := range x.Sessions {
			seen[tr.Treatments[s.Treatment]+s.Label]++
		}
	}
	for cell, n := range seen {
		if n != 3 {
			t.Errorf("%s: %d people, want 3", cell, n)
		}
	}
}

func TestTrialRefuses(t *testing.T) {
	nan := math.NaN()
	plan := func(change func(*crossover.TrialPlan)) *crossover.Plan {
		p := &crossover.Plan{}
		change(&p.Trial)
		return p
	}
	effect := func(e PlantedEffect) []PlantedEffect { return []PlantedEffect{e} }
	for _, tt := range []struct {
		opt        TrialOptions
		found, fix string
	}{
		{TrialOptions{Subjects: 1}, "1 people cannot be simulated", "2 to 999"},
		{TrialOptions{Subjects: -3}, "-3 people", "2 to 999"},
		{TrialOptions{Subjects: 5000}, "5000 people", "2 to 999"},
		{TrialOptions{Missing: 0.7}, "0.7 of the sessions", "0 to 0.5"},
		{TrialOptions{Missing: nan}, "NaN of the sessions", "0 to 0.5"},
		{TrialOptions{Missing: -1}, "-1 of the sessions", "0 to 0.5"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.PhaseEffect, Region: "sgAC", Percent: 10})}, `no region "sgAC"`, "did you mean sgACC?"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.PhaseEffect, Region: GlobalGrey, Percent: 10})}, "planted in regions", "all or white"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: "phas", Region: "sgACC", Percent: 10})}, `no kind of effect "phas"`, "did you mean phase?"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.Interaction, Region: "sgACC", Treatment: "naltrexon"})}, `no treatment "naltrexon"`, "did you mean naltrexone?"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.PhaseEffect, Region: "sgACC", Phase: "infuson"})}, `no phase "infuson"`, "did you mean infusion?"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.PhaseEffect, Region: "sgACC", Percent: 500})}, "500 %", "percentage"},
		{TrialOptions{Effects: effect(PlantedEffect{Kind: crossover.PhaseEffect, Region: "sgACC", Percent: nan})}, "NaN %", "percentage"},
		{TrialOptions{Effects: []PlantedEffect{{Kind: crossover.PhaseEffect, Region: "all", Percent: -50}, {Kind: crossover.Interaction, Region: "dACC", Percent: -50}}}, "-100 % in dACC_L", "add up to -38.2 % or more"},
		{TrialOptions{Variances: &Variances{Subject: -0.1}}, "-0.1 is no standard deviation", "0 or more"},
		{TrialOptions{Variances: &Variances{Subject: 0.2, Session: 0.2}}, "would be negative", "smaller"},
		{TrialOptions{Variances: &Variances{Voxel: math.Inf(1)}}, "+Inf is no standard deviation", "0 or more"},
		{TrialOptions{Plan: plan(func(p *crossover.TrialPlan) { p.Treatments = []string{"a"} })}, "names 1", "two or more"},
		{TrialOptions{Plan: plan(func(p *crossover.TrialPlan) { p.Treatments = []string{"a", "a"} })}, "stands twice", "once"},
		{TrialOptions{Plan: plan(func(p *crossover.TrialPlan) { p.Phases = []string{"a"} })}, "names 1 phases", "two or more"},
		{TrialOptions{Plan: plan(func(p *crossover.TrialPlan) { p.Reference = "x" })}, `"x" is none`, "placebo"},
		{TrialOptions{Subjects: 2, Plan: plan(func(p *crossover.TrialPlan) { p.Treatments = []string{"a", "b", "c"} })}, "2 people", "3 to 999"},
	} {
		tr, l := NewTrial(tt.opt)
		if tr != nil || len(l) != 1 || !strings.Contains(l[0].Found, tt.found) || !strings.Contains(l[0].Fix, tt.fix) {
			t.Errorf("%+v: %v, want %q, fix %q", tt.opt, l, tt.found, tt.fix)
		}
	}
}

func BenchmarkTrial(b *testing.B) {
	for i := range b.N {
		t, _ := NewTrial(TrialOptions{Seed: uint64(i + 1)})
		t.Values("sgACC", "pgACC", "dACC", GlobalGrey)
	}
}
