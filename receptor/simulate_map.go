package receptor

import (
	"errors"

	"phasl/internal/keyed"
	"phasl/internal/par"
	"phasl/nullmap"
)

// A MapScenario is how two group effect maps come about in a simulation of the
// tests that take people as given. With d_1 and d_2 the first two densities of
// the panel, u and v random fields, all with standard deviation 1 and spectral
// slope Alpha,
//
//	x = First·d_1 + Second·d_2 + u
//	y = Other·d_1 + v
type MapScenario struct {
	Name   string  `json:"name"`
	Alpha  float64 `json:"alpha"`
	First  float64 `json:"first"`
	Second float64 `json:"second"`
	Other  float64 `json:"other"`
}

// MapScenarios returns the conditions of the table in docs/methods/receptors.md.
func MapScenarios() []MapScenario {
	var out []MapScenario
	for _, a := range []float64{1, 2, 3} {
		out = append(out, MapScenario{Name: "two unrelated maps", Alpha: a})
	}
	for _, a := range []float64{1, 2, 3} {
		out = append(out, MapScenario{Name: "both maps made of receptor 1", Alpha: a, First: 1, Other: 1})
	}
	return append(out,
		MapScenario{Name: "first map made of receptors 1 and 2 alike", Alpha: 2, First: 0.7, Second: 0.7},
		MapScenario{Name: "first map made of receptor 1, other unrelated", Alpha: 2, First: 1},
	)
}

// SimulatedMaps says how often tests called out, at p ≤ 0.05.
type SimulatedMaps struct {
	Scenario  MapScenario `json:"scenario"`
	Trials    int         `json:"trials"`
	Align     Rejection   `json:"align"`         // of the first map with receptor 1
	AnyFWE    Rejection   `json:"any_fwe"`       // of the first map with any receptor, family-wise
	R2        Rejection   `json:"r2"`            // of the regression of the first map on all
	CV        Rejection   `json:"cv"`            // of its cross-validation
	Dominance Rejection   `json:"dominance"`     // of receptor 1 in it
	Receptors Rejection   `json:"receptors"`     // receptor 1 against 2, first map
	PairsFWE  Rejection   `json:"receptors_fwe"` // any two receptors, family-wise
	Maps      Rejection   `json:"maps"`          // first map against other, receptor 1
	MapsFWE   Rejection   `json:"maps_fwe"`      // the same with any receptor, family-wise
}

// Simulate draws pairs of maps of a scenario and tests each by [Align],
// [Regress], [CompareReceptors] and [CompareMaps]. o is as for
// [Scenario.Simulate]. Results depend on the seed, not on the number of workers.
func (s MapScenario) Simulate(o SimulationOptions) (*SimulatedMaps, error) {
	o = o.filled()
	if o.Receptors < 2 || o.Places < 2*Fewest || o.Places > 600 {
		return nil, errors.New("receptor: simulations take 2 receptors or more and 40 to 600 places")
	}
	layout := nullmap.NewLayout(o.Places)
	families := &Families{}
	field, err := fieldOf(s.Alpha, layout)
	if err != nil {
		return nil, err
	}
	const kinds = 9
	called := make([][kinds]bool, o.Trials)
	pairs := AllPairs(o.Receptors)
	err = o.blocks(func(k int) {
		r := keyed.Stream(o.Seed, forFields, k)
		panel := drawPanel(field, r, o.Receptors)
		mix := func(first, second float64) Map {
			m := Map{Values: draw(field, r)}
			for i := range m.Values {
				m.Values[i] += first*panel[0].Values[i] + second*panel[1].Values[i]
			}
			return m
		}
		x, y := mix(s.First, s.Second), mix(s.Other, 0)
		at := Places{Coords: layout.Coords}
		opt := Options{Method: o.Method, Surrogates: o.Surrogates, Seed: r.Uint64(), Workers: 1, Families: families, brief: true}
		a, l := Align(x, panel, at, opt)
		g, gl := Regress(x, panel, at, 0, opt)
		c, cl := CompareReceptors(x, panel, pairs, at, opt)
		m, ml := CompareMaps(x, y, panel, at, opt)
		if l.Err() != nil || gl.Err() != nil || cl.Err() != nil || ml.Err() != nil {
			return // counted as not called; simulated maps have no faults
		}
		out := &called[k]
		*out = [kinds]bool{a.Results[0].P <= 0.05, false, g.P <= 0.05, g.CV.P <= 0.05, g.Terms[0].PDominance <= 0.05, c[0].P <= 0.05, false, m[0].P <= 0.05}
		for j := range panel {
			out[1] = out[1] || a.Results[j].PFWE <= 0.05
			out[8] = out[8] || m[j].PFWE <= 0.05
		}
		for _, c := range c {
			out[6] = out[6] || c.PFWE <= 0.05
		}
	})
	if err != nil {
		return nil, err
	}
	var rates [kinds]Rejection
	for j := range rates {
		rates[j] = rejection(o.Trials, func(k int) bool { return called[k][j] })
	}
	return &SimulatedMaps{s, o.Trials, rates[0], rates[1], rates[2], rates[3], rates[4], rates[5], rates[6], rates[7], rates[8]}, nil
}

// filled returns the options with their defaults.
func (o SimulationOptions) filled() SimulationOptions {
	or := func(v, otherwise int) int {
		if v > 0 {
			return v
		}
		return otherwise
	}
	o.Trials, o.Surrogates, o.Places, o.Receptors = or(o.Trials, 2000), or(o.Surrogates, 199), or(o.Places, 122), or(o.Receptors, 6)
	if o.Method == "" {
		o.Method = Pearson
	}
	return o
}

// blocks calls trial with the number of each trial, some at a time, until
// o.Stop says so.
func (o *SimulationOptions) blocks(trial func(k int)) error {
	const block = 64
	for lo := 0; lo < o.Trials; lo += block {
		if o.Stop != nil {
			if err := o.Stop(); err != nil {
				return err
			}
		}
		par.Do(o.Workers, min(block, o.Trials-lo), func(k int) { trial(lo + k) })
	}
	return nil
}

// rejection counts the trials in which a test called out.
func rejection(trials int, called func(k int) bool) Rejection {
	n := 0
	for k := range trials {
		if called(k) {
			n++
		}
	}
	return NewRejection(n, trials)
}
