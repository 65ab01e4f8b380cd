package lmm

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

	"phasl/internal/sharedtest"
)

// readTable reads a CSV file; columns that hold numbers only are numeric
// unless listed as factors.
func readTable(t testing.TB, path string, factors ...string) *Table {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return tableOf(filepath.Base(path), rows, factors...)
}

func tableOf(name string, rows [][]string, factors ...string) *Table {
	tab := NewTable(name)
	for j, h := range rows[0] {
		text := make([]string, len(rows)-1)
		num := make([]float64, len(rows)-1)
		isNum := !slices.Contains(factors, h)
		for i, r := range rows[1:] {
			text[i] = r[j]
			if text[i] == "NA" {
				text[i] = ""
			}
			num[i] = math.NaN()
			if text[i] != "" {
				v, err := strconv.ParseFloat(text[i], 64)
				isNum = isNum && err == nil
				num[i] = v
			}
		}
		if isNum {
			tab.AddNumeric(h, num)
		} else {
			tab.AddFactor(h, text)
		}
	}
	return tab
}

func design(t testing.TB, formula string, tab *Table) *Design {
	t.Helper()
	f, err := ParseFormula(formula)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewDesign(f, tab)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type refModel struct {
	Formula  string         `json:"formula"`
	NObs     int            `json:"n_obs"`
	NGroups  map[string]int `json:"n_groups"`
	Singular bool           `json:"singular"`
	Fixed    []struct {
		Name     string  `json:"name"`
		Estimate float64 `json:"estimate"`
		SE       float64 `json:"se"`
		DFSat    float64 `json:"df_satterthwaite"`
		PSat     float64 `json:"p_satterthwaite"`
		SEKR     float64 `json:"se_kr"`
		DFKR     float64 `json:"df_kr"`
		PKR      float64 `json:"p_kr"`
	} `json:"fixed"`
	VCov struct {
		Names  []string    `json:"names"`
		Values [][]float64 `json:"values"`
	} `json:"vcov"`
	VarComps []struct {
		Group    string  `json:"group"`
		Name     *string `json:"name"`
		With     *string `json:"with"`
		Variance float64 `json:"variance_or_cov"`
		SD       float64 `json:"sd_or_cor"`
	} `json:"variance_components"`
	Sigma  float64 `json:"sigma"`
	LogLik float64 `json:"logLik_reml"`
	AIC    float64 `json:"aic_reml"`
	BIC    float64 `json:"bic_reml"`
	ML     struct {
		LogLik float64            `json:"logLik"`
		AIC    float64            `json:"aic"`
		BIC    float64            `json:"bic"`
		Fixed  map[string]float64 `json:"fixed"`
		Sigma  float64            `json:"sigma"`
		LRT    *struct {
			Dropped string  `json:"dropped"`
			ChiSq   float64 `json:"chisq"`
			DF      float64 `json:"df"`
			P       float64 `json:"p"`
		} `json:"lrt"`
	} `json:"ml"`
	Anova map[string][]struct {
		Term  string  `json:"term"`
		NumDF float64 `json:"num_df"`
		DenDF float64 `json:"den_df"`
		F     float64 `json:"F"`
		P     float64 `json:"p"`
	} `json:"anova"`
	EMMeans map[string]map[string][]map[string]any `json:"emmeans"`
	BLUPs   map[string]json.RawMessage             `json:"blups"`
	NLME    *struct {
		LogLik float64 `json:"logLik_reml"`
	} `json:"nlme"`
}

// worst keeps the largest relative difference of each kind, for the log and
// docs/methods/mixed-models.md.
type worst map[string]float64

func (w worst) add(kind string, got, want float64) float64 {
	d := math.Abs(got - want)
	if want != 0 {
		d /= math.Abs(want)
	}
	if !(d <= w[kind]) {
		w[kind] = d
	}
	return d
}

func (w worst) log(t *testing.T) {
	var keys []string
	for k := range w {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		t.Logf("%-28s %.1e", k, w[k])
	}
}

// TestReference reproduces every model of shared/reference/lmm (lme4 1.1-31,
// lmerTest 3.1-3, pbkrtest 0.5.2, emmeans 1.8.4-1).
func TestReference(t *testing.T) {
	dir := sharedtest.Path(t, "reference", "lmm")
	files, err := filepath.Glob(filepath.Join(dir, "*.expected.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no references: %v", err)
	}
	w := worst{}
	models := 0
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		base := strings.TrimSuffix(filepath.Base(path), ".expected.json")
		var file struct {
			Results map[string]json.RawMessage `json:"results"`
		}
		if err := json.Unmarshal(raw, &file); err != nil {
			t.Fatal(err)
		}
		results := file.Results
		regions := results["models"] != nil
		if regions {
			var m map[string]json.RawMessage
			if err := json.Unmarshal(results["models"], &m); err != nil {
				t.Fatal(err)
			}
			checkRegionP(t, results["adjusted_interaction_p_kr"], m)
			results = m
		}
		for name, r := range results {
			var ref refModel
			if err := json.Unmarshal(r, &ref); err != nil {
				t.Fatal(err)
			}
			models++
			t.Run(base+"/"+name, func(t *testing.T) {
				tab := readTable(t, filepath.Join(dir, base+".csv"), "period")
				if regions {
					tab = regionOf(tab, name)
				}
				for _, r := range [][2]string{{"treatment", "placebo"}, {"time", "pre"}} {
					if tab.find(r[0]) != nil {
						if err := tab.SetReference(r[0], r[1]); err != nil {
							t.Fatal(err)
						}
					}
				}
				checkModel(t, w, design(t, ref.Formula, tab), &ref)
			})
		}
	}
	t.Logf("%d models; largest relative differences:", models)
	w.log(t)
}

