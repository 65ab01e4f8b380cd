package xfm

import (
	"math"
	"testing"

	"phasl/voxel"
)

// Two oblique grids, whose affines have a negative (left) and a positive
// determinant.
var left, right = oblique([3]int{22, 26, 15}, voxel.Vec{-2, 3, 2.5}, voxel.Vec{25, -40, -12}),
	oblique([3]int{20, 24, 18}, voxel.Vec{3, 2, 4}, voxel.Vec{-30, -20, -33})

func oblique(dim [3]int, size, at voxel.Vec) voxel.Grid {
	turn := voxel.Rotation(voxel.Vec{0, 0, 0.3}).Mul(voxel.Rotation(voxel.Vec{0.2}))
	return voxel.Grid{Dim: dim, Affine: voxel.Translation(at).Mul(turn).Mul(voxel.Scaling(size))}
}

// Numbers of MRtrix3 3.0.3 (Debian), for images with these grids:
//
//	transformconvert flirt.mat IN.nii REF.nii flirt_import OUT.txt
//
// whose result, too, maps world points of REF to those of IN.
func TestFLIRT(t *testing.T) {
	const matrix = "1.02 -0.05 0.03 4\n0.06 0.97 -0.1 -3\n-0.02 0.11 1.01 7.5\n0 0 0 1\n"
	for _, c := range []struct {
		name    string
		in, ref voxel.Grid
		want    voxel.Affine
	}{
		{"right to left", right, left, voxel.Affine{
			{0.978837806887156, -0.0682879666702542, -0.0203280808503006, -0.765691176160275},
			{0.0501403322903043, 1.01423790153765, 0.108858875233373, 42.3491600628482},
			{0.0171011548104299, -0.101458274038884, 0.978555803116945, -32.8592154805634}}},
		{"left to right", left, right, voxel.Affine{
			{0.978837799881171, -0.0682879500522338, -0.0203280759164456, 2.40355533839037},
			{0.0501403366351547, 1.01423791164145, 0.108858860813425, -29.5513304029642},
			{0.0171011515631762, -0.101458263612426, 0.978555803643731, 12.4379854657186}}},
		{"right to right", right, right, voxel.Affine{
			{0.978837803093609, -0.0682879587480257, -0.0203280786243809, 1.85773501906539},
			{0.0501403342794531, 1.01423790679149, 0.108858867705275, 7.29332151409063},
			{0.0171011529082656, -0.101458269138563, 0.978555803468955, -8.56201461574023}}},
		{"left to left", left, left, voxel.Affine{
			{0.978837803674718, -0.0682879579744623, -0.0203280781423652, -0.219870591555094},
			{0.0501403346460058, 1.01423790638761, 0.108858868341523, 5.50450846793173},
			{0.0171011534653405, -0.101458268512748, 0.978555803291721, -11.8592151984321}}},
	} {
		got, err := parse([]byte(matrix), c.ref, c.in)
		if err != nil {
			t.Fatal(err)
		}
		a := got.Map.(voxel.Affine)
		for i := range 3 {
			for j := range 4 {
				// The images keep their affines in single precision.
				if math.Abs(a[i][j]-c.want[i][j]) > 1e-5 {
					t.Errorf("%s: row %d, column %d: %.9g, want %.9g", c.name, i+1, j+1, a[i][j], c.want[i][j])
				}
			}
		}
	}
}
