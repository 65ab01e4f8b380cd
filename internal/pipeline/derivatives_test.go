package pipeline

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// labelGrid is a small template: eight blocks of 4×4×4 voxels of 3 mm, of which
// the first three are the anterior cingulate and the last is no region.
var labelGrid = voxel.Grid{Dim: [3]int{8, 8, 8}, Affine: voxel.Affine{{3, 0, 0, -12}, {0, 3, 0, 20}, {0, 0, 3, -9}}}

var labelNames = []string{"sgACC", "pgACC", "dACC", "Thalamus_L", "Calcarine_R", "Insula_L", "Insula_R"}

// block returns the label of a voxel of the small template, 1 to 8.
func block(i, j, k int) int { return 1 + i/4 + 2*(j/4) + 4*(k/4) }

// otherTool writes a dataset without images and CBF maps of it as ASLPrep
// names and stores them: zero outside the brain, here the outermost slice.
// Every region holds its value of the trial, the eighth block that of the
// global mean.
func otherTool(tb testing.TB, opt phantom.TrialOptions, g voxel.Grid, infix string) (GroupConfig, *phantom.Trial) {
	tb.Helper()
	dir := tb.TempDir()
	c := GroupConfig{BIDSDir: filepath.Join(dir, "raw"), OutDir: filepath.Join(dir, "out"), Derivatives: filepath.Join(dir, "aslprep"), Version: "test"}
	c.Atlas = filepath.Join(dir, "tpl-MNI152NLin2009cAsym_atlas-small_dseg.nii.gz")
	c.MinCoverage = 0.5
	trial, l := phantom.NewTrial(opt)
	if l.Err() != nil {
		tb.Fatal(l)
	}
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	must(trial.WriteRoot(c.BIDSDir, "scan"))
	atlas := voxel.NewImage(labelGrid)
	for n := range atlas.Data {
		if b := blockAt(n); b < 8 {
			atlas.Data[n] = float32(b)
		}
	}
	must(nifti.WriteImage(c.Atlas, atlas, nifti.Options{}))
	var rows [][]string
	for i, name := range labelNames {
		rows = append(rows, []string{fmt.Sprint(i + 1), name})
	}
	must(bids.WriteTable(strings.TrimSuffix(c.Atlas, ".nii.gz")+".tsv", []bids.Column{{Name: "index"}, {Name: "name"}}, rows))
	must(bids.WriteDescription(c.Derivatives, "ASLPrep", "x", nil))
	values := map[string][]float64{} // scan → value of each block
	for _, name := range append(slices.Clone(labelNames), "global_gm") {
		for _, v := range trial.Values(name) {
			k := v.Subject + " " + v.Session + " " + v.Run
			values[k] = append(values[k], v.CBF)
		}
	}
	for _, s := range trial.Crossover().Scans {
		img := voxel.NewImage(g)
		of := values[s.Subject+" "+s.Session+" "+s.Run]
		for n := range img.Data {
			i, j, k := g.Coord(n)
			if k == g.Dim[2]-1 {
				continue
			}
			p := labelGrid.Affine.Inverse().Map(g.World(i, j, k))
			b := block(int(math.Round(p[0])), int(math.Round(p[1])), int(math.Round(p[2])))
			img.Data[n] = float32(of[b-1])
		}
		stem := filepath.Join(c.Derivatives, "sub-"+s.Subject, "ses-"+s.Session, "perf", fmt.Sprintf("sub-%s_ses-%s_run-%s_", s.Subject, s.Session, s.Run))
		must(nifti.WriteImage(stem+"space-"+infix+"_cbf.nii.gz", img, nifti.Options{}))
		must(bids.WriteJSON(stem+"space-"+infix+"_cbf.json", map[string]any{"Units": "mL/100 g/min"}))
		must(os.WriteFile(stem+"desc-qualitycontrol_cbf.tsv", []byte("sub\tmean_fd\tqei_cbf\tmean_gm_cbf\tpercentage_negative_cbf\nx\t0.125\t0.75\tn/a\t2\n"), 0o666))
	}
	return c, trial
}

func blockAt(n int) int { return block(labelGrid.Coord(n)) }

func valueOf(src *source, k scanKey, region string) crossover.Value {
	for _, sc := range src.scans {
		for _, v := range sc.values {
			if sc.key == k && v.Region == region {
				return v
			}
		}
	}
	return crossover.Value{CBF: math.NaN(), Note: "not there"}
}

