package tissue

import (
	"fmt"
	"math"

	"phasl/voxel"
)

// BrainOptions steer [BrainT1]. The zero value is the default.
type BrainOptions struct {
	// Prior is a template's brain mask or brain probability, brought into the
	// world of the T1w by the caller; any grid, brain where it exceeds ½. nil:
	// the image alone decides.
	Prior *voxel.Image
	// Band is how far from the prior's surface the image may place the brain's
	// edge [mm]. 0: 8.
	Band float64
	// Fraction is the threshold of the surface between background and brain,
	// 0 to 1; smaller gives a larger brain. 0: 0.5.
	Fraction float64
	// Workers is the number of goroutines; 0: one per CPU.
	Workers int
}

// A BrainReport says how a brain mask was found.
type BrainReport struct {
	Method   string   // what gave the mask
	Fallback string   // why the intended method was left, "" if it was not
	Notes    []string // what looks doubtful, or was done besides
	Volume   float64  // volume of the mask [mL]
	// PriorDice is the overlap (Dice) of the mask with the prior on the part of
	// the prior the image covers; NaN without a prior.
	PriorDice float64
}

func (r *BrainReport) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Volumes of adult brains with their CSF, generously [mL]: a mask outside these
// limits is doubted. Beyond the wider ones it is no human brain above the age
// of some months, and not believed.
const (
	smallBrain = 800
	largeBrain = 2300
	tinyBrain  = 400
	hugeBrain  = 2600
)

// BrainT1 returns the mask of the brain (with its ventricles, cerebellum and
// the brain stem down to about the foramen magnum) in a T1-weighted image of a
// head, on the image's grid.
//
// The image is freed of its bias field ([N4]). A closed surface is then blown up
// inside the head until it rests on the dark rim of CSF and bone (see
// [BrainReport.Method]). The head's top, not its centre of mass, says where to
// begin, so that a long neck does no harm.
//
// With a prior the surface may not leave a band around the prior's own surface,
// and dark voxels that the prior has are added within 8 mm²/band. Give the mask
// of a template brought by an affine map with the default band; a second pass,
// with the mask brought by a deformable map, may have a band of 4 mm. Without a
// prior, what is as bright as grey or white matter and hangs together with the
// brain by more than a thread of 4 mm (7 mm where that would leak) is added up to 15 mm away, as the surface
// alone tends to cut the lowest cerebellum and the vertex.
//
// An image whose skull was already removed is recognised and its support
// returned. If the result's volume is implausible (below 400 mL or above 2600
// mL; below 0.6 or above 1.6 times the prior's) a threshold and an opening give
// the mask instead, or the prior itself if there is one; Fallback says so. An
// image without contrast gives an empty mask and says so.
//
// NaN voxels never belong. The result does not depend on the number of workers.
//
// Source: Smith 2002, Hum Brain Mapp 17:143, doi:10.1002/hbm.10062.
func BrainT1(t1 *voxel.Image, opt BrainOptions) (*voxel.Mask, BrainReport) {
	rep := BrainReport{PriorDice: math.NaN()}
	lim := robustLimits(t1.Data, nil)
	if !(lim.high > lim.low) {
		rep.Method = "none"
		rep.Fallback = "the image has no contrast (2nd and 98th percentile are equal); the mask is empty"
		return voxel.NewMask(t1.Grid), rep
	}
	mask, ok := stripped(t1, lim, opt.Workers)
	if ok {
		rep.Method = "support of an image whose skull was already removed"
		return finish(mask, t1, &rep, nil), rep
	}

	img := t1
	if even, _, n4 := N4(t1, N4Options{Workers: opt.Workers}); n4.Fallback == "" {
		img, lim = even, robustLimits(even.Data, nil)
	}
	if noiseOf(img, lim.low+0.3*(lim.high-lim.low)) > noisy*(lim.high-lim.low) {
		img = voxel.Smooth(img, calming, opt.Workers)
		lim = robustLimits(img.Data, nil)
		rep.note("the image is noisy and was smoothed by %.1f mm to find the brain", calming)
	}
	var prior *distance
	if opt.Prior != nil {
		s := newPriorSampler(filled(opt.Prior))
		prior = newDistance(s.at, t1.Grid, spacingFor(t1.Grid, 3), opt.Workers)
		if prior.volume() < tinyBrain {
			rep.Fallback = fmt.Sprintf("the prior covers only %.0f mL of the image and was ignored", prior.volume())
			prior = nil
		}
	}
	rep.Method = "deformable surface"
	if prior != nil {
		rep.Method = "deformable surface within a band around the prior"
	}
	band := orDefault(opt.Band, 8)
	surface := growBrain(img, &lim, growOptions{
		fraction: orDefault(opt.Fraction, 0.5), depth: 20, reach: 10, prior: prior, band: band, dark: true, workers: opt.Workers,
	})
	mask = surface.mask(t1.Grid)
	var inPrior *voxel.Mask
	level, told := levels(img, mask)
	if prior != nil {
		var near *voxel.Mask
		inPrior, near = prior.sides(t1.Grid, band, opt.Workers)
		clampToPrior(mask, img, lim, inPrior, near)
		if told {
			addRim(mask, img, rimOf(band), (level[csf]+level[gm])/2, inPrior, opt.Workers)
		}
	} else if size := math.Cbrt(t1.VoxelVolume()); size > coarseVoxel {
		rep.note("voxels of %.1f mm hardly show the gap between brain and scalp: give a template", size)
	} else if told {
		mask = regrown(mask, img, level, opt.Workers)
	}
	mask = tidy(mask)
	least, most := float64(tinyBrain), float64(hugeBrain)
	if prior != nil {
		least, most = 0.6*prior.volume(), 1.6*prior.volume()
	}
	if v := volumeML(mask); v < least || v > most {
		switch {
		case prior != nil:
			rep.Fallback = fmt.Sprintf("the surface enclosed %.0f mL, the prior %.0f mL; the prior was taken as it is", v, prior.volume())
			rep.Method = "prior"
			mask = inPrior.Clone()
		default:
			rep.Fallback = fmt.Sprintf("the surface enclosed %.0f mL, which is no brain; threshold and opening were used", v)
			rep.Method = "threshold and opening"
			mask = openedThreshold(img, lim, opt.Workers)
		}
	}
	return finish(mask, t1, &rep, inPrior), rep
}

