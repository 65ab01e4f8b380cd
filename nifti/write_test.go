package nifti

import (
	"bytes"
	stdgzip "compress/gzip"
	"encoding/binary"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/voxel"
)

var oblique = voxel.Translation(voxel.Vec{-80, 12.5, 30}).Mul(voxel.Rotation(voxel.Vec{0.1, -0.2, 0.3})).Mul(voxel.Scaling(voxel.Vec{-2.5, 3, 4}))

// series returns volumes of smooth values with noise, and some that are not
// numbers.
func series(dim [3]int, n int) *voxel.Series {
	s := &voxel.Series{Grid: voxel.Grid{Dim: dim, Affine: oblique}}
	rng := rand.New(rand.NewPCG(3, 4))
	for range n {
		v := make([]float32, s.Len())
		for i := range v {
			v[i] = float32(100*math.Sin(float64(i)/50) + rng.NormFloat64())
		}
		v[0], v[1], v[2] = float32(math.NaN()), float32(math.Inf(-1)), float32(math.Copysign(0, -1))
		s.Vols = append(s.Vols, v)
	}
	return s
}

func TestWriteSeries(t *testing.T) {
	s := series([3]int{7, 6, 5}, 3)
	o := Options{Descrip: "CBF [mL/100 g/min]", TR: 4.5, Intent: Intent{Code: 3, P: [3]float64{27}, Name: "t"}, Space: SpaceMNI152}
	for _, name := range []string{"a.nii", "a.nii.gz", "A.NII.GZ"} {
		path := filepath.Join(t.TempDir(), "new", name)
		if err := WriteSeries(path, s, o); err != nil {
			t.Fatal(err)
		}
		got, h, err := ReadSeries(path)
		if err != nil {
			t.Fatal(err)
		}
		for v := range s.Vols {
			if !sameValues(got.Vols[v], s.Vols[v]) {
				t.Errorf("%s: volume %d differs", name, v)
			}
		}
		// float32 holds 80 mm to 4e-6.
		if !got.Same(s.Grid, 1e-4) {
			t.Errorf("%s: affine %v, want %v", name, got.Affine, s.Affine)
		}
		if h.TR != 4.5 || h.Descrip != o.Descrip || h.Intent != o.Intent || h.SformCode != SpaceMNI152 || h.QformCode != SpaceMNI152 ||
			h.Form != FormSform || h.Version != 1 || len(h.Warnings) != 0 || h.FormDistance > 1e-4 {
			t.Errorf("%s: header %+v", name, h)
		}
	}
}

// A file of several gzip blocks is one member that other programs can read,
// and its bytes do not depend on the number of workers.
func TestGzip(t *testing.T) {
	s := series([3]int{91, 109, 20}, 9) // 7.1 MB: seven blocks, cut inside volumes
	dir := t.TempDir()
	var first []byte
	for _, workers := range []int{1, 2, 3, 8} {
		path := filepath.Join(dir, "a.nii.gz")
		if err := WriteSeries(path, s, Options{Workers: workers}); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(b, first) {
			t.Errorf("%d workers: the bytes differ", workers)
		}
	}
	if err := WriteSeries(filepath.Join(dir, "a.nii"), s, Options{}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "a.nii"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := stdgzip.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	z.Multistream(false)
	got, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v; want the %d bytes of the uncompressed file", len(got), err, len(want))
	}
	if z.Name != "" || !z.ModTime.IsZero() {
		t.Errorf("the gzip header names %q, %v", z.Name, z.ModTime)
	}
}

func TestWriteIntegers(t *testing.T) {
	grid := voxel.Grid{Dim: [3]int{2, 2, 1}, Affine: oblique}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, tt := range []struct {
		d    Datatype
		good []float32
		bad  []float32
	}{
		{Uint8, []float32{0, 1, 128, 255}, []float32{-1, 256, 0.5, nan, inf}},
		{Int16, []float32{-32768, 0, 7, 32767}, []float32{-32769, 32768, 1.5, nan, -inf}},
		{Int32, []float32{-1 << 31, 0, 1<<24 + 2, 1<<31 - 128}, []float32{1 << 31, -1<<31 - 256, 1e-9, nan, inf}},
		{Float32, []float32{nan, inf, -inf, 1e-40}, nil},
	} {
		path := filepath.Join(t.TempDir(), "a.nii")
		if err := WriteImage(path, &voxel.Image{Grid: grid, Data: tt.good}, Options{Datatype: tt.d}); err != nil {
			t.Fatal(err)
		}
		m, h, err := ReadImage(path)
		if err != nil || h.Datatype != tt.d || !sameValues(m.Data, tt.good) {
			t.Errorf("%v: %v, %v", tt.d, m, err)
		}
		for _, v := range tt.bad {
			for _, name := range []string{"b.nii", "b.nii.gz"} {
				path := filepath.Join(t.TempDir(), name)
				err := WriteImage(path, &voxel.Image{Grid: grid, Data: []float32{0, 0, 0, v}}, Options{Datatype: tt.d})
				if err == nil || !strings.Contains(err.Error(), "voxel (1, 1, 0) of volume 0") {
					t.Errorf("%v: %v was written: %v", tt.d, v, err)
				}
				if _, err := os.Stat(path); err == nil {
					t.Errorf("%v: the refused file is there", tt.d)
				}
			}
		}
	}
}

