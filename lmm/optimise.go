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

// minimise seeks the global minimum from a few starts. variances lists the
// elements of θ that are diagonal in Λ.
func (o *objective) minimise(diagonal []bool) minimum {
	if o.m == 0 {
		return minimum{theta: []float64{}, value: o.value(nil), converged: true}
	}
	start := make([]float64, o.m)
	set := func(v float64) {
		for i, d := range diagonal {
			start[i] = 0
			if d {
				start[i] = v
			}
		}
	}
	set(1)
	best := o.settle(o.newton(start), diagonal)
	if onBoundary(best.theta, diagonal) || !best.converged {
		// The likelihood may have a second mode; look from near and from far.
		for _, v := range []float64{0.2, 4} {
			set(v)
			if other := o.settle(o.newton(start), diagonal); better(other, best) {
				best = other
			}
		}
		return best
	}
	// An inner minimum is compared with each single variance at zero.
	for i, d := range diagonal {
		if !d || !o.single(i, diagonal) {
			continue
		}
		copy(start, best.theta)
		start[i] = 0
		if o.value(start) < best.value {
			start[i] = 0.05
			if other := o.settle(o.newton(start), diagonal); better(other, best) {
				best = other
			}
		}
	}
	return best
}

// single tells whether θ_i is the only parameter of its column of Λ: the next
// one is diagonal too, or there is none.
func (o *objective) single(i int, diagonal []bool) bool {
	return i+1 == len(diagonal) || diagonal[i+1]
}

func onBoundary(theta []float64, diagonal []bool) bool {
	for i, v := range theta {
		if diagonal[i] && v == 0 {
			return true
		}
	}
	return false
}

func better(a, b minimum) bool {
	if a.converged != b.converged {
		return a.converged
	}
	return a.value < b.value-1e-9
}

func (o *objective) newton(start []float64) minimum { return newton(o, start) }

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
func newton(o surface, start []float64) minimum {
	m := len(start)
	x := append([]float64(nil), start...)
	next := make([]float64, m)
	l := make([]float64, m*m)
	step := make([]float64, m)
	f := o.derivatives(x)
	for it := range maxSteps {
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
	return minimum{theta: x, value: f, steps: maxSteps}
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
