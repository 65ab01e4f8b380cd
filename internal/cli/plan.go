package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/pipeline"
)

type planCmd struct {
	Init  planInitCmd  `cmd:"" help:"Write a commented plan from what a dataset holds."`
	Check planCheckCmd `cmd:"" help:"Say in plain words what will be done under a plan."`
}

func (planCmd) Help() string {
	return `The plan is the statistical analysis plan of the group level, a TOML file.
Everything in it has a default; docs/formats/plan.md describes each key.

Example:
  phasl plan init my_dataset
  phasl plan check plan.toml my_dataset

` + exitCodesHelp
}

type planInitCmd struct {
	BIDSDir string `arg:"" name:"bids-dir" help:"Dataset the plan is for." placeholder:"BIDS_DIR"`
	Out     string `default:"plan.toml" placeholder:"FILE" help:"Where to write the plan ('-': standard output); default ${default}."`
	Force   bool   `help:"Replace the file if it exists."`
	resultFlags
}

// resultFlags say where participant-level results are that a plan is written
// for or checked with.
type resultFlags struct {
	Derivatives string   `type:"existingdir" placeholder:"DIR" help:"Folder of participant-level results: their scans and regions count too."`
	Atlas       string   `type:"existingfile" placeholder:"FILE" help:"Label image (NIfTI) in the space of the CBF maps, if the results are another program's."`
	Labels      string   `type:"existingfile" placeholder:"FILE" help:"Label table of the atlas (_dseg.tsv); found beside it if named so."`
	Space       string   `placeholder:"NAME" help:"Space of the CBF maps to read, if there are several."`
	Region      []string `placeholder:"NAME=A+B" sep:"none" help:"Join atlas labels to a region (repeatable)."`
	Panel       []string `placeholder:"DIR" sep:"none" help:"Folder of receptor density maps with their table receptors.tsv, or single maps (repeatable)."`
	Instrument  []string `type:"existingfile" placeholder:"FILE" sep:"none" help:"Questionnaire of your own (docs/formats/instrument.md), for tables in phenotype/ (repeatable)."`
}

func (f resultFlags) results() pipeline.PlanResults {
	return pipeline.PlanResults{Derivatives: f.Derivatives, Instruments: f.Instrument, Panel: f.Panel, Standard: pipeline.Standard{Atlas: f.Atlas, Labels: f.Labels, Space: f.Space, Regions: f.Region, MinCoverage: 0.5}}
}

// String repeats the flags, for the command that comes next.
func (f resultFlags) String() string {
	out := ""
	for _, x := range [][2]string{{"derivatives", f.Derivatives}, {"atlas", f.Atlas}, {"labels", f.Labels}, {"space", f.Space}} {
		if x[1] != "" {
			out += " --" + x[0] + " " + x[1]
		}
	}
	for _, i := range f.Instrument {
		out += " --instrument " + i
	}
	for _, p := range f.Panel {
		out += " --panel " + p
	}
	for _, r := range f.Region {
		out += " --region '" + r + "'"
	}
	return out
}

func (planInitCmd) Help() string {
	return `Reads participants, sessions and scans tables, and writes a plan with every key,
its default and a line of explanation: treatments, reference and phases as the
tables have them. What was worked out, and what the tables lack, is printed.

Example:
  phasl plan init my_dataset --out plan.toml

` + exitCodesHelp
}

// Run writes the plan and prints what it is made from.
func (c *planInitCmd) Run(s streams) error {
	draft, err := pipeline.DraftPlan(c.BIDSDir, c.results())
	if err != nil {
		return err
	}
	if c.Out == "-" {
		if _, err := s.out.Write(draft.Text); err != nil {
			return err
		}
	} else {
		if err := pipeline.WritePlan(c.Out, draft.Text, c.Force); err != nil {
			return err
		}
		tr := draft.Trial
		fmt.Fprintf(s.out, "%s: plan for %s\n", c.Out, c.BIDSDir)
		printList(s.out, "treatments", tr.Treatments)
		printList(s.out, "phases", tr.Phases)
		if len(draft.Targets) > 0 {
			printList(s.out, "receptors", draft.Targets)
		}
		if len(draft.Associations) > 0 {
			printList(s.out, "associations suggested, as published (remove those that are not yours)", draft.Associations)
		}
		for _, line := range tr.Inferred {
			fmt.Fprintf(s.out, "Worked out: %s\n", line)
		}
	}
	next := fmt.Sprintf("phasl plan check %s %s", c.Out, c.BIDSDir)
	next += c.resultFlags.String()
	printProblems(s.err, draft.Problems.Warnings())
	if errs := draft.Problems.Errors(); len(errs) > 0 {
		if c.Out != "-" {
			fmt.Fprintf(s.out, "The plan is written; what follows must be mended, there or in the tables. Then: %s\n", next)
		}
		return errs
	}
	if c.Out != "-" {
		fmt.Fprintf(s.out, "Edit it, then: %s\n", next)
	}
	return nil
}

