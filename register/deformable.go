package register

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// DeformableOptions set how [Deformable] works. The zero value is the default.
type DeformableOptions struct {
	FixedMask  *voxel.Mask // voxels of fixed that count; nil: all
	MovingMask *voxel.Mask // voxels of moving that count; nil: all

	// Init is the affine part, fixed world → moving world. Nil: [Affine]
	// finds it. It is not changed: what is wrong in it, the fields make up
	// for, so give the best there is.
	Init *voxel.Affine

	// Spacing is that of the finest level [mm]. 0: the voxel size of the
	// coarser image (cube root of the volume), but no less than 1 mm.
	Spacing float64
	// Levels is the number of resolutions, each half as fine as the next.
	// 0: as many as keep the coarsest at 12 mm or less.
	Levels int
	// Iterations is the most steps at a level. 0: 40 at spacings of 4 mm and
	// more, 8 below 1.5 mm, where steps cost most and change least, 15 in
	// between. A level ends before when three steps together gain less than
	// 0.0003 in the metric.
	Iterations int
	// Radius of the window of the local correlation, in voxels of the
	// level. 0: 2.
	Radius int
	// UpdateSigma is the σ of the Gaussian over which steps are pooled at
	// the finest level [mm]; at coarser ones it grows with the voxels.
	// Deformations much narrower are not followed. 0: 2 mm more than twice Spacing.
	UpdateSigma float64
	// TotalSigma is the σ of the Gaussian by which each half of the field is
	// smoothed after each step [mm]: the larger, the stiffer. 0: 2 mm.
	// Negative: none.
	TotalSigma float64

	Seed    uint64 // of the sampling jitter of [Affine]
	Workers int    // 0: one per CPU; no effect on the result

	// Progress, if not nil, is called now and then with the share of work
	// done, growing from 0 to 1, from the calling goroutine.
	Progress func(done float64)
}

// A Deformation is an estimated smooth, invertible map between two images and
// what a caller needs to trust it.
type Deformation struct {
	Affine voxel.Affine // the affine part, fixed world → moving world

	// Forward maps fixed world → moving world, the affine part included, and
	// lies on fixed's grid: voxel.Resample(moving, fixed.Grid, Forward) lays
	// moving onto fixed. Inverse maps back and lies on moving's grid. Both
	// are nil if nothing could be estimated.
	Forward, Inverse *voxel.Warp

	// JacobianMin and JacobianMax are the least and largest determinant of
	// the derivative of Forward over fixed's grid, the affine part divided
	// out: the factor by which the deformation changes volumes. Each cell of
	// the grid is looked at in its eight corners.
	JacobianMin, JacobianMax float64

	// InverseMean and InverseMax are |Inverse(Forward(x)) − x| [mm] over the
	// voxels x of fixed's foreground that land within moving's grid.
	InverseMean, InverseMax float64

	// Before and After are the mean squared local correlation at the finest
	// level, without and with the deformation: 0 to 1, larger is more alike.
	Before, After float64

	Levels []DeformationLevel // coarsest first
	Reason string             // why the result is not to be trusted; empty if it is
}

// A DeformationLevel says what was done at one resolution.
type DeformationLevel struct {
	Spacing    float64 // [mm]
	Iterations int
	Start, End float64 // the metric at the first and at the last step
	Converged  bool    // the gain fell below its tolerance before the steps ran out
}

// OK reports whether the checks passed.
func (d *Deformation) OK() bool { return d.Reason == "" }

// mostVoxels limits the box in which the images meet, and so memory: some
// 50 bytes a voxel.
const mostVoxels = 40 << 20

