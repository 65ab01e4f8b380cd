package receptor

import (
	"errors"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"phasl/internal/keyed"
	"phasl/nullmap"
)

// A Scenario is how people's effect maps come about in a simulation. With d the
// first density, u a map that people share and w_i noise, each a random field
// with standard deviation 1,
//
//	e_i = (Effect + b_i)·d + Shared·u + Noise·w_i,   b_i normal with SD Slope
//
// The p of d is a false positive wherever Effect is 0.
type Scenario struct {
	Name       string
	People     int
	Effect     float64 // of the first density on everybody
	Slope      float64 // by which people differ in it
	Shared     float64
	Noise      float64
	Alpha      float64 // spectral slope of densities and the shared map
	NoiseAlpha float64 // of the noise
	Method     Method  // "": that of the options
	Heavy      bool    // noise of a person times a factor of its own, exp(N(0, 1)): a few people are far noisier
}

// Scenarios returns the conditions of the table in docs/methods/receptors.md.
func Scenarios(people int) []Scenario {
	return []Scenario{
		{Name: "nothing; rough noise", Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "nothing; smooth noise", Noise: 1, Alpha: 2, NoiseAlpha: 2.5, People: people},
		{Name: "nothing; smooth noise; some people far noisier", Noise: 1, Alpha: 2, NoiseAlpha: 2.5, Heavy: true, People: people},
		{Name: "people share an unrelated map", Shared: 1, Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "people share an unrelated smooth map", Shared: 1, Noise: 1, Alpha: 3, NoiseAlpha: 2, People: people},
		{Name: "the same, ranks (Spearman)", Shared: 1, Noise: 1, Alpha: 3, NoiseAlpha: 2, People: people, Method: Spearman},
		{Name: "people's noise looks like the receptor", Slope: 1, Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "both of the last", Slope: 1, Shared: 0.6, Noise: 0.5, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "both of the last; 12 people", Slope: 1, Shared: 0.6, Noise: 0.5, Alpha: 2, NoiseAlpha: 1, People: 12},
		{Name: "effect 0.5, shared 0.5, people differ by 0.5", Effect: 0.5, Shared: 0.5, Slope: 0.5, Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "effect 0.2, people differ by 0.5", Effect: 0.2, Slope: 0.5, Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
		{Name: "effect 0.5, shared 1", Effect: 0.5, Shared: 1, Noise: 1, Alpha: 2, NoiseAlpha: 1, People: people},
	}
}

// SimulationOptions say how much is simulated. The zero value is the default.
type SimulationOptions struct {
	Trials     int // 0: 2,000
	Surrogates int // 0: 199, with which p ≤ 0.05 is exact
	Places     int // 0: 122
	Receptors  int // densities of the panel, correlated at 0.5 in mean with the first; 0: 6
	Method     Method
	Seed       uint64
	Workers    int
	Stop       func() error // asked now and then; its error ends the simulation
}

// A Rejection is a share of simulated trials with p ≤ 0.05 and its Monte Carlo
// standard error.
type Rejection struct {
	Share float64 `json:"share"`
	SE    float64 `json:"mc_se"`
}

// NewRejection is n of so many trials.
func NewRejection(n, trials int) Rejection {
	p := float64(n) / float64(trials)
	return Rejection{p, math.Sqrt(p * (1 - p) / float64(trials))}
}

// A Simulated says how often tests of the first density called out.
type Simulated struct {
	Scenario Scenario  `json:"scenario"`
	Trials   int       `json:"trials"`
	People   Rejection `json:"people"`     // PFlip: sign flips of people
	Places   Rejection `json:"places"`     // PPlaces: surrogates of the mean map
	Both     Rejection `json:"larger"`     // PBoth: the larger of these two
	Joint    Rejection `json:"joint"`      // PJoint
	JointFWE Rejection `json:"joint_fwe"`  // PJointFWE of any density
	PlainFWE Rejection `json:"larger_fwe"` // any density of which PBoth, Bonferroni-adjusted, is small
	Crossed  Rejection `json:"crossed"`    // a test that is not offered: r of surrogates with flipped people added
}

// Simulate draws trials of a scenario and tests each by [PeopleTest]. Results
// depend on the seed, not on the number of workers.
func (s Scenario) Simulate(o SimulationOptions) (*Simulated, error) {
	if s.Method != "" {
		o.Method = s.Method
	}
	o = o.filled()
	if s.People < FewestPeople || o.Places < 2*Fewest || o.Places > 600 {
		return nil, errors.New("receptor: simulations take 3 people or more and 40 to 600 places")
	}
	layout := nullmap.NewLayout(o.Places)
	families := &Families{}
	smooth, err := fieldOf(s.Alpha, layout)
	if err != nil {
		return nil, err
	}
	rough, err := fieldOf(s.NoiseAlpha, layout)
	if err != nil {
		return nil, err
	}
	const kinds = 7
	called := make([][kinds]bool, o.Trials)
	if err := o.blocks(func(k int) { called[k] = s.trial(o, layout, families, smooth, rough, k) }); err != nil {
		return nil, err
	}
	var rates [kinds]Rejection
	for j := range rates {
		rates[j] = rejection(o.Trials, func(k int) bool { return called[k][j] })
	}
	return &Simulated{s, o.Trials, rates[0], rates[1], rates[2], rates[3], rates[4], rates[5], rates[6]}, nil
}

// trial simulates and tests one trial.
func (s Scenario) trial(o SimulationOptions, layout nullmap.Layout, families *Families, smooth, rough *mat.TriDense, k int) (out [7]bool) {
	r := keyed.Stream(o.Seed, forFields, k)
	panel := drawPanel(smooth, r, o.Receptors)
	d, u := panel[0].Values, draw(smooth, r)
	people := make([]Map, s.People)
	for i := range people {
		w, b, noise := draw(rough, r), s.Effect+s.Slope*r.NormFloat64(), s.Noise
		if s.Heavy {
			noise *= math.Exp(r.NormFloat64())
		}
		people[i].Values = make([]float64, len(d))
		for v := range d {
			people[i].Values[v] = b*d[v] + s.Shared*u[v] + noise*w[v]
		}
	}
	res, l := PeopleTest(people, panel, Places{Coords: layout.Coords}, Options{Method: o.Method, Surrogates: o.Surrogates, Seed: r.Uint64(), Workers: 1, Families: families, brief: true})
	if l.Err() != nil {
		return out // counted as not called; simulated maps have no faults
	}
	a := res.Results[0]
	out = [7]bool{a.PFlip <= 0.05, a.PPlaces <= 0.05, a.PBoth <= 0.05, a.PJoint <= 0.05}
	for _, a := range res.Results {
		out[4] = out[4] || a.PJointFWE <= 0.05
		out[5] = out[5] || a.PBoth <= 0.05/float64(len(res.Results))
	}
	out[6] = crossedDraw(people, d, layout, families.of(Places{Coords: layout.Coords}, res.Used, 1), o, r) <= 0.05
	return out
}

// drawPanel draws densities, those but the first correlated with it.
func drawPanel(field *mat.TriDense, r *rand.Rand, n int) []Density {
	panel := make([]Density, n)
	for j := range panel {
		panel[j].Values = draw(field, r)
		if j > 0 {
			for i, v := range panel[0].Values {
				panel[j].Values[i] = 0.5*v + math.Sqrt(0.75)*panel[j].Values[i]
			}
		}
	}
	return panel
}

// crossedDraw returns the p of a test that is not offered, for comparison: r of
// the mean map against r of a surrogate of it plus the mean of people's
// deviations with signs flipped. It crosses people and places as well, but r of
// the sum forgets how large either was.
func crossedDraw(people []Map, d []float64, layout nullmap.Layout, family *nullmap.Family, o SimulationOptions, r *rand.Rand) float64 {
	m := meanMap(people, o.Method)
	null, l := nullmap.New(nullmap.Map{Values: m, Coords: layout.Coords}, nullmap.Options{Seed: r.Uint64(), Workers: 1, Family: family})
	if l.Err() != nil {
		return 1
	}
	scores := func(x []float64) []float64 {
		v := append([]float64(nil), x...)
		if o.Method == Spearman {
			rank(v, make([]int32, len(v)))
		}
		unit(v, nil)
		return v
	}
	u := scores(d)
	x, draws := make([]float64, len(d)), make([]float64, o.Surrogates)
	for k := range draws {
		null.Draw(x, k)
		for _, p := range people {
			s := float64(1-2*int(r.Uint64()>>63)) / float64(len(people))
			for i := range x {
				x[i] += s * (p.Values[i] - m[i])
			}
		}
		draws[k] = dot(scores(x), u)
	}
	return nullmap.PValue(dot(scores(m), u), draws)
}

// fieldOf returns the Cholesky factor of a field's covariance, of mean variance
// 1 over the places.
func fieldOf(alpha float64, layout nullmap.Layout) (*mat.TriDense, error) {
	c := nullmap.PowerLaw{Alpha: alpha, Symmetry: 0.5}.Covariance(layout.Coords)
	n := c.SymmetricDim()
	var trace float64
	for i := range n {
		trace += c.At(i, i) / float64(n)
	}
	for i := range n {
		for j := range i + 1 {
			v := c.At(j, i) / trace
			if i == j {
				v += 1e-9
			}
			c.SetSym(j, i, v)
		}
	}
	var ch mat.Cholesky
	if !ch.Factorize(c) {
		return nil, errors.New("receptor: the field has no covariance")
	}
	var l mat.TriDense
	ch.LTo(&l)
	return &l, nil
}

// draw returns one field, with mean 0 and standard deviation 1 over the places:
// otherwise a smooth one would be a constant that no correlation sees.
func draw(l *mat.TriDense, r *rand.Rand) []float64 {
	n, _ := l.Dims()
	z := mat.NewVecDense(n, nil)
	for i := range n {
		z.SetVec(i, r.NormFloat64())
	}
	var v mat.VecDense
	v.MulVec(l, z)
	x := append([]float64(nil), v.RawVector().Data...)
	unit(x, nil)
	for i := range x {
		x[i] *= math.Sqrt(float64(n))
	}
	return x
}
