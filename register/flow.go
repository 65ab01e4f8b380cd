package register

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A flow is a displacement field on a lattice whose axes are the world's and
// whose spacing is the same along all three: x ↦ x + u(x), u interpolated
// linearly and, beyond the lattice, that of its nearest point.
type flow struct {
	voxel.Grid
	h      float64   // spacing [mm]
	origin voxel.Vec // of the first voxel [mm]
	u      [3][]float32
}

// newFlow returns the identity on a lattice of dim voxels of h mm that begins
// at origin.
func newFlow(dim [3]int, h float64, origin voxel.Vec) *flow {
	f := &flow{h: h, origin: origin}
	f.Dim = dim
	f.Affine = voxel.Translation(origin).Mul(voxel.Scaling(voxel.Vec{h, h, h}))
	for a := range f.u {
		f.u[a] = make([]float32, f.Len())
	}
	return f
}

// at returns u at the point x [mm].
func (f *flow) at(x voxel.Vec) voxel.Vec {
	q := 1 / f.h
	return f.atVoxel((x[0]-f.origin[0])*q, (x[1]-f.origin[1])*q, (x[2]-f.origin[2])*q)
}

// atVoxel returns u at a point in voxels of the lattice; of a point that is not
// a number, not a number.
func (f *flow) atVoxel(x, y, z float64) (d voxel.Vec) {
	i, fx, dx := cellOf(x, f.Dim[0], 1)
	j, fy, dy := cellOf(y, f.Dim[1], f.Dim[0])
	k, fz, dz := cellOf(z, f.Dim[2], f.Dim[0]*f.Dim[1])
	n := i + f.Dim[0]*(j+f.Dim[1]*k)
	gx, gy, gz := 1-fx, 1-fy, 1-fz
	w00, w10, w01, w11 := gy*gz, fy*gz, gy*fz, fy*fz
	for a := range 3 {
		u := f.u[a]
		p, q := u[n:], u[n+dz:]
		d[a] = w00*(gx*float64(p[0])+fx*float64(p[dx])) + w10*(gx*float64(p[dy])+fx*float64(p[dy+dx])) +
			w01*(gx*float64(q[0])+fx*float64(q[dx])) + w11*(gx*float64(q[dy])+fx*float64(q[dy+dx]))
	}
	return d
}

// cellOf returns the voxel at or below x among n, held within them, the rest,
// and the step to the next voxel where there is one.
func cellOf(x float64, n, stride int) (lo int, rest float64, step int) {
	if !(x > 0) {
		return 0, x - x, min(stride, stride*(n-1)) // x − x: NaN stays NaN
	}
	if x >= float64(n-1) {
		return n - 1, 0, 0
	}
	lo = int(x)
	return lo, x - float64(lo), stride
}

// row sets d to u at the points (x, y, z), in voxels of the lattice, of a row of
// voxels of which thin share one of the lattice: x = (n+½)/thin − ½. spare has
// room for a row of the lattice. It is atVoxel for many points at a time.
func (f *flow) row(d, spare *[3][]float64, y, z float64, thin int) {
	nx := f.Dim[0]
	j, fy, dy := cellOf(y, f.Dim[1], nx)
	k, fz, dz := cellOf(z, f.Dim[2], nx*f.Dim[1])
	n := nx * (j + f.Dim[1]*k)
	w00, w10, w01, w11 := (1-fy)*(1-fz), fy*(1-fz), (1-fy)*fz, fy*fz
	for a := range 3 {
		u := f.u[a]
		p, q, r, s := u[n:][:nx], u[n+dy:][:nx], u[n+dz:][:nx], u[n+dy+dz:][:nx]
		line, out := spare[a], d[a]
		if thin == 1 {
			line = out
		}
		for i := range p {
			line[i] = w00*float64(p[i]) + w10*float64(q[i]) + w01*float64(r[i]) + w11*float64(s[i])
		}
		if thin == 1 {
			continue
		}
		for i := range out {
			lo, rest, step := cellOf((float64(i)+0.5)/float64(thin)-0.5, nx, 1)
			out[i] = line[lo] + rest*(line[lo+step]-line[lo])
		}
	}
}

// follow replaces f by f∘(id + s·v): u(x) ← s·v(x) + u(x + s·v(x)). f and v
// have one lattice; spare holds the result while it is made, and then f's old
// arrays.
func (f *flow) follow(v *flow, s float64, spare *[3][]float32, workers int) {
	nx, ny := f.Dim[0], f.Dim[1]
	q := s / f.h
	par.Ranges(workers, ny*f.Dim[2], 16, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			y, z := float64(row%ny), float64(row/ny)
			for i := range nx {
				n := row*nx + i
				vx, vy, vz := float64(v.u[0][n]), float64(v.u[1][n]), float64(v.u[2][n])
				d := f.atVoxel(float64(i)+q*vx, y+q*vy, z+q*vz)
				spare[0][n] = float32(d[0] + s*vx)
				spare[1][n] = float32(d[1] + s*vy)
				spare[2][n] = float32(d[2] + s*vz)
			}
		}
	})
	f.u, *spare = *spare, f.u
}

