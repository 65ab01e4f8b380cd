package register

import (
	"math"

	"phasl/voxel"
)

// A cloud is the set of points at which two images are compared.
type cloud struct {
	centre  voxel.Vec     // mean of the points [mm]
	x, y, z []float32     // points relative to centre [mm]
	f       []float32     // values there
	second  [3][3]float64 // mean of x·xᵀ [mm²]
}

func (c *cloud) len() int { return len(c.f) }

// jitter returns three numbers in [−½, ½), a fixed function of seed and n
// (splitmix64, Steele et al. 2014, doi:10.1145/2660193.2660195).
func jitter(seed uint64, n int) (d [3]float64) {
	s := seed ^ 0x5851f42d4c957f2d + uint64(n)*3*0x9e3779b97f4a7c15
	for a := range d {
		s += 0x9e3779b97f4a7c15
		z := s
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
		d[a] = float64(z>>11)/(1<<53) - 0.5
	}
	return d
}

// newCloud draws about limit points from the voxels of v that belong to mask
// (nil: all), each moved off its voxel's centre by up to half a voxel so that
// no pose of the other image's grid is favoured. Points without a value are
// left out.
func newCloud(v *volume, mask *voxel.Mask, limit int, seed uint64) *cloud {
	inside := func(voxel.Vec) bool { return true }
	if mask != nil {
		toMask := mask.Affine.Inverse().Mul(v.Affine)
		inside = func(p voxel.Vec) bool { return nearest(mask, toMask.Map(p)) }
	}
	var keep []int
	var at []voxel.Vec
	for n := range v.data {
		i, j, k := v.Coord(n)
		if p := (voxel.Vec{float64(i), float64(j), float64(k)}); inside(p) {
			keep = append(keep, n)
			at = append(at, p)
		}
	}
	c := &cloud{}
	if len(keep) == 0 {
		return c
	}
	// Thinned by a hash, not by a stride, which would pick planes.
	ratio := min(1, float64(limit)/float64(len(keep)))
	points := make([]voxel.Vec, 0, min(limit, len(keep)))
	for q, n := range keep {
		d := jitter(seed, n)
		if ratio < 1 && jitter(seed+1, n)[0]+0.5 >= ratio {
			continue
		}
		p := at[q]
		for a := range p {
			p[a] = min(max(p[a]+d[a], 0), float64(v.Dim[a]-1))
		}
		value := v.at(p)
		if value != value {
			continue
		}
		points = append(points, v.Affine.Map(p))
		c.f = append(c.f, value)
	}
	c.fill(points)
	return c
}

// fill sets the points of c [mm] and their moments.
func (c *cloud) fill(points []voxel.Vec) {
	if len(points) == 0 {
		return
	}
	for _, p := range points {
		for a := range p {
			c.centre[a] += p[a]
		}
	}
	for a := range c.centre {
		c.centre[a] /= float64(len(points))
	}
	c.x = make([]float32, len(points))
	c.y = make([]float32, len(points))
	c.z = make([]float32, len(points))
	for n, p := range points {
		d := voxel.Vec{p[0] - c.centre[0], p[1] - c.centre[1], p[2] - c.centre[2]}
		c.x[n], c.y[n], c.z[n] = float32(d[0]), float32(d[1]), float32(d[2])
		for a := range 3 {
			for b := range 3 {
				c.second[a][b] += d[a] * d[b]
			}
		}
	}
	for a := range 3 {
		for b := range 3 {
			c.second[a][b] /= float64(len(points))
		}
	}
}

// rms returns the root mean square length over the cloud of the displacement
// d·x̃ [mm].
func (c *cloud) rms(d voxel.Affine) float64 {
	var s float64
	for r := range 3 {
		for a := range 3 {
			for b := range 3 {
				s += d[r][a] * c.second[a][b] * d[r][b]
			}
		}
		s += d[r][3] * d[r][3]
	}
	return math.Sqrt(max(s, 0))
}

