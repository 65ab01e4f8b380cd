package pipeline

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/receptor"
	"phasl/voxel"
)

var testTemplate = sync.OnceValue(func() *phantom.Template { return phantom.NewTemplate(0) })

// density paints a value for each region into the template's space.
func density(of func(r phantom.Region) float64) *voxel.Image {
	t := testTemplate()
	out := voxel.NewImage(t.Labels.Grid)
	for n, v := range t.Labels.Data {
		if v > 0 {
			out.Data[n] = float32(of(t.Table[int(v)-1]))
		}
	}
	return out
}

// scatter is a number between 0 and 1 that looks random.
func scatter(x, seed int) float64 {
	return math.Mod(math.Abs(math.Sin(float64(x)*12.9898+float64(seed)*78.233)*43758.5453), 1)
}

// waves is a pattern that varies over a few centimetres, alike on both sides.
func waves(r phantom.Region) float64 {
	return math.Sin(math.Abs(r.Seed[0])/8) + math.Sin(r.Seed[1]/10) + math.Sin(r.Seed[2]/9)
}

// receptorTrial is a trial with an effect of that pattern, at random more under
// naltrexone, and a panel: MOR has density where the effect is, kappa and NMDA
// have it elsewhere.
func receptorTrial(tb testing.TB, opt phantom.TrialOptions) (GroupConfig, *phantom.Trial) {
	tb.Helper()
	tmpl := testTemplate()
	for _, r := range tmpl.Table {
		opt.Effects = append(opt.Effects,
			phantom.PlantedEffect{Kind: crossover.PhaseEffect, Region: r.Name, Percent: 12 + 3*waves(r)},
			phantom.PlantedEffect{Kind: crossover.Interaction, Region: r.Name, Percent: 8 * scatter(r.Index, 5)})
	}
	regions := []string{"global_gm", "sgACC", "pgACC", "dACC"}
	for _, r := range tmpl.Table {
		regions = append(regions, r.Name)
	}
	c, trial := regionTrial(tb, opt, regions...)
	dir := filepath.Dir(c.OutDir)
	if err := tmpl.Write(filepath.Join(dir, "tpl"), 0); err != nil {
		tb.Fatal(err)
	}
	c.Atlas = filepath.Join(dir, "tpl", "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz")
	c.Labels = strings.Replace(c.Atlas, ".nii.gz", ".tsv", 1)
	panel := filepath.Join(dir, "panel")
	rows := [][]string{}
	for i, m := range []struct {
		target string
		of     func(r phantom.Region) float64
	}{
		{"MOR", func(r phantom.Region) float64 { return 20 + 3*waves(r) + scatter(r.Index, 1) }},
		{"kappa", func(r phantom.Region) float64 { return 1 + scatter(r.Index, 2) }},
		{"NMDA", func(r phantom.Region) float64 { return 20 + r.Seed[2]/10 + scatter(r.Index, 3) }},
	} {
		name := string(rune('a'+i)) + ".nii.gz"
		if err := nifti.WriteImage(filepath.Join(panel, name), density(m.of), nifti.Options{}); err != nil {
			tb.Fatal(err)
		}
		rows = append(rows, []string{name, m.target, "[11C]x", "20", "nobody", "none", "cerebellum"})
	}
	if err := bids.WriteTable(filepath.Join(panel, panelTable), []bids.Column{{Name: "file"}, {Name: "target"}, {Name: "tracer"}, {Name: "n"}, {Name: "paper"}, {Name: "licence"}, {Name: "exclude"}}, rows); err != nil {
		tb.Fatal(err)
	}
	c.Panel = []string{panel}
	c.Plan = filepath.Join(dir, "plan.toml")
	writePlanText(tb, c.Plan, "[trial]\nchallenge = \"ketamine\"\n[regions]\nothers = false\n[receptors]\npanel = [\"MOR\", \"Kappa\", \"NMDA\"]\nsurrogates = 499\nmeasure = \"absolute\"\nadjust = []\n")
	return c, trial
}

