package voxel

import (
	"math"
	"testing"
)

func TestSmoothAgainstScipy(t *testing.T) {
	ref, img := scipy(t)
	whole := Smooth(img, ref.FWHM, 1)
	holes := img.Clone()
	for n := range holes.Data {
		i, j, k := img.Coord(n)
		if (i-10)*(i-10)+(j-8)*(j-8)+(k-9)*(k-9) <= 12 {
			holes.Data[n] = nan32
		}
	}
	holed := Smooth(holes, ref.FWHM, 1)
	for n, v := range ref.Voxels {
		// Float32 after each axis, and the kernel end: 8 σ there, 5 σ here.
		if got := float64(whole.At(v[0], v[1], v[2])); math.Abs(got-ref.Whole[n]) > 3e-7 {
			t.Errorf("at %v: %.7f, scipy %.7f", v, got, ref.Whole[n])
		}
		if got := float64(holed.At(v[0], v[1], v[2])); math.Abs(got-ref.Holed[n]) > 3e-7 {
			t.Errorf("at %v, beside the hole: %.7f, scipy %.7f", v, got, ref.Holed[n])
		}
	}
	for n, v := range holes.Data {
		if (v != v) != (holed.Data[n] != holed.Data[n]) {
			t.Fatalf("voxel %d was %g, now %g", n, v, holed.Data[n])
		}
	}
}

func TestKernel(t *testing.T) {
	for _, sigma := range []float64{0.05, 0.2, 0.5, 0.85, 1.27, 2, 3.7, 10} {
		w := gaussian(sigma, 1000)
		sum, variance := w[0], 0.0
		for n := 1; n < len(w); n++ {
			sum += 2 * w[n]
			variance += 2 * w[n] * float64(n*n)
			if w[n] > w[n-1] {
				t.Errorf("σ %g: weights rise", sigma)
			}
		}
		if math.Abs(sum-1) > 1e-14 {
			t.Errorf("σ %g: weights sum to %g", sigma, sum)
		}
		// From σ = 2 on the cut at 5 σ is not made up for: 1.5e-5.
		if math.Abs(variance/(sigma*sigma)-1) > 2e-5 {
			t.Errorf("σ %g: variance %g", sigma, variance)
		}
		// A sampled Gaussian has, up to e^(−2π²σ²), the height of a Gaussian.
		if want := 1 / (sigma * math.Sqrt(2*math.Pi)); sigma > 1.2 && math.Abs(w[0]/want-1) > 1e-5 {
			t.Errorf("σ %g: height %g, want %g", sigma, w[0], want)
		}
	}
	for _, n := range []int{1, 2, 5} {
		if w := gaussian(100, n); len(w) != n+1 {
			t.Errorf("%d weights on a grid that holds %d", len(w), n+1)
		}
	}
}

// The blob is narrow against the box, so nothing is lost at the edge.
func TestSmoothAddsVariance(t *testing.T) {
	const fwhm = 5.0
	g := gridOf([3]int{48, 40, 32}, Vec{1, 1.5, 2.5})
	s0 := Vec{3, 4, 5} // [mm]
	img := fill(g, func(i, j, k int) float64 {
		p := g.World(i, j, k)
		return math.Exp(-(p[0]*p[0]/(s0[0]*s0[0]) + p[1]*p[1]/(s0[1]*s0[1]) + p[2]*p[2]/(s0[2]*s0[2])) / 2)
	})
	out := Smooth(img, fwhm, 1)
	added := fwhm * fwhm / (8 * math.Ln2)
	moments := func(m *Image) (mass float64, v Vec) {
		for n, x := range m.Data {
			i, j, k := m.Coord(n)
			p := g.World(i, j, k)
			mass += float64(x)
			for a := range v {
				v[a] += float64(x) * p[a] * p[a]
			}
		}
		for a := range v {
			v[a] /= mass
		}
		return mass, v
	}
	m0, v0 := moments(img)
	m1, v1 := moments(out)
	if math.Abs(m1/m0-1) > 1e-5 {
		t.Errorf("mass %g, before %g", m1, m0)
	}
	for a := range v0 {
		if math.Abs((v1[a]-v0[a])/added-1) > 1e-3 { // what little reaches the edge
			t.Errorf("axis %d: variance grew by %g mm², want %g", a, v1[a]-v0[a], added)
		}
	}
	// The whole profile, not only its moments.
	for n, got := range out.Data {
		i, j, k := g.Coord(n)
		p, want := g.World(i, j, k), 1.0
		for a := range p {
			s2 := s0[a]*s0[a] + added
			want *= s0[a] / math.Sqrt(s2) * math.Exp(-p[a]*p[a]/(2*s2))
		}
		// The axis of 2.5 mm has σ of 0.85 voxels, matched in variance only.
		if math.Abs(float64(got)-want) > 5e-4 {
			t.Fatalf("at %v: %g, want %g", p, got, want)
		}
	}
}

func TestSmoothKeepsConstants(t *testing.T) {
	for _, dim := range shapes {
		for _, gaps := range []bool{false, true} {
			img := fill(gridOf(dim, Vec{1, 2, 3}), func(i, j, k int) float64 {
				if gaps && (i+j+k)%3 == 1 {
					return nan
				}
				return 7
			})
			for _, fwhm := range []float64{0, 0.5, 4, 100, 1e6} {
				compare(t, "constant", Smooth(img, fwhm, 1).Data, img.Data, 5e-6)
			}
		}
	}
}

func TestSmoothKeepsMass(t *testing.T) {
	img := NewImage(gridOf([3]int{40, 40, 40}, Vec{2, 2, 2}))
	r := newRand(5)
	var want float64
	for range 50 {
		i, j, k := 12+r.IntN(16), 12+r.IntN(16), 12+r.IntN(16)
		v := r.Float32() - 0.3
		img.Data[img.Index(i, j, k)] += v
		want += float64(v)
	}
	var got float64
	for _, v := range Smooth(img, 8, 1).Data {
		got += float64(v)
	}
	if math.Abs(got/want-1) > 1e-5 {
		t.Errorf("mass %g, before %g", got, want)
	}
}

func TestSmoothPanics(t *testing.T) {
	for _, fwhm := range []float64{-1, nan} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("no panic for a width of %g", fwhm)
				}
			}()
			Smooth(NewImage(gridOf([3]int{2, 2, 2}, Vec{1, 1, 1})), fwhm, 1)
		}()
	}
}
