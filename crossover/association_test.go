package crossover_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phasl/corr"
	"phasl/crossover"
	"phasl/diag"
	"phasl/lmm"
)

// symptomTrial is a trial of n people, two treatments, two phases, with
// regional values and a score that goes with them under placebo alone.
func symptomTrial(n int, seed uint64, r float64) (*crossover.Trial, []crossover.Value, []crossover.Rating) {
	tr := &crossover.Trial{Treatments: []string{"placebo", "naltrexone"}, Phases: []string{"baseline", "infusion"}, Challenge: "ketamine"}
	rng := rand.New(rand.NewPCG(seed, 1))
	var values []crossover.Value
	var ratings []crossover.Rating
	for i := range n {
		sub := fmt.Sprintf("%02d", i+1)
		tr.People = append(tr.People, crossover.Person{Subject: sub, Columns: map[string]string{"age": fmt.Sprint(20 + i), "arm": "x"}})
		person := rng.NormFloat64()
		for t, treatment := range tr.Treatments {
			period := 1 + (i+t)%2
			session := fmt.Sprint(period)
			base, own := 60+8*person+rng.NormFloat64()*3, rng.NormFloat64()
			global := 50 + 5*rng.NormFloat64()
			for ph, phase := range tr.Phases {
				run := fmt.Sprint(ph + 1)
				tr.Scans = append(tr.Scans, crossover.Scan{Subject: sub, Session: session, Run: run, Treatment: treatment, Phase: phase, Period: period, Columns: map[string]string{"heart": fmt.Sprint(60 + own)}})
				v := base + float64(ph)*(5+3*own)
				for _, x := range []struct {
					region string
					v      float64
				}{{"pgACC", v}, {"global_gm", global + float64(ph)}} {
					values = append(values, crossover.Value{Subject: sub, Session: session, Run: run, Region: x.region, CBF: x.v, Units: "mL/100g/min"})
				}
			}
			plant := r
			if t == 1 {
				plant = 0
			}
			score := 8 + 3*(plant*own+math.Sqrt(1-plant*plant)*rng.NormFloat64())
			for _, visit := range []string{"before", "after"} {
				y := score
				if visit == "before" {
					y = 20
				}
				ratings = append(ratings, crossover.Rating{Subject: sub, Session: session, Visit: visit, Instrument: "psi", Score: "delusional", Title: "delusional thinking", Value: y})
			}
		}
	}
	return tr, values, ratings
}

func symptomPlan(t *testing.T, text string) *crossover.Plan {
	t.Helper()
	p, l := crossover.ParsePlan("plan.toml", []byte("[associations]\npermutations = 999\nbootstrap = 999\n"+text))
	if l.Err() != nil {
		t.Fatal(l)
	}
	return p
}

const symptomAssociation = "[[association]]\nregion = \"pgACC\"\nphase = \"infusion\"\nadjust = [\"baseline\"]\ninstrument = \"psi\"\nscore = \"delusional\"\nvisit = \"after\"\n"

