package pipeline

import (
	"fmt"
	"math"

	"phasl/register"
	"phasl/report"
	"phasl/voxel"
)

// Steps of a scan that comes to the template without a T1w image.
const (
	directStep = "ASL to template, affine"
	bentStep   = "ASL to template, deformation"
)

// straight finds the way from the template to a scan without a T1w image: a
// rigid map by mutual information, from there an affine one by which the
// template's tissues explain perfusion and M0 (or control image) best, and from
// there a stiff deformation by the same measure. What fails its check is left
// out, and the step says so.
func (s *scan) straight() {
	s.step("register the scan to the template")
	opt := register.Options{Seed: s.set.Seed, Workers: s.set.Workers}
	look := s.look
	if s.space.bare {
		look = masked(s.look, s.mask)
	}
	rigid := register.Rigid(s.space.t1, look, opt)
	pair := s.pair()
	affine, match := register.AffinePerfusion(pair, rigid.Transform, s.set.Workers)
	values := map[string]Number{"metric": Number(rigid.Value), "overlap": Number(rigid.Overlap),
		"explained_perfusion": Number(match.Perfusion), "explained_look": Number(match.Look), "tissue_share": Number(match.Tissue), "contrast": Number(match.Contrast)}
	st := StepResult{Step: directStep, Values: values}
	// The two searches know nothing of each other's measure. Poses of a whole
	// head that fit alike, so that starts end apart, are no fault where the
	// tissues then agree.
	if fault := match.Fault(); fault == "" && rigid.Overlap > 0.5 {
		s.direct, st.OK = affine, true
		st.Detail = matchDetail(match) + fmt.Sprintf("; begun at %s %.3f, overlap %.2f", rigid.Metric, rigid.Value, rigid.Overlap)
		s.steps = append(s.steps, st)
	} else {
		old := s.byLook(rigid, look, opt)
		s.direct, st.OK = old.Transform, old.OK()
		st.Detail = fault
		if fault == "" {
			st.Detail = "scan and template hardly overlap"
		}
		st.Detail += "; the affine map by mutual information was used: " + registrationStep(directStep, old).Detail
		s.steps = append(s.steps, st)
		s.toTemplate, s.fromTemplate, s.onTemplate = s.direct, s.direct.Inverse(), st.OK
		return
	}
	s.toTemplate, s.fromTemplate, s.onTemplate = s.direct, s.direct.Inverse(), true
	if s.space.deform {
		s.step("deform the template to the scan")
		s.bendDirect(pair)
	}
}

// matchDetail says in words how well a template's tissues explain a scan. The
// first two numbers tell a right place from a wrong one; most of the last is the
// brain's edge.
func matchDetail(m register.PerfusionMatch) string {
	d := fmt.Sprintf("perfusion follows the template's tissues: grey matter has %.2g times that of white matter, and what tells tissues apart explains %.1f %% of its variance (4.5 at least), tissues and the brain's edge %.0f %%", m.Contrast, 100*m.Tissue, 100*m.Perfusion)
	if m.Look == m.Look {
		d += fmt.Sprintf(" and %.0f %% of the M0 or control image's", 100*m.Look)
	}
	return d
}

// byLook returns the affine map by mutual information alone: rigid first, as a
// slab that shows part of the head lets an affine registration stretch it, then
// affine, near there, guided by the brain.
func (s *scan) byLook(rigid register.Result, look *voxel.Image, opt register.Options) register.Result {
	if distrust(&rigid); !rigid.OK() {
		return rigid
	}
	opt.Init, opt.Local = &rigid.Transform, true
	opt.FixedMask = voxel.Dilate(s.space.brain, brainMargin, s.set.Workers)
	if fine := register.Affine(s.space.t1, look, opt); fine.OK() {
		return fine
	}
	return rigid
}

// pair returns what the scan and the template are compared by.
func (s *scan) pair() register.PerfusionPair {
	t := s.space.fractions(s.set.Workers)
	p := register.PerfusionPair{Grey: t.GM, White: t.WM, Fluid: t.CSF, TemplateBrain: s.space.brain,
		Perfusion: s.crude, Look: s.look, ScanBrain: s.mask}
	if s.blind {
		p.Look = nil
	}
	return p
}

// bendDirect bends the template onto the scan, and records how it went.
func (s *scan) bendDirect(pair register.PerfusionPair) {
	d := register.DeformablePerfusion(pair, s.direct, s.set.Workers)
	st := StepResult{Step: bentStep, OK: d.OK(),
		Detail: fmt.Sprintf("the template's tissues explain %.1f %% of the scan, with the affine part alone %.1f %%; volumes change by %.2f to %.2f; there and back %.3f mm, at most %.2f mm",
			100*d.After, 100*d.Before, d.JacobianMin, d.JacobianMax, d.InverseMean, d.InverseMax),
		Values: map[string]Number{"explained_before": Number(d.Before), "explained_after": Number(d.After),
			"jacobian_min": Number(d.JacobianMin), "jacobian_max": Number(d.JacobianMax),
			"inverse_error_mean_mm": Number(d.InverseMean), "inverse_error_max_mm": Number(d.InverseMax)}}
	if d.OK() {
		s.toTemplate, s.fromTemplate, s.bent = d.Forward, d.Inverse, true
	} else {
		st.Detail = d.Reason + "; the affine registration was used alone"
	}
	s.steps = append(s.steps, st)
}

