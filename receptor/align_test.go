package receptor_test

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"phasl/nullmap"
	"phasl/receptor"
)

// brain returns n places and maps of smooth values on them.
func brain(n int, seed uint64) (receptor.Places, func() []float64) {
	l := nullmap.NewLayout(n)
	r := rand.New(rand.NewPCG(seed, 1))
	names := make([]string, n)
	for i := range names {
		names[i] = "parcel_" + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	return receptor.Places{Names: names, Coords: l.Coords}, func() []float64 {
		out := make([]float64, n)
		for range 12 { // bumps
			c, a := l.Coords[r.IntN(n)], r.NormFloat64()
			for i, p := range l.Coords {
				var d float64
				for k := range 3 {
					d += (p[k] - c[k]) * (p[k] - c[k])
				}
				out[i] += a * math.Exp(-d/(2*30*30))
			}
		}
		for i := range out {
			out[i] += 0.05 * r.NormFloat64()
		}
		return out
	}
}

func density(target string, v []float64) receptor.Density {
	return receptor.Density{Source: receptor.Source{Target: target, File: target + ".nii.gz"}, Values: v}
}

func pearson(x, y []float64) float64 {
	var mx, my float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	return xy / math.Sqrt(xx*yy)
}

// midranks counts, which is another way than sorting.
func midranks(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, a := range x {
		for _, b := range x {
			switch {
			case b < a:
				out[i]++
			case b == a:
				out[i] += 0.5
			}
		}
		out[i] += 0.5
	}
	return out
}

func near(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol) {
		t.Errorf("%s is %.15g, want %.15g", what, got, want)
	}
}

// ranksWhere returns a map where another has values too, its mid-ranks there for
// Spearman.
func ranksWhere(d, x []float64, method receptor.Method) []float64 {
	out := make([]float64, len(d))
	var v []float64
	var at []int
	for i := range d {
		out[i] = math.NaN()
		if !math.IsNaN(d[i]) && !math.IsNaN(x[i]) {
			v, at = append(v, d[i]), append(at, i)
		}
	}
	if method == receptor.Spearman {
		v = midranks(v)
	}
	for k, i := range at {
		out[i] = v[k]
	}
	return out
}

// Coefficients, their p and family-wise p, by the definitions from the
// surrogates themselves.
func TestAlignByDefinition(t *testing.T) {
	places, draw := brain(60, 1)
	x := draw()
	x[3] = math.NaN()
	d1, d2 := draw(), draw()
	d2[7], d2[20] = math.NaN(), math.NaN()
	d1[10], d1[11] = d1[12], d1[12] // ties
	panel := []receptor.Density{density("A", d1), density("B", d2)}
	const m = 200
	both := func(x, d []float64) (u, v []float64) {
		for i := range x {
			if !math.IsNaN(x[i]) && !math.IsNaN(d[i]) {
				u, v = append(u, x[i]), append(v, d[i])
			}
		}
		return u, v
	}
	for _, method := range receptor.Methods() {
		r := func(x, d []float64) float64 {
			u, v := both(x, d)
			if method == receptor.Spearman {
				u, v = midranks(u), midranks(v)
			}
			return pearson(u, v)
		}
		got, l := receptor.Align(receptor.Map{File: "x", Values: x}, panel, places, receptor.Options{Method: method, Surrogates: m, Seed: 5})
		if l.Err() != nil {
			t.Fatal(l)
		}
		mapped := append([]float64(nil), x...) // what surrogates are made of
		if method == receptor.Spearman {
			full := midranks(append(append([]float64(nil), x[:3]...), x[4:]...))
			copy(mapped, full[:3])
			copy(mapped[4:], full[3:])
		}
		null, l := nullmap.New(nullmap.Map{Values: mapped, Coords: places.Coords}, nullmap.Options{Seed: 5})
		if l.Err() != nil {
			t.Fatal(l)
		}
		surrogates := null.Matrix(m/2, 0)
		// The other half is of each density, where the map has values too.
		var ofDensity [2][][]float64
		for j, d := range [][]float64{d1, d2} {
			h := fnv.New64a()
			h.Write([]byte(panel[j].Target))
			null, l := nullmap.New(nullmap.Map{Values: ranksWhere(d, x, method), Coords: places.Coords}, nullmap.Options{Seed: 5 ^ h.Sum64()})
			if l.Err() != nil {
				t.Fatal(l)
			}
			ofDensity[j] = null.Matrix(m/2, 0)
		}
		for j, d := range [][]float64{d1, d2} {
			a := got.Results[j]
			want := r(x, d)
			near(t, "r", a.R, want, 1e-12)
			if n, _ := both(x, d); a.N != len(n) {
				t.Errorf("%d parcels, want %d", a.N, len(n))
			}
			p, fwe, sum := 1, 1, 0.0
			count := func(r1, r2 float64) {
				mine := []float64{r1, r2}[j]
				sum += mine
				if math.Abs(mine) >= math.Abs(want) {
					p++
				}
				if max(math.Abs(r1), math.Abs(r2)) >= math.Abs(want) {
					fwe++
				}
			}
			for k, s := range surrogates {
				count(r(s, d1), r(s, d2))
				count(r(x, ofDensity[0][k]), r(x, ofDensity[1][k]))
			}
			near(t, "p", a.P, float64(p)/(m+1), 1e-12)
			near(t, "family-wise p", a.PFWE, float64(fwe)/(m+1), 1e-12)
			near(t, "mean of the null", a.NullMean, sum/m, 1e-12)
			near(t, "z", a.Z, (a.R-a.NullMean)/a.NullSD, 1e-12)
			for _, f := range a.Influence[:5] {
				hole := append([]float64(nil), x...)
				hole[f.Place] = math.NaN()
				near(t, "r without a place", f.Without, r(hole, d), 1e-12)
				near(t, "change", f.Change, a.R-f.Without, 0)
			}
			if len(a.Influence) != a.N {
				t.Errorf("%d influences for %d parcels", len(a.Influence), a.N)
			}
		}
	}
}

