package asl

import "math"

// WhitePaper returns the factor [mL/100 g/min] by which the white-paper
// equation multiplies ΔM/M0:
//
//	PCASL, CASL:  CBF = 6000 · λ · (ΔM/M0) · exp(PLD/T1b) / (2 · α · T1b · (1 − exp(−τ/T1b)))
//	PASL:         CBF = 6000 · λ · (ΔM/M0) · exp(TI/T1b)  / (2 · α · τ)
//
// pld [s] is counted from the end of labelling, for PASL from the inversion;
// k.Tau is the labelling duration, for PASL TI1 of QUIPSS II or Q2TIPS.
// k.T1t is not used.
//
// The equation takes all label to have arrived by the time of readout and to
// decay with T1b throughout. Tissue relaxes faster than blood, so CBF reads
// low, the more so the longer label has been in tissue; where label is still
// on its way it reads low too.
//
// Source: Alsop et al. 2015, Magn Reson Med 73:102, doi:10.1002/mrm.25197.
func (k Kinetic) WhitePaper(pld float64) float64 {
	if k.Labelling == PASL {
		return 6000 * k.Lambda * math.Exp(pld/k.T1b) / (2 * k.Alpha * k.Tau)
	}
	return 6000 * k.Lambda * math.Exp(pld/k.T1b) / (2 * k.Alpha * k.T1b * -math.Expm1(-k.Tau/k.T1b))
}
