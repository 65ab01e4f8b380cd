package asl

import (
	"cmp"
	"math"
	"slices"
)

func compareFloat(a, b float64) int { return cmp.Compare(a, b) }

func sortedKeys(m map[string]float64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// median returns the median of the finite values, NaN if there are none. It
// reorders v.
func median(v []float64) float64 {
	v = slices.DeleteFunc(v, func(x float64) bool { return !finite(x) })
	if len(v) == 0 {
		return math.NaN()
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// mad returns the median absolute deviation from centre, scaled so that it
// estimates the standard deviation of normal data. It leaves v alone.
func mad(v []float64, centre float64) float64 {
	d := make([]float64, len(v))
	for i, x := range v {
		d[i] = math.Abs(x - centre)
	}
	return 1.4826 * median(d)
}

var nan32 = float32(math.NaN())

// filled returns n copies of NaN.
func filled(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = nan32
	}
	return out
}