// The partial correlation of three variables has a closed form:
// (r_xd − r_xz r_dz)/√((1 − r_xz²)(1 − r_dz²)).
func TestPartialClosedForm(t *testing.T) {
	places, draw := brain(80, 2)
	x, d, z := draw(), draw(), draw()
	for _, method := range receptor.Methods() {
		rank := func(v []float64) []float64 {
			if method == receptor.Spearman {
				return midranks(v)
			}
			return v
		}
		xd, xz, dz := pearson(rank(x), rank(d)), pearson(rank(x), rank(z)), pearson(rank(d), rank(z))
		want := (xd - xz*dz) / math.Sqrt((1-xz*xz)*(1-dz*dz))
		got, l := receptor.Align(receptor.Map{Values: x}, []receptor.Density{density("D", d)}, places,
			receptor.Options{Method: method, Surrogates: 99, Covariates: []receptor.Map{{File: "z", Values: z}}})
		if l.Err() != nil {
			t.Fatal(l)
		}
		near(t, "partial r", got.Results[0].R, want, 1e-12)
	}
	_, l := receptor.Align(receptor.Map{Values: x}, []receptor.Density{density("D", d)}, places,
		receptor.Options{Covariates: []receptor.Map{{File: "z", Values: z}, {File: "twice", Values: z}}})
	if l.Err() == nil || !strings.Contains(l.Error(), "twice: covariate: it is constant, or determined by the other covariates") {
		t.Errorf("a covariate given twice: %v", l)
	}
}

// A map given as its own density, and its mirror image in sign, cannot be missed,
// and results do not depend on the number of workers.
func TestAlignFindsItself(t *testing.T) {
	places, draw := brain(100, 3)
	x := draw()
	minus := make([]float64, len(x))
	for i, v := range x {
		minus[i] = -2*v + 5
	}
	panel := []receptor.Density{density("same", x), density("minus", minus), density("other", draw())}
	var first string
	for _, workers := range []int{1, 3} {
		got, l := receptor.Align(receptor.Map{Values: x}, panel, places, receptor.Options{Surrogates: 199, Workers: workers})
		if l.Err() != nil {
			t.Fatal(l)
		}
		near(t, "r of a map with itself", got.Results[0].R, 1, 1e-12)
		near(t, "r with its negative", got.Results[1].R, -1, 1e-12)
		if got.Results[0].P != 1./200 || got.Results[1].PFWE != 1./200 {
			t.Errorf("p %g and %g, want the smallest there is", got.Results[0].P, got.Results[1].PFWE)
		}
		if text := fmt.Sprintf("%x", got); first == "" {
			first = text
		} else if text != first {
			t.Error("results depend on the number of workers")
		}
	}
}

