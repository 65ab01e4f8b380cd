package nifti

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"phasl/diag"
	"phasl/internal/inflate"
)

const (
	readBuffer = 1 << 15 // larger reads go round it
	// deflate cannot expand data more than 1032 times; the header of a
	// compressed file that claims more is not telling the truth.
	maxExpansion = 1032
)

// A source is a file or stream, decompressed if it needs to be.
type source struct {
	r    *bufio.Reader
	file *os.File // nil for a stream that the caller owns
	name string   // for problems
	size int64    // bytes as stored, −1 if not known
	gz   bool
	done int64 // decompressed bytes handed out
}

// openSource opens path. Faults go to list, and then the result is nil.
func openSource(path string, list *diag.List) *source {
	f, err := os.Open(path)
	if err != nil {
		p := &diag.Problem{File: path, Found: "cannot be opened", Fix: "check that it exists and that you may read it", Err: err}
		var pe *fs.PathError
		if errors.As(err, &pe) {
			p.Found = "cannot be opened: " + pe.Err.Error()
		}
		if target, lerr := os.Readlink(path); lerr == nil && errors.Is(err, fs.ErrNotExist) {
			p.Found = "is a link to " + target + ", which is not there"
			p.Fix = "fetch the file; in a DataLad dataset: datalad get " + path
		}
		list.Add(p)
		return nil
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a folder")
	}
	if err != nil {
		f.Close()
		list.Add(&diag.Problem{File: path, Found: "cannot be read: " + err.Error(), Fix: "name an image file", Err: err})
		return nil
	}
	size := int64(-1)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	s := newSource(f, path, size, list)
	if s == nil {
		f.Close()
		return nil
	}
	s.file = f
	return s
}

// newSource wraps r, whose content decides whether it is decompressed.
func newSource(r io.Reader, name string, size int64, list *diag.List) *source {
	s := &source{r: bufio.NewReaderSize(r, readBuffer), name: name, size: size}
	magic, _ := s.r.Peek(2)
	s.gz = len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b
	named := hasSuffix(name, ".gz")
	if !s.gz {
		if named {
			if b, _ := s.r.Peek(size1); len(b) < size1 {
				list.Errorf(name, "", "fetch or copy the real file", "%s", describeShort(b))
			} else {
				list.Errorf(name, "", "rename it without .gz if it opens then, else copy it again",
					"the name ends in .gz and the content is not gzip")
			}
			return nil
		}
		return s
	}
	z, err := inflate.NewReader(s.r)
	if err != nil {
		list.Add(s.readProblem(err))
		return nil
	}
	s.r = bufio.NewReaderSize(z, 1<<12)
	if !named && size >= 0 {
		list.Warnf(name, "", "rename it so that it ends in .gz", "the content is gzip and the name does not say so")
	}
	return s
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.done += int64(n)
	return n, err
}

func (s *source) Close() error {
	if s == nil || s.file == nil {
		return nil
	}
	return s.file.Close()
}

// skip passes over n bytes.
func (s *source) skip(n int64) error {
	for n > 0 {
		d, err := s.r.Discard(int(min(n, 1<<20)))
		s.done += int64(d)
		n -= int64(d)
		if err != nil {
			return err
		}
	}
	return nil
}

// readProblem says what an error of reading means.
func (s *source) readProblem(err error) *diag.Problem {
	p := &diag.Problem{File: s.name, Fix: "copy or download the file again", Err: err}
	var corrupt flate.CorruptInputError
	switch {
	case s.gz && errors.Is(err, gzip.ErrChecksum):
		p.Found = "the gzip checksum is wrong: the content was damaged"
	case s.gz && errors.Is(err, io.ErrUnexpectedEOF) && !s.ended():
		p.Found = "the gzip stream is cut off"
	case s.gz && (errors.Is(err, gzip.ErrHeader) || errors.As(err, &corrupt)):
		p.Found = "the gzip stream is damaged"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		p.Found = fmt.Sprintf("the content ends after %d bytes, before the last voxel", s.done)
	default:
		p.Found, p.Fix = "cannot be read: "+err.Error(), "check the disk or the connection"
	}
	return p
}

// ended reports whether a gzip stream came to its proper end, which an error
// of io.ReadFull does not tell from a stream that was cut off.
func (s *source) ended() bool {
	_, err := s.r.ReadByte()
	return err == io.EOF
}

func hasSuffix(path, suffix string) bool {
	return len(path) >= len(suffix) && strings.EqualFold(path[len(path)-len(suffix):], suffix)
}

// pairOf splits the name of one file of a pair and returns the candidates for
// header and voxels, the likeliest first. ok is false if path is no such name.
func pairOf(path string) (headers, images []string, ok bool) {
	base, gz := path, ""
	if hasSuffix(path, ".gz") {
		base, gz = path[:len(path)-3], path[len(path)-3:]
	}
	if !hasSuffix(base, ".hdr") && !hasSuffix(base, ".img") {
		return nil, nil, false
	}
	stem, ext := base[:len(base)-4], base[len(base)-4:]
	hdr, img := ".hdr", ".img"
	if ext == strings.ToUpper(ext) {
		hdr, img = ".HDR", ".IMG"
	}
	other := ".gz"
	if gz != "" {
		other = ""
	}
	headers = []string{stem + hdr + gz, stem + hdr + other}
	images = []string{stem + img + gz, stem + img + other}
	if hasSuffix(ext, ".hdr") {
		headers = headers[:1]
	} else {
		images = images[:1]
	}
	return headers, images, true
}

// firstThere returns the first of names that exists, the very first if none does.
func firstThere(names []string) string {
	for _, n := range names {
		if _, err := os.Stat(n); err == nil {
			return n
		}
	}
	return names[0]
}
