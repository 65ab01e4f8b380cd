package asl

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// mixed makes fractions that vary within a few voxels, as folds do at 3 to 4
// mm, and a series that mixes pure tissues by them: perfusion of grey matter
// varies slowly along i, 50 to 70, that of white matter is 20.
func mixed(g voxel.Grid, p *Protocol, noise float64) (s *voxel.Series, ts Tissue, grey *voxel.Image) {
	rng := rand.New(rand.NewPCG(8, 1))
	ts = Tissue{voxel.NewImage(g), voxel.NewImage(g), voxel.NewImage(g)}
	grey = voxel.NewImage(g)
	for n := range grey.Data {
		i, _, _ := g.Coord(n)
		a, b := rng.Float64(), rng.Float64()
		if a+b > 1 {
			a, b = 1-a, 1-b
		}
		ts.Grey.Data[n], ts.White.Data[n], ts.CSF.Data[n] = float32(a), float32(b), float32(1-a-b)
		grey.Data[n] = float32(50 + 20*float64(i)/float64(g.Dim[0]-1))
	}
	m0 := [3]float64{1000, 820, 1120}
	s = &voxel.Series{Grid: g}
	for v, kind := range p.Context {
		vol := make([]float32, g.Len())
		for n := range vol {
			f := [3]float64{float64(ts.Grey.Data[n]), float64(ts.White.Data[n]), float64(ts.CSF.Data[n])}
			x := 0.0
			for t := range f {
				x += f[t] * m0[t]
			}
			if kind == "label" {
				k := Kinetic{Labelling: PCASL, Alpha: 0.85, T1b: 1.65, Lambda: 0.9, Tau: p.LD[v]}
				factor := k.WhitePaper(p.PLD[v])
				x -= f[0]*m0[0]*float64(grey.Data[n])/factor + f[1]*m0[1]*20/factor
			}
			vol[n] = float32(x + noise*rng.NormFloat64())
		}
		s.Vols = append(s.Vols, vol)
	}
	return s, ts, grey
}

// TestUnmixRecovers takes mixtures apart whose pure tissues are known: without
// noise exactly where perfusion is even, and within what the neighbourhood
// smooths where it is not.
func TestUnmixRecovers(t *testing.T) {
	g := testGrid(20, 18, 14)
	p := testProtocol(6, 1.8)
	for _, tt := range []struct {
		noise, tolerance float64
	}{{0, 0.01}, {2, 0.05}} {
		s, ts, grey := mixed(g, &p, tt.noise)
		in := Input{Series: s, Grey: ts.Grey, White: ts.White}
		opt := Options{Model: ModelWhitePaper, M0Floor: -1}
		r, err := Quantify(in, p, opt)
		if err != nil {
			t.Fatal(err)
		}
		u := r.Unmix(in, p, opt, ts, PartialOptions{})
		var worst, raw, mean, white, n float64
		for v := range grey.Data {
			i, j, k := g.Coord(v)
			if i < 4 || j < 4 || k < 4 || i > 15 || j > 13 || k > 9 || ts.Grey.Data[v] < 0.1 || ts.White.Data[v] < 0.1 {
				continue // smoothing of a slope is even but at the grid's edge
			}
			e := float64(u.Grey.Data[v])/float64(grey.Data[v]) - 1
			worst, mean = math.Max(worst, math.Abs(e)), mean+e
			raw += float64(r.CBF.Data[v])/float64(grey.Data[v]) - 1
			white += float64(u.White.Data[v])/20 - 1
			n++
		}
		t.Logf("noise %g: grey matter %.2f %% on average, worst %.2f %% (before %.0f %%), white matter %.2f %%", tt.noise, 100*mean/n, 100*worst, 100*raw/n, 100*white/n)
		if tt.noise == 0 && worst > tt.tolerance || math.Abs(mean/n) > tt.tolerance || math.Abs(white/n) > 3*tt.tolerance {
			t.Errorf("noise %g: grey matter errs by %.3f on average, %.3f at worst, white matter by %.3f", tt.noise, mean/n, worst, white/n)
		}
		if raw/n > -0.2 {
			t.Errorf("without correction the error is %.2f only: the test tests nothing", raw/n)
		}
	}
}

