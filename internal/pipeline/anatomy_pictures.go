package pipeline

import (
	"fmt"
	"path/filepath"

	"phasl/report"
	"phasl/voxel"
)

// picture prepares the overlays of the anatomy for the report.
func (a *anatomy) picture(s *space, workers int) {
	small := coarser(a.t1.Grid, pagePixel)
	t1 := voxel.Average(a.t1, small, nil, 2, workers)
	a.pictureTissues(t1, workers)
	if s == nil {
		return
	}
	if a.placed == nil {
		a.pictureLaidOn(s, a.tried, workers)
		return
	}
	a.pictureTemplate(s, t1, workers)
	if !a.placed.bent() {
		a.pictureLaidOn(s, a.placed.affine, workers)
		return
	}
	how := a.step(deformationStep)
	if a.placed.given {
		how = a.step(givenTransformStep)
	}
	a.pictureBeforeAfter(s, how, workers)
	a.pictureJacobian(s, how)
}

// pagePixel is how fine pictures of a T1w image are [mm]: the page shows no
// more.
const pagePixel = 2.0

// step returns the outcome of a step, the zero value if it was not done.
func (a *anatomy) step(name string) StepResult {
	for _, st := range a.steps {
		if st.Step == name {
			return st
		}
	}
	return StepResult{}
}

// done reports whether a step was done, and factOf shows its outcome.
func (s StepResult) done() bool { return s.Step != "" }

func factOf(s StepResult) report.Fact { return report.Fact{Name: s.Step, Value: s.Detail} }

// fitFacts are the numbers that say how well the tissues of T1w image and
// template agree, and what is wrong with them, if anything is.
func (a *anatomy) fitFacts() (out []report.Fact) {
	st := a.step(overlapStep)
	for _, f := range [][2]string{{"gm_dice", "Dice, grey matter"}, {"wm_dice", "Dice, white matter"}} {
		v := fmt.Sprintf("%.2f", float64(st.Values[f[0]]))
		if before, ok := st.Values[f[0]+"_affine"]; ok && a.placed.bent() {
			v += fmt.Sprintf(", affine %.2f", float64(before))
		}
		if free, ok := st.Values[f[0]+"_without_priors"]; ok {
			v += fmt.Sprintf(", without priors %.2f", float64(free))
		}
		out = append(out, report.Fact{Name: f[1], Value: v})
	}
	if !st.OK {
		out = append(out, factOf(st))
	}
	return out
}

// faultsOf shows the outcome of the steps that failed.
func faultsOf(steps ...StepResult) (out []report.Fact, failed bool) {
	for _, st := range steps {
		if st.done() && !st.OK {
			out, failed = append(out, factOf(st)), true
		}
	}
	return out, failed
}

// pictureTissues shows brain mask and tissues on the T1w image.
func (a *anatomy) pictureTissues(t1 *voxel.Image, workers int) {
	show := func(m *voxel.Image) *voxel.Image { return voxel.Average(m, t1.Grid, nil, 2, workers) }
	o := report.Overlay{
		Title:  "Brain mask and tissues on the T1w image",
		Fixed:  report.Layer{Name: "T1w", Image: t1},
		Moving: report.Layer{Name: "grey matter fraction", Image: show(a.tissues.GM)},
		Outlines: []report.Outline{
			{Name: "brain", Mask: show(a.brain.Image()).Threshold(0.5)},
			{Name: "white matter", Mask: show(a.tissues.WM).Threshold(0.5)},
		},
		Measures: []report.Fact{{Name: "image", Value: filepath.Base(a.file)}},
		Look:     "The brain line follows the surface of the brain, without scalp or neck; the white-matter line follows the inner edge of the cortex.",
	}
	for _, name := range []string{brainT1Step, givenBrainStep, segmentStep, givenTissueStep} {
		if st := a.step(name); st.done() {
			o.Measures, o.Failed = append(o.Measures, factOf(st)), o.Failed || !st.OK
		}
	}
	a.overlays = append(a.overlays, o)
}

