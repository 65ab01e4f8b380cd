package register

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
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
	brain, _ := tissue.BrainASL(m0, diff, tissue.ASLOptions{})
	f := template.Fraction
	return PerfusionPair{Grey: f[phantom.Grey], White: f[phantom.White], Fluid: f[phantom.CSF], TemplateBrain: template.BrainMask(),
			Perfusion: diff, Look: m0, ScanBrain: brain},
		m0, template.T1w(phantom.T1wOptions{}, 0), person.FromTemplate()
}

// A person without a T1-weighted image: a rigid start, then the tissues.
func TestDeformablePerfusion(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates a scan")
	}
	long := os.Getenv("PHASL_LONG") != ""
	protocols, size, people := []phantom.Protocol{phantom.Siemens3DGRASE()}, 3., 1
	if long {
		noisy := phantom.EPI2D()
		noisy.Name, noisy.Pairs = "EPI2D, 10 pairs", 10
		protocols, size, people = []phantom.Protocol{phantom.Siemens3DGRASE(), phantom.EPI2D(), noisy, phantom.GE3DSpiral(), phantom.PASLQ2TIPS()}, 1.5, 2
	}
	for _, p := range protocols {
		for seed := range uint64(people) {
			pair, m0, t1, want := perfusionCase(p, seed+31, size)
			rigid := Rigid(t1, m0, Options{})
			start, _, _ := errorsOver(rigid.Transform, want, pair.TemplateBrain)
			a, match := AffinePerfusion(pair, rigid.Transform, 0)
			before, before95, _ := errorsOver(a, want, pair.TemplateBrain)
			d := DeformablePerfusion(pair, a, 0)
			if match.Fault() != "" || !d.OK() {
				t.Errorf("%s %d: %s; %s", p.Name, seed+31, match.Fault(), d.Reason)
				continue
			}
			mean, p95, most := errorsOver(d.Forward, want, pair.TemplateBrain)
			t.Logf("%s %d: rigid %.2f mm, affine %.2f, 95 %% %.2f; then %.2f, %.2f, most %.2f; %+v; determinants %.2f to %.2f; explained %.3f to %.3f",
				p.Name, seed+31, start, before, before95, mean, p95, most, match, d.JacobianMin, d.JacobianMax, d.Before, d.After)
			// Measured 2.7 to 3.2 mm and 0.8 to 1.5.
			if !(before < 4) || !(mean < 0.6*before) || !(p95 < 0.6*before95) {
				t.Errorf("%s %d: %.2f mm, 95 %% %.2f, after %.2f and %.2f", p.Name, seed+31, mean, p95, before, before95)
			}
			if long {
				continue
			}
			// A scan that shows the template at another place: upside down.
			over := rigid.Transform.Mul(voxel.Rotation(voxel.Vec{0, math.Pi, 0}).About(pair.Grey.Centre()))
			if _, match := AffinePerfusion(pair, over, 0); match.Fault() == "" {
				t.Errorf("upside down: %+v", match)
			}
			if !(d.InverseMean < 0.03 && d.InverseMax < 0.3) {
				t.Errorf("there and back %.3f mm, up to %.2f", d.InverseMean, d.InverseMax)
			}
		}
	}
}

// Noise has no tissues.
func TestPerfusionOfNoise(t *testing.T) {
	tpl := phantom.Subject{}.Brain().Draw(phantom.HeadGrid(4), 0, 0)
	noise, rng := voxel.NewImage(tpl.Grid), rand.New(rand.NewPCG(1, 2))
	brain := tpl.BrainMask()
	for n := range noise.Data {
		noise.Data[n] = float32(rng.NormFloat64())
		if brain.In[n] {
			noise.Data[n] += 3 // a brain, but nothing in it
		}
	}
	f := tpl.Fraction
	p := PerfusionPair{Grey: f[phantom.Grey], White: f[phantom.White], Fluid: f[phantom.CSF], TemplateBrain: brain, Perfusion: noise, ScanBrain: brain}
	_, match := AffinePerfusion(p, voxel.Identity(), 0)
	if match.Fault() == "" {
		t.Errorf("%+v", match)
	}
}

