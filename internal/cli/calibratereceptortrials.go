package cli

import (
	"context"
	"fmt"
	"io"

	"phasl/internal/pipeline"
	"phasl/phantom"
	"phasl/receptor"
)

// receptorTrials looks for planted receptors in repeated trials.
func (c *calibrateCmd) receptorTrials(ctx context.Context, s streams) error {
	prog := newProgress(s.err)
	res, err := phantom.SimulateReceptorTrials(phantom.TrialOptions{Subjects: c.Subjects, Seed: c.Seed, Missing: c.Missing}, c.Trials, receptor.Options{Workers: c.Workers},
		func(done int) {
			prog.show(pipeline.Event{Unit: "trials", Step: "simulating", Done: done, Total: c.Trials})
		}, ctx.Err)
	prog.end()
	if err != nil {
		return simulateError(err)
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	printReceptorTrials(c.summary(s), res)
	return nil
}

// printReceptorTrials prints what was found, rates in percent.
func printReceptorTrials(w io.Writer, res *phantom.ReceptorRates) {
	fmt.Fprintf(w, "p (both) <= 0.05 in percent of %d simulated trials, and their Monte Carlo standard errors\n\n", res.Trials)
	rate := func(r receptor.Rejection) string { return fmt.Sprintf("%s ± %.1f", pc(r), 100*r.SE) }
	rows := [][]string{{"effect", "receptor", "planted", "rank correlation", "found", "p (both)", "p (both, FWE)"}}
	for _, r := range res.Rates {
		planted := "-"
		if r.Planted {
			planted = "yes"
		}
		rows = append(rows, []string{r.Contrast, r.Target, planted, fmt.Sprintf("%.2f", r.True), fmt.Sprintf("%.2f", r.Found), rate(r.Joint), rate(r.JointFWE)})
	}
	table(w, rows)
	fmt.Fprintln(w)
	rows = [][]string{{"effect", "all planted found", "any other found (FWE)"}}
	for _, f := range res.Families {
		rows = append(rows, []string{f.Contrast, rate(f.All), rate(f.Any)})
	}
	table(w, rows)
}
