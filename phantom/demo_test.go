package phantom

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"phasl/asl"
	"phasl/bids"
	"phasl/nifti"
	"phasl/voxel"
)

// hashTree returns a digest of every file below dir by its path, with slashes.
func hashTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// validate fails the test if phasl's own validator finds a fault or a warning.
func validate(t *testing.T, dir string) *bids.Dataset {
	t.Helper()
	ds, list := bids.Open(dir)
	list = append(list, bids.Validate(ds, bids.ValidateOptions{Shape: func(path string) (shape [4]int, err error) {
		h, err := nifti.ReadHeader(path)
		if err != nil {
			return shape, err
		}
		d := h.Grid().Dim
		return [4]int{d[0], d[1], d[2], h.Volumes()}, nil
	}})...)
	for _, p := range list {
		t.Errorf("%v: %v", p.Severity, p)
	}
	return ds
}

// demo is simulated once for all tests, at coarse detail.
var demo = sync.OnceValue(func() *Dataset {
	opt := NewDemoOptions()
	opt.Voxel = 2.5
	return DemoDataset(opt)
})

func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates full series")
	}
	dir := t.TempDir()
	d := demo()
	if err := WriteBIDS(dir, d, 0); err != nil {
		t.Fatal(err)
	}
	files := hashTree(t, dir)
	for _, want := range []string{
		"dataset_description.json", "participants.tsv", "participants.json", "README",
		"sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T1w.json",
		"sub-01/perf/sub-01_acq-noisefree_asl.nii.gz", "sub-01/perf/sub-01_acq-default_aslcontext.tsv",
		"derivatives/truth/dataset_description.json",
		"derivatives/truth/sub-01/perf/sub-01_acq-default_desc-truth_cbf.nii.gz",
		"derivatives/truth/sub-01/perf/sub-01_acq-default_desc-truth_regions.tsv",
		"derivatives/truth/sub-01/perf/sub-01_acq-default_desc-truth_motion.tsv",
	} {
		if _, ok := files[want]; !ok {
			t.Errorf("Demo wrote no %s", want)
		}
	}
	ds := validate(t, dir)
	scans := ds.ASLScans()
	if len(scans) != 2 {
		t.Fatalf("%d scans found", len(scans))
	}
	for i, name := range []string{"default", "noisefree"} { // sorted by path
		if scans[i].Entities["acq"] != name || len(scans[i].T1w) != 1 {
			t.Errorf("scan %d: %v, T1w %v", i, scans[i].Entities, scans[i].T1w)
		}
		s, _, err := nifti.ReadSeries(scans[i].AbsPath)
		if err != nil {
			t.Fatal(err)
		}
		wrote := d.Participants[0].Sessions[0].Scans[1-i].Series
		for v := range s.Vols {
			if !slices.Equal(s.Vols[v], wrote.Vols[v]) {
				t.Errorf("%s: volume %d reads back different", name, v)
			}
		}
		if !s.Same(wrote.Grid, 1e-4) {
			t.Errorf("%s: grid reads back as %v", name, s.Affine)
		}
	}
}

// The noise-free series of the demonstration, quantified by phasl's own engine
// with its default constants, gives back the true perfusion: the constants of
// the simulated scanner are those that the engine assumes.
func TestDemoIsRecovered(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates full series")
	}
	a := demo().Participants[0].Sessions[0].Scans[0].Acquisition
	r := quantify(t, a, asl.Input{}, asl.Options{})
	if r.Model != asl.ModelGE {
		t.Errorf("model %v", r.Model)
	}
	for _, region := range a.Truth.Regions {
		var got, want float64
		for n, l := range a.Truth.Label.Data {
			if int(l) == region.Index {
				got += float64(r.CBF.Data[n])
				want += float64(a.Truth.CBF.Data[n])
			}
		}
		// Rounding to float32 alone remains.
		if region.Voxels > 0 && math.Abs(got/want-1) > 1e-5 {
			t.Errorf("%s: recovered %g, true %g", region.Name, got/float64(region.Voxels), want/float64(region.Voxels))
		}
	}
}

