package register

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// A PerfusionPair is a template and a scan that is to be laid onto it without a
// T1-weighted image of the person.
type PerfusionPair struct {
	// Shares of grey matter, white matter and fluid in the template, 0 to 1,
	// on one grid. NaN counts as none.
	Grey, White, Fluid *voxel.Image
	TemplateBrain      *voxel.Mask // on their grid

	Perfusion *voxel.Image // CBF or ΔM, in any unit; NaN counts as none
	// Look is another image of the scan, on Perfusion's grid: M0, or the mean
	// control image. Nil if there is none.
	Look      *voxel.Image
	ScanBrain *voxel.Mask // brain with its fluid, on Perfusion's grid
}

// A PerfusionMatch says how well a template's tissues explain a scan.
type PerfusionMatch struct {
	// Shares of the variance of perfusion and of the other image that the
	// tissues explain, 0 to 1; NaN without that image.
	Perfusion, Look float64

	// Tissue is the share of the variance of perfusion that only the
	// difference between tissues explains: what is lost when grey matter,
	// white matter and fluid are taken for one.
	Tissue float64

	Contrast float64 // perfusion of grey over that of white matter; NaN where that of grey is not positive

	reason string // why there is no match at all
}

// leastTissue and leastGreyOverWhite are [PerfusionMatch.Tissue] and
// [PerfusionMatch.Contrast] below which a match is refused. The right poses of
// docs/methods/registration.md have 0.05 to 0.14 and 1.7 to 2.6, the real one of
// least contrast 1.36; wrong ones up to 0.034 (turned by a right angle or two) and
// 0.042 (10 mm off, in noise).
const (
	leastTissue        = 0.045
	leastGreyOverWhite = 1.3
)

// Fault returns why the match is not to be trusted, "" if it is.
func (m PerfusionMatch) Fault() string {
	switch {
	case m.reason != "":
		return m.reason
	case !(m.Tissue >= leastTissue):
		return fmt.Sprintf("perfusion hardly follows the template's tissues (%.1f %% of its variance)", 100*m.Tissue)
	case !(m.Contrast >= leastGreyOverWhite):
		return fmt.Sprintf("perfusion of grey matter comes out at %.2f times that of white matter", m.Contrast)
	}
	return ""
}

// AffinePerfusion returns the affine map, template world → scan world, at which
// the template's tissues explain the scan's images best, near init, and how well
// they do:
//
//	perfusion(T(x)) ≈ p·G + q·W + r·C + (G + W/3)·(polynomial of x)
//	look(T(x))      ≈ a·G + b·W + c·C + (G + W + C)·(polynomial of x)
//
// G, W and C are the shares of tissues, blurred to the scan's resolution, the
// polynomials of the second order, and all weights are fitted along
// (Gauss–Newton with the linear part eliminated: Golub and Pereyra 1973,
// doi:10.1137/0710036). No contrast is presumed: fluid may be bright or dark in
// look, and a receive field, or perfusion that falls from front to back, is
// taken up by the polynomials. Voxels within 4 mm of the edge of the scanned box
// have no say, and full say from 8 mm on; outliers such as vessels have little.
//
// init should be right within about 20 mm and 15°. Where nothing can be gained
// it is returned. [PerfusionMatch.Fault] says whether to trust the result.
//
// It panics if a shape is not its grid's.
func AffinePerfusion(p PerfusionPair, init voxel.Affine, workers int) (voxel.Affine, PerfusionMatch) {
	p.check()
	nan := math.NaN()
	none := func(reason string) (voxel.Affine, PerfusionMatch) {
		return init, PerfusionMatch{nan, nan, nan, nan, reason}
	}
	q, fault := p.prepared()
	if fault != "" {
		return none(fault)
	}
	if !init.Invertible() {
		return none("the map to begin at is singular")
	}
	at := init
	var match PerfusionMatch
	for _, width := range overlayWidths {
		o := newOverlay(&q, width, at, workers)
		if !o.affineFit() {
			return none(seesTooLittle)
		}
		at, match = o.affine, o.match()
	}
	if size := at.Det() / init.Det(); !(size > 0.6 && size < 1.6) {
		return none(fmt.Sprintf("the head would change its volume by a factor of %.2f", size))
	}
	return at, match
}

// seesTooLittle is the reason where less than a fifth of the points are seen.
const seesTooLittle = "the scan shows too little of the template's brain, or nothing but what the tissues explain"

