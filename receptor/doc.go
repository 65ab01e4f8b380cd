// Package receptor asks whether a map of a drug's effect on the brain looks like
// the density of a receptor, and whether chance could make it look so.
//
// [NewPanel] brings density maps and their table into parcels; [Align] correlates
// one effect map with each of them under surrogates of the two;
// [PeopleTest] does so for each person's map and asks whether the answer would
// hold for new people and for other places; [Regress] explains a map by all
// receptors at once; [CompareMaps] and [CompareReceptors] ask whether two
// alignments differ. Nothing here opens a file.
//
// # Which map is randomised
//
// Both, by the default null: half of the surrogates are of the effect map, one set
// for every receptor, and half of each density. p is then the mean over two nulls,
// which errs less than either, and the largest correlation over receptors has a
// null distribution: the family-wise p. The other nulls, and the tests that hold
// several densities fixed, randomise the effect map alone, as published work does.
//
// # Missing data
//
// A parcel without an effect, or without a covariate, is left out for every
// receptor; one without a density for that receptor alone. N says how many are
// left. A number that does not exist is NaN and Reason says why.
//
// docs/methods/receptors.md gives equations, sources and validation.
package receptor
