package register

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"phasl/bids"
	"phasl/phantom"
	"phasl/tissue"
	"phasl/voxel"
)

// boundaryCase is a simulated scan, in the contrasts that can be registered,
// the tissue maps of the same person's T1w image, and the truth.
type boundaryCase struct {
	images      map[string]*voxel.Image // M0, control, ΔM
	t1          *voxel.Image
	white, grey *voxel.Image // found in the T1w image
	trueWhite   *voxel.Image
	trueGrey    *voxel.Image
	want        voxel.Affine // scan → T1w
	brain       *voxel.Mask  // of the scan
}

// The T1w image has voxels of size [mm]; from 2 mm on, it is not segmented.
func newBoundaryCase(p phantom.Protocol, seed uint64, size float64) *boundaryCase {
	rng := rand.New(rand.NewPCG(seed, 9))
	person := phantom.Subject{Seed: seed}
	g := phantom.HeadGrid(size)
	d := person.Brain().Draw(g, 0, 0)
	c := &boundaryCase{images: map[string]*voxel.Image{}, trueWhite: d.Fraction[phantom.White], trueGrey: d.Fraction[phantom.Grey]}
	c.t1 = d.T1w(phantom.T1wOptions{SNR: 40, Bias: 0.15, Seed: seed}, 0)
	mask := voxel.NewMask(g)
	for n := range mask.In {
		mask.In[n] = c.trueWhite.Data[n]+c.trueGrey.Data[n]+d.Fraction[phantom.CSF].Data[n] > 0.5
	}
	if size < 2 {
		tis, _ := tissue.Segment(c.t1, mask, tissue.SegmentOptions{})
		c.white, c.grey = tis.WM, tis.GM
	}
	p.Pairs = min(p.Pairs, 6)
	maps := person.Brain().Maps(phantom.HeadGrid(max(size, 1.5)), p.Constants, phantom.Physiology{}, 0)
	at := voxel.Translation(uniform(rng, 12)).Mul(voxel.Rotation(uniform(rng, 10*math.Pi/180)))
	a := phantom.Simulate(maps, p, phantom.Options{Seed: seed, SNR: p.SNR, Rician: true, Bias: 0.2, Position: at, Samples: 2})
	c.want = at.Inverse()
	sums := map[bids.VolumeType][]int{}
	for v, k := range a.Context {
		sums[k] = append(sums[k], v)
	}
	mean := func(s *voxel.Series, v []int) *voxel.Image {
		if len(v) == 0 {
			return nil
		}
		out := voxel.NewImage(s.Grid)
		for _, i := range v {
			for n, x := range s.Vols[i] {
				out.Data[n] += x / float32(len(v))
			}
		}
		return out
	}
	m0 := mean(a.Series, sums[bids.M0Scan])
	if a.M0 != nil {
		m0 = a.M0.Image(0)
	}
	c.images["M0"] = m0
	control, label := mean(a.Series, sums[bids.Control]), mean(a.Series, sums[bids.Label])
	if control != nil {
		c.images["control"] = control
		diff := voxel.NewImage(control.Grid)
		for n := range diff.Data {
			diff.Data[n] = control.Data[n] - label.Data[n]
		}
		c.images["ΔM"] = diff
	} else {
		c.images["ΔM"] = mean(a.Series, sums[bids.DeltaM])
	}
	c.brain = voxel.NewMask(a.Series.Grid)
	for n := range c.brain.In {
		c.brain.In[n] = a.Truth.Fraction.Data[n]+a.Truth.White.Data[n] > 0.5
	}
	return c
}

