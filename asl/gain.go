package asl

import "phasl/voxel"

// Gain returns dCBF/dΔM of each voxel for a scan with one delay [units of CBF
// per scanner unit]: by how much noise of ΔM shows in CBF. It is NaN where CBF
// has no value, and nil where ΔM was measured at several delays or not at all.
func (r *Result) Gain() *voxel.Image {
	if len(r.gains) != 1 || r.DeltaM == nil {
		return nil
	}
	return &voxel.Image{Grid: r.CBF.Grid, Data: r.gains[0]}
}
