package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// An overlay is a scan under way to the tissues of a template: the points of
// the template at which the two are compared, and the scan's images there.
type overlay struct {
	lattice voxel.Grid   // along the axes of the template's world, pointSpacing apart
	at      []int32      // lattice points that count: the brain and a margin
	shift   [3][]float32 // u at all lattice points [mm]: T(x) = affine(x + u(x))
	affine  voxel.Affine
	blends  []*blend
	workers int
}

const (
	// pointSpacing is how far apart [mm] the points are; tissues and images
	// are blurred by more.
	pointSpacing = 4.0
	// pointMargin is how far beyond the template's brain [mm] points count,
	// so that its edge is seen.
	pointMargin = 8.0
	// ownWidth is the FWHM [mm] that a scan's images have of their own, to
	// which the template is blurred in addition.
	ownWidth = 4.0
	// cutMargin [mm]: voxels this near to the edge of the scanned box have
	// no say, and full say only twice as far from it. Smoothing and masks know
	// nothing of what lies beyond, and the outer partitions of 3D scans are poor.
	cutMargin = 4.0
	// overlayReach is the half width [mm] of a head, by which coordinates
	// are divided before they are multiplied.
	overlayReach = 80.0
)

// newOverlay returns the overlay of a prepared pair at one resolution, the FWHM
// [mm] by which its images are smoothed.
func newOverlay(p *PerfusionPair, width float64, affine voxel.Affine, workers int) *overlay {
	o := &overlay{affine: affine, workers: workers}
	brain := p.TemplateBrain
	lo, hi := voxel.Vec{math.Inf(1), math.Inf(1), math.Inf(1)}, voxel.Vec{math.Inf(-1), math.Inf(-1), math.Inf(-1)}
	for n, in := range brain.In {
		if in {
			q := brain.World(brain.Coord(n))
			for a := range q {
				lo[a], hi[a] = min(lo[a], q[a]), max(hi[a], q[a])
			}
		}
	}
	const around = 4 * pointSpacing
	for a := range lo {
		// What is absurd must not fill the memory.
		o.lattice.Dim[a] = int(min((hi[a]-lo[a]+2*around)/pointSpacing, 200)) + 1
		lo[a] -= around
	}
	o.lattice.Affine = voxel.Translation(lo).Mul(voxel.Scaling(voxel.Vec{pointSpacing, pointSpacing, pointSpacing}))
	near := voxel.ResampleMask(voxel.Dilate(brain, pointMargin, workers), o.lattice, nil, workers)
	d := o.lattice.Dim
	for n, in := range near.In {
		if i, j, k := near.Coord(n); in && i > 0 && j > 0 && k > 0 && i < d[0]-1 && j < d[1]-1 && k < d[2]-1 {
			o.at = append(o.at, int32(n))
		}
	}
	for a := range o.shift {
		o.shift[a] = make([]float32, o.lattice.Len())
	}
	var tissue [3][]float32
	for i, m := range []*voxel.Image{p.Grey, p.White, p.Fluid} {
		c := voxel.NewImage(m.Grid)
		for n, v := range m.Data {
			if v-v == 0 && brain.In[n] {
				c.Data[n] = v
			}
		}
		t := voxel.Resample(voxel.Smooth(c, math.Hypot(width, ownWidth), workers), o.lattice, nil, voxel.Linear, workers)
		for n, v := range t.Data {
			if v-v != 0 { // beyond the template's box
				t.Data[n] = 0
			}
		}
		tissue[i] = t.Data
	}
	if p.Look != nil {
		o.blends = append(o.blends, o.blend(p.Look, width, tissue, 1, 1))
	}
	perfusion := o.blend(p.Perfusion, width, tissue, 1./3, 0)
	perfusion.perfusion = true
	o.blends = append(o.blends, perfusion)
	return o
}

// blend returns an image of the scan, smoothed, and the columns that explain it.
// The polynomials multiply grey + white·w + fluid·c.
func (o *overlay) blend(img *voxel.Image, width float64, tissue [3][]float32, w, c float32) *blend {
	b := &blend{img: voxel.NewSampler(voxel.Smooth(img, width, o.workers), voxel.Linear), toVoxel: img.Affine.Inverse(), dim: img.Dim}
	for a, size := range img.Spacing() {
		b.edge[a] = cutMargin / size
	}
	n := o.lattice.Len()
	copy(b.basis[:], tissue[:])
	for k := 3; k < blendColumns; k++ {
		b.basis[k] = make([]float32, n)
	}
	centre := o.lattice.Centre()
	par.Ranges(o.workers, n, 4096, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			q := o.lattice.World(o.lattice.Coord(i))
			x, y, z := float32((q[0]-centre[0])/overlayReach), float32((q[1]-centre[1])/overlayReach), float32((q[2]-centre[2])/overlayReach)
			share := tissue[0][i] + w*tissue[1][i] + c*tissue[2][i]
			for k, v := range [blendColumns - 3]float32{x, y, z, x * x, y * y, z * z, x * y, x * z, y * z} {
				b.basis[3+k][i] = share * v
			}
		}
	})
	b.f, b.w, b.r, b.m = make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
	for a := range b.slope {
		b.slope[a] = make([]float32, n)
	}
	return b
}

