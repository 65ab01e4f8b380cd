package register

import (
	"math"

	"phasl/voxel"
)

// A search says when the minimiser stops.
type search struct {
	iterations int
	tolerance  float64 // rms displacement of a step [mm]
	longest    float64 // rms displacement a step may have [mm]
	overlap    float64 // least share of samples that must meet the moving image
}

// A minimum is where the minimiser stopped.
type minimum struct {
	at         voxel.Affine
	cost       float64
	iterations int
	converged  bool
}

// minimise seeks the transform of least cost from base, by BFGS whose first
// curvature is that of Gauss–Newton, with a backtracking line search (Armijo).
//
// Source: Nocedal and Wright 2006, Numerical Optimization, alg. 6.1 and 3.1,
// doi:10.1007/978-0-387-40065-5.
func (o *objective) minimise(m model, base voxel.Affine, s search) minimum {
	radius := math.Sqrt(o.points.second[0][0] + o.points.second[1][1] + o.points.second[2][2])
	if !(radius > 0) {
		return minimum{at: base, cost: math.Inf(1)}
	}
	c := &chart{model: m, base: base, radius: radius}
	n := int(m)
	theta := make([]float64, n)
	out := minimum{at: base}
	grad := make([]float64, n)
	jac := c.jacobian(theta)
	// As base maps the same points in any order of composition, the strain of
	// a pose is that of its linear part.
	cost := func(p voxel.Affine) float64 {
		v := o.bounded(p, s.overlap)
		if m != rigidModel {
			v += penalty(&p)
		}
		return v
	}
	out.cost = cost(base)
	if math.IsInf(out.cost, 1) {
		return out
	}
	slopes := func(p voxel.Affine) voxel.Affine {
		g := o.gradient()
		if m != rigidModel {
			extra := penaltySlope(&p)
			for i := range g {
				for j := range g[i] {
					g[i][j] += extra[i][j]
				}
			}
		}
		return g
	}
	chain := func(g voxel.Affine, jac []voxel.Affine, dst []float64) {
		for k := range dst {
			dst[k] = dot(&g, &jac[k])
		}
	}
	chain(slopes(base), jac, grad)
	inverse := o.preconditioner(jac)
	start := clone(inverse)
	fresh := true
	dir := make([]float64, n)
	next := make([]float64, n)
	ngrad := make([]float64, n)
	y := make([]float64, n)
	step := make([]float64, n)
	for out.iterations < s.iterations {
		var slope float64
		for i := range n {
			dir[i] = 0
			for j := range n {
				dir[i] -= inverse[i][j] * grad[j]
			}
			slope += dir[i] * grad[i]
		}
		if !(slope < 0) {
			if fresh {
				out.converged = slope == 0
				break
			}
			inverse, fresh = clone(start), true
			continue
		}
		// The chart is close to linear over one step: measure it at its end.
		for i := range n {
			next[i] = theta[i] + dir[i]
		}
		length := o.meanDisplacement(c.at(next), out.at)
		alpha := min(1, s.longest/length)
		accepted := false
		var height float64
		var at voxel.Affine
		for range 8 {
			for i := range n {
				next[i] = theta[i] + alpha*dir[i]
			}
			at = c.at(next)
			height = cost(at)
			if height <= out.cost+1e-4*alpha*slope {
				accepted = true
				break
			}
			if alpha*length < s.tolerance/4 {
				break
			}
			fall := alpha * slope
			shrink := 0.25
			if !math.IsInf(height, 1) { // minimum of the parabola through both costs and the slope
				shrink = min(max(-fall/(2*(height-out.cost-fall)), 0.1), 0.5)
			}
			alpha *= shrink
		}
		out.iterations++
		if !accepted {
			if fresh {
				out.converged = alpha*length < s.tolerance
				break
			}
			inverse, fresh = clone(start), true
			continue
		}
		jac = c.jacobian(next)
		chain(slopes(at), jac, ngrad)
		moved := o.meanDisplacement(at, out.at)
		for i := range n {
			step[i] = next[i] - theta[i]
			y[i] = ngrad[i] - grad[i]
		}
		copy(theta, next)
		copy(grad, ngrad)
		out.at, out.cost = at, height
		if moved < s.tolerance {
			out.converged = true
			break
		}
		updateInverse(inverse, step, y)
		fresh = false
	}
	return out
}

