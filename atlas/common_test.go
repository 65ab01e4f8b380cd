package atlas

import (
	"os"
	"testing"

	"phasl/nifti"
	"phasl/voxel"
)

func readImage(t testing.TB, path string) *voxel.Image {
	t.Helper()
	img, _, err := nifti.ReadImage(path)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func readText(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// line returns an image of n×1×1 voxels of 2×2×2 mm with the given values.
func line(values ...float32) *voxel.Image {
	g := voxel.Grid{Dim: [3]int{len(values), 1, 1}, Affine: voxel.Scaling(voxel.Vec{2, 2, 2})}
	return &voxel.Image{Grid: g, Data: values}
}

// tiny is an atlas of three labels: A_L (1), A_R (2), B (7).
func tiny(t testing.TB, values ...float32) *Atlas {
	t.Helper()
	a, list := New(line(values...), "labels.nii", Table{File: "labels.tsv", Header: []string{"index", "name"},
		Rows: [][]string{{"1", "A_L"}, {"2", "A_R"}, {"7", "B"}}})
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	return a
}
