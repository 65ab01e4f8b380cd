package crossover

import (
	"math"
)

// A Rating is one clinical score of one person at one visit.
type Rating struct {
	Subject    string  // label without sub-
	Session    string  // label without ses-; "" if the table has none
	Visit      string  // within the session: "baseline", "day1"; "" if the table has none
	Instrument string  // "madrs"
	Score      string  // "total"
	Title      string  // of the score, for sentences: "delusional thinking"
	Low        float64 // lowest value of the score: a percentage is of what is above it
	Value      float64
	Note       string // why Value is NaN, or how it was completed
}

// Associations are what [Associate] found.
type Associations struct {
	Method       string        `json:"method"`
	Permutations int           `json:"permutations"`
	Bootstrap    int           `json:"bootstrap"`
	Multiplicity string        `json:"multiplicity"`
	Level        float64       `json:"level"` // of intervals; claims are judged at 1 − level
	List         []Association `json:"list"`  // as the plan has them
}

// An Association is the correlation over people of a regional measure with a
// clinical score, under each treatment, and how these correlations differ.
type Association struct {
	Name    string   `json:"name"`
	Region  string   `json:"region"`
	Measure Measure  `json:"measure"`
	Phase   string   `json:"phase"` // of the scan; [PhaseChange]: last − first
	Adjust  []string `json:"adjust"`

	Instrument string `json:"instrument"`
	Score      string `json:"score"`
	Visit      string `json:"visit"`
	Change     string `json:"change"`
	ChangeFrom string `json:"change_from"`
	Within     string `json:"within"` // treatment that the plan asks about
	Side       string `json:"side"`

	X      string `json:"x"` // the regional measure in words: "relative CBF of pgACC during infusion"
	Y      string `json:"y"` // the score in words
	XUnits string `json:"x_units"`
	YUnits string `json:"y_units"`

	By          []Correlation      `json:"by"`          // under each treatment, that of the plan first
	Differences []CorrelationShift `json:"differences"` // of that of the plan from each other
	Data        []AssociationPoint `json:"data"`
	Missing     []string           `json:"missing"` // who is not in it and why: "sub-07, placebo: no score at day1"
	Notes       []string           `json:"notes"`
	Sentence    string             `json:"sentence"` // as a paper would print it
	Failed      string             `json:"failed,omitempty"`
}

// A Correlation is that of one treatment.
type Correlation struct {
	Treatment    string      `json:"treatment"`
	N            int         `json:"n"`
	R            Number      `json:"r"` // partial, if the plan adjusts
	DF           Number      `json:"df"`
	Low          Number      `json:"ci_low"` // by Fisher's z
	High         Number      `json:"ci_high"`
	BootLow      Number      `json:"bootstrap_ci_low"` // bias-corrected and accelerated
	BootHigh     Number      `json:"bootstrap_ci_high"`
	T            Number      `json:"t"`
	P            Number      `json:"p"`             // of t
	PPermutation Number      `json:"p_permutation"` // Freedman and Lane
	PAdjusted    Number      `json:"p_adjusted"`    // of the permutation p, or of p where there is none, over the plan's associations; NaN under other treatments than the plan's
	BF01         Number      `json:"bf01"`          // for no correlation
	Influence    []Influence `json:"influence"`     // of each person, largest change of r first
	Fragile      string      `json:"fragile"`       // who alone decides whether it is shown: "sub-07 (0.39, adjusted p = 0.063)"; "" if nobody does, or no claim is made
	Slope        Number      `json:"slope"`         // of the score on the measure, given the covariates, by least squares [score units per unit of the measure]
	Notes        []string    `json:"notes"`
	Failed       string      `json:"failed,omitempty"`

	without []without
}

// An Influence is what one person does to a correlation.
type Influence struct {
	Subject string `json:"subject"`
	DR      Number `json:"dr"`    // r without this person − r with
	Cook    Number `json:"cooks"` // Cook's distance
	Large   bool   `json:"large"` // Cook's distance above 4/n
	Turns   bool   `json:"turns"` // without this person the claim is another; where none is made, p is on the other side of 1 − level
}

