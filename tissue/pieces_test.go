package tissue

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"phasl/voxel"
)

func ball(g voxel.Grid, r float64, keep func(p voxel.Vec) bool) *voxel.Mask {
	m := voxel.NewMask(g)
	for n := range m.In {
		p := g.World(g.Coord(n))
		m.In[n] = norm(p) < r && keep(p)
	}
	return m
}

func anywhere(voxel.Vec) bool { return true }

// A mask of all that is perfused misses little; half of it misses what lies
// within 15 mm of it, and says so.
func TestCheckPerfusion(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{44, 44, 30}, Affine: voxel.Translation(voxel.Vec{-66, -66, -45}).Mul(voxel.Scaling(voxel.Vec{3, 3, 3}))}
	full := ball(g, 40, anywhere)
	half := ball(g, 40, func(p voxel.Vec) bool { return p[0] < -1 })
	flow := voxel.NewImage(g)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range flow.Data {
		flow.Data[n] = float32(r.NormFloat64())
		if full.In[n] {
			flow.Data[n] += 60
		}
	}
	var rep ASLReport
	rep.checkPerfusion(full, flow, 1)
	if rep.Missed > 0.1 || rep.Perfused < 0.99 || len(rep.Notes) > 0 {
		t.Errorf("all of it: %+v", rep)
	}
	rep = ASLReport{}
	rep.checkPerfusion(half, flow, 1)
	// The slab of 15 mm beside the half: 15·(3·40² − 15²)/3 of 2·40³/3 + that, in π mm³.
	slab := 15 * (3*40*40 - 15*15) / 3.
	if want := slab / (slab + 2*40*40*40/3.); math.Abs(rep.Missed-want) > 0.05 || len(rep.Notes) != 1 {
		t.Errorf("half of it: %+v, want %.2f missed", rep, want) // steps of 3 mm, blurred edges
	}
}

// Faces are named by where they lie in the world, whichever way arrays run.
func TestCutFaces(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		g := voxel.Grid{Dim: [3]int{20, 20, 20}, Affine: voxel.Scaling(voxel.Vec{4 * sign, 4, 4})}
		m := voxel.NewMask(g)
		for n := range m.In {
			i, _, k := m.Coord(n)
			m.In[n] = i < 3 && k < 18 && k > 2
		}
		want := []string{"left", "posterior", "anterior"}
		if sign < 0 {
			want = []string{"right", "posterior", "anterior"}
		}
		// Each of the two ends holds 3·15·16 mm² = 720 mm²: less than 10 cm².
		if got := cutFaces(m); !slices.Equal(got, want[:1]) {
			t.Errorf("x runs by %v: %v, want %v", sign, got, want[:1])
		}
	}
}

// A dark part is dropped, a bridge cut, and a hole filled that is open below.
func TestTidyASL(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{60, 40, 16}, Affine: voxel.Translation(voxel.Vec{-60, -60, 0}).Mul(voxel.Scaling(voxel.Vec{3, 3, 4}))}
	brain := ball(g, 50, func(p voxel.Vec) bool { return norm(p) > 10 })
	m := brain.Clone()
	img := voxel.NewImage(g)
	for n := range img.Data {
		p := g.World(g.Coord(n))
		img.Data[n] = 100
		if p[0] > 49 && math.Abs(p[1]) < 2 && p[2] > 6 && p[2] < 10 { // one voxel wide
			m.In[n] = true
		}
		if p[1] > 40 {
			img.Data[n] = 30 // below 0.35 of the median
		}
	}
	got := tidyASL(m, img, limits{low: 0, median: 100}, 1)
	for n, in := range got.In {
		p := g.World(g.Coord(n))
		switch {
		case p[1] > 40 && in:
			t.Fatalf("dark voxel at %v kept", p)
		case p[0] > 60 && in:
			t.Fatalf("bridge at %v kept", p)
		case norm(p) < 40 && p[1] < 34 && !in:
			t.Fatalf("voxel at %v lost, or its hole not filled", p)
		}
	}
}

func TestASLPlausible(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{50, 50, 50}, Affine: voxel.Scaling(voxel.Vec{4, 4, 4})} // 8 L
	for _, tt := range []struct {
		ml   float64
		want bool
	}{{200, false}, {300, true}, {2200, true}, {2400, false}} {
		m := voxel.NewMask(g)
		for n := range int(tt.ml * 1000 / 64) {
			m.In[n] = true
		}
		if aslPlausible(m) != tt.want {
			t.Errorf("%v mL: %v", tt.ml, !tt.want)
		}
	}
}

