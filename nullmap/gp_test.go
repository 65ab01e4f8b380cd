package nullmap

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"phasl/internal/keyed"
	"phasl/voxel"
)

// brain returns n places on both sides of a brain drawn by formula.
func brain(n int) []voxel.Vec { return Places(n) }

// The likelihood in eigenvectors is the restricted likelihood of a constant mean
// by definition: with K = C + jitter and any basis of contrasts,
// −½(log|V| + log 1ᵀV⁻¹1 + (n−1)·log yᵀPy) up to a constant.
func TestRestrictedLikelihood(t *testing.T) {
	p := brain(30)
	f := NewFamily(p, nil, 1)
	if !f.Mirror {
		t.Fatal("no symmetry fitted on two sides")
	}
	r := keyed.Stream(7, 1, 1)
	x := make([]float64, len(p))
	for i := range x {
		x[i] = r.NormFloat64() + p[i][1]/50
	}
	post := f.Fit(x)
	n := len(p)
	direct := func(i int) float64 {
		c, phi := f.cells[i/len(nuggets)], nuggets[i%len(nuggets)]
		v := mat.NewSymDense(n, nil)
		for a := range n {
			for b := range a + 1 {
				q := c.At(voxel.Distance(p[a], p[b])) + c.eta*c.At(voxel.Distance(p[a], mirror(p[b])))
				q /= math.Sqrt((1 + c.eta*c.At(2*math.Abs(p[a][0]))) * (1 + c.eta*c.At(2*math.Abs(p[b][0]))))
				q *= (1 - phi) / c.unit
				if a == b {
					q += phi + floor
				}
				v.SetSym(b, a, q)
			}
		}
		var ch mat.Cholesky
		if !ch.Factorize(v) {
			t.Fatal("not definite")
		}
		one := mat.NewVecDense(n, nil)
		for k := range n {
			one.SetVec(k, 1)
		}
		y := mat.NewVecDense(n, slices.Clone(x))
		var vo, vy mat.VecDense
		if ch.SolveVecTo(&vo, one) != nil || ch.SolveVecTo(&vy, y) != nil {
			t.Skip("too ill conditioned to check")
		}
		oo, oy, yy := mat.Dot(one, &vo), mat.Dot(one, &vy), mat.Dot(y, &vy)
		return -0.5*(ch.LogDet()+math.Log(oo)) - float64(n-1)/2*math.Log(yy-oy*oy/oo)
	}
	// Nuggets of 10 % keep the direct way accurate.
	base := 6
	for _, i := range []int{base, 3*len(nuggets) + base, 20*len(nuggets) + base + 3, 45*len(nuggets) + base, len(post.prob) - len(nuggets) + base} {
		got := math.Log(post.prob[i] / post.prob[base])
		want := direct(i) - direct(base)
		if math.Abs(got-want) > 1e-6*math.Max(1, math.Abs(want)) {
			t.Errorf("log likelihood ratio of covariance %d: %.9g, want %.9g", i, got, want)
		}
	}
}

// Fields have the covariance they are drawn with: the mean of their products
// against the posterior mean.
func TestGPCovariance(t *testing.T) {
	p := brain(40)
	x := make([]float64, len(p))
	for i := range x {
		x[i] = math.Sin(p[i][1]/30) + 0.3*math.Cos(float64(i))
	}
	post := NewFamily(p, nil, 0).Fit(x)
	const draws = 20_000
	got := make([]float64, len(p)*len(p))
	z, buf := make([]float64, len(p)), make([]float64, len(p)-1)
	for k := range draws {
		post.draw(z, buf, keyed.Stream(3, forDraw, k))
		for i := range z {
			for j := range z {
				got[i*len(p)+j] += z[i] * z[j] / draws
			}
		}
	}
	want := post.covariance()
	doubleCentre(want, len(p))
	var num, den float64
	for i := range got {
		num += (got[i] - want[i]) * (got[i] - want[i])
		den += want[i] * want[i]
	}
	// Monte Carlo error: about √(number of modes/draws).
	if e := math.Sqrt(num / den); e > 0.03 {
		t.Errorf("covariance of surrogates differs by %.3f of its size", e)
	}
}

func TestCorrelationsAreThoseOfTheDraws(t *testing.T) {
	p := brain(50)
	x, y := make([]float64, 50), make([]float64, 50)
	for i := range x {
		x[i], y[i] = math.Sin(p[i][1]/30), math.Cos(p[i][2]/20)
	}
	n, l := New(Map{File: "x", Values: x, Coords: p}, Options{Seed: 11})
	if l.Err() != nil {
		t.Fatal(l)
	}
	near(t, "correlations", n.Posterior.Correlations([][]float64{y}, 50, 11)[0], nullCorrelations(n, y, 50), 1e-10)
}

// The posterior finds the covariance a map was drawn with.
func TestPosteriorRecovers(t *testing.T) {
	p := brain(120)
	for _, tt := range []struct{ scale, eta, nugget float64 }{{50, 0, 0.05}, {50, 0.9, 0.05}, {30, 0.5, 0.4}} {
		root := rootOf(covarianceMatrix(p, Kernel{Matern12, tt.scale}, tt.eta, tt.nugget))
		f := NewFamily(p, nil, 0)
		const maps = 12
		var eta, nug, scale []float64
		for k := range maps {
			s := f.Fit(drawRoot(root, keyed.Stream(5, forMaps, k))).Summary()
			eta, nug, scale = append(eta, s.Symmetry), append(nug, s.Nugget), append(scale, math.Log(s.Practical))
		}
		if m := stat.Mean(eta, nil); math.Abs(m-tt.eta) > 0.2 {
			t.Errorf("symmetry %g, want %g", m, tt.eta)
		}
		if m := stat.Mean(nug, nil); math.Abs(m-tt.nugget) > 0.15 {
			t.Errorf("nugget %g, want %g", m, tt.nugget)
		}
		if m := math.Exp(stat.Mean(scale, nil)); m < 3*tt.scale/2 || m > 3*tt.scale*2 {
			t.Errorf("reach %g mm, want about %g", m, 3*tt.scale)
		}
	}
}
