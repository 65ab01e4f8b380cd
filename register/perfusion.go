package register

import (
	"math"

	"phasl/voxel"
)

// A PerfusionPair is a template and a scan that is to be laid onto it without a
// T1-weighted image of the person.
type PerfusionPair struct {
	Grey      *voxel.Image // share of grey matter in the template, 0 to 1
	Perfusion *voxel.Image // CBF, or ΔM over M0, in any unit; NaN counts as none

	// TemplateBrain is on Grey's grid and ScanBrain, found from M0, on
	// Perfusion's. Both must mean the same: brain with all fluid, or without.
	// If either is nil, the brain's edge is not used.
	TemplateBrain, ScanBrain *voxel.Mask
}

const (
	greyWidth = 5. // FWHM [mm] of a scan's own resolution, which the template is given
	scanWidth = 4. // FWHM [mm] of the smoothing that takes noise from the perfusion
)

// DeformablePerfusion bends a template onto a scan of which there is no
// T1-weighted image: [Deformable], stiff, between two images that look alike
//
//	fixed  = G(5 mm) ∗ (grey + brain of the template)
//	moving = G(4 mm) ∗ perfusion / p₉₇ + G(5 mm) ∗ brain of the scan
//
// with p₉₇ the 97th percentile of the positive perfusion in the brain. Grey matter has
// two to four times the perfusion of white matter, so that the first term shows
// cortex and ventricles; the second holds the brain's edge, where perfusion is
// noise. init, template world → scan world, is its affine part, as found from
// M0; without it the bending has no meaning.
//
// Spacing, UpdateSigma and TotalSigma of opt default to 4, 16 and 6 mm; Init is
// not used. The result follows differences of the size of lobes, not folds:
// docs/methods/registration.md says how far it can be trusted. Anything that
// changes perfusion by region (a lesion, late arrival) pulls at it.
//
// It panics if a mask's shape is not its image's.
func DeformablePerfusion(p PerfusionPair, init voxel.Affine, opt DeformableOptions) Deformation {
	checkShapes(p.Grey, p.TemplateBrain, "template")
	checkShapes(p.Perfusion, p.ScanBrain, "scan")
	if opt.Spacing == 0 {
		opt.Spacing = 4
	}
	if opt.UpdateSigma == 0 {
		opt.UpdateSigma = 16
	}
	if opt.TotalSigma == 0 {
		opt.TotalSigma = 6
	}
	opt.Init = &init
	var inside []float32
	for n, v := range p.Perfusion.Data {
		if v > 0 && v-v == 0 && (p.ScanBrain == nil || p.ScanBrain.In[n]) {
			inside = append(inside, v)
		}
	}
	_, high := limits(inside, 0.02, 0.97)
	if !(high > 0) {
		nan := math.NaN()
		return Deformation{Affine: init, Reason: "the scan shows no perfusion",
			JacobianMin: nan, JacobianMax: nan, InverseMean: nan, InverseMax: nan, Before: nan, After: nan}
	}
	scaled := voxel.NewImage(p.Perfusion.Grid)
	for n, v := range p.Perfusion.Data {
		if v-v == 0 {
			scaled.Data[n] = min(max(v/high, -1), 2)
		}
	}
	fixed, moving := voxel.Smooth(p.Grey, greyWidth, opt.Workers), voxel.Smooth(scaled, scanWidth, opt.Workers)
	if p.TemplateBrain != nil && p.ScanBrain != nil {
		add(fixed, voxel.Smooth(p.TemplateBrain.Image(), greyWidth, opt.Workers))
		add(moving, voxel.Smooth(p.ScanBrain.Image(), greyWidth, opt.Workers))
	}
	return Deformable(fixed, moving, opt)
}

// add adds b to a.
func add(a, b *voxel.Image) {
	for n, v := range b.Data {
		a.Data[n] += v
	}
}
