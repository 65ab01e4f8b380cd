package tissue

import (
	"fmt"
	"math"
	"slices"

	"phasl/internal/par"
	"phasl/voxel"
)

// A logPrior holds ln of a template's probabilities of CSF, grey and white
// matter at a voxel.
type logPrior [3]float32

// leastPrior is the least probability a template is taken to give a tissue, so
// that none is forbidden anywhere.
const leastPrior = 0.01

// of returns the logarithm of what the prior says of class k: of a mixed class,
// the mean of its two tissues'.
func (l *logPrior) of(k int) float64 {
	if k%2 == 0 {
		return float64(l[k/2])
	}
	return float64(l[k/2]+l[k/2+1]) / 2
}

// factors returns what the prior says of each class, to the power trust.
func (l *logPrior) factors(trust float64) (f [nClass]float32) {
	for k := range f {
		f[k] = float32(math.Exp(trust * l.of(k)))
	}
	return f
}

// priors samples the prior images, in the order CSF, GM, WM, at the packed
// voxels. It returns nil without priors. reached is the share of the voxels at
// which they say anything.
func (b *brainVoxels) priors(img [3]*voxel.Image, g voxel.Grid, workers int) (out []logPrior, reached float64) {
	if img[0] == nil {
		return nil, 0
	}
	var s [3]priorSampler
	for c := range 3 {
		s[c] = newPriorSampler(img[c])
	}
	out = make([]logPrior, len(b.at))
	reached = par.Sum(workers, len(b.at), 4096, func(lo, hi int) (n float64) {
		for i := lo; i < hi; i++ {
			p := g.World(g.Coord(int(b.at[i])))
			sum := 0.0
			var v [3]float64
			for c := range 3 {
				v[c] = max(s[c].at(p), 0)
				sum += v[c]
			}
			if sum > 0.1 {
				n++
			}
			// What a template leaves over (bone, or nothing at all) is no tissue's.
			rest := max(1-sum, 0) / 3
			total := sum + 3*rest
			for c := range 3 {
				out[i][c] = float32(math.Log(max((v[c]+rest)/total, leastPrior)))
			}
		}
		return n
	}) / max(float64(len(b.at)), 1)
	return out, reached
}

// informed returns the mixture whose tissues have the means and variances of
// the values y, each counting as the prior says, and whether they are in
// order.
func informed(y []float64, sample []int32, prior []logPrior) (m mixture, ok bool) {
	var n, s, q [3]float64
	lo, hi := extremes(y)
	for i, v := range sample {
		for c := range 3 {
			w := math.Exp(2 * float64(prior[v][c]))
			n[c], s[c], q[c] = n[c]+w, s[c]+w*y[i], q[c]+w*y[i]*y[i]
		}
	}
	m.floor, m.trust = 1e-5*(hi-lo)*(hi-lo), 1
	for c := range 3 {
		m.mean[c] = s[c] / n[c]
		m.variance[c] = max(m.floor, q[c]/n[c]-m.mean[c]*m.mean[c])
	}
	m.weight, m.slope = [nClass]float64{0.3, 0.05, 0.3, 0.05, 0.3}, usualSlope
	return m, hi > lo && m.mean[csf] < m.mean[gm] && m.mean[gm] < m.mean[wm]
}

// leastReach is the share of the brain that priors must say something about.
const leastReach = 0.5

// consult goes on from a fit without priors to one with them, if they fit the
// image, and returns them at the packed voxels, or nil.
//
// The fit's mixture and field go on with the prior as the classes' local
// weights, and its trust is estimated with them. If the image alone cannot
// tell grey from white matter, a fit that begins with the priors' means is
// taken instead.
func (b *brainVoxels) consult(img [3]*voxel.Image, g voxel.Grid, sample []int32, y []float64, fit **estimation, rep *SegmentReport, workers int) []logPrior {
	prior, reached := b.priors(img, g, workers)
	if prior == nil {
		return nil
	}
	rep.PriorWeight = 0
	if reached < leastReach {
		rep.Fallback = fmt.Sprintf("the priors cover only %.0f %% of the brain and were left out: look at the registration that brought them", 100*reached)
		return nil
	}
	alone := *fit
	field := *alone.field
	field.coef = slices.Clone(alone.field.coef)
	start := alone.mix
	start.trust = 0.5
	begun := false
	if start.contrast() < leastContrast {
		if m, ok := informed(y, sample, prior); ok {
			start, begun = m, true
			clear(field.coef)
		}
	}
	e := newEstimation(start, &field, b, sample, prior, y, g, workers)
	// In very large voxels hardly one is pure CSF, and the prior would draw mixed
	// ones into it.
	e.free = true
	e.tied = !begun && math.Cbrt(g.VoxelVolume()) > 3.5
	e.applyField()
	rounds, settled := e.run(40)
	if !begun && e.mix.contrast() < 0.7*alone.mix.contrast() {
		rep.Fallback = "the priors contradict the image and were left out: look at the registration that brought them"
		return nil
	}
	*fit = e
	rep.Method += ", with template priors"
	rep.Rounds, rep.Converged, rep.PriorWeight = rep.Rounds+rounds, settled, e.mix.trust
	if e.mix.trust < 0.2 {
		rep.note("the priors hardly agree with the image (weight %.2f): look at the registration that brought them", e.mix.trust)
	}
	return prior
}
