package phantom

import (
	"math"
	"slices"
	"sync"
	"testing"

	"phasl/voxel"
)

// template is drawn once for all tests.
var template = sync.OnceValue(func() *Drawing {
	n := 2
	if testing.Short() {
		n = 1
	}
	return (&Brain{}).Draw(TemplateGrid(), n, 0)
})

func TestFractionsSumToOne(t *testing.T) {
	d := template()
	for v := range d.Label {
		var sum float64
		for _, f := range d.Fraction {
			sum += float64(f.Data[v])
		}
		if math.Abs(sum-1) > 1e-6 { // eighths are exact in float32
			t.Fatalf("voxel %v: fractions sum to %g", v, sum)
		}
	}
}

func TestTemplateIsSymmetric(t *testing.T) {
	d := template() // its grid is symmetric about x = 0
	for v := range d.Label {
		i, j, k := d.Coord(v)
		m := d.Index(d.Dim[0]-1-i, j, k)
		for tissue, f := range d.Fraction {
			if f.Data[v] != f.Data[m] {
				t.Fatalf("share of %v at %v is %g, mirrored %g", Tissue(tissue), d.World(i, j, k), f.Data[v], f.Data[m])
			}
		}
		if i != d.Dim[0]/2 && d.Label[v] > 0 && (d.Label[v]+1)/2 != (d.Label[m]+1)/2 {
			t.Fatalf("label at %v is %d, mirrored %d", d.World(i, j, k), d.Label[v], d.Label[m])
		}
	}
}

// The volumes are those of a healthy adult, within wide limits, and the brain
// is as large as MNI152, whose mask spans x ±71, y −106…72, z −72…80 mm.
func TestTemplateSize(t *testing.T) {
	d := template()
	var litres [numTissues]float64
	lo, hi := voxel.Vec{1e9, 1e9, 1e9}, voxel.Vec{-1e9, -1e9, -1e9}
	for v := range d.Label {
		for tissue, f := range d.Fraction {
			litres[tissue] += float64(f.Data[v]) * d.VoxelVolume() * 1e-6
		}
		if d.Fraction[Grey].Data[v]+d.Fraction[White].Data[v] > 0.5 {
			p := d.World(d.Coord(v))
			for a := range 3 {
				lo[a], hi[a] = min(lo[a], p[a]), max(hi[a], p[a])
			}
		}
	}
	for _, c := range []struct {
		tissue Tissue
		lo, hi float64
	}{{Grey, 0.6, 0.9}, {White, 0.6, 0.95}, {CSF, 0.2, 0.55}} {
		if x := litres[c.tissue]; x < c.lo || x > c.hi {
			t.Errorf("volume of %v is %.3f L, want %g to %g", c.tissue, x, c.lo, c.hi)
		}
	}
	for a, want := range [3][2]float64{{-71, 71}, {-106, 72}, {-72, 80}} {
		if math.Abs(lo[a]-want[0]) > 4 || math.Abs(hi[a]-want[1]) > 4 {
			t.Errorf("axis %d: brain spans %g to %g mm, MNI152 %g to %g", a, lo[a], hi[a], want[0], want[1])
		}
	}
}

// Each region must lie where its namesake in AAL3 does; see areas. Cortex is a
// ribbon here and a blob there, so 10 mm are allowed for convoluted areas, and
// 4 mm for the three parts of the anterior cingulate, which matter most.
func TestRegionsNearMNI(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the template at full detail")
	}
	d := template()
	type sum struct {
		n int
		p voxel.Vec
	}
	sums := make([]sum, len(Regions())+1)
	for v, l := range d.Label {
		p := d.World(d.Coord(v))
		s := &sums[l]
		s.n++
		for a := range 3 {
			s.p[a] += p[a]
		}
	}
	for _, r := range Regions() {
		s := sums[r.Index]
		if s.n < 20 {
			t.Errorf("%s has %d voxels", r.Name, s.n)
			continue
		}
		got := voxel.Vec{s.p[0] / float64(s.n), s.p[1] / float64(s.n), s.p[2] / float64(s.n)}
		// The centroid of AAL3's label, which is the mean of all seeds of an area.
		var want voxel.Vec
		seeds := areas[(r.Index-1)/2].seeds
		for _, q := range seeds {
			for a := range 3 {
				want[a] += q[a] / float64(len(seeds))
			}
		}
		if r.Side == 'L' {
			want[0] = -want[0]
		}
		limit := 10.0
		if slices.Contains([]string{"sgACC", "pgACC", "dACC", "Thalamus", "Caudate", "Putamen", "Insula"}, r.Base) {
			limit = 4
		}
		if e := voxel.Distance(got, want); e > limit {
			t.Errorf("%s lies at %.1f, want %.1f (%.1f mm off)", r.Name, got, want, e)
		}
	}
}

