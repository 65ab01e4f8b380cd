package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"phasl/corr"
	"phasl/internal/pipeline"
)

// The JSON of simulated associations. A rate that was not tried is null.
type associationRates struct {
	Name       string           `json:"name"`
	People     int              `json:"people"`
	R1         float64          `json:"r1"` // of the normal errors
	R2         float64          `json:"r2"`
	Stability  float64          `json:"stability"`
	Shapes     [2][2]string     `json:"shapes"` // of x and y, by condition
	Covariates int              `json:"covariates"`
	Shift      float64          `json:"shift"`
	Scale      float64          `json:"scale"`
	Trials     int              `json:"trials"`
	Draws      int              `json:"draws"`
	Methods    []methodRateJSON `json:"methods"`
}

type methodRateJSON struct {
	Method string          `json:"method"`
	Truth  pipeline.Number `json:"truth"`
	Delta  pipeline.Number `json:"delta"`

	T           rateJSON `json:"t_rejected"`
	Permutation rateJSON `json:"permutation_rejected"`
	Closed      rateJSON `json:"ci_covered"`
	BCa         rateJSON `json:"bca_covered"`

	Steiger       rateJSON `json:"steiger_rejected"`
	DunnClark     rateJSON `json:"dunn_clark_rejected"`
	Swap          rateJSON `json:"difference_permutation_rejected"`
	Zou           rateJSON `json:"zou_covered"`
	DifferenceBCa rateJSON `json:"difference_bca_covered"`
	Undefined     int      `json:"undefined"`
}

type rateJSON struct {
	Share pipeline.Number `json:"share"`
	SE    pipeline.Number `json:"mc_se"`
}

func ratesOf(s *corr.Simulation) associationRates {
	c := s.Scenario
	scale := c.Scale
	if scale == 0 {
		scale = 1
	}
	out := associationRates{Name: c.Name, People: c.People, R1: c.R1, R2: c.R2, Stability: c.Stability,
		Shapes: [2][2]string{{c.X.String(), c.Y.String()}, {c.X2.String(), c.Y2.String()}}, Covariates: c.Covariates, Shift: c.Shift, Scale: scale,
		Trials: s.Studies, Draws: s.Draws}
	r := func(r corr.Rate) rateJSON { return rateJSON{pipeline.Number(r.Share), pipeline.Number(r.SE)} }
	for _, m := range s.Methods {
		out.Methods = append(out.Methods, methodRateJSON{Method: m.Method.String(), Truth: pipeline.Number(m.Truth), Delta: pipeline.Number(m.Delta),
			T: r(m.T), Permutation: r(m.Permutation), Closed: r(m.Closed), BCa: r(m.BCa),
			Steiger: r(m.Steiger), DunnClark: r(m.DunnClark), Swap: r(m.Swap), Zou: r(m.Zou), DifferenceBCa: r(m.DifferenceBCa), Undefined: m.Undefined})
	}
	return out
}

// associations simulates correlations, writes JSON and prints two tables.
func (c *calibrateCmd) associations(ctx context.Context, s streams) error {
	opt := corr.SimulationOptions{Studies: c.Trials, Draws: c.Draws, Seed: c.Seed, Workers: c.Workers}
	sims, err := pipeline.CalibrateAssociations(ctx, pipeline.AssociationCases(c.Subjects), opt, newProgress(s.err).show)
	if err != nil {
		return err
	}
	var res []associationRates
	for _, x := range sims {
		res = append(res, ratesOf(x))
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	printAssociationRates(c.summary(s), res)
	return nil
}

func printAssociationRates(w io.Writer, res []associationRates) {
	pc := func(r rateJSON) string {
		if math.IsNaN(float64(r.Share)) {
			return ""
		}
		return strconv.FormatFloat(100*float64(r.Share), 'f', 1, 64)
	}
	fmt.Fprintf(w, "%d simulated trials of each condition, %d draws; in percent; Monte Carlo standard error at 5 %%: %.2f (permutation of the robust method, at most 2000 trials: 0.49)\n",
		res[0].Trials, res[0].Draws, 100*math.Sqrt(0.05*0.95/float64(res[0].Trials)))
	fmt.Fprintln(w, "\none correlation (treatment 1): p < 0.05, and coverage of the 95 % interval")
	rows := [][]string{{"condition", "people", "method", "truth", "t test", "permutation", "| interval covers", "bootstrap covers"}}
	for _, r := range res {
		for _, m := range r.Methods {
			rows = append(rows, []string{r.Name, strconv.Itoa(r.People), m.Method, num(m.Truth, 3), pc(m.T), pc(m.Permutation), "| " + pc(m.Closed), pc(m.BCa)})
		}
	}
	table(w, rows)
	fmt.Fprintln(w, "\ndifference between the treatments: p < 0.05, and coverage of the 95 % interval")
	rows = [][]string{{"condition", "people", "method", "truth", "permutation", "Steiger", "Dunn-Clark", "| Zou covers", "bootstrap covers"}}
	for _, r := range res {
		for _, m := range r.Methods {
			rows = append(rows, []string{r.Name, strconv.Itoa(r.People), m.Method, num(m.Delta, 3), pc(m.Swap), pc(m.Steiger), pc(m.DunnClark), "| " + pc(m.Zou), pc(m.DifferenceBCa)})
		}
	}
	table(w, rows)
}
