package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A stage is one level of resolution.
type stage struct {
	*meeting
	dim     [3]int  // of the images
	h       float64 // their spacing [mm]
	thin    int     // voxels of the images to one of the flows, along each axis
	update  float64 // σ of the smoothing of steps [mm]
	total   float64 // σ of the smoothing of the whole [mm]
	sampler [2]*voxel.Sampler
	toVoxel [2]voxel.Affine // space in between → voxels of the sampler
	seen    [2][]float32    // the images through the flows
	like    *lncc
	step    *flow
	spare   [3][]float32
	normal  [9][]float32 // three of the right side, then the upper triangle
	far     []float32
}

// begin prepares the level whose voxels are those of the finest times scale.
func (m *meeting) begin(scale float64) *stage {
	s := &stage{meeting: m, h: m.opt.Spacing * scale, thin: 1, update: m.opt.UpdateSigma * scale, total: m.opt.TotalSigma}
	if s.h < thinBelow {
		s.thin = 2
	}
	h := s.h
	var lattice [3]int
	for a := range 3 {
		lattice[a] = max(2, int(math.Ceil(m.size[a]/(h*float64(s.thin))-1e-6)))
		s.dim[a] = lattice[a] * s.thin
	}
	n := s.dim[0] * s.dim[1] * s.dim[2]
	for i, side := range m.side {
		v := newVolume(side.img, side.mask, h, h, m.opt.Workers)
		lo, hi := v.usualRange()
		data := make([]float32, len(v.data))
		q, mid := 1/max(hi-lo, math.SmallestNonzeroFloat32), (lo+hi)/2
		for k, x := range v.data {
			data[k] = (x - mid) * q
		}
		s.sampler[i] = voxel.NewSampler(&voxel.Image{Grid: v.Grid, Data: data}, voxel.Cubic)
		s.toVoxel[i] = v.inv.Mul(side.from)
		s.seen[i] = make([]float32, n)
	}
	hf := h * float64(s.thin)
	// The box is the same at every level; what does not fit sticks out evenly.
	var origin voxel.Vec
	for a := range 3 {
		origin[a] = m.origin[a] + (m.size[a]-float64(lattice[a]-1)*hf)/2
	}
	for _, side := range m.side {
		if side.way == nil {
			side.way = newFlow(lattice, hf, origin)
		} else {
			side.way = side.way.onto(lattice, hf, origin, m.opt.Workers)
		}
	}
	s.step = newFlow(lattice, hf, origin)
	for a := range s.spare {
		s.spare[a] = make([]float32, s.step.Len())
	}
	for f := range s.normal {
		s.normal[f] = make([]float32, s.step.Len())
	}
	s.far = make([]float32, s.step.Len())
	s.like = newLNCC(s.dim, m.opt.Radius, floorSD*floorSD, m.opt.Workers)
	return s
}

// floorSD is √ε of [lncc] as a share of the image's range: about what noise
// and shading make of a window that shows one tissue.
const floorSD = 0.03

// look samples both images through their flows.
func (s *stage) look() {
	nx, ny := s.dim[0], s.dim[1]
	t := float64(s.thin)
	for i, side := range s.side {
		w := side.way
		par.Ranges(s.opt.Workers, ny*s.dim[2], 16, func(lo, hi int) {
			at := make([]voxel.Vec, nx)
			var d, spare [3][]float64
			for a := range d {
				d[a], spare[a] = make([]float64, nx), make([]float64, w.Dim[0])
			}
			for row := lo; row < hi; row++ {
				// In voxels of the flow: thin voxels of the image share one.
				y, z := (float64(row%ny)+0.5)/t-0.5, (float64(row/ny)+0.5)/t-0.5
				w.row(&d, &spare, y, z, s.thin)
				for n := range at {
					x := (float64(n)+0.5)/t - 0.5
					at[n] = s.toVoxel[i].Map(voxel.Vec{
						w.origin[0] + x*w.h + d[0][n], w.origin[1] + y*w.h + d[1][n], w.origin[2] + z*w.h + d[2][n],
					})
				}
				s.sampler[i].AtVoxels(s.seen[i][row*nx:][:nx], at)
			}
		})
	}
}

