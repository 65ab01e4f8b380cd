package lmm

import (
	"math"
	"slices"
)

// ProfileCoefficient returns the profile-likelihood interval of a coefficient
// at the given level (0: 0.95): the values b for which the ML deviance, all
// else maximised again with βᵢ = b, exceeds its minimum by less than the χ²₁
// quantile. i counts in Design.Names. It panics if i is out of range.
func (f *Fit) ProfileCoefficient(i int, level float64) (low, high float64) {
	f = f.Bounded()
	d := f.Design
	m := len(d.Columns)
	col := d.orth.kept[i]
	rest := &Design{Formula: d.Formula, N: d.N, Rows: d.Rows, fixed: d.fixed, table: d.table, ran: d.ran, Groups: d.Groups, m: d.m}
	x := make([]float64, d.N) // the column itself
	for r := range d.N {
		x[r] = d.x[r*m+col]
		for k, j := range d.orth.kept {
			if k != i {
				rest.x = append(rest.x, d.x[r*m+j])
			}
		}
	}
	rest.orth = orthogonalise(rest.x, d.N, d.orth.p-1)
	if len(d.ran) > 0 && !rest.makeBlocks() {
		panic("lmm: ProfileCoefficient: blocks that were formed before cannot be")
	}
	best := f
	if f.Method != ML {
		best = d.fitTo(f.y, ML)
	}
	se := f.Linear("", unit(d.orth.p, i), Inference{DDF: Residual}).SE
	y := make([]float64, d.N)
	rise := func(b float64) float64 {
		for r := range y {
			y[r] = f.y[r] - b*x[r]
		}
		return 2 * (best.LogLik - rest.fitTo(y, ML).LogLik)
	}
	return crossing(best.Beta[i], -se, level, rise), crossing(best.Beta[i], se, level, rise)
}

// ProfileSD returns profile-likelihood intervals of the standard deviations
// of a random effect that is alone in its term (t counts in Design.Groups) or,
// for t = −1, of the residual. The lower end is 0 where the deviance at zero
// is within reach. NaN if the term has several effects, whose standard
// deviations are not parameters of their own.
func (f *Fit) ProfileSD(t int, level float64) (low, high float64) {
	f = f.Bounded()
	d := f.Design
	best := f
	if f.Method != ML {
		best = d.fitTo(f.y, ML)
	}
	at, sd := -1, best.Sigma
	if t >= 0 {
		r := d.ran[t]
		if r.k != 1 {
			return math.NaN(), math.NaN()
		}
		at = r.theta
		sd = best.Sigma * best.Theta[at]
	}
	e := d.residual(f.y)
	s := &sdSurface{o: newObjective(newGeneral(d, e), d.N, d.orth.p, d.m, false), at: at}
	rise := func(v float64) float64 {
		s.sd = math.Max(v, 0)
		x := s.start(best)
		min := newton(s, x)
		return min.value + 2*best.LogLik
	}
	step := best.Sigma / math.Sqrt(float64(d.N))
	if t >= 0 {
		step = math.Max(sd, best.Sigma/math.Sqrt(float64(d.N))) / math.Sqrt(float64(d.ran[t].nlev))
	}
	high = crossing(sd, step, level, rise)
	if at >= 0 && rise(0) <= chiSquare1(level) {
		return 0, high
	}
	low = crossing(sd, -math.Min(step, sd/4), level, func(v float64) float64 {
		if v <= 0 {
			return math.Inf(1)
		}
		return rise(v)
	})
	return low, high
}

// An sdSurface is the ML deviance with one standard deviation fixed, over
// log σ and the other θ; with the residual's fixed, over all θ. The fixed one
// enters as θ = sd/σ.
type sdSurface struct {
	o    *objective
	at   int // θ that is fixed, −1: σ
	sd   float64
	g, h []float64
}

func (s *sdSurface) grad() []float64 { return s.g }
func (s *sdSurface) hess() []float64 { return s.h }

func (s *sdSurface) start(f *Fit) []float64 {
	var x []float64
	for i, v := range f.Theta {
		if i != s.at {
			x = append(x, math.Max(v, 0.05))
		}
	}
	if s.at >= 0 {
		x = append(x, math.Log(f.Sigma))
	}
	return x
}

// expand returns θ and σ.
func (s *sdSurface) expand(x []float64) (theta []float64, sigma float64) {
	if s.at < 0 {
		return x, s.sd
	}
	sigma = math.Exp(x[len(x)-1])
	return slices.Insert(slices.Clone(x[:len(x)-1]), s.at, s.sd/sigma), sigma
}

