package nifti

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/diag"
	"phasl/voxel"
)

// Every type, byte order and version holds the same twelve numbers.
func TestReadTypes(t *testing.T) {
	want := []float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 100, 127}
	values := map[Datatype]any{}
	var (
		u8  []uint8
		i8  []int8
		i16 []int16
		u16 []uint16
		i32 []int32
		u32 []uint32
		i64 []int64
		u64 []uint64
		f64 []float64
	)
	for _, v := range want {
		u8, i8, i16, u16 = append(u8, uint8(v)), append(i8, int8(v)), append(i16, int16(v)), append(u16, uint16(v))
		i32, u32, i64, u64 = append(i32, int32(v)), append(u32, uint32(v)), append(i64, int64(v)), append(u64, uint64(v))
		f64 = append(f64, float64(v))
	}
	values[Uint8], values[Int8], values[Int16], values[Uint16] = u8, i8, i16, u16
	values[Int32], values[Uint32], values[Int64], values[Uint64] = i32, u32, i64, u64
	values[Float32], values[Float64] = want, f64

	affine := voxel.Affine{{-2, 0, 0, 10}, {0, 3, 0, -20}, {0, 0, 4, 30}}
	for d, v := range values {
		for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
			for version, f := range []file{nifti1(o, int(d), 8*d.Bytes()), nifti2(o, int(d), 8*d.Bytes())} {
				for _, b := range [][]byte{f.with(v).b, zip(f.with(v).b)} {
					s, h, err := Decode(bytes.NewReader(b))
					if err != nil {
						t.Fatalf("%v %v version %d: %v", d, o, version+1, err)
					}
					if len(s.Vols) != 1 || !sameValues(s.Vols[0], want) {
						t.Errorf("%v %v version %d: %v", d, o, version+1, s.Vols)
					}
					if h.PixDim != [8]float64{1, 2, 3, 4, 1, 1, 1, 1} || h.XYZTUnits != 10 || h.SclSlope != 1 {
						t.Errorf("version %d: pixdim %v, units %d, slope %v", version+1, h.PixDim, h.XYZTUnits, h.SclSlope)
					}
					if s.Affine != affine || h.Form != FormSform || h.Version != version+1 || h.Datatype != d || s.Dim != [3]int{3, 2, 2} {
						t.Errorf("%v %v version %d: header %+v", d, o, version+1, h)
					}
				}
			}
		}
	}
}

func TestScaling(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	wide := []float64{0, 1, -1, nan, inf, -inf, 1e39, -1e39, 0.1, math.MaxFloat32, 5e-324, math.Copysign(0, -1)}
	for _, tt := range []struct {
		name         string
		slope, inter float64
		in, want     float64
	}{
		{"none", 1, 0, 3, 3},
		{"both", 0.5, -4, 3, -2.5},
		{"slope 0 ignores the intercept", 0, 7, 3, 3},
		{"slope NaN", nan, nan, 3, 3},
		{"slope Inf", inf, 7, 3, 3},
		{"intercept only", 1, 7, 3, 10},
	} {
		for _, d := range []Datatype{Int16, Int32, Int64, Float32, Float64, Uint64} {
			f := nifti1(binary.LittleEndian, int(d), 8*d.Bytes()).f32(112, tt.slope, tt.inter)
			var v any
			switch d {
			case Int16:
				v = []int16{int16(tt.in)}
			case Int32:
				v = []int32{int32(tt.in)}
			case Int64:
				v = []int64{int64(tt.in)}
			case Uint64:
				v = []uint64{uint64(tt.in)}
			case Float32:
				v = []float32{float32(tt.in)}
			case Float64:
				v = []float64{tt.in}
			}
			s, _, err := Decode(bytes.NewReader(f.i16(42, 1, 1, 1).with(v).b))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Vols[0][0]; got != float32(tt.want) {
				t.Errorf("%s, %v: %v, want %v", tt.name, d, got, tt.want)
			}
		}
	}

	s, h, err := Decode(bytes.NewReader(nifti1(binary.LittleEndian, 64, 64).with(wide).b))
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range wide {
		if got := s.Vols[0][i]; !sameFloat(float64(got), float64(float32(w))) || math.Signbit(float64(got)) != math.Signbit(w) {
			t.Errorf("%v was read as %v", w, got)
		}
	}
	if len(h.Warnings) != 1 || !strings.Contains(h.Warnings[0].Found, "2 finite values") {
		t.Errorf("warnings %v, want 2 values beyond float32", h.Warnings)
	}
}

