package report

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"phasl/voxel"
)

// permuted stores the brain of g on the same box with axes permuted, flipped
// and turned by rot about its centre.
func permuted(img *voxel.Image, perm [3]int, flip [3]bool) *voxel.Image {
	g := voxel.Grid{}
	for a, p := range perm {
		g.Dim[a] = img.Dim[p]
		s := 1.0
		o := 0.0
		if flip[a] {
			s, o = -1, float64(img.Dim[p]-1)
		}
		for r := range 3 {
			g.Affine[r][a] = s * img.Affine[r][p]
			g.Affine[r][3] += o * img.Affine[r][p]
		}
	}
	for r := range 3 {
		g.Affine[r][3] += img.Affine[r][3]
	}
	out := voxel.NewImage(g)
	for n := range out.Data {
		i, j, k := g.Coord(n)
		var q [3]int
		for a, v := range [3]int{i, j, k} {
			if flip[a] {
				v = g.Dim[a] - 1 - v
			}
			q[perm[a]] = v
		}
		out.Data[n] = img.At(q[0], q[1], q[2])
	}
	return out
}

// However the array lies in memory, the figure is the same, to the byte.
func TestFigureIgnoresStorage(t *testing.T) {
	img := brainModel{gain: 1}.image(gridMM(voxel.Vec{8, 9, 10}), [5]float64{0, 60, 20, 2, 0}, true)
	draw := func(m *voxel.Image) string {
		mask := voxel.NewMask(m.Grid)
		for i, v := range m.Data {
			mask.In[i] = v == v
		}
		f, _ := drawMosaic("f", picture{name: "CBF", img: m, mask: mask, ramp: perfusion, window: window{0, 80}, unit: CBFUnit, outline: true, signed: true},
			layout{width: 600, columns: 4, axials: 8, side: true}, lines{}, Radiological, limits{1e6, 1e5, 1e4})
		return f
	}
	want := draw(img)
	for _, p := range [][3]int{{0, 1, 2}, {1, 0, 2}, {2, 0, 1}, {2, 1, 0}, {1, 2, 0}, {0, 2, 1}} {
		for c := range 8 {
			flip := [3]bool{c&1 > 0, c&2 > 0, c&4 > 0}
			if draw(permuted(img, p, flip)) != want {
				t.Fatalf("permutation %v, flips %v: another figure", p, flip)
			}
		}
	}
}

// firstPicture decodes the first PNG of a figure.
func firstPicture(t *testing.T, fig string) image.Image {
	t.Helper()
	m := regexp.MustCompile(`base64,([^"]*)"`).FindStringSubmatch(fig)
	raw, err := base64.StdEncoding.DecodeString(m[1])
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// A spot in front of the person's left ear must be on the right of a
// radiological picture and on the left of a neurological one, and in its
// upper half.
func TestSides(t *testing.T) {
	g := gridMM(voxel.Vec{8, 8, 160})
	img := voxel.NewImage(g)
	for n := range img.Data {
		img.Data[n] = 1
		if w := g.World(g.Coord(n)); voxel.Distance(voxel.Vec{w[0], w[1], 0}, voxel.Vec{-40, 30, 0}) < 12 {
			img.Data[n] = 100
		}
	}
	for conv, want := range map[Convention]float64{Radiological: 0.73, Neurological: 0.27} {
		fig, _ := drawMosaic("f", picture{name: "x", img: img, crop: img.Threshold(0), ramp: grey, window: window{0, 100}},
			layout{width: 400, columns: 1, axials: 1}, lines{}, conv, limits{1e6, 1e5, 1e4})
		pic := firstPicture(t, fig)
		var sx, sy, n float64
		b := pic.Bounds()
		for y := range b.Dy() {
			for x := range b.Dx() {
				if r, _, _, _ := pic.At(x, y).RGBA(); r > 0xc000 {
					sx, sy, n = sx+float64(x), sy+float64(y), n+1
				}
			}
		}
		fx, fy := (sx/n+0.5)/float64(b.Dx()-1), (sy/n+0.5)/float64(b.Dy()-1) // one column and row are empty
		// the box is 176 mm wide and −40 mm 0.73 of the way
		if math.Abs(fx-want) > 0.01 || fy > 0.35 {
			t.Errorf("%v: spot at %.2f across, %.2f down; want %.2f across", conv, fx, fy, want)
		}
		if letter := `text-anchor="end">L<`; strings.Contains(fig, letter) != (conv == Radiological) {
			t.Errorf("%v: letters are wrong", conv)
		}
	}
}

// A voxel's place along the body is its world coordinate, whatever the affine.
func TestFrameWorld(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		g := voxel.Grid{Dim: [3]int{3 + rng.IntN(4), 3 + rng.IntN(4), 3 + rng.IntN(4)}}
		rot := voxel.Rotation(voxel.Vec{rng.Float64() * 6, rng.Float64() * 6, rng.Float64() * 6})
		g.Affine = voxel.Translation(voxel.Vec{5, -7, 11}).Mul(rot).Mul(voxel.Scaling(voxel.Vec{1 + rng.Float64(), 2, 3 - 6*float64(rng.IntN(2))}))
		f := newFrame(g)
		for n := range g.Len() {
			seen := false
			for z := range f.n[2] {
				for y := range f.n[1] {
					for x := range f.n[0] {
						if f.index(x, y, z) == n {
							seen = true
							if d := voxel.Distance(f.world(float64(x), float64(y), float64(z)), g.World(g.Coord(n))); d > 1e-9 {
								t.Fatalf("(%d, %d, %d) is off by %g mm", x, y, z, d)
							}
						}
					}
				}
			}
			if !seen {
				t.Fatalf("voxel %d is never visited", n)
			}
		}
		for a := range 3 { // each body axis grows with its world coordinate
			var p, q [3]float64
			q[a] = 1
			if f.world(q[0], q[1], q[2])[a] <= f.world(p[0], p[1], p[2])[a] {
				t.Fatalf("axis %d runs backwards", a)
			}
		}
	}
}