func (s *sdSurface) value(x []float64) float64 {
	theta, sigma := s.expand(x)
	return s.from(s.o.value(theta), sigma)
}

// from turns the deviance profiled over σ into that at σ.
func (s *sdSurface) from(f, sigma float64) float64 {
	if math.IsInf(f, 1) {
		return f
	}
	n, r2 := float64(s.o.n), s.o.red.r2
	return f - n*(1+math.Log(2*math.Pi*r2/n)) + n*math.Log(2*math.Pi*sigma*sigma) + r2/(sigma*sigma)
}

// derivatives uses D(θ, σ) = log|V| + n log 2πσ² + r²/σ² and, with s = log σ,
// ∂θ_at/∂s = −θ_at.
func (s *sdSurface) derivatives(x []float64) float64 {
	theta, sigma := s.expand(x)
	o := s.o
	f := s.from(o.derivatives(theta), sigma)
	k := len(x)
	s.g, s.h = make([]float64, k), make([]float64, k*k)
	if math.IsInf(f, 1) {
		return f
	}
	m, s2 := o.m, sigma*sigma
	first, second := o.ev.lambda(theta)
	g, r := make([]float64, m+1), make([]float64, m) // gradient in (θ, s), and of r² in θ
	h := make([]float64, (m+1)*(m+1))
	for e := range m {
		ge := o.ld1[e] + o.r1[e]/s2
		for i := range m {
			g[i] += ge * first[e*m+i]
			r[i] += o.r1[e] * first[e*m+i]
			for j := range m {
				h[i*(m+1)+j] += ge * second[(e*m+i)*m+j]
				for l := range m {
					h[i*(m+1)+j] += first[e*m+i] * first[l*m+j] * (o.ld2[e*m+l] + o.r2[e*m+l]/s2)
				}
			}
		}
	}
	g[m] = 2*float64(o.n) - 2*o.red.r2/s2
	for i := range m {
		h[i*(m+1)+m] = -2 * r[i] / s2
		h[m*(m+1)+i] = h[i*(m+1)+m]
	}
	h[len(h)-1] = 4 * o.red.r2 / s2
	// Chain rule: jac is ∂(θ, s)/∂x.
	jac := make([]float64, (m+1)*k)
	c := 0
	for i := range m {
		if i == s.at {
			continue
		}
		jac[i*k+c] = 1
		c++
	}
	if s.at >= 0 {
		jac[s.at*k+k-1] = -theta[s.at]
		jac[m*k+k-1] = 1
	}
	for i := range m + 1 {
		for a := range k {
			s.g[a] += g[i] * jac[i*k+a]
			for j := range m + 1 {
				for b := range k {
					s.h[a*k+b] += jac[i*k+a] * h[i*(m+1)+j] * jac[j*k+b]
				}
			}
		}
	}
	if s.at >= 0 {
		s.h[k*k-1] += g[s.at] * theta[s.at]
	}
	return f
}

func unit(n, i int) []float64 {
	w := make([]float64, n)
	w[i] = 1
	return w
}

// chiSquare1 returns the quantile of χ² with one degree of freedom.
func chiSquare1(level float64) float64 {
	z := TQuantile(1-Inference{Level: level}.level(), math.Inf(1))
	return z * z
}

// crossing returns where rise reaches the χ²₁ quantile, going from x in steps
// of the sign of step. The search is on the signed root of rise, which is all
// but linear.
func crossing(x, step, level float64, rise func(float64) float64) float64 {
	want := math.Sqrt(chiSquare1(level))
	root := func(v float64) float64 { return math.Sqrt(math.Max(0, rise(v))) - want }
	lo, flo := x, -want
	hi, fhi := x+2*step, 0.0
	for range 60 {
		if fhi = root(hi); fhi >= 0 {
			break
		}
		lo, flo = hi, fhi
		hi = x + 1.6*(hi-x)
	}
	if !(fhi >= 0) {
		return math.NaN()
	}
	side := 0
	for range 100 { // regula falsi, Illinois
		mid := (lo*fhi - hi*flo) / (fhi - flo)
		if math.IsNaN(mid) || math.IsInf(fhi, 1) {
			mid = (lo + hi) / 2
		}
		f := root(mid)
		if math.Abs(hi-lo) < 1e-9*math.Abs(step) || math.Abs(f) < 1e-9 {
			return mid
		}
		if f < 0 {
			lo, flo = mid, f
			if side == -1 {
				fhi /= 2
			}
			side = -1
		} else {
			hi, fhi = mid, f
			if side == 1 {
				flo /= 2
			}
			side = 1
		}
	}
	return (lo + hi) / 2
}
