// Package tissue tells brain from head, and grey matter from white matter and
// cerebrospinal fluid (CSF), in images held in memory.
//
// [BrainT1] finds the brain in a T1-weighted image, [BrainASL] in an M0 or
// control image of an ASL scan, [Segment] gives the fractions of grey matter,
// white matter and CSF in each voxel of a brain, and [Tissues.ToGrid] carries
// them to the coarse voxels of the ASL scan. [N4] takes the smooth field of coil
// and slice profile out of an image, of a head or of a brain.
//
// Every function returns a report beside its result: which method gave it,
// whether a fallback had to be taken and why, and what looks implausible. A
// result that looks wrong is still returned, with the reason for doubt; the
// caller decides.
//
// # Orientation
//
// World coordinates are taken to be RAS+ in millimetres: "top of the head" is
// the direction of growing z. The order and direction of the array's axes do
// not matter.
//
// # What this is not
//
// The mask is found by a deformable surface without a learned model and the
// segmentation uses intensities, a smooth bias field and neighbours; template
// priors enter only if the caller gives them. See docs/methods/tissue.md for
// what was measured.
package tissue
