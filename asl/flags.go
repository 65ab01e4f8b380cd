package asl

import (
	"fmt"
	"math"
	"slices"

	"phasl/voxel"
)

// flags says what is implausible about a result, each with what to look at.
// Limits are wide: a flag means that something is probably wrong, not that a
// person is unusual.
func (r *Result) flags(q *Quality, grey []int) []Flag {
	var out []Flag
	add := func(code, look, found string, args ...any) {
		out = append(out, Flag{code, fmt.Sprintf(found, args...), look})
	}
	level := q.GreyCBF
	where := "grey matter"
	if math.IsNaN(level) {
		level, where = float64(voxel.Percentile(r.CBF.Data, 50)), "the brain"
	}
	absolute := r.Units == UnitsAbsolute
	significance := r.significance(grey)
	switch {
	case r.nothing():
		add("no-signal", "check that control and label differ in the raw series, and that the file is the ASL run",
			"control and label volumes are the same")
	case math.IsInf(significance, -1):
		add("swapped", "check the sign of the difference, or the order in aslcontext.tsv", "mean ΔM is negative")
	case significance < -3:
		add("swapped", "check the order in aslcontext.tsv: control and label are probably exchanged",
			"mean ΔM is negative, %.1f standard errors below zero", -significance)
	case math.Abs(significance) < 2:
		add("no-perfusion", "look at the ΔM map: was there labelling? A phantom, a failed tag or delays far from the truth look like this",
			"mean ΔM of %s is %.1f standard errors from zero: hardly any perfusion", where, significance)
	case level < 0:
		add("negative", "check the order in aslcontext.tsv, and the ΔM map for artefacts", "mean CBF of %s is %.3g", where, level)
	}
	if absolute && level > 0 {
		switch {
		case level > 1000:
			add("cbf-in-thousands", "check M0: its scale differs from that of ΔM (vendor scaling, see "+M0Scale+"), or it is not an M0 image; check that delays are in seconds",
				"mean CBF of %s is %.4g mL/100 g/min", where, level)
		case level > 150:
			add("cbf-high", "check M0 and its scale, the delays and the labelling duration", "mean CBF of %s is %.4g mL/100 g/min", where, level)
		case level < 10:
			add("cbf-low", "check M0 and its scale, the delays and the labelling duration, and that the scan shows a living brain", "mean CBF of %s is %.3g mL/100 g/min", where, level)
		}
	}
	for _, d := range r.Delays {
		if d.PLD > 5 || d.LD > 5 {
			add("delays", "check that the delays are right and in seconds", "PLD %g s, labelling %g s: hardly any label is left to see", d.PLD, d.LD)
			break
		}
	}
	if q.Ratio <= 1 && level > 0 {
		add("grey-not-above-white", "look at the tissue outlines on the CBF map: registration or segmentation may be off; a structureless map is noise or a phantom",
			"CBF of grey matter is %.2f times that of white matter", q.Ratio)
	}
	if q.NegativeFraction > 0.2 && level > 0 {
		add("many-negative", "look at the ΔM map for noise and motion", "CBF is negative in %.0f %% of grey-matter voxels", 100*q.NegativeFraction)
	}
	if q.SpatialCoV > 1 && level > 0 {
		add("scov-high", "look for bright vessels and cold watersheds: label may not have arrived by readout, or the map is noise", "spatial coefficient of variation of grey matter is %.0f %%", 100*q.SpatialCoV)
	}
	if q.QEI < 0.5 && absolute && level > 0 {
		add("qei-low", "look at the CBF map before using it: scans below 0.5 are seldom rated acceptable by eye", "quality evaluation index is %.2f", q.QEI)
	}
	if share, m := r.absurd(); share > 0.01 {
		add("cbf-spread", "do not use single voxels; look at the CBF and ΔM maps: the signal is too weak for the model, M0 is near zero, or motion spoilt the pairs",
			"CBF is beyond 10 times the median of the brain, %.3g, in %.1f %% of voxels", m, 100*share)
	}
	if r.ATT != nil {
		fitted := 0
		for _, v := range r.ATT.Data {
			if finite(float64(v)) {
				fitted++
			}
		}
		if fitted > 0 && r.AtBound > fitted*3/10 {
			add("transit-at-bound", "the delays may not bracket the arrival of label, or the signal is too weak to tell it", "the transit time lies within 0.05 s of an end of its range in %.0f %% of voxels", 100*float64(r.AtBound)/float64(fitted))
		}
	}
	left := 0
	for _, pr := range r.Pairs {
		if pr.Reason != "" {
			left++
		}
	}
	if left*5 >= len(r.Pairs) && left > 0 {
		add("many-outliers", "look at the motion trace and at the pairs", "%d of %d pairs stand apart from the others", left, len(r.Pairs))
	}
	return out
}

// absurd returns the share of voxels whose CBF exceeds 10 times the median in
// size, and the median; 0 if that is not positive.
func (r *Result) absurd() (share, median float64) {
	median = float64(voxel.Percentile(r.CBF.Data, 50))
	if !(median > 0) {
		return 0, median
	}
	count, beyond := 0, 0
	for _, v := range r.CBF.Data {
		if x := math.Abs(float64(v)); finite(x) {
			count++
			if x > 10*median {
				beyond++
			}
		}
	}
	return float64(beyond) / float64(count), median
}

// nothing reports whether ΔM is zero wherever it has a value.
func (r *Result) nothing() bool {
	img := r.DeltaM
	if img == nil {
		img = r.CBF
	}
	return !slices.ContainsFunc(img.Data, func(v float32) bool { return v != 0 && !math.IsNaN(float64(v)) })
}

// significance returns the mean of ΔM in grey matter (or the brain) over its
// standard error, from the scatter of pairs; +Inf with the sign of the mean
// where there is no scatter to tell it.
func (r *Result) significance(grey []int) float64 {
	img := r.CBF.Data
	at := grey
	if len(at) == 0 {
		for n, v := range img {
			if finite(float64(v)) {
				at = append(at, n)
			}
		}
	}
	mean, _ := stats(img, at)
	voxels := make([]int32, len(at))
	for i, n := range at {
		voxels[i] = int32(n)
	}
	se := r.RegionSE(voxels, nil)
	if !(se > 0) {
		return math.Inf(int(math.Copysign(1, mean)))
	}
	return mean / se
}
