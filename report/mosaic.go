package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"slices"
	"sort"
	"strconv"

	"phasl/voxel"
)

// A picture is one image and how it is to be drawn.
type picture struct {
	name    string
	img     *voxel.Image
	mask    *voxel.Mask // bounds the crop; NaN inside it is hatched; nil: none
	crop    *voxel.Mask // bounds the crop in place of mask, if not nil
	ramp    ramp
	window  window
	unit    string // of the colour bar; "" draws none
	noBar   bool
	outline bool         // draw the mask's edge
	bare    bool         // no text at all: a thumbnail
	signed  bool         // zero is the lower end and a voxel below it is a finding
	fade    bool         // the middle of the ramp is transparent: a signed map over another picture
	under   *voxel.Image // drawn in grey below img, on the same grid; nil: none
	backing window       // of under
	note    string       // at the foot, right
	shift   float64      // how far from the right end the note stands
}

// A window is the range of values a colour map spans.
type window struct{ lo, hi float64 }

// A layout says which slices a mosaic has and how large it is.
type layout struct {
	width   float64 // of the drawing, in user units (CSS pixels at full size)
	columns int     // axial pictures in a row
	axials  int     // axial pictures in all
	side    bool    // a row of coronal and sagittal pictures below
	aim     []voxel.Vec
}

// lines are the outlines drawn on every slice of a mosaic.
type lines struct {
	outlines []Outline
	labels   *voxel.Image
	regions  []LabelGroup
}

// limits bound what one figure adds to the page.
type limits struct {
	pixels int // of its pictures; finer images are averaged in-plane
	points int // of its outlines, about 5 bytes each
	runs   int // of its hatching, about 30 bytes each
}

// A mosaic draws slices of one picture in one SVG.
type mosaic struct {
	svg
	f      frame
	box    box
	p      picture
	over   lines
	conv   Convention
	step   int // in-plane averaging
	points int // outline points so far
	runs   int // hatched runs so far
	cut    bool
	holes  int // voxels inside the mask without value, on the slices drawn
	id     string
	limit  limits
	room   bool   // leave the place of a colour bar even without one
	from   string // id of the figure whose outlines this one shows too; "": its own
}

// A row is a strip of equal pictures.
type row struct {
	view   view
	slices []int // body coordinate of each
	cols   int
}

// drawMosaic returns the figure and the number of hatched voxels on its axial
// slices.
func drawMosaic(id string, p picture, l layout, over lines, conv Convention, limit limits) (fig string, holes int) {
	m := &mosaic{f: newFrame(p.img.Grid), p: p, over: over, conv: conv, id: id, limit: limit, step: 1}
	return m.draw(l)
}

