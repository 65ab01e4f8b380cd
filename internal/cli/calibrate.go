package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/internal/pipeline"
	"phasl/receptor"
)

type calibrateCmd struct {
	Trials   int    `default:"10000" group:"Simulation" help:"Trials for each truth."`
	Seed     uint64 `default:"1" group:"Simulation" help:"Seed of everything random."`
	All      bool   `group:"Simulation" help:"Try the conditions of docs/methods/crossover.md in turn: missing sessions, few people, variances of zero, carry-over, people who differ in the effect."`
	Subjects int    `default:"26" group:"Trial" help:"People."`

	Associations bool `group:"Simulation" help:"Try the correlations of phasl associate in place of the analysis of CBF, in the conditions of docs/methods/associations.md. Of the other settings only --trials, --subjects, --seed and --draws count."`
	Draws        int  `default:"499" group:"Simulation" help:"With --associations: permutations and bootstrap draws in each trial."`

	Receptors bool `group:"Simulation" help:"Try the test of phasl receptors --people in place of the analysis of CBF, in the conditions of docs/methods/receptors.md. Of the other settings only --trials, --subjects and --seed count."`

	ReceptorTrials bool `name:"receptor-trials" group:"Simulation" help:"Look for the receptors that the default trial of phasl simulate plants, in repeated trials, each with densities of its own. Of the other settings only --trials, --subjects, --missing and --seed count."`

	Missing float64 `default:"0" placeholder:"SHARE" group:"Trial" help:"Share of sessions missing at random."`
	Lost    float64 `name:"missing-scans" default:"0" placeholder:"SHARE" group:"Trial" help:"Share of the other scans missing at random."`

	Effect         float64 `default:"6.7" placeholder:"D" group:"Truth [mL/100 g/min]" help:"Phase effect under the reference."`
	Interaction    float64 `default:"0" placeholder:"D" group:"Truth [mL/100 g/min]" help:"What the treatment adds to it; negative: it lessens the effect."`
	Period         float64 `default:"0" placeholder:"D" group:"Truth [mL/100 g/min]" help:"Effect of the second period."`
	CarryOver      float64 `name:"carry-over" default:"0" placeholder:"D" group:"Truth [mL/100 g/min]" help:"What the active treatment adds to CBF in the period after it."`
	CarryOverPhase float64 `name:"carry-over-phase" default:"0" placeholder:"D" group:"Truth [mL/100 g/min]" help:"What it adds to the phase effect there."`
	Mean           float64 `default:"56" placeholder:"CBF" group:"Truth [mL/100 g/min]" help:"CBF at baseline."`
	SubjectSD      float64 `name:"subject-sd" default:"9" placeholder:"SD" group:"Truth [mL/100 g/min]" help:"Standard deviation between people."`
	SessionSD      float64 `name:"session-sd" default:"4.8" placeholder:"SD" group:"Truth [mL/100 g/min]" help:"Between sessions of a person."`
	ResidualSD     float64 `name:"residual-sd" default:"2.9" placeholder:"SD" group:"Truth [mL/100 g/min]" help:"Between scans of a session."`
	ResponseSD     float64 `name:"response-sd" default:"0" placeholder:"SD" group:"Truth [mL/100 g/min]" help:"Of the phase effect between people. The default model takes it to be 0."`

	Plan    string   `type:"existingfile" placeholder:"FILE" group:"Analysis" help:"Analysis plan (plan.toml); its model, margin and prior are used."`
	Formula string   `placeholder:"F" sep:"none" group:"Analysis" help:"Model, in place of the plan's."`
	DDF     string   `name:"ddf" placeholder:"METHOD" group:"Analysis" help:"Degrees of freedom, in place of the plan's: kr (Kenward-Roger), satterthwaite or residual."`
	Bounded bool     `group:"Analysis" help:"Keep variances at zero or above, whatever the plan says."`
	Margin  *float64 `placeholder:"M" group:"Analysis" help:"Margin of equivalence, in place of the plan's, in the plan's unit; without a plan, in percent of the phase effect under the reference."`

	calibrateNulls

	Workers int `default:"0" group:"Running" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (calibrateCmd) Help() string {
	return `Simulates regional CBF of crossover trials, analyses each as the plan says, and
counts: type I error, coverage of intervals, bias and power, each with its Monte
Carlo standard error; how often equivalence is claimed where the treatment truly
changes the effect by the margin (at most 5 % is right); and what Bayes factors
come out.

Example:
  phasl calibrate --trials 2000 --subjects 20 --missing 0.1 --json calibration.json

The table of docs/methods/crossover.md:
  phasl calibrate --all

The table of docs/methods/associations.md (a quarter of an hour on two cores):
  phasl calibrate --associations

The tables of docs/methods/receptors.md (half an hour on two cores):
  phasl calibrate --receptors --trials 4000

Receptors found in default trials, as in docs/methods/phantom.md (some minutes):
  phasl calibrate --receptor-trials --trials 2000

` + exitCodesHelp
}

// maxTrials bounds memory: results of a trial take about a kilobyte.
const maxTrials = 1_000_000

// Validate refuses flags that make no sense; kong calls it.
func (c *calibrateCmd) Validate() error {
	switch {
	case c.Trials < 2 || c.Trials > maxTrials:
		return fmt.Errorf("--trials=%d: give 2 to %d", c.Trials, maxTrials)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	case c.Associations && c.All:
		return fmt.Errorf("--all and --associations: give one of them")
	case c.Receptors && (c.All || c.Associations || c.Nulls):
		return fmt.Errorf("--receptors: give it without --all, --associations and --nulls")
	case c.ReceptorTrials && (c.All || c.Associations || c.Nulls || c.Receptors):
		return fmt.Errorf("--receptor-trials: give it without --all, --associations, --nulls and --receptors")
	case c.Receptors && (c.Subjects < receptor.FewestPeople || c.Subjects > 1000):
		return fmt.Errorf("--subjects=%d: give %d to 1000", c.Subjects, receptor.FewestPeople)
	case c.Associations && (c.Draws < 19 || c.Draws > 99_999):
		return fmt.Errorf("--draws=%d: give 19 to 99999", c.Draws)
	case c.Margin != nil && !(*c.Margin > 0 && *c.Margin < 100):
		return fmt.Errorf("--margin=%g: give a number above 0 and below 100", *c.Margin)
	}
	if _, ok := ddfNames[c.DDF]; !ok {
		return fmt.Errorf("--ddf=%s: choose kr, satterthwaite or residual", c.DDF)
	}
	return c.calibrateNulls.check()
}

// ddfNames are the plan's words for the flag's.
var ddfNames = map[string]string{"": "", "kr": "kenward-roger", "kenward-roger": "kenward-roger", "satterthwaite": "satterthwaite", "residual": "residual"}

// Run simulates, counts and prints.
func (c *calibrateCmd) Run(ctx context.Context, s streams) error {
	if c.Associations {
		return c.associations(ctx, s)
	}
	if c.Nulls {
		return c.nulls(ctx, s)
	}
	if c.ReceptorTrials {
		return c.receptorTrials(ctx, s)
	}
	if c.Receptors {
		return c.receptors(ctx, s)
	}
	opt := crossover.CalibrationOptions{Plan: crossover.DefaultPlan(), Trials: c.Trials, Seed: c.Seed, Workers: c.Workers}
	if c.Plan != "" {
		p, err := pipeline.CalibrationPlan(c.Plan)
		if err != nil {
			return err
		}
		opt.Plan = p
	}
	if c.Formula != "" {
		opt.Plan.Model.Formula = c.Formula
	}
	if c.Bounded {
		opt.Plan.Model.Bounded = true
	}
	if d := ddfNames[c.DDF]; d != "" {
		opt.Plan.Model.DDF = d
	}
	if c.Margin != nil {
		opt.Plan.Equivalence.Margin = *c.Margin
	}
	base := crossover.Scenario{
		Name: "as given", Subjects: c.Subjects, Mean: c.Mean, SubjectSD: c.SubjectSD, SessionSD: c.SessionSD, ResidualSD: c.ResidualSD, ResponseSD: c.ResponseSD,
		Phase: c.Effect, Interaction: c.Interaction, Period: c.Period, CarryOver: c.CarryOver, CarryOverPhase: c.CarryOverPhase,
		MissingSessions: c.Missing, MissingScans: c.Lost,
	}
	cases := []pipeline.CalibrationCase{{Scenario: base}}
	var show func(pipeline.Event)
	if c.All {
		cases = pipeline.CalibrationCases(base)
		show = newProgress(s.err).show
	}
	res, err := pipeline.Calibrate(ctx, cases, opt, show)
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	w := c.summary(s)
	if c.All {
		printConditions(w, res)
	} else {
		printCalibration(w, res[0])
	}
	return nil
}

// rateText prints a rate in percent with its Monte Carlo error.
func rateText(r crossover.Rate) string {
	if math.IsNaN(float64(r.Share)) {
		return ""
	}
	return fmt.Sprintf("%.1f ± %.1f", 100*float64(r.Share), 100*float64(r.SE))
}

func fixed(v crossover.Number, digits int) string {
	return strconv.FormatFloat(float64(v), 'f', digits, 64)
}

func marginUnit(c *crossover.Calibration) string {
	switch c.Unit {
	case "effect":
		return "% of the phase effect"
	case "percent":
		return "% of CBF at baseline"
	}
	return "mL/100 g/min"
}

func printCalibration(w io.Writer, c *crossover.Calibration) {
	fmt.Fprintf(w, "%d simulated trials of %d people for each truth; %s; degrees of freedom: %s\n", c.Trials, c.Scenario.Subjects, c.Formula, c.DDF)
	for _, n := range c.Notes {
		fmt.Fprintln(w, n)
	}
	fmt.Fprintln(w)
	rows := [][]string{{"contrast", "truth", "bias", "SD", "median SE", "coverage [%]", "type I error [%]", "p < " + strconv.FormatFloat(1-c.Level, 'g', 3, 64) + " [%]"}}
	for _, e := range c.Effects {
		rows = append(rows, []string{e.Name, fixed(e.Truth, 2), fixed(e.Bias, 3) + " ± " + fixed(e.BiasSE, 3), fixed(e.SD, 3), fixed(e.SE, 3),
			rateText(e.Coverage), rateText(e.TypeI), rateText(e.Rejected)})
	}
	table(w, rows)
	unit := marginUnit(c)
	fmt.Fprintf(w, "\nequivalence, margin ±%g %s, alpha %g:\n", c.Margin, unit, c.Alpha)
	table(w, [][]string{
		{"  claimed where the interaction is", "[%]"},
		{"  at the lower margin", rateText(c.EquivalentAtLower)},
		{"  at the upper margin", rateText(c.EquivalentAtUpper)},
		{"  as given", rateText(c.Equivalent)},
		{"  \"not lessened\", at the lower margin", rateText(c.NotLessenedAtLower)},
		{"  \"not lessened\", as given", rateText(c.NotLessened)},
	})
	fmt.Fprintf(w, "\nBayes factor for no interaction, as given: median %s; above 3 in %s %%, below 1/3 in %s %%\n", fixed(c.BFMedian, 2), rateText(c.BFFor), rateText(c.BFAgainst))
	fmt.Fprintf(w, "fits with a variance of zero or below: %s %%; without a fit: %d of %d\n", rateText(c.Singular), c.Unfitted, 4*c.Trials)
	fmt.Fprintln(w, "± is the Monte Carlo standard error; sizes in mL/100 g/min")
}

// printConditions prints one row for each condition, rates in percent.
func printConditions(w io.Writer, res []*crossover.Calibration) {
	c := res[0]
	fmt.Fprintf(w, "Monte Carlo standard error at 5 %%, %d trials: %.2f\n", c.Trials, 100*math.Sqrt(0.05*0.95/float64(c.Trials)))
	name := func(prefix string) string {
		for _, e := range c.Effects {
			if strings.HasPrefix(e.Name, prefix) {
				return e.Name
			}
		}
		return prefix
	}
	of := func(r *crossover.Calibration, n string) crossover.Operating {
		for _, e := range r.Effects {
			if e.Name == n {
				return e
			}
		}
		nan := crossover.Number(math.NaN())
		return crossover.Operating{Bias: nan, Coverage: crossover.Rate{Share: nan}, TypeI: crossover.Rate{Share: nan}}
	}
	pc := func(r crossover.Rate) string { return fixed(100*r.Share, 1) }
	inter, phase, base := name(crossover.Interaction), name(crossover.PhaseEffect+":"), name(crossover.TreatmentEffect)
	fmt.Fprintln(w, "\ntype I error [%] and coverage of the interval [%]")
	rows := [][]string{{"condition", "trials", "interaction", "phase, reference", "phase, average", "| cover interaction", "phase, reference", "phase, average", "treatment at baseline", "period", "sequence"}}
	for _, r := range res {
		rows = append(rows, []string{r.Scenario.Name, strconv.Itoa(r.Trials), pc(of(r, inter).TypeI), pc(of(r, phase).TypeI), pc(of(r, crossover.AverageEffect).TypeI),
			"| " + pc(of(r, inter).Coverage), pc(of(r, phase).Coverage), pc(of(r, crossover.AverageEffect).Coverage), pc(of(r, base).Coverage), pc(of(r, crossover.PeriodEffect).Coverage), pc(of(r, crossover.CarryOver).Coverage)})
	}
	table(w, rows)
	fmt.Fprintf(w, "\nequivalence claimed [%%], margin ±%g %s; Bayes factor for no interaction; bias [mL/100 g/min]\n", c.Margin, marginUnit(c))
	rows = [][]string{{"condition", "at lower margin", "at upper margin", "no interaction", "| median BF01", "BF01 > 3 [%]", "BF01 < 1/3 [%]", "| bias interaction", "bias treatment", "zero variance [%]"}}
	for _, r := range res {
		rows = append(rows, []string{r.Scenario.Name, pc(r.EquivalentAtLower), pc(r.EquivalentAtUpper), pc(r.Equivalent),
			"| " + fixed(r.BFMedian, 2), pc(r.BFFor), pc(r.BFAgainst), "| " + fixed(of(r, inter).Bias, 3), fixed(of(r, base).Bias, 3), pc(r.Singular)})
	}
	table(w, rows)
}
