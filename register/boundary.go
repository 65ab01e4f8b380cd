package register

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// BoundaryOptions set how [Boundary] works. The zero value is the default.
type BoundaryOptions struct {
	// Grey is the share of grey matter in the world of white, on any grid. If
	// given, only the border with grey matter counts: fluid on the other side
	// may look like anything. Nil: the whole border.
	Grey *voxel.Image
	// Offset is how far from the border, on either side, the image is looked
	// at [mm]. 0: 2.
	Offset float64
	// Slope is the weight of one percent of contrast inside the hyperbolic
	// tangent. 0: one over the median contrast at the start, but no less
	// than 0.01 and no more than 0.5.
	Slope float64
	// Most is the mean displacement of the border from the start [mm] above
	// which the result is not trusted. 0: 4.
	Most    float64
	Workers int // 0: one per CPU; no effect on the result
}

// A BoundaryResult is an estimated transform and what a caller needs to trust
// it.
type BoundaryResult struct {
	Transform voxel.Affine // fixed world → moving world; the start if Reason is set

	Points   int     // of the border that lie within the fixed image
	Contrast float64 // median of grey minus white at Transform [percent of their mean]; negative where white is brighter
	Start    float64 // cost at the start: 1 where nothing is recognised, 0 at best
	Cost     float64 // cost at Transform
	// Around is the least cost of 12 poses displaced by 2 mm, along each axis
	// and, at the border's mean distance from its middle, around it.
	Around float64
	Moved  float64 // mean displacement of the border from the start [mm]
	Reason string  // why the start is returned, or empty
}

// OK reports whether the border was found.
func (r *BoundaryResult) OK() bool { return r.Reason == "" }

const (
	mostBorder  = 20000 // points of the border that are used
	fewBorder   = 3000  // and in the first search
	leastBorder = 500   // below which nothing is estimated
)

// Boundary returns the rigid map from the world of fixed, a scan of low
// resolution and any contrast between grey and white matter, to the world of
// white, the share of white matter in a T1-weighted image of the same person.
// It begins at start, fixed world → moving world, which must be right within
// some 3 mm, and maximises the contrast of fixed across the border of the white
// matter:
//
//	Q(p) = 100·(f(p − dn) − f(p + dn)) / ½(f(p − dn) + f(p + dn))
//	cost = mean over p of ½(1 − tanh(s·m·Q(p)))
//
// with p the points where white crosses ½, each weighed by the area that it
// stands for, n the normal into white matter, d the offset, m the slope, and s
// the sign of the median of Q at the start: +1 where grey matter is brighter,
// as in an M0 image or a perfusion-weighted one. f is interpolated by cubic
// B-splines.
//
// Where the border is not found (too few points within the image, a contrast of
// less than 5 % at the start, a cost that is no lower than that of poses 2 mm
// away, a displacement of more than Most) the start is returned and Reason says
// why.
//
// It may follow every [Rigid]. The gain is large for perfusion-weighted images,
// whose contrast is large and in which Rigid finds little, and small for M0 and
// control images: docs/methods/registration.md has the numbers.
//
// Source: Greve and Fischl 2009, NeuroImage 48:63,
// doi:10.1016/j.neuroimage.2009.06.060. There the surfaces come from
// FreeSurfer, the slope is 0.5 and the cost is twice ours.
func Boundary(fixed, white *voxel.Image, start voxel.Affine, opt BoundaryOptions) BoundaryResult {
	nan := math.NaN()
	res := BoundaryResult{Transform: start, Contrast: nan, Start: nan, Cost: nan, Around: nan, Moved: nan}
	if len(fixed.Data) != fixed.Len() || len(white.Data) != white.Len() || opt.Grey != nil && len(opt.Grey.Data) != opt.Grey.Len() {
		panic("register: Boundary: an image's length differs from its grid's")
	}
	if opt.Offset == 0 {
		opt.Offset = 2
	}
	if opt.Most == 0 {
		opt.Most = 4
	}
	size := fixed.Spacing()
	if !start.Invertible() || !fixed.Affine.Invertible() || !white.Affine.Invertible() || !(min(size[0], size[1], size[2]) > 1e-3) || max(size[0], size[1], size[2]) > 1e3 {
		res.Reason = "a transform or a grid is singular or absurd"
		return res
	}
	points := border(white, opt.Grey, opt.Offset, mostBorder, opt.Workers)
	if len(points) < leastBorder {
		res.Reason = fmt.Sprintf("the white matter has a border of only %d points", len(points))
		return res
	}
	b := newEdges(fixed, points, start, opt)
	q, weight := b.contrasts(b.pose([6]float64{}))
	res.Points = len(q)
	if 4*len(q) < len(points) || len(q) < leastBorder {
		res.Reason = fmt.Sprintf("only %d of %d points of the border lie within the image", len(q), len(points))
		return res
	}
	middle := weightedMedian(q, weight)
	if b.sign = 1; middle < 0 {
		b.sign = -1
	}
	if !(math.Abs(middle) >= leastContrast) {
		res.Contrast = middle
		res.Reason = fmt.Sprintf("grey and white matter differ by only %.1f %%", math.Abs(middle))
		return res
	}
	b.slope = opt.Slope
	if b.slope == 0 {
		b.slope = min(max(1/math.Abs(middle), 0.01), 0.5)
	}
	var zero [6]float64
	res.Start = b.cost(zero)
	theta := b.search(zero)
	res.Cost = b.cost(theta)
	pose := b.pose(theta)
	q, weight = b.contrasts(pose)
	if len(q) < leastBorder {
		res.Reason = "the border left the image"
		return res
	}
	res.Contrast = weightedMedian(q, weight)
	res.Around = math.Inf(1)
	for i := range 12 {
		near := theta
		near[i/2] += 2 - 4*float64(i%2)
		res.Around = min(res.Around, b.cost(near))
	}
	t := pose.Inverse()
	res.Moved = 0
	for _, p := range points {
		res.Moved += voxel.Distance(p.at, b.moved(theta).Map(p.at)) / float64(len(points))
	}
	switch {
	case !t.Invertible():
		res.Reason = "no pose was found"
	case !(res.Cost < res.Around):
		res.Reason = "poses 2 mm away match as well"
	case !(1-res.Cost/res.Around >= leastEdge):
		res.Reason = fmt.Sprintf("poses 2 mm away match nearly as well (cost %.3f and %.3f)", res.Cost, res.Around)
	case !(res.Moved <= opt.Most):
		res.Reason = fmt.Sprintf("the border moved by %.1f mm from where it was before", res.Moved)
	case float64(b.sign)*res.Contrast <= 0:
		res.Reason = "the contrast between grey and white matter changed its sign"
	default:
		res.Transform = t
	}
	return res
}

