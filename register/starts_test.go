package register

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"phasl/internal/sharedtest"
	"phasl/voxel"
)

// reordered returns img with its axes stored in the n-th of the 48 orders and
// directions. The affine is changed with it: every voxel stays in its place in
// the world.
func reordered(img *voxel.Image, n int) *voxel.Image {
	order := [6][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}[n%48/8]
	var g voxel.Grid
	toOld := voxel.Affine{}
	for a, old := range order {
		g.Dim[a] = img.Dim[old]
		toOld[old][a] = 1
		if n>>a&1 == 1 {
			toOld[old][a], toOld[old][3] = -1, float64(img.Dim[old]-1)
		}
	}
	g.Affine = img.Affine.Mul(toOld)
	out := voxel.NewImage(g)
	for m := range out.Data {
		i, j, k := g.Coord(m)
		p := toOld.Map(voxel.Vec{float64(i), float64(j), float64(k)})
		out.Data[m] = img.Data[img.Index(int(p[0]), int(p[1]), int(p[2]))]
	}
	return out
}

// thickened returns img with n slices along axis a averaged into one.
func thickened(img *voxel.Image, a, n int) *voxel.Image {
	g := img.Grid
	g.Dim[a] /= n
	s, t := voxel.Vec{1, 1, 1}, voxel.Vec{}
	s[a], t[a] = float64(n), float64(n-1)/2
	g.Affine = img.Affine.Mul(voxel.Translation(t)).Mul(voxel.Scaling(s))
	out := voxel.NewImage(g)
	for m := range out.Data {
		i, j, k := g.Coord(m)
		at := [3]int{i, j, k}
		at[a] *= n
		var sum float32
		for range n {
			sum += img.Data[img.Index(at[0], at[1], at[2])]
			at[a]++
		}
		out.Data[m] = sum / float32(n)
	}
	return out
}

// A disguise says how far the header of a scan is from the truth.
type disguise struct {
	name    string
	turn    float64 // up to so much about each axis [°]
	shift   float64 // up to so much along each axis [mm]
	least   float64 // and no less [mm]
	thicken int     // slices averaged into one, along a random axis; 0: none
}

var disguises = []disguise{
	{name: "30°, 40 mm", turn: 30, shift: 40},
	{name: "30°, 40 mm, thick slices", turn: 30, shift: 40, thicken: 3},
	{name: "45°, 40 mm", turn: 45, shift: 40},
	{name: "30°, 100 to 200 mm", turn: 30, shift: 200, least: 100},
}

// apply returns the scan with another header, and where that puts what the old
// one put at x.
func (d disguise) apply(img *voxel.Image, n int) (*voxel.Image, voxel.Affine) {
	rng := rand.New(rand.NewPCG(uint64(n), 48))
	if d.thicken > 0 {
		img = thickened(img, rng.IntN(3), d.thicken)
	}
	out := reordered(img, n)
	shift := uniform(rng, d.shift-d.least)
	for a := range shift {
		shift[a] += math.Copysign(d.least, shift[a])
	}
	w := voxel.Translation(shift).Mul(voxel.Rotation(uniform(rng, d.turn*math.Pi/180)).About(img.Centre()))
	out.Affine = w.Mul(out.Affine)
	return out, w
}

// spread says how far apart searches from many headers end.
type spread struct {
	failed     int // said so
	wrong      int // did not, and lie 2 mm or more from the middle one
	mean, most float64
	seconds    float64 // the mean
}

// startsApart registers moving to fixed under n disguises. The distance of two
// results is the mean over the mask; the middle one has the least median
// distance from the others. mean and most are of the distances from it, over
// those that did not fail.
func startsApart(tb testing.TB, fn func(fixed, moving *voxel.Image, opt Options) Result, fixed, moving *voxel.Image, mask *voxel.Mask, d disguise, n int) spread {
	var all []voxel.Affine
	var s spread
	for i := range n {
		img, w := d.apply(moving, i)
		begin := time.Now()
		r := fn(fixed, img, Options{})
		s.seconds += time.Since(begin).Seconds() / float64(n)
		if !r.OK() {
			s.failed++
			tb.Logf("%s: start %d failed: %s", d.name, i, r.Reason)
			continue
		}
		all = append(all, w.Inverse().Mul(r.Transform))
	}
	if len(all) == 0 {
		return s
	}
	far := make([][]float64, len(all))
	middle := 0
	least := math.Inf(1)
	for i, a := range all {
		var v []float32
		for _, b := range all {
			e, _ := meanError(a, b, mask)
			far[i] = append(far[i], e)
			v = append(v, float32(e))
		}
		if m, _ := limits(v, 0.5, 0.5); float64(m) < least {
			middle, least = i, float64(m)
		}
	}
	for i, e := range far[middle] {
		s.mean += e / float64(len(all))
		s.most = max(s.most, e)
		if e >= 2 {
			s.wrong++
			tb.Logf("%s: result %d lies %.1f mm away", d.name, i, e)
		}
	}
	return s
}

func (s spread) String() string {
	return fmt.Sprintf("%d failed, %d wrong, mean %.3f, most %.3f mm, %.1f s each", s.failed, s.wrong, s.mean, s.most, s.seconds)
}

