package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// smallTrial writes a dataset of one small person with two GRASE series, coarse
// enough to be processed in a few seconds, and the template, and returns how
// to process it.
func smallTrial(tb testing.TB) Config {
	tb.Helper()
	dir := tb.TempDir()
	brain := phantom.Subject{Seed: 4, Affine: true}.Brain()
	g := phantom.HeadGrid(3)
	p := phantom.Siemens3DGRASE()
	p.Grid = p.Grid.WithSpacing(voxel.Vec{5, 5, 6})
	maps := brain.Maps(g, p.Constants, phantom.Physiology{}, 0)
	t1w := brain.Draw(g, 1, 0).T1w(phantom.T1wOptions{SNR: 30, Seed: 4}, 0)
	scan := func(run string, seed uint64) phantom.Scan {
		return phantom.Scan{Run: run, Acquisition: phantom.Simulate(maps, p, phantom.Options{Physics: phantom.WhitePaper, Seed: seed, SNR: p.SNR, Samples: 1,
			Position: voxel.Translation(voxel.Vec{1, -1, 2})})}
	}
	data := &phantom.Dataset{Name: "small", Participants: []phantom.Participant{{Label: "01", Age: 30, Sex: "F",
		Sessions: []phantom.Session{{T1w: t1w, Scans: []phantom.Scan{scan("1", 1)}}}}}}
	if err := phantom.WriteBIDS(filepath.Join(dir, "raw"), data, 0); err != nil {
		tb.Fatal(err)
	}
	tpl := filepath.Join(dir, "template")
	if err := phantom.NewTemplate(0).Write(tpl, 0); err != nil {
		tb.Fatal(err)
	}
	return Config{BIDSDir: filepath.Join(dir, "raw"), OutDir: filepath.Join(dir, "out"), Version: "test",
		Settings: Settings{Model: "auto", Seed: 1},
		Standard: Standard{Template: filepath.Join(tpl, "tpl-phasl_res-02_T1w.nii.gz"), Atlas: filepath.Join(tpl, "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz"), MinCoverage: 0.5,
			Registration: registerAffine}}
}

// another copies the person of a small dataset: one more to be processed at the
// same time.
func another(tb testing.TB, raw string) {
	tb.Helper()
	err := filepath.WalkDir(filepath.Join(raw, "sub-01"), func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(raw, p)
		to := filepath.Join(raw, strings.ReplaceAll(rel, "sub-01", "sub-02"))
		if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
			return err
		}
		if strings.HasSuffix(p, ".json") {
			b = bytes.ReplaceAll(b, []byte("sub-01"), []byte("sub-02"))
		}
		return os.WriteFile(to, b, 0o666)
	})
	if err != nil {
		tb.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(raw, "participants.tsv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := f.WriteString("sub-02\t40\tM\n"); err != nil {
		tb.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tb.Fatal(err)
	}
}

// tree returns the SHA-256 of every file below dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		sum := sha256.Sum256(b)
		rel, _ := filepath.Rel(dir, p)
		out[rel] = hex.EncodeToString(sum[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameTree(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s: %s differs or is missing", what, name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %s should not be there", what, name)
		}
	}
}