func (m *mosaic) draw(l layout) (fig string, holes int) {
	p, id, conv := m.p, m.id, m.conv
	for _, k := range []*voxel.Mask{p.mask, p.crop} {
		if k != nil && k.Dim != p.img.Dim {
			panic("report: mask and image of " + p.name + " have different shapes")
		}
	}
	if p.under != nil && p.under.Dim != p.img.Dim {
		panic("report: " + p.name + " and what lies under it have different shapes")
	}
	m.box = m.crop()
	rows := m.rows(l)
	m.fit(rows)

	gap, foot, head, least := 6.0, 26.0, 6.0, 120.0
	if p.bare {
		gap, foot, head, least = 2, 0, 2, 0
	}
	bar := 0.0
	if !p.noBar || m.room {
		bar = 96
	}
	widest := 0.0
	for _, r := range rows {
		w := 0.0
		for _, t := range r {
			pl := t.view.plane(conv)
			w += float64(t.cols) * m.mm(pl.across)
		}
		widest = max(widest, w)
	}
	const between = 16.0 // between pictures of different views
	scale := (l.width - bar - 2*gap - between) / widest
	if scale*m.mm(1) > 420 { // one small slice must not fill the page
		scale = 420 / m.mm(1)
	}
	height := head
	for _, r := range rows {
		h := 0.0
		for _, t := range r {
			n := (len(t.slices) + t.cols - 1) / t.cols
			h = max(h, float64(n)*m.mm(t.view.plane(conv).down)*scale)
		}
		height += h + gap
	}
	height = max(height, least) + foot

	class := "brain"
	if l.width > 800 {
		class = "brain large"
	}
	m.open(class, id, l.width, height, p.name, m.describe(rows))
	m.raw(`<defs><pattern id="`, id, `-h" width="4" height="4" patternUnits="userSpaceOnUse"><rect width="4" height="4" fill="#555"/>`,
		`<path d="M0 4L4 0" stroke="#ddd" stroke-width="1"/></pattern></defs>`)
	m.rect(0, 0, l.width, height, `fill="#000" rx="4"`)
	y := head
	for _, r := range rows {
		total := 0.0
		for _, t := range r {
			total += float64(t.cols) * m.mm(t.view.plane(conv).across) * scale
		}
		total += between * float64(len(r)-1)
		x, h := gap+(l.width-bar-2*gap-total)/2, 0.0
		for _, t := range r {
			w, th := m.strip(t, x, y, scale)
			x += w + between
			h = max(h, th)
		}
		y += h + gap
	}
	if !p.noBar {
		m.bar(l.width-bar+32, head+29, max(60, height-foot-head-66))
	}
	if !p.bare {
		m.footer(gap, height-9, l.width)
	}
	return m.close(), m.holes
}

// mm returns the length of the crop along body axis a, with the gap to the next
// picture [mm].
func (m *mosaic) mm(a int) float64 {
	n := (m.box.size(a) + m.step - 1) / m.step
	return float64((n+1)*m.step) * m.f.spacing[a]
}

// subject returns the mask that bounds the crop, or nil.
func (m *mosaic) subject() *voxel.Mask {
	if m.p.crop != nil {
		return m.p.crop
	}
	return m.p.mask
}

// crop returns the part of the grid worth showing: the mask and a margin, or
// what is brighter than a twentieth of the brightest, or everything.
func (m *mosaic) crop() box {
	all := box{hi: m.f.n}
	if in := m.subject(); in != nil {
		if b, ok := m.f.bounds(func(i int) bool { return in.In[i] }); ok {
			return m.f.grow(b, 6)
		}
	}
	top := quantile(m.p.img.Data, nil, 0.99)
	if !(top > 0) {
		return all
	}
	if b, ok := m.f.bounds(func(i int) bool { return float64(m.p.img.Data[i]) > top/20 }); ok {
		return m.f.grow(b, 2)
	}
	return all
}

// rows chooses the slices.
func (m *mosaic) rows(l layout) [][]row {
	inner := m.box
	if in := m.subject(); in != nil { // slices through the mask, not through its margin
		if b, ok := m.f.bounds(func(i int) bool { return in.In[i] }); ok {
			inner = b
		}
	}
	ax := pickSlices(inner.lo[2], inner.hi[2], l.axials, m.aims(l.aim, 2))
	out := [][]row{{{axial, ax, min(l.columns, len(ax))}}}
	if l.side && m.box.size(2) >= 6 && m.mm(2) >= 24 {
		room := float64(out[0][0].cols) * m.mm(0)
		nc, ns := 1, 1 // as many as the row has room for, in turns
		for nc+ns < 8 {
			c, s := nc, ns+1
			if ns > nc {
				c, s = nc+1, ns
			}
			if float64(c)*m.mm(0)+float64(s)*m.mm(1) > room {
				break
			}
			nc, ns = c, s
		}
		co := pickSlices(inner.lo[1], inner.hi[1], nc, m.aims(l.aim, 1))
		sa := pickSlices(inner.lo[0], inner.hi[0], ns, m.aims(l.aim, 0))
		out = append(out, []row{{coronal, co, len(co)}, {sagittal, sa, len(sa)}})
	}
	return out
}

