package tissue

import (
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// estimation holds what the expectation–maximisation works on.
type estimation struct {
	mix     mixture
	field   *polynomial
	raw     []float64         // intensities of the sample
	y       []float64         // the same, corrected by the field
	log     []float64         // the field at each, ln b
	at      [][3]float64      // where each lies; see [polynomial.scaled]
	basis   []float32         // the field's terms at each
	prior   []logPrior        // of each, nil without
	local   [][nClass]float32 // factors of the prior at the mixture's trust
	workers int
	free    bool // the slope is estimated
	tied    bool // the pure classes' means and variances stay what they are

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

func newEstimation(m mixture, field *polynomial, b *brainVoxels, sample []int32, prior []logPrior, y []float64, g voxel.Grid, workers int) *estimation {
	e := &estimation{mix: m, field: field, raw: y, y: slices.Clone(y), log: make([]float64, len(y)), at: make([][3]float64, len(y)),
		basis: make([]float32, len(field.terms)*len(y)), workers: workers}
	par.Ranges(workers, len(sample), pieceSize, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			e.at[i] = field.scaled(g.World(g.Coord(int(b.at[sample[i]]))))
			field.basis(e.basis[i*len(field.terms):], &e.at[i])
		}
	})
	if prior != nil {
		for _, v := range sample {
			e.prior = append(e.prior, prior[v])
		}
		e.local = make([][nClass]float32, len(sample))
		e.applyTrust()
	}
	return e
}

// applyTrust recomputes the factors of the prior.
func (e *estimation) applyTrust() {
	par.Ranges(e.workers, len(e.prior), pieceSize, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			e.local[i] = e.prior[i].factors(e.mix.trust)
		}
	})
}

// A heap is a number of intensities that share their densities and prior: n of
// them, with sum s and sum of squares q.
type heap struct{ n, s, q float64 }

// heaps returns the sample, gathered by intensity into the steps of the table
// t, which are too narrow for a density to change within one. With a local
// prior no two voxels need be alike, and each is a heap of its own.
func (e *estimation) heaps(t *densityTable) []heap {
	if e.prior != nil {
		h := make([]heap, len(e.y))
		for i, y := range e.y {
			h[i] = heap{1, y, y * y}
		}
		return h
	}
	h := make([]heap, tableSize+1)
	for _, y := range e.y {
		b := &h[int(min(max((y-t.lo)*t.scale, 0), tableSize)+0.5)]
		b.n++
		b.s += y
		b.q += y * y
	}
	return h
}

// posteriors calls fn for each heap that is not empty, in order, with the
// densities and probabilities of the classes and, with priors, its place in the
// sample.
func (e *estimation) posteriors(fn func(h *heap, i int, d *densities, p *[nClass]float64)) {
	table := e.table()
	var d densities
	var p [nClass]float64
	for i, h := range e.heaps(table) {
		if h.n == 0 {
			continue
		}
		table.at(h.s/h.n, &d)
		if e.mix.posterior(&d.d, e.localAt(i), &p) {
			fn(&h, i, &d, &p)
		}
	}
}

func (e *estimation) localAt(i int) *[nClass]float32 {
	if e.prior == nil {
		return nil
	}
	return &e.local[i]
}

// logLikelihood returns the mean over the sample of the logarithm of the
// density of the raw intensity: that of the corrected one, over the field.
// Fits of one sample compare by it.
func (e *estimation) logLikelihood() float64 {
	table := e.table()
	sum := 0.0
	var d densities
	for i, h := range e.heaps(table) {
		if h.n == 0 {
			continue
		}
		table.at(h.s/h.n, &d)
		p, local := 0.0, e.localAt(i)
		for k := range nClass {
			w := e.mix.weight[k]
			if local != nil {
				w *= float64(local[k])
			}
			p += d.d[k] * w
		}
		sum += h.n * math.Log(max(p/e.mix.share(local), 1e-300))
	}
	for _, b := range e.log {
		sum -= b
	}
	return sum / float64(len(e.y))
}

