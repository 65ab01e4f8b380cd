package hdf5

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zlib"

	"phasl/internal/par"
)

// An Entry is a member of a group to be written: a group of Members, a Text, or
// an array of numbers of one axis, whichever is not nil or empty.
type Entry struct {
	Name     string
	Members  []Entry
	Text     string
	Float64s []float64
	Float32s []float32 // compressed if there are many
}

// Sizes of the parts of a file of superblock 0 with addresses and lengths of 8
// bytes.
const (
	leafK     = 4  // a node of symbols holds 2·leafK
	internalK = 16 // a node of a group's tree has 2·internalK children
	chunkK    = 32 // a node of a tree of chunks has 2·chunkK children

	symbolSize     = 40
	superblockSize = 56 + symbolSize
	nodeSize       = 8 + 2*leafK*symbolSize
	treeSize       = 24 + 2*internalK*8 + (2*internalK+1)*8
	chunkTreeSize  = 24 + 2*chunkK*8 + (2*chunkK+1)*24 // one axis and the element's
)

// fewest is the number of floats from which they are compressed.
const fewest = 1024

// Write writes a file whose root group has the given members, at most eight in
// each group, to w. The file is held in memory until it is complete, compressed
// as far as it will be. The result does not depend on workers.
func Write(w io.Writer, members []Entry, workers int) error {
	b := &builder{workers: workers}
	b.reserve(superblockSize)
	b.heap = b.reserve(heapSize(members))
	root, tree, heap, err := b.group(members)
	if err != nil {
		return err
	}
	b.endHeap(heapSize(members))
	s := b.buf[:0:superblockSize]
	s = append(s, Signature...)
	s = append(s, 0, 0, 0, 0, 0, 8, 8, 0) // versions, sizes of addresses and lengths
	s = le(s, 2, leafK)
	s = le(s, 2, internalK)
	s = le(s, 4, 0)
	s = le(s, 8, 0) // base
	s = le(s, 8, undefined)
	s = le(s, 8, uint64(len(b.buf)))
	s = le(s, 8, undefined)
	s = le(s, 8, 0) // the root has no name
	s = le(s, 8, root)
	s = le(s, 4, 1) // tree and heap follow
	s = le(s, 4, 0)
	s = le(s, 8, tree)
	le(s, 8, heap)
	_, err = w.Write(b.buf)
	return err
}

// A builder lays out a file. Every part begins at a multiple of 8.
type builder struct {
	buf     []byte
	workers int
	heap    uint64 // address of the collection of texts
	texts   []byte // what is in it so far
	count   int
}

// leastHeap is the least size of a collection of texts [bytes].
const leastHeap = 4096

// heapSize returns the size of a collection that holds all texts.
func heapSize(members []Entry) int {
	n := 16 + textsSize(members)
	return max(n, leastHeap)
}

func textsSize(members []Entry) (n int) {
	for _, m := range members {
		n += 16 + (len(m.Text)+7)/8*8 + textsSize(m.Members)
	}
	return n
}

// text puts s into the collection and returns its index there.
func (b *builder) text(s string) int {
	b.count++
	b.texts = le(le(le(b.texts, 2, uint64(b.count)), 6, 0), 8, uint64(len(s)))
	b.texts = append(b.texts, s...)
	b.texts = append(b.texts, make([]byte, (8-len(s)%8)%8)...)
	return b.count
}

// endHeap writes the collection of size bytes.
func (b *builder) endHeap(size int) {
	p := le([]byte("GCOL\x01\x00\x00\x00"), 8, uint64(size))
	p = append(p, b.texts...)
	if free := size - len(p); free >= 16 { // object 0 is what is free
		p = le(le(p, 8, 0), 8, uint64(free))
	}
	b.put(b.heap, p)
}

// reserve returns the address of n new bytes, zero so far.
func (b *builder) reserve(n int) uint64 {
	at := len(b.buf)
	b.buf = append(b.buf, make([]byte, (n+7)/8*8)...)
	return uint64(at)
}

// put writes p to addr.
func (b *builder) put(addr uint64, p []byte) { copy(b.buf[addr:], p) }

// add returns the address of a copy of p.
func (b *builder) add(p []byte) uint64 {
	at := b.reserve(len(p))
	b.put(at, p)
	return at
}

// le appends v as n bytes, the lowest first.
func le(p []byte, n int, v uint64) []byte {
	for range n {
		p = append(p, byte(v))
		v >>= 8
	}
	return p
}

// group writes a group and returns the addresses of its header, tree and heap.
func (b *builder) group(members []Entry) (header, tree, heap uint64, err error) {
	if len(members) > 2*leafK {
		return 0, 0, 0, fmt.Errorf("hdf5: %d members in one group, at most %d are written", len(members), 2*leafK)
	}
	// A group is searched by name.
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	names := make([]byte, 8) // the empty name first
	node := le([]byte("SNOD\x01\x00"), 2, uint64(len(members)))
	var last uint64
	for _, m := range members {
		last = uint64(len(names))
		names = append(names, m.Name...)
		names = append(names, make([]byte, 8-len(m.Name)%8)...)
		var at, t, h, cached uint64
		if m.Members != nil {
			at, t, h, err = b.group(m.Members)
			cached = 1
		} else {
			at, err = b.dataset(m)
		}
		if err != nil {
			return 0, 0, 0, err
		}
		node = le(le(le(le(node, 8, last), 8, at), 4, cached), 4, 0)
		node = le(le(node, 8, t), 8, h)
	}
	nodeAt := b.reserve(nodeSize)
	b.put(nodeAt, node)

	text := b.add(names)
	h := []byte("HEAP\x00\x00\x00\x00")
	heap = b.add(le(le(le(h, 8, uint64(len(names))), 8, 1), 8, text)) // 1: nothing is free

	t := []byte("TREE\x00\x00")
	used := uint64(1)
	if len(members) == 0 {
		used = 0
	}
	t = le(le(le(t, 2, used), 8, undefined), 8, undefined)
	t = le(le(le(t, 8, 0), 8, nodeAt), 8, last)
	tree = b.reserve(treeSize)
	b.put(tree, t)

	header = b.header(msg{0x0011, le(le(nil, 8, tree), 8, heap)})
	return header, tree, heap, nil
}

