package cli

import (
	"math"
	"slices"
	"strings"

	"phasl/diag"
	"phasl/internal/pipeline"
	"phasl/nullmap"
	"phasl/receptor"
)

// The JSON of receptors. A number that does not exist is null.
type receptorsJSON struct {
	NParcels   int                       `json:"n_parcels"` // of the atlas or the table
	NUsed      int                       `json:"n_used"`    // with an effect, and every covariate
	Map        string                    `json:"map"`
	Method     string                    `json:"method"`
	Covariates []string                  `json:"covariates"`
	Null       string                    `json:"null"`
	Surrogates int                       `json:"surrogates"`
	Seed       uint64                    `json:"seed"`
	Seconds    float64                   `json:"seconds"`
	Results    []receptorJSON            `json:"results"`
	Fit        receptorFitJSON           `json:"variogram"`
	Parameters []parameterJSON           `json:"parameters"`
	Cautions   []string                  `json:"cautions"`
	People     *peopleJSON               `json:"people,omitempty"`
	Regression *regressionJSON           `json:"regression,omitempty"`
	Maps       []alignmentDifferenceJSON `json:"map_comparison,omitempty"`
	Receptors  []alignmentDifferenceJSON `json:"receptor_comparison,omitempty"`
	Problems   diag.List                 `json:"problems"`
}

type receptorJSON struct {
	Target    string               `json:"target"`
	File      string               `json:"file"`
	Tracer    string               `json:"tracer,omitempty"`
	Scanned   int                  `json:"people_scanned,omitempty"`
	Paper     string               `json:"paper,omitempty"`
	Licence   string               `json:"licence,omitempty"`
	R         pipeline.Number      `json:"r"`
	P         pipeline.Number      `json:"p"`
	PFWE      pipeline.Number      `json:"p_fwe"`
	NullMean  pipeline.Number      `json:"null_mean"`
	NullSD    pipeline.Number      `json:"null_sd"`
	NullLow   pipeline.Number      `json:"null_low"`
	NullHigh  pipeline.Number      `json:"null_high"`
	Z         pipeline.Number      `json:"z"`
	N         int                  `json:"n"`
	PT        pipeline.Number      `json:"p_modified_t"`
	Effective pipeline.Number      `json:"effective_n"`
	Influence []placeInfluenceJSON `json:"influence"`
	Excluded  []string             `json:"excluded,omitempty"` // parcels where the tracer does not measure its target
	Zero      *int                 `json:"zero_voxels,omitempty"`
	Reason    string               `json:"reason,omitempty"`
}

type placeInfluenceJSON struct {
	Parcel  string          `json:"parcel"`
	Without pipeline.Number `json:"r_without"`
	Change  pipeline.Number `json:"change"`
}

type receptorFitJSON struct {
	Error     pipeline.Number `json:"error"`
	Roughness pipeline.Number `json:"roughness"`
	P         pipeline.Number `json:"p"`
	Poor      bool            `json:"poor"`
}

type parameterJSON struct {
	Name  string          `json:"name"`
	Value pipeline.Number `json:"value"`
	Unit  string          `json:"unit"`
}

type peopleJSON struct {
	N        int                `json:"n"`
	Files    []string           `json:"files"`
	NUsed    int                `json:"n_used"`
	Results  []peopleResultJSON `json:"results"`
	Fit      receptorFitJSON    `json:"variogram"`
	Cautions []string           `json:"cautions"`
}

type peopleResultJSON struct {
	Target    string            `json:"target"`
	File      string            `json:"file"`
	N         int               `json:"n"`
	Each      []pipeline.Number `json:"each"`
	Positive  int               `json:"positive"`
	Mean      pipeline.Number   `json:"mean_r"`
	Low       pipeline.Number   `json:"ci_low"`
	High      pipeline.Number   `json:"ci_high"`
	T         pipeline.Number   `json:"t"`
	DF        pipeline.Number   `json:"df"`
	P         pipeline.Number   `json:"p_t"`
	PFlip     pipeline.Number   `json:"p_people"`
	PFlipFWE  pipeline.Number   `json:"p_people_fwe"`
	R         pipeline.Number   `json:"r_mean_map"`
	PPlaces   pipeline.Number   `json:"p_places"`
	Joint     pipeline.Number   `json:"z_joint"`
	PJoint    pipeline.Number   `json:"p_joint"`
	PJointFWE pipeline.Number   `json:"p_joint_fwe"`
	PBoth     pipeline.Number   `json:"p_larger"`
	Share     pipeline.Number   `json:"share_people"`
	Reason    string            `json:"reason,omitempty"`
}

