package asl

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// tissueSlabs makes grey, white and CSF slabs along i, and CBF in them. Voxels
// are so large that the 5 mm smoothing of the index is nothing.
func tissueSlabs(rng *rand.Rand, noise float64) (*voxel.Image, Tissue) {
	g := voxel.Grid{Dim: [3]int{12, 6, 6}}
	for a := range 3 {
		g.Affine[a][a] = 500
	}
	cbf := voxel.NewImage(g)
	ts := Tissue{voxel.NewImage(g), voxel.NewImage(g), voxel.NewImage(g)}
	for n := range cbf.Data {
		i, _, _ := g.Coord(n)
		level := []float64{60, 24, 2}[i/4]
		[]*voxel.Image{ts.Grey, ts.White, ts.CSF}[i/4].Data[n] = 1
		cbf.Data[n] = float32(level + noise*rng.NormFloat64())
	}
	return cbf, ts
}

// The index is written out again in two passes over plain slices.
func TestQEI(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, noise := range []float64{0.1, 10, 40, 150} {
		cbf, ts := tissueSlabs(rng, noise)
		var x, y []float64
		groups := make([][]float64, 3)
		for n, v := range cbf.Data {
			i, _, _ := cbf.Coord(n)
			x = append(x, float64(v))
			y = append(y, []float64{2.5, 1, 0}[i/4])
			groups[i/4] = append(groups[i/4], float64(v))
		}
		mean := func(v []float64) float64 {
			s := 0.0
			for _, e := range v {
				s += e
			}
			return s / float64(len(v))
		}
		cov := func(a, b []float64) float64 {
			s, ma, mb := 0.0, mean(a), mean(b)
			for i := range a {
				s += (a[i] - ma) * (b[i] - mb)
			}
			return s / float64(len(a))
		}
		rho := cov(x, y) / math.Sqrt(cov(x, x)*cov(y, y))
		pooled, df, neg := 0.0, 0.0, 0.0
		for _, gr := range groups {
			pooled += cov(gr, gr) * float64(len(gr)-1)
			df += float64(len(gr) - 1)
		}
		for _, v := range groups[0] {
			if v < 0 {
				neg++
			}
		}
		neg /= float64(len(groups[0]))
		di := pooled / df / math.Abs(mean(groups[0]))
		want := math.Pow((1-math.Exp(-3.0126*math.Pow(rho, 2.4419)))*math.Exp(-(0.054*math.Pow(di, 0.9272)+2.8478*math.Pow(neg, 0.5196))), 1.0/3)
		got := QEI(cbf, ts, 1)
		t.Logf("noise %g: QEI %.4f", noise, got)
		if math.Abs(got-want) > 2e-3 { // the smoothing has a weight of 1e-5 on neighbours
			t.Errorf("noise %g: QEI %.6f, written out %.6f", noise, got, want)
		}
	}
}

func TestQEIPerfectMap(t *testing.T) {
	_, ts := tissueSlabs(rand.New(rand.NewPCG(1, 1)), 0)
	cbf := voxel.NewImage(ts.Grey.Grid)
	for n := range cbf.Data {
		cbf.Data[n] = 24 * (2.5*ts.Grey.Data[n] + ts.White.Data[n])
	}
	// ρ = 1, no variance, no negatives: ∛(1 − e^−3.0126).
	if got, want := QEI(cbf, ts, 1), math.Cbrt(1-math.Exp(-3.0126)); math.Abs(got-want) > 1e-3 {
		t.Errorf("perfect map: %g, want %g", got, want)
	}
}

func TestAssess(t *testing.T) {
	cbf, ts := tissueSlabs(rand.New(rand.NewPCG(1, 1)), 0)
	for n := range cbf.Data {
		if n%12 == 0 {
			cbf.Data[n] = -20 // a quarter of the grey slab
		}
	}
	r := &Result{CBF: cbf, Units: UnitsAbsolute}
	q, _ := Assess(r, ts, 1)
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s %g, want %g", what, got, want)
		}
	}
	near("grey", q.GreyCBF, 40) // (3·60 − 20)/4
	near("white", q.WhiteCBF, 24)
	near("ratio", q.Ratio, 40.0/24)
	near("spatial variation", q.SpatialCoV, 80*math.Sqrt(0.1875)/40)
	near("negative share", q.NegativeFraction, 0.25)
}