func writePlanText(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		tb.Fatal(err)
	}
}

// ranks are mid-ranks, by counting.
func ranks(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, a := range x {
		for _, b := range x {
			switch {
			case b < a:
				out[i]++
			case b == a:
				out[i] += 0.5
			}
		}
	}
	return out
}

func spearman(x, y []float64) float64 {
	x, y = ranks(x), ranks(y)
	var sx, sy, xx, yy, xy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, xx, yy, xy = sx+x[i], sy+y[i], xx+x[i]*x[i], yy+y[i]*y[i], xy+x[i]*y[i]
	}
	return (xy - sx*sy/n) / math.Sqrt((xx-sx*sx/n)*(yy-sy*sy/n))
}

// readRows reads a table as columns of text.
func readRows(t *testing.T, path string) map[string][]string {
	t.Helper()
	tb, l := bids.ReadTable(path)
	if len(l) > 0 {
		t.Fatal(l)
	}
	out := map[string][]string{}
	for _, row := range tb.Rows {
		for k, column := range tb.Columns {
			out[column] = append(out[column], row[k])
		}
	}
	return out
}

func numbersOf(t *testing.T, text []string) []float64 {
	t.Helper()
	out := make([]float64, len(text))
	for i, s := range text {
		out[i] = math.NaN()
		if s != "n/a" {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[i] = v
		}
	}
	return out
}

