package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
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

// The JSON of a fit. A number that does not exist is null.
type lmmJSON struct {
	NObs       int             `json:"n_obs"`
	NGroups    map[string]int  `json:"n_groups"`
	Method     string          `json:"method"`
	DDF        string          `json:"ddf"`
	LogLik     pipeline.Number `json:"loglik"`
	AIC        pipeline.Number `json:"aic"`
	BIC        pipeline.Number `json:"bic"`
	Sigma      pipeline.Number `json:"sigma"`
	Converged  bool            `json:"converged"`
	Singular   bool            `json:"singular"`
	Components []lmmVariance   `json:"var_components"`
	Fixed      []lmmFixed      `json:"fixed"`
	Anova      []lmmTerm       `json:"anova"`
	Contrasts  []lmmContrast   `json:"contrasts"`
	EMM        []lmmMean       `json:"emm"`
}

type lmmVariance struct {
	Group    string          `json:"group"`
	Term     string          `json:"term"`
	Term2    string          `json:"term2"`
	Variance pipeline.Number `json:"variance"`
	SD       pipeline.Number `json:"sd"`
	Corr     pipeline.Number `json:"corr"`
}

type lmmFixed struct {
	Term string `json:"term"`
	lmmEstimate
}

type lmmEstimate struct {
	Estimate pipeline.Number `json:"estimate"`
	SE       pipeline.Number `json:"se"`
	DF       pipeline.Number `json:"df"`
	T        pipeline.Number `json:"t"`
	P        pipeline.Number `json:"p"`
	Low      pipeline.Number `json:"ci_low"`
	High     pipeline.Number `json:"ci_high"`
}

type lmmTerm struct {
	Term  string          `json:"term"`
	NumDF pipeline.Number `json:"num_df"`
	DenDF pipeline.Number `json:"den_df"`
	F     pipeline.Number `json:"f"`
	P     pipeline.Number `json:"p"`
}

type lmmContrast struct {
	Name     string          `json:"name"`
	Estimate pipeline.Number `json:"estimate"`
	SE       pipeline.Number `json:"se"`
	DF       pipeline.Number `json:"df"`
	T        pipeline.Number `json:"t"`
	P        pipeline.Number `json:"p"`
	Adjusted pipeline.Number `json:"p_adjusted"`
	Low      pipeline.Number `json:"ci_low"`
	High     pipeline.Number `json:"ci_high"`
}

type lmmMean struct {
	Levels   map[string]string `json:"levels"`
	Estimate pipeline.Number   `json:"estimate"`
	SE       pipeline.Number   `json:"se"`
	DF       pipeline.Number   `json:"df"`
	Low      pipeline.Number   `json:"ci_low"`
	High     pipeline.Number   `json:"ci_high"`
}

// Run fits the model, writes JSON and prints a summary.
func (c *lmmCmd) Run(s streams) error {
	method, in, err := c.inference()
	if err != nil {
		return err
	}
	var faults diag.List
	formula, err := lmm.ParseFormula(c.Formula)
	if err := collect(&faults, err); err != nil {
		return err
	}
	table, err := readTable(c.Data)
	if err := collect(&faults, err); err != nil {
		return err
	}
	if table != nil {
		for _, r := range c.Ref {
			col, level, ok := strings.Cut(r, "=")
			if !ok {
				return usageError{fmt.Sprintf("--ref %s: write FACTOR=LEVEL", r)}
			}
			if err := collect(&faults, table.SetReference(strings.TrimSpace(col), strings.TrimSpace(level))); err != nil {
				return err
			}
		}
	}
	var design *lmm.Design
	if formula != nil && table != nil {
		design, err = lmm.NewDesign(formula, table)
		if err := collect(&faults, err); err != nil {
			return err
		}
	}
	if faults.Err() != nil {
		return faults
	}
	var contrasts []lmm.Contrast
	for _, text := range c.Contrast {
		k, err := design.ParseContrast(text)
		if err := collect(&faults, err); err != nil {
			return err
		}
		contrasts = append(contrasts, k)
	}
	fit := design.Fit(method)
	var means []lmm.Mean
	for _, e := range c.EMM {
		m, err := fit.Means(splitFactors(e), in)
		if err := collect(&faults, err); err != nil {
			return err
		}
		means = append(means, m...)
	}
	family := 0
	for _, e := range c.Pairs {
		m, err := fit.Means(splitFactors(e), in)
		if err := collect(&faults, err); err != nil {
			return err
		}
		contrasts = append(contrasts, lmm.Pairs(m)...)
		family = len(m)
	}
	if faults.Err() != nil {
		return faults
	}
	res := c.result(fit, in, contrasts, means, family)
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
	if c.Adjust == "tukey" && (len(c.Pairs) != 1 || len(c.Contrast) > 0) {
		return 0, in, usageError{"--adjust tukey: it is defined for the pairs of one set of means; give one --pairs and no --contrast"}
	}
	return method, in, nil
}

