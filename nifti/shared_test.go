package nifti

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/internal/sharedtest"
)

// A number of expected.json, which writes ±Inf as text and NaN as null.
type number float64

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*n = number(v)
	return err
}

type expectation struct {
	Note      string
	Shape     []int
	Datatype  int
	Affine    [4][4]float64
	QformCode *int     `json:"qform_code"`
	SformCode *int     `json:"sform_code"`
	SclSlope  number   `json:"scl_slope"`
	SclInter  number   `json:"scl_inter"`
	BigEndian bool     `json:"big_endian"`
	Text      []string `json:"values_as_text"`
	Channels  []struct {
		Values  []number `json:"values_fortran_order"`
		First50 []number
		N       int
		NaN     int    `json:"n_nan"`
		Sum     number `json:"sum_finite"`
	}
}

func expectations(t *testing.T) (dir string, good map[string]expectation, bad map[string]struct{ Why string }) {
	dir = sharedtest.Path(t, "reference/nifti")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Good map[string]expectation
		Bad  map[string]struct{ Why string }
	}
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	return dir, all.Good, all.Bad
}

// The files were written, and the values and affines read, by nibabel 5.0.0.
func TestReferenceGood(t *testing.T) {
	dir, good, _ := expectations(t)
	for name, want := range good {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			s, h, err := ReadSeries(path)
			if len(want.Channels) != 1 { // complex and colour
				var p *diag.Problem
				if !errors.As(err, &p) || p.Field != "datatype" || p.Fix == "" {
					t.Fatalf("error %v, want a problem with datatype", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if shapeText(h.Shape) != shapeText(want.Shape) || int(h.Datatype) != want.Datatype ||
				(h.ByteOrder == binary.BigEndian) != want.BigEndian {
				t.Errorf("%v %v %v, want %v %v big-endian %v", h.Shape, h.Datatype, h.ByteOrder, want.Shape, want.Datatype, want.BigEndian)
			}
			if want.QformCode != nil && (int(h.QformCode) != *want.QformCode || int(h.SformCode) != *want.SformCode) {
				t.Errorf("codes %d, %d, want %d, %d", h.QformCode, h.SformCode, *want.QformCode, *want.SformCode)
			}
			unit := 1.0
			if name == "units_meter_msec.nii.gz" { // nibabel leaves the affine in metres
				unit = 1e3
			}
			for i := range 3 {
				for j := range 4 {
					// A qform goes through a float32 quaternion; the order of
					// operations differs from nibabel's.
					if d := math.Abs(h.Affine[i][j] - unit*want.Affine[i][j]); d > 1e-5*unit {
						t.Errorf("affine[%d][%d] = %g, want %g", i, j, h.Affine[i][j], unit*want.Affine[i][j])
					}
				}
			}
			checkValues(t, s.Vols, want)
		})
	}
}

func checkValues(t *testing.T, vols [][]float32, want expectation) {
	t.Helper()
	var got []float32
	for _, v := range vols {
		got = append(got, v...)
	}
	c := want.Channels[0]
	if len(got) != c.N {
		t.Fatalf("%d values, want %d", len(got), c.N)
	}
	values := c.Values
	if values == nil {
		values = c.First50
	}
	for i, w := range values {
		wf := float32(w) // nibabel gives float64: one rounding
		if want.Text != nil {
			x, err := strconv.ParseFloat(want.Text[i], 32) // exact integer: rounded once
			if err != nil {
				t.Fatal(err)
			}
			wf = float32(x)
		}
		if !sameFloat(float64(got[i]), float64(wf)) {
			t.Fatalf("value %d is %v, want %v", i, got[i], wf)
		}
	}
	nan, sum, size := 0, 0.0, 0.0
	for _, v := range got {
		switch {
		case v != v:
			nan++
		case !math.IsInf(float64(v), 0):
			sum += float64(v)
			size += math.Abs(float64(v))
		}
	}
	// Each value may be rounded to float32 by half of 2⁻²³ of its size.
	if nan != c.NaN || math.Abs(sum-float64(c.Sum)) > size*0x1p-23 {
		t.Errorf("%d NaN, sum %v; want %d, %v", nan, sum, c.NaN, c.Sum)
	}
}

// Every broken file is refused, for the reason that it was broken.
func TestReferenceBad(t *testing.T) {
	dir, _, bad := expectations(t)
	want := map[string]string{ // field, or part of what was found
		"bad_truncated_data.nii": "572 bytes", "bad_truncated_header.nii": "inside the 348-byte header",
		"bad_empty.nii": "empty", "bad_gzip_truncated.rawgz.nii.gz": "cut off", "bad_gzip_crc.rawgz.nii.gz": "checksum",
		"bad_not_gzip.rawgz.nii.gz": "not gzip", "bad_sizeof_hdr.nii": "sizeof_hdr", "bad_magic.nii": "magic",
		"bad_datatype.nii": "datatype", "bad_bitpix.nii": "bitpix", "bad_dim0_zero.nii": "dim[0]", "bad_dim0_nine.nii": "dim[0]",
		"bad_dim_negative.nii": "dim[1]", "bad_dim_zero.nii": "dim[2]", "bad_dim_huge.nii": "dim: 32767",
		"bad_vox_offset.nii": "vox_offset", "bad_vox_offset_nan.nii": "vox_offset", "bad_pixdim_zero.nii": "pixdim[2]",
		"bad_pixdim_negative.nii": "pixdim[1]", "bad_sform_nan.nii": "srow_x", "bad_sform_singular.nii": "singular",
		"bad_quatern.nii": "quatern_b", "bad_pair_no_img.hdr": "bad_pair_no_img.img", "bad_text.nii": "this is a text",
	}
	for name, b := range bad {
		path := filepath.Join(dir, name)
		_, _, err := ReadSeries(path)
		var p *diag.Problem
		if !errors.As(err, &p) {
			t.Errorf("%s (%s): error %v, want a problem", name, b.Why, err)
			continue
		}
		if want[name] == "" || !strings.Contains(err.Error(), want[name]) || p.Fix == "" || p.File == "" {
			t.Errorf("%s (%s): %v (fix: %s); want %q", name, b.Why, err, p.Fix, want[name])
		}
	}
}

// All images at hand are readable, except the placeholders of the BIDS
// examples, which are named as what they are; none warns about its forms.
func TestSharedHeaders(t *testing.T) {
	root := sharedtest.Path(t, "data")
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".nii.gz") {
			return err
		}
		n++
		h, err := ReadHeader(path)
		info, statErr := d.Info()
		if statErr != nil {
			return statErr
		}
		if info.Size() < 20 {
			var p *diag.Problem
			if !errors.As(err, &p) || !strings.Contains(p.Found, "placeholder") && !strings.Contains(p.Found, "empty") {
				t.Errorf("%s: %v, want a placeholder", path, err)
			}
			return nil
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		if len(h.Warnings) > 0 {
			t.Logf("%s: %v", path, h.Warnings)
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatalf("%d files, %v", n, err)
	}
}