func regionOf(tab *Table, name string) *Table {
	region := tab.find("region")
	keep := slices.Index(region.levels, name)
	out := NewTable(tab.Name)
	for _, c := range tab.cols {
		n := column{name: c.name, levels: c.levels}
		for i, k := range region.codes {
			if k != keep {
				continue
			}
			if c.levels != nil {
				n.codes = append(n.codes, c.codes[i])
			} else {
				n.num = append(n.num, c.num[i])
			}
		}
		out.add(n, max(len(n.codes), len(n.num)))
	}
	return out
}

func checkModel(t *testing.T, w worst, d *Design, ref *refModel) {
	check := func(kind, what string, got, want, tol float64) {
		t.Helper()
		if e := w.add(kind, got, want); !(e <= tol) {
			t.Errorf("%s %s: %.12g, want %.12g (off by %.1e)", kind, what, got, want, e)
		}
	}
	fit := d.Fit(REML)
	if !fit.Converged {
		t.Error("not converged")
	}
	if d.N != ref.NObs {
		t.Errorf("%d observations, want %d", d.N, ref.NObs)
	}
	for _, g := range d.Groups {
		if len(g.Levels) != ref.NGroups[g.Name] {
			t.Errorf("group %s has %d levels, want %d", g.Name, len(g.Levels), ref.NGroups[g.Name])
		}
	}
	if fit.Singular != ref.Singular {
		t.Errorf("singular %v, want %v (θ = %v)", fit.Singular, ref.Singular, fit.Theta)
	}
	// The log-likelihood is compared in absolute terms.
	if e := math.Abs(fit.LogLik - ref.LogLik); !(e <= 1e-6) {
		t.Errorf("REML log-likelihood %.10f, want %.10f", fit.LogLik, ref.LogLik)
	}
	check("AIC", "", fit.AIC(), ref.AIC, 1e-8)
	check("BIC", "", fit.BIC(), ref.BIC, 1e-8)
	check("sigma", "", fit.Sigma, ref.Sigma, 1e-5)
	sat, kr := fit.Coefficients(Inference{DDF: Satterthwaite}), fit.Coefficients(Inference{DDF: KenwardRoger})
	if len(sat) != len(ref.Fixed) {
		t.Fatalf("coefficients %v, want %d", d.Names, len(ref.Fixed))
	}
	for _, r := range ref.Fixed {
		i := slices.Index(d.Names, r.Name)
		if i < 0 {
			t.Fatalf("no coefficient %s in %v", r.Name, d.Names)
		}
		check("estimate", r.Name, sat[i].Value, r.Estimate, 1e-6)
		check("SE", r.Name, sat[i].SE, r.SE, 1e-6)
		check("Satterthwaite df", r.Name, sat[i].DF, r.DFSat, 1e-3)
		check("Satterthwaite p", r.Name, sat[i].P, r.PSat, 1e-4)
		check("KR SE", r.Name, kr[i].SE, r.SEKR, 1e-6)
		check("KR df", r.Name, kr[i].DF, r.DFKR, 1e-5)
		check("KR p", r.Name, kr[i].P, r.PKR, 1e-4)
	}
	comps := fit.VarComps()
	for _, r := range ref.VarComps {
		name, with := "", ""
		if r.Name != nil {
			name = *r.Name
		}
		if r.With != nil {
			with = *r.With
		}
		i := slices.IndexFunc(comps, func(c VarComp) bool { return c.Group == r.Group && c.Term == name && c.Term2 == with })
		if i < 0 {
			t.Errorf("no variance component %s %s %s in %v", r.Group, name, with, comps)
			continue
		}
		if s2 := ref.Sigma * ref.Sigma; math.Abs(r.Variance) < 1e-10*s2 { // lme4 stopped just short of zero
			if math.Abs(comps[i].Variance) > 1e-9*s2 {
				t.Errorf("variance of %s %s: %g, want zero", r.Group, name, comps[i].Variance)
			}
			continue
		}
		check("variance component", r.Group+" "+name+" "+with, comps[i].Variance, r.Variance, 1e-5)
	}
	for ddf, key := range map[DDF]string{Satterthwaite: "Satterthwaite_III", KenwardRoger: "Kenward-Roger_III"} {
		tests := fit.TypeIII(Inference{DDF: ddf})
		if len(tests) != len(ref.Anova[key]) {
			t.Errorf("%s: %d terms, want %d", key, len(tests), len(ref.Anova[key]))
			continue
		}
		for i, r := range ref.Anova[key] {
			if tests[i].Term != r.Term || tests[i].NumDF != r.NumDF {
				t.Errorf("%s: %+v, want %+v", key, tests[i], r)
			}
			tol := 1e-3
			if ddf == KenwardRoger {
				tol = 1e-5
			}
			check(key+" df", r.Term, tests[i].DenDF, r.DenDF, tol)
			check(key+" p", r.Term, tests[i].P, r.P, 1e-4)
		}
	}
	ml := d.Fit(ML)
	if e := math.Abs(ml.LogLik - ref.ML.LogLik); !(e <= 1e-6) {
		t.Errorf("ML log-likelihood %.10f, want %.10f", ml.LogLik, ref.ML.LogLik)
	}
	for i, n := range d.Names {
		check("ML estimate", n, ml.Beta[i], ref.ML.Fixed[n], 1e-6*50)
	}
	if ref.ML.LRT != nil {
		small := design(t, ref.Formula+" - "+ref.ML.LRT.Dropped, d.table).Fit(ML)
		r := LikelihoodRatio(small, ml)
		check("likelihood ratio", "chi²", r.ChiSq, ref.ML.LRT.ChiSq, 1e-6)
		check("likelihood ratio", "p", r.P, ref.ML.LRT.P, 1e-5)
	}
	checkMeans(t, check, fit, ref)
	for g, b := range fit.RandomEffects() {
		var one map[string]float64
		var many map[string]map[string]float64
		raw := ref.BLUPs[d.Groups[g].Name]
		if json.Unmarshal(raw, &one) != nil {
			if err := json.Unmarshal(raw, &many); err != nil {
				t.Fatal(err)
			}
		}
		k := len(d.Groups[g].Terms)
		for i, level := range d.Groups[g].Levels {
			for j, term := range d.Groups[g].Terms {
				want, ok := one[level]
				if many != nil {
					want, ok = many[level][term]
				}
				// Modes follow the variance components to first order, and
				// lme4's are good to 1e-5; one near zero is compared on the
				// scale of σ.
				if got := b[i*k+j]; !ok || math.Abs(got-want) > 1e-5*math.Max(ref.Sigma, math.Abs(want)) {
					t.Errorf("mode of %s %s: %.12g, want %.12g", level, term, got, want)
				}
			}
		}
	}
}

