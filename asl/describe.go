package asl

import (
	"fmt"
	"math"
	"strings"

	"phasl/bids"
	"phasl/diag"
)

// equation writes what was solved, with the symbols of the constants.
func equation(p *Protocol, r *Result) string {
	alpha := "α"
	if r.Constants.Has(SuppressionPerPulse) {
		alpha = "α·αbs"
		if !p.GEProduct && p.SuppressionPulses != 1 {
			alpha = fmt.Sprintf("α·αbs^%d", p.SuppressionPulses)
		}
	}
	m0 := ""
	switch k := r.Calibration; {
	case r.Model == ModelNone:
	case k.Relative && r.Model == ModelKinetic:
		m0 = fmt.Sprintf("; M0 = 1, |f| = %g/6000 in T1′, and CBF scaled to a median of 1 in the brain", relativeFlow/perfusionUnit)
	case k.Relative:
		m0 = "; M0 = 1, and CBF scaled to a median of 1 in the brain"
	case p.GEProduct:
		m0 = "; M0 = SF·NEX·PD/(1 − exp(−ST/T1))"
	case k.Recovery != 1:
		m0 = "; M0 = image/(1 − exp(−TR/T1))"
	}
	switch {
	case r.Model == ModelNone:
		return "CBF as given"
	case r.Model == ModelKinetic:
		delivery := "c(s) = " + alpha + "·exp(−Δt/T1b)"
		if p.Labelling == PASL {
			delivery = "c(s) = " + alpha + "·exp(−s/T1b)"
		}
		return "ΔM(t) = 2·(M0/λ)·f·∫₀ᵗ c(s)·exp(−(t − s)/T1′) ds, " + delivery +
			" for Δt ≤ s < Δt + τ, 1/T1′ = 1/T1t + |f|/λ, CBF = 6000·f" + m0
	case p.Labelling == PASL && p.CutOffTechnique == "QUIPSS":
		return "CBF = 6000·λ·ΔM·exp(TI/T1b)/(2·" + alpha + "·(TI − TI1)·M0)" + m0
	case p.Labelling == PASL:
		return "CBF = 6000·λ·ΔM·exp(TI/T1b)/(2·" + alpha + "·TI1·M0)" + m0
	}
	return "CBF = 6000·λ·ΔM·exp(PLD/T1b)/(2·" + alpha + "·T1b·M0·(1 − exp(−τ/T1b)))" + m0
}

// notes gathers what a reader of the result must know.
func (r *Result) notes(p *Protocol, alone []int, share float64, l diag.List) {
	add := func(format string, args ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, args...)) }
	switch {
	case r.Model == ModelNone:
		add("CBF was computed elsewhere and is passed through; its model and constants are not known here.")
	case r.Model == ModelKinetic && p.MultiDelay():
		add("CBF and transit time were fitted with the general kinetic model (one compartment, plug flow). Where the bolus is spread out on its way, transit time reads early and CBF slightly low; blood still in arteries reads as high CBF with early arrival.")
		if first := r.Delays[0].PLD; p.Labelling != PASL && first > 0.1 {
			add("Transit times below the shortest delay, %g s, cannot be told apart; CBF is hardly affected.", first)
		}
	case r.Model == ModelKinetic:
		add("CBF was computed with the general kinetic model for a transit time that was given, not measured.%s", transitBias(p, r))
	default:
		whose := ""
		if p.GEProduct {
			whose = " and the constants of GE's product"
		}
		add("CBF was computed with the white-paper equation%s, which lets all label decay with the T1 of blood and takes it to have arrived. It reads low, more in white than in grey matter.%s", whose, whitePaperBias(p, r))
	}
	if r.Model != ModelNone && p.BackgroundSuppression && p.SuppressionPulses < 0 && !p.GEProduct {
		add("The number of background suppression pulses is not stated, so no loss of label to them is allowed for: CBF reads low by about 5 %% for each pulse.")
	}
	switch own := r.ownEfficiency(p); {
	case own && p.totalEfficiency():
		add("LabelingEfficiency of %s, %g, is taken as the total efficiency of GE's product, whose own value of 0.6 contains the loss to background suppression, so no further loss is allowed for. If it is that of labelling alone, set %s=0.75.", p.LabelingEfficiency.File, p.LabelingEfficiency.Value, SuppressionPerPulse)
	case own && r.Constants.Has(SuppressionPerPulse):
		add("LabelingEfficiency of %s is taken as that of labelling alone, and the loss to background suppression comes on top. If it was measured with suppression on, set %s=1.", p.LabelingEfficiency.File, SuppressionPerPulse)
	}
	if r.Units == UnitsRelative {
		why := "the series has no M0"
		if p.source() == bids.Control {
			why = "there is no M0 image and the controls are background-suppressed"
		}
		add("Perfusion is relative, in arbitrary units with a brain median of 1, because %s. Values can be compared within this scan only, and the shading of the receive coil, which M0 would have removed, is still in them.", why)
	}
	if p.GEProduct {
		add("Recognised as GE's 3D spiral product: the proton-density volume is multiplied by %g and corrected for saturation recovery, and the T1 of blood (%g s) and the total efficiency (%.3g) are the product's unless they were given.", r.Calibration.Scale, r.Constants.Value(BloodT1), r.efficiency(p))
	}
	if n := r.Calibration.Extended; n > 0 {
		add("M0 was below %g of the brain's median in %d voxels and was extended there from their neighbours.", r.Calibration.FloorShare, n)
	}
	if n := r.Calibration.Unusable; n > 0 {
		add("%d voxels of the brain have no usable M0 and so no CBF.", n)
	}
	if n := r.unsolved(); n > 0 {
		add("In %d voxels less than a tenth of the bolus has arrived by readout, so CBF cannot be told there.", n)
	}
	if len(alone) > 0 {
		add("Without partner and not used: volumes %s (counted from 0).", list(alone))
	}
	if p.source() == bids.Control {
		if r.Pairing == PairSurround {
			add("Each label was subtracted from the mean of the controls just before and after it; neighbouring pairs share a control, so standard errors read a little low.")
		} else {
			add("Control and label were paired with their nearest free partner at the same delay: %s.", plural(len(r.Pairs), "pair"))
		}
	}
	out, kept := 0, 0
	for _, pr := range r.Pairs {
		switch {
		case !pr.Used:
			out++
		case pr.Reason != "":
			kept++
		}
	}
	if out > 0 {
		add("%d of %s left out as outliers; no more than %g %% may be.", out, plural(len(r.Pairs), "pair"), 100*share)
	}
	if kept > 0 {
		add("%s apart from the others but used.", map[bool]string{true: "1 pair stands", false: fmt.Sprintf("%d pairs stand", kept)}[kept == 1])
	}
	for _, w := range l.Warnings() {
		add("%s: %s.", w.Field, w.Found)
	}
}

