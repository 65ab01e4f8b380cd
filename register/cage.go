package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A cage is the field u of an overlay, in cubic B-splines with knots every few
// points along each axis.
type cage struct {
	o      *overlay
	dim    [3]int // knots
	c      [3][]float64
	weight [knotPoints][4]float64 // of the four knots around the n-th point of a cell
}

const (
	knotPoints = 5                         // points to a knot
	knotWidth  = knotPoints * pointSpacing // [mm]

	// cageBend [mm] is β and cageHold [1/mm] γ of [DeformablePerfusion]. Of
	// 1, 3, 6, 10, 100 and 1,000 mm for β, from half of the simulated heads
	// and the real one.
	cageBend = 6.0
	cageHold = 0.002

	cageSteps    = 10   // Gauss–Newton steps at a resolution, at most
	cageTries    = 3    // halvings of a step that gains nothing
	cageLongest  = 4.0  // longest step of a coefficient [mm]
	cageShortest = 0.1  // step below which the search ends [mm]
	cageGain     = 3e-4 // gain of the cost by each point below which it ends [nat]
)

func newCage(o *overlay) *cage {
	g := &cage{o: o}
	for a, d := range o.lattice.Dim {
		g.dim[a] = (d-1)/knotPoints + 4
	}
	for a := range g.c {
		g.c[a] = make([]float64, g.len())
	}
	for n := range g.weight {
		g.weight[n] = splineWeights(float64(n) / knotPoints)
	}
	return g
}

// free returns the number of coefficients near whose knot a point counts.
func (g *cage) free() int {
	near := make([]bool, g.len())
	for _, n := range g.o.at {
		i, j, k := g.o.lattice.Coord(int(n))
		near[i/knotPoints+1+g.dim[0]*(j/knotPoints+1+g.dim[1]*(k/knotPoints+1))] = true
	}
	n := 0
	for _, in := range near {
		if in {
			n += 3
		}
	}
	return n
}

func (g *cage) len() int { return g.dim[0] * g.dim[1] * g.dim[2] }

// splineWeights returns the weights of the four knots around a point at t, 0 to
// 1, between the middle two.
func splineWeights(t float64) [4]float64 {
	u := 1 - t
	return [4]float64{u * u * u / 6, (4 - 6*t*t + 3*t*t*t) / 6, (4 - 6*u*u + 3*u*u*u) / 6, t * t * t / 6}
}

// expand sets dst to the spline of the coefficients c at all lattice points:
// along the first axis, then the second, then the third.
func (g *cage) expand(dst, c []float64) {
	d := g.o.lattice.Dim
	a := make([]float64, d[0]*g.dim[1]*g.dim[2])
	for row := range g.dim[1] * g.dim[2] {
		src := c[row*g.dim[0]:]
		for i := range d[0] {
			w, s := &g.weight[i%knotPoints], src[i/knotPoints:]
			a[row*d[0]+i] = w[0]*s[0] + w[1]*s[1] + w[2]*s[2] + w[3]*s[3]
		}
	}
	nx, plane := d[0], d[0]*d[1]
	b := make([]float64, plane*g.dim[2])
	for k := range g.dim[2] {
		for j := range d[1] {
			w, s := &g.weight[j%knotPoints], a[(k*g.dim[1]+j/knotPoints)*nx:]
			out := b[k*plane+j*nx:][:nx]
			for i := range out {
				out[i] = w[0]*s[i] + w[1]*s[i+nx] + w[2]*s[i+2*nx] + w[3]*s[i+3*nx]
			}
		}
	}
	for k := range d[2] {
		w, s := &g.weight[k%knotPoints], b[k/knotPoints*plane:]
		out := dst[k*plane:][:plane]
		for i := range out {
			out[i] = w[0]*s[i] + w[1]*s[i+plane] + w[2]*s[i+2*plane] + w[3]*s[i+3*plane]
		}
	}
}

// collect is the transpose of expand.
func (g *cage) collect(dst, v []float64) {
	d := g.o.lattice.Dim
	nx, plane := d[0], d[0]*d[1]
	b := make([]float64, plane*g.dim[2])
	for k := range d[2] {
		in := v[k*plane:][:plane]
		for q, w := range g.weight[k%knotPoints] {
			out := b[(k/knotPoints+q)*plane:][:plane]
			for i, x := range in {
				out[i] += w * x
			}
		}
	}
	a := make([]float64, nx*g.dim[1]*g.dim[2])
	for k := range g.dim[2] {
		for j := range d[1] {
			in := b[k*plane+j*nx:][:nx]
			for q, w := range g.weight[j%knotPoints] {
				out := a[(k*g.dim[1]+j/knotPoints+q)*nx:][:nx]
				for i, x := range in {
					out[i] += w * x
				}
			}
		}
	}
	clear(dst)
	for row := range g.dim[1] * g.dim[2] {
		out := dst[row*g.dim[0]:][:g.dim[0]]
		for i, x := range a[row*nx:][:nx] {
			for q, w := range g.weight[i%knotPoints] {
				out[i/knotPoints+q] += w * x
			}
		}
	}
}

