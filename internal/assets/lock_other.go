//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package assets

import (
	"os"
	"strings"
)

// lock says that there are no locks: each process then fetches into a file of
// its own, which a later one cannot carry on.
func lock(*os.File) error { return errNoLocks }

// diskFull reports whether the cause is that there is no room.
func diskFull(err error) bool {
	return strings.Contains(err.Error(), "not enough space on the disk")
}
