package voxel

import (
	"math"
	"slices"
	"testing"
)

// noise returns a mask of about one voxel in every.
func noise(dim [3]int, s Vec, every int, seed uint64) *Mask {
	m := NewMask(slanted(dim, s))
	r := newRand(seed)
	for n := range m.In {
		m.In[n] = r.IntN(every) == 0
	}
	return m
}

// bruteEDT looks at every pair of voxels.
func bruteEDT(m *Mask, site bool) []float32 {
	d := make([]float32, m.Len())
	for n := range d {
		best := math.Inf(1)
		for o, in := range m.In {
			if in == site {
				best = min(best, Distance(m.World(m.Coord(n)), m.World(m.Coord(o))))
			}
		}
		d[n] = float32(best)
	}
	return d
}

func TestEDT(t *testing.T) {
	for _, dim := range append([][3]int{{13, 11, 9}}, shapes...) {
		for _, every := range []int{2, 7, 100, 1000000} {
			m := noise(dim, Vec{1, 2.3, 3.1}, every, 9)
			want := bruteEDT(m, true)
			// Squared distances in float32.
			compare(t, "EDT", EDT(m, 1), want, 1e-5)
			d2, from := distance2(m.Grid, m.In, true, true, 1)
			for n, f := range from {
				if f < 0 {
					if !math.IsInf(float64(want[n]), 1) {
						t.Fatal("no nearest voxel in a mask that is not empty")
					}
					continue
				}
				far := Distance(m.World(m.Coord(n)), m.World(m.Coord(int(f))))
				if !m.In[f] || math.Abs(far-float64(want[n])) > 1e-5 || math.Abs(far*far/float64(d2[n])-1) > 1e-6 && far > 0 {
					t.Fatalf("voxel %d: nearest at %g mm, want %g", n, far, want[n])
				}
			}
		}
	}
}

func TestErodeDilate(t *testing.T) {
	m := noise([3]int{14, 12, 10}, Vec{1, 2, 3}, 3, 10)
	sparse := noise([3]int{14, 12, 10}, Vec{1, 2, 3}, 60, 11)
	toIn, toOut := bruteEDT(sparse, true), bruteEDT(m, false)
	for _, r := range []float64{0, 1, 2, 2.9, 3, 4.5} { // some are exact distances
		dil, ero := Dilate(sparse, r, 1), Erode(m, r, 1)
		for n := range m.In {
			if want := float64(toIn[n]) <= r+1e-4; dil.In[n] != want {
				t.Fatalf("Dilate by %g mm: voxel %d, %g mm away, is %v", r, n, toIn[n], dil.In[n])
			}
			if want := m.In[n] && float64(toOut[n]) > r+1e-4; ero.In[n] != want {
				t.Fatalf("Erode by %g mm: voxel %d, %g mm from the outside, is %v", r, n, toOut[n], ero.In[n])
			}
		}
	}
	all := NewMask(m.Grid)
	for n := range all.In {
		all.In[n] = true
	}
	if Erode(all, 5, 1).Count() != all.Len() || Dilate(NewMask(m.Grid), 5, 1).Count() != 0 {
		t.Error("a full mask erodes, or an empty one grows")
	}
}

// Voxel sizes read from a file are float32: 1.1 is then a little more.
func TestBallOfRoundedSize(t *testing.T) {
	size := float64(float32(1.1))
	m := NewMask(gridOf([3]int{5, 5, 5}, Vec{size, size, size}))
	m.In[m.Index(2, 2, 2)] = true
	if got := Dilate(m, 1.1, 1).Count(); got != 7 {
		t.Errorf("a ball of one voxel's size holds %d voxels, want 7", got)
	}
}

func TestOpenClose(t *testing.T) {
	m := noise([3]int{20, 22, 18}, Vec{1, 1.5, 2}, 2, 12)
	blob := Dilate(noise([3]int{20, 22, 18}, Vec{1, 1.5, 2}, 400, 13), 4, 1)
	for n := range m.In {
		m.In[n] = m.In[n] && blob.In[n]
	}
	open, closed := Open(m, 2, 1), Close(m, 2, 1)
	for n, in := range m.In {
		if open.In[n] && !in || in && !closed.In[n] {
			t.Fatal("Open added a voxel, or Close removed one")
		}
	}
	if !slices.Equal(Open(open, 2, 1).In, open.In) || !slices.Equal(Close(closed, 2, 1).In, closed.In) {
		t.Error("Open or Close twice is not Open or Close once")
	}
	if closed.Count() <= m.Count() || open.Count() >= m.Count() {
		t.Errorf("%d voxels opened to %d and closed to %d", m.Count(), open.Count(), closed.Count())
	}
	// One voxel near the edge closes to itself.
	one := NewMask(m.Grid)
	one.In[one.Index(1, 0, 17)] = true
	if got := Close(one, 4, 1); got.Count() != 1 || !got.Grid.Same(one.Grid, 0) {
		t.Errorf("a single voxel closed to %d", got.Count())
	}
}

