package voxel

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

type reference struct {
	Points  []Vec
	Cubic   []float64
	FWHM    float64
	Spacing Vec
	Voxels  [][3]int
	Whole   []float64
	Holed   []float64
}

// scipy returns the values testdata/ref/generate.py computed.
func scipy(t *testing.T) (reference, *Image) {
	t.Helper()
	b, err := os.ReadFile("testdata/ref/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(b, &ref); err != nil {
		t.Fatal(err)
	}
	if len(ref.Points) == 0 || len(ref.Voxels) == 0 {
		t.Fatal("no reference values")
	}
	return ref, hashed(gridOf([3]int{24, 20, 22}, ref.Spacing))
}

func TestCubicAgainstScipy(t *testing.T) {
	ref, img := scipy(t)
	s := NewSampler(img, Cubic)
	for n, p := range ref.Points {
		// Coefficients up to 3 in float32, 64 products.
		if got := float64(s.AtVoxel(p)); math.Abs(got-ref.Cubic[n]) > 5e-7 {
			t.Errorf("at %v: %.8f, scipy %.8f", p, got, ref.Cubic[n])
		}
	}
}

var kinds = map[string]Interp{"linear": Linear, "nearest": Nearest, "cubic": Cubic}

// shapes include axes of one and two voxels, where kernels reach furthest
// beyond the edge.
var shapes = [][3]int{{7, 8, 9}, {1, 6, 5}, {5, 1, 2}, {2, 2, 2}, {1, 1, 1}, {2, 41, 3}}

func TestInterpolatesSamples(t *testing.T) {
	for name, interp := range kinds {
		for _, dim := range shapes {
			img := hashed(slanted(dim, Vec{1, 2, 3}))
			tol := 0.0
			if interp == Cubic {
				tol = 1e-6 // float32 coefficients up to 3
			}
			// Through the identity, voxels land on voxels exactly.
			compare(t, name, Resample(img, img.Grid, nil, interp, 1).Data, img.Data, tol)
		}
	}
}

func TestLinearFunction(t *testing.T) {
	for name, interp := range map[string]Interp{"linear": Linear, "cubic": Cubic} {
		dim := [3]int{30, 28, 26}
		img := fill(gridOf(dim, Vec{1, 1, 1}), func(i, j, k int) float64 {
			return 3*float64(i) - 2*float64(j) + float64(k) + 5
		})
		s := NewSampler(img, interp)
		r := newRand(1)
		for range 500 {
			// Mirroring puts a kink at the edge; the spline's response to it
			// falls by 0.268 a voxel: 2e-6 of the slope after ten.
			v := somewhere(r, dim, 0)
			if interp == Cubic {
				v = somewhere(r, dim, -10)
			}
			want := 3*v[0] - 2*v[1] + v[2] + 5
			// Values up to 100 in float32.
			if got := float64(s.AtVoxel(v)); math.Abs(got-want) > 3e-5 {
				t.Fatalf("%s: %g at %v, want %g", name, got, v, want)
			}
			_, grad := s.AtVoxelGrad(v)
			if !nearVec(grad, Vec{3, -2, 1}, 1e-4) {
				t.Fatalf("%s: gradient %v", name, grad)
			}
		}
	}
}

func TestCubicReproducesCubics(t *testing.T) {
	dim := [3]int{40, 32, 36}
	poly := func(x, y, z float64) float64 {
		x, y, z = x/20-1, y/16-1, z/18-1
		return x*x*x - 2*x*y*z + y*y*y/2 - z*z*z + x*x*y + z - 0.3
	}
	img := fill(gridOf(dim, Vec{1, 1, 1}), func(i, j, k int) float64 {
		return poly(float64(i), float64(j), float64(k))
	})
	s := NewSampler(img, Cubic)
	r := newRand(2)
	for range 500 {
		v := somewhere(r, dim, -12) // from the edge 0.268^12 = 1e-7
		want := poly(v[0], v[1], v[2])
		if got := float64(s.AtVoxel(v)); math.Abs(got-want) > 1e-6 {
			t.Fatalf("%g at %v, want %g", got, v, want)
		}
	}
}

