package pipeline

import (
	"context"

	"phasl/crossover"
)

// A CalibrationCase is a scenario and the model it is analysed with.
type CalibrationCase struct {
	Scenario crossover.Scenario
	Formula  string // "": the plan's
	Most     int    // trials at most, for models whose fits are slow; 0: no limit
}

// ResponseFormula is the default model with room for people to differ in the
// phase effect.
const ResponseFormula = crossover.DefaultFormula + " + (1|subject:phase)"

// CalibrationCases returns the conditions of the table in
// docs/methods/crossover.md: variations of one scenario.
func CalibrationCases(base crossover.Scenario) []CalibrationCase {
	var out []CalibrationCase
	add := func(name string, change func(*crossover.Scenario)) {
		s := base
		s.Name = name
		change(&s)
		out = append(out, CalibrationCase{Scenario: s})
	}
	type sc = *crossover.Scenario
	add("as planned", func(sc) {})
	add("10 % of sessions, 5 % of scans missing", func(s sc) { s.MissingSessions, s.MissingScans = 0.10, 0.05 })
	add("30 % of sessions missing", func(s sc) { s.MissingSessions = 0.30 })
	add("12 people", func(s sc) { s.Subjects = 12 })
	add("8 people", func(s sc) { s.Subjects = 8 })
	add("8 people, 10 % of sessions missing", func(s sc) { s.Subjects, s.MissingSessions = 8, 0.10 })
	add("no session variance", func(s sc) { s.SessionSD = 0 })
	add("no session variance, 8 people", func(s sc) { s.SessionSD, s.Subjects = 0, 8 })
	add("no subject variance", func(s sc) { s.SubjectSD = 0 })
	add("carry-over on CBF", func(s sc) { s.CarryOver = 4 })
	add("carry-over on the phase effect", func(s sc) { s.CarryOverPhase = -3 })
	add("people differ in the phase effect", func(s sc) { s.ResponseSD = 3 })
	add("the same, modelled by (1|subject:phase)", func(s sc) { s.ResponseSD = 3 })
	crossed := &out[len(out)-1]
	crossed.Formula, crossed.Most = ResponseFormula, 2000
	return out
}

// CalibrationPlan reads the plan of which model, margin and prior are tried.
func CalibrationPlan(path string) (*crossover.Plan, error) {
	p, l := readPlan(path)
	if err := l.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// Calibrate simulates and analyses each case in turn. progress, which may be
// nil, is called before each.
func Calibrate(ctx context.Context, cases []CalibrationCase, opt crossover.CalibrationOptions, progress func(Event)) ([]*crossover.Calibration, error) {
	if opt.Plan == nil {
		opt.Plan = crossover.DefaultPlan()
	}
	if opt.Trials == 0 {
		opt.Trials = 10_000
	}
	var out []*crossover.Calibration
	for i, c := range cases {
		if progress != nil {
			progress(Event{Unit: c.Scenario.Name, Step: "simulating", Done: i, Total: len(cases)})
		}
		o, plan := opt, *opt.Plan
		if c.Formula != "" {
			plan.Model.Formula = c.Formula
		}
		o.Plan = &plan
		if c.Most > 0 {
			o.Trials = min(o.Trials, c.Most)
		}
		r, err := interruptible(ctx, func() (*crossover.Calibration, error) { return c.Scenario.Calibrate(o) })
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// interruptible returns what simulate does, or the context's error as soon as
// that is cancelled. A simulation that was left behind runs on to its end, for
// nobody.
func interruptible[T any](ctx context.Context, simulate func() (T, error)) (T, error) {
	type answer struct {
		result T
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		r, err := simulate()
		done <- answer{r, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case a := <-done:
		return a.result, a.err
	}
}
