package voxel

import (
	"math"
	"testing"
)

// An affine map changes volumes by the determinant of its linear part
// everywhere, on any grid.
func TestJacobianOfAffine(t *testing.T) {
	g := Grid{Dim: [3]int{5, 6, 4}, Affine: Translation(Vec{3, -8, 2}).Mul(Rotation(Vec{0.3, -0.2, 0.5})).Mul(Scaling(Vec{-2, 1.5, 3}))}
	a := Translation(Vec{1, 2, 3}).Mul(Rotation(Vec{0.05, 0.1, -0.2})).Mul(Scaling(Vec{1.1, 0.9, 1.3}))
	var d [3][]float32
	for c := range d {
		d[c] = make([]float32, g.Len())
	}
	for n := range g.Len() {
		i, j, k := g.Coord(n)
		p := g.World(i, j, k)
		for c, v := range a.Map(p) {
			d[c][n] = float32(v - p[c])
		}
	}
	for n, v := range NewWarp(g, d).Jacobian(2).Data {
		if math.Abs(float64(v)-a.Det()) > 1e-5 { // float32 displacements of some mm
			t.Fatalf("voxel %d: determinant %g, want %g", n, v, a.Det())
		}
	}
}

// A wave along x stretches by 1 + its slope there and nothing along y and z;
// on a grid one voxel thick the third axis counts as constant.
func TestJacobianOfWave(t *testing.T) {
	for _, thick := range []int{1, 5} {
		g := Grid{Dim: [3]int{81, 3, thick}, Affine: Scaling(Vec{0.5, 1, 1})}
		var d [3][]float32
		for c := range d {
			d[c] = make([]float32, g.Len())
		}
		for n := range g.Len() {
			i, _, _ := g.Coord(n)
			d[0][n] = float32(2 * math.Sin(0.3*0.5*float64(i)))
		}
		jac := NewWarp(g, d).Jacobian(0)
		for i := 1; i < 80; i++ {
			// The central difference of a sine of frequency 0.3 over ±0.5 mm.
			want := 1 + 2*math.Cos(0.15*float64(i))*math.Sin(0.15)/0.5
			if got := float64(jac.Data[g.Index(i, 1, thick/2)]); math.Abs(got-want) > 1e-5 {
				t.Fatalf("%d slices, i = %d: %g, want %g", thick, i, got, want)
			}
		}
	}
}
