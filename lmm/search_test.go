package lmm

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSearchOnHardDesigns fits crossovers of four people with a quarter of the
// scans missing, where the deviance often has two minima, and compares with a
// grid of 625 points. A single descent from θ = 1 misses the lower minimum in
// 7 of 1,000; the search must not in more than 2.
func TestSearchOnHardDesigns(t *testing.T) {
	patterns := 40
	if testing.Short() {
		patterns = 8
	}
	f, err := ParseFormula("cbf ~ treatment*phase + (1|subject/session)")
	if err != nil {
		t.Fatal(err)
	}
	missed, total := 0, 0
	for pat := range patterns {
		tab := crossover(4)
		rng := rand.New(rand.NewPCG(uint64(pat), 4))
		key := make([]byte, tab.Len())
		for i := range key {
			if rng.Float64() >= 0.25 {
				key[i] = 1
			}
		}
		b, err := NewBatch(f, tab)
		if err != nil {
			t.Fatal(err)
		}
		d := b.Design.subset(key)
		if d == nil {
			continue
		}
		nd := newNested(d)
		if nd == nil {
			continue
		}
		ev := newNestedEval(nd)
		o := newObjective(ev, d.N, d.orth.p, d.m, true)
		o.red.diag = nd.rot != nil
		for r := range 50 {
			y := make([]float64, d.N)
			unit, block := make([]float64, d.ran[0].nlev), make([]float64, d.ran[1].nlev)
			for i := range block {
				block[i] = rng.NormFloat64() * float64(r%4)
			}
			for i := range unit {
				unit[i] = rng.NormFloat64() * float64(r/4%3)
			}
			for i := range y {
				y[i] = block[d.ran[1].lev[i]] + unit[d.ran[0].lev[i]] + rng.NormFloat64()
			}
			ev.respond(d.residual(y))
			got := o.minimise(d.diagonal()).value
			best := math.Inf(1)
			for i := range 25 {
				for j := range 25 {
					best = math.Min(best, o.value([]float64{math.Expm1(float64(i) / 6), math.Expm1(float64(j) / 6)}))
				}
			}
			total++
			if got > best+1e-7 {
				missed++
			}
		}
	}
	t.Logf("%d of %d above the grid's lowest", missed, total)
	if 1000*missed > 2*total+1000 {
		t.Errorf("%d of %d searches ended above the grid's lowest point", missed, total)
	}
}

// TestSDSurface compares the derivatives of the profile's surface with
// differences.
func TestSDSurface(t *testing.T) {
	d := design(t, "y ~ a + x + (1|g) + (1|h)", small())
	for _, at := range []int{-1, 0, 1} {
		s := &sdSurface{o: newObjective(newGeneral(d, d.residual(d.y)), d.N, d.orth.p, d.m, false), at: at, sd: 0.7}
		x := []float64{0.4, -0.2}
		s.derivatives(x)
		g, h := s.g, s.h
		const step = 1e-5
		for i := range x {
			up, down := []float64{0.4, -0.2}, []float64{0.4, -0.2}
			up[i] += step
			down[i] -= step
			if want := (s.value(up) - s.value(down)) / (2 * step); math.Abs(g[i]-want) > 1e-6*(1+math.Abs(want)) {
				t.Errorf("at %d: gradient %d is %g, want %g", at, i, g[i], want)
			}
			s.derivatives(up)
			gu := s.g
			s.derivatives(down)
			for j := range x {
				if want := (gu[j] - s.g[j]) / (2 * step); math.Abs(h[i*2+j]-want) > 1e-5*(1+math.Abs(want)) {
					t.Errorf("at %d: Hessian %d,%d is %g, want %g", at, i, j, h[i*2+j], want)
				}
			}
		}
	}
}

// TestNearlyDependent: columns that agree to 1e-6 of their length are kept,
// and Q is orthonormal to rounding all the same.
func TestNearlyDependent(t *testing.T) {
	const n, m = 50, 4
	rng := rand.New(rand.NewPCG(3, 1))
	x := make([]float64, n*m)
	for i := range n {
		a, b := rng.NormFloat64(), rng.NormFloat64()
		x[i*m], x[i*m+1] = 1, 100+a
		x[i*m+2] = x[i*m+1] + 1e-5*b
		x[i*m+3] = x[i*m+2] - 2*x[i*m+1] + 1e-5*rng.NormFloat64()
	}
	o := orthogonalise(x, n, m)
	if o.p != 3 && o.p != 4 {
		t.Fatalf("%d columns kept", o.p)
	}
	for j := range o.p {
		for k := range j + 1 {
			var s float64
			for i := range n {
				s += o.q[i*o.p+j] * o.q[i*o.p+k]
			}
			if k == j {
				s--
			}
			if math.Abs(s) > 1e-14 {
				t.Errorf("QᵀQ[%d,%d] is off by %g", j, k, s)
			}
		}
	}
}