func checkMeans(t *testing.T, check func(kind, what string, got, want, tol float64), fit *Fit, ref *refModel) {
	for key, ddf := range map[string]DDF{"satterthwaite": Satterthwaite, "kenward-roger": KenwardRoger} {
		tab := ref.EMMeans[key]["means"]
		if len(tab) == 0 {
			continue
		}
		var factors []string
		for _, f := range []string{"treatment", "time"} {
			if _, ok := tab[0][f]; ok {
				factors = append(factors, f)
			}
		}
		means, err := fit.Means(factors, Inference{DDF: ddf})
		if err != nil {
			t.Fatal(err)
		}
		if len(means) != len(tab) {
			t.Errorf("%d means, want %d", len(means), len(tab))
		}
		for _, r := range tab {
			i := slices.IndexFunc(means, func(m Mean) bool {
				for _, f := range factors {
					if m.Levels[f] != r[f] {
						return false
					}
				}
				return true
			})
			m, name := means[i], means[i].Name
			check("mean", name, m.Value, r["emmean"].(float64), 1e-6)
			check("mean SE", name, m.SE, r["SE"].(float64), 1e-6)
			check("mean df "+key, name, m.DF, r["df"].(float64), 1e-3)
			check("mean low", name, m.Low, r["lower.CL"].(float64), 1e-5)
			check("mean high", name, m.High, r["upper.CL"].(float64), 1e-5)
		}
		pairs := ref.EMMeans[key]["pairs_tukey"]
		if len(pairs) == 0 {
			continue
		}
		for _, r := range pairs {
			found := false
			for _, c := range Pairs(means) {
				a, b, _ := strings.Cut(c.Name, " - ")
				sign := 1.0
				if c.Name != r["contrast"] {
					if b+" - "+a != r["contrast"] {
						continue
					}
					sign = -1
				}
				found = true
				e := fit.Linear(c.Name, c.Weights, Inference{DDF: ddf})
				check("pair", c.Name, sign*e.Value, r["estimate"].(float64), 1e-6)
				if want := r["p.value"].(float64); want > 1e-7 {
					check("Tukey p", c.Name, TukeyP(e.T, e.DF, len(means)), want, 1e-4)
				}
			}
			if !found {
				t.Errorf("no pair %v", r["contrast"])
			}
		}
	}
}

