package voxel

import (
	"fmt"
	"math"
	"slices"
)

// Percentile returns the value below which p per cent of values lie, with
// linear interpolation between order statistics: for n values in ascending
// order x₀ … xₙ₋₁ it is x at place p/100·(n − 1). NaNs are left out; without
// values it is NaN. values is not changed. It panics unless 0 ≤ p ≤ 100.
func Percentile(values []float32, p float64) float32 {
	if !(p >= 0 && p <= 100) {
		panic(fmt.Sprintf("voxel: Percentile: %g is not between 0 and 100", p))
	}
	return percentile(withoutNaN(values), p)
}

// Median returns the 50th [Percentile].
func Median(values []float32) float32 { return Percentile(values, 50) }

// MAD returns the median absolute deviation from the median. Times 1.4826 it
// estimates the standard deviation of normal data. NaNs are left out; without
// values it is NaN.
func MAD(values []float32) float32 {
	x := withoutNaN(values)
	mid := percentile(x, 50)
	for n, v := range x {
		x[n] = float32(math.Abs(float64(v) - float64(mid)))
	}
	return percentile(withoutNaN(x), 50)
}

// Select returns the values that are in m and not NaN, in order. It panics if
// the lengths differ.
func (m *Mask) Select(values []float32) []float32 {
	if len(values) != len(m.In) {
		panic("voxel: Select: number of values differs from the mask's")
	}
	var out []float32
	for n, in := range m.In {
		if in && values[n] == values[n] {
			out = append(out, values[n])
		}
	}
	return out
}

// withoutNaN returns a copy of x without its NaNs.
func withoutNaN(x []float32) []float32 {
	out := make([]float32, 0, len(x))
	for _, v := range x {
		if v == v {
			out = append(out, v)
		}
	}
	return out
}

// percentile is Percentile of values without NaN, which it reorders.
func percentile(x []float32, p float64) float32 {
	if len(x) == 0 {
		return nan32
	}
	place := p / 100 * float64(len(x)-1)
	k := int(place)
	f := place - float64(k)
	partition(x, k)
	lo := x[k]
	if f == 0 {
		return lo
	}
	hi := slices.Min(x[k+1:])
	if lo == hi { // also if both are infinite
		return lo
	}
	return float32(float64(lo)*(1-f) + float64(hi)*f)
}

// partition reorders x such that x[k] is what it would be if x were sorted,
// with nothing larger before it and nothing smaller after.
func partition(x []float32, k int) {
	lo, hi := 0, len(x)-1
	for rounds := 0; lo < hi; rounds++ {
		if hi-lo < 16 || rounds > 64 { // or in the unlucky case
			slices.Sort(x[lo : hi+1])
			return
		}
		a, b, c := x[lo], x[lo+(hi-lo)/2], x[hi]
		pivot := max(min(a, b), min(max(a, b), c)) // the middle one
		i, j := lo, hi
		for i <= j {
			for x[i] < pivot {
				i++
			}
			for x[j] > pivot {
				j--
			}
			if i <= j {
				x[i], x[j] = x[j], x[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			hi = j
		case k >= i:
			lo = i
		default:
			return
		}
	}
}
