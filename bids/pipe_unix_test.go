//go:build unix

package bids_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"phasl/bids/bidstest"
	"phasl/diag"
)

// Opening a pipe waits for a writer that never comes; a pipe must be named
// instead.
func TestPipe(t *testing.T) {
	d := bidstest.Base()
	d.Remove(asl1, "participants.tsv")
	dir := t.TempDir()
	if err := d.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{asl1, "participants.tsv", ".bidsignore"} {
		if err := syscall.Mkfifo(filepath.Join(dir, filepath.FromSlash(p)), 0o600); err != nil {
			t.Skip("no pipes here:", err)
		}
	}
	l := validate(t, dir)
	for _, p := range []string{asl1, "participants.tsv", ".bidsignore"} {
		if !mentions(l, diag.Error, p, "a pipe") {
			t.Errorf("%s: %v", p, l)
		}
	}
}
