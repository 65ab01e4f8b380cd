package cli_test

import (
	"bytes"
	"strings"
	"testing"

	"phasl/bids/bidstest"
	"phasl/internal/cli"
)

// Every broken dataset is answered by exit code 3, with the file that is at
// fault named and something to do about it.
func TestValidateNamesEveryFault(t *testing.T) {
	cases := bidstest.Broken()
	if len(cases) < 60 {
		t.Fatalf("%d broken datasets, want at least 60", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.Write(dir); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := cli.Run(t.Context(), []string{"validate", dir}, &out, &errs); code != cli.ExitInput {
				t.Errorf("exit code %d, want %d; printed\n%s%s", code, cli.ExitInput, &out, &errs)
			}
			if !strings.Contains(errs.String(), c.File) || !strings.Contains(errs.String(), c.Found) || !strings.Contains(errs.String(), "fix: ") {
				t.Errorf("fault in %s (%q) is not named with a fix:\n%s", c.File, c.Found, &errs)
			}
		})
	}
}
