package nifti

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Sizes of the headers, and the first byte where the voxels of a single file
// may lie: header and four bytes that announce extensions.
const (
	size1, size2     = 348, 540
	offset1, offset2 = size1 + 4, size2 + 4
)

// Magic strings. Analyze 7.5 has zeros there.
const (
	single1, pair1 = "n+1\x00", "ni1\x00"
	single2, pair2 = "n+2\x00\r\n\x1a\n", "ni2\x00\r\n\x1a\n"
)

// raw holds the fields of either header as they are stored.
type raw struct {
	version              int // 0, 1, 2
	order                binary.ByteOrder
	magic                string
	dim                  [8]int64
	intentP              [3]float64
	intentCode           int64
	datatype, bitpix     int64
	pixdim               [8]float64
	voxOffset            float64
	sclSlope, sclInter   float64
	xyztUnits            int64
	calMax, calMin       float64
	descrip, auxFile     string
	qformCode, sformCode int64
	quatern, qoffset     [3]float64
	srow                 [3][4]float64
	intentName           string
	analyzeOrigin        [3]int64 // Analyze only: SPM's origin, counted from 1
	extended             bool
}

// A coder copies fields between a raw header and its bytes, in either
// direction, so that reading and writing share one table of offsets.
type coder struct {
	buf   []byte
	order binary.ByteOrder
	write bool
}

// integer codes a signed integer of 1 (unsigned then), 2, 4 or 8 bytes.
func (c *coder) integer(off, size int, v *int64) {
	b := c.buf[off:]
	switch {
	case size == 1 && c.write:
		b[0] = byte(*v)
	case size == 1:
		*v = int64(b[0])
	case size == 2 && c.write:
		c.order.PutUint16(b, uint16(*v))
	case size == 2:
		*v = int64(int16(c.order.Uint16(b)))
	case size == 4 && c.write:
		c.order.PutUint32(b, uint32(*v))
	case size == 4:
		*v = int64(int32(c.order.Uint32(b)))
	case c.write:
		c.order.PutUint64(b, uint64(*v))
	default:
		*v = int64(c.order.Uint64(b))
	}
}

// real codes consecutive IEEE 754 numbers of 4 or 8 bytes.
func (c *coder) real(off, size int, v ...*float64) {
	for i, p := range v {
		b := c.buf[off+i*size:]
		switch {
		case size == 4 && c.write:
			c.order.PutUint32(b, math.Float32bits(float32(*p)))
		case size == 4:
			*p = float64(math.Float32frombits(c.order.Uint32(b)))
		case c.write:
			c.order.PutUint64(b, math.Float64bits(*p))
		default:
			*p = math.Float64frombits(c.order.Uint64(b))
		}
	}
}

// text codes a string that ends at a zero byte or at the end of its field.
func (c *coder) text(off, size int, v *string) {
	b := c.buf[off : off+size]
	if c.write {
		copy(b, *v)
		return
	}
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	*v = toUTF8(b)
}

// toUTF8 returns b as it is if it is UTF-8 and otherwise as Latin-1, which old
// writers used.
func toUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// code copies all fields in the direction of c.
func (h *raw) code(c *coder) {
	if h.version == 2 {
		h.code2(c)
	} else {
		h.code1(c)
	}
}

// code1 is the table of NIfTI-1 and, up to byte 228, of Analyze 7.5.
func (h *raw) code1(c *coder) {
	for i := range h.dim {
		c.integer(40+2*i, 2, &h.dim[i])
	}
	c.integer(70, 2, &h.datatype)
	c.integer(72, 2, &h.bitpix)
	for i := range h.pixdim {
		c.real(76+4*i, 4, &h.pixdim[i])
	}
	c.real(108, 4, &h.voxOffset, &h.sclSlope, &h.sclInter)
	c.real(124, 4, &h.calMax, &h.calMin)
	c.text(148, 80, &h.descrip)
	c.text(228, 24, &h.auxFile)
	if h.version == 0 {
		for i := range h.analyzeOrigin {
			c.integer(253+2*i, 2, &h.analyzeOrigin[i])
		}
		return
	}
	c.real(56, 4, &h.intentP[0], &h.intentP[1], &h.intentP[2])
	c.integer(68, 2, &h.intentCode)
	c.integer(123, 1, &h.xyztUnits)
	c.integer(252, 2, &h.qformCode)
	c.integer(254, 2, &h.sformCode)
	c.real(256, 4, &h.quatern[0], &h.quatern[1], &h.quatern[2])
	c.real(268, 4, &h.qoffset[0], &h.qoffset[1], &h.qoffset[2])
	for i := range h.srow {
		c.real(280+16*i, 4, &h.srow[i][0], &h.srow[i][1], &h.srow[i][2], &h.srow[i][3])
	}
	c.text(328, 16, &h.intentName)
}

// code2 is the table of NIfTI-2.
func (h *raw) code2(c *coder) {
	c.integer(12, 2, &h.datatype)
	c.integer(14, 2, &h.bitpix)
	for i := range h.dim {
		c.integer(16+8*i, 8, &h.dim[i])
	}
	c.real(80, 8, &h.intentP[0], &h.intentP[1], &h.intentP[2])
	for i := range h.pixdim {
		c.real(104+8*i, 8, &h.pixdim[i])
	}
	offset := int64(h.voxOffset) // an integer here, and far below 2⁵³ or refused
	c.integer(168, 8, &offset)
	h.voxOffset = float64(offset)
	c.real(176, 8, &h.sclSlope, &h.sclInter, &h.calMax, &h.calMin)
	c.text(240, 80, &h.descrip)
	c.text(320, 24, &h.auxFile)
	c.integer(344, 4, &h.qformCode)
	c.integer(348, 4, &h.sformCode)
	c.real(352, 8, &h.quatern[0], &h.quatern[1], &h.quatern[2])
	c.real(376, 8, &h.qoffset[0], &h.qoffset[1], &h.qoffset[2])
	for i := range h.srow {
		c.real(400+32*i, 8, &h.srow[i][0], &h.srow[i][1], &h.srow[i][2], &h.srow[i][3])
	}
	c.integer(500, 4, &h.xyztUnits)
	c.integer(504, 4, &h.intentCode)
	c.text(508, 16, &h.intentName)
}

// bytes returns the header as stored, without the four bytes that follow it.
func (h *raw) bytes() []byte {
	size, at, order := size1, 344, h.order
	if h.version == 2 {
		size, at = size2, 4
	}
	b := make([]byte, size)
	order.PutUint32(b, uint32(size))
	if h.version == 1 {
		b[38] = 'r' // "regular": Analyze readers look for it
	}
	copy(b[at:], h.magic)
	h.code(&coder{buf: b, order: order, write: true})
	return b
}
