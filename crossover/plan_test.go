package crossover_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"phasl/bids"
	"phasl/crossover"
	"phasl/crossover/crossovertest"
	"phasl/diag"
)

// same compares plans, NaN equal to NaN, without the file they are from.
func same(a, b *crossover.Plan) bool {
	text := func(p *crossover.Plan) string {
		c := *p
		c.File, c.Text = "", nil
		return fmt.Sprintf("%#v", c)
	}
	return text(a) == text(b)
}

// sound reads and joins the sound trial.
func sound(t testing.TB, plan string, change ...func(dir string) error) (*crossover.Plan, *crossover.Trial, diag.List) {
	t.Helper()
	dir := t.TempDir()
	if err := crossovertest.Base().Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		if err := c(dir); err != nil {
			t.Fatal(err)
		}
	}
	ds, l := bids.Open(dir)
	if ds == nil {
		t.Fatal(l)
	}
	p, pl := crossover.ParsePlan("plan.toml", []byte(plan))
	if len(pl) > 0 {
		t.Fatal(pl)
	}
	tr, tl := crossover.NewTrial(p, ds, nil)
	return p, tr, tl
}

func TestEmptyPlanIsTheDefault(t *testing.T) {
	p, l := crossover.ParsePlan("plan.toml", nil)
	if len(l) > 0 {
		t.Fatal(l)
	}
	if !same(p, crossover.DefaultPlan()) {
		t.Errorf("an empty plan is %+v", p)
	}
}

func TestPlanIsRead(t *testing.T) {
	p, l := crossover.ParsePlan("p.toml", []byte(`
title = "T"
seed = 3
measures = ["relative"]
[trial]
treatments = ["a", "b", "c"]
reference = "b"
phases = ["x", "y"]
challenge = "ketamine"
treatment_column = "drug"
period_column = "visit"
sequence_column = "order"
phase_column = "stage"
time_column = "time"
exclude_column = "drop"
[regions]
primary = ["r1"]
others = false
global = "whole"
[model]
formula = "cbf ~ treatment*phase + (1|subject)"
covariates = ["age"]
ddf = "satterthwaite"
level = 0.9
log = true
[[contrast]]
name = "c1"
weights = "0.5*phasey"
primary = true
[equivalence]
margin = 4
unit = "percent"
alpha = 0.025
[bayes]
scale = 1
[multiplicity]
method = "fdr"
others = "none"
[maps]
voxelwise = false
fwhm = 6
[[exclude]]
subject = "sub-07"
session = "ses-1"
run = "run-2"
phase = "y"
reason = "vomited"
[quality]
max_fd_mean = 0.5
min_qei = 0.3
min_gm_cbf = 20
max_gm_cbf = 120
[associations]
method = "spearman"
permutations = 500
bootstrap = 0
multiplicity = "fdr"
[receptors]
panel = ["MOR", "KOR"]
measure = "relative"
adjust = ["baseline"]
method = "pearson"
null = "moran"
surrogates = 999
apart = 25
[[association]]
region = "r1"
instrument = "psi"
[[association]]
name = "n"
region = "r1"
measure = "relative"
phase = "y"
adjust = ["baseline", "age"]
instrument = "madrs"
score = "total"
visit = "day1"
change = "percent"
change_from = "day0"
improve = true
within = "a"
compare = false
side = "positive"
`))
	if len(l) > 0 {
		t.Fatal(l)
	}
	want := &crossover.Plan{Title: "T", Seed: 3, Measures: []crossover.Measure{crossover.Relative}, PrimaryMeasure: crossover.Relative,
		Trial: crossover.TrialPlan{Treatments: []string{"a", "b", "c"}, Reference: "b", Phases: []string{"x", "y"}, Challenge: "ketamine",
			TreatmentColumn: "drug", PeriodColumn: "visit", SequenceColumn: "order", PhaseColumn: "stage", TimeColumn: "time", ExcludeColumn: "drop"},
		Regions:      crossover.RegionPlan{Primary: []string{"r1"}, Global: "whole"},
		Model:        crossover.ModelPlan{Formula: "cbf ~ treatment*phase + (1|subject)", Covariates: []string{"age"}, DDF: "satterthwaite", Level: 0.9, Log: true},
		Contrasts:    []crossover.ContrastPlan{{Name: "c1", Weights: "0.5*phasey", Primary: true}},
		Equivalence:  crossover.EquivalencePlan{Margin: 4, Unit: "percent", Alpha: 0.025},
		Bayes:        crossover.BayesPlan{Scale: 1},
		Multiplicity: crossover.MultiplicityPlan{Method: "fdr", Others: "none"},
		Maps:         crossover.MapPlan{FWHM: 6},
		Exclude:      []crossover.Exclusion{{Subject: "07", Session: "1", Run: "2", Phase: "y", Reason: "vomited"}},
		Quality:      crossover.QualityPlan{MaxFDMean: 0.5, MinQEI: 0.3, MinGMCBF: 20, MaxGMCBF: 120},
		Associations: crossover.AssociationsPlan{Method: "spearman", Permutations: 500, Multiplicity: "fdr"},
		Association: []crossover.AssociationPlan{
			{Region: "r1", Measure: "absolute", Instrument: "psi", Score: "total", Compare: true, Side: "two-sided"},
			{Name: "n", Region: "r1", Measure: "relative", Phase: "y", Adjust: []string{"baseline", "age"}, Instrument: "madrs", Score: "total",
				Visit: "day1", Change: "percent", ChangeFrom: "day0", Improve: true, Within: "a", Side: "positive"}},
		Receptors: crossover.ReceptorPlan{Asked: true, Panel: []string{"MOR", "KOR"}, Measure: crossover.Relative, Adjust: []string{"baseline"},
			Method: "pearson", Null: "moran", Surrogates: 999, Apart: 25}}
	if !same(p, want) {
		t.Errorf("got  %+v\nwant %+v", p, want)
	}
	if p.File != "p.toml" {
		t.Errorf("file %q", p.File)
	}
}

