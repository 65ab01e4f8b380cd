package asl

import (
	"slices"

	"phasl/voxel"
)

// Gain returns dCBF/dΔM of every voxel [Units per scanner unit], NaN where
// there is no CBF: by it what is known of ΔM, such as its noise, is carried to
// CBF, also where ΔM is zero. It is nil if there are several delays, whose
// gains differ, and for CBF that was passed through.
func (r *Result) Gain() *voxel.Image {
	if len(r.gains) != 1 || r.DeltaM == nil {
		return nil
	}
	out := &voxel.Image{Grid: r.CBF.Grid, Data: slices.Clone(r.gains[0])}
	for n, v := range r.CBF.Data {
		if !finite(float64(v)) {
			out.Data[n] = nan32
		}
	}
	return out
}