// leastContrast is the contrast [percent] below which a border is a matter of
// what lies around it: in simulated scans of less than that the result was two
// to four times as far from the truth as that of mutual information.
const leastContrast = 5

// leastEdge is the share by which the cost must lie below that of poses 2 mm
// away; docs/methods/registration.md says how it was set.
const leastEdge = 0.01

// A borderPoint is a place on the border of the white matter.
type borderPoint struct {
	at     voxel.Vec // [mm]
	normal voxel.Vec // into white matter, times the offset [mm]
	weight float64
}

// border returns at most about most points where white crosses ½, and on whose
// two sides there is, at the offset, white matter and (if grey is given) grey
// matter.
func border(white, grey *voxel.Image, offset float64, most, workers int) []borderPoint {
	size := white.Spacing()
	w := voxel.Smooth(white, 1.5*math.Cbrt(size[0]*size[1]*size[2]), workers)
	inside := voxel.NewSampler(w, voxel.Linear)
	var outside *voxel.Sampler
	if grey != nil {
		outside = voxel.NewSampler(grey, voxel.Linear)
	}
	inv := white.Affine.Inverse()
	stride := [3]int{1, w.Dim[0], w.Dim[0] * w.Dim[1]}
	slope := func(n int, at [3]int) (g voxel.Vec) {
		for a := range 3 {
			if at[a] == 0 || at[a] == w.Dim[a]-1 {
				return voxel.Vec{math.NaN()}
			}
			g[a] = float64(w.Data[n+stride[a]]-w.Data[n-stride[a]]) / 2
		}
		return g
	}
	slices3 := make([][]borderPoint, w.Dim[2])
	par.Do(workers, w.Dim[2], func(k int) {
		for j := range w.Dim[1] {
			for i := range w.Dim[0] {
				at := [3]int{i, j, k}
				n := w.Index(i, j, k)
				v := float64(w.Data[n]) - 0.5
				for a := range 3 {
					if at[a] == w.Dim[a]-1 {
						continue
					}
					u := float64(w.Data[n+stride[a]]) - 0.5
					if !(v*u < 0) {
						continue
					}
					f := v / (v - u)
					next := at
					next[a]++
					g0, g1 := slope(n, at), slope(n+stride[a], next)
					var g, p voxel.Vec // slope and place, in voxels
					for c := range 3 {
						g[c] = (1-f)*g0[c] + f*g1[c]
						p[c] = float64(at[c])
					}
					p[a] += f
					// The slope in the world is that in voxels times the inverse
					// transposed.
					var normal voxel.Vec
					for c := range 3 {
						normal[c] = g[0]*inv[0][c] + g[1]*inv[1][c] + g[2]*inv[2][c]
					}
					length := math.Sqrt(normal[0]*normal[0] + normal[1]*normal[1] + normal[2]*normal[2])
					if !(length > 0.02) { // per mm: no border to speak of
						continue
					}
					// A surface crosses the lines between voxels more often where
					// it lies askew: |nx| + |ny| + |nz| times for each voxel's face.
					var faces float64
					for c := range 3 {
						faces += math.Abs(g[c])
					}
					q := borderPoint{at: w.Affine.Map(p), weight: length / faces}
					for c := range 3 {
						q.normal[c] = offset * normal[c] / length
					}
					if !(inside.At(plus(q.at, q.normal, 1)) >= 0.5) {
						continue
					}
					if outside != nil && !(outside.At(plus(q.at, q.normal, -1)) >= 0.5) {
						continue
					}
					slices3[k] = append(slices3[k], q)
				}
			}
		}
	})
	return thinned(slices.Concat(slices3...), most)
}

