package pipeline

import (
	"strings"
	"testing"

	"phasl/phantom"
	"phasl/register"
	"phasl/tissue"
	"phasl/voxel"
)

// templateSpace is the phantom's template as a space.
func templateSpace() (*space, *phantom.Template) {
	tpl := phantom.NewTemplate(0)
	return &space{name: phantom.Space, t1: tpl.T1w, brain: tpl.Mask, deform: true,
		priors: &tissue.Tissues{GM: tpl.Grey, WM: tpl.White, CSF: tpl.CSF}}, tpl
}

// Where nothing can be deformed the affine placement stays and the step says
// why, which the scan's flags repeat.
func TestNoDeformationLeavesTheAffine(t *testing.T) {
	s, tpl := templateSpace()
	flat := voxel.NewImage(tpl.T1w.Grid)
	for n := range flat.Data {
		flat.Data[n] = 100
	}
	a := &anatomy{t1: flat, brain: tpl.Mask, placed: &placement{affine: voxel.Identity()}}
	a.bend(s, Settings{})
	st := a.step(deformationStep)
	if a.placed.bent() || st.OK || !strings.Contains(st.Detail, "the affine registration was used alone") {
		t.Errorf("after an image of one value: bent %v, %+v", a.placed.bent(), st)
	}
	if _, ok := a.placed.toT1w().(voxel.Affine); !ok {
		t.Errorf("the way to the T1w image is %T, want an affine map", a.placed.toT1w())
	}
}

// A deformation that lays tissues worse than the affine map is taken back; one
// that the user gave is kept and flagged.
func TestWorseDeformationIsTakenBack(t *testing.T) {
	s, tpl := templateSpace()
	away := sampled(voxel.Translation(voxel.Vec{9, 0, 0}), tpl.T1w.Grid, 0)
	for _, given := range []bool{false, true} {
		a := &anatomy{t1: tpl.T1w, brain: tpl.Mask, tissues: s.priors,
			placed: &placement{affine: voxel.Identity(), forward: away, inverse: away, given: given}}
		a.compareTissues(s, 0)
		st := a.step(overlapStep)
		if a.placed.bent() != given || st.OK {
			t.Errorf("given %v: bent %v, %+v", given, a.placed.bent(), st)
		}
		if want := 1.0; !given && float64(st.Values["gm_dice"]) != want { // the template with itself
			t.Errorf("Dice of grey matter with the template itself is %g", float64(st.Values["gm_dice"]))
		}
	}
}

// A start that the user gives is where the search begins: a head that lies on
// its side far away is found at once.
func TestGivenStart(t *testing.T) {
	s, _ := templateSpace()
	turn := voxel.Translation(voxel.Vec{400, -250, 90}).Mul(voxel.Rotation(voxel.Vec{0, 1.4, 0}))
	who := phantom.Subject{Seed: 3, Affine: true}
	t1 := who.Brain().Draw(phantom.HeadGrid(4), 1, 0).T1w(phantom.T1wOptions{Blur: 2}, 0)
	t1.Affine = turn.Mul(t1.Affine) // the same head elsewhere
	// As a person would place it: 8 mm and some degrees off.
	begin := turn.Mul(voxel.Translation(voxel.Vec{5, -4, 5}).Mul(voxel.Rotation(voxel.Vec{0.05, 0, 0.05})))
	a := &anatomy{t1: t1}
	a.registerHead(s, register.Options{Seed: 1, Init: &begin, Local: true})
	if a.placed == nil {
		t.Fatalf("not placed: %+v", a.steps)
	}
	truth := who.FromTemplate()
	sum, n := 0.0, 0.0
	everyInside(s.brain, func(x voxel.Vec) {
		sum, n = sum+voxel.Distance(a.placed.affine.Map(x), turn.Map(truth.Map(x))), n+1
	})
	if e := sum / n; !(e < 0.5) { // an eighth of a voxel
		t.Errorf("misplaced by %.2f mm", e)
	}
}
