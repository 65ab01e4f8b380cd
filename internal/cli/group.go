package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phasl/crossover"
	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/report"
)

// groupFlags steer the group level.
type groupFlags struct {
	Plan        string   `type:"existingfile" placeholder:"FILE" group:"Group level" help:"Statistical analysis plan (TOML); without it the default plan is followed. See 'phasl plan'."`
	Instrument  []string `type:"existingfile" placeholder:"FILE" sep:"none" group:"Group level" help:"Questionnaire of your own (docs/formats/instrument.md), for tables in phenotype/ (repeatable)."`
	Panel       []string `placeholder:"DIR" sep:"none" group:"Group level" help:"Folder of receptor density maps (NIfTI, in the atlas's space) with their table receptors.tsv, or single maps (repeatable): aligns effect maps with them, as [receptors] in the plan says. Needs --atlas. See 'phasl assets' for public maps."`
	Derivatives string   `type:"existingdir" placeholder:"DIR" group:"Group level" help:"Folder of participant-level results, phasl's or another program's (default OUT_DIR)."`
}

// checkLevel refuses flags of the other level.
func (c *runCmd) checkLevel() error {
	switch {
	case c.Level == "participant" && len(c.Instrument) > 0:
		return errors.New("--instrument is for the group level: use group or all")
	case c.Level == "participant" && c.Plan != "":
		return errors.New("--plan is for the group level: use group or all")
	case c.Level == "participant" && len(c.Panel) > 0:
		return errors.New("--panel is for the group level: use group or all")
	case len(c.Panel) > 0 && c.Atlas == "":
		return errors.New("--panel needs --atlas FILE, the label image that regions are measured in")
	case c.Level != "group" && c.Derivatives != "":
		return errors.New("--derivatives is for the group level alone: use group")
	case c.Level != "participant" && len(c.SessionLabel) > 0:
		return errors.New("--session-label is for the participant level alone: leave visits out of the analysis by [[exclude]] in the plan")
	}
	return nil
}

// group does the group level.
func (c *runCmd) group(ctx context.Context, s streams) (*pipeline.GroupResult, error) {
	prog := newProgress(s.err)
	defer prog.end()
	return pipeline.RunGroup(ctx, pipeline.GroupConfig{
		BIDSDir: c.BIDSDir, OutDir: c.OutDir, Derivatives: c.Derivatives, Plan: c.Plan, Instruments: c.Instrument, Panel: c.Panel,
		Participants: trimAll(c.ParticipantLabel, "sub-"), Standard: c.standard(), Workers: c.Workers, Version: Version(),
		Progress: prog.show, Warn: func(l diag.List) { prog.end(); printProblems(s.err, l) },
	})
}

// summariseReceptors prints how effect maps go with receptor densities.
func summariseReceptors(w io.Writer, r *pipeline.ReceptorsRecord) {
	if r == nil {
		return
	}
	fmt.Fprintf(w, "\nEffect maps and receptors: %s correlation over regions of %s CBF, %d %s\n", r.Method, r.Measure, r.Surrogates, nullWords[r.Null])
	if len(r.Adjust) > 0 {
		fmt.Fprintf(w, "given %s\n", strings.Join(r.Adjust, ", "))
	}
	for _, e := range r.Effects {
		fmt.Fprintf(w, "\n%s\n", e.Label)
		if len(e.Results) == 0 {
			fmt.Fprintf(w, "  %s\n", e.Note)
			continue
		}
		fmt.Fprintf(w, "  %s\n", shownReceptors(&e))
		rows := [][]string{{"  receptor", "n", "r, group", "p (places)", "FWE", "r, people", "95 % of chance", "p (people)", "p (both)", "FWE"}}
		name := mapNames(e.Results)
		for j, a := range e.Results {
			row := []string{"  " + name(a.Target, a.File), strconv.Itoa(a.N), coefficient(a.R), pValue(a.P), pValue(a.PFWE), "", "", "", "", ""}
			if a.Reason != "" {
				row = []string{"  " + name(a.Target, a.File), a.Reason}
			} else if e.People != nil {
				p := e.People.Results[j]
				copy(row[5:], []string{coefficient(p.R), coefficient(p.NullLow) + " to " + coefficient(p.NullHigh), pValue(p.PFlip), pValue(p.PJoint), pValue(p.PJointFWE)})
			}
			rows = append(rows, row)
		}
		table(w, rows)
		if e.People != nil {
			fmt.Fprintf(w, "  r, people: of the mean of %d people's maps, over %d regions that all have; p (both) is of it, and speaks for new people and other places\n", e.People.N, e.People.NUsed)
		}
		if b := e.Baseline; b-b == 0 {
			fmt.Fprintf(w, "  the map's correlation with CBF at baseline, before anything is taken out: %s\n", coefficient(b))
		}
		if e.PeopleNote != "" {
			fmt.Fprintf(w, "  %s\n", e.PeopleNote)
		}
		cautions := slices.Clone(e.Cautions)
		if e.People != nil {
			cautions = append(cautions, e.People.Cautions...)
		}
		for _, t := range cautions {
			fmt.Fprintf(w, "  caution: %s\n", t)
		}
	}
}

