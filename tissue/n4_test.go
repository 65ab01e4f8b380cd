package tissue

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	people "phasl/phantom"
	"phasl/voxel"
)

// unevenness is the coefficient of variation of a/b over a mask: 0 if a is b
// but for a factor.
func unevenness(a, b *voxel.Image, m *voxel.Mask) float64 {
	var n, s, q float64
	for i, in := range m.In {
		if in {
			x := float64(a.Data[i]) / float64(b.Data[i])
			n, s, q = n+1, s+x, q+x*x
		}
	}
	s /= n
	return math.Sqrt(q/n-s*s) / s
}

// flat is 1 everywhere.
func flat(g voxel.Grid) *voxel.Image {
	img := voxel.NewImage(g)
	for n := range img.Data {
		img.Data[n] = 1
	}
	return img
}

// coilField is a random smooth field: five waves of 200 to 400 mm in ln b.
func coilField(g voxel.Grid, depth float64, seed uint64) *voxel.Image {
	r := rand.New(rand.NewPCG(seed, 77))
	log := make([]float64, g.Len())
	for range 5 {
		k := scale(unit(voxel.Vec{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}), 2*math.Pi/(200+200*r.Float64()))
		phase, a := 2*math.Pi*r.Float64(), depth*(0.5+r.Float64())/2
		for n := range log {
			log[n] += a * math.Sin(dot(k, g.World(g.Coord(n)))+phase)
		}
	}
	out := voxel.NewImage(g)
	for n, v := range log {
		out.Data[n] = float32(math.Exp(v))
	}
	return out
}

func times(a, b *voxel.Image) *voxel.Image {
	out := a.Clone()
	for n, v := range b.Data {
		out.Data[n] *= v
	}
	return out
}

// A known field is recovered, from the whole head and within the brain.
func TestN4Field(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	h := drawHead(headGrid(3), 2)
	d := people.Subject{Seed: 2}.Brain().Draw(people.HeadGrid(2), 2, 0)
	person := d.T1w(people.T1wOptions{Blur: 1.2, SNR: 30, Seed: 1}, 0)
	waves := coilField(person.Grid, 0.6, 2)
	for _, tt := range []struct {
		name        string
		img, truth  *voxel.Image
		brain       *voxel.Mask
		head, inner float64 // greatest error over the brain, from head and brain
	}{
		// Measured: 0.076 falls to 0.007 and 0.014, 0.153 to 0.020 and 0.024, and
		// 0.343 to 0.094 and 0.018.
		{"formula head", spoil(h.t1, 0.25, 4, 4), spoil(flat(h.t1.Grid), 0.25, 0, 0), h.brain, 0.009, 0.018},
		{"formula head, strong field", spoil(h.t1, 0.5, 4, 4), spoil(flat(h.t1.Grid), 0.5, 0, 0), h.brain, 0.026, 0.03},
		{"phantom person, strong field", times(person, waves), waves, d.BrainMask(), 0.115, 0.023},
	} {
		before := unevenness(flat(tt.img.Grid), tt.truth, tt.brain)
		_, field, rep := N4(tt.img, N4Options{})
		head := unevenness(field, tt.truth, tt.brain)
		corrected, field, in := N4(tt.img, N4Options{Mask: tt.brain})
		inner := unevenness(field, tt.truth, tt.brain)
		t.Logf("%s: unevenness %.3f, left by the head's field %.4f, by the brain's %.4f; rounds %v and %v", tt.name, before, head, inner, rep.Rounds, in.Rounds)
		if head > tt.head || inner > tt.inner || rep.Fallback != "" || in.Fallback != "" {
			t.Errorf("%s: head %.4f, brain %.4f, %+v", tt.name, head, inner, rep)
		}
		mean := 0.0
		for n, v := range corrected.Data {
			if got := v * field.Data[n]; math.Abs(float64(got-tt.img.Data[n])) > 1e-4*float64(tt.img.Data[n]) {
				t.Fatalf("corrected × field is %v, the image %v", got, tt.img.Data[n])
			}
			if tt.brain.In[n] {
				mean += math.Log(float64(field.Data[n]))
			}
		}
		// Estimated on a lattice of 4 mm, where it is 1 in geometric mean.
		if mean /= float64(tt.brain.Count()); math.Abs(mean) > 0.01 {
			t.Errorf("%s: mean of ln field %v", tt.name, mean)
		}
	}
}

