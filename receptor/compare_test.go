package receptor_test

import (
	"math"
	"strings"
	"testing"

	"phasl/nullmap"
	"phasl/receptor"
)

// The difference of two maps' alignments by definition: surrogates of the
// difference of standardised maps.
func TestCompareMapsByDefinition(t *testing.T) {
	const n, m = 60, 200
	places, draw := brain(n, 31)
	a, b, d := draw(), draw(), draw()
	got, l := receptor.CompareMaps(receptor.Map{File: "a", Values: a}, receptor.Map{File: "b", Values: b}, []receptor.Density{density("D", d), density("E", draw())}, places,
		receptor.Options{Method: receptor.Pearson, Surrogates: m, Seed: 9})
	if l.Err() != nil {
		t.Fatal(l)
	}
	c := got[0]
	near(t, "first r", c.R1, pearson(a, d), 1e-12)
	near(t, "second r", c.R2, pearson(b, d), 1e-12)
	am, av := moments(a)
	bm, bv := moments(b)
	delta := make([]float64, n)
	var size float64
	for i := range delta {
		delta[i] = (a[i]-am)/math.Sqrt(av*(n-1)) - (b[i]-bm)/math.Sqrt(bv*(n-1))
		size += delta[i] * delta[i]
	}
	near(t, "difference", c.Difference, math.Sqrt(size)*pearson(delta, d), 1e-12)
	null, l := nullmap.New(nullmap.Map{Values: delta, Coords: places.Coords}, nullmap.Options{Seed: 9})
	if l.Err() != nil {
		t.Fatal(l)
	}
	p := 1
	for _, s := range null.Matrix(m, 0) {
		if math.Sqrt(size)*math.Abs(pearson(s, d)) >= math.Abs(c.Difference) {
			p++
		}
	}
	near(t, "p", c.P, float64(p)/(m+1), 1e-12)
	if c.PFWE < c.P {
		t.Errorf("family-wise p %g is below p %g", c.PFWE, c.P)
	}
	_, l = receptor.CompareMaps(receptor.Map{File: "a", Values: a}, receptor.Map{File: "b", Values: combine(n, []float64{3}, a)}, []receptor.Density{density("D", d)}, places, receptor.Options{})
	if l.Err() == nil || !strings.Contains(l.Error(), "b: it does not differ from a but in scale") {
		t.Errorf("a map against itself: %v", l)
	}
}

// Two maps of one target are told apart.
func TestCompareNamesMaps(t *testing.T) {
	places, draw := brain(40, 3)
	panel := []receptor.Density{density("A", draw()), density("A", draw()), density("B", draw())}
	panel[0].File, panel[1].File = "x.nii", "y.nii"
	c, l := receptor.CompareReceptors(receptor.Map{Values: draw()}, panel, [][2]int{{0, 1}, {1, 2}}, places, receptor.Options{Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	if c[0].First != "A (x.nii)" || c[0].Second != "A (y.nii)" || c[1].Second != "B" {
		t.Errorf("%+v", c)
	}
}

// A map made of one receptor aligns with it and not with another, and the
// difference is found; with two unrelated to it there is none.
func TestCompareReceptors(t *testing.T) {
	const n, m = 100, 300
	places, draw := brain(n, 32)
	a, b, c := draw(), draw(), draw()
	a[4], b[9] = math.NaN(), math.NaN()
	x := draw()
	for i := range x {
		if v := a[i]; !math.IsNaN(v) {
			x[i] = 3*v + 0.5*x[i]
		}
	}
	panel := []receptor.Density{density("A", a), density("B", b), density("C", c)}
	got, l := receptor.CompareReceptors(receptor.Map{Values: x}, panel, [][2]int{{0, 1}, {1, 2}}, places, receptor.Options{Method: receptor.Pearson, Surrogates: m, Seed: 4})
	if l.Err() != nil {
		t.Fatal(l)
	}
	null, _ := nullmap.New(nullmap.Map{Values: x, Coords: places.Coords}, nullmap.Options{Seed: 4})
	at := func(x []float64) (u, v, w []float64) {
		for i := range x {
			if i != 4 && i != 9 {
				u, v, w = append(u, x[i]), append(v, a[i]), append(w, b[i])
			}
		}
		return u, v, w
	}
	u, v, w := at(x)
	near(t, "first r", got[0].R1, pearson(u, v), 1e-12)
	near(t, "second r", got[0].R2, pearson(u, w), 1e-12)
	if got[0].N != n-2 {
		t.Errorf("%d parcels, want %d", got[0].N, n-2)
	}
	p := 1
	for _, s := range null.Matrix(m, 0) {
		u, v, w := at(s)
		if math.Abs(pearson(u, v)-pearson(u, w)) >= math.Abs(got[0].Difference) {
			p++
		}
	}
	near(t, "p", got[0].P, float64(p)/(m+1), 1e-12)
	if got[0].P > 0.02 || got[1].P < 0.05 {
		t.Errorf("p %g where there is a difference, %g where there is none", got[0].P, got[1].P)
	}
}
