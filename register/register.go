package register

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// Rigid returns the rotation and translation that map fixed's world to
// moving's. It panics if a mask's shape is not its image's.
func Rigid(fixed, moving *voxel.Image, opt Options) Result {
	return estimate(fixed, moving, rigidModel, opt)
}

// Affine returns the 12-parameter affine transform that maps fixed's world to
// moving's: a search over rotation, translation and size, then all twelve. It
// panics if a mask's shape is not its image's.
func Affine(fixed, moving *voxel.Image, opt Options) Result {
	return estimate(fixed, moving, affineModel, opt)
}

// A level is one step from coarse to fine.
type level struct {
	width  float64 // resolution [mm]
	points int     // samples at most
	search search
}

// middle is the resolution [mm] between coarse and finest.
const middle = 5.0

// levels returns the steps after the coarse search for images whose finest
// common resolution is finest [mm].
func levels(finest float64) []level {
	return []level{
		{width: middle, points: 25000, search: search{iterations: 30, tolerance: 0.05, longest: 6, overlap: 0.3}},
		{width: finest, points: 120000, search: search{iterations: 40, tolerance: 0.004, longest: 3, overlap: 0.3}},
	}
}

func estimate(fixed, moving *voxel.Image, m model, opt Options) Result {
	checkShapes(fixed, opt.FixedMask, "fixed")
	checkShapes(moving, opt.MovingMask, "moving")
	metric := opt.Metric
	if metric == MetricAuto {
		metric = MutualInformation
	}
	res := Result{Transform: voxel.Identity(), Metric: metric, Value: math.NaN()}
	if opt.Init != nil {
		res.Transform = *opt.Init
	}
	progress := opt.Progress
	if progress == nil {
		progress = func(float64) {}
	}
	if opt.Init != nil && !opt.Init.Invertible() {
		res.Reason = "the initial transform is singular or not finite"
		return res
	}
	a, b := newHead(fixed, opt.FixedMask, opt.Workers), newHead(moving, opt.MovingMask, opt.Workers)
	progress(0.1)
	for _, h := range []struct {
		name string
		*head
	}{{"fixed", a}, {"moving", b}} {
		if h.fault != "" {
			res.Reason = fmt.Sprintf("the %s image %s", h.name, h.fault)
			return res
		}
	}
	e, swap := newEstimator(a, b, metric, opt)
	init := opt.Init
	if swap {
		if init != nil {
			inv := init.Inverse()
			init = &inv
		}
	}
	t := e.run(m, init, opt.Local, &res, progress)
	if !t.Invertible() {
		res.Converged = false
		res.Reason = "no pose was found in which the images overlap"
		progress(1)
		return res
	}
	res.Quality = e.quality(t)
	if swap {
		t = t.Inverse()
		res.Quality.Size = 1 / res.Quality.Size
	}
	res.Transform = t
	res.Overlap = res.Quality.Overlap
	res.Reason = res.Quality.Fault()
	if res.Reason == "" && !res.Converged {
		res.Reason = "the optimiser did not converge"
	}
	progress(1)
	return res
}

func checkShapes(img *voxel.Image, mask *voxel.Mask, name string) {
	if len(img.Data) != img.Len() {
		panic("register: " + name + " image: length differs from its grid's")
	}
	if mask != nil && mask.Dim != img.Dim {
		panic("register: " + name + " mask: shape differs from its image's")
	}
}

// An estimator registers the image that gives samples to the interpolated one.
type estimator struct {
	from, to *head
	metric   Metric
	seed     uint64
	workers  int
	bare     bool
}

// objective returns the cost at a resolution.
func (e *estimator) objective(width float64, points, workers int) *objective {
	spacing := max(width, 1)
	if width < coarse && e.from.stripped != e.to.stripped && XN {
		for _, h := range []*head{e.from, e.to} {
			if h.stripped {
				c := h.img.Clone()
				lo, _ := limits(c.Data, 0, 1)
				for n, v := range c.Data {
					if v == lo {
						c.Data[n] = float32(math.NaN())
					}
				}
				h.img = c
				h.stripped = false
				if h == e.to {
					e.from.stripped = false
				}
				e.to.stripped = false
			}
		}
	}
	from := newVolume(e.from.img, nil, width, spacing, workers)
	region := e.from.region
	if e.from.mask != nil {
		region = e.from.mask
	} else if width < coarse {
		region = voxel.NewMask(from.Grid)
		for n, v := range from.data {
			region.In[n] = v > e.from.threshold
		}
		mg := xmargin
		if e.bare {
			mg = 0
		}
		region = dilate(region, mg)
	}
	to := newVolume(e.to.img, e.to.mask, width, spacing, workers)
	c := newCloud(from, region, points, e.seed)
	return newObjective(c, to, e.likeness(c, to), workers)
}

