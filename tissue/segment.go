package tissue

import (
	"fmt"
	"math"

	"phasl/internal/par"
	"phasl/voxel"
)

// Tissues are the fractions of each voxel that are grey matter, white matter
// and CSF: between 0 and 1, adding up to 1 inside the brain, 0 outside it and
// NaN where the image had no value.
type Tissues struct {
	GM, WM, CSF *voxel.Image
	// Bias is the estimated receive field, relative to its geometric mean over
	// the brain: the image divided by it is even. NaN outside the brain; nil if
	// the tissues did not come from [Segment].
	Bias *voxel.Image
}

// SegmentOptions steer [Segment]. The zero value is the default.
type SegmentOptions struct {
	// PriorGM, PriorWM and PriorCSF are template probabilities (0 to 1) brought
	// into the world of the image by the caller, by an affine or a deformable
	// map; any grid. All three or none. What they leave of 1 is shared equally.
	PriorGM, PriorWM, PriorCSF *voxel.Image
	// BiasOrder is the order of the polynomial that models the logarithm of the
	// bias field: 1 to 6. 0: 4. NoBias for none.
	BiasOrder int
	// Neighbours is the weight β of agreement with the six neighbours in the
	// Markov random field. 0: 0.3. NoNeighbours for none.
	Neighbours float64
	// Workers is the number of goroutines; 0: one per CPU.
	Workers int
}

// Values that switch a part of [Segment] off.
const (
	NoBias       = -1
	NoNeighbours = -1.0
)

// A SegmentReport says how a segmentation went.
type SegmentReport struct {
	Method   string   // what was fitted
	Fallback string   // why the intended method was left, "" if it was not
	Notes    []string // what looks doubtful
	// Mean and SD of the corrected intensities of pure CSF, grey matter and
	// white matter, in the image's units.
	Mean, SD [3]float64
	// Volume of CSF, grey and white matter [mL].
	Volume     [3]float64
	Rounds     int     // of the expectation–maximisation
	Converged  bool    // whether it settled before the limit
	BiasRange  float64 // largest over smallest value of the bias field in the brain; 1 without one
	Contrast   float64 // (white − grey) / pooled SD
	Estimation int     // voxels the parameters were estimated from
	// PriorWeight is how far the template's priors were followed: their
	// exponent, from 0 (not at all) to 1 (as they are), that makes the image
	// most likely. NaN without priors.
	PriorWeight float64
}

func (r *SegmentReport) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Rows of class tables: the pure classes, and the place of the mixed ones.
const (
	csf = iota
	gm
	wm
)

