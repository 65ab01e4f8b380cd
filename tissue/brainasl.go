package tissue

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// ASLOptions steer [BrainASL]. The zero value is the default.
type ASLOptions struct {
	// Prior is a brain mask or probability in the world of the ASL scan, such as
	// the T1w's mask brought here by registration; any grid, brain where it
	// exceeds ½. nil: the scan alone decides.
	Prior *voxel.Image
	// Band is how far from the prior's surface the scan may place the brain's
	// edge [mm]. 0: 6.
	Band float64
	// Fraction is the threshold of the surface between background and brain,
	// 0 to 1; smaller gives a larger brain. 0: 0.5.
	Fraction float64
	// Workers is the number of goroutines; 0: one per CPU.
	Workers int
}

// An ASLReport says how the brain mask of an ASL scan was found.
type ASLReport struct {
	BrainReport
	// Perfused is the share of the mask's voxels where perfusion, smoothed by
	// 6 mm, exceeds twice its noise; NaN without a perfusion image.
	Perfused float64
	// Missed is the share of well perfused voxels (above half the mask's median
	// as well) within 15 mm of the mask that lie outside it: blurring, scalp
	// and large vessels give some, a mask that is too small gives many. NaN
	// without a perfusion image.
	Missed float64
	// Cut lists the faces of the box that cut the brain: "inferior",
	// "superior", "left", "right", "posterior", "anterior".
	Cut []string
}

// BrainASL returns the mask of the brain in an ASL scan, on the grid of its
// images. m0 is an M0 image or the mean control image, with or without
// background suppression; perfusion a mean difference or CBF image. One of the
// two may be nil.
//
// The surface of [BrainT1] is grown in m0, with a threshold low enough for a
// receive field and blurring: it rests on the dark rim of skull, and where the
// slab's edge cuts the brain it passes through. CSF brighter than brain and
// clipped voxels do no harm, as only dark points stop the surface. With a
// prior that overlaps the result (Dice of at least 0.75 where the scan covers
// it) the surface is grown again within a band around it; a prior that does
// not is left out, and Fallback says so.
//
// If m0 is nil or has no contrast, perfusion smoothed by 8 mm takes its place.
// If the surface is implausible, a threshold and an opening give the mask; if
// that fails too, the whole box does. Fallback says which and why. The mask is
// empty only if no voxel has a value.
//
// It panics if both images are nil or their shapes differ.
func BrainASL(m0, perfusion *voxel.Image, opt ASLOptions) (*voxel.Mask, ASLReport) {
	img := m0
	switch {
	case m0 == nil && perfusion == nil:
		panic("tissue: BrainASL: neither M0 nor perfusion given")
	case m0 == nil:
		img = perfusion
	case perfusion != nil && perfusion.Dim != m0.Dim:
		panic(fmt.Sprintf("tissue: BrainASL: M0 is %v and perfusion %v", m0.Dim, perfusion.Dim))
	}
	rep := ASLReport{BrainReport: BrainReport{PriorDice: math.NaN()}, Perfused: math.NaN(), Missed: math.NaN()}
	source := "M0 or control image"
	usable := m0 != nil && hasContrast(m0)
	if !usable && perfusion != nil {
		source = "perfusion image"
		img = magnitude(voxel.Smooth(perfusion, 8, opt.Workers))
		if m0 != nil {
			rep.Fallback = "the M0 or control image has no contrast; the perfusion image was used"
		} else {
			rep.Fallback = "no M0 or control image; the perfusion image was used"
		}
		usable = hasContrast(img)
	}
	var mask *voxel.Mask
	if usable {
		mask = aslSurface(img, source, opt, &rep)
	} else {
		rep.Method = "whole box"
		rep.Fallback = join(rep.Fallback, "no image has contrast; every voxel with a value was taken")
		mask = whole(img)
	}
	for n, v := range img.Data {
		if v-v != 0 {
			mask.In[n] = false
		}
	}
	rep.Volume = volumeML(mask)
	rep.Cut = cutFaces(mask)
	if perfusion != nil {
		rep.checkPerfusion(mask, perfusion, opt.Workers)
	}
	return mask, rep
}

