package assets

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"phasl/diag"
)

// A Puller fetches files into a store. Its zero value but for the store is
// ready to use. A proxy is taken from the environment (HTTPS_PROXY, HTTP_PROXY,
// NO_PROXY).
type Puller struct {
	Store
	Base     string        // base address, see [File.URL]; "": [DefaultBase]
	Parallel int           // files at a time; 0: 4
	Stall    time.Duration // longest time without a byte; 0: 30 s
	Progress func(Event)   // called by one goroutine at a time; may be nil

	client *http.Client
	pause  func(attempt int) time.Duration // before attempt+1
	mu     sync.Mutex                      // guards Progress and what it counts
	shown  time.Time
}

// An Event tells how far a pull is.
type Event struct {
	File  *File
	Step  string  // "waits for another phasl", "fetching", or the status it ended with
	Ended bool    // the file is done with
	Bytes int64   // of the file that are there
	Done  int     // files done with
	Total int     // files in all
	Share float64 // of all bytes that are there, 0 to 1
}

// A Status is how the pull of one file ended.
type Status string

// Ends of a pull.
const (
	Fetched Status = "fetched" // from the network, and its hash is right
	Present Status = "present" // it was there with the right hash, or another process just fetched it
	Failed  Status = "failed"  // see the problem
	Stopped Status = "stopped" // the pull was cancelled before it ended
)

const fetching = "fetching"

// An Outcome says what became of one file.
type Outcome struct {
	File    *File
	Path    string
	Status  Status
	Resumed int64         // bytes an earlier pull had left [byte]
	Aside   string        // where the file that was in its place went; "" if none was
	Problem *diag.Problem // why it failed, or nil
}

// CheckBase returns an error if a base address makes no sense.
func CheckBase(base string) error {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return errors.New("it is no web address")
	case u.Scheme != "https" && u.Scheme != "http" || u.Host == "":
		return errors.New("write https://HOST or http://HOST, with a path if there is one")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("leave out what follows ? or #")
	}
	return nil
}

func (p *Puller) stall() time.Duration {
	if p.Stall > 0 {
		return p.Stall
	}
	return 30 * time.Second
}

// backOff is the pause before another attempt: 0.5, 1, 2, 4 s.
func backOff(attempt int) time.Duration { return 500 * time.Millisecond << (attempt - 1) }

