package nifti

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// order is what the tests need of binary.LittleEndian and binary.BigEndian.
type order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// A file is a NIfTI-1 file made by hand: the offsets below are written out
// from nifti1.h, independently of the tables of the package.
type file struct {
	b []byte
	o order
}

func (f file) i16(off int, v ...int) file {
	for i, v := range v {
		f.o.PutUint16(f.b[off+2*i:], uint16(v))
	}
	return f
}

func (f file) f32(off int, v ...float64) file {
	for i, v := range v {
		f.o.PutUint32(f.b[off+4*i:], math.Float32bits(float32(v)))
	}
	return f
}

func (f file) text(off int, s string) file {
	copy(f.b[off:], s)
	return f
}

// with returns the file with the voxels v, in their own type, appended.
func (f file) with(v any) file {
	b, err := binary.Append(append([]byte(nil), f.b...), f.o, v)
	if err != nil {
		panic(err)
	}
	return file{b, f.o}
}

// nifti1 returns header and extension bytes of a 3 × 2 × 2 image with voxels
// of 2 × 3 × 4 mm, an sform only, and no voxels yet.
func nifti1(o order, datatype, bitpix int) file {
	f := file{make([]byte, 352), o}
	o.PutUint32(f.b, 348)
	f.i16(40, 3, 3, 2, 2, 1, 1, 1, 1).i16(70, datatype, bitpix)
	f.f32(76, 1, 2, 3, 4, 1, 1, 1, 1).f32(108, 352, 1, 0)
	f.b[123] = 10 // mm, s
	f.i16(252, 0, 1).f32(280, -2, 0, 0, 10, 0, 3, 0, -20, 0, 0, 4, 30)
	return f.text(344, "n+1\x00")
}

// nifti2 is nifti1 with the other header.
func nifti2(o order, datatype, bitpix int) file {
	f := file{make([]byte, 544), o}
	o.PutUint32(f.b, 540)
	f.text(4, "n+2\x00\r\n\x1a\n").i16(12, datatype, bitpix)
	for i, d := range []uint64{3, 3, 2, 2, 1, 1, 1, 1} {
		o.PutUint64(f.b[16+8*i:], d)
	}
	f.f64(104, 1, 2, 3, 4, 1, 1, 1, 1).f64(176, 1, 0)
	o.PutUint64(f.b[168:], 544)
	o.PutUint32(f.b[348:], 1)
	o.PutUint32(f.b[500:], 10)
	return f.f64(400, -2, 0, 0, 10, 0, 3, 0, -20, 0, 0, 4, 30)
}

func (f file) f64(off int, v ...float64) file {
	for i, v := range v {
		f.o.PutUint64(f.b[off+8*i:], math.Float64bits(v))
	}
	return f
}

// plain is a correct file of float32 values 0 … 11.
func plain() file {
	v := make([]float32, 12)
	for i := range v {
		v[i] = float32(i)
	}
	return nifti1(binary.LittleEndian, 16, 32).with(v)
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

// save writes b to a file of that name in a folder of its own.
func save(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// sameFloat reports equality, with NaN equal to NaN.
func sameFloat(a, b float64) bool { return a == b || a != a && b != b }

func sameValues(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}