// Segment returns the fractions of grey matter, white matter and CSF in each
// voxel of a T1-weighted brain (CSF dark, white matter bright).
//
// The intensity of voxel n is taken as
//
//	y(n) = b(n) · (f·μ_a + (1 − f)·μ_b) + noise,   ln b = polynomial in world coordinates
//
// with three pure classes (f = 1) and two mixed ones, CSF with grey and grey
// with white. The fraction f of the brighter tissue is uniform on (0, 1) between
// grey and white; between CSF and grey its density is 1 + s·(2f − 1): sulci are
// narrower than a voxel, and little CSF in much grey matter is commoner than the
// reverse. Class means, variances, weights, the slope s (−1 to 1) and the field are
// estimated by expectation–maximisation
// from a regular subset of about 200,000 voxels (120,000 where two fits are
// made) away from the mask's edge, on a slightly smoothed image, in which noise
// cannot be taken for tissue; the image itself then gives the classes' means,
// variances and weights. In coarse images two degrees of smoothing are tried,
// and of the fits that tell grey from white matter the one more likely to give
// the image is taken. Every voxel's probabilities are found by mean-field
// rounds with a Markov random field over the six neighbours, in which classes
// far apart on the scale CSF – grey – white are less welcome as neighbours. A
// mixed voxel gives its expected fractions to its two tissues.
//
// Priors, if given, go on from the fit to the image alone: a class weighs
//
//	γ_k(n) = w_k π_k(n)^τ / Σ_j w_j π_j(n)^τ
//
// with the template's probability π of its tissue, at least 0.01 (of a mixed
// class, the geometric mean of its two). The exponent τ, from 0 to 1, is
// estimated with the weights w, so that priors count for as much as the image
// confirms: where registration went wrong τ falls. Priors that cover less than
// half the brain, or under which grey and white matter can no longer be told,
// are left out, and Fallback says so. In voxels above 3.5 mm means and variances
// stay those of the image alone.
//
// A voxel with CSF on one side and white matter on the other, at most 2.9 mm
// apart, has no room for cortex and is taken for a mixture of the two: the rim
// of ventricles and brain stem. In voxels above 1.4 mm such rims read as grey
// matter.
//
// The order of tissue intensities must be that of a T1-weighted image; there is
// no class for fat or bone, so a mask that leaks puts them into white matter
// and CSF. The image need not be corrected by [N4] before: the field found here
// knows the tissues and is the better one.
//
// Voxels of the mask that are NaN or infinite are NaN in all maps. Fewer than
// 100 usable voxels, or an image of one value, give NaN everywhere in the
// brain, and Fallback says so. It panics if the shapes of image and mask
// differ, or if only some of the priors are given. The result does not depend
// on the number of workers.
//
// Sources: Wells et al. 1996, IEEE Trans Med Imaging 15:429,
// doi:10.1109/42.511747 (bias by EM); Van Leemput et al. 1999, IEEE Trans Med
// Imaging 18:897, doi:10.1109/42.811270 (polynomial field and random field);
// Tohka et al. 2004, NeuroImage 23:84, doi:10.1016/j.neuroimage.2004.05.007
// (mixed classes, their fraction uniform); Ashburner and Friston 2005,
// NeuroImage 26:839, doi:10.1016/j.neuroimage.2005.02.018 (weights with priors).
func Segment(t1 *voxel.Image, brain *voxel.Mask, opt SegmentOptions) (*Tissues, SegmentReport) {
	if t1.Dim != brain.Dim {
		panic(fmt.Sprintf("tissue: Segment: image is %v and mask %v", t1.Dim, brain.Dim))
	}
	priors := [3]*voxel.Image{opt.PriorCSF, opt.PriorGM, opt.PriorWM}
	given := 0
	for _, p := range priors {
		if p != nil {
			given++
		}
	}
	if given != 0 && given != 3 {
		panic("tissue: Segment: give all three priors or none")
	}
	if opt.BiasOrder > maxOrder {
		panic("tissue: Segment: bias order above 6")
	}
	rep := SegmentReport{BiasRange: 1, PriorWeight: math.NaN(), Method: "Gaussian mixture with partial volume, polynomial bias field and Markov random field"}
	out := &Tissues{GM: voxel.NewImage(t1.Grid), WM: voxel.NewImage(t1.Grid), CSF: voxel.NewImage(t1.Grid), Bias: voxel.NewImage(t1.Grid)}
	b := collect(t1, brain)
	nan := float32(math.NaN())
	for n, in := range brain.In {
		out.Bias.Data[n] = nan
		if in { // until known
			out.GM.Data[n], out.WM.Data[n], out.CSF.Data[n] = nan, nan, nan
		}
	}
	widths, want := calmWidths(t1.Grid), 200_000
	if len(widths) > 1 { // as many fits
		want = 120_000
	}
	sample := b.subset(t1.Grid, want)
	rep.Estimation = len(sample)
	y := make([]float64, len(sample))
	for i, v := range sample {
		y[i] = float64(b.value[v])
	}
	order := opt.BiasOrder
	switch {
	case order == 0:
		order = 4
	case order < 0:
		order = 0
	}
	var fit *estimation
	high := math.Inf(-1)
	keep := func(e *estimation, rounds int, settled, sharp bool) {
		l := e.logLikelihood()
		if e.mix.contrast() < leastContrast {
			l = math.Inf(-1) // noise was taken for tissue
		}
		if fit == nil || l > high {
			fit, high = e, l
			rep.Rounds, rep.Converged, rep.Notes = rounds, settled, nil
			if !sharp {
				rep.note("noise hides the tissues' intensities: means come from the smoothed image")
			}
		}
	}
	for _, width := range widths {
		calm := b.calm(t1.Grid, sample, width, opt.Workers)
		starts := startMixtures(calm)
		if len(starts) == 0 {
			continue
		}
		e := bestStart(starts, newPolynomial(order, t1.Grid, b.at), b, sample, nil, calm, t1.Grid, opt.Workers)
		rounds, settled := e.run(40)
		more, sharper, sharp := e.sharpen(y)
		keep(e, rounds+more, settled && sharper, sharp)
	}
	if fit == nil {
		rep.Method = "none"
		rep.Fallback = fmt.Sprintf("the brain mask holds %d usable voxels without contrast; no tissue could be told", len(b.at))
		return out, rep
	}
	prior := b.consult(priors, t1.Grid, sample, y, &fit, &rep, opt.Workers)
	mix, field := fit.mix, fit.field

	bias := make([]float32, len(b.at))
	lo, hi := math.Inf(1), math.Inf(-1)
	par.Ranges(opt.Workers, len(b.at), 4096, func(from, to int) {
		for i := from; i < to; i++ {
			x := field.scaled(t1.World(t1.Coord(int(b.at[i]))))
			bias[i] = float32(math.Exp(field.at(&x)))
		}
	})
	for i, v := range bias {
		lo, hi = min(lo, float64(v)), max(hi, float64(v))
		out.Bias.Data[b.at[i]] = v
	}
	rep.BiasRange = hi / lo

	beta := opt.Neighbours
	if beta == 0 {
		beta = 0.3
	}
	frac := classify(mix, b, bias, prior, max(beta, 0), t1.Grid, opt.Workers)
	for i, n := range b.at {
		out.CSF.Data[n], out.GM.Data[n], out.WM.Data[n] = frac[i][csf], frac[i][gm], frac[i][wm]
	}
	rep.Mean, rep.SD = mix.mean, [3]float64{math.Sqrt(mix.variance[0]), math.Sqrt(mix.variance[1]), math.Sqrt(mix.variance[2])}
	var sum [3]float64
	for i := range frac {
		for c := range 3 {
			sum[c] += float64(frac[i][c])
		}
	}
	for c := range 3 {
		rep.Volume[c] = sum[c] * t1.VoxelVolume() / 1000
	}
	rep.Contrast = mix.contrast()
	rep.judge()
	return out, rep
}

