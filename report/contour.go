package report

import (
	"strconv"
	"strings"
)

// An outliner turns sets of pixels into the path data of an SVG path: the
// closed lines of marching squares through the middles between pixels inside
// and pixels outside. Coordinates are whole numbers of half pixels from the
// top left corner of the picture, and inside lies to the right of the way.
// Pixels that touch at a corner only are kept apart. A set that reaches the
// edge of its window is closed half a pixel outside the outermost centres.
type outliner struct {
	b    strings.Builder
	next []int32 // where the line goes from each node, −1: nowhere
	n    int     // vertices written
}

// add draws the outline of the pixels of the window [x0, x1) × [y0, y1) for
// which in is true, moved by (dx, dy) half pixels.
func (o *outliner) add(x0, y0, x1, y1, dx, dy int, in func(x, y int) bool) {
	w, h := x1-x0, y1-y0
	if w <= 0 || h <= 0 {
		return
	}
	// Nodes are the middles between neighbouring centres. In half pixels, the
	// centre of pixel (x, y) is (2x+1, 2y+1); nodes lie on 0..2w × 0..2h.
	nw := 2*w + 1
	size := nw * (2*h + 1)
	if cap(o.next) < size {
		o.next = make([]int32, size)
	}
	o.next = o.next[:size]
	for i := range o.next {
		o.next[i] = -1
	}
	inside := func(x, y int) bool {
		return x >= 0 && y >= 0 && x < w && y < h && in(x0+x, y0+y)
	}
	link := func(ax, ay, bx, by int) { o.next[ay*nw+ax] = int32(by*nw + bx) }
	for y := -1; y < h; y++ {
		for x := -1; x < w; x++ {
			code := 0
			if inside(x, y) {
				code |= 1
			}
			if inside(x+1, y) {
				code |= 2
			}
			if inside(x+1, y+1) {
				code |= 4
			}
			if inside(x, y+1) {
				code |= 8
			}
			if code == 0 || code == 15 {
				continue
			}
			cx, cy := 2*x+2, 2*y+2 // the corner the four pixels share
			tx, ty := cx, cy-1     // top, right, bottom, left node
			rx, ry := cx+1, cy
			bx, by := cx, cy+1
			lx, ly := cx-1, cy
			switch code {
			case 1:
				link(tx, ty, lx, ly)
			case 2:
				link(rx, ry, tx, ty)
			case 4:
				link(bx, by, rx, ry)
			case 8:
				link(lx, ly, bx, by)
			case 3:
				link(rx, ry, lx, ly)
			case 6:
				link(bx, by, tx, ty)
			case 12:
				link(lx, ly, rx, ry)
			case 9:
				link(tx, ty, bx, by)
			case 7:
				link(bx, by, lx, ly)
			case 11:
				link(rx, ry, bx, by)
			case 13:
				link(tx, ty, rx, ry)
			case 14:
				link(lx, ly, tx, ty)
			case 5:
				link(tx, ty, lx, ly)
				link(bx, by, rx, ry)
			case 10:
				link(rx, ry, tx, ty)
				link(lx, ly, bx, by)
			}
		}
	}
	for i, v := range o.next {
		if v >= 0 {
			o.trace(int32(i), nw, 2*x0+dx, 2*y0+dy)
		}
	}
}

// trace writes the closed line through node i and takes it out of next.
// Steps in the same direction are joined.
func (o *outliner) trace(i int32, nw, dx, dy int) {
	type step struct{ x, y int }
	at := func(i int32) step { return step{int(i) % nw, int(i) / nw} }
	first := at(i)
	o.b.WriteByte('M')
	o.num(first.x+dx, false)
	o.num(first.y+dy, true)
	o.b.WriteByte('l')
	var run step
	fresh := true
	flush := func() {
		if run != (step{}) {
			o.num(run.x, !fresh)
			o.num(run.y, true)
			fresh = false
		}
	}
	var dir step
	for o.next[i] >= 0 {
		j := o.next[i]
		o.next[i] = -1
		a, b := at(i), at(j)
		d := step{b.x - a.x, b.y - a.y}
		if d != dir {
			flush()
			run, dir = step{}, d
		}
		run.x += d.x
		run.y += d.y
		i = j
	}
	flush()
	o.b.WriteByte('z')
}

func (o *outliner) num(v int, sep bool) {
	if sep && v >= 0 {
		o.b.WriteByte(' ')
	}
	o.b.WriteString(strconv.Itoa(v))
	o.n++
}

// data returns the path data of everything added.
func (o *outliner) data() string { return o.b.String() }
