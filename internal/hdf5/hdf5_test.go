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

// h5py (HDF5 library) writes what we read and reads what we write, in every way
// that the package says it knows; the number at (i, j) is 10·i + j.
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
d = sys.argv[1] + "/"
f = h5py.File(d + "ours.h5", "r")
assert f["text"][0] == b"AffineTransform_double_3_3" and list(f["group"]) == ["a", "b", "c", "empty"]
assert (f["group/a"][()] == np.arange(5000) / 8).all() and (f["group/b"][()] == [1, -2.5, 1e300]).all()
v = np.add.outer(10. * np.arange(37), np.arange(11))
for lib in ["earliest", "v108", "v110", "latest"]:
    with h5py.File(d + lib + ".h5", "w", libver=lib) as f:
        g = f.create_group("g")
        g.create_dataset("plain", data=v)
        g.create_dataset("single", data=v.astype("f4"))
        g.create_dataset("big", data=v.astype(">f8"))
        g.create_dataset("text", data="hello")
        g.create_dataset("fixed", data=np.array([b"hello"]))
        g.create_dataset("whole", data=v, chunks=v.shape, compression="gzip")
        with_chunks = f.create_group("with_chunks")
        if lib in ["earliest", "v108"]:
            with_chunks.create_dataset("chunks", data=v, chunks=(5, 4))
            with_chunks.create_dataset("gzip", data=v, chunks=(7, 3), compression="gzip", shuffle=True, fletcher32=True)
            with_chunks.create_dataset("shuffle", data=v.astype("f4"), chunks=(50, 3), maxshape=(100, 11), shuffle=True)
        if lib == "earliest":
            for n in range(300):
                f.create_dataset("many/%d" % n, data=np.array([float(n)]))
`
	if out, err := exec.Command(python, "-c", script, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, lib := range []string{"earliest", "v108", "v110", "latest"} {
		b, err := os.ReadFile(filepath.Join(dir, lib+".h5"))
		if err != nil {
			t.Fatal(err)
		}
		f := open(t, b)
		for _, group := range []string{"g", "with_chunks"} {
			names, err := f.Names(group)
			if err != nil {
				t.Fatalf("%s: %v", lib, err)
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
			if want := map[string]int{"g": 6, "with_chunks": 3}[group]; len(names) != want && !(group == "with_chunks" && len(names) == 0 && lib != "earliest" && lib != "v108") {
				t.Errorf("%s: %s has the members %q", lib, group, names)
			}
		}
		if lib == "earliest" { // more names than one node holds
			names, err := f.Names("many")
			if err != nil || len(names) != 300 {
				t.Fatalf("%d names, %v", len(names), err)
			}
			d, err := f.Dataset("many/217")
			if err != nil {
				t.Fatal(err)
			}
			if v, err := d.Float32s(); err != nil || !slices.Equal(v, []float32{217}) {
				t.Errorf("%v, %v", v, err)
			}
		}
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
