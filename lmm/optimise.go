package lmm

import "math"

// The deviance is minimised over θ without bounds: V depends on ΛΛᵀ only, so
// it is defined for all θ and even in each column of Λ, and a variance on its
// boundary is an ordinary minimum at θ = 0. Newton's method with the exact
// Hessian then converges quadratically there too, where a bounded search would
// creep along the edge.

// A minimum is where the search ended.
type minimum struct {
	theta     []float64
	value     float64
	converged bool
	steps     int
}

const maxSteps = 200

// snap is the size of θ below which a fit is compared with θ = 0. Relative to
// σ a standard deviation of 1e-5 changes V by 1e-10.
const snap = 1e-5

// minimise seeks the global minimum: small and unbalanced data often have
// several. With one or two variances it descends from every local minimum of a
// coarse grid, otherwise from three sizes of Λ = I. diagonal tells which
// elements of θ are diagonal in Λ.
func (o *objective) minimise(diagonal []bool) minimum {
	if o.m == 0 {
		return minimum{theta: []float64{}, value: o.value(nil), converged: true}
	}
	best := minimum{value: math.Inf(1)}
	descend := func(start []float64) {
		if other := o.settle(newton(o, start), diagonal); best.theta == nil || better(other, best) {
			best = other
		}
	}
	if o.m <= 2 && diagonal[o.m-1] {
		o.screen(descend)
		return best
	}
	start := make([]float64, o.m)
	for _, v := range []float64{1, 0.2, 4} {
		for i, d := range diagonal {
			start[i] = 0
			if d {
				start[i] = v
			}
		}
		descend(start)
	}
	return best
}

// ratios is the grid of each θ: standard deviations relative to σ.
var ratios = [...]float64{0, 0.3, 0.7, 1.4, 3, 8}

// screen calls descend from each point of the grid that is not above its
// neighbours. From a zero, where the deviance is level by symmetry, it starts a
// little beside.
func (o *objective) screen(descend func(start []float64)) {
	const n = len(ratios)
	var x [2]float64
	var f [n * n]float64
	rows := 1
	if o.m == 2 {
		rows = n
	}
	for i := range rows {
		for j := range n {
			x[0], x[1] = ratios[j], ratios[i]
			f[i*n+j] = o.value(x[:o.m])
		}
	}
	for i := range rows {
		for j := range n {
			if !lowest(f[:rows*n], rows, n, i, j) {
				continue
			}
			x[0], x[1] = math.Max(ratios[j], 0.1), math.Max(ratios[i], 0.1)
			descend(x[:o.m])
		}
	}
}

// lowest tells whether element (i, j) is below its eight neighbours; of equal
// ones the first counts.
func lowest(f []float64, rows, n, i, j int) bool {
	v := f[i*n+j]
	for a := max(0, i-1); a <= min(rows-1, i+1); a++ {
		for b := max(0, j-1); b <= min(n-1, j+1); b++ {
			if w := f[a*n+b]; w < v || w == v && a*n+b < i*n+j {
				return false
			}
		}
	}
	return true
}

func better(a, b minimum) bool {
	if a.converged != b.converged {
		return a.converged
	}
	return a.value < b.value-1e-9
}

// A surface is a function with its derivatives; grad and hess are those of the
// last call of derivatives.
type surface interface {
	value(x []float64) float64
	derivatives(x []float64) float64
	grad() []float64
	hess() []float64
}

func (o *objective) grad() []float64 { return o.g }
func (o *objective) hess() []float64 { return o.h }

// newton descends from start. Steps follow the Hessian, with a multiple of
// the identity added while it is not positive definite, and are halved until
// the deviance falls. It ends when the step promises less than rounding.
func newton(o surface, start []float64) minimum { return newtonWithin(o, start, maxSteps) }

// newtonWithin is newton with at most so many steps.
func newtonWithin(o surface, start []float64, most int) minimum {
	m := len(start)
	x := append([]float64(nil), start...)
	next := make([]float64, m)
	l := make([]float64, m*m)
	step := make([]float64, m)
	f := o.derivatives(x)
	for it := range most {
		if math.IsInf(f, 1) {
			return minimum{theta: x, value: f, steps: it}
		}
		tau := 0.0
		for {
			copy(l, o.hess())
			for i := range m {
				l[i*m+i] += tau
			}
			if cholesky(l, m) {
				break
			}
			var size float64
			for i := range m {
				size = math.Max(size, math.Abs(o.hess()[i*m+i]))
			}
			tau = math.Max(4*tau, 1e-3*size+1e-8)
			if tau > 1e30 {
				return minimum{theta: x, value: f, steps: it}
			}
		}
		copy(step, o.grad())
		forward(l, m, step, 1)
		backward(l, m, step, 1)
		gain := dot(step, o.grad())
		var size float64
		for i := range m {
			size = math.Max(size, math.Abs(step[i])/(1+math.Abs(x[i])))
		}
		shrink := math.Min(1, 1.5/size)
		if gain < 1e-9 && tau == 0 && size < 1e-4 {
			// In the quadratic basin the deviance no longer tells steps apart:
			// rounding in it is 1e-12. Take the step on trust.
			for i := range m {
				next[i] = x[i] - step[i]
			}
			fn := o.derivatives(next)
			if fn <= f+1e-8 {
				x, next, f = next, x, fn
			}
			if gain < 1e-14*(1+math.Abs(f)) || !(fn <= f+1e-8) {
				return minimum{theta: x, value: f, converged: true, steps: it}
			}
			continue
		}
		moved := false
		for range 60 {
			for i := range m {
				next[i] = x[i] - shrink*step[i]
			}
			if fn := o.value(next); fn <= f-1e-4*shrink*gain {
				moved = true
				break
			}
			shrink /= 2
		}
		if !moved {
			return minimum{theta: x, value: f, converged: gain < 1e-7, steps: it}
		}
		x, next = next, x
		f = o.derivatives(x)
	}
	return minimum{theta: x, value: f, steps: most}
}

// settle turns columns of Λ so that diagonals are not negative, and sets a
// diagonal that is all but zero exactly to zero if the deviance allows.
func (o *objective) settle(r minimum, diagonal []bool) minimum {
	for i := 0; i < len(r.theta); {
		end := i + 1
		for end < len(r.theta) && !diagonal[end] {
			end++
		}
		if r.theta[i] < 0 {
			for j := i; j < end; j++ {
				r.theta[j] = -r.theta[j]
			}
		}
		if r.theta[i] < snap {
			old := append([]float64(nil), r.theta...)
			r.theta[i] = 0
			if f := o.value(r.theta); f <= r.value+1e-9 {
				r.value = f
			} else {
				r.theta = old
			}
		}
		for j := i; j < end; j++ {
			r.theta[j] += 0 // −0 prints oddly
		}
		i = end
	}
	return r
}
