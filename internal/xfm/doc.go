// Package xfm reads and writes transforms as other programs keep them, so that
// a laboratory's registrations can be used here and ours elsewhere:
//
//	ITK text     .txt, .tfm   affine, or several in a composite (ANTs, ASLPrep, 3D Slicer)
//	ITK MATLAB   .mat         affine (antsRegistration's 0GenericAffine.mat)
//	ITK HDF5     .h5          composite of affine parts and displacement fields (ANTs, fMRIPrep, ASLPrep)
//	field        .nii, .gz    displacement field, intent 1007 (ANTs' 1Warp.nii.gz)
//	FLIRT        .mat         4×4 matrix in text (FSL)
//
// [Read] tells them apart by what is in the file, not by its name: FLIRT and ITK
// both write .mat.
//
// # Convention
//
// A transform maps world points [mm, RAS+] of the fixed image to world points of
// the moving image, which is what resampling the moving image onto the fixed one
// wants. ITK's do the same in LPS+, so that F·T·F with F = diag(−1, −1, 1) is
// ours. FLIRT's go the other way, between voxels of the two images times their
// voxel size, with x counted from the other side where the affine of the image
// has a positive determinant; they mean nothing without the two images.
package xfm
