// Package sharedtest finds the test data that several licences forbid to keep
// in the repository: real images and other programs' results. They lie in a
// folder "shared" beside the repository, or where PHASL_SHARED points. A clone
// has no such folder, and tests that need it skip.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Path returns the path of a file or folder of the shared data, given by its
// parts. It skips the test if the data are not there.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	root := os.Getenv("PHASL_SHARED")
	if root == "" {
		root = filepath.Join(moduleRoot(tb), "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skip("shared data not found; set PHASL_SHARED")
	}
	return path
}

// moduleRoot returns the folder of go.mod, at or above the folder of the
// running test.
func moduleRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("sharedtest: no go.mod above the test's folder")
		}
		dir = up
	}
}
