package crossover_test

import (
	"path/filepath"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/crossover/crossovertest"
	"phasl/diag"
)

// problems are those of a plan and a dataset as a command meets them.
func problems(t *testing.T, c crossovertest.Case) diag.List {
	t.Helper()
	p, l := crossover.ParsePlan(crossovertest.PlanFile, []byte(c.Plan))
	if l.Err() != nil {
		return l // and there is no need of a dataset
	}
	dir := t.TempDir()
	if err := c.Write(dir, filepath.Join(t.TempDir(), "plan.toml")); err != nil {
		t.Fatal(err)
	}
	ds, dl := bids.Open(dir)
	if ds == nil {
		return dl
	}
	_, tl := crossover.NewTrial(p, ds, nil)
	return append(append(l, dl...), tl...)
}

// Every broken plan and table is named as an error, with file, field, what was
// found and what to do.
func TestBrokenTrialsAreNamed(t *testing.T) {
	cases := crossovertest.Broken()
	if len(cases) < 50 {
		t.Fatalf("%d broken trials, want at least 50", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.Name] {
			t.Errorf("two cases are called %q", c.Name)
		}
		seen[c.Name] = true
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			l := problems(t, c)
			for _, p := range l {
				if p.Severity == diag.Error && (p.File == c.File || c.File == "." && filepath.IsAbs(p.File)) && (c.Field == "" || p.Field == c.Field) &&
					strings.Contains(p.Found, c.Found) && strings.Contains(p.Fix, c.Fix) {
					if p.Fix == "" {
						t.Errorf("no fix: %v", p)
					}
					return
				}
			}
			t.Errorf("no error in %s, %s, that says %q with a fix %q; found", c.File, c.Field, c.Found, c.Fix)
			for _, p := range l {
				t.Errorf("  %s: %v\n    fix: %s", p.Severity, p, p.Fix)
			}
		})
	}
}