// finish removes voxels without a value, measures the mask and doubts it.
func finish(mask *voxel.Mask, img *voxel.Image, rep *BrainReport, prior *voxel.Mask) *voxel.Mask {
	for n, v := range img.Data {
		if v-v != 0 {
			mask.In[n] = false
		}
	}
	rep.Volume = volumeML(mask)
	if rep.Volume < smallBrain || rep.Volume > largeBrain {
		rep.note("the mask holds %.0f mL; adult brains hold %d to %d mL: look at the overlay", rep.Volume, smallBrain, largeBrain)
	}
	if prior != nil {
		rep.PriorDice = dice(mask, prior)
		if rep.PriorDice < 0.85 {
			rep.note("mask and prior overlap poorly (Dice %.2f): look at the registration that brought the prior", rep.PriorDice)
		}
	}
	return mask
}

// coarseVoxel is the size of voxels [mm] above which threads between brain and
// scalp are as wide as a voxel, and nothing is grown back.
const coarseVoxel = 2.5

type growOptions struct {
	fraction, depth, reach float64
	floor                  float64
	prior                  *distance
	band                   float64
	coarse                 bool
	dark                   bool // CSF may be as bright as it is: see raiseLow
	workers                int
}

// growBrain returns the brain's surface and sets lim.median. A coarse surface gives the centre for
// a fine one, as one round of re-centring makes the result insensitive to the
// start. More rounds than these let the surface creep out along the skull base:
// on the template the overlap is best between 400 and 600.
//
// With opt.coarse the coarse surface is returned.
func growBrain(img *voxel.Image, lim *limits, opt growOptions) *mesh {
	c, r := startSphere(img, *lim, opt.prior)
	for pass, level := range []int{3, 4} {
		rounds := [2]int{300, 500}[pass]
		lim.median = sphereMedian(img, *lim, c, 0.75*r)
		m := icosphere(level)
		m.place(c, r/2)
		m.deform(steer{img: img, lim: *lim, fraction: opt.fraction, depth: opt.depth, reach: opt.reach, floor: opt.floor,
			prior: opt.prior, band: opt.band, rounds: rounds, workers: opt.workers})
		if pass == 1 || opt.coarse {
			return m
		}
		c, r = m.centroid()
		if opt.dark {
			if level, ok := levels(img, m.mask(img.Grid)); ok {
				lim.raiseLow(level)
			}
		}
	}
	panic("unreachable")
}