// One round from means that are off gives the variances about the new means.
func TestUpdateMixture(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	e := &estimation{mix: mixture{mean: [3]float64{25, 65, 105}, variance: [3]float64{9, 9, 9}, weight: [nClass]float64{0.33, 0.005, 0.33, 0.005, 0.33}}, workers: 1}
	for i := range 30000 {
		e.y = append(e.y, [3]float64{30, 60, 100}[i%3]+2*r.NormFloat64())
	}
	e.updateMixture()
	for c, want := range [3]float64{30, 60, 100} {
		// The mixed classes take part of one flank of each.
		if math.Abs(e.mix.mean[c]-want) > 1.5 || e.mix.variance[c] > 8 || e.mix.variance[c] < 1 {
			t.Errorf("class %d: mean %v, variance %v", c, e.mix.mean[c], e.mix.variance[c])
		}
	}
	m := mixture{variance: [3]float64{100, 100, 4}}
	m.limitSpread()
	if m.variance != [3]float64{24, 16, 4} {
		t.Errorf("limited variances %v", m.variance)
	}
	l := logPrior{float32(math.Log(0.1)), float32(math.Log(0.4)), float32(math.Log(0.5))}
	for k, want := range []float64{0.1, math.Sqrt(0.04), 0.4, math.Sqrt(0.2), 0.5} {
		if got := math.Exp(l.of(k)); math.Abs(got-want) > 1e-6 {
			t.Errorf("prior of class %d is %v, want %v", k, got, want)
		}
	}
}

// The mean-field rounds on a small grid of unequal spacings, against the
// formula summed over all pairs of voxels.
func TestClassify(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{3, 4, 3}, Affine: voxel.Scaling(voxel.Vec{2, 4, 6})} // too large for rims
	img, mask := voxel.NewImage(g), voxel.NewMask(g)
	r := rand.New(rand.NewPCG(5, 6))
	for n := range img.Data {
		img.Data[n], mask.In[n] = float32(20+90*r.Float64()), n%7 != 3
	}
	m := mixture{mean: [3]float64{30, 60, 100}, variance: [3]float64{90, 90, 90}, weight: [nClass]float64{0.2, 0.2, 0.2, 0.2, 0.2}}
	b := collect(img, mask)
	bias := make([]float32, len(b.at))
	for i := range bias {
		bias[i] = 1
	}
	const beta = 0.4
	got := classify(m, b, bias, nil, beta, g, 1)
	like := make([]densities, len(b.at))
	p := make([][nClass]float64, len(b.at))
	for i, v := range b.value {
		like[i] = m.components().at(float64(v))
		m.posterior(&like[i].d, nil, &p[i])
	}
	cost := [nClass]float64{0, 0.25, 1, 1, 1} // by how many classes apart
	for range 5 {
		next := make([][nClass]float64, len(p))
		for i := range p {
			sum := 0.0
			for k := range nClass {
				e := 0.0
				for j := range p {
					d := sub(g.World(g.Coord(int(b.at[i]))), g.World(g.Coord(int(b.at[j]))))
					steps := math.Abs(d[0])/2 + math.Abs(d[1])/4 + math.Abs(d[2])/6
					if steps != 1 {
						continue
					}
					for l := range nClass {
						e += beta * 2 / norm(d) * cost[max(k-l, l-k)] * p[j][l]
					}
				}
				next[i][k] = like[i].d[k] * math.Exp(-e)
				sum += next[i][k]
			}
			for k := range nClass {
				next[i][k] /= sum
			}
		}
		p = next
	}
	for i := range p {
		f := like[i].f
		want := [3]float64{p[i][0] + p[i][1]*(1-f[0]), p[i][2] + p[i][1]*f[0] + p[i][3]*(1-f[1]), p[i][4] + p[i][3]*f[1]}
		for c := range 3 { // the table interpolates, and probabilities are float32
			if math.Abs(float64(got[i][c])-want[c]) > 1e-4 {
				t.Errorf("voxel %d: %v, want %v", i, got[i], want)
				break
			}
		}
	}
}