// The alignments of the group's and of the people's maps are worked out again,
// from the tables and from the simulated values.
func TestGroupReceptors(t *testing.T) {
	c, trial := receptorTrial(t, phantom.TrialOptions{Subjects: 10, Seed: 4})
	r := runGroup(t, c)
	rec := r.Receptors
	if rec == nil || !rec.Planned || rec.NParcels != 94 || len(rec.Effects) != 2 || len(rec.Shifts) != 1 {
		t.Fatalf("record %+v", rec)
	}
	regions := readRows(t, filepath.Join(c.OutDir, "receptor_regions.tsv"))
	table := readRows(t, filepath.Join(c.OutDir, "receptors.tsv"))
	people := map[string]map[string]float64{} // person → region → contrast, of each effect
	value := map[string]float64{}
	for _, v := range trial.Values(regions["region"]...) {
		value[v.Subject+"/"+v.Session+"/"+v.Run+"/"+v.Region] = v.CBF
	}
	treatment := map[string]map[string]string{}
	for _, s := range trial.Crossover().Scans {
		if treatment[s.Subject] == nil {
			treatment[s.Subject] = map[string]string{}
		}
		treatment[s.Subject][s.Treatment] = s.Session
	}
	for sub, sessions := range treatment {
		for _, region := range regions["region"] {
			change := func(tr string) float64 {
				s := sub + "/" + sessions[tr] + "/"
				return value[s+"2/"+region] - value[s+"1/"+region]
			}
			p, n := change("placebo"), change("naltrexone")
			for name, x := range map[string]float64{"phase_average": (p + n) / 2, "interaction:naltrexone": n - p} {
				if people[name+sub] == nil {
					people[name+sub] = map[string]float64{}
				}
				people[name+sub][region] = x
			}
		}
	}
	targets := map[string]string{"MOR": "density_MOR", "kappa": "density_kappa", "NMDA": "density_NMDA"}
	for i, effect := range table["effect"] {
		dens := numbersOf(t, regions[targets[table["target"][i]]])
		group := numbersOf(t, regions[effect])
		var x, y []float64
		z, n := 0.0, 0.0
		for k := range dens {
			if !math.IsNaN(dens[k]) {
				x, y = append(x, group[k]), append(y, dens[k])
			}
		}
		if len(y) != 92 { // without the cerebellum
			t.Fatalf("%d parcels", len(y))
		}
		if got, want := numbersOf(t, table["r"])[i], spearman(x, y); math.Abs(got-want) > 1e-9 {
			t.Errorf("%s with %s: r %g, want %g", effect, table["target"][i], got, want)
		}
		for sub := range treatment {
			var own []float64
			for k, region := range regions["region"] {
				if !math.IsNaN(dens[k]) {
					own = append(own, people[effect+sub][region])
				}
			}
			z += math.Atanh(spearman(own, y))
			n++
		}
		if effect != "phase_average" {
			continue // people's interactions are evened out over the orders of treatment
		}
		if got, want := numbersOf(t, table["mean_r"])[i], math.Tanh(z/n); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s with %s: mean r of people %g, want %g", effect, table["target"][i], got, want)
		}
	}
	find := func(effect, target string) (AlignmentRecord, PeopleAlignmentRecord) {
		for _, e := range rec.Effects {
			for j, a := range e.Results {
				if e.Name == effect && a.Target == target {
					return a, e.People.Results[j]
				}
			}
		}
		t.Fatalf("no %s with %s", effect, target)
		return AlignmentRecord{}, PeopleAlignmentRecord{}
	}
	if a, p := find("phase_average", "MOR"); a.R < 0.7 || p.PJointFWE > 0.05 {
		t.Errorf("the effect made of MOR: r %v, p %v", a.R, p.PJointFWE)
	}
	if a, p := find("phase_average", "kappa"); p.PJointFWE < 0.05 || math.Abs(float64(a.R)) > 0.35 {
		t.Errorf("the effect that has nothing to do with kappa: r %v, p %v", a.R, p.PJointFWE)
	}
	for _, name := range []string{"receptors", "receptor_regions", "receptor_regression", "receptor_differences"} {
		if !slices.Contains(r.Files, name+".tsv") || !slices.Contains(r.Files, name+".json") {
			t.Errorf("%s is not among the files %v", name, r.Files)
		}
	}
	var of []string
	for _, in := range r.Inputs {
		of = append(of, in.Of+" "+in.File)
	}
	for _, want := range []string{"panel a.nii.gz", "panel receptors.tsv", "atlas " + filepath.Base(c.Atlas)} {
		if !slices.Contains(of, want) {
			t.Errorf("inputs %v lack %s", of, want)
		}
	}

	t.Run("workers", func(t *testing.T) {
		first := filesOf(t, c.OutDir, "results.json", "receptors.tsv", "receptor_differences.tsv", "receptor_regression.tsv", groupPage)
		c.Workers = 1
		runGroup(t, c)
		for name, text := range filesOf(t, c.OutDir, "results.json", "receptors.tsv", "receptor_differences.tsv", "receptor_regression.tsv", groupPage) {
			if text != first[name] {
				t.Errorf("%s depends on the number of workers", name)
			}
		}
	})
	t.Run("defaults", func(t *testing.T) {
		c := c
		writePlanText(t, c.Plan, "[regions]\nothers = false\n[receptors]\npanel = [\"MOR\", \"Kappa\", \"NMDA\"]\nsurrogates = 499\n")
		r := runGroup(t, c).Receptors
		if r.Measure != crossover.Relative || !slices.Equal(r.Adjust, []string{receptor.DeepGrey}) {
			t.Errorf("measure %s, adjusted for %v; want relative CBF and deep grey matter (the panel has no cerebellum and the atlas two labels of it)", r.Measure, r.Adjust)
		}
		if p := r.Effects[0].People.Results[0]; p.PJointFWE > 0.05 || p.R < 0.6 {
			t.Errorf("the effect made of MOR: %+v", p)
		}
		if b := float64(r.Effects[0].Baseline); !(math.Abs(b) < 1) {
			t.Errorf("correlation with baseline %g", b)
		}
	})
	t.Run("without panel", func(t *testing.T) {
		c := c
		c.Panel = nil
		expectFault(t, c, "receptors", "no density maps are given")
		writePlanText(t, c.Plan, "[regions]\nothers = false\n")
		if r := runGroup(t, c); r.Receptors != nil {
			t.Error("receptors without a panel")
		}
		if _, err := os.Stat(filepath.Join(c.OutDir, "receptors.tsv")); err == nil {
			t.Error("receptors.tsv of the analysis before is still there")
		}
	})
}

