package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/phantom"
)

type demoCmd struct {
	Dir      string `arg:"" optional:"" default:"phasl-demo" help:"Folder for the simulated data and the results." placeholder:"DIR"`
	Subjects int    `default:"26" help:"People of the trial. Fewer take less time and show less."`
	Full     bool   `help:"Images of the scanner's resolution (3 x 3 x 4 mm, T1w 1 mm) in place of 4 mm and 2 mm: takes about ten minutes."`
	Person   bool   `help:"One person without and with noise in place of a trial: what the physics and the processing do, without statistics."`
	Seed     uint64 `default:"1" help:"Seed of everything random: people, visits, anatomy and noise."`
	Physics  string `enum:"white-paper,kinetic" default:"white-paper" help:"Physics of the simulated label: white-paper (it decays as the default equation assumes, so CBF should be recovered) or kinetic (exchange with tissue, which shows how far that equation then errs)."`
	Workers  int    `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (demoCmd) Help() string {
	return `Simulates a whole crossover trial as raw scans: 26 people, placebo or naltrexone
before ketamine, a scan at baseline and one during the infusion, by GE's 3D spiral
protocol at reduced resolution. Processes it as "phasl run … all" would, and
prints what was planted beside what was found: effects on blood flow, and its
correlations with symptoms, and its likeness to receptor densities. Started again
it carries on.

DIR/raw holds the dataset (template and atlas below its derivatives), DIR/derivatives
the results; open DIR/derivatives/report.html.

With --person: a head drawn from formulas, two raw scans of it (one without
noise), and recovered beside true regional CBF.

Example:
  phasl demo

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *demoCmd) Validate() error {
	switch {
	case c.Subjects < 3:
		return fmt.Errorf("--subjects=%d: give at least 3", c.Subjects)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	case c.Person && (c.Full || c.Subjects != 26):
		return fmt.Errorf("--person has one person at the scanner's resolution: leave --full and --subjects out")
	}
	return nil
}

// Run simulates, processes and compares.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	physics := phantom.WhitePaper
	if c.Physics == "kinetic" {
		physics = phantom.FullKinetic
	}
	prog := newProgress(s.err)
	defer prog.end()
	if c.Person {
		res, err := pipeline.Demo(ctx, pipeline.DemoConfig{Dir: c.Dir, Seed: c.Seed, Physics: physics, Workers: c.Workers, Version: Version(), Progress: prog.show})
		prog.end()
		if err != nil {
			return err
		}
		if err := c.write(s, res); err != nil {
			return err
		}
		summariseDemo(c.summary(s), res)
		return nil
	}
	res, err := pipeline.DemoTrial(ctx, pipeline.DemoTrialConfig{Dir: c.Dir, Subjects: c.Subjects, Seed: c.Seed, Full: c.Full, Physics: physics,
		Workers: c.Workers, Version: Version(), Progress: prog.brief, Warn: func(l diag.List) { prog.end(); printProblems(s.err, l) }})
	prog.end()
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	summariseDemoTrial(c.summary(s), res)
	return nil
}

func summariseDemoTrial(w io.Writer, res *pipeline.DemoTrialResult) {
	fmt.Fprintf(w, "%d people, %d scans. Effects on CBF, mL/100 g/min: planted, found, and whether the interval holds what was planted\n\n", res.Subjects, res.Scans)
	rows := [][]string{{"region", "contrast", "planted", "found", "interval", "holds"}}
	for _, c := range res.Contrasts {
		kind, of, _ := strings.Cut(c.Name, ":")
		if !c.Primary || kind != crossover.PhaseEffect && kind != crossover.Interaction {
			continue
		}
		holds := "no"
		if c.Covered {
			holds = "yes"
		}
		label := "under " + of
		if kind == crossover.Interaction {
			label = of + " − " + res.Treatments[0]
		}
		rows = append(rows, []string{c.Region, label, num(c.Planted, 2), num(c.Found, 2), num(c.Low, 2) + " to " + num(c.High, 2), holds})
	}
	table(w, rows)
	fmt.Fprintln(w, "\nOver all regions, in percent of their CBF")
	rows = [][]string{{"contrast", "regions", "mean error", "largest", "intervals that hold it"}}
	for _, x := range res.Summary {
		rows = append(rows, []string{x.Label, fmt.Sprint(x.Regions), num(x.Bias, 2), num(x.Worst, 2), num(100*x.Covered, 0) + " %"})
	}
	table(w, rows)
	summariseDemoAssociations(w, res)
	summariseDemoReceptors(w, res)
	fmt.Fprintf(w, "\nPeople and visits differ at random, so found differs from planted by chance too.\nRegional CBF of single scans, measured against true: %s %% on average, standard deviation %s %% (%d values)\n",
		num(res.Measured.Bias, 2), num(res.Measured.SD, 2), res.Measured.Values)
	if res.Physics != phantom.WhitePaper.String() {
		fmt.Fprintln(w, "The simulated label exchanges with tissue, which the default equation does not describe: that error is the equation's.")
	}
	fmt.Fprintf(w, "\nRaw data: %s\nReport:   %s\n", res.Dataset, res.Report)
}

