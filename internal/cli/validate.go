package cli

import (
	"fmt"

	"phasl/diag"
	"phasl/internal/pipeline"
)

type validateCmd struct {
	BIDSDir string   `arg:"" name:"bids-dir" help:"Dataset to check." placeholder:"BIDS_DIR"`
	Set     []string `name:"set" placeholder:"FIELD=VALUE" sep:"none" help:"Check as if every ASL sidecar said so, e.g. LabelingDuration=1.8 (repeatable)."`
	jsonFlag
}

func (validateCmd) Help() string {
	return `Reads every sidecar, table and image header, and prints each fault with the
file, the field, what was found and what to do. Nothing is changed.

Example:
  phasl validate my_dataset

` + exitCodesHelp
}

// Run checks the dataset and prints what it found.
func (c *validateCmd) Run(s streams) error {
	res, err := pipeline.Validate(c.BIDSDir, c.Set)
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	w := c.summary(s)
	fmt.Fprintf(w, "%s: %d %s, %d ASL %s\n", c.BIDSDir, res.Participants, plural(res.Participants, "participant", "participants"),
		res.Scans, plural(res.Scans, "scan", "scans"))
	errs := res.Problems.Errors()
	if warnings := res.Problems.Warnings(); len(warnings) > 0 {
		printProblems(s.err, warnings)
		fmt.Fprintf(w, "%d %s\n", len(warnings), plural(len(warnings), "warning", "warnings"))
	}
	if len(errs) == 0 {
		fmt.Fprintln(w, "no faults found")
		return nil
	}
	return diag.List(errs)
}
