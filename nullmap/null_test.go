package nullmap

import (
	"math"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/internal/keyed"
	"phasl/voxel"
)

// smoothMap returns a map with long and short structure.
func smoothMap(p []voxel.Vec, seed int) []float64 {
	return drawRoot(rootOf(covarianceMatrix(p, Kernel{Matern12, 40}, 0.5, 0.1)), keyed.Stream(99, forMaps, seed))
}

// ball returns a mask of all voxels within r voxels of the middle of a grid
// of mm, x mm to the right.
func ball(r int, mm, x float64) *voxel.Mask {
	n := 2*r + 3
	a := voxel.Scaling(voxel.Vec{mm, mm, mm})
	for k := range 3 {
		a[k][3] = -mm * float64(r+1)
	}
	a[0][3] += x
	m := voxel.NewMask(voxel.Grid{Dim: [3]int{n, n, n}, Affine: a})
	for v := range m.In {
		p := m.World(m.Coord(v))
		m.In[v] = voxel.Distance(p, voxel.Vec{x, 0, 0}) <= mm*float64(r)
	}
	return m
}

// Surrogate k is the same whatever the number of workers, the order and what
// else was drawn.
func TestDrawsDependOnSeedAndNumberAlone(t *testing.T) {
	p := brain(60)
	x := smoothMap(p, 1)
	x[7] = math.NaN()
	mask := ball(6, 3, 60)
	var vox []float64
	r := keyed.Stream(1, forMaps, 2)
	for _, v := range maskCoords(mask) {
		vox = append(vox, math.Sin(v[0]/9)+math.Cos(v[1]/12)+0.2*r.NormFloat64())
	}
	for _, m := range Methods() {
		for _, tt := range []struct {
			name string
			m    Map
			o    Options
		}{
			{"parcels", Map{File: "x", Values: x, Coords: p}, Options{Method: m, Seed: 4}},
			{"voxels", Map{File: "x", Values: vox, Mask: mask}, Options{Method: m, Seed: 4, seeds: 40, Smash: SmashOptions{Sampled: true, Neighbours: 50, Sample: 100}}},
		} {
			if tt.m.Mask != nil && (m == Moran || m == MoranPair || m == Spin) {
				continue // the same code as for parcels
			}
			a, l := New(tt.m, tt.o)
			if l.Err() != nil {
				t.Fatalf("%s: %v", m, l)
			}
			tt.o.Workers = 3
			b, _ := New(tt.m, tt.o)
			want := a.Matrix(7, 1)
			got := b.Matrix(7, 4)
			one := make([]float64, len(tt.m.Values))
			b.Draw(one, 5)
			if !same(one, want[5]) {
				t.Errorf("%s %s: surrogate 5 alone differs", m, tt.name)
			}
			for k := range want {
				if !same(got[k], want[k]) {
					t.Errorf("%s %s: surrogate %d depends on the number of workers", m, tt.name, k)
					break
				}
			}
			if same(want[0], want[1]) {
				t.Errorf("%s %s: surrogates 0 and 1 are the same", m, tt.name)
			}
			tt.o.Seed++
			c, _ := New(tt.m, tt.o)
			c.Draw(one, 0)
			if same(one, want[0]) {
				t.Errorf("%s %s: another seed gives the same", m, tt.name)
			}
		}
	}
}