// collect adds problems to l and returns any other error.
func collect(l *diag.List, err error) error {
	switch e := err.(type) {
	case nil:
	case diag.List:
		l.Add(e...)
	case *diag.Problem:
		l.Add(e)
	default:
		return err
	}
	return nil
}

func splitFactors(s string) []string {
	f := strings.Split(s, ":")
	for i := range f {
		f[i] = strings.TrimSpace(f[i])
	}
	return f
}

// result computes all that is reported. family is the number of means whose
// pairs are compared.
func (c *lmmCmd) result(fit *lmm.Fit, in lmm.Inference, contrasts []lmm.Contrast, means []lmm.Mean, family int) lmmJSON {
	out := lmmJSON{
		NObs: fit.Design.N, NGroups: map[string]int{}, Method: fit.Method.String(), DDF: c.DDF,
		LogLik: pipeline.Number(fit.LogLik), AIC: pipeline.Number(fit.AIC()), BIC: pipeline.Number(fit.BIC()), Sigma: pipeline.Number(fit.Sigma),
		Converged: fit.Converged, Singular: fit.Singular,
		Fixed: []lmmFixed{}, Anova: []lmmTerm{}, Contrasts: []lmmContrast{}, EMM: []lmmMean{},
	}
	for _, g := range fit.Design.Groups {
		out.NGroups[g.Name] = len(g.Levels)
	}
	for _, v := range fit.VarComps() {
		out.Components = append(out.Components, lmmVariance{v.Group, v.Term, v.Term2, pipeline.Number(v.Variance), pipeline.Number(v.SD), pipeline.Number(v.Corr)})
	}
	for _, e := range fit.Coefficients(in) {
		out.Fixed = append(out.Fixed, lmmFixed{e.Name, lmmEstimate{pipeline.Number(e.Value), pipeline.Number(e.SE), pipeline.Number(e.DF), pipeline.Number(e.T), pipeline.Number(e.P), pipeline.Number(e.Low), pipeline.Number(e.High)}})
	}
	for _, t := range fit.TypeIII(in) {
		out.Anova = append(out.Anova, lmmTerm{t.Term, pipeline.Number(t.NumDF), pipeline.Number(t.DenDF), pipeline.Number(t.F), pipeline.Number(t.P)})
	}
	ests := make([]lmm.Estimate, len(contrasts))
	p := make([]float64, len(contrasts))
	for i, k := range contrasts {
		ests[i] = fit.Linear(k.Name, k.Weights, in)
		p[i] = ests[i].P
	}
	var adj []float64
	switch c.Adjust {
	case "holm":
		adj = lmm.Adjust(p, lmm.Holm)
	case "bonferroni":
		adj = lmm.Adjust(p, lmm.Bonferroni)
	case "bh":
		adj = lmm.Adjust(p, lmm.BH)
	case "none":
		adj = p
	case "tukey":
		adj = make([]float64, len(p))
		for i, e := range ests {
			adj[i] = lmm.TukeyP(e.T, e.DF, family)
		}
	}
	for i, e := range ests {
		out.Contrasts = append(out.Contrasts, lmmContrast{e.Name, pipeline.Number(e.Value), pipeline.Number(e.SE), pipeline.Number(e.DF), pipeline.Number(e.T), pipeline.Number(e.P), pipeline.Number(adj[i]), pipeline.Number(e.Low), pipeline.Number(e.High)})
	}
	for _, m := range means {
		out.EMM = append(out.EMM, lmmMean{m.Levels, pipeline.Number(m.Value), pipeline.Number(m.SE), pipeline.Number(m.DF), pipeline.Number(m.Low), pipeline.Number(m.High)})
	}
	return out
}

