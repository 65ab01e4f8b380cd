package register

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"phasl/voxel"
)

// sharedDir returns the folder of shared data or skips.
func sharedDir(tb testing.TB) string {
	dir := os.Getenv("PHASL_SHARED")
	if dir == "" {
		dir = "../../shared"
	}
	if _, err := os.Stat(filepath.Join(dir, "reference", "registration")); err != nil {
		tb.Skip("shared data not found; set PHASL_SHARED")
	}
	return dir
}

// readSeries reads a little-endian .nii.gz of uint8, int16 or float32 with an
// sform, all that these tests meet.
func readSeries(tb testing.TB, path string) *voxel.Series {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		tb.Fatal(err)
	}
	le := binary.LittleEndian
	float := func(at int) float64 { return float64(math.Float32frombits(le.Uint32(b[at:]))) }
	s := &voxel.Series{}
	for a := range 3 {
		s.Dim[a] = int(le.Uint16(b[42+2*a:]))
		for c := range 4 {
			s.Affine[a][c] = float(280 + 16*a + 4*c)
		}
	}
	nt := max(1, int(le.Uint16(b[48:])))
	at := int(float(108))
	for range nt {
		v := make([]float32, s.Len())
		for n := range v {
			switch kind := le.Uint16(b[70:]); kind {
			case 2:
				v[n] = float32(b[at])
				at++
			case 4:
				v[n] = float32(int16(le.Uint16(b[at:])))
				at += 2
			case 16:
				v[n] = math.Float32frombits(le.Uint32(b[at:]))
				at += 4
			default:
				tb.Fatalf("%s: data type %d", path, kind)
			}
		}
		s.Vols = append(s.Vols, v)
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
	b, err := os.ReadFile(filepath.Join(sharedDir(tb), "reference", "registration", "truth.json"))
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
