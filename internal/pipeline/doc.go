// Package pipeline is the participant level: from the raw scans of one person
// to CBF maps, regional values, quality and a report, written as BIDS
// derivatives. It orders the engines, reads and writes files, and carries on
// where a killed run stopped; what a number means is decided in the engines.
//
// [Run] processes a dataset, [Quantify] one scan without a dataset around it,
// [Validate] only looks.
package pipeline
