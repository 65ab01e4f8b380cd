package cli_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"phasl/bids/bidstest"
	"phasl/crossover/crossovertest"
	"phasl/internal/cli"
)

// runAsPhasl is the environment variable that makes the test binary be phasl.
const runAsPhasl = "PHASL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsPhasl) != "" {
		os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){
		"phasl": func() { os.Exit(cli.Run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// TestScript runs the scripts in testdata/script. They have three commands
// of their own: "exits CODE PROGRAM ARGS…", and "dataset DIR", which writes a
// sound BIDS dataset of a few voxels; "trial DIR [RESULTS]" writes a sound
// crossover trial of eight people and its participant-level results.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"dataset": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Check(bidstest.Base().Write(ts.MkAbs(args[0])))
			},
			"trial": func(ts *testscript.TestScript, neg bool, args []string) {
				ts.Check(crossovertest.Base().Write(ts.MkAbs(args[0])))
				if len(args) > 1 {
					ts.Check(crossovertest.WriteRegions(ts.MkAbs(args[1])))
				}
			},
		},
	})
}

// exits runs a program and fails unless it ends with the code: "exits CODE
// PROGRAM ARGS…".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
