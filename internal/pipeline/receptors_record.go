package pipeline

import (
	"math"

	"phasl/nullmap"
	"phasl/receptor"
)

// The JSON of alignments, of the verb and of the group level alike. A number
// that does not exist is null.

// An AlignmentRecord is a [receptor.Alignment].
type AlignmentRecord struct {
	Target    string                 `json:"target"`
	File      string                 `json:"file"`
	Tracer    string                 `json:"tracer,omitempty"`
	Scanned   int                    `json:"people_scanned,omitempty"`
	Paper     string                 `json:"paper,omitempty"`
	Licence   string                 `json:"licence,omitempty"`
	R         Number                 `json:"r"`
	P         Number                 `json:"p"`
	PFWE      Number                 `json:"p_fwe"`
	NullMean  Number                 `json:"null_mean"`
	NullSD    Number                 `json:"null_sd"`
	NullLow   Number                 `json:"null_low"`
	NullHigh  Number                 `json:"null_high"`
	Z         Number                 `json:"z"`
	N         int                    `json:"n"`
	PT        Number                 `json:"p_modified_t"`
	Effective Number                 `json:"effective_n"`
	Influence []PlaceInfluenceRecord `json:"influence"`
	Excluded  []string               `json:"excluded,omitempty"` // parcels where the tracer does not measure its target
	Zero      *int                   `json:"zero_voxels,omitempty"`
	Reason    string                 `json:"reason,omitempty"`
}

// A PlaceInfluenceRecord is a [receptor.Influence].
type PlaceInfluenceRecord struct {
	Parcel  string `json:"parcel"`
	Without Number `json:"r_without"`
	Change  Number `json:"change"`
}

// A VariogramRecord is a [nullmap.VariogramFit] in short.
type VariogramRecord struct {
	Error     Number `json:"error"`
	Roughness Number `json:"roughness"`
	PRough    Number `json:"p_roughness"` // share of surrogates as smooth between neighbours
	P         Number `json:"p"`
	Poor      bool   `json:"poor"`
}

// A ParameterRecord is one of a null.
type ParameterRecord struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
	Unit  string `json:"unit"`
}

// A PeopleRecord is a [receptor.People].
type PeopleRecord struct {
	N        int                     `json:"n"`
	Files    []string                `json:"files"`
	NUsed    int                     `json:"n_used"`
	Results  []PeopleAlignmentRecord `json:"results"`
	Fit      VariogramRecord         `json:"variogram"`
	Cautions []string                `json:"cautions"`
}

// A PeopleAlignmentRecord is a [receptor.PeopleAlignment].
type PeopleAlignmentRecord struct {
	Target    string   `json:"target"`
	File      string   `json:"file"`
	N         int      `json:"n"`
	Each      []Number `json:"each"`
	Positive  int      `json:"positive"`
	Mean      Number   `json:"mean_r"`
	Low       Number   `json:"ci_low"`
	High      Number   `json:"ci_high"`
	T         Number   `json:"t"`
	DF        Number   `json:"df"`
	P         Number   `json:"p_t"`
	PFlip     Number   `json:"p_people"`
	PFlipFWE  Number   `json:"p_people_fwe"`
	R         Number   `json:"r_mean_map"`
	PPlaces   Number   `json:"p_places"`
	Joint     Number   `json:"z_joint"`
	PJoint    Number   `json:"p_joint"`
	PJointFWE Number   `json:"p_joint_fwe"`
	NullLow   Number   `json:"null_low"` // of r_mean_map, people and places
	NullHigh  Number   `json:"null_high"`
	PBoth     Number   `json:"p_larger"`
	Share     Number   `json:"share_people"`
	Reason    string   `json:"reason,omitempty"`
}

// A RegressionRecord is a [receptor.Regression].
type RegressionRecord struct {
	N            int                   `json:"n"`
	R2           Number                `json:"r2"`
	Adjusted     Number                `json:"r2_adjusted"`
	P            Number                `json:"p"`
	NullMean     Number                `json:"r2_null_mean"`
	Terms        []TermRecord          `json:"terms"`
	Correlations [][]Number            `json:"correlations"`
	CV           CrossValidationRecord `json:"cross_validation"`
	Cautions     []string              `json:"cautions"`
}

// A TermRecord is a [receptor.Term].
type TermRecord struct {
	Target     string `json:"target"`
	File       string `json:"file"`
	Beta       Number `json:"beta"`
	Alone      Number `json:"r2_alone"`
	Unique     Number `json:"r2_unique"`
	Dominance  Number `json:"dominance"`
	PDominance Number `json:"p_dominance"`
	Relative   Number `json:"relative_weight"`
	VIF        Number `json:"vif"`
}

// A CrossValidationRecord is a [receptor.CrossValidation].
type CrossValidationRecord struct {
	Apart    float64 `json:"apart_mm"`
	N        int     `json:"n"`
	Trained  Number  `json:"mean_trained"`
	R        Number  `json:"r"`
	NullMean Number  `json:"null_mean"`
	NullSD   Number  `json:"null_sd"`
	P        Number  `json:"p"`
}

// A ComparisonRecord is a [receptor.Comparison].
type ComparisonRecord struct {
	First      string `json:"first"`
	Second     string `json:"second"`
	Target     string `json:"target,omitempty"`
	N          int    `json:"n"`
	R1         Number `json:"r_first"`
	R2         Number `json:"r_second"`
	Difference Number `json:"difference"`
	NullMean   Number `json:"null_mean"`
	NullSD     Number `json:"null_sd"`
	P          Number `json:"p"`
	PFWE       Number `json:"p_fwe"`
	Reason     string `json:"reason,omitempty"`
}