// judge adds notes on what a reader should not trust.
func (r *SegmentReport) judge() {
	if r.Contrast < leastContrast {
		r.note("grey and white matter differ by only %.1f standard deviations: the maps lean on neighbours and priors", r.Contrast)
	}
	if v := r.Volume[gm] + r.Volume[wm]; v > 600 {
		if q := r.Volume[gm] / r.Volume[wm]; q < 0.8 || q > 2.5 {
			r.note("grey/white volume ratio %.2f lies outside 0.8 to 2.5: look at the maps", q)
		}
	}
	if !r.Converged {
		r.note("the mixture had not settled after %d rounds", r.Rounds)
	}
	if r.BiasRange > 5 {
		r.note("the bias field varies by a factor of %.1f inside the brain: look at the corrected image", r.BiasRange)
	}
}

// bestStart returns the estimation, begun from the start of which 16 rounds on
// every fourth voxel reach the highest likelihood, with that trial's parameters.
func bestStart(starts []mixture, field *polynomial, b *brainVoxels, sample []int32, prior []logPrior, y []float64, g voxel.Grid, workers int) *estimation {
	var few []int32
	var fewY []float64
	for i := 0; i < len(sample); i += 4 {
		few = append(few, sample[i])
		fewY = append(fewY, y[i])
	}
	var best *estimation
	high := math.Inf(-1)
	for _, s := range starts {
		f := *field
		f.coef = make([]float64, len(field.coef))
		e := newEstimation(s, &f, b, few, prior, fewY, g, workers)
		e.run(16)
		if l := e.logLikelihood(); best == nil || l > high {
			best, high = e, l
		}
	}
	out := newEstimation(best.mix, best.field, b, sample, prior, y, g, workers)
	out.applyField()
	return out
}

// brainVoxels are the usable voxels of a mask, packed.
type brainVoxels struct {
	at    []int32   // place in memory of each
	value []float32 // intensity of each
	index []int32   // for each voxel of the grid its place here, −1 if none
}

