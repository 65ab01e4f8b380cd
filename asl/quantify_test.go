package asl

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/diag"
	"phasl/voxel"
)

func testGrid(x, y, z int) voxel.Grid {
	g := voxel.Grid{Dim: [3]int{x, y, z}}
	for a := range 3 {
		g.Affine[a][a] = 3
	}
	return g
}

// testProtocol is a pCASL protocol at 3 T of one m0scan and n control-label
// pairs at each delay, background suppression off.
func testProtocol(n int, plds ...float64) Protocol {
	p := Protocol{File: "sub-01_asl.json", Labelling: PCASL, FieldStrength: 3, M0Type: "Included", M0Estimate: math.NaN(), CBFScale: 1}
	add := func(v bids.VolumeType, pld float64) {
		p.Context = append(p.Context, v)
		p.PLD = append(p.PLD, pld)
		ld := 1.8
		if v == bids.M0Scan {
			ld = math.NaN()
		}
		p.LD = append(p.LD, ld)
		p.TR = append(p.TR, 6)
	}
	add(bids.M0Scan, math.NaN())
	for range n {
		for _, pld := range plds {
			add(bids.Control, pld)
			add(bids.Label, pld)
		}
	}
	return p
}

// simulate makes a series by the kinetic model: perfusion varies along i from
// 10 to 90, transit time along j from 0.5 to 1.4 s, M0 is 1000.
func simulate(g voxel.Grid, p *Protocol, noise float64, seed uint64) (s *voxel.Series, cbf, att *voxel.Image) {
	rng := rand.New(rand.NewPCG(seed, 0))
	s = &voxel.Series{Grid: g}
	cbf, att = voxel.NewImage(g), voxel.NewImage(g)
	for n := range cbf.Data {
		i, j, _ := g.Coord(n)
		cbf.Data[n] = float32(10 + 80*float64(i)/float64(max(g.Dim[0]-1, 1)))
		att.Data[n] = float32(0.5 + 0.9*float64(j)/float64(max(g.Dim[1]-1, 1)))
	}
	for v, kind := range p.Context {
		vol := make([]float32, g.Len())
		for n := range vol {
			vol[n] = 1000
			i, j, k := g.Coord(n)
			if kind == bids.Label {
				kin := Kinetic{p.Labelling, 0.85, 1.65, 1.331, 0.9, p.LD[v]}
				t := p.PLD[v] + p.sliceTime([3]int{i, j, k})
				if p.Labelling == PASL {
					kin.Alpha, kin.Tau = 0.98, p.CutOffDelays[0]
				} else {
					t += p.LD[v]
				}
				vol[n] -= float32(1000 * kin.DeltaM(float64(cbf.Data[n]), float64(att.Data[n]), t))
			}
			if noise > 0 && kind != bids.M0Scan {
				vol[n] += float32(noise * rng.NormFloat64())
			}
		}
		s.Vols = append(s.Vols, vol)
	}
	return s, cbf, att
}

// near fails if the images differ by more than rel of want plus abs.
func near(t *testing.T, what string, got, want *voxel.Image, rel, abs float64) {
	t.Helper()
	for n := range want.Data {
		g, w := float64(got.Data[n]), float64(want.Data[n])
		if !(math.Abs(g-w) <= rel*math.Abs(w)+abs) {
			t.Errorf("%s: voxel %d is %g, want %g", what, n, g, w)
			return
		}
	}
}

func sameBytes(t *testing.T, what string, a, b *voxel.Image) {
	t.Helper()
	for n := range a.Data {
		if math.Float32bits(a.Data[n]) != math.Float32bits(b.Data[n]) {
			t.Errorf("%s: voxel %d is %g and %g", what, n, a.Data[n], b.Data[n])
			return
		}
	}
}

