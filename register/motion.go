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

	// FWHM [mm] of the smoothing before estimation; 0 means 5.
	FWHM float64

	Workers  int // 0: one per CPU; no effect on the result
	Progress func(done float64)
}

// A Pose is a rigid displacement of the head in one volume:
//
//	T(x) = R(Rotation)·(x − c) + c + Translation
//
// with R as voxel.Rotation and c [MotionResult.Centre].
type Pose struct {
	Translation voxel.Vec // [mm]
	Rotation    voxel.Vec // [rad]
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

	// ZigZag is the mean displacement [mm] that the correction for
	// systematic differences between groups removed, by group number in
	// rising order. Zero where none was removed.
	ZigZag []float64

	// Failed says of each volume why its pose is not known; empty if it is.
	Failed []string
}

// Motion estimates the pose of the head in each volume of s by least squares.
//
// Volumes of a group are registered to that group's mean, so that the
// difference between control and label, which follows the brain's anatomy, is
// not taken for motion. The group means are then registered to that of the
// largest group, with their difference in contrast modelled, or by mutual
// information where they hardly correlate.
//
// It returns an error if the series has no volumes, or a grid or a length that
// makes no sense. It panics if Mask or Group does not match the series.
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
	if nv == 0 {
		return MotionResult{}, fmt.Errorf("register: motion: the series has no volumes")
	}
	m := &mover{series: s, opt: opt, fine: make([]*volume, nv), rough: make([]*volume, nv)}
	if m.opt.FWHM == 0 {
		m.opt.FWHM = 5
	}
	if fault := m.prepare(); fault != "" {
		return MotionResult{}, fmt.Errorf("register: motion: the series %s", fault)
	}
	return m.run(), nil
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
}

const roughFWHM = 12

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
		// Linear interpolation between voxels much larger than the kernel
		// pulls poses towards the grid.
		if sigma := max(fwhm, XV*s[a]) / fwhmPerSigma / s[a]; sigma > 0.2 {
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
	zigzag float64
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
	main := teams[0]
	for _, t := range teams {
		if len(t.vols) > len(main.vols) {
			main = t
		}
	}
	for _, t := range teams {
		m.within(t)
		progress(0.8 / float64(len(teams)))
	}
	for _, t := range teams {
		if t != main && len(t.vols) > 0 {
			m.between(main, t)
		}
		for _, v := range t.vols {
			m.pose[v] = m.pose[v].Mul(t.offset)
		}
	}
	out := m.result(main, teams)
	progress(1)
	return out
}

// within registers the volumes of t to their mean.
func (m *mover) within(t *team) {
	if len(t.vols) == 0 {
		return
	}
	middle := t.vols[len(t.vols)/2]
	if len(t.vols) == 1 {
		t.mean = m.fine[middle]
		m.fit[middle] = fit{at: voxel.Identity(), correlation: 1, gain: 1, converged: true}
		return
	}
	p := newPattern(m.rough[middle], m.mask, motionPoints/2, false, m.opt.Workers)
	par.Do(m.opt.Workers, len(t.vols), func(i int) {
		v := t.vols[i]
		m.pose[v] = p.register(m.rough[v], voxel.Identity(), 20, 0.1).at
	})
	t.mean = m.fine[middle]
	const passes = 2
	for pass := range passes {
		if pass > 0 {
			t.mean = m.mean(t)
		}
		p := newPattern(t.mean, m.mask, motionPoints, XM, m.opt.Workers)
		tolerance := 0.01
		if pass == passes-1 {
			tolerance = 0.002
		}
		par.Do(m.opt.Workers, len(t.vols), func(i int) {
			v := t.vols[i]
			m.fit[v] = p.register(m.fine[v], m.pose[v], 20, tolerance)
			m.pose[v] = m.fit[v].at
		})
	}
	t.mean = m.mean(t)
}

// mean returns the mean of the smoothed volumes of t at their poses, in the
// reference of t, on the series' grid.
func (m *mover) mean(t *team) *volume { return m.average(t, m.fine) }

