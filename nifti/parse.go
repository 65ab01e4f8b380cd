package nifti

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// Limits on what a header may claim. They are far beyond any scan, and keep a
// broken number from becoming a request for memory or for hours of reading.
const (
	maxVoxels = 1 << 31 // voxels per volume: 8 GiB of float32
	maxBytes  = 1 << 50 // all volumes together
	maxOffset = 1 << 28 // bytes before the first voxel
)

// sniff tells which header b, at least 348 bytes, starts with; zeros for a
// magic are Analyze 7.5 only if the name is that of a pair.
func sniff(b []byte, pairName bool) (version int, order binary.ByteOrder, ok bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch order.Uint32(b) {
		case size1:
			if magic := b[344:348]; pairName && bytes.Equal(magic, make([]byte, 4)) {
				return 0, order, true
			}
			return 1, order, true
		case size2:
			return 2, order, true
		}
	}
	return 0, nil, false
}

// parse decodes the header at the start of b (size1 bytes, or size2 if it is
// NIfTI-2, and the byte that announces extensions if the file goes on). If it
// returns nil the reason is in list; faults inside a header that can be
// decoded are left to [raw.header].
func parse(b []byte, file string, pairName bool, list *diag.List) *raw {
	const convert = "convert the original images again (dcm2niix), or copy the file again"
	if len(b) < size1 {
		list.Errorf(file, "", convert, "%s", describeShort(b))
		return nil
	}
	version, order, ok := sniff(b, pairName)
	if !ok {
		found := fmt.Sprintf("%d is neither 348 (NIfTI-1) nor 540 (NIfTI-2) in either byte order", int32(binary.LittleEndian.Uint32(b)))
		if isText(b[:64]) {
			found = fmt.Sprintf("the file is not an image: it begins with the text %q", firstLine(b[:64]))
		}
		list.Errorf(file, "sizeof_hdr", convert, "%s", found)
		return nil
	}
	h := &raw{version: version, order: order}
	end := size1
	switch version {
	case 1:
		h.magic = string(b[344:348])
		ok = h.magic == single1 || h.magic == pair1
	case 2:
		if end = size2; len(b) < end {
			list.Errorf(file, "", convert, "the file ends after %d bytes, inside the 540-byte header", len(b))
			return nil
		}
		h.magic = string(b[4:12])
		ok = h.magic == single2 || h.magic == pair2
	}
	if !ok {
		list.Errorf(file, "magic", convert, "%q is not a NIfTI-%d signature", h.magic, version)
		return nil
	}
	h.extended = version > 0 && len(b) > end && b[end] != 0
	h.code(&coder{buf: b, order: order})
	return h
}

// single reports whether the voxels follow in the same file.
func (h *raw) single() bool { return h.magic == single1 || h.magic == single2 }

