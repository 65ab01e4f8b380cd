package receptor

import (
	"cmp"
	"math"
	"slices"
)

// A Method is a coefficient of correlation.
type Method string

// The methods.
const (
	Pearson  Method = "pearson"
	Spearman Method = "spearman" // Pearson's of mid-ranks
)

// Methods lists them, the default of the command first.
func Methods() []Method { return []Method{Spearman, Pearson} }

func finite(v float64) bool { return v-v == 0 }

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	var s0, s1 float64
	i := 0
	for ; i+2 <= len(a); i += 2 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
	}
	if i < len(a) {
		s0 += a[i] * b[i]
	}
	return s0 + s1
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

func take[T any](x []T, at []int) []T {
	out := make([]T, len(at))
	for k, i := range at {
		out[k] = x[i]
	}
	return out
}

// rank replaces values by their mid-ranks, from 1. order has room for len(x).
func rank(x []float64, order []int32) {
	order = order[:len(x)]
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(x[a], x[b]) })
	for lo := 0; lo < len(order); {
		v := x[order[lo]]
		hi := lo + 1
		for hi < len(order) && x[order[hi]] == v {
			hi++
		}
		r := float64(lo+hi+1) / 2
		for _, i := range order[lo:hi] {
			x[i] = r
		}
		lo = hi
	}
}

// spanned is the share of a column's length below which what is left of it,
// after other columns are taken out, is rounding.
const spanned = 1e-8

// unit takes mean and the orthonormal columns q out of x and scales the rest to
// length 1. It returns false, and x is of no use, if nothing is left.
func unit(x []float64, q [][]float64) bool {
	m := mean(x)
	for i := range x {
		x[i] -= m
	}
	whole := math.Sqrt(dot(x, x))
	size := math.Abs(m)*math.Sqrt(float64(len(x))) + whole
	if !(whole > 1e-12*size) {
		return false
	}
	for range 2 { // twice: once leaves rounding where x is nearly in the span
		if len(q) == 0 {
			break
		}
		for _, c := range q {
			s := dot(c, x)
			for i := range x {
				x[i] -= s * c[i]
			}
		}
	}
	left := math.Sqrt(dot(x, x))
	if !(left > spanned*whole) {
		return false
	}
	for i := range x {
		x[i] /= left
	}
	return true
}

// basis returns orthonormal columns that span the centred columns z. The second
// result is the first column that those before it determine, or −1.
func basis(z [][]float64) ([][]float64, int) {
	var q [][]float64
	for j, c := range z {
		v := slices.Clone(c)
		if !unit(v, q) {
			return q, j
		}
		q = append(q, v)
	}
	return q, -1
}