// 2²⁴ is the last integer up to which float32 holds all.
func TestRoundedIntegers(t *testing.T) {
	v := []int64{1 << 24, -1 << 24, 1<<24 + 1, 1<<24 + 2, -1<<24 - 1, math.MinInt64, math.MaxInt64, 3 << 60 >> 1, 1<<60 + 1<<30, 0, 1, 2}
	s, h, err := Decode(bytes.NewReader(nifti1(binary.BigEndian, int(Int64), 64).with(v).b))
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range v {
		if s.Vols[0][i] != float32(x) {
			t.Errorf("%d was read as %v", x, s.Vols[0][i])
		}
	}
	// 2²⁴+1, −2²⁴−1, 2⁶³−1 and 2⁶⁰+2³⁰ have more than 24 digits.
	if len(h.Warnings) != 1 || !strings.HasPrefix(h.Warnings[0].Found, "4 int64 values") {
		t.Errorf("warnings %v, want 4 values rounded", h.Warnings)
	}
}

func TestSigned(t *testing.T) {
	for d, v := range map[Datatype]any{
		Int8: []int8{-128, -1, 127}, Int16: []int16{-128, -1, 127}, Int32: []int32{-128, -1, 127},
		Int64: []int64{-128, -1, 127}, Float64: []float64{-128, -1, 127},
	} {
		for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
			s, _, err := Decode(bytes.NewReader(nifti1(o, int(d), 8*d.Bytes()).i16(42, 3, 1, 1).with(v).b))
			if err != nil || !sameValues(s.Vols[0], []float32{-128, -1, 127}) {
				t.Errorf("%v: %v, %v", d, s, err)
			}
		}
	}
	v := []uint64{1 << 63, math.MaxUint64, 1<<63 + 1}
	f := nifti1(binary.LittleEndian, int(Uint64), 64).i16(42, 3, 1, 1)
	s, h, err := Decode(bytes.NewReader(f.with(v).b))
	if err != nil || !sameValues(s.Vols[0], []float32{1 << 63, 1 << 64, 1 << 63}) || len(h.Warnings) != 1 || h.Warnings[0].Found[0] != '2' {
		t.Errorf("%v, %v, %v", s, h, err)
	}
	s, _, err = Decode(bytes.NewReader(f.f32(112, 0.5).with(v).b))
	if err != nil || s.Vols[0][0] != 1<<62 {
		t.Errorf("scaled: %v, %v", s, err)
	}
}

// A compressed file whose size does not vouch for its claim is read in steps.
func TestReadGrowing(t *testing.T) {
	f := nifti1(binary.LittleEndian, 2, 8).i16(42, 150, 150, 150)
	data := make([]byte, 150*150*150)
	data[0], data[1<<20], data[1<<21], data[len(data)-1] = 1, 2, 3, 4
	for range 2 {
		s, _, err := Decode(bytes.NewReader(zip(append(f.b, data...))))
		if err != nil {
			t.Fatal(err)
		}
		v := s.Vols[0]
		if len(v) != len(data) || v[0] != 1 || v[1<<20] != 2 || v[1<<21] != 3 || v[len(v)-1] != 4 {
			t.Errorf("%d values: %v %v %v %v", len(v), v[0], v[1<<20], v[1<<21], v[len(v)-1])
		}
	}
	if _, _, err := Decode(bytes.NewReader(zip(append(f.b, data[:1<<21]...)))); err == nil {
		t.Error("a truncated stream was read")
	}
}

