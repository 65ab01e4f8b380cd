package nifti

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"phasl/diag"
	"phasl/internal/atomicfile"
	"phasl/voxel"
)

// Options say how an image is stored. The zero value is float32 in scanner
// coordinates.
type Options struct {
	Datatype Datatype // Float32 (if 0), Uint8, Int16 or Int32
	Space    Space    // of the affine; SpaceScanner if 0
	TR       float64  // step from volume to volume [s]; not stated if not positive
	Intent   Intent
	Descrip  string // cut to 79 bytes
	Workers  int    // goroutines for compression, 0: one per CPU; they do not change the bytes
}

// WriteImage writes m to path as NIfTI-1, or NIfTI-2 if a dimension exceeds
// 32767. The name must end in .nii or .nii.gz, which is compressed. The file
// appears when it is complete, and equal arguments give equal bytes.
//
// Both sform and qform are written; the qform only if the affine is a rotation
// times voxel sizes, for it cannot hold a shear. NIfTI-1 stores the affine in
// float32.
//
// It is an error if an integer type cannot hold every value exactly: NaN,
// fractions and values out of range are not rounded.
func WriteImage(path string, m *voxel.Image, o Options) error {
	return write(path, m.Grid, [][]float32{m.Data}, m.Dim[:], o)
}

// WriteSeries writes s to path with four dimensions; see [WriteImage].
func WriteSeries(path string, s *voxel.Series, o Options) error {
	return write(path, s.Grid, s.Vols, append(s.Dim[:len(s.Dim):len(s.Dim)], len(s.Vols)), o)
}

// WriteMask writes 1 where m is true and 0 elsewhere, as uint8 whatever
// o.Datatype says; see [WriteImage].
func WriteMask(path string, m *voxel.Mask, o Options) error {
	o.Datatype = Uint8
	return WriteImage(path, m.Image(), o)
}

func write(path string, g voxel.Grid, vols [][]float32, shape []int, o Options) error {
	compress := hasSuffix(path, ".nii.gz")
	if !compress && !hasSuffix(path, ".nii") {
		return fmt.Errorf("write %s: the name must end in .nii or .nii.gz", path)
	}
	enc, err := newEncoder(path, g, vols, shape, o)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		if compress {
			return enc.writeGzip(w, o.Workers)
		}
		return enc.writePlain(w)
	})
}

// newEncoder checks that the image can be stored such that it can be read.
func newEncoder(path string, g voxel.Grid, vols [][]float32, shape []int, o Options) (*encoder, error) {
	if len(vols) == 0 {
		return nil, errors.New("a series without volumes")
	}
	for _, v := range vols {
		if len(v) != g.Len() {
			panic(fmt.Sprintf("nifti: write: volume of %d values on a grid of %v", len(v), g.Dim))
		}
	}
	if o.Datatype == 0 {
		o.Datatype = Float32
	}
	head := headerBytes(g, shape, o)
	var list diag.List
	parse(head, path, false, &list).header(path, &list)
	if err := list.Err(); err != nil {
		return nil, fmt.Errorf("the grid cannot be stored: %w", err)
	}
	return &encoder{head: head, vols: vols, voxels: g.Len(), dim: g.Dim, datatype: o.Datatype}, nil
}

// headerBytes returns everything before the first voxel.
func headerBytes(g voxel.Grid, shape []int, o Options) []byte {
	h := &raw{
		version: 1, order: binary.LittleEndian, magic: single1, voxOffset: offset1,
		datatype: int64(o.Datatype), bitpix: int64(8 * o.Datatype.Bytes()),
		sclSlope: 1, xyztUnits: 2,
		intentCode: int64(o.Intent.Code), intentP: o.Intent.P,
		intentName: cut(o.Intent.Name, 15), descrip: cut(o.Descrip, 79),
	}
	for i := range h.dim {
		h.dim[i], h.pixdim[i] = 1, 1
	}
	h.dim[0] = int64(len(shape))
	for i, n := range shape {
		h.dim[i+1] = int64(n)
		if n > 32767 {
			h.version, h.magic, h.voxOffset = 2, single2, offset2
		}
	}
	if len(shape) > 3 {
		h.pixdim[4] = 0
		if o.TR > 0 {
			h.pixdim[4] = o.TR
			h.xyztUnits |= 8
		}
	}

	space := o.Space
	if space == SpaceUnknown {
		space = SpaceScanner
	}
	h.sformCode = int64(space)
	h.srow = g.Affine
	quatern, size, qfac, ok := affineQuatern(g.Affine)
	h.pixdim[0] = qfac
	copy(h.pixdim[1:4], size[:])
	if ok {
		h.qformCode = int64(space)
		h.quatern = quatern
		h.qoffset = voxel.Vec{g.Affine[0][3], g.Affine[1][3], g.Affine[2][3]}
	}
	return append(h.bytes(), 0, 0, 0, 0) // no extensions
}

// cut returns the longest start of s that has at most n bytes, is whole UTF-8
// and contains no zero byte.
func cut(s string, n int) string {
	s, _, _ = strings.Cut(s, "\x00")
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
