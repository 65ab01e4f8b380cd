// Package scales scores questionnaires and rating scales: items to subscales
// and totals, severity bands, change, response and remission.
//
// An [Instrument] is data: its items with their ranges, which of them are
// reversed, which score is made of what, how many answers a score needs, and
// where each of these is published. [Find] returns one that comes with phasl,
// [Parse] reads one from a TOML file (docs/formats/instrument.md).
// [Instrument.ScoreTable] scores a phenotype table, [Result.Changes] compares
// two visits, and [Recognise] says which instrument a table holds. The wording
// of questionnaires is under copyright and is nowhere here.
//
// # Scores
//
// With x the answers, reversed ones turned to low + high − x, and n parts of a
// score, which are items or other scores:
//
//	sum   Σx
//	mean  Σx/n
//	max   the highest x
//	given read from the table, as the key is not public
//
// # Missing answers
//
// A score of which at least AtLeast parts are known is prorated: the missing
// parts take the share of their range that the known parts have on average. Of
// parts with equal ranges that is n times the mean. The value is not rounded.
// With fewer parts the score is NaN and says which are missing. A highest
// value is never prorated: see [Method]. Nothing is imputed from other people.
//
// Prorating errs where the missing item is unlike the others (Mazza, Enders &
// Ruehlman 2015, doi:10.1080/00273171.2015.1068157); [Options].Strict turns it
// off, and every prorated score is marked.
package scales
