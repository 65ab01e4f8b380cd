// Package asl turns arterial spin labelling series into maps of cerebral
// blood flow (CBF) and arterial transit time (ATT), and judges them.
//
// [ParseProtocol] reads from BIDS metadata how a series was acquired.
// [Quantify] does everything after it: it pairs control and label volumes and
// forms the difference ΔM, leaves out pairs that stand apart, calibrates by
// the equilibrium magnetisation M0, and solves the model. [Assess] gives the
// usual measures of quality and says what looks wrong. [Kinetic] is the
// general kinetic model itself, which simulators use too. Nothing here opens
// a file.
//
// # Units and symbols
//
//	CBF  mL/100 g/min   perfusion, f after division by 6000
//	ΔM   scanner units  control − label; the same units as M0
//	PLD  s              post-labelling delay, from the end of labelling; for
//	                    PASL the inversion time TI, as BIDS has it
//	τ    s              labelling duration; for PASL the duration of the bolus
//	ATT  s              arterial transit time Δt
//	T1b, T1t  s         relaxation times of arterial blood and of tissue
//	α    1              labelling efficiency
//	λ    mL/g           blood-brain partition coefficient
//
// # Missing data
//
// A voxel outside the mask, or without a usable M0, is NaN in every output,
// never zero. Negative CBF is kept: clipping it would bias means.
package asl
