// Package phantom draws a human head from formulas and simulates raw arterial
// spin labelling (ASL) data of it, with known truth: phasl's test oracle, its
// demonstration data and its built-in template.
//
// A [Brain] says what tissue lies at any point of the world; [Subject] makes
// individuals of it. [Brain.Draw] turns it into images, [Brain.Maps] into the
// true maps that [Simulate] acquires by a [Protocol], such as [GE3DSpiral].
// [WriteBIDS] writes what was acquired as a BIDS dataset with its truth, and
// [Demo] does all of it in one call. [NewTemplate] is the brain as a template
// with labelled regions.
//
// [NewTrial] simulates a whole crossover trial: [Trial.Values] are its regional
// CBF without images, [Trial.Person] the images of one person, [Trial.Ratings]
// the scores of its questionnaires, [Trial.Planted], [Trial.Resolved],
// [Trial.PlantedCorrelations] and [Trial.ReceptorTruth] what an analysis ought to
// find. [Receptors] are densities of receptors that effects follow;
// [SimulateReceptorTrials] counts how often they are found.
//
// Start with [Demo] for files, with [Brain.Maps] and [Simulate] for images in
// memory.
//
// # Space
//
// Coordinates are millimetres, RAS+, with the origin and extent of MNI152, so
// that an atlas in that space falls roughly on the phantom. The template is
// symmetric. It is not MNI152, and its sulci are no real person's.
//
// # Determinism
//
// Everything follows from the arguments and their seeds, to the byte, whatever
// the number of workers.
package phantom
