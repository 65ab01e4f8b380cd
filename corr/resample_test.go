package corr

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
)

// Results depend on the seed alone, not on the number of workers.
func TestWorkers(t *testing.T) {
	a, b := sample(1, 26, 2, 0.5), sample(2, 26, 2, 0)
	b.Y[5] = math.NaN()
	for _, m := range []Method{Pearson, Spearman, Robust} {
		o := Options{Method: m, Permutations: 600, Bootstrap: 600, Seed: 9, Workers: 1}
		many := o
		many.Workers = 8
		if x, y := Correlate(a, o), Correlate(a, many); !equal(x, y) {
			t.Errorf("%v: Correlate differs between 1 and 8 workers", m)
		}
		if x, y := Compare(a, b, o), Compare(a, b, many); !equal(x, y) {
			t.Errorf("%v: Compare differs between 1 and 8 workers", m)
		}
		pairs := []Pair{{Data: a}, {Data: b}}
		if x, y := Family(pairs, o), Family(pairs, many); !equal(x, y) {
			t.Errorf("%v: Family differs between 1 and 8 workers", m)
		}
		other := o
		other.Seed = 10
		if x, y := Correlate(a, o), Correlate(a, other); equal(x.Permutation, y.Permutation) && equal(x.Bootstrap, y.Bootstrap) {
			t.Errorf("%v: another seed gives the same draws", m)
		}
	}
}

// equal compares values, NaN being equal to NaN.
func equal(a, b any) bool { return reflect.DeepEqual(fmt.Sprintf("%+v", a), fmt.Sprintf("%+v", b)) }

// Freedman and Lane by their own recipe: fit y on the covariates, permute its
// residuals, add them to the fit, and take the partial correlation from scratch.
func TestFreedmanLane(t *testing.T) {
	d := sample(4, 7, 1, 0.6)
	for _, m := range []Method{Pearson, Spearman, Robust} {
		o := Options{Method: m, Permutations: 6000}
		got := Correlate(d, o)
		e := newEstimator(d, m, FromBoth)
		w := newWork(7, 1)
		w.load(d, seq(7))
		w.rankAll(m)
		x, y, z := slices.Clone(w.x), slices.Clone(w.y), slices.Clone(w.z[0])
		// Under Robust the fit itself does not matter, only that the residuals
		// are taken anew: any multiple of z stands for it.
		hits, all := 0, 0
		order := seq(7)
		for range 5040 {
			for i, from := range order {
				y[i] = 0.37*z[i] + e.py[from]
			}
			copy(w.x, x)
			copy(w.y, y)
			copy(w.z[0], z)
			plain := m
			if m == Spearman {
				plain = Pearson // ranked once, before
			}
			if r := w.estimate(plain, FromBoth); math.Abs(r) >= math.Abs(got.R)-1e-9 {
				hits++
			}
			all++
			nextPermutation(order)
		}
		if p := got.Permutation; !p.Exact || p.Draws != all || p.Hits != hits || p.P != float64(hits)/float64(all) {
			t.Errorf("%v: %+v, want %d of %d", m, p, hits, all)
		}
	}
}

// Permutation p-values of two random runs and of all permutations agree.
func TestRandomMeetsExact(t *testing.T) {
	d := sample(12, 7, 0, 0.8)
	exact := Correlate(d, Options{Permutations: 5040}).Permutation
	random := Correlate(d, Options{Permutations: 5039}).Permutation
	if !exact.Exact || random.Exact || random.Draws != 5039 {
		t.Fatalf("%+v and %+v", exact, random)
	}
	near(t, "p", random.P, exact.P, 4*math.Sqrt(exact.P*(1-exact.P)/5039))
	if want := float64(random.Hits+1) / 5040; random.P != want {
		t.Errorf("p = %g, want (b + 1)/(m + 1) = %g", random.P, want)
	}
	a, b := sample(21, 9, 1, 0.8), sample(22, 9, 1, -0.8)
	exact, random = Compare(a, b, Options{Permutations: 512}).Permutation, Compare(a, b, Options{Permutations: 511}).Permutation
	if !exact.Exact || exact.Draws != 512 || random.Exact {
		t.Fatalf("%+v and %+v", exact, random)
	}
	near(t, "swap p", random.P, exact.P, 4*math.Sqrt(exact.P*(1-exact.P)/511))
}

