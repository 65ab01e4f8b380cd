package nifti

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"phasl/diag"
)

// FuzzDecode feeds any bytes to the decoder, as a stream and as the header of
// a pair. It must not panic or hang; it must explain what it refuses; and
// what it reads must survive being written and read again.
func FuzzDecode(f *testing.F) {
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		for _, d := range []Datatype{Uint8, Int8, Int16, Uint16, Int32, Uint32, Int64, Uint64, Float32, Float64, 32, 128, 1536} {
			data := make([]byte, 12*max(1, d.Bytes()))
			for i := range data {
				data[i] = byte(37 * i)
			}
			f.Add(nifti1(o, int(d), 8*d.Bytes()).f32(112, 2, 1).with(data).b)
			f.Add(nifti2(o, int(d), 8*d.Bytes()).with(data).b)
		}
	}
	b := plain().b
	f.Add(zip(b))
	f.Add(zip(b)[:100])
	f.Add(plain().text(344, "ni1\x00").b)
	f.Add(plain().text(344, "\x00\x00\x00\x00").b)
	f.Add(plain().i16(252, 1, 0).f32(256, 0.5, 0.5, 0.5).b)
	f.Add(plain().i16(40, 5, 1, 1, 1, 3, 4).b)
	f.Add(plain().i16(40, 3, 1290, 1290, 1290).b)
	f.Add([]byte("text, not an image"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		s, h, err := Decode(bytes.NewReader(b))
		if err != nil {
			var p *diag.Problem
			if !errors.As(err, &p) || p.Found == "" || p.Fix == "" {
				t.Fatalf("error without a problem: %v", err)
			}
		} else {
			if len(s.Vols) != h.Volumes() || len(s.Vols[0]) != s.Len() {
				t.Fatalf("%d volumes of %d, header %v", len(s.Vols), len(s.Vols[0]), h.Shape)
			}
			if s.Len()*len(s.Vols) < 1<<16 && len(s.Vols) < 1<<15 {
				o := Options{TR: h.TR, Descrip: h.Descrip, Intent: h.Intent}
				enc, err := newEncoder("again.nii", s.Grid, s.Vols, append(s.Dim[:3:3], len(s.Vols)), o)
				if err == nil { // not every affine of NIfTI-2 fits in float32
					var out bytes.Buffer
					if err := enc.writePlain(&out); err != nil {
						t.Fatal(err)
					}
					again, _, err := Decode(&out)
					if err != nil {
						t.Fatalf("written and not readable: %v", err)
					}
					for v := range s.Vols {
						if !sameValues(again.Vols[v], s.Vols[v]) {
							t.Fatal("the values changed")
						}
					}
				}
			}
		}
		path := filepath.Join(dir, "pair.hdr")
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		ReadSeries(path)
	})
}

// A header may claim eight gigabytes; a stream that then ends, and a small
// compressed file, must not cost them.
func TestMemoryBound(t *testing.T) {
	b := plain().i16(40, 3, 1290, 1290, 1290).b // 2.1·10⁹ voxels, just below the limit
	path := save(t, "a.nii.gz", zip(append(b, make([]byte, 1<<20)...)))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := Decode(bytes.NewReader(b)); err == nil {
		t.Error("a truncated stream was read")
	}
	if _, _, err := Decode(bytes.NewReader(zip(b))); err == nil {
		t.Error("a truncated gzip stream was read")
	}
	if _, _, err := ReadSeries(path); err == nil {
		t.Error("a truncated file was read")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 {
		t.Errorf("%d MiB were allocated", used>>20)
	}
}