func (c *lmmCmd) summarise(w io.Writer, r lmmJSON) {
	fmt.Fprintf(w, "%s\n%s, %d observations, log-likelihood %s, AIC %s, BIC %s\n", c.Formula, r.Method, r.NObs, general(r.LogLik), general(r.AIC), general(r.BIC))
	rows := [][]string{{"group", "effect", "levels", "variance", "SD", "correlation"}}
	for _, v := range r.Components {
		effect, levels := v.Term, ""
		if v.Term2 != "" {
			effect += ", " + v.Term2
		}
		if n, ok := r.NGroups[v.Group]; ok {
			levels = strconv.Itoa(n)
		}
		rows = append(rows, []string{v.Group, effect, levels, general(v.Variance), general(v.SD), general(v.Corr)})
	}
	fmt.Fprintln(w)
	table(w, rows)
	ci := fmt.Sprintf("%g %% CI", math.Round(c.Level*1e4)/100)
	rows = [][]string{{"coefficient", "estimate", "SE", "df", "t", "p", ci}}
	for _, e := range r.Fixed {
		rows = append(rows, []string{e.Term, general(e.Estimate), general(e.SE), df(e.DF), general(e.T), pValue(e.P), interval(e.Low, e.High)})
	}
	fmt.Fprintln(w)
	table(w, rows)
	rows = [][]string{{"term (type III)", "F", "df", "p"}}
	for _, t := range r.Anova {
		rows = append(rows, []string{t.Term, general(t.F), df(t.NumDF) + ", " + df(t.DenDF), pValue(t.P)})
	}
	if len(r.Anova) > 0 {
		fmt.Fprintln(w)
		table(w, rows)
	}
	if len(r.Contrasts) > 0 {
		rows = [][]string{{"contrast", "estimate", "SE", "df", "t", "p", "p (" + c.Adjust + ")", ci}}
		for _, e := range r.Contrasts {
			rows = append(rows, []string{e.Name, general(e.Estimate), general(e.SE), df(e.DF), general(e.T), pValue(e.P), pValue(e.Adjusted), interval(e.Low, e.High)})
		}
		fmt.Fprintln(w)
		table(w, rows)
	}
	if len(r.EMM) > 0 {
		rows = [][]string{{"marginal mean", "estimate", "SE", "df", ci}}
		for _, m := range r.EMM {
			rows = append(rows, []string{levelsText(m.Levels), general(m.Estimate), general(m.SE), df(m.DF), interval(m.Low, m.High)})
		}
		fmt.Fprintln(w)
		table(w, rows)
	}
	fmt.Fprintf(w, "\ndegrees of freedom: %s\n", c.DDF)
	if r.Singular {
		fmt.Fprintln(w, "The fit is singular: a variance is zero or a correlation ±1.")
	}
}

func levelsText(m map[string]string) string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	for i, n := range names {
		names[i] = n + "=" + m[n]
	}
	return strings.Join(names, " ")
}

func general(v pipeline.Number) string {
	if math.IsNaN(float64(v)) {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'g', 5, 64)
}

func df(v pipeline.Number) string {
	if f := float64(v); math.Abs(f-math.Round(f)) < 0.005 {
		return strconv.FormatFloat(math.Round(f), 'f', 0, 64)
	}
	return num(v, 2)
}

func pValue(v pipeline.Number) string {
	switch {
	case math.IsNaN(float64(v)):
		return ""
	case v < 0.0001:
		return strconv.FormatFloat(float64(v), 'e', 1, 64)
	}
	return num(v, 4)
}

func interval(low, high pipeline.Number) string { return general(low) + " to " + general(high) }
