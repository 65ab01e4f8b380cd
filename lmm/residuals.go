package lmm

import (
	"math"
	"math/rand/v2"

	"phasl/internal/par"
)

// RandomEffects returns the conditional modes (BLUPs) of each random-effect
// term, in the order of Design.Groups: a matrix of levels × effects by rows.
//
//	b = ΛΛᵀZᵀV⁻¹(y − Xβ)
func (f *Fit) RandomEffects() [][]float64 {
	f = f.Bounded()
	d := f.Design
	out := make([][]float64, len(d.ran))
	lam := make([][]float64, len(d.ran))
	for t := range d.ran {
		out[t] = make([]float64, d.ran[t].nlev*d.ran[t].k)
		lam[t] = d.ran[t].relative(f.Theta)
	}
	res := f.marginalResiduals()
	g := &general{d: d}
	for bi := range d.block {
		b := &d.block[bi]
		u := make([]float64, b.q)
		for n, row := range b.rows {
			for t, r := range d.ran {
				for i, v := range r.z[row*r.k : row*r.k+r.k] {
					u[b.col[t][n]+i] += v * res[row]
				}
			}
		}
		l := g.lambdaT(b, lam, transpose(g.lambdaT(b, lam, b.a, b.q), b.q), b.q)
		for i := range b.q {
			l[i*b.q+i]++
		}
		if !cholesky(l, b.q) {
			panic("lmm: RandomEffects: a fitted covariance is not positive definite")
		}
		u = g.lambdaT(b, lam, u, 1)
		forward(l, b.q, u, 1)
		backward(l, b.q, u, 1)
		for t, r := range d.ran {
			for lv, level := range b.lev[t] {
				at := b.start[t] + lv*r.k
				for i := range r.k {
					for j := range i + 1 {
						out[t][level*r.k+i] += lam[t][i*r.k+j] * u[at+j]
					}
				}
			}
		}
	}
	return out
}

// marginalResiduals returns y − Xβ.
func (f *Fit) marginalResiduals() []float64 {
	d := f.Design
	p := d.orth.p
	out := d.residual(f.y)
	for i := range out {
		out[i] -= dot(d.orth.q[i*p:i*p+p], f.gamma)
	}
	return out
}

// Fitted returns Xβ + Zb for each of Design.Rows.
func (f *Fit) Fitted() []float64 {
	out := f.Residuals()
	for i, r := range out {
		out[i] = f.y[i] - r
	}
	return out
}

// Residuals returns y − Xβ − Zb for each of Design.Rows. Divided by Sigma they
// should look like standard normal values.
func (f *Fit) Residuals() []float64 {
	f = f.Bounded()
	d := f.Design
	out := f.marginalResiduals()
	for t, b := range f.RandomEffects() {
		r := d.ran[t]
		for i := range out {
			out[i] -= dot(r.z[i*r.k:i*r.k+r.k], b[r.lev[i]*r.k:(r.lev[i]+1)*r.k])
		}
	}
	return out
}

// Simulate draws a response from the fitted model. Equal seeds and draws give
// equal responses.
func (f *Fit) Simulate(seed uint64, draw int) []float64 {
	f = f.Bounded()
	d := f.Design
	var key [32]byte
	for i := range 8 {
		key[i], key[8+i] = byte(seed>>(8*i)), byte(uint64(draw)>>(8*i))
	}
	rng := rand.New(rand.NewChaCha8(key))
	y := f.marginalResiduals()
	for i := range y {
		y[i] = f.y[i] - y[i] + f.Sigma*rng.NormFloat64()
	}
	for _, r := range d.ran {
		l := r.relative(f.Theta)
		b := make([]float64, r.nlev*r.k)
		for lv := range r.nlev {
			for j := range r.k {
				u := f.Sigma * rng.NormFloat64()
				for i := j; i < r.k; i++ {
					b[lv*r.k+i] += l[i*r.k+j] * u
				}
			}
		}
		for i := range y {
			y[i] += dot(r.z[i*r.k:i*r.k+r.k], b[r.lev[i]*r.k:(r.lev[i]+1)*r.k])
		}
	}
	return y
}

// Bootstrap fits n responses simulated from the model (parametric bootstrap)
// and returns stat of each. Results depend on seed, not on workers (0: one for
// each CPU).
func (f *Fit) Bootstrap(n int, seed uint64, workers int, stat func(*Fit) []float64) [][]float64 {
	out := make([][]float64, n)
	par.Do(workers, n, func(i int) {
		out[i] = stat(f.Design.fitTo(f.Simulate(seed, i), f.Method))
	})
	return out
}

// BootstrapLRT returns the share of n data sets simulated from the smaller
// model in which the likelihood-ratio statistic reaches the one observed,
// (1 + count)/(1 + n). Unlike [LikelihoodRatio] it holds for a variance on its
// boundary. It panics as LikelihoodRatio does.
func BootstrapLRT(small, large *Fit, n int, seed uint64, workers int) float64 {
	seen := LikelihoodRatio(small, large).ChiSq
	hits := make([]bool, n)
	par.Do(workers, n, func(i int) {
		y := small.Simulate(seed, i)
		r := LikelihoodRatio(small.Design.fitTo(y, ML), large.Design.fitTo(y, ML))
		hits[i] = r.ChiSq >= seen-1e-9*math.Max(1, seen)
	})
	count := 1
	for _, h := range hits {
		if h {
			count++
		}
	}
	return float64(count) / float64(n+1)
}
