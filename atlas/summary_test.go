package atlas

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"phasl/voxel"
)

var nan = math.NaN()

func same(a, b, tol float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= tol
}

// Every measure of a region of four voxels, by hand.
func TestSummariseClosedForm(t *testing.T) {
	a := tiny(t, 1, 1, 1, 1, 2, 2, 2, 2, 7, 0)
	cbf := line(10, 20, 30, 60, 50, float32(nan), float32(nan), float32(nan), 80, 100)
	gm := line(1, 0.5, 0.25, 0, 0.8, 1, 1, 1, 0.1, 0.6)
	got, global := a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{})

	// Grey matter of at least ½, atlas or not: 1·10 + 0.5·20 + 0.8·50 + 0.6·100 over 2.9.
	if want := 120 / 2.9; !same(global.Mean, want, 1e-5) || global.N != 4 { // weights are float32
		t.Errorf("global %v of %d voxels, want %v of 4", global.Mean, global.N, want)
	}
	s := got[0]
	weighted := (10 + 10 + 7.5) / 1.75
	for _, m := range []struct {
		name      string
		got, want float64
	}{
		{"mean", s.Mean, 30},
		{"median", s.Median, 25},
		{"SD", s.SD, math.Sqrt((400. + 100 + 0 + 900) / 3)},
		{"weighted", s.Weighted, weighted},
		{"relative", s.Relative, weighted / global.Mean},
		{"volume", s.Volume, 32},
		{"grey volume", s.GMVolume, 1.75 * 8},
		{"coverage", s.Coverage, 1},
	} {
		if !same(m.got, m.want, 1e-5) {
			t.Errorf("%s = %v, want %v", m.name, m.got, m.want)
		}
	}
	// One of four voxels: too little, and it says so.
	s = got[1]
	if !math.IsNaN(s.Mean) || !math.IsNaN(s.Weighted) || !math.IsNaN(s.Median) || !math.IsNaN(s.Relative) || s.N != 1 || s.Coverage != 0.25 || !strings.Contains(s.Note, "1 of 4") {
		t.Errorf("region with a quarter of its voxels: %+v", s)
	}
	got, _ = a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{Coverage: 0.25})
	if got[1].Mean != 50 || got[1].Note != "" || !math.IsNaN(got[1].SD) {
		t.Errorf("with a limit of a quarter: %+v", got[1])
	}
	// A threshold no voxel meets takes the weighted mean only.
	got, _ = a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{Threshold: 0.5})
	if s := got[2]; s.Mean != 80 || !math.IsNaN(s.Weighted) || !strings.Contains(s.Note, "0.5 grey matter") {
		t.Errorf("no grey matter: %+v", s)
	}
	if s := got[0]; !same(s.Weighted, 20/1.5, 1e-6) {
		t.Errorf("weighted above ½: %v, want %v", s.Weighted, 20/1.5)
	}
	// Without grey matter the relative mean is the plain one over all labels.
	got, global = a.Summarise(cbf, nil, nil, a.Regions(), SummaryOptions{})
	if want := (120. + 50 + 80) / 6; !same(global.Mean, want, 1e-12) || !same(got[0].Relative, 30/want, 1e-12) || !math.IsNaN(got[0].Weighted) {
		t.Errorf("without grey matter: %+v, %+v", global, got[0])
	}
	// The mask takes values away.
	valid := voxel.NewMask(a.Grid)
	valid.In[0], valid.In[1] = true, true
	got, global = a.Summarise(cbf, gm, valid, a.Regions(), SummaryOptions{})
	if got[0].Mean != 15 || got[0].Coverage != 0.5 || !math.IsNaN(got[2].Mean) || global.N != 2 {
		t.Errorf("masked: %+v", got)
	}
}

func TestSummariseNothing(t *testing.T) {
	a := tiny(t, 1, 1, 2)
	all := line(float32(nan), float32(nan), float32(nan))
	got, global := a.Summarise(all, all, nil, append(a.Regions(), Region{Name: "none"}), SummaryOptions{})
	if !math.IsNaN(global.Mean) || global.Note == "" {
		t.Errorf("global of nothing: %+v", global)
	}
	for _, s := range got {
		if !math.IsNaN(s.Mean) || !math.IsNaN(s.Relative) || s.Note == "" {
			t.Errorf("%s of nothing: %+v", s.Region.Name, s)
		}
	}
}

