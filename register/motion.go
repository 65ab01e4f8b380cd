package register

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// MotionOptions set how [Motion] works. The zero value is the default.
type MotionOptions struct {
	// Group says of each volume which contrast it has: volumes of the same
	// number look the same but for motion and noise (control, label, M0,
	// each delay of a background-suppressed series). Nil: all alike.
	Group []int

	// Mask marks the head in the series' grid. Nil: found by itself.
	Mask *voxel.Mask

	// Reference is the volume whose pose the transforms start from. Nil:
	// the average pose of the largest group.
	Reference *int

	// FWHM [mm] of the smoothing before estimation; 0 means 5. Along each
	// axis it is at least 1.8 voxels.
	FWHM float64

	Workers  int // 0: one per CPU; no effect on the result
	Progress func(done float64)
}

// A MotionResult is where the head was in each volume.
type MotionResult struct {
	// Transforms map the reference's world to each volume's world, as
	// voxel.Resample wants. NaN for a volume that could not be registered.
	Transforms []voxel.Affine
	Poses      []Pose    // the same as parameters
	Centre     voxel.Vec // about which Poses turn: the centre of the head [mm]

	FD     []float64 // framewise displacement [mm], see [FD]
	FDMean float64   // over volumes that have one; NaN if none
	FDMax  float64

	// Fit is the correlation of each volume with its model at the end.
	Fit []float64

	// Removed lists shifts between groups that were taken for differences of
	// contrast and taken out of Transforms and Poses.
	Removed []GroupShift

	// Failed says of each volume why its pose is not known; empty if it is.
	Failed []string
}

// Motion estimates the pose of the head in each volume of s by least squares.
//
// Volumes of a group are registered to that group's mean, so that the
// difference between control and label, which follows the brain's anatomy, is
// not taken for motion. The group means are then registered to that of the
// largest group, with their difference in contrast modelled, or by mutual
// information where they hardly correlate. What then still differs between
// groups that alternate in time, far beyond chance, is taken out ([GroupShift]).
//
// It returns an error if the series has no volumes, nothing in them, a grid
// that makes no sense, or a Reference that cannot be registered. It panics if Mask or Group does not match the series.
func Motion(s *voxel.Series, opt MotionOptions) (MotionResult, error) {
	nv := len(s.Vols)
	if opt.Group != nil && len(opt.Group) != nv {
		panic("register: Motion: length of Group differs from the number of volumes")
	}
	if opt.Mask != nil && opt.Mask.Dim != s.Dim {
		panic("register: Motion: shape of Mask differs from the series'")
	}
	if opt.Reference != nil && (*opt.Reference < 0 || *opt.Reference >= nv) {
		panic("register: Motion: Reference is not a volume of the series")
	}
	for _, v := range s.Vols {
		if len(v) != s.Len() {
			panic("register: Motion: length of a volume differs from its grid's")
		}
	}
	if nv == 0 {
		return MotionResult{}, fmt.Errorf("register: motion: the series has no volumes")
	}
	m := &mover{series: s, opt: opt, fine: make([]*volume, nv), rough: make([]*volume, nv)}
	if m.opt.FWHM == 0 {
		m.opt.FWHM = 5
	}
	if !(m.opt.FWHM > 0 && m.opt.FWHM < 100) {
		panic("register: Motion: FWHM out of range")
	}
	if fault := m.prepare(); fault != "" {
		return MotionResult{}, fmt.Errorf("register: motion: the series %s", fault)
	}
	out := m.run()
	if r := opt.Reference; r != nil && m.failed[*r] != "" {
		return MotionResult{}, fmt.Errorf("register: motion: reference volume %d cannot be used: %s", *r, m.failed[*r])
	}
	return out, nil
}

// A mover holds the state of one motion estimation.
type mover struct {
	series *voxel.Series
	opt    MotionOptions
	rough  []*volume // smoothed by 12 mm
	fine   []*volume // smoothed by opt.FWHM
	mask   *voxel.Mask
	pose   []voxel.Affine // group reference world → volume world
	fit    []fit
	failed []string
	look   *volume // the largest group's mean, see [mover.view]
}

const (
	roughFWHM   = 12  // [mm] of the first, coarse step
	motionWidth = 1.8 // least FWHM, in voxels along each axis
)

func (m *mover) prepare() string {
	nv := len(m.series.Vols)
	mean := voxel.NewImage(m.series.Grid)
	count := make([]float32, len(mean.Data))
	for _, v := range m.series.Vols {
		for n, x := range v {
			if x-x == 0 {
				mean.Data[n] += x
				count[n]++
			}
		}
	}
	for n, c := range count {
		mean.Data[n] /= c
	}
	h := newHead(mean, m.opt.Mask, m.opt.Workers)
	if h.fault != "" {
		return h.fault
	}
	if m.opt.Mask != nil {
		m.mask = m.opt.Mask
	} else {
		m.mask = voxel.NewMask(m.series.Grid)
		around := dilate(h.fore, 8)
		for n := range m.mask.In {
			m.mask.In[n] = maskAt(around, m.series.World(m.series.Coord(n)))
		}
	}
	m.pose = make([]voxel.Affine, nv)
	m.fit = make([]fit, nv)
	m.failed = make([]string, nv)
	par.Do(m.opt.Workers, nv, func(v int) {
		img := m.series.Image(v)
		m.pose[v] = voxel.Identity()
		if lo, hi := limits(img.Data, 0.01, 0.99); !(hi > lo) {
			m.failed[v] = "the volume is constant or has no values"
			return
		}
		m.rough[v] = smoothed(img, roughFWHM)
		m.fine[v] = smoothed(img, m.opt.FWHM)
	})
	return ""
}

