package tissue

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"phasl/voxel"
)

// A cube whose fractions are known and whose intensities are exact: with no
// noise and no neighbours the expected fraction is the true one.
func TestMixtureFractions(t *testing.T) {
	m := mixture{mean: [3]float64{30, 60, 100}, variance: [3]float64{1, 1, 1}, weight: [nClass]float64{0.2, 0.2, 0.2, 0.2, 0.2}}
	for _, tt := range []struct{ y, want float64 }{{75, 0.375}, {80, 0.5}, {90, 0.75}} {
		d := m.components().at(tt.y)
		// Six steps of the uniform fraction: within half a step, and noise of
		// SD 1 on a range of 40.
		if math.Abs(d.f[1]-tt.want) > 1./12 {
			t.Errorf("intensity %v: fraction %.3f, want %.3f", tt.y, d.f[1], tt.want)
		}
		var lookup densities
		m.table().at(tt.y, &lookup)
		for k := range nClass {
			if math.Abs(lookup.d[k]-d.d[k]) > 1e-4*(d.d[k]+1e-3) {
				t.Errorf("intensity %v, class %d: table %v, direct %v", tt.y, k, lookup.d[k], d.d[k])
			}
		}
	}
	// Each class is a density: it integrates to one, and tilt is its derivative.
	m.slope = 0.6
	c, next := m.components(), m
	next.slope = 0.61
	more := next.components()
	for y := 20.0; y < 110; y += 3.7 {
		d, e := c.at(y), more.at(y)
		want := (e.d[1] - d.d[1]) / 0.01
		if got := d.tilt * d.d[1]; math.Abs(got-want) > 1e-9 {
			t.Errorf("intensity %v: derivative %v, want %v", y, got, want)
		}
	}
	for k := range nClass {
		s := 0.0
		for y := 0.0; y < 140; y += 0.01 {
			s += 0.01 * c.at(y).d[k]
		}
		if math.Abs(s-1) > 1e-3 {
			t.Errorf("class %d integrates to %v", k, s)
		}
	}
}

// Where mixed voxels hold more of one tissue than of the other, the fit finds so
// and keeps to the pure tissues' means; for voxels mixed evenly it stays even.
func TestMixtureSlope(t *testing.T) {
	for _, slope := range []float64{0.8, 0.5, 0, -0.5} {
		truth := mixture{mean: [3]float64{200, 600, 900}, variance: [3]float64{900, 900, 900}, weight: [nClass]float64{0.1, 0.35, 0.2, 0.15, 0.2}, slope: slope}
		r := rand.New(rand.NewPCG(3, 5))
		y := make([]float64, 100_000)
		for n := range y {
			x, k := r.Float64(), 0
			for ; k < nClass-1 && x >= truth.weight[k]; k++ {
				x -= truth.weight[k]
			}
			mean := truth.mean[k/2]
			if k%2 == 1 {
				f := r.Float64()
				for k == 1 && 2*r.Float64() >= 1+slope*(2*f-1) {
					f = r.Float64()
				}
				mean += f * (truth.mean[k/2+1] - mean)
			}
			y[n] = mean + 30*r.NormFloat64()
		}
		start := truth
		start.slope = usualSlope
		e := &estimation{mix: start, free: true, field: &polynomial{}, y: y, log: make([]float64, len(y)), workers: 2}
		before := e.logLikelihood()
		for range 300 { // expectation and maximisation are slow for classes that overlap
			e.updateMixture()
		}
		if l := e.logLikelihood(); l < before-1e-4 { // what is usual has a say
			t.Errorf("%v: ln likelihood fell from %.6f to %.6f", slope, before, l)
		}
		if math.Abs(e.mix.slope-slope) > 0.1 {
			t.Errorf("slope %.3f, want %v", e.mix.slope, slope)
		}
		for c := range 3 {
			if math.Abs(e.mix.mean[c]-truth.mean[c]) > 2 {
				t.Errorf("slope %v: means %.1f, want %v", slope, e.mix.mean, truth.mean)
			}
		}
		t.Logf("slope %v: found %.3f, means %.1f", slope, e.mix.slope, e.mix.mean)
	}
}

func TestStartMixture(t *testing.T) {
	var y []float64
	for i := range 3000 {
		y = append(y, [3]float64{30, 60, 100}[i%3]+float64(i%7)-3)
	}
	m := startMixtures(y)[0]
	for c, want := range []float64{30, 60, 100} {
		if math.Abs(m.mean[c]-want) > 1 {
			t.Errorf("start %v, want means 30, 60, 100", m.mean)
		}
	}
	for _, bad := range [][]float64{nil, make([]float64, 50), make([]float64, 500)} {
		if len(startMixtures(bad)) > 0 {
			t.Errorf("%d values without contrast gave a start", len(bad))
		}
	}
}

