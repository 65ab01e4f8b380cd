package bids

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"unicode/utf8"

	"phasl/diag"
)

// readFile reads a file of at most limit bytes. Anything but a regular file is
// refused before it is opened, because opening a pipe may never end.
func readFile(path, file string, limit int64, l *diag.List) ([]byte, bool) {
	info, err := os.Stat(path)
	if err != nil {
		*l = append(*l, pathProblem(err, file))
		return nil, false
	}
	if !info.Mode().IsRegular() {
		l.Errorf(file, "", "put a file there", "%s, not a file", kind(info.Mode()))
		return nil, false
	}
	f, err := os.Open(path)
	if err != nil {
		*l = append(*l, pathProblem(err, file))
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		*l = append(*l, pathProblem(err, file))
		return nil, false
	}
	if int64(len(data)) > limit {
		l.Errorf(file, "", "check that this is the right file", "the file is larger than %d MB, too large for metadata", limit>>20)
		return nil, false
	}
	return data, true
}

// pathProblem turns an error of the file system into a problem.
func pathProblem(err error, file string) *diag.Problem {
	p := &diag.Problem{Severity: diag.Error, File: file, Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Found, p.Fix = "there is no such file", "check the path; if the file is a link, fetch what it points to"
	case errors.Is(err, fs.ErrPermission):
		p.Found, p.Fix = "may not be read", "give yourself permission to read it"
	default:
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err // the problem names the file already
		}
		p.Found, p.Fix = fmt.Sprintf("cannot be read: %v", err), "check the file and its disk"
	}
	return p
}

// kind names what a path is if it is no regular file.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// plainText removes a byte-order mark and refuses what is no text: UTF-16, or
// bytes of zero. Bytes that are not UTF-8 are replaced, with a warning.
func plainText(data []byte, file string, l *diag.List) ([]byte, bool) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		l.Errorf(file, "", "save it as UTF-8", "the file is UTF-16")
		return nil, false
	}
	data = bytes.TrimPrefix(data, []byte{0xef, 0xbb, 0xbf})
	if i := bytes.IndexByte(data, 0); i >= 0 {
		l.Errorf(file, "", "restore the file: it is damaged or not text", "byte %d is zero: this is not text", i+1)
		return nil, false
	}
	if !utf8.Valid(data) {
		line := 1
		for rest := data; len(rest) > 0; {
			r, n := utf8.DecodeRune(rest)
			if r == utf8.RuneError && n == 1 {
				break
			}
			if r == '\n' {
				line++
			}
			rest = rest[n:]
		}
		l.Warnf(file, "", "save it as UTF-8", "line %d holds bytes that are not UTF-8", line)
		data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	return data, true
}
