package pipeline

import (
	"context"

	"phasl/receptor"
)

// A ReceptorCalibration says how often tests of alignment err.
type ReceptorCalibration struct {
	People []*receptor.Simulated     `json:"people"` // the test for new people and other places
	Maps   []*receptor.SimulatedMaps `json:"maps"`   // tests that take people as given
}

// CalibrateReceptors simulates each scenario in turn. progress, which may be
// nil, is called before each.
func CalibrateReceptors(ctx context.Context, people []receptor.Scenario, maps []receptor.MapScenario, o receptor.SimulationOptions, progress func(Event)) (*ReceptorCalibration, error) {
	o.Stop = ctx.Err
	out := &ReceptorCalibration{}
	tell := func(i int, name string) {
		if progress != nil {
			progress(Event{Unit: name, Step: "simulating", Done: i, Total: len(people) + len(maps)})
		}
	}
	for i, c := range people {
		tell(i, c.Name)
		r, err := c.Simulate(o)
		if err != nil {
			return nil, err
		}
		out.People = append(out.People, r)
	}
	for i, c := range maps {
		tell(len(people)+i, c.Name)
		r, err := c.Simulate(o)
		if err != nil {
			return nil, err
		}
		out.Maps = append(out.Maps, r)
	}
	return out, nil
}
