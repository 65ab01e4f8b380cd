package register

import (
	"testing"

	"phasl/phantom"
	"phasl/voxel"
)

func BenchmarkShared(b *testing.B) {
	for _, tt := range sharedPairs {
		b.Run(tt.name, func(b *testing.B) {
			fixed, moving, mask, want := sharedPair(b, tt.name)
			for b.Loop() {
				r := tt.fn(fixed, moving, Options{})
				e, _ := meanError(r.Transform, want, mask)
				b.ReportMetric(e, "mm")
			}
		})
	}
	b.Run("motion_4d", func(b *testing.B) {
		s, _, _ := sharedMotion(b)
		for b.Loop() {
			if _, err := Motion(s, MotionOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRigid(b *testing.B) {
	fixed, moving, _, _ := randomPair(0, m0Contrast, false)
	b.ReportAllocs()
	for b.Loop() {
		Rigid(fixed, moving, Options{})
	}
}

func BenchmarkAffine(b *testing.B) {
	fixed, moving, _, _ := randomPair(0, t1Contrast, true)
	b.ReportAllocs()
	for b.Loop() {
		Affine(fixed, moving, Options{})
	}
}

func BenchmarkMotion(b *testing.B) {
	s, group, _ := scan{volumes: 6, tissue: suppressed, perfusion: 15, noise: 8, drift: 2}.series(0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Motion(s, MotionOptions{Group: group}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValueAndGradient(b *testing.B) {
	from, to := smoothPair()
	c := newCloud(from, nil, 1<<30, 1)
	e := &estimator{metric: MutualInformation}
	o := newObjective(c, to, e.likeness(c, to), 1)
	pose := voxel.Translation(c.centre)
	for b.Loop() {
		o.value(pose)
		o.gradient()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.len()), "ns/sample")
}

func BenchmarkBoundary(b *testing.B) {
	c := newBoundaryCase(phantom.GE3DSpiral(), 1, 2)
	off := offBy.About(c.t1.Centre()).Mul(c.want)
	b.ReportAllocs()
	for b.Loop() {
		Boundary(c.images["ΔM"], c.trueWhite, off, BoundaryOptions{Grey: c.trueGrey})
	}
}
