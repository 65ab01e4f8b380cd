package pipeline

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/report"
)

// writeIndex writes the page over all participants, from their records and
// derivatives, so that it does not matter which process made them.
func writeIndex(c *Config, ds *bids.Dataset, all []ParticipantResult) error {
	x := report.Index{Title: "Perfusion reports", Software: "phasl " + c.Version}
	if name := datasetName(ds); name != "" {
		x.Title += ": " + name
	}
	scans := 0
	for _, p := range all {
		e := report.IndexEntry{ID: "sub-" + p.Participant, Href: p.Report}
		for _, sc := range p.Scans {
			scans++
			is := report.IndexScan{Name: scanTitle(sc), GM: float64(sc.Quality.GMCBF), Unit: sc.Units, Flags: len(sc.Flags), Severe: slices.ContainsFunc(sc.Flags, severe)}
			cbf, _, err := nifti.ReadImage(filepath.Join(c.OutDir, filepath.FromSlash(sc.CBFFile)))
			if err != nil {
				return err
			}
			is.CBF = cbf
			e.Scans = append(e.Scans, is)
			e.Summary = scanSentence(&sc)
		}
		if len(p.Scans) > 1 {
			e.Summary = fmt.Sprintf("%d scans", len(p.Scans))
		}
		x.Participants = append(x.Participants, e)
	}
	x.Summary = []string{fmt.Sprintf("%d participants, %d scans.", len(all), scans)}
	return atomicfile.Write(filepath.Join(c.OutDir, "index.html"), func(w io.Writer) error { return report.WriteIndex(w, &x) })
}

// scanTitle names a scan within its participant.
func scanTitle(sc ScanResult) string {
	s := report.Scan{Session: sc.Entities["ses"], Run: sc.Entities["run"], Acq: sc.Entities["acq"], Phase: sc.Phase}
	return s.Name()
}

// scanSentence says in one sentence what came out.
func scanSentence(o *ScanResult) string {
	flags := "nothing flagged"
	if n := len(o.Flags); n == 1 {
		flags = "1 thing to look at"
	} else if n > 1 {
		flags = fmt.Sprintf("%d things to look at", n)
	}
	gm := float64(o.Quality.GMCBF)
	switch {
	case math.IsNaN(gm):
		return "Grey-matter CBF is not known, because no tissue map could be laid onto the scan; " + flags + "."
	case o.Units != asl.UnitsAbsolute:
		return fmt.Sprintf("Relative perfusion only (no M0): grey matter %.2f in arbitrary units; %s.", gm, flags)
	}
	return fmt.Sprintf("Grey-matter CBF %.1f mL/100 g/min; %s.", gm, flags)
}
