//go:build unix

package atomicfile

import (
	"os"
	"syscall"
)

// umask is read once, at start-up, because reading it means setting it for a
// moment, which is not safe while other goroutines make files.
var umask = func() os.FileMode {
	m := syscall.Umask(0)
	syscall.Umask(m)
	return os.FileMode(m)
}()
