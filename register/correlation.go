package register

import (
	"math"

	"phasl/internal/par"
)

// correlation is the correlation coefficient r, at the cost
//
//	½·ln(1 − r)
//
// which near r = 1 is, but for a constant, minus the mutual information of two
// normal variables: costs and curvatures of both metrics compare.
type correlation struct {
	f    []float32
	left float64 // variance of m not explained by f
	part [][6]float64
}

func newCorrelation(f []float32) *correlation {
	return &correlation{f: f, part: make([][6]float64, (len(f)+pieceLen-1)/pieceLen)}
}

func (t *correlation) cost(m, w []float32, workers int) (float64, int) {
	par.Ranges(workers, len(m), pieceLen, func(lo, hi int) {
		var s [6]float64
		for n, v := range m[lo:hi] {
			if v != v {
				continue
			}
			x, y := float64(t.f[lo+n]), float64(v)
			s[0]++
			s[1] += x
			s[2] += y
			s[3] += x * x
			s[4] += x * y
			s[5] += y * y
		}
		t.part[lo/pieceLen] = s
	})
	var s [6]float64
	for _, p := range t.part {
		for i, v := range p {
			s[i] += v
		}
	}
	n := s[0]
	mf, mm := s[1]/n, s[2]/n
	vf, vm, c := s[3]/n-mf*mf, s[5]/n-mm*mm, s[4]/n-mf*mm
	if !(n > 0 && vf > 0 && vm > 0) {
		clear(w)
		return 0, int(n)
	}
	r := c / math.Sqrt(vf*vm)
	rest := max(1-r, 1e-6)
	t.left = 2 * vm * rest
	// dr/dm = ((f − f̄)/√(vf·vm) − r·(m − m̄)/vm) / n
	scale := 0.5 / (n * rest)
	a, b := -scale/math.Sqrt(vf*vm), scale*r/vm
	par.Ranges(workers, len(m), pieceLen, func(lo, hi int) {
		for p, v := range m[lo:hi] {
			if v != v {
				w[lo+p] = 0
				continue
			}
			w[lo+p] = float32(a*(float64(t.f[lo+p])-mf) + b*(float64(v)-mm))
		}
	})
	return 0.5 * math.Log(rest), int(n)
}

func (t *correlation) variance() float64 { return t.left }
