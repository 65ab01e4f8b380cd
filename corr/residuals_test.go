package corr

import (
	"math"
	"testing"
)

// Residuals are orthogonal to what they are of, keep the mean, and lead to the
// partial correlation; a covariate twice counts once.
func TestResiduals(t *testing.T) {
	d := Scenario{People: 15, R1: 0.4, R2: 0.4, Stability: 0.3, Covariates: 2}.Study(6, 0)[0]
	u, v := Residuals(d.X, d.Covariates), Residuals(d.Y, d.Covariates)
	sum := func(c []float64) (s float64) {
		for _, x := range c {
			s += x
		}
		return s
	}
	if math.Abs(sum(u)-sum(d.X)) > 1e-12 {
		t.Errorf("mean %g, of x %g", sum(u)/15, sum(d.X)/15)
	}
	a, b := make([]float64, 15), make([]float64, 15)
	centre(a, u)
	centre(b, v)
	for _, z := range d.Covariates {
		if s := dot(a, z); math.Abs(s) > 1e-12 {
			t.Errorf("residual and covariate have the product %g", s)
		}
	}
	if r := dot(a, b) / math.Sqrt(dot(a, a)*dot(b, b)); math.Abs(r-Correlate(d, Options{}).R) > 1e-12 {
		t.Errorf("r of residuals is %g", r)
	}
	twice := Residuals(d.X, append(append([][]float64{}, d.Covariates...), d.Covariates[0], make([]float64, 15)))
	for i := range u {
		if math.Abs(twice[i]-u[i]) > 1e-9 {
			t.Errorf("row %d: %g with a covariate twice and a constant one, %g without", i, twice[i], u[i])
		}
	}
	if len(Residuals(nil, nil)) != 0 {
		t.Error("residuals of nothing")
	}
}
