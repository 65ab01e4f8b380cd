package nifti_test

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/nifti"
	"phasl/voxel"
)

// One voxel worked by hand: 2 mm to the right, 3 mm to the front and 5 mm up
// is (−2, −3, 5) along ITK's axes, which point left, back and up. Offsets are
// those of nifti1.h.
func TestWarpIsITKs(t *testing.T) {
	g := voxel.Grid{Dim: [3]int{2, 3, 4}, Affine: voxel.Affine{{1, 0, 0, -10}, {0, 1.5, 0, 20}, {0, 0, 2, 30}}}
	var disp [3][]float32
	for a := range disp {
		disp[a] = make([]float32, g.Len())
	}
	n := g.Index(1, 2, 3)
	disp[0][n], disp[1][n], disp[2][n] = 2, 3, 5
	path := filepath.Join(t.TempDir(), "warp.nii")
	if err := nifti.WriteWarp(path, voxel.NewWarp(g, disp), nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var dim []int16
	for i := range 6 {
		dim = append(dim, int16(binary.LittleEndian.Uint16(b[40+2*i:])))
	}
	if want := []int16{5, 2, 3, 4, 1, 3}; !slices.Equal(dim, want) {
		t.Errorf("dim %v, want %v", dim, want)
	}
	if code := binary.LittleEndian.Uint16(b[68:]); code != 1007 {
		t.Errorf("intent_code %d", code)
	}
	for a, want := range []float32{-2, -3, 5} {
		if got := math.Float32frombits(binary.LittleEndian.Uint32(b[352+4*(a*g.Len()+n):])); got != want {
			t.Errorf("component %d is %g, want %g", a, got, want)
		}
	}
	w, _, err := nifti.ReadWarp(path)
	if err != nil {
		t.Fatal(err)
	}
	if !w.Same(g, 1e-6) || !slices.Equal(w.Disp[0], disp[0]) || !slices.Equal(w.Disp[1], disp[1]) || !slices.Equal(w.Disp[2], disp[2]) {
		t.Errorf("came back as %v", w.Disp)
	}
	if got, want := w.Map(g.World(1, 2, 3)), (voxel.Vec{-10 + 1 + 2, 20 + 3 + 3, 30 + 6 + 5}); voxel.Distance(got, want) > 1e-5 {
		t.Errorf("maps to %v, want %v", got, want)
	}
}

func TestWarpRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.nii.gz")
	if err := nifti.WriteImage(path, voxel.NewImage(voxel.Grid{Dim: [3]int{2, 2, 2}, Affine: voxel.Identity()}), nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	_, _, err := nifti.ReadWarp(path)
	list, ok := errors.AsType[diag.List](err)
	if !ok || len(list) != 2 || !strings.Contains(list.Error(), "dim") || !strings.Contains(list.Error(), "intent_code") {
		t.Errorf("%v", err)
	}
}
