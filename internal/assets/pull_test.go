package assets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestPullThenOffline(t *testing.T) {
	data := map[string][]byte{"a": content(1, 300_000), "b": content(2, 10), "c": content(3, 70_001)}
	s := serve(t, func(w http.ResponseWriter, r *http.Request, name string, _ int) {
		if r.URL.Path != "/mirror/o/r/"+strings.Repeat("0", 40)+"/d/"+name+".nii" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("asked for %s, encoded %q", r.URL.Path, r.Header.Get("Accept-Encoding"))
		}
		whole(w, r, data[name])
	})
	files := []*File{asset("a", data["a"]), asset("b", data["b"]), asset("c", data["c"])}
	p := puller(t.TempDir(), s.URL+"/mirror/")
	out, err := p.Pull(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if out[i].Status != Fetched || out[i].File != f || out[i].Path != p.Path(f) || out[i].Resumed != 0 {
			t.Errorf("outcome %+v", out[i])
		}
		holds(t, p, f, data[f.Name])
	}
	s.Close() // what is there needs no network
	out, err = p.Pull(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if out[i].Status != Present || len(s.requests(f.Name)) != 1 {
			t.Errorf("%s: %s after %d requests", f.Name, out[i].Status, len(s.requests(f.Name)))
		}
	}
}

func TestCutConnectionIsCarriedOn(t *testing.T) {
	b := content(4, 250_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		if k < 2 {
			cut(w, r, b, 100_000)
		}
		whole(w, r, b)
	})
	p := puller(t.TempDir(), s.URL)
	f := asset("a", b)
	if o := pull(t, p, f); o.Status != Fetched {
		t.Fatal(o.Problem)
	}
	holds(t, p, f, b)
	if got, want := s.requests("a"), []string{"", "bytes=100000-", "bytes=200000-"}; !slices.Equal(got, want) {
		t.Errorf("ranges %q, want %q", got, want)
	}
}

// A pull that gives up leaves what came, and the next one asks for the rest.
func TestNextPullCarriesOn(t *testing.T) {
	b := content(5, 250_000)
	var sound atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		switch {
		case sound.Load():
			whole(w, r, b)
		case k == 0:
			cut(w, r, b, 123_456)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	p := puller(t.TempDir(), s.URL)
	f := asset("a", b)
	failed(t, p, pull(t, p, f), "503")
	if n := len(s.requests("a")); n != maxAttempts {
		t.Errorf("%d attempts, want %d", n, maxAttempts)
	}
	sound.Store(true)
	o := pull(t, puller(p.Dir, s.URL), f)
	if o.Status != Fetched || o.Resumed != 123_456 {
		t.Errorf("%s, %d bytes resumed", o.Status, o.Resumed)
	}
	if r := s.requests("a"); r[len(r)-1] != "bytes=123456-" {
		t.Errorf("asked for %q", r[len(r)-1])
	}
	holds(t, p, f, b)
}

// What a part holds is checked like everything else, and fetched anew if it
// cannot be right.
func TestPartOfAnotherVersion(t *testing.T) {
	b := content(6, 50_000)
	for _, tt := range []struct {
		name string
		part []byte
	}{{"other bytes", content(7, 20_000)}, {"whole, other bytes", content(8, 50_000)}, {"too long", content(9, 60_000)}} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) { whole(w, r, b) })
		p := puller(t.TempDir(), s.URL)
		f := asset("a", b)
		os.MkdirAll(filepath.Dir(p.Path(f)), 0o777)
		if err := os.WriteFile(p.partPath(f), tt.part, 0o666); err != nil {
			t.Fatal(err)
		}
		if o := pull(t, p, f); o.Status != Fetched {
			t.Errorf("%s: %v", tt.name, o.Problem)
			continue
		}
		holds(t, p, f, b)
		if r := s.requests("a"); r[len(r)-1] != "" || len(r) > 2 {
			t.Errorf("%s: ranges %q", tt.name, r)
		}
	}
}

