package crossover

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sharedFile returns a file of the reference data, or skips the test.
func sharedFile(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("PHASL_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	if _, err := os.Stat(root); err != nil {
		t.Skip("shared data not found; set PHASL_SHARED")
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// readTrial reads a table of the reference data as a trial.
func readTrial(t *testing.T, file string) (*Trial, []Value) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	col := func(row []string, name string) string {
		if i := slices.Index(rows[0], name); i >= 0 {
			return row[i]
		}
		return ""
	}
	tr := &Trial{Treatments: []string{"placebo", "drug"}, Phases: []string{"pre", "post"}, Sequences: []string{"DP", "PD"}}
	var values []Value
	for _, row := range rows[1:] {
		s := Scan{Subject: col(row, "subject"), Session: col(row, "session"), Run: col(row, "time"), Treatment: col(row, "treatment"), Phase: col(row, "time"),
			Sequence: col(row, "sequence"), Columns: map[string]string{"age": col(row, "age"), "sex": col(row, "sex"), "motion": col(row, "motion")}}
		s.Period, _ = strconv.Atoi(col(row, "period"))
		region := col(row, "region")
		if region == "" {
			region = "ACC"
		}
		if !slices.ContainsFunc(tr.Scans, func(o Scan) bool { return o.key() == s.key() }) {
			tr.Scans = append(tr.Scans, s)
		}
		if !slices.ContainsFunc(tr.People, func(p Person) bool { return p.Subject == s.Subject }) {
			tr.People = append(tr.People, Person{Subject: s.Subject, Sequence: s.Sequence})
		}
		v, err := strconv.ParseFloat(col(row, "cbf"), 64)
		if err != nil {
			v = math.NaN()
		}
		values = append(values, Value{Subject: s.Subject, Session: s.Session, Run: s.Run, Region: region, CBF: v, Units: "mL/100g/min"})
	}
	return tr, values
}

// bare is a plan for one measure.
func bare() *Plan {
	p := DefaultPlan()
	p.Model.Bounded = true // as lme4 does
	p.Measures = []Measure{Absolute}
	return p
}

func effectNamed(t *testing.T, f *RegionFit, name string) Effect {
	t.Helper()
	for _, e := range f.Effects {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("%s: no effect %q", f.Region, name)
	return Effect{}
}

// near fails unless got is within a share of want.
func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Max(math.Abs(want), 1e-3)) {
		t.Errorf("%s: %.12g, want %.12g (relative %.1e)", what, got, want, math.Abs(got/want-1))
	}
}

type referenceFit struct {
	NObs  int `json:"n_obs"`
	Fixed []struct {
		Name     string
		Estimate float64
		SE       float64 `json:"se_kr"`
		DF       float64 `json:"df_kr"`
		P        float64 `json:"p_kr"`
	}
	Components []struct {
		Group string
		SD    float64 `json:"sd_or_cor"`
	} `json:"variance_components"`
	Anova map[string][]struct {
		Term  string
		DenDF float64 `json:"den_df"`
		F, P  float64
	}
}

