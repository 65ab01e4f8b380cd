package phantom

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"phasl/asl"
	"phasl/bids"
	"phasl/voxel"
)

// coarse holds a subject's maps at 3 mm, made once for all tests.
var coarse = sync.OnceValue(func() *Maps {
	return Subject{Seed: 2}.Brain().Maps(HeadGrid(3), Constants{}, Physiology{}, 0)
})

// small returns a protocol on a grid of few voxels.
func small(p Protocol) Protocol {
	p.Grid = headBox(voxel.Vec{6, 6, 8}, [3]int{32, 38, 22})
	return p
}

// uniformMaps returns a block of one tissue.
func uniformMaps(cbf, att, t1, m0 float32) *Maps {
	g := headBox(voxel.Vec{4, 4, 4}, [3]int{8, 8, 8})
	fill := func(x float32) []float32 {
		f := make([]float32, g.Len())
		for i := range f {
			f[i] = x
		}
		return f
	}
	return &Maps{Grid: g, CBF: fill(cbf), ATT: fill(att), T1: fill(t1), M0: fill(m0)}
}

// integrate solves dM/dt = f·Δa(t) − M/T1t − (f/λ)·M for the magnetisation
// difference of tissue, where the arterial difference Δa is 2·α·M0/λ times
// what survives of the label, by the classical Runge-Kutta method between the
// jumps of Δa. It shares no formula with asl.Kinetic.
func integrate(k asl.Kinetic, cbf, att, t float64) float64 {
	f := cbf / 6000
	arterial := func(s float64) float64 {
		if k.Labelling == asl.PASL {
			return 2 * k.Alpha / k.Lambda * math.Exp(-s/k.T1b)
		}
		return 2 * k.Alpha / k.Lambda * math.Exp(-att/k.T1b)
	}
	m := 0.0
	run := func(from, to float64, on float64) {
		if to <= from {
			return
		}
		const n = 2000
		h := (to - from) / n
		slope := func(s, m float64) float64 { return on*f*arterial(s) - m/k.T1t - f/k.Lambda*m }
		for i := range n {
			s := from + h*float64(i)
			a := slope(s, m)
			b := slope(s+h/2, m+h/2*a)
			c := slope(s+h/2, m+h/2*b)
			d := slope(s+h, m+h*c)
			m += h / 6 * (a + 2*b + 2*c + d)
		}
	}
	run(0, min(att, t), 0)
	run(att, min(att+k.Tau, t), 1)
	run(att+k.Tau, t, 0)
	return m
}

func TestForwardModelAgainstIntegration(t *testing.T) {
	for _, tt := range []struct {
		protocol Protocol
		cbf, att float32
		t1       float32
	}{
		{GE3DSpiral(), 60, 1, 1.25},
		{GE3DSpiral(), 20, 1.5, 0.75},
		{Siemens3DGRASE(), 80, 2.5, 1.25}, // bolus still arriving
		{EPI2D(), 60, 0.5, 1.25},
		{PASLQ2TIPS(), 60, 0.75, 1.25},
		{PASLQ2TIPS(), 25, 1.5, 0.75}, // bolus still arriving
		{MultiDelay(), 55, 1.125, 1.25},
	} {
		p := tt.protocol
		p.Blur = 0
		maps := uniformMaps(tt.cbf, tt.att, tt.t1, 100)
		p.Grid = headBox(voxel.Vec{4, 4, 4}, [3]int{2, 2, 4})
		p.Pairs = 1
		a := Simulate(maps, p, Options{})
		c := p.Constants.orDefault()
		k := asl.Kinetic{Labelling: p.Labelling, Alpha: p.Alpha * p.suppressionEfficiency(), T1b: c.T1Blood, T1t: float64(tt.t1), Lambda: c.Lambda, Tau: p.LD}
		for v, kind := range a.Context {
			if kind != bids.DeltaM && kind != bids.Label {
				continue
			}
			for slice := range 4 {
				at := a.Series.Index(1, 1, slice)
				when := a.PLD[v] + float64(slice)*p.SliceStep
				if p.Labelling != asl.PASL {
					when += p.LD
				}
				want := 100 * integrate(k, float64(tt.cbf), float64(tt.att), when)
				var got, rounding float64
				if kind == bids.DeltaM {
					got = float64(a.Series.Vols[v][at]) / (32 * 3)
					rounding = 1e-6 * want // float32
				} else {
					got = float64(a.Series.Vols[v-1][at]) - float64(a.Series.Vols[v][at])
					rounding = 2e-5 // a difference of two float32 near 100
				}
				if !(math.Abs(got-want) <= rounding+1e-9) {
					t.Fatalf("%s volume %d slice %d: ΔM %.9g, integrated %.9g", p.Name, v, slice, got, want)
				}
			}
			// The model itself, without the rounding of stored images.
			want := integrate(k, float64(tt.cbf), float64(tt.att), p.readout(0, 0))
			if got := k.DeltaM(float64(tt.cbf), float64(tt.att), p.readout(0, 0)); math.Abs(got-want) > 1e-9*want {
				t.Errorf("%s: model %.12g, integrated %.12g", p.Name, got, want)
			}
		}
	}
}