// thinned returns every so-many-th of v, so that about most are left.
func thinned(v []borderPoint, most int) []borderPoint {
	if len(v) <= most {
		return v
	}
	out := make([]borderPoint, most)
	for i := range out {
		out[i] = v[i*len(v)/most]
	}
	return out
}

func plus(p, d voxel.Vec, f float64) voxel.Vec {
	return voxel.Vec{p[0] + f*d[0], p[1] + f*d[1], p[2] + f*d[2]}
}

// edges are the points of a border in an image.
type edges struct {
	img     *voxel.Image // at twice the resolution
	toVoxel voxel.Affine // world of img → its voxels
	start   voxel.Affine // world of the border → world of img
	points  []borderPoint
	centre  voxel.Vec
	radius  float64 // [mm]
	floor   float64 // least mean of two values that a contrast is taken of
	sign    int
	slope   float64
	workers int
}

func newEdges(fixed *voxel.Image, points []borderPoint, start voxel.Affine, opt BoundaryOptions) *edges {
	size := fixed.Spacing()
	for a := range size {
		size[a] = max(size[a]/2, min(size[a], 1))
	}
	b := &edges{
		img: voxel.Resample(fixed, fixed.Grid.WithSpacing(size), nil, voxel.Cubic, opt.Workers), start: start.Inverse(),
		points: points, workers: opt.Workers,
	}
	b.toVoxel = b.img.Affine.Inverse()
	for _, p := range points {
		b.centre = plus(b.centre, p.at, 1/float64(len(points)))
	}
	for _, p := range points {
		b.radius += voxel.Distance(p.at, b.centre) / float64(len(points))
	}
	_, hi := limits(fixed.Data, 0.02, 0.98)
	b.floor = max(0.02*math.Abs(float64(hi)), 1e-30)
	return b
}

// moved returns the rigid displacement of the border by theta: three shifts
// [mm] and three turns about the middle [mm at the mean distance from it].
func (b *edges) moved(theta [6]float64) voxel.Affine {
	turn := voxel.Rotation(voxel.Vec{theta[3] / b.radius, theta[4] / b.radius, theta[5] / b.radius}).About(b.centre)
	return voxel.Translation(voxel.Vec(theta[:3])).Mul(turn)
}

// pose returns the map from the world of the border to that of the image.
func (b *edges) pose(theta [6]float64) voxel.Affine { return b.start.Mul(b.moved(theta)) }

// piece is how many points one goroutine looks at in one go.
const piece = 2048

// contrasts returns Q at the points within the image, and their weights.
func (b *edges) contrasts(pose voxel.Affine) (q, weight []float64) {
	for i := range b.points {
		if v, ok := b.contrast(i, b.toVoxel.Mul(pose)); ok {
			q, weight = append(q, v), append(weight, b.points[i].weight)
		}
	}
	return q, weight
}

// contrast returns Q at point i, of which m gives the voxels.
func (b *edges) contrast(i int, m voxel.Affine) (float64, bool) {
	p := &b.points[i]
	in, ok := b.value(m.Map(plus(p.at, p.normal, 1)))
	out, also := b.value(m.Map(plus(p.at, p.normal, -1)))
	if !ok || !also {
		return 0, false
	}
	return 100 * (out - in) / max((out+in)/2, b.floor), true
}

// value returns the image at v, in voxels, interpolated linearly, and whether
// it has one there.
func (b *edges) value(v voxel.Vec) (float64, bool) {
	d := &b.img.Dim
	if !(v[0] >= 0 && v[1] >= 0 && v[2] >= 0 && v[0] < float64(d[0]-1) && v[1] < float64(d[1]-1) && v[2] < float64(d[2]-1)) {
		return 0, false
	}
	i, j, k := int(v[0]), int(v[1]), int(v[2])
	x, y, z := v[0]-float64(i), v[1]-float64(j), v[2]-float64(k)
	n := i + d[0]*(j+d[1]*k)
	row := func(n int) float64 {
		return (1-x)*float64(b.img.Data[n]) + x*float64(b.img.Data[n+1])
	}
	up := d[0] * d[1]
	f := (1-z)*((1-y)*row(n)+y*row(n+d[0])) + z*((1-y)*row(n+up)+y*row(n+up+d[0]))
	return f, f-f == 0
}

