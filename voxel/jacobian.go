package voxel

import "phasl/internal/par"

// Jacobian returns the determinant of the derivative of w at each voxel of its
// grid: the factor by which w changes volumes there, 1 where it leaves them as
// they are, 0 or less where it folds. Derivatives are central differences over
// two voxels, one-sided at the edges of the grid; along an axis with a single
// voxel the displacement counts as constant. The result does not depend on the
// number of workers (0: one per CPU).
func (w *Warp) Jacobian(workers int) *Image {
	out := NewImage(w.Grid)
	step := [3]int{1, w.Dim[0], w.Dim[0] * w.Dim[1]}
	// From differences by voxel to differences by mm.
	byMM := w.inv
	par.Do(workers, w.Dim[2], func(k int) {
		for j := range w.Dim[1] {
			for i := range w.Dim[0] {
				n := w.Index(i, j, k)
				at := [3]int{i, j, k}
				var byVoxel [3][3]float64
				for a := range 3 {
					lo, hi := n, n
					if at[a] > 0 {
						lo -= step[a]
					}
					if at[a] < w.Dim[a]-1 {
						hi += step[a]
					}
					if hi == lo {
						continue
					}
					over := float64((hi - lo) / step[a])
					for c := range 3 {
						byVoxel[c][a] = float64(w.Disp[c][hi]-w.Disp[c][lo]) / over
					}
				}
				d := Identity()
				for r := range 3 {
					for c := range 3 {
						for a := range 3 {
							d[r][c] += byVoxel[r][a] * byMM[a][c]
						}
					}
				}
				out.Data[n] = float32(d.Det())
			}
		}
	})
	return out
}
