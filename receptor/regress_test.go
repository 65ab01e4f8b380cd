package receptor_test

import (
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/mat"

	"phasl/receptor"
	"phasl/voxel"
)

// orthonormal returns k columns of n, orthogonal to each other and to a constant.
func orthonormal(n, k int) [][]float64 {
	out := make([][]float64, k)
	for j := range out {
		out[j] = make([]float64, n)
		for i := range out[j] { // cosines of the discrete transform are
			out[j][i] = math.Sqrt(2/float64(n)) * math.Cos(math.Pi*float64(j+1)*(float64(i)+0.5)/float64(n))
		}
	}
	return out
}

func combine(n int, w []float64, cols ...[]float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		for j, c := range cols {
			out[i] += w[j] * c[i]
		}
	}
	return out
}

func regress(t *testing.T, x []float64, d [][]float64, places receptor.Places, apart float64) *receptor.Regression {
	t.Helper()
	var panel []receptor.Density
	for j, v := range d {
		panel = append(panel, density(string(rune('A'+j)), v))
	}
	r, l := receptor.Regress(receptor.Map{File: "x", Values: x}, panel, places, apart, receptor.Options{Method: receptor.Pearson, Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	return r
}

// With orthogonal receptors every division of R² is r².
func TestRegressOrthogonal(t *testing.T) {
	const n = 60
	places, _ := brain(n, 21)
	c := orthonormal(n, 4)
	r := regress(t, combine(n, []float64{0.6, 0.3, 0, math.Sqrt(1 - 0.36 - 0.09)}, c...), c[:3], places, 0)
	near(t, "R²", r.R2, 0.45, 1e-12)
	near(t, "adjusted R²", r.Adjusted, 1-0.55*59/56, 1e-12)
	for j, want := range []float64{0.36, 0.09, 0} {
		a := r.Terms[j]
		for what, got := range map[string]float64{"alone": a.Alone, "unique": a.Unique, "dominance": a.Dominance, "relative weight": a.Relative} {
			near(t, what, got, want, 1e-12)
		}
		near(t, "VIF", a.VIF, 1, 1e-12)
	}
}

// Two receptors correlated at 0.5, at 0.6 and 0.5 with the map, worked by hand:
//
//	R² = (0.36 + 0.25 − 2·0.6·0.5·0.5)/(1 − 0.25) = 0.41333…
//	dominance = ½(0.36 + R² − 0.25), ½(0.25 + R² − 0.36)
//
// For two predictors relative weights are the dominances. VIF = 1/(1 − 0.25).
func TestRegressTwoByHand(t *testing.T) {
	const n = 60
	places, _ := brain(n, 22)
	c := orthonormal(n, 3)
	d2 := combine(n, []float64{0.5, math.Sqrt(0.75)}, c[0], c[1])
	b := (0.5 - 0.6*0.5) / math.Sqrt(0.75)
	x := combine(n, []float64{0.6, b, math.Sqrt(1 - 0.36 - b*b)}, c...)
	r := regress(t, x, [][]float64{c[0], d2}, places, 0)
	const r2 = 0.31 / 0.75
	near(t, "R²", r.R2, r2, 1e-12)
	near(t, "dominance of the first", r.Terms[0].Dominance, (0.36+r2-0.25)/2, 1e-12)
	near(t, "dominance of the second", r.Terms[1].Dominance, (0.25+r2-0.36)/2, 1e-12)
	near(t, "relative weight of the first", r.Terms[0].Relative, (0.36+r2-0.25)/2, 1e-12)
	near(t, "relative weight of the second", r.Terms[1].Relative, (0.25+r2-0.36)/2, 1e-12)
	near(t, "unique of the first", r.Terms[0].Unique, r2-0.25, 1e-12)
	near(t, "VIF", r.Terms[0].VIF, 1/0.75, 1e-12)
	near(t, "correlation of the densities", r.Correlations[0][1], 0.5, 1e-12)
	near(t, "beta of the first", r.Terms[0].Beta, (0.6-0.25)/0.75, 1e-12)
}

// leastSquares returns R² and the fitted values at all rows of a regression on
// some rows.
func leastSquares(y []float64, d [][]float64, rows []int, cols []int) (r2 float64, fitted []float64) {
	x := mat.NewDense(len(rows), len(cols)+1, nil)
	v := mat.NewVecDense(len(rows), nil)
	var mean float64
	for a, i := range rows {
		x.Set(a, 0, 1)
		for c, j := range cols {
			x.Set(a, c+1, d[j][i])
		}
		v.SetVec(a, y[i])
		mean += y[i] / float64(len(rows))
	}
	var b mat.Dense
	if err := b.Solve(x, v); err != nil {
		panic(err)
	}
	var rss, tss float64
	fitted = make([]float64, len(y))
	for i := range y {
		fitted[i] = b.At(0, 0)
		for c, j := range cols {
			fitted[i] += b.At(c+1, 0) * d[j][i]
		}
	}
	for _, i := range rows {
		rss += (y[i] - fitted[i]) * (y[i] - fitted[i])
		tss += (y[i] - mean) * (y[i] - mean)
	}
	return 1 - rss/tss, fitted
}

// Three receptors against refits: dominance as the mean gain over all orders in
// which receptors can join, cross-validation by a regression for each parcel.
func TestRegressAgainstRefits(t *testing.T) {
	const n, apart = 70, 50.0
	places, draw := brain(n, 23)
	x := draw()
	d := [][]float64{draw(), draw(), draw()}
	r := regress(t, x, d, places, apart)
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	r2 := func(cols ...int) float64 {
		if len(cols) == 0 {
			return 0
		}
		v, _ := leastSquares(x, d, all, cols)
		return v
	}
	near(t, "R²", r.R2, r2(0, 1, 2), 1e-10)
	gain := make([]float64, 3)
	for _, o := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for k, j := range o {
			gain[j] += (r2(o[:k+1]...) - r2(o[:k]...)) / 6
		}
	}
	var sum, relative float64
	for j, a := range r.Terms {
		near(t, "dominance", a.Dominance, gain[j], 1e-10)
		near(t, "alone", a.Alone, r2(j), 1e-10)
		var others []int
		for k := range 3 {
			if k != j {
				others = append(others, k)
			}
		}
		near(t, "unique", a.Unique, r2(0, 1, 2)-r2(others...), 1e-10)
		v, _ := leastSquares(d[j], d, all, others)
		near(t, "VIF", a.VIF, 1/(1-v), 1e-8)
		sum += a.Dominance
		relative += a.Relative
	}
	near(t, "sum of dominances", sum, r.R2, 1e-12)
	near(t, "sum of relative weights", relative, r.R2, 1e-12)

	var predicted, actual []float64
	for i := range n {
		var far []int
		for j := range n {
			if voxel.Distance(places.Coords[i], places.Coords[j]) > apart {
				far = append(far, j)
			}
		}
		_, f := leastSquares(x, d, far, []int{0, 1, 2})
		predicted, actual = append(predicted, f[i]), append(actual, x[i])
	}
	near(t, "cross-validated r", r.CV.R, pearson(predicted, actual), 1e-9)
	if r.CV.N != n || r.CV.Trained >= n-1 {
		t.Errorf("%d parcels predicted from %g on average", r.CV.N, r.CV.Trained)
	}
}

// A map made of two receptors is predicted from afar; one unrelated to them is
// not found to be explained more often than it should.
func TestRegressFindsMixture(t *testing.T) {
	const n = 100
	places, draw := brain(n, 24)
	d := [][]float64{draw(), draw(), draw(), draw()}
	noise := draw()
	x := combine(n, []float64{1, 0, 1, 0.3}, d[0], d[1], d[2], noise)
	r := regress(t, x, d, places, 0)
	if r.P > 0.01 || r.CV.P > 0.01 || r.CV.R < 0.5 {
		t.Errorf("R² %g (p %g), cross-validated r %g (p %g)", r.R2, r.P, r.CV.R, r.CV.P)
	}
	if r.NullMean < 0.03 {
		t.Errorf("smooth maps explain %g by chance: hardly less than white noise (0.04)", r.NullMean)
	}
}

func TestRegressRefuses(t *testing.T) {
	const n = 60
	places, draw := brain(n, 25)
	x, a, b := draw(), draw(), draw()
	c := combine(n, []float64{1, -2}, a, b)
	_, l := receptor.Regress(receptor.Map{File: "x", Values: x}, []receptor.Density{density("A", a), density("B", b), density("C", c)}, places, 0, receptor.Options{Method: receptor.Pearson})
	if l.Err() == nil || !strings.Contains(l.Error(), "C.nii.gz: C: its density is determined by those before it") {
		t.Errorf("a sum of others: %v", l)
	}
	var many []receptor.Density
	for j := range 13 {
		many = append(many, density(string(rune('A'+j)), draw()))
	}
	r, l := receptor.Regress(receptor.Map{File: "x", Values: x}, many, places, 0, receptor.Options{Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	var sum float64
	for _, a := range r.Terms {
		sum += a.Relative
		if !math.IsNaN(a.Dominance) || !math.IsNaN(a.PDominance) {
			t.Errorf("dominance of one of 13 receptors: %g, p %g", a.Dominance, a.PDominance)
		}
	}
	near(t, "sum of relative weights", sum, r.R2, 1e-10)
	if len(r.Cautions) == 0 || !strings.Contains(strings.Join(r.Cautions, " "), "more than 12 receptors") {
		t.Errorf("cautions %q", r.Cautions)
	}
}
