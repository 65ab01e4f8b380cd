package assets

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// content returns bytes that depend on the seed.
func content(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// asset describes bytes as a file of a manifest.
func asset(name string, b []byte) *File {
	sum := sha256.Sum256(b)
	return &File{Name: name, Kind: "receptor", Title: name, Target: "T" + name, Tracer: "x", N: 3,
		Repository: "o/r", Revision: strings.Repeat("0", 40), Path: "d/" + name + ".nii", File: "receptors/" + name + ".nii",
		Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:]), Licences: []string{"L"}, Citation: "somebody"}
}

// A server answers each request for a file by what its test says, and counts.
type server struct {
	*httptest.Server
	mu     sync.Mutex
	ranges map[string][]string // Range of each request, by the file's name
}

// serve starts a server. answer writes the answer to request k (from 0) for a
// file.
func serve(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, name string, k int)) *server {
	t.Helper()
	s := &server{ranges: map[string][]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(filepath.Base(r.URL.Path), ".nii")
		s.mu.Lock()
		k := len(s.ranges[name])
		s.ranges[name] = append(s.ranges[name], r.Header.Get("Range"))
		s.mu.Unlock()
		answer(w, r, name, k)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ranges[name])
}

// whole answers with b, or with the range asked for.
func whole(w http.ResponseWriter, r *http.Request, b []byte) {
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(b)))
}

// cut answers with b from where it is asked, says how long that is, and breaks
// the connection once n bytes have gone.
func cut(w http.ResponseWriter, r *http.Request, b []byte, n int) {
	from := 0
	if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err == nil {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(b)-1, len(b)))
		w.Header().Set("Content-Length", strconv.Itoa(len(b)-from))
		w.WriteHeader(http.StatusPartialContent)
	} else {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	}
	w.Write(b[from : from+n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func puller(dir, base string) *Puller {
	return &Puller{Store: Store{dir}, Base: base, Stall: 5 * time.Second, pause: func(int) time.Duration { return time.Millisecond }}
}

// pull pulls one file and returns its outcome.
func pull(t *testing.T, p *Puller, f *File) Outcome {
	t.Helper()
	out, err := p.Pull(t.Context(), []*File{f})
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// holds fails the test unless the file holds b, and nothing is left beside it.
func holds(t *testing.T, p *Puller, f *File, b []byte) {
	t.Helper()
	got, err := os.ReadFile(p.Path(f))
	if err != nil || string(got) != string(b) {
		t.Errorf("%s holds %d bytes that are not the file's, %v", f.Name, len(got), err)
	}
	nothingElse(t, p, f)
}

// nothingElse fails the test if parts are left.
func nothingElse(t *testing.T, p *Puller, f *File) {
	t.Helper()
	entries, _ := os.ReadDir(filepath.Dir(p.Path(f)))
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".part") || strings.Contains(e.Name(), ".part-") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

// failed fails the test unless the file was not fetched, for a reason that
// says so, with a fix, and its place is empty.
func failed(t *testing.T, p *Puller, o Outcome, reason string) {
	t.Helper()
	if o.Status != Failed || o.Problem == nil || !strings.Contains(o.Problem.Found, reason) || o.Problem.Fix == "" {
		t.Errorf("status %s, %v; want a failure with %q", o.Status, o.Problem, reason)
	}
	if _, err := os.Lstat(p.Path(o.File)); err == nil {
		t.Error("the file has its name although it failed")
	}
}
