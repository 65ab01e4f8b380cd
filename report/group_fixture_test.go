package report

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"phasl/crossover"
	"phasl/diag"
	"phasl/voxel"
)

// The trial of these tests: 26 people, naltrexone and placebo, baseline and
// infusion, with a person lost, a scan left out and a session missing. Numbers
// come from paired differences of simulated values, near enough to a model's
// for the page to look as it will.

type fakeTrial struct {
	people  int
	others  int // exploratory regions
	seed    uint64
	missing map[string]bool // subject/treatment/phase without a scan
}

func (ft fakeTrial) subject(i int) string { return fmt.Sprintf("%02d", i+1) }

func num(v float64) crossover.Number { return crossover.Number(v) }

// tailT is the two-sided p of t with df degrees of freedom, by the trapezium
// rule on the density.
func tailT(t, df float64) float64 {
	if math.IsNaN(t) {
		return t
	}
	lg1, _ := math.Lgamma((df + 1) / 2)
	lg2, _ := math.Lgamma(df / 2)
	c := math.Exp(lg1-lg2) / math.Sqrt(df*math.Pi)
	f := func(x float64) float64 { return c * math.Pow(1+x*x/df, -(df+1)/2) }
	const n = 400
	h, sum := math.Abs(t)/n, 0.0
	for i := range n {
		sum += h * (f(float64(i)*h) + f(float64(i+1)*h)) / 2
	}
	return max(1e-9, 1-2*sum)
}

func meanSD(v []float64) (m, sd float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	for _, x := range v {
		sd += (x - m) * (x - m) / float64(len(v)-1)
	}
	return m, math.Sqrt(sd)
}

