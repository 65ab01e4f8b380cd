package asl

import "fmt"

// A Model relates ΔM to perfusion.
type Model int

const (
	ModelAuto       Model = iota // the default for the protocol: GE for its product, kinetic for several delays, otherwise white paper
	ModelWhitePaper              // the equation of Alsop et al. 2015 for one delay
	ModelKinetic                 // the general kinetic model of Buxton et al. 1998
	ModelGE                      // the white-paper equation with the constants of GE's product
	ModelNone                    // CBF was computed elsewhere and is passed through
)

// String returns the name the command line uses.
func (m Model) String() string {
	switch m {
	case ModelAuto:
		return "auto"
	case ModelWhitePaper:
		return "whitepaper"
	case ModelKinetic:
		return "kinetic"
	case ModelGE:
		return "ge"
	case ModelNone:
		return "none"
	}
	return fmt.Sprintf("Model(%d)", int(m))
}

// MarshalText writes the name the command line uses.
func (m Model) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads "auto", "whitepaper", "kinetic" or "ge".
func (m *Model) UnmarshalText(b []byte) error {
	for _, k := range []Model{ModelAuto, ModelWhitePaper, ModelKinetic, ModelGE} {
		if k.String() == string(b) {
			*m = k
			return nil
		}
	}
	return fmt.Errorf("asl: model %q is not auto, whitepaper, kinetic or ge", b)
}

// A Pairing is the way control and label volumes are subtracted.
type Pairing int

const (
	PairNearest  Pairing = iota // each volume is used once, partners as near in time as can be
	PairSurround                // from each label, the mean of the controls just before and just after it
)

// String returns "nearest" or "surround".
func (p Pairing) String() string {
	if p == PairSurround {
		return "surround"
	}
	return "nearest"
}

// MarshalText writes what [Pairing.String] returns.
func (p Pairing) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads "nearest" or "surround".
func (p *Pairing) UnmarshalText(b []byte) error {
	switch string(b) {
	case "nearest":
		*p = PairNearest
	case "surround":
		*p = PairSurround
	default:
		return fmt.Errorf("asl: pairing %q is neither nearest nor surround", b)
	}
	return nil
}

// Options steers the quantification. The zero value is the default.
type Options struct {
	Model   Model
	Pairing Pairing
	Set     map[string]float64 // constants by name (see [ConstantNames]) that replace defaults and sidecar

	KeepOutliers bool    // flag pairs that stand apart but use them
	OutlierLimit float64 // robust z score beyond which a pair stands apart; 0: 3.5
	OutlierShare float64 // largest share of the pairs that may be left out; 0: 0.25

	M0FWHM     float64 // Gaussian smoothing of M0 within the brain [mm]; 0: none
	M0Floor    float64 // share of the brain's median M0 below which a voxel's M0 is not trusted; 0: 0.2, negative: 0
	M0Reach    float64 // how far M0 is extended into voxels below the floor [mm]; 0: 8, negative: not at all
	M0EdgeTrim float64 // width of the rim of the mask whose M0 is replaced by extension from inside [mm]; 0: none

	MaxATT     float64 // upper bound of fitted transit times [s]; 0: 3.5. Half the bolus must have arrived by the last readout too
	ATTPriorSD float64 // standard deviation of the prior of fitted transit times [s]; 0: 1, negative: no prior. [TransitPriorSD] in Set goes before a positive one
	Workers    int     // 0: one per CPU. The result does not depend on it.
}

func (o Options) outlierLimit() float64 { return orDefault(o.OutlierLimit, 3.5) }
func (o Options) outlierShare() float64 { return orDefault(o.OutlierShare, 0.25) }
func (o Options) m0Floor() float64      { return orDefault(o.M0Floor, 0.2) }
func (o Options) m0Reach() float64      { return orDefault(o.M0Reach, 8) }
func (o Options) maxATT() float64       { return orDefault(o.MaxATT, 3.5) }

// orDefault returns def for zero and zero for a negative value.
func orDefault(v, def float64) float64 {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}
