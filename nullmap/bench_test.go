package nullmap

import (
	"math"
	"testing"

	"phasl/internal/keyed"
)

// benchMap returns a parcel map of n places.
func benchMap(n int) Map {
	p := brain(n)
	x := make([]float64, n)
	r := keyed.Stream(1, forMaps, 0)
	for i, v := range p {
		x[i] = math.Sin(v[1]/30) + math.Cos(v[2]/40) + 0.3*r.NormFloat64()
	}
	return Map{File: "bench", Values: x, Coords: p}
}

func benchmarkNulls(b *testing.B, m Map, o Options, count int) {
	b.ReportAllocs()
	for b.Loop() {
		n, l := New(m, o)
		if n == nil {
			b.Fatal(l)
		}
		n.Each(count, 0, func(int, []float64) {})
	}
}

// 5,000 surrogates of 122 parcels, preparation included.
func BenchmarkVariogram122(b *testing.B) {
	benchmarkNulls(b, benchMap(122), Options{Method: Variogram}, 5000)
}
func BenchmarkGP122(b *testing.B) { benchmarkNulls(b, benchMap(122), Options{}, 5000) }
func BenchmarkBrainSMASH122(b *testing.B) {
	benchmarkNulls(b, benchMap(122), Options{Method: BrainSMASH}, 5000)
}

// 1,000 surrogates of 400 parcels.
func BenchmarkVariogram400(b *testing.B) {
	benchmarkNulls(b, benchMap(400), Options{Method: Variogram}, 1000)
}
func BenchmarkGP400(b *testing.B) { benchmarkNulls(b, benchMap(400), Options{}, 1000) }
func BenchmarkBrainSMASH400(b *testing.B) {
	benchmarkNulls(b, benchMap(400), Options{Method: BrainSMASH}, 1000)
}
func BenchmarkMoran400(b *testing.B) {
	benchmarkNulls(b, benchMap(400), Options{Method: Moran}, 1000)
}

// voxelMap returns a map of about 30,000 voxels of 3 mm: a shell of 19 voxels'
// radius, 12 voxels thick.
func voxelMap() Map {
	m := ball(20, 3, 0)
	for v, in := range m.In {
		p := m.World(m.Coord(v))
		m.In[v] = in && p[0]*p[0]+p[1]*p[1]+p[2]*p[2] > 900
	}
	c := maskCoords(m)
	x := make([]float64, len(c))
	r := keyed.Stream(1, forMaps, 0)
	for i, v := range c {
		x[i] = math.Sin(v[1]/12) + math.Cos(v[2]/15) + 0.3*r.NormFloat64()
	}
	return Map{File: "bench", Values: x, Mask: m}
}

// 100 surrogates of 30,000 voxels; preparation is in BenchmarkVoxelsPrepare.
func BenchmarkVoxelsGP(b *testing.B)        { benchmarkVoxels(b, Options{}) }
func BenchmarkVoxelsVariogram(b *testing.B) { benchmarkVoxels(b, Options{Method: Variogram}) }
func BenchmarkVoxelsSampled(b *testing.B)   { benchmarkVoxels(b, Options{Method: BrainSMASH}) }

func benchmarkVoxels(b *testing.B, o Options) {
	m := voxelMap()
	n, l := New(m, o)
	if n == nil {
		b.Fatal(l)
	}
	b.ReportMetric(float64(len(n.Used)), "voxels")
	b.ResetTimer()
	for b.Loop() {
		n.Each(100, 0, func(int, []float64) {})
	}
}