// pictureTemplate shows what the template says of the T1w image: brain, white
// matter and regions carried onto it.
func (a *anatomy) pictureTemplate(s *space, t1 *voxel.Image, workers int) {
	way := a.placed.toTemplate()
	on := func(m *voxel.Image) *voxel.Image { return voxel.Resample(m, t1.Grid, way, voxel.Linear, workers) }
	o := report.Overlay{
		Title:  "Template on the T1w image",
		Fixed:  report.Layer{Name: "T1w", Image: t1},
		Moving: report.Layer{Name: "template " + s.name, Image: on(s.t1)},
		Outlines: []report.Outline{
			{Name: "brain of the template", Mask: on(s.brain.Image()).Threshold(0.5)},
			{Name: "white matter of the template", Mask: on(s.fractions(workers).WM).Threshold(0.5)},
		},
		Look: "The template's lines lie on the person's brain surface and on the inner edge of the cortex; the regions of interest lie on the grey matter of the anterior cingulate.",
	}
	o.Measures, o.Failed = faultsOf(a.step(affineStep), a.step(deformationStep))
	o.Measures = append(a.fitFacts(), o.Measures...)
	o.Failed = o.Failed || !a.step(overlapStep).OK
	if st := a.step(givenTransformStep); st.done() {
		o.Measures = append(o.Measures, factOf(st))
	}
	if rs := s.regions; rs != nil {
		o.Labels, o.Regions = voxel.Resample(rs.onTemplate, t1.Grid, way, voxel.Nearest, workers), rs.outlined
	}
	a.overlays = append(a.overlays, o)
}

// numbers shows those of the deformation, or which file it was taken from.
func (a *anatomy) numbers(how StepResult, what string) []report.Fact {
	v := func(name string) float64 { return float64(how.Values[name]) }
	switch {
	case a.placed.given:
		return []report.Fact{factOf(how)}
	case what == "correlation":
		return []report.Fact{{Name: "local correlation", Value: fmt.Sprintf("%.2f, affine %.2f", v("correlation_after"), v("correlation_before"))}}
	}
	return []report.Fact{
		{Name: "determinant", Value: fmt.Sprintf("%.2f to %.2f", v("jacobian_min"), v("jacobian_max"))},
		{Name: "there and back", Value: fmt.Sprintf("%.3f on average, %.2f at most", v("inverse_error_mean_mm"), v("inverse_error_max_mm")), Unit: "mm"},
	}
}

// pictureLaidOn shows the T1w image on the template by an affine map.
func (a *anatomy) pictureLaidOn(s *space, t voxel.Affine, workers int) {
	st := a.step(affineStep)
	if a.placed != nil && a.placed.given {
		st = a.step(givenTransformStep)
	}
	a.overlays = append(a.overlays, report.Overlay{
		Title:    "T1w image laid onto the template",
		Fixed:    report.Layer{Name: "template " + s.name, Image: s.t1},
		Moving:   report.Layer{Name: "T1w", Image: voxel.Resample(a.t1, s.t1.Grid, t, voxel.Linear, workers)},
		Outlines: []report.Outline{{Name: "template brain", Mask: s.brain}},
		Measures: facts(st),
		Failed:   !st.OK,
		Look:     "Flicking between the two, the outer edge of the brain, the ventricles and the corpus callosum stay where they are. An affine registration does not match single folds.",
	})
}

// pictureBeforeAfter shows what the deformation did.
func (a *anatomy) pictureBeforeAfter(s *space, how StepResult, workers int) {
	laid := func(t voxel.Transform) *voxel.Image {
		return voxel.Average(a.t1, s.t1.Grid, t, 2, workers)
	}
	a.overlays = append(a.overlays, report.Overlay{
		Title:  "T1w image laid onto the template, without and with the deformation",
		Fixed:  report.Layer{Name: "T1w, affine", Image: laid(a.placed.affine)},
		Moving: report.Layer{Name: "T1w, deformed", Image: laid(a.placed.forward)},
		Outlines: []report.Outline{
			{Name: "template brain", Mask: s.brain},
			{Name: "white matter of the template", Mask: s.fractions(workers).WM.Threshold(0.5)},
		},
		Measures: append(a.fitFacts(), a.numbers(how, "correlation")...),
		Failed:   !how.OK,
		Look:     "After the deformation white matter and ventricles fill the template's lines better than before, and no place is smeared or folded.",
	})
}

// pictureJacobian maps how much the deformation grows or shrinks each place.
func (a *anatomy) pictureJacobian(s *space, how StepResult) {
	st := a.step(volumeStep)
	a.overlays = append(a.overlays, report.Overlay{
		Title:    "Local change of volume by the deformation",
		Fixed:    report.Layer{Name: "change of volume", Image: a.change, Kind: report.Effect, Unit: "log₂"},
		Moving:   report.Layer{Name: "template " + s.name, Image: s.t1},
		Outlines: []report.Outline{{Name: "template brain", Mask: s.brain}},
		Measures: append(a.numbers(how, "jacobian"), a.extreme),
		Failed:   !how.OK || !st.OK,
		Look:     "The person's volume over the template's, log₂ of the Jacobian determinant, the affine part divided out. Smooth patches, usually within ±1 (half to twice the volume). Sharp spots of strong colour inside the brain are places where the images were forced to match.",
	})
}