func same(a, b []float64) bool {
	for i := range a {
		if math.Float64bits(a[i]) != math.Float64bits(b[i]) && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

// Surrogates have no value where the map has none, its mean, its values if they
// are kept, and nothing in them is NaN.
func TestSurrogatesAreWhole(t *testing.T) {
	p := brain(60)
	x := smoothMap(p, 1)
	for i := range x {
		x[i] += 100
	}
	x[7], x[20] = math.NaN(), math.NaN()
	var mean float64
	var own []float64
	for _, v := range x {
		if !math.IsNaN(v) {
			mean += v / 58
			own = append(own, v)
		}
	}
	slices.Sort(own)
	for _, m := range Methods() {
		for _, keep := range []bool{false, true} {
			n, l := New(Map{File: "x.txt", Values: x, Coords: p}, Options{Method: m, Keep: keep})
			if l.Err() != nil {
				t.Fatalf("%s: %v", m, l)
			}
			if !strings.Contains(l.Error(), "2 of 60 places have no value") {
				t.Errorf("%s: missing values are not said: %v", m, l)
			}
			n.Each(20, 2, func(k int, s []float64) {
				var sum float64
				var got []float64
				for i, v := range s {
					if math.IsNaN(v) != math.IsNaN(x[i]) {
						t.Errorf("%s: place %d is %g", m, i, v)
					}
					if !math.IsNaN(v) {
						sum += v / 58
						got = append(got, v)
					}
				}
				slices.Sort(got)
				if keep && !slices.Equal(got, own) {
					t.Errorf("%s: values are not kept", m)
				}
				if m != Spin && math.Abs(sum-mean) > 1e-9*mean {
					t.Errorf("%s: mean %g, want %g", m, sum, mean)
				}
			})
		}
	}
}

// Broken input is refused by name, and nothing panics.
func TestBrokenInput(t *testing.T) {
	p := brain(60)
	x := smoothMap(p, 1)
	with := func(f func(m *Map)) Map {
		m := Map{File: "map.txt", Values: slices.Clone(x), Coords: slices.Clone(p)}
		f(&m)
		return m
	}
	nan := math.NaN()
	for _, tt := range []struct {
		name string
		m    Map
		o    Options
		want string
		warn bool
	}{
		{"constant", with(func(m *Map) {
			for i := range m.Values {
				m.Values[i] = 3
			}
		}), Options{}, "all values are 3", false},
		{"all missing", with(func(m *Map) {
			for i := range m.Values {
				m.Values[i] = nan
			}
		}), Options{}, "0 of 60 places have a value", false},
		{"infinite", with(func(m *Map) { m.Values[3] = math.Inf(1) }), Options{}, "place 4: its value is +Inf", false},
		{"too large", with(func(m *Map) { m.Values[3] = 1e200 }), Options{}, "place 4: its value is 1e+200", false},
		{"too small", with(func(m *Map) {
			for i := range m.Values {
				m.Values[i] = 1e-200 * float64(i)
			}
		}), Options{}, "too little to compute with", false},
		{"not mm", with(func(m *Map) { m.Coords[2][0] = 1e300 }), Options{}, "place 3: it lies at 1e+300", false},
		{"nearly one spot", with(func(m *Map) {
			m.Coords[1] = m.Coords[0]
			m.Coords[1][0] += 1e-12
		}), Options{}, "", true},
		{"no coordinates", with(func(m *Map) { m.Coords = nil }), Options{}, "not known where the places are", false},
		{"short coordinates", with(func(m *Map) { m.Coords = m.Coords[:59] }), Options{}, "there are 59 for 60 values", false},
		{"lost coordinate", with(func(m *Map) { m.Coords[9][1] = nan }), Options{}, "place 10: it has a value and no coordinates", false},
		{"wrong distances", with(func(m *Map) { m.Distances = Euclidean(p[:50]) }), Options{}, "there are 50 for 60 values", false},
		{"one spot", with(func(m *Map) {
			for i := range m.Coords {
				m.Coords[i] = voxel.Vec{1, 2, 3}
			}
		}), Options{}, "all places lie at one spot", false},
		{"no method", with(func(m *Map) {}), Options{Method: "spline"}, `"spline" is no method`, false},
		{"no smoother", with(func(m *Map) {}), Options{Method: BrainSMASH, Smash: SmashOptions{Smoother: "box"}}, `"box" is no smoother`, false},
		{"spin without places", with(func(m *Map) { m.Distances, m.Coords = Euclidean(p), nil }), Options{Method: Spin}, "spin needs coordinates", false},
		{"small group", with(func(m *Map) { m.Groups = make([]int, 60); m.Groups[0] = 1 }), Options{}, "a group has 1 places", false},
		{"few", with(func(m *Map) { m.Values, m.Coords = m.Values[:12], m.Coords[:12] }), Options{}, "12 places with a value are few", true},
		{"duplicates", with(func(m *Map) { m.Coords[1], m.Coords[2] = m.Coords[0], m.Coords[0] }), Options{}, "2 places lie at the spot of another", true},
	} {
		methods := []Method{tt.o.Method}
		if tt.o.Method == "" {
			methods = Methods()
		}
		for _, m := range methods {
			tt.o.Method = m
			n, l := New(tt.m, tt.o)
			if m == Spin && (tt.name == "wrong distances" || tt.name == "duplicates" || tt.name == "one spot" || tt.name == "few" && n != nil) {
				continue // spin has no use for distances
			}
			if !strings.Contains(l.Error(), tt.want) {
				t.Errorf("%s, %s: %q, want %q", tt.name, m, l.Error(), tt.want)
			}
			if tt.warn != (n != nil) || tt.warn != (l.Err() == nil) {
				t.Errorf("%s, %s: Null %v with %v", tt.name, m, n != nil, l)
			}
			if n != nil {
				s := make([]float64, len(tt.m.Values))
				n.Draw(s, 0)
				if slices.ContainsFunc(s, math.IsNaN) {
					t.Errorf("%s, %s: NaN in a surrogate", tt.name, m)
				}
				if f := n.VariogramFit(10, 1); math.IsNaN(f.Error) {
					t.Errorf("%s, %s: no variogram error", tt.name, m)
				}
			}
		}
	}
}

func TestBrokenDistances(t *testing.T) {
	rows := func(f func(r [][]float64)) [][]float64 {
		r := [][]float64{{0, 1, 2}, {1, 0, 3}, {2, 3, 0}}
		f(r)
		return r
	}
	for _, tt := range []struct {
		rows [][]float64
		want string
	}{
		{rows(func(r [][]float64) { r[1] = r[1][:2] }), "row 2: it has 2 entries"},
		{rows(func(r [][]float64) { r[0][2] = -2 }), "row 3, column 1: 2 and its mirror image -2 are not both distances"},
		{rows(func(r [][]float64) { r[2][1] = math.NaN() }), "row 3, column 2"},
		{rows(func(r [][]float64) { r[2][1] = 4 }), "it is 4 and its mirror image 3"},
		{rows(func(r [][]float64) { r[1][1] = 1 }), "the distance of a place to itself is 1"},
	} {
		d, l := NewDistances("d.txt", tt.rows)
		if d != nil || !strings.Contains(l.Error(), tt.want) {
			t.Errorf("%v: %v, want %q", tt.rows, l, tt.want)
		}
	}
	if d, l := NewDistances("d.txt", rows(func([][]float64) {})); len(l) > 0 || d.Row(1)[2] != 3 {
		t.Errorf("sound distances refused: %v", l)
	}
	many := make([][]float64, 40)
	for i := range many {
		many[i] = make([]float64, 40)
		for j := range many[i] {
			many[i][j] = -1
		}
	}
	if _, l := NewDistances("d.txt", many); len(l) != 6 {
		t.Errorf("%d problems for 800 faults, want 5 and their number", len(l))
	}
	var _ diag.List
}

func TestPValue(t *testing.T) {
	null := []float64{-3, -1, 0, 1, math.NaN()}
	for _, tt := range []struct{ observed, want float64 }{{2, 2.0 / 5}, {1, 4.0 / 5}, {-3, 2.0 / 5}, {9, 1.0 / 5}} {
		if p := PValue(tt.observed, null); p != tt.want {
			t.Errorf("p of %g: %g, want %g", tt.observed, p, tt.want)
		}
	}
	if p := PValue(math.NaN(), null); !math.IsNaN(p) {
		t.Errorf("p of NaN: %g", p)
	}
	if p := PValue(1, []float64{math.NaN()}); !math.IsNaN(p) {
		t.Errorf("p without a null: %g", p)
	}
}

// Groups have surrogates of their own: with distances within groups alone the
// result is that of each group by itself, about its own mean.
func TestGroups(t *testing.T) {
	p := brain(80)
	x := smoothMap(p, 3)
	groups := make([]int, len(p))
	var left []int
	for i, v := range p {
		if v[0] < 0 {
			left = append(left, i)
		} else {
			groups[i] = 1
			x[i] += 50
		}
	}
	n, l := New(Map{File: "x", Values: x, Coords: p, Groups: groups}, Options{Method: Moran, Seed: 2})
	if l.Err() != nil {
		t.Fatal(l)
	}
	alone, l := New(Map{File: "x", Values: take(x, left), Coords: take(p, left)}, Options{Method: Moran, Seed: 2})
	if l.Err() != nil {
		t.Fatal(l)
	}
	s, a := make([]float64, len(p)), make([]float64, len(left))
	n.Draw(s, 0)
	alone.Draw(a, 0)
	near(t, "left", take(s, left), a, 1e-12)
	var right float64
	for i := range s {
		if groups[i] == 1 {
			right += s[i] / float64(len(s)-len(left))
		}
	}
	if right < 40 {
		t.Errorf("the right side lost its mean: %g", right)
	}
}