// at returns the value at voxel coordinates p, linearly interpolated, or NaN
// outside the box of centres or next to a missing voxel.
func (v *volume) at(p voxel.Vec) float32 {
	var lo [3]int
	var f [3]float32
	step := [3]int{1, v.Dim[0], v.Dim[0] * v.Dim[1]}
	for a := range 3 {
		if !(p[a] >= 0 && p[a] <= float64(v.Dim[a]-1)) {
			return float32(math.NaN())
		}
		lo[a] = max(min(int(p[a]), v.Dim[a]-2), 0)
		f[a] = float32(p[a] - float64(lo[a]))
		if v.Dim[a] == 1 {
			step[a] = 0
		}
	}
	n := v.Index(lo[0], lo[1], lo[2])
	d := v.data
	x0 := d[n] + f[0]*(d[n+step[0]]-d[n])
	n += step[1]
	x1 := d[n] + f[0]*(d[n+step[0]]-d[n])
	n += step[2]
	x3 := d[n] + f[0]*(d[n+step[0]]-d[n])
	n -= step[1]
	x2 := d[n] + f[0]*(d[n+step[0]]-d[n])
	x0 += f[1] * (x1 - x0)
	x2 += f[1] * (x3 - x2)
	return x0 + f[2]*(x2-x0)
}

// samples hold what the interpolated image gives at the points of a cloud.
type samples struct {
	m          []float32 // values; NaN outside
	gx, gy, gz []float32 // derivatives along the voxel axes
}

func newSamples(n int) *samples {
	buf := make([]float32, 4*n)
	return &samples{m: buf[:n:n], gx: buf[n : 2*n : 2*n], gy: buf[2*n : 3*n : 3*n], gz: buf[3*n:]}
}

// sample fills points lo to hi of s with v's linear interpolant and its
// gradient at u·x̃, where u maps points relative to the cloud's centre to
// voxels of v.
func (v *volume) sample(c *cloud, u *voxel.Affine, s *samples, lo, hi int) {
	u00, u01, u02, u03 := float32(u[0][0]), float32(u[0][1]), float32(u[0][2]), float32(u[0][3])
	u10, u11, u12, u13 := float32(u[1][0]), float32(u[1][1]), float32(u[1][2]), float32(u[1][3])
	u20, u21, u22, u23 := float32(u[2][0]), float32(u[2][1]), float32(u[2][2]), float32(u[2][3])
	xs, ys, zs := c.x[lo:hi], c.y[lo:hi], c.z[lo:hi]
	ms, gx, gy, gz := s.m[lo:hi], s.gx[lo:hi], s.gy[lo:hi], s.gz[lo:hi]
	ys, zs, ms = ys[:len(xs)], zs[:len(xs)], ms[:len(xs)]
	gx, gy, gz = gx[:len(xs)], gy[:len(xs)], gz[:len(xs)]
	n0, n1, n2 := v.Dim[0], v.Dim[1], v.Dim[2]
	e0, e1, e2 := float32(n0-1), float32(n1-1), float32(n2-1)
	nan := float32(math.NaN())
	plane := n0 * n1
	data := v.data
	for p, x := range xs {
		y, z := ys[p], zs[p]
		a := u00*x + u01*y + u02*z + u03
		b := u10*x + u11*y + u12*z + u13
		q := u20*x + u21*y + u22*z + u23
		if !(a >= 0 && b >= 0 && q >= 0 && a < e0 && b < e1 && q < e2) {
			ms[p], gx[p], gy[p], gz[p] = nan, 0, 0, 0
			continue
		}
		i, j, k := int(a), int(b), int(q)
		fx, fy, fz := a-float32(i), b-float32(j), q-float32(k)
		n := i + n0*j + plane*k
		r0 := data[n : n+n0+2]
		r1 := data[n+plane : n+plane+n0+2]
		c000, c100, c010, c110 := r0[0], r0[1], r0[n0], r0[n0+1]
		c001, c101, c011, c111 := r1[0], r1[1], r1[n0], r1[n0+1]
		d00, d10, d01, d11 := c100-c000, c110-c010, c101-c001, c111-c011
		l00, l10 := c000+fx*d00, c010+fx*d10
		l01, l11 := c001+fx*d01, c011+fx*d11
		y0, y1 := l10-l00, l11-l01
		q0, q1 := l00+fy*y0, l01+fy*y1
		dx0, dx1 := d00+fy*(d10-d00), d01+fy*(d11-d01)
		ms[p] = q0 + fz*(q1-q0)
		gx[p] = dx0 + fz*(dx1-dx0)
		gy[p] = y0 + fz*(y1-y0)
		gz[p] = q1 - q0
	}
}