// The swap test from its definition: take residuals and standardise within the
// condition, swap in every way, correlate from scratch given the swapped
// covariates, divide by the standard error.
func TestSwapByDefinition(t *testing.T) {
	const n = 9
	for _, tt := range []struct {
		k    int
		from Removal
	}{{0, FromBoth}, {1, FromBoth}, {2, FromBoth}, {1, FromX}, {2, FromY}} {
		k := tt.k
		a, b := sample(31, n, k, 1.5), sample(32, n, k, -1)
		records := [2]Data{a, b}
		statistic := func(code int) float64 {
			var z [2]float64
			var psi [2][n]float64
			for c := range 2 {
				pick := func(of func(Data) []float64) []float64 {
					out := make([]float64, n)
					for i := range out {
						from := c
						if code>>i&1 == 1 {
							from = 1 - c
						}
						out[i] = of(records[from])[i]
					}
					return out
				}
				d := Data{X: pick(func(d Data) []float64 { return d.X }), Y: pick(func(d Data) []float64 { return d.Y })}
				for j := range k {
					d.Covariates = append(d.Covariates, pick(func(d Data) []float64 { return d.Covariates[j] }))
				}
				r := Correlate(d, Options{Remove: tt.from}).R
				z[c] = math.Atanh(r)
				for i := range n { // refitted without person i
					rest := func(c []float64) []float64 { return slices.Delete(slices.Clone(c), i, i+1) }
					e := Data{X: rest(d.X), Y: rest(d.Y)}
					for _, z := range d.Covariates {
						e.Covariates = append(e.Covariates, rest(z))
					}
					psi[c][i] = z[c] - math.Atanh(Correlate(e, Options{Remove: tt.from}).R)
				}
			}
			v, mean := 0.0, 0.0
			for i := range n {
				mean += (psi[0][i] - psi[1][i]) / n
			}
			for i := range n {
				v += (psi[0][i] - psi[1][i] - mean) * (psi[0][i] - psi[1][i] - mean)
			}
			return (z[0] - z[1]) / math.Sqrt(v)
		}
		seen, hits := statistic(0), 0
		for code := range 1 << n {
			if math.Abs(statistic(code)) >= math.Abs(seen)-1e-9 {
				hits++
			}
		}
		p := Compare(a, b, Options{Permutations: 1000, Remove: tt.from}).Permutation
		if !p.Exact || p.Draws != 1<<n || p.Hits != hits {
			t.Errorf("%+v: %+v, want %d of %d", tt, p, hits, 1<<n)
		}
	}
}

// What the comparison must not depend on: units and zeros, and what is added in
// proportion to a covariate, of both conditions alike; in closed form, of each.
// Exchanging the conditions changes the sign only.
func TestCompareInvariance(t *testing.T) {
	a, b := sample(41, 26, 1, 0.8), sample(42, 26, 1, 0)
	for _, m := range []Method{Pearson, Spearman, Robust} {
		o := Options{Method: m, Permutations: 400, Seed: 5}
		want := Compare(a, b, o)
		move := func(d Data) Data {
			out := Data{X: slices.Clone(d.X), Y: slices.Clone(d.Y), Covariates: d.Covariates}
			for i := range out.X {
				out.X[i] = 100 + 7*out.X[i]
				out.Y[i] = -50 + 0.01*out.Y[i]
				if m != Spearman { // ranks of a sum with a covariate are others
					out.X[i] += 3 * d.Covariates[0][i]
				}
			}
			return out
		}
		got := Compare(move(a), move(b), o)
		near(t, m.String()+" delta", got.Delta, want.Delta, 1e-8)
		near(t, m.String()+" z", got.Z, want.Z, 1e-8)
		near(t, m.String()+" swap p", got.Permutation.P, want.Permutation.P, 0)
		got = Compare(a, move(b), o)
		near(t, m.String()+" delta", got.Delta, want.Delta, 1e-8)
		near(t, m.String()+" z", got.Z, want.Z, 1e-8)
		back := Compare(b, a, o)
		near(t, m.String()+" exchanged", back.Z, -want.Z, 1e-12)
		near(t, m.String()+" low", back.Low, -want.High, 1e-12)
		near(t, m.String()+" exchanged p", back.Permutation.P, want.Permutation.P, 0)
		less, greater := o, o
		less.Side, greater.Side = Less, Greater
		near(t, m.String()+" sides", Compare(a, b, less).Permutation.P, Compare(b, a, greater).Permutation.P, 0)
	}
	// People who lack a condition are left out and listed.
	b.X[3], a.Y[8] = math.NaN(), math.NaN()
	c := Compare(a, b, Options{})
	if c.N != 24 || !slices.Equal(c.Missing, []int{3, 8}) {
		t.Errorf("n = %d, missing %v", c.N, c.Missing)
	}
	// Conditions that are one and the same do not differ.
	c = Compare(a, a, Options{Permutations: 100, Bootstrap: 100})
	if c.Delta != 0 || c.Permutation.P != 1 {
		t.Errorf("a condition differs from itself: %+v", c)
	}
}

