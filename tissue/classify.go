package tissue

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// halfStep is the cost of neighbouring classes half a step apart on the scale
// CSF – GM – WM (a pure tissue and its own mixture). A full step or more costs
// one; equals cost nothing.
const halfStep = 0.25

// A decay is a table of exp(−x) for x from 0 to its end. Linear interpolation
// is within (end/4096)²/8 of the value: 2e-8 for any end below 1.8, what six
// neighbours at the default weight give.
type decay struct {
	scale float64
	value [decaySize + 2]float64
}

const decaySize = 4096

func newDecay(end float64) *decay {
	d := &decay{scale: decaySize / end}
	for n := range d.value {
		d.value[n] = math.Exp(-float64(n) / d.scale)
	}
	return d
}

// at returns exp(−x). Rounding may take x just past either end.
func (d *decay) at(x float64) float64 {
	x = min(max(x*d.scale, 0), decaySize)
	n := int(x)
	a := d.value[n]
	return a + (x-float64(n))*(d.value[n+1]-a)
}

// classify returns the fractions of CSF, GM and WM of every voxel, by rounds of
// mean-field updates:
//
//	p_k(n) ∝ density_k(n) · weight_k · prior_k(n)^trust · exp(−β Σ_m Σ_l cost(k, l) p_l(m))
//
// over the six neighbours m (costs: see halfStep), each weighted by the smallest voxel size over the
// distance. Neighbours outside the mask have no say.
func classify(m mixture, b *brainVoxels, bias []float32, prior []logPrior, beta float64, g voxel.Grid, workers int) [][3]float32 {
	n := len(b.at)
	like := make([][nClass]float32, n)
	mixed := make([][2]float32, n)
	cur, next := make([][nClass]float32, n), make([][nClass]float32, n)
	table := m.table()
	par.Ranges(workers, n, pieceSize, func(lo, hi int) {
		var d densities
		var p [nClass]float64
		var local [nClass]float32
		for i := lo; i < hi; i++ {
			table.at(float64(b.value[i])/float64(bias[i]), &d)
			var at *[nClass]float32
			if prior != nil {
				local = prior[i].factors(m.trust)
				at = &local
			}
			if !m.posterior(&d.d, at, &p) {
				p = [nClass]float64{0.2, 0.2, 0.2, 0.2, 0.2}
			}
			for k := range nClass {
				like[i][k] = float32(p[k])
			}
			mixed[i] = [2]float32{float32(d.f[0]), float32(d.f[1])}
			cur[i] = like[i]
		}
	})
	if beta > 0 {
		size := g.Spacing()
		least := min(size[0], size[1], size[2])
		stride := [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]}
		decay := newDecay(2 * beta * (least/size[0] + least/size[1] + least/size[2]))
		const rounds = 5
		for range rounds {
			par.Ranges(workers, n, pieceSize, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					at := int(b.at[i])
					var c [3]int
					c[0], c[1], c[2] = g.Coord(at)
					var n0, n1, n2, n3, n4 float64 // neighbours' probabilities, weighted
					for a := range 3 {
						w := least / size[a]
						for _, s := range [2]int{-1, 1} {
							if c[a]+s < 0 || c[a]+s >= g.Dim[a] {
								continue
							}
							if o := b.index[at+s*stride[a]]; o >= 0 {
								p := &cur[o]
								n0, n1, n2 = n0+w*float64(p[0]), n1+w*float64(p[1]), n2+w*float64(p[2])
								n3, n4 = n3+w*float64(p[3]), n4+w*float64(p[4])
							}
						}
					}
					// A class costs what all neighbours weigh, less its own kind and
					// what discord forgives those half a step away.
					const near = 1 - halfStep
					all := n0 + n1 + n2 + n3 + n4
					q := &like[i]
					p0 := float64(q[0]) * decay.at(beta*(all-n0-near*n1))
					p1 := float64(q[1]) * decay.at(beta*(all-n1-near*(n0+n2)))
					p2 := float64(q[2]) * decay.at(beta*(all-n2-near*(n1+n3)))
					p3 := float64(q[3]) * decay.at(beta*(all-n3-near*(n2+n4)))
					p4 := float64(q[4]) * decay.at(beta*(all-n4-near*n3))
					share := 1 / (p0 + p1 + p2 + p3 + p4)
					next[i] = [nClass]float32{float32(p0 * share), float32(p1 * share), float32(p2 * share), float32(p3 * share), float32(p4 * share)}
				}
			})
			cur, next = next, cur
		}
	}
	out := make([][3]float32, n)
	for i := range out {
		p, f := &cur[i], &mixed[i]
		out[i] = [3]float32{
			csf: p[0] + p[1]*(1-f[0]),
			gm:  p[2] + p[1]*f[0] + p[3]*(1-f[1]),
			wm:  p[4] + p[3]*f[1],
		}
	}
	mendRims(out, cur, &m, b, bias, g, workers)
	return out
}
