package register

import (
	"math"
	"math/rand/v2"

	"phasl/internal/par"
	"phasl/voxel"
)

// A tissue weighting: signal of cerebrospinal fluid, grey and white matter,
// bone and scalp.
type contrast struct {
	csf, grey, white, bone, scalp float64
	lost                          float64 // label's deficit in grey matter, before its territories
}

// perfused returns c with grey matter darker by lost, more in front and on the
// left: what labelled blood takes away.
func (c contrast) perfused(lost float64) contrast { c.lost = lost; return c }

var (
	t1Contrast = contrast{csf: 200, grey: 560, white: 800, bone: 60, scalp: 900}
	m0Contrast = contrast{csf: 1000, grey: 780, white: 620, bone: 60, scalp: 250}
)

// stripped returns c without bone, scalp and outer fluid.
func (c contrast) stripped() contrast { c.bone, c.scalp = 0, 0; return c }

// step rises from 0 to 1 over about four widths around 0.
func step(x, width float64) float64 {
	switch x /= width; {
	case x > 12:
		return 1
	case x < -12:
		return 0
	}
	return 1 / (1 + math.Exp(-x))
}

// fractions returns the share of each tissue at x [mm] in a head drawn from
// formulas: a folded ribbon, ventricles, deep nuclei, cerebellum, no symmetry.
func fractions(x voxel.Vec) (csf, grey, white, bone, scalp float64) {
	radius := func(c, s voxel.Vec) float64 {
		a, b, d := (x[0]-c[0])/s[0], (x[1]-c[1])/s[1], (x[2]-c[2])/s[2]
		return math.Sqrt(a*a + b*b + d*d)
	}
	e := radius(voxel.Vec{0, -18, 12}, voxel.Vec{66, 84, 60})
	if e > 1.4 {
		return
	}
	fold := math.Sin(x[0]/5.3+0.02*x[2]+0.3) + math.Sin(x[1]/6.1+0.015*x[0]+1.1) + math.Sin(x[2]/5.7-0.02*x[1]+0.7)
	brain := step(1+0.02*fold-e, 0.012)
	white = step(0.82+0.075*fold-e, 0.012)
	split := math.Exp(-x[0]*x[0]/8) * step(x[2]-25, 2) // between the hemispheres
	brain *= 1 - split
	for _, n := range []struct {
		c, s voxel.Vec
		grey bool
	}{
		{voxel.Vec{-13, -12, 18}, voxel.Vec{7, 30, 11}, false},
		{voxel.Vec{11, -16, 19}, voxel.Vec{6, 27, 9}, false},
		{voxel.Vec{0, -20, 2}, voxel.Vec{3, 10, 9}, false},
		{voxel.Vec{-25, 4, 2}, voxel.Vec{7, 16, 12}, true},
		{voxel.Vec{24, 2, 3}, voxel.Vec{8, 15, 11}, true},
		{voxel.Vec{-12, -20, 6}, voxel.Vec{8, 12, 8}, true},
		{voxel.Vec{13, -19, 5}, voxel.Vec{8, 12, 8}, true},
	} {
		if e > 0.9 {
			break
		}
		in := step(1-radius(n.c, n.s), 0.06)
		if n.grey {
			white *= 1 - in
		} else {
			brain *= 1 - in
		}
	}
	white *= brain
	grey = brain - white
	skull := step(1.08-e, 0.012)
	skin := step(1.18-e, 0.012)
	outer := step(1.26-0.05*x[2]/60-e, 0.012)
	csf = max(skull-brain, 0)
	bone = max(skin-max(skull, brain), 0)
	scalp = max(outer-max(skin, brain), 0)
	return
}

// value returns the signal at x with contrast c.
func (c contrast) value(x voxel.Vec) float64 {
	csf, grey, white, bone, scalp := fractions(x)
	if c.scalp == 0 && c.bone == 0 {
		csf *= step(1.03-math.Sqrt(sq((x[0])/66)+sq((x[1]+18)/84)+sq((x[2]-12)/60)), 0.012)
	}
	if c.lost != 0 {
		grey *= 1 - c.lost/c.grey*(1+x[1]/120-x[0]/200+0.5*math.Sin(x[2]/15))
	}
	return c.csf*csf + c.grey*grey + c.white*white + c.bone*bone + c.scalp*scalp
}

func sq(x float64) float64 { return x * x }

// render samples the head onto g: the voxel at world point y shows the head at
// back(y), averaged over one point for each 3 mm of the voxel along each axis.
func (c contrast) render(g voxel.Grid, back voxel.Affine) *voxel.Image {
	img := voxel.NewImage(g)
	m := back.Mul(g.Affine)
	size := g.Spacing()
	var offsets []voxel.Vec
	var n [3]int
	for a := range 3 {
		n[a] = max(1, int(size[a]/3+0.4))
	}
	for q := range n[0] * n[1] * n[2] {
		at := [3]int{q % n[0], q / n[0] % n[1], q / n[0] / n[1]}
		var d voxel.Vec
		for a := range 3 {
			d[a] = (float64(at[a])+0.5)/float64(n[a]) - 0.5
		}
		offsets = append(offsets, d)
	}
	plane := g.Dim[0] * g.Dim[1]
	par.Do(0, g.Dim[2], func(k int) {
		for n := k * plane; n < (k+1)*plane; n++ {
			i, j, k := g.Coord(n)
			var s float64
			for _, d := range offsets {
				s += c.value(m.Map(voxel.Vec{float64(i) + d[0], float64(j) + d[1], float64(k) + d[2]}))
			}
			img.Data[n] = float32(s / float64(len(offsets)))
		}
	})
	return img
}

// spoil adds Rician noise of standard deviation sigma and a smooth receive
// field of the given depth, fixed to the grid.
func spoil(img *voxel.Image, sigma, depth float64, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := img.Dim
	for n := range img.Data {
		i, j, k := img.Coord(n)
		f := 1 + depth*(float64(i)/float64(d[0])-0.5+sq(float64(j)/float64(d[1])-0.4)+0.5*float64(k)/float64(d[2]))
		re := float64(img.Data[n])*f + sigma*rng.NormFloat64()
		im := sigma * rng.NormFloat64()
		img.Data[n] = float32(math.Hypot(re, im))
	}
}

// box returns a grid of dim voxels of size [mm] centred on the head and turned
// by r [rad].
func box(dim [3]int, size voxel.Vec, r voxel.Vec, centre voxel.Vec) voxel.Grid {
	a := voxel.Rotation(r).Mul(voxel.Scaling(size))
	c := a.Map(voxel.Vec{float64(dim[0]-1) / 2, float64(dim[1]-1) / 2, float64(dim[2]-1) / 2})
	for i := range 3 {
		a[i][3] = centre[i] - c[i]
	}
	return voxel.Grid{Dim: dim, Affine: a}
}

// brainMask returns the voxels of g mostly brain.
func brainMask(g voxel.Grid) *voxel.Mask {
	m := voxel.NewMask(g)
	for n := range m.In {
		_, grey, white, _, _ := fractions(g.World(g.Coord(n)))
		m.In[n] = grey+white > 0.5
	}
	return m
}

func uniform(rng *rand.Rand, half float64) voxel.Vec {
	return voxel.Vec{half * (2*rng.Float64() - 1), half * (2*rng.Float64() - 1), half * (2*rng.Float64() - 1)}
}
