package asl

import (
	"math"
	"testing"

	"phasl/bids"
)

// At the bound half of the bolus must have arrived by the last readout, in a
// late slice of a 2D readout too.
func TestTransitTimeIsBounded(t *testing.T) {
	g := testGrid(1, 1, 2)
	plds := []float64{0.9, 1.3, 1.5}
	for _, tt := range []struct {
		lab  Labelling
		opt  Options
		want [2]float64
	}{
		{PCASL, Options{ATTPriorSD: -1}, [2]float64{1.5 + 0.9, 1.7 + 0.9}},
		{PCASL, Options{ATTPriorSD: -1, MaxATT: 2}, [2]float64{2, 2}},
		{PASL, Options{ATTPriorSD: -1}, [2]float64{1.5 - 0.35, 1.7 - 0.35}},
	} {
		p := testProtocol(4, plds...)
		p.Labelling, p.SliceAxis, p.SliceTimes = tt.lab, 2, []float64{0, 0.2}
		if tt.lab == PASL {
			p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = true, "Q2TIPS", []float64{0.7}
		}
		s, _, _ := simulate(g, &p, 0, 0)
		for v, c := range p.Context { // signal at the last readout only
			if c == bids.Label {
				drop := float32(0)
				if p.PLD[v] == 1.5 {
					drop = 5
				}
				s.Vols[v] = []float32{1000 - drop, 1000 - drop}
			}
		}
		r := mustQuantify(t, Input{Series: s}, p, tt.opt)
		for n, want := range tt.want {
			if got := float64(r.ATT.Data[n]); math.Abs(got-want) > 1e-6 {
				t.Errorf("%v, slice %d: transit time %g, bound %g", tt.lab, n, got, want)
			}
			if se := float64(r.CBFSE.Data[n]); finite(se) || !finite(float64(r.CBF.Data[n])) {
				t.Errorf("%v, slice %d: at the bound CBF is %g ± %g; it has a value but no interval", tt.lab, n, r.CBF.Data[n], se)
			}
		}
		if r.AtBound != 2 {
			t.Errorf("%v: %d voxels at the bound", tt.lab, r.AtBound)
		}
	}
}

// A transit time 0.03 s below the end of its range counts as near it, and has
// standard errors.
func TestNearBoundIsCounted(t *testing.T) {
	g := testGrid(1, 2, 1)
	p := testProtocol(4, 0.3, 0.6, 0.9, 1.2, 1.5)
	s, _, _ := simulate(g, &p, 0.01, 1) // transit times 0.5 and 1.4 s
	r := mustQuantify(t, Input{Series: s}, p, Options{MaxATT: 1.43})
	if att := float64(r.ATT.Data[1]); r.AtBound != 1 || att > 1.42 || !finite(float64(r.CBFSE.Data[1])) {
		t.Errorf("%d voxels near the bound; transit time %g, CBF ± %g", r.AtBound, att, r.CBFSE.Data[1])
	}
}

func TestPriorIsListed(t *testing.T) {
	g := testGrid(2, 2, 1)
	p := testProtocol(2, 0.5, 1.5)
	s, _, _ := simulate(g, &p, 1, 1)
	for _, tt := range []struct {
		opt       Options
		mean, sd  float64
		from      string
		listed    bool
		labelling Labelling
	}{
		{Options{}, 1.3, 1, "default", true, PCASL},
		{Options{ATTPriorSD: 0.5}, 1.3, 0.5, "user", true, PCASL},
		{Options{ATTPriorSD: 0.5, Set: map[string]float64{TransitPriorSD: 2, TransitPrior: 1}}, 1, 2, "user", true, PCASL},
		{Options{ATTPriorSD: -1}, 0, 0, "", false, PCASL},
		{Options{}, 0.7, 1, "default", true, PASL},
	} {
		p := p
		if p.Labelling = tt.labelling; p.Labelling == PASL {
			p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = true, "Q2TIPS", []float64{0.4}
		}
		c := mustQuantify(t, Input{Series: s}, p, tt.opt).Constants
		if c.Has(TransitPriorSD) != tt.listed {
			t.Errorf("%+v: listed %v", tt.opt, c.Has(TransitPriorSD))
			continue
		}
		for _, k := range c {
			if k.Name == TransitPriorSD && (k.Value != tt.sd || k.From != tt.from || k.Source == "") {
				t.Errorf("%+v: %+v", tt.opt, k)
			}
		}
		if tt.listed && c.Value(TransitPrior) != tt.mean {
			t.Errorf("%+v: prior mean %g", tt.opt, c.Value(TransitPrior))
		}
	}
}
