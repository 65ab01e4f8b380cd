package register

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// Quality says how well two images match at a transform. All its numbers are
// taken at a resolution of 5 mm, whatever the transform was estimated from.
type Quality struct {
	// Overlap is the share of the smaller head's foreground that lies
	// within the box (and mask) of the other image.
	Overlap float64
	// HeadOverlap is the share of the smaller head's foreground that lies
	// on the other's foreground.
	HeadOverlap float64

	Information float64 // mutual information [nat]
	// Explained is the correlation ratio: the share of the interpolated
	// image's variance that is a function of the sampled image's value.
	Explained float64

	// Peak is the share of 12 displaced poses (8 mm along and about 8 mm at
	// the head's surface around each axis, both ways) that match less well,
	// or better by less than 1 %, which is the noise of the sampling.
	Peak float64
	// Sharpness is 1 − (mean information of the displaced poses) /
	// Information: near 0 where nothing is recognised.
	Sharpness float64

	// Size is the factor by which the transform changes volumes, from fixed
	// to moving.
	Size float64
}

// What a pose must reach to be trusted; how they were set is in
// docs/methods/registration.md.
const (
	leastOverlap     = 0.5
	leastHeadOverlap = 0.6
	leastSharpness   = 0.05
	leastPeak        = 1.0
	leastExplained   = 0.1
	mostSize         = 2.0

	slack = 0.01 // see [Quality].Peak
)

// Fault returns what makes the match implausible, or the empty string.
func (q Quality) Fault() string {
	switch {
	case !(q.Overlap >= leastOverlap):
		return fmt.Sprintf("only %.0f %% of the head lies within the other image", 100*zeroNaN(q.Overlap))
	case !(q.HeadOverlap >= leastHeadOverlap):
		return fmt.Sprintf("only %.0f %% of the head lies on the other image's head", 100*zeroNaN(q.HeadOverlap))
	case !(q.Size <= mostSize && q.Size >= 1/mostSize):
		return fmt.Sprintf("the transform changes volumes by a factor of %.3g", q.Size)
	case !(q.Explained >= leastExplained):
		return fmt.Sprintf("one image explains only %.1f %% of the other's variance", 100*zeroNaN(q.Explained))
	case !(q.Peak >= leastPeak):
		return fmt.Sprintf("%.0f %% of slightly displaced poses match better", 100*(1-zeroNaN(q.Peak)))
	case !(q.Sharpness >= leastSharpness):
		return fmt.Sprintf("the images match hardly better than slightly displaced ones (sharpness %.3f)", zeroNaN(q.Sharpness))
	}
	return ""
}

func zeroNaN(v float64) float64 {
	if v != v {
		return 0
	}
	return v
}

// Check returns how well moving matches fixed at t, fixed world → moving
// world, wherever t comes from. Of opt it uses the masks, the seed and the
// workers. Images that hold nothing to compare give NaN and no overlap, and
// so does a transform that is not invertible. It panics if a mask's shape is
// not its image's.
func Check(fixed, moving *voxel.Image, t voxel.Affine, opt Options) Quality {
	checkShapes(fixed, opt.FixedMask, "fixed")
	checkShapes(moving, opt.MovingMask, "moving")
	a, b := newHead(fixed, opt.FixedMask, opt.Workers), newHead(moving, opt.MovingMask, opt.Workers)
	if a.fault != "" || b.fault != "" || !t.Invertible() {
		nan := math.NaN()
		return Quality{Information: nan, Explained: nan, Sharpness: nan, Size: t.Det()}
	}
	e, swap := newEstimator(a, b, MutualInformation, opt)
	if swap {
		t = t.Inverse()
	}
	q := e.quality(t)
	if swap {
		q.Size = 1 / q.Size
	}
	return q
}

// quality measures the match at t, sampled world → interpolated world.
func (e *estimator) quality(t voxel.Affine) Quality {
	q := Quality{Size: t.Det()}
	var head, inBox, onHead float64
	from, to := e.from.fore, e.to.fore
	toVoxel := to.Affine.Inverse().Mul(t)
	imgVoxel := e.to.img.Affine.Inverse().Mul(t)
	for n, in := range from.In {
		if !in {
			continue
		}
		head++
		p := from.World(from.Coord(n))
		v := imgVoxel.Map(p)
		inside := true
		for a := range v {
			inside = inside && v[a] >= -0.5 && v[a] <= float64(e.to.img.Dim[a])-0.5
		}
		if !inside || e.to.mask != nil && !maskAt(e.to.mask, t.Map(p)) {
			continue
		}
		inBox++
		if nearest(to, toVoxel.Map(p)) {
			onHead++
		}
	}
	q.Overlap, q.HeadOverlap = inBox/head, onHead/head

	f := *e
	f.metric, f.margin = MutualInformation, margin
	o := f.objective(f.level(middle), 20000, e.workers)
	if o.points.len() < leastSamples {
		q.Overlap, q.HeadOverlap = 0, 0
		q.Information, q.Explained, q.Sharpness = math.NaN(), math.NaN(), math.NaN()
		return q
	}
	p := t.Mul(voxel.Translation(o.points.centre))
	q.Information = -o.value(p)
	q.Explained = 1 - o.like.variance()/o.like.(*mutual).total()
	c := &chart{model: rigidModel, base: p, radius: math.Sqrt(o.points.second[0][0] + o.points.second[1][1] + o.points.second[2][2])}
	const displaced = 12
	info := make([]float64, displaced)
	par.Do(e.workers, displaced, func(i int) {
		theta := make([]float64, 6)
		theta[i/2] = 8
		if i%2 == 1 {
			theta[i/2] = -8
		}
		own := f.again(o)
		info[i] = -own.value(c.at(theta))
	})
	var sum float64
	for _, v := range info {
		sum += v
		if v < (1+slack)*q.Information {
			q.Peak += 1. / displaced
		}
	}
	q.Peak = math.Round(q.Peak*displaced) / displaced
	q.Sharpness = 1 - sum/displaced/q.Information
	return q
}
