package asl

import (
	"math"
	"slices"

	"phasl/bids"
)

// A Protocol says how a series was acquired. [ParseProtocol] makes one from
// BIDS metadata; its slices have one entry per volume unless they say
// otherwise.
type Protocol struct {
	File    string // sidecar, for messages
	Context []bids.VolumeType

	Labelling Labelling
	PLD       []float64 // post-labelling delay [s]; for PASL the inversion time TI; NaN where a volume has none
	LD        []float64 // labelling duration [s]; NaN for PASL and where a volume has none
	TR        []float64 // RepetitionTimePreparation [s]

	BolusCutOff     bool      // PASL: the end of the bolus is set by saturation pulses
	CutOffTechnique string    // "QUIPSS", "QUIPSSII" or "Q2TIPS"
	CutOffDelays    []float64 // [s] after the inversion; the first is TI1

	FieldStrength float64   // [T]
	SliceAxis     int       // voxel axis along which slices were excited, 0 to 2
	SliceTimes    []float64 // [s] after the first slice, by voxel index along SliceAxis; nil for 3D readouts

	BackgroundSuppression bool
	SuppressionPulses     int // pulses that act on the label; -1 if not stated

	M0Type     string  // "Separate", "Included", "Estimate" or "Absent"
	M0Estimate float64 // M0 of the whole brain in the units of the series, for "Estimate"

	LabelingEfficiency Optional // measured efficiency, if the sidecar has one
	TotalAcquiredPairs Optional

	Manufacturer string
	GEProduct    bool // GE's 3D spiral sequence with the scanner's own subtraction, which scales ΔM

	CBFScale float64 // for cbf volumes: factor to mL/100 g/min; 0: 1
}

// An Optional is a number that a sidecar may have.
type Optional struct {
	Value float64
	File  string // where it is from; "--set" if the user gave it
	Given bool
}

// A Delay is one combination of labelling duration and post-labelling delay.
type Delay struct {
	PLD float64 `json:"pld"` // [s]; for PASL the inversion time
	LD  float64 `json:"ld"`  // [s]; for PASL the duration of the bolus
}

// sameTime is the tolerance within which two delays are one [s]. Scanners
// round to the millisecond.
const sameTime = 1.5e-3

// source tells which volumes of the series carry perfusion: raw pairs if there
// are any, otherwise the scanner's subtraction, otherwise its CBF.
func (p *Protocol) source() bids.VolumeType {
	switch {
	case slices.Contains(p.Context, bids.Control) && slices.Contains(p.Context, bids.Label):
		return bids.Control
	case slices.Contains(p.Context, bids.DeltaM):
		return bids.DeltaM
	case slices.Contains(p.Context, bids.CBF):
		return bids.CBF
	}
	return ""
}

// IsCBF reports whether the series brings CBF computed elsewhere, to be passed
// through.
func (p *Protocol) IsCBF() bool { return p.source() == bids.CBF }

func (p *Protocol) cbfScale() float64 {
	if p.CBFScale == 0 {
		return 1
	}
	return p.CBFScale
}

// IsDeltaM reports whether the series brings differences, not raw pairs.
func (p *Protocol) IsDeltaM() bool { return p.source() == bids.DeltaM }

// relative reports whether there is nothing to calibrate by: no M0, and no
// controls that could serve as M0.
func (p *Protocol) relative() bool {
	return p.M0Type == "Absent" && (p.source() != bids.Control || p.BackgroundSuppression)
}

// vendorEfficiency is the labelling efficiency up to which a sidecar's is
// taken as total on GE's product. The vendor's is 0.6 with suppression and 0.8
// without; this lies below the latter by as much as labelling may fail.
const vendorEfficiency = 0.65

// totalEfficiency reports whether the sidecar's efficiency is taken to contain
// the loss to background suppression.
func (p *Protocol) totalEfficiency() bool {
	return p.GEProduct && p.LabelingEfficiency.Given && p.LabelingEfficiency.Value <= vendorEfficiency
}

// Count returns the number of volumes of type v.
func (p *Protocol) Count(v bids.VolumeType) int {
	n := 0
	for _, c := range p.Context {
		if c == v {
			n++
		}
	}
	return n
}

// perfusionVolume reports whether volume v takes part in ΔM or CBF.
func (p *Protocol) perfusionVolume(v int) bool {
	switch s := p.source(); s {
	case bids.Control:
		return p.Context[v] == bids.Control || p.Context[v] == bids.Label
	default:
		return s != "" && p.Context[v] == s
	}
}

// delay returns the delay of volume v. For PASL LD is the duration of the
// bolus, NaN if nothing sets it.
func (p *Protocol) delay(v int) Delay {
	d := Delay{PLD: p.PLD[v], LD: p.LD[v]}
	if p.Labelling == PASL {
		d.LD = math.NaN()
		if p.BolusCutOff && len(p.CutOffDelays) > 0 {
			d.LD = p.CutOffDelays[0]
			if p.CutOffTechnique == "QUIPSS" {
				// QUIPSS saturates the slab, not the label: what counts arrived after TI1.
				d.LD = d.PLD - p.CutOffDelays[0]
			}
		}
	}
	return d
}

func (d Delay) same(e Delay) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) <= sameTime || math.IsNaN(a) && math.IsNaN(b) }
	return near(d.PLD, e.PLD) && near(d.LD, e.LD)
}

// Delays lists the distinct delays of the volumes that carry perfusion, by
// rising PLD and then LD.
func (p *Protocol) Delays() []Delay {
	var out []Delay
	if p.IsCBF() {
		return nil
	}
	for v := range p.Context {
		if !p.perfusionVolume(v) {
			continue
		}
		d := p.delay(v)
		if !slices.ContainsFunc(out, d.same) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(a, b Delay) int {
		if a.PLD != b.PLD {
			return compareFloat(a.PLD, b.PLD)
		}
		return compareFloat(a.LD, b.LD)
	})
	return out
}

// MultiDelay reports whether there is more than one delay, so that transit
// time can be fitted.
func (p *Protocol) MultiDelay() bool { return len(p.Delays()) > 1 }

// sliceTime returns the time [s] by which the readout of voxel (i, j, k) lags
// that of the first slice; 0 for 3D readouts.
func (p *Protocol) sliceTime(ijk [3]int) float64 {
	if p.SliceTimes == nil {
		return 0
	}
	return p.SliceTimes[ijk[p.SliceAxis]]
}