// aims returns the slices along body axis a nearest to the points of interest,
// at least 8 mm apart.
func (m *mosaic) aims(points []voxel.Vec, a int) []int {
	if !m.f.grid.Affine.Invertible() {
		return nil
	}
	inv := m.f.grid.Affine.Inverse()
	var out []int
	for _, p := range points {
		v := inv.Map(p)[m.f.axis[a]]
		if m.f.flip[a] {
			v = float64(m.f.n[a]-1) - v
		}
		s := int(math.Round(v))
		near := s < m.box.lo[a] || s >= m.box.hi[a]
		for _, o := range out { // slices that show nearly the same
			near = near || float64(absInt(s-o))*m.f.spacing[a] < 8
		}
		if !near {
			out = append(out, s)
		}
	}
	return out
}

// pickSlices returns at most n slices evenly spread over [lo, hi), the outer
// ones a little inside, with the nearest moved onto each aim. The result is
// sorted and has no slice twice.
func pickSlices(lo, hi, n int, aims []int) []int {
	size := hi - lo
	n = max(1, min(n, size))
	out := make([]int, n)
	for i := range out {
		t := (float64(i) + 0.5) / float64(n)
		t = 0.5 + (t-0.5)*0.94 // the very ends of a brain show little
		out[i] = lo + min(size-1, int(t*float64(size)))
	}
	moved := make([]bool, n)
	for _, a := range aims {
		best := -1
		for i, s := range out {
			if s == a {
				best = i
				break
			}
			if !moved[i] && (best < 0 || absInt(s-a) < absInt(out[best]-a)) {
				best = i
			}
		}
		if best >= 0 {
			out[best], moved[best] = a, true
		}
	}
	sort.Ints(out)
	return slices.Compact(out)
}

func absInt(v int) int { return max(v, -v) }

// fit chooses the in-plane averaging that keeps within the budget. Pixels
// without a value cost next to nothing.
func (m *mosaic) fit(rows [][]row) {
	total := 0
	for _, r := range rows {
		for _, t := range r {
			p := t.view.plane(m.conv)
			nx, ny := m.box.size(p.across), m.box.size(p.down)
			for _, s := range t.slices {
				valued := 0
				for py := range ny {
					for px := range nx {
						i := m.f.pixel(p, m.box, s, px, py)
						if v := m.p.img.Data[i]; v == v {
							valued++
						}
						if u := m.p.under; u != nil && u.Data[i] == u.Data[i] {
							valued++
						}
					}
				}
				total += valued + (nx*ny-valued)/16
			}
		}
	}
	for m.step < 64 && total/(m.step*m.step) > m.limit.pixels {
		m.step++
	}
}

// tile returns the pixels of one picture of plane p.
func (m *mosaic) tile(p plane) (w, h int) {
	return (m.box.size(p.across) + m.step - 1) / m.step, (m.box.size(p.down) + m.step - 1) / m.step
}

// pitch returns the step from one picture to the next: a picture and an empty
// column or row, so that neighbours do not touch.
func (m *mosaic) pitch(p plane) (w, h int) {
	w, h = m.tile(p)
	return w + 1, h + 1
}

