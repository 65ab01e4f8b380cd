package register

import (
	"math"

	"phasl/voxel"
)

// sharpen makes v interpolate by cubic B-splines in values from now on. The
// linear interpolant is smoothest halfway between voxels, which pulls poses
// towards the grid; that of a smoothed volume by splines is not.
//
// A volume with missing voxels stays linear: splines would reach into what had
// to be invented there.
func (v *volume) sharpen() {
	if v.cubic == nil && !v.hasNaN {
		v.cubic = voxel.NewSampler(&voxel.Image{Grid: v.Grid, Data: v.data}, voxel.Cubic)
	}
}

// values sets dst to the values of v at u·x̃, NaN outside the box of centres.
func (v *volume) values(c *cloud, u *voxel.Affine, dst []float32) {
	const block = 256
	var at [block]voxel.Vec
	for lo := 0; lo < len(dst); lo += block {
		hi := min(lo+block, len(dst))
		for n := lo; n < hi; n++ {
			at[n-lo] = u.Map(voxel.Vec{float64(c.x[n]), float64(c.y[n]), float64(c.z[n])})
		}
		v.interpolate(dst[lo:hi], at[:hi-lo])
	}
}

// interpolate sets dst[n] to the value at[n], in voxels; NaN outside the box of
// centres.
func (v *volume) interpolate(dst []float32, at []voxel.Vec) {
	if v.cubic == nil {
		for n, p := range at {
			dst[n] = v.at(p)
		}
		return
	}
	v.cubic.AtVoxels(dst, at)
	for n, p := range at {
		for a, d := range v.Dim {
			if !(p[a] >= 0 && p[a] <= float64(d-1)) {
				dst[n] = float32(math.NaN())
			}
		}
	}
}

// halved returns v on a grid of half its spacing along the axes where that is
// above 1.5 mm, by cubic B-splines, between the same outermost centres.
func (v *volume) halved(workers int) *voxel.Image {
	g := v.Grid
	size := g.Spacing()
	ratio := voxel.Vec{1, 1, 1}
	for a := range 3 {
		if size[a] > 1.5 {
			ratio[a] = 0.5
			g.Dim[a] = 2*g.Dim[a] - 1
		}
	}
	g.Affine = g.Affine.Mul(voxel.Scaling(ratio))
	img := &voxel.Image{Grid: v.Grid, Data: v.data}
	if ratio == (voxel.Vec{1, 1, 1}) {
		return img
	}
	return voxel.Resample(img, g, nil, voxel.Cubic, workers)
}