// stiff adds the derivative of the cost of bending at the coefficients c to
// dst. The integrals are sums over knots of squared differences, h apart:
//
//	½ β Σ h³ (Δ²c/h²)² + ½ γ Σ h³ (Δc/h)²
func (g *cage) stiff(dst, c []float64) {
	const second, first = cageBend / knotWidth, cageHold * knotWidth
	strides := [3]int{1, g.dim[0], g.dim[0] * g.dim[1]}
	for n := range c {
		at := [3]int{n % g.dim[0], n / g.dim[0] % g.dim[1], n / strides[2]}
		for a, s := range strides {
			if at[a]+1 == g.dim[a] {
				continue
			}
			d := first * (c[n+s] - c[n])
			dst[n+s] += d
			dst[n] -= d
			if at[a] > 0 {
				d := second * (c[n-s] - 2*c[n] + c[n+s])
				dst[n-s] += d
				dst[n] -= 2 * d
				dst[n+s] += d
			}
			for b := a + 1; b < 3; b++ {
				if t := strides[b]; at[b]+1 < g.dim[b] {
					d := 2 * second * (c[n+s+t] - c[n+s] - c[n+t] + c[n])
					dst[n+s+t] += d
					dst[n+s] -= d
					dst[n+t] -= d
					dst[n] += d
				}
			}
		}
	}
}

// bending returns the cost of bending.
func (g *cage) bending() float64 {
	sum := 0.0
	for a := range g.c {
		d := make([]float64, g.len())
		g.stiff(d, g.c[a])
		for k, v := range d {
			sum += v * g.c[a][k] / 2
		}
	}
	return sum
}

// normal sets dst to (JᵀWJ/σ² + stiffness)·c, with J the derivative of the
// residuals, what the weights of the tissues can take up projected out.
func (g *cage) normal(dst, c *[3][]float64, field *[3][]float64, part [][3][]float64) {
	o := g.o
	par.Do(o.workers, 3, func(a int) { g.expand(field[a], c[a]) })
	par.Do(o.workers, len(o.blends), func(i int) {
		b, out := o.blends[i], &part[i]
		v := make([]float64, len(o.at))
		var cross [blendColumns]float64
		for i, n := range o.at {
			v[i] = float64(b.slope[0][n])*field[0][n] + float64(b.slope[1][n])*field[1][n] + float64(b.slope[2][n])*field[2][n]
			wv := float64(b.w[n]) * v[i]
			for k := range cross {
				cross[k] += wv * float64(b.basis[k][n])
			}
		}
		s := b.solve(cross)
		q := 1 / (b.sigma * b.sigma)
		for i, n := range o.at {
			x := v[i]
			for k, t := range s {
				x -= t * float64(b.basis[k][n])
			}
			x *= float64(b.w[n]) * q
			for a := range out {
				out[a][n] = float64(b.slope[a][n]) * x
			}
		}
	})
	par.Do(o.workers, 3, func(a int) {
		sum := part[0][a]
		for _, p := range part[1:] {
			for n, v := range p[a] {
				sum[n] += v
			}
		}
		g.collect(dst[a], sum)
		g.stiff(dst[a], c[a])
	})
}

// triple returns three slices of n numbers.
func triple(n int) (t [3][]float64) {
	for a := range t {
		t[a] = make([]float64, n)
	}
	return t
}

