package register

import (
	"math"
	"sync"

	"phasl/internal/par"
	"phasl/voxel"
)

// A volume is an image prepared for one level of resolution. NaN marks voxels
// without a value.
type volume struct {
	voxel.Grid
	inv    voxel.Affine // world → voxel
	data   []float32
	hasNaN bool
	cubic  *voxel.Sampler // nil: linear interpolation, see [volume.sharpen]

	usual struct { // the range of nearly all values, found once
		sync.Once
		lo, hi float32
	}
}

// usualRange returns the 0.1 % and 99.9 % quantiles of the values.
func (v *volume) usualRange() (lo, hi float32) {
	v.usual.Do(func() { v.usual.lo, v.usual.hi = limits(v.data, 0.001, 0.999) })
	return v.usual.lo, v.usual.hi
}

// fwhmPerSigma is the full width at half maximum of a Gaussian of σ = 1.
const fwhmPerSigma = 2.3548200450309493 // 2·√(2·ln 2)

// newVolume returns img with the voxels outside mask (nil: none) set to NaN,
// smoothed by a Gaussian such that the resolution is about width [mm] and
// thinned such that its voxels come near spacing [mm] where they are smaller.
// Infinite values count as missing.
//
// A voxel of size s is taken to have resolution s, so that axis gets a
// Gaussian of FWHM² = width² − s². Missing neighbours are left out of the
// weighted mean (normalised convolution); a voxel whose neighbours carry less
// than half the weight is missing.
func newVolume(img *voxel.Image, mask *voxel.Mask, width, spacing float64, workers int) *volume {
	v := &volume{Grid: img.Grid, data: img.Data}
	missing := make([]bool, (len(img.Data)+1<<16-1)>>16)
	par.Ranges(workers, len(img.Data), 1<<16, func(lo, hi int) {
		for _, x := range img.Data[lo:hi] {
			if x-x != 0 {
				missing[lo>>16] = true
				return
			}
		}
	})
	for _, m := range missing {
		v.hasNaN = v.hasNaN || m
	}
	if v.hasNaN || mask != nil {
		v.data = make([]float32, len(img.Data))
		for n, x := range img.Data {
			if x-x != 0 || mask != nil && !mask.In[n] {
				x = float32(math.NaN())
				v.hasNaN = true
			}
			v.data[n] = x
		}
	}
	size := img.Spacing()
	for a := range 3 {
		step := max(1, int(spacing/size[a]+0.05))
		step = min(step, max(1, v.Dim[a]/4))
		sigma := math.Sqrt(max(0, width*width-size[a]*size[a])) / fwhmPerSigma / size[a]
		if sigma < 0.2 && step == 1 {
			continue
		}
		v.reduce(a, step, max(sigma, 0.2), workers)
	}
	v.inv = v.Affine.Inverse()
	return v
}

// reduce smooths along axis by a Gaussian of sigma voxels and keeps one voxel
// in step, centred on the voxels it replaces.
func (v *volume) reduce(axis, step int, sigma float64, workers int) {
	n := v.Dim[axis]
	out := v.Dim
	out[axis] = (n + step - 1) / step
	if rest := n - (out[axis]-1)*step; rest <= step/2 && out[axis] > 1 {
		out[axis]-- // a last voxel mostly outside the box
	}
	shift := float64(step-1) / 2
	radius := int(math.Ceil(3*sigma + shift))
	width := 2*radius + 1 + (step+1)%2
	centre := int(math.Floor(shift))
	kernel := make([]float32, width)
	for k := range kernel {
		d := (float64(centre+k-radius) - shift) / sigma
		kernel[k] = float32(math.Exp(-d * d / 2))
	}
	dst := make([]float32, out[0]*out[1]*out[2])
	stride := 1
	for a := range axis {
		stride *= v.Dim[a]
	}
	outer := v.Dim[0] * v.Dim[1] * v.Dim[2] / (stride * n)
	src := v.data
	nan := float32(math.NaN())
	// One piece of work is one outer index: a row (axis 0) is grouped by
	// planes to keep pieces large.
	group := max(1, 4096/(stride*n))
	par.Ranges(workers, outer, group, func(lo, hi int) {
		sum := make([]float32, stride)
		for o := lo; o < hi; o++ {
			for q := range out[axis] {
				clear(sum)
				first := q*step + centre - radius
				var total, all float32
				row := dst[(o*out[axis]+q)*stride:][:stride]
				if v.hasNaN {
					for i := range row {
						var s, w float32
						all = 0
						for k, g := range kernel {
							all += g
							if p := first + k; p >= 0 && p < n {
								if x := src[(o*n+p)*stride+i]; x == x {
									s += g * x
									w += g
								}
							}
						}
						if w < all/2 {
							row[i] = nan
						} else {
							row[i] = s / w
						}
					}
					continue
				}
				for k, g := range kernel {
					p := first + k
					if p < 0 || p >= n {
						continue
					}
					total += g
					line := src[(o*n+p)*stride:][:stride]
					if stride == 1 {
						sum[0] += g * line[0]
						continue
					}
					for i, x := range line {
						sum[i] += g * x
					}
				}
				scale := 1 / total
				for i, x := range sum {
					row[i] = x * scale
				}
			}
		}
	})
	var t voxel.Affine = voxel.Identity()
	t[axis][axis] = float64(step)
	t[axis][3] = shift
	v.Affine = v.Affine.Mul(t)
	v.Dim = out
	v.data = dst
}
