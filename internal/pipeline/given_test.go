package pipeline

import (
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/internal/xfm"
	"phasl/nifti"
	"phasl/phantom"
	"phasl/voxel"
)

// put makes empty files below a folder.
func put(tb testing.TB, names ...string) string {
	tb.Helper()
	dir := tb.TempDir()
	for _, n := range names {
		p := filepath.Join(dir, filepath.FromSlash(n))
		if err := os.MkdirAll(filepath.Dir(p), 0o777); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(n), 0o666); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// Files belong to the image that their names say, whoever made them.
func TestGivenFilesAreFoundByName(t *testing.T) {
	// As fMRIPrep, ASLPrep and phasl name them; flat and nested.
	dir := put(t,
		"sub-01/anat/sub-01_desc-brain_mask.nii.gz",
		"sub-01/anat/sub-01_space-MNI152NLin6Asym_desc-brain_mask.nii.gz",
		"sub-01/anat/sub-01_dseg.nii.gz",
		"sub-01/anat/sub-01_desc-aseg_dseg.nii.gz",
		"sub-01/anat/sub-01_label-GM_probseg.nii.gz",
		"sub-01/anat/sub-01_label-WM_probseg.nii.gz",
		"sub-01/anat/sub-01_label-CSF_probseg.nii.gz",
		"sub-01/anat/sub-01_from-T1w_to-MNI152NLin6Asym_mode-image_xfm.h5",
		"sub-01/anat/sub-01_from-MNI152NLin6Asym_to-T1w_mode-image_xfm.h5",
		"sub-01/anat/sub-01_from-T1w_to-MNI152NLin2009cAsym_mode-image_xfm.h5",
		"sub-01/ses-2/perf/sub-01_ses-2_desc-brain_mask.nii.gz",
		"sub-01/ses-2/perf/sub-01_ses-2_from-aslref_to-T1w_mode-image_desc-coreg_xfm.txt",
		"sub-01/ses-2/anat/sub-01_ses-2_from-T1w_to-MNI152NLin6Asym_mode-image_desc-init_xfm.mat",
		"sub-02_ses-1_desc-brain_mask.nii",
		"sub-010/anat/sub-010_desc-brain_mask.nii.gz",
		"notes.txt",
	)
	c := Config{TransformsDir: dir, MasksDir: dir}
	var l diag.List
	c.openGiven(&l)
	name := func(p string) string { return filepath.Base(p) }
	a := c.givenAnatomy("sub-01/ses-2/anat/sub-01_ses-2_T1w.nii.gz", "MNI152NLin6Asym", &l)
	for _, x := range [][2]string{
		{name(a.brain), "sub-01_desc-brain_mask.nii.gz"},
		{name(a.gm), "sub-01_label-GM_probseg.nii.gz"},
		{name(a.csf), "sub-01_label-CSF_probseg.nii.gz"},
		{name(a.toTemplate), "sub-01_from-T1w_to-MNI152NLin6Asym_mode-image_xfm.h5"},
		{name(a.fromTemplate), "sub-01_from-MNI152NLin6Asym_to-T1w_mode-image_xfm.h5"},
		{name(a.begin), "sub-01_ses-2_from-T1w_to-MNI152NLin6Asym_mode-image_desc-init_xfm.mat"},
		{a.labels, ""}, // the maps say more
	} {
		if x[0] != x[1] && !(x[0] == "." && x[1] == "") {
			t.Errorf("found %q, want %q", x[0], x[1])
		}
	}
	s := c.givenScan(bids.Entities{"sub": "01", "ses": "2", "run": "1"}, "MNI152NLin6Asym", &l)
	if name(s.mask) != "sub-01_ses-2_desc-brain_mask.nii.gz" || name(s.toT1w) != "sub-01_ses-2_from-aslref_to-T1w_mode-image_desc-coreg_xfm.txt" || s.toTemplate != "" {
		t.Errorf("for the scan: %+v", s)
	}
	// Another session has no scan files of its own; another person none at all.
	if s := c.givenScan(bids.Entities{"sub": "01", "ses": "1"}, "", &l); s != (givenScan{}) {
		t.Errorf("for another session: %+v", s)
	}
	if a := c.givenAnatomy("sub-02/ses-1/anat/sub-02_ses-1_T1w.nii.gz", "", &l); name(a.brain) != "sub-02_ses-1_desc-brain_mask.nii" || a.toTemplate != "" {
		t.Errorf("for a flat file: %+v", a)
	}
	if a := c.givenAnatomy("sub-03/anat/sub-03_T1w.nii.gz", "", &l); a != (givenAnatomy{}) {
		t.Errorf("for a person without files: %+v", a)
	}
	if len(l) > 0 {
		t.Errorf("problems: %v", l)
	}
}

// What could be meant twice, half of a pair, and people for whom there is
// nothing are said before the work.
func TestGivenFaults(t *testing.T) {
	dir := put(t,
		"a/sub-01_desc-brain_mask.nii.gz", "b/sub-01_desc-brain_mask.nii.gz",
		"sub-01_label-GM_probseg.nii.gz",
		"sub-01_from-T1w_to-phasl_mode-image_xfm.txt", "sub-01_from-T1w_to-phasl_mode-image_xfm.h5",
	)
	c := Config{TransformsDir: dir, MasksDir: dir}
	var l diag.List
	c.openGiven(&l)
	scan := func(sub string) *bids.Scan {
		return &bids.Scan{Entities: bids.Entities{"sub": sub}, T1w: []string{"sub-" + sub + "/anat/sub-" + sub + "_T1w.nii.gz"}}
	}
	l.Add(c.checkGiven([]person{{label: "01", scans: []*bids.Scan{scan("01"), scan("01")}}, {label: "02", scans: []*bids.Scan{scan("02")}}}, true, "phasl")...)
	var said []string
	for _, p := range l {
		said = append(said, p.Found+" | "+p.Fix)
	}
	for _, want := range []string{"a/sub-01_desc-brain_mask.nii.gz, b/sub-01", "only one of the maps", "xfm.h5, sub-01_from", "nothing there is for sub-02", "sub-02_from-T1w_to-phasl_mode-image_xfm.h5"} {
		if n := len(slices.DeleteFunc(slices.Clone(said), func(s string) bool { return !strings.Contains(s, want) })); n == 0 || n > 2 {
			t.Errorf("%q was said %d times in\n%s", want, n, strings.Join(said, "\n"))
		}
	}
	if l.Err() == nil || len(l) != 5 { // three faults, two warnings
		t.Errorf("%d problems: %v", len(l), said)
	}
	var none diag.List
	c = Config{MasksDir: filepath.Join(dir, "nowhere")}
	if c.openGiven(&none); none.Err() == nil {
		t.Error("a folder that is not there passes")
	}
}

// The inverse of a given field is found, and the nearest affine map is exact
// for one that is affine.
func TestGivenFieldIsInverted(t *testing.T) {
	who := phantom.Subject{Seed: 5, Warp: 3}
	g := phantom.HeadGrid(4)
	brain := who.Brain().Draw(g, 1, 0).BrainMask()
	to := who.ToTemplate()
	near := nearestAffine(to, brain)
	forward, back := sampled(to, g, 0), inverted(sampled(to, g, 0), near, g, 0)
	if e := roundTrip(forward, back, brain, g); !(e < 0.15) { // linear between voxels of 4 mm
		t.Errorf("there and back misses by %.3f mm", e)
	}
	want := voxel.Translation(voxel.Vec{3, -2, 5}).Mul(voxel.Rotation(voxel.Vec{0.1, -0.2, 0.05})).Mul(voxel.Scaling(voxel.Vec{1.1, 0.9, 1.05}))
	got := nearestAffine(voxel.Chain{want}, brain)
	for r := range want {
		for c := range want[r] {
			if d := got[r][c] - want[r][c]; d > 1e-9 || d < -1e-9 {
				t.Errorf("element %d %d: %g, want %g", r, c, got[r][c], want[r][c])
			}
		}
	}
	if m, ok := oneAffine(voxel.Chain{want, voxel.Chain{want.Inverse()}}); !ok || voxel.Distance(m.Map(voxel.Vec{1, 2, 3}), voxel.Vec{1, 2, 3}) > 1e-9 {
		t.Error("a chain of affine maps is not one")
	}
}

// A way from the scan to the template and one back that belong to different
// registrations are a fault, as they are for the T1w image; so is a field that
// cannot be undone. A slab that shows a part of the brain is none.
func TestWaysOfTheScanBelongTogether(t *testing.T) {
	one, other := phantom.Subject{Seed: 5, Warp: 3}, phantom.Subject{Seed: 6, Warp: 3}
	whole := phantom.HeadGrid(4)
	s := &space{name: "phasl", t1: voxel.NewImage(whole), brain: (&phantom.Brain{}).Draw(whole, 1, 0).BrainMask()}
	slab := whole.Crop([3]int{0, 0, 24}, [3]int{whole.Dim[0], whole.Dim[1], 50})
	folded := mapping(func(x voxel.Vec) voxel.Vec { x[0] += 30 * math.Sin(x[0]/8); return x })
	dir := t.TempDir()
	field := func(name string, m voxel.Transform, g voxel.Grid) string {
		p := filepath.Join(dir, name)
		if err := nifti.WriteWarp(p, sampled(m, g, 0), nifti.Options{}); err != nil {
			t.Fatal(err)
		}
		return p
	}
	affine := func(name string, m voxel.Affine) string {
		p := filepath.Join(dir, name)
		if err := atomicfile.Write(p, func(w io.Writer) error { return xfm.WriteText(w, m) }); err != nil {
			t.Fatal(err)
		}
		return p
	}
	to := field("to.nii.gz", one.FromTemplate(), whole)
	from := field("from.nii.gz", one.ToTemplate(), whole)
	wrong := field("wrong.nii.gz", other.ToTemplate(), whole)
	small := voxel.Translation(voxel.Vec{3, 0, 0})
	for _, tt := range []struct {
		name  string
		given givenScan
		grid  voxel.Grid
		fault string // "": none
	}{
		{"one way", givenScan{toTemplate: to}, whole, ""},
		{"both ways", givenScan{toTemplate: to, fromTemplate: from}, whole, ""},
		{"both ways, a slab", givenScan{toTemplate: to, fromTemplate: from}, slab, ""},
		{"one way, a slab", givenScan{toTemplate: to}, slab, ""},
		{"of two registrations", givenScan{toTemplate: to, fromTemplate: wrong}, whole, "wrong.nii.gz is not the way back"},
		{"the same twice", givenScan{toTemplate: to, fromTemplate: to}, whole, "to.nii.gz is not the way back"},
		{"folded", givenScan{toTemplate: field("folded.nii.gz", folded, whole)}, whole, "a field that does not fold"},
		{"affine, both ways", givenScan{toTemplate: affine("a.txt", small), fromTemplate: affine("b.txt", small.Inverse())}, whole, ""},
		{"affine, the same twice", givenScan{toTemplate: affine("a.txt", small), fromTemplate: affine("c.txt", small)}, whole, "misses by 6.00 mm"},
	} {
		x := &scan{given: tt.given, space: s, series: &voxel.Series{Grid: tt.grid}}
		err := x.takeToTemplate()
		said := ""
		if err != nil {
			for _, p := range err.(diag.List) {
				said += p.Found + " | " + p.Fix
			}
		}
		if (tt.fault == "") != (err == nil) || !strings.Contains(said, tt.fault) {
			t.Errorf("%s: %q, want %q", tt.name, said, tt.fault)
		}
		if err == nil && (x.fromTemplate == nil || len(x.steps[0].Sources) != named(tt.given.transforms())) {
			t.Errorf("%s: sources %+v", tt.name, x.steps)
		}
	}
}

// Another file given is another result: the record of an earlier run no longer
// holds.
func TestGivenFilesAreDigested(t *testing.T) {
	dir := put(t, "sub-01_desc-brain_mask.nii.gz")
	image := put(t, "sub-01_asl.nii.gz", "sub-01/anat/sub-01_T1w.nii.gz")
	key := func() string {
		c := Config{MasksDir: dir}
		var l diag.List
		c.openGiven(&l)
		ds := &bids.Dataset{Root: image}
		w := worker{c: &c, ds: ds, scans: []*bids.Scan{{Sidecar: &bids.Sidecar{}, Entities: bids.Entities{"sub": "01"}, AbsPath: filepath.Join(image, "sub-01_asl.nii.gz"),
			T1w: []string{"sub-01/anat/sub-01_T1w.nii.gz"}}}}
		k, err := w.key()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before := key()
	if before != key() {
		t.Fatal("the digest is not repeatable")
	}
	if err := os.WriteFile(filepath.Join(dir, "sub-01_desc-brain_mask.nii.gz"), []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	if key() == before {
		t.Error("a changed mask leaves the digest as it was")
	}
}

// A folder that serves nobody is a fault where everybody is processed, and a
// warning where only some are: another process may do the others. One without
// any file of use always is.
func TestGivenFolderForNobody(t *testing.T) {
	dir := t.TempDir()
	people := []person{{label: "01", scans: []*bids.Scan{{Entities: bids.Entities{"sub": "01"}, T1w: []string{"sub-01/anat/sub-01_T1w.nii.gz"}}}}}
	faults := func(all bool) int {
		c := Config{MasksDir: dir}
		var l diag.List
		c.openGiven(&l)
		l.Add(c.checkGiven(people, all, "phasl")...)
		return len(l.Errors())
	}
	if all, some := faults(true), faults(false); all != 1 || some != 1 {
		t.Errorf("an empty folder: %d faults for all, %d for some", all, some)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub-02_desc-brain_mask.nii.gz"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if all, some := faults(true), faults(false); all != 1 || some != 0 {
		t.Errorf("a folder for somebody else: %d faults for all, %d for some", all, some)
	}
}

// A transform from scan to T1w image that is the wrong way round is refused by
// name, be it by 2 mm or 20, with an M0 image or a perfusion map; the right one
// passes, and one that is off is flagged.
func TestDirectionToT1wIsChecked(t *testing.T) {
	brain := phantom.Subject{Seed: 6}.Brain()
	g := phantom.HeadGrid(3)
	d := brain.Draw(g, 1, 0)
	a := &anatomy{t1: d.T1w(phantom.T1wOptions{Blur: 1.4, Bias: 0.1, SNR: 25, Seed: 6}, 0), brain: d.BrainMask()}
	p := phantom.EPI2D()
	truth := phantom.Simulate(brain.Maps(g, p.Constants, phantom.Physiology{}, 0), p, phantom.Options{Physics: phantom.WhitePaper, Samples: 1}).Truth
	cbf := truth.CBF.Clone()
	for n, v := range cbf.Data {
		if v != v {
			cbf.Data[n] = 0
		}
	}
	path := filepath.Join(t.TempDir(), "sub-01_from-ASL_to-T1w_mode-image_xfm.txt")
	for _, tt := range []struct {
		name           string
		head           voxel.Affine // where the head lies during the scan, T1w world → ASL world
		given          voxel.Affine // the same, as the file has it
		blind          bool
		fault, flagged string
	}{
		{name: "2 mm", head: voxel.Translation(voxel.Vec{1.2, -1, 1.2})},
		{name: "2 mm, exchanged", head: voxel.Translation(voxel.Vec{1.2, -1, 1.2}), given: voxel.Translation(voxel.Vec{-1.2, 1, -1.2}), fault: "the wrong way round"},
		{name: "20 mm", head: voxel.Translation(voxel.Vec{10, -10, 14})},
		{name: "20 mm, exchanged", head: voxel.Translation(voxel.Vec{10, -10, 14}), given: voxel.Translation(voxel.Vec{-10, 10, -14}), fault: "the wrong way round"},
		{name: "perfusion", head: voxel.Translation(voxel.Vec{3, 0, 0}), blind: true},
		{name: "perfusion, exchanged", head: voxel.Translation(voxel.Vec{3, 0, 0}), given: voxel.Translation(voxel.Vec{-3, 0, 0}), blind: true, fault: "the wrong way round"},
		{name: "off by 6 mm", head: voxel.Translation(voxel.Vec{0, 8, 0}), given: voxel.Translation(voxel.Vec{6, 8, 0}), flagged: "ends 6."},
		{name: "off by 25 mm", head: voxel.Translation(voxel.Vec{0, 8, 0}), given: voxel.Translation(voxel.Vec{25, 8, 0}), flagged: "do not match there"},
	} {
		given := tt.given
		if given == (voxel.Affine{}) {
			given = tt.head
		}
		if err := atomicfile.Write(path, func(w io.Writer) error { return xfm.WriteText(w, given) }); err != nil {
			t.Fatal(err)
		}
		look := truth.M0
		if tt.blind {
			look = cbf
		}
		moved := &voxel.Image{Grid: look.Grid, Data: look.Data}
		moved.Affine = tt.head.Mul(moved.Affine)
		s := &scan{anatomy: a, look: moved, blind: tt.blind, series: &voxel.Series{Grid: moved.Grid}, given: givenScan{toT1w: path}, set: Settings{Seed: 1}}
		err := s.toT1w()
		if tt.fault != "" {
			if l, ok := err.(diag.List); !ok || !strings.Contains(l[0].Found, tt.fault) || !strings.Contains(l[0].Fix, "--inverse") || l[0].File != path {
				t.Errorf("%s: %v", tt.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if st := s.steps[0]; st.OK != (tt.flagged == "") || !strings.Contains(st.Detail, tt.flagged) {
			t.Errorf("%s: %+v", tt.name, st)
		}
	}
}
