package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// outcome is what a reader made of a stream.
type outcome struct {
	data []byte
	err  error // nil at the proper end
}

func ours(r io.Reader) outcome {
	z, err := NewReader(r)
	if err != nil {
		return outcome{nil, err}
	}
	data, err := io.ReadAll(z)
	return outcome{data, err}
}

func standard(r io.Reader) outcome {
	z, err := gzip.NewReader(r)
	if err != nil {
		return outcome{nil, err}
	}
	data, err := io.ReadAll(z)
	return outcome{data, err}
}

// differ says in what two outcomes differ, "" if in nothing: the bytes and the
// error must be those of the standard library, the place that a
// CorruptInputError names apart. Where a stream is cut off we may stop one turn
// of the loop early, or a few bytes late, because compress/flate waits for as
// many bits as the end of the block takes; for the same reason only we see
// damage in the very last bits.
func differ(got, want outcome) string {
	var c flate.CorruptInputError
	if errors.As(want.err, &c) {
		if !errors.As(got.err, &c) {
			return fmt.Sprintf("error %v, want %v", got.err, want.err)
		}
	} else if got.err != want.err && !(want.err == io.ErrUnexpectedEOF && errors.As(got.err, &c)) {
		return fmt.Sprintf("error %v, want %v", got.err, want.err)
	}
	n := min(len(got.data), len(want.data))
	most := n
	if want.err == io.ErrUnexpectedEOF {
		most += 260
	}
	if max(len(got.data), len(want.data)) > most || !bytes.Equal(got.data[:n], want.data[:n]) {
		return fmt.Sprintf("%d bytes, want %d (error %v)", len(got.data), len(want.data), want.err)
	}
	return ""
}

// compare reads a stream with both readers.
func compare(t *testing.T, name string, stream []byte) outcome {
	t.Helper()
	want := standard(bytes.NewReader(stream))
	if d := differ(ours(bytes.NewReader(stream)), want); d != "" {
		t.Errorf("%s: %s", name, d)
	}
	return want
}

func compress(data []byte, level int) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		panic(err)
	}
	w.Write(data)
	w.Close()
	return out.Bytes()
}

// wrap makes a gzip stream of deflate data; the checksum is right only if sum
// was decompressed from it.
func wrap(deflate, sum []byte) []byte {
	b := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}, deflate...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(sum))
	return binary.LittleEndian.AppendUint32(b, uint32(len(sum)))
}

// samples returns data of many kinds: none, noise, runs, periods, smooth
// numbers with noise as in images, and one whose codes are as long as can be.
func samples() map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	s := map[string][]byte{"empty": nil, "byte": {7}, "zeros": make([]byte, 300000)}
	noise := make([]byte, 200000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	s["noise"] = noise
	for _, period := range []int{2, 3, 4, 7, 8, 9, 255, 32768, 32769} {
		p := make([]byte, 100000)
		for i := range p {
			p[i] = noise[i%period]
		}
		s[fmt.Sprintf("period %d", period)] = p
	}
	var image []byte
	for i := range 1 << 17 {
		v := uint16(0)
		if i%512 > 100 {
			v = uint16(1000 + i%300 + int(40*rng.NormFloat64()))
		}
		image = binary.LittleEndian.AppendUint16(image, v)
	}
	s["image"] = image
	// Frequencies that double make codes of 1, 2, 3 … bits.
	var skew []byte
	for range 200000 {
		k := 0
		for k < 40 && rng.Uint32()&1 == 0 {
			k++
		}
		skew = append(skew, byte(k))
	}
	s["skewed"] = skew
	return s
}

// Every kind of data at every level comes back as it was.
func TestLevels(t *testing.T) {
	for name, data := range samples() {
		for level := gzip.HuffmanOnly; level <= gzip.BestCompression; level++ {
			got := ours(bytes.NewReader(compress(data, level)))
			if got.err != nil || !bytes.Equal(got.data, data) {
				t.Errorf("%s, level %d: %d bytes, %v; want %d", name, level, len(got.data), got.err, len(data))
			}
		}
	}
}

// The result does not depend on the portions in which input comes and output
// is taken.
func TestPortions(t *testing.T) {
	data := samples()["image"]
	for _, level := range []int{gzip.NoCompression, gzip.DefaultCompression} {
		stream := compress(data, level)
		for name, r := range map[string]io.Reader{
			"one byte": iotest.OneByteReader(bytes.NewReader(stream)),
			"hesitant": &hesitant{r: iotest.OneByteReader(bytes.NewReader(stream))},
			"half":     iotest.HalfReader(bytes.NewReader(stream)),
			"with EOF": iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			if got := ours(r); got.err != nil || !bytes.Equal(got.data, data) {
				t.Errorf("%s, level %d: %d bytes, %v", name, level, len(got.data), got.err)
			}
		}
		z, err := NewReader(bytes.NewReader(stream))
		if err != nil {
			t.Fatal(err)
		}
		if err := iotest.TestReader(z, data); err != nil {
			t.Error(err)
		}
	}
}

