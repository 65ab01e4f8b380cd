package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A pattern is a reference image prepared for least-squares registration: at
// each point its value and the change of value by each of six small rigid
// motions.
//
// The volume V is modelled at the points x of the reference R as
//
//	V(T x) = a·R(x) + Σ_q b_q·∂R/∂θ_q(x) + c + R(x)·(g·x) + Σ_n d_n·N_n(x)
//
// so that b/a is the small motion δ with V(T x) = a·R(δ x), and T∘δ⁻¹ is the
// better pose. R and its derivatives never change, so each step is one linear
// regression (inverse compositional Gauss–Newton: Baker and Matthews 2004, Int
// J Comput Vis 56:221, doi:10.1023/B:VISI.0000011205.11775.fd). g is the change
// of gain that a head meets which moves within the receive field. N are extra
// columns that absorb differences of contrast.
type pattern struct {
	points  *cloud
	columns [][]float32 // 6 derivatives, value, 1, value times x, y, z, extras
	gram    [][]float64 // inner products of the columns
}

// mostColumns is the largest number of columns of a pattern.
const mostColumns = 12

// newPattern draws about limit points from ref, where mask says. With mapped,
// an extra column lets the relation between the two images' values be a
// parabola, so that a perfusion signal, which follows tissue, is not taken for
// motion.
func newPattern(ref *volume, mask *voxel.Mask, limit int, mapped bool, workers int) *pattern {
	p := &pattern{points: gridCloud(ref, mask, limit)}
	n := p.points.len()
	count := mostColumns - 1
	if mapped {
		count = mostColumns
	}
	p.columns = make([][]float32, count)
	for i := range p.columns {
		p.columns[i] = make([]float32, n)
	}
	u := ref.inv.Mul(voxel.Translation(p.points.centre))
	lin := ref.inv
	var scale float64
	for _, v := range p.points.f {
		scale = max(scale, math.Abs(float64(v)))
	}
	scale = max(scale, 1e-30)
	reach := math.Sqrt(p.points.second[0][0] + p.points.second[1][1] + p.points.second[2][2])
	par.Ranges(workers, n, pieceLen, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			x := voxel.Vec{float64(p.points.x[i]), float64(p.points.y[i]), float64(p.points.z[i])}
			g := ref.slope(u.Map(x))
			var d voxel.Vec // by world coordinates
			for a := range 3 {
				d[a] = lin[0][a]*g[0] + lin[1][a]*g[1] + lin[2][a]*g[2]
			}
			for a := range 3 {
				p.columns[a][i] = float32(d[a])
			}
			// δx = θ × x
			p.columns[3][i] = float32(d[2]*x[1] - d[1]*x[2])
			p.columns[4][i] = float32(d[0]*x[2] - d[2]*x[0])
			p.columns[5][i] = float32(d[1]*x[0] - d[0]*x[1])
			f := float64(p.points.f[i])
			p.columns[6][i] = float32(f)
			p.columns[7][i] = float32(scale)
			for a := range 3 {
				p.columns[8+a][i] = float32(f * x[a] / reach)
			}
			if mapped {
				p.columns[11][i] = float32(f * f / scale)
			}
		}
	})
	p.gram = p.products(workers)
	return p
}

// slope returns the central differences of v at voxel coordinates q, with the
// linear interpolant half a voxel away.
func (v *volume) slope(q voxel.Vec) (g [3]float64) {
	for a := range 3 {
		lo, hi := q, q
		lo[a] = max(q[a]-1, 0)
		hi[a] = min(q[a]+1, float64(v.Dim[a]-1))
		if d := float64(v.at(hi)-v.at(lo)) / (hi[a] - lo[a]); d == d {
			g[a] = d
		}
	}
	return g
}

// gridCloud is newCloud without jitter: the points are voxels of v.
func gridCloud(v *volume, mask *voxel.Mask, limit int) *cloud {
	count := 0
	for n, x := range v.data {
		if x == x && mask.In[n] {
			count++
		}
	}
	ratio := min(1, float64(limit)/float64(max(count, 1)))
	c := &cloud{}
	var points []voxel.Vec
	for n, x := range v.data {
		if x != x || !mask.In[n] || ratio < 1 && jitter(0, n)[0]+0.5 >= ratio {
			continue
		}
		points = append(points, v.World(v.Coord(n)))
		c.f = append(c.f, x)
	}
	c.fill(points)
	return c
}

// A fit is the outcome of a least-squares registration.
type fit struct {
	at          voxel.Affine // reference world → volume world
	correlation float64      // between the volume and its model
	iterations  int
	converged   bool
}