// The rows, the correlations, their difference and the slopes are those that
// the columns give when they are put together by hand.
func TestAssociationsAreThoseOfTheColumns(t *testing.T) {
	tr, values, ratings := symptomTrial(26, 5, 0.8)
	p := symptomPlan(t, symptomAssociation)
	got, l := crossover.Associate(p, tr, values, ratings, 2)
	if len(l) > 0 || len(got.List) != 1 {
		t.Fatalf("%v, %+v", l, got)
	}
	a := got.List[0]
	value := map[string]float64{}
	for _, v := range values {
		value[v.Subject+v.Session+v.Run+v.Region] = v.CBF
	}
	score := map[string]float64{}
	for _, r := range ratings {
		score[r.Subject+r.Session+r.Visit] = r.Value
	}
	data := make([]corr.Data, 2)
	for k, treatment := range tr.Treatments {
		data[k].Covariates = [][]float64{nil}
		for _, s := range tr.Scans {
			if s.Treatment == treatment && s.Phase == "infusion" {
				data[k].X = append(data[k].X, value[s.Subject+s.Session+"2pgACC"])
				data[k].Covariates[0] = append(data[k].Covariates[0], value[s.Subject+s.Session+"1pgACC"])
				data[k].Y = append(data[k].Y, score[s.Subject+s.Session+"after"])
			}
		}
		want := corr.Correlate(data[k], corr.Options{})
		if c := a.By[k]; c.Treatment != treatment || c.N != 26 || !near(float64(c.R), want.R, 1e-12) || !near(float64(c.P), want.P, 1e-10) || !near(float64(c.Low), want.Low, 1e-10) {
			t.Errorf("%s: %+v, want r %g, p %g", treatment, c, want.R, want.P)
		}
	}
	d, want := a.Differences[0], corr.Compare(data[0], data[1], corr.Options{})
	if d.Treatment != "naltrexone" || d.N != 26 || !near(float64(d.Delta), want.Delta, 1e-12) || !near(float64(d.P), want.P, 1e-10) {
		t.Errorf("difference %+v, want %g, p %g", d, want.Delta, want.P)
	}

	// r of residuals is the slope of residuals in units of their SD.
	var x, y, xx, yy, xy float64
	n := 0.0
	for _, q := range a.Data {
		if q.Treatment == "placebo" {
			x, y, n = x+float64(q.XResidual), y+float64(q.YResidual), n+1
		}
	}
	for _, q := range a.Data {
		if q.Treatment == "placebo" {
			u, v := float64(q.XResidual)-x/n, float64(q.YResidual)-y/n
			xx, yy, xy = xx+u*u, yy+v*v, xy+u*v
		}
	}
	if !near(xy/math.Sqrt(xx*yy), float64(a.By[0].R), 1e-10) || !near(xy/xx, float64(a.By[0].Slope), 1e-10) {
		t.Errorf("residuals give r %g and slope %g, not %g and %g", xy/math.Sqrt(xx*yy), xy/xx, float64(a.By[0].R), float64(a.By[0].Slope))
	}
	// With slopes of their own for each treatment, the slope of one of them is
	// nearly that of its own regression; the random intercept and the shared
	// period move it a little.
	m := a.Differences[0].Moderation
	sdRatio := math.Sqrt(xx / yy)
	if math.Abs(float64(m.Slope1)-float64(a.By[0].Slope)*sdRatio) > 0.4 || m.NObs != 52 || m.N != 26 {
		t.Errorf("moderation %+v", m)
	}
	if a.By[0].R < 0.5 || m.P > 0.2 || !strings.Contains(a.Sentence, "there was a correlation") {
		t.Errorf("planted association was not found: %+v\n%s", a.By[0], a.Sentence)
	}
	if _, err := json.Marshal(got); err != nil {
		t.Error(err)
	}
	again, _ := crossover.Associate(p, tr, values, ratings, 1)
	if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", got) {
		t.Error("results depend on the number of workers")
	}
}

func near(a, b, tol float64) bool { return math.Abs(a-b) <= tol*(1+math.Abs(b)) }