// strip draws the pictures of one view as a sheet at (x, y) and returns its
// size in user units.
func (m *mosaic) strip(t row, x, y, scale float64) (w, h float64) {
	p := t.view.plane(m.conv)
	tw, th := m.tile(p)
	deep := (len(t.slices) + t.cols - 1) / t.cols
	pw, ph := m.pitch(p)
	uw, uh := float64(pw*m.step)*m.f.spacing[p.across]*scale, float64(ph*m.step)*m.f.spacing[p.down]*scale
	put := func(img *voxel.Image, w window, colours color.Palette) {
		sheet := image.NewPaletted(image.Rect(0, 0, pw*t.cols, ph*deep), colours)
		for i, s := range t.slices {
			m.fill(sheet, img, w, p, s, (i%t.cols)*pw, (i/t.cols)*ph, tw, th)
		}
		m.raw(`<image x="`, coord(x), `" y="`, coord(y), `" width="`, coord(uw*float64(t.cols)), `" height="`, coord(uh*float64(deep)),
			`" preserveAspectRatio="none" href="data:image/png;base64,`, encodePNG(sheet), `"/>`)
	}
	if u := m.p.under; u != nil {
		put(u, m.p.backing, grey.palette(grey.at(0)))
	}
	colours := m.p.ramp.palette(m.below())
	if m.p.fade {
		colours = m.p.ramp.faded()
	}
	put(m.p.img, m.p.window, colours)

	m.overdraw(t, p, x, y, uw, uh, scale)
	if m.p.bare {
		return uw * float64(t.cols), uh * float64(deep)
	}
	for i, s := range t.slices {
		tx, ty := x+float64(i%t.cols)*uw, y+float64(i/t.cols)*uh
		label := strconv.Itoa(s) // of the grid's own counting
		if m.f.known {
			label = p.letter + " " + signed(m.f.position(p, m.box, s))
		}
		m.text(tx+2, ty+uh-3, `class="k"`, label)
		if i%t.cols == 0 && m.f.known {
			m.text(tx+2, ty+15, `class="k b"`, p.letters[0])
		}
		if (i%t.cols == t.cols-1 || i == len(t.slices)-1) && m.f.known {
			m.text(tx+uw-2, ty+15, `class="k b" text-anchor="end"`, p.letters[1])
		}
	}
	return uw * float64(t.cols), uh * float64(deep)
}

// below returns the colour of values below the window.
func (m *mosaic) below() color.NRGBA {
	if m.p.signed {
		return below
	}
	return m.p.ramp.at(0)
}

// fill writes one slice of img into the sheet.
func (m *mosaic) fill(sheet *image.Paletted, img *voxel.Image, win window, p plane, s, x0, y0, w, h int) {
	nx, ny := m.box.size(p.across), m.box.size(p.down)
	span := win.hi - win.lo
	for py := range h {
		for px := range w {
			var sum float64
			n := 0
			for dy := range m.step {
				for dx := range m.step {
					qx, qy := px*m.step+dx, py*m.step+dy
					if qx >= nx || qy >= ny {
						continue
					}
					if v := float64(img.Data[m.f.pixel(p, m.box, s, qx, qy)]); !math.IsNaN(v) {
						sum += v
						n++
					}
				}
			}
			if n == 0 {
				continue
			}
			v := (sum/float64(n) - win.lo) / span
			e := uint8(entryUnder)
			if v >= 0 {
				e = uint8(entryFirst + int(math.Round(min(v, 1)*(entries-1))))
			}
			sheet.SetColorIndex(x0+px, y0+py, e)
		}
	}
}

