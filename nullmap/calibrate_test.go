package nullmap

import (
	"math"
	"testing"

	"phasl/voxel"
)

// A short form of the table in docs/methods/nulls.md: smooth fields alike on
// both sides. Bounds are four standard errors beyond what the long form found.
func TestCalibration(t *testing.T) {
	field := PowerLaw{Alpha: 2, Symmetry: 0.8}
	tests := []string{Naive, Effective, Least, string(Spin), string(Moran), string(Variogram), string(GP)}
	res, err := Calibrate(NewLayout(50), []PowerLaw{field}, CalibrationOptions{Tests: tests, Maps: 100, Partners: 8, Thorough: 4, Surrogates: 99, Rho: []float64{0, 0.8}, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]Calibrated{}
	for _, c := range res {
		t.Logf("%-10s %.3f ± %.3f, power %.2f", c.Test, c.False.Share, c.False.SE, c.Power[1].Share)
		by[c.Test] = c
		if c.Power[1].Share < 3*c.False.Share/2 {
			t.Errorf("%s: power %.2f, false positives %.2f", c.Test, c.Power[1].Share, c.False.Share)
		}
		if c.Power[0] != c.False {
			t.Errorf("%s: a correlation of 0 is not the same as independence", c.Test)
		}
	}
	if g := by[string(GP)].False; g.Share > 0.06+4*g.SE || g.Share < 0.05-4*g.SE {
		t.Errorf("gp: %.3f ± %.3f false positives, want 0.05", g.Share, g.SE)
	}
	if n := by[Naive].False; n.Share < 0.2 {
		t.Errorf("places are not independent, and the t test finds %.3f only", n.Share)
	}
	if _, err := Calibrate(NewLayout(50), nil, CalibrationOptions{Tests: []string{"spline"}}); err == nil {
		t.Error("an unknown test is tried")
	}
}

// The covariance of a field against the sum of its waves, written out: at slope
// 3 those of six cycles a box and more add less than 1e-4.
func TestPowerLaw(t *testing.T) {
	var ball []voxel.Vec
	for k := -4; k <= 4; k++ {
		for j := -4; j <= 4; j++ {
			for i := -4; i <= 4; i++ {
				if i*i+j*j+k*k <= 16 {
					ball = append(ball, voxel.Vec{float64(i), float64(j), float64(k)})
				}
			}
		}
	}
	cov := func(d voxel.Vec) (c float64) {
		const most = 6
		for kz := -most; kz <= most; kz++ {
			for ky := -most; ky <= most; ky++ {
				for kx := -most; kx <= most; kx++ {
					if kx == 0 && ky == 0 && kz == 0 {
						continue
					}
					w := voxel.Vec{2 * math.Pi * float64(kx) / 91, 2 * math.Pi * float64(ky) / 109, 2 * math.Pi * float64(kz) / 91}
					var b float64
					for _, v := range ball {
						b += math.Cos(w[0]*v[0]+w[1]*v[1]+w[2]*v[2]) / float64(len(ball))
					}
					c += b * b * math.Pow(float64(kx*kx+ky*ky+kz*kz), -3) * math.Cos(w[0]*d[0]+w[1]*d[1]+w[2]*d[2])
				}
			}
		}
		return c
	}
	p := []voxel.Vec{{-40, 0, 10}, {-20, 30, 20}, {36, -60, 0}}
	got := PowerLaw{Alpha: 3}.Covariance(p)
	mirrored := PowerLaw{Alpha: 3, Symmetry: 0.5}.Covariance(p)
	for i := range p {
		for j := range i + 1 {
			d := voxel.Vec{(p[i][0] - p[j][0]) / 2, (p[i][1] - p[j][1]) / 2, (p[i][2] - p[j][2]) / 2}
			m := voxel.Vec{(p[i][0] + p[j][0]) / 2, d[1], d[2]}
			if want := cov(d); math.Abs(got.At(i, j)-want) > 1e-3*cov(voxel.Vec{}) {
				t.Errorf("covariance of %d and %d: %g, want %g", i, j, got.At(i, j), want)
			}
			if want := cov(d) + 0.5*cov(m); math.Abs(mirrored.At(i, j)-want) > 2e-3*cov(voxel.Vec{}) {
				t.Errorf("covariance of %d and %d with symmetry: %g, want %g", i, j, mirrored.At(i, j), want)
			}
		}
	}
}
