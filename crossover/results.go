package crossover

import (
	"phasl/bids"
	"phasl/diag"
)

// A Number is a float64 whose JSON is null when it is not finite.
type Number = bids.Number

// A Value is one regional value of one scan, as regions.tsv has them.
type Value struct {
	Subject, Session, Acq, Run string // labels without their keys
	Region                     string
	CBF                        float64 // mean CBF of the region, or NaN
	SE                         float64 // of CBF within the scan, or NaN
	Units                      string  // of CBF
	Note                       string  // why CBF is missing
}

// Results are everything that [Analyse] found.
type Results struct {
	Title          string      `json:"title"`
	Seed           uint64      `json:"seed"`
	Plan           PlanSummary `json:"plan"`
	Treatments     []string    `json:"treatments"` // reference first
	Phases         []string    `json:"phases"`     // baseline first
	Challenge      string      `json:"challenge"`
	PrimaryMeasure Measure     `json:"primary_measure"` // of the plan's claims; the others are secondary
	Level          float64     `json:"level"`           // of confidence intervals
	Flow           Flow        `json:"flow"`
	Inferred       []string    `json:"inferred"`
	Models         []RegionFit `json:"models"` // by measure, then primary regions first
	Families       []Family    `json:"families"`

	// Clinical scores: tables that were scored, what [Courses] and [Associate]
	// made of them. Associations is nil if the plan names none.
	Scored       []ScoredTable `json:"scored"`
	Scores       []ScoreCourse `json:"scores"`
	Associations *Associations `json:"associations"`

	Problems   diag.List `json:"problems"`
	Deviations []string  `json:"deviations"` // where the analysis departs from the plan, or the plan did not foresee it
}

// A PlanSummary says which plan was followed.
type PlanSummary struct {
	File   string   `json:"file"`   // "" if none was given
	SHA256 string   `json:"sha256"` // of the file; of the written-out defaults if there is none
	Words  []string `json:"words"`  // what is done, in sentences
}

// A RegionFit is the model of one region and measure.
type RegionFit struct {
	Region      string        `json:"region"`
	Measure     Measure       `json:"measure"`
	Units       string        `json:"units"`
	Primary     bool          `json:"primary"` // in the family of the plan's claims
	Formula     string        `json:"formula"` // as fitted
	Log         bool          `json:"log"`     // estimates are differences of logarithms; means and data are not
	NObs        int           `json:"n_obs"`
	NSubjects   int           `json:"n_subjects"`
	Converged   bool          `json:"converged"`
	Singular    bool          `json:"singular"`
	Failed      string        `json:"failed,omitempty"` // why there is no fit
	Components  []Component   `json:"var_components"`
	Tests       []TermTest    `json:"anova"` // type III
	Means       []CellMean    `json:"means"` // estimated marginal means
	Effects     []Effect      `json:"effects"`
	Attenuation []Attenuation `json:"attenuation"` // of the phase effect, by each treatment but the reference
	Data        []Point       `json:"data"`
	Notes       []string      `json:"notes"`

	MissingValues []string   `json:"missing_values"`        // scans of the design that have no value of this region: "sub-07, naltrexone, infusion"
	Sensitivity   *RegionFit `json:"sensitivity,omitempty"` // of primary regions: the same with people who differ in the phase effect; without Data
}

// A Component is a variance of the model.
type Component struct {
	Group    string `json:"group"`
	Term     string `json:"term"`
	Variance Number `json:"variance"`
	SD       Number `json:"sd"`
}

// A TermTest is the F test of one term.
type TermTest struct {
	Term  string `json:"term"`
	NumDF Number `json:"num_df"`
	DenDF Number `json:"den_df"`
	F     Number `json:"f"`
	P     Number `json:"p"`
}

// A CellMean is the estimated marginal mean of one treatment and phase.
type CellMean struct {
	Treatment string `json:"treatment"`
	Phase     string `json:"phase"`
	N         int    `json:"n"` // scans
	Mean      Number `json:"mean"`
	SE        Number `json:"se"`
	Low       Number `json:"ci_low"`
	High      Number `json:"ci_high"`
}

// Names of the standard contrasts. Those that concern one treatment, or one of
// several later phases, have its name after a colon: "phase:placebo".
const (
	PhaseEffect     = "phase"              // later phase − baseline under one treatment
	AverageEffect   = "phase_average"      // the same, averaged over treatments with equal weight
	Interaction     = "interaction"        // phase effect under a treatment − under the reference
	TreatmentEffect = "treatment_baseline" // treatment − reference at baseline
	PeriodEffect    = "period"             // second − first period
	CarryOver       = "carry_over"         // difference between sequences
)

