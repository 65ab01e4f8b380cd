package atomicfile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"phasl/internal/atomicfile"
)

func TestWriteReplacesOrLeavesAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "deep", "er", "file.txt")
	put := func(text string, fail error) error {
		return atomicfile.Write(path, func(w io.Writer) error {
			io.WriteString(w, text)
			return fail
		})
	}
	check := func(want string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Fatalf("file holds %q (%v), want %q", got, err, want)
		}
		left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), atomicfile.TempPattern))
		if len(left) > 0 {
			t.Fatalf("left behind: %v", left)
		}
	}
	if err := put("one", nil); err != nil {
		t.Fatal(err)
	}
	check("one")
	boom := errors.New("boom")
	if err := put("half of tw", boom); !errors.Is(err, boom) {
		t.Fatalf("error %v, want %v", err, boom)
	}
	check("one")
	if err := put("three", nil); err != nil {
		t.Fatal(err)
	}
	check("three")
}

func TestWriteToImpossiblePlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := atomicfile.Write(filepath.Join(file, "below", "a.txt"), func(io.Writer) error { return nil }); err == nil {
		t.Error("wrote below a plain file")
	}
}
