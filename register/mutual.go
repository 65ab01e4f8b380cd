package register

import (
	"math"

	"phasl/internal/par"
)

// pieceLen is the number of samples in one piece of work. It fixes the order
// of summation and so the result's bytes.
const pieceLen = 8192

// bins is the number of histogram bins along each axis.
const bins = 32

// cells is the row length of the histogram: the B-spline of a value in the
// first or last bin reaches one and two cells further.
const cells = bins + 3

// A likeness measures how alike the two columns of values are. Lower is
// better. It fills w with the derivative of the cost with respect to each
// value m (0 where m is NaN), and returns the cost and the number of values
// that counted.
type likeness interface {
	cost(m []float32, w []float32, workers int) (cost float64, n int)
	// variance returns the variance of m that f leaves unexplained, at the
	// values of the last call of cost.
	variance() float64
}

// mutual is mutual information by a Parzen-window histogram: of zero order in
// f, whose values never change, and cubic B-splines in m, which makes it twice
// differentiable in the transform.
//
//	I = Σ p(f,m) · ln( p(f,m) / (p(f)·p(m)) )
//	∂I/∂m_s = (1/N) Σ_j β′_j(m_s) · ln( p(f_s,j) / p(j) )
//
// Source: Mattes et al. 2003, IEEE Trans Med Imaging 22:120,
// doi:10.1109/TMI.2003.809072; Thévenaz and Unser 2000, IEEE Trans Image
// Process 9:2083, doi:10.1109/83.887976.
type mutual struct {
	f         []uint8 // bin of each fixed value
	lo, scale float32 // bin coordinate of m is (m − lo)·scale
	hist      []float64
	table     []float64 // cost's derivative by the cell, times N
	pieces    [][]float64
	step      float64 // width of a bin of m
}

// newMutual bins the fixed values f. Values of m are expected within
// [mlo, mhi]; beyond, they count as that limit.
func newMutual(f []float32, flo, fhi, mlo, mhi float32) *mutual {
	t := &mutual{
		f:     make([]uint8, len(f)),
		lo:    mlo,
		scale: (bins - 1) / (mhi - mlo),
		hist:  make([]float64, bins*cells),
		table: make([]float64, bins*cells),
		step:  float64(mhi-mlo) / (bins - 1),
	}
	fscale := bins / (fhi - flo)
	for n, v := range f {
		t.f[n] = uint8(min(max(int((v-flo)*fscale), 0), bins-1))
	}
	t.pieces = make([][]float64, (len(f)+pieceLen-1)/pieceLen)
	for p := range t.pieces {
		t.pieces[p] = make([]float64, bins*cells+1)
	}
	return t
}

func (t *mutual) cost(m, w []float32, workers int) (float64, int) {
	par.Ranges(workers, len(m), pieceLen, func(lo, hi int) {
		h := t.pieces[lo/pieceLen]
		clear(h)
		var count float64
		fs := t.f[lo:hi]
		for n, v := range m[lo:hi] {
			if v != v {
				continue
			}
			count++
			b := min(max((v-t.lo)*t.scale, 0), bins-1)
			k := int(b)
			x := float64(b - float32(k))
			y := 1 - x
			at := int(fs[n])*cells + k
			c := h[at : at+4 : at+4]
			xx, yy := x*x, y*y
			c[0] += yy * y
			c[1] += 4 - 6*xx + 3*xx*x
			c[2] += 4 - 6*yy + 3*yy*y
			c[3] += xx * x
		}
		h[bins*cells] = count
	})
	clear(t.hist)
	var total float64
	for _, h := range t.pieces {
		for i, v := range h[:bins*cells] {
			t.hist[i] += v
		}
		total += h[bins*cells]
	}
	n := int(total)
	if n == 0 {
		clear(w)
		return 0, 0
	}
	var pm [cells]float64
	for i := range t.hist {
		t.hist[i] /= 6 * total
		pm[i%cells] += t.hist[i]
	}
	var mi float64
	for r := range bins {
		var pf float64
		row := t.hist[r*cells : (r+1)*cells]
		for _, p := range row {
			pf += p
		}
		for j, p := range row {
			var l float64
			if p > 1e-12 {
				l = math.Log(p / pm[j])
				mi += p * (l - math.Log(pf))
			}
			t.table[r*cells+j] = l
		}
	}
	factor := -float64(t.scale) / (2 * total)
	par.Ranges(workers, len(m), pieceLen, func(lo, hi int) {
		fs := t.f[lo:hi]
		ws := w[lo:hi]
		for n, v := range m[lo:hi] {
			b := (v - t.lo) * t.scale
			if !(b > 0 && b < bins-1) { // also NaN
				ws[n] = 0
				continue
			}
			k := int(b)
			x := float64(b - float32(k))
			y := 1 - x
			at := int(fs[n])*cells + k
			d := t.table[at : at+4 : at+4]
			// Twice the derivatives of the four cubic pieces.
			ws[n] = float32(factor * (-y*y*d[0] + x*(3*x-4)*d[1] + y*(4-3*y)*d[2] + x*x*d[3]))
		}
	})
	return -mi, n
}

// total returns the variance of m at the values of the last call of cost.
func (t *mutual) total() float64 {
	var s0, s1, s2 float64
	for i, p := range t.hist {
		x := float64(i % cells)
		s0 += p
		s1 += p * x
		s2 += p * x * x
	}
	return max(s2-s1*s1/max(s0, 1e-300)-1./3, 1e-3) * t.step * t.step
}

func (t *mutual) variance() float64 {
	var v, total float64
	for r := range bins {
		var s0, s1, s2 float64
		for j, p := range t.hist[r*cells : (r+1)*cells] {
			x := float64(j)
			s0 += p
			s1 += p * x
			s2 += p * x * x
		}
		if s0 > 0 {
			v += s2 - s1*s1/s0
			total += s0
		}
	}
	if total == 0 {
		return 0
	}
	return max(v/total-1./3, 1e-3) * t.step * t.step // less the B-spline's own variance
}
