package pipeline

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/internal/atomicfile"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// A bent person differs from the template by a known smooth warp.
type bent struct {
	Config
	who   phantom.Subject
	grid  voxel.Grid       // of the T1w image
	drawn *phantom.Drawing // on it
	head  voxel.Affine     // T1w world → ASL world
}

// bentTrial writes a dataset of one bent person with a noisy T1w image and a
// scan without noise, and the template. fine: T1w voxels of 2 mm in place of 3
// and the protocol's own resolution in place of 5 × 5 × 6 mm.
func bentTrial(tb testing.TB, who phantom.Subject, fine bool) *bent {
	tb.Helper()
	dir := tb.TempDir()
	size, p, samples := 3.0, phantom.Siemens3DGRASE(), 1
	if fine {
		size, p, samples = 2, phantom.GE3DSpiral(), 2
	} else {
		p.Grid = p.Grid.WithSpacing(voxel.Vec{5, 5, 6})
	}
	x := &bent{who: who, grid: phantom.HeadGrid(size), head: voxel.Translation(voxel.Vec{1, -1, 2})}
	brain := who.Brain()
	x.drawn = brain.Draw(x.grid, 2, 0)
	t1w := x.drawn.T1w(phantom.T1wOptions{Blur: 1.4, Bias: 0.1, SNR: 25, Seed: 4}, 0)
	maps := brain.Maps(phantom.HeadGrid(min(size, 2)), p.Constants, phantom.Physiology{}, 0)
	scan := phantom.Simulate(maps, p, phantom.Options{Physics: phantom.WhitePaper, Samples: samples, Position: x.head})
	data := &phantom.Dataset{Name: "bent", Participants: []phantom.Participant{{Label: "01",
		Sessions: []phantom.Session{{T1w: t1w, Scans: []phantom.Scan{{Acquisition: scan}}}}}}}
	if err := phantom.WriteBIDS(filepath.Join(dir, "raw"), data, 0); err != nil {
		tb.Fatal(err)
	}
	tpl := filepath.Join(dir, "template")
	if err := phantom.NewTemplate(0).Write(tpl, 0); err != nil {
		tb.Fatal(err)
	}
	x.Config = Config{BIDSDir: filepath.Join(dir, "raw"), OutDir: filepath.Join(dir, "out"), Version: "test", Settings: Settings{Model: "auto", Seed: 1},
		Standard: Standard{Template: filepath.Join(tpl, "tpl-phasl_res-02_T1w.nii.gz"), Atlas: filepath.Join(tpl, "tpl-phasl_atlas-phasl_res-02_dseg.nii.gz"), MinCoverage: 0.5}}
	return x
}

// truth writes what registration, masks and segmentation should find into a
// folder, as another program might have, and returns the folder.
func (x *bent) truth(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	check := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	o := nifti.Options{}
	check(nifti.WriteWarp(filepath.Join(dir, "sub-01_from-T1w_to-phasl_mode-image_xfm.nii.gz"), sampled(x.who.FromTemplate(), phantom.TemplateGrid(), 0), o))
	check(nifti.WriteMask(filepath.Join(dir, "sub-01_desc-brain_mask.nii.gz"), x.drawn.BrainMask(), o))
	for label, t := range map[string]phantom.Tissue{"GM": phantom.Grey, "WM": phantom.White} {
		check(nifti.WriteImage(filepath.Join(dir, "sub-01_label-"+label+"_probseg.nii.gz"), x.drawn.Fraction[t], o))
	}
	check(atomicfile.Write(filepath.Join(dir, "sub-01_from-ASL_to-T1w_mode-image_xfm.txt"), func(w io.Writer) error { return xfm.WriteText(w, x.head) }))
	return dir
}

// at returns the path of an output.
func (x *bent) at(name string) string { return filepath.Join(x.OutDir, filepath.FromSlash(name)) }

// run processes the person anew.
func (x *bent) run(tb testing.TB) ParticipantResult {
	tb.Helper()
	r, err := Run(tb.Context(), x.Config)
	if err != nil {
		tb.Fatal(err)
	}
	if len(r.Kept) > 0 || len(r.Participants) != 1 || len(r.Participants[0].AnatomyFiles) != 1 {
		tb.Fatalf("kept %v; %d participants", r.Kept, len(r.Participants))
	}
	return r.Participants[0]
}