// The same bytes for any number of workers, people one by one or two at a time,
// and after being stopped at any
// step and started again.
func TestSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("processes a small dataset several times")
	}
	c := smallTrial(t)
	another(t, c.BIDSDir)
	c.Workers = 1
	if os.Getenv("PHASL_LONG") != "" { // else the deformation's own test of workers has to do
		c.Registration = registerSyN
	}
	steps := 0
	c.Progress = func(Event) { steps++ }
	first, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	want := tree(t, c.OutDir)
	if n := len(first.Participants); n != 2 || len(first.Participants[0].Scans) != 1 {
		t.Fatalf("%d participants processed, want two with one scan", n)
	}
	checkPlausible(t, first)
	checkDerivatives(t, c, first)

	again, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Kept, []string{"01", "02"}) {
		t.Errorf("second run kept %v, want the finished participants", again.Kept)
	}
	sameTree(t, "second run", tree(t, c.OutDir), want)

	// A damaged output is noticed.
	rec := filepath.Join(c.OutDir, filepath.FromSlash(first.Participants[0].Scans[0].CBFFile))
	key := recordKey(t, c)
	if _, ok := readRecord(filepath.Join(c.OutDir, ".phasl"), c.OutDir, "sub-01", key); !ok {
		t.Error("the record of a finished participant does not hold")
	}
	if err := os.WriteFile(rec, []byte("oops"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, ok := readRecord(filepath.Join(c.OutDir, ".phasl"), c.OutDir, "sub-01", key); ok {
		t.Error("a record vouches for a damaged file")
	}

	// Stopped on the way, with files of the first run and what a killed writer
	// leaves lying about: made anew, the same.
	c.Workers = 3
	if err := os.Remove(recordPath(filepath.Join(c.OutDir, ".phasl"), "sub-02")); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(c.OutDir, "sub-01", "perf", ".sub-01_cbf.nii.gz.tmp-123")
	if err := os.WriteFile(left, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	c.Progress = func(Event) {
		if n++; n == steps*2/3 {
			cancel()
		}
	}
	if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Fatalf("stopped: error %v, want context.Canceled", err)
	}
	c.Progress = nil
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	sameTree(t, "3 workers, stopped once", tree(t, c.OutDir), want)
}

func recordKey(t *testing.T, c Config) string {
	t.Helper()
	b, err := os.ReadFile(recordPath(filepath.Join(c.OutDir, ".phasl"), "sub-01"))
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r.Key
}

// checkPlausible looks at what came out of the small dataset, whose truth is
// grey-matter CBF of 45 to 75 and white-matter CBF of 20 mL/100 g/min.
func checkPlausible(t *testing.T, r *RunResult) {
	t.Helper()
	for _, sc := range r.Participants[0].Scans {
		q := sc.Quality
		if !(q.GMCBF > 35 && q.GMCBF < 75) || !(q.WMCBF > 10 && q.WMCBF < 35) {
			t.Errorf("%s: GM CBF %.1f, WM CBF %.1f", sc.Scan, float64(q.GMCBF), float64(q.WMCBF))
		}
		for _, st := range sc.Steps {
			if !st.OK {
				t.Errorf("%s: step %s failed: %s", sc.Scan, st.Step, st.Detail)
			}
		}
		seen := map[string]RegionResult{}
		for _, reg := range sc.Regions {
			seen[reg.Region] = reg
		}
		for _, name := range []string{"sgACC", "pgACC", "dACC"} {
			reg, ok := seen[name]
			if !ok || math.IsNaN(float64(reg.CBF)) || !(reg.SE > 0) {
				t.Errorf("%s: region %s: %+v", sc.Scan, name, reg)
			}
		}
	}
}

// checkDerivatives reads back everything the run wrote; images say their units.
func checkDerivatives(t *testing.T, c Config, r *RunResult) {
	t.Helper()
	for _, sc := range r.Participants[0].Scans {
		for what, name := range sc.Files {
			path := filepath.Join(c.OutDir, filepath.FromSlash(name))
			if !strings.HasSuffix(name, ".nii.gz") {
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
				continue
			}
			m, h, err := nifti.ReadImage(path)
			if err != nil || len(h.Warnings) > 0 {
				t.Errorf("%s: %v %v", what, err, h.Warnings)
				continue
			}
			if n := len(m.Data); n == 0 {
				t.Errorf("%s is empty", what)
			}
			if strings.HasSuffix(name, "mask.nii.gz") {
				continue
			}
			b, err := os.ReadFile(strings.TrimSuffix(path, ".nii.gz") + ".json")
			if err != nil || !strings.Contains(string(b), `"Units"`) {
				t.Errorf("%s: sidecar without units (%v)", what, err)
			}
		}
	}
}
