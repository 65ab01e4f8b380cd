// Package inflate decompresses gzip streams (RFC 1952, RFC 1951) faster than
// compress/gzip, with its results: the same bytes from every valid stream, and
// the same errors from every other ([Reader.Read] names the one exception).
//
// A [Reader] holds its input and the last of its output in two fixed buffers,
// some 200 KB with its tables, whatever the stream says. Three things make it
// fast. Bits are taken from a 64-bit word that is refilled with one unaligned load
// and no branch. One look-up in a table gives all there is to know of a code:
// how many bits to drop, and the literal, or the base of a length or distance
// and its extra bits (table.go). And symbols are decoded without asking each
// time whether input or output has run out, because both buffers have room to
// spare beyond the point where the loop stops to look (block.go).
//
// Entries that hold two literals at once were tried: on brain images, where
// most of the output comes from matches, making them costs what they save.
//
// Sources: P. Deutsch, RFC 1951 and RFC 1952, 1996. The order of the checks,
// where it decides which error a damaged stream gives, is that of Go's
// compress/flate.
package inflate

import (
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
)

const (
	inSize = 1 << 16
	// Decoding may run as far past the end of the stream before that is
	// noticed. What it finds there does not matter. The longest thing read at
	// one go, the header of a block, has at most 14 + 19·3 + 316·14 bits.
	inPad = 1 << 10

	window   = 1 << 15         // the furthest a match may reach back
	outLimit = window + 1<<16  // where the loop stops to hand out what it has
	outSize  = outLimit + 1<<9 // one more turn of the loop fits in: two literals and a match of 258
)

// A Reader decompresses a gzip stream of one or more members. It is not safe
// for concurrent use.
type Reader struct {
	src    io.Reader
	srcErr error // what ended the source
	err    error // what Read returns once all output is handed out

	at, end int   // cursor [bits] and end [bytes] of the input in in
	dropped int64 // bytes of input before in[0]

	low      int // start of the member in out: matches reach back no further
	from, to int // out[from:to] has not been handed out
	summed   int // out[:summed] is in crc and size
	crc      uint32
	size     uint32

	final   bool // this block is the last of its member
	symbols bool // inside a block of codes
	stored  int  // bytes left of a stored block
	fixed   bool // lit and dist hold the fixed codes

	in   [inSize + inPad]byte
	out  [outSize]byte
	lit  [1 << 13]uint32 // 2¹¹ entries and at most 143 tables of 2⁴
	dist [1 << 11]uint32 // 2⁹ entries and at most 15 tables of 2⁶
}

// NewReader returns a reader of the stream in r, whose first header it reads.
// The error is io.EOF if r is empty, [gzip.ErrHeader] if it is not gzip. The
// reader reads ahead: where r then stands is not defined.
func NewReader(r io.Reader) (*Reader, error) {
	z := &Reader{src: r}
	if err := z.header(); err != nil {
		return nil, err
	}
	return z, nil
}

// Read reads decompressed bytes into p. What is wrong with a stream is told
// after the bytes before it: [flate.CorruptInputError], [gzip.ErrChecksum]
// after a member whose checksum or length is wrong, [gzip.ErrHeader] if
// something else follows a member, io.ErrUnexpectedEOF if the stream is cut
// off, or the error of the source.
//
// Where a stream is cut off, up to 260 bytes before the cut may be missing, or
// a few be there that compress/gzip does not find; and if the last bits before
// the cut are damaged as well, that may be told instead.
func (z *Reader) Read(p []byte) (int, error) {
	for z.from == z.to {
		if z.err != nil {
			return 0, z.err
		}
		z.more()
	}
	n := copy(p, z.out[z.from:z.to])
	z.from += n
	return n, nil
}

// more decodes until the output is full or the stream ends. All that was
// decoded before must have been handed out.
func (z *Reader) more() {
	if shift := z.to - window; z.to >= outLimit {
		copy(z.out[:window], z.out[shift:z.to])
		z.from, z.to, z.summed = window, window, window
		z.low = max(0, z.low-shift)
	}
	for z.err == nil && z.to < outLimit {
		switch {
		case z.symbols:
			z.err = z.decode()
		case z.stored > 0:
			z.err = z.copyStored()
		case z.final:
			z.err = z.endMember()
		default:
			z.err = z.block()
		}
	}
	z.sum()
}

