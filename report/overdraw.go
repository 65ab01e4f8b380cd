package report

import (
	"math"
	"slices"
	"strconv"

	"phasl/voxel"
)

// overdraw adds the outlines and the hatching of one sheet. Each kind of line
// is a single path over all slices, in half voxels, stretched to the sheet.
func (m *mosaic) overdraw(t row, p plane, x, y, uw, uh, scale float64) {
	nx, ny := m.box.size(p.across), m.box.size(p.down)
	sx, sy := m.f.spacing[p.across]*scale/2, m.f.spacing[p.down]*scale/2
	group := `transform="translate(` + coord(x) + ` ` + coord(y) + `) scale(` + fine(sx) + ` ` + fine(sy) + `)"`
	// A picture stands every pw × ph pixels of step voxels: origins in half voxels.
	pw, ph := m.pitch(p)
	origin := func(i int) (dx, dy int) {
		return (i % t.cols) * pw * m.step * 2, (i / t.cols) * ph * m.step * 2
	}
	draw := func(attrs string, in func(index int) bool) {
		var o outliner
		for i, s := range t.slices {
			dx, dy := origin(i)
			o.add(0, 0, nx, ny, dx, dy, func(px, py int) bool { return in(m.f.pixel(p, m.box, s, px, py)) })
		}
		m.emit(&o, group, attrs, "o")
	}
	if mask := m.p.mask; mask != nil {
		hole := func(i int) bool { return mask.In[i] && math.IsNaN(float64(m.p.img.Data[i])) }
		for _, s := range t.slices {
			for py := range ny {
				for px := range nx {
					if t.view == axial && hole(m.f.pixel(p, m.box, s, px, py)) {
						m.holes++
					}
				}
			}
		}
		m.hatch(t, p, x, y, sx, sy, nx, ny, origin, hole)
		if m.p.outline {
			colour := "#9fb4c8"
			if m.p.ramp.plain() {
				colour = outlineColours[0]
			}
			draw(`stroke="`+colour+`" fill="none"`, func(i int) bool { return mask.In[i] })
		}
	}
	key := m.id + "-o" + strconv.Itoa(int(t.view))
	if m.from != "" {
		m.raw(`<use href="#`, m.from, "-o", strconv.Itoa(int(t.view)), `"/>`)
		return
	}
	m.raw(`<g id="`, key, `">`)
	defer m.raw(`</g>`)
	if m.over.labels != nil {
		m.atlas(t, p, group, origin, nx, ny)
	}
	for k, o := range m.over.outlines {
		if o.Mask == nil {
			continue
		}
		if o.Mask.Dim != m.p.img.Dim {
			panic("report: outline " + o.Name + " has another shape than its picture")
		}
		draw(`stroke="`+outlineColours[k%len(outlineColours)]+`" fill="none"`, func(i int) bool { return o.Mask.In[i] })
	}
}

// hatch fills the voxels without a value. It draws in user units, so that the
// pattern is not stretched with the voxels.
func (m *mosaic) hatch(t row, p plane, x, y, sx, sy float64, nx, ny int, origin func(int) (int, int), hole func(int) bool) {
	var d []byte
	for i, s := range t.slices {
		dx, dy := origin(i)
		for py := range ny {
			for px := 0; px < nx; px++ {
				if !hole(m.f.pixel(p, m.box, s, px, py)) {
					continue
				}
				run := 1
				for px+run < nx && hole(m.f.pixel(p, m.box, s, px+run, py)) {
					run++
				}
				if m.runs++; m.runs > m.limit.runs {
					m.cut = true
					break
				}
				d = append(d, "M"+coord(x+sx*float64(dx+2*px))+" "+coord(y+sy*float64(dy+2*py))+
					"h"+coord(2*sx*float64(run))+"v"+coord(2*sy)+"h"+coord(-2*sx*float64(run))+"z"...)
				px += run
			}
		}
	}
	if len(d) > 0 {
		m.path(string(d), `fill="url(#`+m.id+`-h)"`)
	}
}