// The derivative is compared with the difference quotient of the value.
func TestGradient(t *testing.T) {
	for name, interp := range map[string]Interp{"linear": Linear, "cubic": Cubic} {
		img := hashed(gridOf([3]int{9, 8, 7}, Vec{1, 1, 1}))
		if interp == Linear {
			img.Data[img.Index(4, 4, 4)] = nan32
		}
		s := NewSampler(img, interp)
		r := newRand(3)
		for range 500 {
			v := somewhere(r, img.Dim, 0.4)
			val, grad := s.AtVoxelGrad(v)
			// float64 in one kernel, float32 in the other.
			if got := s.AtVoxel(v); !(math.Abs(float64(got-val)) <= 2e-6) && !same(got, val) {
				t.Fatalf("%s: value %g at %v, AtVoxel says %g", name, val, v, got)
			}
			for a := range 3 {
				const h = 1e-3
				if _, f := math.Modf(v[a]); math.Abs(f) < 2*h || math.Abs(f) > 1-2*h {
					continue // a kink
				}
				p, q := v, v
				p[a] -= h
				q[a] += h
				lo, _ := s.AtVoxelGrad(p)
				hi, _ := s.AtVoxelGrad(q)
				if lo != lo || hi != hi || val != val {
					continue
				}
				want := float64(hi-lo) / (2 * h)
				// float32 values 1e-7 apart over 2e-3, and h² f‴/6; near a
				// missing voxel the weights' curvature makes it larger.
				if math.Abs(grad[a]-want) > 1e-3 {
					t.Fatalf("%s: derivative %d at %v is %g, difference quotient %g", name, a, v, grad[a], want)
				}
			}
		}
	}
}

func TestEdges(t *testing.T) {
	for name, interp := range kinds {
		img := hashed(gridOf([3]int{4, 5, 6}, Vec{1, 1, 1}))
		s := NewSampler(img, interp)
		for _, tt := range []struct {
			at   Vec
			want float32
		}{
			{Vec{-0.49, 2, 3}, img.At(0, 2, 3)},
			{Vec{3.5, 2, 3}, img.At(3, 2, 3)},
			{Vec{3, 4.5, -0.5}, img.At(3, 4, 0)},
			{Vec{3, 4.3, 5.49}, img.At(3, 4, 5)},
			{Vec{-0.51, 2, 3}, nan32},
			{Vec{3.51, 2, 3}, nan32},
			{Vec{1, -0.6, 3}, nan32},
			{Vec{1, 2, 5.6}, nan32},
			{Vec{math.NaN(), 2, 3}, nan32},
			{Vec{1, math.Inf(1), 3}, nan32},
			{Vec{1, 2, -1e300}, nan32},
		} {
			got := s.AtVoxel(tt.at)
			if !same(got, tt.want) && !(math.Abs(float64(got-tt.want)) < 1e-6) {
				t.Errorf("%s: %g at %v, want %g", name, got, tt.at, tt.want)
			}
			v, grad := s.AtVoxelGrad(tt.at)
			if (v != v) != (tt.want != tt.want) || (grad[0] != grad[0]) != (tt.want != tt.want) {
				t.Errorf("%s: AtVoxelGrad(%v) = %g, %v", name, tt.at, v, grad)
			}
		}
		if _, grad := s.AtVoxelGrad(Vec{-0.3, 2, 3}); grad[0] != 0 {
			t.Errorf("%s: beyond the outermost centre the derivative is %v", name, grad)
		}
	}
}

