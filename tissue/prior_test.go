package tissue

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	people "phasl/phantom"
	"phasl/voxel"
)

// A portrait is a phantom person's T1w image with its truth and the template's
// maps, brought by the true map and smoothed to be as vague as a template of
// many people.
type portrait struct {
	t1    *voxel.Image
	brain *voxel.Mask
	truth [3]*voxel.Image
	prior SegmentOptions
	sharp SegmentOptions // the same, not smoothed
}

var coarsePortrait = sync.OnceValue(func() *portrait {
	s := people.Subject{Seed: 4}
	d := s.Brain().Draw(people.HeadGrid(3), 2, 0)
	tpl := people.NewTemplate(0)
	bring := func(fwhm float64) SegmentOptions {
		of := func(m *voxel.Image) *voxel.Image {
			return voxel.Resample(voxel.Smooth(m, fwhm, 0), d.Grid, s.ToTemplate(), voxel.Linear, 0)
		}
		return SegmentOptions{PriorCSF: of(tpl.CSF), PriorGM: of(tpl.Grey), PriorWM: of(tpl.White)}
	}
	return &portrait{
		t1:    d.T1w(people.T1wOptions{Blur: 1.5, Bias: 0.2, SNR: 30, Seed: 1}, 0),
		brain: d.BrainMask(),
		truth: [3]*voxel.Image{d.Fraction[people.CSF], d.Fraction[people.Grey], d.Fraction[people.White]},
		prior: bring(6),
		sharp: bring(0),
	}
})

// moved returns the options with the priors d mm elsewhere.
func (o SegmentOptions) moved(d voxel.Vec) SegmentOptions {
	for _, p := range []**voxel.Image{&o.PriorCSF, &o.PriorGM, &o.PriorWM} {
		img := **p
		img.Affine = voxel.Translation(d).Mul(img.Affine)
		*p = &img
	}
	return o
}

// error returns the mean absolute error of the three fractions in the brain.
func (p *portrait) error(ts *Tissues) float64 {
	s, n := 0.0, 0.0
	for c, m := range []*voxel.Image{ts.CSF, ts.GM, ts.WM} {
		for i, in := range p.brain.In {
			if in {
				s += math.Abs(float64(m.Data[i] - p.truth[c].Data[i]))
				n++
			}
		}
	}
	return s / n
}

// Priors help when they lie right and do no harm when they do not: their weight
// is found from the image.
func TestSegmentPriorsPerson(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	p := coarsePortrait()
	run := func(o SegmentOptions) (float64, SegmentReport) {
		ts, rep := Segment(p.t1, p.brain, o)
		return p.error(ts), rep
	}
	alone, rep := run(SegmentOptions{})
	if !math.IsNaN(rep.PriorWeight) {
		t.Errorf("weight %v without priors", rep.PriorWeight)
	}
	right, repRight := run(p.prior)
	away := voxel.Vec{5, 5, -4} // 8 mm
	off, repOff := run(p.prior.moved(away))
	sharp, repSharp := run(p.sharp.moved(away))
	t.Logf("error of the fractions: alone %.4f, with priors %.4f (weight %.2f), 8 mm off %.4f (%.2f), sharp and off %.4f (%.2f)",
		alone, right, repRight.PriorWeight, off, repOff.PriorWeight, sharp, repSharp.PriorWeight)
	if alone > 0.066 || right > 0.061 || right > 0.97*alone || off > 1.02*alone || sharp > 1.02*alone {
		t.Errorf("error alone %.4f, with priors %.4f, 8 mm off %.4f, sharp and off %.4f", alone, right, off, sharp)
	}
	if repRight.PriorWeight < 0.9 || repSharp.PriorWeight > 0.7 {
		t.Errorf("weights %.2f where right, %.2f where sharp and off", repRight.PriorWeight, repSharp.PriorWeight)
	}
	again, repAgain := run(SegmentOptions{PriorCSF: p.prior.PriorCSF, PriorGM: p.prior.PriorGM, PriorWM: p.prior.PriorWM, Workers: 1})
	if again != right || repAgain.PriorWeight != repRight.PriorWeight {
		t.Error("one worker differs")
	}
}

// Priors that lie elsewhere, hold nothing or swap the tissues are left out or
// given no weight, and the report says so.
func TestSegmentBadPriors(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	p := coarsePortrait()
	want, _ := Segment(p.t1, p.brain, SegmentOptions{})
	empty := voxel.NewImage(p.t1.Grid)
	void := voxel.NewImage(p.t1.Grid)
	for n := range void.Data {
		void.Data[n] = float32(math.NaN())
	}
	for name, o := range map[string]SegmentOptions{
		"elsewhere": p.prior.moved(voxel.Vec{300, 0, 0}),
		"empty":     {PriorCSF: empty, PriorGM: empty, PriorWM: empty},
		"NaN":       {PriorCSF: void, PriorGM: void, PriorWM: void},
	} {
		got, rep := Segment(p.t1, p.brain, o)
		if !strings.Contains(rep.Fallback, "left out") || rep.PriorWeight != 0 {
			t.Errorf("%s: %+v", name, rep)
		}
		if !slices.Equal(got.WM.Data, want.WM.Data) {
			t.Errorf("%s: the maps differ from those without priors", name)
		}
	}
	got, rep := Segment(p.t1, p.brain, SegmentOptions{PriorCSF: p.prior.PriorWM, PriorGM: p.prior.PriorCSF, PriorWM: p.prior.PriorGM})
	if rep.Fallback == "" && len(rep.Notes) == 0 {
		t.Errorf("swapped priors passed without a word: %+v", rep)
	}
	if a, b := p.error(got), p.error(want); a > 1.1*b {
		t.Errorf("swapped priors: error %.4f, %.4f without", a, b)
	}
}

// The trust in a prior is the exponent that makes the image most likely.
func TestTrust(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	p := coarsePortrait()
	off := p.sharp.moved(voxel.Vec{5, 5, -4})
	b := collect(p.t1, p.brain)
	prior, reached := b.priors([3]*voxel.Image{off.PriorCSF, off.PriorGM, off.PriorWM}, p.t1.Grid, 0)
	if reached < 0.9 {
		t.Errorf("the priors reach %.2f of the brain", reached)
	}
	sample := b.subset(p.t1.Grid, 30_000)
	y := make([]float64, len(sample))
	for i, v := range sample {
		y[i] = float64(b.value[v])
	}
	e := newEstimation(startMixtures(y)[0], newPolynomial(4, p.t1.Grid, b.at), b, sample, prior, y, p.t1.Grid, 0)
	e.applyField()
	e.run(200)
	best, trust := e.logLikelihood(), e.mix.trust
	if trust < 0.1 || trust > 0.9 {
		t.Fatalf("trust %.3f", trust)
	}
	for _, d := range []float64{-0.1, 0.1} {
		e.mix.trust = trust + d
		e.applyTrust()
		if l := e.logLikelihood(); l >= best {
			t.Errorf("ln likelihood %.6f with a trust of %.3f, %.6f with %.3f", best, trust, l, e.mix.trust)
		}
	}
}
