package tissue

import (
	"math"

	"phasl/voxel"
)

// levels returns the typical intensities of CSF, grey and white matter among
// the voxels of img that mask holds, by the three groups that divide their
// histogram best. It reports false if there are too few, or no contrast.
func levels(img *voxel.Image, mask *voxel.Mask) (level [3]float64, ok bool) {
	var y []float64
	visit(img.Grid, strides(img.Grid, 2), func(n int, _ voxel.Vec) {
		if v := img.Data[n]; mask.In[n] && v-v == 0 {
			y = append(y, float64(v))
		}
	})
	starts := startMixtures(y)
	if len(starts) == 0 {
		return level, false
	}
	return starts[0].mean, true
}

// noiseOf returns the standard deviation of the noise in the head [image
// units], from the median of |v − (left + right)/2| along the first axis, which
// edges hardly move: for independent normal noise of deviation σ it is
// 0.6745·√1.5·σ.
func noiseOf(img *voxel.Image, head float64) float64 {
	var d []float32
	nx := img.Dim[0]
	for n := 1; n+1 < len(img.Data); n += 7 { // a sample; 7 shares no factor with a usual row
		if i := n % nx; i == 0 || i == nx-1 || !(float64(img.Data[n]) > head) {
			continue
		}
		if v := img.Data[n] - (img.Data[n-1]+img.Data[n+1])/2; v-v == 0 {
			d = append(d, float32(math.Abs(float64(v))))
		}
	}
	if len(d) == 0 {
		return 0
	}
	return float64(voxel.Median(d)) / (0.6745 * math.Sqrt(1.5))
}

// Noise above noisy times the image's range makes the darkest of some twenty
// points below a vertex look like CSF; it is smoothed by calming mm first.
const (
	noisy   = 0.09
	calming = 2.5
)

// raiseLow moves the low limit up where CSF is not much darker than white
// matter, so that halfway between low and bright still lies above CSF: in
// common T1w images, whose CSF has about a third of white matter's intensity,
// nothing changes.
func (l *limits) raiseLow(level [3]float64) {
	l.low = max(l.low, level[csf]-0.75*(level[wm]-level[csf]))
}

const (
	thread = 2.0 // half the width [mm] of a connection that does not join brain to brain
	rim    = 2.0 // mm of CSF around the surface that belong if the prior has them

	mostGrowth = 1.25 // of the volume; more is a leak into what is no brain
	spread     = 15.0 // how far beyond the surface [mm] brain is looked for
	pockets    = 4.0  // half the width [mm] of gaps between brain that are closed
)

// rimOf returns how much CSF around the surface [mm] belongs if the prior has
// it: 2 mm for a prior good to 4 mm, less for a poorer one, which may lie in
// the skull.
func rimOf(band float64) float64 { return 8 / max(band, 4) }

// addRim adds the dark voxels within rim mm of the mask that lie inside the
// prior: the surface rests on the inner edge of the CSF, masks of templates
// end at its outer one.
func addRim(mask *voxel.Mask, img *voxel.Image, rim, bright float64, inside *voxel.Mask, workers int) {
	near := voxel.Dilate(mask, rim, workers)
	for n, in := range near.In {
		if in && inside.In[n] && float64(img.Data[n]) < bright {
			mask.In[n] = true
		}
	}
}

// regrown returns the mask with the brain that the surface missed, if there is a
// width of thread at which it does not leak.
func regrown(mask *voxel.Mask, img *voxel.Image, level [3]float64, workers int) *voxel.Mask {
	for _, thread := range []float64{2, 3.5} {
		if m := regrow(mask, img, level, thread, workers); float64(m.Count()) <= mostGrowth*float64(mask.Count()) {
			return m
		}
	}
	return mask
}

// regrow adds brain that the surface missed: voxels as bright as grey or white
// matter within spread of the mask that hang together with what is deep in it
// by more than a thread of the given half width [mm], and the gaps between them.
func regrow(mask *voxel.Mask, img *voxel.Image, level [3]float64, thread float64, workers int) *voxel.Mask {
	lo, hi := boxAround(mask, spread+thread)
	zone, small := voxel.Dilate(mask.Crop(lo, hi), spread, workers), img.Crop(lo, hi)
	dark, bright := (level[csf]+level[gm])/2, level[wm]+0.5*(level[wm]-level[gm])
	for n, v := range small.Data {
		zone.In[n] = zone.In[n] && float64(v) > dark && float64(v) < bright
	}
	core := voxel.Largest(voxel.Erode(zone, thread, workers))
	grown := voxel.Dilate(core, thread+math.Sqrt2, workers)
	out := mask.Crop(lo, hi)
	for n, in := range grown.In {
		out.In[n] = out.In[n] || in && zone.In[n]
	}
	out = voxel.FillHoles(voxel.Close(out, pockets, workers))
	whole := voxel.NewMask(mask.Grid)
	for k := range out.Dim[2] {
		for j := range out.Dim[1] {
			copy(whole.In[mask.Index(lo[0], lo[1]+j, lo[2]+k):], out.In[out.Index(0, j, k):][:out.Dim[0]])
		}
	}
	return whole
}

// boxAround returns the voxels from which and before which all of the mask
// lies, with margin mm around it inside the grid.
func boxAround(mask *voxel.Mask, margin float64) (lo, hi [3]int) {
	lo = mask.Dim
	for n, in := range mask.In {
		if in {
			var c [3]int
			c[0], c[1], c[2] = mask.Coord(n)
			for a := range 3 {
				lo[a], hi[a] = min(lo[a], c[a]), max(hi[a], c[a]+1)
			}
		}
	}
	for a, size := range mask.Spacing() {
		reach := int(margin/size) + 1
		lo[a], hi[a] = max(lo[a]-reach, 0), min(hi[a]+reach, mask.Dim[a])
		if lo[a] >= hi[a] { // an empty mask
			lo[a], hi[a] = 0, mask.Dim[a]
		}
	}
	return lo, hi
}
