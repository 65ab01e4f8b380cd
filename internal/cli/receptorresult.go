package cli

import (
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/receptor"
)

// The JSON of receptors. A number that does not exist is null.
type receptorsJSON struct {
	NParcels   int                         `json:"n_parcels"` // of the atlas or the table
	NUsed      int                         `json:"n_used"`    // with an effect, and every covariate
	Map        string                      `json:"map"`
	Method     string                      `json:"method"`
	Covariates []string                    `json:"covariates"`
	Null       string                      `json:"null"`
	Surrogates int                         `json:"surrogates"`
	Seed       uint64                      `json:"seed"`
	Seconds    float64                     `json:"seconds"`
	Results    []pipeline.AlignmentRecord  `json:"results"`
	Fit        pipeline.VariogramRecord    `json:"variogram"`
	Parameters []pipeline.ParameterRecord  `json:"parameters"`
	Cautions   []string                    `json:"cautions"`
	People     *pipeline.PeopleRecord      `json:"people,omitempty"`
	Regression *pipeline.RegressionRecord  `json:"regression,omitempty"`
	Maps       []pipeline.ComparisonRecord `json:"map_comparison,omitempty"`
	Receptors  []pipeline.ComparisonRecord `json:"receptor_comparison,omitempty"`
	Problems   diag.List                   `json:"problems"`
}

// result brings alignments into JSON's form.
func (c *receptorsCmd) result(res *receptor.Alignments, in *receptorInput) receptorsJSON {
	out := receptorsJSON{NParcels: len(in.places.Names), NUsed: len(res.Used), Map: res.Map, Method: string(res.Method),
		Covariates: []string{}, Null: string(res.Null), Surrogates: res.Surrogates, Seed: res.Seed, Results: pipeline.AlignmentRecords(res, in.panel, in.places.Names),
		Fit: pipeline.NewVariogramRecord(res.Fit), Parameters: pipeline.ParameterRecords(res.Parameters), Cautions: append([]string{}, res.Cautions...), Problems: diag.List{}}
	out.Covariates = append(out.Covariates, res.Covariates...)
	return out
}

// further computes what only some flags ask for and adds problems to faults.
func (c *receptorsCmd) further(out *receptorsJSON, in *receptorInput, o receptor.Options, faults *diag.List) error {
	if len(in.people) > 0 {
		p, l := receptor.PeopleTest(in.people, in.panel, in.places, o)
		faults.Add(l...)
		out.People = pipeline.NewPeopleRecord(p)
	}
	if c.Regress {
		g, l := receptor.Regress(in.effect, in.panel, in.places, c.Apart, o)
		faults.Add(l...)
		out.Regression = pipeline.NewRegressionRecord(g)
	}
	if in.against != nil {
		m, l := receptor.CompareMaps(in.effect, *in.against, in.panel, in.places, o)
		faults.Add(l...)
		out.Maps = pipeline.ComparisonRecords(m)
	}
	if len(c.Compare) > 0 {
		pairs, err := c.pairs(in.panel)
		if err != nil {
			return err
		}
		m, l := receptor.CompareReceptors(in.effect, in.panel, pairs, in.places, o)
		faults.Add(l...)
		out.Receptors = pipeline.ComparisonRecords(m)
	}
	return nil
}

// pairs finds the receptors of --compare. Targets may have hyphens themselves:
// every hyphen is tried.
func (c *receptorsCmd) pairs(panel []receptor.Density) ([][2]int, error) {
	var out [][2]int
	ambiguous := ""
	find := func(name string) int {
		name = strings.TrimSpace(name)
		if i := slices.IndexFunc(panel, func(d receptor.Density) bool { return strings.EqualFold(d.File, name) }); i >= 0 {
			return i
		}
		is := func(d receptor.Density) bool { return receptor.SameTarget(d.Target, name) }
		i := slices.IndexFunc(panel, is)
		if i >= 0 && slices.ContainsFunc(panel[i+1:], is) {
			ambiguous = name
		}
		return i
	}
	var names []string
	for _, d := range panel {
		names = append(names, d.Target)
	}
	for _, text := range c.Compare {
		if text == "all" {
			out = append(out, receptor.AllPairs(len(panel))...)
			continue
		}
		found := false
		for i, r := range text {
			if r != '-' {
				continue
			}
			a, b := find(text[:i]), find(text[i+1:])
			if a >= 0 && b >= 0 && a != b {
				if ambiguous != "" {
					return nil, usageError{"--compare " + text + ": the panel has several maps of " + ambiguous + "; name its file, or choose one with --panel"}
				}
				out, found = append(out, [2]int{a, b}), true
				break
			}
		}
		if !found {
			return nil, usageError{"--compare " + text + ": write A-B with two different targets of the panel: " + strings.Join(names, ", ")}
		}
	}
	if len(out) == 0 {
		return nil, usageError{"--compare all: the panel has one receptor"}
	}
	return out, nil
}
