package hdf5

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// mostElements bounds the elements of a data set, and the bytes of a chunk.
const mostElements = 1 << 40

// mostExpansion is how many bytes one byte of a deflate stream can become.
const mostExpansion = 1032

// A Dataset is an array of numbers, or a text.
type Dataset struct {
	Dim []int // lengths of the axes; none of a scalar

	f    *File
	path string

	class     int // of the data type: 1 float, 3 text, 9 text kept in a heap
	size      int // of an element [bytes]
	bigEndian bool
	fault     error // why elements cannot be read

	layout  int // 0 compact, 1 contiguous, 2 chunked
	compact []byte
	addr    uint64
	bytes   uint64 // contiguous
	chunk   []int  // lengths of a chunk along each axis
	single  uint64 // stored bytes of the one chunk of a newer file; 0: see tree
	tree    bool
	filters []int
}

const (
	deflate    = 1
	shuffle    = 2
	fletcher32 = 3
)

// Len returns the number of elements.
func (d *Dataset) Len() int {
	n := 1
	for _, v := range d.Dim {
		n *= v
	}
	return n
}

func (d *Dataset) readSpace(c *cursor) error {
	version, rank, flags := c.u8(), c.u8(), c.u8()
	_ = flags // says whether the largest lengths follow, which are of no use here
	switch version {
	case 1:
		c.take(5)
	case 2:
		if kind := c.u8(); kind == 2 {
			return fmt.Errorf("a data set without a space")
		}
	default:
		return fmt.Errorf("data space of version %d", version)
	}
	if rank > 32 {
		return fmt.Errorf("%d axes", rank)
	}
	total := uint64(1)
	for range rank {
		n := c.length()
		if n > math.MaxInt32 || n > mostElements/max(total, 1) {
			return fmt.Errorf("an axis of %d elements", n)
		}
		total *= n
		d.Dim = append(d.Dim, int(n))
	}
	return c.err()
}

func (d *Dataset) readType(c *cursor) error {
	first := c.u8()
	bits := c.uint(3)
	size := c.u32()
	if size == 0 || size > 1<<20 {
		return fmt.Errorf("elements of %d bytes", size)
	}
	d.class, d.size = first&15, int(size)
	switch d.class {
	case 1:
		d.bigEndian = bits&1 != 0
		offset, precision := c.u16(), c.u16()
		expAt, expSize, manAt, manSize := c.u8(), c.u8(), c.u8(), c.u8()
		bias := c.u32()
		single := size == 4 && precision == 32 && expAt == 23 && expSize == 8 && manSize == 23 && bias == 127
		double := size == 8 && precision == 64 && expAt == 52 && expSize == 11 && manSize == 52 && bias == 1023
		if offset != 0 || manAt != 0 || bits&0x40 != 0 || !single && !double {
			d.fault = fmt.Errorf("floating-point numbers that are neither of IEEE's single nor of its double precision")
		}
	case 3:
	case 9:
		if bits&15 != 1 {
			d.fault = fmt.Errorf("sequences of varying length")
		}
	default:
		d.fault = fmt.Errorf("elements of class %d: floating-point numbers and texts are read", d.class)
	}
	return c.err()
}