// A fit is how well regions of the template came to lie where a person truly
// has them.
type fit struct {
	misplaced float64            // mean error over the template's brain [mm]
	dice      map[string]float64 // regions of the atlas on the T1w image with the true ones
	cbf       map[string]float64 // regional CBF [mL/100 g/min]
	grey      float64            // Dice of grey matter with the template's, as reported
}

var cingulate = []string{"sgACC", "pgACC", "dACC"}

// fit measures the result of a run.
func (x *bent) fit(tb testing.TB, p ParticipantResult) fit {
	tb.Helper()
	f := fit{dice: map[string]float64{}, cbf: map[string]float64{}}
	tpl := phantom.NewTemplate(0)
	there := readTransform(tb, x.at(p.AnatomyFiles[0]["t1w_to_template"]))
	truth := x.who.FromTemplate()
	n := 0.0
	everyInside(tpl.Mask, func(q voxel.Vec) {
		f.misplaced, n = f.misplaced+voxel.Distance(there.Map(q), truth.Map(q)), n+1
	})
	f.misplaced /= n
	var back voxel.Transform
	if name, ok := p.AnatomyFiles[0]["template_to_t1w"]; ok {
		back = readTransform(tb, x.at(name))
	} else {
		m, _ := oneAffine(there)
		back = m.Inverse()
	}
	// On a fine grid: voxels of a coarse one hold several regions.
	fine := x.grid.WithSpacing(voxel.Vec{1, 1, 1}).Crop([3]int{60, 110, 60}, [3]int{140, 220, 150})
	base := map[float32]string{}
	for _, r := range phantom.Regions() {
		base[float32(r.Index)] = r.Base
	}
	onPerson := voxel.Resample(tpl.Labels, fine, back, voxel.Nearest, 0)
	onTruth := voxel.Resample(tpl.Labels, fine, x.who.ToTemplate(), voxel.Nearest, 0)
	for _, name := range cingulate {
		var both, sum float64
		for v := range onPerson.Data {
			a, b := base[onPerson.Data[v]] == name, base[onTruth.Data[v]] == name
			if a {
				sum++
			}
			if b {
				sum++
			}
			if a && b {
				both++
			}
		}
		f.dice[name] = 2 * both / sum
	}
	for _, r := range p.Scans[0].Regions {
		f.cbf[r.Region] = float64(r.CBF)
	}
	for _, st := range p.Anatomy {
		if st.Step == overlapStep {
			f.grey = float64(st.Values["gm_dice"])
		}
	}
	return f
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

// checkChain makes sure that the files carry CBF to the template as the run
// did, and that the field's two directions belong together.
func (x *bent) checkChain(tb testing.TB, p ParticipantResult) {
	tb.Helper()
	sc := p.Scans[0]
	there := x.at(p.AnatomyFiles[0]["t1w_to_template"])
	out := filepath.Join(tb.TempDir(), "cbf.nii.gz")
	if _, err := ApplyTransforms(tb.Context(), ApplyConfig{Moving: x.at(sc.CBFFile), Reference: x.Template, Interp: "linear", Out: out,
		Transforms: []string{there, x.at(sc.Files["asl_to_t1w"])}}); err != nil {
		tb.Fatal(err)
	}
	want, _, err := nifti.ReadImage(x.at(sc.Files["cbf_template"]))
	if err != nil {
		tb.Fatal(err)
	}
	got, _, err := nifti.ReadImage(out)
	if err != nil {
		tb.Fatal(err)
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
		tb.Errorf("the chain of files gives another CBF in %d of %d voxels", differ, values)
	}
}

// The deformation brings a bent brain closer to its truth than the affine map
// does. What registration costs regional CBF is measured against a run that
// was given the true transforms, mask and tissues, which also shows that what
// a user gives is used; and what is written is what was used.
func TestDeformationOfBentPerson(t *testing.T) {
	if testing.Short() {
		t.Skip("processes a small dataset three times")
	}
	x := bentTrial(t, phantom.Subject{Seed: 11, Warp: 3}, false)
	x.TransformsDir = x.truth(t)
	x.MasksDir = x.TransformsDir
	p := x.run(t)
	for _, st := range append(slices.Clone(p.Anatomy), p.Scans[0].Steps...) {
		switch st.Step {
		case affineStep, deformationStep, brainT1Step, segmentStep, "ASL to T1w, rigid":
			t.Errorf("%s was done although it was given", st.Step)
		}
	}
	x.checkChain(t, p)
	truth := x.fit(t, p)
	if truth.misplaced > 0.1 || truth.dice["sgACC"] < 0.9 { // a field on 2 mm voxels, and its inverse
		t.Errorf("the true field is misplaced by %.2f mm, Dice of sgACC %.2f", truth.misplaced, truth.dice["sgACC"])
	}
	// Tissues and mask are from the truth in all runs, so that registration
	// alone makes the difference.
	x.TransformsDir = ""
	var fits [2]fit
	for i, how := range []string{registerAffine, registerSyN} {
		x.Registration = how
		p := x.run(t)
		for _, st := range p.Anatomy {
			if !st.OK {
				t.Errorf("%s: %s: %s", how, st.Step, st.Detail)
			}
		}
		x.checkChain(t, p)
		fits[i] = x.fit(t, p)
		t.Logf("%s: %s", how, fits[i].words(truth))
	}
	affine, syn := fits[0], fits[1]
	if !(syn.misplaced < 0.4*affine.misplaced) || !(syn.grey > affine.grey+0.05) {
		t.Errorf("misplaced by %.2f mm, affine %.2f mm; Dice of grey matter %.2f, affine %.2f", syn.misplaced, affine.misplaced, syn.grey, affine.grey)
	}
	var before, after float64
	for _, name := range cingulate {
		if !(syn.dice[name] > affine.dice[name]) {
			t.Errorf("%s: Dice %.2f, affine %.2f", name, syn.dice[name], affine.dice[name])
		}
		before += math.Abs(affine.cbf[name]/truth.cbf[name] - 1)
		after += math.Abs(syn.cbf[name]/truth.cbf[name] - 1)
	}
	if !(after < before) || after/3 > 0.04 {
		t.Errorf("registration costs the three regions %.1f %% of CBF on average, an affine one %.1f %%", 100*after/3, 100*before/3)
	}
}

// words shows a fit, and what registration costs CBF in the regions of the
// cingulate, and in all on average.
func (f fit) words(truth fit) string {
	var out strings.Builder
	fmt.Fprintf(&out, "misplaced by %.2f mm, Dice of grey matter %.2f", f.misplaced, f.grey)
	for _, name := range cingulate {
		fmt.Fprintf(&out, "; %s Dice %.2f, CBF %+.1f %%", name, f.dice[name], 100*(f.cbf[name]/truth.cbf[name]-1))
	}
	sum, n := 0.0, 0.0
	for name, v := range truth.cbf {
		if e := math.Abs(f.cbf[name]/v - 1); e == e {
			sum, n = sum+e, n+1
		}
	}
	fmt.Fprintf(&out, "; %g regions: CBF %.1f %% off on average", n, 100*sum/n)
	return out.String()
}

// The same at the resolution of the trial, several people. It takes minutes.
func TestDeformationOfBentPeople(t *testing.T) {
	if os.Getenv("PHASL_LONG") == "" {
		t.Skip("set PHASL_LONG=1 to process five people three times")
	}
	for seed := range uint64(5) {
		x := bentTrial(t, phantom.Subject{Seed: 31 + seed, Warp: 3}, true)
		x.TransformsDir = x.truth(t)
		x.MasksDir = x.TransformsDir
		truth := x.fit(t, x.run(t))
		for _, how := range []string{registerAffine, registerSyN} {
			x.TransformsDir, x.MasksDir, x.Registration = "", "", how
			p := x.run(t)
			for _, st := range p.Anatomy {
				if how == registerSyN && !st.OK {
					t.Errorf("%s: %s: %s", how, st.Step, st.Detail)
				}
			}
			f := x.fit(t, p)
			t.Logf("person %d, %s: %s", seed, how, f.words(truth))
			for _, name := range cingulate {
				if how == registerSyN && !(math.Abs(f.cbf[name]/truth.cbf[name]-1) < 0.05) {
					t.Errorf("person %d: registration and segmentation cost %s %.1f %% of CBF", seed, name, 100*(f.cbf[name]/truth.cbf[name]-1))
				}
			}
		}
	}
}
