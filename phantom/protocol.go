package phantom

import (
	"phasl/asl"
	"phasl/bids"
	"phasl/voxel"
)

// An M0Kind says where the equilibrium magnetisation is measured.
type M0Kind int

const (
	M0Included M0Kind = iota // first volume of the series
	M0Separate               // a file of its own
	M0Absent                 // not at all
)

// String returns the value BIDS uses for M0Type.
func (k M0Kind) String() string {
	return [...]string{"Included", "Separate", "Absent"}[k]
}

// A Protocol says how a scanner acquires a series. Start from a preset and
// change what matters.
type Protocol struct {
	Name         string // a word for file names and tables
	Manufacturer string
	Model        string  // of the scanner
	Sequence     string  // PulseSequenceType of BIDS
	Field        float64 // [T]
	Grid         voxel.Grid

	Labelling asl.Labelling
	LD        float64   // labelling duration [s]; for PASL the delay of the bolus cut-off, TI1
	PLD       []float64 // post-labelling delay of each group of pairs [s]; for PASL TI, since the inversion
	Pairs     int       // control-label pairs (or difference volumes) of each delay
	CutOff    string    // PASL: BolusCutOffTechnique; "" for none
	Alpha     float64   // labelling efficiency [1]
	TR        float64   // of control and label volumes [s]

	Suppression  []float64 // inversion pulses [s after labelling begins]; none: no background suppression
	PulseLoss    float64   // share of the label that survives each pulse [1]; 0: 0.95
	AllPulseLoss float64   // share that survives all pulses together, instead of PulseLoss; 0: use PulseLoss

	M0   M0Kind
	M0TR float64 // saturation recovery of the M0 image [s]; 0: fully relaxed

	// DeltaM stores the difference, averaged over Averages pairs and
	// multiplied by DeltaMScale × Averages, instead of control and label: GE's
	// product does so with DeltaMScale 32.
	DeltaM      bool
	Averages    int
	DeltaMScale float64

	SliceStep float64 // 2D: time from one slice to the next [s]; 0: 3D readout
	Blur      float64 // FWHM of the through-plane blur of a long readout [mm]
	SNR       float64 // grey-matter M0 over the noise SD of one raw volume in a realistic scan
	EchoTime  float64 // [s]
	FlipAngle float64 // [degrees]

	Constants Constants // values that the vendor's own equation assumes where they differ from the defaults
}

// volumes returns the type of each volume in order, and for each volume with
// label or its control the index into PLD, otherwise -1.
func (p *Protocol) volumes() (context []bids.VolumeType, delay []int) {
	add := func(t bids.VolumeType, d int) {
		context, delay = append(context, t), append(delay, d)
	}
	if p.M0 == M0Included {
		add(bids.M0Scan, -1)
	}
	for d := range p.PLD {
		for range p.Pairs {
			if p.DeltaM {
				add(bids.DeltaM, d)
			} else {
				add(bids.Control, d)
				add(bids.Label, d)
			}
		}
	}
	return context, delay
}

// readout returns the time of the readout of slice k in delay group d [s],
// counted from the start of labelling.
func (p *Protocol) readout(d, k int) float64 {
	t := p.PLD[d] + float64(k)*p.SliceStep
	if p.Labelling != asl.PASL {
		t += p.LD
	}
	return t
}

// suppressionEfficiency is the share of the label that survives background
// suppression.
func (p *Protocol) suppressionEfficiency() float64 {
	if len(p.Suppression) == 0 {
		return 1
	}
	if p.AllPulseLoss > 0 {
		return p.AllPulseLoss
	}
	loss := p.PulseLoss
	if loss == 0 {
		loss = 0.95
	}
	e := 1.0
	for range p.Suppression {
		e *= loss
	}
	return e
}

// deltaMFactor is what a stored difference volume is multiplied by.
func (p *Protocol) deltaMFactor() float64 {
	f := 1.0
	if p.DeltaMScale != 0 {
		f = p.DeltaMScale
	}
	return f * float64(max(p.Averages, 1))
}