// AlignmentRecords brings alignments with a panel into JSON's form. parcels are
// the names of the places.
func AlignmentRecords(res *receptor.Alignments, panel []receptor.Density, parcels []string) []AlignmentRecord {
	out := []AlignmentRecord{}
	for j, a := range res.Results {
		d := panel[j]
		r := AlignmentRecord{Target: a.Target, File: a.File, Tracer: d.Tracer, Scanned: d.N, Paper: d.Paper, Licence: d.Licence,
			R: Number(a.R), P: Number(a.P), PFWE: Number(a.PFWE), NullMean: Number(a.NullMean), NullSD: Number(a.NullSD), NullLow: Number(a.Low), NullHigh: Number(a.High), Z: Number(a.Z), N: a.N,
			PT: Number(a.Parametric.P), Effective: Number(a.Parametric.Effective), Influence: []PlaceInfluenceRecord{}, Reason: a.Reason}
		for _, f := range a.Influence {
			r.Influence = append(r.Influence, PlaceInfluenceRecord{parcels[f.Place], Number(f.Without), Number(f.Change)})
		}
		for _, i := range d.Excluded {
			r.Excluded = append(r.Excluded, parcels[i])
		}
		if d.Coverage != nil {
			z := d.Coverage.Zero
			r.Zero = &z
		}
		out = append(out, r)
	}
	return out
}

// MostInfluential returns the parcel without which the coefficient changes most.
func (r *AlignmentRecord) MostInfluential() (PlaceInfluenceRecord, bool) {
	var best PlaceInfluenceRecord
	found := false
	for _, f := range r.Influence {
		if !math.IsNaN(float64(f.Change)) && (!found || math.Abs(float64(f.Change)) > math.Abs(float64(best.Change))) {
			best, found = f, true
		}
	}
	return best, found
}

// NewVariogramRecord brings a fit into JSON's form.
func NewVariogramRecord(f nullmap.VariogramFit) VariogramRecord {
	return VariogramRecord{Number(f.Error), Number(f.Roughness), Number(f.PRough), Number(f.P), f.Poor()}
}

// ParameterRecords brings the parameters of a null into JSON's form.
func ParameterRecords(list []nullmap.Parameter) []ParameterRecord {
	out := []ParameterRecord{}
	for _, p := range list {
		out = append(out, ParameterRecord{p.Name, Number(p.Value), p.Unit})
	}
	return out
}

// NewPeopleRecord brings the test over people into JSON's form; nil if p is.
func NewPeopleRecord(p *receptor.People) *PeopleRecord {
	if p == nil {
		return nil
	}
	out := &PeopleRecord{N: len(p.Names), Files: p.Names, NUsed: len(p.Used), Results: []PeopleAlignmentRecord{}, Fit: NewVariogramRecord(p.Fit), Cautions: orEmpty(p.Cautions)}
	for _, a := range p.Results {
		r := PeopleAlignmentRecord{Target: a.Target, File: a.File, N: a.N, Each: []Number{}, Positive: a.Positive,
			Mean: Number(a.Mean), Low: Number(a.Low), High: Number(a.High), T: Number(a.T), DF: Number(a.DF), P: Number(a.P),
			PFlip: Number(a.PFlip), PFlipFWE: Number(a.PFlipFWE), R: Number(a.R), PPlaces: Number(a.PPlaces),
			Joint: Number(a.Joint), PJoint: Number(a.PJoint), PJointFWE: Number(a.PJointFWE), NullLow: Number(a.NullLow), NullHigh: Number(a.NullHigh), PBoth: Number(a.PBoth), Share: Number(a.SharePeople), Reason: a.Reason}
		for _, e := range a.Each {
			r.Each = append(r.Each, Number(e))
		}
		out.Results = append(out.Results, r)
	}
	return out
}

// NewRegressionRecord brings a regression into JSON's form; nil if g is.
func NewRegressionRecord(g *receptor.Regression) *RegressionRecord {
	if g == nil {
		return nil
	}
	out := &RegressionRecord{N: g.N, R2: Number(g.R2), Adjusted: Number(g.Adjusted), P: Number(g.P), NullMean: Number(g.NullMean), Terms: []TermRecord{}, Cautions: orEmpty(g.Cautions),
		CV: CrossValidationRecord{g.CV.Apart, g.CV.N, Number(g.CV.Trained), Number(g.CV.R), Number(g.CV.NullMean), Number(g.CV.NullSD), Number(g.CV.P)}}
	for _, t := range g.Terms {
		out.Terms = append(out.Terms, TermRecord{t.Target, t.File, Number(t.Beta), Number(t.Alone), Number(t.Unique), Number(t.Dominance), Number(t.PDominance), Number(t.Relative), Number(t.VIF)})
	}
	for _, row := range g.Correlations {
		r := make([]Number, len(row))
		for i, v := range row {
			r[i] = Number(v)
		}
		out.Correlations = append(out.Correlations, r)
	}
	return out
}

// ComparisonRecords brings comparisons into JSON's form; nil if there are none.
func ComparisonRecords(list []receptor.Comparison) []ComparisonRecord {
	var out []ComparisonRecord
	for _, x := range list {
		out = append(out, ComparisonRecord{x.First, x.Second, x.Target, x.N, Number(x.R1), Number(x.R2), Number(x.Difference), Number(x.NullMean), Number(x.NullSD), Number(x.P), Number(x.PFWE), x.Reason})
	}
	return out
}