// sum brings the checksum up to date.
func (z *Reader) sum() {
	fresh := z.out[z.summed:z.to]
	z.crc = crc32.Update(z.crc, crc32.IEEETable, fresh)
	z.size += uint32(len(fresh))
	z.summed = z.to
}

// endMember checks the trailer and reads the header of the next member.
func (z *Reader) endMember() error {
	z.sum()
	z.at = (z.at + 7) &^ 7
	b, err := z.take(8)
	if err != nil {
		return noEOF(err)
	}
	if binary.LittleEndian.Uint32(b) != z.crc || binary.LittleEndian.Uint32(b[4:]) != z.size {
		return gzip.ErrChecksum
	}
	return z.header()
}

// header reads the header of a member. The error is io.EOF if there is no
// further byte.
func (z *Reader) header() error {
	const maxText = 512 // compress/gzip refuses longer names and comments too
	b, err := z.take(10)
	if err != nil {
		return err
	}
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return gzip.ErrHeader
	}
	flags := b[3]
	crc := crc32.ChecksumIEEE(b)
	take := func(n int) []byte {
		var b []byte
		if err == nil {
			b, err = z.take(n)
			crc = crc32.Update(crc, crc32.IEEETable, b)
		}
		return b
	}
	if flags&4 != 0 { // extra field
		if b := take(2); err == nil {
			for n := int(binary.LittleEndian.Uint16(b)); n > 0 && err == nil; n -= inPad {
				take(min(n, inPad))
			}
		}
	}
	for _, flag := range []byte{8, 16} { // name, comment
		for i := 0; flags&flag != 0 && err == nil; i++ {
			if i == maxText {
				return gzip.ErrHeader
			}
			if b := take(1); err == nil && b[0] == 0 {
				break
			}
		}
	}
	if flags&2 != 0 { // checksum of the header
		want := uint16(crc)
		if b := take(2); err == nil && binary.LittleEndian.Uint16(b) != want {
			return gzip.ErrHeader
		}
	}
	z.crc, z.size, z.final, z.low = 0, 0, false, z.to
	return noEOF(err)
}

// take returns the next n ≤ inPad bytes of input, which is at a byte boundary.
// The error is io.EOF if there is none, io.ErrUnexpectedEOF if there are fewer.
func (z *Reader) take(n int) ([]byte, error) {
	z.fill(n)
	b := z.in[z.at>>3 : z.end]
	if len(b) < n {
		if len(b) > 0 {
			return nil, noEOF(z.srcErr)
		}
		return nil, z.srcErr
	}
	z.at += 8 * n
	return b[:n], nil
}

// fill sees that in holds the next n ≤ inPad bytes of input, or all that are
// left.
func (z *Reader) fill(n int) {
	pos := z.at >> 3
	if z.end-pos >= n || z.srcErr != nil {
		return
	}
	z.end = copy(z.in[:], z.in[pos:z.end])
	z.at &= 7
	z.dropped += int64(pos)
	for idle := 0; z.end < n && z.srcErr == nil; idle++ {
		var m int
		m, z.srcErr = z.src.Read(z.in[z.end:inSize])
		z.end += m
		if m > 0 {
			idle = 0
		} else if idle == 100 && z.srcErr == nil {
			z.srcErr = io.ErrNoProgress
		}
	}
}

// overrun returns the error of a stream that ended before the cursor, or nil.
func (z *Reader) overrun() error {
	if z.at > 8*z.end {
		return noEOF(z.srcErr)
	}
	return nil
}

// corrupt returns the error for what is wrong just before the cursor, which is
// the end of the stream if that came earlier.
func (z *Reader) corrupt() error {
	if err := z.overrun(); err != nil {
		return err
	}
	return flate.CorruptInputError(z.dropped + int64(z.at>>3))
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