// startSphere returns the centre and radius [mm] of a ball that lies well
// within the brain when halved: the prior's, or that of the head above its
// equator.
func startSphere(img *voxel.Image, lim limits, prior *distance) (voxel.Vec, float64) {
	if prior != nil {
		return prior.centroid()
	}
	// Coarse steps through the image suffice for a centre of mass.
	g := img.Grid
	step := strides(g, 3)
	var z []float64
	visit(g, step, func(n int, p voxel.Vec) {
		if float64(img.Data[n]) > lim.head {
			z = append(z, p[2])
		}
	})
	cell := g.VoxelVolume() * float64(step[0]*step[1]*step[2])
	top := topOf(z, cell)
	var sum voxel.Vec
	weight, count := 0.0, 0.0
	visit(g, step, func(n int, p voxel.Vec) {
		v := float64(img.Data[n])
		if v > lim.head && p[2] > top-120 {
			w := min(v, lim.high) - lim.low
			sum = add(sum, scale(p, w))
			weight += w
			count++
		}
	})
	r := math.Cbrt(3 * count * cell / (4 * math.Pi))
	if !(weight > 0) {
		return g.Centre(), 50
	}
	return scale(sum, 1/weight), min(r, 95)
}

// topOf returns the height [mm] of the head's top: the highest level at which
// a layer of 2 mm holds at least 10 cm² of head, so that a fold of the ear
// defender or noise above the head does not count.
func topOf(z []float64, cell float64) float64 {
	if len(z) == 0 {
		return 0
	}
	lo, hi := z[0], z[0]
	for _, v := range z {
		lo, hi = min(lo, v), max(hi, v)
	}
	const layer = 2.0
	bins := make([]float64, min(int((hi-lo)/layer)+1, 1<<16))
	for _, v := range z {
		bins[min(int((v-lo)/layer), len(bins)-1)] += cell
	}
	for b := len(bins) - 1; b >= 0; b-- {
		// Two layers, as coarse steps may leave every other layer empty.
		s := bins[b]
		if b > 0 {
			s += bins[b-1]
		}
		if s > 2*layer*1000 {
			return lo + float64(b+1)*layer
		}
	}
	return hi
}

// sphereMedian returns the median of the values between the robust limits
// within radius r [mm] of c.
func sphereMedian(img *voxel.Image, lim limits, c voxel.Vec, r float64) float64 {
	var v []float32
	visit(img.Grid, strides(img.Grid, 2), func(n int, p voxel.Vec) {
		x := float64(img.Data[n])
		if x > lim.low && x < lim.high && voxel.Distance(p, c) < r {
			v = append(v, img.Data[n])
		}
	})
	if len(v) == 0 {
		return (lim.low + lim.high) / 2
	}
	return float64(voxel.Median(v))
}

// centroid returns the centre of the mesh's vertices and the radius [mm] of a
// ball of the enclosed volume.
func (m *mesh) centroid() (voxel.Vec, float64) {
	var c voxel.Vec
	for _, v := range m.vert {
		c = add(c, v)
	}
	c = scale(c, 1/float64(len(m.vert)))
	vol := 0.0
	for _, f := range m.face {
		a, b, d := sub(m.vert[f[0]], c), sub(m.vert[f[1]], c), sub(m.vert[f[2]], c)
		vol += dot(a, cross(b, d)) / 6
	}
	return c, math.Cbrt(3 * math.Abs(vol) / (4 * math.Pi))
}

// clampToPrior decides for the prior where its surface is not near: what is
// inside it and has signal is added, what is outside it removed.
func clampToPrior(mask *voxel.Mask, img *voxel.Image, lim limits, inside, near *voxel.Mask) {
	for n := range mask.In {
		switch {
		case near.In[n]:
		case !inside.In[n]:
			mask.In[n] = false
		case float64(img.Data[n]) > lim.low:
			mask.In[n] = true
		}
	}
}

