package cli

import (
	"fmt"
	"io"
	"strconv"

	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/nullmap"
)

// nullWords says in words what surrogates are.
var nullWords = map[string]string{
	"gp": "Gaussian-process surrogates", "variogram": "variogram surrogates", "brainsmash": "BrainSMASH surrogates",
	"moran": "Moran surrogates", "moran-pair": "Moran surrogates (pair)", "spin": "rotations on the sphere",
}

// ofWhat says which maps surrogates are of.
func ofWhat(null string) string {
	if null == string(nullmap.GP) {
		return ", half of the effect map and half of each density"
	}
	return " of the effect map"
}

func coefficient(v pipeline.Number) string { return decimals(v, 3) }

func decimals(v pipeline.Number, n int) string {
	if v-v != 0 {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'f', n, 64)
}

func (c *receptorsCmd) summarise(w io.Writer, r receptorsJSON) {
	fmt.Fprintf(w, "%s: %s correlation with receptor density over parcels, %d %s%s, seed %d\n", r.Map, r.Method, r.Surrogates, nullWords[r.Null], ofWhat(r.Null), r.Seed)
	if len(r.Covariates) > 0 {
		fmt.Fprintf(w, "adjusted for %s\n", diag.Few(r.Covariates, 8))
	}
	name := mapNames(r.Results)
	rows := [][]string{{"receptor", "n", "r", "p", "p (FWE)", "95 % of chance", "p (modified t)", "most influential parcel"}}
	for _, a := range r.Results {
		influence := ""
		if f, ok := a.MostInfluential(); ok {
			influence = fmt.Sprintf("%s (%s without it)", f.Parcel, coefficient(f.Without))
		}
		if a.Reason != "" {
			influence = a.Reason
		}
		rows = append(rows, []string{name(a.Target, a.File), strconv.Itoa(a.N), coefficient(a.R), pValue(a.P), pValue(a.PFWE), band(a), pValue(a.PT), influence})
	}
	fmt.Fprintln(w)
	table(w, rows)
	fmt.Fprintf(w, "\np (FWE) corrects for %d %s. It speaks for other places, not for other people%s.\n", len(r.Results), plural(len(r.Results), "receptor", "receptors"), peopleHint(r))
	if p := r.People; p != nil {
		rows := [][]string{{"receptor", "mean r", "95 % CI", "positive", "p (people)", "p (places)", "p (both)", "p (both, FWE)"}}
		for _, a := range p.Results {
			rows = append(rows, []string{name(a.Target, a.File), coefficient(a.Mean), interval(a.Low, a.High), fmt.Sprintf("%d of %d", a.Positive, p.N), pValue(a.PFlip), pValue(a.PPlaces), pValue(a.PJoint), pValue(a.PJointFWE)})
		}
		fmt.Fprintf(w, "\n%d people, over %d parcels that all have: p (both) speaks for new people and other places\n", p.N, p.NUsed)
		table(w, rows)
	}
	if g := r.Regression; g != nil {
		fmt.Fprintf(w, "\nall receptors at once, %d parcels: R2 %s, adjusted %s, p %s (smooth maps explain %s by chance)\n", g.N, coefficient(g.R2), coefficient(g.Adjusted), pValue(g.P), coefficient(g.NullMean))
		rows := [][]string{{"receptor", "beta", "R2 alone", "R2 unique", "dominance", "p", "relative weight", "VIF"}}
		for _, t := range g.Terms {
			rows = append(rows, []string{name(t.Target, t.File), coefficient(t.Beta), coefficient(t.Alone), coefficient(t.Unique), coefficient(t.Dominance), pValue(t.PDominance), coefficient(t.Relative), decimals(t.VIF, 1)})
		}
		table(w, rows)
		fmt.Fprintf(w, "parcels predicted from those beyond %g mm: r %s, by chance %s ± %s, p %s\n", g.CV.Apart, coefficient(g.CV.R), coefficient(g.CV.NullMean), coefficient(g.CV.NullSD), pValue(g.CV.P))
	}
	for _, x := range []struct {
		title string
		rows  []pipeline.ComparisonRecord
	}{{"difference between maps", r.Maps}, {"difference between receptors", r.Receptors}} {
		if len(x.rows) == 0 {
			continue
		}
		rows := [][]string{{x.title, "r", "r", "difference", "SD by chance", "p", "p (FWE)"}}
		for _, k := range x.rows {
			name := k.First + " - " + k.Second
			if k.Target != "" {
				name = k.Target + ": " + name
			}
			rows = append(rows, []string{name, coefficient(k.R1), coefficient(k.R2), coefficient(k.Difference), coefficient(k.NullSD), pValue(k.P), pValue(k.PFWE)})
		}
		fmt.Fprintln(w)
		table(w, rows)
	}
	var cautions []string
	cautions = append(cautions, r.Cautions...)
	if r.People != nil {
		cautions = append(cautions, r.People.Cautions...)
	}
	if r.Regression != nil {
		cautions = append(cautions, r.Regression.Cautions...)
	}
	for _, t := range cautions {
		fmt.Fprintf(w, "\ncaution: %s\n", t)
	}
	fmt.Fprintf(w, "\n%.1f s\n", r.Seconds)
}

// mapNames returns how a map of a panel is called: by its target, with the file
// where the panel has several of one target.
func mapNames(panel []pipeline.AlignmentRecord) func(target, file string) string {
	times := map[string]int{}
	for _, a := range panel {
		times[a.Target]++
	}
	return func(target, file string) string {
		if times[target] > 1 {
			return target + " (" + file + ")"
		}
		return target
	}
}

func band(a pipeline.AlignmentRecord) string {
	if a.NullLow-a.NullLow != 0 {
		return ""
	}
	return coefficient(a.NullLow) + " to " + coefficient(a.NullHigh)
}

func peopleHint(r receptorsJSON) string {
	if r.People != nil {
		return ""
	}
	return "; for those give --people"
}