// writeBent writes the fields between scan and template.
func (w *worker) writeBent(s *scan, k *sink) {
	meta := map[string]any{
		"Description": "Displacement field in ITK's convention (LPS, mm), the affine part included",
		"Sources":     []string{"bids:raw:" + s.in.Path}, "Units": "mm", "SpatialReference": s.space.name, "Steps": s.steps,
	}
	s.outcome.Files["asl_to_template"] = k.warp(s.toTemplate.(*voxel.Warp), "ASL", s.space.name, meta)
	s.outcome.Files["template_to_asl"] = k.warp(s.fromTemplate.(*voxel.Warp), s.space.name, "ASL", meta)
}

// directOverlays are the pictures by which a reader judges how a scan without a
// T1w image came to the template: template on scan, and, if it was bent, CBF
// without and with the deformation, and the change of volume.
func (s *scan) directOverlays(step func(string) StepResult) []report.Overlay {
	affine, bent := step(directStep), step(bentStep)
	measures := []report.Fact{factOf(affine)}
	if bent.done() {
		measures = append(measures, factOf(bent))
	}
	on := func(m *voxel.Image) *voxel.Image {
		return voxel.Average(m, s.series.Grid, s.fromTemplate, 2, s.set.Workers)
	}
	name := "ASL (M0 or control)"
	if s.blind {
		name = "ASL (difference)"
	}
	o := report.Overlay{
		Title:  "Template on the scan",
		Fixed:  report.Layer{Name: name, Image: s.look},
		Moving: report.Layer{Name: "CBF", Image: s.result.CBF, Kind: report.Perfusion, Unit: s.result.Units},
		Outlines: []report.Outline{
			{Name: "brain of the template", Mask: on(s.space.brain.Image()).Threshold(0.5)},
			{Name: "white matter of the template", Mask: on(s.space.fractions(s.set.Workers).WM).Threshold(0.5)},
		},
		Measures: measures, Failed: !affine.OK || bent.done() && !bent.OK,
		Look: "The template's brain line follows the edge of the brain; its white-matter line runs between well and poorly perfused tissue, lobe by lobe. Without a T1w image single folds do not match.",
	}
	if rs := s.space.regions; rs != nil {
		o.Labels, o.Regions = voxel.Resample(rs.onTemplate, s.series.Grid, s.fromTemplate, voxel.Nearest, s.set.Workers), rs.outlined
	}
	out := []report.Overlay{o}
	w, ok := s.toTemplate.(*voxel.Warp)
	if !s.bent || !ok {
		return out
	}
	before := voxel.Resample(s.result.CBF, s.space.t1.Grid, s.direct, voxel.Linear, s.set.Workers)
	keepBrain(before, s.space.brain)
	change := w.Jacobian(s.set.Workers)
	size := s.direct.Det()
	for n, v := range change.Data {
		change.Data[n] = float32(math.Log2(float64(v) / size)) // folds were refused
	}
	keepBrain(change, s.space.brain)
	v := func(name string) float64 { return float64(bent.Values[name]) }
	brain := report.Outline{Name: "template brain", Mask: s.space.brain}
	return append(out, report.Overlay{
		Title:    "CBF laid onto the template, without and with the deformation",
		Fixed:    report.Layer{Name: "CBF, deformed", Image: s.stdCBF, Kind: report.Perfusion, Unit: s.result.Units},
		Moving:   report.Layer{Name: "CBF, affine", Image: before, Kind: report.Perfusion, Unit: s.result.Units},
		Outlines: []report.Outline{brain, {Name: "white matter of the template", Mask: s.space.fractions(s.set.Workers).WM.Threshold(0.5)}},
		Measures: []report.Fact{{Name: "explained by the template's tissues", Value: fmt.Sprintf("%.1f %%, affine %.1f", 100*v("explained_after"), 100*v("explained_before"))}},
		Look:     "After the deformation poorly perfused white matter and ventricles fill the template's lines better than before, and no place is smeared.",
	}, report.Overlay{
		Title:    "Local change of volume by the deformation",
		Fixed:    report.Layer{Name: "change of volume", Image: change, Kind: report.Effect, Unit: "log₂"},
		Moving:   report.Layer{Name: "template " + s.space.name, Image: s.space.t1},
		Outlines: []report.Outline{brain},
		Measures: []report.Fact{
			{Name: "determinant", Value: fmt.Sprintf("%.2f to %.2f", v("jacobian_min"), v("jacobian_max"))},
			{Name: "there and back", Value: fmt.Sprintf("%.3f on average, %.2f at most", v("inverse_error_mean_mm"), v("inverse_error_max_mm")), Unit: "mm"},
		},
		Look: "The person's volume over the template's, log₂ of the Jacobian determinant, the affine part divided out. Smooth patches within ±½ are usual: the field is stiff, since perfusion shows lobes, not folds.",
	})
}
