package nullmap

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"

	"phasl/internal/keyed"
	"phasl/voxel"
)

// By definition, on a map small enough to write the matrices out.
func TestModifiedT(t *testing.T) {
	p := brain(25)
	d := Euclidean(p)
	x, y := smoothMap(p, 1), smoothMap(p, 2)
	got := ModifiedT(x, y, d)
	n := len(p)
	classes := int(1 + 3.322*math.Log10(float64(n*(n-1))/2))
	_, far := extent(d)
	cov := func(x []float64) [][]float64 {
		z := centred(x)
		out := make([][]float64, n)
		for i := range out {
			out[i] = make([]float64, n)
			for j := range out[i] {
				var s, c float64
				for a := range n {
					for b := range n {
						if (i == j) == (a == b) && (i == j || min(classes-1, int(d.Row(a)[b]/far*float64(classes))) == min(classes-1, int(d.Row(i)[j]/far*float64(classes)))) {
							s += z[a] * z[b]
							c++
						}
					}
				}
				out[i][j] = s / c
			}
		}
		return out
	}
	centre := func(s [][]float64) [][]float64 { // HSH by multiplication
		h := func(i, j int) float64 {
			v := -1 / float64(n)
			if i == j {
				v++
			}
			return v
		}
		mul := func(f, g func(i, j int) float64) func(i, j int) float64 {
			m := make([]float64, n*n)
			for i := range n {
				for j := range n {
					for k := range n {
						m[i*n+j] += f(i, k) * g(k, j)
					}
				}
			}
			return func(i, j int) float64 { return m[i*n+j] }
		}
		f := mul(mul(h, func(i, j int) float64 { return s[i][j] }), h)
		out := make([][]float64, n)
		for i := range out {
			out[i] = make([]float64, n)
			for j := range out[i] {
				out[i][j] = f(i, j)
			}
		}
		return out
	}
	sx, sy := centre(cov(x)), centre(cov(y))
	var tx, ty, both float64
	for i := range n {
		tx += sx[i][i]
		ty += sy[i][i]
		for j := range n {
			both += sx[i][j] * sy[j][i]
		}
	}
	want := math.Min(float64(n), 1+tx*ty/both)
	if math.Abs(got.Effective-want) > 1e-9*want {
		t.Errorf("effective number %g, want %g", got.Effective, want)
	}
	if r := stat.Correlation(x, y, nil); math.Abs(got.Estimate-r) > 1e-12 {
		t.Errorf("r %g, want %g", got.Estimate, r)
	}
	// White noise leaves nearly all places effective.
	var m float64
	r := keyed.Stream(1, forMaps, 1)
	p = brain(100)
	d = Euclidean(p)
	for range 50 {
		for i := range p {
			if i == 0 {
				x, y = make([]float64, 100), make([]float64, 100)
			}
			x[i], y[i] = r.NormFloat64(), r.NormFloat64()
		}
		m += ModifiedT(x, y, d).Effective / 50
	}
	if m < 85 {
		t.Errorf("effective number of 100 independent places: %g", m)
	}
	if v := ModifiedT(make([]float64, 100), y, d); !math.IsNaN(v.P) {
		t.Errorf("p of a constant map: %g", v.P)
	}
}

// With white noise, generalised least squares is the ordinary kind: p of GLS
// against the t test of the slope, on maps whose posterior is nearly all nugget.
func TestGLSOrdinary(t *testing.T) {
	p := brain(60)
	f := NewFamily(p, nil, 0)
	r := keyed.Stream(2, forMaps, 1)
	x, y := make([]float64, 60), make([]float64, 60)
	for i := range x {
		x[i] = r.NormFloat64()
		y[i] = 2 + 0.3*x[i] + r.NormFloat64()
	}
	got := f.GLS(y, x)
	_, slope := stat.LinearRegression(x, y, nil, false)
	rho := stat.Correlation(x, y, nil)
	want := 2 * upperT(math.Abs(rho)*math.Sqrt(58/(1-rho*rho)), 58)
	if math.Abs(got.Estimate-slope) > 0.05 || got.P < want/3 || got.P > want*3 {
		t.Errorf("slope %g, p %g; ordinary %g, %g", got.Estimate, got.P, slope, want)
	}
}

