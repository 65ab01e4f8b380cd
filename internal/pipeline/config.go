package pipeline

import (
	"phasl/diag"
)

// Settings are the choices that change numbers, except [Settings.Workers],
// which never does.
type Settings struct {
	Model        string             // "auto", "whitepaper", "kinetic" or "ge"
	Overrides    []string           // "FIELD=VALUE": BIDS metadata given by the user
	Constants    map[string]float64 // constants of the model given by the user
	M0Scale      float64            // factor for M0; 0: the default
	RawM0        bool               // divide by M0 unsmoothed
	PVC          bool               // the perfusion of pure tissue too, by regression
	KeepOutliers bool               // flag outlying pairs but keep them
	NoMotion     bool               // leave the series as it is
	Seed         uint64
	ATTMap       string // transit time of each voxel [s], for the kinetic model of one delay; "": the constants
	T1Map        string // T1 of tissue of each voxel [s], for the kinetic model; "": the constants
	Workers      int    // 0: one per CPU
}

// Standard says where standard space is. Without a template nothing is
// carried to standard space and regions other than whole grey and white
// matter have no values.
type Standard struct {
	Template     string   // T1w template file
	TemplateMask string   // its brain mask; "": found beside it, or computed
	Space        string   // its name; "": from the file name
	Atlas        string   // label image file
	Labels       string   // its table; "": found beside it
	Regions      []string // "NAME=A+B": regions joined from labels
	MinCoverage  float64  // share of a region that must have values

	// Registration of T1w images to the template: "syn", affine and then a
	// smooth deformation, or "affine". "": "syn".
	Registration string
	// Probabilities of grey matter, white matter and CSF in the template;
	// "": found beside it, or none.
	TemplateGM, TemplateWM, TemplateCSF string
}

// Config says what [Run] is to do.
type Config struct {
	BIDSDir, OutDir string
	WorkDir         string   // records of finished participants; "": OutDir/.phasl
	Participants    []string // labels without "sub-"; none: all
	Sessions        []string // labels without "ses-"; none: all
	SkipFaulty      bool     // process what has no faults although something has
	TransformsDir   string   // folder of transforms to use in place of registration; "": none
	MasksDir        string   // folder of brain masks and tissue maps to use likewise
	Settings
	Standard
	Version  string          // of the program, for the derivatives' description
	Progress func(Event)     // may be nil
	Warn     func(diag.List) // told of warnings before the work begins; may be nil

	overrides  map[string]string // Overrides, taken apart
	transforms *folder           // of TransformsDir
	masks      *folder           // of MasksDir
}

// An Event tells how far the work is.
type Event struct {
	Unit      string  // what is worked on, e.g. "sub-01 run-1"
	Step      string  // what is done to it
	Done      int     // units finished
	Total     int     // units in all
	StepsDone float64 // share of the present unit that is done, 0 to 1
	Share     float64 // of all the work, where units are only a part of it; else 0
}

// Fraction returns how much of the work is done, 0 to 1.
func (e Event) Fraction() float64 {
	if e.Share > 0 {
		return e.Share
	}
	return min(1, (float64(e.Done)+e.StepsDone)/float64(max(e.Total, 1)))
}

// ValidateResult is what [Validate] found.
type ValidateResult struct {
	Dataset      string    `json:"dataset"`
	Participants int       `json:"participants"`
	Scans        int       `json:"asl_scans"`
	Problems     diag.List `json:"problems"`
}
