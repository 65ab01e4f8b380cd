package asl

import (
	"math"
	"slices"
	"testing"

	"phasl/bids"
	"phasl/voxel"
)

// Each M0 volume recovers by its own repetition time; two volumes at different
// TR of one truth must give that truth.
func TestM0VolumesWithTheirOwnTR(t *testing.T) {
	g := testGrid(3, 2, 1)
	p := testProtocol(1, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	want := mustQuantify(t, Input{Series: s}, p, Options{})
	recovered := func(tr float64) []float32 {
		v := slices.Clone(s.Vols[0])
		if tr < longTR {
			for n := range v {
				v[n] *= float32(1 - math.Exp(-tr/1.331))
			}
		}
		return v
	}
	trs := []float64{1.5, 3, 8}
	m0 := &voxel.Series{Grid: g}
	inc := p
	included := &voxel.Series{Grid: g, Vols: slices.Clone(s.Vols)}
	included.Vols[0] = recovered(trs[0])
	inc.Context, inc.TR, inc.PLD, inc.LD = slices.Clone(p.Context), slices.Clone(p.TR), slices.Clone(p.PLD), slices.Clone(p.LD)
	inc.TR[0] = trs[0]
	for i, tr := range trs {
		m0.Vols = append(m0.Vols, recovered(tr))
		if i > 0 {
			included.Vols = append(included.Vols, recovered(tr))
			inc.Context = append(inc.Context, bids.M0Scan)
			inc.TR, inc.PLD, inc.LD = append(inc.TR, tr), append(inc.PLD, math.NaN()), append(inc.LD, math.NaN())
		}
	}
	r := mustQuantify(t, Input{Series: included}, inc, Options{})
	near(t, "CBF by included volumes", r.CBF, want.CBF, 1e-6, 0)
	sep := p
	sep.M0Type, sep.Context = "Separate", slices.Clone(p.Context)
	sep.Context[0] = bids.NoRF
	r = mustQuantify(t, Input{Series: s, M0: m0, M0TR: trs}, sep, Options{})
	near(t, "CBF by separate volumes", r.CBF, want.CBF, 1e-6, 0)
	for _, bad := range [][]float64{nil, {3, 3}, {3, math.NaN(), 8}} {
		if _, err := Quantify(Input{Series: s, M0: m0, M0TR: bad}, sep, Options{}); err == nil {
			t.Errorf("M0TR %v of three volumes is accepted", bad)
		}
	}
	// Controls as M0: two pairs whose controls were taken at different TR.
	abs := testProtocol(2, 1.8)
	a, _, _ := simulate(g, &abs, 0, 0)
	abs.M0Type, abs.Context[0] = "Absent", bids.NoRF
	for _, v := range []int{3, 4} {
		abs.TR[v] = 2.5
	}
	for _, v := range []int{3, 4} { // the pair keeps its difference
		off := 1000 * math.Exp(-2.5/1.331)
		for n := range a.Vols[v] {
			a.Vols[v][n] -= float32(off)
		}
	}
	r = mustQuantify(t, Input{Series: a}, abs, Options{})
	near(t, "CBF by controls", r.CBF, want.CBF, 1e-4, 0) // differences of float32 volumes of 1000
}

func TestPassThroughScale(t *testing.T) {
	g := testGrid(2, 1, 1)
	p := Protocol{Context: []bids.VolumeType{bids.CBF}, PLD: nans(1), LD: nans(1), TR: nans(1)}
	r := mustQuantify(t, Input{Series: &voxel.Series{Grid: g, Vols: [][]float32{{60, 30}}}}, p, Options{})
	near(t, "CBF without a scale", r.CBF, &voxel.Image{Grid: g, Data: []float32{60, 30}}, 0, 0)
	if r.Calibration.Recovery != 1 || r.Calibration.Scale != 1 {
		t.Errorf("calibration %+v", r.Calibration)
	}
}
