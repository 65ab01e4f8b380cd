package register

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// Rigid returns the rotation and translation that map fixed's world to
// moving's. It panics if a mask's shape is not its image's.
func Rigid(fixed, moving *voxel.Image, opt Options) Result {
	return estimate(fixed, moving, rigidModel, opt)
}

// Affine returns the 12-parameter affine transform that maps fixed's world to
// moving's: a search over rotation, translation and size, then all twelve. It
// panics if a mask's shape is not its image's.
//
// Stretch or shear beyond what heads differ by costs extra, so that a slab of
// a few slices is not stretched to whatever lies near.
func Affine(fixed, moving *voxel.Image, opt Options) Result {
	return estimate(fixed, moving, affineModel, opt)
}

func estimate(fixed, moving *voxel.Image, m model, opt Options) Result {
	checkShapes(fixed, opt.FixedMask, "fixed")
	checkShapes(moving, opt.MovingMask, "moving")
	metric := opt.Metric
	if metric == MetricAuto {
		metric = MutualInformation
	}
	nan := math.NaN()
	res := Result{
		Transform: voxel.Identity(), Metric: metric, Value: nan,
		Quality: Quality{Information: nan, Explained: nan, Sharpness: nan, Size: nan},
	}
	progress := opt.Progress
	if progress == nil {
		progress = func(float64) {}
	}
	defer progress(1)
	if opt.Init != nil {
		if !opt.Init.Invertible() {
			res.Reason = "the initial transform is singular or not finite"
			return res
		}
		res.Transform = *opt.Init
	}
	a, b := newHead(fixed, opt.FixedMask, opt.Workers), newHead(moving, opt.MovingMask, opt.Workers)
	progress(0.1)
	if a.fault != "" {
		res.Reason = fmt.Sprintf("the fixed image %s", a.fault)
		return res
	}
	if b.fault != "" {
		res.Reason = fmt.Sprintf("the moving image %s", b.fault)
		return res
	}
	e, swap := newEstimator(a, b, metric, opt)
	init := opt.Init
	if swap && init != nil {
		inv := init.Inverse()
		init = &inv
	}
	t, ok := e.run(m, init, opt.Local, &res, progress)
	if !ok || !t.Invertible() {
		res.Converged = false
		res.Reason = "no pose was found in which the images overlap"
		return res
	}
	res.Quality = e.quality(t)
	if swap {
		t = t.Inverse()
		res.Quality.Size = 1 / res.Quality.Size
	}
	res.Transform = t
	res.Overlap = res.Quality.Overlap
	res.Reason = res.Quality.Fault()
	if res.Reason == "" && !res.Converged {
		res.Reason = "the optimiser did not converge"
	}
	return res
}

// refine returns the rigid map near start at the images' full resolution alone.
func refine(fixed, moving *voxel.Image, start voxel.Affine, opt Options) voxel.Affine {
	a, b := newHead(fixed, opt.FixedMask, opt.Workers), newHead(moving, opt.MovingMask, opt.Workers)
	if a.fault != "" || b.fault != "" {
		return start
	}
	e, swap := newEstimator(a, b, MutualInformation, opt)
	t := start
	if swap {
		t = t.Inverse()
	}
	t, ok := e.polish(rigidModel, t, polish{
		level: e.level(e.finest()), points: 300000, final: true,
		search: search{iterations: 40, tolerance: 0.01, longest: 3, overlap: leastOverlapInSearch},
	}, &shading{}, &Result{})
	if !ok || !t.Invertible() {
		return start
	}
	if swap {
		t = t.Inverse()
	}
	return t
}

func checkShapes(img *voxel.Image, mask *voxel.Mask, name string) {
	if len(img.Data) != img.Len() {
		panic("register: " + name + " image: length differs from its grid's")
	}
	if mask != nil && mask.Dim != img.Dim {
		panic("register: " + name + " mask: shape differs from its image's")
	}
}
