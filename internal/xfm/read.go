package xfm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"phasl/diag"
	"phasl/internal/hdf5"
	"phasl/nifti"
	"phasl/voxel"
)

// A Format is a way to keep a transform in a file.
type Format string

// The formats.
const (
	Text   Format = "itk-text"
	Matlab Format = "itk-mat"
	HDF5   Format = "itk-h5"
	Field  Format = "field"
	FLIRT  Format = "flirt"
)

// fix is what to do about a file that is none of these.
const fix = "give an ITK transform (text, .mat or .h5, as ANTs, fMRIPrep and ASLPrep write them), a displacement field (.nii.gz) or a FLIRT matrix"

// mostText bounds a text file, and a MATLAB file, of a transform [bytes].
const mostText = 1 << 20

// A Transform is what a file holds.
type Transform struct {
	Map      voxel.Transform // fixed world → moving world [mm, RAS+]
	Inverse  voxel.Transform // moving world → fixed world, or nil where no formula gives it: see voxel.Warp
	Format   Format
	Warnings diag.List
}

// Read returns the transform in the file at path, whatever its format. Only a
// FLIRT matrix needs the grids of the two images it was made from, fixed
// (FLIRT's -ref) and moving (-in); a grid without voxels stands for an image
// that is not known.
//
// Beyond the box of a displacement field the displacement of the nearest point
// of the box holds, where ITK takes it to be zero.
//
// The error is a [diag.List] with every fault that was found.
func Read(path string, fixed, moving voxel.Grid) (*Transform, error) {
	var list diag.List
	t := read(path, fixed, moving, &list)
	if err := list.Err(); err != nil {
		return nil, err
	}
	t.Warnings = list
	return t, nil
}

func read(path string, fixed, moving voxel.Grid, list *diag.List) *Transform {
	f, err := os.Open(path)
	if err != nil {
		list.Add(&diag.Problem{File: path, Found: cause(err), Fix: "check the path", Err: err})
		return nil
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		list.Add(&diag.Problem{File: path, Found: cause(err), Fix: "give a file", Err: err})
		return nil
	}
	head = head[:n]
	if isImage(head) {
		w, h, err := nifti.ReadWarp(path)
		if more, ok := errors.AsType[diag.List](err); ok {
			list.Add(more...)
			return nil
		}
		if err != nil {
			list.Add(&diag.Problem{File: path, Found: err.Error(), Fix: "write the file again", Err: err})
			return nil
		}
		list.Add(h.Warnings...)
		return made(Field, []voxel.Transform{w})
	}
	if bytes.HasPrefix(head, []byte(hdf5.Signature)) {
		s, err := f.Stat()
		if err != nil {
			list.Add(&diag.Problem{File: path, Found: cause(err), Fix: "check the file", Err: err})
			return nil
		}
		return readHDF5(path, f, s.Size(), list)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		list.Add(&diag.Problem{File: path, Found: cause(err), Fix: "give a file", Err: err})
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, mostText+1))
	if err != nil {
		list.Add(&diag.Problem{File: path, Found: cause(err), Fix: "check the file", Err: err})
		return nil
	}
	if len(b) > mostText {
		list.Errorf(path, "", fix, "no transform: neither NIfTI nor HDF5, and too long for text")
		return nil
	}
	return Parse(path, b, fixed, moving, list)
}

// isImage reports whether a file that begins so may be a NIfTI image.
func isImage(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	if head[0] == 0x1f && head[1] == 0x8b {
		return true
	}
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if n := o.Uint32(head); n == 348 || n == 540 {
			return true
		}
	}
	return false
}

// Parse is [Read] for what is not an image: b is the content of the file path,
// and faults are added to list. It returns nil if there are any.
func Parse(path string, b []byte, fixed, moving voxel.Grid, list *diag.List) *Transform {
	switch {
	case bytes.HasPrefix(b, []byte(hdf5.Signature)):
		return readHDF5(path, bytes.NewReader(b), int64(len(b)), list)
	case bytes.HasPrefix(b, []byte("#Insight Transform File")):
		return compose(path, Text, parseText(path, b, list), list)
	case isMatlab(b):
		return compose(path, Matlab, parseMatlab(path, b, list), list)
	case isMatrix(b):
		return parseFLIRT(path, b, fixed, moving, list)
	}
	list.Errorf(path, "", fix, "not a transform of a format that is read here")
	return nil
}

// made returns the transform that applies the parts in order, neighbouring
// affine maps multiplied out.
func made(format Format, parts []voxel.Transform) *Transform {
	t := &Transform{Format: format}
	var chain voxel.Chain
	for _, p := range parts {
		a, ok := p.(voxel.Affine)
		if n := len(chain); ok && n > 0 {
			if last, also := chain[n-1].(voxel.Affine); also {
				chain[n-1] = a.Mul(last)
				continue
			}
		}
		chain = append(chain, p)
	}
	t.Map = chain
	if len(chain) == 1 {
		t.Map = chain[0]
	}
	if a, ok := t.Map.(voxel.Affine); ok {
		t.Inverse = a.Inverse()
	}
	return t
}

// cause returns what went wrong, without the path, which a problem names.
func cause(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Sprint(e.Err)
	}
	return err.Error()
}