// TestUnmixLimits: tissue that is not there or not told apart has no value.
func TestUnmixLimits(t *testing.T) {
	g := testGrid(12, 12, 12)
	p := testProtocol(4, 1.8)
	s, ts, _ := mixed(g, &p, 0)
	in := Input{Series: s}
	opt := Options{M0Floor: -1}
	r, err := Quantify(in, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	if r.Unmix(in, p, opt, Tissue{Grey: ts.Grey, White: ts.White}, PartialOptions{}) != nil {
		t.Error("without CSF there should be nothing")
	}
	even := Tissue{constantImage(g, 0.6), constantImage(g, 0.3), constantImage(g, 0.1)}
	u := r.Unmix(in, p, opt, even, PartialOptions{})
	for n, v := range u.Grey.Data {
		if v == v || u.White.Data[n] == u.White.Data[n] {
			t.Fatal("fractions that do not vary tell tissues apart")
		}
	}
	lone := Tissue{constantImage(g, 1), constantImage(g, 0), constantImage(g, 0)}
	u = r.Unmix(in, p, opt, lone, PartialOptions{})
	for n, v := range u.Grey.Data {
		if !(v > 0) || u.White.Data[n] == u.White.Data[n] {
			t.Fatalf("pure grey matter: grey %g, white %g", v, u.White.Data[n])
		}
	}
	ts.Grey.Data[5] = nan32
	if u = r.Unmix(in, p, opt, ts, PartialOptions{}); u.Grey.Data[5] == u.Grey.Data[5] {
		t.Error("a voxel without fractions has perfusion")
	}
	one, two := r.Unmix(in, p, Options{M0Floor: -1, Workers: 1}, ts, PartialOptions{}), r.Unmix(in, p, Options{M0Floor: -1, Workers: 2}, ts, PartialOptions{})
	for n, v := range one.Grey.Data {
		if math.Float32bits(v) != math.Float32bits(two.Grey.Data[n]) {
			t.Fatal("the result depends on the number of workers")
		}
	}
}

// TestUnmixDelays: at several delays each tissue gets its own perfusion and
// transit time, though voxels mix tissues that differ in both.
func TestUnmixDelays(t *testing.T) {
	g := testGrid(12, 12, 12)
	p := testProtocol(2, 0.5, 1, 1.5, 2, 2.5)
	_, ts, _ := mixed(g, &p, 0)
	type tissue struct{ m0, cbf, att, t1 float64 }
	grey, white := tissue{1000, 60, 0.9, 1.33}, tissue{820, 22, 1.4, 0.83}
	s := &voxel.Series{Grid: g}
	for v, kind := range p.Context {
		vol := make([]float32, g.Len())
		for n := range vol {
			a, b, c := float64(ts.Grey.Data[n]), float64(ts.White.Data[n]), float64(ts.CSF.Data[n])
			x := a*grey.m0 + b*white.m0 + c*1120
			if kind == "label" {
				for i, f := range []float64{a, b} {
					q := []tissue{grey, white}[i]
					k := Kinetic{Labelling: PCASL, Alpha: 0.85, T1b: 1.65, T1t: q.t1, Lambda: 0.9, Tau: p.LD[v]}
					x -= f * q.m0 * k.DeltaM(q.cbf, q.att, p.PLD[v]+p.LD[v])
				}
			}
			vol[n] = float32(x)
		}
		s.Vols = append(s.Vols, vol)
	}
	in := Input{Series: s, Grey: ts.Grey, White: ts.White}
	opt := Options{M0Floor: -1, Set: map[string]float64{GreyT1: grey.t1, WhiteT1: white.t1}}
	r, err := Quantify(in, p, opt)
	if err != nil {
		t.Fatal(err)
	}
	u := r.Unmix(in, p, opt, ts, PartialOptions{})
	for n := range ts.Grey.Data {
		if ts.Grey.Data[n] < 0.1 || ts.White.Data[n] < 0.1 {
			continue
		}
		for _, x := range []struct {
			what      string
			got       float32
			want, tol float64
		}{
			{"grey CBF", u.Grey.Data[n], grey.cbf, 0.01}, {"white CBF", u.White.Data[n], white.cbf, 0.02},
			{"grey transit time", u.GreyATT.Data[n], grey.att, 0.01}, {"white transit time", u.WhiteATT.Data[n], white.att, 0.02},
		} {
			if !(math.Abs(float64(x.got)/x.want-1) <= x.tol) {
				t.Fatalf("voxel %d: %s %g, want %g", n, x.what, x.got, x.want)
			}
		}
	}
}
