package cli_test

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"phasl/phantom"
	"phasl/voxel"
)

// Killed at a random moment (SIGKILL, so that nothing can be tidied up), the
// same command ends in the same bytes as one that was never disturbed.
func TestKilledAndRunAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("processes a small dataset several times")
	}
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	writeSmall(t, raw)
	command := func(out string) *exec.Cmd {
		c := exec.Command(os.Args[0], "run", raw, out, "participant")
		c.Env = append(os.Environ(), runAsPhasl+"=1")
		return c
	}
	sameAfterKills(t, command, filepath.Join(dir, "clean"), filepath.Join(dir, "disturbed"), 3, 0)
}

// sameAfterKills runs the command for one folder undisturbed. For the other it
// kills it the given number of times, each at a random moment not before the
// share from of the time a whole run takes, and lets it end; both folders must
// hold the same files.
func sameAfterKills(t *testing.T, command func(out string) *exec.Cmd, clean, disturbed string, times int, from float64) {
	t.Helper()
	start := time.Now()
	if b, err := command(clean).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	whole := time.Since(start)
	r := rand.New(rand.NewPCG(uint64(start.UnixNano()), 0)) // another moment every time
	for range times {
		c := command(disturbed)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration((from + (1-from)*r.Float64()) * float64(whole)))
		c.Process.Kill()
		c.Wait()
	}
	if b, err := command(disturbed).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	want, got := files(t, clean), files(t, disturbed)
	for name, b := range want {
		if !bytes.Equal(got[name], b) {
			t.Errorf("%s differs or is missing", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s was left behind", name)
		}
	}
}

// writeSmall writes a dataset of two people that takes seconds to process.
func writeSmall(t *testing.T, dir string) {
	t.Helper()
	d := &phantom.Dataset{Name: "small"}
	for _, label := range []string{"01", "02"} {
		p := phantom.EPI2D()
		p.Grid = p.Grid.WithSpacing(voxel.Vec{6, 6, 6})
		brain := phantom.Subject{}.Brain()
		maps := brain.Maps(phantom.HeadGrid(4), p.Constants, phantom.Physiology{}, 0)
		d.Participants = append(d.Participants, phantom.Participant{Label: label, Sessions: []phantom.Session{{
			Scans: []phantom.Scan{{Acquisition: phantom.Simulate(maps, p, phantom.Options{Seed: 1, SNR: p.SNR, Samples: 1})}}}}})
	}
	if err := phantom.WriteBIDS(dir, d, 0); err != nil {
		t.Fatal(err)
	}
}

// files returns the content of every file below dir.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		out[rel], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
