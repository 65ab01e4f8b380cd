package pipeline

import (
	"fmt"
	"path/filepath"

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
	placed   bool         // registration to the template passed its check
	template voxel.Affine // template world → T1w world, if placed
	steps    []StepResult
	overlays []report.Overlay
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
	a.steps = append(a.steps, brainStep("brain mask of the T1w image", rep.Method, rep.Fallback, rep.Notes, rep.Volume))
	if s != nil && s.bare {
		step("register the T1w brain to the template")
		o := opt
		o.FixedMask = voxel.Dilate(s.brain, brainMargin, set.Workers)
		r := register.Affine(s.t1, masked(t1, brain), o)
		distrust(&r)
		a.place(r)
	}

	step("segment the T1w image")
	tis, srep := tissue.Segment(t1, brain, tissue.SegmentOptions{Workers: set.Workers})
	tis.Bias = nil // a whole head of memory that nobody asks for
	a.tissues = tis
	a.steps = append(a.steps, StepResult{Step: "tissue segmentation", OK: srep.Fallback == "" && srep.Converged,
		Detail: join(append([]string{srep.Method, srep.Fallback}, srep.Notes...)),
		Values: map[string]Number{"csf_ml": Number(srep.Volume[0]), "gm_ml": Number(srep.Volume[1]), "wm_ml": Number(srep.Volume[2])}})
	a.picture(s, set.Workers)
	return a, nil
}

// place takes over the registration template → T1w.
func (a *anatomy) place(r register.Result) {
	a.steps = append(a.steps, registrationStep("T1w to template, affine", r))
	a.placed, a.template = r.OK(), r.Transform
}

// picture prepares the overlays of the anatomy for the report.
func (a *anatomy) picture(s *space, workers int) {
	edge := func(m *voxel.Image) *voxel.Mask { return m.Threshold(0.5) }
	small := a.t1.Grid.WithSpacing(voxel.Vec{2, 2, 2}) // the page needs no more
	show := func(m *voxel.Image) *voxel.Image { return voxel.Average(m, small, voxel.Identity(), 2, workers) }
	measures := []report.Fact{{Name: "image", Value: filepath.Base(a.file)}}
	failed := false
	for _, st := range a.steps {
		if st.Step == "tissue segmentation" || st.Step == "brain mask of the T1w image" {
			measures = append(measures, report.Fact{Name: st.Step, Value: st.Detail})
			failed = failed || !st.OK
		}
	}
	a.overlays = append(a.overlays, report.Overlay{
		Title:  "Brain mask and tissues on the T1w image",
		Fixed:  report.Layer{Name: "T1w", Image: show(a.t1)},
		Moving: report.Layer{Name: "grey matter fraction", Image: show(a.tissues.GM)},
		Outlines: []report.Outline{
			{Name: "brain", Mask: edge(show(a.brain.Image()))},
			{Name: "white matter", Mask: edge(show(a.tissues.WM))},
		},
		Measures: measures,
		Failed:   failed,
		Look:     "The brain line follows the surface of the brain, without scalp or neck; the white-matter line follows the inner edge of the cortex.",
	})
	if s == nil {
		return
	}
	last := a.steps[0]
	for _, st := range a.steps {
		if st.Step == "T1w to template, affine" {
			last = st
		}
	}
	a.overlays = append(a.overlays, report.Overlay{
		Title:    "T1w image laid onto the template",
		Fixed:    report.Layer{Name: "template " + s.name, Image: s.t1},
		Moving:   report.Layer{Name: "T1w", Image: voxel.Resample(a.t1, s.t1.Grid, a.template, voxel.Linear, workers)},
		Outlines: []report.Outline{{Name: "template brain", Mask: s.brain}},
		Measures: facts(last),
		Failed:   !last.OK,
		Look:     "Flicking between the two, the outer edge of the brain, the ventricles and the corpus callosum stay where they are. An affine registration does not match single folds.",
	})
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