// onto returns f interpolated by cubic B-splines at another lattice.
func (f *flow) onto(dim [3]int, h float64, origin voxel.Vec, workers int) *flow {
	g := newFlow(dim, h, origin)
	at := func(a, i int) float64 { // held within f: beyond, the nearest value
		return min(max((origin[a]+float64(i)*h-f.origin[a])/f.h, 0), float64(f.Dim[a]-1))
	}
	for a := range 3 {
		s := voxel.NewSampler(&voxel.Image{Grid: f.Grid, Data: f.u[a]}, voxel.Cubic)
		par.Ranges(workers, dim[1]*dim[2], 16, func(lo, hi int) {
			row := make([]voxel.Vec, dim[0])
			for r := lo; r < hi; r++ {
				y, z := at(1, r%dim[1]), at(2, r/dim[1])
				for i := range row {
					row[i] = voxel.Vec{at(0, i), y, z}
				}
				s.AtVoxels(g.u[a][r*dim[0]:][:dim[0]], row)
			}
		})
	}
	return g
}

// smooth smooths every component by a Gaussian of sigma [mm].
func (f *flow) smooth(sigma float64, workers int) {
	if sigma <= 0 {
		return
	}
	for a := range f.u {
		f.u[a] = gaussed(f.Grid, f.u[a], sigma, workers)
	}
}

func gaussed(g voxel.Grid, data []float32, sigma float64, workers int) []float32 {
	return voxel.Smooth(&voxel.Image{Grid: g, Data: data}, sigma*fwhmPerSigma, workers).Data
}

// undo returns the y with y + u(y) = x, to within 1 µm, by fixed-point iteration
// from the guess y. The iteration contracts where the slopes of u are below 1,
// as those of half a deformation of a head are; where it does not, shorter
// steps are taken, and the last y is returned.
func (f *flow) undo(x, y voxel.Vec) voxel.Vec {
	share := 1.0
	for n := range 100 {
		d := f.at(y)
		var far float64
		for a := range y {
			e := x[a] - d[a] - y[a]
			y[a] += share * e
			far = max(far, math.Abs(e))
		}
		if far < 1e-3 {
			break
		}
		if n == 30 {
			share = 0.5
		}
	}
	return y
}

// leastDet is the determinant that no cell of a flow may fall below.
const leastDet = 0.1

// unfold smooths f until its determinants are all at least leastDet.
func (f *flow) unfold(workers int) {
	for sigma := f.h / 2; sigma < 64*f.h; sigma *= 1.4 {
		if lo, _ := detRange(voxel.NewWarp(f.Grid, f.u), workers); lo >= leastDet {
			return
		}
		f.smooth(sigma, workers)
	}
}

// detRange returns the least and largest determinant of the derivative of w,
// which is interpolated linearly, over the eight corners of each cell of its
// grid; NaN if it has no cells. A determinant that is not a number counts as
// −∞.
func detRange(w *voxel.Warp, workers int) (least, most float64) {
	g := w.Grid
	nx, ny, nz := g.Dim[0], g.Dim[1], g.Dim[2]
	if nx < 2 || ny < 2 || nz < 2 {
		return math.NaN(), math.NaN()
	}
	inv := g.Affine.Inverse()
	size := inv.Det()
	part := make([][2]float64, nz-1)
	par.Do(workers, nz-1, func(k int) {
		lo, hi := math.Inf(1), math.Inf(-1)
		for j := range ny - 1 {
			for i := range nx - 1 {
				n := i + nx*(j+ny*k)
				// Edges along the three axes, four each, as the world sees
				// them: the grid's own step and the change of displacement.
				var edge [3][4]voxel.Vec
				for a, s := range [3]int{1, nx, nx * ny} {
					sb, sc := nx, nx*ny
					switch a {
					case 1:
						sb = 1
					case 2:
						sb, sc = 1, nx
					}
					for c, p := range [4]int{n, n + sb, n + sc, n + sb + sc} {
						for b := range 3 {
							edge[a][c][b] = g.Affine[b][a] + float64(w.Disp[b][p+s]-w.Disp[b][p])
						}
					}
				}
				for c := range 8 {
					x, y, z := c&1, c>>1&1, c>>2
					p, q, r := &edge[0][y+2*z], &edge[1][x+2*z], &edge[2][x+2*y]
					det := size * (p[0]*(q[1]*r[2]-q[2]*r[1]) + p[1]*(q[2]*r[0]-q[0]*r[2]) + p[2]*(q[0]*r[1]-q[1]*r[0]))
					if det != det {
						det = math.Inf(-1)
					}
					lo, hi = min(lo, det), max(hi, det)
				}
			}
		}
		part[k] = [2]float64{lo, hi}
	})
	least, most = math.Inf(1), math.Inf(-1)
	for _, p := range part {
		least, most = min(least, p[0]), max(most, p[1])
	}
	return least, most
}
