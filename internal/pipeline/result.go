package pipeline

import (
	"phasl/asl"
	"phasl/bids"
	"phasl/diag"
)

// A Number is a float64 whose JSON is null when it is not finite.
type Number = bids.Number

// A ScanResult is what was computed from one ASL scan. The JSON keys are a
// contract with programs that call phasl.
type ScanResult struct {
	Scan     string            `json:"scan"`     // image, relative to the dataset
	Entities map[string]string `json:"entities"` // BIDS entities of its file name
	Phase    string            `json:"phase,omitempty"`

	CBFFile      string            `json:"cbf_file"`                // native space; relative to the output folder, from [Quantify] with it
	ATTFile      *string           `json:"att_file"`                // null: no transit time was fitted
	Files        map[string]string `json:"files"`                   // every derivative by what it holds
	Units        string            `json:"units"`                   // of CBF: "mL/100g/min", as BIDS spells it, or "arbitrary"
	Model        string            `json:"model"`                   // name of the model
	Equation     string            `json:"equation"`                // in plain text
	Notes        []string          `json:"notes"`                   // what a reader must know, such as which way the model errs
	M0           M0Result          `json:"m0"`                      // calibration
	Volumes      VolumesResult     `json:"volumes"`                 // counted from 0
	Quality      QualityResult     `json:"quality"`                 // null: could not be computed
	Pure         *PureResult       `json:"pvc,omitempty"`           // perfusion of pure tissue, if asked for
	Flags        []asl.Flag        `json:"flags"`                   // what looks implausible
	Steps        []StepResult      `json:"steps"`                   // registrations and masks, and whether they passed their checks
	Regions      []RegionResult    `json:"regions,omitempty"`       // in template space
	Problems     diag.List         `json:"problems,omitempty"`      // warnings about the input
	Overrides    []string          `json:"overrides,omitempty"`     // BIDS fields the user gave
	SESource     string            `json:"se_source,omitempty"`     // where the standard errors of regions are from
	SEKind       string            `json:"se_kind,omitempty"`       // the same in one word: "pairs" or "voxels"
	TissueSource string            `json:"tissue_source,omitempty"` // where grey and white matter are from; empty: not known

	Constants       map[string]float64 `json:"constants"`
	ConstantDetails []asl.Constant     `json:"constant_details"` // the same with unit and source, in the order of the equation
}

// M0Result says what CBF was calibrated with.
type M0Result struct {
	Type   string `json:"type"`   // BIDS M0Type
	Source string `json:"source"` // in words
}

// VolumesResult lists volumes of the series, counted from 0.
type VolumesResult struct {
	Used     []int `json:"used"`
	Excluded []int `json:"excluded"`
}

// QualityResult holds the quality metrics of one scan.
type QualityResult struct {
	GMCBF              Number `json:"gm_cbf"`               // mean over grey matter [units of CBF]
	WMCBF              Number `json:"wm_cbf"`               // mean over white matter [units of CBF]
	GMWMRatio          Number `json:"gm_wm_ratio"`          // GMCBF/WMCBF
	SCoV               Number `json:"scov"`                 // spatial coefficient of variation of CBF in grey matter [1]
	TSNR               Number `json:"tsnr"`                 // temporal signal-to-noise ratio of ΔM in grey matter
	NegativeGMFraction Number `json:"negative_gm_fraction"` // share of grey-matter voxels with negative CBF
	QEI                Number `json:"qei"`                  // quality evaluation index, 0 to 1
	FDMean             Number `json:"fd_mean"`              // framewise displacement [mm]
	FDMax              Number `json:"fd_max"`               // [mm]
}

// A PureResult is the perfusion of tissue by itself, corrected for partial
// volume.
type PureResult struct {
	GMCBF Number `json:"gm_cbf"` // mean over the scan, weighted by grey-matter fraction [units of CBF]
	WMCBF Number `json:"wm_cbf"` // likewise of white matter
}

// A StepResult says how a step that can fail went.
type StepResult struct {
	Step    string            `json:"step"`
	OK      bool              `json:"ok"`
	Detail  string            `json:"detail"`
	Values  map[string]Number `json:"values,omitempty"`
	Sources []Source          `json:"sources,omitempty"` // files that the user gave for it
}

// A Source is a file that a step was taken from, as it was then.
type Source struct {
	File   string `json:"file"` // its name alone
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// A RegionResult is one region of one scan.
type RegionResult struct {
	Region     string  `json:"region"`
	Hemisphere string  `json:"hemisphere,omitempty"` // "L" or "R"; "" for both
	CBF        Number  `json:"cbf"`                  // mean [units]
	SE         Number  `json:"se"`                   // standard error of CBF [units]
	GMCBF      Number  `json:"gm_cbf"`               // mean weighted by grey-matter fraction [units]
	PureGMCBF  *Number `json:"pvc_gm_cbf,omitempty"` // CBF of pure grey matter, weighted by grey-matter fraction [units]
	Relative   Number  `json:"relative"`             // CBF divided by the scan's grey-matter CBF, Quality.GMCBF [1]
	RelativeSE Number  `json:"relative_se"`          // SE divided by the same; the error of the divisor, which is much smaller, is left out
	ATT        Number  `json:"att"`                  // mean transit time [s]
	Voxels     int     `json:"voxels"`               // with a value
	Coverage   Number  `json:"coverage"`             // share of the region with a value
	Note       string  `json:"note,omitempty"`
}

// A ParticipantResult is everything computed from one person.
type ParticipantResult struct {
	Participant string       `json:"participant"`
	Scans       []ScanResult `json:"scans"`
	Anatomy     []StepResult `json:"anatomy"`
	// AnatomyFiles are the derivatives of the T1w images, by what they hold,
	// in the order in which the images were used.
	AnatomyFiles []map[string]string `json:"anatomy_files,omitempty"`
	Report       string              `json:"report"` // relative to the output folder
}

// A RunResult is what [Run] did.
type RunResult struct {
	Output       string              `json:"output"`
	Space        string              `json:"space,omitempty"`
	Participants []ParticipantResult `json:"participants"`
	Kept         []string            `json:"kept"`   // finished by an earlier run, unchanged
	Failed       []FailedScan        `json:"failed"` // scans that could not be processed
	Problems     diag.List           `json:"problems"`
}

// A FailedScan is a scan or participant that could not be processed.
type FailedScan struct {
	Unit     string    `json:"unit"`
	Problems diag.List `json:"problems"`
}