// Every point of grey matter belongs to a region of its side, and nothing else
// belongs to any.
func TestGreyMatterIsLabelled(t *testing.T) {
	b := &Brain{}
	r := stream(1, "test points", 0)
	for range 20000 {
		p := voxel.Vec{180*r.Float64() - 90, 220*r.Float64() - 130, 180*r.Float64() - 80}
		tissue, region := b.At(p)
		if (tissue == Grey) != (region > 0) {
			t.Fatalf("%v at %v has region %d", tissue, p, region)
		}
		if region > 0 && (region%2 == 1) != (p[0] < 0) {
			t.Fatalf("region %d at x = %g is on the wrong side", region, p[0])
		}
	}
}

// The search by cells must agree with comparing all seeds.
func TestNearestArea(t *testing.T) {
	r := stream(3, "test points", 0)
	for range 20000 {
		p := voxel.Vec{78 * r.Float64(), 190*r.Float64() - 114, 170*r.Float64() - 82}
		best, want := math.Inf(1), 0
		for _, s := range cortexSeeds {
			if d := voxel.Distance(p, voxel.Vec{s.x, s.y, s.z}); d < best {
				best, want = d, s.area
			}
		}
		if got := nearestArea(p[0], p[1], p[2]); got != want {
			t.Fatalf("%v: %s, want %s", p, areas[got].name, areas[want].name)
		}
	}
}

func TestRegionsHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range Regions() {
		if r.Index != i+1 || r.Name != r.Base+"_"+string(r.Side) || seen[r.Name] || r.CBF <= 0 {
			t.Errorf("region %+v at place %d", r, i)
		}
		seen[r.Name] = true
	}
	if len(seen) < 40 {
		t.Errorf("only %d regions", len(seen))
	}
}

// The further waves displace by what was asked for, in both directions, and
// never fold.
func TestSubjectWarp(t *testing.T) {
	for seed := range uint64(6) {
		plain, bent := Subject{Seed: seed + 1, Affine: true}, Subject{Seed: seed + 1, Affine: true, Warp: 3}
		a, b, back := plain.ToTemplate(), bent.ToTemplate(), bent.FromTemplate()
		r := stream(9, "test points", seed)
		var squares, n float64
		for range 3000 {
			p := voxel.Vec{140*r.Float64() - 70, 170*r.Float64() - 100, 140*r.Float64() - 65}
			q := b.Map(p)
			d := voxel.Distance(a.Map(p), q)
			squares, n = squares+d*d, n+1
			if e := voxel.Distance(back.Map(q), p); e > 1e-5 {
				t.Fatalf("seed %d: %v goes to %v and back with an error of %g mm", seed+1, p, q, e)
			}
			// A small tetrahedron keeps its orientation.
			var m voxel.Affine
			for c := range 3 {
				e := p
				e[c] += 0.01
				f := b.Map(e)
				for row := range 3 {
					m[row][c] = (f[row] - q[row]) / 0.01
				}
			}
			if det := m.Det(); !(det > 0.05) {
				t.Fatalf("seed %d: determinant %.2f at %v", seed+1, det, p)
			}
		}
		if rms := math.Sqrt(squares / n); !(rms > 1.5 && rms < 3.6) { // 3 mm on average over people, less where it was held back
			t.Errorf("seed %d: displaced by %.2f mm", seed+1, rms)
		}
	}
}