// aslSurface returns the mask from an image with contrast.
func aslSurface(img *voxel.Image, source string, opt ASLOptions, rep *ASLReport) *voxel.Mask {
	lim := robustLimits(img.Data, nil)
	grow := growOptions{fraction: orDefault(opt.Fraction, 0.5), depth: 20, reach: 20, floor: dimmest, workers: opt.Workers}
	rep.Method = "deformable surface in the " + source
	alone := func(coarse bool) *voxel.Mask {
		own := grow
		own.coarse = coarse
		return tidyASL(growBrain(img, &lim, own).mask(img.Grid), img, lim, opt.Workers)
	}
	var mask *voxel.Mask
	if opt.Prior != nil {
		s := newPriorSampler(opt.Prior)
		prior := newDistance(s.at, img.Grid, spacingFor(img.Grid, 3), opt.Workers)
		band := orDefault(opt.Band, 6)
		inBox, near := prior.sides(img.Grid, band, opt.Workers)
		// A coarse surface tells whether the prior belongs to this brain; where
		// it seems not to, the fine one decides.
		if rep.PriorDice = dice(alone(true), inBox); !(rep.PriorDice >= leastPriorDice) {
			mask = alone(false)
			rep.PriorDice = dice(mask, inBox)
		}
		switch v := volumeML(inBox); {
		case v < 100:
			rep.Fallback = join(rep.Fallback, fmt.Sprintf("the prior covers only %.0f mL of the scan and was left out", v))
		case mask != nil && !(rep.PriorDice >= leastPriorDice) && aslPlausible(mask):
			rep.Fallback = join(rep.Fallback, fmt.Sprintf("the prior overlaps the brain found in the scan poorly (Dice %.2f) and was left out: look at the registration", rep.PriorDice))
		default:
			grow.prior, grow.band = prior, band
			rep.Method = "deformable surface in the " + source + " within a band around the prior"
			mask = growBrain(img, &lim, grow).mask(img.Grid)
			clampToPrior(mask, img, lim, inBox, near)
			mask = tidyASL(mask, img, lim, opt.Workers)
			if !aslPlausible(mask) {
				rep.Method = "prior"
				rep.Fallback = join(rep.Fallback, fmt.Sprintf("the surface enclosed %.0f mL; the prior was taken as it is", volumeML(mask)))
				return inBox
			}
			rep.PriorDice = dice(mask, inBox)
			return mask
		}
	}
	if mask == nil {
		mask = alone(false)
	}
	if aslPlausible(mask) {
		return mask
	}
	rep.Fallback = join(rep.Fallback, fmt.Sprintf("the surface enclosed %.0f mL, which is no brain; threshold and opening were used", volumeML(mask)))
	rep.Method = "threshold and opening of the " + source
	mask = openedThreshold(img, lim, opt.Workers)
	if !aslPlausible(mask) {
		rep.note("the mask holds %.0f mL: look at the overlay", volumeML(mask))
	}
	if mask.Count() == 0 {
		rep.Method = "whole box"
		rep.Fallback = join(rep.Fallback, "nothing was left by them; every voxel with a value was taken")
		mask = whole(img)
	}
	return mask
}

// leastPriorDice is the least overlap (Dice) with the brain found in the scan
// of a prior that belongs to it.
const leastPriorDice = 0.75

// dimmest is the least brightness of brain as a share of the brain's median,
// both above background: a receive field or blurring dims brain by about a
// half, and scalp and blurred background reach about a third.
const dimmest = 0.7

// tidyASL drops voxels darker than half of the dimmest brain, cuts bridges to
// the scalp, keeps the largest piece and fills its holes.
func tidyASL(m *voxel.Mask, img *voxel.Image, lim limits, workers int) *voxel.Mask {
	dark := lim.low + dimmest/2*(lim.median-lim.low)
	for n, v := range img.Data {
		if !(float64(v) > dark) {
			m.In[n] = false
		}
	}
	size := img.Spacing()
	r := min(max(size[0], size[1]), 4)
	core := voxel.Largest(voxel.Erode(m, r, workers))
	if core.Count() == 0 {
		return fillSlices(tidy(m))
	}
	open := voxel.Dilate(core, r+0.5*size[0], workers)
	for n := range m.In {
		m.In[n] = m.In[n] && open.In[n]
	}
	return fillSlices(tidy(m))
}

