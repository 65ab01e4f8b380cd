package tissue

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// distance is the signed distance [mm] to the surface of a mask: negative
// inside, positive outside, on a coarse grid aligned with the world.
type distance struct {
	img  *voxel.Image
	edge float64 // spacing [mm]
}

// newDistance returns the signed distance to the surface inside(p) = ½, on a
// grid of the given spacing that covers g and reaches margin mm beyond.
func newDistance(inside func(p voxel.Vec) float64, g voxel.Grid, spacing float64, workers int) *distance {
	box := worldBox(g, spacing, 2*spacing)
	m, rest := voxel.NewMask(box), voxel.NewMask(box)
	par.Do(workers, box.Dim[2], func(k int) {
		for j := range box.Dim[1] {
			for i := range box.Dim[0] {
				n := box.Index(i, j, k)
				m.In[n] = inside(box.World(i, j, k)) > 0.5
				rest.In[n] = !m.In[n]
			}
		}
	})
	out, in := voxel.EDT(m, workers), voxel.EDT(rest, workers)
	img := voxel.NewImage(box)
	far := float32(box.Dim[0]+box.Dim[1]+box.Dim[2]) * float32(spacing)
	for n := range img.Data {
		// Distances are between centres; the surface lies half a voxel nearer.
		if m.In[n] {
			img.Data[n] = -min(in[n], far) + float32(spacing/2)
		} else {
			img.Data[n] = min(out[n], far) - float32(spacing/2)
		}
	}
	return &distance{img, spacing}
}

// at returns the signed distance at p by linear interpolation; outside the
// grid, that of the nearest point of the grid.
func (d *distance) at(p voxel.Vec) float64 {
	g := &d.img.Grid
	var lo [3]int
	var f voxel.Vec
	for a := range 3 {
		x := (p[a] - g.Affine[a][3]) / d.edge
		x = min(max(x, 0), float64(g.Dim[a]-1))
		lo[a] = min(int(x), max(g.Dim[a]-2, 0))
		f[a] = x - float64(lo[a])
	}
	s := 0.0
	for c := range 8 {
		w, n := 1.0, [3]int{}
		for a := range 3 {
			n[a] = min(lo[a]+(c>>a&1), g.Dim[a]-1)
			if c>>a&1 == 1 {
				w *= f[a]
			} else {
				w *= 1 - f[a]
			}
		}
		s += w * float64(d.img.At(n[0], n[1], n[2]))
	}
	return s
}

// worldBox returns a grid aligned with the world's axes, of the given spacing,
// that covers g and reaches margin mm beyond.
func worldBox(g voxel.Grid, spacing, margin float64) voxel.Grid {
	e := worldExtent(g)
	lo, hi := e[0], e[1]
	var out voxel.Grid
	out.Affine = voxel.Scaling(voxel.Vec{spacing, spacing, spacing})
	for a := range 3 {
		out.Affine[a][3] = lo[a] - margin
		out.Dim[a] = int(math.Ceil((hi[a]-lo[a]+2*margin)/spacing)) + 1
	}
	return out
}

// worldExtent returns the lower and upper corner of the smallest box aligned
// with the world's axes that holds all voxels of g.
func worldExtent(g voxel.Grid) [2]voxel.Vec {
	lo, hi := voxel.Vec{}, voxel.Vec{}
	for c := range 8 {
		p := voxel.Vec{}
		for a := range 3 {
			p[a] = -0.5
			if c>>a&1 == 1 {
				p[a] = float64(g.Dim[a]) - 0.5
			}
		}
		q := g.Affine.Map(p)
		for a := range 3 {
			if c == 0 {
				lo[a], hi[a] = q[a], q[a]
			}
			lo[a], hi[a] = min(lo[a], q[a]), max(hi[a], q[a])
		}
	}
	return [2]voxel.Vec{lo, hi}
}

// volume returns the volume inside [mL].
func (d *distance) volume() float64 {
	n := 0
	for _, v := range d.img.Data {
		if v < 0 {
			n++
		}
	}
	return float64(n) * d.img.VoxelVolume() / 1000
}

// centroid returns the centre of what is inside and the radius [mm] of a ball
// of its volume.
func (d *distance) centroid() (voxel.Vec, float64) {
	var c voxel.Vec
	n := 0.0
	visit(d.img.Grid, [3]int{1, 1, 1}, func(i int, p voxel.Vec) {
		if d.img.Data[i] < 0 {
			c = add(c, p)
			n++
		}
	})
	if n == 0 {
		return d.img.Centre(), 0
	}
	return scale(c, 1/n), math.Cbrt(3 * n * d.img.VoxelVolume() / (4 * math.Pi))
}

// mask returns the voxels of g whose centres are inside.
func (d *distance) mask(g voxel.Grid, workers int) *voxel.Mask {
	out := voxel.NewMask(g)
	par.Do(workers, g.Dim[2], func(k int) {
		for j := range g.Dim[1] {
			for i := range g.Dim[0] {
				out.In[g.Index(i, j, k)] = d.at(g.World(i, j, k)) < 0
			}
		}
	})
	return out
}

// dice returns twice the common volume of m and the inside, on m's grid,
// divided by the sum of their volumes there; NaN if both are empty.
func (d *distance) dice(m *voxel.Mask) float64 {
	return dice(m, d.mask(m.Grid, 1))
}

// dice returns 2|a∩b| / (|a|+|b|), NaN if both are empty.
func dice(a, b *voxel.Mask) float64 {
	both, sum := 0, 0
	for n := range a.In {
		if a.In[n] {
			sum++
		}
		if b.In[n] {
			sum++
		}
		if a.In[n] && b.In[n] {
			both++
		}
	}
	return 2 * float64(both) / float64(sum)
}

// priorSampler returns prior values at world points, 0 outside its box and
// where it has none.
type priorSampler struct{ s *voxel.Sampler }

func newPriorSampler(img *voxel.Image) priorSampler {
	return priorSampler{voxel.NewSampler(img, voxel.Linear)}
}

func (s priorSampler) at(p voxel.Vec) float64 {
	v := float64(s.s.At(p))
	if math.IsNaN(v) {
		return 0
	}
	return v
}
