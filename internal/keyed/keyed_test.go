package keyed

import "testing"

// Equal keys give equal numbers, and each part of a key counts.
func TestStreams(t *testing.T) {
	first := func(seed, purpose uint64, k int) uint64 { return Stream(seed, purpose, k).Uint64() }
	want := first(1, 2, 3)
	if first(1, 2, 3) != want {
		t.Error("equal keys give different numbers")
	}
	for _, other := range []uint64{first(0, 2, 3), first(1, 0, 3), first(1, 2, 0), first(2, 1, 3), first(1, 3, 2)} {
		if other == want {
			t.Error("different keys give equal numbers")
		}
	}
}
