package assets

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"phasl/diag"
)

// A fetch is one file on its way into its part.
type fetch struct {
	*Puller
	file    *File
	address string
	shown   string // the address without a password
	host    string
	part    *part
	sum     hash.Hash
	n       int64 // bytes in the part and in sum
	mixed   bool  // the bytes are of more than one answer
	whole   bool  // ask for the whole file: the server serves no ranges of it
	got     func(n int64)
}

// Attempts are bounded, whatever a server does. Where the host does not answer
// at all, fewer are enough to say so.
const (
	maxAttempts     = 5
	maxHostAttempts = 3
)

// fill brings the part to the whole file and checks its hash. It begins with
// what is in the part. The part is emptied if its bytes are not the file's; it
// is left for a later run if they may be. The error is a *fault or ctx's.
func (t *fetch) fill(ctx context.Context) error {
	if err := t.carryOn(ctx); err != nil {
		return err
	}
	restarted := false
	for attempt := 1; ; attempt++ {
		err := t.complete(ctx)
		if err == nil {
			return nil
		}
		f, ok := err.(*fault)
		if !ok {
			return err
		}
		if f.err == errWrongSum && t.mixed && !restarted { // the parts may be of two versions: once more, from the start
			restarted = true
			continue
		}
		limit := maxAttempts
		if f.host {
			limit = maxHostAttempts
		}
		if !f.again || attempt >= limit {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(max(f.wait, t.pause(attempt))):
		}
	}
}

// carryOn takes over what an earlier process left in the part.
func (t *fetch) carryOn(ctx context.Context) error {
	info, err := t.part.Stat()
	if err != nil {
		return t.ofDisk(err)
	}
	if info.Size() > t.file.Bytes {
		return t.empty()
	}
	n, err := io.Copy(t.sum, ctxReader{ctx, io.NewSectionReader(t.part, 0, info.Size())})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return t.empty()
	}
	t.n, t.mixed = n, n > 0
	return nil
}

// empty begins the part anew.
func (t *fetch) empty() error {
	t.n, t.mixed = 0, false
	t.sum.Reset()
	return t.ofDisk(t.part.Truncate(0))
}

func (t *fetch) ofDisk(err error) error { return ofDisk(t.file, t.Dir, err) }

var errWrongSum = fmt.Errorf("the SHA-256 differs")

// complete makes one request for what is missing, if anything is, and checks
// the hash.
func (t *fetch) complete(ctx context.Context) error {
	if t.n < t.file.Bytes {
		if err := t.request(ctx); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(t.sum.Sum(nil)); got != t.file.SHA256 {
		head := t.head()
		mixed := t.mixed
		if err := t.empty(); err != nil {
			return err
		}
		t.mixed = mixed
		f := ofBytes(t.shown, fmt.Sprintf("other bytes came (SHA-256 %s… in place of %s…)", got[:12], t.file.SHA256[:12]), head)
		f.err = errWrongSum
		return f
	}
	return nil
}

// head returns how the part begins.
func (t *fetch) head() []byte {
	b := make([]byte, 512)
	n, _ := t.part.ReadAt(b, 0)
	return b[:n]
}

// request asks for the bytes from t.n on and appends what comes to the part.
func (t *fetch) request(ctx context.Context) error {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := time.AfterFunc(t.stall(), func() { cancel(errStalled) })
	defer stall.Stop()
	if t.whole && t.n > 0 {
		if err := t.empty(); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(own, http.MethodGet, t.address, nil)
	if err != nil {
		return &fault{found: t.shown + " is no address", fix: "correct --base-url", err: err}
	}
	req.Header.Set("User-Agent", "phasl")
	req.Header.Set("Accept-Encoding", "identity") // the hash is of the bytes as published
	if t.n > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.n))
	}
	resp, err := t.client.Do(req)
	if err != nil {
		err = ofRequest(ctx, context.Cause(own), t.host, t.stall(), err)
		if f, ok := err.(*fault); ok && f.err == errStalled {
			f.host = true
		}
		return err
	}
	defer resp.Body.Close()
	start := t.n
	switch resp.StatusCode {
	case http.StatusOK: // all of it, whatever was asked for
		start = 0
	case http.StatusPartialContent:
		if err := t.sameRange(resp.Header.Get("Content-Range")); err != nil {
			return err
		}
	case http.StatusRequestedRangeNotSatisfiable:
		t.whole = true
		return &fault{found: fmt.Sprintf("%s answers %s", t.shown, diag.Printable(resp.Status)), fix: "try again", again: t.n > 0}
	default:
		return ofStatus(resp, t.shown)
	}
	body := bufio.NewReaderSize(resp.Body, 64<<10)
	var head []byte
	if start == 0 {
		head, _ = body.Peek(512)
	}
	wrong := resp.ContentLength >= 0 && start+resp.ContentLength != t.file.Bytes
	if wrong || isPage(head) && !strings.HasPrefix(path.Ext(t.file.Path), ".htm") {
		return ofBytes(t.shown, fmt.Sprintf("a file of %d bytes came in place of one of %d", start+resp.ContentLength, t.file.Bytes), head)
	}
	if start < t.n { // only now, as what is there is worth more than a wrong answer
		if err := t.empty(); err != nil {
			return err
		}
	}
	return t.receive(ctx, own, stall, body)
}

// sameRange checks that the range that came begins where the part ends.
func (t *fetch) sameRange(h string) error {
	var from, to, total int64
	total = t.file.Bytes
	_, err := fmt.Sscanf(h, "bytes %d-%d/%d", &from, &to, &total)
	if err != nil { // the total may be unknown: "*"
		total = t.file.Bytes
		_, err = fmt.Sscanf(h, "bytes %d-%d/*", &from, &to)
	}
	if err != nil || from != t.n || total != t.file.Bytes {
		t.whole = true
		return &fault{found: fmt.Sprintf("%s sent another range than asked for (%q)", t.shown, h), fix: "try again", again: true}
	}
	t.mixed = t.n > 0
	return nil
}

// receive appends a body to the part.
func (t *fetch) receive(ctx, own context.Context, stall *time.Timer, body io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			stall.Reset(t.stall())
			if t.n+int64(n) > t.file.Bytes {
				head := t.head()
				if err := t.empty(); err != nil {
					return err
				}
				return ofBytes(t.shown, fmt.Sprintf("more than the %s of the file came", size(t.file.Bytes)), head)
			}
			if _, err := t.part.WriteAt(buf[:n], t.n); err != nil {
				return t.ofDisk(err)
			}
			t.sum.Write(buf[:n])
			t.n += int64(n)
			t.got(t.n)
		}
		switch {
		case err == io.EOF && t.n == t.file.Bytes:
			return nil
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return &fault{found: fmt.Sprintf("the connection to %s was cut after %s of %s", t.host, size(t.n), size(t.file.Bytes)), fix: "try again; what came is kept", err: io.ErrUnexpectedEOF, again: true}
		case err != nil:
			return ofRequest(ctx, context.Cause(own), t.host, t.stall(), err)
		}
	}
}
