package cli

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"phasl/internal/pipeline"
)

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
	c.summariseFurther(w, r, ci)
	fmt.Fprintf(w, "\ndegrees of freedom: %s\n", c.DDF)
	switch {
	case slices.ContainsFunc(r.Components, func(v lmmVariance) bool { return v.Term2 == "" && v.Variance < 0 }):
		fmt.Fprintln(w, "A variance is estimated below zero; tests take it as it is.")
	case r.Singular && c.Unbounded:
		fmt.Fprintln(w, "The fit is singular: a variance is zero or a correlation ±1. --unbounded changed nothing: effects that vary together stay bounded, and so does a fit without a minimum below zero.")
	case r.Singular:
		fmt.Fprintln(w, "The fit is singular: a variance is zero or a correlation ±1. With --unbounded a variance may be below zero, and tests keep their level; the group level does so by default.")
	}
}

// summariseFurther prints what only some flags ask for.
func (c *lmmCmd) summariseFurther(w io.Writer, r lmmJSON, ci string) {
	intervals := func(title string, list []lmmInterval) {
		rows := [][]string{{title, ci}}
		for _, i := range list {
			name := i.Term
			if i.Group != "" {
				name = strings.TrimSpace("SD of " + i.Group + " " + i.Term)
			}
			rows = append(rows, []string{name, interval(i.Low, i.High)})
		}
		fmt.Fprintln(w)
		table(w, rows)
	}
	if len(r.Profile) > 0 {
		intervals("profile likelihood", r.Profile)
	}
	if r.Bootstrap != nil {
		intervals(fmt.Sprintf("bootstrap, %d draws", r.Bootstrap.Draws), r.Bootstrap.Intervals)
	}
	if l := r.LRT; l != nil {
		fmt.Fprintf(w, "\nagainst %s: chi-square %s, df %s, p %s", l.Against, general(l.ChiSq), df(l.DF), pValue(l.P))
		if l.PBootstrap != nil {
			fmt.Fprintf(w, ", by bootstrap %s", pValue(*l.PBootstrap))
		}
		fmt.Fprintln(w)
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
