package pipeline

import (
	"fmt"
	"math"

	"phasl/register"
	"phasl/tissue"
	"phasl/voxel"
)

// A placement is the way between the template's world and that of a T1w image.
type placement struct {
	affine voxel.Affine // template → T1w without the deformation

	// With the deformation, the affine part included: template → T1w on the
	// template's grid, and back. Both are nil if the affine map stands alone.
	forward, inverse *voxel.Warp

	given bool // by the user: not to be changed
}

// toT1w maps the template's world to the T1w image's.
func (p *placement) toT1w() voxel.Transform {
	if p.forward != nil {
		return p.forward
	}
	return p.affine
}

// toTemplate maps the T1w image's world to the template's.
func (p *placement) toTemplate() voxel.Transform {
	if p.inverse != nil {
		return p.inverse
	}
	return p.affine.Inverse()
}

// bent reports whether there is a deformation.
func (p *placement) bent() bool { return p != nil && p.forward != nil }

// Registrations of a T1w image to the template.
const (
	registerSyN    = "syn"    // affine, then a deformation
	registerAffine = "affine" // affine alone

	// registerPerfusion: of a scan without a T1w image, affine, then a
	// deformation by perfusion.
	registerPerfusion = "perfusion"
)

// bend finds the deformation between template and T1w image, to be begun at
// the affine placement p, and records how it went. Where it is not to be
// trusted the affine placement stays.
//
// The brain alone guides it: heads differ in what lies around the brain, and
// the template has no counterpart for much of it.
func (a *anatomy) bend(s *space, set Settings) {
	opt := register.DeformableOptions{
		Init: &a.placed.affine, FixedMask: voxel.Dilate(s.brain, brainMargin, set.Workers),
		Seed: set.Seed, Workers: set.Workers,
	}
	// The field follows nothing finer than the coarser of the two images.
	opt.Spacing = max(math.Cbrt(s.t1.VoxelVolume()), math.Cbrt(a.t1.VoxelVolume()), 1)
	opt.UpdateSigma = pooled(opt.Spacing)
	fixed, moving := s.t1, a.t1
	if s.bare || a.bare() { // one shows no more than the brain: nor must the other
		fixed, moving, opt.MovingMask = masked(s.t1, s.brain), masked(a.t1, a.brain), voxel.Dilate(a.brain, brainMargin, set.Workers)
	}
	d := register.Deformable(fixed, moving, opt)
	st := StepResult{Step: deformationStep, OK: d.OK(),
		Detail: fmt.Sprintf("local correlation %.3f, with the affine part alone %.3f; volumes change by %.2f to %.2f; there and back %.3f mm, at most %.2f mm",
			d.After, d.Before, d.JacobianMin, d.JacobianMax, d.InverseMean, d.InverseMax),
		Values: map[string]Number{"correlation_before": Number(d.Before), "correlation_after": Number(d.After),
			"jacobian_min": Number(d.JacobianMin), "jacobian_max": Number(d.JacobianMax),
			"inverse_error_mean_mm": Number(d.InverseMean), "inverse_error_max_mm": Number(d.InverseMax)}}
	if d.OK() {
		a.placed.forward, a.placed.inverse = d.Forward, thinned(d.Inverse, set.Workers)
	} else {
		st.Detail = d.Reason + "; the affine registration was used alone"
	}
	a.steps = append(a.steps, st)
}

// pooled is the σ of the neighbourhoods that move as one [mm], for a finest
// spacing [mm]: see docs/methods/anatomy.md.
func pooled(spacing float64) float64 { return 2 * spacing }

// thinned returns a smooth field on no finer a grid than it needs: that of a
// T1w image of 1 mm is eight times as large as what it says.
func thinned(w *voxel.Warp, workers int) *voxel.Warp {
	g := coarser(w.Grid, fieldSpacing)
	if g == w.Grid {
		return w
	}
	var disp [3][]float32
	for c, d := range w.Disp {
		disp[c] = voxel.Resample(&voxel.Image{Grid: w.Grid, Data: d}, g, nil, voxel.Linear, workers).Data
	}
	return voxel.NewWarp(g, disp)
}

// fieldSpacing is how fine the field from the T1w image to the template is
// kept [mm]. At 2 mm, there and back differ by 0.06 mm on average in a real
// head, at 1 mm by 0.02.
const fieldSpacing = 2.0

// coarser returns the grid of the box of g with no voxel narrower than
// spacing [mm].
func coarser(g voxel.Grid, spacing float64) voxel.Grid {
	size := g.Spacing()
	for i := range size {
		if size[i] < 0.99*spacing {
			size[i] = spacing
		}
	}
	if size == g.Spacing() {
		return g
	}
	return g.WithSpacing(size)
}

// bare reports whether the T1w image shows hardly anything but the brain.
func (a *anatomy) bare() bool { return isBare(a.t1, a.brain) }

// The Dice coefficients of grey and white matter below which the fit of T1w
// image and template is flagged, of affine maps and of deformations. How they
// were chosen, and which misplacements they find, is in docs/methods/anatomy.md.
var (
	leastAffine = overlap{gm: 0.58, wm: 0.60}
	leastBent   = overlap{gm: 0.66, wm: 0.70}
)

// strangeOverlap is the mean Dice coefficient below which a transform that was
// given is refused: that of a real person was 0.2 with its two directions
// exchanged, and above 0.6 by the right affine map.
const strangeOverlap = 0.4

