package register

import (
	"phasl/internal/par"
	"phasl/voxel"
)

// sameContrast is the correlation between two groups' means, a parabola and a
// linear shading allowed for, from which least squares is more exact than
// mutual information.
const sameContrast = 0.97

// between finds where the reference of t lies in that of main: directly, or by
// way of last, the group placed before, if t looks like that (the label of one
// delay like its control), or by mutual information. It reports whether it did.
func (m *mover) between(main, last, t *team, centre voxel.Vec) bool {
	tries := []*team{main}
	if last != main {
		tries = append(tries, last)
	}
	for _, to := range tries {
		p := newPattern(to.mean, m.mask, motionPoints, true, m.opt.Workers)
		f := p.register(t.mean, voxel.Identity(), 30, 0.02)
		if f.converged && f.correlation > sameContrast {
			t.offset = m.offset(p, t, f.at, centre).Mul(to.offset)
			return true
		}
	}
	return m.contrast(main, t)
}

// offsetVolumes is how many volumes of a group are registered to the main one.
const offsetVolumes = 8

// offset returns where the reference of t lies in that of p: the mean over
// volumes of t, each registered to p and taken back to t's reference. Their
// mean has been interpolated and is cut where not all of them reach; they are
// not.
func (m *mover) offset(p *pattern, t *team, near voxel.Affine, centre voxel.Vec) voxel.Affine {
	n := min(len(t.vols), offsetVolumes)
	poses := make([]Pose, n)
	par.Do(m.opt.Workers, n, func(i int) {
		v := t.vols[i*len(t.vols)/n]
		f := p.register(m.fine[v], m.pose[v].Mul(near), 10, 0.004)
		poses[i] = poseOf(m.pose[v].Inverse().Mul(f.at), centre)
	})
	return meanPose(poses).About(centre)
}

// meanPose returns the mean of poses that are alike.
func meanPose(poses []Pose) (mean Pose) {
	for _, p := range poses {
		for a := range 3 {
			mean.Translation[a] += p.Translation[a] / float64(len(poses))
			mean.Rotation[a] += p.Rotation[a] / float64(len(poses))
		}
	}
	return mean
}

// contrast finds by mutual information where the reference of t lies in that
// of main: on the voxels first, then on grids twice as fine. Which tissues
// share a voxel changes with contrast, and the error that this makes grows with
// the blur of the images, to which linear interpolation between voxels adds. It
// reports whether the match passed its checks.
func (m *mover) contrast(main, t *team) bool {
	if m.look == nil {
		m.look = m.view(main)
	}
	a, b := m.look, m.view(t)
	opt := Options{FixedMask: m.opt.Mask, MovingMask: m.opt.Mask, Local: true, Workers: m.opt.Workers}
	r := Rigid(&voxel.Image{Grid: a.Grid, Data: a.data}, &voxel.Image{Grid: b.Grid, Data: b.data}, opt)
	t.offset = r.Transform
	if !r.OK() {
		for _, v := range t.vols {
			m.failed[v] = r.Reason
		}
		return false
	}
	fixed, moving := a.halved(m.opt.Workers), b.halved(m.opt.Workers)
	if m.opt.Mask != nil {
		opt.FixedMask = voxel.ResampleMask(m.opt.Mask, fixed.Grid, nil, m.opt.Workers)
		opt.MovingMask = opt.FixedMask
	}
	t.offset = refine(fixed, moving, r.Transform, opt)
	return true
}

// viewVolumes is how many volumes of a group are averaged for [mover.view].
const viewVolumes = 16

// view returns the mean of the volumes of t at their poses, not smoothed, on
// the series' grid.
func (m *mover) view(t *team) *volume {
	some := &team{vols: t.vols}
	if n := len(t.vols); n > viewVolumes {
		some.vols = nil
		for i := range viewVolumes {
			some.vols = append(some.vols, t.vols[i*n/viewVolumes])
		}
	}
	vols := make([]*volume, len(m.series.Vols))
	par.Do(m.opt.Workers, len(some.vols), func(i int) {
		v := some.vols[i]
		vols[v] = newVolume(m.series.Image(v), nil, 0, 0, 1)
		vols[v].sharpen()
	})
	return m.average(some, vols)
}
