// Package bids reads datasets laid out by the Brain Imaging Data Structure
// (BIDS) as far as arterial spin labelling needs it, says what is wrong with
// them, and writes tables and derivatives.
//
// [Open] indexes a dataset; [Dataset.ASLScans] gives every ASL series with its
// merged [Sidecar], volume types, M0 scan and T1w image. [Validate] reports
// every fault at once and [CheckScan] those of one series. [OpenScan] serves a
// single file, inside a dataset or alone. [ReadTable] and [WriteTable] are for
// TSV tables, [WriteJSON] for sidecars and [Name] for file names.
//
// # Severity
//
// What changes a number, or leaves a scan out, is an error. What departs from
// the standard without touching a number is a warning. Nothing is repaired in
// silence.
//
// # Paths
//
// Paths inside a dataset are relative to its root, with slashes, as problems
// name them; [Dataset.Abs] makes them absolute.
//
// The rules follow BIDS 1.10 and the machine-readable schema of BIDS 1.11.1
// (https://bids-specification.readthedocs.io); see docs/formats/bids.md.
package bids