// smoothed returns img smoothed by fwhm [mm] on its own grid.
func smoothed(img *voxel.Image, fwhm float64) *volume {
	s := img.Spacing()
	v := newVolume(img, nil, 0, 0, 1)
	for a := range 3 {
		// Interpolation between voxels much larger than the kernel pulls
		// poses towards the grid.
		if sigma := max(fwhm, motionWidth*s[a]) / fwhmPerSigma / s[a]; sigma > 0.2 {
			v.reduce(a, 1, sigma, 1)
		}
	}
	v.inv = v.Affine.Inverse()
	return v
}

// A team is the volumes of one contrast.
type team struct {
	number int
	vols   []int
	mean   *volume      // of its volumes, realigned to its reference
	offset voxel.Affine // main reference world → this team's reference world
}

func (m *mover) teams() []*team {
	var out []*team
	for v := range m.series.Vols {
		g := 0
		if m.opt.Group != nil {
			g = m.opt.Group[v]
		}
		i := slices.IndexFunc(out, func(t *team) bool { return t.number == g })
		if i < 0 {
			i = len(out)
			out = append(out, &team{number: g, offset: voxel.Identity()})
		}
		if m.failed[v] == "" {
			out[i].vols = append(out[i].vols, v)
		}
	}
	slices.SortFunc(out, func(a, b *team) int { return a.number - b.number })
	return out
}

// motionPoints is how many voxels of the head are used at most.
const motionPoints = 60000

func (m *mover) run() MotionResult {
	teams := m.teams()
	done := 0.0
	progress := func(share float64) {
		done += share
		if m.opt.Progress != nil {
			m.opt.Progress(min(done, 1))
		}
	}
	for _, t := range teams {
		m.within(t)
		progress(0.8 / float64(len(teams)))
	}
	main := teams[0]
	for _, t := range teams {
		if len(t.vols) > len(main.vols) {
			main = t
		}
	}
	centre := gridCloud(&volume{Grid: m.series.Grid, data: make([]float32, m.series.Len())}, m.mask, math.MaxInt).centre
	last := main
	for _, t := range teams {
		if t != main && len(t.vols) > 0 {
			if m.between(main, last, t, centre) {
				last = t
			}
		}
		for _, v := range t.vols {
			m.pose[v] = m.pose[v].Mul(t.offset)
		}
	}
	var removed []GroupShift
	for _, t := range teams {
		if t == main {
			continue
		}
		if shift, ok := m.systematic(main, t, centre); ok {
			back := shift.About(centre).Inverse()
			for _, v := range t.vols {
				m.pose[v] = m.pose[v].Mul(back)
			}
			removed = append(removed, GroupShift{Group: t.number, Shift: shift})
		}
	}
	out := m.result(main, centre)
	out.Removed = removed
	progress(1)
	return out
}

// within registers the volumes of t to their mean, by way of the volume most
// like the mean of them all. Volumes that cannot be registered leave t.
func (m *mover) within(t *team) {
	if len(t.vols) == 0 {
		return
	}
	first := m.typical(t)
	t.mean = m.fine[first]
	if len(t.vols) == 1 {
		t.mean.sharpen()
		m.fit[first] = fit{at: voxel.Identity(), correlation: 1, converged: true}
		return
	}
	rough := newPattern(m.rough[first], m.mask, motionPoints/2, false, m.opt.Workers)
	par.Do(m.opt.Workers, len(t.vols), func(i int) {
		v := t.vols[i]
		m.pose[v] = rough.register(m.rough[v], voxel.Identity(), 20, 0.1).at
	})
	m.pass(t, 0.02)
	m.rescue(t, first)
	par.Do(m.opt.Workers, len(t.vols), func(i int) { m.fine[t.vols[i]].sharpen() })
	good := &team{vols: slices.DeleteFunc(slices.Clone(t.vols), func(v int) bool {
		return !m.fit[v].converged || m.fit[v].correlation < leastFit
	})}
	if len(good.vols) > 0 {
		t.mean = m.mean(good)
	}
	m.pass(t, 0.004)
	t.vols = slices.DeleteFunc(t.vols, func(v int) bool {
		f := m.fit[v]
		if f.converged && f.correlation >= leastFit {
			return false
		}
		m.failed[v] = fmt.Sprintf("the volume does not align with its group (correlation %.2f)", f.correlation)
		return true
	})
}

// leastFit is the correlation with its model below which a volume's pose is
// not believed.
const leastFit = 0.5