// gather sums, over the voxels of the images in each voxel of the flows, the
// terms of the Gauss–Newton step v for which one image follows +v and the
// other −v:
//
//	right = ∂E/∂I·∇I − ∂E/∂J·∇J
//	left  = p pᵀ,  p = √ΣB·∇I ± √ΣC·∇J
func (s *stage) gather() {
	nx, ny, nz := s.dim[0], s.dim[1], s.dim[2]
	steps := [3]int{1, nx, nx * ny}
	lat := s.step.Dim
	a, b := s.seen[0], s.seen[1]
	half := float32(0.5 / s.h)
	par.Do(s.opt.Workers, lat[2], func(kk int) {
		base := kk * lat[0] * lat[1]
		for f := range s.normal {
			clear(s.normal[f][base:][:lat[0]*lat[1]])
		}
		for k := kk * s.thin; k < (kk+1)*s.thin; k++ {
			if k == 0 || k == nz-1 {
				continue
			}
			for j := 1; j < ny-1; j++ {
				out := base + lat[0]*(j/s.thin)
				for i := 1; i < nx-1; i++ {
					n := i + nx*(j+ny*k)
					x, y := a[n], b[n]
					if x != x || y != y {
						continue
					}
					da, db, wa, wb := s.like.slope(n, x, y)
					if wa <= 0 && wb <= 0 {
						continue
					}
					var ga, gb [3]float32
					for q, d := range steps {
						ga[q] = half * (a[n+d] - a[n-d])
						gb[q] = half * (b[n+d] - b[n-d])
					}
					ra, rb := float32(math.Sqrt(float64(wa))), float32(math.Sqrt(float64(wb)))
					if s.like.sum[0][n] < 0 {
						rb = -rb
					}
					var p, r [3]float32
					for q := range p {
						p[q] = ra*ga[q] + rb*gb[q]
						r[q] = da*ga[q] - db*gb[q]
					}
					sum := r[0] + r[1] + r[2] + p[0] + p[1] + p[2]
					if sum != sum { // a neighbour has no value
						continue
					}
					o := out + i/s.thin
					for q := range 3 {
						s.normal[q][o] += r[q]
					}
					s.normal[3][o] += p[0] * p[0]
					s.normal[4][o] += p[0] * p[1]
					s.normal[5][o] += p[0] * p[2]
					s.normal[6][o] += p[1] * p[1]
					s.normal[7][o] += p[1] * p[2]
					s.normal[8][o] += p[2] * p[2]
				}
			}
		}
	})
}

// solve turns what [stage.gather] has gathered into a step and reports whether
// there was anything. At each voxel of the flows the step is
//
//	v = (K∗left + λ)⁻¹ · K∗right
//
// the Gauss–Newton step of a neighbourhood that moves as one. K is a Gaussian
// of σ = update, plus κ times a wider one (σ·√(1 + 2.5²)): where the near
// neighbourhood shows a direction of movement it decides, and where it does not
// (inside one tissue, along a border) the far one does. λ, a small share of the
// mean curvature, lets the step fade where there is nothing far and wide.
func (s *stage) solve() bool {
	w := s.opt.Workers
	g := s.step.Grid
	near, far := newBell(s.update/s.step.h), newBell(farReach*s.update/s.step.h)
	for _, v := range s.normal {
		near.pool(v, g.Dim, w)
		copy(s.far, v)
		far.pool(s.far, g.Dim, w)
		for i, x := range s.far {
			v[i] += farWeight * x
		}
	}
	n := g.Len()
	trace := par.Sum(w, n, pieceLen, func(lo, hi int) (t float64) {
		for i := lo; i < hi; i++ {
			t += float64(s.normal[3][i] + s.normal[6][i] + s.normal[8][i])
		}
		return t
	}) / float64(n)
	lambda := damping * trace / 3
	if !(lambda > 0) {
		for a := range 3 {
			clear(s.step.u[a])
		}
		return false
	}
	par.Ranges(w, n, pieceLen, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			m := &s.normal
			a, b, c := float64(m[3][i])+lambda, float64(m[4][i]), float64(m[5][i])
			d, e, f := float64(m[6][i])+lambda, float64(m[7][i]), float64(m[8][i])+lambda
			x, y, z := float64(m[0][i]), float64(m[1][i]), float64(m[2][i])
			// Symmetric 3×3, by cofactors; positive definite thanks to λ.
			p, q, r := d*f-e*e, c*e-b*f, b*e-c*d
			det := a*p + b*q + c*r
			v := voxel.Vec{
				(p*x + q*y + r*z) / det,
				(q*x + (a*f-c*c)*y + (b*c-a*e)*z) / det,
				(r*x + (b*c-a*e)*y + (a*d-b*b)*z) / det,
			}
			length := math.Sqrt(v[0]*v[0] + v[1]*v[1] + v[2]*v[2])
			if limit := s.h * longestStep; length > limit {
				for q := range v {
					v[q] *= limit / length
				}
			}
			for q := range v {
				s.step.u[q][i] = float32(v[q])
			}
		}
	})
	return true
}