// filled returns the prior with the holes of its brain filled: templates'
// masks may leave the ventricles out.
func filled(prior *voxel.Image) *voxel.Image {
	out := prior.Clone()
	for n, in := range voxel.FillHoles(prior.Threshold(0.5)).In {
		if in && !(out.Data[n] > 0.5) {
			out.Data[n] = 1
		}
	}
	return out
}

// tidy keeps the largest piece of the mask and fills its holes.
func tidy(m *voxel.Mask) *voxel.Mask {
	return voxel.FillHoles(voxel.Largest(m))
}

// stripped reports whether the image is a brain without its head, and its
// support: most of the box is exactly one value (zero, or NaN) and what
// differs has the volume of a brain, not of a head.
func stripped(img *voxel.Image, lim limits, workers int) (*voxel.Mask, bool) {
	mask := voxel.NewMask(img.Grid)
	empty := 0
	for n, v := range img.Data {
		if v == 0 || v-v != 0 {
			empty++
		} else {
			mask.In[n] = true
		}
	}
	if float64(empty) < 0.3*float64(len(img.Data)) {
		return nil, false
	}
	if v := volumeML(mask); v < tinyBrain || v > hugeBrain {
		return nil, false
	}
	// A head cut off at the neck by a small box could have that volume too, but
	// it has scalp: its outer layer is bright and a dark layer follows.
	mask = tidy(mask)
	shell := func(m *voxel.Mask, depth float64) (*voxel.Mask, float64) {
		inner := voxel.Erode(m, depth, workers)
		var v []float32
		for n := range m.In {
			if m.In[n] && !inner.In[n] {
				v = append(v, img.Data[n])
			}
		}
		return inner, float64(voxel.Median(v))
	}
	rest, outer := shell(mask, 4)
	rest, middle := shell(rest, 6)
	var v []float32
	for n, in := range rest.In {
		if in {
			v = append(v, img.Data[n])
		}
	}
	core := float64(voxel.Median(v))
	return mask, !(middle < 0.6*core && outer > middle)
}

// openedThreshold is the mask taken when the surface fails: what is brighter
// than halfway between background and the robust maximum's half, opened by
// 5 mm so that brain and scalp part, the largest piece, closed and filled.
func openedThreshold(img *voxel.Image, lim limits, workers int) *voxel.Mask {
	m := img.Threshold(float32(lim.low + 0.3*(lim.high-lim.low)))
	m = voxel.Largest(voxel.Erode(m, 4, workers))
	m = voxel.Dilate(m, 4, workers)
	return voxel.FillHoles(voxel.Close(m, 4, workers))
}

// volumeML returns the volume of a mask [mL].
func volumeML(m *voxel.Mask) float64 { return float64(m.Count()) * m.VoxelVolume() / 1000 }

// strides returns by how many voxels to step along each axis for steps of
// about mm millimetres.
func strides(g voxel.Grid, mm float64) [3]int {
	var s [3]int
	for a, d := range g.Spacing() {
		s[a] = 1
		if d > 0 && d < mm {
			s[a] = max(1, min(int(math.Round(mm/d)), g.Dim[a]))
		}
	}
	return s
}

// visit calls fn for every step-th voxel of g, in order of memory.
func visit(g voxel.Grid, step [3]int, fn func(n int, p voxel.Vec)) {
	for k := 0; k < g.Dim[2]; k += step[2] {
		for j := 0; j < g.Dim[1]; j += step[1] {
			row, n := g.World(0, j, k), g.Index(0, j, k)
			for i := 0; i < g.Dim[0]; i += step[0] {
				x := float64(i)
				fn(n+i, voxel.Vec{row[0] + x*g.Affine[0][0], row[1] + x*g.Affine[1][0], row[2] + x*g.Affine[2][0]})
			}
		}
	}
}

// spacingFor returns a spacing [mm] of at least mm with which a world-aligned
// grid over g has at most 160 points on a side, so that an absurd voxel size
// in a header cannot ask for absurd memory.
func spacingFor(g voxel.Grid, mm float64) float64 {
	box := worldExtent(g)
	for a := range 3 {
		mm = max(mm, (box[1][a]-box[0][a])/150)
	}
	return mm
}

func orDefault(v, def float64) float64 {
	if v == 0 {
		return def
	}
	return v
}
