package inflate

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// A bitWriter writes deflate data by hand, with the fixed codes as the tables
// of RFC 1951 give them.
type bitWriter struct {
	out  []byte
	bits uint64
	n    int
}

// put writes the low n bits of v, lowest first.
func (b *bitWriter) put(v uint64, n int) {
	b.bits |= v << b.n
	for b.n += n; b.n >= 8; b.n -= 8 {
		b.out = append(b.out, byte(b.bits))
		b.bits >>= 8
	}
}

// word writes a word of a code, highest bit first.
func (b *bitWriter) word(v, n int) {
	for i := n - 1; i >= 0; i-- {
		b.put(uint64(v>>i&1), 1)
	}
}

// code writes a literal or length symbol.
func (b *bitWriter) code(s int) {
	switch {
	case s < 144:
		b.word(0x30+s, 8)
	case s < 256:
		b.word(0x190+s-144, 9)
	case s < 280:
		b.word(s-256, 7)
	default:
		b.word(0xc0+s-280, 8)
	}
}

// match writes a match, looking symbol and extra bits up in the lists of
// RFC 1951, 3.2.5.
func (b *bitWriter) match(length, distance int) {
	lengths := []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	extra := []int{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	i, found := slices.BinarySearch(lengths, length)
	if !found {
		i--
	}
	b.code(257 + i)
	b.put(uint64(length-lengths[i]), extra[i])
	distances := []int{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	i, found = slices.BinarySearch(distances, distance)
	if !found {
		i--
	}
	b.word(i, 5)
	b.put(uint64(distance-distances[i]), max(0, i/2-1))
}

func (b *bitWriter) bytes() []byte {
	out := b.out
	if b.n > 0 {
		out = append(out[:len(out):len(out)], byte(b.bits))
	}
	return out
}

// header writes the header of a dynamic block whose code of lengths has four
// bits for each of the lengths 0 to 15, so that none is repeated.
func (b *bitWriter) header(lits, dists []int) {
	b.put(1|2<<1, 3)
	b.put(uint64(len(lits)-257), 5)
	b.put(uint64(len(dists)-1), 5)
	b.put(19-4, 4)
	for _, s := range preOrder {
		if s < 16 {
			b.put(4, 3)
		} else {
			b.put(0, 3)
		}
	}
	for _, n := range append(slices.Clone(lits), dists...) {
		b.word(n, 4)
	}
}

// Matches of every length from near, and of some from everywhere, are what
// copying byte by byte makes.
func TestMatches(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var want []byte
	var b bitWriter
	b.put(3, 3)
	literal := func() {
		v := byte(rng.Uint32())
		want = append(want, v)
		b.code(int(v))
	}
	match := func(length, distance int) {
		b.match(length, distance)
		for range length {
			want = append(want, want[len(want)-distance])
		}
	}
	for range 40 {
		literal()
	}
	for length := 3; length <= 258; length++ {
		for distance := 1; distance <= 40; distance++ {
			for range rng.IntN(4) {
				literal()
			}
			match(length, distance)
		}
	}
	for range 20000 {
		for range rng.IntN(3) {
			literal()
		}
		match(3+rng.IntN(256), 1+rng.IntN(32768))
	}
	match(258, 32768)
	b.code(256)
	got := ours(bytes.NewReader(wrap(b.bytes(), want)))
	if got.err != nil || !bytes.Equal(got.data, want) {
		t.Errorf("%d bytes, %v; want %d", len(got.data), got.err, len(want))
	}
}

// Streams that a compressor does not make: codes at the limits of what is
// valid and beyond. What is right was read off RFC 1951; the standard library
// must agree.
func TestCodes(t *testing.T) {
	// lits returns 257 lengths: those given, then zeros, and one of end for the
	// end of the block.
	lits := func(end int, first ...int) []int {
		l := append(first, make([]int, 257-len(first))...)
		l[256] = end
		return l
	}
	with := func(l []int, more ...int) []int { return append(slices.Clone(l), more...) }
	deep := func(n int) (l []int) { // words of 1, 2, … n−1, n and n bits
		for i := 1; i <= n; i++ {
			l = append(l, i)
		}
		return l
	}
	type step struct{ v, n int }
	for _, tt := range []struct {
		name       string
		lits, dist []int
		steps      []step // words, highest bit first
		want       string // what comes out, if the stream is valid
		ok         bool
	}{
		{"no distances", lits(1, 1), []int{0}, []step{{0, 1}, {0, 1}, {1, 1}}, "\x00\x00", true},
		{"distance without code", with(lits(2, 1), 2), []int{0}, []step{{0, 1}, {3, 2}, {0, 1}}, "", false},
		{"one distance of one bit", with(lits(2, 1), 2), []int{1}, []step{{0, 1}, {3, 2}, {0, 1}, {2, 2}}, "\x00\x00\x00\x00", true},
		{"the other bit", with(lits(2, 1), 2), []int{1}, []step{{0, 1}, {3, 2}, {1, 1}, {2, 2}}, "", false},
		{"one distance of two bits", with(lits(2, 1), 2), []int{2}, []step{{0, 1}, {2, 2}}, "", false},
		{"only an end", lits(1), []int{0}, []step{{0, 1}}, "", true},
		{"only an end, other bit", lits(1), []int{0}, []step{{1, 1}}, "", false},
		{"no end", lits(0, 1, 1), []int{0}, []step{{0, 1}, {1, 1}}, "", false},
		{"no codes at all", lits(0), []int{0}, []step{{0, 1}}, "", false},
		{"incomplete", lits(2, 2, 2), []int{0}, []step{{0, 2}}, "", false},
		{"too many words", lits(1, 1, 1), []int{0}, []step{{0, 1}}, "", false},
		{"fifteen bits", lits(15, deep(15)...), []int{0}, []step{{0x7ffe, 15}, {0, 1}, {0x7ffd >> 1, 14}, {0x7fff, 15}}, "\x0e\x00\x0d", true},
		{"too far back", with(lits(2, 1), 2), []int{1, 1}, []step{{0, 1}, {3, 2}, {1, 1}, {2, 2}}, "", false},
		{"many lengths", with(lits(1, 1), make([]int, 29)...), []int{0}, []step{{1, 1}}, "", true},
		{"too many lengths", with(lits(1, 1), make([]int, 30)...), []int{0}, []step{{1, 1}}, "", false},
		{"many distances", lits(1, 1), make([]int, 30), []step{{1, 1}}, "", true},
		{"too many distances", lits(1, 1), make([]int, 31), []step{{1, 1}}, "", false},
		{"long distance words", with(lits(2, 1), 2), deep(15)[:14], []step{{0, 1}}, "", false},
		{"deep distances", with(lits(2, 1), 2), append([]int{15, 15}, deep(14)...), []step{{0, 1}, {3, 2}, {0x7ffe, 15}, {2, 2}}, "\x00\x00\x00\x00", true},
	} {
		var b bitWriter
		b.header(tt.lits, tt.dist)
		for _, s := range tt.steps {
			b.word(s.v, s.n)
		}
		raw := b.bytes()
		data, err := io.ReadAll(flate.NewReader(bytes.NewReader(raw)))
		if (err == nil) != tt.ok {
			t.Errorf("%s: compress/flate gives %q, %v", tt.name, data, err)
		}
		want := compare(t, tt.name, wrap(raw, []byte(tt.want)))
		if tt.ok && (want.err != nil || string(want.data) != tt.want) {
			t.Errorf("%s: %q, %v; want %q", tt.name, want.data, want.err, tt.want)
		}
	}
	for _, s := range []int{286, 287} {
		var b bitWriter
		b.put(3, 3)
		b.code('a')
		b.code(s)
		b.word(0, 5)
		b.code(256)
		compare(t, fmt.Sprint("length symbol ", s), wrap(b.bytes(), nil))
	}
	for _, d := range []int{29, 30, 31} {
		var b bitWriter
		b.put(3, 3)
		b.code('a')
		b.code(257)
		b.word(d, 5)
		b.put(0, 20)
		compare(t, fmt.Sprint("distance symbol ", d), wrap(b.bytes(), nil))
	}
	// The first length repeats the one before it: words of one bit for 16 and 0.
	repeat := bitWriter{}
	repeat.put(1|2<<1, 3)
	repeat.put(0, 5+5)
	repeat.put(0, 4)
	for _, n := range []uint64{1, 0, 0, 1} {
		repeat.put(n, 3)
	}
	repeat.put(1, 64-repeat.n)
	compare(t, "repeat before the first", wrap(repeat.bytes(), nil))
	compare(t, "block type 3", wrap([]byte{7}, nil))
	compare(t, "stored lengths that disagree", wrap([]byte{1, 5, 0, 5, 0, 1, 2, 3, 4, 5}, nil))
}