// describeShort says what a file too short for a header is.
func describeShort(b []byte) string {
	switch {
	case len(b) == 0:
		return "the file is empty (0 bytes)"
	case bytes.HasPrefix(b, []byte("version https://git-lfs")), bytes.Contains(b, []byte("annex/objects")):
		return "the file is only a pointer to the image, which has not been fetched"
	case len(bytes.TrimSpace(b)) == 0:
		return fmt.Sprintf("the file is a placeholder (%d blank byte(s)), not an image", len(b))
	}
	return fmt.Sprintf("the file ends after %d bytes, inside the 348-byte header", len(b))
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// header checks every field and returns what they mean. All faults go to
// list; the header is usable only if none of them is an error.
func (h *raw) header(file string, list *diag.List) *Header {
	hd := &Header{
		File: file, Version: h.version, ByteOrder: h.order,
		Datatype: Datatype(h.datatype), SclSlope: h.sclSlope, SclInter: h.sclInter,
		PixDim: h.pixdim, XYZTUnits: int(h.xyztUnits),
		QformCode: Space(h.qformCode), SformCode: Space(h.sformCode),
		Descrip: h.descrip, AuxFile: h.auxFile,
		Intent: Intent{Code: int(h.intentCode), P: h.intentP, Name: h.intentName},
		CalMin: h.calMin, CalMax: h.calMax,
		VoxOffset: int64(h.voxOffset), Extended: h.extended,
	}
	h.checkDim(hd, file, list)
	h.checkType(file, list)
	h.checkOffset(file, list)
	if _, _, ok := scaling(hd.SclSlope, hd.SclInter); !ok && h.version > 0 {
		list.Errorf(file, "scl_inter", "set scl_slope to 0 if the values need no scaling, else set scl_inter to the true intercept",
			"%g with scl_slope %g: the values cannot be computed", hd.SclInter, hd.SclSlope)
	}
	if h.version == 0 {
		hd.SclInter = 0 // SPM's slope is the only scaling an Analyze header has
	}
	if hd.Shape != nil {
		h.checkSpace(hd, file, list)
	}
	hd.TR = h.tr()
	return hd
}

func (h *raw) checkDim(hd *Header, file string, list *diag.List) {
	const fix = "convert the original images again; the header is damaged or was written by a broken program"
	n := h.dim[0]
	if n < 1 || n > 7 {
		list.Errorf(file, "dim[0]", fix, "%d dimensions; there must be 1 to 7", n)
		return
	}
	ok := true
	volume, all := 1.0, 1.0 // exact far beyond the limits below
	for i, d := range h.dim[1 : n+1] {
		if d < 1 {
			list.Errorf(file, fmt.Sprintf("dim[%d]", i+1), fix, "length %d; it must be at least 1", d)
			ok = false
		}
		if i < 3 {
			volume *= float64(d)
		}
		all *= float64(d)
	}
	if !ok {
		return
	}
	if volume > maxVoxels || all*float64(max(1, h.bitpix/8)) > maxBytes {
		list.Errorf(file, "dim", fix, "%s is larger than any image that can be read (2³¹ voxels per volume, 1 PiB in all)", shapeText(h.dim[1:n+1]))
		return
	}
	hd.Shape = make([]int, n)
	for i := range hd.Shape {
		hd.Shape[i] = int(h.dim[i+1])
	}
}

func (h *raw) checkType(file string, list *diag.List) {
	d := Datatype(h.datatype)
	if fix, ok := refusedTypes[d]; ok {
		list.Errorf(file, "datatype", fix, "%s (code %d) is not read", d, h.datatype)
		return
	}
	if d.Bytes() == 0 {
		list.Errorf(file, "datatype", "convert the original images again, for example to float32 (code 16)",
			"%d is not a code of the standard", h.datatype)
		return
	}
	if h.bitpix != int64(8*d.Bytes()) {
		list.Errorf(file, "bitpix", fmt.Sprintf("find out which is right; %d goes with %s", 8*d.Bytes(), d),
			"%d bits per voxel disagree with datatype %s", h.bitpix, d)
	}
}

func (h *raw) checkOffset(file string, list *diag.List) {
	least := 0
	if h.single() {
		least = offset1
		if h.version == 2 {
			least = offset2
		}
	}
	v := h.voxOffset
	if !(v >= float64(least) && v <= maxOffset) || v != math.Trunc(v) {
		list.Errorf(file, "vox_offset", fmt.Sprintf("set it to the first byte of the voxels, usually %d", least),
			"%v; it must be a whole number between %d and %d", v, least, maxOffset)
	}
}

// scaling returns slope and intercept to apply: 1 and 0 if there is none. ok
// is false if the slope is valid and the intercept is not.
func scaling(slope, inter float64) (float64, float64, bool) {
	if slope == 0 || math.IsNaN(slope) || math.IsInf(slope, 0) {
		return 1, 0, true
	}
	return slope, inter, !math.IsNaN(inter) && !math.IsInf(inter, 0)
}

// tr returns the step along dim[4] in seconds, NaN if it is not known.
func (h *raw) tr() float64 {
	step := h.pixdim[4]
	if h.dim[0] < 4 || !(step > 0) || math.IsInf(step, 0) {
		return math.NaN()
	}
	switch h.xyztUnits & 0x38 {
	case 8:
		return step
	case 16:
		return step / 1e3
	case 24:
		return step / 1e6
	}
	return math.NaN() // not stated, or a frequency
}

// checkSpace fills in Affine, Form and FormDistance.
func (h *raw) checkSpace(hd *Header, file string, list *diag.List) {
	size, ok := h.voxelSize(file, list)
	unit := h.lengthUnit(file, list)

	sform := voxel.Affine(h.srow)
	sformOK := sform.Invertible()
	qform, qformOK := qformAffine(h.quatern, h.qoffset, size, h.pixdim[0])
	hasS, hasQ := h.sformCode > 0, h.qformCode > 0
	switch {
	case hasS && !sformOK:
		field, what := "srow_x, srow_y, srow_z", "the affine is singular"
		for i, row := range h.srow {
			for _, v := range row {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					field, what = "srow_"+string("xyz"[i]), fmt.Sprintf("%v is not a finite number", v)
				}
			}
		}
		fix := "convert the original images again"
		if hasQ && qformOK {
			fix = "set sform_code to 0, so that the qform is used, if you know the qform to be right"
		}
		list.Errorf(file, field, fix, "%s", what)
	case hasS:
		hd.Affine, hd.Form = sform, FormSform
	case hasQ && !qformOK && ok:
		field, what := "quatern_b, quatern_c, quatern_d", fmt.Sprintf("(%g, %g, %g) is longer than 1", h.quatern[0], h.quatern[1], h.quatern[2])
		if l := h.quatern[0] + h.quatern[1] + h.quatern[2] + h.qoffset[0] + h.qoffset[1] + h.qoffset[2]; math.IsNaN(l) || math.IsInf(l, 0) {
			field, what = "quatern, qoffset", fmt.Sprintf("%g, %g: not finite", h.quatern, h.qoffset)
		}
		list.Errorf(file, field, "convert the original images again; there is no sform to use instead", "%s", what)
	case hasQ:
		hd.Affine, hd.Form = qform, FormQform
	default:
		hd.Affine = baseAffine(size, h.origin())
		found := "both are 0: the file does not say where its voxels lie or which side is left; x is taken to run from right to left"
		if h.version == 0 {
			found = "the format does not say where voxels lie or which side is left; x is taken to run from right to left"
		}
		list.Warnf(file, "qform_code, sform_code", "convert the original images again, or set the sform", "%s", found)
	}
	for i := range 3 {
		for j := range 4 {
			hd.Affine[i][j] *= unit
			sform[i][j] *= unit
			qform[i][j] *= unit
		}
	}
	if hasS && sformOK && hasQ && ok {
		h.compareForms(hd, sform, qform, qformOK, file, list)
	}
	if s := hd.Affine.ColumnNorms(); list.Err() == nil && (min(s[0], s[1], s[2]) < 1e-2 || max(s[0], s[1], s[2]) > 100) {
		list.Warnf(file, "pixdim, xyzt_units", "correct the units if the voxels are not that size",
			"voxels of %.4g × %.4g × %.4g mm", s[0], s[1], s[2])
	}
}

