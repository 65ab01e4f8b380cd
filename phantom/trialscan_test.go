package phantom

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"phasl/asl"
	"phasl/bids"
	"phasl/nifti"
	"phasl/voxel"
)

// The lattice answers as the formulas do at its own points, on both sides.
func TestLatticeIsTheTemplate(t *testing.T) {
	if testing.Short() {
		t.Skip("draws the template at 1 mm")
	}
	l := templateLattice()
	for n := 0; n < l.Len(); n += 997 {
		p := l.World(l.Coord(n))
		tissue, region := l.at(p)
		wantTissue, want := templateAt(p[0], p[1], p[2])
		if tissue != wantTissue || region != want {
			t.Fatalf("%v: %v, region %d; formulas: %v, region %d", p, tissue, region, wantTissue, want)
		}
	}
}

// A noise-free scan, quantified by phasl's engine, resampled to the template and
// averaged there over each region, is what the blend says. The engine is told to
// take M0 as it is, also at the edge of the head.
func TestScansShowTheTrial(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates full series")
	}
	tr := newTrial(t, TrialOptions{Subjects: 2, Seed: 4})
	o := ReducedScans()
	o.SNR = -1
	o.Motion = -1
	person := tr.Person(1, o)
	drawing := templateDrawing()
	for j, k := range []int{1, 0} { // a scan of either visit
		sc := person.Sessions[j].Scans[k]
		x := &tr.People[1].Sessions[j].Scans[k]
		want := person.Blend.Resolve(x.CBF)
		r := quantify(t, sc.Acquisition, asl.Input{}, asl.Options{M0Floor: -1})
		onTemplate := voxel.Resample(r.CBF, TemplateGrid(), voxel.Chain{person.FromTemplate, sc.Truth.Position}, voxel.Linear, 0)
		sum, n := make([]float64, compartments), make([]float64, compartments)
		for at, l := range drawing.Label {
			if v := onTemplate.Data[at]; l > 0 && v == v {
				sum[l] += float64(v)
				n[l]++
			}
		}
		for i, region := range TrialRegions() {
			if region.Name == GlobalGrey || region.Name == GlobalWhite {
				continue
			}
			var got, voxels float64
			for _, c := range region.Members {
				got += sum[c]
				voxels += n[c]
			}
			got /= voxels
			if math.Abs(got/want[i]-1) > 1e-5 { // float32
				t.Errorf("ses-%d run-%d %s: recovered %.4f, blend %.4f", j+1, k+1, region.Name, got, want[i])
			}
		}
	}
}

// The mean of the true map over every region is the trial's CBF.
func TestTrueMapHasTheTrialsCBF(t *testing.T) {
	if testing.Short() {
		t.Skip("draws the template at 1 mm")
	}
	tr := newTrial(t, TrialOptions{Subjects: 2})
	o := TrialScans{Voxel: 6, T1w: 3}
	_, brain := tr.anatomy(0, o)
	g := HeadGrid(3)
	sim := tr.simulator(0, brain, g, brain.points(g, 0), o)
	x := &tr.People[0].Sessions[1].Scans[1]
	sim.perfuse(x.CBF)
	sum, n := make([]float64, compartments), make([]float64, compartments)
	for v, tissue := range sim.maps.Tissue {
		switch tissue {
		case Grey, White:
			sum[sim.maps.Region[v]] += float64(sim.maps.CBF[v])
			n[sim.maps.Region[v]]++
		default:
			if sim.maps.CBF[v] != 0 {
				t.Fatalf("CBF %g in %v", sim.maps.CBF[v], tissue)
			}
		}
	}
	for c := range sum {
		if n[c] == 0 || math.Abs(sum[c]/n[c]-x.CBF[c]) > 1e-5*x.CBF[c] {
			t.Errorf("compartment %d: mean %g over %g voxels, want %g", c, sum[c]/n[c], n[c], x.CBF[c])
		}
	}
}

// tinyScans are as coarse as the options allow.
var tinyScans = TrialScans{Voxel: 8, T1w: 4}

// writeTrial writes a trial as "phasl simulate" does.
func writeTrial(t *testing.T, dir string, tr *Trial, o TrialScans) []*Blend {
	t.Helper()
	if err := tr.WriteRoot(dir, "scan"); err != nil {
		t.Fatal(err)
	}
	var blends []*Blend
	for i := range tr.People {
		p := tr.Person(i, o)
		if err := WritePerson(dir, p, o.Workers); err != nil {
			t.Fatal(err)
		}
		blends = append(blends, p.Blend)
	}
	if err := tr.WriteTruth(dir, blends); err != nil {
		t.Fatal(err)
	}
	return blends
}

