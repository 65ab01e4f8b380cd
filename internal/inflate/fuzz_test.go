package inflate

import (
	"compress/gzip"
	"testing"
)

// FuzzReader gives any bytes to both readers, as a gzip stream and as deflate
// data. Whatever they are, the outcomes must be the same.
func FuzzReader(f *testing.F) {
	for _, data := range samples() {
		for _, level := range []int{gzip.HuffmanOnly, gzip.NoCompression, gzip.BestSpeed, gzip.BestCompression} {
			stream := compress(data[:min(len(data), 400)], level)
			f.Add(stream)
			f.Add(stream[10 : len(stream)-8])
		}
	}
	f.Add(append(compress([]byte("one"), 6), compress([]byte("two"), 0)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<14 {
			return
		}
		compare(t, "as gzip", b)
		data := compare(t, "as deflate", wrap(b, nil)).data
		compare(t, "with its checksum", wrap(b, data))
	})
}
