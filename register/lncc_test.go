package register

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// plainLNCC is E of [lncc] and the mean of ρ² as their definitions say, window
// by window.
func plainLNCC(a, b []float32, dim [3]int, radius int, floor float64) (sum, mean float64) {
	count := 0.0
	full := math.Pow(float64(2*radius+1), 3)
	for k := range dim[2] {
		for j := range dim[1] {
			for i := range dim[0] {
				var x, y []float64
				for r := max(k-radius, 0); r <= min(k+radius, dim[2]-1); r++ {
					for q := max(j-radius, 0); q <= min(j+radius, dim[1]-1); q++ {
						for p := max(i-radius, 0); p <= min(i+radius, dim[0]-1); p++ {
							n := p + dim[0]*(q+dim[1]*r)
							if a[n] == a[n] && b[n] == b[n] {
								x = append(x, float64(a[n]))
								y = append(y, float64(b[n]))
							}
						}
					}
				}
				n := float64(len(x))
				if n < full/4 {
					continue
				}
				var mx, my, xx, yy, xy float64
				for i := range x {
					mx += x[i] / n
					my += y[i] / n
				}
				for i := range x {
					xx += sq(x[i] - mx)
					yy += sq(y[i] - my)
					xy += (x[i] - mx) * (y[i] - my)
				}
				e := n * floor
				rho := xy * xy / ((xx + e) * (yy + e))
				sum += rho
				if xx > e || yy > e {
					mean += rho
					count++
				}
			}
		}
	}
	return sum, mean / count
}

func randomLNCC(seed uint64) (a, b []float32, dim [3]int) {
	rng := rand.New(rand.NewPCG(seed, 4))
	dim = [3]int{9, 7, 8}
	for range dim[0] * dim[1] * dim[2] {
		v := rng.Float64()
		a = append(a, float32(v))
		b = append(b, float32(0.3-0.5*v+0.4*rng.Float64()))
	}
	nan := float32(math.NaN())
	for n := range 40 { // a corner without values, and two holes
		a[n] = nan
	}
	a[200], b[333] = nan, nan
	for n := 400; n < 450; n++ { // nothing to see
		a[n], b[n] = 0.5, 0.25
	}
	return a, b, dim
}

func TestLNCCIsWhatItsDefinitionSays(t *testing.T) {
	for _, radius := range []int{1, 2, 5} {
		a, b, dim := randomLNCC(uint64(radius))
		const floor = 0.01
		_, want := plainLNCC(a, b, dim, radius, floor)
		got := newLNCC(dim, radius, floor, 2).measure(a, b)
		if math.Abs(got-want) > 2e-6 { // box sums are kept as float32
			t.Errorf("radius %d: %.8f, want %.8f", radius, got, want)
		}
	}
	same := []float32{1, 2, 3, 5, 8, 1, 3, 2}
	turned := make([]float32, len(same))
	for i, v := range same {
		turned[i] = 7 - 3*v
	}
	if got := newLNCC([3]int{2, 2, 2}, 1, 0, 1).measure(same, turned); math.Abs(got-1) > 1e-6 {
		t.Errorf("a linear function of the image correlates by %g", got)
	}
}

// The slopes are those of E by finite differences, in the interior, at edges
// and next to missing values.
func TestLNCCSlope(t *testing.T) {
	for _, radius := range []int{1, 2} {
		a, b, dim := randomLNCC(9)
		const floor = 0.005
		l := newLNCC(dim, radius, floor, 1)
		l.measure(a, b)
		for n := 3; n < len(a); n += 13 {
			if a[n] != a[n] || b[n] != b[n] {
				continue
			}
			da, db, _, _ := l.slope(n, a[n], b[n])
			for _, side := range []struct {
				img []float32
				got float32
			}{{a, da}, {b, db}} {
				kept := side.img[n]
				const h = 1.0 / 256 // a power of two, so that float32 steps are exact
				side.img[n] = kept + h
				up, _ := plainLNCC(a, b, dim, radius, floor)
				hi := side.img[n]
				side.img[n] = kept - h
				down, _ := plainLNCC(a, b, dim, radius, floor)
				lo := side.img[n]
				side.img[n] = kept
				want := (up - down) / float64(hi-lo)
				// Curvature leaves h²·E‴/6, of the order of 1e-3.
				if math.Abs(float64(side.got)-want) > 4e-3*max(1, math.Abs(want)) {
					t.Errorf("radius %d voxel %d: slope %.5f, want %.5f", radius, n, side.got, want)
				}
			}
		}
	}
}

func TestLNCCIsSymmetric(t *testing.T) {
	a, b, dim := randomLNCC(3)
	l, r := newLNCC(dim, 2, 0.01, 1), newLNCC(dim, 2, 0.01, 3)
	if p, q := l.measure(a, b), r.measure(b, a); math.Abs(p-q) > 1e-12 {
		t.Errorf("exchanged images give %g and %g", p, q)
	}
	if !slices.Equal(l.sum[0], r.sum[0]) || !slices.Equal(l.sum[1], r.sum[2]) || !slices.Equal(l.sum[3], r.sum[4]) {
		t.Error("exchanged images give other slopes")
	}
}