func TestMissingValues(t *testing.T) {
	for _, bad := range []float32{nan32, float32(math.Inf(1))} {
		img := fill(gridOf([3]int{6, 5, 5}, Vec{1, 1, 1}), func(i, j, k int) float64 { return float64(10 * i) })
		img.Data[img.Index(2, 2, 2)] = bad
		lin, cub := NewSampler(img, Linear), NewSampler(img, Cubic)
		for _, tt := range []struct {
			at   Vec
			want float64
		}{
			{Vec{1.4, 2, 2}, 10},  // weight 0.6 on the value 10, none on the bad one
			{Vec{1.5, 2, 2}, 10},  // exactly half
			{Vec{1.6, 2, 2}, nan}, // less than half
			{Vec{2, 2, 2}, nan},
			{Vec{1, 2, 2}, 10}, // weight zero on the bad one
			// weights ¼ each on 10, 20, 10, bad
			{Vec{1.5, 1.5, 2}, 40. / 3},
		} {
			got := float64(lin.AtVoxel(tt.at))
			if !(math.Abs(got-tt.want) < 1e-5) && !(got != got && tt.want != tt.want) {
				t.Errorf("linear: %g at %v, want %g", got, tt.at, tt.want)
			}
		}
		if v := cub.AtVoxel(Vec{1.6, 2, 2}); v == v {
			t.Errorf("cubic: %g where the nearest voxel has no value", v)
		}
		if v, grad := cub.AtVoxelGrad(Vec{1.6, 2, 2}); v == v || grad[1] == grad[1] {
			t.Errorf("cubic: %g, %v where the nearest voxel has no value", v, grad)
		}
		if v := cub.AtVoxel(Vec{1.4, 2, 2}); !(v > 5 && v < 25) {
			t.Errorf("cubic: %g beside a voxel without a value", v)
		}
		if v := cub.AtVoxel(Vec{5, 2, 2}); !(math.Abs(float64(v)-50) < 1e-4) {
			t.Errorf("cubic: %g at a voxel of value 50", v)
		}
	}
	none := fill(gridOf([3]int{3, 3, 3}, Vec{1, 1, 1}), func(i, j, k int) float64 { return nan })
	for name, interp := range kinds {
		if got := withoutNaN(Resample(none, none.Grid, nil, interp, 1).Data); len(got) != 0 {
			t.Errorf("%s: values from nothing: %v", name, got)
		}
	}
}

var nan = math.NaN()

// A quarter turn about the middle of a cube permutes its voxels.
func TestQuarterTurn(t *testing.T) {
	g := slanted([3]int{9, 9, 9}, Vec{2, 2, 2})
	img := hashed(g)
	turn := g.Affine.Mul(Rotation(Vec{0, 0, math.Pi / 2}).About(Vec{4, 4, 4})).Mul(g.Affine.Inverse())
	want := fill(g, func(i, j, k int) float64 { return float64(img.At(8-j, i, k)) })
	for name, interp := range kinds {
		compare(t, name, Resample(img, g, turn, interp, 1).Data, want.Data, 1e-6)
	}
}

func TestChainEqualsProduct(t *testing.T) {
	img := hashed(slanted([3]int{20, 22, 18}, Vec{2, 2, 3}))
	onto := gridOf([3]int{25, 16, 21}, Vec{2, 3, 2})
	a := Rotation(Vec{0.1, 0.2, -0.1})
	b := Translation(Vec{3, -2, 1}).Mul(Scaling(Vec{1.1, 0.9, 1}))
	for name, interp := range kinds {
		if interp == Nearest {
			continue // rounding decides ties
		}
		want := Resample(img, onto, b.Mul(a), interp, 1).Data
		if len(withoutNaN(want)) < 1000 {
			t.Fatal("the grids hardly overlap")
		}
		compare(t, name, Resample(img, onto, Chain{a, b}, interp, 1).Data, want, 1e-6)
		compare(t, name+" nested", Resample(img, onto, Chain{nil, Chain{a}, Chain{Chain{}, &b}}, interp, 1).Data, want, 1e-6)
		compare(t, name+" opaque", Resample(img, onto, Chain{a, opaque{b}}, interp, 1).Data, want, 1e-6)
	}
}

// opaque hides that a transform is affine.
type opaque struct{ t Transform }

func (o opaque) Map(p Vec) Vec { return o.t.Map(p) }

// constantWarp returns a warp of d everywhere.
func constantWarp(g Grid, d Vec) *Warp {
	var disp [3][]float32
	for a := range disp {
		disp[a] = make([]float32, g.Len())
		for n := range disp[a] {
			disp[a][n] = float32(d[a])
		}
	}
	return NewWarp(g, disp)
}

func TestConstantWarpIsTranslation(t *testing.T) {
	img := hashed(slanted([3]int{20, 22, 18}, Vec{2, 2, 3}))
	onto := gridOf([3]int{15, 16, 11}, Vec{2, 3, 2})
	d := Vec{1.25, -2.5, 0.75}
	w := constantWarp(gridOf([3]int{4, 3, 1}, Vec{5, 5, 5}), d) // smaller than onto
	a := Rotation(Vec{0.1, 0, 0.2})
	for name, interp := range map[string]Interp{"linear": Linear, "cubic": Cubic} {
		want := Resample(img, onto, a.Mul(Translation(d)).Mul(a), interp, 1).Data
		compare(t, name, Resample(img, onto, Chain{a, w, a}, interp, 1).Data, want, 1e-6)
		compare(t, name+" opaque", Resample(img, onto, Chain{a, opaque{w}, a}, interp, 1).Data, want, 1e-6)
	}
}