// The weights of tissues are found where the pose is known.
func TestPerfusionContrast(t *testing.T) {
	tpl := phantom.Subject{}.Brain().Draw(phantom.HeadGrid(4), 0, 0)
	f := tpl.Fraction
	img := voxel.NewImage(tpl.Grid)
	for n := range img.Data {
		img.Data[n] = 60*f[phantom.Grey].Data[n] + 20*f[phantom.White].Data[n]
	}
	img = voxel.Smooth(img, ownWidth, 0)
	brain := tpl.BrainMask()
	p := PerfusionPair{Grey: f[phantom.Grey], White: f[phantom.White], Fluid: f[phantom.CSF], TemplateBrain: brain, Perfusion: img, ScanBrain: brain}
	a, match := AffinePerfusion(p, voxel.Translation(voxel.Vec{3, -4, 5}), 0)
	// Any number of workers, the same bytes.
	if one, m := AffinePerfusion(p, voxel.Translation(voxel.Vec{3, -4, 5}), 1); one != a || m.Perfusion != match.Perfusion || m.Tissue != match.Tissue || m.Contrast != match.Contrast {
		t.Error("the affine map depends on the number of workers")
	}
	two, one := DeformablePerfusion(p, a, 2), DeformablePerfusion(p, a, 1)
	for c := range two.Forward.Disp {
		if !slices.Equal(one.Forward.Disp[c], two.Forward.Disp[c]) || !slices.Equal(one.Inverse.Disp[c], two.Inverse.Disp[c]) {
			t.Error("the field depends on the number of workers")
		}
	}
	if mean, _, most := errorsOver(a, voxel.Identity(), brain); !(most < 0.5) {
		t.Errorf("from 7 mm away it ends %.2f mm from the truth, at most %.2f", mean, most)
	}
	// 60 over 20; the mask's edge cuts what was blurred out of it.
	if !(math.Abs(match.Contrast-3) < 0.2) || !(match.Perfusion > 0.98) {
		t.Errorf("%+v, want a contrast of 3 and nearly all explained", match)
	}
}

// Bending costs what its integral says: u = x² along one axis has ∂²u = 2.
func TestCageStiffness(t *testing.T) {
	o := &overlay{lattice: voxel.Grid{Dim: [3]int{41, 36, 31}, Affine: voxel.Scaling(voxel.Vec{pointSpacing, pointSpacing, pointSpacing})}}
	g := newCage(o)
	for k := range g.c[0] {
		x := float64(k % g.dim[0])
		g.c[0][k] = x * x
	}
	// Second differences of 2 at the inner knots, first ones of 2x + 1.
	want := cageBend / knotWidth * 4 / 2 * float64((g.dim[0]-2)*g.dim[1]*g.dim[2])
	for x := range g.dim[0] - 1 {
		want += cageHold * knotWidth / 2 * float64((2*x+1)*(2*x+1)*g.dim[1]*g.dim[2])
	}
	if got := g.bending(); math.Abs(got/want-1) > 1e-12 {
		t.Errorf("bending %g, want %g", got, want)
	}
	// collect is the transpose of expand, and both know constants.
	rng := rand.New(rand.NewPCG(3, 4))
	c, v := make([]float64, g.len()), make([]float64, o.lattice.Len())
	for k := range c {
		c[k] = rng.NormFloat64()
	}
	for k := range v {
		v[k] = rng.NormFloat64()
	}
	u, w := make([]float64, len(v)), make([]float64, len(c))
	g.expand(u, c)
	g.collect(w, v)
	var a, b float64
	for k := range u {
		a += u[k] * v[k]
	}
	for k := range w {
		b += w[k] * c[k]
	}
	if math.Abs(a-b) > 1e-9 {
		t.Errorf("⟨expand c, v⟩ = %g, ⟨c, collect v⟩ = %g", a, b)
	}
	copy(g.c[1], c)
	if got, want := g.at(o.lattice.World(7, 8, 9))[1], u[o.lattice.Index(7, 8, 9)]; math.Abs(got-want) > 1e-12 {
		t.Errorf("at a lattice point u is %g, expanded %g", got, want)
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
	away := voxel.Translation(voxel.Vec{500, 0, 0})
	for name, p := range map[string]PerfusionPair{
		"none":          {grey, nothing, nothing, brain, nothing, nil, brain},
		"NaN":           {grey, nothing, nothing, brain, nan, nan, brain},
		"empty mask":    {grey, nothing, nothing, brain, grey, nil, voxel.NewMask(g)},
		"no mask":       {grey, nothing, nothing, nil, grey, nil, nil},
		"no template":   {nothing, nothing, nothing, brain, grey, grey, brain},
		"NaN template":  {nan, nan, nan, brain, grey, grey, brain},
		"one tissue":    {grey, nothing, nothing, brain, grey, nil, brain},
		"nothing there": {nothing, nothing, nothing, brain, nothing, nothing, brain},
	} {
		for _, init := range []voxel.Affine{voxel.Identity(), {}, away} {
			if a, m := AffinePerfusion(p, init, 0); m.Fault() == "" {
				t.Errorf("%s: %v %+v", name, a, m)
			}
			if d := DeformablePerfusion(p, init, 0); d.OK() {
				t.Errorf("%s: %+v", name, d)
			}
		}
	}
}
