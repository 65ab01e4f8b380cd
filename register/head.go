package register

import (
	"math"
	"slices"

	"phasl/voxel"
)

// coarse is the resolution and voxel size [mm] at which starts are compared.
const coarse = 8.0

// A head is what is known of an image before it is registered.
type head struct {
	img       *voxel.Image
	mask      *voxel.Mask
	small     *volume     // at the coarse resolution
	fore      *voxel.Mask // on small's grid: the head, inside the caller's mask
	region    *voxel.Mask // on small's grid: foreground and a margin, or the caller's mask
	volume    float64     // of the foreground [mm³]
	mass      voxel.Vec   // centre of mass of the foreground [mm]
	threshold float32     // of the foreground
	stripped  bool        // much of the image is one and the same value: cut out
	fault     string      // why it cannot be registered, or empty
}

// margin is how far [mm] beyond the foreground points are drawn: air next to
// the head tells where its edge is, air further off tells nothing.
const margin = 12.0

func newHead(img *voxel.Image, mask *voxel.Mask, workers int) *head {
	h := &head{img: img, mask: mask}
	size := img.Spacing()
	for a := range 3 {
		if img.Dim[a] < 2 {
			h.fault = "has fewer than two slices along an axis"
			return h
		}
	}
	if !img.Affine.Invertible() || !(min(size[0], size[1], size[2]) > 1e-3) || max(size[0], size[1], size[2]) > 1e3 {
		h.fault = "has a grid whose affine is singular or absurd"
		return h
	}
	h.stripped = backgroundShare(img.Data) > 0.2
	h.small = newVolume(img, nil, coarse, coarse, workers)
	s := h.small
	lo, hi := limits(s.data, 0.005, 0.995)
	if !(hi > lo) || hi-lo <= 1e-6*max(hi, -lo) {
		h.fault = "is constant or has no values"
		return h
	}
	threshold := lo + 0.5*(otsu(s.data, lo, hi)-lo)
	h.threshold = threshold
	fore := voxel.NewMask(s.Grid)
	var sum float64
	for n, v := range s.data {
		i, j, k := s.Coord(n)
		p := s.World(i, j, k)
		in := v > threshold
		if mask != nil {
			in = in && maskAt(mask, p)
		}
		if !in {
			continue
		}
		fore.In[n] = true
		w := float64(min(v, hi) - lo)
		sum += w
		for a := range p {
			h.mass[a] += w * p[a]
		}
	}
	h.fore = fore
	if n := fore.Count(); n < 8 {
		h.fault = "has no foreground (inside its mask)"
		return h
	}
	for a := range h.mass {
		h.mass[a] /= sum
	}
	h.volume = float64(fore.Count()) * s.VoxelVolume()
	if mask != nil {
		h.region = voxel.NewMask(s.Grid)
		for n := range h.region.In {
			i, j, k := s.Coord(n)
			h.region.In[n] = maskAt(mask, s.World(i, j, k))
		}
		return h
	}
	h.region = dilate(fore, margin)
	return h
}

// maskAt reports whether the voxel of mask nearest to the world point p
// belongs.
func maskAt(mask *voxel.Mask, p voxel.Vec) bool {
	return nearest(mask, mask.Affine.Inverse().Map(p))
}

// nearest reports whether the voxel of mask nearest to q, in voxels, belongs.
func nearest(mask *voxel.Mask, q voxel.Vec) bool {
	i, j, k := int(math.Floor(q[0]+0.5)), int(math.Floor(q[1]+0.5)), int(math.Floor(q[2]+0.5))
	return mask.Inside(i, j, k) && mask.In[mask.Index(i, j, k)]
}

// dilate returns the voxels within radius [mm] of m's, by a box.
func dilate(m *voxel.Mask, radius float64) *voxel.Mask {
	out := m.Clone()
	size := m.Spacing()
	stride := 1
	for a := range 3 {
		reach := int(math.Round(radius / size[a]))
		src := slices.Clone(out.In)
		for n, in := range src {
			if !in {
				continue
			}
			at := n / stride % m.Dim[a]
			for d := max(-reach, -at); d <= min(reach, m.Dim[a]-1-at); d++ {
				out.In[n+d*stride] = true
			}
		}
		stride *= m.Dim[a]
	}
	return out
}

// limits returns two quantiles of the finite values, of at most about 20,000
// of them, evenly spread; NaN if there are none.
func limits(values []float32, low, high float64) (lo, hi float32) {
	const most = 20011 // prime: no multiple of a row length
	step := max(1, len(values)/most)
	if step > 1 && step%2 == 0 {
		step++
	}
	var some []float32
	for n := 0; n < len(values); n += step {
		if v := values[n]; v-v == 0 {
			some = append(some, v)
		}
	}
	if len(some) == 0 {
		nan := float32(math.NaN())
		return nan, nan
	}
	slices.Sort(some)
	at := func(q float64) float32 { return some[int(q*float64(len(some)-1)+0.5)] }
	return at(low), at(high)
}

// otsu returns the threshold that separates values, clamped to [lo, hi], into
// the two classes of least variance (Otsu 1979, doi:10.1109/TSMC.1979.4310076).
func otsu(values []float32, lo, hi float32) float32 {
	const n = 128
	var count [n]float64
	for _, v := range values {
		if v == v {
			count[min(max(int((v-lo)/(hi-lo)*n), 0), n-1)]++
		}
	}
	var total, sum float64
	for i, c := range count {
		total += c
		sum += c * float64(i)
	}
	var w, s, best float64
	at := 0
	for i, c := range count {
		w += c
		s += c * float64(i)
		if w == 0 || w == total {
			continue
		}
		d := s/w - (sum-s)/(total-w)
		if between := w * (total - w) * d * d; between > best {
			best, at = between, i
		}
	}
	return lo + (hi-lo)*float32(at+1)/n
}

// backgroundShare returns the share of values equal to the least finite value.
func backgroundShare(values []float32) float64 {
	low := float32(math.Inf(1))
	for _, v := range values {
		if v < low && v-v == 0 {
			low = v
		}
	}
	n := 0
	for _, v := range values {
		if v == low {
			n++
		}
	}
	return float64(n) / float64(len(values))
}