// register estimates the pose of v from start. A step whose rms displacement
// is below tolerance [mm] ends it.
func (p *pattern) register(v *volume, start voxel.Affine, iterations int, tolerance float64) fit {
	n := p.points.len()
	k := len(p.columns)
	out := fit{at: start}
	s := &samples{m: make([]float32, n)}
	if v.cubic == nil {
		s = newSamples(n)
	}
	radius := math.Sqrt(p.points.second[0][0] + p.points.second[1][1] + p.points.second[2][2])
	back := voxel.Translation(negative(p.points.centre))
	damping, last := 1.0, math.Inf(1)
	for out.iterations < iterations {
		u := v.inv.Mul(out.at).Mul(voxel.Translation(p.points.centre))
		if v.cubic == nil {
			v.sample(p.points, &u, s, 0, n)
		} else {
			v.values(p.points, &u, s.m)
		}
		normal, rhs, sum, squares, used := p.normal(s.m)
		if used < n/4 || used < 10*k {
			break
		}
		beta, ok := solve(normal, rhs)
		if !ok || !(beta[6] > 0) { // a gain that is not positive: not the same image
			break
		}
		var explained float64
		for i := range k {
			explained += beta[i] * rhs[i]
		}
		mean := sum / float64(used)
		total := squares - mean*sum
		out.correlation = math.Sqrt(max(0, 1-(squares-explained)/max(total, 1e-30)))
		out.iterations++
		var b [6]float64
		for i := range b {
			b[i] = beta[i] / beta[6]
		}
		length := math.Sqrt(b[0]*b[0]+b[1]*b[1]+b[2]*b[2]) + radius*math.Sqrt((b[3]*b[3]+b[4]*b[4]+b[5]*b[5])/1.5)
		// Points that enter or leave the box can make full steps go round in
		// a circle of some 30 µm: shorten steps that do not shrink.
		if length > 0.7*last {
			damping /= 2
		}
		last = length
		shrink := damping * min(1, 10/length)
		for i := range b {
			b[i] *= shrink
		}
		delta := voxel.Translation(voxel.Vec{b[0], b[1], b[2]}).Mul(voxel.Rotation(voxel.Vec{b[3], b[4], b[5]}))
		step := voxel.Translation(p.points.centre).Mul(delta.Inverse()).Mul(back)
		out.at = out.at.Mul(step)
		if shrink*length < tolerance {
			out.converged = length < 0.1
			break
		}
	}
	return out
}

// products returns the inner products of the columns over all points.
func (p *pattern) products(workers int) [][]float64 {
	k := len(p.columns)
	n := p.points.len()
	part := make([][][]float64, (n+pieceLen-1)/pieceLen)
	par.Ranges(workers, n, pieceLen, func(lo, hi int) {
		a := square(k)
		// In blocks, so that one block of every column stays in cache.
		const block = 512
		var buf [mostColumns][block]float64
		for at := lo; at < hi; at += block {
			end := min(at+block, hi)
			for q, col := range p.columns {
				for i, v := range col[at:end] {
					buf[q][i] = float64(v)
				}
			}
			for i := range k {
				for j := range i + 1 {
					a[i][j] += product(buf[i][:end-at], buf[j][:end-at])
				}
			}
		}
		part[lo/pieceLen] = a
	})
	out := square(k)
	for _, a := range part {
		for i := range k {
			for j := range i + 1 {
				out[i][j] += a[i][j]
			}
		}
	}
	return out
}

// normal returns the normal equations of the columns against m, over the
// points where m has a value. The columns' own products are those over all
// points less the few where m has none.
func (p *pattern) normal(m []float32) (a [][]float64, rhs []float64, sum, squares float64, used int) {
	k := len(p.columns)
	a = square(k)
	rhs = make([]float64, k)
	const block = 512
	var y [block]float64
	var out []int
	for lo := 0; lo < len(m); lo += block {
		hi := min(lo+block, len(m))
		for i, v := range m[lo:hi] {
			if v != v {
				out = append(out, lo+i)
				v = 0
			} else {
				used++
			}
			y[i] = float64(v)
		}
		for q, col := range p.columns {
			rhs[q] += mixed(col[lo:hi], y[:hi-lo])
		}
		squares += product(y[:hi-lo], y[:hi-lo])
		for _, v := range y[:hi-lo] {
			sum += v
		}
	}
	for i := range k {
		copy(a[i][:i+1], p.gram[i][:i+1])
	}
	for _, n := range out {
		var row [mostColumns]float64
		for q, col := range p.columns {
			row[q] = float64(col[n])
		}
		for i := range k {
			for j := range i + 1 {
				a[i][j] -= row[i] * row[j]
			}
		}
	}
	for i := range k {
		for j := range i {
			a[j][i] = a[i][j]
		}
	}
	return a, rhs, sum, squares, used
}

// mixed returns the inner product of x and y, which have equal lengths.
func mixed(x []float32, y []float64) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += float64(x[i]) * y[i]
		s1 += float64(x[i+1]) * y[i+1]
		s2 += float64(x[i+2]) * y[i+2]
		s3 += float64(x[i+3]) * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += float64(x[i]) * y[i]
	}
	return s0 + s1 + s2 + s3
}

// product returns the inner product of x and y, which have equal lengths.
func product(x, y []float64) float64 {
	var s0, s1, s2, s3 float64
	y = y[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return s0 + s1 + s2 + s3
}

// solve returns a⁻¹·b for symmetric positive definite a, scaled to unit
// diagonal, and whether it is that.
func solve(a [][]float64, b []float64) ([]float64, bool) {
	n := len(b)
	d := make([]float64, n)
	for i := range n {
		if !(a[i][i] > 0) {
			return nil, false
		}
		d[i] = 1 / math.Sqrt(a[i][i])
	}
	s := square(n)
	for i := range n {
		for j := range n {
			s[i][j] = a[i][j] * d[i] * d[j]
		}
		s[i][i] += 1e-9
	}
	inv, ok := invert(s)
	if !ok {
		return nil, false
	}
	x := make([]float64, n)
	for i := range n {
		for j := range n {
			x[i] += inv[i][j] * b[j] * d[j]
		}
		x[i] *= d[i]
	}
	return x, true
}
