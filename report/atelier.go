package report

import (
	"fmt"
	"html/template"
	"math"

	"phasl/voxel"
)

// What all figures of a page may hold together at scale 1. A pixel costs at
// most 4/3 bytes, in most images half of that, a point of an outline about 5
// and a hatched run about 30; a page that comes out too large is drawn again at
// a smaller scale.
const (
	pagePixels = 4_000_000
	pagePoints = 260_000
	pageRuns   = 12_000
)

// An atelier draws the figures of one page with common windows and budget.
type atelier struct {
	p     *Participant
	ids   ids
	share float64            // of the budget, of a figure of weight 1
	top   map[string]float64 // highest CBF drawn, by unit
	att   float64            // longest transit time drawn [s]
	units []string           // units of CBF in order of appearance
	drawn bool
}

func newAtelier(p *Participant, scale float64) *atelier {
	a := &atelier{p: p, top: map[string]float64{}}
	weight := 0.0
	for i := range p.Scans {
		s := &p.Scans[i]
		for _, img := range []*voxel.Image{s.CBF, s.CBF, s.SE, s.ATT, s.M0, s.DeltaM} {
			if has(img) {
				weight++
			}
		}
		if has(s.CBF) {
			weight++ // its strip
			u := s.unit()
			if _, ok := a.top[u]; !ok {
				a.units = append(a.units, u)
			}
			q := quantile(s.CBF.Data, inside(s.CBF, s.Mask), 0.985)
			a.top[u] = max(a.top[u], orZero(q))
		}
		if has(s.ATT) {
			a.att = max(a.att, orZero(quantile(s.ATT.Data, inside(s.ATT, s.Mask), 0.98)))
		}
		weight += 3 * float64(len(s.Overlays))
	}
	weight += 3 * float64(len(p.Anatomy))
	for u, v := range a.top {
		a.top[u] = niceCeil(v)
		if p.Top > 0 {
			a.top[u] = p.Top
		}
	}
	a.att = niceCeil(a.att)
	a.share = scale * min(1/max(weight, 1), 1.0/12)
	return a
}

// inside returns the mask's voxels if it fits the image.
func inside(img *voxel.Image, m *voxel.Mask) []bool {
	if m == nil || m.Dim != img.Dim {
		return nil
	}
	return m.In
}

func (a *atelier) limits(weight float64) limits {
	f := weight * a.share
	return limits{int(f * pagePixels), int(f * pagePoints), int(f * pageRuns)}
}

// cbfTop returns the upper end of the colour scale for unit.
func (a *atelier) cbfTop(unit string) float64 {
	if t, ok := a.top[unit]; ok {
		return t
	}
	return 100
}

// sharedText says which scans' colours can be compared.
func (a *atelier) sharedText() string {
	if len(a.p.Scans) < 2 || len(a.units) == 0 {
		return ""
	}
	out := "Colours mean the same in every scan"
	if len(a.units) > 1 {
		out += " with the same unit"
	}
	return out + fmt.Sprintf(": CBF from 0 to %s %s.", exact(a.cbfTop(a.units[0])), a.units[0])
}

// strip is the one-row view of a scan at the top of the page.
func (a *atelier) strip(s *Scan) template.HTML {
	a.drawn = true
	fig, _ := drawMosaic(a.ids.next(), picture{name: "CBF, " + s.Name(), img: s.CBF, mask: s.Mask, ramp: perfusion,
		window: window{0, a.cbfTop(s.unit())}, unit: s.unit(), signed: true},
		layout{width: 860, columns: 7, axials: 7}, lines{}, a.p.View, a.limits(1))
	return template.HTML(fig)
}

