package tissue

import (
	"math"

	"phasl/internal/par"
)

// A spline is a scalar field over the voxels of a grid: a tensor product of
// uniform cubic B-splines between lo and hi along each axis of the array,
// constant along an axis beyond them.
type spline struct {
	axis [3]splineAxis
	coef []float64 // first axis fastest; spans + 3 along each axis
}

// A splineAxis divides lo to hi [voxels] into equal spans.
type splineAxis struct {
	lo, hi float64
	spans  int
}

// place returns the first of the four coefficients that matter at x [voxels],
// and their weights.
func (a splineAxis) place(x float64) (first int, w [4]float64) {
	u := 0.0
	if a.hi > a.lo {
		u = min(max((x-a.lo)/(a.hi-a.lo), 0), 1) * float64(a.spans)
	}
	first = min(int(u), a.spans-1)
	t := u - float64(first)
	s := 1 - t
	return first, [4]float64{s * s * s / 6, (4 - 6*t*t + 3*t*t*t) / 6, (4 - 6*s*s + 3*s*s*s) / 6, t * t * t / 6}
}

func newSpline(axis [3]splineAxis) *spline {
	s := &spline{axis: axis}
	s.coef = make([]float64, s.size(0)*s.size(1)*s.size(2))
	return s
}

func (s *spline) size(a int) int { return s.axis[a].spans + 3 }

// refine halves the spans along the axes named; the field stays what it was.
//
// Source: Catmull and Clark 1978, Comput Aided Des 10:350,
// doi:10.1016/0010-4485(78)90110-0 (the knot halving of cubic B-splines).
func (s *spline) refine(half [3]bool) *spline {
	cur := s
	for a, yes := range half {
		if !yes {
			continue
		}
		axis := cur.axis
		axis[a].spans *= 2
		next := newSpline(axis)
		stride := 1
		for b := range a {
			stride *= cur.size(b)
		}
		n, m := cur.size(a), next.size(a)
		for outer := range len(cur.coef) / (n * stride) {
			for inner := range stride {
				c := func(i int) float64 { return cur.coef[inner+stride*(i+n*outer)] }
				for i := range m {
					v := 0.0
					// Coefficient i of the new lattice sits at half of i − 1 of the
					// old one's spans.
					if h := (i + 1) / 2; i%2 == 0 {
						v = (c(h) + c(h+1)) / 2
					} else {
						v = (c(h-1) + 6*c(h) + c(h+1)) / 8
					}
					next.coef[inner+stride*(i+m*outer)] = v
				}
			}
		}
		cur = next
	}
	return cur
}

// A splineGrid evaluates and fits splines of one lattice at the points of a
// regular grid. All sums run along one axis after the other, so that a point
// costs some 4 + 4 + 4 products, not 64.
type splineGrid struct {
	axis  [3]splineAxis
	dim   [3]int
	first [3][]int
	w     [3][][4]float64
}

// newSplineGrid takes the positions of the points along each axis [voxels].
func newSplineGrid(axis [3]splineAxis, at [3][]float64) *splineGrid {
	g := &splineGrid{axis: axis}
	for a, list := range at {
		g.dim[a] = len(list)
		for _, x := range list {
			f, w := axis[a].place(x)
			g.first[a] = append(g.first[a], f)
			g.w[a] = append(g.w[a], w)
		}
	}
	return g
}

// rows calls fn for each row of points, first axis fastest, with the field
// along it. The slice is reused.
func (g *splineGrid) rows(s *spline, workers int, fn func(j, k int, field []float64)) {
	nx, ny := s.size(0), s.size(1)
	plane := nx * ny
	par.Do(workers, g.dim[2], func(k int) {
		mid, line, out := make([]float64, plane), make([]float64, nx), make([]float64, g.dim[0])
		f, w := g.first[2][k], g.w[2][k]
		for c := range mid {
			n := c + plane*f
			mid[c] = w[0]*s.coef[n] + w[1]*s.coef[n+plane] + w[2]*s.coef[n+2*plane] + w[3]*s.coef[n+3*plane]
		}
		for j := range g.dim[1] {
			f, w := g.first[1][j], g.w[1][j]
			for c := range line {
				n := c + nx*f
				line[c] = w[0]*mid[n] + w[1]*mid[n+nx] + w[2]*mid[n+2*nx] + w[3]*mid[n+3*nx]
			}
			for i := range out {
				v, w := line[g.first[0][i]:][:4], &g.w[0][i]
				out[i] = w[0]*v[0] + w[1]*v[1] + w[2]*v[2] + w[3]*v[3]
			}
			fn(j, k, out)
		}
	})
}