func (d *Dataset) readLayout(c *cursor) error {
	version := c.u8()
	if version != 3 && version != 4 {
		return fmt.Errorf("data layout of version %d: 3 and 4 are read (h5repack IN OUT writes them)", version)
	}
	d.layout = c.u8()
	switch d.layout {
	case 0:
		d.compact = c.take(c.uint(2))
	case 1:
		d.addr, d.bytes = c.address(), c.length()
	case 2:
		var flags int
		if version == 4 {
			flags = c.u8()
		}
		axes := c.u8()
		wide := 4
		if version == 3 {
			d.addr = c.address()
			d.tree = true
		} else {
			wide = c.u8()
		}
		if axes < 2 || axes > 33 || wide < 1 || wide > 8 {
			return fmt.Errorf("chunks of %d axes", axes-1)
		}
		for range axes - 1 {
			n := c.uint(wide)
			if n == 0 || n > math.MaxInt32 {
				return fmt.Errorf("chunks of %d elements along an axis", n)
			}
			d.chunk = append(d.chunk, int(n))
		}
		c.uint(wide) // of an element
		if version == 4 {
			if kind := c.u8(); kind != 1 {
				return fmt.Errorf("an index of chunks of kind %d (h5repack IN OUT writes one that is read)", kind)
			}
			d.single = undefined
			if flags&2 != 0 {
				d.single = c.length()
				c.take(4)
			}
			d.addr = c.address()
		}
	default:
		return fmt.Errorf("data kept in a way of number %d: compact, contiguous and chunked are read", d.layout)
	}
	return c.err()
}

func (d *Dataset) readFilters(c *cursor) error {
	version, count := c.u8(), c.u8()
	if version == 1 {
		c.take(6)
	} else if version != 2 {
		return fmt.Errorf("filters of version %d", version)
	}
	for range count {
		id := c.u16()
		var name uint64
		if version == 1 || id >= 256 {
			name = c.uint(2)
		}
		c.take(2)
		values := c.u16()
		if version == 1 {
			name = (name + 7) / 8 * 8
			values += values % 2
		}
		c.take(name)
		c.take(uint64(4 * values))
		if id != deflate && id != shuffle && id != fletcher32 {
			return fmt.Errorf("filter %d: deflate, shuffle and Fletcher32 are read (h5repack -f GZIP=5 IN OUT changes it)", id)
		}
		d.filters = append(d.filters, id)
	}
	return c.err()
}

// Text returns the text, or the first of several.
func (d *Dataset) Text() (string, error) {
	if d.class != 3 && d.class != 9 {
		return "", fmt.Errorf("%s: no text", d.path)
	}
	if d.Len() > 1<<16 {
		return "", fmt.Errorf("%s: %d texts where one is expected", d.path, d.Len())
	}
	b, err := d.raw()
	if err == nil && len(b) < d.size {
		err = errShort
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.path, err)
	}
	b = b[:d.size]
	if d.class == 9 {
		c := &cursor{b: b, o: d.f.o, l: d.f.l}
		n := c.u32()
		if b, err = d.f.global(c.address(), int(c.u32())); err == nil && (c.bad || n > uint64(len(b))) {
			err = errShort
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w", d.path, err)
		}
		b = b[:n]
	}
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.TrimRight(s, " "), nil
}

// global returns object index of the global heap collection at addr.
func (f *File) global(addr uint64, index int) ([]byte, error) {
	c, err := f.at(addr, uint64(8+f.l))
	if err != nil {
		return nil, err
	}
	if err := c.signed("GCOL"); err != nil {
		return nil, err
	}
	c.take(4)
	size, head := c.length(), uint64(8+f.l)
	if size < head || size > mostHeap {
		return nil, fmt.Errorf("a heap of %d bytes", size)
	}
	if c, err = f.at(addr+head, size-head); err != nil {
		return nil, err
	}
	for len(c.b) >= 8+f.l {
		own := c.u16()
		c.take(6)
		n := c.length()
		if own == 0 {
			break
		}
		if n > mostHeap {
			return nil, errShort
		}
		b := c.take(n)
		if own == index && !c.bad {
			return b, nil
		}
		c.take((8 - n%8) % 8)
	}
	return nil, fmt.Errorf("text %d of a heap is not there", index)
}

// Float64s returns the numbers, the last index fastest.
func (d *Dataset) Float64s() ([]float64, error) {
	b, get, err := d.numbers()
	if err != nil {
		return nil, err
	}
	out := make([]float64, d.Len())
	for i := range out {
		out[i] = get(b[i*d.size:])
	}
	return out, nil
}