// On one line of voxels the edge of the grid is the only thing that could hold
// the closing up.
func TestCloseAtEdge(t *testing.T) {
	m := NewMask(gridOf([3]int{12, 1, 1}, Vec{1, 1, 1}))
	m.In[1] = true
	if got := Close(m, 3, 1); got.Count() != 1 || !got.In[1] {
		t.Errorf("one voxel beside the edge closed to %v", got.In)
	}
}

// flood labels components by filling from each voxel in turn.
func flood(m *Mask) (labels []int32, sizes []int) {
	labels = make([]int32, m.Len())
	for n, in := range m.In {
		if !in || labels[n] != 0 {
			continue
		}
		sizes = append(sizes, 0)
		l := int32(len(sizes))
		labels[n] = l
		for todo := []int{n}; len(todo) > 0; {
			i, j, k := m.Coord(todo[0])
			todo = todo[1:]
			sizes[l-1]++
			for _, d := range [][3]int{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}} {
				if !m.Inside(i+d[0], j+d[1], k+d[2]) {
					continue
				}
				if o := m.Index(i+d[0], j+d[1], k+d[2]); m.In[o] && labels[o] == 0 {
					labels[o] = l
					todo = append(todo, o)
				}
			}
		}
	}
	return labels, sizes
}

func TestComponents(t *testing.T) {
	for _, dim := range append([][3]int{{15, 13, 11}}, shapes...) {
		for _, every := range []int{1, 2, 3, 4, 100} {
			m := noise(dim, Vec{1, 1, 1}, every, 14)
			labels, sizes := Components(m)
			wantLabels, wantSizes := flood(m)
			if !slices.Equal(labels, wantLabels) || !slices.Equal(sizes, wantSizes) {
				t.Fatalf("shape %v, one in %d: components differ from a flood fill's", dim, every)
			}
			largest := Largest(m)
			want := 0
			if len(sizes) > 0 {
				want = slices.Max(sizes)
			}
			if got := largest.Count(); got != want {
				t.Fatalf("largest has %d voxels, want %d", got, want)
			}
			if _, parts := Components(largest); want > 0 && len(parts) != 1 {
				t.Fatalf("largest has %d parts", len(parts))
			}
		}
	}
}

func TestLargestTie(t *testing.T) {
	m := NewMask(gridOf([3]int{5, 1, 1}, Vec{1, 1, 1}))
	copy(m.In, []bool{false, true, false, true, false})
	if got := Largest(m); !got.In[1] || got.In[3] {
		t.Errorf("of two of one size not the first: %v", got.In)
	}
}

func TestFillHoles(t *testing.T) {
	for _, dim := range [][3]int{{15, 13, 11}, {17, 19, 1}} {
		for _, every := range []int{1, 2} {
			m := noise(dim, Vec{1, 1, 1}, every+1, 15)
			for n := range m.In { // dense, so that there are holes
				m.In[n] = !m.In[n]
			}
			// A hole is a part of the outside that nowhere meets the edge.
			out := NewMask(m.Grid)
			for n, in := range m.In {
				out.In[n] = !in
			}
			labels, sizes := flood(out)
			open := make([]bool, len(sizes)+1)
			for n, l := range labels {
				i, j, k := m.Coord(n)
				if i == 0 || i == dim[0]-1 || j == 0 || j == dim[1]-1 || dim[2] > 1 && (k == 0 || k == dim[2]-1) {
					open[l] = true
				}
			}
			got, holes := FillHoles(m), 0
			for n, l := range labels {
				if want := m.In[n] || !open[l]; got.In[n] != want {
					t.Fatalf("shape %v: voxel %d is %v, want %v", dim, n, got.In[n], want)
				}
				if l > 0 && !open[l] {
					holes++
				}
			}
			if holes == 0 {
				t.Fatalf("shape %v: the mask has no holes to fill", dim)
			}
		}
	}
}
