package tissue

import (
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// thinnest is how far [mm] the centres of a voxel of CSF and one of white matter
// may lie apart without cortex, 2 mm and more, fitting between.
const thinnest = 2.9

// mendRims corrects the fractions of voxels between CSF and white matter with no
// cortex between: at ventricles and brain stem. Such a voxel is a mixture of the
// two, as bright as grey matter, for which the mixture takes it.
//
// A voxel of intensity y with CSF on one side and white matter on the other, at
// most 2.9 mm apart, gets
//
//	r·(1 − φ, 0, φ) + (1 − r)·(its fractions),  φ = (y − μ_CSF)/(μ_WM − μ_CSF)
//
// where r is the largest product, over the 13 lines through the voxel, of the
// probabilities that its neighbours are pure CSF and pure white matter.
func mendRims(frac [][3]float32, pure [][nClass]float32, m *mixture, b *brainVoxels, bias []float32, g voxel.Grid, workers int) {
	type line struct{ i, j, k, step int }
	var lines []line
	for k := -1; k <= 1; k++ {
		for j := -1; j <= 1; j++ {
			for i := -1; i <= 1; i++ {
				step := g.Index(i, j, k)
				if k < 0 || k == 0 && (j < 0 || j == 0 && i <= 0) {
					continue // the other way along a line already there, or none
				}
				if 2*voxel.Distance(g.World(i, j, k), g.World(0, 0, 0)) <= thinnest {
					lines = append(lines, line{i, j, k, step})
				}
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	span := m.mean[wm] - m.mean[csf]
	par.Ranges(workers, len(b.at), pieceSize, func(lo, hi int) {
		for v := lo; v < hi; v++ {
			if frac[v][gm] < 0.05 {
				continue
			}
			n := int(b.at[v])
			i, j, k := g.Coord(n)
			r := float32(0)
			for _, l := range lines {
				if !g.Inside(i-l.i, j-l.j, k-l.k) || !g.Inside(i+l.i, j+l.j, k+l.k) {
					continue
				}
				p, q := b.index[n-l.step], b.index[n+l.step]
				if p >= 0 && q >= 0 {
					r = max(r, pure[p][pureClass[csf]]*pure[q][pureClass[wm]], pure[q][pureClass[csf]]*pure[p][pureClass[wm]])
				}
			}
			if r == 0 {
				continue
			}
			y := float64(b.value[v]) / float64(bias[v])
			phi := float32(math.Min(math.Max((y-m.mean[csf])/span, 0), 1))
			f := &frac[v]
			f[csf], f[gm], f[wm] = (1-r)*f[csf]+r*(1-phi), (1-r)*f[gm], (1-r)*f[wm]+r*phi
		}
	})
}