// Float32s returns the numbers rounded to single precision, the last index
// fastest.
func (d *Dataset) Float32s() ([]float32, error) {
	b, get, err := d.numbers()
	if err != nil {
		return nil, err
	}
	out := make([]float32, d.Len())
	for i := range out {
		out[i] = float32(get(b[i*d.size:]))
	}
	return out, nil
}

// numbers returns the bytes of the elements and what reads one.
func (d *Dataset) numbers() ([]byte, func([]byte) float64, error) {
	if d.class != 1 && d.fault == nil {
		return nil, nil, fmt.Errorf("%s: no floating-point numbers", d.path)
	}
	b, err := d.raw()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.path, err)
	}
	var order binary.ByteOrder = binary.LittleEndian
	if d.bigEndian {
		order = binary.BigEndian
	}
	if d.size == 4 {
		return b, func(b []byte) float64 { return float64(math.Float32frombits(order.Uint32(b))) }, nil
	}
	return b, func(b []byte) float64 { return math.Float64frombits(order.Uint64(b)) }, nil
}

// raw returns the bytes of all elements.
func (d *Dataset) raw() ([]byte, error) {
	if d.fault != nil {
		return nil, d.fault
	}
	if d.size == 0 {
		return nil, fmt.Errorf("a data set without a type")
	}
	want := uint64(d.Len()) * uint64(d.size)
	switch {
	case want == 0:
		return nil, nil
	case d.layout == 0:
		if uint64(len(d.compact)) < want {
			return nil, errShort
		}
		return d.compact[:want], nil
	case d.addr == undefined:
		return nil, fmt.Errorf("the numbers were never written")
	case d.layout == 1:
		if d.bytes < want {
			return nil, errShort
		}
		c, err := d.f.at(d.addr, want)
		if err != nil {
			return nil, err
		}
		return c.b, nil
	}
	return d.chunks(want)
}

// chunks puts the chunks of a data set of want bytes together.
func (d *Dataset) chunks(want uint64) ([]byte, error) {
	if len(d.chunk) != len(d.Dim) {
		return nil, fmt.Errorf("chunks of %d axes in a data set of %d", len(d.chunk), len(d.Dim))
	}
	full, left := uint64(d.size), 1 // bytes of a chunk, chunks to come
	for a, n := range d.chunk {
		left *= (d.Dim[a] + n - 1) / n
		if uint64(n) > mostElements/full || d.Dim[a] == 0 {
			return nil, fmt.Errorf("chunks larger than their data set")
		}
		full *= uint64(n)
	}
	most := uint64(d.f.size)
	for _, id := range d.filters {
		if id == deflate {
			most *= mostExpansion
		}
	}
	if want > most || full > most {
		return nil, fmt.Errorf("%d bytes of numbers, more than the file can hold", max(want, full))
	}
	out := make([]byte, want)
	var seen uint64
	put := func(offset []uint64, stored []byte, mask uint64) error {
		if left--; left < 0 {
			return fmt.Errorf("more chunks than there is room for")
		}
		b, err := d.unfilter(stored, full, mask)
		if err != nil {
			return err
		}
		n, err := d.place(out, b, offset)
		seen += n
		return err
	}
	if !d.tree {
		n := d.single
		if n == undefined {
			n = full
		}
		c, err := d.f.at(d.addr, n)
		if err != nil {
			return nil, err
		}
		if err := put(make([]uint64, len(d.Dim)), c.b, 0); err != nil {
			return nil, err
		}
	} else {
		err := d.f.walk(d.addr, len(d.Dim)+1, func(key *cursor, child uint64) error {
			n, mask := key.u32(), key.u32()
			offset := make([]uint64, len(d.Dim))
			for a := range offset {
				offset[a] = key.uint(8)
			}
			c, err := d.f.at(child, n)
			if err != nil {
				return err
			}
			return put(offset, c.b, mask)
		})
		if err != nil {
			return nil, err
		}
	}
	if seen < want {
		return nil, fmt.Errorf("%d of %d bytes of numbers are there", seen, want)
	}
	return out, nil
}