// What is odd about the geometry and does not stop the reading.
func TestSpaceWarnings(t *testing.T) {
	units := plain()
	units.b[123] = 5
	for want, f := range map[string]file{
		"not a unit":         units,
		"qform is not valid": plain().i16(252, 1, 1).f32(256, 1, 1, 1),
		"voxels of 2 × 500":  plain().f32(300, 500),
	} {
		_, h, err := Decode(bytes.NewReader(f.b))
		if err != nil || len(h.Warnings) != 1 || !strings.Contains(h.Warnings[0].Found, want) || h.Form != FormSform {
			t.Errorf("%v, %v; want %q", h, err, want)
		}
	}
	// A picture has no third voxel size, and needs none.
	s, h, err := Decode(bytes.NewReader(plain().i16(40, 2).f32(88, 0).i16(252, 1, 0).b))
	if err != nil || s.Dim != [3]int{3, 2, 1} || s.Affine[2][2] != 1 || h.Form.String() != "qform" {
		t.Errorf("%v, %v", s, err)
	}
}

// A quarter turn about z, by hand: (a, b, c, d) = (√½, 0, 0, √½).
func TestQform(t *testing.T) {
	f := plain().i16(252, 1, 0).f32(256, 0, 0, math.Sqrt2/2, 5, 6, 7)
	want := voxel.Affine{{0, -3, 0, 5}, {2, 0, 0, 6}, {0, 0, 4, 7}}
	for qfac, k := range map[float64]float64{1: 4, 0: 4, -1: -4} {
		want[2][2] = k
		s, h, err := Decode(bytes.NewReader(f.f32(76, qfac).b))
		if err != nil {
			t.Fatal(err)
		}
		// √½ in float32 is off by 2⁻²⁶: up to 1e-7 in each element.
		if d := cornerDistance([3]int{2, 2, 2}, s.Affine, want); d > 1e-6 || h.Form != FormQform {
			t.Errorf("qfac %v: %v from %v, off by %g", qfac, s.Affine, h.Form, d)
		}
	}
	// The sform comes first, and a qform elsewhere is reported.
	_, h, err := Decode(bytes.NewReader(f.f32(76, 1).i16(254, 4).b))
	if err != nil {
		t.Fatal(err)
	}
	if h.Form != FormSform || len(h.Warnings) != 1 || h.FormDistance < 10 {
		t.Errorf("form %v, distance %g, warnings %v", h.Form, h.FormDistance, h.Warnings)
	}
}

func TestNoForm(t *testing.T) {
	s, h, err := Decode(bytes.NewReader(plain().i16(252, 0, 0).b))
	if err != nil {
		t.Fatal(err)
	}
	want := voxel.Affine{{-2, 0, 0, 2}, {0, 3, 0, -1.5}, {0, 0, 4, -2}}
	if s.Affine != want || h.Form != FormNone || len(h.Warnings) != 1 {
		t.Errorf("%v, %v, %v; want %v and a warning", s.Affine, h.Form, h.Warnings, want)
	}
}

func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		code byte
		mm   float64 // per stored unit of length
		tr   float64 // for a stored 2500
	}{
		{0, 1, math.NaN()}, {2, 1, math.NaN()}, {10, 1, 2500}, {18, 1, 2.5}, {26, 1, 0.0025},
		{9, 1000, 2500}, {11, 0.001, 2500}, {34, 1, math.NaN()},
	} {
		f := plain().i16(40, 4).f32(92, 2500)
		f.b[123] = tt.code
		s, h, err := Decode(bytes.NewReader(f.b))
		if err != nil {
			t.Fatal(err)
		}
		if !sameFloat(h.TR, tt.tr) || s.Affine[1][1] != 3*tt.mm || s.Affine[2][3] != 30*tt.mm {
			t.Errorf("code %d: TR %v, affine %v; want %v, factor %v", tt.code, h.TR, s.Affine, tt.tr, tt.mm)
		}
		if (tt.mm != 1) != (len(h.Warnings) > 0) {
			t.Errorf("code %d: warnings %v", tt.code, h.Warnings)
		}
	}
}

// A single volume has no step to the next, whatever pixdim[4] says.
func TestTROfOneVolume(t *testing.T) {
	_, h, err := Decode(bytes.NewReader(plain().f32(92, 2.5).b))
	if err != nil || h.TR == h.TR {
		t.Errorf("TR %v, %v, want NaN", h.TR, err)
	}
}