// raw returns the mean of the volumes of t at their poses, not smoothed.
func (m *mover) raw(t *team) *voxel.Image {
	vols := make([]*volume, len(m.series.Vols))
	for _, v := range t.vols {
		vols[v] = newVolume(m.series.Image(v), nil, 0, 0, m.opt.Workers)
	}
	mean := m.average(t, vols)
	return &voxel.Image{Grid: mean.Grid, Data: mean.data}
}

func (m *mover) average(t *team, vols []*volume) *volume {
	g := m.series.Grid
	out := &volume{Grid: g, inv: g.Affine.Inverse(), data: make([]float32, g.Len())}
	plane := g.Dim[0] * g.Dim[1]
	maps := make([]voxel.Affine, len(vols)) // voxel of the mean → voxel of the volume
	for _, v := range t.vols {
		maps[v] = vols[v].inv.Mul(m.pose[v]).Mul(g.Affine)
	}
	par.Do(m.opt.Workers, g.Dim[2], func(k int) {
		for n := k * plane; n < (k+1)*plane; n++ {
			i, j, k := g.Coord(n)
			p := voxel.Vec{float64(i), float64(j), float64(k)}
			var sum, count float32
			for _, v := range t.vols {
				if x := vols[v].at(maps[v].Map(p)); x == x {
					sum += x
					count++
				}
			}
			out.data[n] = sum / count
		}
	})
	return out
}

// sameContrast is the correlation between two groups' means, a parabola and a
// linear shading allowed for, from which least squares is more exact than
// mutual information.
const sameContrast = 0.97

// between finds where the reference of t lies in that of main.
func (m *mover) between(main, t *team) {
	p := newPattern(main.mean, m.mask, motionPoints, true, m.opt.Workers)
	f := p.register(t.mean, voxel.Identity(), 30, 0.001)
	t.offset = f.at
	if XP {
		println("between", t.number, int(1000*f.correlation), f.converged)
	}
	if f.converged && f.correlation > sameContrast {
		return
	}
	r := Rigid(m.raw(main), m.raw(t), Options{FixedMask: m.opt.Mask, MovingMask: m.opt.Mask, Local: true, Workers: m.opt.Workers})
	t.offset = r.Transform
	if !r.OK() {
		for _, v := range t.vols {
			m.failed[v] = r.Reason
		}
	}
}

// result puts the poses in the reference asked for.
func (m *mover) result(main *team, teams []*team) MotionResult {
	nv := len(m.series.Vols)
	r := MotionResult{
		Transforms: make([]voxel.Affine, nv), Poses: make([]Pose, nv),
		Fit: make([]float64, nv), Failed: m.failed,
	}
	c := gridCloud(&volume{Grid: m.series.Grid, data: make([]float32, m.series.Len())}, m.mask, math.MaxInt)
	r.Centre = c.centre
	var origin voxel.Affine
	if m.opt.Reference != nil {
		origin = m.pose[*m.opt.Reference]
	} else {
		var mean Pose
		for _, v := range main.vols {
			p := poseOf(m.pose[v], r.Centre)
			for a := range 3 {
				mean.Translation[a] += p.Translation[a] / float64(len(main.vols))
				mean.Rotation[a] += p.Rotation[a] / float64(len(main.vols))
			}
		}
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
	for _, t := range teams {
		r.ZigZag = append(r.ZigZag, t.zigzag)
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

// About returns the transform of pose p about centre c.
func (p Pose) About(c voxel.Vec) voxel.Affine {
	return voxel.Translation(p.Translation).Mul(voxel.Rotation(p.Rotation).About(c))
}

// poseOf returns the pose whose transform about c is the rigid map t.
func poseOf(t voxel.Affine, c voxel.Vec) Pose {
	q := t.Map(c)
	return Pose{
		Translation: voxel.Vec{q[0] - c[0], q[1] - c[1], q[2] - c[2]},
		Rotation: voxel.Vec{
			math.Atan2(t[2][1], t[2][2]),
			math.Asin(min(max(-t[2][0], -1), 1)),
			math.Atan2(t[1][0], t[0][0]),
		},
	}
}

var XV = 1.8
var XM = false
