package inflate

import "math/bits"

// An entry of a table tells what to do about the code at the low end of the
// bits ahead, padded with any bits up to the width of the table:
//
//	0–5    bits to drop: the code and its extra bits
//	6      literal
//	7      special: neither literal nor length nor distance
//	8–13   bits of the code alone
//	14     of a special one: the block ends
//	15     of a special one: link to the table at bits 16–31, whose index is
//	       the next bits, as many as bits 8–13 say. Neither: no such code
//	16–31  the literal; base of a length or distance
//
// Keeping the number of bits in the low six saves an instruction at each shift.
const (
	literal  = 1 << 6
	special  = 1 << 7
	blockEnd = special | 1<<14
	link     = special | 1<<15

	litWidth  = 11
	distWidth = 9
	preWidth  = 7
	maxBits   = 15 // of a code
)

// Entries of each symbol, to which the bits of its code are to be added.
var (
	litEntries  = makeLit()
	distEntries = makeDist()
	preEntries  = makePre()
)

// makeLit returns literals, end of block, and lengths (RFC 1951, 3.2.5).
// Symbols 286 and 287 have codes, but must not occur.
func makeLit() (t [288]uint32) {
	for i := range 256 {
		t[i] = literal | uint32(i)<<16
	}
	t[256] = blockEnd
	base := uint32(3)
	for i := range uint32(28) {
		extra := max(i>>2, 1) - 1
		t[257+i] = base<<16 | extra
		base += 1 << extra
	}
	t[285] = 258 << 16
	t[286], t[287] = special, special
	return t
}

// makeDist returns distances. Symbols 30 and 31 must not occur.
func makeDist() (t [32]uint32) {
	base := uint32(1)
	for i := range uint32(30) {
		extra := max(i>>1, 1) - 1
		t[i] = base<<16 | extra
		base += 1 << extra
	}
	t[30], t[31] = special, special
	return t
}

func makePre() (t [19]uint32) {
	for i := range t {
		t[i] = uint32(i) << 16
	}
	return t
}

// build fills a table of the given width, and those it links to, for the code
// in which symbol i has lengths[i] bits, 0 if it does not occur. It reports
// whether the code is complete: each sequence of bits begins with one of its
// words. Two exceptions are valid for historical reasons, and make entries that
// say "no such code": a code without words, and a single word of one bit.
func build(t []uint32, width int, entries []uint32, lengths []uint8) bool {
	var count, next [maxBits + 2]int
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	longest, space := 0, 1<<maxBits
	for n, c := range count[:maxBits+1] {
		next[n+1] = next[n] + c
		space -= c << (maxBits - n)
		if c > 0 {
			longest = n
		}
	}
	if single := longest == 1 && count[1] == 1; space != 0 && longest != 0 && !single {
		return false
	}
	var sorted [288]uint16
	for i, n := range lengths {
		if n > 0 {
			sorted[next[n]] = uint16(i)
			next[n]++
		}
	}
	// A table of n bits is that of n−1 bits twice, with the words of n bits.
	t[0] = special
	size, free := 1, 1<<width
	code, symbols := 0, sorted[:]
	for n := 1; n <= max(longest, width); n++ {
		if n <= width {
			copy(t[size:2*size], t[:size])
			size *= 2
		}
		for range count[n] {
			e := entries[symbols[0]]
			if e += uint32(n); e&literal == 0 {
				e += uint32(n) << 8
			}
			symbols = symbols[1:]
			word := int(bits.Reverse16(uint16(code)) >> (16 - n))
			code++
			if n <= width {
				t[word] = e
				continue
			}
			first := &t[word&(size-1)]
			if *first&link != link {
				*first = link | uint32(longest-width)<<8 | uint32(free)<<16
				free += 1 << (longest - width)
			}
			sub := t[*first>>16:][:1<<(longest-width)]
			for i := word >> width; i < len(sub); i += 1 << (n - width) {
				sub[i] = e
			}
		}
		code *= 2
	}
	return true
}