func TestTSNR(t *testing.T) {
	g := testGrid(6, 6, 6)
	p := testProtocol(40, 1.8)
	s := &voxel.Series{Grid: g}
	rng := rand.New(rand.NewPCG(1, 9))
	for _, c := range p.Context {
		v := make([]float32, g.Len())
		for n := range v {
			v[n] = 1000
			if c == "label" {
				v[n] = 990 + 2*float32(rng.NormFloat64())
			}
		}
		s.Vols = append(s.Vols, v)
	}
	r := mustQuantify(t, Input{Series: s}, p, Options{})
	ones := voxel.NewImage(g)
	for n := range ones.Data {
		ones.Data[n] = 1
	}
	q, _ := Assess(r, Tissue{Grey: ones}, 1)
	if math.Abs(q.TSNR-5) > 0.15 { // ΔM = 10 with a standard deviation of 2; 216 voxels of 40 pairs
		t.Errorf("tSNR %.3f, want 5", q.TSNR)
	}
}

// What goes wrong in practice, each with the flag it must raise and none of
// the others unless listed.
func TestFlags(t *testing.T) {
	g := testGrid(10, 10, 4)
	grey, white := voxel.NewImage(g), voxel.NewImage(g)
	for n := range grey.Data {
		if i, _, _ := g.Coord(n); i >= 5 {
			grey.Data[n] = 1 // simulate's perfusion rises along i
		} else {
			white.Data[n] = 1
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(s *voxel.Series, p *Protocol, ts *Tissue)
		want  string
	}{
		{"good scan", func(*voxel.Series, *Protocol, *Tissue) {}, ""},
		{"static phantom", func(s *voxel.Series, p *Protocol, _ *Tissue) {
			for v := 2; v < len(s.Vols); v += 2 {
				copy(s.Vols[v], s.Vols[v-1])
			}
		}, "no-signal"},
		{"noise only", func(s *voxel.Series, p *Protocol, _ *Tissue) {
			rng := rand.New(rand.NewPCG(2, 3))
			for v := 1; v < len(s.Vols); v++ {
				for n := range s.Vols[v] {
					s.Vols[v][n] = 1000 + 3*float32(rng.NormFloat64())
				}
			}
		}, "no-perfusion"},
		{"exchanged labels", func(s *voxel.Series, p *Protocol, _ *Tissue) {
			for v := 1; v+1 < len(s.Vols); v += 2 {
				s.Vols[v], s.Vols[v+1] = s.Vols[v+1], s.Vols[v]
			}
		}, "swapped"},
		{"M0 of another scale", func(s *voxel.Series, p *Protocol, _ *Tissue) {
			for n := range s.Vols[0] {
				s.Vols[0][n] /= 96
			}
		}, "cbf-in-thousands"},
		{"delay of 8 s", func(s *voxel.Series, p *Protocol, _ *Tissue) {
			for v := range p.PLD {
				p.PLD[v] = 8
			}
		}, "delays"},
		{"tissue maps off", func(_ *voxel.Series, _ *Protocol, ts *Tissue) { ts.Grey, ts.White = ts.White, ts.Grey }, "grey-not-above-white"},
	} {
		p := testProtocol(8, 1.8)
		s, _, _ := simulate(g, &p, 1, 11)
		ts := Tissue{Grey: grey, White: white}
		tt.spoil(s, &p, &ts)
		r := mustQuantify(t, Input{Series: s}, p, Options{})
		_, flags := Assess(r, ts, 1)
		if tt.want == "" && len(flags) > 0 || tt.want != "" && !hasFlag(flags, tt.want) {
			t.Errorf("%s: flags %v, want %q", tt.name, flags, tt.want)
		}
		for _, f := range flags {
			if f.Look == "" || f.Found == "" {
				t.Errorf("%s: %+v does not say what to look at", tt.name, f)
			}
		}
	}
}
