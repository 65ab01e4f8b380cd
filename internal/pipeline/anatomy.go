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
// image alone.
func readAnatomy(path, file string, s *space, set Settings, step func(string)) (*anatomy, error) {
	step("read the T1w image")
	t1, _, err := nifti.ReadImage(path)
	if err != nil {
		return nil, err
	}
	a := &anatomy{file: file, t1: t1}
	opt := register.Options{Seed: set.Seed, Workers: set.Workers}

	var prior *voxel.Image
	if s != nil && !s.bare {
		step("register the T1w image to the template")
		r := register.Affine(s.t1, t1, opt)
		if distrust(&r); r.OK() {
			// The template's mask, pulled onto the T1w image.
			prior = voxel.Resample(s.brain.Image(), t1.Grid, r.Transform.Inverse(), voxel.Linear, set.Workers)
			near := opt
			near.Init, near.Local = &r.Transform, true
			near.FixedMask = voxel.Dilate(s.brain, brainMargin, set.Workers)
			if fine := register.Affine(s.t1, t1, near); fine.OK() {
				r = fine
			}
		}
		a.place(r)
	}
	step("find the brain in the T1w image")
	brain, rep := tissue.BrainT1(t1, tissue.BrainOptions{Prior: prior, Workers: set.Workers})
	a.brain = brain
	a.steps = append(a.steps, brainStep(brainT1Step, rep.Method, rep.Fallback, rep.Notes, rep.Volume))
	if s != nil && s.bare {
		step("register the T1w brain to the template")
		o := opt
		o.FixedMask = voxel.Dilate(s.brain, brainMargin, set.Workers)
		r := register.Affine(s.t1, masked(t1, brain), o)
		distrust(&r)
		a.place(r)
	}

	if a.placed != nil && s.deform {
		step("deform the template to the T1w image")
		a.bend(s, set)
	}

	step("segment the T1w image")
	segment := tissue.SegmentOptions{Workers: set.Workers}
	if p := a.priors(s, set.Workers); p != nil {
		segment.PriorGM, segment.PriorWM, segment.PriorCSF = p.GM, p.WM, p.CSF
	}
	tis, srep := tissue.Segment(t1, brain, segment)
	tis.Bias = nil // a whole head of memory that nobody asks for
	a.tissues = tis
	a.steps = append(a.steps, StepResult{Step: segmentStep, OK: srep.Fallback == "" && srep.Converged,
		Detail: join(append([]string{srep.Method, srep.Fallback}, srep.Notes...)),
		Values: map[string]Number{"csf_ml": Number(srep.Volume[0]), "gm_ml": Number(srep.Volume[1]), "wm_ml": Number(srep.Volume[2])}})
	if a.placed != nil {
		a.compareTissues(s, set.Workers)
	}
	a.picture(s, set.Workers)
	return a, nil
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
