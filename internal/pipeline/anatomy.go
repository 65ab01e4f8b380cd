package pipeline

import (
	"fmt"

	"phasl/nifti"
	"phasl/register"
	"phasl/report"
	"phasl/tissue"
	"phasl/voxel"
)

// An anatomy is what the T1w image of a person tells.
type anatomy struct {
	file     string // relative to the dataset
	t1       *voxel.Image
	brain    *voxel.Mask
	tissues  *tissue.Tissues
	placed   *placement   // nil if no registration to the template passed its check
	tried    voxel.Affine // template world → T1w world, the affine map found, good or not
	change   *voxel.Image // of volume by the deformation [log₂], on the template's grid; nil without one
	extreme  report.Fact  // where that is more than fourfold
	steps    []StepResult
	overlays []report.Overlay
	files    map[string]string // derivatives by what they hold, once written
	written  bool
}

// brainMargin is how far beyond the brain's edge [mm] voxels still guide the
// registration of brains: enough to see the edge, too little to follow scalp.
const brainMargin = 4.0

// readAnatomy registers a T1w image to the template, finds its brain and
// segments it. Without a template (s nil) brain and tissues come from the
// image alone. What g names is taken from there instead.
func readAnatomy(path, file string, s *space, g givenAnatomy, set Settings, step func(string)) (*anatomy, error) {
	step("read the T1w image")
	t1, _, err := nifti.ReadImage(path)
	if err != nil {
		return nil, err
	}
	a := &anatomy{file: file, t1: t1}
	opt := register.Options{Seed: set.Seed, Workers: set.Workers}
	if s != nil && g.begin != "" {
		begin, err := affineFile(g.begin, s.t1.Grid, t1.Grid)
		if err != nil {
			return nil, err
		}
		opt.Init, opt.Local = &begin, true
	}
	switch {
	case s == nil:
	case g.toTemplate != "":
		step("read the given transform")
		if err := a.takeTransform(s, g, set.Workers); err != nil {
			return nil, err
		}
	case !s.bare:
		step("register the T1w image to the template")
		a.registerHead(s, opt)
	}
	step("find the brain in the T1w image")
	if err := a.findBrain(s, g, set.Workers); err != nil {
		return nil, err
	}
	if s != nil && s.bare && g.toTemplate == "" {
		step("register the T1w brain to the template")
		opt.FixedMask = voxel.Dilate(s.brain, brainMargin, set.Workers)
		r := register.Affine(s.t1, masked(t1, a.brain), opt)
		distrust(&r)
		a.place(r)
	}
	if opt.Init != nil {
		for i := range a.steps {
			if a.steps[i].Step == affineStep {
				if err := a.steps[i].from("begun at", g.begin); err != nil {
					return nil, err
				}
			}
		}
	}
	if a.placed != nil && s.deform && !a.placed.given {
		step("deform the template to the T1w image")
		a.bend(s, set)
	}
	if a.tissues == nil {
		step("segment the T1w image")
		a.segment(s, set.Workers)
	}
	if a.placed != nil {
		o := a.compareTissues(s, set.Workers)
		if a.placed.given && o.mean() < strangeOverlap {
			return nil, refused(g.toTemplate, "give the transform that carries images of the T1w's space to the template; if there are two files, their directions may be exchanged",
				"it lays grey and white matter of %s where the template has none (Dice %.2f and %.2f)", file, o.gm, o.wm)
		}
		if a.placed.bent() {
			a.measureChange(s, set.Workers)
		}
	}
	a.picture(s, set.Workers)
	return a, nil
}

// registerHead registers the whole head to the template's by an affine map:
// first as a whole, then, near there, guided by the brain alone.
func (a *anatomy) registerHead(s *space, opt register.Options) {
	r := register.Affine(s.t1, a.t1, opt)
	if distrust(&r); r.OK() {
		near := opt
		near.Init, near.Local = &r.Transform, true
		near.FixedMask = voxel.Dilate(s.brain, brainMargin, opt.Workers)
		if fine := register.Affine(s.t1, a.t1, near); fine.OK() {
			r = fine
		}
	}
	a.place(r)
}

