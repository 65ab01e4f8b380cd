package register

import (
	"testing"

	"phasl/voxel"
)

// The whole of it: affine, deformation, both fields and their checks; 3 mm,
// about 250,000 voxels.
func BenchmarkDeformableShared(b *testing.B) {
	fixed, moving, mask, _ := sharedPair(b, "nonlinear_t1")
	want := sharedBlobs(b)
	b.ReportAllocs()
	for b.Loop() {
		d := Deformable(fixed, moving, DeformableOptions{})
		mean, p95, _ := errorsOver(d.Forward, want, mask)
		b.ReportMetric(mean, "mm")
		b.ReportMetric(p95, "mm95")
	}
}

// The deformation alone of a head of 1 mm, about nine million voxels.
func BenchmarkDeformable1mm(b *testing.B) {
	fixed, moving, _, want := warpedPair(5, 1, t1Contrast)
	b.ReportAllocs()
	for b.Loop() {
		Deformable(fixed, moving, DeformableOptions{Init: &want.affine})
	}
}

// One evaluation of metric and slopes, 600,000 voxels.
func BenchmarkLNCC(b *testing.B) {
	g := box([3]int{90, 90, 75}, voxel.Vec{2, 2, 2}, voxel.Vec{}, voxel.Vec{0, -18, 12})
	head := t1Contrast.render(g, voxel.Identity())
	other := head.Clone()
	spoil(other, 20, 0.1, 1)
	l := newLNCC(g.Dim, 2, 1, 0)
	for b.Loop() {
		l.measure(head.Data, other.Data)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(g.Len()), "ns/voxel")
}
