package voxel

import "math"

// A path takes voxels of one grid to voxels of another through a transform.
// Neighbouring affine maps, the two grids' included, are multiplied out
// beforehand, so that an affine transform costs three additions a voxel.
type path struct {
	head Affine
	legs []leg
}

// A leg is a map that is not affine, followed by one that is.
type leg struct {
	bend Transform
	warp *Warp // bend, if that is what it is: spares the dynamic call
	then Affine
}

// newPath returns the path from voxels of onto through t (nil: identity) to
// voxels of src.
func newPath(onto Grid, t Transform, src Grid) *path {
	p := &path{head: onto.Affine}
	p.add(t)
	p.add(src.Affine.Inverse())
	if len(p.legs) == 0 {
		p.head = snap(p.head)
	}
	return p
}

// add appends t to the path.
func (p *path) add(t Transform) {
	switch t := t.(type) {
	case nil:
	case Chain:
		for _, u := range t {
			p.add(u)
		}
	case Affine:
		last := &p.head
		if n := len(p.legs); n > 0 {
			last = &p.legs[n-1].then
		}
		*last = t.Mul(*last)
	case *Affine:
		p.add(*t)
	case *Warp:
		p.legs = append(p.legs, leg{bend: t, warp: t, then: Identity()})
	default:
		p.legs = append(p.legs, leg{bend: t, then: Identity()})
	}
}

// snap rounds the elements of a voxel-to-voxel map to multiples of 2⁻³²
// (2·10⁻¹⁰; at 1000 voxels from the origin 10⁻⁷ voxels), so that the rounding
// of inverse and product does not keep whole-voxel shifts from being whole.
func snap(a Affine) Affine {
	for i := range a {
		for j, v := range a[i] {
			a[i][j] = math.RoundToEven(v*(1<<32)) / (1 << 32)
		}
	}
	return a
}

// row sets at[n] to where the point (i+n, j, k) of the first grid lies in the
// second.
func (p *path) row(at []Vec, i, j, k float64) {
	x, y, z := p.head.move(i, j, k)
	dx, dy, dz := p.head[0][0], p.head[1][0], p.head[2][0]
	for n := range at {
		// A product, not a running sum: rounding must not build up.
		f, v := float64(n), &at[n]
		v[0] = x + f*dx
		v[1] = y + f*dy
		v[2] = z + f*dz
	}
	for l := range p.legs {
		g := &p.legs[l]
		if g.warp != nil {
			for n := range at {
				v := &at[n]
				x, y, z := g.warp.move(v[0], v[1], v[2])
				v[0], v[1], v[2] = g.then.move(x, y, z)
			}
			continue
		}
		for n := range at {
			at[n] = g.then.Map(g.bend.Map(at[n]))
		}
	}
}