// sharpen sets the pure classes' means and variances to those of the intensities
// y, the unsmoothed ones of the same voxels, each voxel counting for the classes
// it belongs to by the smoothed image, and goes on from there. In a noisy image
// the histogram of y is one hump, from which classes and field can no longer be
// told; if a distance between means shrinks to less than 0.6 of what it was,
// those rounds are dropped and sharp is false. It returns the rounds and whether
// they settled. The slope is estimated from here on: smoothing mixes voxels in its
// own way.
func (e *estimation) sharpen(y []float64) (rounds int, settled, sharp bool) {
	table := e.table()
	type sums struct{ n, s, q [3]float64 }
	parts := make([]sums, (len(y)+pieceSize-1)/pieceSize)
	par.Ranges(e.workers, len(y), pieceSize, func(lo, hi int) {
		t := &parts[lo/pieceSize]
		var d densities
		var p [nClass]float64
		for i := lo; i < hi; i++ {
			table.at(e.y[i], &d)
			if !e.mix.posterior(&d.d, e.localAt(i), &p) {
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
	e.free = true
	n, settled := e.run(40)
	for c := range 2 {
		if e.mix.mean[c+1]-e.mix.mean[c] < 0.6*(kept.mean[c+1]-kept.mean[c]) {
			e.mix = kept
			copy(e.field.coef, coef)
			e.applyField()
			e.applyTrust()
			return n, settled, false
		}
	}
	return n, settled, true
}

// pieceSize is the number of voxels whose sums are formed together.
const pieceSize = 4096

// run alternates expectation, maximisation and, every second round, the bias
// field, until no mean moves by more than 2e-3 of the distance between CSF and
// white matter, the trust in a prior by more than 8e-3, the slope within two
// rounds by more than 0.01, and the field settles too, but for at most limit
// rounds. It returns the rounds and whether it settled.
func (e *estimation) run(limit int) (int, bool) {
	earlier := e.mix.slope // two rounds before
	for round := 1; round <= limit; round++ {
		before, trust, slope := e.mix.mean, e.mix.trust, e.mix.slope
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
		moved = max(moved, math.Abs(e.mix.trust-trust)/4)
		// Every second round the field moves, and the slope to and fro with it.
		moved = max(moved, math.Abs(e.mix.slope-earlier)/5)
		earlier = slope
		if moved < 2e-3 && round > 6 && (!fit || round%2 == 0) {
			return round, true
		}
	}
	return limit, false
}

// updateMixture performs one round of expectation and maximisation for means,
// variances, weights, the slope and the trust in the prior.
func (e *estimation) updateMixture() {
	ref := e.mix.mean // squares about the old means lose no digits
	var n, s, q [3]float64
	var weight, offered [nClass]float64
	total, slope, bend := 0.0, 0.0, 0.0
	var tilt, about float64
	e.posteriors(func(h *heap, i int, d *densities, p *[nClass]float64) {
		for c := range 3 {
			r := p[pureClass[c]]
			n[c] += r * h.n
			s[c] += r * (h.s - h.n*ref[c])
			q[c] += r * (h.q - 2*ref[c]*h.s + h.n*ref[c]*ref[c])
		}
		for k := range nClass {
			weight[k] += h.n * p[k]
		}
		x := p[1] * d.tilt
		tilt += h.n * x
		about += h.n * x * x
		total += h.n
		if e.prior == nil {
			return
		}
		// What the prior alone would say, and how the trust should change.
		local := &e.local[i]
		share := e.mix.share(local)
		var m, q float64
		for k := range nClass {
			f := float64(local[k]) / share
			offered[k] += f
			l := e.prior[i].of(k)
			f *= e.mix.weight[k]
			slope += (p[k] - f) * l
			m += f * l
			q += f * l * l
		}
		bend += q - m*m
	})
	if !(total > 0) {
		return
	}
	// A class with few voxels borrows its variance from the pooled one, so that
	// it cannot collapse onto a handful of equal values.
	pooled := 0.0
	for c := range 3 {
		if n[c] > 0 {
			pooled += q[c] - s[c]*s[c]/n[c]
		}
	}
	pooled /= max(n[0]+n[1]+n[2], 1)
	own := 0.002 * total
	next := e.mix
	for c := range 3 {
		if n[c] < 1 {
			continue
		}
		shift := s[c] / n[c]
		next.mean[c] = ref[c] + shift
		next.variance[c] = max(e.mix.floor, (q[c]-s[c]*shift+own*pooled)/(n[c]+own))
	}
	next.limitSpread()
	// A scoring step, as expectation and maximisation go on for hundreds of
	// rounds. What is usual counts for as much as the information of 100 voxels
	// whose class is certain and whose fraction is 0 or 1.
	const usual = 100
	step := (tilt - usual*(e.mix.slope-usualSlope)) / (about + usual)
	next.slope = min(max(e.mix.slope+min(max(step, -0.2), 0.2), -1), 1)
	if e.tied {
		next.mean, next.variance = e.mix.mean, e.mix.variance
	}
	if e.tied || !e.free {
		next.slope = e.mix.slope
	}
	sum := 0.0
	for k := range nClass {
		next.weight[k] = weight[k] + 1e-3*total
		if e.prior != nil {
			next.weight[k] /= max(offered[k], 1e-3*total)
		}
		sum += next.weight[k]
	}
	for k := range nClass {
		next.weight[k] /= sum
	}
	if bend > 0 {
		next.trust = min(max(e.mix.trust+slope/bend, 0), 1)
	}
	// A step that would change the order of the tissues is not taken.
	if next.mean[csf] < next.mean[gm] && next.mean[gm] < next.mean[wm] {
		e.mix = next
		e.applyTrust()
	}
}

// fieldStep is the step through the sample for the bias field, which has few
// parameters and needs fewer voxels than the mixture.
const fieldStep = 4

// An expectation is what the mixture expects of the logarithm of an intensity:
// the mean of the tissues' weighted by how well each is known,
//
//	w = Σ p μ²/σ²,  target = Σ (p μ²/σ²) ln μ / w
//
// over the pure classes: μ²/σ² is the inverse variance of ln y.
type expectation struct{ w, target float64 }

func (m *mixture) expect(p *[nClass]float64) (x expectation) {
	for c := range 3 {
		if m.mean[c] > 0 {
			k := p[pureClass[c]] * m.mean[c] * m.mean[c] / m.variance[c]
			x.w += k
			x.target += k * math.Log(m.mean[c])
		}
	}
	if x.w > 0 {
		x.target /= x.w
	}
	return x
}

// expected returns the function that tells what the mixture expects at voxel i
// of the sample. Without a local prior it depends on intensity alone.
func (e *estimation) expected() func(i int) expectation {
	table := e.table()
	if e.prior != nil {
		return func(i int) (x expectation) {
			var d densities
			var p [nClass]float64
			table.at(e.y[i], &d)
			if e.mix.posterior(&d.d, &e.local[i], &p) {
				x = e.mix.expect(&p)
			}
			return x
		}
	}
	rows := make([]expectation, tableSize+1)
	for n := range rows {
		var p [nClass]float64
		if e.mix.posterior(&table.row[n].d, nil, &p) {
			rows[n] = e.mix.expect(&p)
		}
	}
	return func(i int) expectation {
		x := min(max((e.y[i]-table.lo)*table.scale, 0), tableSize-1e-6)
		n := int(x)
		f, a, b := x-float64(n), &rows[n], &rows[n+1]
		return expectation{a.w + f*(b.w-a.w), a.target + f*(b.target-a.target)}
	}
}

// updateField fits the bias field to the logarithm of intensity over what the
// mixture expects. It returns the root mean square change of ln b.
func (e *estimation) updateField() float64 {
	expected := e.expected()
	pieces := make([]*moments, (len(e.y)+pieceSize-1)/pieceSize)
	par.Ranges(e.workers, len(e.y), pieceSize, func(lo, hi int) {
		m := newMoments(e.field.order)
		for i := lo; i < hi; i += fieldStep {
			if !(e.y[i] > 0) {
				continue
			}
			if x := expected(i); x.w > 0 {
				m.add(&e.at[i], x.w, x.w*(math.Log(e.raw[i])-x.target))
			}
		}
		pieces[lo/pieceSize] = m
	})
	for _, m := range pieces[1:] {
		pieces[0].join(m)
	}
	if !e.field.solve(pieces[0].equations()) {
		return 0
	}
	return e.applyField()
}

// applyField corrects the intensities by the field as it is and returns the
// root mean square change of ln b.
func (e *estimation) applyField() float64 {
	next := make([]float64, len(e.y))
	coef := make([]float32, len(e.field.coef))
	for t, v := range e.field.coef {
		coef[t] = float32(v)
	}
	e.field.mean = par.Sum(e.workers, len(e.y), pieceSize, func(lo, hi int) float64 {
		s := 0.0
		for i := lo; i < hi; i++ {
			// Four sums, as one would wait for itself.
			var a, b, c, d float32
			basis := e.basis[i*len(coef):][:len(coef)]
			t := 0
			for ; t+4 <= len(coef) && t+4 <= len(basis); t += 4 {
				x, k := basis[t:t+4:t+4], coef[t:t+4:t+4]
				a, b, c, d = a+k[0]*x[0], b+k[1]*x[1], c+k[2]*x[2], d+k[3]*x[3]
			}
			for ; t < len(coef); t++ {
				a += coef[t] * basis[t]
			}
			next[i] = float64(a + b + c + d)
			s += next[i]
		}
		return s
	}) / float64(len(e.y))
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
