package cli_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"phasl/internal/cli"
)

// asInterruptible is the environment variable that makes the test binary be
// phasl as main makes it, which an interrupt stops.
const asInterruptible = "PHASL_TEST_INTERRUPTIBLE"

func init() {
	if os.Getenv(asInterruptible) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		os.Exit(cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr))
	}
}

// serverKey is where a script keeps its server.
type serverKey struct{}

// TestAssetScripts runs the scripts in testdata/assets. Their commands beside
// "exits CODE PROGRAM ARGS…" are "server MANIFEST", which starts a server of a
// few files, writes their manifest and sets PHASL_ASSETS_URL; "server stop";
// and "interrupted PROGRAM ARGS…", which sends an interrupt once the server
// has begun to answer and expects exit code 130.
func TestAssetScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/assets",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Values[serverKey{}] = new(*assetServer)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"server": func(ts *testscript.TestScript, neg bool, args []string) {
				at := ts.Value(serverKey{}).(**assetServer)
				if args[0] == "stop" {
					(*at).Close()
					return
				}
				s := newAssetServer()
				*at = s
				ts.Defer(s.Close)
				ts.Setenv("PHASL_ASSETS_URL", s.URL)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(s.manifest()), 0o666))
			},
			"interrupted": func(ts *testscript.TestScript, neg bool, args []string) {
				s := *ts.Value(serverKey{}).(**assetServer)
				c := exec.Command(os.Args[0], args[1:]...)
				c.Dir = ts.MkAbs(".")
				c.Env = append(os.Environ(), asInterruptible+"=1", "PHASL_ASSETS_URL="+s.URL)
				ts.Check(c.Start())
				select {
				case <-s.begun:
				case <-time.After(30 * time.Second):
					c.Process.Kill()
					ts.Fatalf("nothing was asked for")
				}
				time.Sleep(100 * time.Millisecond) // let the bytes arrive
				ts.Check(c.Process.Signal(syscall.SIGINT))
				err := c.Wait()
				if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 130 {
					ts.Fatalf("%v, want exit code 130", err)
				}
			},
		},
	})
}

// An assetServer serves a template, two receptor maps, one file that is gone
// (404), one that a proxy replaces by a page, and one that stops midway the
// first time.
type assetServer struct {
	*httptest.Server
	begun chan struct{} // closed once the file that stops midway has begun
}

var assetNames = []string{"head", "mu", "kappa", "gone", "page", "slow"}

func assetBytes(name string) []byte { return []byte(strings.Repeat(name+" ", 5000)) }

func newAssetServer() *assetServer {
	s := &assetServer{begun: make(chan struct{})}
	first := true
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimSuffix(path.Base(r.URL.Path), ".nii")
		b := assetBytes(name)
		switch {
		case name == "gone":
			http.NotFound(w, r)
		case name == "page":
			fmt.Fprint(w, "<html>Guest network: please log in</html>")
		case name == "slow" && first: // asked for once at a time
			first = false
			w.Header().Set("Content-Length", strconv.Itoa(len(b)))
			w.Write(b[:10_000])
			w.(http.Flusher).Flush()
			close(s.begun)
			<-r.Context().Done()
		default:
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(b)))
		}
	}))
	return s
}

// manifest lists the files of the server.
func (s *assetServer) manifest() string {
	var b strings.Builder
	text := func(s string) string {
		j, _ := json.Marshal(s)
		return string(j)
	}
	for _, l := range [][2]string{{"FREE", "do as you like"}, {"NC-1", "non-commercial use only"}} {
		fmt.Fprintf(&b, "[[licence]]\nid = %q\nname = \"Licence %s\"\nurl = \"https://example.org/%s\"\nterms = %q\n\n", l[0], l[0], l[0], l[1])
	}
	fmt.Fprint(&b, "[[set]]\nname = \"study\"\ntitle = \"what the study needs\"\nfiles = [\"head\", \"mu\", \"kappa\"]\n\n")
	for _, name := range assetNames {
		c := assetBytes(name)
		kind, more, dir, licence := "template", "", "templates", "FREE"
		if target := map[string]string{"mu": "MOR", "kappa": "KOR"}[name]; target != "" {
			kind, dir, licence = "receptor", "receptors", "NC-1"
			more = fmt.Sprintf("target = %q\ntracer = \"[11C]x\"\nn = 7\nnote = \"noisy\"\n", target)
		}
		fmt.Fprintf(&b, "[[file]]\nname = %q\nkind = %q\ntitle = \"file %s\"\n%srepository = \"o/r\"\nrevision = %q\npath = \"d/%s.nii\"\nfile = \"%s/%s.nii\"\nbytes = %d\nsha256 = \"%x\"\nlicences = [%s]\ncitation = \"A. Uthor 2020\"\n\n",
			name, kind, name, more, strings.Repeat("1", 40), name, dir, name, len(c), sha256.Sum256(c), text(licence))
	}
	return b.String()
}