// The equation of the white paper must return the truth in every voxel, mixed
// or not, under the physics it assumes, with every vendor's conventions.
func TestWhitePaperPhysicsIsInvertible(t *testing.T) {
	for _, p := range []Protocol{GE3DSpiral(), Siemens3DGRASE(), EPI2D(), PASLQ2TIPS()} {
		p = small(p)
		if p.Labelling != asl.PASL {
			p.PLD = []float64{2.025} // longer than the longest transit time
		} else {
			p.PLD = []float64{2.6} // all of the bolus has arrived
		}
		a := Simulate(coarse(), p, Options{Physics: WhitePaper})
		tr := a.Truth
		c := tr.Constants
		pd, first := a.Series.Vols[0], 1
		if a.M0 != nil {
			pd, first = a.M0.Vols[0], 0
		}
		checked := 0
		for n, want := range tr.CBF.Data {
			if !(want > 5) || tr.M0.Data[n] < 300 {
				continue
			}
			_, _, slice := p.Grid.Coord(n)
			delay := p.PLD[0] + float64(slice)*p.SliceStep
			m0 := float64(pd[n]) / (1 - math.Exp(-p.M0TR/c.T1Recovery))
			var dm float64
			if p.DeltaM {
				dm = float64(a.Series.Vols[first][n]) / (32 * 3)
			} else {
				dm = float64(a.Series.Vols[first][n]) - float64(a.Series.Vols[first+1][n])
			}
			var got float64
			if p.Labelling == asl.PASL {
				got = 6000 * c.Lambda * dm * math.Exp(delay/c.T1Blood) / (2 * tr.Alpha * p.LD * m0)
			} else {
				got = 6000 * c.Lambda * dm * math.Exp(delay/c.T1Blood) / (2 * tr.Alpha * c.T1Blood * m0 * (1 - math.Exp(-p.LD/c.T1Blood)))
			}
			// The difference of float32 images of about 1000 is good to 1e-4;
			// ΔM is about 5.
			if math.Abs(got-float64(want)) > 2e-3*float64(want)+0.02 {
				t.Fatalf("%s: voxel %v: equation gives %g, truth %g", p.Name, p.Grid.World(p.Grid.Coord(n)), got, want)
			}
			checked++
		}
		if checked < 1000 {
			t.Errorf("%s: only %d voxels checked", p.Name, checked)
		}
	}
}

func TestM0FollowsSaturationRecovery(t *testing.T) {
	p := GE3DSpiral()
	p.Grid = headBox(voxel.Vec{4, 4, 4}, [3]int{2, 2, 2})
	for _, tr := range []float64{0, 1, 2, 6} {
		p.M0TR = tr
		a := Simulate(uniformMaps(60, 1, 1.5, 100), p, Options{})
		want := 100.0
		if tr > 0 {
			want = 100 * (1 - math.Exp(-tr/1.5))
		}
		if got := float64(a.Series.Vols[0][0]); math.Abs(got-want) > 1e-4 {
			t.Errorf("TR %g s: M0 image %g, want %g", tr, got, want)
		}
	}
}

// Two perfect inversions null tissue whose T1 solves the timing; here the
// background is checked against the evolution written out.
func TestBackgroundSuppression(t *testing.T) {
	p := Siemens3DGRASE()
	s := newSimulator(coarse(), p, Options{})
	const t1, t0, t2, end = 1.3, 1.85, 3.1, 3.6
	m := 1 - math.Exp(-t0/t1)            // recovered since saturation
	m = 1 + (-m-1)*math.Exp(-(t2-t0)/t1) // inverted, recovering
	m = 1 + (-m-1)*math.Exp(-(end-t2)/t1)
	if got := s.background(t1, end); math.Abs(got-math.Abs(m)) > 1e-12 {
		t.Errorf("background %g, want %g", got, math.Abs(m))
	}
	for _, tissue := range []float64{1.33, 0.83} {
		if b := s.background(tissue, p.readout(0, 0)); b > 0.45 {
			t.Errorf("suppression leaves %.2f of tissue with T1 %g s", b, tissue)
		}
	}
	p.Suppression = nil
	s = newSimulator(coarse(), p, Options{})
	if got, want := s.background(1.3, end), 1-math.Exp(-p.TR/1.3); math.Abs(got-want) > 1e-12 {
		t.Errorf("without suppression %g, want %g", got, want)
	}
}

