package xfm

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"phasl/diag"
	"phasl/nifti"
	"phasl/voxel"
)

// fieldByFormula is a displacement field and an affine map that were also made
// in ITK 5.2.1, as a composite.
func fieldByFormula() (*voxel.Warp, voxel.Affine) {
	p := part{kind: "DisplacementFieldTransform_float_3_3"}
	s, c := math.Sincos(0.2)
	p.fixedParams = []float64{9, 8, 7, -20, -18, -24, 5, 6, 7, c, -s, 0, s, c, 0, 0, 0, 1}
	for k := range 7 {
		for j := range 8 {
			for i := range 9 {
				x, y, z := float32(i), float32(j), float32(k)
				p.field = append(p.field, 0.5*x-0.1*y, -0.25*y+0.05*z*z, 0.125*z-1+0.1*x)
			}
		}
	}
	w := p.transform("", new(diag.List)).(*voxel.Warp)
	a := part{kind: "AffineTransform_double_3_3", params: []float64{1.1, -0.2, 0.05, 0.15, 0.9, -0.1, -0.03, 0.08, 1.05, 3, -4, 5.5}, fixedParams: []float64{10, -5, 2}}
	return w, a.transform("", new(diag.List)).(voxel.Affine)
}

// Points [LPS] that ITK mapped through the field, and through the field and
// then the affine map.
var fieldPoints = []struct{ at, field, both voxel.Vec }{
	{voxel.Vec{12, 5, 7}, voxel.Vec{15.323417298172171, 5.3185191134860341, 7.2722019305555516}, voxel.Vec{17.05566530181996, 0.55795960380770104, 13.701591037217046}},
	{voxel.Vec{-8, 6, -3}, voxel.Vec{-6.6994064776598474, 5.5692680875562885, -3.2944227425364727}, voxel.Vec{-7.7479218800639131, -1.4631274185946692, 3.2873797616710014}},
	{voxel.Vec{1.5, -2.25, 10}, voxel.Vec{3.7339697052124619, -1.5294797971567871, 10.091152324815035}, voxel.Vec{5.8178202514058173, -7.6255515941407426, 16.461332466126869}},
}

// testdata/itk.h5 is that composite as ITK 5.2.1 wrote it (TransformFileWriter,
// single precision, compressed; the system's version was blanked).
func TestReadsITK(t *testing.T) {
	got, err := Read(filepath.Join("testdata", "itk.h5"), voxel.Grid{}, voxel.Grid{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Format != HDF5 || len(got.Warnings) > 0 {
		t.Errorf("%s, %v", got.Format, got.Warnings)
	}
	for _, p := range fieldPoints {
		if q := lps(got.Map.Map(lps(p.at))); voxel.Distance(q, p.both) > 5e-6 { // single precision
			t.Errorf("%v maps to %v, want %v", p.at, q, p.both)
		}
	}
}

// Two routes, with the same numbers as ITK's: a composite in HDF5 and a field in
// NIfTI.
func TestFields(t *testing.T) {
	w, a := fieldByFormula()
	var b bytes.Buffer
	if err := WriteHDF5(&b, voxel.Chain{w, a}, 2); err != nil {
		t.Fatal(err)
	}
	both, err := parse(b.Bytes(), voxel.Grid{}, voxel.Grid{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "field.nii.gz")
	if err := nifti.WriteWarp(path, w, nifti.Options{}); err != nil {
		t.Fatal(err)
	}
	field, err := Read(path, voxel.Grid{}, voxel.Grid{})
	if err != nil {
		t.Fatal(err)
	}
	if both.Inverse != nil || field.Inverse != nil {
		t.Error("the inverse of a field is no formula")
	}
	for _, p := range fieldPoints {
		if q := lps(both.Map.Map(lps(p.at))); voxel.Distance(q, p.both) > 5e-6 { // single precision
			t.Errorf("HDF5: %v maps to %v, want %v", p.at, q, p.both)
		}
		if q := lps(field.Map.Map(lps(p.at))); voxel.Distance(q, p.field) > 5e-6 {
			t.Errorf("NIfTI: %v maps to %v, want %v", p.at, q, p.field)
		}
	}
	if err := WriteHDF5(&b, voxel.Chain{strange{}}, 1); err == nil {
		t.Error("a transform of unknown type was written")
	}
}

type strange struct{}

func (strange) Map(p voxel.Vec) voxel.Vec { return p }

func TestReadFaults(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.txt")
	if err := os.WriteFile(long, bytes.Repeat([]byte("1 "), mostText), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{dir, filepath.Join(dir, "absent"), long} {
		if _, err := Read(p, voxel.Grid{}, voxel.Grid{}); err == nil {
			t.Errorf("%s was read", p)
		}
	}
}

func FuzzParse(f *testing.F) {
	w, a := fieldByFormula()
	for _, write := range []func(*bytes.Buffer) error{
		func(b *bytes.Buffer) error { return WriteText(b, a) },
		func(b *bytes.Buffer) error { return WriteMatlab(b, a) },
		func(b *bytes.Buffer) error { return WriteHDF5(b, a, 1) },
		func(b *bytes.Buffer) error { return WriteHDF5(b, voxel.Chain{w, a}, 1) },
		func(b *bytes.Buffer) error { return WriteFLIRT(b, a, left, right) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	for _, c := range itkTypes {
		f.Add([]byte("#Insight Transform File V1.0\n" + c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parse(b, left, right)
		if (got == nil) != (err != nil) {
			t.Fatalf("%v, %v", got, err)
		}
		if err == nil {
			got.Map.Map(voxel.Vec{1, 2, 3})
		}
	})
}
