package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// labelled is a T1w image and a function that writes its segmentation, with
// number[t] for tissue t, into the folder dir.
func labelled(t *testing.T, dir string) (*anatomy, func(number map[phantom.Tissue]float32)) {
	t.Helper()
	d := phantom.Subject{Seed: 5}.Brain().Draw(phantom.HeadGrid(4), 1, 0)
	a := &anatomy{t1: d.T1w(phantom.T1wOptions{Bias: 0.2, SNR: 20, Seed: 1}, 0)}
	return a, func(number map[phantom.Tissue]float32) {
		t.Helper()
		m := voxel.NewImage(a.t1.Grid)
		for n := range m.Data {
			for tissue, label := range number {
				if d.Fraction[tissue].Data[n] > 0.5 {
					m.Data[n] = label
				}
			}
		}
		if err := nifti.WriteImage(filepath.Join(dir, "sub-01", "anat", "sub-01_dseg.nii.gz"), m, nifti.Options{}); err != nil {
			t.Fatal(err)
		}
	}
}

// What a label is, its table says; without one the labels are BIDS's, and an
// order that contradicts the T1w image is found.
func TestLabelsOfTissues(t *testing.T) {
	type numbers = map[phantom.Tissue]float32
	bids := numbers{phantom.Grey: 1, phantom.White: 2, phantom.CSF: 3}
	fast := numbers{phantom.CSF: 1, phantom.Grey: 2, phantom.White: 3}
	for _, tt := range []struct {
		name    string
		numbers numbers
		tables  map[string]string // by path below the folder
		fault   []string          // words of the fault; nil: none
		flagged string            // words of the step if it is flagged
	}{
		{name: "BIDS", numbers: bids},
		{name: "cortical and deep grey matter", numbers: numbers{phantom.Grey: 8, phantom.White: 2, phantom.CSF: 3}},
		{name: "FAST", numbers: fast, fault: []string{"sub-01_dseg.nii.gz", "median", "at label 3", "1 CSF, 2 GM, 3 WM, the order of FSL FAST", "sub-01_dseg.tsv"}},
		{name: "exchanged", numbers: numbers{phantom.Grey: 2, phantom.White: 1}, fault: []string{"say what the labels are in sub-01_dseg.tsv"}},
		{name: "FAST, named", numbers: fast, tables: map[string]string{"sub-01/anat/sub-01_dseg.tsv": "index\tname\n0\tbackground\n1\tCSF\n2\tGray Matter\n3\tWhite-Matter\n"}},
		{name: "abbreviations, for all people", numbers: fast, tables: map[string]string{"dseg.tsv": "index\tname\tabbreviation\n1\tliquor\tCSF\n2\tSubstantia grisea\tGM\n3\tSubstantia alba\tWM\n"}},
		{name: "mapping to BIDS's numbers", numbers: numbers{phantom.CSF: 24, phantom.Grey: 3, phantom.White: 41},
			tables: map[string]string{"dseg.tsv": "index\tname\tmapping\n24\ta\t3\n3\tb\t1\n41\tc\t2\n"}},
		{name: "the nearest table counts", numbers: fast, tables: map[string]string{
			"dseg.tsv":                    "index\tname\n1\tGM\n2\tWM\n3\tCSF\n",
			"sub-01/anat/sub-01_dseg.tsv": "index\tname\n1\tCSF\n2\tGM\n3\tWM\n"}},
		{name: "tables of others do not", numbers: bids, tables: map[string]string{
			"desc-aseg_dseg.tsv":          "index\tname\n1\tx\n",
			"sub-02/anat/sub-02_dseg.tsv": "index\tname\n1\tx\n"}},
		{name: "a table that is wrong", numbers: bids, tables: map[string]string{"dseg.tsv": "index\tname\n1\tWM\n2\tGM\n3\tCSF\n"},
			flagged: "grey matter is not brighter than CSF and darker than white matter"},
		{name: "a table without tissues", numbers: bids, tables: map[string]string{"dseg.tsv": "index\tname\n1\tHippocampus\n2\tAmygdala\n3\tPons\n"},
			fault: []string{"dseg.tsv", "1 Hippocampus, 2 Amygdala, 3 Pons", "GM, WM, CSF"}},
		{name: "a table without names", numbers: bids, tables: map[string]string{"dseg.tsv": "a\tb\n1\t2\n"}, fault: []string{"dseg.tsv"}},
		{name: "no whole numbers", numbers: numbers{phantom.Grey: 0.5, phantom.White: 1}, fault: []string{"no whole positive number"}},
		{name: "no white matter", numbers: numbers{phantom.Grey: 1}, fault: []string{"0 of label 2 (white matter)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := put(t, "sub-01/anat/nothing")
			a, write := labelled(t, dir)
			write(tt.numbers)
			for name, text := range tt.tables {
				p := filepath.Join(dir, filepath.FromSlash(name))
				if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(p, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			c := Config{MasksDir: dir}
			var l diag.List
			c.openGiven(&l)
			g := c.givenAnatomy("sub-01/anat/sub-01_T1w.nii.gz", "", &l)
			if g.labels == "" || l.Err() != nil {
				t.Fatalf("found %+v, %v", g, l)
			}
			err := a.takeTissues(g, 0)
			if tt.fault != nil {
				if err == nil {
					t.Fatal("no fault")
				}
				said := ""
				for _, p := range err.(diag.List) {
					said += p.Error() + " | " + p.Fix
				}
				for _, w := range tt.fault {
					if !strings.Contains(said, w) {
						t.Errorf("%q is not in %s", w, said)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			st := a.step(givenTissueStep)
			if st.OK != (tt.flagged == "") || !strings.Contains(st.Detail, tt.flagged) {
				t.Errorf("step %+v", st)
			}
			if tt.flagged != "" {
				return
			}
			// The tissue is where the truth is, whatever its number was.
			m, _, err := nifti.ReadImage(g.labels)
			if err != nil {
				t.Fatal(err)
			}
			for n, v := range m.Data {
				if grey := v == tt.numbers[phantom.Grey]; grey != (a.tissues.GM.Data[n] == 1) {
					t.Fatalf("voxel %d of label %g: grey matter %g", n, v, a.tissues.GM.Data[n])
				}
				if white := v == tt.numbers[phantom.White]; white != (a.tissues.WM.Data[n] == 1) {
					t.Fatalf("voxel %d of label %g: white matter %g", n, v, a.tissues.WM.Data[n])
				}
			}
		})
	}
}

// What was given is recorded with its digest and size.
func TestGivenFilesAreRecorded(t *testing.T) {
	dir := put(t, "sub-01/anat/nothing")
	a, write := labelled(t, dir)
	write(map[phantom.Tissue]float32{phantom.Grey: 1, phantom.White: 2, phantom.CSF: 3})
	path := filepath.Join(dir, "sub-01", "anat", "sub-01_dseg.nii.gz")
	if err := a.takeTissues(givenAnatomy{labels: path}, 0); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	st := a.step(givenTissueStep)
	if len(st.Sources) != 1 || st.Sources[0] != (Source{"sub-01_dseg.nii.gz", hex.EncodeToString(sum[:]), int64(len(b))}) {
		t.Errorf("sources %+v", st.Sources)
	}
}