// project returns Σ v(p) w_c(p)^power over the points p for each coefficient c.
func (g *splineGrid) project(v []float64, power int, workers int) []float64 {
	var w [3][][4]float64
	for a := range 3 {
		w[a] = make([][4]float64, len(g.w[a]))
		for i, q := range g.w[a] {
			for c := range q {
				w[a][i][c] = math.Pow(q[c], float64(power))
			}
		}
	}
	nx, ny, nz := g.axis[0].spans+3, g.axis[1].spans+3, g.axis[2].spans+3
	plane := nx * ny
	slices := make([]float64, plane*g.dim[2])
	par.Do(workers, g.dim[2], func(k int) {
		sum, line := slices[plane*k:][:plane], make([]float64, nx)
		for j := range g.dim[1] {
			clear(line)
			for i, x := range v[g.dim[0]*(j+g.dim[1]*k):][:g.dim[0]] {
				if x == 0 {
					continue
				}
				l, q := line[g.first[0][i]:][:4], &w[0][i]
				l[0], l[1], l[2], l[3] = l[0]+x*q[0], l[1]+x*q[1], l[2]+x*q[2], l[3]+x*q[3]
			}
			for c, q := range w[1][j] {
				row := sum[nx*(g.first[1][j]+c):][:nx]
				for i, x := range line {
					row[i] += x * q
				}
			}
		}
	})
	out := make([]float64, plane*nz)
	for k := range g.dim[2] {
		for c, q := range w[2][k] {
			dst := out[plane*(g.first[2][k]+c):][:plane]
			for i, x := range slices[plane*k:][:plane] {
				dst[i] += x * q
			}
		}
	}
	return out
}

// A splineFit approximates scattered data by splines of one lattice:
//
//	coef_c = Σ_p m w_c² φ_c / Σ_p m w_c²,  φ_c = w_c v / Σ_d w_d²
//
// over the points p of weight m with value v, where φ_c is what coefficient c
// would be if p were alone. Coefficients no point reaches are 0.
//
// Source: Lee, Wolberg and Shin 1997, IEEE Trans Vis Comput Graph 3:228,
// doi:10.1109/2945.620490, eq. 3 to 5.
type splineFit struct {
	*splineGrid
	m       []float64 // weight of each point over Σ_d w_d²
	den     []float64 // Σ m w_c² of each coefficient
	workers int
}

func newSplineFit(g *splineGrid, weight []float64, workers int) *splineFit {
	f := &splineFit{splineGrid: g, m: make([]float64, len(weight)), den: g.project(weight, 2, workers), workers: workers}
	var square [3][]float64
	for a := range 3 {
		for _, q := range g.w[a] {
			square[a] = append(square[a], q[0]*q[0]+q[1]*q[1]+q[2]*q[2]+q[3]*q[3])
		}
	}
	for n, w := range weight {
		i, jk := n%g.dim[0], n/g.dim[0]
		f.m[n] = w / (square[0][i] * square[1][jk%g.dim[1]] * square[2][jk/g.dim[1]])
	}
	return f
}

// fit returns the spline that approximates v. It overwrites v.
func (f *splineFit) fit(v []float64) *spline {
	for n, m := range f.m {
		v[n] *= m
	}
	s := newSpline(f.axis)
	for c, x := range f.project(v, 3, f.workers) {
		if f.den[c] > 0 {
			s.coef[c] = x / f.den[c]
		}
	}
	return s
}
