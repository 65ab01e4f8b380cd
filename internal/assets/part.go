package assets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A part is the beginning of a file that is being fetched: hidden, beside its
// place, so that renaming it there is one step. It is locked as long as it is
// open.
type part struct {
	*os.File
	shared bool // other processes know its name and can carry it on
}

var (
	errHeld    = errors.New("another process holds the lock")
	errNoLocks = errors.New("the file system has no locks")
	errStuck   = errors.New("another process holds the lock and gets nowhere")
)

// partPath returns the name of the part. It holds the beginning of the hash, so
// that bytes of another version are not carried on.
func (s Store) partPath(f *File) string {
	p := s.Path(f)
	return filepath.Join(filepath.Dir(p), "."+filepath.Base(p)+"."+f.SHA256[:8]+".part")
}

// takeLock is replaced by the tests.
var takeLock = lock

// openPart opens the part of a file, new or as an earlier process left it, and
// locks it. While another process holds it, it waits, calling waiting first; it
// gives up with errStuck when the part has not grown for the given time.
// Without locks, the part is a new file that no other process knows.
func (s Store) openPart(ctx context.Context, f *File, patience time.Duration, waiting func()) (*part, error) {
	name := s.partPath(f)
	var size int64 = -1
	var since time.Time
	for {
		file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666)
		if err != nil {
			return nil, err
		}
		err = takeLock(file)
		if err == nil && stillThere(file, name) {
			return &part{file, true}, nil
		}
		file.Close()
		switch {
		case err == nil: // whoever held it renamed or removed it: open the new one
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		case errors.Is(err, errNoLocks):
			if info, err := os.Stat(name); err == nil && info.Size() == 0 {
				os.Remove(name) // made above
			}
			file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
			if err != nil {
				return nil, err
			}
			return &part{file, false}, nil
		}
		if size < 0 {
			waiting()
		}
		if info, err := os.Stat(name); err == nil && info.Size() != size {
			size, since = info.Size(), time.Now()
		}
		if time.Since(since) > patience {
			return nil, errStuck
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stillThere reports whether the open file is the one of that name.
func stillThere(f *os.File, name string) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(name)
	return err == nil && os.SameFile(a, b)
}

// place gives the part the name of the file; what is in the way is set aside
// first, and its new name is returned.
func (p *part) place(target string) (aside string, err error) {
	if err := p.Sync(); err != nil {
		return "", err
	}
	if !p.shared { // closed first: Windows does not rename an open file
		if err := p.Chmod(0o644); err != nil {
			return "", err
		}
		if err := p.Close(); err != nil {
			return "", err
		}
	}
	if _, err := os.Lstat(target); err == nil {
		if aside, err = setAside(target); err != nil {
			return "", fmt.Errorf("set aside what is in its place: %w", err)
		}
	}
	return aside, os.Rename(p.Name(), target)
}

// discard removes the part.
func (p *part) discard() { os.Remove(p.Name()) }
