package report

import (
	"fmt"
	"html/template"
	"math"

	"phasl/voxel"
)

// groupPixels bounds the pixels with a value of all maps together at scale 1.
const groupPixels = 1_600_000

// A mapView is one contrast with its estimate and t statistic.
type mapView struct {
	Name    string
	Figures []figureView
}

// maps draws the effect maps on the template.
func (v *groupView) maps(g *Group, scale float64) {
	n := 0
	for _, m := range g.Maps {
		for _, img := range []*voxel.Image{m.Estimate, m.T} {
			if has(img) {
				n++
			}
		}
	}
	if n == 0 {
		return
	}
	limit := limits{pixels: int(scale * min(groupPixels/float64(n), 300_000))}
	tops := mapTops(g.Maps)
	for _, m := range g.Maps {
		if !has(m.Estimate) && !has(m.T) {
			continue
		}
		view := mapView{Name: m.Name}
		mark := "Uncorrected for the number of voxels: for looking, not for claims."
		if m.Corrected != "" {
			mark = "Corrected over voxels: " + m.Corrected + "."
		} else if m.Regions {
			mark = "One value a region, painted over it; tests are in the table."
		}
		if m.Note != "" {
			mark += " " + capital(m.Note)
		}
		unit := cbfUnit(m.Unit)
		for _, q := range []struct {
			img              *voxel.Image
			title, unit, say string
		}{{m.Estimate, "Estimate", unit, "in " + unit + ". Orange: higher, blue: lower. "}, {m.T, "t statistic", "t", "estimate divided by its standard error. "}} {
			if !has(q.img) {
				continue
			}
			top := tops[q.unit]
			p := picture{name: m.Name + ", " + q.title, img: q.img, mask: nil, ramp: effect, window: window{-top, top}, unit: q.unit, fade: true}
			p.crop, p.under = underlay(q.img, g.Template)
			fig, _ := drawMosaic(v.ids.next(), p, layout{width: 580, columns: 5, axials: 10, side: true}, lines{}, g.View, limit)
			view.Figures = append(view.Figures, figureView{q.title, q.say + mark, template.HTML(fig)})
		}
		v.Maps = append(v.Maps, view)
	}
}

// mapTops returns the end of the colour scale of each unit, common to all maps
// with it: the 99th percentile of the size of the effect, rounded up.
func mapTops(maps []EffectMap) map[string]float64 {
	tops := map[string]float64{}
	for _, m := range maps {
		for _, q := range []struct {
			img  *voxel.Image
			unit string
		}{{m.Estimate, cbfUnit(m.Unit)}, {m.T, "t"}} {
			if !has(q.img) {
				continue
			}
			size := make([]float32, len(q.img.Data))
			for i, x := range q.img.Data {
				size[i] = float32(math.Abs(float64(x)))
			}
			tops[q.unit] = max(tops[q.unit], orZero(quantile(size, nil, 0.99)))
		}
	}
	for u, v := range tops {
		tops[u] = niceCeil(v)
	}
	return tops
}

// underlay returns the template on the grid of img, and the part of the grid
// worth showing: what has a value in img or is bright in the template.
func underlay(img, anatomy *voxel.Image) (crop *voxel.Mask, under *voxel.Image) {
	crop = voxel.NewMask(img.Grid)
	for i, v := range img.Data {
		crop.In[i] = v == v
	}
	if !has(anatomy) {
		return crop, nil
	}
	under = anatomy
	if !anatomy.Grid.Same(img.Grid, 0.01) {
		if !anatomy.Affine.Invertible() || !img.Affine.Invertible() {
			return crop, nil
		}
		under = voxel.Resample(anatomy, img.Grid, nil, voxel.Linear, 0)
	}
	top := quantile(under.Data, nil, 0.99)
	for i, v := range under.Data {
		crop.In[i] = crop.In[i] || top > 0 && float64(v) > top/5
	}
	return crop, under
}

// scaleText says which maps share their colours.
func scaleText(maps []EffectMap, space string) string {
	if len(maps) == 0 {
		return ""
	}
	t := "Colours mean the same in all maps of a unit; where an effect is weak the template shows through."
	if space != "" {
		t += fmt.Sprintf(" Coordinates are those of %s.", space)
	}
	return t
}