// MatchPerfusion says how well the template's tissues explain the scan through
// the map t, template world → scan world, such as one that somebody else found.
//
// It panics if a shape is not its grid's.
func MatchPerfusion(p PerfusionPair, t voxel.Transform, workers int) PerfusionMatch {
	p.check()
	nan := math.NaN()
	q, fault := p.prepared()
	if fault != "" {
		return PerfusionMatch{nan, nan, nan, nan, fault}
	}
	o := newOverlay(&q, overlayWidths[len(overlayWidths)-1], voxel.Identity(), workers)
	for n := range o.lattice.Len() {
		x := o.lattice.World(o.lattice.Coord(n))
		y := t.Map(x)
		for a := range o.shift {
			o.shift[a][n] = float32(y[a] - x[a])
		}
	}
	if !o.look() {
		return PerfusionMatch{nan, nan, nan, nan, seesTooLittle}
	}
	return o.match()
}

// overlayWidths are the FWHM [mm] by which a scan's images are smoothed, coarse
// to fine.
var overlayWidths = [2]float64{9, 5}

// DeformablePerfusion bends a template onto a scan of which there is no
// T1-weighted image, from the affine map init, template world → scan world, on:
// the model of [AffinePerfusion] with
//
//	T(x) = init(x + u(x))
//
// and u a cubic B-spline with knots every 20 mm that minimises
//
//	Σ_images ½ n ln σ² + ½ β ∫ |∂²u|² dx + ½ γ ∫ |∂u|² dx
//
// n being the number of points, 4 mm apart, and σ² the variance that the tissues
// leave unexplained; β = 6 mm, γ = 0.002/mm. The result follows differences of
// the size of lobes, not folds: docs/methods/registration.md says how far it can
// be trusted. Where the scan shows nothing, such as above a slab that cuts the
// brain, u goes on smoothly.
//
// Before and After of the result are the mean share of variance explained.
// Reason is set if the tissues do not explain the scan ([PerfusionMatch.Fault]),
// if volumes change by more than a factor of 2.5, if forward and inverse field
// differ, or if Σ n ln σ² falls by less than twice the number of coefficients that
// have points of the template around them.
//
// It panics if a shape is not its grid's.
func DeformablePerfusion(p PerfusionPair, init voxel.Affine, workers int) Deformation {
	p.check()
	nan := math.NaN()
	out := Deformation{Affine: init, JacobianMin: nan, JacobianMax: nan, InverseMean: nan, InverseMax: nan, Before: nan, After: nan}
	q, fault := p.prepared()
	if out.Reason = fault; fault != "" {
		return out
	}
	if !init.Invertible() || !(init.Det() > 0) {
		out.Reason = "the affine part is singular, not finite or mirrors"
		return out
	}
	var field *cage
	var straight float64 // cost of the affine map
	for i, width := range overlayWidths {
		o := newOverlay(&q, width, init, workers)
		if i == len(overlayWidths)-1 { // before, at the resolution of the end
			if !o.look() {
				out.Reason = seesTooLittle
				return out
			}
			out.Before, straight = o.explained(), o.cost()
		}
		next := newCage(o)
		if field != nil {
			next.take(&field.c, 1)
		}
		level, ok := next.solve()
		if !ok {
			out.Reason = seesTooLittle
			return out
		}
		out.Levels = append(out.Levels, level)
		field = next
	}
	out.After = field.o.explained()
	match := field.o.match()
	out.Forward = field.warp(p.Grey.Grid, init)
	out.Inverse = field.inverse(p.Perfusion.Grid, init)
	out.JacobianMin, out.JacobianMax = detRange(out.Forward, workers)
	out.JacobianMin /= init.Det()
	out.JacobianMax /= init.Det()
	out.InverseMean, out.InverseMax = thereAndBack(out.Forward, out.Inverse, p.TemplateBrain, workers)
	switch {
	case match.Fault() != "":
		out.Reason = match.Fault()
	case !(out.JacobianMin > 1/mostChange && out.JacobianMax < mostChange):
		out.Reason = fmt.Sprintf("volumes would change by factors of %.2f to %.2f, more than a scan of this resolution can tell", out.JacobianMin, out.JacobianMax)
	case !(out.InverseMean <= leastInverse):
		out.Reason = fmt.Sprintf("forward and inverse field differ by %.3g mm on average", out.InverseMean)
	case !(straight-field.o.cost() > float64(field.free())):
		// Akaike's criterion: what chance gains by so many coefficients.
		out.Reason = fmt.Sprintf("the deformation explains hardly more than chance would (%.3f, before %.3f)", out.After, out.Before)
	}
	return out
}