// summariseDemoAssociations sets correlations with symptoms beside what was
// planted.
func summariseDemoAssociations(w io.Writer, res *pipeline.DemoTrialResult) {
	if len(res.Associations) == 0 {
		return
	}
	fmt.Fprintln(w, "\nCorrelations of CBF with symptoms, covariates allowed for: planted, found, and whether the interval holds what was planted")
	rows := [][]string{{"region", "score", "under", "planted", "in these people", "found", "interval", "holds"}}
	for _, a := range res.Associations {
		holds := "no"
		if a.Covered {
			holds = "yes"
		}
		rows = append(rows, []string{a.Region, a.Score, a.Treatment, num(a.Planted, 2), num(a.Sample, 2), num(a.Found, 2), num(a.Low, 2) + " to " + num(a.High, 2), holds})
	}
	table(w, rows)
	fmt.Fprintln(w, "Planted is what the scanner's resolution leaves of the correlation with true CBF; with few people chance alone moves it by tenths.")
}

// summariseDemoReceptors sets the receptors that were found beside those planted.
func summariseDemoReceptors(w io.Writer, res *pipeline.DemoTrialResult) {
	if len(res.Receptors) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLikeness of the effect maps to receptor densities (rank correlation over regions): planted, found")
	rows := [][]string{{"effect", "receptor", "planted", "true rho", "found", "p (people and places)", "family-wise", "shown"}}
	for _, a := range res.Receptors {
		label, planted, shown := "average over treatments", "no", "no"
		if kind, of, _ := strings.Cut(a.Effect, ":"); kind == crossover.Interaction {
			label = of + " − " + res.Treatments[0]
		}
		if a.Weight != 0 {
			planted = "yes"
		}
		if a.Shown {
			shown = "yes"
		}
		rows = append(rows, []string{label, a.Target, planted, num(a.True, 2), num(a.Found, 2), pValue(a.P), pValue(a.PFWE), shown})
	}
	table(w, rows)
	fmt.Fprintln(w, "Smooth maps are alike by chance too: what was not planted can have a true correlation, and the test is there not to take it for more.")
}

func summariseDemo(w io.Writer, res *pipeline.DemoResult) {
	for _, sc := range res.Scans {
		noise := "no noise"
		if sc.NoiseSD > 0 {
			noise = "with noise"
		}
		fmt.Fprintf(w, "acq-%s, %s: mean CBF of each region, mL/100 g/min\n", sc.Acq, noise)
		rows := [][]string{{"  region", "true", "recovered", "error %", "± SE", "error/SE"}}
		for _, r := range sc.Regions {
			if !r.Key {
				continue
			}
			e := r.Recovered - r.True
			se, z := "-", "-"
			if sc.NoiseSD > 0 && !math.IsNaN(float64(r.SE)) {
				se, z = num(r.SE, 2), num(e/r.SE, 1)
			}
			rows = append(rows, []string{"  " + r.Region, num(r.True, 2), num(r.Recovered, 2), num(100*e/r.True, 2), se, z})
		}
		table(w, rows)
		fmt.Fprintf(w, "  all %d regions: mean error %s %%, largest %s %%", len(sc.Regions), num(sc.Bias, 2), num(sc.Worst, 2))
		if sc.NoiseSD > 0 {
			fmt.Fprintf(w, "; error/SE has root mean square %s (1 if the SE is right), %s %% of regions within 2 SE", num(sc.Z, 2), num(100*sc.Within2, 0))
		}
		fmt.Fprint(w, "\n\n")
	}
	if res.Physics != phantom.WhitePaper.String() {
		fmt.Fprintln(w, "The simulated label exchanges with tissue, which the default equation does not describe: the error above is the equation's.")
	}
	fmt.Fprintf(w, "Raw data: %s\nReport:   %s\n", res.Dataset, res.Report)
}
