package voxel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// hashed returns an image of values between 0 and 1 made from integers; the
// scripts in testdata/ref make the same.
func hashed(g Grid) *Image {
	m := NewImage(g)
	for n := range m.Data {
		i, j, k := g.Coord(n)
		m.Data[n] = float32((i*73+j*151+k*283+i*j*17+j*k*29+i*k*41)%251) / 250
	}
	return m
}

// fill returns an image with f at each voxel.
func fill(g Grid, f func(i, j, k int) float64) *Image {
	m := NewImage(g)
	for n := range m.Data {
		i, j, k := g.Coord(n)
		m.Data[n] = float32(f(i, j, k))
	}
	return m
}

// gridOf returns an axis-aligned grid of voxels of size s [mm] about the
// origin.
func gridOf(dim [3]int, s Vec) Grid {
	c := Vec{}
	for a := range c {
		c[a] = -s[a] * float64(dim[a]-1) / 2
	}
	return Grid{Dim: dim, Affine: Translation(c).Mul(Scaling(s))}
}

// slanted returns a grid whose axes are oblique to the world's.
func slanted(dim [3]int, s Vec) Grid {
	g := gridOf(dim, s)
	g.Affine = Rotation(Vec{0.3, -0.2, 0.4}).Mul(g.Affine)
	return g
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// somewhere returns a point in the box of n voxels a side, up to margin beyond
// the outermost centres.
func somewhere(r *rand.Rand, dim [3]int, margin float64) Vec {
	var v Vec
	for a, n := range dim {
		v[a] = -margin + r.Float64()*(float64(n-1)+2*margin)
	}
	return v
}

// same reports whether a and b are equal, or both NaN.
func same(a, b float32) bool { return a == b || a != a && b != b }

// compare fails unless got and want agree to tol and have NaN in the same
// places.
func compare(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for n := range got {
		if same(got[n], want[n]) || math.Abs(float64(got[n])-float64(want[n])) <= tol {
			continue
		}
		t.Fatalf("%s: value %d is %g, want %g within %g", what, n, got[n], want[n], tol)
	}
}
