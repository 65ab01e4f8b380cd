package phantom

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"phasl/bids"
	"phasl/nifti"
)

// truthFolder is where the truth lies in a dataset.
var truthFolder = filepath.Join("derivatives", "truth")

// truth writes what is known of the series with entities e.
func (w *bidsWriter) truth(e bids.Entities, t *Truth) {
	truth := e.With("desc", "truth")
	base := filepath.Join(w.dir, truthFolder, filepath.FromSlash(w.folder("perf")))
	w.do(func() error {
		columns, rows := motionTable(t)
		return bids.WriteTable(filepath.Join(base, bids.Name(truth, "motion", ".tsv")), columns, rows)
	})
	if t.CBF == nil {
		return
	}
	var o nifti.Options
	w.image(truthFolder, "perf", truth, "cbf", t.CBF, o, map[string]any{
		"Description":            "mean of the true perfusion of the tissues in a voxel, weighted by their equilibrium magnetisation",
		"Units":                  "mL/100g/min",
		"Physics":                t.Physics.String(),
		"NoiseStandardDeviation": t.NoiseSD,
		"LabelingEfficiency":     t.Alpha,
		"BloodT1":                t.Constants.T1Blood,
		"PartitionCoefficient":   t.Constants.Lambda,
		"GreyMatterT1":           t.Constants.T1Grey,
		"WhiteMatterT1":          t.Constants.T1White,
	})
	w.image(truthFolder, "perf", truth, "att", t.ATT, o, map[string]any{"Units": "s",
		"Description": "mean true arterial transit time of a voxel, weighted by magnetisation and perfusion"})
	w.image(truthFolder, "perf", truth, "M0map", t.M0, o, map[string]any{"Units": "arbitrary",
		"Description": "mean true equilibrium magnetisation, before the receive sensitivity"})
	if t.Label == nil {
		return
	}
	w.image(truthFolder, "perf", truth.With("label", "GM"), "probseg", t.Fraction, o, map[string]any{"Description": "share of grey matter in a voxel"})
	w.image(truthFolder, "perf", truth.With("label", "WM"), "probseg", t.White, o, map[string]any{"Description": "share of white matter in a voxel"})
	w.image(truthFolder, "perf", truth, "dseg", t.Label, nifti.Options{Datatype: nifti.Int16},
		map[string]any{"Description": "commonest region of voxels at least half filled by grey matter"})
	w.do(func() error { return writeLabelTable(filepath.Join(base, bids.Name(truth, "dseg", ".tsv"))) })
	w.do(func() error {
		return bids.WriteTable(filepath.Join(base, bids.Name(truth, "regions", ".tsv")), regionColumns, regionRows(t.Regions))
	})
}

// writeLabelTable writes index and name of every region. It has no data
// dictionary: a label image's .json is the image's own sidecar.
func writeLabelTable(path string) error {
	var rows [][]string
	for _, r := range Regions() {
		rows = append(rows, []string{strconv.Itoa(r.Index), r.Name, string(r.Side), r.Lobe})
	}
	return bids.WriteTable(path, []bids.Column{{Name: "index"}, {Name: "name"}, {Name: "hemisphere"}, {Name: "lobe"}}, rows)
}

var regionColumns = []bids.Column{
	{Name: "index", Description: "value in the label image"},
	{Name: "name", Description: "region"},
	{Name: "cbf", Description: "true perfusion of the region's grey matter", Units: "mL/100g/min"},
	{Name: "att", Description: "mean true arterial transit time of the region's grey matter", Units: "s"},
	{Name: "voxels", Description: "acquired voxels with this label"},
	{Name: "cbf_voxels", Description: "mean of the true perfusion map over those voxels, partial volume included", Units: "mL/100g/min"},
}

func regionRows(regions []RegionTruth) [][]string {
	var rows [][]string
	for _, r := range regions {
		rows = append(rows, []string{strconv.Itoa(r.Index), r.Name, bids.FormatNumber(r.CBF), bids.FormatNumber(r.ATT),
			strconv.Itoa(r.Voxels), bids.FormatNumber(r.Voxel)})
	}
	return rows
}

// motionTable lists each volume's rigid motion as the three rows of its
// matrix.
func motionTable(t *Truth) (columns []bids.Column, rows [][]string) {
	columns = []bids.Column{
		{Name: "volume", Description: "volume of the series, from 0"},
		{Name: "outlier", Description: "whether the volume was spoilt", Levels: map[string]string{"0": "no", "1": "yes"}},
	}
	for r := range 3 {
		for c := range 4 {
			columns = append(columns, bids.Column{Name: fmt.Sprintf("m%d%d", r+1, c+1),
				Description: "element of the matrix that maps the still head to where it was [mm]"})
		}
	}
	for v, m := range t.Motion {
		row := []string{strconv.Itoa(v), "0"}
		if slices.Contains(t.Outliers, v) {
			row[1] = "1"
		}
		for r := range 3 {
			for c := range 4 {
				row = append(row, bids.FormatNumber(m[r][c]))
			}
		}
		rows = append(rows, row)
	}
	return columns, rows
}