func TestSubject(t *testing.T) {
	s := Subject{Seed: 3}
	to, from := s.ToTemplate(), s.FromTemplate()
	b := s.Brain()
	r := stream(2, "test points", 0)
	var far float64
	for range 2000 {
		p := voxel.Vec{140*r.Float64() - 70, 170*r.Float64() - 100, 140*r.Float64() - 65}
		q := to.Map(p)
		far = max(far, voxel.Distance(p, q))
		if e := voxel.Distance(from.Map(q), p); e > 1e-6 {
			t.Fatalf("%v goes to %v and back with an error of %g mm", p, q, e)
		}
		t1, r1 := b.At(p)
		if t2, r2 := (&Brain{}).At(q); t1 != t2 || r1 != r2 {
			t.Fatalf("subject holds %v at %v, template %v at %v", t1, p, t2, q)
		}
	}
	if far < 3 || far > 25 {
		t.Errorf("the subject differs from the template by up to %.1f mm: not an individual, or a monster", far)
	}
	if p := (voxel.Vec{1, 2, 3}); (Subject{}).ToTemplate().Map(p) != p {
		t.Error("subject 0 is not the template")
	}
}

func TestDrawDoesNotDependOnWorkers(t *testing.T) {
	g := headBox(voxel.Vec{6, 6, 6}, [3]int{32, 38, 32})
	b := Subject{Seed: 5}.Brain()
	one, eight := b.Draw(g, 2, 1), b.Draw(g, 2, 8)
	for f := range one.Fraction {
		if !slices.Equal(one.Fraction[f].Data, eight.Fraction[f].Data) {
			t.Errorf("shares of %v differ", Tissue(f))
		}
	}
	if !slices.Equal(one.Label, eight.Label) {
		t.Error("labels differ")
	}
	opt := T1wOptions{Bias: 0.2, SNR: 20, Seed: 4}
	if !slices.Equal(one.T1w(opt, 1).Data, eight.T1w(opt, 8).Data) {
		t.Error("T1-weighted images differ")
	}
}

// At a fine grid only voxels at borders are looked into. What that misses must
// be rare: the total share of each tissue stays the same within 1 %.
func TestFineDrawIsFair(t *testing.T) {
	if testing.Short() {
		t.Skip("draws at 1 mm")
	}
	g := headBox(voxel.Vec{1, 1, 1}, [3]int{40, 60, 40}) // deep in the brain, many sulci and nuclei
	b := &Brain{}
	quick := b.Draw(g, 2, 0)
	full := b.draw(g, 2, nil, 0)
	for tissue := range quick.Fraction {
		var a, z float64
		for v := range quick.Label {
			a += float64(quick.Fraction[tissue].Data[v])
			z += float64(full.Fraction[tissue].Data[v])
		}
		if math.Abs(a-z) > 0.01*z {
			t.Errorf("%v fills %.0f voxels, in full %.0f", Tissue(tissue), a, z)
		}
	}
}

func TestT1wContrast(t *testing.T) {
	img := template().T1w(T1wOptions{}, 0)
	at := func(p voxel.Vec) float32 {
		q := TemplateGrid().Affine.Inverse().Map(p)
		return img.At(int(q[0]+0.5), int(q[1]+0.5), int(q[2]+0.5))
	}
	white, thalamus, ventricle := at(voxel.Vec{26, -20, 30}), at(voxel.Vec{12, -16, 6}), at(voxel.Vec{8, 10, 12})
	if !(white > thalamus && thalamus > ventricle && ventricle < white/4) {
		t.Errorf("white %g, thalamus %g, ventricle %g", white, thalamus, ventricle)
	}
}

func BenchmarkDrawTemplate(b *testing.B) {
	for b.Loop() {
		(&Brain{}).Draw(TemplateGrid(), 2, 0)
	}
}

func BenchmarkDrawT1w1mm(b *testing.B) {
	brain := Subject{Seed: 1}.Brain()
	for b.Loop() {
		brain.Draw(HeadGrid(1), 2, 0).T1w(T1wOptions{SNR: 20}, 0)
	}
}

func BenchmarkMaps1mm(b *testing.B) {
	brain := Subject{Seed: 1}.Brain()
	for b.Loop() {
		brain.Maps(HeadGrid(1), Constants{}, Physiology{}, 0)
	}
}

func BenchmarkAt(b *testing.B) {
	brain := Subject{Seed: 1}.Brain()
	g := headBox(voxel.Vec{4, 4, 4}, [3]int{48, 57, 49})
	for b.Loop() {
		brain.points(g, 1) // 134 064 points of a head
	}
}
