package pipeline

import (
	"context"
	"fmt"
	"math"
	"strings"

	"phasl/corr"
	"phasl/crossover"
)

// A PowerConfig says which trial's power is asked for.
type PowerConfig struct {
	People     int
	R          []float64 // true correlations under the reference treatment
	Other      float64   // under the other treatment
	Covariates int
	Stability  float64 // correlation of measure, and of score, between treatments
	Scores     bool    // the score is skewed and of whole numbers, many of them zero
	Draws      int     // of the permutation test
	Family     int     // associations corrected together
	Effects    []float64
	Scenario   crossover.Scenario // of CBF; its effects are replaced
	Plan       *crossover.Plan
	Trials     int
	Seed       uint64
	Workers    int
	Progress   func(Event)
}

// A Power is what a trial can and cannot show.
type Power struct {
	People       int                           `json:"people"`
	Alpha        float64                       `json:"alpha"` // of the associations; contrasts are at 0.05
	Associations []*crossover.AssociationPower `json:"associations"`
	Needed       []PeopleNeeded                `json:"people_needed"`
	Contrasts    []ContrastPower               `json:"contrasts"`
}

// PeopleNeeded are people for 80 % power, by closed forms; 0: no number will do.
type PeopleNeeded struct {
	R1          float64 `json:"r1"`
	R2          float64 `json:"r2"`
	Correlation int     `json:"correlation"` // to find r1
	Difference  int     `json:"difference"`  // to tell r1 from r2 in the same people
}

// A ContrastPower is the power of the crossover model's contrasts for one size
// of the phase effect.
type ContrastPower struct {
	Percent float64 `json:"percent"` // phase effect, of CBF at baseline
	Effect  float64 `json:"effect"`  // the same [mL/100 g/min]

	Phase       crossover.Rate `json:"phase_rejected"`             // under one treatment
	Average     crossover.Rate `json:"phase_average_rejected"`     // over treatments
	FullLoss    crossover.Rate `json:"interaction_full_rejected"`  // the treatment takes the whole effect away
	HalfLoss    crossover.Rate `json:"interaction_half_rejected"`  // or half of it
	Equivalent  crossover.Rate `json:"equivalent_without"`         // equivalence claimed where the treatment changes nothing
	NotLessened crossover.Rate `json:"not_lessened_without"`       // likewise "not lessened by the margin"
	AtMargin    crossover.Rate `json:"equivalent_at_lower_margin"` // equivalence claimed where it should not be
	Trials      int            `json:"trials"`                     // for each truth
	Margin      float64        `json:"margin"`                     // of equivalence
	MarginUnit  string         `json:"margin_unit"`                // as the plan has it
}

// ComputePower simulates the trial for every correlation and effect. An error
// is a [diag.List] where the trial makes no sense.
func ComputePower(ctx context.Context, c PowerConfig) (*Power, error) {
	out := &Power{People: c.People, Alpha: 0.05 / float64(max(1, c.Family))}
	total := len(c.R) + 3*len(c.Effects)
	done := 0
	step := func(what string) error {
		if c.Progress != nil {
			c.Progress(Event{Unit: what, Step: "simulating", Done: done, Total: total})
		}
		done++
		return ctx.Err()
	}
	for _, r := range c.R {
		name := fmt.Sprintf("r = %g and %g", r, c.Other)
		if err := step(name); err != nil {
			return nil, err
		}
		s := corr.Scenario{Name: name, People: c.People, R1: r, R2: c.Other, Stability: c.Stability, Covariates: c.Covariates}
		if c.Scores {
			s.Y, s.Y2 = corr.Score, corr.Score
		}
		p, err := interruptible(ctx, func() (*crossover.AssociationPower, error) {
			return crossover.SimulateAssociation(s, out.Alpha, corr.SimulationOptions{Studies: c.Trials, Draws: c.Draws, Seed: c.Seed, Workers: c.Workers})
		})
		if err != nil {
			return nil, err
		}
		out.Associations = append(out.Associations, p)
		out.Needed = append(out.Needed, PeopleNeeded{R1: r, R2: c.Other, Correlation: crossover.PeopleForCorrelation(r, c.Covariates, out.Alpha, 0.8),
			Difference: crossover.PeopleForDifference(r, c.Other, c.Stability, c.Covariates, out.Alpha, 0.8)})
	}
	for _, percent := range c.Effects {
		s := c.Scenario
		s.Subjects, s.Phase = c.People, percent/100*s.Mean
		row := ContrastPower{Percent: percent, Effect: s.Phase, Trials: c.Trials, Margin: c.Plan.Equivalence.Margin, MarginUnit: c.Plan.Equivalence.Unit}
		for _, loss := range []float64{1, 0.5, 0} {
			if err := step(fmt.Sprintf("effect of %g %%, %g %% of it lost", percent, 100*loss)); err != nil {
				return nil, err
			}
			s.Interaction = -loss * s.Phase
			r, err := interruptible(ctx, func() (*crossover.Calibration, error) {
				return s.Calibrate(crossover.CalibrationOptions{Plan: c.Plan, Trials: c.Trials, Seed: c.Seed, Workers: c.Workers})
			})
			if err != nil {
				return nil, err
			}
			switch interaction := rejected(r, crossover.Interaction); loss {
			case 1:
				row.FullLoss = interaction
			case 0.5:
				row.HalfLoss = interaction
			default:
				row.Phase, row.Average = rejected(r, crossover.PhaseEffect+":"), rejected(r, crossover.AverageEffect)
				row.Equivalent, row.NotLessened, row.AtMargin = r.Equivalent, r.NotLessened, r.EquivalentAtLower
			}
		}
		out.Contrasts = append(out.Contrasts, row)
	}
	return out, nil
}

// rejected returns how often the first contrast of a kind is found.
func rejected(r *crossover.Calibration, kind string) crossover.Rate {
	for _, e := range r.Effects {
		if strings.HasPrefix(e.Name, kind) {
			return e.Rejected
		}
	}
	nan := crossover.Number(math.NaN())
	return crossover.Rate{Share: nan, SE: nan}
}