// field is a smooth image with some voxels missing, and an atlas of n labels.
func field(t testing.TB, n int) (*Atlas, *voxel.Image, *voxel.Image) {
	t.Helper()
	g := voxel.Grid{Dim: [3]int{20, 21, 22}, Affine: voxel.Scaling(voxel.Vec{2, 2, 2})}
	labels, cbf, gm := voxel.NewImage(g), voxel.NewImage(g), voxel.NewImage(g)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range labels.Data {
		labels.Data[i] = float32(r.IntN(n + 1))
		cbf.Data[i] = float32(50 + 10*r.NormFloat64())
		gm.Data[i] = r.Float32()
		if r.IntN(10) == 0 {
			cbf.Data[i] = float32(nan)
		}
	}
	a, list := New(labels, "i", Table{})
	if list.Err() != nil {
		t.Fatal(list)
	}
	return a, cbf, gm
}

// Renumbering the labels renumbers the regions and changes no number; a join
// equals the weighted sum of its parts; one and eight workers agree bytewise.
func TestSummariseProperties(t *testing.T) {
	const n = 12
	a, cbf, gm := field(t, n)
	got, global := a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{Workers: 1})
	again, g8 := a.Summarise(cbf, gm, nil, a.Regions(), SummaryOptions{Workers: 8})
	if !reflect.DeepEqual(got, again) || global != g8 {
		t.Error("1 and 8 workers differ")
	}

	perm := rand.New(rand.NewPCG(3, 4)).Perm(n)
	labels := voxel.NewImage(a.Grid)
	for i, l := range a.Labels {
		for _, v := range a.Voxels(l.Index) {
			labels.Data[v] = float32(perm[i] + 1)
		}
	}
	b, _ := New(labels, "i", Table{})
	moved, _ := b.Summarise(cbf, gm, nil, b.Regions(), SummaryOptions{})
	for i := range got {
		p, q := got[i], moved[perm[i]]
		p.Region, q.Region = Region{}, Region{}
		if !reflect.DeepEqual(p, q) {
			t.Errorf("label %d: %+v, renumbered %+v", i+1, p, q)
		}
	}

	join, _ := a.Summarise(cbf, gm, nil, []Region{{Name: "j", Labels: []int{2, 5, 9}}}, SummaryOptions{})
	var sum, count float64
	for _, l := range []int{2, 5, 9} {
		sum += got[l-1].Mean * float64(got[l-1].N)
		count += float64(got[l-1].N)
	}
	if !same(join[0].Mean, sum/count, 1e-9) || join[0].N != int(count) {
		t.Errorf("joined mean %v of %d, parts %v of %v", join[0].Mean, join[0].N, sum/count, count)
	}
}

func TestSummarisePanics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.HasPrefix(r.(string), "atlas: ") {
			t.Errorf("recovered %v", r)
		}
	}()
	tiny(t, 1, 2).Summarise(line(1), nil, nil, nil, SummaryOptions{})
}

func BenchmarkSummarise(b *testing.B) {
	g := voxel.Grid{Dim: [3]int{91, 109, 91}, Affine: voxel.Scaling(voxel.Vec{2, 2, 2})}
	labels := voxel.NewImage(g)
	r := rand.New(rand.NewPCG(1, 1))
	for i := range labels.Data {
		labels.Data[i] = float32(i / 5500) // 165 labels
	}
	cbf, gm := voxel.NewImage(g), voxel.NewImage(g)
	for i := range cbf.Data {
		cbf.Data[i], gm.Data[i] = r.Float32(), r.Float32()
	}
	a, _ := New(labels, "i", Table{})
	regions := a.Regions()
	for b.Loop() {
		a.Summarise(cbf, gm, nil, regions, SummaryOptions{})
	}
}