// checkRegionP compares p adjusted over regions with R's p.adjust.
func checkRegionP(t *testing.T, raw json.RawMessage, models map[string]json.RawMessage) {
	var want map[string]json.RawMessage
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var names []string
	for n := range models {
		names = append(names, n)
	}
	slices.Sort(names)
	var p []float64
	for _, n := range names {
		var ref refModel
		if err := json.Unmarshal(models[n], &ref); err != nil {
			t.Fatal(err)
		}
		for _, f := range ref.Fixed {
			if f.Name == "treatmentdrug:timepost" {
				p = append(p, f.PKR)
			}
		}
	}
	for key, how := range map[string]Adjustment{"holm": Holm, "bonferroni": Bonferroni, "BH": BH, "none": Unadjusted} {
		got := Adjust(p, how)
		var byName map[string]float64
		var list []float64
		if json.Unmarshal(want[key], &byName) == nil {
			for _, n := range names {
				list = append(list, byName[n])
			}
		} else if err := json.Unmarshal(want[key], &list); err != nil {
			t.Fatal(err)
		}
		if len(list) != len(got) {
			t.Fatalf("%s: %d values, want %d", key, len(list), len(got))
		}
		for i := range got {
			if math.Abs(got[i]-list[i]) > 1e-12*list[i] {
				t.Errorf("%s %s: %g, want %g", key, names[i], got[i], list[i])
			}
		}
	}
}
