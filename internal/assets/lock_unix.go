//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package assets

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the lock of an open file, which ends with the file's being closed
// and so with the process, however it ends. It returns errHeld if another has
// it, and errNoLocks if the file system has none.
func lock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errHeld
		default:
			return errNoLocks
		}
	}
}

// diskFull reports whether the cause is that there is no room.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
