package tissue

import (
	"math"
	"slices"
	"testing"

	"phasl/voxel"
)

// layers is an image of 1 mm voxels whose value depends on x alone.
func layers(value func(i int) float32) *voxel.Image {
	img := voxel.NewImage(voxel.Grid{Dim: [3]int{60, 9, 9}, Affine: voxel.Identity()})
	for n := range img.Data {
		i, _, _ := img.Coord(n)
		img.Data[n] = value(i)
	}
	return img
}

// f3 by its formula, looking from x = 40 towards lower x: the darkest value
// within 20 mm, the brightest within 10 mm, a floor, and the band of a prior.
func TestPull(t *testing.T) {
	img := layers(func(i int) float32 {
		switch {
		case i == 22: // 18 mm below
			return 30
		case i == 25: // 15 mm below, beyond the reach
			return 95
		case i == 33:
			return 80
		}
		return 60
	})
	base := steer{img: img, lim: limits{low: 10, high: 110, head: 20, median: 100}, fraction: 0.5, depth: 20, reach: 10, pace: 1, inv: voxel.Identity()}
	f3 := func(dark, bright, fraction float64) float64 {
		return 2 * (dark - 10 - fraction*(bright-10)) / (bright - 10)
	}
	at, out := voxel.Vec{40, 4, 4}, voxel.Vec{1, 0, 0}
	plane := newDistance(func(p voxel.Vec) float64 { // its surface lies at x = 40.5
		if p[0] < 40.5 {
			return 1
		}
		return 0
	}, img.Grid, 2, 1)
	d := plane.at(&at)
	for _, tt := range []struct {
		name string
		edit func(s *steer)
		want float64
	}{
		{"image alone", func(*steer) {}, f3(30, 80, 0.5)},
		{"whole reach", func(s *steer) { s.reach = 20 }, f3(30, 95, 0.5)},
		{"less deep", func(s *steer) { s.depth = 12 }, f3(60, 80, 0.5)},
		{"floor above the brightest", func(s *steer) { s.floor = 0.9 }, f3(30, 91, 0.5)},
		{"in the prior's band", func(s *steer) { s.prior, s.band = plane, 5 }, f3(30, 80, 0.5+priorSlope*d/5)},
		{"outside the box", func(s *steer) { s.inv = voxel.Translation(voxel.Vec{30, 0, 0}) }, 0},
		{"far outside the prior", func(s *steer) {
			s.prior, s.band = plane, 5
			s.inv = voxel.Translation(voxel.Vec{-15, 0, 0})
		}, -1},
	} {
		s, p := base, at
		tt.edit(&s)
		if s.inv[0][3] == -15 { // the same voxels from a point further out
			p[0] += 15
		}
		if got := s.pull(p[0], p[1], p[2], out[0], out[1], out[2]); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	s, deep := base, voxel.Vec{30, 4, 4}
	s.prior, s.band = plane, 5
	if got := s.pull(deep[0], deep[1], deep[2], out[0], out[1], out[2]); got != 1 {
		t.Errorf("deep inside the prior: %v", got)
	}
}

// One round of a bumpy surface against the formula written with vectors.
func TestDeformRound(t *testing.T) {
	m := icosphere(2)
	c := voxel.Vec{30, 30, 30}
	for i, v := range m.vert {
		m.vert[i] = add(c, scale(v, 20+3*math.Sin(7*v[0]+4*v[1])))
	}
	g := voxel.Grid{Dim: [3]int{60, 60, 60}, Affine: voxel.Identity()}
	img := voxel.NewImage(g)
	for n := range img.Data {
		img.Data[n] = 100
	}
	old := slices.Clone(m.vert)
	normal := m.normals()
	edge := m.meanEdge(1)
	// All is as bright as brain: f3 is 1.
	m.deform(steer{img: img, lim: limits{low: 0, high: 100, head: 10, median: 100}, fraction: 0.5, depth: 5, reach: 5, rounds: 1, workers: 1})
	for v, p := range old {
		var mean voxel.Vec
		for _, w := range m.near[v] {
			mean = add(mean, scale(old[w], 1/float64(len(m.near[v]))))
		}
		s := sub(mean, p)
		sn := scale(normal[v], dot(s, normal[v]))
		const e, f = (1/3.33 + 1/10.) / 2, 6 / (1/3.33 - 1/10.)
		f2 := (1 + math.Tanh(f*(2*norm(sn)/(edge*edge)-e))) / 2
		want := add(p, add(scale(sub(s, sn), 0.5), add(scale(sn, f2), scale(normal[v], 0.05*edge))))
		if d := voxel.Distance(m.vert[v], want); d > 1e-9 {
			t.Fatalf("vertex %d is %v mm off", v, d)
		}
	}
}

// A plane halfway between two layers of centres is at its exact distance, and
// sides agrees with at in every voxel.
func TestDistancePlane(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{61, 61, 61}, Affine: voxel.Translation(voxel.Vec{-60, -60, -60}).Mul(voxel.Scaling(voxel.Vec{2, 2, 2}))}
	d := newDistance(func(p voxel.Vec) float64 {
		if p[0] < 0 {
			return 1
		}
		return 0
	}, g, 2, 1)
	for x := -40.; x < 40; x += 0.37 {
		if got := d.at(&voxel.Vec{x, 3, 4}); math.Abs(got-x) > 1e-5 {
			t.Fatalf("at x = %v: %v", x, got)
		}
	}
	ball := newDistance(func(p voxel.Vec) float64 { return max(0, 1-norm(sub(p, voxel.Vec{5, 3, 1}))/60) }, g, 3, 1)
	turned := voxel.Grid{Dim: [3]int{90, 40, 40}, Affine: voxel.Rotation(voxel.Vec{0.4, 0.3, 0.2}).Mul(voxel.Translation(voxel.Vec{-60, -40, -40})).Mul(voxel.Scaling(voxel.Vec{1.3, 2, 2}))}
	inside, near := ball.sides(turned, 6, 2)
	for n := range inside.In {
		p := turned.World(turned.Coord(n))
		if v := ball.at(&p); inside.In[n] != (v < 0) || near.In[n] != (math.Abs(v) <= 6) {
			t.Fatalf("voxel %d at %v mm: inside %v, near %v", n, v, inside.In[n], near.In[n])
		}
	}
}

