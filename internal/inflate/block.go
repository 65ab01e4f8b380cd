package inflate

import "encoding/binary"

// block reads the header of a block (RFC 1951, 3.2.3).
func (z *Reader) block() error {
	z.fill(inPad)
	head := z.peek()
	z.at += 3
	if err := z.overrun(); err != nil {
		return err
	}
	z.final = head&1 != 0
	switch head >> 1 & 3 {
	case 0:
		z.at = (z.at + 7) &^ 7
		b, err := z.take(4)
		if err != nil {
			return noEOF(err)
		}
		z.stored = int(binary.LittleEndian.Uint16(b))
		if uint16(z.stored) != ^binary.LittleEndian.Uint16(b[2:]) {
			return z.corrupt()
		}
		return nil
	case 1:
		z.fixedCodes()
	case 2:
		if !z.dynamicCodes() {
			return z.corrupt()
		}
	default:
		return z.corrupt()
	}
	z.symbols = true
	return nil
}

// peek returns at least 57 bits of input from the cursor on.
func (z *Reader) peek() uint64 {
	return binary.LittleEndian.Uint64(z.in[z.at>>3:]) >> (z.at & 7)
}

// copyStored copies bytes of a stored block.
func (z *Reader) copyStored() error {
	z.fill(1)
	pos := z.at >> 3
	n := copy(z.out[z.to:outLimit], z.in[pos:min(z.end, pos+z.stored)])
	if n == 0 {
		return noEOF(z.srcErr)
	}
	z.at += 8 * n
	z.to += n
	z.stored -= n
	return nil
}

// fixedCodes sets up the codes of RFC 1951, 3.2.6.
func (z *Reader) fixedCodes() {
	if z.fixed {
		return
	}
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	build(z.lit[:], litWidth, litEntries[:], lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	build(z.dist[:], distWidth, distEntries[:], lengths[:32])
	z.fixed = true
}

// preOrder is the order in which the lengths of the code for lengths come.
var preOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamicCodes reads the codes of a block (RFC 1951, 3.2.7). It reports whether
// they are valid; the cursor is behind what decided it.
func (z *Reader) dynamicCodes() bool {
	head := z.peek()
	lits, dists, pres := int(head&31)+257, int(head>>5&31)+1, int(head>>10&15)+4
	z.at += 14
	if lits > 286 || dists > 30 {
		return false
	}
	var pre [19]uint8
	for i := range pres {
		pre[preOrder[i]] = uint8(z.peek() & 7)
		z.at += 3
	}
	var table [1 << preWidth]uint32
	if !build(table[:], preWidth, preEntries[:], pre[:]) {
		return false
	}
	var lengths [286 + 30]uint8
	for i := 0; i < lits+dists; {
		ahead := z.peek()
		e := table[ahead&(1<<preWidth-1)]
		z.at += int(e & 63)
		ahead >>= e & 63
		if e&special != 0 {
			return false
		}
		symbol := e >> 16
		if symbol < 16 {
			lengths[i] = uint8(symbol)
			i++
			continue
		}
		var value uint8
		var extra, times int
		switch symbol {
		case 16:
			if i == 0 {
				return false
			}
			value, extra, times = lengths[i-1], 2, 3
		case 17:
			extra, times = 3, 3
		case 18:
			extra, times = 7, 11
		}
		times += int(ahead & (1<<extra - 1))
		z.at += extra
		if i+times > lits+dists {
			return false
		}
		for range times {
			lengths[i] = value
			i++
		}
	}
	z.fixed = false
	if !build(z.lit[:], litWidth, litEntries[:], lengths[:lits]) {
		return false
	}
	return build(z.dist[:], distWidth, distEntries[:], lengths[lits:lits+dists])
}

// decode decodes the symbols of a block until it ends, the output is full or
// the input is short. It always makes one turn, which takes fewer than 16
// bytes of input; if these are not there the turn is undone.
//
// bits holds the input ahead, the next bit lowest; the low six bits of n tell
// how many are counted. Those above n are right too, only not counted yet, and
// a refill sets them again to what they are. What is in n above its low six
// bits means nothing: whole entries are subtracted from it.
func (z *Reader) decode() error {
	const litMask, distMask = 1<<litWidth - 1, 1<<distWidth - 1
	z.fill(64)
	in, out, lit, dist := &z.in, &z.out, &z.lit, &z.dist
	pos, op := z.at>>3+7, z.to
	bits := z.peek()
	n := uint64(56 - z.at&7)
	limit := z.end - 32
	ok := true
	for again := true; again; again = pos <= limit && op < outLimit {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int((63 - n) >> 3 & 7)
		n |= 56
		e := lit[bits&litMask]
		if e&literal != 0 {
			out[op] = byte(e >> 16)
			op++
			bits >>= e & 63
			n -= uint64(e)
			e = lit[bits&litMask]
			if e&literal != 0 {
				out[op] = byte(e >> 16)
				op++
				bits >>= e & 63
				n -= uint64(e)
				e = lit[bits&litMask]
				if e&literal != 0 {
					out[op] = byte(e >> 16)
					op++
					bits >>= e & 63
					n -= uint64(e)
					continue
				}
			}
			bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int((63 - n) >> 3 & 7)
			n |= 56
		}
		// At least 56 bits are ahead; a length takes at most 15 + 5, a
		// distance 15 + 13.
		if e&special != 0 {
			if e&link == link {
				e = lit[(uint64(e>>16)+bits>>litWidth&(1<<(e>>8&63)-1))&uint64(len(lit)-1)]
			}
			if e&literal != 0 {
				out[op] = byte(e >> 16)
				op++
				bits >>= e & 63
				n -= uint64(e)
				continue
			}
			if e&special != 0 {
				n -= uint64(e)
				z.symbols = false
				ok = e&blockEnd == blockEnd
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&63))
		bits >>= e & 63
		n -= uint64(e)

		e = dist[bits&distMask]
		if e&special != 0 {
			if e&link == link {
				e = dist[(uint64(e>>16)+bits>>distWidth&(1<<(e>>8&63)-1))&uint64(len(dist)-1)]
			}
			if e&special != 0 {
				n -= uint64(e)
				ok = false
				break
			}
		}
		src := op - int(e>>16) - int(bits&(1<<(e&63)-1)>>(e>>8&63))
		bits >>= e & 63
		n -= uint64(e)
		if src < z.low {
			ok = false
			break
		}
		end := op + length
		switch {
		case length <= 32 && op-src >= 8: // eight at a time, beyond the end if need be
			for ; op < end; op, src = op+8, src+8 {
				binary.LittleEndian.PutUint64(out[op:], binary.LittleEndian.Uint64(out[src:]))
			}
		case length <= 8: // each byte may be the copy of one just written
			for ; op < end; op, src = op+1, src+1 {
				out[op] = out[src]
			}
		default: // what lies between src and op doubles each time
			for op < end {
				op += copy(out[op:end], out[src:op])
			}
		}
		op = end
	}
	z.at = 8*pos - int(n&63)
	if err := z.overrun(); err != nil {
		return err
	}
	z.to = op
	if !ok {
		return z.corrupt()
	}
	return nil
}
