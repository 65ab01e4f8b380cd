package voxel

import (
	"math"
	"testing"
)

func randomAffine(seed uint64) Affine {
	r := newRand(seed)
	u := func() float64 { return 2*r.Float64() - 1 }
	return Translation(Vec{20 * u(), 20 * u(), 20 * u()}).
		Mul(Rotation(Vec{u(), u(), u()})).
		Mul(Scaling(Vec{1 + u()/2, 1 + u()/2, 1 + u()/2})).
		Mul(Affine{{1, u() / 3, u() / 3, 0}, {0, 1, u() / 3, 0}, {0, 0, 1, 0}})
}

func nearVec(p, q Vec, tol float64) bool { return Distance(p, q) <= tol }

func TestAffine(t *testing.T) {
	for seed := range uint64(20) {
		a, b := randomAffine(seed), randomAffine(seed+100)
		p := Vec{3, -5, 7}
		// Rounding only: coordinates below 100, condition below 100.
		if got := a.Inverse().Map(a.Map(p)); !nearVec(got, p, 1e-11) {
			t.Errorf("inverse of map of %v is %v", p, got)
		}
		if got, want := a.Mul(b).Map(p), a.Map(b.Map(p)); !nearVec(got, want, 1e-11) {
			t.Errorf("product maps to %v, one after the other to %v", got, want)
		}
		if got, want := a.Mul(b).Det(), a.Det()*b.Det(); math.Abs(got-want) > 1e-12 {
			t.Errorf("determinant of product %g, product of determinants %g", got, want)
		}
		if got := a.About(p).Map(p); !nearVec(got, Vec{p[0] + a[0][3], p[1] + a[1][3], p[2] + a[2][3]}, 1e-11) {
			t.Errorf("About moved its centre to %v, by other than the shift", got)
		}
		if got := (Chain{b, a}).Map(p); !nearVec(got, a.Map(b.Map(p)), 1e-11) {
			t.Errorf("Chain does not apply its first transform first: %v", got)
		}
	}
}

func TestRotation(t *testing.T) {
	q := math.Pi / 2
	for _, tt := range []struct {
		r        Vec
		from, to Vec
	}{
		{Vec{q, 0, 0}, Vec{0, 1, 0}, Vec{0, 0, 1}},
		{Vec{0, q, 0}, Vec{0, 0, 1}, Vec{1, 0, 0}},
		{Vec{0, 0, q}, Vec{1, 0, 0}, Vec{0, 1, 0}},
		{Vec{q, q, 0}, Vec{0, 1, 0}, Vec{1, 0, 0}}, // x first, then y
		{Vec{0, q, q}, Vec{0, 0, 1}, Vec{0, 1, 0}}, // y first, then z
	} {
		if got := Rotation(tt.r).Map(tt.from); !nearVec(got, tt.to, 1e-15) {
			t.Errorf("Rotation(%v) takes %v to %v, want %v", tt.r, tt.from, got, tt.to)
		}
	}
	a := Rotation(Vec{0.3, -0.7, 1.1})
	if math.Abs(a.Det()-1) > 1e-15 || !nearVec(a.ColumnNorms(), Vec{1, 1, 1}, 1e-15) {
		t.Errorf("a rotation changes volumes or lengths: %v", a)
	}
}

