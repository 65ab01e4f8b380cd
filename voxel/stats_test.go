package voxel

import (
	"math"
	"slices"
	"testing"
)

func TestPercentile(t *testing.T) {
	r := newRand(20)
	for _, n := range []int{1, 2, 3, 10, 17, 100, 5000} {
		for kind := range 4 {
			x := make([]float32, n)
			for i := range x {
				switch kind {
				case 0:
					x[i] = r.Float32()
				case 1:
					x[i] = float32(r.IntN(3)) // many ties
				case 2:
					x[i] = float32(i)
				case 3:
					x[i] = float32(min(i, n-i)) // a trap for a median of three
				}
			}
			sorted := slices.Sorted(slices.Values(x))
			given := slices.Clone(x)
			for _, p := range []float64{0, 2, 25, 50, 90, 99.5, 100} {
				at := p / 100 * float64(n-1)
				lo := int(at)
				want := float64(sorted[lo])
				if lo+1 < n {
					want += (at - float64(lo)) * float64(sorted[lo+1]-sorted[lo])
				}
				if got := float64(Percentile(x, p)); math.Abs(got-want) > 1e-6*(1+math.Abs(want)) {
					t.Fatalf("%d values of kind %d: percentile %g is %g, want %g", n, kind, p, got, want)
				}
			}
			if !slices.Equal(x, given) {
				t.Fatal("the values were changed")
			}
		}
	}
	inf := float32(math.Inf(1))
	for _, tt := range []struct {
		x    []float32
		p    float64
		want float32
	}{
		{nil, 50, nan32},
		{[]float32{nan32, nan32}, 50, nan32},
		{[]float32{nan32, 3, nan32, 1}, 50, 2},
		{[]float32{inf, inf, inf}, 25, inf},
		{[]float32{1, inf}, 0, 1},
	} {
		if got := Percentile(tt.x, tt.p); !same(got, tt.want) {
			t.Errorf("Percentile(%v, %g) = %g, want %g", tt.x, tt.p, got, tt.want)
		}
	}
}

func TestPartition(t *testing.T) {
	r := newRand(21)
	x := make([]float32, 300)
	for k := range x {
		for i := range x {
			x[i] = float32(r.IntN(200))
		}
		sorted := slices.Sorted(slices.Values(x))
		partition(x, k)
		if x[k] != sorted[k] || slices.Max(x[:k+1]) != x[k] || slices.Min(x[k:]) != x[k] {
			t.Fatalf("place %d holds %g, want %g between smaller and larger", k, x[k], sorted[k])
		}
	}
}

func TestMedianAndMAD(t *testing.T) {
	x := []float32{1, 1, 2, nan32, 2, 4, 6, 9} // median 2, deviations 1 1 0 0 2 4 7
	if Median(x) != 2 || MAD(x) != 1 {
		t.Errorf("median %g, MAD %g, want 2 and 1", Median(x), MAD(x))
	}
	if v := MAD(nil); v == v {
		t.Errorf("MAD of nothing is %g", v)
	}
}

func TestSelect(t *testing.T) {
	m := NewMask(gridOf([3]int{5, 1, 1}, Vec{1, 1, 1}))
	copy(m.In, []bool{true, true, false, true, false})
	if got := m.Select([]float32{1, nan32, 50, 4, 60}); !slices.Equal(got, []float32{1, 4}) {
		t.Errorf("selected %v", got)
	}
}