// cost returns the cost at theta, +Inf if fewer than half the points that there
// should be lie within the image.
func (b *edges) cost(theta [6]float64) float64 {
	m := b.toVoxel.Mul(b.pose(theta))
	pieces := (len(b.points) + piece - 1) / piece
	sums := make([][2]float64, pieces)
	counts := make([]int, pieces)
	par.Do(b.workers, pieces, func(k int) {
		for i := k * piece; i < min((k+1)*piece, len(b.points)); i++ {
			q, ok := b.contrast(i, m)
			if !ok {
				continue
			}
			w := b.points[i].weight
			sums[k][0] += w * 0.5 * (1 - math.Tanh(float64(b.sign)*b.slope*q))
			sums[k][1] += w
			counts[k]++
		}
	})
	var sum, weight float64
	count := 0
	for k := range sums {
		sum, weight, count = sum+sums[k][0], weight+sums[k][1], count+counts[k]
	}
	if 8*count < len(b.points) {
		return math.Inf(1)
	}
	return sum / weight
}

// search returns the theta of least cost near zero: the best of 729 poses 2 mm
// apart with few points, then descent with all, from there and from zero.
func (b *edges) search(zero [6]float64) [6]float64 {
	few := *b
	few.points = thinned(b.points, fewBorder)
	few.workers = 1
	costs := make([]float64, 729)
	at := func(n int) (theta [6]float64) {
		for a := range theta {
			theta[a] = 2 * float64(n%3-1)
			n /= 3
		}
		return theta
	}
	par.Do(b.workers, len(costs), func(n int) { costs[n] = few.cost(at(n)) })
	best := descend(b.cost, zero)
	least := b.cost(best)
	if n := rising(costs)[0]; at(n) != zero {
		if other := descend(b.cost, at(n)); b.cost(other) < least {
			best = other
		}
	}
	return best
}

// descend returns a minimum of cost near x, to about 0.01 in each coordinate,
// by BFGS with differences for the slope (Nocedal and Wright 2006,
// doi:10.1007/978-0-387-40065-5, algorithm 6.1).
func descend(cost func([6]float64) float64, x [6]float64) [6]float64 {
	const n, step = 6, 0.1 // [mm]
	slope := func(x [n]float64) (g [n]float64) {
		for i := range g {
			up, down := x, x
			up[i] += step
			down[i] -= step
			g[i] = (cost(up) - cost(down)) / (2 * step)
		}
		return g
	}
	f, g := cost(x), slope(x)
	var h [n][n]float64 // inverse curvature
	reset := func() {
		norm := 0.
		for _, v := range g {
			norm += v * v
		}
		h = [n][n]float64{}
		for i := range h {
			h[i][i] = 0.5 / math.Sqrt(norm+1e-30) // a first step of half a mm
		}
	}
	reset()
	for range 60 {
		var d [n]float64
		var down, longest float64
		for i := range d {
			for j := range g {
				d[i] -= h[i][j] * g[j]
			}
			down += d[i] * g[i]
			longest = max(longest, math.Abs(d[i]))
		}
		if !(down < 0) {
			break
		}
		t := min(1, 2/longest)
		next, value := x, f
		for ; t*longest > 0.002; t /= 2 {
			for i := range next {
				next[i] = x[i] + t*d[i]
			}
			if value = cost(next); value <= f+1e-4*t*down {
				break
			}
		}
		if !(value < f) || t*longest <= 0.002 {
			break
		}
		old := g
		g = slope(next)
		var s, y [n]float64
		var sy float64
		for i := range s {
			s[i], y[i] = next[i]-x[i], g[i]-old[i]
			sy += s[i] * y[i]
		}
		x, f = next, value
		if t*longest < 0.01 {
			break
		}
		if sy <= 1e-12 {
			reset()
			continue
		}
		var hy [n]float64
		var yhy float64
		for i := range hy {
			for j := range y {
				hy[i] += h[i][j] * y[j]
			}
			yhy += y[i] * hy[i]
		}
		for i := range h {
			for j := range h {
				h[i][j] += (1+yhy/sy)*s[i]*s[j]/sy - (hy[i]*s[j]+s[i]*hy[j])/sy
			}
		}
	}
	return x
}

// weightedMedian returns the value below which half the weight lies.
func weightedMedian(v, w []float64) float64 {
	var total float64
	for _, x := range w {
		total += x
	}
	var sum float64
	for _, i := range rising(v) {
		if sum += w[i]; 2*sum >= total {
			return v[i]
		}
	}
	return math.NaN()
}
