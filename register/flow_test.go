package register

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// wavy returns a flow of a few waves of the given height [mm], and its formula.
func wavy(dim [3]int, h, height float64) (*flow, func(voxel.Vec) voxel.Vec) {
	fn := func(x voxel.Vec) voxel.Vec {
		return voxel.Vec{
			height * math.Sin(x[1]/14+0.3),
			height * math.Sin(x[2]/12-0.01*x[0]),
			height * math.Cos(x[0]/13+0.02*x[1]),
		}
	}
	f := newFlow(dim, h, voxel.Vec{-20, -30, 5})
	for n := range f.Len() {
		d := fn(f.World(f.Coord(n)))
		for a := range d {
			f.u[a][n] = float32(d[a])
		}
	}
	return f, fn
}

func TestFlowFollows(t *testing.T) {
	dim := [3]int{40, 44, 36}
	f, u := wavy(dim, 1, 2)
	v, _ := wavy(dim, 1, 1.5)
	var spare [3][]float32
	for a := range spare {
		spare[a] = make([]float32, f.Len())
	}
	for _, s := range []float64{1, -1} {
		f, _ := wavy(dim, 1, 2)
		f.follow(v, s, &spare, 2)
		for n := range f.Len() {
			i, j, k := f.Coord(n)
			if i < 3 || j < 3 || k < 3 || i > dim[0]-4 || j > dim[1]-4 || k > dim[2]-4 {
				continue
			}
			x := f.World(i, j, k)
			w := v.at(x)
			d := u(voxel.Vec{x[0] + s*w[0], x[1] + s*w[1], x[2] + s*w[2]})
			for a := range d {
				// Linear interpolation errs by up to h²u″/8 = 2/(8·144) along each axis.
				if want := s*w[a] + d[a]; math.Abs(float64(f.u[a][n])-want) > 6e-3 {
					t.Fatalf("%v at %v: %g, want %g", s, x, f.u[a][n], want)
				}
			}
		}
	}
	p := voxel.Vec{-1000, math.NaN(), 3}
	if d := f.at(p); d[0] == d[0] {
		t.Errorf("at %v: %v", p, d)
	}
	for _, p := range []voxel.Vec{{-1000, -10, 10}, {1000, 1000, 1000}} { // the nearest point's
		q := p
		for a := range q {
			q[a] = min(max(q[a], f.origin[a]), f.origin[a]+float64(dim[a]-1)*f.h)
		}
		if f.at(p) != f.at(q) {
			t.Errorf("at %v: %v, at %v: %v", p, f.at(p), q, f.at(q))
		}
	}
}

// Rows agree with single points, whatever shares a voxel.
func TestFlowRow(t *testing.T) {
	f, _ := wavy([3]int{9, 6, 5}, 2, 3)
	for _, thin := range []int{1, 2, 3} {
		var d, spare [3][]float64
		for a := range d {
			d[a], spare[a] = make([]float64, f.Dim[0]*thin), make([]float64, f.Dim[0])
		}
		for _, q := range []voxel.Vec{{0, -0.25, 0.25}, {0, 2.75, 4.25}, {0, 5, 1.5}} {
			f.row(&d, &spare, q[1], q[2], thin)
			for n := range d[0] {
				want := f.atVoxel((float64(n)+0.5)/float64(thin)-0.5, q[1], q[2])
				for a := range want {
					if math.Abs(d[a][n]-want[a]) > 1e-12 {
						t.Fatalf("thin %d, %v, voxel %d: %g, want %g", thin, q, n, d[a][n], want[a])
					}
				}
			}
		}
	}
}

func TestFlowUndo(t *testing.T) {
	for _, height := range []float64{2, 6, 11} { // slopes of 0.15, 0.5 and 0.9
		f, _ := wavy([3]int{40, 44, 36}, 1, height)
		rng := rand.New(rand.NewPCG(1, 1))
		for range 300 {
			x := uniform(rng, 40)
			y := f.undo(x, x)
			d := f.at(y)
			for a := range d {
				d[a] += y[a]
			}
			if e := voxel.Distance(d, x); !(e < 3e-3) {
				t.Fatalf("height %g: %v comes back %.4f mm off", height, x, e)
			}
		}
	}
}

