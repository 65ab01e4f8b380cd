package nifti

import (
	"encoding/binary"
	"fmt"

	"phasl/diag"
	"phasl/voxel"
)

// A Header is what a file says about its voxels.
type Header struct {
	File      string           // path as given to the reader
	Version   int              // 1 or 2; 0 for Analyze 7.5
	ByteOrder binary.ByteOrder // of header and voxels

	Shape    []int    // dim[1] … dim[dim[0]]; each at least 1
	Datatype Datatype // of the stored voxels
	SclSlope float64  // as stored; 0, NaN or infinite means no scaling
	SclInter float64  // as stored

	PixDim    [8]float64   // as stored, in the file's units; [0] is qfac
	XYZTUnits int          // as stored; [Header.Affine] and [Header.TR] are already converted
	TR        float64      // step along dim[4] [s]; NaN if the file does not give it as a time
	Affine    voxel.Affine // voxel index → world [mm], RAS+
	Form      Form         // where Affine comes from
	QformCode Space
	SformCode Space
	// FormDistance is the largest distance [mm] between the two places that
	// the sform and the qform give a corner of the grid; 0 unless both are
	// present and valid.
	FormDistance float64

	Descrip        string // free text; Latin-1 is converted to UTF-8
	AuxFile        string
	Intent         Intent
	CalMin, CalMax float64 // display range, as stored
	VoxOffset      int64   // first byte of the voxels in their file
	Extended       bool    // header extensions are present (and ignored)

	// Warnings are faults that do not stop the work. Those about values are
	// added once the last volume has been read.
	Warnings diag.List
}

// Grid returns the grid of one volume; axes that the file lacks have length 1.
func (h *Header) Grid() voxel.Grid {
	g := voxel.Grid{Dim: [3]int{1, 1, 1}, Affine: h.Affine}
	copy(g.Dim[:], h.Shape)
	return g
}

// Volumes returns the number of volumes: the product of dim[4] and beyond.
func (h *Header) Volumes() int {
	n := 1
	for _, d := range h.Shape[min(3, len(h.Shape)):] {
		n *= d
	}
	return n
}

// An Intent says what the values mean, by the codes of the standard.
type Intent struct {
	Code int        // intent_code; 0: none, 3: t statistic, 1002: labels
	P    [3]float64 // intent_p1 … intent_p3
	Name string     // intent_name, at most 15 bytes
}

// A Form tells where an affine comes from.
type Form int

const (
	FormNone  Form = iota // neither: centred, x from right to left; left and right are not known
	FormQform             // quaternion and voxel sizes
	FormSform             // rows of the affine
)

// String returns "none", "qform" or "sform".
func (f Form) String() string {
	switch f {
	case FormQform:
		return "qform"
	case FormSform:
		return "sform"
	}
	return "none"
}

// A Space names the coordinate system of a qform or sform.
type Space int

// The spaces of the standard.
const (
	SpaceUnknown   Space = 0
	SpaceScanner   Space = 1 // scanner-based anatomical coordinates
	SpaceAligned   Space = 2 // aligned to another file
	SpaceTalairach Space = 3
	SpaceMNI152    Space = 4
	SpaceTemplate  Space = 5 // another standard template
)

// String returns the name of the space, or its number if it has none.
func (s Space) String() string {
	names := [...]string{"unknown", "scanner", "aligned", "Talairach", "MNI152", "template"}
	if s >= 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("code %d", int(s))
}

// A Datatype is the type of the stored voxels, by the code of the standard.
type Datatype int

// The types that are read. [Float32], [Uint8], [Int16] and [Int32] are written.
const (
	Uint8   Datatype = 2
	Int16   Datatype = 4
	Int32   Datatype = 8
	Float32 Datatype = 16
	Float64 Datatype = 64
	Int8    Datatype = 256
	Uint16  Datatype = 512
	Uint32  Datatype = 768
	Int64   Datatype = 1024
	Uint64  Datatype = 1280
)

// Bytes returns the size of one voxel, 0 if the type is not read.
func (d Datatype) Bytes() int {
	switch d {
	case Uint8, Int8:
		return 1
	case Int16, Uint16:
		return 2
	case Int32, Uint32, Float32:
		return 4
	case Int64, Uint64, Float64:
		return 8
	}
	return 0
}

// String returns the name of the type, or its number if it has none.
func (d Datatype) String() string {
	if name, ok := datatypeNames[d]; ok {
		return name
	}
	return fmt.Sprintf("datatype %d", int(d))
}

var datatypeNames = map[Datatype]string{
	Uint8: "uint8", Int16: "int16", Int32: "int32", Float32: "float32",
	Float64: "float64", Int8: "int8", Uint16: "uint16", Uint32: "uint32",
	Int64: "int64", Uint64: "uint64",
	1: "binary", 32: "complex64", 128: "RGB24", 1536: "float128",
	1792: "complex128", 2048: "complex256", 2304: "RGBA32",
}

// refusedTypes gives, for each type of the standard that is not read, what
// the user can do.
var refusedTypes = map[Datatype]string{
	1:    "store the mask as uint8, one voxel per byte",
	32:   complexFix,
	1792: complexFix,
	2048: complexFix,
	128:  colourFix,
	2304: colourFix,
	1536: "convert to float64 or float32",
}

const (
	complexFix = "save magnitude and phase (or real and imaginary part) as two files of float32"
	colourFix  = "save the values that the colours stand for; a colour picture has none"
)