// Files as Windows editors write them are read.
func TestPlanOfAnotherEditor(t *testing.T) {
	p, l := crossover.ParsePlan("p.toml", []byte("\ufeffseed = 3\r\n[[exclude]]\r\nsubject = \"1\"\r\nreason = \"r\"\r\n[model]\r\nlevel = 9\r\n"))
	if p.Seed != 3 || len(p.Exclude) != 1 || len(l) != 1 || !strings.HasPrefix(l[0].Found, "line 6: ") {
		t.Errorf("%+v, %v", p, l)
	}
}

// Every fault of a plan is reported at once, in the order of lines.
func TestPlanReportsEveryFault(t *testing.T) {
	_, l := crossover.ParsePlan("plan.toml", []byte("seed = -1\ntitel = \"x\"\n[model]\nlevel = 95\nddf = 3\n[bayes]\nscale = 0\n[[exclude]]\nsubject = \"01\"\n[[exclude]]\nsesion = \"1\"\nreason = \"r\"\n"))
	var got []string
	for _, p := range l {
		got = append(got, p.Field)
	}
	want := []string{"seed", "titel", "model.level", "model.ddf", "bayes.scale", "exclude[0].reason", "exclude[1].subject", "exclude[1].sesion"}
	if !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v\n%v", got, want, l)
	}
	for i, line := range []int{1, 2, 4, 5, 7, 8, 10, 11} {
		if i < len(l) && !strings.HasPrefix(l[i].Found, fmt.Sprintf("line %d: ", line)) {
			t.Errorf("%s: %q does not name line %d", l[i].Field, l[i].Found, line)
		}
	}
	for _, p := range l {
		if p.Fix == "" {
			t.Errorf("no fix: %v", p)
		}
	}
}