// shownReceptors says in a sentence which receptors an effect map is shown to be
// like.
func shownReceptors(e *pipeline.ReceptorEffectRecord) string {
	name := mapNames(e.Results)
	var up, down []string
	for j, a := range e.Results {
		p, r := a.PFWE, a.R
		if e.People != nil {
			p, r = e.People.Results[j].PJointFWE, e.People.Results[j].R
		}
		switch {
		case !(p < 0.05):
		case r > 0:
			up = append(up, name(a.Target, a.File))
		default:
			down = append(down, name(a.Target, a.File))
		}
	}
	speaks := "for new people and other places"
	if e.People == nil {
		speaks = "for other places only"
	}
	if up == nil && down == nil {
		return "No likeness to any receptor is shown (family-wise p, " + speaks + ")."
	}
	var parts []string
	if up != nil {
		parts = append(parts, "higher where there is more "+strings.Join(up, ", "))
	}
	if down != nil {
		parts = append(parts, "lower where there is more "+strings.Join(down, ", "))
	}
	return "Shown: " + strings.Join(parts, "; ") + " (family-wise p, " + speaks + ")."
}

// summariseGroup prints the primary regions' effects and evidence.
func summariseGroup(w io.Writer, res *pipeline.GroupResult) {
	f := res.Flow
	fmt.Fprintf(w, "%d in the trial, %d scanned, %d analysed, %d complete\n", f.Randomised, f.Scanned, f.Analysed, f.Complete)
	fmt.Fprintf(w, "Values: %s\n", res.Source.What)
	for _, n := range res.Source.Notes {
		fmt.Fprintf(w, "  %s\n", n)
	}
	for _, s := range res.Inferred {
		fmt.Fprintf(w, "Worked out: %s\n", s)
	}
	var measure crossover.Measure
	var rows [][]string
	shown, hidden := 0, 0
	flush := func() {
		if len(rows) > 1 {
			table(w, rows)
		}
		if hidden > 0 {
			fmt.Fprintf(w, "  and %d more regions, in effects.tsv\n", hidden)
		}
		rows, shown, hidden = nil, 0, 0
	}
	for _, m := range res.Models {
		if !m.Primary {
			continue
		}
		if m.Measure != measure {
			flush()
			measure = m.Measure
			units := m.Units
			if units == "1" {
				units = "no unit"
			}
			fmt.Fprintf(w, "\n%s effect on %s CBF, %s\n", res.Challenge, measure, units)
			rows = append(rows, []string{"  region", "contrast", "estimate", percentOf(res.Level) + " interval", "p", "adjusted", "outcome", "remains", "p within", "BF01"})
		}
		if shown++; shown > maxShown {
			hidden++
			continue
		}
		if m.Failed != "" {
			rows = append(rows, []string{"  " + m.Region, m.Failed})
			continue
		}
		for _, e := range m.Effects {
			kind, of, _ := strings.Cut(e.Name, ":")
			label := "under " + of
			switch kind {
			case crossover.PhaseEffect:
			case crossover.Interaction:
				label = of + " − " + res.Treatments[0]
			default:
				continue
			}
			row := []string{"  " + m.Region, label, sameDecimals(e, e.Estimate), sameDecimals(e, e.Low) + " to " + sameDecimals(e, e.High), smallP(e.P), smallP(e.PAdjusted), "", "", "", ""}
			for _, a := range m.Attenuation {
				if a.Contrast == e.Name {
					copy(row[6:], []string{report.OutcomeName(a.Outcome), retained(a), smallP(a.P), significant(a.BF01)})
				}
			}
			rows = append(rows, row)
		}
	}
	flush()
	if a := res.Associations; a != nil && len(a.List) > 0 {
		fmt.Fprintln(w, "\nPerfusion and symptoms")
		for i := range a.List {
			fmt.Fprintf(w, "  %s\n", a.List[i].Sentence)
		}
	}
	summariseReceptors(w, res.Receptors)
	for _, d := range res.Deviations {
		fmt.Fprintf(w, "\nNote: %s", d)
	}
	if len(res.Deviations) > 0 {
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "\nReport:  %s\nEffects: %s\n", filepath.Join(res.Output, res.Report), filepath.Join(res.Output, "effects.tsv"))
}

// maxShown is how many primary regions the summary prints of each measure.
const maxShown = 12

// retained prints the share of the effect that remains, with its interval.
func retained(a crossover.Attenuation) string {
	f := float64(a.Retained)
	if f-f != 0 || !(a.RetainedLow < a.RetainedHigh) {
		return "n/a"
	}
	return fmt.Sprintf("%.0f %% (%.0f to %.0f)", f, float64(a.RetainedLow), float64(a.RetainedHigh))
}

func percentOf(level float64) string { return fmt.Sprintf("%g %%", 100*level) }

// sameDecimals prints a number of an effect with the decimals that its interval
// deserves: three digits of the interval's width.
func sameDecimals(e crossover.Effect, n crossover.Number) string {
	width, f := float64(e.High-e.Low), float64(n)
	switch {
	case f-f != 0:
		return "n/a"
	case !(width > 0) || math.IsInf(width, 0):
		return significant(n)
	}
	return strconv.FormatFloat(f, 'f', max(0, 2-int(math.Floor(math.Log10(width)))), 64)
}

// significant prints three significant digits, and "n/a" for a missing number.
func significant(n crossover.Number) string {
	switch f := float64(n); {
	case f-f != 0:
		return "n/a"
	case f >= 1000 || f <= -1000:
		return fmt.Sprintf("%.0f", f)
	default:
		return fmt.Sprintf("%.3g", f)
	}
}

// smallP prints a p-value as journals do.
func smallP(n crossover.Number) string {
	switch f := float64(n); {
	case f-f != 0:
		return "n/a"
	case f < 0.0001:
		return "<0.0001"
	default:
		return fmt.Sprintf("%.4f", f)
	}
}