func TestInverseOfSingular(t *testing.T) {
	inf := math.Inf(1)
	for _, a := range []Affine{
		{},
		{{1, 2, 3, 0}, {2, 4, 6, 0}, {0, 0, 1, 0}},
		{{1, 0, 0, inf}, {0, 1, 0, 0}, {0, 0, 1, 0}},
		{{math.NaN(), 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
	} {
		if a.Invertible() {
			t.Errorf("%v said to be invertible", a)
		}
		inv := a.Inverse()
		for i := range inv {
			for _, v := range inv[i] {
				if v == v {
					t.Errorf("inverse of %v has element %g, want NaN", a, v)
				}
			}
		}
	}
	if !Scaling(Vec{1e-3, 1e-3, 1e-3}).Invertible() || !Scaling(Vec{1e5, -1e5, 1e5}).Invertible() {
		t.Error("a small or large voxel size is not singular")
	}
}

func TestGrid(t *testing.T) {
	g := slanted([3]int{5, 7, 3}, Vec{2, 3, 4})
	for n := range g.Len() {
		i, j, k := g.Coord(n)
		if g.Index(i, j, k) != n || !g.Inside(i, j, k) {
			t.Fatalf("Index(Coord(%d)) = %d", n, g.Index(i, j, k))
		}
	}
	if g.Inside(-1, 0, 0) || g.Inside(5, 0, 0) || g.Inside(0, 7, 0) || g.Inside(0, 0, 3) {
		t.Error("a voxel beyond the edge is inside")
	}
	if s := g.Spacing(); !nearVec(s, Vec{2, 3, 4}, 1e-14) || math.Abs(g.VoxelVolume()-24) > 1e-13 {
		t.Errorf("spacing %v, volume %g", s, g.VoxelVolume())
	}
	if !nearVec(g.Centre(), g.World(2, 3, 1), 1e-14) {
		t.Errorf("centre %v is not that of the middle voxel", g.Centre())
	}
	h := g
	h.Affine = Translation(Vec{0.09, 0, 0}).Mul(h.Affine)
	if !g.Same(h, 0.1) || g.Same(h, 0.08) {
		t.Error("Same does not look at the distance")
	}
	h.Affine[0][0] = math.NaN()
	if g.Same(h, 1) {
		t.Error("a grid of NaN is the same as another")
	}
}

func TestWithSpacing(t *testing.T) {
	g := slanted([3]int{10, 12, 9}, Vec{2, 3, 4})
	h := g.WithSpacing(Vec{4, 1, 5})
	if h.Dim != [3]int{5, 36, 8} { // 36/5 = 7.2
		t.Errorf("shape %v", h.Dim)
	}
	if !nearVec(h.Spacing(), Vec{4, 1, 5}, 1e-13) || !nearVec(h.Centre(), g.Centre(), 1e-12) {
		t.Errorf("spacing %v, centre %v, want the centre %v", h.Spacing(), h.Centre(), g.Centre())
	}
	// The corner of the box is a corner of the old one where the sizes divide.
	old, now := g.Affine.Map(Vec{-0.5, -0.5, 4}), h.Affine.Map(Vec{-0.5, -0.5, 3.5})
	if !nearVec(old, now, 1e-12) {
		t.Errorf("corner moved from %v to %v", old, now)
	}
	if b := g.WithSpacing(g.Spacing()); !g.Same(b, 1e-12) {
		t.Errorf("own spacing changes the grid: %v", b)
	}
}

func TestCrop(t *testing.T) {
	m := hashed(slanted([3]int{5, 6, 7}, Vec{1, 2, 3}))
	lo, hi := [3]int{-2, 1, 3}, [3]int{4, 9, 5}
	c := m.Crop(lo, hi)
	for n, v := range c.Data {
		i, j, k := c.Coord(n)
		p := [3]int{i + lo[0], j + lo[1], k + lo[2]}
		want := nan32
		if m.Inside(p[0], p[1], p[2]) {
			want = m.At(p[0], p[1], p[2])
		}
		if !same(v, want) {
			t.Fatalf("voxel %v is %g, want %g", p, v, want)
		}
		if !nearVec(c.World(i, j, k), m.World(p[0], p[1], p[2]), 1e-13) {
			t.Fatalf("voxel %v moved", p)
		}
	}
	away := m.Crop([3]int{9, 9, 9}, [3]int{11, 10, 10})
	if n := len(withoutNaN(away.Data)); n != 0 {
		t.Errorf("%d values beyond the image", n)
	}
}

func TestMaskAndThreshold(t *testing.T) {
	m := &Image{Grid: gridOf([3]int{4, 1, 1}, Vec{1, 1, 1}), Data: []float32{nan32, 1, 2, 3}}
	k := m.Threshold(1.5)
	if k.Count() != 2 || k.In[0] || k.In[1] {
		t.Errorf("mask above 1.5: %v", k.In)
	}
	compare(t, "mask image", k.Image().Data, []float32{0, 0, 1, 1}, 0)
	k.Clone().In[0] = true
	if k.In[0] {
		t.Error("a clone shares its data")
	}
}