// region draws the values of one region and analyses them.
func (ft fakeTrial) region(name string, k int, measure crossover.Measure, primary bool, base, rise, change float64) crossover.RegionFit {
	rng := rand.New(rand.NewPCG(ft.seed, uint64(k)))
	scale, units := 1.0, "mL/100 g/min"
	if measure == crossover.Relative {
		scale, units = 1/55.0, "1"
	}
	f := crossover.RegionFit{Region: name, Measure: measure, Units: units, Primary: primary, NSubjects: ft.people, Converged: true,
		Formula:    "cbf ~ treatment * phase + period + sequence + (1 | subject) + (1 | subject:session)",
		Components: []crossover.Component{{Group: "subject", Term: "(Intercept)", Variance: num(64 * scale * scale), SD: num(8 * scale)}, {Group: "subject:session", Term: "(Intercept)", Variance: num(9 * scale * scale), SD: num(3 * scale)}, {Group: "Residual", Variance: num(6.25 * scale * scale), SD: num(2.5 * scale)}},
		Tests:      []crossover.TermTest{{Term: "treatment", NumDF: 1, DenDF: 24.1, F: 0.31, P: 0.583}, {Term: "phase", NumDF: 1, DenDF: 49.8, F: 78.2, P: 9e-12}, {Term: "treatment:phase", NumDF: 1, DenDF: 49.8, F: 0.12, P: 0.73}}}
	var diffs [2][]float64
	var cells [2][2][]float64
	for i := range ft.people {
		who := rng.NormFloat64() * 8
		seq, period := "placebo-naltrexone", 1
		if i%2 == 1 {
			seq = "naltrexone-placebo"
		}
		for t, treatment := range []string{"placebo", "naltrexone"} {
			if t == i%2 {
				period = 1
			} else {
				period = 2
			}
			visit := rng.NormFloat64() * 3
			var v [2]float64
			for p, phase := range []string{"baseline", "infusion"} {
				x := base + who + visit + rng.NormFloat64()*2.5
				if p == 1 {
					x += rise + float64(t)*change
				}
				v[p] = x * scale
				if ft.missing[ft.subject(i)+"/"+treatment+"/"+phase] {
					v[p] = math.NaN()
					continue
				}
				cells[t][p] = append(cells[t][p], v[p])
				fit := (base + who + visit + float64(p)*rise) * scale
				f.Data = append(f.Data, crossover.Point{Subject: ft.subject(i), Treatment: treatment, Phase: phase, Period: period, Sequence: seq,
					Value: num(v[p]), Fitted: num(fit), Residual: num((v[p] - fit) / (2.5 * scale)), Global: num(55 + who + visit + rng.NormFloat64())})
			}
			diffs[t] = append(diffs[t], v[1]-v[0])
		}
	}
	f.NObs = len(f.Data)
	var basis float64
	for t, treatment := range []string{"placebo", "naltrexone"} {
		for p, phase := range []string{"baseline", "infusion"} {
			m, sd := meanSD(cells[t][p])
			se := sd / math.Sqrt(float64(len(cells[t][p])))
			f.Means = append(f.Means, crossover.CellMean{Treatment: treatment, Phase: phase, N: len(cells[t][p]), Mean: num(m), SE: num(se), Low: num(m - 2.06*se), High: num(m + 2.06*se)})
			if t+p == 0 {
				basis = m
			}
		}
	}
	effect := func(name, label string, v []float64, prim bool) crossover.Effect {
		var clean []float64
		for _, x := range v {
			if !math.IsNaN(x) {
				clean = append(clean, x)
			}
		}
		m, sd := meanSD(clean)
		se, df := sd/math.Sqrt(float64(len(clean))), float64(len(clean)-1)
		q := 1.96 + 2.4/df
		p := tailT(m/se, df)
		adj := math.NaN()
		if prim {
			adj = min(1, 3*p)
		}
		pc := 100 / basis
		return crossover.Effect{Name: name, Label: label, Primary: prim, Estimate: num(m), SE: num(se), DF: num(df), T: num(m / se), P: num(p), PAdjusted: num(adj), Low: num(m - q*se), High: num(m + q*se),
			Percent: num(m * pc), PercentLow: num((m - q*se) * pc), PercentHigh: num((m + q*se) * pc), DZ: num(m / sd), N: len(clean)}
	}
	both, inter := make([]float64, ft.people), make([]float64, ft.people)
	for i := range both {
		both[i], inter[i] = (diffs[0][i]+diffs[1][i])/2, diffs[1][i]-diffs[0][i]
	}
	f.Effects = []crossover.Effect{
		effect("phase:placebo", "ketamine effect under placebo (infusion − baseline)", diffs[0], primary),
		effect("phase:naltrexone", "ketamine effect under naltrexone (infusion − baseline)", diffs[1], primary),
		effect("phase_average", "ketamine effect, average over treatments", both, false),
		effect("interaction:naltrexone", "ketamine effect under naltrexone − under placebo", inter, primary),
		effect("treatment_baseline:naltrexone", "naltrexone − placebo at baseline", diffs[0], false),
		effect("period", "second − first period", inter, false),
		effect("carry_over", "difference between sequences", diffs[1], false),
	}
	f.Effects[6].DZ, f.Effects[6].PercentLow = num(math.NaN()), num(math.NaN())
	e := f.Effects[3]
	df := float64(e.DF)
	q := 1.645 + 1.5/df
	one := func(t float64) float64 {
		if t > 0 {
			return tailT(t, df) / 2
		}
		return 1 - tailT(t, df)/2
	}
	a := crossover.Attenuation{Treatment: "naltrexone", Contrast: e.Name, MarginText: "±50 % of the ketamine effect under placebo", Alpha: 0.05,
		Low: e.Estimate - num(q)*e.SE, High: e.Estimate + num(q)*e.SE, BF01: num(4.6 * math.Exp(-float64(e.T*e.T)/2.2)), Scale: num(math.Sqrt2 / 2), BFN: e.N}
	a.PercentLow, a.PercentHigh = a.Low*num(100/basis), a.High*num(100/basis)
	// The margin is half the effect under placebo; the share that remains has
	// that effect for a divisor without error here.
	ref := float64(f.Effects[0].Estimate)
	margin := ref / 2
	a.Margin, a.MarginPercent = num(margin), num(100*margin/basis)
	a.PLower, a.PUpper = num(one((float64(e.Estimate)+margin)/float64(e.SE))), num(one((margin-float64(e.Estimate))/float64(e.SE)))
	a.P = max(a.PLower, a.PUpper)
	share := func(v crossover.Number) crossover.Number { return 100 + 100*v/num(ref) }
	a.Retained, a.RetainedLow, a.RetainedHigh = share(e.Estimate), share(a.Low), share(a.High)
	a.DecisiveUnit, a.DecisiveLow, a.DecisiveHigh, a.DecisiveMarginLow, a.DecisiveMarginHigh = "% of the ketamine effect under placebo", a.RetainedLow, a.RetainedHigh, 50, 150
	a.Equivalent, a.NotLessened = a.RetainedLow > 50 && a.RetainedHigh < 150, a.RetainedLow > 50
	a.PriorSD = a.Scale * e.SE * num(math.Sqrt(float64(e.N)))
	a.Outcome, a.Verdict = crossover.OutcomeNotSettled, "Not settled: neither is shown"
	switch {
	case a.Equivalent:
		a.Outcome, a.Verdict = crossover.OutcomeEquivalent, "Within the margin: no difference is shown, and if there is one it is less than the margin"
	case e.PAdjusted < 0.05:
		a.Outcome, a.Verdict = crossover.OutcomeLessened, "Lessened: the effect is smaller"
	case a.NotLessened:
		a.Outcome, a.Verdict = crossover.OutcomeNotLessened, "Not lessened by the margin"
	}
	f.Attenuation = []crossover.Attenuation{a}
	return f
}