// pass registers the volumes of t to its mean from their present poses.
func (m *mover) pass(t *team, tolerance float64) {
	p := newPattern(t.mean, m.mask, motionPoints, false, m.opt.Workers)
	par.Do(m.opt.Workers, len(t.vols), func(i int) {
		v := t.vols[i]
		m.fit[v] = p.register(m.fine[v], m.pose[v], 20, tolerance)
		m.pose[v] = m.fit[v].at
	})
}

// typical returns the volume of t that correlates best with their mean.
func (m *mover) typical(t *team) int {
	for _, v := range t.vols {
		m.pose[v] = voxel.Identity()
	}
	c := gridCloud(m.average(t, m.rough), m.mask, 20000)
	best, least := t.vols[0], math.Inf(1)
	for _, v := range t.vols {
		s := newSamples(c.len())
		u := m.rough[v].inv.Mul(voxel.Translation(c.centre))
		m.rough[v].sample(c, &u, s, 0, c.len())
		cost, _ := newCorrelation(c.f).cost(s.m, make([]float32, c.len()), 1)
		if cost < least {
			best, least = v, cost
		}
	}
	return best
}

// rescue gives volumes that fit much worse than the others of t, having moved
// too far for least squares, a full search.
func (m *mover) rescue(t *team, first int) {
	fits := make([]float64, len(t.vols))
	for i, v := range t.vols {
		fits[i] = m.fit[v].correlation
	}
	slices.Sort(fits)
	usual := fits[len(fits)/2]
	for _, v := range t.vols {
		if v == first || m.fit[v].converged && m.fit[v].correlation > 0.9*usual {
			continue
		}
		r := Rigid(m.series.Image(first), m.series.Image(v), Options{
			FixedMask: m.opt.Mask, Metric: Correlation, Workers: m.opt.Workers,
		})
		if r.OK() {
			m.pose[v] = r.Transform.Mul(m.pose[first])
		}
	}
}

// mean returns the mean of the smoothed volumes of t at their poses, in the
// reference of t, on the series' grid.
func (m *mover) mean(t *team) *volume { return m.average(t, m.fine) }

func (m *mover) average(t *team, vols []*volume) *volume {
	g := m.series.Grid
	out := &volume{Grid: g, inv: g.Affine.Inverse(), data: make([]float32, g.Len())}
	plane := g.Dim[0] * g.Dim[1]
	maps := make([]voxel.Affine, len(vols)) // voxel of the mean → voxel of the volume
	for _, v := range t.vols {
		maps[v] = vols[v].inv.Mul(m.pose[v]).Mul(g.Affine)
	}
	par.Do(m.opt.Workers, g.Dim[2], func(k int) {
		sum, count := make([]float32, plane), make([]int, plane)
		value, at := make([]float32, g.Dim[0]), make([]voxel.Vec, g.Dim[0])
		for _, v := range t.vols {
			for j := range g.Dim[1] {
				for i := range at {
					at[i] = maps[v].Map(voxel.Vec{float64(i), float64(j), float64(k)})
				}
				vols[v].interpolate(value, at)
				for i, x := range value {
					if x == x {
						sum[j*g.Dim[0]+i] += x
						count[j*g.Dim[0]+i]++
					}
				}
			}
		}
		for n, c := range count {
			// Where only some volumes reach, the mean would have an edge.
			if 4*c < 3*len(t.vols) {
				sum[n] = float32(math.NaN())
			}
			out.data[k*plane+n] = sum[n] / float32(c)
		}
	})
	out.hasNaN = slices.ContainsFunc(out.data, func(x float32) bool { return x != x })
	return out
}

// result puts the poses in the reference asked for.
func (m *mover) result(main *team, centre voxel.Vec) MotionResult {
	nv := len(m.series.Vols)
	r := MotionResult{
		Transforms: make([]voxel.Affine, nv), Poses: make([]Pose, nv),
		Fit: make([]float64, nv), Failed: m.failed,
	}
	r.Centre = centre
	var origin voxel.Affine
	if m.opt.Reference != nil {
		origin = m.pose[*m.opt.Reference]
	} else {
		var poses []Pose
		for _, v := range main.vols {
			poses = append(poses, poseOf(m.pose[v], r.Centre))
		}
		mean := meanPose(poses)
		origin = mean.About(r.Centre)
	}
	origin = origin.Inverse()
	for v := range nv {
		r.Transforms[v] = m.pose[v].Mul(origin)
		r.Fit[v] = m.fit[v].correlation
		if m.failed[v] != "" {
			r.Transforms[v] = scaled(r.Transforms[v], math.NaN())
			r.Fit[v] = math.NaN()
		}
		r.Poses[v] = poseOf(r.Transforms[v], r.Centre)
	}
	r.FD = FD(r.Poses)
	r.FDMean, r.FDMax = math.NaN(), math.NaN()
	var sum, count float64
	for _, d := range r.FD[1:] {
		if d == d {
			sum += d
			count++
			r.FDMax = max(d, zeroNaN(r.FDMax))
		}
	}
	if count > 0 {
		r.FDMean = sum / count
	}
	return r
}
