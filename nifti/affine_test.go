package nifti

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"phasl/voxel"
)

// Any rotation, mirrored or not, times any voxel sizes survives the way
// through the quaternion.
func TestQuaternionRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi, math.Pi)
		size := rapid.Float64Range(0.1, 10)
		place := rapid.Float64Range(-300, 300)
		r := voxel.Rotation(voxel.Vec{angle.Draw(t, "rx"), angle.Draw(t, "ry"), angle.Draw(t, "rz")})
		s := voxel.Vec{size.Draw(t, "sx"), size.Draw(t, "sy"), size.Draw(t, "sz")}
		mirrored := s
		if rapid.Bool().Draw(t, "mirror") {
			mirrored[rapid.IntRange(0, 2).Draw(t, "axis")] *= -1
		}
		o := voxel.Vec{place.Draw(t, "ox"), place.Draw(t, "oy"), place.Draw(t, "oz")}
		want := voxel.Translation(o).Mul(r).Mul(voxel.Scaling(mirrored))

		quatern, norms, qfac, ok := affineQuatern(want)
		if !ok {
			t.Fatalf("%v has no quaternion", want)
		}
		got, ok := qformAffine(quatern, o, norms, qfac)
		// a is recovered from 1 − b² − c² − d², so near a half-turn it is known
		// to the root of the rounding, 1.5e-8, only; times 10 mm per voxel and
		// two such terms.
		if d := cornerDistance([3]int{2, 2, 2}, got, want); !ok || d > 1e-6 {
			t.Fatalf("got %v, want %v: off by %g", got, want, d)
		}
	})
}

// Half-turns and quarter-turns, exactly, where three of the four components
// vanish or tie.
func TestQuaternionAxes(t *testing.T) {
	n := 0
	for _, p := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for sign := range 8 {
			var want voxel.Affine
			for j := range 3 {
				want[p[j]][j] = float64(j + 2)
				if sign>>j&1 == 1 {
					want[p[j]][j] *= -1
				}
			}
			quatern, size, qfac, ok := affineQuatern(want)
			got, ok2 := qformAffine(quatern, [3]float64{}, size, qfac)
			if d := cornerDistance([3]int{2, 2, 2}, got, want); !ok || !ok2 || d > 1e-6 {
				t.Errorf("got %v, want %v: off by %g", got, want, d)
			}
			n++
		}
	}
	if n != 48 {
		t.Errorf("%d orientations, want 48", n)
	}
}

func TestNoQuaternion(t *testing.T) {
	for name, a := range map[string]voxel.Affine{
		"shear":    {{2, 0.001, 0, 0}, {0, 2, 0, 0}, {0, 0, 2, 0}},
		"singular": {{2, 2, 0, 0}, {0, 0, 0, 0}, {0, 0, 2, 0}},
		"zero":     {},
		"NaN":      {{math.NaN(), 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}},
	} {
		if _, _, _, ok := affineQuatern(a); ok {
			t.Errorf("%s: a quaternion was found", name)
		}
	}
	// A quaternion rounded past length 1 is still a rotation; one of length
	// 1.01 is not.
	c := math.Sqrt(1.0/3 + 1e-6)
	if a, ok := qformAffine([3]float64{c, c, c}, [3]float64{}, [3]float64{1, 1, 1}, 1); !ok || math.Abs(a.Det()-1) > 1e-12 {
		t.Errorf("rounded: %v, %v", a, ok)
	}
	if _, ok := qformAffine([3]float64{1.005, 0, 0}, [3]float64{}, [3]float64{1, 1, 1}, 1); ok {
		t.Error("length 1.005 was taken")
	}
}
