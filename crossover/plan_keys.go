package crossover

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
)

// DefaultFormula is the model of a plan that names none. Treatment by phase is
// the question; period and sequence take up what a crossover must allow for
// (order of visits, and carry-over or a chance difference between the groups);
// the intercepts make scans of one person, and of one visit, alike.
//
// Source: Jones & Kenward 2014, Design and Analysis of Cross-Over Trials, 3rd
// ed., doi:10.1201/b17537.
const DefaultFormula = "cbf ~ treatment*phase + period + sequence + (1|subject) + (1|subject:session)"

// Names that the tables have where the plan gives no other.
const (
	defaultTreatmentColumn = "treatment"
	defaultPeriodColumn    = "period"
	defaultSequenceColumn  = "sequence"
	defaultPhaseColumn     = "phase"
	defaultTimeColumn      = "acq_time" // the name that BIDS gives it
	defaultExcludeColumn   = "exclude"
)

// Words that the plan chooses among.
var (
	measureWords = []string{string(Absolute), string(Relative), string(GlobalAdjusted)}
	ddfWords     = []string{"kenward-roger", "satterthwaite", "residual"}
	marginUnits  = []string{"effect", "percent", "absolute"}
	methodWords  = []string{"holm", "fdr", "none"}
	familyWords  = []string{"holm", "fdr", maxR, "none"}
	corrWords    = []string{"pearson", "spearman", "robust"}
	changeWords  = []string{"", "absolute", "percent"}
	sideWords    = []string{"two-sided", "positive", "negative"}
)

// primaryRegions are the regions of the plan's claims where it names none: the
// subgenual, pregenual and dorsal anterior cingulate of the trial that phasl
// was made for (doi:10.1176/appi.ajp.20250903).
var primaryRegions = []string{"sgACC", "pgACC", "dACC"}

// DefaultPlan returns the plan that holds where a file says nothing. Each
// value and its reason is in docs/formats/plan.md.
func DefaultPlan() *Plan {
	nan := math.NaN()
	return &Plan{
		Seed: 1,
		Trial: TrialPlan{
			TreatmentColumn: defaultTreatmentColumn,
			PeriodColumn:    defaultPeriodColumn,
			SequenceColumn:  defaultSequenceColumn,
			PhaseColumn:     defaultPhaseColumn,
			TimeColumn:      defaultTimeColumn,
			ExcludeColumn:   defaultExcludeColumn,
		},
		Regions:        RegionPlan{Others: true, Global: "global_gm"},
		Measures:       []Measure{Absolute, Relative, GlobalAdjusted},
		PrimaryMeasure: Absolute,
		Model:          ModelPlan{Formula: DefaultFormula, DDF: "kenward-roger", Level: 0.95},
		Equivalence:    EquivalencePlan{Margin: 50, Unit: "effect", Alpha: 0.05},
		Bayes:          BayesPlan{Scale: 0.707},
		Multiplicity:   MultiplicityPlan{Method: "holm", Others: "fdr"},
		Maps:           MapPlan{Voxelwise: true, FWHM: 8},
		Quality:        QualityPlan{MaxFDMean: nan, MinQEI: nan, MinGMCBF: nan, MaxGMCBF: nan},
		Receptors:      ReceptorPlan{Panel: DefaultPanel(), Measure: Relative, Adjust: []string{AdjustCompartment}, Method: "spearman", Null: "gp", Surrogates: 5000, Apart: 40},
		Associations:   AssociationsPlan{Method: "pearson", Permutations: 10000, Bootstrap: 10000, Multiplicity: "holm"},
	}
}