// An Effect is one contrast of one model.
type Effect struct {
	Name        string `json:"name"`  // such as "phase:placebo" or "interaction:naltrexone"
	Label       string `json:"label"` // in words: "ketamine effect under placebo (infusion − baseline)"
	Primary     bool   `json:"primary"`
	Estimate    Number `json:"estimate"`
	SE          Number `json:"se"`
	DF          Number `json:"df"`
	T           Number `json:"t"`
	P           Number `json:"p"`
	PAdjusted   Number `json:"p_adjusted"` // over the family; NaN outside one
	Low         Number `json:"ci_low"`
	High        Number `json:"ci_high"`
	Percent     Number `json:"percent"` // of the mean at baseline under the reference
	PercentLow  Number `json:"percent_ci_low"`
	PercentHigh Number `json:"percent_ci_high"`
	DZ          Number `json:"dz"` // Cohen's d of the differences within people; NaN for contrasts between people
	N           int    `json:"n"`  // people who have every cell of the contrast
}

// An Attenuation gathers the evidence on whether a treatment changed the phase
// effect: p for a difference, two one-sided tests, Bayes factor, interval.
type Attenuation struct {
	Treatment  string `json:"treatment"`
	Contrast   string `json:"contrast"` // name of the Effect
	Margin     Number `json:"margin"`   // in the unit of the estimate
	MarginText string `json:"margin_text"`
	// MarginPercent is the margin in percent of the mean at baseline under the
	// reference; PercentLow and PercentHigh are the interval in the same. If
	// the plan gives the margin in percent they decide: they allow for the
	// uncertainty of that mean.
	MarginPercent Number `json:"margin_percent"`
	Alpha         Number `json:"alpha"`
	PLower        Number `json:"p_lower"` // against: interaction ≤ −margin (a rise lessened by the margin or more)
	PUpper        Number `json:"p_upper"` // against: interaction ≥ +margin
	P             Number `json:"p"`       // the larger
	Low           Number `json:"ci_low"`  // interval of level 1 − 2 alpha
	High          Number `json:"ci_high"`
	PercentLow    Number `json:"percent_ci_low"`
	PercentHigh   Number `json:"percent_ci_high"`
	BF01          Number `json:"bf01"`         // for no difference
	Scale         Number `json:"bf_scale"`     // of the Cauchy prior
	BFN           int    `json:"bf_n"`         // people with every scan that the data are worth: (SD of a person's difference / SE)², rounded
	Equivalent    bool   `json:"equivalent"`   // P < Alpha
	NotLessened   bool   `json:"not_lessened"` // PLower < Alpha; of an effect that is shown to be a fall, PUpper < Alpha
	Verdict       string `json:"verdict"`      // in words; a difference counts by p_adjusted

	Outcome Outcome `json:"outcome"` // the verdict in a word: all that speak of it use this

	// Retained is the phase effect under the treatment in percent of that under
	// the reference, with Fieller's interval of level 1 − 2 alpha; NaN where the
	// reference's effect is not told from zero.
	Retained     Number `json:"retained_percent"`
	RetainedLow  Number `json:"retained_ci_low"`
	RetainedHigh Number `json:"retained_ci_high"`

	// The interval and the margins on the scale on which the plan decides:
	// equivalence is shown exactly if the interval lies between the margins.
	DecisiveUnit       string `json:"decisive_unit"` // "% of the ketamine effect under placebo"
	DecisiveLow        Number `json:"decisive_ci_low"`
	DecisiveHigh       Number `json:"decisive_ci_high"`
	DecisiveMarginLow  Number `json:"decisive_margin_low"`
	DecisiveMarginHigh Number `json:"decisive_margin_high"`

	PriorSD Number `json:"bf_scale_units"` // the prior's scale in the unit of the estimate: half of the effects it expects are smaller
}

// An Outcome is what the evidence on attenuation amounts to. A difference
// counts as shown by its p-value corrected over regions.
type Outcome string

// The outcomes.
const (
	OutcomeEquivalent     Outcome = "equivalent"                  // within the margin, and no difference shown
	OutcomeLessenedWithin Outcome = "lessened, within the margin" // a difference shown, and within the margin
	OutcomeEnlargedWithin Outcome = "enlarged, within the margin" // likewise
	OutcomeLessened       Outcome = "lessened"                    // a difference shown, and not within the margin
	OutcomeEnlarged       Outcome = "enlarged"                    // likewise
	OutcomeNotLessened    Outcome = "not lessened by the margin"  // only the lower bound holds, and no difference shown
	OutcomeNotSettled     Outcome = "not settled"                 // neither a difference nor equivalence
	OutcomeUnknown        Outcome = ""                            // could not be tested
)

// A Point is one value that entered a model.
type Point struct {
	Subject   string `json:"subject"`
	Session   string `json:"session"` // labels of the scan, "" if it has none
	Acq       string `json:"acq,omitempty"`
	Run       string `json:"run,omitempty"`
	Treatment string `json:"treatment"`
	Phase     string `json:"phase"`
	Period    int    `json:"period"`
	Sequence  string `json:"sequence"`
	Value     Number `json:"value"`
	Fitted    Number `json:"fitted"`
	Residual  Number `json:"residual"` // divided by the residual SD
	Global    Number `json:"global"`   // global CBF of the scan
}

// A Family is a set of tests corrected together.
type Family struct {
	Name   string   `json:"name"`   // "interaction:naltrexone, absolute"
	Method string   `json:"method"` // "holm", "fdr" or "none"
	Tests  []string `json:"tests"`  // regions
}
