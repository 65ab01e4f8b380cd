package report

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"phasl/receptor"
	"phasl/voxel"
)

// receptorPixels bounds the pixels of all maps of receptors and effects at
// scale 1. A region is one colour, so that they take few bytes.
const receptorPixels = 900_000

// receptorRamp grows lighter all the way, so that high and low are told apart
// in grey too: the middle of the scale is a map's own mean, not zero.
var receptorRamp = transit

// painted is the atlas as places in the list of parcels, −1 outside.
func (q *Receptors) painted() (place []int32, in *voxel.Mask) {
	of := map[int]int32{}
	for i, l := range q.Label {
		if _, ok := of[l]; !ok && l != 0 {
			of[l] = int32(i)
		}
	}
	place = make([]int32, len(q.Labels.Data))
	in = voxel.NewMask(q.Labels.Grid)
	painted := false
	for i, v := range q.Labels.Data {
		place[i] = -1
		if !(math.Abs(float64(v)) < 1<<30) { // also NaN
			continue
		}
		if k, ok := of[int(math.Round(float64(v)))]; ok {
			place[i], in.In[i], painted = k, true, true
		}
	}
	if !painted {
		return nil, nil
	}
	return place, in
}

// maps paints effects and densities over the atlas as standard deviations from
// the mean over regions, with the same colours and slices.
func (q *Receptors) maps(v *groupView, conv Convention, scale float64) (figs []figureView, bar template.HTML, note string) {
	if !has(q.Labels) || len(q.Labels.Data) < q.Labels.Dim[0]*q.Labels.Dim[1]*q.Labels.Dim[2] {
		return nil, "", ""
	}
	type painting struct {
		name, say string
		z         []float64
	}
	var list []painting
	for i := range q.Effects {
		e := &q.Effects[i]
		list = append(list, painting{capital(q.label(e)), "", receptor.Standardise(finiteOnly(e.Values))})
	}
	for i := range min(len(q.Panel), maxPeople) {
		d := &q.Panel[i]
		say := "density"
		if d.Tracer != "" {
			say += ", " + d.Tracer
		}
		list = append(list, painting{q.name(d.Target, d.File), say, receptor.Standardise(finiteOnly(d.Values))})
	}
	place, in := q.painted()
	if place == nil {
		return nil, "", ""
	}
	var size []float32
	for _, p := range list {
		for _, z := range p.z {
			size = append(size, float32(math.Abs(z)))
		}
	}
	top := niceCeil(orZero(quantile(size, nil, 0.98)))
	limit := limits{pixels: int(scale * min(receptorPixels/float64(len(list)), 90_000))}
	img := voxel.NewImage(q.Labels.Grid) // painted anew for each map
	for _, p := range list {
		valued := false
		for i, k := range place {
			img.Data[i] = float32(math.NaN())
			if k >= 0 && int(k) < len(p.z) {
				img.Data[i] = float32(p.z[k])
				valued = valued || !math.IsNaN(p.z[k])
			}
		}
		if !valued {
			figs = append(figs, figureView{p.name, strings.TrimSpace(p.say + " (no value to draw)"), ""})
			continue
		}
		fig, _ := drawMosaic(v.ids.next(), picture{name: p.name, img: img, crop: in, ramp: receptorRamp, window: window{-top, top}, noBar: true}, layout{width: 400, columns: 4, axials: 8}, lines{}, conv, limit)
		figs = append(figs, figureView{p.name, p.say, template.HTML(fig)})
	}
	left := ""
	if n := len(q.Panel) - maxPeople; n > 0 {
		left = " " + plural(n, "further density is", "further densities are") + " not drawn, for length."
	}
	note = "Each region is painted with its value: standard deviations from the map’s own mean over regions. Colours and slices are the same in all, so that likeness can be seen; regions without a value are black. A high value of an effect is a high one of this map, not a rise." + left
	return figs, template.HTML(drawScale(v.ids.next(), top)), note
}

// finiteOnly returns v with NaN for what is infinite.
func finiteOnly(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		if out[i] = x; !isNumber(x) {
			out[i] = math.NaN()
		}
	}
	return out
}

// drawScale is the colour bar that the maps share.
func drawScale(id string, top float64) string {
	const width, stops = 400.0, 24
	var s svg
	s.open("chart scale", id, width, 44, "Colours of the maps", fmt.Sprintf("From %s to %s standard deviations from the mean.", number(-top, 2), number(top, 2)))
	var stop strings.Builder
	for i := range stops + 1 {
		t := float64(i) / stops
		stop.WriteString(`<stop offset="` + coord(t) + `" stop-color="` + hex(receptorRamp.at(t)) + `"/>`)
	}
	s.raw(`<defs><linearGradient id="`, id, `-g">`, stop.String(), `</linearGradient></defs>`)
	s.rect(20, 4, width-40, 14, `fill="url(#`+id+`-g)"`)
	a := axis{lo: -top, hi: top, from: 20, to: width - 20}
	for _, t := range niceTicks(-top, top, 6) {
		s.line(a.at(t), 18, a.at(t), 22, `class="ax"`)
		s.text(a.at(t), 36, `class="t" text-anchor="middle"`, tickLabel(t, 2*top)+map[bool]string{true: " SD"}[t == 0])
	}
	return s.close()
}
