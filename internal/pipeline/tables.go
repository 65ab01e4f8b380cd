package pipeline

import (
	"math"
	"path/filepath"
	"strconv"

	"phasl/bids"
)

// Names of the rows of regions.tsv that are not regions of an atlas.
const (
	globalGrey  = "global_gm"
	globalWhite = "global_wm"
)

var regionColumns = []bids.Column{
	{Name: "participant_id", Description: "participant"},
	{Name: "session", Description: "session (visit) label; n/a if the dataset has none"},
	{Name: "acq", Description: "acquisition label, n/a if none"},
	{Name: "run", Description: "run label, n/a if none"},
	{Name: "phase", Description: "phase within the visit, from the phase column of scans.tsv; n/a if it has none"},
	{Name: "region", Description: "region of the atlas, or " + globalGrey + " and " + globalWhite + " for whole grey and white matter"},
	{Name: "measure", Description: "what value holds", Levels: map[string]string{
		"cbf":          "mean CBF over the region's voxels",
		"gm_cbf":       "mean CBF weighted by the fraction of grey matter",
		"pvc_gm_cbf":   "mean CBF of pure grey matter, weighted by its fraction, if correction for partial volume was asked for",
		"pvc_wm_cbf":   "the same of pure white matter, of the whole scan",
		"relative_cbf": "cbf divided by the cbf of " + globalGrey + " of the same scan",
		"att":          "mean arterial transit time",
	}},
	{Name: "value", Description: "the value; n/a if it could not be computed, and note says why"},
	{Name: "se", Description: "standard error of value from the scan's own noise; it does not hold differences between people or days"},
	{Name: "units", Description: "units of value and se"},
	{Name: "se_source", Description: "where se is from", Levels: map[string]string{
		"pairs":  "the scatter of the region's mean between control-label pairs",
		"voxels": "noise between neighbouring voxels, where the scan holds one difference per delay; physiological noise is not in it",
	}},
	{Name: "n_voxels", Description: "voxels of the region with a value, in template space; n/a for whole grey and white matter, which are measured on the scan's own voxels"},
	{Name: "coverage", Description: "share of the region's voxels with a value"},
	{Name: "note", Description: "why a value is missing or doubtful"},
}

// writeTables writes regions.tsv over all finished participants, and the
// description of the derivatives.
func writeTables(c *Config, all []ParticipantResult) error {
	var rows [][]string
	for _, p := range all {
		for i := range p.Scans {
			rows = append(rows, regionRows(p.Participant, &p.Scans[i])...)
		}
	}
	if err := bids.WriteTable(filepath.Join(c.OutDir, "regions.tsv"), regionColumns, rows); err != nil {
		return err
	}
	return c.describe(c.BIDSDir)
}

// describe writes dataset_description.json. "raw" in the sidecars' Sources is
// the dataset at raw, linked relative to the derivatives so that both can move
// together.
func (c *Config) describe(raw string) error {
	links := map[string]string{}
	a, errA := filepath.Abs(c.OutDir)
	b, errB := filepath.Abs(raw)
	if errA == nil && errB == nil {
		if rel, err := filepath.Rel(a, b); err == nil {
			links["raw"] = filepath.ToSlash(rel)
		}
	}
	return bids.WriteDescription(c.OutDir, "phasl derivatives", c.Version, links)
}

// regionRows returns the long-format rows of one scan.
func regionRows(participant string, s *ScanResult) [][]string {
	var rows [][]string
	orNA := func(v string) string {
		if v == "" {
			return bids.Missing
		}
		return v
	}
	add := func(region, measure string, value, se Number, units string, voxels string, coverage Number, note string) {
		source := bids.Missing
		if se == se {
			source = s.SEKind
		}
		rows = append(rows, []string{"sub-" + participant, orNA(s.Entities["ses"]), orNA(s.Entities["acq"]), orNA(s.Entities["run"]), orNA(s.Phase),
			region, measure, bids.FormatNumber(float64(value)), bids.FormatNumber(float64(se)), units,
			source, voxels, bids.FormatNumber(float64(coverage)), orNA(note)})
	}
	nan := Number(math.NaN())
	note := ""
	if s.TissueSource == "" {
		note = "no tissue map could be laid onto the scan"
	}
	add(globalGrey, "cbf", s.Quality.GMCBF, nan, s.Units, bids.Missing, nan, note)
	add(globalWhite, "cbf", s.Quality.WMCBF, nan, s.Units, bids.Missing, nan, note)
	if s.Pure != nil {
		add(globalGrey, "pvc_gm_cbf", s.Pure.GMCBF, nan, s.Units, bids.Missing, nan, note)
		add(globalWhite, "pvc_wm_cbf", s.Pure.WMCBF, nan, s.Units, bids.Missing, nan, note)
	}
	for _, r := range s.Regions {
		add(r.Region, "cbf", r.CBF, r.SE, s.Units, strconv.Itoa(r.Voxels), r.Coverage, r.Note)
		add(r.Region, "gm_cbf", r.GMCBF, nan, s.Units, strconv.Itoa(r.Voxels), r.Coverage, r.Note)
		if r.PureGMCBF != nil {
			add(r.Region, "pvc_gm_cbf", *r.PureGMCBF, nan, s.Units, strconv.Itoa(r.Voxels), r.Coverage, r.Note)
		}
		add(r.Region, "relative_cbf", r.Relative, r.RelativeSE, "1", strconv.Itoa(r.Voxels), r.Coverage, r.Note)
		if s.ATTFile != nil {
			add(r.Region, "att", r.ATT, nan, "s", strconv.Itoa(r.Voxels), r.Coverage, r.Note)
		}
	}
	return rows
}