type regressionJSON struct {
	N            int                 `json:"n"`
	R2           pipeline.Number     `json:"r2"`
	Adjusted     pipeline.Number     `json:"r2_adjusted"`
	P            pipeline.Number     `json:"p"`
	NullMean     pipeline.Number     `json:"r2_null_mean"`
	Terms        []termJSON          `json:"terms"`
	Correlations [][]pipeline.Number `json:"correlations"`
	CV           cvJSON              `json:"cross_validation"`
	Cautions     []string            `json:"cautions"`
}

type termJSON struct {
	Target     string          `json:"target"`
	File       string          `json:"file"`
	Beta       pipeline.Number `json:"beta"`
	Alone      pipeline.Number `json:"r2_alone"`
	Unique     pipeline.Number `json:"r2_unique"`
	Dominance  pipeline.Number `json:"dominance"`
	PDominance pipeline.Number `json:"p_dominance"`
	Relative   pipeline.Number `json:"relative_weight"`
	VIF        pipeline.Number `json:"vif"`
}

type cvJSON struct {
	Apart    float64         `json:"apart_mm"`
	N        int             `json:"n"`
	Trained  pipeline.Number `json:"mean_trained"`
	R        pipeline.Number `json:"r"`
	NullMean pipeline.Number `json:"null_mean"`
	NullSD   pipeline.Number `json:"null_sd"`
	P        pipeline.Number `json:"p"`
}

type alignmentDifferenceJSON struct {
	First      string          `json:"first"`
	Second     string          `json:"second"`
	Target     string          `json:"target,omitempty"`
	N          int             `json:"n"`
	R1         pipeline.Number `json:"r_first"`
	R2         pipeline.Number `json:"r_second"`
	Difference pipeline.Number `json:"difference"`
	NullMean   pipeline.Number `json:"null_mean"`
	NullSD     pipeline.Number `json:"null_sd"`
	P          pipeline.Number `json:"p"`
	PFWE       pipeline.Number `json:"p_fwe"`
	Reason     string          `json:"reason,omitempty"`
}

// result brings alignments into JSON's form.
func (c *receptorsCmd) result(res *receptor.Alignments, in *receptorInput) receptorsJSON {
	num := func(v float64) pipeline.Number { return pipeline.Number(v) }
	out := receptorsJSON{NParcels: len(in.places.Names), NUsed: len(res.Used), Map: res.Map, Method: string(res.Method),
		Covariates: []string{}, Null: string(res.Null), Surrogates: res.Surrogates, Seed: res.Seed, Results: []receptorJSON{},
		Fit: fitJSON(res.Fit), Parameters: []parameterJSON{}, Cautions: append([]string{}, res.Cautions...), Problems: diag.List{}}
	out.Covariates = append(out.Covariates, res.Covariates...)
	for _, p := range res.Parameters {
		out.Parameters = append(out.Parameters, parameterJSON{p.Name, num(p.Value), p.Unit})
	}
	for j, a := range res.Results {
		d := in.panel[j]
		r := receptorJSON{Target: a.Target, File: a.File, Tracer: d.Tracer, Scanned: d.N, Paper: d.Paper, Licence: d.Licence,
			R: num(a.R), P: num(a.P), PFWE: num(a.PFWE), NullMean: num(a.NullMean), NullSD: num(a.NullSD), NullLow: num(a.Low), NullHigh: num(a.High), Z: num(a.Z), N: a.N,
			PT: num(a.Parametric.P), Effective: num(a.Parametric.Effective), Influence: []placeInfluenceJSON{}, Reason: a.Reason}
		for _, f := range a.Influence {
			r.Influence = append(r.Influence, placeInfluenceJSON{in.places.Names[f.Place], num(f.Without), num(f.Change)})
		}
		for _, i := range d.Excluded {
			r.Excluded = append(r.Excluded, in.places.Names[i])
		}
		if d.Coverage != nil {
			z := d.Coverage.Zero
			r.Zero = &z
		}
		out.Results = append(out.Results, r)
	}
	return out
}

func fitJSON(f nullmap.VariogramFit) receptorFitJSON {
	return receptorFitJSON{pipeline.Number(f.Error), pipeline.Number(f.Roughness), pipeline.Number(f.P), f.Poor()}
}

