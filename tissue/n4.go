package tissue

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"phasl/voxel"
)

// N4Options steer [N4]. The zero value is the default.
type N4Options struct {
	// Mask holds the voxels the field is estimated from. nil: the foreground,
	// found by a threshold: the whole head.
	Mask *voxel.Mask
	// Working is the spacing of the voxels used [mm]; those between are left
	// out. 0: 4.
	Working float64
	// Knots is the least spacing of the field's control points, about [mm].
	// 0: 25.
	Knots float64
	// Rounds is the most rounds at each of the spacings of control points.
	// 0: 50.
	Rounds int
	// Width is the full width at half maximum of the Gaussian by which the
	// field is thought to have blurred the histogram of ln intensity. 0: 0.15.
	Width float64
	// Workers is the number of goroutines; 0: one per CPU.
	Workers int
}

// An N4Report says how a bias correction went.
type N4Report struct {
	Method   string   // what gave the field
	Fallback string   // why there is no correction, "" if there is
	Notes    []string // what looks doubtful
	Rounds   []int    // at each spacing of control points, widest first
	// Converged says whether the last spacing settled before its rounds ran out.
	Converged bool
	// Range is the largest over the smallest value of the field over the voxels
	// it was estimated from; 1 without a field.
	Range float64
	Used  int // voxels the field was estimated from
}