func TestNoiseHasTheStatedSD(t *testing.T) {
	for _, p := range []Protocol{GE3DSpiral(), EPI2D()} {
		p = small(p)
		p.Pairs = 2
		if p.DeltaM {
			p.Pairs = 1
		}
		clean := Simulate(coarse(), p, Options{})
		noisy := Simulate(coarse(), p, Options{SNR: 50, Seed: 9})
		for v, kind := range clean.Context {
			want := noisy.Truth.NoiseSD
			if kind == bids.DeltaM {
				want *= 32 * 3 * math.Sqrt(2.0/3)
			}
			var sum, sq float64
			n := float64(clean.Series.Len())
			for i := range clean.Series.Vols[v] {
				e := float64(noisy.Series.Vols[v][i]) - float64(clean.Series.Vols[v][i])
				sum += e
				sq += e * e
			}
			sd := math.Sqrt(sq/n - sum*sum/n/n)
			// Standard error of an SD is SD/√(2n), n = 26752: 0.4 %. Four of them.
			if math.Abs(sd/want-1) > 0.018 || math.Abs(sum/n) > 4*want/math.Sqrt(n) {
				t.Errorf("%s volume %d: noise has SD %g and mean %g, want %g and 0", p.Name, v, sd, sum/n, want)
			}
		}
		if snr := 1000 / noisy.Truth.NoiseSD; snr < 45 || snr > 60 { // M0 of grey is 1000, of white 820
			t.Errorf("noise SD %g is not that of SNR 50", noisy.Truth.NoiseSD)
		}
	}
	p := small(EPI2D())
	p.Pairs = 1
	a := Simulate(coarse(), p, Options{SNR: 50, Rician: true, Seed: 9})
	var sum float64
	corner := a.Series.Vols[1][:200] // air: Rayleigh, with mean σ·√(π/2)
	for _, x := range corner {
		sum += float64(x)
	}
	if want := a.Truth.NoiseSD * math.Sqrt(math.Pi/2); math.Abs(sum/200/want-1) > 0.15 {
		t.Errorf("mean of Rician noise in air is %g, want %g", sum/200, want)
	}
}

// blob is a smooth object, so that resampling is nearly exact.
func blob() *Maps {
	m := uniformMaps(0, 1, 1.3, 0)
	m.Grid = headBox(voxel.Vec{3, 3, 3}, [3]int{48, 48, 48})
	for _, f := range []*[]float32{&m.CBF, &m.ATT, &m.T1, &m.M0} {
		*f = make([]float32, m.Len())
	}
	for n := range m.M0 {
		p := m.World(m.Coord(n))
		x, y, z := p[0]/32, (p[1]+16)/38, (p[2]-10)/30
		m.M0[n] = float32(1000 * math.Exp(-x*x-y*y-z*z-0.3*x*y+0.2*math.Sin(3*z)))
		m.CBF[n], m.ATT[n], m.T1[n] = 50, 1, 1.3
	}
	return m
}

func TestMotionTruth(t *testing.T) {
	p := EPI2D()
	p.Grid = headBox(voxel.Vec{3, 3, 3}, [3]int{48, 48, 48})
	p.Pairs, p.SliceStep = 1, 0
	move := voxel.Translation(voxel.Vec{2, -1.5, 3}).Mul(voxel.Rotation(voxel.Vec{0.05, -0.03, 0.06}).About(voxel.Vec{0, -16, 10}))
	still := Simulate(blob(), p, Options{})
	moved := Simulate(blob(), p, Options{Motion: []voxel.Affine{voxel.Identity(), move, move}})
	if moved.Truth.Motion[1] != move || !slices.Equal(moved.Series.Vols[0], still.Series.Vols[0]) {
		t.Fatal("a volume without motion has moved, or the truth does not say what did")
	}
	// The head's point p lies at move(p): pulling from there brings it back.
	back := voxel.Resample(moved.Series.Image(1), p.Grid, moved.Truth.Motion[1], voxel.Cubic, 0)
	var worst, without float64
	for n, x := range back.Data {
		q := p.Grid.World(p.Grid.Coord(n))
		if math.Abs(q[0]) > 50 || math.Abs(q[1]+16) > 50 || math.Abs(q[2]-10) > 50 {
			continue
		}
		worst = max(worst, math.Abs(float64(x-still.Series.Vols[1][n])))
		without = max(without, math.Abs(float64(moved.Series.Vols[1][n]-still.Series.Vols[1][n])))
	}
	// Interpolation of an object of 30 mm on 3 mm voxels errs by 2e-3 at most.
	if worst > 2 || without < 20 {
		t.Errorf("moved back, the volume differs by %g of 1000 (not moved back: %g)", worst, without)
	}
}

