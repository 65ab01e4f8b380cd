package nifti

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"github.com/klauspost/compress/flate"

	"phasl/internal/par"
)

const (
	// gzipBlock is how much is compressed at a time. It is part of what the
	// bytes of a compressed file depend on; the number of workers is not.
	gzipBlock = 1 << 20
	// gzipLevel of klauspost/compress: on brain images higher levels cost
	// more time than they save bytes; see docs/formats/nifti.md.
	gzipLevel = 5
)

// An encoder serves the bytes of a file: the header, then the voxels.
type encoder struct {
	head     []byte
	vols     [][]float32
	voxels   int // per volume
	dim      [3]int
	datatype Datatype
}

// len returns the length of the file.
func (e *encoder) len() int {
	return len(e.head) + len(e.vols)*e.voxels*e.datatype.Bytes()
}

// blocks returns the number of pieces into which the file is cut: the header,
// then gzipBlock bytes of voxels each.
func (e *encoder) blocks() int {
	return 1 + (e.len()-len(e.head)+gzipBlock-1)/gzipBlock
}

// block appends piece b to dst.
func (e *encoder) block(dst []byte, b int) ([]byte, error) {
	if b == 0 {
		return append(dst, e.head...), nil
	}
	per := gzipBlock / e.datatype.Bytes()
	lo := (b - 1) * per
	hi := min(lo+per, len(e.vols)*e.voxels)
	for lo < hi {
		v, i := lo/e.voxels, lo%e.voxels
		n := min(hi-lo, e.voxels-i)
		var bad int
		if dst, bad = appendVoxels(dst, e.vols[v][i:i+n], e.datatype); bad >= 0 {
			return nil, e.inexact(v, i+bad)
		}
		lo += n
	}
	return dst, nil
}

// inexact is the error for a value that the type cannot hold.
func (e *encoder) inexact(v, i int) error {
	x, rest := i%e.dim[0], i/e.dim[0]
	return fmt.Errorf("value %v at voxel (%d, %d, %d) of volume %d is not a whole number that %s can hold",
		e.vols[v][i], x, rest%e.dim[1], rest/e.dim[1], v, e.datatype)
}

// appendVoxels appends values as little-endian voxels. It returns the index of
// the first value that the type cannot hold exactly, −1 if there is none.
func appendVoxels(dst []byte, values []float32, d Datatype) ([]byte, int) {
	switch d {
	case Float32:
		for _, v := range values {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	case Uint8:
		for i, v := range values {
			n := byte(clamp(v, 0, math.MaxUint8))
			if float32(n) != v {
				return dst, i
			}
			dst = append(dst, n)
		}
	case Int16:
		for i, v := range values {
			n := int16(clamp(v, math.MinInt16, math.MaxInt16))
			if float32(n) != v {
				return dst, i
			}
			dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
		}
	case Int32:
		for i, v := range values {
			n := int32(clamp(v, math.MinInt32, math.MaxInt32))
			if float64(n) != float64(v) {
				return dst, i
			}
			dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
		}
	default:
		panic("nifti: write: datatype " + d.String() + " is not written")
	}
	return dst, -1
}

// clamp makes v safe to convert to an integer: what it changes will compare
// unequal afterwards.
func clamp(v float32, lo, hi float64) float64 {
	if !(float64(v) >= lo) { // also true of NaN
		return lo
	}
	return min(float64(v), hi)
}

func (e *encoder) writePlain(w io.Writer) error {
	var buf []byte
	var err error
	for b := range e.blocks() {
		if buf, err = e.block(buf[:0], b); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}

// writeGzip compresses the pieces independently, several at a time, and joins
// them to one gzip member. Each piece ends on a byte boundary (a sync flush),
// so that deflate data can be joined; the last block of the stream is empty.
// Time and name are left out of the gzip header.
func (e *encoder) writeGzip(w io.Writer, workers int) error {
	if _, err := w.Write([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255}); err != nil {
		return err
	}
	type piece struct {
		raw []byte
		out sliceWriter
		err error
	}
	workers = par.Workers(workers)
	pieces := make([]piece, min(4*workers, e.blocks()))
	packers := make(chan *flate.Writer, workers)
	for range workers {
		f, err := flate.NewWriter(io.Discard, gzipLevel)
		if err != nil {
			return err
		}
		packers <- f
	}
	var crc uint32
	for first := 0; first < e.blocks(); first += len(pieces) {
		n := min(len(pieces), e.blocks()-first)
		par.Do(workers, n, func(i int) {
			p := &pieces[i]
			if p.raw, p.err = e.block(p.raw[:0], first+i); p.err != nil {
				return
			}
			p.out = p.out[:0]
			f := <-packers
			f.Reset(&p.out)
			f.Write(p.raw) // a sliceWriter does not fail
			f.Flush()
			packers <- f
		})
		for i := range n {
			p := &pieces[i]
			if p.err != nil {
				return p.err
			}
			crc = crc32.Update(crc, crc32.IEEETable, p.raw)
			if _, err := w.Write(p.out); err != nil {
				return err
			}
		}
	}
	tail := []byte{1, 0, 0, 0xff, 0xff} // final stored block of length 0
	tail = binary.LittleEndian.AppendUint32(tail, crc)
	tail = binary.LittleEndian.AppendUint32(tail, uint32(e.len()))
	_, err := w.Write(tail)
	return err
}

// A sliceWriter appends to itself.
type sliceWriter []byte

func (s *sliceWriter) Write(p []byte) (int, error) {
	*s = append(*s, p...)
	return len(p), nil
}
