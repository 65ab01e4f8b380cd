// Package nifti reads and writes brain images: NIfTI-1 and NIfTI-2 as .nii,
// .nii.gz or .hdr with .img, and Analyze 7.5 pairs (reading only).
//
// [ReadImage], [ReadSeries] and [ReadMask] read a whole file, [Open] reads it
// volume by volume. [WriteImage], [WriteSeries] and [WriteMask] write it.
// Voxels are float32 in memory whatever the file holds; positions are
// millimetres, RAS+; times are seconds.
//
// # Values
//
// A stored value v becomes scl_slope·v + scl_inter, computed in float64 and
// rounded once to float32. A slope that is 0, NaN or infinite means no
// scaling, and then the intercept is ignored too. NaN and ±Inf in the file
// stay what they are. A finite value beyond the range of float32 becomes
// ±Inf, and an unscaled integer of more than 24 significant bits is rounded;
// [Header.Warnings] then says how many.
//
// # Where the voxels are
//
// The sform is used if sform_code > 0, else the qform if qform_code > 0. A
// file with neither does not say which side is left; it then gets the affine
// that nibabel and SPM give it, the grid centred on the origin with x running
// from right to left, and a warning. The standard's own rule for such files
// (method 1: voxel size times index) is not an orientation either, and we
// prefer to agree with the programs people compare with.
//
// # Broken files
//
// What is wrong with a file comes back as a [diag.List]; errors.As finds the
// [*diag.Problem] inside. Memory is asked for only as far as the size of the
// file makes the header's claim possible, and for compressed files as the
// data arrive.
//
// Source: the header files nifti1.h (R. W. Cox et al., 2004) and nifti2.h
// (2011), https://nifti.nimh.nih.gov.
package nifti
