package cli

import (
	"fmt"
	"strings"

	"phasl/corr"
	"phasl/diag"
)

type associateCmd struct {
	Data   string   `required:"" placeholder:"FILE" help:"Table with a header, one row for each person (with --by, for each person and level): CSV, or TSV."`
	X      string   `required:"" placeholder:"COLUMN" help:"First variable."`
	Y      string   `required:"" placeholder:"COLUMN" help:"Second variable."`
	Adjust []string `placeholder:"COLUMN" help:"Covariates to remove from both (partial correlation). A column of words is coded by its categories."`

	Method      string  `enum:"pearson,spearman,robust" default:"pearson" help:"pearson, spearman (ranks) or robust (percentage bend)."`
	SemiPartial string  `name:"semi-partial" enum:",x,y" default:"" placeholder:"x|y" help:"Remove the covariates from this variable alone."`
	Side        string  `enum:"two-sided,greater,less" default:"two-sided" help:"Alternative: ${enum}. Intervals stay two-sided."`
	Level       float64 `default:"0.95" help:"Level of the intervals; 1 - level is the limit for p."`
	Kappa       float64 `default:"1" help:"Width of the Bayes factor's prior: 1 is uniform from -1 to 1, less favours small correlations."`

	By     string   `placeholder:"COLUMN" group:"Two conditions in the same people" help:"Treatment or other condition: one correlation for each level, and their difference."`
	ID     string   `name:"id" placeholder:"COLUMN" group:"Two conditions in the same people" help:"Who it was; needed with --by. Without it influence is told by row."`
	Levels []string `placeholder:"LEVEL" group:"Two conditions in the same people" help:"A,B: the two levels to compare, first minus second; default: the two there are, sorted."`

	Permutations int    `default:"10000" group:"Resampling" help:"Number of permutations; 0: none."`
	Bootstrap    int    `default:"10000" group:"Resampling" help:"Number of bootstrap draws; 0: none."`
	Seed         uint64 `default:"1" group:"Resampling" help:"Seed of both."`
	Workers      int    `default:"0" group:"Resampling" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (associateCmd) Help() string {
	return `Correlates two columns: coefficient with interval, t test, permutation p-value,
bootstrap interval, Bayes factor, and what each person does to it. With --by and
--id it also asks whether the correlation differs between two treatments of the
same people, which two separate p-values do not answer: Steiger's test, Zou's
interval, and a permutation test that swaps a person's treatments.

Rows with an empty cell, NA, n/a or NaN in a column that is used are left out
and named. With --by the numbers on top are of each person's mean over the
levels, as rows of one person are not independent. docs/methods/associations.md
says which numbers to trust at n = 26.

Examples:
  phasl associate --data people.csv --x pgacc --y psi_delusional --adjust pgacc_baseline

a row for each person and treatment:
  phasl associate --data visits.csv --x pgacc --y psi_delusional --adjust pgacc_baseline --by treatment --id subject --levels placebo,naltrexone --json association.json

` + exitCodesHelp
}

// Validate refuses flags that make no sense; kong calls it.
func (c *associateCmd) Validate() error {
	switch {
	case c.By != "" && c.ID == "":
		return fmt.Errorf("--by %s: say who is who: --id COLUMN", c.By)
	case len(c.Levels) > 0 && c.By == "":
		return fmt.Errorf("--levels: say of which column: --by COLUMN")
	case len(c.Levels) > 0 && (len(c.Levels) != 2 || c.Levels[0] == c.Levels[1]):
		return fmt.Errorf("--levels %s: name two levels, as A,B", strings.Join(c.Levels, ","))
	case c.SemiPartial != "" && len(c.Adjust) == 0:
		return fmt.Errorf("--semi-partial %s: name what to remove: --adjust COLUMN", c.SemiPartial)
	case !(c.Level > 0 && c.Level < 1):
		return fmt.Errorf("--level %g: write a share between 0 and 1, such as 0.95", c.Level)
	case !(c.Kappa >= 0.01 && c.Kappa <= 10):
		return fmt.Errorf("--kappa %g: write a number from 0.01 to 10", c.Kappa)
	case c.Permutations < 0 || c.Permutations > maxDraws:
		return fmt.Errorf("--permutations %d: write a number from 0 to %d", c.Permutations, maxDraws)
	case c.Bootstrap < 0 || c.Bootstrap > maxDraws:
		return fmt.Errorf("--bootstrap %d: write a number from 0 to %d", c.Bootstrap, maxDraws)
	case c.Workers < 0:
		return fmt.Errorf("--workers %d: write a number of threads, or 0 for one per CPU", c.Workers)
	}
	used := map[string]string{}
	for _, u := range c.columns() {
		if before, ok := used[u.name]; ok {
			return fmt.Errorf("%s and %s: both are %s; name each column once", before, u.flag, u.name)
		}
		used[u.name] = u.flag
	}
	return nil
}

// A columnUse is a column and the flag that names it.
type columnUse struct{ flag, name string }

func (c *associateCmd) columns() []columnUse {
	out := []columnUse{{"--x", c.X}, {"--y", c.Y}}
	for _, a := range c.Adjust {
		out = append(out, columnUse{"--adjust", a})
	}
	if c.By != "" {
		out = append(out, columnUse{"--by", c.By})
	}
	if c.ID != "" {
		out = append(out, columnUse{"--id", c.ID})
	}
	return out
}

func (c *associateCmd) options() corr.Options {
	o := corr.Options{Level: c.Level, Kappa: c.Kappa, Permutations: c.Permutations, Bootstrap: c.Bootstrap, Seed: c.Seed, Workers: c.Workers}
	switch c.Method {
	case "spearman":
		o.Method = corr.Spearman
	case "robust":
		o.Method = corr.Robust
	}
	switch c.SemiPartial {
	case "x":
		o.Remove = corr.FromX
	case "y":
		o.Remove = corr.FromY
	}
	switch c.Side {
	case "greater":
		o.Side = corr.Greater
	case "less":
		o.Side = corr.Less
	}
	return o
}

// Run reads, correlates, compares, writes JSON and prints a summary.
func (c *associateCmd) Run(s streams) error {
	t, l := c.read()
	if l.Err() != nil {
		return l
	}
	res := c.analyse(t)
	if err := c.write(s, res); err != nil {
		return err
	}
	var notes diag.List
	for _, m := range res.Missing {
		notes.Warnf(c.Data, strings.Join(m.Columns, ", "), "", "row %d (%s) has no value there and is left out", m.Row, m.ID)
	}
	printProblems(s.err, notes)
	c.summarise(c.summary(s), res)
	return nil
}
