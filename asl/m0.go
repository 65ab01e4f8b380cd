package asl

import (
	"fmt"
	"math"

	"phasl/bids"
	"phasl/diag"
	"phasl/voxel"
)

// M0Info says how perfusion was calibrated.
type M0Info struct {
	Type       string  `json:"type"`        // M0Type of the sidecar
	Source     string  `json:"source"`      // in words: which image, how many volumes
	Recovery   float64 `json:"recovery"`    // factor applied for incomplete recovery, the mean over volumes; 1 if none
	Scale      float64 `json:"scale"`       // further factor applied: 32 × NEX for GE's product, or the user's
	Median     float64 `json:"median"`      // of M0 in the brain after both, in scanner units
	Extended   int     `json:"extended"`    // voxels of the brain whose M0 was extended from neighbours
	Unusable   int     `json:"unusable"`    // voxels of the brain left without M0, and so without CBF
	Relative   bool    `json:"relative"`    // no M0: perfusion is in arbitrary units
	Smoothing  float64 `json:"smoothing"`   // FWHM within the brain [mm]
	FloorShare float64 `json:"floor_share"` // share of the median below which M0 was not trusted
}

// longTR is the repetition time [s] from which M0 counts as fully recovered
// (Alsop et al. 2015).
const longTR = 5.0

// recovery returns 1/(1 − exp(−TR/T1)), the factor from an image taken TR [s]
// after saturation to the equilibrium magnetisation of tissue with T1 [s].
func recovery(tr, t1 float64) float64 { return -1 / math.Expm1(-tr/t1) }

// calibrate returns M0 of tissue on the grid of the series, NaN outside the
// mask, or 1 everywhere if there is nothing to calibrate by.
func calibrate(in *Input, p *Protocol, c Constants, opt Options, mask *voxel.Mask, l *diag.List) (*voxel.Image, M0Info) {
	info := M0Info{Type: p.M0Type, Recovery: 1, Scale: 1, Median: math.NaN(), Smoothing: opt.M0FWHM, FloorShare: opt.m0Floor()}
	var img *voxel.Image
	average := func(s *voxel.Series, vols []int, tr []float64) {
		factors := make([]float64, len(vols))
		info.Recovery = 0
		for i := range vols {
			factors[i] = 1
			switch {
			case p.GEProduct:
				factors[i] = recovery(c.Value(GESaturation), c.Value(M0T1))
			case tr[i] < longTR:
				factors[i] = recovery(tr[i], c.Value(M0T1))
			}
			info.Recovery += factors[i] / float64(len(vols))
		}
		img = meanImage(s, vols, factors)
	}
	at := func(vols []int) []float64 {
		tr := make([]float64, len(vols))
		for i, v := range vols {
			tr[i] = p.TR[v]
		}
		return tr
	}
	switch p.M0Type {
	case "Included":
		vols := volumesOf(p, bids.M0Scan)
		average(in.Series, vols, at(vols))
		info.Source = fmt.Sprintf("%s of the series", plural(len(vols), "m0scan volume"))
	case "Separate":
		if in.M0 == nil || len(in.M0.Vols) == 0 {
			l.Errorf(p.File, "M0Type", "add the m0scan file with IntendedFor, or correct M0Type", "is Separate, but no M0 image was found")
			return nil, info
		}
		all, tr := make([]int, len(in.M0.Vols)), make([]float64, len(in.M0.Vols))
		for i := range all {
			all[i] = i
			switch len(in.M0TR) {
			case 0:
			case 1:
				tr[i] = in.M0TR[0]
			case len(all):
				tr[i] = in.M0TR[i]
			default:
				l.Errorf(p.File, "RepetitionTimePreparation", fmt.Sprintf("write one number for all volumes, or one for each of the %d volumes, in the sidecar of the m0scan file", len(all)),
					"of the M0 image has %d values for %s", len(in.M0TR), plural(len(all), "volume"))
				return nil, info
			}
			if !p.GEProduct && !(tr[i] > 0) {
				l.Errorf(p.File, "RepetitionTimePreparation", "add RepetitionTimePreparation to the sidecar of the m0scan file", "of the M0 image is not known, so its recovery cannot be corrected")
				return nil, info
			}
		}
		average(in.M0, all, tr)
		info.Source = fmt.Sprintf("separate image, %s", plural(len(all), "volume"))
	case "Estimate":
		img = constantImage(in.Series.Grid, float32(p.M0Estimate))
		info.Source = fmt.Sprintf("one number for the brain, %g", p.M0Estimate)
	case "Absent":
		if !p.relative() {
			vols := volumesOf(p, bids.Control)
			average(in.Series, vols, at(vols))
			info.Source = fmt.Sprintf("mean of %s", plural(len(vols), "control volume"))
		} else {
			info.Relative = true
			info.Source = "none: perfusion is relative"
			img = constantImage(in.Series.Grid, 1)
		}
	}
	if !info.Relative {
		switch {
		case c.Has(M0Scale):
			info.Scale = c.Value(M0Scale)
		case p.GEProduct:
			info.Scale = c.Value(GEReceiveScale) * c.Value(Averages)
		}
		if k := float32(info.Scale); k != 1 {
			for n := range img.Data {
				img.Data[n] *= k
			}
		}
	}
	if p.M0Type == "Estimate" || info.Relative {
		for n, inside := range mask.In {
			if !inside {
				img.Data[n] = nan32
			}
		}
		info.Median = float64(voxel.Percentile(img.Data, 50))
		return img, info
	}
	return trustworthy(img, mask, opt, &info, l, p.File), info
}