// fillSlices also fills holes that are open only through a face of the box:
// ventricles darkened by suppression and cut by the slab's edge.
func fillSlices(m *voxel.Mask) *voxel.Mask {
	nx, ny, nz := m.Dim[0], m.Dim[1], m.Dim[2]
	for _, k := range []int{0, nz - 1} {
		layer := voxel.Grid{Dim: [3]int{nx, ny, 1}, Affine: m.Affine}
		s := &voxel.Mask{Grid: layer, In: m.In[k*nx*ny : (k+1)*nx*ny]}
		copy(s.In, voxel.FillHoles(s).In)
	}
	return voxel.FillHoles(m)
}

// aslPlausible reports whether a mask could be a brain or a slab of one.
func aslPlausible(m *voxel.Mask) bool {
	v := volumeML(m)
	box := float64(m.Len()) * m.VoxelVolume() / 1000
	return v > min(250, box/5) && v < largeBrain && v < 0.9*box
}

func hasContrast(img *voxel.Image) bool {
	l := robustLimits(img.Data, nil)
	return l.high > l.low
}

func magnitude(img *voxel.Image) *voxel.Image {
	for n, v := range img.Data {
		img.Data[n] = float32(math.Abs(float64(v)))
	}
	return img
}

func whole(img *voxel.Image) *voxel.Mask {
	m := voxel.NewMask(img.Grid)
	for n, v := range img.Data {
		m.In[n] = v-v == 0
	}
	return m
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// checkPerfusion measures how the mask agrees with the perfusion image.
func (r *ASLReport) checkPerfusion(mask *voxel.Mask, perfusion *voxel.Image, workers int) {
	s := voxel.Smooth(perfusion, 6, workers)
	near := voxel.Dilate(mask, 15, workers)
	var outside []float32
	for n, v := range s.Data {
		if v-v == 0 && v != 0 && !near.In[n] {
			outside = append(outside, v)
		}
	}
	noise := 0.0
	if len(outside) >= 100 {
		noise = 1.4826 * float64(voxel.MAD(outside))
	}
	half := float64(voxel.Median(mask.Select(s.Data))) / 2
	in, perfused, strong, around := 0, 0, 0, 0
	for n, v := range s.Data {
		x := float64(v)
		if mask.In[n] {
			in++
			if x > 2*noise {
				perfused++
			}
		}
		if x > 2*noise && x > half {
			if mask.In[n] {
				strong++
			} else if near.In[n] {
				around++
			}
		}
	}
	r.Perfused = float64(perfused) / float64(in)
	r.Missed = float64(around) / float64(strong+around)
	if r.Perfused < 0.5 {
		r.note("only %.0f %% of the mask is perfused above noise: the mask is wrong or the scan has hardly any perfusion", 100*r.Perfused)
	}
	if r.Missed > 0.2 {
		r.note("%.0f %% of what is well perfused within 15 mm of the mask lies outside it: the mask may be too small", 100*r.Missed)
	}
}

// cutFaces returns the faces of the box, by direction in the world, that hold
// at least 10 cm² of mask.
func cutFaces(m *voxel.Mask) []string {
	names := [3][2]string{{"left", "right"}, {"posterior", "anterior"}, {"inferior", "superior"}}
	size := m.Spacing()
	var found [6]bool
	for a := range 3 {
		b, c := (a+1)%3, (a+2)%3
		for _, high := range []bool{false, true} {
			n := 0
			var p [3]int
			if high {
				p[a] = m.Dim[a] - 1
			}
			for p[b] = 0; p[b] < m.Dim[b]; p[b]++ {
				for p[c] = 0; p[c] < m.Dim[c]; p[c]++ {
					if m.In[m.Index(p[0], p[1], p[2])] {
						n++
					}
				}
			}
			if float64(n)*size[b]*size[c] < 1000 {
				continue
			}
			// The world axis this array axis runs along most.
			w := 0
			for x := range 3 {
				if math.Abs(m.Affine[x][a]) > math.Abs(m.Affine[w][a]) {
					w = x
				}
			}
			side := 0
			if high == (m.Affine[w][a] > 0) {
				side = 1
			}
			found[2*w+side] = true
		}
	}
	var out []string
	for n, f := range found {
		if f {
			out = append(out, names[n/2][n%2])
		}
	}
	return out
}