// Differences of float32 volumes of 1000 are good to 6e-5, that is 1 % of ΔM
// at 10 mL/100 g/min: hence the absolute tolerance of 0.5 mL/100 g/min.
func TestQuantifyRecovers(t *testing.T) {
	g := testGrid(6, 5, 3)
	slices3 := []float64{0, 0.3, 0.15}
	for _, lab := range []Labelling{PCASL, PASL} {
		for _, times := range [][]float64{nil, slices3} {
			for _, plds := range [][]float64{{2.0}, {0.1, 0.5, 0.9, 1.3, 1.7, 2.1}} {
				p := testProtocol(2, plds...)
				p.Labelling, p.SliceAxis, p.SliceTimes = lab, 2, times
				if lab == PASL {
					p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = true, "Q2TIPS", []float64{0.7, 1.2}
				}
				s, cbf, att := simulate(g, &p, 0, 0)
				r := mustQuantify(t, Input{Series: s, ATT: att}, p, Options{Model: ModelKinetic})
				near(t, lab.String()+" CBF", r.CBF, cbf, 0.01, 0.5)
				if len(plds) > 1 {
					near(t, lab.String()+" transit time", r.ATT, att, 0, 0.05)
				}
			}
		}
	}
}

// The white-paper equation against the model it is derived from: with T1 of
// tissue equal to that of blood, no outflow and all label arrived, both agree.
func TestWhitePaperIsALimitOfTheKineticModel(t *testing.T) {
	for _, lab := range []Labelling{PCASL, PASL} {
		k := Kinetic{lab, 0.85, 1.65, 1.65, 0.9, 1.8}
		const cbf = 1e-6 // so that the outflow term vanishes
		pld, at := 1.8, 3.6
		if lab == PASL {
			k.Tau, pld, at = 0.8, 1.8, 1.8
		}
		got := k.DeltaM(cbf, 0, at) * k.WhitePaper(pld)
		if math.Abs(got/cbf-1) > 1e-6 {
			t.Errorf("%v: white paper gives %.9g of the flow, want 1", lab, got/cbf)
		}
	}
}

func TestScaleChangesNothing(t *testing.T) {
	g := testGrid(4, 4, 2)
	for _, plds := range [][]float64{{1.8}, {0.7, 1.3, 1.9}} {
		p := testProtocol(3, plds...)
		s, _, _ := simulate(g, &p, 2, 1)
		big := &voxel.Series{Grid: g}
		for _, v := range s.Vols {
			w := slices.Clone(v)
			for n := range w {
				w[n] *= 8 // a power of two is exact
			}
			big.Vols = append(big.Vols, w)
		}
		for _, m := range []Model{ModelAuto, ModelKinetic} {
			a := mustQuantify(t, Input{Series: s}, p, Options{Model: m})
			b := mustQuantify(t, Input{Series: big}, p, Options{Model: m})
			near(t, "CBF of the scaled series", b.CBF, a.CBF, 1e-6, 0)
			near(t, "its standard error", b.CBFSE, a.CBFSE, 1e-6, 0)
		}
	}
}

func TestExchangedLabelsFlipTheSign(t *testing.T) {
	g := testGrid(4, 4, 2)
	for _, plds := range [][]float64{{1.8}, {0.7, 1.3, 1.9}} {
		p := testProtocol(3, plds...)
		s, _, _ := simulate(g, &p, 2, 1)
		q := p
		q.Context = slices.Clone(p.Context)
		for v, c := range q.Context {
			switch c {
			case bids.Control:
				q.Context[v] = bids.Label
			case bids.Label:
				q.Context[v] = bids.Control
			}
		}
		for _, m := range []Model{ModelAuto, ModelKinetic} {
			a := mustQuantify(t, Input{Series: s}, p, Options{Model: m})
			b := mustQuantify(t, Input{Series: s}, q, Options{Model: m})
			for n := range b.CBF.Data {
				b.CBF.Data[n] *= -1
			}
			sameBytes(t, "CBF", a.CBF, b.CBF)
			sameBytes(t, "its standard error", a.CBFSE, b.CBFSE)
		}
	}
}

func TestZeroSliceTimesChangeNothing(t *testing.T) {
	g := testGrid(4, 4, 3)
	for _, plds := range [][]float64{{1.8}, {0.7, 1.3, 1.9}} {
		p := testProtocol(2, plds...)
		s, _, _ := simulate(g, &p, 2, 1)
		a := mustQuantify(t, Input{Series: s}, p, Options{})
		p.SliceAxis, p.SliceTimes = 2, make([]float64, 3)
		b := mustQuantify(t, Input{Series: s}, p, Options{})
		sameBytes(t, "CBF", a.CBF, b.CBF)
	}
}