func TestPositionMovesTruth(t *testing.T) {
	p := small(GE3DSpiral())
	shift := voxel.Translation(voxel.Vec{6, 0, 0}) // one voxel
	a := Simulate(coarse(), p, Options{})
	b := Simulate(coarse(), p, Options{Position: shift})
	for _, pair := range [][2]*voxel.Image{{a.Truth.M0, b.Truth.M0}, {a.Series.Image(1), b.Series.Image(1)}, {a.Truth.Label, b.Truth.Label}} {
		for k := range p.Grid.Dim[2] {
			for j := range p.Grid.Dim[1] {
				for i := range p.Grid.Dim[0] - 1 {
					if x, y := pair[0].At(i, j, k), pair[1].At(i+1, j, k); math.Abs(float64(x-y)) > 2e-3*math.Abs(float64(x))+0.01 {
						t.Fatalf("voxel (%d, %d, %d): %g, one voxel on %g", i, j, k, x, y)
					}
				}
			}
		}
	}
}

func TestSimulateDoesNotDependOnWorkers(t *testing.T) {
	p := small(EPI2D())
	p.Pairs = 2
	opt := Options{SNR: 60, Seed: 3, Bias: 0.2, Fluctuation: 0.01, Outliers: []int{2}, Workers: 1}
	opt.Motion = RandomMotion(11, 5, 1, 1)
	one := Simulate(coarse(), p, opt)
	opt.Workers = 8
	eight := Simulate(coarse(), p, opt)
	for v := range one.Series.Vols {
		if !slices.Equal(one.Series.Vols[v], eight.Series.Vols[v]) {
			t.Errorf("volume %d differs", v)
		}
	}
	if fmt.Sprint(one.Truth.CBF.Data) != fmt.Sprint(eight.Truth.CBF.Data) || fmt.Sprint(one.Truth.Regions) != fmt.Sprint(eight.Truth.Regions) {
		t.Error("truth differs")
	}
}

func TestOutliersAndFluctuation(t *testing.T) {
	p := small(EPI2D())
	p.Pairs = 3
	a := Simulate(coarse(), p, Options{Fluctuation: 0.002, Outliers: []int{4}, Seed: 1})
	clean := Simulate(coarse(), p, Options{})
	for v := 1; v < len(a.Context); v++ {
		var worst float64
		for n, x := range clean.Series.Vols[v] {
			if x > 300 {
				worst = max(worst, math.Abs(float64(a.Series.Vols[v][n]/x-1)))
			}
		}
		if spoilt := worst > 0.02; spoilt != (v == 4) || worst == 0 {
			t.Errorf("volume %d differs from a clean one by up to %.4f", v, worst)
		}
	}
}

func TestEffectsArePlanted(t *testing.T) {
	drug := Physiology{Scale: 1.1, CBF: func(r Region) float64 {
		if r.Base == "sgACC" {
			return r.CBF * 1.2
		}
		return r.CBF
	}}
	g := headBox(voxel.Vec{5, 5, 5}, [3]int{36, 44, 36})
	m := (&Brain{}).Maps(g, Constants{}, drug, 0)
	seen := 0
	for n, r := range m.Region {
		if r == 0 {
			continue
		}
		region := Regions()[r-1]
		want := region.CBF * 1.1
		if region.Base == "sgACC" {
			want *= 1.2
			seen++
		}
		if math.Abs(float64(m.CBF[n])-want) > 1e-4 {
			t.Fatalf("%s: CBF %g, want %g", region.Name, m.CBF[n], want)
		}
	}
	if seen == 0 {
		t.Error("no voxel of sgACC")
	}
}

