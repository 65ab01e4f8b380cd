package register

import (
	"encoding/json"
	"os"
	"testing"

	"phasl/internal/sharedtest"
	"phasl/nifti"
	"phasl/voxel"
)

// readSeries reads a file of the shared data.
func readSeries(tb testing.TB, path string) *voxel.Series {
	tb.Helper()
	s, _, err := nifti.ReadSeries(path)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func readImage(tb testing.TB, path string) *voxel.Image { return readSeries(tb, path).Image(0) }

// truth is the part of truth.json that these tests use.
type truth struct {
	Pairs map[string]struct {
		Moving string        `json:"moving"`
		Affine [4][4]float64 `json:"affine_fixed_to_moving"`
	} `json:"pairs"`
	Motion struct {
		Matrices [][4][4]float64 `json:"matrices"`
	} `json:"motion"`
}

func readTruth(tb testing.TB) truth {
	b, err := os.ReadFile(sharedtest.Path(tb, "reference", "registration", "truth.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var t truth
	if err := json.Unmarshal(b, &t); err != nil {
		tb.Fatal(err)
	}
	return t
}

func affineOf(m [4][4]float64) voxel.Affine { return voxel.Affine{m[0], m[1], m[2]} }

// meanError returns the mean and largest distance [mm] between got and want
// over the mask.
func meanError(got, want voxel.Transform, m *voxel.Mask) (mean, worst float64) {
	n := 0
	for i, in := range m.In {
		if !in {
			continue
		}
		a, b, c := m.Coord(i)
		p := m.World(a, b, c)
		d := voxel.Distance(got.Map(p), want.Map(p))
		mean += d
		worst = max(worst, d)
		n++
	}
	return mean / float64(n), worst
}
