package xfm

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/voxel"
)

// parse returns what Parse makes of b, with the faults as an error.
func parse(b []byte, fixed, moving voxel.Grid) (*Transform, error) {
	var list diag.List
	t := Parse("file", b, fixed, moving, &list)
	return t, list.Err()
}

// A turn of 90° about z and a centre, worked by hand along LPS axes:
// M = (0 −1 0; 1 0 0; 0 0 1), c = (10, 0, 0), t = (1, 2, 3).
// x = (12, 5, 7) → M(x−c) + t + c = (−5, 2, 7) + (1, 2, 3) + (10, 0, 0) = (6, 4, 10).
func TestTextByHand(t *testing.T) {
	a, err := parse([]byte("#Insight Transform File V1.0\n#Transform 0\nTransform: MatrixOffsetTransformBase_double_3_3\nParameters: 0 -1 0 1 0 0 0 0 1 1 2 3\nFixedParameters: 10 0 0\n"), voxel.Grid{}, voxel.Grid{})
	if err != nil {
		t.Fatal(err)
	}
	got := a.Map.Map(voxel.Vec{-12, -5, 7}) // the same points along RAS axes
	if want := (voxel.Vec{-6, -4, 10}); voxel.Distance(got, want) > 1e-12 {
		t.Errorf("maps to %v, want %v", got, want)
	}
	if back := a.Inverse.Map(got); voxel.Distance(back, voxel.Vec{-12, -5, 7}) > 1e-12 {
		t.Errorf("the inverse maps to %v", back)
	}
}

// The types of ITK, with two points [LPS] that ITK 5.2.1 mapped (Debian's
// libinsighttoolkit5-dev; TransformPoint of the transform whose file this is,
// written by itk::TransformFileWriter).
var itkTypes = []struct {
	text   string
	points [2][2]voxel.Vec
}{
	{
		"Transform: AffineTransform_double_3_3\nParameters: 1.1 -0.2 0.05 0.15 0.9 -0.1 -0.03 0.08 1.05 3 -4 5.5\nFixedParameters: 10 -5 2\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {13.45, -0.2, 13.49}}, {{1.5, -2.25, 10}, {3.5, -8.6, 16.375}}},
	}, {
		"Transform: Euler3DTransform_double_3_3\nParameters: 0.1 -0.2 0.3 1 2 3\nFixedParameters: 10 -5 2 0\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {9.1394641581756968, 6.2860800001834995, 11.269539425785528}}, {{1.5, -2.25, 10}, {0.89601392431019611, -3.9042155773590093, 11.395651614333593}}},
	}, {
		"Transform: Euler3DTransform_double_3_3\nParameters: 0.1 -0.2 0.3 1 2 3\nFixedParameters: 10 -5 2 1\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {8.9459430727738294, 6.2573238252551535, 11.251624247671758}}, {{1.5, -2.25, 10}, {0.90601825416044601, -4.0942547072426354, 11.381742642126461}}},
	}, {
		"Transform: VersorRigid3DTransform_double_3_3\nParameters: 0.1 -0.2 0.3 1 2 3\nFixedParameters: 10 -5 2\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {4.9611052036034344, 4.5054723699099135, 11.016613178738796}}, {{1.5, -2.25, 10}, {0.58229502968458258, -7.6333243919821232, 8.7170187287837244}}},
	}, {
		"Transform: Similarity3DTransform_double_3_3\nParameters: 0.1 -0.2 0.3 1 2 3 1.2\nFixedParameters: 10 -5 2\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {3.7533262443241244, 6.006566843891898, 12.219935814486556}}, {{1.5, -2.25, 10}, {-1.5012459643785001, -8.5599892703785461, 9.4604224745404704}}},
	}, {
		"Transform: QuaternionRigidTransform_double_3_3\nParameters: 0.11322770341445956 -0.22645540682891913 0.33968311024337872 0.90582162731567648 1 2 3\nFixedParameters: 10 -5 2\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {4, 3.7692307692307692, 10.846153846153847}}, {{1.5, -2.25, 10}, {0.83333333333333333, -8.6217948717948723, 7.9743589743589745}}},
	}, {
		"Transform: TranslationTransform_double_3_3\nParameters: 1 2 3\nFixedParameters:\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {13, 7, 10}}, {{0, 0, 0}, {1, 2, 3}}},
	}, {
		"Transform: ScaleTransform_double_3_3\nParameters: 1.1 0.9 1.2\nFixedParameters: 10 -5 2\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {12.2, 4, 8}}, {{1.5, -2.25, 10}, {0.65, -2.525, 11.6}}},
	}, {
		"Transform: IdentityTransform_double_3_3\nParameters:\nFixedParameters:\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {12, 5, 7}}, {{0, 0, 0}, {0, 0, 0}}},
	}, {
		// A composite applies the last first.
		"Transform: CompositeTransform_double_3_3\n#Transform 1\nTransform: AffineTransform_double_3_3\nParameters: 1.1 -0.2 0.05 0.15 0.9 -0.1 -0.03 0.08 1.05 3 -4 5.5\nFixedParameters: 10 -5 2\n" +
			"#Transform 2\nTransform: Euler3DTransform_double_3_3\nParameters: 0.1 -0.2 0.3 1 2 3\nFixedParameters: 10 -5 2 1\n",
		[2][2]voxel.Vec{{{12, 5, 7}, {10.05165382738377, 0.048320478878537187, 18.146413073892543}}, {{1.5, -2.25, 10}, {3.2845581531313406, -10.48710076260695, 17.696108850028558}}},
	},
}

