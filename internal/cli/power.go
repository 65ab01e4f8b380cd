package cli

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"phasl/crossover"
	"phasl/internal/pipeline"
)

type powerCmd struct {
	Subjects int `default:"26" group:"Trial" help:"People, each under both treatments."`

	R          []float64 `name:"r" default:"0.56,0.60,0.64,0.67" placeholder:"R" group:"Associations" help:"True correlations of perfusion with symptoms under the reference, after the covariates; default: those of the trial that phasl was made for."`
	Other      float64   `name:"r-other" default:"0" placeholder:"R" group:"Associations" help:"True correlation under the other treatment."`
	Covariates int       `default:"1" group:"Associations" help:"Covariates of the correlation, such as the baseline."`
	Stability  float64   `default:"0.3" group:"Associations" help:"How much the measure, and the score, of a person correlate between the treatments, after the covariates."`
	Scores     bool      `group:"Associations" help:"Give the score an error like that of a symptom scale, skewed and at its lowest value in two fifths of people, in place of a normal one. The correlation of the score as it is, which is then lower, is printed."`
	Draws      int       `default:"499" group:"Associations" help:"Permutations in each trial; 0: leave the permutation test out."`

	Effect     []float64 `default:"3,5,8,12" placeholder:"PERCENT" group:"Contrasts" help:"Effects of the challenge on CBF, in percent of CBF at baseline."`
	Mean       float64   `default:"56" placeholder:"CBF" group:"Contrasts" help:"CBF at baseline [mL/100 g/min]."`
	SubjectSD  float64   `name:"subject-sd" default:"9" placeholder:"SD" group:"Contrasts" help:"Standard deviation between people."`
	SessionSD  float64   `name:"session-sd" default:"4.8" placeholder:"SD" group:"Contrasts" help:"Between sessions of a person."`
	ResidualSD float64   `name:"residual-sd" default:"2.9" placeholder:"SD" group:"Contrasts" help:"Between scans of a session."`
	Missing    float64   `default:"0" placeholder:"SHARE" group:"Contrasts" help:"Share of sessions missing at random."`
	Plan       string    `type:"existingfile" placeholder:"FILE" group:"Contrasts" help:"Analysis plan (plan.toml); its model and margin are used."`

	Family int `default:"1" group:"Associations" help:"Associations that are corrected together: tests are at 0.05 divided by this, which is what Holm's method asks of the first."`

	Trials  int    `default:"2000" group:"Running" help:"Simulated trials for each truth."`
	Seed    uint64 `default:"1" group:"Running" help:"Seed of everything random."`
	Workers int    `default:"0" group:"Running" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (powerCmd) Help() string {
	return `What a crossover trial of so many people can and cannot show, by simulation:
how often a true association of perfusion with symptoms is found, how often it is
told from the one under the other treatment, and how often the contrasts of the
crossover model are found for effects of several sizes. Also how many people 80 %
power would take, by closed forms (Fisher's z; Steiger's test, which finds a
little more than the permutation test that claims rest on).

"In one only" is how often an association is significant under one treatment and
not under the other. That is no test: it also happens where both are the same.

Example:
  phasl power --subjects 26 --r 0.56 --r-other 0

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *powerCmd) Validate() error {
	if !(c.Other > -1 && c.Other < 1) {
		return fmt.Errorf("--r-other=%g: give a correlation between −1 and 1", c.Other)
	}
	for _, r := range c.R {
		if !(r > -1 && r < 1) {
			return fmt.Errorf("--r=%g: give a correlation between −1 and 1", r)
		}
	}
	for _, e := range c.Effect {
		if !(math.Abs(e) <= 100) {
			return fmt.Errorf("--effect=%g: give percent of CBF at baseline", e)
		}
	}
	switch {
	case c.Trials < 100 || c.Trials > maxTrials:
		return fmt.Errorf("--trials=%d: give 100 to %d", c.Trials, maxTrials)
	case c.Draws != 0 && (c.Draws < 19 || c.Draws > 99_999):
		return fmt.Errorf("--draws=%d: give 19 to 99999, or 0 for none", c.Draws)
	case !(c.Missing >= 0 && c.Missing <= 0.5):
		return fmt.Errorf("--missing=%g: give a share from 0 to 0.5", c.Missing)
	case c.Family < 1 || c.Family > 1000:
		return fmt.Errorf("--family=%d: give 1 to 1000", c.Family)
	case c.Workers < 0:
		return fmt.Errorf("--workers=%d: give a number of threads, or 0 for one per CPU", c.Workers)
	}
	return nil
}

