package pipeline

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"phasl/bids"
	"phasl/diag"
	"phasl/internal/par"
	"phasl/nifti"
)

// checkAll returns the problems of each scan of each person.
func checkAll(ds *bids.Dataset, people []person, c *Config, s *shapes) [][]diag.List {
	out := make([][]diag.List, len(people))
	par.Do(c.Workers, len(people), func(i int) {
		for _, sc := range people[i].scans {
			l := check(ds, sc, c.overrides, s)
			if c.Template != "" {
				l.Add(withoutT1w(sc)...)
			}
			out[i] = append(out[i], l)
		}
	})
	return out
}

// check returns the problems of one scan and of the images that go with it.
func check(ds *bids.Dataset, sc *bids.Scan, overrides map[string]string, s *shapes) diag.List {
	l := bids.CheckScan(ds, sc, bids.ValidateOptions{Shape: s.of, Overrides: overrides})
	for _, t1w := range sc.T1w[:min(1, len(sc.T1w))] {
		if _, err := s.of(ds.Abs(t1w)); err != nil {
			if bad, ok := errors.AsType[diag.List](err); ok {
				l.Add(bad...)
			} else {
				l.Errorf(t1w, "", "replace the file", "%v", err)
			}
		}
	}
	return l
}

// withoutT1w warns of a scan that comes to the template without a T1w image.
func withoutT1w(sc *bids.Scan) (l diag.List) {
	if len(sc.T1w) == 0 {
		l.Warnf(sc.Path, "", "add the T1w image to anat/, if there is one",
			"the person has no T1w image: the scan is laid onto the template by its perfusion, right to 3 to 4 mm, so trust lobes and cingulate regions, not single folds; grey and white matter are the template's")
	}
	return l
}

// shapes remembers the sizes of images: one T1w image serves many scans, and
// reading it to its end takes a while. It is safe for concurrent use.
type shapes struct {
	mu   sync.Mutex
	seen map[string]func() ([4]int, error)
}

func newShapes() *shapes { return &shapes{seen: map[string]func() ([4]int, error){}} }

// of returns the size of the image at path; see [shape].
func (s *shapes) of(path string) ([4]int, error) {
	s.mu.Lock()
	get := s.seen[path]
	if get == nil {
		get = sync.OnceValues(func() ([4]int, error) { return shape(path) })
		s.seen[path] = get
	}
	s.mu.Unlock()
	return get()
}

// maxVolumes bounds the length of a series: pairing needs memory that grows
// with its square.
const maxVolumes = 5000

// shape tells the size of an image, for [bids.Validate]. It reads the file to
// its end, so that one that was cut off or damaged is found now and not in the
// middle of a run.
func shape(path string) ([4]int, error) {
	r, err := nifti.Open(path)
	if err != nil {
		return [4]int{}, err
	}
	defer r.Close()
	for err == nil {
		err = r.Next(nil)
	}
	if err != io.EOF {
		return [4]int{}, err
	}
	h := r.Header
	if n := h.Volumes(); n > maxVolumes {
		return [4]int{}, diag.List{{File: path, Field: "dim", Found: fmt.Sprintf("%d volumes; an ASL series has at most %d here", n, maxVolumes), Fix: "check that this is an ASL series"}}
	}
	g := h.Grid()
	return [4]int{g.Dim[0], g.Dim[1], g.Dim[2], h.Volumes()}, nil
}