func TestWorkersChangeNothing(t *testing.T) {
	g := testGrid(20, 20, 6)
	for _, plds := range [][]float64{{1.8}, {0.7, 1.3, 1.9}} {
		p := testProtocol(3, plds...)
		s, _, _ := simulate(g, &p, 3, 1)
		for n := range s.Vols[0] {
			if n%7 == 0 {
				s.Vols[0][n] = 10 // exercises the extension of M0
			}
		}
		var first *Result
		for _, w := range []int{1, 2, 5} {
			r := mustQuantify(t, Input{Series: s}, p, Options{Workers: w, M0FWHM: 4, M0EdgeTrim: 3})
			if first == nil {
				first = r
				continue
			}
			sameBytes(t, "CBF", first.CBF, r.CBF)
			sameBytes(t, "CBFSE", first.CBFSE, r.CBFSE)
			if r.ATT != nil {
				sameBytes(t, "ATT", first.ATT, r.ATT)
			}
		}
	}
}

// Realignment leaves voxels at the edge without value in some volumes.
func TestMissingInSomeVolumes(t *testing.T) {
	g := testGrid(4, 4, 3)
	for _, plds := range [][]float64{{1.8}, {0.3, 0.9, 1.5}} {
		p := testProtocol(6, plds...)
		s, _, _ := simulate(g, &p, 0.5, 3)
		whole := mustQuantify(t, Input{Series: s}, p, Options{KeepOutliers: true})
		few, many := g.Index(0, 0, 0), g.Index(3, 3, 2)
		for v := 1; v < len(s.Vols); v++ {
			if v < len(s.Vols)/3 {
				s.Vols[v][few] = nan32
			}
			if v > 4 {
				s.Vols[v][many] = nan32
			}
		}
		r := mustQuantify(t, Input{Series: s}, p, Options{KeepOutliers: true})
		a, b := float64(r.CBF.Data[few]), float64(whole.CBF.Data[few])
		if !(math.Abs(a-b) < 5*float64(whole.CBFSE.Data[few])) {
			t.Errorf("a third missing: CBF %g, with all pairs %g", a, b)
		}
		if v := float64(r.CBF.Data[many]); !math.IsNaN(v) {
			t.Errorf("most missing: CBF %g, want NaN", v)
		}
		if se := r.RegionSE([]int32{1, int32(few), int32(many)}, nil); !(se > 0) {
			t.Errorf("standard error of a region with gaps: %g", se)
		}
	}
}

// The standard errors of one delay written out: the standard deviation over
// pairs of the voxel, and of the region's mean, over the root of their number.
func TestStandardErrorsWrittenOut(t *testing.T) {
	g := testGrid(3, 2, 1)
	p := testProtocol(7, 1.8)
	s, _, _ := simulate(g, &p, 3, 5)
	s.Vols[3][2] = nan32 // voxel 2 lacks the second pair
	r := mustQuantify(t, Input{Series: s}, p, Options{KeepOutliers: true})
	factor := (Kinetic{PCASL, 0.85, 1.65, 0, 0.9, 1.8}).WhitePaper(1.8) / 1000
	spread := func(v []float64) float64 {
		m, ss := 0.0, 0.0
		for _, x := range v {
			m += x / float64(len(v))
		}
		for _, x := range v {
			ss += (x - m) * (x - m)
		}
		return math.Sqrt(ss / float64(len(v)-1) / float64(len(v)))
	}
	for _, n := range []int{0, 2} {
		var v []float64
		for pair := range 7 {
			if x := float64(s.Vols[1+2*pair][n] - s.Vols[2+2*pair][n]); x == x {
				v = append(v, x*factor)
			}
		}
		if got, want := float64(r.CBFSE.Data[n]), spread(v); math.Abs(got/want-1) > 1e-5 { // float32
			t.Errorf("voxel %d: standard error %g, written out %g", n, got, want)
		}
	}
	var v []float64
	for pair := range 7 {
		a := float64(s.Vols[1+2*pair][0] - s.Vols[2+2*pair][0])
		b := float64(s.Vols[1+2*pair][1] - s.Vols[2+2*pair][1])
		v = append(v, (a+3*b)/4*factor)
	}
	if got, want := r.RegionSE([]int32{0, 1}, []float64{0.5, 1.5}), spread(v); math.Abs(got/want-1) > 1e-5 {
		t.Errorf("region: standard error %g, written out %g", got, want)
	}
}

