package register

import (
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// middle is the resolution [mm] between coarse and finest.
const middle = 5.0

// leastSamples is the number of points below which nothing is estimated.
const leastSamples = 64

// An estimator registers the image that gives samples to the interpolated one.
type estimator struct {
	from, to *head
	metric   Metric
	seed     uint64
	workers  int
	margin   float64 // [mm] beyond the foreground within which points are drawn
}

// newEstimator decides which image gives the samples: the one with a mask, if
// only one has; else the smaller head; of two alike the coarser image. It
// reports whether that is moving. The rule does not care which image is called
// fixed, so that exchanging the two inverts the result.
func newEstimator(fixed, moving *head, metric Metric, opt Options) (*estimator, bool) {
	e := &estimator{from: fixed, to: moving, metric: metric, seed: opt.Seed, workers: opt.Workers, margin: margin}
	ratio := fixed.volume / moving.volume
	va, vb := fixed.img.VoxelVolume(), moving.img.VoxelVolume()
	swap := false
	switch {
	case (fixed.mask == nil) != (moving.mask == nil):
		swap = fixed.mask == nil
	case ratio > 1.25 || ratio < 0.8:
		swap = ratio > 1
	case va != vb:
		swap = vb > va
	default:
		swap = ratio > 1
	}
	if swap {
		e.from, e.to = moving, fixed
	}
	return e, swap
}

// A level is one resolution of both images.
type level struct {
	width    float64 // [mm]
	from, to *volume
}

func (e *estimator) level(width float64) *level {
	spacing := max(width, 1)
	return &level{
		width: width,
		from:  newVolume(e.from.img, nil, width, spacing, e.workers),
		to:    newVolume(e.to.img, e.to.mask, width, spacing, e.workers),
	}
}

// objective returns the cost at l from about limit points.
func (e *estimator) objective(l *level, limit, workers int) *objective {
	region := e.from.mask
	if region == nil {
		if l.width >= coarse {
			region = e.from.region
		} else {
			region = voxel.NewMask(l.from.Grid)
			for n, v := range l.from.data {
				region.In[n] = v > e.from.threshold
			}
			region = dilate(region, e.margin)
		}
	}
	c := newCloud(l.from, region, limit, e.seed)
	return newObjective(c, l.to, e.likeness(c, l.to), workers)
}

// again returns an objective like o with buffers of its own.
func (e *estimator) again(o *objective) *objective {
	return newObjective(o.points, o.moving, e.likeness(o.points, o.moving), 1)
}

func (e *estimator) likeness(c *cloud, to *volume) likeness {
	if e.metric == Correlation {
		return newCorrelation(c.f)
	}
	flo, fhi := limits(c.f, 0.002, 0.998)
	mlo, mhi := to.usualRange()
	if !(fhi > flo) {
		flo, fhi = 0, 1
	}
	if !(mhi > mlo) {
		mlo, mhi = 0, 1
	}
	return newMutual(c.f, flo, fhi, mlo, mhi)
}

// run returns the map from e.from's world to e.to's, and whether there is one.
func (e *estimator) run(m model, init *voxel.Affine, local bool, res *Result, progress func(float64)) (voxel.Affine, bool) {
	base := e.objective(e.level(coarse), 8000, 1)
	if base.points.len() < leastSamples {
		return voxel.Affine{}, false
	}
	found := e.search(base, m, e.starts(base.points.centre, init, local, m), res)
	if len(found) == 0 {
		return voxel.Affine{}, false
	}
	progress(0.4)
	// Outside a brain cut out of its head the other image may show a skull,
	// of which the background knows nothing.
	if e.from.stripped && e.from.mask == nil && e.shell(found[0].at.Mul(voxel.Translation(negative(base.points.centre)))) > 0.3 {
		e.margin = 0
	}
	mid := e.level(middle)
	t, ok := e.compare(base, mid, m, found, res)
	if !ok {
		return voxel.Affine{}, false
	}
	progress(0.6)
	last := mid
	if f := e.finest(); f != middle {
		last = e.level(f)
	}
	var s shading
	for n, p := range []polish{
		{level: mid, points: 25000, search: search{iterations: 30, tolerance: 0.05, longest: 6, overlap: leastOverlapInSearch}},
		{level: last, points: 120000, search: search{iterations: 40, tolerance: 0.01, longest: 3, overlap: leastOverlapInSearch}, final: true},
	} {
		if t, ok = e.polish(m, t, p, &s, res); !ok {
			return voxel.Affine{}, false
		}
		progress(0.7 + 0.2*float64(n))
	}
	return t, true
}

// A polish says how a pose that is nearly right is made exact.
type polish struct {
	level  *level
	points int
	search search
	final  bool // estimate the shading and go on
}

// polish refines t with the shading s, and updates s.
func (e *estimator) polish(m model, t voxel.Affine, p polish, s *shading, res *Result) (voxel.Affine, bool) {
	o := e.objective(p.level, p.points, e.workers)
	if o.points.len() < leastSamples {
		return t, false
	}
	o.correct(e, *s)
	got := o.minimise(m, t.Mul(voxel.Translation(o.points.centre)), p.search)
	res.Iterations += got.iterations
	*s = e.estimateShading(o, got.at)
	if p.final {
		o.correct(e, *s)
		p.search.tolerance = 0.004
		got = o.minimise(m, got.at, p.search)
		res.Iterations += got.iterations
	}
	res.Converged = got.converged
	res.Value = -o.value(got.at)
	if e.metric == Correlation {
		res.Value = 1 - math.Exp(-2*res.Value)
	}
	return got.at.Mul(voxel.Translation(negative(o.points.centre))), true
}

// finest returns the resolution [mm] of the last level: that of the coarser
// image, but no finer than 2 mm.
func (e *estimator) finest() float64 {
	return max(math.Cbrt(e.from.img.VoxelVolume()), math.Cbrt(e.to.img.VoxelVolume()), 2)
}

// shell returns the share of the margin around e.from's head that lies on
// e.to's head at t.
func (e *estimator) shell(t voxel.Affine) float64 {
	from, to := e.from.fore, e.to.fore
	toVoxel := to.Affine.Inverse().Mul(t)
	var all, on float64
	for n, in := range e.from.region.In {
		if !in || from.In[n] {
			continue
		}
		all++
		if nearest(to, toVoxel.Map(from.World(from.Coord(n)))) {
			on++
		}
	}
	return on / max(all, 1)
}

// search refines the starts that look best at the coarse resolution and
// returns where they ended, best first.
func (e *estimator) search(base *objective, m model, starts []voxel.Affine, res *Result) []minimum {
	first := rigidModel
	if m == affineModel {
		first = similarityModel
	}
	pool := make(chan *objective, par.Workers(e.workers))
	for range cap(pool) {
		pool <- e.again(base)
	}
	score := make([]float64, len(starts))
	par.Do(e.workers, len(starts), func(i int) {
		o := <-pool
		score[i] = merit(o.bounded(starts[i], leastOverlapInSearch), o)
		pool <- o
	})
	const most = 10
	var chosen []voxel.Affine
	for _, i := range rising(score) {
		if math.IsInf(score[i], 1) || len(chosen) == most {
			break
		}
		if !slices.ContainsFunc(chosen, func(p voxel.Affine) bool {
			return base.meanDisplacement(p, starts[i]) < 12
		}) {
			chosen = append(chosen, starts[i])
		}
	}
	res.Starts, res.Refined = len(starts), len(chosen)
	found := make([]minimum, len(chosen))
	rank := make([]float64, len(chosen))
	par.Do(e.workers, len(chosen), func(i int) {
		o := <-pool
		found[i] = o.minimise(first, chosen[i], search{iterations: 30, tolerance: 0.3, longest: 12, overlap: leastOverlapInSearch})
		rank[i] = merit(o.bounded(found[i].at, leastOverlapInSearch), o)
		pool <- o
	})
	var out []minimum
	for _, i := range rising(rank) {
		if !math.IsInf(rank[i], 1) {
			out = append(out, found[i])
		}
	}
	return out
}

// compare refines the best few of found that differ at the next resolution and
// returns the best, in the world. The coarse images of a roundish head match
// in several poses; finer ones do not.
func (e *estimator) compare(base *objective, mid *level, m model, found []minimum, res *Result) (voxel.Affine, bool) {
	const few = 3
	var distinct []minimum
	for _, f := range found {
		if len(distinct) < few && !slices.ContainsFunc(distinct, func(d minimum) bool {
			return base.meanDisplacement(f.at, d.at) < 8
		}) {
			distinct = append(distinct, f)
		}
	}
	back := voxel.Translation(negative(base.points.centre))
	winner := 0
	t := distinct[0].at.Mul(back)
	if len(distinct) > 1 {
		o := e.objective(mid, 15000, e.workers)
		if o.points.len() < leastSamples {
			return t, false
		}
		score := make([]float64, len(distinct))
		end := make([]voxel.Affine, len(distinct))
		par.Do(e.workers, len(distinct), func(i int) {
			own := e.again(o)
			start := distinct[i].at.Mul(back).Mul(voxel.Translation(o.points.centre))
			got := own.minimise(m, start, search{iterations: 25, tolerance: 0.2, longest: 6, overlap: leastOverlapInSearch})
			score[i] = merit(own.bounded(got.at, leastOverlapInSearch), own)
			end[i] = got.at.Mul(voxel.Translation(negative(o.points.centre)))
		})
		winner = rising(score)[0]
		t = end[winner]
	}
	res.Iterations = distinct[winner].iterations
	for _, f := range found {
		if base.meanDisplacement(f.at, distinct[winner].at) < 5 {
			res.Agreeing++
		}
	}
	return t, true
}

// leastOverlapInSearch is the share of samples that must meet the other image
// for a pose to be considered.
const leastOverlapInSearch = 0.3

// merit ranks poses that meet the other image with different shares of the
// samples: a good match of little is worth less.
func merit(cost float64, o *objective) float64 {
	if math.IsInf(cost, 1) {
		return cost
	}
	return cost * o.overlap()
}

// rising returns the indices of v in rising order; equals keep theirs.
func rising(v []float64) []int {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		switch {
		case v[i] < v[j]:
			return -1
		case v[j] < v[i]:
			return 1
		}
		return 0
	})
	return order
}
