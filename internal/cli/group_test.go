package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"phasl/crossover/crossovertest"
	"phasl/internal/cli"
)

// Every broken plan and table, and every fault of the results, is answered by
// exit code 3, with the file at fault named and something to do about it, and
// leaves the output folder as it was.
func TestGroupNamesEveryFault(t *testing.T) {
	cases := crossovertest.Broken()
	if len(cases) < 50 {
		t.Fatalf("%d broken trials, want at least 50", len(cases))
	}
	root := t.TempDir()
	results := filepath.Join(root, "results")
	if err := crossovertest.WriteRegions(results); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, dir, out, plan, file, found string) {
		t.Helper()
		before := files(t, out)
		var stdout, stderr bytes.Buffer
		if code := cli.Run(t.Context(), []string{"run", dir, out, "group", "--plan", plan}, &stdout, &stderr); code != cli.ExitInput {
			t.Errorf("exit code %d, want %d; printed\n%s%s", code, cli.ExitInput, &stdout, &stderr)
		}
		if file == crossovertest.PlanFile {
			file = plan
		}
		if !strings.Contains(stderr.String(), file) || !strings.Contains(stderr.String(), found) || !strings.Contains(stderr.String(), "fix: ") {
			t.Errorf("fault in %s (%q) is not named with a fix:\n%s", file, found, &stderr)
		}
		after := files(t, out)
		for name, b := range after {
			if !bytes.Equal(before[name], b) {
				t.Errorf("%s was written", name)
			}
		}
		if len(after) != len(before) {
			t.Errorf("%d files in the output folder, %d before", len(after), len(before))
		}
	}
	for _, c := range cases {
		switch c.Name {
		case "no ASL scans": // the group level needs no images
			continue
		case "row for a file that is not there": // nor does it miss that one: it is a third scan of the visit
			c.File, c.Found = "run-9_asl.nii.gz", "are both the infusion scan"
		}
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			plan := filepath.Join(dir, "plan.toml")
			if err := c.Write(filepath.Join(dir, "ds"), plan); err != nil {
				t.Fatal(err)
			}
			check(t, filepath.Join(dir, "ds"), results, plan, c.File, c.Found)
		})
	}

	sound := filepath.Join(root, "ds")
	plan := filepath.Join(root, "sound.toml")
	if err := crossovertest.Base().Write(sound); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(plan, []byte(crossovertest.Plan), 0o666); err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(filepath.Join(results, "regions.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(table), "\n")
	var kept, none strings.Builder
	for _, l := range lines {
		if !strings.HasPrefix(l, "sub-03\t") {
			kept.WriteString(l)
		}
		cells := strings.Split(l, "\t")
		if len(cells) > 7 && cells[5] == "sgACC" {
			cells[7] = "n/a"
		}
		none.WriteString(strings.Join(cells, "\t"))
	}
	for _, c := range []struct{ name, table, file, found string }{
		{"no results", "", "results-", "neither a regions.tsv nor a CBF map"},
		{"results of one person gone", kept.String(), "regions.tsv", "there are no results of sub-03/"},
		{"a primary region without any value", none.String(), "sgACC", "sgACC"},
		{"a region called otherwise", strings.ReplaceAll(string(table), "sgACC", "sg"), "sgACC", "sgACC"},
		{"no global CBF", strings.ReplaceAll(string(table), "global_gm", "whole"), "global_gm", "global_gm"},
		{"a value that is no number", strings.Replace(string(table), "\tcbf\t", "\tcbf\tx", 1), "value", "is no number"},
		{"a row twice", string(table) + lines[1], "region", "stands twice"},
		{"a column gone", strings.Replace(string(table), "measure", "what", 1), "measure", "there is no such column"},
		{"an empty table", lines[0], "regions.tsv", "no CBF value"},
		{"no table at all", "\x00\x01", "regions.tsv", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "results-")
			if err := os.MkdirAll(out, 0o777); err != nil {
				t.Fatal(err)
			}
			if c.table != "" {
				if err := os.WriteFile(filepath.Join(out, "regions.tsv"), []byte(c.table), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			check(t, sound, out, plan, c.file, c.found)
		})
	}

	t.Run("several at once", func(t *testing.T) {
		bad := filepath.Join(t.TempDir(), "bad.toml")
		text := strings.Replace(crossovertest.Plan, "margin = 50", "margin = -1\nmargn = 3", 1)
		if err := os.WriteFile(bad, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "results")
		if err := os.MkdirAll(out, 0o777); err != nil {
			t.Fatal(err)
		}
		check(t, sound, out, bad, crossovertest.PlanFile, "margn")
		check(t, sound, out, bad, crossovertest.PlanFile, "neither a regions.tsv")
	})
}

// The group level killed at any moment and run again ends in the same bytes.
func TestGroupKilledAndRunAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the group level several times")
	}
	dir := t.TempDir()
	raw := filepath.Join(dir, "raw")
	if err := crossovertest.Base().Write(raw); err != nil {
		t.Fatal(err)
	}
	command := func(out string) *exec.Cmd {
		c := exec.Command(os.Args[0], "run", raw, out, "group")
		c.Env = append(os.Environ(), runAsPhasl+"=1")
		return c
	}
	clean, disturbed := filepath.Join(dir, "clean"), filepath.Join(dir, "disturbed")
	for _, out := range []string{clean, disturbed} {
		if err := crossovertest.WriteRegions(out); err != nil {
			t.Fatal(err)
		}
	}
	sameAfterKills(t, command, clean, disturbed, 4, 0.3)
}