// The area inside an outline, by the shoelace formula, is the number of pixels
// less the corners marching squares cuts: an eighth of a pixel each convex
// corner, and as much more for each concave one.
func TestOutlineArea(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 9))
	shape := func(f func(x, y int) bool, w, h int) (pixels int, corners float64) {
		in := func(x, y int) bool { return x >= 0 && y >= 0 && x < w && y < h && f(x, y) }
		for y := -1; y < h; y++ {
			for x := -1; x < w; x++ {
				n := 0
				for _, q := range [][2]int{{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}} {
					if in(q[0], q[1]) {
						n++
					}
				}
				switch {
				case n == 1:
					corners--
				case n == 3:
					corners++
				case n == 2 && in(x, y) == in(x+1, y+1): // diagonal: two convex corners
					corners -= 2
				}
				if in(x, y) {
					pixels++
				}
			}
		}
		return pixels, corners
	}
	for trial := range 50 {
		w, h := 1+rng.IntN(9), 1+rng.IntN(9)
		bits := make([]bool, w*h)
		for i := range bits {
			bits[i] = rng.IntN(3) > trial%3
		}
		f := func(x, y int) bool { return bits[y*w+x] }
		var o outliner
		o.add(0, 0, w, h, 0, 0, f)
		pixels, corners := shape(f, w, h)
		want := float64(pixels) + corners/8
		if got := pathArea(t, o.data()) / 4; math.Abs(got-want) > 1e-9 { // in half pixels squared
			t.Fatalf("area %g, want %g", got, want)
		}
	}
	var o outliner
	o.add(0, 0, 2, 1, 10, 20, func(x, y int) bool { return true })
	golden(t, "outline.txt", o.data()+"\n")
}

// pathArea sums the signed areas of the closed lines of path data, positive
// for those that run clockwise on the screen.
func pathArea(t *testing.T, d string) float64 {
	t.Helper()
	num := regexp.MustCompile(`-?\d+`)
	var sum float64
	for part := range strings.SplitSeq(d, "z") {
		v := num.FindAllString(part, -1)
		if len(v) == 0 {
			continue
		}
		var x, y, area float64
		atof := func(s string) float64 {
			var n, sign float64 = 0, 1
			for _, r := range s {
				if r == '-' {
					sign = -1
				} else {
					n = 10*n + float64(r-'0')
				}
			}
			return sign * n
		}
		x, y = atof(v[0]), atof(v[1])
		x0, y0 := x, y
		for i := 2; i+1 < len(v); i += 2 {
			nx, ny := x+atof(v[i]), y+atof(v[i+1])
			area += x*ny - nx*y
			x, y = nx, ny
		}
		if x != x0 || y != y0 {
			t.Fatalf("line does not close: %s", part)
		}
		sum += area / 2
	}
	return sum
}

func TestPickSlices(t *testing.T) {
	if got := pickSlices(10, 20, 50, nil); len(got) != 10 || got[0] != 10 || got[9] != 19 {
		t.Errorf("more slices than there are: %v", got)
	}
	got := pickSlices(0, 100, 5, []int{33, 33, 60})
	if len(got) != 5 || !holds(got, 33) || !holds(got, 60) {
		t.Errorf("aims missed: %v", got)
	}
	if got := pickSlices(7, 8, 3, []int{7}); len(got) != 1 || got[0] != 7 {
		t.Errorf("one slice: %v", got)
	}
}