// Run simulates and prints.
func (c *powerCmd) Run(ctx context.Context, s streams) error {
	plan := crossover.DefaultPlan()
	if c.Plan != "" {
		p, err := pipeline.CalibrationPlan(c.Plan)
		if err != nil {
			return err
		}
		plan = p
	}
	prog := newProgress(s.err)
	res, err := pipeline.ComputePower(ctx, pipeline.PowerConfig{
		People: c.Subjects, R: c.R, Other: c.Other, Covariates: c.Covariates, Stability: c.Stability, Scores: c.Scores, Draws: c.Draws, Family: c.Family,
		Effects: c.Effect, Plan: plan, Trials: c.Trials, Seed: c.Seed, Workers: c.Workers, Progress: prog.show,
		Scenario: crossover.Scenario{Name: "as given", Mean: c.Mean, SubjectSD: c.SubjectSD, SessionSD: c.SessionSD, ResidualSD: c.ResidualSD, MissingSessions: c.Missing},
	})
	prog.end()
	if err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	printPower(c.summary(s), res)
	return nil
}

func printPower(w io.Writer, p *pipeline.Power) {
	share := func(r crossover.Rate) string {
		if math.IsNaN(float64(r.Share)) {
			return "n/a"
		}
		return strconv.FormatFloat(100*float64(r.Share), 'f', 0, 64)
	}
	people := func(a *crossover.AssociationPower, n int) string {
		switch {
		case a.Shape != "normal":
			return "" // the closed forms are of normal scores
		case n == 0:
			return "no number"
		}
		return strconv.Itoa(n)
	}
	fmt.Fprintf(w, "%d people under both treatments; p < %g, two-sided; in percent of simulated trials\n", p.People, p.Alpha)
	if len(p.Associations) > 0 {
		a := p.Associations[0]
		fmt.Fprintf(w, "\nassociations: %d %s, stability %g, %s, %d trials (Monte Carlo error at most %.1f)\n", a.Covariates, plural(a.Covariates, "covariate", "covariates"), a.Stability, map[bool]string{true: "normal scores", false: "scores like those of a symptom scale"}[a.Shape == "normal"], a.Trials, 50/math.Sqrt(float64(a.Trials)))
		rows := [][]string{{"r", "r other", "r found", "| difference: permutation", "Steiger", "| slopes: permutation", "mixed model", "| in one only", "half width of its interval", "| people for 80 %: r", "difference (Steiger)"}}
		for i, a := range p.Associations {
			n := p.Needed[i]
			rows = append(rows, []string{fixed(a.True1, 2), fixed(a.True2, 2), share(a.Correlation), "| " + share(a.Permutation), share(a.Steiger), "| " + share(a.Slopes), share(a.Moderation), "| " + share(a.Naive),
				"±" + fixed(a.Width/2, 2), "| " + people(a, n.Correlation), people(a, n.Difference)})
		}
		table(w, rows)
	}
	if len(p.Contrasts) > 0 {
		c := p.Contrasts[0]
		fmt.Fprintf(w, "\ncontrasts of the crossover model at p < 0.05, %d trials; margin of equivalence ±%g, unit: %s\n", c.Trials, c.Margin, c.MarginUnit)
		rows := [][]string{{"effect [%]", "[mL/100 g/min]", "found under one treatment", "averaged", "| interaction if all is lost", "if half is lost", "| if nothing is lost: equivalent", "not lessened"}}
		for _, c := range p.Contrasts {
			rows = append(rows, []string{fmt.Sprintf("%g", c.Percent), fmt.Sprintf("%.1f", c.Effect), share(c.Phase), share(c.Average), "| " + share(c.FullLoss), share(c.HalfLoss), "| " + share(c.Equivalent), share(c.NotLessened)})
		}
		table(w, rows)
	}
}
