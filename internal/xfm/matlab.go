package xfm

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// A matrix of a MATLAB 4 file: five 32-bit numbers (type, rows, columns, is
// there an imaginary part, length of the name), the name and a zero byte, the
// numbers. The decimal digits of the type are M (0: little-endian, 1: big), O
// (0; ITK writes 1 for rows first, the same for a column), P (0: double, 1:
// single) and T (0: full matrix).
//
// Source: MAT-File Format, The MathWorks, section "Level 4 MAT-files".
const matHeader = 20

// isMatlab reports whether b begins as ITK's MATLAB files do.
func isMatlab(b []byte) bool {
	_, _, ok := matType(b)
	return ok
}

// matType returns the byte order and the size of a number of the matrix at the
// beginning of b.
func matType(b []byte) (binary.ByteOrder, int, bool) {
	if len(b) < matHeader {
		return nil, 0, false
	}
	for m, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		t := int(order.Uint32(b))
		name := order.Uint32(b[16:])
		if t >= 2000 || t/1000 != m || t%10 != 0 || t/100%10 > 1 || name < 2 || name > 256 {
			continue
		}
		switch t / 10 % 10 {
		case 0:
			return order, 8, true
		case 1:
			return order, 4, true
		}
	}
	return nil, 0, false
}

// parseMatlab returns the transform of an ITK MATLAB file: a matrix of the
// parameters, named for the type, and one of the fixed parameters.
func parseMatlab(path string, b []byte, list *diag.List) []part {
	const again = "write the transform again, or as text (ANTs: ConvertTransformFile IN.mat OUT.txt)"
	var parts []part
	for len(b) > 0 {
		order, size, ok := matType(b)
		if !ok {
			list.Errorf(path, "", again, "%d bytes after the last matrix that are no matrix", len(b))
			return nil
		}
		rows, cols, imag, name := order.Uint32(b[4:]), order.Uint32(b[8:]), order.Uint32(b[12:]), order.Uint32(b[16:])
		b = b[matHeader:]
		n := uint64(rows) * uint64(cols)
		if rows > mostText || cols > mostText || uint64(name)+n*uint64(size) > uint64(len(b)) || imag != 0 {
			list.Errorf(path, "", again, "the file ends within a matrix of %d × %d", rows, cols)
			return nil
		}
		text, _, _ := strings.Cut(string(b[:name]), "\x00")
		b = b[name:]
		v := make([]float64, n)
		for i := range v {
			if size == 8 {
				v[i] = math.Float64frombits(order.Uint64(b[8*i:]))
			} else {
				v[i] = float64(math.Float32frombits(order.Uint32(b[4*i:])))
			}
		}
		b = b[int(n)*size:]
		if text == "fixed" && len(parts) > 0 {
			parts[len(parts)-1].fixedParams = v
			continue
		}
		parts = append(parts, part{kind: text, params: v})
	}
	return parts
}

// WriteMatlab writes a as an ITK affine transform in a MATLAB file, as
// antsRegistration's 0GenericAffine.mat is.
func WriteMatlab(w io.Writer, a voxel.Affine) error {
	p := affinePart(a)
	var b []byte
	for _, m := range []struct {
		name string
		v    []float64
	}{{p.kind, p.params}, {"fixed", p.fixedParams}} {
		for _, n := range []int{0, len(m.v), 1, 0, len(m.name) + 1} {
			b = binary.LittleEndian.AppendUint32(b, uint32(n))
		}
		b = append(append(b, m.name...), 0)
		for _, x := range m.v {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write transform: %w", err)
	}
	return nil
}
