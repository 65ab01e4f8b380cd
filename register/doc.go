// Package register estimates the transform that lays one image of a head onto
// another: [Rigid] (6 parameters) within a person, [Affine] (12) between
// people, [Deformable] (a smooth invertible field) where anatomies differ by
// more than that, and [Motion] for the volumes of a series. [Boundary] lays a
// perfusion-weighted scan onto the border of white matter, [AffinePerfusion] and
// [DeformablePerfusion] a template's tissues onto a scan without a T1-weighted
// image. It estimates only; voxel.Resample applies.
//
// # Convention
//
// Every transform maps world points [mm, RAS+] of the fixed image to world
// points of the moving image, as voxel.Resample(moving, fixed.Grid, T) wants.
//
// # Symbols
//
//	T       the transform, fixed world → moving world
//	x       a point of the sampled image; x̃ the same, relative to the
//	        centre of the samples, with a 1 appended
//	f, m    values of the sampled and of the interpolated image
//	p(f,m)  their joint histogram, smoothed by cubic B-splines along m
//
// # Method
//
// The metric is mutual information or the correlation coefficient, its
// gradient analytic, its minimiser BFGS started from the Gauss–Newton
// curvature. A search over many starts at a coarse resolution makes the result
// insensitive to where the headers put the heads. The image that has less
// foreground (or, of two alike, larger voxels) gives the samples and the other
// is interpolated, so that exchanging the two inverts the result.
//
// # Failure
//
// Images that hold nothing to register, or heads that do not meet, are no
// error and no panic: [Result.OK] is false and [Result.Reason] says why. See
// [Check].
//
// # Reproducibility
//
// Samples are jittered off the grid by a hash of seed and voxel. Results are
// the same bytes for any number of workers.
package register
