package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"phasl/internal/pipeline"
	"phasl/phantom"
)

// receptors returns what receptors the trial has. Whoever names effects gets no
// mixtures unasked.
func (c *simulateCmd) receptors() (*phantom.ReceptorMixtures, error) {
	out := &phantom.ReceptorMixtures{None: c.NoReceptors}
	if len(c.Mixture) == 0 {
		if len(c.Effect) > 0 || len(c.Interaction) > 0 {
			out.Mixtures = []phantom.Mixture{}
		}
		return out, nil
	}
	out.Mixtures = []phantom.Mixture{}
	for _, text := range c.Mixture {
		if strings.TrimSpace(text) == "none" && len(c.Mixture) == 1 {
			continue
		}
		m, why := parseMixture(text)
		if why != "" {
			return nil, usageError{fmt.Sprintf("--mixture %q: %s; write it as in --mixture 'phase: 6 = MOR + mGluR5' or 'interaction:naltrexone: 4 = MOR - 0.5*KOR'", text, why)}
		}
		out.Mixtures = append(out.Mixtures, m)
	}
	return out, nil
}

// parseMixture reads KIND[:TREATMENT]: PERCENT = [W*]TARGET ± [W*]TARGET …. why
// says what cannot be read, "" if all can.
func parseMixture(text string) (m phantom.Mixture, why string) {
	left, right, ok := strings.Cut(text, "=")
	if !ok {
		return m, "there is no ="
	}
	colon := strings.LastIndex(left, ":")
	if colon < 0 {
		return m, "there is no colon before the percentage"
	}
	kind, treatment, _ := strings.Cut(left[:colon], ":")
	m.Kind, m.Treatment = strings.TrimSpace(kind), strings.TrimSpace(treatment)
	number := strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(left[colon+1:]), "%"))
	var err error
	if m.Percent, err = strconv.ParseFloat(number, 64); err != nil {
		return m, fmt.Sprintf("%q is no percentage", number)
	}
	m.Weights = map[string]float64{}
	sign, rest := 1.0, strings.TrimSpace(right)
	if strings.HasPrefix(rest, "-") {
		sign, rest = -1, rest[1:]
	}
	for {
		term, after, more := rest, "", false
		next := 1.0
		if i := strings.IndexAny(rest, "+-"); i >= 0 {
			if rest[i] == '-' {
				next = -1
			}
			term, after, more = rest[:i], rest[i+1:], true
		}
		weight, target, weighted := strings.Cut(term, "*")
		w := 1.0
		if !weighted {
			target = term
		} else if w, err = strconv.ParseFloat(strings.TrimSpace(weight), 64); err != nil {
			return m, fmt.Sprintf("%q is no weight", strings.TrimSpace(weight))
		}
		target = strings.TrimSpace(target)
		if target == "" {
			return m, "a receptor is missing"
		}
		if _, twice := m.Weights[target]; twice {
			return m, target + " stands twice"
		}
		m.Weights[target] = sign * w
		if !more {
			return m, ""
		}
		sign, rest = next, after
	}
}

// summariseSimulatedReceptors lists the receptors that effects follow, and how far the
// true effects correlate with every density.
func summariseSimulatedReceptors(w io.Writer, r *pipeline.SimulateResult) {
	if r.Panel == "" {
		return
	}
	planted := map[string]bool{}
	for _, x := range r.Receptors {
		if x.Weight != 0 {
			planted[x.Contrast] = true
		}
	}
	if len(planted) == 0 {
		fmt.Fprintln(w, "\nreceptors: no effect follows them")
		return
	}
	rows := [][]string{{"follows receptors", "receptor", "% of CBF for each SD", "rank correlation of the true effect", "at the scanner's resolution"}}
	for _, x := range r.Receptors {
		if !planted[x.Contrast] {
			continue
		}
		weight := "-"
		if x.Weight != 0 {
			weight = num(x.Weight, 1)
		}
		rows = append(rows, []string{x.Contrast, x.Target, weight, decimals(x.Rho, 2), decimals(x.ResolvedRho, 2)})
	}
	fmt.Fprintln(w)
	table(w, rows)
	fmt.Fprintln(w, "-: nothing is planted; such correlations are chance")
}
