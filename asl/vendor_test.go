package asl

import (
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/voxel"
)

// The constants are those of the scanner's sequence, whichever model is used.
func TestGEConstantsForEveryModel(t *testing.T) {
	g := testGrid(2, 1, 1)
	ctx := []bids.VolumeType{bids.M0Scan, bids.DeltaM}
	// ΔM of the kinetic model at 3 T: T1b 1.65 s, total efficiency 0.6, Δt 1.3 s.
	k := Kinetic{PCASL, 0.6, 1.65, 1.331, 0.9, 1.45}
	pd := 2000.0
	delta := k.DeltaM(60, 1.3, 1.45+2.025) * 96 * pd / (1 - math.Exp(-2/1.2))
	s := &voxel.Series{Grid: g, Vols: [][]float32{{float32(pd), float32(pd)}, {float32(delta), 0}}}
	run := func(sidecar string, opt Options) *Result {
		p := mustParse(t, sidecarOf(t, "ge.json", []byte(sidecar)), ctx, g, opt)
		return mustQuantify(t, Input{Series: s}, p, opt)
	}
	ge, white := run(geSidecar, Options{}), run(geSidecar, Options{Model: ModelWhitePaper})
	sameBytes(t, "CBF by ge and whitepaper", ge.CBF, white.CBF)
	if !slices.Equal(ge.Constants, white.Constants) {
		t.Errorf("constants differ: %v, %v", ge.Constants, white.Constants)
	}
	if !strings.Contains(white.Notes[0], "constants of GE's product") {
		t.Errorf("white-paper note: %s", white.Notes[0])
	}
	kin := run(geSidecar, Options{Model: ModelKinetic})
	if got := kin.CBF.Data[0]; math.Abs(float64(got)/60-1) > 0.03 { // T1b of 1.6 s for 1.65 s over 1.3 s of transit
		t.Errorf("kinetic CBF %g, truth 60", got)
	}
	// A total efficiency in the sidecar is not reduced again.
	total := strings.Replace(geSidecar, `"TotalAcquiredPairs"`, `"LabelingEfficiency":0.6,"TotalAcquiredPairs"`, 1)
	r := run(total, Options{})
	near(t, "CBF with the vendor's total efficiency", r.CBF, ge.CBF, 1e-6, 0)
	if r.Constants.Has(SuppressionPerPulse) || !strings.Contains(strings.Join(r.Notes, " "), "taken as the total efficiency") {
		t.Errorf("%v, %v", r.Constants, r.Notes)
	}
	r = run(strings.Replace(total, "0.6,", "0.8,", 1), Options{})
	near(t, "CBF with the efficiency of labelling alone", r.CBF, ge.CBF, 1e-6, 0)
	r = run(total, Options{Set: map[string]float64{SuppressionPerPulse: 0.5}})
	if got := r.CBF.Data[0] / ge.CBF.Data[0]; math.Abs(float64(got)-2) > 1e-6 {
		t.Errorf("with αbs set to 0.5 on top CBF changes by %g, want 2", got)
	}
}
