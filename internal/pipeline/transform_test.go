package pipeline

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"phasl/voxel"
)

// A turn of 90° about z and a centre, worked by hand along LPS axes:
// M = (0 −1 0; 1 0 0; 0 0 1), c = (10, 0, 0), t = (1, 2, 3).
// x = (12, 5, 7) → M(x−c) + t + c = (−5, 2, 7) + (1, 2, 3) + (10, 0, 0) = (6, 4, 10).
func TestParseITKByHand(t *testing.T) {
	a, err := parseITK("t.txt", []byte("#Insight Transform File V1.0\n#Transform 0\nTransform: MatrixOffsetTransformBase_double_3_3\nParameters: 0 -1 0 1 0 0 0 0 1 1 2 3\nFixedParameters: 10 0 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := a.Map(voxel.Vec{-12, -5, 7}) // the same points along RAS axes
	if want := (voxel.Vec{-6, -4, 10}); voxel.Distance(got, want) > 1e-12 {
		t.Errorf("maps to %v, want %v", got, want)
	}
}

func TestITKRoundTrip(t *testing.T) {
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
		var b bytes.Buffer
		if err := writeITK(&b, a); err != nil {
			t.Fatal(err)
		}
		got, err := parseITK("t.txt", b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			for j := range 4 {
				if math.Abs(got[i][j]-a[i][j]) > 1e-12*(1+math.Abs(a[i][j])) {
					t.Fatalf("%v came back as %v", a, got)
				}
			}
		}
	}
}

func TestParseITKRefuses(t *testing.T) {
	const head = "#Insight Transform File V1.0\n#Transform 0\n"
	for name, text := range map[string]string{
		"empty":    "",
		"binary":   "\x00\x01\x02",
		"matrix":   "1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n",
		"rigid":    head + "Transform: Euler3DTransform_double_3_3\nParameters: 0 0 0 1 2 3\nFixedParameters: 0 0 0\n",
		"short":    head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0\nFixedParameters: 0 0 0\n",
		"words":    head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 one 0 0 0\nFixedParameters: 0 0 0\n",
		"NaN":      head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 NaN 0 0 0\nFixedParameters: 0 0 0\n",
		"singular": head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 0 0 0 0\nFixedParameters: 0 0 0\n",
		"two":      head + "Transform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n#Transform 1\nTransform: AffineTransform_double_3_3\nParameters: 1 0 0 0 1 0 0 0 1 0 0 0\nFixedParameters: 0 0 0\n",
	} {
		if a, err := parseITK("t.txt", []byte(text)); err == nil {
			t.Errorf("%s: read as %v", name, a)
		}
	}
}
