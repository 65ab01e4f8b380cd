package register

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A point becomes a kernel of the width asked for along each axis, whose sum is
// one and which lies near the Gaussian.
func TestBellIsNearlyGaussian(t *testing.T) {
	for _, sigma := range []float64{0.7, 1, 2, 2.667, 5, 6.7} {
		dim := [3]int{61, 63, 65}
		v := make([]float32, dim[0]*dim[1]*dim[2])
		at := func(i, j, k int) int { return i + dim[0]*(j+dim[1]*k) }
		v[at(30, 31, 32)] = 1
		newBell(sigma).pool(v, dim, 2)
		var sum, far float64
		var second [3]float64
		for n, x := range v {
			d := [3]float64{float64(n%dim[0] - 30), float64(n/dim[0]%dim[1] - 31), float64(n/dim[0]/dim[1] - 32)}
			sum += float64(x)
			for a := range d {
				second[a] += d[a] * d[a] * float64(x)
			}
			g := math.Exp(-(d[0]*d[0]+d[1]*d[1]+d[2]*d[2])/(2*sigma*sigma)) / math.Pow(2*math.Pi*sigma*sigma, 1.5)
			far = max(far, math.Abs(float64(x)-g))
			if x < 0 {
				t.Fatalf("σ %g: weight %g", sigma, x)
			}
		}
		if math.Abs(sum-1) > 1e-5 {
			t.Errorf("σ %g: weights sum to %g", sigma, sum)
		}
		for a := range second {
			if math.Abs(second[a]/(sigma*sigma)-1) > 1e-4 {
				t.Errorf("σ %g: variance %g along axis %d", sigma, second[a], a)
			}
		}
		if peak := 1 / math.Pow(2*math.Pi*sigma*sigma, 1.5); sigma >= 1 && far > 0.2*peak {
			t.Errorf("σ %g: off by %.2f of the peak", sigma, far/peak)
		}
	}
}

// At the edges there is nothing beyond: sums are of what is there.
func TestBellAtEdges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, dim := range [][3]int{{1, 1, 1}, {2, 3, 2}, {9, 4, 7}} {
		for _, sigma := range []float64{1, 3} {
			b := newBell(sigma)
			v := make([]float32, dim[0]*dim[1]*dim[2])
			for n := range v {
				v[n] = rng.Float32()
			}
			want := slices.Clone(v)
			stride := 1
			for a := range 3 {
				for range 3 {
					src := slices.Clone(want)
					for n := range want {
						at := n / stride % dim[a]
						var s float64
						for d := -b.r - 1; d <= b.r+1; d++ {
							w := 1.0
							if d == -b.r-1 || d == b.r+1 {
								w = b.alpha
							}
							if p := at + d; p >= 0 && p < dim[a] {
								s += w * float64(src[n+d*stride])
							}
						}
						want[n] = float32(s / (float64(2*b.r+1) + 2*b.alpha))
					}
				}
				stride *= dim[a]
			}
			b.pool(v, dim, 1)
			for n := range v {
				if math.Abs(float64(v[n]-want[n])) > 1e-6 {
					t.Fatalf("%v, σ %g: %g, want %g", dim, sigma, v[n], want[n])
				}
			}
		}
	}
}
