package assets

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var quiet = log.New(io.Discard, "", 0)

// asProcess is the environment variable that makes the test binary pull a file
// described in it and end.
const asProcess = "PHASL_TEST_PULL"

type job struct {
	Dir, Base string
	File      *File
}

func TestMain(m *testing.M) {
	if text := os.Getenv(asProcess); text != "" {
		var j job
		if err := json.Unmarshal([]byte(text), &j); err != nil {
			panic(err)
		}
		out, err := puller(j.Dir, j.Base).Pull(contextOf(), []*File{j.File})
		if err != nil || out[0].Problem != nil {
			os.Exit(1)
		}
		os.Stdout.WriteString(string(out[0].Status))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func process(t *testing.T, j job) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asProcess+"="+string(text))
	return c
}

// Of several processes that pull one file into one folder, one fetches it and
// the others wait and find it.
func TestProcessesShareAFolder(t *testing.T) {
	b := content(21, 200_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		w.Header().Set("Content-Length", "200000")
		for i := range 20 { // slowly, so that all have begun
			time.Sleep(20 * time.Millisecond)
			w.Write(b[10_000*i : 10_000*(i+1)])
			w.(http.Flusher).Flush()
		}
	})
	f := asset("a", b)
	p := puller(t.TempDir(), s.URL)
	j := job{p.Dir, s.URL, f}
	var crew []*exec.Cmd
	var outs []*strings.Builder
	for range 4 {
		c := process(t, j)
		out := &strings.Builder{}
		c.Stdout = out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		crew, outs = append(crew, c), append(outs, out)
	}
	count := map[string]int{}
	for i, c := range crew {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
		count[outs[i].String()]++
	}
	if count["fetched"] != 1 || count["present"] != 3 {
		t.Errorf("%v, want one that fetched and three that found it", count)
	}
	if n := len(s.requests("a")); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	holds(t, p, f, b)
}

// Killed (SIGKILL, so that nothing can be tidied up), the next pull asks for
// the rest.
func TestKilledAndPulledAgain(t *testing.T) {
	b := content(22, 200_000)
	sent := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		if k > 0 {
			whole(w, r, b)
			return
		}
		w.Header().Set("Content-Length", "200000")
		w.Write(b[:150_000])
		w.(http.Flusher).Flush()
		close(sent)
		<-r.Context().Done()
	})
	f := asset("a", b)
	p := puller(t.TempDir(), s.URL)
	c := process(t, job{p.Dir, s.URL, f})
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-sent
	for range 200 { // until something is on disk
		if info, err := os.Stat(p.partPath(f)); err == nil && info.Size() > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.Process.Kill()
	c.Wait()
	if _, err := os.Stat(p.Path(f)); err == nil {
		t.Fatal("a part has the file's name")
	}
	o := pull(t, p, f)
	if o.Status != Fetched || o.Resumed == 0 {
		t.Errorf("%s, %d bytes resumed", o.Status, o.Resumed)
	}
	if r := s.requests("a"); len(r) != 2 || r[1] != "bytes="+itoa(o.Resumed)+"-" {
		t.Errorf("ranges %q", r)
	}
	holds(t, p, f, b)
}

// A part that its holder gives the file's name just before another gets the
// lock is not written to: it is the file now.
func TestLockOfAFileThatMoved(t *testing.T) {
	f := asset("a", []byte("x"))
	s := Store{t.TempDir()}
	os.MkdirAll(filepath.Dir(s.Path(f)), 0o777)
	first := true
	takeLock = func(file *os.File) error {
		if first {
			first = false
			if err := os.Rename(file.Name(), s.Path(f)); err != nil {
				t.Fatal(err)
			}
		}
		return lock(file)
	}
	defer func() { takeLock = lock }()
	p, err := s.openPart(t.Context(), f, time.Second, func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if stillThere(p.File, s.Path(f)) || !p.shared && first {
		t.Error("the part is the file that has its name already")
	}
}

// A process that holds the file and gets nowhere is not waited for without end.
func TestStuckProcess(t *testing.T) {
	f := asset("a", []byte("x"))
	s := Store{t.TempDir()}
	os.MkdirAll(filepath.Dir(s.Path(f)), 0o777)
	held, err := s.openPart(t.Context(), f, time.Second, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if !held.shared {
		t.Skip("no locks here")
	}
	defer held.Close()
	waited := false
	if _, err := s.openPart(t.Context(), f, 150*time.Millisecond, func() { waited = true }); err != errStuck || !waited {
		t.Errorf("%v, waited %v; want errStuck", err, waited)
	}
}
