package asl

import (
	"testing"

	"phasl/voxel"
)

func TestSpreadIsFlagged(t *testing.T) {
	g := testGrid(20, 20, 1)
	r := &Result{CBF: voxel.NewImage(g), Units: UnitsRelative}
	for n := range r.CBF.Data {
		r.CBF.Data[n] = 1
	}
	for _, tt := range []struct {
		voxels int
		want   bool
	}{{0, false}, {4, false}, {5, true}} {
		for n := range tt.voxels {
			r.CBF.Data[n] = float32(500 * (1 - 2*(n%2)))
		}
		if _, flags := Assess(r, Tissue{}, 1); hasFlag(flags, "cbf-spread") != tt.want {
			t.Errorf("%d of 400 voxels absurd: %v", tt.voxels, flags)
		}
	}
}