// Maps of another program, on the atlas's grid and on a finer one: every
// region's value is what was put there.
func TestOtherProgramsMaps(t *testing.T) {
	fine := voxel.Grid{Dim: [3]int{16, 16, 16}, Affine: voxel.Affine{{1.5, 0, 0, -12.75}, {0, 1.5, 0, 19.25}, {0, 0, 1.5, -9.75}}}
	for name, g := range map[string]voxel.Grid{"same grid": labelGrid, "finer grid": fine} {
		t.Run(name, func(t *testing.T) {
			c, trial := otherTool(t, phantom.TrialOptions{Subjects: 4, Seed: 2}, g, "MNI152NLin2009cAsym_res-2")
			var l diag.List
			src, err := openSource(&c, &l)
			if err != nil || l.Err() != nil {
				t.Fatal(err, l)
			}
			if err := src.measure(&c, "global_gm", func(string, int) error { return nil }, &l); err != nil || l.Err() != nil {
				t.Fatal(err, l)
			}
			for _, want := range trial.Values(labelNames...) {
				got := valueOf(src, keyOf(want.Subject, want.Session, "", want.Run), want.Region)
				// Away from the borders between blocks interpolation changes
				// nothing; samples of a coarser voxel straddle them.
				if tol := 2e-6; !(math.Abs(got.CBF/want.CBF-1) < tol) {
					t.Errorf("%s of sub-%s: %.7g (%s), want %.7g", want.Region, want.Subject, got.CBF, got.Note, want.CBF)
				}
				if got.Units != "mL/100g/min" {
					t.Errorf("units %q", got.Units)
				}
			}
			if q := src.scans[0]; !q.judged || q.quality.FDMean != 0.125 || q.quality.QEI != 0.75 || q.quality.NegativeGMFraction != 0.02 || !math.IsNaN(float64(q.quality.GMCBF)) {
				t.Errorf("quality %+v", q.quality)
			}
			if !strings.Contains(src.global, "no map of grey matter") {
				t.Errorf("global: %q", src.global)
			}
		})
	}
}

