package nifti

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A converter turns stored voxels into float32 and counts what float32 could
// not hold.
type converter struct {
	datatype     Datatype
	swap         bool // the file is big-endian
	scale        bool
	slope, inter float64
	overflow     int // finite values that became ±Inf
	rounded      int // unscaled integers that lost digits
}

func newConverter(h *Header) converter {
	c := converter{datatype: h.Datatype, swap: h.ByteOrder == binary.BigEndian}
	c.slope, c.inter, _ = scaling(h.SclSlope, h.SclInter)
	c.scale = c.slope != 1 || c.inter != 0
	if !c.scale {
		c.inter = math.Copysign(0, -1) // x + −0 is x, also for x = −0
	}
	return c
}

// convert decodes len(dst) voxels from src, which it may overwrite.
//
// Big-endian voxels are turned round first, so that each type needs one loop.
// Types whose values float32 holds exactly are converted and then scaled;
// the wide ones are scaled in float64 before the one rounding. The product of
// slope and value is converted to float64 explicitly because that forbids
// fusing it with the sum, which only some machines do.
func (c *converter) convert(dst []float32, src []byte) {
	if c.swap {
		swapBytes(src, c.datatype.Bytes())
	}
	slope, inter := c.slope, c.inter
	switch c.datatype {
	case Uint8:
		for i, v := range src[:len(dst)] {
			dst[i] = float32(v)
		}
	case Int8:
		for i, v := range src[:len(dst)] {
			dst[i] = float32(int8(v))
		}
	case Int16:
		for i, b := 0, src; i < len(dst) && len(b) >= 2; i, b = i+1, b[2:] {
			dst[i] = float32(int16(binary.LittleEndian.Uint16(b)))
		}
	case Uint16:
		for i, b := 0, src; i < len(dst) && len(b) >= 2; i, b = i+1, b[2:] {
			dst[i] = float32(binary.LittleEndian.Uint16(b))
		}
	case Float32:
		for i, b := 0, src; i < len(dst) && len(b) >= 4; i, b = i+1, b[4:] {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
	case Float64:
		for i, b := 0, src; i < len(dst) && len(b) >= 8; i, b = i+1, b[8:] {
			v := float64(slope*math.Float64frombits(binary.LittleEndian.Uint64(b))) + inter
			f := float32(v)
			if f-f != 0 { // NaN or Inf
				c.countOverflow(v)
			}
			dst[i] = f
		}
		return
	case Int32:
		for i, b := 0, src; i < len(dst) && len(b) >= 4; i, b = i+1, b[4:] {
			v := int32(binary.LittleEndian.Uint32(b))
			if c.scale || v > 1<<24 || v < -1<<24 {
				dst[i] = c.integer(int64(v))
				continue
			}
			dst[i] = float32(v)
		}
		return
	case Uint32:
		for i, b := 0, src; i < len(dst) && len(b) >= 4; i, b = i+1, b[4:] {
			v := binary.LittleEndian.Uint32(b)
			if c.scale || v > 1<<24 {
				dst[i] = c.integer(int64(v))
				continue
			}
			dst[i] = float32(v)
		}
		return
	case Int64:
		for i, b := 0, src; i < len(dst) && len(b) >= 8; i, b = i+1, b[8:] {
			dst[i] = c.integer(int64(binary.LittleEndian.Uint64(b)))
		}
		return
	case Uint64:
		for i := range dst {
			v := binary.LittleEndian.Uint64(src[8*i:])
			if v <= math.MaxInt64 {
				dst[i] = c.integer(int64(v))
				continue
			}
			if c.scale {
				dst[i] = c.scaled(float64(v))
				continue
			}
			dst[i] = float32(v)
			c.countRounded(v)
		}
		return
	default:
		panic("nifti: convert: " + c.datatype.String())
	}
	if !c.scale {
		return
	}
	for i, x := range dst {
		v := float64(slope*float64(x)) + inter
		f := float32(v)
		if f-f != 0 {
			c.countOverflow(v)
		}
		dst[i] = f
	}
}

// scaled scales v and rounds it to float32.
func (c *converter) scaled(v float64) float32 {
	v = float64(c.slope*v) + c.inter
	c.countOverflow(v)
	return float32(v)
}

// countOverflow notes it if v is finite and float32 cannot hold it.
func (c *converter) countOverflow(v float64) {
	if math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
		c.overflow++
	}
}

// integer scales v and rounds it to float32; without a scale in one step.
func (c *converter) integer(v int64) float32 {
	if c.scale {
		return c.scaled(float64(v))
	}
	if v > 1<<24 || v < -1<<24 {
		c.countRounded(uint64(max(v, -v))) // −2⁶³ stays itself, which has one digit as well
	}
	return float32(v)
}

func (c *converter) countRounded(v uint64) {
	if bits.Len64(v)-bits.TrailingZeros64(v) > 24 {
		c.rounded++
	}
}

// swapBytes reverses the order of bytes in each group of size.
func swapBytes(b []byte, size int) {
	switch size {
	case 2:
		for ; len(b) >= 2; b = b[2:] {
			binary.LittleEndian.PutUint16(b, binary.BigEndian.Uint16(b))
		}
	case 4:
		for ; len(b) >= 4; b = b[4:] {
			binary.LittleEndian.PutUint32(b, binary.BigEndian.Uint32(b))
		}
	case 8:
		for ; len(b) >= 8; b = b[8:] {
			binary.LittleEndian.PutUint64(b, binary.BigEndian.Uint64(b))
		}
	}
}