func TestText(t *testing.T) {
	f := plain().text(148, "caf\xe9").text(328, "BOLD").i16(68, 3).f32(56, 27)
	f.b[348] = 1
	_, h, err := Decode(bytes.NewReader(f.b))
	if err != nil {
		t.Fatal(err)
	}
	if h.Descrip != "café" || h.Intent != (Intent{3, [3]float64{27, 0, 0}, "BOLD"}) || !h.Extended {
		t.Errorf("%q, %+v, extended %v", h.Descrip, h.Intent, h.Extended)
	}
}

// The fields of NIfTI-2 that the other tests leave at rest.
func TestNIfTI2Fields(t *testing.T) {
	f := nifti2(binary.BigEndian, 16, 32).text(240, "text").text(320, "aux").text(508, "name")
	f.f64(80, 1, 2, 3).f64(176, 2, 5, 90, 10).f64(352, 0, 0, 1).f64(376, 5, 6, 7)
	f.o.PutUint32(f.b[344:], 2)
	f.o.PutUint32(f.b[348:], 0)
	f.o.PutUint32(f.b[504:], 1002)
	s, h, err := Decode(bytes.NewReader(f.with(make([]float32, 12)).b))
	if err != nil {
		t.Fatal(err)
	}
	want := voxel.Affine{{-2, 0, 0, 5}, {0, -3, 0, 6}, {0, 0, 4, 7}} // half a turn about z
	if h.Descrip != "text" || h.AuxFile != "aux" || h.Intent != (Intent{1002, [3]float64{1, 2, 3}, "name"}) ||
		h.CalMax != 90 || h.CalMin != 10 || s.Vols[0][0] != 5 || h.QformCode != SpaceAligned || h.Form != FormQform || s.Affine != want {
		t.Errorf("%+v, affine %v", h, s.Affine)
	}
}

