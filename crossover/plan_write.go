package crossover

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// PlanTemplate returns a plan of what the dataset holds, every key present
// with a line that says what it does. Reading it gives the plan of the
// dataset: the treatments, reference and phases of the trial, the primary
// regions among regions, those of [PublishedAssociations] that regions, phases
// and scores allow, the receptors in targets, and else the defaults. All may be
// nil.
func PlanTemplate(tr *Trial, regions []string, scores []Rating, targets []string) []byte {
	p := datasetPlan(tr, regions, scores)
	if len(targets) > 0 {
		p.Receptors.Asked, p.Receptors.Panel = true, targets
	}
	return writePlan(p, datasetNotes(tr, regions))
}

// datasetPlan is the plan that [PlanTemplate] writes.
func datasetPlan(tr *Trial, regions []string, scores []Rating) *Plan {
	p := DefaultPlan()
	if tr != nil {
		if len(tr.Treatments) > 1 {
			p.Trial.Treatments = slices.Clone(tr.Treatments)
			p.Trial.Reference = tr.Treatments[0]
		}
		if len(tr.Phases) > 1 {
			p.Trial.Phases = slices.Clone(tr.Phases)
		}
	}
	for _, name := range primaryRegions {
		if slices.Contains(regions, name) {
			p.Regions.Primary = append(p.Regions.Primary, name)
		}
	}
	p.Association = suggestAssociations(tr, regions, scores)
	return p
}

// datasetNotes are comments on keys, from what the dataset holds.
func datasetNotes(tr *Trial, regions []string) map[string]string {
	notes := map[string]string{}
	if tr != nil {
		for key, from := range tr.found {
			notes[key] = from
		}
		if len(tr.columns) > 0 {
			notes["model.covariates"] = "columns there are: " + strings.Join(tr.columns, ", ")
		}
	}
	if n := len(regions); n > 0 {
		const most = 12
		note := fmt.Sprintf("the dataset has %d: %s", n, strings.Join(regions[:min(n, most)], ", "))
		if n > most {
			note += ", …"
		}
		notes["regions.primary"] = note
	}
	return notes
}

// writePlan writes a plan so that [ParsePlan] reads the same again. notes are
// added to the comments of keys.
func writePlan(p *Plan, notes map[string]string) []byte {
	var b strings.Builder
	b.WriteString("# Statistical analysis plan of phasl. Every key may be left out; it then has\n# its default. docs/formats/plan.md gives the reasons of the defaults.\n")
	for _, t := range planTables {
		if t.name == receptorTable && !p.Receptors.Asked {
			continue
		}
		b.WriteString("\n")
		if t.name != "" {
			fmt.Fprintf(&b, "# %s\n[%s]\n", t.help, t.name)
		}
		writeKeys(&b, t.name, t.keys, p, notes)
	}
	if !p.Receptors.Asked {
		b.WriteString("\n# Likeness of effect maps to receptor densities, if the maps are given with --panel:\n")
		t := planTables[len(planTables)-1]
		writeExample(&b, "["+t.name+"]", t.keys, p)
	}
	b.WriteString("\n# Contrasts beside the standard ones, one [[contrast]] for each:\n")
	writeExample(&b, "[["+contrastArray+"]]", contrastKeys, &ContrastPlan{Name: "name", Weights: "0.5*coefficient1 + 0.5*coefficient2", Primary: false})
	for i := range p.Contrasts {
		fmt.Fprintf(&b, "\n[[%s]]\n", contrastArray)
		writeKeys(&b, contrastArray, contrastKeys, &p.Contrasts[i], nil)
	}
	b.WriteString("\n# Associations of perfusion with symptoms, one [[association]] for each:\n")
	example := defaultAssociation()
	example.Region, example.Instrument = "sgACC", "madrs"
	writeExample(&b, "[["+associationArray+"]]", associationKeys, &example)
	for i := range p.Association {
		fmt.Fprintf(&b, "\n[[%s]]\n", associationArray)
		writeKeys(&b, associationArray, associationKeys, &p.Association[i], nil)
	}
	b.WriteString("\n# Scans left out, one [[exclude]] for each reason:\n")
	writeExample(&b, "[["+excludeArray+"]]", excludeKeys, &Exclusion{Subject: "01", Session: "1", Reason: "why"})
	for i := range p.Exclude {
		fmt.Fprintf(&b, "\n[[%s]]\n", excludeArray)
		writeKeys(&b, excludeArray, excludeKeys, &p.Exclude[i], nil)
	}
	return []byte(b.String())
}

// writeKeys writes the keys of one table, each under its comment.
func writeKeys[T any](b *strings.Builder, table string, keys []planKey[T], from *T, notes map[string]string) {
	for _, k := range keys {
		fmt.Fprintf(b, "# %s\n", k.help)
		if note := notes[dotted(table, k.name)]; note != "" {
			fmt.Fprintf(b, "#   (%s)\n", oneLine(note))
		}
		fmt.Fprintf(b, "%s = %s\n", k.name, tomlValue(k.at(from)))
	}
}

// writeExample writes a table as comments.
func writeExample[T any](b *strings.Builder, header string, keys []planKey[T], example *T) {
	fmt.Fprintf(b, "#   %s\n", header)
	for _, k := range keys {
		fmt.Fprintf(b, "#   %s = %s   # %s\n", k.name, tomlValue(k.at(example)), k.help)
	}
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case *string:
		return tomlText(*v)
	case *bool:
		return strconv.FormatBool(*v)
	case *uint64:
		return strconv.FormatUint(min(*v, math.MaxInt64), 10)
	case *float64:
		return tomlNumber(*v)
	case *limit:
		return tomlNumber(float64(*v))
	case *[]string:
		return tomlList(*v)
	case *[]Measure:
		list := make([]string, len(*v))
		for i, m := range *v {
			list[i] = string(m)
		}
		return tomlList(list)
	}
	panic("crossover: planKey of an unknown type")
}

func tomlList(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = tomlText(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// tomlNumber writes a number that TOML reads as the same.
func tomlNumber(x float64) string {
	if math.IsNaN(x) {
		return "nan"
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// tomlText writes a basic string of TOML.
func tomlText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == utf8.RuneError:
			b.WriteString(`\uFFFD`)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// oneLine makes a text fit for a comment.
func oneLine(s string) string {
	return clipTo(strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		if c < 0x20 || c == 0x7f || c == utf8.RuneError {
			return ' '
		}
		return c
	}, s)), " "), 300)
}

func clipTo(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
