package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"phasl/diag"
	"phasl/internal/atomicfile"
)

// A Store is the folder where fetched files lie.
type Store struct {
	Dir string
}

// DefaultDir returns the folder for files that belong to the user rather than
// to one study: phasl/assets below $XDG_DATA_HOME or ~/.local/share (Linux and
// others), ~/Library/Application Support (macOS), %LOCALAPPDATA% (Windows).
func DefaultDir() (string, error) {
	home, err := os.UserHomeDir()
	switch {
	case runtime.GOOS == "windows" && os.Getenv("LOCALAPPDATA") != "":
		return filepath.Join(os.Getenv("LOCALAPPDATA"), "phasl", "assets"), nil
	case runtime.GOOS != "windows" && runtime.GOOS != "darwin" && filepath.IsAbs(os.Getenv("XDG_DATA_HOME")):
		return filepath.Join(os.Getenv("XDG_DATA_HOME"), "phasl", "assets"), nil
	case err != nil:
		return "", fmt.Errorf("find the folder for assets: %w", err)
	case runtime.GOOS == "darwin":
		return filepath.Join(home, "Library", "Application Support", "phasl", "assets"), nil
	case runtime.GOOS == "windows":
		return filepath.Join(home, "AppData", "Local", "phasl", "assets"), nil
	}
	return filepath.Join(home, ".local", "share", "phasl", "assets"), nil
}

// Path returns where the file lies, or will lie.
func (s Store) Path(f *File) string { return filepath.Join(s.Dir, filepath.FromSlash(f.File)) }

// A State is what is found at the place of a file.
type State string

// States of a file in a store.
const (
	Good    State = "good"    // there, with the SHA-256 of the manifest
	Absent  State = "absent"  // not there
	Altered State = "altered" // there, with other bytes
)

// Check hashes what lies at the place of the file. The error is one of reading,
// or ctx's.
func (s Store) Check(ctx context.Context, f *File) (State, error) {
	p := s.Path(f)
	info, err := os.Stat(p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Absent, nil
	case err != nil:
		return "", err
	case !info.Mode().IsRegular(): // a pipe would hang a reader
		return "", &fs.PathError{Op: "read", Path: p, Err: errors.New("it is not a file")}
	case info.Size() != f.Bytes:
		return Altered, nil
	}
	sum, err := hashFile(ctx, p)
	switch {
	case errors.Is(err, fs.ErrNotExist): // gone since
		return Absent, nil
	case err != nil:
		return "", err
	case sum != f.SHA256:
		return Altered, nil
	}
	return Good, nil
}

// Verify returns the state of each file and, for those that are not good, what
// is wrong and what to do. A file that is absent is no problem. The error is
// ctx's.
func (s Store) Verify(ctx context.Context, files []*File) ([]State, diag.List, error) {
	states := make([]State, len(files))
	var l diag.List
	for i, f := range files {
		state, err := s.Check(ctx, f)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		switch {
		case err != nil:
			l.Errorf(s.Path(f), "", "look at the path and its permissions", "it cannot be read: %s", cause(err))
		case state == Altered:
			l.Errorf(s.Path(f), "", "fetch it again: phasl assets pull "+f.Name, "its bytes are not those of %s (SHA-256 %s…)", f.Name, f.SHA256[:12])
		}
		states[i] = state
	}
	return states, l, nil
}

// cause returns what went wrong without the path, which the message has.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// hashFile returns the SHA-256 of a file in hexadecimal digits.
func hashFile(ctx context.Context, p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, ctxReader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// A ctxReader fails once its context is done.
type ctxReader struct {
	ctx context.Context
	r   io.Reader
}

func (c ctxReader) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(b)
}

// setAside renames a file that is in the way to a name that no reader of
// images takes for one, and returns that name.
func setAside(p string) (string, error) {
	for i := 1; ; i++ {
		aside := p + ".altered-" + strconv.Itoa(i)
		if _, err := os.Lstat(aside); err == nil && i < 10_000 {
			continue
		}
		return aside, os.Rename(p, aside)
	}
}

// TableName is the name of the table of receptor maps in a folder of them.
const TableName = "receptors.tsv"

// writeFile is replaced by the tests.
var writeFile = atomicfile.Write

var tableHeader = []string{"file", "target", "tracer", "n", "paper", "licence", "space"}

// WriteTables writes, in each folder that holds receptor maps of the manifest,
// the table that says what they are ([TableName]; columns file, target, tracer,
// n, paper, licence, space), with a row for each map that is there. A table
// that holds anything else is somebody's own: it is left alone, and a warning
// says so.
//
// Processes that write at the same time may overwrite each other's table with
// one that lacks a map; each therefore looks again after writing, so that the
// last one is right.
func (s Store) WriteTables(ctx context.Context, m *Manifest) (diag.List, error) {
	folders := map[string][]*File{}
	var order []string
	for _, f := range m.Files {
		if f.Kind != "receptor" {
			continue
		}
		d := path.Dir(f.File)
		if folders[d] == nil {
			order = append(order, d)
		}
		folders[d] = append(folders[d], f)
	}
	var l diag.List
	for _, d := range order {
		p := filepath.Join(s.Dir, filepath.FromSlash(d), TableName)
		for range 10 { // bounded, whatever others do there
			want, there, err := s.table(ctx, m, folders[d])
			if err != nil {
				return l, err
			}
			old, err := os.ReadFile(p)
			if err == nil && bytes.Equal(old, want) || errors.Is(err, fs.ErrNotExist) && !there {
				break
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return l, err
			}
			if !ours(m, folders[d], old) {
				l.Warnf(p, "", "remove it to have it written anew", "it holds lines that are not phasl's and was left alone")
				break
			}
			err = writeFile(p, func(w io.Writer) error {
				_, err := w.Write(want)
				return err
			})
			if err != nil {
				return l, err
			}
		}
	}
	return l, nil
}

// table returns the table of the maps that are there, and whether there are
// any.
func (s Store) table(ctx context.Context, m *Manifest, files []*File) (text []byte, any bool, err error) {
	var b bytes.Buffer
	b.WriteString(strings.Join(tableHeader, "\t") + "\n")
	for _, f := range files {
		state, err := s.Check(ctx, f)
		if ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if err == nil && state == Good {
			any = true
			b.WriteString(m.row(f) + "\n")
		}
	}
	return b.Bytes(), any, nil
}

// row returns the line of one map.
func (m *Manifest) row(f *File) string {
	var names []string
	for _, id := range f.Licences {
		names = append(names, m.Licence(id).Name)
	}
	return strings.Join([]string{path.Base(f.File), f.Target, f.Tracer, strconv.Itoa(f.N), f.Citation, strings.Join(names, "; "), orNA(f.Space)}, "\t")
}

func orNA(s string) string {
	if s == "" {
		return "n/a"
	}
	return s
}

// ours reports whether a table holds nothing but lines that phasl writes.
func ours(m *Manifest, files []*File, text []byte) bool {
	mine := map[string]bool{"": true, strings.Join(tableHeader, "\t"): true}
	for _, f := range files {
		mine[m.row(f)] = true
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if !mine[strings.TrimSuffix(line, "\r")] {
			return false
		}
	}
	return true
}