// mostChange is the factor by which volumes may change: of the simulated and
// real scans none that was right came to more than 1.6.
const mostChange = 2.5

// check panics if an image or mask is not on its grid.
func (p *PerfusionPair) check() {
	for _, m := range []*voxel.Image{p.Grey, p.White, p.Fluid} {
		checkShapes(m, p.TemplateBrain, "template")
	}
	checkShapes(p.Perfusion, p.ScanBrain, "scan")
	if p.Look != nil {
		checkShapes(p.Look, p.ScanBrain, "scan")
	}
}

// prepared returns the pair with the scan's images scaled to about 1 and without
// what lies outside its brain, or why they cannot be used. Perfusion reaches 3 mm
// further than the mask, so that the mask's edge is not seen in it.
func (p PerfusionPair) prepared() (PerfusionPair, string) {
	if p.ScanBrain == nil || p.ScanBrain.Count() < leastSamples || p.TemplateBrain == nil || p.TemplateBrain.Count() < leastSamples {
		return p, "there is no brain mask"
	}
	if !p.Perfusion.Affine.Invertible() || !p.Grey.Affine.Invertible() {
		return p, "a grid is singular"
	}
	scaled := func(m *voxel.Image, in *voxel.Mask) *voxel.Image {
		_, high := limits(p.ScanBrain.Select(m.Data), 0.02, 0.97)
		if !(high > 0) {
			return nil
		}
		out := voxel.NewImage(m.Grid)
		for n, v := range m.Data {
			if in.In[n] && v-v == 0 {
				out.Data[n] = min(max(v/high, -1), 2)
			}
		}
		return out
	}
	if p.Perfusion = scaled(p.Perfusion, voxel.Dilate(p.ScanBrain, 3, 1)); p.Perfusion == nil {
		return p, "the scan shows no perfusion"
	}
	if p.Look != nil {
		p.Look = scaled(p.Look, p.ScanBrain)
	}
	return p, ""
}

// match says how well the tissues explain the scan.
func (o *overlay) match() PerfusionMatch {
	m := PerfusionMatch{Look: math.NaN()}
	for _, b := range o.blends {
		if b.perfusion {
			m.Perfusion = b.explained
			m.Tissue = b.tissueShare(o.at)
			m.Contrast = b.contrast(o.at)
		} else {
			m.Look = b.explained
		}
	}
	return m
}

// explained returns the mean share of variance that the tissues explain.
func (o *overlay) explained() float64 {
	sum := 0.0
	for _, b := range o.blends {
		sum += b.explained
	}
	return sum / float64(len(o.blends))
}

// warp returns the map template world → scan world on the grid g.
func (g *cage) warp(on voxel.Grid, init voxel.Affine) *voxel.Warp {
	return warpOf(on, g.o.workers, func(x, _ voxel.Vec) (y, _ voxel.Vec) {
		u := g.at(x)
		return init.Map(voxel.Vec{x[0] + u[0], x[1] + u[1], x[2] + u[2]}), voxel.Vec{}
	})
}

// inverse returns the map scan world → template world on the grid g, by
// fixed-point iteration, which u, as smooth as it is, lets converge.
func (g *cage) inverse(on voxel.Grid, init voxel.Affine) *voxel.Warp {
	back := init.Inverse()
	return warpOf(on, g.o.workers, func(y, u voxel.Vec) (voxel.Vec, voxel.Vec) {
		z := back.Map(y)
		x := z
		for range 60 {
			x = voxel.Vec{z[0] - u[0], z[1] - u[1], z[2] - u[2]}
			next := g.at(x)
			if d := voxel.Distance(next, u); !(d > 1e-3) {
				break
			}
			u = next
		}
		return x, u
	})
}

// warpOf returns the map on a grid. to is handed what it returned second for
// the point before in the row.
func warpOf(on voxel.Grid, workers int, to func(x, last voxel.Vec) (y, next voxel.Vec)) *voxel.Warp {
	var disp [3][]float32
	for a := range disp {
		disp[a] = make([]float32, on.Len())
	}
	nx, ny := on.Dim[0], on.Dim[1]
	par.Ranges(workers, ny*on.Dim[2], 16, func(lo, hi int) {
		for row := lo; row < hi; row++ {
			var last voxel.Vec
			for i := range nx {
				x := on.World(i, row%ny, row/ny)
				var y voxel.Vec
				y, last = to(x, last)
				for a := range disp {
					disp[a][row*nx+i] = float32(y[a] - x[a])
				}
			}
		}
	})
	return voxel.NewWarp(on, disp)
}
