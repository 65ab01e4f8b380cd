package voxel

// A Warp is a displacement field: it maps p to p + d(p), where d is
// interpolated linearly between the centres of the grid and, outside the box,
// takes the value of the nearest point of the box.
type Warp struct {
	Grid
	Disp [3][]float32 // x, y, z displacement [mm] at each voxel
	inv  Affine
}

// NewWarp returns the warp of the displacements disp [mm] on grid g. The
// slices are kept, not copied. It panics if a length differs from g.Len().
func NewWarp(g Grid, disp [3][]float32) *Warp {
	for _, d := range disp {
		if len(d) != g.Len() {
			panic("voxel: NewWarp: displacement length differs from the grid's")
		}
	}
	return &Warp{Grid: g, Disp: disp, inv: g.Affine.Inverse()}
}

// Map returns p + d(p).
func (w *Warp) Map(p Vec) Vec {
	q := w.inv.Map(p)
	var lo [3]int
	var f Vec
	for a := range 3 {
		x := min(max(q[a], 0), float64(w.Dim[a]-1))
		lo[a] = min(int(x), max(w.Dim[a]-2, 0))
		f[a] = x - float64(lo[a])
	}
	step := [3]int{1, w.Dim[0], w.Dim[0] * w.Dim[1]}
	base := w.Index(lo[0], lo[1], lo[2])
	for c := range 8 {
		wt, n := 1.0, base
		for a := range 3 {
			if c>>a&1 == 1 {
				wt *= f[a]
				n += step[a]
			} else {
				wt *= 1 - f[a]
			}
		}
		if wt == 0 { // also keeps n inside on a grid one voxel thick
			continue
		}
		for a := range 3 {
			p[a] += wt * float64(w.Disp[a][n])
		}
	}
	return p
}
