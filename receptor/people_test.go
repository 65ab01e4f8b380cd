package receptor_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"phasl/lmm"
	"phasl/receptor"
)

func peopleMaps(n int, of func(i int) []float64) []receptor.Map {
	out := make([]receptor.Map, n)
	for i := range out {
		out[i] = receptor.Map{File: fmt.Sprintf("sub-%02d", i+1), Values: of(i)}
	}
	return out
}

// Every number of the test by its definition, from maps and surrogates.
func TestPeopleByDefinition(t *testing.T) {
	places, draw := brain(60, 11)
	d, shared := draw(), draw()
	const n, m = 9, 300
	people := peopleMaps(n, func(int) []float64 {
		e := draw()
		for v := range e {
			e[v] += 0.5*d[v] + shared[v]
		}
		return e
	})
	got, l := receptor.PeopleTest(people, []receptor.Density{density("D", d)}, places, receptor.Options{Method: receptor.Pearson, Surrogates: m, Seed: 3})
	if l.Err() != nil {
		t.Fatal(l)
	}
	a := got.Results[0]

	// One-sample t test of Fisher's z.
	var z []float64
	mean := make([]float64, len(d))
	for i, p := range people {
		r := pearson(p.Values, d)
		near(t, "a person's r", a.Each[i], r, 1e-12)
		z = append(z, math.Atanh(r))
		for v := range mean {
			mean[v] += p.Values[v] / n
		}
	}
	zm, zv := moments(z)
	near(t, "t", a.T, zm/math.Sqrt(zv/n), 1e-10)
	near(t, "p of t", a.P, lmm.TTail(a.T, n-1), 1e-12)
	half := lmm.TQuantile(0.05, n-1) * math.Sqrt(zv/n)
	near(t, "lower end", a.Low, math.Tanh(zm-half), 1e-12)
	near(t, "upper end", a.High, math.Tanh(zm+half), 1e-12)

	// All 512 patterns of signs.
	exact := 0
	for b := range 1 << n {
		s := make([]float64, n)
		for i := range s {
			s[i] = z[i] * float64(1-2*(b>>i&1))
		}
		sm, sv := moments(s)
		if math.Abs(sm/math.Sqrt(sv/n)) >= a.T-1e-9 {
			exact++
		}
	}
	p := float64(exact) / (1 << n)
	if math.Abs(a.PFlip-p) > 4*math.Sqrt(p*(1-p)/m)+1./m {
		t.Errorf("sign-flip p %g, exact %g", a.PFlip, p)
	}

	// The spatial part is Align of the mean map.
	alone, l := receptor.Align(receptor.Map{Values: mean}, []receptor.Density{density("D", d)}, places, receptor.Options{Method: receptor.Pearson, Surrogates: m, Seed: 3})
	if l.Err() != nil {
		t.Fatal(l)
	}
	near(t, "r of the mean map", a.R, alone.Results[0].R, 1e-12)
	near(t, "p over places", a.PPlaces, alone.Results[0].P, 1e-12)
	near(t, "the larger p", a.PBoth, math.Max(a.PFlip, a.PPlaces), 0)

	// The joint statistic, with slopes on the standardised density.
	dm, dv := moments(d)
	var slopes []float64
	var spread, size float64
	mm, _ := moments(mean)
	for _, q := range people {
		var s float64
		qm, _ := moments(q.Values)
		for v, x := range q.Values {
			s += (x - qm) * (d[v] - dm) / math.Sqrt(dv*59)
			dev := (x - qm) - (mean[v] - mm)
			spread += dev * dev / (n * (n - 1))
		}
		slopes = append(slopes, s)
	}
	for _, x := range mean {
		size += (x - mm) * (x - mm)
	}
	sm, sv := moments(slopes)
	v1 := sv / n / size
	var v2 float64
	for _, r := range alone.Results[0].Surrogates {
		v2 += r * r / m
	}
	v12 := min(v1, v2, spread/size*v2)
	near(t, "r in its standard errors", a.Joint, sm/math.Sqrt(size)/math.Sqrt(v1+v2-v12), 1e-10)
	near(t, "share of people", a.SharePeople, v1/(v1+v2), 1e-10)
}

// moments returns mean and variance (n − 1).
func moments(x []float64) (m, v float64) {
	for _, a := range x {
		m += a / float64(len(x))
	}
	for _, a := range x {
		v += (a - m) * (a - m) / float64(len(x)-1)
	}
	return m, v
}

