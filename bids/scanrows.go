package bids

import (
	"maps"
	"slices"
)

// A ScanRow is one row of a scans.tsv.
type ScanRow struct {
	Table string            // scans.tsv, relative to the dataset
	Path  string            // file that the row is about, relative to the dataset; it need not exist
	Row   map[string]string // by column, without missing values; shared, not to be changed
}

// ScanRows returns the rows of every scans.tsv, sorted by path, with those
// that name a file that is not there.
func (d *Dataset) ScanRows() []ScanRow {
	out := make([]ScanRow, 0, len(d.scans))
	for _, p := range slices.Sorted(maps.Keys(d.scans)) {
		out = append(out, ScanRow{d.scans[p].file, p, d.scans[p].row})
	}
	return out
}
