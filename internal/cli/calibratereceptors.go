package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"phasl/internal/pipeline"
	"phasl/receptor"
)

// receptors simulates the joint test over people and places.
func (c *calibrateCmd) receptors(ctx context.Context, s streams) error {
	o := receptor.SimulationOptions{Trials: c.Trials, Seed: c.Seed, Workers: c.Workers}
	res, err := pipeline.CalibrateReceptors(ctx, receptor.Scenarios(c.Subjects), receptor.MapScenarios(), o, newProgress(s.err).show)
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	printReceptorRates(c.summary(s), res.People)
	printMapRates(c.summary(s), res.Maps)
	return nil
}

// pc prints a share in percent.
func pc(r receptor.Rejection) string { return strconv.FormatFloat(100*r.Share, 'f', 1, 64) }

// printMapRates prints the tests that take people as given.
func printMapRates(w io.Writer, res []*receptor.SimulatedMaps) {
	fmt.Fprintf(w, "\nThe group's map alone, p <= 0.05 in percent of %d simulated pairs of maps\n\n", res[0].Trials)
	rows := [][]string{{"condition", "slope", "r", "any of 6: r, FWE", "R2 of all", "cross-validation", "dominance", "receptor 1 - 2", "any two, FWE", "map - other", "any of 6: map - other, FWE"}}
	for _, r := range res {
		rows = append(rows, []string{r.Scenario.Name, strconv.FormatFloat(r.Scenario.Alpha, 'g', -1, 64), pc(r.Align), pc(r.AnyFWE), pc(r.R2), pc(r.CV), pc(r.Dominance), pc(r.Receptors), pc(r.PairsFWE), pc(r.Maps), pc(r.MapsFWE)})
	}
	table(w, rows)
}

func printReceptorRates(w io.Writer, res []*receptor.Simulated) {
	fmt.Fprintf(w, "p <= 0.05 in percent of %d simulated trials; Monte Carlo standard error at 5 %%: %.2f\n\n", res[0].Trials, 100*math.Sqrt(0.05*0.95/float64(res[0].Trials)))
	rows := [][]string{{"condition", "people", "p (people)", "p (places)", "larger of the two", "crossed r", "p (both)", "| any of 6: p (both, FWE)", "larger, Bonferroni"}}
	for _, r := range res {
		rows = append(rows, []string{r.Scenario.Name, strconv.Itoa(r.Scenario.People), pc(r.People), pc(r.Places), pc(r.Both), pc(r.Crossed), pc(r.Joint), "| " + pc(r.JointFWE), pc(r.PlainFWE)})
	}
	table(w, rows)
}
