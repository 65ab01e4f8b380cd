package phantom

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/scales"
)

// tableOf is a table of single rows of answers.
func tableOf(in *scales.Instrument, rows [][]float64) *bids.Table {
	t := &bids.Table{File: in.Name + ".tsv", Columns: []string{"participant_id"}}
	for _, it := range in.Items {
		t.Columns = append(t.Columns, in.Column(it.Name))
	}
	for i, r := range rows {
		cells := []string{fmt.Sprintf("sub-%03d", i)}
		for _, x := range r {
			cells = append(cells, bids.FormatNumber(x))
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

const reversedInstrument = `
name = "test"
title = "a scale with reversed items, items from 1, and a highest value of scores"
version = "six items"
sources = ["made up"]

[[items]]
items = "1-2"
low = 1
high = 5

[[items]]
items = "3-4"
low = 1
high = 5
reversed = "3-4"

[[items]]
items = "5-6"
low = 0
high = 3

[[score]]
name = "sum"
method = "sum"
items = "1-4"
source = "made up"

[[score]]
name = "top"
method = "max"
items = "5, 6"
source = "made up"

[[score]]
name = "total"
method = "sum"
of = "sum, top"
source = "made up"
`

// Whatever the total, the items drawn for it score to it, by the instrument's
// own key: domain maxima, either-or items, reversed items and ranges.
func TestAnswersScoreToTheirTotal(t *testing.T) {
	own, l := scales.Parse("test.toml", []byte(reversedInstrument))
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, in := range []*scales.Instrument{instrument("madrs"), instrument("qids"), instrument("cadss23"), own} {
		total := in.Score("total")
		var rows [][]float64
		var want []float64
		for v := total.Low; v <= total.High; v++ {
			for k := range uint64(3) {
				rows = append(rows, answers(in, map[string]float64{"total": v}, stream(k, "profile", 0), stream(k, "items", uint64(v))))
				want = append(want, v)
			}
		}
		res, l := in.ScoreTable(tableOf(in, rows), scales.Options{Strict: true})
		if len(l) > 0 {
			t.Errorf("%s: %v", in.Name, l)
		}
		for i := range res.Rows {
			if got := res.Rows[i].Value("total"); got.Value != want[i] || got.Prorated {
				t.Fatalf("%s: %v scores to %g (%s), want %g", in.Name, rows[i], got.Value, got.Reason, want[i])
			}
		}
	}
}

// The form of the QIDS asks for one of two items on appetite and on weight.
func TestQIDSAnswersOneOfEachPair(t *testing.T) {
	in := instrument("qids")
	first := 0
	for k := range uint64(200) {
		x := answers(in, map[string]float64{"total": 20}, stream(k, "profile", 0), stream(k, "items", 0))
		if math.IsNaN(x[5]) == math.IsNaN(x[6]) || math.IsNaN(x[7]) == math.IsNaN(x[8]) {
			t.Fatalf("items 6 to 9: %v", x[5:9])
		}
		if math.IsNaN(x[6]) {
			first++
		}
	}
	if first < 60 || first > 140 {
		t.Errorf("item 6 answered %d of 200 times", first)
	}
}

// The tables score back to the totals that were drawn, and sizes are those of
// the models.
func TestTablesScoreToWhatWasDrawn(t *testing.T) {
	tr := newTrial(t, TrialOptions{Seed: 4, Subjects: 120, Missing: 0.1})
	got := tr.clinical()
	population := tr.regressions()
	sum, n := make([]float64, len(drawnScores)), 0.0
	for i := range tr.People {
		for j := range tr.People[i].Sessions {
			s := &tr.People[i].Sessions[j]
			if s.Missing {
				continue
			}
			for k, want := range tr.scores(i, j, tr.drives(s, population)) {
				m := &drawnScores[k]
				key := [5]string{m.instrument, m.score, tr.People[i].Label, s.Label, m.visit}
				if x, ok := got[key]; !ok || x != want {
					t.Fatalf("%v: %g, want %g", key, x, want)
				}
				sum[k] += want
			}
			n++
		}
	}
	for k, m := range drawnScores {
		want := m.mean
		if m.from != "" {
			base := drawnScore(m.instrument, m.score, m.from)
			want = base.mean * (1 - (m.mean+m.others)/200)
		}
		// Sessions of a person go together: at most two for one.
		if se := max(m.sd, 5) / math.Sqrt(n/2); m.from == "" && math.Abs(sum[k]/n-want) > 4*m.sd/math.Sqrt(n/2)+0.1 || math.Abs(sum[k]/n-want) > 4*se+0.3 {
			t.Errorf("%s: mean %.2f, want %.2f", m.name(), sum[k]/n, want)
		}
	}
}

// What rounding and range leave of a correlation, against draws.
func TestGain(t *testing.T) {
	r := stream(1, "gain", 0)
	for k := range drawnScores {
		m := &drawnScores[k]
		for _, c := range []struct {
			change    string
			reference bool
		}{{"", true}, {"percent", true}, {"percent", false}, {"absolute", true}} {
			if (m.from == "") != (c.change == "") {
				continue
			}
			const n = 60000
			var l, x [n]float64
			for i := range n {
				l[i] = r.NormFloat64()
				if m.from == "" {
					x[i] = m.own(l[i])
					continue
				}
				base := drawnScore(m.instrument, m.score, m.from).own(r.NormFloat64())
				x[i] = reduction(base, m.after(base, l[i], c.change, c.reference), c.change)
			}
			got, want := pearson(x[:], l[:]), gain(m, c.change, c.reference)
			se := (1 - want*want) / math.Sqrt(n)
			if m.skewed {
				se *= 6 // a heavy tail: measured over repeated draws, 0.002
			}
			if math.Abs(got-want) > 4*se+2e-4 {
				t.Errorf("%s %q: %.4f by draws, %.4f", m.name(), c.change, got, want)
			}
		}
	}
}

func pearson(x, y []float64) float64 {
	var mx, my, xx, yy, xy float64
	n := float64(len(x))
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		xx, yy, xy = xx+a*a, yy+b*b, xy+a*b
	}
	return xy / math.Sqrt(xx*yy)
}

// The regression of a region's absolute CBF on global CBF in the reference
// population, against the covariance of the compartments by the model.
func TestRegressionsAgainstClosedForm(t *testing.T) {
	tr := newTrial(t, TrialOptions{})
	v, base := tr.Options.Variances, baseCBF()
	weights := func(name string) []float64 {
		r, w := regionNamed(name), make([]float64, compartments)
		for i, c := range r.Members {
			w[c] = r.Weights[i] * base[c]
		}
		return w
	}
	common := v.Subject*v.Subject + v.Session*v.Session + v.Scan*v.Scan
	regional := v.RegionalSubject*v.RegionalSubject + v.RegionalSession*v.RegionalSession + v.RegionalScan*v.RegionalScan
	cov := func(a, b []float64) float64 {
		s := 0.0
		for i := range a {
			for j := range b {
				c := common
				if i > 0 && j > 0 && (i-1)/2 == (j-1)/2 {
					c += (1 - sideShare) * regional
				}
				if i > 0 && i == j {
					c += sideShare * regional
				}
				s += a[i] * b[j] * c
			}
		}
		return s
	}
	x, g := weights("sgACC"), weights(GlobalGrey)
	slope := cov(x, g) / cov(g, g)
	sd := math.Sqrt(cov(x, x) - slope*cov(x, g))
	n := float64(referenceTrials * referencePeople)
	for q, p := range tr.Options.Symptoms.Associations {
		if p.Region != "sgACC" {
			continue
		}
		got := tr.regressions()[q]
		if math.Abs(got.sd/sd-1) > 4/math.Sqrt(2*n) {
			t.Errorf("SD given global CBF %.3f, want %.3f", got.sd, sd)
		}
		if se := sd / math.Sqrt(n*cov(g, g)); math.Abs(got.coef[1]-slope) > 4*se {
			t.Errorf("slope on global CBF %.4f, want %.4f ± %.4f", got.coef[1], slope, se)
		}
	}
}

// A collinear covariate takes no part; a measure that does not vary has
// nothing left.
func TestRegressDegenerate(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var rows, flat [][]float64
	for range 50 {
		a, e := r.NormFloat64(), r.NormFloat64()
		rows = append(rows, []float64{3 + 2*a + e, a, 5 - 2*a})
		flat = append(flat, []float64{0.1 + 0.2, a})
	}
	g := regress(rows)
	if one := regress(first(rows, 2)); g.coef[2] != 0 || math.Abs(g.coef[1]-one.coef[1]) > 1e-12 || math.Abs(g.sd-one.sd) > 1e-12 {
		t.Errorf("%+v, without the second covariate %+v", g, one)
	}
	if g := regress(flat); g.sd != 0 || !math.IsNaN(g.standardised(flat[0])) {
		t.Errorf("a constant has SD %g", g.sd)
	}
}

func first(rows [][]float64, k int) (out [][]float64) {
	for _, r := range rows {
		out = append(out, r[:k])
	}
	return out
}

// partials returns the correlations that crossover finds for the plan, from
// true or from measured values.
func partials(t *testing.T, tr *Trial, values []crossover.Value) map[string]float64 {
	t.Helper()
	plan := crossover.DefaultPlan()
	plan.Associations.Permutations, plan.Associations.Bootstrap = 0, 0
	for _, a := range tr.Associations() {
		for _, treatment := range tr.Treatments {
			a.Name, a.Within, a.Compare = a.Score+a.Instrument+" "+treatment, treatment, false
			plan.Association = append(plan.Association, a)
		}
	}
	got, l := crossover.Associate(plan, tr.Crossover(), values, tr.Ratings(), 1)
	if l.Err() != nil {
		t.Fatal(l)
	}
	out := map[string]float64{}
	for _, a := range got.List {
		out[a.Name] = float64(a.By[0].R)
	}
	return out
}

// Over many trials the correlation that crossover finds in true values is what
// was planted, and zero under the other treatment; the truth says the same.
func TestPlantedCorrelationsAreFound(t *testing.T) {
	trials := 120
	if testing.Short() {
		trials = 40
	}
	z, zz := map[string]float64{}, map[string]float64{}
	want := map[string]float64{}
	for k := range trials {
		tr := newTrial(t, TrialOptions{Seed: uint64(k + 1)})
		got := partials(t, tr, tr.TrueValues("sgACC", "pgACC", GlobalGrey))
		for _, c := range tr.PlantedCorrelations(nil) {
			name := c.Score + c.Instrument + " " + c.Treatment
			if math.Abs(c.Sample-got[name]) > 1e-9 || c.N != 26 {
				t.Fatalf("%s: %g in the truth, %g by crossover (n = %d)", name, c.Sample, got[name], c.N)
			}
			x := math.Atanh(got[name])
			z[name], zz[name] = z[name]+x, zz[name]+x*x
			want[name] = c.R
		}
	}
	n := float64(trials)
	for name, r := range want {
		m := z[name] / n
		se := math.Sqrt((zz[name]/n - m*m) / n)
		// Fisher's z is r/2(n−1) too large, with one covariate less.
		if expected := math.Atanh(r) + r/(2*(26-2)); math.Abs(m-expected) > 4*se || se > 0.05 {
			t.Errorf("%s: mean z %.3f ± %.3f, want %.3f", name, m, se, expected)
		}
	}
	if len(want) != 8 || want["delusionalpsi placebo"] != 0.56 || want["totalqids placebo"] != 0.67 || want["totalqids naltrexone"] != 0 {
		t.Errorf("planted: %v", want)
	}
}

// The same in many people at once, to 0.03, for associations of every kind:
// changes over phases, in points, a skewed score, under both treatments, turned
// signs, and covariates.
func TestPlantedCorrelationsOfEveryKind(t *testing.T) {
	plan := func(region string, m crossover.Measure, phase string, adjust []string, instrument, visit, change string, improve bool, within string, r float64) PlantedAssociation {
		from := ""
		if change != "" {
			from = "baseline"
		}
		score := "total"
		if instrument == "psi" {
			score = "paranoia"
		}
		return PlantedAssociation{crossover.AssociationPlan{Region: region, Measure: m, Phase: phase, Adjust: adjust, Instrument: instrument, Score: score, Visit: visit,
			Change: change, ChangeFrom: from, Improve: improve, Within: within}, r}
	}
	list := []PlantedAssociation{
		plan("dACC", crossover.Absolute, crossover.PhaseChange, nil, "cadss23", "infusion", "", false, "", -0.5),
		plan("dACC", crossover.Absolute, crossover.PhaseChange, nil, "cadss23", "infusion", "", false, "naltrexone", 0.3),
		plan("Insula_L", crossover.Relative, "infusion", []string{"baseline", "period"}, "madrs", "day1", "absolute", false, "naltrexone", 0.7),
		plan(GlobalGrey, crossover.Absolute, "infusion", []string{"baseline"}, "psi", "", "", false, "", 0.9),
		plan("Thalamus_R", crossover.Absolute, "baseline", []string{"global"}, "qids", "baseline", "", false, "", 0.4),
	}
	effects := append(DefaultEffects(), PlantedEffect{Kind: crossover.PeriodEffect, Region: "all", Percent: 8})
	var tr *Trial
	var sum []float64
	const trials = 3
	for k := range uint64(trials) {
		tr = newTrial(t, TrialOptions{Seed: k + 1, Subjects: 999, Effects: effects, Symptoms: &Symptoms{Associations: list}})
		truth := tr.PlantedCorrelations(nil)
		sum = append(sum, make([]float64, len(truth)-len(sum))...)
		for i, c := range truth {
			sum[i] += c.Sample / trials
		}
	}
	truth := tr.PlantedCorrelations(nil)
	want := []float64{-0.5, 0.3, 0, 0.7, 0.9, 0, 0.4, 0}
	if len(truth) != len(want) {
		t.Fatalf("%d correlations, want %d", len(truth), len(want))
	}
	for i, c := range truth {
		// Four standard errors of chance, of the reference, and 0.003 for a skewed
		// score and a ratio not being normal.
		tol := 4*(1-want[i]*want[i])*math.Sqrt(1.0/(trials*999)+want[i]*want[i]/(2*referenceTrials*referencePeople)) + 0.003
		if c.R != want[i] || math.Abs(sum[i]-want[i]) > tol {
			t.Errorf("%s %s %s: planted %g, found %.3f, want %g ± %.3f", c.Region, c.Instrument, c.Treatment, c.R, sum[i], want[i], tol)
		}
	}
	if got := tr.Associations(); len(got) != 4 || !got[0].Compare || got[0].Within != "placebo" {
		t.Errorf("%d associations for the plan, %+v", len(got), got)
	}
}

// A scanner that mixes nothing resolves everything; one that mixes a region
// with others lowers the correlation as stated.
func TestResolvedCorrelations(t *testing.T) {
	sharp, mixed := &Blend{}, &Blend{}
	insula := regionIndex("Insula_L")
	for i, r := range trialRegions() {
		row := make([]float64, compartments)
		for k, c := range r.Members {
			row[c] = r.Weights[k]
		}
		sharp.Share = append(sharp.Share, row)
		other := slices.Clone(row)
		if strings.HasSuffix(r.Name, "gACC") {
			for c := range other {
				other[c] *= 0.5
			}
			other[trialRegions()[insula].Members[0]] += 0.3
		}
		mixed.Share = append(mixed.Share, other)
		_ = i
	}
	tr := newTrial(t, TrialOptions{Subjects: 999, Seed: 5})
	for _, c := range tr.PlantedCorrelations(slices.Repeat([]*Blend{sharp}, 999)) {
		if math.Abs(c.RResolved-c.R) > 1e-9 || math.Abs(c.SampleResolved-c.Sample) > 1e-9 {
			t.Errorf("without mixing: %+v", c)
		}
	}
	for _, c := range tr.PlantedCorrelations(slices.Repeat([]*Blend{mixed}, 999)) {
		if c.R > 0 && !(c.RResolved < 0.95*c.R) {
			t.Errorf("%s: mixing leaves %.3f of %.3f", c.Score, c.RResolved, c.R)
		}
		if math.Abs(c.SampleResolved-c.RResolved) > 4/math.Sqrt(999) {
			t.Errorf("%s %s: %.3f in the sample, %.3f stated", c.Score, c.Treatment, c.SampleResolved, c.RResolved)
		}
	}
}

// Written tables are a sound dataset, the same for the same seed, without rows
// for a session that was missed and with all others as they would have been.
func TestPhenotypeTables(t *testing.T) {
	write := func(o TrialOptions) (string, map[string]string) {
		dir := t.TempDir()
		tr := newTrial(t, o)
		if err := tr.WriteRoot(dir, "region"); err != nil {
			t.Fatal(err)
		}
		if err := tr.WriteTruth(dir, nil); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		files, _ := filepath.Glob(filepath.Join(dir, "phenotype", "*"))
		for _, f := range append(files, filepath.Join(dir, "derivatives", "truth", "associations.tsv")) {
			text, err := os.ReadFile(f)
			if err != nil && !o.Symptoms.none() {
				t.Fatal(err)
			}
			out[filepath.Base(f)] = string(text)
		}
		return dir, out
	}
	dir, whole := write(TrialOptions{Seed: 3})
	_, again := write(TrialOptions{Seed: 3})
	_, other := write(TrialOptions{Seed: 8})
	if len(whole) != 9 || !reflect.DeepEqual(whole, again) || whole["psi.tsv"] == other["psi.tsv"] {
		t.Errorf("%d files; the same seed gives the same bytes: %v", len(whole), reflect.DeepEqual(whole, again))
	}
	ds, l := bids.Open(dir)
	for _, p := range append(l, bids.Validate(ds, bids.ValidateOptions{})...) {
		if !strings.Contains(p.Found, "no ASL series") {
			t.Error(p)
		}
	}
	for stem, rows := range map[string]int{"madrs": 104, "qids": 104, "psi": 52, "cadss23": 104} {
		table := ds.Phenotype[stem]
		if table == nil || len(table.Rows) != rows || len(table.Dictionary) != len(table.Columns) {
			t.Fatalf("phenotype/%s.tsv: %+v", stem, table)
		}
		if in, why := scales.Recognise(stem, table, scales.Instruments()); in == nil || in.Name != stem {
			t.Errorf("phenotype/%s.tsv is taken for %v: %s", stem, in, why)
		}
	}
	_, missed := write(TrialOptions{Seed: 3, Missing: 0.1})
	for _, f := range []string{"madrs.tsv", "psi.tsv"} {
		all := strings.Split(whole[f], "\n")
		left := strings.Split(missed[f], "\n")
		if gone := len(all) - len(left); gone != map[string]int{"madrs.tsv": 10, "psi.tsv": 5}[f] {
			t.Errorf("%s: %d rows fewer", f, gone)
		}
		for _, row := range left {
			if !slices.Contains(all, row) {
				t.Errorf("%s: a row differs from that of the trial in which nobody missed a session: %s", f, row)
			}
		}
	}
	if _, none := write(TrialOptions{Symptoms: &Symptoms{None: true}}); len(none) != 1 || none["associations.tsv"] != "" {
		t.Errorf("without questionnaires: %v", none)
	}
}

// none is for options that may be nil.
func (s *Symptoms) none() bool { return s != nil && s.None }

// Missing answers are as many as asked for, and scores are prorated as the
// instruments say.
func TestMissingItems(t *testing.T) {
	tr := newTrial(t, TrialOptions{Symptoms: &Symptoms{MissingItems: 0.05}})
	whole := newTrial(t, TrialOptions{})
	missing, cells := 0, 0
	for k, q := range tr.questionnaires() {
		for i, row := range q.rows {
			for j, c := range row {
				full := whole.questionnaires()[k].rows[i][j]
				if full == bids.Missing {
					continue
				}
				cells++
				if c == bids.Missing {
					missing++
				} else if c != full {
					t.Fatalf("%s: %q, without missing answers %q", q.in.Name, c, full)
				}
			}
		}
	}
	cells -= 3 * (52 + 3*104) // identifiers
	if share := float64(missing) / float64(cells); math.Abs(share-0.05) > 4*math.Sqrt(0.05*0.95/float64(cells)) {
		t.Errorf("%.4f of the answers are missing", share)
	}
	lost := 0
	for _, r := range tr.Ratings() {
		if math.IsNaN(r.Value) != (r.Note != "") {
			t.Errorf("%+v", r)
		}
		if math.IsNaN(r.Value) {
			lost++
		}
	}
	if lost == 0 {
		t.Error("no score is missing")
	}
	for _, c := range tr.PlantedCorrelations(nil) {
		if c.N == 0 || c.N > 26 || math.IsNaN(c.Sample) {
			t.Errorf("%+v", c)
		}
	}
}

// Where CBF does not vary nothing can go with it.
func TestSymptomsWithoutVariance(t *testing.T) {
	tr := newTrial(t, TrialOptions{Variances: &Variances{}})
	for _, c := range tr.PlantedCorrelations(nil) {
		if c.R != 0 || !math.IsNaN(c.Sample) {
			t.Errorf("%s: planted %g, in the sample %g", c.Score, c.R, c.Sample)
		}
	}
	if len(tr.Ratings()) == 0 {
		t.Error("no ratings")
	}
}

// Names of the plan are followed.
func TestSymptomsFollowThePlan(t *testing.T) {
	plan := &crossover.Plan{Trial: crossover.TrialPlan{Treatments: []string{"drug", "sham", "other"}, Reference: "sham", Phases: []string{"pre", "post"}}}
	tr := newTrial(t, TrialOptions{Subjects: 9, Plan: plan, Symptoms: &Symptoms{R: map[string]float64{"psi.delusional": 0.2, "qids.total:other": -0.3}}})
	got := map[string]float64{}
	for _, c := range tr.PlantedCorrelations(nil) {
		got[c.Instrument+"."+c.Score+" "+c.Treatment+" "+c.Phase] = c.R
	}
	want := map[string]float64{
		"psi.delusional sham post": 0.2, "psi.delusional drug post": 0, "psi.delusional other post": 0,
		"psi.perceptual sham post": 0.64, "psi.perceptual drug post": 0, "psi.perceptual other post": 0,
		"madrs.total sham pre": 0.60, "madrs.total drug pre": 0, "madrs.total other pre": 0,
		"qids.total sham pre": 0.67, "qids.total drug pre": 0, "qids.total other pre": -0.3,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("planted %v", got)
	}
	if rec := tr.Record("region", TrialScans{}).Symptoms; len(rec.Associations) != 5 || rec.Associations[4].Treatment != "other" || rec.Associations[4].R != -0.3 {
		t.Errorf("recorded %+v", rec)
	}
}

func TestSymptomFaults(t *testing.T) {
	one := func(change func(*PlantedAssociation)) *Symptoms {
		a := DefaultAssociations()[2] // madrs
		change(&a)
		return &Symptoms{Associations: []PlantedAssociation{a}}
	}
	for _, tt := range []struct {
		o          *Symptoms
		found, fix string
	}{
		{&Symptoms{MissingItems: 0.9}, "0.9 of the answers", "0 to 0.3"},
		{&Symptoms{MissingItems: math.NaN()}, "NaN", "0 to 0.3"},
		{&Symptoms{R: map[string]float64{"psi.delusionl": 0}}, `"psi.delusionl"`, "psi.delusional?"},
		{&Symptoms{R: map[string]float64{"psi.delusional:naltrexon": 0}}, `treatment "naltrexon"`, "naltrexone?"},
		{&Symptoms{R: map[string]float64{"psi.delusional": 1}}, "1 cannot be", "−0.99 to 0.99"},
		{&Symptoms{R: map[string]float64{"psi.delusional": math.NaN()}}, "NaN cannot be", "0.99"},
		{one(func(a *PlantedAssociation) { a.Region = "sgAC" }), `"sgAC"`, "sgACC?"},
		{one(func(a *PlantedAssociation) { a.Measure = crossover.GlobalAdjusted }), "global-adjusted", "absolute or relative"},
		{one(func(a *PlantedAssociation) { a.Measure = crossover.Relative }), "divided by global", "leave global out"},
		{one(func(a *PlantedAssociation) { a.Region = GlobalGrey }), "nothing is left", "another region"},
		{one(func(a *PlantedAssociation) { a.Phase = "infusio" }), `phase "infusio"`, "infusion?"},
		{one(func(a *PlantedAssociation) { a.Adjust = []string{"score"} }), `given "score"`, "baseline, global, period"},
		{one(func(a *PlantedAssociation) { a.Adjust = []string{"baseline"} }), "adjusted for itself", "later phase"},
		{one(func(a *PlantedAssociation) { a.Within = "placbo" }), `"placbo"`, "placebo?"},
		{one(func(a *PlantedAssociation) { a.Visit = "day7" }), "day7", "madrs.total at day1"},
		{one(func(a *PlantedAssociation) { a.Change = "" }), "drawn as a change", "percent or absolute"},
		{one(func(a *PlantedAssociation) { a.ChangeFrom = "day0" }), `"day0"`, `"baseline"`},
		{one(func(a *PlantedAssociation) { a.Visit = "baseline" }), "not drawn as a change", "leave change out"},
		{&Symptoms{Associations: append(DefaultAssociations(), DefaultAssociations()[0])}, "two measures", "keep one"},
	} {
		tr, l := NewTrial(TrialOptions{Symptoms: tt.o})
		if tr != nil || len(l) != 1 || !strings.Contains(l[0].Found, tt.found) || !strings.Contains(l[0].Fix, tt.fix) {
			t.Errorf("%+v: %v, want %q, fix %q", tt.o, l, tt.found, tt.fix)
		}
	}
}

func BenchmarkRatings(b *testing.B) {
	for i := range b.N {
		t, _ := NewTrial(TrialOptions{Seed: uint64(i + 1)})
		t.Ratings()
	}
}
