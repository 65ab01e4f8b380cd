package xfm

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/voxel"
)

// isMatrix reports whether b may be a matrix in text: 16 words, the first a
// number.
func isMatrix(b []byte) bool {
	words := strings.Fields(string(b))
	if len(words) == 0 || len(words) > 64 {
		return false
	}
	_, err := strconv.ParseFloat(words[0], 64)
	return err == nil
}

// parseFLIRT returns the transform of a FLIRT matrix, which takes scaled voxels
// of the moving image to those of the fixed one.
func parseFLIRT(path string, b []byte, fixed, moving voxel.Grid, list *diag.List) *Transform {
	const again = "give the 4 × 4 matrix that flirt -omat wrote"
	words := strings.Fields(string(b))
	if len(words) != 16 {
		list.Errorf(path, "", again, "%d numbers where a matrix of 4 × 4 has 16", len(words))
		return nil
	}
	var v [16]float64
	for i, s := range words {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || x-x != 0 {
			list.Errorf(path, fmt.Sprintf("row %d", i/4+1), again, "%q is not a finite number", s)
		}
		v[i] = x
	}
	if list.Err() == nil && (v[12] != 0 || v[13] != 0 || v[14] != 0 || v[15] != 1) {
		list.Errorf(path, "row 4", again, "%g %g %g %g where 0 0 0 1 is expected", v[12], v[13], v[14], v[15])
	}
	for _, g := range []struct {
		voxel.Grid
		what string
	}{{fixed, "the fixed image (flirt's -ref)"}, {moving, "the moving image (flirt's -in)"}} {
		switch {
		case g.Dim[0] < 1:
			list.Errorf(path, "", "use it where both images are known, or change it with phasl transform convert --fixed REF --moving IN",
				"a FLIRT matrix means nothing without %s", g.what)
		case !g.Affine.Invertible():
			list.Errorf(path, "", "give images with a valid affine", "%s has a singular affine", g.what)
		}
	}
	if list.Err() != nil {
		return nil
	}
	m := voxel.Affine{[4]float64(v[0:4]), [4]float64(v[4:8]), [4]float64(v[8:12])}
	if !m.Invertible() {
		list.Errorf(path, "", again, "the matrix is singular")
		return nil
	}
	return made(FLIRT, []voxel.Transform{scaledWorld(moving).Mul(m.Inverse()).Mul(scaledWorld(fixed).Inverse())})
}

// scaledWorld returns the map from FSL's scaled voxels of g to its world: voxels
// times their size [mm], counted along x from the far side if the affine has a
// positive determinant.
func scaledWorld(g voxel.Grid) voxel.Affine {
	s := g.Spacing()
	inv := voxel.Scaling(voxel.Vec{1 / s[0], 1 / s[1], 1 / s[2]})
	if g.Affine.Det() > 0 {
		inv[0][0], inv[0][3] = -inv[0][0], float64(g.Dim[0]-1)
	}
	return g.Affine.Mul(inv)
}

// WriteFLIRT writes a, fixed world → moving world, as the matrix that FLIRT
// would have written for -ref fixed -in moving.
func WriteFLIRT(w io.Writer, a voxel.Affine, fixed, moving voxel.Grid) error {
	m := scaledWorld(fixed).Inverse().Mul(a.Inverse()).Mul(scaledWorld(moving))
	for _, r := range m {
		if _, err := fmt.Fprintf(w, "%.12g  %.12g  %.12g  %.12g  \n", r[0], r[1], r[2], r[3]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "0  0  0  1  \n")
	return err
}
