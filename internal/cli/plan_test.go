package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/crossover/crossovertest"
	"phasl/internal/cli"
)

// Every broken plan and table is answered by exit code 3, with the file at
// fault named and something to do about it, and no plan is changed.
func TestPlanCheckNamesEveryFault(t *testing.T) {
	for _, c := range crossovertest.Broken() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			dir, plan := t.TempDir(), filepath.Join(t.TempDir(), crossovertest.PlanFile)
			if err := c.Write(dir, plan); err != nil {
				t.Fatal(err)
			}
			var out, errs bytes.Buffer
			if code := cli.Run(t.Context(), []string{"plan", "check", plan, dir}, &out, &errs); code != cli.ExitInput {
				t.Errorf("exit code %d, want %d; printed\n%s%s", code, cli.ExitInput, &out, &errs)
			}
			if !strings.Contains(errs.String(), c.File) || !strings.Contains(errs.String(), c.Found) || !strings.Contains(errs.String(), "fix: ") {
				t.Errorf("fault in %s (%q) is not named with a fix:\n%s", c.File, c.Found, &errs)
			}
			if text, err := os.ReadFile(plan); err != nil || string(text) != c.Plan {
				t.Errorf("the plan was changed: %v", err)
			}
		})
	}
}
