// Package cli is the command line of phasl: it reads flags, calls one function
// of the pipeline, prints what came back, and chooses the exit code. It holds
// no science.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"phasl/diag"
	"phasl/internal/assets"
)

// Exit codes of the command.
const (
	ExitDone        = 0   // the work is done
	ExitFault       = 1   // a fault of phasl or of the machine
	ExitUsage       = 2   // the command line makes no sense
	ExitInput       = 3   // the input has faults; they were printed
	ExitInterrupted = 130 // stopped by the user; run again to carry on
)

const exitCodesHelp = "Exit codes: 0 done, 1 fault, 2 usage, 3 input faults, 130 interrupted."

type grammar struct {
	Run       runCmd       `cmd:"" help:"Process a BIDS dataset: raw scans to CBF maps, regions and reports."`
	Quantify  quantifyCmd  `cmd:"" help:"Turn one ASL scan into a map of cerebral blood flow."`
	Validate  validateCmd  `cmd:"" help:"Check a BIDS dataset and report every fault at once."`
	Simulate  simulateCmd  `cmd:"" help:"Simulate a whole crossover trial with known truth."`
	Plan      planCmd      `cmd:"" help:"Write or check the statistical analysis plan."`
	Calibrate calibrateCmd `cmd:"" help:"Simulate trials and count how often the analysis errs."`
	Power     powerCmd     `cmd:"" help:"Simulate what a trial of so many people can and cannot show."`
	Demo      demoCmd      `cmd:"" help:"Simulate a trial, process and analyse it, and compare with the truth."`
	Associate associateCmd `cmd:"" help:"Correlate two columns of a table, and compare the correlation between two treatments."`
	LMM       lmmCmd       `cmd:"" name:"lmm" help:"Fit a linear mixed model to a table."`
	Nulls     nullsCmd     `cmd:"" help:"Make random maps with a map's spatial autocorrelation, and test another map against them."`
	Score     scoreCmd     `cmd:"" help:"Score questionnaires and rating scales from a table of their items."`
	Assets    assetsCmd    `cmd:"" help:"List, fetch and check templates, atlases and receptor maps."`
	Receptors receptorsCmd `cmd:"" help:"Compare an effect map with receptor densities, under spatial surrogates."`
	Register  registerCmd  `cmd:"" help:"Lay one image of a head onto another: rigid, affine, or with a smooth deformation."`
	Transform transformCmd `cmd:"" help:"Apply transforms to images."`

	Version kong.VersionFlag `help:"Print the version and exit." short:"V"`
}

// streams is where a command prints.
type streams struct {
	out io.Writer // results for people, and JSON
	err io.Writer // progress and problems
}

// A helped signals that help or the version was printed and nothing is left
// to do.
type helped struct{ code int }

// Run executes the command line args and returns the exit code. Results go to
// stdout, progress and problems to stderr. When ctx is cancelled the work
// stops at the next step and the code is [ExitInterrupted].
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case helped:
			code = r.code
		default:
			fmt.Fprintf(stderr, "phasl: fault: %v\n%s", r, debug.Stack())
			fmt.Fprintln(stderr, "This is a bug in phasl, not in your data. Please report it with the text above.")
			code = ExitFault
		}
	}()
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("phasl"),
		kong.Description("Pharmacological perfusion MRI, from raw ASL scans to numbers you can trust.\n\nStart with: phasl demo\n\n"+exitCodesHelp),
		kong.Vars{"version": "phasl " + Version(), "assets_base": assets.DefaultBase},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(helped{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100, FlagsLast: true}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(streams{stdout, stderr}),
	)
	if err != nil {
		panic(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(joinFiles(joinLabels(args)))
	if path, ok := errors.AsType[*fs.PathError](err); ok { // a file that a flag names: an input like any other
		return exitCode(ctx, &diag.Problem{File: path.Path, Found: path.Err.Error(), Fix: "check the path"}, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "phasl: %v\n", err)
		verb := ""
		var perr *kong.ParseError
		if errors.As(err, &perr) && perr.Context.Command() != "" && perr.Context.Selected() != nil {
			verb = " " + perr.Context.Selected().Path()
		}
		fmt.Fprintf(stderr, "  fix: see 'phasl%s --help'\n", verb)
		return ExitUsage
	}
	if err := sparesInputs(kctx); err != nil {
		return exitCode(ctx, err, stderr)
	}
	return exitCode(ctx, kctx.Run(), stderr)
}

// sparesInputs refuses a --json FILE that would take the place of a file that is
// no JSON, or that another flag or argument names: a plan or a table of answers
// must not be lost to a slip.
func sparesInputs(kctx *kong.Context) error {
	path := ""
	var named []place
	for _, p := range kctx.Path {
		if p.Flag != nil {
			continue
		}
		if p.Positional != nil {
			named = append(named, places(p.Positional)...)
		}
	}
	for _, f := range kctx.Flags() {
		if f.Name == "json" {
			path, _ = f.Target.Interface().(string)
			continue
		}
		named = append(named, places(f.Value)...)
	}
	if path == "" || path == "-" {
		return nil
	}
	if err := apart(named, place{"--json", path}); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // it is not there, or writing it will say what is wrong
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 512))
	if text := strings.TrimLeft(string(head), " \t\r\n\ufeff"); text != "" && text[0] != '{' && text[0] != '[' {
		return usageError{"--json " + path + ": there is such a file, and it is not JSON; it would be lost. Give another name, or remove it"}
	}
	return nil
}

// places are the paths that a flag or argument holds, if it holds text.
func places(v *kong.Value) []place {
	name := "--" + v.Name
	if v.Flag == nil {
		name = v.Name
	}
	switch x := v.Target.Interface().(type) {
	case string:
		if x != "" {
			return []place{{name, x}}
		}
	case []string:
		var out []place
		for _, s := range x {
			out = append(out, place{name, s})
		}
		return out
	}
	return nil
}

// exitCode prints err for a person and returns the code for it.
func exitCode(ctx context.Context, err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil:
		return ExitDone
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		fmt.Fprintln(stderr, "phasl: interrupted; what is finished is kept, run the same command to carry on")
		return ExitInterrupted
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "phasl: %s\n", usage.msg)
		return ExitUsage
	}
	if l, ok := errors.AsType[diag.List](err); ok {
		printProblems(stderr, l)
		n := len(l.Errors())
		fmt.Fprintf(stderr, "phasl: %d %s in the input\n", n, plural(n, "fault", "faults"))
		return ExitInput
	}
	if p, ok := errors.AsType[*diag.Problem](err); ok {
		printProblems(stderr, diag.List{p})
		return ExitInput
	}
	fmt.Fprintf(stderr, "phasl: %v\n", err)
	return ExitFault
}

// A usageError is a command line that parses but makes no sense.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

// printProblems prints each problem on a line and its fix on the next.
func printProblems(w io.Writer, l diag.List) {
	for _, p := range l {
		fmt.Fprintf(w, "%s: %s\n", p.Severity, p.Error())
		if p.Fix != "" {
			fmt.Fprintf(w, "  fix: %s\n", p.Fix)
		}
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Version returns the version of the module the binary was built from, or,
// when it was built from a working tree, "devel" with the commit.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return "devel"
}
