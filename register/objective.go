package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// An objective is the cost of a transform at one level of resolution.
type objective struct {
	points  *cloud
	moving  *volume
	like    likeness
	s       *samples
	w       []float32
	workers int
	sums    [][12]float64
	gain    []float32 // factors of the interpolated values; nil: 1
	used    int       // samples that met the moving image in the last call
}

func newObjective(c *cloud, v *volume, like likeness, workers int) *objective {
	return &objective{
		points: c, moving: v, like: like, workers: workers,
		s: newSamples(c.len()), w: make([]float32, c.len()),
		sums: make([][12]float64, (c.len()+pieceLen-1)/pieceLen),
	}
}

// value returns the cost at the map p from points relative to the cloud's
// centre to the moving world.
func (o *objective) value(p voxel.Affine) float64 {
	u := o.moving.inv.Mul(p)
	par.Ranges(o.workers, o.points.len(), pieceLen, func(lo, hi int) {
		o.moving.sample(o.points, &u, o.s, lo, hi)
		if o.gain != nil {
			for n, g := range o.gain[lo:hi] {
				n += lo
				o.s.m[n] *= g
				o.s.gx[n] *= g
				o.s.gy[n] *= g
				o.s.gz[n] *= g
			}
		}
	})
	cost, n := o.like.cost(o.s.m, o.w, o.workers)
	o.used = n
	return cost
}

// gradient returns the derivatives of the cost of the last call of value by
// the twelve elements of p.
func (o *objective) gradient() voxel.Affine {
	par.Ranges(o.workers, o.points.len(), pieceLen, func(lo, hi int) {
		var g [12]float64
		xs, ys, zs := o.points.x[lo:hi], o.points.y[lo:hi], o.points.z[lo:hi]
		gx, gy, gz := o.s.gx[lo:hi], o.s.gy[lo:hi], o.s.gz[lo:hi]
		for n, w := range o.w[lo:hi] {
			if w == 0 {
				continue
			}
			x, y, z := float64(xs[n]), float64(ys[n]), float64(zs[n])
			a, b, c := float64(w*gx[n]), float64(w*gy[n]), float64(w*gz[n])
			g[0] += a * x
			g[1] += a * y
			g[2] += a * z
			g[3] += a
			g[4] += b * x
			g[5] += b * y
			g[6] += b * z
			g[7] += b
			g[8] += c * x
			g[9] += c * y
			g[10] += c * z
			g[11] += c
		}
		o.sums[lo/pieceLen] = g
	})
	var u, out voxel.Affine
	for _, g := range o.sums {
		for i, v := range g {
			u[i/4][i%4] += v
		}
	}
	// u is by voxel coordinates, inv·p: the chain rule multiplies by invᵀ.
	for r := range 3 {
		for c := range 4 {
			for q := range 3 {
				out[r][c] += o.moving.inv[q][r] * u[q][c]
			}
		}
	}
	return out
}

// curvature returns the Gauss–Newton approximation of the second derivatives
// of the cost by the elements of p, at the samples of the last call of value:
//
//	H = mean( (∇m ⊗ x̃)(∇m ⊗ x̃)ᵀ ) / σ²
//
// where σ² is the variance of m that f leaves unexplained. It is that of
// mutual information for Gaussian residuals, I = −½ ln σ² + const.
func (o *objective) curvature() *[12][12]float64 {
	const thin = 4 // one sample in four is plenty for a preconditioner
	type sum = [6][10]float64
	part := make([]sum, len(o.sums))
	counts := make([]float64, len(o.sums))
	par.Ranges(o.workers, o.points.len(), pieceLen, func(lo, hi int) {
		var s sum
		var count float64
		for n := lo; n < hi; n += thin {
			if o.s.m[n] != o.s.m[n] {
				continue
			}
			count++
			x, y, z := float64(o.points.x[n]), float64(o.points.y[n]), float64(o.points.z[n])
			a, b, c := float64(o.s.gx[n]), float64(o.s.gy[n]), float64(o.s.gz[n])
			gg := [6]float64{a * a, a * b, a * c, b * b, b * c, c * c}
			xx := [10]float64{x * x, x * y, x * z, x, y * y, y * z, y, z * z, z, 1}
			for i, p := range gg {
				for j, q := range xx {
					s[i][j] += p * q
				}
			}
		}
		part[lo/pieceLen], counts[lo/pieceLen] = s, count
	})
	var s sum
	var count float64
	for p := range part {
		count += counts[p]
		for i := range s {
			for j := range s[i] {
				s[i][j] += part[p][i][j]
			}
		}
	}
	factor := 1 / (max(count, 1) * max(o.like.variance(), 1e-30))
	var u, h [12][12]float64
	for a := range 12 {
		for b := range 12 {
			u[a][b] = factor * s[upper(a/4, b/4, 3)][upper(a%4, b%4, 4)]
		}
	}
	// From voxel coordinates to the world: H = (invᵀ⊗I) U (inv⊗I).
	for a := range 12 {
		for b := range 12 {
			for q := range 3 {
				for r := range 3 {
					h[a][b] += o.moving.inv[q][a/4] * u[q*4+a%4][r*4+b%4] * o.moving.inv[r][b/4]
				}
			}
		}
	}
	return &h
}

// upper returns the place of (i, j) in a symmetric n×n matrix stored by rows
// of its upper triangle.
func upper(i, j, n int) int {
	if i > j {
		i, j = j, i
	}
	return i*n - i*(i-1)/2 + j - i
}

// overlap returns the share of samples that met the moving image.
func (o *objective) overlap() float64 {
	if o.points.len() == 0 {
		return 0
	}
	return float64(o.used) / float64(o.points.len())
}

// meanDisplacement returns the rms distance over the cloud between a and b.
func (o *objective) meanDisplacement(a, b voxel.Affine) float64 {
	var d voxel.Affine
	for r := range 3 {
		for c := range 4 {
			d[r][c] = a[r][c] - b[r][c]
		}
	}
	v := o.points.rms(d)
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}
