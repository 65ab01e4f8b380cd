package register

import (
	"math"

	"phasl/voxel"
)

// A field is a smooth gain of the interpolated image relative to the sampled
// one, from coil sensitivity: a polynomial of second degree over the sampled
// image's world. Without it, mutual information shifts and turns the images to
// hide their shading. The zero value is a gain of 1.
type field struct {
	centre voxel.Vec
	radius float64
	c      [10]float64 // of 1, x, y, z, x², xy, xz, y², yz, z²; gain is 1 + Σ c·φ
}

// terms fills the polynomial's terms at x, relative to the centre and divided
// by the radius.
func terms(t *[10]float64, x, y, z float64) {
	*t = [10]float64{1, x, y, z, x * x, x * y, x * z, y * y, y * z, z * z}
}

// at returns the gain at p, which is relative to c; kept within [½, 2].
func (f *field) at(x, y, z float64) float64 {
	if f.radius == 0 {
		return 1
	}
	q := 1 / f.radius
	var t [10]float64
	terms(&t, (x-f.centre[0])*q, (y-f.centre[1])*q, (z-f.centre[2])*q)
	g := 1.0
	for i, c := range f.c {
		g += c * t[i]
	}
	return min(max(g, 0.5), 2)
}

// estimateField returns the gain that makes m a function of f as nearly as a
// polynomial can, at the samples of the last call of o.value: the least-squares
// solution of m = E(m|f)·(1 + Σ c·φ), alternating with E. Voxels near the
// darkest and those off by more than half are left out.
func (o *objective) estimateField() *field {
	c := o.points
	out := &field{centre: c.centre, radius: math.Sqrt(c.second[0][0] + c.second[1][1] + c.second[2][2])}
	if !(out.radius > 0) {
		return &field{}
	}
	raw := make([]float64, c.len()) // m before any gain
	for n, v := range o.s.m {
		raw[n] = float64(v)
		if o.gain != nil {
			raw[n] /= float64(o.gain[n])
		}
	}
	flo, fhi := limits(c.f, 0.002, 0.998)
	mlo, mhi := limits(o.s.m, 0.002, 0.998)
	if !(fhi > flo && mhi > mlo) {
		return &field{}
	}
	least := float64(mlo) + 0.15*float64(mhi-mlo)
	scale := bins / float64(fhi-flo)
	x := make([]voxel.Vec, c.len())
	gain := make([]float64, c.len())
	for n := range x {
		x[n] = voxel.Vec{float64(c.x[n]) / out.radius, float64(c.y[n]) / out.radius, float64(c.z[n]) / out.radius}
		gain[n] = 1
	}
	// Value of E(m|f), linear between the bins' centres.
	var mean [bins + 2]float64
	expect := func(f float32) float64 {
		b := min(max((float64(f)-float64(flo))*scale, 0), bins) + 0.5
		k := int(b)
		t := b - float64(k)
		return mean[k]*(1-t) + mean[min(k+1, bins+1)]*t
	}
	for range 3 {
		var sum, count [bins + 2]float64
		for n, v := range raw {
			if v != v {
				continue
			}
			b := min(max((float64(c.f[n])-float64(flo))*scale, 0), bins) + 0.5
			k := int(b)
			t := b - float64(k)
			sum[k] += (1 - t) * v / gain[n]
			count[k] += 1 - t
			sum[min(k+1, bins+1)] += t * v / gain[n]
			count[min(k+1, bins+1)] += t
		}
		for k := range mean {
			mean[k] = 0
			if count[k] > 0 {
				mean[k] = sum[k] / count[k]
			}
		}
		var a [10][10]float64
		var b, t [10]float64
		used := 0
		for n, v := range raw {
			if v != v {
				continue
			}
			e := expect(c.f[n])
			r := v - e
			if !(e > least) || math.Abs(r) > 0.5*e {
				continue
			}
			used++
			terms(&t, x[n][0], x[n][1], x[n][2])
			for i := range t {
				for j := range i + 1 {
					a[i][j] += e * e * t[i] * t[j]
				}
				b[i] += e * r * t[i]
			}
		}
		if used < 500 {
			return &field{}
		}
		full := square(10)
		for i := range 10 {
			for j := range i + 1 {
				full[i][j], full[j][i] = a[i][j], a[i][j]
			}
		}
		for i := range 10 {
			full[i][i] += 1e-3 * a[0][0]
		}
		solution, ok := solve(full, b[:])
		if !ok {
			return &field{}
		}
		copy(out.c[:], solution)
		out.c[0] = 0
		for n := range gain {
			if raw[n] == raw[n] {
				gain[n] = out.at(float64(c.x[n])+c.centre[0], float64(c.y[n])+c.centre[1], float64(c.z[n])+c.centre[2])
			}
		}
	}
	return out
}

// correct divides the interpolated values by f's gain from now on.
func (o *objective) correct(f *field) {
	if f == nil || f.radius == 0 {
		o.gain = nil
		return
	}
	c := o.points
	if o.gain == nil {
		o.gain = make([]float32, c.len())
	}
	for n := range o.gain {
		o.gain[n] = float32(1 / f.at(float64(c.x[n])+c.centre[0], float64(c.y[n])+c.centre[1], float64(c.z[n])+c.centre[2]))
	}
}