func holds(v []int, x int) bool {
	for _, y := range v {
		if x == y {
			return true
		}
	}
	return false
}

// Voxels of the mask without a value are hatched and counted; negative ones
// have a colour of their own.
func TestHolesAndNegatives(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{4, 4, 1}, Affine: voxel.Scaling(voxel.Vec{5, 5, 5})}
	img, mask := voxel.NewImage(g), voxel.NewMask(g)
	for i := range img.Data {
		img.Data[i], mask.In[i] = 50, true
	}
	img.Data[5], img.Data[6], img.Data[9] = float32(nan), float32(nan), -3
	fig, holes := drawMosaic("f", picture{name: "x", img: img, mask: mask, ramp: perfusion, window: window{0, 80}, signed: true}, layout{width: 300, columns: 1, axials: 1}, lines{}, Radiological, limits{1e6, 1e5, 1e4})
	if holes != 2 || !strings.Contains(fig, `fill="url(#f-h)"`) {
		t.Errorf("%d holes, want 2, hatched", holes)
	}
	pic := firstPicture(t, fig)
	blue, clear := 0, 0
	for y := range 4 {
		for x := range 4 {
			r, gr, b, a := pic.At(x, y).RGBA()
			if a == 0 {
				clear++
			}
			if uint8(r>>8) == below.R && uint8(gr>>8) == below.G && uint8(b>>8) == below.B {
				blue++
			}
		}
	}
	if blue != 1 || clear != 2 {
		t.Errorf("%d blue and %d clear pixels, want 1 and 2", blue, clear)
	}
}

// The colour bar says where values lie beyond its ends, and only there.
func TestBarSaysWhatLiesBeyond(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{4, 4, 1}, Affine: voxel.Scaling(voxel.Vec{5, 5, 5})}
	for _, tt := range []struct {
		least, most float32
		outside     float32 // a value outside the crop
		signed      bool
		under, over bool
	}{
		{-2, 2, 0, false, false, false},
		{-2.1, 2, 0, false, true, false},
		{-1, 2.5, 0, false, false, true},
		{-3, 3, 0, false, true, true},
		{-1, 1, 9, false, false, false},
		{-3, 3, 0, true, false, true}, // those below have a colour and an entry of their own
		{float32(nan), 3, 0, false, false, true},
	} {
		img, crop := voxel.NewImage(g), voxel.NewMask(g)
		for n := range crop.In {
			crop.In[n] = n != 0
		}
		img.Data[0], img.Data[5], img.Data[6] = tt.outside, tt.least, tt.most
		fig, _ := drawMosaic("f", picture{name: "x", img: img, crop: crop, ramp: effect, window: window{-2, 2}, unit: "log₂", signed: tt.signed}, layout{width: 300, columns: 1, axials: 1}, lines{}, Radiological, limits{1e6, 1e5, 1e4})
		if got := strings.Contains(fig, ">≤ −2<"); got != tt.under {
			t.Errorf("%+v: ≤ −2 on the bar: %v", tt, got)
		}
		if got := strings.Contains(fig, ">≥ 2<"); got != tt.over {
			t.Errorf("%+v: ≥ 2 on the bar: %v", tt, got)
		}
		if strings.Contains(fig, ">2<") == tt.over {
			t.Errorf("%+v: the end of the bar is labelled twice or not at all", tt)
		}
		if got := strings.Contains(fig, "Values beyond"); got != (tt.under || tt.over) {
			t.Errorf("%+v: the description speaks of values beyond: %v", tt, got)
		}
	}
}

// In-plane averaging is the mean of the voxels that have a value.
func TestBudgetAverages(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{40, 40, 1}, Affine: voxel.Scaling(voxel.Vec{2, 2, 2})}
	img := voxel.NewImage(g)
	for n := range img.Data {
		i, _, _ := g.Coord(n)
		img.Data[n] = 100 * float32(i%2) // mean 50
	}
	fig, _ := drawMosaic("f", picture{name: "x", img: img, crop: img.Threshold(-1), ramp: grey, window: window{0, 100}}, layout{width: 300, columns: 1, axials: 1}, lines{}, Radiological, limits{pixels: 400})
	pic := firstPicture(t, fig)
	if b := pic.Bounds(); b.Dx() != 21 || b.Dy() != 21 {
		t.Fatalf("picture is %v, want 20 × 20 and an empty column and row", b)
	}
	want := grey.at(0.5)
	if r, _, _, _ := pic.At(3, 3).RGBA(); math.Abs(float64(r>>8)-float64(want.R)) > 1 {
		t.Errorf("mean drawn as %d, want %d", r>>8, want.R)
	}
}
