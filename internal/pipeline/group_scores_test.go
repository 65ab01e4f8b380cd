package pipeline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phasl/bids"
	"phasl/crossover"
	"phasl/diag"
	"phasl/phantom"
)

const symptomPlanText = `[trial]
challenge = "ketamine"
[associations]
permutations = 199
bootstrap = 0
[[association]]
region = "pgACC"
measure = "relative"
phase = "infusion"
adjust = ["baseline"]
instrument = "psi"
score = "delusional"
`

// symptomTrial is a simulated trial with questionnaires and a plan that asks
// for one association with the PSI.
func symptomTrial(t *testing.T, subjects int) (GroupConfig, *phantom.Trial) {
	t.Helper()
	c, trial := regionTrial(t, phantom.TrialOptions{Subjects: subjects, Seed: 4}, "global_gm", "pgACC", "sgACC")
	c.Plan = filepath.Join(t.TempDir(), "plan.toml")
	if err := os.WriteFile(c.Plan, []byte(symptomPlanText), 0o666); err != nil {
		t.Fatal(err)
	}
	return c, trial
}

// The association of tables on disk is that of the trial's own values and
// ratings, and the tables hold what results.json has.
func TestGroupAssociations(t *testing.T) {
	c, trial := symptomTrial(t, 10)
	r := runGroup(t, c)
	plan, _ := readPlan(c.Plan)
	want, l := crossover.Associate(plan, trial.Crossover(), trial.Values("global_gm", "pgACC", "sgACC"), trial.Ratings(), 1)
	if len(l) > 0 || r.Associations == nil || len(r.Associations.List) != 1 {
		t.Fatalf("%v, %+v", l, r.Associations)
	}
	got := r.Associations.List[0]
	for k, w := range want.List[0].By {
		g := got.By[k]
		if g.N != w.N || fmt.Sprintf("%.6f %.6f %.6f", g.R, g.PPermutation, g.PAdjusted) != fmt.Sprintf("%.6f %.6f %.6f", w.R, w.PPermutation, w.PAdjusted) {
			t.Errorf("under %s %+v, want %+v", w.Treatment, g, w)
		}
	}
	if got.Sentence != want.List[0].Sentence {
		t.Errorf("sentence %q, want %q", got.Sentence, want.List[0].Sentence)
	}
	if len(r.Scored) != 4 || len(r.Scores) == 0 {
		t.Errorf("%d tables scored, %d courses", len(r.Scored), len(r.Scores))
	}
	rows := 0
	for _, s := range r.Scored {
		rows += s.Rows
	}
	scores, l := bids.ReadTable(filepath.Join(c.OutDir, "scores.tsv"))
	if len(l) > 0 || len(scores.Rows) < rows {
		t.Errorf("scores.tsv: %v, %d rows of %d", l, len(scores.Rows), rows)
	}
	for i := range scores.Rows {
		if v, ok := scores.Cell(i, "treatment"); !ok || v == "" {
			t.Errorf("row %d of scores.tsv has no treatment", i+1)
			break
		}
	}
	table, l := bids.ReadTable(filepath.Join(c.OutDir, "associations.tsv"))
	if len(l) > 0 || len(table.Rows) != 5 { // two correlations, their difference, slopes, moderation
		t.Errorf("associations.tsv: %v, %d rows", l, len(table.Rows))
	}
	data, l := bids.ReadTable(filepath.Join(c.OutDir, "association_data.tsv"))
	if len(l) > 0 || len(data.Rows) != len(got.Data) {
		t.Errorf("association_data.tsv: %v, %d rows of %d", l, len(data.Rows), len(got.Data))
	}
}

// What questionnaires contradict or cannot be is named; it stops the analysis
// only where the plan uses the table.
func TestGroupNamesFaultyQuestionnaires(t *testing.T) {
	for _, tt := range []struct {
		name, file string
		edit       func(string) string
		severity   diag.Severity
		field      string
		found      string
	}{
		{"all sessions unknown", "psi.tsv", func(s string) string { return strings.ReplaceAll(s, "ses-", "ses-0") }, diag.Error, "session_id", "12 of 12 rows"},
		{"some sessions unknown", "psi.tsv", func(s string) string { return strings.ReplaceAll(s, "ses-2", "ses-02") }, diag.Warning, "session_id", "6 of 12 rows"},
		{"treatment contradicts", "psi.tsv", func(s string) string {
			return strings.ReplaceAll(strings.Replace(s, "visit", "visit\ttreatment", 1), "\tinfusion\t", "\tinfusion\tplacebo\t")
		}, diag.Error, "treatment", `says "placebo", the tables of the trial "naltrexone"`},
		{"period contradicts", "psi.tsv", func(s string) string {
			return strings.ReplaceAll(strings.Replace(s, "visit", "visit\tperiod", 1), "\tinfusion\t", "\tinfusion\t1\t")
		}, diag.Error, "period", `says "1", the tables of the trial "2"`},
		{"unknown sessions of a table that the plan does not use", "madrs.tsv", func(s string) string { return strings.ReplaceAll(s, "ses-", "ses-0") }, diag.Warning, "session_id", "belong to no treatment"},
		{"a visit that is not there", "psi.tsv", nil, diag.Error, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, _ := symptomTrial(t, 6)
			file := filepath.Join(c.BIDSDir, "phenotype", tt.file)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if tt.found == "" { // the plan names a visit that the table has not
				plan, _ := os.ReadFile(c.Plan)
				os.WriteFile(c.Plan, append(plan, "visit = \"infuson\"\n"...), 0o666)
				tt.edit, tt.field, tt.found = func(s string) string { return s }, "association[0].visit", `no "infuson"`
			}
			edited := tt.edit(string(text))
			if err := os.WriteFile(file, []byte(edited), 0o666); err != nil {
				t.Fatal(err)
			}
			var warned diag.List
			c.Warn = func(l diag.List) { warned = l }
			_, err = RunGroup(t.Context(), c)
			found, _ := err.(diag.List)
			if tt.severity == diag.Warning {
				if err != nil {
					t.Fatal(err)
				}
				found = warned
			}
			for _, p := range found {
				if p.Severity == tt.severity && p.Field == tt.field && strings.Contains(p.Found, tt.found) && p.Fix != "" {
					return
				}
			}
			t.Errorf("no %s of %s that says %q; found %v, %v", tt.severity, tt.field, tt.found, found, err)
		})
	}
}