// A CorrelationShift compares two correlations in the people who have both.
type CorrelationShift struct {
	Treatment    string `json:"treatment"` // that is compared with the plan's
	N            int    `json:"n"`         // people with both
	R1           Number `json:"r1"`        // under the plan's treatment, in these people
	R2           Number `json:"r2"`        // under Treatment
	Delta        Number `json:"delta"`     // r1 − r2
	Low          Number `json:"ci_low"`    // Zou 2007
	High         Number `json:"ci_high"`
	BootLow      Number `json:"bootstrap_ci_low"`
	BootHigh     Number `json:"bootstrap_ci_high"`
	Z            Number `json:"z"` // Steiger 1980
	P            Number `json:"p"` // of z
	PPermutation Number `json:"p_permutation"`
	PAdjusted    Number `json:"p_adjusted"` // over the plan's comparisons

	Slopes     SlopeShift  `json:"slopes"`
	Moderation Moderation  `json:"moderation"`
	Influence  []Influence `json:"influence"` // of each person on Delta, largest first; Cook is NaN
	Fragile    string      `json:"fragile"`   // as of [Correlation], for the difference
	Notes      []string    `json:"notes"`
	Failed     string      `json:"failed,omitempty"`

	without []without
}

// A SlopeShift is the difference of the least-squares slopes of the score on
// the measure, given the covariates, in the people who have both treatments.
// It allows for residuals that vary with the measure, as those of skewed scores
// do: see corr.CompareSlopes. Slopes are in SD of the score per SD of the
// measure.
type SlopeShift struct {
	Slope1       Number `json:"slope1"` // under the plan's treatment
	Slope2       Number `json:"slope2"`
	Delta        Number `json:"delta"`
	SE           Number `json:"se"`
	DF           Number `json:"df"`
	Low          Number `json:"ci_low"`
	High         Number `json:"ci_high"`
	P            Number `json:"p"`
	PPermutation Number `json:"p_permutation"`
	Failed       string `json:"failed,omitempty"`
}

// without is what is left when one person is left out.
type without struct {
	subject string
	value   float64 // the correlation, or the difference
	p       float64 // that the claim rests on, not adjusted
}

// A Moderation is the difference of the slopes of the score on the measure
// between two treatments, by a mixed model of all rows. It takes residuals to
// vary alike; where the score is skewed it is too bold, and [SlopeShift] holds
// its level (docs/methods/associations.md).
type Moderation struct {
	Formula string `json:"formula"`
	N       int    `json:"n"` // people
	NObs    int    `json:"n_obs"`
	Slope1  Number `json:"slope1"` // [SD of the score per SD of the measure], under the plan's treatment
	Slope2  Number `json:"slope2"`
	Delta   Number `json:"delta"` // slope1 − slope2
	SE      Number `json:"se"`
	DF      Number `json:"df"`
	T       Number `json:"t"`
	P       Number `json:"p"`
	Low     Number `json:"ci_low"`
	High    Number `json:"ci_high"`
	Failed  string `json:"failed,omitempty"` // why there is no model
}

// An AssociationPoint is one person under one treatment.
type AssociationPoint struct {
	Subject    string   `json:"subject"`
	Session    string   `json:"session"`
	Treatment  string   `json:"treatment"`
	Period     int      `json:"period"`
	X          Number   `json:"x"`
	Y          Number   `json:"y"`
	Covariates []Number `json:"covariates"` // as Adjust names them
	XResidual  Number   `json:"x_residual"` // given the covariates, under this treatment, the mean added; X if there are none
	YResidual  Number   `json:"y_residual"`

	base float64 // score at change_from; NaN if the plan names none
}

// nan is the number that is not known.
var nan = Number(math.NaN())
