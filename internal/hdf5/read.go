package hdf5

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Signature is what a file begins with.
const Signature = "\x89HDF\r\n\x1a\n"

const (
	mostDepth    = 32      // of a tree, and of groups in groups
	mostNodes    = 1 << 16 // of one tree
	mostMessages = 1 << 12 // of one object header
	mostHeap     = 1 << 24 // bytes of the names of one group, and of the texts of one collection
)

// A File is an open HDF5 file. It is safe for concurrent use if its reader is.
type File struct {
	r    io.ReaderAt
	size int64
	o, l int // sizes of addresses and lengths [bytes]
	root uint64
}

// Open reads the superblock of the file of size bytes behind r.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f := &File{r: r, size: size, o: 8, l: 8}
	c, err := f.upTo(0, 128)
	if err != nil || string(c.take(8)) != Signature {
		return nil, fmt.Errorf("the file does not begin as an HDF5 file does")
	}
	version := c.u8()
	switch version {
	case 0, 1:
		c.take(4)
		f.o, f.l = c.u8(), c.u8()
		c.take(1 + 2 + 2 + 4)
		if version == 1 {
			c.take(4)
		}
	case 2, 3:
		f.o, f.l = c.u8(), c.u8()
		c.take(1)
	default:
		return nil, fmt.Errorf("superblock of version %d: versions 0 to 3 are read", version)
	}
	for _, n := range []int{f.o, f.l} {
		if n != 2 && n != 4 && n != 8 {
			return nil, fmt.Errorf("addresses or lengths of %d bytes", n)
		}
	}
	c.o, c.l = f.o, f.l
	if base := c.address(); base != 0 {
		return nil, fmt.Errorf("addresses that count from byte %d", base)
	}
	c.address() // free space, or superblock extension
	c.address() // end of file
	if version < 2 {
		c.address() // driver information
		c.uint(f.o) // name of the root group
	}
	f.root = c.address()
	return f, c.err()
}

// An object is what an object header says.
type object struct {
	links []link // of a group
	data  *Dataset
}

type link struct {
	name string
	addr uint64
}

// object reads the object whose header is at addr.
func (f *File) object(addr uint64) (*object, error) {
	messages, err := f.messages(addr)
	if err != nil {
		return nil, err
	}
	o := &object{}
	d := &Dataset{f: f}
	isData := false
	for _, m := range messages {
		c := &cursor{b: m.body, o: f.o, l: f.l}
		switch m.kind {
		case 0x0001:
			err = d.readSpace(c)
		case 0x0003:
			if m.shared {
				err = fmt.Errorf("a data type that is kept elsewhere")
			} else {
				err = d.readType(c)
			}
		case 0x0008:
			isData = true
			err = d.readLayout(c)
		case 0x000b:
			err = d.readFilters(c)
		case 0x0002:
			err = denseLinks(c)
		case 0x0006:
			err = o.readLink(c)
		case 0x0011:
			o.links, err = f.symbolTable(c)
		}
		if err != nil {
			return nil, err
		}
	}
	if isData {
		o.data = d
	}
	return o, nil
}

// A message is one part of an object header.
type message struct {
	kind   int
	shared bool
	body   []byte
}

