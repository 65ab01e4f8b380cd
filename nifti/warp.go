package nifti

import (
	"phasl/diag"
	"phasl/voxel"
)

// IntentVector is the intent code of a file with a vector in each voxel.
const IntentVector = 1007

// WriteWarp writes w to path as a displacement field in the convention of ITK,
// which ANTs and 3D Slicer read: five dimensions (i, j, k, 1, 3), intent 1007,
// the components being x, y, z in mm along LPS+ axes, so that x and y have the
// opposite sign of ours. The header's affine is RAS+, as in every NIfTI file. See
// [WriteImage] for the name and the rest; o.Intent and o.Datatype are set.
func WriteWarp(path string, w *voxel.Warp, o Options) error {
	o.Intent = Intent{Code: IntentVector}
	o.Datatype = Float32
	shape := append(w.Dim[:len(w.Dim):len(w.Dim)], 1, 3)
	return write(path, w.Grid, [][]float32{negated(w.Disp[0]), negated(w.Disp[1]), w.Disp[2]}, shape, o)
}

// ReadWarp reads a displacement field in the convention of [WriteWarp]. A file
// of another shape or intent is refused: it may hold FSL's coefficients, or a
// map of coordinates.
func ReadWarp(path string) (*voxel.Warp, *Header, error) {
	r, err := Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	h := r.Header
	var list diag.List
	if len(h.Shape) != 5 || h.Shape[3] != 1 || h.Shape[4] != 3 {
		list.Errorf(path, "dim", "give a displacement field as ANTs or phasl register write it",
			"%s where a field has i, j, k, 1, 3", shapeText(h.Shape))
	}
	if h.Intent.Code != IntentVector {
		list.Errorf(path, "intent_code", "give a displacement field as ANTs or phasl register write it; convert fields of other programs",
			"%d where a field of vectors has 1007", h.Intent.Code)
	}
	if !h.Affine.Invertible() {
		list.Errorf(path, "srow_x", "write the field again with a valid affine", "the affine is singular")
	}
	if list.Err() != nil {
		return nil, nil, list
	}
	s, h, err := r.series()
	if err != nil {
		return nil, nil, err
	}
	return voxel.NewWarp(s.Grid, [3][]float32{negated(s.Vols[0]), negated(s.Vols[1]), s.Vols[2]}), h, nil
}

// negated returns −v, with 0 for 0: −0 would be other bytes.
func negated(v []float32) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = 0 - x
	}
	return out
}
