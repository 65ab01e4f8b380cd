package corr

import (
	"math/rand/v2"
	"testing"
)

// sample draws n people with k covariates, correlated r.
func sample(seed uint64, n, k int, r float64) Data {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := Data{X: make([]float64, n), Y: make([]float64, n)}
	for range k {
		z := make([]float64, n)
		for i := range z {
			z[i] = rng.NormFloat64()
		}
		d.Covariates = append(d.Covariates, z)
	}
	for i := range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		d.X[i], d.Y[i] = a, r*a+b
		for _, z := range d.Covariates {
			d.X[i] += z[i]
			d.Y[i] -= 0.5 * z[i]
		}
	}
	return d
}

func BenchmarkPermutation(b *testing.B) {
	d := sample(1, 26, 2, 0.5)
	for _, m := range []Method{Pearson, Spearman, Robust} {
		b.Run(m.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Correlate(d, Options{Method: m, Permutations: 10_000, Workers: 1})
			}
		})
	}
}

func BenchmarkBCa(b *testing.B) {
	d := sample(1, 26, 2, 0.5)
	for _, m := range []Method{Pearson, Spearman, Robust} {
		b.Run(m.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Correlate(d, Options{Method: m, Bootstrap: 10_000, Workers: 1})
			}
		})
	}
}

func BenchmarkSwap(b *testing.B) {
	x, y := sample(1, 26, 2, 0.5), sample(2, 26, 2, 0.5)
	b.Run("permutations", func(b *testing.B) {
		for b.Loop() {
			Compare(x, y, Options{Permutations: 10_000, Workers: 1})
		}
	})
	b.Run("bootstrap", func(b *testing.B) {
		for b.Loop() {
			Compare(x, y, Options{Bootstrap: 10_000, Workers: 1})
		}
	})
}
