package assets

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"phasl/internal/atomicfile"
)

func contextOf() context.Context { return context.Background() }

func TestVerify(t *testing.T) {
	s := Store{t.TempDir()}
	put := func(f *File, text string) *File {
		t.Helper()
		os.MkdirAll(filepath.Dir(s.Path(f)), 0o777)
		if err := os.WriteFile(s.Path(f), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return f
	}
	files := []*File{
		put(asset("good", []byte("abc")), "abc"),
		put(asset("flipped", []byte("abc")), "abd"), // of the same length
		put(asset("longer", []byte("abc")), "abcd"),
		asset("absent", []byte("abc")),
		asset("folder", []byte("abc")),
	}
	os.MkdirAll(s.Path(files[4]), 0o777)
	states, l, err := s.Verify(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []State{Good, Altered, Altered, Absent, ""} {
		if states[i] != want {
			t.Errorf("%s: %q, want %q", files[i].Name, states[i], want)
		}
	}
	if len(l) != 3 || l[0].File != s.Path(files[1]) || !strings.Contains(l[0].Fix, "phasl assets pull flipped") {
		t.Errorf("problems %v", l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Verify(ctx, files); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("XDG_DATA_HOME", "/data")
	t.Setenv("LOCALAPPDATA", `C:\data`)
	t.Setenv("USERPROFILE", `C:\me`)
	dir, err := DefaultDir()
	if err != nil || !strings.HasSuffix(filepath.ToSlash(dir), "phasl/assets") || strings.HasPrefix(dir, ".") {
		t.Errorf("%q, %v", dir, err)
	}
	t.Setenv("XDG_DATA_HOME", "relative") // to be ignored, says the XDG specification
	if dir, err := DefaultDir(); err != nil || strings.Contains(dir, "relative") {
		t.Errorf("%q, %v", dir, err)
	}
}

func TestTable(t *testing.T) {
	m, l := Parse("m", []byte(sound))
	if m == nil {
		t.Fatal(l)
	}
	b := content(30, 10)
	f := asset("a", b)
	f.Space = "S"
	m.Files = []*File{f}
	s := Store{t.TempDir()}
	write := func(want int) string {
		t.Helper()
		l, err := s.WriteTables(t.Context(), m)
		if err != nil || len(l) != want {
			t.Fatalf("%v, %v; want %d warnings", l, err, want)
		}
		text, _ := os.ReadFile(filepath.Join(s.Dir, "receptors", TableName))
		return string(text)
	}
	if got := write(0); got != "" {
		t.Errorf("a table of nothing: %q", got)
	}
	os.MkdirAll(filepath.Dir(s.Path(f)), 0o777)
	os.WriteFile(s.Path(f), b, 0o666)
	const head = "file\ttarget\ttracer\tn\tpaper\tlicence\tspace\n"
	const row = "a.nii\tTa\tx\t3\tsomebody\tA licence\tS\n"
	if got := write(0); got != head+row {
		t.Errorf("table %q", got)
	}
	os.Remove(s.Path(f))
	if got := write(0); got != head {
		t.Errorf("table without the map %q", got)
	}
	mine := head + row + "mine.nii\tM\tx\t1\tme\tmine\tS\n"
	os.WriteFile(filepath.Join(s.Dir, "receptors", TableName), []byte(mine), 0o666)
	os.WriteFile(s.Path(f), b, 0o666)
	if got := write(1); got != mine {
		t.Error("somebody's own table was overwritten")
	}
}

// A table that another process wrote meanwhile, of a map that was not there
// when this one looked, is not lost.
func TestTableOvertaken(t *testing.T) {
	m, _ := Parse("m", []byte(sound))
	a, b := asset("a", content(31, 10)), asset("b", content(32, 10))
	m.Files = []*File{a, b}
	s := Store{t.TempDir()}
	put := func(f *File, text []byte) {
		os.MkdirAll(filepath.Dir(s.Path(f)), 0o777)
		if err := os.WriteFile(s.Path(f), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	put(a, content(31, 10))
	first := true
	writeFile = func(path string, fn func(io.Writer) error) error {
		if first {
			first = false
			put(b, content(32, 10))
			if _, err := s.WriteTables(t.Context(), m); err != nil {
				t.Error(err)
			}
		}
		return atomicfile.Write(path, fn)
	}
	defer func() { writeFile = atomicfile.Write }()
	if _, err := s.WriteTables(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(s.Dir, "receptors", TableName))
	if !strings.Contains(string(text), "b.nii") {
		t.Errorf("the map that came meanwhile is not in the table:\n%s", text)
	}
}

// Pulls that end at about the same time leave one table of all maps.
func TestTableOfConcurrentPulls(t *testing.T) {
	data := map[string][]byte{}
	m, _ := Parse("m", []byte(sound))
	m.Files = nil
	for i := range 12 {
		name := string(rune('a' + i))
		data[name] = content(uint64(40+i), 1000)
		m.Files = append(m.Files, asset(name, data[name]))
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request, name string, _ int) { whole(w, r, data[name]) })
	dir := t.TempDir()
	var crew sync.WaitGroup
	for i := range m.Files {
		crew.Go(func() {
			p := puller(dir, s.URL)
			if _, err := p.Pull(t.Context(), m.Files[i:i+1]); err != nil {
				t.Error(err)
			}
			if l, err := p.WriteTables(t.Context(), m); err != nil || len(l) > 0 {
				t.Error(l, err)
			}
		})
	}
	crew.Wait()
	text, err := os.ReadFile(filepath.Join(dir, "receptors", TableName))
	if n := strings.Count(string(text), "\n"); err != nil || n != 13 {
		t.Errorf("%d lines, %v:\n%s", n, err, text)
	}
}