// Deformable returns the smooth invertible map from fixed's world to moving's
// that makes the images locally most alike: symmetric normalisation (SyN) by
// local cross-correlation.
//
// Both images are seen from a space halfway between them, through the square
// root S of the affine map T and a flow each:
//
//	I(x) = fixed(S⁻¹(x + u₁(x))),  J(x) = moving(S(x + u₂(x)))
//
// From coarse to fine resolution, steps v(x) that raise the mean squared local
// correlation of I and J move one image by +v and the other by −v:
//
//	x + u₁ ← (x + u₁)∘(x + v),  x + u₂ ← (x + u₂)∘(x − v)
//
// v is the Gauss–Newton step of each neighbourhood, as [stage.solve] says. The
// result is
//
//	Forward = S∘(x + u₂)∘(x + u₁)⁻¹∘S
//
// so that neither image is preferred and exchanging them inverts it.
//
// Contrasts may differ as long as their local relation is nearly linear, with
// either sign. Voxels without a value (NaN, infinite, outside a mask) and what
// only one image shows have no say; the field is carried there by its
// smoothness.
//
// Images that hold nothing to register, do not overlap, or whose deformation
// folds, are no error and no panic: [Deformation.OK] is false and Reason says
// why. It panics if a mask's shape is not its image's.
//
// Cost: about 3 s of CPU time at 3 mm and 36 s and 1.1 GB at 1 mm, [Affine]
// included. The result is the same bytes for any number of workers.
//
// Source: Avants et al. 2008, Med Image Anal 12:26,
// doi:10.1016/j.media.2007.06.004. Departures: steps are Gauss–Newton's, not
// the gradient's; both halves take the same step; the space halfway comes from
// the affine part's square root.
func Deformable(fixed, moving *voxel.Image, opt DeformableOptions) Deformation {
	checkShapes(fixed, opt.FixedMask, "fixed")
	checkShapes(moving, opt.MovingMask, "moving")
	nan := math.NaN()
	out := Deformation{
		Affine:      voxel.Identity(),
		JacobianMin: nan, JacobianMax: nan, InverseMean: nan, InverseMax: nan, Before: nan, After: nan,
	}
	progress := opt.Progress
	if progress == nil {
		progress = func(float64) {}
	}
	defer progress(1)
	a, b := newHead(fixed, opt.FixedMask, opt.Workers), newHead(moving, opt.MovingMask, opt.Workers)
	if a.fault != "" {
		out.Reason = "the fixed image " + a.fault
		return out
	}
	if b.fault != "" {
		out.Reason = "the moving image " + b.fault
		return out
	}
	if opt.Init == nil {
		r := Affine(fixed, moving, Options{
			FixedMask: opt.FixedMask, MovingMask: opt.MovingMask, Seed: opt.Seed, Workers: opt.Workers,
			Progress: func(done float64) { progress(0.2 * done) },
		})
		out.Affine, out.Reason = r.Transform, r.Reason
		if !r.OK() {
			return out
		}
	} else {
		out.Affine = *opt.Init
	}
	progress(0.2)
	if !out.Affine.Invertible() || !(out.Affine.Det() > 0) {
		out.Reason = "the affine part is singular, not finite or mirrors"
		return out
	}
	opt = opt.filled(fixed.Grid, moving.Grid)
	m := newMeeting(a, b, out.Affine, opt)
	if !(min(m.size[0], m.size[1], m.size[2]) > 2*opt.Spacing) {
		out.Reason = "the heads do not overlap"
		return out
	}
	if n := m.voxels(); !(n <= mostVoxels) {
		out.Reason = fmt.Sprintf("the box that both heads fill would have %.3g voxels of %.3g mm", n, opt.Spacing)
		return out
	}
	m.run(&out, func(done float64) { progress(0.2 + 0.6*done) })
	if out.Reason != "" {
		return out
	}
	m.finish(&out, a, b, progress)
	return out
}

// filled returns o with the defaults for images on the grids g and h.
func (o DeformableOptions) filled(g, h voxel.Grid) DeformableOptions {
	if !(o.Spacing > 0) {
		o.Spacing = max(math.Cbrt(g.VoxelVolume()), math.Cbrt(h.VoxelVolume()), 1)
	}
	if o.Levels <= 0 {
		o.Levels = 1
		for s := o.Spacing; 2*s <= coarsestLevel; s *= 2 {
			o.Levels++
		}
	}
	// What is absurd must not overflow on its way to a poor result.
	o.Levels, o.Radius = min(o.Levels, 16), min(o.Radius, 1000)
	o.UpdateSigma, o.TotalSigma = min(o.UpdateSigma, 1e4), min(o.TotalSigma, 1e4)
	if o.Radius <= 0 {
		o.Radius = 2
	}
	if !(o.UpdateSigma > 0) {
		o.UpdateSigma = 2*o.Spacing + 2
	}
	if o.TotalSigma == 0 || o.TotalSigma != o.TotalSigma {
		o.TotalSigma = 2
	}
	return o
}

// coarsestLevel is the largest spacing of the first level [mm].
const coarsestLevel = 12.0

// leastInverse is how far [mm] Inverse(Forward(x)) may lie from x, on average.
const leastInverse = 0.1

// finish fills in the fields and what is told of them, and checks them.
func (m *meeting) finish(out *Deformation, a, b *head, progress func(float64)) {
	w := m.opt.Workers
	out.Forward = m.warp(a.img.Grid, 0, 1)
	progress(0.85)
	out.Inverse = m.warp(b.img.Grid, 1, 0)
	progress(0.9)
	out.JacobianMin, out.JacobianMax = detRange(out.Forward, w)
	size := out.Affine.Det()
	out.JacobianMin /= size
	out.JacobianMax /= size
	out.InverseMean, out.InverseMax = thereAndBack(out.Forward, out.Inverse, a.fore, w)
	switch {
	case !(out.JacobianMin > 0):
		out.Reason = fmt.Sprintf("the deformation folds (smallest Jacobian determinant %.3g)", out.JacobianMin)
	case !(out.InverseMean <= leastInverse):
		out.Reason = fmt.Sprintf("forward and inverse field differ by %.3g mm on average", out.InverseMean)
	case !(out.After >= out.Before-1e-3):
		out.Reason = fmt.Sprintf("the deformation makes the images less alike (%.3f, before %.3f)", out.After, out.Before)
	}
}