// The slope is recovered and its interval covers it, at high autocorrelation,
// where ordinary least squares does neither.
func TestGLSCoverage(t *testing.T) {
	p := brain(80)
	f := NewFamily(p, nil, 0)
	root := rootOf(covarianceMatrix(p, Kernel{Matern12, 80}, 0.6, 0.05))
	const maps = 300
	var inside, rejected, sum float64
	for k := range maps {
		x, e := drawRoot(root, keyed.Stream(3, forMaps, k)), drawRoot(root, keyed.Stream(3, forPartners, k))
		y := make([]float64, len(x))
		for i := range y {
			y[i] = 0.5*x[i] + e[i]
		}
		g := f.GLS(y, x)
		sum += g.Estimate / maps
		if math.Abs(g.Estimate-0.5) < 1.9908*g.SE { // t with 78 degrees of freedom
			inside++
		}
		if f.GLS(e, x).P <= 0.05 {
			rejected++
		}
	}
	if math.Abs(sum-0.5) > 0.03 {
		t.Errorf("mean slope %g, want 0.5", sum)
	}
	if c := inside / maps; c < 0.95-4*math.Sqrt(0.0475/maps) {
		t.Errorf("coverage %.3f of the 95 %% interval", c)
	}
	if q := rejected / maps; q > 0.05+4*math.Sqrt(0.0475/maps) {
		t.Errorf("%.3f false positives", q)
	}
}

// Spin moves values and keeps them together; the rotation is uniform and proper.
func TestSpin(t *testing.T) {
	r := keyed.Stream(1, forDraw, 1)
	var mean [3][3]float64
	const draws = 4000
	for range draws {
		m := randomRotation(r)
		det := m[0][0]*(m[1][1]*m[2][2]-m[1][2]*m[2][1]) - m[0][1]*(m[1][0]*m[2][2]-m[1][2]*m[2][0]) + m[0][2]*(m[1][0]*m[2][1]-m[1][1]*m[2][0])
		if math.Abs(det-1) > 1e-12 {
			t.Fatalf("determinant %g", det)
		}
		for i := range 3 {
			for j := range 3 {
				mean[i][j] += m[i][j] / draws
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			if math.Abs(mean[i][j]) > 5/math.Sqrt(3*draws) {
				t.Errorf("mean rotation %v, want 0", mean)
			}
		}
	}
	// A map symmetric about the midline on a mirrored layout stays symmetric.
	var p, sphere []voxel.Vec
	half := NewLayout(200)
	for i, v := range half.Coords {
		if v[0] < 0 && half.Cortex[i] {
			p = append(p, v, mirror(v))
			s := half.Sphere[i]
			sphere = append(sphere, s, mirror(s))
		}
	}
	x := make([]float64, len(p))
	for i, v := range p {
		x[i] = v[1] + 3*v[2]
	}
	n, l := New(Map{File: "x", Values: x, Coords: p, Sphere: sphere}, Options{Method: Spin, Seed: 1})
	if len(l) > 0 {
		t.Fatal(l)
	}
	s := make([]float64, len(p))
	var moved bool
	for k := range 20 {
		n.Draw(s, k)
		for i := 0; i < len(s); i += 2 {
			if s[i] != s[i+1] {
				t.Fatalf("surrogate %d is not symmetric", k)
			}
			moved = moved || s[i] != x[i]
		}
	}
	if !moved {
		t.Error("nothing was turned")
	}
}

// The default's surrogates are as rough as the map, where BrainSMASH's are not.
func TestVariogramFit(t *testing.T) {
	for _, name := range []string{"parcels200", "parcels400"} {
		p, x, _ := readPlaces(t, name)
		if testing.Short() && len(p) > 200 {
			continue
		}
		for _, m := range []Method{GP, Variogram} {
			if m == GP && len(p) > 200 {
				continue // 8 s to decompose
			}
			n, l := New(Map{File: "x", Values: x, Coords: p}, Options{Method: m, Seed: 1})
			if l.Err() != nil {
				t.Fatal(l)
			}
			f := n.VariogramFit(100, 0)
			t.Logf("%s %s: error %.3f, roughness %.2f, p %.2f, %v", name, m, f.Error, f.Roughness, f.P, n.Parameters)
			if f.Poor() || f.Roughness > 1.2 || f.Roughness < 0.8 {
				t.Errorf("%s %s: error %.2f, roughness %.2f, p %.3f", name, m, f.Error, f.Roughness, f.P)
			}
		}
	}
}
