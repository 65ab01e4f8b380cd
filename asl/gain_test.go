package asl

import (
	"math"
	"testing"

	"phasl/voxel"
)

// CBF of one more unit of ΔM, less CBF, is the gain; the voxel without
// difference has one too.
func TestGain(t *testing.T) {
	g := testGrid(4, 1, 1)
	p := testProtocol(1, 1.8)
	s := &voxel.Series{Grid: g, Vols: [][]float32{{1000, 1000, 1000, 0}, {1000, 1000, 1000, 1000}, {992, 1000, 1003, 992}}}
	for _, m := range []Model{ModelWhitePaper, ModelKinetic} {
		opt := Options{Model: m, M0Reach: -1}
		gain := mustQuantify(t, Input{Series: s}, p, opt).Gain()
		base := mustQuantify(t, Input{Series: s}, p, opt)
		more := &voxel.Series{Grid: g, Vols: [][]float32{s.Vols[0], {1000.125, 1000.125, 1000.125, 1000}, s.Vols[2]}}
		up := mustQuantify(t, Input{Series: more}, p, opt)
		for n := range 3 {
			if got, want := float64(gain.Data[n]), 8*float64(up.CBF.Data[n]-base.CBF.Data[n]); math.Abs(got/want-1) > 2e-3 { // curvature over the step
				t.Errorf("%v, voxel %d: gain %g, difference %g", m, n, got, want)
			}
		}
		if finite(float64(gain.Data[3])) {
			t.Errorf("%v: gain %g where there is no M0", m, gain.Data[3])
		}
	}
	p = testProtocol(1, 0.5, 1.5)
	s, _, _ = simulate(g, &p, 0, 0)
	if mustQuantify(t, Input{Series: s}, p, Options{}).Gain() != nil {
		t.Error("several delays have one gain")
	}
}