// A polynomial field is recovered from its own samples, but for its mean and
// the ridge (below 1 %).
func TestPolynomial(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{12, 13, 14}, Affine: voxel.Translation(voxel.Vec{-60, -60, -60}).Mul(voxel.Scaling(voxel.Vec{10, 9, 8}))}
	at := make([]int32, g.Len())
	for n := range at {
		at[n] = int32(n)
	}
	p := newPolynomial(3, g, at)
	if len(p.terms) != 19 { // (3+3 choose 3) − 1
		t.Fatalf("%d terms", len(p.terms))
	}
	truth := func(w voxel.Vec) float64 { return 0.7 + 0.004*w[0] - 3e-5*w[1]*w[2] + 4e-7*w[2]*w[2]*w[0] }
	n := len(p.terms) + 1
	sums := newMoments(3)
	normal, rhs := make([]float64, n*n), make([]float64, n)
	basis := make([]float64, n)
	var l [3][4]float64
	for i, v := range at {
		w := g.World(g.Coord(int(v)))
		x := p.scaled(w)
		weight := 1 + 0.5*math.Sin(float64(i))
		sums.add(&x, weight, weight*truth(w))
		for a := range 3 { // the closed forms
			l[a] = [4]float64{1, x[a], (3*x[a]*x[a] - 1) / 2, (5*x[a]*x[a] - 3) * x[a] / 2}
		}
		basis[0] = 1
		for t, e := range p.terms {
			basis[t+1] = l[0][e[0]] * l[1][e[1]] * l[2][e[2]]
		}
		for a := range n {
			rhs[a] += weight * basis[a] * truth(w)
			for b := a; b < n; b++ {
				normal[a*n+b] += weight * basis[a] * basis[b]
			}
		}
	}
	gotNormal, gotRHS := sums.equations()
	for i := range normal {
		if math.Abs(gotNormal[i]-normal[i]) > 1e-9*normal[0] {
			t.Fatalf("element %d of the normal equations is %v, want %v", i, gotNormal[i], normal[i])
		}
	}
	for i := range rhs {
		if math.Abs(gotRHS[i]-rhs[i]) > 1e-9*normal[0] {
			t.Fatalf("right-hand side %d is %v, want %v", i, gotRHS[i], rhs[i])
		}
	}
	if !p.solve(gotNormal, gotRHS) {
		t.Fatal("not solved")
	}
	field := func(w voxel.Vec) float64 { x := p.scaled(w); return p.at(&x) }
	o := field(g.Centre()) - truth(g.Centre())
	for _, v := range at {
		w := g.World(g.Coord(int(v)))
		if d := field(w) - truth(w) - o; math.Abs(d) > 0.01 {
			t.Fatalf("at %v the field is off by %v", w, d)
		}
	}
}

// Fractions, volumes and bias of the phantom against its truth.
func TestSegmentPhantom(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	h := fineHead()
	for _, tt := range []struct {
		name      string
		depth, sd float64
		corr      float64 // least correlation of GM and WM fractions with the truth
		bias      float64 // least correlation of the field's logarithm
		volume    float64 // largest relative error of GM and WM volume
	}{
		// Measured: GM 0.995, 0.947, 0.831 and WM 0.999, 0.983, 0.939; GM volume
		// 1, 7 and 15 % too large, WM within 1 %. Rician noise lifts dark CSF
		// towards grey matter, and noise makes the mixed classes larger. The
		// limits leave the room that another seed of the noise takes.
		{"clean", 0, 0, 0.97, 0, 0.05},
		{"noise of 5 % of white matter, bias of a factor 2.5", 0.5, 5, 0.93, 0.90, 0.09},
		{"noise of 9 %, bias of a factor 1.6", 0.25, 9, 0.80, 0.55, 0.18},
	} {
		img := spoil(h.t1, tt.depth, tt.sd, 4)
		ts, rep := Segment(img, h.brain, SegmentOptions{})
		maps := [3]*voxel.Image{ts.CSF, ts.GM, ts.WM}
		for c, name := range []string{"CSF", "GM", "WM"} {
			r := correlation(maps[c], h.truth[c], h.brain)
			var want float64
			for n, in := range h.brain.In {
				if in {
					want += float64(h.truth[c].Data[n]) * img.VoxelVolume() / 1000
				}
			}
			t.Logf("%s: %s correlation %.3f, %.0f of %.0f mL", tt.name, name, r, rep.Volume[c], want)
			if c != csf && (r < tt.corr || math.Abs(rep.Volume[c]/want-1) > tt.volume) {
				t.Errorf("%s: %s correlation %.3f, volume %.0f of %.0f mL", tt.name, name, r, rep.Volume[c], want)
			}
		}
		for n, in := range h.brain.In {
			s := ts.GM.Data[n] + ts.WM.Data[n] + ts.CSF.Data[n]
			if in && math.Abs(float64(s)-1) > 1e-5 || !in && s != 0 {
				t.Fatalf("fractions at %d add up to %v, in brain: %v", n, s, in)
			}
		}
		if tt.depth == 0 {
			continue
		}
		// The field: correlation of its logarithm with the truth.
		field, truth := voxel.NewImage(img.Grid), voxel.NewImage(img.Grid)
		one := voxel.NewImage(img.Grid)
		for n := range one.Data {
			one.Data[n] = 1
		}
		for n, v := range spoil(one, tt.depth, 0, 0).Data {
			truth.Data[n] = float32(math.Log(float64(v)))
			field.Data[n] = float32(math.Log(float64(ts.Bias.Data[n])))
		}
		if r := correlation(field, truth, h.brain); r < tt.bias {
			t.Errorf("%s: bias field correlates with the truth by %.4f", tt.name, r)
		}
	}
}