// A few extreme parcels must not make the null of ranks too narrow: 240 unrelated
// pairs of smooth maps, two parcels of the one far out.
func TestAlignOutliers(t *testing.T) {
	places, draw := brain(80, 91)
	o := receptor.Options{Surrogates: 99, Families: &receptor.Families{}}
	found := 0
	const trials = 240
	for k := range trials {
		x, d := draw(), draw()
		x[k%80] += 9
		x[(k*7+13)%80] -= 9
		o.Seed = uint64(k + 1)
		got, l := receptor.Align(receptor.Map{File: "x", Values: x}, []receptor.Density{density("D", d)}, places, o)
		if l.Err() != nil {
			t.Fatal(l)
		}
		if got.Results[0].P <= 0.05 {
			found++
		}
	}
	if found > trials*8/100 {
		t.Errorf("%d of %d unrelated pairs are called related", found, trials)
	} else {
		t.Logf("%d of %d", found, trials)
	}
}

func TestAlignRefuses(t *testing.T) {
	places, draw := brain(60, 4)
	x, d := draw(), draw()
	nan := make([]float64, 60)
	for i := range nan {
		nan[i] = math.NaN()
	}
	few := append([]float64(nil), nan...)
	copy(few, x[:19])
	some := append([]float64(nil), d...)
	for i := range 45 {
		some[i] = math.NaN()
	}
	ok := []receptor.Density{density("D", d)}
	for _, tt := range []struct {
		name  string
		x     []float64
		panel []receptor.Density
		at    receptor.Places
		o     receptor.Options
		want  string
	}{
		{"all missing", nan, ok, places, receptor.Options{}, "0 of 60 parcels have a value; at least 20 are needed"},
		{"19 parcels", few, ok, places, receptor.Options{}, "19 of 60 parcels"},
		{"constant", make([]float64, 60), ok, places, receptor.Options{}, "all values are 0"},
		{"no panel", x, nil, places, receptor.Options{}, "no receptor"},
		{"other parcels", x, []receptor.Density{density("D", d[:50])}, places, receptor.Options{}, "it has 50 values"},
		{"no places", x, ok, receptor.Places{}, receptor.Options{}, "not known where the parcels are"},
		{"no such method", x, ok, places, receptor.Options{Method: "kendall"}, `"kendall" is no method`},
		{"no such null", x, ok, places, receptor.Options{Null: "shuffle"}, `"shuffle" is no method`},
		{"too many", x, ok, places, receptor.Options{Surrogates: 1 << 40}, "do not fit into memory"},
		{"covariate is the map", x, ok, places, receptor.Options{Covariates: []receptor.Map{{File: "z", Values: x}}}, "determined by the covariates"},
	} {
		r, l := receptor.Align(receptor.Map{File: "x", Values: tt.x}, tt.panel, tt.at, tt.o)
		if r != nil || l.Err() == nil || !strings.Contains(l.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, l)
		}
	}
	// A receptor without enough is NaN, says why, and does not spoil the others.
	r, l := receptor.Align(receptor.Map{Values: x}, []receptor.Density{density("D", d), density("few", some), density("flat", make([]float64, 60))}, places, receptor.Options{Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	if a := r.Results[0]; math.IsNaN(a.R) || math.IsNaN(a.PFWE) {
		t.Errorf("the sound receptor has r %g, p %g", a.R, a.PFWE)
	}
	for j, want := range map[int]string{1: "15 parcels have a density and an effect", 2: "constant"} {
		if a := r.Results[j]; !math.IsNaN(a.R) || !math.IsNaN(a.P) || !math.IsNaN(a.PFWE) || !strings.Contains(a.Reason, want) {
			t.Errorf("receptor %d: r %g, p %g, reason %q", j, a.R, a.P, a.Reason)
		}
	}
	if len(l.Warnings()) != 2 {
		t.Errorf("warnings: %v", l)
	}
}

// Shared covariances change nothing, whatever holes the maps have.
func TestFamiliesChangeNothing(t *testing.T) {
	places, draw := brain(60, 6)
	d := []receptor.Density{density("D", draw())}
	shared := &receptor.Families{}
	for hole := range 4 {
		x := draw()
		for i := range hole {
			x[7*i+hole] = math.NaN()
		}
		alone, l := receptor.Align(receptor.Map{Values: x}, d, places, receptor.Options{Surrogates: 99})
		if l.Err() != nil {
			t.Fatal(l)
		}
		for range 2 {
			got, _ := receptor.Align(receptor.Map{Values: x}, d, places, receptor.Options{Surrogates: 99, Families: shared})
			if fmt.Sprintf("%x", got) != fmt.Sprintf("%x", alone) {
				t.Errorf("with %d holes results depend on what was tested before", hole)
			}
		}
	}
}
