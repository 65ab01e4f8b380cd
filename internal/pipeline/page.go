package pipeline

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"phasl/asl"
	"phasl/bids"
	"phasl/internal/atomicfile"
	"phasl/nifti"
	"phasl/report"
	"phasl/voxel"
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

// known reports whether an image has any value.
func known(m *voxel.Image) bool {
	return slices.ContainsFunc(m.Data, func(v float32) bool { return v == v })
}

// severe reports whether the numbers should not be used before the flag is
// settled.
func severe(f asl.Flag) bool {
	return slices.Contains([]string{"no-signal", "swapped", "no-perfusion", "cbf-in-thousands", "cbf-spread", "negative"}, f.Code)
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

func (s *scan) protocolFacts() []report.Fact {
	p := &s.protocol
	var out []report.Fact
	if p.IsCBF() { // how it was acquired does not enter, and was not read
		return s.sizeFacts()
	}
	add := func(name, value, unit, field string) {
		if value != "" {
			out = append(out, report.Fact{Name: name, Value: value, Unit: unit, From: s.in.Sidecar.Source(field)})
		}
	}
	add("Labelling", p.Labelling.String(), "", "ArterialSpinLabelingType")
	var pld, ld []float64
	for _, d := range p.Delays() {
		pld, ld = append(pld, d.PLD), append(ld, d.LD)
	}
	if p.Labelling == asl.PASL {
		add("Inversion time TI", numbers(pld), "s", "PostLabelingDelay")
		add("Bolus duration", numbers(ld), "s", "BolusCutOffDelayTime")
	} else {
		add("Post-labelling delay", numbers(pld), "s", "PostLabelingDelay")
		add("Labelling duration", numbers(ld), "s", "LabelingDuration")
	}
	add("Repetition time", numbers(distinct(p.TR)), "s", "RepetitionTimePreparation")
	add("Field strength", numbers([]float64{p.FieldStrength}), "T", "MagneticFieldStrength")
	add("Background suppression", suppression(p), "", "BackgroundSuppression")
	add("M0", p.M0Type, "", "M0Type")
	return append(out, s.sizeFacts()...)
}

// sizeFacts says what the series holds.
func (s *scan) sizeFacts() []report.Fact {
	var out []report.Fact
	p := &s.protocol
	counts := map[bids.VolumeType]int{}
	for _, c := range p.Context {
		counts[c]++
	}
	var words []string
	for _, t := range []bids.VolumeType{bids.M0Scan, bids.Control, bids.Label, bids.DeltaM, bids.CBF} {
		if counts[t] > 0 {
			words = append(words, fmt.Sprintf("%d %s", counts[t], t))
		}
	}
	out = append(out, report.Fact{Name: "Volumes", Value: strings.Join(words, ", "), From: s.in.ContextPath})
	sp := s.series.Spacing()
	out = append(out, report.Fact{Name: "Voxels", Value: fmt.Sprintf("%.3g × %.3g × %.3g", sp[0], sp[1], sp[2]), Unit: "mm"})
	return out
}

func suppression(p *asl.Protocol) string {
	switch {
	case !p.BackgroundSuppression:
		return "off"
	case p.SuppressionPulses >= 0:
		return fmt.Sprintf("on, %d pulses", p.SuppressionPulses)
	}
	return "on, number of pulses not stated"
}

func distinct(v []float64) []float64 {
	var out []float64
	for _, x := range v {
		if !math.IsNaN(x) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

func numbers(v []float64) string {
	var out []string
	for _, x := range distinct(v) {
		out = append(out, fmt.Sprintf("%.4g", x))
	}
	return strings.Join(out, ", ")
}

// A measure is a metric of quality, and what to do when it lies outside the
// range usually seen.
type measure struct {
	report.Metric
	codes []string // flags of asl about the same
	look  string
}

// measures lists quality with the ranges usually seen. The ranges are wide:
// outside them one should look, which is not to say that the person is unusual.
func (s *scan) measures() []measure {
	nan := math.NaN()
	q := s.quality
	unit := s.result.Units
	gm := report.Metric{Name: "Grey-matter CBF", Value: q.GreyCBF, Unit: unit, Low: 30, High: 100, Key: true, Note: "mean over voxels that are mostly grey matter, from " + s.tissuesFrom}
	qei := 0.5
	wm := report.Metric{Name: "White-matter CBF", Value: q.WhiteCBF, Unit: unit, Low: 8, High: 40}
	if unit != asl.UnitsAbsolute {
		gm.Name, wm.Name = "Grey-matter perfusion", "White-matter perfusion"
		gm.Low, gm.High, wm.Low, wm.High = nan, nan, nan, nan
		qei = nan // it was rated on absolute CBF
	}
	if s.tissues == nil {
		gm.Note = "needs a T1w image, or a template that the scan could be registered to"
	}
	level := "check M0 and its scale, the delays and the labelling duration"
	outlines := "look at the tissue outlines on the scan: registration or segmentation may be off"
	moving := "look at the motion trace and the ΔM map"
	still := s.stillWhy // why there is no motion to tell
	return []measure{
		{gm, []string{"cbf-in-thousands", "cbf-high", "cbf-low", "negative", "no-perfusion", "no-signal", "swapped"}, level},
		{wm, []string{"cbf-in-thousands", "cbf-high", "cbf-low", "negative", "no-perfusion", "no-signal", "swapped"}, level},
		{report.Metric{Name: "GM/WM ratio", Value: q.Ratio, Low: 1.3, High: 5, Note: "grey matter has two to four times the flow of white; large voxels and blurring bring the ratio down"}, []string{"grey-not-above-white"}, outlines},
		{report.Metric{Name: "QEI", Value: q.QEI, Low: qei, High: nan, Key: true, Note: "quality evaluation index, 0 to 1 (Dolui et al. 2024)"}, []string{"qei-low"}, "look at the CBF map before using it: scans below 0.5 are seldom rated acceptable by eye"},
		{report.Metric{Name: "Spatial CoV", Value: q.SpatialCoV, Low: nan, High: 0.8, Key: true, Note: "standard deviation over mean in grey matter; high with late arrival or noise"}, []string{"scov-high"}, "look for bright vessels and cold watersheds: label may not have arrived by readout"},
		{report.Metric{Name: "tSNR", Value: q.TSNR, Low: nan, High: nan, Note: "mean ΔM over its scatter from pair to pair, median of grey matter; needs several pairs"}, nil, ""},
		{report.Metric{Name: "Negative grey matter", Value: 100 * q.NegativeFraction, Unit: "%", Low: nan, High: 10}, []string{"many-negative"}, "look at the ΔM map for noise and motion"},
		{report.Metric{Name: "FD, mean", Value: q.FDMean, Unit: "mm", Low: nan, High: 0.5, Key: s.moved, Note: still}, nil, moving},
		{report.Metric{Name: "FD, largest", Value: q.FDMax, Unit: "mm", Low: nan, High: 3, Note: still}, nil, moving},
	}
}

// outside reports whether the value lies outside the usual range.
func (m *measure) outside() bool { return m.Value < m.Low || m.Value > m.High }

// unusual flags the measures outside their usual range that have no flag yet,
// so that the page never shows a red number under "nothing flagged".
func (s *scan) unusual() []asl.Flag {
	var out []asl.Flag
	for _, m := range s.measures() {
		known := slices.ContainsFunc(s.flags, func(f asl.Flag) bool { return slices.Contains(m.codes, f.Code) })
		if known || !m.outside() {
			continue
		}
		end, side := m.Low, "below"
		if m.Value > m.High {
			end, side = m.High, "above"
		}
		out = append(out, asl.Flag{Code: "unusual-" + strings.ToLower(strings.NewReplacer(" ", "-", ",", "", "/", "-").Replace(m.Name)),
			Found: strings.TrimSpace(fmt.Sprintf("%s is %.3g, %s %g %s", m.Name, m.Value, side, end, m.Unit)), Look: m.look})
	}
	return out
}

// about returns the name of the measure a flag is about, "" if it is about
// none.
func (s *scan) about(f asl.Flag) string {
	for _, m := range s.measures() {
		if slices.Contains(m.codes, f.Code) || strings.HasPrefix(f.Found, m.Name+" is ") {
			return m.Name
		}
	}
	return ""
}

func (s *scan) motionTraces() *report.Motion {
	m := &report.Motion{FDLimit: 0.5, DVARSUnit: "% of the mean signal"}
	for v, c := range s.protocol.Context {
		vol := report.Volume{Kind: string(c), Excluded: slices.Contains(s.result.Volumes.Excluded, v)}
		if vol.Excluded {
			vol.Reason = "not needed"
			if c == bids.Control || c == bids.Label {
				vol.Reason = "has no partner"
			}
		}
		for _, p := range s.result.Pairs {
			if !p.Used && (p.Label == v || slices.Contains(p.Controls, v)) {
				vol.Reason = p.Reason
			}
		}
		m.Volumes = append(m.Volumes, vol)
	}
	if !s.moved {
		m.Note = "Motion was not estimated: " + s.stillWhy + "."
		return m
	}
	for _, p := range s.motion.Poses {
		m.Translation = append(m.Translation, p.Translation)
		deg := 180 / math.Pi
		m.Rotation = append(m.Rotation, [3]float64{p.Rotation[0] * deg, p.Rotation[1] * deg, p.Rotation[2] * deg})
	}
	m.FD, m.DVARS = s.motion.FD, s.dvars
	m.Note = "Rigid realignment by least squares within each kind of volume; the systematic control–label difference does not count as motion."
	return m
}

// overlays are the pictures by which a reader judges the registrations.
func (s *scan) overlays() []report.Overlay {
	var out []report.Overlay
	step := func(name string) StepResult {
		for _, st := range s.steps {
			if st.Step == name {
				return st
			}
		}
		return StepResult{}
	}
	if s.anatomy != nil {
		t1 := voxel.Average(s.anatomy.t1, s.series.Grid, s.toAnatomy, 2, s.set.Workers)
		wm := voxel.Average(s.anatomy.tissues.WM, s.series.Grid, s.toAnatomy, 2, s.set.Workers)
		st := step("ASL to T1w, rigid")
		name := "ASL (M0 or control)"
		if s.blind {
			name = "ASL (difference)"
		}
		out = append(out, report.Overlay{
			Title:  "Scan and T1w image",
			Fixed:  report.Layer{Name: name, Image: s.look},
			Moving: report.Layer{Name: "T1w", Image: t1},
			Outlines: []report.Outline{
				{Name: "brain mask", Mask: s.mask}, {Name: "white matter", Mask: wm.Threshold(0.5)}},
			Measures: facts(st), Failed: !st.OK,
			Look: "The white-matter line of the T1w image follows the contrast of the scan; the brain does not jump when you flick.",
		})
	}
	if s.stdCBF != nil {
		o := report.Overlay{
			Title:    "CBF in template space",
			Fixed:    report.Layer{Name: "template " + s.space.name, Image: s.space.t1},
			Moving:   report.Layer{Name: "CBF", Image: s.stdCBF, Kind: report.Perfusion, Unit: s.result.Units},
			Outlines: []report.Outline{{Name: "template brain", Mask: s.space.brain}},
			Look:     "Cortex and deep grey nuclei of the CBF map lie on those of the template, and the regions of interest on the anterior cingulate.",
		}
		if !s.onAnatomy {
			st := step("ASL to template, affine")
			o.Measures, o.Failed = facts(st), !st.OK
			o.Outlines = append(o.Outlines, report.Outline{Name: "white matter of the template", Mask: s.space.segmented(s.set.Workers).WM.Threshold(0.5)})
		}
		if rs := s.space.regions; rs != nil {
			o.Labels, o.Regions = rs.onTemplate, rs.outlined
		}
		out = append(out, o)
	}
	return out
}

// writeReport writes the participant's page.
func (w *worker) writeReport(res *ParticipantResult, scans []pageScan, anatomies map[string]*anatomy) error {
	p := report.Participant{ID: "sub-" + w.label, Dataset: datasetName(w.ds), Software: "phasl " + w.c.Version}
	var kinds []report.Info // scans acquired and processed alike share a text
	for i, s := range scans {
		name := s.view.Name()
		p.Summary = append(p.Summary, name+": "+s.view.Summary)
		p.Scans = append(p.Scans, s.view)
		p.Problems.Add(w.found[res.Scans[i].Scan]...)
		p.Problems.Add(res.Scans[i].Problems...)
		info := s.info
		info.Software, info.People, info.Scans = p.Software, 1, 0
		k := slices.IndexFunc(kinds, func(x report.Info) bool {
			x.Scans, x.Outliers = 0, ""
			y := info
			y.Outliers = ""
			return reflect.DeepEqual(x, y)
		})
		if k < 0 {
			k = len(kinds)
			kinds = append(kinds, info)
		}
		kinds[k].Scans++
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
	p.Methods, p.References = report.Methods(kinds...)
	w.outputs = append(w.outputs, res.Report)
	return atomicfile.Write(filepath.Join(w.c.OutDir, res.Report), func(out io.Writer) error {
		return report.WriteParticipant(out, &p)
	})
}

// methodsInfo gathers what the methods text says of a scan.
func (s *scan) methodsInfo() report.Info {
	p := &s.protocol
	text := func(field string) string {
		v, _ := s.in.Sidecar.Text(field, nil)
		return v
	}
	info := report.Info{
		Field: p.FieldStrength, Manufacturer: p.Manufacturer, Scanner: text("ManufacturersModelName"), Labelling: p.Labelling.String(),
		Readout: strings.TrimSpace(text("MRAcquisitionType") + " " + readout(text("PulseSequenceType"))),
		Pulses:  max(p.SuppressionPulses, 0), Suppressed: p.BackgroundSuppression, VoxelSize: s.series.Spacing(),
		Realigned: s.moved, M0TR: s.recoveredTR(), SliceTimed: p.SliceTimes != nil,
		QEI: !math.IsNaN(s.quality.QEI), SpatialCoV: !math.IsNaN(s.quality.SpatialCoV),
	}
	if p.IsCBF() {
		info.Labelling, info.Suppressed, info.Pulses = "", false, 0
	}
	for _, d := range p.Delays() {
		info.PLD = append(info.PLD, d.PLD)
		info.Tau = d.LD
	}
	if p.BolusCutOff {
		info.BolusCutOff = p.CutOffTechnique
	}
	switch {
	case p.IsCBF():
		info.Input = "cbf"
	case p.IsDeltaM():
		info.Input = "deltam"
	default:
		left := 0
		for _, pair := range s.result.Pairs {
			if !pair.Used {
				left++
			}
		}
		if left > 0 {
			info.Outliers = fmt.Sprintf("a robust z score above 3.5 of the mean or the spatial scatter of ΔM, or of the distance from the mean difference (%d of %d)", left, len(s.result.Pairs))
		}
	}
	switch {
	case p.GEProduct:
		info.M0 = "product"
	case s.result.Calibration.Relative:
		info.M0 = "absent"
	case p.M0Type == "Absent":
		info.M0 = "control"
	default:
		info.M0 = strings.ToLower(p.M0Type)
	}
	switch {
	case s.result.Model == asl.ModelKinetic && p.MultiDelay():
		info.Model = "multi-delay"
	case s.result.Model == asl.ModelKinetic:
		info.Model = "kinetic"
	case p.GEProduct && s.result.Model != asl.ModelKinetic:
		info.Model = "product"
	case s.result.Model == asl.ModelWhitePaper:
		info.Model = "white-paper"
	}
	for _, c := range s.result.Constants {
		info.Constants = append(info.Constants, shown(c))
	}
	if s.onAnatomy {
		info.Tissue, info.ToAnatomy = "a T1-weighted image of the same person", "mutual information"
	} else if s.tissues != nil {
		info.Tissue = "the template"
	}
	if s.onTemplate {
		info.Template, info.Warp = s.space.name, "affine"
		if rs := s.space.regions; rs != nil {
			info.Atlas, info.Joined, info.Coverage = rs.name, rs.joined, rs.minCoverage
		}
	}
	return info
}

func readout(sequence string) string { return strings.ReplaceAll(sequence, "3D_", "") }

// recoveredTR returns the repetition time that M0 was corrected for, 0 if it
// was not.
func (s *scan) recoveredTR() float64 {
	if s.protocol.IsCBF() || s.result.Calibration.Recovery == 1 || s.protocol.GEProduct {
		return 0
	}
	if s.m0 != nil {
		if len(s.m0TR) == 0 {
			return 0
		}
		return s.m0TR[0]
	}
	for v, c := range s.protocol.Context {
		if c == bids.M0Scan {
			return s.protocol.TR[v]
		}
	}
	return distinct(s.protocol.TR)[0]
}

func datasetName(ds *bids.Dataset) string {
	name, _ := ds.Description["Name"].(string)
	return name
}

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