// Priors decide where the image cannot: noise as large as the contrast.
func TestSegmentPriors(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	h := drawHead(headGrid(4), 2)
	img := spoil(h.t1, 0, 25, 5)
	var prior [3]*voxel.Image
	for c := range prior {
		prior[c] = voxel.Smooth(h.truth[c], 8, 0)
	}
	without, _ := Segment(img, h.brain, SegmentOptions{})
	with, _ := Segment(img, h.brain, SegmentOptions{PriorCSF: prior[csf], PriorGM: prior[gm], PriorWM: prior[wm]})
	a, b := correlation(without.GM, h.truth[gm], h.brain), correlation(with.GM, h.truth[gm], h.brain)
	if b < a+0.05 {
		t.Errorf("GM correlates with the truth by %.3f with priors, %.3f without", b, a)
	}
}

// Neighbours lower the error of a noisy image.
func TestSegmentNeighbours(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	h := drawHead(headGrid(4), 2)
	img := spoil(h.t1, 0, 12, 6)
	alone, _ := Segment(img, h.brain, SegmentOptions{Neighbours: NoNeighbours})
	smooth, _ := Segment(img, h.brain, SegmentOptions{})
	if a, b := correlation(alone.WM, h.truth[wm], h.brain), correlation(smooth.WM, h.truth[wm], h.brain); b < a+0.01 {
		t.Errorf("WM correlates with the truth by %.3f with neighbours, %.3f without", b, a)
	}
}

// A change of the image's units changes nothing.
func TestSegmentProperties(t *testing.T) {
	h := drawHead(headGrid(5), 1)
	img := spoil(h.t1, 0.3, 5, 7)
	a, ra := Segment(img, h.brain, SegmentOptions{Workers: 1})
	b, rb := Segment(img, h.brain, SegmentOptions{Workers: 8})
	if !slices.Equal(a.GM.Data, b.GM.Data) || !slices.Equal(a.WM.Data, b.WM.Data) || !slices.Equal(a.CSF.Data, b.CSF.Data) || ra.Mean != rb.Mean {
		t.Error("1 and 8 workers differ")
	}
	big := img.Clone()
	for n := range big.Data {
		big.Data[n] *= 64 // a power of two: no rounding
	}
	c, _ := Segment(big, h.brain, SegmentOptions{})
	for n := range c.GM.Data {
		if d := math.Abs(float64(c.GM.Data[n] - a.GM.Data[n])); d > 1e-4 {
			t.Fatalf("scaled by 64, GM at %d differs by %v", n, d)
		}
	}
	// A voxel without a value has no tissue, and its neighbours keep theirs.
	hole := img.Clone()
	for n, in := range h.brain.In {
		if in {
			hole.Data[n] = float32(math.NaN())
			d, _ := Segment(hole, h.brain, SegmentOptions{})
			if v := d.GM.Data[n]; v == v {
				t.Errorf("GM without a value is %v", v)
			}
			break
		}
	}
	if _, rep := Segment(img, voxel.NewMask(img.Grid), SegmentOptions{}); !strings.Contains(rep.Fallback, "0 usable voxels") {
		t.Errorf("empty mask: %+v", rep)
	}
}

