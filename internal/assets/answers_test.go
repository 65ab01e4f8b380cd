package assets

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is not the file is refused with its reason, and is not kept.
func TestWrongAnswers(t *testing.T) {
	b := content(11, 30_000)
	const page = "\n<!-- proxy --><!DOCTYPE html><html><title>Guest network</title></html>"
	write := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	stream := func(body string) func(http.ResponseWriter, *http.Request) { // of a length not told
		return func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			w.Write([]byte(body))
		}
	}
	for _, tt := range []struct {
		name, reason string
		requests     int
		answer       func(w http.ResponseWriter, r *http.Request)
	}{
		{"other bytes", "other bytes came (SHA-256 ", 1, write(200, string(content(12, 30_000)))},
		{"not there", "answers 404", 1, write(404, "no")},
		{"gone", "answers 410", 1, write(410, "no")},
		{"forbidden", "answers 403", 1, write(403, page)},
		{"proxy", "answers 407", 1, write(407, page)},
		{"teapot", "answers 418", 1, write(418, "")},
		{"no content", "answers 204", 1, write(204, "")},
		{"broken", "answers 500", maxAttempts, write(500, "")},
		{"page", "a web page came in place of the file", 1, write(200, page)},
		{"page, streamed", "a web page came in place of the file", 1, stream(page)},
		{"page of the right length", "a web page came in place of the file", 1, write(200, page+strings.Repeat(" ", 30_000-len(page)))},
		{"pointer", "a pointer of Git LFS", 1, write(200, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 30000\n")},
		{"longer", "a file of 30001 bytes came in place of one of 30000", 1, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "30001")
			w.Write(append(slices.Clone(b), 'x'))
		}},
		{"longer, streamed", "more than the 30 kB of the file came", 1, stream(string(b) + "x")},
		{"shorter", "a file of 10 bytes came in place of one of 30000", 1, write(200, "0123456789")},
		{"shorter, streamed", "was cut after 10 bytes of 30 kB", maxAttempts, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				stream("0123456789")(w, r)
				return
			}
			w.Header().Set("Content-Range", "bytes 10-29999/30000")
			w.WriteHeader(http.StatusPartialContent)
			w.(http.Flusher).Flush()
		}},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) { tt.answer(w, r) })
		p := puller(t.TempDir(), s.URL)
		f := asset("a", b)
		o := pull(t, p, f)
		t.Run(tt.name, func(t *testing.T) {
			failed(t, p, o, tt.reason)
			if n := len(s.requests("a")); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			if tt.requests == 1 {
				nothingElse(t, p, f)
			}
		})
	}
}

// A login page does not cost what has come already.
func TestPageKeepsThePart(t *testing.T) {
	b := content(13, 30_000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		switch k {
		case 0:
			cut(w, r, b, 20_000)
		case 1:
			w.Write([]byte("<html>log in</html>"))
		default:
			whole(w, r, b)
		}
	})
	p := puller(t.TempDir(), s.URL)
	f := asset("a", b)
	failed(t, p, pull(t, p, f), "a web page came")
	if o := pull(t, p, f); o.Status != Fetched || o.Resumed != 20_000 {
		t.Errorf("%s, %d bytes resumed", o.Status, o.Resumed)
	}
	holds(t, p, f, b)
}

func TestBusyServerIsWaitedFor(t *testing.T) {
	b := content(14, 1000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, k int) {
		if k == 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		whole(w, r, b)
	})
	p := puller(t.TempDir(), s.URL)
	start := time.Now()
	if o := pull(t, p, asset("a", b)); o.Status != Fetched {
		t.Fatal(o.Problem)
	}
	if d := time.Since(start); d < time.Second {
		t.Errorf("asked again after %v, though told to wait 1 s", d)
	}
}

func TestRedirects(t *testing.T) {
	b := content(15, 5000)
	other := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) { whole(w, r, b) })
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	for _, tt := range []struct{ name, to, reason string }{
		{"within the host", "/moved/a.nii", ""},
		{"to another host", elsewhere + "/a.nii", "sends the request on to " + elsewhere + "/a.nii, and that is another host"},
		{"in a circle", "a.nii", "more than 5 in a row"},
	} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
			if strings.HasPrefix(r.URL.Path, "/moved") {
				whole(w, r, b)
				return
			}
			http.Redirect(w, r, tt.to, http.StatusFound)
		})
		p := puller(t.TempDir(), s.URL)
		f := asset("a", b)
		o := pull(t, p, f)
		if tt.reason == "" {
			if o.Status != Fetched {
				t.Errorf("%s: %v", tt.name, o.Problem)
			}
			holds(t, p, f, b)
			continue
		}
		failed(t, p, o, tt.reason)
	}
	if n := len(other.requests("a")); n != 0 {
		t.Errorf("the other host was asked %d times", n)
	}
}

// From an encrypted connection to one that is not there is no way.
func TestRedirectFromEncrypted(t *testing.T) {
	at := func(s string) *http.Request {
		u, err := url.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return &http.Request{URL: u}
	}
	if err := checkRedirect(at("http://h/b"), []*http.Request{at("https://h/a")}); err == nil || !strings.Contains(err.Error(), "not encrypted") {
		t.Errorf("https to http: %v", err)
	}
	if err := checkRedirect(at("https://h/b"), []*http.Request{at("http://h/a")}); err != nil {
		t.Errorf("http to https: %v", err)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	p := puller(t.TempDir(), s.URL)
	failed(t, p, pull(t, p, asset("a", []byte("x"))), "the certificate of 127.0.0.1 is not trusted")
}

func TestSilentServer(t *testing.T) {
	b := content(16, 5000)
	release := make(chan struct{})
	defer close(release)
	for _, tt := range []struct {
		name string
		head bool // the answer begins before it stops
	}{{"no answer", false}, {"stops midway", true}} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
			if tt.head {
				w.Header().Set("Content-Length", "5000")
				w.Write(b[:1000])
				w.(http.Flusher).Flush()
			}
			select {
			case <-release:
			case <-r.Context().Done():
			}
		})
		p := puller(t.TempDir(), s.URL)
		p.Stall = 50 * time.Millisecond
		start := time.Now()
		failed(t, p, pull(t, p, asset("a", b)), "127.0.0.1 sent nothing for 50ms")
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: gave up after %v", tt.name, d)
		}
	}
}

// A slow server is not a silent one.
func TestSlowServer(t *testing.T) {
	b := content(17, 1000)
	s := serve(t, func(w http.ResponseWriter, r *http.Request, _ string, _ int) {
		for i := range 10 {
			time.Sleep(120 * time.Millisecond)
			w.Write(b[100*i : 100*(i+1)])
			w.(http.Flusher).Flush()
		}
	})
	p := puller(t.TempDir(), s.URL)
	p.Stall = time.Second // less than the whole takes
	if o := pull(t, p, asset("a", b)); o.Status != Fetched || len(s.requests("a")) != 1 {
		t.Error(o.Problem)
	}
}
