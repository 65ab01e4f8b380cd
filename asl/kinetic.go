package asl

import (
	"fmt"
	"math"
	"strings"
)

// A Labelling is the way blood is labelled.
type Labelling int

const (
	PCASL Labelling = iota // pseudo-continuous
	CASL                   // continuous
	PASL                   // pulsed: one inversion
)

// String returns the name BIDS uses in ArterialSpinLabelingType.
func (l Labelling) String() string {
	switch l {
	case PCASL:
		return "PCASL"
	case CASL:
		return "CASL"
	case PASL:
		return "PASL"
	}
	return fmt.Sprintf("Labelling(%d)", int(l))
}

// MarshalText writes the name BIDS uses.
func (l Labelling) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// ParseLabelling reads what [Labelling.String] writes, ignoring case. It
// reports false for anything else.
func ParseLabelling(s string) (Labelling, bool) {
	for _, l := range []Labelling{PCASL, CASL, PASL} {
		if strings.EqualFold(strings.TrimSpace(s), l.String()) {
			return l, true
		}
	}
	return 0, false
}

// perfusionUnit converts mL/100 g/min to mL/g/s.
const perfusionUnit = 1.0 / 6000

// Kinetic is the general kinetic model of tissue with one well-mixed
// compartment fed by plug flow:
//
//	ΔM(t) = 2 · M0b · f · ∫ c(s) · exp(−(t − s)/T1′) ds,  s from 0 to t
//	T1′   = 1/(1/T1t + |f|/λ),  M0b = M0t/λ,  f = CBF/6000
//
// where c(s), the delivery, is non-zero for Δt ≤ s < Δt + τ only and is
// there α·exp(−Δt/T1b) for continuous labelling, whose blood has all decayed
// for the transit time Δt, and α·exp(−s/T1b) for pulsed labelling, whose
// blood was all inverted at time zero. The outflow |f|/λ makes the model odd
// in f, so that noise about zero flow does not bias means.
//
// Source: Buxton et al. 1998, Magn Reson Med 40:383, eqs. 1-5,
// doi:10.1002/mrm.1910400308.
type Kinetic struct {
	Labelling Labelling
	Alpha     float64 // α, labelling efficiency including the losses to background suppression [1]
	T1b       float64 // longitudinal relaxation time of arterial blood [s]
	T1t       float64 // longitudinal relaxation time of tissue [s]
	Lambda    float64 // λ, blood-brain partition coefficient [mL/g]
	Tau       float64 // τ, labelling duration; for PASL the duration of the bolus [s]
}

// DeltaM returns the difference control − label of tissue as a fraction of
// its equilibrium magnetisation, ΔM/M0t, at time t [s] after labelling began
// (PASL: after the inversion), so for continuous labelling t = τ + PLD. cbf
// is perfusion [mL/100 g/min] and att the arterial transit time Δt [s].
//
// Before arrival, t ≤ att, it is zero. Negative cbf is allowed and mirrors
// positive. A NaN argument gives NaN.
func (k Kinetic) DeltaM(cbf, att, t float64) float64 {
	if math.IsNaN(cbf) || math.IsNaN(att) || math.IsNaN(t) {
		return math.NaN()
	}
	f := cbf * perfusionUnit
	return f * k.value(k.relaxation(f), att, t)
}

// RelaxationRate returns 1/T1′ = 1/T1t + |f|/λ [1/s] for cbf in
// [mL/100 g/min].
func (k Kinetic) RelaxationRate(cbf float64) float64 { return k.relaxation(cbf * perfusionUnit) }

func (k Kinetic) relaxation(f float64) float64 { return 1/k.T1t + math.Abs(f)/k.Lambda }

// value returns ΔM/(M0t·f) [s] for a tissue relaxation rate r = 1/T1′ [1/s].
//
// With u the time since arrival and w = min(u, τ) the part of the bolus that
// has arrived, both labellings come to
//
//	2 α/λ · exp(−att·Rb) · w · φ(d·w) · exp(−r·(u − w)) · {1 or exp(−Rb·w)}
//
// where d = r for continuous labelling, whose delivery is constant, and
// d = r − Rb for pulsed labelling, whose delivery decays at Rb = 1/T1b. φ(z) =
// (1 − exp(−z))/z is smooth at zero, so that T1′ = T1b needs no special case.
func (k *Kinetic) value(r, att, t float64) float64 {
	u := t - att
	if u <= 0 {
		return 0
	}
	rb := 1 / k.T1b
	w := min(u, k.Tau)
	d, decay := r, 0.0
	if k.Labelling == PASL {
		d, decay = r-rb, rb
	}
	return 2 * k.Alpha / k.Lambda * math.Exp(-att*rb-r*(u-w)-decay*w) * w * phi(d*w)
}

// shape returns value and its derivative with respect to att.
func (k *Kinetic) shape(r, att, t float64) (g, dg float64) {
	g = k.value(r, att, t)
	u := t - att
	rb := 1 / k.T1b
	switch {
	case u <= 0:
		return 0, 0
	case u >= k.Tau:
		return g, (r - rb) * g
	}
	// Later arrival cuts off the blood that has been in tissue longest and,
	// for continuous labelling, ages the rest.
	dg = -2 * k.Alpha / k.Lambda * math.Exp(-att*rb-r*u)
	if k.Labelling != PASL {
		dg -= rb * g
	}
	return g, dg
}

// phi returns (1 − exp(−z))/z, 1 at zero.
func phi(z float64) float64 {
	if math.Abs(z) < 1e-2 { // Expm1 is exact here but slow; the terms left out are below 2e-13
		return 1 - z/2*(1-z/3*(1-z/4*(1-z/5)))
	}
	return (1 - math.Exp(-z)) / z
}
