package cli

import (
	"fmt"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/lmm"
)

type lmmCmd struct {
	Data     string   `required:"" placeholder:"FILE" help:"Table with a header: CSV, or TSV."`
	Formula  string   `required:"" placeholder:"F" sep:"none" help:"Model in R's notation: 'y ~ a*b + x + (1|subject/session)'."`
	ML       bool     `name:"ml" help:"Full maximum likelihood in place of REML."`
	DDF      string   `name:"ddf" placeholder:"METHOD" help:"Degrees of freedom: kr (Kenward-Roger; the default, needs REML), satterthwaite (the default with --ml) or residual."`
	Ref      []string `sep:"none" placeholder:"FACTOR=LEVEL" help:"Reference level of a factor (repeatable). A column of numbers becomes a factor by it."`
	Contrast []string `sep:"none" placeholder:"'NAME = W*COEF + …'" help:"Linear function of coefficients (repeatable)."`
	EMM      []string `name:"emm" sep:"none" placeholder:"FACTOR[:FACTOR]" help:"Estimated marginal means (repeatable)."`
	Pairs    []string `sep:"none" placeholder:"FACTOR[:FACTOR]" help:"All differences between the marginal means, as contrasts (repeatable)."`
	Adjust   string   `enum:"holm,bonferroni,tukey,bh,none" default:"holm" help:"Adjustment of the contrasts' p: ${enum}. tukey is for --pairs of one set of means."`
	Level    float64  `default:"0.95" help:"Level of the intervals."`

	Unbounded bool   `help:"Variances of random effects may be estimated below zero (SAS: nobound), so that tests keep their level where one is zero. The group level does so by default; lme4 and this verb do not."`
	Profile   bool   `help:"Profile-likelihood intervals too, of coefficients and standard deviations (JSON key profile)."`
	Against   string `placeholder:"F0" sep:"none" help:"A smaller model of the same response: likelihood-ratio test by ML (JSON key lrt)."`
	Bootstrap int    `placeholder:"N" help:"Parametric bootstrap with N draws: percentile intervals (JSON key bootstrap), and the p of --against."`
	Seed      uint64 `default:"1" help:"Seed of the bootstrap."`
	Details   bool   `help:"Random effects (BLUPs), fitted values and residuals too, in the JSON (keys random_effects, residuals)."`
	Workers   int    `default:"0" help:"Threads; 0: one per CPU. Does not change the result."`
	jsonFlag
}

func (lmmCmd) Help() string {
	return `Fits a linear mixed model and prints coefficients, type III tests, variance
components, contrasts and marginal means.

Columns that hold only numbers are covariates, all others factors; --ref makes a
column of numbers a factor, and so does factor(column) in the formula. Levels
sort by bytes unless --ref names the first. Rows with an empty cell, NA, n/a or
NaN in a column of the formula are left out and counted.

Example:
  phasl lmm --data cbf.csv --formula 'cbf ~ treatment*phase + period + (1|subject/session)' --ref treatment=placebo --ref phase=baseline --ref period=1 --contrast 'infusion under drug = phaseinfusion + treatmentdrug:phaseinfusion' --emm treatment:phase --json fit.json

` + exitCodesHelp
}

