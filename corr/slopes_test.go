package corr

import (
	"math"
	"testing"
)

// slopeByNormalEquations returns the slope of y on x given z and its influence
// values of the third kind, from the inverse of the moments of [1 x z].
func slopeByNormalEquations(x, y, z []float64) (slope float64, psi []float64) {
	n := len(x)
	row := func(i int) [3]float64 { return [3]float64{1, x[i], z[i]} }
	var a [3][3]float64
	var b [3]float64
	for i := range n {
		r := row(i)
		for j := range 3 {
			b[j] += r[j] * y[i]
			for k := range 3 {
				a[j][k] += r[j] * r[k]
			}
		}
	}
	det := a[0][0]*(a[1][1]*a[2][2]-a[1][2]*a[2][1]) - a[0][1]*(a[1][0]*a[2][2]-a[1][2]*a[2][0]) + a[0][2]*(a[1][0]*a[2][1]-a[1][1]*a[2][0])
	var inv [3][3]float64
	for j := range 3 {
		for k := range 3 {
			p, q, r, s := (j+1)%3, (j+2)%3, (k+1)%3, (k+2)%3
			inv[k][j] = (a[p][r]*a[q][s] - a[p][s]*a[q][r]) / det
		}
	}
	var beta [3]float64
	for j := range 3 {
		for k := range 3 {
			beta[j] += inv[j][k] * b[k]
		}
	}
	for i := range n {
		r := row(i)
		e, h, w := y[i], 0.0, 0.0
		for j := range 3 {
			e -= beta[j] * r[j]
			w += inv[1][j] * r[j]
			for k := range 3 {
				h += r[j] * inv[j][k] * r[k]
			}
		}
		psi = append(psi, w*e/(1-h))
	}
	return beta[1], psi
}

// Slopes, their difference and its standard error are those of the normal
// equations, in the units that the doc comment states.
func TestSlopesByNormalEquations(t *testing.T) {
	c := Scenario{People: 19, R1: 0.6, R2: 0.1, Stability: 0.3, Covariates: 1}.Study(4, 2)
	got := CompareSlopes(c[0], c[1], Options{})
	b1, psi1 := slopeByNormalEquations(c[0].X, c[0].Y, c[0].Covariates[0])
	b2, psi2 := slopeByNormalEquations(c[1].X, c[1].Y, c[1].Covariates[0])
	ss := 0.0
	for i := range psi1 {
		ss += (psi1[i] - psi2[i]) * (psi1[i] - psi2[i])
	}
	// Residual variances on the covariate, pooled: total less what z explains.
	spread := func(of func(Data) []float64) float64 {
		s := 0.0
		for _, d := range c {
			v, z := of(d), d.Covariates[0]
			var mv, mz, vz, zz, vv float64
			for i := range v {
				mv, mz = mv+v[i]/19, mz+z[i]/19
			}
			for i := range v {
				vz, zz, vv = vz+(v[i]-mv)*(z[i]-mz), zz+(z[i]-mz)*(z[i]-mz), vv+(v[i]-mv)*(v[i]-mv)
			}
			s += vv - vz*vz/zz
		}
		return math.Sqrt(s / 36)
	}
	unit := spread(func(d Data) []float64 { return d.X }) / spread(func(d Data) []float64 { return d.Y })
	for _, x := range []struct {
		name      string
		got, want float64
	}{
		{"slope 1", got.Slope1, b1 * unit}, {"slope 2", got.Slope2, b2 * unit}, {"difference", got.Delta, (b1 - b2) * unit}, {"standard error", got.SE, math.Sqrt(ss) * unit},
	} {
		if math.Abs(x.got/x.want-1) > 1e-10 {
			t.Errorf("%s %.12g, want %.12g", x.name, x.got, x.want)
		}
	}
	if got.DF != 16 || !(got.Low < got.Delta && got.Delta < got.High) {
		t.Errorf("%+v", got)
	}
}

// Units of either variable, a shift, and the order of people change nothing;
// the other order of the conditions turns the sign.
func TestSlopesAreEquivariant(t *testing.T) {
	c := Scenario{People: 14, R1: 0.5, R2: 0.2, Stability: 0.3, Covariates: 1, Y: Score, Y2: Score}.Study(9, 0)
	o := Options{Permutations: 499, Seed: 5}
	want := CompareSlopes(c[0], c[1], o)
	d := [2]Data{c[0].at(seq(14)), c[1].at(seq(14))}
	for k := range d {
		for i := range d[k].X {
			d[k].X[i], d[k].Y[i], d[k].Covariates[0][i] = 3*d[k].X[i]-7, 0.2*d[k].Y[i]+40, -5*d[k].Covariates[0][i]+1
		}
	}
	got := CompareSlopes(d[0], d[1], o)
	if math.Abs(got.Delta-want.Delta) > 1e-9 || math.Abs(got.P-want.P) > 1e-9 || got.Permutation.Hits != want.Permutation.Hits {
		t.Errorf("units: %+v, want %+v", got, want)
	}
	turned := CompareSlopes(c[1], c[0], o)
	if math.Abs(turned.Delta+want.Delta) > 1e-12 || math.Abs(turned.P-want.P) > 1e-12 {
		t.Errorf("turned: %+v, want %+v", turned, want)
	}
	o.Workers = 1
	if one := CompareSlopes(c[0], c[1], o); one.Permutation != want.Permutation {
		t.Errorf("one worker: %+v, want %+v", one.Permutation, want.Permutation)
	}
	// Ten people have 1,024 swaps: each is taken, and swapping everybody is one.
	small := [2]Data{c[0].at(seq(10)), c[1].at(seq(10))}
	if p := CompareSlopes(small[0], small[1], Options{Permutations: 2000}).Permutation; !p.Exact || p.Draws != 1024 || p.Hits < 2 || p.Hits%2 != 0 {
		t.Errorf("enumeration: %+v", p)
	}
}

// What has no slope says why; missing people are listed.
func TestSlopesThatDoNotExist(t *testing.T) {
	c := Scenario{People: 9, Stability: 0.2}.Study(1, 1)
	flat := c[0].at(seq(9))
	for i := range flat.X {
		flat.X[i] = 3
	}
	if got := CompareSlopes(flat, c[1], Options{Permutations: 99}); got.Reason == "" || !math.IsNaN(got.Delta) || !math.IsNaN(got.Permutation.P) {
		t.Errorf("constant: %+v", got)
	}
	one := c[0].at(seq(9)) // a covariate that marks one person takes that person out of the slope
	mark := make([]float64, 9)
	mark[4] = 1
	one.Covariates = [][]float64{mark}
	other := c[1].at(seq(9))
	other.Covariates = [][]float64{mark}
	if got := CompareSlopes(one, other, Options{}); got.Reason == "" || !math.IsNaN(got.Delta) {
		t.Errorf("one person determines the covariate: %+v", got)
	}
	c[1].Y[3] = math.NaN()
	if got := CompareSlopes(c[0], c[1], Options{}); got.N != 8 || len(got.Missing) != 1 || got.Missing[0] != 3 {
		t.Errorf("missing: %+v", got)
	}
}