func TestFlowOnto(t *testing.T) {
	f, u := wavy([3]int{20, 22, 18}, 4, 3)
	g := f.onto([3]int{40, 44, 36}, 2, voxel.Vec{-21, -31, 4}, 0)
	for n := range g.Len() {
		i, j, k := g.Coord(n)
		if i < 8 || j < 8 || k < 8 || i > 31 || j > 35 || k > 27 {
			continue
		}
		d := u(g.World(i, j, k))
		for a := range d {
			if math.Abs(float64(g.u[a][n])-d[a]) > 5e-3 { // splines of step h err by h⁴u⁗/384
				t.Fatalf("at %v: %g, want %g", g.World(i, j, k), g.u[a][n], d[a])
			}
		}
	}
}

// The determinant of an affine map is the same everywhere, on any grid; a
// single displaced voxel folds just its own cells.
func TestDetRange(t *testing.T) {
	m := voxel.Affine{{1.2, 0.1, 0, 3}, {-0.05, 0.9, 0.2, 0}, {0.1, 0, 1.05, -1}}
	g := box([3]int{6, 5, 4}, voxel.Vec{2, 3, 2.5}, voxel.Vec{0.3, -0.2, 0.5}, voxel.Vec{4, 5, 6})
	var disp [3][]float32
	for a := range disp {
		disp[a] = make([]float32, g.Len())
	}
	for n := range g.Len() {
		x := g.World(g.Coord(n))
		y := m.Map(x)
		for a := range disp {
			disp[a][n] = float32(y[a] - x[a])
		}
	}
	w := voxel.NewWarp(g, disp)
	lo, hi := detRange(w, 2)
	if want := m.Det(); math.Abs(lo-want) > 1e-5 || math.Abs(hi-want) > 1e-5 {
		t.Errorf("from %g to %g, want %g", lo, hi, want)
	}
	// 1.5 voxels along the first axis: the edge to the next voxel has turned
	// round to −0.5, that from the voxel before has length 2.5.
	for a := range disp {
		clear(disp[a])
		disp[a][g.Index(2, 2, 2)] = float32(1.5 * g.Affine[a][0])
	}
	if lo, hi = detRange(w, 1); math.Abs(lo+0.5) > 1e-5 || math.Abs(hi-2.5) > 1e-5 {
		t.Errorf("from %g to %g, want -0.5 to 2.5", lo, hi)
	}
	f := newFlow([3]int{8, 8, 8}, 2, voxel.Vec{})
	f.u[0][f.Index(4, 4, 4)] = 3
	f.unfold(1)
	if lo, _ := detRange(voxel.NewWarp(f.Grid, f.u), 1); !(lo >= leastDet) {
		t.Errorf("unfolded to %g", lo)
	}
	if lo, hi := detRange(voxel.NewWarp(voxel.Grid{Dim: [3]int{3, 3, 1}, Affine: voxel.Identity()}, [3][]float32{make([]float32, 9), make([]float32, 9), make([]float32, 9)}), 1); lo == lo || hi == hi {
		t.Errorf("a slice has determinants %g, %g", lo, hi)
	}
}

func TestSquareRoot(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 3))
	for range 50 {
		m := voxel.Translation(uniform(rng, 60)).Mul(voxel.Rotation(uniform(rng, 1.7))).Mul(voxel.Scaling(voxel.Vec{0.6 + rng.Float64(), 0.6 + rng.Float64(), 0.6 + rng.Float64()}))
		s, ok := squareRoot(m)
		if p := s.Mul(s); !ok || !(largest(p, m) < 1e-9) {
			t.Fatalf("%v: %v, squared %v", m, s, p)
		}
		// Exchanged images must meet in the same place.
		back, ok := squareRoot(m.Inverse())
		if p := back.Mul(s); !ok || !(largest(p, voxel.Identity()) < 1e-9) {
			t.Fatalf("root of the inverse is not the inverse of the root: %v", p)
		}
	}
	if _, ok := squareRoot(voxel.Scaling(voxel.Vec{-1, 1, 1})); ok {
		t.Error("a mirror has a root")
	}
}

func largest(a, b voxel.Affine) (most float64) {
	for i := range a {
		for j := range a[i] {
			most = max(most, math.Abs(a[i][j]-b[i][j]))
		}
	}
	return most
}