// The equations of the white paper and of QUIPSS written out for a slice read
// 0.4 s late.
func TestWhitePaperWrittenOut(t *testing.T) {
	g := testGrid(1, 1, 2)
	for _, tt := range []struct {
		name string
		edit func(p *Protocol)
		want float64 // per ΔM/M0, in the late slice
	}{
		{"pCASL", func(p *Protocol) {}, 6000 * 0.9 * math.Exp(2.2/1.65) / (2 * 0.85 * 1.65 * (1 - math.Exp(-1.8/1.65)))},
		{"two suppression pulses", func(p *Protocol) { p.BackgroundSuppression, p.SuppressionPulses = true, 2 },
			6000 * 0.9 * math.Exp(2.2/1.65) / (2 * 0.85 * 0.95 * 0.95 * 1.65 * (1 - math.Exp(-1.8/1.65)))},
		{"QUIPSS II", func(p *Protocol) {
			p.Labelling, p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = PASL, true, "QUIPSSII", []float64{0.7}
		}, 6000 * 0.9 * math.Exp(2.2/1.65) / (2 * 0.98 * 0.7)},
		{"QUIPSS", func(p *Protocol) {
			p.Labelling, p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = PASL, true, "QUIPSS", []float64{0.7}
		}, 6000 * 0.9 * math.Exp(2.2/1.65) / (2 * 0.98 * (2.2 - 0.7))},
	} {
		p := testProtocol(1, 1.8)
		p.SliceAxis, p.SliceTimes = 2, []float64{0, 0.4}
		tt.edit(&p)
		s := &voxel.Series{Grid: g, Vols: [][]float32{{1000, 1000}, {1000, 1000}, {992, 992}}}
		r := mustQuantify(t, Input{Series: s}, p, Options{})
		if got := float64(r.CBF.Data[1]); math.Abs(got/(tt.want*0.008)-1) > 1e-6 {
			t.Errorf("%s: CBF %g, written out %g", tt.name, got, tt.want*0.008)
		}
	}
}

func TestTissueMapsSetRelaxation(t *testing.T) {
	g := testGrid(2, 1, 1)
	p := testProtocol(1, 1.8)
	white := Kinetic{PCASL, 0.85, 1.65, 0.832, 0.9, 1.8}
	dm := float32(1000 * white.DeltaM(20, 1.6, 3.6))
	s := &voxel.Series{Grid: g, Vols: [][]float32{{1000, 1000}, {dm, dm}, {0, 0}}}
	in := Input{Series: s, Grey: &voxel.Image{Grid: g, Data: []float32{0, 1}}, White: &voxel.Image{Grid: g, Data: []float32{1, 0}}}
	r := mustQuantify(t, in, p, Options{Model: ModelKinetic})
	if got := r.CBF.Data[0]; math.Abs(float64(got)-20) > 1e-3 {
		t.Errorf("white matter with its own T1 and transit time: %g, want 20", got)
	}
	if got := r.CBF.Data[1]; math.Abs(float64(got)-20) < 2 {
		t.Errorf("taken for grey matter: %g, want something else than 20", got)
	}
}

