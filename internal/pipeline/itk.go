package pipeline

import (
	"fmt"
	"io"

	"phasl/voxel"
)

// writeITK writes t as an ITK affine transform text file, which ANTs,
// ASLPrep and 3D Slicer read. ITK's world is LPS+, ours RAS+, so the signs of
// the parts that couple x or y with z, and of the x and y shifts, change:
// F·t·F with F = diag(−1, −1, 1). Like ours, ITK's transform takes points of
// the reference (fixed) image to points of the image resampled (moving).
func writeITK(w io.Writer, t voxel.Affine) error {
	flip := voxel.Scaling(voxel.Vec{-1, -1, 1})
	l := flip.Mul(t).Mul(flip)
	_, err := fmt.Fprintf(w, "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\nParameters:")
	if err != nil {
		return err
	}
	for _, row := range l {
		fmt.Fprintf(w, " %.17g %.17g %.17g", row[0], row[1], row[2])
	}
	_, err = fmt.Fprintf(w, " %.17g %.17g %.17g\nFixedParameters: 0 0 0\n", l[0][3], l[1][3], l[2][3])
	return err
}
