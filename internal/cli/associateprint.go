package cli

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"phasl/internal/pipeline"
)

func (c *associateCmd) summarise(w io.Writer, r associationJSON) {
	title := c.X + " and " + c.Y
	if len(c.Adjust) > 0 {
		title += ", adjusted for " + strings.Join(c.Adjust, ", ")
		if c.SemiPartial != "" {
			title += " (removed from " + map[string]string{"x": c.X, "y": c.Y}[c.SemiPartial] + " alone)"
		}
	}
	fmt.Fprintf(w, "%s\n%s; p is %s\n", title, c.methodText(), c.Side)
	if c.By == "" {
		c.printCorrelation(w, "", r.correlationJSON)
		return
	}
	for _, l := range r.By {
		c.printCorrelation(w, c.By+" = "+l.Level, l.correlationJSON)
	}
	if d := r.Difference; d != nil {
		c.printDifference(w, *d)
	}
	c.printCorrelation(w, "each person's mean over the levels of "+c.By, r.correlationJSON)
}

func (c *associateCmd) methodText() string {
	name := map[string]string{"pearson": "Pearson correlation", "spearman": "Spearman correlation (ranks)", "robust": "percentage-bend correlation"}[c.Method]
	switch {
	case c.SemiPartial != "":
		return "semi-partial " + name
	case len(c.Adjust) > 0:
		return "partial " + name
	}
	return name
}

// printCorrelation prints one coefficient and who makes it.
func (c *associateCmd) printCorrelation(w io.Writer, title string, r correlationJSON) {
	fmt.Fprintln(w)
	if title != "" {
		fmt.Fprintf(w, "%s\n", title)
	}
	if r.Reason != "" {
		fmt.Fprintf(w, "  no correlation: %s\n", r.Reason)
		c.printNotes(w, r.Notes)
		return
	}
	rows := [][]string{{"  n", "r", c.interval(), "t", "df", "p", "p (permutation)", "bootstrap interval"}}
	rows = append(rows, []string{"  " + strconv.Itoa(r.N), num(r.R, 3), span(r.Low, r.High), num(r.T, 2), df(r.DF), pValue(r.P), pValue(r.PPermutation), span(r.BootstrapLow, r.BootstrapHigh)})
	table(w, rows)
	if s := bayesText(float64(r.BF01)); s != "" {
		fmt.Fprintf(w, "  %s\n", s)
	}
	c.printInfluence(w, r)
	c.printNotes(w, r.Notes)
}

func (c *associateCmd) interval() string { return fmt.Sprintf("%g %% CI", math.Round(c.Level*1e4)/100) }

// span prints an interval, "" if there is none.
func span(low, high pipeline.Number) string {
	if math.IsNaN(float64(low)) || math.IsNaN(float64(high)) {
		return ""
	}
	return num(low, 3) + " to " + num(high, 3)
}

// bayesText says what a Bayes factor for no correlation means.
func bayesText(bf01 float64) string {
	times := func(f float64) string {
		if f >= 1000 {
			return strconv.FormatFloat(f, 'e', 1, 64)
		}
		return strconv.FormatFloat(f, 'g', 3, 64)
	}
	switch {
	case math.IsNaN(bf01):
		return ""
	case bf01 == 0:
		return "Bayes factor: beyond measure for a correlation (BF01 0)"
	case bf01 > 3:
		return fmt.Sprintf("Bayes factor: the data are %s times as probable without a correlation as with one (BF01 %s)", times(bf01), times(bf01))
	case bf01 < 1.0/3:
		return fmt.Sprintf("Bayes factor: the data are %s times as probable with a correlation as without one (BF01 %s)", times(1/bf01), times(bf01))
	}
	return fmt.Sprintf("Bayes factor: the data say little for or against a correlation (BF01 %s)", times(bf01))
}

// printInfluence names the person who moves r most, those with a large Cook's
// distance, and those without whom the conclusion would be another.
func (c *associateCmd) printInfluence(w io.Writer, r correlationJSON) {
	most := -1
	var flagged, turns []string
	for i, f := range r.Influence {
		if d := math.Abs(float64(f.DR)); !math.IsNaN(d) && (most < 0 || d > math.Abs(float64(r.Influence[most].DR))) {
			most = i
		}
		if f.Flagged {
			flagged = append(flagged, f.ID)
		}
		if f.Turns {
			turns = append(turns, f.ID)
		}
	}
	if most >= 0 {
		f := r.Influence[most]
		fmt.Fprintf(w, "  most influence: %s; without, r would be %s (p %s)\n", f.ID, num(f.R, 3), pValue(f.P))
	}
	if len(flagged) > 0 {
		fmt.Fprintf(w, "  Cook's distance above 4/n: %s\n", someOf(flagged))
	}
	limit := strconv.FormatFloat(1-c.Level, 'g', 2, 64)
	if len(turns) > 0 {
		fmt.Fprintf(w, "  fragile: leaving out %s alone puts p on the other side of %s\n", strings.Join(someList(turns), " or "), limit)
	} else if most >= 0 {
		fmt.Fprintf(w, "  leaving out any one person keeps p on its side of %s\n", limit)
	}
}

// someList returns at most a dozen names, and how many more.
func someList(names []string) []string {
	if len(names) <= 12 {
		return names
	}
	return append(append([]string{}, names[:12]...), fmt.Sprintf("%d more", len(names)-12))
}

func someOf(names []string) string { return strings.Join(someList(names), ", ") }

// printDifference prints the sentence on the difference. Of its two p-values
// the permutation's is named first, as it holds for skewed values too.
func (c *associateCmd) printDifference(w io.Writer, d differenceJSON) {
	fmt.Fprintf(w, "\n%s less %s, in the same people\n", d.Levels[0], d.Levels[1])
	if d.Reason != "" {
		fmt.Fprintf(w, "  no comparison: %s\n", d.Reason)
		c.printNotes(w, d.Notes)
		return
	}
	rows := [][]string{
		{"  n", "r", "r", "difference", c.interval(), "p (permutation)", "z (Steiger)", "p (Steiger)", "bootstrap interval"},
		{"  " + strconv.Itoa(d.N), num(d.R1, 3), num(d.R2, 3), num(d.Delta, 3), span(d.Low, d.High), pValue(d.PPermutation), num(d.Z, 2), pValue(d.P), span(d.BootstrapLow, d.BootstrapHigh)},
	}
	table(w, rows)
	p := d.PPermutation
	if math.IsNaN(float64(p)) {
		p = d.P
	}
	verdict := "The data do not show that the correlation differs between them, nor that it is the same"
	if float64(p) < 1-c.Level {
		verdict = "The correlation differs between them"
	}
	fmt.Fprintf(w, "  %s: %s under %s, %s under %s, difference %s (%s %s, p %s).\n", verdict, num(d.R1, 2), d.Levels[0], num(d.R2, 2), d.Levels[1], num(d.Delta, 2), c.interval(), span2(d.Low, d.High), pValue(p))
	c.printNotes(w, d.Notes)
	if len(d.LeftOut) > 0 {
		fmt.Fprintf(w, "  left out: %s\n", someOf(d.LeftOut))
	}
}

// span2 prints an interval to two decimals.
func span2(low, high pipeline.Number) string {
	if math.IsNaN(float64(low)) || math.IsNaN(float64(high)) {
		return "not known"
	}
	return num(low, 2) + " to " + num(high, 2)
}

func (c *associateCmd) printNotes(w io.Writer, notes []string) {
	for _, n := range notes {
		fmt.Fprintf(w, "  note: %s\n", n)
	}
}
