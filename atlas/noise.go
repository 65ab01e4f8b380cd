package atlas

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// NoiseSD returns an estimate of the standard deviation of the noise in one
// image, in its units, from the image alone: for scans that give a single
// difference volume. It applies the second difference along the first two axes,
//
//	d = ∂²ᵢ ∂²ⱼ x,   ∂² x = x(−1) − 2x(0) + x(+1)
//
// where all nine points lie in mask (nil: anywhere) and have a value, and
// returns 1.4826·MAD(d) divided by the operator's gain for noise.
//
// The gain is 6 for white noise: √6 per axis. Scanners often interpolate to a
// finer matrix by zero-filling; the noise is then smooth and the gain smaller.
// factor is by how much each axis was interpolated (stored over acquired matrix
// size, 1 or 0: not at all); with Ω = π/factor the squared gain of an axis is
//
//	6 − 8·sin(Ω)/Ω + sin(2Ω)/Ω
//
// relative to the variance of a voxel.
//
// It assumes that the image is smooth on the scale of two voxels next to its
// noise. Edges and fine structure add to d: the median keeps out the sharpest
// only, so the estimate errs high, the more the better the signal. Smoothing by
// filters or by the reconstruction's own apodisation, which factor does not
// know, makes it err low. Physiological noise and motion, which are smooth,
// are not seen at all. NaN if fewer than 50 voxels have all nine points. It
// panics if shapes differ.
//
// Source: Immerkær 1996, Comput Vis Image Underst 64:300,
// doi:10.1006/cviu.1996.0060, with the median in place of the mean and for
// band-limited noise.
func NoiseSD(img *voxel.Image, mask *voxel.Mask, factor voxel.Vec) float64 {
	if mask != nil && mask.Dim != img.Dim {
		panic(fmt.Sprintf("atlas: NoiseSD: image is %v and mask %v", img.Dim, mask.Dim))
	}
	gain := 1.0
	for a := range 2 {
		gain *= secondDifferenceGain(factor[a])
	}
	kernel := [3]float64{1, -2, 1}
	var d []float32
	for k := range img.Dim[2] {
		for j := 1; j < img.Dim[1]-1; j++ {
			for i := 1; i < img.Dim[0]-1; i++ {
				s := 0.0
				ok := true
				for v := -1; v <= 1 && ok; v++ {
					for u := -1; u <= 1; u++ {
						n := img.Index(i+u, j+v, k)
						x, in := finite(img, mask, n)
						if !in {
							ok = false
							break
						}
						s += kernel[u+1] * kernel[v+1] * x
					}
				}
				if ok {
					d = append(d, float32(s))
				}
			}
		}
	}
	if len(d) < 50 {
		return math.NaN()
	}
	return 1.4826 * float64(voxel.MAD(d)) / gain
}

// secondDifferenceGain returns by how much the second difference raises the
// standard deviation of noise that is white up to the highest frequency of a
// matrix interpolated by the factor.
func secondDifferenceGain(factor float64) float64 {
	if !(factor > 1) {
		return math.Sqrt(6)
	}
	w := math.Pi / factor
	if w < 0.1 { // the terms cancel: the integral of ω⁴ instead
		return w * w / math.Sqrt(5)
	}
	return math.Sqrt(6 - 8*math.Sin(w)/w + math.Sin(2*w)/w)
}