// An overlap is how well the tissues of T1w image and template agree: Dice
// coefficients of the voxels that are mostly grey, mostly white matter.
type overlap struct{ gm, wm float64 }

func (o overlap) mean() float64 { return (o.gm + o.wm) / 2 }

// reaches reports whether both coefficients are at least those of least; false
// of NaN.
func (o overlap) reaches(least overlap) bool { return o.gm >= least.gm && o.wm >= least.wm }

// compareTissues measures the overlap of tissues, records it, and takes the
// deformation back if the affine map alone does better. It returns the overlap
// that stands.
//
// Fractions that were found with the template's priors came by the same way
// and agree with the template more than the image does: the fit, and whether the
// deformation is kept, are then judged by a segmentation of its own, without
// priors.
func (a *anatomy) compareTissues(s *space, workers int) overlap {
	own := s.fractions(workers)
	through := func(ts *tissue.Tissues, t voxel.Transform) overlap {
		there := ts.ToGrid(s.t1.Grid, t, 0, workers)
		return overlap{dice(own.GM, there.GM), dice(own.WM, there.WM)}
	}
	st := StepResult{Step: overlapStep, OK: true, Values: map[string]Number{}}
	judge, alone := a.tissues, ""
	if s.priors != nil && !a.step(givenTissueStep).done() {
		if ts := a.withoutPriors(workers); ts != nil {
			judge, alone = ts, "the tissues segmented without the template's priors: "
		} else {
			st.Detail = "; the image alone does not tell the tissues, so that the template's priors vouch for themselves"
		}
	}
	both := func(t voxel.Transform) (judged, shown overlap) {
		shown = through(a.tissues, t)
		if judged = shown; alone != "" {
			judged = through(judge, t)
		}
		return judged, shown
	}
	judged, now := both(a.placed.toT1w())
	taken := ""
	if a.placed.bent() && !a.placed.given {
		before, affine := both(a.placed.affine)
		st.Detail = fmt.Sprintf(" (with the affine part alone %.2f, %.2f)", affine.gm, affine.wm) + st.Detail
		st.Values["gm_dice_affine"], st.Values["wm_dice_affine"] = Number(affine.gm), Number(affine.wm)
		if judged.mean() < before.mean() {
			taken = "the deformation did not raise the overlap and was not used: "
			if before.mean()-judged.mean() > 0.01 { // else the affine map is all there is to find
				st.OK, taken = false, "the deformation lowered the overlap and was not used: "
			}
			a.placed.forward, a.placed.inverse = nil, nil
			judged, now = before, affine
		}
	}
	st.Detail = fmt.Sprintf("%sDice %.2f of grey matter, %.2f of white matter", taken, now.gm, now.wm) + st.Detail
	st.Values["gm_dice"], st.Values["wm_dice"] = Number(now.gm), Number(now.wm)
	if alone != "" {
		st.Detail += fmt.Sprintf("; %s%.2f, %.2f", alone, judged.gm, judged.wm)
		st.Values["gm_dice_without_priors"], st.Values["wm_dice_without_priors"] = Number(judged.gm), Number(judged.wm)
	}
	least := leastAffine
	if a.placed.bent() {
		least = leastBent
	}
	if !judged.reaches(least) {
		st.OK = false
		st.Detail = fmt.Sprintf("the tissues of T1w image and template agree less than they do where the registration is right (%.2f, %.2f at least): %s", least.gm, least.wm, st.Detail)
	}
	a.steps = append(a.steps, st)
	return now
}

// checkSpacing is how fine the segmentation is that judges the fit [mm]:
// that of templates, and coarse enough to be quick.
const checkSpacing = 2.0

// withoutPriors segments the T1w image, at no finer a resolution than the check
// needs, by the image alone; nil if that does not tell the tissues.
func (a *anatomy) withoutPriors(workers int) *tissue.Tissues {
	t1, brain := a.t1, a.brain
	if g := coarser(t1.Grid, checkSpacing); g != t1.Grid {
		t1, brain = voxel.Average(t1, g, nil, 0, workers), voxel.Average(brain.Image(), g, nil, 0, workers).Threshold(0.5)
	}
	ts, rep := tissue.Segment(t1, brain, tissue.SegmentOptions{Workers: workers})
	if rep.Fallback != "" {
		return nil
	}
	return ts
}

// dice returns 2|A∩B|/(|A|+|B|) of the voxels in which a and b exceed one half;
// NaN if there are none.
func dice(a, b *voxel.Image) float64 {
	var in, both int
	for n, x := range a.Data {
		y := b.Data[n]
		if x > 0.5 {
			in++
		}
		if y > 0.5 {
			in++
			if x > 0.5 {
				both++
			}
		}
	}
	return 2 * float64(both) / float64(in)
}

// priors brings the template's tissue probabilities into the T1w image's
// world; nil if there are none.
func (a *anatomy) priors(s *space, workers int) *tissue.Tissues {
	if s == nil || s.priors == nil || a.placed == nil {
		return nil
	}
	t := a.placed.toTemplate()
	on := func(m *voxel.Image) *voxel.Image { return voxel.Resample(m, a.t1.Grid, t, voxel.Linear, workers) }
	return &tissue.Tissues{GM: on(s.priors.GM), WM: on(s.priors.WM), CSF: on(s.priors.CSF)}
}