// thinBelow is the spacing [mm] below which flows have half the images'
// resolution: steps are pooled over several millimetres anyway.
const thinBelow = 1.5

const (
	// damping is λ of [stage.solve] as a share of the mean curvature.
	damping = 0.02
	// farWeight and farReach are κ and the extra σ, as a multiple of the
	// near one, of [stage.solve].
	farWeight = 0.3
	farReach  = 2.5
	// longestStep is the longest step [voxels].
	longestStep = 1.0
	// leastGain in the metric over gainSteps steps keeps a level going.
	leastGain = 3e-4
	gainSteps = 3
)

// run goes through the levels and fills in the metric.
func (m *meeting) run(out *Deformation, progress func(float64)) {
	for l := range m.opt.Levels {
		s := m.begin(math.Exp2(float64(m.opt.Levels - 1 - l)))
		if l == m.opt.Levels-1 {
			out.Before = s.unbent()
		}
		level := s.run()
		if level.Iterations == 0 {
			out.Reason = "the images have nothing in common that could be matched"
			return
		}
		out.Levels = append(out.Levels, level)
		if l == m.opt.Levels-1 {
			s.look()
			out.After = s.like.measure(s.seen[0], s.seen[1])
		}
		progress(math.Exp2(float64(l + 1 - m.opt.Levels)))
	}
}

// unbent returns the metric without the flows.
func (s *stage) unbent() float64 {
	var kept [2]*flow
	for i, side := range s.side {
		kept[i] = side.way
		side.way = newFlow(kept[i].Dim, kept[i].h, kept[i].origin)
	}
	s.look()
	e := s.like.measure(s.seen[0], s.seen[1])
	for i, side := range s.side {
		side.way = kept[i]
	}
	return e
}

// run takes steps until they gain little.
func (s *stage) run() DeformationLevel {
	w := s.opt.Workers
	out := DeformationLevel{Spacing: s.h}
	var course []float64
	limit := s.opt.Iterations
	if limit <= 0 {
		switch limit = 15; {
		case s.h < thinBelow:
			limit = 8
		case s.h >= 4:
			limit = 40
		}
	}
	for range limit {
		s.look()
		e := s.like.measure(s.seen[0], s.seen[1])
		course = append(course, e)
		if n := len(course); n > gainSteps && e-course[n-1-gainSteps] < leastGain {
			out.Converged = true
			break
		}
		s.gather()
		if !s.solve() {
			break
		}
		out.Iterations++
		for i, side := range s.side {
			side.way.follow(s.step, 1-2*float64(i), &s.spare, w)
			side.way.smooth(s.total, w)
		}
	}
	out.Start, out.End = course[0], course[len(course)-1]
	for _, side := range s.side {
		side.way.unfold(w)
	}
	return out
}
