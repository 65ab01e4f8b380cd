package register

import (
	"math"

	"phasl/voxel"
)

// starts returns the poses to try, as maps from points relative to centre:
// translations that match headers (or init), centres of mass and grids, each
// turned by combinations of 0 and ±25° about the three axes, and for affine
// each in three sizes. A minimiser at the coarse resolution reaches at least
// 15° further.
//
// A neck in one image only, or a slab that misses the top of the head, moves
// the centre of mass along the head: it is also tried 25 and 50 mm up and
// down.
func (e *estimator) starts(centre voxel.Vec, init *voxel.Affine, local bool, m model) []voxel.Affine {
	base := voxel.Identity()
	if init != nil {
		base = *init
	}
	lin := linear(base)
	pose := func(r voxel.Vec, scale float64, to voxel.Vec) voxel.Affine {
		p := voxel.Rotation(r).Mul(scaled(lin, scale))
		for a := range 3 {
			p[a][3] = to[a]
		}
		return p
	}
	targets := []voxel.Vec{base.Map(centre)}
	if local {
		return []voxel.Affine{pose(voxel.Vec{}, 1, targets[0])}
	}
	add := func(from, to voxel.Vec, up float64) {
		p := lin.Map(voxel.Vec{centre[0] - from[0], centre[1] - from[1], centre[2] - from[2]})
		p = voxel.Vec{p[0] + to[0], p[1] + to[1], p[2] + to[2] + up}
		for _, q := range targets {
			if voxel.Distance(p, q) < 6 {
				return
			}
		}
		targets = append(targets, p)
	}
	for _, up := range []float64{0, 25, -25, 50, -50} {
		add(e.from.mass, e.to.mass, up)
	}
	add(e.from.img.Centre(), e.to.img.Centre(), 0)
	scales := []float64{1}
	if m == affineModel {
		scales = []float64{1, 0.87, 1.15}
	}
	const turn = 25 * math.Pi / 180
	wing := [3]float64{0, turn, -turn}
	var out []voxel.Affine
	for _, to := range targets {
		for _, s := range scales {
			for n := range 27 {
				out = append(out, pose(voxel.Vec{wing[n%3], wing[n/3%3], wing[n/9]}, s, to))
			}
		}
	}
	return out
}

func negative(v voxel.Vec) voxel.Vec { return voxel.Vec{-v[0], -v[1], -v[2]} }