func TestWarpIsLinearBetweenCentres(t *testing.T) {
	g := slanted([3]int{4, 5, 6}, Vec{2, 3, 4})
	m := Affine{{0.1, -0.2, 0.3, 1}, {0.2, 0.1, 0, -2}, {-0.1, 0.3, 0.2, 3}} // of voxels
	var disp [3][]float32
	for n := range g.Len() {
		i, j, k := g.Coord(n)
		d := m.Map(Vec{float64(i), float64(j), float64(k)})
		for a := range disp {
			disp[a] = append(disp[a], float32(d[a]))
		}
	}
	w := NewWarp(g, disp)
	r := newRand(4)
	for range 200 {
		v := somewhere(r, g.Dim, 2)
		c := v // beyond the box the displacement is that of its nearest point
		for a := range c {
			c[a] = min(max(c[a], 0), float64(g.Dim[a]-1))
		}
		p, d := g.Affine.Map(v), m.Map(c)
		want := Vec{p[0] + d[0], p[1] + d[1], p[2] + d[2]}
		if got := w.Map(p); !nearVec(got, want, 2e-6) { // displacements up to 5 in float32
			t.Fatalf("%v to %v, want %v", p, got, want)
		}
	}
	if got := w.Map(Vec{0, nan, 0}); got[0] == got[0] || got[1] == got[1] || got[2] == got[2] {
		t.Errorf("NaN is mapped to %v", got)
	}
	w.Disp[0][g.Index(3, 4, 5)] = nan32
	if got := w.Map(g.World(2, 4, 5)); !nearVec(got, got, 0) {
		t.Errorf("a NaN of weight zero gives %v", got)
	}
}

// Storing the same image with axes flipped or swapped must not change what is
// at a point of the world.
func TestFlipsAndSwaps(t *testing.T) {
	img := hashed(slanted([3]int{8, 9, 10}, Vec{2, 2.5, 3}))
	img.Data[img.Index(7, 8, 9)] = nan32 // nearest value: (6, 8, 9) alone
	onto := gridOf([3]int{9, 10, 11}, Vec{2, 2, 2})
	// q maps voxels of the copy to voxels of img.
	for what, q := range map[string]Affine{
		"flip i":    {{-1, 0, 0, 7}, {0, 1, 0, 0}, {0, 0, 1, 0}},
		"flip j, k": {{1, 0, 0, 0}, {0, -1, 0, 8}, {0, 0, -1, 9}},
		"swap i, k": {{0, 0, 1, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}},
		"rotate":    {{0, 1, 0, 0}, {0, 0, 1, 0}, {1, 0, 0, 0}},
	} {
		g := Grid{Affine: img.Affine.Mul(q)}
		for a := range 3 {
			for b := range 3 {
				if q[a][b] != 0 {
					g.Dim[b] = img.Dim[a]
				}
			}
		}
		twin := fill(g, func(i, j, k int) float64 {
			v := q.Map(Vec{float64(i), float64(j), float64(k)})
			return float64(img.At(int(v[0]), int(v[1]), int(v[2])))
		})
		for name, interp := range kinds {
			compare(t, what+" "+name, Resample(twin, onto, nil, interp, 1).Data,
				Resample(img, onto, nil, interp, 1).Data, 2e-6)
		}
		back := Smooth(twin, 5, 1)
		want := Smooth(img, 5, 1)
		compare(t, what+" smooth", Resample(back, img.Grid, nil, Nearest, 1).Data, want.Data, 1e-6)
		m, n := twin.Threshold(0.7), img.Threshold(0.7)
		far := &Image{Grid: g, Data: EDT(m, 1)}
		compare(t, what+" EDT", Resample(far, img.Grid, nil, Nearest, 1).Data, EDT(n, 1), 1e-5)
	}
}

