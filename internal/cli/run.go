package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
)

type runCmd struct {
	BIDSDir string `arg:"" name:"bids-dir" help:"BIDS dataset." placeholder:"BIDS_DIR"`
	OutDir  string `arg:"" name:"out-dir" help:"Folder for the derivatives; made if it is not there." placeholder:"OUT_DIR"`
	Level   string `arg:"" enum:"participant,group,all" help:"Level of analysis: participant (scans to CBF), group (the trial, from the participants' results) or all (one after the other)."`

	ParticipantLabel []string `name:"participant-label" placeholder:"LABEL" group:"Selection" help:"Only these participants, with or without sub- (several: separated by commas or, after the three arguments, by spaces)."`
	SessionLabel     []string `name:"session-label" placeholder:"LABEL" group:"Selection" help:"Only these sessions, without ses-."`
	SkipFaulty       bool     `name:"skip-faulty" group:"Selection" help:"Process the scans without faults although others have some. The exit code is 3 all the same."`
	WorkDir          string   `name:"work-dir" short:"w" placeholder:"DIR" group:"Running" help:"Folder for the records that let a rerun carry on (default OUT_DIR/.phasl)."`
	groupFlags
	spaceFlags
	givenFlags
	analysisFlags
	jsonFlag
}

func (runCmd) Help() string {
	return `The participant level: motion correction, brain mask, calibration, CBF and (with
several delays) transit time, registration to the T1w image and the template,
regional values, quality, and one HTML report per participant.

The group level: the crossover trial, from the dataset's tables, the
participants' results and an analysis plan, to effects, evidence, effect maps
and one report. It reads no raw image, and can start from CBF maps that another
program made, named as ASLPrep names them (--derivatives, --atlas).

Follows the BIDS-App command line. A run that was stopped carries on where it
was: start it again.

Example:
  phasl run my_dataset out participant \
      --template tpl-MNI152NLin6Asym_T1w.nii.gz --atlas atlas-AAL3_dseg.nii.gz
  phasl run my_dataset out group --plan plan.toml

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *runCmd) Validate() error {
	return cmp.Or(c.analysisFlags.check(), c.spaceFlags.check(), c.checkLevel())
}

// Run does the levels asked for and prints a summary of each.
func (c *runCmd) Run(ctx context.Context, s streams) error {
	var out runJSON
	if c.Level != "group" {
		res, err := c.participants(ctx, s)
		if err != nil {
			return err
		}
		out.RunResult = res
		var faults diag.List
		for _, f := range res.Failed {
			faults = append(faults, f.Problems.Errors()...)
		}
		if c.Level == "participant" || faults.Err() != nil {
			if err := c.write(s, res); err != nil {
				return err
			}
			summariseRun(c.summary(s), res)
			if c.Level == "all" {
				fmt.Fprintln(c.summary(s), "The group level was not begun.")
			}
			return faults.Err()
		}
	}
	res, err := c.group(ctx, s)
	if err != nil {
		return err
	}
	if out.RunResult == nil {
		if err := c.write(s, res); err != nil {
			return err
		}
	} else {
		out.Group = res
		if err := c.write(s, out); err != nil {
			return err
		}
		summariseRun(c.summary(s), out.RunResult)
		fmt.Fprintln(c.summary(s))
	}
	summariseGroup(c.summary(s), res)
	return nil
}

// runJSON is the JSON of both levels: the participant level's object with the
// group's under a key of its own.
type runJSON struct {
	*pipeline.RunResult
	Group *pipeline.GroupResult `json:"group"`
}

// participants does the participant level.
func (c *runCmd) participants(ctx context.Context, s streams) (*pipeline.RunResult, error) {
	prog := newProgress(s.err)
	defer prog.end()
	return pipeline.Run(ctx, pipeline.Config{
		BIDSDir: c.BIDSDir, OutDir: c.OutDir, WorkDir: c.WorkDir, SkipFaulty: c.SkipFaulty,
		Participants: trimAll(c.ParticipantLabel, "sub-"), Sessions: trimAll(c.SessionLabel, "ses-"),
		TransformsDir: c.Transforms, MasksDir: c.Masks, Settings: c.settings(), Standard: c.standard(), Version: Version(), Progress: prog.show, Warn: func(l diag.List) { printProblems(s.err, l) },
	})
}

// joinLabels lets labels follow their flag separated by spaces, as BIDS-Apps
// take them: "--participant-label 01 02" becomes "--participant-label 01,02".
// Only what comes after the three arguments of run can be meant so.
func joinLabels(args []string) []string {
	if len(args) < 4 || args[0] != "run" {
		return args
	}
	out := slices.Clone(args[:4])
	for _, a := range args[:4] {
		if strings.HasPrefix(a, "-") {
			return args // a flag among the arguments: no telling which is which
		}
	}
	for i := 4; i < len(args); i++ {
		out = append(out, args[i])
		if args[i] != "--participant-label" && args[i] != "--session-label" {
			continue
		}
		var labels []string
		for i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			labels = append(labels, args[i])
		}
		if len(labels) > 0 {
			out = append(out, strings.Join(labels, ","))
		}
	}
	return out
}

// trimAll removes prefix from each label, as people often give it with the
// label although BIDS-Apps want it without.
func trimAll(labels []string, prefix string) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = strings.TrimPrefix(l, prefix)
	}
	return out
}

func summariseRun(w io.Writer, res *pipeline.RunResult) {
	rows := [][]string{{"scan", "GM CBF", "WM CBF", "units", "QEI", "FD max", "volumes", "flags"}}
	for _, p := range res.Participants {
		for _, sc := range p.Scans {
			rows = append(rows, scanRow(sc))
		}
	}
	if len(rows) > 1 {
		table(w, rows)
	}
	flags := 0
	for _, p := range res.Participants {
		for _, sc := range p.Scans {
			for _, f := range sc.Flags {
				if flags == 0 {
					fmt.Fprintln(w, "\nTo look at:")
				}
				flags++
				fmt.Fprintf(w, "  %s: %s\n    %s\n", scanName(sc), f.Found, f.Look)
			}
		}
	}
	if n := len(res.Kept); n > 0 {
		fmt.Fprintf(w, "\n%d %s finished by an earlier run and kept\n", n, plural(n, "participant was", "participants were"))
	}
	fmt.Fprintf(w, "\nReport:  %s\nRegions: %s\n", filepath.Join(res.Output, "index.html"), filepath.Join(res.Output, "regions.tsv"))
	if len(res.Failed) > 0 {
		fmt.Fprintf(w, "Not processed: %d; why is said below\n", len(res.Failed))
	}
}

func scanName(sc pipeline.ScanResult) string {
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Base(sc.Scan), ".gz"), ".nii")
}

func scanRow(sc pipeline.ScanResult) []string {
	q := sc.Quality
	used := len(sc.Volumes.Used)
	return []string{scanName(sc), num(q.GMCBF, 1), num(q.WMCBF, 1), sc.Units, num(q.QEI, 2), num(q.FDMax, 2),
		fmt.Sprintf("%d of %d", used, used+len(sc.Volumes.Excluded)), fmt.Sprint(len(sc.Flags))}
}

// num prints a number with the given decimals, and "n/a" for a missing one.
func num(n pipeline.Number, decimals int) string {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return fmt.Sprintf("%.*f", decimals, f)
	}
	return "n/a"
}
