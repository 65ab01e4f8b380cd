package pipeline

import (
	"context"

	"phasl/corr"
)

// AssociationCases returns the conditions of the table in
// docs/methods/associations.md for trials of so many people.
func AssociationCases(people int) []corr.Scenario {
	const stability = 0.5 // of a person's errors between two treatments
	var out []corr.Scenario
	add := func(name string, r1, r2 float64, covariates int, x, y corr.Shape, change func(*corr.Scenario)) {
		s := corr.Scenario{Name: name, People: people, R1: r1, R2: r2, Stability: stability, X: x, Y: y, X2: x, Y2: y, Covariates: covariates}
		if change != nil {
			change(&s)
		}
		out = append(out, s)
	}
	const normal, skewed, score = corr.Normal, corr.Skewed, corr.Score
	type sc = *corr.Scenario
	add("no correlation", 0, 0, 0, normal, normal, nil)
	add("no correlation, 2 covariates", 0, 0, 2, normal, normal, nil)
	add("no correlation, 5 covariates", 0, 0, 5, normal, normal, nil)
	add("no correlation, 2 covariates, scores", 0, 0, 2, normal, score, nil)
	add("no correlation, 2 covariates, both skewed", 0, 0, 2, skewed, skewed, nil)
	add("no correlation, skewed under treatment 1 alone", 0, 0, 0, skewed, skewed, func(s sc) { s.X2, s.Y2 = normal, normal })
	add("0.5 under both", 0.5, 0.5, 0, normal, normal, nil)
	add("0.5 under both, baseline", 0.5, 0.5, 1, normal, normal, nil)
	add("0.5 under both, baseline, scores", 0.5, 0.5, 1, normal, score, nil)
	add("the same, other mean and twice the SD under treatment 2", 0.5, 0.5, 1, normal, score, func(s sc) { s.Shift, s.Scale = 1, 2 })
	add("the same, other mean by three SD", 0.5, 0.5, 1, normal, score, func(s sc) { s.Shift = 3 })
	add("0.5 under both, both skewed", 0.5, 0.5, 0, skewed, skewed, nil)
	add("0.8 under both", 0.8, 0.8, 0, normal, normal, nil)
	return out
}

// CalibrateAssociations simulates each case in turn. progress, which may be
// nil, is called before each.
func CalibrateAssociations(ctx context.Context, cases []corr.Scenario, opt corr.SimulationOptions, progress func(Event)) ([]*corr.Simulation, error) {
	var out []*corr.Simulation
	for i, c := range cases {
		if progress != nil {
			progress(Event{Unit: c.Name, Step: "simulating", Done: i, Total: len(cases)})
		}
		s, err := interruptible(ctx, func() (*corr.Simulation, error) { return c.Simulate(opt) })
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}