// Pull brings every file into the store: what is there with the right hash
// stays, the rest is fetched, several at a time. It returns an outcome for each
// file, in their order; one that fails does not stop the others, except that
// no more is begun when the host cannot be reached. When ctx is cancelled, what
// has come is kept for the next pull, and the error is ctx's. Any other error
// means that nothing was tried.
//
// A Puller does one pull at a time.
func (p *Puller) Pull(ctx context.Context, files []*File) ([]Outcome, error) {
	base := p.Base
	if base == "" {
		base = DefaultBase
	}
	if err := CheckBase(base); err != nil {
		return nil, fmt.Errorf("base address %s: %w", base, err)
	}
	if p.pause == nil {
		p.pause = backOff
	}
	parallel := p.Parallel
	if parallel <= 0 {
		parallel = 4
	}
	parallel = min(parallel, max(1, len(files)))
	p.client = p.newClient(parallel)
	defer p.client.CloseIdleConnections()

	out := make([]Outcome, len(files))
	count := newCounter(p, files)
	next := make(chan int)
	var unreachable atomic.Pointer[fault] // set once the host cannot be reached
	var crew sync.WaitGroup
	for range parallel {
		crew.Go(func() {
			for i := range next {
				if f := unreachable.Load(); f != nil && !p.there(ctx, files[i]) {
					out[i].fail(files[i], f)
				} else {
					out[i] = p.one(ctx, files[i], base, count)
					if f, ok := errorOf(&out[i]).(*fault); ok && f.host {
						unreachable.Store(f)
					}
				}
				count.end(files[i], out[i].Status)
			}
		})
	}
	for i, f := range files {
		out[i] = Outcome{File: f, Path: p.Path(f), Status: Stopped}
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	crew.Wait()
	return out, ctx.Err()
}

// newClient returns a client. How long it waits for anything but a connection
// is watched by the fetch.
func (p *Puller) newClient(parallel int) *http.Client {
	return &http.Client{
		CheckRedirect: checkRedirect,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: min(p.stall(), 10*time.Second)}).DialContext,
			MaxIdleConnsPerHost: parallel,
			MaxConnsPerHost:     parallel,
			ForceAttemptHTTP2:   true,
			DisableCompression:  true,
			// A header is a few hundred bytes.
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// one brings one file into the store.
func (p *Puller) one(ctx context.Context, f *File, base string, c *counter) Outcome {
	o := Outcome{File: f, Path: p.Path(f), Status: Stopped}
	state, err := p.Check(ctx, f)
	switch {
	case ctx.Err() != nil:
		return o
	case err != nil:
		return *o.fail(f, ofDisk(f, o.Path, err))
	case state == Good:
		o.Status = Present
		return o
	}
	dir := filepath.Dir(o.Path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return *o.fail(f, ofDisk(f, dir, err))
	}
	part, err := p.openPart(ctx, f, (maxAttempts+1)*p.stall(), func() { c.step(f, "waits for another phasl", 0) })
	if err != nil {
		return *o.fail(f, ofDisk(f, dir, err))
	}
	defer part.Close()
	if state, err := p.Check(ctx, f); err == nil && state == Good { // fetched by whoever held the lock
		part.discard()
		o.Status = Present
		return o
	}
	t := &fetch{Puller: p, file: f, address: f.URL(base), part: part, sum: sha256.New(), got: func(n int64) { c.step(f, fetching, n) }}
	if u, err := url.Parse(t.address); err == nil {
		t.shown, t.host = u.Redacted(), u.Hostname()
	}
	if info, err := part.Stat(); err == nil && info.Size() <= f.Bytes {
		o.Resumed = info.Size()
	}
	if err := t.fill(ctx); err != nil {
		if !part.shared || t.n == 0 {
			part.discard()
		}
		return *o.fail(f, err)
	}
	if o.Aside, err = part.place(o.Path); err != nil {
		return *o.fail(f, ofDisk(f, dir, err))
	}
	o.Status = Fetched
	return o
}

// there reports whether a file need not be fetched.
func (p *Puller) there(ctx context.Context, f *File) bool {
	state, err := p.Check(ctx, f)
	return err == nil && state == Good
}

// fail notes why a file failed.
func (o *Outcome) fail(f *File, err error) *Outcome {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		o.Status = Stopped
		return o
	}
	o.Status = Failed
	o.Problem = &diag.Problem{File: f.Name, Found: err.Error(), Err: err}
	if x, ok := errors.AsType[*fault](err); ok {
		o.Problem.Fix = x.fix
	}
	return o
}

// errorOf returns the error behind an outcome, or nil.
func errorOf(o *Outcome) error {
	if o.Problem == nil {
		return nil
	}
	return o.Problem.Err
}

// A counter adds up the bytes of all files for [Puller.Progress].
type counter struct {
	p     *Puller
	bytes map[*File]int64
	sum   int64
	total int64
	done  int
	files int
}

func newCounter(p *Puller, files []*File) *counter {
	c := &counter{p: p, bytes: map[*File]int64{}, files: len(files)}
	for _, f := range files {
		c.total += f.Bytes
	}
	return c
}

// step tells how many bytes of a file are there, at most ten times a second.
func (c *counter) step(f *File, step string, n int64) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.set(f, n)
	if now := time.Now(); step != fetching || now.Sub(c.p.shown) > 100*time.Millisecond {
		c.p.shown = now
		c.tell(Event{File: f, Step: step, Bytes: n})
	}
}

// end tells that a file is done with.
func (c *counter) end(f *File, s Status) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.set(f, f.Bytes)
	c.done++
	c.tell(Event{File: f, Step: string(s), Ended: true, Bytes: f.Bytes})
}

func (c *counter) set(f *File, n int64) {
	c.sum += n - c.bytes[f]
	c.bytes[f] = n
}

func (c *counter) tell(e Event) {
	if c.p.Progress == nil {
		return
	}
	e.Done, e.Total, e.Share = c.done, c.files, float64(c.sum)/float64(max(c.total, 1))
	c.p.Progress(e)
}

// Redacted returns a base address without a password, for messages.
func Redacted(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return strings.ToValidUTF8(base, "")
	}
	return u.Redacted()
}
