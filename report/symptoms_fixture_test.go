package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"phasl/crossover"
)

// symptomPlan names four associations: two that are planted under placebo, one
// that is planted under both treatments, and one that is nowhere.
const symptomPlan = `
[associations]
permutations = 499
bootstrap = 499
multiplicity = "holm"

[[association]]
name = "pgACC and delusional thinking"
region = "pgACC"
measure = "relative"
phase = "infusion"
adjust = ["baseline"]
instrument = "psi"
score = "delusional"
visit = "infusion"

[[association]]
region = "pgACC"
measure = "relative"
phase = "infusion"
adjust = ["baseline"]
instrument = "psi"
score = "perceptual"
visit = "infusion"

[[association]]
name = "Baseline sgACC and response on day 1"
region = "sgACC"
adjust = ["global"]
instrument = "madrs"
visit = "day1"
change = "percent"
change_from = "baseline"
improve = true

[[association]]
name = "dACC and mania"
region = "dACC"
phase = "change"
instrument = "psi"
score = "mania"
visit = "infusion"
side = "positive"
`

// symptomTrial makes a trial of n people with regional values and scores.
func symptomTrial(n int, seed uint64) (*crossover.Trial, []crossover.Value, []crossover.Rating) {
	tr := &crossover.Trial{Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"baseline", "infusion"}, Challenge: "ketamine"}
	rng := rand.New(rand.NewPCG(seed, 31))
	var values []crossover.Value
	var ratings []crossover.Rating
	with := func(r, z float64) float64 { return r*z + math.Sqrt(1-r*r)*rng.NormFloat64() }
	for i := range n {
		sub := fmt.Sprintf("%02d", i+1)
		tr.People = append(tr.People, crossover.Person{Subject: sub})
		person := rng.NormFloat64()
		for t, treatment := range tr.Treatments {
			period := 1 + (i+t)%2
			session := fmt.Sprint(period)
			rise, low := rng.NormFloat64(), rng.NormFloat64()
			level := [3]float64{52 + 5*low + 5*person, 58 + 7*person, 61 + 6*person + 3*rng.NormFloat64()}
			global := 55 + 5*person + 2*rng.NormFloat64()
			for ph, phase := range tr.Phases {
				run := fmt.Sprint(ph + 1)
				tr.Scans = append(tr.Scans, crossover.Scan{Subject: sub, Session: session, Run: run, Treatment: treatment, Phase: phase, Period: period})
				add := func(region string, v float64) {
					values = append(values, crossover.Value{Subject: sub, Session: session, Run: run, Region: region, CBF: v, Units: "mL/100g/min"})
				}
				f := float64(ph)
				add("sgACC", level[0]+f*(6+2*rng.NormFloat64()))
				add("pgACC", level[1]+f*(7+4*rise))
				add("dACC", level[2]+f*(4+3*rng.NormFloat64()))
				add("global_gm", global+f)
			}
			planted, kept := 0.7, 0.6
			if t == 1 {
				planted, kept = 0, 0.6
			}
			rate := func(visit, instrument, score, title string, v float64, note string) {
				ratings = append(ratings, crossover.Rating{Subject: sub, Session: session, Visit: visit, Instrument: instrument, Score: score, Title: title, Value: v, Note: note})
			}
			floor := func(v float64) float64 { return max(0, math.Round(v)) }
			for _, s := range []struct {
				score, title string
				mean, r      float64
			}{{"delusional", "delusional thinking", 6, planted}, {"perceptual", "perceptual distortion", 7, planted}, {"mania", "mania", 5, 0}, {"paranoia", "paranoia", 2, 0}} {
				rate("baseline", "psi", s.score, s.title, floor(1+math.Abs(rng.NormFloat64())), "")
				rate("infusion", "psi", s.score, s.title, floor(s.mean+2.5*with(s.r, rise)), "")
			}
			begin := 28 + 4*rng.NormFloat64()
			for k, visit := range []string{"baseline", "infusion", "day1", "day3", "day7"} {
				v := begin * (1 - []float64{0, 0.35, 0.45, 0.4, 0.25}[k] - 0.18*with(kept, low)*float64(min(k, 1)))
				note := ""
				if i == 4 && k == 2 {
					v, note = math.NaN(), "9 of 10 items are missing"
				}
				rate(visit, "madrs", "total", "MADRS", floor(v), note)
			}
		}
	}
	return tr, values, ratings
}

// withSymptoms adds what Associate and Courses make of such a trial.
func (g *Group) withSymptoms(t testing.TB, n int, plan string) *Group {
	t.Helper()
	p, l := crossover.ParsePlan("plan.toml", []byte(plan))
	if l.Err() != nil {
		t.Fatal(l)
	}
	tr, values, ratings := symptomTrial(n, 8)
	for i := range tr.Scans {
		if s := &tr.Scans[i]; s.Subject == "07" && s.Treatment == "placebo" && s.Phase == "infusion" {
			s.Excluded = "mean framewise displacement 1.8 mm"
		}
	}
	a, problems := crossover.Associate(p, tr, values, ratings, 0)
	g.Results.Associations, g.Results.Scores = a, crossover.Courses(tr, ratings, 0.95)
	g.Results.Scored = []crossover.ScoredTable{
		{File: "phenotype/madrs.tsv", Instrument: "madrs", Title: "Montgomery–Åsberg Depression Rating Scale", Visits: "visit", Rows: 10 * n, Scored: 10*n - 2, Prorated: 3,
			Missing: "The authors give no rule. Up to a fifth of the items is prorated: Downey & King 1998, J Gen Psychol 125:175, doi:10.1080/00221309809595542", Sources: []string{"Montgomery & Åsberg 1979, Br J Psychiatry 134:382, doi:10.1192/bjp.134.4.382: ten items"}},
		{File: "phenotype/psi.tsv", Instrument: "psi", Title: "Psychotomimetic States Inventory", Visits: "visit", Rows: 4 * n, Scored: 4 * n, Missing: "Subscales are taken as they are; the total needs all six.", Sources: []string{"Mason, Morgan, Stefanovic & Curran 2008, Schizophr Res 103:138, doi:10.1016/j.schres.2008.02.020: 48 items"}},
	}
	if g.Plan == nil {
		g.Plan = &crossover.Plan{}
	}
	g.Plan.Association, g.Plan.Associations = p.Association, p.Associations
	for _, q := range problems {
		g.Problems = append(g.Problems, q)
	}
	g.Methods, g.References = GroupMethods(g)
	return g
}
