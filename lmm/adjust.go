package lmm

import (
	"math"
	"slices"
)

// Adjustment is a correction of p-values for their number.
type Adjustment int

const (
	Holm       Adjustment = iota // step-down Bonferroni: family-wise error, no assumption
	Bonferroni                   // p times their number
	Unadjusted                   // none
	BH                           // Benjamini & Hochberg: false discovery rate
)

// String returns the name of the adjustment.
func (a Adjustment) String() string {
	return [...]string{"holm", "bonferroni", "none", "BH"}[a]
}

// Adjust returns adjusted p-values in the order given. NaN stays NaN and does
// not count. Sources: Holm 1979, Scand J Stat 6:65; Benjamini & Hochberg 1995,
// doi:10.1111/j.2517-6161.1995.tb02031.x.
func Adjust(p []float64, how Adjustment) []float64 {
	out := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	n := len(order)
	switch how {
	case Bonferroni:
		for _, i := range order {
			out[i] = math.Min(1, p[i]*float64(n))
		}
	case Holm:
		worst := 0.0
		for k, i := range order {
			worst = math.Max(worst, p[i]*float64(n-k))
			out[i] = math.Min(1, worst)
		}
	case BH:
		best := 1.0
		for k := n - 1; k >= 0; k-- {
			i := order[k]
			best = math.Min(best, p[i]*float64(n)/float64(k+1))
			out[i] = best
		}
	}
	return out
}

// TukeyP returns the p-value of a difference of two of k means, adjusted for
// all pairs: the tail of the studentised range at √2|t|. It is exact for
// equal and independent standard errors and conservative otherwise. Source:
// Kramer 1956, doi:10.2307/3001469.
func TukeyP(t, df float64, k int) float64 {
	return StudentizedRangeTail(math.Sqrt2*math.Abs(t), k, df)
}