func encodePNG(img image.Image) string {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestCompression}
	if err := enc.Encode(&b, img); err != nil { // a buffer takes everything, and the image is not empty
		panic("report: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// signed writes millimetres with a sign the eye can find.
func signed(v float64) string {
	r := math.Round(v)
	switch {
	case r < 0:
		return "−" + strconv.Itoa(int(-r))
	case r > 0:
		return "+" + strconv.Itoa(int(r))
	}
	return "0"
}

// bar draws the colour bar, with ticks and unit.
func (m *mosaic) bar(x, y, h float64) {
	const w, stops = 14.0, 24
	m.raw(`<defs><linearGradient id="`, m.id, `-g" x1="0" y1="1" x2="0" y2="0">`)
	for i := range stops + 1 {
		t := float64(i) / stops
		m.raw(`<stop offset="`, coord(t), `" stop-color="`, hex(m.p.ramp.at(t)), `"/>`)
	}
	m.raw(`</linearGradient></defs>`)
	if m.p.signed {
		m.rect(x, y+h+9, w, 9, `fill="`+hex(below)+`"`)
		m.text(x+w+6, y+h+18, `class="k"`, "< 0")
	}
	m.rect(x, y, w, h, `fill="url(#`+m.id+`-g)"`)
	lo, hi := m.p.window.lo, m.p.window.hi
	tick := func(v float64, sign string) {
		ty := y + h*(1-(v-lo)/(hi-lo))
		m.line(x+w, ty, x+w+4, ty, `stroke="#bbb"`)
		m.text(x+w+6, ty+4, `class="k"`, sign+tickLabel(v, hi-lo))
	}
	under, over := m.p.beyond()
	if over {
		m.path("M"+coord(x)+" "+coord(y)+"h"+coord(w)+"l"+coord(-w/2)+" -8z", `fill="`+hex(m.p.ramp.at(1))+`"`)
		tick(hi, "≥ ")
	}
	if under {
		m.path("M"+coord(x)+" "+coord(y+h)+"h"+coord(w)+"l"+coord(-w/2)+" 8z", `fill="`+hex(m.p.ramp.at(0))+`"`)
		tick(lo, "≤ ")
	}
	const line = 14 // high
	for _, t := range niceTicks(lo, hi, max(2, int(h/26))) {
		if at := (t - lo) / (hi - lo) * h; !(over && h-at < line || under && at < line) {
			tick(t, "")
		}
	}
	if m.p.unit != "" {
		m.text(x+58, y-14, `class="k" text-anchor="end"`, m.p.unit)
	}
}

// beyond reports whether coloured values lie under and over the window, and so
// have the colour of its ends; those under it not if they have a colour of
// their own.
func (p *picture) beyond() (under, over bool) {
	if p.ramp.plain() {
		return false, false
	}
	in := p.crop
	if in == nil {
		in = p.mask
	}
	for n, v := range p.img.Data {
		if in == nil || in.In[n] {
			under = under || float64(v) < p.window.lo && !p.signed
			over = over || float64(v) > p.window.hi
		}
	}
	return under, over
}

// footer says which side is which.
func (m *mosaic) footer(x, y, width float64) {
	side := "R: the person's right, on the left of the picture (radiological)."
	if m.conv == Neurological {
		side = "L: the person's left, on the left of the picture (neurological)."
	}
	switch {
	case !m.f.known:
		side = "Orientation unknown: the header's affine is of no use."
	case m.f.tilt > 3 && width > 800:
		tilted := fmt.Sprintf(" Slices as acquired, tilted by %.0f° from the body's axes.", m.f.tilt)
		if 0.75*textWidth(side+tilted)+1.1*textWidth(m.p.note)+m.p.shift < width-30 { // small text, and the note's large
			side += tilted
		}
	}
	m.text(x+4, y, `class="k s"`, side)
	switch {
	case m.p.note != "":
		m.text(width-8-m.p.shift, y, `class="k b" text-anchor="end"`, m.p.note)
	case m.cut:
		m.text(width-8, y, `class="k s" text-anchor="end"`, "Some outlines left out: too many edges to draw.")
	case m.step > 1 && width > 800:
		m.text(width-8, y, `class="k s" text-anchor="end"`, fmt.Sprintf("Drawn at 1/%d of the in-plane resolution.", m.step))
	}
}

func (m *mosaic) describe(rows [][]row) string {
	n := 0
	for _, r := range rows {
		for _, t := range r {
			n += len(t.slices)
		}
	}
	d := fmt.Sprintf("%d slices, %s view.", n, m.conv)
	if m.p.unit != "" {
		d += fmt.Sprintf(" Colours run from %s to %s %s.", number(m.p.window.lo, 3), number(m.p.window.hi, 3), m.p.unit)
		if under, over := m.p.beyond(); under || over {
			d += " Values beyond have the colours of the ends."
		}
	}
	return d
}