func printList(w io.Writer, what string, list []string) {
	if len(list) == 0 {
		fmt.Fprintf(w, "%s: none found\n", what)
		return
	}
	fmt.Fprintf(w, "%s: ", what)
	for i, x := range list {
		if i > 0 {
			fmt.Fprint(w, ", ")
		}
		fmt.Fprint(w, x)
	}
	fmt.Fprintln(w)
}

type planCheckCmd struct {
	Plan    string `arg:"" help:"Plan to check." placeholder:"PLAN"`
	BIDSDir string `arg:"" optional:"" name:"bids-dir" help:"Dataset to check it with; without it, the plan alone is checked." placeholder:"BIDS_DIR"`
	resultFlags
	jsonFlag
}

func (planCheckCmd) Help() string {
	return `Prints what will be done, the design (scans by sequence, treatment and phase),
who and what is left out or missing, and what was worked out because the tables
do not say it. Every fault of plan and tables is named at once.

Example:
  phasl plan check plan.toml my_dataset

` + exitCodesHelp
}

// Run checks the plan and prints what it does.
func (c *planCheckCmd) Run(s streams) error {
	if c.Derivatives != "" && c.BIDSDir == "" {
		return usageError{"--derivatives needs BIDS_DIR, whose tables say what the scans are"}
	}
	res, err := pipeline.CheckPlan(c.Plan, c.BIDSDir, c.results())
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	w := c.summary(s)
	fmt.Fprintf(w, "%s, SHA-256 %s\n\n", c.Plan, res.Plan.SHA256)
	for _, line := range res.Plan.Words {
		fmt.Fprintf(w, "- %s\n", line)
	}
	if res.Trial != nil {
		printDesign(w, res.Trial)
		printAssociations(w, res.Trial.Associations)
	}
	printProblems(s.err, res.Problems.Warnings())
	if errs := res.Problems.Errors(); len(errs) > 0 {
		return diag.List(errs)
	}
	fmt.Fprintln(w, "\nno faults found")
	return nil
}

// printDesign prints scans by sequence, treatment and phase, the flow of
// people, and what is missing.
func printDesign(w io.Writer, t *pipeline.PlanCheckTrial) {
	head := []string{"sequence", "people"}
	for _, tr := range t.Treatments {
		for _, ph := range t.Phases {
			head = append(head, tr+", "+ph)
		}
	}
	rows := [][]string{head}
	var sequences []string
	for _, c := range t.Design {
		if !slices.Contains(sequences, c.Sequence) {
			sequences = append(sequences, c.Sequence)
		}
	}
	for _, s := range sequences {
		people := 0
		for _, arm := range t.Flow.Sequences {
			if arm.Sequence == s {
				people = arm.Analysed
			}
		}
		name := s
		if name == "" {
			name = "unknown"
		}
		row := []string{name, strconv.Itoa(people)}
		for _, c := range t.Design {
			if c.Sequence == s {
				row = append(row, strconv.Itoa(c.N))
			}
		}
		rows = append(rows, row)
	}
	if len(rows) > 1 {
		fmt.Fprintln(w, "\nScans in use:")
		table(w, rows)
	}
	f := t.Flow
	fmt.Fprintf(w, "\n%d in the trial, %d scanned, %d to be analysed, %d complete\n", f.Randomised, f.Scanned, f.Analysed, f.Complete)
	printItems(w, "People left out", f.Excluded)
	printItems(w, "Scans left out", f.LeftOut)
	if len(f.Missing) > 0 {
		fmt.Fprintln(w, "Missing:")
		for _, m := range f.Missing {
			fmt.Fprintf(w, "  sub-%s, %s, %s: %s\n", m.Subject, m.Treatment, m.Phase, m.Reason)
		}
	}
}

// printAssociations prints how many people each association has.
func printAssociations(w io.Writer, list []crossover.AssociationPeople) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nPeople with the scans and scores that associations need:")
	for _, a := range list {
		fmt.Fprintf(w, "  %s and %s:", a.X, a.Y)
		for i, t := range a.Treatments {
			fmt.Fprintf(w, " %d under %s,", a.N[i], t)
		}
		if len(a.Treatments) > 1 {
			fmt.Fprintf(w, " %d under both,", a.Both)
		}
		fmt.Fprintf(w, " %s\n", missingText(a.Missing))
	}
}

// missingText names a few of those who lack something.
func missingText(missing []string) string {
	const most = 4
	switch n := len(missing); {
	case n == 0:
		return "nobody lacks any"
	case n > most:
		return fmt.Sprintf("without: %s and %d more (--json lists them)", strings.Join(missing[:most], "; "), n-most)
	}
	return "without: " + strings.Join(missing, "; ")
}

func printItems(w io.Writer, what string, items []crossover.FlowItem) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", what)
	for _, x := range items {
		fmt.Fprintf(w, "  %s: %s\n", x.Unit, x.Reason)
	}
}
