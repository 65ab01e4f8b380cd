package voxel

import "math"

// Interp is a way to interpolate between the centres of voxels.
type Interp int

const (
	// Linear weighs the eight neighbours by 1 − distance along each axis.
	// Neighbours without a value (NaN or infinite) are left out and the other
	// weights scaled to sum to 1; if those sum to less than half, the result
	// is NaN.
	Linear Interp = iota
	// Nearest takes the value of the nearest centre; halfway, the one of
	// higher index.
	Nearest
	// Cubic is the interpolating cubic B-spline, whose coefficients are found
	// by a recursive filter that takes the image as mirrored about its
	// outermost centres. Voxels without a value (NaN or infinite) lend
	// their place to the nearest that has one (of several equally near, one
	// that the order in memory decides), and the result is NaN where the
	// nearest voxel has none. Values may exceed the range of the image near
	// sharp edges.
	//
	// Source: Unser 1999, IEEE Signal Process Mag 16(6):22, box 2,
	// doi:10.1109/79.799930.
	Cubic
)

// edge is how far from the outermost centre an image reaches: half a voxel,
// and a little for affines that were stored as float32.
const edge = 0.5 + 1e-4

var nan32 = float32(math.NaN())

// missing reports whether v is NaN or infinite.
func missing(v float32) bool { return v-v != 0 }

// A Sampler interpolates one image at any point. Beyond half a voxel from the
// outermost centres the value is NaN; between there and the outermost centre
// it is that of the nearest point on the edge. It is safe for concurrent use.
type Sampler struct {
	grid   Grid
	inv    Affine // world [mm] → voxel
	interp Interp
	data   []float32 // values, or for Cubic coefficients with a margin
	pad    [3]int    // for Cubic: shape of data
	absent []bool    // for Cubic: voxels without a value; nil if none
}

// NewSampler returns a sampler of src. Linear and Nearest read src.Data
// later on; Cubic does not.
func NewSampler(src *Image, interp Interp) *Sampler { return newSampler(src, interp, 0) }

func newSampler(src *Image, interp Interp, workers int) *Sampler {
	if len(src.Data) != src.Len() {
		panic("voxel: NewSampler: number of values differs from the grid's")
	}
	s := &Sampler{grid: src.Grid, inv: src.Affine.Inverse(), interp: interp, data: src.Data}
	switch interp {
	case Linear, Nearest:
	case Cubic:
		s.data, s.pad, s.absent = coefficients(src, workers)
	default:
		panic("voxel: NewSampler: unknown interpolation")
	}
	return s
}

// At returns the value at a point of the world [mm].
func (s *Sampler) At(world Vec) float32 { return s.AtVoxel(s.inv.Map(world)) }

// AtVoxel returns the value at the point (i, j, k), in voxels.
func (s *Sampler) AtVoxel(v Vec) float32 {
	at, dst := [1]Vec{v}, [1]float32{}
	s.AtVoxels(dst[:], at[:])
	return dst[0]
}

// AtVoxels sets dst[n] to the value at the point at[n], in voxels. It is the
// fast way to sample many points. It panics if the lengths differ.
func (s *Sampler) AtVoxels(dst []float32, at []Vec) {
	if len(dst) != len(at) {
		panic("voxel: AtVoxels: lengths differ")
	}
	switch s.interp {
	case Linear:
		s.linear(dst, at)
	case Nearest:
		for n := range at {
			dst[n] = nan32
			if p := s.grid.nearest(&at[n]); p >= 0 {
				dst[n] = s.data[p]
			}
		}
	case Cubic:
		s.cubic(dst, at)
	}
}

// nearest returns the place in memory of the voxel nearest to v, or −1 if v
// lies outside the box.
func (g *Grid) nearest(v *Vec) int {
	if !g.within(v) {
		return -1
	}
	// Inside, v + 0.5 ≥ −1e-4, which int rounds to 0.
	i := min(int(v[0]+0.5), g.Dim[0]-1)
	j := min(int(v[1]+0.5), g.Dim[1]-1)
	k := min(int(v[2]+0.5), g.Dim[2]-1)
	return g.Index(i, j, k)
}

// within reports whether v lies in the box; NaN does not.
func (g *Grid) within(v *Vec) bool {
	return v[0] >= -edge && v[0] <= float64(g.Dim[0]-1)+edge &&
		v[1] >= -edge && v[1] <= float64(g.Dim[1]-1)+edge &&
		v[2] >= -edge && v[2] <= float64(g.Dim[2]-1)+edge
}

// linear is AtVoxels for Linear.
func (s *Sampler) linear(dst []float32, at []Vec) {
	g, data := &s.grid, s.data
	var step [3]int // to the next centre; none on an axis of one voxel
	for a, d := range [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]} {
		if g.Dim[a] > 1 {
			step[a] = d
		}
	}
	dx, dy, dz := step[0], step[1], step[2]
	nx, ny := g.Dim[0], g.Dim[1]
	lx, ly, lz := g.Dim[0]-1, g.Dim[1]-1, g.Dim[2]-1
	for n := range at {
		v := &at[n]
		x, y, z := v[0], v[1], v[2]
		i, j, k := int(x), int(y), int(z)
		if x >= 0 && y >= 0 && z >= 0 && uint(i) < uint(lx) && uint(j) < uint(ly) && uint(k) < uint(lz) {
			x, y, z = x-float64(i), y-float64(j), z-float64(k)
		} else if g.within(v) {
			i, x = cell(x, g.Dim[0])
			j, y = cell(y, g.Dim[1])
			k, z = cell(z, g.Dim[2])
		} else {
			dst[n] = nan32
			continue
		}
		fx, fy, fz := float32(x), float32(y), float32(z)
		gx, gy, gz := 1-fx, 1-fy, 1-fz
		p := i + nx*(j+ny*k)
		q, r, t := p+dy, p+dz, p+dy+dz
		// Weighted sums, rather than a + f·(b − a), give b itself at f = 1.
		val := gz*(gy*(gx*data[p]+fx*data[p+dx])+fy*(gx*data[q]+fx*data[q+dx])) +
			fz*(gy*(gx*data[r]+fx*data[r+dx])+fy*(gx*data[t]+fx*data[t+dx]))
		if missing(val) {
			val, _ = linearGrad(data, p, step, Vec{x, y, z})
		}
		dst[n] = val
	}
}

// linearGrad interpolates linearly in the cell whose lowest corner lies at p,
// at the point f of it, and returns the derivative too. Neighbours without a
// value take no part.
func linearGrad(data []float32, p int, step [3]int, f Vec) (float32, Vec) {
	var num, den float64
	var dnum, dden Vec
	for c := range 8 {
		n := p
		var w, d Vec // weight along each axis and its derivative
		for a := range 3 {
			if c>>a&1 == 1 {
				w[a], d[a] = f[a], 1
				n += step[a]
			} else {
				w[a], d[a] = 1-f[a], -1
			}
		}
		if missing(data[n]) {
			continue
		}
		v := float64(data[n])
		wt := w[0] * w[1] * w[2]
		num += wt * v
		den += wt
		for a, dw := range (Vec{d[0] * w[1] * w[2], w[0] * d[1] * w[2], w[0] * w[1] * d[2]}) {
			dnum[a] += dw * v
			dden[a] += dw
		}
	}
	if !(den >= 0.5-1e-6) { // halfway between a value and none, rounding must not decide
		return nan32, Vec{math.NaN(), math.NaN(), math.NaN()}
	}
	val := num / den
	for a := range dnum {
		dnum[a] = (dnum[a] - val*dden[a]) / den
	}
	return float32(val), dnum
}
