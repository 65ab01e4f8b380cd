package phantom

import (
	"math"
	"strings"

	"phasl/asl"
	"phasl/bids"
)

// Sidecar returns the BIDS metadata of the series.
func (a *Acquisition) Sidecar() map[string]any {
	p := &a.Protocol
	s := p.scannerFields()
	s["ArterialSpinLabelingType"] = p.Labelling.String()
	s["LabelingEfficiency"] = p.Alpha
	s["BackgroundSuppression"] = len(p.Suppression) > 0
	if n := len(p.Suppression); n > 0 {
		s["BackgroundSuppressionNumberPulses"] = n
		s["BackgroundSuppressionPulseTime"] = p.Suppression
	}
	s["M0Type"] = p.M0.String()
	s["TotalAcquiredPairs"] = len(p.PLD) * p.Pairs * max(p.Averages, 1)
	s["VascularCrushing"] = false
	s["AcquisitionVoxelSize"] = p.Grid.Spacing()

	tr := make([]float64, len(a.Context))
	for v, c := range a.Context {
		tr[v] = p.TR
		if c == bids.M0Scan && !p.DeltaM {
			tr[v] = p.m0TR()
		}
	}
	s["RepetitionTimePreparation"] = sameOrAll(tr)
	pld, ld := a.PLD, make([]float64, len(a.Context))
	for v, c := range a.Context {
		if c != bids.M0Scan {
			ld[v] = p.LD
		}
	}
	if len(p.PLD) == 1 {
		s["PostLabelingDelay"] = p.PLD[0]
	} else {
		s["PostLabelingDelay"] = sameOrAll(pld)
	}
	if p.Labelling == asl.PASL {
		s["PASLType"] = "PICORE"
		s["LabelingSlabThickness"] = 100
		s["BolusCutOffFlag"] = p.CutOff != ""
		if p.CutOff != "" {
			s["BolusCutOffTechnique"] = p.CutOff
			s["BolusCutOffDelayTime"] = p.LD
			if strings.EqualFold(p.CutOff, "Q2TIPS") { // first and last saturation pulse
				s["BolusCutOffDelayTime"] = []float64{p.LD, p.PLD[0] - 0.1}
			}
		}
	} else if len(p.PLD) == 1 {
		s["LabelingDuration"] = p.LD
	} else {
		s["LabelingDuration"] = sameOrAll(ld)
	}
	return s
}

// M0Sidecar returns the BIDS metadata of a separate M0 image, but for
// IntendedFor.
func (a *Acquisition) M0Sidecar() map[string]any {
	s := a.Protocol.scannerFields()
	s["RepetitionTimePreparation"] = a.Protocol.m0TR()
	return s
}

// m0TR is the repetition time to state for M0 images. A fully relaxed one has
// the longest of any use.
func (p *Protocol) m0TR() float64 {
	if p.M0TR <= 0 {
		return 30
	}
	return p.M0TR
}

// scannerFields are common to the series and a separate M0 image.
func (p *Protocol) scannerFields() map[string]any {
	s := map[string]any{
		"Manufacturer": p.Manufacturer, "ManufacturersModelName": p.Model, "MagneticFieldStrength": p.Field,
		"PulseSequenceType": p.Sequence, "PulseSequenceDetails": "simulated by phasl: " + p.Name,
		"EchoTime": p.EchoTime, "FlipAngle": p.FlipAngle, "MRAcquisitionType": "3D",
	}
	if p.SliceStep > 0 {
		s["MRAcquisitionType"] = "2D"
		times := make([]float64, p.Grid.Dim[2])
		for k := range times {
			times[k] = math.Round(float64(k)*p.SliceStep*1e6) / 1e6
		}
		s["SliceTiming"] = times
	}
	return s
}

// sameOrAll returns one number if all are equal, otherwise all.
func sameOrAll(v []float64) any {
	for _, x := range v {
		if x != v[0] {
			return v
		}
	}
	return v[0]
}