// Members follow one another; their headers may have all the optional fields.
func TestMembers(t *testing.T) {
	var all bytes.Buffer
	for i, data := range [][]byte{[]byte("one"), samples()["period 32768"], nil, bytes.Repeat([]byte("two"), 50000), nil, []byte("one")} {
		w := gzip.NewWriter(&all)
		w.Name, w.Comment = strings.Repeat("ä", i), "comment"
		w.Extra = make([]byte, 10000*i) // up to 60000, the field's limit being 65535
		w.Write(data)
		w.Close()
	}
	if want := compare(t, "members", all.Bytes()); want.err != nil {
		t.Fatal(want.err)
	}

	// A match must not reach back into the member before: this one begins with
	// a fixed block of one match.
	var b bitWriter
	b.put(3, 3)
	b.match(3, 1)
	b.code(256)
	compare(t, "match across members", append(compress([]byte("before"), 6), wrap(b.bytes(), []byte("eee"))...))

	head := []byte{0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 255} // with a checksum of the header
	body := compress([]byte("body"), 6)[10:]
	sum := binary.LittleEndian.AppendUint16(head[:10:10], uint16(crc32.ChecksumIEEE(head)))
	if want := compare(t, "header checksum", append(sum, body...)); want.err != nil {
		t.Error(want.err)
	}
	sum[10]++
	if want := compare(t, "wrong header checksum", append(sum, body...)); want.err != gzip.ErrHeader {
		t.Error(want.err)
	}
	head[3] = 8
	for _, n := range []int{0, 510, 511, 512, 513} {
		compare(t, fmt.Sprintf("name of %d", n), append(append(head[:10:10], append(bytes.Repeat([]byte("n"), n), 0)...), body...))
	}
}

// Every cut and every flipped bit of some streams has the outcome that the
// standard library has.
func TestDamage(t *testing.T) {
	text := []byte("the quick brown fox, the quick brown dog and a quick fox; 0123456789")
	long := samples()["image"][:1200]
	streams := map[string][]byte{
		"stored":  compress(text, gzip.NoCompression),
		"fixed":   compress(text[:30], gzip.BestCompression),
		"huffman": compress(bytes.Repeat(text, 3), gzip.HuffmanOnly),
		"dynamic": compress(long, gzip.BestCompression),
		"members": append(compress(text, 6), compress(text, 1)...),
		"trailer": append(compress(text, 6), 0, 0, 0),
	}
	for name, stream := range streams {
		for n := range len(stream) {
			compare(t, fmt.Sprintf("%s cut to %d", name, n), stream[:n])
		}
		step := 1 + len(stream)/100
		for i := 0; i < 8*len(stream); i += step {
			b := bytes.Clone(stream)
			b[i/8] ^= 1 << (i % 8)
			compare(t, fmt.Sprintf("%s, bit %d", name, i), b)
		}
	}
	// Far into a stream, where the buffers have been moved.
	rng := rand.New(rand.NewPCG(5, 6))
	stream := compress(samples()["image"], gzip.DefaultCompression)
	for range 60 {
		b := bytes.Clone(stream[:len(stream)-rng.IntN(2)*rng.IntN(len(stream))])
		i := rng.IntN(8 * len(b))
		b[i/8] ^= 1 << (i % 8)
		compare(t, fmt.Sprintf("%d bytes of an image, bit %d", len(b), i), b)
	}
}

// An error of the source comes after the data before it.
func TestSourceError(t *testing.T) {
	broken := errors.New("broken")
	stream := compress(samples()["image"], 6)
	for _, n := range []int{5, 12, 1000, len(stream) - 4} {
		open := func() io.Reader { return io.MultiReader(bytes.NewReader(stream[:n]), iotest.ErrReader(broken)) }
		got, want := ours(open()), standard(open())
		if missing := len(want.data) - len(got.data); got.err != broken || missing < 0 || missing > 260 {
			t.Errorf("after %d bytes: %d bytes and %v, want %d and %v", n, len(got.data), got.err, len(want.data), want.err)
		}
	}
	if got := ours(idle{}); got.err != io.ErrNoProgress {
		t.Errorf("a source that gives nothing: %v", got.err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// hesitant gives nothing every other time.
type hesitant struct {
	r    io.Reader
	turn int
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.turn++; h.turn%2 == 0 {
		return 0, nil
	}
	return h.r.Read(p)
}

// Reading needs no memory beyond the reader itself.
func TestAllocations(t *testing.T) {
	stream := compress(make([]byte, 1<<24), 6)
	buf := make([]byte, 1<<16)
	if n := testing.AllocsPerRun(1, func() {
		z, err := NewReader(bytes.NewReader(stream))
		for err == nil {
			_, err = z.Read(buf)
		}
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}