// Relative CBF, changes, percentages and covariates are taken as the plan says.
func TestAssociationVariables(t *testing.T) {
	tr, values, ratings := symptomTrial(6, 3, 0)
	for _, tt := range []struct {
		name, text string
		x, y       float64 // of the first person under placebo
		covariates []float64
	}{
		{"relative", "measure = \"relative\"\nphase = \"infusion\"\nvisit = \"after\"", at(values, "01", "2", "pgACC") / at(values, "01", "2", "global_gm"), rated(ratings, "01", "after"), nil},
		{"first phase", "visit = \"after\"\nadjust = [\"global\", \"age\", \"period\"]", at(values, "01", "1", "pgACC"), rated(ratings, "01", "after"), []float64{at(values, "01", "1", "global_gm"), 20, 1}},
		{"change of both", "phase = \"change\"\nvisit = \"after\"\nchange = \"absolute\"\nchange_from = \"before\"\nadjust = [\"score\", \"global\"]",
			at(values, "01", "2", "pgACC") - at(values, "01", "1", "pgACC"), rated(ratings, "01", "after") - 20, []float64{20, at(values, "01", "2", "global_gm") - at(values, "01", "1", "global_gm")}},
		{"percent reduction", "visit = \"after\"\nchange = \"percent\"\nchange_from = \"before\"\nimprove = true", at(values, "01", "1", "pgACC"), 100 * (20 - rated(ratings, "01", "after")) / 20, nil},
	} {
		p := symptomPlan(t, "[[association]]\nregion = \"pgacc\"\ninstrument = \"PSI\"\nscore = \"delusional\"\n"+tt.text)
		got, l := crossover.Associate(p, tr, values, ratings, 1)
		if len(l) > 0 {
			t.Errorf("%s: %v", tt.name, l)
			continue
		}
		q := got.List[0].Data[0]
		if q.Subject != "01" || !near(float64(q.X), tt.x, 1e-12) || !near(float64(q.Y), tt.y, 1e-12) || len(q.Covariates) != len(tt.covariates) {
			t.Errorf("%s: %+v, want x %g, y %g, covariates %v", tt.name, q, tt.x, tt.y, tt.covariates)
			continue
		}
		for k, c := range tt.covariates {
			if !near(float64(q.Covariates[k]), c, 1e-12) {
				t.Errorf("%s: covariate %d is %g, want %g", tt.name, k, float64(q.Covariates[k]), c)
			}
		}
	}
}

// at returns a value of a person under placebo.
func at(values []crossover.Value, sub, run, region string) float64 {
	for _, v := range values {
		if v.Subject == sub && v.Run == run && v.Region == region && v.Session == "1" { // the first person has placebo first
			return v.CBF
		}
	}
	return math.NaN()
}

func rated(ratings []crossover.Rating, sub, visit string) float64 {
	for _, r := range ratings {
		if r.Subject == sub && r.Session == "1" && r.Visit == visit {
			return r.Value
		}
	}
	return math.NaN()
}

// What is missing is listed with its reason, and stays out of its own
// treatment only.
func TestAssociationsListWhatIsMissing(t *testing.T) {
	tr, values, ratings := symptomTrial(12, 4, 0.5)
	ratings = ratings[:len(ratings)-1] // the last person has no score after naltrexone
	for i := range ratings {
		if ratings[i].Subject == "03" && ratings[i].Session == "1" && ratings[i].Visit == "after" {
			ratings[i].Value, ratings[i].Note = math.NaN(), "9 of 10 items are missing"
		}
	}
	for i := range tr.Scans {
		if tr.Scans[i].Subject == "05" && tr.Scans[i].Treatment == "placebo" && tr.Scans[i].Phase == "baseline" {
			tr.Scans[i].Excluded = "motion"
		}
	}
	got, l := crossover.Associate(symptomPlan(t, symptomAssociation), tr, values, ratings, 1)
	if len(l) > 0 {
		t.Fatal(l)
	}
	a := got.List[0]
	for _, want := range []string{"sub-12, naltrexone: no psi at after", "sub-03, placebo: no delusional of psi at after (9 of 10 items are missing)", "sub-05, placebo: no scan at baseline"} {
		if !strings.Contains(strings.Join(a.Missing, "\n"), want) {
			t.Errorf("%q is not said: %q", want, a.Missing)
		}
	}
	if a.By[0].N != 10 || a.By[1].N != 11 || a.Differences[0].N != 9 {
		t.Errorf("%d, %d people, %d with both", a.By[0].N, a.By[1].N, a.Differences[0].N)
	}
	// The check of a plan, which knows no CBF yet, counts and names the same.
	people, l := crossover.CheckAssociations(symptomPlan(t, symptomAssociation), tr, nil, ratings)
	if len(l) > 0 || len(people) != 1 {
		t.Fatal(people, l)
	}
	if p := people[0]; !slices.Equal(p.N, []int{10, 11}) || p.Both != 9 || !slices.Equal(p.Missing, a.Missing) || p.X != a.X || p.Y != a.Y {
		t.Errorf("the check says %+v", p)
	}
}