// group is the whole page: three primary regions and ft.others more, in three
// measures.
func (ft fakeTrial) group() *Group {
	r := &crossover.Results{Title: "Naltrexone and ketamine", Seed: 20260101, Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"baseline", "infusion"}, Challenge: "ketamine", Level: 0.95}
	r.Plan = crossover.PlanSummary{File: "plan.toml", SHA256: strings.Repeat("9f86d081884c7d65", 4), Words: []string{
		"Placebo is the reference; naltrexone is compared with it.",
		"CBF of sgACC, pgACC and dACC is primary; the other regions of the atlas are exploratory.",
		"Every region and measure: cbf ~ treatment * phase + period + sequence + (1 | subject) + (1 | subject:session), Kenward–Roger degrees of freedom.",
		"A difference of less than half the effect under placebo counts as none.",
	}}
	r.Inferred = []string{"period was worked out from acq_time: sessions.tsv has no column period", "the later phase, infusion, is called ketamine"}
	r.Deviations = []string{"scans with a mean framewise displacement above 1 mm were left out after the plan was written"}
	r.Flow = crossover.Flow{Randomised: ft.people + 1, Scanned: ft.people + 1, Analysed: ft.people, Complete: ft.people - 2,
		Sequences: []crossover.FlowArm{{Sequence: "placebo-naltrexone", Randomised: (ft.people + 2) / 2, Scanned: (ft.people + 2) / 2, Analysed: (ft.people + 1) / 2}, {Sequence: "naltrexone-placebo", Randomised: ft.people / 2, Scanned: ft.people / 2, Analysed: ft.people / 2}},
		Excluded:  []crossover.FlowItem{{Unit: fmt.Sprintf("sub-%02d", ft.people+1), Reason: "withdrew consent after the first visit"}},
		LeftOut:   []crossover.FlowItem{{Unit: "sub-07/ses-1/perf/sub-07_ses-1_run-2_asl.nii.gz", Reason: "mean framewise displacement 1.8 mm, limit 1 mm"}},
		Missing:   []crossover.FlowMissing{{Subject: "sub-07", Treatment: "placebo", Phase: "infusion", Reason: "left out: mean framewise displacement 1.8 mm"}, {Subject: "sub-12", Treatment: "naltrexone", Phase: "baseline", Reason: "no scan"}, {Subject: "sub-12", Treatment: "naltrexone", Phase: "infusion", Reason: "no scan"}}}
	r.Models = append(r.Models, ft.region("global_gm", 999, crossover.Absolute, false, 55, 5, 0))
	for m, measure := range []crossover.Measure{crossover.Absolute, crossover.Relative, crossover.GlobalAdjusted} {
		for i, q := range []struct {
			name             string
			base, rise, diff float64
		}{{"sgACC", 52, 6, 0}, {"pgACC", 58, 7, -0.5}, {"dACC", 61, 4, -3.4}} {
			r.Models = append(r.Models, ft.region(q.name, 10*m+i, measure, true, q.base, q.rise, q.diff))
		}
		for i := range ft.others {
			r.Models = append(r.Models, ft.region(fmt.Sprintf("Region_%03d_%s", i, []string{"L", "R"}[i%2]), 1000*m+100+i, measure, false, 50+float64(i%17), 4*math.Sin(float64(i)), 0))
		}
		r.Families = append(r.Families, crossover.Family{Name: "interaction:naltrexone, " + string(measure), Method: "holm", Tests: []string{"sgACC", "pgACC", "dACC"}})
	}
	plan := &crossover.Plan{Quality: crossover.QualityPlan{MaxFDMean: 1, MinQEI: math.NaN(), MinGMCBF: 15, MaxGMCBF: math.NaN()}, Model: crossover.ModelPlan{DDF: "kenward-roger"},
		Equivalence: crossover.EquivalencePlan{Margin: 50, Unit: "effect", Alpha: 0.05}, Maps: crossover.MapPlan{Voxelwise: true, FWHM: 6}}
	g := &Group{Dataset: "Synthetic crossover trial", Software: "phasl 0.3", Command: "phasl run bids out group --plan plan.toml", Results: r, Plan: plan, Space: "MNI152NLin2009cAsym",
		Files: []Link{{"effects.tsv", "effects.tsv"}, {"results.json", "results.json"}}}
	rng := rand.New(rand.NewPCG(ft.seed, 7))
	for i := range ft.people {
		for t, treatment := range r.Treatments {
			for p, phase := range r.Phases {
				q := ScanQuality{Subject: ft.subject(i), Session: fmt.Sprint(t + 1), Run: fmt.Sprint(p + 1), Treatment: treatment, Phase: phase, GM: 55 + 8*rng.NormFloat64() + 5*float64(p), FD: 0.1 + 0.2*rng.ExpFloat64(), QEI: 0.85 - 0.1*rng.ExpFloat64(), TSNR: 8 + 2*rng.NormFloat64(), Href: "sub-" + ft.subject(i) + ".html"}
				if i == 6 && t == 0 && p == 1 {
					q.FD, q.Excluded = 1.8, "mean framewise displacement 1.8 mm, limit 1 mm"
				}
				if i == 11 && t == 1 {
					continue
				}
				g.Quality = append(g.Quality, q)
			}
		}
	}
	g.Problems.Warnf("participants.tsv", "age", "give the age in years", "age of sub-03 is empty")
	g.Problems.Add(&diag.Problem{File: "sub-12_sessions.tsv", Field: "treatment", Found: "no row for ses-2", Fix: "add the session, or leave the person out"})
	g.Methods, g.References = GroupMethods(g, Info{Software: "phasl 0.3", People: ft.people, Scans: 4 * ft.people, Labelling: "PCASL", Tau: 1.45, PLD: []float64{2.025}, Model: "white-paper", Atlas: "AAL3"})
	return g
}