// voxelSize returns the stored voxel sizes, 1 along axes the file lacks.
func (h *raw) voxelSize(file string, list *diag.List) (size [3]float64, ok bool) {
	ok = true
	for i := range size {
		size[i] = h.pixdim[i+1]
		if size[i] > 0 && !math.IsInf(size[i], 0) {
			continue
		}
		if int64(i) >= h.dim[0] {
			size[i] = 1
			continue
		}
		ok = false
		list.Errorf(file, fmt.Sprintf("pixdim[%d]", i+1), "set it to the distance between neighbouring voxels",
			"voxel size %g; it must be positive", h.pixdim[i+1])
	}
	return size, ok
}

// lengthUnit returns how many millimetres the file's unit of length has.
func (h *raw) lengthUnit(file string, list *diag.List) float64 {
	switch u := h.xyztUnits & 7; u {
	case 0, 2: // not stated: all programs take millimetres
		return 1
	case 1:
		list.Warnf(file, "xyzt_units", "", "lengths are in metres and were converted to millimetres")
		return 1e3
	case 3:
		list.Warnf(file, "xyzt_units", "", "lengths are in micrometres and were converted to millimetres")
		return 1e-3
	default:
		list.Warnf(file, "xyzt_units", "set it to 2 (mm) or 10 (mm, s)", "%d is not a unit of length; millimetres are assumed", u)
		return 1
	}
}

// compareForms reports a qform that disagrees with the sform by more than a
// tenth of a voxel. Less can be rounding: near a half-turn the stored
// quaternion fixes the angle to about 3e-4 only, 0.08 mm at 250 mm.
func (h *raw) compareForms(hd *Header, sform, qform voxel.Affine, qformOK bool, file string, list *diag.List) {
	if !qformOK {
		list.Warnf(file, "quatern_b, quatern_c, quatern_d", "", "the qform is not valid; the sform is used")
		return
	}
	hd.FormDistance = cornerDistance(hd.Grid().Dim, sform, qform)
	s := sform.ColumnNorms()
	if hd.FormDistance > min(s[0], s[1], s[2])/10 {
		list.Warnf(file, "sform, qform", "check which is right; programs that prefer the qform will place this image elsewhere",
			"they disagree by up to %.3g mm (sform: %v, qform: %v); the sform is used", hd.FormDistance, hd.SformCode, hd.QformCode)
	}
}

// origin returns the voxel that lies at the origin of a file without forms:
// the centre, or SPM's origin in an Analyze header if it is plausible.
func (h *raw) origin() [3]float64 {
	var centre, spm [3]float64
	given, plausible := false, true
	for i := range centre {
		n := int64(1)
		if int64(i) < h.dim[0] {
			n = h.dim[i+1]
		}
		o := h.analyzeOrigin[i]
		centre[i] = float64(n-1) / 2
		spm[i] = float64(o - 1)
		given = given || o != 0
		plausible = plausible && o > -n && o < 2*n
	}
	if given && plausible {
		return spm
	}
	return centre
}

// shapeText writes lengths as 64 × 64 × 20.
func shapeText[T int | int64](dim []T) string {
	parts := make([]string, len(dim))
	for i, d := range dim {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, " × ")
}