// Every name that is not there is an error that names what is.
func TestBrokenAssociations(t *testing.T) {
	tr, values, ratings := symptomTrial(8, 4, 0.5)
	base := func(more ...string) string {
		keys := map[string]string{"region": "pgACC", "instrument": "psi", "score": "delusional", "visit": "after"}
		for _, m := range more {
			k, v, _ := strings.Cut(m, "=")
			keys[k] = v
		}
		s := "[[association]]\n"
		for _, k := range []string{"region", "instrument", "score", "visit", "phase", "within", "change_from", "change"} {
			if keys[k] != "" {
				s += fmt.Sprintf("%s = %q\n", k, keys[k])
			}
		}
		return s
	}
	for _, tt := range []struct{ text, field, found, fix string }{
		{base("region=pgAC"), "association[0].region", `no "pgAC"`, "pgACC"},
		{base("instrument=pis"), "association[0].instrument", `no "pis"`, "psi"},
		{base("score=delusion"), "association[0].score", `no "delusion"`, "delusional"},
		{base("visit=afer"), "association[0].visit", `no "afer"`, "after"},
		{base("visit="), "association[0].visit", "several visits", "before"},
		{base("change=percent", "change_from=befor"), "association[0].change_from", `no "befor"`, "before"},
		{base("phase=infuson"), "association[0].phase", `no "infuson"`, "infusion"},
		{base("within=placbo"), "association[0].within", `no "placbo"`, "placebo"},
		{base() + "adjust = [\"arm\"]\n", "association[0].adjust", "holds text", "numbers"},
		{base() + "adjust = [\"agee\"]\n", "association[0].adjust", `no "agee"`, ""},
	} {
		got, l := crossover.Associate(symptomPlan(t, tt.text), tr, values, ratings, 1)
		if len(got.List) != 0 || l.Err() == nil {
			t.Errorf("%s: %v", tt.found, l)
			continue
		}
		p := l.Errors()[0]
		if p.Field != tt.field || !strings.Contains(p.Found, tt.found) || !strings.Contains(p.Fix, tt.fix) || p.Severity != diag.Error {
			t.Errorf("%v, fix %q; want %s, %q, %q", p, p.Fix, tt.field, tt.found, tt.fix)
		}
	}
	for i := range ratings {
		ratings[i].Session = ""
	}
	if _, l := crossover.Associate(symptomPlan(t, symptomAssociation), tr, values, ratings, 1); !strings.Contains(fmt.Sprint(l), "name no session") {
		t.Errorf("scores without a session: %v", l)
	}
	if got, l := crossover.Associate(symptomPlan(t, ""), tr, values, ratings, 1); got != nil || l != nil {
		t.Errorf("without associations: %v, %v", got, l)
	}
}

// Adjusted p-values are Holm's over the plan's associations.
func TestAssociationsAreCorrected(t *testing.T) {
	tr, values, ratings := symptomTrial(20, 9, 0.6)
	p := symptomPlan(t, symptomAssociation+strings.Replace(symptomAssociation, "[\"baseline\"]", "[]", 1)+strings.Replace(symptomAssociation, "infusion", "change", 1))
	got, l := crossover.Associate(p, tr, values, ratings, 2)
	if len(l) > 0 {
		t.Fatal(l)
	}
	var raw, adjusted []float64
	for _, a := range got.List {
		raw, adjusted = append(raw, float64(a.By[0].PPermutation)), append(adjusted, float64(a.By[0].PAdjusted))
		if !math.IsNaN(float64(a.By[1].PAdjusted)) {
			t.Error("a treatment that no claim is about has an adjusted p")
		}
	}
	for i, want := range lmm.Adjust(raw, lmm.Holm) {
		if adjusted[i] != want {
			t.Errorf("adjusted %v of %v", adjusted, raw)
		}
	}
}