func collect(img *voxel.Image, mask *voxel.Mask) *brainVoxels {
	b := &brainVoxels{index: make([]int32, img.Len())}
	n := mask.Count()
	b.at = make([]int32, 0, n)
	b.value = make([]float32, 0, n)
	for i, in := range mask.In {
		b.index[i] = -1
		if v := img.Data[i]; in && v-v == 0 {
			b.index[i] = int32(len(b.at))
			b.at = append(b.at, int32(i))
			b.value = append(b.value, v)
		}
	}
	return b
}

// subset returns the places of at most about one and a half times want voxels
// on a regular lattice. Voxels are left out, not averaged: averaging would mix
// tissues. Voxels at the mask's edge, which may be half skull or half nothing,
// are left out too unless little else remains.
func (b *brainVoxels) subset(g voxel.Grid, want int) []int32 {
	step, size := [3]int{1, 1, 1}, g.Spacing()
	for 2*len(b.at) > 3*want*step[0]*step[1]*step[2] {
		finest := 0 // the axis along which the lattice is densest
		for a := range 3 {
			if float64(step[a])*size[a] < float64(step[finest])*size[finest] {
				finest = a
			}
		}
		step[finest]++
	}
	stride := [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]}
	var inner, all []int32
	for k := 0; k < g.Dim[2]; k += step[2] {
		for j := 0; j < g.Dim[1]; j += step[1] {
			// A shift from row to row keeps the lattice from following columns
			// of the acquisition.
			for i := (j/step[1] + k/step[2]) % step[0]; i < g.Dim[0]; i += step[0] {
				n := g.Index(i, j, k)
				v := b.index[n]
				if v < 0 {
					continue
				}
				all = append(all, v)
				edge := false
				for a, x := range [3]int{i, j, k} {
					edge = edge || x > 0 && b.index[n-stride[a]] < 0 || x < g.Dim[a]-1 && b.index[n+stride[a]] < 0
				}
				if !edge {
					inner = append(inner, v)
				}
			}
		}
	}
	if 2*len(inner) < len(all) {
		return all
	}
	return inner
}

// leastContrast is the contrast of grey and white matter below which noise may
// have been taken for tissue.
const leastContrast = 2

// contrast returns (white − grey) / pooled SD.
func (m *mixture) contrast() float64 {
	return (m.mean[wm] - m.mean[gm]) / math.Sqrt((m.variance[wm]+m.variance[gm])/2)
}

// calmWidths returns the widths [mm] of the smoothing of which Segment tries
// each: two voxels, by which noise falls about fivefold; and, where that is much
// more, 2 mm: wider, and hardly a voxel is left in the folds of the cortex, some
// 3 mm thick, that looks like grey matter. Which serves better depends on the
// noise.
func calmWidths(g voxel.Grid) []float64 {
	s := g.Spacing()
	wide := 2 * math.Cbrt(s[0]*s[1]*s[2])
	if wide < 2.8 {
		return []float64{wide}
	}
	return []float64{wide, 2}
}

// calm returns the values of the sample in the image smoothed inside the mask
// by width [mm].
func (b *brainVoxels) calm(g voxel.Grid, sample []int32, width float64, workers int) []float64 {
	out := make([]float64, len(sample))
	lo, hi := g.Dim, [3]int{}
	for _, n := range b.at {
		var c [3]int
		c[0], c[1], c[2] = g.Coord(int(n))
		for a := range 3 {
			lo[a], hi[a] = min(lo[a], c[a]), max(hi[a], c[a]+1)
		}
	}
	if len(b.at) == 0 {
		return out
	}
	box := voxel.NewImage(g.Crop(lo, hi))
	for n := range box.Data {
		box.Data[n] = float32(math.NaN())
	}
	place := func(v int32) int {
		i, j, k := g.Coord(int(b.at[v]))
		return box.Index(i-lo[0], j-lo[1], k-lo[2])
	}
	for v := range b.at {
		box.Data[place(int32(v))] = b.value[v]
	}
	box = voxel.Smooth(box, width, workers)
	for i, v := range sample {
		out[i] = float64(box.Data[place(v)])
	}
	return out
}
