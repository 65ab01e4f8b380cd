package voxel

import "testing"

// mni2 is the 2 mm MNI152 grid, 902,629 voxels.
var mni2 = Grid{
	Dim:    [3]int{91, 109, 91},
	Affine: Affine{{-2, 0, 0, 90}, {0, 2, 0, -126}, {0, 0, 2, -72}},
}

// tilt is a rotation of a few degrees and a shift, as motion makes them.
var tilt = Rotation(Vec{0.05, -0.03, 0.08}).About(mni2.Centre()).Mul(Translation(Vec{1.3, -0.7, 2.1}))

func benchWarp() *Warp {
	g := mni2.WithSpacing(Vec{4, 4, 4})
	var d [3][]float32
	for a := range d {
		d[a] = make([]float32, g.Len())
		for n := range d[a] {
			d[a][n] = float32(n%7) * 0.1
		}
	}
	return NewWarp(g, d)
}

// Each iteration resamples or filters one 2 mm MNI volume on one worker.
func BenchmarkResample(b *testing.B) {
	img := hashed(mni2)
	warp := benchWarp()
	for _, bb := range []struct {
		name   string
		interp Interp
		t      Transform
	}{
		{"nearest/affine", Nearest, tilt},
		{"linear/affine", Linear, tilt},
		{"linear/warp", Linear, Chain{tilt, warp}},
		{"cubic/affine", Cubic, tilt},
		{"cubic/warp", Cubic, Chain{tilt, warp}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				Resample(img, mni2, bb.t, bb.interp, 1)
			}
			b.ReportMetric(float64(mni2.Len())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvox/s")
		})
	}
	b.Run("linear/affine/kernel", func(b *testing.B) { // without allocation and path
		s := NewSampler(img, Linear)
		at, dst := make([]Vec, 91), make([]float32, 91)
		newPath(mni2, tilt, mni2).row(at, 0, 50, 40)
		for b.Loop() {
			s.AtVoxels(dst, at)
		}
		b.ReportMetric(91*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvox/s")
	})
}

// Four volumes on one worker.
func BenchmarkResampleSeries(b *testing.B) {
	s := &Series{Grid: mni2}
	for range 4 {
		s.Vols = append(s.Vols, hashed(mni2).Data)
	}
	warp := benchWarp()
	for b.Loop() {
		ResampleSeries(s, mni2, Chain{tilt, warp}, Linear, 1)
	}
	b.ReportMetric(4*float64(mni2.Len())*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mvox/s")
}

func BenchmarkPrefilter(b *testing.B) {
	img := hashed(mni2)
	for b.Loop() {
		newSampler(img, Cubic, 1)
	}
}

// 27 samples a voxel.
func BenchmarkAverage(b *testing.B) {
	img := hashed(mni2)
	onto := mni2.WithSpacing(Vec{6, 6, 6})
	for b.Loop() {
		Average(img, onto, tilt, 3, 1)
	}
}

func BenchmarkSmooth(b *testing.B) {
	img := hashed(mni2)
	holed := img.Clone()
	for n := range holed.Data[:100000] {
		holed.Data[n] = nan32
	}
	for _, bb := range []struct {
		name    string
		img     *Image
		workers int
	}{{"6mm/1worker", img, 1}, {"6mm/2workers", img, 2}, {"6mm/gaps/1worker", holed, 1}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Smooth(bb.img, 6, bb.workers)
			}
		})
	}
}

func benchMask() *Mask {
	m := NewMask(mni2)
	for n := range m.In {
		i, j, k := m.Coord(n)
		x, y, z := i-45, j-54, k-45
		m.In[n] = x*x+y*y+z*z < 1500 && (i*7+j*5+k*3)%11 != 0
	}
	return m
}

func BenchmarkEDT(b *testing.B) {
	m := benchMask()
	for b.Loop() {
		EDT(m, 1)
	}
}

func BenchmarkComponents(b *testing.B) {
	m := benchMask()
	for b.Loop() {
		Components(m)
	}
}

func BenchmarkFillHoles(b *testing.B) {
	m := benchMask()
	for b.Loop() {
		FillHoles(m)
	}
}

func BenchmarkPercentile(b *testing.B) {
	img := hashed(mni2)
	for b.Loop() {
		Percentile(img.Data, 95)
	}
}
