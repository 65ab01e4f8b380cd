package report

import (
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// A Participant is everything the page of one person shows. Every field but
// ID may be left empty; a part without content is left out of the page, or
// said to be missing where the reader would look for it.
type Participant struct {
	ID       string // "sub-01"
	Dataset  string // name of the dataset
	Software string // name and version of the program
	Command  string // how it was called
	Date     string // as it is to be printed; "" prints none, and pages can be compared

	Summary  []string  // what to know first, in plain words, one sentence each
	Scans    []Scan    // in the order of the page
	Anatomy  []Overlay // registrations of the person rather than of one scan
	Problems diag.List // faults and warnings of the input
	Set      []Setting // fields the user gave in place of the dataset

	Methods    []Paragraph
	References []Reference

	View Convention // side of the person's left in pictures
	Top  float64    // highest CBF of the colour scale, in the scans' unit; 0: chosen from the data
}

// A Scan is one ASL acquisition.
type Scan struct {
	Session, Run, Acq string // BIDS labels without their keys; "" if absent
	Phase             string // "baseline", "infusion", or ""
	File              string // the series, relative to the dataset

	Summary string // one sentence: "Grey-matter CBF 56 mL/100 g/min; nothing flagged."
	Failed  string // why there is no result, "" if there is one
	Unit    string // unit of CBF and SE; "" and "mL/100g/min" are mL/100 g/min

	CBF, SE *voxel.Image // CBF and its standard error [Unit]
	ATT     *voxel.Image // arterial transit time [s]
	M0      *voxel.Image // equilibrium magnetisation, scanner units
	DeltaM  *voxel.Image // mean control − label, scanner units
	Mask    *voxel.Mask  // brain mask

	Overlays  []Overlay // registrations of this scan
	Motion    *Motion
	Pairs     []Pair // mean ΔM of each pair
	Protocol  []Fact
	Quality   []Metric
	Flags     []Flag
	Regions   []Region
	Constants []Constant
	Equation  string // of CBF, as written in the sidecar; see [Scan.Model]
	Model     string // name of the model, and which way it errs
}

// CBFUnit is the unit of absolute CBF.
const CBFUnit = "mL/100 g/min"

func (s *Scan) unit() string { return cbfUnit(s.Unit) }

// cbfUnit returns the unit as it is printed: sidecars spell mL/100 g/min
// without the space, and nothing said means it. BIDS says "arbitrary".
func cbfUnit(u string) string {
	if u == "arbitrary" {
		return "arbitrary units"
	}
	if u == "" || strings.EqualFold(strings.ReplaceAll(u, " ", ""), "ml/100g/min") {
		return CBFUnit
	}
	return u
}

// Name returns the labels of the scan as a reader would say them:
// "ses-placebo, run-1 (baseline)".
func (s *Scan) Name() string {
	var parts []string
	for _, e := range [][2]string{{"ses-", s.Session}, {"acq-", s.Acq}, {"run-", s.Run}} {
		if e[1] != "" {
			parts = append(parts, e[0]+e[1])
		}
	}
	name := strings.Join(parts, ", ")
	switch {
	case s.Phase != "" && name != "":
		return name + " (" + s.Phase + ")"
	case s.Phase != "":
		return s.Phase
	case name == "":
		return "ASL scan"
	}
	return name
}

// A Fact is a named value of the protocol.
type Fact struct {
	Name  string
	Value string // formatted
	Unit  string
	From  string // where it came from: a file, "--set", "default"; "" if it does not matter
}

// A Setting is a field the user gave on the command line.
type Setting struct{ Field, Value, Replaced string }

// A Metric is one measure of quality and the range usually seen.
type Metric struct {
	Name      string
	Value     float64 // NaN: could not be computed
	Unit      string
	Low, High float64 // usual range; NaN: open on that side
	Key       bool    // shown at the top of the page
	Note      string  // what it means, or why it is missing
}

// A Flag is something about a scan that a person should look at.
type Flag struct {
	Metric string // name of the metric it is about, or ""
	Found  string // what was seen, with the value
	Look   string // what to look at or do, in the imperative: "look at the motion chart"
	Severe bool   // the numbers should not be used before it is settled
}

// A Region is one row of the regional table. NaN means no value; Note says
// why.
type Region struct {
	Name     string
	Key      bool     // shown first and outlined in figures
	CBF      float64  // mean over the region's voxels [the scan's unit]
	SE       float64  // standard error of CBF [the scan's unit]
	Weighted float64  // mean weighted by grey-matter probability [the scan's unit]
	Pure     *float64 // CBF of pure grey matter, corrected for partial volume [the scan's unit]; nil if that was not asked for
	Relative float64  // CBF / global grey-matter CBF
	Voxels   int
	Coverage float64 // share of the region inside the mask, 0–1
	Note     string
}

// A Constant is a number that entered the result.
type Constant struct {
	Name   string
	Symbol string // as in the equation: "T1b"
	Value  float64
	Unit   string
	Source string // citation or reason of the default
	From   string // "default", "sidecar", "--set"
}

// Motion is what happened during a series. Slices are empty or have one
// element per volume; NaN breaks a line.
type Motion struct {
	Volumes     []Volume
	Translation [][3]float64 // x, y, z [mm]
	Rotation    [][3]float64 // about x, y, z [degrees]
	FD          []float64    // framewise displacement [mm]
	FDLimit     float64      // limit drawn as a line [mm]; 0: none
	DVARS       []float64    // root mean square change between volumes
	DVARSUnit   string
	Note        string // how it was estimated, or why it was not
}

// A Volume is one volume of the series.
type Volume struct {
	Kind     string // as aslcontext.tsv spells it
	Excluded bool
	Reason   string // why it was excluded
}

// A Pair is one control–label difference, averaged over the mask.
type Pair struct {
	Mean    float64 // mean ΔM in the mask
	PLD     float64 // post-labelling delay [s]; 0 if there is only one
	Outlier bool
	Reason  string
}

// An Overlay shows two pictures on one grid between which the reader flicks,
// with outlines drawn on both.
type Overlay struct {
	Title    string
	Fixed    Layer
	Moving   Layer
	Outlines []Outline
	Labels   *voxel.Image // atlas on the same grid: whole numbers, 0 or NaN outside
	Regions  []LabelGroup // labels to outline in colour; the others are thin and grey
	Measures []Fact       // overlap, metric, and the limits they were checked against
	Failed   bool         // the registration did not pass its check
	Look     string       // what a good registration looks like here, a sentence
}

// A Layer is one of the pictures of an [Overlay].
type Layer struct {
	Name  string
	Image *voxel.Image
	Kind  LayerKind
	Unit  string // for the colour bar; "" draws none
}

// A LayerKind chooses colours and window.
type LayerKind int

const (
	Anatomy   LayerKind = iota // grey, from the darkest to the brightest percentile
	Perfusion                  // the page's scale of CBF
	Effect                     // signed, symmetric about zero
)

// An Outline is the edge of a mask on the grid of its overlay.
type Outline struct {
	Name string
	Mask *voxel.Mask
}

// A LabelGroup is a region made of one or more atlas labels.
type LabelGroup struct {
	Name   string
	Labels []int
}

// A Paragraph of the methods text. Citations stand in it as [1] or [2, 3].
type Paragraph struct{ Heading, Text string }

// A Reference is an entry of the list the citations point to.
type Reference struct {
	Number int
	Text   string // authors, title, journal, year, pages
	DOI    string // without the resolver's address; "" if there is none
}
