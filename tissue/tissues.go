package tissue

import (
	"phasl/voxel"
)

// ToGrid returns the fractions of grey matter, white matter and CSF in the
// voxels of another grid, usually that of the ASL scan.
//
// tr maps world points of onto to world points of the tissues' grid (nil:
// identity). Each voxel is the mean over n×n×n points spread evenly inside it
// (0: as many as the finer grid needs), not a value interpolated at its centre:
// an ASL voxel of 4×4×8 mm holds more than a hundred voxels of a T1w image.
// Outside the T1w's box the fractions are unknown and NaN.
func (t *Tissues) ToGrid(onto voxel.Grid, tr voxel.Transform, n, workers int) *Tissues {
	return &Tissues{
		GM:  voxel.Average(t.GM, onto, tr, n, workers),
		WM:  voxel.Average(t.WM, onto, tr, n, workers),
		CSF: voxel.Average(t.CSF, onto, tr, n, workers),
	}
}
