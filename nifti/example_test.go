package nifti_test

import (
	"fmt"
	"os"
	"path/filepath"

	"phasl/nifti"
	"phasl/voxel"
)

func Example() {
	dir, err := os.MkdirTemp("", "nifti")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "cbf.nii.gz")

	m := voxel.NewImage(voxel.Grid{Dim: [3]int{4, 3, 2}, Affine: voxel.Scaling(voxel.Vec{2, 2, 3})})
	m.Data[m.Index(1, 2, 0)] = 55
	if err := nifti.WriteImage(path, m, nifti.Options{Descrip: "CBF [mL/100 g/min]"}); err != nil {
		fmt.Println(err)
		return
	}
	got, h, err := nifti.ReadImage(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.Descrip, h.Datatype, h.Form, h.SformCode, got.Dim, got.At(1, 2, 0))
	// Output: CBF [mL/100 g/min] float32 sform scanner [4 3 2] 55
}
