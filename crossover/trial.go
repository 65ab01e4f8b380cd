package crossover

import "phasl/diag"

// A Trial is who was scanned when, under which treatment and in which phase.
type Trial struct {
	Treatments []string // reference first
	Phases     []string // baseline first
	Sequences  []string // "placebo-naltrexone"
	Challenge  string   // what is given between phases, for sentences

	People   []Person // sorted by label
	Scans    []Scan   // sorted by subject, period and phase; excluded ones included
	Inferred []string // sentences about what the tables did not say and was worked out
	Missing  []Cell   // cells of the design without a usable scan
	Problems diag.List

	sequenced bool                      // participants.tsv has sequences, so that who has none was not randomised
	found     map[string]string         // where the dataset says what a key of the plan is about, for comments in a template
	columns   []string                  // of the tables that could be covariates, sorted
	visits    map[[2]string]visitRecord // by subject and treatment, of the tables
}

// A Person is a participant as the tables have them.
type Person struct {
	Subject  string // label without sub-
	Sequence string // "" if unknown
	Columns  map[string]string
	Excluded string // why no scan of theirs is analysed; "" if some is
}

// A Scan is one acquisition with its place in the design.
type Scan struct {
	Subject, Session, Acq, Run string // labels without their keys; "" if absent
	File                       string // relative to the dataset, for messages
	Treatment, Phase, Sequence string
	Period                     int               // from 1
	Time                       string            // acq_time as written; "" if unknown
	Columns                    map[string]string // of scans.tsv and sessions.tsv
	Excluded                   string            // why it is left out; "" if it is used
}

// A Cell is one combination of the design.
type Cell struct {
	Subject, Treatment, Phase string
	Reason                    string // why it is empty
}

// A Flow counts people along the trial, for the participants' flow diagram.
type Flow struct {
	Randomised int           `json:"randomised"`
	Scanned    int           `json:"scanned"`
	Analysed   int           `json:"analysed"`
	Complete   int           `json:"complete"` // with every cell of the design
	Sequences  []FlowArm     `json:"sequences"`
	Excluded   []FlowItem    `json:"excluded"` // people without any scan in the analysis
	LeftOut    []FlowItem    `json:"left_out"` // scans left out of the analysis, those of excluded people included
	Missing    []FlowMissing `json:"missing"`  // cells of people analysed that have no scan
}

// A FlowArm is one sequence of the flow.
type FlowArm struct {
	Sequence   string `json:"sequence"`
	Randomised int    `json:"randomised"`
	Scanned    int    `json:"scanned"`
	Analysed   int    `json:"analysed"`
}

// A FlowItem is a person or scan that was left out.
type FlowItem struct {
	Unit   string `json:"unit"` // "sub-07" or the scan's file
	Reason string `json:"reason"`
}

// A FlowMissing is an empty cell of the design.
type FlowMissing struct {
	Subject   string `json:"subject"`
	Treatment string `json:"treatment"`
	Phase     string `json:"phase"`
	Reason    string `json:"reason"`
}