// What everybody shares with the receptor is found by every test; what nobody
// has is found by none; and workers change nothing.
func TestPeopleFindsAndSpares(t *testing.T) {
	places, draw := brain(100, 12)
	d := draw()
	found := peopleMaps(20, func(int) []float64 {
		e := draw()
		for v := range e {
			e[v] += 3 * d[v]
		}
		return e
	})
	var first string
	for _, workers := range []int{1, 4} {
		got, l := receptor.PeopleTest(found, []receptor.Density{density("D", d), density("other", draw())}, places, receptor.Options{Surrogates: 499, Workers: workers})
		if l.Err() != nil {
			t.Fatal(l)
		}
		a := got.Results[0]
		for what, p := range map[string]float64{"people": a.PFlip, "people, family-wise": a.PFlipFWE, "places": a.PPlaces, "joint": a.PJoint, "joint, family-wise": a.PJointFWE} {
			if p > 0.01 {
				t.Errorf("p (%s) %g", what, p)
			}
		}
		if a.Positive < 18 {
			t.Errorf("%d of 20 people are positive", a.Positive)
		}
		if text := fmt.Sprintf("%x", got.Results[0]); first == "" {
			first = text
		} else if text != first {
			t.Error("results depend on the number of workers")
		}
	}
}

func TestPeopleRefusesAndWarns(t *testing.T) {
	places, draw := brain(60, 13)
	panel := []receptor.Density{density("D", draw())}
	two := peopleMaps(2, func(int) []float64 { return draw() })
	if _, l := receptor.PeopleTest(two, panel, places, receptor.Options{}); l.Err() == nil || !strings.Contains(l.Error(), "at least 3 are needed") {
		t.Errorf("two people: %v", l)
	}
	maps := peopleMaps(6, func(int) []float64 { return draw() })
	maps[5].Values = maps[0].Values
	for i := range 10 {
		maps[2].Values[i] = math.NaN()
	}
	got, l := receptor.PeopleTest(maps, panel, places, receptor.Options{Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	for _, want := range []string{"sub-06: its values are those of sub-01", "sub-03: only 50 of 60 parcels have a value in everybody; this map lacks 10"} {
		if !strings.Contains(l.Error(), want) {
			t.Errorf("no warning %q in:\n%v", want, l)
		}
	}
	if len(got.Used) != 50 || len(got.Cautions) == 0 || !strings.Contains(got.Cautions[0], "64 patterns of signs") {
		t.Errorf("%d places, cautions %q", len(got.Used), got.Cautions)
	}
	for i := range maps[1].Values {
		maps[1].Values[i] = math.NaN()
	}
	if _, l := receptor.PeopleTest(maps, panel, places, receptor.Options{}); l.Err() == nil || !strings.Contains(l.Error(), "0 of 60 parcels") {
		t.Errorf("an empty person: %v", l)
	}
	maps[1].Values = make([]float64, 60) // constant: no alignment, said
	got, l = receptor.PeopleTest(maps, panel, places, receptor.Options{Surrogates: 99})
	if l.Err() != nil {
		t.Fatal(l)
	}
	if a := got.Results[0]; !math.IsNaN(a.PJoint) || !strings.Contains(a.Reason, "constant") {
		t.Errorf("a constant person: p %g, reason %q", a.PJoint, a.Reason)
	}
}

// The false positives of docs/methods/receptors.md, in short: 120 trials of the
// two conditions that decide which test may be used, and of one with an effect.
// Bounds are four Monte Carlo standard errors away from 5 %.
func TestJointLevel(t *testing.T) {
	if testing.Short() {
		t.Skip("simulation")
	}
	for _, tt := range []struct {
		s              receptor.Scenario
		people, places [2]float64 // what the single tests do, as a share
		joint          [2]float64
	}{
		{receptor.Scenario{Name: "noise like the receptor", People: 16, Slope: 1, Noise: 1, Alpha: 2, NoiseAlpha: 1}, [2]float64{0, 0.13}, [2]float64{0.4, 1}, [2]float64{0, 0.13}},
		{receptor.Scenario{Name: "shared, unrelated", People: 16, Shared: 1, Noise: 1, Alpha: 2, NoiseAlpha: 1}, [2]float64{0.4, 1}, [2]float64{0, 0.13}, [2]float64{0, 0.13}},
		{receptor.Scenario{Name: "effect", People: 16, Effect: 1, Slope: 0.5, Noise: 1, Alpha: 2, NoiseAlpha: 1}, [2]float64{0.9, 1}, [2]float64{0.9, 1}, [2]float64{0.9, 1}},
	} {
		r, err := tt.s.Simulate(receptor.SimulationOptions{Trials: 120, Surrogates: 99, Places: 60, Receptors: 2, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what string
			got  receptor.Rejection
			want [2]float64
		}{{"people", r.People, tt.people}, {"places", r.Places, tt.places}, {"joint", r.Joint, tt.joint}} {
			if c.got.Share < c.want[0] || c.got.Share > c.want[1] {
				t.Errorf("%s: p (%s) ≤ 0.05 in %.1f %% of trials, want %.0f to %.0f %%", tt.s.Name, c.what, 100*c.got.Share, 100*c.want[0], 100*c.want[1])
			}
		}
	}
}

// The band of chance is that of the joint test: two-sided p is below 5 % outside
// it, but for what the two tails differ by, and it is wider than that of places
// alone where people differ.
func TestPeopleBand(t *testing.T) {
	const n, people = 80, 9
	places, draw := brain(n, 71)
	d := draw()
	for _, effect := range []float64{0, 0.3, 2} {
		maps := make([]receptor.Map, people)
		for i := range maps {
			maps[i].Values = combine(n, []float64{effect, 1}, d, draw())
		}
		got, l := receptor.PeopleTest(maps, []receptor.Density{density("D", d), density("E", draw())}, places, receptor.Options{Method: receptor.Pearson, Surrogates: 999, Seed: 3})
		if l.Err() != nil {
			t.Fatal(l)
		}
		for _, a := range got.Results {
			if !(a.NullLow < 0 && a.NullHigh > 0) {
				t.Errorf("effect %g, %s: band %g to %g", effect, a.Target, a.NullLow, a.NullHigh)
			}
			if outside := a.R < a.NullLow || a.R > a.NullHigh; a.PJoint < 0.03 && !outside || a.PJoint > 0.08 && outside {
				t.Errorf("effect %g, %s: r %g, band %g to %g, p %g", effect, a.Target, a.R, a.NullLow, a.NullHigh, a.PJoint)
			}
		}
	}
}

// Where two conditions share a map made of the receptor there is no difference;
// where one has it in everybody and the other not there is. Each person's
// coefficient is that of the difference of standardised maps, by hand.
func TestPeopleShift(t *testing.T) {
	const n, people = 80, 10
	places, draw := brain(n, 81)
	for _, method := range receptor.Methods() {
		d := draw()
		panel := []receptor.Density{density("D", d), density("E", draw())}
		first, same, without := make([]receptor.Map, people), make([]receptor.Map, people), make([]receptor.Map, people)
		for i := range first {
			first[i].Values = combine(n, []float64{1.2, 1}, d, draw())
			same[i].Values = combine(n, []float64{1.2, 1}, d, draw())
			without[i].Values = draw()
		}
		o := receptor.Options{Method: method, Surrogates: 499, Seed: 2}
		none, l := receptor.PeopleShift(first, same, panel, places, o)
		some, l2 := receptor.PeopleShift(first, without, panel, places, o)
		if l.Err() != nil || l2.Err() != nil {
			t.Fatal(l, l2)
		}
		if p := none.Results[0].PJoint; p < 0.05 {
			t.Errorf("%s: p %g where both conditions have it", method, p)
		}
		if a := some.Results[0]; a.PJoint > 0.05 || a.R < 0.3 {
			t.Errorf("%s: r %g, p %g where one condition has it", method, a.R, a.PJoint)
		}
		u, v, w := first[3].Values, without[3].Values, d
		if method == receptor.Spearman {
			u, v, w = midranks(u), midranks(v), midranks(d)
		}
		um, uv := moments(u)
		vm, vv := moments(v)
		delta := make([]float64, n)
		for i := range delta {
			delta[i] = (u[i]-um)/math.Sqrt(uv) - (v[i]-vm)/math.Sqrt(vv)
		}
		near(t, "a person's coefficient", some.Results[0].Each[3], pearson(delta, w), 1e-12)
	}
	if _, l := receptor.PeopleShift(make([]receptor.Map, 3), make([]receptor.Map, 2), nil, places, receptor.Options{}); l.Err() == nil {
		t.Error("lists of different length")
	}
}

// A claim that another seed may turn is said to be one.
func TestPeopleNearTheLevel(t *testing.T) {
	const n, people = 60, 8
	places, draw := brain(n, 72)
	near, far := 0, 0
	families := &receptor.Families{}
	for k := range 20 {
		d := draw()
		maps := make([]receptor.Map, people)
		for i := range maps {
			maps[i].Values = combine(n, []float64{0.15 * float64(k), 1}, d, draw())
		}
		got, l := receptor.PeopleTest(maps, []receptor.Density{density("D", d)}, places, receptor.Options{Surrogates: 199, Seed: uint64(k + 1), Families: families})
		if l.Err() != nil {
			t.Fatal(l)
		}
		said := strings.Contains(strings.Join(got.Cautions, "\n"), "within Monte Carlo error of 0.05")
		is := math.Abs(got.Results[0].PJointFWE-0.05) < 2*math.Sqrt(0.05*0.95/199)
		if said != is {
			t.Errorf("p %g: said %v", got.Results[0].PJointFWE, said)
		}
		if is {
			near++
		} else {
			far++
		}
	}
	if near == 0 || far == 0 {
		t.Errorf("%d near, %d far: the test shows nothing", near, far)
	}
}