// bounded is value, or +Inf where too few samples meet the moving image.
func (o *objective) bounded(p voxel.Affine, overlap float64) float64 {
	cost := o.value(p)
	if o.overlap() < overlap || o.used < 64 || cost != cost {
		return math.Inf(1)
	}
	return cost
}

// preconditioner returns the inverse of the Gauss–Newton curvature in
// parameters, or a diagonal if that is singular.
func (o *objective) preconditioner(jac []voxel.Affine) [][]float64 {
	n := len(jac)
	h := o.curvature()
	a := square(n)
	for i := range n {
		for j := range n {
			for p := range 12 {
				v := jac[i][p/4][p%4]
				if v == 0 {
					continue
				}
				for q := range 12 {
					a[i][j] += v * h[p][q] * jac[j][q/4][q%4]
				}
			}
		}
	}
	var trace float64
	for i := range n {
		trace += a[i][i]
	}
	for i := range n {
		a[i][i] += 1e-4 * trace / float64(n) // keeps it positive definite
	}
	inv, ok := invert(a)
	if !ok {
		inv = square(n)
		for i := range n {
			inv[i][i] = 1
		}
	}
	return inv
}

// updateInverse applies the BFGS update for a step s that changed the gradient
// by y. It leaves h alone if the curvature along s is not positive.
func updateInverse(h [][]float64, s, y []float64) {
	n := len(s)
	var sy, yhy, yy, ss float64
	hy := make([]float64, n)
	for i := range n {
		sy += s[i] * y[i]
		yy += y[i] * y[i]
		ss += s[i] * s[i]
		for j := range n {
			hy[i] += h[i][j] * y[j]
		}
	}
	if !(sy > 1e-8*math.Sqrt(ss*yy)) {
		return
	}
	for i := range n {
		yhy += y[i] * hy[i]
	}
	for i := range n {
		for j := range n {
			h[i][j] += (1+yhy/sy)*s[i]*s[j]/sy - (hy[i]*s[j]+s[i]*hy[j])/sy
		}
	}
}

func square(n int) [][]float64 {
	buf := make([]float64, n*n)
	a := make([][]float64, n)
	for i := range a {
		a[i] = buf[i*n : (i+1)*n]
	}
	return a
}

func clone(a [][]float64) [][]float64 {
	b := square(len(a))
	for i := range a {
		copy(b[i], a[i])
	}
	return b
}

// invert returns the inverse of the symmetric positive definite a, by
// Cholesky, and whether it is one.
func invert(a [][]float64) ([][]float64, bool) {
	n := len(a)
	l := square(n)
	for i := range n {
		for j := range i + 1 {
			s := a[i][j]
			for k := range j {
				s -= l[i][k] * l[j][k]
			}
			if i == j {
				if !(s > 0) || math.IsInf(s, 1) {
					return nil, false
				}
				l[i][i] = math.Sqrt(s)
			} else {
				l[i][j] = s / l[j][j]
			}
		}
	}
	inv := square(n)
	x := make([]float64, n)
	for c := range n {
		for i := range n {
			s := 0.0
			if i == c {
				s = 1
			}
			for k := range i {
				s -= l[i][k] * x[k]
			}
			x[i] = s / l[i][i]
		}
		for i := n - 1; i >= 0; i-- {
			s := x[i]
			for k := i + 1; k < n; k++ {
				s -= l[k][i] * inv[k][c]
			}
			inv[i][c] = s / l[i][i]
		}
	}
	return inv, true
}