// headBox returns a grid of the given voxel size and shape centred on the
// head, whose axes are those of the world.
func headBox(size voxel.Vec, dim [3]int) voxel.Grid {
	centre := voxel.Vec{0, -16, 10}
	a := voxel.Scaling(size)
	for i := range 3 {
		a[i][3] = centre[i] - size[i]*float64(dim[i]-1)/2
	}
	return voxel.Grid{Dim: dim, Affine: a}
}

// GE3DSpiral is GE's product: pCASL with a stack of spirals, which stores one
// proton-density volume and one perfusion-weighted volume. Times are those of
// the public BIDS example asl001; the grid is a little finer than its 4×4×8
// mm acquisition, coarser than its reconstruction. Labelling and suppression
// lose 0.8 × 0.75 of the label, and blood relaxes with 1.6 s, as the vendor's
// equation has it.
func GE3DSpiral() Protocol {
	return Protocol{
		Name: "GE3DSpiral", Manufacturer: "GE", Model: "DISCOVERY_MR750", Sequence: "3Dspiral", Field: 3,
		Grid:      headBox(voxel.Vec{3, 3, 4}, [3]int{80, 80, 44}),
		Labelling: asl.PCASL, LD: 1.45, PLD: []float64{2.025}, Pairs: 1, Alpha: 0.8, TR: 4.886,
		Suppression: []float64{1.965, 2.6, 3.1, 3.38}, AllPulseLoss: 0.75,
		M0: M0Included, M0TR: 2, DeltaM: true, Averages: 3, DeltaMScale: 32,
		SNR: 1500, EchoTime: 0.010528, FlipAngle: 111,
		Constants: Constants{T1Blood: 1.6, T1Recovery: 1.2},
	}
}

// Siemens3DGRASE is pCASL with a segmented 3D GRASE readout, two suppression
// pulses and a separate M0 image of long repetition time.
func Siemens3DGRASE() Protocol {
	return Protocol{
		Name: "Siemens3DGRASE", Manufacturer: "Siemens", Model: "Prisma", Sequence: "GRASE", Field: 3,
		Grid:      headBox(voxel.Vec{3, 3, 4}, [3]int{72, 80, 42}),
		Labelling: asl.PCASL, LD: 1.8, PLD: []float64{1.8}, Pairs: 10, Alpha: 0.85, TR: 4.6,
		Suppression: []float64{1.85, 3.1}, M0: M0Separate, M0TR: 8,
		Blur: 4, SNR: 300, EchoTime: 0.014, FlipAngle: 120,
	}
}

// EPI2D is pCASL read out by 2D EPI, slice by slice from below, without
// background suppression, its M0 the first volume.
func EPI2D() Protocol {
	return Protocol{
		Name: "EPI2D", Manufacturer: "Philips", Model: "Achieva", Sequence: "EPI", Field: 3,
		Grid:      headBox(voxel.Vec{3.4, 3.4, 5}, [3]int{64, 68, 30}),
		Labelling: asl.PCASL, LD: 1.8, PLD: []float64{1.6}, Pairs: 30, Alpha: 0.85, TR: 4.8,
		M0: M0Included, M0TR: 4.8, SliceStep: 0.035, SNR: 120, EchoTime: 0.012, FlipAngle: 90,
	}
}

// PASLQ2TIPS is pulsed labelling with the bolus cut off after 0.8 s, read out
// by 2D EPI.
func PASLQ2TIPS() Protocol {
	p := EPI2D()
	p.Name, p.Manufacturer, p.Model = "PASLQ2TIPS", "Siemens", "TrioTim"
	p.Labelling, p.LD, p.PLD, p.CutOff, p.Alpha, p.TR, p.M0TR = asl.PASL, 0.8, []float64{1.8}, "Q2TIPS", 0.98, 3, 3
	return p
}

// MultiDelay is [Siemens3DGRASE] with six delays of three pairs each and an
// M0 volume in the series.
func MultiDelay() Protocol {
	p := Siemens3DGRASE()
	p.Name = "MultiDelay"
	p.PLD = []float64{0.25, 0.5, 1.0, 1.5, 2.0, 2.5}
	p.Pairs, p.LD, p.TR, p.Suppression = 3, 1.5, 5, nil
	p.M0, p.M0TR, p.Blur = M0Included, 8, 0
	return p
}