func TestServersThatIgnoreRanges(t *testing.T) {
	b := content(10, 90_000)
	for _, tt := range []struct {
		name   string
		answer func(w http.ResponseWriter, r *http.Request)
	}{
		{"200", func(w http.ResponseWriter, r *http.Request) { w.Write(b) }},
		{"416", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
				return
			}
			w.Write(b)
		}},
		{"another range", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.Header().Set("Content-Range", "bytes 7-89999/90000")
				w.WriteHeader(http.StatusPartialContent)
				w.Write(b[7:])
				return
			}
			w.Write(b)
		}},
		{"range without a place", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				w.WriteHeader(http.StatusPartialContent)
			}
			w.Write(b)
		}},
		{"range of unknown total", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Range", "bytes 40000-89999/*")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(b[40_000:])
		}},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
			if k == 0 {
				cut(w, r, b, 40_000)
			}
			tt.answer(w, r)
		})
		p := puller(t.TempDir(), s.URL)
		f := asset("a", b)
		if o := pull(t, p, f); o.Status != Fetched {
			t.Errorf("%s: %v", tt.name, o.Problem)
			continue
		}
		holds(t, p, f, b)
	}
}

func TestCancel(t *testing.T) {
	b := content(18, 50_000)
	started := make(chan struct{})
	var once sync.Once
	var sound atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		if sound.Load() {
			whole(w, r, b)
			return
		}
		w.Header().Set("Content-Length", "50000")
		w.Write(b[:32_768])
		w.(http.Flusher).Flush()
		time.Sleep(50 * time.Millisecond) // let it arrive
		once.Do(func() { close(started) })
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	p := puller(t.TempDir(), s.URL)
	p.Parallel = 1
	f, g := asset("a", b), asset("b", b)
	out, err := p.Pull(ctx, []*File{f, g})
	if !errors.Is(err, context.Canceled) || out[0].Status != Stopped || out[1].Status != Stopped {
		t.Fatalf("%v, %s, %s", err, out[0].Status, out[1].Status)
	}
	if n := len(s.requests("b")); n != 0 {
		t.Errorf("%d requests after the cancelling", n)
	}
	sound.Store(true)
	if o := pull(t, p, f); o.Status != Fetched || o.Resumed != 32_768 {
		t.Errorf("%s, %d bytes resumed", o.Status, o.Resumed)
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	l.Close() // nobody listens there now
	p := puller(t.TempDir(), base)
	p.Parallel = 1
	pauses := 0
	p.pause = func(int) time.Duration { pauses++; return time.Millisecond }
	there := asset("there", []byte("x"))
	os.MkdirAll(filepath.Dir(p.Path(there)), 0o777)
	if err := os.WriteFile(p.Path(there), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := p.Pull(t.Context(), []*File{asset("a", []byte("a")), asset("b", []byte("b")), there})
	if err != nil {
		t.Fatal(err)
	}
	failed(t, p, out[0], "127.0.0.1 cannot be reached")
	failed(t, p, out[1], "127.0.0.1 cannot be reached")
	if pauses != maxHostAttempts-1 {
		t.Errorf("%d pauses: the second file was tried too", pauses)
	}
	if out[2].Status != Present {
		t.Errorf("the file that is there: %s", out[2].Status)
	}
	if f, ok := errors.AsType[*fault](out[0].Problem); !ok || !f.host {
		t.Error("not told apart from the fault of one file")
	}
}

func TestBounded(t *testing.T) {
	var now, most atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(20 * time.Millisecond)
		w.Write([]byte("x"))
	})
	var files []*File
	for i := range 12 {
		files = append(files, asset(fmt.Sprint("f", i), []byte("x")))
	}
	p := puller(t.TempDir(), s.URL)
	p.Parallel = 3
	var ended, last int
	var share float64
	p.Progress = func(e Event) {
		if e.Ended {
			ended++
		}
		if e.Done < last || e.Share < share || e.Share > 1 || e.Total != 12 {
			t.Errorf("event %+v after done %d, share %g", e, last, share)
		}
		last, share = e.Done, e.Share
	}
	if _, err := p.Pull(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 3 {
		t.Errorf("up to %d at a time, want 3", most.Load())
	}
	if ended != 12 || last != 12 || share != 1 {
		t.Errorf("%d ended, done %d, share %g", ended, last, share)
	}
}

func TestAlteredFileIsSetAside(t *testing.T) {
	b := content(19, 1000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) { whole(w, r, b) })
	p := puller(t.TempDir(), s.URL)
	f := asset("a", b)
	for i, mine := range []string{"my own atlas", "another of mine"} {
		os.MkdirAll(filepath.Dir(p.Path(f)), 0o777)
		if err := os.WriteFile(p.Path(f), []byte(mine), 0o666); err != nil {
			t.Fatal(err)
		}
		o := pull(t, p, f)
		if want := p.Path(f) + ".altered-" + strconv.Itoa(i+1); o.Status != Fetched || o.Aside != want {
			t.Fatalf("%s, set aside as %q, want %q", o.Status, o.Aside, want)
		}
		if got, err := os.ReadFile(o.Aside); err != nil || string(got) != mine {
			t.Errorf("set aside: %q, %v", got, err)
		}
		holds(t, p, f, b)
	}
}

func TestFoldersThatCannotBe(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) { w.Write([]byte("x")) })
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "receptors"), nil, 0o666) // a file where a folder belongs
	p := puller(dir, s.URL)
	f := asset("a", []byte("x"))
	failed(t, p, pull(t, p, f), "cannot be written")
	p = puller(t.TempDir(), s.URL)
	os.MkdirAll(p.Path(f), 0o777) // a folder where the file belongs
	if o := pull(t, p, f); o.Status != Failed || !strings.Contains(o.Problem.Found, "not a file") {
		t.Errorf("%s, %v", o.Status, o.Problem)
	}
	if len(s.requests("a")) != 0 {
		t.Error("fetched all the same")
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "write", Path: "/x/.a.part", Err: syscall.ENOSPC}, "there is no room for it (1 bytes) in /x"},
		{&fs.PathError{Op: "mkdir", Path: "/x", Err: syscall.EACCES}, "/x may not be written"},
		{&fs.PathError{Op: "mkdir", Path: "/x", Err: syscall.EROFS}, "/x cannot be written"},
		{errStuck, "another phasl has been fetching it"},
	} {
		f, ok := ofDisk(asset("a", []byte("x")), "/x", tt.err).(*fault)
		if !ok || !strings.Contains(f.found, tt.want) || f.fix == "" || f.again || !errors.Is(f, tt.err) {
			t.Errorf("%v: %+v", tt.err, f)
		}
	}
}

// Where the file system has no locks, pulls work all the same, from the start.
func TestWithoutLocks(t *testing.T) {
	takeLock = func(*os.File) error { return errNoLocks }
	defer func() { takeLock = lock }()
	b := content(20, 100_000)
	var sound atomic.Bool
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		if !sound.Load() {
			if k == 0 {
				cut(w, r, b, 60_000)
			}
			w.WriteHeader(http.StatusNotFound)
			return
		}
		whole(w, r, b)
	})
	p := puller(t.TempDir(), s.URL)
	f := asset("a", b)
	failed(t, p, pull(t, p, f), "404")
	nothingElse(t, p, f)
	sound.Store(true)
	if o := pull(t, p, f); o.Status != Fetched || o.Resumed != 0 {
		t.Errorf("%s, %d bytes resumed", o.Status, o.Resumed)
	}
	holds(t, p, f, b)
	if info, err := os.Stat(p.Path(f)); err == nil && info.Mode().Perm()&0o044 == 0 {
		t.Errorf("mode %v: others cannot read it", info.Mode())
	}
}

func TestBase(t *testing.T) {
	for _, base := range []string{"ftp://h", "h/x", "https://", "https://h?x", "://", "file:///etc"} {
		if CheckBase(base) == nil {
			t.Errorf("%s is accepted", base)
		}
		if _, err := puller(t.TempDir(), base).Pull(t.Context(), []*File{asset("a", []byte("x"))}); err == nil {
			t.Errorf("pulled from %s", base)
		}
	}
	if got := Redacted("https://me:secret@h/x"); strings.Contains(got, "secret") {
		t.Errorf("%s shows the password", got)
	}
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		if _, pw, _ := r.BasicAuth(); pw != "secret" {
			t.Error("the password was not sent")
		}
		w.WriteHeader(http.StatusNotFound)
	})
	p := puller(t.TempDir(), strings.Replace(s.URL, "://", "://me:secret@", 1))
	if o := pull(t, p, asset("a", []byte("x"))); strings.Contains(o.Problem.Found, "secret") {
		t.Errorf("%s shows the password", o.Problem.Found)
	}
}
