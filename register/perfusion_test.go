package register

import (
	"math"
	"os"
	"testing"

	"phasl/bids"
	"phasl/phantom"
	"phasl/tissue"
	"phasl/voxel"
)

// perfusionCase is a simulated scan of another person than the template, and
// what is known of both.
func perfusionCase(p phantom.Protocol, seed uint64, size float64) (pair PerfusionPair, m0, t1 *voxel.Image, want voxel.Transform) {
	template := phantom.Subject{}.Brain().Draw(phantom.HeadGrid(3), 0, 0)
	person := phantom.Subject{Seed: seed}
	maps := person.Brain().Maps(phantom.HeadGrid(size), p.Constants, phantom.Physiology{}, 0)
	a := phantom.Simulate(maps, p, phantom.Options{Seed: seed, SNR: p.SNR, Rician: true, Bias: 0.2, Samples: 2})
	if a.M0 != nil {
		m0 = a.M0.Image(0)
	}
	diff := voxel.NewImage(a.Series.Grid)
	for v, k := range a.Context {
		sign := map[bids.VolumeType]float32{bids.Control: 1, bids.Label: -1, bids.DeltaM: 1}[k]
		for n, x := range a.Series.Vols[v] {
			diff.Data[n] += sign * x
		}
		if k == bids.M0Scan && m0 == nil {
			m0 = a.Series.Image(v)
		}
	}
	ratio := diff.Clone()
	_, hi := limits(m0.Data, 0.02, 0.98)
	for n := range ratio.Data {
		ratio.Data[n] /= max(m0.Data[n], 0.2*hi)
	}
	brain, _ := tissue.BrainASL(m0, diff, tissue.ASLOptions{})
	return PerfusionPair{Grey: template.Fraction[phantom.Grey], Perfusion: ratio, TemplateBrain: template.BrainMask(), ScanBrain: brain},
		m0, template.T1w(phantom.T1wOptions{}, 0), person.FromTemplate()
}

// A person without a T1-weighted image: the affine part from M0, the rest from
// perfusion.
func TestDeformablePerfusion(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates a scan")
	}
	protocols, size := []phantom.Protocol{phantom.Siemens3DGRASE()}, 2.
	if os.Getenv("PHASL_LONG") != "" {
		noisy := phantom.EPI2D()
		noisy.Name, noisy.Pairs = "EPI2D, 10 pairs", 10
		protocols, size = []phantom.Protocol{phantom.Siemens3DGRASE(), phantom.EPI2D(), noisy, phantom.GE3DSpiral(), phantom.PASLQ2TIPS()}, 1.5
	}
	for _, p := range protocols {
		for seed := range seeds() {
			pair, m0, t1, want := perfusionCase(p, seed+31, size)
			r := Affine(t1, m0, Options{})
			before, before95, _ := errorsOver(r.Transform, want, pair.TemplateBrain)
			d := DeformablePerfusion(pair, r.Transform, DeformableOptions{})
			if !d.OK() {
				t.Errorf("%s %d: %s", p.Name, seed+31, d.Reason)
				continue
			}
			mean, p95, most := errorsOver(d.Forward, want, pair.TemplateBrain)
			bare := pair
			bare.TemplateBrain = nil
			alone := DeformablePerfusion(bare, r.Transform, DeformableOptions{})
			without, without95, _ := errorsOver(alone.Forward, want, pair.TemplateBrain)
			t.Logf("without the brain's edge %.2f, %.2f %s", without, without95, alone.Reason)
			t.Logf("%s %d: affine %.2f mm, 95 %% %.2f; then %.2f, %.2f, most %.2f; determinants %.2f to %.2f; metric %.3f to %.3f",
				p.Name, seed+31, before, before95, mean, p95, most, d.JacobianMin, d.JacobianMax, d.Before, d.After)
			if !(mean < 0.6*before) || !(p95 < 0.6*before95) {
				t.Errorf("%s %d: %.2f mm, 95 %% %.2f, after %.2f and %.2f", p.Name, seed+31, mean, p95, before, before95)
			}
		}
	}
}

func TestDeformablePerfusionNonsense(t *testing.T) {
	g := box([3]int{20, 22, 18}, voxel.Vec{6, 6, 6}, voxel.Vec{}, voxel.Vec{})
	grey, brain := voxel.NewImage(g), voxel.NewMask(g)
	for n := range grey.Data {
		brain.In[n] = voxel.Distance(g.World(g.Coord(n)), voxel.Vec{}) < 40
		if brain.In[n] {
			grey.Data[n] = 1
		}
	}
	nothing, nan := voxel.NewImage(g), voxel.NewImage(g)
	for n := range nan.Data {
		nan.Data[n] = float32(math.NaN())
	}
	for name, p := range map[string]PerfusionPair{
		"none":          {grey, nothing, brain, brain},
		"NaN":           {grey, nan, brain, nil},
		"empty mask":    {grey, grey, brain, voxel.NewMask(g)},
		"no template":   {nothing, grey, nil, brain},
		"nothing there": {nothing, nothing, nil, nil},
	} {
		if d := DeformablePerfusion(p, voxel.Identity(), DeformableOptions{}); d.OK() {
			t.Errorf("%s: %+v", name, d)
		}
	}
}