// filesOf reads files.
func filesOf(t *testing.T, dir string, names ...string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, n := range names {
		b, err := os.ReadFile(filepath.Join(dir, n))
		if err != nil {
			t.Fatal(err)
		}
		out[n] = string(b)
	}
	return out
}

// expectFault runs the group level and wants an error of that field.
func expectFault(t *testing.T, c GroupConfig, field, found string) {
	t.Helper()
	_, err := RunGroup(t.Context(), c)
	l, ok := err.(diag.List)
	if !ok {
		t.Fatalf("error %v, want one of %s: %s", err, field, found)
	}
	if !slices.ContainsFunc(l, func(p *diag.Problem) bool {
		return p.Severity == diag.Error && p.Field == field && strings.Contains(p.Found, found) && p.Fix != ""
	}) {
		t.Errorf("no fault of %s: %s in\n%v", field, found, l)
	}
}

// What is wrong with panel, atlas and plan is named before anything is fitted;
// what people lack is said.
func TestGroupReceptorFaults(t *testing.T) {
	c, _ := receptorTrial(t, phantom.TrialOptions{Subjects: 8, Seed: 5, Missing: 0.2})
	dir := filepath.Dir(c.OutDir)
	t.Run("no atlas", func(t *testing.T) {
		c := c
		c.Atlas, c.Labels = "", ""
		expectFault(t, c, "--atlas", "no atlas is given")
	})
	t.Run("target not there", func(t *testing.T) {
		c := c
		c.Plan = filepath.Join(dir, "other.toml")
		writePlanText(t, c.Plan, "[receptors]\npanel = [\"MOR\", \"KOR\", \"NMAD\"]\n")
		expectFault(t, c, "receptors.panel", `no target "KOR", "NMAD"`)
	})
	t.Run("another atlas", func(t *testing.T) {
		c := c
		names := filepath.Join(dir, "names.tsv")
		text := "index\tname\n"
		for _, r := range testTemplate().Table {
			text += strconv.Itoa(r.Index) + "\tROI" + strconv.Itoa(r.Index) + "\n"
		}
		writePlanText(t, names, text)
		c.Labels = names
		expectFault(t, c, "--atlas", "94 of its 94 labels are no regions of the results")
	})
	t.Run("panel in the output folder", func(t *testing.T) {
		c := c
		c.OutDir, c.Derivatives = c.Panel[0], c.OutDir
		expectFault(t, c, "OUT_DIR", "lie in the output folder")
	})
	t.Run("all zero map", func(t *testing.T) {
		c := c
		zero := filepath.Join(dir, "zero")
		if err := nifti.WriteImage(filepath.Join(zero, "MOR.nii.gz"), voxel.NewImage(testTemplate().Labels.Grid), nifti.Options{}); err != nil {
			t.Fatal(err)
		}
		c.Panel, c.Plan = []string{zero}, ""
		expectFault(t, c, "", "zero")
	})
	t.Run("missing sessions", func(t *testing.T) {
		r := runGroup(t, c)
		e := r.Receptors.Effects[1]
		if e.Name != "interaction:naltrexone" || len(e.Without) == 0 || !strings.Contains(e.PeopleNote, "not both phases under") {
			t.Errorf("people without an interaction: %v, note %q", e.Without, e.PeopleNote)
		}
		if e.People != nil && e.People.N+len(e.Without) != 8 {
			t.Errorf("%d with and %d without do not make 8", e.People.N, len(e.Without))
		}
	})
}
