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
	var base backing // most often one for all maps
	ready := false
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
			mark += " " + sentence(m.Note)
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
			if !ready || !q.img.Grid.Same(base.grid, 0) {
				base, ready = newBacking(q.img.Grid, g.Template), true
			}
			p.crop, p.under, p.backing = base.crop(q.img), base.anatomy, base.window
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

// A backing is the template on the grid of a map.
type backing struct {
	grid    voxel.Grid
	anatomy *voxel.Image // nil: none
	window  window
	bright  []bool // where it is worth showing; nil: nowhere
}

func newBacking(grid voxel.Grid, template *voxel.Image) backing {
	b := backing{grid: grid}
	if !has(template) {
		return b
	}
	b.anatomy = template
	if !template.Grid.Same(grid, 0.01) {
		if !template.Affine.Invertible() || !grid.Affine.Invertible() {
			return backing{grid: grid}
		}
		b.anatomy = voxel.Resample(template, grid, nil, voxel.Linear, 0)
	}
	b.window = anatomyWindow(b.anatomy)
	top := quantile(b.anatomy.Data, nil, 0.99)
	b.bright = make([]bool, len(b.anatomy.Data))
	for i, v := range b.anatomy.Data {
		b.bright[i] = top > 0 && float64(v) > top/5
	}
	return b
}

// crop returns where img has a value; where it has few, as a map of one
// region, what is bright in the template too.
func (b backing) crop(img *voxel.Image) *voxel.Mask {
	m := voxel.NewMask(img.Grid)
	valued, bright := 0, 0
	for i, v := range img.Data {
		if v == v {
			m.In[i] = true
			valued++
		}
		if b.bright != nil && b.bright[i] {
			bright++
		}
	}
	if 5*valued < bright {
		for i, in := range b.bright {
			m.In[i] = m.In[i] || in
		}
	}
	return m
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
