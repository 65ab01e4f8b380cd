package cli

import (
	"context"
	"fmt"
	"io"
	"math"

	"phasl/internal/pipeline"
	"phasl/phantom"
)

type demoCmd struct {
	Dir     string `arg:"" optional:"" default:"phasl-demo" help:"Folder for the simulated data and the results." placeholder:"DIR"`
	Seed    uint64 `default:"1" help:"Seed of the anatomy and the noise."`
	Physics string `enum:"white-paper,kinetic" default:"white-paper" help:"Physics of the simulated label: white-paper (it decays as the default equation assumes, so CBF should be recovered) or kinetic (exchange with tissue, which shows how far that equation then errs)."`
	Workers int    `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (demoCmd) Help() string {
	return `Draws a head from formulas, simulates a T1w image and two raw scans by GE's 3D
spiral protocol (one without noise), processes them as "phasl run" would, and
prints recovered beside true regional CBF.

Example:
  phasl demo

` + exitCodesHelp
}

// Run simulates, processes and compares.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	prog := newProgress(s.err)
	cfg := pipeline.DemoConfig{Dir: c.Dir, Seed: c.Seed, Physics: phantom.WhitePaper, Workers: c.Workers, Version: Version(), Progress: prog.show}
	if c.Physics == "kinetic" {
		cfg.Physics = phantom.FullKinetic
	}
	res, err := pipeline.Demo(ctx, cfg)
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
