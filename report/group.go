package report

import (
	"phasl/crossover"
	"phasl/diag"
	"phasl/voxel"
)

// A Group is everything the page of a whole trial shows. Every field but
// Results may be left empty; a part without content is left out of the page,
// or said to be missing where the reader would look for it.
type Group struct {
	Title    string // of the trial; "": that of the results
	Dataset  string // name of the dataset
	Software string // name and version of the program
	Command  string // how it was called
	Date     string // as it is to be printed; "" prints none, and pages can be compared

	Results *crossover.Results
	Plan    *crossover.Plan // what was followed; nil: limits and the global region are not known

	Quality  []ScanQuality // one for each scan acquired, excluded ones included
	Template *voxel.Image  // anatomy under the maps; nil: maps stand on black
	Space    string        // name of the template: "MNI152NLin2009cAsym"
	Maps     []EffectMap

	Receptors *Receptors // nil: none were looked at

	Pages    []Link    // the participants' pages
	Files    []Link    // tables with every number: effects.tsv, results.json
	Problems diag.List // faults and warnings beside those of the results

	Methods    []Paragraph // see [GroupMethods]
	References []Reference

	View Convention // side of the person's left in pictures
}

// A Link is the address of another file, relative to the page.
type Link struct {
	Name string
	Href string
}

// A ScanQuality is the quality of one scan, for the overview. A number that is
// not known is NaN.
type ScanQuality struct {
	Subject, Session, Acq, Run string // labels without their keys; "" if absent
	Treatment, Phase           string
	Period                     int     // from 1; 0: unknown
	GM                         float64 // grey-matter CBF [mL/100 g/min]
	FD                         float64 // mean framewise displacement [mm]
	QEI                        float64 // quality evaluation index, 0–1
	TSNR                       float64 // temporal signal-to-noise ratio of ΔM
	Excluded                   string  // why the scan is not analysed; "" if it is
	Href                       string  // page of the participant, relative; "": none
}

// An EffectMap is one contrast in template space.
type EffectMap struct {
	Name      string       // "ketamine effect under placebo (infusion − baseline)"
	Estimate  *voxel.Image // in Unit; NaN where there is none; nil: not drawn
	T         *voxel.Image // t statistic, on the grid of Estimate; nil: not drawn
	Unit      string       // of Estimate; "" is mL/100 g/min
	Regions   bool         // one value for each region, painted over it
	Corrected string       // how p-values were corrected over voxels, in words; "": they were not
	Note      string       // how the map was made: smoothing, number of scans
}
