package par_test

import (
	"math"
	"sync/atomic"
	"testing"

	"phasl/internal/par"
)

func TestEachPieceOnce(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1000} {
		for _, workers := range []int{0, 1, 3, 64} {
			hits := make([]atomic.Int32, n)
			par.Ranges(workers, n, 13, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					hits[i].Add(1)
				}
			})
			for i := range hits {
				if c := hits[i].Load(); c != 1 {
					t.Fatalf("n=%d workers=%d: element %d visited %d times", n, workers, i, c)
				}
			}
		}
	}
}

// The harmonic sum depends on the order of addition in its last bits, so equal
// bits show that the order is fixed.
func TestSumDoesNotDependOnWorkers(t *testing.T) {
	f := func(lo, hi int) float64 {
		var s float64
		for i := lo; i < hi; i++ {
			s += 1 / float64(i+1)
		}
		return s
	}
	want := par.Sum(1, 100_000, 777, f)
	for _, workers := range []int{2, 3, 8} {
		for range 20 {
			if got := par.Sum(workers, 100_000, 777, f); math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%d workers: %x, want %x", workers, got, want)
			}
		}
	}
	if exact := math.Log(100_000) + 0.5772156649015329 + 1/200_000.0; math.Abs(want-exact) > 1e-9 { // next term of the asymptotic series is 8e-12
		t.Errorf("harmonic sum %g, want %g", want, exact)
	}
}

func TestPanicReachesTheCaller(t *testing.T) {
	for _, workers := range []int{1, 4} {
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("%d workers: recovered %v, want boom", workers, r)
				}
			}()
			par.Do(workers, 100, func(i int) {
				if i == 37 {
					panic("boom")
				}
			})
			t.Errorf("%d workers: no panic", workers)
		}()
	}
}
