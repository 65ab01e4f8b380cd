package asl

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"phasl/bids"
	"phasl/internal/sharedtest"
	"phasl/voxel"
)

// realScan reads one of the two people of the shared data, with a brain mask
// that is good enough here: the largest piece above a third of the bright end
// of the mean control.
func realScan(t testing.TB, sub string) (Input, Protocol) {
	dir := sharedtest.Path(t, "data", "asl", sub, "perf")
	s := readSeries(t, dir+"/"+sub+"_asl.nii.gz")
	p := mustParse(t, readSidecar(t, dir+"/"+sub+"_asl.json"), readContext(t, dir+"/"+sub+"_aslcontext.tsv"), s.Grid, Options{})
	controls := volumesOf(&p, bids.Control)
	m := meanImage(s, controls, slices.Repeat([]float64{1}, len(controls)))
	mask := voxel.FillHoles(voxel.Largest(voxel.Open(m.Threshold(0.35*voxel.Percentile(m.Data, 99)), 3, 0)))
	return Input{Series: s, Mask: mask}, p
}

// sub-01: one delay, included M0, 9 controls and 8 labels. Neither motion nor
// tissue is dealt with here, so limits are those of a living brain.
func TestRealSingleDelay(t *testing.T) {
	in, p := realScan(t, "sub-01")
	r := mustQuantify(t, in, p, Options{})
	m, lo, hi := medianIn(r.CBF.Data, in.Mask), float64(voxel.Percentile(r.CBF.Data, 0.1)), float64(voxel.Percentile(r.CBF.Data, 99.9))
	var brain []int32
	for n, in := range in.Mask.In {
		if in {
			brain = append(brain, int32(n))
		}
	}
	t.Logf("CBF median %.1f, 0.1 %% %.1f, 99.9 %% %.1f, largest %.0f; regional SE %.2f", m, lo, hi, voxel.Percentile(r.CBF.Data, 100), r.RegionSE(brain, nil))
	if !(m > 25 && m < 60) {
		t.Errorf("median CBF of the brain is %.1f", m)
	}
	if lo < -50 || hi > 200 {
		t.Errorf("absurd CBF: 0.1 %% of voxels below %.1f or above %.1f", lo, hi)
	}
	if len(r.Pairs) != 8 || r.Units != UnitsAbsolute || r.Calibration.Type != "Included" {
		t.Errorf("%d pairs, %s, %+v", len(r.Pairs), r.Units, r.Calibration)
	}
	if math.Abs(r.Calibration.Recovery-1/(1-math.Exp(-3.48/1.331))) > 1e-9 {
		t.Errorf("M0 with TR 3.48 s: recovery %g", r.Calibration.Recovery)
	}
}

// sub-02: six delays, label first, no M0.
func TestRealMultiDelay(t *testing.T) {
	in, p := realScan(t, "sub-02")
	r := mustQuantify(t, in, p, Options{})
	att := func(q float64) float64 { return float64(voxel.Percentile(in.Mask.Select(r.ATT.Data), q)) }
	t.Logf("transit time: 5 %% %.2f, median %.2f, 95 %% %.2f s; at a bound %d of %d", att(5), att(50), att(95), r.AtBound, in.Mask.Count())
	if !(att(5) > 0.2 && att(50) > 0.7 && att(50) < 1.4 && att(95) < 2) {
		t.Errorf("transit times %.2f, %.2f, %.2f s", att(5), att(50), att(95))
	}
	if r.Units != UnitsRelative || len(r.Delays) != 6 || len(r.Pairs) != 48 {
		t.Errorf("%s, %d delays, %d pairs", r.Units, len(r.Delays), len(r.Pairs))
	}
	if _, flags := Assess(r, Tissue{}, 0); len(flags) > 0 {
		t.Errorf("flags: %v", flags)
	}
}

func BenchmarkQuantify(b *testing.B) {
	for _, c := range []struct {
		name  string
		plds  []float64
		model Model
	}{
		{"white paper", []float64{1.8}, ModelWhitePaper},
		{"kinetic", []float64{1.8}, ModelKinetic},
		{"six delays", []float64{0.25, 0.5, 0.75, 1, 1.25, 1.5}, ModelKinetic},
	} {
		g := testGrid(64, 64, 20)
		p := testProtocol(48/len(c.plds), c.plds...)
		s, _, _ := simulate(g, &p, 2, 1)
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/workers=%d", c.name, workers), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Quantify(Input{Series: s}, p, Options{Model: c.model, Workers: workers}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