// Transit times must lie in the physiological range, be longer in white
// matter, behind, and longest at the watershed between anterior and middle
// cerebral artery.
func TestTransitTimes(t *testing.T) {
	m := coarse()
	for n, f := range m.CBF {
		if f > 0 && (m.ATT[n] < 0.6 || m.ATT[n] > 1.8) {
			t.Fatalf("transit time %g s at %v", m.ATT[n], m.World(m.Coord(n)))
		}
	}
	var p Physiology
	insula, watershed, occipital := p.att(Grey, 37, 5, 1), p.att(Grey, 26, 5, 55), p.att(Grey, 12, -90, 8)
	if !(insula < occipital && insula+0.2 < watershed && p.att(White, 37, 5, 1) > insula) {
		t.Errorf("transit: insula %g, watershed %g, occipital %g s", insula, watershed, occipital)
	}
}

func BenchmarkSimulateGE(b *testing.B) {
	maps := Subject{Seed: 1}.Brain().Maps(HeadGrid(1), Constants{}, Physiology{}, 0)
	for b.Loop() {
		Simulate(maps, GE3DSpiral(), Options{SNR: 100})
	}
}

func BenchmarkSimulateEPI(b *testing.B) {
	for b.Loop() {
		Simulate(coarse(), EPI2D(), Options{SNR: 100})
	}
}

// Receive sensitivity scales every volume alike, so that ratios to M0 keep.
func TestBiasIsCommon(t *testing.T) {
	p := small(GE3DSpiral())
	plain, biased := Simulate(coarse(), p, Options{}), Simulate(coarse(), p, Options{Bias: 0.3})
	var most float64
	for n, m0 := range plain.Series.Vols[0] {
		if m0 < 100 {
			continue
		}
		a := float64(biased.Series.Vols[0][n]) / float64(m0)
		most = max(most, math.Abs(a-1))
		if d := float64(plain.Series.Vols[1][n]); math.Abs(float64(biased.Series.Vols[1][n])-a*d) > 1e-5*math.Abs(d) {
			t.Fatalf("voxel %d: M0 is scaled by %g, the difference by %g", n, a, float64(biased.Series.Vols[1][n])/d)
		}
	}
	if most < 0.1 || most > 0.9 {
		t.Errorf("sensitivity differs from 1 by up to %g", most)
	}
	if slices.Equal(plain.Truth.M0.Data, biased.Series.Vols[0]) {
		t.Error("the truth is biased too")
	}
}

func TestRandomMotion(t *testing.T) {
	m := RandomMotion(4, 60, 2, 3)
	if m[0] != voxel.Identity() || !slices.Equal(m, RandomMotion(4, 60, 2, 3)) {
		t.Error("the first volume has moved, or the seed does not decide")
	}
	var far, turn float64
	for _, a := range m {
		centre := voxel.Vec{0, -16, 10}
		far = max(far, voxel.Distance(a.Map(centre), centre))
		turn = max(turn, math.Acos(min((a[0][0]+a[1][1]+a[2][2]-1)/2, 1))*180/math.Pi)
		if math.Abs(a.Det()-1) > 1e-12 {
			t.Fatalf("not rigid: determinant %g", a.Det())
		}
	}
	if far < 2 || far > 2*math.Sqrt(3) || turn < 2.9 || turn > 3*math.Sqrt(3)+0.1 {
		t.Errorf("moves by up to %g mm and %g°", far, turn)
	}
	if len(RandomMotion(1, 1, 1, 1)) != 1 {
		t.Error("one volume")
	}
}

// The regional table must agree with the maps it summarises.
func TestRegionalTruth(t *testing.T) {
	a := Simulate(coarse(), small(GE3DSpiral()), Options{})
	if len(a.Truth.Regions) != len(Regions()) {
		t.Fatalf("%d regions", len(a.Truth.Regions))
	}
	for _, r := range a.Truth.Regions {
		if math.Abs(r.CBF-r.Region.CBF) > 1e-4 || r.ATT < 0.6 || r.ATT > 1.7 {
			t.Errorf("%s: CBF %g, ATT %g", r.Name, r.CBF, r.ATT)
		}
		if r.Voxels == 0 != math.IsNaN(r.Voxel) || r.Voxels > 0 && (r.Voxel > r.CBF+0.01 || r.Voxel < 0.4*r.CBF) {
			t.Errorf("%s: %d voxels with mean %g, grey matter %g", r.Name, r.Voxels, r.Voxel, r.CBF)
		}
	}
	for n, f := range a.Truth.Fraction.Data {
		if sum := f + a.Truth.White.Data[n]; f < 0 || sum > 1+1e-5 {
			t.Fatalf("voxel %d: grey %g, white %g", n, f, a.Truth.White.Data[n])
		}
	}
}