// Run fits the model, writes JSON and prints a summary.
func (c *lmmCmd) Run(s streams) error {
	method, in, err := c.inference()
	if err != nil {
		return err
	}
	var faults diag.List
	formula, err := lmm.ParseFormula(c.Formula)
	if err := faults.Collect(err); err != nil {
		return err
	}
	table, err := readTable(c.Data)
	if err := faults.Collect(err); err != nil {
		return err
	}
	if table != nil {
		for _, r := range c.Ref {
			col, level, ok := strings.Cut(r, "=")
			if !ok {
				return usageError{fmt.Sprintf("--ref %s: write FACTOR=LEVEL", r)}
			}
			if err := faults.Collect(table.SetReference(strings.TrimSpace(col), strings.TrimSpace(level))); err != nil {
				return err
			}
		}
	}
	var design *lmm.Design
	if formula != nil && table != nil {
		design, err = lmm.NewDesign(formula, table)
		if err := faults.Collect(err); err != nil {
			return err
		}
	}
	if faults.Err() != nil {
		return faults
	}
	var contrasts []lmm.Contrast
	for _, text := range c.Contrast {
		k, err := design.ParseContrast(text)
		if err := faults.Collect(err); err != nil {
			return err
		}
		contrasts = append(contrasts, k)
	}
	var small *lmm.Design
	if c.Against != "" {
		small, err = smaller(c.Against, formula, table, design)
		if err := faults.Collect(err); err != nil {
			return err
		}
	}
	fit := design.Fit(method)
	if c.Unbounded {
		fit = design.FitUnbounded(method)
	}
	var means []lmm.Mean
	for _, e := range c.EMM {
		m, err := fit.Means(splitFactors(e), in)
		if err := faults.Collect(err); err != nil {
			return err
		}
		means = append(means, m...)
	}
	family := 0
	for _, e := range c.Pairs {
		m, err := fit.Means(splitFactors(e), in)
		if err := faults.Collect(err); err != nil {
			return err
		}
		contrasts = append(contrasts, lmm.Pairs(m)...)
		family = len(m)
	}
	if faults.Err() != nil {
		return faults
	}
	res := c.result(fit, in, contrasts, means, family)
	if err := c.further(&res, fit, small); err != nil {
		return err
	}
	if err := c.write(s, res); err != nil {
		return err
	}
	printProblems(s.err, fit.Notes())
	c.summarise(c.summary(s), res)
	return nil
}

// inference reads the flags that say how to fit and test.
func (c *lmmCmd) inference() (lmm.Method, lmm.Inference, error) {
	method, in := lmm.REML, lmm.Inference{Level: c.Level}
	if c.ML {
		method = lmm.ML
	}
	if c.DDF == "" {
		c.DDF = "kr"
		if c.ML {
			c.DDF = "satterthwaite"
		}
	}
	switch c.DDF {
	case "kr":
		if c.ML {
			return 0, in, usageError{"--ddf kr: Kenward and Roger's method is defined for REML; leave out --ml or choose satterthwaite"}
		}
	case "satterthwaite":
		in.DDF = lmm.Satterthwaite
	case "residual":
		in.DDF = lmm.Residual
	default:
		return 0, in, usageError{fmt.Sprintf("--ddf %s: choose kr, satterthwaite or residual", c.DDF)}
	}
	if !(c.Level > 0 && c.Level < 1) {
		return 0, in, usageError{fmt.Sprintf("--level %g: write a share between 0 and 1, such as 0.95", c.Level)}
	}
	if c.Bootstrap < 0 || c.Bootstrap > maxDraws {
		return 0, in, usageError{fmt.Sprintf("--bootstrap %d: write a number of draws from 1 to %d", c.Bootstrap, maxDraws)}
	}
	if c.Unbounded && (c.Profile || c.Bootstrap > 0 || c.Against != "") {
		return 0, in, usageError{"--unbounded with --profile, --bootstrap or --against: those are of models whose variances are not below zero; leave one out"}
	}
	if c.Adjust == "tukey" && (len(c.Pairs) != 1 || len(c.Contrast) > 0) {
		return 0, in, usageError{"--adjust tukey: it is defined for the pairs of one set of means; give one --pairs and no --contrast"}
	}
	return method, in, nil
}

func splitFactors(s string) []string {
	f := strings.Split(s, ":")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	return f
}

// maxDraws bounds the bootstrap's memory.
const maxDraws = 1_000_000

// smaller prepares the model of --against on the rows of the larger one, so
// that the two likelihoods are of the same data.
func smaller(text string, large *lmm.Formula, t *lmm.Table, d *lmm.Design) (*lmm.Design, error) {
	f, err := lmm.ParseFormula(text)
	if err != nil {
		return nil, err
	}
	if got, want := f.Variables()[0], large.Variables()[0]; got != want {
		return nil, &diag.Problem{File: t.Name, Field: "--against", Found: fmt.Sprintf("its response is %s, that of --formula %s", got, want), Fix: "compare models of one response"}
	}
	small, err := lmm.NewDesign(f, t)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(small.Rows, d.Rows) {
		return nil, &diag.Problem{File: t.Name, Field: "--against", Found: fmt.Sprintf("it would be fitted to %d rows and --formula to %d, as the columns they name miss different cells", small.N, d.N), Fix: "remove the rows with a missing cell from the table"}
	}
	return small, nil
}
