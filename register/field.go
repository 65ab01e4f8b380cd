package register

import (
	"math"

	"phasl/voxel"
)

// A field is a smooth gain over the sampled image's world: a polynomial of
// second degree. The zero value is a gain of 1.
type field struct {
	centre voxel.Vec
	radius float64
	c      [10]float64 // of 1, x, y, z, x², xy, xz, y², yz, z²; gain is 1 + Σ c·φ
}

// A shading is what coil sensitivity does to the two images. Mutual
// information would otherwise shift and turn them to hide it.
type shading struct {
	m, f field // gain of the interpolated and of the sampled image
}

// terms returns the polynomial's terms at x, y, z, relative to the centre and
// divided by the radius.
func terms(x, y, z float64) [10]float64 {
	return [10]float64{1, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z}
}

// at returns the gain at a point in the world, kept within [½, 2].
func (f *field) at(p voxel.Vec) float64 {
	if f.radius == 0 {
		return 1
	}
	q := 1 / f.radius
	g := 1.0
	for i, t := range terms((p[0]-f.centre[0])*q, (p[1]-f.centre[1])*q, (p[2]-f.centre[2])*q) {
		g += f.c[i] * t
	}
	return min(max(g, 0.5), 2)
}

// over returns 1/gain at every point of c.
func (f *field) over(c *cloud) []float32 {
	out := make([]float32, c.len())
	for n := range out {
		out[n] = float32(1 / f.at(voxel.Vec{float64(c.x[n]) + c.centre[0], float64(c.y[n]) + c.centre[1], float64(c.z[n]) + c.centre[2]}))
	}
	return out
}

// shadingBins is the number of bins of the curves E(m|f) and E(f|m).
const shadingBins = 32

// fitField returns the gain g that makes y a function of x as nearly as a
// polynomial can:
//
//	y = E(y/g | x)·g,  g = 1 + Σ c·φ
//
// by least squares in c, alternating with the curve E, linear between bins.
// Dark points, and those far from the curve (edges, fluid, what only one image
// shows), are left out, more strictly at each turn. NaN in y is skipped.
func fitField(c *cloud, y, x []float32) field {
	out := field{centre: c.centre, radius: math.Sqrt(c.second[0][0] + c.second[1][1] + c.second[2][2])}
	xlo, xhi := limits(x, 0.002, 0.998)
	ylo, yhi := limits(y, 0.002, 0.998)
	if !(out.radius > 0 && xhi > xlo && yhi > ylo) {
		return field{}
	}
	least := float64(ylo) + 0.15*float64(yhi-ylo)
	scale := shadingBins / float64(xhi-xlo)
	place := func(v float32) (int, float64) {
		b := min(max((float64(v)-float64(xlo))*scale, 0), shadingBins)
		k := min(int(b), shadingBins-1)
		return k, b - float64(k)
	}
	stride := max(1, c.len()/20000) // plenty for ten numbers
	gain := func(n int) float64 {
		return 1 / out.at(voxel.Vec{float64(c.x[n]) + c.centre[0], float64(c.y[n]) + c.centre[1], float64(c.z[n]) + c.centre[2]})
	}
	for _, limit := range []float64{0.5, 0.3, 0.15, 0.15} {
		var sum, count, curve [shadingBins + 1]float64
		for n := 0; n < len(y); n += stride {
			v := y[n]
			if v != v || x[n] != x[n] {
				continue
			}
			g := gain(n)
			k, t := place(x[n])
			sum[k] += (1 - t) * float64(v) * g
			count[k] += 1 - t
			sum[k+1] += t * float64(v) * g
			count[k+1] += t
		}
		for k := range curve {
			if count[k] > 0 {
				curve[k] = sum[k] / count[k]
			}
		}
		a := square(10)
		b := make([]float64, 10)
		used := 0
		for n := 0; n < len(y); n += stride {
			v := y[n]
			if v != v || x[n] != x[n] {
				continue
			}
			g := gain(n)
			k, t := place(x[n])
			e := curve[k]*(1-t) + curve[k+1]*t
			if !(e > least) || math.Abs(float64(v)*g-e) > limit*e {
				continue
			}
			used++
			r := float64(v) - e
			q := 1 / out.radius
			phi := terms(float64(c.x[n])*q, float64(c.y[n])*q, float64(c.z[n])*q)
			for i := range phi {
				w := e * phi[i]
				for j := range i + 1 {
					a[i][j] += w * e * phi[j]
				}
				b[i] += w * r
			}
		}
		if used < 500 {
			return field{}
		}
		for i := range 10 {
			for j := range i {
				a[j][i] = a[i][j]
			}
			a[i][i] += 1e-3 * a[0][0]
		}
		solution, ok := solve(a, b)
		if !ok {
			return field{}
		}
		copy(out.c[:], solution)
		out.c[0] = 0 // a constant gain means nothing
	}
	return out
}

// estimateShading returns the gains that make the images most alike at the
// pose p: of either image, of both or of none, whichever has most information.
func (e *estimator) estimateShading(o *objective, p voxel.Affine) shading {
	o.correct(e, shading{})
	o.value(p)
	m, f := o.s.m, o.points.f
	product := func(a, b []float32) []float32 {
		out := make([]float32, len(a))
		for n := range a {
			out[n] = a[n] * b[n]
		}
		return out
	}
	var candidates [4]shading
	candidates[1].m = fitField(o.points, m, f)
	candidates[2].f = fitField(o.points, f, m)
	candidates[3].m = candidates[1].m
	for range 2 {
		candidates[3].f = fitField(o.points, f, product(m, candidates[3].m.over(o.points)))
		candidates[3].m = fitField(o.points, m, product(f, candidates[3].f.over(o.points)))
	}
	best, least := 0, math.Inf(1)
	for i, s := range candidates {
		o.correct(e, s)
		if cost := o.value(p); cost < least {
			best, least = i, cost
		}
	}
	return candidates[best]
}

// correct divides the values of both images by the gains of s from now on.
func (o *objective) correct(e *estimator, s shading) {
	o.gain = nil
	if s.m.radius > 0 {
		o.gain = s.m.over(o.points)
	}
	points := o.points
	if s.f.radius > 0 {
		flat := *o.points
		flat.f = s.f.over(o.points)
		for n, v := range o.points.f {
			flat.f[n] *= v
		}
		points = &flat
	}
	o.like = e.likeness(points, o.moving)
}
