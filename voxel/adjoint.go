package voxel

import "math"

// Adjoint carries weights the opposite way to [Resample] with [Linear]
// interpolation: it returns the weights on src's voxels for which
//
//	Σ weights[n] · Resample(img, onto, t, Linear)[n] = Σ out[m] · img[m]
//
// for every image img on src without missing values. So the mean of a region
// of a resampled image is known as a mean over the voxels that were measured,
// and with it how their noise enters.
//
// weights has one value per voxel of onto; those of zero cost nothing. A
// weight whose point lies outside src's box is left out, as Resample gives NaN
// there. A nil t is the identity. It panics if the number of weights differs
// from onto.Len().
func Adjoint(weights []float32, onto Grid, src Grid, t Transform) []float64 {
	if len(weights) != onto.Len() {
		panic("voxel: Adjoint: the number of weights differs from the grid's voxels")
	}
	out := make([]float64, src.Len())
	toVoxel := src.Affine.Inverse()
	step := [3]int{1, src.Dim[0], src.Dim[0] * src.Dim[1]}
	for n, w := range weights {
		if w == 0 {
			continue
		}
		i, j, k := onto.Coord(n)
		p := onto.World(i, j, k)
		if t != nil {
			p = t.Map(p)
		}
		p = toVoxel.Map(p)
		base, inside := 0, true
		var f Vec
		for a := range 3 {
			last := float64(src.Dim[a] - 1)
			if !(p[a] >= -edge && p[a] <= last+edge) {
				inside = false
				break
			}
			x := min(max(p[a], 0), last)
			lo := min(int(math.Floor(x)), max(src.Dim[a]-2, 0))
			f[a] = x - float64(lo)
			base += lo * step[a]
		}
		if !inside {
			continue
		}
		for c := range 8 {
			share, m := float64(w), base
			for a := range 3 {
				if c>>a&1 == 1 {
					share *= f[a]
					m += step[a]
				} else {
					share *= 1 - f[a]
				}
			}
			if share != 0 { // also keeps m inside on a grid one voxel thick
				out[m] += share
			}
		}
	}
	return out
}
