package tissue

import (
	"math"
	"math/rand/v2"
	"testing"
)

func randomSpline(axis [3]splineAxis, r *rand.Rand) *spline {
	s := newSpline(axis)
	for n := range s.coef {
		s.coef[n] = r.NormFloat64()
	}
	return s
}

// direct sums the tensor product of B-splines at p by their definition.
func (s *spline) direct(p [3]float64) float64 {
	sum := 0.0
	for n, v := range s.coef {
		c := [3]int{n % s.size(0), n / s.size(0) % s.size(1), n / s.size(0) / s.size(1)}
		for a, axis := range s.axis {
			u := min(max((p[a]-axis.lo)/(axis.hi-axis.lo), 0), 1) * float64(axis.spans)
			x := math.Abs(u - float64(c[a]-1))
			switch {
			case x < 1:
				v *= 2./3 - x*x + x*x*x/2
			case x < 2:
				v *= (2 - x) * (2 - x) * (2 - x) / 6
			default:
				v = 0
			}
		}
		sum += v
	}
	return sum
}

func TestSpline(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	axis := [3]splineAxis{{2, 30, 3}, {0, 11, 1}, {-4, 7, 2}}
	s := randomSpline(axis, r)
	fine := s.refine([3]bool{true, false, true}).refine([3]bool{true, true, false})
	if fine.axis[0].spans != 12 || fine.axis[1].spans != 2 || fine.axis[2].spans != 4 {
		t.Fatalf("spans %+v", fine.axis)
	}
	at := [3][]float64{{0, 2, 3.7, 20, 29.9, 30, 33}, {0, 4, 10.5, 11}, {-4, 0.3, 6, 7, 9}}
	check := func(s *spline) {
		g := newSplineGrid(s.axis, at)
		g.rows(s, 2, func(j, k int, f []float64) {
			for i, got := range f {
				p := [3]float64{at[0][i], at[1][j], at[2][k]}
				if want := s.direct(p); math.Abs(got-want) > 1e-12 {
					t.Errorf("at %v: %v, want %v", p, got, want)
				}
			}
		})
	}
	check(s)
	check(fine)
	for range 200 {
		p := [3]float64{2 + 28*r.Float64(), 11 * r.Float64(), -4 + 11*r.Float64()}
		if a, b := s.direct(p), fine.direct(p); math.Abs(a-b) > 1e-12 {
			t.Fatalf("halving the spans moved the field at %v from %v to %v", p, a, b)
		}
	}
}

// The coefficients of Lee et al. by their double sum; one point is met exactly.
func TestSplineFit(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	axis := [3]splineAxis{{0, 9, 2}, {0, 7, 1}, {0, 5, 2}}
	var at [3][]float64
	for a, n := range []int{10, 8, 6} {
		for i := range n {
			at[a] = append(at[a], float64(i))
		}
	}
	g := newSplineGrid(axis, at)
	weight, v := make([]float64, 480), make([]float64, 480)
	for n := range v {
		v[n] = r.NormFloat64()
		if r.Float64() < 0.2 {
			weight[n] = r.Float64()
		}
	}
	one := newSpline(axis)
	num, den := make([]float64, len(one.coef)), make([]float64, len(one.coef))
	for n := range v {
		if weight[n] == 0 {
			continue
		}
		w, square := make([]float64, len(num)), 0.0
		for c := range w {
			clear(one.coef)
			one.coef[c] = 1
			w[c] = one.direct([3]float64{at[0][n%10], at[1][n/10%8], at[2][n/80]})
			square += w[c] * w[c]
		}
		for c := range w {
			num[c] += weight[n] * w[c] * w[c] * w[c] * v[n] / square
			den[c] += weight[n] * w[c] * w[c]
		}
	}
	got := newSplineFit(g, weight, 1).fit(append([]float64(nil), v...))
	for c := range num {
		want := 0.0
		if den[c] > 0 {
			want = num[c] / den[c]
		}
		if math.Abs(got.coef[c]-want) > 1e-9 {
			t.Fatalf("coefficient %d is %v, want %v", c, got.coef[c], want)
		}
	}
	clear(weight)
	weight[137] = 0.3
	alone := newSplineFit(g, weight, 1).fit(append([]float64(nil), v...))
	if got := alone.direct([3]float64{at[0][137%10], at[1][137/10%8], at[2][137/80]}); math.Abs(got-v[137]) > 1e-12 {
		t.Errorf("one point of value %v is met by %v", v[137], got)
	}
}
