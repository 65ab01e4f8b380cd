package voxel

import (
	"fmt"
	"math"
	"sync"
)

// fwhmPerSigma is the full width at half maximum of a Gaussian of σ = 1.
var fwhmPerSigma = 2 * math.Sqrt(2*math.Ln2)

// gaussReach is where the kernel ends, in σ. The Gaussian has 6·10⁻⁷ of its
// mass beyond.
const gaussReach = 5

// Smooth returns src convolved with a Gaussian of the given full width at half
// maximum [mm] along each axis of the grid.
//
// The kernel is a sampled Gaussian cut off at 5 σ or just beyond, normalised,
// and widened, where sampling would narrow it, such that its variance is σ²:
// widths add in quadrature however few voxels they span. Values beyond the grid and
// missing values (NaN, infinite) take no part, the weights of the others
// being scaled to sum to 1:
//
//	out = (G ∗ src·m) / (G ∗ m),  m = 1 where src has a value, 0 elsewhere
//
// so constants are kept up to the edge. Voxels without a value have none
// afterwards. A width of 0 returns a copy; a negative or NaN one panics. Axes
// are taken as perpendicular.
func Smooth(src *Image, fwhm float64, workers int) *Image {
	if !(fwhm >= 0) {
		panic(fmt.Sprintf("voxel: Smooth: width %g mm", fwhm))
	}
	out := src.Clone()
	if fwhm == 0 {
		return out
	}
	var kernels [3][]float64
	for a, size := range src.Spacing() {
		kernels[a] = gaussian(fwhm/fwhmPerSigma/size, src.Dim[a]-1)
	}
	gaps := false
	for _, v := range src.Data {
		if missing(v) {
			gaps = true
			break
		}
	}
	if !gaps { // G ∗ m is then a product of one factor per axis
		convolve(out, kernels, true, workers)
		return out
	}
	den := NewImage(src.Grid)
	for n, v := range src.Data {
		if missing(v) {
			out.Data[n] = 0
		} else {
			den.Data[n] = 1
		}
	}
	convolve(out, kernels, false, workers)
	convolve(den, kernels, false, workers)
	for n, v := range src.Data {
		if missing(v) {
			out.Data[n] = nan32
		} else {
			out.Data[n] /= den.Data[n]
		}
	}
	return out
}

// gaussian returns the weights at 0, 1, … voxels of the centre of a kernel of
// standard deviation sigma [voxels] that sums to 1 over both sides, none
// further than limit voxels.
func gaussian(sigma float64, limit int) []float64 {
	reach := limit
	if r := math.Ceil(gaussReach * sigma); r < float64(limit) {
		reach = max(int(r), 1)
	}
	s := sigma
	if sigma < 2 && reach < limit { // wider ones are not narrowed by sampling
		lo, hi := 0.0, sigma+1
		for range 60 {
			s = (lo + hi) / 2
			if _, v := sampled(s, reach); v < sigma*sigma {
				lo = s
			} else {
				hi = s
			}
		}
	}
	w, _ := sampled(s, reach)
	return w
}

// sampled returns the normalised weights of a sampled Gaussian and their
// variance.
func sampled(sigma float64, reach int) (w []float64, variance float64) {
	w = make([]float64, reach+1)
	w[0] = 1
	sum := 1.0
	for n := 1; n <= reach; n++ {
		x := float64(n) / sigma
		w[n] = math.Exp(-x * x / 2)
		sum += 2 * w[n]
		variance += 2 * w[n] * float64(n*n)
	}
	for n := range w {
		w[n] /= sum
	}
	return w, variance / sum
}

// convolve convolves img in place with symmetric kernels along the three axes.
// Beyond the grid there is nothing; if scale, what is there is scaled to make
// up for it.
func convolve(img *Image, kernels [3][]float64, scale bool, workers int) {
	type buffers struct{ in, out []float64 }
	pool := sync.Pool{New: func() any { return new(buffers) }}
	v := viewOf(img.Dim)
	for axis, w := range kernels {
		if len(w) == 1 {
			continue
		}
		n, reach := img.Dim[axis], len(w)-1
		factor := make([]float64, n)
		for p := range factor {
			factor[p] = 1
			if !scale {
				continue
			}
			sum := w[0]
			for d := 1; d <= reach; d++ {
				if p >= d {
					sum += w[d]
				}
				if p+d < n {
					sum += w[d]
				}
			}
			factor[p] = 1 / sum
		}
		v.tiles(axis, workers, func(t tile) {
			b := pool.Get().(*buffers)
			b.in = grow(b.in, (n+2*reach)*t.width)
			b.out = grow(b.out, n*t.width)
			clear(b.in[:reach*t.width])
			clear(b.in[(reach+n)*t.width:])
			t.load(b.in[reach*t.width:], img.Data)
			convolveLines(b.out, b.in, t.width, w, factor)
			t.store(img.Data, b.out)
			pool.Put(b)
		})
	}
}

// convolveLines convolves lines laid side by side, element p of line l at
// in[(p+reach)*width+l], with the kernel w, and multiplies element p by
// factor[p].
func convolveLines(out, in []float64, width int, w, factor []float64) {
	reach := len(w) - 1
	for p, f := range factor {
		sum := out[p*width:][:width]
		w0 := w[0] * f
		for l, v := range in[(p+reach)*width:][:width] {
			sum[l] = w0 * v
		}
		d := 1
		for ; d < reach; d += 2 { // two weights at a time halve the traffic of sum
			w1, w2 := w[d]*f, w[d+1]*f
			a1, b1 := in[(p+reach-d)*width:][:width], in[(p+reach+d)*width:][:width]
			a2, b2 := in[(p+reach-d-1)*width:][:width], in[(p+reach+d+1)*width:][:width]
			for l := range sum {
				sum[l] += w1*(a1[l]+b1[l]) + w2*(a2[l]+b2[l])
			}
		}
		if d == reach {
			w1 := w[d] * f
			a1, b1 := in[(p+reach-d)*width:][:width], in[(p+reach+d)*width:][:width]
			for l := range sum {
				sum[l] += w1 * (a1[l] + b1[l])
			}
		}
	}
}