func TestResampleSeries(t *testing.T) {
	g := slanted([3]int{12, 10, 9}, Vec{2, 2, 3})
	onto := gridOf([3]int{11, 12, 13}, Vec{2, 2, 2})
	src := &Series{Grid: g}
	for v := range seriesBatch + 3 {
		src.Vols = append(src.Vols, fill(g, func(i, j, k int) float64 { return float64((i*j + k*v) % 13) }).Data)
	}
	move := Chain{Rotation(Vec{0.1, 0, 0}), constantWarp(g, Vec{1, 0, 2})}
	for name, interp := range kinds {
		out := ResampleSeries(src, onto, move, interp, 2)
		for v := range src.Vols {
			compare(t, name, out.Vols[v], Resample(src.Image(v), onto, move, interp, 1).Data, 0)
		}
	}
}

func TestResampleMask(t *testing.T) {
	img := hashed(slanted([3]int{12, 10, 9}, Vec{2, 2, 3}))
	onto := gridOf([3]int{17, 19, 13}, Vec{2, 2, 2})
	got := ResampleMask(img.Threshold(0.5), onto, randomAffine(1), 2)
	want := Resample(img, onto, randomAffine(1), Nearest, 1).Threshold(0.5)
	if want.Count() == 0 || got.Count() != want.Count() {
		t.Fatalf("%d voxels, want %d", got.Count(), want.Count())
	}
	compare(t, "mask", got.Image().Data, want.Image().Data, 0)
}

func TestAverage(t *testing.T) {
	// Voxels of 2×2×2: 2×2×2 points lie on the old centres.
	img := hashed(gridOf([3]int{8, 6, 4}, Vec{1, 1, 1}))
	onto := img.WithSpacing(Vec{2, 2, 2})
	want := fill(onto, func(i, j, k int) float64 {
		var s float64
		for c := range 8 {
			s += float64(img.At(2*i+c&1, 2*j+c>>1&1, 2*k+c>>2))
		}
		return s / 8
	})
	compare(t, "2 points", Average(img, onto, nil, 2, 1).Data, want.Data, 1e-6)
	compare(t, "chosen", Average(img, onto, nil, 0, 1).Data, want.Data, 1e-6)
	compare(t, "1 point", Average(img, onto, nil, 1, 1).Data, Resample(img, onto, nil, Linear, 1).Data, 1e-7)

	// A plane's share of a voxel is known.
	ramp := fill(gridOf([3]int{6, 6, 6}, Vec{1, 1, 1}), func(i, j, k int) float64 { return float64(i) })
	mid := Grid{Dim: [3]int{1, 1, 1}, Affine: Scaling(Vec{3, 3, 3})}
	compare(t, "ramp", Average(ramp, mid, nil, 5, 1).Data, []float32{2.5}, 1e-6)

	// Half the points outside is the most that may be.
	at := func(x float64) float32 {
		g := Grid{Dim: [3]int{1, 1, 1}, Affine: Translation(Vec{x, 0, 0})}
		return Average(ramp, g, nil, 4, 1).Data[0]
	}
	if v := at(2.9); v != 5 { // two points of four, both beyond the last centre
		t.Errorf("half outside: %g", v)
	}
	if v := at(3.3); v == v {
		t.Errorf("most outside: %g", v)
	}
}

func TestWorkers(t *testing.T) {
	img := hashed(slanted([3]int{37, 36, 15}, Vec{2, 2, 4}))
	img.Data[5000] = nan32
	onto := gridOf([3]int{25, 39, 20}, Vec{3, 2, 3})
	move := Chain{randomAffine(7), constantWarp(onto, Vec{1, 2, 3})}
	mask := img.Threshold(0.9)
	run := func(workers int) [][]float32 {
		out := [][]float32{
			Average(img, onto, move, 2, workers).Data,
			Smooth(img, 6, workers).Data,
			EDT(mask, workers),
			ResampleMask(mask, onto, move, workers).Image().Data,
			Dilate(mask, 3, workers).Image().Data,
			Erode(mask, 1, workers).Image().Data,
			Open(mask, 2, workers).Image().Data,
			Close(mask, 2, workers).Image().Data,
		}
		for _, interp := range []Interp{Linear, Nearest, Cubic} {
			out = append(out, Resample(img, onto, move, interp, workers).Data)
		}
		return out
	}
	one := run(1)
	for _, workers := range []int{8, 2} {
		for n, got := range run(workers) {
			for v := range got {
				if math.Float32bits(got[v]) != math.Float32bits(one[n][v]) {
					t.Fatalf("result %d depends on the number of workers", n)
				}
			}
		}
	}
}
