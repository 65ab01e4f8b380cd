package pipeline

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"phasl/asl"
	"phasl/bids"
	"phasl/report"
)

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
		switch {
		case s.given.toT1w != "":
			info.ToAnatomy = "given"
		case s.bordered:
			info.ToAnatomy = "boundary"
		}
		if s.anatomy.step(givenTissueStep).done() {
			info.Tissue += ", segmented by other means"
		}
	} else if s.tissues != nil {
		info.Tissue = "the template"
	}
	if s.pure != nil {
		info.Unmixed = asl.UnmixFWHM
	}
	if s.onTemplate {
		info.Template, info.Warp = s.space.name, s.registration()
		if rs := s.space.regions; rs != nil {
			info.Atlas, info.Joined, info.Coverage = rs.name, rs.joined, rs.minCoverage
		}
	}
	return info
}

// readout is the pulse sequence without the dimension, which stands before it.
func readout(sequence string) string {
	return strings.TrimLeft(strings.TrimPrefix(sequence, "3D"), "_ ")
}

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