// BCa's quantiles where they are known: without bias and skewness they are the
// percentiles, and a monotone transformation of everything commutes.
func TestBCa(t *testing.T) {
	draws := func() []float64 {
		out := make([]float64, 999)
		for i := range out {
			out[i] = float64(i+1) / 1000
		}
		return out
	}
	b := bca(draws(), 0.5, []float64{-1, 1, -2, 2}, 0.95)
	near(t, "low", b.Low, 0.025, 1e-12)
	near(t, "high", b.High, 0.975, 1e-12)
	// 70 % of draws below the estimate: z0 = Φ⁻¹(0.7) = 0.52440051; ends
	// Φ(2 z0 ∓ 1.95996398), without acceleration.
	b = bca(draws(), 0.7, []float64{-1, 1, -2, 2}, 0.95)
	z0 := 0.5244005127080407
	phi := func(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }
	// The estimate is one of the draws and counts half: 699.5 of 999.
	near(t, "low", b.Low, phi(2*z0-1.959963984540054), 2e-3)
	near(t, "high", b.High, phi(2*z0+1.959963984540054), 2e-3)
	// Acceleration by hand: leave-one-out 0, 0, 0, 4 have deviations 1, 1, 1, −3:
	// a = (3 − 27)/(6·12^1.5).
	a, ok := acceleration([]float64{0, 0, 0, 4})
	if !ok {
		t.Fatal("no acceleration")
	}
	near(t, "a", a, -24/(6*math.Pow(12, 1.5)), 1e-15)
	if b := bca([]float64{1, 2, 3}, 2, nil, 0.95); b.Reason == "" || !math.IsNaN(b.Low) {
		t.Errorf("three draws give an interval: %+v", b)
	}
	if b := bca(draws(), 2, nil, 0.95); b.Reason == "" {
		t.Errorf("an estimate beyond all draws gives an interval: %+v", b)
	}
	if b := bca(draws(), 0.5, []float64{1, math.NaN()}, 0.95); b.Reason == "" {
		t.Errorf("a missing leave-one-out value gives an interval: %+v", b)
	}
}

// A covariate that few people have may be constant in a draw; the draw counts.
func TestBootstrapWithRareCovariate(t *testing.T) {
	d := sample(51, 12, 1, 0.5)
	clear(d.Covariates[0])
	d.Covariates[0][3] = 1
	r := Correlate(d, Options{Bootstrap: 500})
	if r.Bootstrap.Failed != 0 || !(r.Bootstrap.Low < r.Bootstrap.High) {
		t.Errorf("%+v", r.Bootstrap)
	}
	// A variable that few people have may not vary in a draw: that is counted.
	clear(d.X)
	d.X[3] = 1
	r = Correlate(Data{X: d.X, Y: d.Y}, Options{Bootstrap: 500})
	if r.Bootstrap.Failed == 0 || r.Bootstrap.Reason == "" {
		t.Errorf("%+v: without person 3 there is no correlation", r.Bootstrap)
	}
}

func TestFamily(t *testing.T) {
	a := sample(61, 26, 1, 0.6)
	o := Options{Permutations: 2000, Seed: 3}
	alone := Family([]Pair{{Data: a}}, o)[0]
	if alone.P != alone.PMax || alone.P != Correlate(a, o).Permutation.P {
		t.Errorf("a family of one: %+v, alone %g", alone, Correlate(a, o).Permutation.P)
	}
	// Twice the same correlation costs nothing.
	twice := Family([]Pair{{Data: a}, {Data: a}}, o)
	if twice[0].PMax != alone.P {
		t.Errorf("corrected for itself: %g, want %g", twice[0].PMax, alone.P)
	}
	// Unrelated ones cost about their number, and never more than Bonferroni's.
	var pairs []Pair
	for k := range 5 {
		pairs = append(pairs, Pair{Data: Data{X: sample(uint64(70+k), 26, 0, 0).X, Y: a.Y}})
	}
	for _, c := range Family(pairs, o) {
		if c.PMax < c.P || c.PMax > 5*c.P+0.01 {
			t.Errorf("%+v", c)
		}
	}
	// People missing in one pair only: the pair's own test is what it is without
	// the others.
	b := Data{X: slices.Clone(a.X), Y: slices.Clone(a.Y), Covariates: a.Covariates}
	for _, i := range []int{0, 7, 25} {
		b.X[i] = math.NaN()
	}
	f := Family([]Pair{{Data: a}, {Data: b}}, o)
	want := Correlate(b, Options{Permutations: 20_000, Seed: 8}).Permutation.P
	near(t, "p of the pair with gaps", f[1].P, want, 4*math.Sqrt(want*(1-want)/2000)+1e-3)
	if f[1].N != 23 {
		t.Errorf("n = %d", f[1].N)
	}
	one := Family([]Pair{{Data: a, Side: Greater}}, o)[0]
	if one.P > alone.P || one.P < alone.P/4 {
		t.Errorf("one-sided %g, two-sided %g", one.P, alone.P)
	}
}

// The family-wise error is that of a single test where nothing is correlated.
func TestFamilyError(t *testing.T) {
	const studies = 400
	false1 := 0
	for s := range studies {
		var pairs []Pair
		y := sample(uint64(10_000+s), 20, 0, 0).Y
		for k := range 3 {
			pairs = append(pairs, Pair{Data: Data{X: sample(uint64(20_000+3*s+k), 20, 0, 0).X, Y: y}})
		}
		least := 1.0
		for _, c := range Family(pairs, Options{Permutations: 199, Seed: uint64(s)}) {
			least = math.Min(least, c.PMax)
		}
		if least <= 0.05 {
			false1++
		}
	}
	// Four standard errors of 5 %.
	near(t, "family-wise error", float64(false1)/studies, 0.05, 4*math.Sqrt(0.05*0.95/studies))
}