// maps draws the native images of a scan.
func (a *atelier) maps(v *scanView) {
	s := v.S
	wide := layout{width: 860, columns: 6, axials: 12, side: true}
	small := layout{width: 580, columns: 5, axials: 10}
	draw := func(p picture, l layout, weight float64, title, caption string) figureView {
		a.drawn = true
		fig, holes := drawMosaic(a.ids.next(), p, l, lines{}, a.p.View, a.limits(weight))
		if holes > 0 {
			caption += fmt.Sprintf(" Hatched: %s in the mask without a value on the axial slices shown.", plural(holes, "voxel", "voxels"))
		}
		return figureView{title, caption, template.HTML(fig)}
	}
	top := a.cbfTop(s.unit())
	if has(s.CBF) {
		title := "Cerebral blood flow"
		if s.unit() != CBFUnit {
			title = "Relative perfusion"
		}
		caption := fmt.Sprintf("in %s, on the scan's own voxels. Grey line: brain mask.", s.unit())
		if n := countNegative(s.CBF, s.Mask); n > 0 {
			caption += fmt.Sprintf(" Blue: negative, %s of the voxels.", percentFine(n))
		}
		v.Main = draw(picture{name: "CBF, " + v.Name, img: s.CBF, mask: s.Mask, ramp: perfusion,
			window: window{0, top}, unit: s.unit(), outline: true, signed: true}, wide, 2, title, caption)
	}
	if has(s.ATT) {
		v.Maps = append(v.Maps, draw(picture{name: "Arterial transit time, " + v.Name, img: s.ATT, mask: s.Mask, ramp: transit,
			window: window{0, a.att}, unit: "s", outline: true}, small, 1, "Arterial transit time", "in s: how long blood takes from the label to the tissue."))
	}
	if has(s.SE) {
		v.Maps = append(v.Maps, draw(picture{name: "Standard error of CBF, " + v.Name, img: s.SE, mask: s.Mask, ramp: spread,
			window: window{0, niceCeil(quantile(s.SE.Data, inside(s.SE, s.Mask), 0.97))}, unit: s.unit(), outline: true}, small, 1,
			"Standard error of CBF", "in "+s.unit()+": bright where the estimate is uncertain."))
	}
	if has(s.DeltaM) {
		lo, hi := quantile(s.DeltaM.Data, inside(s.DeltaM, s.Mask), 0.02), quantile(s.DeltaM.Data, inside(s.DeltaM, s.Mask), 0.99)
		v.Maps = append(v.Maps, draw(picture{name: "Mean perfusion signal ΔM, " + v.Name, img: s.DeltaM, crop: fitMask(s.DeltaM, s.Mask), ramp: grey,
			window: greyWindow(min(0, lo), hi), unit: "scanner units"}, small, 1,
			"Perfusion signal ΔM", "mean control − label: ghosts, rings and residual skull show here first."))
	}
	if has(s.M0) {
		hi := quantile(s.M0.Data, inside(s.M0, s.Mask), 0.99)
		v.Maps = append(v.Maps, draw(picture{name: "Calibration image M0, " + v.Name, img: s.M0, mask: fitMask(s.M0, s.Mask), ramp: grey,
			window: greyWindow(0, hi), unit: "scanner units", outline: true}, small, 1,
			"Calibration M0", "with the brain mask: the line should follow the edge of the brain."))
	}
}

// fitMask returns the mask if it has the image's shape: M0 may lie on a grid
// of its own.
func fitMask(img *voxel.Image, m *voxel.Mask) *voxel.Mask {
	if m == nil || m.Dim != img.Dim {
		return nil
	}
	return m
}

// countNegative returns the share of the voxels with a value that is negative.
func countNegative(img *voxel.Image, m *voxel.Mask) float64 {
	in := inside(img, m)
	n, neg := 0, 0
	for i, v := range img.Data {
		if in != nil && !in[i] || math.IsNaN(float64(v)) {
			continue
		}
		n++
		if v < 0 {
			neg++
		}
	}
	if n == 0 {
		return 0
	}
	return float64(neg) / float64(n)
}

func percentFine(v float64) string { return number(100*v, 2) + " %" }

// greyWindow returns a window that is never empty.
func greyWindow(lo, hi float64) window {
	lo, hi = orZero(lo), orZero(hi)
	if !(lo < hi) {
		hi = lo + 1
	}
	return window{lo, hi}
}

// anatomyWindow runs from nothing to nearly the brightest tissue, whatever the
// share of air in the image.
func anatomyWindow(img *voxel.Image) window {
	top := quantile(img.Data, nil, 0.99)
	if !(top > 0) {
		return greyWindow(quantile(img.Data, nil, 0.01), top)
	}
	in := make([]bool, len(img.Data))
	for i, v := range img.Data {
		in[i] = float64(v) > top/20
	}
	return greyWindow(0, quantile(img.Data, in, 0.992))
}

