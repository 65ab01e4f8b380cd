package tissue

import (
	"math"
	"slices"
)

// Fractions of the brighter tissue at which the mixing fraction of a mixed class
// is evaluated: the midpoints of equal parts of (0, 1).
const mixSteps = 6

// classes: CSF, CSF/GM, GM, GM/WM, WM, in order of brightness.
const nClass = 5

// pureClass gives the place of each pure tissue among the classes.
var pureClass = [3]int{0, 2, 4}

// A mixture is the distribution of corrected intensities.
type mixture struct {
	mean, variance [3]float64      // of pure CSF, GM, WM
	weight         [nClass]float64 // of the classes, adding up to 1
	slope          float64         // of the density 1 + slope·(2f − 1) of grey matter's fraction f in voxels mixed with CSF; −1 to 1
	floor          float64         // lower bound of the variances
	trust          float64         // exponent of the local prior, 0 to 1
}

// A densityTable holds the densities of a mixture at evenly spaced corrected
// intensities, as the mixture is asked for them far more often than it changes.
// Intensities beyond its ends are taken as the ends, so that no tissue's
// density underflows into a tie.
type densityTable struct {
	lo, scale float64
	row       [tableSize + 1]densities
}

// densities at one intensity: of each class, of the two mixed classes the expected
// fraction f of the brighter tissue, and of the first the derivative of the
// logarithm of the density with respect to the slope,
// E[(2f − 1)/(1 + slope·(2f − 1))].
type densities struct {
	d    [nClass]float64
	f    [2]float64
	tilt float64
}

// tableSize is the number of steps: the narrowest class allowed (see floor) has
// a standard deviation of about a dozen.
const tableSize = 4096

// table returns the densities from 4 standard deviations below CSF to 4 above
// white matter.
func (m *mixture) table() *densityTable {
	lo := m.mean[csf] - 4*math.Sqrt(m.variance[csf])
	hi := m.mean[wm] + 4*math.Sqrt(m.variance[wm])
	t := &densityTable{lo: lo, scale: tableSize / (hi - lo)}
	c := m.components()
	for n := range t.row {
		t.row[n] = c.at(lo + (hi-lo)*float64(n)/tableSize)
	}
	return t
}

// at returns the densities at corrected intensity y by linear interpolation.
func (t *densityTable) at(y float64, out *densities) {
	x := min(max((y-t.lo)*t.scale, 0), tableSize-1e-6)
	n := int(x)
	w := x - float64(n)
	a, b := &t.row[n], &t.row[n+1]
	for k := range nClass {
		out.d[k] = a.d[k] + w*(b.d[k]-a.d[k])
	}
	for k := range 2 {
		out.f[k] = a.f[k] + w*(b.f[k]-a.f[k])
	}
	out.tilt = a.tilt + w*(b.tilt-a.tilt)
}

// components are the Gaussians a mixture is made of: the pure tissues and, for
// each mixed class, one for each step of the mixing fraction.
type components struct {
	pure  [3]gaussian
	mixed [2][mixSteps]gaussian
	slope [2]float64 // of each mixed class
}

func (m *mixture) components() *components {
	c := components{slope: [2]float64{m.slope, 0}}
	for t := range 3 {
		c.pure[t] = newGaussian(m.mean[t], m.variance[t])
	}
	for a := range 2 {
		for k := range mixSteps {
			t := (float64(k) + 0.5) / mixSteps
			// Within a step the mixing fraction still varies uniformly.
			w := (m.mean[a+1] - m.mean[a]) / mixSteps
			c.mixed[a][k] = newGaussian((1-t)*m.mean[a]+t*m.mean[a+1], (1-t)*m.variance[a]+t*m.variance[a+1]+w*w/12)
		}
	}
	return &c
}

// at returns the densities at corrected intensity y.
func (c *components) at(y float64) densities {
	var out densities
	for t := range 3 {
		out.d[pureClass[t]] = c.pure[t].at(y)
	}
	for a := range 2 {
		var s, sf, st float64
		for k := range mixSteps {
			f := (float64(k) + 0.5) / mixSteps
			g := c.mixed[a][k].at(y)
			st += g * (2*f - 1)
			g *= 1 + c.slope[a]*(2*f-1)
			s += g
			sf += g * f
		}
		out.d[2*a+1] = s / mixSteps
		out.f[a] = 0.5
		if s > 0 {
			out.f[a] = sf / s
			if a == 0 {
				out.tilt = st / s
			}
		}
	}
	return out
}

type gaussian struct{ mean, twoVar, norm float64 }

func newGaussian(mean, variance float64) gaussian {
	return gaussian{mean, 2 * variance, math.Sqrt(2 * math.Pi * variance)}
}

func (g *gaussian) at(y float64) float64 {
	d := y - g.mean
	return math.Exp(-d*d/g.twoVar) / g.norm
}

// usualSlope is what the slope of the mixture begins at and is drawn to where an
// image does not tell it: in the middle of what phantoms of other blur and noise
// have (docs/methods/tissue.md).
const usualSlope = 0.7