// What PlanTemplate writes reads as the plan of the dataset: the trial's
// treatments, reference and phases, the primary regions there are, and else
// the defaults.
func TestTemplateIsThePlanOfTheDataset(t *testing.T) {
	_, tr, l := sound(t, "")
	if l.Err() != nil {
		t.Fatal(l)
	}
	text := crossover.PlanTemplate(tr, []string{"insula", "pgACC", "sgACC"}, nil, nil)
	got, pl := crossover.ParsePlan("plan.toml", text)
	if len(pl) > 0 {
		t.Fatalf("%v\n%s", pl, text)
	}
	want := crossover.DefaultPlan()
	want.Trial.Treatments, want.Trial.Reference = []string{"placebo", "naltrexone"}, "placebo"
	want.Trial.Phases = []string{"baseline", "infusion"}
	want.Regions.Primary = []string{"sgACC", "pgACC"}
	if !same(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	got, pl = crossover.ParsePlan("plan.toml", crossover.PlanTemplate(tr, nil, nil, []string{"MOR", "D2"}))
	if len(pl) > 0 || !got.Receptors.Asked || !slices.Equal(got.Receptors.Panel, []string{"MOR", "D2"}) {
		t.Errorf("%v, receptors %+v", pl, got.Receptors)
	}
	for _, text := range [][]byte{crossover.PlanTemplate(nil, nil, nil, nil), crossover.PlanTemplate(&crossover.Trial{}, nil, nil, nil)} {
		got, l := crossover.ParsePlan("plan.toml", text)
		if len(l) > 0 || !same(got, crossover.DefaultPlan()) {
			t.Errorf("the template of nothing is not the default plan: %v\n%s", l, text)
		}
	}
}

// The template names every key, and the documentation describes each with its
// default.
func TestEveryKeyIsDocumented(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "docs", "formats", "plan.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := ""
	keys := 0
	for _, line := range strings.Split(string(crossover.PlanTemplate(nil, nil, nil, crossover.DefaultPanel())), "\n") {
		if name, ok := strings.CutPrefix(line, "["); ok {
			table = strings.TrimSuffix(name, "]")
		}
		key, value, ok := strings.Cut(line, " = ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		keys++
		section := string(doc)
		if table != "" {
			_, after, found := strings.Cut(section, "`["+table+"]`")
			if !found {
				t.Errorf("docs/formats/plan.md has no section `[%s]`", table)
				continue
			}
			section, _, _ = strings.Cut(after, "\n## ")
		}
		row := ""
		for _, l := range strings.Split(section, "\n") {
			if strings.HasPrefix(l, "| `"+key+"` |") {
				row = l
				break
			}
		}
		if row == "" {
			t.Errorf("docs/formats/plan.md does not describe %s.%s", table, key)
		} else if !strings.Contains(strings.ReplaceAll(row, `\|`, "|"), "`"+value+"`") {
			t.Errorf("docs/formats/plan.md does not give the default %s of %s.%s: %s", value, table, key, row)
		}
	}
	if keys < 30 {
		t.Errorf("only %d keys in the template", keys)
	}
}

// Any plan that can be written is read as the same: text with quotation marks
// and signs of every script, numbers of any size.
func TestPlanRoundTrip(t *testing.T) {
	word := rapid.StringMatching(`[\p{L}"'\\#=\[\]][\p{L}\p{N} "'\\#=\[\].,-]{0,12}[\p{L}"'\\#]`)
	rapid.Check(t, func(rt *rapid.T) {
		p := crossover.DefaultPlan()
		p.Title = word.Draw(rt, "title")
		p.Seed = rapid.Uint64Range(0, math.MaxInt64).Draw(rt, "seed")
		p.Trial.Challenge = word.Draw(rt, "challenge")
		p.Model.Level = rapid.Float64Range(0.500001, 0.999999).Draw(rt, "level")
		p.Model.Log = rapid.Bool().Draw(rt, "log")
		p.Model.Bounded = rapid.Bool().Draw(rt, "bounded")
		p.Equivalence.Margin = rapid.Float64Range(0.5, 99).Draw(rt, "margin")
		p.Quality.MaxFDMean = rapid.Float64Range(1e-9, 1e9).Draw(rt, "fd")
		p.Exclude = []crossover.Exclusion{{Subject: "1", Reason: word.Draw(rt, "reason")}}
		p.Contrasts = []crossover.ContrastPlan{{Name: "c", Weights: "0.5*phaseinfusion"}}
		if p.Receptors.Asked = rapid.Bool().Draw(rt, "receptors"); p.Receptors.Asked {
			p.Receptors.Panel = []string{word.Draw(rt, "target")}
			p.Receptors.Apart = rapid.Float64Range(1e-9, 299).Draw(rt, "apart")
		}
		written := crossover.WritePlanForTest(p)
		got, l := crossover.ParsePlan("p", written)
		if len(l) > 0 || !same(got, p) {
			rt.Fatalf("%v\n%s\ngot  %+v\nwant %+v", l, written, got, p)
		}
	})
}

func TestSHA256(t *testing.T) {
	// printf 'seed = 1\n' | sha256sum
	p, _ := crossover.ParsePlan("p", []byte("seed = 1\n"))
	if got, want := p.SHA256(), "46545c629053298cb8b068758bd6cb0ba83f1533f50a054de71575535afea66b"; got != want {
		t.Errorf("SHA256 %s, want %s", got, want)
	}
	d := crossover.DefaultPlan()
	q, _ := crossover.ParsePlan("p", crossover.PlanTemplate(nil, nil, nil, nil))
	if d.SHA256() != q.SHA256() {
		t.Error("the default plan and its template differ in SHA-256")
	}
	d.Seed = 2
	if d.SHA256() == q.SHA256() {
		t.Error("another seed has the same SHA-256")
	}
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(crossovertest.Plan))
	f.Add(crossover.PlanTemplate(nil, nil, nil, nil))
	for _, c := range crossovertest.Broken() {
		if len(c.Plan) < 10000 {
			f.Add([]byte(c.Plan))
		}
	}
	for _, s := range []string{strings.Repeat("[", 5000), "a" + strings.Repeat(".a", 5000) + " = 1", "contrast = [1, {}, []]", "trial.phases = {a = 1}",
		"[trial]\nphases = [[\"a\"]]", "exclude = [{}]\n", "\x00", "\ufeffseed = 1", "[[trial]]\n[trial.x]", "[contrast.name]\nx = 1", "model.formula = \"" + strings.Repeat("(", 3000) + "\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, l := crossover.ParsePlan("plan.toml", text)
		if p == nil {
			t.Fatal("no plan")
		}
		for _, x := range l {
			if x.File != "plan.toml" || x.Found == "" || x.Fix == "" {
				t.Errorf("incomplete problem %+v", x)
			}
		}
		if l.Err() != nil {
			return
		}
		q, ql := crossover.ParsePlan("plan.toml", crossover.WritePlanForTest(p))
		if ql.Err() != nil || !same(p, q) {
			t.Errorf("writing and reading changes the plan: %v\n%+v\n%+v", ql, p, q)
		}
		p.Words(nil)
	})
}
