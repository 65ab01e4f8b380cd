package nullmap

import (
	"math"
	"testing"

	"phasl/internal/keyed"
	"phasl/voxel"
)

// The torus gives fields with the covariance asked for: over many draws, the
// mean product of two voxels, for short and long covariances, on voxels that are
// not cubes and a grid that is turned.
func TestTorusCovariance(t *testing.T) {
	turned := voxel.Rotation(voxel.Vec{0.2, -0.3, 0.5}).Mul(voxel.Scaling(voxel.Vec{2, 3, 4}))
	g := voxel.Grid{Dim: [3]int{12, 10, 8}, Affine: turned}
	var p []voxel.Vec
	for _, v := range [][3]int{{0, 0, 0}, {1, 0, 0}, {0, 2, 0}, {3, 1, 1}, {11, 9, 7}, {6, 5, 4}} {
		p = append(p, g.World(v[0], v[1], v[2]))
	}
	for _, k := range []Kernel{{Matern12, 15}, {Matern32, 6}, {Cauchy, 4}} {
		tor := newTorus(g, p, false)
		s := tor.spectrum(k.At)
		if s.clip > 0.03 {
			t.Errorf("form %d, ℓ %g: %.3f of the variance was negative", k.Form, k.Scale, s.clip)
		}
		const draws = 800
		got := make([]float64, len(p)*len(p)*2)
		w := tor.pool.Get().(*torusWork)
		var mixed float64
		for d := range draws {
			tor.fields(w, s, keyed.Stream(3, forDraw, d))
			for i, a := range tor.at {
				for j, b := range tor.at {
					got[i*len(p)+j] += real(w.data[a]) * real(w.data[b]) / draws
				}
			}
			mixed += real(w.data[tor.at[0]]) * imag(w.data[tor.at[0]]) / draws
		}
		// Differences, as surrogates know no constant: γ = ½E(a − b)².
		for i := range p {
			for j := range i {
				gamma := (got[i*len(p)+i]+got[j*len(p)+j])/2 - got[i*len(p)+j]
				want := 1 - k.At(voxel.Distance(p[i], p[j]))
				if math.Abs(gamma-want) > 0.03+5*want*math.Sqrt(2.0/draws) {
					t.Errorf("form %d, ℓ %g: semivariance of %d and %d: %.3f, want %.3f", k.Form, k.Scale, i, j, gamma, want)
				}
			}
		}
		if math.Abs(mixed) > 5/math.Sqrt(draws) {
			t.Errorf("the two fields of one draw are correlated: %g", mixed)
		}
	}
}

// On voxels, surrogates are as alike on both sides as the map is, and follow its
// variogram.
func TestGridProcess(t *testing.T) {
	m := ball(6, 4, 0) // 925 voxels
	coords := maskCoords(m)
	tor := newTorus(m.Grid, coords, true)
	s := tor.spectrum(Kernel{Matern12, 15}.At)
	w := tor.pool.Get().(*torusWork)
	r := keyed.Stream(8, forMaps, 0)
	tor.fields(w, s, r)
	x := make([]float64, len(coords))
	for i := range x { // η = 1, nearly
		x[i] = real(w.data[tor.at[i]]) + real(w.data[tor.mirror[i]]) + 0.2*r.NormFloat64()
	}
	n, l := New(Map{File: "x", Values: x, Mask: m}, Options{Seed: 2, seeds: 40})
	if l.Err() != nil {
		t.Fatal(l)
	}
	if _, ok := n.parts[0].engine.(*gridProcess); !ok {
		t.Fatalf("engine %T, want the torus", n.parts[0].engine)
	}
	alike := func(v []float64) float64 { // correlation with the mirror image
		at := map[voxel.Vec]int{}
		for i, p := range coords {
			at[p] = i
		}
		z := centred(v)
		var a, b float64
		for i, p := range coords {
			if p[0] > 0 {
				q := z[at[mirror(p)]]
				a += z[i] * q
				b += (z[i]*z[i] + q*q) / 2
			}
		}
		return a / b
	}
	var got float64
	const draws = 60
	for _, v := range n.Matrix(draws, 0) {
		got += alike(v) / draws
	}
	if want := alike(x); got < want-0.25 || got > 1 {
		t.Errorf("surrogates are alike by %.2f on both sides, the map by %.2f", got, want)
	}
	f := n.VariogramFit(60, 0)
	t.Logf("gp: error %.2f, roughness %.2f, p %.3f, %v", f.Error, f.Roughness, f.P, n.Parameters)
	if f.Poor() || f.Error > 0.3 {
		t.Errorf("variogram: error %.2f, roughness %.2f, p %.3f", f.Error, f.Roughness, f.P)
	}
	v, l := New(Map{File: "x", Values: x, Mask: m}, Options{Method: Variogram, Seed: 2})
	if l.Err() != nil {
		t.Fatal(l)
	}
	if f := v.VariogramFit(60, 0); f.Poor() || f.Roughness > 1.25 {
		t.Errorf("variogram method: error %.2f, roughness %.2f", f.Error, f.Roughness)
	}
}

// More places than are decomposed whole, without a grid: Cholesky factors.
func TestDenseProcess(t *testing.T) {
	p := brain(700)
	r := keyed.Stream(8, forMaps, 1)
	x := make([]float64, len(p))
	for i, q := range p {
		x[i] = math.Sin(q[1]/25)*math.Cos(q[2]/30) + 0.2*r.NormFloat64()
		p[i][0] = math.Abs(q[0]) // one side: no symmetry, a quarter of the work
	}
	n, l := New(Map{File: "x", Values: x, Coords: p}, Options{Seed: 2})
	if n == nil {
		t.Fatal(l)
	}
	if _, ok := n.parts[0].engine.(*denseProcess); !ok {
		t.Fatalf("engine %T, want Cholesky factors", n.parts[0].engine)
	}
	if f := n.VariogramFit(100, 0); f.Poor() || f.Error > 0.2 {
		t.Errorf("variogram: error %.2f, roughness %.2f, p %.3f", f.Error, f.Roughness, f.P)
	}
}

// nearest finds what sorting all distances finds.
func TestNearest(t *testing.T) {
	for _, p := range [][]voxel.Vec{brain(200), maskCoords(ball(4, 2, 5)), {{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {1, 0, 0}}} {
		d := Euclidean(p)
		b := newBins(p)
		for i := range p {
			for _, k := range []int{1, 7, len(p) - 1} {
				k = min(k, len(p)-1)
				got := b.nearest(nil, i, k)
				want := nearestOf(nil, d.Row(i), i, k)
				if len(got) != k {
					t.Fatalf("%d neighbours, want %d", len(got), k)
				}
				for m := range want {
					if got[m] != want[m] {
						t.Fatalf("place %d: neighbour %d is %v, want %v", i, m, got[m], want[m])
					}
				}
			}
		}
	}
}