// trustworthy returns M0 inside the mask with the voxels that would spoil the
// division replaced, and the rest as measured.
//
// Dividing by a small M0 at the brain's edge or in a signal void gives absurd
// CBF. Voxels below a share of the brain's median are therefore given the mean
// of trusted neighbours, weighted by a Gaussian; where there are none within
// reach they stay without value. Nothing else is touched by default: partial
// volume with air lowers ΔM and M0 alike, and smoothing M0 mixes tissues of
// different water content.
func trustworthy(img *voxel.Image, mask *voxel.Mask, opt Options, info *M0Info, l *diag.List, file string) *voxel.Image {
	out := &voxel.Image{Grid: img.Grid, Data: filled(img.Len())}
	for n, inside := range mask.In {
		if inside && img.Data[n] > 0 && finite(float64(img.Data[n])) {
			out.Data[n] = img.Data[n]
		}
	}
	median := voxel.Percentile(out.Data, 50)
	info.Median = float64(median)
	if !(median > 0) {
		l.Errorf(file, "M0Type", "check the M0 image and the brain mask", "the M0 image has no positive value in the brain")
		return out
	}
	core := mask
	if opt.M0EdgeTrim > 0 {
		core = voxel.Erode(mask, opt.M0EdgeTrim, opt.Workers)
	}
	for n := range out.Data {
		if !(out.Data[n] >= float32(opt.m0Floor())*median) || !core.In[n] {
			out.Data[n] = nan32
		}
	}
	if opt.M0FWHM > 0 {
		out = voxel.Smooth(out, opt.M0FWHM, opt.Workers)
	}
	extend(out, mask, math.Max(opt.m0Reach(), 2*opt.M0EdgeTrim), opt.Workers, info)
	return out
}

// extend fills voxels of the mask without value from those with one, by a
// Gaussian whose weight has fallen to a thousandth at about reach [mm].
func extend(img *voxel.Image, mask *voxel.Mask, reach float64, workers int, info *M0Info) {
	var holes []int
	for n, inside := range mask.In {
		if inside && !(img.Data[n] > 0) {
			holes = append(holes, n)
		}
	}
	info.Unusable = len(holes)
	if len(holes) == 0 || !(reach > 0) {
		return
	}
	num, den := voxel.NewImage(img.Grid), voxel.NewImage(img.Grid)
	for n, v := range img.Data {
		if v > 0 {
			num.Data[n], den.Data[n] = v, 1
		}
	}
	fwhm := 0.75 * reach // the tail of a half-space is 1e-3 at 3.1 σ = 0.99 reach
	num, den = voxel.Smooth(num, fwhm, workers), voxel.Smooth(den, fwhm, workers)
	for _, n := range holes {
		if den.Data[n] > 1e-3 {
			img.Data[n] = num.Data[n] / den.Data[n]
			info.Extended++
			info.Unusable--
		}
	}
}

func volumesOf(p *Protocol, kind bids.VolumeType) []int {
	var out []int
	for v, c := range p.Context {
		if c == kind {
			out = append(out, v)
		}
	}
	return out
}

// meanImage averages volumes, each multiplied by its factor; a voxel that is
// not finite in one is averaged over the others.
func meanImage(s *voxel.Series, vols []int, factors []float64) *voxel.Image {
	out := voxel.NewImage(s.Grid)
	for n := range out.Data {
		sum, k := 0.0, 0
		for i, v := range vols {
			if x := float64(s.Vols[v][n]); finite(x) {
				sum += x * factors[i]
				k++
			}
		}
		out.Data[n] = float32(sum / float64(k))
	}
	return out
}

func constantImage(g voxel.Grid, value float32) *voxel.Image {
	out := voxel.NewImage(g)
	for n := range out.Data {
		out.Data[n] = value
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