func TestToGrid(t *testing.T) {
	h := drawHead(headGrid(2), 1)
	ts := &Tissues{CSF: h.truth[csf], GM: h.truth[gm], WM: h.truth[wm]}
	coarse := voxel.Grid{Dim: [3]int{30, 36, 16}, Affine: voxel.Translation(voxel.Vec{-58, -70, -50}).Mul(voxel.Scaling(voxel.Vec{4, 4, 8}))}
	got := ts.ToGrid(coarse, nil, 0, 0)
	// The same by hand: the mean of the formula over 10³ points of one voxel.
	for _, v := range [][3]int{{3, 20, 8}, {15, 33, 6}, {14, 18, 13}} {
		var want [3]float64
		for a := range 1000 {
			q := voxel.Vec{float64(v[0]) + float64(a%10)/10 - 0.45, float64(v[1]) + float64(a/10%10)/10 - 0.45, float64(v[2]) + float64(a/100)/10 - 0.45}
			if c := kind(coarse.Affine.Map(q)); c >= 0 && c < 3 {
				want[c] += 1e-3
			}
		}
		for c, m := range []*voxel.Image{got.CSF, got.GM, got.WM} {
			// The 2 mm phantom is one point per voxel: 16 voxels each for 1/16.
			if g := float64(m.At(v[0], v[1], v[2])); math.Abs(g-want[c]) > 0.1 {
				t.Errorf("voxel %v, class %d: %.3f, want %.3f", v, c, g, want[c])
			}
		}
	}
	// No tissue is lost: total volumes agree with those of the fine grid there.
	sum := func(m *voxel.Image) float64 {
		s := 0.0
		for n, v := range m.Data {
			if p := m.World(m.Coord(n)); v == v && math.Abs(p[0]) < 50 && math.Abs(p[1]) < 60 && math.Abs(p[2]) < 40 {
				s += float64(v) * m.VoxelVolume()
			}
		}
		return s
	}
	if a, b := sum(got.WM), sum(ts.WM); math.Abs(a/b-1) > 0.05 { // the edges of the region differ by part of a voxel
		t.Errorf("white matter %.0f mm³, fine grid %.0f", a, b)
	}
}

// One voxel in twelve of the 09a template against its own tissue maps. Measured:
// Dice GM 0.928, WM 0.919, correlation 0.927 and 0.958; with bias and noise 0.880,
// 0.846, 0.824 and 0.879.
func TestSegmentMNI(t *testing.T) {
	if testing.Short() {
		t.Skip("three seconds")
	}
	full := readShared(t, "data", "templates", "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")
	g := full.WithSpacing(voxel.Vec{2, 2, 3})
	coarse := func(name string) *voxel.Image {
		return voxel.Resample(readShared(t, "data", "templates", name), g, nil, voxel.Nearest, 0)
	}
	t1 := voxel.Resample(full, g, nil, voxel.Nearest, 0)
	wantGM, wantWM := coarse("mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz"), coarse("mni_icbm152_wm_tal_nlin_sym_09a_converted.nii.gz")
	for n := range wantGM.Data { // 255 is 1
		wantGM.Data[n] /= 255
		wantWM.Data[n] /= 255
	}
	for _, tt := range []struct {
		name           string
		img            *voxel.Image
		diceGM, diceWM float64
		corrGM, corrWM float64
	}{
		{"as it is", t1, 0.915, 0.905, 0.91, 0.945},
		{"bias of a factor 2.5 and noise", spoilBrain(t1, 0.5, 8), 0.86, 0.83, 0.80, 0.86},
	} {
		mask, _ := BrainT1(tt.img, BrainOptions{})
		ts, rep := Segment(tt.img, mask, SegmentOptions{})
		dg, dw := dice(ts.GM.Threshold(0.5), wantGM.Threshold(0.5)), dice(ts.WM.Threshold(0.5), wantWM.Threshold(0.5))
		cg, cw := correlation(ts.GM, wantGM, mask), correlation(ts.WM, wantWM, mask)
		t.Logf("%s: Dice GM %.3f WM %.3f, correlation %.3f %.3f", tt.name, dg, dw, cg, cw)
		if dg < tt.diceGM || dw < tt.diceWM || cg < tt.corrGM || cw < tt.corrWM {
			t.Errorf("%s: Dice GM %.3f WM %.3f, correlation %.3f %.3f, %+v", tt.name, dg, dw, cg, cw, rep)
		}
	}
}

// spoilBrain is spoil that leaves what is exactly zero.
func spoilBrain(img *voxel.Image, depth, sd float64) *voxel.Image {
	out := spoil(img, depth, sd, 8)
	for n, v := range img.Data {
		if v == 0 {
			out.Data[n] = 0
		}
	}
	return out
}

func BenchmarkSegment(b *testing.B) {
	h := drawHead(headGrid(1), 1) // 1.6 million voxels of brain
	img := spoil(h.t1, 0.4, 5, 1)
	for b.Loop() {
		Segment(img, h.brain, SegmentOptions{})
	}
}

func BenchmarkSegmentReal(b *testing.B) {
	img := readShared(b, "data", "asl", "sub-01", "anat", "sub-01_T1w.nii.gz")
	brain, _ := BrainT1(img, BrainOptions{})
	for b.Loop() {
		Segment(img, brain, SegmentOptions{})
	}
}
