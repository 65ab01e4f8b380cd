package nullmap

import (
	"math"
	"math/rand/v2"
	"sync"

	"phasl/voxel"
)

// spin rotates the places of each hemisphere on their sphere and gives every
// place the value of the rotated place that lands nearest: values may occur more
// than once and others not at all (the variant of Vázquez-Rodríguez et al. 2019,
// doi:10.1073/pnas.1903403116). The left hemisphere gets a uniformly random
// rotation R and the right one its mirror image MRM, M = diag(−1, 1, 1), as in
// Alexander-Bloch et al. 2018, doi:10.1016/j.neuroimage.2018.05.070.
type spin struct {
	x    []float64
	at   []voxel.Vec // unit vectors from the centre of the own sphere
	side [2][]int    // places of each hemisphere
	pool sync.Pool
}

// newSpin takes points on the spheres of the two hemispheres: left where left is
// true. The centre of a sphere is the point all its places are equally far from,
// in the least-squares sense.
func newSpin(x []float64, sphere []voxel.Vec, left []bool) *spin {
	s := &spin{x: x, at: make([]voxel.Vec, len(x))}
	for i, l := range left {
		k := 1
		if l {
			k = 0
		}
		s.side[k] = append(s.side[k], i)
	}
	for _, places := range s.side {
		c := sphereCentre(sphere, places)
		for _, i := range places {
			v := voxel.Vec{sphere[i][0] - c[0], sphere[i][1] - c[1], sphere[i][2] - c[2]}
			h := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
			if h > 0 {
				s.at[i] = voxel.Vec{v[0] / h, v[1] / h, v[2] / h}
			}
		}
	}
	s.pool.New = func() any { p := make([]voxel.Vec, len(x)); return &p }
	return s
}

func (s *spin) draw(dst []float64, r *rand.Rand) {
	buf := s.pool.Get().(*[]voxel.Vec)
	defer s.pool.Put(buf)
	turned := *buf
	rot := randomRotation(r)
	for k, places := range s.side {
		m := rot
		if k == 1 { // MRM: signs change where exactly one index is x
			for i := 1; i < 3; i++ {
				m[0][i], m[i][0] = -m[0][i], -m[i][0]
			}
		}
		for _, i := range places {
			v := s.at[i]
			for a := range 3 {
				turned[i][a] = m[a][0]*v[0] + m[a][1]*v[1] + m[a][2]*v[2]
			}
		}
		for _, i := range places {
			best, from := -2.0, i
			v := s.at[i]
			for _, j := range places {
				if c := v[0]*turned[j][0] + v[1]*turned[j][1] + v[2]*turned[j][2]; c > best {
					best, from = c, j
				}
			}
			dst[i] = s.x[from]
		}
	}
}

// randomRotation returns a rotation uniform over all of them, from a uniformly
// random unit quaternion (Shoemake 1992, Graphics Gems III, p. 124).
func randomRotation(r *rand.Rand) [3][3]float64 {
	var q [4]float64
	var s float64
	for s < 1e-12 {
		s = 0
		for i := range q {
			q[i] = r.NormFloat64()
			s += q[i] * q[i]
		}
	}
	s = math.Sqrt(s)
	w, x, y, z := q[0]/s, q[1]/s, q[2]/s, q[3]/s
	return [3][3]float64{
		{1 - 2*(y*y+z*z), 2 * (x*y - w*z), 2 * (x*z + w*y)},
		{2 * (x*y + w*z), 1 - 2*(x*x+z*z), 2 * (y*z - w*x)},
		{2 * (x*z - w*y), 2 * (y*z + w*x), 1 - 2*(x*x+y*y)},
	}
}

// sphereCentre returns the centre of the sphere that fits places best: the
// linear least squares of |p|² = 2c·p + k. Where that is not determined, or the
// centre falls outside the places' box (they do not lie round a sphere), it is
// their mean.
func sphereCentre(p []voxel.Vec, places []int) voxel.Vec {
	var mean voxel.Vec
	lo, hi := voxel.Vec{math.Inf(1), math.Inf(1), math.Inf(1)}, voxel.Vec{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	for _, i := range places {
		for a := range 3 {
			mean[a] += p[i][a] / float64(len(places))
			lo[a], hi[a] = math.Min(lo[a], p[i][a]), math.Max(hi[a], p[i][a])
		}
	}
	var m [3][4]float64 // normal equations of |q|² − mean = 2c·q, q about the mean
	var sq float64
	for _, i := range places {
		for a := range 3 {
			sq += (p[i][a] - mean[a]) * (p[i][a] - mean[a]) / float64(len(places))
		}
	}
	for _, i := range places {
		q := voxel.Vec{p[i][0] - mean[0], p[i][1] - mean[1], p[i][2] - mean[2]}
		e := q[0]*q[0] + q[1]*q[1] + q[2]*q[2] - sq
		for a := range 3 {
			for b := range 3 {
				m[a][b] += 2 * q[a] * q[b]
			}
			m[a][3] += q[a] * e
		}
	}
	c, ok := solve3(m)
	if !ok {
		return mean
	}
	for a := range 3 {
		c[a] += mean[a]
		if !(c[a] >= lo[a] && c[a] <= hi[a]) {
			return mean
		}
	}
	return c
}

// solve3 solves three equations by elimination with pivoting.
func solve3(m [3][4]float64) (x voxel.Vec, ok bool) {
	for c := range 3 {
		p := c
		for r := c + 1; r < 3; r++ {
			if math.Abs(m[r][c]) > math.Abs(m[p][c]) {
				p = r
			}
		}
		m[c], m[p] = m[p], m[c]
		if math.Abs(m[c][c]) < 1e-9 {
			return x, false
		}
		for r := range 3 {
			if r != c {
				f := m[r][c] / m[c][c]
				for k := c; k < 4; k++ {
					m[r][k] -= f * m[c][k]
				}
			}
		}
	}
	for a := range 3 {
		x[a] = m[a][3] / m[a][a]
	}
	return x, true
}