// startMixtures returns mixtures to start from, the first from the three groups
// that divide the histogram with the least variance within groups (Otsu's
// criterion), found exactly over 128 bins between the 0.5th and 99.5th
// percentile. With a strong bias field or little of one tissue that splits a
// tissue in two; the others therefore set white matter to an upper percentile
// and grey matter and CSF to the shares of it that T1-weighted images have. It
// returns none if there are fewer than 100 values or no contrast.
func startMixtures(y []float64) []mixture {
	m := mixture{slope: usualSlope}
	if len(y) < 100 {
		return nil
	}
	s := slices.Clone(y)
	slices.Sort(s)
	lo, hi := s[len(s)/200], s[len(s)-1-len(s)/200]
	if !(hi > lo) {
		return nil
	}
	const bins = 128
	var c0, c1, c2 [bins + 1]float64 // cumulative count, sum, sum of squares
	var h [bins]float64
	for _, v := range y {
		h[min(max(int((v-lo)/(hi-lo)*bins), 0), bins-1)]++
	}
	for b := range bins {
		x := (float64(b) + 0.5) / bins
		c0[b+1], c1[b+1], c2[b+1] = c0[b]+h[b], c1[b]+h[b]*x, c2[b]+h[b]*x*x
	}
	within := func(a, b int) float64 {
		n := c0[b] - c0[a]
		if n == 0 {
			return 0
		}
		t := c1[b] - c1[a]
		return c2[b] - c2[a] - t*t/n
	}
	best, cut := math.Inf(1), [4]int{0, 1, 2, bins}
	for a := 1; a < bins-1; a++ {
		for b := a + 1; b < bins; b++ {
			if c0[a] == 0 || c0[b] == c0[a] || c0[bins] == c0[b] {
				continue
			}
			if v := within(0, a) + within(a, b) + within(b, bins); v < best {
				best, cut = v, [4]int{0, a, b, bins}
			}
		}
	}
	if math.IsInf(best, 1) { // fewer than three distinct intensities
		cut = [4]int{0, bins / 3, 2 * bins / 3, bins}
	}
	span := hi - lo
	m.floor = 1e-5 * span * span
	for c := range 3 {
		n := c0[cut[c+1]] - c0[cut[c]]
		mid := float64(cut[c]+cut[c+1]) / (2 * bins)
		if n > 0 {
			mid = (c1[cut[c+1]] - c1[cut[c]]) / n
		}
		m.mean[c] = lo + span*mid
		m.variance[c] = m.floor
		if n > 0 {
			m.variance[c] = max(m.floor, span*span*within(cut[c], cut[c+1])/n)
		}
		m.weight[pureClass[c]] = 0.8 * (n + 1) / (c0[bins] + 3)
	}
	m.weight[1], m.weight[3] = 0.1, 0.1
	out := []mixture{m}
	if lo < 0 { // shares of an intensity mean nothing without a zero
		return out
	}
	for _, q := range []float64{0.75, 0.9} {
		white := s[int(q*float64(len(s)-1))]
		for _, grey := range []float64{0.65, 0.8} {
			v := mixture{floor: m.floor, slope: usualSlope, mean: [3]float64{0.35 * white, grey * white, white}, weight: [nClass]float64{0.1, 0.1, 0.35, 0.1, 0.35}}
			for c := range 3 {
				v.variance[c] = max(m.floor, white*white*(1-grey)*(1-grey)/9)
			}
			out = append(out, v)
		}
	}
	return out
}

// limitSpread bounds the variance of grey matter by four times that of white
// matter and that of CSF by 1.5 times grey matter's. A class that is broader
// holds what belongs to the mixed ones: deep grey matter and myelinated cortex
// make grey matter up to twice as broad as white, and CSF has no anatomy of its
// own, only dura and vessels that would pull its mean up.
func (m *mixture) limitSpread() {
	m.variance[gm] = min(m.variance[gm], 4*m.variance[wm])
	m.variance[csf] = min(m.variance[csf], 1.5*m.variance[gm])
}

// posterior fills p with the classes' probabilities given their densities d
// and the factors of the local prior (nil: 1 for all). It reports false if all
// densities are zero.
func (m *mixture) posterior(d *[nClass]float64, local *[nClass]float32, p *[nClass]float64) bool {
	s := 0.0
	for k := range nClass {
		p[k] = d[k] * m.weight[k]
		if local != nil {
			p[k] *= float64(local[k])
		}
		s += p[k]
	}
	if !(s > 0) {
		return false
	}
	for k := range nClass {
		p[k] /= s
	}
	return true
}

// share returns the sum over the classes of weight and local factor, by which
// their products are divided to be probabilities; 1 without a prior.
func (m *mixture) share(local *[nClass]float32) float64 {
	if local == nil {
		return 1
	}
	s := 0.0
	for k := range nClass {
		s += m.weight[k] * float64(local[k])
	}
	return s
}
