package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A meeting is two images on their way to each other: both are seen through a
// flow from a space halfway between them.
type meeting struct {
	opt    DeformableOptions // filled
	side   [2]*side
	origin voxel.Vec // corner of the box where both show a head [mm, space halfway]
	size   voxel.Vec // of the box [mm]
}

// A side is one of the two images.
type side struct {
	img  *voxel.Image
	mask *voxel.Mask
	from voxel.Affine // space halfway → world of the image
	way  *flow        // bends the space halfway before that
}

// newMeeting returns the images of a and b, bent by nothing yet, in the box
// where both show a head or its margin: what only one shows has no say.
func newMeeting(a, b *head, t voxel.Affine, opt DeformableOptions) *meeting {
	m := &meeting{opt: opt}
	half, ok := squareRoot(t)
	back := half.Inverse()
	if !ok { // a turn by 180°: from fixed's world, then
		half, back = t, voxel.Identity()
	}
	m.side[0] = &side{img: a.img, mask: a.mask, from: back}
	m.side[1] = &side{img: b.img, mask: b.mask, from: half}
	lo, hi := a.box(m.side[0].from.Inverse())
	lo2, hi2 := b.box(m.side[1].from.Inverse())
	for a := range 3 {
		m.origin[a] = max(lo[a], lo2[a]) - coarse/2
		m.size[a] = min(hi[a], hi2[a]) + coarse/2 - m.origin[a]
	}
	return m
}

// box returns the corners of the box, along the axes of the world that t maps
// to, of the head and its margin.
func (h *head) box(t voxel.Affine) (lo, hi voxel.Vec) {
	for a := range 3 {
		lo[a], hi[a] = math.Inf(1), math.Inf(-1)
	}
	t = t.Mul(h.region.Affine)
	for n, in := range h.region.In {
		if !in {
			continue
		}
		i, j, k := h.region.Coord(n)
		p := t.Map(voxel.Vec{float64(i), float64(j), float64(k)})
		for a := range 3 {
			lo[a], hi[a] = min(lo[a], p[a]), max(hi[a], p[a])
		}
	}
	return lo, hi
}

// voxels returns the number of voxels of the box at the finest level.
func (m *meeting) voxels() float64 {
	h := m.opt.Spacing
	return math.Ceil(m.size[0]/h) * math.Ceil(m.size[1]/h) * math.Ceil(m.size[2]/h)
}

// warp returns the map from the world of side i to that of side j on the grid
// g of i.
func (m *meeting) warp(g voxel.Grid, i, j int) *voxel.Warp {
	in := m.side[i].from.Inverse()
	out := m.side[j].from
	var disp [3][]float32
	for a := range disp {
		disp[a] = make([]float32, g.Len())
	}
	nx, ny := g.Dim[0], g.Dim[1]
	par.Ranges(m.opt.Workers, ny*g.Dim[2], 16, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			var d voxel.Vec // from x to where it came from, of the voxel before
			for n := range nx {
				x := g.World(n, row%ny, row/ny)
				p := in.Map(x)
				q := m.side[i].way.undo(p, voxel.Vec{p[0] + d[0], p[1] + d[1], p[2] + d[2]})
				for a := range 3 {
					d[a] = q[a] - p[a]
				}
				e := m.side[j].way.at(q)
				y := out.Map(voxel.Vec{q[0] + e[0], q[1] + e[1], q[2] + e[2]})
				for a := range disp {
					disp[a][row*nx+n] = float32(y[a] - x[a])
				}
			}
		}
	})
	return voxel.NewWarp(g, disp)
}

// thereAndBack returns the mean and largest |back(there(x)) − x| [mm] over the
// voxels x of there whose place in fore belongs and which land in back's grid;
// NaN if there are none.
func thereAndBack(there, back *voxel.Warp, fore *voxel.Mask, workers int) (mean, most float64) {
	g := there.Grid
	toFore := fore.Affine.Inverse()
	toBack := back.Affine.Inverse()
	nx, ny := g.Dim[0], g.Dim[1]
	rows := ny * g.Dim[2]
	const piece = 16
	part := make([][3]float64, (rows+piece-1)/piece)
	par.Ranges(workers, rows, piece, func(lo, hi int) {
		var s [3]float64
		for row := lo; row < hi; row++ {
			for n := range nx {
				x := g.World(n, row%ny, row/ny)
				if !nearest(fore, toFore.Map(x)) {
					continue
				}
				y := there.Map(x)
				inside := true
				for a, v := range toBack.Map(y) {
					inside = inside && v >= 0 && v <= float64(back.Dim[a]-1)
				}
				if !inside {
					continue
				}
				d := voxel.Distance(back.Map(y), x)
				s[0]++
				s[1] += d
				if !(d <= s[2]) {
					s[2] = d
				}
			}
		}
		part[lo/piece] = s
	})
	var n, sum float64
	for _, s := range part {
		n += s[0]
		sum += s[1]
		if !(s[2] <= most) {
			most = s[2]
		}
	}
	if n == 0 {
		return math.NaN(), math.NaN()
	}
	return sum / n, most
}

// squareRoot returns the affine map s with s∘s = t whose turn is at most 90°,
// and whether it was found: Denman and Beavers' iteration for the linear part
// (Higham 1986, Math Comput 46:537, doi:10.1090/S0025-5718-1986-0829624-5),
// and for the shift (S + 1)·s = t.
func squareRoot(t voxel.Affine) (voxel.Affine, bool) {
	y, z := linear(t), voxel.Identity()
	for range 60 {
		if !y.Invertible() || !z.Invertible() {
			return voxel.Identity(), false
		}
		yi, zi := y.Inverse(), z.Inverse()
		for i := range 3 {
			for j := range 3 {
				y[i][j], z[i][j] = (y[i][j]+zi[i][j])/2, (z[i][j]+yi[i][j])/2
			}
		}
	}
	one := y
	for i := range 3 {
		one[i][i]++
	}
	if !one.Invertible() {
		return voxel.Identity(), false
	}
	shift := one.Inverse().Map(voxel.Vec{t[0][3], t[1][3], t[2][3]})
	for i := range 3 {
		y[i][3] = shift[i]
	}
	p := y.Mul(y)
	for i := range 3 {
		for j := range 4 {
			if !(math.Abs(p[i][j]-t[i][j]) <= 1e-6*(1+math.Abs(t[i][j]))) {
				return voxel.Identity(), false
			}
		}
	}
	return y, true
}
