package inflate

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"testing"

	klauspost "github.com/klauspost/compress/gzip"

	"phasl/internal/sharedtest"
)

// BenchmarkReader decompresses a file in memory to its end, checksum included;
// MB/s counts what comes out. "made" has 256 KB of 16-bit numbers with noise,
// the rest are images: 25 MB of int16 from a scanner, 1.8 MB of a template.
func BenchmarkReader(b *testing.B) {
	for _, f := range []struct {
		name string
		path []string
	}{
		{"made", nil},
		{"T1w", []string{"data", "asl", "sub-01", "anat", "sub-01_T1w.nii.gz"}},
		{"template", []string{"data", "templates", "MNI152_T1_2mm.nii.gz"}},
	} {
		b.Run(f.name, func(b *testing.B) {
			stream := compress(samples()["image"], gzip.DefaultCompression)
			if f.path != nil {
				var err error
				if stream, err = os.ReadFile(sharedtest.Path(b, f.path...)); err != nil {
					b.Fatal(err)
				}
			}
			for _, c := range []struct {
				name string
				open func(io.Reader) (io.Reader, error)
			}{
				{"ours", func(r io.Reader) (io.Reader, error) { return NewReader(r) }},
				{"klauspost", func(r io.Reader) (io.Reader, error) { return klauspost.NewReader(r) }},
				{"standard", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
			} {
				b.Run(c.name, func(b *testing.B) {
					buf := make([]byte, 1<<16)
					for b.Loop() {
						r, err := c.open(bytes.NewReader(stream))
						var size int64
						for n := 0; err == nil; size += int64(n) {
							n, err = r.Read(buf)
						}
						if err != io.EOF {
							b.Fatal(err)
						}
						b.SetBytes(size)
					}
				})
			}
		})
	}
}
