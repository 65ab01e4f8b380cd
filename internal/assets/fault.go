package assets

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"phasl/diag"
)

// A fault is why a file was not fetched: what happened and what to do.
type fault struct {
	found, fix string
	err        error
	again      bool          // trying again may help
	wait       time.Duration // the server asks to wait this long first; 0: it does not say
	host       bool          // the host cannot be reached: other files fail alike
}

func (f *fault) Error() string { return f.found }
func (f *fault) Unwrap() error { return f.err }

var errStalled = errors.New("no bytes came for too long")

// A redirectError refuses to follow a redirection.
type redirectError struct{ to, why string }

func (e *redirectError) Error() string { return "redirection to " + e.to + ": " + e.why }

// maxRedirects is how many redirections within the host are followed.
const maxRedirects = 5

// checkRedirect follows redirections within the host and refuses the others.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return &redirectError{req.URL.Redacted(), fmt.Sprintf("more than %d in a row", maxRedirects)}
	case !strings.EqualFold(req.URL.Hostname(), from.Hostname()):
		return &redirectError{req.URL.Redacted(), "that is another host"}
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return &redirectError{req.URL.Redacted(), "that is not encrypted"}
	}
	return nil
}

// ofRequest explains an error of sending a request or reading its answer.
// ctx is the user's; stall how long an answer may take.
func ofRequest(ctx context.Context, cause error, host string, stall time.Duration, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(cause, errStalled) {
		return &fault{found: fmt.Sprintf("%s sent nothing for %v", host, stall), fix: "try again; what came is kept. --timeout waits longer", err: errStalled, again: true}
	}
	if r, ok := errors.AsType[*redirectError](err); ok {
		return &fault{found: fmt.Sprintf("%s sends the request on to %s, and %s", host, r.to, r.why),
			fix: "if that is the login page of your network, log in there; if it is a mirror, name it: --base-url", err: err}
	}
	if t, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &fault{found: fmt.Sprintf("the certificate of %s is not trusted: %v", host, t.Err),
			fix: "a network that inspects encrypted traffic needs its own certificate here: SSL_CERT_FILE=FILE; or use another network", err: err, host: true}
	}
	if d, ok := errors.AsType[*net.DNSError](err); ok {
		return &fault{found: fmt.Sprintf("%s is not found: %s", d.Name, d.Err),
			fix: "check the network, and the proxy (HTTPS_PROXY) if there is one; files that are there need none", err: err, host: true, again: !d.IsNotFound}
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return &fault{found: fmt.Sprintf("%s cannot be reached: %v", host, err),
			fix: "check the network, and the proxy (HTTPS_PROXY) if there is one; files that are there need none", err: err, host: true, again: true}
	}
	return &fault{found: fmt.Sprintf("the connection to %s broke: %v", host, err), fix: "try again; what came is kept", err: err, again: true}
}

// maxWait is the longest that a server's wish to wait is heeded.
const maxWait = 30 * time.Second

// ofStatus explains an answer that is not the file.
func ofStatus(r *http.Response, address string) error {
	f := &fault{found: fmt.Sprintf("%s answers %s", address, diag.Printable(r.Status))}
	switch r.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		f.fix = "the file has been taken away there: give a mirror (--base-url), or the file from elsewhere; phasl assets verify tells if it is the same"
	case http.StatusProxyAuthRequired:
		f.fix = "give the proxy's user and password: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
	case http.StatusUnauthorized, http.StatusForbidden:
		f.fix = "the server or a proxy refuses: try another network or a mirror (--base-url)"
	case http.StatusTooManyRequests, http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again = true
		f.fix = "try again later; what came is kept"
		if s, err := time.ParseDuration(r.Header.Get("Retry-After") + "s"); err == nil && s > 0 {
			f.wait = min(s, maxWait)
		}
	default:
		f.fix = "try again later, or give a mirror (--base-url)"
	}
	return f
}

// ofBytes explains bytes that are not the file's. head is how they begin.
func ofBytes(address, found string, head []byte) *fault {
	switch {
	case isPage(head):
		return &fault{found: "a web page came in place of the file from " + address, fix: "log in to your network or its proxy with a browser, then try again"}
	case strings.HasPrefix(string(head), "version https://git-lfs"):
		return &fault{found: "a pointer of Git LFS came in place of the file from " + address, fix: "give a mirror that holds the file itself (--base-url)"}
	}
	return &fault{found: found + " from " + address, fix: "the file there is not the one this version of phasl knows: try again, or give a mirror (--base-url)"}
}

// isPage reports whether the bytes begin like a web page.
func isPage(head []byte) bool {
	s := strings.ToLower(strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n"))
	for strings.HasPrefix(s, "<!--") {
		_, rest, ok := strings.Cut(s, "-->")
		if !ok {
			return true
		}
		s = strings.TrimLeft(rest, " \t\r\n")
	}
	for _, tag := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<title"} {
		if strings.HasPrefix(s, tag) {
			return true
		}
	}
	return false
}

// ofDisk explains an error of making or writing a file.
func ofDisk(f *File, dir string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errStuck):
		return &fault{found: "another phasl has been fetching it into the same folder and gets nowhere", fix: "stop that one, then try again", err: err}
	case diskFull(err):
		return &fault{found: fmt.Sprintf("there is no room for it (%s) in %s", size(f.Bytes), dir), fix: "make room, or choose another folder (--dir); what came is kept", err: err}
	case errors.Is(err, fs.ErrPermission):
		return &fault{found: fmt.Sprintf("%s may not be written: %v", dir, err), fix: "choose a folder of your own: --dir", err: err}
	}
	return &fault{found: fmt.Sprintf("%s cannot be written: %v", dir, err), fix: "look at the folder, or choose another: --dir", err: err}
}

// size writes a number of bytes for a person.
func size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1_000_000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