// step returns the Gauss–Newton step of the coefficients, by conjugate
// gradients.
func (g *cage) step() [3][]float64 {
	o := g.o
	n := o.lattice.Len()
	field := triple(n)
	part := make([][3][]float64, len(o.blends))
	for i := range part {
		part[i] = triple(n)
	}
	x, r, z, q, diag := triple(g.len()), triple(g.len()), triple(g.len()), triple(g.len()), triple(g.len())
	// The residuals are orthogonal to the columns: nothing to project out.
	par.Do(o.workers, 3, func(a int) {
		v, d := make([]float64, n), make([]float64, n)
		for _, b := range o.blends {
			s := 1 / (b.sigma * b.sigma)
			for _, i := range o.at {
				w := float64(b.w[i]) * float64(b.slope[a][i]) * s
				v[i] -= w * float64(b.r[i])
				d[i] += w * float64(b.slope[a][i])
			}
		}
		g.collect(r[a], v)
		g.collect(diag[a], d)
		bent := make([]float64, g.len())
		g.stiff(bent, g.c[a])
		for k := range bent {
			r[a][k] -= bent[k]
			// Roughly the diagonal; only the speed depends on it.
			diag[a][k] = 0.3*diag[a][k] + 42*cageBend/knotWidth + 6*cageHold*knotWidth
		}
	})
	precondition := func() {
		for a := range z {
			for k, v := range r[a] {
				z[a][k] = v / diag[a][k]
			}
		}
	}
	dot := func(a, b *[3][]float64) (s float64) {
		for c := range a {
			for k, v := range a[c] {
				s += v * b[c][k]
			}
		}
		return s
	}
	precondition()
	p := triple(g.len())
	for a := range p {
		copy(p[a], z[a])
	}
	rz := dot(&r, &z)
	for end := 1e-3 * rz; rz > end; {
		g.normal(&q, &p, &field, part)
		alpha := rz / dot(&p, &q)
		for a := range x {
			for k := range x[a] {
				x[a][k] += alpha * p[a][k]
				r[a][k] -= alpha * q[a][k]
			}
		}
		precondition()
		next := dot(&r, &z)
		for a := range p {
			for k, v := range z[a] {
				p[a][k] = v + next/rz*p[a][k]
			}
		}
		rz = next
		if end *= 1.2; !(alpha > 0) { // ends after some 40 rounds at most
			break
		}
	}
	return x
}

// take adds a share of a step to the coefficients and lays the field out.
func (g *cage) take(step *[3][]float64, share float64) {
	par.Do(g.o.workers, 3, func(a int) {
		for k, v := range step[a] {
			g.c[a][k] += share * v
		}
		u := make([]float64, g.o.lattice.Len())
		g.expand(u, g.c[a])
		for i, v := range u {
			g.o.shift[a][i] = float32(v)
		}
	})
}

// solve bends the template until nothing is gained, and reports whether the
// scan shows enough.
func (g *cage) solve() (level DeformationLevel, ok bool) {
	o := g.o
	level.Spacing = knotWidth
	if !o.look() {
		return level, false
	}
	level.Start = o.explained()
	last := o.cost() + g.bending()
	for level.Iterations < cageSteps && !level.Converged {
		o.slopes()
		step := g.step()
		most := 0.0
		for k := range step[0] {
			most = max(most, math.Sqrt(step[0][k]*step[0][k]+step[1][k]*step[1][k]+step[2][k]*step[2][k]))
		}
		if !(most < math.Inf(1)) {
			return level, false
		}
		share, gained, before := min(1, cageLongest/max(most, 1e-9)), false, last
		for range cageTries {
			g.take(&step, share)
			if seen := o.look(); seen {
				if now := o.cost() + g.bending(); now < last {
					last, gained = now, true
					break
				}
			}
			g.take(&step, -share)
			share /= 2
		}
		level.Iterations++
		if !gained {
			o.look()
		}
		level.Converged = !gained || share*most < cageShortest || before-last < cageGain*float64(len(o.at))
	}
	level.End = o.explained()
	return level, true
}

// at returns u at a point of the template's world; beyond the lattice, that of
// its nearest point.
func (g *cage) at(p voxel.Vec) (u voxel.Vec) {
	var cell [3]int
	var w [3][4]float64
	origin := g.o.lattice.World(0, 0, 0)
	for a := range p {
		v := (p[a] - origin[a]) / knotWidth
		v = min(max(v, 0), float64(g.o.lattice.Dim[a]-1)/knotPoints)
		cell[a] = min(int(v), g.dim[a]-4)
		w[a] = splineWeights(v - float64(cell[a]))
	}
	for k := range 4 {
		for j := range 4 {
			n := cell[0] + g.dim[0]*(cell[1]+j+g.dim[1]*(cell[2]+k))
			q := w[1][j] * w[2][k]
			for a := range u {
				s := g.c[a][n:]
				u[a] += q * (w[0][0]*s[0] + w[0][1]*s[1] + w[0][2]*s[2] + w[0][3]*s[3])
			}
		}
	}
	return u
}