// look samples the images at T(x), fits the tissues to them, and reports whether
// enough of the brain is seen.
func (o *overlay) look() bool {
	toScan := make([]voxel.Vec, o.lattice.Len())
	par.Ranges(o.workers, len(toScan), 4096, func(lo, hi int) {
		for n := lo; n < hi; n++ {
			q := o.lattice.World(o.lattice.Coord(n))
			for a := range q {
				q[a] += float64(o.shift[a][n])
			}
			toScan[n] = o.affine.Map(q)
		}
	})
	for _, b := range o.blends {
		par.Ranges(o.workers, len(toScan), 4096, func(lo, hi int) {
			for n := lo; n < hi; n++ {
				v := b.toVoxel.Map(toScan[n])
				w := 1.0
				for a := range v {
					w *= min(max(min(v[a], float64(b.dim[a]-1)-v[a])/b.edge[a]-1, 0), 1)
				}
				b.f[n], b.w[n] = 0, 0
				if w > 0 {
					if x := b.img.AtVoxel(v); x-x == 0 {
						b.f[n], b.w[n] = x, float32(w)
					}
				}
			}
		})
	}
	par.Do(o.workers, len(o.blends), func(i int) { o.blends[i].mix(o.at) })
	for _, b := range o.blends {
		if !(b.weight > 0.2*float64(len(o.at))) || !(b.sigma > 0) || len(o.at) < leastSamples {
			return false
		}
	}
	return true
}

// cost returns Σ ½ n ln σ², to be lowered. n is the number of points, seen or not,
// so that nothing is gained by moving points out of sight; steps weigh what is
// seen by its weights over σ², so that the stiffness is a little more than stated
// where little is seen or much is outlying.
func (o *overlay) cost() float64 {
	sum := 0.0
	for _, b := range o.blends {
		sum += float64(len(o.at)) * math.Log(b.sigma)
	}
	return sum
}

// slopes sets the slope of each image by the points: the mean of what the image
// shows, which has noise, and what the tissues say, which have none.
func (o *overlay) slopes() {
	d := o.lattice.Dim
	steps := [3]int32{1, int32(d[0]), int32(d[0] * d[1])}
	for _, b := range o.blends {
		par.Ranges(o.workers, len(b.m), 4096, func(lo, hi int) {
			for n := lo; n < hi; n++ {
				m := 0.0
				for k, v := range b.beta {
					m += v * float64(b.basis[k][n])
				}
				b.m[n] = float32(m)
			}
		})
		par.Ranges(o.workers, len(o.at), 4096, func(lo, hi int) {
			for _, n := range o.at[lo:hi] {
				for a, s := range steps {
					slope := (b.m[n+s] - b.m[n-s]) / (2 * pointSpacing)
					if b.w[n+s] > 0 && b.w[n-s] > 0 {
						slope = (slope + (b.f[n+s]-b.f[n-s])/(2*pointSpacing)) / 2
					}
					b.slope[a][n] = slope
				}
			}
		})
	}
}

// affineFit improves the affine map until nothing is gained, and reports
// whether the scan shows enough.
func (o *overlay) affineFit() bool {
	if !o.look() {
		return false
	}
	last := o.cost()
	for range 25 {
		o.slopes()
		kept := o.affine
		moved, ok := o.affineStep()
		if !ok || !o.look() || !(o.cost() < last) {
			o.affine = kept
			return o.look()
		}
		last = o.cost()
		if moved < 0.02 {
			break
		}
	}
	return true
}

// affineStep takes a Gauss–Newton step of the affine map and returns the mean
// movement of the points [mm], and whether there was one.
func (o *overlay) affineStep() (float64, bool) {
	const k = 12
	a, rhs := make([]float64, k*k), make([]float64, k)
	centre := o.lattice.Centre()
	for _, b := range o.blends {
		q := 1 / (b.sigma * b.sigma)
		var cross [k][blendColumns]float64
		for _, n := range o.at {
			w := q * float64(b.w[n])
			if w == 0 {
				continue
			}
			p := o.lattice.World(o.lattice.Coord(int(n)))
			x := [4]float64{(p[0] - centre[0]) / overlayReach, (p[1] - centre[1]) / overlayReach, (p[2] - centre[2]) / overlayReach, 1}
			var j [k]float64
			for c := range 3 {
				for m := range 4 {
					j[c*4+m] = float64(b.slope[c][n]) * x[m]
				}
			}
			for i := range k {
				wj := w * j[i]
				for l := range i + 1 {
					a[i*k+l] += wj * j[l]
				}
				rhs[i] -= wj * float64(b.r[n])
				for l := range cross[i] {
					cross[i][l] += wj * float64(b.basis[l][n])
				}
			}
		}
		// What the weights of the tissues can take up is no movement.
		for i := range k {
			s := b.solve(cross[i])
			for l := range i + 1 {
				for m := range s {
					a[i*k+l] -= s[m] * cross[l][m] / q
				}
			}
		}
	}
	trace := 0.0
	for i := range k {
		trace += a[i*k+i]
	}
	for i := range k {
		a[i*k+i] += 1e-3 * trace / k
	}
	if !(trace > 0) {
		return 0, false
	}
	cholesky(a, k)
	substitute(a, rhs)
	step := voxel.Identity()
	for c := range 3 {
		step[c][3] = rhs[c*4+3]
		for m := range 3 {
			step[c][m] += rhs[c*4+m] / overlayReach
			step[c][3] -= rhs[c*4+m] / overlayReach * centre[m]
		}
	}
	moved := 0.0
	for _, n := range o.at {
		p := o.lattice.World(o.lattice.Coord(int(n)))
		moved += voxel.Distance(p, step.Map(p)) / float64(len(o.at))
	}
	o.affine = o.affine.Mul(step)
	return moved, moved-moved == 0
}