// A written trial is valid BIDS, holds exactly the files it says, and has the
// same bytes for any number of workers.
func TestTrialIsValidBIDS(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates full series")
	}
	tr := newTrial(t, TrialOptions{Subjects: 3, Seed: 2, Missing: 0.3})
	one, many := tinyScans, tinyScans
	one.Workers, many.Workers = 1, 3
	dir, dir3 := t.TempDir(), t.TempDir()
	blends := writeTrial(t, dir, tr, one)
	writeTrial(t, dir3, tr, many)
	files := hashTree(t, dir)
	if !maps.Equal(files, hashTree(t, dir3)) {
		t.Error("1 and 3 workers wrote different files")
	}
	want := map[string]bool{}
	for i := range tr.People {
		for _, f := range tr.PersonFiles(i) {
			want[f] = true
		}
	}
	for f := range files {
		if parts := strings.Split(f, "/"); slices.Contains(parts, "perf") || slices.Contains(parts, "anat") {
			if !want[f] {
				t.Errorf("wrote %s, which is not among the person's files", f)
			}
			delete(want, f)
		}
	}
	for f := range want {
		t.Errorf("did not write %s", f)
	}

	ds, list := bids.Open(dir)
	list = append(list, bids.Validate(ds, bids.ValidateOptions{Shape: func(path string) (shape [4]int, err error) {
		h, err := nifti.ReadHeader(path)
		if err != nil {
			return shape, err
		}
		d := h.Grid().Dim
		return [4]int{d[0], d[1], d[2], h.Volumes()}, nil
	}})...)
	for _, p := range list { // one T1w image serves both visits
		if !strings.Contains(p.Found, "there is no T1w image of this session") {
			t.Errorf("%v: %v", p.Severity, p)
		}
	}
	missing := 0
	for i, p := range tr.People {
		first := true
		for _, s := range p.Sessions {
			if s.Missing {
				missing++
				continue
			}
			if name := "sub-" + p.Label + "/ses-" + s.Label + "/anat/sub-" + p.Label + "_ses-" + s.Label + "_T1w.nii.gz"; first != ds.Exists(name) {
				t.Errorf("%s: there %v, want %v", name, ds.Exists(name), first)
			}
			first = false
		}
		if table := ds.Sessions[p.Label]; table == nil || len(table.Rows) != len(p.Sessions)-map[bool]int{true: 1}[p.Sessions[0].Missing || p.Sessions[1].Missing] {
			t.Errorf("sub-%s: sessions %+v", p.Label, table)
		}
		if again := tr.Blend(i, one); !slices.EqualFunc(again.Share, blends[i].Share, slices.Equal[[]float64]) {
			t.Errorf("sub-%s: the blend without images differs", p.Label)
		}
	}
	if missing != 2 || len(ds.ASLScans()) != 8 {
		t.Errorf("%d sessions missing, %d scans", missing, len(ds.ASLScans()))
	}
}

// The tables of truth say what the trial says.
func TestTruthTables(t *testing.T) {
	tr := newTrial(t, TrialOptions{Subjects: 2})
	dir := t.TempDir()
	if err := tr.WriteTruth(dir, nil); err != nil {
		t.Fatal(err)
	}
	read := func(name string) *bids.Table {
		table, l := bids.ReadTable(filepath.Join(dir, truthFolder, name))
		if l.Err() != nil {
			t.Fatal(l)
		}
		return table
	}
	values := tr.TrueValues()
	regions := read("regions.tsv")
	if len(regions.Rows) != len(values) {
		t.Fatalf("%d rows, %d values", len(regions.Rows), len(values))
	}
	for i, v := range values {
		row := regions.Row(i)
		cbf, _ := strconv.ParseFloat(row["cbf"], 64)
		if row["participant_id"] != "sub-"+v.Subject || row["session"] != v.Session || row["run"] != v.Run || row["region"] != v.Region || math.Abs(cbf/v.CBF-1) > 1e-6 {
			t.Fatalf("row %v, value %+v", row, v)
		}
	}
	planted := tr.Planted("dACC")
	effects := read("effects.tsv")
	n := 0
	for i := range effects.Rows {
		if row := effects.Row(i); row["region"] == "dACC" {
			if percent, _ := strconv.ParseFloat(row["percent"], 64); row["contrast"] != planted[n].Name || math.Abs(percent-planted[n].Percent) > 1e-5 {
				t.Errorf("row %v, planted %+v", row, planted[n])
			}
			n++
		}
	}
	if n != len(planted) || len(read("variances.tsv").Rows) != len(TrialRegions()) || len(read("scans.tsv").Rows) != 8 {
		t.Errorf("%d effects of dACC", n)
	}
}

func TestTrialScansRefuses(t *testing.T) {
	for _, o := range []TrialScans{{Voxel: 0.5}, {Voxel: 20}, {Voxel: math.NaN()}, {T1w: 0.1}, {Motion: 50}, {Motion: math.NaN()}, {SNR: math.Inf(1)}} {
		if l := o.Check(); len(l) != 1 || l[0].Fix == "" {
			t.Errorf("%+v: %v", o, l)
		}
	}
	full, small := TrialScans{}, ReducedScans()
	if len(full.Check()) != 0 || len(small.Check()) != 0 {
		t.Error("the presets are refused")
	}
}

func BenchmarkPerson(b *testing.B) {
	tr, _ := NewTrial(TrialOptions{})
	for _, bench := range []struct {
		name string
		o    TrialScans
	}{{"reduced", ReducedScans()}, {"full", TrialScans{}}} {
		b.Run(bench.name, func(b *testing.B) {
			o := bench.o
			o.Workers = 1
			tr.Blend(0, o) // template and lattice are drawn once
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				tr.Person(i%26, o)
			}
		})
	}
}