// compare checks a region against lme4, pbkrtest and lmerTest. Their names of
// effects differ; their numbers are the same contrasts.
func compare(t *testing.T, f *RegionFit, want *referenceFit) {
	t.Helper()
	if f.Failed != "" || f.NObs != want.NObs {
		t.Fatalf("%s: %d observations, want %d; %s", f.Region, f.NObs, want.NObs, f.Failed)
	}
	names := map[string]string{"timepost": "phase:placebo", "treatmentdrug": "treatment_baseline:drug", "period2": "period", "sequencePD": "carry_over", "treatmentdrug:timepost": "interaction:drug"}
	for _, w := range want.Fixed {
		if names[w.Name] == "" {
			continue
		}
		e := effectNamed(t, f, names[w.Name])
		// The reference's own convergence supports 1e-6 for estimates and
		// errors, 1e-3 for df and 1e-4 for p.
		near(t, e.Name+" estimate", float64(e.Estimate), w.Estimate, 1e-6)
		near(t, e.Name+" SE", float64(e.SE), w.SE, 1e-6)
		near(t, e.Name+" df", float64(e.DF), w.DF, 1e-3)
		if d := math.Abs(float64(e.P)/w.P - 1); d > 1e-4 {
			t.Errorf("%s p: %g, want %g", e.Name, e.P, w.P)
		}
	}
	for _, w := range want.Components {
		group := w.Group
		if group == "session:subject" {
			group = "subject:session"
		}
		i := slices.IndexFunc(f.Components, func(c Component) bool { return c.Group == group })
		if i < 0 {
			t.Fatalf("no variance of %s in %v", group, f.Components)
		}
		near(t, "SD of "+group, float64(f.Components[i].SD), w.SD, 2e-5) // lme4's search ends within 1e-5 of a variance
	}
	for kind, terms := range want.Anova {
		if !strings.Contains(kind, "Kenward") || !strings.HasSuffix(kind, "_III") {
			continue
		}
		for _, w := range terms {
			term := strings.ReplaceAll(w.Term, "time", "phase")
			i := slices.IndexFunc(f.Tests, func(x TermTest) bool { return x.Term == term })
			if i < 0 {
				t.Fatalf("no test of %s in %v", term, f.Tests)
			}
			near(t, "F of "+term, float64(f.Tests[i].F), w.F, 1e-5)
			near(t, "df of "+term, float64(f.Tests[i].DenDF), w.DenDF, 1e-3)
			near(t, "p of "+term, float64(f.Tests[i].P), w.P, 1e-4)
		}
	}
}

// TestReferenceModels runs the reference tables through Analyse.
func TestReferenceModels(t *testing.T) {
	dir := sharedFile(t, "reference", "lmm")
	files, _ := filepath.Glob(filepath.Join(dir, "lmm0[1-8]*.csv"))
	if len(files) != 8 {
		t.Fatalf("%d tables in %s, want 8", len(files), dir)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".csv"), func(t *testing.T) {
			tr, values := readTrial(t, file)
			r, l := Analyse(bare(), tr, values, 1)
			if l.Err() != nil {
				t.Fatal(l)
			}
			var want struct{ Results map[string]*referenceFit }
			readJSON(t, strings.TrimSuffix(file, ".csv")+".expected.json", &want)
			compare(t, &r.Models[0], want.Results["subject_session"])
			if strings.Contains(file, "lmm01") || strings.Contains(file, "lmm08") {
				p := bare()
				p.Model.Covariates = []string{"age", "sex", "motion"}
				r, _ := Analyse(p, tr, values, 1)
				compare(t, &r.Models[0], want.Results["covariates"])
			}
		})
	}
}

// TestReferenceRegions checks eight regions and the correction over them.
func TestReferenceRegions(t *testing.T) {
	tr, values := readTrial(t, sharedFile(t, "reference", "lmm", "lmm09_regions.csv"))
	var want struct {
		Results struct {
			Models   map[string]*referenceFit
			Adjusted map[string]map[string]float64 `json:"adjusted_interaction_p_kr"`
		}
	}
	readJSON(t, sharedFile(t, "reference", "lmm", "lmm09_regions.expected.json"), &want)
	for method, name := range map[string]string{"holm": "holm", "fdr": "BH"} {
		p := bare()
		p.Multiplicity.Method = method
		r, l := Analyse(p, tr, values, 2)
		if l.Err() != nil || len(r.Models) != 8 {
			t.Fatal(l, len(r.Models))
		}
		for i := range r.Models {
			f := &r.Models[i]
			compare(t, f, want.Results.Models[f.Region])
			near(t, f.Region+" adjusted p", float64(effectNamed(t, f, "interaction:drug").PAdjusted), want.Results.Adjusted[name][f.Region], 1e-4)
		}
	}
}