// The expectation of two tissues of one intensity each, blurred by the Gaussian
// that the sharpening assumes, in closed form.
func TestSharpener(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 9))
	const width, a, b, share = 0.15, 4.0, 4.5, 0.4
	sigma := width / (2 * math.Sqrt(2*math.Ln2))
	var v []float64
	for range 200_000 {
		u := b
		if r.Float64() < share {
			u = a
		}
		v = append(v, u+sigma*r.NormFloat64())
	}
	expect := newSharpener(width).expect(v)
	for x := 3.9; x < 4.6; x += 0.01 {
		f := func(u float64) float64 { return math.Exp(-(x - u) * (x - u) / (2 * sigma * sigma)) }
		if math.Abs(x-a) > 0.1 && math.Abs(x-b) > 0.1 {
			continue // the Wiener filter leaves each peak a width, which matters between them
		}
		want := (share*f(a)*a + (1-share)*f(b)*b) / (share*f(a) + (1-share)*f(b))
		if got := expect(x); math.Abs(got-want) > 0.04 {
			t.Errorf("E[u|%.2f] = %.3f, want %.3f", x, got, want)
		}
	}
}

func TestN4Properties(t *testing.T) {
	h := drawHead(headGrid(5), 1)
	img := spoil(h.t1, 0.4, 4, 7)
	_, a, ra := N4(img, N4Options{Workers: 1})
	_, b, _ := N4(img, N4Options{Workers: 8})
	if !slices.Equal(a.Data, b.Data) {
		t.Error("1 and 8 workers differ")
	}
	big := img.Clone()
	for n := range big.Data {
		big.Data[n] *= 64
	}
	_, c, _ := N4(big, N4Options{})
	for n := range c.Data {
		if math.Abs(float64(c.Data[n]-a.Data[n])) > 1e-3 {
			t.Fatalf("scaled by 64, the field at %d is %v, was %v", n, c.Data[n], a.Data[n])
		}
	}
	// Air around a head has no say: cut off, the field stays.
	lo, hi := [3]int{3, 2, 1}, img.Dim
	_, d, rd := N4(img.Crop(lo, hi), N4Options{Mask: h.brain.Crop(lo, hi), Working: 5})
	_, e, _ := N4(img, N4Options{Mask: h.brain, Working: 5})
	small := e.Crop(lo, hi)
	for n := range d.Data {
		if math.Abs(float64(d.Data[n]-small.Data[n])) > 1e-4 {
			t.Fatalf("cropped, the field at %d is %v, was %v", n, d.Data[n], small.Data[n])
		}
	}
	if ra.Used == 0 || rd.Used == 0 || !(ra.Range > 1) {
		t.Errorf("%+v", ra)
	}
}

func TestN4Hopeless(t *testing.T) {
	nan := float32(math.NaN())
	for _, dim := range [][3]int{{1, 1, 1}, {20, 20, 1}, {12, 12, 12}} {
		for name, fill := range map[string]func(n int) float32{
			"zero": func(int) float32 { return 0 }, "constant": func(int) float32 { return 7 }, "NaN": func(int) float32 { return nan },
			"negative": func(n int) float32 { return -float32(n) }, "ramp": func(n int) float32 { return float32(n) },
			"infinite": func(n int) float32 { return float32(math.Inf(n%2*2 - 1)) },
		} {
			img := voxel.NewImage(voxel.Grid{Dim: dim, Affine: voxel.Scaling(voxel.Vec{3, 3, 3})})
			for n := range img.Data {
				img.Data[n] = fill(n)
			}
			all := voxel.NewMask(img.Grid)
			for n := range all.In {
				all.In[n] = true
			}
			for _, mask := range []*voxel.Mask{nil, all, voxel.NewMask(img.Grid)} {
				_, field, rep := N4(img, N4Options{Mask: mask})
				for _, v := range field.Data {
					if !(v > 0) || math.IsInf(float64(v), 0) {
						t.Fatalf("%s, %v: field %v, %+v", name, dim, v, rep)
					}
				}
				if usable := name == "ramp" && mask != nil && mask.Count() > 0 && len(img.Data) > 100; !usable && name != "ramp" && !strings.Contains(rep.Fallback, "no field") {
					t.Errorf("%s, %v: %+v", name, dim, rep)
				}
			}
		}
	}
}

func BenchmarkN4(b *testing.B) {
	img := spoil(drawHead(headGrid(1), 1).t1, 0.4, 4, 1)
	for b.Loop() {
		N4(img, N4Options{})
	}
}

func BenchmarkN4Real(b *testing.B) {
	img := readShared(b, "data", "asl", "sub-01", "anat", "sub-01_T1w.nii.gz")
	for b.Loop() {
		N4(img, N4Options{})
	}
}
