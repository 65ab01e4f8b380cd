package voxel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The defining identity, on random images, weights and maps: an oblique affine
// that leaves the box in places, and a warp.
func TestAdjoint(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	src := Grid{Dim: [3]int{7, 6, 5}, Affine: Translation(Vec{-9, -8, -7}).Mul(Rotation(Vec{0.2, -0.1, 0.3})).Mul(Scaling(Vec{3, -3, 4}))}
	onto := Grid{Dim: [3]int{9, 8, 10}, Affine: Translation(Vec{-8, -24, -6}).Mul(Scaling(Vec{2, 2, 2}))}
	flat := Grid{Dim: [3]int{7, 6, 1}, Affine: src.Affine}
	disp := [3][]float32{make([]float32, src.Len()), make([]float32, src.Len()), make([]float32, src.Len())}
	for a := range disp {
		for n := range disp[a] {
			disp[a][n] = r.Float32() - 0.5
		}
	}
	for _, tt := range []struct {
		name string
		src  Grid
		t    Transform
	}{
		{"identity", src, nil},
		{"affine", src, Translation(Vec{1.5, -2, 0.7})},
		{"warp", src, Chain{NewWarp(src, disp), Translation(Vec{1, 1, 1})}},
		{"one slice", flat, nil},
	} {
		img := NewImage(tt.src)
		for n := range img.Data {
			img.Data[n] = r.Float32()
		}
		w := make([]float32, onto.Len())
		var at []int32
		var weights []float32
		for n := range w {
			if r.IntN(3) == 0 {
				w[n] = r.Float32()
				at, weights = append(at, int32(n)), append(weights, w[n])
			}
		}
		out := Resample(img, onto, tt.t, Linear, 1)
		var want, got, total, inside float64
		for n, v := range out.Data {
			if v == v {
				want += float64(w[n]) * float64(v)
				inside += float64(w[n])
			}
		}
		before := int32(-1)
		voxels, back := Adjoint(at, weights, onto, tt.src, tt.t)
		for i, m := range voxels {
			if m <= before {
				t.Fatalf("%s: voxel %d follows %d", tt.name, m, before)
			}
			before = m
			got += back[i] * float64(img.Data[m])
			total += back[i]
		}
		if inside == 0 {
			t.Fatalf("%s: nothing inside", tt.name)
		}
		// float32 values and rounding of the coordinates to 2⁻³² in Resample
		if math.Abs(got-want) > 1e-5*want || math.Abs(total-inside) > 1e-5*inside {
			t.Errorf("%s: weighted sum %.8g, want %.8g; weights %.8g, want %.8g", tt.name, got, want, total, inside)
		}
	}
}