func (e *estimator) likeness(c *cloud, to *volume) likeness {
	if e.metric == Correlation {
		return newCorrelation(c.f)
	}
	flo, fhi := limits(c.f, 0.002, 0.998)
	mlo, mhi := limits(to.data, 0.001, 0.999)
	if !(fhi > flo) {
		fhi = flo + 1
	}
	if !(mhi > mlo) {
		mhi = mlo + 1
	}
	return newMutual(c.f, flo, fhi, mlo, mhi)
}

func (e *estimator) run(m model, init *voxel.Affine, local bool, res *Result, progress func(float64)) voxel.Affine {
	first := rigidModel
	if m == affineModel {
		first = similarityModel
	}
	base := e.objective(coarse, 8000, 1)
	if base.points.len() < 64 {
		return voxel.Affine{}
	}
	centre := base.points.centre
	starts := e.starts(centre, init, local, m)
	res.Starts = len(starts)
	score := make([]float64, len(starts))
	pool := make(chan *objective, par.Workers(e.workers))
	for range cap(pool) {
		pool <- newObjective(base.points, base.moving, e.likeness(base.points, base.moving), 1)
	}
	par.Do(e.workers, len(starts), func(i int) {
		o := <-pool
		score[i] = o.bounded(starts[i], 0.3) * o.overlap()
		pool <- o
	})
	order := make([]int, len(starts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return compare(score[i], score[j]) })
	var chosen []voxel.Affine
	for _, i := range order {
		if math.IsInf(score[i], 0) || score[i] != score[i] || len(chosen) == 10 {
			continue
		}
		near := slices.ContainsFunc(chosen, func(p voxel.Affine) bool {
			return base.meanDisplacement(p, starts[i]) < 12
		})
		if !near {
			chosen = append(chosen, starts[i])
		}
	}
	res.Refined = len(chosen)
	found := make([]minimum, len(chosen))
	rank := make([]float64, len(chosen))
	par.Do(e.workers, len(chosen), func(i int) {
		o := <-pool
		found[i] = o.minimise(first, chosen[i], search{iterations: 30, tolerance: 0.3, longest: 12, overlap: 0.3})
		o.value(found[i].at)
		rank[i] = found[i].cost * o.overlap()
		pool <- o
	})
	progress(0.4)
	if len(found) == 0 {
		return voxel.Affine{}
	}
	order = order[:0]
	for i := range found {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(i, j int) int { return compare(rank[i], rank[j]) })
	// The coarse images of a roundish head match in several poses: the best
	// few that differ are compared at the next resolution.
	const few = 3
	var distinct []int
	for _, i := range order {
		if len(distinct) < few && !math.IsInf(rank[i], 0) && !slices.ContainsFunc(distinct, func(j int) bool {
			return base.meanDisplacement(found[i].at, found[j].at) < 8
		}) {
			distinct = append(distinct, i)
		}
	}
	if len(distinct) == 0 {
		return voxel.Affine{}
	}
	best := found[distinct[0]]
	if len(distinct) > 1 {
		mid := e.objective(middle, 15000, e.workers)
		if mid.points.len() < 64 {
			return voxel.Affine{}
		}
		shift := voxel.Translation(voxel.Vec{mid.points.centre[0] - centre[0], mid.points.centre[1] - centre[1], mid.points.centre[2] - centre[2]})
		score := make([]float64, len(distinct))
		par.Do(e.workers, len(distinct), func(i int) {
			o := newObjective(mid.points, mid.moving, e.likeness(mid.points, mid.moving), 1)
			got := o.minimise(m, found[distinct[i]].at.Mul(shift), search{iterations: 25, tolerance: 0.2, longest: 6, overlap: 0.3})
			o.value(got.at)
			score[i] = got.cost * o.overlap()
		})
		winner := 0
		for i, v := range score {
			if v < score[winner] {
				winner = i
			}
		}
		best = found[distinct[winner]]
	}
	for _, f := range found {
		if base.meanDisplacement(f.at, best.at) < 5 {
			res.Agreeing++
		}
	}
	res.Iterations = best.iterations
	// From here on x̃ is relative to another centre at each level: keep the
	// transform in world coordinates.
	t := best.at.Mul(voxel.Translation(negative(centre)))
	if e.from.stripped && e.from.mask == nil {
		e.bare = e.shell(t) > 0.3
	}
	var shade shading
	steps := levels(e.finest())
	for n, l := range steps {
		o := e.objective(l.width, l.points, e.workers)
		if o.points.len() < 64 {
			return voxel.Affine{}
		}
		o.correct(e, shade)
		got := o.minimise(m, t.Mul(voxel.Translation(o.points.centre)), l.search)
		if XF > 0 {
			shade = e.estimateShading(o, got.at)
			if n == len(steps)-1 && XF > 1 {
				o.correct(e, shade)
				it := got.iterations
				got = o.minimise(m, got.at, l.search)
				got.iterations += it
			}
		}
		t = got.at.Mul(voxel.Translation(negative(o.points.centre)))
		res.Iterations += got.iterations
		res.Converged = got.converged
		res.Value = -got.cost
		progress(0.4 + 0.5*float64(n+1)/float64(len(steps)))
	}
	return t
}