// From another program's maps to the group's results: global CBF by the
// person's grey matter, maps with desc- left alone, and voxelwise maps whose
// effects are those of the regions.
func TestGroupFromOtherProgram(t *testing.T) {
	c, trial := otherTool(t, phantom.TrialOptions{Subjects: 6, Seed: 5}, labelGrid, "MNI152NLin2009cAsym")
	grey := voxel.NewImage(labelGrid)
	for n := range grey.Data {
		if blockAt(n) == 8 {
			grey.Data[n] = 0.9
		}
	}
	for _, p := range trial.People {
		name := fmt.Sprintf("sub-%[1]s/anat/sub-%[1]s_space-MNI152NLin2009cAsym_label-GM_probseg.nii.gz", p.Label)
		if err := nifti.WriteImage(filepath.Join(c.Derivatives, name), grey, nifti.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	score := filepath.Join(c.Derivatives, "sub-01", "ses-1", "perf", "sub-01_ses-1_run-1_space-MNI152NLin2009cAsym_desc-score_cbf.nii.gz")
	if err := nifti.WriteImage(score, grey, nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	plan := filepath.Join(t.TempDir(), "plan.toml")
	if err := os.WriteFile(plan, []byte("[maps]\nfwhm = 0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	c.Plan = plan
	r := runGroup(t, c)
	if !slices.ContainsFunc(r.Source.Notes, func(s string) bool { return strings.Contains(s, "desc-score") }) {
		t.Errorf("notes %q do not name the map that was not used", r.Source.Notes)
	}
	if !strings.Contains(r.Source.Global, "own tissue map") {
		t.Errorf("global: %q", r.Source.Global)
	}
	global := map[string]float64{}
	for _, v := range trial.Values("global_gm") {
		global[v.Subject] += v.CBF
	}
	for _, m := range r.Models {
		if m.Region == "sgACC" && m.Measure == crossover.Absolute {
			sum := map[string]float64{}
			for _, d := range m.Data {
				sum[d.Subject] += float64(d.Global)
			}
			for sub, want := range global {
				if math.Abs(sum[sub]/want-1) > 1e-6 { // float32 maps
					t.Errorf("sub-%s: global CBF adds up to %g, want %g", sub, sum[sub], want)
				}
			}
		}
	}
	for i, name := range labelNames {
		for _, contrast := range []string{"phase:placebo", "interaction:naltrexone"} {
			e := effectOf(t, r, name, crossover.Absolute, contrast)
			for stat, want := range map[string]crossover.Number{"effect": e.Estimate, "se": e.SE, "t": e.T, "p": e.P} {
				m, _, err := nifti.ReadImage(filepath.Join(c.OutDir, "group", "space-MNI152NLin2009cAsym_desc-"+descLabel(contrast)+"_stat-"+stat+"_map.nii.gz"))
				if err != nil {
					t.Fatal(err)
				}
				for n, got := range m.Data {
					_, _, k := labelGrid.Coord(n)
					if blockAt(n) == i+1 && k < 7 && math.Abs(float64(got)-float64(want)) > 1e-4*math.Abs(float64(want))+1e-5 { // maps are float32
						t.Fatalf("%s, %s, %s: voxel %g, region %g", name, contrast, stat, got, float64(want))
					}
					if k == 7 && got == got {
						t.Fatalf("a voxel outside the brain has the value %g", got)
					}
				}
			}
		}
	}
}

// Slabs bound the memory and change nothing.
func TestGroupMapsBySlabs(t *testing.T) {
	c, _ := otherTool(t, phantom.TrialOptions{Subjects: 4}, labelGrid, "MNI152NLin2009cAsym")
	runGroup(t, c)
	want := tree(t, filepath.Join(c.OutDir, "group"))
	defer func(n int) { slabBytes = n }(slabBytes)
	slabBytes = 4 * 16 * 100 // of 16 scans: 100 voxels
	runGroup(t, c)
	sameTree(t, "slabs", tree(t, filepath.Join(c.OutDir, "group")), want)
	if len(want) == 0 {
		t.Error("no maps")
	}
}

// What another program's folder can be short of, each named.
func TestOtherProgramFaults(t *testing.T) {
	c, _ := otherTool(t, phantom.TrialOptions{Subjects: 4}, labelGrid, "MNI152NLin2009cAsym_res-2")
	perf := filepath.Join(c.Derivatives, "sub-01", "ses-1", "perf")
	first := filepath.Join(perf, "sub-01_ses-1_run-1_space-MNI152NLin2009cAsym_res-2_cbf")
	copyTo := func(name string) {
		t.Helper()
		b, err := os.ReadFile(first + ".nii.gz")
		if err == nil {
			err = os.WriteFile(filepath.Join(perf, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(name, want string, more ...string) {
		t.Helper()
		_, err := RunGroup(t.Context(), c)
		l, ok := errors.AsType[diag.List](err)
		if !ok {
			t.Fatalf("%s: %v, want faults", name, err)
		}
		for _, w := range append(more, want) {
			if !strings.Contains(l.Error(), w) {
				t.Errorf("%s: %v\ndoes not say %q", name, l, w)
			}
		}
		if _, err := os.Stat(c.OutDir); err == nil {
			t.Fatalf("%s: something was written", name)
		}
	}
	atlas := c.Atlas
	c.Atlas = ""
	check("no atlas", "no atlas is given")
	c.Atlas = atlas

	// Two resolutions on one grid: the atlas cannot tell.
	copyTo("sub-01_ses-1_run-1_space-MNI152NLin2009cAsym_res-1_cbf.nii.gz")
	check("two resolutions", "does not tell which to use", "res-1", "res-2")
	os.Remove(filepath.Join(perf, "sub-01_ses-1_run-1_space-MNI152NLin2009cAsym_res-1_cbf.nii.gz"))

	copyTo("sub-01_ses-1_rec-x_run-1_space-MNI152NLin2009cAsym_res-2_cbf.nii.gz")
	check("two maps of a scan", "of the same scan")
	os.Remove(filepath.Join(perf, "sub-01_ses-1_rec-x_run-1_space-MNI152NLin2009cAsym_res-2_cbf.nii.gz"))

	if err := bids.WriteJSON(first+".json", map[string]any{"Units": "arbitrary"}); err != nil {
		t.Fatal(err)
	}
	check("two units", "different units")
	os.Remove(first + ".json")

	for _, ses := range []string{"1", "2"} {
		dir := filepath.Join(c.Derivatives, "sub-02", "ses-"+ses, "perf")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	check("missing maps", "no such CBF map", "sub-02_ses-1_run-1_space", "sub-02_ses-1_run-2_space", "sub-02_ses-2_run-1_space", "sub-02_ses-2_run-2_space")

	c.Derivatives = filepath.Join(c.Derivatives, "sub-03")
	check("no maps at all", "neither a regions.tsv nor a CBF map")
}

func TestParseDerivative(t *testing.T) {
	d, ok := parseDerivative("sub-01/ses-a/perf/sub-01_ses-a_run-01_space-MNI152NLin2009cAsym_res-2_cbf.nii.gz")
	if !ok || d.key() != (scanKey{"01", "a", "", "1"}) || d.suffix != "cbf" || d.ext != ".nii.gz" || variantOf(d) != "space-MNI152NLin2009cAsym_res-2" {
		t.Errorf("%+v, %v", d, ok)
	}
	for _, bad := range []string{"perf/cbf", "x/sub-01_cbf", "x/sub_cbf.nii.gz", "x/run-1_cbf.nii.gz", "x/sub-_cbf.nii"} {
		if d, ok := parseDerivative(bad); ok {
			t.Errorf("%q was taken apart: %+v", bad, d)
		}
	}
}