// Intervals of the region's mean must be right where voxels share noise, which
// an average of voxel errors would miss.
func TestRegionSE(t *testing.T) {
	g := testGrid(8, 5, 2)
	for _, plds := range [][]float64{{2.0}, {0.4, 0.8, 1.2, 1.6}} {
		p := testProtocol(8, plds...)
		clean, cbf, att := simulate(g, &p, 0, 0)
		truth, _ := stats(cbf.Data, everyVoxel(g))
		all := make([]int32, g.Len())
		for n := range all {
			all[n] = int32(n)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		inside, trials := 0, 300
		if testing.Short() {
			trials = 60
		}
		for range trials {
			s := &voxel.Series{Grid: g}
			for v, vol := range clean.Vols {
				w := slices.Clone(vol)
				shared := 0.6 * rng.NormFloat64()
				if v > 0 {
					for n := range w {
						w[n] += float32(shared + rng.NormFloat64())
					}
				}
				s.Vols = append(s.Vols, w)
			}
			r := mustQuantify(t, Input{Series: s, ATT: att}, p, Options{Model: ModelKinetic, KeepOutliers: true})
			m, _ := stats(r.CBF.Data, everyVoxel(g))
			// 2.36 is the 97.5 % point of Student's t with 7 degrees of freedom, 2.05 with 28.
			limit := 2.36
			if len(plds) > 1 {
				limit = 2.05
			}
			if math.Abs(m-truth) <= limit*r.RegionSE(all, nil) {
				inside++
			}
		}
		share := float64(inside) / float64(trials)
		t.Logf("%d delays: coverage of regional 95 %% intervals %.3f", len(plds), share)
		// 300 trials: standard deviation 1.3 %; three of them.
		if math.Abs(share-0.95) > 0.04+0.05*float64(boolToInt(testing.Short())) {
			t.Errorf("%d delays: coverage of regional 95 %% intervals %.3f", len(plds), share)
		}
	}
}

func everyVoxel(g voxel.Grid) []int {
	at := make([]int, g.Len())
	for n := range at {
		at[n] = n
	}
	return at
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// geSidecar is that of the BIDS example asl001, shortened.
const geSidecar = `{"Manufacturer":"GE","MagneticFieldStrength":3,"MRAcquisitionType":"3D","PulseSequenceType":"spiral",
"PulseSequenceDetails":"GE 3d spiral pcasl product sequence: 24_LX_MR_Software_release","RepetitionTimePreparation":4.886,
"ArterialSpinLabelingType":"PCASL","PostLabelingDelay":2.025,"BackgroundSuppression":true,"M0Type":"Included",
"TotalAcquiredPairs":3,"BackgroundSuppressionNumberPulses":4,"LabelingDuration":1.450}`

// The expected value is the product's equation written out, with its constants
// as numbers: T1b 1.6 s, efficiency 0.6, ST 2 s, T1 1.2 s, scale 32, NEX 3.
func TestGEProduct(t *testing.T) {
	g := testGrid(2, 2, 1)
	ctx := []bids.VolumeType{bids.M0Scan, bids.DeltaM}
	s := &voxel.Series{Grid: g, Vols: [][]float32{{2000, 2000, 2000, 2000}, {900, 450, 0, -90}}}
	p := mustParse(t, sidecarOf(t, "ge.json", []byte(geSidecar)), ctx, g, Options{})
	r := mustQuantify(t, Input{Series: s}, p, Options{})
	want := 6000 * 0.9 * (1 - math.Exp(-2/1.2)) * math.Exp(2.025/1.6) / (2 * 1.6 * (1 - math.Exp(-1.45/1.6)) * 0.6 * 3) * 900 / (32 * 2000)
	if got := float64(r.CBF.Data[0]); math.Abs(got/want-1) > 1e-6 {
		t.Errorf("CBF %g, the product's equation gives %g", got, want)
	}
	if r.Model != ModelGE || r.Units != UnitsAbsolute || r.Calibration.Scale != 96 {
		t.Errorf("model %v, units %q, scale %g", r.Model, r.Units, r.Calibration.Scale)
	}
	half := mustQuantify(t, Input{Series: s}, p, Options{Set: map[string]float64{M0Scale: 192}})
	if got := half.CBF.Data[0] / r.CBF.Data[0]; math.Abs(float64(got)-0.5) > 1e-6 {
		t.Errorf("twice the scale changes CBF by a factor of %g, want 0.5", got)
	}
	// The same volumes from a scanner that does not scale.
	other := strings.Replace(geSidecar, `"GE"`, `"Siemens"`, 1)
	p = mustParse(t, sidecarOf(t, "other.json", []byte(other)), ctx, g, Options{})
	r = mustQuantify(t, Input{Series: s}, p, Options{})
	if r.Model != ModelWhitePaper || r.Calibration.Scale != 1 {
		t.Errorf("another maker's scan: model %v, scale %g", r.Model, r.Calibration.Scale)
	}
	if _, flags := Assess(r, Tissue{}, 1); !hasFlag(flags, "cbf-in-thousands") {
		t.Errorf("CBF of %g is not flagged: %v", r.CBF.Data[0], flags)
	}
}

func hasFlag(flags []Flag, code string) bool {
	return slices.ContainsFunc(flags, func(f Flag) bool { return f.Code == code })
}

func TestCBFPassedThrough(t *testing.T) {
	g := testGrid(2, 1, 1)
	s := &voxel.Series{Grid: g, Vols: [][]float32{{0.5, 0.25}, {0.7, 0.35}}}
	sc := sidecarOf(t, "x.json", []byte(`{"Units":"mL/g/min"}`))
	p := mustParse(t, sc, []bids.VolumeType{bids.CBF, bids.CBF}, g, Options{})
	r := mustQuantify(t, Input{Series: s}, p, Options{})
	near(t, "CBF", r.CBF, &voxel.Image{Grid: g, Data: []float32{60, 30}}, 1e-6, 0)
	if r.Model != ModelNone || r.M0 != nil || len(r.Constants) != 0 {
		t.Errorf("model %v, M0 %v, constants %v", r.Model, r.M0, r.Constants)
	}
	if len(r.Volumes.Used) != 2 {
		t.Errorf("volumes used: %v", r.Volumes.Used)
	}
}

func TestRelativePerfusion(t *testing.T) {
	g := testGrid(5, 4, 2)
	for _, plds := range [][]float64{{1.8}, {0.3, 0.9, 1.5}} {
		p := testProtocol(3, plds...)
		s, cbf, att := simulate(g, &p, 0, 0)
		p.M0Type, p.BackgroundSuppression, p.SuppressionPulses = "Absent", true, 2
		p.Context[0] = bids.NoRF
		r := mustQuantify(t, Input{Series: s, ATT: att}, p, Options{Model: ModelKinetic})
		if r.Units != UnitsRelative || !r.Calibration.Relative {
			t.Errorf("units %q", r.Units)
		}
		m := voxel.Median(cbf.Data)
		for n := range cbf.Data {
			cbf.Data[n] /= m
		}
		near(t, "relative perfusion", r.CBF, cbf, 0.03, 0.01) // T1′ is that of one flow: up to 1 %
		if !slices.Contains(r.Volumes.Excluded, 0) {
			t.Errorf("the noRF volume is not among the excluded: %v", r.Volumes)
		}
	}
	// Without suppression the controls serve as M0.
	p := testProtocol(3, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	want := mustQuantify(t, Input{Series: s}, p, Options{})
	p.M0Type = "Absent"
	got := mustQuantify(t, Input{Series: s}, p, Options{})
	sameBytes(t, "CBF by controls", want.CBF, got.CBF)
}

func TestRefused(t *testing.T) {
	g := testGrid(2, 2, 1)
	for _, tt := range []struct {
		what  string
		edit  func(p *Protocol, o *Options)
		field string
	}{
		{"white paper for several delays", func(p *Protocol, o *Options) { o.Model = ModelWhitePaper; p.PLD[3], p.PLD[4] = 1.2, 1.2 }, "PostLabelingDelay"},
		{"ge for another scanner", func(p *Protocol, o *Options) { o.Model = ModelGE }, "Manufacturer"},
		{"kinetic for QUIPSS", func(p *Protocol, o *Options) {
			o.Model, p.Labelling, p.BolusCutOff, p.CutOffTechnique, p.CutOffDelays = ModelKinetic, PASL, true, "QUIPSS", []float64{0.7}
		}, "BolusCutOffTechnique"},
		{"no default for the field", func(p *Protocol, o *Options) { p.FieldStrength = 4.7 }, "MagneticFieldStrength"},
		{"separate M0 not given", func(p *Protocol, o *Options) { p.M0Type = "Separate" }, "M0Type"},
		{"unknown constant", func(p *Protocol, o *Options) { o.Set = map[string]float64{"BloodT2": 1} }, "BloodT2"},
		{"T1 in milliseconds", func(p *Protocol, o *Options) { o.Set = map[string]float64{BloodT1: 1650} }, BloodT1},
		{"efficiency in per cent", func(p *Protocol, o *Options) { o.Set = map[string]float64{Efficiency: 85} }, Efficiency},
		{"NaN", func(p *Protocol, o *Options) { o.Set = map[string]float64{Partition: math.NaN()} }, Partition},
	} {
		p := testProtocol(2, 1.8)
		s, _, _ := simulate(g, &p, 0, 0)
		var o Options
		tt.edit(&p, &o)
		_, err := Quantify(Input{Series: s}, p, o)
		l, ok := err.(diag.List)
		if !ok || len(l) == 0 || l[0].Field != tt.field || l[0].Fix == "" {
			t.Errorf("%s: %v", tt.what, err)
		}
	}
	p := testProtocol(2, 1.8)
	s, _, _ := simulate(g, &p, 0, 0)
	clear(s.Vols[0])
	if _, err := Quantify(Input{Series: s}, p, Options{}); err == nil {
		t.Error("an M0 image of zeros is accepted")
	}
}