// messages returns the messages of the object header at addr, those of its
// continuations included.
func (f *File) messages(addr uint64) ([]message, error) {
	c, err := f.upTo(addr, 64)
	if err != nil {
		return nil, err
	}
	type block struct{ addr, size uint64 }
	var blocks []block
	newer, ordered := false, false
	if len(c.b) >= 4 && string(c.b[:4]) == "OHDR" {
		newer = true
		start := len(c.b)
		c.take(4)
		if v := c.u8(); v != 2 {
			return nil, fmt.Errorf("object header of version %d", v)
		}
		flags := c.u8()
		if flags&0x20 != 0 {
			c.take(16)
		}
		if flags&0x10 != 0 {
			c.take(4)
		}
		ordered = flags&0x04 != 0
		size := c.uint(1 << (flags & 3))
		blocks = append(blocks, block{addr + uint64(start-len(c.b)), size})
	} else {
		if v := c.u8(); v != 1 {
			return nil, fmt.Errorf("no object header at byte %d", addr)
		}
		c.take(1 + 2 + 4)
		blocks = append(blocks, block{addr + 16, c.u32()})
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	var out []message
	var taken uint64
	for n := 0; n < len(blocks); n++ {
		taken += blocks[n].size
		if taken > uint64(f.size) || len(blocks) > mostMessages {
			return nil, fmt.Errorf("an object header larger than the file")
		}
		c, err := f.at(blocks[n].addr, blocks[n].size)
		if err != nil {
			return nil, err
		}
		if newer && n > 0 {
			if err := c.signed("OCHK"); err != nil {
				return nil, err
			}
			if len(c.b) >= 4 { // checksum
				c.b = c.b[:len(c.b)-4]
			}
		}
		head := 8
		if newer {
			head = 4
			if ordered {
				head = 6
			}
		}
		for len(c.b) >= head {
			var m message
			var size uint64
			if newer {
				m.kind, size = c.u8(), c.uint(2)
				m.shared = c.u8()&2 != 0
				if ordered {
					c.take(2)
				}
			} else {
				m.kind, size = c.u16(), c.uint(2)
				m.shared = c.u8()&2 != 0
				c.take(3)
			}
			m.body = c.take(size)
			if c.bad || len(out) == mostMessages {
				return nil, errShort
			}
			if m.kind == 0x0010 {
				next := &cursor{b: m.body, o: f.o, l: f.l}
				blocks = append(blocks, block{next.address(), next.length()})
				continue
			}
			out = append(out, m)
		}
	}
	return out, nil
}

// denseLinks refuses a group that keeps its links in a fractal heap.
func denseLinks(c *cursor) error {
	c.take(1)
	if flags := c.u8(); flags&1 != 0 {
		c.take(8)
	}
	if c.address() != undefined && !c.bad {
		return fmt.Errorf("a group that keeps its links in a fractal heap (h5repack IN OUT writes it in the older way)")
	}
	return nil
}

// readLink reads a link message: hard links alone.
func (o *object) readLink(c *cursor) error {
	c.take(1)
	flags := c.u8()
	kind := 0
	if flags&0x08 != 0 {
		kind = c.u8()
	}
	if flags&0x04 != 0 {
		c.take(8)
	}
	if flags&0x10 != 0 {
		c.take(1)
	}
	name := string(c.take(c.uint(1 << (flags & 3))))
	if kind == 0 {
		o.links = append(o.links, link{name, c.address()})
	}
	return c.err()
}

// symbolTable returns the links of a group kept as B-tree and local heap.
func (f *File) symbolTable(c *cursor) ([]link, error) {
	tree, heap := c.address(), c.address()
	if err := c.err(); err != nil {
		return nil, err
	}
	h, err := f.at(heap, uint64(8+2*f.l+f.o))
	if err != nil {
		return nil, err
	}
	if err := h.signed("HEAP"); err != nil {
		return nil, err
	}
	h.take(4)
	size := h.length()
	h.length()
	if size > mostHeap {
		return nil, fmt.Errorf("%d bytes of names in one group", size)
	}
	names, err := f.at(h.address(), size)
	if err != nil {
		return nil, err
	}
	var out []link
	err = f.walk(tree, 0, func(_ *cursor, child uint64) error {
		n, err := f.at(child, 8)
		if err != nil {
			return err
		}
		if err := n.signed("SNOD"); err != nil {
			return err
		}
		n.take(2)
		count := n.u16()
		s, err := f.at(child+8, uint64(count*(2*f.o+24)))
		if err != nil {
			return err
		}
		for range count {
			at := s.uint(f.o)
			l := link{addr: s.address()}
			s.take(24)
			if at >= uint64(len(names.b)) {
				return fmt.Errorf("a name outside the heap of its group")
			}
			l.name, _, _ = strings.Cut(string(names.b[at:]), "\x00")
			out = append(out, l)
			if len(out) > mostNodes {
				return fmt.Errorf("more than %d members in one group", mostNodes)
			}
		}
		return nil
	})
	return out, err
}

// walk calls fn for each child of the leaves of the B-tree (version 1) at addr
// with the key before it. keyDims is 0 for the tree of a group, else the
// number of offsets in the key of a chunk.
func (f *File) walk(addr uint64, keyDims int, fn func(key *cursor, child uint64) error) error {
	keySize, kind := f.l, 0
	if keyDims > 0 {
		keySize, kind = 8+8*keyDims, 1
	}
	nodes := 0
	var visit func(addr uint64, level int) error
	visit = func(addr uint64, level int) error {
		if nodes++; nodes > mostNodes {
			return fmt.Errorf("a tree of more than %d nodes", mostNodes)
		}
		c, err := f.at(addr, uint64(8+2*f.o))
		if err != nil {
			return err
		}
		if err := c.signed("TREE"); err != nil {
			return err
		}
		if k := c.u8(); k != kind {
			return fmt.Errorf("a tree of kind %d where one of kind %d is expected", k, kind)
		}
		own := c.u8()
		// Levels fall on the way down, so that no loop can be walked.
		if own >= level {
			return fmt.Errorf("a tree whose levels do not fall")
		}
		count := c.u16()
		body, err := f.at(addr+uint64(8+2*f.o), uint64(count*(keySize+f.o)))
		if err != nil {
			return err
		}
		for range count {
			key := &cursor{b: body.take(uint64(keySize)), o: f.o, l: f.l}
			child := body.address()
			if own > 0 {
				err = visit(child, own)
			} else {
				err = fn(key, child)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	return visit(addr, mostDepth)
}

// find returns the object at path, whose names are separated by slashes.
func (f *File) find(path string) (*object, error) {
	o, err := f.object(f.root)
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		n := slices.IndexFunc(o.links, func(l link) bool { return l.name == name })
		if n < 0 {
			return nil, fmt.Errorf("%s is not there", path)
		}
		if o, err = f.object(o.links[n].addr); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return o, nil
}

// Names returns the names of the members of the group at path, in the order of
// the file.
func (f *File) Names(path string) ([]string, error) {
	o, err := f.find(path)
	if err != nil {
		return nil, err
	}
	if o.data != nil {
		return nil, fmt.Errorf("%s is a data set, not a group", path)
	}
	names := make([]string, len(o.links))
	for i, l := range o.links {
		names[i] = l.name
	}
	return names, nil
}

// Dataset returns the data set at path.
func (f *File) Dataset(path string) (*Dataset, error) {
	o, err := f.find(path)
	if err != nil {
		return nil, err
	}
	if o.data == nil {
		return nil, fmt.Errorf("%s is a group, not a data set", path)
	}
	o.data.path = path
	return o.data, nil
}