// atlas outlines every label: thin and grey, those of a group in its colour.
func (m *mosaic) atlas(t row, p plane, group string, origin func(int) (int, int), nx, ny int) {
	if m.over.labels.Dim != m.p.img.Dim {
		panic("report: labels have another shape than their picture")
	}
	// Labels become classes: 0 outside, 1 + g in group g, then one class for
	// each other label, so that neighbours are parted.
	groups := map[int]int{}
	for g, r := range m.over.regions {
		for _, l := range r.Labels {
			if _, ok := groups[l]; !ok {
				groups[l] = g
			}
		}
	}
	label := func(i int) int {
		v := float64(m.over.labels.Data[i])
		if !(math.Abs(v) < 1<<30) { // also NaN
			return 0
		}
		return int(math.Round(v))
	}
	ng := len(m.over.regions)
	paths := make([]outliner, ng+1)
	type span struct{ x0, y0, x1, y1 int }
	for i, s := range t.slices {
		boxes := map[int]span{} // class → its box in this slice; other labels keep class ng + label
		class := make([]int, nx*ny)
		for py := range ny {
			for px := range nx {
				l := label(m.f.pixel(p, m.box, s, px, py))
				if l == 0 {
					continue
				}
				c := 1 + ng + l
				if g, ok := groups[l]; ok {
					c = -1 - g
				}
				class[py*nx+px] = c
				b, ok := boxes[c]
				if !ok {
					b = span{px, py, px + 1, py + 1}
				}
				boxes[c] = span{min(b.x0, px), min(b.y0, py), max(b.x1, px+1), max(b.y1, py+1)}
			}
		}
		keys := make([]int, 0, len(boxes))
		for c := range boxes {
			keys = append(keys, c)
		}
		slices.Sort(keys)
		dx, dy := origin(i)
		for _, c := range keys {
			b := boxes[c]
			o := &paths[ng]
			if c < 0 {
				o = &paths[-1-c]
			}
			o.add(b.x0, b.y0, b.x1, b.y1, dx, dy, func(x, y int) bool { return class[y*nx+x] == c })
		}
	}
	// The regions asked for come first in the budget and last in the drawing.
	spare := m.points
	for g := range ng {
		spare += paths[g].n / 2
	}
	if spare+paths[ng].n/2 <= m.limit.points {
		m.emit(&paths[ng], group, `stroke="#d5dde5" stroke-opacity="0.6" fill="none"`, "o thin")
	} else {
		m.cut = true
	}
	for g := range ng {
		m.emit(&paths[g], group, `stroke="`+m.groupColour(g)+`" fill="none"`, "o")
	}
}

// emit writes the path of o, or nothing if it is beyond the budget.
func (m *mosaic) emit(o *outliner, group, attrs, class string) {
	if o.n == 0 {
		return
	}
	if m.points+o.n/2 > m.limit.points {
		m.cut = true
		return
	}
	m.points += o.n / 2
	m.raw(`<path class="`, class, `" `, group, ` d="`, o.data(), `" `, attrs, `/>`)
}

// groupColour continues the outlines' colours. The first two are kept for brain
// and white matter, so that a region has one colour in every picture.
func (m *mosaic) groupColour(g int) string {
	return outlineColours[(max(2, len(m.over.outlines))+g)%len(outlineColours)]
}

// centroids returns the middle [mm] of each group of labels, left out where
// there are no voxels; a group on both sides of the body gives the middle of
// the one on the right.
func centroids(labels *voxel.Image, groups []LabelGroup) []voxel.Vec {
	if labels == nil || !labels.Affine.Invertible() {
		return nil
	}
	of := map[int]int{}
	for g, r := range groups {
		for _, l := range r.Labels {
			of[l] = g
		}
	}
	type sum struct {
		p voxel.Vec
		n int
	}
	sums := make([][2]sum, len(groups))
	for i, v := range labels.Data {
		if !(v != 0) || math.Abs(float64(v)) >= 1<<30 {
			continue
		}
		g, ok := of[int(math.Round(float64(v)))]
		if !ok {
			continue
		}
		w := labels.World(labels.Coord(i))
		side := 0
		if w[0] < 0 {
			side = 1
		}
		s := &sums[g][side]
		for a := range 3 {
			s.p[a] += w[a]
		}
		s.n++
	}
	var out []voxel.Vec
	for _, s := range sums {
		k := s[0]
		if k.n == 0 {
			k = s[1]
		}
		if k.n > 0 {
			out = append(out, voxel.Vec{k.p[0] / float64(k.n), k.p[1] / float64(k.n), k.p[2] / float64(k.n)})
		}
	}
	return out
}
