package pipeline

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/report"
)

// A pageScan is what the report needs of a scan: its images are kept until the
// participant's page is written, the raw series is not.
type pageScan struct {
	view report.Scan
	info report.Info
}

// forReport returns the scan's part of the page.
func (s *scan) forReport() pageScan {
	r, o := s.result, &s.outcome
	e := s.in.Entities
	v := report.Scan{
		Session: e["ses"], Run: e["run"], Acq: e["acq"], Phase: o.Phase, File: o.Scan, Unit: r.Units,
		CBF: r.CBF, ATT: r.ATT, DeltaM: r.DeltaM, Mask: s.mask,
		Equation: r.Equation, Model: strings.Join(append([]string{modelWords(r.Model) + "."}, r.Notes...), " "),
		Protocol: s.protocolFacts(), Regions: s.regionRows(), Overlays: s.overlays(),
	}
	if known(r.CBFSE) {
		v.SE = r.CBFSE
	}
	if !r.Calibration.Relative {
		v.M0 = r.M0
	}
	for _, m := range s.measures() {
		v.Quality = append(v.Quality, m.Metric)
	}
	for _, c := range r.Constants {
		v.Constants = append(v.Constants, shown(c))
	}
	for _, f := range o.Flags {
		v.Flags = append(v.Flags, report.Flag{Metric: s.about(f), Found: f.Found, Look: f.Look, Severe: severe(f)})
	}
	v.Summary = scanSentence(o)
	v.Motion = s.motionTraces()
	for _, p := range r.Pairs {
		if len(r.Pairs) < 2 {
			break
		}
		pair := report.Pair{Mean: p.Mean, Outlier: !p.Used || p.Reason != "", Reason: p.Reason}
		if len(r.Delays) > 1 {
			pair.PLD = r.Delays[p.Delay].PLD
		}
		v.Pairs = append(v.Pairs, pair)
	}
	return pageScan{view: v, info: s.methodsInfo()}
}

// shown returns a constant as a person reads it: a pure number has no unit.
func shown(c asl.Constant) report.Constant {
	r := report.Constant(c)
	r.Unit = strings.TrimSpace(strings.TrimPrefix(r.Unit, "1"))
	return r
}

func modelWords(m asl.Model) string {
	switch m {
	case asl.ModelWhitePaper:
		return "White-paper equation (one compartment, one delay)"
	case asl.ModelKinetic:
		return "General kinetic model"
	case asl.ModelGE:
		return "White-paper equation with the constants of GE's product"
	}
	return "CBF as given"
}

// writeReport writes the participant's page.
func (w *worker) writeReport(res *ParticipantResult, scans []pageScan, anatomies map[string]*anatomy) error {
	p := report.Participant{ID: "sub-" + w.label, Dataset: datasetName(w.ds), Software: "phasl " + w.c.Version}
	var alike kinds
	for i, s := range scans {
		name := s.view.Name()
		p.Summary = append(p.Summary, name+": "+s.view.Summary)
		p.Scans = append(p.Scans, s.view)
		p.Problems.Add(w.found[res.Scans[i].Scan]...)
		p.Problems.Add(res.Scans[i].Problems...)
		info := s.info
		info.Software = p.Software
		alike.add(info, w.label)
		for _, field := range res.Scans[i].Overrides {
			set := report.Setting{Field: field, Value: w.c.overrides[field]}
			if !slices.Contains(p.Set, set) {
				p.Set = append(p.Set, set)
			}
		}
	}
	for _, in := range w.scans {
		if len(in.T1w) > 0 && anatomies[in.T1w[0]] != nil {
			p.Anatomy = append(p.Anatomy, anatomies[in.T1w[0]].overlays...)
			anatomies[in.T1w[0]] = nil
		}
	}
	p.Methods, p.References = report.Methods(alike.list...)
	w.outputs = append(w.outputs, res.Report)
	return atomicfile.Write(filepath.Join(w.c.OutDir, res.Report), func(out io.Writer) error {
		return report.WriteParticipant(out, &p)
	})
}

func datasetName(ds *bids.Dataset) string {
	name, _ := ds.Description["Name"].(string)
	return name
}
