package pipeline

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// bentTrial writes a dataset of one person whose brain differs from the
// template by a known smooth warp, at coarse resolution.
func bentTrial(tb testing.TB, s phantom.Subject) Config {
	tb.Helper()
	c := smallTrial(tb)
	brain := s.Brain()
	g := phantom.HeadGrid(3)
	p := phantom.Siemens3DGRASE()
	p.Grid = p.Grid.WithSpacing(voxel.Vec{5, 5, 6})
	maps := brain.Maps(g, p.Constants, phantom.Physiology{}, 0)
	t1w := brain.Draw(g, 2, 0).T1w(phantom.T1wOptions{SNR: 30, Seed: 4}, 0)
	scan := phantom.Simulate(maps, p, phantom.Options{Physics: phantom.WhitePaper, Samples: 1, Position: voxel.Translation(voxel.Vec{1, -1, 2})})
	if err := os.RemoveAll(c.BIDSDir); err != nil {
		tb.Fatal(err)
	}
	data := &phantom.Dataset{Name: "bent", Participants: []phantom.Participant{{Label: "01",
		Sessions: []phantom.Session{{T1w: t1w, Scans: []phantom.Scan{{Acquisition: scan}}}}}}}
	if err := phantom.WriteBIDS(c.BIDSDir, data, 0); err != nil {
		tb.Fatal(err)
	}
	return c
}

// readTransform reads a transform that the run wrote.
func readTransform(tb testing.TB, path string) voxel.Transform {
	tb.Helper()
	t, err := xfm.Read(path, voxel.Grid{}, voxel.Grid{})
	if err != nil {
		tb.Fatal(err)
	}
	return t.Map
}

// How far [mm] points of the template's brain land from where they truly
// belong in a person's head, by the transform that was written.
func misplaced(tb testing.TB, path string, s phantom.Subject, brain *voxel.Mask) float64 {
	tb.Helper()
	found := readTransform(tb, path)
	truth := s.FromTemplate()
	sum, n := 0.0, 0.0
	for v := 0; v < brain.Len(); v += 7 {
		if brain.In[v] {
			p := brain.World(brain.Coord(v))
			sum, n = sum+voxel.Distance(found.Map(p), truth.Map(p)), n+1
		}
	}
	return sum / n
}

// The deformation brings a bent brain closer to its truth than the affine map
// does, and what is written is what was used: the chain of the files carries
// CBF to the template as the run did.
func TestDeformationIsUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("processes a small dataset twice")
	}
	who := phantom.Subject{Seed: 11, Warp: 3}
	c := bentTrial(t, who)
	var errs, gm [2]float64
	for i, how := range []string{registerAffine, registerSyN} {
		c.Registration = how
		r, err := Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		p := r.Participants[0]
		if len(r.Kept) > 0 || len(p.AnatomyFiles) != 1 {
			t.Fatalf("%s: kept %v, files %v; another registration is another result", how, r.Kept, p.AnatomyFiles)
		}
		for _, st := range p.Anatomy {
			if !st.OK {
				t.Errorf("%s: %s: %s", how, st.Step, st.Detail)
			}
			if st.Step == overlapStep {
				gm[i] = float64(st.Values["gm_dice"])
			}
		}
		at := func(name string) string { return filepath.Join(c.OutDir, filepath.FromSlash(name)) }
		mask, _, err := nifti.ReadMask(maskBeside(c.Template))
		if err != nil {
			t.Fatal(err)
		}
		there := p.AnatomyFiles[0]["t1w_to_template"]
		errs[i] = misplaced(t, at(there), who, mask)

		sc := p.Scans[0]
		out := filepath.Join(t.TempDir(), "cbf.nii.gz")
		if _, err := ApplyTransforms(t.Context(), ApplyConfig{Moving: at(sc.CBFFile), Reference: c.Template, Interp: "linear", Out: out,
			Transforms: []string{at(there), at(sc.Files["asl_to_t1w"])}}); err != nil {
			t.Fatal(err)
		}
		want, _, err := nifti.ReadImage(at(sc.Files["cbf_template"]))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := nifti.ReadImage(out)
		if err != nil {
			t.Fatal(err)
		}
		differ, values := 0, 0
		for n, v := range want.Data {
			if v != v {
				continue
			}
			values++
			// Poses are written with all digits: only rounding of float32.
			if !(math.Abs(float64(got.Data[n]-v)) < 1e-3) {
				differ++
			}
		}
		// At the edge of what was scanned rounding decides whether a voxel has a value.
		if values < 100_000 || differ > values/10_000 {
			t.Errorf("%s: the chain of files gives another CBF in %d of %d voxels", how, differ, values)
		}
		if how == registerSyN {
			back, fore := readTransform(t, at(p.AnatomyFiles[0]["template_to_t1w"])), readTransform(t, at(there))
			sum, n := 0.0, 0.0
			for v := 0; v < mask.Len(); v += 11 {
				if mask.In[v] {
					q := mask.World(mask.Coord(v))
					sum, n = sum+voxel.Distance(back.Map(fore.Map(q)), q), n+1
				}
			}
			if e := sum / n; !(e < 0.1) { // a tenth of what registration leaves
				t.Errorf("template to T1w and back misses by %.3f mm", e)
			}
		}
	}
	t.Logf("misplaced by %.2f mm, affine %.2f mm; Dice of grey matter %.2f, affine %.2f", errs[1], errs[0], gm[1], gm[0])
	if !(errs[1] < 0.6*errs[0]) || !(gm[1] > gm[0]+0.05) {
		t.Errorf("misplaced by %.2f mm, affine %.2f mm; Dice of grey matter %.2f, affine %.2f", errs[1], errs[0], gm[1], gm[0])
	}
}