// An association that cannot be computed counts in the family all the same.
func TestFamilyKeepsItsSize(t *testing.T) {
	tr, values, ratings := symptomTrial(20, 9, 0.6)
	for _, r := range ratings {
		if r.Visit == "after" {
			r.Instrument, r.Value, r.Note = "madrs", math.NaN(), "no answer"
			ratings = append(ratings, r)
		}
	}
	both := symptomAssociation + strings.Replace(symptomAssociation, "psi", "madrs", 1)
	one, _ := crossover.Associate(symptomPlan(t, symptomAssociation), tr, values, ratings, 1)
	two, l := crossover.Associate(symptomPlan(t, both), tr, values, ratings, 1)
	if l.Err() != nil || two.List[1].Failed == "" {
		t.Fatalf("%v, %+v", l, two.List[1].By[0])
	}
	if p, q := one.List[0].By[0].PAdjusted, two.List[0].By[0].PAdjusted; math.Abs(float64(q-2*p)) > 1e-12 {
		t.Errorf("adjusted p %g alone, %g of two of which one could not be computed", float64(p), float64(q))
	}
	if !math.IsNaN(float64(two.List[1].By[0].PAdjusted)) {
		t.Error("what was not computed has a p-value")
	}
}

// The correction by the largest correlation is that of corr.Family, below
// Holm's where the correlations go together, and never below p.
func TestAssociationsAreCorrectedByTheLargest(t *testing.T) {
	tr, values, ratings := symptomTrial(20, 9, 0.4)
	text := symptomAssociation + strings.Replace(symptomAssociation, "[\"baseline\"]", "[\"baseline\", \"period\"]", 1)
	p := symptomPlan(t, text)
	holm, _ := crossover.Associate(p, tr, values, ratings, 2)
	p.Associations.Multiplicity = "max"
	got, l := crossover.Associate(p, tr, values, ratings, 2)
	if len(l) > 0 {
		t.Fatal(l)
	}
	for i, a := range got.List {
		w, h := a.By[0], holm.List[i].By[0]
		// The two associations are nearly one, so that there is hardly anything to correct.
		if !(w.PAdjusted >= w.PPermutation-0.01) || !(w.PAdjusted < h.PAdjusted) {
			t.Errorf("%d: p %g, by the largest %g, by Holm %g", i, float64(w.PPermutation), float64(w.PAdjusted), float64(h.PAdjusted))
		}
		if a.Differences[0].PAdjusted != holm.List[i].Differences[0].PAdjusted {
			t.Error("differences are not corrected by Holm's method")
		}
	}
}

// Score courses are the means of the table.
func TestCourses(t *testing.T) {
	tr, _, ratings := symptomTrial(10, 2, 0)
	ratings = append(ratings, crossover.Rating{Subject: "99", Session: "1", Visit: "after", Instrument: "psi", Score: "delusional", Value: 1000})
	ratings[1].Value = math.NaN()
	c := crossover.Courses(tr, ratings, 0.95)
	if len(c) != 1 || len(c[0].Cells) != 4 || strings.Join(c[0].Visits, " ") != "before after" {
		t.Fatalf("%+v", c)
	}
	if b := c[0].Cells[0]; b.Treatment != "placebo" || b.Visit != "before" || b.N != 10 || b.Mean != 20 || b.SD != 0 || b.Low != 20 {
		t.Errorf("%+v", b)
	}
	if a := c[0].Cells[1]; a.N != 9 || a.Missing != 1 || !(a.Low < a.Mean && a.Mean < a.High) {
		t.Errorf("%+v", a)
	}
}
