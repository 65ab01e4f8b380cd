package nifti

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"phasl/voxel"
)

// BenchmarkConvert converts one million voxels that are already in memory.
func BenchmarkConvert(b *testing.B) {
	for _, d := range []Datatype{Uint8, Int16, Float32, Int32, Float64, Uint64} {
		for _, c := range []converter{{datatype: d, slope: 1}, {datatype: d, slope: 1, swap: true}, {datatype: d, scale: true, slope: 2, inter: 1}} {
			b.Run(fmt.Sprintf("%v/swap=%v/scale=%v", d, c.swap, c.scale), func(b *testing.B) {
				const n = 1 << 14
				dst, src := make([]float32, n), make([]byte, n*d.Bytes())
				for b.Loop() {
					for range 64 {
						c.convert(dst, src)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(64*n), "ns/voxel")
			})
		}
	}
}

// BenchmarkReadFile and BenchmarkWriteFile read and write the image that
// PHASL_BENCH_IMAGE names, whole: header, inflate, checksum, conversion, or
// the reverse. The names say what is set against nibabel in
// docs/formats/nifti.md. BenchmarkSkipFile only checks that the file is whole.
func BenchmarkReadFile(b *testing.B) {
	path := benchImage(b)
	for b.Loop() {
		s, _, err := ReadSeries(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(4 * s.Len() * len(s.Vols)))
	}
}

func BenchmarkSkipFile(b *testing.B) {
	path := benchImage(b)
	for b.Loop() {
		r, err := Open(path)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(r.Header.Grid().Len()) * int64(r.Header.Volumes()*r.Header.Datatype.Bytes()))
		for err == nil {
			err = r.Next(nil)
		}
		r.Close()
		if err != io.EOF {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteFile(b *testing.B) {
	s, _, err := ReadSeries(benchImage(b))
	if err != nil {
		b.Fatal(err)
	}
	out := filepath.Join(b.TempDir(), "out.nii.gz")
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			b.SetBytes(int64(4 * s.Len() * len(s.Vols)))
			for b.Loop() {
				if err := WriteSeries(out, s, Options{Workers: workers}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchImage returns the file of PHASL_BENCH_IMAGE, or makes one: 192 × 256 ×
// 256 values of float32, two thirds of them 0, the rest smooth with noise.
func benchImage(b *testing.B) string {
	if path := os.Getenv("PHASL_BENCH_IMAGE"); path != "" {
		return path
	}
	m := voxel.NewImage(voxel.Grid{Dim: [3]int{192, 256, 256}, Affine: voxel.Identity()})
	rng := rand.New(rand.NewPCG(1, 2))
	for k := 64; k < 150; k++ {
		for i := range 192 * 256 {
			m.Data[192*256*k+i] = float32(100 + 50*math.Sin(float64(i)/40) + rng.NormFloat64())
		}
	}
	path := filepath.Join(b.TempDir(), "brain.nii.gz")
	if err := WriteImage(path, m, Options{}); err != nil {
		b.Fatal(err)
	}
	return path
}