// unfilter undoes the filters of a chunk of full bytes, the last first; those
// whose bit of mask is set were not applied.
func (d *Dataset) unfilter(b []byte, full, mask uint64) ([]byte, error) {
	for i := len(d.filters) - 1; i >= 0; i-- {
		if i < 32 && mask>>i&1 != 0 {
			continue
		}
		switch d.filters[i] {
		case deflate:
			z, err := zlib.NewReader(bytes.NewReader(b))
			if err != nil {
				return nil, err
			}
			plain := make([]byte, 0, min(full, uint64(len(b))*mostExpansion)+bytes.MinRead)
			buf := bytes.NewBuffer(plain)
			// Four bytes more: a checksum may lie under the compression.
			if _, err := io.Copy(buf, io.LimitReader(z, int64(full)+4)); err != nil {
				return nil, err
			}
			b = buf.Bytes()
		case shuffle:
			n := len(b) / d.size
			plain := make([]byte, len(b))
			for s := range d.size {
				for e := range n {
					plain[e*d.size+s] = b[s*n+e]
				}
			}
			copy(plain[n*d.size:], b[n*d.size:])
			b = plain
		case fletcher32:
			if len(b) < 4 {
				return nil, errShort
			}
			sum := binary.LittleEndian.Uint32(b[len(b)-4:])
			b = b[:len(b)-4]
			// The library's sums may be 65535 where ours are 0.
			if fletcher(b) != sum>>16%65535<<16|sum&0xffff%65535 {
				return nil, fmt.Errorf("the checksum of a chunk is wrong: the file is damaged")
			}
		}
	}
	if uint64(len(b)) != full {
		return nil, fmt.Errorf("a chunk of %d bytes where %d are expected", len(b), full)
	}
	return b, nil
}

// fletcher returns the checksum of the filter Fletcher32, over pairs of bytes,
// the first the higher.
func fletcher(b []byte) uint32 {
	var lo, hi uint32
	for i := 0; i < len(b); i += 2 {
		v := uint32(b[i]) << 8
		if i+1 < len(b) {
			v |= uint32(b[i+1])
		}
		lo = (lo + v) % 65535
		hi = (hi + lo) % 65535
	}
	return hi<<16 | lo
}

// place copies the chunk b to its offset in out, as far as it lies in the data
// set, and returns the bytes copied.
func (d *Dataset) place(out, b []byte, offset []uint64) (uint64, error) {
	rank := len(d.Dim)
	lens := make([]int, rank) // of the part that lies in the data set
	rows := 1
	for a := range rank {
		if offset[a] >= uint64(d.Dim[a]) || offset[a]%uint64(d.chunk[a]) != 0 {
			return 0, fmt.Errorf("a chunk at element %d of an axis of %d", offset[a], d.Dim[a])
		}
		lens[a] = min(d.chunk[a], d.Dim[a]-int(offset[a]))
		if a < rank-1 {
			rows *= lens[a]
		}
	}
	if rank == 0 {
		return uint64(copy(out, b)), nil
	}
	var copied uint64
	run := lens[rank-1] * d.size
	for r := range rows {
		from, to, rest := 0, 0, r
		stepFrom, stepTo := d.chunk[rank-1], d.Dim[rank-1]
		to = int(offset[rank-1])
		for a := rank - 2; a >= 0; a-- {
			i := rest % lens[a]
			rest /= lens[a]
			from += i * stepFrom
			to += (i + int(offset[a])) * stepTo
			stepFrom *= d.chunk[a]
			stepTo *= d.Dim[a]
		}
		copied += uint64(copy(out[to*d.size:to*d.size+run], b[from*d.size:]))
	}
	return copied, nil
}
