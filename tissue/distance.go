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
func (d *distance) at(p *voxel.Vec) float64 {
	g := &d.img.Grid
	nx, ny := g.Dim[0], g.Dim[1]
	x := min(max((p[0]-g.Affine[0][3])/d.edge, 0), float64(nx-1))
	y := min(max((p[1]-g.Affine[1][3])/d.edge, 0), float64(ny-1))
	z := min(max((p[2]-g.Affine[2][3])/d.edge, 0), float64(g.Dim[2]-1))
	// The margin of newDistance gives every axis at least two points.
	i, j, k := min(int(x), nx-2), min(int(y), ny-2), min(int(z), g.Dim[2]-2)
	x, y, z = x-float64(i), y-float64(j), z-float64(k)
	n := i + nx*(j+ny*k)
	row := func(n int) float64 {
		return (1-x)*float64(d.img.Data[n]) + x*float64(d.img.Data[n+1])
	}
	layer := nx * ny
	return (1-z)*((1-y)*row(n)+y*row(n+nx)) + z*((1-y)*row(n+layer)+y*row(n+layer+nx))
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

// sides returns which voxels of g have their centre inside, and which have it
// within band mm of the surface, on either side.
func (d *distance) sides(g voxel.Grid, band float64, workers int) (inside, near *voxel.Mask) {
	inside, near = voxel.NewMask(g), voxel.NewMask(g)
	// Along each axis the distance changes by at most 1 mm per mm, so by less
	// than 1.75 > √3 in any direction: far from the surface voxels are alike.
	most := 1.75 * g.Spacing()[0]
	par.Do(workers, g.Dim[2], func(k int) {
		for j := range g.Dim[1] {
			row := g.Index(0, j, k)
			for i := 0; i < g.Dim[0]; {
				p := g.World(i, j, k)
				v := d.at(&p)
				alike := 1.0
				if rest := math.Abs(v) - max(band, 0); rest > most {
					alike = min(math.Floor(rest/most), float64(g.Dim[0]-i))
				}
				for end := i + int(alike); i < end; i++ {
					inside.In[row+i] = v < 0
					near.In[row+i] = math.Abs(v) <= band
				}
			}
		}
	})
	return inside, near
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