// quantify runs phasl's engine on an acquisition through its BIDS metadata.
func quantify(t *testing.T, a *Acquisition, in asl.Input, opt asl.Options) *asl.Result {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sidecar.json")
	if err := bids.WriteJSON(path, a.Sidecar()); err != nil {
		t.Fatal(err)
	}
	fields, list := bids.ReadJSON(path, "sub-01_asl.json")
	if list.Err() != nil {
		t.Fatal(list)
	}
	sc := &bids.Sidecar{Path: "sub-01_asl.json", Fields: map[string]bids.Field{}}
	for k, v := range fields {
		sc.Fields[k] = bids.Field{Value: v, File: sc.Path}
	}
	d := a.Series.Dim
	p, list := asl.ParseProtocol(sc, a.Context, [4]int{d[0], d[1], d[2], len(a.Context)}, opt)
	if list.Err() != nil {
		t.Fatal(list)
	}
	in.Series, in.M0 = a.Series, a.M0
	if a.M0 != nil {
		in.M0TR = []float64{a.Protocol.m0TR()}
	}
	r, err := asl.Quantify(in, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Every preset must be written as BIDS without fault.
func TestPresetsAreValidBIDS(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many series")
	}
	dirs := [2]string{t.TempDir(), t.TempDir()}
	for i, workers := range []int{1, 8} {
		if err := WriteBIDS(dirs[i], presets(workers), workers); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.Equal(hashTree(t, dirs[0]), hashTree(t, dirs[1])) {
		t.Error("1 and 8 workers write different bytes")
	}
	ds := validate(t, dirs[0])
	if n := len(ds.ASLScans()); n != 10 {
		t.Errorf("%d scans found, want 10", n)
	}
	for _, s := range ds.ASLScans() {
		if (s.M0 != nil) != (s.Subject == "2") {
			t.Errorf("%s: separate M0 image: %v", s.Path, s.M0)
		}
	}
}

// presets is a dataset with one person for each preset protocol.
func presets(workers int) *Dataset {
	d := &Dataset{}
	for i, p := range []Protocol{GE3DSpiral(), Siemens3DGRASE(), EPI2D(), PASLQ2TIPS(), MultiDelay()} {
		p = small(p)
		p.Pairs = 1
		person := Participant{Label: strconv.Itoa(i + 1)}
		for _, ses := range []string{"placebo", "drug"} {
			scan := Scan{Run: "1", Acquisition: Simulate(coarse(), p, Options{SNR: 100, Seed: uint64(i), Workers: workers})}
			person.Sessions = append(person.Sessions, Session{Label: ses, Scans: []Scan{scan}})
		}
		d.Participants = append(d.Participants, person)
	}
	return d
}

func TestTemplateWrite(t *testing.T) {
	dir := t.TempDir()
	tpl := newTemplate(template(), 0)
	if err := tpl.Write(dir, 0); err != nil {
		t.Fatal(err)
	}
	labels, h, err := nifti.ReadImage(filepath.Join(dir, "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(labels.Data, tpl.Labels.Data) || h.SformCode != nifti.SpaceTemplate {
		t.Error("label image reads back different")
	}
	table, list := bids.ReadTable(filepath.Join(dir, "tpl-phasl_atlas-phasl_res-02_dseg.tsv"))
	if list.Err() != nil || len(table.Rows) != len(tpl.Table) {
		t.Errorf("table of regions: %v", list)
	}
	var brain, head int
	for n, in := range tpl.Mask.In {
		if in {
			brain++
		}
		if tpl.T1w.Data[n] > 300 {
			head++
		}
	}
	if litres := float64(brain) * 8e-6; litres < 1.5 || litres > 2.4 {
		t.Errorf("the brain mask holds %.2f L", litres) // MNI152's holds 1.83 L
	}
	if head == 0 || tpl.T1w.Grid != (voxel.Grid{Dim: [3]int{91, 109, 91}, Affine: TemplateGrid().Affine}) {
		t.Error("T1w template is empty or on another grid")
	}
}
