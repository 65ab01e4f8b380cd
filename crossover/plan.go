package crossover

// A Plan is a statistical analysis plan with every default filled in: see
// [DefaultPlan]. docs/formats/plan.md describes its file and gives the reason
// of each default.
type Plan struct {
	Title string // heads the report; "" if the plan gives none
	Seed  uint64 // of everything random

	Trial          TrialPlan
	Regions        RegionPlan
	Measures       []Measure
	PrimaryMeasure Measure // of the plan's claims; where it is not among Measures, the first of these
	Model          ModelPlan
	Contrasts      []ContrastPlan // beside the standard ones
	Equivalence    EquivalencePlan
	Bayes          BayesPlan
	Multiplicity   MultiplicityPlan
	Maps           MapPlan
	Exclude        []Exclusion
	Quality        QualityPlan
	Associations   AssociationsPlan
	Association    []AssociationPlan
	Receptors      ReceptorPlan

	File string // name for problems and the report; "" if there is no file
	Text []byte // the file as read; nil if there is none
}

// A TrialPlan says what was compared and where the tables say so.
type TrialPlan struct {
	Treatments []string // reference first; nil: as the tables have them
	Reference  string   // "": placebo if it is one of them, else the first by name
	Phases     []string // baseline first; nil: by the time of acquisition
	Challenge  string   // what is given between the phases, for sentences: "ketamine"; "": the name of the later phase

	// Columns of participants.tsv, sessions.tsv or scans.tsv. One that has its
	// default name need not be there, if what it says can be told otherwise;
	// one that the plan names differently must be.
	TreatmentColumn, PeriodColumn, SequenceColumn, PhaseColumn, TimeColumn string
	ExcludeColumn                                                          string // a reason here leaves the scan, session or participant out
}

// A RegionPlan says which regions are tested.
type RegionPlan struct {
	Primary []string // the family of the plan's claims; nil: sgACC, pgACC and dACC if there, else all
	Others  bool     // analyse the other regions too, marked exploratory
	Global  string   // region whose CBF is global CBF
}

// A Measure is a way to express regional perfusion.
type Measure string

// The measures.
const (
	Absolute       Measure = "absolute"        // CBF [mL/100 g/min]
	Relative       Measure = "relative"        // regional over global CBF of the same scan [1]
	GlobalAdjusted Measure = "global-adjusted" // CBF with global CBF as a covariate [mL/100 g/min]
)

// A ModelPlan says which model is fitted to every region and measure.
type ModelPlan struct {
	Formula    string   // response cbf; see [DefaultFormula]
	Covariates []string // columns added to the fixed effects; numbers are centred
	DDF        string   // "kenward-roger", "satterthwaite" or "residual"
	Level      float64  // of confidence intervals
	Log        bool     // analyse log CBF: effects are ratios
	Bounded    bool     // keep variances at zero or above: see [lmm.Design.RefitUnbounded]
}

// A ContrastPlan is a linear function of coefficients that the plan names.
type ContrastPlan struct {
	Name    string
	Weights string // "w1*coef1 + w2*coef2", coefficients named as R does
	Primary bool   // in the family of the plan's claims
}

// An EquivalencePlan says when a treatment counts as not having changed the
// phase effect.
type EquivalencePlan struct {
	Margin float64
	Unit   string  // "effect": percent of the phase effect under the reference; "percent" of the mean at baseline under the reference; or "absolute": the measure's own unit
	Alpha  float64 // of each one-sided test
}

// A BayesPlan is the prior of the Bayes factor.
type BayesPlan struct {
	Scale float64 // of the Cauchy prior on the standardised effect
}

// A MultiplicityPlan says how p-values are corrected over regions.
type MultiplicityPlan struct {
	Method string // over the primary regions: "holm", "fdr" or "none"
	Others string // over the other regions, a family of their own: the same words
}

// An AssociationsPlan says how associations between perfusion and symptoms are
// computed.
type AssociationsPlan struct {
	Method       string // "pearson", "spearman" or "robust"
	Permutations uint64 // draws of the permutation tests
	Bootstrap    uint64 // draws of the bootstrap intervals
	Multiplicity string // over the plan's associations: "holm", "fdr" or "none"
}

// An AssociationPlan is one association between a regional measure and a
// clinical score, over people, under one treatment, and the comparison of it
// with the same under the others.
type AssociationPlan struct {
	Name    string // heads it in tables; "": made of the parts
	Region  string
	Measure Measure  // Absolute or Relative
	Phase   string   // of the scan; "": the first; [PhaseChange]: last − first
	Adjust  []string // [AdjustBaseline], [AdjustGlobal], [AdjustScore], [AdjustPeriod], or columns of the tables that hold numbers

	Instrument string
	Score      string
	Visit      string // of the score, where the table has several in a session; "": it has one
	Change     string // from the score at ChangeFrom: "" for none, "absolute" or "percent"
	ChangeFrom string // visit
	Improve    bool   // the sign of a change is turned, so that a fall in symptoms is positive

	Within  string // treatment; "": the reference
	Compare bool   // compare with the same under every other treatment
	Side    string // "two-sided", "positive" or "negative"
}

// PhaseChange, as the phase of an association, is the last phase minus the
// first.
const PhaseChange = "change"

// What an association may be adjusted for, beside columns of the tables.
const (
	AdjustBaseline = "baseline" // the same measure in the first phase of the same session
	AdjustGlobal   = "global"   // global CBF of the same scan
	AdjustScore    = "score"    // the same score at the visit change_from
	AdjustPeriod   = "period"   // whether the session was the first or second
)

// AdjustCompartment, of receptors, is whether a region is cortex, deep grey matter
// or cerebellum. [AdjustBaseline] there is the measure in the first phase.
const AdjustCompartment = "compartment"

// A ReceptorPlan says how effect maps are compared with the densities of
// receptors.
type ReceptorPlan struct {
	Asked      bool     // the plan has the table
	Panel      []string // targets; see [DefaultPanel]
	Measure    Measure  // of the effect maps: Absolute or Relative
	Adjust     []string // taken out of both maps: [AdjustCompartment], [AdjustBaseline]
	Method     string   // "spearman" or "pearson"
	Null       string   // how surrogates are made: one of nullmap.Methods
	Surrogates uint64
	Apart      float64 // [mm] regions nearer than this do not predict one another in the cross-validation
}

// DefaultPanel returns the targets of a plan that names none: those of the
// trial that phasl was made for (doi:10.1176/appi.ajp.20250903).
func DefaultPanel() []string { return []string{"MOR", "KOR", "NMDA", "mGluR5", "GABAA", "GABAAa5"} }

// A MapPlan says what is done at every voxel.
type MapPlan struct {
	Voxelwise bool
	FWHM      float64 // smoothing of CBF maps [mm]
}

// An Exclusion leaves scans out for a reason the plan states.
type Exclusion struct {
	Subject, Session, Run string // labels; "" means all
	Phase                 string
	Reason                string
}

// A QualityPlan leaves out scans of poor quality. NaN sets no limit.
type QualityPlan struct {
	MaxFDMean float64 // mean framewise displacement [mm]
	MinQEI    float64
	MinGMCBF  float64 // [mL/100 g/min]
	MaxGMCBF  float64 // [mL/100 g/min]
}
