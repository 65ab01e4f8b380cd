// Package phasl is the root of a library and a command that analyse
// pharmacological perfusion-MRI trials: raw arterial spin labelling (ASL)
// scans in, maps of cerebral blood flow (CBF), regional tables and a report
// out. The root holds no code; this page is the map.
//
//	diag      input faults: file, field, found, fix
//	voxel     grids, images, transforms; resampling, smoothing, morphology
//	nifti     NIfTI-1 and NIfTI-2 files
//	bids      BIDS datasets: index, sidecars, tables, validation, derivatives
//	register  estimates rigid and affine transforms and head motion
//	tissue    brain masks; grey matter, white matter, CSF
//	asl       protocol, subtraction, calibration, CBF, transit time, quality
//	atlas     regions and what is measured in them
//	lmm       linear mixed models: fits, tests, means, contrasts, batches
//	phantom   a brain drawn from formulas, and simulated raw scans of it
//	report    the HTML report and its methods text
//
// The command is cmd/phasl. docs/architecture.md tells how data flow, and
// layers_test.go which package may import which.
package phasl