// A perfusion-weighted image, 3 mm off, lands on the T1w image's border; the
// truth is known. The bounds are twice what was found.
func TestBoundary(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates a scan")
	}
	p := phantom.GE3DSpiral()
	c := newBoundaryCase(p, 1, 2)
	off := offBy.About(c.t1.Centre()).Mul(c.want)
	before, _ := meanError(off, c.want, c.brain)
	opt := BoundaryOptions{Grey: c.trueGrey}
	r := Boundary(c.images["ΔM"], c.trueWhite, off, opt)
	after, _ := meanError(r.Transform, c.want, c.brain)
	t.Logf("%.2f mm off, then %.3f; %+v", before, after, r)
	if !r.OK() || !(after <= 0.5) || !(r.Contrast > 50) {
		t.Errorf("%.2f mm off, then %.3f; %s", before, after, r.Reason)
	}
	opt.Workers = 1
	if again := Boundary(c.images["ΔM"], c.trueWhite, off, opt); again != r {
		t.Errorf("one worker finds %+v", again)
	}
	// Its M0 has hardly any contrast between grey and white matter.
	if r := Boundary(c.images["M0"], c.trueWhite, off, opt); r.OK() || r.Transform != off {
		t.Errorf("M0: %+v", r)
	}
	// A start that is far off is not made up for.
	far := voxel.Translation(voxel.Vec{0, 14, 9}).Mul(c.want)
	if r := Boundary(c.images["ΔM"], c.trueWhite, far, opt); r.OK() {
		if e, _ := meanError(r.Transform, c.want, c.brain); e > 2 {
			t.Errorf("from 17 mm: %.1f mm off without a word", e)
		}
	}
}

// offBy is a displacement of some 3 mm.
var offBy = voxel.Translation(voxel.Vec{1.5, -1, 1.5}).Mul(voxel.Rotation(voxel.Vec{0.02, -0.02, 0.02}))

// A ball, whose border and its normals are known.
func TestBorderOfBall(t *testing.T) {
	const radius = 20.
	g := box([3]int{40, 62, 32}, voxel.Vec{1.5, 1, 2}, voxel.Vec{0.2, -0.1, 0.3}, voxel.Vec{3, -4, 5})
	ball := voxel.NewImage(g)
	for n := range ball.Data {
		p := g.World(g.Coord(n))
		ball.Data[n] = float32(step(radius-voxel.Distance(p, voxel.Vec{3, -4, 5}), 0.6))
	}
	points := border(ball, nil, 2, math.MaxInt, 0)
	if len(points) < 1000 {
		t.Fatalf("%d points", len(points))
	}
	var area, radial float64
	for _, p := range points {
		d := plus(p.at, voxel.Vec{3, -4, 5}, -1)
		r := voxel.Distance(d, voxel.Vec{})
		radial += r / float64(len(points))
		if math.Abs(r-radius) > 0.3 {
			t.Fatalf("a point %.2f mm from the middle, want %g", r, radius)
		}
		cos := -(d[0]*p.normal[0] + d[1]*p.normal[1] + d[2]*p.normal[2]) / (2 * r)
		if cos < 0.97 || math.Abs(voxel.Distance(p.normal, voxel.Vec{})-2) > 1e-9 {
			t.Fatalf("normal %v at %v", p.normal, d)
		}
		area += p.weight
	}
	if math.Abs(radial-radius) > 0.1 {
		t.Errorf("mean radius %.3f, want %g", radial, radius)
	}
	// Each half of the ball has half of the weight, along any axis.
	for a := range 3 {
		var half float64
		for _, p := range points {
			if p.at[a] > (voxel.Vec{3, -4, 5})[a] {
				half += p.weight / area
			}
		}
		if math.Abs(half-0.5) > 0.02 {
			t.Errorf("axis %d: %.3f of the weight on one side", a, half)
		}
	}
	if n := len(border(ball, nil, 2, 100, 0)); n != 100 {
		t.Errorf("%d points where 100 are wanted", n)
	}
	// With other tissue than grey matter around it there is no border.
	if n := len(border(ball, voxel.NewImage(g), 2, 1000, 0)); n != 0 {
		t.Errorf("%d points without grey matter", n)
	}
}

