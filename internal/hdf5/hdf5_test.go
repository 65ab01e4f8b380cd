package hdf5

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

func open(t testing.TB, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func example(workers int) []byte {
	long := make([]float32, 5000)
	for i := range long {
		long[i] = float32(i) / 8
	}
	var b bytes.Buffer
	if err := Write(&b, []Entry{
		{Name: "text", Text: "AffineTransform_double_3_3"},
		{Name: "group", Members: []Entry{
			{Name: "b", Float64s: []float64{1, -2.5, 1e300}},
			{Name: "a", Float32s: long},
			{Name: "c", Float32s: long[:5]},
			{Name: "empty", Members: []Entry{}},
		}},
	}, workers); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	b := example(1)
	if !bytes.Equal(b, example(7)) {
		t.Error("the bytes depend on the number of workers")
	}
	f := open(t, b)
	names, err := f.Names("group")
	if err != nil || !slices.Equal(names, []string{"a", "b", "c", "empty"}) {
		t.Errorf("names %q, %v", names, err)
	}
	if names, err = f.Names("group/empty"); err != nil || len(names) != 0 {
		t.Errorf("an empty group holds %q, %v", names, err)
	}
	d, err := f.Dataset("text")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := d.Text(); err != nil || s != "AffineTransform_double_3_3" {
		t.Errorf("text %q, %v", s, err)
	}
	if _, err := d.Float64s(); err == nil {
		t.Error("a text was read as numbers")
	}
	for name, want := range map[string]int{"a": 5000, "b": 3, "c": 5} {
		d, err := f.Dataset("/group/" + name)
		if err != nil {
			t.Fatal(err)
		}
		v, err := d.Float64s()
		if err != nil || len(v) != want {
			t.Fatalf("%s: %d numbers, %v", name, len(v), err)
		}
		if name == "b" && !slices.Equal(v, []float64{1, -2.5, 1e300}) {
			t.Errorf("numbers %v", v)
		}
		if name != "b" {
			for i, x := range v {
				if x != float64(i)/8 {
					t.Fatalf("%s: number %d is %g", name, i, x)
				}
			}
		}
	}
	for _, p := range []string{"absent", "group/absent", "text/more"} {
		if _, err := f.Dataset(p); err == nil {
			t.Errorf("%s was found", p)
		}
	}
	if _, err := f.Dataset("group"); err == nil {
		t.Error("a group was taken for a data set")
	}
	if err := Write(new(bytes.Buffer), make([]Entry, 9), 1); err == nil {
		t.Error("nine members were written")
	}
}

// Files of the HDF5 library, made by testdata/make.py.
func TestLibraryFiles(t *testing.T) {
	for _, lib := range []string{"earliest", "latest"} {
		b, err := os.ReadFile(filepath.Join("testdata", lib+".h5"))
		if err != nil {
			t.Fatal(err)
		}
		checkLibraryFile(t, lib, b)
	}
}

// What the library here writes is read, and it reads what we write.
func TestAgainstLibrary(t *testing.T) {
	python := ""
	for _, p := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(p, "-c", "import h5py").Run() == nil {
			python = p
			break
		}
	}
	if python == "" {
		t.Skip("no Python with h5py here: the HDF5 library cannot be asked")
	}
	dir := t.TempDir()
	ours := filepath.Join(dir, "ours.h5")
	if err := os.WriteFile(ours, example(2), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `
import h5py, numpy as np, sys
f = h5py.File(sys.argv[1], "r")
assert f["text"][0] == b"AffineTransform_double_3_3" and list(f["group"]) == ["a", "b", "c", "empty"]
assert (f["group/a"][()] == np.arange(5000) / 8).all() and (f["group/b"][()] == [1, -2.5, 1e300]).all()
`
	if out, err := exec.Command(python, "-c", script, ours).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(python, filepath.Join("testdata", "make.py"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, lib := range []string{"earliest", "v108", "v110", "latest"} {
		b, err := os.ReadFile(filepath.Join(dir, lib+".h5"))
		if err != nil {
			t.Fatal(err)
		}
		checkLibraryFile(t, lib, b)
	}
}

// checkLibraryFile compares what a file of make.py holds.
func checkLibraryFile(t *testing.T, lib string, b []byte) {
	t.Helper()
	f := open(t, b)
	older := lib == "earliest" || lib == "v108"
	for group, want := range map[string]int{"g": 6, "chunks": 3} {
		names, err := f.Names(group)
		if err != nil {
			t.Fatalf("%s: %v", lib, err)
		}
		if group == "chunks" && !older {
			want = 0
		}
		if len(names) != want {
			t.Errorf("%s: %s has the members %q", lib, group, names)
		}
		for _, name := range names {
			d, err := f.Dataset(group + "/" + name)
			if err != nil {
				t.Errorf("%s: %v", lib, err)
				continue
			}
			if name == "text" || name == "fixed" {
				if s, err := d.Text(); err != nil || s != "hello" {
					t.Errorf("%s: %s is %q, %v", lib, name, s, err)
				}
				continue
			}
			v, err := d.Float64s()
			if err != nil || !slices.Equal(d.Dim, []int{37, 11}) {
				t.Errorf("%s: %s: %v, %v", lib, name, d.Dim, err)
				continue
			}
			for n, x := range v {
				if x != float64(10*(n/11)+n%11) {
					t.Errorf("%s: %s: number %d is %g", lib, name, n, x)
					break
				}
			}
		}
	}
	if lib != "earliest" {
		return
	}
	names, err := f.Names("many")
	if err != nil || len(names) != 20 {
		t.Fatalf("%d names, %v", len(names), err)
	}
	d, err := f.Dataset("many/17")
	if err != nil {
		t.Fatal(err)
	}
	if v, err := d.Float32s(); err != nil || !slices.Equal(v, []float32{17}) {
		t.Errorf("%v, %v", v, err)
	}
}

// A file that is cut off or has a byte changed is refused or gives numbers; it
// neither panics nor hangs.
func TestDamaged(t *testing.T) {
	whole := example(1)
	for n := 0; n < len(whole); n += 41 {
		readAll(whole[:n])
		b := bytes.Clone(whole)
		b[n] ^= 0xff
		readAll(b)
	}
}

func readAll(b []byte) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return
	}
	for _, p := range []string{"", "group"} {
		names, _ := f.Names(p)
		for _, n := range names[:min(len(names), 20)] {
			d, err := f.Dataset(p + "/" + n)
			if err != nil {
				continue
			}
			_, _ = d.Text()
			_, _ = d.Float32s()
		}
	}
}

func FuzzOpen(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, []Entry{{Name: "t", Text: "text"}, {Name: "group", Members: []Entry{{Name: "n", Float64s: []float64{1, 2}}, {Name: "c", Float32s: make([]float32, 2*fewest)}}}}, 1); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) { readAll(b) })
}