// findBrain finds the brain, or takes it, and tissues, from what was given. If
// the template is placed, its mask pulled onto the T1w image says where to
// look.
func (a *anatomy) findBrain(s *space, g givenAnatomy, workers int) (err error) {
	if g.brain != "" {
		if a.brain, err = maskFile(g.brain, a.t1.Grid, workers); err != nil {
			return err
		}
		st, err := taken(givenBrainStep, g.brain)
		if err != nil {
			return err
		}
		a.steps = append(a.steps, st)
	}
	if err := a.takeTissues(g, workers); err != nil || a.brain != nil {
		return err
	}
	var prior *voxel.Image
	if a.placed != nil {
		prior = voxel.Resample(s.brain.Image(), a.t1.Grid, a.placed.toTemplate(), voxel.Linear, workers)
	}
	brain, rep := tissue.BrainT1(a.t1, tissue.BrainOptions{Prior: prior, Workers: workers})
	a.brain = brain
	a.steps = append(a.steps, brainStep(brainT1Step, rep.Method, rep.Fallback, rep.Notes, rep.Volume))
	return nil
}

// segment finds the tissues, with the template's as priors if they are known.
func (a *anatomy) segment(s *space, workers int) {
	opt := tissue.SegmentOptions{Workers: workers}
	if p := a.priors(s, workers); p != nil {
		opt.PriorGM, opt.PriorWM, opt.PriorCSF = p.GM, p.WM, p.CSF
	}
	tis, rep := tissue.Segment(a.t1, a.brain, opt)
	tis.Bias = nil // a whole head of memory that nobody asks for
	a.tissues = tis
	a.steps = append(a.steps, StepResult{Step: segmentStep, OK: rep.Fallback == "" && rep.Converged,
		Detail: join(append([]string{rep.Method, rep.Fallback}, rep.Notes...)),
		Values: map[string]Number{"csf_ml": Number(rep.Volume[0]), "gm_ml": Number(rep.Volume[1]), "wm_ml": Number(rep.Volume[2])}})
}

// Names of steps in results and flags.
const (
	brainT1Step     = "brain mask of the T1w image"
	segmentStep     = "tissue segmentation"
	affineStep      = "T1w to template, affine"
	deformationStep = "T1w to template, deformation"
	overlapStep     = "tissue overlap with the template"
)

// place takes over the registration template → T1w.
func (a *anatomy) place(r register.Result) {
	a.steps = append(a.steps, registrationStep(affineStep, r))
	a.tried = r.Transform
	if r.OK() {
		a.placed = &placement{affine: r.Transform}
	}
}

func brainStep(name, method, fallback string, notes []string, volume float64) StepResult {
	return StepResult{Step: name, OK: fallback == "", Detail: join(append([]string{method, fallback}, notes...)),
		Values: map[string]Number{"volume_ml": Number(volume)}}
}

func registrationStep(name string, r register.Result) StepResult {
	detail := fmt.Sprintf("%s %.3f, overlap %.2f, %d of %d refined starts agree", r.Metric, r.Value, r.Overlap, r.Agreeing, r.Refined)
	if !r.OK() {
		detail = r.Reason + "; " + detail
	}
	return StepResult{Step: name, OK: r.OK(), Detail: detail,
		Values: map[string]Number{"metric": Number(r.Value), "overlap": Number(r.Overlap)}}
}

// facts shows a step's outcome as measures of an overlay.
func facts(s StepResult) []report.Fact {
	return []report.Fact{{Name: "check", Value: s.Detail}}
}

// join strings that are not empty with semicolons.
func join(parts []string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += "; "
		}
		out += p
	}
	return out
}