func (r *N4Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Constants of [N4].
const (
	n4Bins   = 200  // of the histogram of ln intensity
	n4FFT    = 512  // the histogram and as much nothing
	n4Noise  = 0.01 // of the Wiener filter, relative to the histogram's power
	n4Settle = 1e-3 // coefficient of variation of a round's change that ends a spacing

)

// N4 returns an image without the smooth multiplicative field of coil and
// slice profile, and that field: corrected = img / field. The field is 1 in
// geometric mean over the voxels it was estimated from, and covers the whole
// grid; away from those voxels it is what the nearest control points say.
//
// No tissue need be known. A field blurs the histogram of ln intensity by about
// a Gaussian F of the given width; the histogram V of v = ln(img/field) is
// sharpened by a Wiener filter, U = V·F*/(|F|² + 0.01) in Fourier space, and
// every voxel gets the intensity expected of it,
//
//	E[u | v] = ∫ u F(v − u) U(u) du / ∫ F(v − u) U(u) du
//
// A cubic B-spline approximates v − E[u|v] over the voxels and is added to the
// field; then the next round begins. A spacing of control points ends when a
// round changes the field by a coefficient of variation below 0.001; the
// spacing is then halved, from the extent of the mask down to about Knots. The
// control points' box is that of the mask, so air around a head has no say.
//
// Voxels of the mask that are not positive, NaN or infinite are left out; they
// keep their value over the field. Fewer than 100 usable voxels, or one
// intensity alone, give a field of 1, and Fallback says so. It panics if the
// mask's shape is not the image's. The result does not depend on the number
// of workers.
//
// Source: Tustison et al. 2010, IEEE Trans Med Imaging 29:1310,
// doi:10.1109/TMI.2010.2046908; the sharpening is that of Sled et al. 1998,
// IEEE Trans Med Imaging 17:87, doi:10.1109/42.668698. Departures: the control
// points' box is the mask's and not the image's; the sums of the
// approximation run along one axis after the other, which changes nothing but
// the time.
func N4(img *voxel.Image, opt N4Options) (corrected, field *voxel.Image, rep N4Report) {
	if opt.Mask != nil && opt.Mask.Dim != img.Dim {
		panic(fmt.Sprintf("tissue: N4: image is %v and mask %v", img.Dim, opt.Mask.Dim))
	}
	b := newBiasFit(img, opt)
	rep = N4Report{Range: 1, Used: b.used}
	rep.Method = "N4: histogram sharpening with a B-spline field"
	if b.fault != "" {
		rep.Method, rep.Fallback = "none", b.fault
		field = voxel.NewImage(img.Grid)
		for n := range field.Data {
			field.Data[n] = 1
		}
		return img.Clone(), field, rep
	}
	b.run(&rep)
	return b.finish(&rep)
}

// A biasFit is the work of [N4] on a coarser lattice of voxels.
type biasFit struct {
	img    *voxel.Image
	opt    N4Options
	axis   [3]splineAxis
	halve  [3]int       // how often the spans of each axis are to be halved
	at     [3][]float64 // positions of the lattice along each axis [voxels of img]
	dim    [3]int
	place  []int32   // of the usable voxels on the lattice
	log    []float64 // their ln intensity
	weight []float64 // 1 at usable voxels of the lattice, 0 elsewhere
	field  []float64 // ln of the field at the usable voxels
	total  *spline   // ln of the field
	used   int
	fault  string
}

func newBiasFit(img *voxel.Image, opt N4Options) *biasFit {
	opt.Working, opt.Knots, opt.Width = orDefault(opt.Working, 4), orDefault(opt.Knots, 25), orDefault(opt.Width, 0.15)
	if opt.Rounds == 0 {
		opt.Rounds = 50
	}
	b := &biasFit{img: img, opt: opt}
	usable := func(n int) bool {
		v := img.Data[n]
		return v > 0 && v-v == 0 && opt.Mask.In[n]
	}
	if opt.Mask == nil {
		t := foreground(img.Data)
		usable = func(n int) bool { v := img.Data[n]; return v > t && v > 0 && v-v == 0 }
	}
	step, size := strides(img.Grid, opt.Working), img.Spacing()
	for a := range 3 {
		for x := step[a] / 2; x < img.Dim[a] || len(b.at[a]) == 0; x += step[a] {
			b.at[a] = append(b.at[a], float64(min(x, img.Dim[a]-1)))
		}
		b.dim[a] = len(b.at[a])
	}
	b.weight = make([]float64, b.dim[0]*b.dim[1]*b.dim[2])
	lo, hi := [3]float64{math.Inf(1), math.Inf(1), math.Inf(1)}, [3]float64{}
	for n := range b.weight {
		c := [3]int{n % b.dim[0], n / b.dim[0] % b.dim[1], n / b.dim[0] / b.dim[1]}
		v := img.Index(int(b.at[0][c[0]]), int(b.at[1][c[1]]), int(b.at[2][c[2]]))
		if !usable(v) {
			continue
		}
		b.weight[n] = 1
		b.place = append(b.place, int32(n))
		b.log = append(b.log, math.Log(float64(img.Data[v])))
		for a := range 3 {
			lo[a], hi[a] = min(lo[a], b.at[a][c[a]]), max(hi[a], b.at[a][c[a]])
		}
	}
	b.used = len(b.place)
	if b.used < 100 {
		b.fault = fmt.Sprintf("only %d usable voxels: no field could be estimated", b.used)
		return b
	}
	if least, most := extremes(b.log); !(most > least) {
		b.fault = "the image is constant: no field could be estimated"
		return b
	}
	for a := range 3 {
		b.axis[a] = splineAxis{lo: lo[a], hi: hi[a], spans: 1}
		if extent := (hi[a] - lo[a]) * size[a] / opt.Knots; extent > 1 {
			b.halve[a] = min(int(math.Round(math.Log2(extent))), 6)
		}
	}
	b.field = make([]float64, b.used)
	return b
}

// foreground returns the threshold between air and head: halfway from the
// least value to that which best divides dark from bright (Otsu's).
func foreground(data []float32) float32 {
	lim := robustLimits(data, nil)
	if !(lim.high > lim.low) {
		return float32(math.Inf(1))
	}
	const bins = 256
	var count [bins]float64
	for _, v := range data {
		if v-v == 0 {
			x := (float64(v) - lim.low) / (lim.high - lim.low)
			count[int(min(max(x, 0), 0.9999)*bins)]++
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
	return float32(lim.low + 0.5*(lim.high-lim.low)*float64(at+1)/bins)
}

func extremes(v []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, x := range v {
		lo, hi = min(lo, x), max(hi, x)
	}
	return lo, hi
}

// run estimates the field, from wide to narrow spacing of control points.
func (b *biasFit) run(rep *N4Report) {
	levels := max(b.halve[0], b.halve[1], b.halve[2]) + 1
	b.total = newSpline(b.axis)
	sharp := newSharpener(b.opt.Width)
	u := make([]float64, b.used)
	residual := make([]float64, len(b.weight))
	for level := range levels {
		if level > 0 {
			var half [3]bool
			for a := range 3 {
				// An axis that needs fewer halvings begins later.
				half[a] = level > levels-1-b.halve[a]
			}
			b.total = b.total.refine(half)
		}
		fit := newSplineFit(newSplineGrid(b.total.axis, b.at), b.weight, b.opt.Workers)
		rounds := 0
		rep.Converged = false
		for rounds < b.opt.Rounds && !rep.Converged {
			rounds++
			for i, v := range b.log {
				u[i] = v - b.field[i]
			}
			expect := sharp.expect(u)
			clear(residual)
			for i, n := range b.place {
				residual[n] = u[i] - expect(u[i])
			}
			update := fit.fit(residual)
			for c, v := range update.coef {
				b.total.coef[c] += v
			}
			rep.Converged = b.add(fit.splineGrid, update, residual) < n4Settle
		}
		rep.Rounds = append(rep.Rounds, rounds)
	}
}

// add adds the field of update at the usable voxels and returns the coefficient
// of variation of its exponential. scratch has a place for each voxel of the
// lattice.
func (b *biasFit) add(g *splineGrid, update *spline, scratch []float64) float64 {
	g.rows(update, b.opt.Workers, func(j, k int, f []float64) {
		copy(scratch[b.dim[0]*(j+b.dim[1]*k):], f)
	})
	var s, q float64
	for i, n := range b.place {
		v := scratch[n]
		b.field[i] += v
		e := math.Expm1(v) // near 1 the variance of the ratio would lose digits
		s += e
		q += e * e
	}
	n := float64(b.used)
	s /= n
	return math.Sqrt(max(q/n-s*s, 0)) / (1 + s)
}

// finish evaluates the field on the image's grid.
func (b *biasFit) finish(rep *N4Report) (corrected, field *voxel.Image, _ N4Report) {
	mean := 0.0
	for _, v := range b.field {
		mean += v / float64(b.used)
	}
	lo, hi := extremes(b.field)
	rep.Range = math.Exp(hi - lo)
	if rep.Range > 10 {
		rep.note("the field varies by a factor of %.0f: look at the corrected image", rep.Range)
	}
	corrected, field = voxel.NewImage(b.img.Grid), voxel.NewImage(b.img.Grid)
	var at [3][]float64
	for a := range 3 {
		for i := range b.img.Dim[a] {
			at[a] = append(at[a], float64(i))
		}
	}
	newSplineGrid(b.total.axis, at).rows(b.total, b.opt.Workers, func(j, k int, f []float64) {
		n := b.img.Index(0, j, k)
		for i, v := range f {
			e := float32(math.Exp(v - mean))
			field.Data[n+i] = e
			corrected.Data[n+i] = b.img.Data[n+i] / e
		}
	})
	return corrected, field, *rep
}

// A sharpener narrows the histogram of ln intensity.
type sharpener struct {
	width float64
	fft   *fourier.CmplxFFT
	buf   []complex128
	blur  []complex128
}

func newSharpener(width float64) *sharpener {
	return &sharpener{width, fourier.NewCmplxFFT(n4FFT), make([]complex128, n4FFT), make([]complex128, n4FFT)}
}

// expect returns E[u|v] as a function of v, for the distribution of v.
func (s *sharpener) expect(v []float64) func(v float64) float64 {
	lo, hi := extremes(v)
	slope := (hi - lo) / (n4Bins - 1)
	if !(slope > 0) {
		return func(v float64) float64 { return v }
	}
	h := make([]float64, n4FFT)
	const pad = (n4FFT - n4Bins) / 2
	for _, x := range v {
		x = (x - lo) / slope
		b := min(int(x), n4Bins-2)
		h[pad+b] += 1 - (x - float64(b))
		h[pad+b+1] += x - float64(b)
	}
	// The Gaussian about 0, wrapped around, summing to about 1.
	w := s.width / slope
	for n := range s.blur {
		d := float64(min(n, n4FFT-n))
		s.blur[n] = complex(2*math.Sqrt(math.Ln2/math.Pi)/w*math.Exp(-4*math.Ln2*d*d/(w*w)), 0)
	}
	f := s.fft.Coefficients(nil, s.blur)
	convolved := func(x []float64, factor func(k int) complex128) []float64 {
		for n, v := range x {
			s.buf[n] = complex(v, 0)
		}
		c := s.fft.Coefficients(nil, s.buf)
		for k := range c {
			c[k] *= factor(k)
		}
		s.fft.Sequence(s.buf, c)
		out := make([]float64, n4FFT)
		for n, v := range s.buf {
			out[n] = real(v) / n4FFT
		}
		return out
	}
	sharp := convolved(h, func(k int) complex128 {
		p := real(f[k])*real(f[k]) + imag(f[k])*imag(f[k])
		return complex(real(f[k])/(p+n4Noise), -imag(f[k])/(p+n4Noise))
	})
	moment := make([]float64, n4FFT)
	centre := func(n int) float64 { return lo + float64(n-pad)*slope }
	for n := range sharp {
		sharp[n] = max(sharp[n], 0)
		moment[n] = sharp[n] * centre(n)
	}
	keep := func(k int) complex128 { return f[k] }
	num, den := convolved(moment, keep), convolved(sharp, keep)
	e := make([]float64, n4Bins)
	for n := range e {
		e[n] = centre(n + pad)
		if d := den[n+pad]; d > 0 {
			e[n] = num[n+pad] / d
		}
	}
	return func(v float64) float64 {
		x := min(max((v-lo)/slope, 0), n4Bins-1)
		b := min(int(x), n4Bins-2)
		return e[b] + (x-float64(b))*(e[b+1]-e[b])
	}
}
