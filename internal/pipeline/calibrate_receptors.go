package pipeline

import (
	"context"

	"phasl/receptor"
)

// CalibrateReceptors simulates each scenario of the joint test over people and
// places in turn. progress, which may be nil, is called before each.
func CalibrateReceptors(ctx context.Context, cases []receptor.Scenario, o receptor.SimulationOptions, progress func(Event)) ([]*receptor.Simulated, error) {
	o.Stop = ctx.Err
	var out []*receptor.Simulated
	for i, c := range cases {
		if progress != nil {
			progress(Event{Unit: c.Name, Step: "simulating", Done: i, Total: len(cases)})
		}
		r, err := c.Simulate(o)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}