// withMaps adds effect maps on a grid coarser than the template's.
func (g *Group) withMaps(mm float64) *Group {
	fine, coarse := gridMM(voxel.Vec{4, 4, 4}), gridMM(voxel.Vec{mm, mm, mm})
	g.Template = brainModel{gain: 1, seed: 5}.image(fine, [5]float64{0, 70, 100, 25, 40}, false)
	for k, name := range []string{"ketamine effect under placebo (infusion − baseline)", "ketamine effect under naltrexone − under placebo"} {
		est, t := voxel.NewImage(coarse), voxel.NewImage(coarse)
		for n := range est.Data {
			w := coarse.World(coarse.Coord(n))
			if c := tissueAt(w); c != 1 && c != 2 {
				est.Data[n], t.Data[n] = float32(nan), float32(nan)
				continue
			}
			d := voxel.Distance(w, voxel.Vec{0, 36, 10}) / 28
			v := 8*math.Exp(-d*d)*float64(1-k) - 3*math.Exp(-math.Pow(voxel.Distance(w, voxel.Vec{-40, -60, 10})/18, 2)) + 0.5*math.Sin(w[0]/9)*math.Cos(w[1]/11)
			est.Data[n], t.Data[n] = float32(v), float32(v/1.4)
		}
		g.Maps = append(g.Maps, EffectMap{Name: name, Estimate: est, T: t, Note: "CBF maps were smoothed by 6 mm."})
	}
	return g
}

func standardTrial() *Group {
	ft := fakeTrial{people: 26, others: 94, seed: 3, missing: map[string]bool{"07/placebo/infusion": true, "12/naltrexone/baseline": true, "12/naltrexone/infusion": true}}
	return ft.group().withMaps(3)
}

func renderGroup(t testing.TB, g *Group) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteGroup(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
