//go:build !unix

package atomicfile

import "os"

const umask os.FileMode = 0o022