// A msg is a message of an object header.
type msg struct {
	kind uint64
	body []byte
}

// header writes an object header of version 1 and returns its address.
func (b *builder) header(messages ...msg) uint64 {
	var body []byte
	for _, m := range messages {
		size := (len(m.body) + 7) / 8 * 8
		body = le(le(le(body, 2, m.kind), 2, uint64(size)), 4, 0)
		body = append(body, m.body...)
		body = append(body, make([]byte, size-len(m.body))...)
	}
	p := le([]byte{1, 0}, 2, uint64(len(messages)))
	p = le(le(le(p, 4, 1), 4, uint64(len(body))), 4, 0)
	return b.add(append(p, body...))
}

// dataset writes an array of numbers or a text and returns the address of its
// header.
func (b *builder) dataset(e Entry) (uint64, error) {
	var kind, data []byte
	n := 1
	switch {
	case e.Float64s != nil:
		n = len(e.Float64s)
		kind = floatType(8, 64, 52, 11, 1023)
		data = make([]byte, 0, 8*n)
		for _, v := range e.Float64s {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
	case e.Float32s != nil:
		n = len(e.Float32s)
		kind = floatType(4, 32, 23, 8, 127)
		if n < fewest {
			data = appendFloats(nil, e.Float32s)
		}
	default:
		// ITK reads texts of varying length only. They are sequences of bytes.
		kind = append(le([]byte{0x19, 1, 0, 0}, 4, 16), 0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0)
		data = le(le(le(nil, 4, uint64(len(e.Text))), 8, b.heap), 4, uint64(b.text(e.Text)))
	}
	space := le([]byte{1, 1, 0, 0, 0, 0, 0, 0}, 8, uint64(n))
	fill := []byte{2, 2, 2, 0}
	if e.Float32s == nil || n < fewest {
		at := uint64(undefined)
		if len(data) > 0 {
			at = b.add(data)
		}
		layout := le(le([]byte{3, 1}, 8, at), 8, uint64(len(data)))
		return b.header(msg{1, space}, msg{3, kind}, msg{5, fill}, msg{8, layout}), nil
	}
	chunk := max((n+2*chunkK-1)/(2*chunkK), fewest)
	tree, err := b.chunks(e.Float32s, chunk)
	if err != nil {
		return 0, err
	}
	layout := le(le(le([]byte{3, 2, 2}, 8, tree), 4, uint64(chunk)), 4, 4)
	// One filter: deflate, no name, not optional, one value, the level.
	filters := le(le(le(le(le([]byte{1, 1, 0, 0, 0, 0, 0, 0}, 2, deflate), 2, 0), 2, 0), 2, 1), 4, level)
	filters = le(filters, 4, 0)
	return b.header(msg{1, space}, msg{3, kind}, msg{5, fill}, msg{8, layout}, msg{11, filters}), nil
}

// level is that of the compression: ITK's.
const level = 5

// floatType returns the data type of IEEE's numbers of size bytes.
func floatType(size, precision, mantissa, exponent, bias uint64) []byte {
	// Little-endian; the leading bit of the mantissa is implied; then the sign.
	p := []byte{0x11, 0x20, byte(precision - 1), 0}
	p = le(le(le(p, 4, size), 2, 0), 2, precision)
	return le(append(p, byte(mantissa), byte(exponent), 0, byte(mantissa)), 4, bias)
}

func appendFloats(p []byte, v []float32) []byte {
	for _, x := range v {
		p = binary.LittleEndian.AppendUint32(p, math.Float32bits(x))
	}
	return p
}

// chunks writes v in compressed chunks of n numbers and returns the address of
// their tree.
func (b *builder) chunks(v []float32, n int) (uint64, error) {
	count := (len(v) + n - 1) / n
	stored := make([][]byte, count)
	fault := make([]error, count)
	par.Do(b.workers, count, func(i int) {
		part := v[i*n : min((i+1)*n, len(v))]
		plain := make([]byte, 4*n) // chunks are whole
		appendFloats(plain[:0], part)
		var buf bytes.Buffer
		z, err := zlib.NewWriterLevel(&buf, level)
		if err == nil {
			_, err = z.Write(plain)
		}
		if err == nil {
			err = z.Close()
		}
		stored[i], fault[i] = buf.Bytes(), err
	})
	t := le(le(le([]byte("TREE\x01\x00"), 2, uint64(count)), 8, undefined), 8, undefined)
	for i, s := range stored {
		if fault[i] != nil {
			return 0, fault[i]
		}
		at := b.add(s)
		stored[i] = nil
		t = le(le(le(le(t, 4, uint64(len(s))), 4, 0), 8, uint64(i*n)), 8, 0)
		t = le(t, 8, at)
	}
	t = le(le(le(le(t, 4, 0), 4, 0), 8, uint64(count*n)), 8, 0)
	tree := b.reserve(chunkTreeSize)
	b.put(tree, t)
	return tree, nil
}