// Another order in the file leaves every voxel where it was in the world.
func TestReordered(t *testing.T) {
	img := voxel.NewImage(box([3]int{3, 4, 5}, voxel.Vec{1, 2, 3}, voxel.Vec{0.1, 0.2, 0.3}, voxel.Vec{4, 5, 6}))
	for n := range img.Data {
		img.Data[n] = float32(n)
	}
	seen := map[voxel.Affine]bool{}
	for order := range 48 {
		r := reordered(img, order)
		if seen[r.Affine] {
			t.Errorf("order %d is there twice", order)
		}
		seen[r.Affine] = true
		for n, v := range r.Data {
			p, q := r.World(r.Coord(n)), img.World(img.Coord(int(v)))
			if voxel.Distance(p, q) > 1e-12 {
				t.Fatalf("order %d: voxel %g lies at %v, not %v", order, v, p, q)
			}
		}
	}
}

// The same scan under other headers ends in the same place. In a normal run a
// few heads drawn from formulas are tried; PHASL_LONG=1 tries 50 headers and
// real scans.
func TestStarts(t *testing.T) {
	n, long := 2, os.Getenv("PHASL_LONG") != ""
	if long {
		n = 50
	} else if testing.Short() {
		t.Skip("slow")
	}
	for name, template := range map[string]string{"real T1w to MNI": "MNI152_T1_2mm.nii.gz", "real T1w to MNI, brain": "MNI152_T1_2mm_brain.nii.gz"} {
		t.Run(name, func(t *testing.T) {
			if !long {
				t.Skip("set PHASL_LONG=1")
			}
			dir := sharedtest.Path(t, "data")
			fixed := readImage(t, filepath.Join(dir, "templates", template))
			mask := readImage(t, filepath.Join(dir, "templates", "MNI152_T1_2mm_brain_mask.nii.gz")).Threshold(0)
			moving := readImage(t, filepath.Join(dir, "asl", "sub-01", "anat", "sub-01_T1w.nii.gz"))
			judge(t, Affine, fixed, moving, mask, n)
		})
	}
	t.Run("real M0 to T1w", func(t *testing.T) {
		if !long {
			t.Skip("set PHASL_LONG=1")
		}
		dir := sharedtest.Path(t, "data", "asl", "sub-01")
		fixed := readImage(t, filepath.Join(dir, "anat", "sub-01_T1w.nii.gz"))
		moving := readImage(t, filepath.Join(dir, "perf", "sub-01_asl.nii.gz"))
		// A ball about the middle of the image: the brain and some more.
		mask := voxel.NewMask(fixed.Grid.WithSpacing(voxel.Vec{8, 8, 8}))
		for i := range mask.In {
			mask.In[i] = voxel.Distance(mask.World(mask.Coord(i)), fixed.Centre()) < 80
		}
		judge(t, Rigid, fixed, moving, mask, n)
	})
	t.Run("real EPI to MNI", func(t *testing.T) {
		if !long {
			t.Skip("set PHASL_LONG=1")
		}
		dir := sharedtest.Path(t, "data")
		fixed := readImage(t, filepath.Join(dir, "templates", "MNI152_T1_2mm.nii.gz"))
		mask := readImage(t, filepath.Join(dir, "templates", "MNI152_T1_2mm_brain_mask.nii.gz")).Threshold(0)
		s := readSeries(t, filepath.Join(dir, "asl", "sub-02", "perf", "sub-02_asl.nii.gz"))
		moving := voxel.NewImage(s.Grid)
		for _, v := range s.Vols {
			for i, x := range v {
				moving.Data[i] += x / float32(len(s.Vols))
			}
		}
		judge(t, Rigid, fixed, moving, mask, n)
	})
	t.Run("formula heads", func(t *testing.T) {
		fixed, moving, mask, _ := randomPair(3, t1Contrast, true)
		judge(t, Affine, fixed, moving, mask, n)
	})
	t.Run("formula heads, 4 mm", func(t *testing.T) {
		if !long {
			t.Skip("set PHASL_LONG=1")
		}
		fixed, moving, mask, _ := randomPair(4, t1Contrast, true)
		moving = voxel.Resample(moving, moving.Grid.WithSpacing(voxel.Vec{4, 4, 4}), nil, voxel.Linear, 0)
		judge(t, Affine, fixed, moving, mask, n)
	})
	t.Run("formula M0 to T1w", func(t *testing.T) {
		fixed, moving, mask, _ := randomPair(5, m0Contrast, false)
		judge(t, Rigid, fixed, moving, mask, n)
	})
}

func judge(t *testing.T, fn func(fixed, moving *voxel.Image, opt Options) Result, fixed, moving *voxel.Image, mask *voxel.Mask, n int) {
	for _, d := range disguises {
		if d.thicken > 0 && moving.Spacing()[0] > 1.5 {
			continue // thick already
		}
		if n == 2 && d.turn == 45 {
			continue
		}
		if d != disguises[0] {
			n = min(n, 20)
		}
		s := startsApart(t, fn, fixed, moving, mask, d, n)
		t.Logf("%s: %v", d.name, s)
		if s.wrong > 0 || s.most > 0.5 {
			t.Errorf("%s: %v", d.name, s)
		}
	}
}