// whitePaperBias says how far the white-paper equation is from the kinetic
// model at the timing of this scan, for typical tissue, or nothing where that
// is not known.
func whitePaperBias(p *Protocol, r *Result) string {
	f, ok := lookupField(p.FieldStrength)
	d := r.Delays[0]
	if !ok || !(d.LD > 0) || p.CutOffTechnique == "QUIPSS" {
		return ""
	}
	grey, white := defaultTransit(p.Labelling)
	bias := func(cbf, t1, att float64) float64 {
		k := Kinetic{Labelling: p.Labelling, Alpha: 1, T1b: r.Constants.Value(BloodT1), T1t: t1, Lambda: r.Constants.Value(Partition), Tau: d.LD}
		t := d.PLD
		if p.Labelling != PASL {
			t += d.LD
		}
		return 100 * (k.DeltaM(cbf, att, t)*k.WhitePaper(d.PLD)/cbf - 1)
	}
	return fmt.Sprintf(" At the timing of this scan, against the kinetic model: %+.0f %% in grey matter (CBF 60, T1 %.3g s, transit time %.2g s), %+.0f %% in white matter (CBF 20, %.3g s, %.2g s).",
		bias(60, f.greyT1, grey), f.greyT1, grey, bias(20, f.whiteT1, white), f.whiteT1, white)
}

// transitBias says how far the kinetic model with a given transit time is off
// where label arrives 0.1 s earlier or later than taken, at the timing and with
// the constants of this scan, or nothing where that is not known.
func transitBias(p *Protocol, r *Result) string {
	s := solver{p: p, r: r, base: Kinetic{Labelling: p.Labelling, Alpha: 1, T1b: r.Constants.Value(BloodT1), Lambda: r.Constants.Value(Partition)}}
	k, t := s.timing(0, 0)
	bias := func(cbf, t1, att, shift float64) float64 {
		k.T1t = t1
		f, _ := solveFlow(&k, k.DeltaM(cbf, math.Max(att+shift, 0), t), att, t, 0)
		return 100 * (f/perfusionUnit/cbf - 1)
	}
	c := r.Constants
	type tissue struct{ cbf, t1, att float64 }
	grey, white := tissue{60, c.Value(GreyT1), c.Value(GreyTransit)}, tissue{20, c.Value(WhiteT1), c.Value(WhiteTransit)}
	var v []any
	for _, shift := range []float64{-0.1, 0.1} {
		for _, m := range []tissue{grey, white} {
			b := bias(m.cbf, m.t1, m.att, shift)
			if !finite(b) {
				return ""
			}
			v = append(v, b)
		}
	}
	return fmt.Sprintf(" At the timing of this scan, label that arrives 0.1 s earlier than taken changes CBF by %+.1f %% in grey and %+.1f %% in white matter, label that arrives 0.1 s later by %+.1f %% and %+.1f %%", v...) +
		fmt.Sprintf(" (grey: CBF %g, T1 %.3g s, transit time %.2g s; white: %g, %.3g s, %.2g s).", grey.cbf, grey.t1, grey.att, white.cbf, white.t1, white.att)
}

// ownEfficiency reports whether α is the sidecar's.
func (r *Result) ownEfficiency(p *Protocol) bool {
	for _, c := range r.Constants {
		if c.Name == Efficiency {
			return p.LabelingEfficiency.Given && strings.HasPrefix(c.Source, p.LabelingEfficiency.File)
		}
	}
	return false
}

// efficiency returns the efficiency of labelling with the loss to background
// suppression.
func (r *Result) efficiency(p *Protocol) float64 {
	alpha := r.Constants.Value(Efficiency)
	if r.Constants.Has(SuppressionPerPulse) {
		n := p.SuppressionPulses
		if p.GEProduct {
			n = 1 // GE's value is for all pulses together
		}
		alpha *= math.Pow(r.Constants.Value(SuppressionPerPulse), float64(n))
	}
	return alpha
}

// unsolved counts voxels with M0 and ΔM but without CBF.
func (r *Result) unsolved() int {
	n := 0
	if r.M0 == nil {
		return 0
	}
	for i, m := range r.M0.Data {
		if m > 0 && finite(float64(r.DeltaM.Data[i])) && !finite(float64(r.CBF.Data[i])) {
			n++
		}
	}
	return n
}

func list(v []int) string {
	s := make([]string, len(v))
	for i, x := range v {
		s[i] = fmt.Sprint(x)
	}
	return strings.Join(s, ", ")
}