// Two volumes along dim[4] and three along dim[5] are six; the streaming
// reader gives them in order, can skip, and ends with io.EOF.
func TestReader(t *testing.T) {
	v := make([]int16, 72)
	for i := range v {
		v[i] = int16(i)
	}
	f := nifti1(binary.LittleEndian, 4, 16).i16(40, 5, 3, 2, 2, 2, 3).with(v)
	for name, b := range map[string][]byte{"a.nii": f.b, "a.nii.gz": zip(f.b)} {
		path := save(t, name, b)
		if _, _, err := ReadImage(path); err == nil || !strings.Contains(err.Error(), "3 × 2 × 2 × 2 × 3") {
			t.Errorf("%s: ReadImage: %v, want an error with the shape", name, err)
		}
		r, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		dst := make([]float32, 12)
		for n := range 6 {
			if n == 2 {
				if err := r.Next(nil); err != nil {
					t.Fatal(err)
				}
				continue
			}
			if err := r.Next(dst); err != nil || dst[0] != float32(12*n) || dst[11] != float32(12*n+11) {
				t.Fatalf("%s: volume %d: %v, %v", name, n, dst, err)
			}
		}
		for range 2 {
			if err := r.Next(dst); err != io.EOF {
				t.Errorf("%s: after the last volume: %v, want io.EOF", name, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := r.Next(dst); err == nil || err == io.EOF {
			t.Errorf("Next after Close: %v", err)
		}
	}
}

func TestPairs(t *testing.T) {
	dir := t.TempDir()
	f := plain()
	head := append([]byte(nil), f.text(344, "ni1\x00").f32(108, 0).b[:348]...)
	data := f.b[352:]
	analyze := append([]byte(nil), head...)
	clear(analyze[252:])
	analyze[253] = 2 // SPM's origin: voxel 2, 1, 1 counted from 1
	analyze[255] = 1
	analyze[257] = 1
	file{analyze, binary.LittleEndian}.f32(112, 2, math.NaN()) // SPM's slope; there is no intercept
	for name, b := range map[string][]byte{
		"a.hdr": head, "a.img": data, "b.hdr.gz": zip(head), "b.img.gz": zip(data),
		"c.hdr": head, "c.img.gz": zip(data), "D.HDR": head, "D.IMG": data, "e.hdr": analyze, "e.img": data,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a.hdr", "a.img", "b.hdr.gz", "b.img.gz", "c.hdr", "c.img.gz", "D.HDR", "D.IMG", "e.hdr", "e.img"} {
		m, h, err := ReadImage(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		last := float32(11)
		if name[0] == 'e' {
			last = 22
		}
		if m.Data[11] != last || h.Version != 1 && name[0] != 'e' {
			t.Errorf("%s: version %d, %v", name, h.Version, m.Data)
		}
		if name[0] == 'e' {
			want := voxel.Affine{{-2, 0, 0, 2}, {0, 3, 0, 0}, {0, 0, 4, 0}}
			if h.Version != 0 || m.Affine != want || len(h.Warnings) != 1 {
				t.Errorf("%s: version %d, %v, %v", name, h.Version, m.Affine, h.Warnings)
			}
		}
	}
}

// Compressed content without .gz in its name is read, with a word about it;
// so is one with something behind it.
func TestOddButReadable(t *testing.T) {
	b := plain().b
	for _, tt := range []struct {
		name, warning string
		content       []byte
	}{
		{"a.nii", "content is gzip", zip(b)},
		{"a.nii.gz", "not gzip follows", append(zip(b), make([]byte, 512)...)},
		{"b.nii.gz", "4 bytes follow", zip(append(b[:len(b):len(b)], 1, 2, 3, 4))},
		{"b.nii", "4 bytes follow", append(b[:len(b):len(b)], 1, 2, 3, 4)},
	} {
		m, h, err := ReadImage(save(t, tt.name, tt.content))
		if err != nil || m.Data[11] != 11 {
			t.Errorf("%s: %v", tt.warning, err)
			continue
		}
		if len(h.Warnings) != 1 || !strings.Contains(h.Warnings[0].Found, tt.warning) {
			t.Errorf("warnings %v, want %q", h.Warnings, tt.warning)
		}
	}
}

func TestReadMask(t *testing.T) {
	f := nifti1(binary.LittleEndian, 16, 32).with([]float32{0, 1, 2, -1, 0.5, float32(math.NaN()), 0, 0, 0, 0, 0, 0})
	m, _, err := ReadMask(save(t, "m.nii", f.b))
	if err != nil || m.Count() != 4 || m.In[0] || m.In[5] {
		t.Errorf("%v, %v", m, err)
	}
}

func TestReadFaults(t *testing.T) {
	b := plain().b
	z := zip(b)
	cut := func(b []byte, n int) []byte { return b[:n:n] }
	flip := func(b []byte, at int) []byte {
		b = append([]byte(nil), b...)
		b[at] ^= 0xff
		return b
	}
	big := func(n ...int) []byte { return plain().i16(40, n...).b }
	nan := math.NaN()
	for _, tt := range []struct {
		name, want string
		content    []byte
	}{
		{"empty.nii", "is empty", nil},
		{"one.nii.gz", "placeholder (1 blank byte(s))", []byte("\n")},
		{"lfs.nii.gz", "pointer", []byte("version https://git-lfs.github.com/spec/v1\noid sha256:00\n")},
		{"annex.nii.gz", "pointer", []byte("/annex/objects/MD5E-s1--00.nii.gz\n")},
		{"short.nii", "after 100 bytes", cut(b, 100)},
		{"short.nii.gz", "cut off", cut(z, 40)},
		{"gz.nii.gz", "damaged", append([]byte{0x1f, 0x8b, 99}, make([]byte, 30)...)},
		{"short2.nii", "inside the 540-byte header", cut(nifti2(binary.LittleEndian, 16, 32).b, 500)},
		{"tail.nii.gz", "cut off", cut(z, len(z)-3)},
		{"crc.nii.gz", "checksum", flip(z, len(z)-6)},
		{"size.nii.gz", "checksum", flip(z, len(z)-2)},
		{"data.nii", "the header promises 400", cut(b, 399)},
		{"data.nii.gz", "ends after 399 bytes", zip(cut(b, 399))},
		{"head.nii.gz", "after 100 bytes", zip(cut(b, 100))},
		{"none.nii.gz", "is empty", zip(nil)},
		{"nogz.nii.gz", "not gzip", b},
		{"magic.nii", "magic", plain().text(344, "n+2\x00").b},
		{"magic2.nii", "magic", nifti2(binary.LittleEndian, 16, 32).text(4, "n+1").b},
		{"zero.nii", "magic", plain().text(344, "\x00\x00\x00\x00").b},
		{"alone.nii", "not that of a pair", plain().text(344, "ni1\x00").b},
		{"alone.hdr", "alone.img", cut(plain().text(344, "ni1\x00").b, 348)},
		{"huge.nii", "dim: 32767", big(3, 32767, 32767, 32767)},
		{"vols.nii", "dim: 3 ×", big(7, 3, 2, 2, 32767, 32767, 32767, 32767)},
		{"big.nii.gz", "cannot hold", zip(big(3, 1000, 1000, 1000))},
		{"inter.nii", "scl_inter", plain().f32(112, 2, nan).b},
		{"offset0.nii", "vox_offset: 0", plain().f32(108, 0).b},
		{"offset.nii", "vox_offset: 352.5", plain().f32(108, 352.5).b},
		{"past.nii", "vox_offset: 1000", plain().f32(108, 1000).b},
		{"past.nii.gz", "ends after 400 bytes", zip(plain().f32(108, 1000).b)},
		{"float128.nii", "float128", plain().i16(70, 1536, 128).b},
		{"binary.nii", "binary", plain().i16(70, 1, 1).b},
		{"quatern.nii", "longer than 1", plain().i16(252, 1, 0).f32(256, 1, 1, 1).b},
		{"quaternnan.nii", "not finite", plain().i16(252, 1, 0).f32(256, nan).b},
		{"qoffset.nii", "not finite", plain().i16(252, 1, 0).f32(268, math.Inf(1)).b},
		{"text.nii", "begins with the text \"not an image\"", []byte("not an image\n" + strings.Repeat("x", 400))},
		{"sizeof.nii", "999 is neither", append([]byte{0xe7, 3, 0, 0}, b[4:]...)},
		{"datatype.nii", "12345", plain().i16(70, 12345).b},
		{"rgb.nii", "RGB24", plain().i16(70, 128, 24).b},
		{"dim0.nii", "dim[0]", big(0)},
		{"dim9.nii", "dim[0]", big(9)},
		{"dim2.nii", "dim[2]", big(3, 3, 0)},
		{"pixdim.nii", "pixdim[1]", plain().f32(80, 0).b},
		{"pixdim2.nii", "pixdim[3]", plain().f32(88, -4).b},
		{"singular.nii", "singular", plain().f32(296, -2, 0, 0).b},
		{"srow.nii", "srow_z", plain().f32(316, math.Inf(-1)).b},
	} {
		path := save(t, tt.name, tt.content)
		_, _, err := ReadSeries(path)
		var p *diag.Problem
		if !errors.As(err, &p) {
			t.Errorf("%s: %v, want a problem", tt.name, err)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || p.Fix == "" || p.File == "" {
			t.Errorf("%s: %v (fix %q), want %q", tt.name, err, p.Fix, tt.want)
		}
	}

	_, err := ReadHeader(filepath.Join(t.TempDir(), "none.nii"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err = ReadHeader(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	link := filepath.Join(t.TempDir(), "link.nii.gz")
	if os.Symlink("../annex/gone", link) == nil {
		var p *diag.Problem
		if _, err = ReadHeader(link); !errors.As(err, &p) || !strings.Contains(p.Fix, "datalad get") {
			t.Errorf("dangling link: %v", err)
		}
	}
}

// All faults of a header are reported at once.
func TestAllFaults(t *testing.T) {
	f := plain().i16(40, 3, 3, -1, 2).i16(72, 8).f32(108, 1).f32(112, 1, math.Inf(1))
	_, err := ReadHeader(save(t, "a.nii", f.b))
	var list diag.List
	if !errors.As(err, &list) || len(list) != 4 {
		t.Fatalf("%v, want four problems", err)
	}
	for i, field := range []string{"dim[2]", "bitpix", "vox_offset", "scl_inter"} {
		if list[i].Field != field {
			t.Errorf("problem %d is about %s, want %s", i, list[i].Field, field)
		}
	}
}
