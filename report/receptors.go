package report

import (
	"phasl/receptor"
	"phasl/voxel"
)

// Receptors is what the page shows of the alignment of effect maps with
// receptor densities.
type Receptors struct {
	Panel   []receptor.Density
	Parcels []string     // names of the places, in the order of all values
	Labels  *voxel.Image // atlas in template space; nil: maps are not drawn
	Label   []int        // value in Labels of each parcel
	Atlas   string       // its file's name
	Measure string       // "absolute" or "relative": of the effect maps
	Adjust  []string     // what was taken out of both maps, in words
	Method  receptor.Method
	Effects []ReceptorEffect

	// Shifts compare the effect under each treatment with that under the
	// reference, receptor by receptor; nil if there is nothing to compare.
	Shifts []ReceptorShift
}

// A ReceptorEffect is one effect map and its alignments. What was not computed
// is nil and the note says why.
type ReceptorEffect struct {
	Name   string    // of the contrast: "phase_average", "interaction:naltrexone"
	Label  string    // in words
	Unit   string    // of Values; "" for a ratio or a difference of logarithms
	Values []float64 // the group's effect in each parcel; NaN where there is none

	Alignments *receptor.Alignments  // of the group's map, for other places
	People     *receptor.People      // of the people's maps, for new people and other places
	PeopleNote string                // a sentence on why People is nil, or whom it leaves out
	Regression *receptor.Regression  // all receptors at once
	Note       string                // a sentence on why Regression is nil, or Alignments and all that follows
	Pairs      []receptor.Comparison // of receptors; nil: none were compared
}

// A ReceptorShift says whether the effect aligns differently with each receptor
// under a treatment than under the reference.
type ReceptorShift struct {
	Treatment, Reference string
	Label                string                // in words
	Receptors            []receptor.Comparison // of the group's maps: for other places

	// People are the tests of each person's difference of standardised maps, in the
	// order of Receptors: for new people and other places; nil: not tested.
	People *receptor.People
}