// SHA256 returns the SHA-256, in hexadecimal, of the bytes of the plan's file,
// or, where the plan is from no file, of the file that would say the same.
func (p *Plan) SHA256() string {
	text := p.Text
	if text == nil {
		text = writePlan(p, nil)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// A planKey is one key of a table of the plan. It drives reading, writing and
// the names that are suggested, so that the three cannot differ.
type planKey[T any] struct {
	name string
	at   func(*T) any // pointer to the value: *string, *[]string, *[]Measure, *bool, *float64, *limit or *uint64
	help string       // one line for the template
}

// A planTable is a table of single keys; "" is the top level.
type planTable struct {
	name string
	help string
	keys []planKey[Plan]
}

// A limit is a number where NaN stands for none.
type limit float64

var planTables = []planTable{
	{"", "", []planKey[Plan]{
		{"title", func(p *Plan) any { return &p.Title }, "title of the report"},
		{"seed", func(p *Plan) any { return &p.Seed }, "seed of everything random"},
		{"measures", func(p *Plan) any { return &p.Measures }, "how perfusion is expressed. absolute: mL/100 g/min; relative: over global CBF of the scan; global-adjusted: global CBF as a covariate"},
		{"primary_measure", func(p *Plan) any { return (*string)(&p.PrimaryMeasure) }, "the measure of the plan's claims; the others are secondary"},
	}},
	{"trial", "What was compared, and where the tables say so.", []planKey[Plan]{
		{"treatments", func(p *Plan) any { return &p.Trial.Treatments }, "treatments that were randomised; empty: as the tables have them"},
		{"reference", func(p *Plan) any { return &p.Trial.Reference }, "the treatment that others are compared with; empty: placebo if there, else the first by name"},
		{"phases", func(p *Plan) any { return &p.Trial.Phases }, "phases within a visit, baseline first; empty: as the tables have them, in order of acquisition"},
		{"challenge", func(p *Plan) any { return &p.Trial.Challenge }, "what is given between the phases, for sentences, such as ketamine; empty: the name of the later phase"},
		{"treatment_column", func(p *Plan) any { return &p.Trial.TreatmentColumn }, "column of the treatment, in *_sessions.tsv or *_scans.tsv; without it, session labels may name the treatments"},
		{"period_column", func(p *Plan) any { return &p.Trial.PeriodColumn }, "column of the period (visit 1, 2, …), in *_sessions.tsv; without it, the order of acquisition tells"},
		{"sequence_column", func(p *Plan) any { return &p.Trial.SequenceColumn }, "column of the order of treatments, in participants.tsv; without it, treatments by period tell"},
		{"phase_column", func(p *Plan) any { return &p.Trial.PhaseColumn }, "column of the phase, in *_scans.tsv; without it, acq- labels, or the order of runs, tell"},
		{"time_column", func(p *Plan) any { return &p.Trial.TimeColumn }, "column of the time of acquisition, in *_sessions.tsv and *_scans.tsv"},
		{"exclude_column", func(p *Plan) any { return &p.Trial.ExcludeColumn }, "column of exclusions, in any table: a reason there leaves out the participant, session or scan of the row"},
	}},
	{"regions", "Which regions are tested.", []planKey[Plan]{
		{"primary", func(p *Plan) any { return &p.Regions.Primary }, "regions of the plan's claims; empty: sgACC, pgACC and dACC if there, else all"},
		{"others", func(p *Plan) any { return &p.Regions.Others }, "analyse the other regions too, marked exploratory"},
		{"global", func(p *Plan) any { return &p.Regions.Global }, "region whose CBF is global CBF"},
	}},
	{"model", "The model of every region and measure.", []planKey[Plan]{
		{"formula", func(p *Plan) any { return &p.Model.Formula }, "formula in R's notation; cbf is the response"},
		{"covariates", func(p *Plan) any { return &p.Model.Covariates }, "columns added to the model; numbers are centred"},
		{"ddf", func(p *Plan) any { return &p.Model.DDF }, "degrees of freedom: kenward-roger, satterthwaite or residual"},
		{"level", func(p *Plan) any { return &p.Model.Level }, "level of confidence intervals"},
		{"log", func(p *Plan) any { return &p.Model.Log }, "analyse the logarithm of CBF: effects are ratios"},
		{"bounded", func(p *Plan) any { return &p.Model.Bounded }, "keep variances of random effects at zero or above, as lme4 does; false: they may be estimated below zero, so that tests keep their level"},
	}},
	{"equivalence", "When a treatment counts as not having changed the phase effect.", []planKey[Plan]{
		{"margin", func(p *Plan) any { return &p.Equivalence.Margin }, "changes smaller than this count as none"},
		{"unit", func(p *Plan) any { return &p.Equivalence.Unit }, "effect: percent of the phase effect under the reference; percent: of the mean at baseline under the reference; absolute: the measure's own unit"},
		{"alpha", func(p *Plan) any { return &p.Equivalence.Alpha }, "level of each of the two one-sided tests"},
	}},
	{"bayes", "Prior of the Bayes factor for no change.", []planKey[Plan]{
		{"scale", func(p *Plan) any { return &p.Bayes.Scale }, "scale of the Cauchy prior on the standardised effect"},
	}},
	{"multiplicity", "Correction of p-values over regions, for each measure and contrast: holm, fdr or none.", []planKey[Plan]{
		{"method", func(p *Plan) any { return &p.Multiplicity.Method }, "correction over the primary regions"},
		{"others", func(p *Plan) any { return &p.Multiplicity.Others }, "correction over the other regions, a family of their own"},
	}},
	{"maps", "Effect maps at every voxel.", []planKey[Plan]{
		{"voxelwise", func(p *Plan) any { return &p.Maps.Voxelwise }, "make effect maps"},
		{"fwhm", func(p *Plan) any { return &p.Maps.FWHM }, "smoothing of CBF maps before the model [mm]"},
	}},
	{"quality", "Limits beyond which a scan is left out; nan: no limit.", []planKey[Plan]{
		{"max_fd_mean", func(p *Plan) any { return (*limit)(&p.Quality.MaxFDMean) }, "largest mean framewise displacement [mm]"},
		{"min_qei", func(p *Plan) any { return (*limit)(&p.Quality.MinQEI) }, "smallest quality evaluation index, 0 to 1"},
		{"min_gm_cbf", func(p *Plan) any { return (*limit)(&p.Quality.MinGMCBF) }, "smallest CBF of grey matter [mL/100 g/min]"},
		{"max_gm_cbf", func(p *Plan) any { return (*limit)(&p.Quality.MaxGMCBF) }, "largest CBF of grey matter [mL/100 g/min]"},
	}},
	{"associations", "How associations of perfusion with symptoms are computed.", []planKey[Plan]{
		{"method", func(p *Plan) any { return &p.Associations.Method }, "correlation: pearson, spearman or robust (percentage bend)"},
		{"permutations", func(p *Plan) any { return &p.Associations.Permutations }, "draws of the permutation tests; 0: none"},
		{"bootstrap", func(p *Plan) any { return &p.Associations.Bootstrap }, "draws of the bootstrap intervals; 0: none"},
		{"multiplicity", func(p *Plan) any { return &p.Associations.Multiplicity }, "correction over the plan's associations: holm, fdr, max (by the largest correlation under permutation) or none"},
	}},
	{receptorTable, "Likeness of effect maps to receptor densities; the maps are given with --panel.", []planKey[Plan]{
		{"panel", func(p *Plan) any { return &p.Receptors.Panel }, "targets, as the panel's table names them"},
		{"measure", func(p *Plan) any { return (*string)(&p.Receptors.Measure) }, "of the effect maps: absolute or relative CBF"},
		{"adjust", func(p *Plan) any { return &p.Receptors.Adjust }, "what is taken out of both maps. compartment: cortex, deep grey matter or cerebellum; baseline: the measure in the first phase"},
		{"method", func(p *Plan) any { return &p.Receptors.Method }, "correlation: spearman or pearson"},
		{"null", func(p *Plan) any { return &p.Receptors.Null }, "surrogates: gp (of effect maps and densities); of the effect maps alone: variogram, brainsmash, moran, moran-pair or spin"},
		{"surrogates", func(p *Plan) any { return &p.Receptors.Surrogates }, "number of surrogates"},
		{"apart", func(p *Plan) any { return &p.Receptors.Apart }, "distance from a region to those that predict it, in the cross-validation of all receptors together [mm]"},
	}},
}

// receptorTable is the one table whose presence asks for something: the panel
// has to be given beside the plan.
const receptorTable = "receptors"

var associationKeys = []planKey[AssociationPlan]{
	{"name", func(a *AssociationPlan) any { return &a.Name }, "what it is called in tables; empty: made of its parts"},
	{"region", func(a *AssociationPlan) any { return &a.Region }, "region"},
	{"measure", func(a *AssociationPlan) any { return (*string)(&a.Measure) }, "absolute or relative"},
	{"phase", func(a *AssociationPlan) any { return &a.Phase }, "phase of the scan; empty: the first; change: last minus first"},
	{"adjust", func(a *AssociationPlan) any { return &a.Adjust }, "baseline: the same measure in the first phase; global: global CBF of the scan; score: the score at change_from; period; or columns of the tables that hold numbers"},
	{"instrument", func(a *AssociationPlan) any { return &a.Instrument }, "clinical instrument, as 'phasl score list' names it"},
	{"score", func(a *AssociationPlan) any { return &a.Score }, "score of the instrument"},
	{"visit", func(a *AssociationPlan) any { return &a.Visit }, "visit of the score within the session; empty: there is one"},
	{"change", func(a *AssociationPlan) any { return &a.Change }, "change of the score from change_from to visit: absolute or percent; empty: the score itself"},
	{"change_from", func(a *AssociationPlan) any { return &a.ChangeFrom }, "visit that the change is from"},
	{"improve", func(a *AssociationPlan) any { return &a.Improve }, "turn the sign of the change, so that a fall in symptoms is positive"},
	{"within", func(a *AssociationPlan) any { return &a.Within }, "treatment under which it is looked at; empty: the reference"},
	{"compare", func(a *AssociationPlan) any { return &a.Compare }, "compare it with the same under every other treatment"},
	{"side", func(a *AssociationPlan) any { return &a.Side }, "two-sided, positive or negative"},
}

// defaultAssociation is an association of which the plan says nothing.
func defaultAssociation() AssociationPlan {
	return AssociationPlan{Measure: Absolute, Score: "total", Compare: true, Side: "two-sided"}
}

var contrastKeys = []planKey[ContrastPlan]{
	{"name", func(c *ContrastPlan) any { return &c.Name }, "what it is called in tables"},
	{"weights", func(c *ContrastPlan) any { return &c.Weights }, "w1*coef1 + w2*coef2, coefficients named as R does"},
	{"primary", func(c *ContrastPlan) any { return &c.Primary }, "in the family of the plan's claims"},
}

var excludeKeys = []planKey[Exclusion]{
	{"subject", func(e *Exclusion) any { return &e.Subject }, "label; empty: all"},
	{"session", func(e *Exclusion) any { return &e.Session }, "label; empty: all"},
	{"run", func(e *Exclusion) any { return &e.Run }, "label; empty: all"},
	{"phase", func(e *Exclusion) any { return &e.Phase }, "empty: all"},
	{"reason", func(e *Exclusion) any { return &e.Reason }, "why; printed in the participants' flow"},
}

// Names of the arrays of tables.
const (
	contrastArray    = "contrast"
	excludeArray     = "exclude"
	associationArray = "association"
)