func TestTextTypes(t *testing.T) {
	for _, c := range itkTypes {
		name, _, _ := strings.Cut(strings.TrimPrefix(c.text, "Transform: "), "\n")
		got, err := parse([]byte("#Insight Transform File V1.0\n#Transform 0\n"+c.text), voxel.Grid{}, voxel.Grid{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, p := range c.points {
			q := lps(got.Map.Map(lps(p[0])))
			// The numbers of the parameters have 17 digits.
			if voxel.Distance(q, p[1]) > 1e-12 {
				t.Errorf("%s: %v maps to %v, want %v", name, p[0], q, p[1])
			}
			if back := got.Inverse.Map(got.Map.Map(p[0])); voxel.Distance(back, p[0]) > 1e-12 {
				t.Errorf("%s: %v comes back as %v", name, p[0], back)
			}
		}
	}
}

func lps(p voxel.Vec) voxel.Vec { return voxel.Vec{-p[0], -p[1], p[2]} }

// The bytes of a file of ITK 5.2.1 in single precision: the Euler transform of
// above, axes in the order ZXY.
func TestMatlabBytes(t *testing.T) {
	const file = "0a0000000600000001000000000000001b000000" + // single, 6 × 1, a name of 27 bytes
		"45756c657233445472616e73666f726d5f666c6f61745f335f3300" + // Euler3DTransform_float_3_3
		"cdcccc3dcdcc4cbe9a99993e0000803f0000004000004040" + // 0.1 −0.2 0.3 1 2 3
		"0a000000040000000100000000000000060000006669786564000000" + "2041" + "0000a0c0" + "00000040" + "00000000" // fixed: 10 −5 2 0
	b, err := hex.DecodeString(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parse(b, voxel.Grid{}, voxel.Grid{})
	if err != nil {
		t.Fatal(err)
	}
	c := itkTypes[1]
	for _, p := range c.points {
		if q := lps(got.Map.Map(lps(p[0]))); voxel.Distance(q, p[1]) > 1e-5 { // single precision
			t.Errorf("%v maps to %v, want %v", p[0], q, p[1])
		}
	}
}

// What is written comes back.
func TestAffineRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		var a voxel.Affine
		for i := range 3 {
			for j := range 4 {
				a[i][j] = rng.NormFloat64()
			}
			a[i][i] += 3
			a[i][3] *= 50
		}
		for format, write := range map[Format]func(*bytes.Buffer) error{
			Text:   func(b *bytes.Buffer) error { return WriteText(b, a) },
			Matlab: func(b *bytes.Buffer) error { return WriteMatlab(b, a) },
			HDF5:   func(b *bytes.Buffer) error { return WriteHDF5(b, a, 1) },
			FLIRT:  func(b *bytes.Buffer) error { return WriteFLIRT(b, a, left, right) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			got, err := parse(b.Bytes(), left, right)
			if err != nil {
				t.Fatal(format, err)
			}
			if got.Format != format {
				t.Errorf("%s was taken for %s", format, got.Format)
			}
			m := got.Map.(voxel.Affine)
			for i := range 3 {
				for j := range 4 {
					if math.Abs(m[i][j]-a[i][j]) > 1e-9*(1+math.Abs(a[i][j])) { // FLIRT: 12 digits
						t.Fatalf("%s: %v came back as %v", format, a, m)
					}
				}
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	const head = "#Insight Transform File V1.0\n#Transform 0\n"
	for name, text := range map[string]string{
		"empty":      "",
		"binary":     "\x00\x01\x02",
		"no type":    head,
		"early":      head + "Parameters: 1 2 3\n",
		"unknown":    head + "Transform: BSplineTransform_double_3_3\nParameters: 0 0 0 1 2 3\nFixedParameters: 0 0 0\n",
		"two axes":   head + "Transform: AffineTransform_double_2_2\nParameters: 1 0 0 1 0 0\nFixedParameters: 0 0\n",
		"short":      head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0\nFixedParameters: 0 0 0\n",
		"words":      head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 one 0 0 0\nFixedParameters: 0 0 0\n",
		"NaN":        head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 NaN 0 0 0\nFixedParameters: 0 0 0\n",
		"singular":   head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 0 0 0 0\nFixedParameters: 0 0 0\n",
		"quaternion": head + "Transform: QuaternionRigidTransform_double_3_3\nParameters: 0 0 0 0 1 2 3\nFixedParameters: 0 0 0\n",
		"two":        head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n#Transform 1\nTransform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n",
		"nested":     head + "Transform: CompositeTransform_double_3_3\nTransform: CompositeTransform_double_3_3\n",
		"field":      head + "Transform: DisplacementFieldTransform_double_3_3\nParameters: 1 2 3\nFixedParameters: 1e9 1e9 1e9 0 0 0 1 1 1 1 0 0 0 1 0 0 0 1\n",
		"nine":       "1 0 0\n0 1 0\n0 0 1\n",
		"last row":   "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 2\n",
		"infinite":   "1 0 0 0\n0 1 0 Inf\n0 0 1 0\n0 0 0 1\n",
		"flat":       "1 0 0 0\n0 1 0 0\n0 0 0 0\n0 0 0 1\n",
		"matlab":     "\x00\x00\x00\x00\x0c\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x1b\x00\x00\x00AffineTransform_double_3_3\x00",
		"hdf5":       "\x89HDF\r\n\x1a\n",
	} {
		if a, err := parse([]byte(text), left, right); err == nil || a != nil {
			t.Errorf("%s: read as %v", name, a)
		}
	}
}

// Every fault of a file is named.
func TestNamesAllFaults(t *testing.T) {
	var list diag.List
	Parse("t.txt", []byte("#Insight Transform File V1.0\nTransform: AffineTransform_double_3_3\nParameters: 1 x 0 NaN\nFixedParameters: y\n"), voxel.Grid{}, voxel.Grid{}, &list)
	if len(list) != 3 {
		t.Errorf("%d faults, want 3: %v", len(list), list)
	}
	list = nil
	Parse("m.mat", []byte("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"), voxel.Grid{}, voxel.Grid{}, &list)
	if len(list) != 2 || !strings.Contains(list[0].Found, "-ref") || !strings.Contains(list[1].Found, "-in") {
		t.Errorf("a FLIRT matrix without images: %v", list)
	}
}
