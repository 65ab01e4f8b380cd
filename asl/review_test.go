package asl

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/voxel"
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

// The note's percentages are those of the scan: at 1.5 T tissue relaxes
// faster, and a constant given by the user counts.
func TestTransitNoteIsOfTheScan(t *testing.T) {
	g := testGrid(2, 1, 1)
	note := func(tesla float64, opt Options) string {
		p := testProtocol(1, 1.8)
		p.FieldStrength = tesla
		s, _, _ := simulate(g, &p, 0, 0)
		opt.Model = ModelKinetic
		return mustQuantify(t, Input{Series: s}, p, opt).Notes[0]
	}
	// Label that has all arrived: exp(0.1·(1/T1b − 1/T1′)) written out.
	for _, tt := range []struct {
		tesla float64
		opt   Options
		t1b   float64
		t1t   float64
	}{
		{3, Options{}, 1.65, 1.331},
		{1.5, Options{}, 1.35, 1.197},
		{3, Options{Set: map[string]float64{GreyT1: 1.607}}, 1.65, 1.607},
	} {
		got := note(tt.tesla, tt.opt)
		want := 100 * (math.Exp(0.1*(1/tt.t1b-1/tt.t1t-0.01/0.9)) - 1)
		if text := fmt.Sprintf("0.1 s earlier than taken changes CBF by %+.1f %% in grey", want); !strings.Contains(got, text) {
			t.Errorf("%g T: want %q in: %s", tt.tesla, text, got)
		}
	}
}

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

// A pure number has no unit in text.
func TestPureNumberInMessages(t *testing.T) {
	g := testGrid(2, 1, 1)
	p := testProtocol(1, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	_, err := Quantify(Input{Series: s}, p, Options{Set: map[string]float64{Efficiency: 85}})
	if err == nil || strings.Contains(err.Error(), "in 1") || strings.Contains(err.Error(), "numbers") {
		t.Errorf("%v", err)
	}
}