// A peanut, whose rows leave the surface and enter it again.
func TestMeshMaskConcave(t *testing.T) {
	radius := func(u voxel.Vec) float64 { return 8 + 22*u[0]*u[0] }
	m := icosphere(5)
	for i, v := range m.vert {
		m.vert[i] = scale(v, radius(v))
	}
	g := voxel.Grid{Dim: [3]int{70, 40, 40}, Affine: voxel.Translation(voxel.Vec{-35, -20, -20})}
	got := m.mask(g)
	for n, in := range got.In {
		p := g.World(g.Coord(n))
		r := norm(p)
		// Facets lie inside the surface or, in the waist, outside it, by less.
		if want := radius(unit(p)); r > 0 && in != (r < want) && math.Abs(r-want) > 0.3 {
			t.Fatalf("%v: inside %v", p, in)
		}
	}
}

// Neither the neck nor a grey background moves the place to begin.
func TestStartSphere(t *testing.T) {
	h := drawHead(headGrid(4), 1)
	lim := robustLimits(h.t1.Data, nil)
	want, r := startSphere(h.t1, lim, nil)
	if voxel.Distance(want, voxel.Vec{}) > 15 || r < 60 || r > 95 { // the brain is centred on 0
		t.Errorf("start at %v, radius %v", want, r)
	}
	short := h.t1.Clone()
	for n := range short.Data {
		if p := short.World(short.Coord(n)); p[2] < -50 {
			short.Data[n] = 0
		} else if short.Data[n] == 0 {
			short.Data[n] = float32(lim.low + 0.9*(lim.head-lim.low))
		}
	}
	if got, q := startSphere(short, lim, nil); voxel.Distance(got, want) > 1e-6 || q != r {
		t.Errorf("without a neck, on a grey background: start at %v, radius %v, want %v, %v", got, q, want, r)
	}
}

func TestClampToPrior(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{6, 1, 1}, Affine: voxel.Identity()}
	of := func(in ...bool) *voxel.Mask { return &voxel.Mask{Grid: g, In: in} }
	img := &voxel.Image{Grid: g, Data: []float32{5, 5, 0, 5, 5, 5}}
	mask := of(true, false, false, true, false, true)
	inside := of(false, true, true, true, true, false)
	near := of(false, false, false, true, true, true)
	clampToPrior(mask, img, limits{low: 1}, inside, near)
	if want := []bool{false, true, false, true, false, true}; !slices.Equal(mask.In, want) {
		t.Errorf("%v, want %v", mask.In, want)
	}
}

// The mask of last resort, and a word on a prior that does not fit.
func TestFallbacks(t *testing.T) {
	h := drawHead(headGrid(3), 1)
	m := openedThreshold(h.t1, robustLimits(h.t1.Data, nil), 1)
	if d := dice(m, h.brain); d < 0.8 { // CSF is dark and lost: 14 % of the brain
		t.Errorf("threshold and opening: Dice %.3f", d)
	}
	rep := BrainReport{}
	shifted := voxel.NewMask(h.t1.Grid)
	copy(shifted.In[12:], h.brain.In) // by 36 mm
	finish(h.brain.Clone(), h.t1, &rep, shifted)
	if len(rep.Notes) != 1 || rep.PriorDice > 0.85 {
		t.Errorf("%+v", rep)
	}
}