// overlay draws both pictures of o with the same slices and the outlines of
// the first.
func (a *atelier) overlay(o *Overlay, unit string) overlayView {
	v := overlayView{ID: a.ids.next(), Title: o.Title, NameA: o.Fixed.Name, NameB: o.Moving.Name, Look: o.Look, Measures: o.Measures, Failed: o.Failed}
	first, second := o.Fixed, o.Moving
	if !has(first.Image) {
		first, second = second, first
		v.NameA, v.NameB = v.NameB, v.NameA
	}
	if !has(first.Image) {
		return v
	}
	a.drawn = true
	if has(second.Image) && second.Image.Dim != first.Image.Dim {
		panic("report: the pictures of overlay " + o.Title + " have different shapes")
	}
	over := lines{outlines: o.Outlines, labels: o.Labels, regions: o.Regions}
	crop := overlayCrop(first.Image, o)
	l := layout{width: 860, columns: 6, axials: 6, side: true, aim: centroids(o.Labels, o.Regions)}
	pic := func(y Layer) picture {
		p := picture{name: o.Title + ": " + y.Name, img: y.Image, crop: crop, ramp: grey, unit: y.Unit, note: y.Name}
		switch y.Kind {
		case Perfusion:
			p.ramp, p.unit = perfusion, cbfUnit(orText(y.Unit, unit))
			p.window, p.signed = window{0, a.cbfTop(p.unit)}, true
		case Effect:
			hi := max(math.Abs(orZero(quantile(y.Image.Data, crop.In, 0.01))), math.Abs(orZero(quantile(y.Image.Data, crop.In, 0.99))))
			p.ramp, p.window = effect, window{-niceCeil(hi), niceCeil(hi)}
		default:
			p.window = anatomyWindow(y.Image)
		}
		return p
	}
	pa := pic(first)
	var pb picture
	bar := pa.unit != ""
	if has(second.Image) {
		pb = pic(second)
		pb.shift = 1.2*textWidth(pa.note) + 16 // both names can be read when both pictures show
		bar = bar || pb.unit != ""
	}
	pa.noBar = pa.unit == ""
	pb.noBar = pb.unit == ""
	m := &mosaic{f: newFrame(first.Image.Grid), p: pa, over: over, conv: a.p.View, id: v.ID, limit: a.limits(1.5), step: 1, room: bar}
	m.limit.points *= 2 // the second picture shows the outlines of the first
	fig, _ := m.draw(l)
	v.A = template.HTML(fig)
	if has(second.Image) {
		q := &mosaic{f: newFrame(second.Image.Grid), p: pb, over: over, conv: a.p.View, id: a.ids.next(), limit: a.limits(1.5), step: 1, room: bar, from: v.ID}
		fig, _ = q.draw(l)
		v.B = template.HTML(fig)
	}
	for k, y := range o.Outlines {
		v.Keys = append(v.Keys, colourKey{y.Name, outlineColours[k%len(outlineColours)]})
	}
	for k, y := range o.Regions {
		v.Keys = append(v.Keys, colourKey{y.Name, m.groupColour(k)})
	}
	return v
}

// overlayCrop returns what both pictures are cropped to: what is outlined,
// else what is bright in the first.
func overlayCrop(img *voxel.Image, o *Overlay) *voxel.Mask {
	out := voxel.NewMask(img.Grid)
	some := false
	for _, l := range o.Outlines {
		if l.Mask == nil || l.Mask.Dim != img.Dim {
			continue
		}
		for i, in := range l.Mask.In {
			out.In[i] = out.In[i] || in
			some = some || in
		}
	}
	if !some && o.Labels != nil && o.Labels.Dim == img.Dim {
		for i, v := range o.Labels.Data {
			out.In[i] = v > 0
			some = some || v > 0
		}
	}
	if some {
		return out
	}
	top := quantile(img.Data, nil, 0.99)
	for i, v := range img.Data {
		out.In[i] = float64(v) > top/20 || !(top > 0)
	}
	return out
}