func TestWriteMask(t *testing.T) {
	m := voxel.NewMask(voxel.Grid{Dim: [3]int{3, 2, 2}, Affine: oblique})
	m.In[3], m.In[7] = true, true
	path := filepath.Join(t.TempDir(), "m.nii.gz")
	if err := WriteMask(path, m, Options{Datatype: Float32}); err != nil {
		t.Fatal(err)
	}
	got, h, err := ReadMask(path)
	if err != nil || h.Datatype != Uint8 || got.Count() != 2 || !got.In[3] || !got.In[7] {
		t.Errorf("%+v, %v, %v", got, h, err)
	}
}

// A dimension that 16 bits cannot hold needs NIfTI-2, whose affine is exact.
func TestWriteNIfTI2(t *testing.T) {
	m := voxel.NewImage(voxel.Grid{Dim: [3]int{40000, 1, 1}, Affine: oblique})
	m.Data[39999] = 5
	path := filepath.Join(t.TempDir(), "long.nii.gz")
	if err := WriteImage(path, m, Options{}); err != nil {
		t.Fatal(err)
	}
	got, h, err := ReadImage(path)
	if err != nil || h.Version != 2 || got.Dim != m.Dim || got.Affine != m.Affine || !sameValues(got.Data, m.Data) || len(h.Warnings) != 0 {
		t.Errorf("%+v, %v", h, err)
	}
}

// A shear has no qform: only the sform says where the voxels are.
func TestWriteShear(t *testing.T) {
	m := voxel.NewImage(voxel.Grid{Dim: [3]int{4, 4, 4}, Affine: voxel.Affine{{2, 0.3, 0, 1}, {0, 2, 0, 2}, {0, 0, 2, 3}}})
	path := filepath.Join(t.TempDir(), "shear.nii")
	if err := WriteImage(path, m, Options{}); err != nil {
		t.Fatal(err)
	}
	got, h, err := ReadImage(path)
	if err != nil || h.QformCode != SpaceUnknown || h.SformCode != SpaceScanner || !got.Same(m.Grid, 1e-6) {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestWriteRefuses(t *testing.T) {
	s := series([3]int{2, 2, 2}, 1)
	for want, err := range map[string]error{
		"must end in": WriteSeries(filepath.Join(t.TempDir(), "a.img"), s, Options{}),
		"without":     WriteSeries(filepath.Join(t.TempDir(), "a.nii"), &voxel.Series{Grid: s.Grid}, Options{}),
		"singular":    WriteImage(filepath.Join(t.TempDir(), "a.nii"), voxel.NewImage(voxel.Grid{Dim: [3]int{1, 1, 1}}), Options{}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a volume of the wrong length did not panic")
		}
	}()
	WriteImage(filepath.Join(t.TempDir(), "a.nii"), &voxel.Image{Grid: s.Grid, Data: make([]float32, 7)}, Options{})
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		in   string
		n    int
		want string
	}{{"abc", 3, "abc"}, {"abcd", 3, "abc"}, {"caf\u00e9", 4, "caf"}, {"caf\u00e9", 5, "caf\u00e9"}, {"a\x00b", 9, "a"}, {"", 3, ""}} {
		if got := cut(tt.in, tt.n); got != tt.want {
			t.Errorf("cut(%q, %d) = %q, want %q", tt.in, tt.n, got, tt.want)
		}
	}
}

// The bytes at the offsets of nifti1.h, read here without the package's table.
func TestWrittenOffsets(t *testing.T) {
	s := series([3]int{7, 6, 5}, 3)
	path := filepath.Join(t.TempDir(), "a.nii")
	if err := WriteSeries(path, s, Options{TR: 4.5, Descrip: "text"}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	f32 := func(off int) float64 { return float64(math.Float32frombits(le.Uint32(b[off:]))) }
	if le.Uint32(b) != 348 || string(b[344:348]) != "n+1\x00" || len(b) != 352+4*7*6*5*3 {
		t.Errorf("frame of %d bytes: % x … % x", len(b), b[:4], b[344:348])
	}
	for i, want := range []uint16{4, 7, 6, 5, 3, 1, 1, 1} {
		if got := le.Uint16(b[40+2*i:]); got != want {
			t.Errorf("dim[%d] = %d, want %d", i, got, want)
		}
	}
	for off, want := range map[int]float64{76: -1, 80: 2.5, 84: 3, 88: 4, 92: 4.5, 108: 352, 112: 1, 116: 0, 268: -80, 272: 12.5, 276: 30} {
		if got := f32(off); math.Abs(got-want) > 1e-6 {
			t.Errorf("float at %d is %v, want %v", off, got, want)
		}
	}
	for i := range 12 {
		if got, want := f32(280+4*i), oblique[i/4][i%4]; got != float64(float32(want)) {
			t.Errorf("srow at %d is %v, want %v", 280+4*i, got, want)
		}
	}
	if b[123] != 10 || le.Uint16(b[70:]) != 16 || le.Uint16(b[72:]) != 32 || le.Uint16(b[252:]) != 1 || le.Uint16(b[254:]) != 1 || string(b[148:153]) != "text\x00" {
		t.Errorf("units %d, type %d, %d bits, codes %d %d, descrip %q", b[123], le.Uint16(b[70:]), le.Uint16(b[72:]), le.Uint16(b[252:]), le.Uint16(b[254:]), b[148:153])
	}
}
