// Package voxel holds images of the brain in memory and the operations that
// need nothing but voxels: resampling, smoothing, morphology.
//
// A [Grid] says where voxels lie in the world, an [Image] has one number per
// voxel, a [Series] several volumes on one grid, a [Mask] a yes or no.
//
// # Coordinates
//
// A voxel index (i, j, k) names the centre of a voxel; i runs fastest in
// memory. The grid's affine maps it to world coordinates x, y, z in
// millimetres, growing to the right, front and top of the head (RAS+).
//
// # Missing data
//
// NaN means "no value here". Operations carry it and never turn it into zero.
//
// # Transforms
//
// A [Transform] maps world points of the image wanted to world points of the
// image at hand: [Resample] pulls values, it never pushes them. Chains of
// transforms are applied to the points, so that values are interpolated once.
package voxel
