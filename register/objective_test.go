package register

import (
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// smoothPair returns two smooth images of different contrast whose boxes
// overlap fully near the identity, so that the cost is differentiable.
func smoothPair() (*volume, *volume) {
	make := func(n int, size float64, f func(p voxel.Vec) float64) *volume {
		g := box([3]int{n, n, n}, voxel.Vec{size, size, size}, voxel.Vec{}, voxel.Vec{})
		img := voxel.NewImage(g)
		for i := range img.Data {
			img.Data[i] = float32(f(g.World(g.Coord(i))))
		}
		return newVolume(img, nil, 0, 0, 1)
	}
	a := make(20, 4, func(p voxel.Vec) float64 { return 100 * (math.Sin(p[0]/15) + math.Cos(p[1]/17+0.3*p[2]/20)) })
	b := make(60, 2.5, func(p voxel.Vec) float64 {
		return 50 * (math.Sin(p[0]/15+0.2) + 0.5*math.Cos(p[1]/17) + 0.3*math.Sin(p[2]/13))
	})
	return a, b
}

// The analytic derivatives of both metrics by all twelve parameters equal
// central differences. Float32 sampling leaves about 1e-4 of the largest; the
// linear interpolant's kinks, met by few of 8,000 samples over a step of
// 2 µm, less.
func TestGradient(t *testing.T) {
	from, to := smoothPair()
	c := newCloud(from, nil, 1<<30, 1)
	e := &estimator{}
	for _, metric := range []Metric{MutualInformation, Correlation} {
		e.metric = metric
		o := newObjective(c, to, e.likeness(c, to), 1)
		base := voxel.Translation(voxel.Vec{1.3, -0.7, 0.4}).Mul(voxel.Translation(c.centre))
		for _, m := range []model{rigidModel, similarityModel, affineModel} {
			ch := &chart{model: m, base: base, radius: 40}
			theta := make([]float64, m)
			for i := range theta {
				theta[i] = 0.3 * math.Sin(float64(i+1))
			}
			o.value(ch.at(theta))
			g := o.gradient()
			got := make([]float64, m)
			var largest float64
			for k, j := range ch.jacobian(theta) {
				got[k] = dot(&g, &j)
				largest = max(largest, math.Abs(got[k]))
			}
			for k := range theta {
				const h = 2e-3
				up, down := append([]float64(nil), theta...), append([]float64(nil), theta...)
				up[k] += h
				down[k] -= h
				want := (o.value(ch.at(up)) - o.value(ch.at(down))) / (2 * h)
				if math.Abs(got[k]-want) > 0.01*largest {
					t.Errorf("%v, %d parameters: derivative %d is %.6g, by differences %.6g", metric, m, k, got[k], want)
				}
			}
		}
	}
}

// Mutual information of a value with itself is the entropy of its bins; of
// independent values nothing but bias, about bins²/(2N).
func TestMutualKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	const n = 100000
	f, m := make([]float32, n), make([]float32, n)
	for i := range f {
		f[i] = float32(rng.IntN(4))
		m[i] = rng.Float32()
	}
	w := make([]float32, n)
	// Four values far apart: the B-splines do not overlap, so I = ln 4.
	cost, used := newMutual(f, 0, 3.001, 0, 3).cost(f, w, 1)
	if used != n || math.Abs(-cost-math.Log(4)) > 1e-3 {
		t.Errorf("information of four equal values with themselves %.4f, want %.4f", -cost, math.Log(4))
	}
	if cost, _ := newMutual(f, 0, 3.001, 0, 1).cost(m, w, 1); -cost > 0.002 || -cost < 0 {
		t.Errorf("information of independent values %.5f, want below 0.002", -cost)
	}
}

func TestCurvatureIsGaussNewton(t *testing.T) {
	from, to := smoothPair()
	c := newCloud(from, nil, 3000, 1)
	o := newObjective(c, to, newCorrelation(c.f), 1)
	p := voxel.Translation(c.centre)
	o.value(p)
	h := o.curvature()
	var want, count float64
	for n := 0; n < c.len(); n += 4 {
		if v := o.s.m[n]; v == v {
			d := to.inv[0][0] * float64(o.s.gx[n]) // by the world's x: the grid is not turned
			want += d * d * float64(c.y[n]) * float64(c.y[n])
			count++
		}
	}
	want /= count * o.like.variance()
	if got := h[1][1]; math.Abs(got/want-1) > 1e-6 { // float64 sums of the same terms
		t.Errorf("curvature by the element (0,1) = %g, want %g", got, want)
	}
}

func TestPenalty(t *testing.T) {
	turned := voxel.Rotation(voxel.Vec{0.5, -0.3, 1})
	if p := penalty(&turned); p != 0 {
		t.Errorf("a rotation costs %g", p)
	}
	usual := voxel.Scaling(voxel.Vec{1.1, 0.98, 1.12})
	if p := penalty(&usual); p != 0 {
		t.Errorf("a head's usual size costs %g", p)
	}
	stretched := turned.Mul(voxel.Scaling(voxel.Vec{1, 1, 1.5}))
	// s = 1.5^⅓; S = ½·diag(1/s² − 1, 1/s² − 1, 2.25/s² − 1); so ‖S‖ = 0.3957.
	if p, want := penalty(&stretched), 5*math.Pow(0.3957-0.2, 2); math.Abs(p-want) > 1e-3 {
		t.Errorf("stretching by 1.5 costs %g, want %g", p, want)
	}
}

// The Gaussian keeps a linear ramp, also on a thinned grid: no shift.
func TestVolumeKeepsPlace(t *testing.T) {
	g := box([3]int{40, 30, 26}, voxel.Vec{1.5, 2, 2.5}, voxel.Vec{0.1, 0.2, 0.3}, voxel.Vec{3, 4, 5})
	img := voxel.NewImage(g)
	ramp := func(p voxel.Vec) float64 { return 100 + p[0] - 2*p[1] + 0.5*p[2] }
	for n := range img.Data {
		img.Data[n] = float32(ramp(g.World(g.Coord(n))))
	}
	for _, spacing := range []float64{0, 3, 4, 5, 8} {
		v := newVolume(img, nil, 5, spacing, 1)
		i, j, k := v.Dim[0]/2, v.Dim[1]/2, v.Dim[2]/2
		got, want := float64(v.data[v.Index(i, j, k)]), ramp(v.World(i, j, k))
		if math.Abs(got-want) > 0.05 { // kernels are cut off at 3σ: the middle does not feel the edge
			t.Errorf("spacing %g: %v at the middle %.3f, want %.3f", spacing, v.Dim, got, want)
		}
	}
}
