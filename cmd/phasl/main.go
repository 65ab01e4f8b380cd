// Command phasl turns raw arterial spin labelling scans into maps of cerebral
// blood flow, regional tables and a report. Run "phasl --help".
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"phasl/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