// finest returns the resolution [mm] of the last level.
func (e *estimator) finest() float64 {
	a, b := e.from.img.Spacing(), e.to.img.Spacing()
	mean := func(s voxel.Vec) float64 { return math.Cbrt(s[0] * s[1] * s[2]) }
	return XW * max(mean(a), mean(b), 2)
}

// starts returns the poses to try: translations that match headers, centres of
// mass or grids, each turned.
func (e *estimator) starts(centre voxel.Vec, init *voxel.Affine, local bool, m model) []voxel.Affine {
	base := voxel.Identity()
	if init != nil {
		base = *init
	}
	goal := base.Map(centre)
	lin := linear(base)
	pose := func(r voxel.Vec, scale float64, to voxel.Vec) voxel.Affine {
		p := voxel.Rotation(r).Mul(scaled(lin, scale))
		for a := range 3 {
			p[a][3] = to[a]
		}
		return p
	}
	if local {
		return []voxel.Affine{pose(voxel.Vec{}, 1, goal)}
	}
	targets := []voxel.Vec{goal}
	add := func(p voxel.Vec) {
		for _, q := range targets {
			if voxel.Distance(p, q) < 6 {
				return
			}
		}
		targets = append(targets, p)
	}
	move := func(from, to voxel.Vec, up float64) voxel.Vec {
		d := lin.Map(voxel.Vec{centre[0] - from[0], centre[1] - from[1], centre[2] - from[2]})
		return voxel.Vec{to[0] + d[0], to[1] + d[1], to[2] + d[2] + up}
	}
	for _, up := range []float64{0, 25, -25, 50, -50} {
		add(move(e.from.mass, e.to.mass, up))
	}
	add(move(e.from.img.Centre(), e.to.img.Centre(), 0))
	scales := []float64{1}
	if m == affineModel {
		scales = []float64{1, 0.87, 1.15}
	}
	const turn = 25 * math.Pi / 180
	var out []voxel.Affine
	for _, to := range targets {
		for _, s := range scales {
			for n := range 27 {
				r := voxel.Vec{turn * wing(n%3), turn * wing(n/3%3), turn * wing(n/9)}
				out = append(out, pose(r, s, to))
			}
		}
	}
	return out
}

// wing returns 0, 1, −1 for 0, 1, 2: the pose not turned comes first.
func wing(n int) float64 { return [3]float64{0, 1, -1}[n] }

func negative(v voxel.Vec) voxel.Vec { return voxel.Vec{-v[0], -v[1], -v[2]} }

// compare orders numbers, NaN last.
func compare(a, b float64) int {
	switch {
	case a < b || a == a && b != b:
		return -1
	case b < a || b == b && a != a:
		return 1
	}
	return 0
}

var xmargin = 12.0

var XN = false

func (e *estimator) shell(t voxel.Affine) float64 {
	from, to := e.from.fore, e.to.fore
	toVoxel := to.Affine.Inverse().Mul(t)
	var all, on float64
	for n, in := range e.from.region.In {
		if !in || from.In[n] {
			continue
		}
		i, j, k := from.Coord(n)
		v := toVoxel.Map(from.World(i, j, k))
		i, j, k = int(math.Floor(v[0]+0.5)), int(math.Floor(v[1]+0.5)), int(math.Floor(v[2]+0.5))
		all++
		if to.Inside(i, j, k) && to.In[to.Index(i, j, k)] {
			on++
		}
	}
	return on / max(all, 1)
}

var XF = 2

var XW = 1.0
var XS = false
