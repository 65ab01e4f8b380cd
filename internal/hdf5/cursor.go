package hdf5

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// undefined is the address of what is not there.
const undefined = 1<<64 - 1

// errShort is what a part that ends too early gives.
var errShort = errors.New("a part of the file is cut short")

// A cursor takes fields off bytes. Past their end it gives zeros and remembers.
type cursor struct {
	b    []byte
	o, l int // sizes of addresses and of lengths [bytes]
	bad  bool
}

// take returns the next n bytes.
func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

// uint returns an unsigned number of n ≤ 8 bytes.
func (c *cursor) uint(n int) uint64 {
	var v [8]byte
	copy(v[:], c.take(uint64(n)))
	return binary.LittleEndian.Uint64(v[:])
}

func (c *cursor) u8() int        { return int(c.uint(1)) }
func (c *cursor) u16() int       { return int(c.uint(2)) }
func (c *cursor) u32() uint64    { return c.uint(4) }
func (c *cursor) length() uint64 { return c.uint(c.l) }

// address returns an address, [undefined] if all its bits are set.
func (c *cursor) address() uint64 {
	v := c.uint(c.o)
	if v == 1<<(8*c.o)-1 {
		return undefined
	}
	return v
}

func (c *cursor) err() error {
	if c.bad {
		return errShort
	}
	return nil
}

// at returns a cursor over the n bytes at addr.
func (f *File) at(addr, n uint64) (*cursor, error) {
	if addr == undefined || n > uint64(f.size) || addr > uint64(f.size)-n {
		return nil, fmt.Errorf("%d bytes at %d lie outside the file", n, addr)
	}
	b := make([]byte, n)
	if m, err := f.r.ReadAt(b, int64(addr)); m < len(b) {
		if err == io.EOF {
			err = errShort
		}
		return nil, err
	}
	return &cursor{b: b, o: f.o, l: f.l}, nil
}

// upTo returns a cursor over n bytes at addr, or what there is of them.
func (f *File) upTo(addr, n uint64) (*cursor, error) {
	if addr < uint64(f.size) {
		n = min(n, uint64(f.size)-addr)
	}
	return f.at(addr, n)
}

// signed returns an error unless the cursor is at the four letters of want.
func (c *cursor) signed(want string) error {
	if got := string(c.take(4)); got != want {
		return fmt.Errorf("%q where %s should begin", got, want)
	}
	return nil
}
