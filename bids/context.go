package bids

import (
	"slices"

	"phasl/diag"
)

var volumeTypes = []VolumeType{Control, Label, M0Scan, DeltaM, CBF, NoRF}

// readContext reads aslcontext.tsv: the type of each volume, in order; nil if
// there is no such column.
func readContext(path, file string) ([]VolumeType, diag.List) {
	t, l := readTable(path, file)
	if t == nil {
		return nil, l
	}
	return contextOf(t, l)
}

// decodeContext decodes the text of aslcontext.tsv.
func decodeContext(data []byte, file string) ([]VolumeType, diag.List) {
	t, l := decodeTable(data, file)
	if t == nil {
		return nil, l
	}
	return contextOf(t, l)
}

func contextOf(t *Table, l diag.List) ([]VolumeType, diag.List) {
	const column = "volume_type"
	c := t.Column(column)
	if c < 0 {
		fix := "begin the file with a line that reads volume_type"
		if near, ok := diag.Nearest(column, t.Columns); ok {
			fix = "rename the column " + near + " to volume_type"
		}
		l.Errorf(t.File, column, fix, "there is no such column; the header is %q", clip(t.Columns[0]))
		return nil, l
	}
	if len(t.Columns) > 1 {
		l.Warnf(t.File, "", "keep only volume_type", "BIDS allows no other column than volume_type; the %d others are not used", len(t.Columns)-1)
	}
	out := make([]VolumeType, len(t.Rows))
	var unknown counter
	names := make([]string, len(volumeTypes))
	for i, v := range volumeTypes {
		names[i] = string(v)
	}
	for i, row := range t.Rows {
		out[i] = VolumeType(row[c])
		if slices.Contains(volumeTypes, out[i]) {
			continue
		}
		if unknown.add() {
			fix := "write control, label, m0scan, deltam, cbf or noRF"
			if near, ok := diag.Nearest(row[c], names); ok {
				fix = "write " + near
			}
			l.Errorf(t.File, column, fix, "volume %d: %q is not a volume type", i, clip(row[c]))
		}
	}
	unknown.rest(&l, t.File, "unknown volume types")
	if len(out) == 0 {
		l.Errorf(t.File, column, "write one line for each volume of the image", "the table has no rows")
	}
	return out, l
}
