package tissue

import (
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// Fractions of the brighter tissue at which the uniform mixing fraction of a
// mixed class is evaluated: the midpoints of equal parts of (0, 1).
const mixSteps = 6

// classes: CSF, CSF/GM, GM, GM/WM, WM, in order of brightness.
const nClass = 5

// pureClass gives the place of each pure tissue among the classes.
var pureClass = [3]int{0, 2, 4}

// A mixture is the distribution of corrected intensities.
type mixture struct {
	mean, variance [3]float64      // of pure CSF, GM, WM
	weight         [nClass]float64 // of the classes, adding up to 1
	floor          float64         // lower bound of the variances
}

// A densityTable holds the densities of a mixture at evenly spaced corrected
// intensities, as the mixture is asked for them far more often than it changes.
// Intensities beyond its ends are taken as the ends, so that no tissue's
// density underflows into a tie.
type densityTable struct {
	lo, scale float64
	row       [tableSize + 1]densities
}

// densities at one intensity: of each class, and the expected fraction of the
// brighter tissue in the two mixed classes.
type densities struct {
	d [nClass]float64
	f [2]float64
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
}

// components are the Gaussians a mixture is made of: the pure tissues and, for
// each mixed class, one for each step of the mixing fraction.
type components struct {
	pure  [3]gaussian
	mixed [2][mixSteps]gaussian
}

func (m *mixture) components() *components {
	var c components
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
		var s, sf float64
		for k := range mixSteps {
			g := c.mixed[a][k].at(y)
			s += g
			sf += g * (float64(k) + 0.5) / mixSteps
		}
		out.d[2*a+1] = s / mixSteps
		out.f[a] = 0.5
		if s > 0 {
			out.f[a] = sf / s
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

// startMixtures returns mixtures to start from, the first from the three groups
// that divide the histogram with the least variance within groups (Otsu's
// criterion), found exactly over 128 bins between the 0.5th and 99.5th
// percentile. With a strong bias field or little of one tissue that splits a
// tissue in two; the others therefore set white matter to an upper percentile
// and grey matter and CSF to the shares of it that T1-weighted images have. It
// returns none if there are fewer than 100 values or no contrast.
func startMixtures(y []float64) []mixture {
	var m mixture
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
			v := mixture{floor: m.floor, mean: [3]float64{0.35 * white, grey * white, white}, weight: [nClass]float64{0.1, 0.1, 0.35, 0.1, 0.35}}
			for c := range 3 {
				v.variance[c] = max(m.floor, white*white*(1-grey)*(1-grey)/9)
			}
			out = append(out, v)
		}
	}
	return out
}

// logLikelihood returns the mean over the sample of the logarithm of the
// density of the raw intensity: that of the corrected one, over the field.
// Fits of one sample compare by it.
func (e *estimation) logLikelihood() float64 {
	table := e.table()
	return par.Sum(e.workers, len(e.y), pieceSize, func(lo, hi int) float64 {
		s := 0.0
		var d densities
		for i := lo; i < hi; i++ {
			table.at(e.y[i], &d)
			p := 0.0
			for k := range nClass {
				p += d.d[k] * e.mix.weight[k] * localPrior(e.priorAt(i), k)
			}
			s += math.Log(max(p, 1e-300)) - e.log[i]
		}
		return s
	}) / float64(len(e.y))
}

// estimation holds what the expectation–maximisation works on.
type estimation struct {
	mix     mixture
	field   *polynomial
	raw     []float64 // intensities of the sample
	y       []float64 // the same, corrected by the field
	log     []float64 // the field at each, ln b
	basis   []float32 // the field's terms at each
	prior   [][3]float32
	workers int

	// The densities last asked for and whose they are; see table.
	lookup   *densityTable
	lookupOf mixture
}

// table returns the densities of the mixture. Field and mixture are updated
// from the same ones, and in a small image they are most of the work.
func (e *estimation) table() *densityTable {
	if e.lookup == nil || e.lookupOf != e.mix {
		e.lookup, e.lookupOf = e.mix.table(), e.mix
	}
	return e.lookup
}

func newEstimation(m mixture, field *polynomial, b *brainVoxels, sample []int32, prior [][3]float32, y []float64, g voxel.Grid, workers int) *estimation {
	terms := len(field.terms)
	e := &estimation{mix: m, field: field, raw: y, y: slices.Clone(y), log: make([]float64, len(y)), workers: workers,
		basis: make([]float32, terms*len(y))}
	par.Ranges(workers, len(sample), pieceSize, func(lo, hi int) {
		s := field.scratch()
		for i := lo; i < hi; i++ {
			for t, x := range field.basis(g.World(g.Coord(int(b.at[sample[i]]))), s) {
				e.basis[i*terms+t] = float32(x)
			}
		}
	})
	if prior != nil {
		for _, v := range sample {
			e.prior = append(e.prior, prior[v])
		}
	}
	return e
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

// sharpen sets the pure classes' means and variances to those of the intensities
// y, the unsmoothed ones of the same voxels, each voxel counting for the classes
// it belongs to by the smoothed image, and goes on from there. In a noisy image
// the histogram of y is one hump, from which classes and field can no longer be
// told; if a distance between means shrinks to less than 0.6 of what it was,
// those rounds are dropped and sharpen reports false. It returns their number.
func (e *estimation) sharpen(y []float64) (int, bool) {
	table := e.table()
	type sums struct{ n, s, q [3]float64 }
	parts := make([]sums, (len(y)+pieceSize-1)/pieceSize)
	par.Ranges(e.workers, len(y), pieceSize, func(lo, hi int) {
		t := &parts[lo/pieceSize]
		var d densities
		var p [nClass]float64
		for i := lo; i < hi; i++ {
			table.at(e.y[i], &d)
			if !e.mix.posterior(&d.d, e.priorAt(i), &p) {
				continue
			}
			for c := range 3 {
				r := p[pureClass[c]]
				x := y[i]*math.Exp(-e.log[i]) - e.mix.mean[c]
				t.n[c] += r
				t.s[c] += r * x
				t.q[c] += r * x * x
			}
		}
	})
	next := e.mix
	for c := range 3 {
		var n, s, q float64
		for i := range parts {
			n, s, q = n+parts[i].n[c], s+parts[i].s[c], q+parts[i].q[c]
		}
		if n >= 1 {
			next.mean[c] += s / n
			next.variance[c] = max(e.mix.floor, q/n-s*s/(n*n))
		}
	}
	next.limitSpread()
	if next.mean[csf] < next.mean[gm] && next.mean[gm] < next.mean[wm] {
		e.mix = next
	}
	kept := e.mix
	e.raw = y
	for i, v := range y {
		e.y[i] = v * math.Exp(-e.log[i])
	}
	coef := slices.Clone(e.field.coef)
	n, _ := e.run(20)
	for c := range 2 {
		if e.mix.mean[c+1]-e.mix.mean[c] < 0.6*(kept.mean[c+1]-kept.mean[c]) {
			e.mix = kept
			copy(e.field.coef, coef)
			e.applyField()
			return n, false
		}
	}
	return n, true
}

// pieceSize is the number of voxels whose sums are formed together.
const pieceSize = 4096

// run alternates expectation, maximisation and, every second round, the bias
// field, until no mean moves by more than 2e-3 of the distance between CSF and
// white matter and the field settles too, but for at most limit rounds. It
// returns the rounds and whether it settled.
func (e *estimation) run(limit int) (int, bool) {
	for round := 1; round <= limit; round++ {
		before := e.mix.mean
		moved := 0.0
		fit := len(e.field.terms) > 0
		if fit && round%2 == 0 {
			moved = e.updateField()
		}
		e.updateMixture()
		span := e.mix.mean[wm] - e.mix.mean[csf]
		for c := range 3 {
			moved = max(moved, math.Abs(e.mix.mean[c]-before[c])/span)
		}
		if moved < 2e-3 && round > 6 && (!fit || round%2 == 0) {
			return round, true
		}
	}
	return limit, false
}

// updateMixture performs one round of expectation and maximisation for means,
// variances and weights.
func (e *estimation) updateMixture() {
	type sums struct {
		n, s [3]float64
		q    [3]float64
		w    [nClass]float64
	}
	parts := make([]sums, (len(e.y)+pieceSize-1)/pieceSize)
	ref := e.mix.mean // squares about the old means lose no digits
	table := e.table()
	par.Ranges(e.workers, len(e.y), pieceSize, func(lo, hi int) {
		t := &parts[lo/pieceSize]
		var d densities
		var p [nClass]float64
		for i := lo; i < hi; i++ {
			y := e.y[i]
			table.at(y, &d)
			if !e.mix.posterior(&d.d, e.priorAt(i), &p) {
				continue
			}
			for c := range 3 {
				r := p[pureClass[c]]
				t.n[c] += r
				t.s[c] += r * (y - ref[c])
				t.q[c] += r * (y - ref[c]) * (y - ref[c])
			}
			for k := range nClass {
				t.w[k] += p[k]
			}
		}
	})
	var a sums
	total := 0.0
	for i := range parts {
		for c := range 3 {
			a.n[c] += parts[i].n[c]
			a.s[c] += parts[i].s[c]
			a.q[c] += parts[i].q[c]
		}
		for k := range nClass {
			a.w[k] += parts[i].w[k]
			total += parts[i].w[k]
		}
	}
	if !(total > 0) {
		return
	}
	// A class with few voxels borrows its variance from the pooled one, so that
	// it cannot collapse onto a handful of equal values.
	pooled := 0.0
	for c := range 3 {
		if a.n[c] > 0 {
			pooled += a.q[c] - a.s[c]*a.s[c]/a.n[c]
		}
	}
	pooled /= max(a.n[0]+a.n[1]+a.n[2], 1)
	own := 0.002 * total
	next := e.mix
	for c := range 3 {
		if a.n[c] < 1 {
			continue
		}
		shift := a.s[c] / a.n[c]
		next.mean[c] = ref[c] + shift
		v := a.q[c] - a.s[c]*shift
		next.variance[c] = max(e.mix.floor, (v+own*pooled)/(a.n[c]+own))
	}
	next.limitSpread()
	for k := range nClass {
		next.weight[k] = (a.w[k] + 1e-3*total) / (total * (1 + 1e-3*nClass))
	}
	// A step that would change the order of the tissues is not taken.
	if next.mean[csf] < next.mean[gm] && next.mean[gm] < next.mean[wm] {
		e.mix = next
	}
}

func (e *estimation) priorAt(i int) *[3]float32 {
	if e.prior == nil {
		return nil
	}
	return &e.prior[i]
}

// posterior fills p with the classes' probabilities given their densities d
// and the local prior, if any. It reports false if all densities are zero.
func (m *mixture) posterior(d *[nClass]float64, prior *[3]float32, p *[nClass]float64) bool {
	s := 0.0
	for k := range nClass {
		p[k] = d[k] * m.weight[k] * localPrior(prior, k)
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

// localPrior returns the factor with which a local prior weighs class k: the
// tissue's own probability, and for a mixed class twice the geometric mean of
// its two.
func localPrior(prior *[3]float32, k int) float64 {
	switch {
	case prior == nil:
		return 1
	case k%2 == 0:
		return float64(prior[k/2])
	}
	return 2 * math.Sqrt(float64(prior[k/2])*float64(prior[k/2+1]))
}

// fieldStep is the step through the sample for the bias field, which has few
// parameters and needs fewer voxels than the mixture.
const fieldStep = 4

// updateField fits the bias field to the logarithm of intensity over what the
// mixture expects, each voxel weighted by how well its tissue is known:
// mean²/variance of the expected class is the inverse variance of the
// logarithm. It returns the root mean square change of ln b.
func (e *estimation) updateField() float64 {
	terms := len(e.field.terms)
	n := terms + 1
	pieces := (len(e.y) + pieceSize - 1) / pieceSize
	normal := make([][]float64, pieces)
	rhs := make([][]float64, pieces)
	table := e.table()
	par.Ranges(e.workers, len(e.y), pieceSize, func(lo, hi int) {
		a, b := make([]float64, n*n), make([]float64, n)
		x := make([]float64, n)
		x[0] = 1
		var d densities
		var p [nClass]float64
		for i := lo; i < hi; i += fieldStep {
			if !(e.y[i] > 0) {
				continue
			}
			table.at(e.y[i], &d)
			if !e.mix.posterior(&d.d, e.priorAt(i), &p) {
				continue
			}
			var w, target float64
			for c := range 3 {
				if e.mix.mean[c] > 0 {
					k := p[pureClass[c]] * e.mix.mean[c] * e.mix.mean[c] / e.mix.variance[c]
					w += k
					target += k * math.Log(e.mix.mean[c])
				}
			}
			if !(w > 0) {
				continue
			}
			r := math.Log(e.raw[i]) - target/w
			for t, v := range e.basis[i*terms : (i+1)*terms] {
				x[t+1] = float64(v)
			}
			for u := range n {
				wx := w * x[u]
				b[u] += wx * r
				row := a[u*n+u : u*n+n]
				for v, xv := range x[u:] {
					row[v] += wx * xv
				}
			}
		}
		normal[lo/pieceSize], rhs[lo/pieceSize] = a, b
	})
	for q := 1; q < pieces; q++ {
		for i, v := range normal[q] {
			normal[0][i] += v
		}
		for i, v := range rhs[q] {
			rhs[0][i] += v
		}
	}
	if pieces == 0 || !e.field.solve(normal[0], rhs[0]) {
		return 0
	}
	return e.applyField()
}

// applyField corrects the intensities by the field as it is and returns the
// root mean square change of ln b.
func (e *estimation) applyField() float64 {
	terms := len(e.field.terms)
	next := make([]float64, len(e.y))
	sum := par.Sum(e.workers, len(e.y), pieceSize, func(lo, hi int) float64 {
		s := 0.0
		for i := lo; i < hi; i++ {
			b := 0.0
			for t, v := range e.basis[i*terms : (i+1)*terms] {
				b += e.field.coef[t] * float64(v)
			}
			next[i] = b
			s += b
		}
		return s
	})
	e.field.mean = sum / float64(len(e.y))
	moved := par.Sum(e.workers, len(e.y), pieceSize, func(lo, hi int) float64 {
		s := 0.0
		for i := lo; i < hi; i++ {
			next[i] -= e.field.mean
			s += (next[i] - e.log[i]) * (next[i] - e.log[i])
			e.y[i] = e.raw[i] * math.Exp(-next[i])
		}
		return s
	})
	e.log = next
	return math.Sqrt(moved / float64(len(e.y)))
}

// discord is the cost of neighbouring classes: half a step apart on the scale
// CSF – GM – WM (a pure tissue and its own mixture) costs a quarter, a full
// step or more costs one; nothing for equals.
func discord(a, b int) float64 {
	switch d := max(a-b, b-a); d {
	case 0:
		return 0
	case 1:
		return 0.25
	}
	return 1
}

// classify returns the fractions of CSF, GM and WM of every voxel, by rounds of
// mean-field updates:
//
//	p_k(n) ∝ density_k(n) · weight_k · prior_k(n) · exp(−β Σ_m Σ_l discord(k, l) p_l(m))
//
// over the six neighbours m, each weighted by the smallest voxel size over the
// distance. Neighbours outside the mask have no say.
func classify(m mixture, b *brainVoxels, bias []float32, prior [][3]float32, beta float64, g voxel.Grid, workers int) [][3]float32 {
	n := len(b.at)
	like := make([][nClass]float32, n)
	mixed := make([][2]float32, n)
	cur, next := make([][nClass]float32, n), make([][nClass]float32, n)
	table := m.table()
	par.Ranges(workers, n, pieceSize, func(lo, hi int) {
		var d densities
		var p [nClass]float64
		for i := lo; i < hi; i++ {
			table.at(float64(b.value[i])/float64(bias[i]), &d)
			var at *[3]float32
			if prior != nil {
				at = &prior[i]
			}
			if !m.posterior(&d.d, at, &p) {
				p = [nClass]float64{0.2, 0.2, 0.2, 0.2, 0.2}
			}
			for k := range nClass {
				like[i][k] = float32(p[k])
			}
			mixed[i] = [2]float32{float32(d.f[0]), float32(d.f[1])}
			cur[i] = like[i]
		}
	})
	if beta > 0 {
		var cost [nClass][nClass]float64
		for k := range nClass {
			for l := range nClass {
				cost[k][l] = beta * discord(k, l)
			}
		}
		size := g.Spacing()
		least := min(size[0], size[1], size[2])
		stride := [3]int{1, g.Dim[0], g.Dim[0] * g.Dim[1]}
		const rounds = 5
		for range rounds {
			par.Ranges(workers, n, pieceSize, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					at := int(b.at[i])
					var c [3]int
					c[0], c[1], c[2] = g.Coord(at)
					var near [nClass]float64 // neighbours' probabilities, weighted
					for a := range 3 {
						w := least / size[a]
						for _, s := range [2]int{-1, 1} {
							if c[a]+s < 0 || c[a]+s >= g.Dim[a] {
								continue
							}
							if o := b.index[at+s*stride[a]]; o >= 0 {
								for k := range nClass {
									near[k] += w * float64(cur[o][k])
								}
							}
						}
					}
					var p [nClass]float64
					sum := 0.0
					for k := range nClass {
						e := 0.0
						for l := range nClass {
							e += cost[k][l] * near[l]
						}
						p[k] = float64(like[i][k]) * math.Exp(-e)
						sum += p[k]
					}
					for k := range nClass {
						next[i][k] = float32(p[k] / sum)
					}
				}
			})
			cur, next = next, cur
		}
	}
	out := make([][3]float32, n)
	for i := range out {
		p, f := &cur[i], &mixed[i]
		out[i] = [3]float32{
			csf: p[0] + p[1]*(1-f[0]),
			gm:  p[2] + p[1]*f[0] + p[3]*(1-f[1]),
			wm:  p[4] + p[3]*f[1],
		}
	}
	return out
}
