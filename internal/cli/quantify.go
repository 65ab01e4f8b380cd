package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
)

type quantifyCmd struct {
	ASL string `name:"asl" required:"" placeholder:"FILE" help:"ASL series (NIfTI). Its sidecar, aslcontext, M0 scan and T1w image are found by the BIDS rules."`
	Out string `name:"out" required:"" placeholder:"DIR" help:"Folder for the maps."`
	ATT string `name:"att-map" type:"existingfile" placeholder:"FILE" group:"Perfusion" help:"Transit time of each voxel [s] for the kinetic model of one delay, in place of the constants."`
	T1  string `name:"t1-map" type:"existingfile" placeholder:"FILE" group:"Perfusion" help:"T1 of tissue in each voxel [s] for the kinetic model, in place of the constants."`
	spaceFlags
	givenFlags
	analysisFlags
	jsonFlag
}

func (quantifyCmd) Help() string {
	return `Processes one scan as "phasl run" would and writes its CBF map, sidecar, quality
and report.

Example:
  phasl quantify --asl sub-01/perf/sub-01_asl.nii.gz --out cbf --json cbf/result.json

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *quantifyCmd) Validate() error {
	return cmp.Or(c.analysisFlags.check(), c.spaceFlags.check())
}

// Run processes the scan and prints a summary.
func (c *quantifyCmd) Run(ctx context.Context, s streams) error {
	prog := newProgress(s.err)
	set := c.settings()
	set.ATTMap, set.T1Map = c.ATT, c.T1
	res, err := pipeline.Quantify(ctx, c.ASL, pipeline.Config{
		OutDir: c.Out, TransformsDir: c.Transforms, MasksDir: c.Masks, Settings: set, Standard: c.standard(), Version: Version(), Progress: prog.show, Warn: func(l diag.List) { printProblems(s.err, l) },
	})
	prog.end()
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	summariseScan(c.summary(s), res)
	return nil
}

func summariseScan(w io.Writer, r *pipeline.ScanResult) {
	q := r.Quality
	table(w, [][]string{
		{"scan", scanName(*r)},
		{"model", r.Model},
		{"equation", r.Equation},
		{"M0", r.M0.Source},
		{"volumes", fmt.Sprintf("%d used, %d excluded", len(r.Volumes.Used), len(r.Volumes.Excluded))},
		{"grey-matter CBF", num(q.GMCBF, 1) + " " + r.Units},
		{"white-matter CBF", num(q.WMCBF, 1) + " " + r.Units},
		{"QEI", num(q.QEI, 2)},
		{"spatial CoV", num(q.SCoV, 2)},
		{"FD mean, max", num(q.FDMean, 2) + ", " + num(q.FDMax, 2) + " mm"},
	})
	for _, c := range r.ConstantDetails {
		value := strings.TrimSpace(fmt.Sprintf("%g %s", c.Value, strings.TrimPrefix(c.Unit, "1")))
		fmt.Fprintf(w, "  %-32s %-6s %s  (%s; %s)\n", c.Name, c.Symbol, value, c.From, c.Source)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	for _, f := range r.Flags {
		fmt.Fprintf(w, "look: %s\n  %s\n", f.Found, f.Look)
	}
	fmt.Fprintf(w, "\nCBF map: %s\n", r.CBFFile)
}