// further computes what only some flags ask for and adds problems to faults.
func (c *receptorsCmd) further(out *receptorsJSON, in *receptorInput, o receptor.Options, faults *diag.List) error {
	num := func(v float64) pipeline.Number { return pipeline.Number(v) }
	if len(in.people) > 0 {
		p, l := receptor.PeopleTest(in.people, in.panel, in.places, o)
		faults.Add(l...)
		if p != nil {
			j := &peopleJSON{N: len(p.Names), Files: p.Names, NUsed: len(p.Used), Results: []peopleResultJSON{}, Fit: fitJSON(p.Fit), Cautions: append([]string{}, p.Cautions...)}
			for _, a := range p.Results {
				r := peopleResultJSON{Target: a.Target, File: a.File, N: a.N, Each: []pipeline.Number{}, Positive: a.Positive, Mean: num(a.Mean), Low: num(a.Low), High: num(a.High), T: num(a.T), DF: num(a.DF), P: num(a.P),
					PFlip: num(a.PFlip), PFlipFWE: num(a.PFlipFWE), R: num(a.R), PPlaces: num(a.PPlaces), Joint: num(a.Joint), PJoint: num(a.PJoint), PJointFWE: num(a.PJointFWE), PBoth: num(a.PBoth), Share: num(a.SharePeople), Reason: a.Reason}
				for _, e := range a.Each {
					r.Each = append(r.Each, num(e))
				}
				j.Results = append(j.Results, r)
			}
			out.People = j
		}
	}
	if c.Regress {
		g, l := receptor.Regress(in.effect, in.panel, in.places, c.Apart, o)
		faults.Add(l...)
		if g != nil {
			j := &regressionJSON{N: g.N, R2: num(g.R2), Adjusted: num(g.Adjusted), P: num(g.P), NullMean: num(g.NullMean), Terms: []termJSON{}, Cautions: append([]string{}, g.Cautions...),
				CV: cvJSON{g.CV.Apart, g.CV.N, num(g.CV.Trained), num(g.CV.R), num(g.CV.NullMean), num(g.CV.NullSD), num(g.CV.P)}}
			for _, t := range g.Terms {
				j.Terms = append(j.Terms, termJSON{t.Target, t.File, num(t.Beta), num(t.Alone), num(t.Unique), num(t.Dominance), num(t.PDominance), num(t.Relative), num(t.VIF)})
			}
			for _, row := range g.Correlations {
				r := make([]pipeline.Number, len(row))
				for i, v := range row {
					r[i] = num(v)
				}
				j.Correlations = append(j.Correlations, r)
			}
			out.Regression = j
		}
	}
	if in.against != nil {
		m, l := receptor.CompareMaps(in.effect, *in.against, in.panel, in.places, o)
		faults.Add(l...)
		out.Maps = differencesJSON(m)
	}
	if len(c.Compare) > 0 {
		pairs, err := c.pairs(in.panel)
		if err != nil {
			return err
		}
		m, l := receptor.CompareReceptors(in.effect, in.panel, pairs, in.places, o)
		faults.Add(l...)
		out.Receptors = differencesJSON(m)
	}
	return nil
}

func differencesJSON(m []receptor.Comparison) []alignmentDifferenceJSON {
	num := func(v float64) pipeline.Number { return pipeline.Number(v) }
	var out []alignmentDifferenceJSON
	for _, x := range m {
		out = append(out, alignmentDifferenceJSON{x.First, x.Second, x.Target, x.N, num(x.R1), num(x.R2), num(x.Difference), num(x.NullMean), num(x.NullSD), num(x.P), num(x.PFWE), x.Reason})
	}
	return out
}

// pairs finds the receptors of --compare. Targets may have hyphens themselves:
// every hyphen is tried.
func (c *receptorsCmd) pairs(panel []receptor.Density) ([][2]int, error) {
	var out [][2]int
	find := func(name string) int {
		return slices.IndexFunc(panel, func(d receptor.Density) bool {
			return strings.EqualFold(d.Target, strings.TrimSpace(name)) || strings.EqualFold(d.File, strings.TrimSpace(name))
		})
	}
	var names []string
	for _, d := range panel {
		names = append(names, d.Target)
	}
	for _, text := range c.Compare {
		if text == "all" {
			for i := range panel {
				for j := range i {
					out = append(out, [2]int{j, i})
				}
			}
			continue
		}
		found := false
		for i, r := range text {
			if r != '-' {
				continue
			}
			a, b := find(text[:i]), find(text[i+1:])
			if a >= 0 && b >= 0 && a != b {
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

// mostInfluential returns the parcel without which the coefficient changes most.
func (r *receptorJSON) mostInfluential() (placeInfluenceJSON, bool) {
	var best placeInfluenceJSON
	found := false
	for _, f := range r.Influence {
		if !math.IsNaN(float64(f.Change)) && (!found || math.Abs(float64(f.Change)) > math.Abs(float64(best.Change))) {
			best, found = f, true
		}
	}
	return best, found
}
