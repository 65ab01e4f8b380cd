package voxel

import "phasl/internal/par"

// tileWidth is how many parallel lines a separable filter handles at a time:
// enough to hide the latency of a recursion and to use whole cache lines, few
// enough that the lines of a head stay in the first-level cache.
const tileWidth = 32

// A view is a box of elements in an array: element (i, j, k) lies at
// first + i·step[0] + j·step[1] + k·step[2].
type view struct {
	first int
	n     [3]int
	step  [3]int
}

// viewOf returns the view of all voxels of a volume of shape dim.
func viewOf(dim [3]int) view {
	return view{n: dim, step: [3]int{1, dim[0], dim[0] * dim[1]}}
}

// A tile is width neighbouring lines of n elements along one axis of a view.
type tile struct {
	first        int // place of the first element of the first line
	n, stride    int // elements along the line, and the step between them
	width, aside int // lines, and the step between them
}

// tiles calls fn for every tile of lines along axis, in parallel. No element
// is in two tiles, and the tiles do not depend on the number of workers.
func (v view) tiles(axis, workers int, fn func(t tile)) {
	in, out := 0, 2 // the axes along which lines lie side by side
	switch axis {
	case 0:
		in = 1
	case 2:
		out = 1
	}
	parts := (v.n[in] + tileWidth - 1) / tileWidth
	par.Do(workers, parts*v.n[out], func(p int) {
		lo, hi := p%parts*v.n[in]/parts, (p%parts+1)*v.n[in]/parts
		fn(tile{
			first: v.first + lo*v.step[in] + p/parts*v.step[out],
			n:     v.n[axis], stride: v.step[axis],
			width: hi - lo, aside: v.step[in],
		})
	})
}

// load copies the tile to dst, element p of line l to dst[p*width+l].
func (t tile) load(dst []float64, src []float32) {
	if t.aside == 1 {
		for p := range t.n {
			o := t.first + p*t.stride
			d := dst[p*t.width:][:t.width]
			for l, v := range src[o : o+t.width] {
				d[l] = float64(v)
			}
		}
		return
	}
	for l := range t.width {
		o := t.first + l*t.aside
		for p := range t.n {
			dst[p*t.width+l] = float64(src[o+p*t.stride])
		}
	}
}

// store copies what load loaded back to its place.
func (t tile) store(dst []float32, src []float64) {
	if t.aside == 1 {
		for p := range t.n {
			o := t.first + p*t.stride
			s := src[p*t.width:][:t.width]
			for l := range dst[o : o+t.width] {
				dst[o+l] = float32(s[l])
			}
		}
		return
	}
	for l := range t.width {
		o := t.first + l*t.aside
		for p := range t.n {
			dst[o+p*t.stride] = float32(src[p*t.width+l])
		}
	}
}