// A quadratic valley, askew, is followed to its floor.
func TestDescend(t *testing.T) {
	want := [6]float64{1, -2, 0.5, 1.5, -0.7, 0.2}
	got := descend(func(x [6]float64) (sum float64) {
		for i := range x {
			d := x[i] - want[i]
			sum += float64(1+i) * d * d
			if i > 0 {
				sum += d * (x[i-1] - want[i-1])
			}
		}
		return sum / 100
	}, [6]float64{})
	for i := range got {
		if math.Abs(got[i]-want[i]) > 0.02 {
			t.Errorf("%v, want %v", got, want)
			break
		}
	}
}

// What holds no border is said, and the start comes back.
func TestBoundaryNonsense(t *testing.T) {
	g := box([3]int{20, 22, 18}, voxel.Vec{3, 3, 4}, voxel.Vec{}, voxel.Vec{})
	flat := voxel.NewImage(g)
	nan := flat.Clone()
	negative, noise, ball := flat.Clone(), flat.Clone(), voxel.NewImage(box([3]int{50, 50, 50}, voxel.Vec{1, 1, 1}, voxel.Vec{}, voxel.Vec{}))
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range flat.Data {
		nan.Data[n] = float32(math.NaN())
		negative.Data[n] = -5
		noise.Data[n] = float32(100 + 30*rng.NormFloat64())
	}
	for n := range ball.Data {
		ball.Data[n] = float32(step(15-voxel.Distance(ball.World(ball.Coord(n)), voxel.Vec{}), 0.6))
	}
	thin := voxel.NewImage(voxel.Grid{Dim: [3]int{5, 5, 1}, Affine: voxel.Identity()})
	away := voxel.Translation(voxel.Vec{500, 0, 0})
	for name, tt := range map[string]struct {
		fixed, white *voxel.Image
		start        voxel.Affine
	}{
		"flat":      {flat, ball, voxel.Identity()},
		"NaN":       {nan, ball, voxel.Identity()},
		"negative":  {negative, ball, voxel.Identity()},
		"noise":     {noise, ball, voxel.Identity()},
		"no white":  {noise, flat, voxel.Identity()},
		"NaN white": {noise, nan, voxel.Identity()},
		"thin":      {thin, thin, voxel.Identity()},
		"away":      {ball, ball, away},
		"singular":  {ball, ball, voxel.Affine{}},
	} {
		r := Boundary(tt.fixed, tt.white, tt.start, BoundaryOptions{})
		if r.OK() || r.Transform != tt.start {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Numbers of docs/methods/registration.md: errors of mutual information and of
// the border for each protocol and contrast.
func TestBoundaryMeasure(t *testing.T) {
	if os.Getenv("PHASL_LONG") == "" {
		t.Skip("set PHASL_LONG=1")
	}
	for _, p := range []phantom.Protocol{phantom.EPI2D(), phantom.GE3DSpiral(), phantom.PASLQ2TIPS(), phantom.Siemens3DGRASE()} {
		for seed := range seeds() {
			c := newBoundaryCase(p, seed+1, 1.5)
			for _, name := range []string{"M0", "control", "ΔM"} {
				img := c.images[name]
				if img == nil {
					continue
				}
				r := Rigid(img, c.t1, Options{})
				before, _ := meanError(r.Transform, c.want, c.brain)
				begin := time.Now()
				b := Boundary(img, c.white, r.Transform, BoundaryOptions{Grey: c.grey})
				after, _ := meanError(b.Transform, c.want, c.brain)
				off := Boundary(img, c.white, offBy.About(c.t1.Centre()).Mul(c.want), BoundaryOptions{Grey: c.grey})
				far, _ := meanError(off.Transform, c.want, c.brain)
				t.Logf("%-15s %d %-8s mutual information %.3f mm [%s], then the border %.3f mm (%.1f s, contrast %.1f %%, cost %.3f to %.3f, around %.3f) [%s]; from 3 mm off %.3f mm [%s]",
					p.Name, seed+1, name, before, r.Reason, after, time.Since(begin).Seconds(), b.Contrast, b.Start, b.Cost, b.Around, b.Reason, far, off.Reason)
			}
		}
	}
}
